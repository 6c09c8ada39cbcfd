/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The store checked against itself: keys, sizes, and every reference counted anew. */
#include "models/btrfs/ctree.h"

struct check {
	struct btrfs_store *store;
	uint32_t *block_refs; /* by block: references seen */
	uint32_t *extent_refs; /* by extent */
	uint64_t *extent_sums; /* by extent: over hashes of the references seen */
	uint64_t leaves, nodes, file_extent_items, dirty;
};

static uint64_t ref_hash(uint32_t root, uint32_t ino, uint32_t offset)
{
	uint64_t hash = (uint64_t)root * 0x9E3779B97F4A7C15ull;

	hash = (hash ^ ino) * 0xBF58476D1CE4E5B9ull;
	hash = (hash ^ hash >> 29 ^ offset) * 0x94D049BB133111EBull;
	return hash ^ hash >> 32;
}

static void check_leaf(struct check *check, block_nr nr)
{
	const struct block *leaf = block_of(check->store, nr);
	bool full = leaf->flags & BLOCK_FULL_BACKREF;
	unsigned int bytes = 0;

	for (unsigned int i = 0; i < leaf->n; i++) {
		const struct item *item = &leaf->items[i];

		bytes += item->bytes;
		g_assert(i == 0 || leaf->items[i - 1].key < item->key);
		if (key_type(item->key) != ITEM_EXTENT)
			continue;
		check->file_extent_items++;
		if (i && key_type(item[-1].key) == ITEM_EXTENT &&
		    key_ino(item[-1].key) == key_ino(item->key))
			g_assert(item_end(item - 1) <= key_offset(item->key));
		if (!item_has_extent(item))
			continue;
		g_assert(extent_of(check->store, item->a)->refs);
		g_assert(extent_of(check->store, item->a)->flags & EXTENT_LIVE);
		check->extent_refs[item->a]++;
		check->extent_sums[item->a] += full ? ref_hash(0, nr, 0)
						    : ref_hash(leaf->owner, key_ino(item->key),
							       key_offset(item->key) - item->d);
	}
	g_assert(bytes == leaf->data_bytes);
	g_assert(leaf_used(leaf) <= check->store->leaf_bytes);
}

static void check_block(struct check *check, block_nr nr, int level, ctree_key low, ctree_key high)
{
	const struct block *block = block_of(check->store, nr);

	g_assert(block->refs && block->level == level);
	g_assert(block->n <= block->capacity);
	if (block->n) {
		ctree_key first = level ? block->children[0].key : block->items[0].key;
		ctree_key last =
			level ? block->children[block->n - 1].key : block->items[block->n - 1].key;

		g_assert(first >= low && last <= high);
	}
	if (check->block_refs[nr]++)
		return; /* its entries hold their references once */
	check->dirty += block->generation == check->store->generation;
	if (!level) {
		check->leaves++;
		check_leaf(check, nr);
		return;
	}
	check->nodes++;
	g_assert(block->n && block->n <= check->store->node_children);
	for (unsigned int i = 0; i < block->n; i++) {
		ctree_key next = i + 1u < block->n ? block->children[i + 1].key - 1 : high;
		const struct block *child = block_of(check->store, block->children[i].block);

		g_assert(child->n && block->children[i].key == (level > 1 ? child->children[0].key
									  : child->items[0].key));
		check_block(check, block->children[i].block, level - 1, block->children[i].key,
			    next);
	}
}

static void check_extents(struct check *check)
{
	const struct btrfs_store *store = check->store;
	uint64_t blocks = 0;

	for (store_extent nr = 1; nr < store->n_extents; nr++) {
		const struct extent *extent = extent_of(store, nr);
		uint32_t cursor = 0, refs = 0;
		struct store_ref ref;
		uint64_t sum = 0;

		g_assert(extent->refs == check->extent_refs[nr]);
		if (extent->flags & EXTENT_LIVE)
			blocks += extent->blocks;
		while (store_extent_ref(store, nr, &cursor, &ref)) {
			refs += ref.count;
			sum += ref.count *
			       (ref.kind == STORE_REF_SHARED
					? ref_hash(0, ref.leaf, 0)
					: ref_hash(ref.root, ref.ino,
						   (uint32_t)(ref.offset /
							      (int64_t)BTRFS_SECTOR_BYTES)));
		}
		g_assert(refs == extent->refs && sum == check->extent_sums[nr]);
	}
	g_assert(blocks == store->data_blocks);
}

void store_check(struct btrfs_store *store)
{
	struct check check = {.store = store};
	bool dropping = false;

	check.block_refs = g_new0(uint32_t, store->n_blocks + 1);
	check.extent_refs = g_new0(uint32_t, store->n_extents + 1);
	check.extent_sums = g_new0(uint64_t, store->n_extents + 1);
	for (unsigned int i = 0; i < store->roots->len; i++) {
		const struct root *root = root_of(store, i);

		if (!root || !root->node)
			continue;
		dropping |= root->drop_stack != NULL;
		if (!root->drop_stack)
			check_block(&check, root->node, block_of(store, root->node)->level, 0,
				    UINT64_MAX);
	}
	/* A tree that is being dropped has given up some of its references already. */
	if (!dropping) {
		for (block_nr nr = 1; nr < store->n_blocks; nr++)
			g_assert(block_of(store, nr)->refs == check.block_refs[nr]);
		g_assert(check.leaves == store->n_leaves && check.nodes == store->n_nodes);
		g_assert(check.file_extent_items == store->file_extent_items);
		g_assert(check.dirty == store->n_dirty);
		check_extents(&check);
	}
	g_free(check.block_refs);
	g_free(check.extent_refs);
	g_free(check.extent_sums);
}
