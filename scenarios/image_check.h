/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to this folder. */
#ifndef SCENARIOS_IMAGE_CHECK_H
#define SCENARIOS_IMAGE_CHECK_H

#include "scenarios/image.h"

/** Checks that an image makes sense as a filesystem; `path` is for the message alone. */
bool fs_image_check(const struct fs_image *image, const char *path, GError **error);

#endif
