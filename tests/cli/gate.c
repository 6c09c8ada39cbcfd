/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `extentsim gate`: what a script that calls it sees. */
#include "tests/cli/cli_support.h"
#include "tests/scenarios/loader_support.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(gate_command);

/* Two derivations, one to write and one to read. */
#define SCENARIO(size)                                                                             \
	"{\"question\": \"q\", \"replications\": 2,\n"                                             \
	" \"actors\": [{\"name\": \"w\", \"kind\": \"script\", \"script\": [\"addkey K\", "        \
	"\"policy . K\", \"write f 0 " size "\", \"sync\", \"dropcaches\", \"read f 0 1m\"]}],\n"  \
	" \"variants\": {\"p\": {\"design\": \"lightweight\", \"setup\": \"pool\"}}}\n"
#define DERIVATIONS(n)                                                                             \
	"\"key.derivations\": {\"value\": " n ", \"unit\": \"count\", \"direction\": \"less\", "   \
	"\"class\": \"sampled\", \"group\": \"key set-up\", \"interval\": [" n ", " n              \
	"], \"n\": 2, \"by_seed\": [" n ", " n "]}"

static void expect_run(const char *folder, const char *arguments)
{
	cli_expect(folder, arguments, 0, "", "");
}

/* Results of one script with a pool of two ciphers, and its baseline. */
static char *folder_with_baseline(void)
{
	char *folder = g_dir_make_tmp("gate-XXXXXX", NULL);

	cr_assert_not_null(folder);
	g_free(loader_file(folder, "s.json", SCENARIO("1m")));
	expect_run(folder, "run s.json -q -o a.json");
	expect_run(folder, "gate --update b.json --why 'it begins' a.json");
	return folder;
}

static void leave(char *folder)
{
	loader_library_remove(folder);
	g_free(folder);
}

static void edit(const char *folder, const char *from, const char *to, const char *old,
		 const char *new)
{
	g_autofree char *source = g_build_filename(folder, from, NULL), *text = NULL;
	g_auto(GStrv) parts = NULL;
	g_autofree char *edited = NULL;

	cr_assert(g_file_get_contents(source, &text, NULL, NULL));
	parts = g_strsplit(text, old, 2);
	cr_assert_not_null(parts[1], "%s has no %s", from, old);
	edited = g_strjoinv(new, parts);
	g_free(loader_file(folder, to, edited));
}

Test(gate_command, a_result_passes_its_own_baseline_and_the_baseline_run_again_does)
{
	char *folder = folder_with_baseline();

	cli_expect(folder, "gate b.json a.json", 0, "gate: passed", "");
	cli_expect(folder, "gate b.json --run -q", 0, "gate: passed", "");
	cli_expect(folder, "gate a.json a.json --strict", 0, "gate: passed", "");
	cli_expect(folder, "gate b.json b.json", 0, "gate: passed", "");
	cli_expect(folder, "compare b.json", 2, "", "this is a baseline, not a result");
	leave(folder);
}

Test(gate_command, a_figure_that_got_worse_exits_1_in_every_format)
{
	char *folder = folder_with_baseline();

	edit(folder, "b.json", "c.json", DERIVATIONS("2"), DERIVATIONS("1"));
	cli_expect(folder, "gate c.json a.json", 1, "key.derivations", "");
	cli_expect(folder, "gate c.json a.json", 1,
		   "1 -> 2, +1 (+100 %), between +1 and +1 (95 %, 2 pairs)", "");
	cli_expect(folder, "gate c.json a.json --format json", 1, "\"outcome\": \"fail\"", "");
	cli_expect(folder, "gate c.json a.json --format markdown", 1,
		   "### extentsim gate: REGRESSED", "");
	cli_expect(folder, "gate c.json a.json --format junit", 1, "<failure type=\"regressed\"",
		   "");
	cli_expect(folder, "gate c.json --run -q", 1, "gate: REGRESSED", "");
	leave(folder);
}

Test(gate_command, another_question_exits_3_and_names_what_differs)
{
	char *folder = folder_with_baseline();

	expect_run(folder, "run s.json -q -o other.json --set machine.cpus=2");
	cli_expect(folder, "gate b.json other.json", 3, "", "another set of overrides");
	g_free(loader_file(folder, "t.json", SCENARIO("2m")));
	cli_expect(folder, "gate b.json --run t.json -q", 3, "", "is another scenario by now");
	leave(folder);
}

Test(gate_command, words_that_do_not_fit_exit_2_and_say_the_way_out)
{
	char *folder = folder_with_baseline();

	cli_expect(folder, "gate", 2, "", "no baseline given");
	cli_expect(folder, "gate b.json", 2, "", "--run to run");
	cli_expect(folder, "gate b.json none.json", 2, "", "none.json");
	cli_expect(folder, "gate s.json a.json", 2, "", "s.json:1:");
	cli_expect(folder, "gate --update b.json", 2, "", "--update needs a reason");
	cli_expect(folder, "gate --update a.json --why x a.json", 2, "", "is a result");
	cli_expect(folder, "gate b.json a.json --why x", 2, "", "add --update");
	cli_expect(folder, "gate b.json a.json --strickt", 2, "", "did you mean --strict");
	cli_expect(folder, "gate b.json a.json --format xml", 2, "", "junit");
	leave(folder);
}

Test(gate_command, renewing_keeps_reasons_and_tolerances_and_shows_in_a_diff)
{
	char *folder = folder_with_baseline();
	g_autofree char *path = g_build_filename(folder, "b.json", NULL), *text = NULL;

	expect_run(folder, "gate --update b.json --why 'it goes on' -q --run --tolerance "
			   "'time.* 1% 5us it is only time'");
	cr_assert(g_file_get_contents(path, &text, NULL, NULL));
	cr_expect_not_null(strstr(text, "\"why\": \"it begins\"},\n"));
	cr_expect_not_null(strstr(text, "\"why\": \"it goes on\"}\n"));
	cr_expect_not_null(strstr(text, "\"reason\": \"it is only time\"}\n"));
	cr_expect_not_null(strstr(text, "\n            \"key.derivations\": {"), "one to a line");
	cli_expect(folder, "gate b.json a.json", 0, "gate: passed", "");
	cli_expect(folder, "gate --update b.json --why x --tolerance 'time.* 1%'", 2, "",
		   "METRIC SHARE AMOUNT REASON");
	leave(folder);
}

/* Runs of one scenario under many seeds: the same program never regresses against itself. */
Test(gate_command, a_program_held_against_itself_passes_at_every_seed)
{
	char *folder = folder_with_baseline();

	for (int seed = 1; seed <= 25; seed++) {
		g_autofree char *first = g_strdup_printf(
			"run s.json -q -j1 -o a.json --replications 4 --seed %d", seed);
		g_autofree char *second = g_strdup_printf(
			"run s.json -q -j2 -o c.json --replications 4 --seed %d", seed);

		expect_run(folder, first);
		expect_run(folder, second);
		cli_expect(folder, "gate a.json c.json --strict", 0, "gate: passed", "");
	}
	leave(folder);
}
