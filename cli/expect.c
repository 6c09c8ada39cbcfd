/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A scenario's expectations: what makes it an executable claim. */
#include "cli/cli.h"

#include <string.h>

#include "results/results.h"

static bool relation_holds(const char *relation, double a, double b)
{
	if (!strcmp(relation, "=="))
		return a == b;
	if (!strcmp(relation, "!="))
		return a != b;
	if (!strcmp(relation, "<"))
		return a < b;
	if (!strcmp(relation, "<="))
		return a <= b;
	if (!strcmp(relation, ">"))
		return a > b;
	g_assert(!strcmp(relation, ">="));
	return a >= b;
}

static const struct results_metric *find(const struct results_doc *doc, const char *variant,
					 const char *metric)
{
	const struct results_variant *column = results_doc_variant(doc, variant);

	return column ? results_variant_metric(column, metric) : NULL;
}

static bool check_one(const struct scenario_expect *expect, const struct results_doc *doc,
		      GString *out)
{
	const struct results_metric *metric = find(doc, expect->variant, expect->metric);
	const struct results_metric *other =
		expect->of ? find(doc, expect->of, expect->metric) : NULL;
	double bound = other ? other->value : expect->value;
	bool known = metric && (!expect->of || other);
	bool holds = known && relation_holds(expect->relation, metric->value, bound);

	g_string_append_printf(out, "%s: %s %s %s ", holds ? "holds" : "FAILS", expect->variant,
			       expect->metric, expect->relation);
	if (expect->of)
		g_string_append_printf(out, "that of %s", expect->of);
	else
		g_string_append_printf(out, "%.15g", expect->value);
	if (!known)
		g_string_append(out, ": there is no such metric");
	else
		g_string_append_printf(out, " (%.15g%s%.15g)", metric->value,
				       expect->of ? " against " : ", expected ", bound);
	g_string_append_c(out, '\n');
	return holds;
}

uint32_t check_expectations(const struct scenario *scenario, const struct results_doc *doc,
			    GString *out)
{
	uint32_t failed = 0;

	for (guint i = 0; i < scenario->expect->len; i++)
		failed += !check_one(scenario->expect->pdata[i], doc, out);
	return failed;
}
