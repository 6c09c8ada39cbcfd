// SPDX-License-Identifier: GPL-2.0-or-later
/* btrfs: recordings of a real one, and the arithmetic of its trees. */
#include <string.h>

#include "validate/recording.h"

#define KNOWN "validate/data/btrfs"
#define RANDOM "validate/data/btrfs-random"

/* Adds the recordings replayed, which are one line of the report; frees what they left. */
static void add(struct validate_report *report, const char *what, struct recording_result *result,
		const char *source)
{
	struct validate_check *check = validate_equal(report, what, (int64_t)result->steps,
						      (int64_t)result->equal, "steps", source);

	if (result->difference)
		validate_note(check, "%s", result->difference);
	g_clear_pointer(&result->difference, g_free);
	*result = (struct recording_result){0};
}

static bool nothing_there(char *const *names, const char *folder, GError **error)
{
	g_autofree char *path = scenario_data_path(folder, NULL);

	if (*names)
		return false;
	g_set_error(error, VALIDATE_ERROR, VALIDATE_ERROR_IO,
		    "no recordings in %s\n"
		    "EXTENTSIM_DATADIR names the folder of the library that has them",
		    path);
	return true;
}

static bool replay_known(const struct validate_options *options, struct validate_report *report,
			 GError **error)
{
	g_auto(GStrv) names = scenario_library(KNOWN, ".ops");
	struct recording_result result = {0};

	if (nothing_there(names, KNOWN, error))
		return false;
	for (char **name = names; *name; name++) {
		g_autofree char *what = g_strdup_printf("Recording %s: equal", *name);

		if (!recording_replay(KNOWN, *name, options, &result, error))
			return false;
		add(report, what, &result, "Linux 6.18, recorded: " KNOWN);
	}
	return true;
}

/* PROFILE-SEED: those of one profile make one line. */
static size_t profile_length(const char *name)
{
	return strcspn(name, "-");
}

static bool replay_random(const struct validate_options *options, struct validate_report *report,
			  GError **error)
{
	g_auto(GStrv) names = scenario_library(RANDOM, ".ops");
	struct recording_result result = {0};
	unsigned int scripts = 0;

	if (nothing_there(names, RANDOM, error))
		return false;
	for (char **name = names; *name; name++) {
		size_t length = profile_length(*name);
		g_autofree char *what = NULL;

		if (!recording_replay(RANDOM, *name, options, &result, error)) {
			g_free(result.difference);
			return false;
		}
		scripts++;
		if (name[1] && profile_length(name[1]) == length &&
		    !strncmp(name[0], name[1], length))
			continue;
		what = g_strdup_printf("Random scripts, %.*s, %u: equal", (int)length, *name,
				       scripts);
		add(report, what, &result, "Linux 6.18, recorded: " RANDOM);
		scripts = 0;
	}
	return true;
}

bool validate_btrfs(const struct validate_options *options, struct validate_report *report,
		    GError **error)
{
	return replay_known(options, report, error) && replay_random(options, report, error) &&
	       validate_btrfs_trees(options, report, error);
}
