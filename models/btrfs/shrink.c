/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The dentry and inode shrinkers of the superblock (6.12: fs/super.c, super_cache_scan(); fs/dcache.c,
 * prune_dcache_sb(); fs/inode.c, prune_icache_sb()). An inode and its dentry are one object here.
 *
 * They take inodes that nobody uses and that have neither dirty data nor page cache; one with a name
 * goes without a transaction (btrfs_evict_inode()). One without a name has its last user in a dentry
 * that is pruned, and drops its items in a transaction, in the task that reclaims.
 */
#include "models/btrfs/internal.h"

/* inode_add_lru(): a second visit counts as a reference. */
void btrfs_lru_add(struct btrfs_inode *inode)
{
	if (inode->on_lru) {
		inode->referenced = true;
		return;
	}
	inode->on_lru = true;
	g_queue_push_tail_link(&inode->fs->lru, &inode->lru_link);
}

void btrfs_lru_remove(struct btrfs_inode *inode)
{
	if (!inode->on_lru)
		return;
	inode->on_lru = inode->referenced = false;
	g_queue_unlink(&inode->fs->lru, &inode->lru_link);
}

static void rotate(struct btrfs_inode *inode)
{
	inode->referenced = false;
	g_queue_unlink(&inode->fs->lru, &inode->lru_link);
	g_queue_push_tail_link(&inode->fs->lru, &inode->lru_link);
}

/* dentry_kill() of the dentry that was the last user. */
static bool prune_last_dentry(struct kernel_task *task, struct btrfs_inode *inode)
{
	struct btrfs_fs *fs = inode->fs;
	struct sim *sim = machine_sim(fs->machine);
	uint32_t before = fs->inodes.length;

	inode->nokey_dentry = false;
	sim_path_enter(sim, "btrfs_evict_inode");
	btrfs_last_iput(task, inode);
	sim_path_leave(sim);
	return fs->inodes.length < before;
}

static bool evict(struct btrfs_inode *inode)
{
	struct sim *sim = machine_sim(inode->fs->machine);
	bool gone;

	sim_path_enter(sim, "btrfs_evict_inode");
	gone = btrfs_inode_try_evict(inode);
	sim_path_leave(sim);
	return gone;
}

/* Looks at the coldest; true if it went. What is in use leaves the list until its user does, and what
 * has page cache until that has gone (inode_lru_isolate()). */
static bool scan_one(struct kernel_task *task, struct btrfs_inode *inode)
{
	struct btrfs_fs *fs = inode->fs;
	bool unlinked = !inode->store->nlink, gone;

	if (inode->referenced) {
		rotate(inode);
		return false;
	}
	btrfs_lru_remove(inode);
	if (inode->opens || inode->pins || inode->children || (unlinked && !inode->nokey_dentry))
		return false;
	if (unlinked) {
		gone = prune_last_dentry(task, inode);
	} else {
		inode->nokey_dentry = false;
		gone = !page_cache_present_blocks(inode->mapping) && evict(inode);
	}
	if (gone) {
		kernel_run(task, COST_EVICT_INODE, 1);
		fs->count.inodes_shrunk++;
		fs->count.inodes_shrunk_unlinked += unlinked;
	}
	return gone;
}

static uint64_t super_cache_count(void *arg)
{
	const struct btrfs_fs *fs = arg;

	return fs->lru.length;
}

static uint64_t super_cache_scan(struct kernel_task *task, uint64_t objects, enum gfp gfp,
				 void *arg)
{
	struct btrfs_fs *fs = arg;
	struct sim *sim = machine_sim(fs->machine);
	uint64_t gone = 0;

	(void)gfp;
	sim_path_enter(sim, "super_cache_scan");
	while (objects-- && fs->lru.head)
		gone += scan_one(task, fs->lru.head->data);
	sim_path_leave(sim);
	return gone;
}

/* The last dentry of an inode without a name, pruned by reclaim. */
static void prime_eviction(struct machine *machine, void *arg)
{
	struct btrfs_fs *fs = arg;
	struct sim *sim = machine_sim(machine);

	sim_path_enter(sim, "super_cache_scan");
	sim_path_enter(sim, "btrfs_evict_inode");
	sim_path_enter(sim, "btrfs_join_transaction");
	sim_lock_order_enter(sim, fs->transaction.class);
	sim_path_leave(sim);
	sim_path_enter(sim, "btrfs_search_slot");
	sim_lock_order_note(sim, fs->tree_lock.class);
	sim_path_leave(sim);
	sim_lock_order_leave(sim, fs->transaction.class);
	sim_path_leave(sim);
	sim_path_leave(sim);
}

void btrfs_shrinkers_register(struct btrfs_fs *fs)
{
	const struct shrinker shrinker = {
		.name = "sb-btrfs",
		.count = super_cache_count,
		.scan = super_cache_scan,
		.arg = fs,
	};

	shrinker_register(fs->machine, &shrinker);
	machine_on_prime(fs->machine, prime_eviction, fs);
}
