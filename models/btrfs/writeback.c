/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writeback: delalloc ranges become ordered extents, which are encrypted, summed, written, and then
 * entered into the trees (6.12: fs/btrfs/inode.c run_delalloc_range(), btrfs_finish_one_ordered()).
 * An extent is born here, and with it its nonce; write() has only made pages dirty.
 */
#include "models/btrfs/internal.h"

#include <errno.h>

struct ordered_extent {
	struct btrfs_inode *inode;
	struct store_piece piece;
	struct fscrypt_extent_info *info; /* one reference, for the bios */
	struct btrfs_seal seal;
	uint32_t bios; /* under way, and one for the submitter */
	uint64_t request;
	GList link;
};

static uint32_t first_block(const struct ordered_extent *ordered)
{
	return block_of(ordered->piece.file_offset);
}

static uint32_t ordered_blocks(const struct ordered_extent *ordered)
{
	return blocks_over(ordered->piece.file_offset, ordered->piece.bytes);
}

static void ordered_done(struct ordered_extent *ordered)
{
	struct btrfs_inode *inode = ordered->inode;
	struct btrfs_fs *fs = inode->fs;

	extent_map_unpin(inode, first_block(ordered), ordered_blocks(ordered));
	if (!ordered->piece.direct)
		page_cache_writeback_end(inode->mapping, first_block(ordered),
					 ordered_blocks(ordered));
	if (ordered->info)
		fs->crypt_ops->extent_put(fs->crypt, ordered->info, false);
	kernel_free(fs->machine, fs->site_ordered, machine_size(fs->machine, SIZE_ORDERED_EXTENT));
	g_queue_unlink(&inode->ordered, &ordered->link);
	kernel_wake_all(fs->machine, &inode->ordered_wait);
	btrfs_iput(inode);
	btrfs_release(fs, OWNED_MEMORY, ordered);
}

static void lose_blocks(struct btrfs_inode *inode, uint32_t file_block, uint32_t blocks, int err)
{
	inode->write_error = inode->io_error = err;
	inode->fs->count.lost_writes += blocks;
	btrfs_tell(inode, BTRFS_NOTE_LOST, 0, file_block, blocks, err);
}

static int enter_item(struct btrfs_fs *fs, void *arg, struct btrfs_work *work)
{
	struct ordered_extent *ordered = arg;

	return store_finish(fs->store, ordered->inode->store, &ordered->piece, work);
}

/* btrfs_finish_one_ordered() */
static void finish_ordered(struct kernel_task *task, void *arg)
{
	struct ordered_extent *ordered = arg;
	struct btrfs_inode *inode = ordered->inode;
	struct btrfs_fs *fs = inode->fs;
	int err;

	kernel_run(task, COST_BIO_END, 1);
	sim_path_enter(machine_sim(fs->machine), "btrfs_finish_one_ordered");
	err = btrfs_tree_change(task, fs, enter_item, ordered);
	sim_path_leave(machine_sim(fs->machine));
	if (err) /* the kernel aborts the transaction here */
		lose_blocks(inode, first_block(ordered), ordered_blocks(ordered), err);
	btrfs_note_change(inode);
	ordered_done(ordered);
	btrfs_drain(task, fs);
}

static void put_bio(struct ordered_extent *ordered)
{
	struct btrfs_fs *fs = ordered->inode->fs;

	if (!--ordered->bios)
		workqueue_queue(fs->endio_write, finish_ordered, ordered, ordered->request);
}

/* A bio under way. */
struct write_bio {
	struct ordered_extent *ordered;
	uint32_t copies; /* on devices that have not written theirs */
	struct btrfs_crypt_request request;
};

static void device_written(void *arg)
{
	struct write_bio *bio = arg;
	struct ordered_extent *ordered = bio->ordered;
	struct btrfs_fs *fs = ordered->inode->fs;

	if (--bio->copies)
		return;
	if (ordered->info)
		fs->crypt_ops->request_end(fs->crypt, &bio->request);
	btrfs_release(fs, OWNED_MEMORY, bio);
	kernel_free(fs->machine, fs->site_bio, machine_size(fs->machine, SIZE_BTRFS_BIO));
	put_bio(ordered);
}

/* How many blocks, from `at` on, one bio takes: fewer than asked where the bounce pages end. */
static int encrypt_bio(struct kernel_task *task, const struct ordered_extent *ordered, uint32_t at,
		       uint32_t blocks, struct write_bio *bio)
{
	const struct store_piece *piece = &ordered->piece;
	struct btrfs_fs *fs = ordered->inode->fs;
	struct btrfs_crypt_io io = {
		.inode = ordered->inode,
		.info = ordered->info,
		.extent = piece->extent,
		.extent_block = block_of(piece->extent_offset) + at,
		.file_block = first_block(ordered) + at,
		.physical_block = block_of(piece->physical) + at,
		.blocks = blocks,
		.summed = !(ordered->inode->store->flags & STORE_NODATACOW),
		.in_place = piece->kind == STORE_PIECE_NOCOW,
	};

	return fs->crypt_ops->encrypt(task, fs->crypt, &io, &ordered->seal, &bio->request);
}

/* btrfs_submit_mirrored_bio(): encrypted once, submitted to each device. */
static void submit_copies(struct kernel_task *task, struct write_bio *bio, uint32_t at,
			  uint32_t blocks)
{
	struct ordered_extent *ordered = bio->ordered;
	struct btrfs_fs *fs = ordered->inode->fs;
	uint32_t physical = block_of(ordered->piece.physical) + at;

	bio->copies = btrfs_mirrors(fs);
	ordered->bios++;
	btrfs_heal(fs, physical, blocks);
	for (uint32_t device = 0; device < btrfs_mirrors(fs); device++) {
		kernel_run(task, COST_BIO_SUBMIT, 1);
		bio_submit(fs->machine, device, BIO_WRITE, physical, blocks, task->request,
			   device_written, bio);
	}
}

/* One bio: bounce, encrypt, sum, submit. Returns its blocks or -errno. */
static int write_bio(struct kernel_task *task, struct ordered_extent *ordered, uint32_t at,
		     uint32_t blocks)
{
	struct btrfs_inode *inode = ordered->inode;
	struct btrfs_fs *fs = inode->fs;
	struct write_bio *bio = btrfs_own(fs, OWNED_MEMORY, g_new0(struct write_bio, 1));
	int done = (int)blocks;

	bio->ordered = ordered;
	if (ordered->info)
		done = encrypt_bio(task, ordered, at, blocks, bio);
	if (done < 0) {
		btrfs_release(fs, OWNED_MEMORY, bio);
		return done;
	}
	if (!(inode->store->flags & STORE_NODATACOW) && btrfs_has_csum(fs, ordered->info))
		kernel_run(task, COST_CSUM_4K, (uint32_t)done);
	kernel_alloc_nofail(task, fs->site_bio, GFP_NOFS, machine_size(fs->machine, SIZE_BTRFS_BIO),
			    1);
	submit_copies(task, bio, at, (uint32_t)done);
	return done;
}

/* A new extent gets its crypto info now; one that is overwritten in place has it in its map. */
static int bind_info(struct kernel_task *task, struct ordered_extent *ordered)
{
	struct btrfs_inode *inode = ordered->inode;
	struct btrfs_fs *fs = inode->fs;
	const struct store_piece *piece = &ordered->piece;
	struct extent_map *map;
	int err;

	if (!piece->encrypted)
		return 0;
	if (piece->kind == STORE_PIECE_COW || piece->kind == STORE_PIECE_COMPRESSED) {
		struct btrfs_crypt_io birth = {
			.inode = inode,
			.extent = piece->extent,
			.file_block = first_block(ordered),
			.physical_block = block_of(piece->physical),
			.blocks = block_of(piece->disk_bytes),
		};

		err = fs->crypt_ops->extent_new(task, fs->crypt, &birth, &ordered->seal,
						&ordered->info);
		if (err)
			return err;
		btrfs_seal_extent(fs, piece->extent, &ordered->seal);
		return 0;
	}
	err = extent_map_get(task, inode, first_block(ordered), &map);
	if (err)
		return err;
	ordered->seal = btrfs_extent_seal(fs, piece->extent);
	if (!map->info)
		return -ENOKEY;
	ordered->info = map->info;
	fs->crypt_ops->extent_get(ordered->info);
	return 0;
}

/* btrfs_create_io_em() */
static int pin_map(struct kernel_task *task, struct ordered_extent *ordered)
{
	const struct store_piece *piece = &ordered->piece;
	struct btrfs_fs *fs = ordered->inode->fs;
	struct extent_map map = {
		.start = first_block(ordered),
		.blocks = ordered_blocks(ordered),
		.kind = MAP_REGULAR,
		.extent = piece->extent,
		.extent_block = block_of(piece->extent_offset),
		.disk_blocks = block_of(piece->disk_bytes),
		.compressed = piece->kind == STORE_PIECE_COMPRESSED,
		.pinned = true,
		.info = ordered->info,
	};
	int err;

	if (map.info)
		fs->crypt_ops->extent_get(map.info);
	err = extent_map_replace(task, ordered->inode, &map);
	if (err && map.info)
		fs->crypt_ops->extent_put(fs->crypt, map.info, false);
	return err;
}

/* Takes no time: what is planned must be seen by those who wait for it from the same instant on. */
static struct ordered_extent *ordered_new(struct kernel_task *task, struct btrfs_inode *inode,
					  const struct store_piece *piece)
{
	struct ordered_extent *ordered =
		btrfs_own(inode->fs, OWNED_MEMORY, g_new0(struct ordered_extent, 1));

	ordered->inode = inode;
	ordered->piece = *piece;
	ordered->bios = 1;
	ordered->request = task->request;
	ordered->link.data = ordered;
	g_queue_push_tail_link(&inode->ordered, &ordered->link);
	btrfs_pin(inode);
	inode->fs->count.ordered++;
	return ordered;
}

static void lose_write(struct ordered_extent *ordered, int err)
{
	struct btrfs_inode *inode = ordered->inode;

	lose_blocks(inode, first_block(ordered), ordered_blocks(ordered), err);
	if (ordered->piece.kind == STORE_PIECE_COW || ordered->piece.kind == STORE_PIECE_COMPRESSED)
		store_cancel(inode->fs->store, &ordered->piece);
	extent_map_drop(inode, first_block(ordered), ordered_blocks(ordered));
	ordered_done(ordered);
}

static void submit_ordered(struct kernel_task *task, struct ordered_extent *ordered)
{
	const struct store_piece *piece = &ordered->piece;
	struct btrfs_inode *inode = ordered->inode;
	uint32_t blocks = block_of(piece->disk_bytes), at = 0;
	uint32_t max = (uint32_t)machine_size(inode->fs->machine, LIMIT_BIO_BLOCKS);
	int err;

	kernel_alloc_nofail(task, inode->fs->site_ordered, GFP_NOFS,
			    machine_size(inode->fs->machine, SIZE_ORDERED_EXTENT), 1);
	if (piece->kind != STORE_PIECE_NOCOW && piece->kind != STORE_PIECE_PREALLOC)
		kernel_run(task, COST_RESERVE_EXTENT, 1);
	err = bind_info(task, ordered);
	if (!err)
		err = pin_map(task, ordered);
	if (err) {
		lose_write(ordered, err);
		return;
	}
	while (err >= 0 && at < blocks) {
		err = write_bio(task, ordered, at, MIN(max, blocks - at));
		at += (uint32_t)MAX(err, 0);
	}
	if (err < 0)
		lose_blocks(inode, first_block(ordered) + at, blocks - at, err);
	put_bio(ordered);
}

/* cow_file_range_inline(): planning has entered the item; no ordered extent, no bio. */
static void write_inline(struct kernel_task *task, struct btrfs_inode *inode,
			 const struct store_piece *piece)
{
	uint32_t block = block_of(piece->file_offset);

	extent_map_drop(inode, block, 1);
	if (!btrfs_join_transaction(task, inode->fs))
		btrfs_end_transaction(task, inode->fs);
	btrfs_note_change(inode);
	page_cache_writeback_end(inode->mapping, block, 1);
}

/* Carries out what was planned at this instant: `work` is what planning did to the trees. */
static void submit_pieces(struct kernel_task *task, struct btrfs_inode *inode, const GArray *pieces,
			  const struct btrfs_work *work)
{
	struct ordered_extent **ordered = btrfs_own(
		inode->fs, OWNED_MEMORY, g_new0(struct ordered_extent *, MAX(pieces->len, 1)));

	for (guint i = 0; i < pieces->len; i++) {
		const struct store_piece *piece = &g_array_index(pieces, struct store_piece, i);

		if (piece->kind != STORE_PIECE_INLINE)
			ordered[i] = ordered_new(task, inode, piece);
	}
	btrfs_charge(task, inode->fs, work);
	for (guint i = 0; i < pieces->len; i++)
		if (ordered[i])
			submit_ordered(task, ordered[i]);
		else
			write_inline(task, inode, &g_array_index(pieces, struct store_piece, i));
	btrfs_release(inode->fs, OWNED_MEMORY, ordered);
	btrfs_drain(task, inode->fs);
}

/* Writes back what is dirty in [from, to); returns when it is submitted. */
static int write_range(struct kernel_task *task, struct btrfs_inode *inode, uint64_t from,
		       uint64_t to)
{
	struct btrfs_fs *fs = inode->fs;
	GArray *pieces =
		btrfs_own(fs, OWNED_ARRAY, g_array_new(false, false, sizeof(struct store_piece)));
	uint64_t start, end;
	int err = 0;

	from -= from % KERNEL_BLOCK_BYTES; /* whole pages */
	while (!err && store_next_delalloc(fs->store, inode->store, from, &start, &end) &&
	       start < to) {
		struct btrfs_work work = {0};

		g_array_set_size(pieces, 0);
		err = store_plan(fs->store, inode->store, start, end, pieces, &work);
		if (err)
			break;
		page_cache_writeback_begin(inode->mapping, block_of(start),
					   blocks_over(start, end - start));
		submit_pieces(task, inode, pieces, &work);
		from = end;
	}
	btrfs_release(fs, OWNED_ARRAY, pieces);
	return err;
}

void btrfs_start_writeback(struct kernel_task *task, struct btrfs_inode *inode)
{
	btrfs_pin(inode);
	kernel_context_enter(task, CONTEXT_WRITEBACK);
	sim_path_enter(machine_sim(inode->fs->machine), "btrfs_writepages");
	write_range(task, inode, 0, UINT64_MAX);
	sim_path_leave(machine_sim(inode->fs->machine));
	kernel_context_leave(task);
	btrfs_iput(inode);
}

static void writepages(struct kernel_task *task, struct address_space *mapping, bool wait)
{
	struct btrfs_inode *inode = address_space_host(mapping);

	btrfs_start_writeback(task, inode);
	if (wait)
		btrfs_wait_ordered_only(task, inode, 0, UINT64_MAX);
}

static bool release_pages(struct address_space *mapping, uint32_t first, uint32_t blocks)
{
	struct btrfs_inode *inode = address_space_host(mapping);

	if (!inode->on_lru) /* these may be the last */
		btrfs_lru_add(inode);
	return extent_map_release(inode, first, blocks);
}

const struct address_space_ops btrfs_aops = {
	.writepages = writepages,
	.release = release_pages,
};

static bool overlaps(const struct ordered_extent *ordered, uint64_t offset, uint64_t end)
{
	return ordered->piece.file_offset < end &&
	       offset < ordered->piece.file_offset + ordered->piece.bytes;
}

void btrfs_wait_ordered_only(struct kernel_task *task, struct btrfs_inode *inode, uint64_t offset,
			     uint64_t len)
{
	uint64_t end = len > UINT64_MAX - offset ? UINT64_MAX : offset + len;
	GList *link = inode->ordered.head;

	while (link) {
		if (overlaps(link->data, offset, end)) {
			kernel_wait(task, &inode->ordered_wait, PART_DEVICE);
			link = inode->ordered.head;
		} else {
			link = link->next;
		}
	}
}

/* filemap_check_errors() */
static int take_io_error(struct btrfs_inode *inode)
{
	int err = inode->io_error;

	inode->io_error = 0;
	return err;
}

void btrfs_wait_tail(struct kernel_task *task, struct btrfs_inode *inode)
{
	uint64_t size = inode->store->size;

	if (size % KERNEL_BLOCK_BYTES)
		btrfs_wait_ordered_only(task, inode, size - size % KERNEL_BLOCK_BYTES,
					KERNEL_BLOCK_BYTES);
}

int btrfs_wait_ordered_range(struct kernel_task *task, struct btrfs_inode *inode, uint64_t offset,
			     uint64_t len)
{
	uint64_t end = len > UINT64_MAX - offset ? UINT64_MAX : offset + len;
	int err;

	kernel_context_enter(task, CONTEXT_WRITEBACK);
	err = write_range(task, inode, offset, end);
	kernel_context_leave(task);
	btrfs_wait_ordered_only(task, inode, offset, len);
	return err ? err : take_io_error(inode);
}

int btrfs_direct_write(struct kernel_task *task, struct btrfs_inode *inode, uint64_t offset,
		       uint64_t len, uint16_t content)
{
	struct btrfs_fs *fs = inode->fs;
	GArray *pieces =
		btrfs_own(fs, OWNED_ARRAY, g_array_new(false, false, sizeof(struct store_piece)));
	struct btrfs_work work = {0};
	int err = btrfs_wait_ordered_range(task, inode, offset, len);

	if (offset > inode->store->size) /* btrfs_cont_expand(): btrfs_truncate_block() */
		btrfs_wait_tail(task, inode);
	if (!err)
		err = store_plan_direct(fs->store, inode->store, offset, len, content, pieces,
					&work);
	if (!err) {
		page_cache_drop(inode->mapping, block_of(offset), blocks_over(offset, len));
		submit_pieces(task, inode, pieces, &work);
		btrfs_wait_ordered_only(task, inode, offset, len);
		err = take_io_error(inode);
	}
	btrfs_release(fs, OWNED_ARRAY, pieces);
	return err;
}

void btrfs_fill_and_dirty(struct kernel_task *task, struct btrfs_inode *inode, uint32_t first,
			  uint32_t blocks)
{
	uint64_t from = (uint64_t)first * KERNEL_BLOCK_BYTES, start, stop;
	uint64_t end = from + (uint64_t)blocks * KERNEL_BLOCK_BYTES;
	uint32_t missing, count;

	/* Again, if reclaim took pages while others were read. */
	while (!btrfs_fill_cache(task, inode, first, blocks) &&
	       page_cache_missing(inode->mapping, first, blocks, &missing, &count))
		;
	/* Writeback may have taken some of it meanwhile: a page stays dirty with its delalloc only. */
	while (store_next_delalloc(inode->fs->store, inode->store, from, &start, &stop) &&
	       start < end) {
		stop = MIN(stop, end);
		page_cache_dirty(inode->mapping, block_of(start), blocks_over(start, stop - start));
		from = stop;
	}
}

void btrfs_dirty_edges(struct kernel_task *task, struct btrfs_inode *inode,
		       const struct store_dirtied *dirtied)
{
	for (unsigned int i = 0; i < dirtied->n; i++) {
		uint64_t start = dirtied->range[i].start;
		uint32_t block = block_of(start);
		uint32_t blocks = blocks_over(start, dirtied->range[i].end - start);

		btrfs_fill_and_dirty(task, inode, block, blocks);
	}
}
