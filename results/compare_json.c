/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The comparison model as JSON. */
#include "results/internal.h"

#include <stdlib.h>
#include <string.h>

static int by_row_name(const void *a, const void *b)
{
	return strcmp((*(struct results_row *const *)a)->name,
		      (*(struct results_row *const *)b)->name);
}

static void write_column(struct emit *e, const struct results_comparison *cmp, size_t i)
{
	const struct results_column *column = column_at(cmp, i);

	emit_open_inline(e, NULL, '{');
	emit_string(e, "label", column->label);
	emit_int(e, "document", (int64_t)column->doc);
	emit_string(e, "variant", column->variant->name);
	emit_string(e, "program_version", cmp->docs[column->doc]->program_version);
	emit_string(e, "reference", column_at(cmp, column->reference)->label);
	emit_bool(e, "same_events", column->same_events);
	emit_bool(e, "stopped", column->stopped);
	emit_close(e, '}');
}

static void write_difference(struct emit *e, const struct results_cell *cell)
{
	emit_real(e, "difference", cell->difference);
	if (cell->has_relative)
		emit_real(e, "relative", cell->relative);
	else
		emit_null(e, "relative");
	if (cell->metric->class != RESULTS_SAMPLED)
		return;
	if (cell->pairs > 1) {
		emit_open_inline(e, "interval", '[');
		emit_real(e, NULL, cell->difference - cell->half_width);
		emit_real(e, NULL, cell->difference + cell->half_width);
		emit_close(e, ']');
	} else {
		emit_null(e, "interval");
	}
	emit_int(e, "pairs", cell->pairs);
	if (cell->seeds_needed > 0)
		emit_int(e, "seeds_needed", cell->seeds_needed);
}

static void write_cell(struct emit *e, const struct results_comparison *cmp,
		       const struct results_row *row, size_t i)
{
	const struct results_cell *cell = &row->cell[i];

	emit_open_inline(e, column_at(cmp, i)->label, '{');
	if (cell->metric->value == (double)cell->metric->exact)
		emit_int(e, "value", cell->metric->exact);
	else
		emit_real(e, "value", cell->metric->value);
	emit_string(e, "class", class_names[cell->metric->class]);
	if (cell->pairs > 0)
		write_difference(e, cell);
	if (cell->verdict != RESULTS_NO_VERDICT)
		emit_string(e, "verdict", results_verdict_name(cell->verdict));
	emit_bool(e, "best", cell->best);
	emit_close(e, '}');
}

static void write_row(struct emit *e, const struct results_comparison *cmp,
		      const struct results_row *row)
{
	emit_open_inline(e, row->name, '{');
	emit_string(e, "unit", row->unit);
	emit_string(e, "direction", direction_names[row->direction]);
	emit_string(e, "class", class_names[row->class]);
	emit_string(e, "group", row->group);
	emit_open_inline(e, "columns", '{');
	for (size_t i = 0; i < cmp->columns->len; i++)
		if (row->cell[i].metric)
			write_cell(e, cmp, row, i);
	emit_close(e, '}');
	emit_close(e, '}');
}

void results_comparison_json(const struct results_comparison *cmp, GString *out)
{
	g_autofree struct results_row **rows = g_new(struct results_row *, cmp->rows->len);
	const struct results_doc *doc = cmp->docs[0];
	struct emit e;

	for (size_t i = 0; i < cmp->rows->len; i++)
		rows[i] = cmp->rows->pdata[i];
	qsort(rows, cmp->rows->len, sizeof(*rows), by_row_name);
	emit_init(&e, out);
	emit_open(&e, NULL, '{');
	emit_int(&e, "schema_version", RESULTS_SCHEMA_VERSION);
	emit_open(&e, "scenario", '{');
	emit_string(&e, "name", doc->scenario.name);
	emit_string(&e, "digest", doc->scenario.digest);
	emit_close(&e, '}');
	emit_int(&e, "replications", doc->replications);
	emit_open(&e, "columns", '[');
	for (size_t i = 0; i < cmp->columns->len; i++)
		write_column(&e, cmp, i);
	emit_close(&e, ']');
	emit_open(&e, "metrics", '{');
	for (size_t i = 0; i < cmp->rows->len; i++)
		write_row(&e, cmp, rows[i]);
	emit_close(&e, '}');
	emit_close(&e, '}');
}
