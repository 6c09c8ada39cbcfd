/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Wait queues: tasks sleep until somebody wakes them. */
#include "sim_internal.h"

void sim_waitq_init(struct sim_waitq *wq, struct sim *sim, const char *name)
{
	*wq = (struct sim_waitq){.sim = sim, .name = name};
	usage_init(&wq->usage, sim);
}

void sim_waitq_destroy(struct sim_waitq *wq)
{
	wait_list_orphan(&wq->waiting);
	if (wq->wakers)
		holding_list_clear(wq->sim, &wq->wakers);
	usage_destroy(&wq->usage);
}

static void sync_usage(struct sim_waitq *wq)
{
	usage_advance(&wq->usage, wq->sim->now, 0, wq->waiting.length);
}

/* Those who could wake the sleepers have become fewer, or known. */
static void check_sleepers(struct sim_waitq *wq)
{
	for (struct sim_waiter *w = wq->waiting.head; w; w = w->next)
		if (!w->timed)
			deadlock_check(wq->sim, w->task);
}

void sim_waitq_add_waker(struct sim_waitq *wq, struct sim_task *task)
{
	holding_add(wq->sim, &wq->wakers, task, HOLD_WAKER, wq, wq->name);
	check_sleepers(wq);
}

void sim_waitq_add_waker_in(struct sim_waitq *wq, struct sim_task *task, const char *path)
{
	struct sim_holding *waker =
		holding_add(wq->sim, &wq->wakers, task, HOLD_WAKER, wq, wq->name);

	waker->path = sim_intern(wq->sim, path);
	check_sleepers(wq);
}

void sim_waitq_clear_wakers(struct sim_waitq *wq)
{
	holding_list_clear(wq->sim, &wq->wakers);
}

void sim_waitq_remove_waker(struct sim_waitq *wq, struct sim_task *task)
{
	struct sim_holding *waker = holding_find(&wq->wakers, task);

	g_assert(waker && "not a declared waker");
	holding_remove(wq->sim, waker);
	if (wq->wakers)
		check_sleepers(wq);
}

void waitq_waker_gone(struct sim_waitq *wq)
{
	check_sleepers(wq);
}

static void leave_queue(struct sim_waiter *waiter, enum sim_wake wake)
{
	struct sim_waitq *wq = waiter->resource;

	sync_usage(wq);
	wq->usage.timeouts += wake == SIM_TIMEOUT;
	wait_unlink(waiter);
}

enum sim_wake sim_waitq_sleep_timeout(struct sim_waitq *wq, sim_ns timeout)
{
	enum sim_wake refused = wait_refused(wq->sim);
	struct sim_waiter waiter;

	if (refused)
		return refused;
	sync_usage(wq);
	wq->usage.waits++;
	wq->usage.queue_max = MAX(wq->usage.queue_max, wq->waiting.length + 1);
	waiter.resource = wq;
	waiter.name = wq->name;
	waiter.leave = leave_queue;
	waiter.units = 1;
	waiter.kind = WAIT_QUEUE;
	return wait_in(&waiter, wq->sim, &wq->waiting, timeout);
}

enum sim_wake sim_waitq_sleep(struct sim_waitq *wq)
{
	return sim_waitq_sleep_timeout(wq, SIM_NEVER);
}

struct sim_task *sim_waitq_first(const struct sim_waitq *wq)
{
	return wq->waiting.head ? wq->waiting.head->task : NULL;
}

bool sim_waitq_wake_one(struct sim_waitq *wq)
{
	struct sim_waiter *waiter = wq->waiting.head;

	if (!waiter)
		return false;
	sync_usage(wq);
	wq->usage.acquires++;
	usage_waited(&wq->usage, wq->sim, wq->sim->now - waiter->since);
	wait_grant(waiter);
	return true;
}

uint32_t sim_waitq_wake_all(struct sim_waitq *wq)
{
	uint32_t woken = 0;

	while (sim_waitq_wake_one(wq))
		woken++;
	return woken;
}
