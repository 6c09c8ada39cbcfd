/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In which interval two runs part, by the marks of their documents. */
#include <criterion/criterion.h>

#include "results/results.h"

TestSuite(first_difference_interval);

/* A run of so many events whose digests are other ones from event `parts` on. */
static struct results_replication run_of(uint64_t events, uint64_t interval, uint64_t parts)
{
	struct results_replication run = {
		.done = true,
		.events = events,
		.mark_interval = interval,
		.marks = g_array_new(FALSE, FALSE, sizeof(struct sim_mark)),
	};

	run.digest = events >= parts ? 1000000 + events : events;
	for (uint64_t at = interval; interval && at <= events; at += interval) {
		struct sim_mark mark = {at >= parts ? 1000000 + at : at, 10 * at};

		g_array_append_val(run.marks, mark);
	}
	return run;
}

static void expect_part(struct results_replication a, struct results_replication b, uint64_t first,
			uint64_t last)
{
	struct results_parting there, back;

	results_part(&a, &b, &there);
	results_part(&b, &a, &back);
	cr_expect(there.part && back.part);
	cr_expect_eq(there.first, first, "from %" G_GUINT64_FORMAT, there.first);
	cr_expect_eq(there.last, last, "to %" G_GUINT64_FORMAT, there.last);
	cr_expect_eq(there.from_ns, 10 * (first - 1));
	cr_expect_eq(there.to_ns, last == INT64_MAX ? SIM_NEVER : 10 * last);
	cr_expect_eq(back.first, first);
	cr_expect_eq(back.last, last);
	g_array_unref(a.marks);
	g_array_unref(b.marks);
}

enum { NEVER = 1000000 };

Test(first_difference_interval, runs_of_one_digest_do_not_part)
{
	struct results_replication a = run_of(100, 8, NEVER), b = run_of(100, 16, NEVER);
	struct results_parting parting;

	results_part(&a, &b, &parting);
	cr_expect_not(parting.part);
	g_array_unref(a.marks);
	g_array_unref(b.marks);
}

Test(first_difference_interval, it_is_that_of_the_first_digest_that_differs)
{
	for (uint64_t parts = 1; parts <= 96; parts++)
		expect_part(run_of(100, 8, NEVER), run_of(100, 8, parts), (parts - 1) / 8 * 8 + 1,
			    ((parts - 1) / 8 + 1) * 8);
}

Test(first_difference_interval, the_longer_interval_of_two_counts)
{
	expect_part(run_of(100, 4, NEVER), run_of(200, 16, 30), 17, 32);
	expect_part(run_of(100, 4, 30), run_of(200, 16, NEVER), 17, 32);
}

Test(first_difference_interval, behind_the_last_digest_of_both_it_goes_to_the_end)
{
	expect_part(run_of(100, 8, NEVER), run_of(100, 8, 98), 97, INT64_MAX);
	expect_part(run_of(100, 8, NEVER), run_of(120, 8, NEVER), 97, INT64_MAX);
	expect_part(run_of(3, 8, NEVER), run_of(100, 8, NEVER), 1, INT64_MAX);
}

Test(first_difference_interval, without_digests_it_is_the_whole_run)
{
	expect_part(run_of(100, 0, NEVER), run_of(100, 8, 50), 1, INT64_MAX);
	expect_part(run_of(100, 0, NEVER), run_of(100, 0, 50), 1, INT64_MAX);
}
