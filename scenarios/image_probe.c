/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Asking the kernel where a file's data are: the items of btrfs's own tree where that is permitted
 * (CAP_SYS_ADMIN), else FIEMAP, else nothing but the size.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "scenarios/image_capture.h"
#include "scenarios/image_format.h"

enum {
	SEARCH_BYTES = 64 << 10,
	FIEMAP_BATCH = 256,
	STAT_BLOCK_BYTES = 512, /* unit of st_blocks: stat(2) */
	BTRFS_TOP_INODE = BTRFS_FIRST_FREE_OBJECTID,
};

/* fs/btrfs/btrfs_inode.h; a flag of the inode item, missing from the exported headers. */
#define BTRFS_INODE_ITEM_NODATACOW (1 << 1)
/* The fixed part of struct btrfs_file_extent_item before disk_bytenr. */
#define FILE_EXTENT_INLINE_BYTES offsetof(struct btrfs_file_extent_item, disk_bytenr)

static bool try_tree_search(struct capture *c, int fd)
{
	struct btrfs_ioctl_search_args_v2 *args = (void *)c->search_buffer;

	memset(args, 0, sizeof(*args));
	args->key.tree_id = 0;
	args->key.max_objectid = BTRFS_TOP_INODE;
	args->key.max_offset = UINT64_MAX;
	args->key.max_transid = UINT64_MAX;
	args->key.max_type = UINT8_MAX;
	args->key.nr_items = 1;
	args->buf_size = SEARCH_BYTES;
	if (!ioctl(fd, BTRFS_IOC_TREE_SEARCH_V2, args))
		return true;
	if (!c->report->tree_search_errno)
		c->report->tree_search_errno = errno;
	return false;
}

/* Subvolumes have a device number each and share the disk: the fsid tells. */
static uint32_t space_of(struct capture *c, int fd, const struct stat *st, bool btrfs)
{
	struct btrfs_ioctl_fs_info_args info = {0};
	GString *key = g_string_new(NULL);

	if (btrfs && !ioctl(fd, BTRFS_IOC_FS_INFO, &info))
		for (size_t i = 0; i < sizeof(info.fsid); i++)
			g_string_append_printf(key, "%02x", info.fsid[i]);
	else
		g_string_printf(key, "dev %llu", (unsigned long long)st->st_dev);
	for (guint i = 0; i < c->spaces->len; i++)
		if (!strcmp(g_ptr_array_index(c->spaces, i), key->str)) {
			g_string_free(key, TRUE);
			return i;
		}
	g_ptr_array_add(c->spaces, g_string_free(key, FALSE));
	return c->spaces->len - 1;
}

uint32_t capture_tree_of(struct capture *c, int dir_fd, const struct stat *st)
{
	struct btrfs_ioctl_ino_lookup_args lookup = {.objectid = BTRFS_TOP_INODE};
	struct capture_tree tree = {.dev = st->st_dev};
	struct statfs fs;

	for (guint i = 0; i < c->trees->len; i++)
		if (g_array_index(c->trees, struct capture_tree, i).dev == st->st_dev)
			return i;
	tree.btrfs = !fstatfs(dir_fd, &fs) && fs.f_type == BTRFS_SUPER_MAGIC;
	tree.space = space_of(c, dir_fd, st, tree.btrfs);
	tree.tree_search = tree.btrfs && !c->options->no_tree_search &&
			   !ioctl(dir_fd, BTRFS_IOC_INO_LOOKUP, &lookup) &&
			   try_tree_search(c, dir_fd);
	tree.root_id = lookup.treeid;
	if (c->options->sync)
		syncfs(dir_fd);
	g_array_append_val(c->trees, tree);
	return c->trees->len - 1;
}

bool capture_is_subvolume(const struct capture_tree *tree, const struct stat *st)
{
	return tree->btrfs && S_ISDIR(st->st_mode) && st->st_ino == BTRFS_TOP_INODE;
}

void capture_note_errno(struct capture *c, int err)
{
	if (err == ENOENT || err == ENOTDIR || err == ESTALE || err == ELOOP) {
		c->report->vanished++;
		return;
	}
	c->report->failed++;
	if (!c->report->failed_errno)
		c->report->failed_errno = err;
}

static void add_extent(struct capture *c, struct raw_inode *raw, const struct raw_extent *extent)
{
	if (!raw->inode.extent_count)
		raw->inode.first_extent = c->extents->len;
	raw->inode.extent_count++;
	g_array_append_val(c->extents, *extent);
	if (extent->compression)
		c->report->compressed_extents++;
}

/* The file may change while it is looked at: what would overlap is left out. */
static uint64_t end_so_far(const struct capture *c, const struct raw_inode *raw)
{
	const struct raw_extent *last;

	if (!raw->inode.extent_count)
		return 0;
	last = &g_array_index(c->extents, struct raw_extent, c->extents->len - 1);
	return last->type == FS_IMAGE_INLINE ? UINT64_MAX : last->file_offset + last->length_bytes;
}

static bool plausible(const struct raw_extent *e)
{
	return e->length_bytes && e->file_offset < IMAGE_OFFSET_MAX / 2 &&
	       e->length_bytes < IMAGE_OFFSET_MAX / 2 && e->disk_bytes &&
	       e->disk_offset <= e->ram_bytes && e->length_bytes <= e->ram_bytes - e->disk_offset;
}

static void add_item(struct capture *c, struct raw_inode *raw, uint32_t space, uint64_t file_offset,
		     const struct btrfs_file_extent_item *item)
{
	struct raw_extent e = {.space = space, .file_offset = file_offset, .placed = true};

	e.compression = item->compression;
	if (item->type == BTRFS_FILE_EXTENT_INLINE) {
		e.type = FS_IMAGE_INLINE;
		e.placed = false;
		e.length_bytes = GUINT64_FROM_LE(item->ram_bytes);
		if (e.length_bytes && e.length_bytes <= IMAGE_UNIT_MAX && !end_so_far(c, raw))
			add_extent(c, raw, &e);
		return;
	}
	e.type = item->type == BTRFS_FILE_EXTENT_PREALLOC ? FS_IMAGE_PREALLOC : FS_IMAGE_REGULAR;
	e.physical = GUINT64_FROM_LE(item->disk_bytenr);
	e.disk_bytes = GUINT64_FROM_LE(item->disk_num_bytes);
	e.disk_offset = GUINT64_FROM_LE(item->offset);
	e.length_bytes = GUINT64_FROM_LE(item->num_bytes);
	/* After a split btrfs keeps ram_bytes of the whole disk extent only where compressed. */
	e.ram_bytes = e.compression ? GUINT64_FROM_LE(item->ram_bytes) : e.disk_bytes;
	if (e.physical && plausible(&e) && file_offset >= end_so_far(c, raw))
		add_extent(c, raw, &e);
}

struct item_cursor {
	struct btrfs_ioctl_search_key *key;
	const guint8 *at, *end;
};

static void take_items(struct capture *c, struct raw_inode *raw, uint32_t space,
		       struct item_cursor *cursor)
{
	for (uint32_t i = 0; i < cursor->key->nr_items; i++) {
		struct btrfs_ioctl_search_header header;
		const guint8 *data = cursor->at + sizeof(header);

		memcpy(&header, cursor->at, sizeof(header));
		cursor->at = data + header.len;
		if (cursor->at > cursor->end)
			return;
		cursor->key->min_type = header.type;
		cursor->key->min_offset = header.offset + (header.offset < UINT64_MAX);
		if (header.type == BTRFS_INODE_ITEM_KEY &&
		    header.len >= sizeof(struct btrfs_inode_item)) {
			struct btrfs_inode_item item;

			memcpy(&item, data, sizeof(item));
			if (GUINT64_FROM_LE(item.flags) & BTRFS_INODE_ITEM_NODATACOW)
				raw->inode.flags |= FS_IMAGE_NODATACOW;
		} else if (header.type == BTRFS_EXTENT_DATA_KEY &&
			   header.len >= FILE_EXTENT_INLINE_BYTES) {
			struct btrfs_file_extent_item item = {0};

			memcpy(&item, data, MIN(header.len, sizeof(item)));
			add_item(c, raw, space, header.offset, &item);
		}
	}
}

static bool by_tree_search(struct capture *c, int dir_fd, const struct capture_tree *tree,
			   struct raw_inode *raw)
{
	struct btrfs_ioctl_search_args_v2 *args = (void *)c->search_buffer;
	struct btrfs_ioctl_search_key *key = &args->key;

	memset(args, 0, sizeof(*args));
	key->tree_id = tree->root_id;
	key->min_objectid = key->max_objectid = raw->number;
	key->min_type = BTRFS_INODE_ITEM_KEY;
	key->max_type = BTRFS_EXTENT_DATA_KEY;
	key->max_offset = UINT64_MAX;
	key->max_transid = UINT64_MAX;
	for (;;) {
		struct item_cursor cursor = {.key = key, .at = (const guint8 *)args->buf};

		cursor.end = cursor.at + SEARCH_BYTES;
		key->nr_items = UINT32_MAX;
		args->buf_size = SEARCH_BYTES;
		if (ioctl(dir_fd, BTRFS_IOC_TREE_SEARCH_V2, args)) {
			capture_note_errno(c, errno);
			return false;
		}
		if (!key->nr_items)
			return true;
		take_items(c, raw, tree->space, &cursor);
	}
}

/* FIEMAP's view of one extent. Of a compressed one it gives the length of its data alone. */
static void add_mapped(struct capture *c, struct raw_inode *raw, uint32_t space,
		       const struct fiemap_extent *fe)
{
	struct raw_extent e = {
		.space = space,
		.file_offset = fe->fe_logical,
		.length_bytes = fe->fe_length,
		.physical = fe->fe_physical,
		.disk_bytes = fe->fe_length,
		.ram_bytes = fe->fe_length,
		.type = fe->fe_flags & FIEMAP_EXTENT_UNWRITTEN ? FS_IMAGE_PREALLOC
							       : FS_IMAGE_REGULAR,
	};

	if (e.file_offset < end_so_far(c, raw) || !plausible(&e))
		return;
	if (fe->fe_flags & (FIEMAP_EXTENT_DATA_INLINE | FIEMAP_EXTENT_DATA_TAIL)) {
		e.type = FS_IMAGE_INLINE;
		e.length_bytes = MIN(raw->inode.size_bytes, IMAGE_UNIT_MAX);
		if (e.file_offset || !e.length_bytes)
			return;
	} else if (fe->fe_flags & (FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DELALLOC)) {
		e.placed = false;
	} else {
		e.placed = true;
		if (fe->fe_flags & FIEMAP_EXTENT_ENCODED) {
			e.compression = FS_IMAGE_COMPRESSION_UNKNOWN;
			e.guessed = true;
		}
	}
	add_extent(c, raw, &e);
}

static bool map_extents(struct capture *c, int fd, uint32_t space, struct raw_inode *raw)
{
	size_t bytes = sizeof(struct fiemap) + FIEMAP_BATCH * sizeof(struct fiemap_extent);
	struct fiemap *map = g_malloc0(bytes);
	bool last = false, ok = true, waiting = false;
	uint64_t start = 0;

	while (!last && ok) {
		memset(map, 0, sizeof(*map));
		map->fm_start = start;
		map->fm_length = FIEMAP_MAX_OFFSET - start;
		map->fm_flags = c->options->sync ? FIEMAP_FLAG_SYNC : 0;
		map->fm_extent_count = FIEMAP_BATCH;
		ok = !ioctl(fd, FS_IOC_FIEMAP, map);
		last = !ok || !map->fm_mapped_extents;
		for (uint32_t i = 0; ok && i < map->fm_mapped_extents; i++) {
			const struct fiemap_extent *fe = &map->fm_extents[i];

			add_mapped(c, raw, space, fe);
			waiting |= fe->fe_flags & FIEMAP_EXTENT_DELALLOC;
			last |= (fe->fe_flags & FIEMAP_EXTENT_LAST) ||
				fe->fe_logical + fe->fe_length <= start;
			start = fe->fe_logical + fe->fe_length;
		}
	}
	c->report->unwritten += waiting;
	g_free(map);
	return ok;
}

static bool by_fiemap(struct capture *c, int dir_fd, const char *name, uint32_t space,
		      const struct stat *st, struct raw_inode *raw)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	struct stat now;
	bool ok = false;

	if (fd < 0) {
		if (errno == EACCES || errno == EPERM)
			c->report->denied++;
		else
			capture_note_errno(c, errno);
		return false;
	}
	if (!fstat(fd, &now) && now.st_ino == st->st_ino && S_ISREG(now.st_mode))
		ok = map_extents(c, fd, space, raw);
	close(fd);
	return ok;
}

static void drop_extents(struct capture *c, struct raw_inode *raw)
{
	g_array_set_size(c->extents, c->extents->len - raw->inode.extent_count);
	raw->inode.extent_count = 0;
}

/* btrfs counts delalloc in st_blocks; the tree does not have it yet. */
static bool has_unwritten_data(const struct capture *c, const struct stat *st,
			       const struct raw_inode *raw)
{
	uint64_t known = 0;

	for (uint32_t i = 0; i < raw->inode.extent_count; i++)
		known += g_array_index(c->extents, struct raw_extent, raw->inode.first_extent + i)
				 .length_bytes;
	known = (known + (uint64_t)st->st_blksize - 1) / (uint64_t)st->st_blksize *
		(uint64_t)st->st_blksize;
	return (uint64_t)st->st_blocks * STAT_BLOCK_BYTES > known;
}

static void note_inline(struct capture *c, const struct raw_inode *raw)
{
	if (raw->inode.extent_count &&
	    g_array_index(c->extents, struct raw_extent, raw->inode.first_extent).type ==
		    FS_IMAGE_INLINE)
		c->report->inline_files++;
}

void capture_extents(struct capture *c, int dir_fd, const char *name, const struct stat *st,
		     struct raw_inode *raw)
{
	const struct capture_tree *tree = &g_array_index(c->trees, struct capture_tree, raw->tree);

	if (tree->tree_search && by_tree_search(c, dir_fd, tree, raw)) {
		raw->inode.method = FS_IMAGE_BY_TREE_SEARCH;
		c->report->unwritten += has_unwritten_data(c, st, raw);
	} else if (!st->st_size && !st->st_blocks) {
		drop_extents(c, raw);
		raw->inode.method = FS_IMAGE_BY_TREE_SEARCH;
	} else if (!c->options->no_fiemap && by_fiemap(c, dir_fd, name, tree->space, st, raw)) {
		raw->inode.method = FS_IMAGE_BY_FIEMAP;
	} else {
		drop_extents(c, raw);
		raw->inode.method = FS_IMAGE_BY_SIZE;
		raw->inode.allocated_bytes = (uint64_t)st->st_blocks * STAT_BLOCK_BYTES;
	}
	if (!st->st_size && !raw->inode.extent_count)
		c->report->empty++;
	else if (raw->inode.method == FS_IMAGE_BY_TREE_SEARCH)
		c->report->by_tree_search++;
	else if (raw->inode.method == FS_IMAGE_BY_FIEMAP)
		c->report->by_fiemap++;
	else
		c->report->by_size++;
	note_inline(c, raw);
}
