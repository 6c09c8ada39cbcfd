/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The page cache: four bits per block, 64 blocks to a chunk. Every range function works chunk by
 * chunk and passes over what is not there.
 */
#include "models/kernel/machine.h"

/* A task that waits for a range; lives on its stack. */
struct page_waiter {
	struct page_waiter *next;
	uint32_t first, blocks;
	bool writeback; /* else read */
	struct sim_waitq wait;
};

/* ---- ranges ---- */

/* Bits of chunk `index` that lie in [first, end). */
static uint64_t range_mask(uint32_t index, uint64_t first, uint64_t end)
{
	uint64_t start = (uint64_t)index << CHUNK_SHIFT, mask = ~UINT64_C(0);

	if (first > start)
		mask <<= first - start;
	if (end < start + CHUNK_BLOCKS)
		mask &= (UINT64_C(1) << (end - start)) - 1;
	return mask;
}

/* The first chunk at or after `index` that begins before block `end`, or NULL. */
static struct page_chunk *next_in(const struct address_space *mapping, uint64_t index, uint64_t end)
{
	struct page_chunk *chunk = index <= UINT32_MAX ? chunk_from(&mapping->chunks, index) : NULL;

	return chunk && (uint64_t)chunk->index << CHUNK_SHIFT < end ? chunk : NULL;
}

#define for_each_chunk(chunk, mapping, first, end)                                                 \
	for (uint64_t index_ = (first) >> CHUNK_SHIFT;                                             \
	     (chunk = next_in(mapping, index_, end)) && (index_ = chunk->index + UINT64_C(1));)

/* ---- books ---- */

static void count_pages(struct address_space *mapping, int64_t present, int64_t dirty,
			int64_t writeback)
{
	struct machine *m = mapping->machine;
	bool was_dirty = mapping->dirty;

	memory_changes(m);
	mapping->present += present;
	mapping->dirty += dirty;
	mapping->writeback += writeback;
	m->cached_pages += present;
	m->dirty_pages += dirty;
	m->writeback_pages += writeback;
	m->cached_pages_max = MAX(m->cached_pages_max, m->cached_pages);
	if (!was_dirty && mapping->dirty)
		writeback_mapping_dirtied(mapping);
	if (was_dirty && !mapping->dirty)
		writeback_mapping_cleaned(mapping);
}

/* Forgets these pages of a chunk; true if the chunk, then empty, is gone. */
static bool chunk_drop(struct page_chunk *chunk, uint64_t mask)
{
	struct address_space *mapping = chunk->mapping;
	struct machine *m = mapping->machine;
	uint64_t pages;

	mask &= chunk->present;
	pages = __builtin_popcountll(mask);
	count_pages(mapping, -(int64_t)pages, -(int64_t)__builtin_popcountll(chunk->dirty & mask),
		    -(int64_t)__builtin_popcountll(chunk->writeback & mask));
	kernel_free(m, m->page_site, pages * machine_size(m, SIZE_PAGE));
	chunk->present &= ~mask;
	chunk->uptodate &= ~mask;
	chunk->dirty &= ~mask;
	chunk->writeback &= ~mask;
	if (chunk->present)
		return false;
	lru_remove(&m->lru, chunk);
	chunk_remove(&mapping->chunks, chunk->index);
	g_free(chunk);
	return true;
}

uint32_t chunk_evict(struct page_chunk *chunk, uint64_t want, bool *gone)
{
	struct address_space *mapping = chunk->mapping;
	uint64_t left = chunk_evictable(chunk), evict = 0;
	uint32_t evicted = 0;

	while (left && evicted < want) {
		unsigned int first = __builtin_ctzll(left);
		uint64_t ones = ~(left >> first);
		uint64_t blocks = ones ? (uint64_t)__builtin_ctzll(ones) : CHUNK_BLOCKS - first;
		uint64_t run;

		blocks = MIN(MIN(blocks, CHUNK_BLOCKS - first), want - evicted);
		run = range_mask(0, first, first + blocks);
		left &= ~run;
		if (mapping->ops->release &&
		    !mapping->ops->release(mapping, (chunk->index << CHUNK_SHIFT) + first, blocks))
			continue;
		evict |= run;
		evicted += blocks;
	}
	*gone = evicted && chunk_drop(chunk, evict);
	return evicted;
}

/* ---- mappings ---- */

struct address_space *address_space_new(struct machine *machine,
					const struct address_space_ops *ops, void *host)
{
	struct address_space *mapping = g_new0(struct address_space, 1);

	mapping->machine = machine;
	mapping->ops = ops;
	mapping->host = host;
	mapping->id = machine->mappings++;
	return mapping;
}

void address_space_free(struct address_space *mapping)
{
	g_assert(!mapping->dirty && !mapping->writeback && !mapping->first_waiter);
	address_space_discard(mapping);
}

void address_space_discard(struct address_space *mapping)
{
	uint64_t end = (uint64_t)UINT32_MAX + 1;
	struct page_chunk *chunk;

	for_each_chunk(chunk, mapping, UINT64_C(0), end) chunk_drop(chunk, ~UINT64_C(0));
	if (mapping->pins)
		mapping->freed = true;
	else
		g_free(mapping);
}

void address_space_unpin(struct address_space *mapping)
{
	if (!--mapping->pins && mapping->freed)
		g_free(mapping);
}

void *address_space_host(const struct address_space *mapping)
{
	return mapping->host;
}

uint64_t page_cache_dirty_blocks(const struct address_space *mapping)
{
	return mapping->dirty;
}

uint64_t page_cache_writeback_blocks(const struct address_space *mapping)
{
	return mapping->writeback;
}

uint64_t page_cache_present_blocks(const struct address_space *mapping)
{
	return mapping->present;
}

/* ---- finding ---- */

/* First block at or after `from` and before `end` that is not present; `end` if there is none. */
static uint64_t next_absent(struct address_space *mapping, uint64_t from, uint64_t end)
{
	while (from < end) {
		struct page_chunk *chunk = chunk_find(&mapping->chunks, from >> CHUNK_SHIFT);
		uint64_t absent;

		if (!chunk)
			return from;
		chunk->referenced = true;
		absent = ~chunk->present & range_mask(chunk->index, from, end);
		if (absent)
			return ((uint64_t)chunk->index << CHUNK_SHIFT) + __builtin_ctzll(absent);
		from = ((uint64_t)chunk->index + 1) << CHUNK_SHIFT;
	}
	return end;
}

static uint64_t next_present(struct address_space *mapping, uint64_t from, uint64_t end)
{
	struct page_chunk *chunk;

	for_each_chunk(chunk, mapping, from, end)
	{
		uint64_t present = chunk->present & range_mask(chunk->index, from, end);

		chunk->referenced = true;
		if (present)
			return ((uint64_t)chunk->index << CHUNK_SHIFT) + __builtin_ctzll(present);
	}
	return end;
}

bool page_cache_missing(struct address_space *mapping, uint32_t first, uint32_t blocks,
			uint32_t *missing_first, uint32_t *missing_blocks)
{
	uint64_t end = (uint64_t)first + blocks, from = next_absent(mapping, first, end);

	if (from == end)
		return false;
	*missing_first = from;
	*missing_blocks = next_present(mapping, from, end) - from;
	return true;
}

bool page_cache_next_dirty(const struct address_space *mapping, uint32_t from, uint32_t *first,
			   uint32_t *blocks)
{
	uint64_t end = (uint64_t)UINT32_MAX + 1, start = end, next = end;
	struct page_chunk *chunk;

	for_each_chunk(chunk, mapping, (uint64_t)from, end)
	{
		uint64_t base = (uint64_t)chunk->index << CHUNK_SHIFT, clean;

		if (start == end) {
			uint64_t dirty = chunk->dirty & range_mask(chunk->index, from, end);

			if (!dirty)
				continue;
			start = base + __builtin_ctzll(dirty);
		} else if (base != next) {
			break; /* a gap of whole chunks ended the run */
		}
		clean = ~chunk->dirty & range_mask(chunk->index, start, end);
		next = clean ? base + __builtin_ctzll(clean) : base + CHUNK_BLOCKS;
		if (clean)
			break;
	}
	if (start == end)
		return false;
	*first = start;
	*blocks = next - start;
	return true;
}

/* ---- waiting ---- */

static bool range_busy(const struct address_space *mapping, const struct page_waiter *waiter)
{
	uint64_t first = waiter->first, end = first + waiter->blocks;
	struct page_chunk *chunk;

	for_each_chunk(chunk, mapping, first, end)
	{
		uint64_t busy =
			waiter->writeback ? chunk->writeback : chunk->present & ~chunk->uptodate;

		if (busy & range_mask(chunk->index, first, end))
			return true;
	}
	return false;
}

/* Wakes those whose range has come free, longest waiting first. */
static void wake_waiters(struct address_space *mapping)
{
	struct page_waiter **p = &mapping->first_waiter, *last = NULL;

	while (*p) {
		struct page_waiter *waiter = *p;

		if (range_busy(mapping, waiter)) {
			last = waiter;
			p = &waiter->next;
			continue;
		}
		*p = waiter->next;
		kernel_wake_one(mapping->machine, &waiter->wait);
	}
	mapping->last_waiter = last;
}

static void wait_for_range(struct kernel_task *task, struct address_space *mapping,
			   struct page_waiter *waiter)
{
	enum sim_wake wake;

	while (range_busy(mapping, waiter)) {
		sim_waitq_init(&waiter->wait, mapping->machine->sim,
			       waiter->writeback ? "page writeback" : "page lock");
		waiter->next = NULL;
		if (mapping->last_waiter)
			mapping->last_waiter->next = waiter;
		else
			mapping->first_waiter = waiter;
		mapping->last_waiter = waiter;
		do {
			wake = kernel_wait(task, &waiter->wait, PART_DEVICE);
			g_assert(wake != SIM_KILLED);
		} while (wake != SIM_GRANTED);
		sim_waitq_destroy(&waiter->wait);
	}
}

void page_cache_wait_read(struct kernel_task *task, struct address_space *mapping, uint32_t first,
			  uint32_t blocks)
{
	struct page_waiter waiter = {.first = first, .blocks = blocks};

	wait_for_range(task, mapping, &waiter);
}

void page_cache_wait_writeback(struct kernel_task *task, struct address_space *mapping,
			       uint32_t first, uint32_t blocks)
{
	struct page_waiter waiter = {.first = first, .blocks = blocks, .writeback = true};

	wait_for_range(task, mapping, &waiter);
}

/* ---- changing ---- */

static struct page_chunk *chunk_make(struct address_space *mapping, uint32_t index)
{
	struct page_chunk *chunk = chunk_find(&mapping->chunks, index);

	if (chunk)
		return chunk;
	chunk = g_new0(struct page_chunk, 1);
	chunk->mapping = mapping;
	chunk->index = index;
	chunk_insert(&mapping->chunks, chunk);
	lru_add(&mapping->machine->lru, chunk);
	return chunk;
}

static uint64_t count_present(const struct address_space *mapping, uint64_t first, uint64_t end)
{
	struct page_chunk *chunk;
	uint64_t present = 0;

	for_each_chunk(chunk, mapping, first, end) present +=
		__builtin_popcountll(chunk->present & range_mask(chunk->index, first, end));
	return present;
}

bool page_cache_add(struct kernel_task *task, struct address_space *mapping, uint32_t first,
		    uint32_t blocks, enum gfp gfp)
{
	struct machine *m = mapping->machine;
	uint64_t page = machine_size(m, SIZE_PAGE), end = (uint64_t)first + blocks, added = 0;
	uint64_t absent = blocks - count_present(mapping, first, end);

	if (!absent)
		return true;
	if (!kernel_alloc_many(task, m->page_site, gfp, page, absent))
		return false;
	/* While memory was found, others may have brought some of them in, or reclaim taken some out
	 * that were there: the books follow what is added now. */
	for (uint64_t index = first >> CHUNK_SHIFT; index << CHUNK_SHIFT < end; index++) {
		struct page_chunk *chunk = chunk_make(mapping, index);
		uint64_t mask = range_mask(index, first, end) & ~chunk->present;

		chunk->present |= mask;
		added += __builtin_popcountll(mask);
	}
	if (added > absent)
		alloc_preload(m, m->page_site, (added - absent) * page);
	else if (added < absent)
		kernel_free(m, m->page_site, (absent - added) * page);
	count_pages(mapping, added, 0, 0);
	return true;
}

void page_cache_uptodate(struct address_space *mapping, uint32_t first, uint32_t blocks)
{
	uint64_t end = (uint64_t)first + blocks;
	struct page_chunk *chunk;

	for_each_chunk(chunk, mapping, (uint64_t)first, end) chunk->uptodate |=
		chunk->present & range_mask(chunk->index, first, end);
	wake_waiters(mapping);
}

uint32_t page_cache_dirty(struct address_space *mapping, uint32_t first, uint32_t blocks)
{
	uint64_t end = (uint64_t)first + blocks;
	struct page_chunk *chunk;
	uint32_t dirtied = 0;

	for_each_chunk(chunk, mapping, (uint64_t)first, end)
	{
		uint64_t mask =
			chunk->present & ~chunk->dirty & range_mask(chunk->index, first, end);

		chunk->dirty |= mask;
		chunk->referenced = true;
		dirtied += __builtin_popcountll(mask);
	}
	count_pages(mapping, 0, dirtied, 0);
	return dirtied;
}

void page_cache_writeback_begin(struct address_space *mapping, uint32_t first, uint32_t blocks)
{
	uint64_t end = (uint64_t)first + blocks;
	struct page_chunk *chunk;
	int64_t begun = 0, cleaned = 0;

	for_each_chunk(chunk, mapping, (uint64_t)first, end)
	{
		uint64_t mask = chunk->dirty & range_mask(chunk->index, first, end);

		begun += __builtin_popcountll(mask & ~chunk->writeback);
		cleaned += __builtin_popcountll(mask);
		chunk->writeback |= mask;
		chunk->dirty &= ~mask;
	}
	count_pages(mapping, 0, -cleaned, begun);
}

void page_cache_writeback_end(struct address_space *mapping, uint32_t first, uint32_t blocks)
{
	uint64_t end = (uint64_t)first + blocks;
	struct page_chunk *chunk;
	int64_t ended = 0;

	for_each_chunk(chunk, mapping, (uint64_t)first, end)
	{
		uint64_t mask = chunk->writeback & range_mask(chunk->index, first, end);

		chunk->writeback &= ~mask;
		ended += __builtin_popcountll(mask);
	}
	count_pages(mapping, 0, 0, -ended);
	wake_waiters(mapping);
	if (ended)
		sim_waitq_wake_all(&mapping->machine->writeback_done);
}

void page_cache_drop(struct address_space *mapping, uint32_t first, uint32_t blocks)
{
	uint64_t end = (uint64_t)first + blocks;
	struct page_chunk *chunk;

	for_each_chunk(chunk, mapping, (uint64_t)first, end)
		chunk_drop(chunk, range_mask(chunk->index, first, end));
	wake_waiters(mapping);
}

void page_cache_read_failed(struct address_space *mapping, uint32_t first, uint32_t blocks)
{
	uint64_t end = (uint64_t)first + blocks;
	struct page_chunk *chunk;

	for_each_chunk(chunk, mapping, (uint64_t)first, end)
	{
		uint64_t failed =
			chunk->present & ~chunk->uptodate & range_mask(chunk->index, first, end);
		uint64_t overwritten = failed & (chunk->dirty | chunk->writeback);

		chunk->uptodate |= overwritten;
		chunk_drop(chunk, failed & ~overwritten);
	}
	wake_waiters(mapping);
}

void page_cache_drop_clean(struct machine *machine)
{
	struct kernel_task *task = kernel_current(machine);
	struct page_chunk *chunk = machine->lru.tail;
	bool any = false;

	while (chunk) {
		struct page_chunk *prev = chunk->prev;
		bool gone;

		any |= chunk_evict(chunk, CHUNK_BLOCKS, &gone) > 0;
		chunk = prev;
	}
	if (any && task)
		pages_were_released(task);
}
