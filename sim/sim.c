/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A run: its clock, its plain events, its digest. */
#include "sim_internal.h"
#include "event_list.h"

enum {
	DEFAULT_STACK_BYTES = 64 * 1024,
	SANITIZED_STACK_BYTES = 256 * 1024, /* red zones and shadow copies of locals */
};

struct sim *sim_new(const struct sim_options *options)
{
	struct sim *sim = g_new0(struct sim, 1);
	size_t stack_bytes = options->stack_bytes;

#ifdef SIM_ASAN
	stack_bytes = MAX(stack_bytes, (size_t)SANITIZED_STACK_BYTES);
#endif
	event_list_init(&sim->list);
	stack_store_init(&sim->stacks, stack_bytes ? stack_bytes : DEFAULT_STACK_BYTES);
	sim->interrupted = options->interrupted;
	sim->mark_interval = 1;
	sim->task_chunks = g_ptr_array_new_with_free_func(g_free);
	sim->holding_chunks = g_ptr_array_new_with_free_func(g_free);
	sim->classes = g_ptr_array_new();
	sim->strings = g_string_chunk_new(1024);
	sim->deadlocks = g_array_new(FALSE, FALSE, sizeof(struct sim_chain));
	sim->cycles = g_array_new(FALSE, FALSE, sizeof(struct sim_chain));
	sim->seed_key = mix64(mix64(options->seed) + options->replication);
	trace_start(sim, options);
	return sim;
}

void sim_free(struct sim *sim)
{
	if (!sim)
		return;
	g_assert(!sim->self && "a run cannot be freed from within");
	trace_end(sim);
	if (sim->on_free)
		sim->on_free(sim->on_free_arg);
	tasks_clear(sim);
	usage_orphan_all(sim);
	holdings_clear(sim); /* writes to resources, some of which lie on the stacks */
	stack_store_clear(&sim->stacks);
	context_release(&sim->main);
	context_release(&sim->gone);
	lock_order_clear(sim);
	deadlocks_clear(sim);
	event_list_clear(&sim->list);
	g_ptr_array_unref(sim->task_chunks);
	g_ptr_array_unref(sim->holding_chunks);
	g_ptr_array_unref(sim->classes);
	g_string_chunk_free(sim->strings);
	g_free(sim);
}

void sim_on_free(struct sim *sim, void (*fn)(void *arg), void *arg)
{
	g_assert(!sim->on_free);
	sim->on_free = fn;
	sim->on_free_arg = arg;
}

sim_ns sim_now(const struct sim *sim)
{
	return sim->now;
}

uint64_t sim_events(const struct sim *sim)
{
	return sim->events;
}

uint64_t sim_draws(const struct sim *sim)
{
	return sim->draws;
}

uint64_t sim_digest(const struct sim *sim)
{
	return sim->digest;
}

const struct sim_mark *sim_marks(const struct sim *sim, size_t *count, uint64_t *interval_events)
{
	*count = sim->marks;
	*interval_events = sim->mark_interval;
	return sim->mark;
}

void sim_digest_add(struct sim *sim, const char *name, uint64_t value)
{
	digest_mix(sim, value, 0);
	if (SIM_UNLIKELY(sim->tracer))
		trace_fact(sim, name, value);
}

void sim_stop(struct sim *sim)
{
	sim->stopping = true;
	sim->fast_until = 0;
}

const char *sim_intern(struct sim *sim, const char *string)
{
	return string ? g_string_chunk_insert_const(sim->strings, string) : NULL;
}

/* ---- plain events ---- */

static inline uint32_t event_slot_of(const struct sim *sim, sim_event event)
{
	uint32_t slot = (uint32_t)event;

	if (slot >= sim->list.slots || sim->list.slot[slot].generation != event >> 32)
		return SIM_NO_SLOT;
	/* A generation that never was handed out fits nothing; a task's own slot has no handle. */
	return sim->list.slot[slot].fn ? slot : SIM_NO_SLOT;
}

sim_event sim_at(struct sim *sim, sim_ns when, int priority, sim_event_fn fn, void *arg)
{
	uint32_t slot;

	g_assert(fn);
	slot = event_list_take_slot(&sim->list, fn, arg);
	event_list_insert(&sim->list, slot, sim->now, when, priority);
	return (sim_event)sim->list.slot[slot].generation << 32 | slot;
}

sim_event sim_after(struct sim *sim, sim_ns delay, int priority, sim_event_fn fn, void *arg)
{
	g_assert(delay < SIM_NEVER - sim->now && "the end of time");
	return sim_at(sim, sim->now + delay, priority, fn, arg);
}

bool sim_cancel(struct sim *sim, sim_event event)
{
	uint32_t slot = event_slot_of(sim, event);

	if (slot == SIM_NO_SLOT)
		return false;
	event_list_remove(&sim->list, slot);
	event_list_give_slot(&sim->list, slot);
	return true;
}

bool sim_reschedule(struct sim *sim, sim_event event, sim_ns when)
{
	uint32_t slot = event_slot_of(sim, event);
	int priority;

	if (slot == SIM_NO_SLOT)
		return false;
	priority = event_list_priority(&sim->list, slot);
	event_list_remove(&sim->list, slot);
	event_list_insert(&sim->list, slot, sim->now, when, priority);
	return true;
}

bool sim_pending(const struct sim *sim, sim_event event)
{
	return event_slot_of(sim, event) != SIM_NO_SLOT;
}

/* ---- running ---- */

/* Every second one stays: those at the ends of intervals of twice the length. */
static void thin_out_marks(struct sim *sim)
{
	sim->marks /= 2;
	sim->mark_interval *= 2;
	for (size_t i = 0; i < sim->marks; i++)
		sim->mark[i] = sim->mark[2 * i + 1];
}

static uint64_t next_mark(const struct sim *sim)
{
	return (sim->marks + 1) * sim->mark_interval;
}

static SIM_RARE void look(struct sim *sim)
{
	if (sim->events == next_mark(sim)) {
		if (sim->marks == SIM_MARKS)
			thin_out_marks(sim);
		else
			sim->mark[sim->marks++] = (struct sim_mark){sim->digest, sim->now};
	}
	if (sim->interrupted && *sim->interrupted) {
		sim->was_interrupted = true;
		sim_stop(sim);
	}
	sim->look_next = MIN(sim->events + INTERRUPT_POLL_EVENTS, next_mark(sim));
	if (sim->tracer && sim->tracer->event)
		sim->look_next = 0; /* so that no event passes at once, unseen */
}

static bool must_end(struct sim *sim)
{
	if (SIM_UNLIKELY(sim->events >= sim->look_next))
		look(sim);
	return sim->stopping;
}

static SIM_RARE void run_plain(struct sim *sim, uint32_t slot)
{
	struct event_slot event = sim->list.slot[slot];

	event_list_give_slot(&sim->list, slot);
	sim->self = NULL;
	event.fn(sim, event.arg);
}

struct sim_task *sim_next_task(struct sim *sim)
{
	while (!must_end(sim)) {
		sim_ns when;
		uint32_t slot = event_list_pop(&sim->list, sim->now, sim->limit, &when);
		struct sim_task *task;

		if (slot == SIM_NO_SLOT)
			return NULL;
		if (SIM_UNLIKELY(sim->tracer))
			trace_event(sim, when, slot);
		sim->now = when;
		sim->events++;
		if (sim->list.slot[slot].fn) {
			digest_mix(sim, when, 0);
			run_plain(sim, slot);
			continue;
		}
		task = sim->list.slot[slot].arg;
		digest_mix(sim, when, task->name_hash);
		if (SIM_UNLIKELY(task->waiter)) {
			sim->self = task; /* whoever goes in as it leaves the line, goes in by it */
			wait_abandon(task, SIM_TIMEOUT);
		}
		return task;
	}
	return NULL;
}

enum sim_end sim_run(struct sim *sim, sim_ns until)
{
	struct sim_task *task;

	g_assert(!sim->self && "sim_run() inside the run");
	if (until < sim->now)
		until = sim->now;
	sim->limit = until;
	sim->stopping = sim->was_interrupted = false;
	sim->fast_until = until < SIM_NEVER ? until + 1 : SIM_NEVER;
	if (sim->interrupted && *sim->interrupted)
		return SIM_END_INTERRUPTED;
	task = sim_next_task(sim);
	if (task)
		sim_resume_from_main(sim, task);
	sim->self = NULL;
	if (sim->was_interrupted)
		return SIM_END_INTERRUPTED;
	if (sim->stopping)
		return SIM_END_STOPPED;
	if (event_list_empty(&sim->list))
		return SIM_END_IDLE;
	sim->now = until;
	return SIM_END_TIME;
}
