/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JSON, a token at a time. The documents must be the same bytes on every Debian release, and the
 * way jansson prints reals changed in 2.14.1, so nothing here leaves a number to it.
 */
#include "results/internal.h"

#include <math.h>
#include <string.h>

void emit_init(struct emit *e, GString *out)
{
	*e = (struct emit){.out = out, .first = true};
}

static void newline(struct emit *e)
{
	g_string_append_c(e->out, '\n');
	for (unsigned i = 0; i < e->depth; i++)
		g_string_append(e->out, "  ");
}

/* RFC 8259 section 7: quote, backslash and control characters must be escaped. */
static void quoted(GString *out, const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);

	g_string_append_c(out, '"');
	for (const char *p = valid; *p; p++) {
		if (*p == '"' || *p == '\\')
			g_string_append_printf(out, "\\%c", *p);
		else if (*p == '\n')
			g_string_append(out, "\\n");
		else if (*p == '\t')
			g_string_append(out, "\\t");
		else if ((unsigned char)*p < ' ' || *p == '\x7f')
			g_string_append_printf(out, "\\u%04x", (unsigned)*p);
		else
			g_string_append_c(out, *p);
	}
	g_string_append_c(out, '"');
}

static void start(struct emit *e, const char *key)
{
	if (!e->first)
		g_string_append_c(e->out, ',');
	if (e->inline_depth > 0 && !e->first)
		g_string_append_c(e->out, ' ');
	if (e->inline_depth == 0 && e->depth > 0)
		newline(e);
	e->first = false;
	if (key) {
		quoted(e->out, key);
		g_string_append(e->out, ": ");
	}
}

void emit_open(struct emit *e, const char *key, char bracket)
{
	g_assert(e->inline_depth == 0);
	start(e, key);
	g_string_append_c(e->out, bracket);
	e->depth++;
	e->first = true;
}

void emit_open_inline(struct emit *e, const char *key, char bracket)
{
	start(e, key);
	g_string_append_c(e->out, bracket);
	e->inline_depth++;
	e->first = true;
}

void emit_close(struct emit *e, char bracket)
{
	if (e->inline_depth > 0) {
		e->inline_depth--;
	} else {
		e->depth--;
		if (!e->first)
			newline(e);
	}
	g_string_append_c(e->out, bracket);
	e->first = false;
	if (e->depth == 0 && e->inline_depth == 0)
		g_string_append_c(e->out, '\n');
}

void emit_string(struct emit *e, const char *key, const char *value)
{
	start(e, key);
	if (value)
		quoted(e->out, value);
	else
		g_string_append(e->out, "null");
}

void emit_int(struct emit *e, const char *key, int64_t value)
{
	start(e, key);
	g_string_append_printf(e->out, "%" G_GINT64_FORMAT, value);
}

void emit_real(struct emit *e, const char *key, double value)
{
	char text[REAL_TEXT_MAX];

	start(e, key);
	g_string_append(e->out, real_text(value, text));
}

void emit_bool(struct emit *e, const char *key, bool value)
{
	start(e, key);
	g_string_append(e->out, value ? "true" : "false");
}

void emit_null(struct emit *e, const char *key)
{
	emit_string(e, key, NULL);
}

void emit_digest(struct emit *e, const char *key, uint64_t digest)
{
	start(e, key);
	g_string_append_printf(e->out, "\"%016" G_GINT64_MODIFIER "x\"", digest);
}

const char *real_text(double value, char text[static REAL_TEXT_MAX])
{
	static const char *const formats[] = {"%.15g", "%.16g", "%.17g"};
	/* Above this not every integer is a double, and the shortest form says so. */
	const double integers_end = 9007199254740992.0;

	g_assert(isfinite(value));
	if (value > -integers_end && value < integers_end && value == (double)(int64_t)value) {
		g_snprintf(text, REAL_TEXT_MAX, "%" G_GINT64_FORMAT, (int64_t)value);
		return text;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
		g_ascii_formatd(text, REAL_TEXT_MAX, formats[i], value);
		if (g_ascii_strtod(text, NULL) == value)
			break;
	}
	return text;
}
