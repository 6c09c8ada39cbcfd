/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an operation's time went into: bars of its parts, as the mean of an operation. */
#include "plot/single.h"

#include <string.h>

/* Parts in the order of a bar, each with a colour and a pattern. A name that ends in '.' stands for all that
 * begin so. */
static const struct {
	const char *label, *names[6], *colour;
	int pattern;
} kinds[] = {
	{"derive", {"derive"}, "#0072B2", 3},
	{"setkey", {"setkey"}, "#E69F00", 1},
	{"encrypt", {"crypt"}, "#009E73", 3},
	{"device", {"device"}, "#56B4E9", 5},
	{"locks", {"lock."}, "#D55E00", 3},
	{"pools", {"pool."}, "#CC79A7", 2},
	{"memory", {"alloc"}, "#8a6d00", 4},
	{"queues", {"cpu_queue", "worker_queue", "other_task", "late"}, "#808080", 3},
	{"rest", {"cpu", "throttle", "sleep"}, "#808080", 1},
};
enum { KINDS = G_N_ELEMENTS(kinds) };

static bool is_of_kind(const char *part, size_t kind)
{
	for (const char *const *name = kinds[kind].names; *name; name++)
		if (g_str_has_suffix(*name, ".") ? g_str_has_prefix(part, *name)
						 : !strcmp(part, *name))
			return true;
	return false;
}

/* An operation's parts of each column, in ns of the mean operation. */
struct op {
	char *name;
	double total; /* of all columns, of all operations */
	double *part; /* columns times KINDS */
};

static void free_op(void *data)
{
	struct op *op = data;

	g_free(op->name);
	g_free(op->part);
	g_free(op);
}

static struct op *op_named(GPtrArray *ops, const char *name, size_t length, guint columns)
{
	struct op *op;

	for (guint i = 0; i < ops->len; i++) {
		op = ops->pdata[i];
		if (strlen(op->name) == length && !memcmp(op->name, name, length))
			return op;
	}
	op = g_new0(struct op, 1);
	op->name = g_strndup(name, length);
	op->part = g_new0(double, KINDS *columns);
	g_ptr_array_add(ops, op);
	return op;
}

/* Adds a row "ops.NAME.part.PART_ns" to its operation. */
static void take_row(const struct results_comparison *cmp, const struct results_row *row,
		     GPtrArray *ops)
{
	static const char prefix[] = "ops.", infix[] = ".part.", suffix[] = "_ns";
	const char *op_name = row->name + strlen(prefix), *at;
	g_autofree char *part = NULL;
	struct op *op;

	if (!g_str_has_prefix(row->name, prefix) || !g_str_has_suffix(row->name, suffix) ||
	    !(at = strstr(op_name, infix)))
		return;
	part = g_strndup(at + strlen(infix), strlen(at) - strlen(infix) - strlen(suffix));
	op = op_named(ops, op_name, (size_t)(at - op_name), cmp->columns->len);
	for (guint i = 0; i < cmp->columns->len; i++)
		for (size_t k = 0; row->cell[i].metric && k < KINDS; k++)
			if (is_of_kind(part, k)) {
				op->part[i * KINDS + k] += row->cell[i].metric->value;
				op->total += row->cell[i].metric->value;
			}
}

static int by_total(gconstpointer a, gconstpointer b)
{
	const struct op *x = *(struct op *const *)a, *y = *(struct op *const *)b;

	if (x->total != y->total)
		return x->total > y->total ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* ---- one operation ---- */

static void add_bar(const struct results_comparison *cmp, const struct op *op, guint column,
		    double count, struct plot *plot)
{
	GPtrArray *cells = g_ptr_array_new();

	g_ptr_array_add(cells, g_strdup(column_of(cmp, column)->label));
	g_ptr_array_add(cells, cell_number(plot->rows->len));
	for (size_t k = 0; k < KINDS; k++)
		g_ptr_array_add(cells, cell_number(op->part[column * KINDS + k] / count));
	plot_add_row(plot, cells);
}

static void add_bars(const struct results_comparison *cmp, const struct op *op, struct plot *plot)
{
	g_autofree char *name = g_strdup_printf("ops.%s.count", op->name);
	const struct results_row *count = results_row_named(cmp, name);

	for (guint i = 0; count && i < cmp->columns->len; i++)
		if (count->cell[i].metric && count->cell[i].metric->value > 0 &&
		    !column_of(cmp, i)->stopped)
			add_bar(cmp, op, i, count->cell[i].metric->value, plot);
}

static double longest_bar(const struct plot *plot)
{
	double longest = 0;

	for (guint i = 0; i < plot->rows->len; i++) {
		char **cells = plot->rows->pdata[i];
		double sum = 0;

		for (size_t k = 0; k < KINDS; k++)
			sum += g_ascii_strtod(cells[2 + k], NULL);
		longest = MAX(longest, sum);
	}
	return longest;
}

static bool is_used(const struct plot *plot, size_t kind)
{
	for (guint i = 0; i < plot->rows->len; i++)
		if (g_ascii_strtod(((char **)plot->rows->pdata[i])[2 + kind], NULL) > 0)
			return true;
	return false;
}

static void append_kind(GString *script, const struct plot *plot, size_t kind, double factor)
{
	g_autoptr(GString) before = g_string_new("0");

	for (size_t k = 0; k < kind; k++)
		g_string_append_printf(before, "+$%zu", 3 + k);
	g_string_append_printf(script,
			       "'%s.dat' using (0):2:((%s)*%.17g):((%s+$%zu)*%.17g):($2-0.36):"
			       "($2+0.36) with boxxyerror lc rgb '%s' fillstyle pattern %d border "
			       "title '%s'",
			       plot->name, before->str, factor, before->str, 3 + kind, factor,
			       kinds[kind].colour, kinds[kind].pattern, kinds[kind].label);
}

static char *script_of(const struct plot *plot, const struct legend *legend)
{
	struct scale scale = scale_for("ns", longest_bar(plot));
	GString *script = g_string_new(NULL);
	bool any = false;

	append_legend(script, legend);
	g_string_append(script, "set xlabel noenhanced ");
	append_axis_label(script, "mean of an operation", &scale);
	g_string_append_c(script, '\n');
	append_row_tics(plot, script);
	g_string_append_printf(
		script,
		"set xrange [0:*]\nset yrange [%u.5:-0.5]\nset grid x noy\nset style "
		"fill pattern border\nplot ",
		plot->rows->len - 1);
	for (size_t k = 0; k < KINDS; k++) {
		if (!is_used(plot, k))
			continue;
		if (any)
			g_string_append(script, ", \\\n  ");
		append_kind(script, plot, k, scale.factor);
		any = true;
	}
	g_string_append_c(script, '\n');
	return g_string_free(script, FALSE);
}

static struct plot *plot_of_op(const struct results_comparison *cmp, const struct op *op)
{
	enum { FRAME = 90, ROW = 34, LONGEST_LABEL = 7 };
	g_autofree char *name = g_strdup_printf("parts.%s", op->name);
	g_autofree char *title = g_strdup_printf("What the time of %s went into", op->name);
	struct plot *plot = plot_new(
		name, title,
		g_strdup_printf(
			"The mean %s of each variant, by what it spent its time on. Parts add "
			"up to its latency. Queues are those for a CPU, a worker, or I/O of "
			"another task; rest is other work on a CPU, throttling and sleep.",
			op->name));
	struct legend legend = {.names = 0, .longest = LONGEST_LABEL};
	GPtrArray *head = g_ptr_array_new();

	g_ptr_array_add(head, g_strdup("variant"));
	g_ptr_array_add(head, g_strdup("row"));
	for (size_t k = 0; k < KINDS; k++)
		g_ptr_array_add(head, g_strdup_printf("%s (ns)", kinds[k].label));
	g_ptr_array_add(head, NULL);
	plot_set_head(plot, head);
	add_bars(cmp, op, plot);
	for (size_t k = 0; k < KINDS; k++)
		legend.names += is_used(plot, k);
	legend.taken = longest_label(plot);
	plot->height = FRAME + legend_height(&legend) + ROW * plot->rows->len;
	if (legend.names)
		plot->script = script_of(plot, &legend);
	return plot;
}

void add_parts(const struct results_comparison *cmp, GPtrArray *plots)
{
	g_autoptr(GPtrArray) ops = g_ptr_array_new_with_free_func(free_op);

	for (guint i = 0; i < cmp->rows->len; i++)
		take_row(cmp, cmp->rows->pdata[i], ops);
	g_ptr_array_sort(ops, by_total);
	for (guint i = 0; i < MIN(ops->len, OPS_DRAWN_MAX); i++)
		plots_take(plots, plot_of_op(cmp, ops->pdata[i]));
}
