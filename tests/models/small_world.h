/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An encrypted filesystem on a small machine of the default profile, for tests that play by hand. */
#ifndef TESTS_MODELS_SMALL_WORLD_H
#define TESTS_MODELS_SMALL_WORLD_H

#include "models/btrfs/internal.h"
#include "models/fscrypt/internal.h"

struct small_world {
	struct sim *sim;
	struct cost_profile *profile;
	struct machine *machine;
	struct btrfs_fs *fs;
	struct fscrypt_variant variant;
	struct fscrypt *fc; /* lightweight, pool of 4; key 1 is "K" */
	struct alloc_site *site;
};
enum { SMALL_WORLD_MEMORY = 64 << 20 };

void small_world_start(struct small_world *w, uint32_t cpus);
void small_world_start_with(struct small_world *w, uint32_t cpus, uint32_t modules_absent);
/** Runs a task to the end of everything. */
void small_world_run(struct small_world *w, kernel_task_fn fn);
void small_world_end(struct small_world *w);
/** Takes all memory over the minimum watermark, and returns it after an allocation that reclaimed as
 * much as it could. */
void small_world_reclaim(struct kernel_task *task, struct small_world *w, enum gfp gfp);
/** Leaves nothing over the minimum watermark; returns the bytes, for kernel_free(). */
uint64_t small_world_fill(struct small_world *w);
/** Adds the key, makes the encrypted directory d and in it the file f of one block. */
void small_world_encrypted_file(struct kernel_task *task, struct small_world *w);
/** The same; then the file is seen by its no-key name while the key is away, and unlinked. */
void small_world_unlink_under_nokey_dentry(struct kernel_task *task, struct small_world *w);

#endif
