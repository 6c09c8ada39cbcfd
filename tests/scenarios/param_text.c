/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parameters: from text to values and back. */
#include "sim/sim.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(param);

static const char *fruit(size_t i)
{
	static const char *const words[] = {"apple", "pear", "cherry"};

	return i < G_N_ELEMENTS(words) ? words[i] : NULL;
}

struct config {
	int64_t number, percent, signed_number, bytes, time, flag, word;
	char *text, *lines;
	struct sim_dist dist;
};
#define AT(field) offsetof(struct config, field)
static const struct sim_param table[] = {
	{"number", SIM_PARAM_INT, AT(number), 0, 0, "5", NULL, "any"},
	{"percent", SIM_PARAM_INT, AT(percent), 1, 100, "50", NULL, "bounded"},
	{"signed", SIM_PARAM_INT, AT(signed_number), -5, 0, "", NULL, "signed"},
	{"pool.bytes", SIM_PARAM_BYTES, AT(bytes), 0, 0, "4KiB", NULL, "size"},
	{"time", SIM_PARAM_TIME, AT(time), 0, 0, "80us", NULL, "time"},
	{"flag", SIM_PARAM_BOOL, AT(flag), 0, 0, "true", NULL, "flag"},
	{"word", SIM_PARAM_WORD, AT(word), 0, 0, "pear", fruit, "word"},
	{"text", SIM_PARAM_TEXT, AT(text), 0, 0, "hello", NULL, "text"},
	{"lines", SIM_PARAM_LINES, AT(lines), 0, 0, "", NULL, "lines"},
	{"dist", SIM_PARAM_DIST, AT(dist), 0, 0, "exponential 80us", NULL, "distribution"},
	{NULL, 0, 0, 0, 0, NULL, NULL, NULL},
};

Test(param, defaults_are_set_and_owned_texts_freed)
{
	struct config c = {.signed_number = 3};

	sim_param_defaults(table, &c);
	cr_expect_eq(c.number, 5);
	cr_expect_eq(c.signed_number, 3, "an empty default leaves the value alone");
	cr_expect_eq(c.bytes, 4096);
	cr_expect_eq(c.time, 80000);
	cr_expect_eq(c.flag, 1);
	cr_expect_eq(c.word, 1);
	cr_expect_str_eq(c.text, "hello");
	cr_expect_eq(c.dist.kind, SIM_DIST_EXPONENTIAL);
	cr_assert(sim_param_set(sim_param_find(table, "text"), &c, "again", NULL));
	cr_expect_str_eq(c.text, "again");
	sim_param_clear(table, &c);
	cr_expect_null(c.text);
}

static const struct {
	const char *name, *text;
	int64_t value;
} good[] = {
	{"number", "0", 0},
	{"number", "010", 10},
	{"number", "9223372036854775807", INT64_MAX},
	{"percent", "100", 100},
	{"signed", "-5", -5},
	{"pool.bytes", "0", 0},
	{"pool.bytes", "64MiB", INT64_C(64) << 20},
	{"pool.bytes", "64 MiB", INT64_C(64) << 20},
	{"pool.bytes", "1.5KiB", 1536},
	{"pool.bytes", "7B", 7},
	{"pool.bytes", "8388607TiB", INT64_C(8388607) << 40},
	{"time", "80us", 80000},
	{"time", "1.5ms", 1500000},
	{"time", "0.000000001s", 1},
	{"time", "2h", INT64_C(7200000000000)},
	{"time", "3min", INT64_C(180000000000)},
	{"time", "0", 0},
	{"flag", "false", 0},
	{"word", "cherry", 2},
};

Test(param, values_are_read_with_their_units)
{
	for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
		const struct sim_param *param = sim_param_find(table, good[i].name);
		g_autoptr(GError) error = NULL;
		struct config c = {.number = 0};
		int64_t got;

		cr_assert_not_null(param, "%s", good[i].name);
		cr_assert(sim_param_set(param, &c, good[i].text, &error), "%s: %s", good[i].text,
			  error ? error->message : "no reason");
		got = *(const int64_t *)((const char *)&c + param->offset);
		cr_expect_eq(got, good[i].value, "%s: got %ld", good[i].text, (long)got);
	}
}

#define SIZE "pool.bytes: expected a size with a unit, such as \"64MiB\", got "
#define TIME "time: expected a time with a unit, such as \"80us\", got "
static const struct {
	const char *name, *text, *message;
} bad[] = {
	{"number", "-1", "number: expected an integer at least 0, got \"-1\""},
	{"number", "0x10", "number: expected an integer at least 0, got \"0x10\""},
	{"number", "", "number: expected an integer at least 0, got \"\""},
	{"number", " 1", "number: expected an integer at least 0, got \" 1\""},
	{"number", "9223372036854775808",
	 "number: \"9223372036854775808\" does not fit into 64 bits"},
	{"percent", "101", "percent: expected an integer from 1 to 100, got \"101\""},
	{"signed", "1", "signed: expected an integer from -5 to 0, got \"1\""},
	{"pool.bytes", "64", SIZE "\"64\""},
	{"pool.bytes", "64MB", SIZE "\"64MB\""},
	{"pool.bytes", "64us", SIZE "\"64us\""},
	{"pool.bytes", "1.MiB", SIZE "\"1.MiB\""},
	{"pool.bytes", "MiB", SIZE "\"MiB\""},
	{"pool.bytes", "-1KiB", "pool.bytes: \"-1KiB\" is a negative size"},
	{"pool.bytes", "0.3B", "pool.bytes: \"0.3B\" is not a whole number of bytes"},
	{"pool.bytes", "8388608TiB", "pool.bytes: \"8388608TiB\" does not fit into 64 bits"},
	{"time", "80", TIME "\"80\""},
	{"time", "80KiB", TIME "\"80KiB\""},
	{"time", "-80us", "time: \"-80us\" is a negative time"},
	{"time", "0.5ns", "time: \"0.5ns\" is not a whole number of nanoseconds"},
	{"time", "9999999h", "time: \"9999999h\" does not fit into 64 bits"},
	{"flag", "yes", "flag: expected true or false, got \"yes\""},
	{"word", "paer",
	 "word: unknown word \"paer\"\ndid you mean \"pear\"? expected one of "
	 "\"apple\", \"pear\", \"cherry\""},
	{"word", "plum cake",
	 "word: unknown word \"plum cake\"\nexpected one of \"apple\", "
	 "\"pear\", \"cherry\""},
};

Test(param, what_does_not_fit_is_refused_with_what_was_expected)
{
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		const struct sim_param *param = sim_param_find(table, bad[i].name);
		g_autoptr(GError) error = NULL;
		struct config c = {.number = 77, .bytes = 77, .time = 77};

		cr_assert_not(sim_param_set(param, &c, bad[i].text, &error), "%s", bad[i].text);
		cr_expect_str_eq(error->message, bad[i].message, "got  %s\nwant %s", error->message,
				 bad[i].message);
		cr_expect_eq(error->domain, SIM_PARAM_ERROR);
		cr_expect_eq(c.number, 77, "a refused value changes nothing");
	}
}

static const char *const dists[][2] = {
	{"80us", "80us"},
	{"constant 80us", "80us"},
	{"0", "0"},
	{"  exponential   1.5us ", "exponential 1500ns"},
	{"uniform 1us 9us", "uniform 1us 9us"},
	{"uniform 0 0", "uniform 0 0"},
	{"hyperexponential 80us 4", "hyperexponential 80us 4.000"},
	{"hyperexponential 80us 1.25", "hyperexponential 80us 1.250"},
	{"quantiles 0:1us 50:2us 99:9us 100:20us", "quantiles 0:1us 50:2us 99:9us 100:20us"},
	{"quantiles 0:0 99.9:1us 100:1us", "quantiles 0:0 99.9:1us 100:1us"},
};

Test(param, distributions_survive_the_way_to_text_and_back)
{
	for (size_t i = 0; i < G_N_ELEMENTS(dists); i++) {
		struct sim_dist first, second;
		g_autofree char *text = NULL;

		memset(&first, 0, sizeof(first));
		memset(&second, 0, sizeof(second));
		cr_assert(sim_dist_parse("d", dists[i][0], &first, NULL), "%s", dists[i][0]);
		text = sim_dist_text(&first);
		cr_expect_str_eq(text, dists[i][1]);
		cr_assert(sim_dist_parse("d", text, &second, NULL), "%s", text);
		cr_expect_eq(first.kind, second.kind);
		cr_expect_eq(first.a, second.a);
		cr_expect_eq(first.b, second.b);
		cr_expect_eq(first.points, second.points);
	}
}

static const char *const bad_dists[] = {
	"",
	"80",
	"gamma 80us",
	"exponential",
	"exponential 80us 1us",
	"uniform 9us 1us",
	"uniform 9us",
	"hyperexponential 80us 0.5",
	"hyperexponential 80us x",
	"quantiles",
	"quantiles 0:1us",
	"quantiles 50:1us 0:2us 100:3us",
	"quantiles 0:1us 100.5:2us",
	"quantiles 0:1us 50.55:2us 100:3us",
	"quantiles 0:1us 50 100:3us",
	"quantiles 0:1us 100:80",
	"quantiles 0:1us 10:1us 20:1us 30:1us 40:1us 50:1us 60:1us 70:1us 100:1us",
};

Test(param, malformed_distributions_are_refused)
{
	for (size_t i = 0; i < G_N_ELEMENTS(bad_dists); i++) {
		g_autoptr(GError) error = NULL;
		struct sim_dist dist = {.a = 5};

		cr_expect_not(sim_dist_parse("d", bad_dists[i], &dist, &error), "%s", bad_dists[i]);
		cr_expect_not_null(error);
		cr_expect_eq(dist.a, 5);
	}
}

Test(param, every_value_survives_the_way_to_text_and_back)
{
	/* Powers, their neighbours and odd multiples, over the whole range. */
	for (unsigned shift = 0; shift < 63; shift++)
		for (int64_t delta = -1; delta <= 1; delta++)
			for (const struct sim_param *p = table; p->name; p++) {
				struct config c = {.bytes = (INT64_C(1) << shift) + delta};
				struct config back = {.number = 0};
				g_autofree char *text = NULL;

				c.number = c.time = c.bytes;
				if (p->min || p->max || p->type > SIM_PARAM_TIME)
					continue;
				text = sim_param_text(p, &c);
				cr_assert(sim_param_set(p, &back, text, NULL), "%s", text);
				cr_assert_eq(*(int64_t *)((char *)&back + p->offset), c.bytes, "%s",
					     text);
			}
}

Test(param, the_nearest_name_is_found_when_one_is_near)
{
	static const char *const names[] = {"seed", "variants", "machine", "pool.size", NULL};

	cr_expect_str_eq(sim_name_nearest(names, "sede"), "seed");
	cr_expect_str_eq(sim_name_nearest(names, "sed"), "seed");
	cr_expect_str_eq(sim_name_nearest(names, "variant"), "variants");
	cr_expect_str_eq(sim_name_nearest(names, "pool_size"), "pool.size");
	cr_expect_str_eq(sim_name_nearest(names, "amchine"), "machine");
	cr_expect_null(sim_name_nearest(names, "colour"));
	cr_expect_null(sim_name_nearest(names, ""));
	cr_expect_str_eq(sim_param_nearest(table, "percnet"), "percent");
	cr_expect_null(sim_param_find(table, "Percent"));
}
