/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of this room share. */
#ifndef CALIBRATE_INTERNAL_H
#define CALIBRATE_INTERNAL_H

#include "calibrate/calibrate.h"

/** A primitive as it is measured: `run` does it `times` times. */
struct op {
	void (*run)(void *arg, uint64_t times);
	void *arg;
	double units; /* of what a time is told for, in one of it; 0: 1 */
};

/** Measuring: where figures go and when one is good enough. */
struct bench {
	const struct calibrate_options *options;
	struct calibration *out;
	uint64_t most_ns, batch_ns; /* on one figure; on one batch */
};

uint64_t clock_raw_ns(void);
bool bench_interrupted(const struct bench *bench);
/** Measures `op`, less `less` if that is there, in batches until the median's interval is narrow or the
 * time is up. False if interrupted: then there is no figure. */
bool bench_measure(struct bench *bench, const char *name, const char *what, const struct op *op,
		   const struct op *less);
/** A figure that can't be measured. */
void bench_skip(struct bench *bench, const char *name, const char *what, const char *why);
/** Tells that a primitive begins. */
void bench_begins(const struct bench *bench, const char *what);
/** Adds a figure without times. */
struct calibrate_figure *bench_figure(struct bench *bench, const char *name, const char *what);

/** Sorts the samples, and fills in what the figure says of them; `width` is narrow. */
void figure_fill(struct calibrate_figure *figure, double *samples, size_t n, double width);
/** The difference of two figures, quantile by quantile; widths add up as the square root of squares. */
void figure_difference(struct calibrate_figure *figure, const struct calibrate_figure *of,
		       const struct calibrate_figure *less, double width);

/** Fills in what the machine is called. */
void host_describe(struct calibration *calibration);
/** The driver of the best xts(aes) of a /proc/crypto's text, which the caller frees; or NULL. */
char *host_xts_driver(const char *proc_crypto);

/** The primitives; false if interrupted, or with an error. */
bool measure_host(struct bench *bench);
bool measure_crypto(struct bench *bench, GError **error);
bool measure_cores(struct bench *bench);
bool measure_kernel(struct bench *bench);

#endif
