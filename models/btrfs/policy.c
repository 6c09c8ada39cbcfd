/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Replacing encryption policies: of one inode in a transaction of its own, of many in one, of all that
 * share a policy by one item, or of what is yet to be written. What the extents need is the crypto
 * code's to say: it is called at the instant of each change, and old data is written anew at its word.
 */
#include "models/btrfs/internal.h"

#include <errno.h>

/* Old data is read and dirtied by as much as a buffered write takes at once, see file.c. */
enum { REWRITE_BYTES = 2 << 20 };

/* ---- policies that many inodes share ---- */

/* An item of the tree of policies: what an inode's context names is this, and not a key. Directories
 * stay under the key that their names are encrypted under. */
struct policy_entry {
	uint32_t names, contents; /* keys */
};
/* Numbers of policies whose key has a policy of that number already. */
enum { OWN_POLICIES = 1 << 20 };

static struct policy_entry *entry_of(const struct btrfs_fs *fs, uint32_t policy)
{
	return g_hash_table_lookup(fs->policies, GUINT_TO_POINTER(policy));
}

static struct policy_entry *make_entry(struct btrfs_fs *fs, uint32_t policy, uint32_t key)
{
	struct policy_entry *entry = entry_of(fs, policy);

	if (!entry) {
		entry = g_new(struct policy_entry, 1);
		*entry = (struct policy_entry){key, key};
		g_hash_table_insert(fs->policies, GUINT_TO_POINTER(policy), entry);
	}
	return entry;
}

uint32_t btrfs_policy_key(const struct btrfs_fs *fs, uint32_t policy, bool directory)
{
	const struct policy_entry *entry = entry_of(fs, policy);

	if (!entry)
		return policy;
	return directory ? entry->names : entry->contents;
}

uint32_t btrfs_policy_of_key(struct btrfs_fs *fs, uint32_t key)
{
	const struct policy_entry *entry;
	uint32_t policy = key;

	while ((entry = entry_of(fs, policy)) && (entry->names != key || entry->contents != key))
		policy = policy == key ? OWN_POLICIES : policy + 1;
	if (policy != key)
		make_entry(fs, policy, key);
	return policy;
}

/* ---- one inode ---- */

int btrfs_get_inode(struct kernel_task *task, struct btrfs_fs *fs, const char *path,
		    struct btrfs_inode **inode)
{
	return btrfs_iget(task, fs, path, inode);
}

void btrfs_put_inode(struct btrfs_inode *inode)
{
	btrfs_iput(inode);
}

uint64_t btrfs_new_birth(struct kernel_task *task, struct btrfs_fs *fs)
{
	kernel_run(task, COST_RANDOM_NONCE, 1);
	return store_new_birth(fs->store);
}

void btrfs_lock_inode(struct kernel_task *task, struct btrfs_inode *inode)
{
	kernel_down_write(task, &inode->lock);
}

void btrfs_unlock_inode(struct kernel_task *task, struct btrfs_inode *inode)
{
	kernel_up_write(task, &inode->lock);
}

int btrfs_flush_inode(struct kernel_task *task, struct btrfs_inode *inode)
{
	return btrfs_wait_ordered_range(task, inode, 0, UINT64_MAX);
}

void btrfs_wait_reads(struct kernel_task *task, struct btrfs_inode *inode)
{
	page_cache_wait_read(task, inode->mapping, 0, UINT32_MAX);
}

void btrfs_wait_writes(struct kernel_task *task, struct btrfs_inode *inode)
{
	btrfs_wait_ordered_only(task, inode, 0, UINT64_MAX);
}

static bool has_name(void *arg, const char *name, uint32_t root, uint32_t ino)
{
	(void)name;
	(void)root;
	(void)ino;
	*(bool *)arg = true;
	return false;
}

bool btrfs_dir_is_empty(struct btrfs_inode *dir)
{
	bool names = false;

	store_readdir(dir->fs->store, dir->store, has_name, &names, NULL);
	return !names;
}

enum btrfs_old_data btrfs_old_data(struct kernel_task *task, struct btrfs_inode *inode)
{
	enum btrfs_old_data found = BTRFS_NO_DATA;
	struct btrfs_fs *fs = inode->fs;
	struct btrfs_work work = {0};
	struct store_file_extent item;
	struct store_walk walk;

	kernel_down_read(task, &fs->tree_lock);
	store_walk_begin(&walk, fs->store, inode->store, 0, &work);
	while (found != BTRFS_ENCRYPTED_DATA && store_walk_next(&walk, &item, &work))
		found = item.encrypted ? BTRFS_ENCRYPTED_DATA : BTRFS_PLAIN_DATA;
	btrfs_charge(task, fs, &work);
	kernel_up_read(task, &fs->tree_lock);
	return found;
}

/* In the tree lock: the store and what hangs on the inode in memory change at one instant. */
static int enter_change(struct btrfs_fs *fs, void *arg, struct btrfs_work *work)
{
	struct btrfs_policy_change *change = arg;
	struct btrfs_inode *inode = change->inode;
	uint64_t before = work->items_inserted + work->items_changed;

	if (fs->config.leaf_borrows && !btrfs_inode_is_dir(inode))
		change->err = -EOPNOTSUPP; /* its context is its directory's */
	else
		change->err = change->at_change(change->arg);
	if (change->err)
		return change->err;
	store_replace_policy(fs->store, inode->store, btrfs_policy_of_key(fs, change->key),
			     change->birth, work);
	change->items = work->items_inserted + work->items_changed - before;
	inode->map_changes++; /* what is being loaded is bound by what was before */
	if (change->drop_maps)
		extent_map_drop_unpinned(inode);
	return 0;
}

int btrfs_replace_policy(struct kernel_task *task, struct btrfs_policy_change *change,
			 struct btrfs_policy_books *books)
{
	struct btrfs_fs *fs = change->inode->fs;
	int err = btrfs_tree_change(task, fs, enter_change, change);

	books->transactions++;
	books->items += err ? 0 : change->items;
	if (!err)
		btrfs_note_change(change->inode);
	btrfs_drain(task, fs);
	return err;
}

static bool is_clean(const struct btrfs_inode *inode)
{
	return !inode->ordered.head && !inode->store->delalloc_bytes &&
	       !page_cache_dirty_blocks(inode->mapping);
}

/* An inode's lock comes before a transaction: inside one, it may only be tried. */
static void change_in_handle(struct kernel_task *task, struct btrfs_policy_change *change,
			     struct btrfs_policy_books *books)
{
	struct btrfs_inode *inode = change->inode;
	struct btrfs_fs *fs = inode->fs;
	struct btrfs_work work = {0};
	sim_ns since;

	change->err = -EBUSY;
	if (!sim_rwsem_try_write(&inode->lock))
		return;
	since = sim_now(machine_sim(fs->machine));
	if (is_clean(inode)) {
		kernel_down_write(task, &fs->tree_lock);
		enter_change(fs, change, &work);
		btrfs_charge(task, fs, &work);
		kernel_up_write(task, &fs->tree_lock);
	}
	kernel_up_write(task, &inode->lock);
	books->locked_ns += sim_now(machine_sim(fs->machine)) - since;
	if (change->err)
		return;
	books->items += change->items;
	btrfs_note_change(inode);
}

int btrfs_replace_policies(struct kernel_task *task, struct btrfs_fs *fs,
			   struct btrfs_policy_change *change, size_t count,
			   struct btrfs_policy_books *books)
{
	int err = btrfs_join_transaction(task, fs);

	if (err)
		return err;
	books->transactions++;
	for (size_t i = 0; i < count; i++)
		change_in_handle(task, &change[i], books);
	btrfs_end_transaction(task, fs);
	btrfs_drain(task, fs);
	return 0;
}

/* ---- old data, written anew ---- */

/* Encrypted file extent items of one kind without a gap. */
struct run {
	uint64_t start, end;
	enum store_file_extent_type type;
};

static bool find_run(struct btrfs_inode *inode, uint64_t from, struct run *run,
		     struct btrfs_work *work)
{
	struct store_file_extent item;
	struct store_walk walk;

	*run = (struct run){0};
	store_walk_begin(&walk, inode->fs->store, inode->store, from, work);
	while (run->end - run->start < REWRITE_BYTES && store_walk_next(&walk, &item, work)) {
		uint64_t end = item.file_offset + item.bytes;

		if (run->end &&
		    (!item.encrypted || item.type != run->type || item.file_offset != run->end))
			break;
		if (!item.encrypted || end <= from)
			continue;
		if (!run->end)
			*run = (struct run){MAX(item.file_offset, from), 0, item.type};
		run->end = end;
	}
	run->end = MIN(run->end, run->start + REWRITE_BYTES);
	return run->end;
}

static bool next_run(struct kernel_task *task, struct btrfs_inode *inode, uint64_t from,
		     struct run *run)
{
	struct btrfs_fs *fs = inode->fs;
	struct btrfs_work work = {0};
	bool found;

	kernel_down_read(task, &fs->tree_lock);
	found = find_run(inode, from, run, &work);
	btrfs_charge(task, fs, &work);
	kernel_up_read(task, &fs->tree_lock);
	return found;
}

static int dirty_run(struct kernel_task *task, struct btrfs_inode *inode, const struct run *run,
		     bool (*readable)(void *arg), void *arg)
{
	uint32_t first = block_of(run->start), missing, count;
	uint32_t blocks = blocks_over(run->start, run->end - run->start);

	balance_dirty_pages(task);
	do { /* again, if reclaim took pages while others were read */
		int err = btrfs_fill_cache(task, inode, first, blocks);

		if (err)
			return err;
	} while (page_cache_missing(inode->mapping, first, blocks, &missing, &count));
	if (!readable(arg))
		return -ENOKEY;
	store_dirty_anew(inode->fs->store, inode->store, run->start, run->end);
	page_cache_dirty(inode->mapping, first, blocks);
	btrfs_tell(inode, BTRFS_NOTE_DIRTIED, 0, first, blocks, 0);
	return 0;
}

struct new_prealloc {
	struct btrfs_inode *inode;
	const struct run *run;
};

static int enter_prealloc(struct btrfs_fs *fs, void *arg, struct btrfs_work *work)
{
	const struct new_prealloc *p = arg;
	uint64_t bytes = p->run->end - p->run->start;
	int err = store_punch(fs->store, p->inode->store, p->run->start, bytes, NULL, work);

	if (!err)
		err = store_falloc(fs->store, p->inode->store, p->run->start, bytes, true, work);
	return err;
}

/* Nothing to read: the space is given up and preallocated anew. */
static int renew_prealloc(struct kernel_task *task, struct btrfs_inode *inode,
			  const struct run *run)
{
	struct new_prealloc p = {inode, run};
	int err = btrfs_tree_change(task, inode->fs, enter_prealloc, &p);
	uint32_t first = block_of(run->start);
	uint32_t blocks = blocks_over(run->start, run->end - run->start);

	if (err)
		return err;
	btrfs_note_change(inode);
	extent_map_drop(inode, first, blocks);
	err = btrfs_bind_prealloc(task, inode, run->start, run->end);
	extent_map_drop(inode, first, blocks); /* as after fallocate */
	btrfs_drain(task, inode->fs);
	return err;
}

int btrfs_rewrite_encrypted(struct kernel_task *task, struct btrfs_inode *inode,
			    bool (*readable)(void *arg), void *arg,
			    struct btrfs_policy_books *books)
{
	uint64_t from = 0;
	struct run run;
	int err = 0;

	while (!err && next_run(task, inode, from, &run)) {
		if (run.type == STORE_PREALLOCATED) {
			err = renew_prealloc(task, inode, &run);
		} else {
			err = dirty_run(task, inode, &run, readable, arg);
			books->rewritten_bytes += err ? 0 : run.end - run.start;
		}
		from = run.end;
	}
	return err ? err : btrfs_flush_inode(task, inode);
}

/* ---- many inodes by one item ---- */

struct item_change {
	uint32_t policy, from, to;
	int (*at_change)(void *arg);
	void *arg;
};

/* The tree of policies is small: one leaf, which is copied once in a transaction. */
static const struct btrfs_work one_item = {
	.searches = 1, .levels = 1, .leaves_cowed = 1, .blocks_written = 1, .items_changed = 1};

static int enter_item(struct btrfs_fs *fs, void *arg, struct btrfs_work *work)
{
	const struct item_change *c = arg;
	int err = c->at_change(c->arg);

	if (err)
		return err;
	make_entry(fs, c->policy, c->from)->contents = c->to;
	for (GList *link = fs->inodes.head; link; link = link->next) {
		struct btrfs_inode *inode = link->data;

		if (inode->store->policy_key == c->policy && !btrfs_inode_is_dir(inode))
			extent_map_drop_unpinned(inode);
	}
	*work = one_item;
	return 0;
}

int btrfs_replace_policy_item(struct kernel_task *task, struct btrfs_inode *dir, uint32_t key,
			      int (*at_change)(void *arg), void *arg,
			      struct btrfs_policy_books *books)
{
	struct item_change c = {.policy = dir->store->policy_key,
				.from = btrfs_inode_policy(dir),
				.to = key,
				.at_change = at_change,
				.arg = arg};
	int err = btrfs_tree_change(task, dir->fs, enter_item, &c);

	books->transactions++;
	books->items += !err;
	btrfs_drain(task, dir->fs);
	return err;
}

uint32_t btrfs_inode_policy_number(const struct btrfs_inode *inode)
{
	return inode->store->policy_key;
}

bool btrfs_same_policy(const struct btrfs_inode *a, const struct btrfs_inode *b)
{
	return a->store->policy_key == b->store->policy_key;
}

/* ---- what is yet to be written ---- */

struct new_policy {
	struct btrfs_inode *dir;
	uint32_t key;
};

static int enter_new_policy(struct btrfs_fs *fs, void *arg, struct btrfs_work *work)
{
	const struct new_policy *c = arg;

	store_set_policy_for_new(fs->store, c->dir->store, c->key, work);
	fs->policy_generation++;
	return 0;
}

int btrfs_set_policy_for_new(struct kernel_task *task, struct btrfs_inode *dir, uint32_t key,
			     struct btrfs_policy_books *books)
{
	struct new_policy c = {dir, key};
	sim_ns since;
	int err;

	kernel_down_write(task, &dir->lock);
	since = sim_now(machine_sim(dir->fs->machine));
	err = btrfs_tree_change(task, dir->fs, enter_new_policy, &c);
	books->locked_ns += sim_now(machine_sim(dir->fs->machine)) - since;
	kernel_up_write(task, &dir->lock);
	books->transactions++;
	books->items += !err;
	return err;
}

uint32_t btrfs_key_for_new(struct kernel_task *task, const struct btrfs_inode *dir)
{
	uint32_t key = 0;

	if (!dir || !dir->fs->policy_generation)
		return 0;
	for (; !key && dir; dir = dir->parent) {
		kernel_run(task, COST_CONTEXT_PARSE, 1);
		key = store_policy_for_new(dir->fs->store, dir->store);
	}
	return key;
}

int btrfs_adopt_policy(struct kernel_task *task, struct btrfs_inode *inode)
{
	struct btrfs_fs *fs = inode->fs;
	uint64_t generation = fs->policy_generation;
	uint32_t key;
	int err = 0;

	if (inode->policy_generation == generation || !inode->store->policy_key || !fs->crypt_ops)
		return 0;
	key = btrfs_key_for_new(task, inode->parent);
	if (key && key != btrfs_inode_policy(inode))
		err = fs->crypt_ops->policy_adopt(task, fs->crypt, inode, key);
	if (!err)
		inode->policy_generation = generation;
	return err;
}
