/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading JSON by parameter tables, with errors that name the place. */
#include "scenarios/loader.h"

#include <string.h>

/* ---- where we are ------------------------------------------------------------------------- */

static void override_free(gpointer data)
{
	struct override *override = data;

	g_free(override->pointer);
	g_free(override->origin);
	g_free(override);
}

void loader_init(struct loader *loader)
{
	*loader = (struct loader){.at = g_string_new(NULL)};
	loader->overrides = g_ptr_array_new_with_free_func(override_free);
}

void loader_clear(struct loader *loader)
{
	source_clear(&loader->source);
	json_decref(loader->root);
	g_string_free(loader->at, TRUE);
	g_ptr_array_unref(loader->overrides);
}

size_t loader_enter(struct loader *loader, const char *key)
{
	size_t mark = loader->at->len;

	g_string_append_c(loader->at, '/');
	for (; *key; key++) {
		if (*key == '~' || *key == '/')
			g_string_append(loader->at, *key == '~' ? "~0" : "~1");
		else
			g_string_append_c(loader->at, *key);
	}
	return mark;
}

size_t loader_enter_index(struct loader *loader, size_t index)
{
	size_t mark = loader->at->len;

	g_string_append_printf(loader->at, "/%zu", index);
	return mark;
}

void loader_leave(struct loader *loader, size_t mark)
{
	g_string_truncate(loader->at, mark);
}

void loader_override(struct loader *loader, const char *pointer, const char *origin)
{
	struct override *override = g_new(struct override, 1);

	override->pointer = g_strdup(pointer);
	override->origin = g_strdup(origin);
	override->of_axis = loader->in_axis;
	g_ptr_array_add(loader->overrides, override);
}

static const struct override *override_here(const struct loader *loader)
{
	for (guint i = loader->overrides->len; i-- > 0;) {
		const struct override *override = g_ptr_array_index(loader->overrides, i);
		size_t length = strlen(override->pointer);

		if (!strncmp(loader->at->str, override->pointer, length) &&
		    (!loader->at->str[length] || loader->at->str[length] == '/'))
			return override;
	}
	return NULL;
}

const char *loader_override_here(const struct loader *loader)
{
	const struct override *override = override_here(loader);

	return override ? override->origin : NULL;
}

const char *loader_beside(const struct loader *loader)
{
	const struct override *override = override_here(loader);

	return loader->synthesised || (override && !override->of_axis) ? NULL : loader->source.path;
}

/* ---- errors ------------------------------------------------------------------------------- */

/* The last option that changed something below the place reached. */
static const char *override_below(const struct loader *loader)
{
	for (guint i = loader->overrides->len; i-- > 0;) {
		const struct override *override = g_ptr_array_index(loader->overrides, i);

		if (!strncmp(override->pointer, loader->at->str, loader->at->len) &&
		    override->pointer[loader->at->len] == '/')
			return override->origin;
	}
	return NULL;
}

static char *place_text(const struct loader *loader, bool key, bool below)
{
	const char *origin = loader_override_here(loader);
	unsigned line, column;

	if (!origin && below)
		origin = override_below(loader);
	if (origin)
		return g_strdup(origin);
	if (loader->synthesised)
		return g_strdup(loader->source.path);
	source_locate(&loader->source, loader->at->str, key, &line, &column);
	return g_strdup_printf("%s:%u:%u", loader->source.path, line, column);
}

/* What a file holds must not steer the terminal. */
static char *plain_text(const char *text)
{
	char *plain = g_strdup(text);

	for (char *at = plain; *at; at++)
		if (g_ascii_iscntrl(*at) && *at != '\n')
			*at = '?';
	return plain;
}

static bool fail_at(char *place, const char *message, GError **error)
{
	g_autofree char *plain = plain_text(message);

	g_set_error(error, SCENARIO_ERROR, SCENARIO_ERROR_BAD, "%s: error: %s", place, plain);
	g_free(place);
	return false;
}

bool loader_fail(const struct loader *loader, GError **error, const char *format, ...)
{
	g_autofree char *message = NULL;
	va_list args;

	va_start(args, format);
	message = g_strdup_vprintf(format, args);
	va_end(args);
	return fail_at(place_text(loader, false, false), message, error);
}

bool loader_fail_key(const struct loader *loader, GError **error, const char *format, ...)
{
	g_autofree char *message = NULL;
	va_list args;

	va_start(args, format);
	message = g_strdup_vprintf(format, args);
	va_end(args);
	return fail_at(place_text(loader, true, false), message, error);
}

bool loader_prefix(const struct loader *loader, GError *cause, GError **error)
{
	fail_at(place_text(loader, false, true), cause->message, error);
	g_error_free(cause);
	return false;
}

/* ---- values ------------------------------------------------------------------------------- */

/* A value as messages show it: short, on one line. */
static char *value_text(const json_t *json)
{
	enum { SHOWN_MAX = 60 };
	char *text;

	if (json_is_object(json))
		return g_strdup("an object");
	if (json_is_array(json))
		return g_strdup("a list");
	text = json_dumps(json, JSON_ENCODE_ANY);
	if (!text || g_utf8_strlen(text, -1) <= SHOWN_MAX)
		return text;
	strcpy(g_utf8_offset_to_pointer(text, SHOWN_MAX - 4), "…");
	return text;
}

static bool fail_type(const struct loader *loader, const json_t *json, const char *expected,
		      GError **error)
{
	g_autofree char *got = value_text(json);
	const char *last = strrchr(loader->at->str, '/');

	return loader_fail(loader, error, "%s: expected %s, got %s", last ? last + 1 : "top",
			   expected, got);
}

bool read_is_object(const struct loader *loader, const json_t *json, GError **error)
{
	return json_is_object(json) || fail_type(loader, json, "an object", error);
}

bool read_is_array(const struct loader *loader, const json_t *json, GError **error)
{
	return json_is_array(json) || fail_type(loader, json, "a list", error);
}

static bool read_lines(struct loader *loader, const struct sim_param *param, const json_t *json,
		       void *config, GError **error)
{
	g_autoptr(GString) lines = g_string_new(NULL);
	size_t i;
	json_t *line;

	json_array_foreach(json, i, line)
	{
		size_t mark = loader_enter_index(loader, i);

		if (!json_is_string(line))
			return fail_type(loader, line, "a text", error);
		if (strpbrk(json_string_value(line), "\r\n"))
			return loader_fail(loader, error, "%s: an element is one line, without \\n",
					   param->name);
		g_string_append_printf(lines, "%s%s", i ? "\n" : "", json_string_value(line));
		loader_leave(loader, mark);
	}
	return sim_param_set(param, config, lines->str, error);
}

/* The text that sim_param_set() reads, or NULL if the JSON type is not the row's. */
static char *text_of_json(const struct sim_param *param, const json_t *json)
{
	bool unit = param->type == SIM_PARAM_BYTES || param->type == SIM_PARAM_TIME ||
		    param->type == SIM_PARAM_DIST;
	bool nothing = json_is_integer(json) && !json_integer_value(json);

	if (json_is_integer(json) && (param->type == SIM_PARAM_INT || (unit && nothing)))
		return g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(json));
	if (json_is_boolean(json) && param->type == SIM_PARAM_BOOL)
		return g_strdup(json_is_true(json) ? "true" : "false");
	if (json_is_string(json) && param->type != SIM_PARAM_INT && param->type != SIM_PARAM_BOOL &&
	    param->type != SIM_PARAM_LINES)
		return g_strdup(json_string_value(json));
	return NULL;
}

bool read_value(struct loader *loader, const struct sim_param *param, const json_t *json,
		void *config, GError **error)
{
	g_autofree char *text = NULL, *expected = NULL, *got = NULL;
	GError *cause = NULL;

	if (param->type == SIM_PARAM_LINES && json_is_array(json))
		return read_lines(loader, param, json, config, error);
	text = text_of_json(param, json);
	if (text && param->type == SIM_PARAM_FILE && *text) {
		char *given = text;

		text = path_beside(given, loader_beside(loader));
		g_free(given);
	}
	if (text)
		return sim_param_set(param, config, text, &cause) ||
		       loader_prefix(loader, cause, error);
	expected = sim_param_expects(param);
	got = value_text(json);
	return loader_fail(loader, error, "%s: expected %s, got %s", param->name, expected, got);
}

json_t *json_of_text(const struct sim_param *param, const char *text)
{
	json_t *json = NULL;

	if (!param || param->type == SIM_PARAM_INT || param->type == SIM_PARAM_BOOL ||
	    param->type == SIM_PARAM_LINES)
		json = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
	if (!json && param && param->type == SIM_PARAM_LINES)
		return json_pack("[s]", text);
	if (!json && param && param->type != SIM_PARAM_TEXT && param->type != SIM_PARAM_FILE &&
	    text[0] == '"')
		json = json_loads(text, JSON_DECODE_ANY, NULL);
	return json ? json : json_string(text);
}

/* ---- objects ------------------------------------------------------------------------------ */

static bool is_section(const char *const *sections, const char *key)
{
	return sections && g_strv_contains(sections, key);
}

/* Every key that an object may have; the caller frees the list only. */
static const char **known_keys(const struct sim_param *table, const char *const *sections)
{
	GPtrArray *names = g_ptr_array_new();

	for (; table->name; table++)
		g_ptr_array_add(names, (gpointer)table->name);
	for (; sections && *sections; sections++)
		g_ptr_array_add(names, (gpointer)*sections);
	g_ptr_array_add(names, (gpointer) "doc");
	g_ptr_array_add(names, NULL);
	return (const char **)g_ptr_array_free(names, FALSE);
}

static bool fail_unknown(const struct loader *loader, const struct sim_param *table,
			 const char *const *sections, const char *what, const char *key,
			 GError **error)
{
	g_autofree const char **names = known_keys(table, sections);
	g_autofree char *list = g_strjoinv(", ", (char **)names);
	g_autofree char *quoted = NULL;
	const char *nearest = sim_name_nearest(names, key);
	json_t *json = json_string(key);

	quoted = json_dumps(json, JSON_ENCODE_ANY);
	json_decref(json);
	if (nearest)
		return loader_fail_key(loader, error, "unknown key %s in %s\ndid you mean \"%s\"?",
				       quoted, what, nearest);
	return loader_fail_key(loader, error, "unknown key %s in %s\nknown keys: %s", quoted, what,
			       list);
}

static bool check_required(const struct loader *loader, const json_t *json,
			   const struct sim_param *table, const char *what, GError **error)
{
	for (; table->name; table++)
		if (!table->fallback && !json_object_get(json, table->name))
			return loader_fail(loader, error, "%s lacks the key \"%s\"\n%s", what,
					   table->name, table->help);
	return true;
}

bool read_object(struct loader *loader, const json_t *json, const struct sim_param *table,
		 const char *const *sections, const char *what, void *config, GError **error)
{
	const char *key;
	json_t *value;

	if (!read_is_object(loader, json, error))
		return false;
	sim_param_defaults(table, config);
	json_object_foreach((json_t *)json, key, value)
	{
		const struct sim_param *param = sim_param_find(table, key);
		size_t mark = loader_enter(loader, key);

		if (param && !read_value(loader, param, value, config, error))
			return false;
		if (!param && !strcmp(key, "doc") && !json_is_string(value))
			return fail_type(loader, value, "a text", error);
		if (!param && strcmp(key, "doc") && !is_section(sections, key))
			return fail_unknown(loader, table, sections, what, key, error);
		loader_leave(loader, mark);
	}
	return check_required(loader, json, table, what, error);
}
