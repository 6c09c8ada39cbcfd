/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CLOCK with one reference bit: clear when a key comes in, set by a hit. A miss in a full cache lets
 * the hand pass over keys whose bit is set, clearing it, and replaces the first without.
 */
#include "models/trace/internal.h"

#include <string.h>

enum state { OUT, IN, REFERENCED };

struct clock {
	uint32_t *slots;
	uint64_t size, used, hand;
	uint8_t *states; /* enum state of each key */
};

static void replace(struct clock *clock, uint32_t key)
{
	while (clock->states[clock->slots[clock->hand]] == REFERENCED) {
		clock->states[clock->slots[clock->hand]] = IN;
		clock->hand = clock->hand + 1 == clock->size ? 0 : clock->hand + 1;
	}
	clock->states[clock->slots[clock->hand]] = OUT;
	clock->slots[clock->hand] = key;
	clock->hand = clock->hand + 1 == clock->size ? 0 : clock->hand + 1;
}

static bool simulate(const struct accesses *list, struct mrc_point *point, struct clock *clock,
		     const volatile int *interrupted)
{
	for (uint64_t i = 0; i < list->count; i++) {
		uint32_t key = list->keys[i];

		if (trace_interrupted(i, interrupted))
			return false;
		if (clock->states[key] != OUT) {
			clock->states[key] = REFERENCED;
			point->hits++;
			continue;
		}
		if (clock->used < clock->size)
			clock->slots[clock->used++] = key;
		else
			replace(clock, key);
		clock->states[key] = IN;
	}
	return true;
}

static bool fill(const struct accesses *list, struct mrc_point *points, size_t count,
		 const volatile int *interrupted)
{
	uint32_t keys = MAX(list->key_count, 1);
	uint32_t *slots = g_new(uint32_t, keys);
	uint8_t *states = g_new(uint8_t, keys);
	bool fine = true;

	for (size_t p = 0; fine && p < count; p++) {
		struct clock clock = {
			.slots = slots,
			.size = MIN(points[p].size, keys),
			.states = states,
		};

		memset(states, OUT, keys);
		fine = simulate(list, &points[p], &clock, interrupted);
	}
	g_free(slots);
	g_free(states);
	return fine;
}

const struct mrc_policy mrc_clock = {.name = "clock", .fill = fill};
