/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The half of the event list that every event runs through. Included by sim_internal.h's users. */
#ifndef SIM_EVENT_LIST_H
#define SIM_EVENT_LIST_H

#include "sim_internal.h"

#define RING_BIT UINT32_C(0x80000000)
#define NOWHERE UINT32_MAX
#define RING_DEAD SIM_NO_SLOT

enum { ARITY = 4 };

void event_list_grow_heap(struct event_list *list);
void event_list_grow_slots(struct event_list *list);
void event_list_grow_ring(struct event_list *list);
void event_list_sift_down(struct event_list *list, uint32_t i, sim_u128 key);
void event_list_fill_hole(struct event_list *list);
void event_list_sift_up(struct event_list *list, uint32_t i, sim_u128 key);
void event_list_renumber(struct event_list *list);

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

static inline uint32_t event_list_take_slot(struct event_list *list, sim_event_fn fn, void *arg)
{
	uint32_t slot = list->free_slot;

	if (slot != SIM_NO_SLOT) {
		list->free_slot = list->position[slot];
	} else {
		if (SIM_UNLIKELY(list->slots == list->slots_allocated))
			event_list_grow_slots(list);
		slot = list->slots++;
		list->slot[slot].generation = 1;
	}
	list->position[slot] = NOWHERE;
	list->slot[slot].fn = fn;
	list->slot[slot].arg = arg;
	return slot;
}

static inline void event_list_give_slot(struct event_list *list, uint32_t slot)
{
	struct event_slot *s = &list->slot[slot];

	if (SIM_UNLIKELY(!++s->generation))
		s->generation = 1;
	list->position[slot] = list->free_slot;
	list->free_slot = slot;
}

static inline bool event_list_pending(const struct event_list *list, uint32_t slot)
{
	return list->position[slot] != NOWHERE;
}

static inline void place(struct event_list *list, uint32_t i, sim_u128 key)
{
	list->key[i] = key;
	list->position[key_slot(key)] = i;
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

/* Up to four keys lie unsorted beneath the hole: children of the root have no order. */
static inline void heap_insert(struct event_list *list, sim_u128 key)
{
	if (list->hole) {
		if (list->count <= ARITY) {
			place(list, list->count++, key);
			return;
		}
		list->hole = false;
		event_list_sift_down(list, 0, key);
		return;
	}
	if (SIM_UNLIKELY(list->count == list->allocated))
		event_list_grow_heap(list);
	event_list_sift_up(list, list->count++, key);
}

static inline void ring_insert(struct event_list *list, uint32_t slot)
{
	if (SIM_UNLIKELY(list->ring_tail - list->ring_head > list->ring_mask))
		event_list_grow_ring(list);
	list->ring[list->ring_tail & list->ring_mask] = slot;
	list->position[slot] = RING_BIT | (list->ring_tail & (RING_BIT - 1));
	list->ring_tail++;
}

static inline void event_list_insert(struct event_list *list, uint32_t slot, sim_ns now,
				     sim_ns when, int priority)
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
		event_list_renumber(list);
	heap_insert(list, make_key(when, priority, list->serial++, slot));
}

/* Whether the heap holds an event that goes before the ring: due now with priority 0 or less. */
static inline bool heap_goes_first(const struct event_list *list, sim_ns now)
{
	sim_u128 bound = make_key(now, 1, 0, 0);

	if (!list->hole)
		return list->count && list->key[0] < bound;
	for (uint32_t i = 1; i <= ARITY && i < list->count; i++)
		if (list->key[i] < bound)
			return true;
	return false;
}

/* Takes the least key beneath the hole, of four at most, and closes the gap with the last. */
static inline uint32_t pop_unsorted(struct event_list *list, sim_ns limit, sim_ns *when)
{
	uint32_t i, slot;

	if (list->count == 1)
		return SIM_NO_SLOT;
	i = least_child(list->key, 1, list->count);
	*when = key_time(list->key[i]);
	if (*when > limit)
		return SIM_NO_SLOT;
	slot = key_slot(list->key[i]);
	list->position[slot] = NOWHERE;
	if (i != --list->count)
		place(list, i, list->key[list->count]);
	return slot;
}

static inline uint32_t heap_pop(struct event_list *list, sim_ns limit, sim_ns *when)
{
	uint32_t slot;

	if (list->hole) {
		if (list->count <= ARITY + 1)
			return pop_unsorted(list, limit, when);
		event_list_fill_hole(list);
	}
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

/* Takes the first event not after `limit`; SIM_NO_SLOT if there is none. */
static inline uint32_t event_list_pop(struct event_list *list, sim_ns now, sim_ns limit,
				      sim_ns *when)
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
	return heap_pop(list, limit, when);
}

/* Whether an event at `when` would be taken next: nothing is due before it or with it. */
static inline bool event_list_is_next(const struct event_list *list, sim_ns when)
{
	if (list->ring_head != list->ring_tail)
		return false;
	if (!list->hole)
		return !list->count || key_time(list->key[0]) > when;
	for (uint32_t i = 1; i <= ARITY && i < list->count; i++)
		if (key_time(list->key[i]) <= when)
			return false;
	return true;
}

#endif
