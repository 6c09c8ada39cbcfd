/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kernel: the machine under the filesystem. CPUs, tasks, memory and reclaim, the page cache and
 * its flushers, mempools, workqueues, block devices, and the cost profile that says what each
 * primitive costs. Knows nothing of btrfs or fscrypt: where it must call up it takes a table of
 * functions (struct address_space_ops, struct shrinker).
 *
 * Time passes for a task in three ways only: kernel_run() (on a CPU), a wait, and kernel_sleep().
 * Each is booked to a part of the operation that the task works for, so the parts of an
 * operation's latency add up to the whole.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include "sim/sim.h"

#define KERNEL_BLOCK_BYTES 4096u

/* ---- cost profile ------------------------------------------------------------------------- */

/** Cipher modes; the indexed costs and sizes below come in this order. */
enum cipher_mode { CIPHER_AES_256_XTS, CIPHER_AES_128_CBC_ESSIV, CIPHER_ADIANTUM, CIPHER_MODES };
extern const char *const cipher_mode_names[CIPHER_MODES]; /* "aes-256-xts", … */

/** Everything that takes time. Names and meanings: kernel_cost_table[]. */
enum kernel_cost {
	COST_SYSCALL, /* entry and exit */
	COST_LOOKUP_COMPONENT, /* one cached path component */
	COST_FILE_OPEN, /* open beyond lookup, plain file */
	COST_FILE_CLOSE,
	COST_COPY_4K, /* user copy of one block */
	COST_PAGE_CACHE_LOOKUP, /* find one folio range */
	COST_PAGE_ALLOC, /* one page */
	COST_SLAB_ALLOC, /* one small object */
	COST_RECLAIM_PAGE, /* direct reclaim or kswapd, per page freed */
	COST_LOCK, /* an uncontended lock and unlock */
	COST_CONTEXT_SWITCH, /* being woken to running, without queueing */
	COST_TREE_LEVEL, /* search: one level of a cached tree */
	COST_TREE_ITEM, /* insert, delete or change one item */
	COST_TREE_COW, /* copy one tree block */
	COST_TREE_SPLIT, /* split or merge of one tree block */
	COST_DELAYED_REF, /* queue one extent reference change */
	COST_EXTENT_MAP_LOOKUP,
	COST_EXTENT_MAP_INSERT,
	COST_RESERVE_EXTENT, /* find free space for one data extent */
	COST_TRANSACTION_JOIN,
	COST_TRANSACTION_COMMIT, /* CPU part, fixed */
	COST_TREE_BLOCK_WRITE, /* CPU part of writing one dirty tree block at commit */
	COST_LOG_TREE_ITEM, /* one item copied to the log tree by fsync */
	COST_BIO_SUBMIT,
	COST_BIO_END,
	COST_CSUM_4K, /* crc32c of a block */
	COST_BOUNCE_PAGE, /* take and return one bounce page */
	COST_WORK_ITEM, /* queue and start one work item */
	COST_RANDOM_NONCE, /* get_random_bytes() of 16 bytes */
	COST_MASTER_KEY_LOOKUP, /* fscrypt_find_master_key() */
	COST_CONTEXT_PARSE, /* read and check one fscrypt context */
	COST_INODE_INFO_SETUP, /* fscrypt_get_encryption_info() less the key set-up */
	COST_HKDF_EXPAND,
	COST_POOL_SLOT, /* take and return a pool slot, uncontended */
	COST_POOL_MAP_LOOKUP, /* find (key, nonce, mode) among prepared ciphers */
	COST_SETKEY, /* + enum cipher_mode */
	COST_TFM_ALLOC = COST_SETKEY + CIPHER_MODES,
	COST_TFM_FREE = COST_TFM_ALLOC + CIPHER_MODES,
	COST_ENCRYPT_4K = COST_TFM_FREE + CIPHER_MODES,
	COST_DECRYPT_4K = COST_ENCRYPT_4K + CIPHER_MODES,
	COST_DEVICE_READ = COST_DECRYPT_4K + CIPHER_MODES, /* latency of a read, first block */
	COST_DEVICE_WRITE,
	COST_DEVICE_4K, /* transfer of one more block on one channel */
	COST_DEVICE_FLUSH,
	/* Spans that the kernel fixes rather than costs that it pays. */
	SPAN_SCHED_SLICE,
	SPAN_DIRTY_WRITEBACK, /* vm.dirty_writeback_centisecs */
	SPAN_DIRTY_EXPIRE, /* vm.dirty_expire_centisecs */
	SPAN_COMMIT_INTERVAL, /* btrfs commit= */
	SPAN_THROTTLE_PAUSE, /* one pause in balance_dirty_pages() */
	SPAN_MEMPOOL_RETRY, /* mempool_alloc() sleeps this long at most before it tries again */
	SPAN_HUNG_TASK, /* khungtaskd */
	KERNEL_COSTS
};

/** Everything that has a size or a limit. Names: kernel_size_table[]. */
enum kernel_size {
	SIZE_PAGE,
	SIZE_EXTENT_MAP, /* struct extent_map, plain */
	SIZE_EXTENT_MAP_ENCRYPTED, /* with the info pointer and free-list node */
	SIZE_ORDERED_EXTENT,
	SIZE_BTRFS_INODE,
	SIZE_TRANS_HANDLE,
	SIZE_BTRFS_PATH,
	SIZE_DELAYED_REF, /* head and node */
	SIZE_EXTENT_STATE,
	SIZE_BTRFS_BIO,
	SIZE_TREE_BLOCK, /* struct extent_buffer */
	SIZE_INODE_INFO, /* fscrypt_inode_info */
	SIZE_EXTENT_INFO, /* fscrypt_extent_info */
	SIZE_MASTER_KEY,
	SIZE_BLK_CRYPTO_KEY,
	SIZE_LIBRARY_KEY,
	SIZE_DERIVED_KEY, /* a cached raw key */
	SIZE_TFM, /* + enum cipher_mode, as the slab rounds it */
	LIMIT_BIO_BLOCKS = SIZE_TFM + CIPHER_MODES, /* blocks in a bio */
	LIMIT_READ_AHEAD_BLOCKS, /* largest read-ahead window */
	LIMIT_READ_AHEAD_START_BLOCKS, /* first window of a sequential reader */
	LIMIT_BOUNCE_PAGES, /* reserve of the bounce mempool */
	KERNEL_SIZES
};

struct kernel_name {
	const char *name; /* as in a profile: "hkdf_expand", "setkey.aes-256-xts" */
	const char *unit; /* "ns", "bytes", "blocks", "pages" */
	const char *meaning;
};
extern const struct kernel_name kernel_cost_table[KERNEL_COSTS];
extern const struct kernel_name kernel_size_table[KERNEL_SIZES];

/** A profile names one CPU and one kernel version; figures of different ones are never mixed. */
struct cost_entry {
	struct sim_dist dist;
	char *source; /* where the figure comes from */
	bool estimate; /* guessed: low_ns … high_ns is its range */
	sim_ns low_ns, high_ns;
};
struct size_entry {
	uint64_t value;
	char *source;
	bool estimate;
	uint64_t low, high;
};
struct cost_profile {
	char *name, *cpu, *kernel, *doc, *digest;
	struct cost_entry cost[KERNEL_COSTS];
	struct size_entry size[KERNEL_SIZES];
};
void cost_profile_free(struct cost_profile *profile);

/* ---- machine ------------------------------------------------------------------------------ */

struct machine_config {
	const struct cost_profile *profile; /* not owned */
	uint32_t cpus;
	uint64_t memory_bytes;
	uint32_t devices; /* members of the filesystem */
	uint32_t device_channels; /* requests that one device serves at a time */
	uint32_t dirty_background_permille, dirty_permille; /* of memory */
	bool flushers; /* false: only sync and fsync write back */
};

struct machine;
struct machine *machine_new(struct sim *sim, const struct machine_config *config);
void machine_free(struct machine *machine);
struct sim *machine_sim(const struct machine *machine);
const struct machine_config *machine_config(const struct machine *machine);
uint64_t machine_size(const struct machine *machine, enum kernel_size what);
/** Mean of a cost, without a draw: for spans and for what no operation asked for. */
sim_ns machine_cost_mean(const struct machine *machine, enum kernel_cost what);
/** Reports cpu.*, alloc.*, mem.page_cache_max_bytes, io.* and the like. */
void machine_report(struct machine *machine, struct sim_metrics *metrics);
extern const struct sim_metric_def *const machine_metric_defs[]; /* NULL-terminated */

/* ---- tasks -------------------------------------------------------------------------------- */

/** Where in the kernel a task is, for the allocator's books: the innermost entered wins. */
enum alloc_context {
	CONTEXT_PROCESS,
	CONTEXT_NOFS_SCOPE, /* memalloc_nofs_save() */
	CONTEXT_WRITEBACK,
	CONTEXT_TRANSACTION,
	CONTEXT_ENDIO,
	ALLOC_CONTEXTS
};
extern const char *const alloc_context_names[ALLOC_CONTEXTS];

/** What an operation's time went into. */
enum kernel_part {
	PART_CPU_QUEUE,
	PART_LOCK_WAIT,
	PART_POOL_WAIT,
	PART_ALLOC, /* allocation and reclaim */
	PART_DERIVE,
	PART_SETKEY,
	PART_CRYPT,
	PART_DEVICE, /* waiting for I/O, decryption by a worker included */
	PART_THROTTLE, /* dirty throttling */
	PART_CPU, /* everything else on a CPU */
	PART_SLEEP,
	KERNEL_PARTS
};
extern const char *const kernel_part_names[KERNEL_PARTS];

/** A simulated task_struct. */
struct kernel_task {
	struct machine *machine;
	struct sim_task *sim_task;
	bool on_cpu;
	sim_ns slice_left_ns;
	uint32_t nofs_depth, noio_depth;
	uint8_t context[8]; /* stack of enum alloc_context */
	uint32_t contexts;
	uint64_t request; /* number of the operation whose work this is: keys the cost draws */
	uint16_t draw[KERNEL_COSTS]; /* draws of each cost within the request */
	sim_ns part_ns[KERNEL_PARTS]; /* of the present request */
	void *user;
};
typedef void (*kernel_task_fn)(struct kernel_task *task, void *arg);

struct kernel_task *kernel_spawn(struct machine *machine, const char *name, kernel_task_fn fn,
				 void *arg);
/** The calling task; NULL in a plain event. */
struct kernel_task *kernel_current(struct machine *machine);
/** Starts a request: its number keys every cost draw until the next call; parts go to zero. */
void kernel_request_begin(struct kernel_task *task, uint64_t request);
void kernel_context_enter(struct kernel_task *task, enum alloc_context context);
void kernel_context_leave(struct kernel_task *task);
void memalloc_nofs_save(struct kernel_task *task);
void memalloc_nofs_restore(struct kernel_task *task);

/** Spends `times` draws of a cost on a CPU, booked to the part that the cost belongs to. Waits
 * for a CPU when none is free; is preempted at the end of its slice when others wait. */
void kernel_run(struct kernel_task *task, enum kernel_cost cost, uint64_t times);
/** Gives the CPU up and waits on a wait queue; booked to `part`. */
enum sim_wake kernel_wait(struct kernel_task *task, struct sim_waitq *wq, enum kernel_part part);
enum sim_wake kernel_wait_timeout(struct kernel_task *task, struct sim_waitq *wq,
				  enum kernel_part part, sim_ns timeout);
/** Gives the CPU up and passes time. */
enum sim_wake kernel_sleep(struct kernel_task *task, sim_ns duration, enum kernel_part part);
/** Locks: try first, else give the CPU up and wait (PART_LOCK_WAIT). */
void kernel_mutex_lock(struct kernel_task *task, struct sim_mutex *mutex);
void kernel_mutex_unlock(struct kernel_task *task, struct sim_mutex *mutex);
void kernel_down_read(struct kernel_task *task, struct sim_rwsem *sem);
void kernel_up_read(struct kernel_task *task, struct sim_rwsem *sem);
void kernel_down_write(struct kernel_task *task, struct sim_rwsem *sem);
void kernel_up_write(struct kernel_task *task, struct sim_rwsem *sem);
/** Takes units of a counted resource; booked to PART_POOL_WAIT. */
void kernel_pool_get(struct kernel_task *task, struct sim_pool *pool, uint32_t units);

/* ---- memory ------------------------------------------------------------------------------- */

enum gfp {
	GFP_KERNEL, /* reclaim, I/O and FS */
	GFP_NOFS,
	GFP_NOIO,
	GFP_NOWAIT, /* wakes kswapd only */
	GFP_ATOMIC,
	GFP_FLAGS
};
extern const char *const gfp_names[GFP_FLAGS];

/** An allocation site: who allocates what. Made once per machine; the name appears in metrics. */
struct alloc_site;
struct alloc_site *alloc_site(struct machine *machine, const char *name);
/** Allocates; may reclaim and so pass time. False is ENOMEM. Counted by site, flags as asked and
 * context; flags take effect after the task's scopes have stripped theirs. */
bool kernel_alloc(struct kernel_task *task, struct alloc_site *site, enum gfp gfp, uint64_t bytes);
/** As kernel_alloc() `count` times over, in one go. */
bool kernel_alloc_many(struct kernel_task *task, struct alloc_site *site, enum gfp gfp,
		       uint64_t bytes, uint64_t count);
void kernel_free(struct machine *machine, struct alloc_site *site, uint64_t bytes);
uint64_t alloc_site_bytes(const struct alloc_site *site);
uint64_t alloc_site_max_bytes(const struct alloc_site *site);

/** A shrinker: frees up to `objects` reclaimable objects; `gfp` says what it may enter. */
struct shrinker {
	const char *name;
	uint64_t (*count)(void *arg);
	uint64_t (*scan)(struct kernel_task *task, uint64_t objects, enum gfp gfp, void *arg);
	void *arg;
};
void shrinker_register(struct machine *machine, const struct shrinker *shrinker);

/** A mempool: the allocator first, without direct reclaim; then the reserve; then the allocator
 * with the full mask; then sleep until an element comes back (mm/mempool.c). */
struct mempool;
struct mempool *mempool_new(struct machine *machine, const char *name, uint32_t reserve,
			    uint64_t element_bytes);
/** False only if `gfp` may not wait. */
bool mempool_get(struct kernel_task *task, struct mempool *pool, enum gfp gfp);
void mempool_put(struct mempool *pool);

/* ---- page cache --------------------------------------------------------------------------- */

struct address_space;
struct address_space_ops {
	/** Writes back dirty pages of the mapping from `*next_block` on, about `blocks` of them, and
	 * advances `*next_block`; returns when the I/O is submitted, or done if `wait`. */
	void (*writepages)(struct kernel_task *task, struct address_space *mapping, bool wait);
	/** Clean pages of these blocks are about to go: drop what hangs on them
	 * (btrfs_release_folio). False keeps them. */
	bool (*release)(struct address_space *mapping, uint32_t first_block, uint32_t blocks);
};
struct address_space *address_space_new(struct machine *machine, const struct address_space_ops *ops,
					void *host);
/** Drops every page; there must be no dirty one. */
void address_space_free(struct address_space *mapping);
void *address_space_host(const struct address_space *mapping);
/** First block of [first, first+blocks) that is not up to date in the cache, and how many such
 * follow; false if all are there. Touches the LRU. */
bool page_cache_missing(struct address_space *mapping, uint32_t first, uint32_t blocks,
			uint32_t *missing_first, uint32_t *missing_blocks);
/** Brings pages in (locked for I/O, not up to date yet); allocates memory, so may reclaim. */
bool page_cache_add(struct kernel_task *task, struct address_space *mapping, uint32_t first,
		    uint32_t blocks, enum gfp gfp);
/** I/O done: pages are up to date; wakes those who wait for them. */
void page_cache_uptodate(struct address_space *mapping, uint32_t first, uint32_t blocks);
/** Waits until none of the blocks is under read I/O. */
void page_cache_wait_read(struct kernel_task *task, struct address_space *mapping, uint32_t first,
			  uint32_t blocks);
/** Marks present pages dirty; returns how many were clean. */
uint32_t page_cache_dirty(struct address_space *mapping, uint32_t first, uint32_t blocks);
/** Dirty → under writeback, and writeback → clean. */
void page_cache_writeback_begin(struct address_space *mapping, uint32_t first, uint32_t blocks);
void page_cache_writeback_end(struct address_space *mapping, uint32_t first, uint32_t blocks);
void page_cache_wait_writeback(struct kernel_task *task, struct address_space *mapping,
			       uint32_t first, uint32_t blocks);
/** Drops pages, dirty or not (truncate). */
void page_cache_drop(struct address_space *mapping, uint32_t first, uint32_t blocks);
uint64_t page_cache_dirty_blocks(const struct address_space *mapping);
uint64_t page_cache_present_blocks(const struct address_space *mapping);
/** echo 1 > drop_caches: every clean page of the machine. */
void page_cache_drop_clean(struct machine *machine);
/** balance_dirty_pages(): wakes flushers over the background limit, makes the caller pause over
 * the hard one. */
void balance_dirty_pages(struct kernel_task *task);

/* ---- workqueues and block devices --------------------------------------------------------- */

struct workqueue;
struct workqueue *workqueue_new(struct machine *machine, const char *name, uint32_t max_active,
				enum alloc_context context);
/** Queues work; callable from a plain event (end of I/O). Runs in a worker task. */
void workqueue_queue(struct workqueue *wq, kernel_task_fn fn, void *arg);

enum bio_op { BIO_READ, BIO_WRITE, BIO_FLUSH };
/** Submits one request to a member device; `end_io` runs as a plain event when the device is done.
 * `request` keys the latency draw. Costs no CPU: the caller has paid COST_BIO_SUBMIT. */
void bio_submit(struct machine *machine, uint32_t device, enum bio_op op, uint64_t physical_block,
		uint32_t blocks, uint64_t request, void (*end_io)(void *arg), void *arg);
/** Submits and waits; booked to PART_DEVICE. */
void bio_submit_wait(struct kernel_task *task, uint32_t device, enum bio_op op,
		     uint64_t physical_block, uint32_t blocks);

#endif
