/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sim_test.h"
#include "sim/fixed.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void open_stream(struct sim_stream *stream, struct sim *sim)
{
	sim_stream_init(stream, sim, "test", 0);
}

Test(stream, xoshiro_is_the_published_generator)
{
	/* From the authors' xoshiro256plusplus.c with the state 1, 2, 3, 4. */
	static const uint64_t published[] = {41943041, 58720359, 3588806011781223, 3591011842654386,
					     UINT64_C(9228616714210784205)};
	struct sim *sim = new_run(1);
	struct sim_stream stream = {.sim = sim, .s = {1, 2, 3, 4}};

	for (size_t i = 0; i < G_N_ELEMENTS(published); i++)
		EXPECT_U64(sim_draw_u64(&stream), published[i]);
	EXPECT_U64(sim_draws(sim), G_N_ELEMENTS(published));
	sim_free(sim);
}

Test(stream, logarithm_and_power_are_as_accurate_as_they_say)
{
	struct sim *sim = new_run(1);
	struct sim_stream stream;

	open_stream(&stream, sim);
	for (int i = 0; i < 500000; i++) {
		uint64_t x = (sim_draw_u64(&stream) >> (i % 64)) | 1;
		uint64_t y = sim_draw_below(&stream, UINT64_C(40) << FIXED_BITS);
		long double log_error = fabsl(ldexpl(fixed_log2(x), -FIXED_BITS) - log2l(x));
		long double ln_error =
			fabsl(ldexpl(fixed_minus_ln(x), -FIXED_BITS) + logl(ldexpl(x, -64)));
		long double power = exp2l(-ldexpl(y, -FIXED_BITS));
		long double exp_error = fabsl(ldexpl(fixed_exp2_negative(y), -63) - power);

		cr_assert(log_error < 1.5e-14L, "log2(%" PRIu64 ")", x);
		cr_assert(ln_error < 2.5e-9L, "ln(%" PRIu64 ")", x);
		cr_assert(exp_error < 2e-15L * power + 3e-19L, "2^-%" PRIu64, y);
	}
	EXPECT_U64(fixed_log2(1) >> (FIXED_BITS - 40), 0);
	EXPECT_U64(fixed_exp2_negative(UINT64_C(63) << FIXED_BITS), 0);
	sim_free(sim);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

Test(stream, exponential_has_its_moments_and_passes_kolmogorov_smirnov)
{
	enum { N = 1000000 };
	const double mean = 1e6, factorial[] = {1, 1, 2, 6, 24, 120, 720, 5040, 40320};
	double moment[5] = {0}, *x = malloc(N * sizeof(*x)), d = 0;
	struct sim *sim = new_run(5);
	struct sim_stream stream;

	open_stream(&stream, sim);
	for (int i = 0; i < N; i++) {
		double power = 1;

		x[i] = (double)sim_draw_exponential(&stream, 1000000) / mean;
		for (int k = 1; k <= 4; k++)
			moment[k] += power *= x[i];
	}
	for (int k = 1; k <= 4; k++) {
		/* Five standard errors of a sample moment: its variance is (2k)! - k!². */
		double error = 5 * sqrt((factorial[2 * k] - factorial[k] * factorial[k]) / N);

		cr_assert(fabs(moment[k] / N - factorial[k]) < error, "moment %d: %g", k,
			  moment[k] / N);
	}
	qsort(x, N, sizeof(*x), compare);
	for (int i = 0; i < N; i++) {
		double f = 1 - exp(-x[i]);

		d = fmax(d, fmax(fabs(f - (double)i / N), fabs(f - (i + 1.0) / N)));
	}
	cr_assert(d * sqrt(N) < 1.63, "Kolmogorov-Smirnov at 1 %%: %g", d * sqrt(N));
	EXPECT_U64(sim_draws(sim), N);
	EXPECT_U64(sim_draw_exponential(&stream, 0), 0);
	free(x);
	sim_free(sim);
}

Test(stream, below_is_uniform_and_never_reaches_its_bound)
{
	enum { N = 700000, BOUND = 7 };
	struct sim *sim = new_run(6);
	struct sim_stream stream;
	uint32_t count[BOUND] = {0};
	double chi = 0;

	open_stream(&stream, sim);
	for (int i = 0; i < N; i++)
		count[sim_draw_below(&stream, BOUND)]++;
	for (int i = 0; i < BOUND; i++)
		chi += pow((double)count[i] - N / BOUND, 2) / (N / (double)BOUND);
	cr_assert(chi < 22.5, "chi squared with 6 degrees of freedom, 0.1 %%: %g", chi);
	for (int i = 0; i < 1000; i++) {
		EXPECT_U64(sim_draw_below(&stream, 1), 0);
		cr_assert(sim_draw_below(&stream, (UINT64_C(3) << 62) + 1) <= UINT64_C(3) << 62);
	}
	sim_free(sim);
}

static void check_zipf(uint64_t n, uint32_t milli, uint64_t seed)
{
	enum { N = 400000 };
	struct sim *sim = new_run(seed);
	struct sim_zipf *zipf = sim_zipf_new(n, milli);
	uint32_t *count = calloc(n, sizeof(*count));
	struct sim_stream stream;
	double total = 0, chi = 0, tail = 0, tail_count = 0, cells = 0;

	open_stream(&stream, sim);
	for (int i = 0; i < N; i++) {
		uint64_t rank = sim_draw_zipf(&stream, zipf);

		cr_assert(rank < n);
		count[rank]++;
	}
	for (uint64_t i = 0; i < n; i++)
		total += pow((double)(i + 1), -(double)milli / 1000.0);
	for (uint64_t i = 0; i < n; i++) {
		tail += N * pow((double)(i + 1), -(double)milli / 1000.0) / total;
		tail_count += count[i];
		if (tail < 20 && i + 1 < n)
			continue;
		chi += (tail_count - tail) * (tail_count - tail) / tail;
		cells++;
		tail = tail_count = 0;
	}
	cr_assert(n == 1 || chi < cells + 4 * sqrt(2 * cells) + 10,
		  "%" PRIu64 " ranks, exponent %u: chi squared %g of %g cells", n, milli, chi,
		  cells);
	free(count);
	sim_zipf_free(zipf);
	sim_free(sim);
}

Test(stream, zipf_draws_each_rank_as_often_as_it_should)
{
	check_zipf(1, 1000, 1);
	check_zipf(2, 1000, 2);
	check_zipf(1000, 0, 3);
	check_zipf(1000, 800, 4);
	check_zipf(100000, 990, 5);
	check_zipf(1000, 1200, 6);
	check_zipf(100, 3000, 7);
}

static const struct sim_dist dists[] = {
	{.kind = SIM_DIST_CONSTANT, .a = 77},
	{.kind = SIM_DIST_UNIFORM, .a = 1000, .b = 3000},
	{.kind = SIM_DIST_EXPONENTIAL, .a = 5000},
	{.kind = SIM_DIST_HYPEREXPONENTIAL, .a = 5000, .b = 4000},
	{.kind = SIM_DIST_HYPEREXPONENTIAL, .a = 5000, .b = 1000},
	{.kind = SIM_DIST_QUANTILES, .points = 3, .point = {{0, 100}, {500, 200}, {1000, 1000}}},
	{.kind = SIM_DIST_QUANTILES, .points = 2, .point = {{250, 100}, {750, 300}}},
};
/* Variance over the square of the mean. */
static const double scvs[] = {0, 1 / 12.0, 1, 4, 1, 0.55259, 0.16667};

Test(stream, distributions_have_their_means_and_variances)
{
	enum { N = 400000 };

	for (size_t i = 0; i < G_N_ELEMENTS(dists); i++) {
		struct sim *sim = new_run(40 + i);
		double mean = (double)sim_dist_mean(&dists[i]), sum = 0, squares = 0, scv;
		struct sim_stream stream;

		open_stream(&stream, sim);
		for (int j = 0; j < N; j++) {
			double x = (double)sim_draw(&stream, &dists[i]);

			sum += x;
			squares += (x - mean) * (x - mean);
		}
		scv = squares / N / mean / mean;
		cr_assert(fabs(sum / N - mean) <= 5 * mean * sqrt(scvs[i] / N) + 1,
			  "distribution %zu: mean %g", i, sum / N);
		cr_assert(fabs(scv - scvs[i]) <= 0.03 * scvs[i] + 1e-4, "distribution %zu: scv %g",
			  i, scv);
		cr_assert_eq(sim_draws(sim) == 0, dists[i].kind == SIM_DIST_CONSTANT);
		sim_free(sim);
	}
	EXPECT_U64(sim_dist_mean(&dists[5]), (150 + 600) / 2);
	EXPECT_U64(sim_dist_mean(&dists[6]), 200);
}

Test(stream, a_stream_depends_on_its_name_alone_and_a_keyed_draw_on_its_key_alone)
{
	const struct sim_options other_replication = {.seed = 1, .replication = 1};
	struct sim *a = new_run(1), *b = new_run(1), *c = sim_new(&other_replication);
	struct sim_stream x, y, z;
	uint64_t purpose = sim_purpose("size");
	uint64_t seen[64];
	size_t n = 0;

	sim_stream_init(&x, a, "arrival", 3);
	sim_stream_init(&z, b, "hold", 3);
	sim_draw_u64(&z);
	sim_stream_init(&y, b, "arrival", 3);
	EXPECT_U64(sim_draw_u64(&x), sim_draw_u64(&y));
	EXPECT_U64(sim_keyed_u64(a, purpose, 5, 1), sim_keyed_u64(b, purpose, 5, 1));
	EXPECT_U64(sim_draw_keyed(a, purpose, 5, 2, &dists[3]),
		   sim_draw_keyed(b, purpose, 5, 2, &dists[3]));
	EXPECT_U64(sim_draws(a), 4);
	EXPECT_U64(sim_draw_keyed(a, purpose, 5, 2, &dists[0]), 77);
	EXPECT_U64(sim_draws(a), 4);
	for (uint64_t request = 0; request < 4; request++)
		for (uint64_t k = 0; k < 4; k++) {
			seen[n++] = sim_keyed_u64(a, purpose, request, k);
			seen[n++] = sim_keyed_u64(a, sim_purpose("seek"), request, k);
			seen[n++] = sim_keyed_u64(c, purpose, request, k);
		}
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < i; j++)
			cr_assert(seen[i] != seen[j]);
	sim_free(a);
	sim_free(b);
	sim_free(c);
}

Test(stream, keyed_exponential_draws_pass_kolmogorov_smirnov)
{
	enum { N = 200000 };
	double *x = malloc(N * sizeof(*x)), d = 0;
	struct sim *sim = new_run(9);
	const struct sim_dist dist = {.kind = SIM_DIST_EXPONENTIAL, .a = 1000000};

	for (int i = 0; i < N; i++)
		x[i] = (double)sim_draw_keyed(sim, sim_purpose("think"), (uint64_t)i, 0, &dist) /
		       1e6;
	qsort(x, N, sizeof(*x), compare);
	for (int i = 0; i < N; i++)
		d = fmax(d, fabs(1 - exp(-x[i]) - (i + 0.5) / N));
	cr_assert(d * sqrt(N) < 1.63, "Kolmogorov-Smirnov at 1 %%: %g", d * sqrt(N));
	free(x);
	sim_free(sim);
}
