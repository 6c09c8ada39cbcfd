/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `extentsim compare`: stored results, side by side. */
#include "tests/cli/cli_support.h"
#include "tests/scenarios/loader_support.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(compare_command);

/* Two results of one script: pools of one and of two ciphers; and one on another machine. */
static char *folder_with_results(void)
{
	static const char *const runs[] = {
		"run s.ops -q -o one.json --variant 'p: design=lightweight setup=pool pool.size=1'",
		"run s.ops -q -o two.json --variant 'p: design=lightweight setup=pool pool.size=2'",
		("run s.ops -q -o other.json --set machine.cpus=2 --variant "
		 "'p: design=lightweight setup=pool'"),
	};
	char *folder = g_dir_make_tmp("compare-XXXXXX", NULL);

	cr_assert_not_null(folder);
	g_free(loader_file(folder, "s.ops", "addkey K\npolicy . K\nwrite f 0 1m\nsync\n"));
	for (size_t i = 0; i < G_N_ELEMENTS(runs); i++) {
		struct cli_result result = cli_run(NULL, folder, runs[i]);

		cr_assert_eq(result.status, 0, "%s", result.err);
		cli_result_clear(&result);
	}
	return folder;
}

static void expect(const char *folder, const char *arguments, int status, const char *out,
		   const char *err)
{
	struct cli_result result = cli_run(NULL, folder, arguments);

	cr_expect_eq(result.status, status, "%s: %s", arguments, result.err);
	cr_expect(strstr(result.out, out), "%s: wanted \"%s\" in %s", arguments, out, result.out);
	cr_expect(strstr(result.err, err), "%s: wanted \"%s\" in %s", arguments, err, result.err);
	cli_result_clear(&result);
}

Test(compare_command, a_variant_stands_beside_its_namesake_of_another_result)
{
	char *folder = folder_with_results();

	expect(folder, "compare one.json two.json", 0, "two:p against one:p", "");
	expect(folder, "compare one.json two.json --format json", 0, "\"label\": \"two:p\"", "");
	expect(folder, "compare one.json", 0, "tfm.allocations", "");
	expect(folder, "compare one.json two.json other.json", 3, "",
	       "not comparable with one: another set of overrides");
	expect(folder, "compare", 2, "", "no result given");
	expect(folder, "compare s.ops", 2, "", "s.ops");
	expect(folder, "compare none.json", 2, "", "none.json");
	loader_library_remove(folder);
	g_free(folder);
}
