/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The library: where its files are, and finding one by name. */
#include "scenarios/loader.h"

#include <stdlib.h>
#include <string.h>

static char *folder_path(const char *folder)
{
	const char *top = g_getenv("EXTENTSIM_DATADIR");

	return g_build_filename(top && *top ? top : EXTENTSIM_DATADIR, folder, NULL);
}

char *scenario_data_path(const char *folder, const char *file)
{
	g_autofree char *path = folder_path(folder);

	return file ? g_build_filename(path, file, NULL) : g_steal_pointer(&path);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char **scenario_library(const char *folder, const char *suffix)
{
	g_autofree char *path = folder_path(folder);
	GDir *dir = g_dir_open(path, 0, NULL);
	GPtrArray *names = g_ptr_array_new();
	const char *file;

	while (dir && (file = g_dir_read_name(dir)))
		if (g_str_has_suffix(file, suffix) && !g_str_has_suffix(file, ".schema.json"))
			g_ptr_array_add(names, g_strndup(file, strlen(file) - strlen(suffix)));
	if (dir)
		g_dir_close(dir);
	if (names->len)
		qsort(names->pdata, names->len, sizeof(gpointer), compare_names);
	g_ptr_array_add(names, NULL);
	return (char **)g_ptr_array_free(names, FALSE);
}

char *path_beside(const char *name, const char *beside)
{
	g_autofree char *folder = NULL;

	if (!beside || g_path_is_absolute(name))
		return g_strdup(name);
	folder = g_path_get_dirname(beside);
	return !strcmp(folder, ".") ? g_strdup(name) : g_build_filename(folder, name, NULL);
}

static char *library_path(const char *folder, const char *suffix, const char *name)
{
	bool whole = g_str_has_suffix(name, suffix);
	g_autofree char *file = g_strconcat(name, whole ? "" : suffix, NULL);

	return scenario_data_path(folder, file);
}

char *library_find(const char *folder, const char *suffix, const char *what, const char *name,
		   const char *beside, GError **error)
{
	g_autofree char *path = path_beside(name, beside), *in_library = NULL, *list = NULL;
	g_auto(GStrv) known = NULL;
	const char *nearest;
	bool found;

	if (!strcmp(name, "-"))
		return g_strdup(name);
	in_library = library_path(folder, suffix, name);
	found = *name && !strchr(name, '/') && g_file_test(in_library, G_FILE_TEST_IS_REGULAR);
	/* "first-run" is the library's before it is a file's; "first-run.json" the other way. */
	if (found && !g_str_has_suffix(name, suffix))
		return g_steal_pointer(&in_library);
	if (*name && g_file_test(path, G_FILE_TEST_EXISTS))
		return g_steal_pointer(&path);
	if (found)
		return g_steal_pointer(&in_library);
	known = scenario_library(folder, suffix);
	nearest = sim_name_nearest((const char *const *)known, name);
	list = g_strjoinv(", ", known);
	if (nearest)
		g_set_error(error, SCENARIO_ERROR, SCENARIO_ERROR_BAD,
			    "no %s \"%s\": neither a file nor a name of the library\n"
			    "did you mean \"%s\"?",
			    what, name, nearest);
	else
		g_set_error(error, SCENARIO_ERROR, SCENARIO_ERROR_BAD,
			    "no %s \"%s\": neither a file nor a name of the library\n"
			    "the library has: %s",
			    what, name, *list ? list : "none");
	return NULL;
}
