/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sim_test.h"
#include "sim/event_list.h"

#include <string.h>

enum { SCRIPT_EVENTS = 512, SCRIPT_STEPS = 20000 };

/* The oracle: pending events in a plain array, the first found by looking at all. */
struct oracle {
	struct {
		bool pending;
		sim_ns when;
		int priority;
		uint64_t serial;
	} event[SCRIPT_EVENTS];
	uint64_t serial;
};

static int oracle_first(const struct oracle *o)
{
	int best = -1;

	for (int i = 0; i < SCRIPT_EVENTS; i++) {
		if (!o->event[i].pending)
			continue;
		if (best < 0 || o->event[i].when < o->event[best].when ||
		    (o->event[i].when == o->event[best].when &&
		     (o->event[i].priority < o->event[best].priority ||
		      (o->event[i].priority == o->event[best].priority &&
		       o->event[i].serial < o->event[best].serial))))
			best = i;
	}
	return best;
}

static sim_ns delay_of(int distribution, uint64_t random)
{
	switch (distribution) {
	case 0: /* all ties */
		return 0;
	case 1: /* few distinct delays, among them none */
		return random % 4 * 10;
	case 2:
		return random % 1000000;
	case 3: /* bimodal */
		return random % 2 ? random % 10 : 1000000 + random % 10;
	case 4: /* heavy tail */
		return UINT64_C(1) << random % 40;
	default: /* constant */
		return 100;
	}
}

static void run_script(int distribution, uint64_t seed, uint64_t first_serial)
{
	struct sim *sim = new_run(seed);
	struct sim_stream stream;
	struct event_list list;
	struct oracle oracle = {.serial = 0};
	uint32_t slot[SCRIPT_EVENTS];
	sim_ns now = 0;
	/* Long and short lists by turns. */
	uint64_t events = seed % 2 ? 6 : SCRIPT_EVENTS;

	sim_stream_init(&stream, sim, "script", 0);
	event_list_init(&list);
	list.serial = first_serial;
	for (int i = 0; i < SCRIPT_EVENTS; i++)
		slot[i] = event_list_take_slot(&list, NULL, NULL);
	for (int step = 0; step < SCRIPT_STEPS; step++) {
		uint64_t i = sim_draw_below(&stream, events);
		uint64_t what = sim_draw_below(&stream, 8);
		uint64_t random = sim_draw_u64(&stream);

		if (what < 4 && !oracle.event[i].pending) {
			sim_ns when = now + delay_of(distribution, random >> 8);
			int priority = random % 8 ? 0 : (int)(random >> 3) % 3 - 1;

			event_list_insert(&list, slot[i], now, when, priority);
			oracle.event[i].pending = true;
			oracle.event[i].when = when;
			oracle.event[i].priority = priority;
			oracle.event[i].serial = oracle.serial++;
		} else if (what == 4) {
			cr_assert_eq(event_list_pending(&list, slot[i]), oracle.event[i].pending);
			event_list_remove(&list, slot[i]);
			oracle.event[i].pending = false;
		} else if (what > 4) {
			sim_ns limit = random % 3 ? SIM_NEVER : now + 5, when = 0;
			uint32_t got = event_list_pop(&list, now, limit, &when);
			int first = oracle_first(&oracle);

			if (first >= 0 && oracle.event[first].when <= limit) {
				cr_assert_eq(got, slot[first], "step %d of distribution %d", step,
					     distribution);
				EXPECT_U64(when, oracle.event[first].when);
				oracle.event[first].pending = false;
				now = when;
			} else {
				cr_assert_eq(got, SIM_NO_SLOT);
				if (limit != SIM_NEVER && first >= 0)
					now = limit;
			}
		}
		if (step % 64 == 0)
			cr_assert(event_list_valid(&list));
	}
	event_list_clear(&list);
	sim_free(sim);
}

Test(event_list, order_is_that_of_a_sorted_list)
{
	for (int distribution = 0; distribution < 6; distribution++)
		for (uint64_t seed = 0; seed < 4; seed++)
			run_script(distribution, seed, 0);
}

Test(event_list, order_survives_the_end_of_the_serials)
{
	const uint64_t last = (UINT64_C(1) << SIM_SERIAL_BITS) - 500;

	for (int distribution = 0; distribution < 6; distribution++)
		for (uint64_t seed = 0; seed < 2; seed++)
			run_script(distribution, seed, last);
}

/* ---- plain events ---- */

static GString *trace;

static void note(struct sim *sim, void *arg)
{
	(void)sim;
	g_string_append_c(trace, (char)GPOINTER_TO_INT(arg));
}

static void note_and_spread(struct sim *sim, void *arg)
{
	g_string_append_c(trace, (char)GPOINTER_TO_INT(arg));
	sim_after(sim, 0, 0, note, GINT_TO_POINTER('d'));
	sim_after(sim, 0, 1, note, GINT_TO_POINTER('e'));
	sim_after(sim, 0, -1, note, GINT_TO_POINTER('b'));
	sim_at(sim, sim_now(sim), 0, note, GINT_TO_POINTER('D'));
}

Test(event_list, equal_times_go_by_priority_then_by_serial)
{
	struct sim *sim = new_run(1);

	trace = g_string_new(NULL);
	sim_at(sim, 10, 0, note_and_spread, GINT_TO_POINTER('a'));
	sim_at(sim, 10, 0, note, GINT_TO_POINTER('c'));
	sim_at(sim, 10, -2, note, GINT_TO_POINTER('A'));
	sim_at(sim, 11, 0, note, GINT_TO_POINTER('f'));
	cr_assert_eq(sim_run(sim, 10), SIM_END_TIME);
	cr_assert_str_eq(trace->str, "AabcdDe");
	EXPECT_U64(sim_now(sim), 10);
	cr_assert_eq(sim_run(sim, SIM_NEVER), SIM_END_IDLE);
	cr_assert_str_eq(trace->str, "AabcdDef");
	EXPECT_U64(sim_events(sim), 8);
	g_string_free(trace, TRUE);
	sim_free(sim);
}

Test(event_list, handles_go_stale_and_a_moved_event_gets_a_new_serial)
{
	struct sim *sim = new_run(1);
	sim_event a, b, c;

	trace = g_string_new(NULL);
	a = sim_at(sim, 5, 0, note, GINT_TO_POINTER('a'));
	b = sim_at(sim, 5, 0, note, GINT_TO_POINTER('b'));
	c = sim_at(sim, 9, 0, note, GINT_TO_POINTER('c'));
	cr_assert(!sim_cancel(sim, 0));
	cr_assert(!sim_pending(sim, 0) && !sim_reschedule(sim, 0, 7));
	cr_assert(sim_pending(sim, a) && sim_reschedule(sim, a, 5));
	cr_assert(sim_cancel(sim, c) && !sim_cancel(sim, c) && !sim_pending(sim, c));
	c = sim_after(sim, 0, 0, note, GINT_TO_POINTER('c'));
	cr_assert(sim_reschedule(sim, c, 6));
	cr_assert(sim_reschedule(sim, c, 0) && sim_reschedule(sim, c, 6));
	cr_assert_eq(sim_run(sim, SIM_NEVER), SIM_END_IDLE);
	cr_assert_str_eq(trace->str, "bac");
	cr_assert(!sim_pending(sim, a) && !sim_cancel(sim, b) && !sim_reschedule(sim, c, 10));
	EXPECT_U64(sim_events(sim), 3);
	g_string_free(trace, TRUE);
	sim_free(sim);
}

static void stop(struct sim *sim, void *arg)
{
	(void)arg;
	sim_stop(sim);
}

static void forever(struct sim *sim, void *arg)
{
	int *interrupted = arg;

	if (sim_events(sim) == 100000)
		*interrupted = 1;
	sim_after(sim, 1, 0, forever, arg);
}

Test(event_list, a_run_ends_at_its_time_on_request_and_when_interrupted)
{
	int interrupted = 0;
	const struct sim_options options = {.interrupted = &interrupted};
	struct sim *sim = sim_new(&options);

	sim_at(sim, 7, 0, stop, NULL);
	sim_at(sim, 7, 0, forever, &interrupted);
	cr_assert_eq(sim_run(sim, 3), SIM_END_TIME);
	EXPECT_U64(sim_now(sim), 3);
	cr_assert_eq(sim_run(sim, SIM_NEVER), SIM_END_STOPPED);
	EXPECT_U64(sim_now(sim), 7);
	EXPECT_U64(sim_events(sim), 1);
	cr_assert_eq(sim_run(sim, SIM_NEVER), SIM_END_INTERRUPTED);
	cr_assert(sim_events(sim) < 100000 + 10000);
	cr_assert_eq(sim_run(sim, SIM_NEVER), SIM_END_INTERRUPTED);
	sim_free(sim);
}

struct marks {
	struct sim_mark mark[SIM_MARKS];
	size_t count;
	uint64_t interval_events;
};

static void tick(struct sim_task *self, void *arg)
{
	for (int i = 0; i < GPOINTER_TO_INT(arg); i++)
		sim_hold(sim_of(self), 7);
}

static void nothing(struct sim *sim, void *arg)
{
	(void)sim;
	(void)arg;
}

/* Of a task that starts and holds 7 ns so often; another event comes at `extra_at`, unless that is 0. */
static struct marks marks_of(int ticks, sim_ns extra_at, sim_ns stop_at)
{
	struct sim *sim = new_run(1);
	struct marks m;
	const struct sim_mark *mark;

	sim_spawn(sim, "tick", tick, GINT_TO_POINTER(ticks));
	if (extra_at)
		sim_at(sim, extra_at, 0, nothing, NULL);
	if (stop_at)
		sim_run(sim, stop_at);
	sim_run(sim, SIM_NEVER);
	mark = sim_marks(sim, &m.count, &m.interval_events);
	memcpy(m.mark, mark, m.count * sizeof(*mark));
	sim_free(sim);
	return m;
}

static size_t first_that_differs(const struct marks *a, const struct marks *b)
{
	size_t i = 0;

	while (i < a->count && a->mark[i].digest == b->mark[i].digest)
		i++;
	return i;
}

Test(event_list, digests_part_in_the_interval_in_which_the_runs_part)
{
	struct marks plain = marks_of(100, 0, 0), again = marks_of(100, 0, 0);

	EXPECT_U64(plain.interval_events, 4);
	EXPECT_U64(plain.count, 25); /* of 101 events */
	EXPECT_U64(plain.mark[0].ns, 21);
	EXPECT_U64(plain.mark[24].ns, 693);
	EXPECT_U64(first_that_differs(&plain, &again), plain.count);
	for (sim_ns at = 1; at < 693; at++) {
		again = marks_of(100, at, 0);
		EXPECT_U64(first_that_differs(&plain, &again), ((at - 1) / 7 + 1) / 4);
	}
}

Test(event_list, a_longer_run_has_every_second_digest_of_the_shorter)
{
	struct marks shorter = marks_of(100, 0, 0), longer = marks_of(200, 0, 0);

	EXPECT_U64(longer.interval_events, 2 * shorter.interval_events);
	for (size_t i = 0; i < shorter.count / 2; i++)
		EXPECT_U64(longer.mark[i].digest, shorter.mark[2 * i + 1].digest);
}

Test(event_list, where_a_run_pauses_does_not_show_in_its_digests)
{
	struct marks whole = marks_of(100, 0, 0);

	for (sim_ns at = 1; at < 720; at++) {
		struct marks parts = marks_of(100, 0, at);

		EXPECT_U64(parts.count, whole.count);
		EXPECT_U64(first_that_differs(&whole, &parts), whole.count);
	}
}
