/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A curve for people: one table for each metric, points down, variants across. */
#include "results/internal.h"

#include <string.h>

enum {
	GAP = 2, /* between columns */
	LABEL_MAX = 16, /* a variant's name is no wider; the rest follows below it */
	FINDINGS_POINTS_MAX = 5, /* points whose findings are told, unless all are asked for */
};

/* The cells of one metric as text, row by row; the first rows are headings. */
struct grid {
	const struct results_curve *curve;
	const struct results_text_options *options;
	size_t axes, columns; /* columns: axes, then variants */
	GPtrArray *rows; /* char ** */
	size_t *width;
};

/* ---- cells ---- */

static char *cell_text(const struct grid *g, const struct results_point *point, const char *variant,
		       const char *name)
{
	const struct results_metric *metric = point_metric(point, variant, name);
	g_autoptr(GString) text = g_string_new(NULL);

	if (!point->doc)
		return g_strdup("");
	if (results_variant_stopped(point->doc, results_doc_variant(point->doc, variant)))
		return g_strdup("stopped");
	if (!metric)
		return g_strdup("-");
	if (metric->class == RESULTS_SAMPLED && metric->half_width > 0)
		human_interval(text, metric->value, metric->half_width, metric->unit);
	else
		human_value(text, metric->value, metric->unit, false);
	text_clean(text, g->options->ascii, false);
	return g_strdup(text->str);
}

/* A step is not repeated below itself. */
static char *step_text(const struct grid *g, guint point, size_t axis)
{
	char **step = point_at(g->curve, point)->step;
	char **before = point ? point_at(g->curve, point - 1)->step : NULL;
	bool same = before;

	for (size_t i = 0; same && i <= axis; i++)
		same = !strcmp(step[i], before[i]);
	return g_strdup(same && axis + 1 < g->axes ? "" : step[axis]);
}

static void add_row(struct grid *g, char **row)
{
	for (size_t i = 0; i < g->columns; i++)
		g->width[i] = MAX(g->width[i], (size_t)g_utf8_strlen(row[i], -1));
	g_ptr_array_add(g->rows, row);
}

/* Names of axes and variants, cut into lines. */
static void add_headings(struct grid *g, const struct results_doc *doc)
{
	size_t lines = 1;

	for (guint v = 0; v < doc->variants->len; v++) {
		const struct results_variant *variant = doc->variants->pdata[v];
		size_t length = (size_t)g_utf8_strlen(variant->name, -1);

		lines = MAX(lines, (length + LABEL_MAX - 1) / LABEL_MAX);
	}
	for (size_t line = 0; line < lines; line++) {
		char **row = g_new0(char *, g->columns + 1);

		for (size_t a = 0; a < g->axes; a++)
			row[a] = g_strdup(line + 1 == lines ? g->curve->axis[a] : "");
		for (guint v = 0; v < doc->variants->len; v++) {
			const char *name =
				((struct results_variant *)doc->variants->pdata[v])->name;
			glong length = g_utf8_strlen(name, -1), from = (glong)line * LABEL_MAX;

			row[g->axes + v] = from < length
						   ? g_utf8_substring(name, from,
								      MIN(length, from + LABEL_MAX))
						   : g_strdup("");
		}
		add_row(g, row);
	}
}

static void fill(struct grid *g, const struct results_doc *doc, const char *metric)
{
	add_headings(g, doc);
	for (guint i = 0; i < g->curve->points->len; i++) {
		char **row = g_new0(char *, g->columns + 1);

		for (size_t a = 0; a < g->axes; a++)
			row[a] = step_text(g, i, a);
		for (guint v = 0; v < doc->variants->len; v++)
			row[g->axes + v] = cell_text(
				g, point_at(g->curve, i),
				((struct results_variant *)doc->variants->pdata[v])->name, metric);
		add_row(g, row);
	}
}

/* ---- printing ---- */

static void print_cell(const struct grid *g, char **row, size_t column, GString *line)
{
	size_t length = (size_t)g_utf8_strlen(row[column], -1);

	for (size_t i = length; i < g->width[column] + GAP; i++)
		g_string_append_c(line, ' ');
	g_string_append(line, row[column]);
}

/* Variants from `from` to before `to`, behind the steps. */
static void print_block(const struct grid *g, size_t from, size_t to, GString *out)
{
	for (guint r = 0; r < g->rows->len; r++) {
		g_autoptr(GString) line = g_string_new(NULL);

		for (size_t a = 0; a < g->axes; a++)
			print_cell(g, g->rows->pdata[r], a, line);
		for (size_t v = from; v < to; v++)
			print_cell(g, g->rows->pdata[r], v, line);
		g_string_append_printf(out, "%s\n", g_strchomp(line->str));
	}
}

static void print_blocks(const struct grid *g, GString *out)
{
	size_t steps = 0, from = g->axes, to;

	for (size_t a = 0; a < g->axes; a++)
		steps += g->width[a] + GAP;
	while (from < g->columns) {
		size_t used = steps + g->width[from] + GAP;

		for (to = from + 1;
		     to < g->columns && used + g->width[to] + GAP <= g->options->width; to++)
			used += g->width[to] + GAP;
		if (from > g->axes)
			g_string_append_c(out, '\n');
		print_block(g, from, to, out);
		from = to;
	}
}

static void print_metric(const struct results_curve *curve, const struct results_doc *doc,
			 const char *metric, const struct results_text_options *options,
			 GString *out)
{
	struct grid g = {.curve = curve, .options = options};

	g.axes = g_strv_length(curve->axis);
	g.columns = g.axes + doc->variants->len;
	g.rows = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
	g.width = g_new0(size_t, g.columns);
	fill(&g, doc, metric);
	g_string_append_printf(out, "%s\n", metric);
	print_blocks(&g, out);
	g_string_append_c(out, '\n');
	g_ptr_array_unref(g.rows);
	g_free(g.width);
}

/* ---- which metrics ---- */

static void add_names(const struct results_point *point, const char *pattern, GHashTable *seen,
		      GPtrArray *names)
{
	for (guint v = 0; point->doc && v < point->doc->variants->len; v++) {
		const struct results_variant *variant = point->doc->variants->pdata[v];

		for (guint m = 0; m < variant->metrics->len; m++) {
			const struct results_metric *metric = variant->metrics->pdata[m];

			if (g_pattern_match_simple(pattern, metric->name) &&
			    g_hash_table_add(seen, metric->name))
				g_ptr_array_add(names, metric->name);
		}
	}
}

/* Those of a pattern together, in the order of the list. */
GPtrArray *results_curve_metrics(const struct results_curve *curve)
{
	GPtrArray *names = g_ptr_array_new();
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

	for (char **pattern = curve->measure; pattern && *pattern; pattern++)
		for (guint i = 0; i < curve->points->len; i++)
			add_names(point_at(curve, i), *pattern, seen, names);
	return names;
}

static void print_unmatched(const struct results_curve *curve, const GPtrArray *names, GString *out)
{
	for (char **pattern = curve->measure; pattern && *pattern; pattern++) {
		bool any = false;

		for (guint i = 0; i < names->len; i++)
			any = any || g_pattern_match_simple(*pattern, names->pdata[i]);
		if (!any)
			g_string_append_printf(out, "%s: no variant has such a metric\n\n",
					       *pattern);
	}
}

/* ---- findings ---- */

static bool any_findings(const struct results_doc *doc)
{
	for (guint v = 0; v < doc->variants->len; v++) {
		const struct results_variant *variant = doc->variants->pdata[v];

		for (uint32_t i = 0; i < doc->replications; i++)
			if (variant->replication[i].findings->len)
				return true;
	}
	return false;
}

static void print_point_findings(const struct results_curve *curve,
				 const struct results_point *point,
				 const struct results_text_options *options, GString *out)
{
	const struct results_doc *doc = point->doc;
	g_autofree char *place = results_point_place(curve, point);
	struct results_comparison *cmp = results_compare(&doc, NULL, 1, NULL);

	g_string_append_printf(out, "At %s\n", place);
	if (cmp)
		words_findings(cmp, options->all, options->width, out);
	results_comparison_free(cmp);
}

static void print_findings(const struct results_curve *curve,
			   const struct results_text_options *options, GString *out)
{
	unsigned points = 0;

	for (guint i = 0; i < curve->points->len; i++) {
		const struct results_point *point = point_at(curve, i);

		if (!point->doc || !any_findings(point->doc))
			continue;
		if (options->all || points < FINDINGS_POINTS_MAX)
			print_point_findings(curve, point, options, out);
		points++;
	}
	if (!options->all && points > FINDINGS_POINTS_MAX)
		g_string_append_printf(out, "and findings at %u more points\n\n",
				       points - FINDINGS_POINTS_MAX);
}

void results_curve_text(const struct results_curve *curve,
			const struct results_text_options *options, GString *out)
{
	struct results_text_options o = text_defaults(options);
	const struct results_doc *doc = results_curve_doc(curve);
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(GPtrArray) names = results_curve_metrics(curve);

	if (!doc)
		return;
	words_question(doc, true, o.width, text);
	g_string_append_c(text, '\n');
	for (guint i = 0; i < names->len; i++)
		print_metric(curve, doc, names->pdata[i], &o, text);
	print_unmatched(curve, names, text);
	estimates_say(curve, names, o.width, text);
	print_findings(curve, &o, text);
	text_clean(text, o.ascii, false);
	g_string_append_len(out, text->str, (gssize)text->len);
}

void results_curve_markdown(const struct results_curve *curve,
			    const struct results_text_options *options, GString *out)
{
	g_autoptr(GString) text = g_string_new(NULL);

	results_curve_text(curve, options, text);
	text_fence(text, out);
}
