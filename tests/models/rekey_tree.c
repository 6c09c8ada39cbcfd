/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The policies of trees are replaced: each way, to the count; under load; and at the very moment. */
#include <criterion/criterion.h>

#include "tests/models/rekey_world.h"

#include "models/btrfs/internal.h"
#include "models/fscrypt/internal.h"

/* ---- a tree of files ---- */

/* Three files in two directories under one policy, one elsewhere under the same key. */
#define TREE                                                                                       \
	"addkey OLD\naddkey NEW\nmkdir d\npolicy d OLD\nmkdir d/s\nmkdir e\npolicy e OLD\n"        \
	"write d/a 0 64k\nwrite d/b 0 64k\nwrite d/s/c 0 64k\nwrite e/x 0 64k\nsync\ndropcaches\n"
#define READ_TREE "sync\ndropcaches\nread d/a 0 1m\nread d/b 0 1m\nread d/s/c 0 1m\nread e/x 0 1m\n"

Test(rekey, a_walk_changes_an_item_a_file_in_a_transaction_each_or_all_in_one)
{
	static const struct rekey_case user = {.design = "heavyweight", .setup = "pool"};
	static const struct rekey_case kernel = {
		.design = "heavyweight", .setup = "pool", .change = POLICY_CHANGE_WALK_KERNEL};
	static const struct answer both[] = {
		{"ops.rekeytree.failed", 0},
		{"ops.rekeytree.refused", 0},
		{"rekey.files", 3},
		{"rekey.refused", 0},
		{"rekey.items_changed", 3},
		{"rekey.files_left", 0},
		{"rekey.changed_outside", 0},
		{"ops.read.refused", 0},
		{"crypt.blocks_decrypted", 64},
		{NULL, 0},
	};
	static const struct answer three[] = {{"rekey.transactions", 3}, {NULL, 0}};
	static const struct answer one[] = {{"rekey.transactions", 1}, {NULL, 0}};

	rekey_expect(&user, TREE "rekeytree d NEW\n" READ_TREE, both, true);
	rekey_expect(&kernel, TREE "rekeytree d NEW\n" READ_TREE, both, true);
	rekey_expect(&user, TREE "rekeytree d NEW\n", three, true);
	rekey_expect(&kernel, TREE "rekeytree d NEW\n", one, true);
}

/* The call is the walk and little else. */
Test(rekey, the_rate_is_the_files_of_a_tree_over_the_time_of_its_change)
{
	static const struct rekey_case c = {.design = "heavyweight", .setup = "pool"};
	const char *const scripts[] = {TREE "rekeytree d NEW\nsleep 1s\nrekey e/x NEW\n", NULL};
	struct cost_profile *profile = rekey_profile();
	struct rekey_world w;
	int64_t call, rate;

	rekey_run(&w, profile, &c, scripts);
	call = rekey_metric(&w, "ops.rekeytree.latency_max_ns");
	rate = rekey_metric(&w, "rekey.files_per_s");
	cr_expect(rate > INT64_C(3000000000) / call && rate < INT64_C(3600000000) / call,
		  "%ld files a second, in a call of %ld ns", (long)rate, (long)call);
	rekey_end(&w);
	cost_profile_free(profile);
}

Test(rekey, a_walk_rewrites_or_is_refused_file_by_file_as_the_rule_is)
{
	static const struct answer rewritten[] = {
		{"rekey.files", 3},
		{"rekey.rewritten_bytes", 3 * 65536},
		{"rekey.transactions", 3},
		{"rekey.files_left", 0},
		{"rekey.bytes_left", 0},
		{"key.nonces_drawn", 4 + 3},
		{"crypt.blocks_decrypted", 3 * 16 + 64},
		{NULL, 0},
	};
	static const struct answer refused[] = {
		{"ops.rekeytree.refused", 1}, {"rekey.files", 0},	 {"rekey.refused", 3},
		{"rekey.files_left", 3},      {"rekey.transactions", 0}, {NULL, 0},
	};

	for (int change = POLICY_CHANGE_WALK_USER; change <= POLICY_CHANGE_WALK_KERNEL; change++) {
		struct rekey_case c = {.design = "lightweight", .setup = "pool"};

		c.change = (enum fscrypt_policy_change)change;
		rekey_expect(&c, TREE "rekeytree d NEW\n" READ_TREE, refused, true);
		c.rekey = REKEY_REWRITE;
		rekey_expect(&c, TREE "rekeytree d NEW\n" READ_TREE, rewritten, true);
	}
}

Test(rekey, without_the_old_key_a_changed_tree_is_found_by_its_no_key_names_only)
{
	static const struct rekey_case rewritten = {
		.design = "lightweight", .setup = "pool", .rekey = REKEY_REWRITE};
	static const struct rekey_case stranded = {.design = "heavyweight", .setup = "pool"};
	static const char text[] = TREE "rekeytree d NEW\nrmkey OLD\ndropcaches\nread d/a 0 64k\n"
					"read ~d/a 0 64k\nread d/~a 0 64k\n";
	static const struct answer readable[] = {{"ops.rmkey.failed", 0},
						 {"ops.read.refused", 1},
						 {"ops.read.failed", 1},
						 {"crypt.blocks_decrypted", 3 * 16 + 16},
						 {NULL, 0}};
	static const struct answer not_readable[] = {{"ops.read.refused", 2},
						     {"rekey.stranded_loads", 1},
						     {"crypt.blocks_decrypted", 0},
						     {NULL, 0}};

	rekey_expect(&rewritten, text, readable, true);
	rekey_expect(&stranded, text, not_readable, true);
}

Test(rekey, a_file_created_after_a_walk_is_under_the_key_of_its_directory)
{
	static const struct rekey_case c = {.design = "heavyweight", .setup = "pool"};
	static const struct answer answers[] = {
		{"rekey.files", 3}, {"rekey.files_left", 1}, {NULL, 0}};

	rekey_expect(&c, TREE "rekeytree d NEW\nwrite d/n 0 4k\nsync\n", answers, true);
}

Test(rekey, one_item_changes_all_that_share_its_policy_and_no_part_of_it)
{
	static const struct rekey_case c = {
		.design = "heavyweight", .setup = "pool", .change = POLICY_CHANGE_INDIRECT};
	static const struct answer whole[] = {
		{"rekey.files", 4},	      {"rekey.items_changed", 1},
		{"rekey.transactions", 1},    {"rekey.locks_held_ns", 0},
		{"rekey.changed_outside", 1}, {"rekey.files_left", 0},
		{"ops.read.refused", 0},      {"crypt.blocks_decrypted", 64},
		{"ops.write.refused", 0},     {NULL, 0},
	};
	static const struct answer part[] = {
		{"ops.rekeytree.refused", 1}, {"rekey.refused", 1},    {"rekey.files", 0},
		{"rekey.items_changed", 0},   {"rekey.files_left", 1}, {NULL, 0},
	};

	rekey_expect(
		&c,
		TREE "open d/a\nread d/a 0 4k\nrekeytree d NEW\n" READ_TREE
		     "write d/n 0 4k\nwrite d/a 0 4k\nsync\nclose d/a\n",
		(const struct answer[]){{"rekey.files", 4}, {"rekey.files_left", 0}, {NULL, 0}},
		true);
	rekey_expect(&c, TREE "rekeytree d NEW\n" READ_TREE "write d/n 0 4k\nsync\n", whole, true);
	rekey_expect(&c, TREE "rekeytree d/s NEW\n", part, true);
}

Test(rekey, a_key_whose_policy_has_another_key_now_gets_a_policy_of_its_own)
{
	static const struct rekey_case c = {
		.design = "heavyweight", .setup = "pool", .change = POLICY_CHANGE_INDIRECT};
	/* The new tree is under OLD and goes with it; d's directories are, too, so only f is seen. */
	static const struct answer answers[] = {{"rekey.files", 4 + 1},
						{"rekey.changed_outside", 1},
						{"rekey.items_changed", 2},
						{NULL, 0}};

	rekey_expect(&c,
		     TREE "rekeytree d NEW\nmkdir g\npolicy g OLD\nwrite g/f 0 4k\nsync\n"
			  "rekeytree g NEW\n",
		     answers, true);
}

Test(rekey, one_item_is_refused_where_old_extents_could_not_be_read)
{
	static const struct rekey_case c = {
		.design = "lightweight", .setup = "pool", .change = POLICY_CHANGE_INDIRECT};
	static const struct rekey_case forced = {.design = "lightweight",
						 .setup = "pool",
						 .rekey = REKEY_ALLOW,
						 .change = POLICY_CHANGE_INDIRECT};
	static const struct answer refused[] = {{"ops.rekeytree.refused", 1},
						{"rekey.files", 0},
						{"rekey.files_left", 3},
						{NULL, 0}};
	static const struct answer garbage[] = {{"truth.garbage_blocks", 64}, {NULL, 0}};

	rekey_expect(&c, TREE "rekeytree d NEW\n" READ_TREE, refused, true);
	rekey_expect(&forced, TREE "rekeytree d NEW\n" READ_TREE, garbage, false);
}

Test(rekey, with_new_writes_a_file_follows_its_directory_when_it_is_next_written)
{
	static const struct rekey_case heavy = {
		.design = "heavyweight", .setup = "pool", .change = POLICY_CHANGE_NEW_WRITES};
	static const struct rekey_case light = {
		.design = "lightweight", .setup = "pool", .change = POLICY_CHANGE_NEW_WRITES};
	static const char text[] = TREE "rekeytree d NEW\nwrite d/s/c 0 4k\nwrite d/s/c 8k 4k\n"
					"write d/n 0 4k\nwrite d/s/m 0 4k\n" READ_TREE;
	static const struct answer follows[] = {
		/* Of the two blocks written, c has the new key. */
		{"rekey.bytes_left", 3 * 65536 - 2 * 4096},
		{"rekey.files", 1},
		{"rekey.files_left", 2},
		{"rekey.transactions", 2},
		{"rekey.items_changed", 2},
		{"ops.read.refused", 0},
		{NULL, 0},
	};
	static const struct answer stays[] = {
		{"rekey.bytes_left", 3 * 65536},
		{"rekey.files", 0},
		{"rekey.files_left", 3},
		{"rekey.transactions", 1},
		{"rekey.items_changed", 1},
		{"ops.read.refused", 0},
		{NULL, 0},
	};

	rekey_expect(&heavy, text, follows, true);
	rekey_expect(&light, text, stays, true);
}

Test(rekey, without_encryption_there_is_nothing_to_replace)
{
	static const struct rekey_case c = {.design = "none", .setup = "none"};
	static const struct answer answers[] = {
		{"ops.rekeytree.failed", 0}, {"ops.rekeytree.refused", 0}, {NULL, 0}};

	rekey_expect(&c, TREE "rekeytree d NEW\nrekey d/a OLD\n" READ_TREE, answers, true);
}

/* ---- under load ---- */

static char *load_script(uint32_t seed)
{
	static const char *const files[] = {"d/a", "d/b", "d/s/c", "d/n", "d/s/m"};
	static const char *const ops[] = {"write", "write", "read", "punch", "falloc", "read"};
	GString *out = g_string_new("");
	uint32_t state = seed * 2654435761u + 1;

	for (unsigned int i = 0; i < 80; i++) {
		state = state * 1664525u + 1013904223u;
		g_string_append_printf(out, "%s %s %u %u\n", ops[(state >> 8) % G_N_ELEMENTS(ops)],
				       files[(state >> 12) % G_N_ELEMENTS(files)],
				       (state >> 16) % 40 * 4096, ((state >> 24) % 20 + 1) * 4096);
		if (i % 20 == 19)
			g_string_append(out, (state >> 28) % 2 ? "dropcaches\n" : "sync\n");
	}
	return g_string_free(out, false);
}

static void run_load(const struct cost_profile *profile, const struct rekey_case *c)
{
	char *a = load_script(c->seed * 2), *b = load_script(c->seed * 2 + 1);
	char *main_script =
		g_strdup_printf("%srekeytree d NEW\nsync\nrekeytree d OLD\nrekey d/a NEW\n"
				"rekeytree d NEW\ndropcaches\n" READ_TREE,
				TREE);
	const char *const scripts[] = {main_script, a, b, NULL};
	struct rekey_world w;

	rekey_run(&w, profile, c, scripts);
	rekey_expect_no_finding(&w, c->design);
	cr_expect_eq(w.fs->count.lost_writes, 0u);
	rekey_end(&w);
	g_free(a);
	g_free(b);
	g_free(main_script);
}

Test(rekey, a_tree_changes_its_key_while_others_read_and_write_it)
{
	static const struct rekey_case cases[] = {
		{.design = "heavyweight", .setup = "pool"},
		{.design = "heavyweight", .setup = "at-open"},
		{.design = "heavyweight", .setup = "pool", .pool_scope = POOL_SCOPE_FILE},
		{.design = "lightweight", .setup = "pool", .rekey = REKEY_REWRITE},
		{.design = "lightweight", .setup = "at-io", .rekey = REKEY_REWRITE},
		{.design = "enforced", .setup = "library", .rekey = REKEY_REWRITE},
		{.design = "inode", .setup = "at-io", .rekey = REKEY_REWRITE},
	};
	struct cost_profile *profile = rekey_profile();
	const char *seeds = g_getenv("STRESS_SEEDS");
	uint32_t count = seeds ? (uint32_t)g_ascii_strtoull(seeds, NULL, 10) : 4;

	for (uint32_t seed = 1; seed <= count; seed++)
		for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
			for (int change = 0; change <= POLICY_CHANGE_NEW_WRITES; change++) {
				struct rekey_case c = cases[i];

				c.seed = seed;
				c.change = (enum fscrypt_policy_change)change;
				c.memory_bytes = seed % 2 ? 0 : 16ull * MIB;
				if (change != POLICY_CHANGE_INDIRECT || c.rekey != REKEY_REWRITE)
					run_load(profile, &c);
			}
	cost_profile_free(profile);
}

/* ---- at the very moment ---- */

enum { RACES = 320, RACE_STEP_NS = 3000, RACES_BEFORE = 300 };

static sim_ns end_of(const struct cost_profile *profile, const struct rekey_case *c,
		     const char *script)
{
	const char *const scripts[] = {script, NULL};
	struct rekey_world w;
	sim_ns end;

	rekey_run(&w, profile, c, scripts);
	end = w.workload->ended_at_ns;
	rekey_end(&w);
	return end;
}

/* `first`, then `change`; another task does `other` some microseconds before or after the change begins. */
static void race(const struct rekey_case *c, const char *first, const char *change,
		 const char *other)
{
	struct cost_profile *profile = rekey_profile();
	sim_ns begin = end_of(profile, c, first) - RACES_BEFORE * RACE_STEP_NS;
	g_autofree char *changer = g_strconcat(first, change, NULL);

	for (unsigned int i = 0; i < RACES; i++) {
		g_autofree char *meets = g_strdup_printf(
			"sleep %luns\n%s", (unsigned long)(begin + i * RACE_STEP_NS), other);
		const char *const scripts[] = {changer, meets, NULL};
		struct rekey_world w;

		rekey_run(&w, profile, c, scripts);
		rekey_expect_no_finding(&w, c->design);
		cr_expect_eq(rekey_metric(&w, "ops.read.failed"), 0);
		rekey_end(&w);
	}
	cost_profile_free(profile);
}

/* Many maps are loaded and many bios are under way. */
#define FRAGMENTS "randwrite f 1m 4k 200 1 fsync\nsync\ndropcaches\n"

static const struct rekey_case heavy_file_pools = {
	.design = "heavyweight", .setup = "pool", .pool_scope = POOL_SCOPE_FILE, .seed = 1};

Test(rekey, a_read_that_meets_the_change_is_under_one_key_or_the_other)
{
	static const struct rekey_case light = {
		.design = "lightweight", .setup = "pool", .rekey = REKEY_REWRITE, .seed = 1};
	static const struct rekey_case inode = {
		.design = "inode", .setup = "at-io", .rekey = REKEY_REWRITE, .seed = 1};
	static const char change[] = "rekey f NEW\nrmkey OLD\nclose f\n";

	race(&light, BEFORE FRAGMENTS "open f\nsleep 1ms\n", change, "read f 0 1m\n");
	race(&inode, BEFORE FRAGMENTS "open f\nsleep 1ms\n", change, "read f 0 1m\n");
	race(&heavy_file_pools, BEFORE "open f\nsleep 1ms\n", change, "read f 0 1m\n");
}

Test(rekey, a_file_that_is_opened_while_its_policy_changes_gets_the_new_key)
{
	static const struct rekey_case c = {.design = "lightweight",
					    .setup = "pool",
					    .pool_scope = POOL_SCOPE_FILE,
					    .change = POLICY_CHANGE_WALK_KERNEL,
					    .seed = 1};

	race(&c,
	     "addkey OLD\naddkey NEW\nmkdir d\npolicy d OLD\ncreate d/e\nsync\ndropcaches\nsleep "
	     "2ms\n",
	     "rekeytree d NEW\n", "write d/e 0 64k\nsync\ndropcaches\nread d/e 0 64k\n");
}

Test(rekey, a_write_under_way_keeps_its_cipher_when_the_item_of_its_policy_changes)
{
	static const struct rekey_case c = {.design = "heavyweight",
					    .setup = "pool",
					    .pool_scope = POOL_SCOPE_FILE,
					    .change = POLICY_CHANGE_INDIRECT,
					    .seed = 1};

	race(&c, TREE "open d/a\nwrite d/a 0 1m\nsleep 1ms\n", "rekeytree d NEW\nclose d/a\n",
	     "sync\n");
}
