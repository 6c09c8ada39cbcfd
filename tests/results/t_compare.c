/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The comparison model, and what is shown of it. */
#include "results/internal.h"
#include "tests/results/fabricate.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

enum { SEEDS = 4 };

static struct results_comparison *compare_one(const struct results_doc *const *doc)
{
	GError *error = NULL;
	struct results_comparison *cmp = results_compare(doc, NULL, 1, &error);

	cr_assert_not_null(cmp, "%s", error ? error->message : "");
	return cmp;
}

static const struct results_row *row_named(const struct results_comparison *cmp, const char *name)
{
	for (size_t i = 0; i < cmp->rows->len; i++)
		if (strcmp(row_at(cmp, i)->name, name) == 0)
			return row_at(cmp, i);
	cr_assert_fail("no row %s", name);
	return NULL;
}

/* Two variants with one metric each; NO_VALUE leaves it out. */
#define NO_VALUE INT64_MIN
static struct results_doc *pair_of(const char *metric, const int64_t *a, const int64_t *b,
				   uint32_t seeds, uint64_t draws)
{
	struct results_doc *doc = fabricate_doc(seeds);

	for (uint32_t side = 0; side < 2; side++)
		for (uint32_t i = 0; i < seeds; i++) {
			int64_t value = (side ? b : a)[i];
			struct figure figures[] = {{value == NO_VALUE ? NULL : metric, value},
						   {NULL, 0}};

			fabricate_run(doc, side ? "b" : "a", i,
				      &(struct made_up){figures, draws, side, NULL, false, NULL});
		}
	return doc;
}

/* Every rule by which a figure is judged. */
static const struct judged {
	const char *metric;
	int64_t a[SEEDS], b[SEEDS];
	uint32_t seeds;
	uint64_t draws;
	enum results_verdict verdict;
	bool has_relative;
	double difference;
} judged[] = {
	/* exact: the smallest difference counts, and one seed is enough */
	{"key.setkeys", {1000000}, {1000001}, 1, 0, RESULTS_WORSE, true, 1},
	{"key.setkeys", {1000001}, {1000000}, 1, 0, RESULTS_BETTER, true, -1},
	{"key.cache_hits", {5}, {6}, 1, 0, RESULTS_BETTER, true, 1},
	{"ops.read.count", {5}, {6}, 1, 0, RESULTS_DIFFERS, true, 1},
	{"key.setkeys", {5}, {5}, 1, 0, RESULTS_SAME, true, 0},
	{"key.setkeys", {0}, {5}, 1, 0, RESULTS_WORSE, false, 5},
	{"key.setkeys", {0}, {0}, 1, 0, RESULTS_SAME, false, 0},
	{"key.setkeys", {INT64_MAX}, {INT64_MIN + 1}, 1, 0, RESULTS_BETTER, true, -0x1p64},
	/* sampled: seeds in pairs */
	{"key.setkeys", {10, 90}, {11, 91}, 2, 9, RESULTS_WORSE, true, 1},
	{"key.setkeys", {10, 90, 50, 70}, {9, 88, 49, 68}, 4, 9, RESULTS_BETTER, true, -1.5},
	{"key.setkeys", {10, 90, 50, 70}, {12, 88, 53, 67}, 4, 9, RESULTS_CANT_TELL, true, 0},
	{"key.setkeys", {10, 90}, {10, 90}, 2, 9, RESULTS_SAME, true, 0},
	{"key.setkeys", {10}, {11}, 1, 9, RESULTS_CANT_TELL, true, 1},
	{"key.setkeys", {10}, {10}, 1, 9, RESULTS_SAME, true, 0},
	/* a seed that one side lacks is no pair */
	{"key.setkeys", {10, 20, NO_VALUE, 7}, {11, 21, 99, 8}, 4, 9, RESULTS_WORSE, true, 1},
	{"key.setkeys", {10, NO_VALUE}, {NO_VALUE, 21}, 2, 9, RESULTS_CANT_TELL, false, 0},
	{"other.x", {10, 90}, {11, 91}, 2, 9, RESULTS_DIFFERS, true, 1},
};

Test(results_compare, judges_by_class_direction_and_pairs)
{
	for (size_t i = 0; i < G_N_ELEMENTS(judged); i++) {
		const struct judged *j = &judged[i];
		struct results_doc *doc = pair_of(j->metric, j->a, j->b, j->seeds, j->draws);
		const struct results_doc *docs[] = {doc};
		struct results_comparison *cmp = compare_one(docs);
		const struct results_cell *cell = &row_named(cmp, j->metric)->cell[1];

		cr_assert_eq(cell->verdict, j->verdict, "row %zu: %s", i,
			     results_verdict_name(cell->verdict));
		cr_assert_eq(cell->has_relative, j->has_relative, "row %zu", i);
		cr_assert_eq(cell->difference, j->difference, "row %zu: %g", i, cell->difference);
		results_comparison_free(cmp);
		results_doc_free(doc);
	}
}

Test(results_compare, says_how_many_seeds_would_tell)
{
	/* Differences 1 and 3: mean 2, deviation sqrt 2. t(n-1) sqrt(2/n) first falls under 2 at
	 * n = 5: 2.776 * 0.632 = 1.756; at 4: 3.182 * 0.707 = 2.25. */
	static const int64_t a[] = {10, 20}, b[] = {11, 23};
	struct results_doc *doc = pair_of("key.setkeys", a, b, 2, 1);
	const struct results_doc *docs[] = {doc};
	struct results_comparison *cmp = compare_one(docs);
	const struct results_cell *cell = &row_named(cmp, "key.setkeys")->cell[1];

	cr_assert_eq(cell->verdict, RESULTS_CANT_TELL);
	cr_assert_eq(cell->seeds_needed, 5, "%u", cell->seeds_needed);
	cr_assert(fabs(cell->half_width - 12.7062047) < 1e-6, "%g", cell->half_width);
	cr_assert(fabs(cell->relative - 2 / 15.) < 1e-12, "%g", cell->relative);
	results_comparison_free(cmp);
	results_doc_free(doc);
}

static void add_constant(struct results_doc *doc, const char *variant, int64_t leaves, bool stopped)
{
	struct figure figures[] = {{"disk.leaves", leaves}, {NULL, 0}};

	for (uint32_t i = 0; i < doc->replications; i++)
		fabricate_run(doc, variant, i,
			      &(struct made_up){figures, 0, (uint64_t)leaves, NULL, stopped, NULL});
}

static void assert_best(const struct results_doc *doc, const char *expected)
{
	const struct results_doc *docs[] = {doc};
	struct results_comparison *cmp = compare_one(docs);
	g_autoptr(GString) best = g_string_new(NULL);

	for (size_t i = 0; i < cmp->columns->len; i++)
		if (row_named(cmp, "disk.leaves")->cell[i].best)
			g_string_append_printf(best, "%s ", column_at(cmp, i)->label);
	cr_assert_str_eq(best->str, expected);
	results_comparison_free(cmp);
}

Test(results_compare, marks_the_best_beside_the_unencrypted_reference)
{
	struct results_doc *doc = fabricate_doc(1);

	add_constant(doc, "heavy", 9, false);
	add_constant(doc, "none", 1, false);
	assert_best(doc, "none ");
	add_constant(doc, "light", 5, false);
	assert_best(doc, "light ");
	add_constant(doc, "light-2", 5, false);
	assert_best(doc, "light light-2 ");
	add_constant(doc, "stuck", 2, true);
	assert_best(doc, "light light-2 ");
	results_doc_free(doc);
}

Test(results_compare, marks_nobody_when_all_are_alike)
{
	struct results_doc *doc = fabricate_doc(2);

	add_constant(doc, "x", 5, false);
	add_constant(doc, "y", 5, false);
	assert_best(doc, "");
	results_doc_free(doc);
}

Test(results_compare, does_not_compare_a_run_that_stopped)
{
	struct results_doc *doc = fabricate_doc(1);
	const struct results_doc *docs[] = {doc};
	struct results_comparison *cmp;
	g_autofree char *text = NULL;

	add_constant(doc, "none", 5, false);
	add_constant(doc, "stuck", 2, true);
	cmp = compare_one(docs);
	cr_assert_eq(row_named(cmp, "disk.leaves")->cell[1].verdict, RESULTS_STOPPED);
	cr_assert(column_at(cmp, 1)->stopped);
	results_comparison_free(cmp);
	text = fabricate_text(doc, NULL);
	cr_assert_not_null(strstr(text, "stopped\n"), "%s", text);
	results_doc_free(doc);
}

Test(results_compare, puts_the_reference_first_whatever_its_place)
{
	struct results_doc *doc = fabricate_doc(1);
	const struct results_doc *docs[] = {doc};
	struct results_comparison *cmp;

	add_constant(doc, "light", 5, false);
	add_constant(doc, "none", 5, false);
	add_constant(doc, "heavy", 6, false);
	cmp = compare_one(docs);
	cr_assert_str_eq(column_at(cmp, 0)->label, "none");
	cr_assert_str_eq(column_at(cmp, 1)->label, "light");
	cr_assert_str_eq(column_at(cmp, 2)->label, "heavy");
	cr_assert(column_at(cmp, 1)->same_events);
	cr_assert_not(column_at(cmp, 2)->same_events);
	results_comparison_free(cmp);
	results_doc_free(doc);
}

Test(results_compare, labels_what_cannot_be)
{
	struct results_doc *doc = fabricate_doc(1);
	const struct results_doc *docs[] = {doc};
	struct results_comparison *cmp;

	add_constant(doc, "hard", 5, false);
	add_constant(doc, "soft", 5, false);
	results_variant_add_setting(results_doc_variant(doc, "hard"), "counterfactual", "true");
	results_variant_add_setting(results_doc_variant(doc, "soft"), "counterfactual", "false");
	cmp = compare_one(docs);
	cr_assert_str_eq(column_at(cmp, 0)->label, "hard (counterfactual)");
	cr_assert_str_eq(column_at(cmp, 1)->label, "soft");
	results_comparison_free(cmp);
	results_doc_free(doc);
}

Test(results_compare, pairs_documents_by_variant)
{
	static const char *const labels[] = {"old", "new"};
	struct results_doc *a = fabricate_doc(1), *b = fabricate_doc(1);
	const struct results_doc *docs[] = {a, b};
	g_autoptr(GString) text = g_string_new(NULL);
	struct results_comparison *cmp;

	add_constant(a, "none", 5, false);
	add_constant(a, "light", 8, false);
	add_constant(b, "light", 9, false);
	add_constant(b, "none", 5, false);
	add_constant(b, "extra", 6, false);
	cmp = results_compare(docs, labels, 2, NULL);
	cr_assert_not_null(cmp);
	cr_assert_eq(cmp->columns->len, 5);
	cr_assert_str_eq(column_at(cmp, 1)->label, "new:none");
	cr_assert_eq(column_at(cmp, 1)->reference, 0);
	cr_assert_str_eq(column_at(cmp, 3)->label, "new:light");
	cr_assert_eq(column_at(cmp, 3)->reference, 2);
	cr_assert_str_eq(column_at(cmp, 4)->label, "new:extra");
	cr_assert_eq(column_at(cmp, 4)->reference, 0);
	cr_assert_eq(row_at(cmp, 0)->cell[3].verdict, RESULTS_WORSE);
	cr_assert_eq(row_at(cmp, 0)->cell[1].verdict, RESULTS_SAME);
	results_text(cmp, NULL, text);
	cr_assert_not_null(strstr(text->str, "new:none against old:none: the same events"), "%s",
			   text->str);
	cr_assert_not_null(strstr(text->str, "new:light against old:light: worse in 1"), "%s",
			   text->str);
	results_comparison_free(cmp);
	results_doc_free(a);
	results_doc_free(b);
}

Test(results_compare, tells_of_a_metric_that_went_missing)
{
	static const char *const labels[] = {"old", "new"};
	static const struct figure two[] = {{"disk.leaves", 5}, {"disk.extents", 1}, {NULL, 0}};
	struct results_doc *a = fabricate_doc(1), *b = fabricate_doc(1);
	const struct results_doc *docs[] = {a, b};
	g_autoptr(GString) text = g_string_new(NULL), json = g_string_new(NULL);
	struct results_comparison *cmp;

	fabricate_run(a, "none", 0, &(struct made_up){two, 0, 1, NULL, false, NULL});
	add_constant(b, "none", 5, false);
	cmp = results_compare(docs, labels, 2, NULL);
	results_text(cmp, NULL, text);
	cr_assert_not_null(
		strstr(text->str, "new:none lacks 1 metric that old:none has (disk.extents)."),
		"%s", text->str);
	results_comparison_json(cmp, json);
	cr_assert_not_null(strstr(json->str, "\"columns\": {\"old:none\": {\"value\": 1, "), "%s",
			   json->str);
	results_comparison_free(cmp);
	results_doc_free(a);
	results_doc_free(b);
}

/* What makes another question of it. */
static void spoil(struct results_doc *doc, unsigned what)
{
	char **strings[] = {&doc->scenario.digest, &doc->image.digest, &doc->cost_profile.digest,
			    &doc->scenario.name, &doc->cost_profile.name};

	if (what < G_N_ELEMENTS(strings)) {
		g_free(*strings[what]);
		*strings[what] = g_strdup("other");
	} else if (what == 5) {
		results_doc_add_override(doc, "machine.cpus=2");
	} else if (what == 6) {
		doc->seeds[0]++;
	} else if (what == 7) {
		struct results_variant *variant = doc->variants->pdata[0];

		((struct results_metric *)variant->metrics->pdata[0])->direction =
			SIM_MORE_IS_BETTER;
	} else if (what == 8) {
		results_doc_add_override(doc, "variants.light.pool.size=64");
	}
}

Test(results_compare, refuses_what_is_not_the_same_question)
{
	static const char *const labels[] = {"a.json", "b.json"};
	static const char *const messages[] = {
		"another scenario text (SHA-256)",
		"another image digest (other, there 00ff)",
		"another cost profile digest",
		"another scenario (other, there tiny)",
		"another cost profile (",
		"another set of overrides (machine.cpus=2, there )",
		"another set of seeds (seed/replication) (43/0, there 42/0)",
		"metric 'disk.leaves' is in 'count', direction 'more'",
		NULL,
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(messages); i++) {
		struct results_doc *a = fabricate_doc(1), *b = fabricate_doc(1);
		const struct results_doc *docs[] = {a, b};
		struct results_comparison *cmp;
		GError *error = NULL;

		add_constant(a, "light", 5, false);
		add_constant(b, "light", 5, false);
		spoil(b, i);
		cmp = results_compare(docs, labels, 2, &error);
		if (messages[i]) {
			cr_assert_null(cmp, "row %u", i);
			cr_assert(g_error_matches(error, RESULTS_ERROR,
						  RESULTS_ERROR_NOT_COMPARABLE));
			cr_assert_not_null(strstr(error->message, messages[i]), "%s",
					   error->message);
			g_clear_error(&error);
		} else {
			cr_assert_not_null(cmp, "%s", error ? error->message : "");
		}
		results_comparison_free(cmp);
		results_doc_free(a);
		results_doc_free(b);
	}
}

Test(results_compare, without_variants_is_refused)
{
	struct results_doc *doc = fabricate_doc(1);
	const struct results_doc *docs[] = {doc};
	GError *error = NULL;

	cr_assert_null(results_compare(docs, NULL, 1, &error));
	cr_assert(g_error_matches(error, RESULTS_ERROR, RESULTS_ERROR_NOT_COMPARABLE));
	g_error_free(error);
	results_doc_free(doc);
}

Test(results_compare, as_json_has_one_metric_a_line_and_no_nan)
{
	struct results_doc *doc = fabricate_first_run();
	const struct results_doc *docs[] = {doc};
	struct results_comparison *cmp = compare_one(docs);
	g_autoptr(GString) text = g_string_new(NULL);
	json_error_t bad;
	json_t *root, *row;

	results_comparison_json(cmp, text);
	cr_assert_null(strstr(text->str, "nan"));
	root = json_loads(text->str, JSON_REJECT_DUPLICATES, &bad);
	cr_assert_not_null(root, "%d: %s", bad.line, bad.text);
	cr_assert_eq(json_object_size(json_object_get(root, "metrics")), cmp->rows->len);
	cr_assert_not_null(strstr(text->str, "\n    \"disk.leaves\": {\"unit\": \"count\", "));
	row = json_object_get(json_object_get(root, "metrics"), "key.derivations");
	row = json_object_get(json_object_get(row, "columns"), "lightweight");
	cr_assert_eq(json_integer_value(json_object_get(row, "difference")), 1880);
	cr_assert(json_is_null(json_object_get(row, "relative")));
	cr_assert_str_eq(json_string_value(json_object_get(row, "verdict")), "worse");
	json_decref(root);
	results_comparison_free(cmp);
	results_doc_free(doc);
}
