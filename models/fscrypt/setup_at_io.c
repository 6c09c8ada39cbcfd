/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Everything when an extent is first touched: allocate a cipher, derive, set the key, and keep it with
 * the extent's info ("[RFC PATCH 15/17] fscrypt: allow load/save of extent contexts", Dorminy
 * 2023-01-01). It is what the I/O path must not do: the cipher's allocation looks algorithms up
 * under crypto_alg_sem, may load modules and asks for GFP_KERNEL memory. With at-io.clone the
 * cipher is copied from a template of the mount instead (Biggers 2023-05-14).
 */
#include "models/fscrypt/internal.h"

static void *at_io_new(struct fscrypt *fc)
{
	return fc;
}

/* The template. */
static int at_io_mount(void *state)
{
	struct fscrypt *fc = state;

	if (fc->variant->at_io_clone)
		fscrypt_tfm_preload(fc);
	return 0;
}

static int at_io_prepare(struct kernel_task *task, void *state, struct fscrypt_extent_info *info)
{
	struct fscrypt *fc = state;
	int err = fc->variant->at_io_clone ? fscrypt_tfm_clone(task, fc)
					   : fscrypt_tfm_alloc(task, fc);

	if (err)
		return err;
	err = fscrypt_derive(task, fc, info);
	if (!err)
		err = fscrypt_setkey(task, fc);
	if (err)
		fscrypt_tfm_free(task, fc);
	return err;
}

static void at_io_destroy(struct kernel_task *task, void *state, struct fscrypt_extent_info *info)
{
	(void)info;
	fscrypt_tfm_free(task, state);
}

static uint64_t at_io_prepared_bytes(const void *state)
{
	const struct fscrypt *fc = state;

	return machine_size(fc->machine, SIZE_TFM + fc->mode);
}

const struct key_setup setup_at_io = {
	.name = "at-io",
	.summary =
		"a cipher per extent, allocated and keyed when the extent is first touched by I/O",
	.keyed_infos = true,
	.new = at_io_new,
	.mount = at_io_mount,
	.prepare = at_io_prepare,
	.destroy = at_io_destroy,
	.prepared_bytes = at_io_prepared_bytes,
	.acquire = fscrypt_acquire_nothing,
	.release = fscrypt_release_nothing,
};
