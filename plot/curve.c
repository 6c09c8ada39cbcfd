/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A metric over a scenario's axes. Over one axis of numbers: lines over it. Over words, or over several
 * axes with few points: a row for each point. Over two axes of many points: a heat map for each variant.
 */
#include "plot/curve.h"

#include <math.h>
#include <string.h>

enum {
	DOT_ROWS_MAX = 40, /* a picture is no longer; the first axis then has one for each step */
};
#define WIDE 20.0 /* last step over first from which on an axis of numbers is logarithmic */
#define STEEP 100.0 /* largest figure over smallest from which on their axis is */

static const struct results_point *point_at(const struct results_curve *curve, guint i)
{
	return curve->points->pdata[i];
}

/* ---- what there is ---- */

static void take_steps(struct view_axis *axis, const struct results_curve *curve)
{
	double number;
	const char *unit;

	axis->numbers = true;
	for (guint i = 0; i < curve->points->len; i++) {
		char *step = point_at(curve, i)->step[axis->index];

		if (g_ptr_array_find_with_equal_func(axis->steps, step, g_str_equal, NULL))
			continue;
		g_ptr_array_add(axis->steps, step);
		axis->numbers = axis->numbers && results_step_number(step, &number, &unit);
		if (axis->numbers)
			axis->unit = unit;
	}
}

static void free_axis(void *data)
{
	struct view_axis *axis = data;

	g_ptr_array_unref(axis->steps);
	g_free(axis);
}

/* Axes of more than one step. */
static GPtrArray *axes_of(const struct results_curve *curve)
{
	GPtrArray *axes = g_ptr_array_new_with_free_func(free_axis);

	for (size_t a = 0; curve->axis[a]; a++) {
		struct view_axis *axis = g_new0(struct view_axis, 1);

		axis->name = curve->axis[a];
		axis->index = a;
		axis->steps = g_ptr_array_new();
		take_steps(axis, curve);
		if (axis->steps->len > 1)
			g_ptr_array_add(axes, axis);
		else
			free_axis(axis);
	}
	return axes;
}

guint view_step(const struct view_axis *axis, const struct results_point *point)
{
	guint index = 0;

	g_ptr_array_find_with_equal_func(axis->steps, point->step[axis->index], g_str_equal,
					 &index);
	return index;
}

const struct results_metric *view_metric(const struct view *view, guint point, const char *variant)
{
	const struct results_doc *doc = point_at(view->curve, point)->doc;
	const struct results_variant *column = doc ? results_doc_variant(doc, variant) : NULL;

	return column && !results_variant_stopped(doc, column)
		       ? results_variant_metric(column, view->metric)
		       : NULL;
}

/* ---- one metric ---- */

static void take_range(struct view *view, const struct results_metric *metric)
{
	view->unit = metric->unit;
	view->max = MAX(view->max, metric->value + metric->half_width);
	view->min = MIN(view->min, metric->value - metric->half_width);
	view->smallest = MIN(view->smallest, metric->value - metric->half_width);
	view->sampled = view->sampled || metric->half_width > 0;
}

bool view_is_steep(double smallest, double largest)
{
	return smallest > 0 && largest / smallest >= STEEP;
}

/* False where the metric is nowhere, or 0 everywhere. */
static bool look_at(struct view *view, const char *name)
{
	const struct results_doc *doc = results_curve_doc(view->curve);

	view->metric = name;
	view->unit = NULL;
	view->min = view->max = 0;
	view->smallest = INFINITY;
	view->sampled = false;
	g_ptr_array_set_size(view->variants, 0);
	g_array_set_size(view->styles, 0);
	view->legend = (struct legend){.taken = 8};
	for (guint v = 0; v < doc->variants->len; v++) {
		char *variant = ((struct results_variant *)doc->variants->pdata[v])->name;
		bool any = false;

		for (guint i = 0; i < view->curve->points->len; i++) {
			const struct results_metric *metric = view_metric(view, i, variant);

			any = any || metric;
			if (metric)
				take_range(view, metric);
		}
		if (!any)
			continue;
		g_ptr_array_add(view->variants, variant);
		g_array_append_val(view->styles, v);
		legend_add(&view->legend, variant);
	}
	if (!view->unit || (view->max == 0 && view->min == 0))
		return false;
	view->scale = scale_for(view->unit, MAX(view->max, -view->min));
	view->steep = view_is_steep(view->smallest, view->max);
	return true;
}

static bool any_stopped(const struct results_curve *curve)
{
	for (guint i = 0; i < curve->points->len; i++) {
		const struct results_doc *doc = point_at(curve, i)->doc;

		for (guint v = 0; doc && v < doc->variants->len; v++)
			if (results_variant_stopped(doc, doc->variants->pdata[v]))
				return true;
	}
	return false;
}

char *view_caption(const struct view *view, const char *shown)
{
	GString *caption = g_string_new(shown);

	if (view->sampled)
		g_string_append_printf(caption,
				       " Whiskers are 95%% intervals of the mean over %u seeds.",
				       results_curve_doc(view->curve)->replications);
	if (view->steep)
		g_string_append(caption, " The figures' axis is logarithmic.");
	if (any_stopped(view->curve))
		g_string_append(caption, " Where a run did not come to its end there is no mark.");
	return g_string_free(caption, FALSE);
}

/* A variant looks the same in all pictures. */
static guint view_style(const struct view *view, guint variant)
{
	return g_array_index(view->styles, guint, variant);
}

static bool has_any(const struct view *view, guint point)
{
	for (guint v = 0; v < view->variants->len; v++)
		if (view_metric(view, point, view->variants->pdata[v]))
			return true;
	return false;
}

static void append_range(const struct view *view, const char *axis, GString *script)
{
	if (view->steep)
		g_string_append_printf(script, "set logscale %s 10\nset format %s '%%.6g'\n", axis,
				       axis);
	else if (view->min < 0)
		g_string_append_printf(script, "set format %s '%%.6g'\n", axis);
	else
		g_string_append_printf(script, "set format %s '%%.6g'\nset %srange [0:*]\n", axis,
				       axis);
}

static void add_figures(const struct view *view, guint point, GPtrArray *cells)
{
	for (guint v = 0; v < view->variants->len; v++) {
		const struct results_metric *metric =
			view_metric(view, point, view->variants->pdata[v]);
		double value = metric ? metric->value : NAN, half = metric ? metric->half_width : 0;

		g_ptr_array_add(cells, cell_number(value));
		if (!view->sampled)
			continue;
		g_ptr_array_add(cells, cell_number(value - half));
		g_ptr_array_add(cells, cell_number(value + half));
	}
}

static void add_figure_titles(const struct view *view, GPtrArray *head)
{
	for (guint v = 0; v < view->variants->len; v++) {
		const char *name = view->variants->pdata[v];

		g_ptr_array_add(head, g_strdup_printf("%s (%s)", name, view->unit));
		if (!view->sampled)
			continue;
		g_ptr_array_add(head, g_strdup_printf("%s, low", name));
		g_ptr_array_add(head, g_strdup_printf("%s, high", name));
	}
	g_ptr_array_add(head, NULL);
}

/* ---- lines over numbers ---- */

struct x_axis {
	bool log, ordinal; /* ordinal: steps stand beside each other, as their numbers can't */
};

static double x_of(const struct view_axis *axis, const struct x_axis *x, guint step)
{
	double number;

	results_step_number(axis->steps->pdata[step], &number, NULL);
	return x->ordinal ? step : number;
}

static struct x_axis x_axis_of(const struct view_axis *axis)
{
	struct x_axis x = {false, false};
	double first = x_of(axis, &x, 0), last = x_of(axis, &x, axis->steps->len - 1);
	double second = x_of(axis, &x, 1);

	x.log = first > 0 && last / first >= WIDE;
	x.ordinal = !x.log && (last - first) / (second - first) >= WIDE;
	return x;
}

/* The tics of a picture's axis: of each step its name, at its number, or at where `x` puts it. */
static void append_tics_at(const struct view_axis *axis, const struct x_axis *x, const char *name,
			   GString *script)
{
	g_string_append_printf(script, "set %stics (", name);
	for (guint i = 0; i < axis->steps->len; i++) {
		g_autofree char *at = cell_number(x ? x_of(axis, x, i) : i);

		if (i)
			g_string_append(script, ", ");
		append_quoted(script, axis->steps->pdata[i]);
		g_string_append_printf(script, " %s", at);
	}
	g_string_append(script, ")\n");
}

void view_append_tics(const struct view_axis *axis, const char *name, GString *script)
{
	append_tics_at(axis, NULL, name, script);
}

static void append_lines(const struct view *view, struct plot *plot, GString *script)
{
	unsigned stride = view->sampled ? 3 : 1;

	g_string_append(script, "plot ");
	for (guint v = 0; v < view->variants->len; v++) {
		unsigned column = 3 + v * stride;

		if (v)
			g_string_append(script, ", \\\n  ");
		g_string_append_printf(script, "'%s.dat' using 2:($%u*%.17g) with linespoints",
				       plot->name, column, view->scale.factor);
		append_style(script, view_style(view, v));
		/* Earlier ones are larger, so that one shows around another that it meets. */
		g_string_append_printf(script, " ps 0.%u title ", 95 - 7 * MIN(v, 6));
		append_quoted(script, view->variants->pdata[v]);
		if (view->sampled)
			g_string_append_printf(
				script,
				", \\\n  '%s.dat' using 2:($%u*%.17g):($%u*%.17g):($%u*%.17g) with "
				"yerrorbars pt 0 dt 1 lw 1.5 lc rgb '%s' notitle",
				plot->name, column, view->scale.factor, column + 1,
				view->scale.factor, column + 2, view->scale.factor,
				style_colours[view_style(view, v) % STYLES]);
	}
	g_string_append_c(script, '\n');
}

static struct plot *plot_lines(const struct view *view)
{
	enum { HEIGHT = 340 };
	const struct view_axis *axis = view->axes->pdata[0];
	struct x_axis x = x_axis_of(axis);
	g_autofree char *title = g_strdup_printf("%s over %s", view->metric, axis->name);
	struct plot *plot = plot_new(view->metric, title, NULL);
	GPtrArray *head = g_ptr_array_new();
	GString *script = g_string_new(NULL);
	g_autofree char *shown =
		g_strdup_printf("%s of each variant at each step of %s.", view->metric, axis->name);

	plot->caption = view_caption(view, shown);
	plot->height = HEIGHT + legend_height(&view->legend);
	g_ptr_array_add(head, g_strdup(axis->name));
	g_ptr_array_add(head, g_strdup(*axis->unit ? axis->unit : "as a number"));
	add_figure_titles(view, head);
	plot_set_head(plot, head);
	for (guint i = 0; i < view->curve->points->len; i++) {
		GPtrArray *cells;
		guint step = view_step(axis, point_at(view->curve, i));

		if (!has_any(view, i))
			continue;
		cells = g_ptr_array_new();
		g_ptr_array_add(cells, g_strdup(axis->steps->pdata[step]));
		g_ptr_array_add(cells, cell_number(x_of(axis, &x, step)));
		add_figures(view, i, cells);
		plot_add_row(plot, cells);
	}
	append_legend(script, &view->legend);
	g_string_append(script, "set xlabel noenhanced ");
	append_quoted(script, axis->name);
	g_string_append(script, "\nset ylabel noenhanced ");
	append_axis_label(script, view->metric, &view->scale);
	g_string_append_c(script, '\n');
	append_tics_at(axis, &x, "x", script);
	if (x.log)
		g_string_append(script, "set logscale x 10\n");
	g_string_append(script, "set offsets graph 0.02, graph 0.02, 0, 0\n");
	append_range(view, "y", script);
	append_lines(view, plot, script);
	plot->script = g_string_free(script, FALSE);
	return plot;
}

/* ---- a row for each point ---- */

static char *row_label(const struct view *view, guint point)
{
	GString *label = g_string_new(NULL);

	for (guint a = 0; a < view->axes->len; a++) {
		const struct view_axis *axis = view->axes->pdata[a];

		g_string_append_printf(label, "%s%s", a ? ", " : "",
				       point_at(view->curve, point)->step[axis->index]);
	}
	return g_string_free(label, FALSE);
}

static char *axes_text(const struct view *view)
{
	GString *text = g_string_new(NULL);

	for (guint a = 0; a < view->axes->len; a++)
		g_string_append_printf(text, "%s%s", a ? ", " : "",
				       ((struct view_axis *)view->axes->pdata[a])->name);
	return g_string_free(text, FALSE);
}

static void append_dots(const struct view *view, struct plot *plot, GString *script)
{
	const double spread = 0.6; /* of a row, over which its variants stand */
	guint n = view->variants->len;
	unsigned stride = view->sampled ? 3 : 1;

	g_string_append(script, "plot ");
	for (guint v = 0; v < n; v++) {
		double shift = n > 1 ? spread * (v / (double)(n - 1) - 0.5) : 0;
		unsigned column = 3 + v * stride;

		if (v)
			g_string_append(script, ", \\\n  ");
		if (view->sampled)
			g_string_append_printf(
				script,
				"'%s.dat' using ($%u*%.17g):($2%+.3f):($%u*%.17g):($%u*%.17g) with "
				"xerrorbars pt 0 dt 1 lw 1.5 lc rgb '%s' notitle, \\\n  ",
				plot->name, column, view->scale.factor, shift, column + 1,
				view->scale.factor, column + 2, view->scale.factor,
				style_colours[view_style(view, v) % STYLES]);
		g_string_append_printf(script, "'%s.dat' using ($%u*%.17g):($2%+.3f) with points",
				       plot->name, column, view->scale.factor, shift);
		append_style(script, view_style(view, v));
		g_string_append(script, " ps 0.7 title ");
		append_quoted(script, view->variants->pdata[v]);
	}
	g_string_append_c(script, '\n');
}

/* Of the points whose step of the first axis is `only`, or of all. */
static struct plot *plot_dots(const struct view *view, const char *only)
{
	enum { FRAME = 90, ROW_MIN = 22, VARIANT = 9 };
	const struct view_axis *first = view->axes->pdata[0];
	g_autofree char *axes = axes_text(view);
	g_autofree char *title =
		only ? g_strdup_printf("%s over %s, %s=%s", view->metric, axes, first->name, only)
		     : g_strdup_printf("%s over %s", view->metric, axes);
	g_autofree char *name =
		only ? g_strdup_printf("%s.%s", view->metric, only) : g_strdup(view->metric);
	g_autofree char *shown =
		g_strdup_printf("%s of each variant; a row is a point: %s.", view->metric, axes);
	struct plot *plot = plot_new(name, title, view_caption(view, shown));
	GPtrArray *head = g_ptr_array_new();
	GString *script = g_string_new(NULL);
	struct legend legend = view->legend;

	g_ptr_array_add(head, g_steal_pointer(&axes));
	g_ptr_array_add(head, g_strdup("row"));
	add_figure_titles(view, head);
	plot_set_head(plot, head);
	for (guint i = 0; i < view->curve->points->len; i++) {
		GPtrArray *cells;

		if (!has_any(view, i))
			continue;
		if (only && strcmp(point_at(view->curve, i)->step[first->index], only) != 0)
			continue;
		cells = g_ptr_array_new();
		g_ptr_array_add(cells, row_label(view, i));
		g_ptr_array_add(cells, cell_number(plot->rows->len));
		add_figures(view, i, cells);
		plot_add_row(plot, cells);
	}
	legend.taken = longest_label(plot);
	plot->height = FRAME + legend_height(&legend) +
		       plot->rows->len * MAX(ROW_MIN, VARIANT * view->variants->len);
	append_legend(script, &legend);
	g_string_append(script, "set xlabel noenhanced ");
	append_axis_label(script, view->metric, &view->scale);
	g_string_append_c(script, '\n');
	append_row_tics(plot, script);
	append_range(view, "x", script);
	g_string_append_printf(script, "set yrange [%u.5:-0.5]\nset grid x y\n",
			       plot->rows->len - 1);
	append_dots(view, plot, script);
	plot->script = g_string_free(script, FALSE);
	return plot;
}

static void add_dots(const struct view *view, GPtrArray *plots)
{
	const struct view_axis *first = view->axes->pdata[0];

	if (view->curve->points->len <= DOT_ROWS_MAX) {
		g_ptr_array_add(plots, plot_dots(view, NULL));
		return;
	}
	for (guint i = 0; i < first->steps->len; i++) {
		struct plot *plot = plot_dots(view, first->steps->pdata[i]);

		if (plot->rows->len)
			g_ptr_array_add(plots, plot);
		else
			plot_free(plot);
	}
}

/* ---- which ---- */

static bool suits_heat_map(const struct view *view)
{
	const struct view_axis *x = view->axes->pdata[0], *y;

	if (view->axes->len != 2)
		return false;
	y = view->axes->pdata[1];
	return (x->numbers && y->numbers) || view->curve->points->len > DOT_ROWS_MAX;
}

static void add_pictures(const struct view *view, GPtrArray *plots)
{
	if (suits_heat_map(view))
		heat_maps(view, plots);
	else if (view->axes->len == 1 && ((struct view_axis *)view->axes->pdata[0])->numbers)
		g_ptr_array_add(plots, plot_lines(view));
	else
		add_dots(view, plots);
}

GPtrArray *plots_of_curve(const struct results_curve *curve)
{
	GPtrArray *plots = g_ptr_array_new_with_free_func((GDestroyNotify)plot_free);
	g_autoptr(GPtrArray) axes = axes_of(curve), variants = g_ptr_array_new();
	g_autoptr(GPtrArray) metrics = results_curve_metrics(curve);
	g_autoptr(GArray) styles = g_array_new(FALSE, FALSE, sizeof(guint));
	struct view view = {.curve = curve, .axes = axes, .variants = variants, .styles = styles};

	for (guint i = 0; axes->len && results_curve_doc(curve) && i < metrics->len; i++)
		if (look_at(&view, metrics->pdata[i]))
			add_pictures(&view, plots);
	return plots;
}
