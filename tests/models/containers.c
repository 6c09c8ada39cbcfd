/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Containers with keys of their own on a plain base: counts that follow from the configuration. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/models/script_run.h"

enum { KIB = 1024, MIB = 1024 * KIB };

/* Four containers of three packages, three new files and two jobs each. */
#define SIZES                                                                                      \
	"\"kind\": \"containers\", \"name\": \"host\", \"containers\": 4, \"packages\": 2, "       \
	"\"package_bytes\": "                                                                      \
	"\"1MiB\", \"reflinks\": 3, \"writes\": 3, \"jobs\": 2, \"job_input\": \"64KiB\", "        \
	"\"job_writes\": 2"
enum { CONTAINERS = 4, REFLINKS = 3, WRITES = 3, JOBS = 2, JOB_WRITES = 2, KEYS = 4 * 3 };

#define LIGHT "x: design=lightweight setup=pool"
#define HEAVY "x: design=heavyweight setup=pool"
#define ENFORCED "x: design=enforced setup=pool"

/* KEY=VALUE of the actor, with blanks between, as --set has them. */
static char **sets_of(const char *words)
{
	char **sets = g_strsplit(words, " ", -1);

	for (char **set = sets; *set; set++) {
		char *word = *set;

		*set = g_strconcat("actors[0].", word, NULL);
		g_free(word);
	}
	return sets;
}

/* `beside`: more keys of the scenario. */
static struct world_outcome run_with(const char *variant, const char *words, const char *beside)
{
	const char *const variants[] = {variant, NULL};
	g_auto(GStrv) sets = sets_of(words);
	g_autofree char *text =
		g_strdup_printf("{\"question\": \"q\", \"machine\": {\"memory\": \"1GiB\", "
				"\"cpus\": 4}, \"actors\": [{" SIZES "}], \"variants\": "
				"{\"none\": {\"design\": \"none\"}}%s}",
				beside);
	struct script_run run = {
		.text = text, .variants = variants, .sets = (const char *const *)sets};

	return script_run(&run, 0);
}

static struct world_outcome run_variant(const char *variant, const char *words)
{
	return run_with(variant, words, "");
}

static void expect_sound(const struct world_outcome *o)
{
	cr_expect_eq(o->findings->len, 0u);
	cr_expect_eq(metric_of(o, "containers.host.keys_left"), 0);
	cr_expect_eq(metric_of(o, "truth.garbage_blocks"), 0);
	cr_expect_eq(metric_of(o, "truth.lost_writes"), 0);
	cr_expect_eq(metric_of(o, "truth.leaked_infos"), 0);
	cr_expect_eq(metric_of(o, "truth.keys_after_removal"), 0);
}

Test(containers, without_encryption_everything_is_shared_and_no_key_is_asked_for)
{
	struct world_outcome o = run_variant("x: design=none", "at_once=2");

	cr_expect_eq(metric_of(&o, "containers.host.ended"), CONTAINERS);
	cr_expect_eq(metric_of(&o, "ops.container.life.count"), CONTAINERS);
	cr_expect_eq(metric_of(&o, "ops.job.life.count"), CONTAINERS * JOBS);
	cr_expect_eq(metric_of(&o, "ops.container.write.count"), CONTAINERS * (WRITES + 1));
	cr_expect_eq(metric_of(&o, "ops.job.write.count"), CONTAINERS * JOBS * JOB_WRITES);
	cr_expect_eq(metric_of(&o, "containers.host.shared_bytes"),
		     CONTAINERS * (REFLINKS * MIB + JOBS * 64 * KIB));
	cr_expect_eq(metric_of(&o, "host.copied_bytes"), 0);
	cr_expect_eq(metric_of(&o, "containers.host.keys"), 0);
	cr_expect_eq(metric_of(&o, "containers.host.removals"), 0);
	cr_expect(!metric_present(&o, "ops.add_key.count"));
	world_outcome_clear(&o);
}

Test(containers, a_job_gets_a_copy_where_extents_go_by_their_inodes_key)
{
	static const char *const refusing[] = {LIGHT, ENFORCED " reflink.check=call"};

	for (size_t i = 0; i < G_N_ELEMENTS(refusing); i++) {
		struct world_outcome o = run_variant(refusing[i], "");

		expect_sound(&o);
		cr_expect_eq(metric_of(&o, "containers.host.plain_refused"), 0);
		cr_expect_eq(metric_of(&o, "containers.host.nested_refused"), CONTAINERS * JOBS);
		cr_expect_eq(metric_of(&o, "containers.host.shared_bytes"),
			     CONTAINERS * REFLINKS * MIB);
		cr_expect_eq(metric_of(&o, "host.copied_bytes"), CONTAINERS * JOBS * 64 * KIB);
		cr_expect_eq(metric_of(&o, "ops.job.copy.count"), CONTAINERS * JOBS);
		cr_expect_eq(metric_of(&o, "ops.job.read.refused"), 0);
		world_outcome_clear(&o);
	}
}

Test(containers, a_job_shares_and_reads_what_names_its_own_key)
{
	struct world_outcome o = run_variant(HEAVY, "");

	expect_sound(&o);
	cr_expect_eq(metric_of(&o, "containers.host.nested_refused"), 0);
	cr_expect_eq(metric_of(&o, "host.copied_bytes"), 0);
	cr_expect_eq(metric_of(&o, "ops.job.read.refused"), 0);
	cr_expect_eq(metric_of(&o, "crypt.blocks_decrypted"), CONTAINERS * JOBS * 64 * KIB / 4096);
	world_outcome_clear(&o);
}

Test(containers, a_job_shares_what_it_cannot_read_where_the_load_compares_keys)
{
	struct world_outcome o = run_variant(ENFORCED, "");

	expect_sound(&o);
	cr_expect_eq(metric_of(&o, "containers.host.nested_refused"), 0);
	cr_expect_eq(metric_of(&o, "ops.job.read.refused"), CONTAINERS * JOBS);
	world_outcome_clear(&o);
}

Test(containers, packages_are_copied_where_plain_extents_are_refused)
{
	struct world_outcome o = run_variant(HEAVY " reflink.plain=refuse", "keep=2");

	expect_sound(&o);
	cr_expect_eq(metric_of(&o, "containers.host.plain_refused"), CONTAINERS * REFLINKS);
	cr_expect_eq(metric_of(&o, "host.copied_bytes"), CONTAINERS * REFLINKS * MIB);
	/* The store, and of two containers packages, new files and a file for the jobs. */
	cr_expect_eq(metric_of(&o, "disk.data_bytes"),
		     2 * MIB + 2 * (REFLINKS * MIB + (WRITES + 1) * 64 * KIB));
	world_outcome_clear(&o);
}

Test(containers, a_refusal_is_passed_by_or_ends_what_met_it)
{
	struct world_outcome skip = run_variant(LIGHT, "on_refusal=skip");
	struct world_outcome fail = run_variant(LIGHT, "on_refusal=fail");
	struct world_outcome none = run_variant(LIGHT " reflink.plain=refuse", "on_refusal=fail");

	expect_sound(&skip);
	expect_sound(&fail);
	expect_sound(&none);
	cr_expect_eq(metric_of(&skip, "host.copied_bytes"), 0);
	cr_expect_eq(metric_of(&skip, "ops.job.write.count"), CONTAINERS * JOBS * JOB_WRITES);
	cr_expect(!metric_present(&skip, "ops.job.read.count"));
	cr_expect(!metric_present(&fail, "ops.job.write.count"));
	cr_expect_eq(metric_of(&fail, "ops.job.life.count"), CONTAINERS * JOBS);
	cr_expect(!metric_present(&none, "ops.job.life.count"));
	cr_expect_eq(metric_of(&none, "containers.host.plain_refused"), CONTAINERS);
	cr_expect_eq(metric_of(&none, "containers.host.ended"), CONTAINERS);
	world_outcome_clear(&skip);
	world_outcome_clear(&fail);
	world_outcome_clear(&none);
}

Test(containers, a_key_that_nobody_uses_goes_at_the_first_call)
{
	struct world_outcome o = run_variant(LIGHT, "stragglers_percent=0");

	expect_sound(&o);
	cr_expect_eq(metric_of(&o, "containers.host.keys"), KEYS);
	cr_expect_eq(metric_of(&o, "containers.host.removals"), KEYS);
	cr_expect_eq(metric_of(&o, "containers.host.removals_max"), 1);
	world_outcome_clear(&o);
}

#define STRAGGLERS "stragglers_percent=100 linger=1ms retry=20ms"

Test(containers, a_straggler_costs_its_container_a_second_call_and_loses_no_write)
{
	struct world_outcome o = run_variant(LIGHT, STRAGGLERS);

	expect_sound(&o);
	cr_expect_eq(metric_of(&o, "containers.host.removals"), KEYS + CONTAINERS);
	cr_expect_eq(metric_of(&o, "containers.host.removals_max"), 2);
	cr_expect_geq(metric_of(&o, "ops.container.key_gone.latency_p50_ns"), 20000000);
	cr_expect_eq(metric_of(&o, "ops.straggler.write.count"), 2 * CONTAINERS);
	world_outcome_clear(&o);
}

Test(containers, what_a_straggler_writes_under_a_secret_that_is_gone_is_lost)
{
	struct world_outcome o = run_variant(HEAVY " removal=hard", STRAGGLERS " at_once=1");

	/* What the first call finds dirty, and what is written after it. */
	cr_expect_eq(metric_of(&o, "truth.lost_writes"), 2 * CONTAINERS);
	cr_expect_eq(metric_of(&o, "containers.host.keys_left"), 0);
	world_outcome_clear(&o);
}

Test(containers, a_key_is_left_behind_when_calls_run_out)
{
	struct world_outcome o = run_variant(LIGHT, "stragglers_percent=100 linger=1s retries=3");

	cr_expect_eq(metric_of(&o, "containers.host.keys_left"), CONTAINERS);
	cr_expect_eq(metric_of(&o, "containers.host.removals_max"), 3);
	world_outcome_clear(&o);
}

Test(containers, those_that_are_kept_stay_with_their_extents_and_keys)
{
	struct world_outcome o = run_variant(LIGHT, "keep=3 stragglers_percent=0");

	cr_expect_eq(metric_of(&o, "containers.host.ended"), CONTAINERS - 3);
	cr_expect_eq(metric_of(&o, "containers.host.keys"), KEYS);
	cr_expect_eq(metric_of(&o, "containers.host.removals_max"), 1);
	cr_expect_eq(metric_of(&o, "disk.context_bytes"), 3 * (WRITES + 1) * 16);
	world_outcome_clear(&o);
}

Test(containers, what_one_does_hangs_on_its_number_and_not_on_who_runs_beside_it)
{
	static const char image[] = ", \"filesystem\": {\"image\": \"debian-12\"}";
	static const char *const same[] = {"disk.data_bytes", "disk.context_bytes",
					   "policy.set_at_first_write",
					   "containers.host.shared_bytes"};
	struct world_outcome one = run_with(LIGHT, "keep=4 at_once=1", image);
	struct world_outcome four = run_with(LIGHT, "keep=4 at_once=4", image);

	expect_sound(&one);
	expect_sound(&four);
	cr_expect_gt(metric_of(&one, "policy.set_at_first_write"), 0);
	for (size_t i = 0; i < G_N_ELEMENTS(same); i++)
		cr_expect_eq(metric_of(&one, same[i]), metric_of(&four, same[i]), "%s", same[i]);
	world_outcome_clear(&one);
	world_outcome_clear(&four);
}

Test(containers, base_files_stay_plain_and_shared_until_they_are_written)
{
	static const char image[] = ", \"filesystem\": {\"image\": \"debian-12\"}";
	static const char reading[] = "writes=0 jobs=0 reads=200 keep=4";
	struct world_outcome none = run_with("x: design=none", reading, image);
	struct world_outcome light = run_with(LIGHT, reading, image);

	cr_expect_eq(metric_of(&light, "ops.container.read.count"), 4 * (200 + REFLINKS));
	cr_expect_eq(metric_of(&light, "ops.container.read.failed"), 0);
	cr_expect_eq(metric_of(&light, "crypt.blocks_decrypted"), 0);
	cr_expect_eq(metric_of(&light, "disk.context_bytes"), 0);
	cr_expect_eq(metric_of(&light, "disk.data_bytes"), metric_of(&none, "disk.data_bytes"));
	cr_expect_eq(metric_of(&light, "io.read_bytes"), metric_of(&none, "io.read_bytes"));
	world_outcome_clear(&none);
	world_outcome_clear(&light);
}

Test(containers, a_deleted_subvolume_is_left_to_the_cleaner_while_a_balance_goes_on)
{
	static const char text[] = "{\"question\": \"q\", \"actors\": [{" SIZES
				   ", \"stragglers_percent\": 0}, {\"kind\": \"script\", "
				   "\"script\": [\"write a 0 512m\", \"sync\", \"balance\"]}], "
				   "\"variants\": "
				   "{\"x\": {\"design\": \"lightweight\", \"setup\": \"pool\"}}}";
	struct script_run run = {.text = text};
	struct world_outcome o = script_run(&run, 0);

	expect_sound(&o);
	cr_expect_gt(metric_of(&o, "ops.balance.latency_max_ns"),
		     2 * metric_of(&o, "ops.container.life.latency_max_ns"));
	cr_expect_eq(metric_of(&o, "disk.data_bytes"), 2 * MIB + 512LL * MIB);
	world_outcome_clear(&o);
}

Test(containers, a_run_that_is_broken_off_leaves_nothing_behind)
{
	struct world_outcome o = run_with(HEAVY, "stragglers_percent=100", ", \"until\": \"12ms\"");

	cr_expect_eq(metric_of(&o, "containers.host.ended"), 0);
	cr_expect_gt(metric_of(&o, "containers.host.keys"), 0);
	world_outcome_clear(&o);
}

/* ---- files that are not right ---- */

static void expect_refused(const char *settings, const char *message)
{
	g_auto(GStrv) sets = sets_of(settings);
	static const char text[] = "{\"question\": \"q\", \"actors\": [{" SIZES "}], \"variants\": "
				   "{\"none\": {\"design\": \"none\"}}}";
	struct script_run run = {.text = text, .sets = (const char *const *)sets};
	g_autofree char *why = script_run_refusal(&run);

	cr_assert_not_null(why);
	cr_expect(strstr(why, message), "%s", why);
}

Test(containers, steps_beyond_what_numbers_them_are_refused)
{
	expect_refused("reads=30000 writes=30000 reflinks=30000", "steps");
}

Test(containers, reflinks_out_of_an_empty_store_are_refused)
{
	expect_refused("packages=0", "'packages'");
}
