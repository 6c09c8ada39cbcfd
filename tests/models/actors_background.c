/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Relocator, defragmenter, deduper, key administrator; and what follows a refusal. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/models/script_run.h"

#define SCENARIO(actors)                                                                           \
	"{\"question\": \"q\", \"machine\": {\"memory\": \"256MiB\", \"cpus\": 4},\n"              \
	"\"actors\": [" actors "], \"variants\": {\"none\": {\"design\": \"none\"},\n"             \
	"\"light\": {\"design\": \"lightweight\", \"setup\": \"pool\"},\n"                         \
	"\"heavy\": {\"design\": \"heavyweight\", \"setup\": \"pool\"}}}"
#define FILES(name, keys) "{\"name\": \"" name "\", \"kind\": \"mix\", " keys "}"
enum { NONE, LIGHT, HEAVY };

static struct world_outcome run_text(const char *text, guint variant)
{
	struct script_run run = {.text = text};

	return script_run(&run, variant);
}

static struct world_outcome run_set(const char *text, guint variant, const char *set)
{
	const char *const sets[] = {set, NULL};
	struct script_run run = {.text = text, .sets = sets};

	return script_run(&run, variant);
}

/* ---- relocation ---- */

#define RELOCATED                                                                                  \
	SCENARIO(FILES("m",                                                                        \
		       "\"files\": 2, \"operations\": 1") ", {\"kind\": \"relocator\", "           \
							  "\"count\": 3, \"interval\": \"5ms\"}")

Test(background, a_relocator_moves_all_data_count_times)
{
	struct world_outcome o = run_text(RELOCATED, NONE);

	cr_expect_eq(metric_of(&o, "ops.balance.count"), 3);
	cr_expect_eq(metric_of(&o, "balance.blocks"), 3 * 512);
	cr_expect_geq(metric_of(&o, "time.elapsed_ns"), 15 * 1000 * 1000);
	world_outcome_clear(&o);
}

/* ---- defragmentation ---- */

#define FRAGMENTS "\"files\": 4, \"extent_bytes\": \"4KiB\", \"file_bytes\": \"256KiB\", "

Test(background, a_defragmenter_leaves_one_extent_a_file_below_its_directory)
{
	struct world_outcome o = run_text(
		SCENARIO(FILES("a", FRAGMENTS "\"operations\": 1") "," FILES(
			"b", FRAGMENTS "\"operations\": 1") ", {\"kind\": \"defragmenter\", "
							    "\"dir\": \"a\"}"),
		NONE);

	cr_expect_eq(metric_of(&o, "ops.defrag.count"), 4);
	cr_expect_eq(metric_of(&o, "ops.walk.count"), 1);
	cr_expect_eq(metric_of(&o, "disk.file_extent_items"), 4 + 4 * 64);
	world_outcome_clear(&o);
}

#define DEFRAGMENTED                                                                               \
	SCENARIO(FILES("a", FRAGMENTS "\"operations\": 1") ", {\"kind\": \"defragmenter\"}")

Test(background, a_defragmenter_without_directory_takes_all_files)
{
	struct world_outcome twice = run_set(DEFRAGMENTED, NONE, "actors.defragmenter.passes=2");
	struct world_outcome high =
		run_set(DEFRAGMENTED, NONE, "actors.defragmenter.threshold=4KiB");

	cr_expect_eq(metric_of(&twice, "ops.defrag.count"), 8);
	cr_expect_eq(metric_of(&twice, "disk.file_extent_items"), 4);
	cr_expect_eq(metric_of(&high, "disk.file_extent_items"), 4 * 64);
	world_outcome_clear(&twice);
	world_outcome_clear(&high);
}

/* ---- deduplication ---- */

#define ALIKE "\"files\": 4, \"alike\": true, \"file_bytes\": \"512KiB\", \"operations\": 1"
#define DEDUPED SCENARIO(FILES("a", ALIKE) ", {\"kind\": \"deduper\", \"interval\": \"1ms\"}")

Test(background, a_deduper_shares_what_is_alike)
{
	struct world_outcome o = run_text(DEDUPED, NONE);

	cr_expect_eq(metric_of(&o, "deduper.deduper.deduped_bytes"), 3 * 512 * 1024);
	cr_expect_eq(metric_of(&o, "deduper.deduper.differing_bytes"), 0);
	cr_expect_eq(metric_of(&o, "disk.extents"), 1);
	cr_expect_eq(metric_of(&o, "ops.scan.count"), 4);
	cr_expect_eq(metric_of(&o, "ops.dedupe.count"), 3);
	world_outcome_clear(&o);
}

Test(background, a_deduper_finds_out_what_differs_and_passes_over_other_sizes)
{
	struct world_outcome unlike = run_set(DEDUPED, NONE, "actors.a.alike=false");
	struct world_outcome sizes = run_text(
		SCENARIO(FILES("a", "\"files\": 1, \"alike\": true, \"operations\": 1") "," FILES(
			"b", "\"files\": 1, \"alike\": true, \"file_bytes\": \"2MiB\", "
			     "\"operations\": 1") ", {\"kind\": \"deduper\"}"),
		NONE);

	cr_expect_eq(metric_of(&unlike, "deduper.deduper.deduped_bytes"), 0);
	cr_expect_eq(metric_of(&unlike, "deduper.deduper.differing_bytes"), 3 * 512 * 1024);
	cr_expect_not(metric_present(&sizes, "ops.dedupe.count"));
	world_outcome_clear(&unlike);
	world_outcome_clear(&sizes);
}

Test(background, what_a_design_does_not_share_stays_double)
{
	const char *text = SCENARIO(FILES("a", ALIKE ", \"key\": \"K\"") "," FILES(
		"b", ALIKE ", \"key\": \"L\"") ", {\"kind\": \"deduper\"}");
	struct world_outcome light = run_text(text, LIGHT), heavy = run_text(text, HEAVY);

	cr_expect_eq(metric_of(&light, "ops.dedupe.refused"), 4);
	cr_expect_eq(metric_of(&light, "deduper.deduper.refused_bytes"), 4 * 512 * 1024);
	cr_expect_eq(metric_of(&light, "deduper.deduper.deduped_bytes"), 3 * 512 * 1024);
	cr_expect_eq(metric_of(&heavy, "deduper.deduper.refused_bytes"), 0);
	cr_expect_eq(metric_of(&heavy, "deduper.deduper.deduped_bytes"), 7 * 512 * 1024);
	world_outcome_clear(&light);
	world_outcome_clear(&heavy);
}

/* ---- keys ---- */

/* Three files are open until their task has done the last operation, 5 ms after the first call. */
#define HELD                                                                                       \
	SCENARIO(FILES("m", "\"files\": 3, \"key\": \"K\", \"operations\": 4, \"think\": "         \
			    "\"10ms\"") ", {\"name\": \"a\", \"kind\": \"key_admin\", \"key\": "   \
					"\"K\", \"remove_after\": \"35ms\", \"retry\": \"1ms\"}")

Test(background, a_key_administrator_calls_until_the_key_is_gone)
{
	struct world_outcome o = run_text(HELD, LIGHT);

	cr_expect_eq(metric_of(&o, "key_admin.a.gone"), 1);
	/* In use for 5 ms more; a call takes a quarter of a millisecond, for it syncs: every 1.25 ms
	 * one that finds three files and their directory, and a fifth that finds nobody. */
	cr_expect_eq(metric_of(&o, "key_admin.a.calls"), 5);
	cr_expect_eq(metric_of(&o, "ops.rmkey.count"), 5);
	cr_expect_eq(metric_of(&o, "key_admin.a.busy_after.01"), 4);
	cr_expect_eq(metric_of(&o, "key_admin.a.busy_after.04"), 4);
	cr_expect_eq(metric_of(&o, "key_admin.a.busy_after.05"), 0);
	cr_expect_geq(metric_of(&o, "key_admin.a.until_gone_ns"), 5 * 1000 * 1000);
	cr_expect_lt(metric_of(&o, "key_admin.a.until_gone_ns"), 6 * 1000 * 1000);
	world_outcome_clear(&o);
}

Test(background, a_key_administrator_gives_up)
{
	struct world_outcome o = run_set(HELD, LIGHT, "actors.a.retries=2");

	cr_expect_eq(metric_of(&o, "key_admin.a.gone"), 0);
	cr_expect_eq(metric_of(&o, "key_admin.a.calls"), 3);
	cr_expect_not(metric_present(&o, "key_admin.a.until_gone_ns"));
	world_outcome_clear(&o);
}

Test(background, a_key_that_nobody_uses_is_gone_at_once)
{
	struct world_outcome o = run_set(HELD, LIGHT, "actors.a.remove_after=1s");

	cr_expect_eq(metric_of(&o, "key_admin.a.calls"), 1);
	cr_expect_eq(metric_of(&o, "key_admin.a.busy_after.01"), 0);
	world_outcome_clear(&o);
}

Test(background, a_key_without_the_administrators_claim_stays)
{
	const char *const sets[] = {"actors.a.user=bob", "actors.a.add=false", "actors.a.retries=1",
				    NULL};
	struct script_run run = {.text = HELD, .sets = sets};
	struct world_outcome o = script_run(&run, LIGHT);

	cr_expect_eq(metric_of(&o, "key_admin.a.gone"), 0);
	cr_expect_eq(metric_of(&o, "ops.rmkey.failed") + metric_of(&o, "ops.rmkey.refused"), 2);
	cr_expect_not(metric_present(&o, "ops.addkey.count"));
	world_outcome_clear(&o);
}

/* ---- refusals ---- */

#define REFUSED                                                                                    \
	SCENARIO("{\"name\": \"s\", \"kind\": \"script\", \"script\": ["                           \
		 "\"addkey K\", \"addkey L\", \"mkdir k\", \"policy k K\", \"mkdir l\", "          \
		 "\"policy l L\", \"write k/f 0 1m\", \"sync\", "                                  \
		 "\"reflink k/f l/r\", \"clone k/f 64k 128k l/c 256k\", "                          \
		 "\"dedupe k/f 0 64k l/r 0\", \"sync\", \"write k/last 0 4k\"]}")

Test(refusals, a_script_copies_what_it_may_not_share_and_is_charged_for_it)
{
	struct world_outcome o = run_set(REFUSED, LIGHT, "actors.s.on_refusal=copy");

	cr_expect_eq(metric_of(&o, "ops.reflink.refused"), 1);
	cr_expect_eq(metric_of(&o, "ops.clone.refused"), 1);
	cr_expect_eq(metric_of(&o, "ops.dedupe.refused"), 1);
	cr_expect_eq(metric_of(&o, "ops.copy.count"), 2);
	cr_expect_eq(metric_of(&o, "ops.copy.failed"), 0);
	cr_expect_eq(metric_of(&o, "s.copied_bytes"), (1024 + 128) * 1024);
	cr_expect_eq(metric_of(&o, "crypt.blocks_encrypted"), 256 + 256 + 32 + 1);
	world_outcome_clear(&o);
}

Test(refusals, a_design_that_shares_copies_nothing)
{
	struct world_outcome o = run_set(REFUSED, HEAVY, "actors.s.on_refusal=copy");

	cr_expect_eq(metric_of(&o, "ops.reflink.refused"), 0);
	cr_expect_not(metric_present(&o, "ops.copy.count"));
	cr_expect_eq(metric_of(&o, "s.copied_bytes"), 0);
	world_outcome_clear(&o);
}

Test(refusals, a_script_goes_on_or_ends)
{
	struct world_outcome skip = run_text(REFUSED, LIGHT);
	struct world_outcome fail = run_set(REFUSED, LIGHT, "actors.s.on_refusal=fail");

	cr_expect_eq(metric_of(&skip, "ops.clone.refused"), 1);
	cr_expect_eq(metric_of(&skip, "ops.write.count"), 2);
	cr_expect_not(metric_present(&skip, "ops.copy.count"));
	cr_expect_eq(metric_of(&fail, "ops.reflink.refused"), 1);
	cr_expect_not(metric_present(&fail, "ops.clone.count"));
	cr_expect_eq(metric_of(&fail, "ops.write.count"), 1);
	world_outcome_clear(&skip);
	world_outcome_clear(&fail);
}
