/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One key a line: the line without the blanks around it, whatever it says. */
#include "models/trace/internal.h"

static enum trace_parsed parse(struct trace *trace, struct trace_text *text,
			       struct trace_event *event)
{
	while (g_ascii_isspace(*text->at))
		text->at++;
	event->op = TRACE_OBJECT;
	event->object = trace_names_intern(trace->names, text->at, (size_t)(text->end - text->at));
	return TRACE_PARSED_EVENT;
}

const struct trace_format trace_keys = {
	.name = "keys",
	.summary = "one key a line",
	.objects = true,
	.numbered = true,
	.parse = parse,
};
