/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `extentsim run` of scenarios with axes. */
#include "tests/cli/cli_support.h"
#include "tests/scenarios/loader_support.h"

#include <criterion/criterion.h>
#include <glib/gstdio.h>
#include <string.h>

TestSuite(curves);

static const char curve_json[] =
	"{\"question\": \"What does an open set up?\", \"params\": {\"extents\": 1},\n"
	"\"machine\": {\"spread\": false, \"flushers\": false},\n"
	"\"actors\": [{\"kind\": \"script\", \"script\": [\"addkey K\", \"policy . K\",\n"
	"\"repeat ${extents} write f {}m 4k\", \"sync\", \"dropcaches\", \"read f 0 4k\"]}],\n"
	"\"variants\": {\"open\": {\"design\": \"heavyweight\", \"setup\": \"at-open\"}},\n"
	"\"axes\": [{\"name\": \"extents\", \"set\": \"params.extents\", \"values\": [1, 10]}],\n"
	"\"measure\": [\"key.setkeys\"],\n"
	"\"expect\": [{\"variant\": \"open\", \"metric\": \"key.setkeys\", \"is\": \"==\",\n"
	"  \"at\": {\"extents\": 10}, \"against\": {\"extents\": 1}, \"times\": 10}],\n"
	"\"answer\": \"{open: key.setkeys @ extents=10} ciphers.\"}\n";

static char *folder_with_curve(void)
{
	char *folder = g_dir_make_tmp("curve-XXXXXX", NULL);

	cr_assert_not_null(folder);
	g_free(loader_file(folder, "curve.json", curve_json));
	return folder;
}

static struct cli_result run(const char *folder, const char *options, int status)
{
	g_autofree char *line = g_strconcat("run curve.json ", options, NULL);
	struct cli_result result = cli_run(NULL, folder, line);

	cr_expect_eq(result.status, status, "%s: %s%s", line, result.out, result.err);
	return result;
}

static void end(char *folder)
{
	loader_library_remove(folder);
	g_free(folder);
}

Test(curves, every_point_is_run_and_the_claims_across_them_are_checked)
{
	char *folder = folder_with_curve();
	struct cli_result result = run(folder, "", 0);

	/* each extent is set up when it is written and when the file is opened again */
	cr_expect(strstr(result.out, "  extents  open\n        1     2\n       10    20\n"), "%s",
		  result.out);
	cr_expect(strstr(result.out, "holds: open key.setkeys at extents=10 == 10 times that"),
		  "%s", result.out);
	cr_expect(strstr(result.out, "Answer: 20 ciphers.\n"), "%s", result.out);
	cli_result_clear(&result);
	result = run(folder, "--set axes.extents=7", 0);
	cr_expect(strstr(result.out, "key.setkeys"), "%s", result.out);
	cr_expect_not(strstr(result.out, "Answer"), "its figures are not of this run");
	cli_result_clear(&result);
	end(folder);
}

Test(curves, the_same_command_goes_on_from_the_points_that_are_there)
{
	char *folder = folder_with_curve();
	g_autofree char *gone = g_build_filename(folder, "out", "extents=10.json", NULL);
	g_autofree char *kept = g_build_filename(folder, "out", "extents=1.json", NULL);
	g_autofree char *first = NULL, *again = NULL;
	struct cli_result result = run(folder, "-o out", 0), second;

	cr_expect_str_eq(result.err, "");
	cr_assert(g_file_get_contents(gone, &first, NULL, NULL));
	g_remove(gone);
	second = run(folder, "-o out", 0);
	cr_expect_str_eq(second.err, "extentsim: note: 1 of 2 points were there already\n");
	cr_expect_str_eq(second.out, result.out);
	cr_assert(g_file_get_contents(gone, &again, NULL, NULL));
	cr_expect_str_eq(again, first);
	cli_result_clear(&second);
	second = run(folder, "-o out --seed 2", 0);
	cr_expect_str_eq(second.err, "", "points of another seed are others");
	cli_result_clear(&second);
	cr_assert(g_file_set_contents(kept, "{", -1, NULL));
	second = run(folder, "-o out --seed 2", 0);
	cr_expect_str_eq(second.err, "extentsim: note: 1 of 2 points were there already\n",
			 "half a document is none");
	cli_result_clear(&second);
	cli_result_clear(&result);
	end(folder);
}

Test(curves, a_file_in_the_place_of_the_folder_is_refused)
{
	char *folder = folder_with_curve();
	struct cli_result result = run(folder, "-o curve.json", 2);

	cr_expect(strstr(result.err, "one document for each point"), "%s", result.err);
	cli_result_clear(&result);
	end(folder);
}

Test(curves, a_claim_that_fails_at_one_point_fails_the_run)
{
	char *folder = folder_with_curve();
	struct cli_result result = run(folder, "--set expect[0].is=!=", 1);

	cr_expect(strstr(result.out, "FAILS: open key.setkeys at extents=10 !="), "%s", result.out);
	cli_result_clear(&result);
	result = run(folder, "--set expect[0].is=!= --format json", 1);
	cr_expect(strstr(result.err, "FAILS"), "JSON has no place for claims: %s", result.err);
	cli_result_clear(&result);
	end(folder);
}

Test(curves, the_format_answer_is_the_answer_alone)
{
	char *folder = folder_with_curve();
	struct cli_result result = run(folder, "--format answer", 0);

	cr_expect_str_eq(result.out, "Answer: 20 ciphers.\n");
	cli_result_clear(&result);
	end(folder);
}

Test(curves, what_was_run_is_shown_though_a_figure_of_the_answer_is_not_there)
{
	char *folder = folder_with_curve();
	struct cli_result result = run(folder, "--set 'answer={open: key.setkies @ extents=1}'", 2);

	cr_expect(strstr(result.out, "  extents  open\n        1     2\n"), "%s", result.out);
	cr_expect(strstr(result.out, "holds: "), "%s", result.out);
	cr_expect(strstr(result.err, "no such metric"), "%s", result.err);
	cli_result_clear(&result);
	end(folder);
}

Test(curves, a_point_that_can_not_be_written_ends_the_work)
{
	char *folder = folder_with_curve();
	g_autofree char *taken = g_build_filename(folder, "out", "extents=1.json", NULL);
	struct cli_result result;

	g_mkdir_with_parents(taken, 0777);
	result = run(folder, "-v -j1 --replications 1 -o out", 5);
	cr_expect(strstr(result.err, "can't write"), "%s", result.err);
	cr_expect(strstr(result.err, "run: open"), "%s", result.err);
	cr_expect_eq(strstr(result.err, "run: open"), g_strrstr(result.err, "run: open"),
		     "the other point need not be run: %s", result.err);
	cli_result_clear(&result);
	g_remove(taken);
	end(folder);
}

Test(curves, names_too_long_for_files_are_refused_before_anything_runs)
{
	char *folder = g_dir_make_tmp("curve-XXXXXX", NULL);
	g_autoptr(GString) text = g_string_new(NULL);
	g_auto(GStrv) parts = g_strsplit(curve_json, "{\"name\": \"extents\"", 2);
	struct cli_result result;

	g_string_append(text, parts[0]);
	for (int i = 0; i < 4; i++)
		g_string_append_printf(text, "{\"name\": \"%060d\", \"cases\": {\"%060d\": {}}}, ",
				       i, i);
	g_string_append_printf(text, "{\"name\": \"extents\"%s", parts[1]);
	g_free(loader_file(folder, "curve.json", text->str));
	result = run(folder, "-v -o out", 2);
	cr_expect(strstr(result.err, "shorter names"), "%s", result.err);
	cr_expect_not(strstr(result.err, "run: open"), "%s", result.err);
	cli_result_clear(&result);
	end(folder);
}
