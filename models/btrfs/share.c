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

/* btrfs_remap_file_range_prep() writes the whole source back, and the target's range; a length of 0
 * reaches btrfs_wait_ordered_range() as it is and means all the rest. */
static int flush_both(struct kernel_task *task, struct clone *c)
{
	uint64_t from_size = c->from->store->size;
	uint64_t len = c->len ? c->len : from_size - MIN(from_size, c->from_offset);
	uint64_t start = c->to_offset - c->to_offset % KERNEL_BLOCK_BYTES;
	int err = btrfs_wait_ordered_range(task, c->from, 0, UINT64_MAX);

	if (!err)
		err = btrfs_wait_ordered_range(task, c->to, start,
					       len ? c->to_offset + len - start : UINT64_MAX);
	return err;
}

/* The change itself, and what the target's caches held of the range. */
static int share_range(struct kernel_task *task, struct clone *c,
		       int (*enter)(struct btrfs_fs *, void *, struct btrfs_work *))
{
	int err = btrfs_tree_change(task, c->to->fs, enter, c);

	if (err < 0)
		return err;
	btrfs_note_change(c->to);
	extent_map_drop(c->to, block_of(c->to_offset), blocks_over(c->to_offset, c->len));
	page_cache_drop(c->to->mapping, block_of(c->to_offset), blocks_over(c->to_offset, c->len));
	btrfs_dirty_edges(task, c->to, &c->dirtied);
	btrfs_drain(task, c->to->fs);
	if (c->dirtied.n) /* a copied inline extent is written back at once */
		btrfs_wait_ordered_range(task, c->to, c->to_offset, c->len);
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
	struct store_dirtied dirtied = {0};
	struct btrfs_work work = {0};
	uint64_t old_size = c->to->store->size;
	int err;

	if ((c->from->store->flags ^ c->to->store->flags) & STORE_NODATACOW)
		return -EINVAL;
	err = flush_both(task, c);
	btrfs_wait_tail(task, c->to);
	if (!err)
		err = store_clone_prepare(c->to->fs->store, c->from->store, c->from_offset, &c->len,
					  c->to->store, c->to_offset, &dirtied, &work);
	if (err)
		return err;
	btrfs_charge(task, c->to->fs, &work);
	btrfs_dirty_edges(task, c->to, &dirtied);
	if (c->to_offset > old_size)
		err = btrfs_wait_ordered_range(task, c->to,
					       old_size - old_size % KERNEL_BLOCK_BYTES,
					       c->to_offset - old_size);
	return err ? err : share_range(task, c, enter_clone);
}

/* do_clone_file_range() and vfs_dedupe_file_range_one(): both inodes locked, the design asked. */
static int remap(struct kernel_task *task, struct clone *c,
		 int (*locked)(struct kernel_task *task, struct clone *c))
{
	int err;

	kernel_run(task, COST_SYSCALL, 1);
	lock_both(task, c->from, c->to);
	err = btrfs_before_write(task, c->to);
	if (!err)
		err = refused(task, c);
	if (!err)
		err = locked(task, c);
	unlock_both(task, c->from, c->to);
	return err;
}

int btrfs_clone_range(struct kernel_task *task, struct btrfs_file *from, uint64_t from_offset,
		      uint64_t len, struct btrfs_file *to, uint64_t to_offset)
{
	struct clone c = {.from = from->inode,
			  .to = to->inode,
			  .from_offset = from_offset,
			  .len = len,
			  .to_offset = to_offset};

	return remap(task, &c, clone_locked);
}

static int read_for_comparison(struct kernel_task *task, struct btrfs_inode *inode, uint64_t offset,
			       uint64_t len)
{
	uint64_t size = inode->store->size, left = size - MIN(size, offset);

	return btrfs_fill_cache(task, inode, block_of(offset), blocks_over(offset, MIN(len, left)));
}

/* The kernel compares page by page, through both page caches. */
static int read_both(struct kernel_task *task, const struct clone *c)
{
	int err = read_for_comparison(task, c->from, c->from_offset, c->len);

	if (!err)
		err = read_for_comparison(task, c->to, c->to_offset, c->len);
	if (!err)
		kernel_run(task, COST_COPY_4K, blocks_over(c->from_offset, c->len));
	return err;
}

static int dedupe_locked(struct kernel_task *task, struct clone *c)
{
	int err = flush_both(task, c);

	if (!err)
		err = read_both(task, c);
	return err ? err : share_range(task, c, enter_dedupe);
}

int btrfs_dedupe_range(struct kernel_task *task, struct btrfs_file *from, uint64_t from_offset,
		       uint64_t len, struct btrfs_file *to, uint64_t to_offset, uint64_t *done)
{
	struct clone c = {.from = from->inode,
			  .to = to->inode,
			  .from_offset = from_offset,
			  .len = len,
			  .to_offset = to_offset};
	int err = remap(task, &c, dedupe_locked);

	*done = c.done;
	return err;
}

/* defrag_one_cluster(): what is to be rewritten is read and dirtied; its new extents are born at
 * writeback. */
static void read_and_dirty(struct kernel_task *task, struct btrfs_inode *inode)
{
	GArray *ranges = btrfs_own(inode->fs, OWNED_ARRAY,
				   g_array_new(false, false, sizeof(struct store_range)));

	for (GSequenceIter *i = g_sequence_get_begin_iter(inode->store->dirty);
	     !g_sequence_iter_is_end(i); i = g_sequence_iter_next(i)) {
		const struct store_range *range = g_sequence_get(i);

		if (range->defrag)
			g_array_append_vals(ranges, range, 1);
	}
	for (guint i = 0; i < ranges->len; i++) {
		struct store_range range = g_array_index(ranges, struct store_range, i);
		uint32_t first = block_of(range.start);
		uint32_t blocks = blocks_over(range.start, range.end - range.start);

		btrfs_fill_and_dirty(task, inode, first, blocks);
	}
	btrfs_release(inode->fs, OWNED_ARRAY, ranges);
}

int btrfs_defrag_file(struct kernel_task *task, struct btrfs_file *file, uint64_t threshold)
{
	struct btrfs_inode *inode = file->inode;
	struct btrfs_work work = {0};
	int err;

	kernel_run(task, COST_SYSCALL, 1);
	kernel_down_write(task, &inode->lock);
	err = btrfs_before_write(task, inode);
	if (!err && store_defrag(inode->fs->store, inode->store, 0, UINT64_MAX, (uint32_t)threshold,
				 &work)) {
		read_and_dirty(task, inode);
		err = btrfs_wait_ordered_range(task, inode, 0, UINT64_MAX);
	}
	btrfs_charge(task, inode->fs, &work);
	kernel_up_write(task, &inode->lock);
	return err;
}
