/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lightweight design: an extent stores a nonce and nothing else; key and modes come from the
 * inode through which it is reached ("[RFC PATCH 0/4] fscrypt: add support for per-extent
 * encryption", Bacik 2023-09-14). So an extent can be shared only between inodes of one key, and
 * whoever reaches it through an inode of another key derives the wrong one.
 */
#include "models/fscrypt/internal.h"

#include <errno.h>

enum { NONCE_BYTES = 16 }; /* FSCRYPT_FILE_NONCE_SIZE */

static int bind_loaded(struct kernel_task *task, struct fscrypt *fc, struct inode_info *inode,
		       const struct btrfs_context *stored, struct fscrypt_extent_info *info)
{
	kernel_run(task, COST_CONTEXT_PARSE, 1);
	(void)fc;
	info->key = inode->key;
	info->nonce = stored->nonce;
	return 0;
}

/* Nothing in the extent says which key it needs, so the call itself must refuse a foreign one. */
static int may_clone(uint32_t from, uint32_t to)
{
	return from == 0 || from == to ? 0 : -EINVAL;
}

const struct extent_design design_lightweight = {
	.name = "lightweight",
	.summary = "a 16-byte nonce per extent; key and modes from the inode",
	.context_bytes = NONCE_BYTES,
	.bind_new = extent_info_bind_to_inode,
	.bind_loaded = bind_loaded,
	.may_clone = may_clone,
	.rekey = REKEY_REFUSE,
};
