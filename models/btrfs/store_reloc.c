/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Relocation of data block groups. 6.12: fs/btrfs/relocation.c.
 *
 * btrfs points file extent items at the moved data in copies of the leaves, made in relocation trees
 * that are then merged back. What remains of that: a leaf below a root node is a new block flagged
 * as relocated, whose data references are by leaf; a root node that is a leaf is copied by its own
 * root and keeps keyed references; and a root that took part counts its older items as possibly
 * shared (last_snapshot), so that they are not written in place again. Leaves stay shared by the
 * same trees as before. This file brings about that outcome directly.
 */
#include "models/btrfs/ctree.h"

#include <stdlib.h>

struct moved {
	uint64_t block;
	store_extent from, to;
	bool taken; /* references point to the copy: it is an extent like any other */
};

struct store_relocation {
	struct btrfs_store *store;
	uint32_t group; /* index of the present one; counts down */
	GArray *moved; /* extents of the group, by address */
	unsigned int copy_at, update_at;
	GHashTable *copied; /* tree blocks already copied for this group */
};

static struct block_group *group_of(const struct store_relocation *reloc)
{
	return &g_array_index(reloc->store->groups, struct block_group, reloc->group);
}

struct store_relocation *store_relocation_begin(struct btrfs_store *store)
{
	struct store_relocation *reloc;

	g_assert(!store->relocation);
	reloc = store->relocation = g_new0(struct store_relocation, 1);
	reloc->store = store;
	reloc->group = store->groups->len;
	reloc->moved = g_array_new(FALSE, FALSE, sizeof(struct moved));
	reloc->copied = g_hash_table_new(NULL, NULL);
	return reloc;
}

void store_relocation_end(struct store_relocation *reloc)
{
	reloc->store->relocation = NULL;
	g_array_free(reloc->moved, TRUE);
	g_hash_table_destroy(reloc->copied);
	g_free(reloc);
}

static gint by_address(gconstpointer a, gconstpointer b)
{
	const struct moved *x = a, *y = b;

	return x->block < y->block ? -1 : x->block > y->block;
}

static void list_group(struct store_relocation *reloc)
{
	struct btrfs_store *store = reloc->store;
	const struct block_group *group = group_of(reloc);

	g_array_set_size(reloc->moved, 0);
	for (store_extent nr = 1; nr < store->n_extents; nr++) {
		const struct extent *extent = extent_of(store, nr);
		struct moved moved = {.block = extent_block(extent), .from = nr};

		if ((extent->flags & EXTENT_LIVE) && moved.block >= group->start &&
		    moved.block < group->start + group->blocks)
			g_array_append_val(reloc->moved, moved);
	}
	g_array_sort(reloc->moved, by_address);
}

bool store_relocation_group(struct store_relocation *reloc, struct btrfs_work *work)
{
	store_enter(reloc->store, work);
	while (reloc->group) {
		struct block_group *group;

		reloc->group--;
		group = group_of(reloc);
		if (group->readonly || !group->used_to)
			continue;
		group->readonly = true;
		store_commit(reloc->store, work);
		list_group(reloc);
		reloc->copy_at = reloc->update_at = 0;
		g_hash_table_remove_all(reloc->copied);
		return true;
	}
	return false;
}

static void copy_record(struct btrfs_store *store, store_extent from, store_extent to)
{
	const struct extent *old = extent_of(store, from);
	struct extent *new = extent_of(store, to);
	const struct btrfs_store_hooks *hooks = store->options.hooks;

	new->nonce = old->nonce;
	new->key = old->key;
	new->user = old->user;
	new->rule = old->rule;
	content_copy(store, from, to, old->ram_blocks ? old->ram_blocks : old->blocks);
	new->ram_blocks = old->ram_blocks;
	new->generation = store->generation;
	extent_copy_sums(store, from, to); /* btrfs_reloc_clone_csums() */
	store->live_extents++;
	if (hooks && hooks->born)
		hooks->born(store->options.hooks_arg, to, from, 0, 0, 0);
}

bool store_relocation_copy(struct store_relocation *reloc, store_extent *from, store_extent *to,
			   struct btrfs_work *work)
{
	struct btrfs_store *store = reloc->store;

	store_enter(store, work);
	while (reloc->copy_at < reloc->moved->len) {
		struct moved *moved = &g_array_index(reloc->moved, struct moved, reloc->copy_at++);
		const struct extent *extent = extent_of(store, moved->from);

		if (!extent->refs || extent_block(extent) != moved->block)
			continue;
		if (extent_alloc(store, extent->blocks, &moved->to))
			continue; /* no room: it stays where it is */
		copy_record(store, moved->from, moved->to);
		*from = moved->from;
		*to = moved->to;
		return true;
	}
	return false;
}

static void count_copied(struct store_relocation *reloc, block_nr nr)
{
	struct btrfs_store *store = reloc->store;

	if (!g_hash_table_add(reloc->copied, GUINT_TO_POINTER(nr)))
		return;
	store->work->tree_refs += 2;
	if (!block_of(store, nr)->level) {
		store->work->leaves_cowed++;
		return;
	}
	/* The copy is not made: no commit would find it. */
	store->work->nodes_cowed++;
	store->work->blocks_written++;
}

/* replace_file_extents() in one leaf; returns how many items were pointed elsewhere. */
static uint32_t repoint(struct btrfs_store *store, block_nr nr, store_extent from, store_extent to)
{
	struct block *leaf = block_of(store, nr);
	bool full = leaf->flags & BLOCK_FULL_BACKREF;
	uint32_t n = 0;

	for (unsigned int i = 0; i < leaf->n; i++) {
		struct item *item = &leaf->items[i];
		uint32_t root = full ? 0 : leaf->owner;
		uint32_t ino = full ? nr : key_ino(item->key);
		uint32_t offset = full ? 0 : key_offset(item->key) - item->d;

		if (!item_has_extent(item) || item->a != from)
			continue;
		extent_add_ref(store, to, root, ino, offset);
		extent_drop_ref(store, from, root, ino, offset);
		item->a = to;
		store->work->items_changed++;
		n++;
	}
	return n;
}

static void relocate_leaf(struct store_relocation *reloc, block_nr nr)
{
	struct btrfs_store *store = reloc->store;
	struct block *leaf = block_of(store, nr);

	count_copied(reloc, nr);
	if (!(leaf->flags & BLOCK_FULL_BACKREF)) {
		block_mod_ref(store, nr, true, true);
		block_mod_ref(store, nr, false, false);
	}
	leaf->flags |= BLOCK_FULL_BACKREF | BLOCK_RELOC;
	block_dirty(store, leaf);
}

/* btrfs_init_reloc_root(): the root counts as snapshotted when it was last committed. */
static void note_root(struct btrfs_store *store, uint32_t root_id)
{
	struct root *root = root_of(store, root_id);

	if (root && root->node)
		root->last_snapshot = MAX(root->last_snapshot, root->commit_generation);
}

/* The leaves of one root that hold items with this keyed reference. */
static void update_keyed(struct store_relocation *reloc, const struct moved *moved,
			 const struct store_ref *ref)
{
	struct btrfs_store *store = reloc->store;
	struct root *root = root_of(store, ref->root);
	const struct extent *extent = extent_of(store, moved->from);
	int64_t first = ref->offset / (int64_t)BTRFS_SECTOR_BYTES;
	int64_t last = first + (extent->ram_blocks ? extent->ram_blocks : extent->blocks);
	struct path path = {0};

	note_root(store, ref->root);
	ctree_search(store, root, key_make(ref->ino, ITEM_EXTENT, (uint32_t)MAX(first, 0)), &path,
		     0, false);
	for (;; path.slots[0]++) {
		const struct item *item;

		if (path.slots[0] >= block_of(store, path.nodes[0])->n &&
		    !ctree_next_leaf(store, root, &path))
			return;
		item = ctree_item(store, &path);
		if (item->key >= key_make(ref->ino, ITEM_EXTENT, (uint32_t)last))
			return;
		if (item->a != moved->from || !item_has_extent(item) ||
		    key_offset(item->key) - item->d != (uint32_t)first)
			continue;
		if (path.nodes[0] == root->node) {
			count_copied(reloc, root->node);
			root->node = path.nodes[0] = block_cow(store, root, root->node, 0, 0);
		} else {
			for (int i = 1; i < MAX_LEVEL && path.nodes[i]; i++)
				count_copied(reloc, path.nodes[i]);
			relocate_leaf(reloc, path.nodes[0]);
		}
		repoint(store, path.nodes[0], moved->from, moved->to);
	}
}

static void update_refs(struct store_relocation *reloc, const struct moved *moved)
{
	struct btrfs_store *store = reloc->store;
	uint32_t cursor = 0;
	struct store_ref ref;

	while (extent_of(store, moved->from)->refs) {
		uint32_t before = extent_of(store, moved->from)->refs;

		cursor = 0;
		store_extent_ref(store, moved->from, &cursor, &ref);
		if (ref.kind == STORE_REF_SHARED) {
			note_root(store, block_of(store, ref.leaf)->owner);
			relocate_leaf(reloc, ref.leaf);
			repoint(store, ref.leaf, moved->from, moved->to);
		} else {
			update_keyed(reloc, moved, &ref);
		}
		g_assert(extent_of(store, moved->from)->refs < before);
	}
}

bool store_relocation_update(struct store_relocation *reloc, store_extent *from, store_extent *to,
			     struct btrfs_work *work)
{
	struct btrfs_store *store = reloc->store;

	store_enter(store, work);
	if (!reloc->update_at)
		store_commit(store, work);
	while (reloc->update_at < reloc->moved->len) {
		struct moved *moved =
			&g_array_index(reloc->moved, struct moved, reloc->update_at++);

		if (!moved->to)
			continue;
		/* Freed since it was copied, and its record perhaps taken by a new extent elsewhere. */
		if (extent_block(extent_of(store, moved->from)) != moved->block)
			continue;
		update_refs(reloc, moved);
		moved->taken = extent_of(store, moved->to)->refs;
		*from = moved->from;
		*to = moved->to;
		return true;
	}
	return false;
}

void store_relocation_group_end(struct store_relocation *reloc, struct btrfs_work *work)
{
	struct btrfs_store *store = reloc->store;

	store_enter(store, work);
	for (unsigned int i = 0; i < reloc->moved->len; i++) {
		const struct moved *moved = &g_array_index(reloc->moved, struct moved, i);

		if (moved->to && !moved->taken)
			extent_abandon(store, moved->to);
	}
	store_commit(store, work);
}

void store_relocation_abort(struct store_relocation *reloc, struct btrfs_work *work)
{
	struct btrfs_store *store = reloc->store;
	const struct btrfs_store_hooks *hooks = store->options.hooks;

	group_of(reloc)->readonly = false;
	/* What was told as moved is where it was. */
	for (unsigned int i = 0; hooks && hooks->born && i < reloc->moved->len; i++) {
		const struct moved *moved = &g_array_index(reloc->moved, struct moved, i);

		if (moved->to && extent_block(extent_of(store, moved->from)) == moved->block)
			hooks->born(store->options.hooks_arg, moved->from, moved->to, 0, 0, 0);
	}
	store_relocation_group_end(reloc, work);
}

void store_balance(struct btrfs_store *store, struct btrfs_work *work)
{
	struct store_relocation *reloc = store_relocation_begin(store);
	store_extent from, to;

	while (store_relocation_group(reloc, work)) {
		while (store_relocation_copy(reloc, &from, &to, work))
			;
		while (store_relocation_update(reloc, &from, &to, work))
			;
		store_relocation_group_end(reloc, work);
	}
	store_relocation_end(reloc);
}
