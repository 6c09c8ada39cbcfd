/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A third party at the crypto API: modules that register algorithms while others look theirs up.
 * Registration allocates with GFP_KERNEL under crypto_alg_sem, outside of anybody's scope.
 */
#include "models/workload/internal.h"

struct loader_config {
	int64_t count;
	struct sim_dist interval;
};

struct module_loader {
	struct workload *workload;
	const struct loader_config *config;
	uint32_t number;
};

static void run_loader(struct kernel_task *task, void *arg)
{
	struct module_loader *l = arg;
	struct sim *sim = machine_sim(l->workload->machine);

	for (uint64_t n = 0; n < (uint64_t)l->config->count; n++) {
		uint64_t request = workload_request(l->number, n);
		struct op_timer timer;

		kernel_sleep(task,
			     sim_draw_keyed(sim, sim_purpose("module_loader"), request, 0,
					    &l->config->interval),
			     PART_SLEEP);
		timer = op_begin(l->workload, task, "register_alg", request);
		op_end(l->workload, task, &timer, crypto_register_alg(task));
	}
	workload_task_ends(l->workload);
}

static void start(struct workload *workload, const char *name, const void *config)
{
	struct module_loader *l = g_new0(struct module_loader, 1);

	l->workload = workload;
	l->config = config;
	workload_keep(workload, l, g_free);
	l->number = workload_spawn(workload, name, run_loader, l, NULL);
}

#define AT(field) offsetof(struct loader_config, field)

static const struct sim_param params[] = {
	{"count", SIM_PARAM_INT, AT(count), 1, 1 << 20, "1", NULL, "algorithms that it registers"},
	{"interval", SIM_PARAM_DIST, AT(interval), 0, 0, "1ms", NULL,
	 "time before each registration"},
	{NULL, 0, 0, 0, 0, NULL, NULL, NULL},
};

const struct actor_kind actor_module_loader = {
	.name = "module_loader",
	.summary = "modules that register algorithms: allocations under crypto_alg_sem",
	.params = params,
	.config_bytes = sizeof(struct loader_config),
	.start = start,
};
