/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A run as its events, a line of JSON each: who went on at what time, in what, and what came of it
 * until the next. Before the window only what the state is made of is kept.
 */
#include "timeline/timeline.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

/* What one event did is told up to here: the first one builds a whole filesystem. */
enum { DID_MAX = 64 };

/* A task that lives, with what it is in, the innermost last. */
struct seen_task {
	char *name;
	uint32_t id;
	GPtrArray *in; /* char * */
};

/* Something that somebody has for a time: a lane, or a lock or units of a pool. */
struct seen_use {
	char *lane; /* NULL: it is a lock or units of a pool */
	uint64_t id;
	char *text;
};

enum window { WINDOW_BEFORE, WINDOW_OPEN, WINDOW_AFTER };

struct event_log {
	FILE *file;
	uint64_t first, last;
	struct sim *sim;
	enum window window;
	int err;
	uint64_t number; /* of the present event, from 1 */
	GHashTable *tasks; /* number: struct seen_task * */
	GPtrArray *uses; /* struct seen_use *, the oldest first */
	json_t *line, *did, *facts; /* of the present event; NULL outside the window */
	size_t left_off; /* of `did` */
};

/* ---- the file ---- */

static void put(struct event_log *log, json_t *line)
{
	if (!log->err && (json_dumpf(line, log->file, JSON_COMPACT) || fputc('\n', log->file) < 0))
		log->err = errno ? errno : EIO;
	json_decref(line);
}

static void put_line(struct event_log *log)
{
	if (!log->line)
		return;
	if (log->left_off)
		json_array_append_new(log->did, json_sprintf("and %zu more", log->left_off));
	log->left_off = 0;
	put(log, g_steal_pointer(&log->line));
}

/* ---- the state ---- */

static json_t *strings_of(const GPtrArray *strings)
{
	json_t *list = json_array();

	for (guint i = 0; i < strings->len; i++)
		json_array_append_new(list, json_string(strings->pdata[i]));
	return list;
}

static gint by_id(gconstpointer a, gconstpointer b)
{
	const struct seen_task *left = a, *right = b;

	return left->id < right->id ? -1 : 1;
}

static json_t *tasks_now(const struct event_log *log)
{
	GList *tasks = g_list_sort(g_hash_table_get_values(log->tasks), by_id);
	json_t *list = json_array();

	for (const GList *item = tasks; item; item = item->next) {
		const struct seen_task *task = item->data;

		json_array_append_new(list,
				      json_pack("{s:s, s:I, s:o}", "task", task->name, "id",
						(json_int_t)task->id, "in", strings_of(task->in)));
	}
	g_list_free(tasks);
	return list;
}

static json_t *uses_now(const struct event_log *log)
{
	json_t *list = json_array();

	for (guint i = 0; i < log->uses->len; i++) {
		const struct seen_use *use = log->uses->pdata[i];

		json_array_append_new(list, json_string(use->text));
	}
	return list;
}

static json_t *gauges_now(const struct event_log *log)
{
	const struct sim_gauge *gauge;
	json_t *object = json_object();

	for (size_t i = 0; (gauge = sim_gauge_at(log->sim, i)); i++) {
		g_autofree char *name =
			g_strdup_printf("%s: %s, %s", gauge->group, gauge->name, gauge->unit);

		json_object_set_new(object, name,
				    json_integer((json_int_t)gauge->read(gauge->arg)));
	}
	return object;
}

static void put_state(struct event_log *log)
{
	put(log,
	    json_pack("{s:I, s:o, s:o, s:o}", "state_ns", (json_int_t)sim_now(log->sim), "tasks",
		      tasks_now(log), "uses", uses_now(log), "figures", gauges_now(log)));
}

/* ---- telling ---- */

static char *who(const struct sim_task *task)
{
	return g_strdup_printf("%s (%u)", sim_task_name(task), sim_task_id(task));
}

/* Of a task other than the one that goes on, it is said who it is. */
static void tell(struct event_log *log, const struct sim_task *task, const char *format, ...)
	G_GNUC_PRINTF(3, 4);
static void tell(struct event_log *log, const struct sim_task *task, const char *format, ...)
{
	g_autofree char *text = NULL, *name = NULL;
	va_list args;

	if (!log->line)
		return;
	if (json_array_size(log->did) == DID_MAX) {
		log->left_off++;
		return;
	}
	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	name = task && task != sim_self(log->sim) ? who(task) : NULL;
	json_array_append_new(log->did,
			      json_sprintf("%s%s%s", name ? name : "", name ? ": " : "", text));
}

static struct seen_task *seen(const struct event_log *log, const struct sim_task *task)
{
	return g_hash_table_lookup(log->tasks, GUINT_TO_POINTER(sim_task_id(task)));
}

/* Takes the text over. */
static void enter(struct event_log *log, const struct sim_task *task, char *text)
{
	tell(log, task, "%s", text);
	g_ptr_array_add(seen(log, task)->in, text);
}

static void leave(struct event_log *log, const struct sim_task *task, const char *how)
{
	GPtrArray *in = seen(log, task)->in;

	tell(log, task, "ends: %s%s", (char *)in->pdata[in->len - 1], how);
	g_ptr_array_set_size(in, (gint)in->len - 1);
}

static void use_free(gpointer arg)
{
	struct seen_use *use = arg;

	g_free(use->lane);
	g_free(use->text);
	g_free(use);
}

/* Takes the text over. */
static void use_begins(struct event_log *log, const char *lane, uint64_t id, char *text)
{
	struct seen_use *use = g_new(struct seen_use, 1);

	*use = (struct seen_use){g_strdup(lane), id, text};
	g_ptr_array_add(log->uses, use);
	tell(log, NULL, "%s", text);
}

static void use_ends(struct event_log *log, const char *lane, uint64_t id)
{
	for (guint i = log->uses->len; i--;) {
		const struct seen_use *use = log->uses->pdata[i];

		if (use->id != id || g_strcmp0(use->lane, lane) != 0)
			continue;
		tell(log, NULL, "ends: %s", use->text);
		g_ptr_array_remove_index(log->uses, i);
		return;
	}
	g_assert_not_reached();
}

/* ---- what the engine tells ---- */

static void run_starts(void *arg, struct sim *sim)
{
	((struct event_log *)arg)->sim = sim;
}

static void window_closes(struct event_log *log)
{
	put_line(log);
	if (log->window == WINDOW_BEFORE)
		put_state(log);
	log->window = WINDOW_AFTER;
	sim_trace_stop(log->sim);
}

static void run_ends(void *arg)
{
	window_closes(arg);
}

static void event(void *arg, sim_ns when, const struct sim_task *task)
{
	struct event_log *log = arg;

	put_line(log);
	log->number++;
	if (log->number > log->last) {
		window_closes(log);
		return;
	}
	if (log->number < log->first)
		return;
	if (log->window == WINDOW_BEFORE) {
		log->window = WINDOW_OPEN;
		put_state(log);
	}
	log->did = json_array();
	log->facts = json_array();
	log->line = json_pack("{s:I, s:I, s:o, s:o, s:o}", "event", (json_int_t)log->number, "ns",
			      (json_int_t)when, "in",
			      task ? strings_of(seen(log, task)->in) : json_array(), "facts",
			      log->facts, "did", log->did);
	if (task) {
		json_object_set_new(log->line, "task", json_string(sim_task_name(task)));
		json_object_set_new(log->line, "id", json_integer(sim_task_id(task)));
	}
}

static void fact(void *arg, const char *name, uint64_t value)
{
	struct event_log *log = arg;

	if (log->line)
		json_array_append_new(log->facts,
				      json_sprintf("%s %" PRId64, name, (int64_t)value));
}

static void task_free(gpointer arg)
{
	struct seen_task *task = arg;

	g_ptr_array_unref(task->in);
	g_free(task->name);
	g_free(task);
}

static void task_starts(void *arg, const struct sim_task *task, const struct sim_task *by)
{
	struct event_log *log = arg;
	struct seen_task *new = g_new(struct seen_task, 1);

	(void)by;
	*new = (struct seen_task){
		.name = g_strdup(sim_task_name(task)),
		.id = sim_task_id(task),
		.in = g_ptr_array_new_with_free_func(g_free),
	};
	g_hash_table_insert(log->tasks, GUINT_TO_POINTER(new->id), new);
	tell(log, task, "is started");
}

static void task_group(void *arg, const struct sim_task *task, const char *group)
{
	(void)arg;
	(void)task;
	(void)group;
}

static void task_ends(void *arg, const struct sim_task *task)
{
	struct event_log *log = arg;

	tell(log, task, "is over");
	g_hash_table_remove(log->tasks, GUINT_TO_POINTER(sim_task_id(task)));
}

static void wait_begins(void *arg, const struct sim_task *task, const struct sim_trace_wait *wait)
{
	g_autofree char *holder = wait->holder ? who(wait->holder) : NULL;

	enter(arg, task,
	      g_strdup_printf("wait for %s%s%s%s%s", wait->resource, holder ? ", held by " : "",
			      holder ? holder : "", wait->holder_path ? " since " : "",
			      wait->holder_path ? wait->holder_path : ""));
}

static void wait_ends(void *arg, const struct sim_task *task, enum sim_wake wake,
		      const struct sim_task *by)
{
	static const char *const how[] = {
		[SIM_GRANTED] = "",
		[SIM_TIMEOUT] = ", timed out",
		[SIM_INTERRUPTED] = ", interrupted",
		[SIM_KILLED] = ", killed",
	};

	(void)by;
	leave(arg, task, how[wake]);
}

static char *slice_text(const char *what, const struct sim_trace_slice *slice)
{
	GString *text = g_string_new(what);

	g_string_append_printf(text, " %s", slice->name);
	for (size_t i = 0; i < SIM_TRACE_NUMBERS && slice->number[i].name; i++)
		g_string_append_printf(text, ", %s %" PRIu64, slice->number[i].name,
				       slice->number[i].value);
	return g_string_free(text, FALSE);
}

static void slice_begins(void *arg, const struct sim_task *task,
			 const struct sim_trace_slice *slice)
{
	enter(arg, task, slice_text(slice->kind, slice));
}

static void slice_ends(void *arg, const struct sim_task *task, const char *kind)
{
	(void)kind;
	leave(arg, task, "");
}

static void lane_begins(void *arg, const struct sim_trace_lane *lane,
			const struct sim_trace_slice *slice)
{
	g_autofree char *what = g_strconcat(lane->name, ":", NULL);

	use_begins(arg, lane->name, lane->id, slice_text(what, slice));
}

static void lane_ends(void *arg, const struct sim_trace_lane *lane)
{
	use_ends(arg, lane->name, lane->id);
}

static void hold_begins(void *arg, const struct sim_trace_hold *hold)
{
	g_autofree char *holder = hold->task ? who(hold->task) : g_strdup("nobody known");

	use_begins(arg, NULL, (uintptr_t)hold->id,
		   g_strdup_printf("%s (%s): %s%s%s", hold->resource, hold->mode, holder,
				   hold->path ? " since " : "", hold->path ? hold->path : ""));
}

static void hold_ends(void *arg, const struct sim_trace_hold *hold)
{
	use_ends(arg, NULL, (uintptr_t)hold->id);
}

const struct sim_tracer event_log_tracer = {
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
	.event = event,
	.fact = fact,
};

/* ---- life of a log ---- */

struct event_log *event_log_new(FILE *file, uint64_t first, uint64_t last)
{
	struct event_log *log = g_new0(struct event_log, 1);

	log->file = file;
	log->first = first;
	log->last = last;
	log->tasks = g_hash_table_new_full(NULL, NULL, NULL, task_free);
	log->uses = g_ptr_array_new_with_free_func(use_free);
	return log;
}

int event_log_finish(struct event_log *log)
{
	int err = log->err;

	g_hash_table_unref(log->tasks);
	g_ptr_array_unref(log->uses);
	json_decref(log->line);
	g_free(log);
	return err;
}
