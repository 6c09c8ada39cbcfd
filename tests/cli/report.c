/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `extentsim report`: pages and pictures of stored results. */
#include "tests/cli/cli_support.h"
#include "tests/scenarios/loader_support.h"

#include <criterion/criterion.h>
#include <glib/gstdio.h>
#include <string.h>

TestSuite(report_command);

static const char scenario[] =
	"{ \"question\": \"How many?\", \"params\": { \"files\": 1 },\n"
	"  \"axes\": [{ \"name\": \"files\", \"set\": \"params.files\", \"values\": [1, 2, 16] "
	"}],\n"
	"  \"measure\": [\"key.*\"],\n"
	"  \"answer\": \"Sixteen take {p: key.setkeys @ files=16} keys.\",\n"
	"  \"actors\": [{ \"name\": \"s\", \"kind\": \"script\", \"script\": [\"addkey K\",\n"
	"    \"policy . K\", \"repeat ${files} write f{} 0 4k\", \"sync\"] }],\n"
	"  \"variants\": { \"none\": { \"design\": \"none\" },\n"
	"    \"p\": { \"design\": \"lightweight\", \"setup\": \"pool\" } } }\n";

/* A curve in "points", one result in "one.json". */
static char *folder_with_results(void)
{
	char *folder = g_dir_make_tmp("report-XXXXXX", NULL);

	cr_assert_not_null(folder);
	g_free(loader_file(folder, "s.json", scenario));
	cli_expect(folder, "run s.json -q -o points", 0, "Sixteen", "");
	cli_expect(folder, "run s.json -q -o one.json --set axes.files=2 --seed 3", 0, "", "");
	return folder;
}

static bool is_there(const char *folder, const char *name)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);

	return g_file_test(path, G_FILE_TEST_EXISTS);
}

static void expect_file(const char *folder, const char *name, const char *wanted)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	g_autofree char *text = NULL;

	cr_assert(g_file_get_contents(path, &text, NULL, NULL), "%s", name);
	cr_expect(strstr(text, wanted), "wanted \"%s\" in %s", wanted, name);
}

Test(report_command, a_folder_of_points_is_a_curve)
{
	char *folder = folder_with_results();

	cli_expect(folder, "report points -o page.html --plots pictures", 0, "", "");
	expect_file(folder, "page.html", "<p class=\"answer\">Sixteen take ");
	expect_file(folder, "page.html", "<svg ");
	expect_file(folder, "page.html",
		    "extentsim run s.json --seed 1 --replications 1 -o FOLDER");
	expect_file(folder, "pictures/key.setkeys.gp", "'key.setkeys.dat' using");
	expect_file(folder, "pictures/key.setkeys.dat", "16\t16\t0\t");
	expect_file(folder, "pictures/key.setkeys.svg", "<svg");
	cli_expect(folder, "compare points", 0, "key.setkeys", "");
	cli_expect(folder, "compare points one.json", 3, "", "stands alone");
	loader_library_remove(folder);
	g_free(folder);
}

Test(report_command, a_result_is_a_page_with_the_command_that_makes_it_anew)
{
	char *folder = folder_with_results();

	cli_expect(
		folder, "report one.json -o -", 0,
		"extentsim run s.json --set axes.files=2 --seed 3 --replications 1 -o RESULT.json",
		"");
	cli_expect(folder, "report one.json -o -", 0, "<h2>Verdict</h2>", "");
	cli_expect(folder, "report one.json", 2, "", "nowhere to write to");
	cli_expect(folder, "report -o page.html", 2, "", "no result given");
	cli_expect(folder, "report s.json -o page.html", 2, "", "s.json");
	cli_expect(folder, "report . -o page.html", 2, "", "s.json");
	cr_expect(!is_there(folder, "page.html"));
	loader_library_remove(folder);
	g_free(folder);
}

/* The command in a page, without its first word and where it writes to. The caller frees. */
static char *command_in(const char *page)
{
	static const char begin[] = "<pre><code>extentsim ", end[] = " -o RESULT.json</code>",
			  quote[] = "&#39;";
	const char *from = strstr(page, begin), *to = from ? strstr(from, end) : NULL;
	GString *command;

	cr_assert_not_null(to, "%s", page);
	from += strlen(begin);
	command = g_string_new_len(from, to - from);
	g_string_replace(command, quote, "'", 0);
	return g_string_free(command, false);
}

Test(report_command, the_command_of_the_page_gives_the_same_bytes)
{
	char *folder = folder_with_results();
	g_autofree char *command = NULL, *path = g_build_filename(folder, "one.json", NULL),
			*before = NULL, *whole = NULL;
	struct cli_result page, again;

	cli_expect(
		folder,
		"run s.json -q -o one.json --set axes.files=2 --variant 'x y: design=heavyweight "
		"setup=pool pool.size=2' --variant 'none: design=none'",
		0, "", "");
	cr_assert(g_file_get_contents(path, &before, NULL, NULL));
	page = cli_run(NULL, folder, "report one.json -o - --no-plots");
	command = command_in(page.out);
	cli_result_clear(&page);
	whole = g_strconcat(command, " -q --format json", NULL);
	again = cli_run(NULL, folder, whole);
	cr_expect_str_eq(again.out, before, "%s", command);
	cli_result_clear(&again);
	loader_library_remove(folder);
	g_free(folder);
}

/* Puts a gnuplot that is this script first on the path. */
static void fake_gnuplot(const char *folder, const char *script)
{
	g_autofree char *path = loader_file(folder, "gnuplot", script);
	g_autofree char *search = g_strdup_printf("%s:%s", folder, g_getenv("PATH"));

	g_chmod(path, 0755);
	g_setenv("PATH", search, true);
}

static void expect_nothing_left(const char *folder)
{
	cli_expect(folder, "report points -o page.html", 5, "", "gnuplot");
	cli_expect(folder, "report points --plots pictures", 5, "", "gnuplot");
	cr_expect(!is_there(folder, "page.html"));
	cr_expect(!is_there(folder, "pictures"));
}

Test(report_command, a_gnuplot_that_fails_leaves_nothing_and_is_quoted)
{
	char *folder = folder_with_results();

	fake_gnuplot(folder,
		     "#!/bin/sh\n>\"${2%.gp}.svg\"\necho 'line 7: no such style' >&2\nexit 1\n");
	expect_nothing_left(folder);
	cli_expect(folder, "report points -o page.html", 5, "", "line 7: no such style");
	loader_library_remove(folder);
	g_free(folder);
}

Test(report_command, a_gnuplot_that_draws_nothing_leaves_nothing)
{
	char *folder = folder_with_results();

	fake_gnuplot(folder, "#!/bin/sh\n>\"${2%.gp}.svg\"\n");
	expect_nothing_left(folder);
	fake_gnuplot(folder, "#!/bin/sh\necho no picture >\"${2%.gp}.svg\"\n");
	cli_expect(folder, "report points -o page.html", 5, "", "no SVG");
	loader_library_remove(folder);
	g_free(folder);
}

Test(report_command, without_gnuplot_there_is_a_way_out)
{
	char *folder = folder_with_results();

	g_setenv("PATH", folder, true);
	expect_nothing_left(folder);
	cli_expect(folder, "report points -o page.html", 5, "", "install gnuplot-nox");
	cli_expect(folder, "report points -o page.html --no-plots", 0, "", "");
	expect_file(folder, "page.html", "Sixteen");
	loader_library_remove(folder);
	g_free(folder);
}
