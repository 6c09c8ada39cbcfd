/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `extentsim run`. */
#include "cli/cli.h"

int cmd_run(int argc, char **argv)
{
	struct run_options options;
	GError *error = NULL;
	enum cli_parsed parsed = run_options_parse(argc, argv, &options, &error);
	struct scenario_options load;
	struct scenario *scenario;

	if (parsed == CLI_PARSED_HELP)
		return CLI_YES;
	if (parsed == CLI_PARSED_ERROR)
		return cli_fail(error);
	load = run_scenario_options(&options);
	scenario = scenario_load(options.scenario, &load, cli_registry(), &error);
	run_options_clear(&options);
	if (!scenario)
		return cli_fail(error);
	scenario_free(scenario);
	cli_message("error", "run: not built yet");
	return CLI_CANT_WORK;
}
