/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blkparse's default text: MAJ,MIN CPU SEQUENCE SECONDS.NANOSECONDS PID ACTION RWBS PAYLOAD, the
 * payload of a queued request being "SECTOR + SECTORS [COMMAND]". Queueing (Q) alone is an event:
 * the other actions are later moments of the same requests.
 */
#include "models/trace/internal.h"

#include <string.h>

enum token { DEVICE, CPU, SEQUENCE, TIME, PID, ACTION, RWBS, TOKENS };
enum { SECTOR_BYTES = 512, FRACTION_DIGITS = 9 };
#define NS_PER_S 1000000000ull
#define SECTOR_MAX (INT64_MAX / SECTOR_BYTES)

static bool parse_device(struct trace_word word)
{
	const char *comma = memchr(word.at, ',', word.length);
	struct trace_word major, minor;
	uint64_t number;

	if (!comma)
		return false;
	major = (struct trace_word){word.at, (size_t)(comma - word.at)};
	minor = (struct trace_word){comma + 1, word.length - major.length - 1};
	return trace_word_decimal(major, UINT32_MAX, &number) &&
	       trace_word_decimal(minor, UINT32_MAX, &number);
}

static bool parse_time(struct trace_word word, uint64_t *ns)
{
	const char *point = memchr(word.at, '.', word.length);
	struct trace_word seconds, fraction;
	uint64_t whole, rest;

	if (!point)
		return false;
	seconds = (struct trace_word){word.at, (size_t)(point - word.at)};
	fraction = (struct trace_word){point + 1, word.length - seconds.length - 1};
	if (fraction.length != FRACTION_DIGITS || !trace_word_decimal(fraction, NS_PER_S, &rest) ||
	    !trace_word_decimal(seconds, INT64_MAX / NS_PER_S - 1, &whole))
		return false;
	*ns = whole * NS_PER_S + rest;
	return true;
}

static bool upper_case(struct trace_word word)
{
	for (size_t i = 0; i < word.length; i++)
		if (!g_ascii_isupper(word.at[i]))
			return false;
	return true;
}

static enum trace_parsed take_tokens(struct trace *trace, struct trace_text *text,
				     struct trace_word *words, struct trace_event *event)
{
	for (int i = 0; i < TOKENS; i++)
		if (!trace_take_word(text, &words[i]))
			return trace_bad(trace, text, text->end,
					 "expected device, CPU, sequence, time, pid, action and "
					 "RWBS, but the line ends");
	if (!parse_device(words[DEVICE]))
		return trace_bad(trace, text, words[DEVICE].at,
				 "expected the device as MAJOR,MINOR");
	if (!parse_time(words[TIME], &event->time_ns))
		return trace_bad(trace, text, words[TIME].at,
				 "expected the time as SECONDS.NANOSECONDS");
	return TRACE_PARSED_EVENT;
}

/* What the letters say; F in front is a flush before the request. */
static enum trace_op request_op(struct trace_word rwbs)
{
	switch (rwbs.at[rwbs.length > 1 && rwbs.at[0] == 'F']) {
	case 'R':
		return TRACE_READ;
	case 'W':
		return TRACE_WRITE;
	case 'D':
		return TRACE_TRIM;
	case 'F':
		return TRACE_SYNC;
	}
	return rwbs.at[0] == 'F' ? TRACE_SYNC : TRACE_NO_DATA;
}

/* "SECTOR + SECTORS", or nothing of the kind: a flush, or "BYTES (PACKET)" of a passed-through
 * command. */
static enum trace_parsed take_payload(struct trace *trace, struct trace_text *text,
				      struct trace_event *event)
{
	struct trace_word word, plus;
	uint64_t sector, sectors;

	if (!trace_take_word(text, &word) || *word.at == '[') {
		event->op = event->op == TRACE_NO_DATA ? TRACE_NO_DATA : TRACE_SYNC;
		return TRACE_PARSED_EVENT;
	}
	if (!trace_word_decimal(word, SECTOR_MAX, &sector))
		return trace_bad_number(trace, text, word, "sector", SECTOR_MAX);
	if (trace_take_word(text, &plus) && (*plus.at == '(' || *plus.at == '[')) {
		event->op = TRACE_NO_DATA;
		return TRACE_PARSED_EVENT;
	}
	if (!trace_word_is(plus, "+"))
		return trace_bad(trace, text, plus.at, "expected + behind the sector");
	trace_take_word(text, &word);
	if (!trace_word_decimal(word, SECTOR_MAX, &sectors))
		return trace_bad_number(trace, text, word, "number of sectors", SECTOR_MAX);
	event->offset = sector * SECTOR_BYTES;
	event->length = sectors * SECTOR_BYTES;
	return TRACE_PARSED_EVENT;
}

static bool starts_with(const struct trace_text *text, const char *prefix)
{
	size_t length = strlen(prefix);

	return (size_t)(text->end - text->at) >= length && !memcmp(text->at, prefix, length);
}

static enum trace_parsed parse(struct trace *trace, struct trace_text *text,
			       struct trace_event *event)
{
	struct trace_word words[TOKENS];
	enum trace_parsed parsed;

	if (starts_with(text, "CPU") || starts_with(text, "Total"))
		return TRACE_PARSED_END;
	if (starts_with(text, "Input file ")) /* on the same output, through another buffer */
		return TRACE_PARSED_NOTHING;
	parsed = take_tokens(trace, text, words, event);
	if (parsed != TRACE_PARSED_EVENT)
		return parsed;
	if (!trace_word_is(words[ACTION], "Q"))
		return TRACE_PARSED_NOTHING;
	if (!upper_case(words[RWBS]))
		return trace_bad(trace, text, words[RWBS].at,
				 "expected letters such as R, WS or FWFSM");
	event->op = request_op(words[RWBS]);
	event->file = trace_names_intern(trace->names, words[DEVICE].at, words[DEVICE].length);
	return take_payload(trace, text, event);
}

const struct trace_format trace_blkparse = {
	.name = "blkparse",
	.summary = "blkparse's default text, of which the Q events count",
	.parse = parse,
};
