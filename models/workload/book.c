/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The book of operations: how many, how many refused, and how long they took. */
#include "models/workload/internal.h"

#include <string.h>

/* Latency percentiles of a table, in 1/100 000. */
enum { P50 = 50000, P99 = 99000 };

struct op_entry {
	const char *op;
	uint64_t count, refused, failed;
	struct sim_histogram *latency_ns;
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

struct op_timer op_begin(struct workload *workload, struct kernel_task *task, const char *op,
			 uint64_t request)
{
	struct sim_trace_slice slice = {"op", op, {{"request", request}}};

	kernel_request_begin(task, request);
	sim_trace_begin(machine_sim(workload->machine), &slice);
	return (struct op_timer){op, sim_now(machine_sim(workload->machine))};
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
	if (err < 0 && task->refusal)
		entry->refused++;
	else if (err < 0)
		entry->failed++;
	sim_digest_add(sim, latency);
	sim_digest_add(sim, (uint64_t)(int64_t)err);
}

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
static const struct sim_metric_def def_max = {"ops.*.latency_max_ns", "ns", SIM_LESS_IS_BETTER,
					      "operations", "longest latency"};

static const struct sim_metric_def def_unexpected = {
	"script.unexpected", "count", SIM_LESS_IS_BETTER, "findings",
	"operations of scripts that came to another outcome than the script expects"};

const struct sim_metric_def *const workload_metric_defs[] = {
	&def_count, &def_refused,    &def_failed,	   &def_p50, &def_p99,
	&def_max,   &def_unexpected, &workload_def_copied, NULL};

void op_book_expected(struct op_book *book, bool came)
{
	book->expected++;
	book->unexpected += !came;
}

void op_book_report(const struct op_book *book, struct sim_metrics *metrics)
{
	if (book->expected)
		sim_metrics_set(metrics, &def_unexpected, def_unexpected.name,
				(int64_t)book->unexpected);
	for (guint i = 0; i < book->entries->len; i++) {
		const struct op_entry *e = book->entries->pdata[i];
		const struct sim_histogram *h = e->latency_ns;

		sim_metrics_set_for(metrics, &def_count, (int64_t)e->count, e->op, NULL);
		sim_metrics_set_for(metrics, &def_refused, (int64_t)e->refused, e->op, NULL);
		sim_metrics_set_for(metrics, &def_failed, (int64_t)e->failed, e->op, NULL);
		sim_metrics_set_for(metrics, &def_p50, (int64_t)sim_histogram_quantile(h, P50),
				    e->op, NULL);
		if (sim_histogram_carries(h, P99))
			sim_metrics_set_for(metrics, &def_p99,
					    (int64_t)sim_histogram_quantile(h, P99), e->op, NULL);
		sim_metrics_set_for(metrics, &def_max, (int64_t)sim_histogram_max(h), e->op, NULL);
	}
}
