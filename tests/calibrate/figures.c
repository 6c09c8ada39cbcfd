/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What samples are made to say. */
#include "calibrate/internal.h"

#include <criterion/criterion.h>
#include <math.h>

TestSuite(calibrate_figures);

Test(calibrate_figures, quantiles_are_the_samples_of_nearest_rank)
{
	struct calibrate_figure figure = {.times = 1};
	double samples[100];

	for (int i = 0; i < 100; i++)
		samples[i] = 100 - i;
	figure_fill(&figure, samples, 100, 0.2);
	cr_expect_eq(figure.min_ns, 1);
	cr_expect_eq(figure.p50_ns, 50);
	cr_expect_eq(figure.p90_ns, 90);
	cr_expect_eq(figure.p99_ns, 99);
	cr_expect_eq(figure.samples, 100);
	/* The 40th and the 61st hold the median of what these are a sample of. */
	cr_expect_float_eq(figure.width, 10.5 / 50, 1e-12);
	cr_expect_not(figure.narrow);
	figure_fill(&figure, samples, 100, 0.25);
	cr_expect(figure.narrow);
}

Test(calibrate_figures, the_interval_holds_the_median_in_95_of_100_cases)
{
	enum { CASES = 4000, SAMPLES = 101 };
	const struct sim_options options = {.seed = 1};
	struct sim *sim = sim_new(&options);
	const struct sim_dist dist = {.kind = SIM_DIST_EXPONENTIAL, .a = 1000000};
	uint64_t purpose = sim_purpose("median");
	double truth = 1000000 * log(2), samples[SAMPLES];
	int held = 0;

	for (uint64_t c = 0; c < CASES; c++) {
		struct calibrate_figure figure = {.times = 1};
		double low, high;

		for (uint64_t i = 0; i < SAMPLES; i++)
			samples[i] = (double)sim_draw_keyed(sim, purpose, c, i, &dist);
		figure_fill(&figure, samples, SAMPLES, 1);
		/* figure_fill() has sorted them; its width is half the distance of these. */
		low = samples[(int)floor(50.5 - 9.85) - 1];
		high = samples[(int)ceil(50.5 + 9.85)];
		cr_assert_float_eq(figure.width, (high - low) / 2 / figure.p50_ns, 1e-9);
		held += low <= truth && truth <= high;
	}
	/* Ranks are whole numbers and rounded outwards: a little more than 95 %. */
	cr_expect(held > CASES * 0.945 && held < CASES * 0.985, "%d of %d", held, CASES);
	sim_free(sim);
}

Test(calibrate_figures, few_samples_have_no_interval)
{
	struct calibrate_figure figure = {.times = 1};
	double samples[] = {3, 1, 2};

	figure_fill(&figure, samples, 3, 1);
	cr_expect_eq(figure.p50_ns, 2);
	cr_expect(isinf(figure.width));
	cr_expect_not(figure.narrow);
}

Test(calibrate_figures, differences_are_quantile_by_quantile_and_as_uncertain_as_both)
{
	const struct calibrate_figure of = {.min_ns = 50,
					    .p50_ns = 100,
					    .p90_ns = 130,
					    .p99_ns = 200,
					    .width = 0.03,
					    .samples = 9,
					    .times = 7},
				      less = {.min_ns = 30,
					      .p50_ns = 50,
					      .p90_ns = 60,
					      .p99_ns = 210,
					      .width = 0.08,
					      .samples = 8};
	struct calibrate_figure figure = {.times = 0};

	figure_difference(&figure, &of, &less, 0.1);
	cr_expect_eq(figure.min_ns, 20);
	cr_expect_eq(figure.p50_ns, 50);
	cr_expect_eq(figure.p90_ns, 70);
	cr_expect_eq(figure.p99_ns, -10);
	cr_expect_float_eq(figure.width, 5.0 / 50, 1e-12); /* 3 and 4 ns of 50 */
	cr_expect_eq(figure.samples, 8);
	cr_expect_eq(figure.times, 7);
}

Test(calibrate_figures, the_best_driver_of_xts_is_found)
{
	g_autofree char *driver = host_xts_driver(
		"name         : xts(aes)\ndriver       : slow\npriority     : 100\n\n"
		"name         : __xts(aes)\ndriver       : inner\npriority     : 900\n\n"
		"name         : xts(aes)\ndriver       : fast\npriority     : 800\n\n"
		"name         : cbc(aes)\ndriver       : other\npriority     : 999\n");

	cr_expect_str_eq(driver, "fast");
	cr_expect_null(host_xts_driver("name : sha256\ndriver : x\npriority : 1\n"));
}

Test(calibrate_figures, an_interruption_leaves_none_behind)
{
	const volatile int interrupted = 1;
	const struct calibrate_options options = {.quick = true, .interrupted = &interrupted};
	struct calibration *calibration = calibrate_run(&options, NULL);

	cr_assert_not_null(calibration);
	cr_expect(calibration->interrupted);
	cr_expect_eq(calibration->figures->len, 0);
	calibration_free(calibration);
}
