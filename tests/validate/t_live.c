/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random scripts, the difference of two layouts, and the way to a short script that shows one; nothing is
 * mounted. */
#include <criterion/criterion.h>
#include <string.h>

#include "validate/live.h"

enum { SEEDS = 20 };

static char *drawn(size_t profile, uint64_t seed, uint32_t operations)
{
	struct live_script *script = live_draw(profile, seed, operations);
	char *text = live_script_text(script);

	live_script_free(script);
	return text;
}

static size_t profile_of(const char *name)
{
	size_t i = 0;

	while (live_profile_name(i) && strcmp(live_profile_name(i), name))
		i++;
	cr_assert(live_profile_name(i), "no profile %s", name);
	return i;
}

/* ---- random scripts ---- */

static void expect_possible(const char *name, const char *text)
{
	GError *error = NULL;
	struct script *script = script_parse(name, text, &error);

	cr_assert(script, "%s", error->message);
	for (guint i = 0; i < script->ops->len; i++) {
		const struct script_op *op = &g_array_index(script->ops, struct script_op, i);

		cr_expect(live_can(op->code), "%s: %s", name, op->text);
	}
	script_free(script);
}

Test(live, random_scripts_can_be_parsed_and_done)
{
	for (size_t p = 0; live_profile_name(p); p++)
		for (uint64_t seed = 0; seed < SEEDS; seed++) {
			g_autofree char *text = drawn(p, seed, 0);

			expect_possible(live_profile_name(p), text);
		}
}

Test(live, a_seed_gives_the_same_script_again_and_another_another)
{
	for (size_t p = 0; live_profile_name(p); p++) {
		g_autofree char *once = drawn(p, 7, 0), *again = drawn(p, 7, 0);
		g_autofree char *other = drawn(p, 8, 0);

		cr_expect_str_eq(once, again, "%s", live_profile_name(p));
		cr_expect_str_neq(once, other, "%s", live_profile_name(p));
	}
}

/* The recorded ones: name, and how many operations they were drawn with. */
Test(live, scripts_recorded_once_are_still_those_of_their_seeds)
{
	static const struct {
		const char *profile;
		uint64_t seed;
		uint32_t operations;
	} recorded[] = {{"mixed", 103, 24},    {"inline", 102, 24}, {"prealloc", 101, 24},
			{"nocow", 101, 24},    {"zstd", 103, 24},   {"reflink", 102, 24},
			{"balance", 102, 24},  {"defrag", 101, 24}, {"dedupe", 103, 24},
			{"snapshot", 101, 24}, {"append", 102, 24}, {"dio", 102, 24},
			{"fuzz", 101, 24},     {"manyleaf", 106, 9}};

	for (size_t i = 0; i < G_N_ELEMENTS(recorded); i++) {
		g_autofree char *text = drawn(profile_of(recorded[i].profile), recorded[i].seed,
					      recorded[i].operations);
		g_autofree char *name = g_strdup_printf("%s-%" G_GUINT64_FORMAT ".ops",
							recorded[i].profile, recorded[i].seed);
		g_autofree char *path = g_build_filename(EXTENTSIM_DATADIR, "validate/data",
							 "btrfs-random", name, NULL);
		g_autofree char *known = NULL;

		cr_assert(g_file_get_contents(path, &known, NULL, NULL), "no %s", path);
		cr_expect_str_eq(text, known, "%s", name);
	}
}

/* ---- the difference of two layouts ---- */

static json_t *layout_of(const char *text)
{
	const struct validate_world world = {.name = "test.ops", .text = text};
	const struct validate_options options = {.seed = 1};
	GError *error = NULL;
	json_t *steps = recording_run(&world, &options, &error);

	cr_assert(steps, "%s", error ? error->message : "?");
	return steps;
}

static void expect_difference(const char *real, const char *model, const char *told)
{
	json_t *a = layout_of(real), *b = layout_of(model);
	g_autofree char *text = recording_first_difference(a, b),
			*none = recording_first_difference(a, a);

	cr_expect(text && strstr(text, told), "'%s', not '%s'", text, told);
	cr_expect_null(none, "%s", none);
	json_decref(a);
	json_decref(b);
}

Test(live, a_difference_tells_the_dump_and_the_item)
{
	expect_difference("subvol sv\nwrite sv/a 0 64k\ndump\nwrite sv/a 0 4k\ndump\n",
			  "subvol sv\nwrite sv/a 0 64k\ndump\nwrite sv/a 0 4k\ndump\n"
			  "write sv/a 8k 4k\ndump\n",
			  "steps: real 2, model 3");
	expect_difference("write a 0 64k\nwrite a 0 8k\ndump\n",
			  "write a 0 64k\nsync\nwrite a 0 8k\ndump\n", "operation 1: real");
}

static json_t *member(json_t *steps, const char *path, const char *key)
{
	json_t *files = json_object_get(json_array_get(steps, 0), "files");

	return json_object_get(json_object_get(files, path), key);
}

/* Only what the change is about is told, and each is seen. */
Test(live, every_part_of_a_layout_is_compared)
{
	const char *script = "write a 0 64k\nreflink a b\ndump\n";
	json_t *real = layout_of(script), *model = layout_of(script);
	json_t *item = json_array_get(member(model, "b", "ext"), 0);
	json_t *disk = json_object_get(json_array_get(model, 0), "disk");
	json_t *owner = json_array_get(json_array_get(json_array_get(disk, 0), 3), 0);
	const struct {
		json_t *list;
		size_t at;
		json_int_t wrong;
		const char *told;
	} changes[] = {
		{item, 1, 4096, "step 0: b: item 0: real [0,65536,1,1,0,65536], model [0,4096,"},
		{item, 4, 4096, "b: item 0"},
		{json_array_get(disk, 0), 1, 4096, "disk extent: real"},
		{json_array_get(disk, 0), 2, 7, "model 65536 bytes, 7 references"},
		{owner, 2, 9, "disk extent: real"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(changes); i++) {
		json_t *right = json_incref(json_array_get(changes[i].list, changes[i].at));
		g_autofree char *text = NULL;

		json_array_set_new(changes[i].list, changes[i].at, json_integer(changes[i].wrong));
		text = recording_first_difference(real, model);
		cr_expect(text && strstr(text, changes[i].told), "change %zu: %s", i, text);
		json_array_set_new(changes[i].list, changes[i].at, right);
	}
	json_decref(real);
	json_decref(model);
}

/* ---- the shrinker ---- */

/* A model that differs when something was punched after a snapshot. */
static char *planted(void *arg, const struct live_script *script)
{
	bool snapshot = false;

	(void)arg;
	for (guint i = 0; i < script->lines->len; i++) {
		const char *line = script->lines->pdata[i];

		if (g_str_has_prefix(line, "snapshot "))
			snapshot = true;
		else if (snapshot && g_str_has_prefix(line, "punch "))
			return g_strdup("planted");
	}
	return NULL;
}

static struct live_script *differing_script(void)
{
	for (uint64_t seed = 1; seed < 1000; seed++) {
		struct live_script *script = live_draw(profile_of("snapshot"), seed, 0);
		g_autofree char *difference = planted(NULL, script);

		if (difference)
			return script;
		live_script_free(script);
	}
	return NULL;
}

Test(live, a_planted_difference_is_shrunk_to_its_two_lines)
{
	struct live_script *script = differing_script();
	const char *line;

	cr_assert_not_null(script);
	cr_expect_gt(script->lines->len, 20);
	script = live_shrink(script, planted, NULL, 500);
	cr_assert_eq(script->lines->len, 2);
	cr_expect(g_str_has_prefix(script->lines->pdata[0], "snapshot "));
	line = script->lines->pdata[1];
	cr_expect(g_str_has_suffix(line, " 0 0"), "numbers too: %s", line);
	live_script_free(script);
}

static char *counted(void *arg, const struct live_script *script)
{
	++*(unsigned int *)arg;
	return planted(NULL, script);
}

Test(live, shrinking_ends_with_its_tries)
{
	unsigned int tries = 0;

	live_script_free(live_shrink(differing_script(), counted, &tries, 5));
	cr_expect_eq(tries, 5);
}
