/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * timeline: lookers-on that write what they see. One writes a trace in the Trace Event Format (JSON
 * object form), which ui.perfetto.dev and chrome://tracing open, the other the events themselves. They
 * know the engine's struct sim_tracer and no model: things have the names that the floors give them.
 */
#ifndef TIMELINE_H
#define TIMELINE_H

#include "sim/sim.h"

#include <stdio.h>

struct timeline_options {
	sim_ns from_ns, to_ns; /* what is written: both ends are in it */
	uint64_t max_bytes; /* it ends when the file is that long; 0: it does not */
	/** Facts about the run for the file's head: names and values in turn, ended by NULL. */
	const char *const *facts;
};
struct timeline;
/** Writes to `file`, which stays the caller's; `options` is copied but for the facts, which must live
 * until timeline_finish(). */
struct timeline *timeline_new(FILE *file, const struct timeline_options *options);
/** To be registered with the timeline as its argument, for one run. */
extern const struct sim_tracer timeline_tracer;

struct timeline_summary {
	int err; /* errno of a write that failed; 0: none did */
	bool started; /* a run began */
	bool reached; /* the run came to the window */
	bool cut; /* the file became too long */
	sim_ns end_ns; /* of what is in the file; if it was not reached, of the run */
	uint64_t slices, flows, bytes;
};
/** After the run was freed: writes the file's end, says what it came to, and frees. */
void timeline_finish(struct timeline *timeline, struct timeline_summary *summary);

/**
 * The events from number `first` to number `last`, counted from 1, a JSON object a line. First comes the state before
 * them: "tasks" and what each is "in", the innermost last, "uses" of CPUs, channels, locks and pools,
 * "figures". Then the events: "event" (its number), "ns", "task" and "id" (absent from a plain event), what
 * the task is "in", the "facts" that were added to the digest, and what it "did" up to the next.
 * Writes to `file`, which stays the caller's.
 */
struct event_log;
struct event_log *event_log_new(FILE *file, uint64_t first, uint64_t last);
extern const struct sim_tracer event_log_tracer;
/** After the run was freed: frees; returns the errno of a write that failed, or 0. */
int event_log_finish(struct event_log *log);

#endif
