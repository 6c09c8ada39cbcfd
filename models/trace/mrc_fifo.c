/* SPDX-License-Identifier: GPL-2.0-or-later */
/* FIFO: a key that came in with the n-th miss leaves with the (n + size)-th. */
#include "models/trace/internal.h"

#include <string.h>

/* `came` holds for each key the number of the miss, from 1, with which it came in last. */
static bool simulate(const struct accesses *list, struct mrc_point *point, uint64_t *came,
		     const volatile int *interrupted)
{
	uint64_t misses = 0;

	for (uint64_t i = 0; i < list->count; i++) {
		uint64_t *mine = &came[list->keys[i]];

		if (trace_interrupted(i, interrupted))
			return false;
		if (*mine && misses - *mine < point->size)
			continue;
		*mine = ++misses;
	}
	point->hits = list->count - misses;
	return true;
}

static bool fill(const struct accesses *list, struct mrc_point *points, size_t count,
		 const volatile int *interrupted)
{
	uint64_t *came = g_new(uint64_t, MAX(list->key_count, 1));
	bool fine = true;

	for (size_t p = 0; fine && p < count; p++) {
		memset(came, 0, list->key_count * sizeof(*came));
		fine = simulate(list, &points[p], came, interrupted);
	}
	g_free(came);
	return fine;
}

const struct mrc_policy mrc_fifo = {.name = "fifo", .fill = fill};
