/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tags, checksums, and those who check them: reads, scrub, relocation. Figures counted by hand. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/models/script_run.h"

#define LIGHT "x: design=lightweight setup=pool"
#define HEAVY "x: design=heavyweight setup=pool"
#define ENFORCED "x: design=enforced setup=pool"
#define INODE "x: design=inode setup=pool"
#define NONE "x: design=none"

#define ONE_MIRROR NULL
static const char *const two_mirrors[] = {"machine.devices=2", "filesystem.data_mirrors=2",
					  "machine.spread=false", NULL};

/* ---- on disk ---- */

/* Encrypted with checksums: 16 blocks and 2 of a preallocated extent of 16; plain: 8. */
#define MIXED                                                                                      \
	"addkey K\nmkdir d\npolicy d K\nwrite d/a 0 64k\nnocow d/n\nwrite d/n 0 16k\n"             \
	"falloc d/p 0 64k\nsync\nwrite d/p 0 8k\nwrite q 0 32k\nsync\n"

Test(authentication, checksums_take_4_bytes_a_block_and_tags_16_beside_them_or_in_their_place)
{
	static const struct {
		const char *variant;
		int64_t csums, tags;
	} rows[] = {
		{NONE, 26 * 4, 0},
		{LIGHT, 26 * 4, 0},
		{LIGHT " auth=csum", 8 * 4, 18 * 16},
		{LIGHT " auth=beside", 26 * 4, 18 * 16},
		{HEAVY " auth=csum auth.tag=32", 8 * 4, 18 * 32},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		const struct answer answers[] = {{"disk.csum_bytes", rows[i].csums},
						 {"disk.tag_bytes", rows[i].tags},
						 {NULL, 0}};

		script_expect(MIXED, rows[i].variant, ONE_MIRROR, answers);
	}
}

Test(authentication, a_checksum_stays_until_its_whole_extent_is_freed)
{
	static const char old[] = "write a 0 64k\nsync\n";
	static const char part[] = "write a 0 64k\nsync\nwrite a 4k 4k\nsync\n";
	static const char gone[] = "write a 0 64k\nsync\nwrite a 4k 4k\nsync\nunlink a\nsync\n";
	static const char moved[] = "write a 0 64k\nfalloc p 0 64k\nsync\nwrite p 8k 4k\nsync\n"
				    "balance\nsync\n";

	cr_expect_eq(script_figure(old, NONE, NULL, "disk.csum_bytes"), 16 * 4);
	cr_expect_eq(script_figure(part, NONE, NULL, "disk.csum_bytes"), 17 * 4);
	cr_expect_eq(script_figure(gone, NONE, NULL, "disk.csum_bytes"), 0);
	cr_expect_eq(script_figure(moved, NONE, NULL, "disk.csum_bytes"), 17 * 4);
}

Test(authentication, blocks_of_files_without_checksums_are_encrypted_without_a_tag)
{
	static const struct answer answers[] = {
		{"auth.tags_made", 18}, {"auth.untagged_blocks", 4}, {NULL, 0}};

	script_expect(MIXED, LIGHT " auth=csum", ONE_MIRROR, answers);
	script_expect(MIXED, HEAVY " auth=beside", ONE_MIRROR, answers);
}

/* ---- costs ---- */

static int64_t elapsed_with(const char *variant, const char *cost)
{
	const char *const sets[] = {"machine.cpus=1", "machine.device_channels=1",
				    "machine.spread=false", cost, NULL};

	/* Each fsync waits for its one bio of one block. */
	return script_figure(
		"addkey K\npolicy . K\nappend a 4k 100 fsync\ndropcaches\nread a 0 400k 4k\n",
		variant, sets, "time.elapsed_ns");
}

static int64_t difference(const char *variant, const char *cost)
{
	char *low = g_strdup_printf("costs.%s=1000ns", cost);
	char *high = g_strdup_printf("costs.%s=1700ns", cost);
	int64_t ns = elapsed_with(variant, high) - elapsed_with(variant, low);

	g_free(low);
	g_free(high);
	return ns;
}

Test(authentication, a_tag_costs_its_computation_and_saves_a_checksums_where_it_stands_for_it)
{
	int64_t csums = difference(LIGHT, "csum_4k");

	cr_expect_geq(csums, 100 * 700, "every write has a checksum");
	cr_expect_eq(difference(LIGHT, "auth_4k"), 0);
	cr_expect_eq(difference(LIGHT " auth=beside", "csum_4k"), csums);
	cr_expect_eq(difference(LIGHT " auth=beside", "auth_4k"), csums);
	cr_expect_eq(difference(LIGHT " auth=csum", "csum_4k"), 0);
	cr_expect_eq(difference(LIGHT " auth=csum", "auth_4k"), csums);
}

/* ---- scrub ---- */

#define FIVE_EXTENTS "addkey K\npolicy . K\nappend a 8k 5 fsync\nsync\ndropcaches\n"

static int64_t added_by_scrub(const char *variant, const char *metric)
{
	return script_figure(FIVE_EXTENTS "scrub\n", variant, ONE_MIRROR, metric) -
	       script_figure(FIVE_EXTENTS, variant, ONE_MIRROR, metric);
}

Test(authentication, scrub_of_tags_resolves_each_extent_and_under_light_its_inode_too)
{
	static const struct {
		const char *variant;
		int64_t inode_lookups, tree_searches;
	} rows[] = {
		{LIGHT " auth=csum", 5, 5 + 5},
		{INODE " auth=csum", 5, 5 + 5},
		{HEAVY " auth=csum", 0, 5},
		{ENFORCED " auth=csum", 0, 5},
		/* A context of its own is one more search. */
		{HEAVY " auth=csum layout=separate", 0, 5 + 5},
		{LIGHT " auth=csum layout=separate", 5, 5 + 5 + 5},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		const struct answer answers[] = {
			{"scrub.blocks", 10},
			{"scrub.verified_blocks", 10},
			{"scrub.unverified_blocks", 0},
			{"scrub.no_csum_blocks", 0},
			{"scrub.backrefs", 5},
			{"scrub.extent_tree_searches", 5},
			{"scrub.inode_lookups", rows[i].inode_lookups},
			{"truth.findings", 0},
			{NULL, 0},
		};

		script_expect(FIVE_EXTENTS "scrub\n", rows[i].variant, ONE_MIRROR, answers);
		cr_expect_eq(added_by_scrub(rows[i].variant, "tree.searches"),
			     rows[i].tree_searches, "%s", rows[i].variant);
		cr_expect_eq(added_by_scrub(rows[i].variant, "key.derivations"), 5);
		cr_expect_eq(added_by_scrub(rows[i].variant, "key.master_key_lookups"), 5);
		cr_expect_eq(added_by_scrub(rows[i].variant, "auth.tags_checked"), 10);
		cr_expect_eq(added_by_scrub(rows[i].variant, "crypt.blocks_decrypted"), 0);
	}
}

Test(authentication, every_set_up_can_check_tags_without_an_inode)
{
	static const char *const setups[] = {"at-io",
					     "at-open",
					     "library",
					     "shared-mode-key",
					     "pool pool.scope=master-key",
					     "pool pool.map=true pool.size=1"};
	static const struct answer answers[] = {{"scrub.verified_blocks", 10},
						{"scrub.unverified_blocks", 0},
						{"truth.findings", 0},
						{"truth.leaked_infos", 0},
						{NULL, 0}};

	for (size_t i = 0; i < G_N_ELEMENTS(setups); i++) {
		char *variant =
			g_strdup_printf("x: design=lightweight auth=csum setup=%s", setups[i]);

		/* The second key has opened no inode when scrub first needs it. */
		script_expect(FIVE_EXTENTS "rmkey K\naddkey K\nscrub\nrmkey K\n", variant,
			      ONE_MIRROR, answers);
		g_free(variant);
	}
}

Test(authentication, scrub_checks_checksums_without_any_key)
{
	static const char *const variants[] = {LIGHT, HEAVY, LIGHT " auth=beside", NONE};
	static const struct answer answers[] = {{"scrub.blocks", 10},
						{"scrub.verified_blocks", 10},
						{"scrub.unverified_blocks", 0},
						{"scrub.backrefs", 0},
						{"scrub.extent_tree_searches", 0},
						{NULL, 0}};

	for (size_t i = 0; i < G_N_ELEMENTS(variants); i++) {
		script_expect(FIVE_EXTENTS "rmkey K\nscrub\n", variants[i], ONE_MIRROR, answers);
		cr_expect_eq(added_by_scrub(variants[i], "key.derivations"), 0);
	}
}

Test(authentication, scrub_leaves_what_only_an_absent_key_could_check_unverified)
{
	static const struct answer answers[] = {{"scrub.blocks", 16 + 4 + 16 + 8},
						{"scrub.verified_blocks", 8},
						{"scrub.unverified_blocks", 18},
						{"scrub.no_csum_blocks", 4 + 14},
						{"scrub.uncorrectable_blocks", 0},
						{"ops.scrub.failed", 0},
						{"scrub.backrefs", 2},
						{NULL, 0}};

	script_expect(MIXED "dropcaches\nrmkey K\nscrub\n", LIGHT " auth=csum", ONE_MIRROR,
		      answers);
	script_expect(MIXED "dropcaches\nrmkey K\nscrub\n", HEAVY " auth=csum", ONE_MIRROR,
		      answers);
	/* A key in use by an open file alone is no key for others. */
	script_expect(MIXED "open d/a\nrmkey K\nscrub\n", HEAVY " auth=csum", ONE_MIRROR, answers);
}

Test(authentication, scrub_checks_of_a_preallocated_extent_what_was_written)
{
	static const char text[] = "addkey K\npolicy . K\nfalloc p 0 64k\nsync\nwrite p 8k 4k\n"
				   "write p 24k 8k\nsync\nscrub\n";
	static const struct answer answers[] = {{"scrub.blocks", 16},
						{"scrub.verified_blocks", 3},
						{"scrub.no_csum_blocks", 13},
						{NULL, 0}};

	script_expect(text, LIGHT " auth=csum", ONE_MIRROR, answers);
	script_expect(text, NONE, ONE_MIRROR, answers);
}

Test(authentication, an_extent_that_takes_a_freed_ones_place_has_no_checksums_of_it)
{
	static const char text[] = "falloc p 0 64k\nsync\nwrite p 8k 4k\nsync\nunlink p\nsync\n"
				   "falloc q 0 64k\nsync\nwrite q 0 4k\nsync\nscrub\n";

	cr_expect_eq(script_figure(text, NONE, ONE_MIRROR, "scrub.verified_blocks"), 1);
	cr_expect_eq(script_figure(text, NONE, ONE_MIRROR, "disk.csum_bytes"), 4);
}

/* After balance the references of a tree of several leaves are by leaf: the context is in it, but for
 * the inode's the way goes up to the tree's root. */
Test(authentication, a_reference_by_leaf_leads_to_the_context_at_once_and_to_the_inode_by_climbing)
{
	static const char text[] = "addkey K\npolicy . K\nwrite a 0 4m\nsync\n"
				   "randwrite a 4m 4k 300 1 fsync\nsync\nbalance\nscrub\n";
	struct world_outcome light = script_run_under(text, LIGHT " auth=csum", ONE_MIRROR);
	struct world_outcome heavy = script_run_under(text, HEAVY " auth=csum", ONE_MIRROR);
	int64_t extents = metric_of(&heavy, "disk.extents");

	cr_expect_gt(extents, 200);
	cr_expect_eq(metric_of(&heavy, "scrub.backrefs"), extents);
	cr_expect_eq(metric_of(&heavy, "scrub.extent_tree_searches"), extents);
	cr_expect_eq(metric_of(&heavy, "scrub.inode_lookups"), 0);
	cr_expect_eq(metric_of(&light, "scrub.backrefs"), extents);
	cr_expect_eq(metric_of(&light, "scrub.inode_lookups"), extents);
	/* Two levels: the leaf and the root. */
	cr_expect_eq(metric_of(&light, "scrub.extent_tree_searches"), 3 * extents);
	cr_expect_eq(metric_of(&light, "scrub.verified_blocks"), metric_of(&light, "scrub.blocks"));
	world_outcome_clear(&light);
	world_outcome_clear(&heavy);
}

Test(authentication, an_extent_shared_by_two_inodes_is_checked_through_the_one_that_sealed_it)
{
	static const char text[] = "addkey K\npolicy . K\nwrite a 0 32k\nsync\nreflink a b\nsync\n"
				   "scrub\n";
	static const struct answer tried_twice[] = {{"scrub.verified_blocks", 8},
						    {"scrub.uncorrectable_blocks", 0},
						    {"scrub.backrefs", 2},
						    {"scrub.inode_lookups", 2},
						    {NULL, 0}};
	static const struct answer tried_once[] = {
		{"scrub.verified_blocks", 8}, {"scrub.backrefs", 1}, {NULL, 0}};

	script_expect(text, INODE " auth=csum", ONE_MIRROR, tried_twice);
	script_expect(text, LIGHT " auth=csum", ONE_MIRROR, tried_once);
}

Test(authentication, a_second_scrub_at_once_is_refused)
{
	static const char text[] =
		"{\"question\":\"Is a second scrub "
		"refused?\",\"machine\":{\"spread\":false,\"flushers\":false},"
		"\"actors\":[{\"kind\":\"script\",\"name\":\"a\",\"script\":[\"write a 0 4m\","
		"\"sync\",\"scrub\"]},{\"kind\":\"script\",\"name\":\"b\",\"script\":"
		"[\"write b 0 "
		"4m\",\"sync\",\"scrub\"]}],\"variants\":{\"x\":{\"design\":\"none\"}}}";
	struct script_run run = {.text = text};
	struct world_outcome outcome = script_run(&run, 0);

	cr_expect_eq(metric_of(&outcome, "ops.scrub.failed"), 1);
	world_outcome_clear(&outcome);
}

/* ---- corruption ---- */

#define CORRUPTED "addkey K\npolicy . K\nwrite a 0 64k\nsync\ndropcaches\ncorrupt a 8k 12k\n"

Test(authentication, a_read_repairs_what_another_mirror_has_in_order)
{
	static const struct {
		const char *variant;
		int64_t decrypted;
	} rows[] = {
		{NONE, 0},
		{LIGHT, 32},
		{LIGHT " auth=beside", 32},
		/* The tags tell while it is decrypted, and so do those of the other copies. */
		{LIGHT " auth=csum", 32 + 3},
		{HEAVY " auth=csum", 32 + 3},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		const struct answer answers[] = {
			{"ops.read.failed", 0},
			{"io.read_repairs", 3},
			{"io.read_errors", 0},
			{"crypt.blocks_decrypted", rows[i].decrypted},
			{"truth.undetected_blocks", 0},
			{"truth.findings", 0},
			{NULL, 0},
		};

		script_expect(CORRUPTED "read a 0 64k\ndropcaches\nread a 0 64k\n", rows[i].variant,
			      two_mirrors, answers);
	}
}

Test(authentication, a_read_without_another_mirror_fails_until_the_data_is_written_anew)
{
	static const char *const variants[] = {NONE, LIGHT, LIGHT " auth=beside",
					       HEAVY " auth=csum"};
	/* The bio of 16 blocks, and the first bad one of them alone; read-ahead of the second read, which
	 * the third waits for, and its block alone; the block that is written in part; nothing more. */
	static const struct answer answers[] = {{"ops.read.failed", 2},
						{"ops.write.failed", 1},
						{"io.read_errors", 3 + 1 + 3 + 1 + 1},
						{"io.read_repairs", 0},
						{"truth.findings", 0},
						{NULL, 0}};
	static const char text[] = CORRUPTED "read a 0 64k\nread a 0 8k\nread a 8k 4k\n"
					     "write a 9k 1k\nread a 20k 44k\n"
					     "write a 8k 12k\nsync\ndropcaches\nread a 0 64k\n";

	for (size_t i = 0; i < G_N_ELEMENTS(variants); i++)
		script_expect(text, variants[i], ONE_MIRROR, answers);
}

Test(authentication, data_without_checksums_is_read_corrupted)
{
	static const char text[] =
		"addkey K\npolicy . K\nnocow n\nwrite n 0 16k\nsync\ndropcaches\n"
		"corrupt n 4k 8k\nread n 0 16k\n";
	static const struct answer answers[] = {{"truth.undetected_blocks", 2},
						{"ops.read.failed", 0},
						{"io.read_repairs", 0},
						{NULL, 0}};

	script_expect(text, NONE, two_mirrors, answers);
	script_expect(text, LIGHT " auth=csum", two_mirrors, answers);
}

Test(authentication, scrub_repairs_from_the_other_mirror_if_it_can_check_it)
{
	static const struct answer repaired[] = {{"scrub.blocks", 32},
						 {"scrub.repaired_blocks", 3},
						 {"scrub.uncorrectable_blocks", 0},
						 {"io.read_repairs", 0},
						 {"ops.read.failed", 0},
						 {NULL, 0}};
	static const struct answer told[] = {{"scrub.blocks", 16},
					     {"scrub.repaired_blocks", 0},
					     {"scrub.uncorrectable_blocks", 3},
					     {"ops.scrub.failed", 0},
					     {NULL, 0}};
	static const struct answer missed[] = {{"scrub.unverified_blocks", 32},
					       {"scrub.repaired_blocks", 0},
					       {"io.read_repairs", 3},
					       {"ops.read.failed", 0},
					       {NULL, 0}};
	static const char keyless[] = CORRUPTED "rmkey K\nscrub\naddkey K\nread a 0 64k\n";

	script_expect(CORRUPTED "scrub\nread a 0 64k\n", LIGHT, two_mirrors, repaired);
	script_expect(CORRUPTED "scrub\nread a 0 64k\n", LIGHT " auth=csum", two_mirrors, repaired);
	script_expect(keyless, LIGHT " auth=beside", two_mirrors, repaired);
	script_expect(keyless, LIGHT " auth=csum", two_mirrors, missed);
	script_expect(CORRUPTED "scrub\n", HEAVY " auth=csum", ONE_MIRROR, told);
}

Test(authentication, both_mirrors_are_written)
{
	static const char text[] = "write a 0 64k\nsync\n";
	static const char *const two_devices[] = {"machine.devices=2", NULL};

	cr_expect_eq(script_figure(text, NONE, two_devices, "io.written_bytes"), 65536);
	cr_expect_eq(script_figure(text, NONE, two_mirrors, "io.written_bytes"), 2 * 65536);
}

/* ---- relocation ---- */

Test(authentication, balance_needs_keys_only_where_a_tag_is_all_there_is)
{
	static const char *const without[] = {LIGHT, HEAVY, LIGHT " auth=beside",
					      INODE " auth=beside"};
	static const struct answer verified[] = {{"balance.blocks", 10},
						 {"balance.verified_blocks", 10},
						 {"balance.unverified_blocks", 0},
						 {"ops.balance.failed", 0},
						 {NULL, 0}};
	static const struct answer moved[] = {{"balance.blocks", 10},
					      {"balance.verified_blocks", 0},
					      {"balance.unverified_blocks", 10},
					      {"ops.balance.failed", 0},
					      {"ops.read.failed", 0},
					      {"crypt.blocks_decrypted", 10},
					      {"truth.findings", 0},
					      {NULL, 0}};
	int64_t before = script_figure(FIVE_EXTENTS, LIGHT, ONE_MIRROR, "key.derivations");

	for (size_t i = 0; i < G_N_ELEMENTS(without); i++) {
		script_expect(FIVE_EXTENTS "rmkey K\nbalance\n", without[i], ONE_MIRROR, verified);
		cr_expect_eq(script_figure(FIVE_EXTENTS "balance\n", without[i], ONE_MIRROR,
					   "key.derivations"),
			     before);
	}
	script_expect(FIVE_EXTENTS "balance\n", LIGHT " auth=csum", ONE_MIRROR, verified);
	cr_expect_eq(script_figure(FIVE_EXTENTS "balance\n", LIGHT " auth=csum", ONE_MIRROR,
				   "key.derivations"),
		     before + 5);
	script_expect(FIVE_EXTENTS "rmkey K\nbalance\naddkey K\nread a 0 40k\n", LIGHT " auth=csum",
		      ONE_MIRROR, moved);
}

Test(authentication, data_moved_unverified_is_corrupted_on_every_mirror)
{
	static const char text[] = CORRUPTED "rmkey K\nbalance\naddkey K\nread a 8k 4k\n";
	static const struct answer lost[] = {
		{"balance.unverified_blocks", 16}, {"ops.read.failed", 1}, {NULL, 0}};
	static const struct answer saved[] = {
		{"balance.repaired_blocks", 3}, {"ops.read.failed", 0}, {NULL, 0}};

	script_expect(text, LIGHT " auth=csum", two_mirrors, lost);
	script_expect(text, LIGHT " auth=beside", two_mirrors, saved);
}

Test(authentication, balance_ends_at_data_that_it_can_not_read_and_leaves_all_in_place)
{
	/* What was overwritten is still in the first extent, and still corrupted. */
	static const char text[] = CORRUPTED "write b 0 32k\nsync\nbalance\ndropcaches\n"
					     "read b 0 32k\nread a 32k 32k\nread a 8k 4k\n"
					     "write a 8k 12k\nsync\nbalance\nread a 0 64k\n";
	static const struct answer answers[] = {{"ops.balance.failed", 2},
						{"ops.read.failed", 1},
						{"disk.extents", 3},
						{"disk.data_bytes", 65536 + 32768 + 12288},
						{"disk.csum_bytes", (16 + 8 + 3) * 4},
						{"truth.findings", 0},
						{NULL, 0}};

	script_expect(text, LIGHT, ONE_MIRROR, answers);
	script_expect(text, HEAVY " auth=csum", ONE_MIRROR,
		      (const struct answer[]){{"ops.balance.failed", 2},
					      {"ops.read.failed", 1},
					      {"disk.tag_bytes", (16 + 8 + 3) * 16},
					      {NULL, 0}});
}

/* ---- what tags and faults show ---- */

Test(authentication, a_tag_tells_of_a_wrong_key_what_would_be_garbage_without)
{
	static const char text[] = "addkey K\npolicy . K\nwrite a 0 32k\nsync\nreflink a b\nsync\n"
				   "dropcaches\nread b 0 32k\n";
	static const struct answer garbage[] = {
		{"truth.garbage_blocks", 8}, {"ops.read.failed", 0}, {NULL, 0}};
	static const struct answer told[] = {{"truth.garbage_blocks", 0},
					     {"ops.read.failed", 1},
					     {"truth.findings", 0},
					     {NULL, 0}};

	script_expect(text, INODE, ONE_MIRROR, garbage);
	script_expect(text, INODE " auth=beside", ONE_MIRROR, told);
	script_expect(text, INODE " auth=csum", ONE_MIRROR, told);
}

Test(authentication, an_info_that_read_repair_leaks_is_found_and_keeps_its_key)
{
	static const char text[] = CORRUPTED "read a 0 64k\ndropcaches\nrmkey K\n";
	struct world_outcome outcome =
		script_run_under(text, HEAVY " fault.leaked-info=true", two_mirrors);
	const struct world_finding *finding;

	cr_expect_eq(metric_of(&outcome, "truth.leaked_infos"), 1);
	cr_assert_eq(outcome.findings->len, 1);
	finding = outcome.findings->pdata[0];
	cr_expect_str_eq(finding->kind, "info leaked");
	cr_expect(strstr(finding->text, "loaded") && strstr(finding->text, "`read a 0 64k`") &&
			  strstr(finding->text, "born"),
		  "no history: %s", finding->text);
	world_outcome_clear(&outcome);
	cr_expect_eq(script_figure(text, HEAVY, two_mirrors, "truth.leaked_infos"), 0);
	cr_expect_eq(script_figure(text, HEAVY, two_mirrors, "truth.findings"), 0);
	/* Nothing to repair, nothing to leak. */
	cr_expect_eq(script_figure(FIVE_EXTENTS "read a 0 40k\n", HEAVY " fault.leaked-info=true",
				   two_mirrors, "truth.leaked_infos"),
		     0);
}

Test(authentication, a_run_that_is_broken_off_in_scrub_or_repair_is_freed)
{
	static const char *const variants[] = {LIGHT " auth=csum",
					       HEAVY " auth=csum layout=separate", LIGHT};

	for (int us = 600; us < 6000; us += 450)
		for (size_t i = 0; i < G_N_ELEMENTS(variants); i++) {
			char *until = g_strdup_printf("until=%dus", us);
			const char *const sets[] = {"machine.devices=2",
						    "filesystem.data_mirrors=2", until, NULL};
			struct world_outcome outcome = script_run_under(
				CORRUPTED "read a 0 64k\ncorrupt a 0 64k\nscrub\nbalance\n",
				variants[i], sets);

			world_outcome_clear(&outcome);
			g_free(until);
		}
}

/* ---- what can't be ---- */

static void expect_refused(const char *variant, const char *const *sets, const char *reason)
{
	const char *const variants[] = {variant, NULL};
	struct scenario_options load = {.sets = sets, .variants = variants};
	GError *error = NULL;
	struct scenario *scenario = scenario_load("first-run", &load, &world_registry, &error);

	cr_assert_null(scenario, "%s is taken", variant);
	cr_expect(strstr(error->message, reason), "%s", error->message);
	g_error_free(error);
}

Test(authentication, what_can_not_be_authenticated_is_refused_with_the_reason)
{
	static const char *const mirrors[] = {"filesystem.data_mirrors=2", NULL};

	expect_refused(NONE " auth=csum", NULL, "no key to make tags with");
	expect_refused(LIGHT " pool.scope=file auth=csum", NULL, "with no file open");
	expect_refused(LIGHT " auth=csum auth.tag=33", NULL, "auth.tag");
	expect_refused(LIGHT, mirrors, "machine.devices");
}
