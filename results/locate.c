/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a path inside a JSON text to a line and column: jansson keeps no positions. */
#include "results/internal.h"

#include <stdlib.h>
#include <string.h>

struct scan {
	const char *p, *end;
};

static void skip_space(struct scan *s)
{
	while (s->p < s->end && strchr(" \t\r\n,:", *s->p) && *s->p)
		s->p++;
}

static void skip_string(struct scan *s)
{
	for (s->p++; s->p < s->end && *s->p != '"'; s->p++)
		if (*s->p == '\\')
			s->p++;
	s->p++;
}

/* Over a whole value, without recursion: the text may nest as deeply as jansson accepts. */
static void skip_value(struct scan *s)
{
	size_t depth = 0;

	do {
		skip_space(s);
		if (s->p >= s->end)
			return;
		if (*s->p == '"') {
			skip_string(s);
			continue;
		}
		if (*s->p == '{' || *s->p == '[')
			depth++;
		else if (*s->p == '}' || *s->p == ']')
			depth--;
		else
			while (s->p + 1 < s->end && !strchr(" \t\r\n,:]}", s->p[1]))
				s->p++;
		s->p++;
	} while (depth > 0);
}

/* A key as it is written is compared with the key as it is meant; escapes are undone for that.
 * Documents hold no surrogate pairs in keys that this program looks for by name. */
static bool key_is(const char *p, const char *end, const char *key)
{
	for (; p < end; p++) {
		if (*p == '\\' && p + 5 < end && p[1] == 'u') {
			char utf8[6];
			char hex[5] = {p[2], p[3], p[4], p[5], 0};
			int n = g_unichar_to_utf8((gunichar)strtoul(hex, NULL, 16), utf8);

			if (strncmp(key, utf8, (size_t)n) != 0)
				return false;
			key += n;
			p += 5;
			continue;
		}
		if (*p == '\\' && p + 1 < end) {
			static const char escaped[] = "\"\\/bfnrt", plain[] = "\"\\/\b\f\n\r\t";
			const char *found = strchr(escaped, *++p);

			if (!found || *key++ != plain[found - escaped])
				return false;
			continue;
		}
		if (*key++ != *p)
			return false;
	}
	return *key == '\0';
}

/* From an opening brace to the value of `key`. */
static bool enter_object(struct scan *s, const char *key)
{
	s->p++;
	for (;;) {
		const char *begin;

		skip_space(s);
		if (s->p >= s->end || *s->p != '"')
			return false;
		begin = s->p + 1;
		skip_string(s);
		if (key_is(begin, s->p - 1, key)) {
			skip_space(s);
			return true;
		}
		skip_value(s);
	}
}

static bool enter_array(struct scan *s, const char *part)
{
	guint64 index = g_ascii_strtoull(part, NULL, 10);

	s->p++;
	skip_space(s);
	for (; index > 0; index--) {
		if (s->p >= s->end || *s->p == ']')
			return false;
		skip_value(s);
		skip_space(s);
	}
	return s->p < s->end && *s->p != ']';
}

void locate(const char *text, size_t bytes, const char *const *path, size_t parts, unsigned *line,
	    unsigned *column)
{
	struct scan s = {text, text + bytes};
	const char *found;

	skip_space(&s);
	found = s.p;
	for (size_t i = 0; i < parts && s.p < s.end; i++) {
		if (*s.p == '{'	  ? !enter_object(&s, path[i])
		    : *s.p == '[' ? !enter_array(&s, path[i])
				  : true)
			break;
		found = s.p;
	}
	*line = 1;
	*column = 1;
	for (const char *p = text; p < found; p++) {
		if (*p == '\n') {
			++*line;
			*column = 1;
		} else if (((unsigned char)*p & 0xc0) != 0x80) {
			++*column;
		}
	}
}
