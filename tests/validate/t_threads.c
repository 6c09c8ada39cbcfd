/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The real pool and the model's, and that a difference between them is found. */
#include "scenarios/scenarios.h"
#include "validate/threads.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(validate_threads);

enum { THREADS = 4, OPERATIONS = 300, NONCES = 12 };

static struct threads_plan plan_of(uint32_t pool_size, bool map, bool steal)
{
	return (struct threads_plan){
		.threads = THREADS,
		.operations = OPERATIONS,
		.nonces = NONCES,
		.blocks = 8,
		.pool_size = pool_size,
		.map = map,
		.steal = steal,
	};
}

static GArray *logged(struct threads_plan *plan, uint32_t *nonces, struct threads_outcome *outcome)
{
	GArray *log = g_array_new(FALSE, FALSE, sizeof(struct pool_event));
	g_autoptr(GError) error = NULL;

	plan->nonce = nonces;
	cr_assert(threads_run(plan, log, outcome, &error), "%s", error->message);
	cr_expect_eq(outcome->wrong, 0);
	return log;
}

Test(validate_threads, the_order_of_real_threads_comes_to_the_same_in_the_model)
{
	static const struct {
		uint32_t pool_size;
		bool map, steal;
	} pools[] = {{1, false, false}, {3, false, false}, {1, true, false},
		     {3, true, false},	{8, true, false},  {2, true, true}};

	for (size_t i = 0; i < G_N_ELEMENTS(pools); i++) {
		struct threads_plan plan =
			plan_of(pools[i].pool_size, pools[i].map, pools[i].steal);
		g_autofree uint32_t *nonces = threads_nonces(&plan, i, 900);
		struct threads_outcome outcome;
		g_autoptr(GArray) log = logged(&plan, nonces, &outcome);
		struct pool_counts counts;
		struct pool_event got;

		cr_expect_eq(threads_replay(&plan, log, &counts, &got), log->len);
		cr_expect_eq(counts.hits, outcome.counts.hits);
		cr_expect_eq(counts.misses, outcome.counts.misses);
		cr_expect_eq(counts.evictions, outcome.counts.evictions);
		cr_expect_eq(counts.waits, outcome.counts.waits);
		cr_expect_eq(counts.failures, outcome.counts.failures);
		cr_expect_eq(counts.hits + counts.misses + counts.failures, THREADS * OPERATIONS);
	}
}

/* What one thread does with a pool of two: 0 misses, 1 misses, 0 hits, 2 evicts 1, 1 evicts 0. */
Test(validate_threads, a_step_that_came_out_otherwise_is_found)
{
	static const uint32_t nonces[] = {0, 1, 0, 2, 1};
	struct threads_plan plan = {.threads = 1,
				    .operations = G_N_ELEMENTS(nonces),
				    .nonces = 3,
				    .blocks = 1,
				    .pool_size = 2,
				    .map = true};
	struct threads_outcome outcome;
	g_autoptr(GArray) log = logged(&plan, (uint32_t *)nonces, &outcome);
	struct pool_counts counts;
	struct pool_event got;

	cr_expect_eq(log->len, 4 * 4 + 2);
	cr_expect_eq(outcome.counts.hits, 1);
	cr_expect_eq(outcome.counts.evictions, 2);
	cr_expect_eq(threads_replay(&plan, log, &counts, &got), log->len);
	for (guint i = 0; i < log->len; i++) {
		struct pool_event *event = &g_array_index(log, struct pool_event, i);

		event->slot ^= 1;
		cr_expect_eq(threads_replay(&plan, log, &counts, &got), i, "slot of %u", i);
		cr_expect_eq(got.slot, event->slot ^ 1);
		event->slot ^= 1;
		event->flag = !event->flag;
		cr_expect_eq(threads_replay(&plan, log, &counts, &got), i, "flag of %u", i);
		event->flag = !event->flag;
	}
	/* Another key asked for is found by the first step that hangs on it. */
	g_array_index(log, struct pool_event, 8).nonce = 1;
	cr_expect_eq(threads_replay(&plan, log, &counts, &got), 8);
}

Test(validate_threads, an_order_in_which_a_thread_does_not_wait_its_turn_is_found)
{
	const struct pool_event order[] = {
		{0, POOL_ASK, 0, -1, false},  {0, POOL_TAKE, 0, 0, false},
		{1, POOL_ASK, 1, -1, false}, /* waits for the only one */
		{2, POOL_ASK, 2, -1, false}, /* behind it */
		{0, POOL_KEYED, 0, 0, false}, {0, POOL_PUT, 0, 0, true},
		{2, POOL_TAKE, 0, 0, false}, /* out of turn */
	};
	struct threads_plan plan = plan_of(1, false, false);
	g_autoptr(GArray) log = g_array_new(FALSE, FALSE, sizeof(struct pool_event));
	struct pool_counts counts;
	struct pool_event got;

	g_array_append_vals(log, order, G_N_ELEMENTS(order));
	cr_expect_eq(threads_replay(&plan, log, &counts, &got), 6);
	cr_expect_eq(counts.waits, 2);
	g_array_index(log, struct pool_event, 6).thread = 1;
	cr_expect_eq(threads_replay(&plan, log, &counts, &got), 7);
}

/* Costs of round numbers, so that a rate can be told beforehand. */
static struct cost_profile *round_costs(void)
{
	struct cost_profile *profile = cost_profile_load("aes-ni-6.12", NULL);

	for (int i = 0; i < SPAN_SCHED_SLICE; i++)
		profile->cost[i].dist = (struct sim_dist){.kind = SIM_DIST_CONSTANT};
	profile->cost[COST_HKDF_EXPAND].dist.a = 400;
	profile->cost[COST_SETKEY].dist.a = 100;
	profile->cost[COST_ENCRYPT_4K].dist.a = 1500;
	profile->cost[COST_CONTEXT_SWITCH].dist.a = 8000;
	return profile;
}

Test(validate_threads, the_model_says_what_can_be_added_up)
{
	static const struct {
		uint32_t threads, pool_size;
		double rate, acquire_ns;
	} answers[] = {
		{1, 1, 1e9 / 2000, 500},
		{2, 2, 2e9 / 2000, 500},
		/* One works, and the other is woken when it is done: a turn of each is 2 us and 8. */
		{2, 1, 1e9 / 10000, 20000 - 1500},
	};
	struct cost_profile *profile = round_costs();

	for (size_t i = 0; i < G_N_ELEMENTS(answers); i++) {
		struct threads_plan plan = plan_of(answers[i].pool_size, false, false);
		struct threads_outcome outcome;
		g_autofree uint32_t *nonces = NULL;

		plan.threads = answers[i].threads;
		plan.operations = 5000;
		plan.blocks = 1;
		nonces = threads_nonces(&plan, 1, 900);
		plan.nonce = nonces;
		threads_simulate(&plan, profile, 1, &outcome);
		cr_expect_float_eq(outcome.rate / answers[i].rate, 1, 0.01, "%zu: %f", i,
				   outcome.rate);
		cr_expect_float_eq(outcome.acquire_ns / answers[i].acquire_ns, 1, 0.01, "%zu: %f",
				   i, outcome.acquire_ns);
	}
	cost_profile_free(profile);
}
