/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a profile makes of figures. */
#include "scenarios/scenarios.h"
#include "tests/calibrate/fabricate.h"

#include <criterion/criterion.h>
#include <glib/gstdio.h>
#include <string.h>

TestSuite(calibrate_profile);

struct made {
	struct calibration *calibration;
	struct cost_profile *base, *profile;
};

static void begin(struct made *made)
{
	g_unsetenv("EXTENTSIM_DATADIR");
	made->calibration = fabricated();
	made->base = cost_profile_load("sw-aes-6.18", NULL);
	cr_assert_not_null(made->base);
}

static void make(struct made *made)
{
	made->profile = calibration_profile(made->calibration, made->base, "mine");
}

static void end(struct made *made)
{
	calibration_free(made->calibration);
	cost_profile_free(made->base);
	cost_profile_free(made->profile);
}

static void expect_quantiles(const struct cost_entry *entry, sim_ns min, sim_ns p50, sim_ns max)
{
	cr_assert_eq(entry->dist.kind, SIM_DIST_QUANTILES);
	cr_assert_eq(entry->dist.points, 3);
	cr_expect_eq(entry->dist.point[0].ns, min);
	cr_expect_eq(entry->dist.point[1].ns, p50);
	cr_expect_eq(entry->dist.point[1].per_mille, 500);
	cr_expect_eq(entry->dist.point[2].ns, max);
}

Test(calibrate_profile, what_was_measured_itself_is_no_estimate)
{
	struct made made;
	const struct cost_entry *entry;

	begin(&made);
	fabricate(made.calibration, "line-transfer", 40, 50, 60, 0.01);
	make(&made);
	entry = &made.profile->cost[COST_LINE_TRANSFER];
	expect_quantiles(entry, 40, 50, 60);
	cr_expect_not(entry->estimate);
	cr_expect(g_str_has_prefix(entry->source,
				   "measured on Some CPU, Linux 6.99.1-some: what was done; "),
		  "%s", entry->source);
	end(&made);
}

Test(calibrate_profile, the_librarys_code_stands_in_for_the_kernels_with_the_bases_doubt)
{
	struct made made;
	const struct cost_entry *entry;

	begin(&made);
	fabricate(made.calibration, "hkdf-expand", 400, 410, 2000, 0.01);
	make(&made);
	entry = &made.profile->cost[COST_HKDF_EXPAND];
	expect_quantiles(entry, 400, 410, 820); /* beyond twice the median is the machine's */
	cr_expect(entry->estimate);
	cr_expect_eq(entry->low_ns, 400);
	cr_expect_eq(entry->high_ns, 820);
	cr_expect(strstr(entry->source, "in user space (Some library)"), "%s", entry->source);
	cr_expect_eq(made.base->cost[COST_HKDF_EXPAND].high_ns, 800);
	end(&made);
}

Test(calibrate_profile, what_was_not_measured_is_carried_over_and_says_so)
{
	struct made made;

	begin(&made);
	make(&made);
	for (int i = 0; i < KERNEL_COSTS; i++) {
		const struct cost_entry *of = &made.base->cost[i], *is = &made.profile->cost[i];

		cr_expect_eq(sim_dist_mean(&is->dist), sim_dist_mean(&of->dist));
		cr_expect_eq(is->estimate, of->estimate);
		cr_expect(g_str_has_prefix(is->source,
					   "carried over from sw-aes-6.18 (Linux 6.18, Intel"));
		cr_expect(g_str_has_suffix(is->source, of->source));
	}
	cr_expect_str_eq(made.profile->kernel, "6.99");
	end(&made);
}

Test(calibrate_profile, a_figure_gives_an_entry_what_is_left_of_it)
{
	struct made made;
	const struct cost_profile *base;
	sim_ns less;

	begin(&made);
	base = made.base;
	less = sim_dist_mean(&base->cost[COST_HKDF_EXPAND].dist) + base->cost[COST_SETKEY].dist.a +
	       base->cost[COST_SLAB_ALLOC].dist.a;
	fabricate(made.calibration, "syscall", 100, 100, 100, 0.01);
	fabricate(made.calibration, "kernel-close-plain", 250, 300, 350, 0.01);
	fabricate(made.calibration, "kernel-key-setup", 2400, 2500, 2600, 0.01);
	fabricate(made.calibration, "kernel-info", 50, 60, 70, 0.01);
	make(&made);
	expect_quantiles(&made.profile->cost[COST_FILE_CLOSE], 150, 200, 250);
	cr_expect_not(made.profile->cost[COST_FILE_CLOSE].estimate);
	expect_quantiles(&made.profile->cost[COST_TFM_ALLOC], 2400 - less, 2500 - less,
			 2600 - less);
	/* hkdf_expand is an estimate of 500 to 800 ns, setkey none, slab_alloc one of 30 to 200. */
	cr_expect(made.profile->cost[COST_TFM_ALLOC].estimate);
	cr_expect_eq(made.profile->cost[COST_TFM_ALLOC].low_ns, 2500 - 800 - 440 - 200);
	cr_expect_eq(made.profile->cost[COST_TFM_ALLOC].high_ns, 2500 - 500 - 440 - 30);
	/* Nothing is left. */
	cr_expect(g_str_has_prefix(made.profile->cost[COST_INODE_INFO_SETUP].source, "carried"));
	end(&made);
}

Test(calibrate_profile, the_minimum_is_taken_of_a_kernels_path_that_did_not_settle)
{
	struct made made;
	const struct cost_entry *entry;

	begin(&made);
	fabricate(made.calibration, "kernel-decrypt-4k", 53000, 112000, 160000, 0.01);
	fabricate(made.calibration, "kernel-tear-down", 900, 1000, 1100, 0.3);
	make(&made);
	entry = &made.profile->cost[COST_DECRYPT_4K];
	cr_expect_eq(entry->dist.kind, SIM_DIST_CONSTANT);
	cr_expect_eq(entry->dist.a, 53000);
	cr_expect(entry->estimate);
	cr_expect_eq(entry->low_ns, 53000);
	cr_expect_eq(entry->high_ns, 160000);
	cr_expect_eq(made.profile->cost[COST_TFM_FREE].dist.a, 900);
	end(&made);
}

Test(calibrate_profile, the_kernels_own_figure_wins_and_its_other_aes_keeps_its_own_key_set_up)
{
	struct made made;

	begin(&made);
	fabricate(made.calibration, "xts-setkey", 150, 160, 170, 0.01);
	fabricate(made.calibration, "xts-decrypt-4k", 600, 640, 650, 0.01);
	make(&made);
	cr_expect_eq(made.profile->cost[COST_SETKEY].dist.point[1].ns, 160);
	cr_expect_eq(made.profile->cost[COST_DECRYPT_4K].dist.point[1].ns, 640);
	cost_profile_free(made.profile);
	fabricate(made.calibration, "kernel-decrypt-4k", 59000, 59500, 60000, 0.01);
	make(&made);
	cr_expect_eq(made.profile->cost[COST_DECRYPT_4K].dist.point[1].ns, 59500);
	cr_expect_eq(made.profile->cost[COST_SETKEY].dist.a, 440);
	end(&made);
}

Test(calibrate_profile, its_file_is_loaded_as_it_was_made)
{
	g_autofree char *folder = g_dir_make_tmp("calibrate-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(folder, "mine.json", NULL), *text = NULL;
	g_autoptr(GError) error = NULL;
	struct cost_profile *loaded;
	struct made made;

	begin(&made);
	fabricate(made.calibration, "line-transfer", 40, 50, 60, 0.01);
	fabricate(made.calibration, "hkdf-expand", 400, 410, 2000, 0.01);
	make(&made);
	text = cost_profile_text(made.profile);
	cr_assert(g_file_set_contents(path, text, -1, NULL));
	loaded = cost_profile_load(path, &error);
	cr_assert_not_null(loaded, "%s", error->message);
	for (int i = 0; i < KERNEL_COSTS; i++) {
		const struct cost_entry *a = &made.profile->cost[i], *b = &loaded->cost[i];

		cr_expect_eq(a->dist.kind, b->dist.kind);
		cr_expect_eq(a->dist.a, b->dist.a);
		cr_expect_arr_eq(a->dist.point, b->dist.point, sizeof(a->dist.point));
		cr_expect_eq(a->estimate, b->estimate);
		cr_expect_eq(a->low_ns, b->low_ns);
		cr_expect_eq(a->high_ns, b->high_ns);
		cr_expect_str_eq(a->source, b->source);
	}
	for (int i = 0; i < KERNEL_SIZES; i++)
		cr_expect_eq(made.profile->size[i].value, loaded->size[i].value);
	cr_expect_str_eq(loaded->name, "mine");
	cr_expect_str_eq(loaded->doc, made.profile->doc);
	cost_profile_free(loaded);
	end(&made);
	g_remove(path);
	g_rmdir(folder);
}
