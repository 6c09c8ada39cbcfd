/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `extentsim gate`: a result against a baseline, and baselines renewed. */
#include "cli/cli.h"

#include <string.h>
#include <unistd.h>

enum gate_format { GATE_TEXT, GATE_JSON, GATE_MARKDOWN, GATE_JUNIT };

struct gate {
	char *baseline,
		*other; /* paths; `other`: a result, or with --run a scenario; may be NULL */
	gboolean run, update, strict, allow_new, all, quiet;
	char *why, *output;
	char **tolerances, **metrics;
	uint32_t jobs;
	enum gate_format format;
};

static void gate_clear(struct gate *gate)
{
	g_free(gate->baseline);
	g_free(gate->other);
	g_free(gate->why);
	g_free(gate->output);
	g_strfreev(gate->tolerances);
	g_strfreev(gate->metrics);
}

/* ---- options ------------------------------------------------------------------------------ */

static bool bad(GError **error, const char *text)
{
	cli_set_error(error, CLI_BAD_INPUT, "%s", text);
	return false;
}

static bool check(const struct gate *gate, GError **error)
{
	if (gate->update && (!gate->why || !*g_strstrip(gate->why)))
		return bad(error,
			   "--update needs a reason\nadd --why TEXT, which the baseline keeps");
	if (!gate->update && (gate->why || gate->tolerances || gate->metrics))
		return bad(error, "--why, --tolerance and --metric change a baseline\n"
				  "add --update, or edit the file");
	if (gate->update && (gate->strict || gate->allow_new || gate->output))
		return bad(error, "--update writes the baseline and gates nothing\n"
				  "leave out --strict, --allow-new and -o");
	if (!gate->update && !gate->run && !gate->other)
		return bad(error, "no result given\n"
				  "give RESULT, or --run to run the baseline's scenario now");
	return true;
}

static bool take_operands(int argc, char **argv, struct gate *gate, GError **error)
{
	enum { PROGRAM, BASELINE, OTHER, END };

	if (argc <= BASELINE)
		return bad(error, "no baseline given\n"
				  "`extentsim gate --update BASELINE --why TEXT RESULT` makes one");
	if (argc > END)
		return bad(error, "more than a baseline and a result\n"
				  "of several results, gate each");
	gate->baseline = g_strdup(argv[BASELINE]);
	gate->other = g_strdup(argv[OTHER]);
	return check(gate, error);
}

static bool take_words(const char *jobs, const char *format, struct gate *gate, GError **error)
{
	static const char *const formats[] = {"text", "json", "markdown", "junit", NULL};
	enum { JOBS_MAX = 4096 };
	uint64_t number = 0;
	size_t index = GATE_TEXT;

	if (jobs && !cli_number("-j", jobs, 1, JOBS_MAX, &number, error))
		return false;
	if (format && !cli_word("--format", format, formats, &index, error))
		return false;
	gate->jobs = (uint32_t)number;
	gate->format = (enum gate_format)index;
	return true;
}

static enum cli_parsed parse(int argc, char **argv, struct gate *gate, GError **error)
{
	g_autofree char *format = NULL, *jobs = NULL;
	const GOptionEntry entries[] = {
		{"run", 0, 0, G_OPTION_ARG_NONE, &gate->run,
		 "Run the baseline's scenario now, by this program", NULL},
		{"update", 0, 0, G_OPTION_ARG_NONE, &gate->update,
		 "Renew the baseline, or make it: of RESULT, else of a run", NULL},
		{"why", 0, 0, G_OPTION_ARG_STRING, &gate->why, "The reason, which it keeps",
		 "TEXT"},
		{"tolerance", 0, 0, G_OPTION_ARG_STRING_ARRAY, &gate->tolerances,
		 "With --update: what may get worse, and why", "'METRIC SHARE AMOUNT REASON'"},
		{"metric", 0, 0, G_OPTION_ARG_STRING_ARRAY, &gate->metrics,
		 "With --update: watch this one (with '*'), not those the scenario measures",
		 "METRIC"},
		{"strict", 0, 0, G_OPTION_ARG_NONE, &gate->strict,
		 "Inconclusive is no pass: exit 4", NULL},
		{"allow-new", 0, 0, G_OPTION_ARG_NONE, &gate->allow_new,
		 "A metric that the baseline lacks does not fail", NULL},
		{"all", 0, 0, G_OPTION_ARG_NONE, &gate->all, "Show unchanged figures too", NULL},
		{"format", 0, 0, G_OPTION_ARG_FILENAME, &format, "text, json, markdown or junit",
		 "FORMAT"},
		{"output", 'o', 0, G_OPTION_ARG_FILENAME, &gate->output,
		 "Write to a file, which appears whole or not at all", "PATH"},
		{"jobs", 'j', 0, G_OPTION_ARG_STRING, &jobs, "Runs at a time", "N"},
		{"quiet", 'q', 0, G_OPTION_ARG_NONE, &gate->quiet, "No progress", NULL},
		{NULL, 0, 0, 0, NULL, NULL, NULL},
	};
	enum cli_parsed parsed = cli_parse(
		&argc, &argv, entries, "BASELINE RESULT | BASELINE --run [SCENARIO]",
		"Holds a result (a document, or a folder of points) against a baseline. Exact "
		"figures are\ncompared as integers; sampled ones seed by seed, with an interval "
		"that must lie wholly on\none side of the tolerance. Exit: 0 pass, 1 regressed, "
		"changed, missing or new, 3 not\ncomparable, 4 inconclusive under --strict.",
		error);

	if (parsed == CLI_PARSED_GO &&
	    (!take_words(jobs, format, gate, error) || !take_operands(argc, argv, gate, error)))
		parsed = CLI_PARSED_ERROR;
	g_strfreev(argv);
	return parsed;
}

/* ---- running what the baseline asks ------------------------------------------------------- */

/* The scenario that a baseline is of: the one given, the library's, or the text that the baseline has. */
static struct scenario *load_scenario(const struct gate *gate,
				      const struct results_baseline *baseline,
				      const struct scenario_options *options, GError **error)
{
	const struct results_doc *doc = results_curve_doc(baseline->curve);
	g_autofree char *path =
		gate->other ? g_strdup(gate->other) : library_scenario(doc->scenario.name);
	g_autofree char *beside = scenario_beside(doc, gate->baseline);

	return path ? scenario_load(path, options, cli_registry(), error)
		    : scenario_of_text(beside, doc->scenario.text, options, cli_registry(), error);
}

/* Before it is run: another text gives other figures. */
static bool same_text(const struct gate *gate, const struct results_baseline *baseline,
		      const struct scenario *scenario, GError **error)
{
	if (gate->update ||
	    !strcmp(results_curve_doc(baseline->curve)->scenario.text, scenario->text))
		return true;
	cli_set_error(error, CLI_NOT_COMPARABLE,
		      "%s: not comparable: %s is another scenario by now\n"
		      "renew the baseline: extentsim gate --update %s --why TEXT",
		      gate->baseline, scenario->path, gate->baseline);
	return false;
}

static struct results_curve *run_scenario(const struct gate *gate, const struct scenario *scenario,
					  const struct run_options *options, GError **error)
{
	struct results_curve *curve = curve_run(scenario, options, error);

	if (!curve || results_curve_complete(curve))
		return curve;
	results_curve_free(curve);
	cli_set_error(error, CLI_INTERRUPTED, "interrupted: %s is as it was", gate->baseline);
	return NULL;
}

/* `baseline` NULL: there is none yet, and the scenario has the name of its file. */
static struct results_curve *run_now(const struct gate *gate,
				     const struct results_baseline *baseline, GError **error)
{
	const struct results_doc *doc = baseline ? results_curve_doc(baseline->curve) : NULL;
	g_auto(GStrv) sets = baseline ? results_baseline_sets(baseline) : NULL;
	struct run_options options = {
		.sets = sets,
		.seed_given = doc,
		.replications_given = doc,
		.seed = doc ? doc->seeds[0] : 0,
		.replications = doc ? doc->replications : 0,
		.jobs = gate->jobs,
		.quiet = gate->quiet,
	};
	struct scenario_options load = run_scenario_options(&options);
	g_autofree char *name = results_file_name(gate->baseline);
	struct scenario *scenario;
	struct results_curve *curve = NULL;

	if (doc && doc->variants_given) {
		bad(error, "the baseline's variants were given by an option\n"
			   "run the scenario with the same --variant, and give the result");
		return NULL;
	}
	scenario = baseline ? load_scenario(gate, baseline, &load, error)
			    : scenario_load(gate->other ? gate->other : name, &load, cli_registry(),
					    error);
	if (scenario && (!baseline || same_text(gate, baseline, scenario, error)))
		curve = run_scenario(gate, scenario, &options, error);
	if (scenario)
		scenario_free(scenario);
	return curve;
}

/* ---- gating ------------------------------------------------------------------------------- */

static char *shown(const struct gate *gate, const struct results_gate *verdict,
		   const struct results_gate_options *options)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();
	g_autofree char *timestamp = g_date_time_format(now, "%Y-%m-%dT%H:%M:%S");
	GString *out = g_string_new(NULL);

	if (gate->format == GATE_JSON)
		results_gate_json(verdict, options, out);
	else if (gate->format == GATE_MARKDOWN)
		results_gate_markdown(verdict, options, out);
	else if (gate->format == GATE_JUNIT)
		results_gate_junit(verdict, options, timestamp, out);
	else
		results_gate_text(verdict, options, out);
	return g_string_free(out, FALSE);
}

static int conclude(const struct gate *gate, const struct results_gate *verdict)
{
	static const enum cli_exit status[] = {
		[RESULTS_PASSES] = CLI_YES,
		[RESULTS_FAILS] = CLI_NO,
		[RESULTS_UNDECIDED] = CLI_INCONCLUSIVE,
	};
	struct results_text_options terminal = show_options(!gate->output && isatty(STDOUT_FILENO));
	struct results_gate_options options = {
		.strict = gate->strict,
		.allow_new = gate->allow_new,
		.all = gate->all,
		.ascii = terminal.ascii && gate->format != GATE_JUNIT,
		.colour = terminal.colour,
		.width = terminal.width,
	};
	g_autofree char *text = shown(gate, verdict, &options);
	GError *error = NULL;

	if (!output_text(gate->output, text, &error))
		return cli_fail(error);
	return status[results_gate_outcome(verdict, &options)];
}

static int hold(const struct gate *gate, GError **error)
{
	struct results_baseline *baseline = results_baseline_read(gate->baseline, error);
	struct results_curve *after = NULL;
	struct results_gate *verdict = NULL;
	int status = CLI_CANT_WORK; /* unless the error says better */

	if (baseline)
		after = gate->run ? run_now(gate, baseline, error)
				  : results_gate_read(gate->other, error);
	if (after)
		verdict = results_gate_new(baseline, after, gate->run ? "the run" : gate->other,
					   error);
	if (verdict)
		status = conclude(gate, verdict);
	results_gate_free(verdict);
	if (after)
		results_curve_free(after);
	results_baseline_free(baseline);
	return status;
}

/* ---- renewing ----------------------------------------------------------------------------- */

/* What it watches unless told: what the scenario measures, else what a table shows. */
static char **metrics_of(const struct gate *gate, struct results_baseline *old,
			 const struct results_curve *curve)
{
	if (gate->metrics)
		return g_strdupv(gate->metrics);
	if (old && old->metrics)
		return g_strdupv(old->metrics);
	return curve->measure ? g_strdupv(curve->measure) : results_summary_metrics();
}

static struct results_baseline *renewed(const struct gate *gate, struct results_baseline *old,
					struct results_curve *curve, GError **error)
{
	struct results_baseline *baseline = results_baseline_new(gate->baseline, curve);

	baseline->metrics = metrics_of(gate, old, curve);
	if (old) {
		g_ptr_array_extend_and_steal(baseline->tolerances,
					     g_steal_pointer(&old->tolerances));
		g_ptr_array_extend_and_steal(baseline->renewals, g_steal_pointer(&old->renewals));
		old->tolerances = g_ptr_array_new();
		old->renewals = g_ptr_array_new();
	}
	results_baseline_add_renewal(baseline, results_curve_doc(curve)->program_version,
				     gate->why);
	for (char **text = gate->tolerances; text && *text; text++)
		if (!results_baseline_tolerate(baseline, *text, error)) {
			results_baseline_free(baseline);
			return NULL;
		}
	return baseline;
}

/* NULL without an error: there is none yet. */
static struct results_baseline *read_old(const struct gate *gate, GError **error)
{
	struct results_baseline *old;

	if (!g_file_test(gate->baseline, G_FILE_TEST_EXISTS))
		return NULL;
	old = results_baseline_read(gate->baseline, error);
	if (!old || !old->is_result)
		return old;
	results_baseline_free(old);
	cli_set_error(error, CLI_BAD_INPUT,
		      "%s is a result, not a baseline\n"
		      "give the baseline another name: extentsim gate --update BASELINE --why TEXT "
		      "%s",
		      gate->baseline, gate->baseline);
	return NULL;
}

static int renew(const struct gate *gate, GError **error)
{
	struct results_baseline *old, *baseline = NULL;
	struct results_curve *curve;
	g_autoptr(GString) text = g_string_new(NULL);
	GError *cause = NULL;
	bool written = false;

	old = read_old(gate, &cause);
	if (cause) {
		g_propagate_error(error, cause);
		return CLI_CANT_WORK;
	}
	curve = gate->other && !gate->run ? results_gate_read(gate->other, error)
					  : run_now(gate, old, error);
	if (curve)
		baseline = renewed(gate, old, curve, error);
	if (baseline) {
		results_baseline_emit(baseline, text);
		written = output_text(gate->baseline, text->str, error);
	}
	results_baseline_free(baseline);
	results_baseline_free(old);
	return written ? CLI_YES : CLI_CANT_WORK;
}

int cmd_gate(int argc, char **argv)
{
	struct gate gate = {.baseline = NULL};
	GError *error = NULL;
	enum cli_parsed parsed = parse(argc, argv, &gate, &error);
	int status = CLI_YES;

	if (parsed == CLI_PARSED_GO)
		status = gate.update ? renew(&gate, &error) : hold(&gate, &error);
	if (error)
		status = cli_fail(error);
	gate_clear(&gate);
	return status;
}
