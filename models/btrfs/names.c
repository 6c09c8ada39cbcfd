/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a program does to names: unlink, rmdir, link, rename, exchange; stat and reading directories. */
#include "models/btrfs/internal.h"

#include <errno.h>

/* ---- removing ---- */

static int enter_unlink(struct btrfs_fs *fs, void *arg, struct btrfs_work *work)
{
	const struct btrfs_place *place = arg;

	return store_unlink_at(fs->store, place->dir->store, place->name, work);
}

/* The inode may have lost a name; it leaves with its last one and its last user. */
static void put_unlinked(struct kernel_task *task, struct btrfs_inode *inode)
{
	btrfs_unpin(inode);
	if (btrfs_inode_doomed(inode) && !inode->opens)
		btrfs_last_iput(task, inode);
}

/* do_unlinkat(), do_rmdir(): the name is looked up under the directory's lock. */
static int remove_name(struct kernel_task *task, struct btrfs_fs *fs, const char *path,
		       bool directory)
{
	struct btrfs_inode *inode = NULL;
	struct btrfs_place place;
	int err = btrfs_find_place(task, fs, path, &place);

	kernel_run(task, COST_SYSCALL, 1);
	if (err)
		return err;
	kernel_down_write(task, &place.dir->lock);
	err = btrfs_lookup(task, place.dir, place.given, &inode);
	if (!err && btrfs_inode_is_dir(inode) != directory)
		err = directory ? -ENOTDIR : -EISDIR;
	if (!err)
		err = btrfs_tree_change(task, fs, enter_unlink, &place);
	kernel_up_write(task, &place.dir->lock);
	btrfs_unpin(place.dir);
	if (inode)
		put_unlinked(task, inode);
	return err;
}

int btrfs_unlink(struct kernel_task *task, struct btrfs_fs *fs, const char *path)
{
	return remove_name(task, fs, path, false);
}

int btrfs_rmdir(struct kernel_task *task, struct btrfs_fs *fs, const char *path)
{
	return remove_name(task, fs, path, true);
}

/* ---- policies and places ---- */

/* May the inode, now in `from`, have a name in `to`? One policy a tree; a plain inode of a mixed tree may
 * move within it, and one that borrows its directory's policy can't leave it. */
static bool may_enter(const struct btrfs_inode *inode, const struct btrfs_inode *from,
		      const struct btrfs_inode *to)
{
	const struct btrfs_config *config = &inode->fs->config;
	uint32_t own = inode->store->policy_key, policy = btrfs_inherited_policy(to);

	if (from == to || inode->store->root != from->store->root)
		return true;
	if (!policy)
		return !own || !config->leaf_borrows || btrfs_inode_is_dir(inode);
	if (own)
		return own == policy;
	return config->mixed_trees && btrfs_inherited_policy(from) == policy;
}

static int refuse_place(struct kernel_task *task)
{
	return btrfs_refuse(task, -EXDEV, "the policy is not the directory's");
}

/* ---- link ---- */

struct linking {
	struct btrfs_inode *inode;
	struct btrfs_place place;
};

static int enter_link(struct btrfs_fs *fs, void *arg, struct btrfs_work *work)
{
	const struct linking *l = arg;

	return store_link(fs->store, l->inode->store, l->place.dir->store, l->place.name, work);
}

/* vfs_link() */
static int link_locked(struct kernel_task *task, struct btrfs_fs *fs, struct linking *l)
{
	int err;

	if (btrfs_inode_is_dir(l->inode))
		return -EPERM;
	if (!may_enter(l->inode, l->inode->parent, l->place.dir))
		return refuse_place(task);
	kernel_down_write(task, &l->place.dir->lock);
	kernel_down_write(task, &l->inode->lock);
	err = btrfs_tree_change(task, fs, enter_link, l);
	if (!err)
		btrfs_note_change(l->inode);
	kernel_up_write(task, &l->inode->lock);
	kernel_up_write(task, &l->place.dir->lock);
	return err;
}

int btrfs_link(struct kernel_task *task, struct btrfs_fs *fs, const char *path, const char *name)
{
	struct btrfs_inode *there;
	struct linking l;
	int err = btrfs_iget(task, fs, path, &l.inode);

	kernel_run(task, COST_SYSCALL, 1);
	if (err)
		return err;
	if (!btrfs_iget(task, fs, name, &there)) { /* filename_create() looks first */
		btrfs_iput(there);
		err = -EEXIST;
	}
	if (!err)
		err = btrfs_find_open_place(task, fs, name, &l.place);
	if (!err) {
		err = link_locked(task, fs, &l);
		btrfs_unpin(l.place.dir);
	}
	btrfs_iput(l.inode);
	return err;
}

/* ---- rename and exchange ---- */

struct moving {
	struct btrfs_inode *a, *b; /* b: what has the new name; NULL: nothing */
	struct btrfs_place from, to;
	bool exchange;
};

static int enter_move(struct btrfs_fs *fs, void *arg, struct btrfs_work *work)
{
	const struct moving *m = arg;

	return (m->exchange ? store_exchange : store_rename)(
		fs->store, m->from.dir->store, m->from.name, m->to.dir->store, m->to.name, work);
}

static bool is_below(const struct btrfs_inode *inode, const struct btrfs_inode *dir)
{
	for (; inode; inode = inode->parent)
		if (inode == dir)
			return true;
	return false;
}

/* fscrypt_prepare_rename(), behind the checks of the VFS. */
static int may_move(struct kernel_task *task, const struct moving *m)
{
	if (is_below(m->to.dir, m->a) || (m->exchange && is_below(m->from.dir, m->b)))
		return -EINVAL;
	if (m->from.nokey || m->to.locked || (m->exchange && m->from.locked))
		return btrfs_refuse(task, -ENOKEY, "the directory is locked");
	if (!may_enter(m->a, m->from.dir, m->to.dir) ||
	    (m->exchange && !may_enter(m->b, m->to.dir, m->from.dir)))
		return refuse_place(task);
	return 0;
}

/* lock_rename(): of two directories the one above the other first. */
static void lock_dirs(struct kernel_task *task, const struct moving *m)
{
	struct sim *sim = machine_sim(m->from.dir->fs->machine);
	bool to_first = is_below(m->from.dir, m->to.dir);
	struct btrfs_inode *first = to_first ? m->to.dir : m->from.dir;
	struct btrfs_inode *second = to_first ? m->from.dir : m->to.dir;

	if (first != second)
		kernel_mutex_lock(task, &first->fs->rename_mutex);
	kernel_down_write(task, &first->lock);
	if (first != second)
		kernel_down_write_nested(task, &second->lock,
					 sim_lock_class(sim, "i_rwsem (dir)/parent2"));
}

static void unlock_dirs(struct kernel_task *task, const struct moving *m)
{
	struct btrfs_fs *fs = m->from.dir->fs;

	kernel_up_write(task, &m->from.dir->lock);
	if (m->from.dir == m->to.dir)
		return;
	kernel_up_write(task, &m->to.dir->lock);
	kernel_mutex_unlock(task, &fs->rename_mutex);
}

/* d_move(): a file of several names stays under the one it was found by. */
static void reparent(struct btrfs_inode *inode, struct btrfs_inode *from, struct btrfs_inode *to)
{
	if (inode->parent != from)
		return;
	from->children--;
	inode->parent = to;
	to->children++;
}

static int look_both_up(struct kernel_task *task, struct moving *m)
{
	int err = btrfs_lookup(task, m->from.dir, m->from.given, &m->a);

	if (!err)
		err = btrfs_lookup(task, m->to.dir, m->to.given, &m->b);
	return err == -ENOENT && m->a && !m->exchange ? 0 : err;
}

static bool replaces_data(const struct moving *m)
{
	return m->b && m->b != m->a && !m->exchange && !btrfs_inode_is_dir(m->a) &&
	       btrfs_inode_size(m->b);
}

static int move_locked(struct kernel_task *task, struct btrfs_fs *fs, struct moving *m)
{
	int err = look_both_up(task, m);

	if (!err)
		err = may_move(task, m);
	if (!err && replaces_data(m)) /* the new content starts on its way before the old goes */
		btrfs_start_writeback(task, m->a);
	if (!err)
		err = btrfs_tree_change(task, fs, enter_move, m);
	if (err || m->a == m->b)
		return err;
	btrfs_note_change(m->a);
	reparent(m->a, m->from.dir, m->to.dir);
	if (m->exchange)
		reparent(m->b, m->to.dir, m->from.dir);
	return 0;
}

/* do_renameat2() */
int btrfs_rename(struct kernel_task *task, struct btrfs_fs *fs, const char *from, const char *to,
		 bool exchange)
{
	struct moving m = {.exchange = exchange};
	int err = btrfs_find_place(task, fs, from, &m.from);

	kernel_run(task, COST_SYSCALL, 1);
	if (err)
		return err;
	err = btrfs_find_place(task, fs, to, &m.to);
	if (!err) {
		lock_dirs(task, &m);
		err = move_locked(task, fs, &m);
		unlock_dirs(task, &m);
		btrfs_unpin(m.to.dir);
	}
	btrfs_unpin(m.from.dir);
	if (m.a)
		put_unlinked(task, m.a);
	if (m.b)
		put_unlinked(task, m.b);
	return err;
}

/* ---- looking ---- */

int btrfs_stat(struct kernel_task *task, struct btrfs_fs *fs, const char *path)
{
	struct btrfs_inode *inode;
	int err = btrfs_iget(task, fs, path, &inode);

	kernel_run(task, COST_SYSCALL, 1);
	if (!err)
		btrfs_iput(inode);
	return err;
}

static bool count_name(void *arg, const char *name, uint32_t root, uint32_t ino)
{
	(void)name;
	(void)root;
	(void)ino;
	++*(uint32_t *)arg;
	return true;
}

int btrfs_list(struct kernel_task *task, struct btrfs_fs *fs, const char *path, uint32_t *names)
{
	struct btrfs_work work = {0};
	struct btrfs_inode *dir;
	int err = btrfs_iget(task, fs, path, &dir);

	*names = 0;
	kernel_run(task, COST_SYSCALL, 1);
	if (err)
		return err;
	if (btrfs_inode_is_dir(dir)) {
		kernel_down_read(task, &dir->lock);
		store_readdir(fs->store, dir->store, count_name, names, &work);
		btrfs_charge(task, fs, &work);
		kernel_up_read(task, &dir->lock);
	} else {
		err = -ENOTDIR;
	}
	btrfs_iput(dir);
	return err;
}
