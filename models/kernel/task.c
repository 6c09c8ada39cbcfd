/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tasks on CPUs. One run queue for all CPUs, first come first served: what a scheduler with perfect
 * load balancing and no priorities does. A CPU is given from hand to hand: whoever gives one up
 * wakes the head of the queue, which then owns it, so nobody slips in between.
 */
#include "models/kernel/machine.h"

/* What kernel_spawn() allocates. */
struct task_slot {
	struct kernel_task task;
	kernel_task_fn fn;
	void *arg;
};

const char *const alloc_context_names[ALLOC_CONTEXTS] = {
	[CONTEXT_PROCESS] = "process",	   [CONTEXT_NOFS_SCOPE] = "nofs_scope",
	[CONTEXT_WRITEBACK] = "writeback", [CONTEXT_TRANSACTION] = "transaction",
	[CONTEXT_ENDIO] = "endio",
};

/* ---- CPUs ---- */

static void cpu_put(struct kernel_task *task)
{
	if (!task->on_cpu)
		return;
	task->on_cpu = false;
	if (task->machine->traced)
		trace_cpu_given(task);
	if (!sim_waitq_wake_one(&task->machine->run_queue))
		task->machine->cpus_taken--;
}

/* Passes time on the CPU that the task has; an interrupt does not shorten the work. */
static void cpu_pass(struct kernel_task *task, sim_ns ns)
{
	struct machine *m = task->machine;
	sim_ns end = sim_now(m->sim) + ns;

	while (sim_now(m->sim) < end) {
		enum sim_wake wake = sim_hold(m->sim, end - sim_now(m->sim));

		g_assert(wake != SIM_KILLED);
	}
	m->cpu_busy_ns += ns;
}

static void cpu_hold(struct kernel_task *task, sim_ns ns, enum kernel_part part)
{
	sim_ns since = sim_now(task->machine->sim);

	cpu_pass(task, ns);
	part_book(task, part, since);
}

static void cpu_spin(struct kernel_task *task, sim_ns ns, const char *lock)
{
	sim_ns since = sim_now(task->machine->sim);

	cpu_pass(task, ns);
	if (task->memalloc_depth)
		part_book(task, PART_ALLOC, since);
	else
		part_book_at(task, PART_LOCK_WAIT, lock, since);
}

static void cpu_queue(struct kernel_task *task)
{
	struct machine *m = task->machine;
	sim_ns since = sim_now(m->sim);
	enum sim_wake wake;

	do {
		wake = sim_waitq_sleep(&m->run_queue);
		g_assert(wake != SIM_KILLED);
	} while (wake != SIM_GRANTED);
	m->cpu_queue_ns += sim_now(m->sim) - since;
	part_book(task, PART_CPU_QUEUE, since);
}

static void cpu_get(struct kernel_task *task)
{
	struct machine *m = task->machine;
	sim_ns ns;

	if (m->cpus_taken < m->config.cpus)
		m->cpus_taken++;
	else
		cpu_queue(task);
	task->on_cpu = true;
	if (m->traced)
		trace_cpu_taken(task);
	task->slice_left_ns = machine_cost_mean(m, SPAN_SCHED_SLICE);
	m->context_switches++;
	ns = cost_draw(m, COST_CONTEXT_SWITCH, 1, task->draw_key, &task->draw[COST_CONTEXT_SWITCH]);
	if (!ns)
		return;
	if (m->traced)
		trace_run_begins(task, kernel_cost_table[COST_CONTEXT_SWITCH].name);
	cpu_hold(task, ns, task->memalloc_depth ? PART_ALLOC : PART_CPU);
	if (m->traced)
		trace_run_ends(task);
}

/* At the end of a slice the task goes behind those who wait, or on if nobody does. */
static void cpu_reschedule(struct kernel_task *task)
{
	if (task->machine->run_queue.waiting.length)
		cpu_put(task);
	else
		task->slice_left_ns = machine_cost_mean(task->machine, SPAN_SCHED_SLICE);
}

void kernel_run(struct kernel_task *task, enum kernel_cost cost, uint64_t times)
{
	struct machine *m = task->machine;
	sim_ns left = cost_draw(m, cost, times, task->draw_key, &task->draw[cost]);
	enum kernel_part part = task->memalloc_depth ? PART_ALLOC : kernel_cost_part(cost);
	bool sliced = machine_cost_mean(m, SPAN_SCHED_SLICE) > 0;

	while (left) {
		sim_ns ns = left;

		if (task->on_cpu && sliced && !task->slice_left_ns)
			cpu_reschedule(task);
		if (!task->on_cpu)
			cpu_get(task);
		if (sliced) {
			ns = MIN(left, task->slice_left_ns);
			task->slice_left_ns -= ns;
		}
		if (m->traced)
			trace_run_begins(task, kernel_cost_table[cost].name);
		cpu_hold(task, ns, part);
		if (m->traced)
			trace_run_ends(task);
		left -= ns;
	}
}

/* ---- life of a task ---- */

static void slot_free(struct task_slot *slot)
{
	parts_free(&slot->task);
	g_free(slot);
}

static void task_main(struct sim_task *self, void *arg)
{
	struct task_slot *slot = arg;
	struct machine *m = slot->task.machine;

	(void)self;
	slot->fn(&slot->task, slot->arg);
	mempools_forget(&slot->task);
	cpu_put(&slot->task);
	g_ptr_array_remove_fast(m->tasks, slot);
	slot_free(slot);
}

struct kernel_task *kernel_spawn(struct machine *machine, const char *name, kernel_task_fn fn,
				 void *arg)
{
	struct task_slot *slot = g_new0(struct task_slot, 1);

	slot->fn = fn;
	slot->arg = arg;
	slot->task.machine = machine;
	slot->task.blocked_since = SIM_NEVER;
	g_ptr_array_add(machine->tasks, slot);
	slot->task.sim_task = sim_spawn(machine->sim, name, task_main, slot);
	sim_task_set_user(slot->task.sim_task, &slot->task);
	if (machine->traced)
		trace_task_group(&slot->task, "kernel threads");
	return &slot->task;
}

struct kernel_task *kernel_current(struct machine *machine)
{
	struct sim_task *self = sim_self(machine->sim);

	return self ? sim_task_user(self) : NULL;
}

void tasks_init(struct machine *m)
{
	m->tasks = g_ptr_array_new();
	sim_waitq_init(&m->run_queue, m->sim, "CPU");
}

void tasks_destroy(struct machine *m)
{
	for (guint i = 0; i < m->tasks->len; i++)
		slot_free(g_ptr_array_index(m->tasks, i));
	g_ptr_array_free(m->tasks, TRUE);
	sim_waitq_destroy(&m->run_queue);
}

void request_begin_keyed(struct kernel_task *task, uint64_t request, uint64_t key)
{
	task->request = request;
	task->draw_key = key;
	task->children = 0;
	memset(task->draw, 0, sizeof(task->draw));
}

void kernel_request_begin(struct kernel_task *task, uint64_t request)
{
	task->refusal = NULL;
	request_begin_keyed(task, request, request);
}

/* ---- contexts and scopes ---- */

void kernel_context_enter(struct kernel_task *task, enum alloc_context context)
{
	g_assert(task->contexts < G_N_ELEMENTS(task->context));
	task->context[task->contexts++] = context;
	if (context == CONTEXT_NOFS_SCOPE)
		task->nofs_depth++;
}

void kernel_context_leave(struct kernel_task *task)
{
	g_assert(task->contexts);
	if (task->context[--task->contexts] == CONTEXT_NOFS_SCOPE)
		memalloc_nofs_restore(task);
}

enum alloc_context kernel_context(const struct kernel_task *task)
{
	enum alloc_context context = CONTEXT_PROCESS;

	if (task->contexts)
		context = task->context[task->contexts - 1];
	if (context == CONTEXT_PROCESS && task->nofs_depth)
		context = CONTEXT_NOFS_SCOPE;
	return context;
}

void memalloc_nofs_save(struct kernel_task *task)
{
	task->nofs_depth++;
}

void memalloc_nofs_restore(struct kernel_task *task)
{
	g_assert(task->nofs_depth);
	task->nofs_depth--;
}

void memalloc_noio_save(struct kernel_task *task)
{
	task->noio_depth++;
}

void memalloc_noio_restore(struct kernel_task *task)
{
	g_assert(task->noio_depth);
	task->noio_depth--;
}

/* ---- waiting ---- */

/* Around a wait that only a wake-up ends: khungtaskd looks at tasks in TASK_UNINTERRUPTIBLE, and not
 * at those that wake by themselves now and then. */
static void block(struct kernel_task *task)
{
	task->blocked_since = sim_now(task->machine->sim);
}

/* `name`: of the lock or pool. */
static void unblock(struct kernel_task *task, enum kernel_part part, const char *name)
{
	struct machine *m = task->machine;
	sim_ns waited = sim_now(m->sim) - task->blocked_since, limit;

	if (part == PART_LOCK_WAIT || part == PART_POOL_WAIT)
		part_book_at(task, part, name, task->blocked_since);
	else
		part_book(task, part, MAX(task->blocked_since, task->explained_until));
	task->blocked_since = SIM_NEVER;
	limit = machine_cost_mean(m, SPAN_HUNG_TASK);
	m->stall_max_ns = MAX(m->stall_max_ns, waited);
	m->hung_tasks += limit && waited >= limit;
}

uint64_t hung_tasks(const struct machine *m, sim_ns *longest_ns)
{
	sim_ns limit = machine_cost_mean(m, SPAN_HUNG_TASK), longest = m->stall_max_ns;
	uint64_t hung = m->hung_tasks;

	for (guint i = 0; i < m->tasks->len; i++) {
		const struct task_slot *slot = g_ptr_array_index(m->tasks, i);
		sim_ns since = slot->task.blocked_since, waited = 0;

		if (since != SIM_NEVER)
			waited = sim_now(m->sim) - since;
		longest = MAX(longest, waited);
		hung += limit && waited >= limit;
	}
	*longest_ns = longest;
	return hung;
}

enum sim_wake kernel_wait(struct kernel_task *task, struct sim_waitq *wq, enum kernel_part part)
{
	sim_ns since = sim_now(task->machine->sim);
	enum sim_wake wake;

	cpu_put(task);
	if (part == PART_SLEEP) { /* interruptible: waits for work */
		wake = sim_waitq_sleep(wq);
		part_book(task, part, since);
		return wake;
	}
	block(task);
	wake = sim_waitq_sleep(wq);
	unblock(task, part, wq->name);
	return wake;
}

enum sim_wake kernel_wait_timeout(struct kernel_task *task, struct sim_waitq *wq,
				  enum kernel_part part, sim_ns timeout)
{
	sim_ns since = sim_now(task->machine->sim);
	enum sim_wake wake;

	cpu_put(task);
	wake = sim_waitq_sleep_timeout(wq, timeout);
	part_book(task, part, since);
	return wake;
}

enum sim_wake kernel_sleep(struct kernel_task *task, sim_ns duration, enum kernel_part part)
{
	sim_ns since = sim_now(task->machine->sim);
	enum sim_wake wake;

	cpu_put(task);
	if (task->machine->traced)
		trace_run_begins(task, "sleep");
	wake = sim_hold(task->machine->sim, duration);
	if (task->machine->traced)
		trace_run_ends(task);
	part_book(task, part, since);
	return wake;
}

/* ---- locks ----
 *
 * A free lock is still taken by the blocking call and not by a trylock, which would leave no edge
 * in the lock-order graph.
 */

static bool pool_is_free(const struct sim_pool *pool, uint32_t units)
{
	return !pool->waiting.length && pool->capacity - pool->in_use >= units;
}

void kernel_mutex_lock(struct kernel_task *task, struct sim_mutex *mutex)
{
	if (!pool_is_free(&mutex->pool, 1))
		cpu_put(task);
	block(task);
	while (sim_mutex_lock(mutex) != SIM_GRANTED)
		g_assert(!sim_task_killed(task->sim_task));
	unblock(task, PART_LOCK_WAIT, sim_lock_class_name(mutex->pool.class, mutex->pool.name));
}

void kernel_mutex_unlock(struct kernel_task *task, struct sim_mutex *mutex)
{
	(void)task;
	sim_mutex_unlock(mutex);
}

void kernel_down_read(struct kernel_task *task, struct sim_rwsem *sem)
{
	if (sem->writer || sem->waiting.length)
		cpu_put(task);
	block(task);
	while (sim_rwsem_read(sem) != SIM_GRANTED)
		g_assert(!sim_task_killed(task->sim_task));
	unblock(task, PART_LOCK_WAIT, sim_lock_class_name(sem->class, sem->name));
}

void kernel_up_read(struct kernel_task *task, struct sim_rwsem *sem)
{
	(void)task;
	sim_rwsem_read_unlock(sem);
}

void kernel_down_write(struct kernel_task *task, struct sim_rwsem *sem)
{
	if (sem->writer || sem->readers || sem->waiting.length)
		cpu_put(task);
	block(task);
	while (sim_rwsem_write(sem) != SIM_GRANTED)
		g_assert(!sim_task_killed(task->sim_task));
	unblock(task, PART_LOCK_WAIT, sim_lock_class_name(sem->class, sem->name));
}

void kernel_down_write_nested(struct kernel_task *task, struct sim_rwsem *sem,
			      struct sim_lock_class *subclass)
{
	if (sem->writer || sem->readers || sem->waiting.length)
		cpu_put(task);
	block(task);
	while (sim_rwsem_write_nested(sem, subclass) != SIM_GRANTED)
		g_assert(!sim_task_killed(task->sim_task));
	unblock(task, PART_LOCK_WAIT, sim_lock_class_name(sem->class, sem->name));
}

void kernel_up_write(struct kernel_task *task, struct sim_rwsem *sem)
{
	(void)task;
	sim_rwsem_write_unlock(sem);
}

void kernel_pool_get(struct kernel_task *task, struct sim_pool *pool, uint32_t units)
{
	if (!pool_is_free(pool, units))
		cpu_put(task);
	block(task);
	while (sim_pool_acquire(pool, units) != SIM_GRANTED)
		g_assert(!sim_task_killed(task->sim_task));
	unblock(task, PART_POOL_WAIT, pool->name);
}

/* ---- cache lines ---- */

void kernel_line_touch(struct kernel_task *task, struct kernel_line *line)
{
	struct machine *m = task->machine;
	uint32_t self = sim_task_id(task->sim_task) + 1;
	enum kernel_cost cost;
	sim_ns ns, spin;

	if (!machine_cost_mean(m, COST_LINE_LOCAL) && !machine_cost_mean(m, COST_LINE_TRANSFER))
		return;
	if (!task->on_cpu)
		cpu_get(task);
	cost = line->owner == self ? COST_LINE_LOCAL : COST_LINE_TRANSFER;
	line->owner = self;
	ns = cost_draw(m, cost, 1, task->draw_key, &task->draw[cost]);
	spin = line->free_at > sim_now(m->sim) ? line->free_at - sim_now(m->sim) : 0;
	line->free_at = sim_now(m->sim) + spin + ns;
	task->slice_left_ns -= MIN(task->slice_left_ns, spin + ns);
	if (m->traced)
		trace_run_begins(task, kernel_cost_table[cost].name);
	cpu_spin(task, spin, line->name);
	cpu_hold(task, ns, task->memalloc_depth ? PART_ALLOC : PART_CPU);
	if (m->traced)
		trace_run_ends(task);
}

void kernel_rwsem_init(struct kernel_rwsem *rwsem, struct machine *machine, const char *name)
{
	sim_rwsem_init(&rwsem->sem, machine->sim, sim_lock_class(machine->sim, name), name);
	rwsem->line = (struct kernel_line){.name = name};
}

void kernel_rwsem_destroy(struct kernel_rwsem *rwsem)
{
	sim_rwsem_destroy(&rwsem->sem);
}

void kernel_rwsem_read(struct kernel_task *task, struct kernel_rwsem *rwsem)
{
	kernel_line_touch(task, &rwsem->line);
	kernel_down_read(task, &rwsem->sem);
}

void kernel_rwsem_read_unlock(struct kernel_task *task, struct kernel_rwsem *rwsem)
{
	kernel_line_touch(task, &rwsem->line);
	kernel_up_read(task, &rwsem->sem);
}

void kernel_rwsem_write(struct kernel_task *task, struct kernel_rwsem *rwsem)
{
	kernel_line_touch(task, &rwsem->line);
	kernel_down_write(task, &rwsem->sem);
}

void kernel_rwsem_write_unlock(struct kernel_task *task, struct kernel_rwsem *rwsem)
{
	kernel_line_touch(task, &rwsem->line);
	kernel_up_write(task, &rwsem->sem);
}
