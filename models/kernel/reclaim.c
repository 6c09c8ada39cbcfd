/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reclaim: the LRU of clean page cache first, then shrinkers where filesystems may be entered.
 * Nothing here writes a file page: dirty ones are left to the flusher, which is woken, and whoever
 * makes no progress is throttled (6.12: mm/vmscan.c, shrink_folio_list(), reclaim_throttle()).
 */
#include "models/kernel/machine.h"

enum {
	SWAP_CLUSTER_MAX = 32, /* pages that one reclaim aims at; 6.12: include/linux/swap.h */
	DEF_PRIORITY = 12, /* scan 1/2^12 of the list first; 6.12: include/linux/mmzone.h */
	MAX_RECLAIM_RETRIES = 16, /* rounds without progress until OOM; 6.12: mm/internal.h */
	PAGE_ALLOC_COSTLY_ORDER = 3, /* larger ones may fail; 6.12: include/linux/mmzone.h */
	SHRINK_BATCH = 128, /* objects in one scan; 6.12: mm/shrinker.c */
	DEFAULT_SEEKS = 2, /* cost of getting an object back; 6.12: include/linux/shrinker.h */
};

static void kswapd_main(struct kernel_task *task, void *arg);

void reclaim_init(struct machine *m)
{
	m->shrinkers = g_array_new(FALSE, FALSE, sizeof(struct registered_shrinker));
	m->primes = g_array_new(FALSE, FALSE, sizeof(struct prime));
	m->fs_reclaim = sim_lock_class(m->sim, "fs_reclaim");
	sim_waitq_init(&m->kswapd_wait, m->sim, "kswapd_wait");
	sim_waitq_init(&m->writeback_done, m->sim, "reclaim_throttle");
	m->kswapd = kernel_spawn(m, "kswapd0", kswapd_main, NULL);
}

void reclaim_destroy(struct machine *m)
{
	g_array_free(m->shrinkers, TRUE);
	g_array_free(m->primes, TRUE);
	sim_waitq_destroy(&m->kswapd_wait);
	sim_waitq_destroy(&m->writeback_done);
}

void shrinker_register(struct machine *machine, const struct shrinker *shrinker)
{
	struct registered_shrinker entry = {.ops = *shrinker};

	g_array_append_val(machine->shrinkers, entry);
}

void machine_on_pages_released(struct machine *machine,
			       void (*fn)(struct kernel_task *task, void *arg), void *arg)
{
	machine->pages_released = fn;
	machine->pages_released_arg = arg;
}

void pages_were_released(struct kernel_task *task)
{
	struct machine *m = task->machine;

	if (!m->pages_released)
		return;
	sim_path_enter(m->sim, "filemap_release_folio");
	m->pages_released(task, m->pages_released_arg);
	sim_path_leave(m->sim);
}

/* ---- priming ---- */

void machine_on_prime(struct machine *machine, void (*fn)(struct machine *machine, void *arg),
		      void *arg)
{
	struct prime prime = {fn, arg};

	g_array_append_val(machine->primes, prime);
}

void machine_prime(struct kernel_task *task)
{
	struct machine *m = task->machine;

	sim_path_enter(m->sim, "fs_reclaim_acquire");
	sim_lock_order_enter(m->sim, m->fs_reclaim);
	for (guint i = 0; i < m->primes->len; i++) {
		const struct prime *prime = &g_array_index(m->primes, struct prime, i);

		prime->fn(m, prime->arg);
	}
	sim_lock_order_leave(m->sim, m->fs_reclaim);
	sim_path_leave(m->sim);
}

/* ---- shrinkers ---- */

/* do_shrink_slab(). The entry is looked up anew after each scan, which may pass time. */
static uint64_t shrink_slab(struct kernel_task *task, guint i, int priority, enum gfp gfp)
{
	GArray *all = task->machine->shrinkers;
	struct shrinker ops = g_array_index(all, struct registered_shrinker, i).ops;
	uint64_t freeable = ops.count(ops.arg), deferred, delta, left, scanned = 0, freed = 0;

	if (!freeable)
		return 0;
	deferred = g_array_index(all, struct registered_shrinker, i).deferred;
	g_array_index(all, struct registered_shrinker, i).deferred = 0;
	delta = (freeable >> priority) * 4 / DEFAULT_SEEKS;
	left = MIN((deferred >> priority) + delta, 2 * freeable);
	while (left >= SHRINK_BATCH || (left && left >= freeable)) {
		uint64_t objects = MIN(left, (uint64_t)SHRINK_BATCH);

		freed += ops.scan(task, objects, gfp, ops.arg);
		scanned += objects;
		left -= objects;
	}
	deferred = deferred + delta > scanned ? deferred + delta - scanned : 0;
	g_array_index(all, struct registered_shrinker, i).deferred += MIN(deferred, 2 * freeable);
	return freed;
}

/* ---- the LRU ---- */

/* Scans up to `chunks` chunks from the cold end until `want` pages are free. */
static uint64_t shrink_lru(struct machine *m, uint64_t chunks, uint64_t want)
{
	uint64_t freed = 0;

	while (chunks-- && freed < want && m->lru.tail) {
		struct page_chunk *chunk = m->lru.tail;
		bool gone;

		if (chunk->referenced) {
			chunk->referenced = false;
			lru_rotate(&m->lru, chunk);
			continue;
		}
		freed += chunk_evict(chunk, want - freed, &gone);
		/* What stayed although more was wanted (dirty, in use) is not asked again soon. */
		if (!gone && freed < want)
			lru_rotate(&m->lru, chunk);
	}
	return freed;
}

static uint64_t reclaim_pages(struct kernel_task *task, uint64_t want, enum gfp gfp)
{
	struct machine *m = task->machine;
	uint64_t freed = 0;

	for (int priority = DEF_PRIORITY; priority >= 0 && freed < want; priority--) {
		uint64_t got = shrink_lru(m, (m->lru.chunks >> priority) + 1, want - freed);

		if (got) {
			kernel_run(task, COST_RECLAIM_PAGE, got);
			pages_were_released(task);
		}
		freed += got;
		for (guint i = 0; gfp == GFP_KERNEL && i < m->shrinkers->len; i++)
			freed += shrink_slab(task, i, priority, gfp);
	}
	if (freed < want && m->dirty_pages)
		flusher_wake_all(m);
	return freed;
}

static uint64_t reclaim_once(struct kernel_task *task, enum gfp gfp)
{
	struct machine *m = task->machine;
	uint64_t freed;

	task->memalloc_depth++;
	if (gfp == GFP_KERNEL)
		sim_lock_order_enter(m->sim, m->fs_reclaim);
	freed = reclaim_pages(task, SWAP_CLUSTER_MAX, gfp);
	if (gfp == GFP_KERNEL)
		sim_lock_order_leave(m->sim, m->fs_reclaim);
	task->memalloc_depth--;
	return freed;
}

static void throttle(struct kernel_task *task)
{
	struct machine *m = task->machine;

	if (m->dirty_pages || m->writeback_pages)
		kernel_wait_timeout(task, &m->writeback_done, PART_ALLOC,
				    machine_cost_mean(m, SPAN_RECLAIM_THROTTLE));
}

static bool anything_reclaimable(struct machine *m, enum gfp gfp)
{
	if (m->cached_pages)
		return true;
	for (guint i = 0; gfp == GFP_KERNEL && i < m->shrinkers->len; i++) {
		const struct shrinker *ops =
			&g_array_index(m->shrinkers, struct registered_shrinker, i).ops;

		if (ops->count(ops->arg))
			return true;
	}
	return false;
}

/* ---- direct reclaim ---- */

static bool reclaim_until(struct kernel_task *task, enum gfp gfp, uint64_t bytes,
			  unsigned int flags)
{
	struct machine *m = task->machine;
	bool costly = bytes > machine_size(m, SIZE_PAGE) << PAGE_ALLOC_COSTLY_ORDER;
	uint32_t no_progress = 0;

	while (anything_reclaimable(m, gfp)) {
		uint64_t freed = reclaim_once(task, gfp);

		if (memory_take(m, bytes, m->min_bytes))
			return true;
		if (costly || flags & ALLOC_NORETRY)
			return false;
		no_progress = freed ? 0 : no_progress + 1;
		if (no_progress > MAX_RECLAIM_RETRIES)
			return false;
		if (!freed)
			throttle(task);
	}
	return memory_take(m, bytes, m->min_bytes);
}

bool reclaim_for(struct kernel_task *task, enum gfp gfp, uint64_t bytes, unsigned int flags)
{
	struct machine *m = task->machine;
	sim_ns since = sim_now(m->sim);
	bool taken = reclaim_until(task, gfp, bytes, flags);

	m->alloc.reclaim_ns += sim_now(m->sim) - since;
	return taken;
}

/* ---- kswapd ---- */

void kswapd_wake(struct machine *m)
{
	m->kswapd_wanted = true;
	sim_waitq_wake_one(&m->kswapd_wait);
}

/* balance_pgdat(): until the high watermark is met or no progress is made for long. */
static void kswapd_balance(struct kernel_task *task)
{
	struct machine *m = task->machine;

	for (uint32_t failures = 0;
	     memory_free_bytes(m) < m->high_bytes && failures < MAX_RECLAIM_RETRIES;) {
		if (reclaim_once(task, GFP_KERNEL)) {
			failures = 0;
			continue;
		}
		failures++;
		throttle(task);
	}
}

static void kswapd_main(struct kernel_task *task, void *arg)
{
	struct machine *m = task->machine;

	(void)arg;
	for (;;) {
		while (!m->kswapd_wanted)
			kernel_wait(task, &m->kswapd_wait, PART_SLEEP);
		kernel_request_begin(task, KERNEL_REQUEST_OWN + 2 * m->kswapd_runs++);
		kswapd_balance(task);
		m->kswapd_wanted = false;
	}
}
