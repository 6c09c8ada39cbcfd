/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `extentsim run --timeline`. */
#include "tests/cli/cli_support.h"
#include "tests/scenarios/loader_support.h"
#include "tests/timeline/trace_reader.h"

#include <criterion/criterion.h>
#include <glib/gstdio.h>
#include <string.h>

#define SCRIPT                                                                                     \
	"addkey K\npolicy . K\nwrite f 0 1m\nsync\nrandwrite f 1m 4k 30 7 fsync\ndropcaches\n"     \
	"read f 0 1m\n"
#define VARIANTS                                                                                   \
	" --variant 'none: design=none setup=none'"                                                \
	" --variant 'one: design=lightweight setup=pool pool.size=1'"
#define RUN "run a.ops -q" VARIANTS

static char *folder;

static void make_folder(void)
{
	folder = g_dir_make_tmp("timeline-XXXXXX", NULL);
	g_free(loader_file(folder, "a.ops", SCRIPT));
}

static void remove_folder(void)
{
	loader_library_remove(folder);
	g_free(folder);
}

TestSuite(run_timeline, .init = make_folder, .fini = remove_folder);

static void run(const char *arguments, int status)
{
	struct cli_result result = cli_run(NULL, folder, arguments);

	cr_assert_eq(result.status, status, "%s: %d: %s", arguments, result.status, result.err);
	cli_result_clear(&result);
}

static void read_file(const char *name, struct read_trace *trace)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);

	trace_read(path, trace);
}

static char *text_of(const char *name)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	char *text = NULL;

	cr_assert(g_file_get_contents(path, &text, NULL, NULL), "%s", name);
	return text;
}

static bool exists(const char *name)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);

	return g_file_test(path, G_FILE_TEST_EXISTS);
}

static const struct read_slice *slice(const struct read_trace *trace, guint i)
{
	return &g_array_index(trace->slices, struct read_slice, i);
}

static guint count(const struct read_trace *trace, const char *process, const char *kind)
{
	guint n = 0;

	for (guint i = 0; i < trace->slices->len; i++)
		n += !strcmp(slice(trace, i)->process, process) &&
		     !strcmp(slice(trace, i)->kind, kind);
	return n;
}

Test(run_timeline, has_programs_workers_cpus_devices_locks_arrows_and_counters)
{
	struct read_trace trace;

	run(RUN " --timeline t.json", 0);
	read_file("t.json", &trace);
	cr_expect_eq(count(&trace, "programs", "task"), 1);
	cr_expect_eq(count(&trace, "programs", "op"), 7, "an operation a line");
	cr_expect(count(&trace, "programs", "wait"));
	cr_expect(count(&trace, "programs", "run"));
	cr_expect(count(&trace, "programs", "path"));
	cr_expect(count(&trace, "workers", "work"));
	cr_expect(count(&trace, "CPUs", "cpu"));
	cr_expect(count(&trace, "devices", "bio"));
	cr_expect(count(&trace, "locks and pools", "hold"));
	cr_expect(trace.flows);
	cr_expect(trace.counters);
	trace_clear(&trace);
}

static bool given_back_at(const struct read_trace *trace, int64_t ns)
{
	for (guint i = 0; i < trace->slices->len; i++)
		if (!strcmp(slice(trace, i)->track, "skcipher pool 0") &&
		    slice(trace, i)->end_ns == ns)
			return true;
	return false;
}

Test(run_timeline, a_wait_for_a_pool_of_one_ends_when_its_holder_gives_it_back)
{
	struct read_trace trace;
	guint waits = 0;

	run(RUN " --timeline t.json", 0);
	read_file("t.json", &trace);
	for (guint i = 0; i < trace.slices->len; i++) {
		const struct read_slice *wait = slice(&trace, i);

		cr_expect_str_neq(wait->track, "skcipher pool 1", "a pool of one held twice");
		if (strcmp(wait->kind, "wait") || strcmp(wait->name, "skcipher pool"))
			continue;
		waits++;
		cr_expect_str_eq(trace_word(wait->begin_args, "want"), "units");
		cr_expect_str_neq(trace_word(wait->begin_args, "holder"), "");
		cr_expect_str_eq(trace_word(wait->end_args, "ended"), "granted");
		cr_expect(given_back_at(&trace, wait->end_ns));
	}
	cr_expect_gt(waits, 0);
	trace_clear(&trace);
}

Test(run_timeline, every_wait_on_a_cpu_or_lock_says_how_it_ended_or_lasts_to_the_end)
{
	struct read_trace trace;

	run(RUN " --timeline t.json", 0);
	read_file("t.json", &trace);
	for (guint i = 0; i < trace.slices->len; i++)
		if (!strcmp(slice(&trace, i)->kind, "wait") &&
		    slice(&trace, i)->end_ns != trace.last_ns)
			cr_expect_str_neq(trace_word(slice(&trace, i)->end_args, "ended"), "");
	trace_clear(&trace);
}

Test(run_timeline, no_more_cpus_are_taken_than_there_are_and_no_channel_twice)
{
	struct read_trace trace;

	run(RUN " --timeline t.json --set machine.cpus=2 --set machine.device_channels=3", 0);
	read_file("t.json", &trace);
	for (guint i = 0; i < trace.slices->len; i++) {
		const struct read_slice *s = slice(&trace, i);

		if (!strcmp(s->process, "CPUs"))
			cr_expect(!strcmp(s->track, "CPU 0") || !strcmp(s->track, "CPU 1"), "%s",
				  s->track);
		cr_expect_str_neq(s->track, "device 0 channel 3");
		if (!strcmp(s->process, "devices"))
			cr_expect_eq(s->depth, 0);
	}
	trace_clear(&trace);
}

Test(run_timeline, the_result_is_the_same_to_the_byte_and_so_is_the_timeline)
{
	g_autofree char *plain = NULL, *looked_on = NULL, *first = NULL, *second = NULL;

	run(RUN " --replications 3 -o plain.json", 0);
	run(RUN " --replications 3 -j1 -o a.json --timeline a.trace", 0);
	run(RUN " --replications 3 -j3 -o b.json --timeline b.trace", 0);
	plain = text_of("plain.json");
	looked_on = text_of("a.json");
	first = text_of("a.trace");
	second = text_of("b.trace");
	cr_expect_str_eq(looked_on, plain);
	cr_expect_str_eq(second, first);
}

Test(run_timeline, a_window_bounds_it)
{
	struct read_trace trace;

	run(RUN " --timeline t.json --timeline-window 1ms..1500us", 0);
	read_file("t.json", &trace);
	cr_expect_eq(trace.first_ns, 1000000);
	cr_expect_eq(trace.last_ns, 1500000);
	cr_expect(trace.slices->len > 10);
	trace_clear(&trace);
}

Test(run_timeline, variant_and_replication_can_be_chosen)
{
	struct read_trace trace;
	json_t *facts;

	run(RUN " --replications 3 --timeline t.json --timeline-variant none "
		"--timeline-replication 2",
	    0);
	read_file("t.json", &trace);
	facts = json_object_get(trace.json, "otherData");
	cr_expect_str_eq(trace_word(facts, "variant"), "none");
	cr_expect_str_eq(trace_word(facts, "replication"), "2");
	for (guint i = 0; i < trace.slices->len; i++)
		cr_expect_str_neq(slice(&trace, i)->track, "skcipher pool 0");
	trace_clear(&trace);
}

Test(run_timeline, what_cannot_be_is_refused_before_the_run)
{
	static const struct {
		const char *arguments, *err;
		int status;
	} rows[] = {
		{"--timeline-window 1ms..2ms", "--timeline FILE writes one", 2},
		{"--timeline t --timeline-window 1ms", "expected FROM..TO", 2},
		{"--timeline t --timeline-window ..", "expected FROM..TO", 2},
		{"--timeline t --timeline-window 3..4", "--timeline-window", 2},
		{"--timeline t --timeline-window 2ms..1ms", "ends before it has begun", 2},
		{"--timeline t --timeline-variant two", "the scenario has none, one", 2},
		{"--timeline t --timeline-replication 1", "there are replications 0 to 0", 2},
		{"--timeline -", "name a file", 2},
		{"--timeline t -o t", "the same file", 2},
		{"--timeline nowhere/t", "nowhere/t: No such file or directory", 5},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *line = g_strconcat(RUN " ", rows[i].arguments, NULL);
		struct cli_result result = cli_run(NULL, folder, line);

		cr_expect_eq(result.status, rows[i].status, "%s: %s", line, result.err);
		cr_expect(strstr(result.err, rows[i].err), "%s: %s", line, result.err);
		cr_expect_str_empty(result.out);
		cr_expect(!exists("t"));
		cli_result_clear(&result);
	}
}

Test(run_timeline, a_curve_is_refused_until_it_is_one_point)
{
	struct read_trace trace;
	struct cli_result result = cli_run(NULL, folder, "run open-cost -q --timeline t.json");

	cr_expect_eq(result.status, 2);
	cr_expect(strstr(result.err, "--set axes.NAME=STEP"), "%s", result.err);
	cli_result_clear(&result);
	result = cli_run(NULL, folder,
			 "run open-cost -q --timeline t.json --set axes.extents=1 "
			 "--set axes.estimate=shipped");
	read_file("t.json", &trace);
	trace_clear(&trace);
	cli_result_clear(&result);
}

Test(run_timeline, a_full_disk_is_an_error_and_leaves_nothing_behind)
{
	struct cli_result result = cli_run(NULL, folder, RUN " -o r.json --timeline /dev/full");

	cr_expect_eq(result.status, 5, "%d", result.status);
	cr_expect(strstr(result.err, "/dev/full: No space left on device"), "%s", result.err);
	cr_expect(!exists("r.json"));
	cli_result_clear(&result);
}

Test(run_timeline, an_interrupt_keeps_it_whole)
{
	g_autofree char *line = g_strdup_printf(
		"--version >version; cd '%s'; timeout --foreground --preserve-status -k 5 -s INT 1 "
		"\"$EXTENTSIM\" run long.ops --timeline t.json --timeline-window ..20ms",
		folder);
	struct cli_result result;
	struct read_trace trace;

	g_free(loader_file(folder, "long.ops",
			   "write a 0 64m\nrandwrite a 64m 4k 10000000 1 fsync\n"));
	result = cli_run_sh(folder, line);
	cr_expect_eq(result.status, 130, "%d: %s", result.status, result.err);
	read_file("t.json", &trace);
	cr_expect(trace.slices->len > 10);
	trace_clear(&trace);
	cli_result_clear(&result);
}
