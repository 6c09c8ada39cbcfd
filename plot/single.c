/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pictures of one result, or of several side by side: variants against each other. */
#include "plot/single.h"

#include <math.h>
#include <string.h>

const struct results_column *column_of(const struct results_comparison *cmp, guint i)
{
	return cmp->columns->pdata[i];
}

static bool is_drawn(const struct results_comparison *cmp, const struct results_row *row, guint i)
{
	return row->cell[i].metric && !column_of(cmp, i)->stopped;
}

/* ---- cost against memory ---- */

/* Not encrypting is the price that the others are measured against, not a choice among them. */
static bool is_choice(const struct results_comparison *cmp, guint i)
{
	return strcmp(column_of(cmp, i)->variant->name, "none") != 0;
}

struct pareto {
	const struct results_comparison *cmp;
	const struct results_row *memory, *cost;
};

static bool has_both(const struct pareto *p, guint i)
{
	return is_drawn(p->cmp, p->memory, i) && is_drawn(p->cmp, p->cost, i);
}

/* Whether another choice takes no more of either and less of one. */
static bool is_dominated(const struct pareto *p, guint i)
{
	double memory = p->memory->cell[i].metric->value, cost = p->cost->cell[i].metric->value;

	for (guint k = 0; k < p->cmp->columns->len; k++) {
		double other_memory, other_cost;

		if (k == i || !is_choice(p->cmp, k) || !has_both(p, k))
			continue;
		other_memory = p->memory->cell[k].metric->value;
		other_cost = p->cost->cell[k].metric->value;
		if (other_memory <= memory && other_cost <= cost &&
		    (other_memory < memory || other_cost < cost))
			return true;
	}
	return false;
}

static void add_choice(const struct pareto *p, guint i, struct plot *plot)
{
	GPtrArray *cells = g_ptr_array_new();
	const struct results_metric *memory = p->memory->cell[i].metric,
				    *cost = p->cost->cell[i].metric;
	bool choice = is_choice(p->cmp, i);

	g_ptr_array_add(cells, g_strdup(column_of(p->cmp, i)->label));
	g_ptr_array_add(cells, cell_number(memory->value));
	g_ptr_array_add(cells, cell_number(memory->half_width));
	g_ptr_array_add(cells, cell_number(cost->value));
	g_ptr_array_add(cells, cell_number(cost->half_width));
	g_ptr_array_add(cells, g_strdup(!choice		     ? "does not encrypt"
					: is_dominated(p, i) ? "dominated"
							     : "front"));
	plot_add_row(plot, cells);
}

static GPtrArray *pareto_head(const struct pareto *p)
{
	GPtrArray *head = g_ptr_array_new();

	g_ptr_array_add(head, g_strdup("variant"));
	g_ptr_array_add(head, g_strdup_printf("%s (%s)", p->memory->name, p->memory->unit));
	g_ptr_array_add(head, g_strdup("half of its interval"));
	g_ptr_array_add(head, g_strdup_printf("%s (%s)", p->cost->name, p->cost->unit));
	g_ptr_array_add(head, g_strdup("half of its interval"));
	g_ptr_array_add(head, g_strdup("standing"));
	g_ptr_array_add(head, NULL);
	return head;
}

static double largest(const struct pareto *p, const struct results_row *row)
{
	double max = 0;

	for (guint i = 0; i < p->cmp->columns->len; i++)
		if (has_both(p, i))
			max = MAX(max, row->cell[i].metric->value);
	return max;
}

static void append_choice(GString *script, const struct plot *plot, guint row, double memory,
			  double cost)
{
	char **cells = plot->rows->pdata[row];
	g_autofree char *title = g_strdup_printf("%s: %s", cells[0], cells[5]);

	if (row)
		g_string_append(script, ", \\\n  ");
	g_string_append_printf(script,
			       "'%s.dat' every ::%u::%u using ($2*%.17g):($4*%.17g):($3*%.17g):"
			       "($5*%.17g) with xyerrorbars",
			       plot->name, row, row, memory, cost, memory, cost);
	append_style(script, row);
	/* Earlier ones are larger, so that one shows around another that it meets. */
	g_string_append_printf(script, " ps 1.%u title ", 8 - MIN(row, 8));
	append_quoted(script, title);
}

static char *pareto_script(const struct pareto *p, const struct plot *plot,
			   const struct legend *legend)
{
	const double room = 1.1; /* beyond the last */
	double most_memory = largest(p, p->memory), most_cost = largest(p, p->cost);
	struct scale memory = scale_for(p->memory->unit, most_memory);
	struct scale cost = scale_for(p->cost->unit, most_cost);
	GString *script = g_string_new(NULL);

	append_legend(script, legend);
	g_string_append(script, "set xlabel noenhanced ");
	append_axis_label(script, p->memory->name, &memory);
	g_string_append(script, "\nset ylabel noenhanced ");
	append_axis_label(script, p->cost->name, &cost);
	g_string_append_printf(script, "\nset xrange [0:%.10g]\nset yrange [0:%.10g]\nplot ",
			       most_memory * memory.factor * room, most_cost * cost.factor * room);
	for (guint i = 0; i < plot->rows->len; i++)
		append_choice(script, plot, i, memory.factor, cost.factor);
	g_string_append_c(script, '\n');
	return g_string_free(script, FALSE);
}

/* Two choices at least, that differ. */
static bool is_a_choice(const struct pareto *p)
{
	double memory = NAN, cost = NAN;
	bool differ_in_memory = false, differ_in_cost = false;

	for (guint i = 0; i < p->cmp->columns->len; i++) {
		if (!is_choice(p->cmp, i) || !has_both(p, i))
			continue;
		differ_in_memory |= !isnan(memory) && p->memory->cell[i].metric->value != memory;
		differ_in_cost |= !isnan(cost) && p->cost->cell[i].metric->value != cost;
		memory = p->memory->cell[i].metric->value;
		cost = p->cost->cell[i].metric->value;
	}
	return differ_in_memory || differ_in_cost;
}

static void add_pareto(const struct results_comparison *cmp, GPtrArray *plots)
{
	enum { HEIGHT = 360 };
	struct pareto p = {cmp, results_row_named(cmp, "mem.keys_max_bytes"),
			   results_row_named(cmp, "cpu.busy_ns")};
	struct legend legend = {.taken = 0};
	struct plot *plot;

	if (!p.memory || !p.cost || !is_a_choice(&p))
		return;
	plot = plot_new(
		"cost-against-memory", "Cost against memory",
		g_strdup("CPU time of the whole run against the most memory that keys took. "
			 "No variant takes less of one than one of the front without taking "
			 "more of the other; one that is dominated takes no less of either. "
			 "Whiskers, where figures are sampled, are 95% intervals."));
	plot_set_head(plot, pareto_head(&p));
	for (guint i = 0; i < cmp->columns->len; i++)
		if (has_both(&p, i))
			add_choice(&p, i, plot);
	legend.names = plot->rows->len;
	legend.longest = longest_label(plot) + strlen(": does not encrypt");
	plot->height = HEIGHT + legend_height(&legend);
	plot->script = pareto_script(&p, plot, &legend);
	g_ptr_array_add(plots, plot);
}

GPtrArray *plots_of_comparison(const struct results_comparison *cmp)
{
	GPtrArray *plots = g_ptr_array_new_with_free_func((GDestroyNotify)plot_free);

	add_percentile_plots(cmp, plots);
	add_parts(cmp, plots);
	add_memory_plot(cmp, plots);
	add_pareto(cmp, plots);
	return plots;
}
