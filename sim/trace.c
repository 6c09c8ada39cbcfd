/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Telling a looker-on what happens. */
#include "sim_internal.h"

void trace_start(struct sim *sim, const struct sim_options *options)
{
	if (!options->tracer)
		return;
	sim->tracer = options->tracer;
	sim->tracer_arg = options->tracer_arg;
	sim->gauges = g_array_new(FALSE, FALSE, sizeof(struct sim_gauge));
	sim->tracer->run_starts(sim->tracer_arg, sim);
}

void trace_end(struct sim *sim)
{
	if (sim->tracer)
		sim->tracer->run_ends(sim->tracer_arg);
	sim->tracer = NULL;
	g_clear_pointer(&sim->gauges, g_array_unref);
}

bool sim_traced(const struct sim *sim)
{
	return sim->tracer != NULL;
}

void sim_trace_stop(struct sim *sim)
{
	sim->tracer = NULL;
}

/* ---- what the engine tells ---- */

/* The oldest holding of a resource with holders; a wait queue's wakers hold nothing. */
static const struct sim_holding *oldest_holding(const struct sim_waiter *waiter)
{
	if (waiter->kind == WAIT_POOL)
		return ((const struct sim_pool *)waiter->resource)->holders;
	if (waiter->kind == WAIT_READ || waiter->kind == WAIT_WRITE)
		return ((const struct sim_rwsem *)waiter->resource)->holders;
	return NULL;
}

/* Returns the task, so that whoever starts it need not keep it over this call. */
struct sim_task *trace_task_starts(struct sim *sim, struct sim_task *task)
{
	sim->tracer->task_starts(sim->tracer_arg, task, sim->self);
	return task;
}

void trace_wait_begins(struct sim *sim, const struct sim_task *task)
{
	static const char *const want[] = {
		[WAIT_POOL] = "units",	  [WAIT_READ] = "read", [WAIT_WRITE] = "write",
		[WAIT_QUEUE] = "wake-up", [WAIT_TAKE] = "item", [WAIT_PUT] = "place",
	};
	const struct sim_waiter *waiter = task->waiter;
	const struct sim_holding *holding = oldest_holding(waiter);
	struct sim_trace_wait wait = {
		.resource = waiter->name,
		.want = want[waiter->kind],
		.units = waiter->units,
		.holder = holding ? holding->task : NULL,
		.holder_path = holding ? holding->path : NULL,
	};

	sim->tracer->wait_begins(sim->tracer_arg, task, &wait);
}

void trace_wait_ends(struct sim *sim, const struct sim_task *task, enum sim_wake wake)
{
	sim->tracer->wait_ends(sim->tracer_arg, task, wake, sim->self == task ? NULL : sim->self);
}

static const char *mode_of(const struct sim_holding *holding)
{
	switch ((enum holding_kind)holding->kind) {
	case HOLD_POOL:
		return "units";
	case HOLD_READ:
		return "read";
	case HOLD_WRITE:
		return "write";
	case HOLD_WAKER:
	case HOLD_ORDER:
		break;
	}
	return NULL;
}

static struct sim_trace_hold hold_of(const struct sim_holding *holding)
{
	return (struct sim_trace_hold){
		.id = holding,
		.resource = holding->name,
		.mode = mode_of(holding),
		.path = holding->path,
		.units = holding->units,
		.task = holding->task,
	};
}

void trace_hold_begins(struct sim *sim, const struct sim_holding *holding)
{
	struct sim_trace_hold hold = hold_of(holding);

	sim->tracer->hold_begins(sim->tracer_arg, &hold);
}

void trace_hold_ends(struct sim *sim, const struct sim_holding *holding)
{
	struct sim_trace_hold hold = hold_of(holding);

	if (hold.mode)
		sim->tracer->hold_ends(sim->tracer_arg, &hold);
}

void trace_path_enters(struct sim *sim, const char *function)
{
	sim_trace_begin(sim, &(struct sim_trace_slice){.kind = "path", .name = function});
}

void trace_event(struct sim *sim, sim_ns when, uint32_t slot)
{
	const struct event_slot *event = &sim->list.slot[slot];

	if (sim->tracer->event)
		sim->tracer->event(sim->tracer_arg, when, event->fn ? NULL : event->arg);
}

void trace_fact(struct sim *sim, const char *name, uint64_t value)
{
	if (sim->tracer->fact)
		sim->tracer->fact(sim->tracer_arg, name, value);
}

/* ---- what the floors above tell ---- */

void sim_trace_task_group(struct sim *sim, const struct sim_task *task, const char *group)
{
	if (sim->tracer)
		sim->tracer->task_group(sim->tracer_arg, task, group);
}

void sim_trace_begin(struct sim *sim, const struct sim_trace_slice *slice)
{
	if (sim->tracer && sim->self)
		sim->tracer->slice_begins(sim->tracer_arg, sim->self, slice);
}

void sim_trace_end(struct sim *sim, const char *kind)
{
	if (sim->tracer && sim->self)
		sim->tracer->slice_ends(sim->tracer_arg, sim->self, kind);
}

void sim_trace_lane_begin(struct sim *sim, const struct sim_trace_lane *lane,
			  const struct sim_trace_slice *slice)
{
	if (sim->tracer)
		sim->tracer->lane_begins(sim->tracer_arg, lane, slice);
}

void sim_trace_lane_end(struct sim *sim, const struct sim_trace_lane *lane)
{
	if (sim->tracer)
		sim->tracer->lane_ends(sim->tracer_arg, lane);
}

void sim_gauge_add(struct sim *sim, const struct sim_gauge *gauge)
{
	if (sim->gauges)
		g_array_append_val(sim->gauges, *gauge);
}

const struct sim_gauge *sim_gauge_at(const struct sim *sim, size_t i)
{
	if (!sim->gauges || i >= sim->gauges->len)
		return NULL;
	return &g_array_index(sim->gauges, struct sim_gauge, i);
}
