/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The runs of a scenario, side by side in threads, handed in to one result document. */
#include "cli/cli.h"

#include <string.h>

#include "models/world.h"

struct points {
	struct run_point *point;
	run_ended_fn ended;
	void *arg;
	GMutex lock; /* documents are filled, and progress is told, by one thread at a time */
	struct progress *progress;
	GError *error; /* the first */
};

struct job {
	struct points *points;
	struct run_point *point;
	struct world_options options;
	struct results_variant *variant;
	struct world_outcome outcome;
	uint64_t wall_ns;
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

static char *size_text(uint64_t value, const char *unit)
{
	return g_strdup_printf("%" G_GUINT64_FORMAT " %s", value, unit);
}

/* "88ns"; the caller frees. */
static char *span_text(sim_ns ns)
{
	return sim_dist_text(&(struct sim_dist){.kind = SIM_DIST_CONSTANT, .a = ns});
}

static void add_costs(struct results_doc *doc, const struct cost_profile *profile)
{
	for (int i = 0; i < KERNEL_COSTS; i++) {
		const struct cost_entry *entry = &profile->cost[i];
		g_autofree char *name = g_strconcat("costs.", kernel_cost_table[i].name, NULL);
		g_autofree char *value = sim_dist_text(&entry->dist);
		g_autofree char *low = entry->estimate ? span_text(entry->low_ns) : NULL;
		g_autofree char *high = entry->estimate ? span_text(entry->high_ns) : NULL;

		results_doc_add_cost(doc, name, value, entry->source, low, high);
	}
	for (int i = 0; i < KERNEL_SIZES; i++) {
		const struct size_entry *entry = &profile->size[i];
		const char *unit = kernel_size_table[i].unit;
		g_autofree char *name = g_strconcat("sizes.", kernel_size_table[i].name, NULL);
		g_autofree char *value = size_text(entry->value, unit);
		g_autofree char *low = entry->estimate ? size_text(entry->low, unit) : NULL;
		g_autofree char *high = entry->estimate ? size_text(entry->high, unit) : NULL;

		results_doc_add_cost(doc, name, value, entry->source, low, high);
	}
}

struct results_doc *run_document(const struct scenario *scenario)
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
	add_costs(doc, profile);
	add_machine(doc, "cpus", machine->cpus);
	add_machine(doc, "memory_bytes", machine->memory_bytes);
	add_machine(doc, "devices", machine->devices);
	add_machine(doc, "device_channels", machine->device_channels);
	doc->variants_given = scenario->variants_given;
	for (guint i = 0; i < scenario->variants->len; i++) {
		const struct fscrypt_variant *variant = scenario->variants->pdata[i];

		add_settings(results_doc_add_variant(doc, variant->name), variant);
	}
	return doc;
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
		.marks = job->outcome.mark,
		.mark_count = job->outcome.marks,
		.mark_interval = job->outcome.mark_interval,
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

/* Stops what has not begun when something can't be put together. */
static void take_error(struct points *points, GError *error)
{
	if (!points->error)
		points->error = error;
	else
		g_error_free(error);
}

static void tell(struct progress *progress, const struct job *job)
{
	g_autofree char *what = g_strdup_printf("%s, replication %u", job->options.variant->name,
						job->options.replication);

	progress_step(progress, what, job->outcome.elapsed_ns, job->wall_ns, job->outcome.events);
}

static void end_job(struct job *job, bool ran, GError *error)
{
	struct points *points = job->points;
	struct run_point *point = job->point;

	g_mutex_lock(&points->lock);
	if (error)
		take_error(points, error);
	if (ran && !job->outcome.interrupted) {
		hand_in(point->doc, job);
		tell(points->progress, job);
	}
	if (!--point->left) {
		results_batch_end(point->doc);
		if (points->ended && !points->error && results_complete(point->doc))
			points->ended(points->arg, point, &points->error);
	}
	g_mutex_unlock(&points->lock);
	if (ran)
		world_outcome_clear(&job->outcome);
}

static bool goes_on(struct points *points)
{
	bool fine;

	g_mutex_lock(&points->lock);
	fine = !points->error && !*interrupt_flag();
	g_mutex_unlock(&points->lock);
	return fine;
}

static void run_job(gpointer data, gpointer unused)
{
	struct job *job = data;
	gint64 start = g_get_monotonic_time();
	GError *error = NULL;
	bool ran = false;

	(void)unused;
	if (goes_on(job->points))
		ran = world_run(&job->options, &job->outcome, &error);
	job->wall_ns = (uint64_t)(g_get_monotonic_time() - start) * 1000;
	end_job(job, ran, error);
	g_free(job);
}

static bool looked_on(const struct run_trace *trace, guint variant, uint32_t replication)
{
	return trace && trace->variant == variant && trace->replication == replication;
}

static void push_jobs(GThreadPool *pool, struct points *points, struct run_point *point)
{
	const struct scenario *scenario = point->scenario;

	point->left = scenario->replications * scenario->variants->len;
	results_batch_begin(point->doc);
	for (uint32_t r = 0; r < scenario->replications; r++)
		for (guint i = 0; i < scenario->variants->len; i++) {
			struct job *job = g_new0(struct job, 1);

			job->points = points;
			job->point = point;
			job->options = (struct world_options){
				.scenario = scenario,
				.variant = scenario->variants->pdata[i],
				.replication = r,
				.interrupted = interrupt_flag(),
			};
			if (looked_on(point->trace, i, r)) {
				job->options.tracer = point->trace->tracer;
				job->options.tracer_arg = point->trace->tracer_arg;
			}
			job->variant = point->doc->variants->pdata[i];
			g_thread_pool_push(pool, job, NULL);
		}
}

bool run_points(struct run_point *point, size_t count, const struct run_options *options,
		run_ended_fn ended, void *arg, GError **error)
{
	struct points points = {.ended = ended, .arg = arg};
	guint threads = options->jobs ? options->jobs : g_get_num_processors();
	GThreadPool *pool = g_thread_pool_new(run_job, NULL, (gint)threads, true, error);
	uint32_t runs = 0;

	if (!pool)
		return false;
	for (size_t i = 0; i < count; i++)
		runs += point[i].scenario->replications * point[i].scenario->variants->len;
	points.progress = progress_new(options, runs);
	g_mutex_init(&points.lock);
	for (size_t i = 0; i < count; i++)
		push_jobs(pool, &points, &point[i]);
	g_thread_pool_free(pool, false, true);
	g_mutex_clear(&points.lock);
	progress_end(points.progress);
	if (points.error)
		g_propagate_error(error, points.error);
	return !points.error;
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
