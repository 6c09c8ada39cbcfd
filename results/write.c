/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A document as JSON. */
#include "results/internal.h"

#include <string.h>

static void write_pairs(struct emit *e, const char *key, const GPtrArray *pairs)
{
	emit_open(e, key, '{');
	for (guint i = 0; i < pairs->len; i++) {
		const struct results_pair *pair = pairs->pdata[i];

		emit_string(e, pair->key, pair->value);
	}
	emit_close(e, '}');
}

static void write_missing(struct emit *e, const struct results_doc *doc)
{
	emit_open(e, "missing", '[');
	for (guint i = 0; i < doc->variants->len; i++) {
		const struct results_variant *variant = doc->variants->pdata[i];
		bool any = false;

		for (uint32_t k = 0; k < doc->replications; k++) {
			if (variant->replication[k].done)
				continue;
			if (!any) {
				emit_open_inline(e, NULL, '{');
				emit_string(e, "variant", variant->name);
				emit_open_inline(e, "replications", '[');
				any = true;
			}
			emit_int(e, NULL, k);
		}
		if (any) {
			emit_close(e, ']');
			emit_close(e, '}');
		}
	}
	emit_close(e, ']');
}

static void write_costs(struct emit *e, const struct results_doc *doc)
{
	if (!doc->costs->len)
		return;
	emit_open(e, "entries", '{');
	for (guint i = 0; i < doc->costs->len; i++) {
		const struct results_cost *cost = doc->costs->pdata[i];

		emit_open_inline(e, cost->name, '{');
		emit_string(e, "value", cost->value);
		emit_string(e, "source", cost->source);
		if (cost->low) {
			emit_open_inline(e, "range", '[');
			emit_string(e, NULL, cost->low);
			emit_string(e, NULL, cost->high);
			emit_close(e, ']');
		}
		emit_close(e, '}');
	}
	emit_close(e, '}');
}

static void write_question(struct emit *e, const struct results_doc *doc,
			   const struct write_choice *choice)
{
	emit_open(e, "scenario", '{');
	emit_string(e, "name", doc->scenario.name);
	emit_string(e, "question", doc->scenario.question);
	emit_string(e, "kind", doc->scenario.kind);
	emit_string(e, "digest", doc->scenario.digest);
	if (!choice->baseline)
		emit_string(e, "text", doc->scenario.text);
	emit_close(e, '}');
	emit_open(e, "overrides", '[');
	for (guint i = 0; i < doc->overrides->len; i++)
		emit_string(e, NULL, doc->overrides->pdata[i]);
	emit_close(e, ']');
	if (doc->image.name) {
		emit_open(e, "image", '{');
		emit_string(e, "name", doc->image.name);
		emit_string(e, "digest", doc->image.digest);
		emit_close(e, '}');
	} else {
		emit_null(e, "image");
	}
	if (doc->cost_profile.name) {
		emit_open(e, "cost_profile", '{');
		emit_string(e, "name", doc->cost_profile.name);
		emit_string(e, "kernel", doc->cost_profile.kernel);
		emit_string(e, "cpu", doc->cost_profile.cpu);
		emit_string(e, "digest", doc->cost_profile.digest);
		if (!choice->baseline)
			write_costs(e, doc);
		emit_close(e, '}');
	} else {
		emit_null(e, "cost_profile");
	}
	write_pairs(e, "machine", doc->machine);
	emit_open(e, "seeds", '[');
	for (uint32_t i = 0; i < doc->replications; i++) {
		emit_open_inline(e, NULL, '{');
		emit_int(e, "seed", (int64_t)doc->seeds[i]);
		emit_int(e, "replication", doc->seed_replication[i]);
		emit_close(e, '}');
	}
	emit_close(e, ']');
	emit_int(e, "replications", doc->replications);
}

enum run_fact { RUN_COMPLETED, RUN_DRAWS, RUN_EVENTS, RUN_DIGEST, RUN_INTERVAL };

static void write_run_fact(struct emit *e, const char *key, enum run_fact fact,
			   const struct results_doc *doc, const struct results_variant *variant)
{
	emit_open_inline(e, key, '[');
	for (uint32_t i = 0; i < doc->replications; i++) {
		const struct results_replication *run = &variant->replication[i];

		if (!run->done)
			emit_null(e, NULL);
		else if (fact == RUN_COMPLETED)
			emit_bool(e, NULL, run->completed);
		else if (fact == RUN_DIGEST)
			emit_digest(e, NULL, run->digest);
		else if (fact == RUN_INTERVAL)
			emit_int(e, NULL, (int64_t)run->mark_interval);
		else
			emit_int(e, NULL, (int64_t)(fact == RUN_DRAWS ? run->draws : run->events));
	}
	emit_close(e, ']');
}

static void write_marks_of(struct emit *e, const char *key, bool ends,
			   const struct results_doc *doc, const struct results_variant *variant)
{
	emit_open(e, key, '[');
	for (uint32_t i = 0; i < doc->replications; i++) {
		const GArray *marks = variant->replication[i].marks;

		emit_open_inline(e, NULL, '[');
		for (guint k = 0; k < marks->len; k++) {
			const struct sim_mark *mark = &g_array_index(marks, struct sim_mark, k);

			if (ends)
				emit_int(e, NULL, (int64_t)mark->ns);
			else
				emit_digest(e, NULL, mark->digest);
		}
		emit_close(e, ']');
	}
	emit_close(e, ']');
}

static void write_marks(struct emit *e, const struct results_doc *doc,
			const struct results_variant *variant)
{
	bool any = false;

	for (uint32_t i = 0; i < doc->replications; i++)
		any = any || variant->replication[i].marks->len > 0;
	if (!any)
		return;
	write_run_fact(e, "interval_events", RUN_INTERVAL, doc, variant);
	write_marks_of(e, "interval_digests", false, doc, variant);
	write_marks_of(e, "interval_ends_ns", true, doc, variant);
}

static void write_findings(struct emit *e, const char *key, bool refusals,
			   const struct results_doc *doc, const struct results_variant *variant)
{
	emit_open(e, key, '[');
	for (uint32_t i = 0; i < doc->replications; i++) {
		const GPtrArray *findings = variant->replication[i].findings;

		for (guint k = 0; k < findings->len; k++) {
			const struct results_finding *finding = findings->pdata[k];

			if ((strcmp(finding->kind, REFUSAL_KIND) == 0) != refusals)
				continue;
			emit_open_inline(e, NULL, '{');
			if (!refusals)
				emit_string(e, "kind", finding->kind);
			emit_int(e, "replication", i);
			emit_int(e, "time_ns", (int64_t)finding->time_ns);
			emit_string(e, "text", finding->text);
			emit_close(e, '}');
		}
	}
	emit_close(e, ']');
}

static void write_by_seed(struct emit *e, const struct results_doc *doc,
			  const struct results_metric *metric)
{
	emit_int(e, "n", metric->n);
	emit_open_inline(e, "by_seed", '[');
	for (uint32_t i = 0; i < doc->replications; i++) {
		if (metric->has[i])
			emit_int(e, NULL, metric->by_seed[i]);
		else
			emit_null(e, NULL);
	}
	emit_close(e, ']');
}

/* A mean of identical values is that value, and has all its digits. */
static void write_value(struct emit *e, const struct results_metric *metric)
{
	if (metric->value == (double)metric->exact)
		emit_int(e, "value", metric->exact);
	else
		emit_real(e, "value", metric->value);
}

static void write_metric(struct emit *e, const struct results_doc *doc,
			 const struct results_metric *metric)
{
	emit_open_inline(e, metric->name, '{');
	write_value(e, metric);
	emit_string(e, "unit", metric->unit);
	emit_string(e, "direction", direction_names[metric->direction]);
	emit_string(e, "class", class_names[metric->class]);
	emit_string(e, "group", metric->group);
	if (metric->class == RESULTS_SAMPLED && metric->n > 1) {
		emit_open_inline(e, "interval", '[');
		emit_real(e, NULL, metric->value - metric->half_width);
		emit_real(e, NULL, metric->value + metric->half_width);
		emit_close(e, ']');
	} else if (metric->class == RESULTS_SAMPLED) {
		emit_null(e, "interval");
	}
	if (metric->class != RESULTS_EXACT)
		write_by_seed(e, doc, metric);
	emit_close(e, '}');
}

static void write_distribution(struct emit *e, const struct results_distribution *distribution)
{
	const struct sim_distribution *values = distribution->values;

	emit_open_inline(e, distribution->name, '{');
	emit_string(e, "unit", distribution->unit);
	emit_int(e, "count", (int64_t)values->count);
	emit_int(e, "sum", (int64_t)values->sum);
	emit_int(e, "min", (int64_t)values->min);
	emit_int(e, "max", (int64_t)values->max);
	emit_open_inline(e, "buckets", '[');
	for (guint i = 0; i < values->buckets->len; i++) {
		const struct sim_bucket *bucket =
			&g_array_index(values->buckets, struct sim_bucket, i);

		emit_open_inline(e, NULL, '[');
		emit_int(e, NULL, (int64_t)bucket->upto);
		emit_int(e, NULL, (int64_t)bucket->count);
		emit_close(e, ']');
	}
	emit_close(e, ']');
	emit_close(e, '}');
}

static void write_series(struct emit *e, const struct results_series *series)
{
	const struct sim_series *points = series->points;

	emit_open(e, series->name, '{');
	emit_string(e, "unit", series->unit);
	emit_int(e, "replication", 0);
	emit_int(e, "interval_ns", (int64_t)points->interval);
	emit_open(e, "figures", '{');
	for (uint32_t f = 0; f < points->figures; f++) {
		emit_open_inline(e, series->figures[f], '[');
		for (uint32_t i = 0; i < points->points; i++)
			emit_int(e, NULL, points->point[(size_t)i * points->figures + f]);
		emit_close(e, ']');
	}
	emit_close(e, '}');
	emit_close(e, '}');
}

static bool is_written(const struct results_metric *metric, const struct write_choice *choice)
{
	return (metric->class != RESULTS_HOST || choice->include_host) &&
	       (!choice->metrics || name_is_wanted(metric->name, choice->metrics));
}

static void write_metrics(struct emit *e, const struct results_doc *doc,
			  const struct results_variant *variant, const struct write_choice *choice)
{
	emit_open(e, "metrics", '{');
	for (guint i = 0; i < variant->metrics->len; i++)
		if (is_written(variant->metrics->pdata[i], choice))
			write_metric(e, doc, variant->metrics->pdata[i]);
	emit_close(e, '}');
}

static void write_shapes(struct emit *e, const struct results_variant *variant)
{
	emit_open(e, "distributions", '{');
	for (guint i = 0; i < variant->distributions->len; i++)
		write_distribution(e, variant->distributions->pdata[i]);
	emit_close(e, '}');
	emit_open(e, "series", '{');
	for (guint i = 0; i < variant->series->len; i++)
		write_series(e, variant->series->pdata[i]);
	emit_close(e, '}');
}

static void write_variant(struct emit *e, const struct results_doc *doc,
			  const struct results_variant *variant, const struct write_choice *choice)
{
	emit_open(e, variant->name, '{');
	/* Those that were not given follow from the text and the overrides. */
	if (!choice->baseline || doc->variants_given)
		write_pairs(e, "settings", variant->settings);
	write_run_fact(e, "completed", RUN_COMPLETED, doc, variant);
	write_run_fact(e, "draws", RUN_DRAWS, doc, variant);
	write_run_fact(e, "events", RUN_EVENTS, doc, variant);
	write_run_fact(e, "event_digests", RUN_DIGEST, doc, variant);
	if (choice->baseline) {
		write_metrics(e, doc, variant, choice);
	} else {
		write_marks(e, doc, variant);
		write_findings(e, "findings", false, doc, variant);
		write_findings(e, "refusals", true, doc, variant);
		write_metrics(e, doc, variant, choice);
		write_shapes(e, variant);
	}
	emit_close(e, '}');
}

void write_document(struct emit *e, const char *key, const struct results_doc *doc,
		    const struct write_choice *choice)
{
	emit_open(e, key, '{');
	emit_int(e, "schema_version", RESULTS_SCHEMA_VERSION);
	emit_string(e, "program_version", doc->program_version);
	emit_bool(e, "complete", results_complete(doc));
	write_missing(e, doc);
	write_question(e, doc, choice);
	if (doc->variants_given)
		emit_bool(e, "variants_given", true);
	emit_open(e, "variant_order", '[');
	for (guint i = 0; i < doc->variants->len; i++)
		emit_string(e, NULL, ((struct results_variant *)doc->variants->pdata[i])->name);
	emit_close(e, ']');
	emit_open(e, "variants", '{');
	for (guint i = 0; i < doc->variants->len; i++)
		write_variant(e, doc, doc->variants->pdata[i], choice);
	emit_close(e, '}');
	emit_close(e, '}');
}

void results_emit(const struct results_doc *doc, const struct results_write_options *options,
		  GString *out)
{
	struct write_choice choice = {.include_host = options && options->include_host};
	struct emit e;

	emit_init(&e, out);
	write_document(&e, NULL, doc, &choice);
}
