/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mempools whose promise breaks: who waits for whom, what is a deadlock and what is a stall. */
#include <criterion/criterion.h>
#include "tests/models/kernel_fixture.h"

enum { RETRY = 5000, MIB = 1 << 20 };

struct world {
	struct kernel_fixture f;
	struct alloc_site *site;
	struct mempool *pool;
	struct sim_mutex mutex;
	uint32_t finished, wanted;
	sim_ns at;
	uint64_t eaten;
};

/* A pool of two elements on a machine without memory. */
static void start(struct world *w)
{
	memset(w, 0, sizeof(*w));
	fixture_prepare(&w->f);
	w->f.config.cpus = 4;
	fixture_cost(&w->f, SPAN_MEMPOOL_RETRY, RETRY);
	fixture_start(&w->f);
	w->site = alloc_site(w->f.machine, "eaten");
	w->pool = mempool_new(w->f.machine, "pages", 2, FIXTURE_PAGE);
	w->eaten = machine_memory_over_min(w->f.machine);
	kernel_charge_bytes(w->f.machine, w->site, w->eaten);
	sim_mutex_init(&w->mutex, w->f.sim, sim_lock_class(w->f.sim, "mutex"), "mutex");
}

static void end(struct world *w)
{
	fixture_free(&w->f);
	sim_mutex_destroy(&w->mutex);
}

static const struct sim_chain *only_deadlock(struct world *w)
{
	size_t count;
	const struct sim_chain *chain = sim_deadlocks(w->f.sim, &count);

	cr_assert_eq(count, 1u, "%zu deadlocks", count);
	return chain;
}

static void expect_no_deadlock(struct world *w)
{
	size_t count;

	sim_deadlocks(w->f.sim, &count);
	cr_expect_eq(count, 0u, "%zu deadlocks", count);
}

/* ---- several elements each ---- */

static void take_one_by_one(struct kernel_task *task, void *arg)
{
	struct world *w = arg;

	sim_path_enter(w->f.sim, "encrypt_bio");
	for (uint32_t i = 0; i < w->wanted; i++) {
		mempool_get(task, w->pool, GFP_NOIO);
		kernel_sleep(task, 10, PART_CPU);
	}
	sim_path_leave(w->f.sim);
	for (uint32_t i = 0; i < w->wanted; i++)
		mempool_put(w->pool);
	w->finished++;
	w->at = sim_now(w->f.sim);
}

Test(kernel_mempool, two_who_want_two_of_two_elements_are_a_deadlock)
{
	const struct sim_chain *chain;
	struct world w;

	start(&w);
	w.wanted = 2;
	kernel_spawn(w.f.machine, "a", take_one_by_one, &w);
	kernel_spawn(w.f.machine, "b", take_one_by_one, &w);
	cr_assert(fixture_run(&w.f), "the run goes on for ever");
	chain = only_deadlock(&w);
	cr_assert_eq(chain->links, 2u);
	for (size_t i = 0; i < 2; i++) {
		cr_expect_str_eq(chain->link[i].path, "mempool_alloc");
		cr_expect_str_eq(chain->link[i].resource, "pages");
		cr_expect_str_eq(chain->link[i].held_since_path, "encrypt_bio, 1 of 2 elements");
	}
	cr_expect_eq(w.finished, 0u);
	cr_expect_leq(sim_now(w.f.sim), 10 * RETRY);
	end(&w);
}

Test(kernel_mempool, one_element_each_is_enough)
{
	struct world w;

	start(&w);
	w.wanted = 1;
	for (int i = 0; i < 9; i++)
		kernel_spawn(w.f.machine, "a", take_one_by_one, &w);
	cr_assert(fixture_run(&w.f));
	expect_no_deadlock(&w);
	cr_expect_eq(w.finished, 9u);
	EXPECT_U64(fixture_metric(&w.f, "mempool.waits"), 7);
	end(&w);
}

static void take_many(struct kernel_task *task, void *arg)
{
	struct world *w = arg;

	mempool_get_many(task, w->pool, GFP_NOFS, 2);
	kernel_sleep(task, 10, PART_CPU);
	mempool_put(w->pool);
	mempool_put(w->pool);
	w->finished++;
}

Test(kernel_mempool, who_takes_all_or_waits_is_in_nobodys_way)
{
	struct world w;

	start(&w);
	for (int i = 0; i < 5; i++)
		kernel_spawn(w.f.machine, "a", take_many, &w);
	cr_assert(fixture_run(&w.f));
	expect_no_deadlock(&w);
	cr_expect_eq(w.finished, 5u);
	cr_expect_eq(fixture_metric(&w.f, "alloc.by.pages.GFP_NOFS.process") > 0, 1);
	end(&w);
}

/* ---- what ends a wait after all ---- */

static void free_much_later(struct kernel_task *task, void *arg)
{
	struct world *w = arg;

	kernel_sleep(task, 100 * RETRY + 1, PART_SLEEP);
	kernel_free(w->f.machine, w->site, w->eaten);
}

Test(kernel_mempool, memory_that_comes_free_in_the_end_makes_it_a_stall)
{
	struct world w;

	start(&w);
	w.wanted = 2;
	kernel_spawn(w.f.machine, "a", take_one_by_one, &w);
	kernel_spawn(w.f.machine, "b", take_one_by_one, &w);
	kernel_spawn(w.f.machine, "hog", free_much_later, &w);
	cr_assert(fixture_run(&w.f));
	expect_no_deadlock(&w);
	cr_expect_eq(w.finished, 2u);
	cr_expect_geq((uint64_t)fixture_metric(&w.f, "mempool.wait_max_ns"), 100 * RETRY);
	end(&w);
}

Test(kernel_mempool, memory_from_outside_wakes_those_who_gave_up)
{
	struct world w;

	start(&w);
	w.wanted = 2;
	kernel_spawn(w.f.machine, "a", take_one_by_one, &w);
	kernel_spawn(w.f.machine, "b", take_one_by_one, &w);
	cr_assert(fixture_run(&w.f));
	only_deadlock(&w);
	kernel_free(w.f.machine, w.site, w.eaten);
	cr_assert(fixture_run(&w.f));
	cr_expect_eq(w.finished, 2u);
	end(&w);
}

static void write_done(void *arg)
{
	mempool_put(((struct world *)arg)->pool);
}

static void take_and_submit(struct kernel_task *task, void *arg)
{
	struct world *w = arg;

	for (uint32_t i = 0; i < w->wanted; i++) {
		mempool_get(task, w->pool, GFP_NOIO);
		mempool_hand_over(task, w->pool, 1);
		bio_submit(w->f.machine, 0, BIO_WRITE, i, 1, task->request, write_done, w);
	}
	w->finished++;
}

Test(kernel_mempool, elements_in_flight_come_back)
{
	struct world w;

	start(&w);
	w.f.profile.cost[COST_DEVICE_WRITE].dist.a = 20 * RETRY;
	w.wanted = 8;
	kernel_spawn(w.f.machine, "a", take_and_submit, &w);
	kernel_spawn(w.f.machine, "b", take_and_submit, &w);
	cr_assert(fixture_run(&w.f));
	expect_no_deadlock(&w);
	cr_expect_eq(w.finished, 2u);
	end(&w);
}

/* ---- a holder that waits for something else ---- */

static void take_all_then_lock(struct kernel_task *task, void *arg)
{
	struct world *w = arg;

	sim_path_enter(w->f.sim, "take_all");
	mempool_get(task, w->pool, GFP_NOIO);
	mempool_get(task, w->pool, GFP_NOIO);
	kernel_sleep(task, 10, PART_CPU);
	kernel_mutex_lock(task, &w->mutex);
	kernel_mutex_unlock(task, &w->mutex);
	sim_path_leave(w->f.sim);
}

static void lock_then_take(struct kernel_task *task, void *arg)
{
	struct world *w = arg;

	kernel_sleep(task, 5, PART_CPU);
	sim_path_enter(w->f.sim, "lock_first");
	kernel_mutex_lock(task, &w->mutex);
	mempool_get(task, w->pool, GFP_NOIO);
	sim_path_leave(w->f.sim);
}

Test(kernel_mempool, a_chain_may_lead_through_a_lock)
{
	const struct sim_chain *chain;
	struct world w;

	start(&w);
	kernel_spawn(w.f.machine, "holder", take_all_then_lock, &w);
	kernel_spawn(w.f.machine, "locker", lock_then_take, &w);
	cr_assert(fixture_run(&w.f));
	chain = only_deadlock(&w);
	cr_assert_eq(chain->links, 2u);
	for (size_t i = 0; i < 2; i++)
		if (!strcmp(chain->link[i].resource, "pages"))
			cr_expect_str_eq(chain->link[i].held_since_path,
					 "take_all, 2 of 2 elements");
		else
			cr_expect_str_eq(chain->link[i].held_since_path, "lock_first");
	end(&w);
}

/* ---- hung tasks ---- */

static void hold_long(struct kernel_task *task, void *arg)
{
	struct world *w = arg;

	kernel_mutex_lock(task, &w->mutex);
	kernel_sleep(task, 130, PART_SLEEP);
	kernel_mutex_unlock(task, &w->mutex);
}

Test(kernel_mempool, waits_over_the_limit_are_hung_tasks_and_timed_ones_are_not)
{
	struct world w;

	start(&w);
	fixture_cost(&w.f, SPAN_HUNG_TASK, 120);
	for (int i = 0; i < 3; i++)
		kernel_spawn(w.f.machine, "a", hold_long, &w);
	w.wanted = 2;
	kernel_spawn(w.f.machine, "sleeper", take_one_by_one, &w);
	cr_assert(fixture_run(&w.f));
	EXPECT_U64(fixture_metric(&w.f, "stalls.hung_tasks"), 2);
	EXPECT_U64(fixture_metric(&w.f, "stalls.longest_ns"), 260);
	end(&w);
}
