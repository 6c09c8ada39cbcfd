/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inodes as fs/crypto sees them: unlocked when first opened, locked when they leave memory (6.12:
 * fs/crypto/keysetup.c). */
#include "models/fscrypt/internal.h"

#include <errno.h>

static void list_inode(struct fscrypt *fc, struct inode_info *info)
{
	info->next = fc->inodes;
	if (fc->inodes)
		fc->inodes->prev = info;
	fc->inodes = info;
}

static void unlist_inode(struct fscrypt *fc, struct inode_info *info)
{
	if (info->prev)
		info->prev->next = info->next;
	else
		fc->inodes = info->next;
	if (info->next)
		info->next->prev = info->prev;
}

/* Design 'inode': one info serves all extents. */
static int make_shared(struct kernel_task *task, struct fscrypt *fc, struct inode_info *info)
{
	if (!fc->design->per_inode || btrfs_inode_is_dir(info->inode))
		return 0;
	info->shared = extent_info_new(task, fc, GFP_KERNEL);
	if (!info->shared)
		return -ENOMEM;
	info->shared->owner = info;
	info->shared->key = info->key;
	info->shared->nonce = info->nonce;
	return 0;
}

void inode_info_drop(struct fscrypt *fc, struct inode_info *info)
{
	uint64_t bytes = machine_size(fc->machine, SIZE_INODE_INFO);

	unlist_inode(fc, info);
	if (fc->setup->inode_close)
		SETUP_HOOK(fc, inode_close)(fc->setup_state, info);
	if (info->shared)
		extent_info_put(fc, info->shared, false);
	kernel_free(fc->machine, fc->site_info, bytes);
	fscrypt_account(fc, -(int64_t)bytes);
	g_free(info);
}

/* Losers of the race to publish free their work; so does who set up what is not the policy any more. */
static int publish(struct fscrypt *fc, struct inode_info *info)
{
	bool replaced = btrfs_inode_policy(info->inode) != info->key->number;

	if (replaced || btrfs_inode_crypt(info->inode)) {
		inode_info_drop(fc, info);
		return replaced ? -EAGAIN : 0;
	}
	info->key->unlocked_inodes++;
	btrfs_inode_set_crypt(info->inode, info);
	return 0;
}

int inode_info_new(struct kernel_task *task, struct fscrypt *fc, struct btrfs_inode *inode,
		   struct master_key *key, uint64_t nonce, struct inode_info **out)
{
	uint64_t bytes = machine_size(fc->machine, SIZE_INODE_INFO);
	struct inode_info *info;
	int err;

	if (!kernel_alloc(task, fc->site_info, GFP_KERNEL, bytes))
		return -ENOMEM;
	fscrypt_account(fc, (int64_t)bytes);
	info = g_new0(struct inode_info, 1);
	info->inode = inode;
	info->key = key;
	info->nonce = nonce;
	list_inode(fc, info);
	if (btrfs_inode_is_dir(inode)) {
		kernel_run(task, COST_NAME_KEY_SETUP, 1);
		fc->count.name_setups++;
	}
	err = make_shared(task, fc, info);
	if (!err && fc->setup->inode_open && !btrfs_inode_is_dir(inode))
		err = SETUP_HOOK(fc, inode_open)(task, fc->setup_state, info);
	if (err)
		inode_info_drop(fc, info);
	else
		*out = info;
	return err;
}

static int link_inode(struct kernel_task *task, struct fscrypt *fc, struct btrfs_inode *inode,
		      struct master_key *key)
{
	struct inode_info *info;
	int err = inode_info_new(task, fc, inode, key, btrfs_inode_birth(inode), &info);

	return err ? err : publish(fc, info);
}

/* Nonces are numbered as they are drawn: an extent's age, told by its nonce, stands for the mark that a
 * conversion keeps of how far it has come. */
struct inode_info *inode_info_for(const struct fscrypt *fc, struct inode_info *inode,
				  uint64_t nonce)
{
	bool is_new =
		nonce == inode->nonce || (nonce > inode->nonces_before && nonce <= fc->next_nonce);

	return inode->converting && !is_new ? inode->before : inode;
}

/* fscrypt_get_encryption_info(): the semaphore is held for read from the look at the key's presence
 * until the inode is on the key's list. */
static int set_up_inode(struct kernel_task *task, struct fscrypt *fc, struct btrfs_inode *inode)
{
	struct master_key *key;
	int err = -ENOKEY;

	kernel_run(task, COST_INODE_INFO_SETUP, 1);
	kernel_run(task, COST_CONTEXT_PARSE, 1);
	key = master_key_find(task, fc, btrfs_inode_policy(inode));
	if (key) {
		kernel_rwsem_read(task, &key->sem);
		if (key->status == KEY_PRESENT)
			err = link_inode(task, fc, inode, key);
		kernel_rwsem_read_unlock(task, &key->sem);
	}
	extent_infos_drain(task, fc);
	return err;
}

int fscrypt_inode_setup(struct kernel_task *task, void *crypt, struct btrfs_inode *inode)
{
	struct fscrypt *fc = crypt;
	int err;

	if (fc->design == &design_none || !btrfs_inode_policy(inode) || btrfs_inode_crypt(inode))
		return 0;
	sim_path_enter(machine_sim(fc->machine), "fscrypt_get_encryption_info");
	do {
		err = set_up_inode(task, fc, inode);
	} while (err == -EAGAIN);
	sim_path_leave(machine_sim(fc->machine));
	return err;
}

int fscrypt_file_open(struct kernel_task *task, void *crypt, struct btrfs_inode *inode)
{
	struct fscrypt *fc = crypt;
	struct inode_info *info = btrfs_inode_crypt(inode);

	if (!info || !fc->setup->file_open)
		return 0;
	return SETUP_HOOK(fc, file_open)(task, fc->setup_state, info);
}

/* An info that counts among its key's. */
static void forget(struct fscrypt *fc, struct inode_info *info)
{
	struct master_key *key = info->key;

	key->unlocked_inodes--;
	inode_info_drop(fc, info);
	master_key_put_active(fc, key);
}

void inode_info_forget_before(struct fscrypt *fc, struct inode_info *info)
{
	struct inode_info *before = info->before;

	info->before = NULL;
	forget(fc, before);
}

bool fscrypt_inode_unwanted(void *crypt, const struct btrfs_inode *inode)
{
	const struct inode_info *info = btrfs_inode_crypt(inode);

	(void)crypt;
	return info && info->key->status != KEY_PRESENT;
}

void fscrypt_inode_evict(void *crypt, struct btrfs_inode *inode)
{
	struct fscrypt *fc = crypt;
	struct inode_info *info = btrfs_inode_crypt(inode);

	if (!info)
		return;
	btrfs_inode_set_crypt(inode, NULL);
	if (info->before)
		forget(fc, info->before);
	if (info->after)
		inode_info_drop(fc, info->after);
	forget(fc, info);
}
