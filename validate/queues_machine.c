// SPDX-License-Identifier: GPL-2.0-or-later
/* The machine's own queues, for its devices and its CPUs, under a stream of requests. */
#include <math.h>
#include <string.h>

#include "validate/internal.h"

enum { HOLD_NS = 1000000, REQUESTS = 40000, MEMORY = 64 << 20, PAGE = 4096 };

struct machine_case {
	const char *what;
	uint32_t servers;
	double load;
	enum sim_dist_kind hold;
	kernel_task_fn request; /* NULL: it is a bio */
	const char *metric; /* sum of the waits */
};

struct source {
	const struct machine_case *c;
	struct sim_stream gaps;
	struct machine *machine;
	uint32_t left, ended;
};

static void bio_ends(void *arg)
{
	struct source *source = arg;

	source->ended++;
}

static void use_cpu(struct kernel_task *task, void *arg)
{
	struct source *source = arg;

	kernel_request_begin(task, ++source->ended);
	kernel_run(task, COST_COPY_4K, 1);
}

/* An arrival takes no CPU: what is measured must not queue with what arrives. */
static void arrive(struct sim_task *self, void *arg)
{
	struct source *source = arg;
	struct sim *sim = sim_of(self);
	sim_ns gap = (sim_ns)llround(HOLD_NS / (source->c->load * source->c->servers));

	while (source->left &&
	       sim_hold(sim, sim_draw_exponential(&source->gaps, gap)) == SIM_GRANTED) {
		source->left--;
		if (source->c->request)
			kernel_spawn(source->machine, "request", source->c->request, source);
		else
			bio_submit(source->machine, 0, BIO_READ, 0, 1, source->left, bio_ends,
				   source);
	}
}

static int64_t figure(const struct machine *machine, const char *name)
{
	struct sim_metrics *metrics = sim_metrics_new();
	const struct sim_metric_def *def;
	int64_t value = 0, found = 0;

	machine_report((struct machine *)machine, metrics);
	for (size_t i = 0; i < sim_metrics_count(metrics); i++)
		if (!strcmp(sim_metrics_at(metrics, i, &def, &value), name))
			found = value;
	sim_metrics_free(metrics);
	return found;
}

/* Everything is free but what the requests want. */
static bool run_once(const struct machine_case *c, const struct validate_options *options,
		     uint32_t replication, double *wait)
{
	uint32_t requests = REQUESTS / MAX(options->shrink, 1);
	const struct sim_options run = {.seed = options->seed,
					.replication = replication,
					.interrupted = options->interrupted};
	struct source source = {.c = c, .left = requests};
	struct cost_profile profile = {.size[SIZE_PAGE].value = PAGE};
	struct machine_config config = {.profile = &profile,
					.cpus = c->servers,
					.memory_bytes = MEMORY,
					.devices = 1,
					.device_channels = c->servers};
	struct sim *sim = sim_new(&run);
	bool ended;

	profile.cost[c->request ? COST_COPY_4K : COST_DEVICE_READ].dist =
		(struct sim_dist){.kind = c->hold, .a = HOLD_NS};
	profile.cost[SPAN_SCHED_SLICE].dist.a = (uint64_t)HOLD_NS * 1000;
	source.machine = machine_new(sim, &config);
	sim_stream_init(&source.gaps, sim, "validate", 0);
	sim_spawn(sim, "arrivals", arrive, &source);
	ended = sim_run(sim, SIM_NEVER) == SIM_END_IDLE && source.ended == requests;
	*wait = (double)figure(source.machine, c->metric) / requests / HOLD_NS;
	sim_free(sim);
	machine_free(source.machine);
	return ended;
}

static double expected_wait(const struct machine_case *c)
{
	double p_wait, length;

	if (c->hold == SIM_DIST_EXPONENTIAL)
		return theory_erlang_c(c->servers, c->load) / (c->servers * (1 - c->load));
	theory_mdc(c->servers, c->load, &p_wait, &length);
	return length / (c->load * c->servers);
}

bool validate_machine_queues(const struct validate_options *options, struct validate_report *report,
			     GError **error)
{
	static const struct machine_case cases[] = {
		{"Device, M/D/4, load 0.7: mean wait", 4, 0.7, SIM_DIST_CONSTANT, NULL,
		 "io.queue_wait_ns"},
		{"Device, M/M/4, load 0.7: mean wait", 4, 0.7, SIM_DIST_EXPONENTIAL, NULL,
		 "io.queue_wait_ns"},
		{"CPUs, M/M/2, load 0.7: mean wait", 2, 0.7, SIM_DIST_EXPONENTIAL, use_cpu,
		 "cpu.queue_ns"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		double waits[VALIDATE_REPLICATIONS];

		for (uint32_t r = 0; r < VALIDATE_REPLICATIONS; r++)
			if (!run_once(&cases[i], options, r, &waits[r]))
				return !validate_interrupted(options, error);
		validate_estimate(
			options, report,
			&(struct estimate){
				.what = cases[i].what,
				.expected = expected_wait(&cases[i]),
				.values = waits,
				.within = 0.1,
				.unit = "services",
				.source = "the same, of models/kernel: 4 channels, 2 CPUs"});
	}
	return true;
}
