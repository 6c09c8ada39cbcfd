/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names in the trees: items and bytes of links and moves, and random moves checked. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

#include "models/btrfs/store.h"

enum { NAMES = 12, DIRS = 3 };

static struct store_inode *make(struct btrfs_store *store, const char *path, uint32_t flags)
{
	struct store_inode *inode;

	cr_assert_eq(store_create(store, path, flags, &inode, NULL), 0);
	return inode;
}

static struct store_tree_stats tree_of(struct btrfs_store *store)
{
	struct store_tree_stats stats;

	store_commit(store, NULL);
	store_check(store);
	cr_assert_eq(store_tree_stats(store, BTRFS_FS_TREE_ROOT, &stats), 0);
	return stats;
}

/* A name is a DIR_ITEM and a DIR_INDEX of 30 bytes and the name each, and 10 and the name in the INODE_REF
 * of its directory; headers are 25. */
Test(btrfs_names, a_link_adds_two_items_and_its_place_in_the_inode_ref)
{
	struct btrfs_store *store = store_new(NULL);
	struct store_inode *file = make(store, "f", 0), *dir = make(store, "d", STORE_DIRECTORY);
	struct store_inode *top;
	struct store_tree_stats before = tree_of(store), after;

	cr_assert_eq(store_lookup(store, "", &top, NULL), 0);
	cr_assert_eq(store_link(store, file, top, "four", NULL), 0);
	after = tree_of(store);
	cr_expect_eq(after.items - before.items, 2);
	cr_expect_eq(after.leaf_bytes_used - before.leaf_bytes_used, 2 * (25 + 30 + 4) + 10 + 4);
	before = after;
	cr_assert_eq(store_link(store, file, dir, "four", NULL), 0);
	after = tree_of(store);
	cr_expect_eq(after.items - before.items, 3, "an INODE_REF for each directory");
	cr_expect_eq(after.leaf_bytes_used - before.leaf_bytes_used,
		     2 * (25 + 30 + 4) + 25 + 10 + 4);
	cr_expect_eq(file->nlink, 3);
	cr_assert_eq(store_unlink(store, "four", NULL), 0);
	cr_assert_eq(store_unlink(store, "d/four", NULL), 0);
	after = tree_of(store);
	cr_expect_eq(before.items - after.items, 2);
	cr_expect_eq(file->nlink, 1);
	store_free(store);
}

Test(btrfs_names, a_move_and_an_exchange_keep_every_item_but_their_keys)
{
	struct btrfs_store *store = store_new(NULL);
	struct store_inode *dir = make(store, "d", STORE_DIRECTORY), *top, *found;
	struct store_inode *a = make(store, "a", 0), *b = make(store, "d/b", 0);
	struct store_tree_stats before = tree_of(store), after;

	cr_assert_eq(store_lookup(store, "", &top, NULL), 0);
	cr_assert_eq(store_rename(store, top, "a", dir, "c", NULL), 0);
	cr_assert_eq(store_exchange(store, dir, "b", dir, "c", NULL), 0);
	after = tree_of(store);
	cr_expect_eq(after.items, before.items);
	cr_expect_eq(after.leaf_bytes_used, before.leaf_bytes_used);
	cr_assert_eq(store_lookup(store, "d/b", &found, NULL), 0);
	cr_expect_eq(found, a);
	cr_expect_eq(store_lookup(store, "a", &found, NULL), -ENOENT);
	cr_assert_eq(store_rename(store, dir, "b", dir, "c", NULL), 0);
	cr_expect_eq(b->nlink, 0, "what had the name has lost it");
	cr_expect_eq(dir->size, 2);
	store_free(store);
}

static uint64_t draw(uint64_t *state, uint64_t below)
{
	uint64_t z = *state += 0x9E3779B97F4A7C15ull;

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ z >> 27) * 0x94D049BB133111EBull;
	return (z ^ z >> 31) % below;
}

/* What each name should stand for: the inode's number; 0: nothing. */
struct names {
	struct btrfs_store *store;
	struct store_inode *dir[DIRS];
	uint32_t ino[DIRS][NAMES];
};

static void name_of(char *text, uint64_t n)
{
	snprintf(text, 8, "n%lu", (unsigned long)n);
}

static void change(struct names *n, uint64_t *state)
{
	uint64_t from = draw(state, DIRS), to = draw(state, DIRS);
	uint64_t a = draw(state, NAMES), b = draw(state, NAMES), what = draw(state, 5);
	uint32_t *old = &n->ino[from][a], *new = &n->ino[to][b], swap = *old;
	char x[8], y[8];
	struct store_inode *inode = NULL;

	name_of(x, a);
	name_of(y, b);
	if (*old)
		cr_assert_eq(store_lookup_at(n->store, n->dir[from], x, &inode, NULL, NULL), 0);
	if (what == 0 && !*old) {
		cr_assert_eq(store_create_at(n->store, n->dir[from], x, 0, 0, &inode, NULL), 0);
		*old = inode->ino;
	} else if (what == 1 && *old) {
		cr_assert_eq(store_unlink_at(n->store, n->dir[from], x, NULL), 0);
		*old = 0;
	} else if (what == 2 && *old) {
		cr_assert_eq(store_link(n->store, inode, n->dir[to], y, NULL), *new ? -EEXIST : 0);
		*new = *new ? *new : *old;
	} else if (what == 3 && *old) {
		cr_assert_eq(store_rename(n->store, n->dir[from], x, n->dir[to], y, NULL), 0);
		if (*new != swap) {
			*old = 0;
			*new = swap;
		}
	} else if (what == 4 && *old) {
		cr_assert_eq(store_exchange(n->store, n->dir[from], x, n->dir[to], y, NULL),
			     *new ? 0 : -ENOENT);
		if (*new) {
			*old = *new;
			*new = swap;
		}
	}
	if (inode)
		store_inode_put(n->store, inode, NULL);
}

static bool count(void *arg, const char *name, uint32_t root, uint32_t ino)
{
	(void)name;
	(void)root;
	(void)ino;
	++*(uint64_t *)arg;
	return true;
}

static void expect_names(struct names *n)
{
	for (unsigned int d = 0; d < DIRS; d++) {
		uint64_t want = 0, listed = 0;

		for (unsigned int i = 0; i < NAMES; i++) {
			struct store_inode *inode;
			char text[8];

			name_of(text, i);
			if (store_lookup_at(n->store, n->dir[d], text, &inode, NULL, NULL)) {
				cr_assert_eq(n->ino[d][i], 0);
				continue;
			}
			want++;
			cr_assert_eq(inode->ino, n->ino[d][i]);
			store_inode_put(n->store, inode, NULL);
		}
		store_readdir(n->store, n->dir[d], count, &listed, NULL);
		cr_assert_eq(listed, want);
		cr_assert_eq(n->dir[d]->size,
			     2 * want * 2 + 2 * (n->ino[d][10] != 0) + 2 * (n->ino[d][11] != 0));
	}
}

Test(btrfs_names, random_links_moves_and_exchanges_leave_the_names_they_should)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct btrfs_store_options options = {.node_bytes = 4096};
		struct names n = {.store = store_new(&options)};
		uint64_t state = seed;

		for (unsigned int d = 0; d < DIRS; d++) {
			char path[8];

			snprintf(path, sizeof(path), "d%u", d);
			n.dir[d] = make(n.store, path, STORE_DIRECTORY);
		}
		for (unsigned int i = 0; i < 600; i++) {
			change(&n, &state);
			if (i % 50)
				continue;
			expect_names(&n);
			tree_of(n.store);
		}
		expect_names(&n);
		store_free(n.store);
	}
}

static int link_many(struct btrfs_store *store, struct store_inode *file, struct store_inode *dir)
{
	char name[16];
	int ret = 0;

	for (unsigned int i = 0; !ret && i < 2000; i++) {
		snprintf(name, sizeof(name), "name%08u", i);
		ret = store_link(store, file, dir, name, NULL);
	}
	return ret;
}

Test(btrfs_names, the_names_of_one_directory_are_as_many_as_fit_an_inode_ref)
{
	struct btrfs_store *store = store_new(NULL);
	struct store_inode *file = make(store, "name", 0), *top;

	cr_assert_eq(store_lookup(store, "", &top, NULL), 0);
	cr_expect_eq(link_many(store, file, top), -EMLINK);
	/* 16283 bytes of a leaf, less the header of the item and the first name's 14; 22 for each. */
	cr_expect_eq(file->nlink, 1 + (16283 - 25 - 14) / 22);
	tree_of(store);
	store_free(store);
}

Test(btrfs_names, a_leaf_that_borrows_its_directorys_context_stores_none)
{
	for (int borrows = 0; borrows < 2; borrows++) {
		struct btrfs_store_options options = {.leaf_borrows = borrows};
		struct btrfs_store *store = store_new(&options);
		struct store_inode *dir = make(store, "d", STORE_DIRECTORY), *file;
		struct store_tree_stats before, after;

		store_set_policy(store, dir, 1, NULL);
		before = tree_of(store);
		file = make(store, "d/f", 0);
		after = tree_of(store);
		/* INODE_ITEM, INODE_REF, DIR_ITEM, DIR_INDEX, and the context. */
		cr_expect_eq(after.items - before.items, borrows ? 4 : 5);
		cr_expect_eq(file->policy_key, 1);
		cr_expect(file->flags & STORE_ENCRYPTED);
		make(store, "d/e", STORE_DIRECTORY);
		cr_expect_eq(tree_of(store).items - after.items, 5, "a directory has its own");
		store_set_policy(store, file, 2, NULL);
		store_set_policy(store, file, 0, NULL);
		cr_expect_eq(tree_of(store).items - after.items, borrows ? 5 : 4);
		store_free(store);
	}
}
