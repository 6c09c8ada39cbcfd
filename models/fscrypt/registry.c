/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The registries of internal.h, as the rest of the program sees them. */
#include "models/fscrypt/internal.h"

#define DESIGN_ADDRESS(name) &design_##name,
#define SETUP_ADDRESS(name) &setup_##name,

const struct extent_design *const extent_designs[] = {EXTENT_DESIGNS(DESIGN_ADDRESS) NULL};
const struct key_setup *const key_setups[] = {KEY_SETUPS(SETUP_ADDRESS) NULL};

const char *extent_design_name(size_t i)
{
	return i < G_N_ELEMENTS(extent_designs) - 1 ? extent_designs[i]->name : NULL;
}

const char *extent_design_summary(size_t i)
{
	return i < G_N_ELEMENTS(extent_designs) - 1 ? extent_designs[i]->summary : NULL;
}

const char *key_setup_name(size_t i)
{
	return i < G_N_ELEMENTS(key_setups) - 1 ? key_setups[i]->name : NULL;
}

const char *key_setup_summary(size_t i)
{
	return i < G_N_ELEMENTS(key_setups) - 1 ? key_setups[i]->summary : NULL;
}

const struct sim_metric_def *const *key_setup_metric_defs(size_t i)
{
	static const struct sim_metric_def *const none[] = {NULL};

	if (i >= G_N_ELEMENTS(key_setups) - 1)
		return NULL;
	return key_setups[i]->metrics ? key_setups[i]->metrics : none;
}
