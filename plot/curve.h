/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A metric of a curve on its way to a picture. */
#ifndef PLOT_CURVE_H
#define PLOT_CURVE_H

#include "plot/internal.h"

/** An axis of more than one step. */
struct view_axis {
	const char *name;
	size_t index; /* in the curve */
	GPtrArray *steps; /* char *, in their order; not owned */
	bool numbers;
	const char *unit; /* of the numbers */
};

struct view {
	const struct results_curve *curve;
	GPtrArray *axes; /* struct view_axis * */
	const char *metric, *unit;
	GPtrArray *variants; /* char *: those that have it */
	GArray *styles; /* guint, of each */
	struct legend legend;
	double min, max; /* 0 included */
	double smallest;
	struct scale scale;
	bool sampled; /* some figure has an interval */
	bool steep; /* figures are shown by their logarithm */
};

/** Number of the step at which a point is. */
guint view_step(const struct view_axis *axis, const struct results_point *point);
/** NULL where there is none, or a run did not come to its end. */
const struct results_metric *view_metric(const struct view *view, guint point, const char *variant);
/** Whether figures from `smallest` to `largest` are shown by their logarithm. */
bool view_is_steep(double smallest, double largest);
/** What is shown, and how to read it; the caller frees. */
char *view_caption(const struct view *view, const char *shown);
/** Appends the tics of a picture's axis `name` ("x"): the steps, each at its number. */
void view_append_tics(const struct view_axis *axis, const char *name, GString *script);
/** Adds a heat map for each variant that has different figures. */
void heat_maps(const struct view *view, GPtrArray *plots);

#endif
