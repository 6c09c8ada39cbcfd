/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Actors that are no users of the filesystem: who takes the memory, who registers algorithms. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/models/script_run.h"

#define SCENARIO(actors)                                                                           \
	"{\"question\": \"q\", \"machine\": {\"memory\": \"64MiB\", \"cpus\": 2}, \"actors\": "    \
	"[" actors                                                                                 \
	"{\"kind\": \"script\", \"script\": [\"write a 0 24m\", \"sync\", \"read a 0 24m\"]}],"    \
	"\"variants\": {\"x\": {\"design\": \"none\"}}}"

static struct world_outcome run_text(const char *text)
{
	struct script_run run = {.text = text};

	return script_run(&run, 0);
}

Test(third_parties, a_memory_hog_leaves_the_minimum_and_sends_the_others_to_reclaim)
{
	struct world_outcome calm = run_text(SCENARIO("")), hogged;
	int64_t min_bytes = 1 << 20; /* of 64 MiB */

	hogged = run_text(SCENARIO("{\"kind\": \"memory_hog\", \"hold\": \"300ms\"},"));
	cr_expect_eq(metric_of(&calm, "alloc.reclaim_ns"), 0);
	cr_expect_gt(metric_of(&hogged, "alloc.reclaim_ns"), 0);
	cr_expect_leq(metric_of(&hogged, "mem.free_min_bytes"), min_bytes + 4096);
	cr_expect_gt(metric_of(&calm, "mem.free_min_bytes"), min_bytes);
	cr_expect_eq(metric_of(&hogged, "deadlocks"), 0);
	cr_expect_eq(metric_of(&hogged, "lock.possible_cycles"), 0);
	world_outcome_clear(&calm);
	world_outcome_clear(&hogged);
}

Test(third_parties, a_memory_hog_takes_no_more_than_its_bytes)
{
	struct world_outcome o =
		run_text(SCENARIO("{\"kind\": \"memory_hog\", \"bytes\": \"10MiB\"},"));

	cr_expect_eq(metric_of(&o, "alloc.by.memory_hog.GFP_KERNEL.process"), 10 * 256);
	cr_expect_eq(metric_of(&o, "alloc.reclaim_ns"), 0);
	world_outcome_clear(&o);
}

Test(third_parties, a_module_loader_allocates_under_the_semaphore_at_each_registration)
{
	struct world_outcome o = run_text(SCENARIO("{\"kind\": \"module_loader\", \"count\": 7},"));

	cr_expect_eq(metric_of(&o, "ops.register_alg.count"), 7);
	cr_expect_eq(metric_of(&o, "alloc.by.crypto_larval.GFP_KERNEL.process"), 7);
	world_outcome_clear(&o);
}

/* ---- times ---- */

#define PRESSED(scale, every, hold, interval)                                                      \
	"{\"question\": \"q\", \"scale_times\": " scale ", \"machine\": {\"memory\": \"64MiB\", "  \
	"\"cpus\": 2, \"spread\": false}, \"actors\": ["                                           \
	"{\"kind\": \"memory_hog\", \"every\": \"" every "\", \"hold\": \"" hold "\"},"            \
	"{\"kind\": \"module_loader\", \"count\": 50, \"interval\": \"" interval "\"},"            \
	"{\"kind\": \"script\", \"script\": [\"addkey K\", \"policy . K\", \"write a 0 24m\", "    \
	"\"read a 0 24m\", \"randwrite b 8m 4k 500 1 none\", \"read b 0 8m\", \"sync\"]},"         \
	"{\"kind\": \"script\", \"name\": \"other\", \"script\": [\"write c 0 12m\", \"read c 0 "  \
	"12m\"]}],"                                                                                \
	"\"variants\": {\"x\": {\"design\": \"lightweight\", \"setup\": \"pool\"}}}"

Test(third_parties, all_times_twice_as_long_double_every_time_and_no_count_under_pressure)
{
	struct world_outcome once = run_text(PRESSED("1", "1ms", "2s", "3ms"));
	struct world_outcome twice = run_text(PRESSED("2", "2ms", "4s", "6ms"));
	size_t times = 0;

	cr_expect_gt(metric_of(&once, "alloc.reclaim_ns"), 0);
	cr_assert_eq(sim_metrics_count(once.metrics), sim_metrics_count(twice.metrics));
	for (size_t i = 0; i < sim_metrics_count(once.metrics); i++) {
		const struct sim_metric_def *def;
		int64_t a, b;
		const char *name = sim_metrics_at(once.metrics, i, &def, &a);
		bool time = !strcmp(def->unit, "ns");

		sim_metrics_at(twice.metrics, i, &def, &b);
		/* A quantile is the last value of its bucket, which is twice as wide. */
		if (strstr(name, "_p50") || strstr(name, "_p99"))
			b -= b % 2;
		cr_expect_eq(b, time ? 2 * a : a, "%s: %" G_GINT64_FORMAT " and %" G_GINT64_FORMAT,
			     name, a, b);
		times += time && a;
	}
	cr_expect_gt(times, 10u);
	world_outcome_clear(&once);
	world_outcome_clear(&twice);
}
