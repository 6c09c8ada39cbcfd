/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `extentsim calibrate` as its users meet it. */
#include "tests/cli/cli_support.h"
#include "tests/scenarios/loader_support.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <string.h>

TestSuite(cli_calibrate);

Test(cli_calibrate, a_run_takes_the_profile_that_it_writes)
{
	char *folder = g_dir_make_tmp("calibrate-XXXXXX", NULL);
	struct cli_result result = cli_run(
		NULL, folder, "calibrate --quick --base vaes-6.12 --format json -o mine.json");
	json_t *json = json_loads(result.out, 0, NULL);
	const json_t *figures = json_object_get(json, "figures"), *first;
	struct cli_result run;

	cr_assert_eq(result.status, 0, "%s", result.err);
	cr_expect_str_eq(json_string_value(json_object_get(json, "base")), "vaes-6.12");
	first = json_array_get(figures, 0);
	cr_expect_str_eq(json_string_value(json_object_get(first, "name")), "syscall");
	cr_expect(json_real_value(json_object_get(first, "p50_ns")) > 0);
	cr_expect(json_real_value(json_object_get(first, "min_ns")) <=
		  json_real_value(json_object_get(first, "p50_ns")));
	cr_expect_eq(json_real_value(json_object_get(first, "base_ns")), 88);
	json_decref(json);
	cli_result_clear(&result);

	run = cli_run(NULL, folder,
		      "run first-run --set machine.profile=mine.json --set "
		      "actors.readers.operations=50");
	cr_expect(run.status == 0 || run.status == 1, "%s", run.err);
	cr_expect(strstr(run.out, "cost profile mine"), "%s", run.out);
	cli_result_clear(&run);
	loader_library_remove(folder);
	g_free(folder);
}

Test(cli_calibrate, what_it_can_not_take_is_refused_before_anything_is_measured)
{
	cli_expect(NULL, "calibrate that", 2, "",
		   "extentsim: error: \"that\" is too many\nit takes options alone\n");
	cli_expect(NULL, "calibrate --format xml", 2, "", "--format");
	cli_expect(NULL, "calibrate --base aes-in-6.12", 2, "", "aes-ni-6.12");
}
