/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A document read back. What is derived (class, mean, number of values) is derived again and must
 * agree with what the file says, so a figure edited by hand is found out. Depth is bounded by
 * jansson (2048 levels), size by file_read().
 */
#include "results/reader.h"

#include <string.h>

enum {
	RUN_AS_FIGURES = 16, /* a run's record takes about as much memory as so many figures */
};
/* A mean computed by another version may add in another order. */
#define MEAN_TOLERANCE 1e-9

static void read_pairs(struct reader *r, const json_t *parent, const char *key, GPtrArray *into)
{
	const json_t *object = reader_object(r, parent, key);
	const char *name;
	json_t *value;

	reader_enter(r, key);
	json_object_foreach((json_t *)object, name, value)
	{
		reader_enter(r, name);
		if (reader_this_string(r, value))
			g_ptr_array_add(into, pair_new(name, json_string_value(value)));
		reader_leave(r);
	}
	reader_leave(r);
}

static void read_named(struct reader *r, const json_t *parent, const char *key,
		       const char *const *keys, char **into[])
{
	const json_t *object = reader_object(r, parent, key);

	reader_enter(r, key);
	reader_keys(r, object, keys);
	for (size_t i = 0; keys[i] && !r->failed; i++)
		*into[i] = g_strdup(reader_string(r, object, keys[i]));
	reader_leave(r);
}

static void read_cost(struct reader *r, const char *name, const json_t *entry,
		      struct results_doc *doc)
{
	static const char *const keys[] = {"value", "source", "range", NULL};
	const json_t *range = NULL;
	const char *value, *source;

	reader_keys(r, entry, keys);
	value = reader_string(r, entry, "value");
	source = reader_string(r, entry, "source");
	if (json_object_get(entry, "range")) {
		range = reader_array(r, entry, "range");
		if (range &&
		    (json_array_size(range) != 2 || !json_is_string(json_array_get(range, 0)) ||
		     !json_is_string(json_array_get(range, 1))))
			reader_fail(r, "'range' must be two strings");
	}
	if (!r->failed)
		results_doc_add_cost(doc, name, value, source,
				     json_string_value(json_array_get(range, 0)),
				     json_string_value(json_array_get(range, 1)));
}

/* Documents of older versions have no entries. */
static void read_cost_profile(struct reader *r, const json_t *root, struct results_doc *doc)
{
	static const char *const keys[] = {"name", "kernel", "cpu", "digest", "entries", NULL};
	const json_t *profile = json_object_get(root, "cost_profile"), *entries = NULL;
	const char *name;
	json_t *entry;

	if (json_is_null(profile))
		return;
	profile = reader_object(r, root, "cost_profile");
	reader_enter(r, "cost_profile");
	reader_keys(r, profile, keys);
	doc->cost_profile.name = g_strdup(reader_string(r, profile, "name"));
	doc->cost_profile.kernel = g_strdup(reader_string(r, profile, "kernel"));
	doc->cost_profile.cpu = g_strdup(reader_string(r, profile, "cpu"));
	doc->cost_profile.digest = g_strdup(reader_string(r, profile, "digest"));
	if (json_object_get(profile, "entries"))
		entries = reader_object(r, profile, "entries");
	reader_enter(r, "entries");
	json_object_foreach((json_t *)entries, name, entry)
	{
		reader_enter(r, name);
		read_cost(r, name, entry, doc);
		reader_leave(r);
	}
	reader_leave(r);
	reader_leave(r);
}

static void read_scenario(struct reader *r, const json_t *root, struct results_doc *doc)
{
	static const char *const with_text[] = {"name", "question", "kind", "digest", "text", NULL};
	static const char *const without[] = {"name", "question", "kind", "digest", NULL};

	read_named(r, root, "scenario", r->scenario_text ? without : with_text,
		   (char **[]){&doc->scenario.name, &doc->scenario.question, &doc->scenario.kind,
			       &doc->scenario.digest, &doc->scenario.text});
	if (r->scenario_text)
		doc->scenario.text = g_strdup(r->scenario_text);
}

static void read_question(struct reader *r, const json_t *root, struct results_doc *doc)
{
	static const char *const image[] = {"name", "digest", NULL};
	const json_t *overrides = reader_array(r, root, "overrides");

	read_scenario(r, root, doc);
	if (!json_is_null(json_object_get(root, "image")))
		read_named(r, root, "image", image,
			   (char **[]){&doc->image.name, &doc->image.digest});
	read_cost_profile(r, root, doc);
	read_pairs(r, root, "machine", doc->machine);
	reader_enter(r, "overrides");
	for (size_t i = 0; i < json_array_size(overrides) && !r->failed; i++) {
		reader_enter_index(r, i);
		results_doc_add_override(doc, reader_this_string(r, json_array_get(overrides, i)));
		reader_leave(r);
	}
	reader_leave(r);
}

static void read_seeds(struct reader *r, const json_t *seeds, struct results_doc *doc)
{
	static const char *const keys[] = {"seed", "replication", NULL};

	reader_enter(r, "seeds");
	for (uint32_t i = 0; i < doc->replications && !r->failed; i++) {
		const json_t *seed = json_array_get(seeds, i);
		int64_t replication;

		reader_enter_index(r, i);
		reader_keys(r, seed, keys);
		doc->seeds[i] = (uint64_t)reader_int(r, seed, "seed", 0);
		replication = reader_int(r, seed, "replication", 0);
		if (replication > UINT32_MAX)
			reader_fail(r, "replication %" G_GINT64_FORMAT " does not fit",
				    replication);
		doc->seed_replication[i] = (uint32_t)replication;
		reader_leave(r);
	}
	reader_leave(r);
}

/* `completed` decides which runs are there; the other arrays have null where it has. */
static void read_runs(struct reader *r, const json_t *object, struct results_doc *doc,
		      struct results_variant *variant)
{
	static const char *const keys[] = {"completed", "draws", "events", "event_digests"};
	const json_t *array[G_N_ELEMENTS(keys)];

	for (size_t k = 0; k < G_N_ELEMENTS(keys); k++)
		array[k] = reader_array_of(r, object, keys[k], doc->replications);
	for (size_t k = 0; k < G_N_ELEMENTS(keys) && !r->failed; k++) {
		reader_enter(r, keys[k]);
		for (uint32_t i = 0; i < doc->replications && !r->failed; i++) {
			struct results_replication *run = &variant->replication[i];
			const json_t *value = json_array_get(array[k], i);

			reader_enter_index(r, i);
			if (k == 0)
				run->done = !json_is_null(value);
			if (json_is_null(value) != !run->done)
				reader_fail(r, "null where 'completed' is not, or the reverse");
			else if (!run->done)
				;
			else if (k == 0 && !json_is_boolean(value))
				reader_fail(r, "expected true, false or null");
			else if (k == 0)
				run->completed = json_is_true(value);
			else if (k == 3)
				run->digest = reader_this_digest(r, value);
			else if (!json_is_integer(value) || json_integer_value(value) < 0)
				reader_fail(r, "expected a count");
			else
				*(k == 1 ? &run->draws : &run->events) =
					(uint64_t)json_integer_value(value);
			reader_leave(r);
		}
		reader_leave(r);
	}
}

static void read_mark_intervals(struct reader *r, const json_t *object, struct results_doc *doc,
				struct results_variant *variant)
{
	static const char key[] = "interval_events";
	const json_t *list = reader_array_of(r, object, key, doc->replications);

	reader_enter(r, key);
	for (uint32_t i = 0; i < doc->replications && !r->failed; i++) {
		const json_t *value = json_array_get(list, i);
		json_int_t events = json_integer_value(value);

		reader_enter_index(r, i);
		if (json_is_null(value) != !variant->replication[i].done)
			reader_fail(r, "null where 'completed' is not, or the reverse");
		else if (!json_is_null(value) &&
			 (!json_is_integer(value) || events < 0 || events & (events - 1)))
			reader_fail(r, "expected a power of two");
		else
			variant->replication[i].mark_interval = (uint64_t)events;
		reader_leave(r);
	}
	reader_leave(r);
}

/* As many digests as times, and none without an interval. */
static void read_marks_of(struct reader *r, const json_t *digests, const json_t *ends,
			  struct results_replication *run)
{
	size_t count = json_array_size(digests);

	if (!json_is_array(digests) || !json_is_array(ends) || json_array_size(ends) != count ||
	    (count && !run->mark_interval)) {
		reader_fail(r, "expected as many digests as 'interval_ends_ns', and an interval");
		return;
	}
	for (size_t k = 0; k < count && !r->failed; k++) {
		const json_t *end = json_array_get(ends, k);
		struct sim_mark mark = {.ns = (sim_ns)json_integer_value(end)};

		reader_enter_index(r, k);
		mark.digest = reader_this_digest(r, json_array_get(digests, k));
		if (!json_is_integer(end) || json_integer_value(end) < 0)
			reader_fail(r, "its end is no time");
		g_array_append_val(run->marks, mark);
		reader_leave(r);
	}
}

static void read_marks(struct reader *r, const json_t *object, struct results_doc *doc,
		       struct results_variant *variant)
{
	static const char key[] = "interval_digests";
	const json_t *digests, *ends;

	if (r->failed || !json_object_get(object, key))
		return;
	read_mark_intervals(r, object, doc, variant);
	digests = reader_array_of(r, object, key, doc->replications);
	ends = reader_array_of(r, object, "interval_ends_ns", doc->replications);
	reader_enter(r, key);
	for (uint32_t i = 0; i < doc->replications && !r->failed; i++) {
		reader_enter_index(r, i);
		read_marks_of(r, json_array_get(digests, i), json_array_get(ends, i),
			      &variant->replication[i]);
		reader_leave(r);
	}
	reader_leave(r);
}

static void read_findings(struct reader *r, const json_t *object, const char *key, bool refusals,
			  struct results_doc *doc, struct results_variant *variant)
{
	static const char *const keys[] = {"replication", "time_ns", "text", "kind", NULL};
	const json_t *list = reader_array(r, object, key);

	reader_enter(r, key);
	for (size_t i = 0; i < json_array_size(list) && !r->failed; i++) {
		const json_t *entry = json_array_get(list, i);
		const char *kind = REFUSAL_KIND, *text;
		int64_t replication, time_ns;

		reader_enter_index(r, i);
		reader_keys(r, entry, keys);
		if (!refusals)
			kind = reader_string(r, entry, "kind");
		replication = reader_int(r, entry, "replication", 0);
		time_ns = reader_int(r, entry, "time_ns", 0);
		text = reader_string(r, entry, "text");
		if (replication >= doc->replications)
			reader_fail(r, "there is no replication %" G_GINT64_FORMAT, replication);
		if (!r->failed)
			g_ptr_array_add(variant->replication[replication].findings,
					finding_new(kind, text, (sim_ns)time_ns));
		reader_leave(r);
	}
	reader_leave(r);
}

static void read_by_seed(struct reader *r, const json_t *object, const struct results_doc *doc,
			 const struct results_variant *variant, struct results_metric *metric)
{
	const json_t *list = reader_array_of(r, object, "by_seed", doc->replications);

	reader_enter(r, "by_seed");
	for (uint32_t i = 0; i < doc->replications && !r->failed; i++) {
		const json_t *value = json_array_get(list, i);

		reader_enter_index(r, i);
		metric->has[i] = !json_is_null(value);
		metric->by_seed[i] = json_integer_value(value);
		if (metric->has[i] && !json_is_integer(value))
			reader_fail(r, "expected an integer or null");
		else if (metric->has[i] && !variant->replication[i].done)
			reader_fail(r, "a value of a run that was not made");
		reader_leave(r);
	}
	reader_leave(r);
}

static void read_exact(struct reader *r, const json_t *object, const struct results_doc *doc,
		       const struct results_variant *variant, struct results_metric *metric)
{
	const int64_t value = reader_int(r, object, "value", INT64_MIN);

	for (uint32_t i = 0; i < doc->replications; i++) {
		metric->has[i] = variant->replication[i].done;
		metric->by_seed[i] = metric->has[i] ? value : 0;
	}
}

static bool nearly(double a, double b)
{
	double scale = ABS(a) > ABS(b) ? ABS(a) : ABS(b);

	return ABS(a - b) <= scale * MEAN_TOLERANCE;
}

/* The interval is derived again from by_seed; here it only has to have its shape. */
static void check_interval(struct reader *r, const json_t *object,
			   const struct results_metric *metric)
{
	const json_t *interval = json_object_get(object, "interval");
	bool is_pair = json_is_array(interval) && json_array_size(interval) == 2 &&
		       json_is_number(json_array_get(interval, 0)) &&
		       json_is_number(json_array_get(interval, 1));
	bool wanted = metric->class == RESULTS_SAMPLED;

	if (r->failed || (!wanted && !interval) ||
	    (wanted && (metric->n > 1 ? is_pair : json_is_null(interval))))
		return;
	reader_fail(r, "'interval' must be [low, high] where sampled values are two or more, null "
		       "where there is one, and absent otherwise");
}

/* What the file says of a metric must follow from what it says of the runs. */
static void check_derived(struct reader *r, const json_t *object, const struct results_doc *doc,
			  const struct results_variant *variant, struct results_metric *metric,
			  enum results_class class)
{
	bool any = false;

	for (uint32_t i = 0; i < doc->replications; i++)
		any = any || metric->has[i];
	if (!any) {
		reader_fail(r, "a metric without a value: it should be absent");
		return;
	}
	metric_derive(doc, variant, metric);
	if (metric->class != class)
		reader_fail(r, "class '%s', but by the runs' draws and values it is '%s'",
			    class_names[class], class_names[metric->class]);
	else if (class != RESULTS_EXACT && reader_int(r, object, "n", 1) != metric->n)
		reader_fail(r, "'n' is not the number of values");
	else if (!nearly(reader_number(r, object, "value"), metric->value))
		reader_fail(r, "'value' is not the mean of 'by_seed'");
	check_interval(r, object, metric);
}

static void read_metric(struct reader *r, const char *name, const json_t *object,
			struct results_doc *doc, struct results_variant *variant)
{
	static const char *const keys[] = {"value", "unit",	"direction", "class", "group",
					   "n",	    "interval", "by_seed",   NULL};
	struct results_metric *metric;
	const char *unit, *group;
	enum sim_direction direction;
	enum results_class class;

	reader_keys(r, object, keys);
	unit = reader_string(r, object, "unit");
	group = reader_string(r, object, "group");
	direction = (enum sim_direction)reader_word(r, object, "direction", direction_names);
	class = (enum results_class)reader_word(r, object, "class", class_names);
	reader_count_figures(r, doc->replications);
	if (r->failed)
		return;
	if (r->take_not_numbers && !json_is_number(json_object_get(object, "value"))) {
		g_ptr_array_add(variant->not_numbers, g_strdup(name));
		return;
	}
	metric = variant_metric_add(doc, variant, name, unit, group, direction, class);
	if (class == RESULTS_EXACT)
		read_exact(r, object, doc, variant, metric);
	else
		read_by_seed(r, object, doc, variant, metric);
	if (!r->failed)
		check_derived(r, object, doc, variant, metric, class);
}

static void read_variant(struct reader *r, const json_t *object, struct results_doc *doc,
			 struct results_variant *variant)
{
	/* The first two came with version 2. */
	static const char *const keys[] = {"distributions",
					   "series",
					   "settings",
					   "completed",
					   "draws",
					   "events",
					   "findings",
					   "refusals",
					   "metrics",
					   "event_digests",
					   "interval_events",
					   "interval_digests",
					   "interval_ends_ns",
					   NULL};
	const json_t *metrics;
	const char *name;
	json_t *value;

	reader_keys(r, object, r->version == RESULTS_SCHEMA_FIRST ? keys + 2 : keys);
	if (!r->scenario_text || json_object_get(object, "settings"))
		read_pairs(r, object, "settings", variant->settings);
	read_runs(r, object, doc, variant);
	read_marks(r, object, doc, variant);
	if (!r->scenario_text) {
		read_findings(r, object, "findings", false, doc, variant);
		read_findings(r, object, "refusals", true, doc, variant);
	}
	metrics = reader_object(r, object, "metrics");
	reader_enter(r, "metrics");
	json_object_foreach((json_t *)metrics, name, value)
	{
		reader_enter(r, name);
		read_metric(r, name, value, doc, variant);
		reader_leave(r);
		if (r->failed)
			break;
	}
	reader_leave(r);
	variant_sort_metrics(variant);
	if (!r->scenario_text)
		read_shapes(r, object, variant);
}

static void read_variants(struct reader *r, const json_t *root, struct results_doc *doc)
{
	const json_t *order = reader_array(r, root, "variant_order");
	const json_t *variants = reader_object(r, root, "variants");

	reader_enter(r, "variant_order");
	for (size_t i = 0; i < json_array_size(order) && !r->failed; i++) {
		const char *name;

		reader_enter_index(r, i);
		name = reader_this_string(r, json_array_get(order, i));
		if (name && results_doc_variant(doc, name))
			reader_fail(r, "'%s' is there twice", name);
		else if (name && !json_object_get(variants, name))
			reader_fail(r, "there is no variant '%s'", name);
		reader_count_figures(r, (uint64_t)doc->replications * RUN_AS_FIGURES);
		if (!r->failed)
			results_doc_add_variant(doc, name);
		reader_leave(r);
	}
	reader_leave(r);
	if (!r->failed && doc->variants->len != json_object_size(variants))
		reader_fail(r, "'variants' has one that 'variant_order' does not name");
	reader_enter(r, "variants");
	for (guint i = 0; i < doc->variants->len && !r->failed; i++) {
		struct results_variant *variant = doc->variants->pdata[i];

		reader_enter(r, variant->name);
		read_variant(r, json_object_get(variants, variant->name), doc, variant);
		reader_leave(r);
	}
	reader_leave(r);
}

/* The version comes first: of another version nothing else can be said. */
struct results_doc *read_root(struct reader *r, const json_t *root)
{
	static const char *const keys[] = {
		"schema_version", "program_version", "complete",     "missing",	       "scenario",
		"overrides",	  "image",	     "cost_profile", "machine",	       "seeds",
		"replications",	  "variant_order",   "variants",     "variants_given", NULL};
	struct results_doc *doc;
	const json_t *seeds;
	int64_t version;

	if (!json_is_object(root)) {
		reader_fail(r, "expected a result document, which is an object");
		return NULL;
	}
	if (json_object_get(root, "baseline_version"))
		reader_fail(r, "this is a baseline, not a result: `extentsim gate` takes it");
	version = reader_int(r, root, "schema_version", INT64_MIN);
	r->version = version;
	if (!r->failed && (version < RESULTS_SCHEMA_FIRST || version > RESULTS_SCHEMA_VERSION)) {
		reader_enter(r, "schema_version");
		reader_fail(r,
			    "schema version %" G_GINT64_FORMAT
			    " is not known: this program reads %d to %d",
			    version, RESULTS_SCHEMA_FIRST, RESULTS_SCHEMA_VERSION);
	}
	reader_keys(r, root, keys);
	reader_array(r, root, "missing");
	seeds = reader_array(r, root, "seeds");
	if (seeds && reader_int(r, root, "replications", 1) != (int64_t)json_array_size(seeds))
		reader_fail(r, "'replications' is not the number of 'seeds'");
	if (r->failed)
		return NULL;
	doc = doc_alloc((uint32_t)json_array_size(seeds));
	doc->program_version = g_strdup(reader_string(r, root, "program_version"));
	read_seeds(r, seeds, doc);
	read_question(r, root, doc);
	read_variants(r, root, doc);
	if (json_object_get(root, "variants_given"))
		doc->variants_given = reader_bool(r, root, "variants_given");
	if (reader_bool(r, root, "complete") != results_complete(doc))
		reader_fail(r, "'complete' does not agree with the runs that are there");
	return doc;
}

json_t *reader_parse(struct reader *r)
{
	json_error_t bad;
	json_t *root;

	if (r->bytes == 0) {
		r->failed = true;
		g_set_error(r->error, RESULTS_ERROR, RESULTS_ERROR_INPUT,
			    "%s:1:1: error: the file is empty", r->name);
		return NULL;
	}
	root = json_loadb(r->text, r->bytes, JSON_REJECT_DUPLICATES, &bad);
	if (root)
		return root;
	r->failed = true;
	g_set_error(r->error, RESULTS_ERROR, RESULTS_ERROR_INPUT, "%s:%d:%d: error: %s", r->name,
		    MAX(bad.line, 1), MAX(bad.column, 1), bad.text);
	return NULL;
}

static struct results_doc *parse(struct reader *r)
{
	json_t *root = reader_parse(r);
	struct results_doc *doc = root ? read_root(r, root) : NULL;

	json_decref(root);
	if (r->failed)
		g_clear_pointer(&doc, results_doc_free);
	return doc;
}

struct results_doc *results_parse(const char *name, const char *text, size_t bytes, GError **error)
{
	struct reader r = {.name = name, .text = text, .bytes = bytes, .error = error};

	return parse(&r);
}

struct results_doc *doc_read(const char *path, bool for_gate, GError **error)
{
	g_autofree char *text = NULL;
	struct reader r = {.name = path, .error = error, .take_not_numbers = for_gate};

	if (!file_read(path, &text, &r.bytes, error))
		return NULL;
	r.text = text;
	return parse(&r);
}

struct results_doc *results_read(const char *path, GError **error)
{
	return doc_read(path, false, error);
}
