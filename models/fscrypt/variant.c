/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a variant may choose, and which choices go together. */
#include "models/fscrypt/internal.h"

/* blk_crypto_keyslots are counted in an unsigned int; a pool beyond this is a typing error. */
enum { POOL_SIZE_MAX = 1 << 20, CONTEXT_BYTES_MAX = 64, DERIVED_SIZE_MAX = 1 << 28 };
/* UFS and eMMC: 8 bits, and one (6.12: include/ufs/ufshci.h, drivers/mmc/host/cqhci-crypto.c). */
enum { HARDWARE_SLOTS_MAX = 256, FAULT_EVERY_MAX = 1 << 30 };

/* A tag is 16 bytes of AES-GCM or Poly1305 (RFC 5116, RFC 8439); GCM may cut it to 4 (NIST SP 800-38D),
 * and a checksum item has room for 32 (6.12: include/uapi/linux/btrfs.h, BTRFS_CSUM_SIZE). */
#define AUTH_TAG_DEFAULT "16"
enum { AUTH_TAG_MIN = 4, AUTH_TAG_MAX = 32 };

G_DEFINE_QUARK(extentsim - fscrypt - error, fscrypt_error)

static const char *mode_name(size_t i)
{
	return i < CIPHER_MODES ? cipher_mode_names[i] : NULL;
}

/* The words of one key, in the order of its enum. */
#define WORDS(key, ...)                                                                            \
	static const char *key##_word(size_t i)                                                    \
	{                                                                                          \
		static const char *const words[] = {__VA_ARGS__};                                  \
                                                                                                   \
		return i < G_N_ELEMENTS(words) ? words[i] : NULL;                                  \
	}

WORDS(layout, "appended", "separate")
WORDS(iv, "design", "block", "file-offset", "physical")
WORDS(removal, "soft", "hard")
WORDS(freeing, "pending-list", "immediate", "workqueue")
WORDS(scope, "load", "none", "all")
WORDS(load, "unlocked", "locked")
WORDS(pool_scope, "mount", "file", "master-key")
WORDS(pool_full, "wait", "steal")
WORDS(fallback_version, "6.12", "7.x")
WORDS(fallback_start, "first-use", "mount")
WORDS(devices_list, "allocate", "cached", "array")
WORDS(keyring, "filesystem", "session")
WORDS(credentials, "none", "saved")
WORDS(reflink_plain, "share", "refuse")
WORDS(reflink_check, "design", "call", "load")
WORDS(rekey, "design", "refuse", "rewrite", "allow")
WORDS(policy_change, "walk-user", "walk-kernel", "indirect", "new-writes")
WORDS(auth, "none", "csum", "beside")

#define AT(field) offsetof(struct fscrypt_variant, field)
#define WORD(key, field, words, fallback, help)                                                    \
	{                                                                                          \
		key, SIM_PARAM_WORD, AT(field), 0, 0, fallback, words##_word, help                 \
	}
#define FLAG(key, field, fallback, help)                                                           \
	{                                                                                          \
		key, SIM_PARAM_BOOL, AT(field), 0, 1, fallback, NULL, help                         \
	}
#define COUNT(key, field, least, most, fallback, help)                                             \
	{                                                                                          \
		key, SIM_PARAM_INT, AT(field), least, most, fallback, NULL, help                   \
	}

const struct sim_param fscrypt_variant_params[] = {
	{"design", SIM_PARAM_WORD, AT(design), 0, 0, NULL, extent_design_name,
	 "what an extent stores and which rule binds it to inodes"},
	WORD("layout", layout, layout, "appended",
	     "where the context stands: in the file extent item, or in an item of its own"),
	FLAG("layout.prefix", layout_prefix, "false",
	     "a 4-byte length before an appended context, as the series v1 to v5 write it"),
	COUNT("context.bytes", context_bytes, 0, CONTEXT_BYTES_MAX, "0",
	      "bytes that a context is padded to, to compare designs at equal size; 0: as it is"),
	{"setup", SIM_PARAM_WORD, AT(setup), 0, 0, "none", key_setup_name,
	 "where a keyed cipher comes from"},
	{"mode", SIM_PARAM_WORD, AT(mode), 0, 0, "aes-256-xts", mode_name, "cipher mode"},
	WORD("iv", iv, iv, "design",
	     "what a block's IV counts: its place in the extent, in the file, or on disk; 'design' "
	     "is "
	     "block, and file-offset for 'inode'"),
	WORD("removal", removal, removal, "soft",
	     "removing a key in use wipes its secret with the last user (soft), or at once (hard)"),
	WORD("freeing", freeing, freeing, "pending-list",
	     "where an extent's info ends: after the lock is left, at once, or in a worker"),
	FLAG("info.shared", info_shared, "true",
	     "the parts of a split map share one info; false: each gets its own, set up at first "
	     "use"),
	WORD("scope", scope, scope, "load",
	     "which set-ups in I/O run in a memalloc_nofs scope: loads (as posted), none, or all"),
	WORD("load", load, load, "unlocked",
	     "locked: an extent's key is set up while the leaf with its context is read-locked, as "
	     "in "
	     "the series until September 2023"),
	COUNT("pool.size", pool_size, 1, POOL_SIZE_MAX, "128", "ciphers in a pool"),
	WORD("pool.scope", pool_scope, pool_scope, "mount",
	     "what has a pool of its own: the mount, each open file, or each master key and mode"),
	WORD("pool.full", pool_full, pool_full, "wait",
	     "an I/O that finds every cipher in use waits, or (steal) takes idle ones only and "
	     "fails"),
	FLAG("pool.map", pool_map, "false",
	     "find a cipher already keyed by (master key, nonce, mode) before keying one"),
	FLAG("at-io.clone", at_io_clone, "false",
	     "set-up at-io copies a template cipher instead of allocating one"),
	FLAG("derived.cache", derived_cache, "false",
	     "keep derived keys by (master key, nonce), so that a set-up again needs no HKDF"),
	COUNT("derived.size", derived_size, 1, DERIVED_SIZE_MAX, "4096",
	      "keys that derived.cache holds, least recently used out"),
	WORD("reflink.plain", reflink_plain, reflink_plain, "share",
	     "a clone of plain extents into an encrypted file: works, or EINVAL as in the posted "
	     "series"),
	WORD("reflink.check", reflink_check, reflink_check, "design",
	     "where a clone between keys is refused: as the design has it, at the call, or not "
	     "before "
	     "the load of the extent"),
	COUNT("fallback.slots", fallback_slots, 1, POOL_SIZE_MAX, "100",
	      "keyslots of set-up fallback (blk_crypto_fallback.num_keyslots)"),
	WORD("fallback.version", fallback_version, fallback_version, "6.12",
	     "bounce pages one by one and a cipher request from the heap, or (7.x) all pages at "
	     "once and the request on the stack"),
	WORD("fallback.start", fallback_start, fallback_start, "first-use",
	     "when every slot of set-up fallback gets its cipher: by the first key prepared, or at "
	     "mount"),
	COUNT("hardware.slots", hardware_slots, 1, HARDWARE_SLOTS_MAX, "32",
	      "keyslots of each device in set-up hardware"),
	WORD("devices.list", devices_list, devices_list, "allocate",
	     "how a key's set-up and end find the filesystem's devices: by an array allocated each "
	     "time, one kept with the key, or the caller's, of at most eight"),
	FLAG("fault.freed-key-in-slot", fault_freed_key_in_slot, "false",
	     "a key whose device array cannot be allocated is freed without being evicted"),
	COUNT("fault.device-array-every", fault_device_array_every, 0, FAULT_EVERY_MAX, "0",
	      "every N-th device array wanted at a key's end fails, as with failslab's interval; "
	      "0: only for want of memory"),
	WORD("rekey", rekey, rekey, "design",
	     "what becomes of old extents when an inode's policy is replaced: as the design has "
	     "it, "
	     "refused, written anew, or left under their key"),
	WORD("policy.change", policy_change, policy_change, "walk-user",
	     "how a tree's policy is replaced: file by file from a program, by one call that walks "
	     "it, by one item that all its contexts name, or for what is yet to be written"),
	WORD("auth", auth, auth, "none",
	     "a tag for each encrypted block: in the place of its checksum (csum), or beside it"),
	COUNT("auth.tag", auth_tag, AUTH_TAG_MIN, AUTH_TAG_MAX, AUTH_TAG_DEFAULT, "bytes of a tag"),
	FLAG("fault.leaked-info", fault_leaked_info, "false",
	     "read repair does not give back its reference to an extent's info"),
	FLAG("leaf.context", leaf_context, "true",
	     "each file stores a context of its own; false: files take their directory's policy, "
	     "as "
	     "in the series of August 2023"),
	FLAG("fault.context-not-copied", fault_context_not_copied, "false",
	     "layout=separate: the part behind a split or a trim of an item's front gets no "
	     "context, "
	     "and one in the way of a new one makes its insertion fail, as posted in v6"),
	FLAG("fault.evict-dirty", fault_evict_dirty, "false",
	     "removing a key evicts inodes that are still dirty, as if fscrypt_drop_inode() did "
	     "not "
	     "look"),
	WORD("keyring", keyring, keyring, "filesystem",
	     "where a look-up finds keys: with the filesystem, or (of old policies) in the session "
	     "keyring of the process that looks"),
	WORD("credentials", credentials, credentials, "none",
	     "keyring=session: I/O threads look with the credentials of the opener if they are "
	     "saved"),
	FLAG("counterfactual", counterfactual, "false",
	     "run a pair of choices that cannot be, labelled as such"),
	{NULL, 0, 0, 0, 0, NULL, NULL, NULL},
};

static bool refuse(const struct fscrypt_variant *variant, GError **error, const char *why)
{
	g_set_error(error, FSCRYPT_ERROR, 0, "variant '%s': %s",
		    variant->name ? variant->name : "?", why);
	return false;
}

static const char *auth_fault_of(const struct fscrypt_variant *variant)
{
	const struct key_setup *setup = key_setups[variant->setup];

	if (variant->auth == AUTH_NONE)
		return NULL;
	if (setup->request_begin)
		return "'auth' needs a cipher in software: hardware behind the filesystem gives it "
		       "no "
		       "tags";
	if (variant->auth == AUTH_CSUM && setup == &setup_pool &&
	    variant->pool_scope == POOL_SCOPE_FILE)
		return "auth 'csum' with pool.scope=file: scrub and relocation check tags with no "
		       "file "
		       "open, and so have no pool";
	return NULL;
}

static const char *fault_of(const struct fscrypt_variant *variant)
{
	const struct extent_design *design = extent_designs[variant->design];
	const struct key_setup *setup = key_setups[variant->setup];

	if (design == &design_none && variant->auth != AUTH_NONE)
		return "design 'none' encrypts nothing, so it has no key to make tags with";
	if (design == &design_none)
		return setup == &setup_none
			       ? NULL
			       : "design 'none' encrypts nothing, so it can have no key set-up; "
				 "leave 'setup' out";
	if (setup == &setup_none)
		return "an encrypting design needs a 'setup', such as \"pool\"";
	if (variant->layout_prefix && variant->layout != LAYOUT_APPENDED)
		return "'layout.prefix' goes with layout 'appended' only: an item of its own has "
		       "its "
		       "length in the item header";
	if (variant->fault_context_not_copied && variant->layout != LAYOUT_SEPARATE)
		return "'fault.context-not-copied' needs layout=separate: an appended context goes "
		       "wherever its item goes";
	if (variant->context_bytes && variant->context_bytes < design->context_bytes)
		return "'context.bytes' is less than what the design stores";
	if (variant->context_bytes && !design->context_bytes)
		return "'context.bytes' needs a design that stores a context per extent";
	if (!variant->leaf_context && design->per_inode)
		return "a file's key hangs on the nonce in its own context: 'leaf.context' can't "
		       "be "
		       "false";
	if (auth_fault_of(variant))
		return auth_fault_of(variant);
	if (variant->rekey == REKEY_REWRITE && variant->policy_change == POLICY_CHANGE_INDIRECT)
		return "'policy.change=indirect' changes one item and writes no data anew: "
		       "'rekey' can't be rewrite";
	return setup->impossible && !variant->counterfactual ? setup->impossible(variant) : NULL;
}

bool fscrypt_variant_check(const struct fscrypt_variant *variant, GError **error)
{
	const char *fault = fault_of(variant);

	return fault ? refuse(variant, error, fault) : true;
}

bool fscrypt_variant_fits(const struct fscrypt_variant *variant,
			  const struct machine_config *machine, GError **error)
{
	const struct key_setup *setup = key_setups[variant->setup];
	const char *fault = setup->misfit ? setup->misfit(variant, machine) : NULL;

	return fault ? refuse(variant, error, fault) : true;
}

uint32_t fscrypt_variant_context_bytes(const struct fscrypt_variant *variant)
{
	uint32_t bytes = extent_designs[variant->design]->context_bytes;

	return bytes && variant->context_bytes ? (uint32_t)variant->context_bytes : bytes;
}

bool fscrypt_variant_encrypts(const struct fscrypt_variant *variant)
{
	return extent_designs[variant->design] != &design_none;
}
