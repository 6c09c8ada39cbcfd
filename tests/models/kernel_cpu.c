/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPUs: who runs when, and where the time is booked. */
#include <criterion/criterion.h>
#include "tests/models/kernel_fixture.h"

enum { MAX_TASKS = 16 };

struct runner {
	struct kernel_fixture *f;
	sim_ns start, ended, parts, queued, switched;
	enum kernel_cost cost;
	uint64_t times;
};

static void run_once(struct kernel_task *task, void *arg)
{
	struct runner *r = arg;

	kernel_request_begin(task, 1);
	r->start = sim_now(r->f->sim);
	kernel_run(task, r->cost, r->times);
	r->ended = sim_now(r->f->sim);
	r->parts = fixture_parts(task);
	r->queued = task->part_ns[PART_CPU_QUEUE];
}

static void spawn_runners(struct kernel_fixture *f, struct runner *r, int n, uint64_t times)
{
	for (int i = 0; i < n; i++) {
		r[i] = (struct runner){.f = f, .cost = COST_LOCK, .times = times};
		kernel_spawn(f->machine, "runner", run_once, &r[i]);
	}
}

Test(kernel_cpu, tasks_beyond_the_cpus_wait_in_order)
{
	struct runner r[5];
	struct kernel_fixture f;

	fixture_prepare(&f);
	f.config.cpus = 2;
	fixture_cost(&f, COST_LOCK, 100);
	fixture_cost(&f, COST_CONTEXT_SWITCH, 10);
	fixture_start(&f);
	spawn_runners(&f, r, 5, 10);
	cr_assert(fixture_run(&f));
	/* 1000 ns of work after a switch of 10, two at a time. */
	EXPECT_U64(r[0].ended, 1010);
	EXPECT_U64(r[1].ended, 1010);
	EXPECT_U64(r[2].ended, 2020);
	EXPECT_U64(r[3].ended, 2020);
	EXPECT_U64(r[4].ended, 3030);
	EXPECT_U64(r[4].queued, 2020);
	for (int i = 0; i < 5; i++)
		EXPECT_U64(r[i].parts, r[i].ended - r[i].start);
	EXPECT_U64(fixture_metric(&f, "cpu.busy_ns"), 5050);
	EXPECT_U64(fixture_metric(&f, "cpu.queue_ns"), 1010 + 1010 + 2020);
	EXPECT_U64(fixture_metric(&f, "cpu.context_switches"), 5);
	fixture_free(&f);
}

Test(kernel_cpu, a_slice_ends_only_when_others_wait)
{
	struct runner r[2];
	struct kernel_fixture f;

	fixture_prepare(&f);
	fixture_cost(&f, COST_LOCK, 1);
	fixture_cost(&f, SPAN_SCHED_SLICE, 300);
	fixture_start(&f);
	spawn_runners(&f, r, 1, 1000);
	cr_assert(fixture_run(&f));
	EXPECT_U64(r[0].ended, 1000);
	EXPECT_U64(fixture_metric(&f, "cpu.context_switches"), 1);
	fixture_free(&f);

	/* Alternating slices of 300: A 0-300, 600-900, 1200-1500, 1800-1900; B between. */
	fixture_start(&f);
	f.metrics = NULL;
	spawn_runners(&f, r, 2, 1000);
	cr_assert(fixture_run(&f));
	EXPECT_U64(r[0].ended, 1900);
	EXPECT_U64(r[1].ended, 2000);
	EXPECT_U64(r[0].queued, 900);
	EXPECT_U64(r[1].parts, 2000);
	EXPECT_U64(fixture_metric(&f, "cpu.context_switches"), 8);
	fixture_free(&f);
}

static void keep_cpu(struct kernel_task *task, void *arg)
{
	struct runner *r = arg;

	for (int i = 0; i < 10; i++)
		kernel_run(task, COST_LOCK, 1);
	r->ended = sim_now(r->f->sim);
	kernel_sleep(task, 50, PART_SLEEP);
	kernel_run(task, COST_LOCK, 1);
	r->switched = sim_now(r->f->sim);
}

Test(kernel_cpu, the_cpu_is_kept_until_the_task_waits)
{
	struct runner r[2] = {{0}};
	struct kernel_fixture f;

	fixture_prepare(&f);
	fixture_cost(&f, COST_LOCK, 10);
	fixture_cost(&f, COST_CONTEXT_SWITCH, 3);
	fixture_start(&f);
	for (int i = 0; i < 2; i++) {
		r[i].f = &f;
		kernel_spawn(f.machine, "keeper", keep_cpu, &r[i]);
	}
	cr_assert(fixture_run(&f));
	EXPECT_U64(r[0].ended, 103);
	EXPECT_U64(r[1].ended, 206);
	/* The first wakes at 153 and gets the CPU when the second sleeps. */
	EXPECT_U64(r[0].switched, 206 + 13);
	EXPECT_U64(r[1].switched, 256 + 13);
	fixture_free(&f);
}

Test(kernel_cpu, costs_are_booked_to_their_parts)
{
	static const struct {
		enum kernel_cost cost;
		enum kernel_part part;
	} rows[] = {
		{COST_HKDF_EXPAND, PART_DERIVE},
		{COST_SETKEY, PART_SETKEY},
		{COST_SETKEY + CIPHER_ADIANTUM, PART_SETKEY},
		{COST_TFM_ALLOC, PART_ALLOC},
		{COST_TFM_FREE + CIPHER_ADIANTUM, PART_ALLOC},
		{COST_ENCRYPT_4K, PART_CRYPT},
		{COST_DECRYPT_4K + CIPHER_ADIANTUM, PART_CRYPT},
		{COST_BOUNCE_PAGE, PART_CRYPT},
		{COST_PAGE_ALLOC, PART_ALLOC},
		{COST_SLAB_ALLOC, PART_ALLOC},
		{COST_RECLAIM_PAGE, PART_ALLOC},
		{COST_TREE_LEVEL, PART_CPU},
		{COST_POOL_SLOT, PART_CPU},
		{COST_CSUM_4K, PART_CPU},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		cr_expect_eq(kernel_cost_part(rows[i].cost), rows[i].part, "%s goes to %s",
			     kernel_cost_table[rows[i].cost].name,
			     kernel_part_names[kernel_cost_part(rows[i].cost)]);
	for (int i = 0; i < KERNEL_COSTS; i++)
		cr_expect(kernel_cost_table[i].name && kernel_cost_table[i].meaning, "cost %d", i);
	for (int i = 0; i < KERNEL_SIZES; i++)
		cr_expect(kernel_size_table[i].name && kernel_size_table[i].unit, "size %d", i);
}

/* ---- the parts add up, whatever a request meets ---- */

struct busy_world {
	struct kernel_fixture f;
	struct sim_mutex mutex;
	struct sim_rwsem sem;
	struct sim_pool pool;
	struct alloc_site *site;
	uint64_t wrong, requests;
	uint32_t tasks;
};

static void one_step(struct kernel_task *task, struct busy_world *w, uint64_t *state)
{
	switch (fixture_random(state, 9)) {
	case 0:
		kernel_run(task, COST_TREE_LEVEL, 1 + fixture_random(state, 100));
		break;
	case 1:
		kernel_mutex_lock(task, &w->mutex);
		kernel_run(task, COST_LOCK, 5);
		kernel_mutex_unlock(task, &w->mutex);
		break;
	case 2:
		kernel_down_read(task, &w->sem);
		kernel_run(task, COST_LOCK, 3);
		kernel_up_read(task, &w->sem);
		break;
	case 3:
		kernel_down_write(task, &w->sem);
		kernel_sleep(task, fixture_random(state, 500), PART_SLEEP);
		kernel_up_write(task, &w->sem);
		break;
	case 4:
		kernel_pool_get(task, &w->pool, 1);
		kernel_run(task, COST_ENCRYPT_4K, fixture_random(state, 4));
		sim_pool_release(&w->pool, 1);
		break;
	case 5:
		bio_submit_wait(task, 0, fixture_random(state, 2), 0, 1);
		break;
	case 6:
		if (kernel_alloc(task, w->site, GFP_KERNEL, 1 << 20))
			kernel_free(w->f.machine, w->site, 1 << 20);
		break;
	default:
		kernel_run(task, COST_HKDF_EXPAND, 2);
	}
}

static void busy_task(struct kernel_task *task, void *arg)
{
	struct busy_world *w = arg;
	uint64_t state = 77 + w->tasks++;

	for (int i = 0; i < 200; i++) {
		sim_ns start = sim_now(w->f.sim) - fixture_parts(task);
		struct kernel_account account;

		kernel_account_begin(task, &account);
		kernel_request_begin(task, w->requests++);
		for (int j = fixture_random(&state, 12); j >= 0; j--)
			one_step(task, w, &state);
		if (fixture_parts(task) != sim_now(w->f.sim) - start)
			w->wrong++;
		if (fixture_waited(task, &account, NULL) !=
		    task->part_ns[PART_LOCK_WAIT] - account.part_ns[PART_LOCK_WAIT] +
			    task->part_ns[PART_POOL_WAIT] - account.part_ns[PART_POOL_WAIT])
			w->wrong++;
		kernel_account_end(task);
	}
}

Test(kernel_cpu, parts_of_every_request_add_up_to_its_time)
{
	struct busy_world w = {.wrong = 0};
	struct sim_dist spread = {.kind = SIM_DIST_UNIFORM, .a = 5, .b = 90};
	int64_t busy;

	fixture_prepare(&w.f);
	w.f.config.cpus = 3;
	for (int i = 0; i < KERNEL_COSTS; i++)
		w.f.profile.cost[i].dist = spread;
	fixture_cost(&w.f, SPAN_SCHED_SLICE, 150);
	fixture_start(&w.f);
	sim_mutex_init(&w.mutex, w.f.sim, sim_lock_class(w.f.sim, "m"), "m");
	sim_rwsem_init(&w.sem, w.f.sim, sim_lock_class(w.f.sim, "s"), "s");
	sim_pool_init(&w.pool, w.f.sim, sim_lock_class(w.f.sim, "p"), "p", 2);
	w.site = alloc_site(w.f.machine, "big");
	for (int i = 0; i < MAX_TASKS; i++)
		kernel_spawn(w.f.machine, "busy", busy_task, &w);
	cr_assert(fixture_run(&w.f));
	EXPECT_U64(w.requests, MAX_TASKS * 200);
	EXPECT_U64(w.wrong, 0);
	busy = fixture_metric(&w.f, "cpu.busy_ns");
	cr_expect_leq((uint64_t)busy, 3 * sim_now(w.f.sim), "more CPU time than CPUs had");
	cr_expect_gt(fixture_metric(&w.f, "cpu.queue_ns"), 0, "nobody ever queued");
	sim_mutex_destroy(&w.mutex);
	sim_rwsem_destroy(&w.sem);
	sim_pool_destroy(&w.pool);
	fixture_free(&w.f);
}

/* ---- draws ---- */

Test(kernel_cpu, draws_belong_to_the_request_and_not_to_the_order)
{
	sim_ns took[2][3];
	struct sim_dist spread = {.kind = SIM_DIST_UNIFORM, .a = 0, .b = 1000000};

	for (int round = 0; round < 2; round++) {
		struct runner r[3];
		struct kernel_fixture f;

		fixture_prepare(&f);
		f.config.cpus = 3;
		f.profile.cost[COST_LOCK].dist = spread;
		fixture_start(&f);
		spawn_runners(&f, r, round ? 3 : 1, 3);
		cr_assert(fixture_run(&f));
		for (int i = 0; i < 3; i++)
			took[round][i] = i < (round ? 3 : 1) ? r[i].ended - r[i].start : 0;
		fixture_free(&f);
	}
	EXPECT_U64(took[0][0], took[1][0]);
	EXPECT_U64(took[1][1], took[1][0]);
	cr_expect_gt(took[0][0], 0);
}

Test(kernel_cpu, many_times_a_spread_cost_draw_a_bounded_number)
{
	struct sim_dist spread = {.kind = SIM_DIST_UNIFORM, .a = 1000, .b = 3000};
	struct runner r[1];
	struct kernel_fixture f;

	fixture_prepare(&f);
	f.profile.cost[COST_LOCK].dist = spread;
	fixture_start(&f);
	spawn_runners(&f, r, 1, 1000000);
	cr_assert(fixture_run(&f));
	EXPECT_U64(sim_draws(f.sim), COST_DRAWS_MAX);
	/* 64 draws of mean 2000 and deviation 577: within five standard errors of the mean. */
	cr_expect(r[0].ended > UINT64_C(1640000000) && r[0].ended < UINT64_C(2360000000));
	fixture_free(&f);
}

static void contend(struct kernel_task *task, void *arg)
{
	struct busy_world *w = arg;

	kernel_run(task, COST_LOCK, 1);
	kernel_mutex_lock(task, &w->mutex);
	kernel_run(task, COST_TREE_LEVEL, 1000);
	kernel_mutex_unlock(task, &w->mutex);
}

Test(kernel_cpu, waiting_for_a_cpu_is_never_a_deadlock)
{
	struct busy_world w = {.wrong = 0};
	size_t deadlocks;

	fixture_prepare(&w.f);
	fixture_cost(&w.f, COST_LOCK, 10);
	fixture_cost(&w.f, COST_TREE_LEVEL, 10);
	fixture_cost(&w.f, SPAN_SCHED_SLICE, 100);
	fixture_start(&w.f);
	sim_mutex_init(&w.mutex, w.f.sim, sim_lock_class(w.f.sim, "m"), "m");
	for (int i = 0; i < MAX_TASKS; i++)
		kernel_spawn(w.f.machine, "contender", contend, &w);
	cr_assert(fixture_run(&w.f));
	sim_deadlocks(w.f.sim, &deadlocks);
	EXPECT_U64(deadlocks, 0);
	EXPECT_U64(sim_now(w.f.sim), MAX_TASKS * 10010);
	sim_mutex_destroy(&w.mutex);
	fixture_free(&w.f);
}
