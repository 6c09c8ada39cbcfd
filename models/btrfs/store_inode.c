/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inodes: found, made, updated, evicted; and the delayed items of directories and inodes
 * (6.12: fs/btrfs/delayed-inode.c), which reach the tree only when the transaction commits. */
#include "models/btrfs/ctree.h"

#include <errno.h>
#include <string.h>

/* In the inode item's word: flags below, policy key above. */
#define POLICY_SHIFT 8
/* Holes left by clones that are remembered for one file; a cache would not last longer. */

uint64_t store_inode_id(uint32_t root, uint32_t ino)
{
	return (uint64_t)root << 32 | ino;
}

struct item store_inode_item(const struct store_inode *inode)
{
	return (struct item){
		.key = key_make(inode->ino, ITEM_INODE, 0),
		.a = (uint32_t)inode->disk_size,
		.b = (uint32_t)(inode->disk_size >> 32),
		.c = inode->flags | inode->policy_key << POLICY_SHIFT,
		.d = (uint16_t)inode->nlink,
		.bytes = BTRFS_INODE_ITEM_BYTES,
	};
}

static struct store_inode *inode_new(struct btrfs_store *store, uint32_t root, uint32_t ino)
{
	struct store_inode *inode = g_new0(struct store_inode, 1);
	uint64_t id = store_inode_id(root, ino);

	inode->root = root;
	inode->ino = ino;
	inode->dirty = g_sequence_new(g_free);
	g_hash_table_insert(store->inodes, g_memdup2(&id, sizeof(id)), inode);
	return inode;
}

void store_inode_free(struct store_inode *inode)
{
	g_sequence_free(inode->dirty);
	g_clear_pointer(&inode->holes, g_sequence_free);
	if (inode->index_adds)
		g_array_free(inode->index_adds, TRUE);
	if (inode->index_removals)
		g_array_free(inode->index_removals, TRUE);
	g_free(inode);
}

int store_iget(struct btrfs_store *store, uint32_t root_id, uint32_t ino, struct store_inode **out,
	       struct btrfs_work *work)
{
	uint64_t id = store_inode_id(root_id, ino);
	struct store_inode *inode = g_hash_table_lookup(store->inodes, &id);
	struct root *root = root_of(store, root_id);
	struct path path = {0};
	const struct item *item;

	store_enter(store, work);
	if (!inode) {
		if (!root || !root->node ||
		    ctree_search(store, root, key_make(ino, ITEM_INODE, 0), &path, 0, false))
			return -ENOENT;
		item = ctree_item(store, &path);
		inode = inode_new(store, root_id, ino);
		inode->size = inode->disk_size = item_inode_size(item);
		inode->flags = item->c & ((1u << POLICY_SHIFT) - 1);
		inode->policy_key = item->c >> POLICY_SHIFT;
		inode->nlink = item->d;
	}
	inode->users++;
	*out = inode;
	return 0;
}

static int lookup_from_top(struct btrfs_store *store, const char *path, const char *end,
			   struct store_inode **out)
{
	struct store_inode *dir;
	int ret =
		store_iget(store, BTRFS_FS_TREE_ROOT, BTRFS_FIRST_FREE_OBJECTID, &dir, store->work);

	while (!ret && path < end) {
		size_t len = strcspn(path, "/");
		struct dir_target found;
		char *text;

		if (path + len > end)
			len = (size_t)(end - path);
		if (!len || (len == 1 && *path == '.')) {
			path += len + 1;
			continue;
		}
		text = g_strndup(path, len);
		path += len + 1;
		if (!(dir->flags & STORE_DIRECTORY))
			ret = -ENOTDIR;
		else
			ret = store_dirent_find(store, dir, store_name(store, text), &found);
		g_free(text);
		if (!ret) {
			uint32_t root = found.is_root ? found.target : dir->root;
			uint32_t ino = found.is_root ? BTRFS_FIRST_FREE_OBJECTID : found.target;
			struct store_inode *next;

			ret = store_iget(store, root, ino, &next, store->work);
			store_inode_put(store, dir, store->work);
			dir = next;
		} else {
			store_inode_put(store, dir, store->work);
		}
	}
	if (!ret)
		*out = dir;
	return ret;
}

int store_lookup(struct btrfs_store *store, const char *path, struct store_inode **out,
		 struct btrfs_work *work)
{
	store_enter(store, work);
	return lookup_from_top(store, path, path + strlen(path), out);
}

int store_parent(struct btrfs_store *store, const char *path, struct store_inode **dir,
		 uint32_t *name)
{
	const char *slash = strrchr(path, '/');
	const char *last = slash ? slash + 1 : path;
	int ret;

	if (!*last || !strcmp(last, ".") || !strcmp(last, ".."))
		return -EINVAL;
	ret = lookup_from_top(store, path, slash ? slash : path, dir);
	if (!ret && !((*dir)->flags & STORE_DIRECTORY)) {
		store_inode_put(store, *dir, store->work);
		ret = -ENOTDIR;
	}
	if (!ret)
		*name = store_name(store, last);
	return ret;
}

uint32_t store_highest_ino(struct btrfs_store *store, struct root *root)
{
	struct path path = {0};
	ctree_key last;

	if (root->next_ino)
		return root->next_ino - 1;
	ctree_search(store, root, key_make(INO_MAX, ITEM_INODE, 0), &path, 0, false);
	last = path.slots[0] ? block_of(store, path.nodes[0])->items[path.slots[0] - 1].key
			     : key_make(BTRFS_FIRST_FREE_OBJECTID, ITEM_INODE, 0);
	return MAX(key_ino(last), BTRFS_FIRST_FREE_OBJECTID);
}

/* A snapshot goes on behind the highest inode it holds (btrfs_init_root_free_objectid). */
static uint32_t take_ino(struct btrfs_store *store, struct root *root)
{
	if (!root->next_ino)
		root->next_ino = store_highest_ino(store, root) + 1;
	return root->next_ino++;
}

uint64_t store_inode_birth(struct btrfs_store *store, const struct store_inode *inode)
{
	const struct root *root = root_of(store, inode->root);
	uint64_t replaced = store_replaced_birth(store, inode);

	if (replaced)
		return replaced;
	while (root->origin && inode->ino <= root->inherited_ino)
		root = root_of(store, root->origin);
	return (uint64_t)root->id << INO_BITS | inode->ino;
}

/* Whether the inode stores a context of its own: a leaf may borrow its directory's. */
static bool has_context_item(const struct btrfs_store *store, const struct store_inode *inode)
{
	return inode->policy_key &&
	       (inode->flags & STORE_DIRECTORY || !store->options.leaf_borrows);
}

static void insert_context_item(struct btrfs_store *store, struct store_inode *inode)
{
	struct item item = {.key = key_make(inode->ino, ITEM_INODE_CONTEXT, 0),
			    .a = inode->policy_key,
			    .bytes = (uint16_t)store->options.inode_context_bytes};
	struct path path = {0};

	ctree_insert(store, root_of(store, inode->root), &path, &item, 1);
}

int store_lookup_at(struct btrfs_store *store, struct store_inode *dir, const char *name,
		    struct store_inode **out, bool *encrypted, struct btrfs_work *work)
{
	struct dir_target found;
	int ret;

	store_enter(store, work);
	if (!(dir->flags & STORE_DIRECTORY))
		return -ENOTDIR;
	ret = store_dirent_find(store, dir, store_name(store, name), &found);
	if (ret)
		return ret;
	if (encrypted)
		*encrypted = found.encrypted;
	return store_iget(store, found.is_root ? found.target : dir->root,
			  found.is_root ? BTRFS_FIRST_FREE_OBJECTID : found.target, out, work);
}

int store_create_at(struct btrfs_store *store, struct store_inode *dir, const char *name_text,
		    uint32_t flags, uint32_t policy, struct store_inode **out,
		    struct btrfs_work *work)
{
	struct store_inode *inode;
	struct path path = {0};
	struct item items[2];
	struct root *root = root_of(store, dir->root);
	uint32_t name = store_name(store, name_text);

	store_enter(store, work);
	if (!store_dirent_find(store, dir, name, &(struct dir_target){0}))
		return -EEXIST;
	inode = inode_new(store, dir->root, take_ino(store, root));
	inode->flags = flags | (policy ? STORE_ENCRYPTED : 0u);
	inode->policy_key = policy;
	inode->nlink = 1;
	inode->users = 1;
	inode->dir_index = flags & STORE_DIRECTORY ? 2 : 0; /* BTRFS_DIR_START_INDEX */
	items[0] = store_inode_item(inode);
	items[1] = (struct item){
		.key = key_make(inode->ino, ITEM_INODE_REF, dir->ino),
		.a = name,
		.c = store_dir_index(store, dir),
		.bytes = (uint16_t)(BTRFS_INODE_REF_HEAD_BYTES +
				    strlen(store_name_text(store, name))),
	};
	ctree_insert(store, root, &path, items, 2);
	if (has_context_item(store, inode))
		insert_context_item(store, inode);
	store_dirent_add(store, dir, name, (struct dir_target){.target = inode->ino});
	store_queue_update(store, inode);
	*out = inode;
	return 0;
}

int store_create(struct btrfs_store *store, const char *path, uint32_t flags,
		 struct store_inode **out, struct btrfs_work *work)
{
	struct store_inode *dir;
	uint32_t name;
	int ret;

	store_enter(store, work);
	ret = store_parent(store, path, &dir, &name);
	if (ret)
		return ret;
	ret = store_create_at(store, dir, store_name_text(store, name), flags, dir->policy_key, out,
			      work);
	store_inode_put(store, dir, work);
	return ret;
}

bool store_dir_is_empty(struct btrfs_store *store, const struct store_inode *dir)
{
	struct root *root = root_of(store, dir->root);
	struct path path = {0};
	const struct block *leaf;

	ctree_search(store, root, key_make(dir->ino, ITEM_DIR_ITEM, 0), &path, 0, false);
	leaf = block_of(store, path.nodes[0]);
	if (path.slots[0] >= leaf->n) {
		if (!ctree_next_leaf(store, root, &path))
			return true;
		leaf = block_of(store, path.nodes[0]);
	}
	return leaf->items[path.slots[0]].key >= key_make(dir->ino, ITEM_DIR_INDEX, 0);
}

/* __btrfs_unlink_inode(). Of an inode with one name the INODE_REF goes with the inode: its removal is
 * delayed (btrfs_delayed_delete_inode_ref). */
void store_unlink_name(struct btrfs_store *store, struct store_inode *dir,
		       struct store_inode *inode, uint32_t name)
{
	struct item orphan = {.key = key_make(ORPHAN_OBJECTID, ITEM_ORPHAN, inode->ino)};
	uint32_t index = store_ref_index(store, inode, dir, name);
	struct path path = {0};

	store_dirent_remove(store, dir, name, index);
	inode->nlink--;
	store_queue_update(store, inode);
	if (inode->nlink)
		store_ref_remove(store, inode, dir, name);
	else
		ctree_insert(store, root_of(store, dir->root), &path, &orphan, 1);
}

int store_unlink_at(struct btrfs_store *store, struct store_inode *dir, const char *name_text,
		    struct btrfs_work *work)
{
	uint32_t name = store_name(store, name_text);
	struct store_inode *inode;
	struct dir_target found;
	int ret;

	store_enter(store, work);
	ret = store_dirent_find(store, dir, name, &found);
	if (!ret && found.is_root)
		ret = -EISDIR;
	if (!ret)
		ret = store_iget(store, dir->root, found.target, &inode, work);
	if (ret)
		return ret;
	if ((inode->flags & STORE_DIRECTORY) && !store_dir_is_empty(store, inode))
		ret = -ENOTEMPTY;
	else
		store_unlink_name(store, dir, inode, name);
	store_inode_put(store, inode, work);
	return ret;
}

int store_unlink(struct btrfs_store *store, const char *path, struct btrfs_work *work)
{
	struct store_inode *dir;
	uint32_t name;
	int ret;

	store_enter(store, work);
	ret = store_parent(store, path, &dir, &name);
	if (ret)
		return ret;
	ret = store_unlink_at(store, dir, store_name_text(store, name), work);
	store_inode_put(store, dir, work);
	return ret;
}

static void inode_forget(struct btrfs_store *store, struct store_inode *inode)
{
	uint64_t id = store_inode_id(inode->root, inode->ino);

	if (inode->delalloc_bytes)
		g_ptr_array_remove(store->dirty_inodes, inode);
	if (inode->update_queued)
		g_ptr_array_remove(store->delayed_inodes, inode);
	g_hash_table_remove(store->inodes, &id);
	store_inode_free(inode);
}

/* btrfs_evict_inode() of an inode without links. */
static void inode_evict(struct btrfs_store *store, struct store_inode *inode)
{
	struct root *root = root_of(store, inode->root);
	struct path path = {0};
	ctree_key orphan = key_make(ORPHAN_OBJECTID, ITEM_ORPHAN, inode->ino);

	items_truncate(store, root, inode->ino, 0, true);
	if (!ctree_search(store, root, orphan, &path, -1, true))
		ctree_delete(store, root, &path, path.slots[0], 1);
	inode_forget(store, inode);
}

void store_forget_idle(struct btrfs_store *store, struct store_inode *inode)
{
	if (!inode->users && !inode->update_queued && !inode->delalloc_bytes)
		inode_forget(store, inode);
}

void store_inode_put(struct btrfs_store *store, struct store_inode *inode, struct btrfs_work *work)
{
	store_enter(store, work);
	g_assert(inode->users);
	if (--inode->users)
		return;
	if (!inode->nlink)
		inode_evict(store, inode);
	else
		store_forget_idle(store, inode);
}

void store_set_nocow(struct btrfs_store *store, struct store_inode *inode, struct btrfs_work *work)
{
	store_enter(store, work);
	if (!inode->size || (inode->flags & STORE_DIRECTORY))
		inode->flags |= STORE_NODATACOW;
	store_queue_update(store, inode);
}

void store_set_policy(struct btrfs_store *store, struct store_inode *inode, uint32_t key,
		      struct btrfs_work *work)
{
	struct root *root = root_of(store, inode->root);
	ctree_key at = key_make(inode->ino, ITEM_INODE_CONTEXT, 0);
	struct path path = {0};
	bool had = has_context_item(store, inode);

	store_enter(store, work);
	g_assert(key < 1u << (32 - POLICY_SHIFT));
	inode->policy_key = key;
	if (key)
		inode->flags |= STORE_ENCRYPTED;
	else
		inode->flags &= ~(uint32_t)STORE_ENCRYPTED;
	if (!had && has_context_item(store, inode)) {
		insert_context_item(store, inode);
	} else if (had && !ctree_search(store, root, at, &path, key ? 0 : -1, true)) {
		if (key) {
			ctree_item(store, &path)->a = key;
			store->work->items_changed++;
		} else {
			ctree_delete(store, root, &path, path.slots[0], 1);
		}
	}
	store_queue_update(store, inode);
}

void store_queue_update(struct btrfs_store *store, struct store_inode *inode)
{
	if (inode->update_queued)
		return;
	inode->update_queued = true;
	store->work->inode_updates++;
	g_ptr_array_add(store->delayed_inodes, inode);
}

void store_touch(struct btrfs_store *store, struct store_inode *inode, struct btrfs_work *work)
{
	store_enter(store, work);
	store_queue_update(store, inode);
}

/* As many consecutive additions as fit one leaf go in with one search. */
static void run_index_adds(struct btrfs_store *store, struct root *root, GArray *adds)
{
	unsigned int i = 0;

	while (i < adds->len) {
		const struct item *first = &g_array_index(adds, struct item, i);
		unsigned int bytes = 0, n = 0;
		struct path path = {0};

		while (i + n < adds->len &&
		       bytes + first[n].bytes + BTRFS_ITEM_HEADER_BYTES <= store->leaf_bytes) {
			bytes += first[n].bytes + BTRFS_ITEM_HEADER_BYTES;
			n++;
		}
		ctree_insert(store, root, &path, first, n);
		i += n;
	}
	g_array_set_size(adds, 0);
}

static gint compare_keys(gconstpointer a, gconstpointer b)
{
	ctree_key x = *(const ctree_key *)a, y = *(const ctree_key *)b;

	return x < y ? -1 : x > y;
}

static void run_index_removals(struct btrfs_store *store, struct root *root, GArray *removals)
{
	unsigned int i = 0;

	g_array_sort(removals, compare_keys);
	while (i < removals->len) {
		struct path path = {0};
		const struct block *leaf;
		int n = 0, slot;

		if (ctree_search(store, root, g_array_index(removals, ctree_key, i), &path, -1,
				 true)) {
			i++;
			continue;
		}
		leaf = block_of(store, path.nodes[0]);
		slot = path.slots[0];
		while (i < removals->len && slot + n < leaf->n &&
		       leaf->items[slot + n].key == g_array_index(removals, ctree_key, i)) {
			n++;
			i++;
		}
		ctree_delete(store, root, &path, slot, n);
	}
	g_array_set_size(removals, 0);
}

/* __btrfs_run_delayed_items() */
void store_run_delayed(struct btrfs_store *store)
{
	for (unsigned int i = 0; i < store->delayed_inodes->len; i++) {
		struct store_inode *inode = g_ptr_array_index(store->delayed_inodes, i);
		struct root *root = root_of(store, inode->root);
		struct path path = {0};
		struct item update = store_inode_item(inode);

		inode->update_queued = false;
		if (!root->node)
			continue;
		if (inode->index_adds)
			run_index_adds(store, root, inode->index_adds);
		if (inode->index_removals)
			run_index_removals(store, root, inode->index_removals);
		if (!ctree_search(store, root, update.key, &path, 0, true)) {
			*ctree_item(store, &path) = update;
			store->work->items_changed++;
		}
	}
	for (unsigned int i = 0; i < store->delayed_inodes->len; i++)
		store_forget_idle(store, g_ptr_array_index(store->delayed_inodes, i));
	g_ptr_array_set_size(store->delayed_inodes, 0);
}
