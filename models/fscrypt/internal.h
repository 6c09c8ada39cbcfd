/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fscrypt, private: what designs, set-ups and the keyring share. */
#ifndef FSCRYPT_INTERNAL_H
#define FSCRYPT_INTERNAL_H

#include "models/fscrypt/fscrypt.h"

/** struct fscrypt_master_key: present, incompletely removed, or absent. */
struct master_key {
	uint32_t number;
	char *name;
	enum fscrypt_key_status status;
	struct sim_rwsem sem; /* mk_sem */
	uint32_t unlocked_inodes; /* mk_decrypted_inodes */
	uint32_t extents; /* extent infos that joined the key themselves (heavyweight) */
	GArray *claims; /* uint32_t: users that have added it (mk_users) */
};

/** struct fscrypt_inode_info. */
struct inode_info {
	struct btrfs_inode *inode;
	struct master_key *key;
};

/** struct fscrypt_extent_info: one per live extent object in memory, shared by split maps. */
struct fscrypt_extent_info {
	struct fscrypt *fc;
	struct master_key *key; /* the key that the design says this extent answers to */
	uint64_t nonce;
	uint32_t refs;
	bool joined_key; /* counted in key->extents */
};

/** A keyed cipher, held for the CPU work of one bio. */
struct keyed_cipher {
	uint32_t slot;
};

struct extent_design {
	const char *name, *summary;
	uint32_t context_bytes; /* stored per extent; 0: this design stores none */
	/** Binds a new extent of `inode` to a key: the context is made here. */
	int (*bind_new)(struct kernel_task *task, struct fscrypt *fc, struct inode_info *inode,
			struct fscrypt_extent_info *info);
	/** Binds an extent read from disk, whose context says (key, nonce) as `stored`. */
	int (*bind_loaded)(struct kernel_task *task, struct fscrypt *fc, struct inode_info *inode,
			   const struct btrfs_seal *stored, struct fscrypt_extent_info *info);
	/** May an extent of an inode under key `from` be shared into one under `to`? 0 is plain. */
	int (*may_clone)(uint32_t from, uint32_t to);
};

struct key_setup {
	const char *name, *summary;
	/** State of one mount; `fc` is complete but nothing is allocated yet. */
	void *(*new)(struct fscrypt *fc);
	void (*free)(void *state);
	/** Work done once, at mount. */
	int (*mount)(struct kernel_task *task, void *state);
	/** A cipher keyed for `info`, for the CPU work of one bio. */
	int (*acquire)(struct kernel_task *task, void *state, struct fscrypt_extent_info *info,
		       struct keyed_cipher *cipher);
	void (*release)(struct kernel_task *task, void *state, struct keyed_cipher *cipher);
	/** The master key became absent: wipe what was derived from it. */
	void (*forget)(void *state, const struct master_key *key);
	/** How many ciphers are still keyed from this master key: the truth about `forget`. */
	uint32_t (*keyed_from)(const void *state, const struct master_key *key);
	void (*report)(void *state, struct sim_metrics *metrics);
	const struct sim_metric_def *const *metrics; /* what report() may set; NULL-terminated */
};

/* The designs and set-ups that exist: a new one is a file of its own and a line here. */
#define EXTENT_DESIGNS(DESIGN)                                                                     \
	DESIGN(none)                                                                               \
	DESIGN(lightweight)                                                                        \
	DESIGN(heavyweight)
#define KEY_SETUPS(SETUP)                                                                          \
	SETUP(none)                                                                                \
	SETUP(pool)

#define DECLARE_DESIGN(name) extern const struct extent_design design_##name;
#define DECLARE_SETUP(name) extern const struct key_setup setup_##name;
EXTENT_DESIGNS(DECLARE_DESIGN)
KEY_SETUPS(DECLARE_SETUP)
extern const struct extent_design *const extent_designs[];
extern const struct key_setup *const key_setups[];

struct fscrypt {
	struct machine *machine;
	struct btrfs_fs *fs;
	const struct fscrypt_variant *variant;
	const struct extent_design *design;
	const struct key_setup *setup;
	void *setup_state;
	enum cipher_mode mode;
	GPtrArray *keys; /* struct master_key *, by number - 1 */
	GHashTable *infos; /* struct fscrypt_extent_info *: all that live, freed with the run */
	GHashTable *sealed; /* nonce → extent handle + 1, for the truth about IV reuse */
	uint64_t next_nonce;
	struct alloc_site *site_info, *site_extent, *site_tfm, *site_key;
	uint64_t key_bytes, key_bytes_max;
	struct {
		uint64_t derivations, setkeys, nonces_drawn, name_setups, tfm_allocations;
		uint64_t master_key_lookups, infos_created, infos_freed;
		uint64_t blocks_encrypted, blocks_decrypted;
		uint64_t garbage_blocks, iv_reuses, in_place_blocks, keys_after_removal;
	} count;
	struct sim_mutex add_key_mutex; /* fscrypt_add_key_mutex */
	GPtrArray *users; /* char *: names, by number */
	GArray *user_claims; /* uint32_t, by user: keys that count against the quota */
	GHashTable *provisioned; /* key number → its payload's type */
	struct alloc_site *site_claim;
};

extern const struct btrfs_crypt_ops fscrypt_btrfs_ops;

/* keyring.c */
void fscrypt_keyring_init(struct fscrypt *fc);
void fscrypt_keyring_free(struct fscrypt *fc);
int fscrypt_may_create(void *crypt, uint32_t key);
struct master_key *master_key_get(struct fscrypt *fc, uint32_t number);
/** fscrypt_find_master_key(): charged; NULL when absent. */
struct master_key *master_key_find(struct kernel_task *task, struct fscrypt *fc, uint32_t number);
/** An unlocked inode or a joined extent left: an incompletely removed key may now be absent. */
void master_key_put_active(struct fscrypt *fc, struct master_key *key);

/* derive.c */
/** HKDF-Expand of the extent's key from its nonce, under the master key's semaphore. */
void fscrypt_derive(struct kernel_task *task, struct fscrypt *fc,
		    const struct fscrypt_extent_info *info);
void fscrypt_setkey(struct kernel_task *task, struct fscrypt *fc);
/** crypto_alloc_skcipher(); 0 or -ENOMEM. */
int fscrypt_tfm_alloc(struct kernel_task *task, struct fscrypt *fc);
void fscrypt_tfm_free(struct fscrypt *fc);
/** Books key material and crypto objects in memory. */
void fscrypt_account(struct fscrypt *fc, int64_t bytes);

#endif
