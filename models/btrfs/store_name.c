/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names and directory entries: DIR_ITEM keyed by hash, DIR_INDEX by number (6.12: dir-item.c). */
#include "models/btrfs/ctree.h"

#include <errno.h>
#include <string.h>

#define CRC32C_POLYNOMIAL 0x82F63B78u /* reversed */
#define REF_BYTES_MAX (BTRFS_INODE_REF_HEAD_BYTES + 255u) /* BTRFS_NAME_LEN */
#define DIR_START_INDEX 2u /* BTRFS_DIR_START_INDEX: "." and ".." come first */

/* btrfs_name_hash(): crc32c with ~1 for a start and no final inversion. */
uint32_t store_name_hash(const char *text)
{
	uint32_t crc = ~1u;

	for (; *text; text++) {
		crc ^= (unsigned char)*text;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? CRC32C_POLYNOMIAL : 0);
	}
	return crc;
}

uint32_t store_name(struct btrfs_store *store, const char *text)
{
	gpointer id = g_hash_table_lookup(store->name_ids, text);
	char *copy;

	if (id)
		return GPOINTER_TO_UINT(id);
	copy = g_string_chunk_insert(store->names, text);
	if (!store->name_of->len)
		g_ptr_array_add(store->name_of, NULL);
	g_ptr_array_add(store->name_of, copy);
	g_hash_table_insert(store->name_ids, copy, GUINT_TO_POINTER(store->name_of->len - 1));
	return store->name_of->len - 1;
}

const char *store_name_text(const struct btrfs_store *store, uint32_t name)
{
	return g_ptr_array_index(store->name_of, name);
}

static ctree_key dir_key(const struct btrfs_store *store, const struct store_inode *dir,
			 uint32_t name)
{
	return key_make(dir->ino, ITEM_DIR_ITEM, store_name_hash(store_name_text(store, name)));
}

static unsigned int dirent_bytes(const struct btrfs_store *store, uint32_t name)
{
	return BTRFS_DIR_ITEM_HEAD_BYTES + (unsigned int)strlen(store_name_text(store, name));
}

static struct dir_more *more_of(const struct btrfs_store *store, uint32_t nr)
{
	return &g_array_index(store->dirents, struct dir_more, nr);
}

static struct dir_target target_of(uint32_t target, uint16_t flags)
{
	return (struct dir_target){.target = target,
				   .is_root = flags & DIRENT_ROOT,
				   .encrypted = flags & DIRENT_ENCRYPTED};
}

int store_dirent_find(struct btrfs_store *store, const struct store_inode *dir, uint32_t name,
		      struct dir_target *out)
{
	struct path path = {0};
	const struct item *item;

	if (ctree_search(store, root_of(store, dir->root), dir_key(store, dir, name), &path, 0,
			 false))
		return -ENOENT;
	item = ctree_item(store, &path);
	if (item->a == name) {
		*out = target_of(item->b, item->d);
		return 0;
	}
	for (uint32_t nr = item->c; nr; nr = more_of(store, nr)->next) {
		if (more_of(store, nr)->name != name)
			continue;
		*out = target_of(more_of(store, nr)->target, more_of(store, nr)->flags);
		return 0;
	}
	return -ENOENT;
}

/* The entries behind the first of an item are never changed, for snapshots share them. */
static uint32_t more_add(struct btrfs_store *store, uint32_t name, uint32_t target, uint16_t flags,
			 uint32_t next)
{
	struct dir_more more = {.name = name, .target = target, .flags = flags, .next = next};

	g_array_append_val(store->dirents, more);
	return store->dirents->len - 1;
}

uint32_t store_dir_index(struct btrfs_store *store, struct store_inode *dir)
{
	struct path path = {0};
	const struct item *last;

	if (dir->dir_index)
		return (uint32_t)dir->dir_index;
	dir->dir_index = DIR_START_INDEX;
	ctree_search(store, root_of(store, dir->root), key_make(dir->ino, ITEM_EXTENT, 0), &path, 0,
		     false);
	if (!path.slots[0])
		return DIR_START_INDEX;
	last = &block_of(store, path.nodes[0])->items[path.slots[0] - 1];
	if (key_ino(last->key) == dir->ino && key_type(last->key) == ITEM_DIR_INDEX)
		dir->dir_index = key_offset(last->key) + 1;
	return (uint32_t)dir->dir_index;
}

int store_dirent_add(struct btrfs_store *store, struct store_inode *dir, uint32_t name,
		     struct dir_target target)
{
	unsigned int bytes = dirent_bytes(store, name);
	struct item item = {.key = dir_key(store, dir, name),
			    .a = name,
			    .b = target.target,
			    .d = (target.is_root ? DIRENT_ROOT : 0) |
				 (dir->policy_key ? DIRENT_ENCRYPTED : 0),
			    .bytes = (uint16_t)bytes};
	struct path path = {0};

	if (!ctree_search(store, root_of(store, dir->root), item.key, &path,
			  (int)(bytes + BTRFS_ITEM_HEADER_BYTES), true)) {
		struct item *found = ctree_item(store, &path);

		ctree_resize(store, &path, found->bytes + bytes);
		found->c = more_add(store, name, target.target, item.d, found->c);
	} else {
		ctree_insert_here(store, &path, &item, 1);
	}
	if (!dir->index_adds)
		dir->index_adds = g_array_new(FALSE, FALSE, sizeof(struct item));
	item.key = key_make(dir->ino, ITEM_DIR_INDEX, store_dir_index(store, dir));
	dir->dir_index++;
	g_array_append_val(dir->index_adds, item);
	dir->size += 2 * strlen(store_name_text(store, name));
	dir->disk_size = dir->size;
	store_queue_update(store, dir);
	return 0;
}

/* Takes one name out of an item of several: the chain is rebuilt. */
static void remove_from_chain(struct btrfs_store *store, struct path *path, uint32_t name)
{
	struct item *item = ctree_item(store, path);
	uint32_t chain = 0;
	bool first = item->a == name;

	if (first) {
		const struct dir_more *next = more_of(store, item->c);

		item->a = next->name;
		item->b = next->target;
		item->d = next->flags;
	}
	for (uint32_t nr = first ? more_of(store, item->c)->next : item->c; nr;
	     nr = more_of(store, nr)->next) {
		struct dir_more more = *more_of(store, nr);

		if (more.name != name)
			chain = more_add(store, more.name, more.target, more.flags, chain);
	}
	item->c = chain;
	ctree_resize(store, path, item->bytes - dirent_bytes(store, name));
}

/* The index item of a name: a delayed one is cancelled, else its removal is delayed. */
static void remove_index(struct store_inode *dir, uint32_t index)
{
	ctree_key key = key_make(dir->ino, ITEM_DIR_INDEX, index);

	for (unsigned int i = dir->index_adds ? dir->index_adds->len : 0; i--;) {
		if (g_array_index(dir->index_adds, struct item, i).key == key) {
			g_array_remove_index(dir->index_adds, i);
			return;
		}
	}
	if (!dir->index_removals)
		dir->index_removals = g_array_new(FALSE, FALSE, sizeof(ctree_key));
	g_array_append_val(dir->index_removals, key);
}

int store_dirent_remove(struct btrfs_store *store, struct store_inode *dir, uint32_t name,
			uint32_t index)
{
	struct dir_target found;
	struct root *root = root_of(store, dir->root);
	struct path path = {0};
	int ret = store_dirent_find(store, dir, name, &found);

	if (ret)
		return ret;
	ctree_search(store, root, dir_key(store, dir, name), &path, -1, true);
	if (ctree_item(store, &path)->c)
		remove_from_chain(store, &path, name);
	else
		ctree_delete(store, root, &path, path.slots[0], 1);
	remove_index(dir, index);
	dir->size -= MIN(dir->size, 2 * strlen(store_name_text(store, name)));
	dir->disk_size = dir->size;
	store_queue_update(store, dir);
	return 0;
}

static bool tell_name(const struct btrfs_store *store, const struct store_inode *dir,
		      const struct item *item,
		      bool (*fn)(void *arg, const char *name, uint32_t root, uint32_t ino),
		      void *arg)
{
	bool is_root = item->d & DIRENT_ROOT;

	return fn(arg, store_name_text(store, item->a), is_root ? item->b : dir->root,
		  is_root ? BTRFS_FIRST_FREE_OBJECTID : item->b);
}

void store_readdir(struct btrfs_store *store, struct store_inode *dir,
		   bool (*fn)(void *arg, const char *name, uint32_t root, uint32_t ino), void *arg,
		   struct btrfs_work *work)
{
	struct root *root = root_of(store, dir->root);
	struct path path = {0};

	store_enter(store, work);
	ctree_search(store, root, key_make(dir->ino, ITEM_DIR_INDEX, 0), &path, 0, false);
	for (;; path.slots[0]++) {
		const struct item *item;
		bool removed = false;

		if (path.slots[0] >= block_of(store, path.nodes[0])->n &&
		    !ctree_next_leaf(store, root, &path))
			break;
		item = ctree_item(store, &path);
		if (key_ino(item->key) != dir->ino || key_type(item->key) != ITEM_DIR_INDEX)
			break;
		for (unsigned int i = 0; dir->index_removals && i < dir->index_removals->len; i++)
			removed |= g_array_index(dir->index_removals, ctree_key, i) == item->key;
		if (!removed && !tell_name(store, dir, item, fn, arg))
			return;
	}
	for (unsigned int i = 0; dir->index_adds && i < dir->index_adds->len; i++) {
		const struct item *item = &g_array_index(dir->index_adds, struct item, i);

		if (!tell_name(store, dir, item, fn, arg))
			return;
	}
}

/* ---- INODE_REF: the names of an inode, by directory (6.12: inode-item.c) ---- */

static unsigned int ref_bytes(const struct btrfs_store *store, uint32_t name)
{
	return BTRFS_INODE_REF_HEAD_BYTES + (unsigned int)strlen(store_name_text(store, name));
}

static ctree_key ref_key(const struct store_inode *inode, const struct store_inode *dir)
{
	return key_make(inode->ino, ITEM_INODE_REF, dir->ino);
}

/* btrfs_insert_inode_ref(). What no longer fits one item would become an INODE_EXTREF. */
int store_ref_add(struct btrfs_store *store, const struct store_inode *inode,
		  const struct store_inode *dir, uint32_t name, uint32_t index)
{
	unsigned int bytes = ref_bytes(store, name);
	struct item item = {
		.key = ref_key(inode, dir), .a = name, .c = index, .bytes = (uint16_t)bytes};
	struct root *root = root_of(store, inode->root);
	struct path path = {0};
	struct item *found;

	if (inode->nlink * REF_BYTES_MAX > store->leaf_bytes &&
	    !ctree_search(store, root, item.key, &path, 0, false) &&
	    ctree_item(store, &path)->bytes + bytes + BTRFS_ITEM_HEADER_BYTES > store->leaf_bytes)
		return -EMLINK;
	if (ctree_search(store, root, item.key, &path, (int)(bytes + BTRFS_ITEM_HEADER_BYTES),
			 true)) {
		ctree_insert_here(store, &path, &item, 1);
		return 0;
	}
	found = ctree_item(store, &path);
	ctree_resize(store, &path, found->bytes + bytes);
	found->b = more_add(store, name, index, 0, found->b);
	return 0;
}

uint32_t store_ref_index(struct btrfs_store *store, const struct store_inode *inode,
			 const struct store_inode *dir, uint32_t name)
{
	struct path path = {0};
	const struct item *item;
	uint32_t nr;

	ctree_search(store, root_of(store, inode->root), ref_key(inode, dir), &path, 0, false);
	item = ctree_item(store, &path);
	if (item->a == name)
		return item->c;
	for (nr = item->b; more_of(store, nr)->name != name; nr = more_of(store, nr)->next)
		;
	return more_of(store, nr)->target;
}

/* btrfs_del_inode_ref() */
void store_ref_remove(struct btrfs_store *store, const struct store_inode *inode,
		      const struct store_inode *dir, uint32_t name)
{
	struct root *root = root_of(store, inode->root);
	struct path path = {0};
	struct item *item;
	uint32_t chain = 0, rest;

	ctree_search(store, root, ref_key(inode, dir), &path, -1, true);
	item = ctree_item(store, &path);
	if (!item->b) {
		ctree_delete(store, root, &path, path.slots[0], 1);
		return;
	}
	rest = item->b;
	if (item->a == name) {
		item->a = more_of(store, rest)->name;
		item->c = more_of(store, rest)->target;
		rest = more_of(store, rest)->next;
	}
	for (; rest; rest = more_of(store, rest)->next) {
		struct dir_more more = *more_of(store, rest);

		if (more.name != name)
			chain = more_add(store, more.name, more.target, 0, chain);
	}
	item->b = chain;
	ctree_resize(store, &path, item->bytes - ref_bytes(store, name));
}
