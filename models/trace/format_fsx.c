/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Operation files of fstests' fsx (--record-ops, --replay-ops):
 *   [skip] OP OFFSET LENGTH [OFFSET2] FILESIZE [keep_size] [close_open] [unshare] [*]
 * in numbers as C has them; the file size is the one before the operation.
 */
#include "models/trace/internal.h"

#include <string.h>

static const struct {
	const char *name;
	enum trace_op op;
	bool to; /* has a second offset */
} ops[] = {
	{"read", TRACE_READ, false},
	{"write", TRACE_WRITE, false},
	{"mapread", TRACE_MAPREAD, false},
	{"mapwrite", TRACE_MAPWRITE, false},
	{"read_dontcache", TRACE_READ, false},
	{"write_dontcache", TRACE_WRITE, false},
	{"write_atomic", TRACE_WRITE, false},
	{"truncate", TRACE_TRUNCATE, false},
	{"fallocate", TRACE_FALLOCATE, false},
	{"punch_hole", TRACE_PUNCH, false},
	{"zero_range", TRACE_ZERO, false},
	{"collapse_range", TRACE_COLLAPSE, false},
	{"insert_range", TRACE_INSERT, false},
	{"clone_range", TRACE_CLONE, true},
	{"dedupe_range", TRACE_DEDUPE, true},
	{"copy_range", TRACE_COPY, true},
	{"exchange_range", TRACE_EXCHANGE, true},
	{"fsync", TRACE_SYNC, false},
};

static int find_op(struct trace_word word)
{
	for (size_t i = 0; i < G_N_ELEMENTS(ops); i++)
		if (trace_word_is(word, ops[i].name))
			return (int)i;
	return -1;
}

static enum trace_parsed take_numbers(struct trace *trace, struct trace_text *text, bool to,
				      struct trace_event *event)
{
	const struct {
		const char *name;
		uint64_t *value;
	} numbers[] = {
		{"offset", &event->offset},
		{"length", &event->length},
		{"second offset", to ? &event->to : NULL},
		{"file size", &event->size_before},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
		struct trace_word word;

		if (!numbers[i].value)
			continue;
		trace_take_word(text, &word);
		if (!trace_word_c_number(word, INT64_MAX, numbers[i].value))
			return trace_bad_number(trace, text, word, numbers[i].name, INT64_MAX);
	}
	return TRACE_PARSED_EVENT;
}

static enum trace_parsed take_flags(struct trace *trace, struct trace_text *text,
				    struct trace_event *event)
{
	struct trace_word word;

	while (trace_take_word(text, &word)) {
		event->keep_size |= trace_word_is(word, "keep_size");
		event->reopen |= trace_word_is(word, "close_open");
		event->unshare |= trace_word_is(word, "unshare");
		if (!trace_word_is(word, "keep_size") && !trace_word_is(word, "close_open") &&
		    !trace_word_is(word, "unshare") && !trace_word_is(word, "*")) {
			g_autofree char *shown = trace_word_shown(word);

			return trace_bad(trace, text, word.at,
					 "expected keep_size, close_open, unshare or *, got %s",
					 shown);
		}
	}
	return TRACE_PARSED_EVENT;
}

static enum trace_parsed parse(struct trace *trace, struct trace_text *text,
			       struct trace_event *event)
{
	struct trace_word word;
	enum trace_parsed parsed;
	bool skipped;
	int i;

	trace_take_word(text, &word);
	if (*word.at == '#')
		return TRACE_PARSED_NOTHING;
	skipped = trace_word_is(word, "skip");
	if (skipped)
		trace_take_word(text, &word);
	i = find_op(word);
	if (i < 0) {
		g_autofree char *shown = trace_word_shown(word);

		return trace_bad(trace, text, word.at, "expected an operation of fsx, got %s",
				 shown);
	}
	event->op = ops[i].op;
	event->word = ops[i].name;
	event->sized = true;
	event->file = trace_names_intern(trace->names, "file", strlen("file"));
	event->other = event->file;
	parsed = take_numbers(trace, text, ops[i].to, event);
	if (parsed == TRACE_PARSED_EVENT)
		parsed = take_flags(trace, text, event);
	return parsed == TRACE_PARSED_EVENT && skipped ? TRACE_PARSED_NOTHING : parsed;
}

static bool begins(struct trace_text *line)
{
	struct trace_word word;
	uint64_t offset;

	trace_take_word(line, &word);
	if (trace_word_is(word, "skip"))
		trace_take_word(line, &word);
	return find_op(word) >= 0 && trace_take_word(line, &word) &&
	       trace_word_c_number(word, INT64_MAX, &offset);
}

const struct trace_format trace_fsx = {
	.name = "fsx",
	.summary = "operation files of fstests' fsx",
	.above_page_cache = true,
	.begins = begins,
	.parse = parse,
};
