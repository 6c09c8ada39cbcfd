/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Replacing the policy of inodes that have data, which the kernel refuses (6.12: fs/crypto/policy.c,
 * fscrypt_ioctl_set_policy()) and which a context per extent is to make possible ("[RFC PATCH 07/13]
 * fscrypt: store full fscrypt_contexts for each extent", Dorminy 2023-09-02). What becomes of the old
 * extents is the design's rule: refused, since they could not be read under another key; written
 * anew; or left under the key that they name.
 *
 * The inode's context and what hangs on the inode in memory change at one instant. What it was is kept
 * until the reads under way have ended, so that its key can't become absent under them.
 */
#include "models/fscrypt/rekey.h"

#include <errno.h>

struct rekey_books *rekey_books_new(void)
{
	struct rekey_books *books = g_new0(struct rekey_books, 1);

	books->trees = g_array_new(false, false, sizeof(struct rekeyed_tree));
	return books;
}

void rekey_books_free(struct rekey_books *books)
{
	g_array_free(books->trees, true);
	g_free(books);
}

void rekey_note_stranded(struct fscrypt *fc)
{
	fc->rekey->stranded_loads++;
}

/* ---- one inode ---- */

static int refuse(struct kernel_task *task, struct fscrypt *fc, int err, const char *why)
{
	fc->rekey->refused++;
	task->refusal = why;
	return err;
}

int rekey_find_key(struct kernel_task *task, struct fscrypt *fc, uint32_t number,
		   struct master_key **key)
{
	*key = master_key_find(task, fc, number);
	if (*key && (*key)->status == KEY_PRESENT)
		return 0;
	task->refusal = "the new key is not there";
	return -ENOKEY;
}

enum fscrypt_rekey rekey_rule(const struct fscrypt *fc)
{
	return fc->variant->rekey ? (enum fscrypt_rekey)fc->variant->rekey : fc->design->rekey;
}

/* 0; 1 if there is nothing to do; or the errno of a refusal. */
static int look_at_file(struct kernel_task *task, struct rekey *r)
{
	enum btrfs_old_data old = btrfs_old_data(task, r->inode);

	if (old == BTRFS_ENCRYPTED_DATA && r->rule == REKEY_REFUSE)
		return refuse(task, r->fc, -EINVAL,
			      "old extents could not be read under another key");
	if (old == BTRFS_PLAIN_DATA && r->fc->design->per_inode && !btrfs_inode_policy(r->inode))
		return refuse(task, r->fc, -EINVAL,
			      "the design has no plain extents in an encrypted file");
	return 0;
}

static int look(struct kernel_task *task, struct rekey *r)
{
	if (btrfs_inode_policy(r->inode) == r->key->number)
		return 1;
	if (!btrfs_inode_is_dir(r->inode))
		return look_at_file(task, r);
	if (btrfs_dir_is_empty(r->inode))
		return 0;
	return refuse(task, r->fc, -ENOTEMPTY,
		      "a directory's names are encrypted under its old key");
}

/* Old data that is to be read needs its key; and an inode that is open under a new policy, its own. */
static int prepare(struct kernel_task *task, struct rekey *r)
{
	int err = 0;

	if (r->rule == REKEY_REWRITE)
		err = fscrypt_inode_setup(task, r->fc, r->inode);
	if (err)
		return refuse(task, r->fc, err, "old extents can't be read without their key");
	if (!btrfs_inode_crypt(r->inode) && btrfs_inode_policy(r->inode))
		return 0;
	return inode_info_new(task, r->fc, r->inode, r->key, r->change.birth, &r->other);
}

static void swap(struct inode_info *a, struct inode_info *b)
{
	struct inode_info old = *a;

	a->key = b->key;
	a->nonce = b->nonce;
	a->shared = b->shared;
	a->setup = b->setup;
	b->key = old.key;
	b->nonce = old.nonce;
	b->shared = old.shared;
	b->setup = old.setup;
	if (a->shared)
		a->shared->owner = a;
	if (b->shared)
		b->shared->owner = b;
}

void rekey_switch(struct inode_info *info, struct inode_info *other)
{
	other->key->unlocked_inodes++;
	swap(info, other);
	info->before = other;
}

/* The key's semaphore is held for read in the kernel, from the look at the key's presence until the inode
 * is on its list; here both are one instant. */
static int at_change(void *arg)
{
	struct rekey *r = arg;
	struct inode_info *info = btrfs_inode_crypt(r->inode);

	if (r->key->status != KEY_PRESENT)
		return -ENOKEY;
	if (info && !r->other) /* unlocked meanwhile */
		return -EAGAIN;
	if (!r->other)
		return 0;
	if (info) {
		if (info->before) /* another change of it has not ended */
			return -EBUSY;
		rekey_switch(info, r->other);
		r->switched = true;
		info->converting = r->rule == REKEY_REWRITE;
		info->nonces_before = r->fc->next_nonce;
		return 0;
	}
	r->key->unlocked_inodes++;
	btrfs_inode_set_crypt(r->inode, r->other);
	r->other = NULL;
	return 0;
}

void rekey_let_go(struct kernel_task *task, struct fscrypt *fc, struct inode_info *info)
{
	btrfs_wait_reads(task, info->inode);
	extent_infos_drain(task, fc);
	inode_info_forget_before(fc, info);
	extent_infos_drain(task, fc);
}

void rekey_init(struct kernel_task *task, struct rekey *r, struct fscrypt *fc,
		struct btrfs_inode *inode, struct master_key *key)
{
	*r = (struct rekey){.fc = fc, .inode = inode, .key = key, .rule = rekey_rule(fc)};
	r->change = (struct btrfs_policy_change){
		.inode = inode,
		.key = key->number,
		.birth = btrfs_new_birth(task, fc->fs),
		.drop_maps = r->rule != REKEY_REWRITE,
		.at_change = at_change,
		.arg = r,
	};
}

int rekey_prepare(struct kernel_task *task, struct rekey *r)
{
	int err = look(task, r);

	return err ? err : prepare(task, r);
}

static bool old_key_works(void *arg)
{
	const struct inode_info *before = arg;

	return before->key->secret;
}

static int write_anew(struct kernel_task *task, struct rekey *r)
{
	struct inode_info *info = btrfs_inode_crypt(r->inode);
	int err = btrfs_rewrite_encrypted(task, r->inode, old_key_works, info->before,
					  &r->fc->rekey->work);

	info->converting = err; /* both keys are needed as long as the inode is in memory */
	return err;
}

int rekey_finish(struct kernel_task *task, struct rekey *r, int err)
{
	struct inode_info *info = btrfs_inode_crypt(r->inode);

	r->fc->rekey->files += !err;
	if (r->switched && info->converting && !btrfs_inode_is_dir(r->inode))
		err = write_anew(task, r);
	if (r->switched && !err)
		rekey_let_go(task, r->fc, info);
	if (!r->switched && r->other)
		inode_info_drop(r->fc, r->other);
	extent_infos_drain(task, r->fc);
	return err;
}

/* The inode is locked, so that nothing becomes dirty any more. */
static int rekey_locked(struct kernel_task *task, struct rekey *r)
{
	int err = btrfs_flush_inode(task, r->inode);

	if (!err)
		err = rekey_prepare(task, r);
	if (err)
		return MIN(err, 0);
	do {
		err = btrfs_replace_policy(task, &r->change, &r->fc->rekey->work);
	} while (err == -EAGAIN && !prepare(task, r));
	return rekey_finish(task, r, err);
}

int rekey_inode(struct kernel_task *task, struct fscrypt *fc, struct btrfs_inode *inode,
		struct master_key *key)
{
	struct sim *sim = machine_sim(fc->machine);
	struct rekey r;
	sim_ns since;
	int err;

	rekey_init(task, &r, fc, inode, key);
	btrfs_lock_inode(task, inode);
	since = sim_now(sim);
	err = rekey_locked(task, &r);
	fc->rekey->work.locked_ns += sim_now(sim) - since;
	btrfs_unlock_inode(task, inode);
	return err;
}

int rekey_path(struct kernel_task *task, struct fscrypt *fc, const char *path,
	       struct master_key *key, bool plain)
{
	struct btrfs_file *file;
	int err = btrfs_open(task, fc->fs, path, BTRFS_O_DIRECTORY, &file);

	if (err)
		return err;
	kernel_run(task, COST_SYSCALL, 1);
	if (plain || btrfs_inode_policy(btrfs_file_inode(file)))
		err = rekey_inode(task, fc, btrfs_file_inode(file), key);
	btrfs_close(task, file);
	return err;
}

int fscrypt_rekey(struct kernel_task *task, struct fscrypt *fc, const char *path, uint32_t number)
{
	struct master_key *key;
	int err = rekey_find_key(task, fc, number, &key);

	if (err || fc->design == &design_none)
		return err;
	fc->rekey->calls++;
	return rekey_path(task, fc, path, key, true);
}

/* At a write under the inode's lock: where the rule has old extents stay as they are, the inode stays,
 * too. */
int fscrypt_policy_adopt(struct kernel_task *task, void *crypt, struct btrfs_inode *inode,
			 uint32_t number)
{
	struct fscrypt *fc = crypt;
	struct master_key *key;
	struct rekey r;
	int err = rekey_find_key(task, fc, number, &key);

	if (!err)
		err = btrfs_flush_inode(task, inode);
	if (err ||
	    (rekey_rule(fc) == REKEY_REFUSE && btrfs_old_data(task, inode) == BTRFS_ENCRYPTED_DATA))
		return err;
	rekey_init(task, &r, fc, inode, key);
	return rekey_locked(task, &r);
}
