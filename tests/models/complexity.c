/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a run has met of a variant: counted by hand for short scripts. */
#include <criterion/criterion.h>

#include "tests/models/script_run.h"

#define WRITTEN "addkey K\npolicy . K\nwrite a 0 64k\nsync\ndropcaches\nread a 0 64k\n"
#define LIBRARY "x: design=lightweight setup=library"

static struct world_outcome run_under(const char *text, const char *variant)
{
	return script_run_under(text, variant, NULL);
}

static void expect_answers(const char *text, const char *variant, const struct answer *answers)
{
	script_expect(text, variant, NULL, answers);
}

Test(complexity, no_encryption_meets_nothing)
{
	static const struct answer nothing[] = {
		{"complexity.open.lock_classes", 0},  {"complexity.io.lock_classes", 0},
		{"complexity.io.lock_pairs", 0},      {"complexity.io.alloc_sites", 0},
		{"complexity.end.lock_classes", 0},   {"complexity.hooks", 0},
		{"complexity.extent_info.states", 0}, {NULL, 0}};

	expect_answers(WRITTEN, "x: design=none", nothing);
}

/* Birth: GFP_KERNEL in writeback. Load: in a NOFS scope. Each derives once. Bounce pages: in writeback. */
Test(complexity, a_library_cipher_asks_for_the_keys_semaphore_and_allocates_its_info)
{
	static const struct answer answers[] = {{"complexity.io.lock_classes", 2},
						{"complexity.lock.io.fscrypt_master_key.mk_sem", 2},
						{"complexity.lock.io.fs_reclaim", 1},
						{"complexity.io.alloc_sites", 2},
						{"complexity.io.alloc_contexts", 3},
						{"complexity.end.lock_classes", 0},
						{"complexity.cipher.states", 0},
						{NULL, 0}};

	expect_answers(WRITTEN, LIBRARY, answers);
}

Test(complexity, functions_that_the_workload_did_not_reach_are_told_apart)
{
	static const struct answer without[] = {
		{"complexity.hooks", 3}, {"complexity.hooks_unused", 1}, {NULL, 0}};
	static const struct answer with[] = {
		{"complexity.hooks", 4}, {"complexity.hooks_unused", 0}, {NULL, 0}};

	expect_answers(WRITTEN, LIBRARY, without);
	expect_answers(WRITTEN "reflink a b\n", LIBRARY, with);
}

/* A birth is met in writeback, under no lock but the transaction's; a load with the leaf locked. */
Test(complexity, a_load_under_the_leafs_lock_makes_an_order_of_locks_with_each_that_it_takes)
{
	struct world_outcome unlocked = run_under(WRITTEN, "x: design=lightweight setup=at-io");
	struct world_outcome locked =
		run_under(WRITTEN, "x: design=lightweight setup=at-io load=locked");

	/* mk_sem and crypto_alg_sem; fs_reclaim not, for the scope is NOFS. */
	cr_expect_eq(metric_of(&locked, "complexity.io.lock_pairs") -
			     metric_of(&unlocked, "complexity.io.lock_pairs"),
		     2);
	cr_expect_eq(metric_of(&locked, "complexity.io.lock_classes"),
		     metric_of(&unlocked, "complexity.io.lock_classes"));
	world_outcome_clear(&unlocked);
	world_outcome_clear(&locked);
}

Test(complexity, a_set_up_at_open_is_met_there)
{
	struct world_outcome io = run_under(WRITTEN, "x: design=lightweight setup=at-io");
	struct world_outcome open = run_under(WRITTEN, "x: design=lightweight setup=at-open");

	cr_expect(!metric_present(&io, "complexity.lock.open.crypto_alg_sem"));
	cr_expect_gt(metric_of(&open, "complexity.lock.open.crypto_alg_sem"), 0);
	cr_expect_gt(metric_of(&io, "complexity.lock.io.crypto_alg_sem"),
		     metric_of(&open, "complexity.lock.io.crypto_alg_sem"));
	world_outcome_clear(&io);
	world_outcome_clear(&open);
}

/* An info that goes has its key evicted, under the profile's lock; workqueue or not. */
Test(complexity, the_end_of_a_key_in_a_keyslot_is_met_where_infos_end)
{
	static const struct answer evicted[] = {{"complexity.end.lock_classes", 1}, {NULL, 0}};

	expect_answers(WRITTEN, "x: design=lightweight setup=fallback", evicted);
	expect_answers(WRITTEN "sleep 1ms\n",
		       "x: design=lightweight setup=fallback freeing=workqueue", evicted);
	expect_answers(WRITTEN, "x: design=lightweight setup=pool",
		       (const struct answer[]){{"complexity.end.lock_classes", 0},
					       {"complexity.lock.io.skcipher_pool", 2},
					       {NULL, 0}});
}

/* Idle and unkeyed; taken; keyed and in use; keyed and idle: of the first two bios. */
Test(complexity, states_of_pooled_ciphers_and_of_a_key_that_extents_join)
{
	struct world_outcome light = run_under(WRITTEN, "x: design=lightweight setup=pool");
	struct world_outcome heavy = run_under(WRITTEN, "x: design=heavyweight setup=pool");

	cr_expect_eq(metric_of(&light, "complexity.cipher.states"), 3);
	cr_expect_eq(metric_of(&heavy, "complexity.cipher.states"), 3);
	cr_expect_eq(metric_of(&light, "complexity.master_key.states"), 1);
	cr_expect_eq(metric_of(&heavy, "complexity.master_key.states"), 2);
	world_outcome_clear(&light);
	world_outcome_clear(&heavy);
}
