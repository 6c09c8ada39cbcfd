/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A scenario's expectations and its answer: what makes it an executable claim. */
#include "cli/cli.h"

#include <string.h>

static struct results_place *places_of(const GArray *places)
{
	struct results_place *out = g_new0(struct results_place, places->len + 1);

	for (guint i = 0; i < places->len; i++) {
		const struct scenario_place *place =
			&g_array_index(places, struct scenario_place, i);

		out[i] = (struct results_place){place->axis, place->label};
	}
	return out;
}

static bool check_one(const struct scenario_expect *expect, const struct results_curve *curve,
		      GString *out)
{
	g_autofree struct results_place *at = places_of(expect->at),
					*against = places_of(expect->against);
	struct results_claim claim = {
		.variant = expect->variant,
		.metric = expect->metric,
		.relation = expect->relation,
		.value = expect->value,
		.times = expect->times,
		.of = expect->of,
		.at = at,
		.against = against,
		.at_count = expect->at->len,
		.against_count = expect->against->len,
	};

	return results_check(curve, &claim, out);
}

uint32_t check_expectations(const struct scenario *scenario, const struct results_curve *curve,
			    GString *out)
{
	uint32_t failed = 0;

	for (guint i = 0; i < scenario->expect->len; i++)
		failed += !check_one(scenario->expect->pdata[i], curve, out);
	return failed;
}

/* Another question than the file's has no answer there. */
static bool question_changed(const struct run_options *options)
{
	if (options->variants && options->variants[0])
		return true;
	for (char **set = options->sets; set && *set; set++)
		if (g_str_has_prefix(*set, "axes."))
			return true;
	return false;
}

bool append_answer(const struct scenario *scenario, const struct results_curve *curve,
		   const struct run_options *options, GString *out, GError **error)
{
	g_autoptr(GString) answer = g_string_new(NULL);
	GError *cause = NULL;

	if (!scenario->answer)
		return true;
	if (!results_answer(curve, scenario->answer, answer, &cause)) {
		if (!question_changed(options)) {
			g_propagate_error(error, cause);
			return false;
		}
		g_error_free(cause);
		return true;
	}
	results_paragraph("Answer: ", answer->str, out);
	if (scenario->depends)
		results_paragraph("Depends on: ", scenario->depends, out);
	return true;
}
