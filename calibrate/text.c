/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Figures as people and programs read them. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "calibrate/internal.h"
#include "results/results.h"

enum {
	NAME_COLUMNS = 20,
	FIGURE_COLUMNS = 9,
	WIDTH_COLUMNS = 7,
	COUNT_COLUMNS = 8,
};

static void append_right(GString *out, const char *text, size_t columns)
{
	size_t width = (size_t)g_utf8_strlen(text, -1);

	while (width++ < columns)
		g_string_append_c(out, ' ');
	g_string_append(out, text);
}

static void append_ns(GString *out, double ns)
{
	g_autoptr(GString) text = g_string_new(NULL);

	results_value_text(ns, "ns", text);
	append_right(out, text->str, FIGURE_COLUMNS);
}

static void append_figure(GString *out, const struct calibrate_figure *figure,
			  const struct cost_profile *base)
{
	double base_ns = calibration_base_ns(figure, base);
	g_autofree char *width = isfinite(figure->width)
					 ? g_strdup_printf("%.1f%%%c", fabs(figure->width) * 100,
							   figure->narrow ? ' ' : '!')
					 : g_strdup("! ");
	g_autofree char *samples = g_strdup_printf("%" G_GUINT64_FORMAT, figure->samples);

	g_string_append_printf(out, "%-*s", NAME_COLUMNS, figure->name);
	append_ns(out, figure->min_ns);
	append_ns(out, figure->p50_ns);
	append_ns(out, figure->p90_ns);
	append_ns(out, figure->p99_ns);
	append_right(out, samples, COUNT_COLUMNS);
	append_right(out, width, WIDTH_COLUMNS);
	if (base_ns > 0)
		append_ns(out, base_ns);
	g_string_append_c(out, '\n');
}

static void append_heads(GString *out)
{
	static const struct {
		const char *text;
		size_t columns;
	} heads[] = {
		{"min", FIGURE_COLUMNS},    {"p50", FIGURE_COLUMNS},
		{"p90", FIGURE_COLUMNS},    {"p99", FIGURE_COLUMNS},
		{"samples", COUNT_COLUMNS}, {"\302\261p50 ", WIDTH_COLUMNS},
		{"base", FIGURE_COLUMNS},
	};

	g_string_append_printf(out, "%-*s", NAME_COLUMNS, "primitive");
	for (size_t i = 0; i < G_N_ELEMENTS(heads); i++)
		append_right(out, heads[i].text, heads[i].columns);
	g_string_append_c(out, '\n');
}

void calibration_text(const struct calibration *calibration, const struct cost_profile *base,
		      GString *out)
{
	bool wide = false;

	g_string_append_printf(out, "%s, %u CPUs, Linux %s\n%s; %s\n", calibration->cpu,
			       calibration->cpus, calibration->release, calibration->library,
			       calibration->flags);
	if (calibration->kernel_cipher)
		g_string_append_printf(out, "the kernel's xts(aes) is %s\n",
				       calibration->kernel_cipher);
	g_string_append_printf(out,
			       "CLOCK_MONOTONIC_RAW takes %.0f ns a read, which is taken off\n\n",
			       calibration->clock_ns);
	append_heads(out);
	for (guint i = 0; i < calibration->figures->len; i++) {
		const struct calibrate_figure *figure = calibration->figures->pdata[i];

		if (figure->skipped)
			continue;
		append_figure(out, figure, base);
		wide |= !figure->narrow;
	}
	g_string_append_printf(out, "\nbase: means of %s, Linux %s\n", base->name, base->kernel);
	if (wide)
		g_string_append_printf(
			out,
			"!: the median's 95 %% interval did not come within %.0f %% in "
			"the time there was\n",
			calibration->width * 100);
	for (guint i = 0; i < calibration->figures->len; i++) {
		const struct calibrate_figure *figure = calibration->figures->pdata[i];

		if (figure->skipped)
			g_string_append_printf(out, "skipped: %s: %s\n", figure->what,
					       figure->skipped);
	}
	if (calibration->interrupted)
		g_string_append(out, "interrupted: figures are missing\n");
}

/* ---- JSON ---- */

static json_t *figure_json(const struct calibrate_figure *figure, const struct cost_profile *base)
{
	double base_ns = calibration_base_ns(figure, base);

	if (figure->skipped)
		return json_pack("{s:s, s:s, s:s}", "name", figure->name, "what", figure->what,
				 "skipped", figure->skipped);
	return json_pack("{s:s, s:s, s:f, s:f, s:f, s:f, s:I, s:I, s:o, s:b, s:o}", "name",
			 figure->name, "what", figure->what, "min_ns", figure->min_ns, "p50_ns",
			 figure->p50_ns, "p90_ns", figure->p90_ns, "p99_ns", figure->p99_ns,
			 "samples", (json_int_t)figure->samples, "times", (json_int_t)figure->times,
			 "width", isfinite(figure->width) ? json_real(figure->width) : json_null(),
			 "narrow", figure->narrow, "base_ns",
			 base_ns > 0 ? json_real(base_ns) : json_null());
}

static void append_json(GString *out, json_t *json)
{
	char *text = json_dumps(json, JSON_REAL_PRECISION(6));

	g_string_append(out, text);
	free(text);
	json_decref(json);
}

void calibration_json(const struct calibration *calibration, const struct cost_profile *base,
		      GString *out)
{
	g_string_append(out, "{\"machine\": ");
	append_json(out, json_pack("{s:s, s:I, s:s, s:s, s:s, s:s?, s:f}", "cpu", calibration->cpu,
				   "cpus", (json_int_t)calibration->cpus, "flags",
				   calibration->flags, "release", calibration->release, "library",
				   calibration->library, "kernel_cipher",
				   calibration->kernel_cipher, "clock_ns", calibration->clock_ns));
	g_string_append_printf(out,
			       ",\n\"base\": \"%s\", \"width\": %g, \"interrupted\": %s,\n"
			       "\"figures\": [",
			       base->name, calibration->width,
			       calibration->interrupted ? "true" : "false");
	for (guint i = 0; i < calibration->figures->len; i++) {
		g_string_append(out, i ? ",\n" : "\n");
		append_json(out, figure_json(calibration->figures->pdata[i], base));
	}
	g_string_append(out, "]}\n");
}
