/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The axes of a scenario, and the points of their product. An axis has steps; each has a name and sets
 * one or several paths, as --set would. An axis of one step is set at once, so that a point is the
 * scenario itself with --set axes.NAME=STEP for every axis.
 */
#include "scenarios/loader.h"

#include <string.h>

enum {
	AXES_MAX = 6, /* more than can be read off a table */
	STEPS_MAX = 1000,
};

/* ---- steps -------------------------------------------------------------------------------- */

static void step_free(gpointer data)
{
	struct scenario_step *step = data;

	g_free(step->label);
	g_strfreev(step->sets);
	g_free(step);
}

void scenario_axis_free(gpointer data)
{
	struct scenario_axis *axis = data;

	g_free(axis->name);
	g_ptr_array_unref(axis->steps);
	g_free(axis);
}

/* A label stands in --set, in file names and at the head of a row. */
static bool label_is_plain(const char *label)
{
	if (!*label || strlen(label) > 64)
		return false;
	for (; *label; label++)
		if (!g_ascii_isalnum(*label) && !strchr("_.:+-", *label))
			return false;
	return true;
}

static struct scenario_step *add_step(const struct loader *loader, struct scenario_axis *axis,
				      const char *label, GError **error)
{
	struct scenario_step *step;

	if (!label_is_plain(label)) {
		loader_fail(loader, error,
			    "\"%s\" can't name a step of an axis: letters, digits and _ . : + - do",
			    label);
		return NULL;
	}
	for (guint i = 0; i < axis->steps->len; i++)
		if (!strcmp(((struct scenario_step *)axis->steps->pdata[i])->label, label)) {
			loader_fail(loader, error, "axis \"%s\" has the step \"%s\" twice",
				    axis->name, label);
			return NULL;
		}
	if (axis->steps->len == STEPS_MAX) {
		loader_fail(loader, error, "axis \"%s\" has more than %d steps", axis->name,
			    STEPS_MAX);
		return NULL;
	}
	step = g_new0(struct scenario_step, 1);
	step->label = g_strdup(label);
	g_ptr_array_add(axis->steps, step);
	return step;
}

char *scenario_step_label(const json_t *value)
{
	char *dumped, *label;

	if (json_is_string(value))
		return g_strdup(json_string_value(value));
	dumped = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
	label = g_strdup(dumped);
	free(dumped);
	return label;
}

/* ---- one value for all paths of `set` ------------------------------------------------------- */

static GPtrArray *read_paths(struct loader *loader, const json_t *axis, GError **error)
{
	const json_t *set = json_object_get(axis, "set");
	g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
	size_t i, mark = loader_enter(loader, "set");
	json_t *path;

	if (json_is_string(set))
		g_ptr_array_add(paths, g_strdup(json_string_value(set)));
	json_array_foreach(set, i, path) if (json_is_string(path))
		g_ptr_array_add(paths, g_strdup(json_string_value(path)));
	if (!paths->len || (json_is_array(set) && paths->len != json_array_size(set))) {
		loader_fail(loader, error, "set: expected a path, as of --set, or a list of them");
		return NULL;
	}
	loader_leave(loader, mark);
	return g_steal_pointer(&paths);
}

static bool add_value(const struct loader *loader, struct scenario_axis *axis,
		      const GPtrArray *paths, const char *label, GError **error)
{
	struct scenario_step *step = add_step(loader, axis, label, error);
	GPtrArray *sets;

	if (!step)
		return false;
	sets = g_ptr_array_new();
	for (guint i = 0; i < paths->len; i++)
		g_ptr_array_add(sets, g_strdup_printf("%s=%s", (char *)paths->pdata[i], label));
	g_ptr_array_add(sets, NULL);
	step->sets = (char **)g_ptr_array_free(sets, FALSE);
	return true;
}

static bool add_values(struct loader *loader, struct scenario_axis *axis, const GPtrArray *paths,
		       const json_t *values, GError **error)
{
	json_t *value;
	size_t i;

	if (!read_is_array(loader, values, error))
		return false;
	json_array_foreach(values, i, value)
	{
		size_t mark = loader_enter_index(loader, i);
		g_autofree char *label = scenario_step_label(value);

		if (json_is_object(value) || json_is_array(value))
			return loader_fail(loader, error,
					   "values: expected a number, a text, true or false");
		if (!add_value(loader, axis, paths, label, error))
			return false;
		loader_leave(loader, mark);
	}
	return true;
}

/* "range": [first, last] by "step", or "log": [first, last] by "factor"; both ends are in. */
static bool add_range(struct loader *loader, struct scenario_axis *axis, const GPtrArray *paths,
		      const json_t *ends, const struct axis_keys *keys, bool log, GError **error)
{
	int64_t first = json_integer_value(json_array_get(ends, 0));
	int64_t last = json_integer_value(json_array_get(ends, 1)), value = first;
	bool fine = json_array_size(ends) == 2 && json_is_integer(json_array_get(ends, 0)) &&
		    json_is_integer(json_array_get(ends, 1)) && first <= last;

	if (!fine || (log && first < 1))
		return loader_fail(loader, error, "expected two integers, [FIRST, LAST]%s",
				   log ? " from 1 on" : "");
	for (;;) {
		g_autofree char *label = g_strdup_printf("%" G_GINT64_FORMAT, value);
		int64_t next;

		if (!add_value(loader, axis, paths, label, error))
			return false;
		if (value == last)
			return true;
		if (log ? __builtin_mul_overflow(value, keys->factor, &next)
			: __builtin_add_overflow(value, keys->step, &next))
			next = last;
		value = MIN(next, last);
	}
}

/* ---- steps that set several things, or a cost ------------------------------------------------ */

static bool add_case(struct loader *loader, struct scenario_axis *axis, const char *label,
		     const json_t *paths, GError **error)
{
	struct scenario_step *step;
	GPtrArray *sets;
	const char *path;
	json_t *value;

	if (!read_is_object(loader, paths, error))
		return false;
	step = add_step(loader, axis, label, error);
	if (!step)
		return false;
	sets = g_ptr_array_new();
	json_object_foreach((json_t *)paths, path, value)
	{
		g_autofree char *text = scenario_step_label(value);

		g_ptr_array_add(sets, g_strdup_printf("%s=%s", path, text));
	}
	g_ptr_array_add(sets, NULL);
	step->sets = (char **)g_ptr_array_free(sets, FALSE);
	return true;
}

static bool add_cases(struct loader *loader, struct scenario_axis *axis, const json_t *cases,
		      GError **error)
{
	const char *label;
	json_t *paths;

	if (!read_is_object(loader, cases, error))
		return false;
	json_object_foreach((json_t *)cases, label, paths)
	{
		size_t mark = loader_enter(loader, label);

		if (!add_case(loader, axis, label, paths, error))
			return false;
		loader_leave(loader, mark);
	}
	return true;
}

/* What a profile says of an estimate: its range, in the words of --set. */
static bool estimate_range(struct loader *loader, const struct cost_profile *profile,
			   const char *path, char *bound[2], GError **error)
{
	int i;

	bound[0] = bound[1] = NULL;
	if (g_str_has_prefix(path, "costs.")) {
		i = kernel_name_index(kernel_cost_table, KERNEL_COSTS, path + strlen("costs."));
		if (i >= 0 && profile->cost[i].estimate) {
			bound[0] =
				g_strdup_printf("%" G_GUINT64_FORMAT "ns", profile->cost[i].low_ns);
			bound[1] = g_strdup_printf("%" G_GUINT64_FORMAT "ns",
						   profile->cost[i].high_ns);
		}
	} else if (g_str_has_prefix(path, "sizes.")) {
		i = kernel_name_index(kernel_size_table, KERNEL_SIZES, path + strlen("sizes."));
		if (i >= 0 && profile->size[i].estimate) {
			bound[0] = g_strdup_printf("%" G_GUINT64_FORMAT, profile->size[i].low);
			bound[1] = g_strdup_printf("%" G_GUINT64_FORMAT, profile->size[i].high);
		}
	}
	return bound[0] || loader_fail(loader, error,
				       "\"%s\" is no estimate of the cost profile \"%s\"\n"
				       "expected costs.NAME or sizes.NAME of an entry that it "
				       "marks so",
				       path, profile->name);
}

static bool add_estimate(struct loader *loader, struct scenario_axis *axis,
			 const struct cost_profile *profile, const char *path, GError **error)
{
	static const char *const ends[] = {"low", "high"};
	const char *name = strchr(path, '.');
	char *bound[2];
	bool fine = estimate_range(loader, profile, path, bound, error);

	for (int i = 0; i < 2; i++) {
		g_autofree char *value = bound[i], *label = NULL;
		struct scenario_step *step = NULL;

		if (fine) {
			label = g_strdup_printf("%s:%s", name + 1, ends[i]);
			step = add_step(loader, axis, label, error);
		}
		fine = step != NULL;
		if (!fine)
			continue;
		step->sets = g_new0(char *, 2);
		step->sets[0] = g_strdup_printf("%s=%s", path, value);
	}
	return fine;
}

/* As shipped, then each estimate alone at both ends of its range. */
static bool add_estimates(struct loader *loader, struct scenario_axis *axis, const json_t *list,
			  GError **error)
{
	struct cost_profile *profile;
	struct scenario_step *shipped;
	bool fine = true;
	json_t *path;
	size_t i;

	if (!read_is_array(loader, list, error))
		return false;
	profile = scenario_base_profile(loader, error);
	shipped = profile ? add_step(loader, axis, "shipped", error) : NULL;
	if (shipped)
		shipped->sets = g_new0(char *, 1);
	fine = shipped != NULL;
	json_array_foreach(list, i, path)
	{
		size_t mark = loader_enter_index(loader, i);

		fine = fine &&
		       add_estimate(loader, axis, profile,
				    json_is_string(path) ? json_string_value(path) : "", error);
		if (fine)
			loader_leave(loader, mark);
	}
	cost_profile_free(profile);
	return fine;
}

/* ---- one axis ------------------------------------------------------------------------------ */

bool scenario_names_step(const json_t *only, const char *label)
{
	json_t *value;
	size_t i;

	if (!json_is_array(only)) {
		g_autofree char *text = scenario_step_label(only);

		return !strcmp(text, label);
	}
	json_array_foreach(only, i, value) if (scenario_names_step(value, label)) return true;
	return false;
}

/* Leaves the steps that --set axes.NAME names; each must be one. */
static bool keep_only(struct loader *loader, struct scenario_axis *axis, const json_t *only,
		      GError **error)
{
	g_autoptr(GString) known = g_string_new(NULL);
	size_t wanted = json_is_array(only) ? json_array_size(only) : 1;

	for (guint i = 0; i < axis->steps->len;) {
		const struct scenario_step *step = axis->steps->pdata[i];

		g_string_append_printf(known, "%s%s", known->len ? ", " : "", step->label);
		if (scenario_names_step(only, step->label))
			i++;
		else
			g_ptr_array_remove_index(axis->steps, i);
	}
	return axis->steps->len == wanted ||
	       loader_fail(loader, error, "axis \"%s\" has other steps\nthey are: %s", axis->name,
			   known->str);
}

static const char *const step_sources[] = {"values", "range", "log", "cases", "estimates", NULL};

static const char *find_source(const json_t *json)
{
	const char *found = NULL;

	for (const char *const *source = step_sources; *source; source++) {
		if (!json_object_get(json, *source))
			continue;
		if (found)
			return NULL;
		found = *source;
	}
	return found;
}

/* Steps that set one value: --set axes.NAME may give others in their place. */
static bool read_values(struct loader *loader, const json_t *json, const struct axis_keys *keys,
			const char *source, struct scenario_axis *axis, GError **error)
{
	const json_t *steps = json_object_get(json, source), *only = json_object_get(json, "only");
	g_autoptr(GPtrArray) paths = read_paths(loader, json, error);
	bool fine;
	size_t mark;

	if (!paths)
		return false;
	mark = loader_enter(loader, only ? "only" : source);
	if (only && !json_is_array(only)) {
		g_autofree char *label = scenario_step_label(only);

		fine = add_value(loader, axis, paths, label, error);
	} else if (only || !strcmp(source, "values")) {
		fine = add_values(loader, axis, paths, only ? only : steps, error);
	} else {
		fine = add_range(loader, axis, paths, steps, keys, !strcmp(source, "log"), error);
	}
	if (fine)
		loader_leave(loader, mark);
	return fine;
}

static bool read_steps(struct loader *loader, const json_t *json, const struct axis_keys *keys,
		       struct scenario_axis *axis, GError **error)
{
	const json_t *only = json_object_get(json, "only");
	const char *source = find_source(json);
	bool cases = source && !strcmp(source, "cases"), fine;
	size_t mark;

	if (!source)
		return loader_fail(loader, error,
				   "an axis has one of \"values\", \"range\", \"log\", \"cases\" "
				   "and \"estimates\"");
	if (!cases && strcmp(source, "estimates"))
		return read_values(loader, json, keys, source, axis, error);
	if (json_object_get(json, "set"))
		return loader_fail(loader, error, "\"%s\" needs no \"set\"", source);
	mark = loader_enter(loader, source);
	fine = (cases ? add_cases : add_estimates)(loader, axis, json_object_get(json, source),
						   error);
	if (!fine)
		return false;
	loader_leave(loader, mark);
	mark = loader_enter(loader, "only");
	if (only && !keep_only(loader, axis, only, error))
		return false;
	loader_leave(loader, mark);
	return true;
}

static bool read_axis(struct loader *loader, struct scenario *scenario, const json_t *json,
		      GError **error)
{
	struct axis_keys keys = {.name = NULL};
	struct scenario_axis *axis;
	bool fine = read_object(loader, json, axis_params, axis_sections, "the axis", &keys, error);

	axis = g_new0(struct scenario_axis, 1);
	axis->name = g_steal_pointer(&keys.name);
	axis->steps = g_ptr_array_new_with_free_func(step_free);
	for (guint i = 0; fine && i < scenario->axes->len; i++)
		if (!strcmp(((struct scenario_axis *)scenario->axes->pdata[i])->name, axis->name))
			fine = loader_fail(loader, error, "two axes are named \"%s\"", axis->name);
	fine = fine && (label_is_plain(axis->name) ||
			loader_fail(loader, error, "\"%s\" can't name an axis", axis->name));
	fine = fine && read_steps(loader, json, &keys, axis, error) &&
	       (axis->steps->len || loader_fail(loader, error, "the axis has no step"));
	if (fine)
		g_ptr_array_add(scenario->axes, axis);
	else
		scenario_axis_free(axis);
	return fine;
}

/* ---- what axes set -------------------------------------------------------------------------- */

/* Whether two "path=value" mean one place; a path may hold a '*'. */
static bool same_path(const char *a, const char *b)
{
	g_autofree char *path_a = g_strndup(a, strcspn(a, "="));
	g_autofree char *path_b = g_strndup(b, strcspn(b, "="));

	return g_pattern_match_simple(path_a, path_b) || g_pattern_match_simple(path_b, path_a);
}

static bool axis_sets(const struct scenario_axis *axis, const char *path)
{
	for (guint i = 0; i < axis->steps->len; i++)
		for (char **set = ((struct scenario_step *)axis->steps->pdata[i])->sets; *set;
		     set++)
			if (same_path(*set, path))
				return true;
	return false;
}

bool scenario_check_option(const struct scenario *scenario, const char *option, const char *path,
			   GError **error)
{
	for (guint i = 0; i < scenario->axes->len; i++) {
		const struct scenario_axis *axis = scenario->axes->pdata[i];

		if (!axis_sets(axis, path))
			continue;
		g_set_error(error, SCENARIO_ERROR, SCENARIO_ERROR_BAD,
			    "%s: error: axis \"%s\" of the scenario sets this\n"
			    "give the axis its steps: --set axes.%s=VALUE, or "
			    "--set 'axes.%s=[VALUE, VALUE]'",
			    option, axis->name, axis->name, axis->name);
		return false;
	}
	return true;
}

/* An axis is set in its own words, or --set and the curve would overrule each other. */
static bool check_sets(const struct scenario *scenario, GError **error)
{
	for (guint i = 0; i < scenario->overrides->len; i++) {
		const char *override = scenario->overrides->pdata[i];
		g_autofree char *option = g_strconcat("--set ", override, NULL);

		if (!scenario_check_option(scenario, option, override, error))
			return false;
	}
	return true;
}

/* Of two axes that set one thing, the later would overrule the other. */
static bool check_apart(struct loader *loader, const struct scenario *scenario, guint number,
			GError **error)
{
	const struct scenario_axis *axis = scenario->axes->pdata[number], *other;

	for (guint k = 0; k < number; k++) {
		other = scenario->axes->pdata[k];
		for (guint i = 0; i < axis->steps->len; i++) {
			const struct scenario_step *step = axis->steps->pdata[i];

			for (char **set = step->sets; *set; set++) {
				if (!axis_sets(other, *set))
					continue;
				loader_enter(loader, "axes");
				loader_enter_index(loader, number);
				return loader_fail(loader, error,
						   "\"%s\": axis \"%s\" sets this, too", *set,
						   other->name);
			}
		}
	}
	return true;
}

/* A path that is none is the file's fault, not an option's. */
static bool fail_set(struct loader *loader, guint axis, const char *set, GError *cause,
		     GError **error)
{
	static const char tag[] = ": error: ";
	const char *message = strstr(cause->message, tag);

	loader_enter(loader, "axes");
	loader_enter_index(loader, axis);
	loader_fail(loader, error, "\"%s\": %s", set,
		    message ? message + strlen(tag) : cause->message);
	g_error_free(cause);
	return false;
}

/* Axes of one step are set; those of more wait for a point. */
static bool set_single(struct loader *loader, const struct scenario *scenario, guint number,
		       GError **error)
{
	const struct scenario_axis *axis = scenario->axes->pdata[number];
	const struct scenario_step *step = axis->steps->pdata[0];
	GError *cause = NULL;

	loader->in_axis = true;
	for (char **set = step->sets; axis->steps->len == 1 && *set; set++)
		if (!scenario_set(loader, scenario->registry, *set, &cause))
			return fail_set(loader, number, *set, cause, error);
	loader->in_axis = false;
	return true;
}

bool scenario_read_axes(struct loader *loader, struct scenario *scenario, GError **error)
{
	const json_t *json = json_object_get(loader->root, "axes");
	size_t i, mark = loader_enter(loader, "axes");
	json_t *axis;

	scenario->axes = g_ptr_array_new_with_free_func(scenario_axis_free);
	scenario->points = g_ptr_array_new_with_free_func(g_free);
	if (json && !read_is_array(loader, json, error))
		return false;
	if (json_array_size(json) > AXES_MAX)
		return loader_fail(loader, error, "more than %d axes can't be shown", AXES_MAX);
	json_array_foreach(json, i, axis)
	{
		size_t at = loader_enter_index(loader, i);

		if (!read_axis(loader, scenario, axis, error))
			return false;
		loader_leave(loader, at);
	}
	loader_leave(loader, mark);
	if (!check_sets(scenario, error))
		return false;
	for (guint k = 0; k < scenario->axes->len; k++)
		if (!check_apart(loader, scenario, k, error) ||
		    !set_single(loader, scenario, k, error))
			return false;
	return scenario_make_points(loader, scenario, error);
}
