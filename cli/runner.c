/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The runs of a scenario, side by side in threads, handed in to one result document. */
#include "cli/cli.h"

#include <string.h>

#include "models/world.h"
#include "results/results.h"

struct job {
	struct world_options options;
	struct results_variant *variant;
	struct world_outcome outcome;
	GError *error;
	uint64_t wall_ns;
	bool ran;
};

static void add_settings(struct results_variant *column, const struct fscrypt_variant *variant)
{
	for (const struct sim_param *param = fscrypt_variant_params; param->name; param++) {
		g_autofree char *text = sim_param_text(param, variant);

		results_variant_add_setting(column, param->name, text);
	}
}

static void add_machine(struct results_doc *doc, const char *key, uint64_t value)
{
	g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, value);

	results_doc_add_machine(doc, key, text);
}

static struct results_doc *begin_document(const struct scenario *scenario)
{
	const struct machine_config *machine = &scenario->machine;
	const struct cost_profile *profile = scenario->profile;
	struct results_doc *doc = results_doc_new(
		scenario->name, scenario->question,
		scenario->kind == SCENARIO_STEADY ? "steady" : "terminating", scenario->text,
		strlen(scenario->text), scenario->seed, scenario->replications);

	for (guint i = 0; i < scenario->overrides->len; i++)
		results_doc_add_override(doc, scenario->overrides->pdata[i]);
	if (scenario->image) {
		g_autofree char *digest = fs_image_digest(scenario->image);
		g_autofree char *name = g_path_get_basename(scenario->image_path);

		results_doc_set_image(doc, name, digest);
	}
	results_doc_set_cost_profile(doc, profile->name, profile->kernel, profile->cpu,
				     profile->digest);
	add_machine(doc, "cpus", machine->cpus);
	add_machine(doc, "memory_bytes", machine->memory_bytes);
	add_machine(doc, "devices", machine->devices);
	add_machine(doc, "device_channels", machine->device_channels);
	for (guint i = 0; i < scenario->variants->len; i++) {
		const struct fscrypt_variant *variant = scenario->variants->pdata[i];

		add_settings(results_doc_add_variant(doc, variant->name), variant);
	}
	return doc;
}

static void run_job(gpointer data, gpointer unused)
{
	struct job *job = data;
	gint64 start = g_get_monotonic_time();

	(void)unused;
	if (*interrupt_flag())
		return;
	job->ran = world_run(&job->options, &job->outcome, &job->error);
	job->wall_ns = (uint64_t)(g_get_monotonic_time() - start) * 1000;
}

static GArray *make_jobs(const struct scenario *scenario, struct results_doc *doc)
{
	GArray *jobs = g_array_new(false, true, sizeof(struct job));

	for (uint32_t r = 0; r < scenario->replications; r++)
		for (guint i = 0; i < scenario->variants->len; i++) {
			struct job job = {
				.options = {.scenario = scenario,
					    .variant = scenario->variants->pdata[i],
					    .replication = r,
					    .interrupted = interrupt_flag()},
				.variant = doc->variants->pdata[i],
			};

			g_array_append_val(jobs, job);
		}
	return jobs;
}

static void hand_in(struct results_doc *doc, const struct job *job)
{
	const GPtrArray *found = job->outcome.findings;
	struct results_finding *findings = g_new0(struct results_finding, MAX(found->len, 1));
	struct results_sample sample = {
		.metrics = job->outcome.metrics,
		.host_wall_ns = job->wall_ns,
		.events = job->outcome.events,
		.draws = job->outcome.draws,
		.digest = job->outcome.digest,
		.findings = findings,
		.finding_count = found->len,
		.completed = job->outcome.completed,
	};

	for (guint i = 0; i < found->len; i++) {
		const struct world_finding *finding = found->pdata[i];

		findings[i] =
			(struct results_finding){finding->kind, finding->text, finding->time_ns};
	}
	results_add(doc, job->variant, job->options.replication, &sample);
	g_free(findings);
}

static bool collect(struct results_doc *doc, GArray *jobs, GError **error)
{
	bool fine = true;

	results_batch_begin(doc);
	for (guint i = 0; i < jobs->len; i++) {
		struct job *job = &g_array_index(jobs, struct job, i);

		if (job->error && fine) {
			g_propagate_error(error, job->error);
			fine = false;
		} else if (job->error) {
			g_error_free(job->error);
		}
		if (!job->ran)
			continue;
		if (fine && !job->outcome.interrupted)
			hand_in(doc, job);
		world_outcome_clear(&job->outcome);
	}
	results_batch_end(doc);
	return fine;
}

struct results_doc *run_scenario(const struct scenario *scenario, uint32_t jobs, GError **error)
{
	struct results_doc *doc = begin_document(scenario);
	GArray *all = make_jobs(scenario, doc);
	guint threads = jobs ? jobs : g_get_num_processors();
	GThreadPool *pool = g_thread_pool_new(run_job, NULL, (gint)threads, true, error);
	bool fine = pool;

	for (guint i = 0; pool && i < all->len; i++)
		g_thread_pool_push(pool, &g_array_index(all, struct job, i), NULL);
	if (pool)
		g_thread_pool_free(pool, false, true);
	fine = fine && collect(doc, all, error);
	g_array_free(all, true);
	if (fine)
		return doc;
	results_doc_free(doc);
	return NULL;
}

int with_scenario(int argc, char **argv,
		  int (*work)(const struct scenario *scenario, const struct run_options *options))
{
	struct run_options options;
	GError *error = NULL;
	enum cli_parsed parsed = run_options_parse(argc, argv, &options, &error);
	struct scenario_options load;
	struct scenario *scenario;
	int status;

	if (parsed == CLI_PARSED_HELP)
		return CLI_YES;
	if (parsed == CLI_PARSED_ERROR)
		return cli_fail(error);
	load = run_scenario_options(&options);
	scenario = scenario_load(options.scenario, &load, cli_registry(), &error);
	status = scenario ? work(scenario, &options) : (int)cli_fail(error);
	if (scenario)
		scenario_free(scenario);
	run_options_clear(&options);
	return status;
}
