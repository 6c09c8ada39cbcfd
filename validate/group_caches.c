// SPDX-License-Identifier: GPL-2.0-or-later
/* Caches: the curves of `mrc`, and the caches of keys in the model, against other algorithms. */
#include "models/trace/internal.h"
#include "validate/internal.h"

/* ---- worked by hand ----------------------------------------------------------------------- */

static const uint32_t belady[] = {1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5}, hand[] = {1, 2, 1, 3, 1, 2};

static const char anomaly[] = "Belady, Nelson and Shedler, CACM 12 (1969)";

/* CLOCK: 3 takes the place of 2, for 1 was hit; 2 then that of 3, the hand having passed 1. */
static const struct by_hand {
	const char *keys_text;
	const uint32_t *keys;
	uint32_t count, size;
	const struct mrc_policy *policy;
	int64_t misses;
	const char *source;
} worked[] = {
	{"1 2 3 4 1 2 5 1 2 3 4 5", belady, 12, 3, &mrc_fifo, 9, anomaly},
	{"1 2 3 4 1 2 5 1 2 3 4 5", belady, 12, 4, &mrc_fifo, 10, anomaly},
	{"1 2 3 4 1 2 5 1 2 3 4 5", belady, 12, 3, &mrc_lru, 10, "worked by hand"},
	{"1 2 3 4 1 2 5 1 2 3 4 5", belady, 12, 4, &mrc_lru, 8, "worked by hand"},
	{"1 2 1 3 1 2", hand, 6, 2, &mrc_clock, 4, "worked by hand"},
};

static void check_worked(struct validate_report *report)
{
	for (size_t i = 0; i < G_N_ELEMENTS(worked); i++) {
		const struct by_hand *w = &worked[i];
		g_autofree char *what = g_strdup_printf("%s of %u: misses of %s", w->policy->name,
							w->size, w->keys_text);
		struct mrc_point point = {.size = w->size};
		struct accesses list;

		accesses_init(&list, NULL);
		for (uint32_t k = 0; k < w->count; k++)
			accesses_add(&list, 0, w->keys[k], NULL);
		w->policy->fill(&list, &point, 1, NULL);
		accesses_clear(&list);
		validate_equal(report, what, w->misses, (int64_t)(w->count - point.hits), "",
			       w->source);
	}
}

/* ---- the same by other means --------------------------------------------------------------- */

enum shape { UNIFORM, SKEWED, LOOP, LOOP_WITH_STRAYS, SHAPES };
enum { POINTS = 100, SHORT = 3000, LONG = 30000 };

static uint32_t draw_key(struct sim_stream *draws, enum shape shape, uint32_t i, uint32_t keys)
{
	uint64_t a = sim_draw_below(draws, keys), b = sim_draw_below(draws, keys);

	switch (shape) {
	case SKEWED:
		return (uint32_t)(a * b / keys * b / keys);
	case LOOP:
		return i % keys;
	case LOOP_WITH_STRAYS:
		return a % 3 ? i % keys : (uint32_t)b;
	default:
		return (uint32_t)a;
	}
}

/* Sizes, of a hundred, at which the hits of a trace differ from those of a plain cache. */
static int64_t differences(const struct validate_options *options, const struct mrc_policy *policy,
			   plain_policy plain, enum shape shape, uint32_t count, uint32_t keys)
{
	const struct sim_options run = {.seed = options->seed};
	struct mrc_point points[POINTS];
	struct sim *sim = sim_new(&run);
	struct sim_stream draws;
	struct accesses list;
	int64_t differ = 0;

	sim_stream_init(&draws, sim, "accesses", shape);
	accesses_init(&list, NULL);
	for (uint32_t i = 0; i < count; i++)
		accesses_add(&list, 0, draw_key(&draws, shape, i, keys), NULL);
	for (uint32_t i = 0; i < POINTS; i++)
		points[i] = (struct mrc_point){.size = i < 90 ? i + 1 : i * 7};
	policy->fill(&list, points, POINTS, NULL);
	for (uint32_t i = 0; i < POINTS; i++)
		differ += points[i].hits !=
			  plain_hits(plain, (uint32_t)points[i].size, list.keys, list.count);
	accesses_clear(&list);
	sim_free(sim);
	return differ;
}

/* LRU is computed by stack distances, and moves its positions together when they run out: the long one. */
static bool check_curves(const struct validate_options *options, struct validate_report *report,
			 GError **error)
{
	static const struct {
		const struct mrc_policy *mrc;
		plain_policy plain;
		uint32_t count, keys;
		const char *source;
	} rows[] = {
		{&mrc_lru, plain_lru, SHORT, 40, "Mattson et al., IBM Systems J. 9 (1970)"},
		{&mrc_lru, plain_lru, LONG, 400, "Mattson et al., IBM Systems J. 9 (1970)"},
		{&mrc_fifo, plain_fifo, SHORT, 300, "a FIFO as an array, searched"},
		{&mrc_clock, plain_clock, SHORT, 300, "a CLOCK as a queue with second chances"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *what =
			g_strdup_printf("%s, 4 traces of %u accesses, %d sizes: curves differ at",
					rows[i].mrc->name, rows[i].count, POINTS);
		int64_t differ = 0;

		for (enum shape shape = 0; shape < SHAPES; shape++) {
			if (validate_interrupted(options, error))
				return false;
			differ +=
				differences(options, rows[i].mrc, rows[i].plain, shape,
					    rows[i].count / MAX(options->shrink, 1), rows[i].keys);
		}
		validate_equal(report, what, 0, differ, "", rows[i].source);
	}
	return true;
}

bool validate_caches(const struct validate_options *options, struct validate_report *report,
		     GError **error)
{
	check_worked(report);
	return check_curves(options, report, error) &&
	       validate_caches_irm(options, report, error) &&
	       validate_caches_model(options, report, error);
}
