/* SPDX-License-Identifier: GPL-2.0-or-later */
/* No key set-up: goes with design 'none'. */
#include "models/fscrypt/internal.h"

const struct key_setup setup_none = {
	.name = "none",
	.summary = "no cipher at all: for design 'none'",
};
