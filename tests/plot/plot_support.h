/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Curves and comparisons made up for pictures. */
#ifndef TESTS_PLOT_SUPPORT_H
#define TESTS_PLOT_SUPPORT_H

#include "plot/plot.h"
#include "tests/results/fabricate.h"

/** A curve of key.setkeys over the axes (at most two), for variants "a" and `name`: 10 times the number of
 * the first axis's step plus that of the second's. `steps` ends with a NULL. */
struct results_curve *plot_curve(const char *const *axes, const char *const (*steps)[3],
				 const char *name);
/** The plot of that name, which must be there. */
const struct plot *plot_named(const GPtrArray *plots, const char *name);
/** Fails unless the text is well-formed XML. */
void expect_well_formed(const char *text);

#endif
