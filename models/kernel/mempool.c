/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mempools, step by step as mempool_alloc() and mempool_free() of 6.12: mm/mempool.c; who holds their
 * elements, and when sleeping for one is in vain.
 */
#include "models/kernel/machine.h"

struct mempool_holder {
	struct kernel_task *task;
	const char *path; /* where it took its first element */
	uint32_t elements;
};

struct mempool {
	struct machine *machine;
	struct alloc_site *site;
	char *name;
	uint32_t reserve, left;
	uint64_t element_bytes;
	struct sim_waitq wait;
	GArray *holders; /* struct mempool_holder, oldest first */
	uint32_t held, in_flight;
	uint32_t stuck; /* sleepers that have given up trying */
};

struct mempool *mempool_new(struct machine *machine, const char *name, uint32_t reserve,
			    uint64_t element_bytes)
{
	struct mempool *pool = g_new0(struct mempool, 1);

	pool->machine = machine;
	pool->site = alloc_site(machine, name);
	pool->name = g_strdup(name);
	pool->reserve = pool->left = reserve;
	pool->element_bytes = element_bytes;
	pool->holders = g_array_new(FALSE, FALSE, sizeof(struct mempool_holder));
	sim_waitq_init(&pool->wait, machine->sim, pool->name);
	alloc_preload(machine, pool->site, reserve * element_bytes);
	g_ptr_array_add(machine->mempools, pool);
	return pool;
}

void mempool_free(struct mempool *pool)
{
	sim_waitq_destroy(&pool->wait);
	g_array_free(pool->holders, TRUE);
	g_free(pool->name);
	g_free(pool);
}

/* ---- who holds what ---- */

static struct mempool_holder *holder_of(const struct mempool *pool, const struct kernel_task *task,
					guint *index)
{
	for (guint i = 0; task && i < pool->holders->len; i++) {
		struct mempool_holder *holder =
			&g_array_index(pool->holders, struct mempool_holder, i);

		*index = i;
		if (holder->task == task)
			return holder;
	}
	return NULL;
}

static void declare_holder(struct mempool *pool, const struct mempool_holder *holder)
{
	char *path = g_strdup_printf("%s, %u of %u elements", holder->path ? holder->path : "?",
				     holder->elements, pool->held);

	sim_waitq_add_waker_in(&pool->wait, holder->task->sim_task, path);
	g_free(path);
}

/* Only the holders can end the wait now. Who would put what is in flight is not known. Before anybody
 * waits so: an incomplete list would look like a deadlock. */
static void declare_holders(struct mempool *pool)
{
	for (guint i = 0; !pool->in_flight && i < pool->holders->len; i++)
		declare_holder(pool, &g_array_index(pool->holders, struct mempool_holder, i));
}

static void note_taken(struct kernel_task *task, struct mempool *pool, uint32_t count)
{
	guint i;
	struct mempool_holder *holder = holder_of(pool, task, &i);
	struct mempool_holder first = {task, sim_task_path(task->sim_task), count};

	pool->held += count;
	if (holder)
		holder->elements += count;
	else
		g_array_append_val(pool->holders, first);
	if (pool->stuck && !holder && !pool->in_flight)
		declare_holder(pool, &first);
}

static void take_from_holder(struct mempool *pool, guint i, uint32_t count)
{
	struct mempool_holder *holder = &g_array_index(pool->holders, struct mempool_holder, i);

	g_assert(holder->elements >= count && "more elements than the task has");
	pool->held -= count;
	holder->elements -= count;
	if (!holder->elements)
		g_array_remove_index(pool->holders, i);
}

static void note_put(struct mempool *pool)
{
	guint i = 0;

	if (holder_of(pool, kernel_current(pool->machine), &i)) {
		take_from_holder(pool, i, 1);
	} else if (pool->in_flight) {
		pool->in_flight--;
	} else {
		g_assert(pool->held && "more elements are put than were taken");
		take_from_holder(pool, 0, 1);
	}
}

void mempool_hand_over(struct kernel_task *task, struct mempool *pool, uint32_t elements)
{
	guint i = 0;

	g_assert(holder_of(pool, task, &i) && "the task has no element of this pool");
	take_from_holder(pool, i, elements);
	pool->in_flight += elements;
	if (pool->stuck)
		sim_waitq_clear_wakers(&pool->wait);
}

void mempools_forget(struct kernel_task *task)
{
	struct machine *m = task->machine;

	for (guint p = 0; p < m->mempools->len; p++) {
		struct mempool *pool = g_ptr_array_index(m->mempools, p);
		guint i = 0;
		const struct mempool_holder *holder = holder_of(pool, task, &i);

		if (holder)
			mempool_hand_over(task, pool, holder->elements);
	}
}

/* ---- sleeping for an element ---- */

/* kswapd and those who retry do nothing but look for memory. */
static bool only_looks_for_memory(const struct sim_task *sim_task)
{
	const struct kernel_task *task = sim_task_user(sim_task);

	return task && (task->retries_mempool || task == task->machine->kswapd);
}

static void note_vain_retry(struct machine *m)
{
	bool changed =
		m->frees != m->frees_at_retry || sim_anybody_else(m->sim, only_looks_for_memory);

	m->frees_at_retry = m->frees;
	m->vain_retries = changed ? 0 : m->vain_retries + 1;
}

static bool nothing_will_come(const struct machine *m)
{
	return m->vain_retries > m->mempool_sleepers;
}

static void sleep_stuck(struct kernel_task *task, struct mempool *pool)
{
	struct machine *m = pool->machine;

	if (!pool->stuck++)
		declare_holders(pool);
	m->mempool_stuck++;
	kernel_wait(task, &pool->wait, PART_ALLOC);
	m->mempool_stuck--;
	m->vain_retries = 0;
	if (!--pool->stuck)
		sim_waitq_clear_wakers(&pool->wait);
}

void mempools_wake(struct machine *m)
{
	for (guint i = 0; i < m->mempools->len; i++) {
		struct mempool *pool = g_ptr_array_index(m->mempools, i);

		if (pool->stuck)
			sim_waitq_wake_all(&pool->wait);
	}
}

/* Until an element comes back or it is time to try again; true if it is the latter. */
static bool sleep_for_element(struct kernel_task *task, struct mempool *pool, bool again)
{
	struct machine *m = pool->machine;
	enum sim_wake wake;

	if (again)
		note_vain_retry(m);
	sim_path_enter(m->sim, "mempool_alloc");
	m->mempool_sleepers++;
	if (again && nothing_will_come(m)) {
		sleep_stuck(task, pool);
		wake = SIM_GRANTED;
	} else {
		task->retries_mempool = true;
		wake = kernel_wait_timeout(task, &pool->wait, PART_ALLOC,
					   machine_cost_mean(m, SPAN_MEMPOOL_RETRY));
		task->retries_mempool = false;
	}
	m->mempool_sleepers--;
	sim_path_leave(m->sim);
	return wake == SIM_TIMEOUT;
}

/* ---- taking and putting ---- */

static bool take(struct kernel_task *task, struct mempool *pool, enum gfp gfp, uint32_t count)
{
	const unsigned int flags = ALLOC_NORETRY | ALLOC_NOMEMALLOC | ALLOC_QUIET;

	if (alloc_objects(task, pool->site, gfp, pool->element_bytes, count, flags))
		return true;
	if (pool->left < count)
		return false;
	pool->left -= count;
	return true;
}

static bool get(struct kernel_task *task, struct mempool *pool, enum gfp gfp, uint32_t count)
{
	enum gfp now = gfp < GFP_NOWAIT ? GFP_NOWAIT : gfp;
	struct machine *m = pool->machine;
	sim_ns since = SIM_NEVER;
	bool again = false;

	while (!take(task, pool, now, count)) {
		if (now != gfp) {
			now = gfp;
			continue;
		}
		if (gfp >= GFP_NOWAIT) {
			m->alloc.failed++;
			return false;
		}
		if (since == SIM_NEVER) {
			since = sim_now(m->sim);
			m->mempool_waits++;
		}
		again = sleep_for_element(task, pool, again);
	}
	if (since != SIM_NEVER) {
		m->mempool_wait_ns += sim_now(m->sim) - since;
		m->mempool_wait_max_ns = MAX(m->mempool_wait_max_ns, sim_now(m->sim) - since);
	}
	note_taken(task, pool, count);
	return true;
}

bool mempool_get(struct kernel_task *task, struct mempool *pool, enum gfp gfp)
{
	return get(task, pool, gfp, 1);
}

bool mempool_get_many(struct kernel_task *task, struct mempool *pool, enum gfp gfp, uint32_t count)
{
	bool taken;

	g_assert(count <= pool->reserve && "a bulk that may never fit");
	memalloc_noio_save(task);
	taken = get(task, pool, gfp, count);
	memalloc_noio_restore(task);
	return taken;
}

void mempool_put(struct mempool *pool)
{
	note_put(pool);
	if (pool->left < pool->reserve) {
		pool->left++;
		sim_waitq_wake_all(&pool->wait);
	} else {
		kernel_free(pool->machine, pool->site, pool->element_bytes);
	}
}
