/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The points of a scenario's axes: their product, less what is excluded. */
#include "scenarios/loader.h"

#include <string.h>

enum {
	POINTS_MAX = 10000,
	PRODUCT_MAX = 1000000, /* with the points excluded, each of which has to be looked at */
};

struct scenario_step *scenario_point_step(const struct scenario *scenario, guint point, guint axis)
{
	const guint *steps = scenario->points->pdata[point];

	return ((struct scenario_axis *)scenario->axes->pdata[axis])->steps->pdata[steps[axis]];
}

const struct scenario_axis *scenario_axis_find(const struct scenario *scenario, const char *name)
{
	for (guint i = 0; i < scenario->axes->len; i++) {
		const struct scenario_axis *axis = scenario->axes->pdata[i];

		if (!strcmp(axis->name, name))
			return axis;
	}
	return NULL;
}

/* Whether an object {axis: step or list of steps} names the point. */
static bool names_point(const struct scenario *scenario, const json_t *json, const guint *steps)
{
	for (guint i = 0; i < scenario->axes->len; i++) {
		const struct scenario_axis *axis = scenario->axes->pdata[i];
		const json_t *wanted = json_object_get(json, axis->name);
		const struct scenario_step *step = axis->steps->pdata[steps[i]];

		if (wanted && !scenario_names_step(wanted, step->label))
			return false;
	}
	return true;
}

static bool is_excluded(const struct scenario *scenario, const json_t *exclude, const guint *steps)
{
	json_t *one;
	size_t i;

	json_array_foreach(exclude, i, one) if (names_point(scenario, one, steps)) return true;
	return false;
}

/* The next point in order, the last axis running fastest; false behind the last. */
static bool next_point(const struct scenario *scenario, guint *steps)
{
	for (guint i = scenario->axes->len; i-- > 0;) {
		const struct scenario_axis *axis = scenario->axes->pdata[i];

		if (++steps[i] < axis->steps->len)
			return true;
		steps[i] = 0;
	}
	return false;
}

/* An axis that --set has narrowed may lack a step of the file's. */
static bool is_narrowed(const struct loader *loader, const struct scenario_axis *axis)
{
	json_t *json;
	size_t i;

	json_array_foreach(json_object_get(loader->root, "axes"), i, json)
	{
		if (!strcmp(actor_json_name(json), axis->name))
			return json_object_get(json, "only");
	}
	return false;
}

enum scenario_step_found scenario_check_step(const struct loader *loader,
					     const struct scenario_axis *axis, const char *label,
					     GError **error)
{
	for (guint i = 0; i < axis->steps->len; i++)
		if (!strcmp(((struct scenario_step *)axis->steps->pdata[i])->label, label))
			return SCENARIO_STEP_THERE;
	if (is_narrowed(loader, axis))
		return SCENARIO_STEP_GONE;
	loader_fail(loader, error, "axis \"%s\" has no step \"%s\"", axis->name, label);
	return SCENARIO_STEP_WRONG;
}

bool scenario_check_axis_names(struct loader *loader, const struct scenario *scenario,
			       const json_t *json, GError **error)
{
	const char *name;
	json_t *value;

	if (!read_is_object(loader, json, error))
		return false;
	json_object_foreach((json_t *)json, name, value)
	{
		size_t mark = loader_enter(loader, name);

		if (!scenario_axis_find(scenario, name))
			return loader_fail_key(loader, error, "there is no axis \"%s\"", name);
		loader_leave(loader, mark);
	}
	return true;
}

/* A step, or each of a list, which is one of the axis. */
static bool check_step(struct loader *loader, const struct scenario_axis *axis, const json_t *value,
		       GError **error)
{
	g_autofree char *label = NULL;
	json_t *one;
	size_t i;

	json_array_foreach(value, i, one)
	{
		size_t mark = loader_enter_index(loader, i);

		if (!check_step(loader, axis, one, error))
			return false;
		loader_leave(loader, mark);
	}
	if (json_is_array(value))
		return true;
	label = scenario_step_label(value);
	return scenario_check_step(loader, axis, label, error) != SCENARIO_STEP_WRONG;
}

static bool check_excluded_point(struct loader *loader, const struct scenario *scenario,
				 const json_t *point, GError **error)
{
	const char *name;
	json_t *value;

	if (!scenario_check_axis_names(loader, scenario, point, error))
		return false;
	json_object_foreach((json_t *)point, name, value)
	{
		size_t mark = loader_enter(loader, name);

		if (!check_step(loader, scenario_axis_find(scenario, name), value, error))
			return false;
		loader_leave(loader, mark);
	}
	return true;
}

static bool check_exclude(struct loader *loader, const struct scenario *scenario,
			  const json_t *exclude, GError **error)
{
	json_t *one;
	size_t i, mark = loader_enter(loader, "exclude");

	if (exclude && !read_is_array(loader, exclude, error))
		return false;
	json_array_foreach(exclude, i, one)
	{
		size_t at = loader_enter_index(loader, i);

		if (!check_excluded_point(loader, scenario, one, error))
			return false;
		loader_leave(loader, at);
	}
	loader_leave(loader, mark);
	return true;
}

static bool product_fits(const struct loader *loader, const struct scenario *scenario,
			 GError **error)
{
	uint64_t product = 1;

	for (guint i = 0; i < scenario->axes->len && product <= PRODUCT_MAX; i++)
		product *= ((struct scenario_axis *)scenario->axes->pdata[i])->steps->len;
	return product <= PRODUCT_MAX ||
	       loader_fail(loader, error,
			   "the axes make more than %d points, those excluded among them",
			   PRODUCT_MAX);
}

bool scenario_make_points(struct loader *loader, struct scenario *scenario, GError **error)
{
	const json_t *exclude = json_object_get(loader->root, "exclude");
	g_autofree guint *steps = g_new0(guint, scenario->axes->len + 1);

	if (!check_exclude(loader, scenario, exclude, error) ||
	    !product_fits(loader, scenario, error))
		return false;
	do {
		if (is_excluded(scenario, exclude, steps))
			continue;
		if (scenario->points->len == POINTS_MAX)
			return loader_fail(loader, error, "the axes make more than %d points",
					   POINTS_MAX);
		g_ptr_array_add(scenario->points,
				g_memdup2(steps, sizeof(guint) * (scenario->axes->len + 1)));
	} while (next_point(scenario, steps));
	return scenario->points->len || loader_fail(loader, error, "every point is excluded");
}
