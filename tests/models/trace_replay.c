/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Traces done again by an actor: counts done by hand, and layouts that a real btrfs came to. */
#include <criterion/criterion.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <string.h>

#include "models/world.h"
#include "tests/models/script_run.h"

#define TRACES "tests/data/traces"

/* A run of one trace actor under one variant. */
struct play {
	const char *trace; /* the path of one, or its text */
	const char *keys; /* of the actor, beside kind and file, with a comma before: "" for none */
	const char *variant; /* NULL: no encryption */
	const char *const *files; /* whose layout is wanted, or NULL */
	json_t *layout; /* "files" of a dump */
	struct world_outcome outcome;
	char *error; /* it could not be loaded; else NULL */
};

static void take_layout(void *arg, const struct world_parts *parts)
{
	struct play *play = arg;
	struct btrfs_dump *dump = btrfs_dump_new(parts->fs);
	g_autoptr(GString) text = g_string_new("{");
	json_t *all;

	btrfs_dump(dump, play->files, g_strv_length((char **)play->files), text);
	g_string_append_c(text, '}');
	all = json_loads(text->str, 0, NULL);
	cr_assert(all, "no JSON: %s", text->str);
	play->layout = json_incref(json_object_get(all, "files"));
	json_decref(all);
	btrfs_dump_free(dump);
}

static void run_scenario(struct play *play, const char *path)
{
	const char *variants[] = {play->variant ? play->variant : "none: design=none", NULL};
	struct scenario_options load = {.variants = variants};
	g_autoptr(GError) error = NULL;
	struct scenario *scenario = scenario_load(path, &load, &world_registry, &error);
	struct world_options options = {.scenario = scenario};

	if (!scenario) {
		play->error = g_strdup(error->message);
		return;
	}
	options.variant = scenario->variants->pdata[0];
	if (play->files) {
		options.ended = take_layout;
		options.ended_arg = play;
	}
	cr_assert(world_run(&options, &play->outcome, &error), "%s", error ? error->message : "");
	cr_assert(play->outcome.completed, "the trace did not come to its end");
	scenario_free(scenario);
}

/* The scenario's folder holds the trace, if that is not a file already: as "t". */
static void run_play(struct play *play)
{
	g_autofree char *folder = g_dir_make_tmp("replay-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(folder, "s.json", NULL);
	g_autofree char *trace = g_build_filename(folder, "t", NULL);
	g_autofree char *given = g_canonicalize_filename(play->trace, NULL);
	bool exists = g_str_has_prefix(play->trace, TRACES);
	g_autofree char *text = g_strdup_printf(
		"{\"question\":\"?\",\"machine\":{\"spread\":false,\"flushers\":false},"
		"\"actors\":[{\"kind\":\"trace\",\"file\":\"%s\"%s}],\"variants\":{\"v\":{"
		"\"design\":"
		"\"none\"}}}",
		exists ? given : "t", play->keys);

	if (!exists)
		cr_assert(g_file_set_contents(trace, play->trace, -1, NULL));
	cr_assert(g_file_set_contents(path, text, -1, NULL));
	run_scenario(play, path);
	g_unlink(path);
	g_unlink(trace);
	g_rmdir(folder);
}

static void end_play(struct play *play)
{
	if (play->error)
		g_free(play->error);
	else
		world_outcome_clear(&play->outcome);
	json_decref(play->layout);
}

/* ---- layouts of a real btrfs ---- */

static void compare_layout(json_t *real, json_t *model)
{
	static const char *const keys[] = {"size", "ext", "n", "inline", "prealloc", "holes"};
	const char *name;
	json_t *file;

	cr_expect_eq(json_object_size(real), json_object_size(model));
	json_object_foreach(real, name, file)
	{
		json_t *other = json_object_get(model, name);

		for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
			json_t *want = json_object_get(file, keys[i]);
			g_autofree char *a = json_dumps(want, JSON_ENCODE_ANY | JSON_COMPACT);
			g_autofree char *b = json_dumps(json_object_get(other, keys[i]),
							JSON_ENCODE_ANY | JSON_COMPACT);

			cr_expect_str_eq(a, b ? b : "nothing", "%s: %s:\nreal  %s\nmodel %s", name,
					 keys[i], a, b);
		}
	}
}

static void expect_layout(const char *trace, const char *layout, const char *keys)
{
	json_t *real = json_load_file(layout, 0, NULL);
	GPtrArray *names = g_ptr_array_new();
	struct play play = {.trace = trace, .keys = keys};
	const char *name;
	json_t *file;

	cr_assert(real, "%s", layout);
	json_object_foreach(real, name, file)
	{
		g_ptr_array_add(names, (gpointer)name);
	}
	g_ptr_array_add(names, NULL);
	play.files = (const char *const *)names->pdata;
	run_play(&play);
	cr_assert_null(play.error, "%s", play.error);
	compare_layout(real, play.layout);
	end_play(&play);
	g_ptr_array_free(names, TRUE);
	json_decref(real);
}

Test(trace_replay, a_received_stream_leaves_the_layout_that_btrfs_receive_left)
{
	expect_layout(TRACES "/receive.dump", TRACES "/receive.layout.json", ",\"dir\":\"/\"");
}

Test(trace_replay, an_fsx_file_leaves_the_layout_that_its_calls_left)
{
	expect_layout(TRACES "/fsx-random.ops", TRACES "/fsx-random.layout.json", ",\"dir\":\"/\"");
}

Test(trace_replay, an_iolog_leaves_the_layout_that_fio_left)
{
	static const char keys[] = ",\"dir\":\"/\",\"file_bytes\":\"256KiB\"";

	expect_layout(TRACES "/fio-v3.log", TRACES "/fio-v3.layout.json", keys);
	expect_layout(TRACES "/fio-v2.log", TRACES "/fio-v2.layout.json", keys);
}
