/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stores: queues of pointers between tasks. */
#include "sim_internal.h"

void sim_store_init(struct sim_store *store, struct sim *sim, const char *name, uint32_t capacity)
{
	*store = (struct sim_store){.sim = sim, .name = name, .capacity = capacity};
	usage_init(&store->usage, sim);
}

void sim_store_destroy(struct sim_store *store)
{
	wait_list_orphan(&store->takers);
	wait_list_orphan(&store->putters);
	usage_destroy(&store->usage);
	g_free(store->item);
	store->item = NULL;
	store->length = store->allocated = 0;
}

static void sync_usage(struct sim_store *store)
{
	usage_advance(&store->usage, store->sim->now, store->length,
		      store->takers.length + store->putters.length);
}

static SIM_RARE void grow(struct sim_store *store)
{
	enum { FIRST_ITEMS = 8 };
	uint32_t allocated = MAX(2 * store->allocated, FIRST_ITEMS);
	void **item = g_new(void *, allocated);

	for (uint32_t i = 0; i < store->length; i++)
		item[i] = store->item[(store->first + i) & (store->allocated - 1)];
	g_free(store->item);
	store->item = item;
	store->first = 0;
	store->allocated = allocated;
}

/* There is room. */
static inline void push(struct sim_store *store, void *item)
{
	store->item[(store->first + store->length++) & (store->allocated - 1)] = item;
	if (store->length > store->usage.in_use_max)
		store->usage.in_use_max = store->length;
}

static inline void *pop(struct sim_store *store)
{
	void *item = store->item[store->first];

	store->first = (store->first + 1) & (store->allocated - 1);
	store->length--;
	return item;
}

static void leave_store(struct sim_waiter *waiter, enum sim_wake wake)
{
	struct sim_store *store = waiter->resource;

	sync_usage(store);
	store->usage.timeouts += wake == SIM_TIMEOUT;
	wait_unlink(waiter);
}

static SIM_RARE enum sim_wake wait_for_store(struct sim_store *store, struct sim_waiter *waiter,
					     struct sim_wait_list *list, sim_ns timeout)
{
	enum sim_wake refused = wait_refused(store->sim);
	uint32_t queued = store->takers.length + store->putters.length + 1;

	if (SIM_UNLIKELY(refused))
		return refused;
	store->usage.waits++;
	if (queued > store->usage.queue_max)
		store->usage.queue_max = queued;
	waiter->resource = store;
	waiter->name = store->name;
	waiter->leave = leave_store;
	waiter->units = 1;
	return wait_in(waiter, store->sim, list, timeout);
}

static void grant(struct sim_store *store, struct sim_waiter *waiter)
{
	store->usage.acquires++;
	usage_waited(&store->usage, store->sim, store->sim->now - waiter->since);
	wait_grant(waiter);
}

/* An operation that need not wait counts as an acquisition too: a put of a place, a take of an
 * item. */
static void count_immediate(struct sim_store *store)
{
	store->usage.acquires++;
	store->usage.immediate++;
}

static SIM_RARE enum sim_wake put_in_line(struct sim_store *store, void *item)
{
	struct sim_waiter *taker = store->takers.head;
	struct sim_waiter waiter = {.kind = WAIT_PUT, .item = item};

	if (!taker)
		return wait_for_store(store, &waiter, &store->putters, SIM_NEVER);
	taker->item = item;
	grant(store, taker);
	count_immediate(store);
	return SIM_GRANTED;
}

enum sim_wake sim_store_put(struct sim_store *store, void *item)
{
	uint32_t capacity = store->capacity ? store->capacity : UINT32_MAX;

	sync_usage(store);
	if (store->takers.head || store->length >= capacity)
		return put_in_line(store, item);
	if (SIM_UNLIKELY(store->length == store->allocated))
		grow(store);
	push(store, item);
	count_immediate(store);
	return SIM_GRANTED;
}

static SIM_RARE void admit_putter(struct sim_store *store)
{
	struct sim_waiter *putter = store->putters.head;

	push(store, putter->item);
	grant(store, putter);
}

static inline bool take_now(struct sim_store *store, void **item)
{
	if (!store->length)
		return false;
	sync_usage(store);
	*item = pop(store);
	count_immediate(store);
	if (SIM_UNLIKELY(store->putters.head))
		admit_putter(store);
	return true;
}

static SIM_RARE enum sim_wake take_later(struct sim_store *store, void **item, sim_ns timeout)
{
	struct sim_waiter waiter = {.kind = WAIT_TAKE};
	enum sim_wake wake;

	sync_usage(store);
	wake = wait_for_store(store, &waiter, &store->takers, timeout);
	if (wake == SIM_GRANTED)
		*item = waiter.item;
	return wake;
}

bool sim_store_try_take(struct sim_store *store, void **item)
{
	return take_now(store, item);
}

enum sim_wake sim_store_take_timeout(struct sim_store *store, void **item, sim_ns timeout)
{
	return take_now(store, item) ? SIM_GRANTED : take_later(store, item, timeout);
}

enum sim_wake sim_store_take(struct sim_store *store, void **item)
{
	return take_now(store, item) ? SIM_GRANTED : take_later(store, item, SIM_NEVER);
}
