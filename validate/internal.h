/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of this room share. */
#ifndef VALIDATE_INTERNAL_H
#define VALIDATE_INTERNAL_H

#include "validate/validate.h"

/** The groups: see groups.c. */
bool validate_live_btrfs(const struct validate_options *options, struct validate_report *report,
			 GError **error);
bool validate_live_fscrypt(const struct validate_options *options, struct validate_report *report,
			   GError **error);

#endif
