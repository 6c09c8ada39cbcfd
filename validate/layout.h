/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Layouts of btrfs in the form of recordings (tests/data/btrfs/README.md): those that the model comes to,
 * and in what two differ. */
#ifndef VALIDATE_LAYOUT_H
#define VALIDATE_LAYOUT_H

#include <jansson.h>

#include "validate/validate.h"

/** The steps that the model comes to with the script file; `sets` as scenario_load() takes them. NULL
 * with an error. The caller drops them. */
json_t *layout_by_model(const char *path, const char *const *sets, const volatile int *interrupted,
			GError **error);
/**
 * The first difference of two lists of steps in words, NULL if there is none: operations and their
 * outcomes, files with their items, and length, references and owners of each disk extent, but not its
 * address, nor what follows from it. The caller frees.
 */
char *layout_difference(const json_t *real, const json_t *model);

#endif
