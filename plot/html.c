/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text in a page. Names come from files and may hold anything. */
#include "plot/internal.h"

#include <string.h>

void html_text(GString *out, const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);

	for (const char *p = valid; *p; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		if (c == '&')
			g_string_append(out, "&amp;");
		else if (c == '<')
			g_string_append(out, "&lt;");
		else if (c == '>')
			g_string_append(out, "&gt;");
		else if (c == '"')
			g_string_append(out, "&quot;");
		else if (c == '\'')
			g_string_append(out, "&#39;");
		else if ((g_unichar_iscntrl(c) && c != '\n' && c != '\t') ||
			 !g_unichar_validate(c) ||
			 (c & 0xfffe) == 0xfffe) /* U+xxFFFE and U+xxFFFF are no characters */
			g_string_append_c(out, '?');
		else
			g_string_append_unichar(out, c);
	}
}

void html_format(GString *out, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	for (const char *p = format; *p; p++) {
		if (*p != '%') {
			g_string_append_c(out, *p);
			continue;
		}
		g_assert(*++p == 's');
		html_text(out, va_arg(args, const char *));
	}
	va_end(args);
}
