/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef TESTS_MODELS_SCRIPT_ON_STORE_H
#define TESTS_MODELS_SCRIPT_ON_STORE_H

#include <glib.h>

#include "models/btrfs/store.h"

/** Plays an operation script on a bare store, untimed, and returns the steps as JSON text in the
 * form of the recordings; NULL and `error` if the script can't be parsed. `check` runs
 * store_check() at every dump. */
char *script_on_store(const char *name, const char *text, const struct btrfs_store_options *options,
		      bool check, GError **error);

#endif
