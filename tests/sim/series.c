/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Series over time, and distributions as documents keep them. */
#include "sim_test.h"

Test(series, has_what_was_so_at_each_point)
{
	struct sim_series *s = sim_series_new(2);

	sim_series_upto(s, 0, (int64_t[]){1, 2});
	cr_expect_eq(s->points, 0u, "what changes at 0 is yet to be told");
	sim_series_upto(s, 2, (int64_t[]){3, 4});
	sim_series_upto(s, 3, (int64_t[]){5, 6});
	cr_assert_eq(s->points, 3u);
	for (uint32_t i = 0; i < 3; i++) {
		cr_expect_eq(s->point[2 * i], i < 2 ? 3 : 5);
		cr_expect_eq(s->point[2 * i + 1], i < 2 ? 4 : 6);
	}
	sim_series_free(s);
}

/* A figure that is the time itself: each point has its own, whatever was thinned out. */
Test(series, keeps_at_most_256_points_at_equal_distances)
{
	struct sim_series *s = sim_series_new(1), *copy;

	for (int64_t now = 1; now <= 100000; now++)
		sim_series_upto(s, (sim_ns)now, &(int64_t){now - 1});
	copy = sim_series_copy(s);
	sim_series_free(s);
	cr_expect_eq(copy->interval, 512u);
	cr_expect_eq(copy->points, 196u);
	for (uint32_t i = 0; i < copy->points; i++)
		cr_expect_eq(copy->point[i], (int64_t)i * 512);
	sim_series_free(copy);
}

Test(series, of_a_long_run_with_one_change_costs_little)
{
	struct sim_series *s = sim_series_new(1);

	sim_series_upto(s, UINT64_C(1) << 50, &(int64_t){7});
	cr_expect_leq(s->points, (uint32_t)SIM_SERIES_POINTS);
	cr_expect_geq(s->points, (uint32_t)SIM_SERIES_POINTS / 2);
	cr_expect_eq(s->point[s->points - 1], 7);
	sim_series_free(s);
}

static struct sim_distribution *of_values(uint64_t from, uint64_t to, uint64_t step)
{
	struct sim_histogram *h = sim_histogram_new();
	struct sim_distribution *d;

	for (uint64_t v = from; v < to; v += step)
		sim_histogram_add(h, v);
	d = sim_distribution_of(h);
	sim_histogram_free(h);
	return d;
}

Test(distribution, bounds_are_at_most_a_32nd_over_a_value)
{
	for (uint64_t v = 0; v < 1 << 20; v = v + v / 100 + 1) {
		uint64_t bound = sim_distribution_bound(v);

		cr_assert_geq(bound, v);
		cr_assert_leq((bound - v) * SIM_DISTRIBUTION_STEPS, v);
		cr_assert_eq(sim_distribution_bound(bound), bound);
	}
}

Test(distribution, counts_every_value_in_its_bucket)
{
	struct sim_distribution *d = of_values(5, 5000, 7);
	uint64_t at = 5, count = 0;

	for (guint i = 0; i < d->buckets->len; i++) {
		struct sim_bucket b = g_array_index(d->buckets, struct sim_bucket, i);
		uint64_t in = 0;

		for (; at < 5000 && at <= b.upto; at += 7)
			in++;
		cr_assert_eq(b.count, in);
		cr_assert_gt(in, 0u, "an empty bucket");
		count += in;
	}
	cr_expect_eq(count, d->count);
	cr_expect_eq(d->min, 5u);
	cr_expect_eq(d->max, 4996u);
	sim_distribution_free(d);
}

Test(distribution, merging_is_counting_together)
{
	struct sim_distribution *a = of_values(5, 5000, 14), *b = of_values(12, 5000, 14);
	struct sim_distribution *all = of_values(5, 5000, 7), *none = sim_distribution_new();

	sim_distribution_merge(none, a);
	sim_distribution_merge(none, b);
	cr_expect_eq(none->count, all->count);
	cr_expect_eq(none->sum, all->sum);
	cr_expect_eq(none->min, all->min);
	cr_expect_eq(none->max, all->max);
	cr_assert_eq(none->buckets->len, all->buckets->len);
	cr_expect_eq(memcmp(none->buckets->data, all->buckets->data,
			    all->buckets->len * sizeof(struct sim_bucket)),
		     0);
	sim_distribution_free(a);
	sim_distribution_free(b);
	sim_distribution_free(all);
	sim_distribution_free(none);
}
