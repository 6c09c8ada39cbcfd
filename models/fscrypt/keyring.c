/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The filesystem's keyring: master keys, added and removed (6.12: fs/crypto/keyring.c). A key whose
 * removal finds inodes in use is incompletely removed: those inodes keep working, and extents of
 * theirs may still be derived from it, until the last one goes; new ones get -ENOKEY.
 */
#include "models/fscrypt/internal.h"

#include <errno.h>
#include <string.h>

struct master_key *master_key_get(struct fscrypt *fc, uint32_t number)
{
	return number && number <= fc->keys->len ? fc->keys->pdata[number - 1] : NULL;
}

uint32_t fscrypt_key_number(struct fscrypt *fc, const char *name)
{
	struct sim *sim = machine_sim(fc->machine);
	struct master_key *key;

	for (guint i = 0; i < fc->keys->len; i++) {
		key = fc->keys->pdata[i];
		if (!strcmp(key->name, name))
			return key->number;
	}
	key = g_new0(struct master_key, 1);
	key->number = fc->keys->len + 1;
	key->name = g_strdup(name);
	key->status = KEY_ABSENT;
	sim_rwsem_init(&key->sem, sim, sim_lock_class(sim, "fscrypt_master_key.mk_sem"), "mk_sem");
	g_ptr_array_add(fc->keys, key);
	return key->number;
}

struct master_key *master_key_find(struct kernel_task *task, struct fscrypt *fc, uint32_t number)
{
	struct master_key *key = master_key_get(fc, number);

	kernel_run(task, COST_MASTER_KEY_LOOKUP, 1);
	fc->count.master_key_lookups++;
	return key && key->status != KEY_ABSENT ? key : NULL;
}

enum fscrypt_key_status fscrypt_key_status(const struct fscrypt *fc, uint32_t number)
{
	const struct master_key *key = master_key_get((struct fscrypt *)fc, number);

	return key ? key->status : KEY_ABSENT;
}

static void become_present(struct fscrypt *fc, struct master_key *key)
{
	if (key->status == KEY_ABSENT)
		fscrypt_account(fc, (int64_t)machine_size(fc->machine, SIZE_MASTER_KEY));
	key->status = KEY_PRESENT;
	key->secret = true;
}

void fscrypt_preset_key(struct fscrypt *fc, uint32_t number)
{
	kernel_charge_bytes(fc->machine, fc->site_key, machine_size(fc->machine, SIZE_MASTER_KEY));
	become_present(fc, master_key_get(fc, number));
}

int fscrypt_add_key(struct kernel_task *task, struct fscrypt *fc, uint32_t number)
{
	struct master_key *key = master_key_get(fc, number);

	kernel_down_write(task, &key->sem);
	kernel_run(task, COST_ADD_KEY, 1);
	if (key->status == KEY_ABSENT &&
	    !kernel_alloc(task, fc->site_key, GFP_KERNEL,
			  machine_size(fc->machine, SIZE_MASTER_KEY))) {
		kernel_up_write(task, &key->sem);
		return -ENOMEM;
	}
	become_present(fc, key);
	kernel_up_write(task, &key->sem);
	return 0;
}

static uint32_t keyed_infos(const struct fscrypt *fc, const struct master_key *key)
{
	const struct fscrypt_extent_info *const lists[] = {fc->infos, fc->pending, fc->dying};
	uint32_t keyed = 0;

	for (size_t i = 0; fc->setup->keyed_infos && i < G_N_ELEMENTS(lists); i++)
		for (const struct fscrypt_extent_info *info = lists[i]; info; info = info->next)
			keyed += info->prepared && info->key == key;
	return keyed;
}

/* The truth about an absent key: nothing derived from it may be in memory. */
static void check_gone(struct fscrypt *fc, const struct master_key *key)
{
	uint32_t keyed = keyed_infos(fc, key);

	if (fc->setup->keyed_from)
		keyed += fc->setup->keyed_from(fc->setup_state, key);
	if (!keyed)
		return;
	fc->count.keys_after_removal += keyed;
	truth_find(fc->truth, "key in memory after removal", 0,
		   "%u ciphers are keyed from key %s, which is absent", keyed, key->name);
}

static void become_absent(struct fscrypt *fc, struct master_key *key)
{
	key->status = KEY_ABSENT;
	key->secret = false;
	kernel_free(fc->machine, fc->site_key, machine_size(fc->machine, SIZE_MASTER_KEY));
	fscrypt_account(fc, -(int64_t)machine_size(fc->machine, SIZE_MASTER_KEY));
	derived_cache_forget(fc->derived, key);
	if (fc->setup->forget)
		fc->setup->forget(fc->setup_state, key);
	check_gone(fc, key);
}

/* What waits to be freed in the same path is not in memory any more when the call returns; what a worker
 * will free is. */
void master_key_put_active(struct fscrypt *fc, struct master_key *key)
{
	if (key->status != KEY_INCOMPLETELY_REMOVED || key->unlocked_inodes || key->extents)
		return;
	if (!(fc->pending || fc->dying) || fc->variant->freeing == FREEING_WORKQUEUE)
		become_absent(fc, key);
}

void master_keys_settle(struct fscrypt *fc)
{
	for (guint i = 0; i < fc->keys->len; i++)
		master_key_put_active(fc, fc->keys->pdata[i]);
}

struct eviction {
	struct kernel_task *task;
	struct master_key *key;
};

/* evict_dentries_for_decrypted_inodes(): shrink_dcache_inode() of a directory prunes its children
 * whether or not they are unlocked, so that one looked up after the key had gone holds nothing. */
static bool is_unlocked_by(struct btrfs_inode *inode, void *arg)
{
	const struct eviction *eviction = arg;
	const struct inode_info *info = btrfs_inode_crypt(inode);

	if ((info ? info->key->number : btrfs_inode_policy(inode)) != eviction->key->number)
		return false;
	if (info)
		kernel_run(eviction->task, COST_REMOVE_KEY_INODE, 1);
	return eviction->key->status == KEY_INCOMPLETELY_REMOVED;
}

int fscrypt_remove_key(struct kernel_task *task, struct fscrypt *fc, uint32_t number,
		       enum fscrypt_removal *flags, uint32_t *busy)
{
	struct master_key *key = master_key_get(fc, number);
	struct eviction eviction = {.task = task, .key = key};

	*flags = REMOVAL_CLEAN;
	*busy = 0;
	if (!key || key->status == KEY_ABSENT)
		return -ENOKEY;
	kernel_down_write(task, &key->sem);
	if (key->status == KEY_ABSENT) { /* another removal was faster */
		kernel_up_write(task, &key->sem);
		return -ENOKEY;
	}
	key->status = KEY_INCOMPLETELY_REMOVED;
	/* A secret that goes now can derive nothing for the inodes that stay; one that goes with the
	 * last of them can ("[PATCH] fscrypt: track master key presence separately from secret"). */
	if (fc->variant->removal == REMOVAL_HARD)
		key->secret = false;
	kernel_up_write(task, &key->sem);

	if (key->unlocked_inodes) {
		btrfs_sync_fs(task, fc->fs);
		/* A directory can go only when its children have gone: again while some do. */
		while (btrfs_for_each_inode(fc->fs, is_unlocked_by, &eviction))
			;
	}
	extent_infos_drain(task, fc);
	*busy = key->unlocked_inodes;
	if (*busy || key->extents)
		*flags = REMOVAL_FILES_BUSY;
	else
		master_key_put_active(fc, key);
	return 0;
}

int fscrypt_set_policy(struct kernel_task *task, struct fscrypt *fc, const char *path,
		       uint32_t number)
{
	if (!master_key_find(task, fc, number) || fscrypt_key_status(fc, number) != KEY_PRESENT)
		return -ENOKEY;
	if (fc->design == &design_none) /* the same tree without encryption: nothing to store */
		return 0;
	return btrfs_set_policy(task, fc->fs, path, number);
}
