/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `extentsim run`. */
#include "cli/cli.h"

#include <langinfo.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "results/results.h"

/* Narrower than this a table says nothing. */
enum { NARROWEST = 50 };

static unsigned table_width(bool to_terminal)
{
	struct winsize size;

	if (!to_terminal || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_col)
		return RESULTS_TEXT_WIDTH;
	return CLAMP(size.ws_col, NARROWEST, RESULTS_TEXT_WIDTH);
}

static bool wants_colour(bool to_terminal)
{
	const char *no_colour = g_getenv("NO_COLOR");

	return to_terminal && (!no_colour || !*no_colour) &&
	       g_strcmp0(g_getenv("TERM"), "dumb") != 0;
}

/* Takes `output` over; NULL: standard output. */
static bool put(struct output *output, const char *text, GError **error)
{
	if (!output)
		return output_text(NULL, text, error);
	fputs(text, output_file(output));
	return output_commit(output, error);
}

static bool show(const struct results_doc *doc, const struct run_options *options,
		 enum run_format format, struct output *output, GString *verdicts, GError **error)
{
	bool to_terminal = !output && isatty(STDOUT_FILENO);
	struct results_text_options text = {
		.width = table_width(to_terminal),
		.all = options->all_metrics,
		.ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0,
		.colour = wants_colour(to_terminal),
	};
	struct results_write_options write = {.include_host = options->include_host};
	g_autoptr(GString) out = g_string_new(NULL);
	struct results_comparison *cmp;

	if (format == RUN_JSON) {
		results_emit(doc, &write, out);
		return put(output, out->str, error);
	}
	cmp = results_compare(&doc, NULL, 1, error);
	if (!cmp) {
		output_abort(output);
		return false;
	}
	if (format == RUN_MARKDOWN)
		results_markdown(cmp, &text, out);
	else
		results_text(cmp, &text, out);
	results_comparison_free(cmp);
	if (verdicts->len)
		g_string_append_printf(out, "\nexpected:\n%s", verdicts->str);
	return put(output, out->str, error);
}

/* Without --format, a file gets the document and the terminal the table. */
static bool deliver(const struct results_doc *doc, const struct run_options *options,
		    struct output *output, GString *verdicts, GError **error)
{
	if (!output)
		return show(doc, options, options->format, NULL, verdicts, error);
	if (options->format_given)
		return show(doc, options, options->format, output, verdicts, error);
	return show(doc, options, RUN_JSON, output, verdicts, error) &&
	       show(doc, options, RUN_TEXT, NULL, verdicts, error);
}

/* A scenario that claims something of a variant's deadlocks has declared that it may have some. */
static bool deadlock_declared(const struct scenario *scenario, const char *variant)
{
	for (guint i = 0; i < scenario->expect->len; i++) {
		const struct scenario_expect *expect = scenario->expect->pdata[i];

		if (!strcmp(expect->variant, variant) && !strcmp(expect->metric, "deadlocks"))
			return true;
	}
	return false;
}

static bool any_stopped(const struct scenario *scenario, const struct results_doc *doc)
{
	for (guint v = 0; v < doc->variants->len; v++) {
		const struct results_variant *variant = doc->variants->pdata[v];

		if (deadlock_declared(scenario, variant->name))
			continue;
		for (uint32_t r = 0; r < doc->replications; r++)
			if (variant->replication[r].done && !variant->replication[r].completed)
				return true;
	}
	return false;
}

/* A script that came to another outcome than it expects fails the run, in whichever variant. */
static bool any_unexpected(const struct results_doc *doc)
{
	for (guint v = 0; v < doc->variants->len; v++) {
		const struct results_metric *metric =
			results_variant_metric(doc->variants->pdata[v], "script.unexpected");

		if (metric && metric->value > 0)
			return true;
	}
	return false;
}

static bool any_done(const struct results_doc *doc)
{
	for (guint v = 0; v < doc->variants->len; v++) {
		const struct results_variant *variant = doc->variants->pdata[v];

		for (uint32_t r = 0; r < doc->replications; r++)
			if (variant->replication[r].done)
				return true;
	}
	return false;
}

static int conclude(const struct scenario *scenario, const struct results_doc *doc,
		    const struct run_options *options, struct output *output)
{
	g_autoptr(GString) verdicts = g_string_new(NULL);
	bool whole = results_complete(doc);
	uint32_t failed = whole ? check_expectations(scenario, doc, verdicts) : 0;
	GError *error = NULL;

	if (!whole && !any_done(doc)) {
		output_abort(output);
		cli_message("note", "interrupted before any run had ended: nothing is kept");
		return CLI_INTERRUPTED;
	}
	if (!deliver(doc, options, output, verdicts, &error))
		return cli_fail(error);
	if (!whole) {
		cli_message("note", "interrupted: the runs that had ended are kept, the others "
				    "are missing");
		return CLI_INTERRUPTED;
	}
	return failed || any_stopped(scenario, doc) || any_unexpected(doc) ? CLI_NO : CLI_YES;
}

/* The output is opened before the run, so that a place that can't be written is not found out
 * after an hour. */
static int run_into(const struct scenario *scenario, const struct run_options *options)
{
	struct output *output = NULL;
	GError *error = NULL;
	struct results_doc *doc;
	int status;

	if (options->output) {
		output = output_open(options->output, &error);
		if (!output)
			return cli_fail(error);
	}
	doc = run_scenario(scenario, options->jobs, &error);
	if (!doc) {
		output_abort(output);
		return cli_fail(error);
	}
	status = conclude(scenario, doc, options, output);
	results_doc_free(doc);
	return status;
}

int cmd_run(int argc, char **argv)
{
	return with_scenario(argc, argv, run_into);
}
