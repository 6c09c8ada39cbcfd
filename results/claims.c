/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Claims about a curve, and answers with its figures. */
#include "results/internal.h"

#include <string.h>

/* ---- claims ---- */

static bool relation_holds(const char *relation, double a, double b)
{
	if (!strcmp(relation, "=="))
		return a == b;
	if (!strcmp(relation, "!="))
		return a != b;
	if (!strcmp(relation, "<"))
		return a < b;
	if (!strcmp(relation, "<="))
		return a <= b;
	if (!strcmp(relation, ">"))
		return a > b;
	g_assert(!strcmp(relation, ">="));
	return a >= b;
}

/* Both sides at a point. */
struct sides {
	const struct results_metric *metric;
	bool known;
	double bound;
};

static struct sides sides_at(const struct results_curve *curve, const struct results_claim *claim,
			     const struct results_point *point)
{
	struct sides sides = {point_metric(point, claim->variant, claim->metric), true,
			      claim->value};
	const struct results_point *there = point;
	const struct results_metric *other;

	if (claim->of || claim->against_count) {
		there = curve_other_point(curve, point, claim->against, claim->against_count);
		other = there ? point_metric(there, claim->of ? claim->of : claim->variant,
					     claim->metric)
			      : NULL;
		sides.known = other;
		sides.bound = other ? other->value * claim->times : 0;
	}
	sides.known = sides.known && sides.metric;
	return sides;
}

static void say_places(GString *out, const char *word, const struct results_place *places,
		       size_t count)
{
	for (size_t i = 0; i < count; i++)
		g_string_append_printf(out, "%s%s=%s", i ? "," : word, places[i].axis,
				       places[i].step);
}

static void say_claim(GString *out, const struct results_claim *claim)
{
	g_string_append_printf(out, "%s %s", claim->variant, claim->metric);
	say_places(out, " at ", claim->at, claim->at_count);
	g_string_append_printf(out, " %s ", claim->relation);
	if (!claim->of && !claim->against_count) {
		g_string_append_printf(out, "%.15g", claim->value);
		return;
	}
	if (claim->times != 1)
		g_string_append_printf(out, "%.15g times ", claim->times);
	g_string_append_printf(out, "that%s%s", claim->of ? " of " : "",
			       claim->of ? claim->of : "");
	say_places(out, " at ", claim->against, claim->against_count);
}

static void say_sides(GString *out, const struct sides *sides, const struct results_claim *claim)
{
	if (!sides->known)
		g_string_append(out, ": there is no such metric");
	else
		g_string_append_printf(out, " (%.15g%s%.15g)", sides->metric->value,
				       claim->of || claim->against_count ? " against "
									 : ", expected ",
				       sides->bound);
}

/* What of a claim holds, and the first point at which it does not. */
struct checked {
	unsigned points, held;
	const struct results_point *failed;
	struct sides sides; /* there; else at the last point */
};

static struct checked check_points(const struct results_curve *curve,
				   const struct results_claim *claim)
{
	struct checked checked = {.points = 0};

	for (guint i = 0; i < curve->points->len; i++) {
		const struct results_point *point = point_at(curve, i);
		struct sides sides;
		bool holds;

		if (!curve_is_at(curve, point, claim->at, claim->at_count))
			continue;
		sides = sides_at(curve, claim, point);
		holds = sides.known &&
			relation_holds(claim->relation, sides.metric->value, sides.bound);
		checked.points++;
		checked.held += holds;
		if (!checked.failed)
			checked.sides = sides;
		if (!holds && !checked.failed)
			checked.failed = point;
	}
	return checked;
}

bool results_check(const struct results_curve *curve, const struct results_claim *claim,
		   GString *out)
{
	struct checked checked = check_points(curve, claim);
	bool holds = checked.points && !checked.failed;

	g_string_append(out, holds ? "holds: " : "FAILS: ");
	say_claim(out, claim);
	if (!checked.points)
		g_string_append(out, ": there is no such point");
	else if (checked.points == 1)
		say_sides(out, &checked.sides, claim);
	else
		g_string_append_printf(out, ", at %u of %u points", checked.held, checked.points);
	if (checked.failed && checked.points > 1) {
		g_autofree char *place = results_point_place(curve, checked.failed);

		g_string_append_printf(out, "; not at %s", place);
		say_sides(out, &checked.sides, claim);
	}
	g_string_append_c(out, '\n');
	return holds;
}

/* ---- answers ---- */

static bool fail(GError **error, const char *figure, const char *why)
{
	g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_INPUT,
		    "answer: \"{%s}\": %s\n"
		    "write {VARIANT: METRIC} or, of a curve, {VARIANT: METRIC @ AXIS=STEP,…}",
		    figure, why);
	return false;
}

/* "AXIS=STEP,AXIS=STEP"; the texts are cut where they stand. */
static GArray *parse_places(char *text)
{
	GArray *places = g_array_new(false, false, sizeof(struct results_place));
	char *next;

	for (; text && *text; text = next) {
		struct results_place place;
		char *equals;

		next = strchr(text, ',');
		if (next)
			*next++ = '\0';
		equals = strchr(text, '=');
		if (equals)
			*equals++ = '\0';
		place = (struct results_place){g_strstrip(text), equals ? equals : ""};
		g_array_append_val(places, place);
	}
	return places;
}

/* The one point of the curve that the places leave. */
static const struct results_point *only_point(const struct results_curve *curve,
					      const GArray *places)
{
	const struct results_place *data = (const void *)places->data;
	const struct results_point *found = NULL;

	for (guint i = 0; i < curve->points->len; i++) {
		if (!curve_is_at(curve, point_at(curve, i), data, places->len))
			continue;
		if (found)
			return NULL;
		found = point_at(curve, i);
	}
	return found;
}

/* "VARIANT: METRIC @ AXIS=STEP". */
static const struct results_metric *find_figure(const struct results_curve *curve,
						const char *figure, GError **error)
{
	g_autofree char *text = g_strdup(figure);
	char *colon = strchr(text, ':'), *at = strstr(text, " @ ");
	const struct results_point *point;
	const struct results_metric *metric;
	g_autoptr(GArray) places = NULL;

	if (!colon) {
		fail(error, figure, "no ':' behind the variant");
		return NULL;
	}
	*colon = '\0';
	if (at)
		*at = '\0';
	places = parse_places(at ? g_strstrip(at + 3) : NULL);
	point = only_point(curve, places);
	if (!point) {
		fail(error, figure, "that is not one point of the curve");
		return NULL;
	}
	metric = point_metric(point, g_strstrip(text), g_strstrip(colon + 1));
	if (!metric)
		fail(error, figure, "there is no such metric of such a variant");
	return metric;
}

static bool append_figure(const struct results_curve *curve, const char *figure, GString *out,
			  GError **error)
{
	const char *slash = strstr(figure, " / ");
	g_autofree char *first = slash ? g_strndup(figure, (gsize)(slash - figure)) : NULL;
	const struct results_metric *above = find_figure(curve, slash ? first : figure, error);
	const struct results_metric *below = NULL;

	if (!above)
		return false;
	if (!slash) {
		human_value(out, above->value, above->unit, false);
		return true;
	}
	below = find_figure(curve, slash + 3, error);
	if (!below)
		return false;
	if (below->value == 0)
		return fail(error, figure, "what it is divided by is 0");
	human_value(out, above->value / below->value, "factor", false);
	return true;
}

bool results_answer(const struct results_curve *curve, const char *answer, GString *out,
		    GError **error)
{
	const char *open;

	while ((open = strchr(answer, '{'))) {
		const char *close = strchr(open, '}');
		g_autofree char *figure = NULL;

		g_string_append_len(out, answer, open - answer);
		if (!close)
			return fail(error, open + 1, "no '}' behind it");
		figure = g_strndup(open + 1, (gsize)(close - open - 1));
		if (!append_figure(curve, figure, out, error))
			return false;
		answer = close + 1;
	}
	g_string_append(out, answer);
	return true;
}
