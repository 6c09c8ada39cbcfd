/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line as a whole: exit statuses, messages, output that can't be written. */
#include "tests/cli/cli_support.h"
#include "tests/scenarios/loader_support.h"

#include <criterion/criterion.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

TestSuite(cli);

/* `err` NULL: not looked at. */
struct row {
	const char *arguments;
	int status;
	const char *err;
};

static void check_row(const char *library, const char *folder, const struct row *row)
{
	struct cli_result result = cli_run(library, folder, row->arguments);

	cr_expect_eq(result.status, row->status, "extentsim %s: status %d, not %d: %s",
		     row->arguments, result.status, row->status, result.err);
	if (row->err)
		cr_expect_str_eq(result.err, row->err, "extentsim %s:\n got %s\nwant %s",
				 row->arguments, result.err, row->err);
	if (row->status)
		cr_expect_str_empty(result.out, "extentsim %s: an error left \"%s\" as a result",
				    row->arguments, result.out);
	else
		cr_expect_str_not_empty(result.out, "extentsim %s: no result", row->arguments);
	cli_result_clear(&result);
}

static const struct row usage[] = {
	{"--help", 0, ""},
	{"-h", 0, ""},
	{"--version", 0, ""},
	{"run --help", 0, ""},
	{"list -h", 0, ""},
	{"list", 0, ""},
	{"list designs", 0, ""},
	{"list setups", 0, ""},
	{"list costs", 0, ""},
	{"list sizes", 0, ""},
	{"list actors", 0, ""},
	{"list keys", 0, ""},
	{"list variant-keys", 0, ""},
	{"list schema scenario", 0, ""},
	{"list schema profile", 0, ""},
	{"list -- designs", 0, ""},
	{"rnu", 2, "extentsim: error: unknown command \"rnu\"\ndid you mean \"run\"?\n"},
	{"frobnicate", 2,
	 "extentsim: error: unknown command \"frobnicate\"\nextentsim --help shows the commands\n"},
	{"--verison", 2,
	 "extentsim: error: unknown option \"--verison\"\nextentsim --help shows the commands\n"},
	{"list dezigns", 2,
	 "extentsim: error: nothing to list is called \"dezigns\"\ndid you mean \"designs\"?\n"},
	{"list schema profil", 2, NULL},
	{"list designs setups", 2, "extentsim: error: \"setups\" is too many\n"},
	{"list metrics no.such", 2, NULL},
	{"run", 2,
	 "extentsim: error: no scenario given\n"
	 "`extentsim list scenarios` names those of the library\n"},
	{"run a b", 2, "extentsim: error: one scenario at a time: \"b\" is too many\n"},
	{"run --sede 3 x", 2, "extentsim: error: unknown option --sede\ndid you mean --seed?\n"},
	{"run --seed", 2, NULL},
	{"run --seed x first-run", 2,
	 "extentsim: error: --seed: expected a number from 0 to 9223372036854775807, got \"x\"\n"},
	{"run --seed -1 first-run", 2, NULL},
	{"run --seed 18446744073709551616 first-run", 2, NULL},
	{"run --replications 0 first-run", 2,
	 "extentsim: error: --replications: expected a number from 1 to 10000, got \"0\"\n"},
	{"run -j0 first-run", 2,
	 "extentsim: error: -j: expected a number from 1 to 4096, got \"0\"\n"},
	{"run -jx first-run", 2,
	 "extentsim: error: -j: expected a number from 1 to 4096, got \"x\"\n"},
	{"run --format xml first-run", 2,
	 "extentsim: error: --format: expected one of text, json, markdown, answer, got \"xml\"\n"},
};

Test(cli, usage_errors_exit_2_with_a_message_and_help_exits_0)
{
	char *library = loader_library();
	struct cli_result result;

	for (size_t i = 0; i < G_N_ELEMENTS(usage); i++)
		check_row(library, NULL, &usage[i]);
	result = cli_run(library, NULL, "");
	cr_expect_eq(result.status, 2);
	cr_expect(strstr(result.err, "Usage: extentsim COMMAND"), "%s", result.err);
	cr_expect_str_empty(result.out);
	cli_result_clear(&result);
	loader_library_remove(library);
	g_free(library);
}

static const struct row bad_input[] = {
	{"run typo.json", 2,
	 "typo.json:1:2: error: unknown key \"questoin\" in the scenario\n"
	 "did you mean \"question\"?\n"},
	{"run empty.json", 2, "empty.json: error: the scenario is empty\n"},
	{"run folder", 2, "folder: error: it is a directory, not a file\n"},
	{"run brackets.json", 2,
	 "brackets.json: error: the scenario is larger than 16 MiB, the most that is read\n"},
	{"run frist-run", 2,
	 "frist-run: error: no scenario \"frist-run\": neither a file nor a name of the library\n"
	 "did you mean \"first-run\"?\n"},
	{"run image.json", 2,
	 "image.json:2:25: error: no image \"nowhere\": neither a file nor a name of the library\n"
	 "the library has: none\n"},
	{"run small.json --set machine.cpsu=3", 2,
	 "--set machine.cpsu=3: error: there is no \"machine.cpsu\" in a scenario\n"
	 "did you mean \"machine.cpus\"?\n"},
	{"run small.json --set machine.memory=-1MiB", 2,
	 "--set machine.memory=-1MiB: error: memory: \"-1MiB\" is a negative size\n"},
	{"run small.json --variant 'x: desing=none'", 2,
	 "--variant 'x: desing=none': error: unknown key \"desing\" in variant \"x\"\n"
	 "did you mean \"design\"?\n"},
	{"run bad.ops", 2, NULL},
};

#define SMALL(rest)                                                                                \
	"{\"question\": \"q\", \"actors\": [{\"kind\": \"script\", \"script\": "                   \
	"[\"sync\"]}],\n" rest " \"variants\": {\"none\": {\"design\": \"none\"}}}\n"

static void bad_files(const char *library)
{
	g_autofree char *brackets = g_strnfill(17 << 20, '[');

	g_free(loader_file(library, "typo.json", "{\"questoin\": \"q\"}"));
	g_free(loader_file(library, "empty.json", ""));
	g_free(loader_file(library, "folder/x", ""));
	g_free(loader_file(library, "brackets.json", brackets));
	g_free(loader_file(library, "image.json",
			   SMALL("\"filesystem\": {\"image\": \"nowhere\"},\n")));
	g_free(loader_file(library, "small.json", SMALL("")));
	g_free(loader_file(library, "bad.ops", "sync\nwrte f 0 4k\n"));
}

Test(cli, bad_input_exits_2_and_says_where)
{
	char *library = loader_library();
	struct cli_result result;

	bad_files(library);
	for (size_t i = 0; i < G_N_ELEMENTS(bad_input); i++)
		check_row(library, library, &bad_input[i]);
	result = cli_run(library, library, "run bad.ops");
	cr_expect(g_str_has_prefix(result.err, "bad.ops:2:1: error: "), "%s", result.err);
	cli_result_clear(&result);
	loader_library_remove(library);
	g_free(library);
}

static const struct row unwritable[] = {
	{"list designs >/dev/full", 5,
	 "extentsim: error: can't write to standard output: No space left on device\n"},
	{"--help >/dev/full", 5, NULL},
	{"list --help >/dev/full", 5, NULL},
	{"list designs >&-", 5,
	 "extentsim: error: can't write to standard output: Bad file descriptor\n"},
	{"list designs -o/dev/full", 5,
	 "extentsim: error: can't write /dev/full: No space left on device\n"},
	{"list designs -o nowhere/x", 5,
	 "extentsim: error: can't write nowhere/x: No such file or directory\n"},
	{"list designs -o folder", 5, "extentsim: error: can't write folder: Is a directory\n"},
	{"list designs -o ''", 5, NULL},
};

Test(cli, output_that_cannot_be_written_exits_5)
{
	char *library = loader_library();

	g_free(loader_file(library, "folder/x", ""));
	for (size_t i = 0; i < G_N_ELEMENTS(unwritable); i++) {
		const struct row *row = &unwritable[i];
		struct cli_result result = cli_run_sh(library, row->arguments);

		cr_expect_eq(result.status, row->status, "%s: %d", row->arguments, result.status);
		if (row->err)
			cr_expect_str_eq(result.err, row->err);
		cli_result_clear(&result);
	}
	loader_library_remove(library);
	g_free(library);
}

static unsigned entries(const char *folder)
{
	GDir *dir = g_dir_open(folder, 0, NULL);
	unsigned n = 0;

	while (g_dir_read_name(dir))
		n++;
	g_dir_close(dir);
	return n;
}

Test(cli, an_output_file_appears_whole_and_through_a_link_and_nothing_stays_behind)
{
	char *library = loader_library();
	g_autofree char *folder = g_build_filename(library, "out", NULL);
	g_autofree char *file = loader_file(library, "out/real", "old"), *text = NULL;
	g_autofree char *link = g_build_filename(folder, "link", NULL);
	struct cli_result plain = cli_run(library, folder, "list designs");
	struct cli_result result;

	cr_assert_eq(symlink("real", link), 0);
	result = cli_run(library, folder, "list designs -olink");
	cr_expect_eq(result.status, 0, "%s", result.err);
	cr_expect_str_empty(result.out);
	cli_result_clear(&result);
	cr_assert(g_file_get_contents(file, &text, NULL, NULL));
	cr_expect_str_eq(text, plain.out);
	cr_expect(g_file_test(link, G_FILE_TEST_IS_SYMLINK), "the link stays a link");
	cr_expect_eq(entries(folder), 2, "only the file and its link");
	result = cli_run_sh(folder, "list designs -o - | cat");
	cr_expect_str_eq(result.out, plain.out);
	cli_result_clear(&result);
	cli_result_clear(&plain);
	loader_library_remove(library);
	g_free(library);
}

Test(cli, the_committed_schemas_are_those_the_tables_make)
{
	static const char *const names[] = {"scenario", "profile"};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *arguments = g_strconcat("list schema ", names[i], NULL);
		g_autofree char *path =
			g_strdup_printf("%s/scenarios/%s.schema.json", EXTENTSIM_DATADIR, names[i]);
		g_autofree char *committed = NULL;
		struct cli_result result = cli_run(NULL, NULL, arguments);

		cr_assert(g_file_get_contents(path, &committed, NULL, NULL), "no file %s", path);
		cr_expect_str_eq(result.out, committed,
				 "%s is stale: run `extentsim list schema %s -o %s`", path,
				 names[i], path);
		cli_result_clear(&result);
	}
}
