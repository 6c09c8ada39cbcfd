/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mix actor: tasks that read and write files, of their own or of the initial filesystem. */
#include "models/workload/mix.h"

/* ---- metrics ---- */

enum { P50 = 50000, P99 = 99000 };

static const struct sim_metric_def def_operations = {
	"mix.*.operations", "count", SIM_NO_DIRECTION, "operations",
	"operations of a mix that ended, in whatever way, less those of its warm-up"};
static const struct sim_metric_def def_elapsed = {
	"mix.*.elapsed_ns", "ns", SIM_LESS_IS_BETTER, "operations",
	"time from the instant at which all files are made, or from the first arrival behind the "
	"warm-up, to the end of the mix's last task"};
static const struct sim_metric_def def_rate = {
	"mix.*.operations_per_s", "1/s", SIM_MORE_IS_BETTER, "operations",
	"operations over the time that the mix took, rounded down"};
static const struct sim_metric_def def_read = {"mix.*.read_bytes", "bytes", SIM_NO_DIRECTION,
					       "operations", "bytes that its reads asked for"};
static const struct sim_metric_def def_written = {"mix.*.written_bytes", "bytes", SIM_NO_DIRECTION,
						  "operations", "bytes that its writes wrote"};
static const struct sim_metric_def def_late = {
	"mix.*.late", "count", SIM_LESS_IS_BETTER, "operations",
	"operations of an open loop that began after their planned arrival"};
static const struct sim_metric_def def_p50 = {
	"mix.*.latency_p50_ns", "ns", SIM_LESS_IS_BETTER, "operations",
	"median time of a whole operation (open, calls, fsync, close), in an open loop from its "
	"planned arrival, nearest rank; at most 0.1 % over the true one"};
static const struct sim_metric_def def_p99 = {
	"mix.*.latency_p99_ns", "ns", SIM_LESS_IS_BETTER, "operations",
	"99th percentile of the same; absent when fewer than ten operations lie beyond it"};
static const struct sim_metric_def def_max = {"mix.*.latency_max_ns", "ns", SIM_LESS_IS_BETTER,
					      "operations", "longest time of a whole operation"};

static const struct sim_metric_def *const metric_defs[] = {
	&def_operations, &def_elapsed, &def_rate, &def_read, &def_written,
	&def_late,	 &def_p50,     &def_p99,  &def_max,  NULL};

static void report(void *arg, struct sim_metrics *metrics)
{
	const struct mix_job *job = arg;
	const struct sim_histogram *h = job->latency_ns;
	bool whole = !job->running && job->started_ns != SIM_NEVER;
	sim_ns elapsed = whole ? job->ended_ns - job->started_ns : 0;
	uint64_t count = sim_histogram_count(h);
	const struct {
		const struct sim_metric_def *def;
		bool present;
		uint64_t value;
	} all[] = {
		{&def_operations, true, count},
		{&def_elapsed, elapsed, elapsed},
		{&def_rate, elapsed,
		 elapsed ? count * G_GUINT64_CONSTANT(1000000000) / elapsed : 0},
		{&def_read, true, job->bytes_read},
		{&def_written, true, job->bytes_written},
		{&def_late, sim_dist_mean(&job->config->interval), job->late},
		{&def_p50, count, sim_histogram_quantile(h, P50)},
		{&def_p99, sim_histogram_carries(h, P99), sim_histogram_quantile(h, P99)},
		{&def_max, count, sim_histogram_max(h)},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
		if (all[i].present)
			sim_metrics_set_for(metrics, all[i].def, (int64_t)all[i].value, job->name,
					    NULL);
}

/* ---- start ---- */

static void job_free(gpointer arg)
{
	struct mix_job *job = arg;

	access_free(job->access);
	sim_histogram_free(job->latency_ns);
	g_string_free(job->path, true);
	g_free(job->end);
	g_free(job);
}

static void worker_free(gpointer arg)
{
	struct mix_worker *w = arg;

	g_string_free(w->path, true);
	g_free(w->handles);
	g_free(w);
}

static struct mix_job *job_new(struct workload *workload, const char *name,
			       const struct mix_config *c, uint32_t files)
{
	struct mix_job *job = g_new0(struct mix_job, 1);

	job->workload = workload;
	job->config = c;
	job->name = name;
	job->access = access_new(machine_sim(workload->machine), &c->access, files,
				 (uint64_t)c->layout.file_bytes, (uint64_t)c->layout.extent_bytes);
	job->path = g_string_new(NULL);
	job->end = g_new0(uint64_t, files);
	job->latency_ns = sim_histogram_new();
	job->started_ns = SIM_NEVER;
	job->ready = !c->layout.files;
	job->running = (uint32_t)c->tasks;
	workload_keep(workload, job, job_free);
	workload_on_report(workload, report, job);
	return job;
}

static void start(struct workload *workload, const char *name, const void *config)
{
	const struct mix_config *c = config;
	uint32_t files =
		c->layout.files ? (uint32_t)c->layout.files : btrfs_image_files(workload->fs);
	struct mix_job *job;

	if (!files) {
		workload_find(workload, "workload",
			      g_strdup_printf("%s has no files: no 'files', and no image", name));
		return;
	}
	job = job_new(workload, name, c, files);
	if (c->layout.files)
		workload_announce_preparation(workload);
	for (uint32_t i = 0; i < (uint32_t)c->tasks; i++) {
		struct mix_worker *w = g_new0(struct mix_worker, 1);

		w->job = job;
		w->index = i;
		w->handles = g_new0(struct mix_handle, files);
		w->path = g_string_new(NULL);
		workload_keep(workload, w, worker_free);
		w->number = workload_spawn(workload, name, mix_run, w, mix_describe);
	}
}

static bool check(void *config, GError **error)
{
	const struct mix_config *c = config;
	uint64_t file_bytes = c->layout.files ? (uint64_t)c->layout.file_bytes : 0;
	const char *wrong = NULL;

	if ((uint64_t)c->operation_bytes / (uint64_t)c->access.io_bytes >= CALLS_MAX)
		wrong = "'operation_bytes' makes too many calls of 'io_bytes': make the calls "
			"larger "
			"or the operations shorter";
	else if (c->warm_up >= c->operations)
		wrong = "'warm_up' leaves none of the 'operations' to be measured";
	else if (sim_dist_mean(&c->think) && sim_dist_mean(&c->interval))
		wrong = "'think' is for a closed loop, 'interval' for an open one: give one of "
			"them";
	else if (c->access.pattern == ACCESS_APPEND && c->read_percent && c->layout.files &&
		 !c->layout.prefill)
		wrong = "'access' append reads what was there at the start: set 'prefill', or "
			"'read_percent' 0";
	if (!wrong)
		return layout_check(&c->layout, error) &&
		       access_check(&c->access, file_bytes, (uint64_t)c->layout.extent_bytes,
				    error);
	g_set_error(error, SIM_PARAM_ERROR, SIM_PARAM_ERROR_BAD, "%s", wrong);
	return false;
}

static const char *open_name(size_t i)
{
	static const char *const names[] = {"once", "operation"};

	return i < G_N_ELEMENTS(names) ? names[i] : NULL;
}

#define AT(field) offsetof(struct mix_config, field)

static const struct sim_param params[] = {
	{"tasks", SIM_PARAM_INT, AT(tasks), 1, 100000, "1", NULL, "tasks that do the operations"},
	{"operations", SIM_PARAM_INT, AT(operations), 1, (1 << OPERATIONS_LOG2) - 1, "100", NULL,
	 "operations of each task"},
	{"warm_up", SIM_PARAM_INT, AT(warm_up), 0, 1 << OPERATIONS_LOG2, "0", NULL,
	 "the first so many of them are ops.warm_up.* and count for nothing else of mix.* and "
	 "ops.*"},
	{"files", SIM_PARAM_INT, AT(layout.files), 0, 1 << FILES_LOG2, "0", NULL,
	 "files of its own, made before its clock starts; 0: it works on those of the image"},
	{"dir", SIM_PARAM_TEXT, AT(layout.dir), 0, 0, "", NULL,
	 "directory of its files, made if it is missing, which other mixes may share; \"\": the "
	 "actor's name"},
	{"key", SIM_PARAM_TEXT, AT(layout.key), 0, 0, "", NULL,
	 "key that is added, and the policy of that directory; \"\": none"},
	{"file_bytes", SIM_PARAM_BYTES, AT(layout.file_bytes), 1, 0, "1MiB", NULL,
	 "size of each of its files"},
	{"prefill", SIM_PARAM_BOOL, AT(layout.prefill), 0, 1, "true", NULL,
	 "its files are written before the clock starts; else they are empty"},
	{"alike", SIM_PARAM_BOOL, AT(layout.alike), 0, 1, "false", NULL,
	 "all that is filled in has one content, so that a deduper finds it"},
	{"extent_bytes", SIM_PARAM_BYTES, AT(layout.extent_bytes), 0, 0, "0", NULL,
	 "size of the extents they are made of, each a direct write; 0: as writeback makes them"},
	{"drop_caches", SIM_PARAM_BOOL, AT(layout.drop_caches), 0, 1, "false", NULL,
	 "caches are dropped before the clock starts"},
	{"file_choice", SIM_PARAM_WORD, AT(access.files), 0, 0, "round", access_files_name,
	 "file of an operation: the tasks go round them, each one file further, or drawn"},
	{"file_zipf_milli", SIM_PARAM_INT, AT(access.file_zipf_milli), 0, 5000, "1000", NULL,
	 "with file_choice zipf: exponent in thousandths; the first file is the most popular"},
	{"open", SIM_PARAM_WORD, AT(open), 0, 0, "once", open_name,
	 "files are opened by each task once and kept open, or for each operation"},
	{"read_percent", SIM_PARAM_INT, AT(read_percent), 0, 100, "100", NULL,
	 "operations that read; the others write"},
	{"io_bytes", SIM_PARAM_BYTES, AT(access.io_bytes), KERNEL_BLOCK_BYTES, 1 << 30, "64KiB",
	 NULL, "size of one read or write"},
	{"operation_bytes", SIM_PARAM_BYTES, AT(operation_bytes), 0, 0, "0", NULL,
	 "bytes of an operation, in calls of io_bytes, at most the file's size; 0: one call"},
	{"access", SIM_PARAM_WORD, AT(access.pattern), 0, 0, "sequential", access_pattern_name,
	 "where in the file: from its start on since it was opened, uniform, by popularity, hot "
	 "and "
	 "cold parts, at the end, or in the middle of an extent (of the file without "
	 "extent_bytes)"},
	{"zipf_milli", SIM_PARAM_INT, AT(access.zipf_milli), 0, 5000, "1000", NULL,
	 "with access zipf: exponent in thousandths; popular places are scattered over the file"},
	{"hot_percent", SIM_PARAM_INT, AT(access.hot_percent), 1, 100, "20", NULL,
	 "with access hot-cold: part of each file, at its start, that is hot"},
	{"hot_share", SIM_PARAM_INT, AT(access.hot_share), 0, 100, "80", NULL,
	 "with access hot-cold: percentage of the calls that go there"},
	{"direct", SIM_PARAM_BOOL, AT(direct), 0, 1, "false", NULL, "O_DIRECT"},
	{"fsync_every", SIM_PARAM_INT, AT(fsync_every), 0, 1 << 30, "0", NULL,
	 "each task's every so-manieth writing operation ends with an fsync; 0: none does"},
	{"think", SIM_PARAM_DIST, AT(think), 0, 0, "0ns", NULL, "time before each operation"},
	{"interval", SIM_PARAM_DIST, AT(interval), 0, 0, "0ns", NULL,
	 "open loop: time between planned arrivals of each task's operations, whose latency counts "
	 "from there; 0ns: closed loop"},
	{NULL, 0, 0, 0, 0, NULL, NULL, NULL},
};

const struct actor_kind actor_mix = {
	.name = "mix",
	.summary = "tasks that read and write files of their own, or of the image",
	.params = params,
	.config_bytes = sizeof(struct mix_config),
	.metrics = metric_defs,
	.check = check,
	.start = start,
};
