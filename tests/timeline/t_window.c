/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of a run is in the file: its window, its length, its end. */
#include "tests/timeline/trace_reader.h"
#include "timeline/timeline.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <unistd.h>

static struct timeline_summary summary;
static char *path;

static void make_path(void)
{
	int fd = g_file_open_tmp("timeline-XXXXXX", &path, NULL);

	cr_assert(fd >= 0);
	close(fd);
}

static void remove_path(void)
{
	g_unlink(path);
	g_free(path);
}

TestSuite(timeline, .init = make_path, .fini = remove_path);

static void sleeper(struct sim_task *self, void *arg)
{
	(void)arg;
	sim_path_enter(sim_of(self), "outer");
	for (int i = 0; i < 100; i++) {
		sim_path_enter(sim_of(self), "inner");
		sim_hold(sim_of(self), 1000);
		sim_path_leave(sim_of(self));
	}
	sim_path_leave(sim_of(self));
}

/* "outer" lasts 100 us, and "inner" 100 times one of them. */
static void write_timeline(const char *to, const struct timeline_options *options, sim_ns until)
{
	FILE *file = fopen(to, "w");
	struct timeline *timeline = timeline_new(file, options);
	const struct sim_options run = {.tracer = &timeline_tracer, .tracer_arg = timeline};
	struct sim *sim = sim_new(&run);

	sim_spawn(sim, "a \"task\"\n", sleeper, NULL);
	sim_run(sim, until);
	sim_free(sim);
	timeline_finish(timeline, &summary);
	fclose(file);
}

static const struct read_slice *find(const struct read_trace *trace, const char *name)
{
	for (guint i = 0; i < trace->slices->len; i++) {
		const struct read_slice *slice =
			&g_array_index(trace->slices, struct read_slice, i);

		if (!g_strcmp0(slice->name, name))
			return slice;
	}
	return NULL;
}

Test(timeline, a_window_has_what_was_open_when_it_began_and_ends_what_was_not_over)
{
	const struct timeline_options options = {.from_ns = 10500, .to_ns = 20300};
	struct read_trace trace;

	write_timeline(path, &options, SIM_NEVER);
	trace_read(path, &trace);
	cr_expect_eq(trace.first_ns, 10500);
	cr_expect_eq(trace.last_ns, 20300);
	cr_expect_eq(find(&trace, "outer")->begin_ns, 10500);
	cr_expect_eq(find(&trace, "outer")->end_ns, 20300);
	cr_expect_eq(find(&trace, "inner")->begin_ns, 10500);
	cr_expect_eq(find(&trace, "inner")->end_ns, 11000);
	cr_expect_eq(trace.slices->len, 2 + 11, "task, outer, and 11 of inner");
	cr_expect(summary.reached && !summary.cut && !summary.err);
	trace_clear(&trace);
}

Test(timeline, names_may_have_any_character)
{
	const struct timeline_options options = {.to_ns = SIM_NEVER};
	struct read_trace trace;

	write_timeline(path, &options, SIM_NEVER);
	trace_read(path, &trace);
	cr_expect(find(&trace, "a \"task\"\n"));
	cr_expect_eq(trace.slices->len, 2 + 100);
	trace_clear(&trace);
}

Test(timeline, a_run_that_ends_with_tasks_standing_anywhere_ends_their_slices)
{
	const struct timeline_options options = {.to_ns = SIM_NEVER};
	struct read_trace trace;

	write_timeline(path, &options, 2500);
	trace_read(path, &trace);
	cr_expect_eq(find(&trace, "outer")->end_ns, 2500);
	cr_expect_eq(summary.end_ns, 2500);
	trace_clear(&trace);
}

Test(timeline, a_file_that_becomes_too_long_ends_where_it_is_and_is_whole)
{
	const struct timeline_options options = {.to_ns = SIM_NEVER, .max_bytes = 3000};
	struct read_trace trace;

	write_timeline(path, &options, SIM_NEVER);
	trace_read(path, &trace);
	cr_expect(summary.cut);
	cr_expect_eq(summary.end_ns, (sim_ns)trace.last_ns);
	cr_expect(trace.last_ns > 1000 && trace.last_ns < 99000);
	cr_expect_leq(summary.bytes, options.max_bytes + 1000, "%" G_GUINT64_FORMAT, summary.bytes);
	trace_clear(&trace);
}

Test(timeline, a_window_that_the_run_does_not_come_to_leaves_it_empty)
{
	const struct timeline_options options = {.from_ns = 200000, .to_ns = SIM_NEVER};
	struct read_trace trace;

	write_timeline(path, &options, SIM_NEVER);
	trace_read(path, &trace);
	cr_expect_eq(trace.slices->len, 0);
	cr_expect(summary.started && !summary.reached);
	cr_expect_eq(summary.end_ns, 100000);
	trace_clear(&trace);
}

Test(timeline, a_write_that_fails_is_told_with_its_reason)
{
	const struct timeline_options options = {.to_ns = SIM_NEVER};

	write_timeline("/dev/full", &options, SIM_NEVER);
	cr_expect_eq(summary.err, ENOSPC);
}
