/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fio's log of I/O. Version 2: "FILE add|open|close" and "FILE ACTION OFFSET LENGTH", a wait giving
 * microseconds since the one before; version 3: the same behind a stamp in microseconds.
 */
#include "models/trace/internal.h"

enum { V2 = 2, V3 = 3, NS_PER_US = 1000, ANY_OP = -1 };
#define US_MAX (INT64_MAX / NS_PER_US)

static const struct {
	const char *name;
	int op; /* ANY_OP: no event */
	bool range; /* followed by offset and length */
} actions[] = {
	{"add", ANY_OP, false},	       {"open", TRACE_OPEN, false},
	{"close", TRACE_CLOSE, false}, {"read", TRACE_READ, true},
	{"write", TRACE_WRITE, true},  {"trim", TRACE_TRIM, true},
	{"sync", TRACE_SYNC, true},    {"datasync", TRACE_DATASYNC, true},
	{"wait", ANY_OP, true},
};
enum { WAIT = G_N_ELEMENTS(actions) - 1 };

static enum trace_parsed parse_header(struct trace *trace, struct trace_text *text)
{
	struct trace_word line = {text->at, (size_t)(text->end - text->at)};
	g_autofree char *shown = trace_word_shown(line);

	if (trace_word_is(line, "fio version 2 iolog"))
		trace->version = V2;
	else if (trace_word_is(line, "fio version 3 iolog"))
		trace->version = V3;
	if (trace->version)
		return TRACE_PARSED_NOTHING;
	trace_bad(trace, text, text->at,
		  "expected \"fio version 2 iolog\" or \"fio version 3 iolog\", got %s", shown);
	return TRACE_PARSED_FATAL;
}

static int find_action(struct trace_word word)
{
	for (size_t i = 0; i < G_N_ELEMENTS(actions); i++)
		if (trace_word_is(word, actions[i].name))
			return (int)i;
	return -1;
}

static enum trace_parsed take_number(struct trace *trace, struct trace_text *text, const char *what,
				     uint64_t max, uint64_t *value)
{
	struct trace_word word;

	trace_take_word(text, &word);
	return trace_word_decimal(word, max, value)
		       ? TRACE_PARSED_EVENT
		       : trace_bad_number(trace, text, word, what, max);
}

static enum trace_parsed take_stamp(struct trace *trace, struct trace_text *text)
{
	uint64_t us = 0;
	enum trace_parsed parsed = take_number(trace, text, "time stamp", US_MAX, &us);

	if (parsed == TRACE_PARSED_EVENT)
		trace->time_ns = us * NS_PER_US;
	return parsed;
}

/* Offset and length; a wait of version 2 has its microseconds for an offset. */
static enum trace_parsed take_range(struct trace *trace, struct trace_text *text, bool wait,
				    struct trace_event *event)
{
	enum trace_parsed parsed;
	struct trace_word more;

	parsed = take_number(trace, text, wait ? "delay" : "offset", wait ? US_MAX : INT64_MAX,
			     &event->offset);
	if (parsed == TRACE_PARSED_EVENT)
		parsed = take_number(trace, text, "length", TRACE_REQUEST_MAX, &event->length);
	if (parsed == TRACE_PARSED_EVENT && trace_take_word(text, &more))
		return trace_bad(trace, text, more.at, "a word too many");
	return parsed;
}

static enum trace_parsed parse_action(struct trace *trace, struct trace_text *text,
				      struct trace_word file, struct trace_event *event)
{
	struct trace_word word;
	enum trace_parsed parsed = TRACE_PARSED_EVENT;
	int i = trace_take_word(text, &word) ? find_action(word) : -1;

	if (i < 0) {
		g_autofree char *shown = trace_word_shown(word);

		return trace_bad(trace, text, word.at,
				 "expected add, open, close, read, write, trim, sync, datasync or "
				 "wait, got %s",
				 shown);
	}
	if (actions[i].range)
		parsed = take_range(trace, text, i == WAIT, event);
	else if (trace_take_word(text, &word))
		return trace_bad(trace, text, word.at, "a word too many");
	if (parsed != TRACE_PARSED_EVENT)
		return parsed;
	event->file = trace_names_intern(trace->names, file.at, file.length);
	if (i == WAIT && trace->version == V2)
		trace->time_ns = MIN(trace->time_ns + event->offset * NS_PER_US, INT64_MAX);
	if (actions[i].op == ANY_OP)
		return TRACE_PARSED_NOTHING;
	event->op = (enum trace_op)actions[i].op;
	event->word = actions[i].name;
	event->time_ns = trace->time_ns;
	return TRACE_PARSED_EVENT;
}

static enum trace_parsed parse(struct trace *trace, struct trace_text *text,
			       struct trace_event *event)
{
	struct trace_word file;
	enum trace_parsed parsed = TRACE_PARSED_EVENT;

	if (!trace->version)
		return parse_header(trace, text);
	if (trace->version == V3)
		parsed = take_stamp(trace, text);
	if (parsed != TRACE_PARSED_EVENT)
		return parsed;
	if (!trace_take_word(text, &file))
		return trace_bad(trace, text, text->end, "expected a file, but the line ends");
	return parse_action(trace, text, file, event);
}

static bool begins(struct trace_text *line)
{
	struct trace_word word;

	return trace_take_word(line, &word) && trace_word_is(word, "fio") &&
	       trace_take_word(line, &word) && trace_word_is(word, "version");
}

const struct trace_format trace_iolog = {
	.name = "iolog",
	.summary = "fio's log of I/O, versions 2 and 3",
	.above_page_cache = true,
	.timed = true,
	.reads_older_files = true,
	.begins = begins,
	.parse = parse,
};
