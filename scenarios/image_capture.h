/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to this folder: the parts that take an image from a real directory tree. */
#ifndef SCENARIOS_IMAGE_CAPTURE_H
#define SCENARIOS_IMAGE_CAPTURE_H

#include <sys/stat.h>

#include "scenarios/image.h"

/* An extent as the kernel tells it, still with its place on the real disk. */
struct raw_extent {
	uint64_t file_offset, length_bytes, disk_offset;
	uint64_t physical; /* where its disk extent begins */
	uint64_t disk_bytes, ram_bytes;
	uint32_t space; /* which filesystem `physical` counts in */
	uint32_t disk; /* set when resolved */
	uint8_t type, compression;
	bool placed; /* has a place on disk (not delalloc) */
	bool guessed; /* compressed, told by FIEMAP: disk_bytes is an upper bound */
};

struct raw_inode {
	uint64_t number; /* st_ino */
	uint32_t tree; /* which subvolume or filesystem, by first appearance */
	struct fs_image_inode inode; /* first_extent counts in raw extents, parent in raw inodes */
};

/* A filesystem, or a subvolume of one: inode numbers are unique within. */
struct capture_tree {
	dev_t dev;
	uint32_t space;
	bool btrfs, tree_search;
	uint64_t root_id; /* of a btrfs subvolume */
};

struct capture {
	const struct fs_image_options *options;
	struct fs_image_report *report;
	GArray *inodes; /* struct raw_inode */
	GArray *extents; /* struct raw_extent */
	GArray *trees; /* struct capture_tree */
	GPtrArray *spaces; /* char *, what tells one filesystem from another */
	GByteArray *names; /* or NULL */
	GHashTable *linked; /* inodes with several links met so far */
	guint8 *search_buffer;
	uint64_t others, unreadable;
	uint64_t mount_id;
	dev_t top_dev;
	bool have_mount_id;
};

/** The index of the tree that an open directory is in, found or added. */
uint32_t capture_tree_of(struct capture *c, int dir_fd, const struct stat *st);
/** Whether a directory is the top of a btrfs subvolume. */
bool capture_is_subvolume(const struct capture_tree *tree, const struct stat *st);
/** Fills in the extents of the file `name` in `dir_fd`. */
void capture_extents(struct capture *c, int dir_fd, const char *name, const struct stat *st,
		     struct raw_inode *raw);
/** Notes an error of a system call on a name. */
void capture_note_errno(struct capture *c, int err);
/** Makes the image: inodes by number, disk extents told apart and addresses hidden. */
struct fs_image *capture_resolve(struct capture *c);

#endif
