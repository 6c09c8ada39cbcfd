/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A bounded run of the fuzzer; and that it finds, shrinks and hands on what is planted. */
#include "tests/fuzz/fuzz.h"

#include <criterion/criterion.h>
#include <glib/gstdio.h>
#include <string.h>

#include "models/world.h"

/* Shrinking makes up to SHRINK_RUNS worlds, which takes minutes under the address sanitizer: those builds
 * leave it to the others. */
#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define SHRINKING_IS_SLOW true
#else
#define SHRINKING_IS_SLOW false
#endif

enum { OPERATIONS = 480, CASES = 220, SHRINK_RUNS = 2000 };

/* Runs cases from `seed` on until one finds the kind; NULL: `cases` did not. */
static struct fuzz_case *seek(const char *variant, const char *kind, uint64_t seed, uint32_t cases)
{
	const struct fuzz_options options = {.operations = OPERATIONS, .variant = variant};

	for (uint64_t end = seed + cases; seed < end; seed++) {
		struct fuzz_case *c = fuzz_generate(seed, &options);
		struct fuzz_verdict verdict = fuzz_run(c);
		bool found = fuzz_first(c, &verdict, kind) != NULL;

		fuzz_verdict_clear(&verdict);
		if (found)
			return c;
		fuzz_case_free(c);
	}
	return NULL;
}

static void expect_nothing(uint64_t seed)
{
	const struct fuzz_options options = {.operations = OPERATIONS};
	struct fuzz_case *c = fuzz_generate(seed, &options);
	struct fuzz_verdict verdict = fuzz_run(c);
	const struct fuzz_finding *found = fuzz_first(c, &verdict, NULL);

	cr_expect_null(verdict.refused, "seed %lu: %s", (unsigned long)seed, verdict.refused);
	cr_expect_null(found, "make fuzz FIRST=%lu SEEDS=1: %s under %s: %s", (unsigned long)seed,
		       found->kind, c->variant, found->text);
	fuzz_verdict_clear(&verdict);
	fuzz_case_free(c);
}

/* A hundred thousand operations, in quarters that run side by side. */
static void expect_nothing_of_quarter(uint64_t quarter)
{
	for (uint64_t seed = 1 + quarter * CASES / 4; seed <= (quarter + 1) * CASES / 4; seed++)
		expect_nothing(seed);
}

Test(fuzz, random_scripts_find_nothing_unexpected_1)
{
	expect_nothing_of_quarter(0);
}

Test(fuzz, random_scripts_find_nothing_unexpected_2)
{
	expect_nothing_of_quarter(1);
}

Test(fuzz, random_scripts_find_nothing_unexpected_3)
{
	expect_nothing_of_quarter(2);
}

Test(fuzz, random_scripts_find_nothing_unexpected_4)
{
	expect_nothing_of_quarter(3);
}

Test(fuzz, a_seed_is_the_same_case_and_the_same_verdict_twice)
{
	const struct fuzz_options options = {.operations = OPERATIONS,
					     .variant = "design=inode setup=pool"};
	struct fuzz_case *a = fuzz_generate(11, &options), *b = fuzz_generate(11, &options);
	g_autofree char *text_a = fuzz_scenario_json(a), *text_b = fuzz_scenario_json(b);
	struct fuzz_verdict once = fuzz_run(a), twice = fuzz_run_apart(b);

	cr_expect_str_eq(text_a, text_b);
	cr_expect_eq(once.findings->len, twice.findings->len);
	for (guint i = 0; i < MIN(once.findings->len, twice.findings->len); i++) {
		const struct fuzz_finding *x = once.findings->pdata[i];
		const struct fuzz_finding *y = twice.findings->pdata[i];

		cr_expect_str_eq(x->kind, y->kind);
		cr_expect_str_eq(x->text, y->text);
	}
	fuzz_verdict_clear(&once);
	fuzz_verdict_clear(&twice);
	fuzz_case_free(a);
	fuzz_case_free(b);
}

/* ---- what is planted ---- */

static const struct planted {
	const char *variant, *kind;
	uint32_t cases; /* within which it is found */
	guint lines; /* to which it shrinks, at most */
} planted[] = {
	{"design=lightweight setup=pool iv=physical", "garbage", 20, 8},
	{"design=lightweight setup=library reflink.check=load", "garbage", 40, 16},
	{"design=enforced setup=pool layout=separate fault.context-not-copied=true",
	 "context missing", 10, 12},
	{"design=heavyweight setup=at-io layout=separate fault.context-not-copied=true", "garbage",
	 40, 20},
	{"design=lightweight setup=pool layout=separate fault.context-not-copied=true",
	 "write lost", 10, 12},
	{"design=enforced setup=library fault.evict-dirty=true", "write lost", 60, 20},
	{"design=lightweight setup=fallback fault.device-array-every=3 "
	 "fault.freed-key-in-slot=true",
	 "wrong key", 5, 12},
	{"design=heavyweight setup=library fault.leaked-info=true", "info leaked", 60, 20},
};

static struct fuzz_case *found_and_shrunk(const struct planted *p)
{
	struct fuzz_case *c = seek(p->variant, p->kind, 1, p->cases);
	uint32_t runs = SHRINK_RUNS;
	guint before;

	cr_assert_not_null(c, "%s: no '%s' in %u operations", p->variant, p->kind,
			   p->cases * OPERATIONS);
	before = c->lines->len;
	fuzz_shrink(c, p->kind, fuzz_run, &runs);
	cr_expect_leq(c->lines->len, p->lines, "%s: %u lines became %u in %u runs", p->variant,
		      before, c->lines->len, runs);
	return c;
}

/* And without its fault the case finds nothing. */
static void expect_found(size_t i)
{
	struct fuzz_case *c = found_and_shrunk(&planted[i]);
	struct fuzz_verdict verdict;

	*strrchr(c->variant, ' ') = '\0'; /* the fault stands last */
	verdict = fuzz_run(c);
	cr_expect_null(fuzz_first(c, &verdict, planted[i].kind), "%s", c->variant);
	fuzz_verdict_clear(&verdict);
	fuzz_case_free(c);
}

Test(fuzz, finds_an_iv_by_address_and_shrinks_it, .disabled = SHRINKING_IS_SLOW)
{
	expect_found(0);
}

Test(fuzz, finds_a_clone_checked_too_late_and_shrinks_it, .disabled = SHRINKING_IS_SLOW)
{
	expect_found(1);
}

Test(fuzz, finds_a_context_that_was_not_copied_and_shrinks_it, .disabled = SHRINKING_IS_SLOW)
{
	expect_found(2);
}

Test(fuzz, finds_a_context_that_was_left_behind_and_shrinks_it, .disabled = SHRINKING_IS_SLOW)
{
	expect_found(3);
}

Test(fuzz, finds_a_context_in_the_way_of_another_and_shrinks_it, .disabled = SHRINKING_IS_SLOW)
{
	expect_found(4);
}

Test(fuzz, finds_a_key_freed_in_its_slot_and_shrinks_it, .disabled = SHRINKING_IS_SLOW)
{
	expect_found(6);
}

Test(fuzz, finds_an_info_that_is_not_given_back_and_shrinks_it, .disabled = SHRINKING_IS_SLOW)
{
	expect_found(7);
}

Test(fuzz, finds_a_dirty_inode_that_was_evicted_and_shrinks_it, .disabled = SHRINKING_IS_SLOW)
{
	expect_found(5);
}

/* ---- what is handed on ---- */

static bool world_finds(const char *path, const char *variant, const char *kind)
{
	g_autofree char *named = g_strdup_printf("fuzzed: %s", variant);
	const char *const variants[] = {named, NULL};
	const struct scenario_options load = {.variants = variants};
	GError *error = NULL;
	struct scenario *scenario = scenario_load(path, &load, &world_registry, &error);
	struct world_options options = {.scenario = scenario};
	struct world_outcome outcome;
	bool found = false;

	cr_assert(scenario, "%s", error ? error->message : "?");
	options.variant = scenario->variants->pdata[0];
	cr_assert(world_run(&options, &outcome, &error));
	for (guint i = 0; i < outcome.findings->len; i++)
		found |= !strcmp(((struct world_finding *)outcome.findings->pdata[i])->kind, kind);
	world_outcome_clear(&outcome);
	scenario_free(scenario);
	return found;
}

Test(fuzz, a_written_case_finds_the_same_when_it_is_run, .disabled = SHRINKING_IS_SLOW)
{
	g_autofree char *folder = g_dir_make_tmp("fuzz-XXXXXX", NULL);
	const struct planted *p = &planted[0];
	struct fuzz_case *c = found_and_shrunk(p);
	g_autofree char *command = fuzz_write(c, folder, "case");
	g_autofree char *path = g_build_filename(folder, "case.ops", NULL);

	cr_expect(strstr(command, path), "%s", command);
	cr_expect(strstr(command, "design=lightweight"), "%s", command);
	cr_expect(world_finds(path, c->variant, p->kind));
	g_remove(path);
	g_rmdir(folder);
	fuzz_case_free(c);
}
