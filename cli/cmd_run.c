/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `extentsim run`: one document; run_curve() where a scenario has axes. */
#include "cli/cli.h"

#include <unistd.h>

/* Takes `output` over; NULL: standard output. */
static bool put(struct output *output, const char *text, GError **error)
{
	if (!output)
		return output_text(NULL, text, error);
	fputs(text, output_file(output));
	return output_commit(output, error);
}

static bool show(const struct scenario *scenario, const struct run_options *options,
		 enum run_format format, const struct results_curve *curve, struct output *output,
		 struct verdict *verdict, GError **error)
{
	g_autoptr(GString) out = g_string_new(NULL);
	bool to_terminal = !output && isatty(STDOUT_FILENO);

	if (show_curve(scenario, options, format, to_terminal, curve, out, verdict, error))
		return put(output, out->str, error);
	output_abort(output);
	return false;
}

/* Without --format, a file gets the document and the terminal the table. */
static bool deliver(const struct scenario *scenario, const struct run_options *options,
		    const struct results_curve *curve, struct output *output,
		    struct verdict *verdict, GError **error)
{
	if (!output || options->format_given)
		return show(scenario, options, options->format, curve, output, verdict, error);
	return show(scenario, options, RUN_JSON, curve, output, verdict, error) &&
	       show(scenario, options, RUN_TEXT, curve, NULL, verdict, error);
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

static int conclude(const struct scenario *scenario, const struct results_curve *curve,
		    const struct run_options *options, struct output *output)
{
	const struct results_point *point = curve->points->pdata[0];
	struct verdict verdict;
	GError *error = NULL;

	if (!any_done(point->doc)) {
		output_abort(output);
		cli_message("note", "interrupted before any run had ended: there is no result");
		return CLI_INTERRUPTED;
	}
	if (!deliver(scenario, options, curve, output, &verdict, &error))
		return cli_fail(error);
	if (!verdict.whole)
		cli_message("note", "interrupted: the runs that had ended are kept, the others "
				    "are missing");
	return verdict_status(&verdict);
}

/* The output is opened before the run, so that a place that can't be written is not found out
 * after an hour. */
static int run_single(const struct scenario *scenario, const struct run_options *options,
		      struct run_trace *trace)
{
	struct run_point point = {.scenario = scenario, .trace = trace};
	struct output *output = NULL;
	GError *error = NULL;
	struct results_curve *curve;
	int status;

	if (options->output) {
		output = output_open(options->output, &error);
		if (!output)
			return cli_fail(error);
	}
	point.doc = run_document(scenario);
	curve = curve_of(scenario);
	((struct results_point *)curve->points->pdata[0])->doc = point.doc;
	if (run_points(&point, 1, options, NULL, NULL, &error) &&
	    run_timeline_close(trace, true, &error)) {
		status = conclude(scenario, curve, options, output);
	} else {
		output_abort(output);
		status = cli_fail(error);
	}
	results_curve_free(curve);
	return status;
}

static int run_into(const struct scenario *scenario, const struct run_options *options)
{
	struct run_trace trace;
	GError *error = NULL;
	int status;

	if (!run_timeline_open(scenario, options, &trace, &error))
		return cli_fail(error);
	status = scenario->points->len > 1 ? run_curve(scenario, options)
					   : run_single(scenario, options, &trace);
	run_timeline_close(&trace, false, NULL);
	return status;
}

int cmd_run(int argc, char **argv)
{
	return with_scenario(argc, argv, run_into);
}
