/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Workqueues: an unbound pool of workers per queue, made when there is work and none is parked. */
#include "models/kernel/machine.h"

struct work_item {
	struct work_item *next;
	kernel_task_fn fn;
	void *arg;
	uint64_t request, key;
	sim_ns submitted, queued; /* the bio whose end queued it, else the same; this */
};

struct workqueue {
	struct machine *machine;
	char *name;
	uint32_t max_active, workers, parked;
	enum alloc_context context;
	struct work_item *head, *tail, *spare;
	struct sim_waitq park;
};

struct workqueue *workqueue_new(struct machine *machine, const char *name, uint32_t max_active,
				enum alloc_context context)
{
	struct workqueue *wq = g_new0(struct workqueue, 1);

	wq->machine = machine;
	wq->name = g_strdup(name);
	wq->max_active = max_active ? max_active : machine->config.cpus;
	wq->context = context;
	sim_waitq_init(&wq->park, machine->sim, wq->name);
	g_ptr_array_add(machine->workqueues, wq);
	return wq;
}

static void free_items(struct work_item *item)
{
	while (item) {
		struct work_item *next = item->next;

		g_free(item);
		item = next;
	}
}

void workqueue_free(struct workqueue *wq)
{
	free_items(wq->head);
	free_items(wq->spare);
	sim_waitq_destroy(&wq->park);
	g_free(wq->name);
	g_free(wq);
}

static struct work_item take_item(struct workqueue *wq)
{
	struct work_item *item = wq->head, copy = *item;

	wq->head = item->next;
	if (!wq->head)
		wq->tail = NULL;
	item->next = wq->spare;
	wq->spare = item;
	return copy;
}

static void worker_main(struct kernel_task *task, void *arg)
{
	struct workqueue *wq = arg;

	for (;;) {
		while (wq->head) {
			struct work_item item = take_item(wq);

			request_begin_keyed(task, item.request, item.key);
			journal_begin(task, item.submitted, item.queued);
			if (wq->machine->traced)
				trace_work_begins(task);
			kernel_context_enter(task, wq->context);
			kernel_run(task, COST_WORK_ITEM, 1);
			item.fn(task, item.arg);
			kernel_context_leave(task);
			if (wq->machine->traced)
				trace_work_ends(task);
		}
		/* Whoever wakes a worker has taken it off the count; an interrupt has not. */
		wq->parked++;
		while (kernel_wait(task, &wq->park, PART_SLEEP) != SIM_GRANTED)
			g_assert(!sim_task_killed(task->sim_task));
	}
}

static void start_worker(struct workqueue *wq)
{
	struct kernel_task *worker = kernel_spawn(wq->machine, wq->name, worker_main, wq);

	if (wq->machine->traced)
		trace_task_group(worker, "workers");
}

void workqueue_queue(struct workqueue *wq, kernel_task_fn fn, void *arg, uint64_t request)
{
	struct machine *m = wq->machine;
	struct work_item *item = wq->spare;
	sim_ns now = sim_now(m->sim);

	if (item)
		wq->spare = item->next;
	else
		item = g_new(struct work_item, 1);
	*item = (struct work_item){.fn = fn,
				   .arg = arg,
				   .request = request,
				   .key = request_child_key(m, request),
				   .submitted = m->in_end_io ? m->event_submitted : now,
				   .queued = now};
	if (wq->tail)
		wq->tail->next = item;
	else
		wq->head = item;
	wq->tail = item;
	if (wq->parked) {
		wq->parked--;
		sim_waitq_wake_one(&wq->park);
	} else if (wq->workers < wq->max_active) {
		wq->workers++;
		start_worker(wq);
	}
}
