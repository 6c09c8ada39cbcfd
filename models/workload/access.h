/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a job goes: which file, and where in it. Places are drawn from the number of the operation
 * alone, over sizes fixed beforehand, so that every variant is asked for the same ones.
 */
#ifndef ACCESS_H
#define ACCESS_H

#include "models/workload/internal.h"

enum access_pattern {
	ACCESS_SEQUENTIAL, /* from the file's start on, and again from there */
	ACCESS_UNIFORM,
	ACCESS_ZIPF, /* by popularity of calls, scattered over the file */
	ACCESS_HOT_COLD, /* a share of the calls goes to the first part of the file */
	ACCESS_APPEND, /* writes at the end; reads are uniform over what was there at the start */
	ACCESS_MIDDLE, /* of a uniformly drawn extent, or of the file */
	ACCESS_PATTERNS
};
const char *access_pattern_name(size_t i);

enum access_files { FILES_ROUND, FILES_UNIFORM, FILES_ZIPF };
const char *access_files_name(size_t i);

/** What a scenario sets. */
struct access_config {
	int64_t pattern, files; /* enum access_pattern, enum access_files */
	int64_t io_bytes, zipf_milli, file_zipf_milli, hot_percent, hot_share;
};
/** Checks what a table can't; `file_bytes` 0: files of different sizes. */
bool access_check(const struct access_config *config, uint64_t file_bytes, uint64_t extent_bytes,
		  GError **error);

/** A pattern over given files, ready to draw from. */
struct access {
	struct sim *sim;
	const struct access_config *config;
	uint64_t extent_bytes; /* 0: unknown */
	uint32_t files;
	struct sim_zipf *zipf, *file_zipf;
	uint64_t calls, step; /* of ACCESS_ZIPF: places in a file, and what scatters the ranks */
};
/** `files` of them, `file_bytes` each where they are alike. Free with access_free(). */
struct access *access_new(struct sim *sim, const struct access_config *config, uint32_t files,
			  uint64_t file_bytes, uint64_t extent_bytes);
void access_free(gpointer access);

/** The file of a task's n-th operation; `stride` tasks go round the files together. */
uint32_t access_file(const struct access *access, uint64_t request, uint64_t task, uint64_t stride,
		     uint64_t n);
/** Where the k-th call of an operation starts in a file of `size` bytes; `position` is where a
 * sequential reader stands. Not for writes of ACCESS_APPEND. */
uint64_t access_place(const struct access *access, uint64_t request, uint64_t k, uint64_t size,
		      uint64_t position);

#endif
