/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Command lines. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

#include "models/trace/trace.h"

/* ---- what every command shares ------------------------------------------------------------ */

static const GOptionEntry *short_entry(const GOptionEntry *entries, char letter)
{
	for (; entries->long_name; entries++)
		if (entries->short_name == letter)
			return entries;
	return NULL;
}

/* GOption does not know "-j4"; a short option that takes a value is parted from it here. */
static char **unglue(int argc, char **argv, const GOptionEntry *entries)
{
	GPtrArray *out = g_ptr_array_new();
	bool options = true;

	for (int i = 0; i < argc; i++) {
		const char *word = argv[i];
		const GOptionEntry *entry;

		if (i && !strcmp(word, "--"))
			options = false;
		if (i && options && word[0] == '-' && word[1] && word[1] != '-' && word[2]) {
			entry = short_entry(entries, word[1]);
			if (entry && entry->arg != G_OPTION_ARG_NONE) {
				g_ptr_array_add(out, g_strndup(word, 2));
				g_ptr_array_add(out, g_strdup(word + 2 + (word[2] == '=')));
				continue;
			}
		}
		g_ptr_array_add(out, g_strdup(word));
	}
	g_ptr_array_add(out, NULL);
	return (char **)g_ptr_array_free(out, FALSE);
}

/* "Unknown option --sed": adds the nearest of those known. */
static void explain_option(const GOptionEntry *entries, GError **error)
{
	const char *dashes = strstr((*error)->message, " --");
	GPtrArray *names = g_ptr_array_new();
	const char *nearest = NULL;
	char *message;

	for (; entries->long_name; entries++)
		g_ptr_array_add(names, (gpointer)entries->long_name);
	g_ptr_array_add(names, (gpointer) "help");
	g_ptr_array_add(names, NULL);
	if (dashes && g_error_matches(*error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION))
		nearest = sim_name_nearest((const char *const *)names->pdata, dashes + 3);
	message = nearest ? g_strdup_printf("%s\ndid you mean --%s?", (*error)->message, nearest)
			  : g_strdup_printf("%s\n%s --help shows the options", (*error)->message,
					    g_get_prgname());
	message[0] = g_ascii_tolower(message[0]);
	g_free((*error)->message);
	(*error)->message = message;
	g_ptr_array_unref(names);
}

enum cli_parsed cli_parse(int *argc, char ***argv, const GOptionEntry *entries, const char *usage,
			  const char *about, GError **error)
{
	gboolean help = FALSE;
	const GOptionEntry help_entry[] = {
		{"help", 'h', 0, G_OPTION_ARG_NONE, &help, "Show this help", NULL},
		{NULL, 0, 0, 0, NULL, NULL, NULL},
	};
	g_autofree char *name = g_strdup_printf("extentsim %s", (*argv)[0]);
	GOptionContext *context = g_option_context_new(usage);
	enum cli_parsed parsed = CLI_PARSED_GO;

	g_set_prgname(name);
	g_option_context_set_help_enabled(context, FALSE);
	g_option_context_set_summary(context, about);
	g_option_context_add_main_entries(context, entries, NULL);
	g_option_context_add_main_entries(context, help_entry, NULL);
	*argv = unglue(*argc, *argv, entries);
	if (!g_option_context_parse_strv(context, argv, error)) {
		explain_option(entries, error);
		parsed = CLI_PARSED_ERROR;
	} else if (help) {
		g_autofree char *text = g_option_context_get_help(context, TRUE, NULL);

		parsed = output_text(NULL, text, error) ? CLI_PARSED_HELP : CLI_PARSED_ERROR;
	}
	g_option_context_free(context);
	*argc = (int)g_strv_length(*argv);
	/* GOption leaves the "--" that ends the options. */
	if (parsed == CLI_PARSED_GO && *argc > 1 && !strcmp((*argv)[1], "--")) {
		g_free((*argv)[1]);
		memmove(*argv + 1, *argv + 2, (size_t)(*argc - 1) * sizeof(char *));
		(*argc)--;
	}
	return parsed;
}

bool cli_number(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *value,
		GError **error)
{
	guint64 number;

	if (!g_ascii_string_to_unsigned(text, 10, min, max, &number, NULL)) {
		cli_set_error(error, CLI_BAD_INPUT,
			      "%s: expected a number from %" G_GUINT64_FORMAT
			      " to %" G_GUINT64_FORMAT ", got \"%s\"",
			      option, min, max, text);
		return false;
	}
	*value = number;
	return true;
}

bool cli_word(const char *option, const char *text, const char *const *words, size_t *index,
	      GError **error)
{
	g_autofree char *list = g_strjoinv(", ", (char **)words);

	for (*index = 0; words[*index]; ++*index)
		if (!strcmp(words[*index], text))
			return true;
	cli_set_error(error, CLI_BAD_INPUT, "%s: expected one of %s, got \"%s\"", option, list,
		      text);
	return false;
}

/* ---- run ---------------------------------------------------------------------------------- */

/* More threads than this are a typing error. */
enum { JOBS_MAX = 4096 };

/* The options as GOption gives them: texts, numbers not yet read. */
struct raw_run {
	char **sets, **variants;
	char *from, *seed, *replications, *jobs, *output, *format;
	char *timeline, *window, *traced_variant, *traced_replication;
	gboolean all_metrics, quiet, verbose, include_host;
};

static bool convert_from(const char *from, struct run_options *options, GError **error)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	size_t i;

	for (i = 0; trace_replay_formats[i]; i++)
		g_ptr_array_add(names, (gpointer)trace_replay_formats[i]->name);
	g_ptr_array_add(names, NULL);
	if (!cli_word("--from", from, (const char *const *)names->pdata, &i, error))
		return false;
	options->from = trace_replay_formats[i]->name;
	return true;
}

static bool convert_timeline(const struct raw_run *raw, struct timeline_choice *choice,
			     GError **error)
{
	uint64_t replication = 0;

	choice->to_ns = SIM_NEVER;
	if (!raw->timeline && (raw->window || raw->traced_variant || raw->traced_replication)) {
		cli_set_error(error, CLI_BAD_INPUT,
			      "an option says what goes into a timeline, but none is written\n"
			      "--timeline FILE writes one");
		return false;
	}
	if (raw->traced_replication &&
	    !cli_number("--timeline-replication", raw->traced_replication, 0,
			SCENARIO_REPLICATIONS_MAX - 1, &replication, error))
		return false;
	choice->replication = (uint32_t)replication;
	return !raw->window || timeline_window_parse(raw->window, choice, error);
}

static bool convert(const struct raw_run *raw, struct run_options *options, GError **error)
{
	static const char *const formats[] = {"text", "json", "markdown", "answer", NULL};
	uint64_t replications = 0, jobs = 0;
	size_t format = RUN_TEXT;

	options->seed_given = raw->seed;
	options->replications_given = raw->replications;
	if ((raw->from && !convert_from(raw->from, options, error)) ||
	    (raw->seed &&
	     !cli_number("--seed", raw->seed, 0, RESULTS_SEED_MAX, &options->seed, error)) ||
	    (raw->replications && !cli_number("--replications", raw->replications, 1,
					      SCENARIO_REPLICATIONS_MAX, &replications, error)) ||
	    (raw->jobs && !cli_number("-j", raw->jobs, 1, JOBS_MAX, &jobs, error)) ||
	    (raw->format && !cli_word("--format", raw->format, formats, &format, error)))
		return false;
	if (!convert_timeline(raw, &options->timeline, error))
		return false;
	options->replications = (uint32_t)replications;
	options->jobs = (uint32_t)jobs;
	options->format = (enum run_format)format;
	options->format_given = raw->format;
	options->all_metrics = raw->all_metrics;
	options->quiet = raw->quiet;
	options->verbose = raw->verbose;
	options->include_host = raw->include_host;
	return true;
}

static bool take_operand(int argc, char **argv, struct run_options *options, GError **error)
{
	if (argc == 2) {
		options->scenario = g_strdup(argv[1]);
		return true;
	}
	if (argc < 2)
		cli_set_error(error, CLI_BAD_INPUT,
			      "no scenario given\n"
			      "`extentsim list scenarios` names those of the library");
	else
		cli_set_error(error, CLI_BAD_INPUT, "one scenario at a time: \"%s\" is too many",
			      argv[2]);
	return false;
}

static enum cli_parsed parse_run(int argc, char **argv, struct raw_run *raw,
				 struct run_options *options, GError **error)
{
	const GOptionEntry entries[] = {
		{"set", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &raw->sets,
		 "Set a value of the scenario: machine.cpus=4; repeatable", "PATH=VALUE"},
		{"variant", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &raw->variants,
		 "Run this variant in place of the scenario's; repeatable",
		 "'NAME: key=value ...'"},
		{"from", 0, 0, G_OPTION_ARG_FILENAME, &raw->from,
		 "SCENARIO is a trace of this form: fsx, iolog or receive", "FORM"},
		{"seed", 0, 0, G_OPTION_ARG_FILENAME, &raw->seed, "Seed of the random streams",
		 "N"},
		{"replications", 0, 0, G_OPTION_ARG_FILENAME, &raw->replications,
		 "Repetitions of each variant", "N"},
		{"jobs", 'j', 0, G_OPTION_ARG_FILENAME, &raw->jobs,
		 "Runs at a time; as many as CPUs by default", "N"},
		{"output", 'o', 0, G_OPTION_ARG_FILENAME, &raw->output,
		 "Write to a file, which appears whole or not at all; with axes, to a folder of "
		 "points, from which the same command goes on",
		 "PATH"},
		{"format", 0, 0, G_OPTION_ARG_FILENAME, &raw->format,
		 "text, json, markdown, or answer (only that)", "FORMAT"},
		{"all", 0, 0, G_OPTION_ARG_NONE, &raw->all_metrics, "Show every metric", NULL},
		{"quiet", 'q', 0, G_OPTION_ARG_NONE, &raw->quiet, "No progress, no remarks", NULL},
		{"verbose", 'v', 0, G_OPTION_ARG_NONE, &raw->verbose,
		 "Say what each run took, on standard error", NULL},
		{"timeline", 0, 0, G_OPTION_ARG_FILENAME, &raw->timeline,
		 "Write one run as a trace that ui.perfetto.dev opens", "FILE"},
		{"timeline-window", 0, 0, G_OPTION_ARG_FILENAME, &raw->window,
		 "Only this part of its simulated time: 10ms..50ms", "FROM..TO"},
		{"timeline-variant", 0, 0, G_OPTION_ARG_FILENAME, &raw->traced_variant,
		 "Of this variant, in place of the first that encrypts", "NAME"},
		{"timeline-replication", 0, 0, G_OPTION_ARG_FILENAME, &raw->traced_replication,
		 "Of this replication, counted from 0", "N"},
		{"include-host", 0, 0, G_OPTION_ARG_NONE, &raw->include_host,
		 "Add wall clock and memory of the program itself", NULL},
		{NULL, 0, 0, 0, NULL, NULL, NULL},
	};
	enum cli_parsed parsed = cli_parse(
		&argc, &argv, entries, "SCENARIO",
		"Runs a scenario (.json), a bare operation script (.ops), or a trace (--from), "
		"under each\nof its variants and compares them.",
		error);

	if (parsed == CLI_PARSED_GO &&
	    (!take_operand(argc, argv, options, error) || !convert(raw, options, error)))
		parsed = CLI_PARSED_ERROR;
	g_strfreev(argv);
	return parsed;
}

enum cli_parsed run_options_parse(int argc, char **argv, struct run_options *options,
				  GError **error)
{
	struct raw_run raw = {.sets = NULL};
	enum cli_parsed parsed;

	*options = (struct run_options){.scenario = NULL};
	parsed = parse_run(argc, argv, &raw, options, error);
	options->sets = raw.sets;
	options->variants = raw.variants;
	options->output = raw.output;
	options->timeline.path = raw.timeline;
	options->timeline.variant = raw.traced_variant;
	g_free(raw.window);
	g_free(raw.traced_replication);
	g_free(raw.from);
	g_free(raw.seed);
	g_free(raw.replications);
	g_free(raw.jobs);
	g_free(raw.format);
	if (parsed != CLI_PARSED_GO)
		run_options_clear(options);
	return parsed;
}

void run_options_clear(struct run_options *options)
{
	g_clear_pointer(&options->scenario, g_free);
	g_clear_pointer(&options->output, g_free);
	g_clear_pointer(&options->timeline.path, g_free);
	g_clear_pointer(&options->timeline.variant, g_free);
	g_clear_pointer(&options->sets, g_strfreev);
	g_clear_pointer(&options->variants, g_strfreev);
}

struct scenario_options run_scenario_options(const struct run_options *options)
{
	return (struct scenario_options){
		.sets = (const char *const *)options->sets,
		.variants = (const char *const *)options->variants,
		.from = options->from,
		.seed_given = options->seed_given,
		.replications_given = options->replications_given,
		.seed = options->seed,
		.replications = options->replications,
	};
}
