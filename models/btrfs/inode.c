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
	uint32_t policy = inode->adopting ? inode->adopting : inode->store->policy_key;

	return btrfs_policy_key(inode->fs, policy, btrfs_inode_is_dir(inode));
}

uint32_t btrfs_inherited_policy(const struct btrfs_inode *inode)
{
	uint32_t root = inode->store->root;

	for (; inode && inode->store->root == root; inode = inode->parent)
		if (inode->store->policy_key)
			return inode->store->policy_key;
	return 0;
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

/* btrfs_drop_inode(), and generic_drop_inode() */
bool btrfs_inode_doomed(const struct btrfs_inode *inode)
{
	return !inode->store->nlink || store_root_dead(inode->fs->store, inode->store->root);
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

	if (inode->pins == 1 && !inode->opens && btrfs_inode_doomed(inode))
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
	g_clear_pointer(&inode->failed_reads, g_array_unref);
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

static bool unused(const struct btrfs_inode *inode)
{
	return !inode->opens && !inode->children && !inode->pins && !inode->ordered.head;
}

static bool evictable(const struct btrfs_inode *inode)
{
	return unused(inode) && !page_cache_dirty_blocks(inode->mapping) &&
	       !inode->store->delalloc_bytes;
}

/* The fault: iput_final() of an inode whose key has gone, and truncate_inode_pages_final() of what it
 * had yet to write. */
static void lose_dirty(struct btrfs_inode *inode)
{
	struct btrfs_fs *fs = inode->fs;

	if (!fs->config.fault_evict_dirty || !fs->crypt_ops || !unused(inode) ||
	    !fs->crypt_ops->inode_unwanted(fs->crypt, inode))
		return;
	for (GSequenceIter *i = g_sequence_get_begin_iter(inode->store->dirty);
	     !g_sequence_iter_is_end(i); i = g_sequence_iter_next(i)) {
		const struct store_range *range = g_sequence_get(i);
		uint32_t blocks = blocks_over(range->start, range->end - range->start);

		fs->count.lost_writes += blocks;
		btrfs_tell(inode, BTRFS_NOTE_LOST, 0, block_of(range->start), blocks, 0);
	}
	store_discard_dirty(fs->store, inode->store);
	page_cache_drop(inode->mapping, 0, UINT32_MAX);
}

/* Ending the infos of an inode's maps may sleep; what has come to use it meanwhile keeps it. */
static void drop_maps(struct kernel_task *task, struct btrfs_inode *inode)
{
	btrfs_pin(inode);
	extent_map_drop_all(inode);
	btrfs_drain(task, inode->fs);
	btrfs_unpin(inode);
}

static void put_found(struct btrfs_fs *fs, struct store_inode *found)
{
	uint32_t root = found->root;

	store_inode_put(fs->store, found, NULL);
	btrfs_root_left(fs, root);
}

static bool evict_one(struct btrfs_inode *inode)
{
	struct btrfs_fs *fs = inode->fs;
	struct store_inode *found = inode->store;
	struct kernel_task *task = kernel_current(fs->machine);
	uint32_t root = found->root;

	lose_dirty(inode);
	while (task && evictable(inode) && g_tree_nnodes(inode->maps))
		drop_maps(task, inode);
	if (!evictable(inode))
		return false;
	leave_memory(inode);
	address_space_free(inode->mapping);
	inode_free(inode);
	drop_store_inode(fs, found);
	btrfs_root_left(fs, root);
	if (task)
		btrfs_drain(task, fs);
	return true;
}

/* A directory whose name is gone leaves with the last that was held below it: by the cleaner if that takes
 * a transaction, for the caller may be in one. */
static void put_parent(struct btrfs_inode *parent)
{
	bool idle = parent->pins == 1 && !parent->opens && !parent->children;

	if (idle && !parent->store->nlink) {
		btrfs_iput(parent);
		return;
	}
	btrfs_unpin(parent);
	if (idle && btrfs_inode_doomed(parent))
		btrfs_inode_try_evict(parent);
}

bool btrfs_inode_try_evict(struct btrfs_inode *inode)
{
	struct btrfs_inode *parent = inode->parent;
	bool evicted;

	if (parent)
		btrfs_pin(parent);
	evicted = evict_one(inode);
	if (evicted && parent)
		put_parent(parent);
	else if (parent)
		btrfs_unpin(parent);
	return evicted;
}

void btrfs_inode_discard(struct btrfs_inode *inode)
{
	leave_memory(inode); /* the store frees its own side with the whole filesystem */
	address_space_discard(inode->mapping);
	inode_free(inode);
}

/* Time may pass while they are visited: each is pinned until its turn is over. */
static GPtrArray *pin_all(struct btrfs_fs *fs)
{
	GPtrArray *all = btrfs_own(fs, OWNED_PTR_ARRAY, g_ptr_array_new());

	for (GList *link = fs->inodes.head; link; link = link->next) {
		btrfs_pin(link->data);
		g_ptr_array_add(all, link->data);
	}
	return all;
}

void btrfs_for_each_inode(struct btrfs_fs *fs, void (*fn)(struct btrfs_inode *, void *), void *arg)
{
	GPtrArray *all = pin_all(fs);

	for (guint i = 0; i < all->len; i++) {
		fn(all->pdata[i], arg);
		btrfs_unpin(all->pdata[i]);
	}
	btrfs_release(fs, OWNED_PTR_ARRAY, all);
}

/* Those that should go and could not stay in the array, pinned. Says whether any went. */
static bool evict_some(GPtrArray *inodes, bool (*fn)(struct btrfs_inode *, void *), void *arg)
{
	bool evicted = false;
	guint stay = 0;

	for (guint i = 0; i < inodes->len; i++) {
		struct btrfs_inode *inode = inodes->pdata[i];
		bool evict = fn(inode, arg);

		btrfs_unpin(inode);
		if (!evict)
			continue;
		if (btrfs_inode_try_evict(inode)) {
			evicted = true;
			continue;
		}
		btrfs_pin(inode);
		inodes->pdata[stay++] = inode;
	}
	g_ptr_array_set_size(inodes, (gint)stay);
	return evicted;
}

void btrfs_evict_inodes(struct btrfs_fs *fs, bool (*fn)(struct btrfs_inode *, void *), void *arg)
{
	GPtrArray *inodes = pin_all(fs);

	while (evict_some(inodes, fn, arg))
		;
	for (guint i = 0; i < inodes->len; i++)
		btrfs_iput(inodes->pdata[i]); /* some may have been unlinked meanwhile */
	btrfs_release(fs, OWNED_PTR_ARRAY, inodes);
}

int btrfs_refuse(struct kernel_task *task, int err, const char *why)
{
	task->refusal = why;
	return err;
}

static int try_unlock(struct kernel_task *task, struct btrfs_inode *inode)
{
	struct btrfs_fs *fs = inode->fs;

	if (!fs->crypt_ops || inode->crypt || !btrfs_inode_policy(inode))
		return 0;
	return fs->crypt_ops->inode_setup(task, fs->crypt, inode);
}

int btrfs_inode_unlock(struct kernel_task *task, struct btrfs_inode *inode)
{
	int err = try_unlock(task, inode);

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
		put_found(fs, found); /* one handle per inode in memory */
		*out = found->user;
		btrfs_pin(*out);
		return 0;
	}
	if (!kernel_alloc(task, fs->site_inode, GFP_KERNEL,
			  machine_size(fs->machine, SIZE_BTRFS_INODE))) {
		put_found(fs, found);
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

/* fscrypt_has_permitted_context() of a directory and what a look-up finds in it. A subvolume may have
 * a policy of its own, and so may what got another one than its directory. */
bool btrfs_policy_fits(const struct btrfs_inode *dir, const struct btrfs_inode *child)
{
	uint32_t policy = btrfs_inherited_policy(dir), own = child->store->policy_key;

	return !policy || !own || own == policy || child->store->root != dir->store->root ||
	       store_replaced_birth(dir->fs->store, child->store);
}

/* Whether the directory's names can be told, trying its key first. 0 or -errno. */
static int look_locked(struct kernel_task *task, struct btrfs_inode *dir, bool *locked)
{
	int err = btrfs_inode_is_dir(dir) ? try_unlock(task, dir) : -ENOTDIR;

	*locked = err == -ENOKEY;
	return *locked ? 0 : err;
}

/* A name in the directory: one that was encrypted has, while the directory is locked, its no-key form
 * only. */
static int look_up(struct kernel_task *task, struct btrfs_inode *dir, const char *name,
		   struct store_inode **found, bool *nokey)
{
	struct btrfs_work work = {0};
	bool locked, encrypted;
	int err = look_locked(task, dir, &locked);

	if (err)
		return err;
	*nokey = locked && *name == BTRFS_NOKEY_PREFIX;
	err = store_lookup_at(dir->fs->store, dir->store, name + *nokey, found, &encrypted, &work);
	if (!err && locked && encrypted != *nokey) {
		put_found(dir->fs, *found);
		err = -ENOENT;
	}
	kernel_run(task, COST_LOOKUP_COMPONENT, 1);
	if (err)
		return locked ? btrfs_refuse(task, err, "the directory is locked") : err;
	if (!(*found)->user) /* else it is in the dentry cache */
		btrfs_charge(task, dir->fs, &work);
	return 0;
}

int btrfs_lookup(struct kernel_task *task, struct btrfs_inode *dir, const char *name,
		 struct btrfs_inode **out)
{
	struct store_inode *found;
	bool nokey;
	int err = look_up(task, dir, name, &found, &nokey);

	if (!err)
		err = btrfs_inode_of(task, dir->fs, found, dir, out);
	if (!err)
		(*out)->nokey_dentry |= nokey && !btrfs_inode_is_dir(*out);
	if (err || !btrfs_inode_is_dir(*out) || btrfs_policy_fits(dir, *out))
		return err;
	btrfs_unpin(*out);
	return btrfs_refuse(task, -EPERM, "the policy is not the directory's");
}

static int top_of(struct kernel_task *task, struct btrfs_fs *fs, struct btrfs_inode **out)
{
	struct store_inode *found;
	int err =
		store_iget(fs->store, BTRFS_FS_TREE_ROOT, BTRFS_FIRST_FREE_OBJECTID, &found, NULL);

	return err ? err : btrfs_inode_of(task, fs, found, NULL, out);
}

int btrfs_iget(struct kernel_task *task, struct btrfs_fs *fs, const char *path,
	       struct btrfs_inode **out)
{
	struct btrfs_inode *dir, *inode;
	int err = top_of(task, fs, &inode);

	while (!err && *path) {
		size_t len = strcspn(path, "/");
		char *name = btrfs_own(fs, OWNED_MEMORY, g_strndup(path, len));

		path += len + (path[len] == '/');
		if (*name && strcmp(name, ".")) {
			dir = inode;
			err = btrfs_lookup(task, dir, name, &inode);
			btrfs_unpin(dir);
		}
		btrfs_release(fs, OWNED_MEMORY, name);
	}
	if (!err)
		*out = inode;
	return err;
}

int btrfs_find_place(struct kernel_task *task, struct btrfs_fs *fs, const char *path,
		     struct btrfs_place *place)
{
	const char *slash = strrchr(path, '/');
	char *dir = btrfs_own(fs, OWNED_MEMORY, g_strndup(path, slash ? (gsize)(slash - path) : 0));
	int err;

	place->name = place->given = slash ? slash + 1 : path;
	err = btrfs_iget(task, fs, dir, &place->dir);
	btrfs_release(fs, OWNED_MEMORY, dir);
	if (err)
		return err;
	if (!*place->name || !strcmp(place->name, ".") || !strcmp(place->name, ".."))
		err = -EINVAL;
	else
		err = look_locked(task, place->dir, &place->locked);
	if (err)
		btrfs_unpin(place->dir);
	place->nokey = !err && place->locked && *place->name == BTRFS_NOKEY_PREFIX;
	place->name += place->nokey;
	return err;
}

int btrfs_find_open_place(struct kernel_task *task, struct btrfs_fs *fs, const char *path,
			  struct btrfs_place *place)
{
	int err = btrfs_find_place(task, fs, path, place);

	if (err || !place->locked)
		return err;
	btrfs_unpin(place->dir);
	return btrfs_refuse(task, -ENOKEY, "the directory is locked");
}

static int enter_adopted(struct btrfs_fs *fs, void *arg, struct btrfs_work *work)
{
	struct btrfs_inode *inode = arg;

	store_set_policy(fs->store, inode->store, inode->adopting, work);
	return 0;
}

/* What is plain in a mixed tree. As for a new inode, the key is set up before the context is stored (fscrypt_prepare_new_inode(),
 * fscrypt_set_context()). */
static int adopt_inherited(struct kernel_task *task, struct btrfs_inode *inode)
{
	struct btrfs_fs *fs = inode->fs;
	int err;

	if (!fs->config.mixed_trees || inode->store->policy_key)
		return 0;
	inode->adopting = btrfs_inherited_policy(inode);
	if (!inode->adopting)
		return 0;
	err = btrfs_inode_unlock(task, inode);
	if (!err)
		err = btrfs_tree_change(task, fs, enter_adopted, inode);
	if (!err)
		fs->count.policies_at_first_write++;
	inode->adopting = 0;
	return err;
}

int btrfs_before_write(struct kernel_task *task, struct btrfs_inode *inode)
{
	int err = adopt_inherited(task, inode);

	return err ? err : btrfs_adopt_policy(task, inode);
}
