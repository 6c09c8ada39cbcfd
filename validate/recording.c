// SPDX-License-Identifier: GPL-2.0-or-later
/* Recordings of what a real btrfs made of a script, and how the model's dump of the same differs. */
#include <stdlib.h>
#include <string.h>

#include "validate/recording.h"

/* ---- in what two steps differ ------------------------------------------------------------- */

static char *text_of(const json_t *value)
{
	return value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : strdup("nothing");
}

static char *two(const char *what, const json_t *real, const json_t *model)
{
	char *a = text_of(real), *b = text_of(model);
	char *text = g_strdup_printf("%s: real %s, model %s", what, a, b);

	free(a);
	free(b);
	return text;
}

static char *list_difference(const char *what, const json_t *real, const json_t *model)
{
	size_t i, n = MAX(json_array_size(real), json_array_size(model));

	for (i = 0; i < n; i++)
		if (!json_equal(json_array_get(real, i), json_array_get(model, i))) {
			g_autofree char *item = g_strdup_printf("%s %zu", what, i);

			return two(item, json_array_get(real, i), json_array_get(model, i));
		}
	return NULL;
}

static char *file_difference(const char *path, const json_t *real, const json_t *model)
{
	static const char *const keys[] = {"size", "n", "inline", "prealloc", "holes"};
	g_autofree char *item = g_strdup_printf("%s: item", path);
	char *text;

	if (!real || !model)
		return g_strdup_printf("%s: only in the %s", path, real ? "real one" : "model");
	text = list_difference(item, json_object_get(real, "ext"), json_object_get(model, "ext"));
	for (size_t i = 0; !text && i < G_N_ELEMENTS(keys); i++) {
		const json_t *a = json_object_get(real, keys[i]);
		const json_t *b = json_object_get(model, keys[i]);
		g_autofree char *what = g_strdup_printf("%s: %s", path, keys[i]);

		if (!json_equal(a, b))
			text = two(what, a, b);
	}
	return text;
}

static char *files_difference(json_t *real, json_t *model)
{
	const char *path;
	char *text = NULL;
	json_t *file;

	json_object_foreach(real, path, file)
	{
		text = text ? text : file_difference(path, file, json_object_get(model, path));
	}
	json_object_foreach(model, path, file)
	{
		text = text || json_object_get(real, path) ? text
							   : file_difference(path, NULL, file);
	}
	return text;
}

static gint by_text(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void free_text(void *text)
{
	free(text);
}

/* Owners come in the order of a hash of theirs. */
static void append_owners(GString *out, const json_t *owners)
{
	g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(free_text);
	json_t *owner;
	size_t i;

	json_array_foreach(owners, i, owner)
	{
		g_ptr_array_add(texts, text_of(owner));
	}
	g_ptr_array_sort(texts, by_text);
	for (i = 0; i < texts->len; i++)
		g_string_append_printf(out, " %s", (const char *)texts->pdata[i]);
}

/* What is told of each extent, without its id and place, sorted. */
static GPtrArray *extents_of(const json_t *step)
{
	GPtrArray *texts = g_ptr_array_new_with_free_func(g_free);
	const json_t *disk = json_object_get(step, "disk");
	json_t *extent;
	size_t i;

	json_array_foreach(disk, i, extent)
	{
		GString *text = g_string_new(NULL);

		if (json_is_array(extent))
			g_string_printf(text,
					"%" JSON_INTEGER_FORMAT " bytes, %" JSON_INTEGER_FORMAT
					" references",
					json_integer_value(json_array_get(extent, 1)),
					json_integer_value(json_array_get(extent, 2)));
		append_owners(text, json_array_get(extent, 3));
		g_ptr_array_add(texts, g_string_free(text, false));
	}
	g_ptr_array_sort(texts, by_text);
	return texts;
}

static char *extents_difference(const json_t *real, const json_t *model)
{
	g_autoptr(GPtrArray) a = extents_of(real), b = extents_of(model);

	for (guint i = 0; i < MAX(a->len, b->len); i++) {
		const char *x = i < a->len ? a->pdata[i] : "none";
		const char *y = i < b->len ? b->pdata[i] : "none";

		if (strcmp(x, y))
			return g_strdup_printf("disk extent: real %s, model %s", x, y);
	}
	return NULL;
}

char *recording_difference(const json_t *real, const json_t *model)
{
	static const char *const keys[] = {"disk_n", "disk_bytes"};
	char *text = list_difference("operation", json_object_get(real, "ops"),
				     json_object_get(model, "ops"));

	if (!text)
		text = files_difference(json_object_get(real, "files"),
					json_object_get(model, "files"));
	for (size_t i = 0; !text && i < G_N_ELEMENTS(keys); i++) {
		const json_t *a = json_object_get(real, keys[i]);
		const json_t *b = json_object_get(model, keys[i]);

		if (!json_equal(a, b))
			text = two(keys[i], a, b);
	}
	return text ? text : extents_difference(real, model);
}

char *recording_first_difference(const json_t *real, const json_t *model)
{
	size_t i, n = json_array_size(real);
	json_t *step;

	json_array_foreach(real, i, step)
	{
		g_autofree char *text = recording_difference(step, json_array_get(model, i));

		if (text)
			return g_strdup_printf("step %zu: %s", i, text);
	}
	if (json_array_size(model) != n)
		return g_strdup_printf("steps: real %zu, model %zu", n, json_array_size(model));
	return NULL;
}

/* ---- recordings --------------------------------------------------------------------------- */

json_t *recording_of_model(const char *name, const struct world_outcome *outcome, GError **error)
{
	g_autofree char *text = g_strdup_printf("[%s]", outcome->dumps ? outcome->dumps : "");
	json_error_t cause;
	json_t *steps = json_loads(text, 0, &cause);

	if (!steps)
		g_set_error(error, VALIDATE_ERROR, VALIDATE_ERROR_INPUT,
			    "%s: error: the model's dumps are no JSON: %s", name, cause.text);
	return steps;
}

static json_t *read_steps(const char *path, GError **error)
{
	json_error_t cause;
	json_t *recorded = json_load_file(path, 0, &cause);
	json_t *steps = json_incref(json_object_get(recorded, "steps"));

	json_decref(recorded);
	if (!json_is_array(steps)) {
		g_set_error(error, VALIDATE_ERROR, VALIDATE_ERROR_INPUT,
			    "%s:%d: error: no recording: %s", path, recorded ? 1 : cause.line,
			    recorded ? "it has no steps" : cause.text);
		json_decref(steps);
		return NULL;
	}
	return steps;
}

json_t *recording_run(const struct validate_world *world, const struct validate_options *options,
		      GError **error)
{
	struct world_outcome outcome;
	json_t *steps;

	if (!validate_world_run(world, options, &outcome, error))
		return NULL;
	steps = recording_of_model(world->name, &outcome, error);
	world_outcome_clear(&outcome);
	return steps;
}

bool recording_replay(const char *folder, const char *name, const struct validate_options *options,
		      struct recording_result *result, GError **error)
{
	g_autofree char *ops_file = g_strconcat(name, ".ops", NULL);
	g_autofree char *json_file = g_strconcat(name, ".json", NULL);
	g_autofree char *ops = scenario_data_path(folder, ops_file);
	g_autofree char *json = scenario_data_path(folder, json_file);
	json_t *real = read_steps(json, error), *model = NULL, *step;
	const struct validate_world world = {.name = ops};
	size_t i;

	if (real)
		model = recording_run(&world, options, error);
	if (model) {
		result->steps += json_array_size(real);
		json_array_foreach(real, i, step)
		{
			g_autofree char *text =
				recording_difference(step, json_array_get(model, i));

			result->equal += !text;
			if (text && !result->difference)
				result->difference =
					g_strdup_printf("%s, step %zu: %s", name, i, text);
		}
	}
	json_decref(real);
	json_decref(model);
	return model;
}
