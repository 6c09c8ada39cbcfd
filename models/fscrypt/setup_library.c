/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A library cipher: the expanded key is a plain object inside the extent's info, so that there is no
 * look-up, lock, pool or allocation of its own, in any context ("[PATCH 05/33] lib/crypto: aes: Add
 * XTS support", Biggers 2026-07-06). What stays is one derivation and key expansion an info.
 */
#include "models/fscrypt/internal.h"

static const char *impossible(const struct fscrypt_variant *variant)
{
	return variant->mode == CIPHER_AES_256_XTS
		       ? NULL
		       : "set-up 'library' is an AES-XTS object: use mode=aes-256-xts";
}

static void *library_new(struct fscrypt *fc)
{
	return fc;
}

static int library_prepare(struct kernel_task *task, void *state, struct fscrypt_extent_info *info)
{
	struct fscrypt *fc = state;
	int err = fscrypt_derive(task, fc, info);

	return err ? err : fscrypt_setkey(task, fc);
}

const struct key_setup setup_library = {
	.name = "library",
	.summary = "the expanded key embedded in the extent's info: no lock, pool or cipher object",
	.keyed_infos = true,
	.embedded = SIZE_LIBRARY_KEY,
	.impossible = impossible,
	.new = library_new,
	.prepare = library_prepare,
	.acquire = fscrypt_acquire_nothing,
	.release = fscrypt_release_nothing,
};
