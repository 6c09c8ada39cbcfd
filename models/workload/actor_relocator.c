/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Relocation in the background: btrfs balance, again and again. */
#include "models/workload/internal.h"

struct relocator_config {
	int64_t count;
	struct sim_dist interval;
};

struct relocator {
	struct workload *workload;
	const struct relocator_config *config;
	uint32_t number;
};

static void run_relocator(struct kernel_task *task, void *arg)
{
	struct relocator *r = arg;
	struct workload *workload = r->workload;

	workload_wait_prepared(workload, task);
	for (uint64_t n = 0; n < (uint64_t)r->config->count; n++) {
		uint64_t request = workload_request(r->number, n);
		struct op_timer timer;

		workload_pause(workload, task, "relocator", request, &r->config->interval);
		timer = op_begin(workload, task, "balance", request);
		op_end(workload, task, &timer, btrfs_balance(task, workload->fs));
	}
	workload_task_ends(workload);
}

static void start(struct workload *workload, const char *name, const void *config)
{
	struct relocator *r = g_new0(struct relocator, 1);

	r->workload = workload;
	r->config = config;
	workload_keep(workload, r, g_free);
	r->number = workload_spawn(workload, name, run_relocator, r, NULL);
}

#define AT(field) offsetof(struct relocator_config, field)

static const struct sim_param params[] = {
	{"count", SIM_PARAM_INT, AT(count), 1, 1 << 20, "1", NULL, "balances that it does"},
	{"interval", SIM_PARAM_DIST, AT(interval), 0, 0, "1s", NULL, "time before each"},
	{NULL, 0, 0, 0, 0, NULL, NULL, NULL},
};

const struct actor_kind actor_relocator = {
	.name = "relocator",
	.summary = "btrfs balance in the background",
	.params = params,
	.config_bytes = sizeof(struct relocator_config),
	.start = start,
};
