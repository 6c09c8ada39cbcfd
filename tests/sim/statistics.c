/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sim_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

Test(statistics, quantiles_are_at_most_a_thousandth_over_the_true_ones)
{
	enum { N = 20000 };
	static const uint32_t wanted[] = {0, 1, 1000, 50000, 90000, 99000, 99900, 99999, 100000};
	struct sim *sim = new_run(1);
	struct sim_histogram *h = sim_histogram_new(), *half = sim_histogram_new();
	uint64_t *value = malloc(N * sizeof(*value)), sum = 0;
	struct sim_stream stream;

	sim_stream_init(&stream, sim, "values", 0);
	for (int i = 0; i < N; i++) {
		value[i] = sim_draw_u64(&stream) >> sim_draw_below(&stream, 64);
		sum += value[i];
		sim_histogram_add(i % 2 ? h : half, value[i]);
	}
	sim_histogram_merge(h, half);
	qsort(value, N, sizeof(*value), compare);
	EXPECT_U64(sim_histogram_count(h), N);
	EXPECT_U64(sim_histogram_min(h), value[0]);
	EXPECT_U64(sim_histogram_max(h), value[N - 1]);
	EXPECT_U64(sim_histogram_sum_low(h), sum);
	for (size_t i = 0; i < G_N_ELEMENTS(wanted); i++) {
		uint64_t rank = ((uint64_t)N * wanted[i] + 99999) / 100000;
		uint64_t exact = value[rank ? rank - 1 : 0];
		uint64_t got = sim_histogram_quantile(h, wanted[i]);

		cr_assert(got >= exact && got - exact <= exact / 1000,
			  "quantile %u: %" PRIu64 ", truly %" PRIu64, wanted[i], got, exact);
	}
	cr_assert(sim_histogram_carries(h, 99900) && !sim_histogram_carries(h, 99999));
	cr_assert(sim_histogram_carries(h, 99950) && !sim_histogram_carries(h, 99951));
	sim_histogram_free(h);
	sim_histogram_free(half);
	free(value);
	sim_free(sim);
}

Test(statistics, an_empty_or_absent_histogram_reads_as_nothing)
{
	struct sim_histogram *h = sim_histogram_new(), *readers[] = {NULL, h};

	for (int i = 0; i < 2; i++) {
		EXPECT_U64(sim_histogram_count(readers[i]), 0);
		EXPECT_U64(sim_histogram_quantile(readers[i], 50000), 0);
		EXPECT_U64(sim_histogram_min(readers[i]), 0);
		EXPECT_U64(sim_histogram_max(readers[i]), 0);
		cr_assert(!sim_histogram_carries(readers[i], 0));
		cr_assert(sim_histogram_mean(readers[i]) == 0);
		sim_histogram_merge(h, readers[i]);
	}
	sim_histogram_add(h, UINT64_MAX);
	sim_histogram_add(h, UINT64_MAX);
	cr_assert(sim_histogram_mean(h) == 18446744073709551615.0);
	EXPECT_U64(sim_histogram_quantile(h, 50000), UINT64_MAX);
	sim_histogram_free(h);
}

static double student_tail(double t, double v)
{
	/* Two tails by Simpson's rule over the angle: t = sqrt(v) tan(a). */
	enum { STEPS = 20000 };
	double from = atan(t / sqrt(v)), to = acos(-1) / 2, sum = 0, all = 0;

	for (int i = 0; i <= STEPS; i++) {
		double weight = i == 0 || i == STEPS ? 1 : i % 2 ? 4 : 2;

		sum += weight * pow(fabs(cos(from + (to - from) * i / STEPS)), v - 1);
		all += weight * pow(fabs(cos(to * i / STEPS)), v - 1);
	}
	return sum * (to - from) / (all * to);
}

Test(statistics, student_quantiles_leave_a_twentieth_outside)
{
	static const uint32_t dfs[] = {1, 2, 3, 5, 9, 10, 19, 29, 30, 31, 40, 60, 120, 1000};

	for (size_t i = 0; i < G_N_ELEMENTS(dfs); i++) {
		double tail = student_tail(sim_student_95(dfs[i]), dfs[i]);

		cr_assert(fabs(tail - 0.05) < 1e-6, "%u degrees of freedom: %.9f", dfs[i], tail);
	}
}

Test(statistics, intervals_are_mean_and_half_width)
{
	const double values[] = {1, 2, 3, 4};
	struct sim_interval interval = sim_interval_of(values, 4);

	cr_assert(interval.mean == 2.5 && interval.n == 4);
	cr_assert(fabs(interval.half_width - 3.18244630528 * sqrt(5.0 / 3 / 4)) < 1e-12);
	cr_assert(sim_interval_of(values, 1).half_width == 0);
	cr_assert(sim_interval_of(values, 1).mean == 1);
	cr_assert(sim_interval_of(values, 0).n == 0);
}

Test(statistics, metrics_come_back_in_the_order_of_names)
{
	static const struct sim_metric_def ops = {"ops.*.*", "operations", SIM_NO_DIRECTION, "ops",
						  "how many"},
					   time = {"time", "ns", SIM_LESS_IS_BETTER, "all",
						   "how long"};
	struct sim_metrics *metrics = sim_metrics_new();
	const struct sim_metric_def *def;
	int64_t value;

	sim_metrics_set(metrics, &time, "time", -3);
	sim_metrics_set_for(metrics, &ops, 7, "write", "count", NULL);
	sim_metrics_set_for(metrics, &ops, 8, "read", "count", NULL);
	sim_metrics_set(metrics, &ops, "ops.read.bytes", 9);
	cr_assert_eq(sim_metrics_count(metrics), 4);
	cr_assert_str_eq(sim_metrics_at(metrics, 0, &def, &value), "ops.read.bytes");
	cr_assert(def == &ops && value == 9);
	cr_assert_str_eq(sim_metrics_at(metrics, 1, NULL, NULL), "ops.read.count");
	cr_assert_str_eq(sim_metrics_at(metrics, 2, NULL, NULL), "ops.write.count");
	cr_assert_str_eq(sim_metrics_at(metrics, 3, &def, &value), "time");
	cr_assert(def == &time && value == -3);
	sim_metrics_free(metrics);
}
