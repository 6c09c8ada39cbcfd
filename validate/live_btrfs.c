/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random scripts on a real btrfs and in the model: the layouts at each dump must be equal. A script that
 * differs is shrunk to the shortest that does.
 */
#include <errno.h>
#include <string.h>

#include "validate/live.h"

enum {
	SCRIPTS_PER_PROFILE = 4, /* unless another number is asked for */
	RECORDINGS = 3, /* of a script that differs: the real one may come to several layouts */
	SHRINK_RUNS = 300,
	TOLD = 3, /* differences of a profile that are told with their scripts */
};

/* What scripts of one profile came to. */
struct tally {
	uint64_t compared, dumps, unsteady;
	uint64_t differing;
	GString *differences;
};
struct live_btrfs {
	const struct validate_options *options;
	GError *error; /* the first that ended it */
	struct tally *tally;
	/* Of the last script compared. */
	json_t *real, *model;
	bool unsteady; /* the real one came to several layouts, of which one is the model's */
};

/* ---- one script ---- */

/* Against one recording. Nothing if something else went wrong, which is in live->error. */
static char *difference_of(void *arg, const struct live_script *script)
{
	struct live_btrfs *live = arg;

	g_clear_pointer(&live->model, json_decref);
	g_clear_pointer(&live->real, json_decref);
	if (!live->error)
		live->model = live_model(script, NULL, live->options, &live->error);
	if (live->model)
		live->real = live_record(script, live->options, &live->error);
	return live->real ? recording_first_difference(live->real, live->model) : NULL;
}

/* Against several, of which one may be equal. */
static char *steady_difference_of(struct live_btrfs *live, const struct live_script *script)
{
	char *difference = difference_of(live, script);

	live->unsteady = false;
	for (int i = 1; difference && i < RECORDINGS; i++) {
		g_free(difference);
		difference = difference_of(live, script);
		live->unsteady = !difference && !live->error;
	}
	return difference;
}

/* ---- what is kept of one that differs ---- */

static bool keep_text(const char *folder, const char *name, const char *suffix, const char *text,
		      GError **error)
{
	g_autofree char *file = g_strconcat(name, suffix, NULL);
	g_autofree char *path = g_build_filename(folder, file, NULL);

	return g_file_set_contents(path, text, -1, error);
}

static bool keep_layout(const char *folder, const char *name, const char *suffix,
			const json_t *steps, GError **error)
{
	GString *text = g_string_new(NULL);
	json_t *step;
	size_t i;
	bool ok;

	g_string_printf(text, "{\"name\":\"%s\",\"steps\":[", name);
	json_array_foreach(steps, i, step)
	{
		char *line = json_dumps(step, JSON_COMPACT);

		g_string_append_printf(text, "%s\n %s", i ? "," : "", line);
		free(line);
	}
	g_string_append(text, "\n]}\n");
	ok = keep_text(folder, name, suffix, text->str, error);
	g_string_free(text, true);
	return ok;
}

static void keep(struct live_btrfs *live, const struct live_script *script)
{
	const char *folder = live->options->keep;
	g_autofree char *text = live_script_text(script);

	if (!folder)
		return;
	if (g_mkdir_with_parents(folder, 0777)) {
		g_set_error(&live->error, VALIDATE_ERROR, VALIDATE_ERROR_IO, "%s: %s", folder,
			    g_strerror(errno));
		return;
	}
	if (keep_text(folder, script->name, ".ops", text, &live->error) &&
	    keep_layout(folder, script->name, ".real.json", live->real, &live->error))
		keep_layout(folder, script->name, ".model.json", live->model, &live->error);
}

/* Takes the script over. */
static void tell_difference(struct live_btrfs *live, struct live_script *script)
{
	guint lines = script->lines->len;
	g_autofree char *difference = NULL, *text = NULL;

	script = live_shrink(script, difference_of, live, SHRINK_RUNS);
	difference = steady_difference_of(live, script);
	if (live->error) {
		live_script_free(script);
		return;
	}
	keep(live, script);
	text = live_script_text(script);
	if (live->tally->differing++ < TOLD)
		g_string_append_printf(live->tally->differences,
				       "%s%s: %s\nshrunk from %u lines to %u:\n%s",
				       live->tally->differences->len ? "\n" : "", script->name,
				       difference ? difference : "no more when done once again",
				       lines, script->lines->len, text);
	live_script_free(script);
}

static void compare(struct live_btrfs *live, size_t profile, uint64_t seed)
{
	struct live_script *script = live_draw(profile, seed, 0);
	g_autofree char *difference = steady_difference_of(live, script);

	if (live->error) {
		live_script_free(script);
		return;
	}
	live->tally->compared++;
	live->tally->unsteady += live->unsteady;
	live->tally->dumps += json_array_size(live->real);
	if (difference)
		tell_difference(live, script);
	else
		live_script_free(script);
}

/* ---- the group ---- */

static void report_profile(struct validate_report *report, const char *profile,
			   const struct tally *tally, const char *source)
{
	g_autofree char *what = g_strdup_printf("%s: scripts with equal layouts", profile);
	struct validate_check *check;

	if (!tally->compared)
		return;
	check = validate_equal(report, what, (int64_t)tally->compared,
			       (int64_t)(tally->compared - tally->differing), "", source);
	if (tally->differing)
		validate_note(check, "%s", tally->differences->str);
	else if (tally->unsteady)
		validate_note(check,
			      "%" G_GUINT64_FORMAT " dumps; of %" G_GUINT64_FORMAT
			      " scripts the real one came to several layouts, one of them the "
			      "model's",
			      tally->dumps, tally->unsteady);
	else
		validate_note(check, "%" G_GUINT64_FORMAT " dumps", tally->dumps);
}

static void compare_all(struct live_btrfs *live, struct tally *tallies, size_t profiles)
{
	const struct validate_options *options = live->options;
	uint64_t scripts = options->scripts ? options->scripts : SCRIPTS_PER_PROFILE * profiles;

	for (uint64_t i = 0; i < scripts && !live->error; i++) {
		if (validate_interrupted(options, &live->error))
			break;
		live->tally = &tallies[i % profiles];
		compare(live, i % profiles, options->seed + i);
	}
}

static size_t count_profiles(void)
{
	size_t n = 0;

	while (live_profile_name(n))
		n++;
	return n;
}

bool validate_live_btrfs(const struct validate_options *options, struct validate_report *report,
			 GError **error)
{
	g_autofree char *missing = live_fs_missing(live_btrfs_kind(false)),
			*source = live_source("btrfs");
	struct live_btrfs live = {.options = options};
	size_t profiles = count_profiles();
	g_autofree struct tally *tallies = g_new0(struct tally, profiles);

	if (missing) {
		validate_skip(report, "layouts of random scripts", missing);
		return true;
	}
	for (size_t i = 0; i < profiles; i++)
		tallies[i].differences = g_string_new(NULL);
	compare_all(&live, tallies, profiles);
	for (size_t i = 0; i < profiles; i++) {
		report_profile(report, live_profile_name(i), &tallies[i], source);
		g_string_free(tallies[i].differences, true);
	}
	if (!live.error)
		live_check_writeback(options, report, source, &live.error);
	json_decref(live.real);
	json_decref(live.model);
	if (live.error)
		g_propagate_error(error, live.error);
	return !live.error;
}
