/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A defragmenter: btrfs filesystem defragment -r, file after file. */
#include "models/workload/file_set.h"

struct defragmenter_config {
	char *dir;
	int64_t passes, threshold;
	struct sim_dist interval;
};

struct defragmenter {
	struct workload *workload;
	const struct defragmenter_config *config;
	struct file_set files;
	uint32_t number;
};

/* Request numbers: the walk of a pass, then its files. */
enum { PASSES_LOG2 = 14, FILES_LOG2 = 24 };

static int defragment(struct defragmenter *d, struct kernel_task *task, const char *path)
{
	struct btrfs_file *file;
	int err = btrfs_open(task, d->workload->fs, path, 0, &file);

	if (err)
		return err;
	err = btrfs_defrag_file(task, file, (uint64_t)d->config->threshold);
	btrfs_close(task, file);
	return err;
}

static void run_defragmenter(struct kernel_task *task, void *arg)
{
	struct defragmenter *d = arg;

	workload_wait_prepared(d->workload, task);
	for (uint64_t pass = 0; pass < (uint64_t)d->config->passes; pass++) {
		uint64_t request = workload_request(d->number, pass << FILES_LOG2);

		file_set_fill(&d->files, d->workload, task, d->config->dir, request);
		for (guint i = 0; i < d->files.paths->len; i++) {
			struct op_timer timer;
			int err;

			workload_pause(d->workload, task, "defragmenter", request + i + 1,
				       &d->config->interval);
			timer = op_begin(d->workload, task, "defrag", request + i + 1);
			err = defragment(d, task, d->files.paths->pdata[i]);
			op_end(d->workload, task, &timer, err);
		}
	}
	workload_task_ends(d->workload);
}

static void defragmenter_free(gpointer arg)
{
	struct defragmenter *d = arg;

	file_set_clear(&d->files);
	g_free(d);
}

static void start(struct workload *workload, const char *name, const void *config)
{
	struct defragmenter *d = g_new0(struct defragmenter, 1);

	d->workload = workload;
	d->config = config;
	file_set_init(&d->files);
	workload_keep(workload, d, defragmenter_free);
	d->number = workload_spawn(workload, name, run_defragmenter, d, NULL);
}

#define AT(field) offsetof(struct defragmenter_config, field)

static const struct sim_param params[] = {
	{"dir", SIM_PARAM_TEXT, AT(dir), 0, 0, "", NULL,
	 "the files below this directory; \"\": all there are"},
	{"passes", SIM_PARAM_INT, AT(passes), 1, 1 << PASSES_LOG2, "1", NULL,
	 "times that it goes over them"},
	{"threshold", SIM_PARAM_BYTES, AT(threshold), 0, UINT32_MAX, "0", NULL,
	 "extents from this size on are left alone; 0: the kernel's own"},
	{"interval", SIM_PARAM_DIST, AT(interval), 0, 0, "0ns", NULL, "time before each file"},
	{NULL, 0, 0, 0, 0, NULL, NULL, NULL},
};

const struct actor_kind actor_defragmenter = {
	.name = "defragmenter",
	.summary = "defragments the files below a directory",
	.params = params,
	.config_bytes = sizeof(struct defragmenter_config),
	.start = start,
};
