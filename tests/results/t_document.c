/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Building, writing and reading back. */
#include "results/internal.h"
#include "tests/results/fabricate.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <locale.h>
#include <math.h>
#include <string.h>

static const struct figure one_figure[] = {{"disk.leaves", 7}, {NULL, 0}};

static struct results_doc *parse(const char *text, GError **error)
{
	return results_parse("x.json", text, strlen(text), error);
}

Test(results_document, is_the_golden_text)
{
	static const char expected[] =
		"{\n"
		"  \"schema_version\": 2,\n"
		"  \"program_version\": \"1.2.3\",\n"
		"  \"complete\": true,\n"
		"  \"missing\": [],\n"
		"  \"scenario\": {\n"
		"    \"name\": \"tiny\",\n"
		"    \"question\": \"What does a pool of 128 cost?\",\n"
		"    \"kind\": \"terminating\",\n"
		"    \"digest\": "
		"\"310b6652beb1ebc51c7ddb053c6f914d8a628811d362acb4a4fd8e5473610362\",\n"
		"    \"text\": \"{\\n\\t\\\"name\\\": \\\"tiny\\\"\\n}\\n\"\n"
		"  },\n"
		"  \"overrides\": [],\n"
		"  \"image\": {\n"
		"    \"name\": \"debian-12\",\n"
		"    \"digest\": \"00ff\"\n"
		"  },\n"
		"  \"cost_profile\": {\n"
		"    \"name\": \"soft-aes\",\n"
		"    \"kernel\": \"6.12\",\n"
		"    \"cpu\": \"Some CPU\",\n"
		"    \"digest\": \"abcd\"\n"
		"  },\n"
		"  \"machine\": {\n"
		"    \"cpus\": \"4\"\n"
		"  },\n"
		"  \"seeds\": [\n"
		"    {\"seed\": 42, \"replication\": 0},\n"
		"    {\"seed\": 42, \"replication\": 1}\n"
		"  ],\n"
		"  \"replications\": 2,\n"
		"  \"variant_order\": [\n"
		"    \"none\",\n"
		"    \"light\"\n"
		"  ],\n"
		"  \"variants\": {\n"
		"    \"none\": {\n"
		"      \"settings\": {\n"
		"        \"design\": \"none\"\n"
		"      },\n"
		"      \"completed\": [true, true],\n"
		"      \"draws\": [0, 0],\n"
		"      \"events\": [1000, 1000],\n"
		"      \"event_digests\": [\"000000000000000a\", \"000000000000000a\"],\n"
		"      \"findings\": [],\n"
		"      \"refusals\": [],\n"
		"      \"metrics\": {\n"
		"        \"disk.leaves\": {\"value\": 7, \"unit\": \"count\", \"direction\": "
		"\"less\", "
		"\"class\": \"exact\", \"group\": \"disk\"}\n"
		"      },\n"
		"      \"distributions\": {},\n"
		"      \"series\": {}\n"
		"    },\n"
		"    \"light\": {\n"
		"      \"settings\": {\n"
		"        \"design\": \"light\"\n"
		"      },\n"
		"      \"completed\": [true, true],\n"
		"      \"draws\": [3, 3],\n"
		"      \"events\": [1000, 1000],\n"
		"      \"event_digests\": [\"000000000000000b\", \"000000000000000b\"],\n"
		"      \"findings\": [],\n"
		"      \"refusals\": [\n"
		"        {\"replication\": 0, \"time_ns\": 1500, \"text\": \"reflink: EINVAL\"}\n"
		"      ],\n"
		"      \"metrics\": {\n"
		"        \"disk.leaves\": {\"value\": 7.5, \"unit\": \"count\", \"direction\": "
		"\"less\", "
		"\"class\": \"sampled\", \"group\": \"disk\", "
		"\"interval\": [1.1468976319, 13.8531023681], "
		"\"n\": 2, \"by_seed\": [7, 8]},\n"
		"        \"key.setkeys\": {\"value\": 5, \"unit\": \"count\", \"direction\": "
		"\"less\", "
		"\"class\": \"sampled\", \"group\": \"keys\", \"interval\": null, "
		"\"n\": 1, \"by_seed\": [null, 5]}\n"
		"      },\n"
		"      \"distributions\": {\n"
		"        \"ops.read.latency_ns\": {\"unit\": \"ns\", \"count\": 3, \"sum\": 304, "
		"\"min\": 101, \"max\": 102, \"buckets\": [[101, 2], [103, 1]]}\n"
		"      },\n"
		"      \"series\": {\n"
		"        \"memory\": {\n"
		"          \"unit\": \"bytes\",\n"
		"          \"replication\": 0,\n"
		"          \"interval_ns\": 1,\n"
		"          \"figures\": {\n"
		"            \"slab\": [10, 10, 10, 20, 20]\n"
		"          }\n"
		"        }\n"
		"      }\n"
		"    }\n"
		"  }\n"
		"}\n";
	static const uint64_t latencies[2][3] = {{101, 0}, {102, 101, 0}};
	static const struct figure second[] = {{"key.setkeys", 5}, {"disk.leaves", 8}, {NULL, 0}};
	struct results_doc *doc = fabricate_doc(2);
	g_autofree char *json = NULL;

	fabricate_run(doc, "none", 1, &(struct made_up){one_figure, 0, 10, NULL, false, NULL});
	fabricate_run(doc, "none", 0, &(struct made_up){one_figure, 0, 10, NULL, false, NULL});
	fabricate_run(doc, "light", 0,
		      &(struct made_up){one_figure, 3, 11, "refusal: reflink: EINVAL", false,
					latencies[0]});
	fabricate_run(doc, "light", 1, &(struct made_up){second, 3, 11, NULL, false, latencies[1]});
	json = fabricate_json(doc);
	cr_assert_str_eq(json, expected);
	results_doc_free(doc);
}

Test(results_document, reads_back_to_the_same_bytes)
{
	struct results_doc *doc = fabricate_first_run(), *back;
	struct results_variant *variant = doc->variants->pdata[1];
	const struct sim_mark marks[] = {{0, 5}, {UINT64_MAX, INT64_MAX}};
	g_autofree char *json = NULL, *again = NULL;
	GError *error = NULL;

	results_doc_add_override(doc, "workload.\"x\"=\xc3\xb6\\");
	g_array_append_vals(variant->replication[1].marks, marks, 2);
	variant->replication[1].mark_interval = 1024;
	g_ptr_array_add(variant->replication[0].findings,
			finding_new("deadlock", "a waits for b\nb waits \x01 for a", 99));
	json = fabricate_json(doc);
	back = parse(json, &error);
	cr_assert_not_null(back, "%s", error ? error->message : "");
	again = fabricate_json(back);
	cr_assert_str_eq(again, json);
	results_doc_free(back);
	results_doc_free(doc);
}

Test(results_document, has_one_metric_a_line_sorted_by_name)
{
	struct results_doc *doc = fabricate_first_run();
	g_autofree char *json = fabricate_json(doc);
	g_auto(GStrv) lines = g_strsplit(json, "\n", -1);
	g_autofree char *last = g_strdup("");
	unsigned metrics = 0, expected = 0;

	for (guint i = 0; i < doc->variants->len; i++)
		expected += ((struct results_variant *)doc->variants->pdata[i])->metrics->len - 1;
	for (char **line = lines; *line; line++) {
		if (g_str_has_prefix(*line, "      \"metrics\""))
			*last = '\0';
		if (!strstr(*line, "\"by_seed\""))
			continue;
		metrics++;
		cr_assert_lt(strcmp(last, *line), 0, "%s after %s", *line, last);
		g_free(last);
		last = g_strdup(*line);
		cr_assert(g_str_has_prefix(*line, "        \""), "%s", *line);
	}
	cr_assert_eq(metrics, expected, "%u of %u", metrics, expected);
	cr_assert(g_str_has_suffix(json, "}\n"));
	results_doc_free(doc);
}

Test(results_document, leaves_host_figures_out_unless_asked)
{
	struct results_doc *doc = fabricate_first_run(), *back;
	struct results_write_options with_host = {.include_host = true};
	g_autoptr(GString) text = g_string_new(NULL), again = g_string_new(NULL);
	g_autofree char *json = fabricate_json(doc);
	const struct results_metric *wall;

	cr_assert_null(strstr(json, "host"));
	results_emit(doc, &with_host, text);
	back = parse(text->str, NULL);
	cr_assert_not_null(back);
	wall = results_variant_metric(results_doc_variant(back, "none"), "host.wall_ns");
	cr_assert_not_null(wall);
	cr_assert_eq(wall->class, RESULTS_HOST);
	cr_assert_eq(wall->by_seed[1], 7001);
	results_emit(back, &with_host, again);
	cr_assert_str_eq(again->str, text->str);
	results_doc_free(back);
	results_doc_free(doc);
}

Test(results_document, classes_follow_from_draws_and_agreement)
{
	static const struct figure eight[] = {{"disk.leaves", 8}, {NULL, 0}};
	static const struct {
		uint64_t draws[2];
		bool differ;
		enum results_class class;
	} rows[] = {{{0, 0}, false, RESULTS_EXACT},
		    {{0, 1}, false, RESULTS_SAMPLED},
		    {{1, 1}, false, RESULTS_SAMPLED},
		    {{0, 0}, true, RESULTS_SAMPLED}};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct results_doc *doc = fabricate_doc(2);
		const struct results_metric *metric;

		for (uint32_t k = 0; k < 2; k++)
			fabricate_run(doc, "v", k,
				      &(struct made_up){k && rows[i].differ ? eight : one_figure,
							rows[i].draws[k], 0, NULL, false, NULL});
		metric = results_variant_metric(doc->variants->pdata[0], "disk.leaves");
		cr_assert_eq(metric->class, rows[i].class, "row %zu: %d", i, metric->class);
		results_doc_free(doc);
	}
}

Test(results_document, of_an_interrupted_run_says_what_is_missing)
{
	struct results_doc *doc = fabricate_doc(3), *back;
	g_autofree char *json = NULL, *again = NULL, *text = NULL;
	GError *error = NULL;

	fabricate_run(doc, "none", 0, &(struct made_up){one_figure, 5, 1, NULL, false, NULL});
	fabricate_run(doc, "none", 1, &(struct made_up){one_figure, 5, 1, NULL, false, NULL});
	fabricate_run(doc, "none", 2, &(struct made_up){one_figure, 5, 1, NULL, false, NULL});
	fabricate_run(doc, "light", 1, &(struct made_up){one_figure, 0, 1, NULL, false, NULL});
	results_doc_add_variant(doc, "heavy");
	cr_assert_not(results_complete(doc));
	json = fabricate_json(doc);
	cr_assert_not_null(strstr(json, "\"complete\": false"));
	cr_assert_not_null(strstr(json, "{\"variant\": \"light\", \"replications\": [0, 2]}"));
	cr_assert_not_null(strstr(json, "{\"variant\": \"heavy\", \"replications\": [0, 1, 2]}"));
	cr_assert_not_null(strstr(json, "\"draws\": [null, 0, null]"));
	back = parse(json, &error);
	cr_assert_not_null(back, "%s", error ? error->message : "");
	again = fabricate_json(back);
	cr_assert_str_eq(again, json);
	text = fabricate_text(back, NULL);
	cr_assert_not_null(strstr(text, "INCOMPLETE: 4 of 9 runs"), "%s", text);
	results_doc_free(back);
	results_doc_free(doc);
}

Test(results_document, numbers_are_shortest_and_read_back)
{
	static const struct {
		double value;
		const char *text;
	} rows[] = {{0, "0"},	       {-0.0, "0"},
		    {14, "14"},	       {-3, "-3"},
		    {0.1, "0.1"},      {1.0 / 3, "0.3333333333333333"},
		    {1e300, "1e+300"}, {9007199254740993e0, "9007199254740992"}};
	uint64_t state = 1;
	char text[REAL_TEXT_MAX];

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		cr_assert_str_eq(real_text(rows[i].value, text), rows[i].text);
	for (int i = 0; i < 20000; i++) {
		double value;

		state = state * 6364136223846793005u + 1442695040888963407u;
		memcpy(&value, &state, sizeof(value));
		if (isfinite(value))
			cr_assert_eq(g_ascii_strtod(real_text(value, text), NULL), value, "%s",
				     text);
	}
}

Test(results_document, does_not_depend_on_the_locale)
{
	static const char *const commas[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE.utf8", "de_DE"};
	struct results_doc *doc = fabricate_first_run();
	g_autofree char *json = fabricate_json(doc), *table = fabricate_text(doc, NULL);
	bool comma = false;

	for (size_t i = 0; i < G_N_ELEMENTS(commas) && !comma; i++)
		comma = setlocale(LC_ALL, commas[i]) != NULL;
	if (comma) {
		g_autofree char *there = fabricate_json(doc),
				*table_there = fabricate_text(doc, NULL);
		struct results_doc *back = parse(json, NULL);

		cr_assert_str_eq(there, json);
		cr_assert_str_eq(table_there, table);
		cr_assert_not_null(back);
		results_doc_free(back);
	}
	setlocale(LC_ALL, "C");
	results_doc_free(doc);
	if (!comma)
		cr_skip("no locale with a decimal comma is installed");
}

/* One change to a good document, and what is said of it. */
static const struct spoiled {
	const char *old, *new, *message;
} spoiled[] = {
	{"\"schema_version\": 2,", "\"schema_version\": 3,",
	 "x.json:2:21: error: /schema_version: schema version 3 is not known: this program reads "
	 "1 to 2"},
	{"\"schema_version\": 2,", "\"schema_version\": 1,",
	 "/variants/none/distributions: unknown key 'distributions'"},
	{"\"schema_version\": 2,", "", "x.json:1:1: error: /: 'schema_version' is missing"},
	{"\"complete\": true", "\"complete\": 1",
	 "x.json:4:15: error: /complete: expected true or false, got an integer"},
	{"\"complete\": true", "\"complete\": false",
	 "x.json:1:1: error: /: 'complete' does not agree with the runs that are there"},
	{"\"kernel\"", "\"kernal\"",
	 "x.json:20:15: error: /cost_profile/kernal: unknown key 'kernal'"},
	{"\"replications\": 2", "\"replications\": 3", "'replications' is not the number of"},
	{"{\"seed\": 42, \"replication\": 1}", "{\"seed\": -1, \"replication\": 1}",
	 "x.json:29:14: error: /seeds/1/seed: expected at least 0, got -1"},
	{"{\"seed\": 42, \"replication\": 1}", "{\"seed\": 99999999999999999999}", "x.json:29:"},
	{"\"none\",\n", "\"nope\",\n", "there is no variant 'nope'"},
	{"\"lightweight\",\n", "", "one that 'variant_order' does not name"},
	{"\"lightweight\",\n", "\"none\",\n", "'none' is there twice"},
	{"\"lightweight\": {", "\"none\": {", "duplicate object key"},
	{"\"completed\": [true, true]", "\"completed\": [true]",
	 "expected 2 elements, one for each replication, got 1"},
	{"\"completed\": [true, true]", "\"completed\": [true, null]",
	 "/variants/none/draws/1: null where 'completed' is not, or the reverse"},
	{"\"completed\": [true, true]", "\"completed\": [true, 7]", "expected true, false"},
	{"\"000000000000feed\"", "\"feed\"", "expected 16 hexadecimal digits, got 'feed'"},
	{"\"replication\": 1, \"time_ns\"", "\"replication\": 9, \"time_ns\"",
	 "there is no replication 9"},
	{"\"direction\": \"less\"", "\"direction\": \"up\"",
	 "expected 'less', 'more' or 'none', got 'up'"},
	{"\"class\": \"sampled\"", "\"class\": \"exact\"", "it is 'sampled'"},
	{"\"value\": 82000", "\"value\": 82001",
	 "/variants/none/metrics/ops.read.latency_p50_ns: 'value' is not the mean"},
	{"\"value\": 82000", "\"value\": NaN", "invalid token near 'NaN'"},
	{"\"value\": 82000", "\"value\": \"82000\"", "expected a number, got a string"},
	{"\"by_seed\": [81000, 83000]", "\"by_seed\": [81000, 83000.5]",
	 "expected an integer or null"},
	{"\"by_seed\": [81000, 83000]", "\"by_seed\": [null, null]", "should be absent"},
	{"\"n\": 2, \"by_seed\": [81000, 83000]", "\"n\": 1, \"by_seed\": [81000, 83000]",
	 "'n' is not the number of values"},
	{"\"interval\": [69", "\"interval\": [1, 69", "'interval' must be"},
	{"\"metrics\": {", "\"metrics\": [{", "x.json:"},
	{"\"count\": 5, \"sum\"", "\"count\": 6, \"sum\"", "do not hold 'count' values"},
	{"[31, 1], [81, 1]", "[81, 1], [31, 1]",
	 "/variants/none/distributions/ops.read.latency_ns/buckets/1: not the bound"},
	{"[31, 1], [81, 1]", "[31, 1], [82, 1]", "buckets/1: not the bound of a bucket"},
	{"[31, 1], [81, 1]", "[31, 1], [81]", "expected [bound, count]"},
	{"\"min\": 31", "\"min\": 30", "do not lie in the first and the last bucket"},
	{"\"slab\": [10", "\"slab\": [1.5",
	 "/variants/none/series/memory/figures/slab/0: expected"},
	{"\"figures\": {\n", "\"figures\": {\"a\": [1],\n", "as many points as the others"},
	{"\"interval_ns\": 1,", "\"interval_ns\": 0,", "expected at least 1, got 0"},
};

Test(results_document, that_is_spoiled_is_refused_with_its_place)
{
	struct results_doc *doc = fabricate_first_run();
	g_autofree char *json = fabricate_json(doc);

	for (size_t i = 0; i < G_N_ELEMENTS(spoiled); i++) {
		const char *at = strstr(json, spoiled[i].old);
		g_autofree char *bad = NULL;
		GError *error = NULL;

		cr_assert_not_null(at, "row %zu is not in the document", i);
		bad = g_strdup_printf("%.*s%s%s", (int)(at - json), json, spoiled[i].new,
				      at + strlen(spoiled[i].old));
		cr_assert_null(parse(bad, &error), "row %zu was accepted", i);
		cr_assert(g_error_matches(error, RESULTS_ERROR, RESULTS_ERROR_INPUT));
		cr_assert_not_null(strstr(error->message, spoiled[i].message),
				   "row %zu: got %s, expected %s", i, error->message,
				   spoiled[i].message);
		g_error_free(error);
	}
	results_doc_free(doc);
}

Test(results_document, cut_anywhere_is_refused)
{
	struct results_doc *doc = fabricate_first_run();
	g_autofree char *json = fabricate_json(doc);

	for (size_t bytes = 0; bytes + 2 < strlen(json); bytes += 37) {
		GError *error = NULL;

		cr_assert_null(results_parse("x.json", json, bytes, &error), "at %zu", bytes);
		cr_assert_not_null(error);
		g_error_free(error);
	}
	results_doc_free(doc);
}

Test(results_document, places_are_found_by_path)
{
	static const char text[] =
		"{\"a\\u0062\\n\": [1, {\"x\": \"}]\\\"\"},\n \"\xc3\xb6\", [[]], -1.5e3],\n"
		"  \"last\": true }";
	static const struct {
		const char *path[3];
		size_t parts;
		unsigned line, column;
	} rows[] = {
		{{NULL}, 0, 1, 1},
		{{"ab\n"}, 1, 1, 15},
		{{"ab\n", "1", "x"}, 3, 1, 25},
		{{"ab\n", "2"}, 2, 2, 2},
		{{"ab\n", "4"}, 2, 2, 13},
		{{"last"}, 1, 3, 11},
		{{"ab\n", "9"}, 2, 1, 15},
		{{"none"}, 1, 1, 1},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		unsigned line, column;

		locate(text, strlen(text), rows[i].path, rows[i].parts, &line, &column);
		cr_assert(line == rows[i].line && column == rows[i].column, "row %zu: got %u:%u", i,
			  line, column);
	}
}

static json_t *schema_part(const json_t *schema, const char *definition)
{
	const json_t *at =
		definition ? json_object_get(json_object_get(schema, "$defs"), definition) : schema;

	return json_object_get(at, "properties");
}

static void assert_keys_in(const json_t *object, const json_t *properties)
{
	const char *key;
	json_t *value;

	cr_assert_gt(json_object_size(object), 0);
	json_object_foreach((json_t *)object, key, value)
		cr_assert_not_null(json_object_get(properties, key), "the schema lacks '%s'", key);
}

Test(results_document, has_no_key_that_the_schema_lacks)
{
	struct results_doc *doc = fabricate_first_run();
	g_autofree char *json = fabricate_json(doc);
	json_t *schema = json_load_file(EXTENTSIM_DATADIR "/results/result.schema.json",
					JSON_REJECT_DUPLICATES, NULL);
	json_t *root = json_loads(json, 0, NULL);
	json_t *variant = json_object_get(json_object_get(root, "variants"), "heavyweight");
	json_t *metric = json_object_get(json_object_get(variant, "metrics"), "disk.leaves");

	cr_assert_not_null(schema);
	assert_keys_in(root, schema_part(schema, NULL));
	assert_keys_in(variant, schema_part(schema, "variant"));
	assert_keys_in(metric, schema_part(schema, "metric"));
	assert_keys_in(json_array_get(json_object_get(variant, "refusals"), 0),
		       schema_part(schema, "finding"));
	variant = json_object_get(json_object_get(root, "variants"), "none");
	assert_keys_in(
		json_object_get(json_object_get(variant, "distributions"), "ops.read.latency_ns"),
		schema_part(schema, "distribution"));
	assert_keys_in(json_object_get(json_object_get(variant, "series"), "memory"),
		       schema_part(schema, "series"));
	cr_assert_eq(
		json_integer_value(json_object_get(
			json_object_get(schema_part(schema, NULL), "schema_version"), "const")),
		RESULTS_SCHEMA_VERSION);
	json_decref(schema);
	json_decref(root);
	results_doc_free(doc);
}

Test(results_document, without_image_or_profile_says_null)
{
	struct results_doc *doc = results_doc_new("bare", "", "terminating", "", 0, 1, 1), *back;
	g_autofree char *json = NULL, *again = NULL, *text = NULL;
	GError *error = NULL;

	fabricate_run(doc, "none", 0, &(struct made_up){one_figure, 0, 0, NULL, false, NULL});
	json = fabricate_json(doc);
	cr_assert_not_null(strstr(json, "\"image\": null,\n  \"cost_profile\": null,"), "%s", json);
	back = parse(json, &error);
	cr_assert_not_null(back, "%s", error ? error->message : "");
	again = fabricate_json(back);
	cr_assert_str_eq(again, json);
	text = fabricate_text(back, NULL);
	cr_assert(g_str_has_prefix(text, "bare (terminating):\n1 replication from seed 1\n"), "%s",
		  text);
	results_doc_free(back);
	results_doc_free(doc);
}

/* What an older program wrote is read; it lacks what came later. */
Test(results_document, of_version_1_is_read)
{
	struct results_doc *doc = fabricate_doc(1), *back;
	g_autofree char *json = NULL, *old = NULL;
	g_auto(GStrv) parts = NULL, without = NULL;
	GError *error = NULL;

	fabricate_run(doc, "none", 0, &(struct made_up){one_figure, 0, 0, NULL, false, NULL});
	json = fabricate_json(doc);
	parts = g_strsplit(json, "\"schema_version\": 2", 2);
	old = g_strjoinv("\"schema_version\": 1", parts);
	without = g_strsplit(old, ",\n      \"distributions\": {},\n      \"series\": {}", 2);
	cr_assert_not_null(without[1]);
	g_free(old);
	old = g_strjoinv("", without);
	back = parse(old, &error);
	cr_assert_not_null(back, "%s", error ? error->message : "");
	results_doc_free(back);
	results_doc_free(doc);
}

/* A share that one run lacks is 0 there, or means of the shares would not add up to that of the sum. */
Test(results_document, a_share_of_a_sum_counts_where_it_is_not_set)
{
	static const struct sim_metric_def share = {"ops.*.part.lock.*_ns", "ns",
						    SIM_LESS_IS_BETTER, "operations", ""};
	struct results_doc *doc = fabricate_doc(3);
	struct results_variant *variant = results_doc_add_variant(doc, "none");
	const struct results_metric *metric;

	for (uint32_t k = 0; k < 2; k++) {
		struct sim_metrics *metrics = sim_metrics_new();

		if (k)
			sim_metrics_set_part_for(metrics, &share, 30, "read", "a", NULL);
		results_add(doc, variant, k,
			    &(struct results_sample){
				    .metrics = metrics, .draws = 1, .completed = true});
		sim_metrics_free(metrics);
	}
	metric = results_variant_metric(variant, "ops.read.part.lock.a_ns");
	cr_assert_not_null(metric);
	cr_expect_eq(metric->n, 2);
	cr_expect_eq(metric->value, 15);
	cr_expect(metric->has[0]);
	cr_expect_not(metric->has[2], "a run that was not made has nothing");
	results_doc_free(doc);
}
