/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How latencies are spread, on a scale that shows tails: each nine of a percentile takes as much room as the
 * one before. A percentile beyond which lie fewer values than a metric of it would need is not drawn.
 */
#include "plot/single.h"

#include <math.h>
#include <string.h>

enum {
	BEYOND_MIN = 10, /* as of the metrics: docs/results.md */
	POINTS_MAX = 120, /* of one variant: more are not told apart */
	POINTS_MIN = 3, /* of the longest line: fewer show no shape */
};
#define HIGHEST 0.9999 /* percentile / 100 */

static const struct results_distribution *distribution_of(const struct results_column *column,
							  const char *name)
{
	for (guint i = 0; i < column->variant->distributions->len; i++) {
		const struct results_distribution *d = column->variant->distributions->pdata[i];

		if (!strcmp(d->name, name))
			return d;
	}
	return NULL;
}

/* ---- which ---- */

struct spread {
	const char *name, *unit;
	double total; /* of all columns */
};

static struct spread *spread_named(GArray *spreads, const struct results_distribution *d)
{
	struct spread fresh = {d->name, d->unit, 0};

	for (guint i = 0; i < spreads->len; i++)
		if (!strcmp(g_array_index(spreads, struct spread, i).name, d->name))
			return &g_array_index(spreads, struct spread, i);
	g_array_append_val(spreads, fresh);
	return &g_array_index(spreads, struct spread, spreads->len - 1);
}

static int by_total(gconstpointer a, gconstpointer b)
{
	const struct spread *x = a, *y = b;

	if (x->total != y->total)
		return x->total > y->total ? -1 : 1;
	return strcmp(x->name, y->name);
}

static GArray *spreads_of(const struct results_comparison *cmp)
{
	GArray *spreads = g_array_new(FALSE, FALSE, sizeof(struct spread));

	for (guint c = 0; c < cmp->columns->len; c++) {
		const GPtrArray *all = column_of(cmp, c)->variant->distributions;

		for (guint i = 0; i < all->len; i++) {
			const struct results_distribution *d = all->pdata[i];

			if (g_str_has_prefix(d->name, "ops."))
				spread_named(spreads, d)->total += (double)d->values->sum;
		}
	}
	g_array_sort(spreads, by_total);
	return spreads;
}

/* ---- one picture ---- */

static double nines(double share)
{
	return -log10(1 - share);
}

static void add_point(struct plot *plot, const char *label, guint index, double value, double share)
{
	GPtrArray *cells = g_ptr_array_new();

	g_ptr_array_add(cells, g_strdup(label));
	g_ptr_array_add(cells, cell_number(index));
	g_ptr_array_add(cells, cell_number(value));
	g_ptr_array_add(cells, cell_number(share * 100));
	g_ptr_array_add(cells, cell_number(nines(share)));
	plot_add_row(plot, cells);
}

/* Adds the percentiles that the values carry; returns how many. */
static guint add_percentiles(struct plot *plot, const char *label, guint index,
			     const struct sim_distribution *values)
{
	const double step = nines(HIGHEST) / POINTS_MAX;
	uint64_t below = 0;
	double last = -1;
	guint before = plot->rows->len;

	for (guint i = 0; i < values->buckets->len; i++) {
		const struct sim_bucket *bucket =
			&g_array_index(values->buckets, struct sim_bucket, i);
		double share;

		below += bucket->count;
		share = (double)below / (double)values->count;
		if (values->count - below < BEYOND_MIN || share > HIGHEST)
			break;
		if (last >= 0 && nines(share) < last + step)
			continue;
		last = nines(share);
		add_point(plot, label, index, (double)MIN(bucket->upto, values->max), share);
	}
	return plot->rows->len - before;
}

static double largest(const struct plot *plot)
{
	double max = 0;

	for (guint i = 0; i < plot->rows->len; i++)
		max = MAX(max, g_ascii_strtod(((char **)plot->rows->pdata[i])[2], NULL));
	return max;
}

static void append_line(GString *script, const struct plot *plot, const char *label, guint index,
			double factor, bool first)
{
	g_string_append_printf(script, "%s'%s.dat' using ($2 == %u ? $3*%.17g : NaN):5 with lines",
			       first ? "" : ", \\\n  ", plot->name, index, factor);
	append_style(script, index);
	g_string_append(script, " title ");
	append_quoted(script, label);
}

static void set_head(struct plot *plot, const struct spread *spread)
{
	GPtrArray *head = g_ptr_array_new();

	g_ptr_array_add(head, g_strdup("variant"));
	g_ptr_array_add(head, g_strdup("number"));
	g_ptr_array_add(head, g_strdup_printf("at most (%s)", spread->unit));
	g_ptr_array_add(head, g_strdup("percentile"));
	g_ptr_array_add(head, g_strdup("nines"));
	g_ptr_array_add(head, NULL);
	plot_set_head(plot, head);
}

/* The picture while its lines are gathered. */
struct drawing {
	struct plot *plot;
	GPtrArray *labels; /* const char * */
	GArray *numbers; /* guint: of their columns */
	guint longest; /* points of the longest line */
	struct legend legend;
};

static void add_lines(const struct results_comparison *cmp, const struct spread *spread,
		      struct drawing *drawing)
{
	for (guint c = 0; c < cmp->columns->len; c++) {
		const struct results_column *column = column_of(cmp, c);
		const struct results_distribution *d = distribution_of(column, spread->name);
		guint points = d && !column->stopped
				       ? add_percentiles(drawing->plot, column->label, c, d->values)
				       : 0;

		if (!points)
			continue;
		g_ptr_array_add(drawing->labels, column->label);
		g_array_append_val(drawing->numbers, c);
		drawing->longest = MAX(drawing->longest, points);
		legend_add(&drawing->legend, column->label);
	}
}

static char *script_of(const struct drawing *drawing, const struct spread *spread)
{
	struct scale scale = scale_for(spread->unit, largest(drawing->plot));
	GString *script = g_string_new(NULL);

	append_legend(script, &drawing->legend);
	g_string_append(script, "set xlabel noenhanced ");
	append_axis_label(script, spread->name, &scale);
	g_string_append(script,
			"\nset ylabel 'percentile'\nset logscale x 10\nset format x '%.6g'\n"
			"set ytics ('0' 0, '50' 0.30103, '90' 1, '99' 2, '99.9' 3, "
			"'99.99' 4)\nset yrange [0:4]\nplot ");
	for (guint i = 0; i < drawing->labels->len; i++)
		append_line(script, drawing->plot, drawing->labels->pdata[i],
			    g_array_index(drawing->numbers, guint, i), scale.factor, !i);
	g_string_append_c(script, '\n');
	return g_string_free(script, FALSE);
}

/* Without a script if no line has a shape. */
static struct plot *plot_of_spread(const struct results_comparison *cmp,
				   const struct spread *spread)
{
	enum { HEIGHT = 360, LEFT = 8 };
	g_autofree char *title = g_strdup_printf("Percentiles of %s", spread->name);
	g_autofree char *name = g_strdup_printf("percentiles.%s", spread->name);
	g_autoptr(GPtrArray) labels = g_ptr_array_new();
	g_autoptr(GArray) numbers = g_array_new(FALSE, FALSE, sizeof(guint));
	struct drawing drawing = {.labels = labels, .numbers = numbers, .legend = {.taken = LEFT}};

	drawing.plot = plot_new(
		name, title,
		g_strdup_printf(
			"How many of 100 take at most so long, over all seeds; each nine takes "
			"as much room as the one before. A line ends where fewer than %d "
			"values lie beyond, or at 99.99.",
			BEYOND_MIN));
	set_head(drawing.plot, spread);
	add_lines(cmp, spread, &drawing);
	drawing.plot->height = HEIGHT + legend_height(&drawing.legend);
	if (drawing.longest >= POINTS_MIN && largest(drawing.plot) > 0)
		drawing.plot->script = script_of(&drawing, spread);
	return drawing.plot;
}

void add_percentile_plots(const struct results_comparison *cmp, GPtrArray *plots)
{
	g_autoptr(GArray) spreads = spreads_of(cmp);

	for (guint i = 0; i < MIN(spreads->len, OPS_DRAWN_MAX); i++)
		plots_take(plots, plot_of_spread(cmp, &g_array_index(spreads, struct spread, i)));
}
