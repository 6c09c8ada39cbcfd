/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the timeline share. Private to timeline/. */
#ifndef TIMELINE_INTERNAL_H
#define TIMELINE_INTERNAL_H

#include "timeline/timeline.h"

/** Tracks are shown together by process: a kind of track ("CPUs"). */
struct process {
	char *name;
	uint32_t number; /* pid */
	bool named; /* in the file */
};

struct open_slice {
	const char *kind, *name; /* of the timeline's strings */
	char *args; /* JSON members, or NULL */
};

/** A line of slices that nest: a task, or one of several alike (a CPU, a holder of a lock). */
struct track {
	struct track *prev, *next; /* by order of appearance */
	struct process *process;
	char *name;
	uint32_t number; /* tid: no two tracks or processes have the same */
	uint32_t place; /* among those of its process */
	bool named; /* in the file */
	uint32_t units; /* of a hold */
	GArray *open; /* struct open_slice, the innermost last */
	/* A task that has only just started: its first slice is not written yet. */
	bool pending;
	sim_ns pending_ns;
	uint64_t pending_flow; /* 0: none */
};

struct counter {
	struct process *process;
	const char *name, *unit;
	uint64_t value;
	bool written;
};

/** Tracks of one name, of which whoever comes takes the first that is free. */
struct lanes {
	struct process *process;
	const char *name;
	uint32_t place;
	GPtrArray *lane; /* struct track * */
	GHashTable *taken; /* id of the taker: number of the lane, from 1; for look-up alone */
	guint lowest; /* none below it is free */
};

enum timeline_state { TIMELINE_BEFORE, TIMELINE_OPEN, TIMELINE_CLOSED };

struct timeline {
	struct timeline_options options;
	struct timeline_summary summary;
	FILE *file;
	struct sim *sim;
	enum timeline_state state;
	sim_ns last_ns; /* of what was written */
	uint64_t lines;
	GString *line; /* the event being written */
	GStringChunk *strings;

	uint32_t numbers; /* given so far */
	uint64_t flow; /* given last */
	GPtrArray *processes; /* struct process * */
	struct track *first, *last;
	GHashTable *tasks; /* number of the task: struct track * */
	GHashTable *groups; /* "group\nname": struct lanes * */
	uint32_t places; /* of groups */
	GPtrArray *counters; /* struct counter *, by order of appearance */
	GHashTable *counter_by_name; /* "group\nname" */
	GArray *gauge; /* struct counter *, of the run's gauges so far */
	sim_ns next_sample_ns;

	/*
	 * A slice of a lane that a plain event has ended: its end, and what follows on that lane, is
	 * written when the event is over, so that an arrow to whom the event wakes can still begin in it.
	 */
	struct track *ending;
	sim_ns ending_ns;
	uint64_t ending_event;
	GString *ending_lines;
};

/* ---- tracks.c ---- */

struct track *track_new(struct timeline *t, const char *process, char *name);
void track_free(struct timeline *t, struct track *track);
struct process *process_of(struct timeline *t, const char *name);
/** The slice at that depth, from 0. */
struct open_slice *slice_at(const struct track *track, guint depth);
void write_pending(struct timeline *t, struct track *track);
/** Begins a slice now; takes `args` over. And ends the innermost, which must be of that kind. */
void slice_push(struct timeline *t, struct track *track, const char *kind, const char *name,
		char *args);
void slice_pop(struct timeline *t, struct track *track, const char *kind, const char *args);

struct counter *counter_new(struct timeline *t, const char *group, const char *name,
			    const char *unit);
/** The counter of that name, made at first use. */
struct counter *counter_of(struct timeline *t, const char *group, const char *name,
			   const char *unit);
void counter_set(struct timeline *t, struct counter *counter, uint64_t value);

struct lanes *lanes_of(struct timeline *t, const char *group, const char *name);
void lanes_free(gpointer lanes);
struct track *lane_take(struct timeline *t, struct lanes *lanes, uint64_t id);
struct track *lane_leave(struct lanes *lanes, uint64_t id);

/* ---- write.c: in the file only while the window is open ---- */

void write_head(struct timeline *t);
void write_tail(struct timeline *t);
void write_begin(struct timeline *t, struct track *track, const struct open_slice *slice,
		 sim_ns ns);
/** `args`: JSON members, or NULL. */
void write_end(struct timeline *t, struct track *track, const char *args, sim_ns ns);
/** An arrow begins in the innermost slice, and ends at the next that begins on its track. */
void write_flow_start(struct timeline *t, struct track *track, uint64_t id, sim_ns ns);
void write_flow_end(struct timeline *t, struct track *track, uint64_t id, sim_ns ns);
void write_counter(struct timeline *t, struct counter *counter, sim_ns ns);
void write_ending(struct timeline *t);
/** Members of an args object, a comma before all but the first. */
void args_text(GString *args, const char *name, const char *value);
void args_number(GString *args, const char *name, uint64_t value);

#endif
