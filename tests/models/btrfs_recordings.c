/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scripts run as the program runs them, held against recordings of a real btrfs, item for item. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tests/models/script_run.h"

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

static int by_length_and_refs(const void *a, const void *b)
{
	const long long *x = a, *y = b;

	return x[0] != y[0] ? (x[0] < y[0] ? -1 : 1) : (x[1] > y[1]) - (x[1] < y[1]);
}

/* (length, references) of every extent listed, sorted; -1 ends. */
static long long *extents_of(json_t *step)
{
	json_t *disk = json_object_get(step, "disk"), *extent;
	long long *out = g_new(long long, 2 * json_array_size(disk) + 2);
	size_t i, n = 0;

	json_array_foreach(disk, i, extent)
	{
		if (!json_is_array(extent))
			continue; /* the 0 that closes a shortened list */
		out[2 * n] = json_integer_value(json_array_get(extent, 1));
		out[2 * n + 1] = json_integer_value(json_array_get(extent, 2));
		n++;
	}
	qsort(out, n, 2 * sizeof(*out), by_length_and_refs);
	out[2 * n] = out[2 * n + 1] = -1;
	return out;
}

static void compare_extents(const char *name, size_t index, json_t *real, json_t *model)
{
	long long *a = extents_of(real), *b = extents_of(model);

	for (size_t i = 0;; i++) {
		cr_assert(a[i] == b[i], "%s step %zu: extent %zu: real %lld, model %lld", name,
			  index, i / 2, a[i], b[i]);
		if (a[i] == -1)
			break;
	}
	g_free(a);
	g_free(b);
}

static void compare_files(const char *name, size_t index, json_t *real, json_t *model)
{
	static const char *const keys[] = {"size", "ext", "n", "inline", "prealloc", "holes"};
	json_t *files = json_object_get(real, "files"), *file;
	json_t *others = json_object_get(model, "files");
	const char *path;

	cr_assert_eq(json_object_size(files), json_object_size(others), "%s step %zu: %zu files",
		     name, index, json_object_size(others));
	json_object_foreach(files, path, file)
	{
		json_t *other = json_object_get(others, path);

		cr_assert(other, "%s step %zu: %s is missing", name, index, path);
		for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
			char *text = json_dumps(json_object_get(other, keys[i]), JSON_ENCODE_ANY);

			cr_assert(json_equal(json_object_get(file, keys[i]),
					     json_object_get(other, keys[i])),
				  "%s step %zu: %s: %s differs: %.200s", name, index, path, keys[i],
				  text);
			free(text);
		}
	}
}

static void compare_step(const char *name, size_t index, json_t *real, json_t *model)
{
	static const char *const keys[] = {"ops", "disk_n", "disk_bytes"};

	compare_files(name, index, real, model);
	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
		char *text = json_dumps(json_object_get(model, keys[i]), JSON_ENCODE_ANY);

		cr_assert(
			json_equal(json_object_get(real, keys[i]), json_object_get(model, keys[i])),
			"%s step %zu: %s differs: %s", name, index, keys[i], text);
		free(text);
	}
	compare_extents(name, index, real, model);
}

/* The steps that the model dumps, as `extentsim layout` prints them. */
static json_t *model_steps(const char *name, const char *path)
{
	static const char *const plain[] = {NULL};
	static const char *const compressed[] = {"filesystem.compress=true", NULL};
	struct script_run run = {
		.path = path,
		.sets = strstr(name, "zstd") ? compressed : plain,
		.keep_dumps = true,
	};
	struct world_outcome outcome = script_run(&run, 0);
	char *text = g_strdup_printf("[%s]", outcome.dumps);
	json_t *steps = json_loads(text, 0, NULL);

	cr_assert(steps, "%s: the dumps are no JSON", name);
	g_free(text);
	world_outcome_clear(&outcome);
	return steps;
}

static void compare_recording(const char *directory, const char *name)
{
	char *stem = g_build_filename(directory, name, NULL);
	char *ops_path = g_strconcat(stem, ".ops", NULL);
	char *json_path = g_strconcat(stem, ".json", NULL);
	json_t *recorded = json_load_file(json_path, 0, NULL), *real, *step;
	json_t *model = model_steps(name, ops_path);
	size_t i;

	cr_assert(recorded, "%s is no JSON", json_path);
	real = json_object_get(recorded, "steps");
	cr_assert_eq(json_array_size(real), json_array_size(model), "%s: steps", name);
	json_array_foreach(real, i, step)
	{
		compare_step(name, i, step, json_array_get(model, i));
	}
	g_free(stem);
	g_free(ops_path);
	g_free(json_path);
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
