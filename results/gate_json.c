/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The gate as JSON, one figure per line. */
#include "results/internal.h"

enum { GATE_VERSION = 1 };

static void write_side(struct emit *e, const char *key, const struct results_metric *metric)
{
	if (!metric)
		emit_null(e, key);
	else if (metric->value == (double)metric->exact)
		emit_int(e, key, metric->exact);
	else
		emit_real(e, key, metric->value);
}

static void write_tolerance(struct emit *e, const struct results_gate_entry *entry)
{
	if (!entry->tolerance)
		return;
	emit_open_inline(e, "tolerance", '{');
	emit_real(e, "relative", entry->tolerance->relative);
	emit_real(e, "absolute", entry->tolerance->absolute);
	emit_real(e, "allowed", entry->allowed);
	emit_string(e, "reason", entry->tolerance->reason);
	emit_close(e, '}');
}

static void write_difference(struct emit *e, const struct results_gate_entry *entry)
{
	emit_real(e, "difference", entry->difference);
	if (entry->has_relative)
		emit_real(e, "relative", entry->relative);
	else
		emit_null(e, "relative");
	if (entry->pairs < 2)
		return;
	emit_open_inline(e, "interval", '[');
	emit_real(e, NULL, entry->difference - entry->half_width);
	emit_real(e, NULL, entry->difference + entry->half_width);
	emit_close(e, ']');
	emit_int(e, "pairs", entry->pairs);
}

static void write_entry(struct emit *e, const struct results_gate_entry *entry, bool fails)
{
	const struct results_metric *metric = entry->before ? entry->before : entry->after;

	emit_open_inline(e, NULL, '{');
	emit_string(e, "ruling", results_ruling_name(entry->ruling));
	emit_bool(e, "fails", fails);
	emit_string(e, "at", entry->place);
	emit_string(e, "variant", entry->variant);
	emit_string(e, "metric", entry->name);
	if (metric) {
		emit_string(e, "unit", metric->unit);
		emit_string(e, "direction", direction_names[metric->direction]);
		emit_string(e, "class", class_names[metric->class]);
	}
	write_side(e, "baseline", entry->before);
	write_side(e, "result", entry->after);
	if (entry->before && entry->after)
		write_difference(e, entry);
	write_tolerance(e, entry);
	if (entry->seeds_needed)
		emit_int(e, "seeds_needed", entry->seeds_needed);
	if (entry->note)
		emit_string(e, "note", entry->note);
	emit_close(e, '}');
}

void results_gate_json(const struct results_gate *gate, const struct results_gate_options *options,
		       GString *out)
{
	static const char *const outcomes[] = {"pass", "fail", "inconclusive"};
	const struct results_doc *before = results_curve_doc(gate->baseline->curve),
				 *after = results_curve_doc(gate->after);
	struct emit e;

	emit_init(&e, out);
	emit_open(&e, NULL, '{');
	emit_int(&e, "gate_version", GATE_VERSION);
	emit_string(&e, "outcome", outcomes[results_gate_outcome(gate, options)]);
	emit_string(&e, "scenario", before->scenario.name);
	emit_string(&e, "baseline_program_version", before->program_version);
	emit_string(&e, "result_program_version", after->program_version);
	emit_int(&e, "runs", gate->runs);
	emit_int(&e, "same_runs", gate->same_runs);
	emit_real(&e, "interval_level", gate->level);
	emit_open(&e, "counts", '{');
	for (int ruling = 0; ruling < RESULTS_RULINGS; ruling++)
		emit_int(&e, results_ruling_name((enum results_ruling)ruling), gate->count[ruling]);
	emit_close(&e, '}');
	emit_open(&e, "figures", '[');
	for (guint i = 0; i < gate->entries->len; i++) {
		const struct results_gate_entry *entry = gate->entries->pdata[i];

		write_entry(&e, entry, gate_ruling_fails(entry->ruling, options));
	}
	emit_close(&e, ']');
	emit_close(&e, '}');
}
