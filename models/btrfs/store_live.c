/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which blocks of disk extents can still be reached: for those who must know the truth. */
#include "models/btrfs/ctree.h"

struct reach {
	struct btrfs_store *store;
	store_extent extent;
	uint32_t block; /* of the extent */
	const struct store_inode *except;
	uint32_t except_block;
};

/* A reference names inode and offset in one tree; any other may share the leaf it stands in. */
static bool reached_from(const struct reach *reach, struct root *root, uint32_t ino, uint32_t at)
{
	struct store_inode inode = {.root = root->id, .ino = ino};
	struct path path = {0};
	struct item item;

	if (root->id == reach->except->root && ino == reach->except->ino &&
	    at == reach->except_block)
		return false;
	return items_find(reach->store, &inode, at, &path, &item) && key_offset(item.key) <= at &&
	       item_file_type(&item) != STORE_INLINE && item.a == reach->extent &&
	       item.d + (at - key_offset(item.key)) == reach->block;
}

static bool reached_anywhere(const struct reach *reach, uint32_t ino, uint32_t at)
{
	for (uint32_t id = BTRFS_FS_TREE_ROOT; id < reach->store->roots->len; id++) {
		struct root *root = root_of(reach->store, id);

		if (root && root->node && reached_from(reach, root, ino, at))
			return true;
	}
	return false;
}

/* A reference by leaf stands for every item there that points into the extent. */
static bool reached_by_leaf(const struct reach *reach, block_nr nr)
{
	const struct block *leaf = block_of(reach->store, nr);

	for (unsigned int i = 0; i < leaf->n; i++) {
		const struct item *item = &leaf->items[i];

		if (key_type(item->key) != ITEM_EXTENT || item_file_type(item) == STORE_INLINE ||
		    item->a != reach->extent || reach->block < item->d ||
		    reach->block >= item->d + item_blocks(item))
			continue;
		if (reached_anywhere(reach, key_ino(item->key),
				     key_offset(item->key) + reach->block - item->d))
			return true;
	}
	return false;
}

bool store_block_shared(struct btrfs_store *store, store_extent extent, uint32_t block,
			const struct store_inode *inode, uint32_t file_block)
{
	struct reach reach = {store, extent, block, inode, file_block};
	struct btrfs_work *work = store->work;
	struct store_ref ref;
	uint32_t cursor = 0;
	bool shared = false;

	store->work = &store->spare_work; /* nobody pays for the truth */
	while (!shared && store_extent_ref(store, extent, &cursor, &ref)) {
		if (ref.kind == STORE_REF_SHARED)
			shared = reached_by_leaf(&reach, ref.leaf);
		else
			shared = reached_anywhere(&reach, ref.ino,
						  (uint32_t)(ref.offset / BTRFS_SECTOR_BYTES) +
							  block);
	}
	store->work = work;
	return shared;
}
