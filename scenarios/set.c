/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * --set PATH=VALUE. A path is resolved against the tables of known names, never by splitting at
 * dots alone, since keys ("pool.size") and names of costs ("setkey.aes-256-xts") contain dots.
 */
#include "scenarios/loader.h"

#include <string.h>

struct setter {
	struct loader *loader;
	const struct scenario_registry *registry;
	const char *assignment; /* for messages */
	const char *path; /* the whole path */
	const char *value;
};

static bool fail(const struct setter *setter, GError **error, const char *hint, const char *name)
{
	g_set_error(error, SCENARIO_ERROR, SCENARIO_ERROR_BAD,
		    "--set %s: error: there is no \"%s\" in a scenario\n%s%s%s", setter->assignment,
		    setter->path, hint, name, name[0] ? "\"?" : "");
	return false;
}

/* `prefix` is what of the path was right; the nearest name completes it. */
static bool fail_nearest(const struct setter *setter, const char *prefix, const char *const *known,
			 const char *wrong, GError **error)
{
	const char *nearest = sim_name_nearest(known, wrong);
	g_autofree char *list = g_strjoinv(", ", (char **)known);
	g_autofree char *hint = NULL, *full = NULL;

	if (nearest) {
		full = g_strconcat(prefix, nearest, NULL);
		return fail(setter, error, "did you mean \"", full);
	}
	hint = g_strdup_printf("known%s%s: %s", *prefix ? " below " : "", prefix, list);
	return fail(setter, error, hint, "");
}

/* Puts the value at a key of an object that stands at the loader's place. */
static bool put(const struct setter *setter, json_t *object, const char *key,
		const struct sim_param *param)
{
	struct loader *loader = setter->loader;
	g_autofree char *origin = g_strconcat("--set ", setter->assignment, NULL);
	size_t mark = loader_enter(loader, key);

	json_object_set_new(object, key, json_of_text(param, setter->value));
	loader_override(loader, loader->at->str, origin);
	loader_leave(loader, mark);
	return true;
}

static const char **param_names(const struct sim_param *table, const struct sim_param *more,
				const char *const *sections)
{
	GPtrArray *names = g_ptr_array_new();

	for (; table && table->name; table++)
		g_ptr_array_add(names, (gpointer)table->name);
	for (; more && more->name; more++)
		g_ptr_array_add(names, (gpointer)more->name);
	for (; sections && *sections; sections++)
		g_ptr_array_add(names, (gpointer)*sections);
	g_ptr_array_add(names, NULL);
	return (const char **)g_ptr_array_free(names, FALSE);
}

/* Sets a key of an object whose table(s) are known; `prefix` is the path up to the object. */
static bool put_known(const struct setter *setter, json_t *object, const struct sim_param *table,
		      const struct sim_param *more, const char *const *sections, const char *key,
		      GError **error)
{
	const struct sim_param *param = table ? sim_param_find(table, key) : NULL;
	g_autofree const char **names = param_names(table, more, sections);
	g_autofree char *prefix =
		g_strndup(setter->path, (gsize)(strlen(setter->path) - strlen(key)));

	if (!param && more)
		param = sim_param_find(more, key);
	if (!param && !(sections && g_strv_contains(sections, key)))
		return fail_nearest(setter, prefix, names, key, error);
	return put(setter, object, key, param);
}

/* The object of a section, made if the file has none; NULL if it is something else. */
static json_t *section_object(const struct setter *setter, const char *section)
{
	json_t *object = json_object_get(setter->loader->root, section);

	if (!object) {
		object = json_object();
		json_object_set_new(setter->loader->root, section, object);
	}
	return json_is_object(object) ? object : NULL;
}

static bool put_kernel_name(const struct setter *setter, json_t *object, const char *section,
			    const char *key, GError **error)
{
	bool costs = !strcmp(section, "costs");
	const struct kernel_name *table = costs ? kernel_cost_table : kernel_size_table;
	size_t n = costs ? KERNEL_COSTS : KERNEL_SIZES;
	const struct sim_param param = {.name = key,
					.type = costs ? SIM_PARAM_DIST : SIM_PARAM_INT};
	g_autofree char *prefix = g_strconcat(section, ".", NULL), *full = NULL;
	const char *nearest;

	if (kernel_name_index(table, n, key) >= 0)
		return put(setter, object, key, &param);
	nearest = kernel_name_nearest(table, n, key);
	if (!nearest)
		return fail(setter, error, "`extentsim list costs` shows the names known", "");
	full = g_strconcat(prefix, nearest, NULL);
	return fail(setter, error, "did you mean \"", full);
}

/* The longest name of the list that the rest of the path begins with, followed by a dot. */
static const char *longest_name(const char *const *names, const char *rest)
{
	const char *best = NULL;

	for (; *names; names++) {
		size_t length = strlen(*names);

		if (!strncmp(rest, *names, length) && rest[length] == '.' &&
		    (!best || length > strlen(best)))
			best = *names;
	}
	return best;
}

static bool put_in_variant(const struct setter *setter, json_t *variants, const char *name,
			   const char *key, GError **error)
{
	size_t mark = loader_enter(setter->loader, "variants");
	bool fine;

	loader_enter(setter->loader, name);
	fine = put_known(setter, json_object_get(variants, name), setter->registry->variant_params,
			 NULL, NULL, key, error);
	loader_leave(setter->loader, mark);
	return fine;
}

/* "variants.*.KEY" is that key of every variant. */
static bool set_in_variants(const struct setter *setter, const char *rest, GError **error)
{
	json_t *variants = section_object(setter, "variants");
	GPtrArray *list = g_ptr_array_new();
	g_autofree const char **names = NULL;
	g_autofree char *first = NULL;
	const char *name, *key;
	json_t *variant;
	bool fine = true;

	json_object_foreach(variants, key, variant) if (json_is_object(variant))
		g_ptr_array_add(list, (gpointer)key);
	g_ptr_array_add(list, NULL);
	names = (const char **)g_ptr_array_free(list, FALSE);
	for (size_t i = 0; g_str_has_prefix(rest, "*.") && fine && names[i]; i++)
		fine = put_in_variant(setter, variants, names[i], rest + 2, error);
	if (g_str_has_prefix(rest, "*."))
		return fine;
	name = longest_name(names, rest);
	if (name)
		return put_in_variant(setter, variants, name, rest + strlen(name) + 1, error);
	first = g_strndup(rest, strcspn(rest, "."));
	return fail_nearest(setter, "variants.", names, first, error);
}

/* "[3].key": the index, and the key behind it. */
static bool split_index(const char *rest, size_t *index, const char **key)
{
	guint64 value;
	char *end;

	if (*rest != '[' || !g_ascii_isdigit(rest[1]))
		return false;
	value = g_ascii_strtoull(rest + 1, &end, 10);
	*index = (size_t)value;
	*key = end + 2;
	return end[0] == ']' && end[1] == '.';
}

static json_t *find_actor(const json_t *actors, const char *rest, size_t *index, const char **key)
{
	json_t *actor;
	size_t i;

	if (split_index(rest, index, key))
		return json_array_get(actors, *index);
	json_array_foreach(actors, i, actor)
	{
		const char *name = actor_json_name(actor);
		size_t length = strlen(name);

		if (length && !strncmp(rest, name, length) && rest[length] == '.') {
			*index = i;
			*key = rest + length + 1;
			return actor;
		}
	}
	return NULL;
}

static bool set_in_actors(const struct setter *setter, const char *rest, GError **error)
{
	json_t *actors = json_object_get(setter->loader->root, "actors"), *actor;
	const struct actor_kind *kind = NULL;
	g_autofree char *first = g_strndup(rest, strcspn(rest, "."));
	g_autofree const char **names = NULL;
	const char *key, *word;
	size_t index, i, mark;
	bool fine;

	actor = find_actor(actors, rest, &index, &key);
	if (!json_is_object(actor)) {
		names = g_new0(const char *, json_array_size(actors) + 1);
		json_array_foreach(actors, i, actor) names[i] = actor_json_name(actor);
		return fail_nearest(setter, "actors.", names, first, error);
	}
	word = json_string_value(json_object_get(actor, "kind"));
	kind = word ? actor_kind_find(setter->registry, word) : NULL;
	mark = loader_enter(setter->loader, "actors");
	loader_enter_index(setter->loader, index);
	fine = put_known(setter, actor, kind ? kind->params : NULL, actor_params, NULL, key, error);
	loader_leave(setter->loader, mark);
	return fine;
}

static bool set_in_expect(const struct setter *setter, const char *rest, GError **error)
{
	json_t *expect = json_object_get(setter->loader->root, "expect"), *claim = NULL;
	const char *key;
	size_t index, mark;
	bool fine;

	if (split_index(rest, &index, &key))
		claim = json_array_get(expect, index);
	if (!json_is_object(claim))
		return fail(setter, error, "write expect[N].key, N from 0", "");
	mark = loader_enter(setter->loader, "expect");
	loader_enter_index(setter->loader, index);
	fine = put_known(setter, claim, expect_params, NULL, expect_sections, key, error);
	loader_leave(setter->loader, mark);
	return fine;
}

static bool set_in_object(const struct setter *setter, const char *section, const char *rest,
			  GError **error)
{
	json_t *object = section_object(setter, section);
	size_t mark;
	bool fine;

	if (!object)
		return fail(setter, error, "the file has no object there", "");
	mark = loader_enter(setter->loader, section);
	if (!strcmp(section, "machine"))
		fine = put_known(setter, object, machine_params, NULL, NULL, rest, error);
	else if (!strcmp(section, "filesystem"))
		fine = put_known(setter, object, filesystem_params, NULL, NULL, rest, error);
	else
		fine = put_kernel_name(setter, object, section, rest, error);
	loader_leave(setter->loader, mark);
	return fine;
}

/* A parameter that the file has. */
static bool set_in_params(const struct setter *setter, const char *name, GError **error)
{
	json_t *params = json_object_get(setter->loader->root, "params"), *value;
	GPtrArray *list = g_ptr_array_new();
	g_autofree const char **names = NULL;
	const char *known;
	size_t mark;

	json_object_foreach(params, known, value) if (strcmp(known, "doc"))
		g_ptr_array_add(list, (gpointer)known);
	g_ptr_array_add(list, NULL);
	names = (const char **)g_ptr_array_free(list, FALSE);
	if (!g_strv_contains(names, name))
		return fail_nearest(setter, "params.", names, name, error);
	mark = loader_enter(setter->loader, "params");
	put(setter, params, name, NULL);
	loader_leave(setter->loader, mark);
	return true;
}

/* axes.NAME: the steps that the axis has left. */
static bool set_in_axes(const struct setter *setter, const char *name, GError **error)
{
	json_t *axes = json_object_get(setter->loader->root, "axes"), *axis;
	g_autofree const char **names = g_new0(const char *, json_array_size(axes) + 1);
	size_t i, mark;

	json_array_foreach(axes, i, axis)
	{
		names[i] = actor_json_name(axis);
		if (strcmp(names[i], name))
			continue;
		mark = loader_enter(setter->loader, "axes");
		loader_enter_index(setter->loader, i);
		put(setter, axis, "only", NULL);
		loader_leave(setter->loader, mark);
		return true;
	}
	return fail_nearest(setter, "axes.", names, name, error);
}

static bool set_path(const struct setter *setter, GError **error)
{
	const char *path = setter->path;
	g_autofree char *first = g_strndup(path, strcspn(path, ".["));
	const char *rest = path + strlen(first);

	if (!*rest)
		return put_known(setter, setter->loader->root, scenario_params, NULL,
				 scenario_sections, path, error);
	if (!strcmp(first, "actors"))
		return set_in_actors(setter, *rest == '.' ? rest + 1 : rest, error);
	if (!strcmp(first, "expect"))
		return set_in_expect(setter, rest, error);
	if (*rest == '.' && !strcmp(first, "params"))
		return set_in_params(setter, rest + 1, error);
	if (*rest == '.' && !strcmp(first, "axes"))
		return set_in_axes(setter, rest + 1, error);
	if (*rest == '.' && !strcmp(first, "variants"))
		return set_in_variants(setter, rest + 1, error);
	if (*rest == '.' && strcmp(first, "$schema") && g_strv_contains(scenario_sections, first))
		return set_in_object(setter, first, rest + 1, error);
	return fail_nearest(setter, "", scenario_sections, first, error);
}

bool scenario_set(struct loader *loader, const struct scenario_registry *registry,
		  const char *assignment, GError **error)
{
	const char *equals = strchr(assignment, '=');
	g_autofree char *path = NULL;
	struct setter setter;

	if (!g_utf8_validate(assignment, -1, NULL) || !equals || equals == assignment) {
		g_set_error(error, SCENARIO_ERROR, SCENARIO_ERROR_BAD,
			    "--set %s: error: expected PATH=VALUE, such as machine.cpus=4",
			    g_utf8_validate(assignment, -1, NULL) ? assignment : "(not UTF-8)");
		return false;
	}
	path = g_strndup(assignment, (gsize)(equals - assignment));
	setter = (struct setter){
		.loader = loader,
		.registry = registry,
		.assignment = assignment,
		.path = path,
		.value = equals + 1,
	};
	return set_path(&setter, error);
}
