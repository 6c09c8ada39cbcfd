/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of every kind of operation add up to its latency, in every run of everything there is. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/models/script_run.h"

#define PART ".part."
#define SUM ".latency_sum_ns"

static int64_t *left_of(GHashTable *left, const char *op, size_t length)
{
	char *name = g_strndup(op, length);
	int64_t *value = g_hash_table_lookup(left, name);

	if (value) {
		g_free(name);
		return value;
	}
	value = g_new0(int64_t, 1);
	g_hash_table_insert(left, name, value);
	return value;
}

/* Whether there was an operation, and every one is accounted for whole. */
static void expect_whole(const struct world_outcome *outcome, const char *what)
{
	GHashTable *left = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	const struct sim_metric_def *def;
	GHashTableIter iter;
	gpointer op, rest;
	int64_t value;

	for (size_t i = 0; i < sim_metrics_count(outcome->metrics); i++) {
		const char *name = sim_metrics_at(outcome->metrics, i, &def, &value), *part;

		if (!g_str_has_prefix(name, "ops."))
			continue;
		part = strstr(name, PART);
		if (part)
			*left_of(left, name, (size_t)(part - name)) -= value;
		else if (g_str_has_suffix(name, SUM))
			*left_of(left, name, strlen(name) - strlen(SUM)) += value;
		cr_expect_geq(value, 0, "%s: %s", what, name);
	}
	cr_expect(g_hash_table_size(left), "%s: no operation", what);
	g_hash_table_iter_init(&iter, left);
	while (g_hash_table_iter_next(&iter, &op, &rest))
		cr_expect_eq(*(int64_t *)rest, 0,
			     "%s: %s: %" G_GINT64_FORMAT " ns are in no part, or in two", what,
			     (char *)op, *(int64_t *)rest);
	g_hash_table_destroy(left);
}

/* ---- scripts ---- */

static const char *const variants[] = {
	"none: design=none",
	"light: design=lightweight setup=pool pool.size=2",
	"heavy: design=heavyweight setup=at-io layout=separate",
	NULL,
};

static guint run_folder(const char *folder)
{
	static const char *const sets[] = {"machine.cpus=2", "machine.memory=64MiB", NULL};
	char *directory = g_build_filename(EXTENTSIM_DATADIR, folder, NULL);
	GDir *dir = g_dir_open(directory, 0, NULL);
	const char *name;
	guint scripts = 0;

	cr_assert(dir, "no folder %s", directory);
	while ((name = g_dir_read_name(dir))) {
		char *path = g_build_filename(directory, name, NULL);
		struct script_run run = {
			.path = path, .sets = sets, .variants = variants, .may_stick = true};

		for (guint i = 0; g_str_has_suffix(name, ".ops") && variants[i]; i++) {
			struct world_outcome outcome = script_run(&run, i);

			expect_whole(&outcome, name);
			world_outcome_clear(&outcome);
			scripts += !i;
		}
		g_free(path);
	}
	g_dir_close(dir);
	g_free(directory);
	return scripts;
}

Test(op_parts, of_every_recorded_script_add_up)
{
	cr_expect_geq(run_folder("validate/data/btrfs"), 25);
	cr_expect_geq(run_folder("validate/data/btrfs-random"), 38);
}

Test(op_parts, of_every_script_after_fstests_add_up)
{
	cr_expect_geq(run_folder("tests/fstests"), 15);
}

/* ---- the library ---- */

static const struct {
	const char *name;
	const char *const sets[4];
	guint variants;
} library[] = {
	{"authenticated", {NULL}, 5},
	{"cheaper-ciphers", {"actors.readers.operations=5", "actors.writers.operations=5"}, 9},
	{"cipher-in-io", {NULL}, 5},
	{"cipher-map", {NULL}, 5},
	{"complexity", {NULL}, 11},
	{"container-churn", {"actors.host.containers=2"}, 5},
	{"context-bytes", {NULL}, 8},
	{"fallback-slots", {NULL}, 4},
	{"first-run", {"actors.readers.operations=10", "actors.writers.operations=10"}, 3},
	{"key-removal", {NULL}, 8},
	{"key-semaphore", {NULL}, 4},
	{"mixed-files", {NULL}, 4},
	{"moving-extents", {NULL}, 6},
	{"open-cost", {NULL}, 6},
	{"policy-change", {NULL}, 8},
	{"pool-size", {NULL}, 2},
	{"tree-policy", {NULL}, 9},
};

Test(op_parts, of_every_scenario_of_the_library_add_up)
{
	for (size_t i = 0; i < G_N_ELEMENTS(library); i++) {
		char *file = g_strconcat(library[i].name, ".json", NULL);
		char *path = g_build_filename(EXTENTSIM_DATADIR, "scenarios", file, NULL);
		struct script_run run = {.path = path, .sets = library[i].sets, .may_stick = true};

		for (guint v = 0; v < library[i].variants; v++) {
			struct world_outcome outcome = script_run(&run, v);

			expect_whole(&outcome, file);
			world_outcome_clear(&outcome);
		}
		g_free(path);
		g_free(file);
	}
}

/* ---- known answers ---- */

#define OPEN_LOOP                                                                                  \
	"{\"question\": \"?\", \"machine\": {\"cpus\": 2}, \"actors\": [{\"name\": \"j\", "        \
	"\"kind\": \"mix\", "                                                                      \
	"\"operations\": 20, \"drop_caches\": true, \"files\": 1, \"file_bytes\": \"1MiB\", "      \
	"\"io_bytes\": \"4KiB\", "                                                                 \
	"\"direct\": true, \"interval\": \"100us\"}]}"

#define READ_ONE "addkey K\npolicy . K\nwrite a 0 4k\nsync\ndropcaches\nread a 0 4k\ndread a 0 4k\n"

static struct world_outcome run_text(const char *text, const char *const *sets,
				     const char *const *with, guint variant)
{
	struct script_run run = {.text = text, .sets = sets, .variants = with};

	return script_run(&run, variant);
}

/* What its bio's worker does is the reader's, whether the page cache tells it or not. */
Test(op_parts, of_a_read_tell_decryption_from_the_device)
{
	static const char *const sets[] = {"costs.device_read=80us", "costs.hkdf_expand=7us",
					   "costs.setkey.aes-256-xts=2us",
					   "costs.decrypt_4k.aes-256-xts=5us", NULL};
	struct world_outcome o = run_text(READ_ONE, sets, variants, 1);

	cr_expect_eq(metric_of(&o, "ops.dread.part.device_ns"), 80000);
	cr_expect_eq(metric_of(&o, "ops.dread.part.derive_ns"), 7000);
	cr_expect_eq(metric_of(&o, "ops.dread.part.setkey_ns"), 2000);
	cr_expect_eq(metric_of(&o, "ops.dread.part.crypt_ns"), 5000);
	cr_expect_eq(metric_of(&o, "ops.read.part.crypt_ns"), 5000);
	cr_expect_eq(metric_of(&o, "ops.read.part.setkey_ns"), 2000);
	cr_expect_eq(metric_of(&o, "ops.read.part.other_task_ns"), 0);
	world_outcome_clear(&o);
}

Test(op_parts, of_an_fsync_have_what_ended_its_writes)
{
	static const char *const sets[] = {"costs.device_write=30us", "costs.bio_end=11us",
					   "costs.device_flush=100us", "costs.device_4k=10us",
					   NULL};
	struct world_outcome o = run_text("write a 0 4k\nfsync a\n", sets, variants, 0);
	int64_t device = metric_of(&o, "ops.fsync.part.device_ns");

	cr_expect_geq(metric_of(&o, "ops.fsync.part.cpu_ns"), 11000);
	cr_expect_eq(device % 10000, 0, "%" G_GINT64_FORMAT " ns are not the device's alone",
		     device);
	world_outcome_clear(&o);
}

Test(op_parts, of_a_late_operation_begin_at_its_planned_arrival)
{
	static const char *const sets[] = {"costs.device_read=1ms", NULL};
	static const char *const none[] = {"none: design=none", NULL};
	struct world_outcome o = run_text(OPEN_LOOP, sets, none, 0);

	cr_expect_gt(metric_of(&o, "ops.open.part.late_ns") +
			     metric_of(&o, "ops.read.part.late_ns"),
		     100 * 1000 * 1000);
	expect_whole(&o, "an open loop");
	world_outcome_clear(&o);
}

/* Two that write one file: the second waits for the first one's lock, by name. */
Test(op_parts, of_a_write_name_the_lock_it_waited_for)
{
	static const char *const none[] = {"none: design=none", NULL};
	struct world_outcome o =
		run_text("{\"question\": \"?\", \"machine\": {\"cpus\": 2}, \"actors\": ["
			 "{\"name\": \"a\", \"kind\": \"script\", \"script\": [\"write f 0 1m\"]}, "
			 "{\"name\": \"b\", \"kind\": \"script\", \"script\": [\"sleep 10us\", "
			 "\"write f 0 1m\"]}]}",
			 NULL, none, 0);

	cr_expect_gt(metric_of(&o, "ops.write.part.lock.i_rwsem_ns"), 0);
	world_outcome_clear(&o);
}

/* ---- percentiles ---- */

static struct world_outcome run_stats(unsigned int count)
{
	static const char *const none[] = {"none: design=none", NULL};
	char *text = g_strdup_printf("create f\nrepeat %u stat f\n", count);
	struct world_outcome o = run_text(text, NULL, none, 0);

	g_free(text);
	return o;
}

Test(op_parts, percentiles_are_there_where_ten_operations_lie_beyond)
{
	struct world_outcome few = run_stats(9999), some = run_stats(10000);

	cr_expect(metric_present(&few, "ops.stat.latency_p99_ns"));
	cr_expect_not(metric_present(&few, "ops.stat.latency_p999_ns"));
	cr_expect(metric_present(&some, "ops.stat.latency_p999_ns"));
	cr_expect_not(metric_present(&some, "ops.stat.latency_p9999_ns"));
	world_outcome_clear(&few);
	world_outcome_clear(&some);
	some = run_stats(100000);
	cr_expect(metric_present(&some, "ops.stat.latency_p9999_ns"));
	world_outcome_clear(&some);
}
