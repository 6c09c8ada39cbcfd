/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The store as a whole: made, committed, freed. */
#include "models/btrfs/ctree.h"

#include <string.h>

/* Defaults of mkfs and mount: 6.12: fs/btrfs/fs.h (BTRFS_MAX_EXTENT_SIZE), super.c
 * (BTRFS_DEFAULT_MAX_INLINE), inode.c (__btrfs_prealloc_file_range asks for 256 MiB at most). */
#define DEFAULT_NODE_BYTES 16384u
#define DEFAULT_MAX_EXTENT_BYTES (128ull << 20)
#define DEFAULT_MAX_PREALLOC_BYTES (256ull << 20)
#define DEFAULT_MAX_INLINE_BYTES 2048u
#define FSCRYPT_CONTEXT_V2_BYTES 40u
/* mkfs writes the top-level tree in an early transaction. */
#define FIRST_GENERATION 8u

static void set_defaults(struct btrfs_store_options *o)
{
	if (!o->node_bytes)
		o->node_bytes = DEFAULT_NODE_BYTES;
	if (!o->max_extent_bytes)
		o->max_extent_bytes = DEFAULT_MAX_EXTENT_BYTES;
	if (!o->max_prealloc_bytes)
		o->max_prealloc_bytes = DEFAULT_MAX_PREALLOC_BYTES;
	if (!o->max_inline_bytes)
		o->max_inline_bytes = DEFAULT_MAX_INLINE_BYTES;
	if (!o->inode_context_bytes)
		o->inode_context_bytes = FSCRYPT_CONTEXT_V2_BYTES;
	g_assert(o->max_extent_bytes >> SECTOR_SHIFT <= MAX_EXTENT_BLOCKS);
	g_assert(o->max_prealloc_bytes >> SECTOR_SHIFT <= MAX_EXTENT_BLOCKS);
}

static void set_sizes(struct btrfs_store *store)
{
	const struct btrfs_store_options *o = &store->options;

	store->leaf_bytes = o->node_bytes - BTRFS_HEADER_BYTES;
	store->node_children = store->leaf_bytes / BTRFS_KEY_PTR_BYTES;
	store->extent_item_bytes[0] = store->extent_item_bytes[1] = BTRFS_FILE_EXTENT_BYTES;
	if (o->context_layout == STORE_CONTEXT_APPENDED)
		store->extent_item_bytes[1] +=
			o->context_bytes +
			(o->context_length_prefix ? BTRFS_CONTEXT_PREFIX_BYTES : 0);
}

/* Subvolume ids are handed out like inode numbers of the root tree. */
uint32_t store_next_root_id(const struct btrfs_store *store)
{
	return store->roots->len ? MAX(store->roots->len, BTRFS_FIRST_FREE_OBJECTID)
				 : BTRFS_FS_TREE_ROOT;
}

struct root *store_add_root(struct btrfs_store *store, block_nr node)
{
	struct root *root = g_new0(struct root, 1);
	struct root *none = NULL;

	root->id = store_next_root_id(store);
	while (store->roots->len < root->id)
		g_array_append_val(store->roots, none);
	root->node = node ? node : block_alloc(store, 0, root->id);
	root->next_ino = BTRFS_FIRST_FREE_OBJECTID + 1;
	g_array_append_val(store->roots, root);
	return root;
}

static guint id_hash(gconstpointer key)
{
	uint64_t id = *(const uint64_t *)key * 0x9E3779B97F4A7C15ull;

	return (guint)(id >> 32);
}

static gboolean id_equal(gconstpointer a, gconstpointer b)
{
	return *(const uint64_t *)a == *(const uint64_t *)b;
}

struct btrfs_store *store_new(const struct btrfs_store_options *options)
{
	struct btrfs_store *store = g_new0(struct btrfs_store, 1);
	struct path path = {0};
	struct root *root;
	struct item items[2];

	if (options)
		store->options = *options;
	set_defaults(&store->options);
	set_sizes(store);
	store_enter(store, NULL);
	store->generation = FIRST_GENERATION;
	store->sums = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_array_unref);
	store->dying = g_array_new(FALSE, FALSE, sizeof(store_extent));
	store->changed = g_array_new(FALSE, FALSE, sizeof(store_extent));
	store->groups = g_array_new(FALSE, FALSE, sizeof(struct block_group));
	store->roots = g_array_new(FALSE, TRUE, sizeof(struct root *));
	store->inodes = g_hash_table_new_full(id_hash, id_equal, g_free, NULL);
	contents_init(store);
	store->dirty_inodes = g_ptr_array_new();
	store->delayed_inodes = g_ptr_array_new();
	store->names = g_string_chunk_new(4096);
	store->name_ids = g_hash_table_new(g_str_hash, g_str_equal);
	store->name_of = g_ptr_array_new();
	store->dirents = g_array_new(FALSE, FALSE, sizeof(struct dir_more));
	g_array_set_size(store->dirents, 1);
	root = store_add_root(store, 0);
	root->parent_root = BTRFS_FS_TREE_ROOT;
	store_root_items(store, items);
	ctree_insert(store, root, &path, items, 2);
	store_commit(store, NULL);
	return store;
}

void store_root_items(struct btrfs_store *store, struct item items[2])
{
	const uint32_t top = BTRFS_FIRST_FREE_OBJECTID;

	/* A subvolume's top directory names itself "..". */
	items[0] = (struct item){.key = key_make(top, ITEM_INODE, 0),
				 .c = STORE_DIRECTORY,
				 .d = 1,
				 .bytes = BTRFS_INODE_ITEM_BYTES};
	items[1] = (struct item){.key = key_make(top, ITEM_INODE_REF, top),
				 .a = store_name(store, ".."),
				 .bytes = BTRFS_INODE_REF_HEAD_BYTES + 2};
}

static void free_blocks(struct btrfs_store *store)
{
	uint32_t chunks = (store->n_blocks + BLOCK_CHUNK - 1) >> BLOCK_CHUNK_BITS;

	for (uint32_t nr = 1; nr < store->n_blocks; nr++)
		if (block_of(store, nr)->refs)
			g_free(block_of(store, nr)->items);
	for (uint32_t i = 0; i < chunks; i++)
		g_free(store->blocks[i]);
	g_free(store->blocks);
}

void store_free(struct btrfs_store *store)
{
	GHashTableIter iter;
	gpointer inode;

	if (!store)
		return;
	if (store->relocation) /* a run that was broken off */
		store_relocation_end(store->relocation);
	g_hash_table_iter_init(&iter, store->inodes);
	while (g_hash_table_iter_next(&iter, NULL, &inode))
		store_inode_free(inode);
	g_hash_table_destroy(store->inodes);
	contents_free(store);
	for (unsigned int i = 0; i < store->roots->len; i++) {
		struct root *root = root_of(store, i);

		if (root && root->drop_stack)
			g_array_free(root->drop_stack, TRUE);
		g_free(root);
	}
	g_array_free(store->roots, TRUE);
	free_blocks(store);
	for (uint32_t i = 0; i < (store->n_extents + EXTENT_CHUNK - 1) >> EXTENT_CHUNK_BITS; i++)
		g_free(store->extents[i]);
	g_free(store->extents);
	g_free(store->refs);
	g_hash_table_destroy(store->sums);
	g_array_free(store->dying, TRUE);
	g_array_free(store->changed, TRUE);
	g_array_free(store->groups, TRUE);
	g_array_free(store->dirents, TRUE);
	g_ptr_array_free(store->dirty_inodes, TRUE);
	g_ptr_array_free(store->delayed_inodes, TRUE);
	g_ptr_array_free(store->name_of, TRUE);
	g_hash_table_destroy(store->name_ids);
	g_string_chunk_free(store->names);
	g_free(store->dump_ids);
	g_free(store);
}

const struct btrfs_store_options *store_options(const struct btrfs_store *store)
{
	return &store->options;
}

void store_commit(struct btrfs_store *store, struct btrfs_work *work)
{
	store_enter(store, work);
	store_run_delayed(store);
	extents_commit(store);
	store->refs_since_commit = 0;
	for (unsigned int i = 0; i < store->roots->len; i++) {
		struct root *root = root_of(store, i);

		if (root && root->node)
			root->commit_generation = block_of(store, root->node)->generation;
	}
	store->work->blocks_written += store->n_dirty;
	store->n_dirty = 0;
	store->generation++;
}

uint32_t store_generation(const struct btrfs_store *store)
{
	return store->generation;
}
