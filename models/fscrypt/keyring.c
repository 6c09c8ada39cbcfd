/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The filesystem's keyring: master keys, added and removed (6.12: fs/crypto/keyring.c). A key whose
 * removal finds inodes in use is incompletely removed: those inodes keep working, and extents of
 * theirs may still be derived from it, until the last one goes; new ones get -ENOKEY.
 */
#include "models/fscrypt/internal.h"

#include <errno.h>
#include <string.h>

/* security/keys/key.c: key_quota_maxkeys, key_quota_root_maxkeys. The quota of bytes (20000 for about 40
 * a claim) comes later. */
enum { USER_MAXKEYS = 200, ROOT_MAXKEYS = 1000000 };

enum { PROVISIONED = 1, PROVISIONED_OTHER_TYPE };

struct master_key *master_key_get(struct fscrypt *fc, uint32_t number)
{
	return number && number <= fc->keys->len ? fc->keys->pdata[number - 1] : NULL;
}

uint32_t fscrypt_key_number(struct fscrypt *fc, const char *name)
{
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
	key->claims = g_array_new(false, false, sizeof(uint32_t));
	kernel_rwsem_init(&key->sem, fc->machine, "fscrypt_master_key.mk_sem");
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

void fscrypt_keyring_init(struct fscrypt *fc)
{
	struct sim *sim = machine_sim(fc->machine);

	fc->users = g_ptr_array_new_with_free_func(g_free);
	fc->user_claims = g_array_new(false, true, sizeof(uint32_t));
	fc->provisioned = g_hash_table_new(NULL, NULL);
	fc->site_claim = alloc_site_of(fc->machine, "key", MEMORY_KEYS);
	sim_mutex_init(&fc->add_key_mutex, sim, sim_lock_class(sim, "fscrypt_add_key_mutex"),
		       "fscrypt_add_key_mutex");
	fscrypt_user_number(fc, "root");
}

void fscrypt_keyring_free(struct fscrypt *fc)
{
	for (guint i = 0; i < fc->keys->len; i++) {
		struct master_key *key = fc->keys->pdata[i];

		kernel_rwsem_destroy(&key->sem);
		g_array_free(key->claims, true);
		g_free(key->name);
		g_free(key);
	}
	g_ptr_array_free(fc->keys, true);
	g_ptr_array_free(fc->users, true);
	g_array_free(fc->user_claims, true);
	g_hash_table_destroy(fc->provisioned);
	sim_mutex_destroy(&fc->add_key_mutex);
}

uint32_t fscrypt_user_number(struct fscrypt *fc, const char *name)
{
	for (guint i = 0; i < fc->users->len; i++)
		if (!strcmp(fc->users->pdata[i], name))
			return i;
	g_ptr_array_add(fc->users, g_strdup(name));
	g_array_set_size(fc->user_claims, fc->users->len);
	return fc->users->len - 1;
}

const char *fscrypt_key_name(const struct fscrypt *fc, uint32_t number)
{
	const struct master_key *key = master_key_get((struct fscrypt *)fc, number);

	return key ? key->name : NULL;
}

/* ---- claims: ->mk_users ---- */

static uint32_t *claims_of(struct fscrypt *fc, uint32_t user)
{
	return &g_array_index(fc->user_claims, uint32_t, user);
}

static bool has_claim(const struct master_key *key, uint32_t user, guint *at)
{
	for (*at = 0; *at < key->claims->len; ++*at)
		if (g_array_index(key->claims, uint32_t, *at) == user)
			return true;
	return false;
}

/* add_master_key_user(): key_alloc() counts it against the user's quota, then allocates. */
static int add_claim(struct kernel_task *task, struct fscrypt *fc, struct master_key *key,
		     uint32_t user)
{
	uint64_t bytes = machine_size(fc->machine, SIZE_KEYRING_KEY);
	guint at;

	if (has_claim(key, user, &at))
		return 0;
	if (*claims_of(fc, user) >= (user == FSCRYPT_ROOT ? ROOT_MAXKEYS : USER_MAXKEYS))
		return -EDQUOT;
	if (task && !kernel_alloc(task, fc->site_claim, GFP_KERNEL, bytes))
		return -ENOMEM;
	if (!task)
		kernel_charge_bytes(fc->machine, fc->site_claim, bytes);
	++*claims_of(fc, user);
	g_array_append_val(key->claims, user);
	return 0;
}

static void drop_claim(struct fscrypt *fc, struct master_key *key, guint at)
{
	--*claims_of(fc, g_array_index(key->claims, uint32_t, at));
	g_array_remove_index(key->claims, at);
	kernel_free(fc->machine, fc->site_claim, machine_size(fc->machine, SIZE_KEYRING_KEY));
}

/* remove_master_key_user() or, of all users, keyring_clear(). */
static int drop_claims(struct fscrypt *fc, struct master_key *key, uint32_t user)
{
	guint at;

	if (user == FSCRYPT_ALL_USERS) {
		while (key->claims->len)
			drop_claim(fc, key, 0);
		return 0;
	}
	if (!has_claim(key, user, &at))
		return -ENOKEY;
	drop_claim(fc, key, at);
	return 0;
}

/* ---- adding ---- */

static sim_ns removed_for(const struct fscrypt *fc, const struct master_key *key)
{
	return sim_now(machine_sim(fc->machine)) - key->removed_at;
}

/* An incompletely removed key is not that any more. */
static void end_removal(struct fscrypt *fc, const struct master_key *key)
{
	if (key->status != KEY_INCOMPLETELY_REMOVED)
		return;
	fc->count.busy_ns += removed_for(fc, key);
	fc->count.secret_ns += key->secret ? removed_for(fc, key) : 0;
}

static void become_present(struct fscrypt *fc, struct master_key *key)
{
	end_removal(fc, key);
	if (key->status == KEY_ABSENT)
		fscrypt_account(fc, (int64_t)machine_size(fc->machine, SIZE_MASTER_KEY));
	key->status = KEY_PRESENT;
	key->secret = true;
}

void fscrypt_preset_key(struct fscrypt *fc, uint32_t number)
{
	kernel_charge_bytes(fc->machine, fc->site_key, machine_size(fc->machine, SIZE_MASTER_KEY));
	add_claim(NULL, fc, master_key_get(fc, number), FSCRYPT_ROOT);
	become_present(fc, master_key_get(fc, number));
}

/* add_new_master_key(): nobody else sees it yet, so its semaphore is not taken. */
static int add_new(struct kernel_task *task, struct fscrypt *fc, struct master_key *key,
		   uint32_t user)
{
	uint64_t bytes = machine_size(fc->machine, SIZE_MASTER_KEY);
	int err;

	if (!kernel_alloc(task, fc->site_key, GFP_KERNEL, bytes))
		return -ENOMEM;
	err = add_claim(task, fc, key, user);
	if (err)
		kernel_free(fc->machine, fc->site_key, bytes);
	else
		become_present(fc, key);
	return err;
}

/* add_existing_master_key(): the semaphore is held for write across the allocation of the claim. False:
 * the key has gone meanwhile (KEY_DEAD). */
static bool add_existing(struct kernel_task *task, struct fscrypt *fc, struct master_key *key,
			 uint32_t user, int *err)
{
	bool alive;

	sim_path_enter(machine_sim(fc->machine), "add_existing_master_key");
	kernel_rwsem_write(task, &key->sem);
	alive = key->status != KEY_ABSENT;
	if (alive)
		*err = add_claim(task, fc, key, user);
	if (alive && !*err && key->status == KEY_INCOMPLETELY_REMOVED)
		become_present(fc, key);
	alive = alive && (*err || key->status == KEY_PRESENT);
	kernel_rwsem_write_unlock(task, &key->sem);
	sim_path_leave(machine_sim(fc->machine));
	return alive;
}

int fscrypt_add_key(struct kernel_task *task, struct fscrypt *fc, uint32_t number, uint32_t user)
{
	struct master_key *key = master_key_get(fc, number);
	int err = 0;

	kernel_mutex_lock(task, &fc->add_key_mutex);
	kernel_run(task, COST_ADD_KEY, 1);
	if (key->status == KEY_ABSENT || !add_existing(task, fc, key, user, &err))
		err = add_new(task, fc, key, user);
	kernel_mutex_unlock(task, &fc->add_key_mutex);
	return err;
}

void fscrypt_provision(struct fscrypt *fc, uint32_t number, bool fits)
{
	g_hash_table_insert(fc->provisioned, GUINT_TO_POINTER(number),
			    GINT_TO_POINTER(fits ? PROVISIONED : PROVISIONED_OTHER_TYPE));
}

int fscrypt_add_provisioned_key(struct kernel_task *task, struct fscrypt *fc, uint32_t number,
				uint32_t user)
{
	gpointer found = g_hash_table_lookup(fc->provisioned, GUINT_TO_POINTER(number));

	if (!found)
		return -ENOKEY;
	if (GPOINTER_TO_INT(found) != PROVISIONED)
		return -EKEYREJECTED;
	return fscrypt_add_key(task, fc, number, user);
}

int fscrypt_may_create(void *crypt, uint32_t number)
{
	struct fscrypt *fc = crypt;

	return fscrypt_key_status(fc, number) == KEY_PRESENT ? 0 : -ENOKEY;
}

/* ---- removing ---- */

/* Ciphers and keys in memory that are derived from this one. */
static uint32_t keyed_from(const struct fscrypt *fc, const struct master_key *key)
{
	const struct fscrypt_extent_info *const lists[] = {fc->infos, fc->pending, fc->dying};
	uint32_t keyed = 0;

	if (fc->setup->keyed_from)
		keyed += fc->setup->keyed_from(fc->setup_state, key);
	for (size_t i = 0; fc->setup->keyed_infos && i < G_N_ELEMENTS(lists); i++)
		for (const struct fscrypt_extent_info *info = lists[i]; info; info = info->next)
			keyed += info->prepared && info->key == key;
	return keyed;
}

/* The truth about an absent key: nothing derived from it may be in memory. */
static void check_gone(struct fscrypt *fc, const struct master_key *key)
{
	uint32_t keyed = keyed_from(fc, key);

	if (!keyed)
		return;
	fc->count.keys_after_removal += keyed;
	truth_find(fc->truth, "key in memory after removal", 0,
		   "%u ciphers are keyed from key %s, which is absent", keyed, key->name);
}

/* The last active reference has gone, and with it the secret, if it was there still. */
static void become_absent(struct fscrypt *fc, struct master_key *key)
{
	end_removal(fc, key);
	key->status = KEY_ABSENT;
	key->secret = false;
	kernel_free(fc->machine, fc->site_key, machine_size(fc->machine, SIZE_MASTER_KEY));
	fscrypt_account(fc, -(int64_t)machine_size(fc->machine, SIZE_MASTER_KEY));
	derived_cache_forget(fc->derived, key);
	if (fc->setup->forget)
		SETUP_HOOK(fc, forget)(fc->setup_state, key);
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

static bool is_unlocked_by(const struct btrfs_inode *inode, const struct master_key *key)
{
	const struct inode_info *info = btrfs_inode_crypt(inode);

	return (info ? info->key->number : btrfs_inode_policy(inode)) == key->number;
}

/* evict_dentries_for_decrypted_inodes(): shrink_dcache_inode() of a directory prunes what is below it,
 * whether or not it is unlocked: looked up after the key had gone, or a plain file of a mixed tree. */
static bool is_pruned(struct btrfs_inode *inode, void *arg)
{
	const struct eviction *eviction = arg;
	const struct btrfs_inode *at = inode;

	while (at && !is_unlocked_by(at, eviction->key))
		at = btrfs_inode_parent(at);
	if (!at)
		return false;
	if (at == inode && btrfs_inode_crypt(inode))
		kernel_run(eviction->task, COST_REMOVE_KEY_INODE, 1);
	return eviction->key->status == KEY_INCOMPLETELY_REMOVED;
}

/* fscrypt_initiate_key_removal() */
static void initiate_removal(struct fscrypt *fc, struct master_key *key)
{
	key->status = KEY_INCOMPLETELY_REMOVED;
	key->removed_at = sim_now(machine_sim(fc->machine));
	fc->count.removals++;
	/* A secret that goes now can derive nothing for the inodes that stay; one that goes with the
	 * last of them can ("[PATCH] fscrypt: track master key presence separately from secret"). */
	if (fc->variant->removal == REMOVAL_HARD)
		key->secret = false;
	master_key_put_active(fc, key); /* the reference for being present */
}

/* try_to_lock_encrypted_files() */
static void lock_files(struct kernel_task *task, struct fscrypt *fc, struct master_key *key)
{
	struct eviction eviction = {.task = task, .key = key};

	btrfs_sync_fs(task, fc->fs);
	btrfs_evict_inodes(fc->fs, is_pruned, &eviction);
}

/* The part under the semaphore. `again`: inodes are left to be locked. */
static int drop_key(struct fscrypt *fc, struct master_key *key, uint32_t user,
		    enum fscrypt_removal *flags, bool *again)
{
	bool present = key->status == KEY_PRESENT;
	int err = key->claims->len ? drop_claims(fc, key, user) : 0;

	if (err)
		return err;
	if (key->claims->len) {
		*flags = REMOVAL_OTHER_USERS;
		return 0;
	}
	if (present)
		initiate_removal(fc, key);
	*again = key->status == KEY_INCOMPLETELY_REMOVED;
	return present || *again ? 0 : -ENOKEY;
}

static void note_busy(struct fscrypt *fc, const struct master_key *key)
{
	fc->count.removals_busy++;
	fc->count.keyed_left_max = MAX(fc->count.keyed_left_max, keyed_from(fc, key));
}

int fscrypt_remove_key(struct kernel_task *task, struct fscrypt *fc, uint32_t number, uint32_t user,
		       enum fscrypt_removal *flags, uint32_t *busy)
{
	struct master_key *key = master_key_get(fc, number);
	bool again = false;
	int err;

	*flags = REMOVAL_CLEAN;
	*busy = 0;
	if (!key || key->status == KEY_ABSENT)
		return -ENOKEY;
	sim_path_enter(machine_sim(fc->machine), "do_remove_key");
	kernel_rwsem_write(task, &key->sem);
	err = drop_key(fc, key, user, flags, &again);
	kernel_rwsem_write_unlock(task, &key->sem);
	sim_path_leave(machine_sim(fc->machine));
	if (!again)
		return err;
	lock_files(task, fc, key);
	extent_infos_drain(task, fc);
	master_key_put_active(fc, key);
	*busy = key->unlocked_inodes;
	if (*busy || key->extents)
		*flags = REMOVAL_FILES_BUSY;
	if (*flags == REMOVAL_FILES_BUSY)
		note_busy(fc, key);
	return 0;
}

/* For an owner without CAP_FOWNER, with which the key need not be there (fscrypt_verify_key_added()). */
int fscrypt_set_policy(struct kernel_task *task, struct fscrypt *fc, const char *path,
		       uint32_t number)
{
	bool has_key =
		master_key_find(task, fc, number) && fscrypt_key_status(fc, number) == KEY_PRESENT;

	if (fc->design == &design_none) /* the same tree without encryption: nothing to store */
		return has_key ? 0 : -ENOKEY;
	return btrfs_set_policy(task, fc->fs, path, number, has_key);
}

/* ---- metrics ---- */

#define REMOVAL "removal of keys"

static const struct sim_metric_def def_removals = {
	"removal.keys", "count", SIM_NO_DIRECTION, REMOVAL,
	"keys that ceased to be present, those counted again that were added again"};
static const struct sim_metric_def def_busy_calls = {
	"removal.busy_calls", "count", SIM_LESS_IS_BETTER, REMOVAL,
	"calls to remove a key that ended with inodes, or extents of its own, still in use"};
static const struct sim_metric_def def_keyed_left = {
	"removal.keyed_left_max", "count", SIM_LESS_IS_BETTER, REMOVAL,
	"most copies of ciphers and keys derived from a removed key that were in memory when such "
	"a call "
	"ended; a key in an extent's info and in a slot are two"};
static const struct sim_metric_def def_incomplete = {
	"removal.incomplete_ns", "ns", SIM_LESS_IS_BETTER, REMOVAL,
	"time that keys were incompletely removed, until absent, added again or the end of the "
	"run, "
	"summed over keys"};
static const struct sim_metric_def def_secret = {"removal.secret_ns", "ns", SIM_LESS_IS_BETTER,
						 REMOVAL,
						 "of that, the time in which the raw key was in "
						 "memory, so that more could be derived from it"};

const struct sim_metric_def *const keyring_metrics[] = {
	&def_removals, &def_busy_calls, &def_keyed_left, &def_incomplete, &def_secret, NULL};

void keyring_report(const struct fscrypt *fc, struct sim_metrics *metrics)
{
	uint64_t incomplete = fc->count.busy_ns, secret = fc->count.secret_ns;

	if (!fc->count.removals)
		return;
	for (guint i = 0; i < fc->keys->len; i++) {
		const struct master_key *key = fc->keys->pdata[i];

		if (key->status != KEY_INCOMPLETELY_REMOVED)
			continue;
		incomplete += removed_for(fc, key);
		secret += key->secret ? removed_for(fc, key) : 0;
	}
	sim_metrics_set(metrics, &def_removals, def_removals.name, (int64_t)fc->count.removals);
	sim_metrics_set(metrics, &def_busy_calls, def_busy_calls.name,
			(int64_t)fc->count.removals_busy);
	sim_metrics_set(metrics, &def_keyed_left, def_keyed_left.name,
			(int64_t)fc->count.keyed_left_max);
	sim_metrics_set(metrics, &def_incomplete, def_incomplete.name, (int64_t)incomplete);
	sim_metrics_set(metrics, &def_secret, def_secret.name, (int64_t)secret);
}
