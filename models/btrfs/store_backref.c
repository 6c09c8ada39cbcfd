/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a disk extent back to what points to it, for those who have no inode in hand: scrub and
 * relocation of data that a key must verify (6.12: fs/btrfs/backref.c). The extent tree is not
 * built; its depth is that of a tree of full leaves over the extents there are.
 */
#include "models/btrfs/ctree.h"

/* A data extent's item with one inline reference: struct btrfs_extent_item, the reference's type, and
 * struct btrfs_extent_data_ref (6.12: include/uapi/linux/btrfs_tree.h). */
enum { EXTENT_ITEM_BYTES = 24, INLINE_TYPE_BYTES = 1, DATA_REF_BYTES = 28 };

struct place {
	uint64_t block;
	store_extent extent;
};

static gint by_address(gconstpointer a, gconstpointer b)
{
	const struct place *x = a, *y = b;

	return x->block < y->block ? -1 : x->block > y->block;
}

GArray *store_extents_by_address(const struct btrfs_store *store)
{
	GArray *places = g_array_new(FALSE, FALSE, sizeof(struct place));
	GArray *extents = g_array_new(FALSE, FALSE, sizeof(store_extent));

	for (store_extent nr = 1; nr < store->n_extents; nr++) {
		struct place place = {extent_block(extent_of(store, nr)), nr};

		if (extent_of(store, nr)->refs)
			g_array_append_val(places, place);
	}
	g_array_sort(places, by_address);
	for (guint i = 0; i < places->len; i++)
		g_array_append_val(extents, g_array_index(places, struct place, i).extent);
	g_array_free(places, TRUE);
	return extents;
}

uint32_t store_extent_tree_levels(const struct btrfs_store *store)
{
	uint64_t item =
		BTRFS_ITEM_HEADER_BYTES + EXTENT_ITEM_BYTES + INLINE_TYPE_BYTES + DATA_REF_BYTES;
	uint64_t per_leaf = store->leaf_bytes / item;
	uint64_t blocks = (store->live_extents + per_leaf - 1) / per_leaf;
	uint32_t levels = 1;

	for (; blocks > 1; levels++)
		blocks = (blocks + store->node_children - 1) / store->node_children;
	return levels;
}

static void fill_out(const struct btrfs_store *store, const struct item *item, uint32_t root,
		     block_nr leaf, struct store_backref *out)
{
	*out = (struct store_backref){
		.extent = item->a,
		.root = root,
		.ino = key_ino(item->key),
		.leaf = leaf,
		.file_block = key_offset(item->key) - item->d,
		.item_block = key_offset(item->key),
		.encrypted = item_encrypted(item),
	};
	if (out->encrypted && store->options.context_layout == STORE_CONTEXT_APPENDED)
		out->context_of = item->a;
}

/* resolve_indirect_ref(): a search of the subvolume's tree for the item that the reference names. */
static bool find_keyed(struct btrfs_store *store, store_extent extent, const struct store_ref *ref,
		       struct store_backref *out)
{
	struct root *root = root_of(store, ref->root);
	int64_t first = ref->offset / (int64_t)BTRFS_SECTOR_BYTES;
	struct path path = {0};

	if (!root || !root->node)
		return false;
	ctree_search(store, root, key_make(ref->ino, ITEM_EXTENT, (uint32_t)MAX(first, 0)), &path,
		     0, false);
	for (;; path.slots[0]++) {
		const struct item *item;

		if (path.slots[0] >= block_of(store, path.nodes[0])->n &&
		    !ctree_next_leaf(store, root, &path))
			return false;
		item = ctree_item(store, &path);
		if (key_ino(item->key) != ref->ino || key_type(item->key) != ITEM_EXTENT)
			return false;
		if (item_has_extent(item) && item->a == extent &&
		    key_offset(item->key) - item->d == (uint32_t)first) {
			fill_out(store, item, ref->root, path.nodes[0], out);
			return true;
		}
	}
}

static bool find_in_leaf(struct btrfs_store *store, store_extent extent, block_nr nr,
			 struct store_backref *out)
{
	const struct block *leaf = block_of(store, nr);

	store->work->levels++; /* the leaf is read by its address */
	for (unsigned int i = 0; i < leaf->n; i++)
		if (item_has_extent(&leaf->items[i]) && leaf->items[i].a == extent) {
			fill_out(store, &leaf->items[i], 0, nr, out);
			return true;
		}
	return false;
}

bool store_find_backref(struct btrfs_store *store, store_extent extent, uint32_t skip,
			struct store_backref *out, struct btrfs_work *work)
{
	struct store_ref ref;
	uint32_t cursor = 0;

	store_enter(store, work);
	while (store_extent_ref(store, extent, &cursor, &ref))
		if (skip)
			skip--;
		else if (ref.kind == STORE_REF_SHARED ? find_in_leaf(store, extent, ref.leaf, out)
						      : find_keyed(store, extent, &ref, out))
			return true;
	return false;
}

/* Does this tree hold the item in that very leaf? */
static bool reaches(struct btrfs_store *store, struct root *root, const struct store_backref *ref,
		    uint32_t *levels)
{
	struct path path = {0};

	if (!root || !root->node ||
	    ctree_search(store, root, key_make(ref->ino, ITEM_EXTENT, ref->item_block), &path, 0,
			 false))
		return false;
	*levels = block_of(store, root->node)->level + 1u;
	return path.nodes[0] == ref->leaf;
}

uint32_t store_backref_root(struct btrfs_store *store, struct store_backref *ref)
{
	uint32_t levels = 0;

	if (ref->root)
		return 0;
	store_enter(store, NULL); /* the way goes up the tree: it is charged by the levels met */
	for (uint32_t id = BTRFS_FS_TREE_ROOT; id < store->roots->len && !ref->root; id++)
		if (reaches(store, root_of(store, id), ref, &levels))
			ref->root = id;
	return ref->root ? levels : 0;
}

void store_backref_context(struct btrfs_store *store, struct store_backref *ref,
			   struct btrfs_work *work)
{
	struct path path = {0};

	store_enter(store, work);
	if (!ref->root)
		return;
	store->work->contexts_read++;
	if (!ctree_search(store, root_of(store, ref->root),
			  key_make(ref->ino, ITEM_CONTEXT, ref->item_block), &path, 0, false))
		ref->context_of = store->options.fault_context_not_copied
					  ? ctree_item(store, &path)->a
					  : ref->extent;
}

bool store_backref_policy(struct btrfs_store *store, const struct store_backref *ref, uint32_t *key,
			  uint64_t *birth, struct btrfs_work *work)
{
	const struct store_inode inode = {.root = ref->root, .ino = ref->ino};
	const struct root *root = root_of(store, ref->root);
	struct path path = {0};

	store_enter(store, work);
	if (!root || !root->node)
		return false;
	if (ctree_search(store, root_of(store, ref->root),
			 key_make(ref->ino, ITEM_INODE_CONTEXT, 0), &path, 0, false))
		return false;
	*key = ctree_item(store, &path)->a;
	*birth = store_inode_birth(store, &inode);
	return true;
}
