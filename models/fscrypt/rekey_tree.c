/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Replacing the policy of a tree of files, in the ways that were proposed: touch every inode, from a
 * program or in the kernel; one item that all contexts name; or a policy for what is yet to be written,
 * found by walking up the directories ("Re: [PATCH v1 00/12] fscrypt: add extent encryption", Biggers and
 * Dorminy, 2023-07 and 2023-08-15). Directories keep their key, for their names are under it.
 */
#include "models/fscrypt/rekey.h"

#include <errno.h>

/* Policies that one call replaces in one transaction: an estimate. With two items an inode, 128 KiB
 * reserved for each (btrfs_calc_metadata_size(): 8 levels of 16 KiB), 16 MiB are reserved. */
enum { INODES_PER_TRANSACTION = 64 };

#define NS_PER_S UINT64_C(1000000000)

struct tree_change {
	struct fscrypt *fc;
	struct master_key *key;
	struct btrfs_inode *dir;
	int err; /* the first */
};

static void note_error(struct tree_change *c, int err)
{
	/* A file that is gone since its directory was read is no failure. */
	if (err < 0 && err != -ENOENT && !c->err)
		c->err = err;
}

/* ---- file by file, from a program ---- */

static void change_path(struct kernel_task *task, const char *path, void *arg)
{
	struct tree_change *c = arg;

	note_error(c, rekey_path(task, c->fc, path, c->key, false));
}

/* ---- by one call ---- */

/* Prepares those that may be changed, and returns how many: `ready` has their places. */
static size_t prepare_batch(struct kernel_task *task, struct tree_change *c, struct rekey *r,
			    struct btrfs_inode **inodes, size_t count)
{
	size_t ready = 0;

	for (size_t i = 0; i < count; i++) {
		int err = btrfs_flush_inode(task, inodes[i]);

		if (!btrfs_inode_policy(inodes[i]))
			continue;
		rekey_init(task, &r[ready], c->fc, inodes[i], c->key);
		if (!err)
			err = rekey_prepare(task, &r[ready]);
		note_error(c, err);
		ready += !err;
	}
	return ready;
}

/* One that another uses or has made dirty again is changed by itself. */
static void end_one(struct kernel_task *task, struct tree_change *c, struct rekey *r, int err)
{
	bool again = err == -EBUSY || err == -EAGAIN;
	int end = rekey_finish(task, r, err);

	if (again)
		end = rekey_inode(task, c->fc, r->inode, c->key);
	note_error(c, end);
}

static void change_batch(struct kernel_task *task, struct btrfs_inode **inodes, size_t count,
			 void *arg)
{
	struct btrfs_policy_change changes[INODES_PER_TRANSACTION];
	struct rekey r[INODES_PER_TRANSACTION];
	struct tree_change *c = arg;
	size_t ready = prepare_batch(task, c, r, inodes, count);
	int err;

	if (!ready)
		return;
	for (size_t i = 0; i < ready; i++)
		changes[i] = r[i].change;
	err = btrfs_replace_policies(task, c->fc->fs, changes, ready, &c->fc->rekey->work);
	for (size_t i = 0; i < ready; i++)
		end_one(task, c, &r[i], err ? err : changes[i].err);
}

/* Data that is written anew keeps its inode locked from the change to the last write. */
static void change_each(struct kernel_task *task, struct btrfs_inode **inodes, size_t count,
			void *arg)
{
	struct tree_change *c = arg;

	for (size_t i = 0; i < count; i++)
		if (btrfs_inode_policy(inodes[i]))
			note_error(c, rekey_inode(task, c->fc, inodes[i], c->key));
}

/* ---- by one item ---- */

static bool shares_policy(const struct tree_change *c, const struct inode_info *info)
{
	return btrfs_inode_crypt(info->inode) == info && !btrfs_inode_is_dir(info->inode) &&
	       btrfs_same_policy(info->inode, c->dir);
}

/* All inodes of the policy that are in memory must be ready for their new key. */
static int at_item_change(void *arg)
{
	const struct tree_change *c = arg;

	if (c->key->status != KEY_PRESENT)
		return -ENOKEY;
	for (const struct inode_info *info = c->fc->inodes; info; info = info->next) {
		if (!shares_policy(c, info))
			continue;
		if (info->before) /* another change of it has not ended */
			return -EBUSY;
		if (!info->after)
			return -EAGAIN;
	}
	for (struct inode_info *info = c->fc->inodes; info; info = info->next) {
		if (!shares_policy(c, info))
			continue;
		rekey_switch(info, info->after);
		info->after = NULL;
	}
	return 0;
}

struct readiness {
	struct kernel_task *task;
	struct tree_change *change;
	int err;
};

static void make_ready(struct btrfs_inode *inode, void *arg)
{
	struct readiness *ready = arg;
	struct tree_change *c = ready->change;
	struct inode_info *info = btrfs_inode_crypt(inode), *after;

	if (ready->err || !info || !shares_policy(c, info) || info->after)
		return;
	ready->err = inode_info_new(ready->task, c->fc, inode, c->key, info->nonce, &after);
	if (!ready->err)
		info->after = after;
}

/* Nothing was locked or flushed for the change: what began before it, direct I/O included, ends first. */
static void let_go_in_use(struct kernel_task *task, struct fscrypt *fc, struct inode_info *info)
{
	struct sim *sim = machine_sim(fc->machine);
	sim_ns since;

	btrfs_lock_inode(task, info->inode);
	since = sim_now(sim);
	btrfs_wait_writes(task, info->inode);
	if (info->before)
		rekey_let_go(task, fc, info);
	fc->rekey->work.locked_ns += sim_now(sim) - since;
	btrfs_unlock_inode(task, info->inode);
}

static void let_go(struct btrfs_inode *inode, void *arg)
{
	const struct readiness *ready = arg;
	struct fscrypt *fc = ready->change->fc;
	struct inode_info *info = btrfs_inode_crypt(inode);

	if (!info || !shares_policy(ready->change, info))
		return;
	if (info->before)
		let_go_in_use(ready->task, fc, info);
	if (info->after)
		inode_info_drop(fc, info->after);
	info->after = NULL;
}

static int change_item(struct kernel_task *task, struct tree_change *c)
{
	struct readiness ready = {.task = task, .change = c};
	int err;

	do {
		btrfs_for_each_inode(c->fc->fs, make_ready, &ready);
		err = ready.err ? ready.err
				: btrfs_replace_policy_item(task, c->dir, c->key->number,
							    at_item_change, c, &c->fc->rekey->work);
	} while (err == -EAGAIN);
	btrfs_for_each_inode(c->fc->fs, let_go, &ready);
	return err;
}

static int refuse(struct kernel_task *task, struct fscrypt *fc, const char *why)
{
	fc->rekey->refused++;
	task->refusal = why;
	return -EINVAL;
}

static int change_policy_item(struct kernel_task *task, struct tree_change *c)
{
	struct btrfs_file_filter shares = {.policy = btrfs_inode_policy_number(c->dir)};
	const struct btrfs_inode *parent = btrfs_inode_parent(c->dir);
	struct rekey_books *books = c->fc->rekey;
	uint64_t all, inside;
	int err;

	if (parent && btrfs_same_policy(parent, c->dir))
		return refuse(task, c->fc, "the directory is a part of what shares its policy");
	if (rekey_rule(c->fc) != REKEY_ALLOW)
		return refuse(task, c->fc, "old extents could not be read under another key");
	all = btrfs_count_files(c->fc->fs, 0, &shares);
	inside = btrfs_count_files(c->fc->fs, btrfs_inode_number(c->dir), &shares);
	err = change_item(task, c);
	if (err)
		return err;
	books->files += all;
	books->changed_outside += all - inside;
	return 0;
}

/* ---- all ways ---- */

static int change_tree(struct kernel_task *task, struct tree_change *c, const char *path)
{
	struct btrfs_policy_books *work = &c->fc->rekey->work;
	int err;

	switch ((enum fscrypt_policy_change)c->fc->variant->policy_change) {
	case POLICY_CHANGE_WALK_USER:
		err = btrfs_walk_paths(task, c->fc->fs, path, change_path, c);
		return c->err ? c->err : err;
	case POLICY_CHANGE_WALK_KERNEL:
		btrfs_walk_inodes(task, c->dir, INODES_PER_TRANSACTION,
				  rekey_rule(c->fc) == REKEY_REWRITE ? change_each : change_batch,
				  c);
		return c->err;
	case POLICY_CHANGE_INDIRECT:
		return change_policy_item(task, c);
	case POLICY_CHANGE_NEW_WRITES:
		return btrfs_set_policy_for_new(task, c->dir, c->key->number, work);
	}
	g_assert_not_reached();
}

static int change_timed(struct kernel_task *task, struct tree_change *c, const char *path)
{
	const struct sim *sim = machine_sim(c->fc->machine);
	struct rekey_books *books = c->fc->rekey;
	uint64_t files = books->files;
	sim_ns since = sim_now(sim);
	int err = change_tree(task, c, path);

	books->tree_ns += sim_now(sim) - since;
	books->tree_files += books->files - files;
	return err;
}

int fscrypt_rekey_tree(struct kernel_task *task, struct fscrypt *fc, const char *path,
		       uint32_t number)
{
	struct tree_change c = {.fc = fc};
	struct rekeyed_tree tree = {.key = number};
	int err = rekey_find_key(task, fc, number, &c.key);

	if (err || fc->design == &design_none)
		return err;
	err = btrfs_get_inode(task, fc->fs, path, &c.dir);
	if (err)
		return err;
	if (fc->variant->policy_change != POLICY_CHANGE_WALK_USER)
		kernel_run(task, COST_SYSCALL, 1);
	fc->rekey->calls++;
	tree.dir = btrfs_inode_number(c.dir);
	if (!btrfs_inode_is_dir(c.dir))
		err = -ENOTDIR;
	else if (!btrfs_inode_policy(c.dir))
		err = -ENODATA; /* as FS_IOC_GET_ENCRYPTION_POLICY */
	if (!err) {
		g_array_append_val(fc->rekey->trees, tree);
		err = change_timed(task, &c, path);
	}
	btrfs_put_inode(c.dir);
	return err;
}

/* ---- metrics ---- */

#define REKEY "re-keying"

static const struct sim_metric_def def_files = {
	"rekey.files", "count", SIM_NO_DIRECTION, REKEY,
	"inodes whose policy was replaced, those included that were found outside the tree"};
static const struct sim_metric_def def_refused = {
	"rekey.refused", "count", SIM_LESS_IS_BETTER, REKEY,
	"inodes, or calls that change many by one item, for which a replacement was refused"};
static const struct sim_metric_def def_rewritten = {
	"rekey.rewritten_bytes", "bytes", SIM_LESS_IS_BETTER, REKEY,
	"old data read under the old key and written anew under the new one"};
static const struct sim_metric_def def_rate = {"rekey.files_per_s", "1/s", SIM_MORE_IS_BETTER,
					       REKEY,
					       "files whose policy was replaced by changes of "
					       "trees while these ran, per second of them, rounded "
					       "down; absent where none took any time"};
static const struct sim_metric_def def_items = {"rekey.items_changed", "count", SIM_LESS_IS_BETTER,
						REKEY,
						"context items, or items of policies, changed or "
						"inserted; the delayed updates of inode items "
						"and the items of rewritten data not included"};
static const struct sim_metric_def def_transactions = {
	"rekey.transactions", "count", SIM_LESS_IS_BETTER, REKEY,
	"transaction handles that were taken to change those items"};
static const struct sim_metric_def def_locks = {
	"rekey.locks_held_ns", "ns", SIM_LESS_IS_BETTER, REKEY,
	"time that inode locks were held for it, summed over the inodes"};
static const struct sim_metric_def def_left = {
	"rekey.files_left", "count", SIM_LESS_IS_BETTER, REKEY,
	"encrypted files under a key other than the new one at the end, below the directories "
	"whose "
	"tree was to be changed: refused, passed by, or created since under the directory's key"};
static const struct sim_metric_def def_bytes_left = {
	"rekey.bytes_left", "bytes", SIM_LESS_IS_BETTER, REKEY,
	"data in files below those directories that is under a key other than the new one at the "
	"end, "
	"whatever the files' policy is by then"};
static const struct sim_metric_def def_other_key = {
	"rekey.other_key_bytes", "bytes", SIM_NO_DIRECTION, REKEY,
	"data at the end, in any file, that is under a key other than that of its file's policy"};
static const struct sim_metric_def def_stranded_bytes = {
	"rekey.stranded_bytes", "bytes", SIM_LESS_IS_BETTER, REKEY,
	"of that, data whose key is gone while the policy's is there: nothing reads it until the "
	"old "
	"key is added again"};
static const struct sim_metric_def def_stranded_extents = {
	"rekey.stranded_extents", "count", SIM_LESS_IS_BETTER, REKEY,
	"file extent items of the data in rekey.stranded_bytes"};
static const struct sim_metric_def def_outside = {
	"rekey.changed_outside", "count", SIM_LESS_IS_BETTER, REKEY,
	"files outside the tree that were changed with it, because they share its policy"};
static const struct sim_metric_def def_stranded = {"rekey.stranded_loads", "count",
						   SIM_LESS_IS_BETTER, REKEY,
						   "loads of an extent that failed because the key "
						   "it names is gone, while its inode's is there"};

const struct sim_metric_def *const rekey_metrics[] = {
	&def_files,	   &def_rate,	   &def_refused,	&def_rewritten,	       &def_items,
	&def_transactions, &def_locks,	   &def_left,		&def_bytes_left,       &def_outside,
	&def_stranded,	   &def_other_key, &def_stranded_bytes, &def_stranded_extents, NULL};

static uint64_t files_left(const struct fscrypt *fc)
{
	uint64_t left = 0;

	for (guint i = 0; i < fc->rekey->trees->len; i++) {
		const struct rekeyed_tree *tree =
			&g_array_index(fc->rekey->trees, struct rekeyed_tree, i);
		const struct btrfs_file_filter all = {0}, changed = {.key = tree->key};

		left += btrfs_count_files(fc->fs, tree->dir, &all) -
			btrfs_count_files(fc->fs, tree->dir, &changed);
	}
	return left;
}

struct data_count {
	const struct fscrypt *fc;
	uint32_t key; /* the new one of a tree */
	uint64_t left, other, stranded, stranded_extents; /* bytes; items */
};

static void count_left(void *arg, uint32_t file_key, uint32_t extent_key, uint64_t bytes)
{
	struct data_count *count = arg;

	(void)file_key;
	count->left += extent_key == count->key ? 0 : bytes;
}

static void count_other(void *arg, uint32_t file_key, uint32_t extent_key, uint64_t bytes)
{
	struct data_count *count = arg;
	bool stranded = fscrypt_key_status(count->fc, extent_key) == KEY_ABSENT &&
			fscrypt_key_status(count->fc, file_key) == KEY_PRESENT;

	if (extent_key == file_key)
		return;
	count->other += bytes;
	count->stranded += stranded ? bytes : 0;
	count->stranded_extents += stranded;
}

static struct data_count count_data(const struct fscrypt *fc)
{
	struct data_count count = {.fc = fc};

	for (guint i = 0; i < fc->rekey->trees->len; i++) {
		const struct rekeyed_tree *tree =
			&g_array_index(fc->rekey->trees, struct rekeyed_tree, i);

		count.key = tree->key;
		btrfs_tell_data(fc->fs, tree->dir, count_left, &count);
	}
	btrfs_tell_data(fc->fs, 0, count_other, &count);
	return count;
}

void rekey_report(const struct fscrypt *fc, struct sim_metrics *metrics)
{
	const struct rekey_books *books = fc->rekey;
	bool any = books->calls || books->stranded_loads;
	const struct data_count data = any ? count_data(fc) : (struct data_count){.key = 0};
	const struct {
		const struct sim_metric_def *def;
		uint64_t value;
	} rows[] = {
		{&def_files, books->files},
		{&def_refused, books->refused},
		{&def_rewritten, books->work.rewritten_bytes},
		{&def_items, books->work.items},
		{&def_transactions, books->work.transactions},
		{&def_locks, books->work.locked_ns},
		{&def_left, files_left(fc)},
		{&def_bytes_left, data.left},
		{&def_other_key, data.other},
		{&def_stranded_bytes, data.stranded},
		{&def_stranded_extents, data.stranded_extents},
		{&def_outside, books->changed_outside},
		{&def_stranded, books->stranded_loads},
	};

	if (!any)
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		sim_metrics_set(metrics, rows[i].def, rows[i].def->name, (int64_t)rows[i].value);
	if (books->tree_ns)
		sim_metrics_set(metrics, &def_rate, def_rate.name,
				(int64_t)(books->tree_files * NS_PER_S / books->tree_ns));
}
