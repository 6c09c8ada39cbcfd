/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sharing and rewriting ranges: reflink, dedupe, defrag (6.12: fs/btrfs/reflink.c, defrag.c). */
#include "models/btrfs/internal.h"

#include <errno.h>

struct clone {
	struct btrfs_inode *from, *to;
	uint64_t from_offset, len, to_offset, done;
	struct store_dirtied dirtied;
};

static int enter_clone(struct btrfs_fs *fs, void *arg, struct btrfs_work *work)
{
	struct clone *c = arg;

	return store_clone(fs->store, c->from->store, c->from_offset, c->len, c->to->store,
			   c->to_offset, &c->dirtied, work);
}

static int enter_dedupe(struct btrfs_fs *fs, void *arg, struct btrfs_work *work)
{
	struct clone *c = arg;

	return store_dedupe(fs->store, c->from->store, c->from_offset, c->len, c->to->store,
			    c->to_offset, &c->done, work);
}

/* lock_two_nondirectories(): by address in the kernel, by number here; the second lock is of a
 * subclass, I_MUTEX_NONDIR2. */
static void lock_both(struct kernel_task *task, struct btrfs_inode *a, struct btrfs_inode *b)
{
	bool in_order = btrfs_inode_number(a) <= btrfs_inode_number(b);
	struct sim *sim = machine_sim(a->fs->machine);

	kernel_down_write(task, in_order ? &a->lock : &b->lock);
	if (a != b)
		kernel_down_write_nested(task, in_order ? &b->lock : &a->lock,
					 sim_lock_class(sim, "i_rwsem/nondir2"));
}

static void unlock_both(struct kernel_task *task, struct btrfs_inode *a, struct btrfs_inode *b)
{
	kernel_up_write(task, &a->lock);
	if (a != b)
		kernel_up_write(task, &b->lock);
}

static int flush_both(struct kernel_task *task, struct clone *c)
{
	uint64_t old_end = c->to->store->size;
	uint64_t to_start = MIN(c->to_offset, old_end - old_end % KERNEL_BLOCK_BYTES);
	int err = btrfs_wait_ordered_range(task, c->from, c->from_offset, c->len);

	if (!err)
		err = btrfs_wait_ordered_range(task, c->to, to_start,
					       c->to_offset + c->len - to_start);
	return err;
}

static int share_range(struct kernel_task *task, struct clone *c,
		       int (*enter)(struct btrfs_fs *, void *, struct btrfs_work *))
{
	struct btrfs_fs *fs = c->to->fs;
	int err = flush_both(task, c);

	if (!err)
		err = btrfs_tree_change(task, fs, enter, c);
	if (err < 0)
		return err;
	c->to->unlogged_items++;
	c->to->changed_in = fs->commits;
	extent_map_drop(c->to, block_of(c->to_offset), blocks_over(c->to_offset, c->len));
	page_cache_drop(c->to->mapping, block_of(c->to_offset), blocks_over(c->to_offset, c->len));
	btrfs_dirty_edges(task, c->to, &c->dirtied);
	if (c->dirtied.n) /* a copied inline extent is written back at once */
		btrfs_wait_ordered_range(task, c->to, 0, UINT64_MAX);
	return err;
}

static int refused(struct kernel_task *task, const struct clone *c)
{
	const struct btrfs_fs *fs = c->to->fs;
	int err = fs->crypt_ops ? fs->crypt_ops->may_clone(fs->crypt, c->from, c->to) : 0;

	return err ? btrfs_refuse(task, err, "the design does not share extents of this key") : 0;
}

static int clone_locked(struct kernel_task *task, struct clone *c)
{
	struct store_dirtied dirtied = { 0 };
	struct btrfs_work work = { 0 };
	int err = store_clone_prepare(c->to->fs->store, c->from->store, c->from_offset, &c->len,
				      c->to->store, c->to_offset, &dirtied, &work);

	if (err)
		return err;
	btrfs_charge(task, c->to->fs, &work);
	btrfs_dirty_edges(task, c->to, &dirtied);
	return share_range(task, c, enter_clone);
}

int btrfs_clone_range(struct kernel_task *task, struct btrfs_file *from, uint64_t from_offset,
		      uint64_t len, struct btrfs_file *to, uint64_t to_offset)
{
	struct clone c = { .from = from->inode, .to = to->inode, .from_offset = from_offset,
			   .len = len, .to_offset = to_offset };
	int err;

	kernel_run(task, COST_SYSCALL, 1);
	lock_both(task, c.from, c.to);
	err = refused(task, &c);
	if (!err)
		err = clone_locked(task, &c);
	unlock_both(task, c.from, c.to);
	return err;
}

/* The kernel compares page by page, through both page caches. */
static int read_both(struct kernel_task *task, const struct clone *c)
{
	uint32_t blocks = blocks_over(c->from_offset, c->len);
	int err = btrfs_fill_cache(task, c->from, block_of(c->from_offset), blocks);

	if (!err)
		err = btrfs_fill_cache(task, c->to, block_of(c->to_offset), blocks);
	if (!err)
		kernel_run(task, COST_COPY_4K, blocks);
	return err;
}

int btrfs_dedupe_range(struct kernel_task *task, struct btrfs_file *from, uint64_t from_offset,
		       uint64_t len, struct btrfs_file *to, uint64_t to_offset, uint64_t *done)
{
	struct clone c = { .from = from->inode, .to = to->inode, .from_offset = from_offset,
			   .len = len, .to_offset = to_offset };
	int err;

	*done = 0;
	kernel_run(task, COST_SYSCALL, 1);
	if (from_offset + len > c.from->store->size || to_offset + len > c.to->store->size)
		return -EINVAL;
	lock_both(task, c.from, c.to);
	err = refused(task, &c);
	if (!err)
		err = flush_both(task, &c);
	if (!err)
		err = read_both(task, &c);
	if (!err)
		err = share_range(task, &c, enter_dedupe);
	*done = c.done;
	unlock_both(task, c.from, c.to);
	return err;
}

static void dirty_pages(gpointer data, gpointer arg)
{
	const struct store_range *range = data;
	struct btrfs_inode *inode = arg;
	uint32_t first = block_of(range->start);
	uint32_t blocks = blocks_over(range->start, range->end - range->start);

	page_cache_dirty(inode->mapping, first, blocks);
}

/* Reads the file and dirties what is to be rewritten; the new extents are born at writeback. */
int btrfs_defrag_file(struct kernel_task *task, struct btrfs_file *file, uint64_t threshold)
{
	struct btrfs_inode *inode = file->inode;
	uint64_t size = inode->store->size;
	struct btrfs_work work = { 0 };
	int err;

	kernel_run(task, COST_SYSCALL, 1);
	kernel_down_write(task, &inode->lock);
	err = btrfs_wait_ordered_range(task, inode, 0, UINT64_MAX);
	if (!err)
		err = btrfs_fill_cache(task, inode, 0, blocks_over(0, size));
	if (!err) {
		store_defrag(inode->fs->store, inode->store, 0, size, (uint32_t)threshold, &work);
		g_sequence_foreach(inode->store->dirty, dirty_pages, inode);
		btrfs_charge(task, inode->fs, &work);
		err = btrfs_wait_ordered_range(task, inode, 0, UINT64_MAX);
	}
	kernel_up_write(task, &inode->lock);
	return err;
}
