/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The test runner. Criterion 2.4.1 ends with success when a filter or a linker option leaves no
 * test, and its --timeout does not reach tests that set none; both are mended here.
 */
#include <criterion/criterion.h>
#include <criterion/hooks.h>
#include <criterion/internal/ordered-set.h>
#include <stdio.h>

enum { TEST_TIMEOUT_S = 120, EXIT_NOTHING_RAN = 5 };

static size_t ran;

ReportHook(POST_ALL)(struct criterion_global_stats *stats)
{
	ran = stats->tests_passed + stats->tests_failed + stats->tests_crashed;
}

static void limit_tests_without_timeout(struct criterion_test_set *set)
{
	FOREACH_SET(struct criterion_suite_set * s, set->suites)
	FOREACH_SET(struct criterion_test * t, s->tests)
	if (t->data->timeout <= 0)
		t->data->timeout = TEST_TIMEOUT_S;
}

int main(int argc, char **argv)
{
	struct criterion_test_set *set = criterion_initialize();
	int rc = 0;

	if (criterion_handle_args(argc, argv, true)) {
		limit_tests_without_timeout(set);
		rc = !criterion_run_all_tests(set);
		if (!rc && !ran) {
			fputs("no unit test ran\n", stderr);
			rc = EXIT_NOTHING_RAN;
		}
	}
	criterion_finalize(set);
	return rc;
}
