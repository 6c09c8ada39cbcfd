/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine of a scenario: its sizes, its cost profile, and what the scenario changes in that. */
#include "scenarios/loader.h"

#include <string.h>

#define OWN_SOURCE "this scenario"

static int name_index(struct loader *loader, const struct kernel_name *table, size_t n,
		      const char *what, const char *name, GError **error)
{
	int i = kernel_name_index(table, n, name);
	const char *nearest;

	if (i >= 0)
		return i;
	nearest = kernel_name_nearest(table, n, name);
	if (nearest)
		loader_fail_key(loader, error, "unknown %s \"%s\"\ndid you mean \"%s\"?", what,
				name, nearest);
	else
		loader_fail_key(loader, error,
				"unknown %s \"%s\"\n`extentsim list costs` shows those known", what,
				name);
	return -1;
}

static bool override_cost(struct loader *loader, struct cost_profile *profile, const char *name,
			  const json_t *json, GError **error)
{
	const struct sim_param param = {
		.name = name, .type = SIM_PARAM_DIST, .offset = offsetof(struct cost_entry, dist)};
	int i = name_index(loader, kernel_cost_table, KERNEL_COSTS, "cost", name, error);

	if (i < 0 || !read_value(loader, &param, json, &profile->cost[i], error))
		return false;
	g_free(profile->cost[i].source);
	profile->cost[i].source = g_strdup(OWN_SOURCE);
	profile->cost[i].estimate = false;
	profile->cost[i].low_ns = profile->cost[i].high_ns = 0;
	return true;
}

static bool override_size(struct loader *loader, struct cost_profile *profile, const char *name,
			  const json_t *json, GError **error)
{
	const struct sim_param param = {.name = name, .type = SIM_PARAM_INT};
	int i = name_index(loader, kernel_size_table, KERNEL_SIZES, "size", name, error);
	int64_t value;

	if (i < 0 || !read_value(loader, &param, json, &value, error))
		return false;
	g_free(profile->size[i].source);
	profile->size[i] =
		(struct size_entry){.value = (uint64_t)value, .source = g_strdup(OWN_SOURCE)};
	return true;
}

static bool read_overrides(struct loader *loader, const char *section,
			   bool (*apply)(struct loader *, struct cost_profile *, const char *,
					 const json_t *, GError **),
			   struct cost_profile *profile, GError **error)
{
	const json_t *json = json_object_get(loader->root, section);
	const char *name;
	json_t *value;
	size_t mark;

	if (!json)
		return true;
	mark = loader_enter(loader, section);
	if (!read_is_object(loader, json, error))
		return false;
	json_object_foreach((json_t *)json, name, value)
	{
		size_t at = loader_enter(loader, name);

		if (strcmp(name, "doc") && !apply(loader, profile, name, value, error))
			return false;
		loader_leave(loader, at);
	}
	loader_leave(loader, mark);
	return true;
}

static bool scale(uint64_t *value, uint64_t factor)
{
	return !__builtin_mul_overflow(*value, factor, value) && *value <= INT64_MAX;
}

static bool scale_dist(struct sim_dist *dist, uint64_t factor)
{
	bool fine = scale(&dist->a, factor);

	if (dist->kind == SIM_DIST_UNIFORM)
		fine = scale(&dist->b, factor) && fine;
	for (uint32_t i = 0; dist->kind == SIM_DIST_QUANTILES && i < dist->points; i++)
		fine = scale(&dist->point[i].ns, factor) && fine;
	return fine;
}

static bool scale_profile(struct loader *loader, struct cost_profile *profile, int64_t factor,
			  GError **error)
{
	size_t mark = loader_enter(loader, "scale_times");

	for (size_t i = 0; factor > 1 && i < KERNEL_COSTS; i++) {
		struct cost_entry *cost = &profile->cost[i];
		char *source = g_strdup_printf("%s, times %" G_GINT64_FORMAT, cost->source, factor);

		g_free(cost->source);
		cost->source = source;
		if (!scale_dist(&cost->dist, (uint64_t)factor) ||
		    !scale(&cost->low_ns, (uint64_t)factor) ||
		    !scale(&cost->high_ns, (uint64_t)factor))
			return loader_fail(loader, error,
					   "scale_times: \"%s\" times %" G_GINT64_FORMAT
					   " does not fit into 64 bits",
					   kernel_cost_table[i].name, factor);
	}
	loader_leave(loader, mark);
	return true;
}

static bool load_profile(struct loader *loader, struct scenario *scenario, const char *name,
			 GError **error)
{
	size_t mark = loader_enter(loader, "machine"), at = loader_enter(loader, "profile");
	GError *cause = NULL;

	scenario->profile = cost_profile_load_beside(name, loader_beside(loader), &cause);
	if (!scenario->profile) {
		bool placed = strstr(cause->message, ": error: ") != NULL;

		if (!placed)
			return loader_prefix(loader, cause, error);
		g_propagate_error(error, cause);
		return false;
	}
	loader_leave(loader, at);
	loader_leave(loader, mark);
	return true;
}

struct cost_profile *scenario_base_profile(struct loader *loader, GError **error)
{
	const json_t *machine = json_object_get(loader->root, "machine");
	const char *name = json_string_value(json_object_get(machine, "profile"));
	struct scenario only = {.profile = NULL};

	if (!name)
		name = sim_param_find(machine_params, "profile")->fallback;
	load_profile(loader, &only, name, error);
	return only.profile;
}

/* "adiantum, aes-256-xts" as bits of enum cipher_mode. */
static bool read_modes(struct loader *loader, const char *text, uint32_t *modes, GError **error)
{
	g_auto(GStrv) words = g_strsplit(text ? text : "", ",", -1);
	size_t mark = loader_enter(loader, "modules_absent");

	*modes = 0;
	for (size_t i = 0; words[i]; i++) {
		const char *word = g_strstrip(words[i]);
		size_t mode = 0;

		while (mode < CIPHER_MODES && strcmp(cipher_mode_names[mode], word))
			mode++;
		if (mode == CIPHER_MODES)
			return loader_fail(loader, error,
					   "modules_absent: unknown cipher mode \"%s\"\nthose "
					   "known are aes-256-xts, aes-128-cbc-essiv, adiantum",
					   word);
		*modes |= UINT32_C(1) << mode;
	}
	loader_leave(loader, mark);
	return true;
}

static bool read_keys(struct loader *loader, struct scenario *scenario, struct machine_keys *keys,
		      GError **error)
{
	const json_t *json = json_object_get(loader->root, "machine");
	size_t mark = loader_enter(loader, "machine");
	uint32_t modules_absent;

	if (!json)
		sim_param_defaults(machine_params, keys);
	else if (!read_object(loader, json, machine_params, NULL, "the machine", keys, error))
		return false;
	if (keys->dirty_background_permille > keys->dirty_permille)
		return loader_fail(loader, error,
				   "dirty_background_permille (%" G_GINT64_FORMAT
				   ") is more than dirty_permille (%" G_GINT64_FORMAT ")",
				   keys->dirty_background_permille, keys->dirty_permille);
	if (!read_modes(loader, keys->modules_absent, &modules_absent, error))
		return false;
	loader_leave(loader, mark);
	scenario->machine = (struct machine_config){
		.cpus = (uint32_t)keys->cpus,
		.memory_bytes = (uint64_t)keys->memory_bytes,
		.devices = (uint32_t)keys->devices,
		.device_channels = (uint32_t)keys->device_channels,
		.dirty_background_permille = (uint32_t)keys->dirty_background_permille,
		.dirty_permille = (uint32_t)keys->dirty_permille,
		.flushers = keys->flushers,
		.modules_absent = modules_absent,
	};
	return true;
}

static void take_means(struct cost_profile *profile)
{
	for (size_t i = 0; i < KERNEL_COSTS; i++)
		profile->cost[i].dist = (struct sim_dist){
			.kind = SIM_DIST_CONSTANT, .a = sim_dist_mean(&profile->cost[i].dist)};
}

bool scenario_read_machine(struct loader *loader, struct scenario *scenario, int64_t scale_times,
			   GError **error)
{
	struct machine_keys keys = {.profile = NULL};
	bool fine = read_keys(loader, scenario, &keys, error) &&
		    load_profile(loader, scenario, keys.profile, error);

	sim_param_clear(machine_params, &keys);
	if (!fine)
		return false;
	scenario->machine.profile = scenario->profile;
	fine = read_overrides(loader, "costs", override_cost, scenario->profile, error) &&
	       read_overrides(loader, "sizes", override_size, scenario->profile, error);
	/* Before the scaling, so that a rounded mean is scaled exactly. */
	if (fine && !keys.spread)
		take_means(scenario->profile);
	return fine && scale_profile(loader, scenario->profile, scale_times, error);
}

bool scenario_read_filesystem(struct loader *loader, struct scenario *scenario, GError **error)
{
	const json_t *json = json_object_get(loader->root, "filesystem");
	struct filesystem_keys keys = {.image = NULL};
	size_t mark = loader_enter(loader, "filesystem"), at;
	GError *cause = NULL;
	bool fine;

	if (!json)
		sim_param_defaults(filesystem_params, &keys);
	fine = !json ||
	       read_object(loader, json, filesystem_params, NULL, "the filesystem", &keys, error);
	if (fine && keys.key && !keys.image)
		fine = loader_fail(loader, error,
				   "\"key\" without \"image\": there is no file to encrypt");
	if (fine && keys.data_mirrors > scenario->machine.devices)
		fine = loader_fail(loader, error,
				   "\"data_mirrors\" is more than the machine has devices\n"
				   "give it that many: machine.devices");
	at = loader_enter(loader, "image");
	if (fine && keys.image) {
		scenario->image_path = library_find("scenarios/images", ".image", "image",
						    keys.image, loader_beside(loader), &cause);
		if (scenario->image_path)
			scenario->image = fs_image_read(scenario->image_path, &cause);
		fine = scenario->image || loader_prefix(loader, cause, error);
	}
	loader_leave(loader, at);
	loader_leave(loader, mark);
	scenario->image_key = g_steal_pointer(&keys.key);
	scenario->modprobe_path = g_steal_pointer(&keys.modprobe_path);
	scenario->compress = keys.compress;
	scenario->data_mirrors = (uint32_t)keys.data_mirrors;
	scenario->buffer_direct_writes = keys.buffer_direct_writes;
	sim_param_clear(filesystem_params, &keys);
	return fine;
}
