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

/* ---- a library with few recordings --------------------------------------------------------- */

#define KNOWN "validate/data/btrfs"
#define RANDOM "validate/data/btrfs-random"
#define RECORDING "04-overwrite-mid"

/* The recording under a name of its own, saying `to` where it says `from` first. */
struct change {
	const char *name, *from, *to;
};

static void add_file(const char *library, const char *folder, const char *name, const char *suffix,
		     const struct change *change)
{
	g_autofree char *real =
		g_strconcat(EXTENTSIM_DATADIR "/" KNOWN "/" RECORDING, suffix, NULL);
	g_autofree char *file = g_strconcat(folder, "/", name, suffix, NULL);
	g_autofree char *text = NULL, *changed = NULL;

	cr_assert(g_file_get_contents(real, &text, NULL, NULL), "%s", real);
	if (change) {
		g_auto(GStrv) parts = g_strsplit(text, change->from, 2);

		changed = g_strjoinv(change->to, parts);
	}
	g_free(loader_file(library, file, changed ? changed : text));
}

static char *library_with(const struct change *changes, size_t count)
{
	char *library = g_dir_make_tmp("validate-XXXXXX", NULL);
	g_autofree char *place = g_build_filename(library, "scenarios", NULL);

	cr_assert_not_null(library);
	cr_assert_eq(symlink(EXTENTSIM_DATADIR "/scenarios", place), 0);
	for (size_t i = 0; i < count; i++) {
		add_file(library, KNOWN, changes[i].name, ".ops", NULL);
		add_file(library, KNOWN, changes[i].name, ".json", &changes[i]);
	}
	add_file(library, RANDOM, "drawn-1", ".ops", NULL);
	add_file(library, RANDOM, "drawn-1", ".json", NULL);
	return library;
}

static void library_remove(char *library)
{
	g_autofree char *place = g_build_filename(library, "scenarios", NULL);

	cr_assert_eq(g_unlink(place), 0);
	loader_library_remove(library);
	g_free(library);
}

static void expect_of_recordings(const struct change *changes, size_t count, int status,
				 const char *out, const char *err)
{
	char *library = library_with(changes, count);
	struct cli_result result = cli_run(library, NULL, "validate btrfs");

	cr_expect_eq(result.status, status, "%d: %s", result.status, result.err);
	cr_expect(strstr(result.out, out), "%s", result.out);
	cr_expect(strstr(result.err, err), "%s", result.err);
	cli_result_clear(&result);
	library_remove(library);
}

Test(validate_command, recordings_that_differ_are_exit_1_and_quoted)
{
	static const struct change changes[] = {
		{"a", "\"disk_n\":2", "\"disk_n\":3"},
		{"b", "[524288,4096,1,2,0,4096]", "[524288,4096,2,2,0,4096]"},
		{"c", "[2,4096,1,", "[2,4096,9,"},
	};
	char *library = library_with(changes, G_N_ELEMENTS(changes));
	struct cli_result result = cli_run(library, NULL, "validate btrfs");

	cr_expect_eq(result.status, 1, "%s", result.err);
	cr_expect(strstr(result.out, "  expected 6 steps, obtained 5 steps\n  a, step 1: "
				     "disk_n: real 3, model 2\n"),
		  "%s", result.out);
	cr_expect(strstr(result.out, "  b, step 1: a: item 1: real [524288"), "%s", result.out);
	cr_expect(strstr(result.out, "  c, step 1: disk extent: real 4096 bytes, 9"), "%s",
		  result.out);
	cr_expect(strstr(result.out, "Random scripts, drawn, 1: equal"), "%s", result.out);
	cli_result_clear(&result);
	library_remove(library);
}

Test(validate_command, a_recording_that_is_none_is_exit_2_with_its_line)
{
	static const struct change broken = {"a", "{\"step\":1", "{\"step\":"},
				   other = {"a", "\"steps\"", "\"stops\""};

	expect_of_recordings(&broken, 1, 2, "", "/a.json:6: error: ");
	expect_of_recordings(&other, 1, 2, "", "it has no steps");
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
		cli_run(NULL, NULL, "validate conservation fscrypt --format json --quiet");
	json_t *root = json_loads(result.out, 0, NULL), *checks;

	cr_assert_eq(result.status, 0, "%s", result.err);
	cr_expect_str_eq(result.err, "");
	cr_assert(root);
	checks = json_object_get(root, "checks");
	cr_expect_str_eq(json_string_value(json_object_get(json_array_get(checks, 0), "group")),
			 "fscrypt");
	cr_expect_eq(json_integer_value(json_object_get(root, "holds")),
		     (json_int_t)json_array_size(checks));
	json_decref(root);
	cli_result_clear(&result);
}

Test(validate_command, a_report_that_can_not_be_written_is_exit_5)
{
	struct cli_result result = cli_run_sh(NULL, "validate conservation >/dev/full");

	cr_expect_eq(result.status, 5, "%s", result.err);
	cli_result_clear(&result);
}
