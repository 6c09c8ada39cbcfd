/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Zipf ranks by inversion: a table of cumulated weights, and a guide into it. */
#include "sim_internal.h"

enum {
	MILLI = 1000,
	TOTAL_BITS = 63, /* the weights' sum lies between 2^62 and 2^63 */
};

struct sim_zipf {
	uint64_t n, total;
	uint64_t *cumulated; /* of the ranks up to and including this */
	uint32_t *guide; /* first rank that a draw with these leading bits can give */
	int guide_shift;
};

/* (rank + 1)^-s in units of 2^-63: relative error under 2^-45 (s + 1). */
static uint64_t weight_of(uint64_t rank, uint32_t exponent_milli)
{
	sim_u128 y = (sim_u128)fixed_log2(rank + 1) * exponent_milli / MILLI;

	return y >> 64 ? 0 : fixed_exp2_negative((uint64_t)y);
}

static void cumulate(struct sim_zipf *zipf, uint32_t exponent_milli)
{
	sim_u128 sum = 0, total = 0;
	int shift = 0;

	for (uint64_t i = 0; i < zipf->n; i++)
		total += weight_of(i, exponent_milli);
	while (total >> shift >> TOTAL_BITS)
		shift++;
	for (uint64_t i = 0; i < zipf->n; i++) {
		sum += weight_of(i, exponent_milli);
		zipf->cumulated[i] = (uint64_t)(sum >> shift);
	}
	zipf->total = zipf->cumulated[zipf->n - 1];
}

static void make_guide(struct sim_zipf *zipf)
{
	uint64_t entries, rank = 0;

	zipf->guide_shift = __builtin_clzll(zipf->n);
	entries = ((zipf->total - 1) >> zipf->guide_shift) + 1;
	zipf->guide = g_new(uint32_t, entries);
	for (uint64_t i = 0; i < entries; i++) {
		while (zipf->cumulated[rank] <= i << zipf->guide_shift)
			rank++;
		zipf->guide[i] = (uint32_t)rank;
	}
}

struct sim_zipf *sim_zipf_new(uint64_t n, uint32_t exponent_milli)
{
	struct sim_zipf *zipf = g_new0(struct sim_zipf, 1);

	g_assert(n && n <= UINT32_MAX);
	zipf->n = n;
	zipf->cumulated = g_new(uint64_t, n);
	cumulate(zipf, exponent_milli);
	make_guide(zipf);
	return zipf;
}

void sim_zipf_free(struct sim_zipf *zipf)
{
	if (!zipf)
		return;
	g_free(zipf->cumulated);
	g_free(zipf->guide);
	g_free(zipf);
}

static uint64_t rank_of(const struct sim_zipf *zipf, uint64_t u)
{
	uint64_t rank = zipf->guide[u >> zipf->guide_shift];

	while (zipf->cumulated[rank] <= u)
		rank++;
	return rank;
}

uint64_t sim_draw_zipf(struct sim_stream *stream, const struct sim_zipf *zipf)
{
	return rank_of(zipf, sim_draw_below(stream, zipf->total));
}

uint64_t sim_keyed_zipf(struct sim *sim, uint64_t purpose, uint64_t request, uint64_t k,
			const struct sim_zipf *zipf)
{
	return rank_of(zipf, sim_keyed_below(sim, purpose, request, k, zipf->total));
}
