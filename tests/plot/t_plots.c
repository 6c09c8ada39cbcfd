/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which pictures a result yields, and what is in them. */
#include "results/internal.h"
#include "tests/plot/plot_support.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

TestSuite(plots);

static const char *const one_axis[] = {"pool", NULL}, *const two_axes[] = {"cpus", "pool", NULL};

static void expect_in(const char *text, const char *wanted)
{
	cr_expect(strstr(text, wanted), "wanted \"%s\" in:\n%s", wanted, text);
}

static GPtrArray *drawn(struct results_curve *curve)
{
	GPtrArray *plots = plots_of_curve(curve);

	results_curve_free(curve);
	return plots;
}

Test(plots, a_metric_over_numbers_is_drawn_as_lines_with_intervals)
{
	static const char *const steps[][3] = {{"1"}, {"2"}, {"128"}, {NULL}};
	g_autoptr(GPtrArray) plots = drawn(plot_curve(one_axis, steps, "b"));
	const struct plot *plot = plot_named(plots, "key.setkeys");
	char **last = plot->rows->pdata[2];

	expect_in(plot->script, "using 2:($3*1) with linespoints");
	expect_in(plot->script, "with yerrorbars");
	expect_in(plot->script, "set logscale x 10");
	expect_in(plot->script, "set ylabel noenhanced 'key.setkeys (count)'");
	cr_expect_eq(plot->rows->len, 3);
	cr_expect_str_eq(last[0], "128");
	cr_expect_str_eq(last[2], "26", "the mean of 25 and 27");
	cr_expect_str_eq(last[5], "175");
}

Test(plots, a_metric_that_is_zero_everywhere_has_no_picture)
{
	static const char *const steps[][3] = {{"1"}, {"2"}, {NULL}};
	g_autoptr(GPtrArray) plots = drawn(plot_curve(one_axis, steps, "b"));

	cr_expect_eq(plots->len, 1, "key.nonces_drawn is 0");
}

Test(plots, an_axis_from_zero_to_far_has_its_steps_side_by_side)
{
	static const char *const steps[][3] = {{"0"}, {"1"}, {"1000"}, {NULL}};
	g_autoptr(GPtrArray) plots = drawn(plot_curve(one_axis, steps, "b"));

	expect_in(plot_named(plots, "key.setkeys")->script, "set xtics ('0' 0, '1' 1, '1000' 2)");
}

Test(plots, steps_that_are_words_make_rows)
{
	static const char *const steps[][3] = {{"cold"}, {"warm"}, {NULL}};
	g_autoptr(GPtrArray) plots = drawn(plot_curve(one_axis, steps, "b"));
	const struct plot *plot = plot_named(plots, "key.setkeys");

	expect_in(plot->script, "set ytics ('cold' 0, 'warm' 1)");
	expect_in(plot->script, "with xerrorbars");
}

Test(plots, two_axes_of_numbers_are_a_heat_map_for_each_variant)
{
	static const char *const steps[][3] = {{"2", "1"}, {"2", "8"}, {"4", "1"}, {NULL}};
	g_autoptr(GPtrArray) plots = drawn(plot_curve(two_axes, steps, "b"));
	const struct plot *plot = plot_named(plots, "key.setkeys.b");
	char **last = plot->rows->pdata[2];

	plot_named(plots, "key.setkeys.a");
	cr_expect_eq(plots->len, 2);
	expect_in(plot->script, "with boxxyerror palette");
	cr_expect_str_eq(last[0], "4");
	cr_expect_str_eq(last[2], "1", "the second column");
	cr_expect_str_eq(last[3], "0", "the first row");
	cr_expect_str_eq(last[4], "175");
	cr_expect_str_eq(last[6], "1", "the largest is light, so its figure is dark");
}

Test(plots, a_run_that_stopped_leaves_no_mark)
{
	static const char *const steps[][3] = {{"1"}, {"2"}, {NULL}};
	struct results_curve *curve = plot_curve(one_axis, steps, "b");
	struct results_point *point = curve->points->pdata[1];
	struct results_variant *variant = point->doc->variants->pdata[1];
	g_autoptr(GPtrArray) plots = NULL;
	const struct plot *plot;

	variant->replication[1].completed = false;
	plots = drawn(curve);
	plot = plot_named(plots, "key.setkeys");
	cr_expect_str_eq(((char **)plot->rows->pdata[1])[5], PLOT_NOTHING);
	expect_in(plot->caption, "did not come to its end");
}

static GPtrArray *compared(struct results_doc *doc)
{
	const struct results_doc *docs[] = {doc};
	struct results_comparison *cmp = results_compare(docs, NULL, 1, NULL);
	GPtrArray *plots = plots_of_comparison(cmp);

	results_comparison_free(cmp);
	results_doc_free(doc);
	return plots;
}

Test(plots, what_takes_more_of_one_and_no_less_of_the_other_is_dominated)
{
	static const struct {
		const char *name;
		struct figure figures[3];
		const char *standing;
	} variants[] = {
		{"none", {{"mem.keys_max_bytes", 0}, {"cpu.busy_ns", 10}}, "does not encrypt"},
		{"small", {{"mem.keys_max_bytes", 100}, {"cpu.busy_ns", 90}}, "front"},
		{"fast", {{"mem.keys_max_bytes", 900}, {"cpu.busy_ns", 20}}, "front"},
		{"slower", {{"mem.keys_max_bytes", 900}, {"cpu.busy_ns", 50}}, "dominated"},
		{"larger", {{"mem.keys_max_bytes", 950}, {"cpu.busy_ns", 20}}, "dominated"},
	};
	struct results_doc *doc = fabricate_doc(1);
	g_autoptr(GPtrArray) plots = NULL;
	const struct plot *plot;

	for (size_t i = 0; i < G_N_ELEMENTS(variants); i++)
		fabricate_run(doc, variants[i].name, 0,
			      &(struct made_up){.figures = variants[i].figures, .digest = 1});
	plots = compared(doc);
	plot = plot_named(plots, "cost-against-memory");
	for (size_t i = 0; i < G_N_ELEMENTS(variants); i++)
		cr_expect_str_eq(((char **)plot->rows->pdata[i])[5], variants[i].standing, "%s",
				 variants[i].name);
}

Test(plots, a_bar_holds_the_parts_of_the_mean_operation)
{
	static const struct figure figures[] = {{"ops.read.count", 10},
						{"ops.read.part.derive_ns", 50},
						{"ops.read.part.lock.mk_sem_ns", 300},
						{"ops.read.part.lock.tree_ns", 100},
						{"ops.read.part.device_ns", 7000},
						{"ops.open.part.cpu_ns", 5},
						{NULL, 0}};
	struct results_doc *doc = fabricate_doc(1);
	g_autoptr(GPtrArray) plots = NULL;
	const struct plot *plot;
	char **bar;

	fabricate_run(doc, "a", 0, &(struct made_up){.figures = figures, .digest = 1});
	plots = compared(doc);
	plot = plot_named(plots, "parts.read");
	bar = plot->rows->pdata[0];
	for (size_t i = 0; plot->head[i]; i++) {
		const char *wanted = !strcmp(plot->head[i], "derive (ns)")   ? "5"
				     : !strcmp(plot->head[i], "locks (ns)")  ? "40"
				     : !strcmp(plot->head[i], "device (ns)") ? "700"
				     : i < 2				     ? bar[i]
									     : "0";

		cr_expect_str_eq(bar[i], wanted, "%s", plot->head[i]);
	}
	cr_expect_eq(plots->len, 1, "an operation that is not counted has no mean");
}

/* A document of variant "a", with so many values of 1, 2, … us. */
static struct results_doc *with_latencies(const uint64_t *counts, size_t n)
{
	static const struct figure figures[] = {{"ops.read.count", 1}, {NULL, 0}};
	struct results_doc *doc = fabricate_doc(1);
	struct sim_histogram *h = sim_histogram_new();
	struct sim_distribution *values;

	fabricate_run(doc, "a", 0, &(struct made_up){.figures = figures, .digest = 1});
	for (size_t i = 0; i < n; i++)
		for (uint64_t k = 0; k < counts[i]; k++)
			sim_histogram_add(h, 1000 * (i + 1));
	values = sim_distribution_of(h);
	sim_distribution_merge(
		variant_distribution(doc->variants->pdata[0], "ops.read.latency_ns", "ns"), values);
	sim_distribution_free(values);
	sim_histogram_free(h);
	return doc;
}

Test(plots, a_percentile_that_its_sample_cannot_carry_is_not_drawn)
{
	/* 50, 90, 98 and 99.1 per cent lie at most there; beyond the last are nine. */
	static const uint64_t counts[] = {500, 400, 80, 11, 9};
	static const char *const percentiles[] = {"50", "90", "98"};
	g_autoptr(GPtrArray) plots = compared(with_latencies(counts, G_N_ELEMENTS(counts)));
	const struct plot *plot = plot_named(plots, "percentiles.ops.read.latency_ns");

	cr_assert_eq(plot->rows->len, G_N_ELEMENTS(percentiles));
	for (guint i = 0; i < plot->rows->len; i++)
		cr_expect_str_eq(((char **)plot->rows->pdata[i])[3], percentiles[i]);
	cr_expect_str_eq(((char **)plot->rows->pdata[1])[4], "1", "one nine");
}

Test(plots, percentiles_end_at_four_nines)
{
	static const uint64_t counts[] = {500000, 400000, 99900, 80, 20};
	g_autoptr(GPtrArray) plots = compared(with_latencies(counts, G_N_ELEMENTS(counts)));
	const struct plot *plot = plot_named(plots, "percentiles.ops.read.latency_ns");

	cr_expect_eq(plot->rows->len, 3, "99.998 is beyond");
}

Test(plots, latencies_without_a_shape_have_no_picture)
{
	static const uint64_t counts[] = {5000, 400, 9};
	g_autoptr(GPtrArray) plots = compared(with_latencies(counts, G_N_ELEMENTS(counts)));

	cr_expect_eq(plots->len, 0);
}

/* Takes `points` over. */
static void add_memory(struct results_doc *doc, const char *variant, struct sim_series *points)
{
	static const struct figure figures[] = {{"ops.read.count", 1}, {NULL, 0}};
	static const char *const kinds[] = {"slab", "keys", NULL};

	fabricate_run(doc, variant, 0, &(struct made_up){.figures = figures, .digest = 1});
	variant_series_add(results_doc_variant(doc, variant), "memory", "bytes", points, kinds);
}

Test(plots, memory_has_a_panel_for_each_kind_that_there_is)
{
	static const int64_t some[] = {0, 4096}, none[] = {0, 0};
	const sim_ns end = 1000000;
	struct results_doc *doc = fabricate_doc(1);
	struct sim_series *a = sim_series_new(2), *b = sim_series_new(2);
	g_autoptr(GPtrArray) plots = NULL;
	const struct plot *plot;
	guint with_a = 0, with_b = 0;

	sim_series_upto(a, end, some);
	sim_series_upto(b, end / 2, none);
	add_memory(doc, "a", a);
	add_memory(doc, "b", b);
	plots = compared(doc);
	plot = plot_named(plots, "memory");
	expect_in(plot->script, "set multiplot layout 1,1");
	expect_in(plot->script, "'keys (KiB)'");
	cr_expect_str_eq(plot->head[2], "keys of b (bytes)");
	for (guint i = 0; i < plot->rows->len; i++) {
		char **cells = plot->rows->pdata[i];

		with_a += strcmp(cells[1], "4096") == 0;
		with_b += strcmp(cells[2], PLOT_NOTHING) != 0;
	}
	cr_expect(with_a > 0 && with_b > 0 && with_b < plot->rows->len, "%u, %u of %u", with_a,
		  with_b, plot->rows->len);
}

Test(plots, a_miss_ratio_is_a_share_of_all_accesses)
{
	static const uint64_t sizes[] = {1, 2}, more[] = {2, 4}, misses[] = {40, 10};
	const struct plot_misses curves[] = {{"lru", sizes, misses, 2, 40},
					     {"fifo", more, misses, 2, 40}};
	struct plot *plot = plot_of_misses(curves, 2, true);

	cr_assert_eq(plot->rows->len, 3);
	cr_expect_str_eq(((char **)plot->rows->pdata[0])[1], "100");
	cr_expect_str_eq(((char **)plot->rows->pdata[0])[2], PLOT_NOTHING);
	cr_expect_str_eq(((char **)plot->rows->pdata[1])[2], "100");
	cr_expect_str_eq(((char **)plot->rows->pdata[2])[2], "25");
	expect_in(plot->caption, "upper bound");
	plot_free(plot);
}

/* ---- gnuplot ---- */

Test(plots, the_same_picture_has_the_same_bytes)
{
	static const char *const steps[][3] = {{"1"}, {"2"}, {"128"}, {NULL}};
	g_autoptr(GPtrArray) plots = drawn(plot_curve(one_axis, steps, "b"));
	g_autoptr(GError) error = NULL;
	GString *one = plot_render(plots->pdata[0], PLOT_SVG, &error);
	GString *two = plot_render(plots->pdata[0], PLOT_SVG, NULL);

	cr_assert(one && two, "%s", error ? error->message : "");
	cr_expect_str_eq(one->str, two->str);
	expect_well_formed(one->str + strlen("<?xml version=\"1.0\" encoding=\"utf-8\"  "
					     "standalone=\"no\"?>"));
	g_string_free(one, TRUE);
	g_string_free(two, TRUE);
}

Test(plots, a_name_is_drawn_and_never_run)
{
	static const char name[] = "`touch ran`'; system('touch ran') # ]]> <b> & \"x\" |";
	static const char *const steps[][3] = {{"`touch ran`"}, {"'"}, {NULL}};
	g_autofree char *folder = g_dir_make_tmp("plots-XXXXXX", NULL);
	g_autofree char *file = g_build_filename(folder, "ran", NULL);
	g_autoptr(GPtrArray) plots = drawn(plot_curve(one_axis, steps, name));
	g_autoptr(GError) error = NULL;
	GString *svg;

	cr_assert(!chdir(folder));
	svg = plot_render(plots->pdata[0], PLOT_SVG, &error);
	cr_assert(svg, "%s", error ? error->message : "");
	cr_expect_not(g_file_test(file, G_FILE_TEST_EXISTS));
	expect_well_formed(strstr(svg->str, "<svg"));
	expect_in(svg->str, "`touch ran`'; system('touch ran')");
	g_string_free(svg, TRUE);
	rmdir(folder);
}
