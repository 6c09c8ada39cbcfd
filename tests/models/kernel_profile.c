/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cost profiles that ship: complete, sourced, and estimates within their own ranges. */
#include <criterion/criterion.h>
#include <jansson.h>
#include "tests/models/kernel_fixture.h"

static const char *const profiles[] = {"aes-ni-6.12", "sw-aes-6.18", "vaes-6.12"};

static double ns_of(const json_t *json)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
	char *unit;
	double value;

	if (json_is_integer(json))
		return (double)json_integer_value(json);
	value = strtod(json_string_value(json), &unit);
	for (size_t i = 0; i < G_N_ELEMENTS(units); i++)
		if (!strcmp(unit, units[i].unit))
			return value * units[i].ns;
	cr_assert_fail("no unit: %s", json_string_value(json));
	return 0;
}

/* The figure that the range of an estimate is about: the value, or the median of a spread. */
static double middle_of(const json_t *entry)
{
	const json_t *quantiles = json_object_get(entry, "quantiles");
	const json_t *value = json_object_get(entry, "value");

	if (value)
		return (double)json_integer_value(value);
	if (!quantiles)
		return ns_of(json_object_get(entry, "ns"));
	if (json_object_get(quantiles, "50"))
		return ns_of(json_object_get(quantiles, "50"));
	return (ns_of(json_object_get(quantiles, "0")) + ns_of(json_object_get(quantiles, "100"))) /
	       2;
}

static void check_entry(const char *profile, const char *name, const json_t *entry)
{
	const char *source = json_string_value(json_object_get(entry, "source"));
	const json_t *range = json_object_get(entry, "range");
	double middle;

	cr_assert(entry, "%s lacks %s", profile, name);
	cr_expect(source && *source, "%s: %s has no source", profile, name);
	middle = middle_of(entry);
	cr_expect(middle > 0, "%s: %s is nothing", profile, name);
	cr_expect_eq(range != NULL, json_is_true(json_object_get(entry, "estimate")),
		     "%s: %s: an estimate has a range, a measurement none", profile, name);
	if (range) {
		double low = ns_of(json_array_get(range, 0)),
		       high = ns_of(json_array_get(range, 1));

		cr_expect(low <= middle && middle <= high, "%s: %s is out of its range", profile,
			  name);
	}
}

Test(kernel_profile, every_profile_has_every_primitive_with_its_source)
{
	for (size_t p = 0; p < G_N_ELEMENTS(profiles); p++) {
		char *path = g_strconcat(EXTENTSIM_DATADIR, "/scenarios/profiles/", profiles[p],
					 ".json", NULL);
		json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
		const json_t *costs = json_object_get(root, "costs");
		const json_t *sizes = json_object_get(root, "sizes");

		cr_assert(root, "%s", path);
		cr_expect_str_eq(json_string_value(json_object_get(root, "name")), profiles[p]);
		for (int i = 0; i < KERNEL_COSTS; i++)
			check_entry(profiles[p], kernel_cost_table[i].name,
				    json_object_get(costs, kernel_cost_table[i].name));
		for (int i = 0; i < KERNEL_SIZES; i++)
			check_entry(profiles[p], kernel_size_table[i].name,
				    json_object_get(sizes, kernel_size_table[i].name));
		EXPECT_U64(json_object_size(costs), KERNEL_COSTS);
		EXPECT_U64(json_object_size(sizes), KERNEL_SIZES);
		json_decref(root);
		g_free(path);
	}
}
