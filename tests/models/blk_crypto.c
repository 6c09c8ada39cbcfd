/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keyslots: blk-crypto-fallback and hardware, counted by hand, and what a cached extent costs. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/models/script_run.h"

#define FALLBACK "x: design=lightweight setup=fallback"
#define HARDWARE "x: design=lightweight setup=hardware counterfactual=true"
#define MAP "x: design=lightweight setup=pool pool.map=true"

/* ---- how often a key is set ---- */

Test(blk_crypto, inodes_that_share_an_extent_share_no_key_object_as_a_map_by_nonce_would)
{
	static const char text[] = "addkey K\npolicy . K\nwrite a 0 4k\nsync\nreflink a b\nsync\n"
				   "dropcaches\ndread a 0 4k\ndread b 0 4k\n";
	static const struct answer by_address[] = {
		{"key.derivations", 1 + 2}, {"fallback.slot_misses", 1 + 2}, {NULL, 0}};
	static const struct answer by_nonce[] = {
		{"key.derivations", 1}, {"key.cache_misses", 1}, {"key.cache_hits", 2}, {NULL, 0}};

	script_expect(text, FALLBACK, NULL, by_address);
	script_expect(text, MAP, NULL, by_nonce);
}

Test(blk_crypto, the_first_key_prepared_gives_every_keyslot_a_cipher)
{
	static const char text[] = "addkey K\npolicy . K\nwrite a 0 4k\nsync\nwrite b 0 4k\nsync\n";
	static const struct answer by_io[] = {{"tfm.allocations", 7},
					      {"crypto.alg_lookups", 7 * 3},
					      {"alloc.by.crypto_skcipher.GFP_KERNEL.writeback", 7},
					      {"fallback.start_using", 2},
					      {NULL, 0}};
	static const struct answer at_mount[] = {
		{"tfm.allocations", 7}, {"crypto.alg_lookups", 0}, {NULL, 0}};

	script_expect(text, FALLBACK " fallback.slots=7", NULL, by_io);
	script_expect(text, FALLBACK " fallback.slots=7 fallback.start=mount", NULL, at_mount);
}

/* ---- the end of keys ---- */

#define EXTENTS "20"
static const char two_lives[] = "addkey K\npolicy . K\nappend a 4k " EXTENTS
				" fsync\ndropcaches\nread a 0 80k\ndropcaches\n";

Test(blk_crypto, a_freed_key_is_evicted_once_from_each_device)
{
	static const char *const one[] = {"machine.devices=1", NULL};
	static const char *const three[] = {"machine.devices=3", NULL};
	static const char *const twelve[] = {"machine.devices=12", NULL};
	const struct {
		const char *const *sets;
		int64_t devices;
	} rows[] = {{one, 1}, {three, 3}, {twelve, 12}};
	static const char *const lists[] = {"", " devices.list=cached"};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		for (size_t k = 0; k < G_N_ELEMENTS(lists); k++) {
			g_autofree char *variant = g_strconcat(FALLBACK, lists[k], NULL);
			g_autofree char *hardware = g_strconcat(HARDWARE, lists[k], NULL);
			const struct answer software[] = {
				{"fallback.keys_freed", 40},
				{"fallback.evict_locks", 40 * rows[i].devices},
				{"fallback.evictions", 40},
				{"fallback.start_using", 40 * rows[i].devices},
				{"key.setkeys", 40 + 40},
				{NULL, 0}};
			const struct answer devices[] = {
				{"hardware.evict_locks", 40 * rows[i].devices}, {NULL, 0}};

			script_expect(two_lives, variant, rows[i].sets, software);
			script_expect(two_lives, hardware, rows[i].sets, devices);
		}
}

Test(blk_crypto, a_list_of_devices_is_allocated_twice_a_key_or_once_or_never)
{
	static const char site[] = "alloc.by.fscrypt_get_devices.GFP_NOWAIT.process";
	struct world_outcome each = script_run_under(two_lives, FALLBACK, NULL);
	struct world_outcome kept =
		script_run_under(two_lives, FALLBACK " devices.list=cached", NULL);
	struct world_outcome array =
		script_run_under(two_lives, FALLBACK " devices.list=array", NULL);

	cr_expect_eq(metric_of(&each, site), 40);
	cr_expect(!metric_present(&kept, site));
	cr_expect_eq(metric_of(&kept, "alloc.by.fscrypt_get_devices.GFP_KERNEL.nofs_scope"), 20);
	cr_expect(!metric_present(&array, "alloc.by.fscrypt_get_devices.GFP_KERNEL.nofs_scope"));
	cr_expect_eq(metric_of(&array, "fallback.evict_locks"), 40);
	world_outcome_clear(&each);
	world_outcome_clear(&kept);
	world_outcome_clear(&array);
}

/* Of a key freed without eviction the slot keeps the address, and another key comes to stand there. */
#define NO_ARRAY " fault.device-array-every=1"
#define FREED NO_ARRAY " fault.freed-key-in-slot=true"

Test(blk_crypto, a_key_freed_while_in_a_slot_is_used_for_whoever_gets_its_address)
{
	static const char text[] = "addkey K\npolicy . K\nappend a 4k " EXTENTS
				   " fsync\ndropcaches\nappend b 4k " EXTENTS " fsync\n";
	static const struct answer stale[] = {{"truth.garbage_blocks", 20},
					      {"fallback.keys_not_evicted", 20},
					      {"fallback.slot_misses", 20},
					      {"fallback.slot_hits", 20},
					      {NULL, 0}};
	static const struct answer fine[] = {{"truth.findings", 0},
					     {"fallback.keys_not_evicted", 0},
					     {"fallback.evictions", 20},
					     {"fallback.slot_misses", 40},
					     {NULL, 0}};

	script_expect(text, FALLBACK FREED, NULL, stale);
	script_expect(text, FALLBACK NO_ARRAY, NULL, fine);
	script_expect(text, FALLBACK FREED " devices.list=cached", NULL, fine);
}

Test(blk_crypto, a_key_left_in_a_slot_is_in_memory_after_its_master_key_has_gone)
{
	static const char text[] = "addkey K\npolicy . K\nappend a 4k " EXTENTS " fsync\nrmkey K\n";

	cr_expect_eq(script_figure(text, FALLBACK FREED, NULL, "truth.keys_after_removal"), 20);
	cr_expect_eq(script_figure(text, FALLBACK NO_ARRAY, NULL, "truth.keys_after_removal"), 0);
	cr_expect_eq(script_figure(text, HARDWARE, NULL, "truth.keys_after_removal"), 0);
}

/* ---- memory ---- */

Test(blk_crypto, a_cached_extent_map_costs_its_bytes_and_those_of_its_key)
{
	static const struct {
		const char *variant;
		int64_t bytes;
	} rows[] = {
		{"x: design=none", 104},
		{FALLBACK, 368},
		{FALLBACK " devices.list=cached", 368 + 8},
		{"x: design=lightweight setup=library", 944},
		{"x: design=lightweight setup=at-io", 2224},
		{"x: design=lightweight setup=pool", 176},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct world_outcome o = script_run_under(two_lives, rows[i].variant, NULL);
		int64_t bytes = metric_of(&o, "mem.extent_cache_max_bytes");

		cr_expect_eq(metric_of(&o, "mem.extent_cache_maps"), 20);
		cr_expect_eq(bytes, 20 * rows[i].bytes, "%s: %" G_GINT64_FORMAT, rows[i].variant,
			     bytes);
		world_outcome_clear(&o);
	}
}

/* ---- many at once ---- */

#define VISITORS                                                                                   \
	"{\"question\": \"q\", \"machine\": {\"cpus\": 4, \"memory\": \"4GiB\"},\n"                \
	"\"filesystem\": {\"image\": \"debian-12\", \"key\": \"base\"},\n"                         \
	"\"actors\": [{\"kind\": \"mix\", \"tasks\": 12, \"operations\": 20, " VISITS              \
	"\"think\": "                                                                              \
	"\"10us\", \"direct\": true, \"read_percent\": 70}],\n"                                    \
	"\"variants\": {\"n\": {\"design\": \"none\"}}}\n"

static const char *const slow_device[] = {"costs.device_read=8ms", "costs.device_write=8ms", NULL};

Test(blk_crypto,
     a_software_keyslot_is_held_by_a_cpu_or_a_submitter_and_a_hardware_one_by_the_device)
{
	enum { CPUS = 4, SUBMITTERS = 12 + 1 };
	int64_t fast = script_figure(VISITORS, FALLBACK, NULL, "fallback.in_use_max");
	int64_t slow = script_figure(VISITORS, FALLBACK, slow_device, "fallback.in_use_max");

	cr_expect_gt(fast, 1, "nothing runs at the same time");
	cr_expect_leq(fast, CPUS + SUBMITTERS);
	cr_expect_leq(slow, CPUS + SUBMITTERS);
	cr_expect_eq(script_figure(VISITORS, FALLBACK " fallback.slots=17", slow_device,
				   "fallback.slot_waits"),
		     0);
	cr_expect_gt(script_figure(VISITORS, HARDWARE " hardware.slots=2", slow_device,
				   "hardware.slot_waits"),
		     0);
	cr_expect_gt(script_figure(VISITORS, HARDWARE, slow_device, "hardware.in_use_max"), slow);
}

Test(blk_crypto, more_keyslots_never_mean_more_waits)
{
	static const char *const setups[] = {FALLBACK " fallback.slots=",
					     HARDWARE " hardware.slots="};
	static const char *const metrics[] = {"fallback.slot_waits", "hardware.slot_waits"};
	static const unsigned int slots[] = {1, 2, 3, 4, 8, 16, 100};

	for (size_t s = 0; s < G_N_ELEMENTS(setups); s++) {
		int64_t before = INT64_MAX;

		for (size_t i = 0; i < G_N_ELEMENTS(slots); i++) {
			g_autofree char *variant = g_strdup_printf("%s%u", setups[s], slots[i]);
			int64_t waits = script_figure(VISITORS, variant, NULL, metrics[s]);

			cr_expect_leq(waits, before, "%s: %" G_GINT64_FORMAT, variant, waits);
			cr_expect(i || waits > 0, "one keyslot for twelve, and nobody waits");
			before = waits;
		}
		cr_expect_eq(before, 0);
	}
}

/* Twelve tasks that visit two files, all at one instant. */
Test(blk_crypto, tasks_that_meet_a_key_at_once_prepare_it_once)
{
	static const char *const crowd[] = {"actors[0].operations=1",
					    "actors[0].think=0ns",
					    "actors[0].file_choice=zipf",
					    "actors[0].file_zipf_milli=5000",
					    "actors[0].read_percent=100",
					    "actors[0].direct=false",
					    NULL};
	static const struct answer at_io[] = {
		{"tfm.allocations", 2}, {"key.derivations", 2}, {NULL, 0}};
	static const struct answer fallback[] = {
		{"fallback.start_using", 2}, {"key.derivations", 2}, {NULL, 0}};

	script_expect(VISITORS, "x: design=inode setup=at-io", crowd, at_io);
	script_expect(VISITORS, "x: design=inode setup=fallback", crowd, fallback);
}

/* ---- what can go wrong ---- */

/* A run that need not come to its end. */
static struct world_outcome run_as_far_as_it_goes(const char *text, const char *variant)
{
	const char *const variants[] = {variant, NULL};
	struct script_run script = {.text = text, .variants = variants, .may_stick = true};

	return script_run(&script, 0);
}

/* Readers and writers of more than memory holds: what reclaim releases takes its keys along. */
#define SHORT_OF_MEMORY                                                                            \
	"{\"question\": \"q\", \"machine\": {\"cpus\": 4, \"memory\": \"16MiB\"},\n"               \
	"\"filesystem\": {\"image\": \"debian-12\", \"key\": \"base\"},\n"                         \
	"\"actors\": [{\"name\": \"r\", \"kind\": \"mix\", \"tasks\": 24, \"operations\": "        \
	"60,\n" VISITS                                                                             \
	"\"think\": \"1us\"}, {\"name\": \"w\", \"kind\": \"mix\", \"tasks\": 24,\n" VISITS        \
	"\"operations\": 60, \"think\": \"1us\", \"read_percent\": 0}],\n"                         \
	"\"variants\": {\"n\": {\"design\": \"none\"}}}\n"

Test(blk_crypto, setting_an_adiantum_key_under_the_profile_lock_deadlocks_in_reclaim)
{
	struct world_outcome adiantum =
		run_as_far_as_it_goes(SHORT_OF_MEMORY, FALLBACK " mode=adiantum");
	struct world_outcome xts = run_as_far_as_it_goes(SHORT_OF_MEMORY, FALLBACK);

	cr_expect_eq(metric_of(&adiantum, "deadlocks"), 1);
	cr_expect_eq(metric_of(&adiantum, "truth.leaked_infos"), 0);
	cr_expect(!adiantum.completed);
	cr_expect_eq(metric_of(&xts, "deadlocks"), 0);
	cr_expect_gt(metric_of(&xts, "fallback.evictions"), 0);
	cr_expect(xts.completed);
	world_outcome_clear(&adiantum);
	world_outcome_clear(&xts);
}

Test(blk_crypto, the_order_of_the_profile_lock_and_reclaim_is_wrong_for_adiantum_alone)
{
	static const char cycles[] = "lock.possible_cycles";

	cr_expect_eq(script_figure(two_lives, FALLBACK " mode=adiantum", NULL, cycles), 1);
	cr_expect_eq(
		script_figure(two_lives, FALLBACK " mode=adiantum freeing=workqueue", NULL, cycles),
		0);
	cr_expect_eq(script_figure(two_lives, FALLBACK, NULL, cycles), 0);
	cr_expect_eq(script_figure(two_lives, HARDWARE, NULL, cycles), 0);
}

/* A bio of 256 blocks while somebody else keeps what memory there is for a second. */
#define LARGE_BIO                                                                                  \
	"{\"question\": \"q\", \"machine\": {\"cpus\": 4, \"memory\": \"64MiB\",\n"                \
	"\"flushers\": false},\n"                                                                  \
	"\"actors\": [{\"name\": \"w\", \"kind\": \"script\", \"script\": [\"addkey K\",\n"        \
	"\"policy . K\", \"write f 0 1m\", \"append h 4k 40 fsync\", \"sync\"]},\n"                \
	"{\"name\": \"hog\", \"kind\": \"memory_hog\", \"start\": \"4ms\", \"hold\": \"1s\",\n"    \
	"\"step\": \"1MiB\", \"every\": \"20us\", \"leave_free\": \"64KiB\"}],\n"                  \
	"\"variants\": {\"n\": {\"design\": \"none\"}}}\n"

Test(blk_crypto, a_bio_larger_than_the_reserve_waits_for_its_own_pages_in_6_12)
{
	static const char longest[] = "ops.sync.latency_max_ns";
	enum { MS = 1000000 };

	cr_expect_gt(script_figure(LARGE_BIO, FALLBACK, NULL, longest), 900 * MS);
	cr_expect_lt(script_figure(LARGE_BIO, FALLBACK " fallback.version=7.x", NULL, longest),
		     100 * MS);
	cr_expect_lt(script_figure(LARGE_BIO, "x: design=lightweight setup=pool", NULL, longest),
		     100 * MS);
}

/* ---- refusals ---- */

static void expect_refusal(const char *variant, const char *const *sets, const char *reason)
{
	const char *const variants[] = {variant, NULL};
	struct scenario_options load = {.sets = sets, .variants = variants};
	GError *error = NULL;
	struct scenario *scenario = scenario_load("first-run", &load, &world_registry, &error);

	cr_assert_not(scenario, "%s is not refused", variant);
	cr_expect(strstr(error->message, reason), "%s", error->message);
	g_error_free(error);
}

Test(blk_crypto, what_cannot_be_is_refused_with_the_reason)
{
	static const char *const nine[] = {"machine.devices=9", NULL};

	expect_refusal(FALLBACK " devices.list=array", nine, "holds eight devices");
	expect_refusal("x: design=lightweight setup=hardware", NULL, "must see ciphertext");
}
