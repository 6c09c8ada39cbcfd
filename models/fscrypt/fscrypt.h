/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fscrypt: keys, policies and contexts; the extent designs and the key set-ups, which are the two
 * plug-in points. A design says what an extent stores and which rule binds it to inodes; a key
 * set-up says where a keyed cipher comes from. Each is one file with one table of functions, and
 * one line in registry.c.
 */
#ifndef FSCRYPT_H
#define FSCRYPT_H

#include "models/btrfs/btrfs.h"

enum context_layout { LAYOUT_APPENDED, LAYOUT_SEPARATE };
enum fscrypt_iv { IV_DESIGN, IV_BLOCK, IV_FILE_OFFSET, IV_PHYSICAL };
enum fscrypt_removal_kind { REMOVAL_SOFT, REMOVAL_HARD };
enum fscrypt_freeing { FREEING_PENDING_LIST, FREEING_IMMEDIATE, FREEING_WORKQUEUE };
enum fscrypt_scope { SCOPE_LOAD, SCOPE_NONE, SCOPE_ALL };
enum fscrypt_load { LOAD_UNLOCKED, LOAD_LOCKED };
enum fscrypt_pool_scope { POOL_SCOPE_MOUNT, POOL_SCOPE_FILE, POOL_SCOPE_MASTER_KEY };
enum fscrypt_pool_full { POOL_FULL_WAIT, POOL_FULL_STEAL };
enum fscrypt_reflink_plain { REFLINK_PLAIN_SHARE, REFLINK_PLAIN_REFUSE };
enum fscrypt_reflink_check { REFLINK_CHECK_DESIGN, REFLINK_CHECK_CALL, REFLINK_CHECK_LOAD };
enum fscrypt_fallback { FALLBACK_6_12, FALLBACK_7_X };
enum fscrypt_fallback_start { FALLBACK_START_FIRST_USE, FALLBACK_START_MOUNT };
enum fscrypt_devices_list { DEVICES_ALLOCATE, DEVICES_CACHED, DEVICES_ARRAY };
enum fscrypt_keyring { KEYRING_FILESYSTEM, KEYRING_SESSION };
enum fscrypt_credentials { CREDENTIALS_NONE, CREDENTIALS_SAVED };
enum fscrypt_rekey { REKEY_DESIGN, REKEY_REFUSE, REKEY_REWRITE, REKEY_ALLOW };
enum fscrypt_policy_change {
	POLICY_CHANGE_WALK_USER,
	POLICY_CHANGE_WALK_KERNEL,
	POLICY_CHANGE_INDIRECT,
	POLICY_CHANGE_NEW_WRITES
};
enum fscrypt_auth { AUTH_NONE, AUTH_CSUM, AUTH_BESIDE };

/** What is compared: one column of a result. Filled through fscrypt_variant_params, where each
 * member is explained; members that choose a word hold an enum of the same name. */
struct fscrypt_variant {
	char *name;
	int64_t design, layout, setup, mode; /* indices of words */
	int64_t layout_prefix, context_bytes;
	int64_t iv, removal, freeing, info_shared, scope, load;
	int64_t pool_size, pool_scope, pool_full, pool_map;
	int64_t at_io_clone, derived_cache, derived_size;
	int64_t reflink_plain, reflink_check, leaf_context, keyring, credentials;
	int64_t fallback_slots, fallback_version, fallback_start, hardware_slots, devices_list;
	int64_t fault_freed_key_in_slot, fault_device_array_every;
	int64_t rekey, policy_change;
	int64_t auth, auth_tag;
	int64_t fault_leaked_info;
	int64_t fault_context_not_copied, fault_evict_dirty;
	int64_t counterfactual;
};
/** Keys of a variant: design, layout, setup, mode and the dotted options. */
extern const struct sim_param fscrypt_variant_params[];
/** Says whether the choices go together; the error gives the reason. */
bool fscrypt_variant_check(const struct fscrypt_variant *variant, GError **error);
/** Says whether the variant's choices go with the machine. */
bool fscrypt_variant_fits(const struct fscrypt_variant *variant,
			  const struct machine_config *machine, GError **error);
/** Bytes of context per encrypted extent under this variant; the filesystem adds the framing. */
uint32_t fscrypt_variant_context_bytes(const struct fscrypt_variant *variant);
/** Whether files under a policy are encrypted at all. */
bool fscrypt_variant_encrypts(const struct fscrypt_variant *variant);
/** The i-th design or set-up with its one-line summary; NULL past the end. */
const char *extent_design_name(size_t i);
const char *extent_design_summary(size_t i);
const char *key_setup_name(size_t i);
const char *key_setup_summary(size_t i);

#define FSCRYPT_ERROR fscrypt_error_quark()
GQuark fscrypt_error_quark(void);

/** The crypto side of one mounted filesystem. */
struct fscrypt;
/** Hooks itself into `fs`. `variant` must outlive it. */
struct fscrypt *fscrypt_new(struct btrfs_fs *fs, const struct fscrypt_variant *variant);
/** What mounting does before time begins: a pool fills itself. 0 or -ENOMEM. */
int fscrypt_mount(struct fscrypt *fc);
/** Frees everything; the filesystem must be gone or going. */
void fscrypt_free(struct fscrypt *fc);

/** Whether policies mean anything here: without encryption there are no calls about keys to make. */
bool fscrypt_encrypts(const struct fscrypt *fc);
/** The number of a key by its name, given on first mention, from 1. */
uint32_t fscrypt_key_number(struct fscrypt *fc, const char *name);
/** The name of a key; NULL of 0 and of no key. */
const char *fscrypt_key_name(const struct fscrypt *fc, uint32_t key);
/** Users are numbered by name, on first mention; "root" is 0. */
enum { FSCRYPT_ROOT = 0 };
#define FSCRYPT_ALL_USERS UINT32_MAX
uint32_t fscrypt_user_number(struct fscrypt *fc, const char *name);
/** FS_IOC_ADD_ENCRYPTION_KEY by a user, who then has a claim to it. -EDQUOT beyond the user's quota of
 * keys. */
int fscrypt_add_key(struct kernel_task *task, struct fscrypt *fc, uint32_t key, uint32_t user);
/** Makes a key of type "fscrypt-provisioning"; `fits`: its payload is for the type of specifier that is
 * used here. */
void fscrypt_provision(struct fscrypt *fc, uint32_t key, bool fits);
/** FS_IOC_ADD_ENCRYPTION_KEY by key_id: -ENOKEY if none was provisioned, -EKEYREJECTED if it does not
 * fit. */
int fscrypt_add_provisioned_key(struct kernel_task *task, struct fscrypt *fc, uint32_t key,
				uint32_t user);
enum fscrypt_removal { REMOVAL_CLEAN, REMOVAL_FILES_BUSY, REMOVAL_OTHER_USERS };
/** FS_IOC_REMOVE_ENCRYPTION_KEY by a user, or _ALL_USERS: 0 with the removal flags, or -ENOKEY.
 * `busy` counts the inodes that stayed. */
int fscrypt_remove_key(struct kernel_task *task, struct fscrypt *fc, uint32_t key, uint32_t user,
		       enum fscrypt_removal *flags, uint32_t *busy);
enum fscrypt_key_status { KEY_ABSENT = 1, KEY_PRESENT = 2, KEY_INCOMPLETELY_REMOVED = 3 };
/** FS_IOC_GET_ENCRYPTION_KEY_STATUS, with the kernel's numbers. */
enum fscrypt_key_status fscrypt_key_status(const struct fscrypt *fc, uint32_t key);
/** FS_IOC_SET_ENCRYPTION_POLICY on an empty directory; -ENOKEY without the key. */
int fscrypt_set_policy(struct kernel_task *task, struct fscrypt *fc, const char *path,
		       uint32_t key);
/** Replaces the policy of one inode, which has data: FS_IOC_SET_ENCRYPTION_POLICY as it would have to be
 * for that. -ENOKEY without the new key; -EINVAL where the old data could not be read any more; -ENOTEMPTY
 * for a directory with names. */
int fscrypt_rekey(struct kernel_task *task, struct fscrypt *fc, const char *path, uint32_t key);
/** Replaces the policy of the files below a directory, as the variant's policy.change has it. Goes on
 * after a refusal and returns the first. */
int fscrypt_rekey_tree(struct kernel_task *task, struct fscrypt *fc, const char *path,
		       uint32_t key);
/** The key an initial filesystem is encrypted under exists from the start and is present. */
void fscrypt_preset_key(struct fscrypt *fc, uint32_t key);

/** Something that the model found wrong: what kind, and the operation, file, offset and history. */
struct fscrypt_finding {
	const char *kind;
	char *text;
	sim_ns when;
};
/** All of them (struct fscrypt_finding *), oldest first; owned by `fc`. */
const GPtrArray *fscrypt_findings(const struct fscrypt *fc);
/** How findings name the operation of a request: `describe` returns a new string, or NULL where no
 * operation asked for the work. */
void fscrypt_describe(struct fscrypt *fc, char *(*describe)(void *arg, uint64_t request),
		      void *arg);
/** Looks for what can only be seen when the run has come to its end: call it before the report. */
void fscrypt_check_end(struct fscrypt *fc);

/* ---- the pool by itself: no file and no bio ---- */

/** What became of acquisitions. */
struct pool_counts {
	uint64_t hits; /* pool.map: found a cipher keyed for them */
	uint64_t misses; /* had to derive and set a key */
	uint64_t evictions; /* of misses: the cipher had been found by another key */
	uint64_t failures; /* pool.full=steal: found every cipher in use */
	uint64_t waits;
};

/** What threads did to a pool, each under its lock. */
enum pool_step {
	POOL_ASK, /* looks for a cipher that is keyed; finds none and so wants an idle one */
	POOL_TAKE, /* has the least recently used idle one, after a wait or at once */
	POOL_KEYED, /* has derived and set its key */
	POOL_PUT
};
struct pool_event {
	uint32_t thread;
	enum pool_step step;
	uint64_t nonce; /* of POOL_ASK */
	/* What came of it. */
	int32_t slot; /* the one that it has; -1: none */
	bool flag; /* ASK: refused, as pool.full=steal does; TAKE: a key in the map was evicted;
		    * KEYED: it is in the map now; PUT: nobody else has the slot */
};
/** Goes through `n` steps in their order, through the code of the set-up: each thread is a task, each step
 * an instant. Returns how many came to the same, up to the first that did not, of which `got` says what came
 * of it. The variant is that of `fc`, whose machine's costs must be 0; runs its simulation to the end. */
size_t fscrypt_pool_replay(struct fscrypt *fc, const struct pool_event *events, size_t n,
			   struct pool_counts *counts, struct pool_event *got);

/** Takes a cipher keyed for a key, which must be present, and a nonce, as an I/O on an extent does, with what
 * that costs, but for the key's semaphore, which is taken as had. 0 or -errno; the cipher is the caller's until fscrypt_put_cipher(). */
int fscrypt_get_cipher(struct kernel_task *task, struct fscrypt *fc, uint32_t key, uint64_t nonce,
		       void **cipher);
void fscrypt_put_cipher(struct kernel_task *task, struct fscrypt *fc, void *cipher);

void fscrypt_report(struct fscrypt *fc, struct sim_metrics *metrics);
/** The i-th list of metrics, NULL-terminated, maybe empty; NULL past the last. */
const struct sim_metric_def *const *fscrypt_metric_defs(size_t i);

#endif
