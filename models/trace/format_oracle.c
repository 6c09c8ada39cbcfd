/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libCacheSim's oracleGeneral: records of u32 seconds, u64 object, u32 size, i64 next access. */
#include "models/trace/internal.h"

#include <string.h>

enum { RECORD_BYTES = 24, OBJECT_AT = 4 };
#define NS_PER_S 1000000000ull

static enum trace_parsed parse(struct trace *trace, struct trace_text *text,
			       struct trace_event *event)
{
	uint32_t seconds;
	uint64_t object;

	(void)trace;
	memcpy(&seconds, text->at, sizeof(seconds));
	memcpy(&object, text->at + OBJECT_AT, sizeof(object));
	event->op = TRACE_OBJECT;
	event->time_ns = GUINT32_FROM_LE(seconds) * NS_PER_S;
	event->object = GUINT64_FROM_LE(object);
	return TRACE_PARSED_EVENT;
}

const struct trace_format trace_oracle = {
	.name = "oracleGeneral",
	.summary = "libCacheSim's binary records of 24 bytes",
	.objects = true,
	.record_bytes = RECORD_BYTES,
	.parse = parse,
};
