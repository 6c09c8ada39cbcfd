/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What `btrfs receive --dump` prints of a send stream: COMMAND PATH KEY=VALUE …, blanks and control
 * characters of a path being escaped as in C (btrfs-progs, cmds/receive-dump.c). A path that is a value
 * is escaped or not as the version has it: `dest` since 6.x, the source of a clone never so far.
 */
#include "models/trace/internal.h"

#include <string.h>

enum { OCTAL_DIGITS = 3, UUID_CHARS = 36 };

typedef enum trace_parsed (*parse_rest)(struct trace *trace, struct trace_text *text,
					struct trace_event *event);
struct command {
	const char *name;
	enum trace_op op;
	parse_rest rest; /* of the line, behind the path; NULL: nothing stands there */
};

/* ---- paths ---- */

static int escaped_letter(char c)
{
	static const char letters[] = "abefnrtv \\", meant[] = "\a\b\033\f\n\r\t\v \\";
	const char *at = strchr(letters, c);

	return c && at ? meant[at - letters] : -1;
}

static int octal(const char *at, const char *end)
{
	int value = 0;

	if (end - at < OCTAL_DIGITS || *at > '3')
		return -1;
	for (int i = 0; i < OCTAL_DIGITS; i++) {
		if (at[i] < '0' || at[i] > '7')
			return -1;
		value = value * 8 + at[i] - '0';
	}
	return value ? value : -1;
}

/* Undoes the escapes from `at` to `end`; NULL, or the backslash that begins none. */
static const char *unescape(const char *at, const char *end, GString *out)
{
	while (at < end) {
		int c = (unsigned char)*at;
		size_t length = 1;

		if (c == '\\') {
			c = at + 1 < end ? escaped_letter(at[1]) : -1;
			length = 2;
			if (c < 0) {
				c = octal(at + 1, end);
				length += OCTAL_DIGITS - 1;
			}
		}
		if (c < 0)
			return at;
		g_string_append_c(out, (char)c);
		at += length;
	}
	return NULL;
}

/* The end of an escaped path: a blank without a backslash before it. One that ends in a blank ends
 * within what was taken off the line. */
static const char *path_end(const struct trace_text *text)
{
	const char *at = text->at;

	while (at < text->end && !g_ascii_isspace(*at))
		at += *at == '\\' ? 2 : 1;
	return MIN(at, text->whole);
}

static enum trace_parsed intern_escaped(struct trace *trace, const struct trace_text *text,
					const char *from, const char *to, uint32_t *file)
{
	g_autoptr(GString) path = g_string_new(NULL);
	const char *bad = unescape(from, to, path);

	if (bad)
		return trace_bad(trace, text, bad, "no escape that btrfs receive writes");
	if (!path->len)
		return trace_bad(trace, text, from, "expected a path, but the line ends");
	*file = trace_names_intern(trace->names, path->str, path->len);
	return TRACE_PARSED_EVENT;
}

static enum trace_parsed take_path(struct trace *trace, struct trace_text *text, uint32_t *file)
{
	const char *from;

	while (text->at < text->end && g_ascii_isspace(*text->at))
		text->at++;
	from = text->at;
	text->at = path_end(text);
	text->end = MAX(text->end, text->at);
	return intern_escaped(trace, text, from, text->at, file);
}

/* ---- values ---- */

static bool take_key(struct trace_text *text, const char *key)
{
	size_t length = strlen(key);

	while (text->at < text->end && g_ascii_isspace(*text->at))
		text->at++;
	if ((size_t)(text->end - text->at) <= length || strncmp(text->at, key, length) ||
	    text->at[length] != '=')
		return false;
	text->at += length + 1;
	return true;
}

static enum trace_parsed no_key(struct trace *trace, const struct trace_text *text, const char *key)
{
	return trace_bad(trace, text, text->at, "expected %s=", key);
}

static enum trace_parsed take_number(struct trace *trace, struct trace_text *text, const char *key,
				     uint64_t *value)
{
	struct trace_word word;

	if (!take_key(text, key))
		return no_key(trace, text, key);
	trace_take_word(text, &word);
	if (word.length && word.at[word.length - 1] == ',')
		word.length--;
	return trace_word_decimal(word, INT64_MAX, value)
		       ? TRACE_PARSED_EVENT
		       : trace_bad_number(trace, text, word, key, INT64_MAX);
}

struct number {
	const char *key;
	uint64_t *value;
};

static enum trace_parsed take_numbers(struct trace *trace, struct trace_text *text,
				      const struct number *numbers, size_t count)
{
	enum trace_parsed parsed = TRACE_PARSED_EVENT;
	struct trace_word more;

	for (size_t i = 0; parsed == TRACE_PARSED_EVENT && i < count; i++)
		parsed = take_number(trace, text, numbers[i].key, numbers[i].value);
	if (parsed == TRACE_PARSED_EVENT && trace_take_word(text, &more))
		return trace_bad(trace, text, more.at, "a word too many");
	return parsed;
}

static bool is_uuid(struct trace_word word)
{
	for (size_t i = 0; i < word.length; i++)
		if (!g_ascii_isxdigit(word.at[i]) && word.at[i] != '-')
			return false;
	return word.length == UUID_CHARS;
}

static enum trace_parsed take_uuid(struct trace *trace, struct trace_text *text, const char *key,
				   uint32_t *uuid)
{
	struct trace_word word;

	if (!take_key(text, key))
		return no_key(trace, text, key);
	trace_take_word(text, &word);
	if (!is_uuid(word))
		return trace_bad(trace, text, word.at, "expected a UUID");
	if (!trace->uuids) {
		trace->uuids = trace_names_new();
		trace->subvolumes = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	}
	*uuid = trace_names_intern(trace->uuids, word.at, word.length);
	while (trace->subvolumes->len <= *uuid) {
		const uint32_t none = TRACE_NO_FILE;

		g_array_append_val(trace->subvolumes, none);
	}
	return TRACE_PARSED_EVENT;
}

/* ---- what stands behind the path, by command ---- */

/* A link's other name is told from the top of the subvolume on. */
static enum trace_parsed put_below(struct trace *trace, const struct trace_text *text,
				   uint32_t *file)
{
	g_autofree char *path = NULL;

	if (!trace->subvolume_begun)
		return trace_bad(trace, text, NULL, "no subvol or snapshot stands before this");
	path = g_strconcat(trace_names_get(trace->names, trace->subvolume), "/",
			   trace_names_get(trace->names, *file), NULL);
	*file = trace_names_intern(trace->names, path, strlen(path));
	return TRACE_PARSED_EVENT;
}

static void begin_subvolume(struct trace *trace, uint32_t uuid, uint32_t file)
{
	g_array_index(trace->subvolumes, uint32_t, uuid) = file;
	trace->subvolume = file;
	trace->subvolume_begun = true;
}

static enum trace_parsed rest_subvol(struct trace *trace, struct trace_text *text,
				     struct trace_event *event)
{
	uint64_t transid;
	const struct number numbers[] = {{"transid", &transid}};
	uint32_t uuid;
	enum trace_parsed parsed = take_uuid(trace, text, "uuid", &uuid);

	if (parsed == TRACE_PARSED_EVENT)
		parsed = take_numbers(trace, text, numbers, G_N_ELEMENTS(numbers));
	if (parsed == TRACE_PARSED_EVENT)
		begin_subvolume(trace, uuid, event->file);
	return parsed;
}

static enum trace_parsed rest_snapshot(struct trace *trace, struct trace_text *text,
				       struct trace_event *event)
{
	uint64_t transid;
	const struct number numbers[] = {{"parent_transid", &transid}};
	uint32_t uuid, parent;
	enum trace_parsed parsed = take_uuid(trace, text, "uuid", &uuid);
	const char *at;

	if (parsed == TRACE_PARSED_EVENT)
		parsed = take_number(trace, text, "transid", &transid);
	at = MIN(text->at + 1, text->end);
	if (parsed == TRACE_PARSED_EVENT)
		parsed = take_uuid(trace, text, "parent_uuid", &parent);
	if (parsed == TRACE_PARSED_EVENT)
		parsed = take_numbers(trace, text, numbers, G_N_ELEMENTS(numbers));
	if (parsed != TRACE_PARSED_EVENT)
		return parsed;
	event->other = g_array_index(trace->subvolumes, uint32_t, parent);
	if (event->other == TRACE_NO_FILE)
		return trace_bad(trace, text, at,
				 "the parent is not in this trace: its dump belongs before this");
	begin_subvolume(trace, uuid, event->file);
	return parsed;
}

static enum trace_parsed rest_dest(struct trace *trace, struct trace_text *text,
				   struct trace_event *event)
{
	const char *end = text->end;

	if (!take_key(text, "dest"))
		return no_key(trace, text, "dest");
	if (end < text->whole && end > text->at && end[-1] == '\\')
		end++;
	return intern_escaped(trace, text, text->at, end, &event->other);
}

static enum trace_parsed rest_link(struct trace *trace, struct trace_text *text,
				   struct trace_event *event)
{
	enum trace_parsed parsed = rest_dest(trace, text, event);

	return parsed == TRACE_PARSED_EVENT ? put_below(trace, text, &event->other) : parsed;
}

/* Any words: nothing of them is used. */
static enum trace_parsed rest_any(struct trace *trace, struct trace_text *text,
				  struct trace_event *event)
{
	(void)trace;
	(void)text;
	(void)event;
	return TRACE_PARSED_EVENT;
}

static enum trace_parsed rest_range(struct trace *trace, struct trace_text *text,
				    struct trace_event *event)
{
	const struct number numbers[] = {{"offset", &event->offset}, {"len", &event->length}};

	return take_numbers(trace, text, numbers, G_N_ELEMENTS(numbers));
}

static enum trace_parsed rest_encoded(struct trace *trace, struct trace_text *text,
				      struct trace_event *event)
{
	uint64_t unused;
	const struct number numbers[] = {
		{"offset", &event->offset},
		{"len", &unused},
		{"unencoded_file_len", &event->length},
		{"unencoded_len", &unused},
		{"unencoded_offset", &unused},
		{"compression", &unused},
		{"encryption", &unused},
	};

	return take_numbers(trace, text, numbers, G_N_ELEMENTS(numbers));
}

static enum trace_parsed rest_size(struct trace *trace, struct trace_text *text,
				   struct trace_event *event)
{
	const struct number numbers[] = {{"size", &event->length}};

	return take_numbers(trace, text, numbers, G_N_ELEMENTS(numbers));
}

/* Modes of fallocate(2), include/uapi/linux/falloc.h. */
enum { KEEP_SIZE = 0x01, PUNCH_HOLE = 0x02, ZERO_RANGE = 0x10 };

static enum trace_parsed rest_fallocate(struct trace *trace, struct trace_text *text,
					struct trace_event *event)
{
	uint64_t mode = 0;
	const struct number numbers[] = {
		{"mode", &mode}, {"offset", &event->offset}, {"len", &event->length}};
	enum trace_parsed parsed = take_numbers(trace, text, numbers, G_N_ELEMENTS(numbers));

	event->keep_size = mode & KEEP_SIZE;
	mode &= ~(uint64_t)KEEP_SIZE;
	event->op = mode == 0		 ? TRACE_FALLOCATE
		    : mode == PUNCH_HOLE ? TRACE_PUNCH
		    : mode == ZERO_RANGE ? TRACE_ZERO
					 : TRACE_UNKNOWN;
	return parsed;
}

/* A source that is written plainly may hold blanks; one that holds none and can be read as escaped is. */
static uint32_t intern_source(struct trace *trace, const char *from, const char *to)
{
	g_autoptr(GString) path = g_string_new(NULL);

	if (memchr(from, ' ', (size_t)(to - from)) || unescape(from, to, path))
		return trace_names_intern(trace->names, from, (size_t)(to - from));
	return trace_names_intern(trace->names, path->str, path->len);
}

static enum trace_parsed rest_clone(struct trace *trace, struct trace_text *text,
				    struct trace_event *event)
{
	static const char behind[] = " clone_offset=";
	const struct number source[] = {{"clone_offset", &event->offset}};
	enum trace_parsed parsed = take_number(trace, text, "offset", &event->to);
	const char *from, *to;

	if (parsed == TRACE_PARSED_EVENT)
		parsed = take_number(trace, text, "len", &event->length);
	if (parsed != TRACE_PARSED_EVENT)
		return parsed;
	if (!take_key(text, "from"))
		return no_key(trace, text, "from");
	from = text->at;
	to = g_strrstr_len(from, text->end - from, behind);
	text->at = to ? to : text->end;
	if (to == from)
		return trace_bad(trace, text, from, "expected a path");
	parsed = take_numbers(trace, text, source, G_N_ELEMENTS(source));
	if (parsed != TRACE_PARSED_EVENT)
		return parsed;
	event->other = event->file;
	event->file = intern_source(trace, from, to);
	return parsed;
}

static const struct command commands[] = {
	{"subvol", TRACE_SUBVOL, rest_subvol},
	{"snapshot", TRACE_SNAPSHOT, rest_snapshot},
	{"mkfile", TRACE_MKFILE, NULL},
	{"mkdir", TRACE_MKDIR, NULL},
	{"mknod", TRACE_MKSPECIAL, rest_any},
	{"mkfifo", TRACE_MKSPECIAL, NULL},
	{"mksock", TRACE_MKSPECIAL, NULL},
	{"symlink", TRACE_MKSPECIAL, rest_any},
	{"rename", TRACE_RENAME, rest_dest},
	{"link", TRACE_LINK, rest_link},
	{"unlink", TRACE_UNLINK, NULL},
	{"rmdir", TRACE_RMDIR, NULL},
	{"write", TRACE_WRITE, rest_range},
	{"clone", TRACE_CLONE, rest_clone},
	{"set_xattr", TRACE_METADATA, rest_any},
	{"remove_xattr", TRACE_METADATA, rest_any},
	{"truncate", TRACE_TRUNCATE, rest_size},
	{"chmod", TRACE_METADATA, rest_any},
	{"chown", TRACE_METADATA, rest_any},
	{"utimes", TRACE_METADATA, rest_any},
	/* What `send --no-data` sends for a write. */
	{"update_extent", TRACE_WRITE, rest_range},
	{"encoded_write", TRACE_WRITE, rest_encoded},
	{"fallocate", TRACE_FALLOCATE, rest_fallocate},
	{"fileattr", TRACE_METADATA, rest_any},
	{"enable_verity", TRACE_UNKNOWN, rest_any},
};

static const struct command *find_command(struct trace_word word)
{
	for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
		if (trace_word_is(word, commands[i].name))
			return &commands[i];
	return NULL;
}

static enum trace_parsed parse(struct trace *trace, struct trace_text *text,
			       struct trace_event *event)
{
	const struct command *command;
	struct trace_word word;
	enum trace_parsed parsed;

	trace_take_word(text, &word);
	command = find_command(word);
	if (!command) {
		g_autofree char *shown = trace_word_shown(word);

		return trace_bad(trace, text, word.at,
				 "expected a command of a send stream, got %s", shown);
	}
	event->op = command->op;
	event->word = command->name;
	parsed = take_path(trace, text, &event->file);
	if (parsed != TRACE_PARSED_EVENT)
		return parsed;
	return command->rest ? command->rest(trace, text, event)
			     : take_numbers(trace, text, NULL, 0);
}

static bool begins(struct trace_text *line)
{
	struct trace_word word;

	return trace_take_word(line, &word) &&
	       (trace_word_is(word, "subvol") || trace_word_is(word, "snapshot"));
}

const struct trace_format trace_receive = {
	.name = "receive",
	.summary = "btrfs receive --dump of a send stream",
	.above_page_cache = true,
	.trees = true,
	.begins = begins,
	.parse = parse,
};
