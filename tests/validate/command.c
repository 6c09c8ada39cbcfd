/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `extentsim validate` as its users meet it. */
#include <criterion/criterion.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "tests/cli/cli_support.h"
#include "tests/scenarios/loader_support.h"
#include "validate/validate.h"

/* ---- a library with one recording ---------------------------------------------------------- */

#define RECORDING "04-overwrite-mid"
static const char *const files[] = {
	"validate/data/btrfs/" RECORDING ".ops", "validate/data/btrfs/" RECORDING ".json",
	"validate/data/btrfs-random/mixed-101.ops", "validate/data/btrfs-random/mixed-101.json"};

/* Its recording says `to` where the real one says `from` first. */
static char *library_with(const char *from, const char *to)
{
	char *library = g_dir_make_tmp("validate-XXXXXX", NULL);
	g_autofree char *scenarios = g_build_filename(EXTENTSIM_DATADIR, "scenarios", NULL);
	g_autofree char *place = g_build_filename(library, "scenarios", NULL);

	cr_assert_not_null(library);
	cr_assert_eq(symlink(scenarios, place), 0);
	for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *source = g_build_filename(EXTENTSIM_DATADIR, files[i], NULL);
		g_autofree char *text = NULL, *changed = NULL;
		g_auto(GStrv) parts = NULL;

		cr_assert(g_file_get_contents(source, &text, NULL, NULL), "%s", source);
		parts = g_strsplit(text, from, i == 1 ? 2 : 1);
		changed = g_strjoinv(to, parts);
		g_free(loader_file(library, files[i], changed));
	}
	return library;
}

static void library_remove(char *library)
{
	static const char *const rest[] = {"validate/data/btrfs", "validate/data/btrfs-random",
					   "validate/data",	  "validate",
					   "scenarios",		  ""};

	for (size_t i = 0; i < G_N_ELEMENTS(files) + G_N_ELEMENTS(rest); i++) {
		g_autofree char *path = g_build_filename(
			library, i < G_N_ELEMENTS(files) ? files[i] : rest[i - G_N_ELEMENTS(files)],
			NULL);

		cr_expect_eq(g_remove(path), 0, "%s", path);
	}
	g_free(library);
}

static void expect_of_recording(const char *from, const char *to, int status, const char *out,
				const char *err)
{
	char *library = library_with(from, to);
	struct cli_result result = cli_run(library, NULL, "validate btrfs");

	cr_expect_eq(result.status, status, "%d: %s", result.status, result.err);
	cr_expect(strstr(result.out, out), "%s", result.out);
	cr_expect(strstr(result.err, err), "%s", result.err);
	cli_result_clear(&result);
	library_remove(library);
}

Test(validate_command, a_recording_that_differs_is_exit_1_and_quoted)
{
	expect_of_recording("\"disk_n\":2", "\"disk_n\":3", 1,
			    "  expected 6 steps, obtained 5 steps\n  " RECORDING
			    ", step 1: the step: disk_n: recorded 3\n  model 2\n",
			    "");
	expect_of_recording("[524288,4096,1,2,0,4096]", "[524288,4096,2,2,0,4096]", 1,
			    RECORDING ", step 1: a: ext: recorded", "");
	expect_of_recording("[2,4096,1,", "[2,4096,9,", 1,
			    RECORDING ", step 1: the step: disk: recorded", "");
}

Test(validate_command, a_recording_that_is_none_is_exit_2_with_its_line)
{
	expect_of_recording("{\"step\":1", "{\"step\":", 2, "", RECORDING ".json:6: error: ");
	expect_of_recording("\"steps\"", "\"stops\"", 2, "", "it has no steps");
}

Test(validate_command, without_recordings_it_could_not_work_and_says_where_it_looked)
{
	g_autofree char *folder = g_dir_make_tmp("validate-XXXXXX", NULL);
	struct cli_result result = cli_run(folder, NULL, "validate btrfs");

	cr_expect_eq(result.status, 5);
	cr_expect(strstr(result.err, "no recordings in "), "%s", result.err);
	cr_expect(strstr(result.err, "EXTENTSIM_DATADIR"), "%s", result.err);
	cli_result_clear(&result);
	g_rmdir(folder);
}

/* ---- usage -------------------------------------------------------------------------------- */

Test(validate_command, a_group_that_is_none_is_exit_2_with_the_nearest)
{
	cli_expect(NULL, "validate queus", 2, "",
		   "extentsim: error: no group \"queus\"\ndid you mean \"queues\"?\n");
	cli_expect(NULL, "validate caches x", 2, "", "--list names the groups");
	cli_expect(NULL, "validate --seed x", 2, "", "--seed: expected a number");
	cli_expect(NULL, "validate --scripts 0", 2, "", "--scripts: expected a number from 1");
	cli_expect(NULL, "validate --format table", 2, "", "one of text, markdown, json");
}

Test(validate_command, the_list_names_every_group)
{
	struct cli_result result = cli_run(NULL, NULL, "validate --list");

	cr_expect_eq(result.status, 0);
	for (const struct validate_group *group = validate_groups; group->name; group++) {
		cr_expect(strstr(result.out, group->name), "%s", group->name);
		cr_expect(strstr(result.out, group->summary), "%s", group->summary);
	}
	cli_result_clear(&result);
}

Test(validate_command, groups_named_run_in_the_order_of_the_list_and_json_parses)
{
	struct cli_result result =
		cli_run(NULL, NULL, "validate fscrypt btrfs --format json --quiet");
	json_t *root = json_loads(result.out, 0, NULL), *checks;

	cr_assert_eq(result.status, 0, "%s", result.err);
	cr_expect_str_eq(result.err, "");
	cr_assert(root);
	checks = json_object_get(root, "checks");
	cr_expect_str_eq(json_string_value(json_object_get(json_array_get(checks, 0), "group")),
			 "btrfs");
	cr_expect_eq(json_integer_value(json_object_get(root, "holds")),
		     (json_int_t)json_array_size(checks));
	json_decref(root);
	cli_result_clear(&result);
}

Test(validate_command, a_report_that_can_not_be_written_is_exit_5)
{
	struct cli_result result = cli_run_sh(NULL, "validate fscrypt >/dev/full");

	cr_expect_eq(result.status, 5, "%s", result.err);
	cli_result_clear(&result);
}
