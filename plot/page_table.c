/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables of a page, and its pictures with the tables behind them. */
#include "plot/internal.h"

#include <string.h>

/* Allocations by site are many, and come largest first. */
#define SITES "alloc.by."
enum { SITES_MAX = 8 };

/* ---- variants against each other ---- */

static void column_heads(const struct results_comparison *cmp, GString *out)
{
	g_string_append(out, "<thead><tr><th scope=\"col\">metric</th>");
	for (guint i = 0; i < cmp->columns->len; i++) {
		const struct results_column *column = cmp->columns->pdata[i];
		bool reference = column->reference == i;

		html_format(out, "<th scope=\"col\">%s</th>", column->label);
		if (!reference)
			g_string_append(out, "<th scope=\"col\" class=\"difference\"><span "
					     "class=\"hidden\">difference</span></th>");
	}
	g_string_append(out, "</tr></thead>\n");
}

static const char *verdict_class(const struct results_cell *cell)
{
	switch (cell->verdict) {
	case RESULTS_BETTER:
		return "better";
	case RESULTS_WORSE:
		return "worse";
	case RESULTS_STOPPED:
		return "stopped";
	default:
		return "";
	}
}

static void row(const struct results_comparison *cmp, const struct results_row *row, GString *out)
{
	html_format(out, "<tr><th scope=\"row\">%s</th>", row->name);
	for (guint i = 0; i < cmp->columns->len; i++) {
		const struct results_column *column = cmp->columns->pdata[i];
		g_autoptr(GString) value = g_string_new(NULL), difference = g_string_new(NULL);

		results_cell_text(cmp, row, i, value, difference);
		html_format(out, row->cell[i].best ? "<td><b>%s</b></td>" : "<td>%s</td>",
			    value->str);
		if (column->reference != i)
			html_format(out, "<td class=\"difference %s\">%s</td>",
				    verdict_class(&row->cell[i]), difference->str);
	}
	g_string_append(out, "</tr>\n");
}

/* Columns of the table, headings and differences included. */
static unsigned width_of(const struct results_comparison *cmp)
{
	unsigned width = 1;

	for (guint i = 0; i < cmp->columns->len; i++)
		width += ((struct results_column *)cmp->columns->pdata[i])->reference == i ? 1 : 2;
	return width;
}

static void rows(const struct plot_page *page, bool all, GString *out)
{
	const struct results_comparison *cmp = page->cmp;
	const char *group = NULL;
	unsigned sites = 0;

	g_string_append(out, "<div class=\"scroll\"><table>\n");
	column_heads(cmp, out);
	for (guint i = 0; i < cmp->rows->len; i++) {
		const struct results_row *at = cmp->rows->pdata[i];

		if (!all && (!results_row_is_shown(at, page->measure) ||
			     (g_str_has_prefix(at->name, SITES) && ++sites > SITES_MAX)))
			continue;
		if (!group || strcmp(group, at->group) != 0) {
			g_string_append_printf(out,
					       "%s<tbody>\n<tr class=\"group\"><th colspan=\"%u\" "
					       "scope=\"rowgroup\">",
					       group ? "</tbody>\n" : "", width_of(cmp));
			html_format(out, "%s</th></tr>\n", at->group);
			group = at->group;
		}
		row(cmp, at, out);
	}
	g_string_append(out, group ? "</tbody>\n</table></div>\n" : "</table></div>\n");
}

static void comparison(const struct plot_page *page, GString *out)
{
	g_string_append(out, "<h2>Variants</h2>\n");
	rows(page, false, out);
	g_string_append(
		out, "<p class=\"legend\">* best, or not told from the best. Beside each figure "
		     "its difference to the reference, the first column: = the same; ± half of a "
		     "95 % interval, of differences seed by seed; ? can't be told from this many "
		     "seeds. Metrics that are 0 in every variant are left out.</p>\n"
		     "<details><summary>Every metric</summary>\n");
	rows(page, true, out);
	g_string_append(out, "</details>\n");
}

/* ---- a curve ---- */

static void curve_cell(const struct results_point *point, const char *variant, const char *name,
		       GString *out)
{
	const struct results_variant *column =
		point->doc ? results_doc_variant(point->doc, variant) : NULL;
	const struct results_metric *metric = column ? results_variant_metric(column, name) : NULL;
	g_autoptr(GString) text = g_string_new(NULL);

	if (!metric) {
		g_string_append(out, "<td>-</td>");
		return;
	}
	results_value_text(metric->value, metric->unit, text);
	if (metric->half_width > 0) {
		g_string_append(text, " ±");
		results_value_text(metric->half_width, metric->unit, text);
	}
	html_format(out, "<td>%s</td>", text->str);
}

static void curve_table(const struct results_curve *curve, const struct results_doc *doc,
			const char *metric, GString *out)
{
	html_format(out,
		    "<details><summary>%s</summary>\n<div class=\"scroll\"><table>\n<thead><tr>",
		    metric);
	for (char **axis = curve->axis; *axis; axis++)
		html_format(out, "<th scope=\"col\">%s</th>", *axis);
	for (guint v = 0; v < doc->variants->len; v++)
		html_format(out, "<th scope=\"col\">%s</th>",
			    ((struct results_variant *)doc->variants->pdata[v])->name);
	g_string_append(out, "</tr></thead>\n<tbody>\n");
	for (guint i = 0; i < curve->points->len; i++) {
		const struct results_point *point = curve->points->pdata[i];

		g_string_append(out, "<tr>");
		for (char **step = point->step; *step; step++)
			html_format(out, "<th scope=\"row\">%s</th>", *step);
		for (guint v = 0; v < doc->variants->len; v++)
			curve_cell(point, ((struct results_variant *)doc->variants->pdata[v])->name,
				   metric, out);
		g_string_append(out, "</tr>\n");
	}
	g_string_append(out, "</tbody>\n</table></div>\n</details>\n");
}

static void curve_tables(const struct results_curve *curve, GString *out)
{
	g_autoptr(GPtrArray) metrics = results_curve_metrics(curve);
	const struct results_point *first = curve->points->pdata[0];

	if (!metrics->len)
		return;
	g_string_append(out, "<h2>Figures at each point</h2>\n");
	for (guint i = 0; i < metrics->len; i++)
		curve_table(curve, first->doc, metrics->pdata[i], out);
}

void page_table(const struct plot_page *page, GString *out)
{
	if (page->cmp)
		comparison(page, out);
	else
		curve_tables(page->curve, out);
}

/* ---- pictures ---- */

static void data_table(const struct plot *plot, GString *out)
{
	g_string_append(out, "<details><summary>The data behind it</summary>\n"
			     "<div class=\"scroll\"><table>\n<thead><tr>");
	for (char **title = plot->head; *title; title++)
		html_format(out, "<th scope=\"col\">%s</th>", *title);
	g_string_append(out, "</tr></thead>\n<tbody>\n");
	for (guint i = 0; i < plot->rows->len; i++) {
		char **cells = plot->rows->pdata[i];

		g_string_append(out, "<tr>");
		for (size_t c = 0; cells[c]; c++)
			html_format(out, c ? "<td>%s</td>" : "<th scope=\"row\">%s</th>",
				    strcmp(cells[c], PLOT_NOTHING) ? cells[c] : "-");
		g_string_append(out, "</tr>\n");
	}
	g_string_append(out, "</tbody>\n</table></div>\n</details>\n");
}

bool page_plots(const struct plot_page *page, GString *out, GError **error)
{
	g_string_append(out, "<h2>Pictures</h2>\n");
	for (guint i = 0; i < page->plots->len; i++) {
		const struct plot *plot = page->plots->pdata[i];
		g_autofree char *prefix = g_strdup_printf("p%u-", i + 1);
		GString *svg = plot_render(plot, PLOT_SVG, error);
		bool fine;

		if (!svg)
			return false;
		html_format(out, "<figure>\n<h3>%s</h3>\n<div class=\"picture\">", plot->title);
		fine = svg_inline(svg->str, prefix, plot->caption, out);
		g_string_free(svg, TRUE);
		if (!fine) {
			g_set_error(error, PLOT_ERROR, PLOT_ERROR_TOOL,
				    "gnuplot's picture %s is no SVG that a page can hold",
				    plot->name);
			return false;
		}
		html_format(out, "</div>\n<figcaption>%s</figcaption>\n", plot->caption);
		data_table(plot, out);
		g_string_append(out, "</figure>\n");
	}
	return true;
}
