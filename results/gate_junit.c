/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The gate as JUnit XML: what the schemas of Ant and of Jenkins have in common. No test took time, so
 * times are 0.
 */
#include "results/internal.h"

#include <string.h>

static void append_text(GString *out, const char *text)
{
	g_autoptr(GString) clean = g_string_new(text);
	g_autofree char *escaped = NULL;

	text_clean(clean, false, false);
	escaped = g_markup_escape_text(clean->str, (gssize)clean->len);
	g_string_append(out, escaped);
}

static void append_attribute(GString *out, const char *name, const char *value)
{
	g_string_append_printf(out, " %s=\"", name);
	append_text(out, value);
	g_string_append_c(out, '"');
}

/* "open-cost extents=100 lightweight". */
static char *suite_name(const struct results_gate *gate, const struct results_gate_entry *entry)
{
	GString *name = g_string_new(results_curve_doc(gate->baseline->curve)->scenario.name);

	if (*entry->place)
		g_string_append_printf(name, " %s", entry->place);
	if (entry->variant)
		g_string_append_printf(name, " %s", entry->variant);
	return g_string_free(name, FALSE);
}

static bool same_suite(const struct results_gate_entry *a, const struct results_gate_entry *b)
{
	return !strcmp(a->place, b->place) && g_strcmp0(a->variant, b->variant) == 0;
}

/* An inconclusive case is skipped, unless nothing may be: then it fails. */
static bool case_fails(const struct results_gate_entry *entry,
		       const struct results_gate_options *options)
{
	return gate_ruling_fails(entry->ruling, options) ||
	       (entry->ruling == RESULTS_INCONCLUSIVE && options->strict);
}

static void add_case(const struct results_gate *gate, const struct results_gate_entry *entry,
		     const char *suite, const struct results_gate_options *options, GString *out)
{
	g_autoptr(GString) what = g_string_new(NULL), rule = g_string_new(NULL);

	g_string_append(out, "    <testcase");
	append_attribute(out, "name", entry->name ? entry->name : "every metric");
	append_attribute(out, "classname", suite);
	g_string_append(out, " time=\"0\"");
	if (!case_fails(entry, options)) {
		g_string_append(out, entry->ruling == RESULTS_INCONCLUSIVE
					     ? "><skipped/></testcase>\n"
					     : "/>\n");
		return;
	}
	gate_values(entry, what);
	if (entry->before && entry->after)
		g_string_append(what, ", ");
	gate_difference(entry, gate->level, what);
	gate_rule(entry, rule);
	g_string_append(out, ">\n      <failure");
	append_attribute(out, "type", results_ruling_name(entry->ruling));
	append_attribute(out, "message", what->str);
	g_string_append_c(out, '>');
	append_text(out, rule->str);
	g_string_append(out, "</failure>\n    </testcase>\n");
}

/* The entries from `first` on that are of its suite; the first that is not. */
static guint suite_end(const struct results_gate *gate, guint first)
{
	guint end = first;

	while (end < gate->entries->len &&
	       same_suite(gate->entries->pdata[first], gate->entries->pdata[end]))
		end++;
	return end;
}

static guint add_suite(const struct results_gate *gate, guint first, guint number,
		       const struct results_gate_options *options, const char *timestamp,
		       GString *out)
{
	guint end = suite_end(gate, first), failures = 0, skipped = 0;
	g_autofree char *name = suite_name(gate, gate->entries->pdata[first]);

	for (guint i = first; i < end; i++) {
		const struct results_gate_entry *entry = gate->entries->pdata[i];

		failures += case_fails(entry, options);
		skipped += entry->ruling == RESULTS_INCONCLUSIVE && !case_fails(entry, options);
	}
	g_string_append(out, "  <testsuite");
	append_attribute(out, "name", name);
	g_string_append_printf(out,
			       " package=\"extentsim\" id=\"%u\" timestamp=\"%s\" "
			       "hostname=\"localhost\" tests=\"%u\" failures=\"%u\" errors=\"0\" "
			       "skipped=\"%u\" time=\"0\">\n    <properties/>\n",
			       number, timestamp, end - first, failures, skipped);
	for (guint i = first; i < end; i++)
		add_case(gate, gate->entries->pdata[i], name, options, out);
	g_string_append(out, "    <system-out/>\n    <system-err/>\n  </testsuite>\n");
	return end;
}

void results_gate_junit(const struct results_gate *gate, const struct results_gate_options *options,
			const char *timestamp, GString *out)
{
	guint number = 0;

	g_string_append(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
	for (guint i = 0; i < gate->entries->len; number++)
		i = add_suite(gate, i, number, options, timestamp, out);
	g_string_append(out, "</testsuites>\n");
}
