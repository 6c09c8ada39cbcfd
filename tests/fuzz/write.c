/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cases as files that `extentsim run` takes. */
#include "tests/fuzz/fuzz.h"

#include <glib/gstdio.h>

static const char *truth_word(bool value)
{
	return value ? "true" : "false";
}

static void append_actor(const struct fuzz_case *c, uint32_t actor, GString *out)
{
	bool first = true;

	for (guint i = 0; i < c->lines->len; i++) {
		const struct fuzz_line *line = c->lines->pdata[i];

		if (line->actor != actor)
			continue;
		if (first)
			g_string_append_printf(out,
					       "    {\"name\": \"a%u\", \"kind\": \"script\", "
					       "\"script\": [",
					       actor);
		g_string_append_printf(out, "%s\n      \"%s\"", first ? "" : ",", line->text);
		first = false;
	}
	if (!first)
		g_string_append(out, "\n    ]},\n");
}

char *fuzz_scenario_json(const struct fuzz_case *c)
{
	GString *out = g_string_new("{\n  \"question\": \"What does this case find?\",\n");

	g_string_append_printf(out, "  \"seed\": %" G_GUINT64_FORMAT ",\n", c->seed);
	g_string_append_printf(out,
			       "  \"machine\": {\"cpus\": %u, \"devices\": %u, \"memory\": "
			       "\"%" G_GUINT64_FORMAT "MiB\", \"flushers\": %s, \"spread\": %s},\n",
			       c->cpus, c->mirrors, c->memory_mib, truth_word(c->flushers),
			       truth_word(c->spread));
	g_string_append_printf(out,
			       "  \"filesystem\": {\"data_mirrors\": %u, \"compress\": %s, "
			       "\"buffer_direct_writes\": %s},\n  \"actors\": [\n",
			       c->mirrors, truth_word(c->compress),
			       truth_word(c->buffer_direct_writes));
	for (uint32_t actor = 0; actor < FUZZ_ACTORS_MAX; actor++)
		append_actor(c, actor, out);
	if (c->lines->len)
		g_string_truncate(out, out->len - 2);
	g_string_append(out, "\n  ],\n  \"variants\": {\"none\": {\"design\": \"none\"}}\n}\n");
	return g_string_free(out, false);
}

static char *script_text(const struct fuzz_case *c)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < c->lines->len; i++)
		g_string_append_printf(out, "%s\n", ((struct fuzz_line *)c->lines->pdata[i])->text);
	return g_string_free(out, false);
}

/* What a bare script has to be told, as its defaults are. */
static char *settings(const struct fuzz_case *c)
{
	enum { SCRIPT_CPUS = 8, SCRIPT_MEMORY_MIB = 8192 };
	GString *out = g_string_new(NULL);

	if (c->seed != 1)
		g_string_append_printf(out, " --seed %" G_GUINT64_FORMAT, c->seed);
	if (c->cpus != SCRIPT_CPUS)
		g_string_append_printf(out, " --set machine.cpus=%u", c->cpus);
	if (c->mirrors != 1)
		g_string_append_printf(out,
				       " --set machine.devices=%u --set filesystem.data_mirrors=%u",
				       c->mirrors, c->mirrors);
	if (c->memory_mib != SCRIPT_MEMORY_MIB)
		g_string_append_printf(out, " --set machine.memory=%" G_GUINT64_FORMAT "MiB",
				       c->memory_mib);
	if (c->flushers)
		g_string_append(out, " --set machine.flushers=true");
	if (c->spread)
		g_string_append(out, " --set machine.spread=true");
	if (c->compress)
		g_string_append(out, " --set filesystem.compress=true");
	if (!c->buffer_direct_writes)
		g_string_append(out, " --set filesystem.buffer_direct_writes=false");
	return g_string_free(out, false);
}

char *fuzz_write(const struct fuzz_case *c, const char *folder, const char *name)
{
	bool script = fuzz_case_actors(c) == 1;
	g_autofree char *file = g_strdup_printf("%s.%s", name, script ? "ops" : "json");
	g_autofree char *path = g_build_filename(folder, file, NULL);
	g_autofree char *text = script ? script_text(c) : fuzz_scenario_json(c);
	g_autofree char *sets = script ? settings(c) : g_strdup("");
	g_autofree char *command = g_strdup_printf(
		"build/extentsim run %s --variant 'fuzzed: %s'%s", path, c->variant, sets);
	g_autofree char *note = g_strconcat("# ", command, "\n", text, NULL);
	g_autoptr(GError) error = NULL;

	g_mkdir_with_parents(folder, 0755);
	if (!g_file_set_contents(path, script ? note : text, -1, &error))
		g_error("%s", error->message);
	return g_steal_pointer(&command);
}
