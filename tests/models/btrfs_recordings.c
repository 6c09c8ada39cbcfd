/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scripts run as the program runs them, held against recordings of a real btrfs, item for item. */
#include <criterion/criterion.h>
#include <string.h>

#include "validate/layout.h"

static gint by_name(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static GPtrArray *recordings(const char *directory)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	GDir *dir = g_dir_open(directory, 0, NULL);
	const char *name;

	cr_assert(dir, "no directory %s", directory);
	while ((name = g_dir_read_name(dir)))
		if (g_str_has_suffix(name, ".ops"))
			g_ptr_array_add(names, g_strndup(name, strlen(name) - 4));
	g_dir_close(dir);
	g_ptr_array_sort(names, by_name);
	return names;
}

static void compare_recording(const char *directory, const char *name)
{
	static const char *const compressed[] = {"filesystem.compress=true", NULL};
	g_autofree char *stem = g_build_filename(directory, name, NULL);
	g_autofree char *ops_path = g_strconcat(stem, ".ops", NULL);
	g_autofree char *json_path = g_strconcat(stem, ".json", NULL), *difference = NULL;
	json_t *recorded = json_load_file(json_path, 0, NULL);
	GError *error = NULL;
	json_t *model = layout_by_model(ops_path, strstr(name, "zstd") ? compressed : NULL, NULL,
					&error);

	cr_assert(recorded, "%s is no JSON", json_path);
	cr_assert(model, "%s", error ? error->message : "?");
	difference = layout_difference(json_object_get(recorded, "steps"), model);
	cr_expect_null(difference, "%s: %s", name, difference);
	json_decref(model);
	json_decref(recorded);
}

static void compare_all(const char *folder, unsigned int at_least)
{
	char *directory = g_build_filename(EXTENTSIM_DATADIR, "tests/data", folder, NULL);
	GPtrArray *names = recordings(directory);

	cr_assert_geq(names->len, at_least, "only %u recordings", names->len);
	for (unsigned int i = 0; i < names->len; i++)
		compare_recording(directory, names->pdata[i]);
	g_ptr_array_free(names, TRUE);
	g_free(directory);
}

Test(btrfs_recordings, known_sequences_come_out_as_on_a_real_btrfs)
{
	compare_all("btrfs", 25);
}

Test(btrfs_recordings, random_scripts_come_out_as_on_a_real_btrfs)
{
	compare_all("btrfs-random", 38);
}
