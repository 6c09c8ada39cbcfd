/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim: the engine. Clock, event list, tasks (coroutines), waiting, resources, random streams,
 * statistics and metrics. It knows nothing of kernels, files or keys.
 *
 * One `struct sim` is one run; it is not shared between threads, and there is no global state, so
 * two of them run side by side in two threads. Time is an unsigned 64-bit count of nanoseconds.
 * Events are ordered by (time, priority, serial): equal times and priorities fire in the order in
 * which they were scheduled. Nothing here depends on an address, a hash order or the host's libm.
 */
#ifndef SIM_H
#define SIM_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t sim_ns;
#define SIM_NEVER UINT64_MAX

struct sim;
struct sim_task;
struct sim_tracer;

/* ---- a run ------------------------------------------------------------------------------ */

enum sim_end {
	SIM_END_IDLE, /* no event is left; tasks that still wait are in sim_blocked_tasks() */
	SIM_END_TIME, /* every event up to and including `until` was taken; the clock stands there */
	SIM_END_STOPPED, /* sim_stop() was called */
	SIM_END_INTERRUPTED, /* *interrupted became non-zero */
};

struct sim_options {
	uint64_t seed;
	uint32_t replication;
	size_t stack_bytes; /* per task; 0 takes the default */
	const volatile int *interrupted; /* polled now and then; may be NULL */
	const struct sim_tracer *tracer; /* who looks on; NULL: nobody */
	void *tracer_arg;
};

struct sim *sim_new(const struct sim_options *options);
/** Frees the run and every task, whether it has ended or not; the stacks of tasks that have not are
 * dropped without running on them, so what such a task allocated must be known elsewhere.
 * Resources embedded in the caller's structures must outlive this call (destroying them afterwards
 * is legal) or be destroyed before it; those on a task's own stack go with the stack. */
void sim_free(struct sim *sim);
/** Has sim_free() call `fn` first: for one who outlives the run and must not ask it the time then. */
void sim_on_free(struct sim *sim, void (*fn)(void *arg), void *arg);
enum sim_end sim_run(struct sim *sim, sim_ns until);
void sim_stop(struct sim *sim);
sim_ns sim_now(const struct sim *sim);
/** Events taken from the event list so far, cancelled ones not counted. */
uint64_t sim_events(const struct sim *sim);
/** Random numbers drawn so far, by any stream: 0 makes every metric of the run exact. */
uint64_t sim_draws(const struct sim *sim);
/** Digest over (time, kind, name) of every event since the start. */
uint64_t sim_digest(const struct sim *sim);
/** What the digest was, and when, after so many events. */
struct sim_mark {
	uint64_t digest;
	sim_ns ns;
};
/** After one interval, two intervals, … of events, at most SIM_MARKS times; owned by the run. The interval
 * is a power of two that grows with the run. */
enum { SIM_MARKS = 32 };
const struct sim_mark *sim_marks(const struct sim *sim, size_t *count, uint64_t *interval_events);
/** Mixes a fact of the model (an operation's outcome, say) into the digest. The name is for lookers-on. */
void sim_digest_add(struct sim *sim, const char *name, uint64_t value);

/* ---- plain events ------------------------------------------------------------------------ */

/** A handle names one scheduling of an event: a stale one is harmless. 0 is never valid. */
typedef uint64_t sim_event;
typedef void (*sim_event_fn)(struct sim *sim, void *arg);

sim_event sim_at(struct sim *sim, sim_ns when, int priority, sim_event_fn fn, void *arg);
sim_event sim_after(struct sim *sim, sim_ns delay, int priority, sim_event_fn fn, void *arg);
/** True if the event was pending and now is not. */
bool sim_cancel(struct sim *sim, sim_event event);
/** Moves a pending event, which gets a new serial; false if it was not pending. */
bool sim_reschedule(struct sim *sim, sim_event event, sim_ns when);
bool sim_pending(const struct sim *sim, sim_event event);

/* ---- tasks ------------------------------------------------------------------------------- */

typedef void (*sim_task_fn)(struct sim_task *self, void *arg);

/** How a wait ended. Every blocking call returns one of these; only SIM_GRANTED gives the thing
 * waited for. */
enum sim_wake { SIM_GRANTED, SIM_TIMEOUT, SIM_INTERRUPTED, SIM_KILLED };

/** Starts a task at the present instant, after the events already due. `name` is copied. The
 * handle is valid until the task's function returns. */
struct sim_task *sim_spawn(struct sim *sim, const char *name, sim_task_fn fn, void *arg);
struct sim_task *sim_self(struct sim *sim); /* NULL inside a plain event */
struct sim *sim_of(const struct sim_task *task);
const char *sim_task_name(const struct sim_task *task);
/** Stable number of the task, by order of creation. */
uint32_t sim_task_id(const struct sim_task *task);
/** What the floor above hangs on a task (its task_struct); never touched here. */
void sim_task_set_user(struct sim_task *task, void *user);
void *sim_task_user(const struct sim_task *task);
/** Passes simulated time on the calling task; a duration of 0 lets the events already due go
 * first, SIM_NEVER waits for an interrupt or a kill. */
enum sim_wake sim_hold(struct sim *sim, sim_ns duration);
/** Ends the target's present wait with SIM_INTERRUPTED; no effect on a task that does not wait. */
void sim_interrupt(struct sim_task *task);
/** Ends the target's present wait, and every later one, with SIM_KILLED. A killed task still gets
 * what it need not wait for, so that it can clean up. */
void sim_kill(struct sim_task *task);
bool sim_task_killed(const struct sim_task *task);
/** The tasks that now wait with no event of their own pending, by number; the caller frees the
 * array (of struct sim_task *), not the tasks. After SIM_END_IDLE: who was left behind. */
GPtrArray *sim_blocked_tasks(const struct sim *sim);
/** What a task waits for: the resource's name, or NULL when it holds, runs or is about to run. */
const char *sim_task_waits_for(const struct sim_task *task);
/** Since when it waits; SIM_NEVER when it does not wait for a resource. */
sim_ns sim_task_waits_since(const struct sim_task *task);
/** Whether anything is pending beside the timeouts, holds and starts of tasks for which `ours` says true:
 * a plain event, or another task. The calling task, which runs, is not counted. */
bool sim_anybody_else(const struct sim *sim, bool (*ours)(const struct sim_task *task));
/** The innermost path that the task is in, or NULL. */
const char *sim_task_path(const struct sim_task *task);

/* ---- deadlock and lock order -------------------------------------------------------------- */

/**
 * A lock class: all locks of one kind, as lockdep sees them. Classes are made once per run.
 * `acquired_in` of a wait names the path (the kernel function) that takes the lock: it is set per
 * task with sim_path_enter() and is what a chain shows.
 */
struct sim_lock_class;
struct sim_lock_class *sim_lock_class(struct sim *sim, const char *name);
/** Its name, or `otherwise` where there is no class (NULL). */
const char *sim_lock_class_name(const struct sim_lock_class *class, const char *otherwise);
/** Enters and leaves a named path (a kernel function); paths nest; names are not copied. */
void sim_path_enter(struct sim *sim, const char *function);
void sim_path_leave(struct sim *sim);
/** Records, for the lock-order graph only, that the calling task would take `class` here. */
void sim_lock_order_note(struct sim *sim, struct sim_lock_class *class);
/** Takes and drops a pseudo-lock such as fs_reclaim in the lock-order graph: what is taken between
 * the two is ordered behind it. No effect in a plain event. */
void sim_lock_order_enter(struct sim *sim, struct sim_lock_class *class);
void sim_lock_order_leave(struct sim *sim, struct sim_lock_class *class);

/**
 * Sections of a model's code, numbered from 1 by the model: what the lock-order graph sees while a task
 * is in one is kept apart. They nest, and the outermost counts. No effect in a plain event.
 */
enum { SIM_SECTIONS = 4 };
void sim_section_enter(struct sim *sim, uint32_t section);
void sim_section_leave(struct sim *sim);
/** The section that the running task is in; 0: none. */
uint32_t sim_section(const struct sim *sim);
/** The i-th lock class, and how often one of its locks was asked for in `section` by a call that may
 * wait, notes and pseudo-locks included; NULL past the last class. */
const char *sim_section_class(const struct sim *sim, size_t i, uint32_t section, uint64_t *asked);
/** Distinct pairs of classes of which one was asked for in `section` while the other was held. */
uint64_t sim_section_pairs(const struct sim *sim, uint32_t section);

/** One link of a chain: `task` waits in `path` for `resource`, held by the next link's task (the
 * last link's by the first), which took it in `held_since_path`. Where the next link's task only
 * stands before `task` in the line, or is the one declared to wake it, `held_since_path` is the path
 * in which it queued or was declared. In a lock-order cycle `resource` is a class and the link reads:
 * `task` took it in `path` while it held the previous link's resource, taken in `held_since_path`.
 * A path that was never entered is NULL. */
struct sim_chain_link {
	const char *task, *path, *resource, *held_since_path;
};
struct sim_chain {
	sim_ns when;
	size_t links;
	struct sim_chain_link *link;
};
/** Deadlocks found so far: sets of tasks that nobody outside the set can wake. Found when the set
 * closes, by graph reduction over and- and or-waits. Owned by the run. */
const struct sim_chain *sim_deadlocks(const struct sim *sim, size_t *count);
/** Cycles of the lock-order graph: possible deadlocks, whether or not the run met one. */
const struct sim_chain *sim_lock_cycles(const struct sim *sim, size_t *count);
/** Called once per deadlock, at the instant it closes, on the blocking task's stack; it may stop the
 * run, but not wake, end or start anybody. */
void sim_on_deadlock(struct sim *sim, void (*fn)(struct sim *, const struct sim_chain *, void *),
		     void *arg);

/* ---- resources --------------------------------------------------------------------------- */

struct sim_waiter; /* lives on the waiting task's stack */
struct sim_wait_list {
	struct sim_waiter *head, *tail;
	uint32_t length;
};

/** What a resource measures of itself. Integrals are in unit-nanoseconds. */
struct sim_usage {
	uint64_t acquires, immediate, waits, timeouts;
	uint32_t in_use_max, queue_max;
	uint64_t in_use_integral, queue_integral; /* brought up to date by sim_usage_sync() */
	sim_ns since;
	/* Of every acquisition that waited; owned by the resource, NULL (which reads as empty) until
	 * one did. */
	struct sim_histogram *wait_ns;
};

/** Who holds what, for the deadlock and lock-order graphs. Only resources with a lock class and
 * wait queues with declared wakers have it. */
struct sim_holding;

/** A counted resource: `capacity` units, first come first served, a request waits until all its
 * units are free. Also the mutex (capacity 1 with an owner), as `struct sim_mutex`. */
struct sim_pool {
	struct sim *sim;
	struct sim_lock_class *class;
	const char *name;
	uint32_t capacity, in_use;
	struct sim_wait_list waiting;
	struct sim_usage usage;
	struct sim_holding *holders;
};
void sim_pool_init(struct sim_pool *pool, struct sim *sim, struct sim_lock_class *class,
		   const char *name, uint32_t capacity);
void sim_pool_destroy(struct sim_pool *pool);
enum sim_wake sim_pool_acquire(struct sim_pool *pool, uint32_t units);
enum sim_wake sim_pool_acquire_timeout(struct sim_pool *pool, uint32_t units, sim_ns timeout);
bool sim_pool_try(struct sim_pool *pool, uint32_t units);
/** Gives units back, on behalf of `holder` (NULL: the calling task). Units that the holder is not
 * known to hold are taken from those without a known holder, then from the longest holding. */
void sim_pool_release(struct sim_pool *pool, uint32_t units);
void sim_pool_release_for(struct sim_pool *pool, uint32_t units, struct sim_task *holder);
/** Makes `to` answer for the calling task's units: it will release them. NULL: nobody in
 * particular (an interrupt handler, say), so that a wait for them never counts as dead. */
void sim_pool_hand_over(struct sim_pool *pool, uint32_t units, struct sim_task *to);

struct sim_mutex {
	struct sim_pool pool;
};
void sim_mutex_init(struct sim_mutex *mutex, struct sim *sim, struct sim_lock_class *class,
		    const char *name);
void sim_mutex_destroy(struct sim_mutex *mutex);
enum sim_wake sim_mutex_lock(struct sim_mutex *mutex);
enum sim_wake sim_mutex_lock_timeout(struct sim_mutex *mutex, sim_ns timeout);
bool sim_mutex_trylock(struct sim_mutex *mutex);
void sim_mutex_unlock(struct sim_mutex *mutex);

/** The kernel's rw-semaphore: first come first served, a reader that comes behind a waiting writer
 * waits, and all readers at the head of the line go in together. */
struct sim_rwsem {
	struct sim *sim;
	struct sim_lock_class *class;
	const char *name;
	struct sim_task *writer; /* NULL when a plain event holds it for writing */
	bool write_locked;
	uint32_t readers, writers_waiting;
	struct sim_wait_list waiting;
	struct sim_usage usage; /* reads and writes together */
	struct sim_usage write_usage;
	struct sim_holding *holders;
};
void sim_rwsem_init(struct sim_rwsem *sem, struct sim *sim, struct sim_lock_class *class,
		    const char *name);
void sim_rwsem_destroy(struct sim_rwsem *sem);
enum sim_wake sim_rwsem_read(struct sim_rwsem *sem);
enum sim_wake sim_rwsem_write(struct sim_rwsem *sem);
/** Takes it for writing as a lock of another class, while it is held: for the second of two locks of
 * one class that are taken in a known order (lockdep's nesting subclasses). `sem` must have a class. */
enum sim_wake sim_rwsem_write_nested(struct sim_rwsem *sem, struct sim_lock_class *subclass);
enum sim_wake sim_rwsem_read_timeout(struct sim_rwsem *sem, sim_ns timeout);
enum sim_wake sim_rwsem_write_timeout(struct sim_rwsem *sem, sim_ns timeout);
bool sim_rwsem_try_read(struct sim_rwsem *sem);
bool sim_rwsem_try_write(struct sim_rwsem *sem);
void sim_rwsem_read_unlock(struct sim_rwsem *sem);
void sim_rwsem_write_unlock(struct sim_rwsem *sem);

/** A wait queue: tasks sleep until woken. Who could wake them is unknown to the engine, so a
 * sleeper counts as wakeable unless `wakers` were declared. */
struct sim_waitq {
	struct sim *sim;
	const char *name;
	struct sim_wait_list waiting;
	struct sim_usage usage;
	struct sim_holding *wakers; /* only these can wake; none declared: anyone */
};
void sim_waitq_init(struct sim_waitq *wq, struct sim *sim, const char *name);
void sim_waitq_destroy(struct sim_waitq *wq);
/** Declares that `task` is one of those who can wake the sleepers of this queue. It stays declared
 * until it is removed: when every declared waker has ended, nobody can. */
void sim_waitq_add_waker(struct sim_waitq *wq, struct sim_task *task);
/** The same for one that has what the sleepers want since it was in `path` (copied; may be NULL). */
void sim_waitq_add_waker_in(struct sim_waitq *wq, struct sim_task *task, const char *path);
void sim_waitq_remove_waker(struct sim_waitq *wq, struct sim_task *task);
/** Anyone can wake again. */
void sim_waitq_clear_wakers(struct sim_waitq *wq);
enum sim_wake sim_waitq_sleep(struct sim_waitq *wq);
enum sim_wake sim_waitq_sleep_timeout(struct sim_waitq *wq, sim_ns timeout);
/** Wakes the longest waiting sleeper; false if nobody slept. A wake-up that its sleeper no longer
 * wants (it timed out at this instant) is offered to the next. */
bool sim_waitq_wake_one(struct sim_waitq *wq);
uint32_t sim_waitq_wake_all(struct sim_waitq *wq);
/** Who would be woken next; NULL if nobody sleeps. */
struct sim_task *sim_waitq_first(const struct sim_waitq *wq);

/** A store: a queue of pointers; take() waits for one. `capacity` 0 is unbounded. */
struct sim_store {
	struct sim *sim;
	const char *name;
	uint32_t capacity;
	void **item; /* a ring */
	uint32_t first, length, allocated;
	struct sim_wait_list takers, putters;
	struct sim_usage usage;
};
void sim_store_init(struct sim_store *store, struct sim *sim, const char *name, uint32_t capacity);
void sim_store_destroy(struct sim_store *store);
enum sim_wake sim_store_put(struct sim_store *store, void *item);
enum sim_wake sim_store_take(struct sim_store *store, void **item);
enum sim_wake sim_store_take_timeout(struct sim_store *store, void **item, sim_ns timeout);
/** Takes an item without waiting; false if there is none. */
bool sim_store_try_take(struct sim_store *store, void **item);

/** Brings the time integrals of a usage up to now; in_use and queued are the present levels. */
void sim_usage_sync(struct sim_usage *usage, sim_ns now, uint32_t in_use, uint32_t queued);
/** Forgets what was measured so far (the warm-up); the maxima restart from the present levels. */
void sim_usage_reset(struct sim_usage *usage, sim_ns now, uint32_t in_use, uint32_t queued);

/* ---- looking on ---------------------------------------------------------------------------- */

/** Something that takes time, and numbers that go with it. Strings last for the call only. */
enum { SIM_TRACE_NUMBERS = 3 };
struct sim_trace_slice {
	const char *kind; /* "path", "task"; the floors above add their own */
	const char *name;
	struct {
		const char *name; /* NULL: none */
		uint64_t value;
	} number[SIM_TRACE_NUMBERS];
};
/** One of several alike, of which a task or request takes one for a time: a CPU, a device's channel. */
struct sim_trace_lane {
	const char *group, *name; /* "CPUs", "CPU" */
	uint64_t id; /* whoever took it: tells it from those who have others meanwhile */
};
/** A wait for a resource. The holder is whoever has had it longest, as far as that is known. */
struct sim_trace_wait {
	const char *resource;
	const char *want; /* "units", "read", "write", "wake-up", "item", "place" */
	uint32_t units;
	const struct sim_task *holder; /* NULL: unknown */
	const char *holder_path;
};
/** Units of a pool, or a lock, that a task has. Only resources with a lock class are told of. */
struct sim_trace_hold {
	const void *id; /* that of no other hold at the same time */
	const char *resource, *mode; /* "units", "read", "write" */
	const char *path; /* in which it was taken; NULL: none was entered */
	uint32_t units; /* of a hold that ends, those that were still there */
	const struct sim_task *task; /* NULL: nobody known */
};
/**
 * Who looks on is told of everything at sim_now(), in the order of events, and only looks: it may not
 * draw, schedule, wait or wake, so that a run is the same with and without. Every function must be there
 * but those that are said to may be NULL.
 */
struct sim_tracer {
	void (*run_starts)(void *arg, struct sim *sim);
	void (*run_ends)(void *arg); /* it is about to be freed; tasks may stand anywhere */
	/** `by` started or woke it; NULL: a plain event did. */
	void (*task_starts)(void *arg, const struct sim_task *task, const struct sim_task *by);
	/** Before it starts: which tasks it belongs to ("workers"). */
	void (*task_group)(void *arg, const struct sim_task *task, const char *group);
	void (*task_ends)(void *arg, const struct sim_task *task);
	void (*wait_begins)(void *arg, const struct sim_task *task,
			    const struct sim_trace_wait *wait);
	void (*wait_ends)(void *arg, const struct sim_task *task, enum sim_wake wake,
			  const struct sim_task *by);
	void (*hold_begins)(void *arg, const struct sim_trace_hold *hold);
	void (*hold_ends)(void *arg, const struct sim_trace_hold *hold);
	/** Slices of a task nest; waits are the innermost. */
	void (*slice_begins)(void *arg, const struct sim_task *task,
			     const struct sim_trace_slice *slice);
	void (*slice_ends)(void *arg, const struct sim_task *task, const char *kind);
	void (*lane_begins)(void *arg, const struct sim_trace_lane *lane,
			    const struct sim_trace_slice *slice);
	void (*lane_ends)(void *arg, const struct sim_trace_lane *lane);
	/** The next event is about to be taken, at `when`; sim_now() is still that of the one before.
	 * `task`, which goes on, is NULL if the event is a plain one. May be NULL. */
	void (*event)(void *arg, sim_ns when, const struct sim_task *task);
	/** The present event adds a fact to the digest. May be NULL. */
	void (*fact)(void *arg, const char *name, uint64_t value);
};

/** Whether anybody looks on: for callers who would otherwise prepare in vain. */
bool sim_traced(const struct sim *sim);
/** Nobody looks on any more. */
void sim_trace_stop(struct sim *sim);
/** What the floors above tell; without effect if nobody looks on. Slices are the calling task's. */
void sim_trace_task_group(struct sim *sim, const struct sim_task *task, const char *group);
void sim_trace_begin(struct sim *sim, const struct sim_trace_slice *slice);
void sim_trace_end(struct sim *sim, const char *kind);
void sim_trace_lane_begin(struct sim *sim, const struct sim_trace_lane *lane,
			  const struct sim_trace_slice *slice);
void sim_trace_lane_end(struct sim *sim, const struct sim_trace_lane *lane);

/** A figure that a looker-on may read at any time. */
struct sim_gauge {
	const char *group, *name, *unit; /* not copied: they outlive the run */
	uint64_t (*read)(const void *arg);
	const void *arg;
};
/** Offers a figure; `gauge` is copied. Without effect if nobody looks on. */
void sim_gauge_add(struct sim *sim, const struct sim_gauge *gauge);
/** The i-th; NULL past the last. */
const struct sim_gauge *sim_gauge_at(const struct sim *sim, size_t i);

/* ---- random streams ----------------------------------------------------------------------- */

/** A stream is named by purpose and entity; its seed is a hash of (seed, replication, name,
 * entity), so that the order of creation never matters and every variant sees the same draws. */
struct sim_stream {
	struct sim *sim;
	uint64_t s[4];
};
void sim_stream_init(struct sim_stream *stream, struct sim *sim, const char *purpose,
		     uint64_t entity);
uint64_t sim_draw_u64(struct sim_stream *stream);
/** Uniform on 0 … bound-1, without modulo bias; bound 0 is an error. */
uint64_t sim_draw_below(struct sim_stream *stream, uint64_t bound);
/** Exponential with this mean, in whole nanoseconds, from integer tables. */
sim_ns sim_draw_exponential(struct sim_stream *stream, sim_ns mean);

/** A distribution of durations, sampled with integers only. */
enum sim_dist_kind {
	SIM_DIST_CONSTANT,
	SIM_DIST_UNIFORM, /* a … b */
	SIM_DIST_EXPONENTIAL, /* mean a */
	SIM_DIST_HYPEREXPONENTIAL, /* two exponentials, balanced means: mean a, scv b/1000 */
	SIM_DIST_QUANTILES, /* piecewise linear through points (per-mille, ns) */
};
enum { SIM_DIST_POINTS_MAX = 8 };
struct sim_dist {
	enum sim_dist_kind kind;
	uint64_t a, b;
	uint32_t points;
	struct {
		uint32_t per_mille;
		sim_ns ns;
	} point[SIM_DIST_POINTS_MAX];
};
/** Draws a value; nothing is drawn when the distribution is constant. */
sim_ns sim_draw(struct sim_stream *stream, const struct sim_dist *dist);
/** A draw that belongs to a request and not to the order of events: the k-th value of `request` for
 * a purpose depends on (seed, replication, purpose, request, k) alone. No state is kept. */
uint64_t sim_purpose(const char *name);
uint64_t sim_keyed_u64(struct sim *sim, uint64_t purpose, uint64_t request, uint64_t k);
/** The same on 0 … bound-1; the bias is below bound / 2^64. */
uint64_t sim_keyed_below(struct sim *sim, uint64_t purpose, uint64_t request, uint64_t k,
			 uint64_t bound);
sim_ns sim_draw_keyed(struct sim *sim, uint64_t purpose, uint64_t request, uint64_t k,
		      const struct sim_dist *dist);
/** Mean of a distribution in ns, rounded down. */
sim_ns sim_dist_mean(const struct sim_dist *dist);

/** Zipf over ranks 0 … n-1 with exponent in thousandths, sampled exactly from an integer table of
 * some 10 bytes a rank: one draw, and a smaller draw is never a higher rank. */
struct sim_zipf;
struct sim_zipf *sim_zipf_new(uint64_t n, uint32_t exponent_milli);
void sim_zipf_free(struct sim_zipf *zipf);
uint64_t sim_draw_zipf(struct sim_stream *stream, const struct sim_zipf *zipf);
uint64_t sim_keyed_zipf(struct sim *sim, uint64_t purpose, uint64_t request, uint64_t k,
			const struct sim_zipf *zipf);

/* ---- statistics ---------------------------------------------------------------------------- */

/** Integer log-linear histogram: exact count, sum, minimum, maximum; a quantile is at most 0.1 %
 * over the true one; merging is addition, so the order of recording never matters. */
struct sim_histogram;
struct sim_histogram *sim_histogram_new(void);
void sim_histogram_free(struct sim_histogram *h);
void sim_histogram_add(struct sim_histogram *h, uint64_t value);
void sim_histogram_merge(struct sim_histogram *into, const struct sim_histogram *from);
uint64_t sim_histogram_count(const struct sim_histogram *h);
uint64_t sim_histogram_min(const struct sim_histogram *h);
uint64_t sim_histogram_max(const struct sim_histogram *h);
uint64_t sim_histogram_sum_low(const struct sim_histogram *h); /* modulo 2^64 */
double sim_histogram_mean(const struct sim_histogram *h);
/** Smallest recorded value (top of its bucket, never over the maximum) with at least
 * per_100k/100000 of the values at or under it (nearest rank); 0 for an empty histogram. */
uint64_t sim_histogram_quantile(const struct sim_histogram *h, uint32_t per_100k);
/** Whether the sample carries this quantile: at least ten values lie beyond it. */
bool sim_histogram_carries(const struct sim_histogram *h, uint32_t per_100k);

/** A histogram as a document keeps it: of buckets that hold a value, the largest value that fits and
 * how many there are, in order. An octave has SIM_DISTRIBUTION_STEPS of equal width, so that a bucket's
 * bound is less than a SIM_DISTRIBUTION_STEPS-th over any value in it; the last is the maximum's. */
enum { SIM_DISTRIBUTION_STEPS = 32 };
struct sim_bucket {
	uint64_t upto, count;
};
struct sim_distribution {
	uint64_t count, sum, min, max;
	GArray *buckets; /* struct sim_bucket */
};
struct sim_distribution *sim_distribution_new(void);
struct sim_distribution *sim_distribution_of(const struct sim_histogram *h);
void sim_distribution_free(struct sim_distribution *distribution);
/** As if the values of both had been counted together. */
void sim_distribution_merge(struct sim_distribution *into, const struct sim_distribution *from);
/** The bound of the bucket that a value falls into. */
uint64_t sim_distribution_bound(uint64_t value);

/** Figures over time: at 0, interval, 2·interval, … at most SIM_SERIES_POINTS times; the interval is a
 * power of two that grows with the run. */
enum { SIM_SERIES_POINTS = 256 };
struct sim_series {
	uint32_t figures, points;
	sim_ns interval, next; /* when the next point is due */
	int64_t *point; /* points · figures */
};
struct sim_series *sim_series_new(uint32_t figures);
void sim_series_free(struct sim_series *series);
struct sim_series *sim_series_copy(const struct sim_series *series);
/** To be called before the figures change, and at the end of the run: they have been these up to now.
 * What changes at a point's own instant is in it. */
void sim_series_upto(struct sim_series *series, sim_ns now, const int64_t *figures);

/** Mean, standard deviation, and Student half-width at 95 % of n values, in a fixed order of operations. */
struct sim_interval {
	double mean, deviation, half_width; /* the latter two are 0 when n < 2 */
	uint32_t n;
};
struct sim_interval sim_interval_of(const double *values, size_t n);
/** Two-sided Student quantile at 95 % for these degrees of freedom, from a table. */
double sim_student_95(uint32_t degrees_of_freedom);

/* ---- metrics -------------------------------------------------------------------------------- */

/** What a metric is: declared once by the room that measures it. A name may hold one or more '*'
 * that stand for an instance ("ops.*.count"). */
enum sim_direction { SIM_LESS_IS_BETTER, SIM_MORE_IS_BETTER, SIM_NO_DIRECTION };
struct sim_metric_def {
	const char *name, *unit;
	enum sim_direction direction;
	const char *group; /* the heading under which a table shows it */
	const char *help; /* what it means and how it is computed */
};

/** One run's measurements: integers by full name. */
struct sim_metrics;
struct sim_metrics *sim_metrics_new(void);
void sim_metrics_free(struct sim_metrics *metrics);
/** Sets a metric; `name` is the full name, instances filled in. Setting one twice is an error. */
void sim_metrics_set(struct sim_metrics *metrics, const struct sim_metric_def *def,
		     const char *name, int64_t value);
/** The same with the instances of the definition's stars, in order, NULL-terminated. */
void sim_metrics_set_for(struct sim_metrics *metrics, const struct sim_metric_def *def,
			 int64_t value, const char *instance, ...) G_GNUC_NULL_TERMINATED;
/** The same for a share of a sum, set only where there is one: of a run that has not set it, though
 * another of its variant has, it counts as 0. */
void sim_metrics_set_part_for(struct sim_metrics *metrics, const struct sim_metric_def *def,
			      int64_t value, const char *instance, ...) G_GNUC_NULL_TERMINATED;
size_t sim_metrics_count(const struct sim_metrics *metrics);
/** The i-th metric in the order of names. */
const char *sim_metrics_at(const struct sim_metrics *metrics, size_t i,
			   const struct sim_metric_def **def, int64_t *value);
/** The distribution behind metrics, copied; the definition tells unit and meaning, its stars are filled
 * in. And series: one copied, whose figures have these names, NULL-terminated. */
void sim_metrics_add_distribution(struct sim_metrics *metrics, const struct sim_metric_def *def,
				  const struct sim_histogram *h, const char *instance,
				  ...) G_GNUC_NULL_TERMINATED;
void sim_metrics_add_series(struct sim_metrics *metrics, const struct sim_metric_def *def,
			    const struct sim_series *series, const char *const *figures);
/** The i-th of them in the order of names; NULL past the last. */
const char *sim_metrics_distribution(const struct sim_metrics *metrics, size_t i,
				     const struct sim_metric_def **def,
				     const struct sim_distribution **distribution);
const char *sim_metrics_series(const struct sim_metrics *metrics, size_t i,
			       const struct sim_metric_def **def, const struct sim_series **series,
			       const char *const **figures);
/** Whether the i-th metric is a share of a sum. */
bool sim_metrics_is_part(const struct sim_metrics *metrics, size_t i);

/* ---- queues ---------------------------------------------------------------------------------- */

/** A resource under a stream of customers: the workload whose answers are known exactly. Each
 * customer is a task that takes one of `servers` units, holds it and gives it back. */
struct sim_queue_config {
	uint32_t servers;
	struct sim_dist arrival, hold; /* between arrivals; on the server */
	bool loss; /* a customer that finds no free server leaves at once */
	uint64_t warmup, customers; /* arrivals not measured, then arrivals measured */
	uint64_t entity; /* which of several queues of one run: picks the random streams */
};
/** What was measured: of customers, those that came after the warm-up; of time, the window from the
 * first of them to the last. Times in ns, integrals in customer-ns. */
struct sim_queue_result {
	uint64_t arrivals, served, lost, waits;
	uint64_t wait_sum_ns;
	sim_ns window_ns;
	uint64_t waiting_integral, busy_integral, number_integral;
	uint64_t residence_ns; /* residence times clipped to the window: equals number_integral */
	struct sim_histogram *wait_ns; /* of every served customer, 0 for those who did not wait */
};
struct sim_queue;
/** Starts the customers of a queue; sim_run() then works it off. `config` is copied. */
struct sim_queue *sim_queue_start(struct sim *sim, const struct sim_queue_config *config);
/** Owned by the queue; final when the run is idle. */
const struct sim_queue_result *sim_queue_result(const struct sim_queue *queue);
/** Sets the queue.* metrics. */
void sim_queue_report(const struct sim_queue *queue, struct sim_metrics *metrics);
/** Before or after sim_free(), but not before another sim_run() of a queue not yet worked off. */
void sim_queue_free(struct sim_queue *queue);
/** Starts a queue, runs to the end and reports into `metrics` (may be NULL) and `result` (may be
 * NULL; else its histogram is the caller's to free). A run that ended otherwise than SIM_END_IDLE has
 * no results and cannot be resumed. */
enum sim_end sim_queue_run(struct sim *sim, const struct sim_queue_config *config,
			   struct sim_metrics *metrics, struct sim_queue_result *result);
/** The queue.* metric definitions, ended by one without a name. */
extern const struct sim_metric_def sim_queue_metrics[];

/* ---- parameters ------------------------------------------------------------------------------ */

/**
 * A table of what a room lets a scenario set: one row per key, with type, range, default and help.
 * The same table serves the scenario loader, `--set`, `--variant`, the JSON Schema and `list`.
 * Values live at `offset` in the room's own config struct.
 */
enum sim_param_type {
	SIM_PARAM_INT, /* int64_t */
	SIM_PARAM_BYTES, /* int64_t; "64MiB" */
	SIM_PARAM_TIME, /* int64_t, nanoseconds; "80us" */
	SIM_PARAM_BOOL, /* int64_t, 0 or 1 */
	SIM_PARAM_WORD, /* int64_t, index of the word */
	SIM_PARAM_TEXT, /* char *, owned */
	SIM_PARAM_FILE, /* char *, owned: a path; in a file, from that file's folder on */
	SIM_PARAM_LINES, /* char *, owned: a list of strings, joined by newlines */
	SIM_PARAM_DIST, /* struct sim_dist: "80us", "exponential 80us", "uniform 1us 9us", … */
};
struct sim_param {
	const char *name; /* as written, dots included: "pool.size"; NULL ends a table */
	enum sim_param_type type;
	size_t offset;
	int64_t min, max; /* max below or equal to 0 when min is not negative: no upper limit */
	const char *fallback; /* default in text form; NULL: the key is required; "": left zeroed */
	const char *(*word)(
		size_t i); /* SIM_PARAM_WORD: the i-th accepted word, NULL past the end */
	const char *help;
};
/** All errors of sim_param_set(): what was expected, what was given; the way out on a second line. */
#define SIM_PARAM_ERROR sim_param_error_quark()
enum sim_param_error { SIM_PARAM_ERROR_BAD };
GQuark sim_param_error_quark(void);
/** Finds a row by name; NULL if there is none. */
const struct sim_param *sim_param_find(const struct sim_param *table, const char *name);
/** The known name nearest to a wrong one (edit distance), or NULL if none is near. */
const char *sim_param_nearest(const struct sim_param *table, const char *name);
/** The same over a NULL-terminated list of names. */
const char *sim_name_nearest(const char *const *names, const char *name);
/** What the row accepts, as a phrase: "a size with a unit, such as \"64MiB\""; caller frees. */
char *sim_param_expects(const struct sim_param *param);
/** Parses a distribution of durations, as SIM_PARAM_DIST does; `what` names it in the error. */
bool sim_dist_parse(const char *what, const char *text, struct sim_dist *dist, GError **error);
/** The text form of a distribution, from which sim_dist_parse() makes it again; caller frees. */
char *sim_dist_text(const struct sim_dist *dist);
/** Parses `text` into the row's place in `config`. Errors say what was expected. */
bool sim_param_set(const struct sim_param *param, void *config, const char *text, GError **error);
/** Sets every row that has a default. */
void sim_param_defaults(const struct sim_param *table, void *config);
/** Frees owned texts and lines. */
void sim_param_clear(const struct sim_param *table, void *config);
/** The value in its text form, for documents; caller frees. */
char *sim_param_text(const struct sim_param *param, const void *config);

#endif
