/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An ext4 with fscrypt that nobody else sees and that is gone with the process, whatever ends it. */
#ifndef CALIBRATE_SCRATCH_FS_H
#define CALIBRATE_SCRATCH_FS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct scratch_fs {
	int loop; /* the device, open; -1: none */
	char *device;
	int root; /* of the mounted filesystem; -1: not mounted */
};

/** Makes it on a loop device over memory. The functions below return NULL, or why it can't be done, which
 * the caller frees. */
char *scratch_fs_new(struct scratch_fs *fs);
/** Unmounts, and lets the device go. */
void scratch_fs_clear(struct scratch_fs *fs);
/** Mounts where no path leads; after scratch_fs_unmount() nothing is cached. */
char *scratch_fs_mount(struct scratch_fs *fs);
void scratch_fs_unmount(struct scratch_fs *fs);

enum { SCRATCH_IDENTIFIER_BYTES = 16 };
/** Adds the master key of 64 bytes that are all `number`; its identifier goes to the caller. */
char *scratch_fs_add_key(const struct scratch_fs *fs, uint8_t number,
			 uint8_t identifier[SCRATCH_IDENTIFIER_BYTES]);
/** `busy`: it stays until it is removed again, for an inode was in use. */
char *scratch_fs_remove_key(const struct scratch_fs *fs,
			    const uint8_t identifier[SCRATCH_IDENTIFIER_BYTES], bool *busy);
/** Sets a v2 policy, AES-256-XTS and AES-256-CTS, on an empty directory: with a key for each mode and
 * the inode's number in the IV (`shared`), or one for each file; `unit_bits` 0: units of a block. */
char *scratch_fs_set_policy(int directory, const uint8_t identifier[SCRATCH_IDENTIFIER_BYTES],
			    bool shared, uint8_t unit_bits);

#endif
