/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The page cache against a model that knows one page at a time. */
#include <criterion/criterion.h>
#include "tests/models/kernel_fixture.h"

enum { BLOCKS = 1200, MAPPINGS = 3, STEPS = 4000 };
#define FAR 3000000000u

struct page {
	bool present, uptodate, dirty, writeback;
};

struct world {
	struct kernel_fixture f;
	struct address_space *mapping[MAPPINGS];
	struct page page[MAPPINGS][BLOCKS];
	uint32_t base[MAPPINGS]; /* where the mapping's blocks begin */
	uint32_t wrong, step;
	sim_ns at[4];
};

static bool keep_multiples_of_seven(struct address_space *mapping, uint32_t first, uint32_t blocks)
{
	struct world *w = address_space_host(mapping);

	for (int i = 0; i < MAPPINGS; i++) {
		if (w->mapping[i] != mapping)
			continue;
		for (uint32_t b = first - w->base[i]; b < first - w->base[i] + blocks; b++) {
			struct page *page = &w->page[i][b];

			if (!page->present || !page->uptodate || page->dirty || page->writeback)
				w->wrong++;
		}
		if (first % 7 == 0)
			return false;
		memset(&w->page[i][first - w->base[i]], 0, blocks * sizeof(struct page));
	}
	return true;
}

static const struct address_space_ops picky = {.release = keep_multiples_of_seven};
static const struct address_space_ops plain = {.release = NULL};

static void change(struct kernel_task *task, struct world *w, int m, uint32_t first, uint32_t n,
		   uint32_t what)
{
	struct address_space *mapping = w->mapping[m];
	uint32_t at = w->base[m] + first, clean = 0;

	for (uint32_t b = first; b < first + n; b++) {
		struct page *page = &w->page[m][b];

		clean += page->present && !page->dirty;
		if (what == 0 && !page->present)
			*page = (struct page){.present = true};
		if (what == 1)
			page->uptodate = page->present;
		if (what == 2)
			page->dirty = page->present;
		if (what == 3 && page->dirty)
			*page = (struct page){true, page->uptodate, false, true};
		if (what == 4)
			page->writeback = false;
		if (what == 5)
			memset(page, 0, sizeof(*page));
	}
	if (what == 0)
		cr_assert(page_cache_add(task, mapping, at, n, GFP_KERNEL));
	if (what == 1)
		page_cache_uptodate(mapping, at, n);
	if (what == 2)
		w->wrong += page_cache_dirty(mapping, at, n) != clean;
	if (what == 3)
		page_cache_writeback_begin(mapping, at, n);
	if (what == 4)
		page_cache_writeback_end(mapping, at, n);
	if (what == 5)
		page_cache_drop(mapping, at, n);
	if (what == 6)
		page_cache_drop_clean(w->f.machine);
}

static void check_missing(struct world *w, int m, uint32_t first, uint32_t n)
{
	uint32_t from = first, count = 0, got_first = 0, got_count = 0;
	bool missing;

	while (from < first + n && w->page[m][from].present)
		from++;
	while (from + count < first + n && !w->page[m][from + count].present)
		count++;
	missing = page_cache_missing(w->mapping[m], w->base[m] + first, n, &got_first, &got_count);
	if (missing != (count > 0) ||
	    (missing && (got_first - w->base[m] != from || got_count != count)))
		w->wrong++;
}

static void check_dirty(struct world *w, int m, uint32_t from)
{
	uint32_t count = 0, got_first = 0, got_count = 0;
	bool dirty;

	while (from < BLOCKS && !w->page[m][from].dirty)
		from++;
	while (from + count < BLOCKS && w->page[m][from + count].dirty)
		count++;
	dirty = page_cache_next_dirty(w->mapping[m], w->base[m] + (count ? from : 0), &got_first,
				      &got_count);
	if (count && (!dirty || got_first - w->base[m] != from || got_count != count))
		w->wrong++;
}

static void check_counts(struct world *w)
{
	uint64_t all = 0;

	for (int m = 0; m < MAPPINGS; m++) {
		uint64_t present = 0, dirty = 0, writeback = 0;

		for (uint32_t b = 0; b < BLOCKS; b++) {
			present += w->page[m][b].present;
			dirty += w->page[m][b].dirty;
			writeback += w->page[m][b].writeback;
		}
		all += present;
		w->wrong += page_cache_present_blocks(w->mapping[m]) != present;
		w->wrong += page_cache_dirty_blocks(w->mapping[m]) != dirty;
		w->wrong += page_cache_writeback_blocks(w->mapping[m]) != writeback;
	}
	w->wrong += alloc_site_bytes(alloc_site(w->f.machine, "page_cache")) != all * FIXTURE_PAGE;
}

static void random_steps(struct kernel_task *task, void *arg)
{
	struct world *w = arg;
	uint64_t state = 5;

	for (w->step = 0; w->step < STEPS && !w->wrong; w->step++) {
		int m = fixture_random(&state, MAPPINGS);
		uint32_t first = fixture_random(&state, BLOCKS);
		uint32_t n = 1 + fixture_random(&state, fixture_random(&state, 2) ? 20 : 600);

		n = MIN(n, BLOCKS - first);
		change(task, w, m, first, n,
		       fixture_random(&state, 40) ? fixture_random(&state, 6) : 6);
		check_missing(w, m, first, n);
		check_dirty(w, m, first);
		if (w->step % 50 == 0)
			check_counts(w);
	}
	check_counts(w);
}

Test(kernel_page_cache, ranges_behave_as_single_pages_do)
{
	static const uint32_t bases[MAPPINGS] = {0, 37, FAR};
	struct world *w = g_new0(struct world, 1);

	fixture_prepare(&w->f);
	fixture_start(&w->f);
	for (int i = 0; i < MAPPINGS; i++) {
		w->base[i] = bases[i];
		w->mapping[i] = address_space_new(w->f.machine, &picky, w);
	}
	kernel_spawn(w->f.machine, "steps", random_steps, w);
	cr_assert(fixture_run(&w->f));
	cr_expect_eq(w->wrong, 0, "differs at step %u", w->step);
	EXPECT_U64(w->step, STEPS);
	sim_free(w->f.sim);
	for (int i = 0; i < MAPPINGS; i++)
		address_space_discard(w->mapping[i]);
	machine_free(w->f.machine);
	g_free(w);
}

/* ---- far apart ---- */

static void write_sparsely(struct kernel_task *task, void *arg)
{
	static const uint32_t at[] = {0, 63, 64 * 63, 64 * 64, 64 * 64 * 64 + 5, 4000000000u};
	struct world *w = arg;
	struct address_space *mapping = w->mapping[0];
	uint32_t first, blocks, from = 0;

	for (int i = G_N_ELEMENTS(at) - 1; i >= 0; i--) {
		page_cache_add(task, mapping, at[i], 1, GFP_KERNEL);
		page_cache_dirty(mapping, at[i], 1);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(at); i++) {
		cr_assert(page_cache_next_dirty(mapping, from, &first, &blocks));
		EXPECT_U64(first, at[i]);
		EXPECT_U64(blocks, 1);
		if (i + 1 == G_N_ELEMENTS(at))
			break;
		cr_assert(page_cache_missing(mapping, at[i] + 1, UINT32_MAX - at[i] - 1, &first,
					     &blocks));
		EXPECT_U64(first, at[i] + 1);
		EXPECT_U64(blocks, at[i + 1] - at[i] - 1);
		from = at[i] + 1;
	}
	page_cache_drop(mapping, 64 * 64, UINT32_MAX - 64 * 64);
	EXPECT_U64(page_cache_present_blocks(mapping), 3);
	page_cache_drop(mapping, 0, UINT32_MAX);
	cr_expect(!page_cache_next_dirty(mapping, 0, &first, &blocks));
}

Test(kernel_page_cache, blocks_far_apart_are_found_in_order)
{
	struct world w = {.wrong = 0};

	fixture_prepare(&w.f);
	fixture_start(&w.f);
	w.mapping[0] = address_space_new(w.f.machine, &plain, &w);
	kernel_spawn(w.f.machine, "sparse", write_sparsely, &w);
	cr_assert(fixture_run(&w.f));
	address_space_free(w.mapping[0]);
	fixture_free(&w.f);
}

/* ---- waiting ---- */

static void reader(struct kernel_task *task, void *arg)
{
	struct world *w = arg;

	kernel_request_begin(task, 1);
	page_cache_wait_read(task, w->mapping[0], 10, 100);
	w->at[0] = sim_now(w->f.sim);
	EXPECT_U64(task->part_ns[PART_OTHER_TASK], w->at[0]);
	page_cache_wait_writeback(task, w->mapping[0], 0, 64);
	w->at[1] = sim_now(w->f.sim);
}

static void other_reader(struct kernel_task *task, void *arg)
{
	struct world *w = arg;

	page_cache_wait_read(task, w->mapping[0], 0, 5);
	w->at[2] = sim_now(w->f.sim);
	page_cache_wait_read(task, w->mapping[0], 500, 64);
	w->at[3] = sim_now(w->f.sim);
}

static void bring_in(struct kernel_task *task, void *arg)
{
	struct world *w = arg;
	struct address_space *mapping = w->mapping[0];

	page_cache_add(task, mapping, 0, 200, GFP_NOFS);
	page_cache_add(task, mapping, 500, 64, GFP_NOFS);
	kernel_spawn(w->f.machine, "reader", reader, w);
	kernel_spawn(w->f.machine, "reader", other_reader, w);
	kernel_sleep(task, 100, PART_SLEEP);
	page_cache_uptodate(mapping, 0, 20);
	kernel_sleep(task, 100, PART_SLEEP);
	page_cache_uptodate(mapping, 30, 170);
	kernel_sleep(task, 100, PART_SLEEP);
	page_cache_dirty(mapping, 0, 64);
	page_cache_writeback_begin(mapping, 0, 64);
	page_cache_uptodate(mapping, 20, 10);
	kernel_sleep(task, 100, PART_SLEEP);
	page_cache_writeback_end(mapping, 0, 63);
	kernel_sleep(task, 100, PART_SLEEP);
	page_cache_writeback_end(mapping, 63, 1);
	kernel_sleep(task, 100, PART_SLEEP);
	page_cache_drop(mapping, 500, 64); /* truncated while it is read */
}

Test(kernel_page_cache, waiters_wake_when_the_last_block_of_their_range_is_ready)
{
	struct world w = {.wrong = 0};
	struct alloc_site *site;

	fixture_prepare(&w.f);
	fixture_start(&w.f);
	w.mapping[0] = address_space_new(w.f.machine, &plain, &w);
	kernel_spawn(w.f.machine, "io", bring_in, &w);
	cr_assert(fixture_run(&w.f));
	EXPECT_U64(w.at[0], 300);
	EXPECT_U64(w.at[1], 500);
	EXPECT_U64(w.at[2], 100);
	EXPECT_U64(w.at[3], 600);
	site = alloc_site(w.f.machine, "page_cache");
	address_space_free(w.mapping[0]);
	EXPECT_U64(alloc_site_bytes(site), 0);
	EXPECT_U64(alloc_site_max_bytes(site), 264 * FIXTURE_PAGE);
	EXPECT_U64(fixture_metric(&w.f, "mem.page_cache_max_bytes"), 264 * FIXTURE_PAGE);
	fixture_free(&w.f);
}
