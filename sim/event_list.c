/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The event list: a 4-ary heap with positions and a ring for the present instant. */
#include "sim_internal.h"
#include "event_list.h"

#include <stdlib.h>
#include <string.h>

enum {
	FIRST_SLOTS = 64,
	CACHE_LINE = 64,
	/* With three keys left free before the root, children 4i+1 … 4i+4 share a line. */
	ROOT_OFFSET = 3,
};

static int key_priority(sim_u128 key)
{
	return (int)((uint64_t)key >> (SIM_SERIAL_BITS + SIM_SLOT_BITS)) + SIM_PRIORITY_MIN;
}

void event_list_grow_heap(struct event_list *list)
{
	uint32_t allocated = list->allocated ? list->allocated * 2 : FIRST_SLOTS;
	size_t bytes = ((size_t)allocated + ROOT_OFFSET) * sizeof(sim_u128);
	void *memory =
		aligned_alloc(CACHE_LINE, (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
	sim_u128 *key;

	g_assert(memory);
	key = (sim_u128 *)memory + ROOT_OFFSET;
	if (list->count)
		memcpy(key, list->key, list->count * sizeof(*key));
	free(list->key_memory);
	list->key_memory = memory;
	list->key = key;
	list->allocated = allocated;
}

void event_list_init(struct event_list *list)
{
	memset(list, 0, sizeof(*list));
	list->free_slot = SIM_NO_SLOT;
	event_list_grow_heap(list);
	list->ring = g_new(uint32_t, FIRST_SLOTS);
	list->ring_mask = FIRST_SLOTS - 1;
}

void event_list_clear(struct event_list *list)
{
	free(list->key_memory);
	g_free(list->position);
	g_free(list->slot);
	g_free(list->ring);
	memset(list, 0, sizeof(*list));
}

/* ---- slots ---- */

void event_list_grow_slots(struct event_list *list)
{
	uint32_t allocated = list->slots_allocated ? list->slots_allocated * 2 : FIRST_SLOTS;

	g_assert(allocated <= 1u << SIM_SLOT_BITS && "too many pending events");
	list->position = g_renew(uint32_t, list->position, allocated);
	list->slot = g_renew(struct event_slot, list->slot, allocated);
	list->slots_allocated = allocated;
}

/* ---- heap ---- */

void event_list_sift_down(struct event_list *list, uint32_t i, sim_u128 key)
{
	for (;;) {
		uint32_t child = i * ARITY + 1;

		if (child >= list->count)
			break;
		child = least_child(list->key, child, list->count);
		if (key < list->key[child])
			break;
		place(list, i, list->key[child]);
		i = child;
	}
	place(list, i, key);
}

void event_list_fill_hole(struct event_list *list)
{
	list->hole = false;
	if (--list->count)
		event_list_sift_down(list, 0, list->key[list->count]);
}

void event_list_sift_up(struct event_list *list, uint32_t i, sim_u128 key)
{
	while (i) {
		uint32_t parent = (i - 1) / ARITY;

		if (list->key[parent] < key)
			break;
		place(list, i, list->key[parent]);
		i = parent;
	}
	place(list, i, key);
}

static int compare_keys(const void *a, const void *b)
{
	sim_u128 x = *(const sim_u128 *)a, y = *(const sim_u128 *)b;

	return x < y ? -1 : x > y;
}

/* The serials ran out: give the pending events small ones in the same order. A sorted array is a
 * heap. */
void event_list_renumber(struct event_list *list)
{
	if (list->hole)
		event_list_fill_hole(list);
	qsort(list->key, list->count, sizeof(*list->key), compare_keys);
	for (uint32_t i = 0; i < list->count; i++) {
		sim_u128 key = list->key[i];

		place(list, i, make_key(key_time(key), key_priority(key), i, key_slot(key)));
	}
	list->serial = list->count;
}

static void heap_remove(struct event_list *list, uint32_t i)
{
	sim_u128 last;

	if (list->hole) {
		uint32_t slot = key_slot(list->key[i]);

		event_list_fill_hole(list);
		i = list->position[slot];
	}
	last = list->key[--list->count];
	if (i == list->count)
		return;
	if (i && last < list->key[(i - 1) / ARITY])
		event_list_sift_up(list, i, last);
	else
		event_list_sift_down(list, i, last);
}

/* ---- ring ---- */

void event_list_grow_ring(struct event_list *list)
{
	uint32_t mask = list->ring_mask * 2 + 1;
	uint32_t *ring = g_new(uint32_t, (size_t)mask + 1);

	g_assert(mask < RING_BIT);
	for (uint32_t i = list->ring_head; i != list->ring_tail; i++)
		ring[i & mask] = list->ring[i & list->ring_mask];
	g_free(list->ring);
	list->ring = ring;
	list->ring_mask = mask;
}

/* ---- the list ---- */

void event_list_remove(struct event_list *list, uint32_t slot)
{
	uint32_t position = list->position[slot];

	if (position == NOWHERE)
		return;
	if (position & RING_BIT)
		list->ring[position & list->ring_mask] = RING_DEAD;
	else
		heap_remove(list, position);
	list->position[slot] = NOWHERE;
}

int event_list_priority(const struct event_list *list, uint32_t slot)
{
	uint32_t position = list->position[slot];

	return position & RING_BIT ? 0 : key_priority(list->key[position]);
}

bool event_list_empty(const struct event_list *list)
{
	for (uint32_t i = list->ring_head; i != list->ring_tail; i++)
		if (list->ring[i & list->ring_mask] != RING_DEAD)
			return false;
	return list->count == list->hole;
}

bool event_list_valid(const struct event_list *list)
{
	for (uint32_t i = list->hole; i < list->count; i++) {
		uint32_t parent = (i - 1) / ARITY;

		if (list->position[key_slot(list->key[i])] != i)
			return false;
		if (i && !(list->hole && !parent) && list->key[i] < list->key[parent])
			return false;
	}
	for (uint32_t i = list->ring_head; i != list->ring_tail; i++) {
		uint32_t slot = list->ring[i & list->ring_mask];

		if (slot != RING_DEAD && list->position[slot] != (RING_BIT | (i & (RING_BIT - 1))))
			return false;
	}
	return true;
}
