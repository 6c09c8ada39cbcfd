/* SPDX-License-Identifier: GPL-2.0-or-later */
/* No encryption: the first column of every comparison, so that costs can be attributed. */
#include "models/fscrypt/internal.h"

static int may_clone(uint32_t from, uint32_t to)
{
	(void)from;
	(void)to;
	return 0;
}

const struct extent_design design_none = {
	.name = "none",
	.summary = "no encryption: what everything else is measured against",
	.may_clone = may_clone,
};
