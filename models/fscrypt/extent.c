/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inodes and extents as the filesystem sees them, and the CPU work of a bio. This is where the model
 * knows the truth: every block is checked against how its extent was sealed.
 */
#include "models/fscrypt/internal.h"

#include <errno.h>

/* ---- inodes ---- */

static int link_inode(struct kernel_task *task, struct fscrypt *fc, struct btrfs_inode *inode,
		      struct master_key *key)
{
	uint64_t bytes = machine_size(fc->machine, SIZE_INODE_INFO);
	struct inode_info *info;

	if (!kernel_alloc(task, fc->site_info, GFP_KERNEL, bytes))
		return -ENOMEM;
	if (btrfs_inode_is_dir(inode)) {
		kernel_run(task, COST_NAME_KEY_SETUP, 1);
		fc->count.name_setups++;
	}
	if (btrfs_inode_crypt(inode)) { /* another opener published first */
		kernel_free(fc->machine, fc->site_info, bytes);
		return 0;
	}
	fscrypt_account(fc, (int64_t)bytes);
	info = g_new0(struct inode_info, 1);
	info->inode = inode;
	info->key = key;
	key->unlocked_inodes++;
	btrfs_inode_set_crypt(inode, info);
	return 0;
}

/* fscrypt_get_encryption_info(): the semaphore is held for read from the look at the key's presence
 * until the inode is on the key's list. */
static int inode_setup(struct kernel_task *task, void *crypt, struct btrfs_inode *inode)
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
		kernel_down_read(task, &key->sem);
		if (key->status == KEY_PRESENT)
			err = link_inode(task, fc, inode, key);
		kernel_up_read(task, &key->sem);
	}
	sim_path_leave(machine_sim(fc->machine));
	return err;
}

static void inode_evict(void *crypt, struct btrfs_inode *inode)
{
	struct fscrypt *fc = crypt;
	struct inode_info *info = btrfs_inode_crypt(inode);
	uint64_t bytes = machine_size(fc->machine, SIZE_INODE_INFO);

	if (!info)
		return;
	btrfs_inode_set_crypt(inode, NULL);
	kernel_free(fc->machine, fc->site_info, bytes);
	fscrypt_account(fc, -(int64_t)bytes);
	info->key->unlocked_inodes--;
	master_key_put_active(fc, info->key);
	g_free(info);
}

/* ---- extents ---- */

static struct fscrypt_extent_info *info_new(struct kernel_task *task, struct fscrypt *fc)
{
	uint64_t bytes = machine_size(fc->machine, SIZE_EXTENT_INFO);
	struct fscrypt_extent_info *info;

	if (!kernel_alloc(task, fc->site_extent, GFP_NOFS, bytes))
		return NULL;
	fscrypt_account(fc, (int64_t)bytes);
	fc->count.infos_created++;
	info = g_new0(struct fscrypt_extent_info, 1);
	g_hash_table_add(fc->infos, info);
	info->fc = fc;
	info->refs = 1;
	return info;
}

static void extent_put(void *crypt, struct fscrypt_extent_info *info)
{
	struct fscrypt *fc = crypt;
	uint64_t bytes = machine_size(fc->machine, SIZE_EXTENT_INFO);

	if (--info->refs)
		return;
	kernel_free(fc->machine, fc->site_extent, bytes);
	fscrypt_account(fc, -(int64_t)bytes);
	fc->count.infos_freed++;
	if (info->joined_key) {
		info->key->extents--;
		master_key_put_active(fc, info->key);
	}
	g_hash_table_remove(fc->infos, info);
}

static void extent_get(struct fscrypt_extent_info *info)
{
	info->refs++;
}

static int extent_new(struct kernel_task *task, void *crypt, struct btrfs_inode *inode,
		      struct btrfs_seal *seal, struct fscrypt_extent_info **out)
{
	struct fscrypt *fc = crypt;
	struct inode_info *owner = btrfs_inode_crypt(inode);
	struct fscrypt_extent_info *info;
	int err;

	if (!owner)
		return -ENOKEY;
	info = info_new(task, fc);
	if (!info)
		return -ENOMEM;
	kernel_run(task, COST_RANDOM_NONCE, 1);
	fc->count.nonces_drawn++;
	info->nonce = ++fc->next_nonce;
	err = fc->design->bind_new(task, fc, owner, info);
	if (err) {
		extent_put(fc, info);
		return err;
	}
	*seal = (struct btrfs_seal){.nonce = info->nonce, .key = info->key->number};
	*out = info;
	return 0;
}

static int extent_load(struct kernel_task *task, void *crypt, struct btrfs_inode *inode,
		       const struct btrfs_seal *seal, struct fscrypt_extent_info **out)
{
	struct fscrypt *fc = crypt;
	struct inode_info *owner = btrfs_inode_crypt(inode);
	struct fscrypt_extent_info *info;
	int err;

	if (!owner)
		return -ENOKEY;
	info = info_new(task, fc);
	if (!info)
		return -ENOMEM;
	err = fc->design->bind_loaded(task, fc, owner, seal, info);
	if (err)
		extent_put(fc, info);
	else
		*out = info;
	return err;
}

/* ---- the work of one bio ---- */

static int with_cipher(struct kernel_task *task, struct fscrypt *fc,
		       const struct btrfs_crypt_io *io, enum kernel_cost per_block)
{
	struct keyed_cipher cipher;
	int err = fc->setup->acquire(task, fc->setup_state, io->info, &cipher);

	if (err)
		return err;
	kernel_run(task, per_block + fc->mode, io->blocks);
	fc->setup->release(task, fc->setup_state, &cipher);
	return 0;
}

/* One live extent owns a (key, nonce); a second one sealed under it repeats (key, IV) pairs. */
static void note_sealed(struct fscrypt *fc, const struct btrfs_crypt_io *io,
			const struct btrfs_seal *seal)
{
	gpointer owner = g_hash_table_lookup(fc->sealed, GSIZE_TO_POINTER(seal->nonce));

	if (!owner)
		g_hash_table_insert(fc->sealed, GSIZE_TO_POINTER(seal->nonce),
				    GSIZE_TO_POINTER((gsize)io->extent + 1));
	else if (GPOINTER_TO_SIZE(owner) != (gsize)io->extent + 1)
		fc->count.iv_reuses += io->blocks;
	if (io->in_place)
		fc->count.in_place_blocks += io->blocks;
}

static int encrypt(struct kernel_task *task, void *crypt, const struct btrfs_crypt_io *io,
		   const struct btrfs_seal *seal)
{
	struct fscrypt *fc = crypt;
	int err;

	kernel_run(task, COST_BOUNCE_PAGE, io->blocks);
	err = with_cipher(task, fc, io, COST_ENCRYPT_4K);
	if (err)
		return err;
	fc->count.blocks_encrypted += io->blocks;
	note_sealed(fc, io, seal);
	return 0;
}

static int decrypt(struct kernel_task *task, void *crypt, const struct btrfs_crypt_io *io,
		   const struct btrfs_seal *seal)
{
	struct fscrypt *fc = crypt;
	int err = with_cipher(task, fc, io, COST_DECRYPT_4K);

	if (err)
		return err;
	fc->count.blocks_decrypted += io->blocks;
	if (io->info->nonce != seal->nonce || io->info->key->number != seal->key)
		fc->count.garbage_blocks += io->blocks;
	return 0;
}

static void extent_moved(void *crypt, uint32_t from, uint32_t to, uint64_t nonce)
{
	struct fscrypt *fc = crypt;
	gpointer owner = g_hash_table_lookup(fc->sealed, GSIZE_TO_POINTER(nonce));

	if (owner && GPOINTER_TO_SIZE(owner) == (gsize)from + 1)
		g_hash_table_insert(fc->sealed, GSIZE_TO_POINTER(nonce),
				    GSIZE_TO_POINTER((gsize)to + 1));
}

static void extent_freed(void *crypt, uint32_t extent, uint64_t nonce)
{
	struct fscrypt *fc = crypt;
	gpointer owner = g_hash_table_lookup(fc->sealed, GSIZE_TO_POINTER(nonce));

	if (owner && GPOINTER_TO_SIZE(owner) == (gsize)extent + 1)
		g_hash_table_remove(fc->sealed, GSIZE_TO_POINTER(nonce));
}

static int may_clone(void *crypt, const struct btrfs_inode *from, const struct btrfs_inode *to)
{
	struct fscrypt *fc = crypt;

	return fc->design->may_clone(btrfs_inode_policy(from), btrfs_inode_policy(to));
}

const struct btrfs_crypt_ops fscrypt_btrfs_ops = {
	.inode_setup = inode_setup,
	.inode_evict = inode_evict,
	.extent_new = extent_new,
	.extent_load = extent_load,
	.extent_get = extent_get,
	.extent_put = extent_put,
	.encrypt = encrypt,
	.decrypt = decrypt,
	.extent_moved = extent_moved,
	.extent_freed = extent_freed,
	.may_clone = may_clone,
	.may_create = fscrypt_may_create,
};
