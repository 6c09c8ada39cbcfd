/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a variant may choose, and which choices go together. */
#include "models/fscrypt/internal.h"

/* blk_crypto_keyslots are counted in an unsigned int; a pool beyond this is a typing error. */
enum { POOL_SIZE_MAX = 1 << 20 };

G_DEFINE_QUARK(extentsim - fscrypt - error, fscrypt_error)

static const char *layout_name(size_t i)
{
	static const char *const names[] = {"appended", "separate"};

	return i < G_N_ELEMENTS(names) ? names[i] : NULL;
}

static const char *mode_name(size_t i)
{
	return i < CIPHER_MODES ? cipher_mode_names[i] : NULL;
}

#define AT(field) offsetof(struct fscrypt_variant, field)

const struct sim_param fscrypt_variant_params[] = {
	{"design", SIM_PARAM_WORD, AT(design), 0, 0, NULL, extent_design_name,
	 "what an extent stores and which rule binds it to inodes"},
	{"layout", SIM_PARAM_WORD, AT(layout), 0, 0, "appended", layout_name,
	 "where the context stands: in the file extent item, or in an item of its own"},
	{"layout.prefix", SIM_PARAM_BOOL, AT(layout_prefix), 0, 1, "false", NULL,
	 "a 4-byte length before an appended context, as the posted series writes it"},
	{"setup", SIM_PARAM_WORD, AT(setup), 0, 0, "none", key_setup_name,
	 "where a keyed cipher comes from"},
	{"mode", SIM_PARAM_WORD, AT(mode), 0, 0, "aes-256-xts", mode_name, "cipher mode"},
	{"pool.size", SIM_PARAM_INT, AT(pool_size), 1, POOL_SIZE_MAX, "128", NULL,
	 "prepared ciphers in the pool"},
	{"pool.map", SIM_PARAM_BOOL, AT(pool_map), 0, 1, "false", NULL,
	 "find a cipher already keyed by (master key, nonce, mode) before keying one"},
	{NULL, 0, 0, 0, 0, NULL, NULL, NULL},
};

static bool refuse(const struct fscrypt_variant *variant, GError **error, const char *why)
{
	g_set_error(error, FSCRYPT_ERROR, 0, "variant '%s': %s",
		    variant->name ? variant->name : "?", why);
	return false;
}

bool fscrypt_variant_check(const struct fscrypt_variant *variant, GError **error)
{
	const struct extent_design *design = extent_designs[variant->design];
	const struct key_setup *setup = key_setups[variant->setup];

	if (design == &design_none && setup != &setup_none)
		return refuse(variant, error,
			      "design 'none' encrypts nothing, so it can have no key set-up; "
			      "leave 'setup' out");
	if (design != &design_none && setup == &setup_none)
		return refuse(variant, error,
			      "an encrypting design needs a 'setup', such as \"pool\"");
	if (variant->layout_prefix && variant->layout != LAYOUT_APPENDED)
		return refuse(variant, error,
			      "'layout.prefix' goes with layout 'appended' only: an item of its "
			      "own has its length in the item header");
	return true;
}

uint32_t fscrypt_variant_context_bytes(const struct fscrypt_variant *variant)
{
	return extent_designs[variant->design]->context_bytes;
}
