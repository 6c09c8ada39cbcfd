/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Batches between two reads of the clock. A shared machine takes the CPU away now and then: a batch that
 * this hits is an outlier, which the median does not see and the minimum least of all.
 */
#include <string.h>
#include <time.h>

#include "calibrate/internal.h"

enum {
	SAMPLES_LEAST = 50,
	SHARE_LEAST = 10, /* of the time there is: what comes and goes is to be met */
	CLOCK_SAMPLES = 20000,
	BATCH_TRIES = 3,
};

uint64_t clock_raw_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

bool bench_interrupted(const struct bench *bench)
{
	return bench->options->interrupted && *bench->options->interrupted;
}

void bench_begins(const struct bench *bench, const char *what)
{
	if (bench->options->begins)
		bench->options->begins(bench->options->begins_arg, what);
}

struct calibrate_figure *bench_figure(struct bench *bench, const char *name, const char *what)
{
	struct calibrate_figure *figure = g_new0(struct calibrate_figure, 1);

	figure->name = g_strdup(name);
	figure->what = g_strdup(what);
	g_ptr_array_add(bench->out->figures, figure);
	return figure;
}

void bench_skip(struct bench *bench, const char *name, const char *what, const char *why)
{
	bench_figure(bench, name, what)->skipped = g_strdup(why);
}

static uint64_t time_of(const struct op *op, uint64_t times)
{
	uint64_t begin = clock_raw_ns();

	op->run(op->arg, times);
	return clock_raw_ns() - begin;
}

/* How many make a batch. The first ones also warm caches and the CPU's clock; the shortest of a few counts,
 * for one that was interrupted says nothing. */
static uint64_t batch_times(const struct bench *bench, const struct op *op)
{
	uint64_t times = 1;

	while (times < UINT64_C(1) << 30) {
		uint64_t shortest = UINT64_MAX;

		for (int i = 0; i < BATCH_TRIES; i++)
			shortest = MIN(shortest, time_of(op, times));
		if (shortest >= bench->batch_ns / 2)
			break;
		times *= 2;
	}
	return times;
}

/* Batches of an operation, and of what is taken off it, in turns. */
struct samples {
	GArray *ns[2]; /* double */
};

static void take_sample(const struct bench *bench, struct samples *samples, const struct op *op,
			const struct op *less, uint64_t times)
{
	const struct op *each[] = {op, less};

	for (size_t i = 0; i < G_N_ELEMENTS(each) && each[i]; i++) {
		double ns = (double)time_of(each[i], times) - bench->out->clock_ns;

		ns /= (double)times * (op->units > 0 ? op->units : 1);
		g_array_append_val(samples->ns[i], ns);
	}
}

static void look(const struct bench *bench, const struct samples *samples,
		 struct calibrate_figure *figure)
{
	struct calibrate_figure part[2] = {*figure, *figure};

	for (size_t i = 0; i < G_N_ELEMENTS(part); i++)
		if (samples->ns[i]->len)
			figure_fill(&part[i], (double *)(void *)samples->ns[i]->data,
				    samples->ns[i]->len, bench->out->width);
	*figure = part[0];
	if (samples->ns[1]->len)
		figure_difference(figure, &part[0], &part[1], bench->out->width);
}

bool bench_measure(struct bench *bench, const char *name, const char *what, const struct op *op,
		   const struct op *less)
{
	struct samples samples = {{g_array_new(FALSE, FALSE, sizeof(double)),
				   g_array_new(FALSE, FALSE, sizeof(double))}};
	struct calibrate_figure figure = {.times = 0}, *out;
	uint64_t begin, look_at = SAMPLES_LEAST, took = 0;

	bench_begins(bench, what);
	figure.times = batch_times(bench, op);
	begin = clock_raw_ns();
	while (took < bench->most_ns && !bench_interrupted(bench)) {
		take_sample(bench, &samples, op, less, figure.times);
		took = clock_raw_ns() - begin;
		if (samples.ns[0]->len < look_at || took < bench->most_ns / SHARE_LEAST)
			continue;
		look(bench, &samples, &figure);
		if (figure.narrow)
			break;
		look_at = samples.ns[0]->len + samples.ns[0]->len / 4;
	}
	if (!bench_interrupted(bench)) {
		look(bench, &samples, &figure);
		out = bench_figure(bench, name, what);
		figure.name = out->name;
		figure.what = out->what;
		*out = figure;
	}
	g_array_unref(samples.ns[0]);
	g_array_unref(samples.ns[1]);
	return !bench_interrupted(bench);
}

/* Two reads, one behind the other, are one read apart. The median: most samples pay that much. */
static void measure_clock(struct bench *bench)
{
	double *ns = g_new(double, CLOCK_SAMPLES);
	struct calibrate_figure figure;

	for (size_t i = 0; i < CLOCK_SAMPLES; i++) {
		uint64_t begin = clock_raw_ns();

		ns[i] = (double)(clock_raw_ns() - begin);
	}
	figure_fill(&figure, ns, CLOCK_SAMPLES, 1);
	bench->out->clock_ns = figure.p50_ns;
	g_free(ns);
}

GQuark calibrate_error_quark(void)
{
	return g_quark_from_static_string("calibrate-error");
}

static void figure_free(void *data)
{
	struct calibrate_figure *figure = data;

	g_free(figure->name);
	g_free(figure->what);
	g_free(figure->skipped);
	g_free(figure);
}

struct calibration *calibrate_run(const struct calibrate_options *options, GError **error)
{
	struct calibration *out = g_new0(struct calibration, 1);
	struct bench bench = {
		.options = options,
		.out = out,
		.most_ns = options->quick ? 200000000 : 3000000000,
		.batch_ns = options->quick ? 20000 : 50000,
	};
	GError *cause = NULL;

	out->figures = g_ptr_array_new_with_free_func(figure_free);
	out->width = options->quick ? 0.05 : 0.01;
	measure_clock(&bench);
	out->interrupted = !measure_host(&bench) || !measure_cores(&bench) ||
			   !measure_crypto(&bench, &cause) ||
			   (options->kernel && !measure_kernel(&bench));
	if (cause) {
		g_propagate_error(error, cause);
		g_clear_pointer(&out, calibration_free);
		return NULL;
	}
	host_describe(out);
	return out;
}

void calibration_free(struct calibration *calibration)
{
	g_free(calibration->cpu);
	g_free(calibration->flags);
	g_free(calibration->library);
	g_free(calibration->release);
	g_free(calibration->kernel);
	g_free(calibration->kernel_cipher);
	g_ptr_array_unref(calibration->figures);
	g_free(calibration);
}

const struct calibrate_figure *calibration_find(const struct calibration *calibration,
						const char *name)
{
	for (guint i = 0; i < calibration->figures->len; i++) {
		const struct calibrate_figure *figure = calibration->figures->pdata[i];

		if (!strcmp(figure->name, name))
			return figure->skipped ? NULL : figure;
	}
	return NULL;
}
