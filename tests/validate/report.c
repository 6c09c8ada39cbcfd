/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The report: verdicts, and the three forms in which it is shown. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <string.h>

#include "validate/validate.h"

#define LONG_WORD "a-word-that-is-longer-than-any-column-of-the-table"

/* One check that holds, three that fail, one that could not be made. */
static struct validate_report *planted(void)
{
	struct validate_report *report = validate_report_new();

	report->group = "one";
	validate_equal(report, "alike", 3, 3, "bytes", "a book");
	validate_note(validate_equal(report, "unlike", 3, 4, "bytes", "a book"), "line\n  more");
	validate_between(report, "outside", 1, 2.5, 0.5, 1.5, "holds", "a paper");
	report->group = "two";
	validate_same(report, "words that need more than one line of a table in a mail", LONG_WORD,
		      "b|c", "a recording");
	validate_skip(report, "not here", "no such device");
	return report;
}

static char *shown(void (*show)(const struct validate_report *report, GString *out))
{
	struct validate_report *report = planted();
	GString *out = g_string_new(NULL);

	show(report, out);
	validate_report_free(report);
	return g_string_free(out, FALSE);
}

static void as_mail(const struct validate_report *report, GString *out)
{
	validate_text(report, 0, out);
}

Test(validate_report, verdicts_follow_from_figures)
{
	struct validate_report *report = planted();

	cr_expect_eq(validate_count(report, VALIDATE_HOLDS), 1);
	cr_expect_eq(validate_count(report, VALIDATE_FAILS), 3);
	cr_expect_eq(validate_count(report, VALIDATE_SKIPPED), 1);
	validate_between(report, "at the edge", 1, 1.5, 0.5, 1.5, "", "a paper");
	cr_expect_eq(validate_count(report, VALIDATE_HOLDS), 2);
	validate_report_free(report);
}

Test(validate_report, text_shows_what_fails_and_why_in_lines_of_a_mail)
{
	g_autofree char *text = shown(as_mail);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	cr_expect(strstr(text, "5 checks: 1 hold, 3 fail, 1 skipped\n"), "%s", text);
	cr_expect(strstr(text, "\nFAILS: one: unlike\n  expected 3 bytes, obtained 4 bytes\n"
			       "  line\n    more\n"),
		  "%s", text);
	cr_expect(strstr(text, "skipped: two: not here\n  no such device\n"), "%s", text);
	cr_expect(strstr(text, "from: a paper"), "%s", text);
	cr_expect_null(strstr(text, LONG_WORD "  "), "%s", text);
	for (char **line = lines; *line; line++)
		cr_expect_leq(g_utf8_strlen(*line, -1), 80, "%s", *line);
}

Test(validate_report, the_text_does_not_depend_on_the_width_of_another_group)
{
	g_autofree char *text = shown(as_mail);

	cr_expect(strstr(text, "\nalike "), "%s", text);
	cr_expect(strstr(text, "3 bytes    3 bytes   exactly  holds\n"), "%s", text);
}

Test(validate_report, markdown_is_one_line_a_check_and_escapes_bars)
{
	g_autofree char *text = shown(validate_markdown);

	cr_expect(strstr(text, "| one | outside | 1 holds | 2.5 holds | 0.5..1.5 | FAILS "
			       "| a paper |\n"),
		  "%s", text);
	cr_expect(strstr(text, "| b\\|c |"), "%s", text);
	cr_expect(strstr(text, "| a book: line   more |\n"), "%s", text);
	cr_expect(strstr(text, "| skipped | no such device |\n"), "%s", text);
}

Test(validate_report, json_parses_and_has_a_line_for_each_check)
{
	g_autofree char *text = shown(validate_json);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	json_t *root = json_loads(text, 0, NULL), *check;

	cr_assert(root, "%s", text);
	cr_expect_eq(json_integer_value(json_object_get(root, "fails")), 3);
	cr_expect_eq(json_array_size(json_object_get(root, "checks")), 5);
	cr_expect_eq(g_strv_length(lines), 1 + 5 + 1 + 1);
	check = json_array_get(json_object_get(root, "checks"), 1);
	cr_expect_str_eq(json_string_value(json_object_get(check, "verdict")), "FAILS");
	cr_expect_str_eq(json_string_value(json_object_get(check, "note")), "line\n  more");
	json_decref(root);
}
