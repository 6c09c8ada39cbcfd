/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How results are shown, and what they come to. */
#include "cli/cli.h"

#include <langinfo.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

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

struct results_text_options show_options(bool to_terminal)
{
	return (struct results_text_options){
		.width = table_width(to_terminal),
		.ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0,
		.colour = wants_colour(to_terminal),
	};
}

static const struct results_point *only_point(const struct results_curve *curve)
{
	return curve->points->len == 1 ? curve->points->pdata[0] : NULL;
}

void show_comparison(const struct results_comparison *cmp, enum run_format format,
		     const struct results_text_options *text, GString *out)
{
	if (format == RUN_JSON)
		results_comparison_json(cmp, out);
	else if (format == RUN_MARKDOWN)
		results_markdown(cmp, text, out);
	else
		results_text(cmp, text, out);
}

void show_points(const struct results_curve *curve, enum run_format format,
		 const struct results_text_options *text, const struct results_write_options *write,
		 GString *out)
{
	if (format == RUN_JSON)
		results_curve_json(curve, write, out);
	else if (format == RUN_MARKDOWN)
		results_curve_markdown(curve, text, out);
	else
		results_curve_text(curve, text, out);
}

/* Of a single point the document, or the table of its variants. */
static bool append_result(const struct results_curve *curve, const struct run_options *options,
			  enum run_format format, const struct results_text_options *text,
			  GString *out, GError **error)
{
	struct results_write_options write = {.include_host = options->include_host};
	const struct results_doc *doc = only_point(curve) ? only_point(curve)->doc : NULL;
	struct results_comparison *cmp;

	if (!doc) {
		show_points(curve, format, text, &write, out);
		return true;
	}
	if (format == RUN_JSON) {
		results_emit(doc, &write, out);
		return true;
	}
	cmp = results_compare(&doc, NULL, 1, error);
	if (!cmp)
		return false;
	show_comparison(cmp, format, text, out);
	results_comparison_free(cmp);
	return true;
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

		if (!deadlock_declared(scenario, variant->name) &&
		    results_variant_stopped(doc, variant))
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

static bool went_wrong(const struct scenario *scenario, const struct results_doc *doc)
{
	return any_stopped(scenario, doc) || any_unexpected(doc);
}

/* Where the output has no place for claims. */
static void show_failed(const char *claims)
{
	g_auto(GStrv) lines = g_strsplit(claims, "\n", -1);

	for (char **line = lines; *line; line++)
		if (g_str_has_prefix(*line, "FAILS"))
			cli_message("note", "%s", *line);
}

/* What was run is shown all the same. */
static bool tell_answer(const struct scenario *scenario, const struct results_curve *curve,
			const struct run_options *options, GString *answer)
{
	GError *error = NULL;

	if (append_answer(scenario, curve, options, answer, &error))
		return true;
	cli_fail(error);
	return false;
}

enum cli_exit verdict_status(const struct verdict *verdict)
{
	if (!verdict->whole)
		return CLI_INTERRUPTED;
	if (verdict->no_answer)
		return CLI_BAD_INPUT;
	return verdict->failed || verdict->wrong ? CLI_NO : CLI_YES;
}

bool show_curve(const struct scenario *scenario, const struct run_options *options,
		enum run_format format, bool to_terminal, const struct results_curve *curve,
		GString *out, struct verdict *verdict, GError **error)
{
	struct results_text_options text = show_options(to_terminal);
	g_autoptr(GString) claims = g_string_new(NULL), answer = g_string_new(NULL);
	bool whole = results_curve_complete(curve);

	text.all = options->all_metrics;
	text.measure = (const char *const *)scenario->measure;
	*verdict = (struct verdict){.whole = whole};
	if (whole)
		verdict->failed = check_expectations(scenario, curve, claims);
	if (whole && format != RUN_JSON)
		verdict->no_answer = !tell_answer(scenario, curve, options, answer);
	for (guint i = 0; i < curve->points->len; i++) {
		const struct results_point *point = curve->points->pdata[i];

		verdict->wrong = verdict->wrong || (point->doc && went_wrong(scenario, point->doc));
	}
	if (format != RUN_ANSWER && !append_result(curve, options, format, &text, out, error))
		return false;
	if (claims->len && (format == RUN_TEXT || format == RUN_MARKDOWN))
		g_string_append_printf(out, "%sexpected:\n%s",
				       g_str_has_suffix(out->str, "\n\n") ? "" : "\n", claims->str);
	else if (verdict->failed)
		show_failed(claims->str);
	if (answer->len && format != RUN_JSON)
		g_string_append_printf(out, "%s%s", format == RUN_ANSWER ? "" : "\n", answer->str);
	return true;
}
