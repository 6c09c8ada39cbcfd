// SPDX-License-Identifier: GPL-2.0-or-later
/* Queues: what waits, is lost and stands in line, against what queueing theory knows exactly. */
#include "validate/internal.h"

bool validate_queues(const struct validate_options *options, struct validate_report *report,
		     GError **error)
{
	return validate_open_queues(options, report, error) &&
	       validate_closed_queues(options, report, error) &&
	       validate_machine_queues(options, report, error);
}
