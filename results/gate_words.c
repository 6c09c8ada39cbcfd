/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the gate says of a figure, in words that all of its formats share. */
#include "results/internal.h"

#include <math.h>
#include <string.h>

void gate_where(const struct results_gate_entry *entry, GString *out)
{
	g_string_append(out, entry->variant ? entry->variant : "all variants");
	g_string_append_printf(out, " %s", entry->name ? entry->name : "(every metric)");
	if (*entry->place)
		g_string_append_printf(out, " at %s", entry->place);
}

static const struct results_metric *any_side(const struct results_gate_entry *entry)
{
	return entry->before ? entry->before : entry->after;
}

/* Of a difference only its sign tells more than the value would. */
static void append_amount(GString *out, double value, const char *unit, bool exact, bool signs)
{
	const char *suffix = !strcmp(unit, "count") ? "" : unit;

	if (signs && value >= 0)
		g_string_append_c(out, '+');
	if (exact)
		g_string_append_printf(out, "%.0f%s%s", value,
				       *suffix && strlen(suffix) > 2 ? " " : "", suffix);
	else
		human_value(out, value, unit, false);
}

static void append_side(GString *out, const struct results_metric *metric, bool exact)
{
	if (!metric)
		g_string_append(out, "none");
	else if (exact)
		append_amount(out, metric->value, metric->unit, true, false);
	else
		human_value(out, metric->value, metric->unit, false);
}

void gate_values(const struct results_gate_entry *entry, GString *out)
{
	bool exact = !entry->sampled;

	if (!any_side(entry))
		return;
	append_side(out, entry->before, exact);
	g_string_append(out, " -> ");
	if (entry->ruling == RESULTS_NOT_A_NUMBER)
		g_string_append(out, "not a number");
	else
		append_side(out, entry->after, exact);
}

void gate_difference(const struct results_gate_entry *entry, double level, GString *out)
{
	bool exact = !entry->sampled;
	const char *unit;

	if (!entry->before || !entry->after)
		return;
	unit = entry->before->unit;
	append_amount(out, entry->difference, unit, exact, true);
	if (entry->has_relative)
		g_string_append_printf(out, " (%+.3g %%)", entry->relative * 100);
	if (exact || entry->pairs < 2 || entry->ruling == RESULTS_UNCHANGED)
		return;
	g_string_append(out, ", between ");
	append_amount(out, entry->difference - entry->half_width, unit, false, true);
	g_string_append(out, " and ");
	append_amount(out, entry->difference + entry->half_width, unit, false, true);
	g_string_append_printf(out, " (%.4g %%, %u pairs)", level * 100, entry->pairs);
}

static bool was_judged(const struct results_gate_entry *entry)
{
	switch (entry->ruling) {
	case RESULTS_IMPROVED:
	case RESULTS_WITHIN:
	case RESULTS_INCONCLUSIVE:
	case RESULTS_REGRESSED:
	case RESULTS_CHANGED:
		return true;
	default:
		return false;
	}
}

void gate_rule(const struct results_gate_entry *entry, GString *out)
{
	const struct results_tolerance *tolerance = entry->tolerance;

	if (was_judged(entry)) {
		g_string_append(out, entry->sampled ? "sampled" : "exact");
		g_string_append_printf(out, ", %s is better",
				       entry->before->direction == SIM_NO_DIRECTION
					       ? "neither"
					       : direction_names[entry->before->direction]);
		if (tolerance) {
			g_string_append(out, ", allowed ");
			append_amount(out, entry->allowed, entry->before->unit, false, false);
			g_string_append_printf(out, " (%.3g %%", tolerance->relative * 100);
			g_string_append(out, " or ");
			append_amount(out, tolerance->absolute, entry->before->unit, false, false);
			g_string_append_printf(out, ": %s)", tolerance->reason);
		} else {
			g_string_append(out, ", nothing is allowed");
		}
	}
	if (entry->seeds_needed)
		g_string_append_printf(out, "; %u seeds would decide, were it so at all",
				       entry->seeds_needed);
	if (entry->note)
		g_string_append_printf(out, "%s%s", out->len ? "; " : "", entry->note);
}

void gate_counts(const struct results_gate *gate, GString *out)
{
	const char *separator = ": ";

	g_string_append_printf(out, "%u figures", gate->entries->len);
	for (int ruling = 0; ruling < RESULTS_RULINGS; ruling++) {
		if (!gate->count[ruling])
			continue;
		g_string_append_printf(out, "%s%u %s", separator, gate->count[ruling],
				       results_ruling_name((enum results_ruling)ruling));
		separator = ", ";
	}
	g_string_append_c(out, '.');
}

const char *gate_headline(const struct results_gate *gate,
			  const struct results_gate_options *options)
{
	switch (results_gate_outcome(gate, options)) {
	case RESULTS_FAILS:
		if (gate->count[RESULTS_REGRESSED])
			return "REGRESSED";
		return gate->count[RESULTS_CHANGED] ? "CHANGED" : "FIGURES MISSING OR NEW";
	case RESULTS_UNDECIDED:
		return "INCONCLUSIVE";
	default:
		if (gate->count[RESULTS_INCONCLUSIVE])
			return "passed, inconclusive in part";
		return gate->count[RESULTS_IMPROVED] ? "passed, improved" : "passed";
	}
}

void gate_advice(const struct results_gate *gate, GString *out)
{
	if (gate->count[RESULTS_UNCHANGED] + gate->count[RESULTS_HOST_FIGURE] == gate->entries->len)
		return;
	if (gate->baseline->is_result)
		g_string_append(out, "Where that is meant, hold what follows against the newer "
				     "result.");
	else
		g_string_append_printf(out,
				       "Where that is meant, renew the baseline: extentsim gate "
				       "--update %s --why TEXT.",
				       gate->baseline->name);
	if (gate->same_runs < gate->runs)
		g_string_append(out, " `extentsim compare --first-difference A B` names the first "
				     "event in which two results part.");
}
