/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fscrypt, private: what designs, set-ups, the keyring and the truth share. */
#ifndef FSCRYPT_INTERNAL_H
#define FSCRYPT_INTERNAL_H

#include "models/fscrypt/fscrypt.h"

/** struct fscrypt_master_key: present, incompletely removed, or absent. */
struct master_key {
	uint32_t number;
	char *name;
	enum fscrypt_key_status status;
	bool secret; /* the raw key is in memory: derivation works */
	sim_ns removed_at; /* of a key that is incompletely removed: since when */
	struct kernel_rwsem sem; /* mk_sem */
	uint32_t unlocked_inodes; /* mk_decrypted_inodes */
	uint32_t extents; /* extent infos that joined the key themselves (heavyweight) */
	void *setup; /* what the key set-up keeps with a master key; NULL: nothing */
	GArray *claims; /* uint32_t: users that have added it (mk_users) */
};

/** struct fscrypt_inode_info. */
struct inode_info {
	struct btrfs_inode *inode;
	struct master_key *key;
	uint64_t nonce; /* of the inode's own context */
	struct fscrypt_extent_info *shared; /* design 'inode': what all its extents use */
	void *setup; /* what the key set-up keeps with an inode in use; NULL: nothing */
	/* What it was before its policy was replaced, as long as that is needed: it counts on among
	 * the old key's. */
	struct inode_info *before;
	bool converting; /* old data is read as what it was, and written anew */
	uint64_t nonces_before; /* drawn before that began */
	struct inode_info *after; /* what it will be, when its policy's item changes */
	struct inode_info *prev, *next; /* of fc->inodes */
};

/** struct fscrypt_extent_info: one per live extent object in memory, shared by split maps. */
struct fscrypt_extent_info {
	struct fscrypt *fc;
	struct inode_info *owner; /* design 'inode' alone; NULL: the extent's own */
	struct master_key *key; /* the key that the design says this extent answers to */
	uint64_t nonce;
	uint32_t refs;
	uint32_t extent; /* disk extent that it was made for, for the truth's histories */
	uint32_t kept; /* of refs, those that the key set-up holds */
	struct inode_info *loaded_by; /* while it is set up: through which inode; else NULL */
	bool joined_key; /* counted in key->extents */
	bool prepared; /* key_setup.prepare() has been through */
	bool key_locked; /* whoever prepares it has the key's semaphore already */
	bool preparing; /* a task is in it; others wait in fc->prepare_wait */
	bool freed; /* the last reference has gone: it waits for its end */
	uint64_t made_by; /* request */
	uint64_t address; /* what a look-up by key address sees: addresses are used again */
	void *setup; /* what the key set-up keeps with it; NULL: nothing */
	struct fscrypt_extent_info *prev, *next; /* of fc->infos or, freed, of fc->pending */
};

/** A keyed cipher, held for the CPU work of one bio, and what it is really keyed with. */
struct keyed_cipher {
	uint32_t slot;
	void *at; /* the set-up's */
	uint32_t key;
	uint64_t nonce;
};

struct extent_design {
	const char *name, *summary;
	uint32_t context_bytes; /* stored per extent; 0: none */
	bool names_key; /* what it stores says which master key it is of */
	bool per_inode; /* one key an inode: no nonce is drawn for an extent */
	/** Binds a new extent of `inode` to a key: the context is made here. */
	int (*bind_new)(struct kernel_task *task, struct fscrypt *fc, struct inode_info *inode,
			struct fscrypt_extent_info *info);
	/** Binds an extent read from disk, whose context says (key, nonce) as `stored`. */
	int (*bind_loaded)(struct kernel_task *task, struct fscrypt *fc, struct inode_info *inode,
			   const struct btrfs_context *stored, struct fscrypt_extent_info *info);
	/** May an extent of an inode under key `from` be shared into one under `to`? 0 is plain. */
	int (*may_clone)(uint32_t from, uint32_t to);
	/** What becomes of the old extents of an inode whose policy is replaced. */
	enum fscrypt_rekey rekey;
};

struct key_setup {
	const char *name, *summary;
	bool destroy_sleeps; /* destroy() may take a sleeping lock */
	bool keyed_infos; /* a prepared info holds key material itself */
	enum kernel_size embedded; /* bytes that it adds to each extent info; 0: none */
	/** Why the variant cannot be, or NULL. May be NULL. */
	const char *(*impossible)(const struct fscrypt_variant *variant);
	/** Why the variant cannot run on this machine, or NULL. May be NULL. */
	const char *(*misfit)(const struct fscrypt_variant *variant,
			      const struct machine_config *machine);
	/** State of one mount; `fc` is complete but nothing is allocated yet. */
	void *(*new)(struct fscrypt *fc);
	void (*free)(void *state);
	/** Ciphers made at mount, before time begins. 0 or -ENOMEM. */
	int (*mount)(void *state);
	/** An inode was unlocked, in the opener; and it leaves memory. */
	int (*inode_open)(struct kernel_task *task, void *state, struct inode_info *inode);
	void (*inode_close)(void *state, struct inode_info *inode);
	/** A file is opened: at-open reads all its extents here. */
	int (*file_open)(struct kernel_task *task, void *state, struct inode_info *inode);
	/** An info that this set-up kept for an extent of the inode; NULL: none, make one. */
	struct fscrypt_extent_info *(*find)(void *state, struct inode_info *inode, uint64_t nonce);
	/** What is done once per info, when it is bound: derive, allocate. 0 or -errno. */
	int (*prepare)(struct kernel_task *task, void *state, struct fscrypt_extent_info *info);
	/** The info ends; undoes prepare(). May sleep if destroy_sleeps. `task` is NULL when the run
	 * is taken apart. */
	void (*destroy)(struct kernel_task *task, void *state, struct fscrypt_extent_info *info);
	/** Bytes that hang on an info between prepare() and destroy(), beside `embedded`. NULL: none. */
	uint64_t (*prepared_bytes)(const void *state);
	/** What a bio carries beside slot and pages: a write until the device is done, a read until it
	 * is decrypted. 0 or -errno. Both may be NULL. */
	int (*bio_begin)(struct kernel_task *task, void *state, bool write);
	void (*bio_end)(void *state, bool write);
	/** It goes to the device: that and `pages` bounce pages are the task's no more. May be NULL. */
	void (*bio_submit)(struct kernel_task *task, void *state, bool write, uint32_t pages);
	/** Notes in the lock-order graph what destroy() would take, for reclaim may call it. NULL: nothing. */
	void (*prime)(void *state);
	/** A cipher keyed for `info`, for the CPU work of one bio. */
	int (*acquire)(struct kernel_task *task, void *state, struct fscrypt_extent_info *info,
		       const struct btrfs_crypt_io *io, struct keyed_cipher *cipher);
	void (*release)(struct kernel_task *task, void *state, struct keyed_cipher *cipher);
	/** Bounce pages for a bio of `blocks`: how many it got, at least one, or -errno;
	 * bounce_in_slot: called between acquire() and release(). NULL: from the pool of fs/crypto, as
	 * fscrypt_bounce() does. The second gives them back when the device is done with them. */
	int (*bounce)(struct kernel_task *task, void *state, uint32_t blocks);
	void (*unbounce)(void *state, uint32_t blocks);
	bool bounce_in_slot;
	/** Hardware: a request of the device begins and ends with its key in a slot. */
	int (*request_begin)(struct kernel_task *task, void *state,
			     struct fscrypt_extent_info *info, struct keyed_cipher *cipher);
	void (*request_end)(void *state, struct keyed_cipher *cipher);
	/** The master key became absent: wipe what was derived from it. */
	void (*forget)(void *state, struct master_key *key);
	/** How many ciphers are still keyed from this master key: the truth about `forget`. */
	uint32_t (*keyed_from)(const void *state, const struct master_key *key);
	void (*report)(void *state, struct sim_metrics *metrics);
	const struct sim_metric_def *const *metrics; /* what report() may set; NULL-terminated */
};

/* Those of their functions that stand for code of the kernel: what complexity.c counts. */
#define DESIGN_HOOKS(HOOK) HOOK(bind_new) HOOK(bind_loaded) HOOK(may_clone)
#define SETUP_HOOKS(HOOK)                                                                          \
	HOOK(mount)                                                                                \
	HOOK(inode_open)                                                                           \
	HOOK(inode_close)                                                                          \
	HOOK(file_open)                                                                            \
	HOOK(find)                                                                                 \
	HOOK(prepare)                                                                              \
	HOOK(destroy)                                                                              \
	HOOK(bio_begin)                                                                            \
	HOOK(bio_end)                                                                              \
	HOOK(bio_submit)                                                                           \
	HOOK(acquire)                                                                              \
	HOOK(release)                                                                              \
	HOOK(bounce)                                                                               \
	HOOK(unbounce)                                                                             \
	HOOK(request_begin)                                                                        \
	HOOK(request_end)                                                                          \
	HOOK(forget)
#define NAME_HOOK(name) HOOK_##name,
enum fscrypt_hook { DESIGN_HOOKS(NAME_HOOK) SETUP_HOOKS(NAME_HOOK) FSCRYPT_HOOKS };
#undef NAME_HOOK
/** The function of that name, to be called now. */
#define DESIGN_HOOK(fc, name) ((fc)->complexity.used |= 1u << HOOK_##name, (fc)->design->name)
#define SETUP_HOOK(fc, name) ((fc)->complexity.used |= 1u << HOOK_##name, (fc)->setup->name)

/* Objects whose states complexity.c tells apart, by flags of at most eight bits. */
enum fscrypt_object {
	OBJECT_EXTENT_INFO,
	OBJECT_INODE_INFO,
	OBJECT_MASTER_KEY,
	OBJECT_CIPHER,
	OBJECTS
};
struct complexity {
	uint32_t used; /* a bit per enum fscrypt_hook */
	uint64_t state[OBJECTS][4]; /* a bit per state that was seen */
};

/* The designs and set-ups that exist: a new one is a file of its own and a line here. */
#define EXTENT_DESIGNS(DESIGN)                                                                     \
	DESIGN(none)                                                                               \
	DESIGN(inode)                                                                              \
	DESIGN(lightweight)                                                                        \
	DESIGN(heavyweight)                                                                        \
	DESIGN(enforced)
#define KEY_SETUPS(SETUP)                                                                          \
	SETUP(none)                                                                                \
	SETUP(at_io)                                                                               \
	SETUP(at_open)                                                                             \
	SETUP(pool)                                                                                \
	SETUP(library)                                                                             \
	SETUP(shared_mode_key)                                                                     \
	SETUP(fallback)                                                                            \
	SETUP(hardware)

/** acquire() and release() where the extent's info or its master key has the cipher, which any number
 * of tasks may use at once. */
int fscrypt_acquire_nothing(struct kernel_task *task, void *state, struct fscrypt_extent_info *info,
			    const struct btrfs_crypt_io *io, struct keyed_cipher *cipher);
void fscrypt_release_nothing(struct kernel_task *task, void *state, struct keyed_cipher *cipher);

#define DECLARE_DESIGN(name) extern const struct extent_design design_##name;
#define DECLARE_SETUP(name) extern const struct key_setup setup_##name;
EXTENT_DESIGNS(DECLARE_DESIGN)
KEY_SETUPS(DECLARE_SETUP)
extern const struct extent_design *const extent_designs[];
extern const struct key_setup *const key_setups[];
/** Metrics that the i-th key set-up adds, NULL-terminated, maybe empty; NULL past the last. */
const struct sim_metric_def *const *key_setup_metric_defs(size_t i);

struct derived_cache;
struct truth;

struct fscrypt {
	struct machine *machine;
	struct btrfs_fs *fs;
	const struct fscrypt_variant *variant;
	const struct extent_design *design;
	const struct key_setup *setup;
	void *setup_state;
	enum cipher_mode mode;
	enum fscrypt_iv iv_rule;
	bool ending; /* the run is over: nothing is booked any more */
	GPtrArray *keys; /* struct master_key *, by number - 1 */
	/* Those that live; those whose last reference has gone; those that a task is ending. */
	struct fscrypt_extent_info *infos, *pending, *dying;
	struct inode_info *inodes;
	struct sim_waitq prepare_wait;
	struct derived_cache *derived; /* NULL: keys are derived each time */
	struct truth *truth;
	struct rekey_books *rekey;
	struct mempool *bounce_pages; /* fscrypt_bounce_page_pool */
	struct workqueue *free_queue;
	bool free_queued;
	uint64_t next_nonce;
	GArray *free_addresses; /* of infos that ended, used last first as a slab does */
	uint64_t next_address;
	struct alloc_site *site_info, *site_extent, *site_tfm, *site_key, *site_derived;
	uint64_t key_bytes, key_bytes_max;
	struct {
		uint64_t derivations, setkeys, nonces_drawn, name_setups, tfm_allocations;
		uint64_t tfm_frees, master_key_lookups, infos_created, infos_freed;
		uint64_t blocks_encrypted, blocks_decrypted;
		uint64_t bios_encrypted, bios_decrypted;
		uint64_t keys_after_removal, slept_atomic;
		uint64_t removals, removals_busy, keyed_left_max, busy_ns, secret_ns;
		uint64_t tags_made, tags_checked, tags_wrong, untagged_blocks;
	} count;
	struct sim_mutex add_key_mutex; /* fscrypt_add_key_mutex */
	GPtrArray *users; /* char *: names, by number */
	GArray *user_claims; /* uint32_t, by user: keys that count against the quota */
	GHashTable *provisioned; /* key number → its payload's type */
	struct alloc_site *site_claim;
	struct complexity complexity;
	struct btrfs_crypt_ops ops; /* fscrypt_btrfs_ops, in sections */
};

extern const struct btrfs_crypt_ops fscrypt_btrfs_ops;

/* complexity.c: how much there is to a variant, as seen in the run. */
/** Sections of sim_section_enter(). */
enum fscrypt_section { SECTION_OPEN = 1, SECTION_IO, SECTION_END };
/** What the filesystem is to call: fscrypt_btrfs_ops, each function in its section. */
const struct btrfs_crypt_ops *complexity_ops(struct fscrypt *fc);
/** A cipher of a pool or a keyslot was found keyed or not, in use by so many. */
void complexity_cipher(struct fscrypt *fc, bool keyed, uint32_t users);
void complexity_report(const struct fscrypt *fc, struct sim_metrics *metrics);
extern const struct sim_metric_def *const complexity_metrics[];

/* keyring.c */
void fscrypt_keyring_init(struct fscrypt *fc);
void fscrypt_keyring_free(struct fscrypt *fc);
int fscrypt_may_create(void *crypt, uint32_t key);
void keyring_report(const struct fscrypt *fc, struct sim_metrics *metrics);
extern const struct sim_metric_def *const keyring_metrics[];
struct master_key *master_key_get(struct fscrypt *fc, uint32_t number);
/** fscrypt_find_master_key(): charged; NULL when absent. */
struct master_key *master_key_find(struct kernel_task *task, struct fscrypt *fc, uint32_t number);
/** An unlocked inode or a joined extent left: an incompletely removed key may now be absent. */
void master_key_put_active(struct fscrypt *fc, struct master_key *key);
/** The same for every key, when infos have ended that stood in the way. */
void master_keys_settle(struct fscrypt *fc);

/* inode.c */
int fscrypt_inode_setup(struct kernel_task *task, void *crypt, struct btrfs_inode *inode);
int fscrypt_file_open(struct kernel_task *task, void *crypt, struct btrfs_inode *inode);
bool fscrypt_inode_unwanted(void *crypt, const struct btrfs_inode *inode);
void fscrypt_inode_evict(void *crypt, struct btrfs_inode *inode);
/** All that an inode needs under a key, published nowhere yet. */
int inode_info_new(struct kernel_task *task, struct fscrypt *fc, struct btrfs_inode *inode,
		   struct master_key *key, uint64_t nonce, struct inode_info **out);
void inode_info_drop(struct fscrypt *fc, struct inode_info *info);
void inode_info_forget_before(struct fscrypt *fc, struct inode_info *info);
/** What an inode reads an extent of this nonce as: itself, or what it was. */
struct inode_info *inode_info_for(const struct fscrypt *fc, struct inode_info *inode,
				  uint64_t nonce);

/* extent.c */
struct fscrypt_extent_info *extent_info_new(struct kernel_task *task, struct fscrypt *fc,
					    enum gfp gfp);
/** bind_new() of a design whose extents are under their inode's key. */
int extent_info_bind_to_inode(struct kernel_task *task, struct fscrypt *fc,
			      struct inode_info *inode, struct fscrypt_extent_info *info);
int extent_info_prepare(struct kernel_task *task, struct fscrypt_extent_info *info);
void extent_info_get(struct fscrypt_extent_info *info);
/** `atomic`: the caller holds a lock under which it may not sleep. */
void extent_info_put(struct fscrypt *fc, struct fscrypt_extent_info *info, bool atomic);
/** Ends the infos whose last reference has gone; may sleep. */
void extent_infos_drain(struct kernel_task *task, struct fscrypt *fc);
void extent_infos_free(struct fscrypt *fc);

/* rekey.c, rekey_tree.c */
struct rekey_books *rekey_books_new(void);
void rekey_books_free(struct rekey_books *books);
int fscrypt_policy_adopt(struct kernel_task *task, void *crypt, struct btrfs_inode *inode,
			 uint32_t key);
/** The load of an extent found no key, though its inode has one: the extent names another. */
void rekey_note_stranded(struct fscrypt *fc);
void rekey_report(const struct fscrypt *fc, struct sim_metrics *metrics);
extern const struct sim_metric_def *const rekey_metrics[];

/* io.c */
int fscrypt_encrypt(struct kernel_task *task, void *crypt, const struct btrfs_crypt_io *io,
		    const struct btrfs_seal *seal, struct btrfs_crypt_request *request);
int fscrypt_decrypt(struct kernel_task *task, void *crypt, const struct btrfs_crypt_io *io,
		    const struct btrfs_seal *seal);
int fscrypt_read_begin(struct kernel_task *task, void *crypt, const struct btrfs_crypt_io *io,
		       struct btrfs_crypt_request *request);
void fscrypt_request_end(void *crypt, struct btrfs_crypt_request *request);
void fscrypt_read_end(void *crypt);

/** A quantile over all of `acquires`, of which `waits` waited as the histogram has it. */
uint64_t fscrypt_wait_quantile(const struct sim_histogram *wait_ns, uint64_t acquires,
			       uint64_t waits, uint32_t per_100k);
/** A cipher keyed for io->info, for the CPU work of one bio; key_setup.release() gives it back. */
int fscrypt_acquire(struct kernel_task *task, struct fscrypt *fc, const struct btrfs_crypt_io *io,
		    struct keyed_cipher *cipher);

/* auth.c: a tag for each encrypted block that has a place for one. */
bool fscrypt_tags(const struct fscrypt *fc, const struct btrfs_crypt_io *io);
/** Spends and counts what tags of new ciphertext cost. */
void fscrypt_tag_blocks(struct kernel_task *task, struct fscrypt *fc,
			const struct btrfs_crypt_io *io);
/** The same of tags that are checked. */
void fscrypt_check_tags(struct kernel_task *task, struct fscrypt *fc, uint32_t tags);
int fscrypt_extent_find(struct kernel_task *task, void *crypt, uint32_t extent,
			const struct btrfs_backref *ref, struct fscrypt_extent_info **out);
int fscrypt_verify(struct kernel_task *task, void *crypt, const struct btrfs_crypt_io *io,
		   const struct btrfs_seal *seal, uint32_t tags);
void fscrypt_auth_report(const struct fscrypt *fc, struct sim_metrics *metrics);
extern const struct sim_metric_def *const fscrypt_auth_metrics[];

/* derive.c */
/** HKDF-Expand of the extent's key from its nonce, under the master key's semaphore, unless it is
 * in the cache of derived keys. 0, or -ENOKEY when the secret is gone. */
int fscrypt_derive(struct kernel_task *task, struct fscrypt *fc,
		   const struct fscrypt_extent_info *info);
/** 0, or -ENOMEM where setting this mode's key allocates. */
int fscrypt_setkey(struct kernel_task *task, struct fscrypt *fc);
/** crypto_alloc_skcipher(); 0 or -errno. */
int fscrypt_tfm_alloc(struct kernel_task *task, struct fscrypt *fc);
/** A cipher copied from one that exists: no look-up, GFP_ATOMIC. 0 or -ENOMEM. */
int fscrypt_tfm_clone(struct kernel_task *task, struct fscrypt *fc);
/** `task` NULL: at the end of the run, no time passes. */
void fscrypt_tfm_free(struct kernel_task *task, struct fscrypt *fc);
/** A cipher made before time begins. */
void fscrypt_tfm_preload(struct fscrypt *fc);
/** Books key material and crypto objects in memory. */
void fscrypt_account(struct fscrypt *fc, int64_t bytes);
struct derived_cache *derived_cache_new(struct fscrypt *fc);
void derived_cache_free(struct derived_cache *cache);
/** Wipes the keys derived from this one. */
void derived_cache_forget(struct derived_cache *cache, const struct master_key *key);
void derived_cache_report(const struct derived_cache *cache, struct sim_metrics *metrics);
extern const struct sim_metric_def *const derived_cache_metrics[];

/* truth.c: what really happened to each block, whatever a design thinks. */
enum truth_event {
	EVENT_BORN,
	EVENT_WRITTEN,
	EVENT_OVERWRITTEN,
	EVENT_MOVED,
	EVENT_LOADED,
	EVENT_DIRTIED,
	EVENT_FREED,
	EVENTS
};
struct truth *truth_new(struct fscrypt *fc);
void truth_free(struct truth *truth);
/** Remembers an event for the histories of findings; takes no time. */
void truth_note(struct truth *truth, enum truth_event event, const struct btrfs_inode *inode,
		uint32_t extent, uint32_t file_block, uint32_t blocks);
/** How the blocks of a bio are sealed: `seal` is completed with the base of the IVs. */
void truth_seal(struct truth *truth, const struct btrfs_crypt_io *io, struct btrfs_seal *seal);
void truth_encrypted(struct truth *truth, const struct btrfs_crypt_io *io,
		     const struct keyed_cipher *cipher, const struct btrfs_seal *seal);
/** How many blocks were sealed with another key, nonce or IV than these. */
uint32_t truth_mismatches(const struct truth *truth, const struct btrfs_crypt_io *io,
			  const struct keyed_cipher *cipher, const struct btrfs_seal *seal);
/** Compares what a decryption used with what the blocks were sealed with. */
void truth_decrypted(struct truth *truth, const struct btrfs_crypt_io *io,
		     const struct keyed_cipher *cipher, const struct btrfs_seal *seal);
void truth_moved(struct truth *truth, uint32_t from, uint32_t to, uint64_t nonce);
void truth_freed(struct truth *truth, uint32_t extent, uint64_t nonce);
void truth_lost(struct truth *truth, const struct btrfs_inode *inode, uint32_t file_block,
		uint32_t blocks, int err);
/** A finding in words; `extent` 0: it has no history. Takes over nothing. */
void truth_find(struct truth *truth, const char *kind, uint32_t extent, const char *format, ...)
	G_GNUC_PRINTF(4, 5);
/** At the end of a run: infos that nothing refers to. */
void truth_check_infos(struct truth *truth);
void truth_report(struct truth *truth, struct sim_metrics *metrics);
extern const struct sim_metric_def *const truth_metrics[];

#endif
