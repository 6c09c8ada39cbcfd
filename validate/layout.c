/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "validate/layout.h"

#include <stdlib.h>
#include <string.h>

#include "models/world.h"

/* ---- what the model comes to ---- */

static json_t *play(const struct scenario *scenario, const volatile int *interrupted,
		    GError **error)
{
	const struct world_options options = {
		.scenario = scenario,
		.variant = scenario->variants->pdata[0],
		.keep_dumps = true,
		.interrupted = interrupted,
	};
	struct world_outcome outcome;
	json_t *steps = NULL;

	if (!world_run(&options, &outcome, error))
		return NULL;
	if (outcome.completed) {
		g_autofree char *text = g_strdup_printf("[%s]", outcome.dumps);

		steps = json_loads(text, 0, NULL);
		g_assert(steps);
	} else {
		g_set_error(error, VALIDATE_ERROR, VALIDATE_ERROR_INPUT,
			    "%s: the model did not come to the script's end", scenario->path);
	}
	world_outcome_clear(&outcome);
	return steps;
}

json_t *layout_by_model(const char *path, const char *const *sets, const volatile int *interrupted,
			GError **error)
{
	const struct scenario_options load = {.sets = sets};
	struct scenario *scenario = scenario_load(path, &load, &world_registry, error);
	json_t *steps;

	if (!scenario)
		return NULL;
	steps = play(scenario, interrupted, error);
	scenario_free(scenario);
	return steps;
}

/* ---- in what two differ ---- */

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
					"%12" JSON_INTEGER_FORMAT " bytes, %" JSON_INTEGER_FORMAT
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

static char *step_difference(const json_t *real, const json_t *model)
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

char *layout_difference(const json_t *real, const json_t *model)
{
	size_t i, n = json_array_size(real);
	json_t *step;

	json_array_foreach(real, i, step)
	{
		g_autofree char *text = step_difference(step, json_array_get(model, i));

		if (text)
			return g_strdup_printf("dump %zu: %s", i, text);
	}
	if (json_array_size(model) != n)
		return g_strdup_printf("%zu dumps in the real one, %zu in the model", n,
				       json_array_size(model));
	return NULL;
}
