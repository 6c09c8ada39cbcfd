/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading the structure: file extent walks, and the counts of trees. */
#include "models/btrfs/ctree.h"

#include <errno.h>
#include <string.h>

static void walk_save(struct store_walk *walk, const struct path *path)
{
	for (int i = 0; i < MAX_LEVEL; i++) {
		walk->block[i] = path->nodes[i];
		walk->slot[i] = (uint16_t)path->slots[i];
	}
}

void store_walk_begin(struct store_walk *walk, struct btrfs_store *store,
		      const struct store_inode *inode, uint64_t offset, struct btrfs_work *work)
{
	struct path path = {0};
	struct item item;

	store_enter(store, work);
	*walk = (struct store_walk){.store = store, .root = inode->root, .ino = inode->ino};
	walk->offset = items_find(store, inode, (uint32_t)(offset >> SECTOR_SHIFT), &path, &item);
	walk_save(walk, &path);
}

/* What the context item at the same offset says, whichever extent it was written for. */
static struct store_context read_context(struct store_walk *walk, const struct item *item)
{
	struct btrfs_store *store = walk->store;
	struct btrfs_work spare = {0}, *work = store->work;
	const struct extent *extent = extent_of(store, item->a);
	struct store_context own = {.present = true, .nonce = extent->nonce, .key = extent->key};
	const struct item *found;

	if (!contexts_faulty(store))
		return own;
	store->work = &spare; /* find_context() has counted the way */
	found = items_context_at(store, walk->root, walk->ino, key_offset(item->key));
	store->work = work;
	if (!found)
		return (struct store_context){.present = false};
	if (!found->b && !found->c) /* of an image: sealed behind the store's back */
		return own;
	return (struct store_context){
		.present = true, .nonce = (uint64_t)found->c << 32 | found->b, .key = found->d};
}

/* Looks up the separate context of an item: free while it lies in the leaf of the last one. */
static bool find_context(struct store_walk *walk, const struct item *item, block_nr leaf)
{
	struct btrfs_store *store = walk->store;
	struct path path = {0};

	store->work->contexts_read++;
	if (walk->context_leaf) {
		const struct block *last = block_of(store, walk->context_leaf);
		ctree_key key = key_make(walk->ino, ITEM_CONTEXT, key_offset(item->key));

		if (last->n && last->items[0].key <= key && last->items[last->n - 1].key >= key)
			return walk->context_leaf != leaf;
	}
	ctree_search(store, root_of(store, walk->root),
		     key_make(walk->ino, ITEM_CONTEXT, key_offset(item->key)), &path, 0, false);
	walk->context_leaf = path.nodes[0];
	if (path.nodes[0] == leaf)
		return false;
	store->work->context_leaves++;
	return true;
}

static void fill_out(struct store_walk *walk, const struct item *item, block_nr leaf,
		     struct store_file_extent *out)
{
	struct btrfs_store *store = walk->store;
	const struct extent *extent;

	*out = (struct store_file_extent){
		.file_offset = (uint64_t)key_offset(item->key) << SECTOR_SHIFT,
		.bytes = (uint64_t)item_blocks(item) << SECTOR_SHIFT,
		.type = (enum store_file_extent_type)item_file_type(item),
		.compression = (uint8_t)item_compression(item),
		.encrypted = item_encrypted(item),
	};
	if (out->type == STORE_INLINE) {
		out->bytes = out->ram_bytes = item->a;
		out->disk_bytes = item->bytes - BTRFS_INLINE_HEAD_BYTES;
		return;
	}
	extent = extent_of(store, item->a);
	out->extent = item->a;
	out->extent_offset = (uint64_t)item->d << SECTOR_SHIFT;
	out->disk_bytes = (uint64_t)extent->blocks << SECTOR_SHIFT;
	out->ram_bytes = store_extent_ram_bytes(store, item->a);
	out->physical = extent_block(extent) << SECTOR_SHIFT;
	if (out->encrypted)
		out->context = read_context(walk, item);
	if (out->encrypted && store->options.context_layout == STORE_CONTEXT_SEPARATE)
		out->context_elsewhere = find_context(walk, item, leaf);
}

bool store_walk_next(struct store_walk *walk, struct store_file_extent *out,
		     struct btrfs_work *work)
{
	struct store_inode inode = {.root = walk->root, .ino = walk->ino};
	struct path path = {0};
	struct item item;

	store_enter(walk->store, work);
	if (!walk->offset)
		return false;
	for (int i = 0; i < MAX_LEVEL; i++) {
		path.nodes[i] = walk->block[i];
		path.slots[i] = walk->slot[i];
	}
	item = *ctree_item(walk->store, &path);
	fill_out(walk, &item, path.nodes[0], out);
	walk->offset = items_next(walk->store, &inode, &path, &item);
	walk_save(walk, &path);
	return true;
}

static void count_tree(struct btrfs_store *store, block_nr nr, bool shared,
		       struct store_tree_stats *out)
{
	const struct block *block = block_of(store, nr);

	shared |= block->refs > 1;
	if (block->level) {
		out->nodes++;
		for (unsigned int i = 0; i < block->n; i++)
			count_tree(store, block->children[i].block, shared, out);
		return;
	}
	out->leaves++;
	out->leaves_shared += shared;
	out->items += block->n;
	out->leaf_bytes_used += leaf_used(block);
	for (unsigned int i = 0; i < block->n; i++) {
		enum item_type type = key_type(block->items[i].key);

		out->file_extent_items += type == ITEM_EXTENT;
		out->context_items += type == ITEM_CONTEXT;
	}
}

int store_tree_stats(struct btrfs_store *store, uint32_t root_id, struct store_tree_stats *out)
{
	const struct root *root = root_of(store, root_id);

	memset(out, 0, sizeof(*out));
	if (!root || !root->node)
		return -ENOENT;
	out->levels = block_of(store, root->node)->level + 1u;
	count_tree(store, root->node, false, out);
	return 0;
}

static uint64_t memory_bytes(const struct btrfs_store *store)
{
	uint64_t sum = sizeof(*store);
	uint32_t chunks = (store->n_blocks + BLOCK_CHUNK - 1) >> BLOCK_CHUNK_BITS;

	sum += (uint64_t)chunks * (BLOCK_CHUNK * sizeof(struct block) + sizeof(void *));
	for (uint32_t nr = 1; nr < store->n_blocks; nr++) {
		const struct block *block = block_of(store, nr);

		if (block->refs)
			sum += (uint64_t)block->capacity *
			       (block->level ? sizeof(struct child) : sizeof(struct item));
	}
	chunks = (store->n_extents + EXTENT_CHUNK - 1) >> EXTENT_CHUNK_BITS;
	sum += (uint64_t)chunks * (EXTENT_CHUNK * sizeof(struct extent) + sizeof(void *));
	sum += (uint64_t)store->refs_capacity * sizeof(struct extent_ref);
	sum += (uint64_t)(store->dying->len + store->changed->len) * sizeof(store_extent);
	return sum;
}

void store_stats(struct btrfs_store *store, struct store_stats *out)
{
	*out = (struct store_stats){
		.leaves = store->n_leaves,
		.nodes = store->n_nodes,
		.file_extent_items = store->file_extent_items,
		.context_bytes = store->context_item_bytes,
		.extents = store->live_extents,
		.extent_bytes = store->data_blocks << SECTOR_SHIFT,
		.memory_bytes = memory_bytes(store),
	};
	for (unsigned int i = 0; i < store->roots->len; i++)
		if (root_of(store, i) && root_of(store, i)->node)
			out->subvolumes++;
}
