/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The container orchestrator: containers on snapshots of a plain base image, a key each, which take
 * packages out of a plain store, write, run short jobs with keys of their own, and go (as Bacik
 * describes it, "Re: [PATCH v3 00/16] btrfs: add fscrypt integration", 2023-08). What a container does
 * hangs on its number and the number of its step alone.
 */
#include "models/workload/internal.h"

#include <string.h>

struct containers_config {
	int64_t containers, at_once, keep;
	int64_t reads, read_bytes, zipf_milli;
	int64_t packages, package_bytes, reflinks;
	int64_t writes, write_bytes, overwrite_percent, fsync;
	int64_t jobs, job_input, job_writes;
	int64_t stragglers_percent, retry, retries, on_refusal, io_bytes;
	struct sim_dist think, linger;
};

/* Two kinds of places with a key: a container, and a job in it. What is done in them, for the book. */
struct place {
	const char *reflink, *copy, *read, *write, *key_gone, *remove;
};
static const struct place a_container = {
	"container.reflink", "container.copy",	   "container.read",
	"container.write",   "container.key_gone", "container.remove",
};
static const struct place a_job = {
	"job.reflink", "job.copy", "job.read", "job.write", "job.key_gone", "job.remove",
};

struct orchestrator {
	struct workload *workload;
	const struct containers_config *config;
	const char *name;
	struct sim_zipf *zipf; /* popularity of the image's files; NULL: there are none */
	char *base, *store; /* subvolumes */
	bool ready; /* they are there */
	uint32_t first_key; /* 0: nothing is encrypted; a container's key, then those of its jobs */
	struct {
		uint64_t ended, keys, keys_left, removals, removals_max;
		uint64_t shared_bytes, copied_bytes, plain_refused, nested_refused;
	} count;
};

/* A task that runs containers, one after another. */
struct runner {
	struct orchestrator *o;
	const struct containers_config *config;
	struct btrfs_fs *fs;
	struct kernel_task *task;
	uint32_t index, number;
	uint64_t container, step, operation; /* of the step */
	char *dir, *job, *path, *source; /* here because waits come between */
};

/* What a step draws, by purpose. */
enum draw {
	DRAW_FILE,
	DRAW_OFFSET,
	DRAW_KIND,
	DRAW_THINK,
	DRAW_PACKAGE,
	DRAW_STRAGGLER,
	DRAW_LINGER
};

/* ---- steps: numbered by the configuration, whatever comes of those before ---- */

enum { STEP_BITS = 16, OPERATION_BITS = 8 };
enum { STEP_START, STEP_FIRST_READ };
/* The operation that stands for what is made beforehand. */
#define PREPARATION ((UINT64_C(1) << REQUEST_TASK_SHIFT) - 1)

static uint64_t first_package(const struct containers_config *c)
{
	return STEP_FIRST_READ + (uint64_t)c->reads;
}

static uint64_t first_write(const struct containers_config *c)
{
	return first_package(c) + (uint64_t)c->reflinks;
}

static uint64_t step_of_input(const struct containers_config *c)
{
	return first_write(c) + (uint64_t)c->writes;
}

/* A job's steps: its start, its writes, its end. */
static uint64_t first_of_job(const struct containers_config *c, uint64_t job)
{
	return step_of_input(c) + 1 + job * ((uint64_t)c->job_writes + 2);
}

static uint64_t last_step(const struct containers_config *c)
{
	return first_of_job(c, (uint64_t)c->jobs);
}

static void enter_step(struct runner *r, uint64_t step)
{
	r->step = step;
	r->operation = 0;
}

static struct op_timer begin(struct runner *r, const char *op)
{
	uint64_t most = (UINT64_C(1) << OPERATION_BITS) - 1;
	uint64_t nth = r->container / (uint64_t)r->config->at_once;
	uint64_t n = (nth << STEP_BITS | r->step) << OPERATION_BITS | MIN(r->operation, most);

	r->operation++;
	return op_begin(r->o->workload, r->task, op, workload_request(r->number, n));
}

static int end(struct runner *r, const struct op_timer *timer, int err)
{
	op_end(r->o->workload, r->task, timer, err);
	return err;
}

static uint64_t draw_below(const struct runner *r, enum draw k, uint64_t bound)
{
	return sim_keyed_below(machine_sim(r->o->workload->machine), sim_purpose("containers"),
			       r->container << STEP_BITS | r->step, k, bound);
}

static sim_ns draw_time(const struct runner *r, enum draw k, const struct sim_dist *dist)
{
	return sim_draw_keyed(machine_sim(r->o->workload->machine), sim_purpose("containers"),
			      r->container << STEP_BITS | r->step, k, dist);
}

static uint32_t draw_file(const struct runner *r)
{
	return (uint32_t)sim_keyed_zipf(machine_sim(r->o->workload->machine),
					sim_purpose("containers"),
					r->container << STEP_BITS | r->step, DRAW_FILE, r->o->zipf);
}

static void set_path(char **path, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void set_path(char **path, const char *format, ...)
{
	va_list args;

	g_free(*path);
	va_start(args, format);
	*path = g_strdup_vprintf(format, args);
	va_end(args);
}

/* ---- files ---- */

static int read_from(struct runner *r, struct btrfs_file *file, uint64_t bytes)
{
	uint64_t io = (uint64_t)r->config->io_bytes;
	int err = 0;

	for (uint64_t at = 0; !err && at < bytes; at += io)
		err = btrfs_read(r->task, file, at, MIN(io, bytes - at));
	return err;
}

static int write_to(struct runner *r, struct btrfs_file *file, uint64_t offset, uint64_t bytes)
{
	uint64_t io = (uint64_t)r->config->io_bytes;
	int err = 0;

	for (uint64_t at = 0; !err && at < bytes; at += io)
		err = btrfs_write(r->task, file, offset + at, MIN(io, bytes - at));
	return err;
}

/* Reads the file at r->path from its beginning. */
static int read_file(struct runner *r, const char *op)
{
	struct op_timer timer = begin(r, op);
	struct btrfs_file *file;
	int err = btrfs_open(r->task, r->fs, r->path, 0, &file);

	if (err)
		return end(r, &timer, err);
	err = read_from(
		r, file,
		MIN(btrfs_inode_size(btrfs_file_inode(file)), (uint64_t)r->config->read_bytes));
	btrfs_close(r->task, file);
	return end(r, &timer, err);
}

/* Writes into the file at r->path, and has it on disk. */
static int write_file(struct runner *r, const char *op, uint64_t offset, uint64_t bytes)
{
	struct op_timer timer = begin(r, op);
	struct btrfs_file *file;
	int err = btrfs_open(r->task, r->fs, r->path, BTRFS_O_CREAT, &file);

	if (err)
		return end(r, &timer, err);
	err = write_to(r, file, offset, bytes);
	if (!err && r->config->fsync)
		err = btrfs_fsync(r->task, file);
	btrfs_close(r->task, file);
	return end(r, &timer, err);
}

static int copy(struct runner *r, const char *op, struct btrfs_file *from, struct btrfs_file *to)
{
	struct workload_copy whole = {
		.from = from,
		.to = to,
		.bytes = btrfs_inode_size(btrfs_file_inode(from)),
		.io_bytes = (uint64_t)r->config->io_bytes,
	};
	struct op_timer timer = begin(r, op);
	int err = end(r, &timer, workload_copy(r->task, &whole));

	if (!err)
		r->o->count.copied_bytes += whole.bytes;
	return err;
}

static int share_open(struct runner *r, const struct place *place, struct btrfs_file *from,
		      struct btrfs_file *to, uint64_t *refused)
{
	uint64_t size = btrfs_inode_size(btrfs_file_inode(from));
	struct op_timer timer = begin(r, place->reflink);
	int err = end(r, &timer, btrfs_clone_range(r->task, from, 0, size, to, 0));

	if (!err)
		r->o->count.shared_bytes += size;
	if (!err || !r->task->refusal)
		return err;
	++*refused;
	return r->config->on_refusal == ON_REFUSAL_COPY ? copy(r, place->copy, from, to) : err;
}

/* cp --reflink of r->source to r->path. */
static int share(struct runner *r, const struct place *place, uint64_t *refused)
{
	struct btrfs_file *from, *to;
	int err = btrfs_open(r->task, r->fs, r->source, 0, &from);

	if (err)
		return err;
	err = btrfs_open(r->task, r->fs, r->path, BTRFS_O_CREAT, &to);
	if (!err) {
		err = share_open(r, place, from, to, refused);
		btrfs_close(r->task, to);
	}
	btrfs_close(r->task, from);
	return err;
}

/* Does it stop there? */
static bool gives_up(const struct runner *r, int err)
{
	return err && r->config->on_refusal == ON_REFUSAL_FAIL;
}

/* ---- keys ---- */

/* The key of the container, or of its job (from 1). */
static uint32_t key_of(const struct runner *r, uint64_t job)
{
	return r->o->first_key + (uint32_t)(r->container * ((uint64_t)r->config->jobs + 1) + job);
}

static int call_add_key(struct runner *r, uint32_t key)
{
	struct op_timer timer = begin(r, "add_key");

	return end(r, &timer, fscrypt_add_key(r->task, r->o->workload->crypt, key, FSCRYPT_ROOT));
}

static int call_set_policy(struct runner *r, const char *dir, uint32_t key)
{
	struct op_timer timer = begin(r, "set_policy");

	return end(r, &timer, fscrypt_set_policy(r->task, r->o->workload->crypt, dir, key));
}

/* A place is made by `make`; then it has its key. Without encryption nothing is asked of keys. */
static int make_place(struct runner *r, const char *dir, uint32_t key,
		      int (*make)(struct runner *r))
{
	int err = r->o->first_key ? call_add_key(r, key) : 0;

	r->o->count.keys += r->o->first_key && !err;
	if (!err)
		err = make(r);
	if (!err && r->o->first_key)
		err = call_set_policy(r, dir, key);
	return err;
}

/* A process of the container that has not gone yet: it has a log open, and appends to it. */
struct straggler {
	struct btrfs_file *log;
	sim_ns until;
	uint64_t written;
};

static void straggler_writes(struct runner *r, struct straggler *s)
{
	struct op_timer timer = begin(r, "straggler.write");

	end(r, &timer, btrfs_write(r->task, s->log, s->written, KERNEL_BLOCK_BYTES));
	s->written += KERNEL_BLOCK_BYTES;
}

static void straggler_stays(struct runner *r, struct straggler *s)
{
	*s = (struct straggler){NULL, 0, 0};
	if ((int64_t)draw_below(r, DRAW_STRAGGLER, 100) >= r->config->stragglers_percent)
		return;
	set_path(&r->path, "%s/log", r->dir);
	if (btrfs_open(r->task, r->fs, r->path, BTRFS_O_CREAT, &s->log)) {
		s->log = NULL;
		return;
	}
	s->until = sim_now(machine_sim(r->o->workload->machine)) +
		   draw_time(r, DRAW_LINGER, &r->config->linger);
	straggler_writes(r, s);
}

static void straggler_goes(struct runner *r, struct straggler *s)
{
	straggler_writes(r, s);
	btrfs_close(r->task, s->log);
	s->log = NULL;
}

/* FS_IOC_REMOVE_ENCRYPTION_KEY: is the key gone? */
static bool remove_key(struct runner *r, uint32_t key)
{
	struct op_timer timer = begin(r, "remove_key");
	enum fscrypt_removal flags;
	uint32_t busy;

	end(r, &timer,
	    fscrypt_remove_key(r->task, r->o->workload->crypt, key, FSCRYPT_ROOT, &flags, &busy));
	return fscrypt_key_status(r->o->workload->crypt, key) == KEY_ABSENT;
}

/* Asks again until nothing of the place is left: neither its key nor a process of it. */
static void clear_out(struct runner *r, const struct place *place, uint32_t key,
		      struct straggler *straggler)
{
	struct op_timer timer = begin(r, place->key_gone);
	bool gone = !r->o->first_key;
	uint64_t calls = 0;

	for (;;) {
		calls += !gone;
		gone = gone || remove_key(r, key);
		if ((gone && !straggler->log) || calls >= (uint64_t)r->config->retries)
			break;
		kernel_sleep(r->task, (sim_ns)r->config->retry, PART_SLEEP);
		if (straggler->log &&
		    sim_now(machine_sim(r->o->workload->machine)) >= straggler->until)
			straggler_goes(r, straggler);
	}
	if (straggler->log)
		straggler_goes(r, straggler);
	r->o->count.keys_left += !gone;
	r->o->count.removals += calls;
	r->o->count.removals_max = MAX(r->o->count.removals_max, calls);
	end(r, &timer, 0);
}

static int remove_place(struct runner *r, const struct place *place, const char *dir)
{
	struct op_timer timer = begin(r, place->remove);

	return end(r, &timer, btrfs_subvol_destroy(r->task, r->fs, dir));
}

/* ---- a job ---- */

static int make_subvol(struct runner *r)
{
	struct op_timer timer = begin(r, "job.subvol");

	return end(r, &timer, btrfs_subvol_create(r->task, r->fs, r->job));
}

/* What the container wrote for it is ciphertext under another key. */
static int take_input(struct runner *r)
{
	int err;

	set_path(&r->source, "%s/input", r->dir);
	set_path(&r->path, "%s/input", r->job);
	err = share(r, &a_job, &r->o->count.nested_refused);
	return err ? err : read_file(r, a_job.read);
}

static void work_of_job(struct runner *r, uint64_t job)
{
	int err = take_input(r);

	for (int64_t i = 0; !gives_up(r, err) && i < r->config->job_writes; i++) {
		enter_step(r, first_of_job(r->config, job) + 1 + (uint64_t)i);
		set_path(&r->path, "%s/output-%" G_GINT64_FORMAT, r->job, i);
		err = write_file(r, a_job.write, 0, (uint64_t)r->config->write_bytes);
	}
}

static void run_job(struct runner *r, uint64_t job)
{
	struct straggler nobody = {NULL, 0, 0};
	uint32_t key = key_of(r, job + 1);
	struct op_timer life;

	enter_step(r, first_of_job(r->config, job));
	life = begin(r, "job.life");
	set_path(&r->job, "%s/job-%" G_GUINT64_FORMAT, r->dir, job);
	if (!make_place(r, r->job, key, make_subvol))
		work_of_job(r, job);
	enter_step(r, first_of_job(r->config, job) + 1 + (uint64_t)r->config->job_writes);
	clear_out(r, &a_job, key, &nobody);
	remove_place(r, &a_job, r->job);
	end(r, &life, 0);
}

/* ---- a container ---- */

static int make_snapshot(struct runner *r)
{
	struct op_timer timer = begin(r, "container.snapshot");

	return end(r, &timer, btrfs_snapshot(r->task, r->fs, r->o->base, r->dir));
}

static void set_base_path(struct runner *r, uint32_t file)
{
	set_path(&r->path, "%s/%s", r->dir, btrfs_image_file_path(r->fs, file));
}

static int start_up(struct runner *r)
{
	struct op_timer timer = begin(r, "container.start_up");
	int err = make_place(r, r->dir, key_of(r, 0), make_snapshot);

	for (int64_t i = 0; !err && r->o->zipf && i < r->config->reads; i++) {
		enter_step(r, STEP_FIRST_READ + (uint64_t)i);
		set_base_path(r, draw_file(r));
		err = read_file(r, a_container.read);
	}
	return end(r, &timer, err);
}

static int install(struct runner *r)
{
	int err = 0;

	for (int64_t i = 0; !gives_up(r, err) && i < r->config->reflinks; i++) {
		enter_step(r, first_package(r->config) + (uint64_t)i);
		set_path(&r->source, "%s/%" G_GUINT64_FORMAT, r->o->store,
			 draw_below(r, DRAW_PACKAGE, (uint64_t)r->config->packages));
		set_path(&r->path, "%s/package-%" G_GINT64_FORMAT, r->dir, i);
		err = share(r, &a_container, &r->o->count.plain_refused);
		if (!err)
			err = read_file(r, a_container.read);
	}
	return err;
}

static int overwrite(struct runner *r)
{
	uint32_t file = draw_file(r);
	uint64_t bytes = (uint64_t)r->config->write_bytes;
	uint64_t size = btrfs_image_file_bytes(r->fs, file);
	uint64_t at = draw_below(r, DRAW_OFFSET, (size + bytes - 1) / bytes) * bytes;

	set_base_path(r, file);
	return write_file(r, a_container.write, at, MIN(bytes, size - at));
}

static int work(struct runner *r)
{
	int err = 0;

	for (int64_t i = 0; !gives_up(r, err) && i < r->config->writes; i++) {
		enter_step(r, first_write(r->config) + (uint64_t)i);
		kernel_sleep(r->task, draw_time(r, DRAW_THINK, &r->config->think), PART_SLEEP);
		if (r->o->zipf &&
		    (int64_t)draw_below(r, DRAW_KIND, 100) < r->config->overwrite_percent) {
			err = overwrite(r);
			continue;
		}
		set_path(&r->path, "%s/data-%" G_GINT64_FORMAT, r->dir, i);
		err = write_file(r, a_container.write, 0, (uint64_t)r->config->write_bytes);
	}
	return err;
}

static int run_jobs(struct runner *r)
{
	int err;

	if (!r->config->jobs)
		return 0;
	enter_step(r, step_of_input(r->config));
	set_path(&r->path, "%s/input", r->dir);
	err = write_file(r, a_container.write, 0, (uint64_t)r->config->job_input);
	for (int64_t i = 0; !gives_up(r, err) && i < r->config->jobs; i++)
		run_job(r, (uint64_t)i);
	return err;
}

static void leave(struct runner *r)
{
	struct straggler straggler;

	straggler_stays(r, &straggler);
	clear_out(r, &a_container, key_of(r, 0), &straggler);
	remove_place(r, &a_container, r->dir);
	r->o->count.ended++;
}

static void live(struct runner *r)
{
	int err = start_up(r);

	if (!gives_up(r, err))
		err = install(r);
	if (!gives_up(r, err))
		err = work(r);
	if (!gives_up(r, err))
		run_jobs(r);
}

static void run_container(struct runner *r)
{
	struct op_timer life;

	enter_step(r, STEP_START);
	life = begin(r, "container.life");
	set_path(&r->dir, "%s-%" G_GUINT64_FORMAT, r->o->name, r->container);
	live(r);
	enter_step(r, last_step(r->config));
	if (r->container + (uint64_t)r->config->keep >= (uint64_t)r->config->containers) {
		op_leave(r->o->workload, r->task);
		return;
	}
	leave(r);
	end(r, &life, 0);
}

/* ---- before the first container ---- */

static int fill_store(struct runner *r)
{
	struct btrfs_file *file;
	int err = btrfs_subvol_create(r->task, r->fs, r->o->store);

	for (int64_t i = 0; !err && i < r->config->packages; i++) {
		set_path(&r->path, "%s/%" G_GINT64_FORMAT, r->o->store, i);
		err = btrfs_open(r->task, r->fs, r->path, BTRFS_O_CREAT, &file);
		if (err)
			break;
		err = write_to(r, file, 0, (uint64_t)r->config->package_bytes);
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
		run_container(r);
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

	if (last_step(c) >= UINT64_C(1) << STEP_BITS) {
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
