/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/scenarios/loader_support.h"

#include <criterion/criterion.h>
#include <glib/gstdio.h>
#include <string.h>

/* ---- registry ----------------------------------------------------------------------------- */

static const char *word(const char *const *words, size_t n, size_t i)
{
	return i < n ? words[i] : NULL;
}

static const char *design(size_t i)
{
	static const char *const words[] = {"none", "lightweight", "heavyweight"};

	return word(words, G_N_ELEMENTS(words), i);
}

static const char *setup(size_t i)
{
	static const char *const words[] = {"none", "pool"};

	return word(words, G_N_ELEMENTS(words), i);
}

#define VARIANT(field) offsetof(struct fscrypt_variant, field)
static const struct sim_param variant_params[] = {
	{"design", SIM_PARAM_WORD, VARIANT(design), 0, 0, NULL, design, "what an extent stores"},
	{"setup", SIM_PARAM_WORD, VARIANT(setup), 0, 0, "none", setup, "where a cipher comes from"},
	{"pool.size", SIM_PARAM_INT, VARIANT(pool_size), 1, 1 << 20, "128", NULL, "slots"},
	{"pool.map", SIM_PARAM_BOOL, VARIANT(pool_map), 0, 0, "false", NULL, "look ciphers up"},
	{NULL, 0, 0, 0, 0, NULL, NULL, NULL},
};

static bool variant_check(const struct fscrypt_variant *variant, GError **error)
{
	if (variant->design || !variant->setup)
		return true;
	g_set_error(error, SIM_PARAM_ERROR, SIM_PARAM_ERROR_BAD,
		    "variant \"%s\": design \"none\" has no key to set up", variant->name);
	return false;
}

#define READER(field) offsetof(struct fake_reader_config, field)
static const struct sim_param reader_params[] = {
	{"count", SIM_PARAM_INT, READER(count), 1, 100, "1", NULL, "tasks"},
	{"size", SIM_PARAM_BYTES, READER(size_bytes), 1, 0, "4KiB", NULL, "bytes of a read"},
	{"direct", SIM_PARAM_BOOL, READER(direct), 0, 0, "false", NULL, "O_DIRECT"},
	{"think", SIM_PARAM_DIST, READER(think), 0, 0, "100us", NULL, "time between reads"},
	{NULL, 0, 0, 0, 0, NULL, NULL, NULL},
};
static const struct actor_kind reader = {
	.name = "reader",
	.summary = "reads",
	.params = reader_params,
	.config_bytes = sizeof(struct fake_reader_config),
};

#define SCRIPT(field) offsetof(struct fake_script_config, field)
static const struct sim_param script_params[] = {
	{"script", SIM_PARAM_LINES, SCRIPT(script), 0, 0, NULL, NULL, "lines"},
	{"script_path", SIM_PARAM_TEXT, SCRIPT(script_path), 0, 0, "", NULL, "where from"},
	{NULL, 0, 0, 0, 0, NULL, NULL, NULL},
};

/* Any line that holds "wrong" is wrong there. */
static bool script_check(void *data, GError **error)
{
	const struct fake_script_config *config = data;
	g_auto(GStrv) lines = g_strsplit(config->script, "\n", -1);

	for (guint i = 0; lines[i]; i++) {
		const char *at = strstr(lines[i], "wrong");

		if (!at)
			continue;
		g_set_error(error, SIM_PARAM_ERROR, SIM_PARAM_ERROR_BAD,
			    "script:%u:%u: error: unknown operation \"wrong\"", i + 1,
			    (unsigned)(at - lines[i]) + 1);
		return false;
	}
	return true;
}

static const struct actor_kind script = {
	.name = "script",
	.summary = "runs a script",
	.params = script_params,
	.config_bytes = sizeof(struct fake_script_config),
	.check = script_check,
};

static const struct actor_kind *const kinds[] = {&reader, &script, NULL};
const struct scenario_registry fake_registry = {
	.actor_kinds = kinds,
	.variant_params = variant_params,
	.variant_check = variant_check,
};

/* ---- library ------------------------------------------------------------------------------ */

static void append_section(GString *out, const char *section, const struct kernel_name *table,
			   size_t n, const char *key, unsigned first, const char *only_section,
			   const char *only_name, const char *entry)
{
	const char *comma = "";

	g_string_append_printf(out, ",\n\"%s\": {", section);
	for (size_t i = 0; i < n; i++) {
		bool other = only_section && !strcmp(section, only_section) &&
			     !strcmp(table[i].name, only_name);

		if (other && !entry)
			continue;
		g_string_append_printf(out, "%s\n\"%s\": ", comma, table[i].name);
		if (other)
			g_string_append(out, entry);
		else
			g_string_append_printf(out, "{\"%s\": %u, \"source\": \"a test\"}", key,
					       first + (unsigned)i);
		comma = ",";
	}
	g_string_append(out, "\n}");
}

char *loader_profile(const char *section, const char *name, const char *entry)
{
	GString *out = g_string_new(
		"{\"name\": \"aes-ni-6.12\", \"kernel\": \"6.12\", \"cpu\": \"a test\"");

	append_section(out, "costs", kernel_cost_table, KERNEL_COSTS, "ns", 100, section, name,
		       entry);
	append_section(out, "sizes", kernel_size_table, KERNEL_SIZES, "value", 10, section, name,
		       entry);
	g_string_append(out, "}\n");
	return g_string_free(out, FALSE);
}

char *loader_file(const char *folder, const char *name, const char *text)
{
	char *path = g_build_filename(folder, name, NULL);
	g_autofree char *parent = g_path_get_dirname(path);

	cr_assert_eq(g_mkdir_with_parents(parent, 0777), 0);
	cr_assert(g_file_set_contents(path, text, -1, NULL), "can't write %s", path);
	return path;
}

char *loader_library(void)
{
	char *folder = g_dir_make_tmp("loader-XXXXXX", NULL);
	g_autofree char *profile = loader_profile(NULL, NULL, NULL);

	cr_assert_not_null(folder);
	g_free(loader_file(folder, "scenarios/profiles/aes-ni-6.12.json", profile));
	g_free(loader_file(folder, "scenarios/first-run.json", loader_good));
	g_setenv("EXTENTSIM_DATADIR", folder, TRUE);
	return folder;
}

void loader_library_remove(const char *path)
{
	GDir *dir = g_dir_open(path, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *entry = g_build_filename(path, name, NULL);

		loader_library_remove(entry);
	}
	if (dir)
		g_dir_close(dir);
	g_remove(path);
}

const char *const loader_good =
	"{\n"
	"  \"$schema\": \"scenario.schema.json\",\n"
	"  \"question\": \"Does it load?\",\n"
	"  \"doc\": \"every section\",\n"
	"  \"kind\": \"steady\",\n"
	"  \"seed\": 7, \"replications\": 3, \"until\": \"1.5s\", \"scale_times\": 2,\n"
	"  \"machine\": {\"cpus\": 4, \"memory\": \"1GiB\", \"flushers\": false},\n"
	"  \"costs\": {\"hkdf_expand\": \"exponential 550ns\"},\n"
	"  \"sizes\": {\"page\": 4096},\n"
	"  \"actors\": [\n"
	"    {\"name\": \"readers\", \"kind\": \"reader\", \"count\": 2, \"size\": \"64KiB\",\n"
	"     \"think\": \"uniform 1us 9us\"},\n"
	"    {\"kind\": \"script\", \"script\": [\"write f 0 4k\", \"sync\"]}\n"
	"  ],\n"
	"  \"variants\": {\n"
	"    \"none\": {\"design\": \"none\"},\n"
	"    \"v1.light\": {\"design\": \"lightweight\", \"setup\": \"pool\", \"pool.size\": 8}\n"
	"  },\n"
	"  \"expect\": [\n"
	"    {\"variant\": \"none\", \"metric\": \"key.setkeys\", \"is\": \"==\", \"value\": 0},\n"
	"    {\"variant\": \"none\", \"metric\": \"ops.read.latency_p50_ns\", \"is\": \"<=\",\n"
	"     \"of\": \"v1.light\"},\n"
	"    {\"variant\": \"none\", \"metric\": \"ops.read.latency_max_ns\", \"is\": \"<\",\n"
	"     \"value\": \"80us\"}\n"
	"  ]\n"
	"}\n";
