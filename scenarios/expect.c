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
	g_free(expect);
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

static bool read_value_or_of(struct loader *loader, const struct scenario *scenario,
			     const json_t *json, struct scenario_expect *expect, GError **error)
{
	const json_t *value = json_object_get(json, "value");
	size_t mark;

	if (!value == !expect->of)
		return loader_fail(loader, error,
				   "an expectation needs either \"value\" or \"of\"");
	if (!value)
		return check_variant(loader, scenario, "of", expect->of, error);
	mark = loader_enter(loader, "value");
	if (!read_number(loader, value, &expect->value, error))
		return false;
	loader_leave(loader, mark);
	return true;
}

static struct scenario_expect *read_expect(struct loader *loader, const struct scenario *scenario,
					   const json_t *json, GError **error)
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
	if (fine && check_variant(loader, scenario, "variant", expect->variant, error) &&
	    read_value_or_of(loader, scenario, json, expect, error))
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

		if (!about_replaced(loader, scenario, claim)) {
			expect = read_expect(loader, scenario, claim, error);
			if (!expect)
				return false;
			g_ptr_array_add(scenario->expect, expect);
		}
		loader_leave(loader, at);
	}
	loader_leave(loader, mark);
	return true;
}
