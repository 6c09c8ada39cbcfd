/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The container orchestrator: makes a plain base and a package store, and runs containers on them. */
#include "models/workload/containers.h"

#include <string.h>

/* The operation that stands for what is made beforehand. */
#define PREPARATION ((UINT64_C(1) << REQUEST_TASK_SHIFT) - 1)

/* ---- before the first container ---- */

static int fill_store(struct runner *r)
{
	struct btrfs_file *file;
	int err = btrfs_subvol_create(r->task, r->fs, r->o->store);

	for (int64_t i = 0; !err && i < r->config->packages; i++) {
		container_set_path(&r->path, "%s/%" G_GINT64_FORMAT, r->o->store, i);
		err = btrfs_open(r->task, r->fs, r->path, BTRFS_O_CREAT, &file);
		if (err)
			break;
		err = container_write(r, file, 0, (uint64_t)r->config->package_bytes);
		btrfs_close(r->task, file);
	}
	return err;
}

/* The base image is a snapshot of the filesystem as it is found, and nothing is cached of either. */
static void prepare(struct runner *r)
{
	int err;

	workload_prepare_begin(r->o->workload, r->task);
	kernel_request_begin(r->task, workload_request(r->number, PREPARATION));
	err = btrfs_snapshot(r->task, r->fs, ".", r->o->base);
	if (!err)
		err = fill_store(r);
	if (err)
		workload_find(r->o->workload, "workload",
			      g_strdup_printf("%s could not make base and store: %s", r->o->name,
					      strerrorname_np(-err)));
	r->o->ready = !err;
	btrfs_drop_caches(r->task, r->fs);
	workload_prepare_end(r->o->workload, r->task);
}

static void run_containers(struct kernel_task *task, void *arg)
{
	struct runner *r = arg;

	r->task = task;
	if (!r->index)
		prepare(r);
	workload_wait_prepared(r->o->workload, task);
	for (r->container = r->index; r->o->ready && r->container < (uint64_t)r->config->containers;
	     r->container += (uint64_t)r->config->at_once)
		container_run(r);
	workload_task_ends(r->o->workload);
}

static char *describe_step(const void *arg, uint64_t n)
{
	const struct runner *r = arg;
	uint64_t step = n >> OPERATION_BITS & ((UINT64_C(1) << STEP_BITS) - 1);
	uint64_t nth = n >> (OPERATION_BITS + STEP_BITS);

	if (n == PREPARATION)
		return g_strdup_printf("%s, base and store", r->o->name);
	return g_strdup_printf("%s-%" G_GUINT64_FORMAT ", step %" G_GUINT64_FORMAT, r->o->name,
			       nth * (uint64_t)r->config->at_once + r->index, step);
}

/* ---- what came of it ---- */

#define GROUP "containers"

static const struct sim_metric_def def_ended = {"containers.*.ended", "count", SIM_NO_DIRECTION,
						GROUP, "containers that came to their end"};
static const struct sim_metric_def def_keys = {"containers.*.keys", "count", SIM_NO_DIRECTION,
					       GROUP, "keys added, of containers and of jobs"};
static const struct sim_metric_def def_keys_left = {
	"containers.*.keys_left", "count", SIM_LESS_IS_BETTER, GROUP,
	"keys of containers and jobs that had ended and were not gone after all calls"};
static const struct sim_metric_def def_removals = {
	"containers.*.removals", "count", SIM_LESS_IS_BETTER, GROUP,
	"calls that removed a key, those that found it busy included"};
static const struct sim_metric_def def_removals_max = {"containers.*.removals_max", "count",
						       SIM_LESS_IS_BETTER, GROUP,
						       "most calls until one key was gone"};
static const struct sim_metric_def def_shared = {
	"containers.*.shared_bytes", "bytes", SIM_MORE_IS_BETTER, GROUP,
	"bytes of files that reflinks shared, packages and inputs of jobs"};
static const struct sim_metric_def def_plain_refused = {
	"containers.*.plain_refused", "count", SIM_LESS_IS_BETTER, GROUP,
	"reflinks of plain packages into containers that were refused"};
static const struct sim_metric_def def_nested_refused = {
	"containers.*.nested_refused", "count", SIM_LESS_IS_BETTER, GROUP,
	"reflinks from containers into their jobs, which have another key, that were refused"};

static const struct sim_metric_def *const containers_metric_defs[] = {
	&def_ended,  &def_keys,		 &def_keys_left,      &def_removals, &def_removals_max,
	&def_shared, &def_plain_refused, &def_nested_refused, NULL};

static void report(void *arg, struct sim_metrics *metrics)
{
	const struct orchestrator *o = arg;
	const struct {
		const struct sim_metric_def *def;
		uint64_t value;
	} figures[] = {
		{&def_ended, o->count.ended},
		{&def_keys, o->count.keys},
		{&def_keys_left, o->count.keys_left},
		{&def_removals, o->count.removals},
		{&def_removals_max, o->count.removals_max},
		{&def_shared, o->count.shared_bytes},
		{&workload_def_copied, o->count.copied_bytes},
		{&def_plain_refused, o->count.plain_refused},
		{&def_nested_refused, o->count.nested_refused},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(figures); i++)
		sim_metrics_set_for(metrics, figures[i].def, (int64_t)figures[i].value, o->name,
				    NULL);
}

/* ---- start and end ---- */

static void free_orchestrator(gpointer arg)
{
	struct orchestrator *o = arg;

	if (o->zipf)
		sim_zipf_free(o->zipf);
	g_free(o->base);
	g_free(o->store);
	g_free(o);
}

static void free_runner(gpointer arg)
{
	struct runner *r = arg;

	g_free(r->dir);
	g_free(r->job);
	g_free(r->path);
	g_free(r->source);
	g_free(r);
}

/* Keys are numbered before anything happens: by container, then by job. */
static uint32_t name_keys(struct orchestrator *o)
{
	uint32_t first = 0;

	for (int64_t c = 0; c < o->config->containers; c++)
		for (int64_t job = 0; job <= o->config->jobs; job++) {
			g_autofree char *name = g_strdup_printf(
				"%s-%" G_GINT64_FORMAT ".%" G_GINT64_FORMAT, o->name, c, job);
			uint32_t number = fscrypt_key_number(o->workload->crypt, name);

			first = first ? first : number;
		}
	return first;
}

static struct orchestrator *orchestrator_new(struct workload *workload, const char *name,
					     const struct containers_config *config)
{
	struct orchestrator *o = g_new0(struct orchestrator, 1);
	uint32_t files = btrfs_image_files(workload->fs);

	o->workload = workload;
	o->config = config;
	o->name = name;
	o->base = g_strconcat(name, ".base", NULL);
	o->store = g_strconcat(name, ".store", NULL);
	o->zipf = files ? sim_zipf_new(files, (uint32_t)config->zipf_milli) : NULL;
	if (fscrypt_encrypts(workload->crypt))
		o->first_key = name_keys(o);
	workload_keep(workload, o, free_orchestrator);
	workload_on_report(workload, report, o);
	return o;
}

static void start(struct workload *workload, const char *name, const void *config)
{
	struct orchestrator *o = orchestrator_new(workload, name, config);

	workload_announce_preparation(workload);
	for (int64_t i = 0; i < o->config->at_once; i++) {
		struct runner *r = g_new0(struct runner, 1);

		*r = (struct runner){
			.o = o, .config = o->config, .fs = workload->fs, .index = (uint32_t)i};
		workload_keep(workload, r, free_runner);
		r->number = workload_spawn(workload, name, run_containers, r, describe_step);
	}
}

enum { CONTAINERS_MAX = 1 << 15 };

static bool check(void *config, GError **error)
{
	const struct containers_config *c = config;

	if (container_steps(c) >= UINT64_C(1) << STEP_BITS) {
		g_set_error(error, SIM_PARAM_ERROR, SIM_PARAM_ERROR_BAD,
			    "'reads', 'reflinks', 'writes' and 'jobs' times 'job_writes' make more "
			    "than %d steps of a container: make them fewer",
			    1 << STEP_BITS);
		return false;
	}
	if (c->reflinks && !c->packages) {
		g_set_error(error, SIM_PARAM_ERROR, SIM_PARAM_ERROR_BAD,
			    "'reflinks' wants 'packages' to take them from");
		return false;
	}
	return true;
}

#define AT(field) offsetof(struct containers_config, field)

static const struct sim_param params[] = {
	{"containers", SIM_PARAM_INT, AT(containers), 1, CONTAINERS_MAX, "64", NULL,
	 "containers in all"},
	{"at_once", SIM_PARAM_INT, AT(at_once), 1, CONTAINERS_MAX, "8", NULL,
	 "containers that live at a time: task i runs every at_once-th, from the i-th"},
	{"keep", SIM_PARAM_INT, AT(keep), 0, CONTAINERS_MAX, "0", NULL,
	 "of the last so many, subvolume and key stay, to be seen in disk.*"},
	{"reads", SIM_PARAM_INT, AT(reads), 0, 1 << 15, "100", NULL,
	 "files of the base image that a container reads to start up"},
	{"read_bytes", SIM_PARAM_BYTES, AT(read_bytes), 1, 0, "1MiB", NULL,
	 "most bytes of a file that are read, from its beginning"},
	{"zipf_milli", SIM_PARAM_INT, AT(zipf_milli), 0, 5000, "900", NULL,
	 "popularity of the image's files: Zipf exponent in thousandths; 0 is uniform"},
	{"packages", SIM_PARAM_INT, AT(packages), 0, 1 << 20, "16", NULL,
	 "files in the package store, a plain subvolume that is filled beforehand"},
	{"package_bytes", SIM_PARAM_BYTES, AT(package_bytes), KERNEL_BLOCK_BYTES, 0, "4MiB", NULL,
	 "size of a package"},
	{"reflinks", SIM_PARAM_INT, AT(reflinks), 0, 1 << 15, "4", NULL,
	 "packages that a container takes by reflink, any, and reads"},
	{"writes", SIM_PARAM_INT, AT(writes), 0, 1 << 15, "20", NULL,
	 "writes of a container: a part of a base file, or a new file"},
	{"write_bytes", SIM_PARAM_BYTES, AT(write_bytes), 1, 0, "64KiB", NULL, "size of a write"},
	{"overwrite_percent", SIM_PARAM_INT, AT(overwrite_percent), 0, 100, "50", NULL,
	 "writes that overwrite a part of a base file"},
	{"fsync", SIM_PARAM_BOOL, AT(fsync), 0, 1, "true", NULL, "fsync after each write"},
	{"jobs", SIM_PARAM_INT, AT(jobs), 0, 1 << 15, "2", NULL,
	 "jobs of a container, one after another: each a subvolume in the container's, with a key "
	 "of its own"},
	{"job_input", SIM_PARAM_BYTES, AT(job_input), 1, 0, "1MiB", NULL,
	 "a file of the container that each job takes by reflink, and reads"},
	{"job_writes", SIM_PARAM_INT, AT(job_writes), 0, 1 << 15, "4", NULL,
	 "new files of 'write_bytes' that a job writes"},
	{"stragglers_percent", SIM_PARAM_INT, AT(stragglers_percent), 0, 100, "25", NULL,
	 "containers that a process outlives: it has a log open when the key is removed"},
	{"linger", SIM_PARAM_DIST, AT(linger), 0, 0, "uniform 1ms 5ms", NULL, "for so long"},
	{"retry", SIM_PARAM_TIME, AT(retry), 1, 0, "1ms", NULL,
	 "time until the next call to remove a key that was busy"},
	{"retries", SIM_PARAM_INT, AT(retries), 1, 1 << 20, "1000", NULL,
	 "most calls; then the key is left behind"},
	{"on_refusal", SIM_PARAM_WORD, AT(on_refusal), 0, 0, "copy", on_refusal_name,
	 "what follows when a reflink is refused: a copy; an early end of the container or the "
	 "job; "
	 "or nothing"},
	{"io_bytes", SIM_PARAM_BYTES, AT(io_bytes), KERNEL_BLOCK_BYTES, 1 << 30, "128KiB", NULL,
	 "most bytes of one read() or write()"},
	{"think", SIM_PARAM_DIST, AT(think), 0, 0, "exponential 200us", NULL,
	 "time before each write of a container"},
	{NULL, 0, 0, 0, 0, NULL, NULL, NULL},
};

const struct actor_kind actor_containers = {
	.name = "containers",
	.summary = "an orchestrator of containers: snapshots of a plain base, a key each, jobs "
		   "with keys",
	.params = params,
	.config_bytes = sizeof(struct containers_config),
	.check = check,
	.start = start,
	.metrics = containers_metric_defs,
};
