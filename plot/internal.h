/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of this room share among themselves. */
#ifndef PLOT_INTERNAL_H
#define PLOT_INTERNAL_H

#include "plot/plot.h"

/* ---- plot.c ---- */

/** A plot without script and data. The name is made fit for a file. Takes `caption` over. */
struct plot *plot_new(const char *name, const char *title, char *caption);
/** Columns, NULL-terminated. */
void plot_set_head(struct plot *plot, GPtrArray *titles);
/** Adds a row; takes the strings and the array over. */
void plot_add_row(struct plot *plot, GPtrArray *cells);
/** Adds a plot to those there are, if it has been given a script; else there is nothing to draw, and it
 * is freed. */
void plots_take(GPtrArray *plots, struct plot *plot);
/** A cell of a figure, with all its digits; NaN gives PLOT_NOTHING. */
char *cell_number(double value);
/** Appends a gnuplot string: 'quoted', so that nothing in it is a command. */
void append_quoted(GString *script, const char *text);

/** How gnuplot shows a unit: figures are multiplied by `factor` and named `prefix` and `name`. */
struct scale {
	double factor;
	const char *name, *prefix; /* prefix: "million ", or NULL */
};
/** The one that suits figures up to `max`. */
struct scale scale_for(const char *unit, double max);
/** Appends "'LABEL (UNIT)'"; `label` NULL: the unit alone. */
void append_axis_label(GString *script, const char *label, const struct scale *scale);
/** The i-th style: colour, dash and mark of their own. The size of marks is left open. */
void append_style(GString *script, size_t i);
enum { STYLES = 7 };
extern const char *const style_colours[STYLES];

/** What stands in a legend. */
struct legend {
	size_t names, longest; /* characters of the longest name */
	size_t taken; /* characters that stand left of the picture's frame */
};
/** One more name stands in it. */
void legend_add(struct legend *legend, const char *name);
void append_legend(GString *script, const struct legend *legend);
/** Units of height that it takes. */
unsigned legend_height(const struct legend *legend);

/** Appends the labels of rows: of each row of the data its first cell, at the place in its second. */
void append_row_tics(const struct plot *plot, GString *script);
/** Characters of the longest of them. */
size_t longest_label(const struct plot *plot);

/* ---- svg.c ---- */

/** gnuplot's SVG made fit for a page: without prologue, its ids beginning with `prefix`, and black as the
 * page's text colour. Appends it; false if it is no SVG. */
bool svg_inline(const char *svg, const char *prefix, const char *label, GString *out);

/* ---- html.c ---- */

/** Appends text with what HTML and XML mind escaped, and control characters as '?'. */
void html_text(GString *out, const char *text);
/** Appends a format of which each %s is escaped, and nothing else is. */
void html_format(GString *out, const char *format, ...);

/* ---- page's parts ---- */

/** Sheets, NULL-terminated. */
extern const char *const page_styles[];
void page_table(const struct plot_page *page, GString *out);
void page_findings(const struct plot_page *page, GString *out);
void page_basis(const struct plot_page *page, GString *out);
bool page_plots(const struct plot_page *page, GString *out, GError **error);

#endif
