/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the context item of an inode (type 41) says beside its first policy, and what the inode's extents
 * need when that is replaced. */
#include "models/btrfs/ctree.h"

/* Births of contexts that were replaced are numbered as inodes of a subvolume that never is: subvolumes
 * begin at 256. */
enum { REPLACED_ROOT = 15 };

/* The context item, or NULL; one that was changed in this transaction may be changed further. */
static struct item *context_item(struct btrfs_store *store, const struct store_inode *inode,
				 bool cow)
{
	ctree_key key = key_make(inode->ino, ITEM_INODE_CONTEXT, 0);
	struct path path = {0};

	if (!inode->policy_key ||
	    ctree_search(store, root_of(store, inode->root), key, &path, 0, cow))
		return NULL;
	return ctree_item(store, &path);
}

uint64_t store_new_birth(struct btrfs_store *store)
{
	return (uint64_t)REPLACED_ROOT << INO_BITS | ++store->births;
}

uint64_t store_replaced_birth(struct btrfs_store *store, const struct store_inode *inode)
{
	const struct item *item;

	if (!store->births) /* none was ever replaced */
		return 0;
	store_enter(store, NULL);
	item = context_item(store, inode, false);
	return item && item->b ? (uint64_t)REPLACED_ROOT << INO_BITS | item->b : 0;
}

void store_set_birth(struct btrfs_store *store, const struct store_inode *inode, uint64_t birth)
{
	struct item *item;

	store_enter(store, NULL);
	item = context_item(store, inode, true);
	if (item)
		item->b = (uint32_t)(birth & ((1u << INO_BITS) - 1));
}

void store_replace_policy(struct btrfs_store *store, struct store_inode *inode, uint32_t key,
			  uint64_t birth, struct btrfs_work *work)
{
	store_set_policy(store, inode, key, work);
	store_set_birth(store, inode, birth); /* the same item */
}

void store_set_policy_for_new(struct btrfs_store *store, struct store_inode *dir, uint32_t key,
			      struct btrfs_work *work)
{
	struct item *item;

	store_enter(store, work);
	item = context_item(store, dir, true);
	if (!item)
		return;
	item->c = key;
	store->work->items_changed++;
	store_queue_update(store, dir);
}

uint32_t store_policy_for_new(struct btrfs_store *store, const struct store_inode *dir)
{
	const struct item *item;

	store_enter(store, NULL);
	item = context_item(store, dir, false);
	return item ? item->c : 0;
}

void store_dirty_anew(struct btrfs_store *store, struct store_inode *inode, uint64_t start,
		      uint64_t end)
{
	store_enter(store, NULL);
	while (start < end) {
		struct path path = {0};
		struct item item;
		uint64_t stop;

		if (!items_find(store, inode, (uint32_t)(start >> SECTOR_SHIFT), &path, &item))
			return;
		stop = MIN((uint64_t)item_end(&item) << SECTOR_SHIFT, end);
		start = MAX(start, (uint64_t)key_offset(item.key) << SECTOR_SHIFT);
		if (start < stop && item_encrypted(&item) && item_file_type(&item) == STORE_REGULAR)
			delalloc_set(store, inode, start, stop, extent_of(store, item.a)->content,
				     true);
		start = stop;
	}
}
