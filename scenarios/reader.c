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

void reader_init(struct reader *reader)
{
	*reader = (struct reader){.at = g_string_new(NULL)};
	reader->overrides = g_ptr_array_new_with_free_func(override_free);
}

void reader_clear(struct reader *reader)
{
	source_clear(&reader->source);
	json_decref(reader->root);
	g_string_free(reader->at, TRUE);
	g_ptr_array_unref(reader->overrides);
}

size_t reader_enter(struct reader *reader, const char *key)
{
	size_t mark = reader->at->len;

	g_string_append_c(reader->at, '/');
	for (; *key; key++) {
		if (*key == '~' || *key == '/')
			g_string_append(reader->at, *key == '~' ? "~0" : "~1");
		else
			g_string_append_c(reader->at, *key);
	}
	return mark;
}

size_t reader_enter_index(struct reader *reader, size_t index)
{
	size_t mark = reader->at->len;

	g_string_append_printf(reader->at, "/%zu", index);
	return mark;
}

void reader_leave(struct reader *reader, size_t mark)
{
	g_string_truncate(reader->at, mark);
}

void reader_override(struct reader *reader, const char *pointer, const char *origin)
{
	struct override *override = g_new(struct override, 1);

	override->pointer = g_strdup(pointer);
	override->origin = g_strdup(origin);
	g_ptr_array_add(reader->overrides, override);
}

const char *reader_override_here(const struct reader *reader)
{
	for (guint i = reader->overrides->len; i-- > 0;) {
		const struct override *override = g_ptr_array_index(reader->overrides, i);
		size_t length = strlen(override->pointer);

		if (!strncmp(reader->at->str, override->pointer, length) &&
		    (!reader->at->str[length] || reader->at->str[length] == '/'))
			return override->origin;
	}
	return NULL;
}

/* ---- errors ------------------------------------------------------------------------------- */

static char *place_text(const struct reader *reader, bool key)
{
	const char *origin = reader_override_here(reader);
	unsigned line, column;

	if (origin)
		return g_strdup(origin);
	if (reader->synthesised)
		return g_strdup(reader->source.path);
	source_locate(&reader->source, reader->at->str, key, &line, &column);
	return g_strdup_printf("%s:%u:%u", reader->source.path, line, column);
}

static bool fail_at(const struct reader *reader, bool key, const char *message, GError **error)
{
	g_autofree char *place = place_text(reader, key);

	g_set_error(error, SCENARIO_ERROR, SCENARIO_ERROR_BAD, "%s: error: %s", place, message);
	return false;
}

bool reader_fail(const struct reader *reader, GError **error, const char *format, ...)
{
	g_autofree char *message = NULL;
	va_list args;

	va_start(args, format);
	message = g_strdup_vprintf(format, args);
	va_end(args);
	return fail_at(reader, false, message, error);
}

bool reader_fail_key(const struct reader *reader, GError **error, const char *format, ...)
{
	g_autofree char *message = NULL;
	va_list args;

	va_start(args, format);
	message = g_strdup_vprintf(format, args);
	va_end(args);
	return fail_at(reader, true, message, error);
}

bool reader_prefix(const struct reader *reader, GError *cause, GError **error)
{
	fail_at(reader, false, cause->message, error);
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

static bool fail_type(const struct reader *reader, const json_t *json, const char *expected,
		      GError **error)
{
	g_autofree char *got = value_text(json);
	const char *last = strrchr(reader->at->str, '/');

	return reader_fail(reader, error, "%s: expected %s, got %s", last ? last + 1 : "top",
			   expected, got);
}

bool read_is_object(const struct reader *reader, const json_t *json, GError **error)
{
	return json_is_object(json) || fail_type(reader, json, "an object", error);
}

bool read_is_array(const struct reader *reader, const json_t *json, GError **error)
{
	return json_is_array(json) || fail_type(reader, json, "a list", error);
}

static bool read_lines(struct reader *reader, const struct sim_param *param, const json_t *json,
		       void *config, GError **error)
{
	g_autoptr(GString) lines = g_string_new(NULL);
	size_t i;
	json_t *line;

	json_array_foreach(json, i, line) {
		size_t mark = reader_enter_index(reader, i);

		if (!json_is_string(line))
			return fail_type(reader, line, "a text", error);
		if (strpbrk(json_string_value(line), "\r\n"))
			return reader_fail(reader, error, "%s: an element is one line, without \\n",
					   param->name);
		g_string_append_printf(lines, "%s%s", i ? "\n" : "", json_string_value(line));
		reader_leave(reader, mark);
	}
	return sim_param_set(param, config, lines->str, error);
}

/* The text that sim_param_set() reads, or NULL if the JSON type is not the row's. */
static char *text_of_json(const struct sim_param *param, const json_t *json)
{
	bool unit = param->type == SIM_PARAM_BYTES || param->type == SIM_PARAM_TIME;
	bool number = param->type == SIM_PARAM_INT || unit || param->type == SIM_PARAM_DIST;

	if (json_is_integer(json) && number)
		return g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(json));
	if (json_is_boolean(json) && param->type == SIM_PARAM_BOOL)
		return g_strdup(json_is_true(json) ? "true" : "false");
	if (json_is_string(json) && param->type != SIM_PARAM_INT &&
	    param->type != SIM_PARAM_BOOL && param->type != SIM_PARAM_LINES)
		return g_strdup(json_string_value(json));
	return NULL;
}

bool read_value(struct reader *reader, const struct sim_param *param, const json_t *json,
		void *config, GError **error)
{
	g_autofree char *text = NULL, *expected = NULL, *got = NULL;
	GError *cause = NULL;

	if (param->type == SIM_PARAM_LINES && json_is_array(json))
		return read_lines(reader, param, json, config, error);
	text = text_of_json(param, json);
	if (text)
		return sim_param_set(param, config, text, &cause) ||
		       reader_prefix(reader, cause, error);
	expected = sim_param_expects(param);
	got = value_text(json);
	return reader_fail(reader, error, "%s: expected %s, got %s", param->name, expected, got);
}

json_t *json_of_text(const struct sim_param *param, const char *text)
{
	json_t *json = NULL;

	if (!param || param->type == SIM_PARAM_INT || param->type == SIM_PARAM_BOOL ||
	    param->type == SIM_PARAM_LINES)
		json = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
	if (!json && param && param->type == SIM_PARAM_LINES)
		return json_pack("[s]", text);
	if (!json && param && param->type != SIM_PARAM_TEXT && text[0] == '"')
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

static bool fail_unknown(const struct reader *reader, const struct sim_param *table,
			 const char *const *sections, const char *what, const char *key,
			 GError **error)
{
	g_autofree const char **names = known_keys(table, sections);
	g_autofree char *list = g_strjoinv(", ", (char **)names);
	const char *nearest = sim_name_nearest(names, key);

	if (nearest)
		return reader_fail_key(reader, error, "unknown key \"%s\" in %s\ndid you mean \"%s\"?",
				       key, what, nearest);
	return reader_fail_key(reader, error, "unknown key \"%s\" in %s\nknown keys: %s", key, what,
			       list);
}

static bool check_required(const struct reader *reader, const json_t *json,
			   const struct sim_param *table, const char *what, GError **error)
{
	for (; table->name; table++)
		if (!table->fallback && !json_object_get(json, table->name))
			return reader_fail(reader, error, "%s lacks the key \"%s\"\n%s", what,
					   table->name, table->help);
	return true;
}

bool read_object(struct reader *reader, const json_t *json, const struct sim_param *table,
		 const char *const *sections, const char *what, void *config, GError **error)
{
	const char *key;
	json_t *value;

	if (!read_is_object(reader, json, error))
		return false;
	sim_param_defaults(table, config);
	json_object_foreach((json_t *)json, key, value) {
		const struct sim_param *param = sim_param_find(table, key);
		size_t mark = reader_enter(reader, key);

		if (param && !read_value(reader, param, value, config, error))
			return false;
		if (!param && !strcmp(key, "doc") && !json_is_string(value))
			return fail_type(reader, value, "a text", error);
		if (!param && strcmp(key, "doc") && !is_section(sections, key))
			return fail_unknown(reader, table, sections, what, key, error);
		reader_leave(reader, mark);
	}
	return check_required(reader, json, table, what, error);
}
