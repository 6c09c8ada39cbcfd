/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kernel: the machine under the filesystem. CPUs, tasks, memory and reclaim, the page cache and
 * its flushers, mempools, workqueues, block devices, and the cost profile that says what each
 * primitive costs. Knows nothing of btrfs or fscrypt: where it must call up it takes a table of
 * functions (struct address_space_ops, struct shrinker).
 *
 * Time passes for a task in three ways only: kernel_run() (on a CPU), a wait, and kernel_sleep().
 * Each is booked to a part, so the parts of an operation's latency add up to the whole.
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
	COST_NAME_KEY_SETUP, /* a directory's name key: derive, allocate, set key */
	COST_ADD_KEY, /* FS_IOC_ADD_ENCRYPTION_KEY */
	COST_REMOVE_KEY_INODE, /* FS_IOC_REMOVE_ENCRYPTION_KEY, per cached inode */
	COST_HKDF_EXPAND,
	COST_POOL_SLOT, /* take and return a pool slot, uncontended */
	COST_POOL_MAP_LOOKUP, /* find (key, nonce, mode) among prepared ciphers */
	COST_MODPROBE, /* a module loaded by the usermode helper, less reading its file */
	COST_ALG_SELFTEST, /* the test of one algorithm at its registration */
	COST_LINE_LOCAL, /* an atomic on a cache line that this CPU has */
	COST_LINE_TRANSFER, /* an atomic on a cache line that another CPU touched last */
	COST_EVICT_INODE, /* a shrinker takes one inode and its dentry */
	COST_SETKEY, /* + enum cipher_mode */
	COST_TFM_ALLOC = COST_SETKEY + CIPHER_MODES,
	COST_TFM_FREE = COST_TFM_ALLOC + CIPHER_MODES,
	COST_TFM_CLONE = COST_TFM_FREE + CIPHER_MODES,
	COST_ENCRYPT_4K = COST_TFM_CLONE + CIPHER_MODES,
	COST_DECRYPT_4K = COST_ENCRYPT_4K + CIPHER_MODES,
	COST_AUTH_4K = COST_DECRYPT_4K + CIPHER_MODES, /* tag of a block, computed or checked */
	COST_DEVICE_READ, /* latency of a read, first block */
	COST_DEVICE_WRITE,
	COST_DEVICE_4K, /* transfer of one more block on one channel */
	COST_DEVICE_FLUSH,
	COST_KEYSLOT_PROGRAM, /* hardware: a key into a slot, or out of it */
	/* Spans that the kernel fixes rather than costs that it pays. */
	SPAN_SCHED_SLICE,
	SPAN_DIRTY_WRITEBACK, /* vm.dirty_writeback_centisecs */
	SPAN_DIRTY_EXPIRE, /* vm.dirty_expire_centisecs */
	SPAN_COMMIT_INTERVAL, /* btrfs commit= */
	SPAN_THROTTLE_PAUSE, /* one pause in balance_dirty_pages() */
	SPAN_MEMPOOL_RETRY, /* mempool_alloc() sleeps this long at most before it tries again */
	SPAN_HUNG_TASK, /* khungtaskd */
	SPAN_RECLAIM_THROTTLE, /* longest wait of reclaim that made no progress */
	SPAN_CRYPTO_LARVAL, /* crypto_larval_wait() gives up after this */
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
	SIZE_KEYRING_KEY, /* a user's claim to a master key */
	SIZE_BLK_CRYPTO_KEY,
	SIZE_LIBRARY_KEY,
	SIZE_DERIVED_KEY, /* a cached raw key */
	SIZE_TFM, /* + enum cipher_mode, as the slab rounds it */
	LIMIT_ALG_LOOKUPS = SIZE_TFM + CIPHER_MODES, /* crypto_alg_sem taken per cipher made */
	SIZE_ADIANTUM_SETKEY = LIMIT_ALG_LOOKUPS + CIPHER_MODES, /* its temporary */
	SIZE_CRYPTO_LARVAL, /* struct crypto_larval */
	SIZE_CRYPTO_TEST, /* struct crypto_test_param */
	LIMIT_BIO_BLOCKS, /* blocks in a bio */
	LIMIT_READ_AHEAD_BLOCKS, /* largest read-ahead window */
	LIMIT_READ_AHEAD_START_BLOCKS, /* first window of a sequential reader */
	LIMIT_BOUNCE_PAGES, /* reserve of the bounce mempool */
	SIZE_BIO_CRYPT_CTX, /* bio_crypt_ctx */
	SIZE_FALLBACK_READ_CTX, /* bio_fallback_crypt_ctx */
	SIZE_CIPHER_REQUEST, /* skcipher_request with what the driver wants */
	SIZE_KEYSLOT, /* blk_crypto_keyslot */
	SIZE_FALLBACK_KEYSLOT, /* blk_crypto_fallback_keyslot */
	LIMIT_BIO_CRYPT_CTXS, /* reserves of mempools */
	LIMIT_FALLBACK_READ_CTXS,
	LIMIT_FALLBACK_PAGES_6_12,
	LIMIT_FALLBACK_PAGES_7_X,
	KERNEL_SIZES
};

/** What an operation's time went into. */
enum kernel_part {
	PART_CPU_QUEUE,
	PART_LOCK_WAIT,
	PART_POOL_WAIT,
	PART_ALLOC, /* allocation, and all CPU work and throttling inside direct reclaim */
	PART_DERIVE,
	PART_SETKEY,
	PART_CRYPT,
	PART_DEVICE, /* a bio's queueing for a device and its service */
	PART_WORKER_QUEUE, /* what ends a bio waits for a free worker */
	PART_OTHER_TASK, /* another task had yet to submit the bio, or did without one */
	PART_THROTTLE, /* dirty throttling */
	PART_CPU, /* everything else on a CPU */
	PART_SLEEP,
	KERNEL_PARTS
};
extern const char *const kernel_part_names[KERNEL_PARTS];

/** Places that tasks wait at: locks (PART_LOCK_WAIT) and pools (PART_POOL_WAIT) by name. */
enum { KERNEL_PLACES = 48 };

struct kernel_name {
	const char *name; /* as in a profile: "hkdf_expand", "setkey.aes-256-xts" */
	const char *unit; /* "ns", "bytes", "blocks", "pages" */
	const char *meaning;
};
extern const struct kernel_name kernel_cost_table[KERNEL_COSTS];
extern const struct kernel_name kernel_size_table[KERNEL_SIZES];

/** The part of an operation's time that a cost belongs to. */
enum kernel_part kernel_cost_part(enum kernel_cost cost);

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
/** Frees a profile and its strings, all of which are of g_malloc(); NULL is fine. */
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
	uint32_t modules_absent; /* bits of enum cipher_mode whose module must be loaded first */
};

struct machine;
/** `config` is copied, its profile is not. Sizes and limits are checked by assertions: at least one
 * CPU, device and channel. Starts kswapd, and the flusher if `flushers`; both sleep until needed. */
struct machine *machine_new(struct sim *sim, const struct machine_config *config);
/** Frees the machine with its sites, mempools, workqueues and tasks' structures. Call it after
 * sim_free(); mappings are freed by those who made them, in between. */
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

/** Requests from this number on are the machine's own: its flusher and kswapd. */
#define KERNEL_REQUEST_OWN (UINT64_C(1) << 63)

/** A wait at one place. */
struct place_wait {
	uint32_t place;
	sim_ns ns;
};

/**
 * A simulated task_struct; valid until the task's function returns. A task of the machine may be
 * interrupted (locks, CPU work and I/O wait on, as TASK_UNINTERRUPTIBLE does; kernel_wait() and
 * kernel_sleep() return) but must not be ended by sim_kill(): sim_free() drops it.
 */
struct kernel_task {
	struct machine *machine;
	struct sim_task *sim_task;
	bool on_cpu;
	uint8_t memalloc_depth; /* PF_MEMALLOC: inside reclaim */
	sim_ns slice_left_ns;
	uint32_t nofs_depth, noio_depth;
	uint8_t context[8]; /* stack of enum alloc_context */
	uint32_t contexts;
	uint64_t request; /* number of the operation whose work this is */
	uint64_t draw_key; /* keys the cost draws: `request`, or derived from it in a worker */
	uint32_t children; /* bios and work items that the request has started */
	uint32_t draw[KERNEL_COSTS]; /* draws of each cost within the request */
	sim_ns part_ns[KERNEL_PARTS]; /* of the task's life so far */
	/* Its lock and pool waits while an account is open, see kernel_account_begin(). */
	struct place_wait *place_wait;
	uint32_t place_waits, place_waits_allocated, accounts;
	sim_ns blocked_since; /* in a wait that only a wake-up ends; else SIM_NEVER */
	sim_ns explained_until; /* up to when that wait is booked already, see kernel_wake_one() */
	struct work_journal *journal; /* of a worker */
	bool retries_mempool; /* asleep in mempool_alloc() until its next try */
	const char *refusal; /* why the request was refused, set by the floors above; NULL: not */
	bool has_session; /* a process with a session keyring, not a thread of the kernel's */
	void *user;
};
typedef void (*kernel_task_fn)(struct kernel_task *task, void *arg);

/** Starts a task; its first CPU time is paid like any wake-up, with COST_CONTEXT_SWITCH. */
struct kernel_task *kernel_spawn(struct machine *machine, const char *name, kernel_task_fn fn,
				 void *arg);
/** The calling task; NULL in a plain event. */
struct kernel_task *kernel_current(struct machine *machine);
/** Starts a request: its number keys every cost draw until the next call. */
void kernel_request_begin(struct kernel_task *task, uint64_t request);
/** Contexts nest up to eight deep. CONTEXT_NOFS_SCOPE is also a memalloc_nofs_save(). */
void kernel_context_enter(struct kernel_task *task, enum alloc_context context);
void kernel_context_leave(struct kernel_task *task);
/** The innermost entered context; a bare memalloc scope shows only in process context, so that a
 * scope inside writeback still counts as writeback. */
enum alloc_context kernel_context(const struct kernel_task *task);
void memalloc_nofs_save(struct kernel_task *task);
void memalloc_nofs_restore(struct kernel_task *task);
void memalloc_noio_save(struct kernel_task *task);
void memalloc_noio_restore(struct kernel_task *task);

/**
 * Spends `times` draws of a cost on a CPU, booked to the part that the cost belongs to (inside
 * reclaim, to PART_ALLOC). Waits for a CPU when none is free, then pays COST_CONTEXT_SWITCH; is
 * preempted at the end of its slice when others wait. The CPU stays the task's own until it waits,
 * so never wait by a bare sim_*() call, which would keep it. At most COST_DRAWS_MAX values are
 * drawn: the sum of more is the sum of those, scaled. A cost of nothing needs no CPU.
 */
enum { COST_DRAWS_MAX = 64 };
void kernel_run(struct kernel_task *task, enum kernel_cost cost, uint64_t times);
/** Gives the CPU up and waits on a wait queue; booked to `part`. */
enum sim_wake kernel_wait(struct kernel_task *task, struct sim_waitq *wq, enum kernel_part part);
enum sim_wake kernel_wait_timeout(struct kernel_task *task, struct sim_waitq *wq,
				  enum kernel_part part, sim_ns timeout);
/**
 * Wake those who wait for I/O (kernel_wait() with PART_DEVICE). Their wait is booked to what the bio went
 * through meanwhile: PART_OTHER_TASK until it was submitted, PART_DEVICE until the device was done,
 * PART_WORKER_QUEUE until a worker took it, and then the parts of what that worker has done since; each
 * clipped to the wait. Who is woken by something else has waited in PART_DEVICE.
 */
bool kernel_wake_one(struct machine *machine, struct sim_waitq *wq);
void kernel_wake_all(struct machine *machine, struct sim_waitq *wq);
/**
 * An account of a task's time from _begin() to _end(), which nest: what went into each part is
 * task->part_ns less that of the account; what of that was spent at places, task->place_wait from the
 * account's first one on, valid until the task waits again.
 */
struct kernel_account {
	sim_ns part_ns[KERNEL_PARTS];
	uint32_t first_wait;
};
void kernel_account_begin(struct kernel_task *task, struct kernel_account *account);
void kernel_account_end(struct kernel_task *task);
/** The name of a place, fit to be part of a metric's, and what kind of wait it is; NULL past the last. */
const char *machine_place(const struct machine *machine, uint32_t place, enum kernel_part *part);
/** Gives the CPU up and passes time. */
enum sim_wake kernel_sleep(struct kernel_task *task, sim_ns duration, enum kernel_part part);
/** Locks: taken on the CPU when free, else the CPU is given up for the wait (PART_LOCK_WAIT). The
 * time that the instructions take is the caller's to spend, as COST_LOCK. */
void kernel_mutex_lock(struct kernel_task *task, struct sim_mutex *mutex);
void kernel_mutex_unlock(struct kernel_task *task, struct sim_mutex *mutex);
void kernel_down_read(struct kernel_task *task, struct sim_rwsem *sem);
void kernel_up_read(struct kernel_task *task, struct sim_rwsem *sem);
void kernel_down_write(struct kernel_task *task, struct sim_rwsem *sem);
/** down_write_nested(): the second of two locks of one class, see sim_rwsem_write_nested(). */
void kernel_down_write_nested(struct kernel_task *task, struct sim_rwsem *sem,
			      struct sim_lock_class *subclass);
void kernel_up_write(struct kernel_task *task, struct sim_rwsem *sem);
/**
 * A cache line that many CPUs write. Each atomic read-modify-write on it costs COST_LINE_LOCAL if the
 * same task touched it last, else COST_LINE_TRANSFER, and begins when the one before it has ended:
 * until then the task spins on its CPU, booked to PART_LOCK_WAIT.
 */
struct kernel_line {
	const char *name; /* that of the lock, in the books of waits */
	uint32_t owner; /* number of the task that touched it last, from 1; 0: nobody yet */
	sim_ns free_at;
};
void kernel_line_touch(struct kernel_task *task, struct kernel_line *line);
/** A rw-semaphore whose own cache line counts: taking and releasing it are one atomic each, so that
 * readers get in one another's way. For those that many CPUs take for read at once. */
struct kernel_rwsem {
	struct sim_rwsem sem;
	struct kernel_line line;
};
/** Of the lock class of that name, which must outlive it. */
void kernel_rwsem_init(struct kernel_rwsem *rwsem, struct machine *machine, const char *name);
void kernel_rwsem_destroy(struct kernel_rwsem *rwsem);
void kernel_rwsem_read(struct kernel_task *task, struct kernel_rwsem *rwsem);
void kernel_rwsem_read_unlock(struct kernel_task *task, struct kernel_rwsem *rwsem);
void kernel_rwsem_write(struct kernel_task *task, struct kernel_rwsem *rwsem);
void kernel_rwsem_write_unlock(struct kernel_task *task, struct kernel_rwsem *rwsem);
/** Takes units of a counted resource; booked to PART_POOL_WAIT. */
void kernel_pool_get(struct kernel_task *task, struct sim_pool *pool, uint32_t units);

/* ---- memory ------------------------------------------------------------------------------- */

/** gfp_mask, as far as it matters here; 6.12: include/linux/gfp_types.h. */
enum gfp {
	GFP_KERNEL, /* reclaim, I/O and FS */
	GFP_NOFS,
	GFP_NOIO,
	GFP_NOWAIT, /* wakes kswapd only */
	GFP_ATOMIC, /* wakes kswapd only, may go under the minimum watermark */
	GFP_FLAGS
};
extern const char *const gfp_names[GFP_FLAGS];

/** An allocation site: who allocates what. Made once per machine; the name appears in metrics. */
struct alloc_site;
struct alloc_site *alloc_site(struct machine *machine, const char *name);
/** What memory is for, in the series of memory over time. */
enum memory_kind {
	MEMORY_SLAB, /* whatever is not one of these */
	MEMORY_ANON, /* of processes */
	MEMORY_PAGE_CACHE,
	MEMORY_KEYS, /* keys, ciphers and what holds them */
	MEMORY_EXTENT_MAPS,
	MEMORY_KINDS
};
/** alloc_site(), of a kind other than MEMORY_SLAB; before anything is allocated there. */
struct alloc_site *alloc_site_of(struct machine *machine, const char *name, enum memory_kind kind);
/**
 * Allocates; may reclaim and so pass time. False is ENOMEM. Counted by site, flags as asked and
 * context; flags take effect after the task's scopes have stripped theirs. Spends COST_PAGE_ALLOC
 * per page when `bytes` is a multiple of the page, else COST_SLAB_ALLOC; charges `bytes` as given,
 * so the caller passes what the slab rounds to.
 *
 * An allocation is *unsafe* when its effective flags allow FS reclaim (GFP_KERNEL after scopes)
 * while kernel_context() is CONTEXT_WRITEBACK, CONTEXT_TRANSACTION or CONTEXT_ENDIO: there reclaim
 * may enter the filesystem and wait for the very work that is being done (6.12:
 * Documentation/core-api/gfp_mask-from-fs-io.rst), and in endio it may not sleep at all.
 */
bool kernel_alloc(struct kernel_task *task, struct alloc_site *site, enum gfp gfp, uint64_t bytes);
/** As kernel_alloc() `count` times over, in one go: all or, at the first failure, none. */
bool kernel_alloc_many(struct kernel_task *task, struct alloc_site *site, enum gfp gfp,
		       uint64_t bytes, uint64_t count);
/** The same for callers that can't fail: small allocations that the kernel tries for ever under GFP_NOFS,
 * and those from a mempool that is not modelled. What reclaim could not find is counted as failed and
 * taken out of the reserves. */
void kernel_alloc_nofail(struct kernel_task *task, struct alloc_site *site, enum gfp gfp,
			 uint64_t bytes, uint64_t count);
/** Gives memory back; costs no time. Callable from anywhere. */
void kernel_free(struct machine *machine, struct alloc_site *site, uint64_t bytes);
/** Books bytes that were allocated beforehand (a split under a spinlock): no time, no count. */
void kernel_charge_bytes(struct machine *machine, struct alloc_site *site, uint64_t bytes);
uint64_t alloc_site_bytes(const struct alloc_site *site);
uint64_t alloc_site_max_bytes(const struct alloc_site *site);
/** How many sites were asked in a section (sim_section_enter()); `contexts`: how many pairs of a site
 * and the context of the asking. */
uint64_t machine_section_sites(const struct machine *machine, uint32_t section, uint64_t *contexts);

/** The series of memory over time ends now, and not with the run. */
void machine_end_series(struct machine *machine);

/** Free memory over the minimum watermark: what is left before direct reclaim. */
uint64_t machine_memory_over_min(const struct machine *machine);

/** A shrinker: `count` says how many objects it could free, `scan` tries `objects` of them and says
 * how many it freed (with kernel_free()). Called by reclaim with FS allowed only, by kswapd or in an
 * allocating task; how many per call follows do_shrink_slab() (6.12: mm/shrinker.c). */
struct shrinker {
	const char *name;
	uint64_t (*count)(void *arg);
	uint64_t (*scan)(struct kernel_task *task, uint64_t objects, enum gfp gfp, void *arg);
	void *arg;
};
void shrinker_register(struct machine *machine, const struct shrinker *shrinker);

/** Called in the reclaiming task right after it has freed clean pages, inside reclaim (PF_MEMALLOC;
 * with FS allowed, fs_reclaim held in the lock-order graph), and by page_cache_drop_clean(): what
 * ops->release() could only detach is taken apart here. `fn` may wait. */
void machine_on_pages_released(struct machine *machine,
			       void (*fn)(struct kernel_task *task, void *arg), void *arg);

/**
 * Priming of the lock-order graph: lockdep learns the order of locks from paths that ran, and reclaim
 * may take long to reach the rare ones. Each function registered walks one path of reclaim, in the
 * graph only (sim_path_enter(), sim_lock_order_enter()), and takes no time. machine_prime() runs them
 * all under fs_reclaim; call it once, when everything is mounted.
 */
void machine_on_prime(struct machine *machine, void (*fn)(struct machine *machine, void *arg),
		      void *arg);
void machine_prime(struct kernel_task *task);

/**
 * A mempool: the allocator first, without direct reclaim; then the reserve; then the allocator with
 * the full mask; then sleep until an element comes back, or SPAN_MEMPOOL_RETRY (mm/mempool.c).
 *
 * A pool knows who holds its elements. When every sleeper has tried again in vain, no memory has come
 * free, and nobody else is left who could do anything, the sleepers stop trying: if only sleepers and
 * those who wait for them hold the elements, that is reported as a deadlock. Memory that comes free
 * after all wakes them.
 */
struct mempool;
struct mempool *mempool_new(struct machine *machine, const char *name, uint32_t reserve,
			    uint64_t element_bytes);
/** False only if `gfp` may not wait. Sleeping for an element is booked to PART_ALLOC. */
bool mempool_get(struct kernel_task *task, struct mempool *pool, enum gfp gfp);
/** mempool_alloc_bulk() of later kernels, in a NOIO scope: all `count` elements or none, so that two
 * who need several never wait for each other; at most the reserve. Not from both sources mixed. */
bool mempool_get_many(struct kernel_task *task, struct mempool *pool, enum gfp gfp, uint32_t count);
/** An element goes back: one of the calling task's, else one in flight, else the longest held. */
void mempool_put(struct mempool *pool);
/** Elements of the task go along with I/O: whoever ends that will put them. What a task that ends still
 * has counts as in flight, too. */
void mempool_hand_over(struct kernel_task *task, struct mempool *pool, uint32_t elements);

/* ---- the crypto API ------------------------------------------------------------------------- */

/**
 * crypto_alloc_skcipher(): looks the algorithm up, and those that it is made of, each time under
 * crypto_alg_sem for read (LIMIT_ALG_LOOKUPS); then COST_TFM_ALLOC and the object, zeroed, with
 * GFP_KERNEL, as far as the caller's scopes leave it that. An algorithm whose module is not loaded is
 * asked for with request_module(), which waits for user space without a time-out, and then for its
 * self test up to SPAN_CRYPTO_LARVAL. 0, -ENOMEM, -ENOENT (the module did not register it),
 * -ETIMEDOUT (the test took too long) or -ELIBBAD (it did so earlier); 6.12: crypto/api.c.
 */
int crypto_alloc_skcipher(struct kernel_task *task, enum cipher_mode mode, struct alloc_site *site,
			  uint64_t bytes);
/** What crypto_clone_tfm() would do for a skcipher: COST_TFM_CLONE and GFP_ATOMIC, without look-up or
 * semaphore. 0 or -ENOMEM. 6.12 has it for hashes only. */
int crypto_clone_skcipher(struct kernel_task *task, enum cipher_mode mode, struct alloc_site *site,
			  uint64_t bytes);
void crypto_free_skcipher(struct kernel_task *task, enum cipher_mode mode, struct alloc_site *site,
			  uint64_t bytes);
/** crypto_skcipher_setkey(): COST_SETKEY. Adiantum's allocates SIZE_ADIANTUM_SETKEY with GFP_KERNEL
 * for the duration, and fails with -ENOMEM (6.12: crypto/adiantum.c); the others allocate nothing,
 * given an aligned key. */
int crypto_skcipher_setkey(struct kernel_task *task, enum cipher_mode mode);
/** Registers one more algorithm, of no use to anybody here: holds crypto_alg_sem for write and
 * allocates its test larval under it with GFP_KERNEL; the self test runs in a task of its own. 0 or
 * -ENOMEM. 6.12: crypto/algapi.c, crypto_register_alg(). */
int crypto_register_alg(struct kernel_task *task);
/** What modprobe does in user space before the module is there: reads its file, say. Called in the
 * modprobe task, which has no scopes of the task that asked. */
void machine_on_modprobe(struct machine *machine, void (*fn)(struct kernel_task *task, void *arg),
			 void *arg);

/* ---- page cache --------------------------------------------------------------------------- */

struct address_space;
struct address_space_ops {
	/** Writes back the dirty pages of the mapping; returns when the I/O is submitted, or done if
	 * `wait`. The mapping stays allocated meanwhile, even if it is freed. */
	void (*writepages)(struct kernel_task *task, struct address_space *mapping, bool wait);
	/** Clean pages of these blocks are about to go: drop what hangs on them
	 * (btrfs_release_folio). False keeps them. Must not touch the page cache. May be NULL. */
	bool (*release)(struct address_space *mapping, uint32_t first_block, uint32_t blocks);
};
struct address_space *address_space_new(struct machine *machine,
					const struct address_space_ops *ops, void *host);
/** Drops every page; none may be dirty, under writeback or waited for. */
void address_space_free(struct address_space *mapping);
/** Frees a mapping of a run that is over, whatever state it is in: after sim_free(), and before
 * machine_free(). Frees it at once unless the flusher was at work on it, then never: the mapping's
 * memory then goes with machine_free(). */
void address_space_discard(struct address_space *mapping);
void *address_space_host(const struct address_space *mapping);
/** First block of [first, first+blocks) that is not in the cache, and how many such follow; false
 * if all are there. Blocks under read I/O are there: page_cache_wait_read() waits for them. Touches
 * the LRU, whose grain is a chunk of 64 blocks. */
bool page_cache_missing(struct address_space *mapping, uint32_t first, uint32_t blocks,
			uint32_t *missing_first, uint32_t *missing_blocks);
/** Brings in those of the pages that are not there (locked for I/O, not up to date yet); allocates
 * memory, so may reclaim. False: out of memory, and none was brought in. */
bool page_cache_add(struct kernel_task *task, struct address_space *mapping, uint32_t first,
		    uint32_t blocks, enum gfp gfp);
/** I/O done: pages are up to date; wakes those who wait for them. */
void page_cache_uptodate(struct address_space *mapping, uint32_t first, uint32_t blocks);
/** The read failed: pages that are not up to date are dropped, but for those that were overwritten
 * meanwhile; wakes those who wait for them. */
void page_cache_read_failed(struct address_space *mapping, uint32_t first, uint32_t blocks);
/** Waits until none of the blocks is under read I/O. */
void page_cache_wait_read(struct kernel_task *task, struct address_space *mapping, uint32_t first,
			  uint32_t blocks);
/** Marks present pages dirty; returns how many were clean. */
uint32_t page_cache_dirty(struct address_space *mapping, uint32_t first, uint32_t blocks);
/** The next run of dirty blocks at or after `from`; false if there is none. */
bool page_cache_next_dirty(const struct address_space *mapping, uint32_t from, uint32_t *first,
			   uint32_t *blocks);
/** Dirty → under writeback, and writeback → clean (or dirty, if dirtied meanwhile). Blocks that are
 * not dirty, or not under writeback, are passed over. */
void page_cache_writeback_begin(struct address_space *mapping, uint32_t first, uint32_t blocks);
void page_cache_writeback_end(struct address_space *mapping, uint32_t first, uint32_t blocks);
void page_cache_wait_writeback(struct kernel_task *task, struct address_space *mapping,
			       uint32_t first, uint32_t blocks);
/** Drops pages, dirty or not (truncate), without asking ops->release. */
void page_cache_drop(struct address_space *mapping, uint32_t first, uint32_t blocks);
uint64_t page_cache_dirty_blocks(const struct address_space *mapping);
uint64_t page_cache_writeback_blocks(const struct address_space *mapping);
uint64_t page_cache_present_blocks(const struct address_space *mapping);
/** echo 1 > drop_caches: every clean page of the machine that ops->release lets go. */
void page_cache_drop_clean(struct machine *machine);
/** balance_dirty_pages(): wakes the flusher when dirty pages exceed the background limit, makes the
 * caller pause (PART_THROTTLE) while dirty and writeback pages exceed the hard one. Limits are
 * per-mille of the machine's memory. Does nothing on a machine without flushers. */
void balance_dirty_pages(struct kernel_task *task);

/* ---- workqueues and block devices --------------------------------------------------------- */

/** A workqueue: up to `max_active` worker tasks (0: one per CPU), made when needed and parked in
 * between; items start in the order in which they were queued. `context` is the workers'. */
struct workqueue;
struct workqueue *workqueue_new(struct machine *machine, const char *name, uint32_t max_active,
				enum alloc_context context);
/** Queues work; callable from a plain event (end of I/O). Runs in a worker task, which spends
 * COST_WORK_ITEM first. The item's cost draws are keyed by `request`, the operation that it works
 * for, and by its place among the request's bios and items. */
void workqueue_queue(struct workqueue *wq, kernel_task_fn fn, void *arg, uint64_t request);

enum bio_op {
	BIO_READ,
	BIO_WRITE,
	BIO_FLUSH,
	BIO_METADATA = 0x10, /* or'ed in: counted apart from file data */
};
/**
 * Submits one request to a member device; `end_io` runs as a plain event when the device is done.
 * Costs no CPU: the caller has paid COST_BIO_SUBMIT. A device serves `device_channels` requests at a
 * time, first come first served; a read or write takes its latency (keyed by `request` and the
 * bio's place in it) plus COST_DEVICE_4K for each block after the first. A flush waits for the
 * writes submitted before it, then for a channel, then takes COST_DEVICE_FLUSH.
 */
void bio_submit(struct machine *machine, uint32_t device, unsigned int op, uint64_t physical_block,
		uint32_t blocks, uint64_t request, void (*end_io)(void *arg), void *arg);
/** Submits for the task's request and waits; booked to PART_DEVICE. */
void bio_submit_wait(struct kernel_task *task, uint32_t device, unsigned int op,
		     uint64_t physical_block, uint32_t blocks);

#endif
