/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The page: the question and its answer first, then what they rest on. */
#include "plot/internal.h"

#include <string.h>

static const struct results_doc *page_doc(const struct plot_page *page)
{
	if (page->cmp)
		return page->cmp->docs[0];
	for (guint i = 0; i < page->curve->points->len; i++) {
		const struct results_point *point = page->curve->points->pdata[i];

		if (point->doc)
			return point->doc;
	}
	return NULL;
}

/* ---- the top ---- */

static void head(const struct results_doc *doc, GString *out)
{
	/* The policy makes the browser itself refuse scripts and anything fetched. */
	html_format(out,
		    "<!DOCTYPE html>\n"
		    "<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n<head>\n"
		    "<meta charset=\"utf-8\"/>\n"
		    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
		    "<meta name=\"color-scheme\" content=\"light dark\"/>\n"
		    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		    "style-src 'unsafe-inline'\"/>\n"
		    "<title>%s</title>\n<style>\n",
		    doc->scenario.name);
	for (const char *const *sheet = page_styles; *sheet; sheet++)
		g_string_append(out, *sheet);
	g_string_append(out, "</style>\n</head>\n<body>\n<main>\n");
}

static void facts(const struct plot_page *page, const struct results_doc *doc, GString *out)
{
	g_autofree char *runs = g_strdup_printf("%u", doc->replications);
	g_autofree char *seed = g_strdup_printf("%" G_GUINT64_FORMAT, doc->seeds[0]);

	g_string_append(out, "<p class=\"facts\">");
	if (doc->image.name)
		html_format(out, "image %s · ", doc->image.name);
	if (doc->cost_profile.name)
		html_format(out, "cost profile %s (kernel %s, %s) · ", doc->cost_profile.name,
			    doc->cost_profile.kernel, doc->cost_profile.cpu);
	html_format(out,
		    doc->replications == 1 ? "%s replication from seed %s"
					   : "%s replications from seed %s",
		    runs, seed);
	if (page->curve) {
		g_autofree char *points = g_strdup_printf("%u", page->curve->points->len);

		html_format(out, " · %s points", points);
	}
	html_format(out, " · extentsim %s</p>\n", doc->program_version);
}

static bool is_whole(const struct plot_page *page)
{
	if (page->curve)
		return results_curve_complete(page->curve);
	for (size_t d = 0; d < page->cmp->doc_count; d++)
		if (!results_complete(page->cmp->docs[d]))
			return false;
	return true;
}

/* ---- what it came to ---- */

/* An answer is of the scenario's own question; its figures are filled in anew from what was read. */
static void answer(const struct plot_page *page, const struct results_doc *doc, GString *out)
{
	g_autofree char *template = results_doc_says(doc, "answer");
	g_autofree char *depends = results_doc_says(doc, "depends");
	g_autoptr(GString) text = g_string_new(NULL);
	struct results_curve *single = NULL;
	const struct results_curve *curve = page->curve;

	if (!template || (page->cmp && page->cmp->doc_count > 1))
		return;
	if (!curve) {
		static const char *const no_axes[] = {NULL};

		curve = single = results_curve_new(no_axes, NULL);
		results_curve_add(single, no_axes, (struct results_doc *)doc);
	}
	if (results_answer(curve, template, text, NULL)) {
		html_format(out, "<p class=\"answer\">%s</p>\n", text->str);
		if (depends)
			html_format(out, "<p><b>Depends on:</b> %s</p>\n", depends);
	}
	if (single) {
		((struct results_point *)single->points->pdata[0])->doc = NULL;
		results_curve_free(single);
	}
}

static void verdict(const struct plot_page *page, GString *out)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_auto(GStrv) lines = NULL;

	if (!page->cmp)
		return;
	results_verdict(page->cmp, page->measure, text);
	lines = g_strsplit(text->str, "\n", -1);
	g_string_append(out, "<ul class=\"verdict\">\n");
	for (char **line = lines; *line; line++)
		if (*g_strstrip(*line))
			html_format(out, "<li>%s</li>\n", *line);
	g_string_append(out, "</ul>\n");
}

static void conclusion(const struct plot_page *page, const struct results_doc *doc, GString *out)
{
	g_autoptr(GString) text = g_string_new(NULL);

	if (!is_whole(page))
		g_string_append(text,
				"<p class=\"warning\">Incomplete: not every run was made; what "
				"follows rests on those that were.</p>\n");
	answer(page, doc, text);
	verdict(page, text);
	if (text->len)
		g_string_append_printf(out, "<h2>Verdict</h2>\n%s", text->str);
}

bool plot_page(const struct plot_page *page, GString *out, GError **error)
{
	const struct results_doc *doc = page_doc(page);

	head(doc, out);
	html_format(out, "<header>\n<h1>%s</h1>\n<p class=\"question\">%s</p>\n",
		    doc->scenario.name, doc->scenario.question);
	facts(page, doc, out);
	g_string_append(out, "</header>\n");
	conclusion(page, doc, out);
	if (page->cmp)
		page_table(page, out);
	if (page->plots && page->plots->len && !page_plots(page, out, error))
		return false;
	if (page->curve)
		page_table(page, out);
	page_findings(page, out);
	page_basis(page, out);
	g_string_append(out, "</main>\n</body>\n</html>\n");
	return true;
}
