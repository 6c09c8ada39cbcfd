/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The gate: a row of the rules to a test, and how often it is wrong. */
#include "tests/results/fabricate.h"

#include <criterion/criterion.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

TestSuite(gate);

enum { SEEDS_MAX = 64, FIGURES_MAX = 32 };

/* A document of one variant; figures of seed k are `value[k]`. `draws` 0: exact. */
static struct results_doc *doc_of(const char *const *names, const int64_t (*value)[SEEDS_MAX],
				  uint32_t seeds, uint64_t draws, uint64_t digest)
{
	struct results_doc *doc = fabricate_doc(seeds);

	for (uint32_t k = 0; k < seeds; k++) {
		struct figure figures[FIGURES_MAX + 1] = {{NULL, 0}};

		for (size_t i = 0; names[i]; i++)
			figures[i] = (struct figure){names[i], value[i][k]};
		fabricate_run(doc, "light", k,
			      &(struct made_up){figures, draws, digest + k, NULL, false, NULL});
	}
	return doc;
}

static struct results_curve *curve_of_doc(struct results_doc *doc)
{
	static const char *const nothing[] = {NULL};
	struct results_curve *curve = results_curve_new(nothing, NULL);

	results_curve_add(curve, nothing, doc);
	return curve;
}

struct held {
	struct results_baseline *baseline;
	struct results_curve *after;
	struct results_gate *gate;
	GError *error;
};

static struct held hold(struct results_doc *before, struct results_doc *after,
			const char *tolerance)
{
	struct held held = {.after = curve_of_doc(after)};

	held.baseline = results_baseline_new("base.json", curve_of_doc(before));
	if (tolerance)
		cr_assert(results_baseline_tolerate(held.baseline, tolerance, NULL));
	held.gate = results_gate_new(held.baseline, held.after, "after.json", &held.error);
	return held;
}

static void release(struct held *held)
{
	results_gate_free(held->gate);
	results_baseline_free(held->baseline);
	results_curve_free(held->after);
	g_clear_error(&held->error);
}

static const struct results_gate_entry *entry_of(const struct held *held, const char *name)
{
	cr_assert_not_null(held->gate, "%s", held->error ? held->error->message : "");
	for (guint i = 0; i < held->gate->entries->len; i++) {
		const struct results_gate_entry *entry = held->gate->entries->pdata[i];

		if (!g_strcmp0(entry->name, name))
			return entry;
	}
	return NULL;
}

static enum results_gate_outcome outcome(const struct held *held, bool strict)
{
	return results_gate_outcome(held->gate, &(struct results_gate_options){.strict = strict});
}

/* ---- exact figures ---- */

struct exact_row {
	const char *metric;
	int64_t before, after;
	const char *tolerance;
	enum results_ruling ruling;
	enum results_gate_outcome outcome;
};

static void check_exact(const struct exact_row *row)
{
	const char *const names[] = {row->metric, NULL};
	const int64_t before[1][SEEDS_MAX] = {{row->before}}, after[1][SEEDS_MAX] = {{row->after}};
	struct held held =
		hold(doc_of(names, before, 1, 0, 1), doc_of(names, after, 1, 0, 2), row->tolerance);
	const struct results_gate_entry *entry = entry_of(&held, row->metric);

	cr_expect_eq(entry->ruling, row->ruling, "%s %d -> %d is %s, not %s", row->metric,
		     (int)row->before, (int)row->after, results_ruling_name(entry->ruling),
		     results_ruling_name(row->ruling));
	cr_expect_eq(entry->difference, (double)(row->after - row->before));
	cr_expect_eq(outcome(&held, true), row->outcome);
	cr_expect_eq(entry->has_relative, row->before != 0, "no percentage of nothing");
	release(&held);
}

Test(gate, an_exact_figure_is_judged_by_its_exact_difference_its_direction_and_both_tolerances)
{
	static const struct exact_row rows[] = {
		{"key.derivations", 1000, 1000, NULL, RESULTS_UNCHANGED, RESULTS_PASSES},
		{"key.derivations", 1000, 1001, NULL, RESULTS_REGRESSED, RESULTS_FAILS},
		{"key.derivations", 1000, 999, NULL, RESULTS_IMPROVED, RESULTS_PASSES},
		{"key.cache_hits", 1000, 999, NULL, RESULTS_REGRESSED, RESULTS_FAILS},
		{"key.cache_hits", 1000, 1001, NULL, RESULTS_IMPROVED, RESULTS_PASSES},
		{"other.thing", 1000, 1001, NULL, RESULTS_CHANGED, RESULTS_FAILS},
		{"other.thing", 1000, 999, NULL, RESULTS_CHANGED, RESULTS_FAILS},
		{"key.derivations", 0, 1, NULL, RESULTS_REGRESSED, RESULTS_FAILS},
		{"key.derivations", 1000, 1010, "key.* 1% 0 noise", RESULTS_WITHIN, RESULTS_PASSES},
		{"key.derivations", 1000, 1011, "key.* 1% 0 noise", RESULTS_REGRESSED,
		 RESULTS_FAILS},
		{"key.derivations", 1000, 1011, "key.* 1% 11 noise", RESULTS_WITHIN,
		 RESULTS_PASSES},
		{"key.derivations", 1000, 1011, "key.* 1% 10 noise", RESULTS_REGRESSED,
		 RESULTS_FAILS},
		{"key.derivations", 0, 1, "key.* 50% 0 noise", RESULTS_REGRESSED, RESULTS_FAILS},
		{"key.derivations", 0, 1, "key.* 50% 1 noise", RESULTS_WITHIN, RESULTS_PASSES},
		{"key.derivations", 1000, 1001, "pool.* 50% 9 noise", RESULTS_REGRESSED,
		 RESULTS_FAILS},
		{"other.thing", 1000, 1001, "other.* 1% 0 noise", RESULTS_WITHIN, RESULTS_PASSES},
		{"key.derivations", 1000, 995, "key.* 1% 0 noise", RESULTS_WITHIN, RESULTS_PASSES},
		{"key.derivations", INT64_MAX, INT64_MAX - 1, NULL, RESULTS_IMPROVED,
		 RESULTS_PASSES},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		check_exact(&rows[i]);
}

/* ---- sampled figures ---- */

struct sampled_row {
	const char *metric, *tolerance;
	int64_t difference[5];
	enum results_ruling ruling;
	uint32_t seeds_needed;
};

static void check_sampled(const struct sampled_row *row)
{
	const char *const names[] = {row->metric, NULL};
	int64_t before[1][SEEDS_MAX], after[1][SEEDS_MAX];
	struct held held;
	const struct results_gate_entry *entry;

	for (size_t k = 0; k < 5; k++) {
		before[0][k] = 1000 + 100 * (int64_t)k;
		after[0][k] = before[0][k] + row->difference[k];
	}
	held = hold(doc_of(names, (void *)before, 5, 9, 1), doc_of(names, (void *)after, 5, 9, 77),
		    row->tolerance);
	entry = entry_of(&held, row->metric);
	cr_expect_eq(entry->ruling, row->ruling, "%s: %s, not %s", row->metric,
		     results_ruling_name(entry->ruling), results_ruling_name(row->ruling));
	cr_expect_eq(entry->seeds_needed, row->seeds_needed, "%u", entry->seeds_needed);
	cr_expect_eq(outcome(&held, true), row->ruling >= RESULTS_REGRESSED	 ? RESULTS_FAILS
					   : row->ruling == RESULTS_INCONCLUSIVE ? RESULTS_UNDECIDED
										 : RESULTS_PASSES);
	cr_expect_neq(outcome(&held, false), RESULTS_UNDECIDED);
	release(&held);
}

/* The differences 8, 9, 10, 11, 12 have mean 10, deviation 1.58, and at 95 % the interval
 * 10 -+ 2.776 * 1.58 / sqrt(5) = 8.04 to 11.96. */
Test(gate, a_sampled_figure_is_judged_by_where_the_interval_of_its_paired_differences_lies)
{
	static const struct sampled_row rows[] = {
		{"pool.wait_ns", NULL, {0, 0, 0, 0, 0}, RESULTS_UNCHANGED, 0},
		{"pool.wait_ns", NULL, {8, 9, 10, 11, 12}, RESULTS_REGRESSED, 0},
		{"pool.wait_ns", NULL, {-8, -9, -10, -11, -12}, RESULTS_IMPROVED, 0},
		{"key.cache_hits", NULL, {8, 9, 10, 11, 12}, RESULTS_IMPROVED, 0},
		{"key.cache_hits", NULL, {-8, -9, -10, -11, -12}, RESULTS_REGRESSED, 0},
		{"other.thing", NULL, {8, 9, 10, 11, 12}, RESULTS_CHANGED, 0},
		{"other.thing", NULL, {-8, -9, -10, -11, -12}, RESULTS_CHANGED, 0},
		{"pool.wait_ns", NULL, {7, 7, 7, 7, 7}, RESULTS_REGRESSED, 0},
		{"pool.wait_ns", "* 0 12 noise", {8, 9, 10, 11, 12}, RESULTS_WITHIN, 0},
		{"pool.wait_ns", "* 1% 0 noise", {8, 9, 10, 11, 12}, RESULTS_WITHIN, 0},
		{"pool.wait_ns", "* 0 8 noise", {8, 9, 10, 11, 12}, RESULTS_REGRESSED, 0},
		/* 9 lies in the interval: at 13 pairs 2.179 * 1.58 / sqrt(13) = 0.956 < 1 */
		{"pool.wait_ns", "* 0 9 noise", {8, 9, 10, 11, 12}, RESULTS_INCONCLUSIVE, 13},
		{"pool.wait_ns", NULL, {-20, 20, -20, 20, 0}, RESULTS_INCONCLUSIVE, 0},
		{"pool.wait_ns", "* 0 30 noise", {-20, 20, -20, 20, 0}, RESULTS_WITHIN, 0},
		{"other.thing", "* 0 30 noise", {-20, 20, -20, 20, 0}, RESULTS_WITHIN, 0},
		/* mean 1.2, deviation 20.18: 1.962 * 20.18 / sqrt(1089) = 1.1998 */
		{"pool.wait_ns", NULL, {-20, 20, -20, 20, 6}, RESULTS_INCONCLUSIVE, 1089},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		check_sampled(&rows[i]);
}

Test(gate, one_seed_decides_nothing_of_a_sampled_figure)
{
	static const char *const names[] = {"pool.wait_ns", NULL};
	const int64_t before[1][SEEDS_MAX] = {{100}}, after[1][SEEDS_MAX] = {{200}};
	struct held held =
		hold(doc_of(names, before, 1, 5, 1), doc_of(names, after, 1, 5, 2), NULL);
	const struct results_gate_entry *entry = entry_of(&held, names[0]);

	cr_expect_eq(entry->ruling, RESULTS_INCONCLUSIVE);
	cr_expect_not_null(strstr(entry->note, "one seed"));
	release(&held);
}

Test(gate, intervals_are_wider_the_more_figures_differ_and_those_that_do_not_cost_nothing)
{
	static const char *const names[] = {"pool.a_ns", "pool.b_ns", "pool.same_ns", NULL};
	int64_t before[3][SEEDS_MAX] = {{0}}, after[3][SEEDS_MAX] = {{0}};
	struct held held;

	for (int64_t k = 0; k < 5; k++)
		after[0][k] = after[1][k] = 8 + k;
	held = hold(doc_of(names, (void *)before, 5, 5, 1), doc_of(names, (void *)after, 5, 5, 9),
		    NULL);
	cr_expect_eq(held.gate->intervals, 2);
	cr_expect_float_eq(held.gate->level, 0.975, 1e-12);
	/* Student's t of 4 degrees of freedom at 98.75 %: 3.4954 */
	cr_expect_float_eq(entry_of(&held, "pool.a_ns")->half_width, 3.4954 * sqrt(2.5 / 5), 1e-4);
	release(&held);
}

/* ---- what is not there ---- */

static struct held hold_figures(const struct figure *before, const struct figure *after,
				bool stopped)
{
	struct results_doc *a = fabricate_doc(1), *b = fabricate_doc(1);

	fabricate_run(a, "light", 0, &(struct made_up){before, 0, 1, NULL, false, NULL});
	fabricate_run(b, "light", 0, &(struct made_up){after, 0, 2, NULL, stopped, NULL});
	return hold(a, b, NULL);
}

Test(gate, a_missing_and_a_new_metric_are_findings_that_fail)
{
	static const struct figure both[] = {{"key.a", 1}, {"key.b", 2}, {NULL, 0}},
				   one[] = {{"key.a", 1}, {NULL, 0}};
	struct held held = hold_figures(both, one, false);

	cr_expect_eq(entry_of(&held, "key.b")->ruling, RESULTS_MISSING);
	cr_expect_eq(outcome(&held, false), RESULTS_FAILS);
	release(&held);
	held = hold_figures(one, both, false);
	cr_expect_eq(entry_of(&held, "key.b")->ruling, RESULTS_NEW);
	cr_expect_eq(outcome(&held, false), RESULTS_FAILS);
	cr_expect_eq(
		results_gate_outcome(held.gate, &(struct results_gate_options){.allow_new = true}),
		RESULTS_PASSES);
	release(&held);
}

Test(gate, a_missing_variant_is_told_once)
{
	static const struct figure one[] = {{"key.a", 1}, {"key.b", 1}, {NULL, 0}};
	struct results_doc *a = fabricate_doc(1), *b = fabricate_doc(1);
	struct held held;

	fabricate_run(a, "light", 0, &(struct made_up){one, 0, 1, NULL, false, NULL});
	fabricate_run(a, "heavy", 0, &(struct made_up){one, 0, 1, NULL, false, NULL});
	fabricate_run(b, "light", 0, &(struct made_up){one, 0, 1, NULL, false, NULL});
	held = hold(a, b, NULL);
	cr_expect_eq(held.gate->count[RESULTS_MISSING], 1);
	cr_expect_str_eq(entry_of(&held, NULL)->variant, "heavy");
	cr_expect_eq(outcome(&held, false), RESULTS_FAILS);
	release(&held);
}

Test(gate, a_percentile_that_runs_no_longer_carry_is_missing)
{
	static const struct figure with[] = {{"ops.read.latency_p99_ns", 5}, {NULL, 0}},
				   without[] = {{NULL, 0}};
	struct results_doc *a = fabricate_doc(2), *b = fabricate_doc(2);
	struct held held;

	for (uint32_t k = 0; k < 2; k++) {
		fabricate_run(a, "light", k, &(struct made_up){with, 5, k, NULL, false, NULL});
		fabricate_run(b, "light", k,
			      &(struct made_up){k ? without : with, 5, 7 + k, NULL, false, NULL});
	}
	held = hold(a, b, NULL);
	cr_expect_eq(entry_of(&held, with[0].name)->ruling, RESULTS_MISSING);
	release(&held);
}

Test(gate, figures_of_a_run_that_stopped_are_neither_better_nor_worse)
{
	static const struct figure before[] = {{"key.a", 5}, {NULL, 0}},
				   after[] = {{"key.a", 3}, {NULL, 0}};
	struct held held = hold_figures(before, after, true);

	cr_expect_eq(entry_of(&held, "key.a")->ruling, RESULTS_CHANGED);
	cr_expect_eq(outcome(&held, false), RESULTS_FAILS);
	release(&held);
}

/* Reading is the only way to get one. */
static struct held hold_text(struct results_doc *before, const char *after)
{
	g_autofree char *path = NULL;
	struct held held = {.baseline = results_baseline_new("base.json", curve_of_doc(before))};
	int fd = g_file_open_tmp("gate-XXXXXX.json", &path, NULL);

	cr_assert(fd >= 0 && g_file_set_contents(path, after, -1, NULL));
	g_close(fd, NULL);
	held.after = results_gate_read(path, &held.error);
	cr_assert_not_null(held.after, "%s", held.error ? held.error->message : "");
	held.gate = results_gate_new(held.baseline, held.after, path, &held.error);
	remove(path);
	return held;
}

Test(gate, a_value_that_is_no_number_is_a_finding_of_the_gate_and_an_error_elsewhere)
{
	static const char *const names[] = {"key.a", "key.b", NULL};
	const int64_t values[2][SEEDS_MAX] = {{17}, {18}};
	struct results_doc *doc = doc_of(names, values, 1, 0, 1);
	g_autofree char *json = fabricate_json(doc);
	g_auto(GStrv) parts = g_strsplit(json, "\"value\": 17", 2);
	g_autofree char *odd = g_strjoinv("\"value\": null", parts);
	struct held held = hold_text(doc, odd);

	cr_expect_eq(entry_of(&held, "key.a")->ruling, RESULTS_NOT_A_NUMBER);
	cr_expect_eq(entry_of(&held, "key.b")->ruling, RESULTS_UNCHANGED);
	cr_expect_eq(outcome(&held, false), RESULTS_FAILS);
	cr_expect_null(results_parse("x", odd, strlen(odd), NULL));
	release(&held);
}

Test(gate, figures_of_the_host_are_shown_and_never_fail)
{
	static const struct figure one[] = {{"key.a", 1}, {NULL, 0}};
	struct held held = hold_figures(one, one, false);
	struct results_variant *light = results_doc_variant(results_curve_doc(held.after), "light");
	struct results_metric *wall = g_hash_table_lookup(light->by_name, "host.wall_ns");

	results_gate_free(held.gate);
	wall->value *= 10;
	wall->by_seed[0] *= 10;
	held.gate = results_gate_new(held.baseline, held.after, "after.json", &held.error);
	cr_expect_eq(entry_of(&held, "host.wall_ns")->ruling, RESULTS_HOST_FIGURE);
	cr_expect_eq(outcome(&held, true), RESULTS_PASSES);
	release(&held);
}

/* ---- what can't be compared ---- */

static void spoil_profile(struct results_doc *doc)
{
	g_free(doc->cost_profile.digest);
	doc->cost_profile.digest = g_strdup("other");
}

static void spoil_image(struct results_doc *doc)
{
	g_free(doc->image.digest);
	doc->image.digest = g_strdup("other");
}

static void spoil_text(struct results_doc *doc)
{
	g_free(doc->scenario.digest);
	doc->scenario.digest = g_strdup("other");
}

static void spoil_seed(struct results_doc *doc)
{
	doc->seeds[0]++;
}

static void spoil_overrides(struct results_doc *doc)
{
	results_doc_add_override(doc, "variants.0.pool.size=3");
}

static void spoil_settings(struct results_doc *doc)
{
	struct results_variant *light = results_doc_variant(doc, "light");
	struct results_pair *pair = light->settings->pdata[0];

	g_free(pair->value);
	pair->value = g_strdup("heavyweight");
}

static void spoil_unit(struct results_doc *doc)
{
	struct results_variant *light = results_doc_variant(doc, "light");
	struct results_metric *metric = g_hash_table_lookup(light->by_name, "key.a");

	g_free(metric->unit);
	metric->unit = g_strdup("bytes");
}

static void spoil_direction(struct results_doc *doc)
{
	struct results_variant *light = results_doc_variant(doc, "light");
	struct results_metric *metric = g_hash_table_lookup(light->by_name, "key.a");

	metric->direction = SIM_MORE_IS_BETTER;
}

static void spoil_run(struct results_doc *doc)
{
	struct results_variant *light = results_doc_variant(doc, "light");

	light->replication[0].done = false;
}

Test(gate, what_is_not_the_same_question_is_refused_with_the_reason)
{
	static const struct {
		void (*spoil)(struct results_doc *doc);
		const char *says;
	} rows[] = {
		{spoil_profile, "another cost profile digest"},
		{spoil_image, "another image digest"},
		{spoil_text, "another scenario text"},
		{spoil_seed, "another set of seeds"},
		{spoil_overrides, "other overrides"},
		{spoil_settings, "variant 'light' has other settings"},
		{spoil_unit, "metric 'key.a' is in 'bytes'"},
		{spoil_direction, "direction 'more'"},
		{spoil_run, "it was interrupted"},
	};
	static const char *const names[] = {"key.a", NULL};
	const int64_t value[1][SEEDS_MAX] = {{1}};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct results_doc *after = doc_of(names, value, 1, 0, 1);
		struct held held;

		rows[i].spoil(after);
		held = hold(doc_of(names, value, 1, 0, 1), after, NULL);
		cr_assert_null(held.gate, "%s", rows[i].says);
		cr_expect(g_error_matches(held.error, RESULTS_ERROR, RESULTS_ERROR_NOT_COMPARABLE));
		cr_expect_not_null(strstr(held.error->message, rows[i].says), "%s",
				   held.error->message);
		release(&held);
	}
}

Test(gate, another_program_version_is_what_is_gated_and_is_shown)
{
	static const char *const names[] = {"key.a", NULL};
	const int64_t value[1][SEEDS_MAX] = {{1}};
	struct results_doc *after = doc_of(names, value, 1, 0, 1);
	g_autoptr(GString) text = g_string_new(NULL);
	struct held held;

	g_free(after->program_version);
	after->program_version = g_strdup("9.9.9");
	held = hold(doc_of(names, value, 1, 0, 1), after, NULL);
	cr_assert_not_null(held.gate);
	results_gate_text(held.gate, &(struct results_gate_options){.strict = false}, text);
	cr_expect_not_null(strstr(text->str, "1.2.3"));
	cr_expect_not_null(strstr(text->str, "9.9.9"));
	release(&held);
}

/* ---- how often it is wrong ---- */

/* Nearly normal: the sum of twelve uniform draws, in thousandths of the deviation. */
static int64_t noise(GRand *rand)
{
	double sum = -6;

	for (int i = 0; i < 12; i++)
		sum += g_rand_double(rand);
	return (int64_t)(sum * 1000);
}

/* How many of `gates` gates over `figures` noisy figures at `seeds` seeds regress when all are
 * shifted by `shift`. */
static unsigned fire(unsigned gates, size_t figures, uint32_t seeds, int64_t shift)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(20261127);
	const char *names[FIGURES_MAX + 1] = {NULL};
	unsigned fired = 0;

	for (size_t i = 0; i < figures; i++)
		names[i] = g_strdup_printf("pool.f%zu_ns", i);
	for (unsigned g = 0; g < gates; g++) {
		int64_t before[FIGURES_MAX][SEEDS_MAX], after[FIGURES_MAX][SEEDS_MAX];
		struct held held;

		for (size_t i = 0; i < figures; i++)
			for (uint32_t k = 0; k < seeds; k++) {
				before[i][k] = 100000 + g_rand_int_range(rand, 0, 50000);
				after[i][k] = before[i][k] + shift + noise(rand);
			}
		held = hold(doc_of(names, (void *)before, seeds, 9, 1),
			    doc_of(names, (void *)after, seeds, 9, 100), NULL);
		fired += held.gate->count[RESULTS_REGRESSED] > 0;
		release(&held);
	}
	for (size_t i = 0; i < figures; i++)
		g_free((gpointer)names[i]);
	return fired;
}

/* Two sides of 2.5 %, whatever the number of figures: 25 of 1000 is what may be. */
Test(gate, noise_without_a_shift_fires_no_more_often_than_stated)
{
	unsigned fired = fire(1000, 20, 5, 0);

	cr_expect(fired >= 10 && fired <= 40, "%u", fired);
}

/* A paired t-test of 10 pairs at 5 % finds a shift of one deviation 80 times of 100, and of two
 * deviations nearly always (Cohen, Statistical Power Analysis, table 2.3.5: 0.80 at d = 1). */
Test(gate, a_planted_shift_is_found_at_the_stated_rate)
{
	unsigned one = fire(1000, 1, 10, 1000), two = fire(300, 1, 10, 2000);

	cr_expect(one >= 765 && one <= 840, "%u", one);
	cr_expect_geq(two, 298, "%u", two);
}

/* ---- baselines as files ---- */

Test(gate, a_baseline_read_back_is_the_one_that_was_written_and_passes_its_own_result)
{
	struct held held = hold(fabricate_first_run(), fabricate_first_run(),
				"ops.*.latency_* 1% 5us the scheduler moves it");
	g_autoptr(GString) text = g_string_new(NULL), again = g_string_new(NULL);
	struct results_baseline *read;
	struct results_gate *gate;
	g_autofree char *path = NULL;
	int fd = g_file_open_tmp("baseline-XXXXXX.json", &path, NULL);

	held.baseline->metrics = g_strsplit("ops.* key.*", " ", 0);
	results_baseline_add_renewal(held.baseline, "1.2.3", "first");
	results_baseline_emit(held.baseline, text);
	cr_assert(fd >= 0 && g_file_set_contents(path, text->str, -1, NULL));
	g_close(fd, NULL);
	read = results_baseline_read(path, &held.error);
	cr_assert_not_null(read, "%s", held.error ? held.error->message : "");
	cr_expect_not(read->is_result);
	results_baseline_emit(read, again);
	cr_expect_str_eq(text->str, again->str);
	cr_expect_null(strstr(text->str, "disk.leaves"), "it watches what it is told to");
	gate = results_gate_new(read, held.after, "after.json", &held.error);
	cr_assert_not_null(gate);
	cr_expect_eq(gate->count[RESULTS_UNCHANGED], gate->entries->len);
	cr_expect_gt(gate->entries->len, 10);
	results_gate_free(gate);
	results_baseline_free(read);
	remove(path);
	release(&held);
}

static void expect_refused(const char *text, const char *says)
{
	g_autofree char *path = NULL;
	GError *error = NULL;
	int fd = g_file_open_tmp("baseline-XXXXXX.json", &path, NULL);

	cr_assert(fd >= 0 && g_file_set_contents(path, text, -1, NULL));
	g_close(fd, NULL);
	cr_expect_null(results_baseline_read(path, &error), "%s", says);
	cr_expect(g_error_matches(error, RESULTS_ERROR, RESULTS_ERROR_INPUT));
	cr_expect_not_null(strstr(error->message, says), "%s", error->message);
	g_clear_error(&error);
	remove(path);
}

Test(gate, a_broken_baseline_is_named_with_its_place)
{
	expect_refused("{\"baseline_version\": 2}", "baselines of version 1 alone");
	expect_refused("{\"baseline_version\": 1, \"x\": 2}", ":1:");
	expect_refused("{\"baseline_version\": 1, \"renewals\": [], \"scenario_text\": \"\", "
		       "\"tolerances\": [{\"metric\": \"a\", \"relative\": 0, \"absolute\": 0, "
		       "\"reason\": \"\"}], \"points\": []}",
		       "a tolerance needs a reason");
	expect_refused("{\"baseline_version\": 1, \"renewals\": [], \"scenario_text\": \"\", "
		       "\"tolerances\": [], \"points\": []}",
		       "a baseline of no point");
}

Test(gate, a_tolerance_is_a_share_an_amount_and_a_reason)
{
	struct held held = hold(fabricate_first_run(), fabricate_first_run(), NULL);
	GError *error = NULL;
	const struct results_tolerance *tolerance;

	cr_assert(results_baseline_tolerate(held.baseline, "ops.* 0.5% 4KiB of two words", NULL));
	tolerance = held.baseline->tolerances->pdata[0];
	cr_expect_float_eq(tolerance->relative, 0.005, 1e-12);
	cr_expect_eq(tolerance->absolute, 4096);
	cr_expect_str_eq(tolerance->reason, "of two words");
	cr_expect_not(results_baseline_tolerate(held.baseline, "ops.* 1% 5us", &error));
	cr_expect_not_null(strstr(error->message, "METRIC SHARE AMOUNT REASON"));
	g_clear_error(&error);
	cr_expect_not(results_baseline_tolerate(held.baseline, "ops.* -1% 5us x", NULL));
	release(&held);
}

/* ---- formats ---- */

Test(gate, every_format_tells_the_same_rulings)
{
	static const char *const names[] = {"key.<a>&b", "key.b", "other.c", NULL};
	const int64_t before[3][SEEDS_MAX] = {{10}, {10}, {10}},
		      after[3][SEEDS_MAX] = {{11}, {9}, {10}};
	struct held held =
		hold(doc_of(names, before, 1, 0, 1), doc_of(names, after, 1, 0, 2), NULL);
	const struct results_gate_options options = {.strict = false};
	g_autoptr(GString) text = g_string_new(NULL), markdown = g_string_new(NULL),
			   json = g_string_new(NULL), junit = g_string_new(NULL);

	results_gate_text(held.gate, &options, text);
	results_gate_markdown(held.gate, &options, markdown);
	results_gate_json(held.gate, &options, json);
	results_gate_junit(held.gate, &options, "2026-01-31T12:00:00", junit);
	cr_expect_not_null(strstr(text->str, "gate: REGRESSED"));
	cr_expect_not_null(strstr(text->str, "10 -> 11, +1 (+10 %)"), "%s", text->str);
	cr_expect_not_null(strstr(markdown->str, "| regressed | light key.\\<a>&b |"), "%s",
			   markdown->str);
	cr_expect_not_null(strstr(markdown->str, "2 more that do not fail"), "%s", markdown->str);
	cr_expect_not_null(strstr(json->str, "\"outcome\": \"fail\""));
	cr_expect_not_null(strstr(json->str, "\"regressed\": 1"));
	cr_expect_not_null(strstr(junit->str, "tests=\"4\" failures=\"1\" errors=\"0\""), "%s",
			   junit->str);
	cr_expect_not_null(strstr(junit->str, "name=\"key.&lt;a&gt;&amp;b\""));
	release(&held);
}
