/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a page's figures rest on: findings, variants, machine, costs, and how to make them anew. */
#include "plot/internal.h"

#include <string.h>

/* ---- findings ---- */

/* Each line of a deadlock is a task that waits for what the next one holds; the last one's is held by the
 * first. One line alone waits for what nobody will do. */
static void chain(const char *text, GString *out)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	unsigned links = 0;

	g_string_append(out, "<ol class=\"chain\">\n");
	for (char **line = lines; *line; line++)
		if (*g_strstrip(*line)) {
			html_format(out, "<li>%s</li>\n", *line);
			links++;
		}
	g_string_append_printf(out, "</ol>\n%s",
			       links > 1 ? "<p class=\"back\">↺ which the first one holds</p>\n"
					 : "");
}

static void history(const char *text, GString *out)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	if (!lines[0])
		return;
	html_format(out, "<p>%s</p>\n", lines[0]);
	if (!lines[1])
		return;
	g_string_append(out, "<ul class=\"history\">\n");
	for (char **line = lines + 1; *line; line++)
		if (*g_strstrip(*line))
			html_format(out, "<li>%s</li>\n", *line);
	g_string_append(out, "</ul>\n");
}

static void finding(const struct results_doc *doc, const struct results_told *told, GString *out)
{
	g_autoptr(GString) when = g_string_new("first at ");

	results_value_text((double)told->finding->time_ns, "ns", when);
	if (told->times > told->replications)
		g_string_append_printf(when, ", %" G_GUINT64_FORMAT " times", told->times);
	if (doc->replications > 1)
		g_string_append_printf(when, ", in %u of %u replications", told->replications,
				       doc->replications);
	html_format(out, "<div class=\"finding\"><h4>%s <small>%s</small></h4>\n",
		    told->finding->kind, when->str);
	if (g_str_has_suffix(told->finding->kind, "deadlock"))
		chain(told->finding->text, out);
	else
		history(told->finding->text, out);
	g_string_append(out, "</div>\n");
}

static void findings_of(const struct results_doc *doc, const struct results_variant *variant,
			const char *label, GString *out)
{
	enum { OPEN_MAX = 3 };
	g_autoptr(GPtrArray) told = results_told(doc, variant);

	if (!told->len)
		return;
	html_format(out, "<h3>%s</h3>\n", label);
	for (guint i = 0; i < MIN(told->len, OPEN_MAX); i++)
		finding(doc, told->pdata[i], out);
	if (told->len <= OPEN_MAX)
		return;
	g_string_append_printf(out, "<details><summary>and %u more</summary>\n",
			       told->len - OPEN_MAX);
	for (guint i = OPEN_MAX; i < told->len; i++)
		finding(doc, told->pdata[i], out);
	g_string_append(out, "</details>\n");
}

static void findings_of_point(const struct results_curve *curve, const struct results_point *point,
			      GString *out)
{
	for (guint v = 0; point->doc && v < point->doc->variants->len; v++) {
		const struct results_variant *variant = point->doc->variants->pdata[v];
		g_autoptr(GString) label = g_string_new(variant->name);

		for (size_t a = 0; curve->axis[a]; a++)
			g_string_append_printf(label, "%s%s=%s", a ? ", " : " at ", curve->axis[a],
					       point->step[a]);
		findings_of(point->doc, variant, label->str, out);
	}
}

void page_findings(const struct plot_page *page, GString *out)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (guint i = 0; page->cmp && i < page->cmp->columns->len; i++) {
		const struct results_column *column = page->cmp->columns->pdata[i];

		findings_of(page->cmp->docs[column->doc], column->variant, column->label, text);
	}
	for (guint i = 0; page->curve && i < page->curve->points->len; i++)
		findings_of_point(page->curve, page->curve->points->pdata[i], text);
	if (text->len)
		g_string_append_printf(out, "<h2>Findings and refusals</h2>\n%s", text->str);
	else
		g_string_append(out, "<h2>Findings and refusals</h2>\n<p>None: no garbage, no "
				     "deadlock, nothing refused.</p>\n");
}

/* ---- variants and machine ---- */

static const char *setting(const struct results_variant *variant, const char *key)
{
	for (guint i = 0; i < variant->settings->len; i++) {
		const struct results_pair *pair = variant->settings->pdata[i];

		if (!strcmp(pair->key, key))
			return pair->value;
	}
	return "-";
}

static bool same_everywhere(const struct results_doc *doc, const char *key)
{
	const char *first = setting(doc->variants->pdata[0], key);

	for (guint v = 1; v < doc->variants->len; v++)
		if (strcmp(setting(doc->variants->pdata[v], key), first) != 0)
			return false;
	return true;
}

static void settings(const struct results_doc *doc, GString *out)
{
	const struct results_variant *first = doc->variants->pdata[0];
	g_autoptr(GString) same = g_string_new(NULL);

	g_string_append(out, "<h3>Variants</h3>\n<div class=\"scroll\"><table class=\"words\">\n"
			     "<thead><tr><th scope=\"col\">setting</th>");
	for (guint v = 0; v < doc->variants->len; v++)
		html_format(out, "<th scope=\"col\">%s</th>",
			    ((struct results_variant *)doc->variants->pdata[v])->name);
	g_string_append(out, "</tr></thead>\n<tbody>\n");
	for (guint i = 0; i < first->settings->len; i++) {
		const struct results_pair *pair = first->settings->pdata[i];

		if (doc->variants->len > 1 && same_everywhere(doc, pair->key)) {
			g_string_append_printf(same, "%s%s=%s", same->len ? ", " : "", pair->key,
					       pair->value);
			continue;
		}
		html_format(out, "<tr><th scope=\"row\">%s</th>", pair->key);
		for (guint v = 0; v < doc->variants->len; v++)
			html_format(out, "<td>%s</td>",
				    setting(doc->variants->pdata[v], pair->key));
		g_string_append(out, "</tr>\n");
	}
	g_string_append(out, "</tbody>\n</table></div>\n");
	if (same->len)
		html_format(out, "<p class=\"legend\">The same in all: %s.</p>\n", same->str);
}

static void machine(const struct results_doc *doc, GString *out)
{
	g_string_append(out,
			"<h3>Machine</h3>\n<div class=\"scroll\"><table class=\"words\"><tbody>\n");
	for (guint i = 0; i < doc->machine->len; i++) {
		const struct results_pair *pair = doc->machine->pdata[i];

		html_format(out, "<tr><th scope=\"row\">%s</th><td>%s</td></tr>\n", pair->key,
			    pair->value);
	}
	g_string_append(out, "</tbody></table></div>\n");
}

/* ---- costs ---- */

static void costs(const struct results_doc *doc, GString *out)
{
	unsigned estimates = 0;

	g_string_append(out, "<h3>Cost profile</h3>\n");
	if (!doc->cost_profile.name) {
		g_string_append(out, "<p>None.</p>\n");
		return;
	}
	for (guint i = 0; i < doc->costs->len; i++)
		estimates += ((struct results_cost *)doc->costs->pdata[i])->low != NULL;
	html_format(out, "<p>%s: kernel %s, %s. SHA-256 <code>%s</code>.", doc->cost_profile.name,
		    doc->cost_profile.kernel, doc->cost_profile.cpu, doc->cost_profile.digest);
	if (!doc->costs->len) {
		g_string_append(out, " The document is of a version that did not keep its figures: "
				     "run it again for them.</p>\n");
		return;
	}
	g_string_append_printf(
		out,
		" %u figures, of which %u are estimates with the range that they may "
		"be in.</p>\n<details class=\"kept\"><summary>Every figure and its "
		"source</summary>\n"
		"<div class=\"scroll\"><table class=\"words\">\n<thead><tr>"
		"<th scope=\"col\">name</th><th scope=\"col\">value</th>"
		"<th scope=\"col\">estimate</th><th scope=\"col\">source</th></tr>"
		"</thead>\n<tbody>\n",
		doc->costs->len, estimates);
	for (guint i = 0; i < doc->costs->len; i++) {
		const struct results_cost *cost = doc->costs->pdata[i];

		html_format(out, "<tr><th scope=\"row\">%s</th><td>%s</td>", cost->name,
			    cost->value);
		if (cost->low)
			html_format(out, "<td>%s … %s</td>", cost->low, cost->high);
		else
			g_string_append(out, "<td></td>");
		html_format(out, "<td class=\"source\">%s</td></tr>\n", cost->source);
	}
	g_string_append(out, "</tbody>\n</table></div>\n</details>\n");
}

/* ---- made anew ---- */

static void reproduce(const struct plot_page *page, const struct results_doc *doc, GString *out)
{
	bool script = doc->scenario.text[0] != '{';

	html_format(
		out,
		"<h2>To make it anew</h2>\n<pre><code>%s</code></pre>\n<p>With extentsim %s. The "
		"same scenario, seed and version give the same bytes. The scenario's text has "
		"SHA-256 <code>%s</code>",
		page->command, doc->program_version, doc->scenario.digest);
	if (doc->image.name)
		html_format(out, ", image %s <code>%s</code>", doc->image.name, doc->image.digest);
	html_format(
		out,
		".</p>\n<details class=\"kept\"><summary>%s</summary>\n<pre><code>%s</code></pre>\n"
		"</details>\n",
		script ? "The script" : "The scenario", doc->scenario.text);
}

void page_basis(const struct plot_page *page, GString *out)
{
	const struct results_doc *doc =
		page->cmp ? page->cmp->docs[0]
			  : ((struct results_point *)page->curve->points->pdata[0])->doc;

	g_string_append(out, "<h2>What it rests on</h2>\n");
	if (page->curve)
		g_string_append(out,
				"<p>As at the first point; the axes change what they set.</p>\n");
	settings(doc, out);
	machine(doc, out);
	costs(doc, out);
	reproduce(page, doc, out);
}
