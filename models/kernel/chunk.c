/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the page cache keeps its chunks: one radix tree per mapping, one LRU list per machine. */
#include "models/kernel/machine.h"

enum { NODE_SHIFT = 6, NODE_SLOTS = 1 << NODE_SHIFT, HEIGHT_MAX = 6 };

struct chunk_node {
	uint64_t used; /* one bit per slot */
	void *slot[NODE_SLOTS];
};

static unsigned int slot_of(uint32_t index, uint32_t level)
{
	return index >> (NODE_SHIFT * (level - 1)) & (NODE_SLOTS - 1);
}

static bool fits(const struct chunk_map *map, uint32_t index)
{
	return (uint64_t)index >> (NODE_SHIFT * map->height) == 0;
}

struct page_chunk *chunk_find(struct chunk_map *map, uint32_t index)
{
	void *p = map->root;

	if (map->last && map->last->index == index)
		return map->last;
	if (!p || !fits(map, index))
		return NULL;
	for (uint32_t level = map->height; level && p; level--)
		p = ((struct chunk_node *)p)->slot[slot_of(index, level)];
	if (p)
		map->last = p;
	return p;
}

static struct page_chunk *from_node(void *p, uint32_t level, uint32_t index)
{
	struct chunk_node *node = p;
	unsigned int first;

	if (!level)
		return p;
	first = slot_of(index, level);
	for (uint64_t bits = node->used & ~UINT64_C(0) << first; bits; bits &= bits - 1) {
		unsigned int i = __builtin_ctzll(bits);
		struct page_chunk *chunk =
			from_node(node->slot[i], level - 1, i == first ? index : 0);

		if (chunk)
			return chunk;
	}
	return NULL;
}

struct page_chunk *chunk_from(const struct chunk_map *map, uint32_t index)
{
	if (!map->root || !fits(map, index))
		return NULL;
	return from_node(map->root, map->height, index);
}

void chunk_insert(struct chunk_map *map, struct page_chunk *chunk)
{
	void **p = &map->root;

	while (!fits(map, chunk->index)) {
		if (map->root) {
			struct chunk_node *node = g_new0(struct chunk_node, 1);

			node->slot[0] = map->root;
			node->used = 1;
			map->root = node;
		}
		map->height++;
	}
	for (uint32_t level = map->height; level; level--) {
		struct chunk_node *node;

		if (!*p)
			*p = g_new0(struct chunk_node, 1);
		node = *p;
		node->used |= UINT64_C(1) << slot_of(chunk->index, level);
		p = &node->slot[slot_of(chunk->index, level)];
	}
	g_assert(!*p);
	*p = chunk;
	map->last = chunk;
}

void chunk_remove(struct chunk_map *map, uint32_t index)
{
	struct chunk_node *path[HEIGHT_MAX + 1] = {NULL};
	void *p = map->root;
	uint32_t level;

	for (level = map->height; level; level--) {
		path[level] = p;
		p = path[level]->slot[slot_of(index, level)];
	}
	g_assert(p);
	map->last = NULL;
	for (level = 1; level <= map->height; level++) {
		unsigned int i = slot_of(index, level);

		path[level]->slot[i] = NULL;
		path[level]->used &= ~(UINT64_C(1) << i);
		if (path[level]->used)
			return;
		g_free(path[level]);
	}
	map->root = NULL;
	map->height = 0;
}

void lru_add(struct page_lru *lru, struct page_chunk *chunk)
{
	chunk->prev = NULL;
	chunk->next = lru->head;
	if (lru->head)
		lru->head->prev = chunk;
	else
		lru->tail = chunk;
	lru->head = chunk;
	lru->chunks++;
}

void lru_remove(struct page_lru *lru, struct page_chunk *chunk)
{
	if (chunk->prev)
		chunk->prev->next = chunk->next;
	else
		lru->head = chunk->next;
	if (chunk->next)
		chunk->next->prev = chunk->prev;
	else
		lru->tail = chunk->prev;
	lru->chunks--;
}

void lru_rotate(struct page_lru *lru, struct page_chunk *chunk)
{
	lru_remove(lru, chunk);
	lru_add(lru, chunk);
}
