/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Folders of points read back as curves; what documents say of their costs and scenario. */
#include "results/internal.h"
#include "tests/results/fabricate.h"
#include "tests/scenarios/loader_support.h"

#include <criterion/criterion.h>
#include <glib/gstdio.h>
#include <string.h>

TestSuite(folder);

static const char text[] = "{\"axes\": [{\"name\": \"size\", \"values\": [\"4KiB\", \"1MiB\"]},"
			   "{\"name\": \"cache\", \"cases\": {\"warm\": {}, \"cold\": {}}}],"
			   "\"measure\": [\"key.*\"], \"answer\": \"yes\"}";

static struct results_doc *doc_at(const char *size, const char *cache, const char *variant)
{
	static const struct figure figures[] = {{"key.setkeys", 3}, {NULL, 0}};
	struct results_doc *doc =
		results_doc_new("tiny", "?", "terminating", text, strlen(text), 42, 1);

	results_doc_add_override(doc, "params.x=1");
	if (size) {
		g_autofree char *override = g_strdup_printf("axes.size=%s", size);

		results_doc_add_override(doc, override);
	}
	if (cache) {
		g_autofree char *override = g_strdup_printf("axes.cache=%s", cache);

		results_doc_add_override(doc, override);
	}
	fabricate_run(doc, variant, 0, &(struct made_up){.figures = figures, .digest = 1});
	return doc;
}

/* Takes the document over. */
static void put(const char *folder, const char *name, struct results_doc *doc)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	g_autoptr(GError) error = NULL;

	cr_assert(fabricate_file(doc, path, &error), "%s", error ? error->message : "");
	results_doc_free(doc);
}

static char *new_folder(void)
{
	char *folder = g_dir_make_tmp("folder-XXXXXX", NULL);

	cr_assert_not_null(folder);
	put(folder, "a.json", doc_at("1MiB", "cold", "v"));
	put(folder, "b.json", doc_at("4KiB", "cold", "v"));
	put(folder, "c.json", doc_at("4KiB", "warm", "v"));
	return folder;
}

static void remove_folder(char *folder)
{
	loader_library_remove(folder);
	g_free(folder);
}

Test(folder, points_are_in_the_order_of_numbers_and_of_the_text)
{
	static const char *const wanted[][2] = {
		{"4KiB", "warm"}, {"4KiB", "cold"}, {"1MiB", "cold"}};
	char *folder = new_folder();
	g_autoptr(GError) error = NULL;
	struct results_curve *curve = results_curve_read(folder, &error);

	cr_assert(curve, "%s", error ? error->message : "");
	cr_expect_str_eq(curve->axis[0], "size");
	cr_expect_str_eq(curve->axis[1], "cache");
	cr_expect_str_eq(curve->measure[0], "key.*");
	cr_assert_eq(curve->points->len, G_N_ELEMENTS(wanted));
	for (guint i = 0; i < curve->points->len; i++)
		for (size_t a = 0; a < 2; a++)
			cr_expect_str_eq(point_at(curve, i)->step[a], wanted[i][a]);
	results_curve_free(curve);
	remove_folder(folder);
}

static void expect_refused(struct results_doc *stranger, const char *why)
{
	char *folder = new_folder();
	g_autoptr(GError) error = NULL;

	put(folder, "d.json", stranger);
	cr_assert_null(results_curve_read(folder, &error));
	cr_expect_eq(error->code, RESULTS_ERROR_NOT_COMPARABLE);
	cr_expect(strstr(error->message, "d.json") && strstr(error->message, why), "%s",
		  error->message);
	remove_folder(folder);
}

Test(folder, what_is_not_of_the_curve_is_refused)
{
	struct results_doc *other = doc_at("1MiB", "warm", "v");

	results_doc_add_override(other, "params.x=2");
	expect_refused(other, "overrides");
	expect_refused(doc_at("1MiB", "warm", "w"), "variants");
	expect_refused(doc_at("1MiB", NULL, "v"), "axes");
	expect_refused(doc_at("1MiB", "cold", "v"), "twice");
	expect_refused(fabricate_first_run(), "scenario");
}

Test(folder, a_folder_without_documents_is_no_curve)
{
	char *folder = g_dir_make_tmp("folder-XXXXXX", NULL);
	g_autoptr(GError) error = NULL;

	cr_assert_null(results_curve_read(folder, &error));
	cr_expect_eq(error->code, RESULTS_ERROR_INPUT);
	remove_folder(folder);
}

Test(folder, steps_are_numbers_with_units_or_words)
{
	static const struct {
		const char *step;
		bool is_number;
		double value;
		const char *unit;
	} steps[] = {
		{"128", true, 128, ""},	      {"4KiB", true, 4096, "bytes"},
		{"1.5ms", true, 1.5e6, "ns"}, {"16m", true, 16777216, "bytes"},
		{"cold", false, 0, NULL},     {"4 KiB", false, 0, NULL},
		{"12:high", false, 0, NULL},  {"", false, 0, NULL},
		{"infinity", false, 0, NULL}, {"-3", true, -3, ""},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
		double value;
		const char *unit;

		cr_expect_eq(results_step_number(steps[i].step, &value, &unit), steps[i].is_number,
			     "%s", steps[i].step);
		if (!steps[i].is_number)
			continue;
		cr_expect_eq(value, steps[i].value, "%s", steps[i].step);
		cr_expect_str_eq(unit, steps[i].unit);
	}
}

Test(folder, a_script_says_nothing_of_itself)
{
	static const char script[] = "write f 0 4k\n";
	struct results_doc *doc =
		results_doc_new("s", "?", "terminating", script, strlen(script), 1, 1);
	g_autofree char *answer = results_doc_says(doc, "answer");

	cr_expect_null(answer);
	cr_expect_null(results_doc_measures(doc));
	results_doc_free(doc);
}

Test(folder, costs_are_read_as_they_were_written)
{
	struct results_doc *doc = doc_at("4KiB", "warm", "v"), *again;
	g_autofree char *json = NULL, *json_again = NULL;
	g_autoptr(GError) error = NULL;

	results_doc_set_cost_profile(doc, "p", "6.12", "cpu", "00");
	results_doc_add_cost(doc, "costs.lock", "20ns", "a book", NULL, NULL);
	results_doc_add_cost(doc, "costs.syscall", "88ns", "a guess", "60ns", "200ns");
	json = fabricate_json(doc);
	again = results_parse("x.json", json, strlen(json), &error);
	cr_assert(again, "%s", error ? error->message : "");
	json_again = fabricate_json(again);
	cr_expect_str_eq(json_again, json);
	cr_expect(strstr(json, "\"costs.syscall\": {\"value\": \"88ns\", \"source\": \"a guess\", "
			       "\"range\": [\"60ns\", \"200ns\"]}"));
	results_doc_free(doc);
	results_doc_free(again);
}

Test(folder, a_range_that_is_none_is_refused)
{
	struct results_doc *doc = doc_at("4KiB", "warm", "v");
	g_autoptr(GString) json = g_string_new(NULL);
	g_autoptr(GError) error = NULL;

	results_doc_set_cost_profile(doc, "p", "6.12", "cpu", "00");
	results_doc_add_cost(doc, "costs.syscall", "88ns", "a guess", "60ns", "200ns");
	results_emit(doc, NULL, json);
	g_string_replace(json, "\"200ns\"]", "7]", 0);
	cr_assert_null(results_parse("x.json", json->str, json->len, &error));
	cr_expect(strstr(error->message, "'range' must be two strings"), "%s", error->message);
	results_doc_free(doc);
}
