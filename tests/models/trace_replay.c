/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Traces done again by an actor: counts done by hand, and layouts that a real btrfs came to. */
#include <criterion/criterion.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <string.h>

#include "models/world.h"
#include "tests/models/script_run.h"

#define TRACES "tests/data/traces"

/* A run of one trace actor under one variant. */
struct play {
	const char *trace; /* the path of one, or its text */
	const char *keys; /* of the actor, beside kind and file, with a comma before: "" for none */
	const char *variant; /* NULL: no encryption */
	const char *set; /* "path=value", or NULL */
	const char *const *files; /* whose layout is wanted, or NULL */
	json_t *layout; /* "files" of a dump */
	struct world_outcome outcome;
	char *error; /* it could not be loaded; else NULL */
};

static void take_layout(void *arg, const struct world_parts *parts)
{
	struct play *play = arg;
	struct btrfs_dump *dump = btrfs_dump_new(parts->fs);
	g_autoptr(GString) text = g_string_new("{");
	json_t *all;

	btrfs_dump(dump, play->files, g_strv_length((char **)play->files), text);
	g_string_append_c(text, '}');
	all = json_loads(text->str, 0, NULL);
	cr_assert(all, "no JSON: %s", text->str);
	play->layout = json_incref(json_object_get(all, "files"));
	json_decref(all);
	btrfs_dump_free(dump);
}

static void run_scenario(struct play *play, const char *path)
{
	const char *variants[] = {play->variant ? play->variant : "none: design=none", NULL};
	const char *sets[] = {play->set, NULL};
	struct scenario_options load = {.variants = variants, .sets = sets};
	g_autoptr(GError) error = NULL;
	struct scenario *scenario = scenario_load(path, &load, &world_registry, &error);
	struct world_options options = {.scenario = scenario};

	if (!scenario) {
		play->error = g_strdup(error->message);
		return;
	}
	options.variant = scenario->variants->pdata[0];
	if (play->files) {
		options.ended = take_layout;
		options.ended_arg = play;
	}
	cr_assert(world_run(&options, &play->outcome, &error), "%s", error ? error->message : "");
	cr_assert(play->outcome.completed, "the trace did not come to its end");
	scenario_free(scenario);
}

/* The scenario's folder holds the trace, if that is not a file already: as "t". */
static void run_play(struct play *play)
{
	g_autofree char *folder = g_dir_make_tmp("replay-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(folder, "s.json", NULL);
	g_autofree char *trace = g_build_filename(folder, "t", NULL);
	g_autofree char *given = g_canonicalize_filename(play->trace, NULL);
	bool exists = g_str_has_prefix(play->trace, TRACES);
	g_autofree char *text = g_strdup_printf(
		"{\"question\":\"?\",\"machine\":{\"spread\":false,\"flushers\":false},"
		"\"actors\":[{\"kind\":\"trace\",\"file\":\"%s\"%s}],\"variants\":{\"v\":{"
		"\"design\":"
		"\"none\"}}}",
		exists ? given : "t", play->keys);

	if (!exists)
		cr_assert(g_file_set_contents(trace, play->trace, -1, NULL));
	cr_assert(g_file_set_contents(path, text, -1, NULL));
	run_scenario(play, path);
	g_unlink(path);
	g_unlink(trace);
	g_rmdir(folder);
}

static void end_play(struct play *play)
{
	if (play->error)
		g_free(play->error);
	else
		world_outcome_clear(&play->outcome);
	json_decref(play->layout);
}

/* ---- layouts of a real btrfs ---- */

static void compare_layout(json_t *real, json_t *model)
{
	static const char *const keys[] = {"size", "ext", "n", "inline", "prealloc", "holes"};
	const char *name;
	json_t *file;

	cr_expect_eq(json_object_size(real), json_object_size(model));
	json_object_foreach(real, name, file)
	{
		json_t *other = json_object_get(model, name);

		for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
			json_t *want = json_object_get(file, keys[i]);
			g_autofree char *a = json_dumps(want, JSON_ENCODE_ANY | JSON_COMPACT);
			g_autofree char *b = json_dumps(json_object_get(other, keys[i]),
							JSON_ENCODE_ANY | JSON_COMPACT);

			cr_expect_str_eq(a, b ? b : "nothing", "%s: %s:\nreal  %s\nmodel %s", name,
					 keys[i], a, b);
		}
	}
}

static void expect_layout(const char *trace, const char *layout, const char *keys)
{
	json_t *real = json_load_file(layout, 0, NULL);
	GPtrArray *names = g_ptr_array_new();
	struct play play = {.trace = trace, .keys = keys};
	const char *name;
	json_t *file;

	cr_assert(real, "%s", layout);
	json_object_foreach(real, name, file)
	{
		g_ptr_array_add(names, (gpointer)name);
	}
	g_ptr_array_add(names, NULL);
	play.files = (const char *const *)names->pdata;
	run_play(&play);
	cr_assert_null(play.error, "%s", play.error);
	compare_layout(real, play.layout);
	end_play(&play);
	g_ptr_array_free(names, TRUE);
	json_decref(real);
}

Test(trace_replay, a_received_stream_leaves_the_layout_that_btrfs_receive_left)
{
	expect_layout(TRACES "/receive.dump", TRACES "/receive.layout.json", ",\"dir\":\"/\"");
}

Test(trace_replay, an_fsx_file_leaves_the_layout_that_its_calls_left)
{
	expect_layout(TRACES "/fsx-random.ops", TRACES "/fsx-random.layout.json", ",\"dir\":\"/\"");
}

Test(trace_replay, an_iolog_leaves_the_layout_that_fio_left)
{
	static const char keys[] = ",\"dir\":\"/\",\"file_bytes\":\"256KiB\"";

	expect_layout(TRACES "/fio-v3.log", TRACES "/fio-v3.layout.json", keys);
	expect_layout(TRACES "/fio-v2.log", TRACES "/fio-v2.layout.json", keys);
}

/* ---- counts ---- */

struct count {
	const char *metric;
	int64_t value;
};

static void expect_counts(const struct play *play, const struct count *counts)
{
	cr_assert_null(play->error, "%s", play->error);
	for (; counts->metric; counts++)
		cr_expect_eq(metric_of(&play->outcome, counts->metric), counts->value,
			     "%s is %" G_GINT64_FORMAT ", not %" G_GINT64_FORMAT, counts->metric,
			     metric_of(&play->outcome, counts->metric), counts->value);
}

/* Every operation that is in the book succeeded. */
static void expect_no_failure(const struct play *play)
{
	const struct sim_metric_def *def;
	int64_t value;

	for (size_t i = 0; i < sim_metrics_count(play->outcome.metrics); i++) {
		const char *name = sim_metrics_at(play->outcome.metrics, i, &def, &value);

		if (g_str_has_prefix(name, "ops.") &&
		    (g_str_has_suffix(name, ".failed") || g_str_has_suffix(name, ".refused")))
			cr_expect_eq(value, 0, "%s", name);
	}
}

static const char *finding(const struct play *play, guint i)
{
	const struct world_finding *found;

	if (i >= play->outcome.findings->len)
		return "none";
	found = play->outcome.findings->pdata[i];
	cr_expect_str_eq(found->kind, "trace");
	return found->text;
}

static void expect_finding(const struct play *play, guint i, const char *part)
{
	cr_expect(strstr(finding(play, i), part), "finding %u: %s", i, finding(play, i));
}

/* Counted in the files with awk. Of fsx.ops four operations are none of btrfs; one line opens anew. */
static const struct {
	const char *trace, *keys;
	struct count counts[20];
} by_hand[] = {
	{TRACES "/fsx.ops",
	 "",
	 {{"ops.write.count", 2},
	  {"ops.read.count", 3},
	  {"ops.mapread.count", 1},
	  {"ops.mapwrite.count", 1},
	  {"ops.truncate.count", 1},
	  {"ops.falloc.count", 1},
	  {"ops.punch.count", 1},
	  {"ops.zero.count", 1},
	  {"ops.copy.count", 1},
	  {"ops.clone.count", 1},
	  {"ops.dedupe.count", 1},
	  {"ops.fsync.count", 1},
	  {"ops.open.count", 2},
	  {"ops.close.count", 2},
	  {"ops.mkdir.count", 1},
	  {"trace.not_modelled", 4},
	  {"trace.size_mismatches", 0},
	  {"trace.skipped_lines", 0}}},
	/* Two files are opened to be laid out, and again as the trace does. */
	{TRACES "/fio-v3.log",
	 "",
	 {{"ops.read.count", 30},
	  {"ops.write.count", 43},
	  {"ops.fsync.count", 3},
	  {"ops.fdatasync.count", 4},
	  {"ops.lay_out.count", 2},
	  {"ops.open.count", 4},
	  {"ops.close.count", 4},
	  {"ops.dropcaches.count", 1},
	  {"trace.not_modelled", 0}}},
	{TRACES "/fio-v2.log",
	 ",\"sync\":false,\"form\":\"iolog\"",
	 {{"ops.read.count", 30},
	  {"ops.write.count", 42},
	  {"ops.fsync.count", 3},
	  {"ops.fdatasync.count", 4},
	  {"ops.sync.count", 1}}},
	/* dev and the actor's directory are made. */
	{TRACES "/fio-trim.log",
	 ",\"direct\":true",
	 {{"ops.trim.count", 8},
	  {"ops.write.count", 8},
	  {"ops.mkdir.count", 2},
	  {"ops.open.count", 1}}},
	/* Eleven files, a symlink and a fifo; a file is opened for each run of writes to it, and a clone
	 * opens its source besides. */
	{TRACES "/receive.dump",
	 "",
	 {{"ops.subvol.count", 1},
	  {"ops.snapshot.count", 1},
	  {"ops.create.count", 13},
	  {"ops.mkdir.count", 3},
	  {"ops.rename.count", 16},
	  {"ops.link.count", 2},
	  {"ops.unlink.count", 3},
	  {"ops.write.count", 14},
	  {"ops.truncate.count", 5},
	  {"ops.clone.count", 4},
	  {"trace.not_modelled", 2},
	  {"trace.ignored", 54},
	  {"trace.skipped_lines", 0}}},
};

Test(trace_replay, every_operation_of_a_trace_is_done_or_counted)
{
	for (size_t i = 0; i < G_N_ELEMENTS(by_hand); i++) {
		struct play play = {.trace = by_hand[i].trace, .keys = by_hand[i].keys};

		run_play(&play);
		expect_counts(&play, by_hand[i].counts);
		expect_no_failure(&play);
		end_play(&play);
	}
}

Test(trace_replay, what_is_not_modelled_is_named)
{
	struct play fsx = {.trace = TRACES "/fsx.ops", .keys = ""};
	struct play receive = {.trace = TRACES "/receive.dump", .keys = ""};

	run_play(&fsx);
	expect_finding(&fsx, 0,
		       "1 exchange_range, 1 collapse_range, 1 insert_range, 1 write_atomic");
	end_play(&fsx);
	run_play(&receive);
	expect_finding(&receive, 0, "an empty file stands for each: 1 symlink, 1 mkfifo");
	end_play(&receive);
}

/* ---- keys ---- */

Test(trace_replay, with_a_key_its_files_are_encrypted_and_else_plain)
{
	static const char *const traces[] = {TRACES "/fsx.ops", TRACES "/fio-v3.log",
					     TRACES "/receive.dump"};

	for (size_t i = 0; i < G_N_ELEMENTS(traces); i++) {
		struct play plain = {.trace = traces[i],
				     .keys = "",
				     .variant = "x: design=lightweight setup=pool"};
		struct play keyed = plain;

		keyed.keys = ",\"key\":\"K\"";
		run_play(&plain);
		run_play(&keyed);
		expect_no_failure(&keyed);
		cr_expect_eq(metric_of(&plain.outcome, "crypt.blocks_encrypted"), 0);
		cr_expect_gt(metric_of(&keyed.outcome, "crypt.blocks_encrypted"), 5, "%s",
			     traces[i]);
		cr_expect_eq(metric_of(&keyed.outcome, "truth.garbage_blocks"), 0);
		end_play(&plain);
		end_play(&keyed);
	}
}

/* ---- times ---- */

#define V2 "fio version 2 iolog\n"
#define V3 "fio version 3 iolog\n"
enum { MS = 1000000 };

Test(trace_replay, operations_wait_for_their_recorded_times_if_that_is_asked)
{
	static const char *const traces[] = {
		V3 "0 f add\n1000 f open\n5000 f write 0 4096\n9000 f close\n",
		V2 "f add\nf open\nf wait 5000 0\nf write 0 4096\nf wait 4000 0\nf close\n",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(traces); i++) {
		struct play fast = {.trace = traces[i], .keys = ",\"sync\":false"};
		struct play timed = {.trace = traces[i],
				     .keys = ",\"sync\":false,\"timing\":\"as-recorded\""};

		run_play(&fast);
		run_play(&timed);
		cr_expect_lt(metric_of(&fast.outcome, "time.elapsed_ns"), MS);
		cr_expect_geq(metric_of(&timed.outcome, "time.elapsed_ns"), 9 * MS);
		cr_expect_lt(metric_of(&timed.outcome, "time.elapsed_ns"), 10 * MS);
		cr_expect_eq(metric_of(&timed.outcome, "trace.late_max_ns"), 0);
		cr_expect_not(metric_present(&fast.outcome, "trace.late_max_ns"));
		end_play(&fast);
		end_play(&timed);
	}
}

Test(trace_replay, how_late_operations_are_is_told)
{
	struct play play = {.trace = V3 "1 f open\n1 f write 0 4096\n2 f sync 0 0\n3 f close\n",
			    .keys = ",\"timing\":\"as-recorded\""};

	run_play(&play);
	cr_expect_gt(metric_of(&play.outcome, "trace.late_max_ns"), 1000);
	end_play(&play);
}

/* A task that stands in the middle of something leaves nothing behind: the sanitizers see to that. */
Test(trace_replay, a_run_may_end_before_the_trace)
{
	static const char *const until[] = {"until=20us", "until=150us", "until=1ms", "until=4ms"};
	static const char *const traces[] = {TRACES "/fsx.ops", TRACES "/fio-v3.log",
					     TRACES "/receive.dump"};

	for (size_t i = 0; i < G_N_ELEMENTS(until) * G_N_ELEMENTS(traces); i++) {
		struct play play = {.trace = traces[i % G_N_ELEMENTS(traces)],
				    .keys = ",\"key\":\"K\"",
				    .variant = "x: design=lightweight setup=pool",
				    .set = until[i / G_N_ELEMENTS(traces)]};

		run_play(&play);
		cr_assert_null(play.error, "%s", play.error);
		end_play(&play);
	}
}

/* ---- what was there before ---- */

static int64_t size_of(const struct play *play, const char *file)
{
	return json_integer_value(json_object_get(json_object_get(play->layout, file), "size"));
}

Test(trace_replay, files_that_are_read_are_laid_out_as_far_as_the_trace_has_not_written_them)
{
	static const char *const files[] = {"trace/r", "trace/w", "trace/big", NULL};
	struct play play = {.trace = V3
			    "0 r read 100000 4096\n0 w write 0 8192\n0 w read 4096 4096\n"
			    "0 big read 10485760 4096\n",
			    .keys = ",\"lay_out\":\"1MiB\"",
			    .files = files};

	run_play(&play);
	cr_expect_eq(size_of(&play, "trace/r"), 104096);
	cr_expect_eq(size_of(&play, "trace/w"), 8192);
	cr_expect_eq(size_of(&play, "trace/big"), 1 << 20);
	cr_expect_eq(metric_of(&play.outcome, "ops.lay_out.count"), 2);
	expect_finding(&play, 0, "have a hole there: 1; the first, big, to 10489856 bytes");
	end_play(&play);
}

Test(trace_replay, an_fsx_file_of_which_the_beginning_is_gone_starts_with_the_size_that_it_had)
{
	static const char *const files[] = {"trace/file", NULL};
	struct play play = {.trace = "read 0x1000 0x1000 0x3000\nwrite 0x3000 0x10 0x3000\n",
			    .keys = "",
			    .files = files};

	run_play(&play);
	expect_no_failure(&play);
	cr_expect_eq(metric_of(&play.outcome, "trace.size_mismatches"), 0);
	cr_expect_eq(size_of(&play, "trace/file"), 0x3010);
	end_play(&play);
}

Test(trace_replay, a_size_that_is_not_the_recorded_one_is_told)
{
	struct play play = {.trace = "write 0x0 0x10 0x0\nread 0x0 0x10 0x20\nread 0x0 0x10 0x20\n",
			    .keys = ""};

	run_play(&play);
	cr_expect_eq(metric_of(&play.outcome, "trace.size_mismatches"), 2);
	expect_finding(&play, 0,
		       "t:2: read: the file had 32 bytes when this was recorded, and has 16 here");
	end_play(&play);
}

/* ---- send streams ---- */

#define UUID_A "2453070e-698b-4d46-a0cb-d4466bccc7a0"
#define UUID_B "d870bc9e-c238-bb48-8219-c08d9f4ced27"
#define FULL "subvol ./s uuid=" UUID_A " transid=8\nmkfile ./s/a\nwrite ./s/a offset=0 len=8192\n"
#define SNAPSHOT "snapshot ./t uuid=" UUID_B " transid=9 parent_uuid=" UUID_A " parent_transid=8\n"

Test(trace_replay, a_clone_whose_source_is_gone_is_from_the_parent)
{
	static const char *const files[] = {"trace/s/a", "trace/t/b", NULL};
	struct play play = {.trace = FULL SNAPSHOT
			    "unlink ./t/a\nmkfile ./t/b\n"
			    "clone ./t/b offset=0 len=8192 from=./t/a clone_offset=0\n",
			    .keys = "",
			    .files = files};
	json_t *a, *b;

	run_play(&play);
	expect_no_failure(&play);
	a = json_object_get(json_object_get(play.layout, files[0]), "ext");
	b = json_object_get(json_object_get(play.layout, files[1]), "ext");
	cr_expect_eq(json_array_size(a), 1);
	cr_expect(json_equal(a, b), "they share one extent");
	end_play(&play);
}

Test(trace_replay, the_first_operation_that_fails_is_told_with_its_line)
{
	struct play play = {.trace = FULL "unlink ./s/b\nunlink ./s/c\n", .keys = ""};

	run_play(&play);
	cr_expect_eq(metric_of(&play.outcome, "ops.unlink.failed"), 2);
	cr_expect_eq(play.outcome.findings->len, 1);
	expect_finding(&play, 0, "t:4: unlink: ENOENT");
	end_play(&play);
}

/* ---- bad lines ---- */

/* `complaint` follows the place of the trace; the line is the one bad one of the trace. */
static const struct bad {
	const char *trace, *keys, *complaint;
} bad[] = {
	{"write 0x0 0x10 0x0\nwrote\n", "", ":2:1: error: expected an operation of fsx"},
	{"write 0x0 0x10 0x0\r\nread 0x0 0x1", "", ":2:13: error: expected the file size"},
	{"write 0x0 0x10 0x0\nread 0x0 0xfffffffffffffffff 0x10\n", "",
	 ":2:10: error: expected the length"},
	{"write 0x0 0x10 0x0\nwrite 0x7fffffffffff 0x10 0x10\n", "",
	 ":2: error: the range ends beyond 8796093018112 bytes, the largest file that is modelled"},
	{"write 0x0 0x10 0x0\nclone_range 0x0 0x10 0x7fffffffffff 0x10\n", "",
	 ":2: error: the range ends beyond"},
	{"write 0x0 0x10 0x0\ntruncate 0x0 0x7fffffffffffffff 0x10\n", "",
	 ":2: error: the range ends beyond"},
	{V3 "0 f write 0 4096\n0 f write 0\n", "", ":3:12: error: expected the length"},
	{V2 "f write 0 4096\nf wirte 0 1\n", "", ":3:3: error: expected add, open"},
	{FULL "write ./s/a offset=0 l", "", ":4:22: error: expected len="},
	{FULL "mkfile ./s/\\q\n", "", ":4:12: error: no escape"},
};

Test(trace_replay, a_bad_line_ends_the_loading_or_is_left_out_as_was_chosen)
{
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		struct play fatal = {.trace = bad[i].trace, .keys = ""};
		struct play skip = {.trace = bad[i].trace, .keys = ",\"bad_lines\":\"skip\""};

		run_play(&fatal);
		cr_expect(fatal.error && strstr(fatal.error, bad[i].complaint), "%s: %s",
			  bad[i].trace, fatal.error ? fatal.error : "no error");
		cr_expect(fatal.error && strstr(fatal.error, "/t:"), "the place is the trace's");
		run_play(&skip);
		cr_assert_null(skip.error, "%s", skip.error);
		cr_expect_eq(metric_of(&skip.outcome, "trace.skipped_lines"), 1);
		cr_expect_eq(metric_of(&skip.outcome, "ops.write.count"), 1);
		expect_finding(&skip, 0, ": warning: ");
		expect_finding(&skip, 0, "bad lines left out: 1");
		end_play(&fatal);
		end_play(&skip);
	}
}

Test(trace_replay, what_can_not_be_replayed_is_said_when_the_scenario_is_loaded)
{
	static const struct bad rows[] = {
		{"", "", "no line of it tells what form of trace this is"},
		{"write 0x0 0x10 0x0\n", ",\"form\":\"iolog\"",
		 "t:1:1: error: expected \"fio version"},
		{"write 0x0 0x10 0x0\n", ",\"timing\":\"as-recorded\"", "fsx tells no times"},
		{FULL, ",\"direct\":true", "receive is received through the page cache"},
		{"write 0x0 0x10 0x0\n", ",\"key\":\"K\",\"dir\":\"/\"",
		 "needs a directory of its own"},
		{SNAPSHOT, "", "t:1:66: error: the parent is not in this trace"},
		{TRACES, "", "error: can't read the trace: Is a directory"},
		{TRACES "/none", "", "error: can't read the trace: No such file"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct play play = {.trace = rows[i].trace, .keys = rows[i].keys};

		run_play(&play);
		cr_expect(play.error && strstr(play.error, rows[i].complaint), "%s: %s",
			  rows[i].complaint, play.error ? play.error : "no error");
		end_play(&play);
	}
}

Test(trace_replay, an_empty_trace_whose_form_is_given_runs_and_says_so)
{
	static const char *const forms[] = {",\"form\":\"fsx\"", ",\"form\":\"iolog\"",
					    ",\"form\":\"receive\""};

	for (size_t i = 0; i < G_N_ELEMENTS(forms); i++) {
		struct play play = {.trace = "", .keys = forms[i]};

		run_play(&play);
		cr_assert_null(play.error, "%s", play.error);
		expect_finding(&play, 0, "the trace holds no operation");
		end_play(&play);
	}
}
