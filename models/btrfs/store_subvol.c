/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Subvolumes and snapshots: made, deleted, dropped. 6.12: transaction.c (create_pending_snapshot),
 * ioctl.c, extent-tree.c (btrfs_drop_snapshot). */
#include "models/btrfs/ctree.h"

#include <errno.h>

/* Places the name of a new root; the root itself is made by the caller between the two. */
static int find_place(struct btrfs_store *store, const char *path, struct store_inode **dir,
		      uint32_t *name)
{
	struct dir_target there;
	int ret = store_parent(store, path, dir, name);

	if (ret)
		return ret;
	if (store_dirent_find(store, *dir, *name, &there))
		return 0;
	store_inode_put(store, *dir, store->work);
	return -EEXIST;
}

void store_name_root(struct btrfs_store *store, struct root *root, struct store_inode *dir,
		     uint32_t name)
{
	root->parent_root = dir->root;
	root->parent_ino = dir->ino;
	root->name_index = store_dir_index(store, dir);
	store_dirent_add(store, dir, name,
			 (struct dir_target){.target = root->id, .is_root = true});
}

int store_subvol_create(struct btrfs_store *store, const char *path, uint32_t *root_id,
			struct btrfs_work *work)
{
	struct store_inode *dir;
	struct path at = {0};
	struct item items[2];
	struct root *root;
	uint32_t name;
	int ret;

	store_enter(store, work);
	ret = find_place(store, path, &dir, &name);
	if (ret)
		return ret;
	root = store_add_root(store, 0);
	store_root_items(store, items);
	ctree_insert(store, root, &at, items, 2);
	store_name_root(store, root, dir, name);
	store_inode_put(store, dir, work);
	*root_id = root->id;
	return 0;
}

static int subvol_of(struct btrfs_store *store, const char *path, uint32_t *root_id)
{
	struct store_inode *inode;
	int ret = store_lookup(store, path, &inode, store->work);

	if (ret)
		return ret;
	*root_id = inode->root;
	ret = inode->ino == BTRFS_FIRST_FREE_OBJECTID ? 0 : -EINVAL;
	store_inode_put(store, inode, store->work);
	return ret;
}

int store_snapshot(struct btrfs_store *store, const char *source, const char *path,
		   uint32_t *root_id, struct btrfs_work *work)
{
	struct root *from, *root;
	struct store_inode *dir;
	uint32_t source_id, name;
	int ret;

	store_enter(store, work);
	ret = subvol_of(store, source, &source_id);
	if (!ret)
		ret = find_place(store, path, &dir, &name);
	if (ret)
		return ret;
	store_run_delayed(store);
	from = root_of(store, source_id);
	from->last_snapshot = store->generation;
	block_cow(store, from, from->node, 0, 0);
	/* From here to the commit, blocks of the source are the snapshot's too. */
	from->force_cow = store->generation;
	root = store_add_root(store, block_copy_root(store, from, store_next_root_id(store)));
	root->last_snapshot = root->origin_generation = store->generation;
	root->next_ino = 0;
	root->origin = source_id;
	root->inherited_ino = store_highest_ino(store, from);
	store_name_root(store, root, dir, name);
	store_inode_put(store, dir, work);
	store_commit(store, work);
	*root_id = root->id;
	return 0;
}

static bool has_subvols(const struct btrfs_store *store, uint32_t root_id)
{
	for (unsigned int i = BTRFS_FIRST_FREE_OBJECTID; i < store->roots->len; i++)
		if (root_of(store, i) && root_of(store, i)->parent_root == root_id)
			return true;
	return false;
}

static gboolean is_idle_in_root(gpointer key, gpointer value, gpointer data)
{
	struct store_inode *inode = value;

	(void)key;
	if (inode->root != *(uint32_t *)data || inode->users)
		return FALSE;
	store_inode_free(inode);
	return TRUE;
}

static void drop_from_list(GPtrArray *list, uint32_t root_id)
{
	for (unsigned int i = list->len; i--;) {
		const struct store_inode *inode = list->pdata[i];

		if (inode->root == root_id && !inode->users)
			g_ptr_array_remove_index(list, i);
	}
}

/* What nobody has a handle of; the others live on, in a tree that nobody finds. */
static void forget_inodes(struct btrfs_store *store, uint32_t root_id)
{
	drop_from_list(store->dirty_inodes, root_id);
	drop_from_list(store->delayed_inodes, root_id);
	g_hash_table_foreach_remove(store->inodes, is_idle_in_root, &root_id);
}

static gboolean used_in_root(gpointer key, gpointer value, gpointer data)
{
	const struct store_inode *inode = value;

	(void)key;
	return inode->root == *(uint32_t *)data && inode->users;
}

bool store_root_dead(const struct btrfs_store *store, uint32_t root_id)
{
	return root_id != BTRFS_FS_TREE_ROOT && !root_of(store, root_id)->parent_root;
}

bool store_root_in_use(const struct btrfs_store *store, uint32_t root_id)
{
	return g_hash_table_find(store->inodes, used_in_root, &root_id);
}

int store_subvol_delete(struct btrfs_store *store, const char *path, uint32_t *root_id,
			struct btrfs_work *work)
{
	struct dir_target found;
	struct store_inode *dir;
	struct root *root;
	uint32_t name;
	int ret;

	store_enter(store, work);
	ret = store_parent(store, path, &dir, &name);
	if (ret)
		return ret;
	ret = store_dirent_find(store, dir, name, &found);
	if (!ret && !found.is_root)
		ret = -EINVAL;
	if (!ret && has_subvols(store, found.target))
		ret = -ENOTEMPTY;
	if (!ret) {
		root = root_of(store, found.target);
		store_dirent_remove(store, dir, name, root->name_index);
		root->parent_root = root->parent_ino = 0;
		forget_inodes(store, root->id);
		*root_id = root->id;
	}
	store_inode_put(store, dir, work);
	return ret;
}

/* One level of the way down of a drop. */
struct drop_frame {
	block_nr nr;
	uint32_t slot;
};

/* Stage UPDATE_BACKREF: blocks that others share lose the keyed references of the dying root. */
static void update_backrefs(struct btrfs_store *store, const struct root *root, block_nr nr)
{
	struct block *block = block_of(store, nr);

	if (block->generation <= root->origin_generation || block->owner != root->id)
		return;
	if (!(block->flags & BLOCK_FULL_BACKREF)) {
		block_mod_ref(store, nr, true, true);
		block_mod_ref(store, nr, false, false);
		block->flags |= BLOCK_FULL_BACKREF;
	}
	for (unsigned int i = 0; block->level && i < block->n; i++) {
		block_nr child = block->children[i].block;

		if (block->level > 1 || !(block_of(store, child)->flags & BLOCK_FULL_BACKREF))
			update_backrefs(store, root, child);
	}
}

static void drop_leaf(struct btrfs_store *store, block_nr nr)
{
	struct block *leaf = block_of(store, nr);

	block_mod_ref(store, nr, leaf->flags & BLOCK_FULL_BACKREF, false);
	leaf_count_items(store, leaf, false);
	block_unlink(store, nr);
}

/* Goes one step in the tree; false when the root is gone. */
static bool drop_step(struct btrfs_store *store, struct root *root, uint64_t *leaves)
{
	struct drop_frame *top =
		&g_array_index(root->drop_stack, struct drop_frame, root->drop_stack->len - 1);
	struct block *block = block_of(store, top->nr), *child;
	struct drop_frame next;

	if (!block->level || top->slot == block->n) {
		if (block->level) {
			block_unlink(store, top->nr);
		} else {
			drop_leaf(store, top->nr);
			--*leaves;
		}
		g_array_set_size(root->drop_stack, root->drop_stack->len - 1);
		return root->drop_stack->len;
	}
	next = (struct drop_frame){.nr = block->children[top->slot++].block};
	child = block_of(store, next.nr);
	store->work->levels++;
	if (child->refs == 1) {
		g_array_append_val(root->drop_stack, next);
		return true;
	}
	if (child->level || !(child->flags & BLOCK_FULL_BACKREF))
		update_backrefs(store, root, next.nr);
	child->refs--;
	store->work->tree_refs++;
	return true;
}

bool store_drop_subvol(struct btrfs_store *store, uint32_t root_id, uint64_t leaves,
		       struct btrfs_work *work)
{
	struct root *root = root_of(store, root_id);
	struct drop_frame top;

	store_enter(store, work);
	if (!root || !root->node)
		return false;
	g_assert(!root->parent_root && !store_root_in_use(store, root_id));
	forget_inodes(store, root_id); /* btrfs_kill_all_delayed_nodes() */
	if (!leaves)
		leaves = UINT64_MAX;
	if (!root->drop_stack) {
		root->drop_stack = g_array_new(FALSE, FALSE, sizeof(struct drop_frame));
		top = (struct drop_frame){.nr = root->node};
		g_array_append_val(root->drop_stack, top);
	}
	while (leaves) {
		if (drop_step(store, root, &leaves))
			continue;
		root->node = 0;
		g_array_free(root->drop_stack, TRUE);
		root->drop_stack = NULL;
		return false;
	}
	return true;
}
