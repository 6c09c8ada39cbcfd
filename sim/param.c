/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parameter tables: what a scenario may set, parsed from and written back to text. */
#include "sim/sim.h"

#include <string.h>

GQuark sim_param_error_quark(void)
{
	return g_quark_from_static_string("sim-param-error");
}

struct unit {
	const char *name;
	int64_t factor;
};

/* Largest first, so that the text form takes the largest unit that divides the value. */
static const struct unit time_units[] = {
	{"h", INT64_C(3600000000000)},
	{"min", INT64_C(60000000000)},
	{"s", INT64_C(1000000000)},
	{"ms", INT64_C(1000000)},
	{"us", INT64_C(1000)},
	{"ns", INT64_C(1)},
	{NULL, 0},
};
static const struct unit byte_units[] = {
	{"TiB", INT64_C(1) << 40}, {"GiB", INT64_C(1) << 30}, {"MiB", INT64_C(1) << 20},
	{"KiB", INT64_C(1) << 10}, {"B", INT64_C(1)},	      {NULL, 0},
};

#define EXPECTS_BYTES "a size with a unit, such as \"64MiB\""
#define EXPECTS_TIME "a time with a unit, such as \"80us\""
#define EXPECTS_DIST                                                                               \
	"a duration such as \"80us\", \"exponential 80us\", \"uniform 1us 9us\", "                 \
	"\"hyperexponential 80us 4\" or \"quantiles 0:1us 50:2us 100:9us\""

/* ---- names -------------------------------------------------------------------------------- */

enum { NAME_MAX_COMPARED = 64 };

/* Damerau-Levenshtein distance, adjacent transpositions only (optimal string alignment). */
static unsigned edit_distance(const char *a, const char *b)
{
	unsigned row[3][NAME_MAX_COMPARED + 1];
	size_t la = strlen(a), lb = strlen(b);

	if (la > NAME_MAX_COMPARED || lb > NAME_MAX_COMPARED)
		return UINT_MAX;
	for (size_t j = 0; j <= lb; j++)
		row[0][j] = (unsigned)j;
	for (size_t i = 1; i <= la; i++) {
		unsigned *now = row[i % 3], *before = row[(i + 2) % 3];

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= lb; j++) {
			unsigned best = before[j - 1] + (a[i - 1] != b[j - 1]);

			best = MIN(best, before[j] + 1);
			best = MIN(best, now[j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				best = MIN(best, row[(i + 1) % 3][j - 2] + 1);
			now[j] = best;
		}
	}
	return row[la % 3][lb];
}

struct nearest {
	const char *wanted, *name;
	unsigned distance;
};

static void nearest_offer(struct nearest *nearest, const char *name)
{
	unsigned distance = edit_distance(nearest->wanted, name);
	/* More than a third of the letters wrong is another word, not a slip. */
	size_t limit = MAX(strlen(nearest->wanted), strlen(name)) / 3;

	if (distance <= MAX(limit, 1) && distance < nearest->distance) {
		nearest->name = name;
		nearest->distance = distance;
	}
}

const char *sim_name_nearest(const char *const *names, const char *name)
{
	struct nearest nearest = {.wanted = name, .distance = UINT_MAX};

	for (; *names; names++)
		nearest_offer(&nearest, *names);
	return nearest.name;
}

const char *sim_param_nearest(const struct sim_param *table, const char *name)
{
	struct nearest nearest = {.wanted = name, .distance = UINT_MAX};

	for (; table->name; table++)
		nearest_offer(&nearest, table->name);
	return nearest.name;
}

const struct sim_param *sim_param_find(const struct sim_param *table, const char *name)
{
	for (; table->name; table++)
		if (!strcmp(table->name, name))
			return table;
	return NULL;
}

/* ---- numbers ------------------------------------------------------------------------------ */

enum number_fault {
	NUMBER_FINE,
	NUMBER_MALFORMED,
	NUMBER_NO_UNIT,
	NUMBER_TOO_BIG,
	NUMBER_FRACTION
};

static const char *scan_digits(const char *at, uint64_t *value, bool *overflow)
{
	*value = 0;
	for (; g_ascii_isdigit(*at); at++)
		if (__builtin_mul_overflow(*value, 10, value) ||
		    __builtin_add_overflow(*value, (uint64_t)(*at - '0'), value))
			*overflow = true;
	return at;
}

static enum number_fault parse_int(const char *text, int64_t *value)
{
	bool negative = *text == '-', overflow = false;
	const char *digits = text + negative, *end;
	uint64_t magnitude;

	end = scan_digits(digits, &magnitude, &overflow);
	if (end == digits || *end)
		return NUMBER_MALFORMED;
	if (overflow || magnitude > INT64_MAX)
		return NUMBER_TOO_BIG;
	*value = negative ? -(int64_t)magnitude : (int64_t)magnitude;
	return NUMBER_FINE;
}

static const struct unit *find_unit(const struct unit *units, const char *name)
{
	for (; units->name; units++)
		if (!strcmp(units->name, name))
			return units;
	return NULL;
}

/* "1.5ms": digits, perhaps a fraction, a unit; the value must come out whole. "0" needs no unit. */
static enum number_fault parse_unit(const struct unit *units, const char *text, int64_t *value)
{
	bool overflow = false;
	uint64_t whole, fraction = 0, scale = 1, part;
	const char *end = scan_digits(text, &whole, &overflow);
	const struct unit *unit;

	if (end == text)
		return NUMBER_MALFORMED;
	if (*end == '.') {
		const char *digits = end + 1;

		end = scan_digits(digits, &fraction, &overflow);
		if (end == digits || end - digits > 9)
			return NUMBER_MALFORMED;
		for (ptrdiff_t i = end - digits; i > 0; i--)
			scale *= 10;
	}
	if (!*end) {
		*value = 0;
		return whole || fraction ? NUMBER_NO_UNIT : NUMBER_FINE;
	}
	unit = find_unit(units, end + (*end == ' '));
	if (!unit)
		return NUMBER_MALFORMED;
	if (overflow || __builtin_mul_overflow(whole, (uint64_t)unit->factor, &whole) ||
	    __builtin_mul_overflow(fraction, (uint64_t)unit->factor, &part))
		return NUMBER_TOO_BIG;
	if (part % scale)
		return NUMBER_FRACTION;
	if (__builtin_add_overflow(whole, part / scale, &whole) || whole > INT64_MAX)
		return NUMBER_TOO_BIG;
	*value = (int64_t)whole;
	return NUMBER_FINE;
}

static void unit_text(GString *out, const struct unit *units, int64_t value)
{
	if (!value) {
		g_string_append_c(out, '0');
		return;
	}
	while (value % units->factor)
		units++;
	g_string_append_printf(out, "%" G_GINT64_FORMAT "%s", value / units->factor, units->name);
}

/* ---- distributions ------------------------------------------------------------------------ */

enum { PER_MILLE = 1000 };

static const char *const dist_words[] = {
	[SIM_DIST_CONSTANT] = "constant",	[SIM_DIST_UNIFORM] = "uniform",
	[SIM_DIST_EXPONENTIAL] = "exponential", [SIM_DIST_HYPEREXPONENTIAL] = "hyperexponential",
	[SIM_DIST_QUANTILES] = "quantiles",	NULL,
};

static bool parse_ns(const char *text, uint64_t *ns)
{
	int64_t value;

	if (!text || parse_unit(time_units, text, &value) != NUMBER_FINE)
		return false;
	*ns = (uint64_t)value;
	return true;
}

/* "99.9" as a number of tenths, "4.25" as one of thousandths: `digits` decimals at most. */
static bool parse_decimal(const char *text, unsigned digits, uint64_t *value)
{
	bool overflow = false;
	const char *end = text ? scan_digits(text, value, &overflow) : NULL;

	if (!text || end == text || overflow)
		return false;
	if (*end == '.' && !g_ascii_isdigit(*++end))
		return false;
	for (; digits; digits--) {
		uint64_t digit = g_ascii_isdigit(*end) ? (uint64_t)(*end++ - '0') : 0;

		if (__builtin_mul_overflow(*value, 10, value) ||
		    __builtin_add_overflow(*value, digit, value))
			return false;
	}
	return !*end;
}

static const char *parse_quantiles(char **words, struct sim_dist *dist)
{
	for (; *words; words++) {
		char *colon = strchr(*words, ':');
		uint32_t n = dist->points;
		uint64_t at, ns;

		if (n == SIM_DIST_POINTS_MAX)
			return "too many points: eight at most";
		if (!colon)
			return "a point reads PERCENT:TIME, such as \"50:2us\"";
		*colon = '\0';
		if (!parse_decimal(*words, 1, &at) || at > PER_MILLE)
			return "a quantile is a per cent from 0 to 100 with one decimal at most";
		if (!parse_ns(colon + 1, &ns))
			return "a point reads PERCENT:TIME, such as \"50:2us\"";
		if (n && at <= dist->point[n - 1].per_mille)
			return "quantiles must rise";
		if (n && ns < dist->point[n - 1].ns)
			return "the times of quantiles must not fall";
		dist->point[n].per_mille = (uint32_t)at;
		dist->point[n].ns = ns;
		dist->points++;
	}
	if (dist->points < 2 || dist->point[0].per_mille != 0 ||
	    dist->point[dist->points - 1].per_mille != PER_MILLE)
		return "quantiles must begin with 0 and end with 100";
	return NULL;
}

/* Fills `dist` from words; returns what is wrong, or NULL. */
static const char *parse_dist_words(char **words, guint n, struct sim_dist *dist)
{
	const char *plain = EXPECTS_DIST;

	if (!n)
		return plain;
	if (n == 1 && parse_ns(words[0], &dist->a))
		return NULL;
	while (dist_words[dist->kind] && strcmp(dist_words[dist->kind], words[0]))
		dist->kind++;
	switch (dist->kind) {
	case SIM_DIST_CONSTANT:
	case SIM_DIST_EXPONENTIAL:
		return n == 2 && parse_ns(words[1], &dist->a) ? NULL : plain;
	case SIM_DIST_UNIFORM:
		if (n != 3 || !parse_ns(words[1], &dist->a) || !parse_ns(words[2], &dist->b))
			return plain;
		return dist->a <= dist->b ? NULL : "the first bound is the smaller one";
	case SIM_DIST_HYPEREXPONENTIAL:
		if (n != 3 || !parse_ns(words[1], &dist->a) ||
		    !parse_decimal(words[2], 3, &dist->b))
			return plain;
		return dist->b >= PER_MILLE ? NULL
					    : "the squared coefficient of variation is at least 1";
	case SIM_DIST_QUANTILES:
		return parse_quantiles(words + 1, dist);
	}
	return plain;
}

bool sim_dist_parse(const char *what, const char *text, struct sim_dist *dist, GError **error)
{
	g_auto(GStrv) split = g_strsplit_set(text, " ", -1);
	g_autofree char **words = g_new0(char *, g_strv_length(split) + 1);
	struct sim_dist parsed = {.kind = SIM_DIST_CONSTANT};
	const char *fault;
	guint n = 0;

	for (char **word = split; *word; word++)
		if (**word)
			words[n++] = *word;
	fault = parse_dist_words(words, n, &parsed);
	if (fault) {
		g_set_error(error, SIM_PARAM_ERROR, SIM_PARAM_ERROR_BAD, "%s: %s%s, got \"%s\"",
			    what, !g_strcmp0(fault, EXPECTS_DIST) ? "expected " : "", fault, text);
		return false;
	}
	*dist = parsed;
	return true;
}

char *sim_dist_text(const struct sim_dist *dist)
{
	GString *out = g_string_new(NULL);

	if (dist->kind != SIM_DIST_CONSTANT)
		g_string_append_printf(out, "%s ", dist_words[dist->kind]);
	for (uint32_t i = 0; dist->kind == SIM_DIST_QUANTILES && i < dist->points; i++) {
		uint32_t at = dist->point[i].per_mille;

		g_string_append_printf(out, at % 10 ? "%s%u.%u:" : "%s%u:", i ? " " : "", at / 10,
				       at % 10);
		unit_text(out, time_units, (int64_t)dist->point[i].ns);
	}
	if (dist->kind != SIM_DIST_QUANTILES)
		unit_text(out, time_units, (int64_t)dist->a);
	if (dist->kind == SIM_DIST_UNIFORM) {
		g_string_append_c(out, ' ');
		unit_text(out, time_units, (int64_t)dist->b);
	}
	if (dist->kind == SIM_DIST_HYPEREXPONENTIAL)
		g_string_append_printf(out, " %" G_GUINT64_FORMAT ".%03u", dist->b / PER_MILLE,
				       (unsigned)(dist->b % PER_MILLE));
	return g_string_free(out, FALSE);
}

/* ---- rows --------------------------------------------------------------------------------- */

static int64_t *param_int(const struct sim_param *param, void *config)
{
	return (int64_t *)((char *)config + param->offset);
}

static char **param_string(const struct sim_param *param, void *config)
{
	return (char **)((char *)config + param->offset);
}

static int64_t param_max(const struct sim_param *param)
{
	return param->min >= 0 && param->max <= 0 ? INT64_MAX : param->max;
}

static const struct unit *param_units(const struct sim_param *param)
{
	return param->type == SIM_PARAM_TIME ? time_units : byte_units;
}

static void append_value(GString *out, const struct sim_param *param, int64_t value)
{
	if (param->type == SIM_PARAM_INT)
		g_string_append_printf(out, "%" G_GINT64_FORMAT, value);
	else
		unit_text(out, param_units(param), value);
}

static char *range_text(const struct sim_param *param, const char *what)
{
	GString *out = g_string_new(what);
	const char *comma = param->type == SIM_PARAM_INT ? "" : ",";

	if (param_max(param) == INT64_MAX && (param->min > 0 || param->type == SIM_PARAM_INT)) {
		g_string_append_printf(out, "%s at least ", comma);
		append_value(out, param, param->min);
	} else if (param_max(param) != INT64_MAX) {
		g_string_append_printf(out, "%s from ", comma);
		append_value(out, param, param->min);
		g_string_append(out, " to ");
		append_value(out, param, param_max(param));
	}
	return g_string_free(out, FALSE);
}

static char *words_text(const struct sim_param *param)
{
	GString *out = g_string_new("one of ");
	const char *word;

	for (size_t i = 0; (word = param->word(i)); i++)
		g_string_append_printf(out, "%s\"%s\"", i ? ", " : "", word);
	return g_string_free(out, FALSE);
}

char *sim_param_expects(const struct sim_param *param)
{
	switch (param->type) {
	case SIM_PARAM_INT:
		return range_text(param, "an integer");
	case SIM_PARAM_BYTES:
		return range_text(param, EXPECTS_BYTES);
	case SIM_PARAM_TIME:
		return range_text(param, EXPECTS_TIME);
	case SIM_PARAM_BOOL:
		return g_strdup("true or false");
	case SIM_PARAM_WORD:
		return words_text(param);
	case SIM_PARAM_TEXT:
		return g_strdup("a text");
	case SIM_PARAM_FILE:
		return g_strdup("the path of a file");
	case SIM_PARAM_LINES:
		return g_strdup("a list of texts, one per line");
	case SIM_PARAM_DIST:
		return g_strdup(EXPECTS_DIST);
	}
	g_assert_not_reached();
}

static bool refuse(const struct sim_param *param, const char *text, GError **error)
{
	g_autofree char *expects = sim_param_expects(param);

	g_set_error(error, SIM_PARAM_ERROR, SIM_PARAM_ERROR_BAD, "%s: expected %s, got \"%s\"",
		    param->name, expects, text);
	return false;
}

static bool refuse_because(const struct sim_param *param, const char *text, const char *why,
			   GError **error)
{
	g_set_error(error, SIM_PARAM_ERROR, SIM_PARAM_ERROR_BAD, "%s: \"%s\" %s", param->name, text,
		    why);
	return false;
}

static bool set_number(const struct sim_param *param, void *config, const char *text,
		       GError **error)
{
	bool plain = param->type == SIM_PARAM_INT;
	enum number_fault fault;
	int64_t value = 0;

	if (!plain && text[0] == '-' && g_ascii_isdigit(text[1]))
		return refuse_because(param, text,
				      param->type == SIM_PARAM_TIME ? "is a negative time"
								    : "is a negative size",
				      error);
	fault = plain ? parse_int(text, &value) : parse_unit(param_units(param), text, &value);
	if (fault == NUMBER_TOO_BIG)
		return refuse_because(param, text, "does not fit into 64 bits", error);
	if (fault == NUMBER_FRACTION)
		return refuse_because(param, text,
				      param->type == SIM_PARAM_TIME
					      ? "is not a whole number of nanoseconds"
					      : "is not a whole number of bytes",
				      error);
	if (fault != NUMBER_FINE || value < param->min || value > param_max(param))
		return refuse(param, text, error);
	*param_int(param, config) = value;
	return true;
}

static bool set_word(const struct sim_param *param, void *config, const char *text, GError **error)
{
	struct nearest nearest = {.wanted = text, .distance = UINT_MAX};
	g_autofree char *words = NULL;
	const char *word;

	for (size_t i = 0; (word = param->word(i)); i++) {
		if (!strcmp(word, text)) {
			*param_int(param, config) = (int64_t)i;
			return true;
		}
		nearest_offer(&nearest, word);
	}
	words = words_text(param);
	g_set_error(error, SIM_PARAM_ERROR, SIM_PARAM_ERROR_BAD,
		    nearest.name ? "%s: unknown %s \"%s\"\ndid you mean \"%s\"? expected %s"
				 : "%s: unknown %s \"%s\"%.0s\nexpected %s",
		    param->name, param->name, text, nearest.name ? nearest.name : "", words);
	return false;
}

static bool set_bool(const struct sim_param *param, void *config, const char *text, GError **error)
{
	if (strcmp(text, "true") && strcmp(text, "false"))
		return refuse(param, text, error);
	*param_int(param, config) = text[0] == 't';
	return true;
}

static bool set_string(const struct sim_param *param, void *config, const char *text)
{
	char **place = param_string(param, config);

	g_free(*place);
	*place = g_strdup(text);
	return true;
}

bool sim_param_set(const struct sim_param *param, void *config, const char *text, GError **error)
{
	switch (param->type) {
	case SIM_PARAM_INT:
	case SIM_PARAM_BYTES:
	case SIM_PARAM_TIME:
		return set_number(param, config, text, error);
	case SIM_PARAM_BOOL:
		return set_bool(param, config, text, error);
	case SIM_PARAM_WORD:
		return set_word(param, config, text, error);
	case SIM_PARAM_TEXT:
	case SIM_PARAM_FILE:
	case SIM_PARAM_LINES:
		return set_string(param, config, text);
	case SIM_PARAM_DIST:
		return sim_dist_parse(param->name, text,
				      (struct sim_dist *)((char *)config + param->offset), error);
	}
	g_assert_not_reached();
}

void sim_param_defaults(const struct sim_param *table, void *config)
{
	for (; table->name; table++) {
		g_autoptr(GError) error = NULL;

		if (!table->fallback || !*table->fallback)
			continue;
		sim_param_set(table, config, table->fallback, &error);
		g_assert_no_error(error);
	}
}

void sim_param_clear(const struct sim_param *table, void *config)
{
	for (; table->name; table++)
		if (table->type == SIM_PARAM_TEXT || table->type == SIM_PARAM_FILE ||
		    table->type == SIM_PARAM_LINES)
			g_clear_pointer(param_string(table, config), g_free);
}

char *sim_param_text(const struct sim_param *param, const void *config)
{
	const void *place = (const char *)config + param->offset;
	GString *out;

	switch (param->type) {
	case SIM_PARAM_INT:
	case SIM_PARAM_BYTES:
	case SIM_PARAM_TIME:
		out = g_string_new(NULL);
		append_value(out, param, *(const int64_t *)place);
		return g_string_free(out, FALSE);
	case SIM_PARAM_BOOL:
		return g_strdup(*(const int64_t *)place ? "true" : "false");
	case SIM_PARAM_WORD:
		return g_strdup(param->word((size_t) * (const int64_t *)place));
	case SIM_PARAM_TEXT:
	case SIM_PARAM_FILE:
	case SIM_PARAM_LINES:
		return g_strdup(*(char *const *)place ? *(char *const *)place : "");
	case SIM_PARAM_DIST:
		return sim_dist_text(place);
	}
	g_assert_not_reached();
}
