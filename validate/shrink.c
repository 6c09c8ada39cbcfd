/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "validate/shrink.h"

#include <string.h>

enum { PAIRS_FROM_LINES = 48 };

bool shrink_parts(const struct shrink_lines *lines, void *arg)
{
	bool any = false;

	for (guint part = (lines->count(arg) + 1) / 2; part; part /= 2)
		for (guint from = 0; lines->go_on(arg) && from < lines->count(arg);) {
			if (lines->without(arg, from, MIN(part, lines->count(arg) - from)))
				any = true;
			else
				from += part;
		}
	return any;
}

bool shrink_pairs(const struct shrink_lines *lines, void *arg)
{
	bool any = false;

	if (lines->count(arg) > PAIRS_FROM_LINES)
		return false;
	for (guint i = 0; i + 1 < lines->count(arg); i++)
		for (guint j = i + 1; lines->go_on(arg) && j < lines->count(arg); j++)
			if (lines->without_two(arg, i, j)) {
				any = true;
				j = i;
			}
	return any;
}

static bool with_word(const struct shrink_lines *lines, void *arg, guint line, guint at, uint64_t n)
{
	g_auto(GStrv) words = g_strsplit(lines->text(arg, line), " ", -1);
	g_autofree char *text = NULL;

	g_free(words[at]);
	words[at] = g_strdup_printf("%" G_GUINT64_FORMAT, n);
	text = g_strjoinv(" ", words);
	return lines->with_text(arg, line, text);
}

static bool smaller_number(const struct shrink_lines *lines, void *arg, guint line, guint at,
			   const char *word)
{
	uint64_t n = g_ascii_strtoull(word, NULL, 10);
	const uint64_t tries[] = {0, 1, 4096, 2 * 4096, 16 * 4096, n / 4096 * 4096, n / 2};

	if (!g_ascii_isdigit(*word) || strspn(word, "0123456789") != strlen(word))
		return false;
	for (size_t t = 0; lines->go_on(arg) && t < G_N_ELEMENTS(tries); t++)
		if (tries[t] < n && with_word(lines, arg, line, at, tries[t]))
			return true;
	return false;
}

bool shrink_numbers(const struct shrink_lines *lines, void *arg)
{
	bool any = false;

	for (guint line = 0; line < lines->count(arg); line++) {
		g_auto(GStrv) words = g_strsplit(lines->text(arg, line), " ", -1);

		for (guint at = 1; words[at]; at++)
			any |= smaller_number(lines, arg, line, at, words[at]);
	}
	return any;
}
