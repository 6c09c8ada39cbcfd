/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Transactions: joined by whoever changes the trees, committed by sync, by a snapshot, or by the
 * commit interval (6.12: fs/btrfs/transaction.c). A commit waits for those who have joined and
 * holds off those who want to join; the semaphore's fairness is the kernel's.
 */
#include "models/btrfs/internal.h"

#include <errno.h>

static void add_work(struct btrfs_work *sum, const struct btrfs_work *work)
{
	uint64_t *to = (uint64_t *)sum;
	const uint64_t *from = (const uint64_t *)work;

	_Static_assert(sizeof(*sum) % sizeof(*to) == 0, "struct btrfs_work is made of counters");
	for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
		to[i] += from[i];
}

void btrfs_charge(struct kernel_task *task, struct btrfs_fs *fs, const struct btrfs_work *work)
{
	uint64_t cowed = work->nodes_cowed + work->leaves_cowed;
	uint64_t refs = work->data_refs + work->tree_refs;

	add_work(&fs->count.work, work);
	fs->dirty_tree_blocks += work->blocks_written;
	if (work->searches) {
		uint64_t bytes = machine_size(fs->machine, SIZE_BTRFS_PATH);

		kernel_alloc_nofail(task, fs->site_path, GFP_NOFS, bytes, work->searches);
		for (uint64_t i = 0; i < work->searches; i++)
			kernel_free(fs->machine, fs->site_path, bytes);
	}
	kernel_run(task, COST_TREE_LEVEL,
		   work->levels + work->leaves_walked + work->context_leaves);
	kernel_run(task, COST_TREE_ITEM,
		   work->items_inserted + work->items_deleted + work->items_changed);
	kernel_run(task, COST_TREE_COW, cowed);
	kernel_run(task, COST_TREE_SPLIT,
		   work->leaf_splits + work->node_splits + work->leaf_pushes);
	if (refs) {
		uint64_t bytes = machine_size(fs->machine, SIZE_DELAYED_REF);

		kernel_alloc_nofail(task, fs->site_ref, GFP_NOFS, bytes, refs);
		for (uint64_t i = 0; i < refs; i++)
			kernel_free(fs->machine, fs->site_ref, bytes);
		kernel_run(task, COST_DELAYED_REF, refs);
	}
}

static void interval_commit(struct kernel_task *task, void *arg)
{
	btrfs_commit_transaction(task, arg);
}

static void interval_over(struct sim *sim, void *arg)
{
	struct btrfs_fs *fs = arg;

	(void)sim;
	fs->commit_armed = false;
	workqueue_queue(fs->transaction_kthread, interval_commit, fs, ++fs->next_request);
}

/* The kernel's transaction thread wakes at intervals for ever; armed only while there is something
 * to commit, an idle filesystem lets the run end. */
static void arm_interval(struct btrfs_fs *fs)
{
	if (fs->commit_armed)
		return;
	fs->commit_armed = true;
	sim_after(machine_sim(fs->machine), machine_cost_mean(fs->machine, SPAN_COMMIT_INTERVAL), 0,
		  interval_over, fs);
}

/* current->journal_info: a task that has a handle, or commits, joins its own transaction again. */
static bool in_transaction(const struct kernel_task *task)
{
	for (uint32_t i = 0; i < task->contexts; i++)
		if (task->context[i] == CONTEXT_TRANSACTION)
			return true;
	return false;
}

int btrfs_join_transaction(struct kernel_task *task, struct btrfs_fs *fs)
{
	sim_path_enter(machine_sim(fs->machine), "btrfs_join_transaction");
	if (!kernel_alloc(task, fs->site_trans, GFP_NOFS,
			  machine_size(fs->machine, SIZE_TRANS_HANDLE))) {
		sim_path_leave(machine_sim(fs->machine));
		return -ENOMEM;
	}
	if (!in_transaction(task))
		kernel_down_read(task, &fs->transaction);
	sim_path_leave(machine_sim(fs->machine));
	kernel_context_enter(task, CONTEXT_TRANSACTION);
	kernel_run(task, COST_TRANSACTION_JOIN, 1);
	arm_interval(fs);
	return 0;
}

void btrfs_end_transaction(struct kernel_task *task, struct btrfs_fs *fs)
{
	kernel_context_leave(task);
	if (!in_transaction(task))
		kernel_up_read(task, &fs->transaction);
	kernel_free(fs->machine, fs->site_trans, machine_size(fs->machine, SIZE_TRANS_HANDLE));
}

int btrfs_tree_change(struct kernel_task *task, struct btrfs_fs *fs,
		      int (*fn)(struct btrfs_fs *fs, void *arg, struct btrfs_work *work), void *arg)
{
	struct btrfs_work work = {0};
	int err = btrfs_join_transaction(task, fs);

	if (err)
		return err;
	kernel_down_write(task, &fs->tree_lock);
	err = fn(fs, arg, &work);
	btrfs_charge(task, fs, &work);
	kernel_up_write(task, &fs->tree_lock);
	btrfs_end_transaction(task, fs);
	return err;
}

/* Writes the dirty tree blocks, then the super block behind a flush. */
static void write_trees(struct kernel_task *task, struct btrfs_fs *fs)
{
	uint64_t blocks = fs->dirty_tree_blocks;
	uint32_t per_tree_block = store_options(fs->store)->node_bytes / KERNEL_BLOCK_BYTES;

	fs->dirty_tree_blocks = 0;
	fs->count.tree_blocks_written += blocks;
	kernel_run(task, COST_TREE_BLOCK_WRITE, blocks);
	if (blocks)
		bio_submit_wait(task, 0, BIO_WRITE | BIO_METADATA, 0,
				(uint32_t)blocks * per_tree_block);
	btrfs_flush_devices(task, fs);
}

int btrfs_commit_with(struct kernel_task *task, struct btrfs_fs *fs,
		      int (*fn)(struct btrfs_fs *fs, void *arg, struct btrfs_work *work), void *arg)
{
	struct btrfs_work work = {0};
	int err = 0;

	sim_path_enter(machine_sim(fs->machine), "btrfs_commit_transaction");
	kernel_down_write(task, &fs->transaction);
	kernel_context_enter(task, CONTEXT_TRANSACTION);
	kernel_down_write(task, &fs->tree_lock);
	if (fn)
		err = fn(fs, arg, &work);
	store_commit(fs->store, &work);
	btrfs_charge(task, fs, &work);
	kernel_run(task, COST_TRANSACTION_COMMIT, 1);
	write_trees(task, fs);
	kernel_up_write(task, &fs->tree_lock);
	fs->commits++;
	kernel_context_leave(task);
	kernel_up_write(task, &fs->transaction);
	sim_path_leave(machine_sim(fs->machine));
	return err;
}

void btrfs_commit_transaction(struct kernel_task *task, struct btrfs_fs *fs)
{
	btrfs_commit_with(task, fs, NULL, NULL);
}
