/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The group `threads`: the pool against threads of this machine. What they did under the pool's lock is
 * gone through in the model's code, which must come to the same at each step; and how many operations they
 * did in a second is held against what the model says of as many CPUs and of costs measured here.
 */
#include "validate/threads.h"

#include <math.h>
#include <stdlib.h>

#include "scenarios/scenarios.h"
#include "validate/internal.h"

/* ---- the same order ---- */

enum {
	ORDER_THREADS = 8, /* more than CPUs, so that they are interrupted anywhere */
	ORDER_OPERATIONS = 2000,
	NONCES = 24,
	BLOCKS = 4,
	ZIPF_MILLI = 900,
};

static char *counts_text(const struct pool_counts *counts)
{
	return g_strdup_printf("%" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT
			       " %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT,
			       counts->hits, counts->misses, counts->evictions, counts->waits,
			       counts->failures);
}

static void note_difference(struct validate_check *check, size_t same, const GArray *log,
			    const struct pool_event *got)
{
	static const char *const steps[] = {[POOL_ASK] = "ask",
					    [POOL_TAKE] = "take",
					    [POOL_KEYED] = "keyed",
					    [POOL_PUT] = "put"};
	const struct pool_event *event = &g_array_index(log, struct pool_event, same);

	validate_note(check,
		      "step %zu of %u, thread %u, %s: the threads came to slot %d, %d, the model "
		      "to slot %d, %d",
		      same, log->len, event->thread, steps[event->step], event->slot, event->flag,
		      got->slot, got->flag);
}

static bool check_order(struct validate_report *report, const struct threads_plan *plan,
			uint64_t *wrong, GError **error)
{
	g_autoptr(GArray) log = g_array_new(FALSE, FALSE, sizeof(struct pool_event));
	g_autofree char *what = g_strdup_printf(
		"pool of %u%s%s, %u threads: hits, misses, evictions, waits, refusals",
		plan->pool_size, plan->map ? ", map" : "", plan->steal ? ", steal" : "",
		plan->threads);
	g_autofree char *real = NULL, *modelled = NULL;
	struct threads_outcome outcome;
	struct pool_counts counts;
	struct pool_event got;
	struct validate_check *check;
	size_t same;

	if (!threads_run(plan, log, &outcome, error))
		return false;
	same = threads_replay(plan, log, &counts, &got);
	real = counts_text(&outcome.counts);
	modelled = counts_text(&counts);
	check = validate_same(report, what, real, modelled,
			      "threads of this machine, their order gone through in the model");
	if (same < log->len) {
		check->verdict = VALIDATE_FAILS;
		note_difference(check, same, log, &got);
	}
	*wrong += outcome.wrong;
	return true;
}

static bool check_orders(const struct validate_options *options, struct validate_report *report,
			 GError **error)
{
	static const struct {
		uint32_t pool_size;
		bool map, steal;
	} pools[] = {{1, false, false}, {2, false, false}, {4, false, false}, {2, false, true},
		     {1, true, false},	{2, true, false},  {4, true, false},  {8, true, false},
		     {16, true, false}, {32, true, false}, {2, true, true},   {4, true, true}};
	struct threads_plan plan = {
		.threads = ORDER_THREADS,
		.operations = ORDER_OPERATIONS / MAX(options->shrink, 1),
		.nonces = NONCES,
		.blocks = BLOCKS,
	};
	g_autofree uint32_t *nonces = threads_nonces(&plan, options->seed, ZIPF_MILLI);
	uint64_t wrong = 0;

	plan.nonce = nonces;
	for (size_t i = 0; i < G_N_ELEMENTS(pools); i++) {
		if (validate_interrupted(options, error))
			return false;
		plan.pool_size = pools[i].pool_size;
		plan.map = pools[i].map;
		plan.steal = pools[i].steal;
		if (!check_order(report, &plan, &wrong, error))
			return false;
	}
	validate_equal(report, "operations of these whose data a key set anew does not open", 0,
		       (int64_t)wrong, "", "one key opens what it encrypted, and no other");
	return true;
}

bool validate_threads(const struct validate_options *options, struct validate_report *report,
		      GError **error)
{
	return check_orders(options, report, error) &&
	       validate_threads_rate(options, report, error);
}
