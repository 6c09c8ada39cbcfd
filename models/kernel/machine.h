/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to models/kernel: what its files share. */
#ifndef KERNEL_MACHINE_H
#define KERNEL_MACHINE_H

#include "models/kernel/kernel.h"

enum { CHUNK_BLOCKS = 64, CHUNK_SHIFT = 6, PERMILLE = 1000 };

/** A lock or pool that somebody waited for. */
struct wait_place {
	const char *known_as; /* what it was last asked for by: saves comparing */
	char *word; /* letters, digits, '-' and single '_' */
	enum kernel_part part;
};

/** What a worker does with its present item, in stretches that follow one another from `begun` on. */
enum { JOURNAL_SPANS = 16 }; /* room at first, for waits at places too */
struct work_span {
	sim_ns end;
	uint32_t slot; /* a part, or KERNEL_PARTS and a place */
};
struct work_journal {
	sim_ns submitted; /* the bio whose end queued it; without one, as `queued` */
	sim_ns queued, begun;
	struct work_span *span;
	uint32_t spans, allocated;
};

/** Pages of one mapping, 64 blocks of them: the grain of the LRU. */
struct page_chunk {
	struct address_space *mapping;
	struct page_chunk *prev, *next; /* LRU: head is hot */
	uint64_t present, uptodate, dirty, writeback;
	uint32_t index; /* first block / 64 */
	bool referenced;
};

struct page_lru {
	struct page_chunk *head, *tail;
	uint64_t chunks;
};

struct alloc_site {
	char *name;
	uint64_t bytes, max_bytes;
	uint64_t count[GFP_FLAGS][ALLOC_CONTEXTS];
	uint32_t seen_in[SIM_SECTIONS]; /* a bit per context */
	enum memory_kind kind;
};

struct alloc_books {
	uint64_t total, nofs, unsafe, failed;
	sim_ns reclaim_ns;
};

struct registered_shrinker {
	struct shrinker ops;
	uint64_t deferred; /* nr_deferred: scanning owed from earlier calls */
};

struct prime {
	void (*fn)(struct machine *machine, void *arg);
	void *arg;
};

struct io_books {
	uint64_t bios, read_bios, metadata_bios, flushes;
	uint64_t read_bytes, written_bytes, metadata_read_bytes, metadata_written_bytes;
	sim_ns queue_wait_ns, queue_wait_max_ns;
};

struct block_device;
struct block_request;
struct crypto_api;

struct machine {
	struct sim *sim;
	bool traced; /* somebody looks on */
	struct machine_config config;
	uint64_t purpose[KERNEL_COSTS];
	GPtrArray *tasks; /* struct task_slot *, those that have not ended */

	struct wait_place place[KERNEL_PLACES];
	uint32_t places;

	struct sim_waitq run_queue;
	uint32_t cpus_taken;
	sim_ns cpu_busy_ns, cpu_queue_ns;
	uint64_t context_switches;

	uint64_t used_bytes, free_min_bytes;
	uint64_t min_bytes, low_bytes, high_bytes; /* watermarks */
	struct alloc_books alloc;
	GPtrArray *sites, *mempools, *workqueues;
	uint64_t kind_bytes[MEMORY_KINDS];
	struct sim_series *memory_series;
	uint64_t frees; /* calls of kernel_free() */
	/* Sleepers of all mempools; their tries in a row in which nothing changed. */
	uint64_t frees_at_retry;
	uint32_t mempool_sleepers, vain_retries, mempool_stuck;
	uint64_t mempool_waits;
	sim_ns mempool_wait_ns, mempool_wait_max_ns;
	uint64_t hung_tasks;
	sim_ns stall_max_ns;
	struct kernel_task *kswapd;
	GArray *shrinkers; /* struct registered_shrinker */
	GArray *primes; /* struct prime */
	void (*pages_released)(struct kernel_task *task, void *arg);
	void *pages_released_arg;
	struct sim_lock_class *fs_reclaim;
	struct sim_waitq kswapd_wait;
	struct sim_waitq writeback_done; /* reclaim waits here for pages to come clean */
	bool kswapd_wanted;
	uint64_t kswapd_runs;

	struct crypto_api *crypto;

	struct page_lru lru;
	struct alloc_site *page_site;
	uint64_t cached_pages, cached_pages_max, dirty_pages, writeback_pages;
	uint64_t mappings; /* made so far */

	struct address_space *dirty_head, *dirty_tail; /* mappings, longest dirty first */
	uint64_t dirty_serial;
	struct kernel_task *flusher;
	struct address_space *flushing; /* what the flusher is at work on */
	struct sim_waitq flush_wait;
	bool flush_old, flush_all, flush_background;
	sim_event flush_timer;
	sim_ns throttled_ns;
	uint64_t flush_runs;

	struct block_device *device;
	struct io_books io;
	GPtrArray *requests; /* every struct block_request made, free or not */
	struct block_request *free_request;
	/* While an end_io runs: whose bio ended, so that the work it queues is keyed by it. */
	uint64_t event_request, event_key;
	uint32_t event_children;
	sim_ns event_submitted;
	bool in_end_io;
	uint64_t strangers; /* bios and items started for a request other than the starter's */
};

/* ---- cost.c ---- */

/* `times` values of a cost under a key; *k numbers the draws. */
sim_ns cost_draw(struct machine *m, enum kernel_cost cost, uint64_t times, uint64_t key,
		 uint32_t *k);
/* The key of the next bio or work item of a request. */
uint64_t request_child_key(struct machine *m, uint64_t request);

/* ---- trace.c: all but _init() and _site() only if m->traced ---- */

void trace_task_group(struct kernel_task *task, const char *group);
void trace_cpu_taken(struct kernel_task *task);
void trace_cpu_given(struct kernel_task *task);
/* Until trace_run_ends() the task spends a cost, or passes time in another way. */
void trace_run_begins(struct kernel_task *task, const char *what);
void trace_run_ends(struct kernel_task *task);
/* A worker's item; a bio on a channel of its device, by its number there. */
void trace_work_begins(struct kernel_task *task);
void trace_work_ends(struct kernel_task *task);
struct bio_trace {
	uint32_t device;
	uint64_t serial;
	unsigned int op;
	uint32_t blocks;
	uint64_t request;
	sim_ns queued_ns;
};
void trace_bio_begins(struct machine *m, const struct bio_trace *bio);
void trace_bio_ends(struct machine *m, const struct bio_trace *bio);
void trace_site(struct machine *m, struct alloc_site *site);
void trace_init(struct machine *m);

/* ---- parts.c ---- */

void part_book_worker(struct kernel_task *task, enum kernel_part part, sim_ns ns);
/* Books the time since then. */
static inline void part_book(struct kernel_task *task, enum kernel_part part, sim_ns since)
{
	sim_ns ns = sim_now(task->machine->sim) - since;

	if (!task->journal)
		task->part_ns[part] += ns;
	else if (ns)
		part_book_worker(task, part, ns);
}
/* The same for a wait at a lock or pool. */
void part_book_place(struct kernel_task *task, enum kernel_part part, const char *name, sim_ns ns);
static inline void part_book_at(struct kernel_task *task, enum kernel_part part, const char *name,
				sim_ns since)
{
	sim_ns ns = sim_now(task->machine->sim) - since;

	if (ns)
		part_book_place(task, part, name, ns);
}
void places_destroy(struct machine *m);
/* A worker begins an item; from then on its bookings are kept in order. */
void journal_begin(struct kernel_task *task, sim_ns submitted, sim_ns queued);
void parts_free(struct kernel_task *task);

/* ---- task.c ---- */

void tasks_init(struct machine *m);
void tasks_destroy(struct machine *m);
/* As kernel_request_begin(), with a key of its own. */
void request_begin_keyed(struct kernel_task *task, uint64_t request, uint64_t key);
/* Waits so long that khungtaskd would tell, those that have not ended included. */
uint64_t hung_tasks(const struct machine *m, sim_ns *longest_ns);

/* ---- alloc.c ---- */

enum alloc_flags {
	ALLOC_NORETRY = 1, /* __GFP_NORETRY: reclaim once */
	ALLOC_NOMEMALLOC = 2, /* __GFP_NOMEMALLOC: no reserve even inside reclaim */
	ALLOC_QUIET = 4, /* a failure is the caller's business, not counted */
};
bool alloc_objects(struct kernel_task *task, struct alloc_site *site, enum gfp gfp, uint64_t bytes,
		   uint64_t count, unsigned int flags);
/* Takes memory at set-up, when nothing can be reclaimed yet. */
void alloc_preload(struct machine *m, struct alloc_site *site, uint64_t bytes);
/* Notes what memory was for up to now, at the points of the series that are due. */
void memory_series_upto_now(struct machine *m);
/* To be called before any of that changes. */
static inline void memory_changes(struct machine *m)
{
	sim_ns next = m->memory_series->next;

	if (next != SIM_NEVER && next < sim_now(m->sim))
		memory_series_upto_now(m);
}
extern const struct sim_metric_def memory_series_def;
void memory_report_series(struct machine *m, struct sim_metrics *metrics);
void memory_init(struct machine *m);
void memory_destroy(struct machine *m);
uint64_t memory_free_bytes(const struct machine *m);

/* ---- reclaim.c ---- */

void reclaim_init(struct machine *m);
void reclaim_destroy(struct machine *m);
void kswapd_wake(struct machine *m);
/* Reclaims until one allocation of `bytes` fits over the minimum watermark. */
bool reclaim_for(struct kernel_task *task, enum gfp gfp, uint64_t bytes, unsigned int flags);
/* Tells the floor above that clean pages have gone. */
void pages_were_released(struct kernel_task *task);
/* Takes memory if that leaves at least `watermark` free. */
bool memory_take(struct machine *m, uint64_t bytes, uint64_t watermark);
void memory_give(struct machine *m, uint64_t bytes);

/* ---- mempool.c, workqueue.c ---- */

void mempool_free(struct mempool *pool);
/* The task ends: what it holds is in flight. */
void mempools_forget(struct kernel_task *task);
/* Memory came free while nobody tried any more. */
void mempools_wake(struct machine *m);
void workqueue_free(struct workqueue *wq);

/* ---- crypto_api.c ---- */

void crypto_api_init(struct machine *m);
void crypto_api_destroy(struct machine *m);
void crypto_api_report(const struct machine *m, struct sim_metrics *metrics);
extern const struct sim_metric_def crypto_lookups_def, crypto_waits_def, crypto_loads_def,
	crypto_setkey_def, crypto_timeouts_def;

/* ---- chunk.c ---- */

/** The chunks of a mapping: a radix tree of 64-way nodes in the manner of the kernel's XArray, as
 * high as the largest index needs; a mapping of one chunk has no node. */
struct chunk_map {
	void *root;
	uint32_t height;
	struct page_chunk *last; /* found last */
};
struct page_chunk *chunk_find(struct chunk_map *map, uint32_t index);
/* The first chunk at or after `index`, or NULL. */
struct page_chunk *chunk_from(const struct chunk_map *map, uint32_t index);
void chunk_insert(struct chunk_map *map, struct page_chunk *chunk);
void chunk_remove(struct chunk_map *map, uint32_t index);
void lru_add(struct page_lru *lru, struct page_chunk *chunk);
void lru_remove(struct page_lru *lru, struct page_chunk *chunk);
/* Makes it the hottest. */
void lru_rotate(struct page_lru *lru, struct page_chunk *chunk);

/* ---- page_cache.c ---- */

struct page_waiter;
struct address_space {
	struct machine *machine;
	const struct address_space_ops *ops;
	void *host;
	uint64_t id;
	struct chunk_map chunks;
	uint64_t present, dirty, writeback; /* pages */
	struct page_waiter *first_waiter, *last_waiter;
	/* writeback.c */
	struct address_space *dirty_prev, *dirty_next;
	sim_ns dirtied_when;
	uint64_t dirty_serial;
	uint32_t pins;
	bool on_dirty_list, freed;
};
/* Evicts up to `want` clean pages of a chunk, those that ops->release lets go; says how many and
 * whether the chunk, then empty, is gone. */
uint32_t chunk_evict(struct page_chunk *chunk, uint64_t want, bool *gone);
static inline uint64_t chunk_evictable(const struct page_chunk *chunk)
{
	return chunk->present & chunk->uptodate & ~chunk->dirty & ~chunk->writeback;
}
void address_space_unpin(struct address_space *mapping);

/* ---- writeback.c ---- */

void writeback_init(struct machine *m);
void writeback_destroy(struct machine *m);
void writeback_mapping_dirtied(struct address_space *mapping);
void writeback_mapping_cleaned(struct address_space *mapping);
/* wakeup_flusher_threads(): everything dirty is to be written. */
void flusher_wake_all(struct machine *m);

/* ---- bio.c ---- */

void devices_init(struct machine *m);
void devices_destroy(struct machine *m);
/* Busy channel-time of all devices up to now. */
uint64_t devices_busy_ns(struct machine *m);

#endif
