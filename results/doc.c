/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Building a document out of finished runs, and what is derived from them. */
#include "results/internal.h"

#include <string.h>

#ifndef EXTENTSIM_VERSION
#error "EXTENTSIM_VERSION must come from the build"
#endif

const char *const direction_names[3] = {"less", "more", "none"};
const char *const class_names[3] = {"exact", "sampled", "host"};

static const struct sim_metric_def host_wall = {
	.name = "host.wall_ns",
	.unit = "ns",
	.direction = SIM_LESS_IS_BETTER,
	.group = "host",
	.help = "Wall-clock time the program took for one run; the host's clock, not the model's.",
};

GQuark results_error_quark(void)
{
	return g_quark_from_static_string("results-error");
}

struct results_pair *pair_new(const char *key, const char *value)
{
	struct results_pair *pair = g_new(struct results_pair, 1);

	pair->key = g_strdup(key);
	pair->value = g_strdup(value);
	return pair;
}

static void pair_free(void *data)
{
	struct results_pair *pair = data;

	g_free(pair->key);
	g_free(pair->value);
	g_free(pair);
}

struct results_finding *finding_new(const char *kind, const char *text, sim_ns time_ns)
{
	struct results_finding *finding = g_new(struct results_finding, 1);

	g_assert(time_ns <= INT64_MAX);
	finding->kind = g_strdup(kind);
	finding->text = g_strdup(text);
	finding->time_ns = time_ns;
	return finding;
}

static void cost_free(void *data)
{
	struct results_cost *cost = data;

	g_free(cost->name);
	g_free(cost->value);
	g_free(cost->source);
	g_free(cost->low);
	g_free(cost->high);
	g_free(cost);
}

static void finding_free(void *data)
{
	struct results_finding *finding = data;

	g_free(finding->kind);
	g_free(finding->text);
	g_free(finding);
}

static void metric_free(void *data)
{
	struct results_metric *metric = data;

	g_free(metric->name);
	g_free(metric->unit);
	g_free(metric->group);
	g_free(metric->by_seed);
	g_free(metric->has);
	g_free(metric);
}

static void distribution_free(void *data)
{
	struct results_distribution *distribution = data;

	sim_distribution_free(distribution->values);
	g_free(distribution->name);
	g_free(distribution->unit);
	g_free(distribution);
}

static void series_free(void *data)
{
	struct results_series *series = data;

	sim_series_free(series->points);
	g_strfreev(series->figures);
	g_free(series->name);
	g_free(series->unit);
	g_free(series);
}

static void variant_free(struct results_variant *variant, uint32_t replications)
{
	g_free(variant->name);
	g_ptr_array_unref(variant->settings);
	for (uint32_t i = 0; i < replications; i++) {
		g_array_unref(variant->replication[i].marks);
		g_ptr_array_unref(variant->replication[i].findings);
	}
	g_free(variant->replication);
	g_hash_table_unref(variant->by_name);
	g_ptr_array_unref(variant->not_numbers);
	g_ptr_array_unref(variant->metrics);
	g_ptr_array_unref(variant->distributions);
	g_ptr_array_unref(variant->series);
	g_free(variant);
}

struct results_doc *doc_alloc(uint32_t replications)
{
	struct results_doc *doc = g_new0(struct results_doc, 1);

	doc->overrides = g_ptr_array_new_with_free_func(g_free);
	doc->costs = g_ptr_array_new_with_free_func(cost_free);
	doc->machine = g_ptr_array_new_with_free_func(pair_free);
	doc->variants = g_ptr_array_new();
	doc->replications = replications;
	doc->seeds = g_new0(uint64_t, replications);
	doc->seed_replication = g_new0(uint32_t, replications);
	return doc;
}

struct results_doc *results_doc_new(const char *scenario_name, const char *question,
				    const char *kind, const char *text, size_t text_bytes,
				    uint64_t seed, uint32_t replications)
{
	struct results_doc *doc;

	g_assert(scenario_name && question && kind);
	g_assert(replications > 0);
	g_assert(seed <= RESULTS_SEED_MAX);
	doc = doc_alloc(replications);
	doc->program_version = g_strdup(EXTENTSIM_VERSION);
	doc->scenario.name = g_strdup(scenario_name);
	doc->scenario.question = g_strdup(question);
	doc->scenario.kind = g_strdup(kind);
	doc->scenario.text = g_strndup(text, text_bytes);
	doc->scenario.digest =
		g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)text, text_bytes);
	for (uint32_t i = 0; i < replications; i++) {
		doc->seeds[i] = seed;
		doc->seed_replication[i] = i;
	}
	return doc;
}

void results_doc_free(struct results_doc *doc)
{
	if (!doc)
		return;
	for (guint i = 0; i < doc->variants->len; i++)
		variant_free(doc->variants->pdata[i], doc->replications);
	g_ptr_array_unref(doc->variants);
	g_ptr_array_unref(doc->overrides);
	g_ptr_array_unref(doc->costs);
	g_ptr_array_unref(doc->machine);
	g_free(doc->program_version);
	g_free(doc->scenario.name);
	g_free(doc->scenario.question);
	g_free(doc->scenario.kind);
	g_free(doc->scenario.text);
	g_free(doc->scenario.digest);
	g_free(doc->image.name);
	g_free(doc->image.digest);
	g_free(doc->cost_profile.name);
	g_free(doc->cost_profile.kernel);
	g_free(doc->cost_profile.cpu);
	g_free(doc->cost_profile.digest);
	g_free(doc->seeds);
	g_free(doc->seed_replication);
	g_free(doc);
}

void results_doc_add_override(struct results_doc *doc, const char *override)
{
	g_ptr_array_add(doc->overrides, g_strdup(override));
}

void results_doc_set_image(struct results_doc *doc, const char *name, const char *digest)
{
	g_assert(!doc->image.name && name && digest);
	doc->image.name = g_strdup(name);
	doc->image.digest = g_strdup(digest);
}

void results_doc_set_cost_profile(struct results_doc *doc, const char *name, const char *kernel,
				  const char *cpu, const char *digest)
{
	g_assert(!doc->cost_profile.name && name && kernel && cpu && digest);
	doc->cost_profile.name = g_strdup(name);
	doc->cost_profile.kernel = g_strdup(kernel);
	doc->cost_profile.cpu = g_strdup(cpu);
	doc->cost_profile.digest = g_strdup(digest);
}

void results_doc_add_cost(struct results_doc *doc, const char *name, const char *value,
			  const char *source, const char *low, const char *high)
{
	struct results_cost *cost = g_new(struct results_cost, 1);

	g_assert(!low == !high);
	*cost = (struct results_cost){g_strdup(name), g_strdup(value), g_strdup(source),
				      g_strdup(low), g_strdup(high)};
	g_ptr_array_add(doc->costs, cost);
}

void results_doc_add_machine(struct results_doc *doc, const char *key, const char *value)
{
	g_ptr_array_add(doc->machine, pair_new(key, value));
}

struct results_variant *results_doc_add_variant(struct results_doc *doc, const char *name)
{
	struct results_variant *variant = g_new0(struct results_variant, 1);

	g_assert(!results_doc_variant(doc, name));
	variant->name = g_strdup(name);
	variant->settings = g_ptr_array_new_with_free_func(pair_free);
	variant->replication = g_new0(struct results_replication, doc->replications);
	for (uint32_t i = 0; i < doc->replications; i++) {
		variant->replication[i].marks = g_array_new(FALSE, FALSE, sizeof(struct sim_mark));
		variant->replication[i].findings = g_ptr_array_new_with_free_func(finding_free);
	}
	variant->metrics = g_ptr_array_new_with_free_func(metric_free);
	variant->distributions = g_ptr_array_new_with_free_func(distribution_free);
	variant->series = g_ptr_array_new_with_free_func(series_free);
	variant->by_name = g_hash_table_new(g_str_hash, g_str_equal);
	variant->not_numbers = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(doc->variants, variant);
	return variant;
}

void results_variant_add_setting(struct results_variant *variant, const char *key,
				 const char *value)
{
	g_ptr_array_add(variant->settings, pair_new(key, value));
}

struct results_variant *results_doc_variant(const struct results_doc *doc, const char *name)
{
	for (guint i = 0; i < doc->variants->len; i++) {
		struct results_variant *variant = doc->variants->pdata[i];

		if (strcmp(variant->name, name) == 0)
			return variant;
	}
	return NULL;
}

const struct results_metric *results_variant_metric(const struct results_variant *variant,
						    const char *name)
{
	return g_hash_table_lookup(variant->by_name, name);
}

struct results_metric *variant_metric_add(struct results_doc *doc, struct results_variant *variant,
					  const char *name, const char *unit, const char *group,
					  enum sim_direction direction, enum results_class class)
{
	struct results_metric *metric = g_new0(struct results_metric, 1);

	metric->name = g_strdup(name);
	metric->unit = g_strdup(unit);
	metric->group = g_strdup(group);
	metric->direction = direction;
	metric->class = class;
	metric->by_seed = g_new0(int64_t, doc->replications);
	metric->has = g_new0(bool, doc->replications);
	g_ptr_array_add(variant->metrics, metric);
	g_hash_table_insert(variant->by_name, metric->name, metric);
	return metric;
}

static int by_metric_name(const void *a, const void *b)
{
	const struct results_metric *x = *(struct results_metric *const *)a,
				    *y = *(struct results_metric *const *)b;

	return strcmp(x->name, y->name);
}

void variant_sort_metrics(struct results_variant *variant)
{
	g_ptr_array_sort(variant->metrics, by_metric_name);
}

static int by_distribution_name(const void *a, const void *b)
{
	const struct results_distribution *x = *(struct results_distribution *const *)a,
					  *y = *(struct results_distribution *const *)b;

	return strcmp(x->name, y->name);
}

struct sim_distribution *variant_distribution(struct results_variant *variant, const char *name,
					      const char *unit)
{
	struct results_distribution *entry;

	for (guint i = 0; i < variant->distributions->len; i++) {
		entry = variant->distributions->pdata[i];
		if (strcmp(entry->name, name) == 0)
			return entry->values;
	}
	entry = g_new(struct results_distribution, 1);
	*entry = (struct results_distribution){g_strdup(name), g_strdup(unit),
					       sim_distribution_new()};
	g_ptr_array_add(variant->distributions, entry);
	g_ptr_array_sort(variant->distributions, by_distribution_name);
	return entry->values;
}

void variant_series_add(struct results_variant *variant, const char *name, const char *unit,
			struct sim_series *points, const char *const *figures)
{
	struct results_series *series = g_new(struct results_series, 1);

	*series = (struct results_series){g_strdup(name), g_strdup(unit), points,
					  g_strdupv((char **)figures)};
	g_ptr_array_add(variant->series, series);
}

/* Exact: no run drew a random number, and all runs agree on a value that each of them has. Runs
 * that drew nothing and yet disagree are not passed off as exact. */
static bool metric_is_exact(const struct results_doc *doc, const struct results_variant *variant,
			    const struct results_metric *metric)
{
	const int64_t *first = NULL;

	for (uint32_t i = 0; i < doc->replications; i++) {
		if (!variant->replication[i].done)
			continue;
		if (variant->replication[i].draws > 0 || !metric->has[i])
			return false;
		if (!first)
			first = &metric->by_seed[i];
		else if (*first != metric->by_seed[i])
			return false;
	}
	return first != NULL;
}

void metric_derive(const struct results_doc *doc, const struct results_variant *variant,
		   struct results_metric *metric)
{
	g_autofree double *values = g_new(double, doc->replications);
	int64_t first = 0;
	bool constant = true;

	for (uint32_t i = 0; metric->part && i < doc->replications; i++)
		metric->has[i] = variant->replication[i].done;
	metric->n = 0;
	for (uint32_t i = 0; i < doc->replications; i++) {
		if (!metric->has[i])
			continue;
		if (metric->n == 0)
			first = metric->by_seed[i];
		constant = constant && metric->by_seed[i] == first;
		values[metric->n++] = (double)metric->by_seed[i];
	}
	g_assert(metric->n > 0);
	if (metric->class != RESULTS_HOST)
		metric->class =
			metric_is_exact(doc, variant, metric) ? RESULTS_EXACT : RESULTS_SAMPLED;
	metric->exact = first;
	metric->value = (double)first;
	metric->half_width = 0;
	if (!constant) {
		struct sim_interval interval = sim_interval_of(values, metric->n);

		metric->value = interval.mean;
		metric->half_width = interval.half_width;
	}
}

static void add_metrics(struct results_doc *doc, struct results_variant *variant,
			uint32_t replication, const struct sim_metrics *metrics,
			enum results_class class)
{
	for (size_t i = 0; i < sim_metrics_count(metrics); i++) {
		const struct sim_metric_def *def;
		int64_t value;
		const char *name = sim_metrics_at(metrics, i, &def, &value);
		struct results_metric *metric = g_hash_table_lookup(variant->by_name, name);

		if (!metric)
			metric = variant_metric_add(doc, variant, name, def->unit, def->group,
						    def->direction, class);
		g_assert(strcmp(metric->unit, def->unit) == 0);
		g_assert(metric->direction == def->direction);
		g_assert(!metric->has[replication]);
		metric->part |= sim_metrics_is_part(metrics, i);
		metric->by_seed[replication] = value;
		metric->has[replication] = true;
	}
}

static void add_distributions(struct results_variant *variant, const struct sim_metrics *metrics)
{
	const struct sim_distribution *values;
	const struct sim_metric_def *def;
	const char *name;

	for (size_t i = 0; (name = sim_metrics_distribution(metrics, i, &def, &values)); i++)
		sim_distribution_merge(variant_distribution(variant, name, def->unit), values);
}

static void add_series(struct results_variant *variant, const struct sim_metrics *metrics)
{
	const struct sim_metric_def *def;
	const struct sim_series *points;
	const char *const *figures;
	const char *name;

	for (size_t i = 0; (name = sim_metrics_series(metrics, i, &def, &points, &figures)); i++)
		variant_series_add(variant, name, def->unit, sim_series_copy(points), figures);
}

static void derive_variant(const struct results_doc *doc, struct results_variant *variant)
{
	variant_sort_metrics(variant);
	for (guint i = 0; i < variant->metrics->len; i++)
		metric_derive(doc, variant, variant->metrics->pdata[i]);
}

void results_add(struct results_doc *doc, struct results_variant *variant, uint32_t replication,
		 const struct results_sample *sample)
{
	struct results_replication *run = &variant->replication[replication];

	g_assert(replication < doc->replications && !run->done);
	g_assert(sample->events <= INT64_MAX && sample->draws <= INT64_MAX);
	run->done = true;
	run->completed = sample->completed;
	run->events = sample->events;
	run->draws = sample->draws;
	run->digest = sample->digest;
	if (sample->mark_count > 0) {
		run->mark_interval = sample->mark_interval;
		g_array_append_vals(run->marks, sample->marks, (guint)sample->mark_count);
	}
	for (size_t i = 0; i < sample->finding_count; i++)
		g_ptr_array_add(run->findings,
				finding_new(sample->findings[i].kind, sample->findings[i].text,
					    sample->findings[i].time_ns));
	add_metrics(doc, variant, replication, sample->metrics, RESULTS_SAMPLED);
	add_distributions(variant, sample->metrics);
	if (!replication)
		add_series(variant, sample->metrics);
	if (sample->host)
		add_metrics(doc, variant, replication, sample->host, RESULTS_HOST);
	if (sample->host_wall_ns > 0) {
		struct sim_metrics *wall = sim_metrics_new();

		sim_metrics_set(wall, &host_wall, host_wall.name, (int64_t)sample->host_wall_ns);
		add_metrics(doc, variant, replication, wall, RESULTS_HOST);
		sim_metrics_free(wall);
	}
	if (!doc->batch)
		derive_variant(doc, variant);
}

void results_batch_begin(struct results_doc *doc)
{
	doc->batch = true;
}

void results_batch_end(struct results_doc *doc)
{
	doc->batch = false;
	for (guint i = 0; i < doc->variants->len; i++)
		derive_variant(doc, doc->variants->pdata[i]);
}

bool results_variant_stopped(const struct results_doc *doc, const struct results_variant *variant)
{
	for (uint32_t i = 0; i < doc->replications; i++)
		if (variant->replication[i].done && !variant->replication[i].completed)
			return true;
	return false;
}

bool results_complete(const struct results_doc *doc)
{
	for (guint i = 0; i < doc->variants->len; i++) {
		const struct results_variant *variant = doc->variants->pdata[i];

		for (uint32_t k = 0; k < doc->replications; k++)
			if (!variant->replication[k].done)
				return false;
	}
	return true;
}
