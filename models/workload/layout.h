/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files that a job works on, made before its clock starts. */
#ifndef LAYOUT_H
#define LAYOUT_H

#include "models/workload/internal.h"

/** What a scenario sets. */
struct layout_config {
	char *dir, *key; /* NULL: the actor's name; plain */
	int64_t files, file_bytes, prefill, alike, extent_bytes, drop_caches;
};
bool layout_check(const struct layout_config *config, GError **error);
/** The directory of an actor's files. */
const char *layout_dir(const struct layout_config *config, const char *actor);
/** Sets `path` to that of its n-th file. */
void layout_path(const struct layout_config *config, const char *actor, uint32_t n, GString *path);
/**
 * Makes what is missing: the key, the directory and its policy, the files and, with `prefill`, what is in
 * them; then syncs, and drops caches if asked. Extents of `extent_bytes` come from direct writes of that
 * size, one after the other. File n is made in `request + n`; nothing goes into the book of operations.
 * 0, or the errno of the step that failed, whose name goes to `step`. `path` is room to work in, which
 * must outlive the task.
 */
int layout_make(struct workload *workload, struct kernel_task *task,
		const struct layout_config *config, const char *actor, uint64_t request,
		GString *path, const char **step);

#endif
