/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names that move: link, rename, exchange (6.12: inode.c, btrfs_link, btrfs_rename, …). */
#include "models/btrfs/ctree.h"

#include <errno.h>

enum { LINK_MAX_BTRFS = 65535 }; /* BTRFS_LINK_MAX */

/* A name and what it stands for. */
struct entry {
	struct store_inode *dir;
	uint32_t name;
	struct dir_target at;
	struct store_inode *inode; /* one handle; NULL: a subvolume */
};

static int entry_find(struct btrfs_store *store, struct store_inode *dir, const char *name,
		      struct entry *entry)
{
	int ret;

	*entry = (struct entry){.dir = dir, .name = store_name(store, name)};
	ret = store_dirent_find(store, dir, entry->name, &entry->at);
	if (ret || entry->at.is_root)
		return ret;
	return store_iget(store, dir->root, entry->at.target, &entry->inode, store->work);
}

static void entry_put(struct btrfs_store *store, struct entry *entry)
{
	if (entry->inode)
		store_inode_put(store, entry->inode, store->work);
}

static bool entry_is_dir(const struct entry *entry)
{
	return !entry->inode || entry->inode->flags & STORE_DIRECTORY;
}

/* Takes the name away; the INODE_REF of the new one is there already. */
static void entry_leave(struct btrfs_store *store, const struct entry *entry)
{
	const struct store_inode *inode = entry->inode;

	store_dirent_remove(store, entry->dir, entry->name,
			    inode ? store_ref_index(store, inode, entry->dir, entry->name)
				  : root_of(store, entry->at.target)->name_index);
	if (!inode)
		return;
	store_ref_remove(store, inode, entry->dir, entry->name);
	store_queue_update(store, entry->inode);
}

static void entry_arrive(struct btrfs_store *store, const struct entry *entry,
			 struct store_inode *dir, uint32_t name)
{
	if (entry->inode)
		store_dirent_add(store, dir, name, entry->at);
	else
		store_name_root(store, root_of(store, entry->at.target), dir, name);
}

int store_link(struct btrfs_store *store, struct store_inode *inode, struct store_inode *dir,
	       const char *name_text, struct btrfs_work *work)
{
	uint32_t name = store_name(store, name_text);
	int ret;

	store_enter(store, work);
	if (inode->flags & STORE_DIRECTORY)
		return -EPERM;
	if (inode->root != dir->root)
		return -EXDEV;
	if (!store_dirent_find(store, dir, name, &(struct dir_target){0}))
		return -EEXIST;
	if (inode->nlink >= LINK_MAX_BTRFS)
		return -EMLINK;
	ret = store_ref_add(store, inode, dir, name, store_dir_index(store, dir));
	if (ret)
		return ret;
	inode->nlink++;
	store_dirent_add(store, dir, name, (struct dir_target){.target = inode->ino});
	store_queue_update(store, inode);
	return 0;
}

static int may_replace(struct btrfs_store *store, const struct entry *from, const struct entry *to)
{
	if (!to->inode)
		return -EBUSY;
	if (entry_is_dir(from) != entry_is_dir(to))
		return entry_is_dir(to) ? -EISDIR : -ENOTDIR;
	return entry_is_dir(to) && !store_dir_is_empty(store, to->inode) ? -ENOTEMPTY : 0;
}

static int move_entry(struct btrfs_store *store, const struct entry *from, const struct entry *to,
		      bool replaces)
{
	int ret = replaces ? may_replace(store, from, to) : 0;

	if (!ret && from->inode)
		ret = store_ref_add(store, from->inode, to->dir, to->name,
				    store_dir_index(store, to->dir));
	if (ret)
		return ret;
	entry_leave(store, from);
	if (replaces)
		store_unlink_name(store, to->dir, to->inode, to->name);
	entry_arrive(store, from, to->dir, to->name);
	return 0;
}

int store_rename(struct btrfs_store *store, struct store_inode *from_dir, const char *from_text,
		 struct store_inode *to_dir, const char *to_text, struct btrfs_work *work)
{
	struct entry from, to;
	bool replaces;
	int ret;

	store_enter(store, work);
	ret = entry_find(store, from_dir, from_text, &from);
	if (ret)
		return ret;
	replaces = !entry_find(store, to_dir, to_text, &to);
	if (from.inode && from_dir->root != to_dir->root)
		ret = -EXDEV;
	else if (!replaces || !from.inode || from.inode != to.inode)
		ret = move_entry(store, &from, &to, replaces);
	entry_put(store, &from);
	entry_put(store, &to);
	return ret;
}

/* Both INODE_REFs go in before the old names go. */
static int cross_refs(struct btrfs_store *store, const struct entry *a, const struct entry *b)
{
	uint32_t second = store_dir_index(store, a->dir) + (a->dir == b->dir);
	int ret = 0;

	if (a->inode)
		ret = store_ref_add(store, a->inode, b->dir, b->name,
				    store_dir_index(store, b->dir));
	if (ret || !b->inode)
		return ret;
	ret = store_ref_add(store, b->inode, a->dir, a->name, second);
	if (ret && a->inode)
		store_ref_remove(store, a->inode, b->dir, b->name);
	return ret;
}

int store_exchange(struct btrfs_store *store, struct store_inode *a_dir, const char *a_text,
		   struct store_inode *b_dir, const char *b_text, struct btrfs_work *work)
{
	struct entry a, b;
	int ret;

	store_enter(store, work);
	ret = entry_find(store, a_dir, a_text, &a);
	if (ret)
		return ret;
	ret = entry_find(store, b_dir, b_text, &b);
	if (!ret && (a.inode || b.inode) && a_dir->root != b_dir->root)
		ret = -EXDEV;
	if (!ret && !(a.inode && a.inode == b.inode)) {
		ret = cross_refs(store, &a, &b);
		if (!ret) {
			entry_leave(store, &a);
			entry_leave(store, &b);
			entry_arrive(store, &a, b_dir, b.name);
			entry_arrive(store, &b, a_dir, a.name);
		}
	}
	entry_put(store, &a);
	entry_put(store, &b);
	return ret;
}
