// SPDX-License-Identifier: GPL-2.0-or-later
/* The engine's counted resource under a stream of customers. */
#include <math.h>

#include "validate/internal.h"

enum { HOLD_NS = 1000000, HYPEREXPONENTIAL_SCV = 4 };

struct open_case {
	const char *name;
	uint32_t servers;
	double load;
	enum sim_dist_kind hold;
	uint64_t customers; /* measured in each replication */
	double within; /* half-width, at most, of what is accepted */
};

/* What the replications came to. Times in mean services. */
struct measured {
	double p_wait[VALIDATE_REPLICATIONS], wait[VALIDATE_REPLICATIONS];
	double p99[VALIDATE_REPLICATIONS], p_lost[VALIDATE_REPLICATIONS];
	/* Customer-ns that no stay explains, or the other way round, and customers. */
	uint64_t unaccounted_ns, unaccounted;
};

static struct sim_dist hold_of(enum sim_dist_kind kind)
{
	switch (kind) {
	case SIM_DIST_HYPEREXPONENTIAL:
		return (struct sim_dist){kind, HOLD_NS, HYPEREXPONENTIAL_SCV * 1000, 0, {{0, 0}}};
	case SIM_DIST_UNIFORM:
		return (struct sim_dist){kind, 0, 2 * HOLD_NS, 0, {{0, 0}}};
	default:
		return (struct sim_dist){kind, HOLD_NS, 0, 0, {{0, 0}}};
	}
}

static struct sim_queue_config config_of(const struct open_case *c,
					 const struct validate_options *options)
{
	uint64_t customers = c->customers / MAX(options->shrink, 1);

	return (struct sim_queue_config){
		.servers = c->servers,
		.arrival = {.kind = SIM_DIST_EXPONENTIAL,
			    .a = (uint64_t)llround(HOLD_NS / (c->load * c->servers))},
		.hold = hold_of(c->hold),
		.warmup = customers / 10,
		.customers = customers,
	};
}

/* The load that the whole number of ns between arrivals really makes. */
static double load_of(const struct sim_queue_config *config)
{
	return (double)HOLD_NS / ((double)config->arrival.a * config->servers);
}

static uint64_t difference(uint64_t a, uint64_t b)
{
	return MAX(a, b) - MIN(a, b);
}

static void take(struct measured *m, uint32_t i, const struct sim_queue_result *r)
{
	m->p_wait[i] = (double)r->waits / (double)r->arrivals;
	m->p_lost[i] = (double)r->lost / (double)r->arrivals;
	m->wait[i] = (double)r->wait_sum_ns / (double)MAX(r->served, 1) / HOLD_NS;
	m->p99[i] = (double)sim_histogram_quantile(r->wait_ns, 99000) / HOLD_NS;
	m->unaccounted += difference(r->arrivals, r->served + r->lost);
	m->unaccounted_ns +=
		difference(r->number_integral, r->residence_ns) +
		difference(r->number_integral, r->waiting_integral + r->busy_integral) +
		difference(r->wait_sum_ns, sim_histogram_sum_low(r->wait_ns));
}

static bool measure(const struct sim_queue_config *config, const struct validate_options *options,
		    struct measured *m, GError **error)
{
	m->unaccounted = m->unaccounted_ns = 0;
	for (uint32_t i = 0; i < VALIDATE_REPLICATIONS; i++) {
		const struct sim_options run = {.seed = options->seed,
						.replication = i,
						.interrupted = options->interrupted};
		struct sim *sim = sim_new(&run);
		struct sim_queue_result r;
		bool ended = sim_queue_run(sim, config, NULL, &r) == SIM_END_IDLE;

		if (ended)
			take(m, i, &r);
		sim_histogram_free(r.wait_ns);
		sim_free(sim);
		if (!ended)
			return !validate_interrupted(options, error);
	}
	return true;
}

/* ---- reports ------------------------------------------------------------------------------ */

struct open_report {
	const struct validate_options *options;
	struct validate_report *report;
	const struct open_case *c;
	double load;
	const char *source;
};

static void add(const struct open_report *to, const char *what, double expected,
		const double *values, const char *unit)
{
	g_autofree char *text = g_strdup_printf("%s, load %g: %s", to->c->name, to->c->load, what);

	validate_estimate(to->options, to->report,
			  &(struct estimate){.what = text,
					     .expected = expected,
					     .values = values,
					     .within = to->c->within,
					     .unit = unit,
					     .source = to->source});
}

#define KLEINROCK "Kleinrock, Queueing Systems I (1975), ch. "

static const struct open_case mmc[] = {
	{"M/M/1", 1, 0.5, SIM_DIST_EXPONENTIAL, 60000, 0.05},
	{"M/M/1", 1, 0.9, SIM_DIST_EXPONENTIAL, 250000, 0.15},
	{"M/M/2", 2, 0.8, SIM_DIST_EXPONENTIAL, 100000, 0.1},
	{"M/M/8", 8, 0.8, SIM_DIST_EXPONENTIAL, 100000, 0.1},
	{"M/M/64", 64, 0.9, SIM_DIST_EXPONENTIAL, 200000, 0.2},
};

static void check_mmc(const struct open_report *to, const struct measured *m)
{
	double c = theory_erlang_c(to->c->servers, to->load);
	double drain = to->c->servers * (1 - to->load); /* of the line, at full work */

	add(to, "P(wait)", c, m->p_wait, "");
	add(to, "mean wait", c / drain, m->wait, "services");
	add(to, "wait, p99", log(c / 0.01) / drain, m->p99, "services");
}

static const struct open_case mdc[] = {
	{"M/D/1", 1, 0.9, SIM_DIST_CONSTANT, 150000, 0.1},
	{"M/D/2", 2, 0.8, SIM_DIST_CONSTANT, 100000, 0.05},
	{"M/D/8", 8, 0.8, SIM_DIST_CONSTANT, 100000, 0.05},
};

static void check_mdc(const struct open_report *to, const struct measured *m)
{
	double p_wait, length;

	theory_mdc(to->c->servers, to->load, &p_wait, &length);
	add(to, "P(wait)", p_wait, m->p_wait, "");
	add(to, "mean wait", length / (to->load * to->c->servers), m->wait, "services");
}

static const struct open_case mg1[] = {
	{"M/D/1", 1, 0.8, SIM_DIST_CONSTANT, 100000, 0.05},
	{"M/G/1, uniform service", 1, 0.8, SIM_DIST_UNIFORM, 100000, 0.05},
	{"M/G/1, scv 4", 1, 0.5, SIM_DIST_HYPEREXPONENTIAL, 150000, 0.1},
	{"M/G/1, scv 4", 1, 0.8, SIM_DIST_HYPEREXPONENTIAL, 300000, 0.15},
};

static void check_mg1(const struct open_report *to, const struct measured *m)
{
	double scv = to->c->hold == SIM_DIST_HYPEREXPONENTIAL ? HYPEREXPONENTIAL_SCV
		     : to->c->hold == SIM_DIST_UNIFORM	      ? 1.0 / 3
							      : 0;

	add(to, "mean wait", to->load * (1 + scv) / (2 * (1 - to->load)), m->wait, "services");
}

static const struct open_case losses[] = {
	{"M/M/1/1", 1, 0.5, SIM_DIST_EXPONENTIAL, 30000, 0.05},
	{"M/M/8/8", 8, 0.8, SIM_DIST_EXPONENTIAL, 60000, 0.05},
	{"M/D/8/8", 8, 0.8, SIM_DIST_CONSTANT, 60000, 0.05},
	{"M/G/8/8, scv 4", 8, 0.8, SIM_DIST_HYPEREXPONENTIAL, 60000, 0.05},
	{"M/M/64/64", 64, 0.95, SIM_DIST_EXPONENTIAL, 60000, 0.1},
};

static void check_loss(const struct open_report *to, const struct measured *m)
{
	add(to, "losses", theory_erlang_b(to->c->servers, to->load * to->c->servers), m->p_lost,
	    "");
}

static const struct family {
	const struct open_case *cases;
	size_t count;
	bool loss;
	void (*check)(const struct open_report *to, const struct measured *m);
	const char *source;
} families[] = {
	{mmc, G_N_ELEMENTS(mmc), false, check_mmc, KLEINROCK "3 (Erlang C)"},
	{mdc, G_N_ELEMENTS(mdc), false, check_mdc, "Crommelin's recursion (1932), solved here"},
	{mg1, G_N_ELEMENTS(mg1), false, check_mg1, KLEINROCK "5 (Pollaczek-Khinchine)"},
	{losses, G_N_ELEMENTS(losses), true, check_loss,
	 KLEINROCK "3 (Erlang B); for any service Sevastyanov (1957)"},
};

bool validate_open_queues(const struct validate_options *options, struct validate_report *report,
			  GError **error)
{
	static const char little[] = "Little (1961), and conservation: exact in every run above";
	uint64_t unaccounted_ns = 0, unaccounted = 0;

	for (size_t f = 0; f < G_N_ELEMENTS(families); f++)
		for (size_t i = 0; i < families[f].count; i++) {
			struct open_report to = {options, report, &families[f].cases[i], 0,
						 families[f].source};
			struct sim_queue_config config = config_of(to.c, options);
			struct measured m;

			config.loss = families[f].loss;
			to.load = load_of(&config);
			if (!measure(&config, options, &m, error))
				return false;
			families[f].check(&to, &m);
			unaccounted += m.unaccounted;
			unaccounted_ns += m.unaccounted_ns;
		}
	validate_equal(report, "Number in system over time, less all stays", 0,
		       (int64_t)unaccounted_ns, "ns", little);
	validate_equal(report, "Customers neither served nor lost", 0, (int64_t)unaccounted, "",
		       little);
	return true;
}
