/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loading a cost profile. A primitive that it lacks is an error, never a default. */
#include "scenarios/loader.h"

#include <string.h>

char *json_digest(const json_t *json)
{
	char *text = json_dumps(json, JSON_SORT_KEYS | JSON_COMPACT);
	char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);

	free(text);
	return digest;
}

struct profile_keys {
	char *name, *kernel, *cpu, *doc;
};

const struct sim_param profile_params[] = {
	{.name = "name",
	 .type = SIM_PARAM_TEXT,
	 .offset = offsetof(struct profile_keys, name),
	 .help = "short name"},
	{.name = "kernel",
	 .type = SIM_PARAM_TEXT,
	 .offset = offsetof(struct profile_keys, kernel),
	 .help = "the one kernel version that the figures are of"},
	{.name = "cpu",
	 .type = SIM_PARAM_TEXT,
	 .offset = offsetof(struct profile_keys, cpu),
	 .help = "the one CPU that the figures are of"},
	{.name = "doc",
	 .type = SIM_PARAM_TEXT,
	 .offset = offsetof(struct profile_keys, doc),
	 .fallback = "",
	 .help = "how the figures came about"},
	{.name = NULL},
};
static const char *const profile_sections[] = {"$schema", "costs", "sizes", NULL};

/* What stands in one entry of "costs" or "sizes", before it is checked. */
struct entry_keys {
	char *source;
	int64_t estimate;
};
const struct sim_param profile_entry_params[] = {
	{.name = "source",
	 .type = SIM_PARAM_TEXT,
	 .offset = offsetof(struct entry_keys, source),
	 .help = "where the figure comes from"},
	{.name = "estimate",
	 .type = SIM_PARAM_BOOL,
	 .offset = offsetof(struct entry_keys, estimate),
	 .fallback = "false",
	 .help = "true: guessed; needs a range"},
	{.name = NULL},
};
static const char *const cost_sections[] = {"ns", "quantiles", "range", NULL};
static const char *const size_sections[] = {"value", "range", NULL};

/* A time as a number of nanoseconds or a text with a unit. */
static bool read_ns(struct loader *loader, const json_t *json, const char *what, sim_ns *ns,
		    GError **error)
{
	const struct sim_param param = {.name = what, .type = SIM_PARAM_TIME};
	int64_t value;

	if (json_is_integer(json)) {
		if (json_integer_value(json) < 0)
			return loader_fail(loader, error, "%s: a time can't be negative", what);
		*ns = (sim_ns)json_integer_value(json);
		return true;
	}
	if (!read_value(loader, &param, json, &value, error))
		return false;
	*ns = (sim_ns)value;
	return true;
}

static bool read_quantiles(struct loader *loader, const json_t *json, struct sim_dist *dist,
			   GError **error)
{
	g_autoptr(GString) text = g_string_new("quantiles");
	GError *cause = NULL;
	const char *per_cent;
	json_t *value;

	if (!read_is_object(loader, json, error))
		return false;
	json_object_foreach((json_t *)json, per_cent, value)
	{
		size_t mark = loader_enter(loader, per_cent);
		sim_ns ns = 0;

		if (!read_ns(loader, value, per_cent, &ns, error))
			return false;
		g_string_append_printf(text, " %s:%" G_GUINT64_FORMAT "ns", per_cent, ns);
		loader_leave(loader, mark);
	}
	return sim_dist_parse("quantiles", text->str, dist, &cause) ||
	       loader_prefix(loader, cause, error);
}

static bool read_size(struct loader *loader, const json_t *json, const char *what, uint64_t *size,
		      GError **error)
{
	if (!json_is_integer(json) || json_integer_value(json) < 0)
		return loader_fail(loader, error, "%s: expected an integer that is not negative",
				   what);
	*size = (uint64_t)json_integer_value(json);
	return true;
}

/* "range": [low, high]; needed beside "estimate". Sizes and times alike. */
static bool read_range(struct loader *loader, const json_t *entry, bool sizes, bool needed,
		       uint64_t *low, uint64_t *high, GError **error)
{
	bool (*read)(struct loader *, const json_t *, const char *, uint64_t *, GError **) =
		sizes ? read_size : read_ns;
	const json_t *range = json_object_get(entry, "range");
	uint64_t *bound[2] = {low, high};
	size_t mark;

	if (!range)
		return !needed ||
		       loader_fail(loader, error, "an estimate needs its \"range\": [low, high]");
	mark = loader_enter(loader, "range");
	if (!json_is_array(range) || json_array_size(range) != 2)
		return loader_fail(loader, error, "range: expected [low, high]");
	for (size_t i = 0; i < 2; i++) {
		size_t at = loader_enter_index(loader, i);

		if (!read(loader, json_array_get(range, i), "range", bound[i], error))
			return false;
		loader_leave(loader, at);
	}
	if (*low > *high)
		return loader_fail(loader, error, "range: the first bound is the smaller one");
	loader_leave(loader, mark);
	return true;
}

static bool read_entry_keys(struct loader *loader, const json_t *json, const char *const *sections,
			    const char *what, char **source, bool *estimate, GError **error)
{
	struct entry_keys keys = {.source = NULL};

	if (!read_object(loader, json, profile_entry_params, sections, what, &keys, error)) {
		sim_param_clear(profile_entry_params, &keys);
		return false;
	}
	g_free(*source);
	*source = keys.source;
	*estimate = keys.estimate;
	if (!**source)
		return loader_fail(loader, error, "%s: \"source\" is empty", what);
	return true;
}

static bool read_cost(struct loader *loader, const json_t *json, const char *name, void *entry,
		      GError **error)
{
	struct cost_entry *cost = entry;
	const json_t *ns = json_object_get(json, "ns");
	const json_t *quantiles = json_object_get(json, "quantiles");
	size_t mark;
	bool fine;

	if (!read_entry_keys(loader, json, cost_sections, name, &cost->source, &cost->estimate,
			     error))
		return false;
	if (!ns == !quantiles)
		return loader_fail(loader, error, "%s needs either \"ns\" or \"quantiles\"", name);
	mark = loader_enter(loader, ns ? "ns" : "quantiles");
	cost->dist.kind = SIM_DIST_CONSTANT;
	fine = ns ? read_ns(loader, ns, name, &cost->dist.a, error)
		  : read_quantiles(loader, quantiles, &cost->dist, error);
	loader_leave(loader, mark);
	return fine && read_range(loader, json, false, cost->estimate, &cost->low_ns,
				  &cost->high_ns, error);
}

static bool read_size_entry(struct loader *loader, const json_t *json, const char *name,
			    void *entry, GError **error)
{
	struct size_entry *size = entry;
	const json_t *value = json_object_get(json, "value");
	size_t mark;

	if (!read_entry_keys(loader, json, size_sections, name, &size->source, &size->estimate,
			     error))
		return false;
	if (!value)
		return loader_fail(loader, error, "%s lacks the key \"value\"", name);
	mark = loader_enter(loader, "value");
	if (!read_size(loader, value, name, &size->value, error))
		return false;
	loader_leave(loader, mark);
	return read_range(loader, json, true, size->estimate, &size->low, &size->high, error);
}

struct group {
	const char *section, *what;
	const struct kernel_name *table;
	size_t names, entry_bytes;
	bool (*read)(struct loader *, const json_t *, const char *, void *, GError **);
};

static bool read_group(struct loader *loader, const struct group *group, void *entries,
		       GError **error)
{
	const json_t *json = json_object_get(loader->root, group->section);
	const char *name;
	json_t *value;
	size_t mark;

	if (!json)
		return loader_fail(loader, error, "the profile lacks the key \"%s\"",
				   group->section);
	mark = loader_enter(loader, group->section);
	if (!read_is_object(loader, json, error))
		return false;
	json_object_foreach((json_t *)json, name, value)
	{
		int i = kernel_name_index(group->table, group->names, name);
		const char *nearest;
		size_t at = loader_enter(loader, name);

		if (i < 0) {
			nearest = kernel_name_nearest(group->table, group->names, name);
			return loader_fail_key(loader, error, "unknown %s \"%s\"%s%s%s",
					       group->what, name,
					       nearest ? "\ndid you mean \"" : "",
					       nearest ? nearest : "", nearest ? "\"?" : "");
		}
		if (!group->read(loader, value, name,
				 (char *)entries + (size_t)i * group->entry_bytes, error))
			return false;
		loader_leave(loader, at);
	}
	for (size_t i = 0; i < group->names; i++)
		if (!json_object_get(json, group->table[i].name))
			return loader_fail(loader, error, "the profile lacks the %s \"%s\" (%s)",
					   group->what, group->table[i].name,
					   group->table[i].meaning);
	loader_leave(loader, mark);
	return true;
}

static bool read_profile(struct loader *loader, struct cost_profile *profile, GError **error)
{
	static const struct group costs = {
		"costs",  "cost", kernel_cost_table, KERNEL_COSTS, sizeof(struct cost_entry),
		read_cost};
	static const struct group sizes = {
		"sizes",	"size", kernel_size_table, KERNEL_SIZES, sizeof(struct size_entry),
		read_size_entry};
	struct profile_keys keys = {.name = NULL};
	bool fine = read_object(loader, loader->root, profile_params, profile_sections,
				"the profile", &keys, error);

	profile->name = keys.name;
	profile->kernel = keys.kernel;
	profile->cpu = keys.cpu;
	profile->doc = keys.doc;
	profile->digest = json_digest(loader->root);
	return fine && read_group(loader, &costs, profile->cost, error) &&
	       read_group(loader, &sizes, profile->size, error);
}

struct cost_profile *cost_profile_load_beside(const char *name_or_path, const char *beside,
					      GError **error)
{
	g_autofree char *path = library_find("scenarios/profiles", ".json", "cost profile",
					     name_or_path, beside, error);
	struct cost_profile *profile = NULL;
	struct loader loader;

	if (!path)
		return NULL;
	loader_init(&loader);
	if (source_read(&loader.source, path, "cost profile", error))
		loader.root = source_json(&loader.source, error);
	if (loader.root) {
		profile = g_new0(struct cost_profile, 1);
		if (!read_profile(&loader, profile, error))
			g_clear_pointer(&profile, cost_profile_free);
	}
	loader_clear(&loader);
	return profile;
}

struct cost_profile *cost_profile_load(const char *name_or_path, GError **error)
{
	return cost_profile_load_beside(name_or_path, NULL, error);
}
