/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hazards of posted code, each in the smallest script that shows it, and the rules of writes in place. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/models/script_run.h"

#define SEPARATE "design=enforced layout=separate setup=pool"
#define NOT_COPIED " fault.context-not-copied=true"
#define ENCRYPTED_DIR "addkey k\nmkdir d\npolicy d k\n"

static char *kinds(const char *script, const char *variant)
{
	g_autofree char *named = g_strdup_printf("v: %s", variant);
	const char *const variants[] = {named, NULL};
	struct script_run run = {.text = script, .variants = variants};
	struct world_outcome outcome = script_run(&run, 0);
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < outcome.findings->len; i++) {
		const struct world_finding *finding = outcome.findings->pdata[i];

		g_string_append_printf(out, "%s%s", out->len ? ", " : "", finding->kind);
	}
	world_outcome_clear(&outcome);
	return g_string_free(out, false);
}

static void expect_kinds(const char *script, const char *variant, const char *expected)
{
	g_autofree char *found = kinds(script, variant);

	cr_expect_str_eq(found, expected, "%s: found \"%s\"", variant, found);
}

static int64_t metric(const char *script, const char *variant, const char *name)
{
	g_autofree char *named = g_strdup_printf("v: %s", variant);
	const char *const variants[] = {named, NULL};
	struct script_run run = {.text = script, .variants = variants};
	struct world_outcome outcome = script_run(&run, 0);
	int64_t value = metric_of(&outcome, name);

	world_outcome_clear(&outcome);
	return value;
}

/* ---- fault.context-not-copied ---- */

#define SPLIT ENCRYPTED_DIR "write d/f 0 12k\nsync\nwrite d/f 4k 4k\nsync\n"

Test(faults, the_tail_of_a_split_has_no_context)
{
	expect_kinds(SPLIT "dropcaches\nread d/f 8k 4k\n", SEPARATE NOT_COPIED, "context missing");
	expect_kinds(SPLIT "dropcaches\nread d/f 0 12k\n", SEPARATE, "");
}

Test(faults, a_cached_map_hides_the_missing_context)
{
	expect_kinds(SPLIT "read d/f 8k 4k\n", SEPARATE NOT_COPIED, "");
}

/* So far apart that read-ahead does not go from one part to the next. */
Test(faults, the_parts_before_a_split_keep_their_contexts)
{
	expect_kinds(ENCRYPTED_DIR "write d/f 0 12m\nsync\nwrite d/f 4m 4m\nsync\ndropcaches\n"
				   "read d/f 0 4k\nread d/f 4m 4k\n",
		     SEPARATE NOT_COPIED, "");
}

#define FRONT ENCRYPTED_DIR "write d/f 0 12k\nsync\nwrite d/f 0 4k\nsync\n"

Test(faults, an_overwrite_of_the_front_meets_the_old_context)
{
	expect_kinds(FRONT, SEPARATE NOT_COPIED, "write lost");
	expect_kinds(FRONT "dropcaches\nread d/f 0 12k\n", SEPARATE, "");
}

Test(faults, what_the_old_context_is_found_for_is_garbage)
{
	expect_kinds(ENCRYPTED_DIR "write d/f 0 12m\nsync\nwrite d/f 0 4m\nsync\ndropcaches\n"
				   "read d/f 0 4k\n",
		     SEPARATE NOT_COPIED, "write lost, garbage");
}

Test(faults, an_overwrite_of_the_whole_takes_the_context_along)
{
	expect_kinds(ENCRYPTED_DIR "write d/f 0 12k\nsync\nwrite d/f 0 12k\nsync\ndropcaches\n"
				   "read d/f 0 12k\n",
		     SEPARATE NOT_COPIED, "");
}

Test(faults, an_old_context_outlives_relocation)
{
	expect_kinds(ENCRYPTED_DIR "write d/f 0 12k\nsync\nbalance\ndropcaches\nread d/f 0 12k\n",
		     SEPARATE NOT_COPIED, "");
}

Test(faults, a_clone_takes_the_context_of_its_source_along)
{
	expect_kinds(ENCRYPTED_DIR "write d/f 0 12k\nreflink d/f d/g\ndropcaches\n"
				   "read d/g 0 12k\n",
		     SEPARATE NOT_COPIED, "");
}

Test(faults, preallocated_extents_have_contexts_of_their_own)
{
	expect_kinds(ENCRYPTED_DIR "falloc d/f 0 64k\nwrite d/f 0 64k\nsync\ndropcaches\n"
				   "read d/f 0 64k\n",
		     SEPARATE NOT_COPIED, "");
}

/* ---- fault.evict-dirty ---- */

/* The writer comes between the sync of the removal and its evictions, as in generic/595. */
static char *write_against_removal(void)
{
	GString *out = g_string_new("{\"question\": \"?\", \"variants\": {\"none\": "
				    "{\"design\": \"none\"}}, \"actors\": [\n");

	g_string_append(out, "{\"name\": \"r\", \"kind\": \"script\", \"script\": [\"addkey k\", "
			     "\"mkdir d\", \"policy d k\"");
	for (int i = 0; i < 20; i++)
		g_string_append(out, ", \"addkey k\", \"rmkey k\"");
	g_string_append(out, "]},\n{\"name\": \"w\", \"kind\": \"script\", \"script\": [\"addkey "
			     "k\", \"mkdir d\", \"policy d k\"");
	for (int i = 0; i < 2000; i++)
		g_string_append_printf(out, ", \"write d/f%d 0 64k\"", i % 20);
	g_string_append(out, "]}]}\n");
	return g_string_free(out, false);
}

Test(faults, a_write_against_the_removal_of_the_key_is_lost_only_with_the_fault)
{
	g_autofree char *script = write_against_removal();

	cr_expect_eq(metric(script, "design=lightweight setup=pool", "truth.lost_writes"), 0);
	cr_expect_gt(metric(script, "design=lightweight setup=pool fault.evict-dirty=true",
			    "truth.lost_writes"),
		     0);
}

/* ---- writes in place ---- */

#define NOCOW_FILE                                                                                 \
	"\"addkey k\", \"mkdir d\", \"policy d k\", \"nocow d/f\", \"write d/f 0 8m\", \"sync\""

Test(faults, nothing_is_written_in_place_in_a_block_group_that_is_relocated)
{
	const char *script =
		"{\"question\": \"?\", \"variants\": {\"none\": {\"design\": \"none\"}}, "
		"\"actors\": [{\"name\": \"b\", \"kind\": \"script\", \"script\": [" NOCOW_FILE
		", \"balance\", \"balance\", \"dropcaches\", \"read d/f 0 8m\"]},"
		"{\"name\": \"w\", \"kind\": \"script\", \"script\": [" NOCOW_FILE
		", \"randwrite d/f 8m 4k 200 1 fsync\", \"randwrite d/f 8m 4k 200 2 fsync\"]}]}";

	cr_expect_eq(metric(script, "design=lightweight setup=pool", "truth.iv_reuses"), 0);
	cr_expect_eq(metric(script, "design=lightweight setup=pool", "truth.garbage_blocks"), 0);
}

Test(faults, a_plain_extent_in_an_encrypted_file_is_not_written_in_place)
{
	cr_expect_eq(metric("mkdir p\nnocow p/f\nwrite p/f 0 64k\n" ENCRYPTED_DIR
			    "nocow d/f\nreflink p/f d/f\nunlink p/f\ndropcaches\nwrite d/f 0 8k\n"
			    "sync\n",
			    "design=lightweight setup=pool", "crypt.blocks_encrypted"),
		     2);
}

/* ---- a pool's map ---- */

/* One direct writer keys a cipher, another finds it keyed and uses it longer. */
Test(faults, a_shared_cipher_is_held_by_those_who_use_it)
{
	const char *script =
		"{\"question\": \"?\", \"seed\": 1, \"machine\": {\"cpus\": 8, \"memory\": "
		"\"8192MiB\", "
		"\"flushers\": false, \"spread\": false}, \"filesystem\": {\"compress\": false, "
		"\"buffer_direct_writes\": true}, \"variants\": {\"none\": {\"design\": "
		"\"none\"}}, "
		"\"actors\": [{\"name\": \"a1\", \"kind\": \"script\", \"script\": [\"mkdir d0\", "
		"\"append d0/f0 1 3 fsync\", \"write d1/f0 0 413696\", \"truncwrite d1/n0/f0 "
		"1220608\", \"dropcaches\"]}, {\"name\": \"a2\", \"kind\": \"script\", \"script\": "
		"[\"addkey k0\", \"addkey k1\", \"dio d1/f0 0 643072 65536\"]}, {\"name\": \"a3\", "
		"\"kind\": \"script\", \"script\": [\"addkey k1\", \"mkdir d1\", \"policy d1 k0\", "
		"\"subvol d1/n0\"]}]}";

	expect_kinds(script, "design=inode setup=pool mode=adiantum pool.map=true", "");
}

/* ---- blk-crypto and repair ---- */

/* A tag that does not agree is decrypted a second time, from the other mirror; a checksum that does
 * not, and no mirror, not at all. */
Test(faults, the_context_of_a_read_goes_once_whatever_comes_of_the_read)
{
	static const char *const mirrors[] = {"machine.devices=2", "filesystem.data_mirrors=2",
					      NULL};
	static const char *const auth[] = {"v: design=lightweight setup=fallback auth=csum", NULL};
	static const char *const plain[] = {"v: design=lightweight setup=fallback", NULL};
	const char *script = ENCRYPTED_DIR "write d/f 0 4k\nsync\ndropcaches\ncorrupt d/f 0 4k\n"
					   "dread d/f 0 4k\n";
	struct script_run runs[] = {{.text = script, .sets = mirrors, .variants = auth},
				    {.text = script, .variants = plain}};

	for (size_t i = 0; i < G_N_ELEMENTS(runs); i++) {
		struct world_outcome outcome = script_run(&runs[i], 0);

		cr_expect_eq(outcome.findings->len, 0u);
		world_outcome_clear(&outcome);
	}
}
