/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `extentsim list`: what the program knows, one line each. */
#include "cli/cli.h"

#include "models/world.h"

#include <string.h>

static void line(GString *out, const char *name, const char *meaning)
{
	g_string_append_printf(out, "%-34s %s\n", name, meaning);
}

static void list_designs(GString *out)
{
	for (size_t i = 0; extent_design_name(i); i++)
		line(out, extent_design_name(i), extent_design_summary(i));
}

static void list_setups(GString *out)
{
	for (size_t i = 0; key_setup_name(i); i++)
		line(out, key_setup_name(i), key_setup_summary(i));
}

static void list_files(GString *out, const char *folder, const char *suffix)
{
	g_auto(GStrv) names = scenario_library(folder, suffix);

	for (char **name = names; *name; name++)
		g_string_append_printf(out, "%s\n", *name);
}

/* The question that a scenario asks, or what is wrong with it, on one line. */
static void list_scenarios(GString *out)
{
	g_auto(GStrv) names = scenario_library("scenarios", ".json");

	for (char **name = names; *name; name++) {
		g_autoptr(GError) error = NULL;
		struct scenario *scenario = scenario_load(*name, NULL, cli_registry(), &error);

		if (error)
			g_strdelimit(error->message, "\n", ' ');
		line(out, *name, scenario ? scenario->question : error->message);
		scenario_free(scenario);
	}
}

static void list_profiles(GString *out)
{
	list_files(out, "scenarios/profiles", ".json");
}

static void list_images(GString *out)
{
	list_files(out, "scenarios/images", ".image");
}

static void list_kernel_names(GString *out, const struct kernel_name *table, size_t n)
{
	for (size_t i = 0; i < n; i++)
		g_string_append_printf(out, "%-34s %-6s %s\n", table[i].name, table[i].unit,
				       table[i].meaning);
}

static void list_costs(GString *out)
{
	list_kernel_names(out, kernel_cost_table, KERNEL_COSTS);
}

static void list_sizes(GString *out)
{
	list_kernel_names(out, kernel_size_table, KERNEL_SIZES);
}

static void list_params(GString *out, const char *indent, const struct sim_param *table)
{
	for (; table->name; table++) {
		g_autofree char *expects = sim_param_expects(table);
		g_autofree char *name = g_strconcat(indent, table->name, NULL);

		g_string_append_printf(out, "%-26s %s; %s%s%s\n", name, table->help, expects,
				       table->fallback && *table->fallback ? "; default " : "",
				       table->fallback ? table->fallback : "; required");
	}
}

static void list_variant_keys(GString *out)
{
	list_params(out, "", cli_registry()->variant_params);
}

static void list_actors(GString *out)
{
	for (const struct actor_kind *const *kind = cli_registry()->actor_kinds; *kind; kind++) {
		line(out, (*kind)->name, (*kind)->summary);
		list_params(out, "  ", (*kind)->params);
	}
}

static void list_scenario_keys(GString *out)
{
	for (size_t i = 0; scenario_key_table(i); i++) {
		g_string_append_printf(out, "%s:\n", scenario_key_section(i));
		list_params(out, "  ", scenario_key_table(i));
	}
}

static const char *direction_text(enum sim_direction direction)
{
	switch (direction) {
	case SIM_LESS_IS_BETTER:
		return "less is better";
	case SIM_MORE_IS_BETTER:
		return "more is better";
	case SIM_NO_DIRECTION:
		break;
	}
	return "no direction";
}

static void list_metrics(GString *out)
{
	const struct sim_metric_def *const *table;

	for (size_t i = 0; (table = world_metric_defs(i)); i++)
		for (const struct sim_metric_def *const *def = table; *def; def++)
			line(out, (*def)->name, (*def)->help);
}

static bool metric_in_full(GString *out, const char *name)
{
	const struct sim_metric_def *const *table;

	for (size_t i = 0; (table = world_metric_defs(i)); i++)
		for (const struct sim_metric_def *const *at = table; *at; at++) {
			const struct sim_metric_def *def = *at;

			if (!g_pattern_match_simple(def->name, name) && strcmp(def->name, name))
				continue;
			g_string_append_printf(out, "%s\nunit: %s\ndirection: %s\ngroup: %s\n%s\n",
					       def->name, def->unit, direction_text(def->direction),
					       def->group, def->help);
			return true;
		}
	return false;
}

static void schema_of_scenario(GString *out)
{
	g_autofree char *text = scenario_schema(cli_registry());

	g_string_append(out, text);
}

static void schema_of_profile(GString *out)
{
	g_autofree char *text = profile_schema();

	g_string_append(out, text);
}

struct topic {
	const char *name;
	void (*list)(GString *out);
	const char *summary;
};

static const struct topic topics[] = {
	{"designs", list_designs, "extent designs"},
	{"setups", list_setups, "where a keyed cipher comes from"},
	{"scenarios", list_scenarios, "scenarios of the library, with what they ask"},
	{"profiles", list_profiles, "cost profiles of the library"},
	{"images", list_images, "filesystem images of the library"},
	{"costs", list_costs, "names of costs and spans"},
	{"sizes", list_sizes, "names of sizes and limits"},
	{"actors", list_actors, "kinds of actors with their keys"},
	{"keys", list_scenario_keys, "keys of a scenario file"},
	{"variant-keys", list_variant_keys, "keys of a variant"},
	{"metrics", list_metrics, "metrics; `list metrics NAME` shows one in full"},
};

static const struct topic schemas[] = {
	{"scenario", schema_of_scenario, "JSON Schema of a scenario file"},
	{"profile", schema_of_profile, "JSON Schema of a cost profile"},
};

static void list_topics(GString *out)
{
	for (size_t i = 0; i < G_N_ELEMENTS(topics); i++)
		line(out, topics[i].name, topics[i].summary);
	for (size_t i = 0; i < G_N_ELEMENTS(schemas); i++) {
		g_autofree char *name = g_strconcat("schema ", schemas[i].name, NULL);

		line(out, name, schemas[i].summary);
	}
}

static const struct topic *find_topic(const struct topic *table, size_t n, const char *name,
				      GError **error)
{
	g_autofree const char **names = g_new0(const char *, n + 1);
	const char *nearest;

	for (size_t i = 0; i < n; i++) {
		if (!strcmp(table[i].name, name))
			return &table[i];
		names[i] = table[i].name;
	}
	nearest = sim_name_nearest(names, name);
	cli_set_error(error, CLI_BAD_INPUT, "nothing to list is called \"%s\"\n%s%s%s", name,
		      nearest ? "did you mean \"" : "`extentsim list` shows what there is",
		      nearest ? nearest : "", nearest ? "\"?" : "");
	return NULL;
}

static bool fill(GString *out, int argc, char **argv, GError **error)
{
	bool schema = argc > 1 && !strcmp(argv[1], "schema");
	bool metric = argc > 2 && !strcmp(argv[1], "metrics");
	const struct topic *topic;

	if (argc > (schema || metric ? 3 : 2)) {
		cli_set_error(error, CLI_BAD_INPUT, "\"%s\" is too many", argv[argc - 1]);
		return false;
	}
	if (argc < 2) {
		list_topics(out);
		return true;
	}
	if (metric && metric_in_full(out, argv[2]))
		return true;
	if (metric) {
		cli_set_error(error, CLI_BAD_INPUT,
			      "no metric \"%s\"\n`extentsim list metrics` shows them all", argv[2]);
		return false;
	}
	topic = schema ? find_topic(schemas, G_N_ELEMENTS(schemas), argc > 2 ? argv[2] : "", error)
		       : find_topic(topics, G_N_ELEMENTS(topics), argv[1], error);
	if (topic)
		topic->list(out);
	return topic;
}

int cmd_list(int argc, char **argv)
{
	g_autofree char *output = NULL;
	g_autoptr(GString) out = g_string_new(NULL);
	GError *error = NULL;
	enum cli_parsed parsed;
	const GOptionEntry entries[] = {
		{"output", 'o', 0, G_OPTION_ARG_FILENAME, &output, "Write to a file", "PATH"},
		{NULL, 0, 0, 0, NULL, NULL, NULL},
	};

	parsed = cli_parse(&argc, &argv, entries, "[TOPIC]",
			   "Lists what the program knows. Without a topic, lists the topics.",
			   &error);
	if (parsed == CLI_PARSED_GO &&
	    (!fill(out, argc, argv, &error) || !output_text(output, out->str, &error)))
		parsed = CLI_PARSED_ERROR;
	g_strfreev(argv);
	return parsed == CLI_PARSED_ERROR ? (int)cli_fail(error) : CLI_YES;
}
