/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing a cost profile, in the layout of those of the library. */
#include <jansson.h>
#include <stdlib.h>

#include "scenarios/scenarios.h"

static void append_text(GString *out, const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	json_t *json = json_string(valid);
	char *quoted = json_dumps(json, JSON_ENCODE_ANY);

	g_string_append(out, quoted);
	free(quoted);
	json_decref(json);
}

/* In the longest unit of which it is a whole number. */
static void append_ns(GString *out, uint64_t ns)
{
	static const char *const units[] = {"ns", "us", "ms", "s"};
	size_t unit = 0;

	while (unit + 1 < G_N_ELEMENTS(units) && ns && ns % 1000 == 0) {
		ns /= 1000;
		unit++;
	}
	g_string_append_printf(out, "\"%" G_GUINT64_FORMAT "%s\"", ns, units[unit]);
}

static void append_size(GString *out, uint64_t value)
{
	g_string_append_printf(out, "%" G_GUINT64_FORMAT, value);
}

static void append_dist(GString *out, const struct sim_dist *dist)
{
	if (dist->kind == SIM_DIST_CONSTANT) {
		g_string_append(out, "\"ns\": ");
		append_ns(out, dist->a);
		return;
	}
	g_assert(dist->kind == SIM_DIST_QUANTILES);
	g_string_append(out, "\"quantiles\": {");
	for (uint32_t i = 0; i < dist->points; i++) {
		uint32_t per_mille = dist->point[i].per_mille;

		g_string_append_printf(out, "%s\"%u", i ? ", " : "", per_mille / 10);
		if (per_mille % 10)
			g_string_append_printf(out, ".%u", per_mille % 10);
		g_string_append(out, "\": ");
		append_ns(out, dist->point[i].ns);
	}
	g_string_append_c(out, '}');
}

/* What costs and sizes have alike: everything behind the figure. */
static void append_rest(GString *out, const char *source, bool estimate, uint64_t low,
			uint64_t high, void (*append)(GString *, uint64_t))
{
	g_string_append(out, ",\n\t\t\t\"source\": ");
	append_text(out, source);
	if (estimate)
		g_string_append(out, ",\n\t\t\t\"estimate\": true");
	if (high) {
		g_string_append(out, ",\n\t\t\t\"range\": [");
		append(out, low);
		g_string_append(out, ", ");
		append(out, high);
		g_string_append_c(out, ']');
	}
	g_string_append(out, "\n\t\t}");
}

static void append_key(GString *out, const struct kernel_name *name, bool first)
{
	g_string_append_printf(out, "%s\n\t\t\"%s\": {\n\t\t\t", first ? "" : ",", name->name);
}

static void append_head(GString *out, const char *key, const char *text)
{
	g_string_append_printf(out, "\t\"%s\": ", key);
	append_text(out, text);
	g_string_append(out, ",\n");
}

char *cost_profile_text(const struct cost_profile *profile)
{
	GString *out = g_string_new("{\n");

	append_head(out, "name", profile->name);
	append_head(out, "kernel", profile->kernel);
	append_head(out, "cpu", profile->cpu);
	append_head(out, "doc", profile->doc);
	g_string_append(out, "\t\"costs\": {");
	for (int i = 0; i < KERNEL_COSTS; i++) {
		const struct cost_entry *cost = &profile->cost[i];

		append_key(out, &kernel_cost_table[i], i == 0);
		append_dist(out, &cost->dist);
		append_rest(out, cost->source, cost->estimate, cost->low_ns, cost->high_ns,
			    append_ns);
	}
	g_string_append(out, "\n\t},\n\t\"sizes\": {");
	for (int i = 0; i < KERNEL_SIZES; i++) {
		const struct size_entry *size = &profile->size[i];

		append_key(out, &kernel_size_table[i], i == 0);
		g_string_append(out, "\"value\": ");
		append_size(out, size->value);
		append_rest(out, size->source, size->estimate, size->low, size->high, append_size);
	}
	g_string_append(out, "\n\t}\n}\n");
	return g_string_free(out, FALSE);
}
