/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words and numbers of a line that need not end in NUL. */
#include "models/trace/internal.h"

#include <errno.h>
#include <string.h>

/* Longer words are cut in messages. */
enum { SHOWN_MAX = 40 };

bool trace_take_word(struct trace_text *text, struct trace_word *word)
{
	while (text->at < text->end && g_ascii_isspace(*text->at))
		text->at++;
	word->at = text->at;
	while (text->at < text->end && !g_ascii_isspace(*text->at))
		text->at++;
	word->length = (size_t)(text->at - word->at);
	return word->length;
}

bool trace_take_field(struct trace_text *text, struct trace_word *word)
{
	const char *comma, *end;

	if (text->at > text->end) {
		*word = (struct trace_word){text->end, 0};
		return false;
	}
	comma = memchr(text->at, ',', (size_t)(text->end - text->at));
	end = comma ? comma : text->end;
	word->at = text->at;
	text->at = end + 1;
	while (word->at < end && g_ascii_isspace(*word->at))
		word->at++;
	while (end > word->at && g_ascii_isspace(end[-1]))
		end--;
	word->length = (size_t)(end - word->at);
	return true;
}

bool trace_word_is(struct trace_word word, const char *text)
{
	return strlen(text) == word.length && !memcmp(word.at, text, word.length);
}

char *trace_word_shown(struct trace_word word)
{
	g_autofree char *cut = g_strndup(word.at, MIN(word.length, SHOWN_MAX));
	g_autofree char *shown = g_strescape(cut, NULL);

	return g_strconcat("\"", shown, word.length > SHOWN_MAX ? "…\"" : "\"", NULL);
}

bool trace_word_decimal(struct trace_word word, uint64_t max, uint64_t *value)
{
	uint64_t number = 0;

	for (size_t i = 0; i < word.length; i++) {
		unsigned int digit = (unsigned int)(word.at[i] - '0');

		if (digit > 9 || number > (max - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	*value = number;
	return word.length;
}

bool trace_word_c_number(struct trace_word word, uint64_t max, uint64_t *value)
{
	char digits[32], *end;

	if (!word.length || word.length >= sizeof(digits) || !g_ascii_isdigit(*word.at))
		return false;
	memcpy(digits, word.at, word.length);
	digits[word.length] = '\0';
	errno = 0;
	*value = g_ascii_strtoull(digits, &end, 0);
	return !errno && !*end && *value <= max;
}

enum trace_parsed trace_bad(struct trace *trace, const struct trace_text *text, const char *at,
			    const char *format, ...)
{
	va_list args;

	g_free(trace->bad);
	va_start(args, format);
	trace->bad = g_strdup_vprintf(format, args);
	va_end(args);
	trace->column = at ? (size_t)(at - text->start) + 1 : 0;
	return TRACE_PARSED_BAD;
}

enum trace_parsed trace_bad_number(struct trace *trace, const struct trace_text *text,
				   struct trace_word word, const char *what, uint64_t max)
{
	g_autofree char *shown = trace_word_shown(word);

	if (!word.length)
		return trace_bad(trace, text, word.at, "expected the %s, but the line ends", what);
	return trace_bad(trace, text, word.at,
			 "expected the %s, a number up to %" G_GUINT64_FORMAT ", got %s", what, max,
			 shown);
}
