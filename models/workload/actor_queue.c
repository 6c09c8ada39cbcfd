/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A resource under a stream of requests, and nothing else: what is known exactly about queues holds
 * here, so this is where a reader checks the engine.
 */
#include "models/workload/internal.h"

struct queue_config {
	int64_t servers, loss, customers, warm_up;
	struct sim_dist arrival, hold;
};

static void report(void *queue, struct sim_metrics *metrics)
{
	sim_queue_report(queue, metrics);
}

static void free_queue(gpointer queue)
{
	sim_queue_free(queue);
}

/* Customers are tasks of the engine, not of the machine: no CPU stands between them and the resource. */
static void start(struct workload *workload, const char *name, const void *config)
{
	const struct queue_config *c = config;
	struct sim_queue_config queue_config = {
		.servers = (uint32_t)c->servers,
		.loss = c->loss,
		.customers = (uint64_t)c->customers,
		.warmup = (uint64_t)c->warm_up,
		.arrival = c->arrival,
		.hold = c->hold,
		.entity = workload->tasks,
	};
	struct sim_queue *queue = sim_queue_start(machine_sim(workload->machine), &queue_config);

	(void)name;
	workload_keep(workload, queue, free_queue);
	workload_on_report(workload, report, queue);
}

#define AT(field) offsetof(struct queue_config, field)

static const struct sim_param params[] = {
	{"servers", SIM_PARAM_INT, AT(servers), 1, 1 << 20, "1", NULL, "units of the resource"},
	{"loss", SIM_PARAM_BOOL, AT(loss), 0, 1, "false", NULL,
	 "a request that finds no unit goes away, instead of waiting"},
	{"customers", SIM_PARAM_INT, AT(customers), 1, 0, "100000", NULL, "requests in all"},
	{"warm_up", SIM_PARAM_INT, AT(warm_up), 0, 0, "0", NULL,
	 "first requests that are not measured"},
	{"arrival", SIM_PARAM_DIST, AT(arrival), 0, 0, NULL, NULL, "time between requests"},
	{"hold", SIM_PARAM_DIST, AT(hold), 0, 0, NULL, NULL, "time a unit is held"},
	{NULL, 0, 0, 0, 0, NULL, NULL, NULL},
};

const struct actor_kind actor_queue = {
	.name = "queue",
	.summary = "a resource under a stream of requests: the engine against closed forms",
	.params = params,
	.config_bytes = sizeof(struct queue_config),
	.start = start,
};
