/* SPDX-License-Identifier: GPL-2.0-or-later */
/* workload, private: the book of operations, shared by the kinds of actors. */
#ifndef WORKLOAD_INTERNAL_H
#define WORKLOAD_INTERNAL_H

#include "models/workload/workload.h"

/** What came of one kind of operation. */
struct op_book;
struct op_book *op_book_new(void);
void op_book_free(struct op_book *book);
void op_book_report(const struct workload *workload, struct sim_metrics *metrics);

/** An outcome that a script expects came, or did not. */
void op_book_expected(struct op_book *book, bool came);

struct op_timer {
	const char *op; /* not copied: a literal */
	sim_ns start, late;
	struct kernel_account account; /* operations may lie within one another */
};
/** Begins an operation: `request` numbers it among all of the run and keys its cost draws. */
struct op_timer op_begin(struct workload *workload, struct kernel_task *task, const char *op,
			 uint64_t request);
/** The same for one that was due at `planned`, from when on its latency counts. */
struct op_timer op_begin_late(struct workload *workload, struct kernel_task *task, const char *op,
			      uint64_t request, sim_ns planned);
/** Ends it with the errno it came to; it is a refusal if the crypto code said no. */
void op_end(struct workload *workload, struct kernel_task *task, const struct op_timer *timer,
	    int err);

/** Leaves one that will go on beyond the run: it is not counted. */
void op_leave(struct workload *workload, struct kernel_task *task);

/** Notes something for the reader of the results, at the present time; takes `text` over. */
void workload_find(struct workload *workload, const char *kind, char *text);

/** One task of an actor: its name, and how its n-th operation reads (NULL: by its number). */
struct running_actor {
	const char *name;
	void *arg;
	char *(*describe)(const void *arg, uint64_t n);
};
/** Starts a task of an actor; the workload counts it until it ends. Returns its number. `describe` may
 * be NULL; `arg` and `name` must live as long as the workload. */
uint32_t workload_spawn(struct workload *workload, const char *name, kernel_task_fn fn, void *arg,
			char *(*describe)(const void *arg, uint64_t n));
/**
 * Actors that make their own files do so before anybody's clock starts: at its start() such an actor
 * announces that it will, one of its tasks does it between _prepare_begin() and _prepare_end(), and every
 * task that should find all files made waits for that with workload_wait_prepared().
 */
void workload_announce_preparation(struct workload *workload);
void workload_prepare_begin(struct workload *workload, struct kernel_task *task);
void workload_prepare_end(struct workload *workload, struct kernel_task *task);
void workload_wait_prepared(struct workload *workload, struct kernel_task *task);
/** To be called by each such task as its last act. */
void workload_task_ends(struct workload *workload);
enum { REQUEST_TASK_SHIFT = 40 };
/** Request numbers: this task's `n`-th operation. */
static inline uint64_t workload_request(uint32_t task, uint64_t n)
{
	return ((uint64_t)task + 1) << REQUEST_TASK_SHIFT | n;
}
struct actor_state {
	gpointer state;
	GDestroyNotify free;
};
/** Has `state` freed with the workload, whether or not its tasks have ended. */
void workload_keep(struct workload *workload, gpointer state, GDestroyNotify free);

/** What an actor does when the design refuses to share data. */
enum on_refusal { ON_REFUSAL_COPY, ON_REFUSAL_FAIL, ON_REFUSAL_SKIP };
const char *on_refusal_name(size_t i);
/** A copy in its place: cp without --reflink. */
struct workload_copy {
	struct btrfs_file *from, *to;
	uint64_t from_offset, bytes, to_offset, io_bytes;
};
int workload_copy(struct kernel_task *task, const struct workload_copy *copy);
/** "*.copied_bytes", of each actor that did. */
extern const struct sim_metric_def workload_def_copied;

/** Sleeps for a time that is drawn for this request and purpose; a time of nothing keeps the CPU. */
void workload_pause(struct workload *workload, struct kernel_task *task, const char *purpose,
		    uint64_t request, const struct sim_dist *time);

/** What an actor adds to the result of a run. */
struct actor_report {
	void (*report)(void *arg, struct sim_metrics *metrics);
	void *arg;
};
void workload_on_report(struct workload *workload,
			void (*report)(void *arg, struct sim_metrics *metrics), void *arg);

extern const struct actor_kind actor_mix, actor_script, actor_queue, actor_containers,
	actor_relocator, actor_defragmenter, actor_deduper, actor_key_admin, actor_memory_hog,
	actor_module_loader, actor_trace;

#endif
