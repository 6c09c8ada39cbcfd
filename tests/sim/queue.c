/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The queue workload against what queueing theory knows exactly. Each check wants two things: the
 * closed form lies in the interval from the replications, and the interval is narrow. About 150 such
 * checks must hold at once, so an interval is 2 times Student's at 95 % (for 19 degrees of freedom
 * that is 99.95 %). Seeds are fixed: a check that holds goes on holding.
 */
#include "sim_test.h"

#include <math.h>

enum { REPLICATIONS = 20, HOLD_NS = 1000000, FAMILY_WIDENING = 2 };

/* Builds made to find other faults are ten times slower: they look at a third, with intervals that much
 * wider, and leave out the highest load, for which a third is too short a run. */
#if defined(__has_feature)
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif
#if !defined(__OPTIMIZE__) || defined(__SANITIZE_ADDRESS__) || HAS_FEATURE(address_sanitizer)
enum { SHRINK = 3 };
#else
enum { SHRINK = 1 };
#endif

struct measured {
	double p_wait[REPLICATIONS], wait[REPLICATIONS], length[REPLICATIONS], p99[REPLICATIONS];
	double p_lost[REPLICATIONS];
	uint64_t waits;
};

static void replicate(struct sim_queue_config config, struct measured *m)
{
	m->waits = 0;
	config.customers /= SHRINK;
	config.warmup = config.customers / 10;
	for (uint32_t i = 0; i < REPLICATIONS; i++) {
		const struct sim_options options = {.seed = 20, .replication = i};
		struct sim *sim = sim_new(&options);
		struct sim_queue_result r;

		cr_assert_eq(sim_queue_run(sim, &config, NULL, &r), SIM_END_IDLE);
		EXPECT_U64(r.arrivals, config.customers);
		EXPECT_U64(r.served + r.lost, r.arrivals);
		EXPECT_U64(r.number_integral, r.residence_ns);
		EXPECT_U64(r.waiting_integral + r.busy_integral, r.number_integral);
		EXPECT_U64(sim_histogram_sum_low(r.wait_ns), r.wait_sum_ns);
		m->waits += r.waits;
		m->p_wait[i] = (double)r.waits / (double)r.arrivals;
		m->p_lost[i] = (double)r.lost / (double)r.arrivals;
		m->wait[i] = (double)r.wait_sum_ns / (double)MAX(r.served, 1);
		m->length[i] = (double)r.waiting_integral / (double)r.window_ns;
		m->p99[i] = (double)sim_histogram_quantile(r.wait_ns, 99000);
		sim_histogram_free(r.wait_ns);
		sim_free(sim);
	}
}

static void check(const char *what, uint32_t servers, double load, const double *values,
		  double exact, double narrow)
{
	struct sim_interval interval = sim_interval_of(values, REPLICATIONS);
	double half_width = FAMILY_WIDENING * interval.half_width;

	cr_assert(fabs(interval.mean - exact) <= half_width,
		  "%s, %u servers, load %g: %g ± %g does not hold %g", what, servers, load,
		  interval.mean, half_width, exact);
	cr_assert(half_width <= narrow * sqrt(SHRINK) * exact,
		  "%s, %u servers, load %g: %g ± %g says little", what, servers, load,
		  interval.mean, half_width);
}

static struct sim_queue_config config_of(uint32_t servers, double load, uint64_t customers)
{
	return (struct sim_queue_config){
		.servers = servers,
		.arrival = {.kind = SIM_DIST_EXPONENTIAL,
			    .a = (uint64_t)llround(HOLD_NS / (load * servers))},
		.hold = {.kind = SIM_DIST_EXPONENTIAL, .a = HOLD_NS},
		.customers = customers,
	};
}

/* The load that the whole number of ns between arrivals really makes. */
static double load_of(const struct sim_queue_config *config)
{
	return (double)HOLD_NS / ((double)config->arrival.a * config->servers);
}

static double erlang_b(uint32_t servers, double offered)
{
	double b = 1;

	for (uint32_t k = 1; k <= servers; k++)
		b = offered * b / (k + offered * b);
	return b;
}

static double erlang_c(uint32_t servers, double load)
{
	double b = erlang_b(servers, load * servers);

	return b / (1 - load * (1 - b));
}

/* ---- M/M/c ---- */

static const struct {
	double load, narrow;
	uint64_t customers;
} points[] = {
	{0.5, 0.04, 100000},
	{0.8, 0.05, 200000},
	{0.9, 0.07, 300000},
	{0.95, 0.1, 450000},
};

static void check_mmc(uint32_t servers)
{
	for (size_t i = 0; i < G_N_ELEMENTS(points); i++) {
		struct sim_queue_config config =
			config_of(servers, points[i].load, points[i].customers);
		double load = load_of(&config), c = erlang_c(servers, load);
		double drain = servers * (1 - load) / HOLD_NS; /* 1/ns: of the line, at full work */
		double narrow = points[i].narrow;
		struct measured m;

		if (SHRINK > 1 && points[i].load > 0.9)
			continue;
		replicate(config, &m);
		if (c < 0.02) {
			/* Too rare for an interval of this width: a bound on the count. */
			double expected = c * (double)config.customers * REPLICATIONS / SHRINK;

			cr_assert((double)m.waits <= 5 + 2 * expected,
				  "%u servers: %" PRIu64 " waits, expected %g", servers, m.waits,
				  expected);
			cr_assert(expected < 100 || (double)m.waits >= expected / 2);
			continue;
		}
		/* Waits of a large group come in rare long spells. */
		if (c < 0.1)
			narrow *= 4;
		check("probability of waiting", servers, load, m.p_wait, c, narrow);
		check("mean wait", servers, load, m.wait, c / drain, 2 * narrow);
		check("mean queue length", servers, load, m.length,
		      c / drain * load * servers / HOLD_NS, 2 * narrow);
		check("99th percentile of wait", servers, load, m.p99, log(c / 0.01) / drain,
		      2 * narrow);
	}
}

Test(queue, m_m_1_meets_the_closed_forms)
{
	check_mmc(1);
}

Test(queue, m_m_2_meets_the_closed_forms)
{
	check_mmc(2);
}

Test(queue, m_m_8_meets_the_closed_forms)
{
	check_mmc(8);
}

Test(queue, m_m_64_meets_the_closed_forms)
{
	check_mmc(64);
}

Test(queue, m_m_128_meets_the_closed_forms)
{
	check_mmc(128);
}

/* ---- M/D/c ---- */

enum { STATES = 1200 };

/*
 * Crommelin: seen every D, the number in the system is a Markov chain, for all who are served at t are
 * gone at t + D: n' = max(n - c, 0) + Poisson(lambda D). Its stationary distribution is that at any time.
 */
static void solve_mdc(uint32_t servers, double load, double *p_wait, double *length)
{
	static double p[STATES], q[STATES], poisson[STATES];
	double change = 1;

	poisson[0] = exp(-load * servers);
	for (int i = 1; i < STATES; i++)
		poisson[i] = poisson[i - 1] * load * servers / i;
	memset(p, 0, sizeof(p));
	p[0] = 1;
	for (int round = 0; round < 20000 && change > 1e-13; round++) {
		memset(q, 0, sizeof(q));
		for (int n = 0; n < STATES; n++) {
			int left = n > (int)servers ? n - (int)servers : 0;

			if (p[n] < 1e-300)
				continue;
			for (int k = 0; left + k < STATES; k++) {
				q[left + k] += p[n] * poisson[k];
				if (k > load * servers && poisson[k] < 1e-18)
					break;
			}
		}
		change = 0;
		for (int n = 0; n < STATES; n++) {
			change += fabs(q[n] - p[n]);
			p[n] = q[n];
		}
	}
	*p_wait = *length = 0;
	for (int n = (int)servers; n < STATES; n++) {
		*p_wait += p[n];
		*length += (n - (int)servers) * p[n];
	}
}

Test(queue, m_d_c_meets_the_embedded_chain)
{
	static const struct {
		uint32_t servers;
		double load, narrow;
	} cases[] = {{1, 0.5, 0.03}, {1, 0.9, 0.05},  {2, 0.8, 0.03},
		     {8, 0.8, 0.03}, {64, 0.95, 0.1}, {128, 0.95, 0.2}};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		uint32_t servers = cases[i].servers;
		struct sim_queue_config config = config_of(servers, cases[i].load, 200000);
		double load = load_of(&config), p_wait, length;
		struct measured m;

		config.hold.kind = SIM_DIST_CONSTANT;
		solve_mdc(servers, load, &p_wait, &length);
		if (servers == 1) /* Pollaczek-Khinchine knows this one too */
			cr_assert(fabs(length - load * load / (2 * (1 - load))) < 1e-9);
		replicate(config, &m);
		check("M/D/c probability of waiting", servers, load, m.p_wait, p_wait,
		      cases[i].narrow);
		check("M/D/c queue length", servers, load, m.length, length, 2 * cases[i].narrow);
		check("M/D/c mean wait", servers, load, m.wait, length * HOLD_NS / (load * servers),
		      2 * cases[i].narrow);
	}
}

/* ---- M/G/1 ---- */

Test(queue, m_g_1_with_scv_4_meets_pollaczek_khinchine)
{
	static const struct {
		double load, narrow;
		uint64_t customers;
	} cases[] = {{0.5, 0.05, 200000}, {0.8, 0.08, 400000}, {0.9, 0.1, 600000}};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct sim_queue_config config = config_of(1, cases[i].load, cases[i].customers);
		double load = load_of(&config);
		double wait = load * HOLD_NS * (1 + 4) / (2 * (1 - load));
		struct measured m;

		config.hold.kind = SIM_DIST_HYPEREXPONENTIAL;
		config.hold.b = 4000;
		replicate(config, &m);
		check("M/G/1 mean wait", 1, load, m.wait, wait, cases[i].narrow);
		check("M/G/1 queue length", 1, load, m.length, wait * load / HOLD_NS,
		      cases[i].narrow);
		check("M/G/1 probability of waiting", 1, load, m.p_wait, load, cases[i].narrow);
	}
}

/* ---- losses ---- */

Test(queue, losses_meet_erlang_b_whatever_the_distribution_of_the_holds)
{
	static const struct {
		uint32_t servers;
		double load;
	} cases[] = {{1, 0.5}, {2, 0.9}, {8, 0.8}, {64, 0.95}, {128, 0.95}};
	static const enum sim_dist_kind kinds[] = {SIM_DIST_EXPONENTIAL, SIM_DIST_CONSTANT,
						   SIM_DIST_HYPEREXPONENTIAL};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		for (size_t j = 0; j < G_N_ELEMENTS(kinds); j++) {
			struct sim_queue_config config =
				config_of(cases[i].servers, cases[i].load, 60000);
			double load = load_of(&config);
			struct measured m;

			config.loss = true;
			config.hold.kind = kinds[j];
			config.hold.b = 4000;
			replicate(config, &m);
			check("losses", config.servers, load, m.p_lost,
			      erlang_b(config.servers, load * config.servers), 0.12);
			EXPECT_U64(m.waits, 0);
		}
}

/* ---- exact statements ---- */

Test(queue, constant_arrivals_and_holds_draw_nothing_and_give_whole_answers)
{
	struct sim *sim = new_run(1);
	const struct sim_queue_config config = {
		.servers = 1,
		.arrival = {.kind = SIM_DIST_CONSTANT, .a = 10},
		.hold = {.kind = SIM_DIST_CONSTANT, .a = 15},
		.customers = 2000,
	};
	struct sim_metrics *metrics = sim_metrics_new();
	struct sim_queue_result r;

	sim_queue_run(sim, &config, metrics, &r);
	EXPECT_U64(sim_draws(sim), 0);
	EXPECT_U64(r.arrivals, 2000);
	EXPECT_U64(r.waits, 1999);
	EXPECT_U64(r.wait_sum_ns, 5 * UINT64_C(1999) * 2000 / 2);
	EXPECT_U64(r.window_ns, 1999 * 10);
	EXPECT_U64(r.number_integral, r.residence_ns);
	EXPECT_U64(r.busy_integral, r.window_ns);
	cr_assert_eq(sim_metrics_count(metrics), 11);
	sim_metrics_free(metrics);
	sim_histogram_free(r.wait_ns);
	sim_free(sim);
}

Test(queue, a_run_cut_short_leaves_nothing_behind)
{
	for (int first = 0; first < 2; first++) {
		struct sim *sim = new_run(3);
		struct sim_queue_config config = config_of(4, 0.9, 10000);
		struct sim_queue *queue = sim_queue_start(sim, &config);

		cr_assert_eq(sim_run(sim, 500 * UINT64_C(1000000)), SIM_END_TIME);
		cr_assert(sim_queue_result(queue)->arrivals > 1000);
		if (first)
			sim_queue_free(queue);
		sim_free(sim);
		if (!first)
			sim_queue_free(queue);
	}
}

Test(queue, the_event_stream_is_the_same_on_every_machine_and_build)
{
	struct sim *sim = new_run(12345);
	struct sim_queue_config config = config_of(3, 0.9, 20000);
	struct sim_queue_result r;
	uint64_t digest;

	config.hold.kind = SIM_DIST_HYPEREXPONENTIAL;
	config.hold.b = 2500;
	sim_queue_run(sim, &config, NULL, &r);
	digest = sim_digest(sim);
	sim_histogram_free(r.wait_ns);
	sim_free(sim);
	EXPECT_U64(digest, UINT64_C(8082428487389523717));
	EXPECT_U64(r.wait_sum_ns, UINT64_C(76091632435));
}
