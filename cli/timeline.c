/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `extentsim run --timeline`: which run is looked at, and where what is seen goes. */
#include "cli/cli.h"

#include <string.h>

#include "models/fscrypt/fscrypt.h"
#include "timeline/timeline.h"

/* Without a window the file ends at this length, which browsers still open with ease. */
static const uint64_t DEFAULT_BYTES = UINT64_C(64) << 20;

enum { FACTS = 5 };
struct run_timeline {
	struct output *output;
	struct timeline *timeline;
	const struct run_options *options;
	const char *facts[2 * FACTS + 1]; /* names and values, and NULL */
	char *seed, *replication;
};

/* ---- options ---- */

static bool parse_end(const char *text, int64_t *ns, GError **error)
{
	const struct sim_param time = {.name = "--timeline-window", .type = SIM_PARAM_TIME};

	return !*text || sim_param_set(&time, ns, text, error);
}

bool timeline_window_parse(const char *text, struct timeline_choice *choice, GError **error)
{
	const char *dots = strstr(text, "..");
	g_autofree char *from = dots ? g_strndup(text, (gsize)(dots - text)) : NULL;
	int64_t from_ns = 0, to_ns = INT64_MAX;

	if (!dots || !strcmp(text, "..")) {
		cli_set_error(
			error, CLI_BAD_INPUT,
			"--timeline-window: expected FROM..TO, got \"%s\"\n"
			"two simulated times, such as 10ms..50ms; one of them may be left out",
			text);
		return false;
	}
	if (!parse_end(from, &from_ns, error) || !parse_end(dots + 2, &to_ns, error))
		return false;
	if (from_ns >= to_ns) {
		cli_set_error(error, CLI_BAD_INPUT,
			      "--timeline-window: %s ends before it has begun", text);
		return false;
	}
	choice->from_ns = (sim_ns)from_ns;
	choice->to_ns = (sim_ns)to_ns;
	choice->window_given = true;
	return true;
}

/* ---- which run ---- */

static char *variant_names(const struct scenario *scenario)
{
	GString *names = g_string_new(NULL);

	for (guint i = 0; i < scenario->variants->len; i++) {
		const struct fscrypt_variant *variant = scenario->variants->pdata[i];

		g_string_append_printf(names, "%s%s", i ? ", " : "", variant->name);
	}
	return g_string_free(names, false);
}

/* The one named, or the first that encrypts. */
static bool choose_variant(const struct scenario *scenario, const char *name, guint *chosen,
			   GError **error)
{
	g_autofree char *names = NULL;

	*chosen = 0;
	for (guint i = 0; i < scenario->variants->len; i++) {
		const struct fscrypt_variant *variant = scenario->variants->pdata[i];

		if (name ? !strcmp(variant->name, name) : fscrypt_variant_encrypts(variant)) {
			*chosen = i;
			return true;
		}
	}
	if (!name)
		return true;
	names = variant_names(scenario);
	cli_set_error(error, CLI_BAD_INPUT,
		      "--timeline-variant: there is no variant \"%s\"\n"
		      "the scenario has %s",
		      name, names);
	return false;
}

static bool check(const struct scenario *scenario, const struct run_options *options,
		  GError **error)
{
	const struct timeline_choice *choice = &options->timeline;

	if (scenario->points->len > 1)
		cli_set_error(error, CLI_BAD_INPUT,
			      "--timeline: one run at a time, and the scenario has axes with %u "
			      "points\n--set axes.NAME=STEP for each axis takes one of them",
			      scenario->points->len);
	else if (choice->replication >= scenario->replications)
		cli_set_error(error, CLI_BAD_INPUT,
			      "--timeline-replication: there are replications 0 to %u, and no %u",
			      scenario->replications - 1, choice->replication);
	else if (!strcmp(choice->path, "-"))
		cli_set_error(error, CLI_BAD_INPUT,
			      "--timeline: standard output is for the result\nname a file");
	else if (options->output && !strcmp(choice->path, options->output))
		cli_set_error(error, CLI_BAD_INPUT, "--timeline and -o name the same file, %s",
			      choice->path);
	else
		return true;
	return false;
}

/* ---- life ---- */

static void set_facts(struct run_timeline *rt, const struct scenario *scenario, const char *variant)
{
	const char *const facts[] = {
		"program",     "extentsim " EXTENTSIM_VERSION,
		"scenario",    scenario->name,
		"variant",     variant,
		"seed",	       rt->seed,
		"replication", rt->replication,
		NULL,
	};

	G_STATIC_ASSERT(sizeof(facts) == sizeof(rt->facts));
	memcpy(rt->facts, facts, sizeof(facts));
}

bool run_timeline_open(const struct scenario *scenario, const struct run_options *options,
		       struct run_trace *trace, GError **error)
{
	const struct timeline_choice *choice = &options->timeline;
	struct timeline_options write = {.from_ns = choice->from_ns, .to_ns = choice->to_ns};
	struct output *output;
	const char *variant;

	*trace = (struct run_trace){.replication = choice->replication};
	if (!choice->path)
		return true;
	if (!check(scenario, options, error) ||
	    !choose_variant(scenario, choice->variant, &trace->variant, error))
		return false;
	output = output_open(choice->path, error);
	if (!output)
		return false;
	variant = ((struct fscrypt_variant *)scenario->variants->pdata[trace->variant])->name;
	if (!choice->variant && scenario->variants->len > 1 && !options->quiet)
		cli_message("note",
			    "the timeline is of variant %s; --timeline-variant takes "
			    "another",
			    variant);
	trace->timeline = g_new0(struct run_timeline, 1);
	trace->timeline->output = output;
	trace->timeline->options = options;
	trace->timeline->seed = g_strdup_printf("%" G_GUINT64_FORMAT, scenario->seed);
	trace->timeline->replication = g_strdup_printf("%u", choice->replication);
	set_facts(trace->timeline, scenario, variant);
	write.max_bytes = choice->window_given ? 0 : DEFAULT_BYTES;
	write.facts = trace->timeline->facts;
	trace->timeline->timeline = timeline_new(output_file(output), &write);
	trace->tracer = &timeline_tracer;
	trace->tracer_arg = trace->timeline->timeline;
	return true;
}

static void remark(const struct timeline_summary *summary)
{
	const struct sim_param time = {.type = SIM_PARAM_TIME};
	g_autofree char *end = sim_param_text(&time, &summary->end_ns);

	if (!summary->reached)
		cli_message("note", "the timeline is empty: the run ended at %s, before its window",
			    end);
	else if (summary->cut)
		cli_message("note",
			    "the timeline ends at %s, where it is %" G_GUINT64_FORMAT
			    " MiB long; --timeline-window FROM..TO takes any part",
			    end, summary->bytes >> 20);
	else if (*interrupt_flag())
		cli_message("note", "interrupted: the timeline is kept and goes to %s", end);
}

static void run_timeline_free(struct run_timeline *rt)
{
	g_free(rt->seed);
	g_free(rt->replication);
	g_free(rt);
}

bool run_timeline_close(struct run_trace *trace, bool keep, GError **error)
{
	struct run_timeline *rt = g_steal_pointer(&trace->timeline);
	struct timeline_summary summary;
	bool fine = true;

	if (!rt)
		return true;
	timeline_finish(rt->timeline, &summary);
	if (!keep || !summary.started || summary.err) {
		output_abort(rt->output);
		fine = !keep || !summary.err;
		if (!fine)
			cli_set_error(error, CLI_CANT_WORK, "can't write %s: %s",
				      rt->options->timeline.path, g_strerror(summary.err));
	} else {
		fine = output_commit(rt->output, error);
		if (fine && !rt->options->quiet)
			remark(&summary);
	}
	run_timeline_free(rt);
	return fine;
}
