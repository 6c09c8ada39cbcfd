/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a scenario claims about its metrics. */
#include "scenarios/loader.h"

#include <string.h>

void scenario_expect_free(gpointer data)
{
	struct scenario_expect *expect = data;

	g_free(expect->variant);
	g_free(expect->metric);
	g_free(expect->relation);
	g_free(expect->of);
	g_array_unref(expect->at);
	g_array_unref(expect->against);
	g_free(expect);
}

static void place_clear(gpointer data)
{
	struct scenario_place *place = data;

	g_free(place->axis);
	g_free(place->label);
}

static GArray *places_new(void)
{
	GArray *places = g_array_new(false, false, sizeof(struct scenario_place));

	g_array_set_clear_func(places, place_clear);
	return places;
}

/* "at" and "against": {AXIS: STEP}. *gone: a step is not in this run, so there is no claim. */
static bool read_places(struct loader *loader, const struct scenario *scenario, const json_t *claim,
			const char *key, GArray *places, bool *gone, GError **error)
{
	const json_t *json = json_object_get(claim, key);
	size_t mark = loader_enter(loader, key);
	const char *name;
	json_t *value;

	if (json && !scenario_check_axis_names(loader, scenario, json, error))
		return false;
	json_object_foreach((json_t *)json, name, value)
	{
		struct scenario_place place = {g_strdup(name), scenario_step_label(value)};
		size_t at = loader_enter(loader, name);
		enum scenario_step_found found;

		g_array_append_val(places, place);
		found = scenario_check_step(loader, scenario_axis_find(scenario, name), place.label,
					    error);
		if (found == SCENARIO_STEP_WRONG)
			return false;
		*gone = *gone || found == SCENARIO_STEP_GONE;
		loader_leave(loader, at);
	}
	loader_leave(loader, mark);
	return true;
}

static bool variant_known(const struct scenario *scenario, const char *name)
{
	for (guint i = 0; i < scenario->variants->len; i++) {
		const struct fscrypt_variant *variant = g_ptr_array_index(scenario->variants, i);

		if (!strcmp(variant->name, name))
			return true;
	}
	return false;
}

static bool check_variant(struct loader *loader, const struct scenario *scenario, const char *key,
			  const char *name, GError **error)
{
	g_autofree const char **names = NULL;
	g_autofree char *list = NULL;
	const char *nearest;

	if (!name || variant_known(scenario, name))
		return true;
	names = g_new0(const char *, scenario->variants->len + 1);
	for (guint i = 0; i < scenario->variants->len; i++)
		names[i] =
			((struct fscrypt_variant *)g_ptr_array_index(scenario->variants, i))->name;
	nearest = sim_name_nearest(names, name);
	list = g_strjoinv(", ", (char **)names);
	loader_enter(loader, key);
	if (nearest)
		return loader_fail(loader, error, "%s: no variant \"%s\"\ndid you mean \"%s\"?",
				   key, name, nearest);
	return loader_fail(loader, error, "%s: no variant \"%s\"\nvariants: %s", key, name, list);
}

/* A number, or a size or time with its unit, which becomes bytes or nanoseconds. */
static bool read_number(struct loader *loader, const json_t *json, double *value, GError **error)
{
	const struct sim_param bytes = {.name = "value", .type = SIM_PARAM_BYTES};
	const struct sim_param time = {.name = "value", .type = SIM_PARAM_TIME};
	const char *text = json_string_value(json);
	int64_t number;

	if (json_is_number(json)) {
		*value = json_number_value(json);
		return true;
	}
	if (!text || (!sim_param_set(&bytes, &number, text, NULL) &&
		      !sim_param_set(&time, &number, text, NULL)))
		return loader_fail(loader, error,
				   "value: expected a number, or a size or time with a unit, such "
				   "as \"64MiB\" or \"80us\"");
	*value = (double)number;
	return true;
}

/* What stands on the other side: a number, or a figure of another variant or another point. */
static bool read_other_side(struct loader *loader, const struct scenario *scenario,
			    const json_t *json, struct scenario_expect *expect, GError **error)
{
	const json_t *value = json_object_get(json, "value"),
		     *times = json_object_get(json, "times");
	bool other = expect->of || expect->against->len;
	size_t mark;

	if (!value == !other)
		return loader_fail(loader, error,
				   "an expectation needs either \"value\" or \"of\" or "
				   "\"against\"");
	expect->times = json_is_number(times) ? json_number_value(times) : 1;
	if (times && (value || !json_is_number(times)))
		return loader_fail(loader, error,
				   "times: expected a number, beside \"of\" or \"against\"");
	if (!value)
		return check_variant(loader, scenario, "of", expect->of, error);
	mark = loader_enter(loader, "value");
	if (!read_number(loader, value, &expect->value, error))
		return false;
	loader_leave(loader, mark);
	return true;
}

/* *gone: the claim names a point that is not run. */
static struct scenario_expect *read_expect(struct loader *loader, const struct scenario *scenario,
					   const json_t *json, bool *gone, GError **error)
{
	struct expect_keys keys = {.variant = NULL};
	struct scenario_expect *expect;
	bool fine = read_object(loader, json, expect_params, expect_sections, "the expectation",
				&keys, error);

	expect = g_new0(struct scenario_expect, 1);
	expect->variant = keys.variant;
	expect->metric = keys.metric;
	expect->of = keys.of;
	expect->relation = g_strdup(relation_words[keys.relation]);
	expect->at = places_new();
	expect->against = places_new();
	*gone = false;
	if (fine && check_variant(loader, scenario, "variant", expect->variant, error) &&
	    read_places(loader, scenario, json, "at", expect->at, gone, error) &&
	    read_places(loader, scenario, json, "against", expect->against, gone, error) &&
	    read_other_side(loader, scenario, json, expect, error))
		return expect;
	scenario_expect_free(expect);
	return NULL;
}

/* --variant takes columns away; claims about those have nothing to stand on. */
static bool about_replaced(const struct loader *loader, const struct scenario *scenario,
			   const json_t *json)
{
	const char *variant = json_string_value(json_object_get(json, "variant"));
	const char *of = json_string_value(json_object_get(json, "of"));

	return loader->variants_replaced && ((variant && !variant_known(scenario, variant)) ||
					     (of && !variant_known(scenario, of)));
}

bool scenario_read_expect(struct loader *loader, struct scenario *scenario, GError **error)
{
	const json_t *json = json_object_get(loader->root, "expect");
	json_t *claim;
	size_t i, mark;

	scenario->expect = g_ptr_array_new_with_free_func(scenario_expect_free);
	if (!json)
		return true;
	mark = loader_enter(loader, "expect");
	if (!read_is_array(loader, json, error))
		return false;
	json_array_foreach(json, i, claim)
	{
		size_t at = loader_enter_index(loader, i);
		struct scenario_expect *expect;
		bool gone;

		if (!about_replaced(loader, scenario, claim)) {
			expect = read_expect(loader, scenario, claim, &gone, error);
			if (!expect)
				return false;
			if (gone)
				scenario_expect_free(expect);
			else
				g_ptr_array_add(scenario->expect, expect);
		}
		loader_leave(loader, at);
	}
	loader_leave(loader, mark);
	return true;
}
