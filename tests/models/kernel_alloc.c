/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Allocation: flags and scopes, watermarks, reclaim, shrinkers, mempools. */
#include <criterion/criterion.h>
#include "tests/models/kernel_fixture.h"

enum { MIB = 1 << 20 };

struct world {
	struct kernel_fixture f;
	struct alloc_site *site;
	struct address_space *mapping;
	struct mempool *pool;
	bool result[8];
	sim_ns at[8];
	uint64_t value[8];
	/* a shrinker's objects, one page each */
	uint64_t objects, scans;
	uint32_t released, kept; /* pages that release() saw, and how many it is still to keep */
};

static bool release(struct address_space *mapping, uint32_t first, uint32_t blocks)
{
	struct world *w = address_space_host(mapping);

	(void)first;
	if (w->kept >= blocks) {
		w->kept -= blocks;
		return false;
	}
	w->released += blocks;
	return true;
}

static const struct address_space_ops ops = {.release = release};

static void prepare(struct world *w)
{
	memset(w, 0, sizeof(*w));
	fixture_prepare(&w->f);
}

static void start(struct world *w, kernel_task_fn fn)
{
	fixture_start(&w->f);
	w->site = alloc_site(w->f.machine, "site");
	w->mapping = address_space_new(w->f.machine, &ops, w);
	kernel_spawn(w->f.machine, "test", fn, w);
	cr_assert(fixture_run(&w->f));
}

static void end(struct world *w)
{
	sim_free(w->f.sim);
	address_space_discard(w->mapping);
	machine_free(w->f.machine);
	if (w->f.metrics)
		sim_metrics_free(w->f.metrics);
}

/* ---- books ---- */

static void scoped_allocations(struct kernel_task *task, void *arg)
{
	struct world *w = arg;

	kernel_alloc(task, w->site, GFP_KERNEL, 64);
	memalloc_nofs_save(task);
	kernel_alloc(task, w->site, GFP_KERNEL, 64);
	memalloc_nofs_save(task);
	memalloc_nofs_restore(task);
	kernel_context_enter(task, CONTEXT_WRITEBACK);
	kernel_alloc(task, w->site, GFP_KERNEL, 64); /* the scope makes it safe */
	kernel_context_leave(task);
	memalloc_noio_save(task);
	kernel_alloc(task, w->site, GFP_KERNEL, 64); /* NOIO wins: not counted as NOFS */
	memalloc_noio_restore(task);
	memalloc_nofs_restore(task);
	kernel_context_enter(task, CONTEXT_WRITEBACK);
	kernel_alloc(task, w->site, GFP_KERNEL, 64); /* unsafe */
	kernel_context_leave(task);
	kernel_context_enter(task, CONTEXT_TRANSACTION);
	kernel_alloc(task, w->site, GFP_KERNEL, 64); /* unsafe */
	kernel_alloc(task, w->site, GFP_NOFS, 64);
	kernel_context_enter(task, CONTEXT_ENDIO);
	kernel_alloc_many(task, w->site, GFP_KERNEL, 64, 3); /* unsafe, three times */
	kernel_alloc(task, w->site, GFP_ATOMIC, 64);
	kernel_context_enter(task, CONTEXT_NOFS_SCOPE);
	kernel_alloc(task, w->site, GFP_KERNEL, 64);
	kernel_context_leave(task);
	kernel_context_leave(task);
	kernel_context_leave(task);
	kernel_alloc(task, w->site, GFP_KERNEL, 64);
}

Test(kernel_alloc, scopes_strip_flags_and_contexts_tell_unsafe_from_safe)
{
	struct world w;

	prepare(&w);
	start(&w, scoped_allocations);
	EXPECT_U64(fixture_metric(&w.f, "alloc.total"), 13);
	EXPECT_U64(fixture_metric(&w.f, "alloc.nofs"), 4);
	EXPECT_U64(fixture_metric(&w.f, "alloc.unsafe"), 5);
	EXPECT_U64(fixture_metric(&w.f, "alloc.failed"), 0);
	EXPECT_U64(fixture_metric(&w.f, "alloc.by.site.GFP_KERNEL.process"), 2);
	EXPECT_U64(fixture_metric(&w.f, "alloc.by.site.GFP_KERNEL.nofs_scope"), 3);
	EXPECT_U64(fixture_metric(&w.f, "alloc.by.site.GFP_KERNEL.writeback"), 2);
	EXPECT_U64(fixture_metric(&w.f, "alloc.by.site.GFP_KERNEL.transaction"), 1);
	EXPECT_U64(fixture_metric(&w.f, "alloc.by.site.GFP_KERNEL.endio"), 3);
	EXPECT_U64(fixture_metric(&w.f, "alloc.by.site.GFP_ATOMIC.endio"), 1);
	EXPECT_U64((uint64_t)fixture_metric(&w.f, "alloc.by.site.GFP_NOWAIT.endio"), UINT64_MAX);
	EXPECT_U64(alloc_site_bytes(w.site), 13 * 64);
	end(&w);
}

/* ---- watermarks ---- */

/*
 * 64 MiB: min = sqrt(65536 * 16) = 1024 KiB, step = max(min/4, 0.1 %) = 256 KiB, so low is 1280 KiB
 * and high 1536 KiB.
 */
enum { KIB = 1024, WMARK_MIN = 1024 * KIB, WMARK_LOW = 1280 * KIB, WMARK_HIGH = 1536 * KIB };

static void down_to_the_watermarks(struct kernel_task *task, void *arg)
{
	struct world *w = arg;

	w->result[0] = kernel_alloc(task, w->site, GFP_NOWAIT, 64 * MIB - WMARK_MIN);
	w->result[1] = kernel_alloc(task, w->site, GFP_NOWAIT, KIB); /* under min */
	/* 3/8 of min is the floor of GFP_ATOMIC. */
	w->result[2] = kernel_alloc(task, w->site, GFP_ATOMIC, WMARK_MIN * 5 / 8);
	w->result[3] = kernel_alloc(task, w->site, GFP_ATOMIC, KIB);
	w->result[4] = kernel_alloc(task, w->site, GFP_KERNEL, KIB); /* nothing to reclaim */
}

Test(kernel_alloc, flags_that_may_not_wait_fail_at_their_watermark)
{
	struct world w;

	prepare(&w);
	start(&w, down_to_the_watermarks);
	cr_expect(w.result[0] && !w.result[1]);
	cr_expect(w.result[2] && !w.result[3]);
	cr_expect(!w.result[4], "memory came from nowhere");
	EXPECT_U64(fixture_metric(&w.f, "alloc.failed"), 3);
	EXPECT_U64(fixture_metric(&w.f, "mem.free_min_bytes"), WMARK_MIN * 3 / 8);
	end(&w);
}

static void probe_minimum(struct kernel_task *task, void *arg)
{
	struct world *w = arg;

	w->result[0] = kernel_alloc(task, w->site, GFP_NOWAIT, w->value[0] - w->value[1] + 1);
	w->result[1] = kernel_alloc(task, w->site, GFP_NOWAIT, w->value[0] - w->value[1]);
}

Test(kernel_alloc, the_minimum_watermark_follows_the_kernels_formula)
{
	static const struct {
		uint64_t memory, min;
	} rows[] = {
		{64 * MIB, WMARK_MIN},
		{UINT64_C(8) << 30, UINT64_C(11585) * KIB}, /* sqrt(16 * 8388608) */
		{UINT64_C(512) * KIB, 128 * KIB}, /* the least */
		{UINT64_C(32) << 40, UINT64_C(256) * MIB}, /* the most */
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct world w;

		prepare(&w);
		w.f.config.memory_bytes = w.value[0] = rows[i].memory;
		w.value[1] = rows[i].min;
		start(&w, probe_minimum);
		cr_expect(!w.result[0] && w.result[1], "row %zu", i);
		end(&w);
	}
}

/* ---- reclaim ---- */

static void fill_and_allocate(struct kernel_task *task, void *arg)
{
	struct world *w = arg;
	uint32_t blocks = (64 * MIB - WMARK_LOW) / FIXTURE_PAGE;
	sim_ns since;

	page_cache_add(task, w->mapping, 0, blocks, GFP_KERNEL);
	page_cache_uptodate(w->mapping, 0, blocks);
	w->value[0] = page_cache_present_blocks(w->mapping);
	kernel_request_begin(task, 1);
	since = sim_now(w->f.sim);
	for (int i = 0; i < 200; i++)
		w->result[0] = kernel_alloc(task, w->site, GFP_NOFS, FIXTURE_PAGE);
	w->at[0] = sim_now(w->f.sim) - since;
	w->value[1] = task->part_ns[PART_ALLOC] + task->part_ns[PART_CPU_QUEUE];
	w->value[2] = page_cache_missing(w->mapping, 0, 64, &w->released, &w->kept);
}

Test(kernel_alloc, direct_reclaim_takes_clean_pages_and_costs_the_allocator)
{
	struct world w;

	prepare(&w);
	fixture_cost(&w.f, COST_RECLAIM_PAGE, 700);
	start(&w, fill_and_allocate);
	EXPECT_U64(w.value[0], (64 * MIB - WMARK_LOW) / FIXTURE_PAGE);
	cr_expect(w.result[0]);
	cr_expect(w.at[0] > 0, "reclaim took no time");
	EXPECT_U64(w.value[1], w.at[0]);
	cr_expect(w.value[2], "the cold end is still there");
	EXPECT_U64(fixture_metric(&w.f, "alloc.failed"), 0);
	cr_expect_gt(fixture_metric(&w.f, "mem.free_min_bytes"), WMARK_MIN - 200 * FIXTURE_PAGE);
	end(&w);
}

static void wake_kswapd(struct kernel_task *task, void *arg)
{
	struct world *w = arg;
	uint32_t blocks = (64 * MIB - WMARK_LOW) / FIXTURE_PAGE;

	page_cache_add(task, w->mapping, 0, blocks, GFP_KERNEL);
	page_cache_uptodate(w->mapping, 0, blocks);
	w->result[0] = kernel_alloc(task, w->site, GFP_NOWAIT, FIXTURE_PAGE);
	w->at[0] = sim_now(w->f.sim);
	kernel_sleep(task, 1000000, PART_SLEEP);
	w->value[0] = page_cache_present_blocks(w->mapping);
}

Test(kernel_alloc, kswapd_reclaims_up_to_the_high_watermark_and_sleeps)
{
	struct world w;

	prepare(&w);
	start(&w, wake_kswapd);
	cr_expect(w.result[0]);
	EXPECT_U64(w.at[0], 0);
	/* Free memory was low less one page; kswapd frees 32 pages at a time. */
	cr_expect_geq(64 * MIB - (w.value[0] + 1) * FIXTURE_PAGE, (uint64_t)WMARK_HIGH);
	cr_expect_lt(64 * MIB - (w.value[0] + 1) * FIXTURE_PAGE,
		     (uint64_t)WMARK_HIGH + 32 * FIXTURE_PAGE);
	EXPECT_U64(fixture_metric(&w.f, "alloc.reclaim_ns"), 0);
	end(&w);
}

static void reclaim_spares_the_referenced(struct kernel_task *task, void *arg)
{
	struct world *w = arg;
	uint32_t blocks = (64 * MIB - WMARK_LOW) / FIXTURE_PAGE, first, count;

	page_cache_add(task, w->mapping, 0, blocks, GFP_KERNEL);
	page_cache_uptodate(w->mapping, 0, blocks);
	page_cache_missing(w->mapping, 0, 64, &first, &count); /* touches the coldest chunk */
	w->kept = 64; /* and release() keeps the next one */
	for (int i = 0; i < 300; i++)
		kernel_alloc(task, w->site, GFP_KERNEL, FIXTURE_PAGE);
	w->value[0] = page_cache_missing(w->mapping, 0, 64, &first, &count);
	w->value[1] = page_cache_missing(w->mapping, 64, 64, &first, &count);
	w->value[2] = page_cache_missing(w->mapping, 128, 64, &first, &count);
}

Test(kernel_alloc, reclaim_gives_referenced_chunks_a_second_chance_and_obeys_release)
{
	struct world w;

	prepare(&w);
	start(&w, reclaim_spares_the_referenced);
	EXPECT_U64(w.value[0], 0);
	EXPECT_U64(w.value[1], 0);
	EXPECT_U64(w.value[2], 1);
	cr_expect(w.released > 0);
	end(&w);
}

/* ---- shrinkers ---- */

static uint64_t count_objects(void *arg)
{
	struct world *w = arg;

	return w->objects;
}

static uint64_t scan_objects(struct kernel_task *task, uint64_t objects, enum gfp gfp, void *arg)
{
	struct world *w = arg;
	uint64_t freed = MIN(objects, w->objects);

	cr_assert_eq(gfp, GFP_KERNEL, "a shrinker was called where FS is not allowed");
	kernel_run(task, COST_TREE_LEVEL, 1);
	w->scans++;
	w->objects -= freed;
	kernel_free(w->f.machine, w->site, freed * FIXTURE_PAGE);
	return freed;
}

static void fill_with_objects(struct kernel_task *task, void *arg)
{
	struct world *w = arg;
	struct shrinker shrinker = {"objects", count_objects, scan_objects, w};

	shrinker_register(w->f.machine, &shrinker);
	/* A page under read I/O keeps reclaim trying, in vain. */
	page_cache_add(task, w->mapping, 0, 1, GFP_KERNEL);
	w->objects = (64 * MIB - WMARK_MIN) / FIXTURE_PAGE - 1;
	for (uint64_t i = 0; i < w->objects; i++)
		cr_assert(kernel_alloc(task, w->site, GFP_NOWAIT, FIXTURE_PAGE));
	w->result[0] = kernel_alloc(task, w->site, GFP_NOFS, FIXTURE_PAGE);
	w->value[0] = w->scans;
	kernel_request_begin(task, 1);
	w->result[1] = kernel_alloc(task, w->site, GFP_KERNEL, FIXTURE_PAGE);
	w->value[1] = w->scans;
	w->value[2] = task->part_ns[PART_CPU];
	w->value[3] = task->part_ns[PART_ALLOC];
}

Test(kernel_alloc, shrinkers_run_only_where_fs_is_allowed)
{
	struct world w;

	prepare(&w);
	fixture_cost(&w.f, COST_TREE_LEVEL, 40);
	start(&w, fill_with_objects);
	cr_expect(!w.result[0], "GFP_NOFS freed what only a shrinker could");
	EXPECT_U64(w.value[0], 0);
	cr_expect(w.result[1]);
	cr_expect(w.value[1] > 0);
	/* What a shrinker does in direct reclaim is the allocation's time. */
	EXPECT_U64(w.value[2], 0);
	cr_expect(w.value[3] >= 40);
	end(&w);
}

static void hold_and_allocate(struct kernel_task *task, void *arg)
{
	struct world *w = arg;
	struct sim_mutex mutex;

	sim_mutex_init(&mutex, w->f.sim, sim_lock_class(w->f.sim, "fs_lock"), "fs_lock");
	kernel_mutex_lock(task, &mutex);
	kernel_alloc(task, w->site, w->value[0] ? GFP_KERNEL : GFP_NOFS, 64);
	kernel_mutex_unlock(task, &mutex);
	sim_lock_order_enter(w->f.sim, sim_lock_class(w->f.sim, "fs_reclaim"));
	kernel_mutex_lock(task, &mutex); /* what a shrinker might do */
	kernel_mutex_unlock(task, &mutex);
	sim_lock_order_leave(w->f.sim, sim_lock_class(w->f.sim, "fs_reclaim"));
	sim_mutex_destroy(&mutex);
}

Test(kernel_alloc, allocating_with_fs_allowed_is_noted_in_the_lock_order)
{
	for (int fs = 0; fs < 2; fs++) {
		struct world w;
		size_t cycles;

		prepare(&w);
		w.value[0] = fs;
		start(&w, hold_and_allocate);
		sim_lock_cycles(w.f.sim, &cycles);
		EXPECT_U64(cycles, fs);
		end(&w);
	}
}

/* ---- mempools ---- */

static void put_later(struct kernel_task *task, void *arg)
{
	struct world *w = arg;

	kernel_sleep(task, 7000, PART_SLEEP);
	mempool_put(w->pool);
}

static void use_mempool(struct kernel_task *task, void *arg)
{
	struct world *w = arg;
	uint64_t before;

	w->pool = mempool_new(w->f.machine, "pool", 2, FIXTURE_PAGE);
	EXPECT_U64(alloc_site_bytes(alloc_site(w->f.machine, "pool")), 2 * FIXTURE_PAGE);
	/* With memory, elements come from the allocator and go back to it. */
	w->result[0] = mempool_get(task, w->pool, GFP_NOIO);
	EXPECT_U64(alloc_site_bytes(alloc_site(w->f.machine, "pool")), 3 * FIXTURE_PAGE);
	mempool_put(w->pool);
	EXPECT_U64(alloc_site_bytes(alloc_site(w->f.machine, "pool")), 2 * FIXTURE_PAGE);
	/* Without, from the reserve, and then a flag that may not wait fails. */
	kernel_alloc(task, w->site, GFP_NOWAIT, 64 * MIB - WMARK_MIN - 2 * FIXTURE_PAGE);
	w->result[1] = mempool_get(task, w->pool, GFP_NOWAIT);
	w->result[2] = mempool_get(task, w->pool, GFP_NOIO);
	w->result[3] = mempool_get(task, w->pool, GFP_ATOMIC);
	w->value[0] = alloc_site_bytes(alloc_site(w->f.machine, "pool"));
	w->result[4] = mempool_get(task, w->pool, GFP_NOWAIT);
	/* One that may wait sleeps until an element comes back. */
	kernel_spawn(w->f.machine, "putter", put_later, w);
	kernel_request_begin(task, 1);
	before = sim_now(w->f.sim);
	w->result[5] = mempool_get(task, w->pool, GFP_NOIO);
	w->at[0] = sim_now(w->f.sim) - before;
	w->value[1] = task->part_ns[PART_ALLOC];
}

Test(kernel_alloc, mempool_goes_allocator_reserve_then_sleep)
{
	struct world w;

	prepare(&w);
	fixture_cost(&w.f, SPAN_MEMPOOL_RETRY, 5000);
	start(&w, use_mempool);
	cr_expect(w.result[0] && w.result[1] && w.result[2]);
	/* GFP_ATOMIC still found memory under the minimum, so the pool grew by one. */
	cr_expect(w.result[3]);
	EXPECT_U64(w.value[0], 3 * FIXTURE_PAGE);
	cr_expect(!w.result[4]);
	cr_expect(w.result[5]);
	EXPECT_U64(w.at[0], 7000);
	EXPECT_U64(w.value[1], 7000);
	EXPECT_U64(fixture_metric(&w.f, "alloc.failed"), 1);
	end(&w);
}

static void reserve_before_reclaim(struct kernel_task *task, void *arg)
{
	struct world *w = arg;
	uint32_t blocks = (64 * MIB - WMARK_MIN) / FIXTURE_PAGE - 1;

	w->pool = mempool_new(w->f.machine, "pool", 1, FIXTURE_PAGE);
	page_cache_add(task, w->mapping, 0, blocks, GFP_NOWAIT);
	page_cache_uptodate(w->mapping, 0, blocks);
	w->result[0] = mempool_get(task, w->pool, GFP_NOFS);
	w->value[0] = page_cache_present_blocks(w->mapping) - blocks;
	w->result[1] = mempool_get(task, w->pool, GFP_NOFS);
	w->value[1] = blocks - page_cache_present_blocks(w->mapping);
}

Test(kernel_alloc, a_mempool_takes_from_its_reserve_before_it_reclaims)
{
	struct world w;

	prepare(&w);
	start(&w, reserve_before_reclaim);
	cr_expect(w.result[0] && w.result[1]);
	EXPECT_U64(w.value[0], 0);
	EXPECT_U64(w.value[1], 32);
	end(&w);
}

static void free_later(struct kernel_task *task, void *arg)
{
	struct world *w = arg;

	kernel_sleep(task, 7000, PART_SLEEP);
	kernel_free(w->f.machine, w->site, MIB);
}

static void wait_for_memory(struct kernel_task *task, void *arg)
{
	struct world *w = arg;

	w->pool = mempool_new(w->f.machine, "pool", 0, FIXTURE_PAGE);
	kernel_alloc(task, w->site, GFP_NOWAIT, 64 * MIB - WMARK_MIN);
	kernel_spawn(w->f.machine, "freer", free_later, w);
	w->result[0] = mempool_get(task, w->pool, GFP_NOIO);
	w->at[0] = sim_now(w->f.sim);
}

Test(kernel_alloc, a_mempool_sleeper_tries_the_allocator_again_after_the_timeout)
{
	struct world w;

	prepare(&w);
	fixture_cost(&w.f, SPAN_MEMPOOL_RETRY, 5000);
	start(&w, wait_for_memory);
	cr_expect(w.result[0]);
	EXPECT_U64(w.at[0], 10000); /* memory was there at 7000 */
	end(&w);
}
