/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>

#include "scenarios/scenarios.h"
#include "tests/models/small_world.h"

static int64_t index_of(const char *(*name)(size_t), const char *want)
{
	for (size_t i = 0; name(i); i++)
		if (!g_strcmp0(name(i), want))
			return (int64_t)i;
	return -1;
}

void small_world_start(struct small_world *w, uint32_t cpus)
{
	small_world_start_with(w, cpus, 0);
}

void small_world_start_with(struct small_world *w, uint32_t cpus, uint32_t modules_absent)
{
	struct sim_options options = {.seed = 1};
	struct btrfs_config config = {.context_bytes = 16};
	GError *error = NULL;

	*w = (struct small_world){.sim = sim_new(&options)};
	w->profile = cost_profile_load("aes-ni-6.12", &error);
	cr_assert_not_null(w->profile, "%s", error ? error->message : "?");
	w->machine = machine_new(w->sim, &(struct machine_config){
						 .profile = w->profile,
						 .cpus = cpus,
						 .memory_bytes = SMALL_WORLD_MEMORY,
						 .devices = 1,
						 .device_channels = 4,
						 .dirty_background_permille = 100,
						 .dirty_permille = 200,
						 .modules_absent = modules_absent,
					 });
	w->variant = (struct fscrypt_variant){
		.design = index_of(extent_design_name, "lightweight"),
		.setup = index_of(key_setup_name, "pool"),
		.pool_size = 4,
	};
	w->fs = btrfs_mount(w->machine, &config, NULL);
	w->fc = fscrypt_new(w->fs, &w->variant);
	w->site = alloc_site(w->machine, "test");
	cr_assert_eq(fscrypt_key_number(w->fc, "K"), 1u);
}

void small_world_run(struct small_world *w, kernel_task_fn fn)
{
	kernel_spawn(w->machine, "test", fn, w);
	cr_assert_eq(sim_run(w->sim, SIM_NEVER), SIM_END_IDLE);
}

void small_world_end(struct small_world *w)
{
	sim_free(w->sim);
	btrfs_free(w->fs);
	fscrypt_free(w->fc);
	machine_free(w->machine);
	cost_profile_free(w->profile);
}

uint64_t small_world_fill(struct small_world *w)
{
	uint64_t bytes = machine_memory_over_min(w->machine);

	kernel_charge_bytes(w->machine, w->site, bytes);
	return bytes;
}

void small_world_reclaim(struct kernel_task *task, struct small_world *w, enum gfp gfp)
{
	uint64_t page = machine_size(w->machine, SIZE_PAGE), pages = 0;
	uint64_t bytes = small_world_fill(w);

	while (kernel_alloc(task, w->site, gfp, page))
		pages++;
	kernel_free(w->machine, w->site, bytes + pages * page);
}

void small_world_encrypted_file(struct kernel_task *task, struct small_world *w)
{
	struct btrfs_file *file;

	cr_assert_eq(fscrypt_mount(w->fc), 0);
	cr_assert_eq(fscrypt_add_key(task, w->fc, 1, FSCRYPT_ROOT), 0);
	cr_assert_eq(btrfs_mkdir(task, w->fs, "d"), 0);
	cr_assert_eq(fscrypt_set_policy(task, w->fc, "d", 1), 0);
	cr_assert_eq(btrfs_open(task, w->fs, "d/f", BTRFS_O_CREAT, &file), 0);
	cr_assert_eq(btrfs_write(task, file, 0, 4096), 0);
	btrfs_close(task, file);
	btrfs_sync_fs(task, w->fs);
}

void small_world_unlink_under_nokey_dentry(struct kernel_task *task, struct small_world *w)
{
	enum fscrypt_removal flags;
	uint32_t busy;

	small_world_encrypted_file(task, w);
	cr_assert_eq(fscrypt_remove_key(task, w->fc, 1, FSCRYPT_ROOT, &flags, &busy), 0);
	cr_assert_eq(flags, REMOVAL_CLEAN);
	cr_assert_eq(btrfs_stat(task, w->fs, "d/~f"), 0);
	cr_assert_eq(fscrypt_add_key(task, w->fc, 1, FSCRYPT_ROOT), 0);
	cr_assert_eq(btrfs_unlink(task, w->fs, "d/f"), 0);
}
