/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blk-crypto, as far as its two users need it: key objects that hang on extent infos, and the profiles
 * whose keyslots they are programmed into (6.12: block/blk-crypto-profile.c, block/blk-crypto.c,
 * fs/crypto/inline_crypt.c).
 */
#ifndef FSCRYPT_BLK_CRYPTO_H
#define FSCRYPT_BLK_CRYPTO_H

#include "models/fscrypt/internal.h"

/** struct blk_crypto_keyslot. */
struct blk_keyslot {
	struct blk_crypto_profile *profile;
	bool keyed; /* it is found by `address` */
	uint64_t address; /* of the key object: all that a look-up compares */
	struct master_key
		*from; /* what it is really programmed with; NULL: nothing, or at random */
	uint64_t nonce;
	uint32_t refs;
	GList link; /* in profile->idle while refs is 0 */
};

/** What a profile's owner does. `owner` is what blk_crypto_new() was given. */
struct blk_crypto_ops {
	const char *lock_class;
	/** blk_crypto_start_using_key(), once per device of a new key. May be NULL. 0 or -errno. */
	int (*start_using)(struct kernel_task *task, void *owner);
	/** Both with the profile's lock held for write. 0 or -errno. */
	int (*program)(struct kernel_task *task, void *owner);
	int (*evict)(struct kernel_task *task, void *owner);
	/** Slots are held by the tasks that got them; false: by requests that a device will end. */
	bool held_by_task;
};

struct blk_crypto;
/** One mount's blk-crypto: `profiles` is 1, or one for each device; data goes to the first. */
struct blk_crypto *blk_crypto_new(struct fscrypt *fc, uint32_t profiles, uint32_t slots,
				  const struct blk_crypto_ops *ops, void *owner);
void blk_crypto_free(struct blk_crypto *crypto);

/** fscrypt_prepare_inline_crypt_key(), and the derivation before it. 0 or -errno. */
int blk_crypto_prepare_key(struct kernel_task *task, struct blk_crypto *crypto,
			   const struct fscrypt_extent_info *info);
/** fscrypt_destroy_inline_crypt_key(): evicts the key from every device and frees it. */
void blk_crypto_destroy_key(struct kernel_task *task, struct blk_crypto *crypto,
			    const struct fscrypt_extent_info *info);
/** Bytes of a prepared key, its list of devices included where it keeps one. */
uint64_t blk_crypto_key_bytes(const struct blk_crypto *crypto);
/** prime() of both set-ups. */
void blk_crypto_prime(const struct blk_crypto *crypto);
/** misfit() of both set-ups. */
const char *blk_crypto_misfit(const struct fscrypt_variant *variant,
			      const struct machine_config *machine);

/** blk_crypto_get_keyslot(): a slot programmed with the info's key, or with what stood at its
 * address. Sleeps while every slot is in use. 0 or what program() said. */
int blk_crypto_get_keyslot(struct kernel_task *task, struct blk_crypto *crypto,
			   const struct fscrypt_extent_info *info, struct keyed_cipher *cipher);
/** blk_crypto_put_keyslot(); callable from a plain event where slots are not held by tasks. */
void blk_crypto_put_keyslot(struct kernel_task *task, struct keyed_cipher *cipher);
/** How many slots are programmed from this master key. */
uint32_t blk_crypto_keyed_from(const struct blk_crypto *crypto, const struct master_key *key);

/** bio_crypt_set_ctx() and bio_crypt_free_ctx(); in between, the bio may leave its task. */
void blk_crypto_attach(struct kernel_task *task, struct blk_crypto *crypto);
void blk_crypto_submit(struct kernel_task *task, struct blk_crypto *crypto);
void blk_crypto_detach(struct blk_crypto *crypto);

/** Reports *.slot_hits and the like, the star being the set-up's name. */
void blk_crypto_report(const struct blk_crypto *crypto, struct sim_metrics *metrics);
extern const struct sim_metric_def *const blk_crypto_metrics[];

#endif
