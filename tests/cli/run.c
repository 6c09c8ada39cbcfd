/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `extentsim run` and `layout` as their users and outside scripts meet them. */
#include "tests/cli/cli_support.h"
#include "tests/scenarios/loader_support.h"

#include <criterion/criterion.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <string.h>

enum { TABLE_COLUMNS = 80 };

#define KEYED "addkey K\npolicy . K\nwrite f 0 1m\nsync\ndropcaches\nread f 0 1m\n"
#define POOL " --variant 'x: design=lightweight setup=pool pool.map=true'"

/* A folder to run in, with a script that uses a key. */
static char *folder_with_script(void)
{
	char *folder = g_dir_make_tmp("run-XXXXXX", NULL);

	cr_assert_not_null(folder);
	g_free(loader_file(folder, "keyed.ops", KEYED));
	return folder;
}

static void remove_folder(char *folder)
{
	loader_library_remove(folder);
	g_free(folder);
}

static unsigned int entries(const char *folder)
{
	GDir *dir = g_dir_open(folder, 0, NULL);
	unsigned int count = 0;

	while (g_dir_read_name(dir))
		count++;
	g_dir_close(dir);
	return count;
}

Test(run, the_table_fits_80_columns)
{
	char *folder = folder_with_script();
	struct cli_result result = cli_run(NULL, folder, "run keyed.ops --all" POOL);
	g_auto(GStrv) lines = g_strsplit(result.out, "\n", -1);

	cr_expect_eq(result.status, 0, "%s", result.err);
	for (guint i = 0; lines[i]; i++)
		cr_expect_leq(g_utf8_strlen(lines[i], -1), TABLE_COLUMNS, "%s", lines[i]);
	cli_result_clear(&result);
	remove_folder(folder);
}

/* Names that outside scripts rely on. */
static const char *const frozen[] = {
	"ops.read.count",
	"ops.read.refused",
	"ops.read.latency_p50_ns",
	"ops.read.latency_max_ns",
	"key.derivations",
	"key.setkeys",
	"key.nonces_drawn",
	"key.cache_hits",
	"key.cache_misses",
	"pool.acquires",
	"pool.waits",
	"pool.wait_p99_ns",
	"pool.in_use_max",
	"tfm.allocations",
	"alloc.total",
	"alloc.nofs",
	"alloc.unsafe",
	"alloc.failed",
	"alloc.reclaim_ns",
	"alloc.by.extent_map.GFP_NOFS.writeback",
	"mem.keys_max_bytes",
	"mem.extent_maps_max_bytes",
	"disk.context_bytes",
	"disk.leaves",
	"disk.file_extent_items",
	"disk.extents",
	"io.bios",
	"crypt.blocks_encrypted",
	"crypt.blocks_decrypted",
	"truth.garbage_blocks",
	"truth.iv_reuses",
	"truth.lost_writes",
	"truth.keys_after_removal",
	"deadlocks",
	"lock.possible_cycles",
};

static json_t *metrics_of(const char *text, const char *variant)
{
	json_t *doc = json_loads(text, 0, NULL), *metrics;

	cr_assert(doc, "the document is no JSON");
	metrics = json_object_get(json_object_get(json_object_get(doc, "variants"), variant),
				  "metrics");
	cr_assert(metrics, "no variants.%s.metrics", variant);
	json_incref(metrics);
	json_decref(doc);
	return metrics;
}

Test(run, the_document_has_the_frozen_names_with_value_unit_direction_and_class)
{
	char *folder = folder_with_script();
	struct cli_result result = cli_run(NULL, folder, "run keyed.ops --format json" POOL);
	json_t *metrics = metrics_of(result.out, "x");

	cr_expect_eq(result.status, 0, "%s", result.err);
	for (size_t i = 0; i < G_N_ELEMENTS(frozen); i++) {
		json_t *metric = json_object_get(metrics, frozen[i]);

		cr_expect(metric, "no metric %s", frozen[i]);
		cr_expect(json_is_number(json_object_get(metric, "value")), "%s", frozen[i]);
		cr_expect(json_is_string(json_object_get(metric, "unit")), "%s", frozen[i]);
		cr_expect(json_object_get(metric, "direction"), "%s", frozen[i]);
		cr_expect(json_is_string(json_object_get(metric, "class")), "%s", frozen[i]);
	}
	cr_expect(!strstr(result.out, folder), "an absolute path is in the document");
	json_decref(metrics);
	cli_result_clear(&result);
	remove_folder(folder);
}

Test(run, what_a_variant_does_not_have_is_absent)
{
	char *folder = folder_with_script();
	struct cli_result result =
		cli_run(NULL, folder,
			"run keyed.ops --format json --variant 'x: design=lightweight setup=pool'");
	json_t *metrics = metrics_of(result.out, "x");

	cr_expect(!json_object_get(metrics, "key.cache_hits"), "a cache that there is not");
	json_decref(metrics);
	cli_result_clear(&result);
	result = cli_run(NULL, folder, "run keyed.ops --format json --variant 'x: design=none'");
	metrics = metrics_of(result.out, "x");
	cr_expect(!json_object_get(metrics, "pool.acquires"), "a pool that there is not");
	json_decref(metrics);
	cli_result_clear(&result);
	remove_folder(folder);
}

Test(run, an_output_file_is_the_document_and_nothing_else_stays)
{
	char *folder = folder_with_script();
	g_autofree char *path = g_build_filename(folder, "out.json", NULL), *text = NULL;
	struct cli_result plain = cli_run(NULL, folder, "run keyed.ops --format json" POOL);
	struct cli_result result = cli_run(NULL, folder, "run keyed.ops -o out.json" POOL);

	cr_expect_eq(result.status, 0, "%s", result.err);
	cr_assert(g_file_get_contents(path, &text, NULL, NULL));
	cr_expect_str_eq(text, plain.out);
	cr_expect_eq(entries(folder), 2, "the script and the document");
	cli_result_clear(&plain);
	cli_result_clear(&result);
	remove_folder(folder);
}

/* A run of so many replications would not end within the test: an output that can't be written is
 * found before it. */
Test(run, an_output_that_cannot_be_written_exits_5_before_the_run_and_leaves_nothing)
{
	static const struct {
		const char *arguments, *err;
	} rows[] = {
		{"-o nowhere/x --replications 10000", "nowhere/x: No such file or directory"},
		{"-o . --replications 10000", "Is a directory"},
		{"-o /dev/full", "/dev/full: No space left on device"},
	};
	char *folder = folder_with_script();

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *line = g_strconcat("run keyed.ops ", rows[i].arguments, NULL);
		struct cli_result result = cli_run(NULL, folder, line);

		cr_expect_eq(result.status, 5, "%s: %d", line, result.status);
		cr_expect(strstr(result.err, rows[i].err), "%s: %s", line, result.err);
		cr_expect_str_empty(result.out);
		cr_expect_eq(entries(folder), 1, "%s left something", line);
		cli_result_clear(&result);
	}
	remove_folder(folder);
}

Test(run, bad_input_exits_2_and_names_the_way_out)
{
	static const struct {
		const char *arguments, *err;
	} rows[] = {
		{"run keyed.ops --set machine.cpsu=3", "machine.cpus"},
		{"run first-run --set filesystem.image=nowhere", "nowhere"},
		{"run first-run --set filesystem.image=cut.image", "cut.image"},
		{"run keyed.ops --variant 'x: design=none setup=pool'", "design 'none'"},
		{"run keyed.ops --variant 'x: design=lightweight'", "needs a 'setup'"},
		{"layout bad.ops", "bad.ops:2:1: error: "},
		{"layout nowhere.ops", "nowhere.ops"},
	};
	char *folder = folder_with_script();
	g_autofree char *image =
		g_build_filename(EXTENTSIM_DATADIR, "scenarios/images/debian-12.image", NULL);
	g_autofree char *cut = g_build_filename(folder, "cut.image", NULL), *bytes = NULL;
	gsize length;

	cr_assert(g_file_get_contents(image, &bytes, &length, NULL));
	cr_assert(g_file_set_contents(cut, bytes, (gssize)length / 2, NULL));
	g_free(loader_file(folder, "bad.ops", "sync\nwrte f 0 4k\n"));
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct cli_result result = cli_run(NULL, folder, rows[i].arguments);

		cr_expect_eq(result.status, 2, "%s: %d", rows[i].arguments, result.status);
		cr_expect(strstr(result.err, rows[i].err), "%s: %s", rows[i].arguments, result.err);
		cr_expect_str_empty(result.out);
		cli_result_clear(&result);
	}
	remove_folder(folder);
}

/* The signal comes from timeout(1), so that the test needs no clock of its own. */
Test(run, an_interrupt_ends_a_long_run_with_130_and_keeps_what_had_ended)
{
	/* Some milliseconds each: one ends in time, all of them take half a minute on any machine. */
	static const char slow[] = "write a 0 1m\nrandwrite a 1m 4k 400 1 fsync\n";
	char *folder = folder_with_script();
	g_autofree char *path = g_build_filename(folder, "out.json", NULL);
	g_autofree char *line = g_strdup_printf(
		"--version >version; cd '%s'; timeout --foreground --preserve-status -k 5 -s INT 2 "
		"\"$EXTENTSIM\" run slow.ops -q --replications 10000 -o out.json",
		folder);
	struct cli_result result;
	json_t *doc;

	g_free(loader_file(folder, "slow.ops", slow));
	result = cli_run_sh(folder, line);
	doc = json_load_file(path, 0, NULL);

	cr_expect_eq(result.status, 130, "%d: %s", result.status, result.err);
	cr_expect(strstr(result.err, "interrupted"), "%s", result.err);
	cr_assert(doc, "what had ended is not kept: %s", result.err);
	cr_expect(json_is_false(json_object_get(doc, "complete")));
	json_decref(doc);
	cli_result_clear(&result);
	remove_folder(folder);
}

Test(run, a_script_that_comes_to_another_outcome_than_it_expects_exits_1_and_says_where)
{
	char *folder = folder_with_script();
	struct cli_result result;

	g_free(loader_file(folder, "expects.ops", "read f 0 4k -> ENOENT\nwrite f 0 4k -> EIO\n"));
	result = cli_run(NULL, folder, "run expects.ops" POOL);
	cr_expect_eq(result.status, 1, "%s", result.err);
	cr_expect(strstr(result.out, "expects.ops: line 2 `write f 0 4k`: expected EIO,"), "%s",
		  result.out);
	cli_result_clear(&result);
	remove_folder(folder);
}

Test(run, a_layout_does_not_show_what_its_script_expects)
{
	char *folder = folder_with_script();
	g_autofree char *below = g_build_filename(folder, "b", NULL);
	struct cli_result plain, expecting;

	g_free(loader_file(folder, "a.ops", "write f 0 4k\nread g 0 4k\ndump\n"));
	g_mkdir(below, 0700);
	g_free(loader_file(folder, "b/a.ops", "write f 0 4k -> ok\nread g 0 4k->ENOENT\ndump\n"));
	plain = cli_run(NULL, folder, "layout a.ops");
	expecting = cli_run(NULL, folder, "layout b/a.ops");
	cr_expect_eq(plain.status, 0, "%s", plain.err);
	cr_expect_str_eq(expecting.out, plain.out);
	cli_result_clear(&plain);
	cli_result_clear(&expecting);
	remove_folder(folder);
}

Test(run, an_outcome_that_an_operation_cannot_come_to_is_refused_with_those_it_can)
{
	static const char *const bad[] = {"write f 0 4k -> absent\n", "rmkey K -> busy many\n",
					  "keystatus K -> ok|gone\n", "ls . -> \n", "-> ok\n"};
	char *folder = folder_with_script();

	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		struct cli_result result;

		g_free(loader_file(folder, "bad.ops", bad[i]));
		result = cli_run(NULL, folder, "run bad.ops" POOL);
		cr_expect_eq(result.status, 2, "%s", bad[i]);
		cr_expect(strstr(result.err, "bad.ops:1:") && strstr(result.err, "outcome"), "%s",
			  result.err);
		cli_result_clear(&result);
	}
	remove_folder(folder);
}

/* ---- traces ---- */

static void expect_run(const char *folder, const char *arguments, int status, const char *out,
		       const char *err)
{
	struct cli_result result = cli_run(NULL, folder, arguments);

	cr_expect_eq(result.status, status, "%s: %d: %s", arguments, result.status, result.err);
	cr_expect(strstr(result.out, out), "%s: %s", arguments, result.out);
	cr_expect(strstr(result.err, err), "%s: %s", arguments, result.err);
	cli_result_clear(&result);
}

Test(run, a_bare_trace_is_a_scenario_of_one_actor)
{
	char *folder = g_dir_make_tmp("run-XXXXXX", NULL);

	g_free(loader_file(folder, "t", "write 0x0 0x1000 0x0\nrubbish\nread 0x0 0x1000 0x1000\n"));
	g_free(loader_file(folder, "log", "fio version 3 iolog\n0 f write 0 4096\n"));
	expect_run(folder, "run t --from fsx", 2, "",
		   "t:2:1: error: expected an operation of fsx, got \"rubbish\"\n");
	expect_run(folder, "run t --from fsx -q --set actors.trace.bad_lines=skip", 0,
		   "t:2:1: warning: expected an operation of fsx, got", "");
	expect_run(folder, "run log --from iolog -q --all", 0, "ops.write.count", "");
	expect_run(folder, "run log --from fsx", 2, "", "log:1:1: error: ");
	expect_run(folder, "run log --from blkparse", 2, "",
		   "--from: expected one of fsx, iolog, receive, got \"blkparse\"");
	expect_run(folder, "run none --from fsx", 2, "", "none: error: can't read the trace: ");
	expect_run(folder, "run - --from fsx", 2, "", "not read from standard input");
	remove_folder(folder);
}

/* In the file beside the file, in an option from where the user is. */
Test(run, the_path_of_a_trace_is_seen_from_where_it_is_written)
{
	char *folder = g_dir_make_tmp("run-XXXXXX", NULL);
	g_autofree char *sub = g_build_filename(folder, "sub", NULL);

	cr_assert_eq(g_mkdir(sub, 0700), 0);
	g_free(loader_file(folder, "sub/t", "write 0x0 0x1000 0x0\n"));
	g_free(loader_file(folder, "here", "fsync 0x0 0x0 0x0\n"));
	g_free(loader_file(folder, "sub/s.json",
			   "{\"question\":\"?\",\"actors\":[{\"kind\":\"trace\",\"file\":\"t\"}],"
			   "\"variants\":{\"none\":{\"design\":\"none\"}}}"));
	expect_run(folder, "run sub/s.json -q --all", 0, "ops.write.count", "");
	expect_run(folder, "run sub/s.json -q --all --set actors.trace.file=here", 0,
		   "ops.fsync.count", "");
	remove_folder(folder);
}
