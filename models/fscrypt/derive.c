/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The primitives every set-up is made of: derive, allocate a cipher, set its key. */
#include "models/fscrypt/internal.h"

#include <errno.h>

void fscrypt_account(struct fscrypt *fc, int64_t bytes)
{
	fc->key_bytes += (uint64_t)bytes;
	fc->key_bytes_max = MAX(fc->key_bytes_max, fc->key_bytes);
}

void fscrypt_derive(struct kernel_task *task, struct fscrypt *fc,
		    const struct fscrypt_extent_info *info)
{
	sim_path_enter(machine_sim(fc->machine), "fscrypt_hkdf_expand");
	kernel_down_read(task, &info->key->sem);
	kernel_run(task, COST_HKDF_EXPAND, 1);
	kernel_up_read(task, &info->key->sem);
	sim_path_leave(machine_sim(fc->machine));
	fc->count.derivations++;
}

void fscrypt_setkey(struct kernel_task *task, struct fscrypt *fc)
{
	kernel_run(task, COST_SETKEY + fc->mode, 1);
	fc->count.setkeys++;
}

int fscrypt_tfm_alloc(struct kernel_task *task, struct fscrypt *fc)
{
	uint64_t bytes = machine_size(fc->machine, SIZE_TFM + fc->mode);

	kernel_run(task, COST_TFM_ALLOC + fc->mode, 1);
	if (!kernel_alloc(task, fc->site_tfm, GFP_KERNEL, bytes))
		return -ENOMEM;
	fscrypt_account(fc, (int64_t)bytes);
	fc->count.tfm_allocations++;
	return 0;
}

void fscrypt_tfm_free(struct fscrypt *fc)
{
	uint64_t bytes = machine_size(fc->machine, SIZE_TFM + fc->mode);

	kernel_free(fc->machine, fc->site_tfm, bytes);
	fscrypt_account(fc, -(int64_t)bytes);
}
