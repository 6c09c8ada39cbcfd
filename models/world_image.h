/* SPDX-License-Identifier: GPL-2.0-or-later */
/* world, private: the image of a scenario in the form in which a filesystem is filled. */
#ifndef WORLD_IMAGE_H
#define WORLD_IMAGE_H

#include "models/btrfs/btrfs.h"
#include "scenarios/image.h"

struct world_image {
	struct btrfs_image image;
	struct btrfs_image_inode *inodes;
	struct btrfs_image_extent *extents;
	GPtrArray *made; /* names and extents that the image did not have */
};
void world_image_build(struct world_image *to, const struct fs_image *from);
void world_image_clear(struct world_image *image);

#endif
