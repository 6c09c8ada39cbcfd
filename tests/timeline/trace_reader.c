/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/timeline/trace_reader.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

struct read_track {
	const char *process, *name;
	GArray *open; /* struct read_slice */
	int64_t last_ns;
	guint arrows; /* that end at the next slice */
};

struct reader {
	struct read_trace *trace;
	GHashTable *processes; /* pid: name */
	GHashTable *tracks; /* tid: struct read_track * */
	GHashTable *arrows; /* id: its time in ns, while it has no end */
};

static void track_free(gpointer arg)
{
	struct read_track *track = arg;

	g_array_unref(track->open);
	g_free(track);
}

static json_int_t integer(const json_t *event, const char *name)
{
	const json_t *value = json_object_get(event, name);

	cr_assert(json_is_integer(value), "no %s in %s", name, json_dumps(event, 0));
	return json_integer_value(value);
}

static const char *word(const json_t *event, const char *name)
{
	const char *value = json_string_value(json_object_get(event, name));

	cr_assert(value && *value, "no %s in %s", name, json_dumps(event, 0));
	return value;
}

static int64_t time_ns(const json_t *event)
{
	const json_t *ts = json_object_get(event, "ts");

	cr_assert(json_is_number(ts), "no ts in %s", json_dumps(event, 0));
	return llround(json_number_value(ts) * 1000);
}

static void read_name(struct reader *r, const json_t *event)
{
	const char *what = word(event, "name");
	json_t *args = json_object_get(event, "args");
	gpointer pid = GINT_TO_POINTER((int)integer(event, "pid"));
	gpointer tid = GINT_TO_POINTER((int)integer(event, "tid"));
	struct read_track *track;

	if (!strcmp(what, "process_name")) {
		cr_assert(!g_hash_table_contains(r->processes, pid), "named twice");
		g_hash_table_insert(r->processes, pid, (gpointer)word(args, "name"));
	} else if (!strcmp(what, "thread_name")) {
		cr_assert(!g_hash_table_contains(r->tracks, tid), "two tracks of one number");
		track = g_new0(struct read_track, 1);
		track->process = g_hash_table_lookup(r->processes, pid);
		track->name = word(args, "name");
		track->open = g_array_new(FALSE, FALSE, sizeof(struct read_slice));
		g_hash_table_insert(r->tracks, tid, track);
		cr_assert(track->process, "a track of no process");
	} else {
		cr_assert(g_str_has_suffix(what, "_sort_index"), "%s", what);
		integer(args, "sort_index");
	}
}

static struct read_track *track_at(struct reader *r, const json_t *event, int64_t ns)
{
	struct read_track *track =
		g_hash_table_lookup(r->tracks, GINT_TO_POINTER((int)integer(event, "tid")));
	const char *process =
		g_hash_table_lookup(r->processes, GINT_TO_POINTER((int)integer(event, "pid")));

	cr_assert(track, "a track without a name: %s", json_dumps(event, 0));
	cr_assert(track->process == process, "a track of two processes");
	cr_assert(ns >= track->last_ns, "back in time: %s", json_dumps(event, 0));
	track->last_ns = ns;
	return track;
}

static void read_begin(struct reader *r, const json_t *event, int64_t ns)
{
	struct read_track *track = track_at(r, event, ns);
	struct read_slice slice = {
		.process = track->process,
		.track = track->name,
		.kind = word(event, "cat"),
		.name = word(event, "name"),
		.begin_args = json_object_get(event, "args"),
		.begin_ns = ns,
		.depth = track->open->len,
	};

	g_array_append_val(track->open, slice);
	r->trace->flows += track->arrows;
	track->arrows = 0;
}

static void read_end(struct reader *r, const json_t *event, int64_t ns)
{
	struct read_track *track = track_at(r, event, ns);
	struct read_slice *slice;

	cr_assert(track->open->len, "an end without a begin: %s", json_dumps(event, 0));
	slice = &g_array_index(track->open, struct read_slice, track->open->len - 1);
	slice->end_ns = ns;
	slice->end_args = json_object_get(event, "args");
	g_array_append_val(r->trace->slices, *slice);
	g_array_set_size(track->open, track->open->len - 1);
}

static void read_flow(struct reader *r, const json_t *event, int64_t ns, bool start)
{
	gpointer id = GSIZE_TO_POINTER((gsize)integer(event, "id")), since;
	struct read_track *track = track_at(r, event, ns);

	word(event, "cat");
	word(event, "name");
	if (start) {
		cr_assert(track->open->len, "an arrow from no slice: %s", json_dumps(event, 0));
		cr_assert(!g_hash_table_contains(r->arrows, id));
		g_hash_table_insert(r->arrows, id, GSIZE_TO_POINTER((gsize)ns));
		return;
	}
	cr_assert(g_hash_table_steal_extended(r->arrows, id, NULL, &since), "from nowhere");
	cr_assert_eq((int64_t)GPOINTER_TO_SIZE(since), ns, "waking takes no time");
	track->arrows++;
}

static void read_counter(struct reader *r, const json_t *event)
{
	json_t *args = json_object_get(event, "args"), *value;
	const char *unit;

	word(event, "name");
	cr_assert_eq(json_object_size(args), 1);
	json_object_foreach(args, unit, value)
		cr_assert(json_is_integer(value) && json_integer_value(value) >= 0);
	r->trace->counters++;
}

static void read_event(struct reader *r, const json_t *event)
{
	const char *phase = word(event, "ph");
	int64_t ns;

	cr_assert(strlen(phase) == 1 && strchr("MBEsfC", phase[0]), "%s", phase);
	if (*phase == 'M') {
		read_name(r, event);
		return;
	}
	ns = time_ns(event);
	r->trace->first_ns = MIN(r->trace->first_ns, ns);
	r->trace->last_ns = MAX(r->trace->last_ns, ns);
	if (*phase == 'B')
		read_begin(r, event, ns);
	else if (*phase == 'E')
		read_end(r, event, ns);
	else if (*phase == 'C')
		read_counter(r, event);
	else
		read_flow(r, event, ns, *phase == 's');
}

static void check_closed(struct reader *r)
{
	GHashTableIter iter;
	gpointer track;

	cr_assert_eq(g_hash_table_size(r->arrows), 0, "an arrow to nowhere");
	g_hash_table_iter_init(&iter, r->tracks);
	while (g_hash_table_iter_next(&iter, NULL, &track))
		cr_assert_eq(((struct read_track *)track)->open->len, 0, "%s has no end",
			     ((struct read_track *)track)->name);
}

void trace_read(const char *path, struct read_trace *trace)
{
	struct reader r = {
		.trace = trace,
		.processes = g_hash_table_new(NULL, NULL),
		.tracks = g_hash_table_new_full(NULL, NULL, NULL, track_free),
		.arrows = g_hash_table_new(NULL, NULL),
	};
	json_error_t error;
	json_t *events, *event;
	size_t i;

	*trace = (struct read_trace){
		.json = json_load_file(path, JSON_REJECT_DUPLICATES, &error),
		.slices = g_array_new(FALSE, FALSE, sizeof(struct read_slice)),
		.first_ns = INT64_MAX,
	};
	cr_assert(trace->json, "%s:%d: %s", path, error.line, error.text);
	cr_assert_str_eq(word(trace->json, "displayTimeUnit"), "ns");
	cr_assert(json_is_object(json_object_get(trace->json, "otherData")));
	events = json_object_get(trace->json, "traceEvents");
	cr_assert(json_is_array(events));
	json_array_foreach(events, i, event) read_event(&r, event);
	check_closed(&r);
	g_hash_table_unref(r.processes);
	g_hash_table_unref(r.tracks);
	g_hash_table_unref(r.arrows);
}

void trace_clear(struct read_trace *trace)
{
	json_decref(trace->json);
	g_array_unref(trace->slices);
}

const char *trace_word(const json_t *args, const char *name)
{
	const char *value = json_string_value(json_object_get(args, name));

	return value ? value : "";
}
