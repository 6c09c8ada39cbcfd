/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of this room share. */
#ifndef VALIDATE_INTERNAL_H
#define VALIDATE_INTERNAL_H

#include "models/world.h"
#include "validate/validate.h"

/* ---- groups ---- */

typedef bool validate_group_fn(const struct validate_options *options,
			       struct validate_report *report, GError **error);
validate_group_fn validate_queues, validate_caches, validate_btrfs, validate_fscrypt,
	validate_blk_crypto, validate_conservation, validate_live_btrfs, validate_live_fscrypt,
	validate_threads;

/** Whether to end soon; sets VALIDATE_ERROR_INTERRUPTED then. */
bool validate_interrupted(const struct validate_options *options, GError **error);

/* ---- estimate.c ---- */

enum { VALIDATE_REPLICATIONS = 20 };
struct estimate {
	const char *what;
	double expected;
	const double *values; /* of VALIDATE_REPLICATIONS independent replications */
	double within; /* a fraction of `expected`: an interval wider than that counts as so wide */
	double error; /* another, of the expectation itself; 0: it is exact */
	const char *unit, *source;
};
/** Adds a check of the mean over replications: it must lie in the interval of 99.99 % that their spread
 * makes around what is expected, as long as that is narrow, so that a figure known badly does not hold for
 * that reason. */
struct validate_check *validate_estimate(const struct validate_options *options,
					 struct validate_report *report, const struct estimate *e);

/* ---- theory.c: times in mean holds, loads per server ---- */

/** Probability that an arrival finds every server busy: where it is lost then, and where it waits. */
double theory_erlang_b(uint32_t servers, double offered);
double theory_erlang_c(uint32_t servers, double load);
/** M/D/c by Crommelin's recursion: probability of waiting, mean length of the line. */
void theory_mdc(uint32_t servers, double load, double *p_wait, double *length);
/** M/M/c//N, a birth-death process: repairs a hold, and the mean number of machines that are broken. */
void theory_machine_repair(uint32_t machines, uint32_t servers, double think, double *throughput,
			   double *number);
/** Engset: the part of calls that find every server busy. */
double theory_engset(uint32_t callers, uint32_t servers, double think);
/** Mean value analysis of a closed network of single servers: cycles a hold, and mean numbers. */
double theory_mva(uint32_t customers, double think, const double *demand, double *number,
		  size_t stations);

/* ---- queues_*.c: parts of the group `queues` ---- */

validate_group_fn validate_open_queues, validate_closed_queues, validate_machine_queues;

/* ---- btrfs_tree.c: a part of the group `btrfs` ---- */

validate_group_fn validate_btrfs_trees;

/* ---- caches_*.c: parts of the group `caches` ---- */

validate_group_fn validate_caches_irm, validate_caches_model;

/** A cache as plain as can be. */
enum { PLAIN_MOST = 1024 };
struct plain_cache {
	uint32_t size, used, key[PLAIN_MOST];
	bool referenced[PLAIN_MOST];
};
/** One access; whether it hits. */
typedef bool (*plain_policy)(struct plain_cache *cache, uint32_t key);
bool plain_lru(struct plain_cache *cache, uint32_t key);
bool plain_fifo(struct plain_cache *cache, uint32_t key);
bool plain_clock(struct plain_cache *cache, uint32_t key);
uint64_t plain_hits(plain_policy policy, uint32_t size, const uint32_t *keys, uint64_t count);

/* ---- fscrypt_*.c: parts of the group `fscrypt` ---- */

validate_group_fn validate_fscrypt_counts, validate_fscrypt_removal;

/* ---- keyslots_in_use.c: a part of the group `blk-crypto` ---- */

validate_group_fn validate_keyslots_in_use;

/* ---- threads_rate.c: a part of the group `threads` ---- */

validate_group_fn validate_threads_rate;

/* ---- world.c ---- */

/** A script or a scenario under one variant. */
struct validate_world {
	const char *name; /* a path; with `text` what stands for one: "a.ops", "a.json" */
	const char *text;
	const char *const *sets; /* NULL-terminated "path=value", or NULL */
	const char *variant; /* "NAME: key=value …"; NULL: the first that the scenario has */
	const struct sim_tracer *tracer; /* who looks on; may be NULL */
	void *tracer_arg;
	/** At the end of the run, before it is measured; may be NULL. */
	void (*ended)(void *arg, const struct world_parts *parts);
	void *ended_arg;
};
/** Runs it. False with an error if it can't be loaded, was interrupted or did not come to its end. */
bool validate_world_run(const struct validate_world *world, const struct validate_options *options,
			struct world_outcome *outcome, GError **error);
/** The sum of the metrics whose names are like `pattern`, in which a '*' is anything; 0 if the run set none. */
int64_t validate_metric(const struct world_outcome *outcome, const char *pattern);

#endif
