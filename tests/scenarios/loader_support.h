/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A library and a registry of its own for the tests of the loader. */
#ifndef LOADER_SUPPORT_H
#define LOADER_SUPPORT_H

#include "scenarios/scenarios.h"

/** A registry whose names do not change when the models do. */
extern const struct scenario_registry fake_registry;

struct fake_reader_config {
	int64_t count, size_bytes, direct;
	struct sim_dist think;
};
struct fake_script_config {
	char *script, *script_path;
};

/** Makes a folder with a cost profile "aes-ni-6.12" in which the i-th cost is 100 + i ns and the
 * i-th size 10 + i, and has the library found there. The caller frees; loader_library_remove()
 * removes the folder. */
char *loader_library(void);
void loader_library_remove(const char *folder);
/** Writes a file of the folder; returns its path, to be freed. */
char *loader_file(const char *folder, const char *name, const char *text);
/** The text of that profile, with one entry of one section replaced, or left out if NULL. */
char *loader_profile(const char *section, const char *name, const char *entry);
/** A good scenario that uses every section. */
extern const char *const loader_good;

#endif
