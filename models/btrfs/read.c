/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads: read-ahead windows, one extent map per item, at least one bio per map; when the device is
 * done, a worker checks the sums and decrypts (6.12: fs/btrfs/extent_io.c, bio.c). The key is
 * needed in the worker, for each bio.
 */
#include "models/btrfs/internal.h"

#include <errno.h>

/** Those who wait for several bios at once. */
struct read_group {
	struct sim_waitq done;
	uint32_t pending;
	int err;
};

struct read_bio {
	struct btrfs_inode *inode;
	struct read_group *group; /* direct reads; NULL: the page cache tells */
	struct btrfs_crypt_io io;
	struct btrfs_seal seal;
	struct btrfs_crypt_request request;
	uint32_t file_block, file_blocks; /* what the bio fills; differs from io when compressed */
};

/* ---- reads that failed ---- */

/* Blocks of the file whose last read through the page cache failed. The kernel's reader finds the page
 * not up to date; here it is gone, as it would be if reclaim had taken it. */
struct failed_read {
	uint32_t first, blocks;
};

static bool overlap(const struct failed_read *failed, uint32_t first, uint32_t blocks,
		    uint32_t *from, uint32_t *count)
{
	uint32_t end = MIN(failed->first + failed->blocks, first + blocks);

	*from = MAX(failed->first, first);
	*count = end > *from ? end - *from : 0;
	return *count;
}

static void mark_failed(struct btrfs_inode *inode, uint32_t first, uint32_t end)
{
	struct failed_read failed = {first, end - first};

	if (end > first)
		g_array_append_val(inode->failed_reads, failed);
}

static void note_failure(struct btrfs_inode *inode, uint32_t first, uint32_t blocks)
{
	if (!inode->failed_reads)
		inode->failed_reads = g_array_new(false, false, sizeof(struct failed_read));
	mark_failed(inode, first, first + blocks);
	page_cache_read_failed(inode->mapping, first, blocks);
}

/* They are read again. */
static void forget_failures(struct btrfs_inode *inode, uint32_t first, uint32_t blocks)
{
	uint32_t from, count;

	for (guint i = inode->failed_reads ? inode->failed_reads->len : 0; i-- > 0;) {
		struct failed_read old = g_array_index(inode->failed_reads, struct failed_read, i);

		if (!overlap(&old, first, blocks, &from, &count))
			continue;
		g_array_remove_index(inode->failed_reads, i);
		mark_failed(inode, old.first, from);
		mark_failed(inode, from + count, old.first + old.blocks);
	}
}

static int read_result(struct btrfs_inode *inode, uint32_t first, uint32_t blocks)
{
	uint32_t from, count;

	for (guint i = 0; inode->failed_reads && i < inode->failed_reads->len; i++)
		if (overlap(&g_array_index(inode->failed_reads, struct failed_read, i), first,
			    blocks, &from, &count) &&
		    page_cache_missing(inode->mapping, from, count, &from, &count))
			return -EIO;
	return 0;
}

/* ---- the end of a bio ---- */

static void read_done(struct read_bio *bio, int err)
{
	struct btrfs_fs *fs = bio->inode->fs;

	if (bio->io.info)
		fs->crypt_ops->extent_put(fs->crypt, bio->io.info, false);
	if (bio->group) {
		bio->group->err = err ? err : bio->group->err;
		if (!--bio->group->pending)
			kernel_wake_all(fs->machine, &bio->group->done);
	} else if (err) {
		note_failure(bio->inode, bio->file_block, bio->file_blocks);
	} else {
		page_cache_uptodate(bio->inode->mapping, bio->file_block, bio->file_blocks);
	}
	kernel_free(fs->machine, fs->site_bio, machine_size(fs->machine, SIZE_BTRFS_BIO));
	btrfs_iput(bio->inode);
	btrfs_release(fs, OWNED_MEMORY, bio);
}

/* repair_one_sector() and btrfs_end_repair_bio(): the repair's own bios hold the extent's info. */
static int repair(struct kernel_task *task, struct read_bio *bio, bool by_csum)
{
	struct btrfs_fs *fs = bio->inode->fs;
	struct btrfs_crypt_io *io = &bio->io;
	uint32_t lost;

	if (!btrfs_bad_blocks(fs, 0, io->physical_block, io->blocks))
		return 0;
	if (io->info)
		fs->crypt_ops->extent_get(io->info);
	lost = btrfs_repair(task, fs, 0, io, &bio->seal, by_csum, &fs->count.read_repairs);
	if (io->info && !fs->config.fault_leaked_info)
		fs->crypt_ops->extent_put(fs->crypt, io->info, false);
	fs->count.read_errors += lost;
	return lost ? -EIO : 0;
}

/* A checksum tells before anything is decrypted; a tag that stands in its place tells while it is. */
static int check_and_decrypt(struct kernel_task *task, struct read_bio *bio)
{
	struct btrfs_fs *fs = bio->inode->fs;
	bool by_csum = btrfs_has_csum(fs, bio->io.info);
	int err = 0;

	if (bio->io.summed && by_csum) {
		kernel_run(task, COST_CSUM_4K, bio->io.blocks);
		err = repair(task, bio, true);
	}
	if (!err && bio->io.info)
		err = fs->crypt_ops->decrypt(task, fs->crypt, &bio->io, &bio->seal);
	if (!err && bio->io.summed && !by_csum)
		err = repair(task, bio, false);
	if (!bio->io.summed)
		fs->count.undetected_blocks +=
			btrfs_bad_blocks(fs, 0, bio->io.physical_block, bio->io.blocks);
	if (err == -EBADMSG) /* the wrong key: no copy is better */
		fs->count.read_errors += bio->io.blocks;
	return err == -EBADMSG ? -EIO : err;
}

/* end_bbio_data_read() and, before it, blk_crypto_fallback_decrypt_bio() or its like. */
static void end_read(struct kernel_task *task, void *arg)
{
	struct read_bio *bio = arg;
	struct btrfs_fs *fs = bio->inode->fs;
	int err;

	kernel_run(task, COST_BIO_END, 1);
	err = check_and_decrypt(task, bio);
	if (bio->io.info)
		fs->crypt_ops->read_end(fs->crypt);
	read_done(bio, err);
	btrfs_drain(task, fs);
}

struct device_done {
	struct read_bio *bio;
	uint64_t request;
};

static void device_read(void *arg)
{
	struct device_done *done = arg;
	struct btrfs_fs *fs = done->bio->inode->fs;

	if (done->bio->io.info)
		fs->crypt_ops->request_end(fs->crypt, &done->bio->request);
	workqueue_queue(fs->endio_read, end_read, done->bio, done->request);
	btrfs_release(fs, OWNED_MEMORY, done);
}

static struct read_bio *bio_for(struct btrfs_inode *inode, const struct extent_map *map,
				uint32_t block, uint32_t blocks)
{
	struct btrfs_fs *fs = inode->fs;
	struct read_bio *bio = btrfs_own(fs, OWNED_MEMORY, g_new0(struct read_bio, 1));
	uint32_t first = map->extent_block + (block - map->start);

	if (map->compressed) { /* read whole, whatever part of it is wanted */
		first = 0;
		bio->io.blocks = map->disk_blocks;
	} else {
		bio->io.blocks = blocks;
	}
	bio->inode = inode;
	bio->file_block = block;
	bio->file_blocks = blocks;
	bio->io.inode = inode;
	bio->io.summed = !(inode->store->flags & STORE_NODATACOW);
	bio->io.extent = map->extent;
	bio->io.extent_block = first;
	bio->io.file_block = map->compressed ? map->start - map->extent_block : block;
	bio->io.physical_block = block_of(store_extent_physical(fs->store, map->extent)) + first;
	bio->seal = btrfs_extent_seal(fs, map->extent);
	bio->io.info = map->info;
	if (bio->io.info)
		fs->crypt_ops->extent_get(bio->io.info);
	return bio;
}

static int submit(struct kernel_task *task, struct read_bio *bio, struct read_group *group)
{
	struct btrfs_fs *fs = bio->inode->fs;
	struct device_done *done = btrfs_own(fs, OWNED_MEMORY, g_new(struct device_done, 1));
	int err = 0;

	bio->group = group;
	if (group)
		group->pending++;
	btrfs_pin(bio->inode);
	/* From the bioset's mempool: waits, but does not fail. */
	kernel_alloc_nofail(task, fs->site_bio, GFP_NOFS, machine_size(fs->machine, SIZE_BTRFS_BIO),
			    1);
	kernel_run(task, COST_BIO_SUBMIT, 1);
	if (bio->io.info)
		err = fs->crypt_ops->read_begin(task, fs->crypt, &bio->io, &bio->request);
	if (err) {
		btrfs_release(fs, OWNED_MEMORY, done);
		read_done(bio, err);
		return err;
	}
	*done = (struct device_done){.bio = bio, .request = task->request};
	bio_submit(fs->machine, 0, BIO_READ, bio->io.physical_block, bio->io.blocks, task->request,
		   device_read, done);
	return 0;
}

/* Blocks of [block, end) that one bio can read through this map. */
static uint32_t bio_blocks(const struct btrfs_fs *fs, const struct extent_map *map, uint32_t block,
			   uint32_t end)
{
	uint32_t blocks = MIN(map->start + map->blocks, end) - block;

	return map->compressed ? blocks
			       : MIN(blocks, (uint32_t)machine_size(fs->machine, LIMIT_BIO_BLOCKS));
}

/* Reads [first, first+blocks) from disk: into the page cache, or for `group`. */
static int read_blocks(struct kernel_task *task, struct btrfs_inode *inode, uint32_t first,
		       uint32_t blocks, struct read_group *group)
{
	uint32_t block = first, end = first + blocks;

	while (block < end) {
		struct extent_map *map;
		uint32_t count;
		int err = extent_map_get(task, inode, block, &map);

		if (err) {
			if (!group)
				page_cache_drop(inode->mapping, block, end - block);
			return err;
		}
		count = bio_blocks(inode->fs, map, block, end);
		if (map->kind == MAP_REGULAR) {
			err = submit(task, bio_for(inode, map, block, count), group);
		} else if (!group) { /* zeros, or the bytes in the item */
			kernel_run(task, COST_COPY_4K, count);
			page_cache_uptodate(inode->mapping, block, count);
		}
		block += count;
	}
	return 0;
}

/* Starts reads for what the cache lacks of [first, first+blocks); does not wait. */
static int start_missing(struct kernel_task *task, struct btrfs_inode *inode, uint32_t first,
			 uint32_t blocks)
{
	uint32_t from, count, at = first, end = first + blocks;

	while (at < end && page_cache_missing(inode->mapping, at, end - at, &from, &count)) {
		int err;

		if (!page_cache_add(task, inode->mapping, from, count, GFP_NOFS))
			return -ENOMEM;
		forget_failures(inode, from, count);
		err = read_blocks(task, inode, from, count, NULL);
		if (err)
			return err;
		at = from + count;
	}
	return 0;
}

int btrfs_fill_cache(struct kernel_task *task, struct btrfs_inode *inode, uint32_t first,
		     uint32_t blocks)
{
	int err = start_missing(task, inode, first, blocks);

	page_cache_wait_read(task, inode->mapping, first, blocks);
	return err ? err : read_result(inode, first, blocks);
}

/* filemap_update_page(): a page that a bio of many left not up to date is read again alone, before its
 * reader is told. */
static int read_alone(struct kernel_task *task, struct btrfs_inode *inode, uint32_t first,
		      uint32_t blocks)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < blocks; i++)
		if (read_result(inode, first + i, 1))
			err = btrfs_fill_cache(task, inode, first + i, 1);
	return err;
}

/* page_cache_sync_ra() and page_cache_async_ra(): a sequential reader's window doubles up to its
 * limit, and the next one is started when the reader enters the present one; a random reader gets
 * what it asked for. Returns the block up to which to read. */
static uint32_t read_ahead_end(struct btrfs_file *file, uint32_t first, uint32_t blocks)
{
	struct machine *machine = file->inode->fs->machine;
	uint32_t max = (uint32_t)machine_size(machine, LIMIT_READ_AHEAD_BLOCKS);
	uint32_t initial = (uint32_t)machine_size(machine, LIMIT_READ_AHEAD_START_BLOCKS);
	uint32_t window_end = file->window_start + file->window_blocks;
	uint32_t end = first + blocks;

	if (first != file->next_block) {
		file->window_start = first;
		file->window_blocks = blocks;
	} else if (end > window_end) {
		file->window_start = MAX(first, window_end);
		file->window_blocks = MIN(MAX(MAX(blocks, initial), file->window_blocks * 2), max);
	} else if (end > file->window_start) {
		file->window_start = window_end;
		file->window_blocks = MIN(file->window_blocks * 2, max);
	}
	return MAX(end, file->window_start + file->window_blocks);
}

int btrfs_buffered_read(struct kernel_task *task, struct btrfs_file *file, uint64_t offset,
			uint64_t len)
{
	struct btrfs_inode *inode = file->inode;
	uint32_t first = block_of(offset), blocks = blocks_over(offset, len), end;
	uint32_t file_end = blocks_over(0, inode->store->size);
	int err;

	if (!blocks)
		return 0;
	kernel_run(task, COST_PAGE_CACHE_LOOKUP, 1);
	end = MIN(read_ahead_end(file, first, blocks), file_end);
	file->next_block = first + blocks - ((offset + len) % KERNEL_BLOCK_BYTES != 0);
	err = end > first ? start_missing(task, inode, first, end - first) : 0;
	page_cache_wait_read(task, inode->mapping, first, blocks);
	if (!err && read_result(inode, first, blocks))
		err = read_alone(task, inode, first, blocks);
	if (!err)
		kernel_run(task, COST_COPY_4K, blocks);
	return err;
}

int btrfs_direct_read(struct kernel_task *task, struct btrfs_inode *inode, uint64_t offset,
		      uint64_t len)
{
	struct read_group group = {0};
	int err = btrfs_wait_ordered_range(task, inode, offset, len);

	if (err)
		return err;
	sim_waitq_init(&group.done, machine_sim(inode->fs->machine), "dio read");
	err = read_blocks(task, inode, block_of(offset), blocks_over(offset, len), &group);
	while (group.pending)
		kernel_wait(task, &group.done, PART_DEVICE);
	sim_waitq_destroy(&group.done);
	return err ? err : group.err;
}
