/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What people read. */
#include "results/internal.h"
#include "tests/results/fabricate.h"

#include <criterion/criterion.h>
#include <string.h>

static size_t widest_line(const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	size_t widest = 0;

	for (char **line = lines; *line; line++)
		widest = MAX(widest, (size_t)g_utf8_strlen(*line, -1));
	return widest;
}

Test(results_text, is_the_golden_table)
{
	static const char expected[] =
		"tiny (terminating): What does a pool of 128 cost?\n"
		"image debian-12; cost profile soft-aes (kernel 6.12, Some CPU); 2 replications\n"
		"  from seed 42\n"
		"\n"
		"                                 none           lightweight          heavyweight\n"
		"operations\n"
		"  ops.buffered_overwrite.\n"
		"    count                         500       500           =       500          =\n"
		"  ops.read.count               10,000    10,000           =    10,000          =\n"
		"latency\n"
		"  ops.buffered_overwrite.\n"
		"    latency_p99            12.1±0.6us    12.1us           =    12.1us          =\n"
		"  ops.read.latency_p50        82±13us    97.0us* +18.3±0.1%     120us +45.9±0.2%\n"
		"  ops.read.latency_p99      940±381us     948us     +1±30%?     959us    +2±76%?\n"
		"pool\n"
		"  pool.in_use_max                   -         4                     4\n"
		"keys\n"
		"  key.derivations                   0     1,880        vs 0     1,880       vs 0\n"
		"allocations by site, gfp flags and context (alloc.by.*)\n"
		"  crypto_alloc_skcipher.\n"
		"    GFP_KERNEL.writeback            -       150*                  376\n"
		"  bounce.GFP_NOFS.\n"
		"    writeback                       -         3                     3\n"
		"memory\n"
		"  mem.extent_maps_max        104,000B  104,000B           =  104,000B          =\n"
		"disk\n"
		"  disk.context                      -   30,080B*              75,200B\n"
		"  disk.leaves                     208       223*      +7.2%       245     +17.8%\n"
		"\n"
		"0 in every variant: ops.read.refused, deadlocks\n"
		"\n"
		"* best, or not told from the best; = the same as the reference, which stands\n"
		"  first; ± half of a 95 % interval; ? can't be told from this many seeds\n"
		"\n"
		"heavyweight: 1 finding\n"
		"  refusal, first at 1.50us, in 2 of 2 replications: reflink /a to /b: EINVAL,\n"
		"    the keys differ\n"
		"\n"
		"Verdict\n"
		"  lightweight against none: worse in 3 (ops.read.latency_p50_ns +18.3±0.1%,\n"
		"    key.derivations 1,880 vs 0, disk.leaves +7.2%); the same in 6; can't be told\n"
		"    in 1 (ops.read.latency_p99_ns: 72 seeds would tell).\n"
		"  heavyweight against none: worse in 3 (ops.read.latency_p50_ns +45.9±0.2%,\n"
		"    key.derivations 1,880 vs 0, disk.leaves +17.8%); the same in 6; can't be\n"
		"    told in 1 (ops.read.latency_p99_ns: 72 seeds would tell).\n"
		"  Best, or not told from the best: lightweight in 3.\n"
		"  14 metrics sampled at 2 seeds and compared seed by seed, each with 95 %\n"
		"    confidence: of twenty that do not differ, one may be said to.\n";
	struct results_doc *doc = fabricate_first_run();
	g_autofree char *text = fabricate_text(doc, NULL);

	cr_assert_str_eq(text, expected);
	results_doc_free(doc);
}

Test(results_text, keeps_to_the_width_and_leaves_no_blanks_behind)
{
	static const unsigned widths[] = {50, 60, 72, 80, 100, 200};
	struct results_doc *doc = fabricate_first_run();

	for (size_t i = 0; i < G_N_ELEMENTS(widths); i++)
		for (int all = 0; all < 2; all++) {
			struct results_text_options o = {.width = widths[i], .all = all};
			g_autofree char *text = fabricate_text(doc, &o);

			cr_assert_leq(widest_line(text), widths[i], "%zu at width %u:\n%s",
				      widest_line(text), widths[i], text);
			cr_assert_null(strstr(text, " \n"), "%s", text);
			cr_assert_null(strstr(text, "\x1b"));
		}
	results_doc_free(doc);
}

Test(results_text, splits_many_variants_into_blocks_that_repeat_the_reference)
{
	static const struct figure figures[] = {{"disk.leaves", 123456789}, {NULL, 0}};
	struct results_doc *doc = fabricate_doc(1);
	g_autofree char *text = NULL;
	unsigned blocks = 0;

	for (int i = 0; i < 9; i++) {
		g_autofree char *name = g_strdup_printf("lightweight-pool-of-%d", 1 << i);

		fabricate_run(doc, name, 0, &(struct made_up){figures, 0, 1, NULL, false, NULL});
	}
	text = fabricate_text(doc, NULL);
	cr_assert_leq(widest_line(text), 80, "%s", text);
	for (const char *p = text; (p = strstr(p, "\ndisk\n")); p++)
		blocks++;
	cr_assert_gt(blocks, 1, "%s", text);
	for (int i = 0; i < 9; i++) {
		g_autofree char *name = g_strdup_printf("lightweight-pool-of-%d against", 1 << i);

		cr_assert(i == 0 || strstr(text, name), "%s in\n%s", name, text);
	}
	results_doc_free(doc);
}

Test(results_text, in_ascii_has_nothing_else)
{
	struct results_doc *doc = fabricate_first_run();
	struct results_text_options ascii = {.ascii = true};
	g_autofree char *text = NULL;

	fabricate_run(doc,
		      "gr\xc3\xb6\xc3\x9f"
		      "e",
		      0,
		      &(struct made_up){(const struct figure[]){{"disk.leaves", 1}, {NULL, 0}}, 1,
					0, "odd\x1b[31m: \x07\xff", false, NULL});
	text = fabricate_text(doc, &ascii);
	for (const char *p = text; *p; p++)
		cr_assert(*p == '\n' || (*p >= ' ' && *p <= '~'), "byte %d in\n%s", *p, text);
	cr_assert_not_null(strstr(text, "12.1+-0.6us"), "%s", text);
	results_doc_free(doc);
}

Test(results_text, has_colours_only_when_asked)
{
	struct results_doc *doc = fabricate_first_run();
	struct results_text_options colour = {.colour = true};
	g_autofree char *with = fabricate_text(doc, &colour), *without = fabricate_text(doc, NULL);

	cr_assert_not_null(strstr(with, "\x1b["));
	cr_assert_null(strstr(without, "\x1b["));
	results_doc_free(doc);
}

Test(results_text, bounds_allocation_sites_biggest_first)
{
	enum { SITES = 20 };
	struct figure figures[SITES + 1] = {{NULL, 0}};
	char names[SITES][64];
	struct results_doc *doc = fabricate_doc(1);
	struct results_text_options all = {.all = true};
	g_autofree char *text = NULL, *everything = NULL;

	for (int i = 0; i < SITES; i++) {
		g_snprintf(names[i], sizeof(names[i]), "alloc.by.site%02d.GFP_NOFS.endio", i);
		figures[i] = (struct figure){names[i], 1 + i};
	}
	fabricate_run(doc, "none", 0, &(struct made_up){figures, 0, 0, NULL, false, NULL});
	text = fabricate_text(doc, NULL);
	cr_assert_lt(strstr(text, "site19"), strstr(text, "site18"));
	cr_assert_null(strstr(text, "site11"), "%s", text);
	cr_assert_not_null(strstr(text, "and 12 smaller ones"), "%s", text);
	everything = fabricate_text(doc, &all);
	cr_assert_not_null(strstr(everything, "site00"), "%s", everything);
	results_doc_free(doc);
}

Test(results_text, shows_beyond_the_summary_only_when_asked)
{
	static const struct figure figures[] = {
		{"other.curious", 3}, {"disk.leaves", 1}, {NULL, 0}};
	struct results_doc *doc = fabricate_doc(1);
	struct results_text_options all = {.all = true};
	g_autofree char *text = NULL, *everything = NULL;

	fabricate_run(doc, "none", 0, &(struct made_up){figures, 0, 0, NULL, false, NULL});
	text = fabricate_text(doc, NULL);
	everything = fabricate_text(doc, &all);
	cr_assert_null(strstr(text, "other.curious"));
	cr_assert_null(strstr(text, "host.wall"));
	cr_assert_not_null(strstr(everything, "other.curious"));
	cr_assert_not_null(strstr(everything, "host.wall"));
	results_doc_free(doc);
}

Test(results_text, of_one_seed_promises_nothing)
{
	static const struct figure a[] = {{"disk.leaves", 3}, {NULL, 0}},
				   b[] = {{"disk.leaves", 4}, {NULL, 0}};
	struct results_doc *doc = fabricate_doc(1);
	g_autofree char *text = NULL;

	fabricate_run(doc, "a", 0, &(struct made_up){a, 1, 0, NULL, false, NULL});
	fabricate_run(doc, "b", 0, &(struct made_up){b, 1, 0, NULL, false, NULL});
	text = fabricate_text(doc, NULL);
	cr_assert_not_null(strstr(text, "4 +33.3%?"), "%s", text);
	cr_assert_not_null(strstr(text, "at one seed: that tells nothing"), "%s", text);
	results_doc_free(doc);
}

Test(results_text, names_fewer_values_than_runs)
{
	static const struct figure with[] = {
		{"ops.read.latency_p99_ns", 5000}, {"disk.leaves", 1}, {NULL, 0}};
	struct results_doc *doc = fabricate_doc(2);
	g_autofree char *text = NULL;

	fabricate_run(doc, "none", 0, &(struct made_up){with, 1, 0, NULL, false, NULL});
	fabricate_run(doc, "none", 1, &(struct made_up){with + 1, 1, 0, NULL, false, NULL});
	text = fabricate_text(doc, NULL);
	cr_assert_not_null(strstr(text, "5.00us(n=1)"), "%s", text);
	results_doc_free(doc);
}

Test(results_text, tells_a_chain_line_by_line)
{
	static const struct figure figures[] = {{"deadlocks", 1}, {NULL, 0}};
	struct results_doc *doc = fabricate_doc(1);
	g_autofree char *text = NULL;

	fabricate_run(doc, "none", 0,
		      &(struct made_up){figures, 0, 0,
					"deadlock: kworker waits\nfor crypto_alg_sem", true, NULL});
	text = fabricate_text(doc, NULL);
	cr_assert_not_null(strstr(text, "  deadlock, first at 1.50us: kworker waits\n"
					"    for crypto_alg_sem\n"),
			   "%s", text);
	results_doc_free(doc);
}

Test(results_text, as_markdown_is_fenced_and_bounded)
{
	enum { VARIANTS = 60 };
	static const struct figure figures[] = {{"disk.leaves", 1}, {"mem.x", 3}, {NULL, 0}};
	struct results_doc *doc = fabricate_doc(1);
	const struct results_doc *docs[] = {doc};
	g_autoptr(GString) out = g_string_new(NULL);
	struct results_comparison *cmp;

	for (int i = 0; i < VARIANTS; i++) {
		g_autofree char *name = g_strdup_printf("v%d", i);
		g_autofree char *filler = g_strnfill(3000, 'y'),
				*text = g_strdup_printf("odd: ``` %s", filler);

		fabricate_run(doc, name, 0, &(struct made_up){figures, 0, 0, text, false, NULL});
	}
	cmp = results_compare(docs, NULL, 1, NULL);
	results_markdown(cmp, NULL, out);
	cr_assert_leq(out->len, RESULTS_MARKDOWN_MAX_BYTES);
	cr_assert(g_str_has_prefix(out->str, "````\ntiny"), "%.20s", out->str);
	cr_assert_not_null(strstr(out->str, "\n````\n\n"));
	cr_assert_not_null(strstr(out->str, "lines more are left out here.\n"));
	results_comparison_free(cmp);
	results_doc_free(doc);
}

Test(results_text, figures_are_read_at_a_glance)
{
	static const struct {
		double value;
		const char *unit;
		bool compact;
		const char *text;
	} rows[] = {
		{0, "ns", false, "0ns"},
		{999, "ns", false, "999ns"},
		{12.34, "ns", false, "12.3ns"},
		{1000, "ns", false, "1.00us"},
		{9996, "ns", false, "10.0us"},
		{99960, "ns", false, "100us"},
		{999600, "ns", false, "1.00ms"},
		{14100, "ns", false, "14.1us"},
		{1e9, "ns", false, "1.00s"},
		{4e12, "ns", false, "4,000s"},
		{75200, "bytes", false, "75,200B"},
		{1e6, "bytes", false, "977KiB"},
		{1048576, "bytes", false, "1.00MiB"},
		{123456, "bytes", true, "121KiB"},
		{999999999, "count", false, "999,999,999"},
		{1e9, "count", false, "1.00G"},
		{1234567, "count", true, "1.23M"},
		{999999, "count", true, "999,999"},
		{-1234, "count", false, "-1,234"},
		{2.5, "count", false, "2.50"},
		{1234.5, "count", false, "1,234"},
		{250, "ppm", false, "250ppm"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GString) out = g_string_new(NULL);

		human_value(out, rows[i].value, rows[i].unit, rows[i].compact);
		cr_assert_str_eq(out->str, rows[i].text);
	}
}

Test(results_text, differences_are_read_at_a_glance)
{
	static const struct {
		struct results_cell cell;
		bool zero;
		const char *text;
	} rows[] = {
		{{.verdict = RESULTS_SAME, .pairs = 1}, false, "="},
		{{.verdict = RESULTS_STOPPED}, false, "stopped"},
		{{.verdict = RESULTS_CANT_TELL}, false, "?"},
		{{.verdict = RESULTS_WORSE, .pairs = 1, .difference = 5}, true, "vs 0"},
		{{.verdict = RESULTS_WORSE,
		  .pairs = 1,
		  .difference = 146,
		  .relative = .146,
		  .has_relative = true},
		 false,
		 "+14.6%"},
		{{.verdict = RESULTS_WORSE,
		  .pairs = 1,
		  .difference = -146,
		  .relative = -.146,
		  .has_relative = true,
		  .half_width = 3},
		 false,
		 "-14.6±0.3%"},
		{{.verdict = RESULTS_CANT_TELL,
		  .pairs = 3,
		  .difference = 146,
		  .relative = .146,
		  .has_relative = true,
		  .half_width = 300},
		 false,
		 "+15±30%?"},
		{{.verdict = RESULTS_WORSE,
		  .pairs = 1,
		  .difference = 3,
		  .relative = .0001,
		  .has_relative = true},
		 false,
		 "+3ns"},
		{{.verdict = RESULTS_WORSE,
		  .pairs = 1,
		  .difference = 1460,
		  .relative = 1.46,
		  .has_relative = true},
		 false,
		 "+146%"},
		{{.verdict = RESULTS_WORSE,
		  .pairs = 1,
		  .difference = 1460,
		  .relative = 1233.,
		  .has_relative = true},
		 false,
		 "x1,234"},
		{{.verdict = RESULTS_WORSE, .pairs = 1, .difference = -7}, false, "-7ns"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GString) out = g_string_new(NULL);

		human_difference(out, &rows[i].cell, rows[i].zero, "ns");
		cr_assert_str_eq(out->str, rows[i].text);
	}
}

Test(results_text, tells_a_repeated_finding_once)
{
	static const struct figure figures[] = {{"deadlocks", 0}, {NULL, 0}};
	struct results_doc *doc = fabricate_doc(2);
	g_autofree char *text = NULL;

	for (uint32_t i = 0; i < 2; i++)
		fabricate_run(
			doc, "none", i,
			&(struct made_up){figures, 1, 0, i ? NULL : "odd: same", false, NULL});
	for (int i = 0; i < 2; i++)
		g_ptr_array_add(((struct results_variant *)doc->variants->pdata[0])
					->replication[0]
					.findings,
				finding_new("odd", "same", 9000));
	text = fabricate_text(doc, NULL);
	cr_assert_not_null(strstr(text, "odd, first at 1.50us, 3 times, in 1 of 2 replications"),
			   "%s", text);
	results_doc_free(doc);
}
