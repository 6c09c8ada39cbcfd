/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tasks: coroutines that hand over to one another directly, without a dispatcher in between. */
#include "sim_internal.h"
#include "event_list.h"

#include <string.h>

enum { TASK_CHUNK = 64 };

/* ---- birth and end ---- */

static void add_task_chunk(struct sim *sim)
{
	struct sim_task *chunk = g_new0(struct sim_task, TASK_CHUNK);

	g_ptr_array_add(sim->task_chunks, chunk);
	for (int i = TASK_CHUNK; i-- > 0;) {
		chunk[i].next = sim->free_task;
		sim->free_task = &chunk[i];
	}
}

static void set_name(struct sim *sim, struct sim_task *task, const char *name)
{
	task->name = task->name_inline;
	if (SIM_LIKELY(!strcmp(name, sim->last_name))) {
		task->name_hash = sim->last_name_hash;
		memcpy(task->name_inline, sim->last_name, TASK_NAME_INLINE);
		return;
	}
	task->name_hash = hash_string(name);
	if (g_strlcpy(task->name_inline, name, TASK_NAME_INLINE) >= TASK_NAME_INLINE) {
		task->name = g_strdup(name);
		return;
	}
	memcpy(sim->last_name, task->name_inline, TASK_NAME_INLINE);
	sim->last_name_hash = task->name_hash;
}

struct sim_task *sim_spawn(struct sim *sim, const char *name, sim_task_fn fn, void *arg)
{
	struct sim_task *task;

	if (!sim->free_task)
		add_task_chunk(sim);
	task = sim->free_task;
	sim->free_task = task->next;
	task->sim = sim;
	task->waiter = NULL;
	task->state = TASK_NEW;
	task->killed = task->dead = false;
	task->held = NULL;
	task->section = task->section_depth = 0;
	task->stack = NULL;
	task->fn = fn;
	task->arg = arg;
	task->user = NULL;
	task->id = sim->next_task_id++;
	task->path_depth = 0;
	set_name(sim, task, name);
	task->next = NULL;
	task->prev = sim->last_task;
	if (sim->last_task)
		sim->last_task->next = task;
	else
		sim->first_task = task;
	sim->last_task = task;
	task->slot = event_list_take_slot(&sim->list, NULL, task);
	event_list_insert(&sim->list, task->slot, sim->now, sim->now, 0);
	return SIM_UNLIKELY(sim->tracer) ? trace_task_starts(sim, task) : task;
}

/* What an ended task still holds, somebody else must give back; whom it was to wake, it will not. */
static void drop_holdings(struct sim *sim, struct sim_task *task)
{
	struct sim_holding *holding;

	while ((holding = task->held)) {
		task->held = holding->task_next;
		if (task->held)
			task->held->task_prev = NULL;
		holding->task = NULL;
		holding->task_next = NULL;
		if (holding->kind == HOLD_ORDER)
			holding_remove(sim, holding);
		else if (holding->kind == HOLD_WAKER)
			waitq_waker_gone(holding->resource);
	}
}

static void end_task(struct sim *sim, struct sim_task *task)
{
	task->state = TASK_ENDED;
	if (SIM_UNLIKELY(sim->tracer))
		sim->tracer->task_ends(sim->tracer_arg, task);
	if (SIM_UNLIKELY(task->held))
		drop_holdings(sim, task);
	event_list_give_slot(&sim->list, task->slot);
	if (SIM_UNLIKELY(task->name != task->name_inline))
		g_free(task->name);
	task->name = task->name_inline;
	if (task->prev)
		task->prev->next = task->next;
	else
		sim->first_task = task->next;
	if (task->next)
		task->next->prev = task->prev;
	else
		sim->last_task = task->prev;
	task->next = sim->free_task;
	sim->free_task = task;
}

void tasks_clear(struct sim *sim)
{
	for (struct sim_task *task = sim->first_task; task; task = task->next) {
		if (task->waiter && task->waiter->list)
			wait_list_orphan(task->waiter->list);
		if (task->name != task->name_inline)
			g_free(task->name);
	}
	for (guint i = 0; i < sim->task_chunks->len; i++) {
		struct sim_task *chunk = g_ptr_array_index(sim->task_chunks, i);

		for (int j = 0; j < TASK_CHUNK; j++) {
			g_free(chunk[j].path);
			context_release(&chunk[j].context);
		}
	}
}

/* ---- switching ---- */

static void task_main(void *arg);

static void switch_to(struct sim *sim, struct sim_context *from, struct sim_task *next, bool last)
{
	struct sim_context *to = &sim->main;

	if (next) {
		to = &next->context;
		if (next->state == TASK_NEW) {
			next->stack = stack_take(&sim->stacks);
			context_prepare(to, next->stack, task_main, sim);
			sim->previous = from;
		}
	}
	sim->self = next;
	context_switch(from, to, last);
}

/* A task that ends takes the next event; when that starts a task, it lends it its stack. */
static void task_main(void *arg)
{
	struct sim *sim = arg;
	struct sim_task *task = sim->self, *next;
	struct sim_stack *stack;

	context_entered(sim->previous);
	for (;;) {
		stack = task->stack;
		task->state = TASK_RUNNING;
		task->fn(task, task->arg);
		end_task(sim, task);
		next = sim_next_task(sim);
		if (!next || next->state != TASK_NEW)
			break;
		next->stack = stack;
		next->context.bottom = stack->base;
		next->context.bytes = stack->bytes;
		sim->self = task = next;
	}
	stack_give(&sim->stacks, stack);
	switch_to(sim, &sim->gone, next, true);
}

void sim_resume_from_main(struct sim *sim, struct sim_task *task)
{
	switch_to(sim, &sim->main, task, false);
}

void task_block(struct sim *sim, struct sim_task *self)
{
	struct sim_task *next = sim_next_task(sim);

	if (next == self)
		sim->self = self;
	else
		switch_to(sim, &self->context, next, false);
	self->state = TASK_RUNNING;
}

void task_wake(struct sim_task *task, enum sim_wake wake)
{
	struct sim *sim = task->sim;

	if (SIM_UNLIKELY(task->dead))
		deadlock_forget(sim);
	task->wake = wake;
	task->state = TASK_READY;
	event_list_remove(&sim->list, task->slot);
	event_list_insert(&sim->list, task->slot, sim->now, sim->now, 0);
}

/* ---- the public face ---- */

/* A hold that ends before anything else can happen: the event need not go through the list. */
static inline bool passes_at_once(struct sim *sim, const struct sim_task *self, sim_ns when)
{
	if (when >= sim->fast_until || sim->events >= sim->look_next ||
	    !event_list_is_next(&sim->list, when))
		return false;
	sim->events++;
	sim->now = when;
	digest_mix(sim, when, self->name_hash);
	return true;
}

static SIM_RARE enum sim_wake wait_for_end(struct sim *sim, struct sim_task *self, sim_ns when)
{
	if (self->killed)
		return SIM_KILLED;
	if (when != SIM_NEVER)
		event_list_insert(&sim->list, self->slot, sim->now, when, 0);
	self->state = TASK_WAITING;
	self->wake = SIM_GRANTED;
	task_block(sim, self);
	return self->wake;
}

enum sim_wake sim_hold(struct sim *sim, sim_ns duration)
{
	struct sim_task *self = sim->self;
	sim_ns when = sim->now + duration;

	g_assert(self && "only a task can hold");
	if (SIM_UNLIKELY(when < duration))
		when = SIM_NEVER;
	if (!self->killed && passes_at_once(sim, self, when))
		return SIM_GRANTED;
	return wait_for_end(sim, self, when);
}

static void end_wait(struct sim_task *task, enum sim_wake wake)
{
	if (task->state != TASK_WAITING)
		return;
	if (task->waiter)
		wait_abandon(task, wake);
	task_wake(task, wake);
}

void sim_interrupt(struct sim_task *task)
{
	end_wait(task, SIM_INTERRUPTED);
}

void sim_kill(struct sim_task *task)
{
	task->killed = true;
	end_wait(task, SIM_KILLED);
}

bool sim_task_killed(const struct sim_task *task)
{
	return task->killed;
}

struct sim_task *sim_self(struct sim *sim)
{
	return sim->self;
}

struct sim *sim_of(const struct sim_task *task)
{
	return task->sim;
}

const char *sim_task_name(const struct sim_task *task)
{
	return task->name;
}

uint32_t sim_task_id(const struct sim_task *task)
{
	return task->id;
}

void sim_task_set_user(struct sim_task *task, void *user)
{
	task->user = user;
}

void *sim_task_user(const struct sim_task *task)
{
	return task->user;
}

GPtrArray *sim_blocked_tasks(const struct sim *sim)
{
	GPtrArray *blocked = g_ptr_array_new();

	for (struct sim_task *task = sim->first_task; task; task = task->next)
		if (task->state == TASK_WAITING && !event_list_pending(&sim->list, task->slot))
			g_ptr_array_add(blocked, task);
	return blocked;
}

bool sim_anybody_else(const struct sim *sim, bool (*ours)(const struct sim_task *task))
{
	for (uint32_t i = 0; i < sim->list.slots; i++) {
		const struct event_slot *slot = &sim->list.slot[i];

		if (event_list_pending(&sim->list, i) && (slot->fn || !ours(slot->arg)))
			return true;
	}
	return false;
}

const char *sim_task_waits_for(const struct sim_task *task)
{
	return task->waiter ? task->waiter->name : NULL;
}

sim_ns sim_task_waits_since(const struct sim_task *task)
{
	return task->waiter ? task->waiter->since : SIM_NEVER;
}

const char *sim_task_path(const struct sim_task *task)
{
	return task->path_depth ? task->path[task->path_depth - 1] : NULL;
}

void sim_path_enter(struct sim *sim, const char *function)
{
	enum { FIRST_PATH_DEPTH = 16 };
	struct sim_task *self = sim->self;

	if (!self)
		return;
	if (self->path_depth == self->path_allocated) {
		self->path_allocated = MAX(2 * self->path_allocated, FIRST_PATH_DEPTH);
		self->path = g_renew(const char *, self->path, self->path_allocated);
	}
	self->path[self->path_depth++] = function;
	if (SIM_UNLIKELY(sim->tracer))
		trace_path_enters(sim, function);
}

void sim_path_leave(struct sim *sim)
{
	struct sim_task *self = sim->self;

	if (!self)
		return;
	g_assert(self->path_depth && "a path was left that was not entered");
	self->path_depth--;
	if (SIM_UNLIKELY(sim->tracer))
		sim_trace_end(sim, "path");
}
