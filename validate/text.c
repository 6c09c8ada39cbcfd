// SPDX-License-Identifier: GPL-2.0-or-later
/* The report as people and programs read it. */
#include <jansson.h>
#include <libsmartcols.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "validate/internal.h"

enum {
	MAIL_WIDTH = 80,
	FIGURE_MOST = 14, /* columns of a figure; longer ones break */
	INTERVAL_MOST = 18,
	HEADING = sizeof("expected") - 1,
	WHAT_LEAST = 20, /* of what is checked, however narrow the table */
	INDENT = 2,
	GAP = 2,
	COLUMNS = 5,
};

static const struct validate_check *check_at(const struct validate_report *report, guint i)
{
	return report->checks->pdata[i];
}

static void totals(const struct validate_report *report, GString *out)
{
	guint skipped = validate_count(report, VALIDATE_SKIPPED);

	g_string_append_printf(out, "%u checks: %u hold, %u fail", report->checks->len,
			       validate_count(report, VALIDATE_HOLDS),
			       validate_count(report, VALIDATE_FAILS));
	if (skipped)
		g_string_append_printf(out, ", %u skipped", skipped);
	g_string_append_c(out, '\n');
}

/* ---- text --------------------------------------------------------------------------------- */

/* Puts line breaks in, at blanks if it can, so that no line is wider. */
static char *broken(const char *text, size_t width)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	GString *out = g_string_new(NULL);
	const char *p = valid;

	while ((size_t)g_utf8_strlen(p, -1) > width) {
		const char *end = g_utf8_offset_to_pointer(p, (glong)width), *cut = end;

		while (cut > p && *cut != ' ')
			cut--;
		if (cut == p)
			cut = end;
		g_string_append_len(out, p, cut - p);
		g_string_append_c(out, '\n');
		p = cut + (*cut == ' ');
	}
	g_string_append(out, p);
	return g_string_free(out, FALSE);
}

/* Lines of a text that are not too wide, each behind `indent` blanks. */
static void paragraph(const char *text, size_t indent, size_t width, GString *out)
{
	g_auto(GStrv) given = g_strsplit(text, "\n", -1);

	for (char **line = given; *line; line++) {
		g_autofree char *fitting = broken(*line, width - indent);
		g_auto(GStrv) pieces = g_strsplit(fitting, "\n", -1);

		for (char **piece = pieces; *piece; piece++)
			g_string_append_printf(out, "%*s%s\n", (int)indent, "", *piece);
	}
}

static void cells(const struct validate_check *check, const char *cell[static COLUMNS])
{
	cell[0] = check->what;
	cell[1] = check->expected;
	cell[2] = check->obtained;
	cell[3] = check->interval;
	cell[4] = validate_verdict_name(check->verdict);
}

/* Some checks in a row, of one group. */
struct span {
	guint from, to;
};

/* Figures get what they need, up to a bound, and what is checked the rest. */
static void measure(const struct validate_report *report, struct span span, size_t width,
		    size_t room[static COLUMNS])
{
	static const size_t most[COLUMNS] = {0, FIGURE_MOST, FIGURE_MOST, INTERVAL_MOST,
					     INTERVAL_MOST};
	size_t used = 0;

	for (size_t c = 0; c < COLUMNS; c++)
		room[c] = HEADING;
	for (guint i = span.from; i < span.to; i++) {
		const char *cell[COLUMNS];

		cells(check_at(report, i), cell);
		for (size_t c = 1; c < COLUMNS; c++)
			room[c] = MAX(room[c], MIN((size_t)g_utf8_strlen(cell[c], -1), most[c]));
	}
	for (size_t c = 1; c < COLUMNS; c++)
		used += GAP + room[c];
	room[0] = used + WHAT_LEAST < width ? width - used : WHAT_LEAST;
}

static struct libscols_table *new_table(void)
{
	struct libscols_table *table = scols_new_table();

	g_assert(table);
	scols_table_enable_noheadings(table, 1);
	scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
	scols_table_set_column_separator(table, "  ");
	for (size_t c = 0; c < COLUMNS; c++) {
		struct libscols_column *column = scols_table_new_column(
			table, "", 0, SCOLS_FL_WRAP | (c && c < COLUMNS - 1 ? SCOLS_FL_RIGHT : 0));

		scols_column_set_safechars(column, "\n");
		scols_column_set_wrapfunc(column, scols_wrapnl_chunksize, scols_wrapnl_nextchunk,
					  NULL);
	}
	return table;
}

static void add_line(struct libscols_table *table, const char *const *cell, const size_t *room)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);

	for (size_t c = 0; c < COLUMNS; c++) {
		g_autofree char *text = broken(cell[c], room[c]);
		int rc = scols_line_set_data(line, c, text);

		g_assert(rc == 0);
	}
}

/* Prints some lines, without the blanks that fill them. */
static void print_lines(struct libscols_table *table, guint from, guint to, GString *out)
{
	g_auto(GStrv) lines = NULL;
	char *printed = NULL;
	int rc = scols_table_print_range_to_string(table, scols_table_get_line(table, from),
						   scols_table_get_line(table, to - 1), &printed);

	g_assert(rc == 0);
	lines = g_strsplit(printed, "\n", -1);
	free(printed);
	for (char **line = lines; *line; line++)
		if (*g_strchomp(*line))
			g_string_append_printf(out, "%s\n", *line);
}

/* Checks that follow one another from one source, and below them that source. */
static void print_sources(const struct validate_report *report, struct span span, size_t width,
			  struct libscols_table *table, GString *out)
{
	guint to;

	for (guint from = span.from; from < span.to; from = to) {
		const char *source = check_at(report, from)->source;
		g_autofree char *from_where = g_strconcat("from: ", source, NULL);

		for (to = from + 1; to < span.to; to++)
			if (strcmp(check_at(report, to)->source, source))
				break;
		print_lines(table, from - span.from + 1, to - span.from + 1, out);
		if (*source)
			paragraph(from_where, INDENT, width, out);
	}
}

static void print_group(const struct validate_report *report, struct span span, size_t width,
			GString *out)
{
	const char *cell[COLUMNS] = {check_at(report, span.from)->group, "expected", "obtained",
				     "accepted", ""};
	struct libscols_table *table = new_table();
	size_t room[COLUMNS];

	measure(report, span, width, room);
	add_line(table, cell, room);
	for (guint i = span.from; i < span.to; i++) {
		cells(check_at(report, i), cell);
		add_line(table, cell, room);
	}
	print_lines(table, 0, 1, out);
	print_sources(report, span, width, table, out);
	g_string_append_c(out, '\n');
	scols_unref_table(table);
}

static void print_groups(const struct validate_report *report, size_t width, GString *out)
{
	struct span span = {0, 0};

	for (; span.from < report->checks->len; span.from = span.to) {
		while (span.to < report->checks->len &&
		       check_at(report, span.to)->group == check_at(report, span.from)->group)
			span.to++;
		print_group(report, span, width, out);
	}
}

static void print_notes(const struct validate_report *report, size_t width, GString *out)
{
	for (guint i = 0; i < report->checks->len; i++) {
		const struct validate_check *check = check_at(report, i);
		g_autofree char *heading =
			g_strdup_printf("%s: %s: %s", validate_verdict_name(check->verdict),
					check->group, check->what);

		if (check->verdict == VALIDATE_HOLDS)
			continue;
		g_string_append_c(out, '\n');
		paragraph(heading, 0, width, out);
		if (check->verdict == VALIDATE_FAILS) {
			g_autofree char *figures = g_strdup_printf(
				"expected %s, obtained %s", check->expected, check->obtained);

			paragraph(figures, INDENT, width, out);
		}
		if (*check->note)
			paragraph(check->note, INDENT, width, out);
	}
}

/* libsmartcols measures text by the thread's LC_CTYPE: the table must not depend on the user's. */
void validate_text(const struct validate_report *report, unsigned width, GString *out)
{
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0), before = uselocale(utf8);

	if (!width)
		width = MAIL_WIDTH;
	print_groups(report, width, out);
	totals(report, out);
	print_notes(report, width, out);
	uselocale(before);
	if (utf8 != (locale_t)0)
		freelocale(utf8);
}

/* ---- Markdown ----------------------------------------------------------------------------- */

static void markdown_cell(const char *text, GString *out)
{
	g_string_append(out, "| ");
	for (const char *p = text; *p; p++)
		if (*p == '|')
			g_string_append(out, "\\|");
		else
			g_string_append_c(out, *p == '\n' ? ' ' : *p);
	g_string_append_c(out, ' ');
}

void validate_markdown(const struct validate_report *report, GString *out)
{
	g_string_append(out,
			"| group | check | expected | obtained | accepted | verdict | source |\n"
			"|---|---|--:|--:|--:|---|---|\n");
	for (guint i = 0; i < report->checks->len; i++) {
		const struct validate_check *check = check_at(report, i);
		bool says_more = check->verdict != VALIDATE_HOLDS && *check->note;
		g_autofree char *last =
			g_strconcat(check->source, says_more && *check->source ? ": " : "",
				    says_more ? check->note : "", NULL);
		const char *cell[COLUMNS];

		cells(check, cell);
		markdown_cell(check->group, out);
		for (size_t c = 0; c < COLUMNS; c++)
			markdown_cell(cell[c], out);
		markdown_cell(last, out);
		g_string_append(out, "|\n");
	}
	g_string_append_c(out, '\n');
	totals(report, out);
}

/* ---- JSON --------------------------------------------------------------------------------- */

static void set(json_t *object, const char *key, const char *value)
{
	g_autofree char *valid = g_utf8_make_valid(value, -1);

	json_object_set_new(object, key, json_string(valid));
}

static void json_line(const struct validate_check *check, GString *out)
{
	json_t *object = json_object();
	char *text;

	set(object, "group", check->group);
	set(object, "check", check->what);
	set(object, "expected", check->expected);
	set(object, "obtained", check->obtained);
	set(object, "accepted", check->interval);
	set(object, "source", check->source);
	set(object, "note", check->note);
	set(object, "verdict", validate_verdict_name(check->verdict));
	text = json_dumps(object, JSON_PRESERVE_ORDER);
	g_string_append(out, text);
	free(text);
	json_decref(object);
}

void validate_json(const struct validate_report *report, GString *out)
{
	g_string_append(out, "{\"checks\": [\n");
	for (guint i = 0; i < report->checks->len; i++) {
		json_line(check_at(report, i), out);
		g_string_append(out, i + 1 < report->checks->len ? ",\n" : "\n");
	}
	g_string_append_printf(out, "], \"holds\": %u, \"fails\": %u, \"skipped\": %u}\n",
			       validate_count(report, VALIDATE_HOLDS),
			       validate_count(report, VALIDATE_FAILS),
			       validate_count(report, VALIDATE_SKIPPED));
}
