/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The page: whole in itself, well-formed, and nothing in it that a file has smuggled in. */
#include "tests/plot/plot_support.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(page);

static const char deadlock[] = "deadlock: reader in f() waits for A, taken in g()\n"
			       "insmod in h() waits for B, taken in i()";

static struct results_doc *with_everything(void)
{
	static const struct figure figures[] = {
		{"ops.read.count", 7}, {"mem.keys_max_bytes", 4}, {"cpu.busy_ns", 9}, {NULL, 0}};
	static const struct figure other[] = {
		{"ops.read.count", 7}, {"mem.keys_max_bytes", 8}, {"cpu.busy_ns", 5}, {NULL, 0}};
	struct results_doc *doc = fabricate_doc(1);

	results_doc_add_cost(doc, "costs.syscall", "88ns", "measured <here>", "60ns", "200ns");
	results_doc_add_cost(doc, "costs.lock", "20ns", "read in a book", NULL, NULL);
	fabricate_run(
		doc, "a", 0,
		&(struct made_up){
			.figures = figures, .digest = 1, .finding = deadlock, .stopped = true});
	fabricate_run(doc, "<script>alert('b')</script>", 0,
		      &(struct made_up){.figures = other,
					.digest = 2,
					.finding = "refusal: \"x\" & <y>\nborn in line 3"});
	return doc;
}

static char *page_of(const struct results_doc *doc)
{
	struct results_comparison *cmp = results_compare(&doc, NULL, 1, NULL);
	g_autoptr(GPtrArray) plots = plots_of_comparison(cmp);
	struct plot_page page = {.cmp = cmp, .plots = plots, .command = "extentsim run tiny <&>"};
	GString *out = g_string_new(NULL);
	g_autoptr(GError) error = NULL;

	cr_assert(plot_page(&page, out, &error), "%s", error ? error->message : "");
	results_comparison_free(cmp);
	return g_string_free(out, FALSE);
}

static char *page_of_everything(void)
{
	struct results_doc *doc = with_everything();
	char *text = page_of(doc);

	results_doc_free(doc);
	return text;
}

static void expect_in(const char *text, const char *wanted)
{
	cr_expect(strstr(text, wanted), "wanted \"%s\"", wanted);
}

Test(page, it_is_well_formed)
{
	g_autofree char *text = page_of_everything();

	expect_well_formed(text);
}

Test(page, it_runs_nothing_and_fetches_nothing)
{
	static const char *const bad[] = {"<script",  " src=",	     "@import",
					  "url(http", "<link",	     "<iframe",
					  " onload=", "href=\"http", "href='http"};
	g_autofree char *text = page_of_everything();

	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		cr_expect(!strstr(text, bad[i]), "it has \"%s\"", bad[i]);
	/* Names of namespaces are no addresses to be fetched. */
	for (const char *p = strstr(text, "http"); p; p = strstr(p + 1, "http"))
		cr_expect(g_str_has_prefix(p, "http-equiv") ||
				  g_str_has_prefix(p, "http://www.w3.org/2000/svg\"") ||
				  g_str_has_prefix(p, "http://www.w3.org/1999/"),
			  "%.40s", p);
	expect_in(text, "default-src 'none'");
}

Test(page, what_comes_from_files_is_escaped)
{
	g_autofree char *text = page_of_everything();

	expect_in(text, "&lt;script&gt;alert(&#39;b&#39;)&lt;/script&gt;");
	expect_in(text, "&quot;x&quot; &amp; &lt;y&gt;");
	expect_in(text, "<code>extentsim run tiny &lt;&amp;&gt;</code>");
	expect_in(text, "measured &lt;here&gt;");
}

Test(page, control_characters_and_broken_text_do_not_break_it)
{
	struct results_doc *doc = with_everything();
	g_autofree char *text = NULL;

	g_free(doc->scenario.question);
	doc->scenario.question = g_strdup("bell \a escape \x1b bad \xff no character \xef\xbf\xbf");
	text = page_of(doc);
	expect_well_formed(text);
	expect_in(text, "bell ? escape ? bad");
	expect_in(text, "no character ?");
	results_doc_free(doc);
}

Test(page, a_deadlock_is_a_chain_and_a_refusal_has_its_history)
{
	g_autofree char *text = page_of_everything();

	expect_in(text, "<ol class=\"chain\">\n<li>reader in f() waits for A, taken in g()</li>\n"
			"<li>insmod in h() waits for B, taken in i()</li>\n</ol>");
	expect_in(text, "<ul class=\"history\">\n<li>born in line 3</li>");
}

Test(page, every_figure_of_the_profile_has_its_source)
{
	g_autofree char *text = page_of_everything();

	expect_in(text, "2 figures, of which 1 are estimates");
	expect_in(text, "<th scope=\"row\">costs.lock</th><td>20ns</td><td></td>"
			"<td class=\"source\">read in a book</td>");
	expect_in(text, "<td>60ns … 200ns</td>");
}

static void note_id(GMarkupParseContext *context, const char *element, const char **names,
		    const char **values, void *seen, GError **error)
{
	(void)context;
	(void)element;
	(void)error;
	for (size_t i = 0; names[i]; i++)
		if (!strcmp(names[i], "id"))
			cr_expect(g_hash_table_add(seen, g_strdup(values[i])), "%s is there twice",
				  values[i]);
}

Test(page, pictures_do_not_share_ids_and_have_their_data)
{
	static const char *const axes[] = {"pool", NULL};
	static const char *const steps[][3] = {{"1"}, {"2"}, {NULL}};
	static const GMarkupParser parser = {.start_element = note_id};
	struct results_curve *curve = plot_curve(axes, steps, "b");
	g_autoptr(GPtrArray) plots = plots_of_curve(curve), twice = g_ptr_array_new();
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	struct plot_page page = {.curve = curve, .plots = twice, .command = "extentsim run tiny"};
	GMarkupParseContext *context = g_markup_parse_context_new(&parser, 0, seen, NULL);
	g_autoptr(GString) out = g_string_new(NULL);
	g_autoptr(GError) error = NULL;

	g_ptr_array_add(twice, plots->pdata[0]);
	g_ptr_array_add(twice, plots->pdata[0]);
	cr_assert(plot_page(&page, out, &error), "%s", error ? error->message : "");
	cr_expect(g_markup_parse_context_parse(context, strstr(out->str, "<html"), -1, NULL));
	g_markup_parse_context_free(context);
	cr_expect_gt(g_hash_table_size(seen), 20);
	expect_in(out->str, "<figcaption>key.setkeys of each variant");
	expect_in(out->str, "<th scope=\"row\">2</th><td>2</td><td>16</td>");
	cr_expect(!strstr(out->str, "\"black\"") && !strstr(out->str, "'black'"),
		  "black would not be seen on a dark ground");
	results_curve_free(curve);
}
