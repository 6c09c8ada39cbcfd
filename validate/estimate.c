// SPDX-License-Identifier: GPL-2.0-or-later
/* Figures that are drawn at random, held against exact ones. */
#include <math.h>

#include "sim/sim.h"
#include "validate/internal.h"

/* Two-sided Student quantile at 99.99 % for 19 degrees of freedom: of a hundred checks that hold, one is
 * said to fail at one seed in a hundred. */
static const double student_9999 = 4.897;
G_STATIC_ASSERT(VALIDATE_REPLICATIONS == 19 + 1);

struct validate_check *validate_estimate(const struct validate_options *options,
					 struct validate_report *report, const struct estimate *e)
{
	struct sim_interval seen = sim_interval_of(e->values, VALIDATE_REPLICATIONS);
	double half = seen.half_width / sim_student_95(VALIDATE_REPLICATIONS - 1) * student_9999;
	double within = e->within * sqrt(MAX(options->shrink, 1));

	half = MIN(half, within * e->expected) + e->error * e->expected;
	return validate_between(report, e->what, e->expected, seen.mean, e->expected - half,
				e->expected + half, e->unit, e->source);
}
