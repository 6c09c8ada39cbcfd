/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The actors of a scenario: each is read by the table of its kind. */
#include "scenarios/loader.h"

#include <string.h>

const char *actor_json_name(const json_t *actor)
{
	const char *name = json_string_value(json_object_get(actor, "name"));

	if (!name)
		name = json_string_value(json_object_get(actor, "kind"));
	return name ? name : "";
}

void scenario_actor_free(gpointer data)
{
	struct scenario_actor *actor = data;

	if (actor->kind->clear)
		actor->kind->clear(actor->config);
	sim_param_clear(actor->kind->params, actor->config);
	g_free(actor->config);
	g_free(actor->name);
	g_free(actor);
}

static const struct actor_kind *read_kind(struct loader *loader,
					  const struct scenario_registry *registry,
					  const json_t *json, GError **error)
{
	const json_t *value = json_object_get(json, "kind");
	const struct sim_param *param = sim_param_find(actor_params, "kind");
	g_autofree const char **names = actor_kind_names(registry);
	g_autofree char *list = g_strjoinv(", ", (char **)names);
	const struct actor_kind *kind;
	struct actor_keys keys = {.name = NULL};
	const char *nearest;
	size_t mark;

	if (!value) {
		loader_fail(loader, error, "the actor lacks the key \"kind\"\nknown kinds: %s",
			    list);
		return NULL;
	}
	mark = loader_enter(loader, "kind");
	if (!read_value(loader, param, value, &keys, error))
		return NULL;
	kind = actor_kind_find(registry, keys.kind);
	nearest = sim_name_nearest(names, keys.kind);
	if (!kind && nearest)
		loader_fail(loader, error, "unknown kind of actor \"%s\"\ndid you mean \"%s\"?",
			    keys.kind, nearest);
	else if (!kind)
		loader_fail(loader, error, "unknown kind of actor \"%s\"\nknown kinds: %s",
			    keys.kind, list);
	else
		loader_leave(loader, mark);
	sim_param_clear(actor_params, &keys);
	return kind;
}

static const char *lines_key(const struct actor_kind *kind)
{
	for (const struct sim_param *param = kind->params; param->name; param++)
		if (param->type == SIM_PARAM_LINES)
			return param->name;
	return NULL;
}

/* "SOURCE:LINE:COLUMN: error: …": finds the numbers and the message behind them. */
static const char *split_place(const char *message, unsigned *line, unsigned *column)
{
	const char *tag = strstr(message, ": error: ");
	const char *at = tag;
	unsigned numbers[2] = {0, 0};
	int n = 0;

	while (at && at > message && n < 2) {
		const char *digits = at;

		while (digits > message && g_ascii_isdigit(digits[-1]))
			digits--;
		if (digits == at || digits == message || digits[-1] != ':')
			break;
		numbers[n++] = (unsigned)g_ascii_strtoull(digits, NULL, 10);
		at = digits - 1;
	}
	if (!n)
		return NULL;
	*line = n == 2 ? numbers[1] : numbers[0];
	*column = n == 2 ? numbers[0] : 1;
	return tag + strlen(": error: ");
}

/* An error about a line of a script is shown where that line stands in the user's file. */
static bool fail_check(struct loader *loader, const struct actor_kind *kind, GError *cause,
		       GError **error)
{
	unsigned line = 0, column = 0, at_line, at_column;
	const char *what = split_place(cause->message, &line, &column);
	const char *key = lines_key(kind);

	/* A line of a file that the actor reads; or that file, if it is all there is. */
	if (!key && (what || (loader->synthesised && strstr(cause->message, ": error: ")))) {
		g_set_error(error, SCENARIO_ERROR, SCENARIO_ERROR_BAD, "%s", cause->message);
		g_error_free(cause);
		return false;
	}
	if (!what || !line)
		return loader_prefix(loader, cause, error);
	at_line = line;
	at_column = column;
	loader_enter(loader, key);
	loader_enter_index(loader, line - 1);
	if (!loader->synthesised && !loader_override_here(loader)) {
		source_locate(&loader->source, loader->at->str, false, &at_line, &at_column);
		at_column += column; /* the opening quote stands at at_column */
	}
	g_set_error(error, SCENARIO_ERROR, SCENARIO_ERROR_BAD, "%s:%u:%u: error: %s",
		    loader_override_here(loader) ? loader_override_here(loader)
						 : loader->source.path,
		    at_line, at_column, what);
	g_error_free(cause);
	return false;
}

static bool name_taken(const struct scenario *scenario, const char *name)
{
	for (guint i = 0; i < scenario->actors->len; i++) {
		const struct scenario_actor *other = g_ptr_array_index(scenario->actors, i);

		if (!strcmp(other->name, name))
			return true;
	}
	return false;
}

/* Names of actors stand in paths of --set and in names of metrics. */
static bool name_is_plain(const char *name)
{
	size_t length = strlen(name);

	return length && strspn(name, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "_-") == length;
}

static bool read_name(struct loader *loader, const struct scenario *scenario,
		      struct scenario_actor *actor, const json_t *json, GError **error)
{
	const json_t *value = json_object_get(json, "name");
	const struct sim_param *param = sim_param_find(actor_params, "name");
	struct actor_keys keys = {.name = NULL};
	size_t mark = loader_enter(loader, "name");

	if (value && !read_value(loader, param, value, &keys, error))
		return false;
	actor->name = value ? keys.name : g_strdup(actor->kind->name);
	if (!name_is_plain(actor->name))
		return loader_fail(loader, error,
				   "name: expected letters, digits, '_' and '-', got \"%s\"",
				   actor->name);
	if (name_taken(scenario, actor->name))
		return loader_fail(loader, error,
				   "two actors are named \"%s\"\ngive each a \"name\" of its own",
				   actor->name);
	loader_leave(loader, mark);
	return true;
}

static bool read_config(struct loader *loader, struct scenario_actor *actor, const json_t *json,
			GError **error)
{
	static const char *const own[] = {"name", "kind", NULL};
	g_autofree char *what = g_strdup_printf("actor \"%s\"", actor->name);
	GError *cause = NULL;

	if (!read_object(loader, json, actor->kind->params, own, what, actor->config, error))
		return false;
	if (actor->kind->check && !actor->kind->check(actor->config, &cause))
		return fail_check(loader, actor->kind, cause, error);
	return true;
}

static bool read_actor(struct loader *loader, const struct scenario_registry *registry,
		       struct scenario *scenario, const json_t *json, GError **error)
{
	const struct actor_kind *kind;
	struct scenario_actor *actor;

	if (!read_is_object(loader, json, error))
		return false;
	kind = read_kind(loader, registry, json, error);
	if (!kind)
		return false;
	actor = g_new0(struct scenario_actor, 1);
	actor->kind = kind;
	actor->config = g_malloc0(MAX(kind->config_bytes, 1));
	if (!read_name(loader, scenario, actor, json, error) ||
	    !read_config(loader, actor, json, error)) {
		scenario_actor_free(actor);
		return false;
	}
	g_ptr_array_add(scenario->actors, actor);
	return true;
}

bool scenario_read_actors(struct loader *loader, const struct scenario_registry *registry,
			  struct scenario *scenario, GError **error)
{
	const json_t *json = json_object_get(loader->root, "actors");
	json_t *actor;
	size_t i, mark;

	scenario->actors = g_ptr_array_new_with_free_func(scenario_actor_free);
	if (!json)
		return loader_fail(loader, error, "the scenario lacks the key \"actors\"");
	mark = loader_enter(loader, "actors");
	if (!read_is_array(loader, json, error))
		return false;
	if (!json_array_size(json))
		return loader_fail(loader, error, "actors: expected at least one");
	json_array_foreach(json, i, actor)
	{
		size_t at = loader_enter_index(loader, i);

		if (!read_actor(loader, registry, scenario, actor, error))
			return false;
		loader_leave(loader, at);
	}
	loader_leave(loader, mark);
	return true;
}
