/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A world is everything that one run needs: machine, filesystem, keys, actors. It is put together
 * from a scenario for one variant and one replication, run, and measured. Two worlds share nothing
 * but the scenario, which they only read: they run side by side in two threads.
 */
#ifndef WORLD_H
#define WORLD_H

#include "scenarios/scenarios.h"

/** Something that happened in a run and that a reader must know of. */
struct world_finding {
	char *kind, *text;
	sim_ns time_ns;
};

/** What a run came to. */
struct world_outcome {
	struct sim_metrics *metrics;
	sim_ns elapsed_ns; /* simulated, to the end of the last actor */
	uint64_t events, draws, digest;
	struct sim_mark mark[SIM_MARKS]; /* sim_marks() */
	size_t marks;
	uint64_t mark_interval;
	bool completed; /* every actor came to its end */
	bool interrupted;
	GPtrArray *findings; /* struct world_finding * */
	char *dumps; /* what scripts dumped: JSON, the members of "steps"; NULL: nothing was asked */
};

/** What a world is put together from, for a look at it from inside. */
struct world_parts {
	struct sim *sim;
	struct machine *machine;
	struct btrfs_fs *fs;
	struct fscrypt *crypt;
	struct workload *workload;
};

struct world_options {
	const struct scenario *scenario;
	const struct fscrypt_variant *variant;
	uint32_t replication;
	bool keep_dumps;
	const volatile int *interrupted; /* may be NULL */
	const struct sim_tracer *tracer; /* who looks on; may be NULL */
	void *tracer_arg;
	/** Called at the end of the run, before it is measured: may let it go on. May be NULL. */
	void (*ended)(void *arg, const struct world_parts *parts);
	void *ended_arg;
};
/** Puts a world together, runs it to its end and takes it apart. False with an error if it can't be
 * put together; a run that found something wrong is an outcome. */
bool world_run(const struct world_options *options, struct world_outcome *outcome, GError **error);
void world_outcome_clear(struct world_outcome *outcome);

/** The registries that the scenario loader needs. */
extern const struct scenario_registry world_registry;
/** Every metric that a run may set, NULL-terminated lists one after the other; NULL past the last. */
const struct sim_metric_def *const *world_metric_defs(size_t list);

#endif
