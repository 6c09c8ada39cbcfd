/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `extentsim mrc` as its users and outside scripts meet it. */
#include "tests/cli/cli_support.h"
#include "tests/scenarios/loader_support.h"

#include <criterion/criterion.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <string.h>

#define KEYS "a\nb\na\nc\na\na\n"
#define IOLOG "fio version 2 iolog\nf read 0 8192\nf raed 0 1\nf write 4096 1\nf sync 0 0\n"

static char *folder_with_traces(void)
{
	char *folder = g_dir_make_tmp("mrc-XXXXXX", NULL);

	cr_assert_not_null(folder);
	g_free(loader_file(folder, "k", KEYS));
	g_free(loader_file(folder, "io", IOLOG));
	g_free(loader_file(folder, "empty", ""));
	return folder;
}

static void remove_folder(char *folder)
{
	loader_library_remove(folder);
	g_free(folder);
}

static const struct {
	const char *arguments, *out, *err;
} answers[] = {
	{"mrc k --format json --sizes 2,1",
	 "{\"accesses\":6,\"keys\":3,\"curve\":[\n"
	 "{\"size\":2,\"hits\":3,\"misses\":3},\n"
	 "{\"size\":1,\"hits\":1,\"misses\":5}],\n"
	 "\"policy\":\"lru\",\"from\":\"keys\",\"keyless\":0,\"skipped\":0,"
	 "\"upper_bound\":false}\n",
	 ""},
	{"mrc io --from iolog --on-error skip --policy clock --sizes 3 --format json",
	 "{\"accesses\":3,\"keys\":2,\"curve\":[\n"
	 "{\"size\":3,\"hits\":1,\"misses\":2}],\n"
	 "\"policy\":\"clock\",\"from\":\"iolog\",\"unit_bytes\":4096,\"keyless\":1,"
	 "\"skipped\":1,\"upper_bound\":true}\n",
	 "io:3:3: warning: expected add, open, close, read, write, trim, sync, datasync or wait, "
	 "got \"raed\"\nextentsim: warning: bad lines skipped: 1\n"},
	{"mrc io --from iolog --on-error skip --unit 1048576 --policy fifo",
	 "fifo: 2 accesses of 1 keys, a key for each 1048576 bytes\n\n"
	 "        size           hits         misses  miss ratio\n"
	 "           1              1              1      0.5000\n\n"
	 "An upper bound: a request that the page cache answers reaches no key.\n\n"
	 "Bad lines skipped: 1.\n",
	 NULL},
	{"mrc empty --format json",
	 "{\"accesses\":0,\"keys\":0,\"curve\":[],\n"
	 "\"policy\":\"lru\",\"from\":\"keys\",\"keyless\":0,\"skipped\":0,"
	 "\"upper_bound\":false}\n",
	 "extentsim: warning: empty: the trace reaches no key\n"},
	{"mrc empty --from blkparse --format json --sizes 1",
	 "{\"accesses\":0,\"keys\":0,\"curve\":[\n{\"size\":1,\"hits\":0,\"misses\":0}],\n"
	 "\"policy\":\"lru\",\"from\":\"blkparse\",\"unit_bytes\":4096,\"keyless\":0,"
	 "\"skipped\":0,\"upper_bound\":false}\n",
	 NULL},
};

Test(cli_mrc, the_curve_is_printed_as_documented)
{
	char *folder = folder_with_traces();

	for (size_t i = 0; i < G_N_ELEMENTS(answers); i++) {
		struct cli_result result = cli_run(NULL, folder, answers[i].arguments);

		cr_expect_eq(result.status, 0, "%s: %d", answers[i].arguments, result.status);
		cr_expect_str_eq(result.out, answers[i].out, "%s: %s", answers[i].arguments,
				 result.out);
		if (answers[i].err)
			cr_expect_str_eq(result.err, answers[i].err, "%s: %s", answers[i].arguments,
					 result.err);
		cli_result_clear(&result);
	}
	remove_folder(folder);
}

static const struct {
	const char *arguments;
	int status;
	const char *err;
} errors[] = {
	{"mrc", 2, "extentsim: error: no trace given\nit is a file, or - for standard input\n"},
	{"mrc k k", 2, "extentsim: error: one trace at a time: \"k\" is too many\n"},
	{"mrc k --from fio", 2,
	 "extentsim: error: --from: expected one of keys, iolog, blkparse, msr, oracleGeneral, "
	 "fsx, got \"fio\"\n"},
	{"mrc k --policy LRU", 2,
	 "extentsim: error: --policy: expected one of lru, fifo, clock, got \"LRU\"\n"},
	{"mrc k --sizes 0", 2,
	 "extentsim: error: --sizes: expected a number from 1 to 9223372036854775807, got "
	 "\"0\"\n"},
	{"mrc k --sizes 1,,2", 2,
	 "extentsim: error: --sizes: expected a number from 1 to 9223372036854775807, got \"\"\n"},
	{"mrc k --sizes ''", 2, "extentsim: error: --sizes: expected numbers such as 10,100\n"},
	{"mrc k --sizes 99999999999999999999", 2, NULL},
	{"mrc k --unit 512", 2,
	 "extentsim: error: --unit: a trace in the form \"keys\" names its keys itself\n"},
	{"mrc io --from iolog --unit 0", 2, NULL},
	{"mrc io --from iolog --unit 4k", 2, NULL},
	{"mrc k --on-error ignore", 2,
	 "extentsim: error: --on-error: expected one of fail, skip, got \"ignore\"\n"},
	{"mrc k --format yaml", 2, NULL},
	{"mrc io --from iolog", 2,
	 "io:3:3: error: expected add, open, close, read, write, trim, sync, datasync or wait, got "
	 "\"raed\"\n"},
	{"mrc k --from iolog --on-error skip", 2, NULL},
	{"mrc k --from oracleGeneral", 2,
	 "k: record 1: error: the trace ends within a record: 12 of its 24 bytes\n"},
	{"mrc .", 2, ".: error: can't read the trace: Is a directory\n"},
	{"mrc nowhere", 5, "nowhere: error: can't read the trace: No such file or directory\n"},
	{"mrc k -o nowhere/x", 5,
	 "extentsim: error: can't write nowhere/x: No such file or directory\n"},
	{"mrc k -o /dev/full", 5, NULL},
};

Test(cli_mrc, errors_have_a_status_and_say_what_was_expected)
{
	char *folder = folder_with_traces();

	for (size_t i = 0; i < G_N_ELEMENTS(errors); i++) {
		struct cli_result result = cli_run(NULL, folder, errors[i].arguments);

		cr_expect_eq(result.status, errors[i].status, "%s: %d", errors[i].arguments,
			     result.status);
		cr_expect_str_empty(result.out, "%s: %s", errors[i].arguments, result.out);
		if (errors[i].err)
			cr_expect_str_eq(result.err, errors[i].err, "%s: %s", errors[i].arguments,
					 result.err);
		cli_result_clear(&result);
	}
	remove_folder(folder);
}

Test(cli_mrc, a_trace_comes_from_a_pipe_as_well_and_an_output_file_appears_whole)
{
	char *folder = folder_with_traces();
	g_autofree char *path = g_build_filename(folder, "out", NULL), *text = NULL;
	struct cli_result plain = cli_run(NULL, folder, "mrc k --format json");
	struct cli_result piped = cli_run_sh(folder, "mrc - --format json <k");
	struct cli_result failed = cli_run(NULL, folder, "mrc io --from iolog -o out");

	cr_expect_str_eq(piped.out, plain.out);
	cr_expect_eq(failed.status, 2);
	cr_expect(!g_file_test(path, G_FILE_TEST_EXISTS), "a failed run left a file");
	cli_result_clear(&failed);
	failed = cli_run(NULL, folder, "mrc k --format json -oout");
	cr_expect_eq(failed.status, 0, "%s", failed.err);
	cr_assert(g_file_get_contents(path, &text, NULL, NULL));
	cr_expect_str_eq(text, plain.out);
	cli_result_clear(&failed);
	cli_result_clear(&piped);
	failed = cli_run_sh(folder, "mrc - --from msr <io");
	cr_expect(g_str_has_prefix(failed.err, "(standard input):1:1: error: "), "%s", failed.err);
	cli_result_clear(&failed);
	cli_result_clear(&plain);
	remove_folder(folder);
}

Test(cli_mrc, the_json_parses_and_hits_and_misses_add_up_at_each_size)
{
	char *folder = folder_with_traces();
	struct cli_result result = cli_run(NULL, folder, "mrc k --format json --policy clock");
	json_t *doc = json_loads(result.out, 0, NULL), *point;
	size_t i;

	cr_assert(doc, "%s", result.out);
	cr_expect_eq(json_array_size(json_object_get(doc, "curve")), 3);
	json_array_foreach(json_object_get(doc, "curve"), i, point)
		cr_expect_eq(json_integer_value(json_object_get(point, "hits")) +
				     json_integer_value(json_object_get(point, "misses")),
			     6);
	json_decref(doc);
	cli_result_clear(&result);
	remove_folder(folder);
}

Test(cli_mrc, the_help_names_every_form_and_how_clock_inserts)
{
	static const char *const words[] = {
		"keys",		 "iolog", "blkparse",	 "msr",
		"oracleGeneral", "fsx",	  "upper bound", "reference bit clear"};
	struct cli_result result = cli_run(NULL, NULL, "mrc --help");

	cr_expect_eq(result.status, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
		cr_expect(strstr(result.out, words[i]), "%s", words[i]);
	cli_result_clear(&result);
}
