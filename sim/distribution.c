/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Distributions of durations. */
#include "sim_internal.h"

#include <math.h>

enum { PER_MILLE = 1000 };

/*
 * Two exponentials with balanced means: one of mean a/(2p) with probability p, else one of mean
 * a/(2(1-p)), p = (1 + sqrt((c-1)/(c+1))) / 2 for a squared coefficient of variation c >= 1.
 * Additions, divisions and sqrt are exactly rounded everywhere, so the double is the same everywhere.
 */
static sim_ns draw_hyperexponential(struct sim_stream *stream, const struct sim_dist *dist)
{
	double c = (double)dist->b / PER_MILLE;
	double root = c > 1 ? sqrt((c - 1) / (c + 1)) : 0;
	uint64_t rare = (uint64_t)((1 - root) / 2 * 9223372036854775808.0); /* 2^63 (1-p) */
	uint64_t often = (UINT64_C(1) << 63) - rare;
	bool is_rare = sim_draw_u64(stream) >> 1 < rare;
	uint64_t share = is_rare ? rare : often;
	sim_u128 mean;

	g_assert(dist->b >= PER_MILLE && "hyperexponential: the scv is at least 1");
	mean = ((sim_u128)dist->a << 62) / MAX(share, 1);
	g_assert(mean <= SIM_MEAN_MAX);
	return sim_draw_exponential(stream, (sim_ns)mean);
}

static sim_ns interpolate(const struct sim_dist *dist, uint32_t i, sim_u128 position)
{
	sim_u128 low = (sim_u128)dist->point[i].per_mille << 54;
	sim_u128 high = (sim_u128)dist->point[i + 1].per_mille << 54;
	sim_ns from = dist->point[i].ns, to = dist->point[i + 1].ns;

	return from + (sim_ns)((position - low) * (to - from) / (high - low));
}

/* Below the first point and above the last their values stand. */
static sim_ns draw_quantiles(struct sim_stream *stream, const struct sim_dist *dist)
{
	/* 0 … 1000 in units of 2^-54: 10 bits and 54 leave room for a product with 2^64. */
	sim_u128 position = (sim_u128)(sim_draw_u64(stream) >> 10) * PER_MILLE;

	g_assert(dist->points && dist->points <= SIM_DIST_POINTS_MAX);
	if (position < (sim_u128)dist->point[0].per_mille << 54)
		return dist->point[0].ns;
	for (uint32_t i = 0; i + 1 < dist->points; i++)
		if (position < (sim_u128)dist->point[i + 1].per_mille << 54)
			return interpolate(dist, i, position);
	return dist->point[dist->points - 1].ns;
}

sim_ns sim_draw(struct sim_stream *stream, const struct sim_dist *dist)
{
	switch (dist->kind) {
	case SIM_DIST_CONSTANT:
		return dist->a;
	case SIM_DIST_UNIFORM:
		g_assert(dist->a <= dist->b && dist->b - dist->a < UINT64_MAX);
		return dist->a + sim_draw_below(stream, dist->b - dist->a + 1);
	case SIM_DIST_EXPONENTIAL:
		return sim_draw_exponential(stream, dist->a);
	case SIM_DIST_HYPEREXPONENTIAL:
		return draw_hyperexponential(stream, dist);
	case SIM_DIST_QUANTILES:
		return draw_quantiles(stream, dist);
	}
	g_assert_not_reached();
}

static sim_ns mean_of_quantiles(const struct sim_dist *dist)
{
	sim_u128 twice = 0;
	uint32_t last = dist->points - 1;

	g_assert(dist->points && dist->points <= SIM_DIST_POINTS_MAX);
	twice += (sim_u128)2 * dist->point[0].per_mille * dist->point[0].ns;
	for (uint32_t i = 0; i < last; i++)
		twice += (sim_u128)(dist->point[i + 1].per_mille - dist->point[i].per_mille) *
			 ((sim_u128)dist->point[i].ns + dist->point[i + 1].ns);
	twice += (sim_u128)2 * (PER_MILLE - dist->point[last].per_mille) * dist->point[last].ns;
	return (sim_ns)(twice / (2 * PER_MILLE));
}

sim_ns sim_dist_mean(const struct sim_dist *dist)
{
	switch (dist->kind) {
	case SIM_DIST_CONSTANT:
	case SIM_DIST_EXPONENTIAL:
	case SIM_DIST_HYPEREXPONENTIAL:
		return dist->a;
	case SIM_DIST_UNIFORM:
		return (sim_ns)(((sim_u128)dist->a + dist->b) / 2);
	case SIM_DIST_QUANTILES:
		return mean_of_quantiles(dist);
	}
	g_assert_not_reached();
}
