/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of a curve's verdicts changes within the range of an estimated cost. */
#include "results/internal.h"

#include <string.h>

enum { TOLD_MAX = 6 };

/* One axis of estimates: its steps are the shipped figures, and each estimate at an end of its range. */
struct ranges {
	const struct results_curve *curve;
	size_t axis;
	const GPtrArray *names; /* of the metrics that the curve measures */
	unsigned judged, changed; /* verdicts held against those of the shipped figures */
	GString *told;
};

static bool is_shipped(const char *step)
{
	return !strcmp(step, "shipped");
}

static bool is_end(const char *step)
{
	return g_str_has_suffix(step, ":low") || g_str_has_suffix(step, ":high");
}

static bool is_axis_of_estimates(const struct results_curve *curve, size_t axis)
{
	bool shipped = false, ends = false;

	for (guint i = 0; i < curve->points->len; i++) {
		const char *step = point_at(curve, i)->step[axis];

		if (!is_shipped(step) && !is_end(step))
			return false;
		shipped = shipped || is_shipped(step);
		ends = ends || is_end(step);
	}
	return shipped && ends;
}

static bool has_side(enum results_verdict verdict)
{
	return verdict == RESULTS_BETTER || verdict == RESULTS_WORSE;
}

static void tell(struct ranges *r, const struct results_point *point,
		 const struct results_comparison *cmp, size_t column, const char *metric,
		 enum results_verdict before, enum results_verdict now)
{
	g_autofree char *place = results_point_place(r->curve, point);

	if (r->changed++ >= TOLD_MAX)
		return;
	g_string_append_printf(r->told, "%s%s of %s: %s as shipped, %s at %s",
			       r->told->len ? "; " : "", metric, column_at(cmp, column)->label,
			       results_verdict_name(before), results_verdict_name(now), place);
}

/* The columns of both are the variants in one order, as the points are of one scenario. */
static void judge(struct ranges *r, const struct results_point *point,
		  const struct results_comparison *shipped, const struct results_comparison *cmp)
{
	for (guint m = 0; m < r->names->len; m++) {
		const char *metric = r->names->pdata[m];
		const struct results_row *a = results_row_named(shipped, metric),
					 *b = results_row_named(cmp, metric);

		for (size_t c = 0; a && b && c < cmp->columns->len; c++) {
			enum results_verdict before = a->cell[c].verdict, now = b->cell[c].verdict;

			if (!has_side(before) && !has_side(now))
				continue;
			r->judged++;
			if (before != now)
				tell(r, point, cmp, c, metric, before, now);
		}
	}
}

/* Every point that has `there`'s steps but for this axis. */
static void judge_ends(struct ranges *r, const struct results_point *there)
{
	const struct results_place place = {r->curve->axis[r->axis], there->step[r->axis]};
	const struct results_doc *doc = there->doc;
	struct results_comparison *shipped = doc ? results_compare(&doc, NULL, 1, NULL) : NULL;

	for (guint i = 0; shipped && i < r->curve->points->len; i++) {
		const struct results_point *point = point_at(r->curve, i);
		struct results_comparison *cmp;

		doc = point->doc;
		if (!doc || point == there ||
		    curve_other_point(r->curve, point, &place, 1) != there)
			continue;
		cmp = results_compare(&doc, NULL, 1, NULL);
		if (cmp && cmp->columns->len == shipped->columns->len)
			judge(r, point, shipped, cmp);
		results_comparison_free(cmp);
	}
	results_comparison_free(shipped);
}

static void say(const struct ranges *r, unsigned width, GString *out)
{
	g_autoptr(GString) text = g_string_new(NULL);

	if (!r->judged)
		return;
	g_string_append_printf(text,
			       "Estimates: of %u verdicts against the reference, at the ends of "
			       "their ranges, %u %s another than with the shipped figures",
			       r->judged, r->changed, r->changed == 1 ? "is" : "are");
	if (r->changed)
		g_string_append_printf(text, " (%s%s)", r->told->str,
				       r->changed > TOLD_MAX ? "; …" : "");
	g_string_append_c(text, '.');
	wrap_text(out, text->str, 0, width);
	g_string_append_c(out, '\n');
}

void estimates_say(const struct results_curve *curve, const GPtrArray *names, unsigned width,
		   GString *out)
{
	for (size_t axis = 0; curve->axis[axis]; axis++) {
		struct ranges ranges = {.curve = curve, .axis = axis, .names = names};

		if (!is_axis_of_estimates(curve, axis))
			continue;
		ranges.told = g_string_new(NULL);
		for (guint i = 0; i < curve->points->len; i++)
			if (is_shipped(point_at(curve, i)->step[axis]))
				judge_ends(&ranges, point_at(curve, i));
		say(&ranges, width, out);
		g_string_free(ranges.told, true);
	}
}
