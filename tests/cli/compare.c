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

Test(compare_command, a_variant_stands_beside_its_namesake_of_another_result)
{
	char *folder = folder_with_results();

	cli_expect(folder, "compare one.json two.json", 0, "two:p against one:p", "");
	cli_expect(folder, "compare one.json two.json --format json", 0, "\"label\": \"two:p\"",
		   "");
	cli_expect(folder, "compare one.json", 0, "tfm.allocations", "");
	cli_expect(folder, "compare one.json two.json other.json", 3, "",
		   "not comparable with one: another set of overrides");
	cli_expect(folder, "compare", 2, "", "no result given");
	cli_expect(folder, "compare s.ops", 2, "", "s.ops");
	cli_expect(folder, "compare none.json", 2, "", "none.json");
	loader_library_remove(folder);
	g_free(folder);
}
