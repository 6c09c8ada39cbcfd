/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stored results as a command takes them. */
#include "results/internal.h"

#include <string.h>

char *results_file_name(const char *path)
{
	char *name = g_path_get_basename(path);

	if (g_str_has_suffix(name, ".json"))
		name[strlen(name) - strlen(".json")] = '\0';
	return name;
}

/* Its name, unless another has the same. */
static char *label_of(const char *const *paths, const char *path)
{
	g_autofree char *name = g_path_get_basename(path);
	unsigned namesakes = 0;

	for (; *paths; paths++) {
		g_autofree char *other_name = g_path_get_basename(*paths);

		namesakes += !strcmp(name, other_name);
	}
	return namesakes > 1 ? g_strdup(path) : results_file_name(path);
}

static bool read_folder(struct results_set *set, const char *path, GError **error)
{
	struct results_point *only;

	set->curve = results_curve_read(path, error);
	if (!set->curve || set->curve->points->len > 1)
		return set->curve;
	only = set->curve->points->pdata[0];
	g_ptr_array_add(set->docs, g_steal_pointer(&only->doc));
	g_ptr_array_add(set->labels, g_path_get_basename(path));
	g_clear_pointer(&set->curve, results_curve_free);
	return true;
}

static bool read_file(struct results_set *set, const char *const *paths, const char *path,
		      GError **error)
{
	struct results_doc *doc = results_read(path, error);

	if (!doc)
		return false;
	g_ptr_array_add(set->docs, doc);
	g_ptr_array_add(set->labels, label_of(paths, path));
	return true;
}

static bool read_all(struct results_set *set, const char *const *paths, GError **error)
{
	for (const char *const *path = paths; *path; path++) {
		bool folder = g_file_test(*path, G_FILE_TEST_IS_DIR);

		if (folder && paths[1]) {
			g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_NOT_COMPARABLE,
				    "%s: error: a folder of points is a curve, which stands alone",
				    *path);
			return false;
		}
		if (!(folder ? read_folder(set, *path, error)
			     : read_file(set, paths, *path, error)))
			return false;
	}
	g_ptr_array_add(set->labels, NULL);
	return true;
}

struct results_set *results_set_read(const char *const *paths, GError **error)
{
	struct results_set *set = g_new0(struct results_set, 1);

	set->docs = g_ptr_array_new_with_free_func((GDestroyNotify)results_doc_free);
	set->labels = g_ptr_array_new_with_free_func(g_free);
	if (read_all(set, paths, error))
		return set;
	results_set_free(set);
	return NULL;
}

struct results_comparison *results_set_compare(const struct results_set *set, GError **error)
{
	const char *const *labels = (const char *const *)set->labels->pdata;

	return results_compare((const struct results_doc *const *)set->docs->pdata,
			       set->docs->len > 1 ? labels : NULL, set->docs->len, error);
}

void results_set_free(struct results_set *set)
{
	g_ptr_array_unref(set->docs);
	g_ptr_array_unref(set->labels);
	if (set->curve)
		results_curve_free(set->curve);
	g_free(set);
}
