/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "results/reader.h"

#include <stdarg.h>
#include <string.h>

void reader_enter(struct reader *r, const char *key)
{
	g_assert(r->parts < READER_DEPTH_MAX);
	r->path[r->parts++] = key;
}

void reader_enter_index(struct reader *r, size_t index)
{
	char *text = r->index_text[r->parts];

	g_snprintf(text, READER_INDEX_TEXT_MAX, "%" G_GSIZE_FORMAT, index);
	reader_enter(r, text);
}

void reader_leave(struct reader *r)
{
	g_assert(r->parts > 0);
	r->parts--;
}

void reader_fail(struct reader *r, const char *format, ...)
{
	g_autoptr(GString) where = g_string_new(NULL);
	g_autofree char *what = NULL;
	unsigned line, column;
	va_list args;

	if (r->failed)
		return;
	r->failed = true;
	va_start(args, format);
	what = g_strdup_vprintf(format, args);
	va_end(args);
	locate(r->text, r->bytes, r->path, r->parts, &line, &column);
	for (size_t i = 0; i < r->parts; i++)
		g_string_append_printf(where, "/%s", r->path[i]);
	g_set_error(r->error, RESULTS_ERROR, RESULTS_ERROR_INPUT, "%s:%u:%u: error: %s: %s",
		    r->name, line, column, where->len ? where->str : "/", what);
}

static const char *type_name(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
		return "an integer";
	case JSON_REAL:
		return "a number with a fraction";
	case JSON_TRUE:
	case JSON_FALSE:
		return "a truth value";
	default:
		return "null";
	}
}

void reader_keys(struct reader *r, const json_t *value, const char *const *keys)
{
	const char *key;
	json_t *member;

	if (r->failed)
		return;
	if (!json_is_object(value)) {
		reader_fail(r, "expected an object, got %s", type_name(value));
		return;
	}
	json_object_foreach((json_t *)value, key, member)
	{
		if (g_strv_contains(keys, key))
			continue;
		reader_enter(r, key);
		reader_fail(r, "unknown key '%s'", key);
		reader_leave(r);
	}
}

/* The member, if it is there and `accepts` it; else the failure is noted. */
static const json_t *member_of(struct reader *r, const json_t *object, const char *key,
			       bool (*accepts)(const json_t *), const char *expected)
{
	const json_t *value;

	if (r->failed)
		return NULL;
	value = json_object_get(object, key);
	if (!value) {
		reader_fail(r, "'%s' is missing", key);
		return NULL;
	}
	if (accepts(value))
		return value;
	reader_enter(r, key);
	reader_fail(r, "expected %s, got %s", expected, type_name(value));
	reader_leave(r);
	return NULL;
}

static bool is_object(const json_t *v)
{
	return json_is_object(v);
}

static bool is_array(const json_t *v)
{
	return json_is_array(v);
}

static bool is_string(const json_t *v)
{
	return json_is_string(v);
}

static bool is_bool(const json_t *v)
{
	return json_is_boolean(v);
}

static bool is_integer(const json_t *v)
{
	return json_is_integer(v);
}

static bool is_number(const json_t *v)
{
	return json_is_number(v);
}

const json_t *reader_object(struct reader *r, const json_t *object, const char *key)
{
	return member_of(r, object, key, is_object, "an object");
}

const json_t *reader_array(struct reader *r, const json_t *object, const char *key)
{
	return member_of(r, object, key, is_array, "an array");
}

const json_t *reader_array_of(struct reader *r, const json_t *object, const char *key,
			      size_t elements)
{
	const json_t *array = reader_array(r, object, key);

	if (array && json_array_size(array) != elements) {
		reader_enter(r, key);
		reader_fail(r, "expected %zu elements, one for each replication, got %zu", elements,
			    json_array_size(array));
		reader_leave(r);
		return NULL;
	}
	return array;
}

const char *reader_string(struct reader *r, const json_t *object, const char *key)
{
	return json_string_value(member_of(r, object, key, is_string, "a string"));
}

bool reader_bool(struct reader *r, const json_t *object, const char *key)
{
	return json_is_true(member_of(r, object, key, is_bool, "true or false"));
}

int64_t reader_int(struct reader *r, const json_t *object, const char *key, int64_t min)
{
	const json_t *value = member_of(r, object, key, is_integer, "an integer");
	int64_t number = json_integer_value(value);

	if (!value || number >= min)
		return number;
	reader_enter(r, key);
	reader_fail(r, "expected at least %" G_GINT64_FORMAT ", got %" G_GINT64_FORMAT, min,
		    number);
	reader_leave(r);
	return 0;
}

double reader_number(struct reader *r, const json_t *object, const char *key)
{
	return json_number_value(member_of(r, object, key, is_number, "a number"));
}

int reader_word(struct reader *r, const json_t *object, const char *key,
		const char *const words[static 3])
{
	const char *word = reader_string(r, object, key);

	if (!word)
		return 0;
	for (int i = 0; i < 3; i++)
		if (strcmp(word, words[i]) == 0)
			return i;
	reader_enter(r, key);
	reader_fail(r, "expected '%s', '%s' or '%s', got '%s'", words[0], words[1], words[2], word);
	reader_leave(r);
	return 0;
}

const char *reader_this_string(struct reader *r, const json_t *value)
{
	if (!json_is_string(value))
		reader_fail(r, "expected a string, got %s", type_name(value));
	return r->failed ? NULL : json_string_value(value);
}

uint64_t reader_this_digest(struct reader *r, const json_t *value)
{
	enum { DIGEST_DIGITS = 16 };
	const char *text = reader_this_string(r, value);

	if (!text)
		return 0;
	if (strlen(text) != DIGEST_DIGITS || strspn(text, "0123456789abcdef") != DIGEST_DIGITS) {
		reader_fail(r, "expected 16 hexadecimal digits, got '%s'", text);
		return 0;
	}
	return g_ascii_strtoull(text, NULL, 16);
}

/* What one document may make this program allocate: metrics times replications. */
enum { FIGURES_MAX = 1 << 24 };

void reader_count_figures(struct reader *r, uint64_t figures)
{
	r->figures += figures;
	if (r->figures > FIGURES_MAX)
		reader_fail(r, "more than %d figures, the most a document may have", FIGURES_MAX);
}
