/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The initial filesystem: an image's inodes and extents, entered in key order. */
#include "models/btrfs/internal.h"

#include <string.h>

G_DEFINE_QUARK(extentsim - btrfs - error, btrfs_error)

/* Nonces of the image's extents; those drawn in the run count up from 1. */
#define IMAGE_NONCE_BASE (UINT64_C(1) << 62)

struct population {
	const struct btrfs_image *image;
	struct store_image_inode *inodes;
	GArray *extents; /* struct store_image_extent, of all inodes */
	size_t *first; /* of each inode in `extents` */
	bool encrypted;
};

/* btrfs writes an encrypted file of any size to a data extent: an inline one has no context. */
static struct store_image_extent entered_as(const struct btrfs_image_extent *from, bool encrypted)
{
	struct store_image_extent to = {
		.file_offset = from->file_offset,
		.bytes = from->bytes,
		.type = from->is_inline	 ? STORE_INLINE
			: from->prealloc ? STORE_PREALLOCATED
					 : STORE_REGULAR,
		.disk_id = from->disk_id,
		.extent_offset = from->extent_offset,
		.disk_bytes = from->disk_bytes,
		.ram_bytes = from->ram_bytes,
		.compression = from->compression,
	};

	if (!from->is_inline || !encrypted)
		return to;
	to.type = STORE_REGULAR;
	to.compression = 0;
	to.disk_id = 0;
	to.extent_offset = 0;
	to.bytes = blocks_over(0, MAX(from->bytes, 1)) * (uint64_t)KERNEL_BLOCK_BYTES;
	to.disk_bytes = to.ram_bytes = to.bytes;
	return to;
}

/* An extent that FIEMAP has merged may be longer than btrfs makes them: it is laid out anew. */
static void add_extent(struct population *p, const struct btrfs_image_extent *from, bool encrypted,
		       uint64_t max_bytes)
{
	struct store_image_extent whole = entered_as(from, encrypted);

	if (whole.type == STORE_INLINE || whole.disk_id || whole.compression ||
	    whole.bytes <= max_bytes) {
		g_array_append_val(p->extents, whole);
		return;
	}
	for (uint64_t at = 0; at < whole.bytes; at += max_bytes) {
		struct store_image_extent part = whole;

		part.file_offset += at;
		part.extent_offset = 0;
		part.bytes = part.disk_bytes = part.ram_bytes = MIN(max_bytes, whole.bytes - at);
		g_array_append_val(p->extents, part);
	}
}

static void add_inode(struct population *p, size_t i, uint32_t key, uint64_t max_bytes)
{
	const struct btrfs_image_inode *from = &p->image->inodes[i];
	bool encrypted = key && !from->symlink && !from->directory;

	p->first[i] = p->extents->len;
	for (size_t e = 0; e < from->extent_count; e++)
		add_extent(p, &from->extents[e], encrypted, max_bytes);
	p->inodes[i] = (struct store_image_inode){
		.parent = from->parent,
		.name = from->name,
		.flags = (from->directory ? STORE_DIRECTORY : 0u) |
			 (from->nodatacow ? STORE_NODATACOW : 0u) |
			 (encrypted ? STORE_ENCRYPTED : 0u),
		.policy_key = from->symlink ? 0 : key,
		.name_encrypted = key,
		.size = from->size,
		.n_extents = p->extents->len - p->first[i],
	};
}

/* Every extent of the image was sealed under the image's key, each with a nonce of its own. */
static void seal_all(struct btrfs_fs *fs)
{
	store_extent limit = store_extent_limit(fs->store);

	for (store_extent extent = 1; extent < limit; extent++) {
		struct btrfs_seal seal = {.nonce = IMAGE_NONCE_BASE + extent,
					  .key = fs->config.image_key};

		if (store_extent_bytes(fs->store, extent))
			btrfs_seal_extent(fs, extent, &seal);
	}
}

static char *path_of(const struct btrfs_image *image, size_t i)
{
	const struct btrfs_image_inode *inode = &image->inodes[i];
	char *dir, *path;

	if (inode->parent == UINT32_MAX)
		return g_strdup(inode->name);
	dir = path_of(image, inode->parent);
	path = g_strconcat(dir, "/", inode->name, NULL);
	g_free(dir);
	return path;
}

static void list_files(struct btrfs_fs *fs)
{
	const struct btrfs_image *image = fs->config.image;

	for (size_t i = 0; i < image->count; i++) {
		const struct btrfs_image_inode *inode = &image->inodes[i];

		if (inode->directory || inode->symlink || !inode->size)
			continue;
		g_ptr_array_add(fs->image_files, path_of(image, i));
		g_array_append_val(fs->image_sizes, inode->size);
	}
}

uint64_t btrfs_image_file_bytes(const struct btrfs_fs *fs, uint32_t number)
{
	return g_array_index(fs->image_sizes, uint64_t, number);
}

const char *btrfs_image_file_path(const struct btrfs_fs *fs, uint32_t number)
{
	return g_ptr_array_index(fs->image_files, number);
}

/* The image's top directory is the filesystem's own, which gets the policy. */
static void encrypt_top(struct btrfs_fs *fs)
{
	struct store_inode *top;

	if (store_lookup(fs->store, "", &top, NULL))
		g_assert_not_reached();
	store_set_policy(fs->store, top, fs->config.image_key, NULL);
	store_inode_put(fs->store, top, NULL);
	store_commit(fs->store, NULL);
}

static int enter_all(struct btrfs_fs *fs, struct population *p)
{
	uint64_t max_bytes = store_options(fs->store)->max_extent_bytes;
	size_t count = p->image->count;

	for (size_t i = 0; i < count; i++)
		add_inode(p, i, fs->config.image_key, max_bytes);
	for (size_t i = 0; i < count; i++)
		p->inodes[i].extents =
			&g_array_index(p->extents, struct store_image_extent, p->first[i]);
	return store_populate(fs->store, BTRFS_FS_TREE_ROOT, p->inodes, count, NULL);
}

bool btrfs_populate(struct btrfs_fs *fs, GError **error)
{
	struct population p = {
		.image = fs->config.image,
		.inodes = g_new0(struct store_image_inode, fs->config.image->count),
		.first = g_new0(size_t, fs->config.image->count),
		.extents = g_array_new(false, false, sizeof(struct store_image_extent)),
	};
	int err = enter_all(fs, &p);

	g_free(p.inodes);
	g_free(p.first);
	g_array_free(p.extents, true);
	if (err) {
		g_set_error(error, BTRFS_ERROR, 0, "the image can't be entered: %s",
			    g_strerror(-err));
		return false;
	}
	if (fs->config.image_key) {
		seal_all(fs);
		encrypt_top(fs);
	}
	list_files(fs);
	return true;
}
