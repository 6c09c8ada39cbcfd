/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Worlds in which policies are replaced, whose memory is looked at when they have come to their end. */
#ifndef TESTS_MODELS_REKEY_WORLD_H
#define TESTS_MODELS_REKEY_WORLD_H

#include "models/fscrypt/fscrypt.h"
#include "tests/models/script_run.h"

enum { MIB = 1 << 20 };

struct rekey_case {
	const char *design, *setup;
	enum fscrypt_rekey rekey;
	enum fscrypt_policy_change change;
	int64_t removal, pool_scope;
	uint64_t memory_bytes; /* 0: enough */
	uint32_t seed;
};

struct rekey_world {
	struct sim *sim;
	struct machine *machine;
	struct btrfs_fs *fs;
	struct fscrypt *fc;
	struct workload *workload;
	struct sim_metrics *metrics;
	bool cleaned;
};

/** Runs the scripts, NULL-terminated, side by side and leaves the world at its end, with its metrics. */
void rekey_run(struct rekey_world *w, const struct cost_profile *profile,
	       const struct rekey_case *c, const char *const *scripts);
void rekey_end(struct rekey_world *w);
void rekey_expect_no_finding(const struct rekey_world *w, const char *what);
/** The value of a metric; 0 if there is none. */
int64_t rekey_metric(const struct rekey_world *w, const char *name);
/** One script from beginning to end; `sound`: without a finding. */
void rekey_expect(const struct rekey_case *c, const char *script, const struct answer *answers,
		  bool sound);
struct cost_profile *rekey_profile(void);

/* 256 old blocks in one extent, then 16 in another; the directory is plain, so that the file is reached
 * without the old key. */
#define BEFORE                                                                                     \
	"addkey OLD\naddkey NEW\nopen f\nclose f\nrekey f OLD\nwrite f 0 1m\nsync\ndropcaches\n"

#endif
