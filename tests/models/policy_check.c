/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A tree that was tampered with: what has another policy than its directory is not let in. */
#include <criterion/criterion.h>
#include <errno.h>

#include "models/btrfs/internal.h"
#include "models/fscrypt/internal.h"
#include "scenarios/scenarios.h"

struct world {
	struct btrfs_fs *fs;
	struct fscrypt *fc;
	bool done;
};

static void tamper(struct btrfs_fs *fs, const char *path, uint32_t key)
{
	struct store_inode *inode;

	cr_assert_eq(store_lookup(fs->store, path, &inode, NULL), 0);
	store_set_policy(fs->store, inode, key, NULL);
	store_inode_put(fs->store, inode, NULL);
}

static void look(struct kernel_task *task, void *arg)
{
	struct world *w = arg;
	uint32_t k = fscrypt_key_number(w->fc, "K"), l = fscrypt_key_number(w->fc, "L");
	struct btrfs_file *file;

	cr_assert_eq(fscrypt_mount(w->fc), 0);
	cr_assert_eq(fscrypt_add_key(task, w->fc, k, FSCRYPT_ROOT), 0);
	cr_assert_eq(fscrypt_add_key(task, w->fc, l, FSCRYPT_ROOT), 0);
	cr_assert_eq(btrfs_mkdir(task, w->fs, "e"), 0);
	cr_assert_eq(fscrypt_set_policy(task, w->fc, "e", k), 0);
	cr_assert_eq(btrfs_mkdir(task, w->fs, "e/d"), 0);
	cr_assert_eq(btrfs_open(task, w->fs, "e/f", BTRFS_O_CREAT, &file), 0);
	btrfs_close(task, file);
	btrfs_drop_caches(task, w->fs);
	tamper(w->fs, "e/d", l);
	tamper(w->fs, "e/f", l);
	cr_expect_eq(btrfs_stat(task, w->fs, "e/d"), -EPERM);
	cr_expect_eq(btrfs_mkdir(task, w->fs, "e/d/x"), -EPERM);
	cr_expect_eq(btrfs_stat(task, w->fs, "e/f"), 0, "a file is checked when it is opened");
	cr_expect_eq(btrfs_open(task, w->fs, "e/f", 0, &file), -EPERM);
	w->done = true;
}

static int64_t index_of(const char *(*name)(size_t), const char *want)
{
	int64_t i = 0;

	while (g_strcmp0(name((size_t)i), want))
		i++;
	return i;
}

Test(policy_check, a_look_up_of_an_inconsistent_child_is_eperm)
{
	struct fscrypt_variant variant = {.design = index_of(extent_design_name, "lightweight"),
					  .setup = index_of(key_setup_name, "pool"),
					  .pool_size = 4};
	struct cost_profile *profile = cost_profile_load("aes-ni-6.12", NULL);
	struct machine_config machine = {.profile = profile,
					 .cpus = 1,
					 .memory_bytes = 1 << 30,
					 .devices = 1,
					 .device_channels = 1,
					 .dirty_background_permille = 100,
					 .dirty_permille = 200};
	struct btrfs_config config = {.context_bytes = 16};
	struct sim_options options = {.seed = 1};
	struct sim *sim = sim_new(&options);
	struct machine *m = machine_new(sim, &machine);
	struct world w = {.fs = btrfs_mount(m, &config, NULL)};

	w.fc = fscrypt_new(w.fs, &variant);
	kernel_spawn(m, "look", look, &w);
	sim_run(sim, SIM_NEVER);
	cr_expect(w.done);
	sim_free(sim);
	btrfs_free(w.fs);
	fscrypt_free(w.fc);
	machine_free(m);
	cost_profile_free(profile);
}
