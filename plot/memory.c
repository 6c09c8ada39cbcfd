/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory by kind over time: a panel for each kind, a line for each variant. */
#include "plot/single.h"

#include <math.h>
#include <string.h>

/* As the model names it: results/ and models/ share names alone. */
#define SERIES "memory"

static const struct results_series *series_of(const struct results_column *column)
{
	for (guint i = 0; i < column->variant->series->len; i++) {
		const struct results_series *series = column->variant->series->pdata[i];

		if (!strcmp(series->name, SERIES))
			return series;
	}
	return NULL;
}

static const struct results_series *first_series(const struct results_comparison *cmp)
{
	for (guint c = 0; c < cmp->columns->len; c++)
		if (series_of(column_of(cmp, c)))
			return series_of(column_of(cmp, c));
	return NULL;
}

/* NaN where the variant has no point at that time. */
static double figure_at(const struct results_series *series, uint64_t time, const char *figure)
{
	const struct sim_series *points = series ? series->points : NULL;
	uint64_t i;
	size_t f = 0;

	if (!points || !points->interval || time % points->interval)
		return NAN;
	i = time / points->interval;
	while (series->figures[f] && strcmp(series->figures[f], figure) != 0)
		f++;
	if (i >= points->points || !series->figures[f])
		return NAN;
	return (double)points->point[i * points->figures + f];
}

static double largest(const struct results_comparison *cmp, const char *figure)
{
	double max = 0;

	for (guint c = 0; c < cmp->columns->len; c++) {
		const struct results_series *series = series_of(column_of(cmp, c));

		for (uint32_t i = 0; series && i < series->points->points; i++) {
			double value = figure_at(series, i * series->points->interval, figure);

			max = isnan(value) ? max : MAX(max, value);
		}
	}
	return max;
}

/* Intervals are powers of two: the times of the shortest hold those of all, the longest run ends last. */
static void times_of(const struct results_comparison *cmp, uint64_t *interval, uint64_t *end)
{
	*interval = 0;
	*end = 0;
	for (guint c = 0; c < cmp->columns->len; c++) {
		const struct results_series *series = series_of(column_of(cmp, c));

		if (!series || !series->points->points)
			continue;
		*interval = *interval ? MIN(*interval, series->points->interval)
				      : series->points->interval;
		*end = MAX(*end, series->points->interval * (series->points->points - 1));
	}
}

static void drop(GPtrArray *cells)
{
	g_ptr_array_set_free_func(cells, g_free);
	g_ptr_array_unref(cells);
}

static void fill(const struct results_comparison *cmp, const GPtrArray *kinds, struct plot *plot)
{
	uint64_t interval, end;

	times_of(cmp, &interval, &end);
	for (uint64_t time = 0; interval && time <= end; time += interval) {
		GPtrArray *cells = g_ptr_array_new();
		bool any = false;

		g_ptr_array_add(cells, cell_number((double)time));
		for (guint k = 0; k < kinds->len; k++)
			for (guint c = 0; c < cmp->columns->len; c++) {
				double value = figure_at(series_of(column_of(cmp, c)), time,
							 kinds->pdata[k]);

				any = any || !isnan(value);
				g_ptr_array_add(cells, cell_number(value));
			}
		if (any)
			plot_add_row(plot, cells);
		else
			drop(cells);
	}
}

/* A panel has room for three marks on its axis: 1, 2 or 5 times a power of ten apart. */
static double mark_distance(double max)
{
	const double marks = 3;
	double power = pow(10, floor(log10(max / marks)));

	for (int i = 1; i < 10; i++)
		if ((i == 1 || i == 2 || i == 5) && i * power * marks >= max)
			return i * power;
	return 10 * power;
}

static void append_panel(GString *script, const struct results_comparison *cmp,
			 const struct plot *plot, const char *kind, guint number,
			 double time_factor)
{
	double max = largest(cmp, kind);
	struct scale scale = scale_for("bytes", max);
	bool any = false;

	g_string_append(script, "set ylabel noenhanced ");
	append_axis_label(script, kind, &scale);
	g_string_append_printf(script, "\nset ytics %.10g\nplot ",
			       mark_distance(max * scale.factor));
	for (guint c = 0; c < cmp->columns->len; c++) {
		if (!series_of(column_of(cmp, c)))
			continue;
		g_string_append_printf(script, "%s'%s.dat' using ($1*%.17g):($%u*%.17g) with lines",
				       any ? ", \\\n  " : "", plot->name, time_factor,
				       2 + number * cmp->columns->len + c, scale.factor);
		append_style(script, c);
		g_string_append(script, " title ");
		append_quoted(script, column_of(cmp, c)->label);
		any = true;
	}
	g_string_append_c(script, '\n');
}

static char *script_of(const struct results_comparison *cmp, const GPtrArray *kinds,
		       const struct plot *plot, const struct legend *legend)
{
	char **last = plot->rows->pdata[plot->rows->len - 1];
	struct scale time = scale_for("ns", g_ascii_strtod(last[0], NULL));
	GString *script = g_string_new("set datafile missing NaN\n");

	append_legend(script, legend);
	g_string_append_printf(
		script,
		"set multiplot layout %u,1\nset lmargin 12\nset rmargin 3\nset yrange "
		"[0:*]\nset format y '%%.6g'\n",
		kinds->len);
	for (guint k = 0; k < kinds->len; k++) {
		if (k == 1)
			g_string_append(script, "unset key\nunset title\n");
		if (k + 1 == kinds->len) {
			g_string_append(script, "set xlabel noenhanced ");
			append_axis_label(script, "simulated time", &time);
			g_string_append_c(script, '\n');
		}
		append_panel(script, cmp, plot, kinds->pdata[k], k, time.factor);
	}
	g_string_append(script, "unset multiplot\n");
	return g_string_free(script, FALSE);
}

/* Those of which there is any. */
static GPtrArray *kinds_of(const struct results_comparison *cmp)
{
	GPtrArray *kinds = g_ptr_array_new();
	const struct results_series *series = first_series(cmp);

	for (char **figure = series ? series->figures : NULL; figure && *figure; figure++)
		if (largest(cmp, *figure) > 0)
			g_ptr_array_add(kinds, *figure);
	return kinds;
}

void add_memory_plot(const struct results_comparison *cmp, GPtrArray *plots)
{
	enum { PANEL = 150, FRAME = 60 };
	g_autoptr(GPtrArray) kinds = kinds_of(cmp);
	GPtrArray *head = g_ptr_array_new();
	struct legend legend = {.names = 0};
	struct plot *plot;

	plot = plot_new(
		"memory", "Memory by kind over time",
		g_strdup("Modelled memory of the first replication, by what it is for. Dirty and "
			 "writeback are shares of the page cache; slab is what is none of the "
			 "others."));
	g_ptr_array_add(head, g_strdup("time (ns)"));
	for (guint k = 0; k < kinds->len; k++)
		for (guint c = 0; c < cmp->columns->len; c++)
			g_ptr_array_add(head,
					g_strdup_printf("%s of %s (bytes)", (char *)kinds->pdata[k],
							column_of(cmp, c)->label));
	g_ptr_array_add(head, NULL);
	plot_set_head(plot, head);
	fill(cmp, kinds, plot);
	for (guint c = 0; c < cmp->columns->len; c++)
		legend_add(&legend, column_of(cmp, c)->label);
	plot->height = FRAME + legend_height(&legend) + PANEL * kinds->len;
	if (kinds->len && plot->rows->len >= 2)
		plot->script = script_of(cmp, kinds, plot, &legend);
	plots_take(plots, plot);
}
