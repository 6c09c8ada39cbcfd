/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Deadlocks, found when they close.
 *
 * A task that waits without a timeout can be woken by those whom its wait names: the holders of the
 * resource and the waiter before it in the line, or the declared wakers of a wait queue. Graph
 * reduction: whoever does not wait so can go on, and will in the end give back all that he holds;
 * whoever can be woken by such as can go on, can go on too. Who is left when nothing more can be
 * struck out waits for ever.
 */
#include "sim_internal.h"

#include <string.h>

bool deadlock_tracked(const struct sim_waiter *waiter)
{
	switch ((enum wait_kind)waiter->kind) {
	case WAIT_POOL:
		return ((struct sim_pool *)waiter->resource)->class;
	case WAIT_READ:
	case WAIT_WRITE:
		return ((struct sim_rwsem *)waiter->resource)->class;
	case WAIT_QUEUE:
		return ((struct sim_waitq *)waiter->resource)->wakers;
	case WAIT_TAKE:
	case WAIT_PUT:
		break;
	}
	return false;
}

/* Whether only the tasks that its wait names can wake it. */
static bool is_blocked(const struct sim_task *task)
{
	return task->state == TASK_WAITING && task->waiter && task->waiter->list &&
	       !task->waiter->timed && deadlock_tracked(task->waiter);
}

static bool can_go_on(const struct sim *sim, const struct sim_task *task)
{
	return !is_blocked(task) || (task->epoch == sim->epoch && task->can_wake);
}

static struct sim_holding *enders_of(const struct sim_waiter *waiter)
{
	switch ((enum wait_kind)waiter->kind) {
	case WAIT_POOL:
		return ((struct sim_pool *)waiter->resource)->holders;
	case WAIT_READ:
	case WAIT_WRITE:
		return ((struct sim_rwsem *)waiter->resource)->holders;
	case WAIT_QUEUE:
		return ((struct sim_waitq *)waiter->resource)->wakers;
	case WAIT_TAKE:
	case WAIT_PUT:
		break;
	}
	return NULL;
}

/* Whether this holder must let go before the waiter can go in. */
static bool stands_in_way(const struct sim_waiter *waiter, const struct sim_holding *holding)
{
	return !(waiter->kind == WAIT_READ && holding->kind == HOLD_READ);
}

static bool behind_another(const struct sim_waiter *waiter)
{
	return waiter->prev && waiter->kind != WAIT_QUEUE;
}

static bool wakeable_by_pool(const struct sim *sim, const struct sim_waiter *waiter)
{
	const struct sim_pool *pool = waiter->resource;
	uint64_t units = pool->capacity - pool->in_use;

	for (struct sim_holding *h = pool->holders; h && units < waiter->units; h = h->next)
		if (!h->task || can_go_on(sim, h->task))
			units += h->units;
	return units >= waiter->units;
}

static bool wakeable_by_all(const struct sim *sim, const struct sim_waiter *waiter)
{
	for (struct sim_holding *h = enders_of(waiter); h; h = h->next)
		if (stands_in_way(waiter, h) && h->task && !can_go_on(sim, h->task))
			return false;
	return true;
}

static bool wakeable_by_any(const struct sim *sim, const struct sim_waiter *waiter)
{
	for (struct sim_holding *h = enders_of(waiter); h; h = h->next)
		if (h->task && can_go_on(sim, h->task))
			return true;
	return false;
}

static bool wakeable(const struct sim *sim, const struct sim_task *task)
{
	const struct sim_waiter *waiter = task->waiter;

	if (waiter->kind == WAIT_QUEUE)
		return wakeable_by_any(sim, waiter);
	if (behind_another(waiter) && !can_go_on(sim, waiter->prev->task))
		return false;
	return waiter->kind == WAIT_POOL ? wakeable_by_pool(sim, waiter)
					 : wakeable_by_all(sim, waiter);
}

/* ---- the set ---- */

static void add_candidate(struct sim *sim, GPtrArray *set, struct sim_task *task)
{
	if (!task || !is_blocked(task) || task->epoch == sim->epoch)
		return;
	task->epoch = sim->epoch;
	task->can_wake = false;
	g_ptr_array_add(set, task);
}

static void add_enders(struct sim *sim, GPtrArray *set, const struct sim_task *task)
{
	const struct sim_waiter *waiter = task->waiter;

	for (struct sim_holding *h = enders_of(waiter); h; h = h->next)
		if (stands_in_way(waiter, h))
			add_candidate(sim, set, h->task);
	if (behind_another(waiter))
		add_candidate(sim, set, waiter->prev->task);
}

/* All whom the task depends on, itself first. */
static GPtrArray *collect(struct sim *sim, struct sim_task *task)
{
	GPtrArray *set = g_ptr_array_new();

	add_candidate(sim, set, task);
	for (guint i = 0; i < set->len; i++)
		add_enders(sim, set, g_ptr_array_index(set, i));
	return set;
}

/* From the last collected: in a line those before a task are collected after it. */
static void reduce(struct sim *sim, GPtrArray *set)
{
	bool changed = true;

	while (changed) {
		changed = false;
		for (guint i = set->len; i--;) {
			struct sim_task *task = g_ptr_array_index(set, i);

			if (!task->can_wake && wakeable(sim, task))
				task->can_wake = changed = true;
		}
	}
}

/* Keeps those who wait for ever and were not known to. */
static void keep_newly_dead(GPtrArray *set)
{
	guint kept = 0;

	for (guint i = 0; i < set->len; i++) {
		struct sim_task *task = g_ptr_array_index(set, i);

		if (!task->can_wake && !task->dead)
			g_ptr_array_index(set, kept++) = task;
	}
	g_ptr_array_set_size(set, (gint)kept);
}

/* ---- the chain ---- */

/* Reaches `to` from `from`'s wait, if it is one of the newly dead (of this search's epoch). */
static void reach(struct sim *sim, GPtrArray *queue, struct sim_task *from, struct sim_task *to)
{
	if (!to || to->epoch != sim->epoch)
		return;
	to->epoch = 0;
	to->parent = from;
	g_ptr_array_add(queue, to);
}

static void reach_enders(struct sim *sim, GPtrArray *queue, struct sim_task *task)
{
	const struct sim_waiter *waiter = task->waiter;

	for (struct sim_holding *h = enders_of(waiter); h; h = h->next)
		if (stands_in_way(waiter, h))
			reach(sim, queue, task, h->task);
	if (behind_another(waiter))
		reach(sim, queue, task, waiter->prev->task);
}

/* Shortest way from `start` over its wait back to itself, left in the parents; one that leads over
 * another task, if `over_others`: whoever waits for what he holds a share of does not wait for
 * himself alone. */
static bool find_cycle(struct sim *sim, GPtrArray *dead, struct sim_task *start, GPtrArray *queue,
		       bool over_others)
{
	struct sim_task *task = start;

	sim->epoch++;
	for (guint i = 0; i < dead->len; i++)
		((struct sim_task *)g_ptr_array_index(dead, i))->epoch = sim->epoch;
	g_ptr_array_set_size(queue, 0);
	for (guint i = 0;; i++) {
		if (!i && over_others)
			start->epoch = 0;
		reach_enders(sim, queue, task);
		if (!i && over_others)
			start->epoch = sim->epoch;
		if (start->epoch != sim->epoch)
			return true;
		if (i == queue->len)
			return false;
		task = g_ptr_array_index(queue, i);
	}
}

/* In which path `holder` took what `task` waits for, or came to stand before it. */
static const char *path_of_hold(const struct sim_task *task, const struct sim_task *holder)
{
	for (struct sim_holding *h = enders_of(task->waiter); h; h = h->next)
		if (h->task == holder && stands_in_way(task->waiter, h))
			return h->path;
	return sim_task_path(holder);
}

static struct sim_chain_link link_of(struct sim *sim, const struct sim_task *task,
				     const struct sim_task *holder)
{
	return (struct sim_chain_link){
		.task = sim_intern(sim, task->name),
		.path = sim_intern(sim, sim_task_path(task)),
		.resource = sim_intern(sim, task->waiter->name),
		.held_since_path = holder ? sim_intern(sim, path_of_hold(task, holder)) : NULL,
	};
}

static void report(struct sim *sim, struct sim_task *start, bool cycle)
{
	struct sim_chain chain = {.when = sim->now, .links = 1};
	struct sim_task *holder = start;
	size_t i;

	if (cycle)
		for (struct sim_task *t = start->parent; t != start; t = t->parent)
			chain.links++;
	chain.link = g_new0(struct sim_chain_link, chain.links);
	if (cycle) {
		/* Parents lead from a holder to the one who waits for him: backwards. */
		i = chain.links;
		do {
			chain.link[--i] = link_of(sim, holder->parent, holder);
			holder = holder->parent;
		} while (holder != start);
	} else {
		chain.link[0] = link_of(sim, start, NULL);
	}
	g_array_append_val(sim->deadlocks, chain);
	if (sim->on_deadlock)
		sim->on_deadlock(sim, &chain, sim->on_deadlock_arg);
}

/* A sleeper whose wakers have all ended waits for ever with no cycle. */
static bool forsaken(const struct sim_task *task)
{
	if (task->waiter->kind != WAIT_QUEUE)
		return false;
	for (struct sim_holding *h = enders_of(task->waiter); h; h = h->next)
		if (h->task)
			return false;
	return true;
}

static void report_set(struct sim *sim, GPtrArray *dead)
{
	GPtrArray *queue = g_ptr_array_new();
	bool found = false;

	for (guint i = 0; i < 2 * dead->len && !found; i++) {
		struct sim_task *task = g_ptr_array_index(dead, i % dead->len);

		found = find_cycle(sim, dead, task, queue, i < dead->len);
		if (found)
			report(sim, task, true);
	}
	for (guint i = 0; i < dead->len && !found; i++) {
		struct sim_task *task = g_ptr_array_index(dead, i);

		found = forsaken(task);
		if (found)
			report(sim, task, false);
	}
	g_ptr_array_unref(queue);
}

/* ---- those who depend on the dead ---- */

static void add_line(GPtrArray *work, const struct sim_waiter *first)
{
	for (const struct sim_waiter *w = first; w; w = w->next)
		if (!w->task->dead && is_blocked(w->task))
			g_ptr_array_add(work, w->task);
}

static void add_dependents(GPtrArray *work, const struct sim_task *task)
{
	add_line(work, task->waiter->next);
	for (struct sim_holding *h = task->held; h; h = h->task_next) {
		switch ((enum holding_kind)h->kind) {
		case HOLD_POOL:
			add_line(work, ((struct sim_pool *)h->resource)->waiting.head);
			break;
		case HOLD_READ:
		case HOLD_WRITE:
			add_line(work, ((struct sim_rwsem *)h->resource)->waiting.head);
			break;
		case HOLD_WAKER:
			add_line(work, ((struct sim_waitq *)h->resource)->waiting.head);
			break;
		case HOLD_ORDER:
			break;
		}
	}
}

/* The usual case: whoever is asked for it runs. */
static bool obviously_wakeable(struct sim *sim, const struct sim_task *task)
{
	if (task->dead || !is_blocked(task))
		return true;
	sim->epoch++;
	return wakeable(sim, task);
}

static void check_one(struct sim *sim, struct sim_task *task, GPtrArray *work)
{
	GPtrArray *set;

	if (obviously_wakeable(sim, task))
		return;
	set = collect(sim, task);
	reduce(sim, set);
	keep_newly_dead(set);
	for (guint i = 0; i < set->len; i++) {
		((struct sim_task *)g_ptr_array_index(set, i))->dead = true;
		add_dependents(work, g_ptr_array_index(set, i));
	}
	if (set->len && task->dead)
		report_set(sim, set);
	g_ptr_array_unref(set);
}

void deadlock_check(struct sim *sim, struct sim_task *task)
{
	GPtrArray *work;

	if (obviously_wakeable(sim, task))
		return;
	work = g_ptr_array_new();
	g_ptr_array_add(work, task);
	for (guint i = 0; i < work->len; i++)
		check_one(sim, g_ptr_array_index(work, i), work);
	g_ptr_array_unref(work);
}

void deadlock_forget(struct sim *sim)
{
	for (struct sim_task *task = sim->first_task; task; task = task->next)
		task->dead = false;
}

/* ---- the public face ---- */

const struct sim_chain *sim_deadlocks(const struct sim *sim, size_t *count)
{
	*count = sim->deadlocks->len;
	return (const struct sim_chain *)(void *)sim->deadlocks->data;
}

void sim_on_deadlock(struct sim *sim, void (*fn)(struct sim *, const struct sim_chain *, void *),
		     void *arg)
{
	sim->on_deadlock = fn;
	sim->on_deadlock_arg = arg;
}

void chains_free(GArray *chains)
{
	for (guint i = 0; i < chains->len; i++)
		g_free(g_array_index(chains, struct sim_chain, i).link);
	g_array_unref(chains);
}

void deadlocks_clear(struct sim *sim)
{
	chains_free(sim->deadlocks);
}
