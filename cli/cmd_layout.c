/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `extentsim layout`: a script's actor alone, and the layout at each of its dumps. */
#include "cli/cli.h"

#include <string.h>

#include "models/world.h"

static char *document(const struct scenario *scenario, const char *steps)
{
	g_autofree char *name = g_path_get_basename(scenario->path);
	g_autoptr(GString) quoted = g_string_new(NULL);

	if (g_str_has_suffix(name, ".ops"))
		name[strlen(name) - strlen(".ops")] = '\0';
	for (const char *c = name; *c; c++) {
		if ((unsigned char)*c < 0x20)
			g_string_append_printf(quoted, "\\u%04x", (unsigned int)*c);
		else
			g_string_append_printf(quoted, "%s%c", *c == '"' || *c == '\\' ? "\\" : "",
					       *c);
	}
	return g_strdup_printf("{\"name\":\"%s\",\"steps\":[\n%s\n]}\n", quoted->str, steps);
}

static int play(const struct scenario *scenario, const struct run_options *run)
{
	struct world_options options = {
		.scenario = scenario,
		.variant = scenario->variants->pdata[0],
		.keep_dumps = true,
		.interrupted = interrupt_flag(),
	};
	struct world_outcome outcome;
	GError *error = NULL;
	int status = CLI_YES;

	if (!world_run(&options, &outcome, &error))
		return cli_fail(error);
	if (outcome.interrupted) {
		status = CLI_INTERRUPTED;
	} else {
		g_autofree char *text = document(scenario, outcome.dumps);

		if (!output_text(run->output, text, &error))
			status = cli_fail(error);
		else if (!outcome.completed)
			status = CLI_NO;
	}
	world_outcome_clear(&outcome);
	return status;
}

int cmd_layout(int argc, char **argv)
{
	return with_scenario(argc, argv, play);
}
