/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `extentsim report`: a page that says what stored results say, with pictures. */
#include "cli/cli.h"

#include <string.h>

#include "plot/plot.h"

struct report {
	char **paths; /* NULL-terminated */
	struct results_set *set;
	char *output, *plots;
	bool no_plots, png_plots;
};

/* ---- the command that makes it anew ------------------------------------------------------- */

static void append_word(GString *out, const char *word)
{
	g_autofree char *quoted = NULL;

	for (const char *p = word; *p; p++)
		if (!g_ascii_isalnum(*p) && !strchr("-_=.,:/+@%", *p))
			quoted = quoted ? quoted : g_shell_quote(word);
	g_string_append_printf(out, " %s", quoted ? quoted : word);
}

static char *command_of(const struct results_doc *doc, bool curve)
{
	GString *out = g_string_new("extentsim run");
	g_autofree char *file = NULL;

	if (is_in_library(doc))
		file = g_strdup(doc->scenario.name);
	else
		file = g_strconcat(doc->scenario.name,
				   doc->scenario.text[0] == '{' &&
						   !g_str_has_suffix(doc->scenario.name, ".json")
					   ? ".json"
					   : "",
				   NULL);
	append_word(out, file);
	for (guint i = 0; i < doc->overrides->len; i++) {
		const char *override = doc->overrides->pdata[i];

		if (curve && g_str_has_prefix(override, "axes."))
			continue;
		g_string_append(out, " --set");
		append_word(out, override);
	}
	for (guint i = 0; doc->variants_given && i < doc->variants->len; i++) {
		g_autofree char *variant = variant_text(doc->variants->pdata[i]);

		g_string_append(out, " --variant");
		append_word(out, variant);
	}
	g_string_append_printf(out, " --seed %" G_GUINT64_FORMAT " --replications %u",
			       doc->seeds[0], doc->replications);
	g_string_append(out, curve ? " -o FOLDER" : " -o RESULT.json");
	return g_string_free(out, FALSE);
}

/* ---- what is shown ------------------------------------------------------------------------ */

static bool write_page(const struct report *report, struct plot_page *page, GError **error)
{
	g_autoptr(GString) out = g_string_new(NULL);

	return plot_page(page, out, error) && output_text(report->output, out->str, error);
}

static bool show(const struct report *report, struct plot_page *page, GPtrArray *plots,
		 GError **error)
{
	bool fine = true;

	if (report->plots && !plots->len)
		cli_message("note", "these results have nothing that makes a picture");
	if (report->plots)
		fine = plots_write(plots, report->plots, report->png_plots ? PLOT_PNG : PLOT_SVG,
				   error);
	page->plots = report->no_plots ? NULL : plots;
	if (fine && (report->output || !report->plots))
		fine = write_page(report, page, error);
	g_ptr_array_unref(plots);
	return fine;
}

static bool report_curve(const struct report *report, GError **error)
{
	const struct results_curve *curve = report->set->curve;
	const struct results_point *first = curve->points->pdata[0];
	g_autofree char *command = command_of(first->doc, true);
	struct plot_page page = {.curve = curve, .command = command};

	return show(report, &page, plots_of_curve(curve), error);
}

static bool report_comparison(const struct report *report, GError **error)
{
	struct results_comparison *cmp = results_set_compare(report->set, error);
	g_autofree char *command = NULL;
	g_auto(GStrv) measure = NULL;
	struct plot_page page = {.cmp = cmp};
	bool fine;

	if (!cmp)
		return false;
	measure = results_doc_measures(cmp->docs[0]);
	command = command_of(cmp->docs[0], false);
	page.command = command;
	page.measure = (const char *const *)measure;
	fine = show(report, &page, plots_of_comparison(cmp), error);
	results_comparison_free(cmp);
	return fine;
}

/* ---- options ------------------------------------------------------------------------------ */

static bool take_operands(int argc, char **argv, struct report *report, GError **error)
{
	if (argc < 2)
		cli_set_error(error, CLI_BAD_INPUT,
			      "no result given\n"
			      "`extentsim run SCENARIO -o FILE` writes one");
	else if (!report->output && !report->plots)
		cli_set_error(error, CLI_BAD_INPUT,
			      "nowhere to write to\n"
			      "-o FILE takes the page, --plots DIR the pictures");
	else
		report->paths = g_strdupv(argv + 1);
	return report->paths;
}

static enum cli_parsed parse(int argc, char **argv, struct report *report, GError **error)
{
	static const char *const formats[] = {"svg", "png", NULL};
	gboolean no_plots = FALSE;
	g_autofree char *format_text = NULL;
	size_t format = 0;
	const GOptionEntry entries[] = {
		{"output", 'o', 0, G_OPTION_ARG_FILENAME, &report->output,
		 "Write the page to a file, which appears whole or not at all", "PATH"},
		{"plots", 0, 0, G_OPTION_ARG_FILENAME, &report->plots,
		 "Write the pictures into a folder, with their gnuplot scripts and data", "DIR"},
		{"plots-format", 0, 0, G_OPTION_ARG_FILENAME, &format_text,
		 "svg or png, of --plots; svg by default", "FORMAT"},
		{"no-plots", 0, 0, G_OPTION_ARG_NONE, &no_plots,
		 "A page without pictures, for which gnuplot is not needed", NULL},
		{NULL, 0, 0, 0, NULL, NULL, NULL},
	};
	enum cli_parsed parsed = cli_parse(&argc, &argv, entries, "RESULT...",
					   "Writes one page of HTML, with all that it needs "
					   "inside, of a result, of several to "
					   "be\ncompared, or of the folder that a scenario with "
					   "axes was run into. Its pictures "
					   "are drawn\nby gnuplot.",
					   error);

	if (parsed == CLI_PARSED_GO &&
	    (!take_operands(argc, argv, report, error) ||
	     (format_text && !cli_word("--plots-format", format_text, formats, &format, error))))
		parsed = CLI_PARSED_ERROR;
	report->no_plots = no_plots;
	report->png_plots = format == 1;
	g_strfreev(argv);
	return parsed;
}

int cmd_report(int argc, char **argv)
{
	struct report report = {.paths = NULL};
	GError *error = NULL;
	enum cli_parsed parsed = parse(argc, argv, &report, &error);
	bool fine = parsed == CLI_PARSED_HELP;

	if (parsed == CLI_PARSED_GO) {
		report.set = results_set_read((const char *const *)report.paths, &error);
		fine = report.set && (report.set->curve ? report_curve(&report, &error)
							: report_comparison(&report, &error));
	}
	if (report.set)
		results_set_free(report.set);
	g_strfreev(report.paths);
	g_free(report.output);
	g_free(report.plots);
	return fine ? CLI_YES : (int)cli_fail(error);
}
