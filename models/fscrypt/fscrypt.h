/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fscrypt: keys, policies and contexts; the extent designs and the key set-ups, which are the two
 * plug-in points. A design says what an extent stores and which rule binds it to inodes; a key
 * set-up says where a keyed cipher comes from. Each is one file with one table of functions, and
 * one line in registry.c.
 */
#ifndef FSCRYPT_H
#define FSCRYPT_H

#include "models/kernel/kernel.h"

struct extent_design;
struct key_setup;

enum context_layout { LAYOUT_APPENDED, LAYOUT_SEPARATE };

/** What is compared: one column of a result. Filled through fscrypt_variant_params. */
struct fscrypt_variant {
	char *name;
	int64_t design, layout, setup, mode; /* indices of words */
	int64_t layout_prefix; /* bool: 4-byte length before an appended context, as posted */
	int64_t pool_size, pool_scope, pool_full, pool_map;
	int64_t key_cache; /* entries; 0: none */
};
/** Keys of a variant: design, layout, setup, mode and the dotted options. */
extern const struct sim_param fscrypt_variant_params[];
/** Says whether the choices go together; the error gives the reason. */
bool fscrypt_variant_check(const struct fscrypt_variant *variant, GError **error);
/** The i-th design or set-up with its one-line summary; NULL past the end. */
const char *extent_design_name(size_t i);
const char *extent_design_summary(size_t i);
const char *key_setup_name(size_t i);
const char *key_setup_summary(size_t i);

#endif
