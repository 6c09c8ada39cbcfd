/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What blocks hold, as far as compression and deduplication can tell: nothing like anything else, one
 * byte repeated, or a mixture of such bytes, which has a number of its own.
 */
#include "models/btrfs/ctree.h"

#include <string.h>

enum { MIXTURES_FROM = 1 + 256 };

void contents_init(struct btrfs_store *store)
{
	store->mixtures = g_hash_table_new_full(g_bytes_hash, g_bytes_equal,
						(GDestroyNotify)g_bytes_unref, NULL);
	store->mixed_blocks = g_ptr_array_new();
	store->block_contents = g_hash_table_new_full(NULL, NULL, NULL, g_free);
}

void contents_free(struct btrfs_store *store)
{
	g_ptr_array_unref(store->mixed_blocks);
	g_hash_table_destroy(store->mixtures);
	g_hash_table_destroy(store->block_contents);
}

/* ---- blocks ---- */

static void fill_block(const struct btrfs_store *store, guint8 *block, store_content content)
{
	if (content < MIXTURES_FROM)
		memset(block, content - 1, BTRFS_SECTOR_BYTES);
	else
		memcpy(block,
		       g_bytes_get_data(store->mixed_blocks->pdata[content - MIXTURES_FROM], NULL),
		       BTRFS_SECTOR_BYTES);
}

static store_content number_of(struct btrfs_store *store, const guint8 *block)
{
	GBytes *bytes;
	void *known;

	if (!memcmp(block, block + 1, BTRFS_SECTOR_BYTES - 1))
		return (store_content)(1 + *block);
	bytes = g_bytes_new(block, BTRFS_SECTOR_BYTES);
	if (g_hash_table_lookup_extended(store->mixtures, bytes, NULL, &known)) {
		g_bytes_unref(bytes);
		return (store_content)GPOINTER_TO_UINT(known);
	}
	if (MIXTURES_FROM + store->mixed_blocks->len >= STORE_CONTENT_BY_BLOCK) {
		g_bytes_unref(bytes); /* too many to tell apart */
		return STORE_CONTENT_UNIQUE;
	}
	g_hash_table_insert(store->mixtures, bytes,
			    GUINT_TO_POINTER(MIXTURES_FROM + store->mixed_blocks->len));
	g_ptr_array_add(store->mixed_blocks, bytes);
	return (store_content)(MIXTURES_FROM + store->mixed_blocks->len - 1);
}

store_content content_overlaid(struct btrfs_store *store, store_content old, uint64_t from,
			       uint64_t to, store_content new)
{
	guint8 block[BTRFS_SECTOR_BYTES], over[BTRFS_SECTOR_BYTES];

	if (old == STORE_CONTENT_UNIQUE || new == STORE_CONTENT_UNIQUE)
		return STORE_CONTENT_UNIQUE;
	fill_block(store, block, old);
	fill_block(store, over, new);
	memcpy(block + from, over + from, to - from);
	return number_of(store, block);
}

/* ---- extents ---- */

store_content content_in_extent(const struct btrfs_store *store, store_extent nr, uint32_t block)
{
	const struct extent *extent = extent_of(store, nr);
	const store_content *contents;

	if (extent->content != STORE_CONTENT_BY_BLOCK)
		return extent->content;
	contents = g_hash_table_lookup(store->block_contents, GUINT_TO_POINTER(nr));
	return contents[block];
}

void content_fill(struct btrfs_store *store, store_extent nr, uint32_t blocks, uint32_t first,
		  uint32_t n, store_content content)
{
	struct extent *extent = extent_of(store, nr);
	store_content *contents;

	if (extent->content == content)
		return;
	if (n == blocks || !store->has_contents) {
		content_forget(store, nr);
		extent->content = n == blocks ? content : STORE_CONTENT_UNIQUE;
		return;
	}
	contents = g_hash_table_lookup(store->block_contents, GUINT_TO_POINTER(nr));
	if (!contents) {
		contents = g_new(store_content, blocks);
		for (uint32_t i = 0; i < blocks; i++)
			contents[i] = extent->content;
		g_hash_table_insert(store->block_contents, GUINT_TO_POINTER(nr), contents);
		extent->content = STORE_CONTENT_BY_BLOCK;
	}
	for (uint32_t i = 0; i < n; i++)
		contents[first + i] = content;
}

void content_forget(struct btrfs_store *store, store_extent nr)
{
	if (extent_of(store, nr)->content == STORE_CONTENT_BY_BLOCK)
		g_hash_table_remove(store->block_contents, GUINT_TO_POINTER(nr));
}

void content_copy(struct btrfs_store *store, store_extent from, store_extent to, uint32_t blocks)
{
	const store_content *contents =
		g_hash_table_lookup(store->block_contents, GUINT_TO_POINTER(from));

	extent_of(store, to)->content = extent_of(store, from)->content;
	if (extent_of(store, from)->content == STORE_CONTENT_BY_BLOCK)
		g_hash_table_insert(store->block_contents, GUINT_TO_POINTER(to),
				    g_memdup2(contents, blocks * sizeof(*contents)));
}

/* ---- files ---- */

store_content content_in_file(struct btrfs_store *store, const struct store_inode *inode,
			      uint64_t offset, uint64_t *place)
{
	uint32_t block = (uint32_t)(offset >> SECTOR_SHIFT), in_extent;
	struct btrfs_work unpaid = {0}, *work = store->work; /* the kernel need not search for it */
	struct path path = {0};
	struct item item;
	bool found;

	*place = 0;
	store->work = &unpaid;
	found = items_find(store, inode, block, &path, &item) && key_offset(item.key) <= block;
	store->work = work;
	if (!found)
		return STORE_CONTENT_ZEROS;
	if (item_file_type(&item) == STORE_INLINE)
		return item.d;
	if (item_file_type(&item) == STORE_PREALLOCATED || !item.a)
		return STORE_CONTENT_ZEROS;
	in_extent = item.d + block - key_offset(item.key);
	*place = (uint64_t)item.a << 32 | in_extent;
	return content_in_extent(store, item.a, in_extent);
}
