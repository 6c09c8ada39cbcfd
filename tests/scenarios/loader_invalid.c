/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The corpus of bad scenarios: each folder holds a file and the message that it must get. With
 * LOADER_WRITE_EXPECTED set, the messages are written instead of compared, to be read in the diff.
 */
#include "tests/scenarios/loader_support.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#define CORPUS EXTENTSIM_DATADIR "/tests/data/scenarios/invalid"

TestSuite(loader_invalid);

static void check_case(const char *name)
{
	g_autofree char *folder = g_build_filename(CORPUS, name, NULL);
	g_autofree char *wanted = NULL;
	g_autoptr(GError) error = NULL;
	struct scenario *scenario;

	cr_assert_eq(chdir(folder), 0, "no folder %s", folder);
	scenario = scenario_load("scenario.json", NULL, &fake_registry, &error);
	cr_assert_null(scenario, "%s: it was accepted", name);
	cr_assert_not_null(error, "%s: refused without a reason", name);
	cr_expect_eq(error->code, SCENARIO_ERROR_BAD, "%s: not said to be bad input", name);
	if (g_getenv("LOADER_WRITE_EXPECTED")) {
		g_autofree char *line = g_strconcat(error->message, "\n", NULL);

		g_file_set_contents("expected", line, -1, NULL);
		return;
	}
	cr_assert(g_file_get_contents("expected", &wanted, NULL, NULL), "%s: no file `expected`",
		  name);
	cr_expect_str_eq(error->message, g_strchomp(wanted), "%s:\n got: %s\nwant: %s", name,
			 error->message, wanted);
}

Test(loader_invalid, every_bad_file_is_refused_with_its_place_and_the_way_out)
{
	char *library = loader_library();
	GDir *corpus = g_dir_open(CORPUS, 0, NULL);
	unsigned cases = 0;
	const char *name;

	cr_assert_not_null(corpus);
	while ((name = g_dir_read_name(corpus))) {
		check_case(name);
		cases++;
	}
	g_dir_close(corpus);
	cr_expect_geq(cases, 55, "only %u cases were found", cases);
	cr_assert_eq(chdir("/"), 0);
	loader_library_remove(library);
	g_free(library);
}
