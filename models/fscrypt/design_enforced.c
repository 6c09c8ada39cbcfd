/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The design between light and heavy, and the one posted since 2023-10: a 34-byte context that
 * describes itself, whose key identifier and mode must be the inode's ("[PATCH v6 01/43] fscrypt: add
 * per-extent encryption support", 2026-02-06). As posted, a clone compares encrypted or not, and
 * the mismatch shows when the extent is loaded.
 */
#include "models/fscrypt/internal.h"

#include <errno.h>

enum { EXTENT_CONTEXT_BYTES = 34 }; /* version 1, mode 1, key identifier 16, nonce 16 */

static int bind_loaded(struct kernel_task *task, struct fscrypt *fc, struct inode_info *inode,
		       const struct btrfs_context *stored, struct fscrypt_extent_info *info)
{
	(void)fc;
	kernel_run(task, COST_CONTEXT_PARSE, 1);
	info->key = inode->key;
	info->nonce = stored->nonce;
	return stored->key == inode->key->number ? 0 : -EINVAL;
}

static int may_clone(uint32_t from, uint32_t to)
{
	return from && !to ? -EINVAL : 0;
}

const struct extent_design design_enforced = {
	.name = "enforced",
	.summary = "a 34-byte context per extent, whose key and mode must be the inode's",
	.context_bytes = EXTENT_CONTEXT_BYTES,
	.names_key = true,
	.bind_new = extent_info_bind_to_inode,
	.bind_loaded = bind_loaded,
	.may_clone = may_clone,
	.rekey = REKEY_ALLOW,
};
