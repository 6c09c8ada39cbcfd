/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sim_test.h"

#include <string.h>

static void note_name(struct sim_task *self, void *arg)
{
	struct sim *sim = sim_of(self);
	GString *trace = arg;

	cr_assert_eq(sim_self(sim), self);
	g_string_append_printf(trace, "%s:%u ", sim_task_name(self), sim_task_id(self));
	sim_hold(sim, 0);
	g_string_append_printf(trace, "%s ", sim_task_name(self));
}

Test(task, tasks_start_after_what_is_due_and_take_turns)
{
	static const char long_name[] = "a name that is longer than any that a kernel thread has";
	GString *trace = g_string_new(NULL), *expected = g_string_new(NULL);
	struct sim *sim = new_run(1);
	char name[8] = "one";

	sim_spawn(sim, name, note_name, trace);
	strcpy(name, "two");
	sim_spawn(sim, name, note_name, trace);
	sim_spawn(sim, long_name, note_name, trace);
	cr_assert_eq(sim_self(sim), NULL);
	cr_assert_eq(sim_run(sim, SIM_NEVER), SIM_END_IDLE);
	g_string_printf(expected, "one:0 two:1 %s:2 one two %s ", long_name, long_name);
	cr_assert_str_eq(trace->str, expected->str);
	EXPECT_U64(sim_events(sim), 6);
	sim_free(sim);
	g_string_free(trace, TRUE);
	g_string_free(expected, TRUE);
}

static void fall(struct sim_task *self, void *arg)
{
	uint64_t *sum = arg;
	volatile char deep[6000];

	memset((char *)deep, (int)sim_task_id(self), sizeof(deep));
	sim_hold(sim_of(self), 1 + sim_task_id(self) % 7);
	for (size_t i = 0; i < sizeof(deep); i += 1000)
		cr_assert_eq((unsigned char)deep[i], sim_task_id(self) % 256);
	*sum += sim_task_id(self);
}

Test(task, many_tasks_live_at_once_on_small_stacks_and_these_are_used_again)
{
	enum { TASKS = 3000 };
	const struct sim_options options = {.stack_bytes = 16384};
	struct sim *sim = sim_new(&options);
	uint64_t sum = 0;

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < TASKS; i++)
			sim_spawn(sim, "fall", fall, &sum);
		cr_assert_eq(sim_run(sim, SIM_NEVER), SIM_END_IDLE);
	}
	EXPECT_U64(sum, UINT64_C(3) * TASKS * (3 * TASKS - 1) / 2);
	sim_free(sim);
}

/* ---- a run that is given up ---- */

struct left {
	struct sim_pool pool;
	struct sim_waitq wq;
	struct sim_store store;
};

static void wait_on_own_stack(struct sim_task *self, void *arg)
{
	struct sim *sim = sim_of(self);
	struct left *left = arg;
	struct sim_waitq done;

	/* Histograms of a resource on the stack must go with the stack. */
	sim_waitq_init(&done, sim, "done");
	sim_waitq_add_waker(&done, self);
	sim_waitq_sleep_timeout(&done, 5);
	sim_pool_acquire(&left->pool, 1);
	sim_path_enter(sim, "forever");
	sim_waitq_sleep(&done);
}

static void wake_on_stack(struct sim_task *self, void *arg)
{
	struct sim_waitq wq;
	struct left *left = arg;
	void *item;

	sim_waitq_init(&wq, sim_of(self), "unused");
	sim_hold(sim_of(self), 3);
	sim_pool_acquire(&left->pool, 1);
	sim_store_take(&left->store, &item);
}

static void wait_in_queue(struct sim_task *self, void *arg)
{
	struct left *left = arg;

	(void)self;
	sim_waitq_sleep(&left->wq);
}

static void end_holding(struct sim_task *self, void *arg)
{
	struct left *left = arg;

	sim_pool_acquire(&left->pool, 1);
	(void)self;
}

static void do_nothing(struct sim *sim, void *arg)
{
	(void)sim;
	(void)arg;
}

static void play_given_up(bool destroy_first)
{
	struct sim *sim = new_run(1);
	struct left left;

	sim_pool_init(&left.pool, sim, sim_lock_class(sim, "pool"), "pool", 2);
	sim_waitq_init(&left.wq, sim, "wq");
	sim_store_init(&left.store, sim, "store", 0);
	sim_spawn(sim, "a name that is too long to lie in the task itself, really", wait_in_queue,
		  &left);
	sim_spawn(sim, "stack", wait_on_own_stack, &left);
	sim_spawn(sim, "stack", wake_on_stack, &left);
	sim_spawn(sim, "end", end_holding, &left);
	sim_spawn(sim, "wait", wake_on_stack, &left);
	cr_assert_eq(sim_run(sim, SIM_NEVER), SIM_END_IDLE);
	sim_spawn(sim, "never started", wait_in_queue, &left);
	sim_after(sim, 10, 0, do_nothing, NULL);
	if (!destroy_first)
		sim_free(sim);
	sim_pool_destroy(&left.pool);
	sim_waitq_destroy(&left.wq);
	sim_store_destroy(&left.store);
	if (destroy_first)
		sim_free(sim);
}

Test(task, a_run_given_up_with_tasks_waiting_frees_everything)
{
	play_given_up(false);
	play_given_up(true);
	sim_free(new_run(1));
	sim_free(NULL);
}

/* ---- stores ---- */

struct shop {
	struct sim_store store;
	GString *trace;
};

static void producer(struct sim_task *self, void *arg)
{
	struct shop *shop = arg;

	for (uintptr_t i = 1; i <= 6; i++) {
		cr_assert_eq(sim_store_put(&shop->store, (void *)i), SIM_GRANTED);
		g_string_append_printf(shop->trace, "+%d@%d ", (int)i, (int)sim_now(sim_of(self)));
	}
}

static void consumer(struct sim_task *self, void *arg)
{
	struct shop *shop = arg;

	for (int i = 0; i < 6; i++) {
		void *item;

		sim_hold(sim_of(self), 10);
		cr_assert_eq(sim_store_take(&shop->store, &item), SIM_GRANTED);
		EXPECT_U64((uintptr_t)item, (uint64_t)i + 1);
	}
}

Test(task, a_store_keeps_the_order_and_makes_putters_wait_when_full)
{
	struct sim *sim = new_run(1);
	struct shop shop = {.trace = g_string_new(NULL)};

	sim_store_init(&shop.store, sim, "store", 2);
	sim_spawn(sim, "producer", producer, &shop);
	sim_spawn(sim, "consumer", consumer, &shop);
	cr_assert_eq(sim_run(sim, SIM_NEVER), SIM_END_IDLE);
	cr_assert_str_eq(shop.trace->str, "+1@0 +2@0 +3@10 +4@20 +5@30 +6@40 ");
	EXPECT_U64(shop.store.usage.in_use_max, 2);
	EXPECT_U64(shop.store.usage.waits, 4);
	EXPECT_U64(shop.store.usage.in_use_integral, 2 * 50 + 10);
	sim_store_destroy(&shop.store);
	sim_free(sim);
	g_string_free(shop.trace, TRUE);
}

/* ---- threads ---- */

static gpointer run_queue(gpointer digest)
{
	struct sim *sim = new_run(77);
	const struct sim_queue_config config = {
		.servers = 2,
		.arrival = {.kind = SIM_DIST_EXPONENTIAL, .a = 600},
		.hold = {.kind = SIM_DIST_EXPONENTIAL, .a = 1000},
		.customers = 20000,
	};

	sim_queue_run(sim, &config, NULL, NULL);
	*(uint64_t *)digest = sim_digest(sim);
	sim_free(sim);
	return NULL;
}

Test(task, two_runs_in_two_threads_do_not_meet)
{
	uint64_t digest[3];
	GThread *thread[2];

	for (int i = 0; i < 2; i++)
		thread[i] = g_thread_new("run", run_queue, &digest[i]);
	run_queue(&digest[2]);
	for (int i = 0; i < 2; i++)
		g_thread_join(thread[i]);
	EXPECT_U64(digest[0], digest[2]);
	EXPECT_U64(digest[1], digest[2]);
}
