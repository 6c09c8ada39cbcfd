/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Designs and set-ups against figures counted by hand: what each must come to, to the last count. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/models/script_run.h"

static const char *const one_at_a_time[] = {"machine.cpus=1", "machine.device_channels=1",
					    "machine.spread=false", NULL};

static struct world_outcome run_under(const char *text, const char *variant)
{
	return script_run_under(text, variant, one_at_a_time);
}

static void expect_answers(const char *text, const char *variant, const struct answer *answers)
{
	script_expect(text, variant, one_at_a_time, answers);
}

/* 64 MiB, a thousand blocks of it written anew: 1001 extents born, 1880 items, of 969 extents. */
#define RECORDING_05                                                                               \
	"addkey K\npolicy . K\nwrite a 0 64m\nsync\nrandwrite a 64m 4k 1000 42 fsync\nsync\n"      \
	"dropcaches\nread a 0 64m\n"

Test(designs, each_stores_its_context_1880_times)
{
	static const struct {
		const char *variant;
		int64_t bytes;
	} rows[] = {
		{"x: design=lightweight setup=library", 1880 * 16},
		{"x: design=enforced setup=library", 1880 * 34},
		{"x: design=heavyweight setup=library", 1880 * 40},
		{"x: design=enforced setup=library layout=separate", 1880 * (25 + 34)},
		{"x: design=lightweight setup=library context.bytes=40", 1880 * 40},
		{"x: design=inode setup=at-open", 0},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		const struct answer answers[] = {{"disk.context_bytes", rows[i].bytes},
						 {"disk.file_extent_items", 1880},
						 {"truth.findings", 0},
						 {NULL, 0}};

		expect_answers(RECORDING_05, rows[i].variant, answers);
	}
}

Test(designs, a_set_up_derives_as_often_as_its_keys_live)
{
	static const struct {
		const char *variant;
		int64_t derivations, tfms;
	} rows[] = {
		/* Once for each extent born and each map loaded. */
		{"x: design=lightweight setup=library", 1001 + 1880, 0},
		{"x: design=lightweight setup=at-io", 1001 + 1880, 1001 + 1880},
		{"x: design=lightweight setup=at-io at-io.clone=true", 1001 + 1880,
		 1 + 1001 + 1880},
		{"x: design=lightweight setup=fallback", 1001 + 1880, 100},
		/* The open finds 969 extents, whichever of their maps is asked for. */
		{"x: design=lightweight setup=at-open", 1001 + 969, 1001 + 969},
		{"x: design=lightweight setup=shared-mode-key", 1, 1},
		/* At each of two opens after which the inode was not in memory. */
		{"x: design=inode setup=at-open", 2, 2},
		/* 969 keys fit: what was born is found again when it is read. */
		{"x: design=lightweight setup=library derived.cache=true", 1001, 0},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		const struct answer answers[] = {{"key.derivations", rows[i].derivations},
						 {"tfm.allocations", rows[i].tfms},
						 {"truth.findings", 0},
						 {NULL, 0}};

		expect_answers(RECORDING_05, rows[i].variant, answers);
	}
}

/* An open file of 50 extents, read once, after its pages and maps are gone. */
#define HELD_OPEN                                                                                  \
	"addkey K\nmkdir d\npolicy d K\nappend d/a 4k 50 fsync\nopen d/a\nread d/a 0 200k\n"       \
	"dropcaches\n"

Test(designs, ciphers_of_an_open_file_outlive_its_pages_and_those_that_hang_on_maps_do_not)
{
	enum { KEY_AND_INODES = 512 + 2 * 128, CIPHER = 2048, INFO = 48 };
	static const struct {
		const char *variant;
		int64_t bytes;
	} rows[] = {
		{"x: design=lightweight setup=at-open", KEY_AND_INODES + 50 * (CIPHER + INFO)},
		{"x: design=lightweight setup=at-io", KEY_AND_INODES},
		{"x: design=lightweight setup=library", KEY_AND_INODES},
		{"x: design=lightweight setup=pool pool.size=8", KEY_AND_INODES + 8 * CIPHER},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		const struct answer answers[] = {{"mem.keys_end_bytes", rows[i].bytes}, {NULL, 0}};

		expect_answers(HELD_OPEN, rows[i].variant, answers);
	}
}

/* In file order every second map is of the large extent: an LRU of 968 has lost each of the others when
 * the second pass comes to it. */
Test(designs, a_second_cold_pass_derives_968_keys_with_968_ciphers_and_none_with_969)
{
	static const int64_t misses[] = {968, 0};

	for (int64_t i = 0; i < 2; i++) {
		g_autofree char *variant =
			g_strdup_printf("x: design=lightweight setup=pool pool.map=true "
					"pool.size=%" G_GINT64_FORMAT,
					968 + i);
		struct world_outcome one = run_under(RECORDING_05, variant);
		struct world_outcome two =
			run_under(RECORDING_05 "dropcaches\nread a 0 64m\n", variant);

		cr_expect_eq(metric_of(&two, "key.derivations") -
				     metric_of(&one, "key.derivations"),
			     misses[i], "%s", variant);
		world_outcome_clear(&one);
		world_outcome_clear(&two);
	}
}

/* ---- IVs ---- */

#define WRITTEN "addkey K\npolicy . K\nwrite a 0 64m\nsync\ndropcaches\nread a 0 64m\n"
#define BALANCED WRITTEN "balance\ndropcaches\nread a 0 64m\n"
#define CLONED BALANCED "clone a 1m 1m b 0\ndropcaches\nread b 0 1m\n"

static void expect_garbage(const char *text, const char *variant, int64_t blocks)
{
	const struct answer answers[] = {{"truth.garbage_blocks", blocks}, {NULL, 0}};

	expect_answers(text, variant, answers);
}

Test(designs, an_iv_by_physical_address_does_not_survive_a_balance)
{
	static const char variant[] = "x: design=lightweight setup=library iv=physical";

	expect_garbage(WRITTEN, variant, 0);
	expect_garbage(BALANCED, variant, 16384);
}

Test(designs, an_iv_by_file_offset_does_not_survive_a_clone_to_another_offset)
{
	static const char variant[] = "x: design=lightweight setup=library iv=file-offset";

	expect_garbage(BALANCED, variant, 0);
	expect_garbage(CLONED, variant, 256);
}

Test(designs, an_iv_by_block_in_the_extent_survives_both)
{
	expect_garbage(CLONED, "x: design=lightweight setup=library", 0);
	expect_garbage(CLONED, "x: design=heavyweight setup=library iv=block", 0);
}

Test(designs, a_balance_derives_no_key_under_any_design)
{
	static const char *const variants[] = {
		"x: design=inode setup=at-open", "x: design=lightweight setup=at-io",
		"x: design=enforced setup=fallback", "x: design=heavyweight setup=library"};
	static const char before[] = "addkey K\npolicy . K\nwrite a 0 4m\nsync\ndropcaches\n";
	g_autofree char *after = g_strconcat(before, "balance\n", NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(variants); i++) {
		struct world_outcome a = run_under(before, variants[i]);
		struct world_outcome b = run_under(after, variants[i]);

		cr_expect_eq(metric_of(&a, "key.derivations"), metric_of(&b, "key.derivations"),
			     "%s", variants[i]);
		world_outcome_clear(&a);
		world_outcome_clear(&b);
	}
}

/* ---- the inode's key ---- */

Test(designs, an_inode_key_reads_garbage_through_a_copy)
{
	expect_garbage("addkey K\npolicy . K\nwrite a 0 1m\nsync\nreflink a b\nsync\ndropcaches\n"
		       "read a 0 1m\nread b 0 1m\n",
		       "x: design=inode setup=at-open", 256);
}

/* The block that a snapshot keeps and the one that takes its place are under one key and IV; when the
 * snapshot's is rewritten as well, the two new ones are. */
Test(designs, an_inode_key_is_used_twice_when_a_snapshot_is_rewritten)
{
	static const char text[] = "addkey K\nsubvol s\npolicy s K\nwrite s/a 0 1m\nsync\n"
				   "snapshot s t a\nwrite s/a 0 64k\nsync\nwrite t/a 0 64k\nsync\n";
	static const struct answer reused[] = {{"truth.iv_reuses", 16 + 16}, {NULL, 0}};
	static const struct answer none[] = {{"truth.iv_reuses", 0}, {NULL, 0}};

	expect_answers(text, "x: design=inode setup=at-open", reused);
	expect_answers(text, "x: design=lightweight setup=library", none);
	expect_answers(text, "x: design=heavyweight setup=library", none);
}

/* ---- light against heavy ---- */

static int64_t total_of(const struct world_outcome *o, const char *metric)
{
	return metric_of(o, metric);
}

Test(designs, padded_to_equal_size_light_and_heavy_differ_by_the_look_ups_of_master_keys)
{
	static const char *const same[] = {"key.derivations", "key.setkeys",
					   "io.bios",	      "disk.leaves",
					   "tree.searches",   "io.extent_map_loads"};
	static const char text[] = "addkey K\npolicy . K\nappend a 4k 100 fsync\n";
	struct world_outcome light =
		run_under(text, "x: design=lightweight setup=library context.bytes=40");
	struct world_outcome heavy = run_under(text, "x: design=heavyweight setup=library");
	int64_t lookups = total_of(&heavy, "key.master_key_lookups") -
			  total_of(&light, "key.master_key_lookups");
	int64_t difference =
		total_of(&heavy, "time.elapsed_ns") - total_of(&light, "time.elapsed_ns");
	struct cost_profile *profile = cost_profile_load("aes-ni-6.12", NULL);
	int64_t lookup_ns = (int64_t)sim_dist_mean(&profile->cost[COST_MASTER_KEY_LOOKUP].dist);

	for (size_t i = 0; i < G_N_ELEMENTS(same); i++)
		cr_expect_eq(total_of(&light, same[i]), total_of(&heavy, same[i]), "%s", same[i]);
	cr_expect_eq(lookups, 100, "one for each extent born: %" G_GINT64_FORMAT, lookups);
	cr_expect_eq(difference, lookups * lookup_ns,
		     "%" G_GINT64_FORMAT " look-ups of %" G_GINT64_FORMAT
		     " ns made %" G_GINT64_FORMAT,
		     lookups, lookup_ns, difference);
	cost_profile_free(profile);
	world_outcome_clear(&light);
	world_outcome_clear(&heavy);
}

Test(designs, a_variant_against_itself_under_another_name_differs_in_nothing)
{
	static const char *const twins[] = {"a: design=enforced setup=fallback",
					    "b: design=enforced setup=fallback", NULL};
	struct script_run run = {.text = RECORDING_05, .variants = twins};
	struct world_outcome a = script_run(&run, 0), b = script_run(&run, 1);
	g_autofree char *x = metrics_text(&a), *y = metrics_text(&b);

	cr_expect_str_eq(x, y);
	world_outcome_clear(&a);
	world_outcome_clear(&b);
}

/* ---- pools ---- */

static struct world_outcome readers(unsigned int size, const char *set)
{
	g_autofree char *variant =
		g_strdup_printf("x: design=lightweight setup=pool pool.size=%u", size);
	const char *const variants[] = {variant, NULL}, *const sets[] = {set, NULL};
	struct script_run run = {.text = READERS, .sets = sets, .variants = variants};

	return script_run(&run, 0);
}

Test(designs, two_pools_that_nobody_waits_for_make_the_same_run)
{
	struct world_outcome ample = readers(64, NULL);
	unsigned int peak = (unsigned int)metric_of(&ample, "pool.in_use_max");
	struct world_outcome enough = readers(peak, NULL), less = readers(peak - 1, NULL);

	cr_expect_eq(ample.digest, enough.digest);
	cr_expect_neq(ample.digest, less.digest);
	/* Decrypting workers are as many as CPUs; readers submit, they do not decrypt. */
	cr_expect_leq(peak, 4 + 12u);
	world_outcome_clear(&ample);
	world_outcome_clear(&enough);
	world_outcome_clear(&less);
}

#define ONE_BIO_AT_A_TIME "addkey K\npolicy . K\nappend a 4k 100 fsync\n"

/* What the run takes longer if every atomic on a contended line takes 100 ns more. */
static int64_t atomics_of(const char *variant)
{
	static const char *const cheap[] = {"machine.cpus=1", "machine.spread=false",
					    "costs.line_local=8ns", "costs.line_transfer=8ns",
					    NULL};
	static const char *const dear[] = {"machine.cpus=1", "machine.spread=false",
					   "costs.line_local=108ns", "costs.line_transfer=108ns",
					   NULL};
	const char *const variants[] = {variant, NULL};
	struct script_run run = {.text = ONE_BIO_AT_A_TIME, .sets = cheap, .variants = variants};
	struct world_outcome a = script_run(&run, 0), b;
	int64_t ns;

	run.sets = dear;
	b = script_run(&run, 0);
	ns = metric_of(&b, "time.elapsed_ns") - metric_of(&a, "time.elapsed_ns");
	world_outcome_clear(&a);
	world_outcome_clear(&b);
	return ns / 100;
}

Test(designs, a_pool_has_a_lock_and_keyslots_have_two)
{
	int64_t library = atomics_of("x: design=lightweight setup=library");

	/* A cipher is taken and put back under the pool's lock. */
	cr_expect_eq(atomics_of("x: design=lightweight setup=pool"), library + 100 * 2);
	/* Each extent is new: a look-up for read, a miss for write, and the list of idle slots. */
	cr_expect_eq(atomics_of("x: design=lightweight setup=fallback fallback.start=mount"),
		     library + 100 * (2 + 2 + 2));
}

Test(designs, a_software_cipher_is_not_held_for_the_device)
{
	struct world_outcome slow = readers(64, "costs.device_read=10ms");

	cr_expect_leq(metric_of(&slow, "pool.in_use_max"), 4 + 12);
	cr_expect_eq(metric_of(&slow, "pool.waits"), 0);
	world_outcome_clear(&slow);
}

Test(designs, a_pool_that_steals_fails_where_one_that_waits_waits)
{
	static const char *const variants[] = {
		"w: design=lightweight setup=pool pool.size=1",
		"s: design=lightweight setup=pool pool.size=1 pool.full=steal", NULL};
	struct script_run run = {.text = READERS, .variants = variants};
	struct world_outcome waits = script_run(&run, 0), steals = script_run(&run, 1);

	cr_expect_gt(metric_of(&waits, "pool.waits"), 0);
	cr_expect_eq(metric_of(&steals, "pool.waits"), 0);
	cr_expect_gt(metric_of(&steals, "pool.failures"), 0);
	world_outcome_clear(&waits);
	world_outcome_clear(&steals);
}

/* ---- removal ---- */

/* Twenty files hold data that is dirty when the key goes; what removal writes back first needs keys of
 * extents that are born by it. */
#define REMOVED_DIRTY                                                                              \
	"addkey K\nmkdir d\npolicy d K\nrepeat 20 open d/f{}\nrepeat 20 write d/f{} 0 8k\n"        \
	"rmkey K -> busy 21\nkeystatus K -> incompletely-removed\nsync\n"                          \
	"repeat 20 close d/f{}\nrmkey K -> ok\nkeystatus K -> absent\nrmkey K -> ENOKEY\n"

Test(designs, a_soft_removal_loses_nothing_and_a_hard_one_what_is_dirty)
{
	static const char *const setups[] = {"pool", "library", "fallback", "at-io"};
	static const struct answer soft[] = {
		{"truth.lost_writes", 0}, {"truth.findings", 0}, {NULL, 0}};
	static const struct answer hard[] = {{"truth.lost_writes", 20 * 2}, {NULL, 0}};

	for (size_t i = 0; i < G_N_ELEMENTS(setups); i++) {
		g_autofree char *variant =
			g_strdup_printf("x: design=enforced setup=%s", setups[i]);
		g_autofree char *other = g_strconcat(variant, " removal=hard", NULL);

		expect_answers(REMOVED_DIRTY, variant, soft);
		expect_answers(REMOVED_DIRTY, other, hard);
	}
}

Test(designs, a_lost_write_is_named_with_the_operation_that_wrote_it)
{
	struct world_outcome o =
		run_under(REMOVED_DIRTY, "x: design=enforced setup=library removal=hard");
	const struct world_finding *finding;

	cr_assert_geq(o.findings->len, 1u);
	finding = o.findings->pdata[0];
	cr_expect_str_eq(finding->kind, "write lost");
	cr_expect(strstr(finding->text, "line 6 `rmkey K`: 2 blocks of inode"), "%s",
		  finding->text);
	cr_expect(strstr(finding->text, "line 5 `write d/f0 0 8k`"), "%s", finding->text);
	world_outcome_clear(&o);
}

/* ---- freeing ---- */

#define FREED "addkey K\npolicy . K\nrepeat 10 write f{} 0 4k\nsync\ndropcaches\n"

Test(designs, an_info_that_ends_at_once_sleeps_where_it_may_not_if_its_key_must_be_evicted)
{
	static const struct answer sleeps[] = {{"free.slept_atomic", 10}, {NULL, 0}};
	static const struct answer not [] = {{"free.slept_atomic", 0}, {NULL, 0}};

	expect_answers(FREED, "x: design=enforced setup=fallback freeing=immediate", sleeps);
	expect_answers(FREED, "x: design=enforced setup=fallback freeing=pending-list", not );
	expect_answers(FREED, "x: design=enforced setup=fallback freeing=workqueue", not );
	expect_answers(FREED, "x: design=enforced setup=library freeing=immediate", not );
}

/* A split map: one info for its parts, or one each, set up when it is first used. */
Test(designs, parts_of_a_split_map_share_an_info_or_have_one_each)
{
	static const char text[] =
		"addkey K\npolicy . K\nwrite a 0 1m\nsync\nwrite a 512k 4k\nsync\n";
	static const struct answer shared[] = {{"key.extent_infos", 2}, {NULL, 0}};
	static const struct answer each[] = {{"key.extent_infos", 3}, {NULL, 0}};

	expect_answers(text, "x: design=enforced setup=library", shared);
	expect_answers(text, "x: design=enforced setup=library info.shared=false", each);
}

/* ---- session keyrings ---- */

static int64_t lost_with(const char *variant)
{
	/* Nobody but the flusher writes the second file back. */
	static const char text[] = "addkey K\npolicy . K\nwrite a 0 4k\nfsync a\nwrite b 0 8k\n"
				   "sleep 60s\n";
	static const char *const sets[] = {"machine.flushers=true", NULL};
	const char *const variants[] = {variant, NULL};
	struct script_run run = {.text = text, .sets = sets, .variants = variants};
	struct world_outcome o = script_run(&run, 0);
	int64_t lost = metric_of(&o, "truth.lost_writes");

	world_outcome_clear(&o);
	return lost;
}

Test(designs, an_io_thread_finds_no_key_in_the_openers_session_unless_credentials_are_saved)
{
	cr_expect_eq(lost_with("x: design=heavyweight setup=library"), 0);
	cr_expect_eq(lost_with("x: design=heavyweight setup=library keyring=session"), 2);
	cr_expect_eq(lost_with("x: design=heavyweight setup=library keyring=session "
			       "credentials=saved"),
		     0);
	cr_expect_eq(lost_with("x: design=enforced setup=library keyring=session"), 0);
}
