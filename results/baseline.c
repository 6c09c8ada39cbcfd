/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Baselines: documents cut down to what a gate needs, with what may differ and why. The text of the
 * scenario, the same at all points, is there once.
 */
#include "results/reader.h"

#include <math.h>
#include <string.h>

enum { BASELINE_VERSION = 1 };

/* ---- making one ---- */

static void tolerance_free(void *data)
{
	struct results_tolerance *tolerance = data;

	g_free(tolerance->metric);
	g_free(tolerance->class);
	g_free(tolerance->reason);
	g_free(tolerance);
}

static void renewal_free(void *data)
{
	struct results_renewal *renewal = data;

	g_free(renewal->program_version);
	g_free(renewal->why);
	g_free(renewal);
}

struct results_baseline *results_baseline_new(const char *name, struct results_curve *curve)
{
	struct results_baseline *baseline = g_new0(struct results_baseline, 1);

	baseline->name = g_strdup(name);
	baseline->curve = curve;
	baseline->tolerances = g_ptr_array_new_with_free_func(tolerance_free);
	baseline->renewals = g_ptr_array_new_with_free_func(renewal_free);
	return baseline;
}

void results_baseline_free(struct results_baseline *baseline)
{
	if (!baseline)
		return;
	g_free(baseline->name);
	if (baseline->curve)
		results_curve_free(baseline->curve);
	g_strfreev(baseline->metrics);
	g_ptr_array_unref(baseline->tolerances);
	g_ptr_array_unref(baseline->renewals);
	g_free(baseline);
}

void results_baseline_add_renewal(struct results_baseline *baseline, const char *program_version,
				  const char *why)
{
	struct results_renewal *renewal = g_new0(struct results_renewal, 1);

	renewal->program_version = g_strdup(program_version);
	renewal->why = g_strdup(why);
	g_ptr_array_add(baseline->renewals, renewal);
}

/* "1%" or "0.01". */
static bool share(const char *text, double *value)
{
	char *end;

	*value = g_ascii_strtod(text, &end);
	if (end != text && !strcmp(end, "%")) {
		*value /= 100;
		end++;
	}
	return end != text && !*end && isfinite(*value) && *value >= 0;
}

bool results_baseline_tolerate(struct results_baseline *baseline, const char *text, GError **error)
{
	enum { PATTERN, RELATIVE, ABSOLUTE, REASON, WORDS };
	g_auto(GStrv) word = g_strsplit(text, " ", WORDS);
	struct results_tolerance *tolerance;
	double relative, absolute;

	if (g_strv_length(word) != WORDS || !*word[REASON] || !share(word[RELATIVE], &relative) ||
	    !results_step_number(word[ABSOLUTE], &absolute, NULL) || absolute < 0) {
		g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_INPUT,
			    "no tolerance: '%s'\n"
			    "write METRIC SHARE AMOUNT REASON, as in "
			    "'ops.*.latency_p99_ns 1%% 5us scheduling moves it'",
			    text);
		return false;
	}
	tolerance = g_new0(struct results_tolerance, 1);
	tolerance->metric = g_strdup(word[PATTERN]);
	tolerance->relative = relative;
	tolerance->absolute = absolute;
	tolerance->reason = g_strdup(word[REASON]);
	g_ptr_array_insert(baseline->tolerances, 0, tolerance);
	return true;
}

/* A step that all points have in common was asked for. */
static bool all_have(const struct results_curve *curve, const char *override)
{
	for (guint i = 0; i < curve->points->len; i++)
		if (!g_ptr_array_find_with_equal_func(point_at(curve, i)->doc->overrides, override,
						      g_str_equal, NULL))
			return false;
	return true;
}

char **results_baseline_sets(const struct results_baseline *baseline)
{
	const struct results_doc *doc = results_curve_doc(baseline->curve);
	GPtrArray *sets = g_ptr_array_new();

	for (guint i = 0; i < doc->overrides->len; i++)
		if (all_have(baseline->curve, doc->overrides->pdata[i]))
			g_ptr_array_add(sets, g_strdup(doc->overrides->pdata[i]));
	g_ptr_array_add(sets, NULL);
	return (char **)g_ptr_array_free(sets, FALSE);
}

/* ---- writing ---- */

static void write_tolerance(struct emit *e, const struct results_tolerance *tolerance)
{
	emit_open_inline(e, NULL, '{');
	emit_string(e, "metric", tolerance->metric);
	if (tolerance->class)
		emit_string(e, "class", tolerance->class);
	emit_real(e, "relative", tolerance->relative);
	emit_real(e, "absolute", tolerance->absolute);
	emit_string(e, "reason", tolerance->reason);
	emit_close(e, '}');
}

static void write_rules(struct emit *e, const struct results_baseline *baseline)
{
	emit_open(e, "renewals", '[');
	for (guint i = 0; i < baseline->renewals->len; i++) {
		const struct results_renewal *renewal = baseline->renewals->pdata[i];

		emit_open_inline(e, NULL, '{');
		emit_string(e, "program_version", renewal->program_version);
		emit_string(e, "why", renewal->why);
		emit_close(e, '}');
	}
	emit_close(e, ']');
	emit_open(e, "tolerances", '[');
	for (guint i = 0; i < baseline->tolerances->len; i++)
		write_tolerance(e, baseline->tolerances->pdata[i]);
	emit_close(e, ']');
	if (!baseline->metrics)
		return;
	emit_open(e, "metrics", '[');
	for (char **metric = baseline->metrics; *metric; metric++)
		emit_string(e, NULL, *metric);
	emit_close(e, ']');
}

void results_baseline_emit(const struct results_baseline *baseline, GString *out)
{
	struct write_choice choice = {
		.baseline = true,
		.metrics = (const char *const *)baseline->metrics,
	};
	struct emit e;

	emit_init(&e, out);
	emit_open(&e, NULL, '{');
	emit_int(&e, "baseline_version", BASELINE_VERSION);
	write_rules(&e, baseline);
	emit_string(&e, "scenario_text", results_curve_doc(baseline->curve)->scenario.text);
	emit_open(&e, "points", '[');
	for (guint i = 0; i < baseline->curve->points->len; i++)
		write_document(&e, NULL, point_at(baseline->curve, i)->doc, &choice);
	emit_close(&e, ']');
	emit_close(&e, '}');
}

/* ---- reading ---- */

static void read_tolerance(struct reader *r, const json_t *object,
			   struct results_baseline *baseline)
{
	static const char *const keys[] = {"metric",   "class",	 "relative",
					   "absolute", "reason", NULL};
	const char *metric, *class, *reason;
	struct results_tolerance *tolerance;
	double relative, absolute;

	reader_keys(r, object, keys);
	metric = reader_string(r, object, "metric");
	relative = reader_number(r, object, "relative");
	absolute = reader_number(r, object, "absolute");
	reason = reader_string(r, object, "reason");
	class = json_object_get(object, "class") ? reader_string(r, object, "class") : NULL;
	if (class && strcmp(class, class_names[RESULTS_EXACT]) &&
	    strcmp(class, class_names[RESULTS_SAMPLED]))
		reader_fail(r, "'class' must be 'exact' or 'sampled', not '%s'", class);
	if (!r->failed && (relative < 0 || absolute < 0))
		reader_fail(r, "a tolerance can't be negative");
	if (!r->failed && !*reason)
		reader_fail(r, "a tolerance needs a reason");
	if (r->failed)
		return;
	tolerance = g_new0(struct results_tolerance, 1);
	*tolerance = (struct results_tolerance){g_strdup(metric), g_strdup(class), relative,
						absolute, g_strdup(reason)};
	g_ptr_array_add(baseline->tolerances, tolerance);
}

static void read_renewal(struct reader *r, const json_t *object, struct results_baseline *baseline)
{
	static const char *const keys[] = {"program_version", "why", NULL};
	const char *version, *why;

	reader_keys(r, object, keys);
	version = reader_string(r, object, "program_version");
	why = reader_string(r, object, "why");
	if (!r->failed)
		results_baseline_add_renewal(baseline, version, why);
}

static void read_each(struct reader *r, const json_t *root, const char *key,
		      struct results_baseline *baseline,
		      void (*read_one)(struct reader *, const json_t *, struct results_baseline *))
{
	const json_t *list = reader_array(r, root, key);

	reader_enter(r, key);
	for (size_t i = 0; i < json_array_size(list) && !r->failed; i++) {
		reader_enter_index(r, i);
		read_one(r, json_array_get(list, i), baseline);
		reader_leave(r);
	}
	reader_leave(r);
}

static void read_patterns(struct reader *r, const json_t *root, struct results_baseline *baseline)
{
	const json_t *list;

	if (!json_object_get(root, "metrics"))
		return;
	list = reader_array(r, root, "metrics");
	baseline->metrics = g_new0(char *, json_array_size(list) + 1);
	reader_enter(r, "metrics");
	for (size_t i = 0; i < json_array_size(list) && !r->failed; i++) {
		reader_enter_index(r, i);
		baseline->metrics[i] = g_strdup(reader_this_string(r, json_array_get(list, i)));
		reader_leave(r);
	}
	reader_leave(r);
}

static GPtrArray *read_points(struct reader *r, const json_t *root)
{
	const json_t *list = reader_array(r, root, "points");
	GPtrArray *docs = g_ptr_array_new();

	reader_enter(r, "points");
	if (list && !json_array_size(list))
		reader_fail(r, "a baseline of no point");
	for (size_t i = 0; i < json_array_size(list) && !r->failed; i++) {
		struct results_doc *doc;

		reader_enter_index(r, i);
		doc = read_root(r, json_array_get(list, i));
		if (doc)
			g_ptr_array_add(docs, doc);
		reader_leave(r);
	}
	reader_leave(r);
	return docs;
}

static struct results_baseline *read_baseline(struct reader *r, const json_t *root)
{
	static const char *const keys[] = {"baseline_version", "renewals", "tolerances", "metrics",
					   "scenario_text",    "points",   NULL};
	struct results_baseline *baseline = results_baseline_new(r->name, NULL);
	g_autoptr(GPtrArray) docs = NULL, names = g_ptr_array_new();

	reader_keys(r, root, keys);
	if (reader_int(r, root, "baseline_version", 1) != BASELINE_VERSION && !r->failed)
		reader_fail(r, "this program reads baselines of version %d alone",
			    BASELINE_VERSION);
	read_each(r, root, "renewals", baseline, read_renewal);
	read_each(r, root, "tolerances", baseline, read_tolerance);
	read_patterns(r, root, baseline);
	r->scenario_text = reader_string(r, root, "scenario_text");
	docs = read_points(r, root);
	for (guint i = 0; i < docs->len; i++)
		g_ptr_array_add(names, (gpointer)r->name);
	if (r->failed) {
		docs_free(docs);
	} else {
		baseline->curve = curve_of_docs(docs, (const char *const *)names->pdata, r->error);
		r->failed = !baseline->curve;
	}
	if (r->failed)
		g_clear_pointer(&baseline, results_baseline_free);
	return baseline;
}

/* A result that stands in a baseline's place. Takes the curve over. */
static struct results_baseline *of_result(const char *path, struct results_curve *curve)
{
	struct results_baseline *baseline = curve ? results_baseline_new(path, curve) : NULL;

	if (baseline)
		baseline->is_result = true;
	return baseline;
}

static struct results_curve *read_result(struct reader *r, const json_t *root)
{
	struct results_doc *doc = read_root(r, root);
	g_autoptr(GPtrArray) docs = g_ptr_array_new();

	if (!r->failed) {
		g_ptr_array_add(docs, doc);
		return curve_of_docs(docs, &r->name, r->error);
	}
	if (doc)
		results_doc_free(doc);
	return NULL;
}

struct results_baseline *results_baseline_read(const char *path, GError **error)
{
	g_autofree char *text = NULL;
	struct reader r = {.name = path, .error = error, .take_not_numbers = true};
	struct results_baseline *baseline = NULL;
	json_t *root;

	if (g_file_test(path, G_FILE_TEST_IS_DIR))
		return of_result(path, folder_read(path, true, error));
	if (!file_read(path, &text, &r.bytes, error))
		return NULL;
	r.text = text;
	root = reader_parse(&r);
	if (root && json_object_get(root, "baseline_version"))
		baseline = read_baseline(&r, root);
	else if (root)
		baseline = of_result(path, read_result(&r, root));
	json_decref(root);
	return baseline;
}

struct results_curve *results_gate_read(const char *path, GError **error)
{
	struct results_baseline *baseline = results_baseline_read(path, error);
	struct results_curve *curve = baseline ? g_steal_pointer(&baseline->curve) : NULL;

	results_baseline_free(baseline);
	return curve;
}
