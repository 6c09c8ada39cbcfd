/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One run's measurements by name. */
#include "sim_internal.h"

#include <stdarg.h>
#include <string.h>

struct metric {
	const struct sim_metric_def *def;
	char *name;
	int64_t value;
	bool part;
};

struct distribution {
	const struct sim_metric_def *def;
	char *name;
	struct sim_distribution *values;
};

struct series {
	const struct sim_metric_def *def;
	struct sim_series *points;
	const char *const *figures;
};

struct sim_metrics {
	GPtrArray *distributions, *series;
	GHashTable *by_name; /* name → struct metric, to find a name that is set twice */
	GPtrArray *sorted;
	bool is_sorted;
};

static void free_metric(gpointer data)
{
	struct metric *metric = data;

	g_free(metric->name);
	g_free(metric);
}

static void free_distribution(gpointer data)
{
	struct distribution *distribution = data;

	sim_distribution_free(distribution->values);
	g_free(distribution->name);
	g_free(distribution);
}

static void free_series(gpointer data)
{
	struct series *series = data;

	sim_series_free(series->points);
	g_free(series);
}

struct sim_metrics *sim_metrics_new(void)
{
	struct sim_metrics *metrics = g_new0(struct sim_metrics, 1);

	metrics->by_name = g_hash_table_new(g_str_hash, g_str_equal);
	metrics->sorted = g_ptr_array_new_with_free_func(free_metric);
	metrics->distributions = g_ptr_array_new_with_free_func(free_distribution);
	metrics->series = g_ptr_array_new_with_free_func(free_series);
	return metrics;
}

void sim_metrics_free(struct sim_metrics *metrics)
{
	if (!metrics)
		return;
	g_hash_table_unref(metrics->by_name);
	g_ptr_array_unref(metrics->sorted);
	g_ptr_array_unref(metrics->distributions);
	g_ptr_array_unref(metrics->series);
	g_free(metrics);
}

/* Each star stands for one or more characters. */
static bool fits_pattern(const char *pattern, const char *name)
{
	const char *star = NULL, *from = NULL;

	while (*name) {
		if (*pattern == '*') {
			star = ++pattern;
			from = ++name;
		} else if (*pattern == *name) {
			pattern++;
			name++;
		} else if (star) {
			pattern = star;
			name = ++from;
		} else {
			return false;
		}
	}
	return !*pattern;
}

static struct metric *add(struct sim_metrics *metrics, const struct sim_metric_def *def, char *name,
			  int64_t value)
{
	struct metric *metric = g_new(struct metric, 1);

	*metric = (struct metric){.def = def, .name = name, .value = value};
	if (!fits_pattern(def->name, name))
		g_error("metric %s is not one of %s", name, def->name);
	if (!g_hash_table_insert(metrics->by_name, name, metric))
		g_error("metric %s is set twice", name);
	g_ptr_array_add(metrics->sorted, metric);
	metrics->is_sorted = false;
	return metric;
}

void sim_metrics_set(struct sim_metrics *metrics, const struct sim_metric_def *def,
		     const char *name, int64_t value)
{
	add(metrics, def, g_strdup(name), value);
}

/* The stars of the definition's name, filled in. */
static char *name_for(const struct sim_metric_def *def, const char *instance, va_list instances)
{
	GString *name = g_string_new(NULL);

	for (const char *p = def->name; *p; p++) {
		if (*p != '*') {
			g_string_append_c(name, *p);
			continue;
		}
		g_assert(instance && "fewer instances than stars");
		g_string_append(name, instance);
		instance = va_arg(instances, const char *);
	}
	g_assert(!instance && "more instances than stars");
	return g_string_free(name, FALSE);
}

void sim_metrics_set_for(struct sim_metrics *metrics, const struct sim_metric_def *def,
			 int64_t value, const char *instance, ...)
{
	va_list instances;

	va_start(instances, instance);
	add(metrics, def, name_for(def, instance, instances), value);
	va_end(instances);
}

void sim_metrics_set_part_for(struct sim_metrics *metrics, const struct sim_metric_def *def,
			      int64_t value, const char *instance, ...)
{
	va_list instances;

	va_start(instances, instance);
	add(metrics, def, name_for(def, instance, instances), value)->part = true;
	va_end(instances);
}

size_t sim_metrics_count(const struct sim_metrics *metrics)
{
	return metrics->sorted->len;
}

static gint compare_names(gconstpointer a, gconstpointer b)
{
	const struct metric *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

/* Sorting is put off until somebody reads; what is measured stays the same. */
static void sort(const struct sim_metrics *metrics)
{
	struct sim_metrics *m = (struct sim_metrics *)metrics;

	if (m->is_sorted)
		return;
	g_ptr_array_sort(m->sorted, compare_names);
	m->is_sorted = true;
}

const char *sim_metrics_at(const struct sim_metrics *metrics, size_t i,
			   const struct sim_metric_def **def, int64_t *value)
{
	const struct metric *metric;

	g_assert(i < metrics->sorted->len);
	sort(metrics);
	metric = g_ptr_array_index(metrics->sorted, i);
	if (def)
		*def = metric->def;
	if (value)
		*value = metric->value;
	return metric->name;
}

bool sim_metrics_is_part(const struct sim_metrics *metrics, size_t i)
{
	sort(metrics);
	return ((const struct metric *)g_ptr_array_index(metrics->sorted, i))->part;
}

/* ---- distributions and series ---- */

static gint compare_distributions(gconstpointer a, gconstpointer b)
{
	const struct distribution *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

void sim_metrics_add_distribution(struct sim_metrics *metrics, const struct sim_metric_def *def,
				  const struct sim_histogram *h, const char *instance, ...)
{
	struct distribution *distribution = g_new(struct distribution, 1);
	va_list instances;

	va_start(instances, instance);
	*distribution = (struct distribution){def, name_for(def, instance, instances),
					      sim_distribution_of(h)};
	va_end(instances);
	g_ptr_array_add(metrics->distributions, distribution);
	g_ptr_array_sort(metrics->distributions, compare_distributions);
}

const char *sim_metrics_distribution(const struct sim_metrics *metrics, size_t i,
				     const struct sim_metric_def **def,
				     const struct sim_distribution **distribution)
{
	const struct distribution *found;

	if (i >= metrics->distributions->len)
		return NULL;
	found = metrics->distributions->pdata[i];
	*def = found->def;
	*distribution = found->values;
	return found->name;
}

static gint compare_series(gconstpointer a, gconstpointer b)
{
	const struct series *const *x = a, *const *y = b;

	return strcmp((*x)->def->name, (*y)->def->name);
}

void sim_metrics_add_series(struct sim_metrics *metrics, const struct sim_metric_def *def,
			    const struct sim_series *series, const char *const *figures)
{
	struct series *entry = g_new(struct series, 1);

	*entry = (struct series){def, sim_series_copy(series), figures};
	g_ptr_array_add(metrics->series, entry);
	g_ptr_array_sort(metrics->series, compare_series);
}

const char *sim_metrics_series(const struct sim_metrics *metrics, size_t i,
			       const struct sim_metric_def **def, const struct sim_series **series,
			       const char *const **figures)
{
	const struct series *found;

	if (i >= metrics->series->len)
		return NULL;
	found = metrics->series->pdata[i];
	*def = found->def;
	*series = found->points;
	*figures = found->figures;
	return found->def->name;
}
