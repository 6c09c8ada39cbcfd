/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The names that scenario files may use. */
#include "cli/cli.h"

#include "models/world.h"

const struct scenario_registry *cli_registry(void)
{
	return &world_registry;
}
