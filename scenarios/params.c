/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Named values of a scenario, and the places in its texts that they fill: "${name}". */
#include "scenarios/loader.h"

#include <string.h>

static const char **names_of(const json_t *params)
{
	GPtrArray *names = g_ptr_array_new();
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)params, name, value) if (strcmp(name, "doc"))
		g_ptr_array_add(names, (gpointer)name);
	g_ptr_array_add(names, NULL);
	return (const char **)g_ptr_array_free(names, FALSE);
}

static bool fail_unknown(const struct loader *loader, const json_t *params, const char *name,
			 GError **error)
{
	g_autofree const char **names = names_of(params);
	g_autofree char *list = g_strjoinv(", ", (char **)names);
	const char *nearest = sim_name_nearest(names, name);

	if (nearest)
		return loader_fail(loader, error,
				   "\"${%s}\": there is no such parameter\ndid you mean \"${%s}\"?",
				   name, nearest);
	return loader_fail(loader, error,
			   "\"${%s}\": there is no such parameter\nthose of \"params\" are: %s",
			   name, *list ? list : "none");
}

/* The text of a scalar as a string takes it in. */
static char *scalar_text(const json_t *value)
{
	char *dumped, *text;

	if (json_is_string(value))
		return g_strdup(json_string_value(value));
	dumped = json_dumps(value, JSON_ENCODE_ANY);
	text = g_strdup(dumped);
	free(dumped);
	return text;
}

/* The parameter that `at`, a "${", names; NULL with an error. *end is behind its brace. */
static const json_t *parameter_at(const struct loader *loader, const json_t *params, const char *at,
				  const char **end, GError **error)
{
	const char *brace = strchr(at, '}');
	g_autofree char *name = NULL;
	const json_t *value;

	if (!brace) {
		loader_fail(loader, error, "\"${\" without a \"}\" behind it");
		return NULL;
	}
	name = g_strndup(at + 2, (gsize)(brace - at - 2));
	*end = brace + 1;
	value = strcmp(name, "doc") ? json_object_get(params, name) : NULL;
	if (!value)
		fail_unknown(loader, params, name, error);
	return value;
}

/* A new value for the text, or NULL with an error. A text that is nothing but one parameter takes
 * its value with its type. */
static json_t *filled(const struct loader *loader, const json_t *params, const char *text,
		      GError **error)
{
	g_autoptr(GString) out = g_string_new(NULL);
	const char *rest = text, *at, *end;

	while ((at = strstr(rest, "${"))) {
		const json_t *value = parameter_at(loader, params, at, &end, error);
		g_autofree char *words = NULL;

		if (!value)
			return NULL;
		if (at == text && !*end)
			return json_copy((json_t *)value);
		words = scalar_text(value);
		g_string_append_len(out, rest, at - rest);
		g_string_append(out, words);
		rest = end;
	}
	g_string_append(out, rest);
	return json_string(out->str);
}

static bool fill_tree(struct loader *loader, const json_t *params, json_t *json, GError **error);

/* Puts in place of a text its filled form, and goes down into what holds others. */
static bool fill_value(struct loader *loader, const json_t *params, json_t *value, json_t **new,
		       GError **error)
{
	*new = NULL;
	if (!json_is_string(value))
		return fill_tree(loader, params, value, error);
	if (!strstr(json_string_value(value), "${"))
		return true;
	*new = filled(loader, params, json_string_value(value), error);
	return *new;
}

static bool fill_tree(struct loader *loader, const json_t *params, json_t *json, GError **error)
{
	json_t *value, *new;
	const char *key;
	size_t i, mark;
	void *next;

	json_object_foreach_safe(json, next, key, value)
	{
		mark = loader_enter(loader, key);
		if (!fill_value(loader, params, value, &new, error))
			return false;
		if (new)
			json_object_set_new(json, key, new);
		loader_leave(loader, mark);
	}
	json_array_foreach(json, i, value)
	{
		mark = loader_enter_index(loader, i);
		if (!fill_value(loader, params, value, &new, error))
			return false;
		if (new)
			json_array_set_new(json, i, new);
		loader_leave(loader, mark);
	}
	return true;
}

static bool check_params(struct loader *loader, json_t *params, GError **error)
{
	size_t mark = loader_enter(loader, "params");
	const char *name;
	json_t *value;

	if (!read_is_object(loader, params, error))
		return false;
	json_object_foreach(params, name, value)
	{
		size_t at = loader_enter(loader, name);

		if (json_is_object(value) || json_is_array(value) || json_is_null(value))
			return loader_fail(loader, error,
					   "params: expected a number, a text, true or false");
		if (json_is_string(value) && strcmp(name, "doc") &&
		    strstr(json_string_value(value), "${"))
			return loader_fail(loader, error, "params: one may not name another");
		loader_leave(loader, at);
	}
	loader_leave(loader, mark);
	return true;
}

bool scenario_fill_params(struct loader *loader, GError **error)
{
	json_t *params = json_object_get(loader->root, "params"), *none = NULL;
	bool fine;

	if (params && !check_params(loader, params, error))
		return false;
	if (!params)
		params = none = json_object();
	fine = fill_tree(loader, params, loader->root, error);
	json_decref(none);
	return fine;
}
