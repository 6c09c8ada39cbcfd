/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What all pictures share: their data, their style, and how gnuplot is told of names. */
#include "plot/internal.h"

#include <math.h>
#include <string.h>

GQuark plot_error_quark(void)
{
	return g_quark_from_static_string("plot-error");
}

void plot_free(struct plot *plot)
{
	g_free(plot->name);
	g_free(plot->title);
	g_free(plot->caption);
	g_free(plot->script);
	g_strfreev(plot->head);
	g_ptr_array_unref(plot->rows);
	g_free(plot);
}

static char *file_name(const char *text)
{
	enum { NAME_MAX_BYTES = 100 };
	char *name = g_strndup(text, NAME_MAX_BYTES);

	for (char *p = name; *p; p++)
		if (!g_ascii_isalnum(*p) && !strchr("-_", *p) && (*p != '.' || p == name))
			*p = '_';
	return name;
}

struct plot *plot_new(const char *name, const char *title, char *caption)
{
	struct plot *plot = g_new0(struct plot, 1);

	plot->name = file_name(name);
	plot->title = g_strdup(title);
	plot->caption = caption;
	plot->rows = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
	return plot;
}

void plot_set_head(struct plot *plot, GPtrArray *titles)
{
	plot->head = (char **)g_ptr_array_free(titles, FALSE);
}

void plot_add_row(struct plot *plot, GPtrArray *cells)
{
	g_ptr_array_add(cells, NULL);
	g_assert(g_strv_length(plot->head) == cells->len - 1);
	g_ptr_array_add(plot->rows, g_ptr_array_free(cells, FALSE));
}

void plots_take(GPtrArray *plots, struct plot *plot)
{
	if (plot->script)
		g_ptr_array_add(plots, plot);
	else
		plot_free(plot);
}

char *cell_number(double value)
{
	const double whole_below = 1e15; /* a double has all digits of an integer below 2^53 */
	char text[G_ASCII_DTOSTR_BUF_SIZE];
	bool whole = value == floor(value) && fabs(value) < whole_below;

	if (isnan(value))
		return g_strdup(PLOT_NOTHING);
	return g_strdup(g_ascii_formatd(text, sizeof(text), whole ? "%.0f" : "%.10g", value));
}

/* ---- words in a script ---- */

/* In single quotes gnuplot knows no escape but the doubled quote, and runs nothing. */
void append_quoted(GString *script, const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);

	g_string_append_c(script, '\'');
	for (const char *p = valid; *p; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		if (c == '\'')
			g_string_append(script, "''");
		else if (g_unichar_iscntrl(c))
			g_string_append_c(script, ' ');
		else
			g_string_append_unichar(script, c);
	}
	g_string_append_c(script, '\'');
}

void append_axis_label(GString *script, const char *label, const struct scale *scale)
{
	g_autofree char *unit = g_strconcat(scale->prefix ? scale->prefix : "", scale->name, NULL);
	g_autofree char *text = label ? g_strdup_printf("%s (%s)", label, unit) : NULL;

	append_quoted(script, text ? text : unit);
}

/* ---- units ---- */

static const struct {
	const char *unit;
	struct scale scale[5];
} scales[] = {
	{"ns", {{1, "ns", NULL}, {1e-3, "us", NULL}, {1e-6, "ms", NULL}, {1e-9, "s", NULL}}},
	{"bytes",
	 {{1, "bytes", NULL},
	  {1 / 1024.0, "KiB", NULL},
	  {1 / 1048576.0, "MiB", NULL},
	  {1 / 1073741824.0, "GiB", NULL},
	  {1 / 1099511627776.0, "TiB", NULL}}},
};
/* Other units keep their name; long figures are told in these. */
static const struct scale many[] = {{1e-9, NULL, "billion "}, {1e-6, NULL, "million "}};

struct scale scale_for(const char *unit, double max)
{
	for (size_t i = 0; i < G_N_ELEMENTS(scales); i++) {
		struct scale scale = scales[i].scale[0];

		if (strcmp(scales[i].unit, unit) != 0)
			continue;
		for (size_t k = 1; k < G_N_ELEMENTS(scales[i].scale); k++)
			if (scales[i].scale[k].name && max * scales[i].scale[k].factor >= 1)
				scale = scales[i].scale[k];
		return scale;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(many); i++)
		if (max * many[i].factor >= 1)
			return (struct scale){many[i].factor, unit, many[i].prefix};
	return (struct scale){1, unit, NULL};
}

/* ---- style ---- */

/* Okabe and Ito's colours, which all kinds of colour vision tell apart; the black is the page's own. */
const char *const style_colours[STYLES] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
					   "#E69F00", "#56B4E9", "#000000"};
static const char *const dashes[] = {"1", "2", "4", "5", "3", "'-..'"};
static const int marks[] = {7, 5, 9, 13, 11, 6, 4, 8, 12};

void append_style(GString *script, size_t i)
{
	g_string_append_printf(script, " lc rgb '%s' dt %s lw 2 pt %d", style_colours[i % STYLES],
			       dashes[i % G_N_ELEMENTS(dashes)], marks[i % G_N_ELEMENTS(marks)]);
}

/* In characters: the picture's width, and what the legend takes for each name beside it. */
enum { LINE_CHARACTERS = 82, LEGEND_SAMPLE = 10, LEGEND_LINE_HEIGHT = 20 };

static size_t legend_columns(const struct legend *legend)
{
	size_t room = LINE_CHARACTERS > legend->taken ? LINE_CHARACTERS - legend->taken : 0;

	return CLAMP(room / (legend->longest + LEGEND_SAMPLE), 1, MAX(legend->names, 1));
}

void legend_add(struct legend *legend, const char *name)
{
	legend->names++;
	legend->longest = MAX(legend->longest, (size_t)g_utf8_strlen(name, -1));
}

void append_legend(GString *script, const struct legend *legend)
{
	if (legend->names < 2)
		g_string_append(script, "unset key\n");
	else
		g_string_append_printf(
			script,
			"set key above left Left reverse horizontal samplen 3 maxcols %zu\n",
			legend_columns(legend));
}

unsigned legend_height(const struct legend *legend)
{
	size_t columns = legend_columns(legend);

	if (legend->names < 2)
		return 0;
	return (unsigned)((legend->names + columns - 1) / columns) * LEGEND_LINE_HEIGHT;
}

/* ---- rows ---- */

void append_row_tics(const struct plot *plot, GString *script)
{
	g_string_append(script, "set ytics (");
	for (guint i = 0; i < plot->rows->len; i++) {
		char **cells = plot->rows->pdata[i];

		if (i)
			g_string_append(script, ", ");
		append_quoted(script, cells[0]);
		g_string_append_printf(script, " %s", cells[1]);
	}
	g_string_append(script, ")\n");
}

size_t longest_label(const struct plot *plot)
{
	size_t longest = 0;

	for (guint i = 0; i < plot->rows->len; i++) {
		char **cells = plot->rows->pdata[i];

		longest = MAX(longest, (size_t)g_utf8_strlen(cells[0], -1));
	}
	return longest;
}
