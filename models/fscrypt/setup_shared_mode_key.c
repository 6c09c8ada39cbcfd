/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One cipher for each master key and mode, set up once, with the extent's nonce in the IV: the design
 * of 2021 and 2022, with explicit IVs under one key a policy. It derives nothing per extent; all
 * data of a policy is under one key, which its IVs must tell apart ("Btrfs Fscrypt Design Document",
 * 2021-10; 6.12: fs/crypto/keysetup.c, setup_per_mode_enc_key()).
 */
#include "models/fscrypt/internal.h"

#include <errno.h>

struct mode_keys {
	struct fscrypt *fc;
	struct sim_mutex setup_mutex; /* fscrypt_mode_key_setup_mutex */
};

static void *mode_keys_new(struct fscrypt *fc)
{
	struct mode_keys *state = g_new0(struct mode_keys, 1);
	struct sim *sim = machine_sim(fc->machine);

	state->fc = fc;
	sim_mutex_init(&state->setup_mutex, sim,
		       sim_lock_class(sim, "fscrypt_mode_key_setup_mutex"),
		       "fscrypt_mode_key_setup_mutex");
	return state;
}

static void mode_keys_free(void *arg)
{
	struct mode_keys *state = arg;

	sim_mutex_destroy(&state->setup_mutex);
	g_free(state);
}

/* The caller has the key's semaphore for read and so derives without taking it. */
static int set_up(struct kernel_task *task, struct mode_keys *state, struct master_key *key)
{
	struct fscrypt *fc = state->fc;
	int err = fscrypt_tfm_alloc(task, fc);

	if (err)
		return err;
	kernel_run(task, COST_HKDF_EXPAND, 1);
	fc->count.derivations++;
	err = fscrypt_setkey(task, fc);
	if (err)
		fscrypt_tfm_free(task, fc);
	else
		key->setup = state;
	return err;
}

static int set_up_once(struct kernel_task *task, struct mode_keys *state, struct master_key *key)
{
	int err = 0;

	if (key->setup)
		return 0;
	kernel_mutex_lock(task, &state->setup_mutex);
	if (!key->setup)
		err = set_up(task, state, key);
	kernel_mutex_unlock(task, &state->setup_mutex);
	return err;
}

static int mode_keys_inode_open(struct kernel_task *task, void *arg, struct inode_info *inode)
{
	return set_up_once(task, arg, inode->key);
}

/* An extent whose master key has opened no inode: one of another key, or one with no inode in hand. */
static int mode_keys_prepare(struct kernel_task *task, void *arg, struct fscrypt_extent_info *info)
{
	struct master_key *key = info->key;
	int err = -ENOKEY;

	if (key->setup)
		return 0;
	kernel_rwsem_read(task, &key->sem);
	if (key->secret)
		err = set_up_once(task, arg, key);
	kernel_rwsem_read_unlock(task, &key->sem);
	return err;
}

/* fscrypt_destroy_prepared_key(), when the last user of the master key has gone. */
static void mode_keys_forget(void *arg, struct master_key *key)
{
	struct mode_keys *state = arg;

	if (key->setup)
		fscrypt_tfm_free(NULL, state->fc);
	key->setup = NULL;
}

static uint32_t mode_keys_keyed_from(const void *arg, const struct master_key *key)
{
	(void)arg;
	return key->setup != NULL;
}

const struct key_setup setup_shared_mode_key = {
	.name = "shared-mode-key",
	.summary = "one cipher a master key and mode, the nonce in the IV: the older baseline",
	.new = mode_keys_new,
	.free = mode_keys_free,
	.inode_open = mode_keys_inode_open,
	.prepare = mode_keys_prepare,
	.acquire = fscrypt_acquire_nothing,
	.release = fscrypt_release_nothing,
	.forget = mode_keys_forget,
	.keyed_from = mode_keys_keyed_from,
};
