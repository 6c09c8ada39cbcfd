/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keys of a scenario file. The same tables serve the loader, --set, the schema and `list`. */
#include "scenarios/loader.h"

#include <string.h>

static const char *word_at(const char *const *words, size_t n, size_t i)
{
	return i < n ? words[i] : NULL;
}

static const char *kind_word(size_t i)
{
	static const char *const words[] = {
		[SCENARIO_TERMINATING] = "terminating",
		[SCENARIO_STEADY] = "steady",
	};

	return word_at(words, G_N_ELEMENTS(words), i);
}

const char *const relation_words[] = {"==", "!=", "<", "<=", ">", ">=", NULL};

static const char *relation_word(size_t i)
{
	return word_at(relation_words, G_N_ELEMENTS(relation_words) - 1, i);
}

/* Bounds that keep a slip of the keyboard from taking the host's memory; no kernel limit. */
enum {
	SCALE_TIMES_MAX = 1000000,
	CPUS_MAX = 8192, /* NR_CPUS of the largest x86-64 configuration (6.12: arch/x86/Kconfig) */
	DEVICES_MAX = 1024,
	DEVICE_CHANNELS_MAX = 65536,
	PERMILLE_MAX = 1000,
	DATA_MIRRORS_MAX = 2, /* RAID1 (6.12: fs/btrfs/volumes.c, btrfs_raid_array) */
};
#define MEMORY_MIN_BYTES (INT64_C(16) << 20)
#define MEMORY_MAX_BYTES (INT64_C(64) << 40)

#define AT(type, field) offsetof(struct type, field)

const struct sim_param scenario_params[] = {
	{.name = "name",
	 .type = SIM_PARAM_TEXT,
	 .offset = AT(scenario_keys, name),
	 .fallback = "",
	 .help = "short name; the file's own name by default"},
	{.name = "question",
	 .type = SIM_PARAM_TEXT,
	 .offset = AT(scenario_keys, question),
	 .help = "what the scenario asks, in one sentence"},
	{.name = "doc",
	 .type = SIM_PARAM_TEXT,
	 .offset = AT(scenario_keys, doc),
	 .fallback = "",
	 .help = "a comment; any object may carry one"},
	{.name = "answer",
	 .type = SIM_PARAM_TEXT,
	 .offset = AT(scenario_keys, answer),
	 .fallback = "",
	 .help = "the answer, with places for figures: {VARIANT: METRIC @ AXIS=STEP}"},
	{.name = "depends",
	 .type = SIM_PARAM_TEXT,
	 .offset = AT(scenario_keys, depends),
	 .fallback = "",
	 .help = "what the answer depends on most"},
	{.name = "kind",
	 .type = SIM_PARAM_WORD,
	 .offset = AT(scenario_keys, kind),
	 .word = kind_word,
	 .fallback = "terminating",
	 .help = "terminating: a fixed piece of work, and the whole of it counts; steady: a rate "
		 "or a "
		 "level that is held, from which the actors leave their warm_up out"},
	{.name = "scale_times",
	 .type = SIM_PARAM_INT,
	 .offset = AT(scenario_keys, scale_times),
	 .min = 1,
	 .max = SCALE_TIMES_MAX,
	 .fallback = "1",
	 .help = "factor on every cost and span of the profile"},
	{.name = "seed",
	 .type = SIM_PARAM_INT,
	 .offset = AT(scenario_keys, seed),
	 .fallback = "1",
	 .help = "seed of every random stream"},
	{.name = "replications",
	 .type = SIM_PARAM_INT,
	 .offset = AT(scenario_keys, replications),
	 .min = 1,
	 .max = SCENARIO_REPLICATIONS_MAX,
	 .fallback = "1",
	 .help = "independent repetitions of each variant"},
	{.name = "until",
	 .type = SIM_PARAM_TIME,
	 .offset = AT(scenario_keys, until_ns),
	 .min = 1,
	 .fallback = "",
	 .help = "simulated time at which a run ends; by default when every actor has ended"},
	{.name = NULL},
};

const char *const scenario_sections[] = {"$schema",    "params", "machine",  "costs", "sizes",
					 "filesystem", "actors", "variants", "axes",  "exclude",
					 "measure",    "expect", NULL};

/* The default machine is a choice, not a measurement: a small server. The dirty limits are those
 * of a fresh kernel: vm.dirty_background_ratio 10, vm.dirty_ratio 20 (6.12: mm/page-writeback.c). */
const struct sim_param machine_params[] = {
	{.name = "profile",
	 .type = SIM_PARAM_TEXT,
	 .offset = AT(machine_keys, profile),
	 .fallback = "aes-ni-6.12",
	 .help = "cost profile: a name of `extentsim list profiles` or a path"},
	{.name = "cpus",
	 .type = SIM_PARAM_INT,
	 .offset = AT(machine_keys, cpus),
	 .min = 1,
	 .max = CPUS_MAX,
	 .fallback = "8",
	 .help = "CPUs"},
	{.name = "memory",
	 .type = SIM_PARAM_BYTES,
	 .offset = AT(machine_keys, memory_bytes),
	 .min = MEMORY_MIN_BYTES,
	 .max = MEMORY_MAX_BYTES,
	 .fallback = "8GiB",
	 .help = "memory that page cache and slabs share"},
	{.name = "devices",
	 .type = SIM_PARAM_INT,
	 .offset = AT(machine_keys, devices),
	 .min = 1,
	 .max = DEVICES_MAX,
	 .fallback = "1",
	 .help = "member devices of the filesystem"},
	{.name = "device_channels",
	 .type = SIM_PARAM_INT,
	 .offset = AT(machine_keys, device_channels),
	 .min = 1,
	 .max = DEVICE_CHANNELS_MAX,
	 .fallback = "32",
	 .help = "requests that one device serves at a time"},
	{.name = "dirty_background_permille",
	 .type = SIM_PARAM_INT,
	 .offset = AT(machine_keys, dirty_background_permille),
	 .max = PERMILLE_MAX,
	 .fallback = "100",
	 .help = "share of memory above which the flushers start"},
	{.name = "dirty_permille",
	 .type = SIM_PARAM_INT,
	 .offset = AT(machine_keys, dirty_permille),
	 .min = 1,
	 .max = PERMILLE_MAX,
	 .fallback = "200",
	 .help = "share of memory above which writers are throttled"},
	{.name = "flushers",
	 .type = SIM_PARAM_BOOL,
	 .offset = AT(machine_keys, flushers),
	 .fallback = "true",
	 .help = "false: only sync and fsync write back"},
	{.name = "spread",
	 .type = SIM_PARAM_BOOL,
	 .offset = AT(machine_keys, spread),
	 .fallback = "true",
	 .help = "false: every cost is its mean, and the machine draws no random number"},
	{.name = "modules_absent",
	 .type = SIM_PARAM_TEXT,
	 .offset = AT(machine_keys, modules_absent),
	 .fallback = "",
	 .help = "cipher modes, separated by commas, whose module the first user must have loaded; "
		 "none by default"},
	{.name = NULL},
};

const struct sim_param filesystem_params[] = {
	{.name = "image",
	 .type = SIM_PARAM_TEXT,
	 .offset = AT(filesystem_keys, image),
	 .fallback = "",
	 .help = "image to start from: a name of `extentsim list images` or a path beside the "
		 "scenario; empty by default"},
	{.name = "key",
	 .type = SIM_PARAM_TEXT,
	 .offset = AT(filesystem_keys, key),
	 .fallback = "",
	 .help = "name of the key under which the image's files are encrypted; plain by default"},
	{.name = "compress",
	 .type = SIM_PARAM_BOOL,
	 .offset = AT(filesystem_keys, compress),
	 .fallback = "false",
	 .help = "mounted with compress=zstd"},
	{.name = "buffer_direct_writes",
	 .type = SIM_PARAM_BOOL,
	 .offset = AT(filesystem_keys, buffer_direct_writes),
	 .fallback = "true",
	 .help = "direct writes to files with data checksums go through the page cache, as since "
		 "Linux 6.15; false: as before"},
	{.name = "modprobe_path",
	 .type = SIM_PARAM_TEXT,
	 .offset = AT(filesystem_keys, modprobe_path),
	 .fallback = "",
	 .help = "file of this filesystem that modprobe reads when it loads a module; by default "
		 "its files lie elsewhere"},
	{.name = "data_mirrors",
	 .type = SIM_PARAM_INT,
	 .offset = AT(filesystem_keys, data_mirrors),
	 .min = 1,
	 .max = DATA_MIRRORS_MAX,
	 .fallback = "1",
	 .help = "copies of file data, each on a device of its own (RAID1); the first is read"},
	{.name = NULL},
};

const struct sim_param actor_params[] = {
	{.name = "name",
	 .type = SIM_PARAM_TEXT,
	 .offset = AT(actor_keys, name),
	 .fallback = "",
	 .help = "name of the actor; its kind's by default"},
	{.name = "kind",
	 .type = SIM_PARAM_TEXT,
	 .offset = AT(actor_keys, kind),
	 .help = "what the actor does: a name of `extentsim list actors`"},
	{.name = NULL},
};

/* Bounds against a slip of the keyboard. */
#define AXIS_STEP_MAX (INT64_C(1) << 40)

const struct sim_param axis_params[] = {
	{.name = "name",
	 .type = SIM_PARAM_TEXT,
	 .offset = AT(axis_keys, name),
	 .help = "name of the axis: --set axes.NAME=STEP takes one step of it"},
	{.name = "step",
	 .type = SIM_PARAM_INT,
	 .offset = AT(axis_keys, step),
	 .min = 1,
	 .max = AXIS_STEP_MAX,
	 .fallback = "1",
	 .help = "distance of the values of \"range\""},
	{.name = "factor",
	 .type = SIM_PARAM_INT,
	 .offset = AT(axis_keys, factor),
	 .min = 2,
	 .max = AXIS_STEP_MAX,
	 .fallback = "2",
	 .help = "quotient of the values of \"log\""},
	{.name = NULL},
};

const char *const axis_sections[] = {"set",   "values",	   "range", "log",
				     "cases", "estimates", "only",  NULL};

const struct sim_param expect_params[] = {
	{.name = "variant",
	 .type = SIM_PARAM_TEXT,
	 .offset = AT(expect_keys, variant),
	 .help = "the variant that the claim is about"},
	{.name = "metric",
	 .type = SIM_PARAM_TEXT,
	 .offset = AT(expect_keys, metric),
	 .help = "full name of the metric"},
	{.name = "is",
	 .type = SIM_PARAM_WORD,
	 .offset = AT(expect_keys, relation),
	 .word = relation_word,
	 .help = "how the metric stands to the value"},
	{.name = "of",
	 .type = SIM_PARAM_TEXT,
	 .offset = AT(expect_keys, of),
	 .fallback = "",
	 .help = "another variant, whose metric takes the place of `value`"},
	{.name = NULL},
};

const char *const expect_sections[] = {"value", "times", "at", "against", NULL};

static const struct {
	const char *section;
	const struct sim_param *params;
} key_tables[] = {
	{"top", scenario_params},   {"machine", machine_params}, {"filesystem", filesystem_params},
	{"actors[]", actor_params}, {"axes[]", axis_params},	 {"expect[]", expect_params},
};

const struct sim_param *scenario_key_table(size_t i)
{
	return i < G_N_ELEMENTS(key_tables) ? key_tables[i].params : NULL;
}

const char *scenario_key_section(size_t i)
{
	return i < G_N_ELEMENTS(key_tables) ? key_tables[i].section : NULL;
}

/* ---- names that come from tables of other rooms ------------------------------------------- */

const struct actor_kind *actor_kind_find(const struct scenario_registry *registry, const char *name)
{
	for (const struct actor_kind *const *kind = registry->actor_kinds; *kind; kind++)
		if (!strcmp((*kind)->name, name))
			return *kind;
	return NULL;
}

const char **actor_kind_names(const struct scenario_registry *registry)
{
	GPtrArray *names = g_ptr_array_new();

	for (const struct actor_kind *const *kind = registry->actor_kinds; *kind; kind++)
		g_ptr_array_add(names, (gpointer)(*kind)->name);
	g_ptr_array_add(names, NULL);
	return (const char **)g_ptr_array_free(names, FALSE);
}

int kernel_name_index(const struct kernel_name *table, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(table[i].name, name))
			return (int)i;
	return -1;
}

const char *kernel_name_nearest(const struct kernel_name *table, size_t n, const char *name)
{
	g_autofree const char **names = g_new0(const char *, n + 1);

	for (size_t i = 0; i < n; i++)
		names[i] = table[i].name;
	return sim_name_nearest(names, name);
}
