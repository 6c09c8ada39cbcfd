/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What fits a leaf, and what copying costs: the arithmetic that a reader can check by hand. */
#include <criterion/criterion.h>

#include "models/btrfs/store.h"

#define BLOCK 4096ull

/* Writes `n` extents of one block each, in order, every one on its own. */
static struct store_inode *write_extents(struct btrfs_store *store, const char *path,
					 unsigned int n)
{
	struct store_inode *inode;

	cr_assert_eq(store_create(store, path, 0, &inode, NULL), 0);
	store_commit(store, NULL); /* else its name comes late into a leaf that is full by then */
	for (unsigned int i = 0; i < n; i++) {
		store_write(store, inode, i * BLOCK, BLOCK, 0, NULL, NULL);
		store_flush(store, inode, NULL);
	}
	store_commit(store, NULL);
	return inode;
}

Test(btrfs_leaves, appended_writes_fill_them_too)
{
	struct btrfs_store *store = store_new(NULL);
	struct store_inode *inode = write_extents(store, "f", 208 * 5);
	struct store_tree_stats stats;

	store_tree_stats(store, BTRFS_FS_TREE_ROOT, &stats);
	cr_assert_eq(stats.leaves, 6, "%u leaves", (unsigned int)stats.leaves);
	cr_assert_eq(stats.levels, 2);
	store_inode_put(store, inode, NULL);
	store_free(store);
}

Test(btrfs_leaves, a_commit_writes_what_is_new_and_what_was_copied_and_nothing_twice)
{
	struct btrfs_store *store = store_new(NULL);
	struct store_inode *inode;
	struct btrfs_work work = {0};
	struct store_stats stats;

	cr_assert_eq(store_create(store, "f", 0, &inode, NULL), 0);
	for (unsigned int i = 0; i < 208 * 5; i++) {
		store_write(store, inode, i * BLOCK, BLOCK, 0, NULL, NULL);
		store_flush(store, inode, NULL);
	}
	store_commit(store, &work);
	store_stats(store, &stats);
	cr_assert_eq(work.leaves_cowed, 0);
	cr_assert_eq(work.blocks_written, stats.leaves + stats.nodes);
	work = (struct btrfs_work){0};
	store_commit(store, &work);
	cr_assert_eq(work.blocks_written, 0);
	store_write(store, inode, 0, BLOCK, 0, NULL, NULL);
	store_flush(store, inode, &work);
	store_commit(store, &work);
	cr_assert_eq(work.blocks_written, 2, "a leaf and the node above it");
	store_inode_put(store, inode, NULL);
	store_free(store);
}

Test(btrfs_leaves, a_snapshot_copies_one_block_and_the_first_write_after_it_one_path)
{
	struct btrfs_store *store = store_new(NULL);
	struct store_inode *inode;
	struct btrfs_work work = {0};
	struct store_stats before, after;
	uint32_t root;

	cr_assert_eq(store_subvol_create(store, "sv", &root, NULL), 0);
	inode = write_extents(store, "sv/f", 10000);
	store_stats(store, &before);
	cr_assert_eq(store_snapshot(store, "sv", "s1", &root, &work), 0);
	store_stats(store, &after);
	cr_assert_eq(after.leaves, before.leaves);
	cr_assert_eq(after.nodes, before.nodes + 1);
	cr_assert_leq(work.leaves_cowed, 2, "%u leaves", (unsigned int)work.leaves_cowed);
	work = (struct btrfs_work){0};
	store_write(store, inode, 5000 * BLOCK, BLOCK, 0, NULL, &work);
	store_flush(store, inode, &work);
	cr_assert_eq(work.leaves_cowed, 1);
	/* Every extent of the leaf gets a second owner, the new one its first; one was replaced. */
	cr_assert(work.data_refs > 100 && work.data_refs < 220, "%u refs",
		  (unsigned int)work.data_refs);
	store_commit(store, NULL);
	store_check(store);
	store_inode_put(store, inode, NULL);
	store_free(store);
}

Test(btrfs_leaves, separate_contexts_lie_in_other_leaves_once_a_file_is_large)
{
	struct btrfs_store_options options = {.context_layout = STORE_CONTEXT_SEPARATE,
					      .context_bytes = 34};
	struct btrfs_store *store = store_new(&options);
	struct store_inode *top, *small, *large;
	struct store_file_extent item;
	struct store_walk walk;
	struct btrfs_work work = {0};
	unsigned int elsewhere = 0;

	cr_assert_eq(store_lookup(store, ".", &top, NULL), 0);
	store_set_policy(store, top, 7, NULL);
	small = write_extents(store, "small", 3);
	large = write_extents(store, "large", 1000);
	cr_assert_eq(small->policy_key, 7);
	store_walk_begin(&walk, store, small, 0, &work);
	while (store_walk_next(&walk, &item, &work))
		elsewhere += item.context_elsewhere;
	cr_assert_eq(elsewhere, 0);
	cr_assert_eq(work.contexts_read, 3);
	cr_assert_eq(work.context_leaves, 0);
	store_walk_begin(&walk, store, large, 500 * BLOCK, &work);
	cr_assert(store_walk_next(&walk, &item, &work));
	cr_assert(item.encrypted && item.context_elsewhere);
	cr_assert_eq(work.context_leaves, 1);
	store_inode_put(store, small, NULL);
	store_inode_put(store, large, NULL);
	store_inode_put(store, top, NULL);
	store_free(store);
}
