/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What fstests assert of encryption, as scripts in tests/fstests, under every design that is sound. */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/models/script_run.h"

/* The designs and a few set-ups of each: none of them may fail a script. */
static const char *const sound[] = {
	"light: design=lightweight setup=pool",
	"light, a map: design=lightweight setup=pool layout=separate pool.map=true",
	"light, two: design=lightweight setup=pool layout.prefix=true pool.size=2",
	"light, at I/O: design=lightweight setup=at-io",
	"enforced, a library: design=enforced setup=library layout=separate",
	"enforced, at open: design=enforced setup=at-open derived.cache=true",
	"enforced, a pool a key: design=enforced setup=pool pool.scope=master-key pool.size=2",
	"heavy, a pool a file: design=heavyweight setup=pool pool.scope=file pool.size=2",
	"heavy: design=heavyweight setup=pool",
	"heavy, a map: design=heavyweight setup=pool layout=separate pool.map=true",
	"heavy, two: design=heavyweight setup=pool layout.prefix=true pool.size=2",
	NULL,
};

static void expect_no_finding(const struct world_outcome *outcome, const char *script,
			      const char *variant)
{
	static const char *const zero[] = {"script.unexpected",	       "truth.garbage_blocks",
					   "truth.iv_reuses",	       "truth.lost_writes",
					   "truth.keys_after_removal", "deadlocks",
					   "lock.possible_cycles"};

	for (guint i = 0; i < outcome->findings->len; i++) {
		const struct world_finding *finding = outcome->findings->pdata[i];

		cr_expect(false, "%s: %s: %s: %s", script, variant, finding->kind, finding->text);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(zero); i++)
		cr_expect_eq(metric_of(outcome, zero[i]), 0, "%s: %s: %s", script, variant,
			     zero[i]);
}

static void run_under_all(const char *path)
{
	struct script_run run = {.path = path, .variants = sound};

	for (guint i = 0; sound[i]; i++) {
		struct world_outcome outcome = script_run(&run, i);

		expect_no_finding(&outcome, path, sound[i]);
		world_outcome_clear(&outcome);
	}
}

/* The scripts whose names begin so, each by itself. */
static void run_all(const char *prefix)
{
	char *directory = g_build_filename(EXTENTSIM_DATADIR, "tests/fstests", NULL);
	GDir *dir = g_dir_open(directory, 0, NULL);
	const char *name;
	guint count = 0;

	cr_assert(dir, "%s", directory);
	while ((name = g_dir_read_name(dir))) {
		char *path = g_build_filename(directory, name, NULL);

		if (g_str_has_prefix(name, prefix)) {
			run_under_all(path);
			count++;
		}
		g_free(path);
	}
	cr_expect_gt(count, 0u, "no script %s*", prefix);
	g_dir_close(dir);
	g_free(directory);
}

Test(fstests, policies_hold_and_names_need_their_keys)
{
	run_all("generic-3");
	run_all("generic-4");
}

Test(fstests, keys_come_and_go_as_they_should_and_no_write_is_lost)
{
	run_all("generic-5");
	run_all("generic-6");
}

Test(fstests, shared_extents_stay_readable_under_their_policy)
{
	run_all("btrfs-");
}
