// SPDX-License-Identifier: GPL-2.0-or-later
/* The report: checks as they are added. */
#include <stdarg.h>
#include <string.h>

#include "validate/validate.h"

G_DEFINE_QUARK(validate - error - quark, validate_error)

const char *validate_verdict_name(enum validate_verdict verdict)
{
	switch (verdict) {
	case VALIDATE_HOLDS:
		return "holds";
	case VALIDATE_FAILS:
		return "FAILS";
	case VALIDATE_SKIPPED:
		return "skipped";
	}
	g_assert_not_reached();
}

static void check_free(void *data)
{
	struct validate_check *check = data;

	g_free(check->what);
	g_free(check->expected);
	g_free(check->obtained);
	g_free(check->interval);
	g_free(check->source);
	g_free(check->note);
	g_free(check);
}

struct validate_report *validate_report_new(void)
{
	struct validate_report *report = g_new0(struct validate_report, 1);

	report->checks = g_ptr_array_new_with_free_func(check_free);
	return report;
}

void validate_report_free(struct validate_report *report)
{
	g_ptr_array_unref(report->checks);
	g_free(report);
}

guint validate_count(const struct validate_report *report, enum validate_verdict verdict)
{
	guint count = 0;

	for (guint i = 0; i < report->checks->len; i++) {
		const struct validate_check *check = report->checks->pdata[i];

		count += check->verdict == verdict;
	}
	return count;
}

static struct validate_check *add(struct validate_report *report, const char *what, bool holds,
				  const char *source)
{
	struct validate_check *check = g_new0(struct validate_check, 1);

	check->group = report->group;
	check->what = g_strdup(what);
	check->source = g_strdup(source);
	check->verdict = holds ? VALIDATE_HOLDS : VALIDATE_FAILS;
	g_ptr_array_add(report->checks, check);
	return check;
}

static char *figure(double value, const char *unit)
{
	char digits[G_ASCII_DTOSTR_BUF_SIZE];

	g_ascii_formatd(digits, sizeof(digits), "%.5g", value);
	return g_strdup_printf("%s%s%s", digits, *unit ? " " : "", unit);
}

struct validate_check *validate_equal(struct validate_report *report, const char *what,
				      int64_t expected, int64_t obtained, const char *unit,
				      const char *source)
{
	struct validate_check *check = add(report, what, expected == obtained, source);
	const char *space = *unit ? " " : "";

	check->expected = g_strdup_printf("%" G_GINT64_FORMAT "%s%s", expected, space, unit);
	check->obtained = g_strdup_printf("%" G_GINT64_FORMAT "%s%s", obtained, space, unit);
	check->interval = g_strdup("exactly");
	check->note = g_strdup("");
	return check;
}

struct validate_check *validate_between(struct validate_report *report, const char *what,
					double expected, double obtained, double low, double high,
					const char *unit, const char *source)
{
	struct validate_check *check =
		add(report, what, low <= obtained && obtained <= high, source);
	g_autofree char *from = figure(low, ""), *to = figure(high, "");

	check->expected = figure(expected, unit);
	check->obtained = figure(obtained, unit);
	check->interval = g_strdup_printf("%s..%s", from, to);
	check->note = g_strdup("");
	return check;
}

struct validate_check *validate_same(struct validate_report *report, const char *what,
				     const char *expected, const char *obtained, const char *source)
{
	struct validate_check *check = add(report, what, strcmp(expected, obtained) == 0, source);

	check->expected = g_strdup(expected);
	check->obtained = g_strdup(obtained);
	check->interval = g_strdup("exactly");
	check->note = g_strdup("");
	return check;
}

struct validate_check *validate_skip(struct validate_report *report, const char *what,
				     const char *why)
{
	struct validate_check *check = add(report, what, true, "");

	check->verdict = VALIDATE_SKIPPED;
	check->expected = g_strdup("");
	check->obtained = g_strdup("");
	check->interval = g_strdup("");
	check->note = g_strdup(why);
	return check;
}

void validate_note(struct validate_check *check, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_free(check->note);
	check->note = g_strdup_vprintf(format, args);
	va_end(args);
}
