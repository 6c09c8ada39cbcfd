/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A curve read back from the folder into which its points were written. A document says at which step
 * of each axis it was run by its overrides, "axes.NAME=STEP"; the order of steps is that of numbers,
 * else that of the scenario's text.
 */
#include "results/internal.h"

#include <jansson.h>
#include <string.h>

#define AXIS_PREFIX "axes."

/* ---- what a document says ---- */

/* "axes.cpus=[2,8]" takes some steps of an axis; "axes.cpus=2" is one. */
static bool is_step(const char *override)
{
	const char *equals = strchr(override, '=');

	return g_str_has_prefix(override, AXIS_PREFIX) && equals && equals[1] != '[';
}

/* A later override of the same axis wins, as with --set. */
static const char *step_of(const struct results_doc *doc, const char *axis)
{
	g_autofree char *prefix = g_strdup_printf(AXIS_PREFIX "%s=", axis);
	const char *step = NULL;

	for (guint i = 0; i < doc->overrides->len; i++)
		if (is_step(doc->overrides->pdata[i]) &&
		    g_str_has_prefix(doc->overrides->pdata[i], prefix))
			step = (const char *)doc->overrides->pdata[i] + strlen(prefix);
	return step;
}

static GPtrArray *axes_of(const struct results_doc *doc)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);

	for (guint i = 0; i < doc->overrides->len; i++) {
		const char *override = doc->overrides->pdata[i];
		char *name;

		if (!is_step(override))
			continue;
		name = g_strndup(override + strlen(AXIS_PREFIX),
				 strcspn(override + strlen(AXIS_PREFIX), "="));
		if (g_ptr_array_find_with_equal_func(names, name, g_str_equal, NULL))
			g_free(name);
		else
			g_ptr_array_add(names, name);
	}
	g_ptr_array_add(names, NULL);
	return names;
}

static char *other_overrides(const struct results_doc *doc)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < doc->overrides->len; i++)
		if (!g_str_has_prefix(doc->overrides->pdata[i], AXIS_PREFIX))
			g_string_append_printf(text, "%s\n", (char *)doc->overrides->pdata[i]);
	return g_string_free(text, FALSE);
}

/* What a scenario's text says of itself; NULL where it is a script or no object. */
static json_t *scenario_json(const struct results_doc *doc)
{
	return json_loads(doc->scenario.text, 0, NULL);
}

char *results_doc_says(const struct results_doc *doc, const char *key)
{
	json_t *json = scenario_json(doc);
	char *text = g_strdup(json_string_value(json_object_get(json, key)));

	json_decref(json);
	return text;
}

char **results_doc_measures(const struct results_doc *doc)
{
	json_t *json = scenario_json(doc), *list = json_object_get(json, "measure");
	GPtrArray *names = g_ptr_array_new();
	json_t *name;
	size_t i;

	json_array_foreach(list, i, name) if (json_is_string(name))
		g_ptr_array_add(names, g_strdup(json_string_value(name)));
	g_ptr_array_add(names, NULL);
	json_decref(json);
	if (names->len > 1)
		return (char **)g_ptr_array_free(names, FALSE);
	g_ptr_array_unref(names);
	return NULL;
}

/* ---- the order of steps ---- */

static void add_label(GPtrArray *labels, const json_t *value)
{
	if (json_is_string(value))
		g_ptr_array_add(labels, g_strdup(json_string_value(value)));
	else if (json_is_integer(value))
		g_ptr_array_add(labels, g_strdup_printf("%" JSON_INTEGER_FORMAT,
							json_integer_value(value)));
}

/* Labels of an axis in the order of the scenario's text, as far as it spells them out. */
static GPtrArray *labels_in_text(const json_t *scenario, const char *axis)
{
	GPtrArray *labels = g_ptr_array_new_with_free_func(g_free);
	const json_t *axes = json_object_get(scenario, "axes");
	json_t *json, *value;
	const char *key;
	size_t i, k;

	json_array_foreach(axes, i, json)
	{
		if (g_strcmp0(json_string_value(json_object_get(json, "name")), axis) != 0)
			continue;
		json_array_foreach(json_object_get(json, "values"), k, value)
			add_label(labels, value);
		json_object_foreach(json_object_get(json, "cases"), key, value)
			g_ptr_array_add(labels, g_strdup(key));
		if (json_object_get(json, "estimates"))
			g_ptr_array_add(labels, g_strdup("shipped"));
	}
	return labels;
}

/* One axis while points are put in order. */
struct ordered_axis {
	const char *name;
	GPtrArray *labels;
	bool numbers;
};

static guint rank_of(const struct ordered_axis *axis, const char *step)
{
	for (guint i = 0; i < axis->labels->len; i++)
		if (!strcmp(axis->labels->pdata[i], step))
			return i;
	return axis->labels->len;
}

static int compare_steps(const struct ordered_axis *axis, const char *a, const char *b)
{
	double x, y;
	guint i, k;

	if (axis->numbers) {
		results_step_number(a, &x, NULL);
		results_step_number(b, &y, NULL);
		if (x != y)
			return x < y ? -1 : 1;
	}
	i = rank_of(axis, a);
	k = rank_of(axis, b);
	if (i != k)
		return i < k ? -1 : 1;
	return strcmp(a, b);
}

static int compare_points(gconstpointer a, gconstpointer b, gpointer arg)
{
	const struct results_point *x = *(struct results_point *const *)a,
				   *y = *(struct results_point *const *)b;
	const GArray *axes = arg;

	for (guint i = 0; i < axes->len; i++) {
		int order = compare_steps(&g_array_index(axes, struct ordered_axis, i), x->step[i],
					  y->step[i]);

		if (order)
			return order;
	}
	return 0;
}

static void sort_points(struct results_curve *curve)
{
	g_autoptr(GArray) axes = g_array_new(FALSE, FALSE, sizeof(struct ordered_axis));
	json_t *scenario = scenario_json(point_at(curve, 0)->doc);

	for (size_t a = 0; curve->axis[a]; a++) {
		struct ordered_axis axis = {curve->axis[a],
					    labels_in_text(scenario, curve->axis[a]), true};
		double number;

		for (guint i = 0; i < curve->points->len; i++)
			axis.numbers =
				axis.numbers &&
				results_step_number(point_at(curve, i)->step[a], &number, NULL);
		g_array_append_val(axes, axis);
	}
	g_ptr_array_sort_with_data(curve->points, compare_points, axes);
	for (guint i = 0; i < axes->len; i++)
		g_ptr_array_unref(g_array_index(axes, struct ordered_axis, i).labels);
	json_decref(scenario);
}

/* ---- reading ---- */

static int by_path(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static GPtrArray *documents_in(const char *folder, GError **error)
{
	GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
	GDir *dir = g_dir_open(folder, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir)))
		if (g_str_has_suffix(name, ".json"))
			g_ptr_array_add(paths, g_build_filename(folder, name, NULL));
	if (dir)
		g_dir_close(dir);
	g_ptr_array_sort(paths, by_path);
	if (paths->len)
		return paths;
	g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_INPUT,
		    "%s: error: no result documents (*.json) in this folder", folder);
	g_ptr_array_unref(paths);
	return NULL;
}

static bool unlike(const char *path, const char *what, GError **error)
{
	g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_NOT_COMPARABLE,
		    "%s: error: not of one curve with the other documents of its folder: %s", path,
		    what);
	return false;
}

static bool same_variants(const struct results_doc *a, const struct results_doc *b)
{
	bool same = a->variants->len == b->variants->len;

	for (guint i = 0; same && i < a->variants->len; i++)
		same = results_doc_variant(b,
					   ((struct results_variant *)a->variants->pdata[i])->name);
	return same;
}

static bool same_seeds(const struct results_doc *a, const struct results_doc *b)
{
	return a->replications == b->replications &&
	       !memcmp(a->seeds, b->seeds, sizeof(*a->seeds) * a->replications);
}

static bool is_of_curve(const struct results_curve *curve, const struct results_doc *doc,
			const char *path, GError **error)
{
	const struct results_doc *first = point_at(curve, 0)->doc;
	g_autofree char *others = other_overrides(doc), *first_others = other_overrides(first);

	if (strcmp(doc->scenario.digest, first->scenario.digest) != 0)
		return unlike(path, "another scenario", error);
	if (strcmp(others, first_others) != 0)
		return unlike(path, "another set of overrides", error);
	if (!same_variants(doc, first))
		return unlike(path, "other variants", error);
	if (!same_seeds(doc, first))
		return unlike(path, "other seeds", error);
	return true;
}

/* Takes `doc` over. */
static bool add_document(struct results_curve *curve, struct results_doc *doc, const char *path,
			 GError **error)
{
	g_autoptr(GPtrArray) steps = g_ptr_array_new();
	g_autoptr(GPtrArray) axes = axes_of(doc);
	bool fine = curve->points->len == 0 || is_of_curve(curve, doc, path, error);

	for (size_t a = 0; curve->axis[a]; a++)
		g_ptr_array_add(steps, (gpointer)step_of(doc, curve->axis[a]));
	if (fine && (axes->len != steps->len + 1 || g_ptr_array_find(steps, NULL, NULL)))
		fine = unlike(path, "other axes", error);
	for (guint i = 0; fine && i < curve->points->len; i++) {
		bool same = true;

		for (size_t a = 0; curve->axis[a]; a++)
			same = same && !strcmp(point_at(curve, i)->step[a], steps->pdata[a]);
		if (same)
			fine = unlike(path, "its point is there twice", error);
	}
	g_ptr_array_add(steps, NULL);
	if (fine)
		results_curve_add(curve, (const char *const *)steps->pdata, doc);
	else
		results_doc_free(doc);
	return fine;
}

static struct results_curve *empty_curve(const struct results_doc *doc)
{
	g_autoptr(GPtrArray) axes = axes_of(doc);
	g_auto(GStrv) measure = results_doc_measures(doc);

	return results_curve_new((const char *const *)axes->pdata, (const char *const *)measure);
}

struct results_curve *curve_of_docs(GPtrArray *docs, const char *const *names, GError **error)
{
	struct results_curve *curve = empty_curve(docs->pdata[0]);
	bool fine = true;

	for (guint i = 0; i < docs->len; i++) {
		struct results_doc *doc = docs->pdata[i];

		if (fine)
			fine = add_document(curve, doc, names[i], error);
		else
			results_doc_free(doc);
	}
	if (fine) {
		sort_points(curve);
		return curve;
	}
	results_curve_free(curve);
	return NULL;
}

void docs_free(const GPtrArray *docs)
{
	for (guint i = 0; i < docs->len; i++)
		results_doc_free(docs->pdata[i]);
}

struct results_curve *folder_read(const char *folder, bool for_gate, GError **error)
{
	g_autoptr(GPtrArray) paths = documents_in(folder, error), docs = g_ptr_array_new();

	for (guint i = 0; paths && i < paths->len; i++) {
		struct results_doc *doc = doc_read(paths->pdata[i], for_gate, error);

		if (!doc) {
			docs_free(docs);
			return NULL;
		}
		g_ptr_array_add(docs, doc);
	}
	return paths ? curve_of_docs(docs, (const char *const *)paths->pdata, error) : NULL;
}

struct results_curve *results_curve_read(const char *folder, GError **error)
{
	return folder_read(folder, false, error);
}
