/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time series of figures that change by steps. How long a run takes is not known ahead: the interval
 * begins at a nanosecond and doubles, and every second point goes, whenever there are too many.
 */
#include "sim_internal.h"

#include <string.h>

struct sim_series *sim_series_new(uint32_t figures)
{
	struct sim_series *series = g_new0(struct sim_series, 1);

	g_assert(figures);
	series->figures = figures;
	series->interval = 1;
	series->point = g_new(int64_t, (size_t)figures * SIM_SERIES_POINTS);
	return series;
}

void sim_series_free(struct sim_series *series)
{
	if (!series)
		return;
	g_free(series->point);
	g_free(series);
}

struct sim_series *sim_series_copy(const struct sim_series *series)
{
	struct sim_series *copy = g_new(struct sim_series, 1);
	size_t count = (size_t)series->figures * SIM_SERIES_POINTS;

	*copy = *series;
	copy->point = g_new(int64_t, count);
	memcpy(copy->point, series->point,
	       (size_t)series->points * series->figures * sizeof(*series->point));
	return copy;
}

static void thin_out(struct sim_series *series)
{
	size_t row = series->figures * sizeof(*series->point);

	for (uint32_t i = 1; 2 * i < series->points; i++)
		memcpy(series->point + (size_t)i * series->figures,
		       series->point + (size_t)2 * i * series->figures, row);
	series->points = (series->points + 1) / 2;
	series->interval *= 2;
	series->next = series->points * series->interval;
}

void sim_series_upto(struct sim_series *series, sim_ns now, const int64_t *figures)
{
	while (series->next < now) {
		if (series->points == SIM_SERIES_POINTS) {
			thin_out(series);
			continue;
		}
		memcpy(series->point + (size_t)series->points * series->figures, figures,
		       series->figures * sizeof(*figures));
		series->points++;
		series->next += series->interval;
	}
}
