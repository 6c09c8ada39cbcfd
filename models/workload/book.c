/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The book of operations: how many, how many refused, how long they took, and what that went into. */
#include "models/workload/internal.h"

#include <string.h>

/* Latency percentiles of a table, in 1/100 000. */
enum { P50 = 50000, P99 = 99000, P999 = 99900, P9999 = 99990 };

struct op_entry {
	const char *op;
	uint64_t count, refused, failed;
	struct sim_histogram *latency_ns;
	/* Sums over the operations. */
	sim_ns late_ns, part_ns[KERNEL_PARTS], place_ns[KERNEL_PLACES];
};

struct op_book {
	GPtrArray *entries; /* struct op_entry *, by first use */
	uint64_t expected, unexpected;
};

struct op_book *op_book_new(void)
{
	struct op_book *book = g_new0(struct op_book, 1);

	book->entries = g_ptr_array_new();
	return book;
}

void op_book_free(struct op_book *book)
{
	for (guint i = 0; i < book->entries->len; i++) {
		struct op_entry *entry = book->entries->pdata[i];

		sim_histogram_free(entry->latency_ns);
		g_free(entry);
	}
	g_ptr_array_free(book->entries, true);
	g_free(book);
}

static struct op_entry *entry_of(struct op_book *book, const char *op)
{
	struct op_entry *entry;

	for (guint i = 0; i < book->entries->len; i++) {
		entry = book->entries->pdata[i];
		if (!strcmp(entry->op, op))
			return entry;
	}
	entry = g_new0(struct op_entry, 1);
	entry->op = op;
	entry->latency_ns = sim_histogram_new();
	g_ptr_array_add(book->entries, entry);
	return entry;
}

/* ---- operations ---- */

struct op_timer op_begin(struct workload *workload, struct kernel_task *task, const char *op,
			 uint64_t request)
{
	struct sim_trace_slice slice = {"op", op, {{"request", request}}};
	struct op_timer timer;

	kernel_request_begin(task, request);
	sim_trace_begin(machine_sim(workload->machine), &slice);
	timer.op = op;
	timer.start = sim_now(machine_sim(workload->machine));
	timer.late = 0;
	kernel_account_begin(task, &timer.account);
	return timer;
}

struct op_timer op_begin_late(struct workload *workload, struct kernel_task *task, const char *op,
			      uint64_t request, sim_ns planned)
{
	struct op_timer timer = op_begin(workload, task, op, request);

	timer.late = timer.start - planned;
	timer.start = planned;
	return timer;
}

/* Every nanosecond of an operation is in one of its parts. */
static void book_parts(struct op_entry *entry, const struct kernel_task *task,
		       const struct op_timer *timer, sim_ns latency)
{
	const sim_ns *before = timer->account.part_ns;
	sim_ns sum = timer->late, placed;

	entry->late_ns += timer->late;
	for (int i = 0; i < KERNEL_PARTS; i++) {
		sim_ns ns = task->part_ns[i] - before[i];

		entry->part_ns[i] += ns;
		sum += ns;
	}
	placed = task->part_ns[PART_LOCK_WAIT] - before[PART_LOCK_WAIT] +
		 task->part_ns[PART_POOL_WAIT] - before[PART_POOL_WAIT];
	g_assert(sum == latency && "time that nobody booked, or booked twice");
	for (uint32_t i = timer->account.first_wait; i < task->place_waits; i++) {
		entry->place_ns[task->place_wait[i].place] += task->place_wait[i].ns;
		placed -= task->place_wait[i].ns;
	}
	g_assert(!placed && "a wait for a lock or pool without a name");
}

void op_end(struct workload *workload, struct kernel_task *task, const struct op_timer *timer,
	    int err)
{
	struct sim *sim = machine_sim(workload->machine);
	struct op_entry *entry = entry_of(workload->book, timer->op);
	sim_ns latency = sim_now(sim) - timer->start;

	sim_trace_end(sim, "op");
	entry->count++;
	sim_histogram_add(entry->latency_ns, latency);
	book_parts(entry, task, timer, latency);
	kernel_account_end(task);
	if (err < 0 && task->refusal)
		entry->refused++;
	else if (err < 0)
		entry->failed++;
	sim_digest_add(sim, "latency_ns", latency);
	sim_digest_add(sim, "errno", (uint64_t)(int64_t)err);
}

void op_leave(struct workload *workload, struct kernel_task *task)
{
	sim_trace_end(machine_sim(workload->machine), "op");
	kernel_account_end(task);
}

void op_book_expected(struct op_book *book, bool came)
{
	book->expected++;
	book->unexpected += !came;
}

/* ---- metrics ---- */

static const struct sim_metric_def def_count = {
	"ops.*.count", "count", SIM_NO_DIRECTION, "operations",
	"operations of this kind that ended, refused and failed ones included"};
static const struct sim_metric_def def_refused = {
	"ops.*.refused", "count", SIM_LESS_IS_BETTER, "operations",
	"operations that the encryption refused: no key, or a design that does not allow it"};
static const struct sim_metric_def def_failed = {"ops.*.failed", "count", SIM_LESS_IS_BETTER,
						 "operations",
						 "operations that failed for any other reason"};
static const struct sim_metric_def def_p50 = {
	"ops.*.latency_p50_ns", "ns", SIM_LESS_IS_BETTER, "operations",
	"median latency, nearest rank; at most 0.1 % over the true one"};
static const struct sim_metric_def def_p99 = {
	"ops.*.latency_p99_ns", "ns", SIM_LESS_IS_BETTER, "operations",
	"99th percentile of the latency, nearest rank; absent when fewer than ten operations lie "
	"beyond it"};
static const struct sim_metric_def def_p999 = {
	"ops.*.latency_p999_ns", "ns", SIM_LESS_IS_BETTER, "operations",
	"99.9th percentile of the latency, nearest rank; absent when fewer than ten operations lie "
	"beyond it"};
static const struct sim_metric_def def_p9999 = {
	"ops.*.latency_p9999_ns", "ns", SIM_LESS_IS_BETTER, "operations",
	"99.99th percentile of the latency, nearest rank; absent when fewer than ten operations "
	"lie beyond it"};
static const struct sim_metric_def def_max = {"ops.*.latency_max_ns", "ns", SIM_LESS_IS_BETTER,
					      "operations", "longest latency"};
static const struct sim_metric_def def_sum = {
	"ops.*.latency_sum_ns", "ns", SIM_LESS_IS_BETTER, "operations",
	"sum of the latencies: to the nanosecond that of ops.*.part.*"};

static const struct sim_metric_def def_latency = {"ops.*.latency_ns", "ns", SIM_LESS_IS_BETTER,
						  "operations",
						  "latencies of operations of this kind"};

#define PART(name, help)                                                                           \
	{                                                                                          \
		"ops.*.part." name "_ns", "ns", SIM_LESS_IS_BETTER,                                \
			"where the time of operations went", help                                  \
	}

static const struct sim_metric_def def_late =
	PART("late", "from an operation's planned arrival until its task was free for it");
static const struct sim_metric_def def_lock =
	PART("lock.*", "waiting for locks of this class, or spinning for their cache lines; absent "
		       "where nobody did");
static const struct sim_metric_def def_pool =
	PART("pool.*", "waiting for units of this pool; absent where nobody did");
/* Waits for locks and pools are told by name only. */
static const struct sim_metric_def def_part[KERNEL_PARTS] = {
	[PART_CPU_QUEUE] = PART("cpu_queue", "ready to run, waiting for a CPU"),
	[PART_ALLOC] = PART("alloc", "allocating and freeing memory and ciphers, reclaiming, "
				     "waiting for memory or for a cipher's module"),
	[PART_DERIVE] = PART("derive", "deriving keys"),
	[PART_SETKEY] = PART("setkey", "setting keys"),
	[PART_CRYPT] = PART("crypt", "encrypting and decrypting, bounce pages, tags"),
	[PART_DEVICE] = PART("device", "waiting for a device, its queue included"),
	[PART_WORKER_QUEUE] = PART("worker_queue", "waiting for I/O that the device had done, but "
						   "that no worker was free to end"),
	[PART_OTHER_TASK] = PART("other_task", "waiting for I/O that another task had not "
					       "submitted yet, or for pages that it filled "
					       "without any"),
	[PART_THROTTLE] = PART("throttle", "pauses of writers while too much is dirty"),
	[PART_CPU] = PART("cpu", "everything else on a CPU"),
	[PART_SLEEP] = PART("sleep", "asleep on purpose"),
};

static const struct sim_metric_def def_unexpected = {
	"script.unexpected", "count", SIM_LESS_IS_BETTER, "findings",
	"operations of scripts that came to another outcome than the script expects"};

const struct sim_metric_def *const workload_metric_defs[] = {
	&def_count,
	&def_refused,
	&def_failed,
	&def_p50,
	&def_p99,
	&def_p999,
	&def_p9999,
	&def_max,
	&def_sum,
	&def_late,
	&def_lock,
	&def_pool,
	&def_part[PART_CPU_QUEUE],
	&def_part[PART_ALLOC],
	&def_part[PART_DERIVE],
	&def_part[PART_SETKEY],
	&def_part[PART_CRYPT],
	&def_part[PART_DEVICE],
	&def_part[PART_WORKER_QUEUE],
	&def_part[PART_OTHER_TASK],
	&def_part[PART_THROTTLE],
	&def_part[PART_CPU],
	&def_part[PART_SLEEP],
	&def_unexpected,
	&workload_def_copied,
	NULL,
};

static void report_latency(const struct op_entry *e, struct sim_metrics *metrics)
{
	static const struct {
		const struct sim_metric_def *def;
		uint32_t per_100k;
	} tail[] = {{&def_p99, P99}, {&def_p999, P999}, {&def_p9999, P9999}};
	const struct sim_histogram *h = e->latency_ns;

	sim_metrics_set_for(metrics, &def_p50, (int64_t)sim_histogram_quantile(h, P50), e->op,
			    NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(tail); i++)
		if (sim_histogram_carries(h, tail[i].per_100k))
			sim_metrics_set_for(metrics, tail[i].def,
					    (int64_t)sim_histogram_quantile(h, tail[i].per_100k),
					    e->op, NULL);
	sim_metrics_set_for(metrics, &def_max, (int64_t)sim_histogram_max(h), e->op, NULL);
	sim_metrics_set_for(metrics, &def_sum, (int64_t)sim_histogram_sum_low(h), e->op, NULL);
	sim_metrics_add_distribution(metrics, &def_latency, h, e->op, NULL);
}

static void report_parts(const struct op_entry *e, const struct machine *machine,
			 struct sim_metrics *metrics)
{
	enum kernel_part part;
	const char *name;

	sim_metrics_set_for(metrics, &def_late, (int64_t)e->late_ns, e->op, NULL);
	for (int i = 0; i < KERNEL_PARTS; i++)
		if (def_part[i].name)
			sim_metrics_set_for(metrics, &def_part[i], (int64_t)e->part_ns[i], e->op,
					    NULL);
	for (uint32_t i = 0; (name = machine_place(machine, i, &part)); i++)
		if (e->place_ns[i])
			sim_metrics_set_part_for(metrics,
						 part == PART_LOCK_WAIT ? &def_lock : &def_pool,
						 (int64_t)e->place_ns[i], e->op, name, NULL);
}

void op_book_report(const struct workload *workload, struct sim_metrics *metrics)
{
	const struct op_book *book = workload->book;

	if (book->expected)
		sim_metrics_set(metrics, &def_unexpected, def_unexpected.name,
				(int64_t)book->unexpected);
	for (guint i = 0; i < book->entries->len; i++) {
		const struct op_entry *e = book->entries->pdata[i];

		sim_metrics_set_for(metrics, &def_count, (int64_t)e->count, e->op, NULL);
		sim_metrics_set_for(metrics, &def_refused, (int64_t)e->refused, e->op, NULL);
		sim_metrics_set_for(metrics, &def_failed, (int64_t)e->failed, e->op, NULL);
		report_latency(e, metrics);
		report_parts(e, workload->machine, metrics);
	}
}
