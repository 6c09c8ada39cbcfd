/* SPDX-License-Identifier: GPL-2.0-or-later */
/* live, private: what random scripts are drawn by. */
#ifndef VALIDATE_LIVE_RANDOM_H
#define VALIDATE_LIVE_RANDOM_H

#include "validate/live.h"

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)

enum live_feature {
	LIVE_NOCOW = 1, /* three files in four are nodatacow */
	LIVE_SOME_NOCOW = 32, /* one in four is */
	LIVE_ALIKE = 2, /* all is written with one byte: it compresses, and can be deduped */
	LIVE_COMPRESS = 4, /* mounted with compress=zstd */
	LIVE_IN_SNAPSHOTS = 8, /* a third of the changes is in snapshots */
	LIVE_LEAVES = 16, /* a tree of many leaves */
};
/**
 * Fewer dumps leave more to delalloc: what meets in memory between two dumps becomes one extent or two.
 * In a tree of many leaves each write is synced: where leaves split depends on the order in which writes
 * complete, and that of one writeback differs from run to run.
 */
struct live_profile {
	const char *name;
	const char *weights; /* "OPERATION WEIGHT OPERATION WEIGHT …" */
	unsigned int unaligned,
		dump; /* percent: of places and lengths, and of operations followed by one */
	uint64_t span_bytes; /* of files */
	uint64_t lengths[10]; /* of writes; none: 1 to 64 blocks */
	unsigned int features, operations;
};
/** All of them; the last has no name. */
extern const struct live_profile live_profiles[];

#endif
