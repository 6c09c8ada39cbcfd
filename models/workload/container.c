/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A container's life, step by step: on a snapshot of a plain base, with a key, it takes packages out of a
 * plain store, writes, runs short jobs with keys of their own, and goes (as Bacik describes it, "Re: [PATCH v3
 * 00/16] btrfs: add fscrypt integration", 2023-08). What it does hangs on its number and the number of its
 * step alone.
 */
#include "models/workload/containers.h"

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

enum { STEP_START, STEP_FIRST_READ };
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

uint64_t container_steps(const struct containers_config *c)
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

static struct sim *sim_of_runner(const struct runner *r)
{
	return machine_sim(r->o->workload->machine);
}

static uint64_t draw_key(const struct runner *r)
{
	return r->container << STEP_BITS | r->step;
}

static uint64_t draw_below(const struct runner *r, enum draw k, uint64_t bound)
{
	return sim_keyed_below(sim_of_runner(r), sim_purpose("containers"), draw_key(r), k, bound);
}

static sim_ns draw_time(const struct runner *r, enum draw k, const struct sim_dist *dist)
{
	return sim_draw_keyed(sim_of_runner(r), sim_purpose("containers"), draw_key(r), k, dist);
}

static uint32_t draw_file(const struct runner *r)
{
	return (uint32_t)sim_keyed_zipf(sim_of_runner(r), sim_purpose("containers"), draw_key(r),
					DRAW_FILE, r->o->zipf);
}

void container_set_path(char **path, const char *format, ...)
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

int container_write(struct runner *r, struct btrfs_file *file, uint64_t offset, uint64_t bytes)
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
	err = container_write(r, file, offset, bytes);
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
	container_set_path(&r->path, "%s/log", r->dir);
	if (btrfs_open(r->task, r->fs, r->path, BTRFS_O_CREAT, &s->log)) {
		s->log = NULL;
		return;
	}
	s->until = sim_now(sim_of_runner(r)) + draw_time(r, DRAW_LINGER, &r->config->linger);
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
		if (straggler->log && sim_now(sim_of_runner(r)) >= straggler->until)
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

	container_set_path(&r->source, "%s/input", r->dir);
	container_set_path(&r->path, "%s/input", r->job);
	err = share(r, &a_job, &r->o->count.nested_refused);
	return err ? err : read_file(r, a_job.read);
}

static void work_of_job(struct runner *r, uint64_t job)
{
	int err = take_input(r);

	for (int64_t i = 0; !gives_up(r, err) && i < r->config->job_writes; i++) {
		enter_step(r, first_of_job(r->config, job) + 1 + (uint64_t)i);
		container_set_path(&r->path, "%s/output-%" G_GINT64_FORMAT, r->job, i);
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
	container_set_path(&r->job, "%s/job-%" G_GUINT64_FORMAT, r->dir, job);
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
	container_set_path(&r->path, "%s/%s", r->dir, btrfs_image_file_path(r->fs, file));
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
		container_set_path(&r->source, "%s/%" G_GUINT64_FORMAT, r->o->store,
				   draw_below(r, DRAW_PACKAGE, (uint64_t)r->config->packages));
		container_set_path(&r->path, "%s/package-%" G_GINT64_FORMAT, r->dir, i);
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
		container_set_path(&r->path, "%s/data-%" G_GINT64_FORMAT, r->dir, i);
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
	container_set_path(&r->path, "%s/input", r->dir);
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

void container_run(struct runner *r)
{
	struct op_timer life;

	enter_step(r, STEP_START);
	life = begin(r, "container.life");
	container_set_path(&r->dir, "%s-%" G_GUINT64_FORMAT, r->o->name, r->container);
	live(r);
	enter_step(r, container_steps(r->config));
	if (r->container + (uint64_t)r->config->keep >= (uint64_t)r->config->containers) {
		op_leave(r->o->workload, r->task);
		return;
	}
	leave(r);
	end(r, &life, 0);
}
