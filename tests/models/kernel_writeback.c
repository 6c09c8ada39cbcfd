/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The flusher and dirty throttling. */
#include <criterion/criterion.h>
#include "tests/models/kernel_fixture.h"

enum { FILES = 3, LOG = 16 };

struct world {
	struct kernel_fixture f;
	struct address_space *file[FILES];
	struct {
		int file;
		sim_ns at;
	} log[LOG];
	uint32_t logged;
	sim_ns device_ns; /* 0: the write ends within writepages() */
	bool stubborn; /* writepages() does nothing */
	enum alloc_context context;
	sim_ns ended, throttled;
};

static int file_number(struct world *w, struct address_space *mapping)
{
	for (int i = 0; i < FILES; i++)
		if (w->file[i] == mapping)
			return i;
	return -1;
}

static void writepages(struct kernel_task *task, struct address_space *mapping, bool wait)
{
	struct world *w = address_space_host(mapping);
	uint32_t first, blocks, at = 0;

	cr_assert(!wait);
	w->context = kernel_context(task);
	if (w->logged < LOG) {
		w->log[w->logged].file = file_number(w, mapping);
		w->log[w->logged++].at = sim_now(w->f.sim);
	}
	while (!w->stubborn && page_cache_next_dirty(mapping, at, &first, &blocks)) {
		page_cache_writeback_begin(mapping, first, blocks);
		if (w->device_ns)
			kernel_sleep(task, w->device_ns, PART_DEVICE);
		page_cache_writeback_end(mapping, first, blocks);
		at = first + blocks;
	}
}

static const struct address_space_ops ops = {.writepages = writepages};

static void prepare(struct world *w)
{
	memset(w, 0, sizeof(*w));
	fixture_prepare(&w->f);
	w->f.config.flushers = true;
	fixture_cost(&w->f, SPAN_DIRTY_WRITEBACK, 5000);
	fixture_cost(&w->f, SPAN_DIRTY_EXPIRE, 30000);
	fixture_cost(&w->f, SPAN_THROTTLE_PAUSE, 100);
}

static void start(struct world *w, kernel_task_fn fn)
{
	fixture_start(&w->f);
	for (int i = 0; i < FILES; i++)
		w->file[i] = address_space_new(w->f.machine, &ops, w);
	kernel_spawn(w->f.machine, "writer", fn, w);
}

static void end(struct world *w)
{
	sim_free(w->f.sim);
	for (int i = 0; i < FILES; i++)
		address_space_discard(w->file[i]);
	machine_free(w->f.machine);
	if (w->f.metrics)
		sim_metrics_free(w->f.metrics);
}

static void write_blocks(struct kernel_task *task, struct address_space *file, uint32_t first,
			 uint32_t blocks)
{
	page_cache_add(task, file, first, blocks, GFP_KERNEL);
	page_cache_uptodate(file, first, blocks);
	page_cache_dirty(file, first, blocks);
	balance_dirty_pages(task);
}

static void write_three_files(struct kernel_task *task, void *arg)
{
	struct world *w = arg;

	kernel_sleep(task, 1000, PART_SLEEP);
	write_blocks(task, w->file[1], 0, 3);
	kernel_sleep(task, 1000, PART_SLEEP);
	write_blocks(task, w->file[0], 0, 3);
	kernel_sleep(task, 20000, PART_SLEEP);
	write_blocks(task, w->file[1], 8, 3); /* already dirty: keeps its place */
	write_blocks(task, w->file[2], 0, 3);
}

Test(kernel_writeback, what_has_been_dirty_for_long_is_written_by_the_periodic_flush)
{
	struct world w;

	prepare(&w);
	start(&w, write_three_files);
	cr_assert(fixture_run(&w.f), "the timer keeps the run alive");
	/* The timer starts at 1000 and comes every 5000. Files 1 (dirty since 1000) and 0 (since
	 * 2000) are older than 30000 at 31000 and 36000, file 2 (since 22000) at 56000. */
	EXPECT_U64(w.logged, 3);
	cr_expect(w.log[0].file == 1 && w.log[0].at == 31000, "file %d at %" G_GUINT64_FORMAT,
		  w.log[0].file, w.log[0].at);
	cr_expect(w.log[1].file == 0 && w.log[1].at == 36000);
	cr_expect(w.log[2].file == 2 && w.log[2].at == 56000);
	cr_expect_eq(w.context, CONTEXT_WRITEBACK);
	EXPECT_U64(sim_now(w.f.sim), 56000);
	EXPECT_U64(page_cache_dirty_blocks(w.file[1]), 0);
	end(&w);
}

static void write_much(struct kernel_task *task, void *arg)
{
	struct world *w = arg;

	kernel_request_begin(task, 1);
	/* 64 MiB: background limit 1638 pages, hard limit 3276. */
	for (int i = 0; i < 40; i++)
		write_blocks(task, w->file[i % FILES], i * 100, 100);
	w->ended = sim_now(w->f.sim);
	w->throttled = task->part_ns[PART_THROTTLE];
}

Test(kernel_writeback, over_the_background_limit_the_flusher_starts_at_once)
{
	struct world w;

	prepare(&w);
	w.f.config.dirty_permille = 900;
	start(&w, write_much);
	cr_assert(fixture_run(&w.f));
	EXPECT_U64(w.ended, 0);
	EXPECT_U64(w.throttled, 0);
	cr_expect(w.logged > 0 && w.log[0].at == 0, "the flusher came late");
	cr_expect_eq(w.log[0].file, 0);
	end(&w);
}

Test(kernel_writeback, over_the_hard_limit_writers_pause_until_pages_are_clean)
{
	struct world w;

	prepare(&w);
	w.device_ns = 70;
	start(&w, write_much);
	cr_assert(fixture_run(&w.f));
	/* At 3300 dirty pages the writer pauses for 100; by then one write of 70 is done, and more
	 * under way count until they end. */
	cr_expect(w.throttled >= 100 && w.throttled % 100 == 0);
	EXPECT_U64(w.throttled, w.ended);
	EXPECT_U64(fixture_metric(&w.f, "writeback.throttled_ns"), w.throttled);
	end(&w);
}

Test(kernel_writeback, without_flushers_nothing_is_written_and_nobody_pauses)
{
	struct world w;

	prepare(&w);
	w.f.config.flushers = false;
	start(&w, write_much);
	cr_assert(fixture_run(&w.f));
	EXPECT_U64(w.logged, 0);
	EXPECT_U64(w.ended, 0);
	EXPECT_U64(sim_now(w.f.sim), 0);
	EXPECT_U64(page_cache_dirty_blocks(w.file[0]), 1400);
	end(&w);
}

static void fill_with_dirty(struct kernel_task *task, void *arg)
{
	struct world *w = arg;
	uint32_t blocks = (64 << 20) / FIXTURE_PAGE - 320;

	page_cache_add(task, w->file[0], 0, blocks, GFP_NOFS);
	page_cache_uptodate(w->file[0], 0, blocks);
	page_cache_dirty(w->file[0], 0, blocks);
	kernel_request_begin(task, 1);
	for (int i = 0; i < 100; i++)
		cr_assert(page_cache_add(task, w->file[1], i, 1, GFP_NOFS));
	w->ended = sim_now(w->f.sim);
	w->throttled = task->part_ns[PART_ALLOC];
}

Test(kernel_writeback, reclaim_writes_no_page_but_wakes_the_flusher_and_waits)
{
	struct world w;

	prepare(&w);
	w.device_ns = 12345;
	start(&w, fill_with_dirty);
	cr_assert(fixture_run(&w.f));
	cr_expect(w.logged > 0 && w.log[0].file == 0 && w.log[0].at == 0);
	EXPECT_U64(w.ended, 12345);
	EXPECT_U64(w.throttled, 12345);
	EXPECT_U64(fixture_metric(&w.f, "alloc.reclaim_ns"), 12345);
	end(&w);
}

static void free_while_flushed(struct kernel_task *task, void *arg)
{
	struct world *w = arg;

	write_blocks(task, w->file[0], 0, 2000); /* over the background limit */
	kernel_sleep(task, 500, PART_SLEEP);
	cr_assert_eq(w->logged, 1);
	page_cache_drop(w->file[0], 0, 2000);
	address_space_free(w->file[0]);
	w->file[0] = address_space_new(w->f.machine, &ops, w);
}

Test(kernel_writeback, a_mapping_may_be_freed_under_the_flusher)
{
	struct world w;

	prepare(&w);
	w.device_ns = 1000;
	start(&w, free_while_flushed);
	cr_assert(fixture_run(&w.f));
	EXPECT_U64(sim_now(w.f.sim), 5000); /* the timer, armed at 0, finds nothing */
	end(&w);
}

Test(kernel_writeback, a_flusher_that_makes_no_progress_does_not_spin)
{
	struct world w;

	prepare(&w);
	w.stubborn = true;
	w.f.config.dirty_permille = 900;
	start(&w, write_much);
	cr_expect_eq(sim_run(w.f.sim, 100000), SIM_END_TIME);
	cr_expect_lt(sim_events(w.f.sim), 2000);
	end(&w);
}
