/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pictures of one result, or of several side by side: variants against each other. */
#include "plot/single.h"

#include <math.h>
#include <string.h>

const struct results_row *row_named(const struct results_comparison *cmp, const char *name)
{
	for (guint i = 0; i < cmp->rows->len; i++) {
		const struct results_row *row = cmp->rows->pdata[i];

		if (!strcmp(row->name, name))
			return row;
	}
	return NULL;
}

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
	g_ptr_array_add(cells, g_strdup(!choice		       ? "no choice"
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

static char *pareto_script(const struct pareto *p, const struct plot *plot)
{
	const double room_for_names = 1.15;
	struct scale memory = scale_for(p->memory->unit, largest(p, p->memory));
	struct scale cost = scale_for(p->cost->unit, largest(p, p->cost));
	GString *script = g_string_new("unset key\nset xlabel noenhanced ");
	const char *name = plot->name;

	append_axis_label(script, p->memory->name, &memory);
	g_string_append(script, "\nset ylabel noenhanced ");
	append_axis_label(script, p->cost->name, &cost);
	g_string_append_printf(
		script,
		"\nset xrange [0:%.10g]\nset yrange [0:%.10g]\n"
		"plot '%s.dat' using ($2*%.17g):($4*%.17g):($3*%.17g):($5*%.17g) with xyerrorbars "
		"pt 0 lw 1 lc rgb '#808080', \\\n"
		"  '%s.dat' using (strcol(6) eq 'front' ? $2*%.17g : NaN):($4*%.17g) with points "
		"pt 7 ps 0.9 lc rgb '#0072B2', \\\n"
		"  '%s.dat' using (strcol(6) eq 'dominated' ? $2*%.17g : NaN):($4*%.17g) with "
		"points pt 6 ps 0.9 lw 2 lc rgb '#D55E00', \\\n"
		"  '%s.dat' using (strcol(6) eq 'no choice' ? $2*%.17g : NaN):($4*%.17g) with "
		"points pt 2 ps 0.8 lw 2 lc rgb '#000000', \\\n"
		"  '%s.dat' using ($2*%.17g):($4*%.17g):1 with labels left offset 1,0.6\n",
		largest(p, p->memory) * memory.factor * (room_for_names + 0.1),
		largest(p, p->cost) * cost.factor * room_for_names, name, memory.factor, cost.factor,
		memory.factor, cost.factor, name, memory.factor, cost.factor, name, memory.factor,
		cost.factor, name, memory.factor, cost.factor, name, memory.factor, cost.factor);
	return g_string_free(script, FALSE);
}

/* Two choices at least, that differ in both. */
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
	return differ_in_memory && differ_in_cost;
}

static void add_pareto(const struct results_comparison *cmp, GPtrArray *plots)
{
	enum { HEIGHT = 360 };
	struct pareto p = {cmp, row_named(cmp, "mem.keys_max_bytes"), row_named(cmp, "cpu.busy_ns")};
	struct plot *plot;

	if (!p.memory || !p.cost || !is_a_choice(&p))
		return;
	plot = plot_new("cost-against-memory", "Cost against memory",
			g_strdup("CPU time of the whole run against the most memory that keys took. "
				 "Filled: the front, of which no variant takes less of one without "
				 "more of the other; rings: dominated; a cross: none, which does not "
				 "encrypt. Whiskers, where figures are sampled, are 95% intervals."));
	plot->height = HEIGHT;
	plot_set_head(plot, pareto_head(&p));
	for (guint i = 0; i < cmp->columns->len; i++)
		if (has_both(&p, i))
			add_choice(&p, i, plot);
	plot->script = pareto_script(&p, plot);
	g_ptr_array_add(plots, plot);
}

GPtrArray *plots_of_comparison(const struct results_comparison *cmp)
{
	GPtrArray *plots = g_ptr_array_new_with_free_func((GDestroyNotify)plot_free);

	add_parts(cmp, plots);
	add_pareto(cmp, plots);
	return plots;
}
