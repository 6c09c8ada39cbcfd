/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reclaim that enters the filesystem: which inodes go, which stay, and what their going takes. */
#include <criterion/criterion.h>
#include <errno.h>

#include "models/btrfs/internal.h"
#include "models/fscrypt/internal.h"
#include "tests/models/kernel_fixture.h"
#include "tests/models/small_world.h"

enum { FILES = 600 };

static void make_files(struct kernel_task *task, struct small_world *w, uint32_t files)
{
	for (uint32_t i = 0; i < files; i++) {
		char *name = g_strdup_printf("f%u", i);
		struct btrfs_file *file;

		cr_assert_eq(btrfs_open(task, w->fs, name, BTRFS_O_CREAT, &file), 0);
		btrfs_close(task, file);
		g_free(name);
	}
}

/* ---- linked inodes ---- */

static void reclaim_linked(struct kernel_task *task, void *arg)
{
	struct small_world *w = arg;
	struct btrfs_file *open, *dirty;
	uint32_t before, commits;

	make_files(task, w, FILES);
	btrfs_sync_fs(task, w->fs);
	before = w->fs->inodes.length;
	/* kswapd, which would take them, gets no CPU meanwhile. */
	small_world_reclaim(task, w, GFP_NOFS);
	cr_expect_eq(w->fs->inodes.length, before, "NOFS reclaim took inodes");
	cr_assert_eq(btrfs_open(task, w->fs, "f0", 0, &open), 0);
	cr_assert_eq(btrfs_open(task, w->fs, "f1", 0, &dirty), 0);
	cr_assert_eq(btrfs_write(task, dirty, 0, 4096), 0);
	btrfs_close(task, dirty);
	commits = w->fs->commits;

	small_world_reclaim(task, w, GFP_KERNEL);
	/* The top, the open file and the dirty one. */
	cr_expect_eq(w->fs->inodes.length, 3u, "%u", w->fs->inodes.length);
	cr_expect_eq(w->fs->commits, commits);
	EXPECT_U64(w->fs->count.inodes_shrunk, before - 3);
	EXPECT_U64(w->fs->count.inodes_shrunk_unlinked, 0);
	btrfs_close(task, open);
}

Test(btrfs_shrink, reclaim_takes_idle_inodes_and_leaves_open_and_dirty_ones)
{
	struct small_world w;

	small_world_start(&w, 1);
	small_world_run(&w, reclaim_linked);
	small_world_end(&w);
}

static void reclaim_cached(struct kernel_task *task, void *arg)
{
	struct small_world *w = arg;
	struct btrfs_file *file;

	cr_assert_eq(btrfs_open(task, w->fs, "f", BTRFS_O_CREAT, &file), 0);
	cr_assert_eq(btrfs_write(task, file, 0, 1 << 20), 0);
	btrfs_close(task, file);
	btrfs_sync_fs(task, w->fs);
	cr_expect_eq(w->fs->inodes.length, 2u);
	small_world_reclaim(task, w, GFP_KERNEL);
	cr_expect_eq(w->fs->inodes.length, 0u, "the pages went, the inode stayed");
	EXPECT_U64(alloc_site_bytes(alloc_site(w->machine, "page_cache")), 0);
}

Test(btrfs_shrink, an_inode_goes_once_its_last_page_has_gone)
{
	struct small_world w;

	small_world_start(&w, 1);
	small_world_run(&w, reclaim_cached);
	small_world_end(&w);
}

/* ---- inodes without a name ---- */

static void make_unlinked(struct kernel_task *task, struct small_world *w)
{
	small_world_unlink_under_nokey_dentry(task, w);
	cr_assert_eq(w->fs->inodes.length, 3u, "top, directory and the file without a name");
}

static void reclaim_unlinked(struct kernel_task *task, void *arg)
{
	struct small_world *w = arg;

	make_unlinked(task, w);
	small_world_reclaim(task, w, GFP_NOFS);
	cr_expect_eq(w->fs->inodes.length, 3u);
	small_world_reclaim(task, w, GFP_KERNEL);
	EXPECT_U64(alloc_site_bytes(alloc_site(w->machine, "page_cache")), 0);
}

Test(btrfs_shrink, a_nokey_dentry_keeps_an_unlinked_inode_until_reclaim_evicts_it)
{
	struct small_world w;
	struct store_stats stats;

	small_world_start(&w, 1);
	small_world_run(&w, reclaim_unlinked);
	EXPECT_U64(w.fs->count.inodes_shrunk_unlinked, 1);
	store_stats(w.fs->store, &stats);
	EXPECT_U64(stats.file_extent_items, 0);
	small_world_end(&w);
}

static void drop_unlinked(struct kernel_task *task, void *arg)
{
	struct small_world *w = arg;

	make_unlinked(task, w);
	btrfs_drop_caches(task, w->fs);
	cr_expect_eq(w->fs->inodes.length, 0u);
}

Test(btrfs_shrink, drop_caches_prunes_nokey_dentries)
{
	struct small_world w;

	small_world_start(&w, 1);
	small_world_run(&w, drop_unlinked);
	small_world_end(&w);
}

static void remove_key_of_unlinked(struct kernel_task *task, void *arg)
{
	struct small_world *w = arg;
	enum fscrypt_removal flags;
	uint32_t busy;

	make_unlinked(task, w);
	cr_assert_eq(fscrypt_remove_key(task, w->fc, 1, FSCRYPT_ROOT, &flags, &busy), 0);
	cr_expect_eq(busy, 0u);
	cr_expect_eq(flags, REMOVAL_CLEAN);
}

Test(btrfs_shrink, removal_of_the_key_prunes_nokey_dentries)
{
	struct small_world w;

	small_world_start(&w, 1);
	small_world_run(&w, remove_key_of_unlinked);
	small_world_end(&w);
}

static void nokey_with_key(struct kernel_task *task, void *arg)
{
	struct small_world *w = arg;

	small_world_encrypted_file(task, w);
	cr_expect_eq(btrfs_stat(task, w->fs, "d/~f"), -ENOENT);
	cr_expect_eq(btrfs_unlink(task, w->fs, "d/f"), 0);
	cr_expect_eq(w->fs->inodes.length, 2u, "the inode left with its name");
}

Test(btrfs_shrink, there_are_no_nokey_names_while_the_key_is_there)
{
	struct small_world w;

	small_world_start(&w, 1);
	small_world_run(&w, nokey_with_key);
	small_world_end(&w);
}

/* ---- what is released with pages ---- */

static uint32_t released, released_in_reclaim;

static void note_release(struct kernel_task *task, void *arg)
{
	(void)arg;
	released++;
	released_in_reclaim += task->memalloc_depth > 0;
	kernel_sleep(task, 1000, PART_LOCK_WAIT);
}

Test(btrfs_shrink, the_floor_above_is_told_of_released_pages_where_it_may_wait)
{
	struct small_world w;

	small_world_start(&w, 1);
	machine_on_pages_released(w.machine, note_release, NULL);
	small_world_run(&w, reclaim_cached);
	cr_expect_gt(released, 0u);
	cr_expect_eq(released, released_in_reclaim);
	small_world_end(&w);
}

/* ---- priming ---- */

static enum gfp handle_gfp;

static void allocate_in_transaction(struct kernel_task *task, void *arg)
{
	struct small_world *w = arg;

	machine_prime(task);
	cr_assert_eq(btrfs_join_transaction(task, w->fs), 0);
	cr_expect(kernel_alloc(task, w->site, handle_gfp, 64));
	btrfs_end_transaction(task, w->fs);
	kernel_free(w->machine, w->site, 64);
}

static size_t cycles_with(enum gfp gfp)
{
	const struct sim_chain *cycle;
	struct small_world w;
	size_t found;

	handle_gfp = gfp;
	small_world_start(&w, 1);
	small_world_run(&w, allocate_in_transaction);
	cycle = sim_lock_cycles(w.sim, &found);
	if (found) {
		cr_expect_str_eq(cycle->link[0].resource, "fs_reclaim");
		cr_expect_str_eq(cycle->link[1].resource, "btrfs_transaction");
		cr_expect_str_eq(cycle->link[1].path, "btrfs_join_transaction");
	}
	small_world_end(&w);
	return found;
}

Test(btrfs_shrink, a_primed_graph_finds_the_cycle_without_pressure)
{
	cr_expect_eq(cycles_with(GFP_KERNEL), 1u);
	cr_expect_eq(cycles_with(GFP_NOFS), 0u);
}
