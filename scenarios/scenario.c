/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a file to a checked, typed scenario. */
#include "scenarios/loader.h"

#include <string.h>

/* The kind of actor that runs a bare script, and its keys. */
#define SCRIPT_KIND "script"
#define SCRIPT_KEY "script"
#define SCRIPT_PATH_KEY "script_path"
#define SCRIPT_SUFFIX ".ops"
/* The same for a bare trace. */
#define TRACE_KIND "trace"
#define TRACE_PATH_KEY "file"

/* ---- a bare script ------------------------------------------------------------------------ */

static json_t *script_lines(const struct source *source)
{
	g_auto(GStrv) lines = g_strsplit(source->text, "\n", -1);
	json_t *list = json_array();

	for (char **line = lines; *line; line++) {
		g_strchomp(*line);
		if (**line || line[1])
			json_array_append_new(list, json_string(*line));
	}
	return list;
}

/* A script whose name holds "zstd" is one recorded with compress=zstd, as the recorder has it. */
static json_t *scenario_of_script(const struct source *source, const struct actor_kind *kind)
{
	g_autofree char *name = g_path_get_basename(source->path);
	json_t *actor, *root;

	actor = json_pack("{s:s, s:o}", "kind", SCRIPT_KIND, SCRIPT_KEY, script_lines(source));
	if (sim_param_find(kind->params, SCRIPT_PATH_KEY))
		json_object_set_new(actor, SCRIPT_PATH_KEY, json_string(source->path));
	/* A known answer must not hang on a draw, or on when a flusher came by. */
	root = json_pack("{s:s, s:s, s:{s:b, s:b}, s:{s:b}, s:[o], s:{s:{s:s}}}", "name", name,
			 "question", "What does this script do under each variant?", "machine",
			 "spread", 0, "flushers", 0, "filesystem", "compress",
			 strstr(name, "zstd") != NULL, "actors", actor, "variants", "none",
			 "design", "none");
	g_assert(root);
	return root;
}

/* ---- a bare trace ------------------------------------------------------------------------- */

/* The trace's bytes stand for its path where the scenario's text is looked at for what it is. */
static char *trace_scenario_text(const json_t *root, const char *path)
{
	json_t *copy = json_deep_copy(root);
	json_t *actor = json_array_get(json_object_get(copy, "actors"), 0);
	g_autofree char *bytes = NULL, *sum = NULL;
	gsize length = 0;
	char *text;

	/* What can't be read is an error of the actor's. */
	if (g_file_get_contents(path, &bytes, &length, NULL))
		sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)bytes, length);
	json_object_set_new(actor, TRACE_PATH_KEY, json_string(sum ? sum : ""));
	text = json_dumps(copy, JSON_INDENT(1));
	json_decref(copy);
	return text;
}

static bool open_trace(struct loader *loader, const char *path, const char *form)
{
	g_autofree char *name = g_path_get_basename(path);

	loader->synthesised = true;
	loader->root =
		json_pack("{s:s, s:s, s:{s:b, s:b}, s:[{s:s, s:s, s:s}], s:{s:{s:s}}}", "name",
			  name, "question", "What does this trace do under each variant?",
			  "machine", "spread", 0, "flushers", 0, "actors", "kind", TRACE_KIND,
			  TRACE_PATH_KEY, path, "form", form, "variants", "none", "design", "none");
	if (!loader->root) /* the path is no UTF-8 */
		return false;
	loader->source.path = g_strdup(path);
	loader->source.text = trace_scenario_text(loader->root, path);
	loader->source.length = strlen(loader->source.text);
	return true;
}

/* ---- loading ------------------------------------------------------------------------------ */

/* From the text that was read, of a scenario or of a script, which its name tells. */
static bool open_text(struct loader *loader, const char *name,
		      const struct scenario_registry *registry, GError **error)
{
	const struct actor_kind *kind = actor_kind_find(registry, SCRIPT_KIND);

	if (!g_str_has_suffix(name, SCRIPT_SUFFIX)) {
		loader->root = source_json(&loader->source, error);
		return loader->root;
	}
	loader->synthesised = true;
	if (!kind)
		return loader_fail(loader, error, "no kind of actor here runs scripts");
	if (strlen(loader->source.text) != loader->source.length)
		return loader_fail(loader, error, "the script holds a NUL byte");
	loader->root = scenario_of_script(&loader->source, kind);
	return true;
}

static bool open_source(struct loader *loader, const char *name,
			const struct scenario_registry *registry, GError **error)
{
	bool script = g_str_has_suffix(name, SCRIPT_SUFFIX);
	GError *cause = NULL;
	g_autofree char *path = library_find("scenarios", ".json", script ? "script" : "scenario",
					     name, NULL, &cause);

	if (!path) {
		g_propagate_prefixed_error(error, cause, "%s: error: ", name);
		return false;
	}
	return source_read(&loader->source, path, script ? "script" : "scenario", error) &&
	       open_text(loader, name, registry, error);
}

static bool open_given(struct loader *loader, const char *name,
		       const struct scenario_options *options,
		       const struct scenario_registry *registry, GError **error)
{
	if (!options || !options->from)
		return open_source(loader, name, registry, error);
	if (open_trace(loader, name, options->from))
		return true;
	g_set_error(error, SCENARIO_ERROR, SCENARIO_ERROR_BAD,
		    "error: the path of the trace is no UTF-8");
	return false;
}

static bool apply_options(struct loader *loader, struct scenario *scenario,
			  const struct scenario_options *options,
			  const struct scenario_registry *registry, GError **error)
{
	scenario->overrides = g_ptr_array_new_with_free_func(g_free);
	if (!options)
		return true;
	if (options->variants && options->variants[0]) {
		loader->variants_replaced = true;
		scenario->variants_given = true;
		if (!scenario_replace_variants(loader, registry->variant_params, options->variants,
					       error))
			return false;
	}
	for (size_t i = 0; options->sets && options->sets[i]; i++) {
		if (!scenario_set(loader, registry, options->sets[i], error))
			return false;
		g_ptr_array_add(scenario->overrides, g_strdup(options->sets[i]));
	}
	return true;
}

static char *default_name(const char *path)
{
	char *name = g_path_get_basename(path);
	char *dot = strrchr(name, '.');

	if (dot && dot != name)
		*dot = '\0';
	return name;
}

static bool read_top(struct loader *loader, struct scenario *scenario,
		     const struct scenario_options *options, int64_t *scale_times, GError **error)
{
	struct scenario_keys keys = {.name = NULL};
	bool fine = read_object(loader, loader->root, scenario_params, scenario_sections,
				"the scenario", &keys, error);

	scenario->name = keys.name ? keys.name : default_name(loader->source.path);
	scenario->question = keys.question;
	scenario->doc = keys.doc;
	scenario->answer = keys.answer;
	scenario->depends = keys.depends;
	scenario->kind = (enum scenario_kind)keys.kind;
	scenario->seed = options && options->seed_given ? options->seed : (uint64_t)keys.seed;
	scenario->replications = options && options->replications_given
					 ? options->replications
					 : (uint32_t)keys.replications;
	scenario->until_ns = keys.until_ns ? (sim_ns)keys.until_ns : SIM_NEVER;
	*scale_times = keys.scale_times;
	return fine;
}

/* The scenario without what is stated beside its digest, its variants as a list, which a sorted
 * form keeps in order. */
static char *digest(const struct loader *loader)
{
	json_t *root = json_copy(loader->root), *list = json_array(), *value;
	const char *name;
	char *sum;

	json_object_del(root, "$schema");
	json_object_del(root, "seed");
	json_object_del(root, "replications");
	json_object_foreach(json_object_get(loader->root, "variants"), name, value)
		json_array_append_new(list, json_pack("[s, O]", name, value));
	json_object_set_new(root, "variants", list);
	if (loader->synthesised) {
		json_t *actor = json_copy(json_array_get(json_object_get(root, "actors"), 0));

		json_object_del(actor, SCRIPT_PATH_KEY);
		if (!json_object_del(actor, TRACE_PATH_KEY))
			json_object_set_new(root, "text", json_string(loader->source.text));
		json_object_set_new(root, "actors", json_pack("[o]", actor));
	}
	sum = json_digest(root);
	json_decref(root);
	return sum;
}

static bool read_measure(struct loader *loader, struct scenario *scenario, GError **error)
{
	const json_t *list = json_object_get(loader->root, "measure");
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	size_t i, mark = loader_enter(loader, "measure");
	json_t *name;

	if (list && !read_is_array(loader, list, error))
		return false;
	json_array_foreach(list, i, name)
	{
		size_t at = loader_enter_index(loader, i);

		if (!json_is_string(name))
			return loader_fail(loader, error, "measure: expected names of metrics");
		g_ptr_array_add(names, g_strdup(json_string_value(name)));
		loader_leave(loader, at);
	}
	if (!list && scenario->points->len > 1)
		return loader_fail(loader, error,
				   "a scenario with axes says what its tables show: \"measure\": "
				   "[\"ops.read.latency_p50_ns\"]");
	g_ptr_array_add(names, NULL);
	scenario->measure = list ? (char **)g_ptr_array_steal(names, NULL) : NULL;
	loader_leave(loader, mark);
	return true;
}

static bool check_options(const struct scenario *scenario, const struct scenario_options *options,
			  GError **error)
{
	if (!options)
		return true;
	return (!options->seed_given || scenario_check_option(scenario, "--seed", "seed", error)) &&
	       (!options->replications_given ||
		scenario_check_option(scenario, "--replications", "replications", error));
}

static bool read_all(struct loader *loader, struct scenario *scenario,
		     const struct scenario_options *options,
		     const struct scenario_registry *registry, GError **error)
{
	int64_t scale_times;

	return apply_options(loader, scenario, options, registry, error) &&
	       scenario_read_axes(loader, scenario, error) &&
	       check_options(scenario, options, error) && scenario_fill_params(loader, error) &&
	       read_measure(loader, scenario, error) &&
	       read_top(loader, scenario, options, &scale_times, error) &&
	       scenario_read_variants(loader, registry, scenario, error) &&
	       scenario_read_actors(loader, registry, scenario, error) &&
	       scenario_read_expect(loader, scenario, error) &&
	       scenario_read_machine(loader, scenario, scale_times, error) &&
	       scenario_fit_variants(loader, registry, scenario, error) &&
	       scenario_read_filesystem(loader, scenario, error);
}

/* Takes what the loader has opened. */
static struct scenario *load(struct loader *loader, bool opened,
			     const struct scenario_options *options,
			     const struct scenario_registry *registry, GError **error)
{
	struct scenario *scenario = g_new0(struct scenario, 1);

	scenario->registry = registry;
	if (!opened || !read_all(loader, scenario, options, registry, error)) {
		g_clear_pointer(&scenario, scenario_free);
	} else {
		scenario->digest = digest(loader);
		scenario->path = g_strdup(loader->source.path);
		scenario->text = g_steal_pointer(&loader->source.text);
	}
	loader_clear(loader);
	return scenario;
}

struct scenario *scenario_load(const char *name_or_path, const struct scenario_options *options,
			       const struct scenario_registry *registry, GError **error)
{
	struct loader loader;
	bool opened;

	loader_init(&loader);
	opened = open_given(&loader, name_or_path, options, registry, error);
	return load(&loader, opened, options, registry, error);
}

/* The options with every axis at its step. Those of the user about axes have given way. */
static char **point_sets(const struct scenario *scenario, guint point,
			 const struct scenario_options *options)
{
	GPtrArray *sets = g_ptr_array_new();

	for (size_t i = 0; options->sets && options->sets[i]; i++)
		if (!g_str_has_prefix(options->sets[i], "axes."))
			g_ptr_array_add(sets, g_strdup(options->sets[i]));
	for (guint i = 0; i < scenario->axes->len; i++) {
		const struct scenario_axis *axis = scenario->axes->pdata[i];

		g_ptr_array_add(sets,
				g_strdup_printf("axes.%s=%s", axis->name,
						scenario_point_step(scenario, point, i)->label));
	}
	g_ptr_array_add(sets, NULL);
	return (char **)g_ptr_array_free(sets, FALSE);
}

struct scenario *scenario_of_text(const char *path, const char *text,
				  const struct scenario_options *options,
				  const struct scenario_registry *registry, GError **error)
{
	struct loader loader;
	bool opened;

	loader_init(&loader);
	loader.source.path = g_strdup(path);
	loader.source.text = g_strdup(text);
	loader.source.length = strlen(text);
	opened = open_text(&loader, path, registry, error);
	return load(&loader, opened, options, registry, error);
}

struct scenario *scenario_at_point(const struct scenario *scenario, guint point,
				   const struct scenario_options *options, GError **error)
{
	struct scenario_options at = *options;
	g_auto(GStrv) sets = point_sets(scenario, point, options);

	at.sets = (const char *const *)sets;
	return scenario_of_text(scenario->path, scenario->text, &at, scenario->registry, error);
}

void scenario_free(struct scenario *scenario)
{
	if (!scenario)
		return;
	scenario_free_variants(scenario, scenario->registry->variant_params);
	g_clear_pointer(&scenario->actors, g_ptr_array_unref);
	g_clear_pointer(&scenario->expect, g_ptr_array_unref);
	g_clear_pointer(&scenario->overrides, g_ptr_array_unref);
	g_clear_pointer(&scenario->axes, g_ptr_array_unref);
	g_clear_pointer(&scenario->points, g_ptr_array_unref);
	g_strfreev(scenario->measure);
	g_clear_pointer(&scenario->image, fs_image_free);
	cost_profile_free(scenario->profile);
	g_free(scenario->image_path);
	g_free(scenario->image_key);
	g_free(scenario->modprobe_path);
	g_free(scenario->path);
	g_free(scenario->name);
	g_free(scenario->question);
	g_free(scenario->doc);
	g_free(scenario->answer);
	g_free(scenario->depends);
	g_free(scenario->text);
	g_free(scenario->digest);
	g_free(scenario);
}
