/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mounting: the initial filesystem, its workers and locks; sync and drop_caches. */
#include "models/btrfs/internal.h"

/* btrfs_init_workqueues(): thread_pool_size is min(CPUs + 2, 8). */
enum { THREAD_POOL_EXTRA = 2, THREAD_POOL_MAX = 8 };

static void extent_born(void *arg, store_extent extent, store_extent copy_of, uint32_t root,
			uint32_t ino, uint64_t file_offset)
{
	struct btrfs_fs *fs = arg;

	(void)root;
	(void)ino;
	(void)file_offset;
	if (!copy_of)
		return;
	/* Relocation moves ciphertext: what it was sealed with goes along. */
	store_extent_set_tags(fs->store, extent, store_extent_tags(fs->store, copy_of));
	if (fs->crypt_ops)
		fs->crypt_ops->extent_moved(fs->crypt, copy_of, extent,
					    store_extent_tags(fs->store, extent).nonce);
}

static void extent_freed(void *arg, store_extent extent)
{
	struct btrfs_fs *fs = arg;

	if (fs->crypt_ops)
		fs->crypt_ops->extent_freed(fs->crypt, extent,
					    store_extent_tags(fs->store, extent).nonce);
}

static const struct btrfs_store_hooks store_hooks = {
	.born = extent_born,
	.freed = extent_freed,
};

static void make_sites(struct btrfs_fs *fs)
{
	fs->site_map = alloc_site_of(fs->machine, "extent_map", MEMORY_EXTENT_MAPS);
	fs->site_ordered = alloc_site(fs->machine, "ordered_extent");
	fs->site_inode = alloc_site(fs->machine, "btrfs_inode");
	fs->site_trans = alloc_site(fs->machine, "trans_handle");
	fs->site_path = alloc_site(fs->machine, "btrfs_path");
	fs->site_ref = alloc_site(fs->machine, "delayed_ref");
	fs->site_tree_block = alloc_site(fs->machine, "extent_buffer");
	fs->site_bio = alloc_site(fs->machine, "btrfs_bio");
}

static void make_locks(struct btrfs_fs *fs)
{
	struct sim *sim = machine_sim(fs->machine);

	sim_rwsem_init(&fs->transaction, sim, sim_lock_class(sim, "btrfs_transaction"),
		       "transaction");
	sim_rwsem_init(&fs->tree_lock, sim, sim_lock_class(sim, "btrfs-tree"), "btrfs-tree");
	sim_mutex_init(&fs->log_mutex, sim, sim_lock_class(sim, "btrfs_root.log_mutex"),
		       "log_mutex");
	sim_mutex_init(&fs->balance_mutex, sim, sim_lock_class(sim, "balance_mutex"),
		       "balance_mutex");
	sim_mutex_init(&fs->rename_mutex, sim, sim_lock_class(sim, "s_vfs_rename_mutex"),
		       "s_vfs_rename_mutex");
}

/* btrfs_release_folio(): what the maps of released pages referred to ends here, in reclaim. */
static void pages_released(struct kernel_task *task, void *arg)
{
	sim_path_enter(machine_sim(((struct btrfs_fs *)arg)->machine), "btrfs_release_folio");
	btrfs_drain(task, arg);
	sim_path_leave(machine_sim(((struct btrfs_fs *)arg)->machine));
}

struct btrfs_fs *btrfs_mount(struct machine *machine, const struct btrfs_config *config,
			     GError **error)
{
	struct btrfs_fs *fs = g_new0(struct btrfs_fs, 1);
	uint32_t cpus = machine_config(machine)->cpus;
	uint32_t threads = MIN(cpus + THREAD_POOL_EXTRA, THREAD_POOL_MAX);
	struct btrfs_store_options options = {
		.compression = config->compress ? STORE_COMPRESS_ZSTD : STORE_COMPRESS_NONE,
		.fault_context_not_copied = config->fault_context_not_copied,
		.context_layout = !config->context_bytes     ? STORE_CONTEXT_NONE
				  : config->context_separate ? STORE_CONTEXT_SEPARATE
							     : STORE_CONTEXT_APPENDED,
		.context_bytes = config->context_bytes,
		.context_length_prefix = config->context_prefix,
		.leaf_borrows = config->leaf_borrows,
		.hooks = &store_hooks,
		.hooks_arg = fs,
	};

	fs->machine = machine;
	fs->config = *config;
	fs->store = store_new(&options);
	fs->image_files = g_ptr_array_new_with_free_func(g_free);
	fs->policies = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	fs->bad = g_hash_table_new(NULL, NULL);
	btrfs_owned_init(fs);
	fs->image_sizes = g_array_new(false, false, sizeof(uint64_t));
	make_sites(fs);
	make_locks(fs);
	/* The decryption queue is unbound with as many workers as CPUs (6.12: fs/crypto/crypto.c,
	 * block/blk-crypto-fallback.c); the others are btrfs's own. */
	fs->endio_read = workqueue_new(machine, "endio-read", cpus, CONTEXT_ENDIO);
	fs->endio_write = workqueue_new(machine, "endio-write", threads, CONTEXT_ENDIO);
	fs->transaction_kthread = workqueue_new(machine, "btrfs-transaction", 1, CONTEXT_PROCESS);
	fs->cleaner = workqueue_new(machine, "btrfs-cleaner", 1, CONTEXT_PROCESS);
	fs->dead_roots = g_hash_table_new(NULL, NULL);
	btrfs_shrinkers_register(fs);
	machine_on_pages_released(machine, pages_released, fs);
	if (config->image && !btrfs_populate(fs, error)) {
		btrfs_free(fs);
		return NULL;
	}
	return fs;
}

void btrfs_free(struct btrfs_fs *fs)
{
	struct btrfs_inode *inode;

	fs->crypt_ops = NULL; /* the run is over: what is encrypted needs no more care */
	for (GList *link = fs->inodes.head; link; link = link->next)
		((struct btrfs_inode *)link->data)->parent = NULL; /* in whatever order they go */
	while ((inode = g_queue_peek_tail(&fs->inodes)))
		btrfs_inode_discard(inode);
	store_free(fs->store);
	g_ptr_array_free(fs->image_files, true);
	g_array_free(fs->image_sizes, true);
	g_hash_table_destroy(fs->policies);
	btrfs_owned_free(fs);
	g_hash_table_destroy(fs->dead_roots);
	g_hash_table_destroy(fs->bad);
	sim_rwsem_destroy(&fs->transaction);
	sim_rwsem_destroy(&fs->tree_lock);
	sim_mutex_destroy(&fs->log_mutex);
	sim_mutex_destroy(&fs->balance_mutex);
	sim_mutex_destroy(&fs->rename_mutex);
	g_free(fs);
}

struct machine *btrfs_machine(const struct btrfs_fs *fs)
{
	return fs->machine;
}

void btrfs_set_crypt(struct btrfs_fs *fs, const struct btrfs_crypt_ops *ops, void *crypt)
{
	fs->crypt_ops = ops;
	fs->crypt = crypt;
}

void btrfs_flush_dirty(struct kernel_task *task, struct btrfs_fs *fs, uint32_t root)
{
	GPtrArray *dirty = btrfs_own(fs, OWNED_PTR_ARRAY, store_dirty_inodes(fs->store, root));

	for (guint i = 0; i < dirty->len; i++) {
		dirty->pdata[i] = ((struct store_inode *)dirty->pdata[i])->user;
		btrfs_pin(dirty->pdata[i]);
	}
	for (guint i = 0; i < dirty->len; i++) {
		btrfs_start_writeback(task, dirty->pdata[i]);
		btrfs_wait_ordered_only(task, dirty->pdata[i], 0, UINT64_MAX);
		btrfs_iput(dirty->pdata[i]);
	}
	btrfs_release(fs, OWNED_PTR_ARRAY, dirty);
}

static void wait_for_inode(struct btrfs_inode *inode, void *arg)
{
	btrfs_wait_ordered_only(arg, inode, 0, UINT64_MAX);
}

void btrfs_wait_ordered_all(struct kernel_task *task, struct btrfs_fs *fs)
{
	btrfs_for_each_inode(fs, wait_for_inode, task);
}

int btrfs_sync_fs(struct kernel_task *task, struct btrfs_fs *fs)
{
	btrfs_flush_dirty(task, fs, 0);
	btrfs_wait_ordered_all(task, fs);
	btrfs_commit_transaction(task, fs);
	return 0;
}

static bool evict_if_idle(struct btrfs_inode *inode, void *arg)
{
	(void)inode;
	(void)arg;
	return true;
}

void btrfs_drop_caches(struct kernel_task *task, struct btrfs_fs *fs)
{
	btrfs_sync_fs(task, fs);
	page_cache_drop_clean(fs->machine);
	btrfs_evict_inodes(fs, evict_if_idle, NULL);
}
