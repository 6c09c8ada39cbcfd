/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names, subvolumes and snapshots; inode flags and policies. */
#include "models/btrfs/internal.h"

#include <errno.h>
#include <string.h>

/* Leaves that the cleaner drops in one transaction (btrfs_drop_snapshot ends its handle when
 * btrfs_should_end_transaction() says so; a bound stands for that). */
enum { DROP_LEAVES_PER_TRANSACTION = 64 };

struct name_change {
	const char *path, *source;
	uint32_t root;
	struct btrfs_inode *inode;
	uint32_t key;
	bool more;
};

/* Runs a change of a directory's names under the directory's lock. */
static int change_names(struct kernel_task *task, struct btrfs_fs *fs, struct name_change *c,
			int (*enter)(struct btrfs_fs *, void *, struct btrfs_work *))
{
	struct btrfs_place place;
	int err = btrfs_find_open_place(task, fs, c->path, &place);

	kernel_run(task, COST_SYSCALL, 1);
	if (err)
		return err;
	kernel_down_write(task, &place.dir->lock);
	err = btrfs_tree_change(task, fs, enter, c);
	kernel_up_write(task, &place.dir->lock);
	btrfs_unpin(place.dir);
	return err;
}

static int enter_subvol(struct btrfs_fs *fs, void *arg, struct btrfs_work *work)
{
	struct name_change *c = arg;

	return store_subvol_create(fs->store, c->path, &c->root, work);
}

int btrfs_subvol_create(struct kernel_task *task, struct btrfs_fs *fs, const char *path)
{
	struct name_change c = {.path = path};

	return change_names(task, fs, &c, enter_subvol);
}

static int enter_snapshot(struct btrfs_fs *fs, void *arg, struct btrfs_work *work)
{
	struct name_change *c = arg;

	return store_snapshot(fs->store, c->source, c->path, &c->root, work);
}

/* btrfs_mksnapshot(): delalloc is flushed first, then the snapshot is made inside a commit. */
int btrfs_snapshot(struct kernel_task *task, struct btrfs_fs *fs, const char *from,
		   const char *path)
{
	struct name_change c = {.path = path, .source = from};

	struct btrfs_inode *top;
	int err = btrfs_iget(task, fs, from, &top);

	kernel_run(task, COST_SYSCALL, 1);
	if (err)
		return err;
	btrfs_flush_dirty(task, fs, top->store->root);
	btrfs_wait_ordered_all(task, fs); /* those of a writeback that others began, too */
	btrfs_unpin(top);
	return btrfs_commit_with(task, fs, enter_snapshot, &c);
}

static bool of_root(struct btrfs_inode *inode, void *arg)
{
	return inode->store->root == *(const uint32_t *)arg && inode->store->nlink;
}

/* d_invalidate() again, children before their directories: time has passed. What is in use lives on. */
static int enter_delete(struct btrfs_fs *fs, void *arg, struct btrfs_work *work)
{
	struct name_change *c = arg;
	int err;

	btrfs_evict_inodes(fs, of_root, &c->root);
	err = store_subvol_delete(fs->store, c->path, &c->root, work);
	if (err)
		return err;
	c->more = !store_root_in_use(fs->store, c->root);
	if (!c->more)
		g_hash_table_add(fs->dead_roots, GUINT_TO_POINTER(c->root));
	return 0;
}

static int drop_some(struct btrfs_fs *fs, void *arg, struct btrfs_work *work)
{
	struct name_change *c = arg;

	c->more = store_drop_subvol(fs->store, c->root, DROP_LEAVES_PER_TRANSACTION, work);
	return 0;
}

/* The cleaner and relocation exclude each other (cleaner_mutex). */
static void drop_tree(struct kernel_task *task, struct btrfs_fs *fs, uint32_t root)
{
	struct name_change c = {.root = root, .more = true};

	kernel_mutex_lock(task, &fs->balance_mutex);
	while (c.more)
		btrfs_tree_change(task, fs, drop_some, &c);
	kernel_mutex_unlock(task, &fs->balance_mutex);
}

struct dead_root {
	struct btrfs_fs *fs;
	uint32_t root;
};

static void clean_root(struct kernel_task *task, void *arg)
{
	struct dead_root dead = *(struct dead_root *)arg;

	btrfs_release(dead.fs, OWNED_MEMORY, arg);
	drop_tree(task, dead.fs, dead.root);
}

static void queue_drop(struct btrfs_fs *fs, uint32_t root)
{
	struct dead_root *dead = btrfs_own(fs, OWNED_MEMORY, g_new(struct dead_root, 1));

	*dead = (struct dead_root){fs, root};
	workqueue_queue(fs->cleaner, clean_root, dead, ++fs->next_request);
}

/* btrfs_del_inode_from_root(): the last one makes the root a dead one (btrfs_add_dead_root()). */
void btrfs_root_left(struct btrfs_fs *fs, uint32_t root)
{
	if (!g_hash_table_contains(fs->dead_roots, GUINT_TO_POINTER(root)) ||
	    store_root_in_use(fs->store, root))
		return;
	g_hash_table_remove(fs->dead_roots, GUINT_TO_POINTER(root));
	queue_drop(fs, root);
}

static bool forget_of_root(struct btrfs_inode *inode, void *arg)
{
	const uint32_t *root = arg;

	if (inode->store->root != *root || inode->opens)
		return false;
	store_discard_dirty(inode->fs->store, inode->store);
	page_cache_drop(inode->mapping, 0, UINT32_MAX);
	return true;
}

/* btrfs_delete_subvolume(). `c->more`: nobody uses it, and its tree can be dropped. */
static int delete_root(struct kernel_task *task, struct btrfs_fs *fs, struct name_change *c)
{
	struct btrfs_inode *top;
	int err = btrfs_iget(task, fs, c->path, &top);

	if (err)
		return err;
	c->root = top->store->root;
	btrfs_unpin(top);
	btrfs_evict_inodes(fs, forget_of_root, &c->root); /* d_invalidate() */
	return change_names(task, fs, c, enter_delete);
}

int btrfs_subvol_destroy(struct kernel_task *task, struct btrfs_fs *fs, const char *path)
{
	struct name_change c = {.path = path};
	int err = delete_root(task, fs, &c);

	if (!err && c.more)
		queue_drop(fs, c.root);
	return err;
}

int btrfs_subvol_delete(struct kernel_task *task, struct btrfs_fs *fs, const char *path)
{
	struct name_change c = {.path = path};
	int err = delete_root(task, fs, &c);

	if (err)
		return err;
	btrfs_commit_transaction(task, fs);
	if (!c.more)
		return 0;
	drop_tree(task, fs, c.root);
	btrfs_commit_transaction(task, fs);
	return 0;
}

static int enter_nocow(struct btrfs_fs *fs, void *arg, struct btrfs_work *work)
{
	const struct name_change *c = arg;

	store_set_nocow(fs->store, c->inode->store, work);
	return 0;
}

int btrfs_set_nocow(struct kernel_task *task, struct btrfs_file *file)
{
	struct name_change c = {.inode = file->inode};

	kernel_run(task, COST_SYSCALL, 1);
	return btrfs_tree_change(task, file->inode->fs, enter_nocow, &c);
}

static int enter_policy(struct btrfs_fs *fs, void *arg, struct btrfs_work *work)
{
	const struct name_change *c = arg;

	store_set_policy(fs->store, c->inode->store, btrfs_policy_of_key(fs, c->key), work);
	return 0;
}

/* fscrypt_ioctl_set_policy(): a directory, empty, without another policy. What a mixed tree allows beside
 * that: the top of a plain subvolume, a snapshot of a base image. */
static int may_set_policy(struct btrfs_inode *inode, uint32_t key, bool has_key)
{
	uint32_t policy = btrfs_inherited_policy(inode);

	if (!btrfs_inode_is_dir(inode))
		return -ENOTDIR;
	if (policy && policy != key)
		return -EEXIST;
	if (inode->store->policy_key)
		return 1;
	if (!(inode->fs->config.mixed_trees && inode->store->ino == BTRFS_FIRST_FREE_OBJECTID) &&
	    !btrfs_dir_is_empty(inode))
		return -ENOTEMPTY;
	return has_key ? 0 : -ENOKEY;
}

int btrfs_set_policy(struct kernel_task *task, struct btrfs_fs *fs, const char *path, uint32_t key,
		     bool has_key)
{
	struct name_change c = {.key = key};
	int err = btrfs_iget(task, fs, path, &c.inode);

	kernel_run(task, COST_SYSCALL, 1);
	if (err)
		return err;
	kernel_down_write(task, &c.inode->lock);
	err = may_set_policy(c.inode, key, has_key);
	if (!err)
		err = btrfs_tree_change(task, fs, enter_policy, &c);
	kernel_up_write(task, &c.inode->lock);
	btrfs_unpin(c.inode);
	return MIN(err, 0);
}

int btrfs_get_policy(struct kernel_task *task, struct btrfs_fs *fs, const char *path, uint32_t *key)
{
	struct btrfs_inode *inode;
	int err = btrfs_iget(task, fs, path, &inode);

	kernel_run(task, COST_SYSCALL, 1);
	if (err)
		return err;
	*key = btrfs_inode_policy(inode);
	btrfs_iput(inode);
	return 0;
}
