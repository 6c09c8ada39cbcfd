/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Allocation: flags, books, and the way from a request to the modelled memory. Memory is one zone
 * without fragmentation, counted in bytes.
 */
#include "models/kernel/machine.h"

const char *const gfp_names[GFP_FLAGS] = {
	[GFP_KERNEL] = "GFP_KERNEL", [GFP_NOFS] = "GFP_NOFS",	  [GFP_NOIO] = "GFP_NOIO",
	[GFP_NOWAIT] = "GFP_NOWAIT", [GFP_ATOMIC] = "GFP_ATOMIC",
};

/* 6.12: mm/page_alloc.c, calculate_min_free_kbytes() and __setup_per_zone_wmarks(). */
enum {
	MIN_FREE_FACTOR = 16, /* min_free_kbytes = sqrt(kilobytes * 16) = 4 * sqrt(kilobytes) */
	MIN_FREE_KBYTES_LEAST = 128,
	MIN_FREE_KBYTES_MOST = 262144,
	WATERMARK_SCALE_FACTOR = 10, /* vm.watermark_scale_factor: 10/10000 of memory */
	WATERMARK_SCALE_UNIT = 10000,
};

/* The series of memory over time: after the kinds, two shares of the page cache. */
enum { FIGURE_DIRTY = MEMORY_KINDS, FIGURE_WRITEBACK, MEMORY_FIGURES };
const struct sim_metric_def memory_series_def = {
	"memory", "bytes", SIM_NO_DIRECTION, "memory",
	"Modelled memory by kind; dirty and writeback are shares of the page cache."};

/* Slab caches end at KMALLOC_MAX_CACHE_SIZE; whole pages come from the page allocator. */
static enum kernel_cost alloc_cost(struct machine *m, uint64_t bytes, uint64_t *units)
{
	uint64_t page = machine_size(m, SIZE_PAGE);

	*units = 1;
	if (bytes % page)
		return COST_SLAB_ALLOC;
	*units = bytes / page;
	return COST_PAGE_ALLOC;
}

static uint64_t integer_sqrt(uint64_t x)
{
	uint64_t root = 0;

	for (uint64_t bit = UINT64_C(1) << 31; bit; bit >>= 1)
		if ((root | bit) * (root | bit) <= x)
			root |= bit;
	return root;
}

/* ---- what memory is for, over time ---- */

void memory_series_upto_now(struct machine *m)
{
	int64_t figures[MEMORY_FIGURES], page = (int64_t)machine_size(m, SIZE_PAGE);

	for (int i = 0; i < MEMORY_KINDS; i++)
		figures[i] = (int64_t)m->kind_bytes[i];
	figures[FIGURE_DIRTY] = (int64_t)m->dirty_pages * page;
	figures[FIGURE_WRITEBACK] = (int64_t)m->writeback_pages * page;
	sim_series_upto(m->memory_series, sim_now(m->sim), figures);
}

/* What is freed after the run has no time. */
static void end_series(void *arg)
{
	struct sim_series *series = arg;

	series->next = SIM_NEVER;
}

void machine_end_series(struct machine *machine)
{
	memory_series_upto_now(machine);
	end_series(machine->memory_series);
}

void memory_report_series(struct machine *m, struct sim_metrics *metrics)
{
	static const char *const figures[] = {[MEMORY_SLAB] = "slab",
					      [MEMORY_ANON] = "anon",
					      [MEMORY_PAGE_CACHE] = "page_cache",
					      [MEMORY_KEYS] = "keys",
					      [MEMORY_EXTENT_MAPS] = "extent_maps",
					      [FIGURE_DIRTY] = "dirty",
					      [FIGURE_WRITEBACK] = "writeback",
					      NULL};

	memory_series_upto_now(m);
	sim_metrics_add_series(metrics, &memory_series_def, m->memory_series, figures);
}

/* ---- set-up and sites ---- */

void memory_init(struct machine *m)
{
	uint64_t bytes = m->config.memory_bytes, min, step;

	min = CLAMP(integer_sqrt(bytes / 1024 * MIN_FREE_FACTOR), MIN_FREE_KBYTES_LEAST,
		    MIN_FREE_KBYTES_MOST);
	m->min_bytes = min * 1024;
	step = MAX(m->min_bytes / 4, bytes / WATERMARK_SCALE_UNIT * WATERMARK_SCALE_FACTOR);
	m->low_bytes = m->min_bytes + step;
	m->high_bytes = m->low_bytes + step;
	m->free_min_bytes = bytes;
	m->memory_series = sim_series_new(MEMORY_FIGURES);
	sim_on_free(m->sim, end_series, m->memory_series);
	m->sites = g_ptr_array_new();
	m->mempools = g_ptr_array_new();
	m->workqueues = g_ptr_array_new();
}

void memory_destroy(struct machine *m)
{
	for (guint i = 0; i < m->sites->len; i++) {
		struct alloc_site *site = g_ptr_array_index(m->sites, i);

		g_free(site->name);
		g_free(site);
	}
	g_ptr_array_free(m->sites, TRUE);
	sim_series_free(m->memory_series);
	for (guint i = 0; i < m->mempools->len; i++)
		mempool_free(g_ptr_array_index(m->mempools, i));
	g_ptr_array_free(m->mempools, TRUE);
	for (guint i = 0; i < m->workqueues->len; i++)
		workqueue_free(g_ptr_array_index(m->workqueues, i));
	g_ptr_array_free(m->workqueues, TRUE);
}

struct alloc_site *alloc_site(struct machine *machine, const char *name)
{
	struct alloc_site *site;

	g_assert(!strchr(name, '.') && "a metric's name is made of it");
	for (guint i = 0; i < machine->sites->len; i++) {
		site = g_ptr_array_index(machine->sites, i);
		if (!strcmp(site->name, name))
			return site;
	}
	site = g_new0(struct alloc_site, 1);
	site->name = g_strdup(name);
	g_ptr_array_add(machine->sites, site);
	trace_site(machine, site);
	return site;
}

struct alloc_site *alloc_site_of(struct machine *machine, const char *name, enum memory_kind kind)
{
	struct alloc_site *site = alloc_site(machine, name);

	g_assert(!site->bytes);
	site->kind = kind;
	return site;
}

uint64_t alloc_site_bytes(const struct alloc_site *site)
{
	return site->bytes;
}

uint64_t alloc_site_max_bytes(const struct alloc_site *site)
{
	return site->max_bytes;
}

uint64_t machine_section_sites(const struct machine *machine, uint32_t section, uint64_t *contexts)
{
	uint64_t sites = 0;

	*contexts = 0;
	for (guint i = 0; i < machine->sites->len; i++) {
		const struct alloc_site *site = g_ptr_array_index(machine->sites, i);

		sites += site->seen_in[section] != 0;
		*contexts += (uint64_t)__builtin_popcount(site->seen_in[section]);
	}
	return sites;
}

/* ---- the modelled memory ---- */

uint64_t memory_free_bytes(const struct machine *m)
{
	return m->config.memory_bytes > m->used_bytes ? m->config.memory_bytes - m->used_bytes : 0;
}

uint64_t machine_memory_over_min(const struct machine *machine)
{
	uint64_t free = memory_free_bytes(machine);

	return free > machine->min_bytes ? free - machine->min_bytes : 0;
}

static void memory_charge(struct machine *m, uint64_t bytes)
{
	m->used_bytes += bytes;
	m->free_min_bytes = MIN(m->free_min_bytes, memory_free_bytes(m));
}

bool memory_take(struct machine *m, uint64_t bytes, uint64_t watermark)
{
	if (memory_free_bytes(m) < bytes + watermark)
		return false;
	memory_charge(m, bytes);
	return true;
}

void memory_give(struct machine *m, uint64_t bytes)
{
	g_assert(m->used_bytes >= bytes);
	m->used_bytes -= bytes;
}

static void site_charge(struct machine *m, struct alloc_site *site, uint64_t bytes)
{
	memory_changes(m);
	m->kind_bytes[site->kind] += bytes;
	site->bytes += bytes;
	site->max_bytes = MAX(site->max_bytes, site->bytes);
}

void alloc_preload(struct machine *m, struct alloc_site *site, uint64_t bytes)
{
	memory_charge(m, bytes);
	site_charge(m, site, bytes);
}

void kernel_free(struct machine *machine, struct alloc_site *site, uint64_t bytes)
{
	g_assert(site->bytes >= bytes);
	memory_changes(machine);
	machine->kind_bytes[site->kind] -= bytes;
	site->bytes -= bytes;
	memory_give(machine, bytes);
	machine->frees++;
	if (machine->mempool_stuck)
		mempools_wake(machine);
}

void kernel_charge_bytes(struct machine *machine, struct alloc_site *site, uint64_t bytes)
{
	site_charge(machine, site, bytes);
	memory_charge(machine, bytes);
}

/* ---- the way of an allocation ---- */

static enum gfp effective_gfp(const struct kernel_task *task, enum gfp gfp)
{
	if (gfp >= GFP_NOWAIT)
		return gfp;
	if (task->noio_depth)
		return GFP_NOIO;
	return task->nofs_depth && gfp == GFP_KERNEL ? GFP_NOFS : gfp;
}

/* GFP_ATOMIC may use half the reserve, and without waiting a quarter of the rest (6.12:
 * mm/page_alloc.c, __zone_watermark_ok()). */
static uint64_t lowest_watermark(const struct machine *m, enum gfp gfp)
{
	uint64_t min = m->min_bytes;

	if (gfp == GFP_ATOMIC) {
		min -= min / 2;
		min -= min / 4;
	}
	return min;
}

/* One object, as __alloc_pages_slowpath() goes about it. `gfp` is the effective one. */
static bool take_slowly(struct kernel_task *task, enum gfp gfp, uint64_t bytes, unsigned int flags)
{
	struct machine *m = task->machine;

	if (memory_take(m, bytes, m->low_bytes))
		return true;
	kswapd_wake(m);
	if (memory_take(m, bytes, lowest_watermark(m, gfp)))
		return true;
	if (task->memalloc_depth)
		return !(flags & ALLOC_NOMEMALLOC) && memory_take(m, bytes, 0);
	return gfp < GFP_NOWAIT && reclaim_for(task, gfp, bytes, flags);
}

static void count_allocations(struct kernel_task *task, struct alloc_site *site, enum gfp asked,
			      enum gfp gfp, uint64_t count)
{
	struct alloc_books *books = &task->machine->alloc;
	enum alloc_context context = kernel_context(task);

	books->total += count;
	site->count[asked][context] += count;
	site->seen_in[sim_section(task->machine->sim)] |= 1u << context;
	if (gfp == GFP_NOFS)
		books->nofs += count;
	if (gfp == GFP_KERNEL && context >= CONTEXT_WRITEBACK)
		books->unsafe += count;
}

bool alloc_objects(struct kernel_task *task, struct alloc_site *site, enum gfp gfp, uint64_t bytes,
		   uint64_t count, unsigned int flags)
{
	struct machine *m = task->machine;
	enum gfp effective = effective_gfp(task, gfp);
	uint64_t units, taken = count;
	enum kernel_cost cost = alloc_cost(m, bytes, &units);

	if (!count)
		return true;
	/* might_alloc(): what lockdep sees of an allocation that may reclaim into filesystems. */
	if (effective == GFP_KERNEL && !task->memalloc_depth)
		sim_lock_order_note(m->sim, m->fs_reclaim);
	kernel_run(task, cost, units * count);
	if (!memory_take(m, bytes * count, m->low_bytes))
		for (taken = 0; taken < count; taken++)
			if (!take_slowly(task, effective, bytes, flags))
				break;
	if (taken < count && taken)
		memory_give(m, bytes * taken);
	if (taken < count && !(flags & ALLOC_QUIET))
		m->alloc.failed++;
	count_allocations(task, site, gfp, effective, MIN(taken + 1, count));
	if (taken == count)
		site_charge(m, site, bytes * count);
	return taken == count;
}

bool kernel_alloc(struct kernel_task *task, struct alloc_site *site, enum gfp gfp, uint64_t bytes)
{
	return alloc_objects(task, site, gfp, bytes, 1, 0);
}

bool kernel_alloc_many(struct kernel_task *task, struct alloc_site *site, enum gfp gfp,
		       uint64_t bytes, uint64_t count)
{
	return alloc_objects(task, site, gfp, bytes, count, 0);
}

void kernel_alloc_nofail(struct kernel_task *task, struct alloc_site *site, enum gfp gfp,
			 uint64_t bytes, uint64_t count)
{
	if (!alloc_objects(task, site, gfp, bytes, count, 0))
		kernel_charge_bytes(task->machine, site, bytes * count);
}
