/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where two runs part, as far as their documents tell, and what was given differently. */
#include "results/results.h"

#include <inttypes.h>
#include <string.h>

/* ---- the interval --------------------------------------------------------------------------- */

static const struct sim_mark *mark_after(const struct results_replication *run, uint64_t events)
{
	uint64_t i = events / run->mark_interval - 1;

	return i < run->marks->len ? &g_array_index(run->marks, struct sim_mark, i) : NULL;
}

void results_part(const struct results_replication *a, const struct results_replication *b,
		  struct results_parting *parting)
{
	uint64_t interval = MAX(a->mark_interval, b->mark_interval);

	*parting = (struct results_parting){.first = 1, .last = INT64_MAX, .to_ns = SIM_NEVER};
	parting->part = a->digest != b->digest || a->events != b->events;
	if (!parting->part || !a->mark_interval || !b->mark_interval)
		return;
	for (uint64_t events = interval;; events += interval) {
		const struct sim_mark *of_a = mark_after(a, events), *of_b = mark_after(b, events);

		if (!of_a || !of_b)
			return;
		if (of_a->digest != of_b->digest) {
			parting->last = events;
			parting->to_ns = MAX(of_a->ns, of_b->ns);
			return;
		}
		parting->first = events + 1;
		parting->from_ns = of_a->ns;
	}
}

/* ---- the same scenario ---------------------------------------------------------------------- */

bool results_same_scenario(const struct results_doc *a, const struct results_doc *b, GError **error)
{
	if (!strcmp(a->scenario.digest, b->scenario.digest) ||
	    !strcmp(a->scenario.name, b->scenario.name))
		return true;
	g_set_error(
		error, RESULTS_ERROR, RESULTS_ERROR_NOT_COMPARABLE,
		"not runs of one scenario: one is of %s, the other of %s\n"
		"runs of one that differ in --set, --variant, --seed or the program's version can "
		"be followed to where they part",
		a->scenario.name, b->scenario.name);
	return false;
}

/* ---- what was given ------------------------------------------------------------------------- */

static void given_free(gpointer arg)
{
	struct results_given *given = arg;

	g_free(given->what);
	g_free(given->a);
	g_free(given->b);
	g_free(given);
}

/* NULL: not given at all. */
static void add(GPtrArray *list, const char *what, const char *a, const char *b)
{
	struct results_given *given;

	if (!g_strcmp0(a, b))
		return;
	given = g_new(struct results_given, 1);
	*given = (struct results_given){g_strdup(what), g_strdup(a ? a : "none"),
					g_strdup(b ? b : "none")};
	g_ptr_array_add(list, given);
}

static const char *value_of(const GPtrArray *pairs, const char *key)
{
	for (guint i = 0; i < pairs->len; i++) {
		const struct results_pair *pair = pairs->pdata[i];

		if (!strcmp(pair->key, key))
			return pair->value;
	}
	return NULL;
}

/* A baseline's document leaves out what follows from the rest: that is no difference. */
static void add_pairs(GPtrArray *list, const char *prefix, const GPtrArray *a, const GPtrArray *b)
{
	if (!a->len || !b->len)
		return;
	for (guint i = 0; i < a->len + b->len; i++) {
		const struct results_pair *pair = i < a->len ? a->pdata[i] : b->pdata[i - a->len];
		g_autofree char *what = g_strconcat(prefix, pair->key, NULL);

		if (i < a->len || !value_of(a, pair->key))
			add(list, what, value_of(a, pair->key), value_of(b, pair->key));
	}
}

/* The entries of the cost profile as pairs, whose strings stay the document's. */
static GPtrArray *costs_of(const struct results_doc *doc)
{
	GPtrArray *pairs = g_ptr_array_new_with_free_func(g_free);

	for (guint i = 0; i < doc->costs->len; i++) {
		const struct results_cost *cost = doc->costs->pdata[i];
		struct results_pair *pair = g_new(struct results_pair, 1);

		*pair = (struct results_pair){cost->name, cost->value};
		g_ptr_array_add(pairs, pair);
	}
	return pairs;
}

static char *overrides_of(const struct results_doc *doc)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < doc->overrides->len; i++)
		g_string_append_printf(text, "%s%s", i ? " " : "",
				       (char *)doc->overrides->pdata[i]);
	if (!text->len)
		g_string_append(text, "none");
	return g_string_free(text, FALSE);
}

/* The head of a digest tells it from another. */
static void add_digest(GPtrArray *list, const char *what, const char *a, const char *b)
{
	enum { HEAD = 12 };
	g_autofree char *of_a = a ? g_strndup(a, HEAD) : NULL;
	g_autofree char *of_b = b ? g_strndup(b, HEAD) : NULL;

	add(list, what, of_a, of_b);
}

static void add_number(GPtrArray *list, const char *what, uint64_t a, uint64_t b)
{
	g_autofree char *of_a = g_strdup_printf("%" PRIu64, a);
	g_autofree char *of_b = g_strdup_printf("%" PRIu64, b);

	add(list, what, of_a, of_b);
}

GPtrArray *results_given(const struct results_doc *a, const struct results_variant *of_a,
			 const struct results_doc *b, const struct results_variant *of_b,
			 uint32_t replication)
{
	GPtrArray *list = g_ptr_array_new_with_free_func(given_free);
	g_autoptr(GPtrArray) costs_a = costs_of(a), costs_b = costs_of(b);
	g_autofree char *overrides_a = overrides_of(a), *overrides_b = overrides_of(b);

	add(list, "program", a->program_version, b->program_version);
	add_digest(list, "scenario's text", a->scenario.digest, b->scenario.digest);
	add(list, "--set", overrides_a, overrides_b);
	add_digest(list, "image", a->image.digest, b->image.digest);
	add_number(list, "seed", a->seeds[replication], b->seeds[replication]);
	add(list, "variant", of_a->name, of_b->name);
	add_pairs(list, "", of_a->settings, of_b->settings);
	add_pairs(list, "machine.", a->machine, b->machine);
	add(list, "cost profile", a->cost_profile.name, b->cost_profile.name);
	if (!costs_a->len || !costs_b->len)
		add_digest(list, "cost profile", a->cost_profile.digest, b->cost_profile.digest);
	add_pairs(list, "", costs_a, costs_b);
	return list;
}
