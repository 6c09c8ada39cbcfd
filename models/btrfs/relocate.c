/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Balance: every data block group is relocated, extent by extent, as ciphertext: no key is needed,
 * unless only a tag says whether it was read right (6.12: fs/btrfs/relocation.c). Maps of moved extents are dropped, so their keys are derived again
 * when they are next read.
 */
#include "models/btrfs/internal.h"

#include <errno.h>

struct move {
	struct store_relocation *reloc;
	store_extent from, to;
	bool more;
};

static int next_group(struct btrfs_fs *fs, void *arg, struct btrfs_work *work)
{
	struct move *move = arg;

	(void)fs;
	move->more = store_relocation_group(move->reloc, work);
	return 0;
}

static int copy_extent(struct btrfs_fs *fs, void *arg, struct btrfs_work *work)
{
	struct move *move = arg;

	(void)fs;
	move->more = store_relocation_copy(move->reloc, &move->from, &move->to, work);
	return 0;
}

static int update_extents(struct btrfs_fs *fs, void *arg, struct btrfs_work *work)
{
	GHashTable *moved = g_hash_table_new(NULL, NULL);
	struct move *move = arg;

	/* All of a group in one change: what others change meanwhile reaches the tree in the kernel
	 * through its relocation roots, which are not modelled. */
	while (store_relocation_update(move->reloc, &move->from, &move->to, work))
		g_hash_table_add(moved, GUINT_TO_POINTER(move->from));
	for (GList *link = fs->inodes.head; link; link = link->next)
		extent_map_drop_extents(link->data, moved);
	g_hash_table_destroy(moved);
	return 0;
}

static int end_group(struct btrfs_fs *fs, void *arg, struct btrfs_work *work)
{
	struct move *move = arg;

	(void)fs;
	store_relocation_group_end(move->reloc, work);
	return 0;
}

/* relocate_data_extent(): read through the relocation inode's page cache, written as it is. */
static int move_data(struct kernel_task *task, struct btrfs_fs *fs, const struct move *move)
{
	enum btrfs_checked result = BTRFS_GOOD;
	struct btrfs_check check;
	uint32_t blocks = block_of(store_extent_bytes(fs->store, move->from));
	uint32_t max = (uint32_t)machine_size(fs->machine, LIMIT_BIO_BLOCKS);
	uint32_t from = block_of(store_extent_physical(fs->store, move->from));
	uint32_t to = block_of(store_extent_physical(fs->store, move->to));

	btrfs_check_begin(task, fs, move->from, &fs->count.balance, &check);
	for (uint32_t at = 0; result != BTRFS_BAD && at < blocks; at += max) {
		uint32_t count = MIN(max, blocks - at);

		kernel_run(task, COST_BIO_SUBMIT, 1 + btrfs_mirrors(fs));
		bio_submit_wait(task, 0, BIO_READ, from + at, count);
		result = btrfs_check(task, fs, &check, 0, at, count);
		for (uint32_t device = 0; result != BTRFS_BAD && device < btrfs_mirrors(fs);
		     device++)
			bio_submit_wait(task, device, BIO_WRITE, to + at, count);
		btrfs_heal(fs, to + at, count);
		if (result == BTRFS_UNVERIFIED)
			btrfs_spread(fs, from + at, to + at, count);
	}
	btrfs_check_end(task, fs, &check);
	return result == BTRFS_BAD ? -EIO : 0;
}

static int abort_group(struct btrfs_fs *fs, void *arg, struct btrfs_work *work)
{
	struct move *move = arg;

	(void)fs;
	store_relocation_abort(move->reloc, work);
	return 0;
}

static int relocate_group(struct kernel_task *task, struct btrfs_fs *fs, struct move *move)
{
	int err = 0;

	btrfs_wait_ordered_all(task, fs); /* btrfs_wait_ordered_roots() */
	while (!err && (btrfs_tree_change(task, fs, copy_extent, move), move->more))
		err = move_data(task, fs, move);
	if (err) {
		btrfs_commit_with(task, fs, abort_group, move);
		return err;
	}
	btrfs_commit_transaction(task, fs);
	btrfs_tree_change(task, fs, update_extents, move);
	btrfs_drain(task, fs);
	btrfs_commit_with(task, fs, end_group, move);
	return 0;
}

int btrfs_balance(struct kernel_task *task, struct btrfs_fs *fs)
{
	struct move move = {0};
	int err = 0;

	kernel_run(task, COST_SYSCALL, 1);
	fs->count.balances++;
	kernel_mutex_lock(task, &fs->balance_mutex);
	move.reloc = store_relocation_begin(fs->store);
	while (!err && (btrfs_commit_with(task, fs, next_group, &move), move.more))
		err = relocate_group(task, fs, &move);
	store_relocation_end(move.reloc);
	kernel_mutex_unlock(task, &fs->balance_mutex);
	return err;
}
