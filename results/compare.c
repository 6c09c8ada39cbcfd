/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The comparison model: what every printer shows, so that none can disagree with another. */
#include "results/internal.h"

#include <math.h>
#include <string.h>

enum {
	/* Nobody runs more seeds than this to tell two figures apart. */
	SEEDS_NEEDED_MAX = 10000,
};

const char *results_verdict_name(enum results_verdict verdict)
{
	static const char *const names[] = {"none",    "same",	     "better", "worse",
					    "differs", "can't tell", "stopped"};

	return names[verdict];
}

/* ---- whether documents answer one question ---- */

static bool differs(GError **error, const char *label, const char *first, const char *what,
		    const char *a, const char *b)
{
	if (g_strcmp0(a, b) == 0)
		return false;
	g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_NOT_COMPARABLE,
		    "%s: error: not comparable with %s: another %s (%s, there %s)", label, first,
		    what, b ? b : "none", a ? a : "none");
	return true;
}

/* Those of a variant do not change the question, only one of the answers. */
static char *question_overrides(const struct results_doc *doc)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < doc->overrides->len; i++) {
		const char *override = doc->overrides->pdata[i];

		if (g_str_has_prefix(override, "variants.") ||
		    g_str_has_prefix(override, "variants["))
			continue;
		g_string_append_printf(text, "%s%s", text->len ? " " : "", override);
	}
	return g_string_free(text, FALSE);
}

static char *seeds_text(const struct results_doc *doc)
{
	GString *text = g_string_new(NULL);

	for (uint32_t i = 0; i < doc->replications; i++)
		g_string_append_printf(text, "%s%" G_GUINT64_FORMAT "/%u", i ? " " : "",
				       doc->seeds[i], doc->seed_replication[i]);
	return g_string_free(text, FALSE);
}

bool docs_same_question(const struct results_doc *a, const struct results_doc *b, const char *label,
			const char *first, GError **error)
{
	g_autofree char *overrides_a = question_overrides(a), *overrides_b = question_overrides(b),
			*seeds_a = seeds_text(a), *seeds_b = seeds_text(b);

	return !differs(error, label, first, "scenario", a->scenario.name, b->scenario.name) &&
	       !differs(error, label, first, "scenario text (SHA-256)", a->scenario.digest,
			b->scenario.digest) &&
	       !differs(error, label, first, "set of overrides", overrides_a, overrides_b) &&
	       !differs(error, label, first, "image digest", a->image.digest, b->image.digest) &&
	       !differs(error, label, first, "cost profile", a->cost_profile.name,
			b->cost_profile.name) &&
	       !differs(error, label, first, "cost profile digest", a->cost_profile.digest,
			b->cost_profile.digest) &&
	       !differs(error, label, first, "set of seeds (seed/replication)", seeds_a, seeds_b);
}

static bool same_variants(const struct results_doc *a, const struct results_doc *b)
{
	if (a->variants->len != b->variants->len)
		return false;
	for (guint i = 0; i < a->variants->len; i++) {
		const struct results_variant *x = a->variants->pdata[i], *y = b->variants->pdata[i];
		bool same = !strcmp(x->name, y->name) && x->settings->len == y->settings->len;

		for (guint k = 0; same && k < x->settings->len; k++) {
			const struct results_pair *s = x->settings->pdata[k],
						  *t = y->settings->pdata[k];

			same = !strcmp(s->key, t->key) && !strcmp(s->value, t->value);
		}
		if (!same)
			return false;
	}
	return true;
}

bool docs_same_overrides(const struct results_doc *a, const struct results_doc *b)
{
	if (a->overrides->len != b->overrides->len)
		return false;
	for (guint i = 0; i < a->overrides->len; i++)
		if (strcmp(a->overrides->pdata[i], b->overrides->pdata[i]))
			return false;
	return true;
}

bool results_same_runs(const struct results_doc *a, const struct results_doc *b)
{
	return !strcmp(a->program_version, b->program_version) && docs_same_overrides(a, b) &&
	       same_variants(a, b) && docs_same_question(a, b, "", "", NULL);
}

/* ---- columns ---- */

/* A column of choices that cannot be says so wherever it is shown. */
static const char *mark_of(const struct results_variant *variant)
{
	for (guint i = 0; i < variant->settings->len; i++) {
		const struct results_pair *setting = variant->settings->pdata[i];

		if (!strcmp(setting->key, "counterfactual") && !strcmp(setting->value, "true"))
			return " (counterfactual)";
	}
	return "";
}

static size_t add_column(struct results_comparison *cmp, size_t doc, const char *doc_label,
			 const struct results_variant *variant, size_t reference)
{
	struct results_column *column = g_new0(struct results_column, 1);

	column->label = cmp->doc_count > 1 ? g_strdup_printf("%s:%s%s", doc_label, variant->name,
							     mark_of(variant))
					   : g_strconcat(variant->name, mark_of(variant), NULL);
	column->doc = doc;
	column->variant = variant;
	column->reference = reference;
	g_ptr_array_add(cmp->columns, column);
	return cmp->columns->len - 1;
}

static const struct results_variant *reference_variant(const struct results_doc *doc)
{
	const struct results_variant *none = results_doc_variant(doc, "none");

	return none ? none : doc->variants->pdata[0];
}

/* The reference stands first, the others follow in the scenario's order. */
static void columns_of_one(struct results_comparison *cmp)
{
	const struct results_doc *doc = cmp->docs[0];
	const struct results_variant *reference = reference_variant(doc);

	add_column(cmp, 0, NULL, reference, 0);
	for (guint i = 0; i < doc->variants->len; i++)
		if (doc->variants->pdata[i] != reference)
			add_column(cmp, 0, NULL, doc->variants->pdata[i], 0);
}

static size_t column_of(const struct results_comparison *cmp, const struct results_variant *variant)
{
	for (size_t i = 0; i < cmp->columns->len; i++)
		if (column_at(cmp, i)->variant == variant)
			return i;
	g_assert_not_reached();
}

/* Each variant of the first document, followed by its namesakes; then those that have none. */
static void columns_of_several(struct results_comparison *cmp, const char *const *labels)
{
	const struct results_doc *first = cmp->docs[0];
	size_t overall;

	for (guint i = 0; i < first->variants->len; i++) {
		const struct results_variant *variant = first->variants->pdata[i];
		size_t reference = add_column(cmp, 0, labels[0], variant, cmp->columns->len);

		for (size_t d = 1; d < cmp->doc_count; d++) {
			const struct results_variant *other =
				results_doc_variant(cmp->docs[d], variant->name);

			if (other)
				add_column(cmp, d, labels[d], other, reference);
		}
	}
	overall = column_of(cmp, reference_variant(first));
	for (size_t d = 1; d < cmp->doc_count; d++)
		for (guint i = 0; i < cmp->docs[d]->variants->len; i++) {
			const struct results_variant *variant = cmp->docs[d]->variants->pdata[i];

			if (!results_doc_variant(first, variant->name))
				add_column(cmp, d, labels[d], variant, overall);
		}
}

static void column_facts(const struct results_comparison *cmp, struct results_column *column)
{
	const struct results_variant *reference = column_at(cmp, column->reference)->variant;
	bool any = false;

	column->stopped = results_variant_stopped(cmp->docs[column->doc], column->variant);
	column->same_events = true;
	for (uint32_t i = 0; i < cmp->docs[0]->replications; i++) {
		const struct results_replication *a = &reference->replication[i],
						 *b = &column->variant->replication[i];

		if (!a->done || !b->done)
			continue;
		any = true;
		column->same_events = column->same_events && a->digest == b->digest;
	}
	column->same_events = column->same_events && any;
}

/* ---- cells ---- */

/* The differences at the seeds that both sides have, and the reference's mean over them. */
struct paired {
	double *difference;
	uint32_t n;
	double reference_mean;
	bool all_zero, stopped;
};

double exact_difference(int64_t a, int64_t b)
{
	int64_t difference;

	return __builtin_sub_overflow(a, b, &difference) ? (double)a - (double)b
							 : (double)difference;
}

static struct paired pair_up(const struct results_comparison *cmp, size_t column, size_t reference,
			     const struct results_metric *metric, const struct results_metric *base)
{
	const struct results_variant *a = column_at(cmp, column)->variant,
				     *b = column_at(cmp, reference)->variant;
	uint32_t replications = cmp->docs[0]->replications;
	struct paired pairs = {.difference = g_new(double, replications), .all_zero = true};

	for (uint32_t i = 0; i < replications; i++) {
		if (!metric->has[i] || !base->has[i])
			continue;
		if (!a->replication[i].completed || !b->replication[i].completed) {
			pairs.stopped = true;
			continue;
		}
		pairs.difference[pairs.n++] =
			exact_difference(metric->by_seed[i], base->by_seed[i]);
		pairs.all_zero = pairs.all_zero && metric->by_seed[i] == base->by_seed[i];
		pairs.reference_mean += (double)base->by_seed[i];
	}
	if (pairs.n > 0)
		pairs.reference_mean /= pairs.n;
	return pairs;
}

/* The number of pairs at which the interval would exclude 0, if mean and spread stayed as seen. */
static uint32_t seeds_needed(const struct sim_interval *seen)
{
	if (seen->n < 2 || seen->mean == 0)
		return 0;
	for (uint32_t n = seen->n + 1; n <= SEEDS_NEEDED_MAX; n++)
		if (sim_student_95(n - 1) * seen->deviation / sqrt(n) < fabs(seen->mean))
			return n;
	return 0;
}

static enum results_verdict direct(enum sim_direction direction, double difference)
{
	if (direction == SIM_NO_DIRECTION)
		return RESULTS_DIFFERS;
	return (difference < 0) == (direction == SIM_LESS_IS_BETTER) ? RESULTS_BETTER
								     : RESULTS_WORSE;
}

/* What can be said of `metric` against `base`, into everything of the cell but `metric`. */
static void judge(const struct results_comparison *cmp, size_t column, size_t reference,
		  const struct results_metric *metric, const struct results_metric *base,
		  struct results_cell *cell)
{
	bool exact = metric->class == RESULTS_EXACT && base->class == RESULTS_EXACT;
	struct paired pairs = pair_up(cmp, column, reference, metric, base);
	struct sim_interval seen;

	cell->pairs = pairs.n;
	if (pairs.n == 0) {
		cell->verdict = pairs.stopped ? RESULTS_STOPPED : RESULTS_CANT_TELL;
		g_free(pairs.difference);
		return;
	}
	seen = sim_interval_of(pairs.difference, pairs.n);
	cell->difference = exact ? pairs.difference[0] : seen.mean;
	cell->half_width = exact ? 0 : seen.half_width;
	cell->has_relative = pairs.reference_mean != 0;
	if (cell->has_relative)
		cell->relative = cell->difference / fabs(pairs.reference_mean);
	if (metric->class == RESULTS_HOST || base->class == RESULTS_HOST) {
		cell->verdict = RESULTS_NO_VERDICT;
	} else if (pairs.all_zero) {
		cell->verdict = RESULTS_SAME;
	} else if (exact || (pairs.n > 1 && fabs(cell->difference) > cell->half_width)) {
		cell->verdict = direct(metric->direction, cell->difference);
	} else {
		cell->verdict = RESULTS_CANT_TELL;
		cell->seeds_needed = seeds_needed(&seen);
	}
	g_free(pairs.difference);
}

/* Whether a column's figure takes part in the search for the best of `reference`'s family. `none`
 * does no encryption: it is what the others are measured against, not one to choose. */
static bool is_candidate(const struct results_comparison *cmp, const struct results_row *row,
			 size_t column, size_t reference)
{
	const struct results_column *c = column_at(cmp, column);

	if (c->reference != reference || !row->cell[column].metric || c->stopped)
		return false;
	return cmp->doc_count > 1 || column != reference || cmp->columns->len < 3 ||
	       strcmp(c->variant->name, "none") != 0;
}

static bool beats(enum sim_direction direction, const struct results_metric *a,
		  const struct results_metric *b)
{
	if (a->value == b->value && a->class == RESULTS_EXACT && b->class == RESULTS_EXACT)
		return direction == SIM_LESS_IS_BETTER ? a->exact < b->exact : a->exact > b->exact;
	return direction == SIM_LESS_IS_BETTER ? a->value < b->value : a->value > b->value;
}

/* Marks the best of a family and all that can't be told from it; nothing if that is everyone. */
static void mark_best(const struct results_comparison *cmp, struct results_row *row,
		      size_t reference)
{
	size_t best = SIZE_MAX, candidates = 0, marked = 0;

	for (size_t i = 0; i < cmp->columns->len; i++) {
		if (!is_candidate(cmp, row, i, reference))
			continue;
		candidates++;
		if (best == SIZE_MAX ||
		    beats(row->direction, row->cell[i].metric, row->cell[best].metric))
			best = i;
	}
	for (size_t i = 0; i < cmp->columns->len; i++) {
		struct results_cell against = {0};

		if (!is_candidate(cmp, row, i, reference))
			continue;
		judge(cmp, i, best, row->cell[i].metric, row->cell[best].metric, &against);
		row->cell[i].best = i == best || against.verdict == RESULTS_SAME ||
				    against.verdict == RESULTS_CANT_TELL;
		marked += row->cell[i].best;
	}
	for (size_t i = 0; i < cmp->columns->len; i++)
		if (marked == candidates && column_at(cmp, i)->reference == reference)
			row->cell[i].best = false;
}

/* ---- rows ---- */

static void row_judge(const struct results_comparison *cmp, struct results_row *row)
{
	row->zero = true;
	for (size_t i = 0; i < cmp->columns->len; i++) {
		struct results_cell *cell = &row->cell[i];
		const struct results_metric *metric = cell->metric;
		size_t reference = column_at(cmp, i)->reference;

		row->zero = row->zero && metric && metric->value == 0 && metric->half_width == 0;
		if (!metric)
			continue;
		row->class = MAX(row->class, metric->class);
		if (i != reference && row->cell[reference].metric)
			judge(cmp, i, reference, metric, row->cell[reference].metric, cell);
	}
	if (row->direction == SIM_NO_DIRECTION || row->class == RESULTS_HOST)
		return;
	for (size_t i = 0; i < cmp->columns->len; i++)
		if (column_at(cmp, i)->reference == i)
			mark_best(cmp, row, i);
}

static bool same_definition(const struct results_comparison *cmp, const struct results_row *row,
			    const struct results_metric *metric, size_t column, GError **error)
{
	if (strcmp(row->unit, metric->unit) == 0 && row->direction == metric->direction)
		return true;
	g_set_error(
		error, RESULTS_ERROR, RESULTS_ERROR_NOT_COMPARABLE,
		"%s: error: not comparable: metric '%s' is in '%s', direction '%s', elsewhere in "
		"'%s', direction '%s'",
		column_at(cmp, column)->label, metric->name, metric->unit,
		direction_names[metric->direction], row->unit, direction_names[row->direction]);
	return false;
}

static bool collect_rows(struct results_comparison *cmp, GError **error)
{
	g_autoptr(GHashTable) by_name = g_hash_table_new(g_str_hash, g_str_equal);

	for (size_t i = 0; i < cmp->columns->len; i++) {
		const GPtrArray *metrics = column_at(cmp, i)->variant->metrics;

		for (guint k = 0; k < metrics->len; k++) {
			const struct results_metric *metric = metrics->pdata[k];
			struct results_row *row = g_hash_table_lookup(by_name, metric->name);

			if (!row) {
				row = g_new0(struct results_row, 1);
				row->name = metric->name;
				row->unit = metric->unit;
				row->group = metric->group;
				row->direction = metric->direction;
				row->cell = g_new0(struct results_cell, cmp->columns->len);
				g_hash_table_insert(by_name, metric->name, row);
				g_ptr_array_add(cmp->rows, row);
			}
			if (!same_definition(cmp, row, metric, i, error))
				return false;
			row->cell[i].metric = metric;
		}
	}
	return true;
}

static void row_free(void *data)
{
	struct results_row *row = data;

	g_free(row->cell);
	g_free(row);
}

static void column_free(void *data)
{
	struct results_column *column = data;

	g_free(column->label);
	g_free(column);
}

struct results_comparison *results_compare(const struct results_doc *const *docs,
					   const char *const *labels, size_t doc_count,
					   GError **error)
{
	struct results_comparison *cmp = g_new0(struct results_comparison, 1);

	g_assert(doc_count == 1 || (doc_count > 1 && labels));
	cmp->docs = docs;
	cmp->doc_count = doc_count;
	cmp->columns = g_ptr_array_new_with_free_func(column_free);
	cmp->rows = g_ptr_array_new_with_free_func(row_free);
	for (size_t d = 0; d < doc_count; d++) {
		if (d > 0 && !docs_same_question(docs[0], docs[d], labels[d], labels[0], error))
			goto fail;
		if (docs[d]->variants->len > 0)
			continue;
		g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_NOT_COMPARABLE,
			    "%s: error: nothing to compare: it has no variants",
			    labels ? labels[d] : docs[d]->scenario.name);
		goto fail;
	}
	if (doc_count == 1)
		columns_of_one(cmp);
	else
		columns_of_several(cmp, labels);
	if (!collect_rows(cmp, error))
		goto fail;
	for (size_t i = 0; i < cmp->columns->len; i++)
		column_facts(cmp, cmp->columns->pdata[i]);
	for (guint i = 0; i < cmp->rows->len; i++)
		row_judge(cmp, cmp->rows->pdata[i]);
	rows_order(cmp->rows, cmp->columns->len);
	return cmp;
fail:
	results_comparison_free(cmp);
	return NULL;
}

void results_comparison_free(struct results_comparison *cmp)
{
	if (!cmp)
		return;
	g_ptr_array_unref(cmp->columns);
	g_ptr_array_unref(cmp->rows);
	g_free(cmp);
}

const struct results_row *results_row_named(const struct results_comparison *cmp, const char *name)
{
	for (guint i = 0; i < cmp->rows->len; i++)
		if (!strcmp(row_at(cmp, i)->name, name))
			return row_at(cmp, i);
	return NULL;
}
