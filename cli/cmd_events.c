/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `extentsim events`: the events of one run of a stored result, which is made again for it. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

struct events {
	struct rerun rerun;
	struct results_curve *curve;
	char *path, *point, *variant, *output;
	uint64_t replication;
};

static void events_clear(struct events *events)
{
	if (events->curve)
		results_curve_free(events->curve);
	g_free(events->path);
	g_free(events->point);
	g_free(events->variant);
	g_free(events->output);
}

/* ---- options ------------------------------------------------------------------------------ */

/* "1000..2000", of which one may be missing. */
static bool take_range(const char *text, struct rerun *rerun, GError **error)
{
	const char *dots = strstr(text, "..");
	g_autofree char *first = dots ? g_strndup(text, (gsize)(dots - text)) : NULL;

	if (!dots || !strcmp(text, "..")) {
		cli_set_error(error, CLI_BAD_INPUT,
			      "--window: expected FIRST..LAST, got \"%s\"\n"
			      "numbers of events, counted from 1; one of them may be left out",
			      text);
		return false;
	}
	return (!*first || cli_number("--window", first, 1, INT64_MAX, &rerun->first, error)) &&
	       (!dots[2] ||
		cli_number("--window", dots + 2, rerun->first, INT64_MAX, &rerun->last, error));
}

static bool take_operand(int argc, char **argv, struct events *events, GError **error)
{
	if (argc == 2)
		events->path = g_strdup(argv[1]);
	else
		cli_set_error(error, CLI_BAD_INPUT,
			      "expected one result\n"
			      "`extentsim run SCENARIO -o FILE` writes one");
	return events->path;
}

static enum cli_parsed parse(int argc, char **argv, struct events *events, GError **error)
{
	g_autofree char *replication = NULL, *range = NULL;
	const GOptionEntry entries[] = {
		{"point", 0, 0, G_OPTION_ARG_FILENAME, &events->point,
		 "Of this point of a folder or a baseline with several", "AXIS=STEP,..."},
		{"variant", 0, 0, G_OPTION_ARG_FILENAME, &events->variant,
		 "Of this variant, in place of the first", "NAME"},
		{"replication", 0, 0, G_OPTION_ARG_FILENAME, &replication,
		 "Of this replication, counted from 0", "N"},
		{"window", 0, 0, G_OPTION_ARG_FILENAME, &range, "Only these, counted from 1",
		 "FIRST..LAST"},
		{"output", 'o', 0, G_OPTION_ARG_FILENAME, &events->output,
		 "Write to a file, which appears whole or not at all", "PATH"},
		{NULL, 0, 0, 0, NULL, NULL, NULL},
	};
	enum cli_parsed parsed = cli_parse(
		&argc, &argv, entries, "RESULT",
		"Runs one run of a stored result again and prints its events, an object of JSON a "
		"line.\nExit status 1: this program comes to other events than the result is of.",
		error);

	events->rerun = (struct rerun){.first = 1, .last = INT64_MAX};
	if (parsed == CLI_PARSED_GO && (!take_operand(argc, argv, events, error) ||
					(replication && !cli_number("--replication", replication, 0,
								    SCENARIO_REPLICATIONS_MAX - 1,
								    &events->replication, error)) ||
					(range && !take_range(range, &events->rerun, error))))
		parsed = CLI_PARSED_ERROR;
	g_strfreev(argv);
	return parsed;
}

/* ---- the run ------------------------------------------------------------------------------ */

static bool find_point(struct events *events, GError **error)
{
	const GPtrArray *points = events->curve->points;
	g_autoptr(GString) places = g_string_new(NULL);

	for (guint i = 0; i < points->len; i++) {
		const struct results_point *point = points->pdata[i];
		g_autofree char *place = results_point_place(events->curve, point);

		events->rerun.doc = point->doc;
		if (events->point ? !strcmp(events->point, place) : points->len == 1)
			return true;
		g_string_append_printf(places, "%s%s", i ? " " : "", place);
	}
	cli_set_error(error, CLI_BAD_INPUT, "%s: --point takes one of its points\nit has %s",
		      events->path, places->str);
	return false;
}

static bool find_run(struct events *events, GError **error)
{
	struct rerun *rerun = &events->rerun;
	const struct results_variant *variant;

	events->curve = results_gate_read(events->path, error);
	if (!events->curve || !find_point(events, error))
		return false;
	rerun->path = events->path;
	rerun->replication = (uint32_t)events->replication;
	variant = events->variant ? results_doc_variant(rerun->doc, events->variant)
				  : rerun->doc->variants->pdata[0];
	rerun->variant = variant;
	if (!variant)
		cli_set_error(error, CLI_BAD_INPUT, "%s has no variant \"%s\"", events->path,
			      events->variant);
	else if (rerun->replication >= rerun->doc->replications ||
		 !variant->replication[rerun->replication].done)
		cli_set_error(error, CLI_BAD_INPUT, "%s has no replication %u of %s", events->path,
			      rerun->replication, variant->name);
	else
		return true;
	return false;
}

static int print(struct events *events, GError **error)
{
	struct output *output = output_open(events->output, error);
	bool same = false;

	if (!output)
		return CLI_CANT_WORK;
	if (!rerun_here(&events->rerun, output_file(output), &same, error)) {
		output_abort(output);
		return CLI_CANT_WORK;
	}
	if (output_commit(output, error) && !same)
		cli_message(
			"note",
			"these are not the events of %s, which extentsim %s made: this program, "
			"%s, does otherwise",
			events->path, events->rerun.doc->program_version, EXTENTSIM_VERSION);
	return same ? CLI_YES : CLI_NO;
}

int cmd_events(int argc, char **argv)
{
	struct events events = {.path = NULL};
	GError *error = NULL;
	enum cli_parsed parsed = parse(argc, argv, &events, &error);
	int status = CLI_YES;

	if (parsed == CLI_PARSED_GO && find_run(&events, &error))
		status = print(&events, &error);
	if (error)
		status = cli_fail(error);
	events_clear(&events);
	return status;
}
