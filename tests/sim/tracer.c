/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a looker-on is told of a run. */
#include "tests/sim/sim_test.h"

#include <string.h>

/* Writes what it is told, a line each. */
struct teller {
	struct sim *sim;
	GString *told;
	uint64_t events;
};

static const char *name_of(const struct sim_task *task)
{
	return task ? sim_task_name(task) : "-";
}

static void tell(struct teller *t, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void tell(struct teller *t, const char *format, ...)
{
	va_list args;

	g_string_append_printf(t->told, "%" PRIu64 " ", sim_now(t->sim));
	va_start(args, format);
	g_string_append_vprintf(t->told, format, args);
	va_end(args);
	g_string_append_c(t->told, '\n');
}

static void run_starts(void *arg, struct sim *sim)
{
	((struct teller *)arg)->sim = sim;
}

static void run_ends(void *arg)
{
	tell(arg, "end");
}

static void task_starts(void *arg, const struct sim_task *task, const struct sim_task *by)
{
	tell(arg, "%s starts by %s", name_of(task), name_of(by));
}

static void task_group(void *arg, const struct sim_task *task, const char *group)
{
	tell(arg, "%s is of %s", name_of(task), group);
}

static void task_ends(void *arg, const struct sim_task *task)
{
	tell(arg, "%s ends", name_of(task));
}

static void wait_begins(void *arg, const struct sim_task *task, const struct sim_trace_wait *wait)
{
	tell(arg, "%s waits: %u %s of %s, held by %s in %s", name_of(task), wait->units, wait->want,
	     wait->resource, name_of(wait->holder), wait->holder_path ? wait->holder_path : "-");
}

static void wait_ends(void *arg, const struct sim_task *task, enum sim_wake wake,
		      const struct sim_task *by)
{
	static const char *const wakes[] = {"granted", "timeout", "interrupted", "killed"};

	tell(arg, "%s goes on: %s by %s", name_of(task), wakes[wake], name_of(by));
}

static void hold_begins(void *arg, const struct sim_trace_hold *hold)
{
	tell(arg, "%s has %u %s of %s, in %s", name_of(hold->task), hold->units, hold->mode,
	     hold->resource, hold->path ? hold->path : "-");
}

static void hold_ends(void *arg, const struct sim_trace_hold *hold)
{
	tell(arg, "%s gives %s back", name_of(hold->task), hold->resource);
}

static void slice_begins(void *arg, const struct sim_task *task,
			 const struct sim_trace_slice *slice)
{
	tell(arg, "%s in %s %s", name_of(task), slice->kind, slice->name);
}

static void slice_ends(void *arg, const struct sim_task *task, const char *kind)
{
	tell(arg, "%s out of %s", name_of(task), kind);
}

static void lane_begins(void *arg, const struct sim_trace_lane *lane,
			const struct sim_trace_slice *slice)
{
	tell(arg, "%s %" PRIu64 " for %s", lane->name, lane->id, slice->name);
}

static void lane_ends(void *arg, const struct sim_trace_lane *lane)
{
	tell(arg, "%s %" PRIu64 " free", lane->name, lane->id);
}

static const struct sim_tracer tracer = {
	run_starts,  run_ends,	  task_starts, task_group, task_ends,
	wait_begins, wait_ends,	  hold_begins, hold_ends,  slice_begins,
	slice_ends,  lane_begins, lane_ends,   NULL,	   NULL,
};

static struct sim *traced_run(struct teller *teller)
{
	const struct sim_options options = {.tracer = &tracer, .tracer_arg = teller};

	*teller = (struct teller){.told = g_string_new(NULL)};
	return sim_new(&options);
}

static void expect_told(struct teller *teller, const char *told)
{
	cr_expect_str_eq(teller->told->str, told);
	g_string_free(teller->told, TRUE);
}

/* ---- pools and locks ---- */

struct readers {
	struct sim *sim;
	struct sim_pool pool;
	struct sim_rwsem sem;
	struct sim_waitq wq;
};

static void reader(struct sim_task *self, void *arg)
{
	struct readers *r = arg;

	(void)self;
	sim_path_enter(r->sim, "read");
	sim_pool_acquire(&r->pool, 1);
	sim_hold(r->sim, 10);
	sim_pool_release(&r->pool, 1);
	sim_path_leave(r->sim);
}

Test(tracer, the_second_readers_wait_ends_at_the_instant_the_first_gives_back)
{
	struct teller teller;
	struct readers r = {.sim = traced_run(&teller)};

	sim_pool_init(&r.pool, r.sim, sim_lock_class(r.sim, "pool"), "pool", 1);
	sim_spawn(r.sim, "A", reader, &r);
	sim_spawn(r.sim, "B", reader, &r);
	cr_expect_eq(sim_run(r.sim, SIM_NEVER), SIM_END_IDLE);
	sim_pool_destroy(&r.pool);
	sim_free(r.sim);
	expect_told(&teller, "0 A starts by -\n"
			     "0 B starts by -\n"
			     "0 A in path read\n"
			     "0 A has 1 units of pool, in read\n"
			     "0 B in path read\n"
			     "0 B waits: 1 units of pool, held by A in read\n"
			     "10 A gives pool back\n"
			     "10 B has 1 units of pool, in read\n"
			     "10 B goes on: granted by A\n"
			     "10 A out of path\n"
			     "10 A ends\n"
			     "20 B gives pool back\n"
			     "20 B out of path\n"
			     "20 B ends\n"
			     "20 end\n");
}

static void writer(struct sim_task *self, void *arg)
{
	struct readers *r = arg;

	(void)self;
	sim_rwsem_write(&r->sem);
	sim_hold(r->sim, 5);
	sim_rwsem_write_unlock(&r->sem);
}

static void late_reader(struct sim_task *self, void *arg)
{
	struct readers *r = arg;

	(void)self;
	if (sim_rwsem_read_timeout(&r->sem, 3) == SIM_TIMEOUT)
		sim_rwsem_read(&r->sem);
	sim_rwsem_read_unlock(&r->sem);
}

Test(tracer, a_wait_that_times_out_is_ended_by_nobody)
{
	struct teller teller;
	struct readers r = {.sim = traced_run(&teller)};

	sim_rwsem_init(&r.sem, r.sim, sim_lock_class(r.sim, "sem"), "sem");
	sim_spawn(r.sim, "W", writer, &r);
	sim_spawn(r.sim, "R", late_reader, &r);
	sim_run(r.sim, SIM_NEVER);
	sim_rwsem_destroy(&r.sem);
	sim_free(r.sim);
	expect_told(&teller, "0 W starts by -\n"
			     "0 R starts by -\n"
			     "0 W has 1 write of sem, in -\n"
			     "0 R waits: 1 read of sem, held by W in -\n"
			     "3 R goes on: timeout by -\n"
			     "3 R waits: 1 read of sem, held by W in -\n"
			     "5 W gives sem back\n"
			     "5 R has 1 read of sem, in -\n"
			     "5 R goes on: granted by W\n"
			     "5 W ends\n"
			     "5 R gives sem back\n"
			     "5 R ends\n"
			     "5 end\n");
}

static void big_taker(struct sim_task *self, void *arg)
{
	struct readers *r = arg;

	(void)self;
	sim_pool_acquire_timeout(&r->pool, 2, 3);
}

/* Stands behind the big one, and what it wants is there. */
static void small_taker(struct sim_task *self, void *arg)
{
	struct readers *r = arg;

	(void)self;
	sim_pool_acquire(&r->pool, 1);
}

Test(tracer, who_leaves_a_line_lets_in_whoever_stood_behind)
{
	struct teller teller;
	struct readers r = {.sim = traced_run(&teller)};

	sim_pool_init(&r.pool, r.sim, NULL, "pool", 2);
	sim_spawn(r.sim, "A", small_taker, &r);
	sim_spawn(r.sim, "big", big_taker, &r);
	sim_spawn(r.sim, "small", small_taker, &r);
	sim_run(r.sim, SIM_NEVER);
	sim_pool_destroy(&r.pool);
	sim_free(r.sim);
	expect_told(&teller, "0 A starts by -\n"
			     "0 big starts by -\n"
			     "0 small starts by -\n"
			     "0 A ends\n"
			     "0 big waits: 2 units of pool, held by - in -\n"
			     "0 small waits: 1 units of pool, held by - in -\n"
			     "3 big goes on: timeout by -\n"
			     "3 small goes on: granted by big\n"
			     "3 big ends\n"
			     "3 small ends\n"
			     "3 end\n");
}

static void sleeper(struct sim_task *self, void *arg)
{
	struct readers *r = arg;

	(void)self;
	sim_waitq_sleep(&r->wq);
}

static void ring(struct sim *sim, void *arg)
{
	struct readers *r = arg;

	(void)sim;
	sim_waitq_wake_one(&r->wq);
}

static void caller(struct sim_task *self, void *arg)
{
	struct readers *r = arg;
	struct sim_task *child;

	(void)self;
	child = sim_spawn(r->sim, "child", sleeper, r);
	sim_trace_task_group(r->sim, child, "workers");
	sim_hold(r->sim, 1);
	sim_interrupt(child);
}

Test(tracer, wakers_are_tasks_or_plain_events)
{
	struct teller teller;
	struct readers r = {.sim = traced_run(&teller)};

	sim_waitq_init(&r.wq, r.sim, "wq");
	sim_spawn(r.sim, "S", sleeper, &r);
	sim_spawn(r.sim, "C", caller, &r);
	sim_after(r.sim, 7, 0, ring, &r);
	sim_run(r.sim, SIM_NEVER);
	sim_waitq_destroy(&r.wq);
	sim_free(r.sim);
	expect_told(&teller, "0 S starts by -\n"
			     "0 C starts by -\n"
			     "0 S waits: 1 wake-up of wq, held by - in -\n"
			     "0 child starts by C\n"
			     "0 child is of workers\n"
			     "0 child waits: 1 wake-up of wq, held by - in -\n"
			     "1 child goes on: interrupted by C\n"
			     "1 C ends\n"
			     "1 child ends\n"
			     "7 S goes on: granted by -\n"
			     "7 S ends\n"
			     "7 end\n");
}

static uint64_t seven(const void *arg)
{
	(void)arg;
	return 7;
}

Test(tracer, gauges_are_kept_only_while_somebody_looks_on)
{
	const struct sim_gauge gauge = {"g", "seven", "units", seven, NULL};
	struct teller teller;
	struct sim *traced = traced_run(&teller), *plain = new_run(1);

	sim_gauge_add(traced, &gauge);
	sim_gauge_add(plain, &gauge);
	EXPECT_U64(sim_gauge_at(traced, 0)->read(NULL), 7);
	cr_expect_null(sim_gauge_at(traced, 1));
	cr_expect_null(sim_gauge_at(plain, 0));
	sim_free(traced);
	sim_free(plain);
	expect_told(&teller, "0 end\n");
}

static void stopper(struct sim_task *self, void *arg)
{
	struct sim *sim = arg;

	(void)self;
	sim_trace_begin(sim, &(struct sim_trace_slice){.kind = "op", .name = "read"});
	sim_hold(sim, 2);
	sim_trace_stop(sim);
	sim_trace_end(sim, "op");
}

Test(tracer, after_a_stop_nothing_more_is_told_not_even_the_end)
{
	struct teller teller;
	struct sim *sim = traced_run(&teller);

	sim_spawn(sim, "T", stopper, sim);
	sim_run(sim, SIM_NEVER);
	sim_free(sim);
	expect_told(&teller, "0 T starts by -\n0 T in op read\n");
}

static void queue_run(const struct sim_tracer *looks_on, struct teller *teller, uint64_t *digest,
		      uint64_t *draws)
{
	const struct sim_options options = {.seed = 3, .tracer = looks_on, .tracer_arg = teller};
	const struct sim_queue_config config = {
		.servers = 2,
		.arrival = {.kind = SIM_DIST_EXPONENTIAL, .a = 100},
		.hold = {.kind = SIM_DIST_EXPONENTIAL, .a = 180},
		.customers = 2000,
	};
	struct sim *sim = sim_new(&options);

	sim_queue_run(sim, &config, NULL, NULL);
	*digest = sim_digest(sim);
	*draws = sim_draws(sim);
	sim_free(sim);
}

Test(tracer, a_run_is_the_same_whether_or_not_somebody_looks_on)
{
	struct teller teller = {.told = g_string_new(NULL)};
	uint64_t digest[2], draws[2];

	queue_run(NULL, NULL, &digest[0], &draws[0]);
	queue_run(&tracer, &teller, &digest[1], &draws[1]);
	EXPECT_U64(digest[1], digest[0]);
	EXPECT_U64(draws[1], draws[0]);
	cr_expect(strstr(teller.told->str, "waits"));
	g_string_free(teller.told, TRUE);
}

/* ---- one who looks at each event ---- */

static void event(void *arg, sim_ns when, const struct sim_task *task)
{
	tell(arg, "next at %" PRIu64 ": %s", when, name_of(task));
}

static void fact(void *arg, const char *name, uint64_t value)
{
	tell(arg, "%s is %" PRIu64, name, value);
}

static void hold_twice(struct sim_task *self, void *arg)
{
	(void)arg;
	sim_hold(sim_of(self), 2);
	sim_digest_add(sim_of(self), "answer", 42);
	sim_hold(sim_of(self), 3);
}

static void plain_event(struct sim *sim, void *arg)
{
	(void)sim;
	(void)arg;
}

Test(tracer, each_event_is_told_before_it_is_taken_and_each_fact)
{
	struct sim_tracer looks_closer = tracer;
	struct teller teller = {.told = g_string_new(NULL)};
	const struct sim_options options = {.tracer = &looks_closer, .tracer_arg = &teller};
	struct sim *sim;

	looks_closer.event = event;
	looks_closer.fact = fact;
	sim = sim_new(&options);
	sim_spawn(sim, "T", hold_twice, NULL);
	sim_at(sim, 4, 0, plain_event, NULL);
	sim_run(sim, SIM_NEVER);
	EXPECT_U64(sim_events(sim), 4);
	sim_free(sim);
	expect_told(&teller, "0 T starts by -\n"
			     "0 next at 0: T\n"
			     "0 next at 2: T\n"
			     "2 answer is 42\n"
			     "2 next at 4: -\n"
			     "4 next at 5: T\n"
			     "5 T ends\n"
			     "5 end\n");
}

static void count_event(void *arg, sim_ns when, const struct sim_task *task)
{
	(void)when;
	(void)task;
	((struct teller *)arg)->events++;
}

static void hold_often(struct sim_task *self, void *arg)
{
	for (int i = 0; i < GPOINTER_TO_INT(arg); i++)
		sim_hold(sim_of(self), 1);
}

Test(tracer, no_event_passes_unseen)
{
	enum { HOLDS = 20000 };
	struct sim_tracer looks_closer = tracer;
	struct teller teller = {.told = g_string_new(NULL)};
	const struct sim_options options = {.tracer = &looks_closer, .tracer_arg = &teller};
	struct sim *sim;

	looks_closer.event = count_event;
	sim = sim_new(&options);
	sim_spawn(sim, "T", hold_often, GINT_TO_POINTER(HOLDS));
	sim_run(sim, SIM_NEVER);
	EXPECT_U64(sim_events(sim), HOLDS + 1);
	EXPECT_U64(teller.events, HOLDS + 1);
	sim_free(sim);
	g_string_free(teller.told, TRUE);
}

Test(tracer, a_run_is_the_same_when_each_event_is_looked_at)
{
	struct sim_tracer looks_closer = tracer;
	struct teller teller = {.told = g_string_new(NULL)};
	uint64_t digest[2], draws[2];

	looks_closer.event = event;
	queue_run(NULL, NULL, &digest[0], &draws[0]);
	queue_run(&looks_closer, &teller, &digest[1], &draws[1]);
	EXPECT_U64(digest[1], digest[0]);
	EXPECT_U64(draws[1], draws[0]);
	g_string_free(teller.told, TRUE);
}
