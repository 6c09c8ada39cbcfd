/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sim_test.h"

#include <string.h>

struct world {
	struct sim *sim;
	struct sim_mutex a, b, c;
	struct sim_rwsem sem;
	struct sim_pool pool;
	struct sim_waitq wq;
	struct sim_task *waker;
	int called;
};

static void on_deadlock(struct sim *sim, const struct sim_chain *chain, void *arg)
{
	struct world *w = arg;

	(void)sim;
	(void)chain;
	w->called++;
}

static void open_world(struct world *w, uint32_t pool_capacity)
{
	memset(w, 0, sizeof(*w));
	w->sim = new_run(1);
	sim_mutex_init(&w->a, w->sim, sim_lock_class(w->sim, "class_a"), "a");
	sim_mutex_init(&w->b, w->sim, sim_lock_class(w->sim, "class_b"), "b");
	sim_mutex_init(&w->c, w->sim, sim_lock_class(w->sim, "class_c"), "c");
	sim_rwsem_init(&w->sem, w->sim, sim_lock_class(w->sim, "class_sem"), "sem");
	sim_pool_init(&w->pool, w->sim, sim_lock_class(w->sim, "class_pool"), "pool",
		      pool_capacity);
	sim_waitq_init(&w->wq, w->sim, "wq");
	sim_on_deadlock(w->sim, on_deadlock, w);
}

static void close_world(struct world *w)
{
	sim_free(w->sim);
	sim_mutex_destroy(&w->a);
	sim_mutex_destroy(&w->b);
	sim_mutex_destroy(&w->c);
	sim_rwsem_destroy(&w->sem);
	sim_pool_destroy(&w->pool);
	sim_waitq_destroy(&w->wq);
}

static size_t deadlocks(struct world *w)
{
	size_t n;

	sim_deadlocks(w->sim, &n);
	cr_assert_eq((int)n, w->called);
	return n;
}

static void expect_link(const struct sim_chain *chain, size_t i, const char *task, const char *path,
			const char *resource, const char *held_since)
{
	cr_assert(i < chain->links);
	cr_assert_str_eq(chain->link[i].task, task);
	cr_assert_str_eq(chain->link[i].path, path);
	cr_assert_str_eq(chain->link[i].resource, resource);
	cr_assert_str_eq(chain->link[i].held_since_path, held_since);
}

/* Takes the first, holds for a while, takes the second. */
static void take_both(struct world *w, struct sim_mutex *first, struct sim_mutex *second)
{
	sim_path_enter(w->sim, "outer");
	cr_assert_eq(sim_mutex_lock(first), SIM_GRANTED);
	sim_hold(w->sim, 10);
	sim_path_enter(w->sim, "inner");
	if (sim_mutex_lock(second) == SIM_GRANTED)
		sim_mutex_unlock(second);
	sim_path_leave(w->sim);
	sim_mutex_unlock(first);
	sim_path_leave(w->sim);
}

static void task_ab(struct sim_task *self, void *arg)
{
	struct world *w = arg;

	(void)self;
	take_both(w, &w->a, &w->b);
}

static void task_ba(struct sim_task *self, void *arg)
{
	struct world *w = arg;

	sim_hold(sim_of(self), 5);
	take_both(w, &w->b, &w->a);
}

static void task_bc(struct sim_task *self, void *arg)
{
	struct world *w = arg;

	sim_hold(sim_of(self), 3);
	take_both(w, &w->b, &w->c);
}

static void task_ca(struct sim_task *self, void *arg)
{
	struct world *w = arg;

	sim_hold(sim_of(self), 7);
	take_both(w, &w->c, &w->a);
}

static void task_late_a(struct sim_task *self, void *arg)
{
	struct world *w = arg;

	sim_hold(sim_of(self), 100);
	sim_mutex_lock(&w->a);
	cr_assert_fail("nobody gives a back");
}

Test(deadlock, ab_and_ba_is_reported_when_it_closes_with_its_chain)
{
	const struct sim_chain *chain;
	GPtrArray *blocked;
	struct world w;
	size_t n;

	open_world(&w, 1);
	sim_spawn(w.sim, "ab", task_ab, &w);
	sim_spawn(w.sim, "ba", task_ba, &w);
	sim_spawn(w.sim, "late", task_late_a, &w);
	cr_assert_eq(sim_run(w.sim, SIM_NEVER), SIM_END_IDLE);
	chain = sim_deadlocks(w.sim, &n);
	cr_assert_eq(deadlocks(&w), 1, "one who joins later is no new deadlock");
	EXPECT_U64(chain->when, 15);
	EXPECT_U64(chain->links, 2);
	expect_link(chain, 0, "ba", "inner", "a", "outer");
	expect_link(chain, 1, "ab", "inner", "b", "outer");
	blocked = sim_blocked_tasks(w.sim);
	cr_assert_eq(blocked->len, 3);
	cr_assert_str_eq(sim_task_waits_for(blocked->pdata[0]), "b");
	cr_assert_str_eq(sim_task_path(blocked->pdata[0]), "inner");
	EXPECT_U64(sim_task_waits_since(blocked->pdata[0]), 10);
	g_ptr_array_unref(blocked);
	close_world(&w);
}

Test(deadlock, three_tasks_in_a_ring_are_one_chain_of_three)
{
	const struct sim_chain *chain;
	struct world w;
	size_t n;

	open_world(&w, 1);
	sim_spawn(w.sim, "ab", task_ab, &w);
	sim_spawn(w.sim, "bc", task_bc, &w);
	sim_spawn(w.sim, "ca", task_ca, &w);
	sim_run(w.sim, SIM_NEVER);
	chain = sim_deadlocks(w.sim, &n);
	cr_assert_eq(deadlocks(&w), 1);
	EXPECT_U64(chain->links, 3);
	cr_assert_str_eq(chain->link[0].task, "ca");
	cr_assert_str_eq(chain->link[1].task, "ab");
	cr_assert_str_eq(chain->link[2].task, "bc");
	close_world(&w);
}

/* ---- who comes from outside can still end it ---- */

static void timed_ba(struct sim_task *self, void *arg)
{
	struct world *w = arg;

	sim_hold(sim_of(self), 5);
	sim_mutex_lock(&w->b);
	sim_hold(w->sim, 10);
	cr_assert_eq(sim_mutex_lock_timeout(&w->a, 1000), SIM_TIMEOUT);
	sim_mutex_unlock(&w->b);
}

Test(deadlock, a_timed_wait_in_the_ring_is_a_stall_and_no_deadlock)
{
	struct world w;

	open_world(&w, 1);
	sim_spawn(w.sim, "ab", task_ab, &w);
	sim_spawn(w.sim, "ba", timed_ba, &w);
	cr_assert_eq(sim_run(w.sim, SIM_NEVER), SIM_END_IDLE);
	cr_assert_eq(deadlocks(&w), 0);
	EXPECT_U64(sim_now(w.sim), 1015);
	cr_assert_eq(w.a.pool.in_use + w.b.pool.in_use, 0);
	close_world(&w);
}

static void kill_task(struct sim *sim, void *arg)
{
	(void)sim;
	sim_kill(arg);
}

Test(deadlock, after_a_kill_the_others_go_on_and_a_new_ring_is_reported_anew)
{
	struct world w;

	open_world(&w, 1);
	sim_spawn(w.sim, "ab", task_ab, &w);
	sim_at(w.sim, 50, 0, kill_task, sim_spawn(w.sim, "ba", task_ba, &w));
	cr_assert_eq(sim_run(w.sim, SIM_NEVER), SIM_END_IDLE);
	cr_assert_eq(deadlocks(&w), 1);
	cr_assert_eq(w.a.pool.in_use + w.b.pool.in_use, 0);
	sim_spawn(w.sim, "ab", task_ab, &w);
	sim_spawn(w.sim, "ba", task_ba, &w);
	cr_assert_eq(sim_run(w.sim, SIM_NEVER), SIM_END_IDLE);
	cr_assert_eq(deadlocks(&w), 2);
	close_world(&w);
}

/* ---- a pool with many holders ---- */

enum { SLOTS = 128 };

static int in_ring;

/* Takes a slot; of all holders, `in_ring` then want the mutex whose holder wants a slot. */
static void slot_holder(struct sim_task *self, void *arg)
{
	struct world *w = arg;
	bool wants_mutex = sim_task_id(self) <= (uint32_t)in_ring;

	cr_assert_eq(sim_pool_acquire(&w->pool, 1), SIM_GRANTED);
	sim_hold(w->sim, 10);
	if (wants_mutex) {
		cr_assert_eq(sim_mutex_lock(&w->a), SIM_GRANTED);
		sim_mutex_unlock(&w->a);
	} else {
		sim_hold(w->sim, 100);
	}
	sim_pool_release(&w->pool, 1);
}

static void mutex_holder(struct sim_task *self, void *arg)
{
	struct world *w = arg;

	cr_assert_eq(sim_mutex_lock(&w->a), SIM_GRANTED);
	sim_hold(sim_of(self), 20);
	if (sim_pool_acquire(&w->pool, 1) == SIM_GRANTED)
		sim_pool_release(&w->pool, 1);
	sim_mutex_unlock(&w->a);
}

static size_t play_pool(int ring, uint32_t *left)
{
	struct world w;
	size_t n;

	in_ring = ring;
	open_world(&w, SLOTS);
	sim_spawn(w.sim, "mutex", mutex_holder, &w);
	for (int i = 0; i < SLOTS; i++)
		sim_spawn(w.sim, "slot", slot_holder, &w);
	cr_assert_eq(sim_run(w.sim, SIM_NEVER), SIM_END_IDLE);
	*left = w.pool.in_use;
	n = deadlocks(&w);
	close_world(&w);
	return n;
}

Test(deadlock, one_holder_of_128_slots_in_a_ring_is_none_and_all_of_them_are_one)
{
	uint32_t left;

	cr_assert_eq(play_pool(1, &left), 0);
	EXPECT_U64(left, 0);
	cr_assert_eq(play_pool(SLOTS - 1, &left), 0);
	EXPECT_U64(left, 0);
	cr_assert_eq(play_pool(SLOTS, &left), 1);
	EXPECT_U64(left, SLOTS);
}

static void take_two_slots(struct sim_task *self, void *arg)
{
	struct world *w = arg;

	for (int i = 0; i < 2; i++) {
		cr_assert_eq(sim_pool_acquire(&w->pool, 1), SIM_GRANTED);
		sim_hold(sim_of(self), 10);
	}
	sim_pool_release(&w->pool, 2);
}

Test(deadlock, holders_that_each_want_another_slot_of_a_full_pool_wait_for_each_other)
{
	struct world w;

	open_world(&w, 2);
	sim_spawn(w.sim, "x", take_two_slots, &w);
	sim_spawn(w.sim, "y", take_two_slots, &w);
	cr_assert_eq(sim_run(w.sim, SIM_NEVER), SIM_END_IDLE);
	cr_assert_eq(deadlocks(&w), 1);
	close_world(&w);
	open_world(&w, 3);
	sim_spawn(w.sim, "x", take_two_slots, &w);
	sim_spawn(w.sim, "y", take_two_slots, &w);
	cr_assert_eq(sim_run(w.sim, SIM_NEVER), SIM_END_IDLE);
	cr_assert_eq(deadlocks(&w), 0);
	close_world(&w);
}

static void take_and_hand_over(struct sim_task *self, void *arg)
{
	struct world *w = arg;

	(void)self;
	cr_assert_eq(sim_pool_acquire(&w->pool, 1), SIM_GRANTED);
	sim_pool_hand_over(&w->pool, 1, NULL);
	cr_assert_eq(sim_pool_acquire(&w->pool, 1), SIM_GRANTED);
	sim_pool_release(&w->pool, 1);
}

static void give_back(struct sim *sim, void *arg)
{
	(void)sim;
	sim_pool_release(&((struct world *)arg)->pool, 1);
}

Test(deadlock, units_handed_over_to_an_interrupt_can_come_back)
{
	struct world w;

	open_world(&w, 1);
	sim_spawn(w.sim, "t", take_and_hand_over, &w);
	sim_at(w.sim, 30, 0, give_back, &w);
	cr_assert_eq(sim_run(w.sim, SIM_NEVER), SIM_END_IDLE);
	cr_assert_eq(deadlocks(&w), 0);
	cr_assert(!w.pool.in_use && !w.pool.holders);
	close_world(&w);
}

/* ---- the line itself ---- */

static void reader_wants_a(struct sim_task *self, void *arg)
{
	struct world *w = arg;

	sim_path_enter(w->sim, "read_then_a");
	sim_rwsem_read(&w->sem);
	sim_hold(sim_of(self), 20);
	sim_mutex_lock(&w->a);
}

static void waiting_writer(struct sim_task *self, void *arg)
{
	struct world *w = arg;

	sim_hold(sim_of(self), 10);
	sim_path_enter(w->sim, "write");
	sim_rwsem_write(&w->sem);
}

static void holder_of_a_reads(struct sim_task *self, void *arg)
{
	struct world *w = arg;

	sim_path_enter(w->sim, "a_then_read");
	sim_mutex_lock(&w->a);
	sim_hold(sim_of(self), 15);
	sim_rwsem_read(&w->sem);
	sim_hold(w->sim, 100);
	sim_rwsem_read_unlock(&w->sem);
	sim_mutex_unlock(&w->a);
}

Test(deadlock, a_reader_queued_behind_a_writer_closes_a_ring_that_readers_alone_do_not)
{
	const struct sim_chain *chain;
	struct world w;
	size_t n;

	open_world(&w, 1);
	sim_spawn(w.sim, "reader", reader_wants_a, &w);
	sim_spawn(w.sim, "holder", holder_of_a_reads, &w);
	sim_run(w.sim, SIM_NEVER);
	cr_assert_eq(deadlocks(&w), 0, "two readers do not exclude each other");
	close_world(&w);

	open_world(&w, 1);
	sim_spawn(w.sim, "reader", reader_wants_a, &w);
	sim_spawn(w.sim, "writer", waiting_writer, &w);
	sim_spawn(w.sim, "holder", holder_of_a_reads, &w);
	sim_run(w.sim, SIM_NEVER);
	chain = sim_deadlocks(w.sim, &n);
	cr_assert_eq(deadlocks(&w), 1);
	EXPECT_U64(chain->when, 20);
	EXPECT_U64(chain->links, 3);
	expect_link(chain, 0, "reader", "read_then_a", "a", "a_then_read");
	expect_link(chain, 1, "holder", "a_then_read", "sem", "write");
	expect_link(chain, 2, "writer", "write", "sem", "read_then_a");
	close_world(&w);
}

/* ---- wait queues ---- */

static void sleeper_with_a(struct sim_task *self, void *arg)
{
	struct world *w = arg;

	(void)self;
	sim_mutex_lock(&w->a);
	sim_waitq_sleep(&w->wq);
	sim_mutex_unlock(&w->a);
}

static void waker_wants_a(struct sim_task *self, void *arg)
{
	struct world *w = arg;

	sim_hold(sim_of(self), 10);
	sim_mutex_lock(&w->a);
	sim_waitq_wake_all(&w->wq);
	sim_mutex_unlock(&w->a);
}

static void other_waker(struct sim_task *self, void *arg)
{
	struct world *w = arg;

	sim_hold(sim_of(self), 30);
	sim_waitq_wake_all(&w->wq);
}

static void ends_without_waking(struct sim_task *self, void *arg)
{
	(void)arg;
	sim_hold(sim_of(self), 10);
}

Test(deadlock, a_sleeper_depends_on_its_declared_wakers_and_on_any_of_them)
{
	struct world w;

	open_world(&w, 1); /* nobody declared: anybody may come */
	sim_spawn(w.sim, "sleeper", sleeper_with_a, &w);
	sim_spawn(w.sim, "waker", waker_wants_a, &w);
	sim_run(w.sim, SIM_NEVER);
	cr_assert_eq(deadlocks(&w), 0);
	close_world(&w);

	open_world(&w, 1); /* the only waker wants what the sleeper holds */
	sim_spawn(w.sim, "sleeper", sleeper_with_a, &w);
	sim_waitq_add_waker(&w.wq, sim_spawn(w.sim, "waker", waker_wants_a, &w));
	sim_run(w.sim, SIM_NEVER);
	cr_assert_eq(deadlocks(&w), 1);
	close_world(&w);

	open_world(&w, 1); /* a second one is free */
	sim_spawn(w.sim, "sleeper", sleeper_with_a, &w);
	sim_waitq_add_waker(&w.wq, sim_spawn(w.sim, "waker", waker_wants_a, &w));
	sim_waitq_add_waker(&w.wq, sim_spawn(w.sim, "other", other_waker, &w));
	cr_assert_eq(sim_run(w.sim, SIM_NEVER), SIM_END_IDLE);
	cr_assert_eq(deadlocks(&w), 0);
	cr_assert_eq(w.a.pool.in_use, 0);
	close_world(&w);
}

Test(deadlock, a_sleeper_whose_wakers_have_ended_sleeps_for_ever)
{
	const struct sim_chain *chain;
	struct world w;
	size_t n;

	open_world(&w, 1);
	sim_spawn(w.sim, "sleeper", sleeper_with_a, &w);
	sim_waitq_add_waker(&w.wq, sim_spawn(w.sim, "waker", ends_without_waking, &w));
	sim_run(w.sim, SIM_NEVER);
	chain = sim_deadlocks(w.sim, &n);
	cr_assert_eq(deadlocks(&w), 1);
	EXPECT_U64(chain->when, 10);
	EXPECT_U64(chain->links, 1);
	cr_assert_str_eq(chain->link[0].task, "sleeper");
	cr_assert_str_eq(chain->link[0].resource, "wq");
	close_world(&w);
}

/* ---- rings elsewhere that the blocking task closes without being in them ---- */

static void pool_then_a(struct sim_task *self, void *arg)
{
	struct world *w = arg;

	sim_pool_acquire(&w->pool, 1);
	sim_hold(sim_of(self), 10);
	sim_mutex_lock(&w->a);
}

static void a_then_pool(struct sim_task *self, void *arg)
{
	struct world *w = arg;

	sim_mutex_lock(&w->a);
	sim_hold(sim_of(self), 20);
	sim_pool_acquire(&w->pool, 1);
}

static void pool_then_dead_b(struct sim_task *self, void *arg)
{
	struct world *w = arg;

	sim_pool_acquire(&w->pool, 1);
	sim_hold(sim_of(self), 200);
	sim_mutex_lock(&w->b);
}

static void task_cb(struct sim_task *self, void *arg)
{
	struct world *w = arg;

	sim_hold(sim_of(self), 5);
	take_both(w, &w->c, &w->b);
}

Test(deadlock, a_ring_that_closes_because_its_last_way_out_died_is_reported)
{
	const struct sim_chain *chain;
	struct world w;
	size_t n;

	open_world(&w, 2);
	sim_spawn(w.sim, "p", pool_then_a, &w);
	sim_spawn(w.sim, "last", pool_then_dead_b, &w);
	sim_spawn(w.sim, "a", a_then_pool, &w);
	sim_spawn(w.sim, "bc", task_bc, &w);
	sim_spawn(w.sim, "cb", task_cb, &w);
	sim_run(w.sim, 150);
	cr_assert_eq(deadlocks(&w), 1, "b and c; the pool's last holder is still at large");
	sim_run(w.sim, SIM_NEVER);
	cr_assert_eq(deadlocks(&w), 2);
	chain = &sim_deadlocks(w.sim, &n)[1];
	EXPECT_U64(chain->when, 200);
	EXPECT_U64(chain->links, 2);
	cr_assert_str_eq(chain->link[0].resource, "pool");
	cr_assert_str_eq(chain->link[0].task, "a");
	cr_assert_str_eq(chain->link[1].task, "p");
	close_world(&w);
}
