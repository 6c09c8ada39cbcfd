/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plot: results as pictures, drawn by gnuplot, and as one page of HTML. Which pictures a result yields is
 * decided here, and what each of them shows; figures are those of results/ and are not computed anew.
 * Nothing is printed: strings are filled and files written. gnuplot runs as a child, without a shell,
 * in a folder of its own, from a script and a data file that a user can take and change.
 */
#ifndef PLOT_H
#define PLOT_H

#include <glib.h>
#include <stdbool.h>

#include "results/results.h"

#define PLOT_ERROR plot_error_quark()
GQuark plot_error_quark(void);
enum plot_error {
	PLOT_ERROR_TOOL, /* gnuplot is not there, or failed; the message has what it said */
};

/** A picture, with the data behind it. */
struct plot {
	char *name; /* of its files: letters, digits, '-', '_', '.' */
	char *title;
	char *caption; /* what is drawn, and how to read it */
	char *script; /* gnuplot's commands; they read `name`.dat and leave terminal and output open */
	unsigned height; /* units of the picture; its width is PLOT_WIDTH */
	char **head; /* titles of the data's columns, NULL-terminated */
	GPtrArray *rows; /* char **, NULL-terminated, as long as the head; PLOT_NOTHING: no value */
};
enum { PLOT_WIDTH = 720 };
#define PLOT_NOTHING "NaN"
void plot_free(struct plot *plot);

/**
 * The pictures of a curve: each metric that it measures over its axis, or as a heat map of the first
 * two. Of a curve of one point they are those of plots_of_comparison(). Metrics that are nowhere, or 0
 * everywhere, have no picture. The array owns its plots.
 */
GPtrArray *plots_of_curve(const struct results_curve *curve);
/** The pictures of one result or of several side by side: latency, parts of latency, memory over time,
 * cost against memory, as far as the documents carry them. */
GPtrArray *plots_of_comparison(const struct results_comparison *cmp);

/** A miss-ratio curve: what share of accesses finds no key in a cache of `size` keys. */
struct plot_misses {
	const char *label; /* the policy */
	const uint64_t *size, *misses;
	size_t points;
	uint64_t accesses;
};
/** `upper_bound`: a cache above answers some of the accesses. */
struct plot *plot_of_misses(const struct plot_misses *curve, size_t count, bool upper_bound);

enum plot_format { PLOT_SVG, PLOT_PNG };
/** Draws a picture without its title; its bytes, which the caller frees, or NULL. The same gnuplot gives the same bytes. */
GString *plot_render(const struct plot *plot, enum plot_format format, GError **error);
/** Draws the pictures into a folder, which is made: for each NAME.svg or .png, NAME.gp, which makes it
 * anew, title and all, and NAME.dat. Each file appears whole or not at all, and none if gnuplot fails. */
bool plots_write(const GPtrArray *plots, const char *folder, enum plot_format format,
		 GError **error);

/** What a page shows. One of `curve` and `cmp` is there. */
struct plot_page {
	const struct results_curve *curve; /* of more than one point */
	const struct results_comparison *cmp;
	const GPtrArray *plots; /* struct plot *; NULL: without pictures */
	const char *command; /* that makes the result anew */
	const char *const *measure; /* metrics of the table; NULL: the usual */
};
/** Appends a page of HTML that is also well-formed XML, with all that it needs inside: no script, nothing
 * fetched. */
bool plot_page(const struct plot_page *page, GString *out, GError **error);

#endif
