/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Traces with file operations: read before the run, and done again by one task. Private. */
#ifndef WORKLOAD_REPLAY_H
#define WORKLOAD_REPLAY_H

#include "models/trace/trace.h"
#include "models/workload/internal.h"

/** Files of the model have 32-bit block numbers, and a sentinel at their end: half of that is a size that
 * every sum of two stays within. */
#define REPLAY_FILE_MAX ((uint64_t)INT32_MAX * KERNEL_BLOCK_BYTES)

/* ---- a trace in memory ---- */

/** A trace, read and checked; runs share it and only read. */
struct replay_log {
	const struct trace_format *format;
	char *path; /* for messages */
	GArray *events; /* struct trace_event */
	GPtrArray *names; /* char *: of each file, below the actor's directory */
	GArray *sizes; /* uint64_t: what each file must hold before the trace begins */
	GPtrArray *notes; /* char *: what a reader of the results must know */
	struct trace_counts counts;
};
struct replay_source {
	const char *path;
	const struct trace_format *format;
	bool skip_bad;
	uint64_t lay_out_max; /* bytes of a file */
	uint64_t file_bytes; /* that older files have at least */
};
/** Reads a trace whole. NULL with an error that begins with FILE:LINE. */
struct replay_log *replay_log_load(const struct replay_source *source, GError **error);
void replay_log_free(struct replay_log *log);
/** A path without what one of the model can't have: a root, ".", "..", empty parts. The caller frees. */
char *replay_model_path(const char *path);
/* ---- a task that does it again ---- */

struct replayer {
	struct workload *workload;
	const struct replay_log *log;
	const char *name; /* of the actor */
	const char *dir; /* that it works in; "": the top */
	const char *key; /* under which its files are; "": plain */
	bool direct, sync, as_recorded;
	bool makes_dirs; /* what a path leads through is made; else it must be there */
	bool one_open; /* at most one file is open between events */

	struct kernel_task *task;
	uint32_t number;
	uint64_t event, step; /* that is being done, and how many calls it has made */
	GStringChunk *paths; /* every path that a call was made with: a run may end within one */
	GTree *held; /* path → struct btrfs_file *, by name */
	GHashTable *made; /* paths of directories that are known to be there */
	const char *subvolume,
		*parent; /* being received, and what it is a snapshot of; NULL: none */
	bool failed; /* the first failure was told */
	sim_ns start;
};

/** Begins a call, which is counted under `op`, a literal. */
struct op_timer replay_begin(struct replayer *r, const char *op);
/** Ends it; an error is the reader's to know. Returns `err`. */
int replay_end(struct replayer *r, const struct op_timer *timer, int err);
/** The path in the model; it lives as long as `r`, and so do those of replay_keep(). */
const char *replay_path(struct replayer *r, uint32_t file);
/** Takes `path` over. */
const char *replay_keep(struct replayer *r, char *path);

/* replay_file.c */
/** The open file at a path; opened, and made with the directories above it, if it isn't. */
int replay_hold(struct replayer *r, const char *path, struct btrfs_file **file);
void replay_let_go(struct replayer *r, const char *path);
/** Closes all files. */
void replay_let_all_go(struct replayer *r);
int replay_make_dirs(struct replayer *r, const char *path);
/** Writes what the files must hold before the trace begins. */
void replay_lay_out(struct replayer *r);
int replay_file_event(struct replayer *r, const struct trace_event *event);

/* replay_tree.c: send streams */
int replay_tree_event(struct replayer *r, const struct trace_event *event);
/** Is it one of these? A clone of a send stream is. */
bool replay_is_tree_event(const struct replayer *r, const struct trace_event *event);

#endif
