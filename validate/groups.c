// SPDX-License-Identifier: GPL-2.0-or-later
/* Which groups there are, and running them. */
#include <string.h>

#include "validate/internal.h"

const struct validate_group validate_groups[] = {
	{.name = NULL},
};

static bool wanted(const struct validate_group *group, char *const *names)
{
	return names ? g_strv_contains((const char *const *)names, group->name) : !group->host;
}

bool validate_run(const struct validate_options *options, struct validate_report *report,
		  GError **error)
{
	for (const struct validate_group *group = validate_groups; group->name; group++) {
		if (!wanted(group, options->groups))
			continue;
		if (options->interrupted && *options->interrupted)
			break;
		report->group = group->name;
		if (!group->check(options, report, error))
			return false;
	}
	return true;
}
