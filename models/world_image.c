/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the image of a real tree to what the filesystem model is filled with: directories before what
 * is in them, and names for those whose names were not kept.
 */
#include "models/world_image.h"

#include <string.h>

struct builder {
	const struct fs_image *from;
	struct world_image *to;
	uint32_t *place; /* of each inode of the image in `order`; UINT32_MAX: not yet */
	uint32_t *order;
	uint32_t placed;
};

static void place_inode(struct builder *b, uint32_t i)
{
	uint32_t parent = b->from->inodes[i].parent;

	if (i == 0 || b->place[i] != UINT32_MAX)
		return;
	place_inode(b, parent); /* no cycles: the reader has checked */
	b->place[i] = b->placed;
	b->order[b->placed++] = i;
}

/* A made-up name: unique by the inode's number, filled up to the length of the real one. */
static char *name_of(const struct builder *b, uint32_t i)
{
	const struct fs_image_inode *inode = &b->from->inodes[i];
	char *name, *padded;

	if (b->from->names)
		return g_strndup(b->from->names + inode->name, inode->name_length);
	name = g_strdup_printf("%x", i);
	if (strlen(name) >= inode->name_length)
		return name;
	padded = g_strnfill(inode->name_length, '_');
	memcpy(padded, name, strlen(name));
	g_free(name);
	return padded;
}

static void add_extents(struct builder *b, const struct fs_image_inode *from,
			struct btrfs_image_inode *to)
{
	struct btrfs_image_extent *extents = b->to->extents + from->first_extent;

	to->extents = extents;
	to->extent_count = from->extent_count;
	for (uint32_t e = 0; e < from->extent_count; e++) {
		const struct fs_image_extent *x = &b->from->extents[from->first_extent + e];
		struct btrfs_image_extent *out = &extents[e];

		out->file_offset = x->file_offset;
		out->bytes = x->length_bytes;
		out->is_inline = x->type == FS_IMAGE_INLINE;
		out->prealloc = x->type == FS_IMAGE_PREALLOC;
		out->compression = x->compression;
		if (x->disk != UINT32_MAX) {
			const struct fs_image_disk_extent *disk = &b->from->disk_extents[x->disk];

			out->disk_id = (uint64_t)x->disk + 1;
			out->extent_offset = x->disk_offset;
			out->disk_bytes = disk->length_bytes;
			out->ram_bytes = disk->ram_bytes;
			out->compression = disk->compression;
		}
	}
}

/* A file of known size and unknown extents is laid out as one write of it would be. */
static void lay_out_by_size(struct builder *b, const struct fs_image_inode *from,
			    struct btrfs_image_inode *to)
{
	struct btrfs_image_extent *extent = g_new0(struct btrfs_image_extent, 1);
	uint64_t bytes = (from->size_bytes + KERNEL_BLOCK_BYTES - 1) / KERNEL_BLOCK_BYTES *
			 KERNEL_BLOCK_BYTES;

	extent->bytes = extent->disk_bytes = extent->ram_bytes = bytes;
	g_ptr_array_add(b->to->made, extent);
	to->extents = extent;
	to->extent_count = 1;
}

static void add_inode(struct builder *b, uint32_t place)
{
	const struct fs_image_inode *from = &b->from->inodes[b->order[place]];
	struct btrfs_image_inode *to = &b->to->inodes[place];
	char *name = name_of(b, b->order[place]);

	g_ptr_array_add(b->to->made, name);
	to->name = name;
	to->parent = from->parent ? b->place[from->parent] : UINT32_MAX;
	to->directory = from->type == FS_IMAGE_DIRECTORY;
	to->symlink = from->type == FS_IMAGE_SYMLINK;
	to->nodatacow = from->flags & FS_IMAGE_NODATACOW;
	to->size = to->directory ? 0 : from->size_bytes;
	if (from->extent_count)
		add_extents(b, from, to);
	else if (from->type == FS_IMAGE_FILE && from->method == FS_IMAGE_BY_SIZE &&
		 from->size_bytes && from->allocated_bytes)
		lay_out_by_size(b, from, to);
}

void world_image_build(struct world_image *to, const struct fs_image *from)
{
	struct builder b = {.from = from, .to = to};

	b.place = g_new(uint32_t, from->inode_count);
	b.order = g_new(uint32_t, from->inode_count);
	memset(b.place, 0xff, from->inode_count * sizeof(*b.place));
	for (uint32_t i = 1; i < from->inode_count; i++)
		place_inode(&b, i);
	to->inodes = g_new0(struct btrfs_image_inode, MAX(b.placed, 1));
	to->extents = g_new0(struct btrfs_image_extent, MAX(from->extent_count, 1));
	to->made = g_ptr_array_new_with_free_func(g_free);
	for (uint32_t place = 0; place < b.placed; place++)
		add_inode(&b, place);
	to->image = (struct btrfs_image){to->inodes, b.placed};
	g_free(b.place);
	g_free(b.order);
}

void world_image_clear(struct world_image *image)
{
	g_free(image->inodes);
	g_free(image->extents);
	if (image->made)
		g_ptr_array_free(image->made, true);
}
