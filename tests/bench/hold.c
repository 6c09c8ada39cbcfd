/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hold model: n pending events, each of which when taken schedules itself anew. */
#include "bench.h"
#include "sim/sim.h"

#include <stdio.h>

enum { MEAN_NS = 1000000, OPERATIONS = 2000000 };

struct hold {
	struct sim_stream stream;
	uint64_t left;
};

static void again(struct sim *sim, void *arg)
{
	struct hold *hold = arg;

	if (!hold->left--)
		sim_stop(sim);
	sim_after(sim, sim_draw_exponential(&hold->stream, MEAN_NS), 0, again, hold);
}

static void hold_task(struct sim_task *self, void *arg)
{
	struct hold *hold = arg;
	struct sim *sim = sim_of(self);

	for (;;) {
		sim_hold(sim, sim_draw_exponential(&hold->stream, MEAN_NS));
		if (!hold->left--)
			sim_stop(sim);
	}
}

static double measure(uint32_t n, bool tasks)
{
	const struct sim_options options = {.seed = 7, .stack_bytes = tasks ? 16384 : 0};
	struct sim *sim = sim_new(&options);
	struct hold hold = {.left = n};
	double start;

	sim_stream_init(&hold.stream, sim, "hold", 0);
	for (uint32_t i = 0; i < n; i++) {
		if (tasks)
			sim_spawn(sim, "holder", hold_task, &hold);
		else
			again(sim, &hold);
	}
	hold.left = n; /* once round, so that memory is warm */
	sim_run(sim, SIM_NEVER);
	hold.left = OPERATIONS;
	start = bench_cpu_ns();
	sim_run(sim, SIM_NEVER);
	start = (bench_cpu_ns() - start) / OPERATIONS;
	sim_free(sim);
	return start;
}

static void table(const char *title, const uint32_t *sizes, int n, bool tasks)
{
	printf("%s\n%12s %8s %8s %12s\n", title, "pending", "ns", "least", "events/s");
	for (int i = 0; i < n; i++) {
		double ns[BENCH_ROUNDS];

		for (int round = 0; round < BENCH_ROUNDS; round++)
			ns[round] = measure(sizes[i], tasks);
		bench_sort(ns, BENCH_ROUNDS);
		printf("%12u %8.1f %8.1f %10.1f M\n", sizes[i], ns[BENCH_ROUNDS / 2], ns[0],
		       1e3 / ns[BENCH_ROUNDS / 2]);
	}
}

void bench_hold(void)
{
	static const uint32_t sizes[] = {3, 10, 100, 1000, 10000, 100000, 1000000};

	table("hold model, plain events, exponential increments (with the draw)", sizes,
	      G_N_ELEMENTS(sizes), false);
}

void bench_tasks(void)
{
	static const uint32_t sizes[] = {10, 1000, 10000, 100000};

	table("tasks that only hold (16 KiB stacks)", sizes, G_N_ELEMENTS(sizes), true);
}
