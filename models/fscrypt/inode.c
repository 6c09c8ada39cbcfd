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

static void drop_info(struct fscrypt *fc, struct inode_info *info)
{
	uint64_t bytes = machine_size(fc->machine, SIZE_INODE_INFO);

	unlist_inode(fc, info);
	if (fc->setup->inode_close)
		fc->setup->inode_close(fc->setup_state, info);
	if (info->shared)
		extent_info_put(fc, info->shared, false);
	kernel_free(fc->machine, fc->site_info, bytes);
	fscrypt_account(fc, -(int64_t)bytes);
	g_free(info);
}

/* Losers of the race to publish free their work. */
static int publish(struct fscrypt *fc, struct inode_info *info)
{
	if (btrfs_inode_crypt(info->inode)) {
		drop_info(fc, info);
		return 0;
	}
	info->key->unlocked_inodes++;
	btrfs_inode_set_crypt(info->inode, info);
	return 0;
}

static int link_inode(struct kernel_task *task, struct fscrypt *fc, struct btrfs_inode *inode,
		      struct master_key *key)
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
	info->nonce = btrfs_inode_birth(inode);
	list_inode(fc, info);
	if (btrfs_inode_is_dir(inode)) {
		kernel_run(task, COST_NAME_KEY_SETUP, 1);
		fc->count.name_setups++;
	}
	err = make_shared(task, fc, info);
	if (!err && fc->setup->inode_open && !btrfs_inode_is_dir(inode))
		err = fc->setup->inode_open(task, fc->setup_state, info);
	if (!err)
		return publish(fc, info);
	drop_info(fc, info);
	return err;
}

/* fscrypt_get_encryption_info(): the semaphore is held for read from the look at the key's presence
 * until the inode is on the key's list. */
int fscrypt_inode_setup(struct kernel_task *task, void *crypt, struct btrfs_inode *inode)
{
	struct fscrypt *fc = crypt;
	struct master_key *key;
	int err = -ENOKEY;

	if (fc->design == &design_none || !btrfs_inode_policy(inode) || btrfs_inode_crypt(inode))
		return 0;
	sim_path_enter(machine_sim(fc->machine), "fscrypt_get_encryption_info");
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
	sim_path_leave(machine_sim(fc->machine));
	return err;
}

int fscrypt_file_open(struct kernel_task *task, void *crypt, struct btrfs_inode *inode)
{
	struct fscrypt *fc = crypt;
	struct inode_info *info = btrfs_inode_crypt(inode);

	if (!info || !fc->setup->file_open)
		return 0;
	return fc->setup->file_open(task, fc->setup_state, info);
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
	struct master_key *key;

	if (!info)
		return;
	btrfs_inode_set_crypt(inode, NULL);
	key = info->key;
	key->unlocked_inodes--;
	drop_info(fc, info);
	master_key_put_active(fc, key);
}
