/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * timeline: a looker-on that writes what it sees as a trace in the Trace Event Format (JSON object
 * form), which ui.perfetto.dev and chrome://tracing open. It knows the engine's struct sim_tracer and
 * no model: tracks and slices have the names that the floors give them.
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

#endif
