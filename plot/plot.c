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
	g_autofree char *text = *scale->name ? g_strdup_printf("%s (%s)", label, scale->name)
					     : g_strdup(label);

	append_quoted(script, text);
}

/* ---- units ---- */

static const struct {
	const char *unit;
	struct scale scale[5];
} scales[] = {
	{"ns", {{1, "ns"}, {1e-3, "us"}, {1e-6, "ms"}, {1e-9, "s"}}},
	{"bytes",
	 {{1, "bytes"},
	  {1 / 1024.0, "KiB"},
	  {1 / 1048576.0, "MiB"},
	  {1 / 1073741824.0, "GiB"},
	  {1 / 1099511627776.0, "TiB"}}},
};

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
	return (struct scale){1, unit};
}

/* ---- style ---- */

/* Okabe and Ito's colours, which all kinds of colour vision tell apart; the black is the page's own. */
const char *const style_colours[STYLES] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
					   "#E69F00", "#56B4E9", "#000000"};
static const char *const dashes[] = {"1", "2", "4", "5", "3", "'-..'"};
static const int marks[] = {7, 5, 9, 13, 11, 6, 4, 8, 12};

void append_style(GString *script, size_t i, bool points)
{
	/* Earlier ones are larger, so that one shows around another that it coincides with. */
	unsigned tenths = i < 6 ? 13 - 2 * (unsigned)i : 6;

	g_string_append_printf(script, " lc rgb '%s' dt %s lw 2", style_colours[i % STYLES],
			       dashes[i % G_N_ELEMENTS(dashes)]);
	if (points)
		g_string_append_printf(script, " pt %d ps %u.%u", marks[i % G_N_ELEMENTS(marks)],
				       tenths / 10, tenths % 10);
}

/* Names of the legend beside each other: of so many characters they fill a line. */
enum { LEGEND_LINE = 84, LEGEND_SAMPLE = 7, LEGEND_LINE_HEIGHT = 20 };

static size_t legend_columns(size_t n, size_t longest)
{
	return CLAMP(LEGEND_LINE / (longest + LEGEND_SAMPLE), 1, n);
}

void append_legend(GString *script, size_t n, size_t longest)
{
	if (n < 2)
		g_string_append(script, "unset key\n");
	else
		g_string_append_printf(script,
				       "set key above left Left reverse horizontal maxcols %zu\n",
				       legend_columns(n, longest));
}

unsigned legend_height(size_t n, size_t longest)
{
	size_t columns = legend_columns(MAX(n, 1), longest);

	return n < 2 ? 0 : (unsigned)((n + columns - 1) / columns) * LEGEND_LINE_HEIGHT;
}
