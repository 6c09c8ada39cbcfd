/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A strict reader of the Trace Event Format, as far as timelines use it. */
#ifndef TRACE_READER_H
#define TRACE_READER_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct read_slice {
	const char *process, *track, *kind, *name; /* of `trace` */
	json_t *begin_args, *end_args; /* of `trace`, or NULL */
	int64_t begin_ns, end_ns;
	guint depth; /* of those around it */
};
struct read_trace {
	json_t *json;
	GArray *slices; /* struct read_slice, by end */
	uint64_t flows; /* arrows that end at a slice */
	uint64_t counters;
	int64_t first_ns, last_ns;
};
/** Fails the test if anything is not as the format has it: members, types, slices that do not nest or
 * do not end, arrows that begin or end nowhere, tracks without a name. */
void trace_read(const char *path, struct read_trace *trace);
void trace_clear(struct read_trace *trace);
/** A member of an args object as text, "" if it is not there. */
const char *trace_word(const json_t *args, const char *name);

#endif
