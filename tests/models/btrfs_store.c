/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The store under operations drawn at random, checked against itself, and its plain promises. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

#include "models/btrfs/store.h"

#define BLOCK 4096ull

static uint64_t draw(uint64_t *state, uint64_t below)
{
	uint64_t z = *state += 0x9E3779B97F4A7C15ull;

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ z >> 27) * 0x94D049BB133111EBull;
	return (z ^ z >> 31) % below;
}

struct storm {
	struct btrfs_store *store;
	uint64_t state;
	unsigned int snapshots;
};

static struct store_inode *open_file(struct storm *storm, const char *subvol, unsigned int n)
{
	struct store_inode *inode;
	char path[32];

	snprintf(path, sizeof(path), "%s/f%u", subvol, n);
	if (store_lookup(storm->store, path, &inode, NULL))
		cr_assert_eq(store_create(storm->store, path, 0, &inode, NULL), 0);
	return inode;
}

static void change_file(struct storm *storm, struct store_inode *inode)
{
	struct btrfs_store *store = storm->store;
	uint64_t offset = draw(&storm->state, 300) * BLOCK;
	uint64_t bytes = (1 + draw(&storm->state, 12)) * BLOCK;

	store_flush(store, inode, NULL);
	switch (draw(&storm->state, 7)) {
	case 0:
		store_punch(store, inode, offset + 100, bytes, NULL, NULL);
		break;
	case 1:
		store_falloc_prepare(store, inode, offset, bytes, NULL, NULL);
		store_flush(store, inode, NULL);
		store_falloc(store, inode, offset, bytes, false, NULL);
		break;
	case 2:
		if (store_truncate_prepare(store, inode, offset + 5, NULL, NULL)) {
			store_flush(store, inode, NULL);
			store_truncate(store, inode, NULL);
		}
		break;
	case 3:
		store_defrag(store, inode, 0, UINT64_MAX, 0, NULL);
		break;
	default:
		for (unsigned int i = 0; i < 8; i++) {
			store_write(store, inode, draw(&storm->state, 300) * BLOCK,
				    (1 + draw(&storm->state, 3)) * BLOCK, 0, NULL, NULL);
			store_flush(store, inode, NULL);
		}
	}
}

static void clone_some(struct storm *storm, struct store_inode *from, struct store_inode *to)
{
	uint64_t offset = draw(&storm->state, 200) * BLOCK;
	uint64_t bytes = (1 + draw(&storm->state, 60)) * BLOCK;
	uint64_t target = draw(&storm->state, 400) * BLOCK;

	store_flush(storm->store, from, NULL);
	store_flush(storm->store, to, NULL);
	if (store_clone_prepare(storm->store, from, offset, &bytes, to, target, NULL, NULL))
		return;
	store_flush(storm->store, to, NULL);
	store_clone(storm->store, from, offset, bytes, to, target, NULL, NULL);
}

static void change_subvols(struct storm *storm)
{
	char name[16];
	uint32_t root;

	if (storm->snapshots < 5) {
		snprintf(name, sizeof(name), "s%u", storm->snapshots++);
		store_flush_all(storm->store, 0, NULL);
		cr_assert_eq(store_snapshot(storm->store, "sv", name, &root, NULL), 0);
		return;
	}
	while (storm->snapshots > 2) {
		snprintf(name, sizeof(name), "s%u", --storm->snapshots);
		cr_assert_eq(store_subvol_delete(storm->store, name, &root, NULL), 0);
		while (store_drop_subvol(storm->store, root, 1, NULL))
			store_commit(storm->store, NULL);
	}
}

static void storm_step(struct storm *storm)
{
	char other[16] = "sv";
	struct store_inode *a, *b;

	if (storm->snapshots && !draw(&storm->state, 3))
		snprintf(other, sizeof(other), "s%u",
			 (unsigned int)draw(&storm->state, storm->snapshots));
	a = open_file(storm, "sv", (unsigned int)draw(&storm->state, 4));
	b = open_file(storm, other, (unsigned int)draw(&storm->state, 4));
	switch (draw(&storm->state, 12)) {
	case 0:
		clone_some(storm, a, b);
		break;
	case 1:
		store_flush_all(storm->store, 0, NULL);
		store_commit(storm->store, NULL);
		break;
	default:
		change_file(storm, draw(&storm->state, 2) ? a : b);
	}
	store_inode_put(storm->store, a, NULL);
	store_inode_put(storm->store, b, NULL);
	if (!draw(&storm->state, 25))
		change_subvols(storm);
	if (!draw(&storm->state, 60))
		store_balance(storm->store, NULL);
}

/* Every encrypted item has its context item, and no context item is left over. */
static void check_contexts(struct btrfs_store *store, uint32_t root)
{
	struct store_tree_stats stats;
	uint64_t encrypted = 0;

	if (store_tree_stats(store, root, &stats))
		return;
	for (uint32_t ino = BTRFS_FIRST_FREE_OBJECTID + 1; ino < 300; ino++) {
		struct store_file_extent item;
		struct store_inode *inode;
		struct store_walk walk;

		if (store_iget(store, root, ino, &inode, NULL))
			continue;
		store_walk_begin(&walk, store, inode, 0, NULL);
		while (store_walk_next(&walk, &item, NULL))
			encrypted += item.encrypted;
		store_inode_put(store, inode, NULL);
	}
	cr_assert_eq(stats.context_items, encrypted, "%u context items for %u encrypted extents",
		     (unsigned int)stats.context_items, (unsigned int)encrypted);
}

static void run_storm(enum store_context_layout layout, uint32_t node_bytes, uint64_t seed)
{
	struct btrfs_store_options options = {.node_bytes = node_bytes,
					      .context_layout = layout,
					      .context_bytes = layout ? 34 : 0};
	struct storm storm = {.store = store_new(&options), .state = seed};
	struct store_inode *top;
	uint32_t root;

	cr_assert_eq(store_subvol_create(storm.store, "sv", &root, NULL), 0);
	if (layout && !store_lookup(storm.store, "sv", &top, NULL)) {
		store_set_policy(storm.store, top, 1, NULL);
		store_inode_put(storm.store, top, NULL);
	}
	for (unsigned int i = 0; i < 600; i++) {
		storm_step(&storm);
		if (i % 20 == 0)
			store_check(storm.store);
	}
	store_flush_all(storm.store, 0, NULL);
	store_commit(storm.store, NULL);
	store_check(storm.store);
	if (layout == STORE_CONTEXT_SEPARATE)
		for (root = BTRFS_FIRST_FREE_OBJECTID; root < 400; root++)
			check_contexts(storm.store, root);
	store_free(storm.store);
}

Test(btrfs_store, random_operations_keep_every_reference_and_size_right)
{
	for (uint64_t seed = 1; seed <= 3; seed++) {
		run_storm(STORE_CONTEXT_NONE, 4096, seed);
		run_storm(STORE_CONTEXT_APPENDED, 4096, 100 + seed);
		run_storm(STORE_CONTEXT_SEPARATE, 4096, 200 + seed);
		run_storm(STORE_CONTEXT_SEPARATE, 16384, 300 + seed);
	}
}

/* Trees of three levels and more: nodes split, pushed and balanced, then emptied again. */
Test(btrfs_store, a_deep_tree_grows_and_shrinks)
{
	struct btrfs_store_options options = {.node_bytes = 4096};
	struct btrfs_store *store = store_new(&options);
	struct store_tree_stats stats;
	struct store_inode *inode;
	uint64_t state = 5;

	cr_assert_eq(store_create(store, "f", 0, &inode, NULL), 0);
	for (unsigned int i = 0; i < 30000; i++) {
		store_write(store, inode, draw(&state, 60000) * BLOCK, BLOCK, 0, NULL, NULL);
		store_flush(store, inode, NULL);
		if (i % 1000 == 0)
			store_commit(store, NULL);
	}
	store_check(store);
	store_tree_stats(store, BTRFS_FS_TREE_ROOT, &stats);
	cr_assert_geq(stats.levels, 3);
	for (unsigned int i = 0; i < 3000; i++)
		store_punch(store, inode, draw(&state, 60000) * BLOCK, 64 * BLOCK, NULL, NULL);
	store_check(store);
	store_truncate_prepare(store, inode, 0, NULL, NULL);
	store_truncate(store, inode, NULL);
	store_commit(store, NULL);
	store_check(store);
	store_tree_stats(store, BTRFS_FS_TREE_ROOT, &stats);
	cr_assert_eq(stats.file_extent_items, 0);
	cr_assert_eq(stats.leaves, 1);
	store_inode_put(store, inode, NULL);
	store_free(store);
}

Test(btrfs_store, operations_fail_as_system_calls_do)
{
	struct btrfs_store_options options = {.data_capacity_bytes = 100 * BLOCK};
	struct btrfs_store *store = store_new(&options);
	struct store_inode *dir, *file;
	uint64_t bytes = BLOCK;
	uint32_t root;

	cr_assert_eq(store_create(store, "d", STORE_DIRECTORY, &dir, NULL), 0);
	cr_assert_eq(store_create(store, "d/f", 0, &file, NULL), 0);
	cr_assert_eq(store_create(store, "d/f", 0, &dir, NULL), -EEXIST);
	cr_assert_eq(store_create(store, "x/f", 0, &dir, NULL), -ENOENT);
	cr_assert_eq(store_create(store, "d/f/g", 0, &dir, NULL), -ENOTDIR);
	cr_assert_eq(store_unlink(store, "d", NULL), -ENOTEMPTY);
	cr_assert_eq(store_unlink(store, "nothing", NULL), -ENOENT);
	cr_assert_eq(store_subvol_create(store, "d", &root, NULL), -EEXIST);
	cr_assert_eq(store_snapshot(store, "d", "s", &root, NULL), -EINVAL);
	cr_assert_eq(store_clone_prepare(store, file, 0, &bytes, file, BLOCK, NULL, NULL), -EINVAL,
		     "beyond the end of the source");
	cr_assert_eq(store_punch(store, file, 0, 0, NULL, NULL), -EINVAL);
	store_write(store, file, 0, 101 * BLOCK, 0, NULL, NULL);
	cr_assert_eq(store_flush(store, file, NULL), -ENOSPC);
	cr_assert_eq(file->delalloc_bytes, 101 * BLOCK, "what could not be written stays dirty");
	store_discard_dirty(store, file);
	store_write(store, file, 0, 100 * BLOCK, 0, NULL, NULL);
	cr_assert_eq(store_flush(store, file, NULL), 0);
	cr_assert_eq(store_unlink(store, "d/f", NULL), 0);
	cr_assert_eq(store_unlink(store, "d", NULL), 0);
	store_inode_put(store, file, NULL);
	store_inode_put(store, dir, NULL);
	store_commit(store, NULL);
	store_check(store);
	store_free(store);
}

static bool count_name(void *arg, const char *name, uint32_t root, uint32_t ino)
{
	(void)name;
	(void)root;
	(void)ino;
	++*(unsigned int *)arg;
	return true;
}

Test(btrfs_store, a_directory_of_many_names_finds_each_and_lists_all)
{
	enum { NAMES = 60000 }; /* some two of which share a hash of 32 bits */
	struct btrfs_store *store = store_new(NULL);
	struct store_inode *top, *inode;
	unsigned int n = 0;
	char name[32];

	for (unsigned int i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "file-%u", i * 7919);
		cr_assert_eq(store_create(store, name, 0, &inode, NULL), 0);
		store_inode_put(store, inode, NULL);
	}
	store_commit(store, NULL);
	store_check(store);
	for (unsigned int i = 0; i < NAMES; i += 3) {
		snprintf(name, sizeof(name), "file-%u", i * 7919);
		cr_assert_eq(store_unlink(store, name, NULL), 0, "%s", name);
	}
	store_commit(store, NULL);
	store_check(store);
	for (unsigned int i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "file-%u", i * 7919);
		cr_assert_eq(store_lookup(store, name, &inode, NULL), i % 3 ? 0 : -ENOENT);
		if (i % 3)
			store_inode_put(store, inode, NULL);
	}
	cr_assert_eq(store_lookup(store, ".", &top, NULL), 0);
	store_readdir(store, top, count_name, &n, NULL);
	cr_assert_eq(n, NAMES - NAMES / 3, "%u names", n);
	store_inode_put(store, top, NULL);
	store_free(store);
}

/* What a group's end gives back are copies that nothing came to point to. */
Test(btrfs_store, a_moved_extent_may_go_and_its_record_be_used_again_before_the_group_ends)
{
	struct btrfs_store *store = store_new(NULL);
	GArray *pieces = g_array_new(FALSE, FALSE, sizeof(struct store_piece));
	struct store_relocation *reloc;
	struct store_inode *inode;
	store_extent from, to;

	cr_assert_eq(store_create(store, "f", 0, &inode, NULL), 0);
	store_write(store, inode, 0, 16 * BLOCK, 0, NULL, NULL);
	store_flush(store, inode, NULL);
	store_commit(store, NULL);
	reloc = store_relocation_begin(store);
	cr_assert(store_relocation_group(reloc, NULL));
	cr_assert(store_relocation_copy(reloc, &from, &to, NULL));
	cr_assert(store_relocation_update(reloc, &from, &to, NULL));
	store_truncate_prepare(store, inode, 0, NULL, NULL);
	store_truncate(store, inode, NULL);
	store_commit(store, NULL);
	store_write(store, inode, 0, 32 * BLOCK, 0, NULL, NULL);
	cr_assert_eq(store_plan(store, inode, 0, 32 * BLOCK, pieces, NULL), 0);
	store_relocation_group_end(reloc, NULL);
	store_relocation_end(reloc);
	store_commit(store, NULL);
	cr_expect_eq(
		store_finish(store, inode, &g_array_index(pieces, struct store_piece, 0), NULL), 0);
	store_check(store);
	g_array_free(pieces, TRUE);
	store_inode_put(store, inode, NULL);
	store_free(store);
}
