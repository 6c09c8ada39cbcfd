/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What has a shape, not one figure, read back: how latencies are spread, and series over time. */
#include "results/reader.h"

static void read_buckets(struct reader *r, const json_t *list, struct sim_distribution *values)
{
	uint64_t before = 0, count = 0;

	reader_enter(r, "buckets");
	for (size_t i = 0; i < json_array_size(list) && !r->failed; i++) {
		const json_t *pair = json_array_get(list, i);
		json_int_t upto = json_integer_value(json_array_get(pair, 0));
		json_int_t held = json_integer_value(json_array_get(pair, 1));
		struct sim_bucket bucket = {(uint64_t)upto, (uint64_t)held};

		reader_enter_index(r, i);
		if (json_array_size(pair) != 2 || upto < 0 || held < 1)
			reader_fail(r, "expected [bound, count]");
		else if (sim_distribution_bound(bucket.upto) != bucket.upto ||
			 (i && bucket.upto <= before))
			reader_fail(r, "not the bound of a bucket, or out of order");
		before = bucket.upto;
		count += bucket.count;
		g_array_append_val(values->buckets, bucket);
		reader_leave(r);
	}
	if (!r->failed && count != values->count)
		reader_fail(r, "the buckets do not hold 'count' values");
	reader_leave(r);
}

static void read_distribution(struct reader *r, const char *name, const json_t *object,
			      struct results_variant *variant)
{
	static const char *const keys[] = {"unit", "count", "sum", "min", "max", "buckets", NULL};
	const json_t *list;
	const char *unit;
	struct sim_distribution *values;

	reader_keys(r, object, keys);
	unit = reader_string(r, object, "unit");
	list = reader_array(r, object, "buckets");
	reader_count_figures(r, json_array_size(list));
	if (r->failed)
		return;
	values = variant_distribution(variant, name, unit);
	values->count = (uint64_t)reader_int(r, object, "count", 1);
	values->sum = (uint64_t)reader_int(r, object, "sum", 0);
	values->min = (uint64_t)reader_int(r, object, "min", 0);
	values->max = (uint64_t)reader_int(r, object, "max", (int64_t)values->min);
	if (!r->failed)
		read_buckets(r, list, values);
	if (!r->failed &&
	    (g_array_index(values->buckets, struct sim_bucket, 0).upto !=
		     sim_distribution_bound(values->min) ||
	     g_array_index(values->buckets, struct sim_bucket, values->buckets->len - 1).upto !=
		     sim_distribution_bound(values->max)))
		reader_fail(r, "'min' and 'max' do not lie in the first and the last bucket");
}

/* As many points of each figure as there are of the first. */
static struct sim_series *read_points(struct reader *r, const json_t *figures, GPtrArray *names)
{
	size_t count = json_object_size(figures), f = 0;
	struct sim_series *series = count ? sim_series_new((uint32_t)count) : NULL;
	const char *name;
	json_t *list;

	reader_enter(r, "figures");
	if (!count)
		reader_fail(r, "expected a figure at least");
	json_object_foreach((json_t *)figures, name, list)
	{
		size_t points = json_array_size(list);

		reader_enter(r, name);
		g_ptr_array_add(names, g_strdup(name));
		if (!json_is_array(list) || points > SIM_SERIES_POINTS ||
		    (f && points != series->points))
			reader_fail(r,
				    "expected an array of as many points as the others, at most "
				    "%d",
				    SIM_SERIES_POINTS);
		if (r->failed)
			break;
		series->points = (uint32_t)points;
		for (size_t i = 0; i < points && !r->failed; i++) {
			const json_t *value = json_array_get(list, i);

			reader_enter_index(r, i);
			if (!json_is_integer(value))
				reader_fail(r, "expected an integer");
			series->point[i * count + f] = json_integer_value(value);
			reader_leave(r);
		}
		reader_leave(r);
		f++;
	}
	reader_leave(r);
	return series;
}

static void read_one_series(struct reader *r, const char *name, const json_t *object,
			    struct results_variant *variant)
{
	static const char *const keys[] = {"unit", "replication", "interval_ns", "figures", NULL};
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	const json_t *figures;
	const char *unit;
	struct sim_series *points;
	int64_t interval;

	reader_keys(r, object, keys);
	unit = reader_string(r, object, "unit");
	reader_int(r, object, "replication", 0);
	interval = reader_int(r, object, "interval_ns", 1);
	figures = reader_object(r, object, "figures");
	reader_count_figures(r, json_object_size(figures) * SIM_SERIES_POINTS);
	if (r->failed)
		return;
	points = read_points(r, figures, names);
	g_ptr_array_add(names, NULL);
	if (r->failed) {
		sim_series_free(points);
		return;
	}
	points->interval = (sim_ns)interval;
	variant_series_add(variant, name, unit, points, (const char *const *)names->pdata);
}

static void read_named(struct reader *r, const json_t *object, const char *key,
		       struct results_variant *variant,
		       void (*read_one)(struct reader *, const char *, const json_t *,
					struct results_variant *))
{
	const json_t *members = reader_object(r, object, key);
	const char *name;
	json_t *value;

	reader_enter(r, key);
	json_object_foreach((json_t *)members, name, value)
	{
		reader_enter(r, name);
		if (!r->failed)
			read_one(r, name, value, variant);
		reader_leave(r);
	}
	reader_leave(r);
}

void read_shapes(struct reader *r, const json_t *object, struct results_variant *variant)
{
	if (r->version < RESULTS_SCHEMA_VERSION)
		return;
	read_named(r, object, "distributions", variant, read_distribution);
	read_named(r, object, "series", variant, read_one_series);
}
