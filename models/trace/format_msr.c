/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MSR Cambridge CSV: Timestamp,Hostname,DiskNumber,Type,Offset,Size,ResponseTime. */
#include "models/trace/internal.h"

#include <string.h>

enum field { TIMESTAMP, HOST, DISK, TYPE, OFFSET, SIZE, RESPONSE, FIELDS };
enum { NS_PER_TICK = 100 };

static const struct {
	const char *name;
	uint64_t max; /* of a number */
} fields[FIELDS] = {
	[TIMESTAMP] = {"timestamp", UINT64_MAX / NS_PER_TICK},
	[HOST] = {"host name", 0},
	[DISK] = {"disk number", UINT32_MAX},
	[TYPE] = {"type", 0},
	[OFFSET] = {"offset", INT64_MAX},
	[SIZE] = {"size", INT64_MAX},
	[RESPONSE] = {"response time", UINT64_MAX},
};

/* Disk numbers repeat from host to host. */
static uint32_t intern_disk(struct trace *trace, struct trace_word host, uint64_t disk)
{
	g_autofree char *name =
		g_strdup_printf("%.*s.%" G_GUINT64_FORMAT, (int)host.length, host.at, disk);

	return trace_names_intern(trace->names, name, strlen(name));
}

static enum trace_parsed take_fields(struct trace *trace, struct trace_text *text,
				     struct trace_word *words, uint64_t *numbers)
{
	struct trace_word more;

	for (enum field i = 0; i < FIELDS; i++) {
		if (!trace_take_field(text, &words[i]))
			return trace_bad(trace, text, text->end, "expected 7 fields, got %d", i);
		if (fields[i].max && !trace_word_decimal(words[i], fields[i].max, &numbers[i]))
			return trace_bad_number(trace, text, words[i], fields[i].name,
						fields[i].max);
	}
	if (trace_take_field(text, &more))
		return trace_bad(trace, text, more.at, "expected 7 fields, got more");
	return TRACE_PARSED_EVENT;
}

static enum trace_parsed parse(struct trace *trace, struct trace_text *text,
			       struct trace_event *event)
{
	struct trace_word words[FIELDS];
	uint64_t numbers[FIELDS];
	enum trace_parsed parsed = take_fields(trace, text, words, numbers);

	if (parsed != TRACE_PARSED_EVENT)
		return parsed;
	if (trace_word_is(words[TYPE], "Read")) {
		event->op = TRACE_READ;
	} else if (trace_word_is(words[TYPE], "Write")) {
		event->op = TRACE_WRITE;
	} else {
		g_autofree char *shown = trace_word_shown(words[TYPE]);

		return trace_bad(trace, text, words[TYPE].at, "expected Read or Write, got %s",
				 shown);
	}
	event->file = intern_disk(trace, words[HOST], numbers[DISK]);
	event->time_ns = numbers[TIMESTAMP] * NS_PER_TICK;
	event->offset = numbers[OFFSET];
	event->length = numbers[SIZE];
	return TRACE_PARSED_EVENT;
}

const struct trace_format trace_msr = {
	.name = "msr",
	.summary = "MSR Cambridge CSV",
	.parse = parse,
};
