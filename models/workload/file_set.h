/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files below a directory, found as a program finds them. */
#ifndef FILE_SET_H
#define FILE_SET_H

#include "models/workload/internal.h"

/** Must outlive the task that fills it. */
struct file_set {
	GPtrArray *paths; /* char *, in the order of the walk */
};
void file_set_init(struct file_set *set);
void file_set_clear(struct file_set *set);
/** Reads the directories below `dir` ("" is the top) anew, as an operation `walk` of the book. The first
 * error of one that could not be read. */
int file_set_fill(struct file_set *set, struct workload *workload, struct kernel_task *task,
		  const char *dir, uint64_t request);

#endif
