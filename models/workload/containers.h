/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Containers, private: what a scenario sets, the orchestrator, and the tasks that run them. */
#ifndef CONTAINERS_H
#define CONTAINERS_H

#include "models/workload/internal.h"

struct containers_config {
	int64_t containers, at_once, keep;
	int64_t reads, read_bytes, zipf_milli;
	int64_t packages, package_bytes, reflinks;
	int64_t writes, write_bytes, overwrite_percent, fsync;
	int64_t jobs, job_input, job_writes;
	int64_t stragglers_percent, retry, retries, on_refusal, io_bytes;
	struct sim_dist think, linger;
};

struct orchestrator {
	struct workload *workload;
	const struct containers_config *config;
	const char *name;
	struct sim_zipf *zipf; /* popularity of the image's files; NULL: there are none */
	char *base, *store; /* subvolumes */
	bool ready; /* they are there */
	uint32_t first_key; /* 0: nothing is encrypted; a container's key, then those of its jobs */
	struct {
		uint64_t ended, keys, keys_left, removals, removals_max;
		uint64_t shared_bytes, copied_bytes, plain_refused, nested_refused;
	} count;
};

/* A task that runs containers, one after another. */
struct runner {
	struct orchestrator *o;
	const struct containers_config *config;
	struct btrfs_fs *fs;
	struct kernel_task *task;
	uint32_t index, number;
	uint64_t container, step, operation; /* of the step */
	char *dir, *job, *path, *source; /* here because waits come between */
};

/* Request numbers: a task's containers one after another, their steps, the operations of each. */
enum { STEP_BITS = 16, OPERATION_BITS = 8 };

/** Steps of a container, whatever comes of them. */
uint64_t container_steps(const struct containers_config *config);
/** A container's whole life, from the task that runs it: r->container is its number. */
void container_run(struct runner *r);
/** Writes `bytes` into an open file in calls of io_bytes. */
int container_write(struct runner *r, struct btrfs_file *file, uint64_t offset, uint64_t bytes);
void container_set_path(char **path, const char *format, ...) G_GNUC_PRINTF(2, 3);

#endif
