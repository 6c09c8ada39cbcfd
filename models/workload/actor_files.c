/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files actor: tasks that visit files of the initial filesystem. A visit opens a file, reads or
 * writes some of it, may fsync, and closes it; then the task thinks. What a visit does is drawn from
 * its number alone, over the sizes the files had at the start, so every variant gets the same visits.
 */
#include "models/workload/internal.h"

enum pattern { PATTERN_SEQUENTIAL, PATTERN_RANDOM };

struct files_config {
	int64_t tasks, visits, write_percent, fsync, direct;
	int64_t io_bytes, visit_bytes, pattern;
	int64_t zipf_milli;
	struct sim_dist think;
};

struct visitor {
	struct workload *workload;
	const struct files_config *config;
	const struct sim_zipf *zipf; /* shared by the actor's tasks; NULL: uniform */
	const char *name;
	uint32_t number;
};

/* What a visit draws, by purpose; the request number and these make the key of each draw. */
enum draw { DRAW_FILE, DRAW_KIND, DRAW_THINK, DRAW_OFFSET };

static uint64_t draw_below(struct visitor *v, uint64_t request, uint64_t k, uint64_t bound)
{
	struct sim *sim = machine_sim(v->workload->machine);

	return sim_keyed_below(sim, sim_purpose("files"), request, k, bound);
}

static uint32_t choose_file(struct visitor *v, uint64_t request)
{
	struct sim *sim = machine_sim(v->workload->machine);
	uint32_t files = btrfs_image_files(v->workload->fs);

	if (v->zipf)
		return (uint32_t)sim_keyed_zipf(sim, sim_purpose("files"), request, DRAW_FILE,
						v->zipf);
	return (uint32_t)draw_below(v, request, DRAW_FILE, files);
}

/* The n-th I/O of a visit: in order from the start of the file, or anywhere in it. */
static uint64_t io_offset(struct visitor *v, uint64_t request, uint64_t n, uint64_t size)
{
	uint64_t io = (uint64_t)v->config->io_bytes;
	uint64_t ios = (size + io - 1) / io;

	if (v->config->pattern == PATTERN_SEQUENTIAL)
		return n * io;
	return draw_below(v, request, DRAW_OFFSET + n, MAX(ios, 1)) * io;
}

static int do_io(struct visitor *v, struct kernel_task *task, struct btrfs_file *file,
		 uint64_t request, bool writes, uint64_t size)
{
	uint64_t io = (uint64_t)v->config->io_bytes;
	uint64_t total = MIN((uint64_t)v->config->visit_bytes, MAX(size, 1));
	int err = 0;

	for (uint64_t n = 0; !err && n * io < total; n++) {
		uint64_t at = io_offset(v, request, n, size), len = MIN(io, MAX(size, 1) - at);
		struct op_timer timer =
			op_begin(v->workload, task, writes ? "write" : "read", request + n + 1);

		err = writes ? btrfs_write(task, file, at, len) : btrfs_read(task, file, at, len);
		op_end(v->workload, task, &timer, err);
	}
	return err;
}

/* A visit's request numbers: one for the visit, then one for each of its operations. */
enum { REQUESTS_PER_VISIT_LOG2 = 20 };

static void visit(struct visitor *v, struct kernel_task *task, uint64_t n)
{
	uint64_t request = workload_request(v->number, n << REQUESTS_PER_VISIT_LOG2);
	uint64_t last = request + (UINT64_C(1) << REQUESTS_PER_VISIT_LOG2) - 1;
	bool writes = (int64_t)draw_below(v, request, DRAW_KIND, 100) < v->config->write_percent;
	uint32_t number = choose_file(v, request);
	uint64_t size = btrfs_image_file_bytes(v->workload->fs, number);
	unsigned flags = v->config->direct ? BTRFS_O_DIRECT : 0;
	struct btrfs_file *file;
	struct op_timer timer = op_begin(v->workload, task, "open", request);
	int err = btrfs_open_image_file(task, v->workload->fs, number, flags, &file);

	op_end(v->workload, task, &timer, err);
	if (err)
		return;
	err = do_io(v, task, file, request, writes, size);
	if (!err && writes && v->config->fsync) {
		timer = op_begin(v->workload, task, "fsync", last - 1);
		op_end(v->workload, task, &timer, btrfs_fsync(task, file));
	}
	timer = op_begin(v->workload, task, "close", last);
	btrfs_close(task, file);
	op_end(v->workload, task, &timer, 0);
}

static void run_visits(struct kernel_task *task, void *arg)
{
	struct visitor *v = arg;
	struct sim *sim = machine_sim(v->workload->machine);

	for (uint64_t n = 0; n < (uint64_t)v->config->visits; n++) {
		uint64_t request = workload_request(v->number, n << REQUESTS_PER_VISIT_LOG2);

		kernel_sleep(task,
			     sim_draw_keyed(sim, sim_purpose("files.think"), request, DRAW_THINK,
					    &v->config->think),
			     PART_SLEEP);
		visit(v, task, n);
	}
	workload_task_ends(v->workload);
}

static char *describe_visit(const void *arg, uint64_t n)
{
	const struct visitor *v = arg;

	return g_strdup_printf("%s, visit %" G_GUINT64_FORMAT ", operation %" G_GUINT64_FORMAT,
			       v->name, n >> REQUESTS_PER_VISIT_LOG2,
			       n & ((UINT64_C(1) << REQUESTS_PER_VISIT_LOG2) - 1));
}

static void free_zipf(gpointer zipf)
{
	sim_zipf_free(zipf);
}

static void start(struct workload *workload, const char *name, const void *config)
{
	const struct files_config *c = config;
	uint32_t files = btrfs_image_files(workload->fs);
	struct sim_zipf *zipf = NULL;

	if (!files)
		return;
	if (c->zipf_milli) {
		zipf = sim_zipf_new(files, (uint32_t)c->zipf_milli);
		workload_keep(workload, zipf, free_zipf);
	}
	for (int64_t i = 0; i < c->tasks; i++) {
		struct visitor *v = g_new0(struct visitor, 1);

		v->workload = workload;
		v->config = c;
		v->zipf = zipf;
		v->name = name;
		workload_keep(workload, v, g_free);
		v->number = workload_spawn(workload, name, run_visits, v, describe_visit);
	}
}

static bool check(void *config, GError **error)
{
	const struct files_config *c = config;

	if (c->visit_bytes / c->io_bytes < (INT64_C(1) << REQUESTS_PER_VISIT_LOG2) - 4)
		return true;
	g_set_error(error, SIM_PARAM_ERROR, SIM_PARAM_ERROR_BAD,
		    "'visit_bytes' makes more than %d operations of 'io_bytes' a visit: make the "
		    "operations larger or the visits shorter",
		    (1 << REQUESTS_PER_VISIT_LOG2) - 4);
	return false;
}

static const char *pattern_name(size_t i)
{
	static const char *const names[] = {"sequential", "random"};

	return i < G_N_ELEMENTS(names) ? names[i] : NULL;
}

#define AT(field) offsetof(struct files_config, field)

static const struct sim_param params[] = {
	{"tasks", SIM_PARAM_INT, AT(tasks), 1, 100000, "1", NULL, "tasks that visit files"},
	{"visits", SIM_PARAM_INT, AT(visits), 1, 1 << 19, "100", NULL, "visits of each task"},
	{"write_percent", SIM_PARAM_INT, AT(write_percent), 0, 100, "0", NULL,
	 "visits that write; the others read"},
	{"fsync", SIM_PARAM_BOOL, AT(fsync), 0, 1, "false", NULL, "fsync after a writing visit"},
	{"direct", SIM_PARAM_BOOL, AT(direct), 0, 1, "false", NULL, "O_DIRECT"},
	{"io_bytes", SIM_PARAM_BYTES, AT(io_bytes), KERNEL_BLOCK_BYTES, 1 << 30, "64KiB", NULL,
	 "size of one read or write"},
	{"visit_bytes", SIM_PARAM_BYTES, AT(visit_bytes), 1, 0, "1MiB", NULL,
	 "most bytes of a file that one visit reads or writes"},
	{"pattern", SIM_PARAM_WORD, AT(pattern), 0, 0, "sequential", pattern_name,
	 "where in the file a visit reads or writes"},
	{"zipf_milli", SIM_PARAM_INT, AT(zipf_milli), 0, 5000, "0", NULL,
	 "popularity of the files: Zipf exponent in thousandths; 0 is uniform"},
	{"think", SIM_PARAM_DIST, AT(think), 0, 0, "100us", NULL, "time before each visit"},
	{NULL, 0, 0, 0, 0, NULL, NULL, NULL},
};

const struct actor_kind actor_files = {
	.name = "files",
	.summary = "tasks that open, read, write and close files of the initial filesystem",
	.params = params,
	.config_bytes = sizeof(struct files_config),
	.check = check,
	.start = start,
};
