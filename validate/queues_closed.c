// SPDX-License-Identifier: GPL-2.0-or-later
/* Closed networks: as many tasks as customers, each thinks and then is served at every station. */
#include "validate/internal.h"

enum { HOLD_NS = 1000000, STATIONS_MOST = 3, WARMUP_PART = 10 };

struct closed_case {
	const char *name;
	uint32_t customers, stations;
	double think; /* mean; 0: none */
	double demand[STATIONS_MOST]; /* mean holds */
	uint32_t servers; /* of each station */
	bool loss; /* a customer who finds no server thinks again */
	uint32_t holds; /* measured */
};

static const struct closed_case machine_repair = {
	"Machine repair, M/M/2//10", 10, 1, 4, {1}, 2, false, 60000};
static const struct closed_case engset = {
	"Engset, 8 callers, 4 lines", 8, 1, 2, {1}, 4, true, 60000};
static const struct closed_case network = {
	"3 stations, 6 customers", 6, 3, 2, {1, 0.5, 0.25}, 1, false, 60000};

struct closed {
	const struct closed_case *c;
	struct sim *sim;
	struct sim_stream draws;
	struct sim_pool station[STATIONS_MOST];
	uint64_t cycles, calls, lost;
};

/* What the replications came to. */
struct measured {
	double throughput[VALIDATE_REPLICATIONS], p_lost[VALIDATE_REPLICATIONS];
	double number[STATIONS_MOST][VALIDATE_REPLICATIONS];
};

static void pass(struct closed *n, double mean)
{
	sim_hold(n->sim, sim_draw_exponential(&n->draws, (sim_ns)(mean * HOLD_NS)));
}

static void customer(struct sim_task *self, void *arg)
{
	struct closed *n = arg;

	while (!sim_task_killed(self)) {
		pass(n, n->c->think);
		for (uint32_t s = 0; s < n->c->stations; s++) {
			n->calls++;
			if (!sim_pool_try(&n->station[s], 1)) {
				if (n->c->loss) {
					n->lost++;
					continue;
				}
				sim_pool_acquire(&n->station[s], 1);
			}
			pass(n, n->c->demand[s]);
			sim_pool_release(&n->station[s], 1);
		}
		n->cycles++;
	}
}

/* Customer-ns at a station since the warm-up. */
static double number_at(struct closed *n, uint32_t s)
{
	struct sim_pool *pool = &n->station[s];

	sim_usage_sync(&pool->usage, sim_now(n->sim), pool->in_use, pool->waiting.length);
	return (double)(pool->usage.in_use_integral + pool->usage.queue_integral);
}

static void start(struct closed *n)
{
	sim_stream_init(&n->draws, n->sim, "closed network", 0);
	for (uint32_t s = 0; s < n->c->stations; s++)
		sim_pool_init(&n->station[s], n->sim, NULL, "station", n->c->servers);
	for (uint32_t i = 0; i < n->c->customers; i++)
		sim_spawn(n->sim, "customer", customer, n);
}

static void reset(struct closed *n)
{
	n->cycles = n->calls = n->lost = 0;
	for (uint32_t s = 0; s < n->c->stations; s++)
		sim_usage_reset(&n->station[s].usage, sim_now(n->sim), n->station[s].in_use,
				n->station[s].waiting.length);
}

static bool run_once(const struct closed_case *c, const struct validate_options *options,
		     uint32_t replication, struct measured *m)
{
	sim_ns measured_ns = (sim_ns)c->holds / MAX(options->shrink, 1) * HOLD_NS;
	sim_ns warm_ns = measured_ns / WARMUP_PART;
	const struct sim_options run = {.seed = options->seed,
					.replication = replication,
					.interrupted = options->interrupted};
	struct closed n = {.c = c, .sim = sim_new(&run)};
	bool ended;

	start(&n);
	ended = sim_run(n.sim, warm_ns) == SIM_END_TIME;
	reset(&n);
	ended = ended && sim_run(n.sim, warm_ns + measured_ns) == SIM_END_TIME;
	m->throughput[replication] = (double)n.cycles / (double)measured_ns * HOLD_NS;
	m->p_lost[replication] = (double)n.lost / (double)MAX(n.calls, 1);
	for (uint32_t s = 0; s < c->stations; s++)
		m->number[s][replication] = number_at(&n, s) / (double)measured_ns;
	sim_free(n.sim);
	for (uint32_t s = 0; s < c->stations; s++)
		sim_pool_destroy(&n.station[s]);
	return ended;
}

static bool measure(const struct closed_case *c, const struct validate_options *options,
		    struct measured *m, GError **error)
{
	for (uint32_t i = 0; i < VALIDATE_REPLICATIONS; i++)
		if (!run_once(c, options, i, m))
			return !validate_interrupted(options, error);
	return true;
}

struct closed_report {
	const struct validate_options *options;
	struct validate_report *report;
	const struct closed_case *c;
	const char *source;
};

static void add(const struct closed_report *to, const char *what, double expected,
		const double *values, const char *unit)
{
	g_autofree char *text = g_strdup_printf("%s: %s", to->c->name, what);

	validate_estimate(to->options, to->report,
			  &(struct estimate){.what = text,
					     .expected = expected,
					     .values = values,
					     .within = 0.02,
					     .unit = unit,
					     .source = to->source});
}

static bool check_machine_repair(const struct validate_options *options,
				 struct validate_report *report, GError **error)
{
	const struct closed_report to = {options, report, &machine_repair,
					 "Kleinrock, Queueing Systems I (1975), ch. 3"};
	double throughput, broken;
	struct measured m;

	if (!measure(to.c, options, &m, error))
		return false;
	theory_machine_repair(to.c->customers, to.c->servers, to.c->think, &throughput, &broken);
	add(&to, "repairs", throughput, m.throughput, "/service");
	add(&to, "broken machines", broken, m.number[0], "");
	return true;
}

static bool check_engset(const struct validate_options *options, struct validate_report *report,
			 GError **error)
{
	const struct closed_report to = {options, report, &engset, "Engset (1918)"};
	struct measured m;

	if (!measure(to.c, options, &m, error))
		return false;
	add(&to, "calls lost", theory_engset(to.c->customers, to.c->servers, to.c->think), m.p_lost,
	    "");
	return true;
}

static bool check_network(const struct validate_options *options, struct validate_report *report,
			  GError **error)
{
	const struct closed_report to = {
		options, report, &network,
		"Reiser and Lavenberg, JACM 27 (1980): mean value analysis"};
	double throughput, number[STATIONS_MOST];
	struct measured m;

	if (!measure(to.c, options, &m, error))
		return false;
	throughput = theory_mva(to.c->customers, to.c->think, to.c->demand, number, to.c->stations);
	add(&to, "cycles", throughput, m.throughput, "/service");
	for (uint32_t s = 0; s < to.c->stations; s++) {
		g_autofree char *what = g_strdup_printf("at station %u", s + 1);

		add(&to, what, number[s], m.number[s], "");
	}
	return true;
}

bool validate_closed_queues(const struct validate_options *options, struct validate_report *report,
			    GError **error)
{
	return check_machine_repair(options, report, error) &&
	       check_engset(options, report, error) && check_network(options, report, error);
}
