/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Heat maps: a metric of one variant over two axes, its figure in each cell. */
#include "plot/curve.h"

#include <math.h>

/* Viridis at nine even places (matplotlib): its lightness rises evenly, so that it reads in grey too. */
static const char viridis[] = "0 '#440154', 1 '#472d7b', 2 '#3b528b', 3 '#2c728e', 4 '#21918c', "
			      "5 '#28ae80', 6 '#5ec962', 7 '#addc30', 8 '#fde725'";
/* From here on, of the range, viridis is so light that black is read on it. */
#define LIGHT_FROM 0.55

/* One variant's map. */
struct map {
	const struct view *view;
	const char *variant;
	double low, high;
	bool steep;
	struct scale scale;
};

static double share(const struct map *map, double value)
{
	return map->steep ? log(value / map->low) / log(map->high / map->low)
			  : (value - map->low) / (map->high - map->low);
}

/* False if all figures are the same: that is no picture. */
static bool map_init(struct map *map, const struct view *view, const char *variant)
{
	*map = (struct map){.view = view, .variant = variant, .low = INFINITY, .high = -INFINITY};
	for (guint i = 0; i < view->curve->points->len; i++) {
		const struct results_metric *metric = view_metric(view, i, variant);

		if (!metric)
			continue;
		map->low = MIN(map->low, metric->value);
		map->high = MAX(map->high, metric->value);
	}
	map->steep = view_is_steep(map->low, map->high);
	map->scale = scale_for(view->unit, MAX(map->high, -map->low));
	return map->high > map->low;
}

static void add_cells(const struct map *map, struct plot *plot)
{
	const struct view *view = map->view;
	const struct view_axis *x = view->axes->pdata[0], *y = view->axes->pdata[1];

	for (guint i = 0; i < view->curve->points->len; i++) {
		const struct results_point *point = view->curve->points->pdata[i];
		const struct results_metric *metric = view_metric(view, i, map->variant);
		g_autoptr(GString) text = g_string_new(NULL);
		GPtrArray *cells = g_ptr_array_new();
		double value = metric ? metric->value : NAN;

		if (metric)
			results_value_text(value, metric->unit, text);
		else
			g_string_append(text, "–");
		g_ptr_array_add(cells, g_strdup(point->step[x->index]));
		g_ptr_array_add(cells, g_strdup(point->step[y->index]));
		g_ptr_array_add(cells, cell_number(view_step(x, point)));
		g_ptr_array_add(cells, cell_number(view_step(y, point)));
		g_ptr_array_add(cells, cell_number(value));
		g_ptr_array_add(cells, g_strdup(text->str));
		g_ptr_array_add(cells, cell_number(metric && share(map, value) >= LIGHT_FROM));
		plot_add_row(plot, cells);
	}
}

static void set_head(const struct view *view, struct plot *plot)
{
	GPtrArray *head = g_ptr_array_new();

	for (guint a = 0; a < 2; a++)
		g_ptr_array_add(head, g_strdup(((struct view_axis *)view->axes->pdata[a])->name));
	g_ptr_array_add(head, g_strdup("column"));
	g_ptr_array_add(head, g_strdup("row"));
	g_ptr_array_add(head, g_strdup_printf("%s (%s)", view->metric, view->unit));
	g_ptr_array_add(head, g_strdup("as shown"));
	g_ptr_array_add(head, g_strdup("light ground"));
	g_ptr_array_add(head, NULL);
	plot_set_head(plot, head);
}

static void append_axis(const struct view_axis *axis, const char *name, GString *script)
{
	g_string_append_printf(script, "set %slabel noenhanced ", name);
	append_quoted(script, axis->name);
	g_string_append_c(script, '\n');
	view_append_tics(axis, name, script);
	g_string_append_printf(script, "set %srange [-0.5:%u.5]\n", name, axis->steps->len - 1);
}

static char *script_of(const struct map *map, const struct plot *plot)
{
	GString *script = g_string_new("unset key\nunset grid\nset tics scale 0\n");
	double factor = map->scale.factor;

	append_axis(map->view->axes->pdata[0], "x", script);
	append_axis(map->view->axes->pdata[1], "y", script);
	g_string_append_printf(
		script, "set palette defined (%s)\nset cblabel noenhanced offset 1,0 ", viridis);
	append_axis_label(script, NULL, &map->scale);
	g_string_append_printf(script, "\nset format cb '%%.6g'\n%sset cbrange [%.10g:%.10g]\n",
			       map->steep ? "set logscale cb 10\n" : "", map->low * factor,
			       map->high * factor);
	g_string_append_printf(
		script,
		"plot '%s.dat' using 3:4:($3-0.5):($3+0.5):($4-0.5):($4+0.5):($5*%.17g) with "
		"boxxyerror palette fillstyle solid noborder, \\\n"
		"  '%s.dat' using 3:($7 == 0 && $5 == $5 ? $4 : NaN):6 with labels tc rgb "
		"'#ffffff', \\\n"
		"  '%s.dat' using 3:($7 == 1 ? $4 : NaN):6 with labels tc rgb '#111111', \\\n"
		"  '%s.dat' using 3:($5 == $5 ? NaN : $4):6 with labels tc rgb '#808080'\n",
		plot->name, factor, plot->name, plot->name, plot->name);
	return g_string_free(script, FALSE);
}

static struct plot *heat_map(const struct map *map)
{
	enum { FRAME = 90, ROW = 36, ROWS_MIN = 4 };
	const struct view *view = map->view;
	const struct view_axis *x = view->axes->pdata[0], *y = view->axes->pdata[1];
	g_autofree char *title = g_strdup_printf("%s of %s over %s and %s", view->metric,
						 map->variant, x->name, y->name);
	g_autofree char *name = g_strdup_printf("%s.%s", view->metric, map->variant);
	struct plot *plot = plot_new(
		name, title,
		g_strdup_printf("%s of variant %s at each step of %s and of %s; the lighter, the "
				"higher.%s",
				view->metric, map->variant, x->name, y->name,
				map->steep ? " Colours are by the logarithm." : ""));

	plot->height = FRAME + ROW * MAX(y->steps->len, ROWS_MIN);
	set_head(view, plot);
	add_cells(map, plot);
	plot->script = script_of(map, plot);
	return plot;
}

void heat_maps(const struct view *view, GPtrArray *plots)
{
	struct map map;

	for (guint v = 0; v < view->variants->len; v++)
		if (map_init(&map, view, view->variants->pdata[v]))
			g_ptr_array_add(plots, heat_map(&map));
}
