/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A deduper: reads the files below a directory, as it would to hash them, and asks FIDEDUPERANGE to share
 * each with the first of the same size. What differs after all the kernel finds out.
 */
#include "models/workload/file_set.h"

struct deduper_config {
	char *dir;
	int64_t passes, scan, range_bytes;
	struct sim_dist interval;
};

struct deduper {
	struct workload *workload;
	const struct deduper_config *config;
	const char *name;
	struct file_set files;
	GArray *sizes; /* uint64_t, of each file; 0: can't be opened */
	uint32_t number;
	uint64_t deduped, refused, differing;
};

/* Request numbers: the walk of a pass, its scans, its calls. */
enum { PASSES_LOG2 = 14, CALLS_LOG2 = 23, SCAN_BYTES = 1 << 20 };

static void scan(struct deduper *d, struct kernel_task *task, guint i, uint64_t request)
{
	struct op_timer timer = op_begin(d->workload, task, "scan", request);
	struct btrfs_file *file;
	int err = btrfs_open(task, d->workload->fs, d->files.paths->pdata[i], 0, &file);
	uint64_t *size = &g_array_index(d->sizes, uint64_t, i);

	if (!err) {
		*size = btrfs_inode_size(btrfs_file_inode(file));
		for (uint64_t at = 0; d->config->scan && !err && at < *size; at += SCAN_BYTES)
			err = btrfs_read(task, file, at, SCAN_BYTES);
		btrfs_close(task, file);
	}
	op_end(d->workload, task, &timer, err);
}

/* The first of the same size; the file itself if it is that. */
static guint first_alike(const struct deduper *d, guint i)
{
	guint first = 0;

	while (g_array_index(d->sizes, uint64_t, first) != g_array_index(d->sizes, uint64_t, i))
		first++;
	return first;
}

static int dedupe_ranges(struct deduper *d, struct kernel_task *task, struct btrfs_file *from,
			 struct btrfs_file *to, uint64_t size)
{
	uint64_t range = (uint64_t)d->config->range_bytes;
	int err = 0;

	for (uint64_t at = 0; err >= 0 && at < size; at += range) {
		uint64_t len = MIN(range, size - at), done;

		err = btrfs_dedupe_range(task, from, at, len, to, at, &done);
		if (!err)
			d->deduped += done;
		else if (err > 0)
			d->differing += len;
		else if (task->refusal)
			d->refused += size - at;
	}
	return MIN(err, 0);
}

static int dedupe(struct deduper *d, struct kernel_task *task, guint first, guint i)
{
	struct btrfs_file *from, *to;
	int err = btrfs_open(task, d->workload->fs, d->files.paths->pdata[first], 0, &from);

	if (err)
		return err;
	err = btrfs_open(task, d->workload->fs, d->files.paths->pdata[i], 0, &to);
	if (!err) {
		err = dedupe_ranges(d, task, from, to, g_array_index(d->sizes, uint64_t, i));
		btrfs_close(task, to);
	}
	btrfs_close(task, from);
	return err;
}

static void dedupe_one(struct deduper *d, struct kernel_task *task, guint i, uint64_t request)
{
	guint first = first_alike(d, i);
	struct op_timer timer;

	if (first == i || !g_array_index(d->sizes, uint64_t, i))
		return;
	workload_pause(d->workload, task, "deduper", request, &d->config->interval);
	timer = op_begin(d->workload, task, "dedupe", request);
	op_end(d->workload, task, &timer, dedupe(d, task, first, i));
}

static void run_deduper(struct kernel_task *task, void *arg)
{
	struct deduper *d = arg;

	workload_wait_prepared(d->workload, task);
	for (uint64_t pass = 0; pass < (uint64_t)d->config->passes; pass++) {
		uint64_t request = workload_request(d->number, pass << (CALLS_LOG2 + 1));
		uint64_t calls = request + (UINT64_C(1) << CALLS_LOG2);
		guint count;

		file_set_fill(&d->files, d->workload, task, d->config->dir, request);
		count = d->files.paths->len;
		g_array_set_size(d->sizes, 0);
		g_array_set_size(d->sizes, count);
		for (guint i = 0; i < count; i++)
			scan(d, task, i, request + i + 1);
		for (guint i = 0; i < count; i++)
			dedupe_one(d, task, i, calls + i);
	}
	workload_task_ends(d->workload);
}

static const struct sim_metric_def def_deduped = {
	"deduper.*.deduped_bytes", "bytes", SIM_MORE_IS_BETTER, "operations",
	"bytes that FIDEDUPERANGE shared, already shared ones included"};
static const struct sim_metric_def def_refused = {
	"deduper.*.refused_bytes", "bytes", SIM_LESS_IS_BETTER, "operations",
	"bytes of files that stay double because the design refuses to share them"};
static const struct sim_metric_def def_differing = {
	"deduper.*.differing_bytes", "bytes", SIM_NO_DIRECTION, "operations",
	"bytes of ranges that the kernel found to differ"};
static const struct sim_metric_def *const metric_defs[] = {&def_deduped, &def_refused,
							   &def_differing, NULL};

static void report(void *arg, struct sim_metrics *metrics)
{
	const struct deduper *d = arg;

	sim_metrics_set_for(metrics, &def_deduped, (int64_t)d->deduped, d->name, NULL);
	sim_metrics_set_for(metrics, &def_refused, (int64_t)d->refused, d->name, NULL);
	sim_metrics_set_for(metrics, &def_differing, (int64_t)d->differing, d->name, NULL);
}

static void deduper_free(gpointer arg)
{
	struct deduper *d = arg;

	file_set_clear(&d->files);
	g_array_free(d->sizes, true);
	g_free(d);
}

static void start(struct workload *workload, const char *name, const void *config)
{
	struct deduper *d = g_new0(struct deduper, 1);

	d->workload = workload;
	d->config = config;
	d->name = name;
	file_set_init(&d->files);
	d->sizes = g_array_new(false, true, sizeof(uint64_t));
	workload_keep(workload, d, deduper_free);
	workload_on_report(workload, report, d);
	d->number = workload_spawn(workload, name, run_deduper, d, NULL);
}

#define AT(field) offsetof(struct deduper_config, field)

static const struct sim_param params[] = {
	{"dir", SIM_PARAM_TEXT, AT(dir), 0, 0, "", NULL,
	 "the files below this directory; \"\": all there are"},
	{"passes", SIM_PARAM_INT, AT(passes), 1, 1 << PASSES_LOG2, "1", NULL,
	 "times that it goes over them"},
	{"scan", SIM_PARAM_BOOL, AT(scan), 0, 1, "true", NULL, "it reads the files first"},
	{"range_bytes", SIM_PARAM_BYTES, AT(range_bytes), KERNEL_BLOCK_BYTES, 16 << 20, "128KiB",
	 NULL, "length of one FIDEDUPERANGE"},
	{"interval", SIM_PARAM_DIST, AT(interval), 0, 0, "0ns", NULL,
	 "time before each file that it has shared"},
	{NULL, 0, 0, 0, 0, NULL, NULL, NULL},
};

const struct actor_kind actor_deduper = {
	.name = "deduper",
	.summary = "shares files of one size below a directory, where their content is the same",
	.params = params,
	.config_bytes = sizeof(struct deduper_config),
	.metrics = metric_defs,
	.start = start,
};
