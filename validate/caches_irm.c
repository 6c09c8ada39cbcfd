// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Caches under independent references: each access is to key i with probability p[i], whatever came
 * before. Hit ratios of small caches are known exactly, of large ones closely.
 */
#include <math.h>

#include "models/trace/internal.h"
#include "validate/internal.h"

enum { SMALL_KEYS = 8, LARGE_KEYS = 10000, WARMUP_PART = 5 };

/* ---- what is known ------------------------------------------------------------------------ */

/* The stack of an LRU is (i, j, k, …) with p[i] * p[j] / (1 - p[i]) * …: a sum over all stacks. */
static double lru_below(const double *p, uint32_t keys, uint32_t left, uint32_t in, double held,
			double weight)
{
	double hit = 0;

	if (!left)
		return weight * held;
	for (uint32_t i = 0; i < keys; i++)
		if (!(in >> i & 1))
			hit += lru_below(p, keys, left - 1, in | 1u << i, held + p[i],
					 weight * p[i] / (1 - held));
	return hit;
}

static double lru_exact(const double *p, uint32_t keys, uint32_t size)
{
	return lru_below(p, keys, size, 0, 0, 1);
}

/* A FIFO holds a set with a probability in proportion to the product of its p[i]. */
static double fifo_exact(const double *p, uint32_t keys, uint32_t size)
{
	double hit = 0, sum = 0;

	for (uint32_t set = 0; set < 1u << keys; set++) {
		double product = 1, held = 0;
		uint32_t members = 0;

		for (uint32_t i = 0; i < keys; i++)
			if (set >> i & 1) {
				product *= p[i];
				held += p[i];
				members++;
			}
		if (members == size) {
			sum += product;
			hit += product * held;
		}
	}
	return hit / sum;
}

/* Whether key i is in the cache, if a key stays for T after its last use, or after it came in. */
static double lru_part(double p, double t)
{
	return 1 - exp(-p * t);
}

static double fifo_part(double p, double t)
{
	return p * t / (1 + p * t);
}

/* The T at which as many keys are in as there is room for, by halving. */
static double by_characteristic_time(const double *p, uint32_t keys, uint32_t size,
				     double (*part)(double p, double t))
{
	double low = 0, high = 1e9, hit = 0;

	for (int i = 0; i < 200; i++) {
		double t = (low + high) / 2, in = 0;

		for (uint32_t k = 0; k < keys; k++)
			in += part(p[k], t);
		*(in < size ? &low : &high) = t;
	}
	for (uint32_t k = 0; k < keys; k++)
		hit += p[k] * part(p[k], low);
	return hit;
}

static void zipf(double *p, uint32_t keys, uint32_t exponent_milli)
{
	double sum = 0;

	for (uint32_t i = 0; i < keys; i++)
		sum += p[i] = pow(i + 1, -(double)exponent_milli / 1000);
	for (uint32_t i = 0; i < keys; i++)
		p[i] /= sum;
}

/* ---- what is simulated -------------------------------------------------------------------- */

struct irm_case {
	uint32_t keys, exponent_milli, accesses;
	const uint32_t *sizes; /* 0 ends */
	const struct mrc_policy *policy;
	double (*expected)(const double *p, uint32_t keys, uint32_t size);
	double error; /* of what is expected, where it is no exact figure */
	const char *source;
};

enum { SIZES_MOST = 4 };

/* Hit ratios after the warm-up: hits of all accesses less those of the first ones. */
static void simulate(const struct irm_case *c, const struct sim_zipf *keys,
		     const struct validate_options *options, uint32_t replication,
		     double ratio[SIZES_MOST][VALIDATE_REPLICATIONS])
{
	const struct sim_options run = {.seed = options->seed, .replication = replication};
	uint64_t accesses = c->accesses / MAX(options->shrink, 1), warm = accesses / WARMUP_PART;
	struct mrc_point before[SIZES_MOST] = {{0, 0, 0}}, after[SIZES_MOST] = {{0, 0, 0}};
	struct sim *sim = sim_new(&run);
	struct sim_stream draws;
	struct accesses list;
	size_t n = 0;

	sim_stream_init(&draws, sim, "independent references", c->keys);
	accesses_init(&list, NULL);
	for (; c->sizes[n]; n++)
		before[n].size = after[n].size = c->sizes[n];
	for (uint64_t i = 0; i < accesses; i++) {
		if (i == warm)
			c->policy->fill(&list, before, n, NULL);
		accesses_add(&list, 0, sim_draw_zipf(&draws, keys), NULL);
	}
	c->policy->fill(&list, after, n, NULL);
	for (size_t s = 0; s < n; s++)
		ratio[s][replication] =
			(double)(after[s].hits - before[s].hits) / (double)(accesses - warm);
	accesses_clear(&list);
	sim_free(sim);
}

static bool check(const struct irm_case *c, const struct validate_options *options,
		  struct validate_report *report, GError **error)
{
	g_autofree double *p = g_new(double, c->keys);
	struct sim_zipf *keys = sim_zipf_new(c->keys, c->exponent_milli);
	double ratio[SIZES_MOST][VALIDATE_REPLICATIONS];

	for (uint32_t i = 0; i < VALIDATE_REPLICATIONS && !validate_interrupted(options, error);
	     i++)
		simulate(c, keys, options, i, ratio);
	sim_zipf_free(keys);
	if (validate_interrupted(options, NULL))
		return false;
	zipf(p, c->keys, c->exponent_milli);
	for (size_t s = 0; c->sizes[s]; s++) {
		g_autofree char *what =
			g_strdup_printf("%s, %u of %u keys, Zipf %g: hit ratio", c->policy->name,
					c->sizes[s], c->keys, c->exponent_milli / 1000.0);

		validate_estimate(
			options, report,
			&(struct estimate){.what = what,
					   .expected = c->expected(p, c->keys, c->sizes[s]),
					   .values = ratio[s],
					   .within = 0.01,
					   .error = c->error,
					   .unit = "",
					   .source = c->source});
	}
	return true;
}

static double lru_close(const double *p, uint32_t keys, uint32_t size)
{
	return by_characteristic_time(p, keys, size, lru_part);
}

static double fifo_close(const double *p, uint32_t keys, uint32_t size)
{
	return by_characteristic_time(p, keys, size, fifo_part);
}

bool validate_caches_irm(const struct validate_options *options, struct validate_report *report,
			 GError **error)
{
	static const uint32_t small[] = {1, 2, 4, 7, 0}, large[] = {100, 1000, 5000, 0};
	static const char
		king[] = "King (1971): sum over all states of the stack",
		gelenbe[] = "King (1971), Gelenbe (1973): sum over all sets",
		che[] = "Che, Tung and Wang, JSAC 20 (2002); its error is below 0.1 % here",
		garetto[] = "Martina, Garetto and Leonardi, INFOCOM 2014; the same";
	static const struct irm_case cases[] = {
		{SMALL_KEYS, 800, 50000, small, &mrc_lru, lru_exact, 0, king},
		{SMALL_KEYS, 800, 50000, small, &mrc_fifo, fifo_exact, 0, gelenbe},
		{LARGE_KEYS, 800, 250000, large, &mrc_lru, lru_close, 0.001, che},
		{LARGE_KEYS, 800, 250000, large, &mrc_fifo, fifo_close, 0.001, garetto},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		if (!check(&cases[i], options, report, error))
			return false;
	return true;
}
