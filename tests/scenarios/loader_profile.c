/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cost profiles: what they must hold and how errors name it. */
#include "tests/scenarios/loader_support.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

TestSuite(loader_profile);

Test(loader_profile, constants_quantiles_and_estimates_are_read)
{
	char *library = loader_library();
	g_autofree char *text = loader_profile(
		"costs", "hkdf_expand",
		"{\"quantiles\": {\"0\": \"970ns\", \"50\": 1010, \"100\": \"2us\"},\n"
		" \"source\": \"measured\", \"estimate\": true, \"range\": [\"500ns\", 3000]}");
	g_autofree char *path = loader_file(library, "own.json", text);
	g_autoptr(GError) error = NULL;
	struct cost_profile *profile = cost_profile_load(path, &error);
	const struct cost_entry *hkdf;

	cr_assert_not_null(profile, "%s", error ? error->message : "");
	hkdf = &profile->cost[COST_HKDF_EXPAND];
	cr_expect_eq(hkdf->dist.kind, SIM_DIST_QUANTILES);
	cr_expect_eq(hkdf->dist.points, 3);
	cr_expect_eq(hkdf->dist.point[1].per_mille, 500);
	cr_expect_eq(hkdf->dist.point[2].ns, 2000);
	cr_expect(hkdf->estimate);
	cr_expect_eq(hkdf->low_ns, 500);
	cr_expect_eq(hkdf->high_ns, 3000);
	cr_expect_str_eq(hkdf->source, "measured");
	cr_expect_eq(profile->cost[COST_SYSCALL].dist.a, 100);
	cr_expect_eq(profile->size[SIZE_PAGE].value, 10);
	cr_expect_str_eq(profile->kernel, "6.12");
	cr_expect_eq(strlen(profile->digest), 64);
	cost_profile_free(profile);
	loader_library_remove(library);
	g_free(library);
}

static const struct {
	const char *section, *name, *entry, *message;
} bad[] = {
	{"costs", "hkdf_expand", NULL,
	 ": error: the profile lacks the cost \"hkdf_expand\" (deriving one per-file or per-extent "
	 "key)"},
	{"sizes", "page", NULL, ": error: the profile lacks the size \"page\" (one page)"},
	{"costs", "syscall", "{\"ns\": 5, \"source\": \"x\"},\n\"hkdf_expend\": {}",
	 ":4:1: error: unknown cost \"hkdf_expend\"\ndid you mean \"hkdf_expand\"?"},
	{"costs", "syscall", "{\"ns\": 5}",
	 ":3:12: error: syscall lacks the key \"source\"\nwhere the figure comes from"},
	{"costs", "syscall", "{\"ns\": 5, \"source\": \"\"}",
	 ":3:12: error: syscall: \"source\" is empty"},
	{"costs", "syscall", "{\"source\": \"x\"}",
	 ":3:12: error: syscall needs either \"ns\" or \"quantiles\""},
	{"costs", "syscall", "{\"ns\": -5, \"source\": \"x\"}",
	 ":3:19: error: syscall: a time can't be negative"},
	{"costs", "syscall", "{\"ns\": \"5\", \"source\": \"x\"}",
	 ":3:19: error: syscall: expected a time with a unit, such as \"80us\", got \"5\""},
	{"costs", "syscall", "{\"ns\": 5, \"source\": \"x\", \"estimate\": true}",
	 ":3:12: error: an estimate needs its \"range\": [low, high]"},
	{"costs", "syscall", "{\"ns\": 5, \"source\": \"x\", \"range\": [9, 1]}",
	 ":3:46: error: range: the first bound is the smaller one"},
	{"costs", "syscall", "{\"ns\": 5, \"source\": \"x\", \"sourec\": \"y\"}",
	 ":3:37: error: unknown key \"sourec\" in syscall\ndid you mean \"source\"?"},
	{"costs", "syscall", "{\"quantiles\": {\"50\": 3}, \"source\": \"x\"}",
	 ":3:26: error: quantiles: quantiles must begin with 0 and end with 100, got "
	 "\"quantiles 50:3ns\""},
	{"sizes", "page", "{\"value\": \"4KiB\", \"source\": \"x\"}",
	 ": error: page: expected an integer that is not negative"},
};

Test(loader_profile, what_is_missing_unknown_or_malformed_is_named)
{
	char *library = loader_library();

	cr_assert_eq(chdir(library), 0);
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autofree char *text = loader_profile(bad[i].section, bad[i].name, bad[i].entry);
		g_free(loader_file(library, "own.json", text));
		g_autoptr(GError) error = NULL;
		struct cost_profile *profile = cost_profile_load("own.json", &error);

		cr_assert_null(profile, "accepted; expected %s", bad[i].message);
		cr_expect(g_str_has_prefix(error->message, "own.json:"), "%s", error->message);
		cr_expect(g_str_has_suffix(error->message, bad[i].message), "got %s\nwant %s",
			  error->message, bad[i].message);
	}
	cr_assert_eq(chdir("/"), 0);
	loader_library_remove(library);
	g_free(library);
}

Test(loader_profile, a_broken_profile_is_named_and_not_the_scenario)
{
	char *library = loader_library();
	g_autoptr(GError) error = NULL;

	cr_assert_eq(chdir(library), 0);
	g_free(loader_file(library, "scenarios/profiles/aes-ni-6.12.json", "{\"name\": 1}"));
	cr_expect_null(scenario_load("first-run", NULL, &fake_registry, &error));
	cr_expect(strstr(error->message, "profiles/aes-ni-6.12.json:1:10: error: name: expected a "
					 "text, got 1"),
		  "%s", error->message);
	cr_assert_eq(chdir("/"), 0);
	loader_library_remove(library);
	g_free(library);
}

Test(loader_profile, every_profile_of_the_library_is_whole)
{
	g_auto(GStrv) names = NULL;

	g_unsetenv("EXTENTSIM_DATADIR");
	names = scenario_library("scenarios/profiles", ".json");
	for (char **name = names; *name; name++) {
		g_autoptr(GError) error = NULL;
		struct cost_profile *profile = cost_profile_load(*name, &error);

		cr_expect_not_null(profile, "%s", error ? error->message : "no reason");
		cr_expect_str_eq(profile ? profile->name : "", *name);
		cost_profile_free(profile);
	}
}

Test(loader_profile, a_profile_of_the_library_is_written_as_it_stands)
{
	g_auto(GStrv) names = NULL;

	g_unsetenv("EXTENTSIM_DATADIR");
	names = scenario_library("scenarios/profiles", ".json");
	for (char **name = names; *name; name++) {
		g_autofree char *file = g_strconcat(*name, ".json", NULL);
		g_autofree char *path = scenario_data_path("scenarios/profiles", file);
		struct cost_profile *profile = cost_profile_load(*name, NULL);
		g_autofree char *text = NULL, *written = cost_profile_text(profile);

		cr_assert(g_file_get_contents(path, &text, NULL, NULL));
		cr_expect_str_eq(written, text, "%s", *name);
		cost_profile_free(profile);
	}
}
