/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/models/kernel_fixture.h"

void fixture_cost(struct kernel_fixture *f, enum kernel_cost cost, sim_ns ns)
{
	f->profile.cost[cost].dist = (struct sim_dist){.kind = SIM_DIST_CONSTANT, .a = ns};
}

void fixture_prepare(struct kernel_fixture *f)
{
	memset(f, 0, sizeof(*f));
	f->profile.size[SIZE_PAGE].value = FIXTURE_PAGE;
	f->config = (struct machine_config){
		.profile = &f->profile,
		.cpus = 1,
		.memory_bytes = 64 << 20,
		.devices = 1,
		.device_channels = 1,
		.dirty_background_permille = 100,
		.dirty_permille = 200,
	};
	fixture_cost(f, SPAN_RECLAIM_THROTTLE, 100000000);
}

void fixture_start(struct kernel_fixture *f)
{
	struct sim_options options = {.seed = 1};

	f->sim = sim_new(&options);
	f->machine = machine_new(f->sim, &f->config);
}

bool fixture_run(struct kernel_fixture *f)
{
	return sim_run(f->sim, SIM_NEVER) == SIM_END_IDLE;
}

int64_t fixture_metric(struct kernel_fixture *f, const char *name)
{
	if (f->metrics)
		sim_metrics_free(f->metrics);
	f->metrics = sim_metrics_new();
	machine_report(f->machine, f->metrics);
	for (size_t i = 0; i < sim_metrics_count(f->metrics); i++) {
		const struct sim_metric_def *def;
		int64_t value;

		if (!strcmp(sim_metrics_at(f->metrics, i, &def, &value), name))
			return value;
	}
	return -1;
}

void fixture_free(struct kernel_fixture *f)
{
	if (f->metrics)
		sim_metrics_free(f->metrics);
	sim_free(f->sim);
	machine_free(f->machine);
}

sim_ns fixture_parts(const struct kernel_task *task)
{
	sim_ns sum = 0;

	for (int i = 0; i < KERNEL_PARTS; i++)
		sum += task->part_ns[i];
	return sum;
}

sim_ns fixture_waited(const struct kernel_task *task, const struct kernel_account *account,
		      const char *place)
{
	sim_ns sum = 0;
	enum kernel_part part;

	for (uint32_t i = account->first_wait; i < task->place_waits; i++)
		if (!place ||
		    !strcmp(machine_place(task->machine, task->place_wait[i].place, &part), place))
			sum += task->place_wait[i].ns;
	return sum;
}

uint32_t fixture_random(uint64_t *state, uint32_t below)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)((*state >> 33) % below);
}
