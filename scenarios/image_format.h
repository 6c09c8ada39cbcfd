/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to this folder: what writer, reader and capture of images agree on. */
#ifndef SCENARIOS_IMAGE_FORMAT_H
#define SCENARIOS_IMAGE_FORMAT_H

#include "scenarios/image.h"

#define IMAGE_MAGIC "extentsim image "
#define IMAGE_VERSION 1
#define IMAGE_TRAILER "sha256 "

enum {
	IMAGE_SHA256_HEX = 64,
	IMAGE_TRAILER_BYTES = sizeof(IMAGE_TRAILER) - 1 + IMAGE_SHA256_HEX + 1,
	/* Offsets are given in units of this or less: the largest block of a common filesystem. */
	IMAGE_UNIT_MAX = 64 << 10,
	/* Apart on disk stays apart in the image: one block of btrfs between runs. */
	IMAGE_RUN_GAP_BYTES = 4096,
};
/* No offset or address reaches this, so that sums of two stay in 64 bits. */
#define IMAGE_OFFSET_MAX (UINT64_C(1) << 62)
/* A file larger than this is no image: 10^8 inodes take less. */
#define IMAGE_FILE_BYTES_MAX (INT64_C(4) << 30)

#endif
