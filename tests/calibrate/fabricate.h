/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A calibration as it might have been measured. */
#ifndef TESTS_CALIBRATE_FABRICATE_H
#define TESTS_CALIBRATE_FABRICATE_H

#include "calibrate/calibrate.h"

struct calibration *fabricated(void);
/** A figure whose median is exact to `width`. */
void fabricate(struct calibration *calibration, const char *name, double min_ns, double p50_ns,
	       double p90_ns, double width);

#endif
