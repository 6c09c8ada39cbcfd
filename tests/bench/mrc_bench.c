/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The miss-ratio curve of each policy over ten million accesses, skewed, of about a million keys. */
#include "bench.h"

#include <inttypes.h>
#include <stdio.h>

#include "models/trace/internal.h"

static uint64_t splitmix64(uint64_t *state)
{
	uint64_t z = *state += 0x9E3779B97F4A7C15ull;

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ z >> 27) * 0x94D049BB133111EBull;
	return z ^ z >> 31;
}

/* The fourth power of a uniform number: the lowest keys are the hottest. */
static uint64_t draw_key(uint64_t *state, uint64_t keys)
{
	uint64_t u = splitmix64(state) >> 32, square = u * u >> 32;

	return (square * square >> 32) * keys >> 32;
}

void bench_mrc(void)
{
	const uint64_t accesses = 10000000, keys = 1000000;
	struct mrc_point point = {.size = 10000};
	struct accesses list;
	uint64_t state = 42;
	double start = bench_cpu_ns();

	accesses_init(&list, NULL);
	for (uint64_t i = 0; i < accesses; i++)
		if (!accesses_add(&list, 0, draw_key(&state, keys), NULL))
			return;
	printf("mrc: %" PRIu64 " accesses numbered, %u keys: %.2f M/s\n", list.count,
	       list.key_count, (double)accesses / (bench_cpu_ns() - start) * 1000);
	for (size_t i = 0; mrc_policies[i]; i++) {
		start = bench_cpu_ns();
		mrc_policies[i]->fill(&list, &point, 1, NULL);
		printf("mrc: %s, %s: %.2f M/s\n", mrc_policies[i]->name,
		       mrc_policies[i] == &mrc_lru ? "all sizes" : "10000 keys",
		       (double)accesses / (bench_cpu_ns() - start) * 1000);
	}
	accesses_clear(&list);
}
