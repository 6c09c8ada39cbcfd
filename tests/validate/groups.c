/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every group of checks holds, but those that look at this machine. */
#include <criterion/criterion.h>

#include "validate/validate.h"

/* Builds made to find other faults are ten times slower: what is random is a fraction there. */
#if defined(__has_feature)
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif
#if !defined(__OPTIMIZE__) || defined(__SANITIZE_ADDRESS__) || HAS_FEATURE(address_sanitizer)
enum { SHRINK = 5 };
#else
enum { SHRINK = 1 };
#endif

static struct validate_report *run(const char *group, const volatile int *interrupted)
{
	char *names[] = {(char *)group, NULL};
	const struct validate_options options = {.groups = group ? names : NULL,
						 .seed = 1,
						 .shrink = SHRINK,
						 .interrupted = interrupted};
	struct validate_report *report = validate_report_new();
	GError *error = NULL;

	cr_assert(validate_run(&options, report, &error), "%s", error ? error->message : "?");
	return report;
}

static void expect_to_hold(const char *group, guint at_least)
{
	struct validate_report *report = run(group, NULL);

	cr_expect_geq(report->checks->len, at_least);
	for (guint i = 0; i < report->checks->len; i++) {
		const struct validate_check *check = report->checks->pdata[i];

		cr_expect_str_eq(check->group, group);
		cr_expect_eq(check->verdict, VALIDATE_HOLDS,
			     "%s: expected %s, obtained %s (%s): %s", check->what, check->expected,
			     check->obtained, check->interval, check->note);
		cr_expect(*check->source, "%s: from nowhere", check->what);
	}
	validate_report_free(report);
}

Test(validate, queues_meet_the_closed_forms)
{
	expect_to_hold("queues", 40);
}

Test(validate, caches_meet_other_algorithms_and_exact_hit_ratios)
{
	expect_to_hold("caches", 35);
}

Test(validate, btrfs_comes_out_as_recorded_and_its_trees_as_computed)
{
	expect_to_hold("btrfs", 25 + 14 + 18);
}

Test(validate, fscrypt_does_what_a_live_kernel_did)
{
	expect_to_hold("fscrypt", 45);
}

Test(validate, keyslots_do_in_every_short_history_what_the_reference_does)
{
	expect_to_hold("blk-crypto", 30);
}

Test(validate, operations_time_and_memory_are_conserved)
{
	expect_to_hold("conservation", 18);
}

Test(validate, an_interruption_ends_before_the_next_group_and_is_no_error)
{
	const volatile int interrupted = 1;
	struct validate_report *report = run(NULL, &interrupted);

	cr_expect_eq(report->checks->len, 0);
	validate_report_free(report);
}

Test(validate, another_seed_draws_other_figures)
{
	char *names[] = {(char[]){"caches"}, NULL};
	struct validate_options options = {.groups = names, .shrink = 1000};
	GString *text[2] = {g_string_new(NULL), g_string_new(NULL)};

	for (int i = 0; i < 2; i++) {
		struct validate_report *report = validate_report_new();

		options.seed = (uint64_t)i;
		cr_assert(validate_run(&options, report, NULL));
		validate_json(report, text[i]);
		validate_report_free(report);
	}
	cr_expect_str_neq(text[0]->str, text[1]->str);
	g_string_free(text[0], true);
	g_string_free(text[1], true);
}
