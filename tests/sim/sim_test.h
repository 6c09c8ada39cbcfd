/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the engine's tests share. */
#ifndef SIM_TEST_H
#define SIM_TEST_H

#include "sim/sim.h"

#include <criterion/criterion.h>
#include <inttypes.h>

#define EXPECT_U64(a, b)                                                                           \
	do {                                                                                       \
		uint64_t left_ = (a), right_ = (b);                                                \
		cr_assert(left_ == right_, "%s is %" PRIu64 ", expected %" PRIu64, #a, left_,      \
			  right_);                                                                 \
	} while (0)

static inline struct sim *new_run(uint64_t seed)
{
	const struct sim_options options = {.seed = seed};

	return sim_new(&options);
}

#endif
