/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the engine share. Private to sim/ and its tests. */
#ifndef SIM_INTERNAL_H
#define SIM_INTERNAL_H

#include "sim/sim.h"

__extension__ typedef unsigned __int128 sim_u128;

#if defined(__SANITIZE_ADDRESS__)
#define SIM_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIM_ASAN 1
#endif
#endif

#define SIM_LIKELY(x) __builtin_expect(!!(x), 1)
#define SIM_UNLIKELY(x) __builtin_expect(!!(x), 0)
/* The rare half of a hot function: kept out of it, so that the hot half saves no registers. */
#define SIM_RARE __attribute__((noinline))

/* ---- event list (event_list.c) ---- */

enum {
	SIM_SLOT_BITS = 22, /* up to 4 Mi pending events */
	SIM_SERIAL_BITS = 34, /* renumbered when it runs out */
	SIM_PRIORITY_MIN = -128,
	SIM_PRIORITY_MAX = 127,
};
#define SIM_NO_SLOT UINT32_MAX

/* What a slot stands for: a plain event (fn is set), or the wake-up of a task (fn is NULL). */
struct event_slot {
	sim_event_fn fn;
	void *arg;
	uint32_t generation;
};

/*
 * A 4-ary implicit heap of 16-byte keys: time in the upper half, below it priority, serial and slot,
 * so that one 128-bit comparison is the whole order. A position per slot gives true cancelling.
 * Taking the first event leaves a hole at the root that the next insertion fills. Events of priority
 * 0 at the present instant go through a ring: those in the heap for this instant are all older.
 */
struct event_list {
	sim_u128 *key; /* so placed that four children share a cache line */
	uint32_t count, allocated; /* count includes the hole */
	bool hole;
	uint64_t serial;
	uint32_t *position; /* by slot: heap index, or RING_BIT and ring index, or NOWHERE */
	struct event_slot *slot;
	uint32_t slots, slots_allocated, free_slot;
	uint32_t *ring;
	uint32_t ring_head, ring_tail, ring_mask;
	void *key_memory;
};

void event_list_init(struct event_list *list);
void event_list_clear(struct event_list *list);
/* The rest is in event_list.h. */
void event_list_remove(struct event_list *list, uint32_t slot);
int event_list_priority(const struct event_list *list, uint32_t slot);
bool event_list_empty(const struct event_list *list);
/* Every invariant; for tests. */
bool event_list_valid(const struct event_list *list);

/* ---- stacks and switching (stack.c, context.c, switch.S) ---- */

struct sim_stack {
	struct sim_stack *next; /* free list */
	char *base;
	size_t bytes;
	uint32_t number;
	unsigned valgrind_id;
};

struct stack_store {
	size_t bytes;
	struct sim_stack *free;
	GPtrArray *slabs;
	uint32_t stacks;
};

void stack_store_init(struct stack_store *store, size_t bytes);
void stack_store_clear(struct stack_store *store);
struct sim_stack *stack_take(struct stack_store *store);
void stack_give(struct stack_store *store, struct sim_stack *stack);
bool stack_store_holds(const struct stack_store *store, const void *address);

/* Where a thread of control stands while another runs. */
struct sim_context {
	void *sp; /* or the ucontext_t of the portable fallback */
	void *fake_stack; /* the address sanitizer's */
	const void *bottom;
	size_t bytes;
};
void context_prepare(struct sim_context *context, struct sim_stack *stack, void (*entry)(void *),
		     void *arg);
/* `last`: the thread of control switched from never runs again. */
void context_switch(struct sim_context *from, struct sim_context *to, bool last);
/* First thing on a new stack. */
void context_entered(struct sim_context *from);
void context_release(struct sim_context *context);

/* ---- tasks (task.c) ---- */

enum task_state { TASK_NEW, TASK_READY, TASK_RUNNING, TASK_WAITING, TASK_ENDED };
enum { TASK_NAME_INLINE = 32, INTERRUPT_POLL_EVENTS = 4096 };

struct sim_waiter;

struct sim_task {
	struct sim_context context;
	struct sim *sim;
	struct sim_waiter *waiter; /* the resource wait it is in, or NULL */
	uint32_t slot; /* its only event: start, end of hold, timeout or wake-up */
	uint8_t state; /* enum task_state */
	uint8_t wake; /* enum sim_wake: how the present wait ended, or will if its time comes */
	bool killed, dead;
	uint64_t name_hash;
	struct sim_holding *held; /* the newest first */
	uint32_t section, section_depth;
	struct sim_stack *stack;
	sim_task_fn fn;
	void *arg, *user;
	struct sim_task *prev, *next; /* live tasks by order of creation; free list */
	uint32_t id;
	uint32_t path_depth, path_allocated;
	const char **path;
	char *name;
	char name_inline[TASK_NAME_INLINE];
	/* Scratch of the deadlock search. */
	uint64_t epoch;
	bool can_wake;
	struct sim_task *parent;
};

struct sim {
	sim_ns now;
	struct sim_task *self;
	const struct sim_tracer *tracer; /* mostly NULL, so each use is one branch */
	uint64_t events, digest;
	sim_ns limit;
	sim_ns fast_until; /* up to when a hold may pass without a look at the end and the stop flag */
	uint64_t look_next; /* after so many events something else than the next is to be done */
	bool stopping, was_interrupted;
	struct event_list list;
	const volatile int *interrupted;

	struct sim_context main, gone; /* gone: saved by a task that has ended, never resumed */
	struct sim_context *previous; /* whence a new stack was entered */
	struct stack_store stacks;
	struct sim_task *first_task, *last_task, *free_task;
	GPtrArray *task_chunks;
	uint32_t next_task_id;
	/* The name given last and its hash: tasks of one kind are started in a row. */
	char last_name[TASK_NAME_INLINE];
	uint64_t last_name_hash;

	uint64_t draws, seed_key;
	struct sim_histogram *histograms; /* of usages, to be found when a stack is dropped */

	struct sim_holding *free_holding, *order_holdings;
	GPtrArray *holding_chunks;
	GPtrArray *classes;
	GStringChunk *strings;
	GArray *deadlocks, *cycles; /* of struct sim_chain */
	void (*on_deadlock)(struct sim *sim, const struct sim_chain *chain, void *arg);
	void *on_deadlock_arg;
	void (*on_free)(void *arg);
	void *on_free_arg;
	uint64_t epoch;
	void *tracer_arg;
	GArray *gauges; /* struct sim_gauge; NULL if nobody looks on */

	uint64_t mark_interval; /* in events */
	size_t marks;
	struct sim_mark mark[SIM_MARKS];
};

/* Suspends the running task until something resumes it. */
void task_block(struct sim *sim, struct sim_task *self);
/* Makes a waiting task run at this instant, its wait over. */
void task_wake(struct sim_task *task, enum sim_wake wake);
void tasks_clear(struct sim *sim);
/* Takes events until one resumes a task; NULL when the run is over. (sim.c) */
struct sim_task *sim_next_task(struct sim *sim);
void sim_resume_from_main(struct sim *sim, struct sim_task *task);

/* ---- waiting (wait.c) ---- */

enum wait_kind { WAIT_POOL, WAIT_READ, WAIT_WRITE, WAIT_QUEUE, WAIT_TAKE, WAIT_PUT };

struct sim_waiter {
	struct sim_waiter *next, *prev;
	struct sim_wait_list *list; /* NULL once the resource is gone */
	struct sim_task *task;
	void *resource;
	const char *name;
	/* Takes the waiter out of the line when its wait ends without the thing. */
	void (*leave)(struct sim_waiter *waiter, enum sim_wake wake);
	void *item;
	sim_ns since;
	uint32_t units;
	uint8_t kind; /* enum wait_kind */
	bool timed;
};

/* Waits in line; the resource has brought its usage up to date before. */
enum sim_wake wait_in(struct sim_waiter *waiter, struct sim *sim, struct sim_wait_list *list,
		      sim_ns timeout);
void wait_unlink(struct sim_waiter *waiter);
/* Gives the waiter what it waited for: from here on neither its timeout nor an interrupt counts. */
void wait_grant(struct sim_waiter *waiter);
/* Ends a wait without the thing; the caller sees to it that the task runs. */
void wait_abandon(struct sim_task *task, enum sim_wake wake);
/* The resource goes away: those still waiting wait for nothing. */
void wait_list_orphan(struct sim_wait_list *list);
static inline enum sim_wake wait_refused(const struct sim *sim)
{
	g_assert(sim->self && "only a task can wait");
	return sim->self->killed ? SIM_KILLED : SIM_GRANTED;
}

void usage_init(struct sim_usage *usage, const struct sim *sim);
void usage_destroy(struct sim_usage *usage);
void usage_waited(struct sim_usage *usage, struct sim *sim, sim_ns waited_ns);
void usage_orphan_all(struct sim *sim);

static inline void usage_advance(struct sim_usage *usage, sim_ns now, uint32_t in_use,
				 uint32_t queued)
{
	sim_ns passed = now - usage->since;

	usage->in_use_integral += passed * in_use;
	usage->queue_integral += passed * queued;
	usage->since = now;
}

/* ---- holdings (holding.c) ---- */

enum holding_kind { HOLD_POOL, HOLD_READ, HOLD_WRITE, HOLD_WAKER, HOLD_ORDER };

struct sim_holding {
	struct sim_holding *next, *prev; /* of the resource, oldest first */
	struct sim_holding *task_next, *task_prev; /* of the task, newest first */
	struct sim_holding **list; /* the resource's head */
	struct sim_task *task; /* NULL: nobody known; of a waker: it has ended */
	struct sim_lock_class *class;
	void *resource;
	const char *name, *path;
	uint32_t units;
	uint8_t kind; /* enum holding_kind */
};

struct sim_holding *holding_add(struct sim *sim, struct sim_holding **list, struct sim_task *task,
				enum holding_kind kind, void *resource, const char *name);
void holding_remove(struct sim *sim, struct sim_holding *holding);
/* The newest holding of the task in this list, or NULL. */
struct sim_holding *holding_find(struct sim_holding **list, const struct sim_task *task);
void holding_give_back(struct sim *sim, struct sim_holding **list, const struct sim_task *task,
		       uint32_t units);
void holding_list_clear(struct sim *sim, struct sim_holding **list);
void holdings_clear(struct sim *sim);

/* A declared waker has ended. (waitq.c) */
void waitq_waker_gone(struct sim_waitq *wq);

/* ---- graphs (deadlock.c, lock_order.c) ---- */

/* The task is about to block, or lost one of those who could wake it. */
void deadlock_check(struct sim *sim, struct sim_task *task);
bool deadlock_tracked(const struct sim_waiter *waiter);
/* A task reported dead was woken from outside. */
void deadlock_forget(struct sim *sim);
void deadlocks_clear(struct sim *sim);
/* The calling task asks for a lock of this class and may wait for it. */
void lock_order_asked(struct sim *sim, struct sim_lock_class *class);
void lock_order_clear(struct sim *sim);
void chains_free(GArray *chains);
const char *sim_intern(struct sim *sim, const char *string);

/* ---- looking on (trace.c) ---- */

/* Called only if there is a tracer. */
struct sim_task *trace_task_starts(struct sim *sim, struct sim_task *task);
void trace_wait_begins(struct sim *sim, const struct sim_task *task);
void trace_wait_ends(struct sim *sim, const struct sim_task *task, enum sim_wake wake);
void trace_hold_begins(struct sim *sim, const struct sim_holding *holding);
void trace_hold_ends(struct sim *sim, const struct sim_holding *holding);
void trace_path_enters(struct sim *sim, const char *function);
void trace_event(struct sim *sim, sim_ns when, uint32_t slot);
void trace_fact(struct sim *sim, const char *name, uint64_t value);
void trace_start(struct sim *sim, const struct sim_options *options);
void trace_end(struct sim *sim);

/* ---- numbers (fixed.c, stream.c) ---- */

enum { FIXED_BITS = 57 }; /* binary digits after the point of a logarithm */
/* log2(x) for x >= 1, in units of 2^-57. */
uint64_t fixed_log2(uint64_t x);
/* 2^-y in units of 2^-63, y in units of 2^-57. */
uint64_t fixed_exp2_negative(uint64_t y);

static inline uint64_t mix64(uint64_t x)
{
	x ^= x >> 30;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	x ^= x >> 27;
	x *= UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* A mean whose exponential draws fit: 44.4 of them are under 2^63. */
#define SIM_MEAN_MAX (UINT64_C(1) << 57)

/* A histogram that a usage owns is on a list of the run while the run lives. */
struct sim_histogram *histogram_new_owned(struct sim *sim, struct sim_usage *owner);
struct sim_usage *histogram_owner(const struct sim_histogram *h);
void histogram_disown(struct sim_histogram *h);

/* FNV-1a, the names' part of the digest and of the seeds. */
static inline uint64_t hash_string(const char *s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
	return h;
}

/* One event in the digest: cheap, and every bit of both counts. */
static inline void digest_mix(struct sim *sim, uint64_t a, uint64_t b)
{
	uint64_t d = (sim->digest ^ a) * UINT64_C(0x9e3779b97f4a7c15);

	d = (d << 29 | d >> 35) + b;
	sim->digest = d;
}

#endif
