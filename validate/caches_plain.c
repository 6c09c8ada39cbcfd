// SPDX-License-Identifier: GPL-2.0-or-later
/* Caches in the plainest way: an array in order, searched from end to end; its front leaves first. */
#include "validate/internal.h"

static uint32_t find(const struct plain_cache *cache, uint32_t key)
{
	uint32_t i = 0;

	while (i < cache->used && cache->key[i] != key)
		i++;
	return i;
}

static void remove_at(struct plain_cache *cache, uint32_t at)
{
	for (cache->used--; at < cache->used; at++) {
		cache->key[at] = cache->key[at + 1];
		cache->referenced[at] = cache->referenced[at + 1];
	}
}

static void append(struct plain_cache *cache, uint32_t key)
{
	cache->key[cache->used] = key;
	cache->referenced[cache->used++] = false;
}

bool plain_lru(struct plain_cache *cache, uint32_t key)
{
	uint32_t at = find(cache, key);
	bool hit = at < cache->used;

	if (hit || cache->used == cache->size)
		remove_at(cache, hit ? at : 0);
	append(cache, key);
	return hit;
}

bool plain_fifo(struct plain_cache *cache, uint32_t key)
{
	if (find(cache, key) < cache->used)
		return true;
	if (cache->used == cache->size)
		remove_at(cache, 0);
	append(cache, key);
	return false;
}

/* As a queue: one whose bit is set goes to the back with it clear. */
bool plain_clock(struct plain_cache *cache, uint32_t key)
{
	uint32_t at = find(cache, key);

	if (at < cache->used) {
		cache->referenced[at] = true;
		return true;
	}
	while (cache->used == cache->size) {
		uint32_t front = cache->key[0];
		bool again = cache->referenced[0];

		remove_at(cache, 0);
		if (again)
			append(cache, front);
	}
	append(cache, key);
	return false;
}

uint64_t plain_hits(plain_policy policy, uint32_t size, const uint32_t *keys, uint64_t count)
{
	struct plain_cache cache = {.size = size};
	uint64_t hits = 0;

	g_assert(size <= PLAIN_MOST);
	for (uint64_t i = 0; i < count; i++)
		hits += policy(&cache, keys[i]);
	return hits;
}
