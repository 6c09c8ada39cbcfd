/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Block devices and workqueues. */
#include <criterion/criterion.h>
#include "tests/models/kernel_fixture.h"

enum { BIOS = 12 };

struct world {
	struct kernel_fixture f;
	struct workqueue *wq;
	struct done {
		struct world *w;
		int number;
	} done[BIOS];
	sim_ns at[BIOS], took[BIOS];
	uint32_t active, active_max, ended, order[BIOS];
	enum alloc_context context;
	uint64_t request[BIOS];
};

static void prepare(struct world *w)
{
	memset(w, 0, sizeof(*w));
	fixture_prepare(&w->f);
	fixture_cost(&w->f, COST_DEVICE_READ, 100);
	fixture_cost(&w->f, COST_DEVICE_WRITE, 40);
	fixture_cost(&w->f, COST_DEVICE_4K, 10);
	fixture_cost(&w->f, COST_DEVICE_FLUSH, 1000);
	for (int i = 0; i < BIOS; i++)
		w->done[i] = (struct done){w, i};
}

static void run(struct world *w, kernel_task_fn fn)
{
	fixture_start(&w->f);
	kernel_spawn(w->f.machine, "test", fn, w);
	cr_assert(fixture_run(&w->f));
}

static void note_end(void *arg)
{
	struct done *done = arg;

	cr_assert(!kernel_current(done->w->f.machine));
	done->w->at[done->number] = sim_now(done->w->f.sim);
	done->w->order[done->w->ended++] = done->number;
}

static void submit(struct world *w, int i, uint32_t device, unsigned int op, uint32_t blocks)
{
	bio_submit(w->f.machine, device, op, 0, blocks, 1, note_end, &w->done[i]);
}

static void submit_nine_reads(struct kernel_task *task, void *arg)
{
	struct world *w = arg;

	(void)task;
	for (int i = 0; i < 8; i++)
		submit(w, i, 0, i == 1 ? BIO_READ | BIO_METADATA : BIO_READ, 3);
	submit(w, 8, 1, BIO_READ, 1);
}

Test(kernel_io, requests_queue_for_the_channels_of_their_device)
{
	struct world w;

	prepare(&w);
	w.f.config.devices = 2;
	w.f.config.device_channels = 3;
	run(&w, submit_nine_reads);
	/* 100 and two more blocks at 10: 120 each, three at a time. */
	for (int i = 0; i < 8; i++)
		EXPECT_U64(w.at[i], 120 * (1 + i / 3));
	EXPECT_U64(w.at[8], 100);
	EXPECT_U64(fixture_metric(&w.f, "io.bios"), 8);
	EXPECT_U64(fixture_metric(&w.f, "io.metadata_bios"), 1);
	EXPECT_U64(fixture_metric(&w.f, "io.read_bytes"), (7 * 3 + 1) * 4096);
	EXPECT_U64(fixture_metric(&w.f, "io.metadata_read_bytes"), 3 * 4096);
	EXPECT_U64(fixture_metric(&w.f, "io.written_bytes"), 0);
	EXPECT_U64(fixture_metric(&w.f, "io.queue_wait_ns"), 3 * 120 + 2 * 240);
	EXPECT_U64(fixture_metric(&w.f, "io.queue_wait_max_ns"), 240);
	/* 8 * 120 + 100 of 2 * 3 * 360 */
	EXPECT_U64(fixture_metric(&w.f, "io.utilisation_permille"), 490);
	fixture_free(&w.f);
}

static void flush_between_writes(struct kernel_task *task, void *arg)
{
	struct world *w = arg;

	submit(w, 0, 0, BIO_WRITE, 1);
	submit(w, 1, 0, BIO_WRITE, 1);
	submit(w, 2, 0, BIO_WRITE, 1);
	submit(w, 3, 0, BIO_FLUSH, 0);
	submit(w, 4, 0, BIO_READ, 1);
	submit(w, 5, 0, BIO_WRITE, 1);
	kernel_sleep(task, 5000, PART_SLEEP);
	submit(w, 6, 0, BIO_FLUSH, 0);
}

Test(kernel_io, a_flush_waits_for_the_writes_before_it_only)
{
	struct world w;

	prepare(&w);
	w.f.config.device_channels = 2;
	run(&w, flush_between_writes);
	EXPECT_U64(w.at[0], 40);
	EXPECT_U64(w.at[1], 40);
	EXPECT_U64(w.at[2], 80);
	EXPECT_U64(w.at[4], 140); /* the read goes on beside it */
	EXPECT_U64(w.at[5], 120); /* on the channel that the last write left */
	EXPECT_U64(w.at[3], 120 + 1000); /* ready at 80, behind the queued write */
	EXPECT_U64(w.at[6], 6000); /* no write before it */
	EXPECT_U64(fixture_metric(&w.f, "io.flushes"), 2);
	fixture_free(&w.f);
}

static void flush_and_overtake(struct kernel_task *task, void *arg)
{
	struct world *w = arg;

	(void)task;
	submit(w, 0, 0, BIO_WRITE, 101);
	submit(w, 1, 0, BIO_FLUSH, 0);
	submit(w, 2, 0, BIO_WRITE, 1);
}

Test(kernel_io, a_later_write_that_ends_first_releases_no_flush)
{
	struct world w;

	prepare(&w);
	w.f.config.device_channels = 2;
	run(&w, flush_and_overtake);
	EXPECT_U64(w.at[2], 40);
	EXPECT_U64(w.at[0], 1040);
	EXPECT_U64(w.at[1], 2040);
	fixture_free(&w.f);
}

static void read_and_wait(struct kernel_task *task, void *arg)
{
	struct world *w = arg;

	kernel_request_begin(task, 9);
	bio_submit_wait(task, 0, BIO_READ, 0, 2);
	EXPECT_U64(sim_now(w->f.sim), 110);
	EXPECT_U64(task->part_ns[PART_DEVICE], 110);
	EXPECT_U64(fixture_parts(task), 110);
}

Test(kernel_io, waiting_for_a_bio_is_device_time)
{
	struct world w;

	prepare(&w);
	run(&w, read_and_wait);
	fixture_free(&w.f);
}

/* ---- workqueues ---- */

static void work(struct kernel_task *task, void *arg)
{
	struct done *done = arg;
	struct world *w = done->w;
	sim_ns start = sim_now(w->f.sim);

	w->context = kernel_context(task);
	w->request[done->number] = task->request;
	w->active++;
	w->active_max = MAX(w->active_max, w->active);
	kernel_run(task, COST_DECRYPT_4K, 1);
	kernel_sleep(task, 100, PART_SLEEP);
	w->active--;
	w->took[done->number] = sim_now(w->f.sim) - start;
	w->at[done->number] = sim_now(w->f.sim);
	w->order[w->ended++] = done->number;
}

static void queue_work(struct kernel_task *task, void *arg)
{
	struct world *w = arg;

	w->wq = workqueue_new(w->f.machine, "wq", 3, CONTEXT_ENDIO);
	for (int i = 0; i < 8; i++)
		workqueue_queue(w->wq, work, &w->done[i], 50 + i);
	kernel_sleep(task, 1000, PART_SLEEP);
	workqueue_queue(w->wq, work, &w->done[8], 58);
}

Test(kernel_io, a_workqueue_runs_max_active_items_in_order)
{
	struct world w;

	prepare(&w);
	w.f.config.cpus = 8;
	fixture_cost(&w.f, COST_WORK_ITEM, 7);
	run(&w, queue_work);
	EXPECT_U64(w.ended, 9);
	EXPECT_U64(w.active_max, 3);
	cr_expect_eq(w.context, CONTEXT_ENDIO);
	for (int i = 0; i < 9; i++) {
		EXPECT_U64(w.order[i], i);
		EXPECT_U64(w.request[i], 50 + i);
		EXPECT_U64(w.at[i], i < 8 ? 107 * (1 + i / 3) : 1107);
	}
	fixture_free(&w.f);
}

static void end_io_queues_work(void *arg)
{
	struct done *done = arg;

	workqueue_queue(done->w->wq, work, done, 1);
}

static void submit_for_work(struct kernel_task *task, void *arg)
{
	struct world *w = arg;

	kernel_request_begin(task, 1);
	w->wq = workqueue_new(w->f.machine, "wq", 0, CONTEXT_ENDIO);
	/* The same request's bios and items draw differently, and a stranger in between changes
	 * nothing for it. */
	for (int i = 0; i < 3; i++) {
		bio_submit(w->f.machine, 0, BIO_READ, 0, 1, 1, end_io_queues_work, &w->done[i]);
		if (w->active_max == 99)
			bio_submit(w->f.machine, 0, BIO_READ, 0, 1, 777, note_end, &w->done[5]);
	}
}

Test(kernel_io, work_of_a_request_draws_by_its_place_in_the_request)
{
	struct sim_dist spread = {.kind = SIM_DIST_UNIFORM, .a = 1000, .b = 1000000};
	sim_ns took[2][3];

	for (int round = 0; round < 2; round++) {
		struct world w;

		prepare(&w);
		w.f.config.cpus = 8;
		w.f.config.device_channels = 1 + 7 * round;
		w.active_max = round ? 99 : 0;
		w.f.profile.cost[COST_DECRYPT_4K].dist = spread;
		w.f.profile.cost[COST_DEVICE_READ].dist = spread;
		run(&w, submit_for_work);
		for (int i = 0; i < 3; i++)
			took[round][i] = w.took[i];
		fixture_free(&w.f);
	}
	for (int i = 0; i < 3; i++) {
		EXPECT_U64(took[0][i], took[1][i]);
		cr_expect_neq(took[0][i], took[0][(i + 1) % 3]);
	}
}
