/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The gate for people: text for a terminal or a log, Markdown for a review comment. */
#include "results/internal.h"

#include <string.h>

/* Worst first. */
static const enum results_ruling order[] = {
	RESULTS_REGRESSED, RESULTS_CHANGED,	 RESULTS_NOT_A_NUMBER, RESULTS_MISSING,
	RESULTS_NEW,	   RESULTS_INCONCLUSIVE, RESULTS_IMPROVED,     RESULTS_WITHIN,
	RESULTS_UNCHANGED, RESULTS_HOST_FIGURE,
};

static bool is_told(enum results_ruling ruling, const struct results_gate_options *options)
{
	return ruling != RESULTS_UNCHANGED || options->all;
}

static void say_basis(const struct results_gate *gate, GString *out)
{
	const struct results_doc *before = results_curve_doc(gate->baseline->curve),
				 *after = results_curve_doc(gate->after);

	g_string_append_printf(out, "%s: %s, of program version %s, against version %s. ",
			       gate->baseline->name, before->scenario.name, before->program_version,
			       after->program_version);
	g_string_append_printf(out, "%u of %u runs are the same event by event. ", gate->same_runs,
			       gate->runs);
	gate_counts(gate, out);
	if (gate->intervals > 1)
		g_string_append_printf(out,
				       " %u sampled figures differ, so each interval is of "
				       "%.4g %%, all together of 95 %%.",
				       gate->intervals, gate->level * 100);
}

/* ---- text ---- */

static const char *colour_of(enum results_ruling ruling, const struct results_gate_options *options)
{
	if (!options->colour)
		return "";
	if (gate_ruling_fails(ruling, options))
		return "\033[31m";
	return ruling == RESULTS_IMPROVED ? "\033[32m" : "";
}

static void say_entry(const struct results_gate *gate, const struct results_gate_entry *entry,
		      unsigned width, GString *out)
{
	g_autoptr(GString) where = g_string_new(NULL), what = g_string_new(NULL),
			   rule = g_string_new(NULL);

	gate_where(entry, where);
	wrap_text(out, where->str, 2, width);
	gate_values(entry, what);
	if (entry->before && entry->after)
		g_string_append(what, ", ");
	gate_difference(entry, gate->level, what);
	gate_rule(entry, rule);
	if (what->len)
		wrap_text(out, what->str, 4, width);
	if (rule->len)
		wrap_text(out, rule->str, 4, width);
}

static void say_ruling(const struct results_gate *gate, enum results_ruling ruling,
		       const struct results_gate_options *options, unsigned width, GString *out)
{
	const char *colour = colour_of(ruling, options);

	if (!gate->count[ruling] || !is_told(ruling, options))
		return;
	g_string_append_printf(out, "\n%s%s%s\n", colour, results_ruling_name(ruling),
			       *colour ? "\033[0m" : "");
	for (guint i = 0; i < gate->entries->len; i++) {
		const struct results_gate_entry *entry = gate->entries->pdata[i];

		if (entry->ruling == ruling)
			say_entry(gate, entry, width, out);
	}
}

void results_gate_text(const struct results_gate *gate, const struct results_gate_options *options,
		       GString *out)
{
	unsigned width = options->width ? options->width : RESULTS_TEXT_WIDTH;
	g_autoptr(GString) text = g_string_new(NULL), basis = g_string_new(NULL),
			   advice = g_string_new(NULL);

	g_string_append_printf(text, "gate: %s\n", gate_headline(gate, options));
	say_basis(gate, basis);
	wrap_text(text, basis->str, 0, width);
	for (size_t i = 0; i < G_N_ELEMENTS(order); i++)
		say_ruling(gate, order[i], options, width, text);
	gate_advice(gate, advice);
	if (advice->len) {
		g_string_append_c(text, '\n');
		wrap_text(text, advice->str, 0, width);
	}
	text_clean(text, options->ascii, options->colour);
	g_string_append_len(out, text->str, (gssize)text->len);
}

/* ---- Markdown ---- */

/* A cell holds neither a bar nor a line break, and no tag. */
static void append_cell(GString *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '|' || *text == '\\' || *text == '<' || *text == '`' || *text == '*')
			g_string_append_c(out, '\\');
		g_string_append_c(out, *text == '\n' ? ' ' : *text);
	}
	g_string_append(out, " | ");
}

static void add_row(const struct results_gate *gate, const struct results_gate_entry *entry,
		    GString *out)
{
	g_autoptr(GString) values = g_string_new(NULL), difference = g_string_new(NULL),
			   rule = g_string_new(NULL), where = g_string_new(NULL);

	gate_where(entry, where);
	gate_values(entry, values);
	gate_difference(entry, gate->level, difference);
	gate_rule(entry, rule);
	g_string_append(out, "| ");
	append_cell(out, results_ruling_name(entry->ruling));
	append_cell(out, where->str);
	append_cell(out, values->str);
	append_cell(out, difference->str);
	append_cell(out, rule->str);
	g_string_truncate(out, out->len - 1);
	g_string_append_c(out, '\n');
}

#define TABLE_HEAD                                                                                 \
	"| ruling | figure | baseline -> result | difference | rule |\n|---|---|---|---|---|\n"

/* Rows as long as they fit; how many did not. */
static guint add_rows(const struct results_gate *gate, const struct results_gate_options *options,
		      bool failing, GString *out)
{
	enum { ROOM_BELOW = 1000 };
	guint left_out = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(order); i++) {
		if (gate_ruling_fails(order[i], options) != failing || !is_told(order[i], options))
			continue;
		for (guint k = 0; k < gate->entries->len; k++) {
			const struct results_gate_entry *entry = gate->entries->pdata[k];
			g_autoptr(GString) row = g_string_new(NULL);

			if (entry->ruling != order[i])
				continue;
			add_row(gate, entry, row);
			if (out->len + row->len + ROOM_BELOW > RESULTS_MARKDOWN_MAX_BYTES)
				left_out++;
			else
				g_string_append(out, row->str);
		}
	}
	return left_out;
}

static guint count_told(const struct results_gate *gate, const struct results_gate_options *options,
			bool failing)
{
	guint count = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(order); i++)
		if (gate_ruling_fails(order[i], options) == failing && is_told(order[i], options))
			count += gate->count[order[i]];
	return count;
}

void results_gate_markdown(const struct results_gate *gate,
			   const struct results_gate_options *options, GString *out)
{
	guint failing = count_told(gate, options, true), others = count_told(gate, options, false);
	g_autoptr(GString) text = g_string_new(NULL), advice = g_string_new(NULL);
	guint left_out = 0;

	g_string_append_printf(text, "### extentsim gate: %s\n\n", gate_headline(gate, options));
	say_basis(gate, text);
	g_string_append(text, "\n\n");
	if (failing) {
		g_string_append(text, TABLE_HEAD);
		left_out += add_rows(gate, options, true, text);
		g_string_append_c(text, '\n');
	}
	if (others) {
		g_string_append_printf(
			text, "<details><summary>%u more that do not fail</summary>\n\n" TABLE_HEAD,
			others);
		left_out += add_rows(gate, options, false, text);
		g_string_append(text, "\n</details>\n");
	}
	if (left_out)
		g_string_append_printf(text, "\n%u figures more are left out here.\n", left_out);
	gate_advice(gate, advice);
	if (advice->len)
		g_string_append_printf(text, "\n%s\n", advice->str);
	text_clean(text, options->ascii, false);
	g_string_append_len(out, text->str, (gssize)text->len);
}
