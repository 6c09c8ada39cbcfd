/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From what the engine tells to tracks, slices, arrows and counters. */
#include "timeline/internal.h"

/* Gauges are read that often at most: a pixel of a screen that shows some tens of milliseconds. */
enum { SAMPLE_NS = 20000 };

static void read_gauges(struct timeline *t)
{
	const struct sim_gauge *gauge;

	for (guint i = 0; (gauge = sim_gauge_at(t->sim, i)); i++) {
		if (i == t->gauge->len) {
			struct counter *counter =
				counter_new(t, gauge->group, gauge->name, gauge->unit);

			g_array_append_val(t->gauge, counter);
		}
		counter_set(t, g_array_index(t->gauge, struct counter *, i),
			    gauge->read(gauge->arg));
	}
}

/* ---- the window ---- */

static void window_open(struct timeline *t)
{
	sim_ns from = t->options.from_ns;

	t->state = TIMELINE_OPEN;
	t->summary.reached = true;
	for (struct track *track = t->first; track; track = track->next)
		for (guint i = 0; i < track->open->len; i++) {
			track->pending = false;
			write_begin(t, track, slice_at(track, i), from);
		}
	for (guint i = 0; i < t->counters->len; i++) {
		struct counter *counter = t->counters->pdata[i];

		if (counter->value)
			write_counter(t, counter, from);
	}
}

static void window_close(struct timeline *t, sim_ns ns)
{
	write_ending(t);
	for (struct track *track = t->first; track; track = track->next) {
		if (track->pending && track->pending_ns > ns)
			continue;
		if (track->open->len)
			write_pending(t, track);
		for (guint i = track->open->len; i--;)
			write_end(t, track, NULL, ns);
	}
	t->summary.end_ns = ns;
	t->state = TIMELINE_CLOSED;
	sim_trace_stop(t->sim);
}

/* First in every call: brings the window up to now; false when nothing is written any more. */
static bool look(struct timeline *t)
{
	sim_ns now = sim_now(t->sim);

	if (t->ending && now != t->ending_ns)
		write_ending(t);
	if (t->state == TIMELINE_BEFORE && now >= t->options.from_ns)
		window_open(t);
	if (t->state == TIMELINE_OPEN) {
		t->summary.cut = t->options.max_bytes && t->summary.bytes >= t->options.max_bytes;
		if (t->summary.cut || t->summary.err)
			window_close(t, t->last_ns);
		else if (now > t->options.to_ns)
			window_close(t, t->options.to_ns);
		else if (now >= t->next_sample_ns)
			read_gauges(t);
	}
	if (now >= t->next_sample_ns)
		t->next_sample_ns = now - now % SAMPLE_NS + SAMPLE_NS;
	return t->state != TIMELINE_CLOSED;
}

/* ---- arrows ---- */

/* From whom an arrow comes: the task, or what the present plain event has just ended. */
static struct track *origin(struct timeline *t, const struct sim_task *by)
{
	if (by)
		return g_hash_table_lookup(t->tasks, GUINT_TO_POINTER(sim_task_id(by)));
	if (t->ending && t->ending_event == sim_events(t->sim) && !sim_self(t->sim))
		return t->ending;
	return NULL;
}

/* Its number, or 0: it comes from nowhere, or nothing is written. */
static uint64_t arrow_begins(struct timeline *t, const struct sim_task *by)
{
	struct track *from = origin(t, by);

	if (!from || t->state != TIMELINE_OPEN)
		return 0;
	write_pending(t, from);
	write_flow_start(t, from, ++t->flow, sim_now(t->sim));
	return t->flow;
}

/* ---- tasks ---- */

static struct track *track_of(struct timeline *t, const struct sim_task *task)
{
	return g_hash_table_lookup(t->tasks, GUINT_TO_POINTER(sim_task_id(task)));
}

static void run_starts(void *arg, struct sim *sim)
{
	struct timeline *t = arg;

	t->sim = sim;
	t->summary.started = true;
}

static void run_ends(void *arg)
{
	struct timeline *t = arg;

	if (!look(t))
		return;
	if (t->state == TIMELINE_OPEN)
		window_close(t, sim_now(t->sim));
	else
		t->summary.end_ns = sim_now(t->sim);
	t->state = TIMELINE_CLOSED;
}

static void task_starts(void *arg, const struct sim_task *task, const struct sim_task *by)
{
	struct timeline *t = arg;
	struct open_slice life = {.kind = "task"};
	uint32_t id = sim_task_id(task);
	struct track *track;

	if (!look(t))
		return;
	track = track_new(t, "tasks", g_strdup_printf("%s (task %u)", sim_task_name(task), id));
	g_hash_table_insert(t->tasks, GUINT_TO_POINTER(id), track);
	life.name = g_string_chunk_insert_const(t->strings, sim_task_name(task));
	g_array_append_val(track->open, life);
	track->pending = true;
	track->pending_ns = sim_now(t->sim);
	track->pending_flow = arrow_begins(t, by);
}

static void task_group(void *arg, const struct sim_task *task, const char *group)
{
	struct timeline *t = arg;

	if (look(t))
		track_of(t, task)->process = process_of(t, group);
}

static void task_ends(void *arg, const struct sim_task *task)
{
	struct timeline *t = arg;
	struct track *track;

	if (!look(t))
		return;
	track = track_of(t, task);
	slice_pop(t, track, "task", NULL);
	g_hash_table_remove(t->tasks, GUINT_TO_POINTER(sim_task_id(task)));
	track_free(t, track);
}

static char *numbers_text(const struct sim_trace_slice *slice)
{
	GString *args = g_string_new(NULL);

	for (size_t i = 0; i < SIM_TRACE_NUMBERS && slice->number[i].name; i++)
		args_number(args, slice->number[i].name, slice->number[i].value);
	return g_string_free(args, FALSE);
}

static void slice_begins(void *arg, const struct sim_task *task,
			 const struct sim_trace_slice *slice)
{
	struct timeline *t = arg;

	if (look(t))
		slice_push(t, track_of(t, task), slice->kind, slice->name, numbers_text(slice));
}

static void slice_ends(void *arg, const struct sim_task *task, const char *kind)
{
	struct timeline *t = arg;

	if (look(t))
		slice_pop(t, track_of(t, task), kind, NULL);
}

/* ---- waits ---- */

static void count_waiting(struct timeline *t, const char *resource, int by)
{
	struct counter *counter = counter_of(t, "waiting", resource, "tasks");

	counter_set(t, counter, (uint64_t)((int64_t)counter->value + by));
}

static char *wait_text(const struct sim_trace_wait *wait)
{
	GString *args = g_string_new(NULL);

	args_text(args, "want", wait->want);
	if (wait->units > 1)
		args_number(args, "units", wait->units);
	if (wait->holder) {
		args_text(args, "holder", sim_task_name(wait->holder));
		args_number(args, "holder_task", sim_task_id(wait->holder));
	}
	if (wait->holder_path)
		args_text(args, "holder_path", wait->holder_path);
	return g_string_free(args, FALSE);
}

/* The name of the wait is that of what it is for. */
static void wait_begins(void *arg, const struct sim_task *task, const struct sim_trace_wait *wait)
{
	struct timeline *t = arg;

	if (!look(t))
		return;
	slice_push(t, track_of(t, task), "wait", wait->resource, wait_text(wait));
	count_waiting(t, wait->resource, 1);
}

static const char *const wake_names[] = {
	[SIM_GRANTED] = "granted",
	[SIM_TIMEOUT] = "timeout",
	[SIM_INTERRUPTED] = "interrupted",
	[SIM_KILLED] = "killed",
};

static void wait_ends(void *arg, const struct sim_task *task, enum sim_wake wake,
		      const struct sim_task *by)
{
	struct timeline *t = arg;
	g_autoptr(GString) args = NULL;
	struct track *track;
	const char *resource;
	uint64_t arrow;

	if (!look(t))
		return;
	track = track_of(t, task);
	resource = slice_at(track, track->open->len - 1)->name;
	arrow = wake == SIM_TIMEOUT ? 0 : arrow_begins(t, by);
	args = g_string_new(NULL);
	args_text(args, "ended", wake_names[wake]);
	slice_pop(t, track, "wait", args->str);
	if (arrow)
		write_flow_end(t, track, arrow, sim_now(t->sim));
	count_waiting(t, resource, -1);
}

/* ---- lanes ---- */

static void lane_end(struct timeline *t, const char *group, const char *name, uint64_t id)
{
	struct track *track = lane_leave(lanes_of(t, group, name), id);

	if (!sim_self(t->sim) && (!t->ending || t->ending_event != sim_events(t->sim))) {
		write_ending(t);
		t->ending = track;
		t->ending_ns = sim_now(t->sim);
		t->ending_event = sim_events(t->sim);
	}
	slice_pop(t, track, slice_at(track, 0)->kind, NULL);
}

static void lane_begins(void *arg, const struct sim_trace_lane *lane,
			const struct sim_trace_slice *slice)
{
	struct timeline *t = arg;

	if (look(t))
		slice_push(t, lane_take(t, lanes_of(t, lane->group, lane->name), lane->id),
			   slice->kind, slice->name, numbers_text(slice));
}

static void lane_ends(void *arg, const struct sim_trace_lane *lane)
{
	struct timeline *t = arg;

	if (look(t))
		lane_end(t, lane->group, lane->name, lane->id);
}

static const char holds_group[] = "locks and pools";

static void count_in_use(struct timeline *t, const char *resource, int64_t by)
{
	struct counter *counter = counter_of(t, "in use", resource, "units");

	counter_set(t, counter, (uint64_t)((int64_t)counter->value + by));
}

static void hold_begins(void *arg, const struct sim_trace_hold *hold)
{
	struct timeline *t = arg;
	struct track *track;
	GString *args;

	if (!look(t))
		return;
	track = lane_take(t, lanes_of(t, holds_group, hold->resource), (uintptr_t)hold->id);
	track->units = hold->units;
	args = g_string_new(NULL);
	args_text(args, "mode", hold->mode);
	if (hold->units > 1)
		args_number(args, "units", hold->units);
	if (hold->task)
		args_number(args, "task", sim_task_id(hold->task));
	if (hold->path)
		args_text(args, "path", hold->path);
	slice_push(t, track, "hold", hold->task ? sim_task_name(hold->task) : "nobody known",
		   g_string_free(args, FALSE));
	count_in_use(t, hold->resource, hold->units);
}

static void hold_ends(void *arg, const struct sim_trace_hold *hold)
{
	struct timeline *t = arg;
	struct track *track;

	if (!look(t))
		return;
	track = lane_leave(lanes_of(t, holds_group, hold->resource), (uintptr_t)hold->id);
	slice_pop(t, track, "hold", NULL);
	count_in_use(t, hold->resource, -(int64_t)track->units);
}

const struct sim_tracer timeline_tracer = {
	.run_starts = run_starts,
	.run_ends = run_ends,
	.task_starts = task_starts,
	.task_group = task_group,
	.task_ends = task_ends,
	.wait_begins = wait_begins,
	.wait_ends = wait_ends,
	.hold_begins = hold_begins,
	.hold_ends = hold_ends,
	.slice_begins = slice_begins,
	.slice_ends = slice_ends,
	.lane_begins = lane_begins,
	.lane_ends = lane_ends,
};

/* ---- life of a timeline ---- */

static void process_free(gpointer arg)
{
	struct process *process = arg;

	g_free(process->name);
	g_free(process);
}

struct timeline *timeline_new(FILE *file, const struct timeline_options *options)
{
	struct timeline *t = g_new0(struct timeline, 1);

	t->options = *options;
	t->file = file;
	t->line = g_string_new(NULL);
	t->ending_lines = g_string_new(NULL);
	t->strings = g_string_chunk_new(4096);
	t->processes = g_ptr_array_new_with_free_func(process_free);
	t->tasks = g_hash_table_new(NULL, NULL);
	t->groups = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, lanes_free);
	t->counters = g_ptr_array_new_with_free_func(g_free);
	t->counter_by_name = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	t->gauge = g_array_new(FALSE, FALSE, sizeof(struct counter *));
	write_head(t);
	return t;
}

static void timeline_free(struct timeline *t)
{
	while (t->first)
		track_free(t, t->first);
	g_string_free(t->line, TRUE);
	g_string_free(t->ending_lines, TRUE);
	g_hash_table_unref(t->tasks);
	g_hash_table_unref(t->groups);
	g_hash_table_unref(t->counter_by_name);
	g_ptr_array_unref(t->counters);
	g_ptr_array_unref(t->processes);
	g_array_unref(t->gauge);
	g_string_chunk_free(t->strings);
	g_free(t);
}

void timeline_finish(struct timeline *timeline, struct timeline_summary *summary)
{
	write_tail(timeline);
	*summary = timeline->summary;
	timeline_free(timeline);
}
