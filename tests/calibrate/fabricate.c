/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/calibrate/fabricate.h"

static void free_figure(void *data)
{
	struct calibrate_figure *figure = data;

	g_free(figure->name);
	g_free(figure->what);
	g_free(figure->skipped);
	g_free(figure);
}

struct calibration *fabricated(void)
{
	struct calibration *c = g_new0(struct calibration, 1);

	c->cpu = g_strdup("Some CPU");
	c->flags = g_strdup("the CPU has aes; libcrypto may use aes");
	c->library = g_strdup("Some library");
	c->release = g_strdup("6.99.1-some");
	c->kernel = g_strdup("6.99");
	c->cpus = 2;
	c->width = 0.01;
	c->figures = g_ptr_array_new_with_free_func(free_figure);
	return c;
}

void fabricate(struct calibration *calibration, const char *name, double min_ns, double p50_ns,
	       double p90_ns, double width)
{
	struct calibrate_figure *figure = g_new0(struct calibrate_figure, 1);

	figure->name = g_strdup(name);
	figure->what = g_strdup("what was done");
	figure->min_ns = min_ns;
	figure->p50_ns = p50_ns;
	figure->p90_ns = p90_ns;
	figure->p99_ns = p90_ns * 10;
	figure->width = width;
	figure->narrow = width <= calibration->width;
	figure->samples = 100;
	figure->times = 1;
	g_ptr_array_add(calibration->figures, figure);
}
