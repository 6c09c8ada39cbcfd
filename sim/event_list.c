/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The event list: a 4-ary heap with positions and a ring for the present instant. */
#include "sim_internal.h"

#include <stdlib.h>
#include <string.h>

#define RING_BIT UINT32_C(0x80000000)
#define NOWHERE UINT32_MAX
#define RING_DEAD SIM_NO_SLOT

enum {
	FIRST_SLOTS = 64,
	ARITY = 4,
	CACHE_LINE = 64,
	/* With three keys left free before the root, children 4i+1 … 4i+4 share a line. */
	ROOT_OFFSET = 3,
};

static inline sim_u128 make_key(sim_ns when, int priority, uint64_t serial, uint32_t slot)
{
	uint64_t low = (uint64_t)(priority - SIM_PRIORITY_MIN)
			       << (SIM_SERIAL_BITS + SIM_SLOT_BITS) |
		       serial << SIM_SLOT_BITS | slot;

	return (sim_u128)when << 64 | low;
}

static inline uint32_t key_slot(sim_u128 key)
{
	return (uint32_t)key & ((1u << SIM_SLOT_BITS) - 1);
}

static inline sim_ns key_time(sim_u128 key)
{
	return (sim_ns)(key >> 64);
}

static int key_priority(sim_u128 key)
{
	return (int)((uint64_t)key >> (SIM_SERIAL_BITS + SIM_SLOT_BITS)) + SIM_PRIORITY_MIN;
}

static void grow_heap(struct event_list *list)
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
	grow_heap(list);
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

static void grow_slots(struct event_list *list)
{
	uint32_t allocated = list->slots_allocated ? list->slots_allocated * 2 : FIRST_SLOTS;

	g_assert(allocated <= 1u << SIM_SLOT_BITS && "too many pending events");
	list->position = g_renew(uint32_t, list->position, allocated);
	list->slot = g_renew(struct event_slot, list->slot, allocated);
	list->slots_allocated = allocated;
}

uint32_t event_list_take_slot(struct event_list *list, sim_event_fn fn, void *arg)
{
	uint32_t slot = list->free_slot;

	if (slot != SIM_NO_SLOT) {
		list->free_slot = list->position[slot];
	} else {
		if (list->slots == list->slots_allocated)
			grow_slots(list);
		slot = list->slots++;
		list->slot[slot].generation = 1;
	}
	list->position[slot] = NOWHERE;
	list->slot[slot].fn = fn;
	list->slot[slot].arg = arg;
	return slot;
}

void event_list_give_slot(struct event_list *list, uint32_t slot)
{
	struct event_slot *s = &list->slot[slot];

	if (SIM_UNLIKELY(!++s->generation))
		s->generation = 1;
	list->position[slot] = list->free_slot;
	list->free_slot = slot;
}

bool event_list_pending(const struct event_list *list, uint32_t slot)
{
	return list->position[slot] != NOWHERE;
}

/* ---- heap ---- */

static inline void place(struct event_list *list, uint32_t i, sim_u128 key)
{
	list->key[i] = key;
	list->position[key_slot(key)] = i;
}

static void sift_up(struct event_list *list, uint32_t i, sim_u128 key)
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

static inline uint32_t least_child(const sim_u128 *key, uint32_t first, uint32_t count)
{
	uint32_t best = first;

	if (SIM_LIKELY(first + ARITY <= count)) {
		uint32_t left = first + (key[first + 1] < key[first]);
		uint32_t right = first + 2 + (key[first + 3] < key[first + 2]);

		return key[right] < key[left] ? right : left;
	}
	for (uint32_t i = first + 1; i < count; i++)
		best = key[i] < key[best] ? i : best;
	return best;
}

static void sift_down(struct event_list *list, uint32_t i, sim_u128 key)
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

static void fill_hole(struct event_list *list)
{
	list->hole = false;
	if (--list->count)
		sift_down(list, 0, list->key[list->count]);
}

static int compare_keys(const void *a, const void *b)
{
	sim_u128 x = *(const sim_u128 *)a, y = *(const sim_u128 *)b;

	return x < y ? -1 : x > y;
}

/* The serials ran out: give the pending events small ones in the same order. A sorted array is a
 * heap. */
static void renumber(struct event_list *list)
{
	if (list->hole)
		fill_hole(list);
	qsort(list->key, list->count, sizeof(*list->key), compare_keys);
	for (uint32_t i = 0; i < list->count; i++) {
		sim_u128 key = list->key[i];

		place(list, i, make_key(key_time(key), key_priority(key), i, key_slot(key)));
	}
	list->serial = list->count;
}

static void heap_insert(struct event_list *list, sim_u128 key)
{
	if (list->hole) {
		list->hole = false;
		sift_down(list, 0, key);
		return;
	}
	if (SIM_UNLIKELY(list->count == list->allocated))
		grow_heap(list);
	sift_up(list, list->count++, key);
}

static void heap_remove(struct event_list *list, uint32_t i)
{
	sim_u128 last;

	if (list->hole) {
		uint32_t slot = key_slot(list->key[i]);

		fill_hole(list);
		i = list->position[slot];
	}
	last = list->key[--list->count];
	if (i == list->count)
		return;
	if (i && last < list->key[(i - 1) / ARITY])
		sift_up(list, i, last);
	else
		sift_down(list, i, last);
}

/* ---- ring ---- */

static void grow_ring(struct event_list *list)
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

static void ring_insert(struct event_list *list, uint32_t slot)
{
	if (SIM_UNLIKELY(list->ring_tail - list->ring_head > list->ring_mask))
		grow_ring(list);
	list->ring[list->ring_tail & list->ring_mask] = slot;
	list->position[slot] = RING_BIT | (list->ring_tail & (RING_BIT - 1));
	list->ring_tail++;
}

/* ---- the list ---- */

void event_list_insert(struct event_list *list, uint32_t slot, sim_ns now, sim_ns when,
		       int priority)
{
	g_assert(when >= now);
	g_assert(list->position[slot] == NOWHERE);
	if (when == now && !priority) {
		ring_insert(list, slot);
		return;
	}
	g_assert(when < SIM_NEVER);
	g_assert(priority >= SIM_PRIORITY_MIN && priority <= SIM_PRIORITY_MAX);
	if (SIM_UNLIKELY(list->serial >> SIM_SERIAL_BITS))
		renumber(list);
	heap_insert(list, make_key(when, priority, list->serial++, slot));
}

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

/* Whether the heap holds an event that goes before the ring: due now with priority 0 or less. */
static bool heap_goes_first(const struct event_list *list, sim_ns now)
{
	sim_u128 bound = make_key(now, 1, 0, 0);

	if (!list->hole)
		return list->count && list->key[0] < bound;
	for (uint32_t i = 1; i <= ARITY && i < list->count; i++)
		if (list->key[i] < bound)
			return true;
	return false;
}

uint32_t event_list_pop(struct event_list *list, sim_ns now, sim_ns limit, sim_ns *when)
{
	uint32_t slot;

	while (list->ring_head != list->ring_tail) {
		slot = list->ring[list->ring_head & list->ring_mask];
		if (SIM_LIKELY(slot != RING_DEAD)) {
			if (heap_goes_first(list, now))
				break;
			list->position[slot] = NOWHERE;
			list->ring_head++;
			*when = now;
			return slot;
		}
		list->ring_head++;
	}
	if (list->hole)
		fill_hole(list);
	if (!list->count)
		return SIM_NO_SLOT;
	*when = key_time(list->key[0]);
	if (*when > limit)
		return SIM_NO_SLOT;
	slot = key_slot(list->key[0]);
	list->position[slot] = NOWHERE;
	list->hole = true;
	return slot;
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
