// SPDX-License-Identifier: GPL-2.0-or-later
/* Which groups there are, and running them. */
#include <string.h>

#include "sim/sim.h"
#include "validate/internal.h"

const struct validate_group validate_groups[] = {
	{"queues", "waits, losses and lengths against queueing theory", false, validate_queues},
	{"caches", "hits of keyed ciphers and keyslots, and the curves of mrc", false,
	 validate_caches},
	{"btrfs", "layouts against recordings of Linux, and trees against arithmetic", false,
	 validate_btrfs},
	{"fscrypt", "set-ups, memory and key removal against counts of a live kernel", false,
	 validate_fscrypt},
	{"blk-crypto", "keyslots against a reference, over every short history", false,
	 validate_blk_crypto},
	{"conservation", "what must hold of any run, over designs and set-ups", false,
	 validate_conservation},
	{"live-btrfs", "layouts of random scripts on a btrfs of this machine's kernel (root)", true,
	 validate_live_btrfs},
	{"live-fscrypt",
	 "keys, their removal and what they cost on an ext4 of this machine's kernel (root)", true,
	 validate_live_fscrypt},
	{"threads", "the pool against threads of this machine with real keys and data", true,
	 validate_threads},
	{.name = NULL},
};

static bool wanted(const struct validate_group *group, char *const *names)
{
	return names ? g_strv_contains((const char *const *)names, group->name) : !group->host;
}

/* Whether there is a group of every name. */
static bool are_known(char *const *names, GError **error)
{
	g_autoptr(GPtrArray) known = g_ptr_array_new();
	const char *nearest;

	for (const struct validate_group *group = validate_groups; group->name; group++)
		g_ptr_array_add(known, (gpointer)group->name);
	g_ptr_array_add(known, NULL);
	for (; names && *names; names++) {
		if (g_strv_contains((const char *const *)known->pdata, *names))
			continue;
		nearest = sim_name_nearest((const char *const *)known->pdata, *names);
		g_set_error(error, VALIDATE_ERROR, VALIDATE_ERROR_INPUT, "no group \"%s\"\n%s%s%s",
			    *names, nearest ? "did you mean \"" : "--list names the groups",
			    nearest ? nearest : "", nearest ? "\"?" : "");
		return false;
	}
	return true;
}

bool validate_interrupted(const struct validate_options *options, GError **error)
{
	if (!options->interrupted || !*options->interrupted)
		return false;
	g_set_error_literal(error, VALIDATE_ERROR, VALIDATE_ERROR_INTERRUPTED, "interrupted");
	return true;
}

bool validate_run(const struct validate_options *options, struct validate_report *report,
		  GError **error)
{
	GError *cause = NULL;
	bool fine;

	if (!are_known(options->groups, error))
		return false;
	for (const struct validate_group *group = validate_groups; group->name; group++) {
		if (!wanted(group, options->groups))
			continue;
		if (validate_interrupted(options, NULL))
			break;
		if (options->begins)
			options->begins(options->begins_arg, group->name);
		report->group = group->name;
		fine = group->check(options, report, &cause);
		if (!fine && g_error_matches(cause, VALIDATE_ERROR, VALIDATE_ERROR_INTERRUPTED)) {
			g_error_free(cause);
			break;
		}
		if (!fine) {
			g_propagate_error(error, cause);
			return false;
		}
	}
	return true;
}
