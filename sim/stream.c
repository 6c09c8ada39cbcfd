/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random streams: xoshiro256++ (Blackman and Vigna 2019), seeded by name. */
#include "sim_internal.h"
#include "fixed.h"

#define GOLDEN UINT64_C(0x9e3779b97f4a7c15)

uint64_t sim_purpose(const char *name)
{
	return mix64(hash_string(name));
}

/* The four words of state from one: splitmix64, as the authors of xoshiro advise. */
static void seed_stream(struct sim_stream *stream, struct sim *sim, uint64_t key)
{
	stream->sim = sim;
	for (int i = 0; i < 4; i++)
		stream->s[i] = mix64(key += GOLDEN);
}

static uint64_t key_of(const struct sim *sim, uint64_t purpose, uint64_t a, uint64_t b)
{
	uint64_t key = mix64(sim->seed_key + purpose + GOLDEN);

	key = mix64(key ^ (a + GOLDEN));
	return mix64(key + b * GOLDEN);
}

void sim_stream_init(struct sim_stream *stream, struct sim *sim, const char *purpose,
		     uint64_t entity)
{
	/* A k that no keyed draw uses keeps streams apart from keyed draws of the same name. */
	seed_stream(stream, sim, key_of(sim, sim_purpose(purpose), entity, UINT64_MAX));
}

static inline uint64_t rotl(uint64_t x, int k)
{
	return x << k | x >> (64 - k);
}

static inline uint64_t next(struct sim_stream *stream)
{
	uint64_t *s = stream->s;
	uint64_t result = rotl(s[0] + s[3], 23) + s[0];
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	stream->sim->draws++;
	return result;
}

uint64_t sim_draw_u64(struct sim_stream *stream)
{
	return next(stream);
}

uint64_t sim_draw_below(struct sim_stream *stream, uint64_t bound)
{
	sim_u128 product;
	uint64_t biased;

	g_assert(bound);
	product = (sim_u128)next(stream) * bound;
	if (SIM_LIKELY((uint64_t)product >= bound))
		return (uint64_t)(product >> 64);
	/* 2^64 mod bound of the low halves occur once too often (Lemire 2019). */
	biased = -bound % bound;
	while ((uint64_t)product < biased)
		product = (sim_u128)next(stream) * bound;
	return (uint64_t)(product >> 64);
}

/* -ln(u) mean by inversion, u odd in units of 2^-64: at most 44.4 means. */
sim_ns sim_draw_exponential(struct sim_stream *stream, sim_ns mean)
{
	uint64_t e = fixed_minus_ln(next(stream) | 1);

	g_assert(mean <= SIM_MEAN_MAX);
	return (sim_ns)(((sim_u128)e * mean + (UINT64_C(1) << (FIXED_BITS - 1))) >> FIXED_BITS);
}

uint64_t sim_keyed_u64(struct sim *sim, uint64_t purpose, uint64_t request, uint64_t k)
{
	sim->draws++;
	return key_of(sim, purpose, request, k);
}

uint64_t sim_keyed_below(struct sim *sim, uint64_t purpose, uint64_t request, uint64_t k,
			 uint64_t bound)
{
	return (uint64_t)((sim_u128)sim_keyed_u64(sim, purpose, request, k) * bound >> 64);
}

sim_ns sim_draw_keyed(struct sim *sim, uint64_t purpose, uint64_t request, uint64_t k,
		      const struct sim_dist *dist)
{
	struct sim_stream stream;

	if (dist->kind == SIM_DIST_CONSTANT)
		return dist->a;
	seed_stream(&stream, sim, key_of(sim, purpose, request, k));
	return sim_draw(&stream, dist);
}
