/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the waits of tasks are booked to: locks and pools by name, and I/O by what it went through. */
#include <criterion/criterion.h>
#include "tests/models/kernel_fixture.h"

enum { DEVICE = 100, ITEM = 3, BIO_ENDS = 7, DECRYPTS = 20, DERIVES = 50 };

/* One read of a page: a device, then a worker that does some work and says that the page is there. */
struct world {
	struct kernel_fixture f;
	struct address_space *mapping;
	struct workqueue *wq;
	struct sim_mutex mutex;
	sim_ns submit_at, wait_at, hold_for; /* the lock, from 0 on */
	bool worker_locks;
	sim_ns waited, part[KERNEL_PARTS], lock;
};

static const struct address_space_ops plain;

static void prepare(struct world *w)
{
	memset(w, 0, sizeof(*w));
	fixture_prepare(&w->f);
	w->f.config.cpus = 4;
	fixture_cost(&w->f, COST_DEVICE_READ, DEVICE);
	fixture_cost(&w->f, COST_WORK_ITEM, ITEM);
	fixture_cost(&w->f, COST_BIO_END, BIO_ENDS);
	fixture_cost(&w->f, COST_DECRYPT_4K, DECRYPTS);
	fixture_cost(&w->f, COST_HKDF_EXPAND, DERIVES);
}

static void end_read(struct kernel_task *task, void *arg)
{
	struct world *w = arg;

	kernel_run(task, COST_BIO_END, 1);
	if (w->worker_locks)
		kernel_mutex_lock(task, &w->mutex);
	kernel_run(task, COST_HKDF_EXPAND, 1);
	if (w->worker_locks)
		kernel_mutex_unlock(task, &w->mutex);
	kernel_run(task, COST_DECRYPT_4K, 1);
	page_cache_uptodate(w->mapping, 0, 1);
	kernel_run(task, COST_DECRYPT_4K, 1); /* nobody waits for this */
}

static void device_done(void *arg)
{
	struct world *w = arg;

	workqueue_queue(w->wq, end_read, w, 1);
}

static void submitter(struct kernel_task *task, void *arg)
{
	struct world *w = arg;

	cr_assert(page_cache_add(task, w->mapping, 0, 1, GFP_NOFS));
	kernel_sleep(task, w->submit_at, PART_SLEEP);
	bio_submit(w->f.machine, 0, BIO_READ, 0, 1, 1, device_done, w);
}

static void waiter(struct kernel_task *task, void *arg)
{
	struct world *w = arg;
	struct kernel_account account;
	sim_ns since;

	kernel_sleep(task, w->wait_at, PART_SLEEP);
	kernel_account_begin(task, &account);
	since = sim_now(w->f.sim);
	page_cache_wait_read(task, w->mapping, 0, 1);
	w->waited = sim_now(w->f.sim) - since;
	for (int i = 0; i < KERNEL_PARTS; i++)
		w->part[i] = task->part_ns[i] - account.part_ns[i];
	w->lock = fixture_waited(task, &account, "key_lock_a");
	EXPECT_U64(fixture_waited(task, &account, NULL), w->part[PART_LOCK_WAIT]);
	kernel_account_end(task);
	EXPECT_U64(fixture_parts(task), sim_now(w->f.sim));
}

static void holder(struct kernel_task *task, void *arg)
{
	struct world *w = arg;

	kernel_mutex_lock(task, &w->mutex);
	kernel_sleep(task, w->hold_for, PART_SLEEP);
	kernel_mutex_unlock(task, &w->mutex);
}

static void run(struct world *w)
{
	fixture_start(&w->f);
	w->mapping = address_space_new(w->f.machine, &plain, NULL);
	w->wq = workqueue_new(w->f.machine, "endio", 1, CONTEXT_ENDIO);
	sim_mutex_init(&w->mutex, w->f.sim, sim_lock_class(w->f.sim, "key.lock (a)"), "key");
	kernel_spawn(w->f.machine, "submitter", submitter, w);
	kernel_spawn(w->f.machine, "waiter", waiter, w);
	if (w->hold_for)
		kernel_spawn(w->f.machine, "holder", holder, w);
	cr_assert(fixture_run(&w->f));
	cr_assert(w->waited, "nobody waited");
	sim_mutex_destroy(&w->mutex);
	page_cache_drop(w->mapping, 0, 1);
	address_space_free(w->mapping);
	fixture_free(&w->f);
}

Test(kernel_parts, a_read_goes_into_the_device_and_what_its_worker_did)
{
	struct world w;

	prepare(&w);
	run(&w);
	EXPECT_U64(w.waited, DEVICE + ITEM + BIO_ENDS + DERIVES + DECRYPTS);
	EXPECT_U64(w.part[PART_DEVICE], DEVICE);
	EXPECT_U64(w.part[PART_CPU], ITEM + BIO_ENDS);
	EXPECT_U64(w.part[PART_DERIVE], DERIVES);
	EXPECT_U64(w.part[PART_CRYPT], DECRYPTS);
}

Test(kernel_parts, who_comes_late_is_told_the_rest_only)
{
	struct world w;

	prepare(&w);
	w.wait_at = DEVICE + ITEM + BIO_ENDS + 15;
	run(&w);
	EXPECT_U64(w.waited, DERIVES - 15 + DECRYPTS);
	EXPECT_U64(w.part[PART_DEVICE], 0);
	EXPECT_U64(w.part[PART_CPU], 0);
	EXPECT_U64(w.part[PART_DERIVE], DERIVES - 15);
	EXPECT_U64(w.part[PART_CRYPT], DECRYPTS);

	prepare(&w);
	w.wait_at = DEVICE - 1;
	run(&w);
	EXPECT_U64(w.part[PART_DEVICE], 1);
	EXPECT_U64(w.part[PART_CPU], ITEM + BIO_ENDS);
}

Test(kernel_parts, before_its_submission_a_bio_is_another_tasks)
{
	struct world w;

	prepare(&w);
	w.submit_at = 500;
	w.wait_at = 100;
	run(&w);
	EXPECT_U64(w.part[PART_OTHER_TASK], 400);
	EXPECT_U64(w.part[PART_DEVICE], DEVICE);
	EXPECT_U64(w.part[PART_DERIVE], DERIVES);
}

Test(kernel_parts, a_workers_wait_for_a_lock_is_its_readers_too_by_name)
{
	struct world w;

	prepare(&w);
	w.worker_locks = true;
	w.hold_for = 300;
	run(&w);
	EXPECT_U64(w.part[PART_DEVICE], DEVICE);
	EXPECT_U64(w.part[PART_CPU], ITEM + BIO_ENDS);
	EXPECT_U64(w.part[PART_LOCK_WAIT], 300 - DEVICE - ITEM - BIO_ENDS);
	EXPECT_U64(w.lock, 300 - DEVICE - ITEM - BIO_ENDS);
	EXPECT_U64(w.part[PART_DERIVE], DERIVES);
	EXPECT_U64(w.part[PART_CRYPT], DECRYPTS);
}

/* ---- a worker that is busy, and one that reads by itself ---- */

static void long_item(struct kernel_task *task, void *arg)
{
	(void)arg;
	kernel_sleep(task, 1000, PART_CPU);
}

static void keep_worker_busy(struct kernel_task *task, void *arg)
{
	struct world *w = arg;

	workqueue_queue(w->wq, long_item, w, 2);
	submitter(task, w);
}

Test(kernel_parts, what_is_done_waits_for_a_free_worker)
{
	struct world w;

	prepare(&w);
	fixture_start(&w.f);
	w.mapping = address_space_new(w.f.machine, &plain, NULL);
	w.wq = workqueue_new(w.f.machine, "endio", 1, CONTEXT_ENDIO);
	kernel_spawn(w.f.machine, "submitter", keep_worker_busy, &w);
	kernel_spawn(w.f.machine, "waiter", waiter, &w);
	cr_assert(fixture_run(&w.f));
	EXPECT_U64(w.part[PART_DEVICE], DEVICE);
	EXPECT_U64(w.part[PART_WORKER_QUEUE], ITEM + 1000 - DEVICE);
	EXPECT_U64(w.part[PART_CPU], ITEM + BIO_ENDS);
	page_cache_drop(w.mapping, 0, 1);
	address_space_free(w.mapping);
	fixture_free(&w.f);
}

static void read_again(struct kernel_task *task, void *arg)
{
	struct world *w = arg;

	bio_submit_wait(task, 0, BIO_READ, 0, 1);
	end_read(task, w);
}

static void device_found_bad(void *arg)
{
	struct world *w = arg;

	workqueue_queue(w->wq, read_again, w, 1);
}

static void submit_bad(struct kernel_task *task, void *arg)
{
	struct world *w = arg;

	cr_assert(page_cache_add(task, w->mapping, 0, 1, GFP_NOFS));
	bio_submit(w->f.machine, 0, BIO_READ, 0, 1, 1, device_found_bad, w);
}

Test(kernel_parts, a_worker_that_waits_for_the_device_itself_hands_that_on)
{
	struct world w;

	prepare(&w);
	fixture_start(&w.f);
	w.mapping = address_space_new(w.f.machine, &plain, NULL);
	w.wq = workqueue_new(w.f.machine, "endio", 1, CONTEXT_ENDIO);
	kernel_spawn(w.f.machine, "submitter", submit_bad, &w);
	kernel_spawn(w.f.machine, "waiter", waiter, &w);
	cr_assert(fixture_run(&w.f));
	EXPECT_U64(w.part[PART_DEVICE], 2 * DEVICE);
	EXPECT_U64(w.part[PART_CPU], ITEM + BIO_ENDS);
	EXPECT_U64(w.part[PART_CRYPT], DECRYPTS);
	page_cache_drop(w.mapping, 0, 1);
	address_space_free(w.mapping);
	fixture_free(&w.f);
}

/* ---- places ---- */

struct places {
	struct kernel_fixture f;
	struct sim_pool pool[2];
	struct kernel_line line;
};

static void hold_both(struct kernel_task *task, void *arg)
{
	struct places *p = arg;

	kernel_pool_get(task, &p->pool[0], 1);
	kernel_pool_get(task, &p->pool[1], 1);
	kernel_line_touch(task, &p->line);
	kernel_sleep(task, 1000, PART_SLEEP);
	sim_pool_release(&p->pool[0], 1);
	kernel_sleep(task, 500, PART_SLEEP);
	sim_pool_release(&p->pool[1], 1);
}

static void want_both(struct kernel_task *task, void *arg)
{
	struct places *p = arg;
	struct kernel_account outer, inner;

	kernel_account_begin(task, &outer);
	kernel_line_touch(task, &p->line);
	EXPECT_U64(task->part_ns[PART_LOCK_WAIT], 10);
	EXPECT_U64(fixture_waited(task, &outer, "a_line"), 10);
	kernel_account_begin(task, &inner);
	kernel_pool_get(task, &p->pool[0], 1);
	kernel_pool_get(task, &p->pool[1], 1);
	EXPECT_U64(fixture_waited(task, &inner, "a_line"), 0);
	EXPECT_U64(fixture_waited(task, &inner, "ciphers"), 1010 - 10 - 10);
	EXPECT_U64(fixture_waited(task, &inner, "slots"), 500);
	kernel_account_end(task);
	EXPECT_U64(task->part_ns[PART_POOL_WAIT], 1490);
	EXPECT_U64(fixture_waited(task, &outer, NULL), 1500);
	kernel_account_end(task);
	EXPECT_U64(fixture_parts(task), sim_now(p->f.sim));
}

Test(kernel_parts, pools_and_spun_for_lines_are_told_apart_by_name)
{
	struct places p = {.line = {.name = "a line"}};

	fixture_prepare(&p.f);
	p.f.config.cpus = 2;
	fixture_cost(&p.f, COST_LINE_TRANSFER, 10);
	fixture_start(&p.f);
	sim_pool_init(&p.pool[0], p.f.sim, NULL, "ciphers", 1);
	sim_pool_init(&p.pool[1], p.f.sim, NULL, "slots", 1);
	kernel_spawn(p.f.machine, "holder", hold_both, &p);
	kernel_spawn(p.f.machine, "other", want_both, &p);
	cr_assert(fixture_run(&p.f));
	sim_pool_destroy(&p.pool[0]);
	sim_pool_destroy(&p.pool[1]);
	fixture_free(&p.f);
}
