/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inodes in memory: found by path, pinned by those who use them, evicted when nobody does. A cached
 * child pins its directory, as a dentry does.
 */
#include "models/btrfs/internal.h"

#include <errno.h>
#include <string.h>

uint64_t btrfs_inode_number(const struct btrfs_inode *inode)
{
	return (uint64_t)inode->store->root << 32 | inode->store->ino;
}

uint64_t btrfs_inode_birth(const struct btrfs_inode *inode)
{
	return store_inode_birth(inode->fs->store, inode->store);
}

uint32_t btrfs_inode_root(const struct btrfs_inode *inode)
{
	return inode->store->root;
}

uint32_t btrfs_inode_ino(const struct btrfs_inode *inode)
{
	return inode->store->ino;
}

bool btrfs_block_shared(struct btrfs_fs *fs, uint32_t extent, uint32_t extent_block,
			const struct btrfs_inode *inode, uint32_t file_block)
{
	return store_block_shared(fs->store, extent, extent_block, inode->store, file_block);
}

bool btrfs_inode_is_dir(const struct btrfs_inode *inode)
{
	return inode->store->flags & STORE_DIRECTORY;
}

uint32_t btrfs_inode_policy(const struct btrfs_inode *inode)
{
	return inode->store->policy_key;
}

uint32_t btrfs_inode_opens(const struct btrfs_inode *inode)
{
	return inode->opens;
}

struct btrfs_inode *btrfs_inode_parent(const struct btrfs_inode *inode)
{
	return inode->parent;
}

void btrfs_inode_set_crypt(struct btrfs_inode *inode, void *info)
{
	inode->crypt = info;
}

void *btrfs_inode_crypt(const struct btrfs_inode *inode)
{
	return inode->crypt;
}

uint64_t btrfs_inode_size(const struct btrfs_inode *inode)
{
	return inode->store->size;
}

void btrfs_pin(struct btrfs_inode *inode)
{
	inode->pins++;
}

void btrfs_unpin(struct btrfs_inode *inode)
{
	g_assert(inode->pins);
	if (!--inode->pins)
		btrfs_lru_add(inode);
}

static void delayed_iput(struct kernel_task *task, void *arg)
{
	struct btrfs_inode *inode = arg;

	(void)task;
	btrfs_unpin(inode);
	if (!inode->nokey_dentry)
		btrfs_inode_try_evict(inode);
}

void btrfs_iput(struct btrfs_inode *inode)
{
	struct btrfs_fs *fs = inode->fs;

	if (inode->pins == 1 && !inode->opens && !inode->store->nlink)
		workqueue_queue(fs->transaction_kthread, delayed_iput, inode, ++fs->next_request);
	else
		btrfs_unpin(inode);
}

void btrfs_last_iput(struct kernel_task *task, struct btrfs_inode *inode)
{
	if (inode->nokey_dentry)
		return;
	btrfs_pin(inode);
	store_discard_dirty(inode->fs->store, inode->store);
	page_cache_drop(inode->mapping, 0, UINT32_MAX);
	btrfs_wait_ordered_only(task, inode, 0, UINT64_MAX);
	btrfs_unpin(inode);
	btrfs_inode_try_evict(inode);
}

static void inode_free(struct btrfs_inode *inode)
{
	sim_rwsem_destroy(&inode->lock);
	sim_waitq_destroy(&inode->ordered_wait);
	g_tree_unref(inode->maps);
	g_free(inode);
}

struct btrfs_seal btrfs_extent_seal(const struct btrfs_fs *fs, store_extent extent)
{
	struct store_extent_tags tags = store_extent_tags(fs->store, extent);

	return (struct btrfs_seal){.nonce = tags.nonce, .key = tags.key, .iv_base = tags.user};
}

void btrfs_seal_extent(struct btrfs_fs *fs, store_extent extent, const struct btrfs_seal *seal)
{
	store_extent_set_tags(fs->store, extent,
			      (struct store_extent_tags){.nonce = seal->nonce,
							 .key = seal->key,
							 .user = seal->iv_base});
}

static int drop_handle(struct btrfs_fs *fs, void *arg, struct btrfs_work *work)
{
	store_inode_put(fs->store, arg, work);
	return 0;
}

/* An inode with a name leaves without a transaction; only one without drops extents
 * (btrfs_evict_inode). */
static void drop_store_inode(struct btrfs_fs *fs, struct store_inode *found)
{
	struct kernel_task *task = kernel_current(fs->machine);

	if (found->nlink || !task)
		store_inode_put(fs->store, found, NULL);
	else
		btrfs_tree_change(task, fs, drop_handle, found);
}

static void leave_memory(struct btrfs_inode *inode)
{
	struct btrfs_fs *fs = inode->fs;

	g_queue_unlink(&fs->inodes, &inode->link);
	btrfs_lru_remove(inode);
	inode->store->user = NULL;
	extent_map_drop_all(inode);
	if (fs->crypt_ops)
		fs->crypt_ops->inode_evict(fs->crypt, inode);
	kernel_free(fs->machine, fs->site_inode, machine_size(fs->machine, SIZE_BTRFS_INODE));
	if (inode->parent && !--inode->parent->children)
		btrfs_lru_add(inode->parent);
}

static bool evictable(const struct btrfs_inode *inode)
{
	return !inode->opens && !inode->children && !inode->pins && !inode->ordered.head &&
	       !page_cache_dirty_blocks(inode->mapping) && !inode->store->delalloc_bytes;
}

/* Ending the infos of an inode's maps may sleep; what has come to use it meanwhile keeps it. */
static void drop_maps(struct kernel_task *task, struct btrfs_inode *inode)
{
	btrfs_pin(inode);
	extent_map_drop_all(inode);
	btrfs_drain(task, inode->fs);
	btrfs_unpin(inode);
}

bool btrfs_inode_try_evict(struct btrfs_inode *inode)
{
	struct btrfs_fs *fs = inode->fs;
	struct store_inode *found = inode->store;
	struct kernel_task *task = kernel_current(fs->machine);

	while (task && evictable(inode) && g_tree_nnodes(inode->maps))
		drop_maps(task, inode);
	if (!evictable(inode))
		return false;
	leave_memory(inode);
	address_space_free(inode->mapping);
	inode_free(inode);
	drop_store_inode(fs, found);
	if (task)
		btrfs_drain(task, fs);
	return true;
}

void btrfs_inode_discard(struct btrfs_inode *inode)
{
	leave_memory(inode); /* the store frees its own side with the whole filesystem */
	address_space_discard(inode->mapping);
	inode_free(inode);
}

uint32_t btrfs_for_each_inode(struct btrfs_fs *fs, bool (*fn)(struct btrfs_inode *, void *),
			      void *arg)
{
	GPtrArray *all = btrfs_own(fs, OWNED_PTR_ARRAY, g_ptr_array_new());
	uint32_t evicted = 0;

	/* Time may pass in `fn`: each is pinned until its turn is over. */
	for (GList *link = fs->inodes.head; link; link = link->next) {
		btrfs_pin(link->data);
		g_ptr_array_add(all, link->data);
	}
	for (guint i = 0; i < all->len; i++) {
		bool evict = fn(all->pdata[i], arg);

		btrfs_unpin(all->pdata[i]);
		evicted += evict && btrfs_inode_try_evict(all->pdata[i]);
	}
	btrfs_release(fs, OWNED_PTR_ARRAY, all);
	return evicted;
}

int btrfs_refuse(struct kernel_task *task, int err, const char *why)
{
	task->refusal = why;
	return err;
}

int btrfs_inode_unlock(struct kernel_task *task, struct btrfs_inode *inode)
{
	struct btrfs_fs *fs = inode->fs;
	int err;

	if (!fs->crypt_ops || inode->crypt || !inode->store->policy_key)
		return 0;
	err = fs->crypt_ops->inode_setup(task, fs->crypt, inode);
	return err ? btrfs_refuse(task, err, "the inode's key is not there") : 0;
}

static struct btrfs_inode *inode_new(struct btrfs_fs *fs, struct store_inode *found,
				     struct btrfs_inode *parent)
{
	struct sim *sim = machine_sim(fs->machine);
	struct btrfs_inode *inode = g_new0(struct btrfs_inode, 1);
	/* lockdep_annotate_inode_mutex_key() gives directories a class of their own. */
	const char *class = found->flags & STORE_DIRECTORY ? "i_rwsem (dir)" : "i_rwsem";

	inode->fs = fs;
	inode->store = found;
	inode->parent = parent;
	if (parent)
		parent->children++;
	inode->mapping = address_space_new(fs->machine, &btrfs_aops, inode);
	sim_rwsem_init(&inode->lock, sim, sim_lock_class(sim, class), class);
	sim_waitq_init(&inode->ordered_wait, sim, "ordered extent");
	extent_map_tree_init(inode);
	inode->link.data = inode->lru_link.data = inode;
	g_queue_push_tail_link(&fs->inodes, &inode->link);
	found->user = inode;
	return inode;
}

int btrfs_inode_of(struct kernel_task *task, struct btrfs_fs *fs, struct store_inode *found,
		   struct btrfs_inode *parent, struct btrfs_inode **out)
{
	if (found->user) {
		store_inode_put(fs->store, found, NULL); /* one handle per inode in memory */
		*out = found->user;
		btrfs_pin(*out);
		return 0;
	}
	if (!kernel_alloc(task, fs->site_inode, GFP_KERNEL,
			  machine_size(fs->machine, SIZE_BTRFS_INODE))) {
		store_inode_put(fs->store, found, NULL);
		return -ENOMEM;
	}
	if (found->user) { /* another task was faster */
		kernel_free(fs->machine, fs->site_inode,
			    machine_size(fs->machine, SIZE_BTRFS_INODE));
		store_inode_put(fs->store, found, NULL);
		*out = found->user;
	} else {
		*out = inode_new(fs, found, parent);
	}
	btrfs_pin(*out);
	return 0;
}

/* One component: from the dentry cache when the inode is in memory, else from the tree. */
static int step(struct kernel_task *task, struct btrfs_fs *fs, const char *path,
		struct btrfs_inode *parent, struct btrfs_inode **out)
{
	struct btrfs_work work = {0};
	struct store_inode *found;
	int err = store_lookup(fs->store, path, &found, &work);

	kernel_run(task, COST_LOOKUP_COMPONENT, 1);
	if (err)
		return err;
	if (!found->user)
		btrfs_charge(task, fs, &work);
	return btrfs_inode_of(task, fs, found, parent, out);
}

/* `nokey`: directories whose key is away are passed through by no-key names. */
static int walk(struct kernel_task *task, struct btrfs_fs *fs, const char *path, bool nokey,
		struct btrfs_inode **out)
{
	struct btrfs_inode *parent = NULL, *inode;
	const char *end = path;
	int err = step(task, fs, "", NULL, &inode);

	while (!err && *end && strcmp(path, ".")) {
		char *prefix;

		end = strchrnul(end + (*end == '/'), '/');
		prefix = btrfs_own(fs, OWNED_MEMORY, g_strndup(path, (gsize)(end - path)));
		parent = inode;
		err = btrfs_inode_unlock(task, parent);
		if (err == -ENOKEY && nokey)
			err = btrfs_refuse(task, 0, NULL);
		if (!err)
			err = step(task, fs, prefix, parent, &inode);
		btrfs_unpin(parent);
		btrfs_release(fs, OWNED_MEMORY, prefix);
	}
	if (!err)
		*out = inode;
	return err;
}

int btrfs_iget(struct kernel_task *task, struct btrfs_fs *fs, const char *path,
	       struct btrfs_inode **out)
{
	return walk(task, fs, path, false, out);
}

int btrfs_stat_nokey(struct kernel_task *task, struct btrfs_fs *fs, const char *path)
{
	struct btrfs_inode *inode, *parent;
	int err = walk(task, fs, path, true, &inode);

	kernel_run(task, COST_SYSCALL, 1);
	if (err)
		return err;
	parent = inode->parent;
	if (parent && parent->store->policy_key && !parent->crypt)
		inode->nokey_dentry = true;
	else
		err = -ENOENT;
	btrfs_unpin(inode);
	return err;
}
