/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counted resources and mutexes. */
#include "sim_internal.h"

void sim_pool_init(struct sim_pool *pool, struct sim *sim, struct sim_lock_class *class,
		   const char *name, uint32_t capacity)
{
	g_assert(capacity);
	*pool = (struct sim_pool){
		.sim = sim,
		.class = class,
		.name = name,
		.capacity = capacity,
	};
	usage_init(&pool->usage, sim);
}

void sim_pool_destroy(struct sim_pool *pool)
{
	wait_list_orphan(&pool->waiting);
	if (pool->holders)
		holding_list_clear(pool->sim, &pool->holders);
	usage_destroy(&pool->usage);
}

static inline void sync_usage(struct sim_pool *pool)
{
	usage_advance(&pool->usage, pool->sim->now, pool->in_use, pool->waiting.length);
}

static void record_holder(struct sim_pool *pool, struct sim_task *task, uint32_t units)
{
	struct sim_holding *holding =
		holding_add(pool->sim, &pool->holders, task, HOLD_POOL, pool, pool->name);

	holding->class = pool->class;
	holding->units = units;
	if (SIM_UNLIKELY(pool->sim->tracer))
		trace_hold_begins(pool->sim, holding);
}

/* The usage is up to date. */
static inline void take(struct sim_pool *pool, struct sim_task *task, uint32_t units)
{
	pool->in_use += units;
	pool->usage.acquires++;
	if (pool->in_use > pool->usage.in_use_max)
		pool->usage.in_use_max = pool->in_use;
	if (pool->class)
		record_holder(pool, task, units);
}

static inline bool fits(const struct sim_pool *pool, uint32_t units)
{
	return units <= pool->capacity - pool->in_use;
}

static void grant_waiters(struct sim_pool *pool)
{
	struct sim_waiter *waiter;

	while ((waiter = pool->waiting.head) && fits(pool, waiter->units)) {
		take(pool, waiter->task, waiter->units);
		usage_waited(&pool->usage, pool->sim, pool->sim->now - waiter->since);
		wait_grant(waiter);
	}
}

static void leave_pool(struct sim_waiter *waiter, enum sim_wake wake)
{
	struct sim_pool *pool = waiter->resource;

	sync_usage(pool);
	if (wake == SIM_TIMEOUT)
		pool->usage.timeouts++;
	wait_unlink(waiter);
	grant_waiters(pool);
}

enum sim_wake sim_pool_acquire_timeout(struct sim_pool *pool, uint32_t units, sim_ns timeout)
{
	struct sim *sim = pool->sim;
	struct sim_waiter waiter;
	enum sim_wake refused;

	g_assert(units && units <= pool->capacity);
	if (pool->class)
		lock_order_asked(sim, pool->class);
	sync_usage(pool);
	if (!pool->waiting.head && fits(pool, units)) {
		take(pool, sim->self, units);
		pool->usage.immediate++;
		return SIM_GRANTED;
	}
	refused = wait_refused(sim);
	if (SIM_UNLIKELY(refused))
		return refused;
	waiter.resource = pool;
	waiter.name = pool->name;
	waiter.leave = leave_pool;
	waiter.units = units;
	waiter.kind = WAIT_POOL;
	pool->usage.waits++;
	if (pool->waiting.length >= pool->usage.queue_max)
		pool->usage.queue_max = pool->waiting.length + 1;
	return wait_in(&waiter, sim, &pool->waiting, timeout);
}

enum sim_wake sim_pool_acquire(struct sim_pool *pool, uint32_t units)
{
	return sim_pool_acquire_timeout(pool, units, SIM_NEVER);
}

bool sim_pool_try(struct sim_pool *pool, uint32_t units)
{
	g_assert(units);
	if (pool->waiting.head || !fits(pool, units))
		return false;
	sync_usage(pool);
	take(pool, pool->sim->self, units);
	pool->usage.immediate++;
	return true;
}

void sim_pool_release_for(struct sim_pool *pool, uint32_t units, struct sim_task *holder)
{
	g_assert(units <= pool->in_use && "more units are given back than were taken");
	sync_usage(pool);
	pool->in_use -= units;
	if (pool->class)
		holding_give_back(pool->sim, &pool->holders, holder ? holder : pool->sim->self,
				  units);
	grant_waiters(pool);
}

void sim_pool_release(struct sim_pool *pool, uint32_t units)
{
	sim_pool_release_for(pool, units, NULL);
}

void sim_pool_hand_over(struct sim_pool *pool, uint32_t units, struct sim_task *to)
{
	g_assert(units <= pool->in_use);
	if (!pool->class)
		return;
	holding_give_back(pool->sim, &pool->holders, pool->sim->self, units);
	record_holder(pool, to, units);
}

/* ---- mutex ---- */

void sim_mutex_init(struct sim_mutex *mutex, struct sim *sim, struct sim_lock_class *class,
		    const char *name)
{
	sim_pool_init(&mutex->pool, sim, class, name, 1);
}

void sim_mutex_destroy(struct sim_mutex *mutex)
{
	sim_pool_destroy(&mutex->pool);
}

enum sim_wake sim_mutex_lock(struct sim_mutex *mutex)
{
	return sim_pool_acquire(&mutex->pool, 1);
}

enum sim_wake sim_mutex_lock_timeout(struct sim_mutex *mutex, sim_ns timeout)
{
	return sim_pool_acquire_timeout(&mutex->pool, 1, timeout);
}

bool sim_mutex_trylock(struct sim_mutex *mutex)
{
	return sim_pool_try(&mutex->pool, 1);
}

void sim_mutex_unlock(struct sim_mutex *mutex)
{
	g_assert(mutex->pool.in_use && "unlock of a mutex that is not locked");
	g_assert((!mutex->pool.class || !mutex->pool.holders->task ||
		  mutex->pool.holders->task == mutex->pool.sim->self) &&
		 "unlock of a mutex that another task holds");
	sim_pool_release(&mutex->pool, 1);
}
