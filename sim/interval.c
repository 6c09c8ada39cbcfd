/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Intervals from replications. */
#include "sim_internal.h"

#include <math.h>

/* Two-sided 95 % quantiles of Student's t for 1, 2, … degrees of freedom. */
static const double student[] = {
	12.7062047362, 4.30265272975, 3.18244630528, 2.7764451052,  2.57058183564, 2.44691185114,
	2.36462425159, 2.3060041352,  2.2621571628,  2.22813885199, 2.20098516009, 2.17881282967,
	2.16036865646, 2.14478668792, 2.13144954556, 2.11990529922, 2.10981557783, 2.10092204024,
	2.09302405441, 2.08596344727, 2.07961384473, 2.0738730679,  2.06865761042, 2.06389856163,
	2.05953855275, 2.05552943864, 2.05183051648, 2.0484071418,  2.04522964213, 2.0422724563,
};

/* Beyond the table: the expansion in 1/v of Abramowitz and Stegun 26.7.5, good to 1e-7 there. */
double sim_student_95(uint32_t degrees_of_freedom)
{
	const double z = 1.959963984540054, z3 = z * z * z, z5 = z3 * z * z, z7 = z5 * z * z;
	double v = degrees_of_freedom;

	g_assert(degrees_of_freedom);
	if (degrees_of_freedom <= G_N_ELEMENTS(student))
		return student[degrees_of_freedom - 1];
	return z + (z3 + z) / (4 * v) + (5 * z5 + 16 * z3 + 3 * z) / (96 * v * v) +
	       (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * v * v * v);
}

struct sim_interval sim_interval_of(const double *values, size_t n)
{
	struct sim_interval interval = {.n = (uint32_t)n};
	double sum = 0, squares = 0;

	if (!n)
		return interval;
	for (size_t i = 0; i < n; i++)
		sum += values[i];
	interval.mean = sum / (double)n;
	if (n < 2)
		return interval;
	for (size_t i = 0; i < n; i++)
		squares += (values[i] - interval.mean) * (values[i] - interval.mean);
	interval.deviation = sqrt(squares / (double)(n - 1));
	interval.half_width =
		sim_student_95((uint32_t)n - 1) * sqrt(squares / (double)(n - 1) / (double)n);
	return interval;
}
