/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The comparison for people: text, and the same fenced for a review comment. */
#include "results/internal.h"

#include <string.h>

struct results_text_options text_defaults(const struct results_text_options *options)
{
	struct results_text_options o = options ? *options : (struct results_text_options){0};

	if (o.width == 0)
		o.width = RESULTS_TEXT_WIDTH;
	return o;
}

void text_clean(GString *text, bool ascii, bool keep_colours)
{
	enum { ESCAPE = 0x1b, ELLIPSIS = 0x2026, PLUS_MINUS = 0xb1 };
	g_autofree char *valid = g_utf8_make_valid(text->str, (gssize)text->len);

	g_string_truncate(text, 0);
	for (const char *p = valid; *p; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);
		bool control = c != '\n' && !(c == ESCAPE && keep_colours) && g_unichar_iscntrl(c);

		if (c == ELLIPSIS && ascii)
			g_string_append(text, "...");
		else if (c == PLUS_MINUS && ascii)
			g_string_append(text, "+-");
		else if (control || (ascii && c > '~'))
			g_string_append_c(text, '?');
		else
			g_string_append_unichar(text, c);
	}
}

void results_text(const struct results_comparison *cmp, const struct results_text_options *options,
		  GString *out)
{
	struct results_text_options o = text_defaults(options);
	g_autoptr(GString) text = g_string_new(NULL);

	words_heading(cmp, o.width, text);
	text_clean(text, o.ascii, false);
	g_string_append_len(out, text->str, (gssize)text->len);
	g_string_truncate(text, 0);
	table_print(cmp, &o, text);
	text_clean(text, o.ascii, o.colour);
	g_string_append_len(out, text->str, (gssize)text->len);
	g_string_truncate(text, 0);
	words_findings(cmp, o.all, o.width, text);
	words_verdict(cmp, &o, text);
	text_clean(text, o.ascii, false);
	g_string_append_len(out, text->str, (gssize)text->len);
}

static size_t longest_backticks(const char *text)
{
	size_t longest = 0, run = 0;

	for (; *text; text++) {
		run = *text == '`' ? run + 1 : 0;
		longest = MAX(longest, run);
	}
	return longest;
}

/* Keeps whole lines from the front that fit; the number of lines that went. */
static size_t cut_lines(GString *text, size_t bytes)
{
	size_t gone = 0;

	if (text->len <= bytes)
		return 0;
	while (bytes > 0 && text->str[bytes - 1] != '\n')
		bytes--;
	for (const char *p = text->str + bytes; *p; p++)
		gone += *p == '\n';
	g_string_truncate(text, bytes);
	return gone;
}

void text_fence(GString *text, GString *out)
{
	enum { FENCE_MIN = 3, ROOM_FOR_FENCES = 200 };
	g_autofree char *fence = NULL;
	size_t gone;

	fence = g_strnfill(MAX(FENCE_MIN, longest_backticks(text->str) + 1), '`');
	gone = cut_lines(text, RESULTS_MARKDOWN_MAX_BYTES - ROOM_FOR_FENCES - 2 * strlen(fence));
	g_string_append_printf(out, "%s\n%s%s\n", fence, text->str, fence);
	if (gone > 0)
		g_string_append_printf(out, "\n%zu lines more are left out here.\n", gone);
}

void results_markdown(const struct results_comparison *cmp,
		      const struct results_text_options *options, GString *out)
{
	struct results_text_options o = text_defaults(options);
	g_autoptr(GString) text = g_string_new(NULL);

	o.colour = false;
	results_text(cmp, &o, text);
	text_fence(text, out);
}
