/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Classic fscrypt: one key an inode, derived from the nonce in the inode's context, and the block's
 * offset in the file as its IV (6.12: Documentation/filesystems/fscrypt.rst). It is the baseline
 * that cannot work here: an extent that is shared is reached through an inode of another key or at
 * another offset, and an inode and its copy in a snapshot have the same nonce, so writing both repeats
 * (key, IV).
 */
#include "models/fscrypt/internal.h"

/* Nothing in the extent says whose it is, and the kernel's inode-based rule compares policies only. */
static int may_clone(uint32_t from, uint32_t to)
{
	(void)from;
	(void)to;
	return 0;
}

const struct extent_design design_inode = {
	.name = "inode",
	.summary = "one key an inode, IV by file offset: the baseline that breaks on sharing",
	.per_inode = true,
	.may_clone = may_clone,
	.rekey = REKEY_REFUSE,
};
