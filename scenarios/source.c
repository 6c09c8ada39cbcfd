/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading a text file of the library or the user's, and its JSON. */
#include "scenarios/loader.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

GQuark scenario_error_quark(void)
{
	return g_quark_from_static_string("scenario-error");
}

/* A path that can't be opened is the caller's mistake; a device that fails is not. */
static bool fail_errno(const char *path, const char *what, int err, GError **error)
{
	bool io = err == EIO || err == ENOMEM || err == EMFILE || err == ENFILE;

	g_set_error(error, SCENARIO_ERROR, io ? SCENARIO_ERROR_IO : SCENARIO_ERROR_BAD,
		    "%s: error: can't read the %s: %s", path, what, g_strerror(err));
	return false;
}

static bool fail(const char *path, GError **error, const char *message)
{
	g_set_error(error, SCENARIO_ERROR, SCENARIO_ERROR_BAD, "%s: error: %s", path, message);
	return false;
}

static bool fail_too_big(const char *path, const char *what, GError **error)
{
	g_set_error(error, SCENARIO_ERROR, SCENARIO_ERROR_BAD,
		    "%s: error: the %s is larger than %zu MiB, the most that is read", path, what,
		    SOURCE_BYTES_MAX >> 20);
	return false;
}

static bool read_descriptor(struct source *source, int fd, const char *what, GError **error)
{
	GString *text = g_string_new(NULL);
	char chunk[1 << 16];
	ssize_t got;

	do {
		got = read(fd, chunk, sizeof(chunk));
		if (got > 0)
			g_string_append_len(text, chunk, got);
	} while ((got > 0 && text->len <= SOURCE_BYTES_MAX) || (got < 0 && errno == EINTR));
	source->length = text->len;
	source->text = g_string_free(text, FALSE);
	if (got < 0)
		return fail_errno(source->path, what, errno, error);
	if (source->length > SOURCE_BYTES_MAX)
		return fail_too_big(source->path, what, error);
	return true;
}

static bool check_text(const struct source *source, const char *what, GError **error)
{
	const char *end;
	unsigned line = 1;

	if (!source->length) {
		g_set_error(error, SCENARIO_ERROR, SCENARIO_ERROR_BAD, "%s: error: the %s is empty",
			    source->path, what);
		return false;
	}
	if (g_utf8_validate(source->text, (gssize)source->length, &end))
		return true;
	for (const char *at = source->text; at < end; at++)
		line += *at == '\n';
	g_set_error(error, SCENARIO_ERROR, SCENARIO_ERROR_BAD,
		    "%s:%u:1: error: the line is not UTF-8 text", source->path, line);
	return false;
}

bool source_read(struct source *source, const char *path, const char *what, GError **error)
{
	bool stdin_wanted = !strcmp(path, "-"), fine;
	struct stat st;
	int fd = STDIN_FILENO;

	*source = (struct source){.path = g_strdup(stdin_wanted ? "(standard input)" : path)};
	if (!stdin_wanted)
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		fine = fail_errno(source->path, what, errno, error);
	else if (S_ISDIR(st.st_mode))
		fine = fail(source->path, error, "it is a directory, not a file");
	else if (S_ISREG(st.st_mode) && (uint64_t)st.st_size > SOURCE_BYTES_MAX)
		fine = fail_too_big(source->path, what, error);
	else
		fine = read_descriptor(source, fd, what, error);
	if (fd >= 0 && !stdin_wanted)
		close(fd);
	fine = fine && check_text(source, what, error);
	if (!fine)
		source_clear(source);
	return fine;
}

void source_clear(struct source *source)
{
	g_clear_pointer(&source->path, g_free);
	g_clear_pointer(&source->text, g_free);
	source->length = 0;
}

/* ---- JSON --------------------------------------------------------------------------------- */

/* jansson counts to the end of the token that it trips over and quotes it: "… near 'TOKEN'". */
static size_t fault_offset(const struct source *source, const json_error_t *fault)
{
	size_t offset = MIN((size_t)MAX(fault->position, 0), source->length);
	const char *near = strstr(fault->text, " near '");
	size_t length;

	if (!near)
		return offset && source->text[offset - 1] == '\n' ? offset - 1 : offset;
	near += strlen(" near '");
	length = strlen(near);
	length -= length ? 1 : 0;
	if (length && length <= offset && !strncmp(source->text + offset - length, near, length))
		return offset - length;
	return offset;
}

static void line_of_offset(const struct source *source, size_t offset, unsigned *line,
			   unsigned *column)
{
	*line = *column = 1;
	for (size_t i = 0; i < offset; i++) {
		unsigned char byte = (unsigned char)source->text[i];

		if (byte == '\n') {
			*line += 1;
			*column = 1;
		} else if ((byte & 0xc0) != 0x80) {
			*column += 1;
		}
	}
}

static char *fault_text(const json_error_t *fault)
{
	switch (json_error_code(fault)) {
	case json_error_duplicate_key: {
		const char *quote = strchr(fault->text, '"');
		const char *end = quote ? strchr(quote + 1, '"') : NULL;

		if (end)
			return g_strdup_printf("the key %.*s is given twice",
					       (int)(end + 1 - quote), quote);
		return g_strdup("a key is given twice");
	}
	case json_error_numeric_overflow:
		return g_strdup_printf("a number that does not fit: %s", fault->text);
	case json_error_stack_overflow:
		return g_strdup_printf("nested too deep: %s", fault->text);
	case json_error_premature_end_of_input:
		return g_strdup_printf("the JSON ends too early: %s", fault->text);
	default:
		return g_strdup_printf("not JSON: %s", fault->text);
	}
}

json_t *source_json(const struct source *source, GError **error)
{
	g_autofree char *text = NULL;
	unsigned line, column;
	json_error_t fault;
	json_t *root;

	root = json_loadb(source->text, source->length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY,
			  &fault);
	if (root && json_is_object(root))
		return root;
	if (root) {
		json_decref(root);
		g_set_error(error, SCENARIO_ERROR, SCENARIO_ERROR_BAD,
			    "%s:1:1: error: expected an object, \"{ … }\", at the top",
			    source->path);
		return NULL;
	}
	text = fault_text(&fault);
	line_of_offset(source, fault_offset(source, &fault), &line, &column);
	g_set_error(error, SCENARIO_ERROR, SCENARIO_ERROR_BAD, "%s:%u:%u: error: %s", source->path,
		    line, column, text);
	return NULL;
}

/* ---- from a pointer to a place ------------------------------------------------------------ */

static const char *skip_space(const char *at)
{
	return at + strspn(at, " \t\r\n,:");
}

static const char *skip_string(const char *at)
{
	for (at++; *at && *at != '"'; at++)
		if (*at == '\\' && at[1])
			at++;
	return at + (*at == '"');
}

/* The text has been parsed before, so brackets match and strings end. */
static const char *skip_value(const char *at)
{
	unsigned depth = 0;

	do {
		at = skip_space(at);
		if (*at == '"')
			at = skip_string(at);
		else if (*at == '{' || *at == '[')
			depth++, at++;
		else if (*at == '}' || *at == ']')
			depth -= depth > 0, at++;
		else
			at += strcspn(at, " \t\r\n,:{}[]\"");
	} while (depth && *at);
	return at;
}

static bool key_is(const char *at, const char *wanted)
{
	const char *end = skip_string(at);
	json_t *key = json_loadb(at, (size_t)(end - at), JSON_DECODE_ANY, NULL);
	bool same = key && json_is_string(key) && !strcmp(json_string_value(key), wanted);

	json_decref(key);
	return same;
}

/* One step of a pointer ("~1" is "/", "~0" is "~"); the caller frees. */
static char *pointer_step(const char **pointer)
{
	GString *step = g_string_new(NULL);

	for (++*pointer; **pointer && **pointer != '/'; ++*pointer) {
		if (**pointer == '~' && (*pointer)[1])
			g_string_append_c(step, *++*pointer == '1' ? '/' : '~');
		else
			g_string_append_c(step, **pointer);
	}
	return g_string_free(step, FALSE);
}

/* The value of a member, and where its key stands; NULL if there is none. */
static const char *find_member(const char *object, const char *name, const char **key)
{
	for (const char *at = skip_space(object + 1); *at == '"'; at = skip_space(skip_value(at))) {
		const char *value = skip_space(skip_string(at));

		if (key_is(at, name)) {
			*key = at;
			return value;
		}
		at = value;
	}
	return NULL;
}

static const char *find_element(const char *array, guint64 index)
{
	const char *at = skip_space(array + 1);

	for (; index && *at && *at != ']'; index--)
		at = skip_space(skip_value(at));
	return *at && *at != ']' ? at : NULL;
}

void source_locate(const struct source *source, const char *pointer, bool want_key, unsigned *line,
		   unsigned *column)
{
	const char *value = skip_space(source->text), *key = value;

	while (*pointer == '/') {
		g_autofree char *step = pointer_step(&pointer);
		const char *next = NULL, *next_key = NULL;

		if (*value == '{')
			next = find_member(value, step, &next_key);
		else if (*value == '[')
			next = next_key = find_element(value, g_ascii_strtoull(step, NULL, 10));
		if (!next) {
			key = value;
			break;
		}
		value = next;
		key = next_key;
	}
	line_of_offset(source, (size_t)((want_key ? key : value) - source->text), line, column);
}
