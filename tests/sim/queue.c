/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The queue workload, as far as it is exact; against theory it is held by validate/queues_open.c. */
#include "sim_test.h"

#include <math.h>

enum { HOLD_NS = 1000000 };

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
