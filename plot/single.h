/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the pictures of a comparison share. */
#ifndef PLOT_SINGLE_H
#define PLOT_SINGLE_H

#include "plot/internal.h"

enum { OPS_DRAWN_MAX = 4 }; /* operations drawn: those that took most of the time */

const struct results_column *column_of(const struct results_comparison *cmp, guint i);

/** Adds what an operation's time went into, for those that took most of the time. */
void add_parts(const struct results_comparison *cmp, GPtrArray *plots);

/** Adds how the latencies of those are spread. */
void add_percentile_plots(const struct results_comparison *cmp, GPtrArray *plots);
/** Adds memory over time. */
void add_memory_plot(const struct results_comparison *cmp, GPtrArray *plots);

#endif
