/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What samples say. */
#include <math.h>
#include <stdlib.h>

#include "calibrate/internal.h"

static int by_value(const void *pa, const void *pb)
{
	double a = *(const double *)pa, b = *(const double *)pb;

	return (a > b) - (a < b);
}

/* Nearest rank: the smallest sample that a share of all does not exceed. */
static double quantile(const double *sorted, size_t n, double share)
{
	size_t rank = (size_t)ceil(share * (double)n);

	return sorted[rank ? rank - 1 : 0];
}

/* Half the distance of the two order statistics that hold the median in 95 of 100 cases, whatever the
 * distribution: ranks n/2 -+ 1.96 sqrt(n)/2 (David, Nagaraja, "Order Statistics", 7.1). Below six samples
 * no two do. */
static double median_half_width(const double *sorted, size_t n)
{
	const double z = 1.959963984540054;
	double reach = z * sqrt((double)n) / 2;
	ssize_t low = (ssize_t)floor((double)n / 2 - reach);
	ssize_t high = (ssize_t)ceil((double)n / 2 + reach);

	if (low < 1 || high >= (ssize_t)n)
		return INFINITY;
	return (sorted[high] - sorted[low - 1]) / 2;
}

void figure_fill(struct calibrate_figure *figure, double *samples, size_t n, double width)
{
	g_assert(n);
	qsort(samples, n, sizeof(*samples), by_value);
	figure->min_ns = samples[0];
	figure->p50_ns = quantile(samples, n, 0.5);
	figure->p90_ns = quantile(samples, n, 0.9);
	figure->p99_ns = quantile(samples, n, 0.99);
	figure->width = median_half_width(samples, n) / figure->p50_ns;
	figure->narrow = figure->width >= 0 && figure->width <= width;
	figure->samples = n;
}

void figure_difference(struct calibrate_figure *figure, const struct calibrate_figure *of,
		       const struct calibrate_figure *less, double width)
{
	figure->min_ns = of->min_ns - less->min_ns;
	figure->p50_ns = of->p50_ns - less->p50_ns;
	figure->p90_ns = of->p90_ns - less->p90_ns;
	figure->p99_ns = of->p99_ns - less->p99_ns;
	figure->width = hypot(of->width * of->p50_ns, less->width * less->p50_ns) / figure->p50_ns;
	figure->narrow = figure->width >= 0 && figure->width <= width;
	figure->samples = MIN(of->samples, less->samples);
	figure->times = of->times;
}
