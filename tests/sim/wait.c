/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every blocking call against grant, timeout, interrupt and kill at one instant, in every order.
 * The rule: what comes first ends the wait; a grant that comes later goes to the next in line; after a
 * grant nothing else counts; nothing is ever lost.
 */
#include "sim_test.h"

#include <stdlib.h>
#include <string.h>

enum call {
	CALL_POOL,
	CALL_MUTEX,
	CALL_READ,
	CALL_WRITE,
	CALL_SLEEP,
	CALL_TAKE,
	CALL_PUT,
	CALL_HOLD,
	CALLS,
};

enum { INSTANT = 100, SECOND_SINCE = 10 };

struct scene {
	struct sim *sim;
	enum call call;
	struct sim_pool pool;
	struct sim_mutex mutex;
	struct sim_rwsem sem;
	struct sim_waitq wq;
	struct sim_store store;
	struct sim_task *first, *second;
	enum sim_wake got_first, got_second;
	bool timed, second_done;
	sim_ns woken_first;
	int granted;
};

static enum sim_wake wait_once(struct scene *s, sim_ns timeout)
{
	void *item = NULL;
	enum sim_wake wake;

	switch (s->call) {
	case CALL_POOL:
		return sim_pool_acquire_timeout(&s->pool, 2, timeout);
	case CALL_MUTEX:
		return sim_mutex_lock_timeout(&s->mutex, timeout);
	case CALL_READ:
		return sim_rwsem_read_timeout(&s->sem, timeout);
	case CALL_WRITE:
		return sim_rwsem_write_timeout(&s->sem, timeout);
	case CALL_SLEEP:
		return sim_waitq_sleep_timeout(&s->wq, timeout);
	case CALL_TAKE:
		wake = sim_store_take_timeout(&s->store, &item, timeout);
		cr_assert_eq(item != NULL, wake == SIM_GRANTED);
		return wake;
	case CALL_PUT:
		return sim_store_put(&s->store, s);
	case CALL_HOLD:
		return sim_hold(s->sim, timeout);
	case CALLS:
		break;
	}
	abort();
}

static void first_waiter(struct sim_task *self, void *arg)
{
	struct scene *s = arg;

	(void)self;
	s->got_first = wait_once(s, s->timed ? INSTANT : SIM_NEVER);
	s->woken_first = sim_now(s->sim);
	s->granted += s->got_first == SIM_GRANTED;
}

static void second_waiter(struct sim_task *self, void *arg)
{
	struct scene *s = arg;

	sim_hold(sim_of(self), SECOND_SINCE);
	s->got_second = wait_once(s, SIM_NEVER);
	s->second_done = true;
	s->granted += s->got_second == SIM_GRANTED;
}

/* ---- what happens at the instant ---- */

static void do_grant(struct sim *sim, void *arg)
{
	struct scene *s = arg;
	void *item;

	(void)sim;
	switch (s->call) {
	case CALL_POOL:
		sim_pool_release(&s->pool, 2);
		break;
	case CALL_MUTEX:
		sim_mutex_unlock(&s->mutex);
		break;
	case CALL_READ:
	case CALL_WRITE:
		sim_rwsem_write_unlock(&s->sem);
		break;
	case CALL_SLEEP:
		cr_assert(sim_waitq_wake_one(&s->wq));
		break;
	case CALL_TAKE:
		sim_store_put(&s->store, s);
		break;
	case CALL_PUT:
		cr_assert(sim_store_try_take(&s->store, &item));
		break;
	case CALL_HOLD:
	case CALLS:
		break;
	}
}

static void do_interrupt(struct sim *sim, void *arg)
{
	(void)sim;
	sim_interrupt(((struct scene *)arg)->first);
}

static void do_kill(struct sim *sim, void *arg)
{
	(void)sim;
	sim_kill(((struct scene *)arg)->first);
}

/* The timeout's own event is ordered by when the wait began: to try it before and after the others,
 * these get priorities around its 0. */
static const char letters[] = "GTIK";

static void schedule(struct scene *s, char letter, int priority)
{
	switch (letter) {
	case 'G':
		sim_at(s->sim, INSTANT, priority, do_grant, s);
		break;
	case 'I':
		sim_at(s->sim, INSTANT, priority, do_interrupt, s);
		break;
	case 'K':
		sim_at(s->sim, INSTANT, priority, do_kill, s);
		break;
	default:
		break;
	}
}

static void open_scene(struct scene *s, enum call call, bool timed)
{
	memset(s, 0, sizeof(*s));
	s->sim = new_run(1);
	s->call = call;
	s->timed = timed;
	sim_pool_init(&s->pool, s->sim, sim_lock_class(s->sim, "pool"), "pool", 2);
	sim_mutex_init(&s->mutex, s->sim, sim_lock_class(s->sim, "mutex"), "mutex");
	sim_rwsem_init(&s->sem, s->sim, sim_lock_class(s->sim, "sem"), "sem");
	sim_waitq_init(&s->wq, s->sim, "wq");
	sim_store_init(&s->store, s->sim, "store", 1);
	cr_assert(sim_pool_try(&s->pool, 2));
	cr_assert(sim_mutex_trylock(&s->mutex));
	cr_assert(sim_rwsem_try_write(&s->sem));
	if (call == CALL_PUT)
		sim_store_put(&s->store, s);
	s->first = sim_spawn(s->sim, "first", first_waiter, s);
	if (call != CALL_HOLD)
		s->second = sim_spawn(s->sim, "second", second_waiter, s);
}

static void close_scene(struct scene *s)
{
	/* By turns before and after the run is freed: both are legal. */
	if (s->call % 2)
		sim_free(s->sim);
	sim_pool_destroy(&s->pool);
	sim_mutex_destroy(&s->mutex);
	sim_rwsem_destroy(&s->sem);
	sim_waitq_destroy(&s->wq);
	sim_store_destroy(&s->store);
	if (!(s->call % 2))
		sim_free(s->sim);
}

static enum sim_wake expected(enum call call, char first)
{
	if (call == CALL_HOLD && first == 'T')
		return SIM_GRANTED;
	return first == 'G'   ? SIM_GRANTED
	       : first == 'T' ? SIM_TIMEOUT
	       : first == 'I' ? SIM_INTERRUPTED
			      : SIM_KILLED;
}

static void check_scene(const struct scene *s, const char *order, char first)
{
	bool granted_first = s->got_first == SIM_GRANTED && s->call != CALL_HOLD;

	EXPECT_U64(s->woken_first, INSTANT);
	cr_assert_eq(s->got_first, expected(s->call, first), "call %d, order %s: %d", s->call,
		     order, s->got_first);
	if (s->call == CALL_HOLD || !strchr(order, 'G'))
		return;
	/* Readers go in together; all others one at a time. */
	cr_assert_eq(s->second_done, !granted_first || s->call == CALL_READ,
		     "call %d, order %s: the grant was lost or given twice", s->call, order);
	cr_assert_eq(s->granted, s->call == CALL_READ && granted_first ? 2 : 1);
}

static void play(enum call call, const char *order)
{
	const char *t = strchr(order, 'T');
	struct scene s;
	char first = 0;

	open_scene(&s, call, t != NULL);
	for (int i = 0; order[i]; i++)
		schedule(&s, order[i], t ? (int)(&order[i] - t) : i);
	/* For a hold a grant means nothing. */
	for (int i = 0; order[i] && !first; i++)
		first = call == CALL_HOLD && order[i] == 'G' ? 0 : order[i];
	if (first) {
		cr_assert_eq(sim_run(s.sim, SIM_NEVER), SIM_END_IDLE);
		check_scene(&s, order, first);
	}
	close_scene(&s);
}

static void permute(enum call call, char *order, size_t n)
{
	if (n)
		play(call, order);
	for (size_t i = 0; letters[i]; i++) {
		if (memchr(order, letters[i], n))
			continue;
		/* Putting has no timeout. */
		if (letters[i] == 'T' && call == CALL_PUT)
			continue;
		order[n] = letters[i];
		order[n + 1] = '\0';
		permute(call, order, n + 1);
		order[n] = '\0';
	}
}

Test(wait, whatever_comes_first_at_an_instant_ends_the_wait_and_no_grant_is_lost)
{
	for (int call = 0; call < CALLS; call++) {
		char order[8] = "";

		permute((enum call)call, order, 0);
	}
}

/* ---- single rules ---- */

struct rules {
	struct sim *sim;
	struct sim_pool pool;
	struct sim_rwsem sem;
	GString *trace;
};

static void open_rules(struct rules *r, uint32_t capacity)
{
	r->sim = new_run(1);
	r->trace = g_string_new(NULL);
	sim_pool_init(&r->pool, r->sim, sim_lock_class(r->sim, "pool"), "pool", capacity);
	sim_rwsem_init(&r->sem, r->sim, sim_lock_class(r->sim, "sem"), "sem");
}

static void close_rules(struct rules *r)
{
	sim_free(r->sim);
	sim_pool_destroy(&r->pool);
	sim_rwsem_destroy(&r->sem);
	g_string_free(r->trace, TRUE);
}

static void take_three_impatiently(struct sim_task *self, void *arg)
{
	struct rules *r = arg;

	(void)self;
	cr_assert_eq(sim_pool_acquire_timeout(&r->pool, 3, 50), SIM_TIMEOUT);
	g_string_append(r->trace, "3");
}

static void take_one(struct sim_task *self, void *arg)
{
	struct rules *r = arg;

	sim_hold(sim_of(self), 1);
	cr_assert(!sim_pool_try(&r->pool, 1), "a try does not overtake the line");
	cr_assert_eq(sim_pool_acquire(&r->pool, 1), SIM_GRANTED);
	EXPECT_U64(sim_now(r->sim), 50);
	g_string_append(r->trace, "1");
}

Test(wait, when_the_head_of_the_line_gives_up_those_behind_go_in)
{
	struct rules r;

	open_rules(&r, 3);
	cr_assert(sim_pool_try(&r.pool, 1));
	sim_spawn(r.sim, "three", take_three_impatiently, &r);
	sim_spawn(r.sim, "one", take_one, &r);
	sim_spawn(r.sim, "one", take_one, &r);
	sim_run(r.sim, SIM_NEVER);
	/* The grants at 50 are scheduled before the one that timed out goes on, yet run after it. */
	cr_assert_str_eq(r.trace->str, "311");
	EXPECT_U64(r.pool.usage.timeouts, 1);
	EXPECT_U64(r.pool.usage.waits, 3);
	EXPECT_U64(r.pool.usage.acquires, 3);
	EXPECT_U64(r.pool.usage.queue_max, 3);
	EXPECT_U64(sim_histogram_count(r.pool.usage.wait_ns), 2);
	EXPECT_U64(r.pool.usage.queue_integral, 50 + 2 * 49);
	close_rules(&r);
}

static void reader(struct sim_task *self, void *arg)
{
	struct rules *r = arg;

	(void)self;
	cr_assert_eq(sim_rwsem_read(&r->sem), SIM_GRANTED);
	g_string_append_printf(r->trace, "r%d ", (int)sim_now(r->sim));
	sim_hold(r->sim, 10);
	sim_rwsem_read_unlock(&r->sem);
}

static void writer(struct sim_task *self, void *arg)
{
	struct rules *r = arg;

	(void)self;
	cr_assert_eq(sim_rwsem_write(&r->sem), SIM_GRANTED);
	g_string_append_printf(r->trace, "w%d ", (int)sim_now(r->sim));
	sim_hold(r->sim, 10);
	sim_rwsem_write_unlock(&r->sem);
}

Test(wait, readers_behind_a_waiting_writer_wait_and_go_in_together)
{
	struct rules r;

	open_rules(&r, 1);
	sim_spawn(r.sim, "r", reader, &r);
	sim_spawn(r.sim, "r", reader, &r);
	sim_spawn(r.sim, "w", writer, &r);
	sim_spawn(r.sim, "r", reader, &r);
	sim_spawn(r.sim, "r", reader, &r);
	sim_spawn(r.sim, "w", writer, &r);
	sim_spawn(r.sim, "r", reader, &r);
	sim_run(r.sim, SIM_NEVER);
	cr_assert_str_eq(r.trace->str, "r0 r0 w10 r20 r20 w30 r40 ");
	EXPECT_U64(r.sem.usage.acquires, 7);
	EXPECT_U64(r.sem.usage.immediate, 2);
	EXPECT_U64(r.sem.write_usage.waits, 2);
	EXPECT_U64(r.sem.write_usage.queue_integral, 10 + 30);
	EXPECT_U64(r.sem.usage.in_use_max, 2);
	close_rules(&r);
}

static void killed_task(struct sim_task *self, void *arg)
{
	struct rules *r = arg;

	cr_assert_eq(sim_hold(r->sim, 100), SIM_KILLED);
	EXPECT_U64(sim_now(r->sim), 40);
	cr_assert(sim_task_killed(self));
	cr_assert_eq(sim_hold(r->sim, 100), SIM_KILLED);
	cr_assert_eq(sim_pool_acquire(&r->pool, 1), SIM_GRANTED, "what is free needs no wait");
	cr_assert_eq(sim_pool_acquire(&r->pool, 1), SIM_KILLED);
	cr_assert_eq(sim_rwsem_read(&r->sem), SIM_KILLED);
	EXPECT_U64(r->pool.waiting.length, 0);
	sim_pool_release(&r->pool, 1);
	EXPECT_U64(sim_now(r->sim), 40);
	g_string_append(r->trace, "done");
}

static void kill_it(struct sim *sim, void *arg)
{
	(void)sim;
	sim_kill(arg);
	sim_interrupt(arg);
}

Test(wait, a_killed_task_waits_no_more_but_gets_what_is_free)
{
	struct rules r;

	open_rules(&r, 1);
	cr_assert(sim_rwsem_try_write(&r.sem));
	sim_at(r.sim, 40, 0, kill_it, sim_spawn(r.sim, "victim", killed_task, &r));
	cr_assert_eq(sim_run(r.sim, SIM_NEVER), SIM_END_IDLE);
	cr_assert_str_eq(r.trace->str, "done");
	close_rules(&r);
}
