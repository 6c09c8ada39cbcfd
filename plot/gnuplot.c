/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Running gnuplot: in a folder of its own, without a shell, whole or not at all. */
#include "plot/internal.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/wait.h>

static const char *const suffixes[] = {[PLOT_SVG] = "svg", [PLOT_PNG] = "png"};

/* ---- the files ---- */

static void append_data_cell(GString *data, const char *cell)
{
	char *end;

	g_ascii_strtod(cell, &end);
	if (*cell && !*end) {
		g_string_append(data, cell);
		return;
	}
	g_string_append_c(data, '"');
	for (; *cell; cell++)
		g_string_append_c(data, *cell == '"' ? '\'' : g_ascii_iscntrl(*cell) ? ' ' : *cell);
	g_string_append_c(data, '"');
}

static void append_line(GString *data, char **cells)
{
	for (size_t i = 0; cells[i]; i++) {
		if (i)
			g_string_append_c(data, '\t');
		append_data_cell(data, cells[i]);
	}
	g_string_append_c(data, '\n');
}

static char *data_text(const struct plot *plot)
{
	GString *data = g_string_new("# ");

	append_line(data, plot->head);
	for (guint i = 0; i < plot->rows->len; i++)
		append_line(data, plot->rows->pdata[i]);
	return g_string_free(data, FALSE);
}

/* In a page the title stands above the picture. */
static char *script_text(const struct plot *plot, enum plot_format format, bool titled)
{
	const unsigned png_zoom = 2; /* pixels to a unit: sharp in print and on dense screens */
	GString *script = g_string_new(NULL);

	g_string_append_printf(script, "# `gnuplot %s.gp` draws %s.%s from %s.dat\n", plot->name,
			       plot->name, suffixes[format], plot->name);
	if (format == PLOT_SVG)
		g_string_append_printf(script,
				       "set terminal svg noenhanced size %d,%u font "
				       "'sans-serif,14' name 'plot'\n",
				       PLOT_WIDTH, plot->height);
	else
		g_string_append_printf(script,
				       "set terminal pngcairo noenhanced size %u,%u font "
				       "'sans-serif,10' fontscale %u linewidth %u pointscale %u\n",
				       PLOT_WIDTH * png_zoom, plot->height * png_zoom, png_zoom,
				       png_zoom, png_zoom);
	g_string_append_printf(script,
			       "set output '%s.%s'\n"
			       "set encoding utf8\n"
			       "set datafile separator \"\\t\"\n"
			       "set border 3\n"
			       "set tics nomirror out\n"
			       "set grid lc rgb '#dddddd' lt 1 lw 0.5\n"
			       "set bars 0.6\n",
			       plot->name, suffixes[format]);
	if (titled) {
		g_string_append(script, "set title noenhanced ");
		append_quoted(script, plot->title);
		g_string_append_c(script, '\n');
	}
	g_string_append(script, plot->script);
	return g_string_free(script, FALSE);
}

/* ---- the child ---- */

static bool tool_error(GError **error, const struct plot *plot, const char *what)
{
	g_set_error(error, PLOT_ERROR, PLOT_ERROR_TOOL, "gnuplot failed on %s: %s", plot->name,
		    what);
	return false;
}

static bool run_gnuplot(const struct plot *plot, const char *folder, GError **error)
{
	g_autofree char *script = g_strconcat(plot->name, ".gp", NULL);
	char *argv[] = {(char[]){"gnuplot"}, (char[]){"-d"}, script, NULL};
	g_auto(GStrv) environment = g_environ_setenv(g_get_environ(), "LC_ALL", "C.UTF-8", TRUE);
	g_autofree char *out = NULL, *err = NULL;
	GError *cause = NULL;
	int status;

	if (!g_spawn_sync(folder, argv, environment, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, &err,
			  &status, &cause)) {
		g_set_error(error, PLOT_ERROR, PLOT_ERROR_TOOL,
			    "can't run gnuplot: %s\n"
			    "pictures need it: install gnuplot-nox, or do without them",
			    cause->message);
		g_error_free(cause);
		return false;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	g_strstrip(err);
	return tool_error(error, plot, *err ? err : "it says nothing");
}

static bool put(const char *folder, const char *name, const char *suffix, const char *text,
		GError **error)
{
	g_autofree char *file = g_strconcat(name, suffix, NULL);
	g_autofree char *path = g_build_filename(folder, file, NULL);

	return results_write_text(path, text, strlen(text), error);
}

static void remove_folder(const char *folder)
{
	GDir *dir = g_dir_open(folder, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(folder, name, NULL);

		g_unlink(path);
	}
	if (dir)
		g_dir_close(dir);
	g_rmdir(folder);
}

/* gnuplot escapes '<' and '&', which is all that XML minds, but for this. */
static void mend_xml(GString *svg)
{
	g_string_replace(svg, "]]>", "]]&gt;", 0);
}

/* On an error it leaves an empty picture, so what counts is its status and what is in the file. */
static GString *take_picture(const struct plot *plot, const char *folder, enum plot_format format,
			     GError **error)
{
	g_autofree char *file = g_strconcat(plot->name, ".", suffixes[format], NULL);
	g_autofree char *path = g_build_filename(folder, file, NULL);
	g_autofree char *bytes = NULL;
	gsize length = 0;
	GString *picture;

	if (!g_file_get_contents(path, &bytes, &length, NULL) || !length) {
		tool_error(error, plot, "it left no picture");
		return NULL;
	}
	picture = g_string_new_len(bytes, (gssize)length);
	if (format == PLOT_SVG)
		mend_xml(picture);
	return picture;
}

static GString *render(const struct plot *plot, enum plot_format format, bool titled,
		       GError **error)
{
	g_autofree char *folder = g_dir_make_tmp("extentsim-plot-XXXXXX", error);
	g_autofree char *data = data_text(plot), *script = script_text(plot, format, titled);
	GString *picture = NULL;

	if (!folder)
		return NULL;
	if (put(folder, plot->name, ".dat", data, error) &&
	    put(folder, plot->name, ".gp", script, error) && run_gnuplot(plot, folder, error))
		picture = take_picture(plot, folder, format, error);
	remove_folder(folder);
	return picture;
}

GString *plot_render(const struct plot *plot, enum plot_format format, GError **error)
{
	return render(plot, format, false, error);
}

/* ---- into a folder ---- */

static bool write_one(const struct plot *plot, const char *folder, enum plot_format format,
		      const GString *picture, GError **error)
{
	g_autofree char *data = data_text(plot), *script = script_text(plot, format, true);
	g_autofree char *file = g_strconcat(plot->name, ".", suffixes[format], NULL);
	g_autofree char *path = g_build_filename(folder, file, NULL);

	return put(folder, plot->name, ".dat", data, error) &&
	       put(folder, plot->name, ".gp", script, error) &&
	       results_write_text(path, picture->str, picture->len, error);
}

static void free_picture(void *picture)
{
	g_string_free(picture, TRUE);
}

bool plots_write(const GPtrArray *plots, const char *folder, enum plot_format format,
		 GError **error)
{
	g_autoptr(GPtrArray) pictures = g_ptr_array_new_with_free_func(free_picture);

	for (guint i = 0; i < plots->len; i++) {
		GString *picture = render(plots->pdata[i], format, true, error);

		if (!picture)
			return false;
		g_ptr_array_add(pictures, picture);
	}
	if (g_mkdir_with_parents(folder, 0777)) {
		g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_IO,
			    "%s: error: can't make the folder: %s", folder, g_strerror(errno));
		return false;
	}
	for (guint i = 0; i < plots->len; i++)
		if (!write_one(plots->pdata[i], folder, format, pictures->pdata[i], error))
			return false;
	return true;
}
