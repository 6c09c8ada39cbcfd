/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A pool of ciphers with a mutex and condition variables, first come first served: who gives the last use of a
 * slot back grants a unit to who has waited longest, and that one takes the least recently used idle slot
 * when it runs. Nobody else may have a unit that is granted.
 */
#include "validate/threads.h"

#include <pthread.h>

enum { NONE = -1 };

struct real_slot {
	struct calibrate_cipher *cipher;
	bool busy; /* one of the users works with it */
	uint32_t users;
	int32_t nonce; /* under which it is in the map; NONE: it is not */
	int32_t before, after; /* among the idle */
};

struct waiter {
	pthread_cond_t granted;
	bool go;
	struct waiter *next;
};

struct real_pool {
	pthread_mutex_t lock;
	struct real_slot *slots;
	uint32_t size, idle, granted; /* granted: idle ones that somebody waits no more for */
	int32_t first, last; /* idle, least recently used first */
	int32_t *where; /* by nonce: its slot in the map, or NONE */
	struct waiter *waiting, **waiting_end;
	bool map, steal;
	struct pool_counts counts;
	GArray *log;
};

/* ---- the list of the idle ---- */

static void append_idle(struct real_pool *pool, int32_t number)
{
	struct real_slot *slot = &pool->slots[number];

	slot->before = pool->last;
	slot->after = NONE;
	if (pool->last == NONE)
		pool->first = number;
	else
		pool->slots[pool->last].after = number;
	pool->last = number;
	pool->idle++;
}

static void remove_idle(struct real_pool *pool, int32_t number)
{
	struct real_slot *slot = &pool->slots[number];

	if (slot->before == NONE)
		pool->first = slot->after;
	else
		pool->slots[slot->before].after = slot->after;
	if (slot->after == NONE)
		pool->last = slot->before;
	else
		pool->slots[slot->after].before = slot->before;
	pool->idle--;
}

/* ---- life ---- */

struct real_pool *real_pool_new(const struct threads_plan *plan, GArray *log, GError **error)
{
	struct real_pool *pool = g_new0(struct real_pool, 1);
	pthread_mutexattr_t attr;

	/* It spins before it sleeps, as the kernel's would spin. */
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ADAPTIVE_NP);
	pthread_mutex_init(&pool->lock, &attr);
	pthread_mutexattr_destroy(&attr);
	pool->first = pool->last = NONE;
	pool->waiting_end = &pool->waiting;
	pool->map = plan->map;
	pool->steal = plan->steal;
	pool->log = log;
	pool->where = g_new(int32_t, plan->nonces);
	for (uint32_t i = 0; i < plan->nonces; i++)
		pool->where[i] = NONE;
	pool->slots = g_new0(struct real_slot, plan->pool_size);
	for (; pool->size < plan->pool_size; pool->size++) {
		struct real_slot *slot = &pool->slots[pool->size];

		slot->cipher = calibrate_cipher_new(error);
		if (!slot->cipher) {
			real_pool_free(pool);
			return NULL;
		}
		slot->nonce = NONE;
		append_idle(pool, (int32_t)pool->size);
	}
	return pool;
}

void real_pool_free(struct real_pool *pool)
{
	for (uint32_t i = 0; i < pool->size; i++)
		calibrate_cipher_free(pool->slots[i].cipher);
	pthread_mutex_destroy(&pool->lock);
	g_free(pool->slots);
	g_free(pool->where);
	g_free(pool);
}

const struct pool_counts *real_pool_counts(const struct real_pool *pool)
{
	return &pool->counts;
}

/* ---- steps, under the lock ---- */

static void note(struct real_pool *pool, uint32_t thread, enum pool_step step, uint32_t nonce,
		 int32_t slot, bool flag)
{
	const struct pool_event event = {thread, step, nonce, slot, flag};

	if (pool->log)
		g_array_append_val(pool->log, event);
}

/* Whether somebody who comes now may have an idle slot. */
static bool may_take(const struct real_pool *pool)
{
	return !pool->waiting && pool->idle > pool->granted;
}

static int32_t find(struct real_pool *pool, uint32_t nonce)
{
	int32_t number = pool->map ? pool->where[nonce] : NONE;
	struct real_slot *slot = number == NONE ? NULL : &pool->slots[number];

	if (!slot || (!slot->users && !may_take(pool)))
		return NONE;
	if (!slot->users)
		remove_idle(pool, number);
	slot->users++;
	pool->counts.hits++;
	return number;
}

static void wait_for_unit(struct real_pool *pool)
{
	struct waiter self = {.granted = PTHREAD_COND_INITIALIZER};

	pool->counts.waits++;
	*pool->waiting_end = &self;
	pool->waiting_end = &self.next;
	while (!self.go)
		pthread_cond_wait(&self.granted, &pool->lock);
	pool->granted--;
	pthread_cond_destroy(&self.granted);
}

static void grant(struct real_pool *pool)
{
	struct waiter *first = pool->waiting;

	pool->waiting = first->next;
	if (!pool->waiting)
		pool->waiting_end = &pool->waiting;
	pool->granted++;
	first->go = true;
	pthread_cond_signal(&first->granted);
}

static int32_t take_oldest(struct real_pool *pool, bool *evicted)
{
	int32_t number = pool->first;
	struct real_slot *slot = &pool->slots[number];

	remove_idle(pool, number);
	*evicted = slot->nonce != NONE;
	if (*evicted)
		pool->where[slot->nonce] = NONE;
	slot->nonce = NONE;
	slot->users = 1;
	pool->counts.misses++;
	pool->counts.evictions += *evicted;
	return number;
}

/* ---- what threads call ---- */

static int32_t get_locked(struct real_pool *pool, uint32_t thread, uint32_t nonce, bool *keyed)
{
	int32_t slot = find(pool, nonce);
	bool refused = slot == NONE && pool->steal && !may_take(pool), evicted;

	note(pool, thread, POOL_ASK, nonce, slot, refused);
	*keyed = slot != NONE;
	pool->counts.failures += refused;
	if (refused || *keyed)
		return slot;
	if (!may_take(pool))
		wait_for_unit(pool);
	slot = take_oldest(pool, &evicted);
	note(pool, thread, POOL_TAKE, 0, slot, evicted);
	return slot;
}

struct real_use real_pool_get(struct real_pool *pool, uint32_t thread, uint32_t nonce)
{
	struct real_use use = {.cipher = NULL};

	pthread_mutex_lock(&pool->lock);
	use.slot = get_locked(pool, thread, nonce, &use.keyed);
	if (use.slot != NONE && !pool->slots[use.slot].busy) {
		pool->slots[use.slot].busy = true;
		use.cipher = pool->slots[use.slot].cipher;
	}
	pthread_mutex_unlock(&pool->lock);
	return use;
}

void real_pool_keyed(struct real_pool *pool, uint32_t thread, const struct real_use *use,
		     uint32_t nonce)
{
	bool mapped;

	if (!pool->map && !pool->log)
		return;
	pthread_mutex_lock(&pool->lock);
	mapped = pool->map && pool->where[nonce] == NONE;
	if (mapped) {
		pool->where[nonce] = use->slot;
		pool->slots[use->slot].nonce = (int32_t)nonce;
	}
	note(pool, thread, POOL_KEYED, 0, use->slot, mapped);
	pthread_mutex_unlock(&pool->lock);
}

void real_pool_put(struct real_pool *pool, uint32_t thread, const struct real_use *use)
{
	struct real_slot *slot = &pool->slots[use->slot];

	pthread_mutex_lock(&pool->lock);
	slot->users--;
	slot->busy &= !use->cipher;
	note(pool, thread, POOL_PUT, 0, use->slot, !slot->users);
	if (!slot->users) {
		append_idle(pool, use->slot);
		if (pool->waiting)
			grant(pool);
	}
	pthread_mutex_unlock(&pool->lock);
}
