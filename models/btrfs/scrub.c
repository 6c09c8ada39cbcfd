/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scrub: every data extent of every device is read in the order of its address and checked, without
 * an inode or the page cache (6.12: fs/btrfs/scrub.c). It reads what has an extent item: also data
 * without checksums and preallocated space, which it can't check.
 */
#include "models/btrfs/internal.h"

#include <errno.h>

static void scrub_extent(struct kernel_task *task, struct btrfs_fs *fs, uint32_t device,
			 store_extent extent)
{
	uint32_t blocks = block_of(store_extent_bytes(fs->store, extent));
	uint32_t max = (uint32_t)machine_size(fs->machine, LIMIT_BIO_BLOCKS);
	struct btrfs_check check;

	btrfs_check_begin(task, fs, extent, &fs->count.scrub, &check);
	for (uint32_t at = 0; at < blocks && btrfs_check_current(fs, &check); at += max) {
		uint32_t count = MIN(max, blocks - at);

		kernel_run(task, COST_BIO_SUBMIT, 1);
		bio_submit_wait(task, device, BIO_READ, check.io.physical_block + at, count);
		btrfs_check(task, fs, &check, device, at, count);
	}
	btrfs_check_end(task, fs, &check);
}

static void scrub_device(struct kernel_task *task, struct btrfs_fs *fs, uint32_t device)
{
	GArray *extents = btrfs_own(fs, OWNED_ARRAY, store_extents_by_address(fs->store));

	/* What is freed meanwhile is passed over; what is born meanwhile waits for the next scrub. */
	for (guint i = 0; i < extents->len; i++) {
		store_extent extent = g_array_index(extents, store_extent, i);

		if (store_extent_refs(fs->store, extent))
			scrub_extent(task, fs, device, extent);
	}
	btrfs_release(fs, OWNED_ARRAY, extents);
}

int btrfs_scrub(struct kernel_task *task, struct btrfs_fs *fs)
{
	kernel_run(task, COST_SYSCALL, 1);
	if (fs->scrubbing)
		return -EINPROGRESS;
	fs->scrubbing = true;
	fs->count.scrubs++;
	for (uint32_t device = 0; device < btrfs_mirrors(fs); device++)
		scrub_device(task, fs, device);
	fs->scrubbing = false;
	return 0;
}
