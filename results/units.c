/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Figures for people. The document has them whole; here they must be read at a glance. */
#include "results/internal.h"

#include <math.h>
#include <string.h>

struct scale {
	double factor;
	const char *suffix;
};

static const struct scale times[] = {{1, "ns"}, {1e3, "us"}, {1e6, "ms"}, {1e9, "s"}};
static const struct scale sizes[] = {
	{1, "B"}, {1024, "KiB"}, {1048576, "MiB"}, {1073741824, "GiB"}, {1099511627776, "TiB"}};
static const struct scale counts[] = {{1, ""}, {1e3, "k"}, {1e6, "M"}, {1e9, "G"}, {1e12, "T"}};
static const struct scale shares[] = {{1, "ppm"}};

/* Whole numbers are shown to the last digit up to here, so that they can be checked by hand; in a
 * table that is short of room, and beside an interval, to fewer. Times go in three digits. */
#define COUNT_WHOLE_BELOW 1e9
#define COUNT_WHOLE_BELOW_COMPACT 1e6
#define SIZE_WHOLE_BELOW 1e6
#define SIZE_WHOLE_BELOW_COMPACT 1e5
/* Where three digits would round to a fourth. */
#define ROUNDS_UP_AT 999.5

struct kind {
	const struct scale *scales;
	size_t n;
	double whole_below;
};

static struct kind kind_of(const char *unit, bool compact)
{
	double counts_below = compact ? COUNT_WHOLE_BELOW_COMPACT : COUNT_WHOLE_BELOW,
	       sizes_below = compact ? SIZE_WHOLE_BELOW_COMPACT : SIZE_WHOLE_BELOW;

	if (strcmp(unit, "ns") == 0)
		return (struct kind){times, G_N_ELEMENTS(times), ROUNDS_UP_AT};
	if (strcmp(unit, "bytes") == 0)
		return (struct kind){sizes, G_N_ELEMENTS(sizes), sizes_below};
	if (strcmp(unit, "ppm") == 0)
		return (struct kind){shares, G_N_ELEMENTS(shares), counts_below};
	return (struct kind){counts, G_N_ELEMENTS(counts), counts_below};
}

static const struct scale *scale_for(const struct kind *kind, double value)
{
	const struct scale *scale = kind->scales;

	if (fabs(value) < kind->whole_below)
		return scale;
	for (size_t i = 1; i < kind->n && fabs(value) / scale->factor >= ROUNDS_UP_AT; i++)
		scale = &kind->scales[i];
	return scale;
}

static void append_fixed(GString *out, double value, int decimals)
{
	char text[REAL_TEXT_MAX], format[8];

	g_snprintf(format, sizeof(format), "%%.%df", decimals);
	g_string_append(out, g_ascii_formatd(text, sizeof(text), format, value));
}

static void append_whole(GString *out, double value)
{
	g_autofree char *digits = g_strdup_printf("%.0f", fabs(value));
	size_t length = strlen(digits);

	if (value < 0 && strcmp(digits, "0") != 0)
		g_string_append_c(out, '-');
	for (size_t i = 0; i < length; i++) {
		if (i > 0 && (length - i) % 3 == 0)
			g_string_append_c(out, ',');
		g_string_append_c(out, digits[i]);
	}
}

/* Digits behind the point that make three significant ones. */
static int decimals_for(double scaled)
{
	if (fabs(scaled) >= 99.95)
		return 0;
	return fabs(scaled) >= 9.995 ? 1 : 2;
}

static bool is_whole(double value)
{
	return value == floor(value);
}

static void append_scaled(GString *out, double value, const struct scale *scale, int decimals)
{
	if (decimals == 0)
		append_whole(out, value / scale->factor);
	else
		append_fixed(out, value / scale->factor, decimals);
}

/* An interval's half goes in two significant digits, and the value no further than that. */
static int decimals_beside(double scaled, double half_width)
{
	int decimals = decimals_for(scaled);
	int of_half = half_width >= 9.95 ? 0 : half_width >= 0.995 ? 1 : 2;

	return MIN(decimals, of_half);
}

void human_value(GString *out, double value, const char *unit, bool compact)
{
	struct kind kind = kind_of(unit, compact);
	const struct scale *scale = scale_for(&kind, value);
	bool whole = scale->factor == 1 && is_whole(value);

	append_scaled(out, value, scale, whole ? 0 : decimals_for(value / scale->factor));
	g_string_append(out, scale->suffix);
}

void human_interval(GString *out, double value, double half_width, const char *unit)
{
	struct kind kind = kind_of(unit, true);
	const struct scale *scale = scale_for(&kind, MAX(fabs(value), half_width));
	bool whole = scale->factor == 1 && is_whole(value) && is_whole(half_width);
	int decimals =
		whole ? 0 : decimals_beside(value / scale->factor, half_width / scale->factor);

	append_scaled(out, value, scale, decimals);
	g_string_append(out, "±");
	append_scaled(out, half_width, scale, decimals);
	g_string_append(out, scale->suffix);
}

static void append_relative(GString *out, const struct results_cell *cell)
{
	const double times_from = 10, percent = 100;
	double scale = fabs(cell->relative / cell->difference);
	double half_width = cell->half_width * scale * percent,
	       size = fabs(cell->relative) * percent;
	int decimals = size >= percent || half_width >= 9.95 ? 0 : 1;

	if (cell->relative >= times_from) {
		g_string_append_c(out, 'x');
		human_value(out, round(1 + cell->relative), "", true);
		return;
	}
	g_string_append_c(out, cell->relative < 0 ? '-' : '+');
	append_fixed(out, size, decimals);
	if (half_width > 0) {
		g_string_append(out, "±");
		append_fixed(out, half_width, decimals);
	}
	g_string_append_c(out, '%');
}

static void append_absolute(GString *out, const struct results_cell *cell, const char *unit)
{
	if (cell->difference >= 0)
		g_string_append_c(out, '+');
	if (cell->half_width > 0)
		human_interval(out, cell->difference, cell->half_width, unit);
	else
		human_value(out, cell->difference, unit, true);
}

void human_difference(GString *out, const struct results_cell *cell, bool reference_is_zero,
		      const char *unit)
{
	/* Below this a percentage with one digit behind the point would read 0.0. */
	const double percent_shows_from = 0.0005;

	if (cell->verdict == RESULTS_STOPPED)
		g_string_append(out, "stopped");
	else if (cell->verdict == RESULTS_SAME)
		g_string_append_c(out, '=');
	else if (cell->pairs == 0)
		g_string_append_c(out, '?');
	else if (reference_is_zero)
		g_string_append(out, "vs 0");
	else if (cell->has_relative && fabs(cell->relative) >= percent_shows_from)
		append_relative(out, cell);
	else
		append_absolute(out, cell, unit);
	if (cell->verdict == RESULTS_CANT_TELL && cell->pairs > 0)
		g_string_append_c(out, '?');
}

void results_value_text(double value, const char *unit, GString *out)
{
	human_value(out, value, unit, false);
}

bool results_step_number(const char *step, double *value, const char **unit)
{
	static const struct {
		const char *suffix, *unit;
		double factor;
	} suffixes[] = {
		{"", "", 1},
		{"ns", "ns", 1},
		{"us", "ns", 1e3},
		{"ms", "ns", 1e6},
		{"s", "ns", 1e9},
		{"B", "bytes", 1},
		{"KiB", "bytes", 1024},
		{"k", "bytes", 1024},
		{"MiB", "bytes", 1048576},
		{"m", "bytes", 1048576},
		{"GiB", "bytes", 1073741824},
		{"g", "bytes", 1073741824},
	};
	char *end;

	*value = g_ascii_strtod(step, &end);
	if (end == step || !isfinite(*value) || !g_ascii_isdigit(end[-1]))
		return false;
	for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++)
		if (!strcmp(end, suffixes[i].suffix)) {
			*value *= suffixes[i].factor;
			if (unit)
				*unit = suffixes[i].unit;
			return true;
		}
	return false;
}
