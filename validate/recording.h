/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recordings of a real btrfs, in the form that validate/data/btrfs/README.md describes. */
#ifndef VALIDATE_RECORDING_H
#define VALIDATE_RECORDING_H

#include <jansson.h>

#include "validate/internal.h"

/** The first difference between a recorded step and the model's, in words; NULL: they are equal. Compared
 * are operations and their outcomes, files with their items, and length, references and owners of each disk
 * extent, but not its address, nor what follows from it. The caller frees. */
char *recording_difference(const json_t *real, const json_t *model);
/** The same over all steps of two recordings. */
char *recording_first_difference(const json_t *real, const json_t *model);
/** The steps that a script dumped, as an array; NULL with an error. */
json_t *recording_of_model(const char *name, const struct world_outcome *outcome, GError **error);

/** Those of a script that is run for it. */
json_t *recording_run(const struct validate_world *world, const struct validate_options *options,
		      GError **error);

struct recording_result {
	size_t steps, equal; /* added up over the recordings replayed */
	char *difference; /* the first, with its place; NULL: none. The caller frees */
};
/** Replays the script NAME.ops of a folder of the library and compares each step with NAME.json. */
bool recording_replay(const char *folder, const char *name, const struct validate_options *options,
		      struct recording_result *result, GError **error);

#endif
