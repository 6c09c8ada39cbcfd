/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A subvolume filled at once, in key order, from a list of inodes. */
#include "models/btrfs/ctree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DIR_START_INDEX 2u /* BTRFS_DIR_START_INDEX */
#define NO_PARENT UINT32_MAX
#define MAX_RAM_BLOCKS 32u /* of a compressed extent: BTRFS_MAX_UNCOMPRESSED */

struct entry { /* a name in its directory */
	uint32_t hash, name, child;
};

struct filling {
	struct btrfs_store *store;
	struct root *root;
	const struct store_image_inode *inodes;
	size_t n;
	struct path path; /* at the end of the tree */
	uint32_t *first, *next; /* children of each directory, [n] of the top; in order */
	GArray *entries; /* of the directory at hand */
	GHashTable *shared; /* disk_id -> store_extent */
};

static void append(struct filling *f, const struct item *item)
{
	struct block *leaf = f->path.nodes[0] ? block_of(f->store, f->path.nodes[0]) : NULL;

	if (leaf && leaf->n &&
	    leaf_free(f->store, leaf) >= (int)(item->bytes + BTRFS_ITEM_HEADER_BYTES)) {
		f->path.slots[0] = leaf->n;
		ctree_insert_here(f->store, &f->path, item, 1);
		return;
	}
	ctree_insert(f->store, f->root, &f->path, item, 1);
}

static uint32_t ino_of(const struct filling *f, uint32_t index)
{
	(void)f;
	return index == NO_PARENT ? BTRFS_FIRST_FREE_OBJECTID
				  : BTRFS_FIRST_FREE_OBJECTID + 1 + index;
}

static void link_children(struct filling *f)
{
	uint32_t *last = g_new(uint32_t, f->n + 1);

	f->first = g_new(uint32_t, f->n + 1);
	f->next = g_new(uint32_t, f->n + 1);
	memset(f->first, 0xff, (f->n + 1) * sizeof(uint32_t));
	for (uint32_t i = 0; i < f->n; i++) {
		size_t parent = f->inodes[i].parent == NO_PARENT ? f->n : f->inodes[i].parent;

		f->next[i] = NO_PARENT;
		if (f->first[parent] == NO_PARENT)
			f->first[parent] = i;
		else
			f->next[last[parent]] = i;
		last[parent] = i;
	}
	g_free(last);
}

static gint by_hash(gconstpointer a, gconstpointer b)
{
	const struct entry *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->child < y->child ? -1 : x->child > y->child;
}

static int list_entries(struct filling *f, size_t dir)
{
	g_array_set_size(f->entries, 0);
	for (uint32_t i = f->first[dir]; i != NO_PARENT; i = f->next[i]) {
		struct entry entry = {store_name_hash(f->inodes[i].name),
				      store_name(f->store, f->inodes[i].name), i};

		g_array_append_val(f->entries, entry);
	}
	g_array_sort(f->entries, by_hash);
	for (unsigned int i = 1; i < f->entries->len; i++) {
		const struct entry *one = &g_array_index(f->entries, struct entry, i);

		for (unsigned int j = i; j-- && one[(int)j - (int)i].hash == one->hash;)
			if (one[(int)j - (int)i].name == one->name)
				return -EEXIST;
	}
	return 0;
}

static struct item name_item(struct filling *f, ctree_key key, uint32_t name, uint32_t child)
{
	return (struct item){
		.key = key,
		.a = name,
		.b = ino_of(f, child),
		.d = f->inodes[child].name_encrypted ? DIRENT_ENCRYPTED : 0,
		.bytes = (uint16_t)(BTRFS_DIR_ITEM_HEAD_BYTES +
				    strlen(store_name_text(f->store, name))),
	};
}

/* The two items of every name; adds up what the names make of the directory's size. */
static int append_entries(struct filling *f, size_t dir, uint32_t ino, uint64_t *size)
{
	uint32_t index = DIR_START_INDEX;
	int ret = list_entries(f, dir);

	for (unsigned int i = 0; !ret && i < f->entries->len; i++) {
		const struct entry *entry = &g_array_index(f->entries, struct entry, i);
		struct item item = name_item(f, key_make(ino, ITEM_DIR_ITEM, entry->hash),
					     entry->name, entry->child);

		for (; i + 1 < f->entries->len && entry[1].hash == entry->hash; i++, entry++) {
			struct item more = name_item(f, 0, entry[1].name, entry[1].child);
			struct dir_more rest = {
				.name = more.a, .target = more.b, .flags = more.d, .next = item.c};

			g_array_append_val(f->store->dirents, rest);
			item.c = f->store->dirents->len - 1;
			item.bytes = (uint16_t)(item.bytes + more.bytes);
		}
		append(f, &item);
	}
	for (uint32_t i = f->first[dir]; !ret && i != NO_PARENT; i = f->next[i], index++) {
		struct item item = name_item(f, key_make(ino, ITEM_DIR_INDEX, index),
					     store_name(f->store, f->inodes[i].name), i);

		append(f, &item);
		*size += 2 * strlen(f->inodes[i].name);
	}
	return ret;
}

static bool extent_valid(const struct store_image_extent *e, const struct store_image_extent *prev)
{
	const uint64_t mask = BTRFS_SECTOR_BYTES - 1;
	uint64_t ram = e->compression ? e->ram_bytes : e->disk_bytes;

	if (prev && e->file_offset < prev->file_offset + round_up_block(prev->bytes))
		return false;
	if (e->type == STORE_INLINE)
		return !e->file_offset && e->bytes && e->bytes <= BTRFS_SECTOR_BYTES;
	return !((e->file_offset | e->bytes | e->extent_offset | e->disk_bytes | ram) & mask) &&
	       e->bytes && e->disk_bytes && e->disk_bytes >> SECTOR_SHIFT <= MAX_EXTENT_BLOCKS &&
	       e->extent_offset + e->bytes <= ram &&
	       (!e->compression || ram >> SECTOR_SHIFT <= MAX_RAM_BLOCKS);
}

/* The disk extent of an image's item: made at its first mention. */
static int find_extent(struct filling *f, const struct store_image_extent *e, uint32_t ino,
		       store_extent *out)
{
	struct store_inode inode = {.root = f->root->id, .ino = ino};
	gpointer known = e->disk_id ? g_hash_table_lookup(f->shared, &e->disk_id) : NULL;
	int ret;

	if (known) {
		*out = GPOINTER_TO_UINT(known);
		return store_extent_bytes(f->store, *out) == e->disk_bytes ? 0 : -EINVAL;
	}
	ret = extent_alloc(f->store, (uint32_t)(e->disk_bytes >> SECTOR_SHIFT), out);
	if (ret)
		return ret;
	if (e->compression)
		extent_of(f->store, *out)->ram_blocks =
			(uint32_t)(e->ram_bytes >> SECTOR_SHIFT) & 63;
	store_call_born(f->store, &inode, *out, 0, e->file_offset);
	if (e->disk_id)
		g_hash_table_insert(f->shared, g_memdup2(&e->disk_id, sizeof(e->disk_id)),
				    GUINT_TO_POINTER(*out));
	return 0;
}

/* An image does not say which blocks of an extent have checksums: all of one that is written through
 * a file with data checksums. */
static void sum_extent(struct filling *f, const struct store_image_extent *e, store_extent extent,
		       uint32_t inode_flags)
{
	if (e->type == STORE_REGULAR && !(inode_flags & STORE_NODATACOW))
		extent_add_sums(f->store, extent, 0, extent_of(f->store, extent)->blocks);
}

static int append_extent(struct filling *f, const struct store_image_extent *e, uint32_t ino,
			 uint32_t inode_flags)
{
	uint32_t start = (uint32_t)(e->file_offset >> SECTOR_SHIFT);
	store_extent extent;
	struct item item;
	int ret;

	if (e->type == STORE_INLINE) {
		item = (struct item){.key = key_make(ino, ITEM_EXTENT, start),
				     .a = (uint32_t)e->bytes,
				     .b = f->store->generation,
				     .c = file_word(1, STORE_INLINE, 0, false),
				     .bytes = (uint16_t)(BTRFS_INLINE_HEAD_BYTES + e->bytes)};
		append(f, &item);
		return 0;
	}
	ret = find_extent(f, e, ino, &extent);
	if (ret)
		return ret;
	item = items_make_extent(f->store, ino, start, (uint32_t)(e->bytes >> SECTOR_SHIFT), extent,
				 (uint32_t)(e->extent_offset >> SECTOR_SHIFT), e->type,
				 inode_flags & STORE_ENCRYPTED);
	append(f, &item);
	sum_extent(f, e, extent, inode_flags);
	extent_add_ref(f->store, extent, f->root->id, ino, start - item.d);
	return 0;
}

static void append_contexts(struct filling *f, const struct store_image_inode *in, uint32_t ino)
{
	struct item item = {.key = key_make(ino, ITEM_INODE_CONTEXT, 0),
			    .a = in->policy_key,
			    .bytes = (uint16_t)f->store->options.inode_context_bytes};

	if (in->policy_key && (in->flags & STORE_DIRECTORY || !f->store->options.leaf_borrows))
		append(f, &item);
	if (!(in->flags & STORE_ENCRYPTED) ||
	    f->store->options.context_layout != STORE_CONTEXT_SEPARATE)
		return;
	for (size_t i = 0; i < in->n_extents; i++) {
		item.key = key_make(ino, ITEM_CONTEXT,
				    (uint32_t)(in->extents[i].file_offset >> SECTOR_SHIFT));
		item.a = 0;
		item.bytes = (uint16_t)f->store->options.context_bytes;
		if (in->extents[i].type == STORE_INLINE)
			continue;
		append(f, &item);
		f->store->work->contexts_inserted++;
	}
}

static uint32_t image_flags(const struct store_image_inode *in)
{
	uint32_t flags = in->flags;

	for (size_t i = 0; i < in->n_extents; i++)
		if (in->extents[i].type == STORE_PREALLOCATED)
			flags |= STORE_PREALLOC;
	return flags;
}

static int append_inode(struct filling *f, uint32_t index, uint32_t name_index)
{
	const struct store_image_inode *in = &f->inodes[index];
	uint32_t ino = ino_of(f, index);
	struct store_inode inode = {.ino = ino,
				    .disk_size = in->size,
				    .flags = image_flags(in),
				    .policy_key = in->policy_key,
				    .nlink = 1};
	struct item item,
		ref = {.key = key_make(ino, ITEM_INODE_REF, ino_of(f, in->parent)),
		       .a = store_name(f->store, in->name),
		       .c = name_index,
		       .bytes = (uint16_t)(BTRFS_INODE_REF_HEAD_BYTES + strlen(in->name))};
	int ret = 0;

	for (uint32_t i = f->first[index]; i != NO_PARENT; i = f->next[i])
		inode.disk_size += 2 * strlen(f->inodes[i].name);
	item = store_inode_item(&inode);
	append(f, &item);
	append(f, &ref);
	append_contexts(f, in, ino);
	if (in->flags & STORE_DIRECTORY)
		return append_entries(f, index, ino, &inode.disk_size);
	for (size_t i = 0; !ret && i < in->n_extents; i++)
		ret = extent_valid(&in->extents[i], i ? &in->extents[i - 1] : NULL)
			      ? append_extent(f, &in->extents[i], ino, in->flags)
			      : -EINVAL;
	return ret;
}

static int check_inodes(const struct filling *f)
{
	for (uint32_t i = 0; i < f->n; i++) {
		const struct store_image_inode *in = &f->inodes[i];

		if (!in->name || !*in->name || strchr(in->name, '/'))
			return -EINVAL;
		if (in->parent != NO_PARENT &&
		    (in->parent >= i || !(f->inodes[in->parent].flags & STORE_DIRECTORY)))
			return -EINVAL;
	}
	return 0;
}

static int fill(struct filling *f, struct store_inode *top)
{
	uint32_t *name_index = g_new0(uint32_t, f->n + 1);
	int ret = check_inodes(f);

	if (!ret)
		link_children(f);
	for (size_t dir = 0; !ret && dir <= f->n; dir++) {
		uint32_t index = DIR_START_INDEX;

		for (uint32_t i = f->first[dir]; i != NO_PARENT; i = f->next[i])
			name_index[i] = index++;
		if (dir == f->n)
			top->dir_index = index;
	}
	if (!ret)
		ret = append_entries(f, f->n, BTRFS_FIRST_FREE_OBJECTID, &top->size);
	for (uint32_t i = 0; !ret && i < f->n; i++)
		ret = append_inode(f, i, name_index[i]);
	g_free(name_index);
	return ret;
}

static guint u64_hash(gconstpointer key)
{
	return (guint)(*(const uint64_t *)key * 0x9E3779B97F4A7C15ull >> 32);
}

static gboolean u64_equal(gconstpointer a, gconstpointer b)
{
	return *(const uint64_t *)a == *(const uint64_t *)b;
}

int store_populate(struct btrfs_store *store, uint32_t root_id,
		   const struct store_image_inode *inodes, size_t n, uint32_t *inos)
{
	struct filling f = {
		.store = store, .root = root_of(store, root_id), .inodes = inodes, .n = n};
	struct store_inode *top;
	int ret;

	store_enter(store, NULL);
	if (!f.root || n >= INO_MAX - BTRFS_FIRST_FREE_OBJECTID)
		return -EINVAL;
	ret = store_iget(store, root_id, BTRFS_FIRST_FREE_OBJECTID, &top, NULL);
	if (ret)
		return ret;
	if (top->size || f.root->next_ino != BTRFS_FIRST_FREE_OBJECTID + 1) {
		store_inode_put(store, top, NULL);
		return -ENOTEMPTY;
	}
	f.entries = g_array_new(FALSE, FALSE, sizeof(struct entry));
	f.shared = g_hash_table_new_full(u64_hash, u64_equal, g_free, NULL);
	ret = fill(&f, top);
	f.root->next_ino = BTRFS_FIRST_FREE_OBJECTID + 1 + (uint32_t)n;
	for (size_t i = 0; !ret && inos && i < n; i++)
		inos[i] = ino_of(&f, (uint32_t)i);
	top->disk_size = top->size;
	store_queue_update(store, top);
	store_inode_put(store, top, NULL);
	g_array_free(f.entries, TRUE);
	g_hash_table_destroy(f.shared);
	g_free(f.first);
	g_free(f.next);
	store_commit(store, NULL);
	return ret;
}
