/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Curves: claims about their points, answers with their figures, and how they are shown. */
#include "results/internal.h"
#include "tests/results/fabricate.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <string.h>

TestSuite(curve);

/* Two axes; the figure of variant a is 10 times the first step plus the second, b's one more. */
static struct results_curve *made_up(uint64_t draws)
{
	static const char *const axes[] = {"extents", "cpus", NULL};
	static const char *const measure[] = {"key.*", NULL};
	static const char *const steps[][3] = {
		{"1", "2", NULL}, {"1", "4", NULL}, {"9", "2", NULL}, {"9", "4", NULL}};
	struct results_curve *curve = results_curve_new(axes, measure);

	for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
		struct results_doc *doc = fabricate_doc(2);
		int64_t value = 10 * (steps[i][0][0] - '0') + (steps[i][1][0] - '0');

		for (uint32_t r = 0; r < 2; r++) {
			struct figure a[] = {{"key.setkeys", value + (draws ? 2 * r : 0)},
					     {"ops.read.count", 7},
					     {NULL, 0}};
			struct figure b[] = {{"key.setkeys", value + 1}, {NULL, 0}};

			fabricate_run(doc, "a", r,
				      &(struct made_up){a, draws, 1, NULL, false, NULL});
			fabricate_run(doc, "b", r, &(struct made_up){b, 0, 2, NULL, false, NULL});
		}
		results_curve_add(curve, steps[i], doc);
	}
	return curve;
}

static bool check(const struct results_curve *curve, const struct results_claim *claim, char **text)
{
	GString *out = g_string_new(NULL);
	bool holds = results_check(curve, claim, out);

	*text = g_string_free(out, false);
	return holds;
}

#define PLACE(axis, step) ((const struct results_place[]){{axis, step}})

static const struct {
	struct results_claim claim;
	bool holds;
	const char *text;
} claims[] = {
	{{.variant = "a", .metric = "key.setkeys", .relation = ">=", .value = 12},
	 true,
	 "holds: a key.setkeys >= 12, at 4 of 4 points\n"},
	{{.variant = "a", .metric = "key.setkeys", .relation = "<", .value = 92},
	 false,
	 "FAILS: a key.setkeys < 92, at 2 of 4 points; not at extents=9,cpus=2 (92, expected "
	 "92)\n"},
	{{.variant = "b", .metric = "key.setkeys", .relation = "<=", .of = "a", .times = 1.1},
	 true,
	 "holds: b key.setkeys <= 1.1 times that of a, at 4 of 4 points\n"},
	{{.variant = "a",
	  .metric = "key.setkeys",
	  .relation = ">",
	  .times = 6,
	  .at = PLACE("extents", "9"),
	  .at_count = 1,
	  .against = PLACE("extents", "1"),
	  .against_count = 1},
	 true,
	 "holds: a key.setkeys at extents=9 > 6 times that at extents=1, at 2 of 2 points\n"},
	{{.variant = "b",
	  .metric = "key.setkeys",
	  .relation = "==",
	  .of = "a",
	  .times = 1,
	  .at = (const struct results_place[]){{"extents", "1"}, {"cpus", "4"}},
	  .at_count = 2,
	  .against = PLACE("cpus", "2"),
	  .against_count = 1},
	 false,
	 "FAILS: b key.setkeys at extents=1,cpus=4 == that of a at cpus=2 (15 against 12)\n"},
	{{.variant = "a", .metric = "key.none", .relation = "==", .value = 0},
	 false,
	 "FAILS: a key.none == 0, at 0 of 4 points; not at extents=1,cpus=2: there is no such "
	 "metric\n"},
	{{.variant = "a",
	  .metric = "key.setkeys",
	  .relation = "==",
	  .value = 0,
	  .at = PLACE("cpus", "3"),
	  .at_count = 1},
	 false,
	 "FAILS: a key.setkeys at cpus=3 == 0: there is no such point\n"},
};

Test(curve, a_claim_holds_if_it_does_at_each_of_its_points)
{
	struct results_curve *curve = made_up(0);

	for (size_t i = 0; i < G_N_ELEMENTS(claims); i++) {
		g_autofree char *text = NULL;

		cr_expect_eq(check(curve, &claims[i].claim, &text), claims[i].holds, "%s",
			     claims[i].text);
		cr_expect_str_eq(text, claims[i].text, "got %s", text);
	}
	results_curve_free(curve);
}

static const struct {
	const char *answer, *filled, *error;
} answers[] = {
	{"It takes {a: key.setkeys @ extents=9,cpus=4}, {b: key.setkeys @ extents=9,cpus=4} in b.",
	 "It takes 94, 95 in b.", NULL},
	{"{a: key.setkeys @ cpus=2,extents=9 / a: key.setkeys @ cpus=2,extents=1} times",
	 "7.67 times", NULL},
	{"none", "none", NULL},
	{"{a: key.setkeys @ extents=9}", NULL, "one point"},
	{"{a: key.setkeys @ extents=9,cpus=5}", NULL, "one point"},
	{"{a: key.setkies @ extents=9,cpus=4}", NULL, "no such metric"},
	{"{c: key.setkeys @ extents=9,cpus=4}", NULL, "no such metric"},
	{"{a key.setkeys}", NULL, "no ':'"},
	{"{a: key.setkeys", NULL, "no '}'"},
};

Test(curve, an_answer_takes_its_figures_from_the_run)
{
	struct results_curve *curve = made_up(0);

	for (size_t i = 0; i < G_N_ELEMENTS(answers); i++) {
		g_autoptr(GString) out = g_string_new(NULL);
		g_autoptr(GError) error = NULL;
		bool fine = results_answer(curve, answers[i].answer, out, &error);

		cr_assert_eq(fine, answers[i].filled != NULL, "%s", answers[i].answer);
		if (fine)
			cr_expect_str_eq(out->str, answers[i].filled, "got %s", out->str);
		else
			cr_expect(strstr(error->message, answers[i].error), "%s", error->message);
	}
	results_curve_free(curve);
}

Test(curve, a_table_for_each_metric_has_points_down_and_variants_across)
{
	struct results_curve *curve = made_up(5);
	g_autoptr(GString) out = g_string_new(NULL);
	const char *table = "key.setkeys\n"
			    "  extents  cpus      a   b\n"
			    "        1     2  13±13  13\n"
			    "              4  15±13  15\n"
			    "        9     2  93±13  93\n"
			    "              4  95±13  95\n";

	results_curve_text(curve, NULL, out);
	cr_expect(strstr(out->str, table), "got %s", out->str);
	cr_expect_not(strstr(out->str, "ops.read.count"), "it is not measured");
	results_curve_free(curve);
}

Test(curve, as_json_each_point_has_its_steps_and_its_whole_document)
{
	struct results_curve *curve = made_up(0);
	g_autoptr(GString) out = g_string_new(NULL);
	json_t *json, *points;

	results_curve_json(curve, NULL, out);
	json = json_loads(out->str, 0, NULL);
	cr_assert(json, "no JSON: %s", out->str);
	points = json_object_get(json, "points");
	cr_expect_eq(json_array_size(points), 4);
	cr_expect_str_eq(json_string_value(json_object_get(
				 json_object_get(json_array_get(points, 3), "at"), "extents")),
			 "9");
	cr_expect(
		json_object_get(json_object_get(json_array_get(points, 3), "result"), "variants"));
	json_decref(json);
	results_curve_free(curve);
}

Test(curve, documents_of_the_same_runs_are_told_from_others)
{
	struct results_doc *a = fabricate_doc(2), *b = fabricate_doc(2), *c = fabricate_doc(3);

	cr_expect(results_same_runs(a, b));
	cr_expect_not(results_same_runs(a, c), "more seeds");
	results_doc_add_override(b, "machine.cpus=4");
	cr_expect_not(results_same_runs(a, b), "another machine");
	results_doc_add_override(a, "machine.cpus=4");
	cr_expect(results_same_runs(a, b));
	results_variant_add_setting(results_doc_add_variant(a, "v"), "pool.size", "4");
	results_variant_add_setting(results_doc_add_variant(b, "v"), "pool.size", "5");
	cr_expect_not(results_same_runs(a, b), "another setting");
	results_doc_free(a);
	results_doc_free(b);
	results_doc_free(c);
}

Test(curve, says_which_verdicts_change_within_the_range_of_an_estimate)
{
	static const char *const axes[] = {"estimate", NULL}, *const measure[] = {"key.*", NULL};
	static const char *const steps[][2] = {
		{"shipped", NULL}, {"tfm_alloc:low", NULL}, {"tfm_alloc:high", NULL}};
	static const int64_t values[] = {12, 9, 13};
	struct results_curve *curve = results_curve_new(axes, measure);
	g_autoptr(GString) out = g_string_new(NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
		struct results_doc *doc = fabricate_doc(1);
		struct figure none[] = {{"key.setkeys", 10}, {NULL, 0}};
		struct figure b[] = {{"key.setkeys", values[i]}, {NULL, 0}};

		fabricate_run(doc, "none", 0, &(struct made_up){.figures = none, .digest = 1});
		fabricate_run(doc, "b", 0, &(struct made_up){.figures = b, .digest = 2});
		results_curve_add(curve, steps[i], doc);
	}
	results_curve_text(curve, NULL, out);
	cr_expect(strstr(out->str, "Estimates: of 2 verdicts against the reference"), "%s",
		  out->str);
	cr_expect(strstr(out->str, "key.setkeys of b: worse as"), "%s", out->str);
	cr_expect(strstr(out->str, "better at estimate=tfm_alloc:low"), "%s", out->str);
	results_curve_free(curve);
}
