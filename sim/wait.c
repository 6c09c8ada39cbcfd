/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Waiting. A task has one event: while it waits, that is its timeout; whatever ends the wait first
 * (grant, timeout, interrupt, kill) takes it out of the line and turns that same event into its
 * wake-up. So a wait ends once, there is no second wake-up that could go stale, and a thing that is
 * given away is always given to somebody who still waits for it.
 */
#include "sim_internal.h"
#include "event_list.h"

void wait_unlink(struct sim_waiter *waiter)
{
	struct sim_wait_list *list = waiter->list;

	if (!list)
		return;
	if (waiter->prev)
		waiter->prev->next = waiter->next;
	else
		list->head = waiter->next;
	if (waiter->next)
		waiter->next->prev = waiter->prev;
	else
		list->tail = waiter->prev;
	list->length--;
	waiter->list = NULL;
}

static void link_last(struct sim_waiter *waiter, struct sim_wait_list *list)
{
	waiter->list = list;
	waiter->next = NULL;
	waiter->prev = list->tail;
	if (list->tail)
		list->tail->next = waiter;
	else
		list->head = waiter;
	list->tail = waiter;
	list->length++;
}

enum sim_wake wait_in(struct sim_waiter *waiter, struct sim *sim, struct sim_wait_list *list,
		      sim_ns timeout)
{
	struct sim_task *self = sim->self;

	waiter->task = self;
	waiter->since = sim->now;
	waiter->timed = timeout < SIM_NEVER - sim->now;
	link_last(waiter, list);
	self->waiter = waiter;
	self->state = TASK_WAITING;
	if (waiter->timed)
		event_list_insert(&sim->list, self->slot, sim->now, sim->now + timeout, 0);
	else if (deadlock_tracked(waiter))
		deadlock_check(sim, self);
	if (SIM_UNLIKELY(sim->tracer))
		trace_wait_begins(sim, self);
	task_block(sim, self);
	return self->wake;
}

static inline void grant(struct sim_waiter *waiter)
{
	wait_unlink(waiter);
	waiter->task->waiter = NULL;
	task_wake(waiter->task, SIM_GRANTED);
}

static SIM_RARE void grant_traced(struct sim_waiter *waiter)
{
	trace_wait_ends(waiter->task->sim, waiter->task, SIM_GRANTED);
	grant(waiter);
}

void wait_grant(struct sim_waiter *waiter)
{
	if (SIM_UNLIKELY(waiter->task->sim->tracer))
		grant_traced(waiter);
	else
		grant(waiter);
}

void wait_abandon(struct sim_task *task, enum sim_wake wake)
{
	struct sim_waiter *waiter = task->waiter;

	task->waiter = NULL;
	task->wake = wake;
	if (SIM_UNLIKELY(task->sim->tracer))
		trace_wait_ends(task->sim, task, wake);
	if (waiter->list)
		waiter->leave(waiter, wake);
}

void wait_list_orphan(struct sim_wait_list *list)
{
	while (list->head)
		wait_unlink(list->head);
}

/* ---- usage ---- */

void usage_init(struct sim_usage *usage, const struct sim *sim)
{
	*usage = (struct sim_usage){.since = sim->now};
}

void usage_destroy(struct sim_usage *usage)
{
	sim_histogram_free(usage->wait_ns);
	usage->wait_ns = NULL;
}

void usage_waited(struct sim_usage *usage, struct sim *sim, sim_ns waited_ns)
{
	if (SIM_UNLIKELY(!usage->wait_ns))
		usage->wait_ns = histogram_new_owned(sim, usage);
	sim_histogram_add(usage->wait_ns, waited_ns);
}

/* The run ends: histograms of resources on dropped stacks go, the others are on their own. */
void usage_orphan_all(struct sim *sim)
{
	while (sim->histograms) {
		struct sim_histogram *h = sim->histograms;
		bool dropped = stack_store_holds(&sim->stacks, histogram_owner(h));

		histogram_disown(h);
		if (dropped)
			sim_histogram_free(h);
	}
}

void sim_usage_sync(struct sim_usage *usage, sim_ns now, uint32_t in_use, uint32_t queued)
{
	g_assert(now >= usage->since);
	usage_advance(usage, now, in_use, queued);
}

void sim_usage_reset(struct sim_usage *usage, sim_ns now, uint32_t in_use, uint32_t queued)
{
	usage_destroy(usage);
	*usage = (struct sim_usage){
		.since = now,
		.in_use_max = in_use,
		.queue_max = queued,
	};
}
