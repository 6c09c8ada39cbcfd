/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Items of an inode removed from its end. 6.12: fs/btrfs/inode-item.c. */
#include "models/btrfs/ctree.h"

/* State of one btrfs_truncate_inode_items(). */
struct truncation {
	struct root *root;
	uint32_t ino;
	uint64_t size;
	bool all;
	struct path path;
	int del_slot, del_n;
	bool dropped; /* the last item gave up a reference */
};

static void truncate_delete(struct btrfs_store *store, struct truncation *t)
{
	if (t->del_n)
		ctree_delete(store, t->root, &t->path, t->del_slot, t->del_n);
	t->del_n = 0;
}

static uint64_t item_end_bytes(const struct item *item)
{
	uint64_t start = (uint64_t)key_offset(item->key) << SECTOR_SHIFT;

	return start + (item_file_type(item) == STORE_INLINE
				? item->a
				: (uint64_t)item_blocks(item) << SECTOR_SHIFT);
}

static void truncate_shorten(struct btrfs_store *store, struct truncation *t, struct item *item)
{
	uint32_t start = key_offset(item->key);

	if (item_file_type(item) == STORE_INLINE) {
		item->a = (uint32_t)t->size;
		ctree_resize(store, &t->path, BTRFS_INLINE_HEAD_BYTES + (uint32_t)t->size);
	} else {
		item_set_blocks(item, blocks_up(t->size) - start);
		store->work->items_changed++;
	}
}

/* One item, from behind. True to go on to the one before it. */
static bool truncate_item(struct btrfs_store *store, struct truncation *t)
{
	struct item *item = ctree_item(store, &t->path);
	bool extent = key_type(item->key) == ITEM_EXTENT;

	if (key_ino(item->key) != t->ino || (!t->all && !extent))
		return false;
	if (!t->all && item_end_bytes(item) <= t->size)
		return false;
	if (extent && (uint64_t)key_offset(item->key) << SECTOR_SHIFT < t->size) {
		truncate_shorten(store, t, item);
		return false;
	}
	if (!t->del_n)
		t->del_slot = t->path.slots[0];
	t->del_n++;
	t->del_slot = t->path.slots[0];
	t->dropped = item_has_extent(item);
	if (t->dropped)
		extent_drop_ref(store, item->a, t->root->id, t->ino, item_ref_offset(item));
	return key_type(item->key) != ITEM_INODE;
}

/*
 * btrfs_check_space_for_delayed_refs(): with more delayed references than the global reserve of a
 * small filesystem covers (512 KiB each with a free space tree), items are no longer deleted by the
 * leaf but one by one, with a search before each.
 */
#define REFS_RESERVED 8

static bool short_of_reserve(const struct btrfs_store *store, const struct truncation *t)
{
	return t->dropped && store->refs_since_commit > REFS_RESERVED;
}

/* btrfs_truncate_inode_items() */
void items_truncate(struct btrfs_store *store, struct root *root, uint32_t ino, uint64_t size,
		    bool all)
{
	struct truncation t = {.root = root, .ino = ino, .size = size, .all = all};
	ctree_key last = key_make(ino, ITEM_TYPE_MAX, UINT32_MAX);
	bool more;

	if (!all)
		items_contexts_remove(store, root, ino, blocks_up(size), UINT32_MAX);
	for (;;) {
		if (ctree_search(store, root, last, &t.path, -1, true)) {
			if (!t.path.slots[0])
				break;
			t.path.slots[0]--;
		}
		more = truncate_item(store, &t);
		while (more && t.path.slots[0] > 0 && !short_of_reserve(store, &t)) {
			t.path.slots[0]--;
			more = truncate_item(store, &t);
		}
		truncate_delete(store, &t);
		if (!more)
			break;
	}
}
