// SPDX-License-Identifier: GPL-2.0-or-later
/* Worlds run for a check, the way the program runs them. */
#include "validate/internal.h"

static struct scenario *load(const struct validate_world *world, uint64_t seed, GError **error)
{
	const char *const variants[] = {world->variant, NULL};
	const struct scenario_options options = {
		.sets = world->sets, .variants = variants, .seed_given = true, .seed = seed};

	if (!world->text)
		return scenario_load(world->name, &options, &world_registry, error);
	return scenario_of_text(world->name, world->text, &options, &world_registry, error);
}

/* The first thing that was found wrong, or "". */
static const char *first_finding(const struct world_outcome *outcome)
{
	const struct world_finding *finding;

	if (!outcome->findings->len)
		return "";
	finding = outcome->findings->pdata[0];
	return finding->text;
}

bool validate_world_run(const struct validate_world *world, const struct validate_options *options,
			struct world_outcome *outcome, GError **error)
{
	struct scenario *scenario = load(world, options->seed, error);
	struct world_options run = {
		.scenario = scenario,
		.keep_dumps = true,
		.interrupted = options->interrupted,
		.tracer = world->tracer,
		.tracer_arg = world->tracer_arg,
		.ended = world->ended,
		.ended_arg = world->ended_arg,
	};
	bool fine = false;

	if (!scenario)
		return false;
	run.variant = scenario->variants->pdata[0];
	if (world_run(&run, outcome, error)) {
		fine = outcome->completed && !validate_interrupted(options, error);
		if (!fine && error && !*error)
			g_set_error(error, VALIDATE_ERROR, VALIDATE_ERROR_INPUT,
				    "%s: error: the run did not come to its end: %s", world->name,
				    first_finding(outcome));
		if (!fine)
			world_outcome_clear(outcome);
	}
	scenario_free(scenario);
	return fine;
}

int64_t validate_metric(const struct world_outcome *outcome, const char *pattern)
{
	const struct sim_metric_def *def;
	int64_t value, sum = 0;

	for (size_t i = 0; i < sim_metrics_count(outcome->metrics); i++)
		if (g_pattern_match_simple(pattern,
					   sim_metrics_at(outcome->metrics, i, &def, &value)))
			sum += value;
	return sum;
}
