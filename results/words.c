/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stands around the table: the question above it; findings and the verdict below. */
#include "results/internal.h"

#include <math.h>
#include <string.h>

enum {
	NAMED_MAX = 4, /* metrics named for each verdict; the rest is counted */
	FINDINGS_MAX = 5, /* shown of each variant, unless all is asked for */
	SEEDS_TO_START_WITH = 5,
};

void wrap_text(GString *out, const char *text, unsigned indent, unsigned width)
{
	const unsigned hanging = indent + 2;
	g_auto(GStrv) words = g_strsplit_set(text, " \n\t", -1);
	unsigned column = 0;

	for (char **word = words; *word; word++) {
		unsigned length = (unsigned)g_utf8_strlen(*word, -1);

		if (length == 0)
			continue;
		if (column > 0 && column + 1 + length > width) {
			g_string_append_c(out, '\n');
			column = 0;
			g_string_append_printf(out, "%*s", hanging, "");
			column = hanging;
		} else if (column > 0) {
			g_string_append_c(out, ' ');
			column++;
		} else {
			g_string_append_printf(out, "%*s", indent, "");
			column = indent;
		}
		g_string_append(out, *word);
		column += length;
	}
	g_string_append_c(out, '\n');
}

void results_paragraph(const char *label, const char *text, GString *out)
{
	g_autofree char *whole = g_strconcat(label, text, NULL);

	wrap_text(out, whole, 0, RESULTS_TEXT_WIDTH);
}

static void sentence(GString *out, unsigned indent, unsigned width, const char *format, ...)
	G_GNUC_PRINTF(4, 5);
static void sentence(GString *out, unsigned indent, unsigned width, const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	wrap_text(out, text, indent, width);
}

/* ---- above ---- */

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void say_incomplete(const struct results_doc *doc, unsigned width, GString *out)
{
	uint64_t done = 0, planned = (uint64_t)doc->replications * doc->variants->len;

	if (results_complete(doc))
		return;
	for (guint i = 0; i < doc->variants->len; i++)
		for (uint32_t k = 0; k < doc->replications; k++)
			done += ((struct results_variant *)doc->variants->pdata[i])
					->replication[k]
					.done;
	sentence(out, 0, width,
		 "INCOMPLETE: %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
		 " runs were made; what follows rests on those.",
		 done, planned);
}

void words_question(const struct results_doc *doc, bool curve, unsigned width, GString *out)
{
	g_autoptr(GString) facts = g_string_new(NULL);

	sentence(out, 0, width, "%s (%s): %s", doc->scenario.name, doc->scenario.kind,
		 doc->scenario.question);
	if (doc->image.name)
		g_string_append_printf(facts, "image %s; ", doc->image.name);
	if (doc->cost_profile.name)
		g_string_append_printf(facts, "cost profile %s (kernel %s, %s); ",
				       doc->cost_profile.name, doc->cost_profile.kernel,
				       doc->cost_profile.cpu);
	g_string_append_printf(facts, "%u replication%s from seed %" G_GUINT64_FORMAT,
			       doc->replications, plural(doc->replications), doc->seeds[0]);
	for (guint i = 0; i < doc->overrides->len; i++)
		if (!curve || !g_str_has_prefix(doc->overrides->pdata[i], "axes."))
			g_string_append_printf(facts, "; --set %s",
					       (const char *)doc->overrides->pdata[i]);
	wrap_text(out, facts->str, 0, width);
}

void words_heading(const struct results_comparison *cmp, unsigned width, GString *out)
{
	words_question(cmp->docs[0], false, width, out);
	for (size_t d = 0; d < cmp->doc_count; d++)
		say_incomplete(cmp->docs[d], width, out);
	g_string_append_c(out, '\n');
}

/* ---- findings ---- */

GPtrArray *results_told(const struct results_doc *doc, const struct results_variant *variant)
{
	GPtrArray *order = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (uint32_t i = 0; i < doc->replications; i++) {
		const GPtrArray *findings = variant->replication[i].findings;

		for (guint k = 0; k < findings->len; k++) {
			const struct results_finding *finding = findings->pdata[k];
			char *key = g_strdup_printf("%s\n%s", finding->kind, finding->text);
			struct results_told *told = g_hash_table_lookup(seen, key);

			if (!told) {
				told = g_new0(struct results_told, 1);
				told->finding = finding;
				g_ptr_array_add(order, told);
				g_hash_table_insert(seen, key, told);
			} else {
				g_free(key);
			}
			told->times++;
			if (told->replications == 0 || told->last != i)
				told->replications++;
			told->last = i;
		}
	}
	return order;
}

static void tell(const struct results_comparison *cmp, const struct results_told *told,
		 unsigned width, GString *out)
{
	g_autoptr(GString) line = g_string_new(NULL);
	g_auto(GStrv) lines = g_strsplit(told->finding->text, "\n", -1);

	g_string_append_printf(line, "%s, first at ", told->finding->kind);
	human_value(line, (double)told->finding->time_ns, "ns", false);
	if (told->times > told->replications)
		g_string_append_printf(line, ", %" G_GUINT64_FORMAT " times", told->times);
	if (cmp->docs[0]->replications > 1)
		g_string_append_printf(line, ", in %u of %u replications", told->replications,
				       cmp->docs[0]->replications);
	if (lines[0])
		g_string_append_printf(line, ": %s", lines[0]);
	wrap_text(out, line->str, 2, width);
	for (size_t i = 1; lines[0] && lines[i]; i++)
		if (*lines[i])
			wrap_text(out, lines[i], 4, width);
}

void words_findings(const struct results_comparison *cmp, bool all, unsigned width, GString *out)
{
	bool any = false;

	for (size_t i = 0; i < cmp->columns->len; i++) {
		const struct results_column *column = column_at(cmp, i);
		g_autoptr(GPtrArray) told = results_told(cmp->docs[column->doc], column->variant);
		guint shown = all ? told->len : MIN(told->len, FINDINGS_MAX);

		if (told->len == 0)
			continue;
		any = true;
		sentence(out, 0, width, "%s: %u finding%s", column->label, told->len,
			 plural(told->len));
		for (guint k = 0; k < shown; k++)
			tell(cmp, told->pdata[k], width, out);
		if (shown < told->len)
			sentence(out, 2, width, "and %u more, in the result document",
				 told->len - shown);
	}
	if (any)
		g_string_append_c(out, '\n');
}

/* ---- the verdict ---- */

/* The verdict is about what the scenario measures, if it says what; else about everything.
 * Allocations by site are in the table; here their totals speak for them. */
struct judged {
	const struct results_comparison *cmp;
	const char *const *measure;
	unsigned width;
};

static bool counts(const struct judged *j, const struct results_row *row)
{
	if (j->measure)
		return name_is_wanted(row->name, j->measure);
	return row->class != RESULTS_HOST && !g_str_has_prefix(row->name, ALLOC_BY_PREFIX);
}

static bool is_named(const struct judged *j, const struct results_row *row)
{
	return counts(j, row) && (j->measure || row->summary);
}

static unsigned verdicts(const struct judged *j, size_t column, enum results_verdict verdict)
{
	unsigned n = 0;

	for (size_t i = 0; i < j->cmp->rows->len; i++)
		n += counts(j, row_at(j->cmp, i)) &&
		     row_at(j->cmp, i)->cell[column].verdict == verdict;
	return n;
}

static void name_metric(const struct results_comparison *cmp, const struct results_row *row,
			size_t column, GString *out)
{
	const struct results_cell *cell = &row->cell[column];
	bool reference_is_zero = reference_cell(cmp, row, column)->metric->value == 0;

	g_string_append(out, row->name);
	if (cell->verdict == RESULTS_STOPPED)
		return;
	if (cell->verdict == RESULTS_CANT_TELL) {
		if (cell->seeds_needed > 0)
			g_string_append_printf(out, ": %u seeds would tell", cell->seeds_needed);
		else
			g_string_append(out, cell->pairs < 2 ? ": no two seeds have it"
							     : ": no number of seeds would tell");
		return;
	}
	g_string_append_c(out, ' ');
	if (reference_is_zero) {
		human_value(out, cell->metric->value, row->unit, false);
		g_string_append_c(out, ' ');
	}
	human_difference(out, cell, reference_is_zero, row->unit);
}

static void append_verdict(const struct judged *j, size_t column, enum results_verdict verdict,
			   const char *what, GString *out)
{
	const struct results_comparison *cmp = j->cmp;
	unsigned n = verdicts(j, column, verdict), named = 0;

	if (n == 0)
		return;
	g_string_append_printf(out, "%s%s %u", out->len ? "; " : "", what, n);
	if (verdict == RESULTS_SAME)
		return;
	for (size_t i = 0; i < cmp->rows->len && named < NAMED_MAX; i++) {
		const struct results_row *row = row_at(cmp, i);

		if (!is_named(j, row) || row->cell[column].verdict != verdict)
			continue;
		g_string_append(out, named++ ? ", " : " (");
		name_metric(cmp, row, column, out);
	}
	if (named > 0)
		g_string_append(out, n > named ? ", …)" : ")");
}

static void say_column(const struct judged *j, size_t i, GString *out)
{
	const struct results_comparison *cmp = j->cmp;
	const struct results_column *column = column_at(cmp, i);
	g_autoptr(GString) text = g_string_new(NULL);

	append_verdict(j, i, RESULTS_WORSE, "worse in", text);
	append_verdict(j, i, RESULTS_BETTER, "better in", text);
	append_verdict(j, i, RESULTS_DIFFERS, "another figure, without a better side, in", text);
	append_verdict(j, i, RESULTS_SAME, "the same in", text);
	append_verdict(j, i, RESULTS_CANT_TELL, "can't be told in", text);
	append_verdict(j, i, RESULTS_STOPPED,
		       "not comparable, as a run did not come to its end, in", text);
	sentence(out, 2, j->width, "%s against %s: %s%s.", column->label,
		 column_at(cmp, column->reference)->label,
		 column->same_events ? "the same events at every seed; " : "",
		 text->len ? text->str : "they have no metric in common");
}

static void say_best(const struct judged *j, GString *out)
{
	const struct results_comparison *cmp = j->cmp;
	g_autoptr(GString) text = g_string_new(NULL);

	for (size_t i = 0; i < cmp->columns->len; i++) {
		unsigned n = 0;

		for (size_t k = 0; k < cmp->rows->len; k++)
			n += counts(j, row_at(cmp, k)) && row_at(cmp, k)->cell[i].best;
		if (n > 0)
			g_string_append_printf(text, "%s%s in %u", text->len ? ", " : "",
					       column_at(cmp, i)->label, n);
	}
	if (text->len > 0)
		sentence(out, 2, j->width, "Best, or not told from the best: %s.", text->str);
}

/* Between runs of one variant a metric that one side lacks is a finding. */
static void say_missing(const struct results_comparison *cmp, size_t i, unsigned width,
			GString *out)
{
	const struct results_column *column = column_at(cmp, i);
	const char *first_missing = NULL, *first_new = NULL;
	unsigned missing = 0, new = 0;

	for (size_t k = 0; k < cmp->rows->len; k++) {
		const struct results_row *row = row_at(cmp, k);
		bool here = row->cell[i].metric != NULL,
		     there = reference_cell(cmp, row, i)->metric != NULL;

		if (there && !here && !missing++)
			first_missing = row->name;
		if (here && !there && !new ++)
			first_new = row->name;
	}
	if (missing)
		sentence(out, 2, width, "%s lacks %u metric%s that %s has (%s%s).", column->label,
			 missing, plural(missing), column_at(cmp, column->reference)->label,
			 first_missing, missing > 1 ? ", …" : "");
	if (new)
		sentence(out, 2, width, "%s has %u metric%s that %s lacks (%s%s).", column->label,
			 new, plural(new), column_at(cmp, column->reference)->label, first_new,
			 new > 1 ? ", …" : "");
}

/* Seeds at which something was run: fewer than planned after an interruption. */
static uint32_t seeds_run(const struct results_doc *doc)
{
	uint32_t seeds = 0;

	for (uint32_t r = 0; r < doc->replications; r++) {
		bool done = false;

		for (guint v = 0; v < doc->variants->len; v++) {
			const struct results_variant *variant = doc->variants->pdata[v];

			done |= variant->replication[r].done;
		}
		seeds += done;
	}
	return seeds;
}

static void say_certainty(const struct judged *j, GString *out)
{
	const struct results_comparison *cmp = j->cmp;
	uint32_t replications = seeds_run(cmp->docs[0]);
	unsigned sampled = 0;

	for (size_t k = 0; k < cmp->rows->len; k++)
		sampled += (!j->measure || counts(j, row_at(cmp, k))) &&
			   row_at(cmp, k)->class == RESULTS_SAMPLED;
	if (sampled == 0)
		sentence(out, 2, j->width,
			 "Every metric is exact: no run drew a random number, so each difference "
			 "is one for certain.");
	else if (replications < 2)
		sentence(out, 2, j->width,
			 "%u metric%s sampled at one seed: that tells nothing of their spread. "
			 "Start with %d replications.",
			 sampled, plural(sampled), SEEDS_TO_START_WITH);
	else
		sentence(out, 2, j->width,
			 "%u metric%s sampled at %u seeds and compared seed by seed, each with "
			 "95 %% confidence: of twenty that do not differ, one may be said to.",
			 sampled, plural(sampled), replications);
}

static void say_all(const struct judged *judged, GString *out)
{
	const struct results_comparison *cmp = judged->cmp;

	for (size_t i = 0; i < cmp->columns->len; i++) {
		if (column_at(cmp, i)->reference == i)
			continue;
		say_column(judged, i, out);
		if (cmp->doc_count > 1)
			say_missing(cmp, i, judged->width, out);
	}
	say_best(judged, out);
	say_certainty(judged, out);
}

void words_verdict(const struct results_comparison *cmp, const struct results_text_options *options,
		   GString *out)
{
	const struct judged judged = {cmp, options->all ? NULL : options->measure, options->width};

	g_string_append(out, judged.measure ? "Verdict on what is measured\n" : "Verdict\n");
	say_all(&judged, out);
}

void results_verdict(const struct results_comparison *cmp, const char *const *measure, GString *out)
{
	const struct judged judged = {cmp, measure, G_MAXINT};

	say_all(&judged, out);
}
