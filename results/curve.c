/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A scenario over its axes: a document for each point. */
#include "results/internal.h"

#include <string.h>

static void point_free(gpointer data)
{
	struct results_point *point = data;

	g_strfreev(point->step);
	if (point->doc)
		results_doc_free(point->doc);
	g_free(point);
}

struct results_curve *results_curve_new(const char *const *axis, const char *const *measure)
{
	struct results_curve *curve = g_new0(struct results_curve, 1);

	curve->axis = g_strdupv((char **)axis);
	curve->measure = g_strdupv((char **)measure);
	curve->points = g_ptr_array_new_with_free_func(point_free);
	return curve;
}

struct results_point *results_curve_add(struct results_curve *curve, const char *const *step,
					struct results_doc *doc)
{
	struct results_point *point = g_new0(struct results_point, 1);

	point->step = g_strdupv((char **)step);
	point->doc = doc;
	g_ptr_array_add(curve->points, point);
	return point;
}

void results_curve_free(struct results_curve *curve)
{
	g_strfreev(curve->axis);
	g_strfreev(curve->measure);
	g_ptr_array_unref(curve->points);
	g_free(curve);
}

bool results_curve_complete(const struct results_curve *curve)
{
	for (guint i = 0; i < curve->points->len; i++)
		if (!point_at(curve, i)->doc || !results_complete(point_at(curve, i)->doc))
			return false;
	return true;
}

const struct results_doc *results_curve_doc(const struct results_curve *curve)
{
	for (guint i = 0; i < curve->points->len; i++)
		if (point_at(curve, i)->doc)
			return point_at(curve, i)->doc;
	return NULL;
}

/* ---- finding figures ---- */

size_t curve_axis(const struct results_curve *curve, const char *name)
{
	size_t i = 0;

	while (curve->axis[i] && strcmp(curve->axis[i], name))
		i++;
	return i;
}

bool curve_is_at(const struct results_curve *curve, const struct results_point *point,
		 const struct results_place *places, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t axis = curve_axis(curve, places[i].axis);

		if (!curve->axis[axis] || strcmp(point->step[axis], places[i].step))
			return false;
	}
	return true;
}

const struct results_point *curve_other_point(const struct results_curve *curve,
					      const struct results_point *point,
					      const struct results_place *places, size_t count)
{
	for (guint i = 0; i < curve->points->len; i++) {
		const struct results_point *other = point_at(curve, i);
		bool same = curve_is_at(curve, other, places, count);

		for (size_t axis = 0; same && curve->axis[axis]; axis++) {
			bool named = false;

			for (size_t k = 0; k < count; k++)
				named = named || !strcmp(places[k].axis, curve->axis[axis]);
			same = named || !strcmp(point->step[axis], other->step[axis]);
		}
		if (same)
			return other;
	}
	return NULL;
}

const struct results_metric *point_metric(const struct results_point *point, const char *variant,
					  const char *metric)
{
	const struct results_variant *column =
		point->doc ? results_doc_variant(point->doc, variant) : NULL;

	return column ? results_variant_metric(column, metric) : NULL;
}

struct results_point *results_point_in(const struct results_curve *curve,
				       const struct results_curve *of,
				       const struct results_point *point)
{
	if (!g_strv_equal((const char *const *)curve->axis, (const char *const *)of->axis))
		return NULL;
	for (guint i = 0; i < curve->points->len; i++) {
		struct results_point *other = curve->points->pdata[i];

		if (g_strv_equal((const char *const *)other->step,
				 (const char *const *)point->step))
			return other;
	}
	return NULL;
}

char *results_point_place(const struct results_curve *curve, const struct results_point *point)
{
	GString *text = g_string_new(NULL);

	for (size_t i = 0; curve->axis[i]; i++)
		g_string_append_printf(text, "%s%s=%s", i ? "," : "", curve->axis[i],
				       point->step[i]);
	return g_string_free(text, FALSE);
}

/* ---- JSON ---- */

void results_curve_json(const struct results_curve *curve,
			const struct results_write_options *options, GString *out)
{
	struct write_choice choice = {.include_host = options && options->include_host};
	struct emit e;

	emit_init(&e, out);
	emit_open(&e, NULL, '{');
	emit_int(&e, "schema_version", RESULTS_SCHEMA_VERSION);
	emit_open_inline(&e, "axes", '[');
	for (char **axis = curve->axis; *axis; axis++)
		emit_string(&e, NULL, *axis);
	emit_close(&e, ']');
	emit_open(&e, "points", '[');
	for (guint i = 0; i < curve->points->len; i++) {
		const struct results_point *point = point_at(curve, i);

		if (!point->doc)
			continue;
		emit_open(&e, NULL, '{');
		emit_open_inline(&e, "at", '{');
		for (size_t a = 0; curve->axis[a]; a++)
			emit_string(&e, curve->axis[a], point->step[a]);
		emit_close(&e, '}');
		write_document(&e, "result", point->doc, &choice);
		emit_close(&e, '}');
	}
	emit_close(&e, ']');
	emit_close(&e, '}');
}
