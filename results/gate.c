/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The gate: what is said of each figure of a result beside that of its baseline. Integers are compared
 * as integers; figures that depend on draws by their differences at each seed, whose interval has to lie
 * wholly on one side of what is allowed.
 */
#include "results/internal.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <string.h>

/* All intervals of one gate hold together with this probability (Bonferroni's inequality). */
#define GATE_CONFIDENCE 0.95
/* Nobody runs more seeds than this to decide. */
enum { SEEDS_MAX = 10000 };

const char *results_ruling_name(enum results_ruling ruling)
{
	static const char *const names[RESULTS_RULINGS] = {
		[RESULTS_UNCHANGED] = "unchanged",
		[RESULTS_HOST_FIGURE] = "of the host",
		[RESULTS_IMPROVED] = "improved",
		[RESULTS_WITHIN] = "within tolerance",
		[RESULTS_INCONCLUSIVE] = "inconclusive",
		[RESULTS_REGRESSED] = "regressed",
		[RESULTS_CHANGED] = "changed",
		[RESULTS_MISSING] = "missing",
		[RESULTS_NEW] = "new",
		[RESULTS_NOT_A_NUMBER] = "not a number",
	};

	return names[ruling];
}

static struct results_gate_entry *entry_at(const struct results_gate *gate, guint i)
{
	return gate->entries->pdata[i];
}

/* ---- the rules ---- */

static void find_tolerance(const struct results_baseline *baseline,
			   struct results_gate_entry *entry)
{
	const char *class = class_names[entry->sampled ? RESULTS_SAMPLED : RESULTS_EXACT];

	for (guint i = 0; i < baseline->tolerances->len; i++) {
		const struct results_tolerance *tolerance = baseline->tolerances->pdata[i];

		if ((tolerance->class && strcmp(tolerance->class, class)) ||
		    !g_pattern_match_simple(tolerance->metric, entry->name))
			continue;
		entry->tolerance = tolerance;
		entry->allowed =
			MAX(tolerance->relative * fabs(entry->before->value), tolerance->absolute);
		return;
	}
}

/* A difference that may be anything from `low` to `high`: less is better. */
static enum results_ruling rule_directed(double low, double high, double allowed)
{
	if (low > allowed)
		return RESULTS_REGRESSED;
	if (high < 0)
		return high < -allowed ? RESULTS_IMPROVED : RESULTS_WITHIN;
	return high <= allowed ? RESULTS_WITHIN : RESULTS_INCONCLUSIVE;
}

static enum results_ruling rule_undirected(double low, double high, double allowed)
{
	if (low > allowed || high < -allowed)
		return RESULTS_CHANGED;
	return -allowed <= low && high <= allowed ? RESULTS_WITHIN : RESULTS_INCONCLUSIVE;
}

static enum results_ruling rule(const struct results_gate_entry *entry, double half_width)
{
	double low = entry->difference - half_width, high = entry->difference + half_width;

	switch (entry->before->direction) {
	case SIM_LESS_IS_BETTER:
		return rule_directed(low, high, entry->allowed);
	case SIM_MORE_IS_BETTER:
		return rule_directed(-high, -low, entry->allowed);
	default:
		return rule_undirected(low, high, entry->allowed);
	}
}

/* ---- sampled figures ---- */

static struct sim_interval differences_of(const struct results_metric *before,
					  const struct results_metric *after, uint32_t replications)
{
	g_autofree double *difference = g_new(double, replications);
	size_t n = 0;

	for (uint32_t i = 0; i < replications; i++)
		if (before->has[i] && after->has[i])
			difference[n++] = exact_difference(after->by_seed[i], before->by_seed[i]);
	return sim_interval_of(difference, n);
}

/* Of n such differences, at any level: what sim_interval_of() has is at 95 %. */
static double half_width(const struct sim_interval *d, uint32_t n, double level)
{
	return gsl_cdf_tdist_Pinv((1 + level) / 2, n - 1) * d->deviation / sqrt(n);
}

/* The least number of seeds at which the interval would fall on one side, if mean and spread stayed. */
static uint32_t seeds_to_decide(const struct results_gate_entry *entry,
				const struct sim_interval *d, double level)
{
	uint32_t low = d->n, high = SEEDS_MAX;

	if (d->n < 2 || rule(entry, half_width(d, high, level)) == RESULTS_INCONCLUSIVE)
		return 0;
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (rule(entry, half_width(d, middle, level)) == RESULTS_INCONCLUSIVE)
			low = middle;
		else
			high = middle;
	}
	return high;
}

static void judge_sampled(const struct results_gate *gate, uint32_t replications,
			  struct results_gate_entry *entry)
{
	struct sim_interval d = differences_of(entry->before, entry->after, replications);

	entry->difference = d.mean;
	entry->pairs = d.n;
	if (d.n < 2) {
		entry->ruling = RESULTS_INCONCLUSIVE;
		entry->note = "one seed says nothing of others: run two or more";
		return;
	}
	entry->half_width = half_width(&d, d.n, gate->level);
	entry->ruling = rule(entry, entry->half_width);
	if (entry->ruling == RESULTS_INCONCLUSIVE)
		entry->seeds_needed = seeds_to_decide(entry, &d, gate->level);
}

/* ---- one figure ---- */

enum coverage { COVERS_SAME, COVERS_LESS, COVERS_MORE };

static enum coverage coverage_of(const struct results_metric *before,
				 const struct results_metric *after, uint32_t replications)
{
	bool more = false;

	for (uint32_t i = 0; i < replications; i++) {
		if (before->has[i] && !after->has[i])
			return COVERS_LESS;
		more = more || (after->has[i] && !before->has[i]);
	}
	return more ? COVERS_MORE : COVERS_SAME;
}

static bool same_values(const struct results_metric *before, const struct results_metric *after,
			uint32_t replications)
{
	for (uint32_t i = 0; i < replications; i++)
		if (before->has[i] != after->has[i] ||
		    (before->has[i] && before->by_seed[i] != after->by_seed[i]))
			return false;
	return true;
}

/* What can be said before any statistics; RESULTS_INCONCLUSIVE: nothing yet. */
static enum results_ruling rule_first(struct results_gate_entry *entry, bool stopped,
				      uint32_t replications)
{
	enum coverage covers;

	if (entry->before->class == RESULTS_HOST || entry->after->class == RESULTS_HOST)
		return RESULTS_HOST_FIGURE;
	if (same_values(entry->before, entry->after, replications))
		return RESULTS_UNCHANGED;
	if (stopped) {
		entry->note = "a run stopped, so the figures stand for different lengths of time";
		return RESULTS_CHANGED;
	}
	covers = coverage_of(entry->before, entry->after, replications);
	if (covers == COVERS_LESS)
		entry->note = "runs that had the figure have it no more";
	else if (covers == COVERS_MORE)
		entry->note = "runs that did not have the figure have it now";
	return covers == COVERS_LESS   ? RESULTS_MISSING
	       : covers == COVERS_MORE ? RESULTS_NEW
				       : RESULTS_INCONCLUSIVE;
}

static void judge_exact(struct results_gate_entry *entry)
{
	entry->difference = exact_difference(entry->after->exact, entry->before->exact);
	entry->ruling = rule(entry, 0);
}

/* Whether the runs did the same things at the same times, so that a figure that differs is another. */
static void note_same_events(const struct results_variant *before,
			     const struct results_variant *after, uint32_t replications,
			     struct results_gate_entry *entry)
{
	for (uint32_t i = 0; i < replications; i++)
		if (before->replication[i].digest != after->replication[i].digest)
			return;
	entry->note = "though every event is the same: the metric is computed otherwise";
}

/* ---- both sides walked together ---- */

struct walk {
	struct results_gate *gate;
	const struct results_doc *before, *after;
	const char *place, *after_name;
	GArray *open; /* struct open: sampled figures, judged when their number is known */
	GError **error;
	bool failed;
};
struct open {
	struct results_gate_entry *entry;
	uint32_t replications;
};

static struct results_gate_entry *add(struct walk *walk, const char *variant, const char *name,
				      enum results_ruling ruling)
{
	struct results_gate_entry *entry = g_new0(struct results_gate_entry, 1);

	entry->place = g_strdup(walk->place);
	entry->variant = variant;
	entry->name = name;
	entry->ruling = ruling;
	g_ptr_array_add(walk->gate->entries, entry);
	return entry;
}

static bool is_watched(const struct walk *walk, const char *name)
{
	return !walk->gate->baseline->metrics ||
	       name_is_wanted(name, (const char *const *)walk->gate->baseline->metrics);
}

static bool has_name(const GPtrArray *names, const char *name)
{
	return g_ptr_array_find_with_equal_func((GPtrArray *)names, name, g_str_equal, NULL);
}

static bool is_stopped(const struct walk *walk, const struct results_variant *before,
		       const struct results_variant *after)
{
	return results_variant_stopped(walk->before, before) ||
	       results_variant_stopped(walk->after, after);
}

static bool same_definition(struct walk *walk, const struct results_metric *before,
			    const struct results_metric *after)
{
	if (!strcmp(before->unit, after->unit) && before->direction == after->direction)
		return true;
	walk->failed = true;
	g_set_error(walk->error, RESULTS_ERROR, RESULTS_ERROR_NOT_COMPARABLE,
		    "%s: error: not comparable with %s: metric '%s' is in '%s', direction '%s', "
		    "there in '%s', direction '%s'",
		    walk->after_name, walk->gate->baseline->name, before->name, after->unit,
		    direction_names[after->direction], before->unit,
		    direction_names[before->direction]);
	return false;
}

static void compare_metric(struct walk *walk, const struct results_variant *before,
			   const struct results_variant *after, const struct results_metric *was,
			   const struct results_metric *is)
{
	uint32_t replications = walk->before->replications;
	struct results_gate_entry *entry;

	if (!same_definition(walk, was, is))
		return;
	entry = add(walk, before->name, was->name, RESULTS_UNCHANGED);
	entry->before = was;
	entry->after = is;
	entry->sampled = was->class != RESULTS_EXACT || is->class != RESULTS_EXACT;
	entry->has_relative = was->value != 0;
	entry->difference = is->value - was->value;
	entry->ruling = rule_first(entry, is_stopped(walk, before, after), replications);
	if (entry->ruling != RESULTS_INCONCLUSIVE)
		return;
	find_tolerance(walk->gate->baseline, entry);
	note_same_events(before, after, replications, entry);
	if (entry->sampled) {
		struct open open = {entry, replications};

		g_array_append_val(walk->open, open);
	} else {
		judge_exact(entry);
	}
}

static void compare_variant(struct walk *walk, const struct results_variant *before,
			    const struct results_variant *after)
{
	for (guint i = 0; i < before->metrics->len && !walk->failed; i++) {
		const struct results_metric *was = before->metrics->pdata[i],
					    *is = results_variant_metric(after, was->name);

		if (!is_watched(walk, was->name))
			continue;
		if (is)
			compare_metric(walk, before, after, was, is);
		else if (!has_name(after->not_numbers, was->name))
			add(walk, before->name, was->name,
			    was->class == RESULTS_HOST ? RESULTS_HOST_FIGURE : RESULTS_MISSING)
				->before = was;
	}
	for (guint i = 0; i < after->metrics->len && !walk->failed; i++) {
		const struct results_metric *is = after->metrics->pdata[i];

		if (is_watched(walk, is->name) && !results_variant_metric(before, is->name))
			add(walk, before->name, is->name,
			    is->class == RESULTS_HOST ? RESULTS_HOST_FIGURE : RESULTS_NEW)
				->after = is;
	}
	for (guint i = 0; i < after->not_numbers->len; i++)
		if (is_watched(walk, after->not_numbers->pdata[i]))
			add(walk, before->name, after->not_numbers->pdata[i], RESULTS_NOT_A_NUMBER)
				->before =
				results_variant_metric(before, after->not_numbers->pdata[i]);
}

static void count_runs(struct walk *walk, const struct results_variant *before,
		       const struct results_variant *after)
{
	for (uint32_t i = 0; i < walk->before->replications; i++) {
		walk->gate->runs++;
		walk->gate->same_runs +=
			before->replication[i].digest == after->replication[i].digest;
	}
}

static void compare_point(struct walk *walk)
{
	for (guint i = 0; i < walk->before->variants->len && !walk->failed; i++) {
		const struct results_variant *before = walk->before->variants->pdata[i];
		const struct results_variant *after =
			results_doc_variant(walk->after, before->name);

		if (!after) {
			add(walk, before->name, NULL, RESULTS_MISSING);
			continue;
		}
		count_runs(walk, before, after);
		compare_variant(walk, before, after);
	}
	for (guint i = 0; i < walk->after->variants->len && !walk->failed; i++) {
		const struct results_variant *after = walk->after->variants->pdata[i];

		if (!results_doc_variant(walk->before, after->name))
			add(walk, after->name, NULL, RESULTS_NEW);
	}
}

/* ---- whether they can be compared ---- */

static bool refuse(struct walk *walk, const char *why)
{
	walk->failed = true;
	g_set_error(walk->error, RESULTS_ERROR, RESULTS_ERROR_NOT_COMPARABLE,
		    "%s: error: not comparable with %s: %s", walk->after_name,
		    walk->gate->baseline->name, why);
	return false;
}

/* Settings that both have: a program that knows one more writes one more. */
static bool same_settings(const struct results_variant *before, const struct results_variant *after)
{
	for (guint i = 0; i < before->settings->len; i++) {
		const struct results_pair *was = before->settings->pdata[i];

		for (guint k = 0; k < after->settings->len; k++) {
			const struct results_pair *is = after->settings->pdata[k];

			if (!strcmp(was->key, is->key) && strcmp(was->value, is->value))
				return false;
		}
	}
	return true;
}

static bool same_variants(struct walk *walk)
{
	for (guint i = 0; i < walk->before->variants->len; i++) {
		const struct results_variant *before = walk->before->variants->pdata[i];
		const struct results_variant *after =
			results_doc_variant(walk->after, before->name);
		g_autofree char *why = NULL;

		if (!after || same_settings(before, after))
			continue;
		why = g_strdup_printf("variant '%s' has other settings", before->name);
		return refuse(walk, why);
	}
	return true;
}

static bool comparable(struct walk *walk)
{
	if (!results_complete(walk->after))
		return refuse(walk, "it was interrupted; run it to its end");
	if (!results_complete(walk->before))
		return refuse(walk, "the baseline was interrupted; renew it");
	if (!docs_same_question(walk->before, walk->after, walk->after_name,
				walk->gate->baseline->name, walk->error)) {
		walk->failed = true;
		return false;
	}
	if (!docs_same_overrides(walk->before, walk->after))
		return refuse(walk, "it has other overrides");
	return same_variants(walk);
}

static bool same_axes(struct walk *walk)
{
	const char *was = results_curve_doc(walk->gate->baseline->curve)->scenario.name;
	const char *is = results_curve_doc(walk->gate->after)->scenario.name;
	g_autofree char *why = g_strdup_printf("another scenario (%s, there %s)", is, was);

	if (strcmp(was, is))
		return refuse(walk, why);
	if (g_strv_equal((const char *const *)walk->gate->baseline->curve->axis,
			 (const char *const *)walk->gate->after->axis))
		return true;
	return refuse(walk, "it has other axes");
}

static void walk_points(struct walk *walk)
{
	const struct results_curve *before = walk->gate->baseline->curve,
				   *after = walk->gate->after;

	for (guint i = 0; i < before->points->len && !walk->failed; i++) {
		const struct results_point *point = point_at(before, i),
					   *other = results_point_in(after, before, point);
		g_autofree char *place = results_point_place(before, point);

		walk->place = place;
		walk->before = point->doc;
		walk->after = other ? other->doc : NULL;
		if (!walk->after)
			add(walk, NULL, NULL, RESULTS_MISSING);
		else if (comparable(walk))
			compare_point(walk);
	}
	for (guint i = 0; i < after->points->len && !walk->failed; i++) {
		g_autofree char *place = results_point_place(after, point_at(after, i));

		walk->place = place;
		if (!results_point_in(before, after, point_at(after, i)))
			add(walk, NULL, NULL, RESULTS_NEW);
	}
}

static void entry_free(void *data)
{
	struct results_gate_entry *entry = data;

	g_free(entry->place);
	g_free(entry);
}

static void conclude(struct results_gate *gate, const GArray *open)
{
	gate->intervals = open->len;
	gate->level = 1 - (1 - GATE_CONFIDENCE) / MAX(open->len, 1);
	for (guint i = 0; i < open->len; i++) {
		const struct open *one = &g_array_index(open, struct open, i);

		judge_sampled(gate, one->replications, one->entry);
	}
	for (guint i = 0; i < gate->entries->len; i++) {
		struct results_gate_entry *entry = entry_at(gate, i);

		gate->count[entry->ruling]++;
		if (entry->has_relative)
			entry->relative = entry->difference / fabs(entry->before->value);
	}
}

struct results_gate *results_gate_new(const struct results_baseline *baseline,
				      const struct results_curve *after, const char *after_name,
				      GError **error)
{
	struct results_gate *gate = g_new0(struct results_gate, 1);
	g_autoptr(GArray) open = g_array_new(FALSE, FALSE, sizeof(struct open));
	struct walk walk = {.gate = gate, .after_name = after_name, .open = open, .error = error};

	gate->baseline = baseline;
	gate->after = after;
	gate->entries = g_ptr_array_new_with_free_func(entry_free);
	if (same_axes(&walk))
		walk_points(&walk);
	if (walk.failed) {
		results_gate_free(gate);
		return NULL;
	}
	conclude(gate, open);
	return gate;
}

void results_gate_free(struct results_gate *gate)
{
	if (!gate)
		return;
	g_ptr_array_unref(gate->entries);
	g_free(gate);
}

bool gate_ruling_fails(enum results_ruling ruling, const struct results_gate_options *options)
{
	return ruling >= RESULTS_REGRESSED && !(ruling == RESULTS_NEW && options->allow_new);
}

enum results_gate_outcome results_gate_outcome(const struct results_gate *gate,
					       const struct results_gate_options *options)
{
	for (int ruling = 0; ruling < RESULTS_RULINGS; ruling++)
		if (gate->count[ruling] && gate_ruling_fails((enum results_ruling)ruling, options))
			return RESULTS_FAILS;
	return gate->count[RESULTS_INCONCLUSIVE] && options->strict ? RESULTS_UNDECIDED
								    : RESULTS_PASSES;
}
