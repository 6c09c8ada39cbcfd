/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The mix actor's tasks. An operation takes a file, opens it if it is not open, reads or writes in it,
 * may fsync and may close. What it does is drawn from its number alone, over sizes fixed beforehand, so
 * every variant gets the same operations.
 */
#include "models/workload/mix.h"

#include <string.h>

#define AT_END (UINT64_C(1) << (OPERATIONS_LOG2 + CALLS_LOG2))
#define AT_LAYOUT (AT_END + (AT_END >> 1))

static struct sim *sim_of_job(const struct mix_job *job)
{
	return machine_sim(job->workload->machine);
}

/* ---- calls ---- */

static struct op_timer begin(struct mix_worker *w, struct kernel_task *task, const char *op,
			     uint64_t request)
{
	sim_ns planned = w->since_ns;

	w->since_ns = SIM_NEVER;
	if (w->warming)
		op = "warm_up";
	if (planned == SIM_NEVER)
		return op_begin(w->job->workload, task, op, request);
	return op_begin_late(w->job->workload, task, op, request, planned);
}

static int open_file(struct mix_worker *w, struct kernel_task *task, uint32_t number,
		     uint64_t request)
{
	const struct mix_job *job = w->job;
	struct mix_handle *handle = &w->handles[number];
	unsigned int flags = job->config->direct ? BTRFS_O_DIRECT : 0;
	struct op_timer timer;
	int err;

	if (handle->file)
		return 0;
	timer = begin(w, task, "open", request);
	if (job->config->layout.files) {
		layout_path(&job->config->layout, job->name, number, w->path);
		err = btrfs_open(task, job->workload->fs, w->path->str, flags, &handle->file);
	} else {
		err = btrfs_open_image_file(task, job->workload->fs, number, flags, &handle->file);
	}
	if (err)
		handle->file = NULL;
	handle->position = 0;
	op_end(job->workload, task, &timer, err);
	return err;
}

static void close_file(struct mix_worker *w, struct kernel_task *task, uint32_t number,
		       uint64_t request)
{
	struct mix_handle *handle = &w->handles[number];
	struct op_timer timer = begin(w, task, "close", request);

	btrfs_close(task, handle->file);
	handle->file = NULL;
	op_end(w->job->workload, task, &timer, 0);
}

static uint64_t nominal_size(const struct mix_job *job, uint32_t number)
{
	return job->config->layout.files ? (uint64_t)job->config->layout.file_bytes
					 : btrfs_image_file_bytes(job->workload->fs, number);
}

/* O_APPEND: the place is taken before the write waits for anything. */
static uint64_t place_at_end(struct mix_job *job, uint32_t number, struct btrfs_file *file)
{
	uint64_t at = MAX(job->end[number], btrfs_inode_size(btrfs_file_inode(file)));

	job->end[number] = at + (uint64_t)job->config->access.io_bytes;
	return at;
}

static int call(struct mix_worker *w, struct kernel_task *task, uint32_t number, bool writes,
		uint64_t request, uint64_t k)
{
	struct mix_job *job = w->job;
	struct mix_handle *handle = &w->handles[number];
	uint64_t io = (uint64_t)job->config->access.io_bytes, size = nominal_size(job, number);
	bool appends = writes && job->config->access.pattern == ACCESS_APPEND;
	uint64_t at = appends ? place_at_end(job, number, handle->file)
			      : access_place(job->access, request, k, size, handle->position);
	uint64_t len = appends ? io : MIN(io, MAX(size, 1) - at);
	struct op_timer timer = begin(w, task, writes ? "write" : "read", request + k + 1);
	int err = writes ? btrfs_write(task, handle->file, at, len)
			 : btrfs_read(task, handle->file, at, len);

	op_end(job->workload, task, &timer, err);
	handle->position += io;
	if (!err && !w->warming)
		*(writes ? &job->bytes_written : &job->bytes_read) += len;
	return err;
}

/* ---- operations ---- */

static int calls(struct mix_worker *w, struct kernel_task *task, uint32_t number, bool writes,
		 uint64_t request)
{
	const struct mix_config *c = w->job->config;
	uint64_t io = (uint64_t)c->access.io_bytes, size = MAX(nominal_size(w->job, number), 1);
	uint64_t total = c->operation_bytes ? MIN((uint64_t)c->operation_bytes, size) : io;
	int err = 0;

	for (uint64_t k = 0; !err && k * io < total; k++)
		err = call(w, task, number, writes, request, k);
	return err;
}

static void fsync_if_due(struct mix_worker *w, struct kernel_task *task, uint32_t number,
			 uint64_t request)
{
	uint64_t every = (uint64_t)w->job->config->fsync_every;
	struct op_timer timer;

	if (!every || ++w->writes % every)
		return;
	timer = begin(w, task, "fsync", request);
	op_end(w->job->workload, task, &timer, btrfs_fsync(task, w->handles[number].file));
}

static void operate(struct mix_worker *w, struct kernel_task *task, uint64_t n)
{
	struct mix_job *job = w->job;
	const struct mix_config *c = job->config;
	uint64_t request = workload_request(w->number, n << CALLS_LOG2);
	uint64_t last = request + (UINT64_C(1) << CALLS_LOG2) - 1;
	uint64_t kind = sim_keyed_below(sim_of_job(job), sim_purpose("files"), request, 1, 100);
	bool writes = kind < 100 - (uint64_t)c->read_percent;
	uint32_t number = access_file(job->access, request, w->index, (uint64_t)c->tasks, n);
	int err = open_file(w, task, number, request);

	if (!err) {
		err = calls(w, task, number, writes, request);
		if (!err && writes)
			fsync_if_due(w, task, number, last - 1);
		if (c->open == OPEN_OPERATION)
			close_file(w, task, number, last);
	}
	if (!w->warming)
		sim_histogram_add(job->latency_ns, sim_now(sim_of_job(job)) - w->planned_ns);
}

/*
 * Closed loop: the next operation comes when the one before has ended and the task has thought. Open
 * loop: arrivals are planned ahead, and an operation that finds its task busy has waited since its own.
 */
static void await_turn(struct mix_worker *w, struct kernel_task *task, uint64_t n)
{
	struct mix_job *job = w->job;
	struct sim *sim = sim_of_job(job);
	const struct mix_config *c = job->config;
	bool planned = sim_dist_mean(&c->interval);
	uint64_t request = workload_request(w->number, n << CALLS_LOG2);
	sim_ns wait = sim_draw_keyed(sim, sim_purpose(planned ? "files.interval" : "files.think"),
				     request, 2, planned ? &c->interval : &c->think);

	w->planned_ns = planned ? w->planned_ns + wait : sim_now(sim) + wait;
	if (w->planned_ns > sim_now(sim))
		kernel_sleep(task, w->planned_ns - sim_now(sim), PART_SLEEP);
	w->since_ns = w->planned_ns;
	w->warming = n < (uint64_t)c->warm_up;
	if (w->warming)
		return;
	job->late += sim_now(sim) > w->planned_ns;
	if (c->warm_up)
		job->started_ns = MIN(job->started_ns, w->planned_ns);
}

/* ---- tasks ---- */

static void prepare(struct mix_worker *w, struct kernel_task *task)
{
	struct mix_job *job = w->job;
	const char *step;
	int err;

	workload_prepare_begin(job->workload, task);
	err = layout_make(job->workload, task, &job->config->layout, job->name,
			  workload_request(w->number, AT_LAYOUT), job->path, &step);
	job->ready = !err;
	if (err)
		workload_find(job->workload, "workload",
			      g_strdup_printf("%s could not make its files: %s: %s", job->name,
					      step, strerrorname_np(-err)));
	workload_prepare_end(job->workload, task);
}

void mix_run(struct kernel_task *task, void *arg)
{
	struct mix_worker *w = arg;
	struct mix_job *job = w->job;
	uint64_t operations = (uint64_t)job->config->operations;

	if (!w->index && job->config->layout.files)
		prepare(w, task);
	workload_wait_prepared(job->workload, task);
	w->planned_ns = sim_now(sim_of_job(job));
	if (!job->config->warm_up)
		job->started_ns = MIN(job->started_ns, w->planned_ns);
	for (uint64_t n = 0; job->ready && n < operations; n++) {
		await_turn(w, task, n);
		operate(w, task, n);
	}
	w->since_ns = SIM_NEVER;
	w->warming = false;
	for (uint32_t i = 0; i < job->access->files; i++)
		if (w->handles[i].file)
			close_file(w, task, i, workload_request(w->number, AT_END + i));
	if (!--job->running)
		job->ended_ns = sim_now(sim_of_job(job));
	workload_task_ends(job->workload);
}

char *mix_describe(const void *arg, uint64_t n)
{
	const struct mix_worker *w = arg;

	if (n >= AT_LAYOUT)
		return g_strdup_printf("%s, making file %" G_GUINT64_FORMAT, w->job->name,
				       n - AT_LAYOUT);
	if (n >= AT_END)
		return g_strdup_printf("%s, last close", w->job->name);
	return g_strdup_printf("%s, operation %" G_GUINT64_FORMAT ", call %" G_GUINT64_FORMAT,
			       w->job->name, n >> CALLS_LOG2,
			       n & ((UINT64_C(1) << CALLS_LOG2) - 1));
}
