/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs whose figures are known beforehand: counted by hand, or bound by arithmetic. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/models/script_run.h"

#define LIGHT "x: design=lightweight setup=pool"
#define HEAVY "x: design=heavyweight setup=pool"
#define NONE "x: design=none"
#define RECORDING_05                                                                               \
	"addkey K\npolicy . K\nwrite a 0 64m\nsync\nrandwrite a 64m 4k 1000 42 %s\nsync\n"         \
	"dropcaches\nread a 0 64m\n"

static const char *const one_at_a_time[] = {"machine.cpus=1", "machine.device_channels=1",
					    "machine.spread=false", NULL};

static void expect_answers(const char *text, const char *variant, const struct answer *answers)
{
	script_expect(text, variant, one_at_a_time, answers);
}

static const struct answer truth[] = {
	{"truth.garbage_blocks", 0},	 {"truth.iv_reuses", 0}, {"truth.lost_writes", 0},
	{"truth.keys_after_removal", 0}, {"deadlocks", 0},	 {NULL, 0},
};

Test(answers, recording_05_draws_one_nonce_per_extent_and_loads_1880_maps_when_read_cold)
{
	static const char *const variants[] = {LIGHT, HEAVY, LIGHT " layout.prefix=true",
					       HEAVY " layout.prefix=true"};
	static const int64_t context_bytes[] = {1880 * 16, 1880 * 40, 1880 * 20, 1880 * 44};
	char *text = g_strdup_printf(RECORDING_05, "fsync");

	for (size_t i = 0; i < G_N_ELEMENTS(variants); i++) {
		/* 64 MiB written at once are one extent, and each block after it another. */
		const struct answer answers[] = {
			{"key.nonces_drawn", 1001},
			{"io.extent_map_loads", 1880},
			{"disk.file_extent_items", 1880},
			{"disk.context_bytes", context_bytes[i]},
			{"crypt.blocks_encrypted", 16384 + 1000},
			{"crypt.blocks_decrypted", 16384},
			{NULL, 0},
		};

		expect_answers(text, variants[i], answers);
		expect_answers(text, variants[i], truth);
	}
	g_free(text);
}

Test(answers, recording_06_draws_912_nonces)
{
	static const struct answer answers[] = {{"key.nonces_drawn", 912}, {NULL, 0}};
	char *text = g_strdup_printf(RECORDING_05, "none");

	expect_answers(text, LIGHT, answers);
	expect_answers(text, HEAVY, answers);
	expect_answers(text, HEAVY, truth);
	g_free(text);
}

Test(answers, every_encrypted_bio_takes_one_cipher_and_derives_once)
{
	static const char *const variants[] = {LIGHT, HEAVY};
	char *text = g_strdup_printf(RECORDING_05, "fsync");

	for (size_t i = 0; i < G_N_ELEMENTS(variants); i++) {
		struct world_outcome o = script_run_under(text, variants[i], NULL);
		int64_t bios = metric_of(&o, "io.bios");

		/* At least one bio for each map read, and one for each extent written. */
		cr_expect_geq(bios, 1880 + 1001);
		cr_expect_eq(metric_of(&o, "key.derivations"), bios);
		cr_expect_eq(metric_of(&o, "key.setkeys"), bios);
		cr_expect_eq(metric_of(&o, "pool.acquires"), bios);
		cr_expect(!metric_present(&o, "key.cache_hits"), "there is no cache");
		world_outcome_clear(&o);
	}
	g_free(text);
}

/* An LRU of keyed ciphers over the nonces in file order: counted by a script beside the model. */
Test(answers, a_map_of_prepared_ciphers_derives_as_often_as_an_lru_of_its_size_misses)
{
	static const int64_t read_misses[] = {1880, 1023, 972, 969};
	char *text = g_strdup_printf(RECORDING_05, "fsync");

	for (size_t i = 0; i < G_N_ELEMENTS(read_misses); i++) {
		char *variant = g_strdup_printf(LIGHT " pool.map=true pool.size=%zu", i + 1);
		const struct answer answers[] = {
			{"key.derivations", 1001 + read_misses[i]},
			{"key.setkeys", 1001 + read_misses[i]},
			{"key.cache_misses", 1001 + read_misses[i]},
			{"tfm.allocations", (int64_t)i + 1},
			{NULL, 0},
		};

		expect_answers(text, variant, answers);
		g_free(variant);
	}
	g_free(text);
}

Test(answers, an_unencrypted_filesystem_derives_nothing_and_loses_nothing_under_a_policy)
{
	static const struct answer answers[] = {
		{"key.derivations", 0},
		{"key.setkeys", 0},
		{"key.nonces_drawn", 0},
		{"crypt.blocks_encrypted", 0},
		{"crypt.blocks_decrypted", 0},
		{"disk.context_bytes", 0},
		{"ops.randwrite.failed", 0},
		{"disk.file_extent_items", 1880},
		{NULL, 0},
	};
	char *text = g_strdup_printf(RECORDING_05, "fsync");

	expect_answers(text, NONE, answers);
	expect_answers(text, NONE, truth);
	g_free(text);
}

Test(answers, a_small_file_is_a_block_of_its_own_once_it_is_encrypted)
{
	static const char text[] = "addkey K\npolicy . K\nwrite a 0 1k\nwrite b 0 1m\nsync\n";
	static const struct answer plain[] = {
		{"disk.data_bytes", 1 << 20},
		{"disk.csum_bytes", 256 * 4},
		{"disk.leaves", 1},
		{"disk.total_bytes", (1 << 20) + 1024 + 16384},
		{NULL, 0},
	};
	static const struct answer encrypted[] = {
		{"disk.data_bytes", (1 << 20) + 4096},
		{"disk.context_bytes", 2 * 16},
		{"disk.total_bytes", (1 << 20) + 4096 + 257 * 4 + 16384},
		/* Two maps of 128 bytes, and the info of each, of 48. */
		{"mem.extent_cache_maps", 2},
		{"mem.extent_cache_bytes_per_map", 176},
		/* One leaf, once. */
		{"tree.blocks_written", 1},
		{NULL, 0},
	};

	expect_answers(text, NONE, plain);
	expect_answers(text, LIGHT, encrypted);
}

static void lines(GString *text, const char *format, unsigned int from, unsigned int to)
{
	for (unsigned int i = from; i < to; i++) {
		char *number = g_strdup_printf("%u", i);
		char **parts = g_strsplit(format, "#", 2);

		g_string_append_printf(text, "%s%s%s\n", parts[0], number, parts[1]);
		g_strfreev(parts);
		g_free(number);
	}
}

/* 200 files, 20 of them held open over the removal of their key. */
Test(answers, files_held_open_outlive_the_removal_of_their_key_and_all_others_are_refused)
{
	static const char *const variants[] = {LIGHT, HEAVY};
	static const struct answer answers[] = {
		{"ops.read.count", 20 + 180 + 180 + 200},
		{"ops.read.refused", 180 + 200},
		{"ops.read.failed", 0},
		{"ops.write.count", 200 + 20},
		{"ops.write.failed", 0},
		{"ops.write.refused", 0},
		{"ops.open.refused", 1},
		{"ops.close.failed", 0},
		/* Busy, then clean; the third finds no key. */
		{"ops.rmkey.count", 3},
		{"ops.rmkey.failed", 1},
		{NULL, 0},
	};
	GString *text = g_string_new("addkey K\npolicy . K\n");

	lines(text, "write f# 0 8k", 0, 200);
	lines(text, "open f#", 0, 20);
	g_string_append(text, "rmkey K\n");
	lines(text, "write f# 8k 4k", 0, 20);
	g_string_append(text, "sync\ndropcaches\n");
	lines(text, "read f# 0 12k", 0, 20);
	lines(text, "read f# 0 8k", 20, 200);
	g_string_append(text, "open f20\n");
	lines(text, "close f#", 0, 20);
	g_string_append(text, "rmkey K\nrmkey K\n");
	lines(text, "read f# 0 8k", 0, 200);
	g_string_append(text, "addkey K\n");
	lines(text, "read f# 0 8k", 20, 200);
	for (size_t i = 0; i < G_N_ELEMENTS(variants); i++) {
		expect_answers(text->str, variants[i], answers);
		expect_answers(text->str, variants[i], truth);
	}
	g_string_free(text, true);
}

static void expect_about_a_second(const struct world_outcome *o, const char *metric)
{
	int64_t got = metric_of(o, metric);

	cr_expect(got >= 1000000000 && got < 1001000000, "%s is %" G_GINT64_FORMAT, metric, got);
}

/* Two of three files are open for a second, one of them read since; then the key goes, and comes again. */
Test(answers, a_removed_key_is_counted_as_long_as_it_is_in_memory)
{
	static const char text[] =
		"addkey K\nmkdir d\npolicy d K\nrepeat 3 write d/f{} 0 4k\nsync\n"
		"dropcaches\nopen d/f0\nopen d/f1\nread d/f1 0 4k\n"
		"rmkey K -> busy 3\nsleep 1s\n"
		"close d/f0\nclose d/f1\nrmkey K\naddkey K\n";
	struct world_outcome soft =
		script_run_under(text, "x: design=lightweight setup=library", one_at_a_time);
	struct world_outcome hard = script_run_under(
		text, "x: design=lightweight setup=library removal=hard", one_at_a_time);

	cr_expect_eq(metric_of(&soft, "removal.keys"), 1);
	cr_expect_eq(metric_of(&soft, "removal.busy_calls"), 1);
	cr_expect_eq(metric_of(&soft, "removal.keyed_left_max"), 1);
	expect_about_a_second(&soft, "removal.incomplete_ns");
	expect_about_a_second(&soft, "removal.secret_ns");
	expect_about_a_second(&hard, "removal.incomplete_ns");
	cr_expect_eq(metric_of(&hard, "removal.secret_ns"), 0);
	cr_expect_eq(metric_of(&hard, "removal.keyed_left_max"), 1);
	world_outcome_clear(&soft);
	world_outcome_clear(&hard);
}

Test(answers, a_clone_is_readable_within_a_key_and_between_keys_only_under_heavyweight)
{
	static const char within[] = "addkey K\nmkdir d\npolicy d K\nwrite d/a 0 1m\nsync\n"
				     "reflink d/a d/b\nsync\ndropcaches\nread d/b 0 1m\n";
	static const char between[] =
		"addkey K\naddkey L\nmkdir d\nmkdir e\npolicy d K\npolicy e L\nwrite d/a 0 1m\n"
		"sync\nreflink d/a e/b\nsync\ndropcaches\nread d/a 0 1m\nread e/b 0 1m\n";
	static const struct answer readable[] = {{"ops.reflink.refused", 0},
						 {"crypt.blocks_decrypted", 256},
						 {"key.nonces_drawn", 1},
						 {NULL, 0}};
	static const struct answer refused[] = {{"ops.reflink.refused", 1},
						{"ops.reflink.failed", 0},
						{"crypt.blocks_decrypted", 256},
						{NULL, 0}};
	static const struct answer both[] = {{"ops.reflink.refused", 0},
					     {"crypt.blocks_decrypted", 512},
					     {"key.nonces_drawn", 1},
					     {NULL, 0}};

	expect_answers(within, LIGHT, readable);
	expect_answers(within, HEAVY, readable);
	expect_answers(within, LIGHT, truth);
	expect_answers(between, LIGHT, refused);
	expect_answers(between, LIGHT, truth);
	expect_answers(between, HEAVY, both);
	expect_answers(between, HEAVY, truth);
}

Test(answers, a_snapshot_and_its_origin_both_written_read_back_without_garbage)
{
	static const char text[] = "addkey K\nsubvol s\npolicy s K\nwrite s/a 0 4m\nsync\n"
				   "snapshot s t a\nrandwrite s/a 4m 4k 100 1 none\n"
				   "randwrite t/a 4m 4k 100 2 none\nsync\ndropcaches\n"
				   "read s/a 0 4m\nread t/a 0 4m\n";
	static const struct answer answers[] = {
		{"crypt.blocks_decrypted", 2048}, {"ops.read.refused", 0}, {NULL, 0}};

	expect_answers(text, LIGHT, answers);
	expect_answers(text, LIGHT, truth);
	expect_answers(text, HEAVY, answers);
	expect_answers(text, HEAVY, truth);
}

Test(answers, a_balance_moves_ciphertext_and_derives_nothing)
{
	static const char before[] = "addkey K\npolicy . K\nwrite a 0 4m\nsync\ndropcaches\n";
	static const char *const variants[] = {LIGHT, HEAVY};
	char *text = g_strconcat(before, "balance\n", NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(variants); i++) {
		struct world_outcome a = script_run_under(before, variants[i], NULL);
		struct world_outcome b = script_run_under(text, variants[i], NULL);

		cr_expect_eq(metric_of(&a, "key.derivations"), metric_of(&b, "key.derivations"));
		cr_expect_eq(metric_of(&a, "key.nonces_drawn"), metric_of(&b, "key.nonces_drawn"));
		cr_expect_gt(metric_of(&b, "io.bios"), metric_of(&a, "io.bios"),
			     "the balance moved nothing");
		world_outcome_clear(&a);
		world_outcome_clear(&b);
	}
	g_free(text);
}

/* Ten runs of 5 blocks in a plain file of 250: each is a map and a bio, and so is what lies between. */
Test(answers, a_read_of_a_mixed_file_takes_a_bio_for_each_run_and_a_cipher_for_the_encrypted_ones)
{
	static const char text[] = "addkey K\nsubvol base\nwrite base/f 0 1000k\nsync\n"
				   "snapshot base c\npolicy c K\nrepeat 10 write c/f {}00k 20k\n"
				   "sync\ndropcaches\ndread c/f 0 1000k\n";
	static const struct answer mixed[] = {
		{"io.read_bios", 20},		{"io.bios", 1 + 10 + 20},
		{"crypt.bios_encrypted", 10},	{"crypt.bios_decrypted", 10},
		{"crypt.blocks_decrypted", 50}, {NULL, 0}};
	static const struct answer plain[] = {{"io.read_bios", 20},
					      {"io.bios", 1 + 10 + 20},
					      {"crypt.bios_encrypted", 0},
					      {"crypt.bios_decrypted", 0},
					      {NULL, 0}};

	expect_answers(text, LIGHT, mixed);
	expect_answers(text, HEAVY, mixed);
	expect_answers(text, NONE, plain);
}

/* ---- variants and costs ---- */

static void expect_equal_metrics(struct world_outcome a, struct world_outcome b, const char *what)
{
	char *x = metrics_text(&a), *y = metrics_text(&b);

	cr_expect_str_eq(x, y, "%s", what);
	g_free(x);
	g_free(y);
	world_outcome_clear(&a);
	world_outcome_clear(&b);
}

Test(answers, a_variant_does_not_depend_on_its_name_its_place_or_its_neighbours)
{
	static const char text[] = "addkey K\npolicy . K\nwrite a 0 4m\nsync\n"
				   "randwrite a 4m 4k 50 1 fsync\ndropcaches\nread a 0 4m\n";
	static const char *const two[] = {"l: design=lightweight setup=pool",
					  "h: design=heavyweight setup=pool", NULL};
	static const char *const more[] = {"n: design=none", "h: design=heavyweight setup=pool",
					   "again: design=lightweight setup=pool",
					   "l: design=lightweight setup=pool", NULL};
	struct script_run few = {.text = text, .variants = two};
	struct script_run many = {.text = text, .variants = more};

	expect_equal_metrics(script_run(&few, 0), script_run(&many, 3), "place");
	expect_equal_metrics(script_run(&few, 1), script_run(&many, 1), "neighbours");
	expect_equal_metrics(script_run(&many, 2), script_run(&many, 3), "name");
}

/* Each fsync waits for its one bio, so nothing overlaps and a cost shows in the time unshortened. */
#define ONE_BIO_AT_A_TIME "addkey K\npolicy . K\nappend a 4k 100 fsync\n"

static int64_t elapsed_with(const char *extra, const char *count, int64_t *times)
{
	const char *const sets[] = {"machine.cpus=1", "machine.device_channels=1",
				    "machine.spread=false", extra, NULL};
	struct world_outcome o = script_run_under(ONE_BIO_AT_A_TIME, LIGHT, sets);
	int64_t elapsed = metric_of(&o, "time.elapsed_ns");

	*times = metric_of(&o, count);
	world_outcome_clear(&o);
	return elapsed;
}

Test(answers, a_dearer_primitive_makes_the_run_longer_by_its_count_times_the_difference)
{
	static const struct {
		const char *low, *high, *count;
	} rows[] = {
		{"costs.hkdf_expand=1000ns", "costs.hkdf_expand=1700ns", "key.derivations"},
		{"costs.setkey.aes-256-xts=1000ns", "costs.setkey.aes-256-xts=1700ns",
		 "key.setkeys"},
		{"costs.encrypt_4k.aes-256-xts=1000ns", "costs.encrypt_4k.aes-256-xts=1700ns",
		 "crypt.blocks_encrypted"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		int64_t before, after;
		int64_t low = elapsed_with(rows[i].low, rows[i].count, &before);
		int64_t high = elapsed_with(rows[i].high, rows[i].count, &after);

		cr_expect_eq(before, 100);
		cr_expect_eq(after, before);
		cr_expect_eq(high - low, before * 700, "%s: %" G_GINT64_FORMAT, rows[i].high,
			     high - low);
	}
}

Test(answers, all_costs_doubled_double_the_time_and_change_no_count)
{
	static const char *const once[] = {"machine.cpus=1", "machine.spread=false",
					   "scale_times=1", NULL};
	static const char *const twice[] = {"machine.cpus=1", "machine.spread=false",
					    "scale_times=2", NULL};
	static const char *const counts[] = {"key.derivations", "io.bios", "alloc.total",
					     "tree.searches", "io.extent_map_loads"};
	struct world_outcome a = script_run_under(ONE_BIO_AT_A_TIME, LIGHT, once);
	struct world_outcome b = script_run_under(ONE_BIO_AT_A_TIME, LIGHT, twice);

	for (size_t i = 0; i < G_N_ELEMENTS(counts); i++)
		cr_expect_eq(metric_of(&a, counts[i]), metric_of(&b, counts[i]), "%s", counts[i]);
	cr_expect_eq(metric_of(&b, "time.elapsed_ns"), 2 * metric_of(&a, "time.elapsed_ns"),
		     "%" G_GINT64_FORMAT " twice is not %" G_GINT64_FORMAT,
		     metric_of(&a, "time.elapsed_ns"), metric_of(&b, "time.elapsed_ns"));
	world_outcome_clear(&a);
	world_outcome_clear(&b);
}

/* ---- the pool ---- */

static struct world_outcome readers(unsigned int size)
{
	char *variant = g_strdup_printf(LIGHT " pool.size=%u", size);
	struct world_outcome outcome = script_run_under(READERS, variant, NULL);

	g_free(variant);
	return outcome;
}

Test(answers, a_larger_pool_never_waits_more_and_beyond_its_peak_nothing_changes)
{
	static const unsigned int sizes[] = {1, 2, 3, 4, 8, 16};
	int64_t before = INT64_MAX, peak;
	struct world_outcome ample = readers(64), enough;

	peak = metric_of(&ample, "pool.in_use_max");
	cr_expect_eq(metric_of(&ample, "pool.waits"), 0);
	cr_expect_gt(peak, 1, "nothing runs at the same time");
	for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
		struct world_outcome outcome = readers(sizes[i]);
		int64_t waits = metric_of(&outcome, "pool.waits");

		cr_expect_leq(waits, before, "%u: %" G_GINT64_FORMAT, sizes[i], waits);
		cr_expect(i || waits > 0, "one cipher for twelve readers, and nobody waits");
		before = waits;
		world_outcome_clear(&outcome);
	}
	enough = readers((unsigned int)peak);
	cr_expect_eq(metric_of(&enough, "pool.waits"), 0);
	cr_expect_eq(metric_of(&enough, "key.derivations"), metric_of(&ample, "key.derivations"));
	world_outcome_clear(&ample);
	world_outcome_clear(&enough);
}
