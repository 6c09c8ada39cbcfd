// SPDX-License-Identifier: GPL-2.0-or-later
/* Recordings of what a real btrfs made of a script, and how the model's dump of the same differs. */
#include <stdlib.h>
#include <string.h>

#include "validate/recording.h"

/* ---- extents ------------------------------------------------------------------------------ */

struct extent {
	json_int_t length, references;
};

static gint by_length_and_references(gconstpointer a, gconstpointer b)
{
	const struct extent *x = a, *y = b;

	if (x->length != y->length)
		return x->length < y->length ? -1 : 1;
	return (x->references > y->references) - (x->references < y->references);
}

/* Of every extent listed, sorted: where they lie is the allocator's. */
static GArray *extents_of(const json_t *step)
{
	GArray *out = g_array_new(FALSE, FALSE, sizeof(struct extent));
	const json_t *disk = json_object_get(step, "disk"), *listed;
	size_t i;

	json_array_foreach(disk, i, listed)
	{
		const struct extent extent = {json_integer_value(json_array_get(listed, 1)),
					      json_integer_value(json_array_get(listed, 2))};

		if (json_is_array(listed)) /* a 0 closes a shortened list */
			g_array_append_val(out, extent);
	}
	g_array_sort(out, by_length_and_references);
	return out;
}

static bool same_extents(const json_t *real, const json_t *model)
{
	g_autoptr(GArray) a = extents_of(real), b = extents_of(model);

	return a->len == b->len &&
	       (!a->len || !memcmp(a->data, b->data, a->len * sizeof(struct extent)));
}

/* ---- steps -------------------------------------------------------------------------------- */

/* A long list is cut: the recording and `extentsim layout` have the whole. */
enum { QUOTED_MOST = 400 };

static char *quoted(const json_t *value)
{
	char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT), *cut;
	bool whole = text && strlen(text) <= QUOTED_MOST;

	cut = text ? g_strdup_printf("%.*s%s", QUOTED_MOST, text, whole ? "" : "...")
		   : g_strdup("nothing");
	free(text);
	return cut;
}

static char *differs(const char *where, const char *key, const json_t *real, const json_t *model)
{
	g_autofree char *a = quoted(real), *b = quoted(model);

	return g_strdup_printf("%s: %s: recorded %s\nmodel %s", where, key, a, b);
}

static char *difference_in(const char *where, const json_t *real, const json_t *model,
			   const char *const *keys)
{
	for (; *keys; keys++)
		if (!json_equal(json_object_get(real, *keys), json_object_get(model, *keys)))
			return differs(where, *keys, json_object_get(real, *keys),
				       json_object_get(model, *keys));
	return NULL;
}

static char *file_difference(const json_t *real, const json_t *model)
{
	static const char *const keys[] = {"size", "ext", "n", "inline", "prealloc", "holes", NULL};
	json_t *files = json_object_get(real, "files"), *file;
	json_t *others = json_object_get(model, "files");
	char *text = NULL;
	const char *path;

	if (json_object_size(files) != json_object_size(others))
		return g_strdup_printf("files: recorded %zu, model %zu", json_object_size(files),
				       json_object_size(others));
	json_object_foreach(files, path, file)
	{
		text = difference_in(path, file, json_object_get(others, path), keys);
		if (text)
			break;
	}
	return text;
}

char *recording_difference(const json_t *real, const json_t *model)
{
	static const char *const keys[] = {"ops", "disk_n", "disk_bytes", NULL};
	char *text = file_difference(real, model);

	if (!text)
		text = difference_in("the step", real, model, keys);
	if (!text && !same_extents(real, model))
		text = differs("the step", "disk", json_object_get(real, "disk"),
			       json_object_get(model, "disk"));
	return text;
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

static json_t *run_script(const char *path, const struct validate_options *options, GError **error)
{
	const struct validate_world world = {.name = path};
	struct world_outcome outcome;
	json_t *steps;

	if (!validate_world_run(&world, options, &outcome, error))
		return NULL;
	steps = recording_of_model(path, &outcome, error);
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
	size_t i;

	if (real)
		model = run_script(ops, options, error);
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
