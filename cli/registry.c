/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The names that scenario files may use, gathered from the rooms. */
#include "cli/cli.h"

#include "models/btrfs/btrfs.h"

const struct scenario_registry *cli_registry(void)
{
	static const struct scenario_registry registry = {
		.actor_kinds = actor_kinds,
		.variant_params = fscrypt_variant_params,
		.variant_check = fscrypt_variant_check,
	};

	return &registry;
}

const struct sim_metric_def *const *const cli_metric_tables[] = {
	workload_metric_defs,
	fscrypt_metric_defs,
	btrfs_metric_defs,
	machine_metric_defs,
	NULL,
};
