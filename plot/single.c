/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pictures of one result, or of several side by side: variants against each other. */
#include "plot/internal.h"

GPtrArray *plots_of_comparison(const struct results_comparison *cmp)
{
	GPtrArray *plots = g_ptr_array_new_with_free_func((GDestroyNotify)plot_free);

	(void)cmp;
	return plots;
}
