// SPDX-License-Identifier: GPL-2.0-or-later
/* fscrypt as it is: the design `inode` against what a live kernel did. */
#include "validate/internal.h"

bool validate_fscrypt(const struct validate_options *options, struct validate_report *report,
		      GError **error)
{
	return validate_fscrypt_counts(options, report, error) &&
	       validate_fscrypt_removal(options, report, error);
}
