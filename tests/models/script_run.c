/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/models/script_run.h"

#include <criterion/criterion.h>
#include <string.h>

static struct scenario *load(const struct script_run *run, GError **error)
{
	struct scenario_options options = {.sets = run->sets, .variants = run->variants};

	if (run->path)
		return scenario_load(run->path, &options, &world_registry, error);
	return scenario_of_text(run->text[0] == '{' ? "script.json" : "script.ops", run->text,
				&options, &world_registry, error);
}

char *script_run_refusal(const struct script_run *run)
{
	GError *error = NULL;
	struct scenario *scenario = load(run, &error);
	char *text = error ? g_strdup(error->message) : NULL;

	g_clear_error(&error);
	if (scenario)
		scenario_free(scenario);
	return text;
}

struct world_outcome script_run(const struct script_run *run, guint index)
{
	GError *error = NULL;
	struct scenario *scenario = load(run, &error);
	struct world_options options = {.scenario = scenario, .keep_dumps = run->keep_dumps};
	struct world_outcome outcome;

	cr_assert(scenario, "%s", error ? error->message : "not loaded");
	cr_assert_lt(index, scenario->variants->len);
	options.variant = scenario->variants->pdata[index];
	cr_assert(world_run(&options, &outcome, &error), "%s", error ? error->message : "");
	cr_assert(outcome.completed || run->may_stick, "%s did not come to its end",
		  scenario->path);
	scenario_free(scenario);
	return outcome;
}

static bool find(const struct world_outcome *outcome, const char *name, int64_t *value)
{
	const struct sim_metric_def *def;

	for (size_t i = 0; i < sim_metrics_count(outcome->metrics); i++)
		if (!strcmp(sim_metrics_at(outcome->metrics, i, &def, value), name))
			return true;
	return false;
}

bool metric_present(const struct world_outcome *outcome, const char *name)
{
	int64_t value;

	return find(outcome, name, &value);
}

int64_t metric_of(const struct world_outcome *outcome, const char *name)
{
	int64_t value = 0;

	cr_assert(find(outcome, name, &value), "no metric %s", name);
	return value;
}

char *metrics_text(const struct world_outcome *outcome)
{
	GString *text = g_string_new(NULL);
	const struct sim_metric_def *def;
	int64_t value;

	for (size_t i = 0; i < sim_metrics_count(outcome->metrics); i++) {
		const char *name = sim_metrics_at(outcome->metrics, i, &def, &value);

		g_string_append_printf(text, "%s %" G_GINT64_FORMAT "\n", name, value);
	}
	g_string_append_printf(text, "digest %" G_GUINT64_FORMAT "\n", outcome->digest);
	return g_string_free(text, false);
}

struct world_outcome script_run_under(const char *text, const char *variant,
				      const char *const *sets)
{
	const char *const variants[] = {variant, NULL};
	struct script_run run = {.text = text, .sets = sets, .variants = variants};

	return script_run(&run, 0);
}

void script_expect(const char *text, const char *variant, const char *const *sets,
		   const struct answer *answers)
{
	struct world_outcome outcome = script_run_under(text, variant, sets);

	for (; answers->metric; answers++) {
		int64_t got = metric_of(&outcome, answers->metric);

		cr_expect_eq(got, answers->value,
			     "%s: %s is %" G_GINT64_FORMAT ", not %" G_GINT64_FORMAT, variant,
			     answers->metric, got, answers->value);
	}
	world_outcome_clear(&outcome);
}

int64_t script_figure(const char *text, const char *variant, const char *const *sets,
		      const char *metric)
{
	struct world_outcome outcome = script_run_under(text, variant, sets);
	int64_t value = metric_of(&outcome, metric);

	world_outcome_clear(&outcome);
	return value;
}
