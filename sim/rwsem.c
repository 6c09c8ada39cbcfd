/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rw-semaphore: one line for readers and writers, first come first served. */
#include "sim_internal.h"

void sim_rwsem_init(struct sim_rwsem *sem, struct sim *sim, struct sim_lock_class *class,
		    const char *name)
{
	*sem = (struct sim_rwsem){
		.sim = sim,
		.class = class,
		.name = name,
	};
	usage_init(&sem->usage, sim);
	usage_init(&sem->write_usage, sim);
}

void sim_rwsem_destroy(struct sim_rwsem *sem)
{
	wait_list_orphan(&sem->waiting);
	if (sem->holders)
		holding_list_clear(sem->sim, &sem->holders);
	usage_destroy(&sem->usage);
	usage_destroy(&sem->write_usage);
}

static bool write_held(const struct sim_rwsem *sem)
{
	return sem->write_locked;
}

static void sync_usage(struct sim_rwsem *sem)
{
	sim_ns now = sem->sim->now;

	usage_advance(&sem->usage, now, sem->readers + write_held(sem), sem->waiting.length);
	usage_advance(&sem->write_usage, now, write_held(sem), sem->writers_waiting);
}

static bool may_enter(const struct sim_rwsem *sem, bool write)
{
	return !write_held(sem) && !(write && sem->readers);
}

static void record_holder(struct sim_rwsem *sem, struct sim_task *task, bool write)
{
	struct sim_holding *holding = holding_add(sem->sim, &sem->holders, task,
						  write ? HOLD_WRITE : HOLD_READ, sem, sem->name);

	holding->class = sem->class;
	if (SIM_UNLIKELY(sem->sim->tracer))
		trace_hold_begins(sem->sim, holding);
}

/* The usage is up to date. */
static void enter(struct sim_rwsem *sem, struct sim_task *task, bool write)
{
	uint32_t in_use;

	sem->usage.acquires++;
	if (write) {
		sem->write_locked = true;
		sem->writer = task;
		sem->write_usage.acquires++;
		sem->write_usage.in_use_max = 1;
	} else {
		sem->readers++;
	}
	in_use = sem->readers + write_held(sem);
	sem->usage.in_use_max = MAX(sem->usage.in_use_max, in_use);
	if (sem->class)
		record_holder(sem, task, write);
}

static void grant_waiters(struct sim_rwsem *sem)
{
	struct sim_waiter *waiter;

	while ((waiter = sem->waiting.head)) {
		bool write = waiter->kind == WAIT_WRITE;
		sim_ns waited_ns = sem->sim->now - waiter->since;

		if (!may_enter(sem, write))
			return;
		enter(sem, waiter->task, write);
		usage_waited(&sem->usage, sem->sim, waited_ns);
		if (write) {
			usage_waited(&sem->write_usage, sem->sim, waited_ns);
			sem->writers_waiting--;
		}
		wait_grant(waiter);
	}
}

static void leave_sem(struct sim_waiter *waiter, enum sim_wake wake)
{
	struct sim_rwsem *sem = waiter->resource;
	bool write = waiter->kind == WAIT_WRITE;

	sync_usage(sem);
	sem->usage.timeouts += wake == SIM_TIMEOUT;
	sem->write_usage.timeouts += write && wake == SIM_TIMEOUT;
	sem->writers_waiting -= write;
	wait_unlink(waiter);
	grant_waiters(sem);
}

static void count_wait(struct sim_rwsem *sem, bool write)
{
	sem->usage.waits++;
	sem->usage.queue_max = MAX(sem->usage.queue_max, sem->waiting.length + 1);
	if (!write)
		return;
	sem->writers_waiting++;
	sem->write_usage.waits++;
	sem->write_usage.queue_max = MAX(sem->write_usage.queue_max, sem->writers_waiting);
}

static bool enter_at_once(struct sim_rwsem *sem, bool write)
{
	if (sem->waiting.head || !may_enter(sem, write))
		return false;
	sync_usage(sem);
	enter(sem, sem->sim->self, write);
	sem->usage.immediate++;
	sem->write_usage.immediate += write;
	return true;
}

static enum sim_wake lock_as(struct sim_rwsem *sem, struct sim_lock_class *class, bool write,
			     sim_ns timeout)
{
	struct sim_waiter waiter;
	enum sim_wake refused;

	if (class)
		lock_order_asked(sem->sim, class);
	if (enter_at_once(sem, write))
		return SIM_GRANTED;
	refused = wait_refused(sem->sim);
	if (refused)
		return refused;
	sync_usage(sem);
	count_wait(sem, write);
	waiter.resource = sem;
	waiter.name = sem->name;
	waiter.leave = leave_sem;
	waiter.units = 1;
	waiter.kind = write ? WAIT_WRITE : WAIT_READ;
	return wait_in(&waiter, sem->sim, &sem->waiting, timeout);
}

static enum sim_wake lock(struct sim_rwsem *sem, bool write, sim_ns timeout)
{
	return lock_as(sem, sem->class, write, timeout);
}

enum sim_wake sim_rwsem_read(struct sim_rwsem *sem)
{
	return lock(sem, false, SIM_NEVER);
}

enum sim_wake sim_rwsem_write(struct sim_rwsem *sem)
{
	return lock(sem, true, SIM_NEVER);
}

enum sim_wake sim_rwsem_write_nested(struct sim_rwsem *sem, struct sim_lock_class *subclass)
{
	enum sim_wake wake = lock_as(sem, subclass, true, SIM_NEVER);

	/* The owner has not run since it was granted: nothing was ordered behind the class yet. */
	if (wake == SIM_GRANTED)
		for (struct sim_holding *h = sem->holders; h; h = h->next)
			h->class = subclass;
	return wake;
}

enum sim_wake sim_rwsem_read_timeout(struct sim_rwsem *sem, sim_ns timeout)
{
	return lock(sem, false, timeout);
}

enum sim_wake sim_rwsem_write_timeout(struct sim_rwsem *sem, sim_ns timeout)
{
	return lock(sem, true, timeout);
}

bool sim_rwsem_try_read(struct sim_rwsem *sem)
{
	return enter_at_once(sem, false);
}

bool sim_rwsem_try_write(struct sim_rwsem *sem)
{
	return enter_at_once(sem, true);
}

void sim_rwsem_read_unlock(struct sim_rwsem *sem)
{
	g_assert(sem->readers && "read unlock of a semaphore that nobody reads");
	sync_usage(sem);
	sem->readers--;
	if (sem->class)
		holding_give_back(sem->sim, &sem->holders, sem->sim->self, 1);
	grant_waiters(sem);
}

void sim_rwsem_write_unlock(struct sim_rwsem *sem)
{
	g_assert(write_held(sem) && "write unlock of a semaphore that nobody writes");
	sync_usage(sem);
	sem->write_locked = false;
	sem->writer = NULL;
	if (sem->class)
		holding_give_back(sem->sim, &sem->holders, sem->sim->self, 1);
	grant_waiters(sem);
}
