/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mix actor, private: what a scenario sets, a job, and its tasks. */
#ifndef MIX_H
#define MIX_H

#include "models/workload/access.h"
#include "models/workload/layout.h"

enum mix_open { OPEN_ONCE, OPEN_OPERATION };

struct mix_config {
	struct layout_config layout;
	struct access_config access;
	int64_t tasks, operations, warm_up, read_percent, operation_bytes;
	int64_t open, direct, fsync_every;
	struct sim_dist think, interval;
};

struct mix_job {
	struct workload *workload;
	const struct mix_config *config;
	const char *name;
	struct access *access;
	GString *path; /* of the layout */
	uint64_t *end; /* of each file, as far as appends have come */
	uint32_t running;
	bool ready; /* its files are there */
	sim_ns started_ns, ended_ns; /* with a warm-up, the first arrival behind it */
	struct sim_histogram *latency_ns;
	uint64_t bytes_read, bytes_written, late;
};

/* A file as one task has it. */
struct mix_handle {
	struct btrfs_file *file; /* NULL: not open */
	uint64_t position;
};

struct mix_worker {
	struct mix_job *job;
	struct mix_handle *handles; /* by file number */
	GString *path;
	uint32_t index, number;
	uint64_t writes;
	bool warming; /* the present operation counts for nothing */
	sim_ns planned_ns; /* arrival of the present operation */
	sim_ns since_ns; /* what its next call's latency counts from; SIM_NEVER: its own start */
};

/* Request numbers: an operation's own, its calls, its fsync and close; then the last closes and the
 * layout. */
enum { CALLS_LOG2 = 20, OPERATIONS_LOG2 = 19, FILES_LOG2 = 20 };
#define CALLS_MAX ((UINT64_C(1) << CALLS_LOG2) - 4)

/** A task of a job; `arg` is its struct mix_worker. */
void mix_run(struct kernel_task *task, void *arg);
char *mix_describe(const void *arg, uint64_t n);

#endif
