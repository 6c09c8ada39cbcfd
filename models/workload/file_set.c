/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "models/workload/file_set.h"

void file_set_init(struct file_set *set)
{
	set->paths = g_ptr_array_new_with_free_func(g_free);
}

void file_set_clear(struct file_set *set)
{
	g_ptr_array_free(set->paths, true);
}

static void add_path(struct kernel_task *task, const char *path, void *arg)
{
	struct file_set *set = arg;

	(void)task;
	g_ptr_array_add(set->paths, g_strdup(path));
}

int file_set_fill(struct file_set *set, struct workload *workload, struct kernel_task *task,
		  const char *dir, uint64_t request)
{
	struct op_timer timer = op_begin(workload, task, "walk", request);
	int err;

	g_ptr_array_set_size(set->paths, 0);
	err = btrfs_walk_paths(task, workload->fs, dir && dir[0] ? dir : ".", add_path, set);
	op_end(workload, task, &timer, err);
	return err;
}
