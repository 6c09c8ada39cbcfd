/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The image of a filesystem: which inodes it has and where their data lies, without the data.
 * Taken from a real directory tree, kept in a file, and the initial state of a scenario's
 * filesystem. The format of the file is in docs/image-format.md.
 */
#ifndef SCENARIOS_IMAGE_H
#define SCENARIOS_IMAGE_H

#include <glib.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fs_image_type { FS_IMAGE_FILE, FS_IMAGE_DIRECTORY, FS_IMAGE_SYMLINK };

/** How the extents of a file were found. */
enum fs_image_method {
	FS_IMAGE_BY_TREE_SEARCH, /* the file extent items of btrfs, one for one */
	FS_IMAGE_BY_FIEMAP, /* neighbours may have been merged: lay out anew */
	FS_IMAGE_BY_SIZE, /* no extents known, only allocated_bytes */
};

enum fs_image_inode_flags {
	FS_IMAGE_SUBVOLUME = 1, /* the root directory of a btrfs subvolume below the image's top */
	FS_IMAGE_NODATACOW = 2,
};

/**
 * Inodes are in the order of their numbers on the original filesystem (subvolume by subvolume),
 * which is the order of their items in a btrfs tree; inode 0 is the top directory.
 */
struct fs_image_inode {
	uint64_t size_bytes; /* of a symlink: the length of its target */
	uint64_t allocated_bytes; /* known by size alone: st_blocks; else 0 */
	uint64_t first_extent; /* index into extents; extent_count of them, by file offset */
	uint32_t extent_count;
	uint32_t parent; /* index of the directory of its first name; the top is its own */
	uint32_t links; /* number of hard links; the inode is here once */
	uint32_t name; /* offset into names, if the image keeps names */
	uint8_t name_length; /* bytes; 0 for the top */
	uint8_t type; /* enum fs_image_type */
	uint8_t method; /* enum fs_image_method */
	uint8_t flags; /* enum fs_image_inode_flags */
};

enum fs_image_extent_type { FS_IMAGE_INLINE, FS_IMAGE_REGULAR, FS_IMAGE_PREALLOC };

/** One file extent. What no extent covers is a hole. Extents of a file never overlap. */
struct fs_image_extent {
	uint64_t file_offset;
	uint64_t length_bytes; /* of file data; inline: bytes of file data, offset 0 */
	uint64_t disk_offset; /* where in the (uncompressed) disk extent it begins */
	uint32_t disk; /* index into disk_extents; inline: UINT32_MAX */
	uint8_t type; /* enum fs_image_extent_type */
	uint8_t compression; /* of an inline extent, as btrfs numbers it */
};

/**
 * A range on disk that file extents refer to: several do if it is shared. Addresses are not those
 * of the disk: extents that touched there touch here, all others are apart.
 */
struct fs_image_disk_extent {
	uint64_t address;
	uint64_t length_bytes; /* on disk */
	uint64_t ram_bytes; /* uncompressed; equals length_bytes where not compressed */
	uint8_t compression; /* btrfs's number: 0 none, 1 zlib, 2 lzo, 3 zstd; 255 unknown */
};

enum { FS_IMAGE_COMPRESSION_UNKNOWN = 255 };

struct fs_image {
	char filesystem[16]; /* "btrfs", "ext4", … as told by statfs; "other" */
	struct fs_image_inode *inodes;
	struct fs_image_extent *extents;
	struct fs_image_disk_extent *disk_extents;
	char *names; /* NULL if anonymised; not terminated, see name and name_length */
	size_t inode_count, extent_count, disk_extent_count, names_bytes;
	uint64_t others; /* sockets, devices, pipes: counted, not kept */
	uint64_t unreadable; /* directories and inodes that are missing from the image */
};

enum fs_image_error {
	FS_IMAGE_ERROR_BAD, /* not an image, a damaged one, or not a directory */
	FS_IMAGE_ERROR_IO, /* could not read or write */
	FS_IMAGE_ERROR_INTERRUPTED,
};
#define FS_IMAGE_ERROR fs_image_error_quark()
GQuark fs_image_error_quark(void);

/**
 * Reads an image and checks all of it: digest, counts, parents without a cycle, extents in order
 * and within their disk extents, disk extents apart. Memory stays in proportion to the file.
 */
struct fs_image *fs_image_read(const char *path, GError **error);
/**
 * Writes an image. A regular file appears whole or not at all; "-" is standard output; a device
 * or a pipe is written to directly. The same image gives the same bytes.
 */
bool fs_image_write(const struct fs_image *image, const char *path, GError **error);
void fs_image_free(struct fs_image *image);
/** SHA-256 of the image's text in hex (the trailer of its file); to be freed. */
char *fs_image_digest(const struct fs_image *image);

struct fs_image_options {
	bool keep_names;
	bool cross_mounts;
	bool sync; /* have the data of files written before asking where they are */
	bool no_tree_search, no_fiemap; /* pretend that they are not there */
	const volatile sig_atomic_t *interrupted; /* or NULL; looked at between files */
};

/** What happened on the walk. Counts of files unless said otherwise. */
struct fs_image_report {
	uint64_t files, directories, symlinks, others;
	uint64_t hard_links; /* further names of inodes already met */
	uint64_t by_tree_search, by_fiemap, by_size;
	uint64_t empty; /* files of size 0 without extents, in none of the three */
	uint64_t denied; /* files whose extents could not be asked for (EACCES, EPERM): by size */
	uint64_t denied_directories; /* entries missing */
	uint64_t vanished; /* names gone or changed between listing and looking */
	uint64_t failed; /* other errors */
	int failed_errno; /* the first of them */
	uint64_t mounts; /* mount points not entered */
	uint64_t subvolumes; /* btrfs subvolumes entered */
	uint64_t unwritten; /* files with data not yet on disk */
	uint64_t inline_files, compressed_extents, shared_disk_extents;
	uint64_t data_bytes; /* sum of the files' sizes */
	int tree_search_errno; /* why tree search was not used on btrfs, or 0 */
};

/**
 * Takes the image of a directory tree. Looks with lstat alone, never at file contents, follows no
 * symlink. The report may be NULL.
 */
struct fs_image *fs_image_capture(const char *directory, const struct fs_image_options *options,
				  struct fs_image_report *report, GError **error);

#endif
