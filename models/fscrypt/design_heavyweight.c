/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The heavyweight design: an extent stores a full fscrypt context, so it names its own master key
 * and mode ("[RFC PATCH 07/13] fscrypt: store full fscrypt_contexts for each extent", Dorminy
 * 2023-09-02). It looks that key up by itself and joins the key's list, as an inode does; an
 * inode of another key may share it.
 */
#include "models/fscrypt/internal.h"

#include <errno.h>

enum { CONTEXT_V2_BYTES = 40 }; /* struct fscrypt_context_v2 */

static int join(struct kernel_task *task, struct fscrypt *fc, uint32_t number,
		struct fscrypt_extent_info *info)
{
	struct master_key *key;

	/* The look-up of an old key goes through the session keyring of whoever makes it, and an I/O
	 * thread has none: hence credentials saved with the inode ("[PATCH v3 12/16]", 2023-08). */
	if (fc->variant->keyring == KEYRING_SESSION && !task->has_session &&
	    fc->variant->credentials != CREDENTIALS_SAVED)
		return -ENOKEY;
	key = master_key_find(task, fc, number);
	if (!key)
		return -ENOKEY;
	info->key = key;
	info->joined_key = true;
	key->extents++;
	return 0;
}

static int bind_new(struct kernel_task *task, struct fscrypt *fc, struct inode_info *inode,
		    struct fscrypt_extent_info *info)
{
	return join(task, fc, inode->key->number, info);
}

static int bind_loaded(struct kernel_task *task, struct fscrypt *fc, struct inode_info *inode,
		       const struct btrfs_context *stored, struct fscrypt_extent_info *info)
{
	(void)inode;
	kernel_run(task, COST_CONTEXT_PARSE, 1);
	info->nonce = stored->nonce;
	return join(task, fc, stored->key, info);
}

static int may_clone(uint32_t from, uint32_t to)
{
	/* A plain inode has no file-level state to read ciphertext with. */
	return from && !to ? -EINVAL : 0;
}

const struct extent_design design_heavyweight = {
	.name = "heavyweight",
	.summary = "a full 40-byte context per extent: its own key, mode and nonce",
	.context_bytes = CONTEXT_V2_BYTES,
	.names_key = true,
	.bind_new = bind_new,
	.bind_loaded = bind_loaded,
	.may_clone = may_clone,
	.rekey = REKEY_ALLOW,
};
