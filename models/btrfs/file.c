/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a program calls on files: open, read, write, fsync, truncate, fallocate. */
#include "models/btrfs/internal.h"

#include <errno.h>
#include <string.h>

/* btrfs_buffered_write() takes pages in groups: PAGE_SIZE / sizeof(struct page *) at most, and
 * never more than 2 MiB since pages are large folios; balance_dirty_pages() runs between them. */
enum { WRITE_CHUNK_BLOCKS = 512 };

/* ---- open and close ---- */

struct creation {
	struct btrfs_place place;
	uint32_t flags, policy;
	bool replaced; /* the policy is one that came after the directory's */
	struct store_inode *found;
};

static int create_inode(struct btrfs_fs *fs, void *arg, struct btrfs_work *work)
{
	struct creation *creation = arg;

	int err = store_create_at(fs->store, creation->place.dir->store, creation->place.name,
				  creation->flags, creation->policy, &creation->found, work);

	if (!err && creation->replaced)
		store_set_birth(fs->store, creation->found, store_new_birth(fs->store));
	return err;
}

/* fscrypt_prepare_new_inode() finds out whether the key is present, before anything is changed. */
static int prepare_policy(struct kernel_task *task, struct creation *creation)
{
	struct btrfs_fs *fs = creation->place.dir->fs;
	uint32_t key = btrfs_key_for_new(task, creation->place.dir);
	int err;

	creation->replaced = key;
	creation->policy =
		key ? btrfs_policy_of_key(fs, key) : btrfs_inherited_policy(creation->place.dir);
	if (!creation->policy || !fs->crypt_ops)
		return 0;
	key = btrfs_policy_key(fs, creation->policy, creation->flags & STORE_DIRECTORY);
	err = fs->crypt_ops->may_create(fs->crypt, key);
	return err ? btrfs_refuse(task, err, "the directory's key is not there") : 0;
}

static int create_at(struct kernel_task *task, struct btrfs_fs *fs, const char *path,
		     uint32_t flags, struct btrfs_inode **inode)
{
	struct creation creation = {.flags = flags};
	int err = btrfs_find_open_place(task, fs, path, &creation.place);
	struct btrfs_inode *dir = creation.place.dir;

	if (err)
		return err;
	err = prepare_policy(task, &creation);
	if (!err) {
		kernel_down_write(task, &dir->lock);
		err = btrfs_tree_change(task, fs, create_inode, &creation);
		kernel_up_write(task, &dir->lock);
	}
	if (!err)
		err = btrfs_inode_of(task, fs, creation.found, dir, inode);
	btrfs_unpin(dir);
	return err;
}

/* fscrypt_file_open(). A program that means a file is told of a directory at its open. */
static int may_open(struct kernel_task *task, struct btrfs_inode *inode, unsigned flags)
{
	if (btrfs_inode_is_dir(inode) && !(flags & BTRFS_O_DIRECTORY))
		return -EISDIR;
	if (inode->parent && !btrfs_policy_fits(inode->parent, inode))
		return btrfs_refuse(task, -EPERM, "the policy is not the directory's");
	return btrfs_inode_unlock(task, inode);
}

static int finish_open(struct kernel_task *task, struct btrfs_inode *inode, unsigned flags,
		       struct btrfs_file **out)
{
	int err = may_open(task, inode, flags);
	struct btrfs_file *file;

	kernel_run(task, COST_FILE_OPEN, 1);
	if (!err && inode->crypt)
		err = inode->fs->crypt_ops->file_open(task, inode->fs->crypt, inode);
	if (err) {
		btrfs_iput(inode);
		return err;
	}
	file = btrfs_own(inode->fs, OWNED_MEMORY, g_new0(struct btrfs_file, 1));
	file->inode = inode;
	file->flags = flags;
	inode->opens++;
	btrfs_unpin(inode);
	if (flags & BTRFS_O_TRUNC)
		err = btrfs_truncate(task, file, 0);
	if (err)
		btrfs_close(task, file);
	else
		*out = file;
	return err;
}

int btrfs_open(struct kernel_task *task, struct btrfs_fs *fs, const char *path, unsigned flags,
	       struct btrfs_file **file)
{
	struct btrfs_inode *inode;
	int err = btrfs_iget(task, fs, path, &inode);

	if (!err && flags & BTRFS_O_EXCL) {
		btrfs_iput(inode);
		return -EEXIST;
	}
	if (err == -ENOENT && flags & BTRFS_O_CREAT) {
		err = create_at(task, fs, path, 0, &inode);
		if (err == -EEXIST && !(flags & BTRFS_O_EXCL)) /* another task was faster */
			err = btrfs_iget(task, fs, path, &inode);
		else
			flags &= ~(
				unsigned)BTRFS_O_TRUNC; /* do_open(): a new file is not truncated */
	}
	return err ? err : finish_open(task, inode, flags, file);
}

int btrfs_mkdir(struct kernel_task *task, struct btrfs_fs *fs, const char *path)
{
	struct btrfs_inode *inode;
	int err = btrfs_iget(task, fs, path, &inode); /* filename_create() looks first */

	if (!err) {
		btrfs_iput(inode);
		return -EEXIST;
	}
	if (err == -ENOENT)
		err = create_at(task, fs, path, STORE_DIRECTORY, &inode);
	if (!err)
		btrfs_unpin(inode);
	return err;
}

uint32_t btrfs_image_files(const struct btrfs_fs *fs)
{
	return fs->image_files->len;
}

int btrfs_open_image_file(struct kernel_task *task, struct btrfs_fs *fs, uint32_t number,
			  unsigned flags, struct btrfs_file **file)
{
	return btrfs_open(task, fs, btrfs_image_file_path(fs, number), flags, file);
}

void btrfs_close(struct kernel_task *task, struct btrfs_file *file)
{
	struct btrfs_inode *inode = file->inode;

	kernel_run(task, COST_FILE_CLOSE, 1);
	btrfs_release(inode->fs, OWNED_MEMORY, file);
	if (inode->flush_on_close) { /* btrfs_release_file() after a truncation to nothing */
		inode->flush_on_close = false;
		btrfs_start_writeback(task, inode);
	}
	if (--inode->opens)
		return;
	btrfs_lru_add(inode);
	/* An inode whose name is gone leaves with its last user. */
	if (btrfs_inode_doomed(inode))
		btrfs_last_iput(task, inode);
}

struct btrfs_inode *btrfs_file_inode(const struct btrfs_file *file)
{
	return file->inode;
}

/* ---- read and write ---- */

static int enter_access_time(struct btrfs_fs *fs, void *arg, struct btrfs_work *work)
{
	store_touch(fs->store, arg, work);
	return 0;
}

/* relatime: the first read after a write updates the inode. */
static void touch_access_time(struct kernel_task *task, struct btrfs_inode *inode)
{
	if (!inode->written)
		return;
	inode->written = false;
	btrfs_tree_change(task, inode->fs, enter_access_time, inode->store);
}

int btrfs_read(struct kernel_task *task, struct btrfs_file *file, uint64_t offset, uint64_t len)
{
	struct btrfs_inode *inode = file->inode;
	int err;

	kernel_run(task, COST_SYSCALL, 1);
	if (offset >= inode->store->size)
		return 0;
	len = MIN(len, inode->store->size - offset);
	touch_access_time(task, inode);
	/* btrfs_file_read_iter(): only a direct read takes the inode's lock. */
	if (!(file->flags & BTRFS_O_DIRECT))
		return btrfs_buffered_read(task, file, offset, len);
	kernel_down_read(task, &inode->lock);
	err = btrfs_direct_read(task, inode, offset, len);
	kernel_up_read(task, &inode->lock);
	return err;
}

/* prepare_uptodate_folio(): a block that is written in part is read first, if there is one. */
static int read_partial_edges(struct kernel_task *task, struct btrfs_inode *inode, uint64_t offset,
			      uint64_t len)
{
	uint64_t end = offset + len;
	int err = 0;

	if (offset % KERNEL_BLOCK_BYTES && offset < inode->store->size)
		err = btrfs_fill_cache(task, inode, block_of(offset), 1);
	if (!err && end % KERNEL_BLOCK_BYTES && end < inode->store->size)
		err = btrfs_fill_cache(task, inode, block_of(end), 1);
	return err;
}

static int add_pages(struct kernel_task *task, struct btrfs_inode *inode, uint32_t first,
		     uint32_t blocks)
{
	uint32_t at = first, end = first + blocks, from, count;

	while (at < end && page_cache_missing(inode->mapping, at, end - at, &from, &count)) {
		if (!page_cache_add(task, inode->mapping, from, count, GFP_NOFS))
			return -ENOMEM;
		page_cache_uptodate(inode->mapping, from, count);
		at = from + count;
	}
	return 0;
}

/* btrfs_find_new_delalloc_bytes(): an overwrite below the end looks its old extents up. */
static int look_up_old(struct kernel_task *task, struct btrfs_inode *inode, uint32_t first,
		       uint32_t blocks)
{
	uint32_t block = first, end = MIN(first + blocks, blocks_over(0, inode->store->size));

	while (block < end) {
		struct extent_map *map;
		int err = extent_map_get(task, inode, block, &map);

		if (err)
			return err;
		block = map->start + map->blocks;
	}
	return 0;
}

static int write_chunk(struct kernel_task *task, struct btrfs_inode *inode, uint64_t offset,
		       uint64_t len, uint16_t content)
{
	uint32_t first = block_of(offset), blocks = blocks_over(offset, len);
	struct store_dirtied dirtied = {0};
	struct btrfs_work work = {0};
	uint32_t missing, count;
	bool copied = false;
	int err = read_partial_edges(task, inode, offset, len);

	if (!err)
		err = look_up_old(task, inode, first, blocks);
	kernel_run(task, COST_PAGE_CACHE_LOOKUP, 1);
	/* Pages that are prepared are locked; reclaim takes them here, so they are prepared again
	 * until nothing was waited for in between. */
	do {
		if (!err)
			err = add_pages(task, inode, first, blocks);
		if (err)
			return err;
		kernel_run(task, COST_COPY_4K, copied ? 0 : blocks);
		copied = true;
		page_cache_wait_writeback(task, inode->mapping, first, blocks);
		btrfs_wait_tail(task, inode);
		btrfs_wait_ordered_only(task, inode, offset, len);
	} while (page_cache_missing(inode->mapping, first, blocks, &missing, &count));
	err = store_write(inode->fs->store, inode->store, offset, len, content, &dirtied, &work);
	if (err)
		return err;
	page_cache_dirty(inode->mapping, first, blocks);
	btrfs_tell(inode, BTRFS_NOTE_DIRTIED, 0, first, blocks, 0);
	btrfs_charge(task, inode->fs, &work);
	btrfs_dirty_edges(task, inode, &dirtied);
	return 0;
}

static int buffered_write(struct kernel_task *task, struct btrfs_inode *inode, uint64_t offset,
			  uint64_t len, uint16_t content)
{
	const uint64_t chunk = (uint64_t)WRITE_CHUNK_BLOCKS * KERNEL_BLOCK_BYTES;
	int err = 0;

	while (!err && len) {
		uint64_t part = MIN(len, chunk - offset % chunk);

		balance_dirty_pages(task);
		err = write_chunk(task, inode, offset, part, content);
		offset += part;
		len -= part;
	}
	return err;
}

/* Since 6.15 a direct write to a file with data checksums is buffered: user memory that changes under
 * the write would not match its checksum (6.15: fs/btrfs/direct-io.c, btrfs_direct_write()). */
static bool goes_direct(const struct btrfs_inode *inode, uint64_t offset, uint64_t len)
{
	bool checksums = !(inode->store->flags & STORE_NODATACOW);

	return !((offset | len) % KERNEL_BLOCK_BYTES) &&
	       !(checksums && inode->fs->config.buffer_direct_writes);
}

/* The buffered rest of a direct write: written back, waited for, and gone from the cache. */
static int write_through(struct kernel_task *task, struct btrfs_inode *inode, uint64_t offset,
			 uint64_t len, uint16_t content)
{
	int err = buffered_write(task, inode, offset, len, content);

	if (!err)
		err = btrfs_wait_ordered_range(task, inode, offset, len);
	page_cache_drop(inode->mapping, block_of(offset), blocks_over(offset, len));
	return err;
}

int btrfs_write_content(struct kernel_task *task, struct btrfs_file *file, uint64_t offset,
			uint64_t len, uint16_t content)
{
	struct btrfs_inode *inode = file->inode;
	bool direct = file->flags & BTRFS_O_DIRECT;
	int err = -ENOTBLK, policy;

	kernel_run(task, COST_SYSCALL, 1);
	if (!len)
		return 0;
	kernel_down_write(task, &inode->lock);
	inode->written = true;
	policy = btrfs_before_write(task, inode);
	if (policy)
		err = policy;
	else if (direct && goes_direct(inode, offset, len))
		err = btrfs_direct_write(task, inode, offset, len, content);
	if (err == -ENOTBLK && direct)
		err = write_through(task, inode, offset, len, content);
	else if (err == -ENOTBLK)
		err = buffered_write(task, inode, offset, len, content);
	kernel_up_write(task, &inode->lock);
	return err;
}

int btrfs_write(struct kernel_task *task, struct btrfs_file *file, uint64_t offset, uint64_t len)
{
	return btrfs_write_content(task, file, offset, len, STORE_CONTENT_UNIQUE);
}

/* ---- fsync ---- */

/* btrfs_log_inode() and btrfs_sync_log(): the items that changed go to the log tree, which is
 * written with its root, behind a flush. */
static int write_log(struct kernel_task *task, struct btrfs_inode *inode, uint32_t items)
{
	struct btrfs_fs *fs = inode->fs;
	uint32_t node_blocks = store_options(fs->store)->node_bytes / KERNEL_BLOCK_BYTES;
	int err = btrfs_join_transaction(task, fs);

	if (err)
		return err;
	kernel_run(task, COST_LOG_TREE_ITEM, items + 1); /* and the inode item */
	fs->count.log_items += items + 1;
	kernel_mutex_lock(task, &fs->log_mutex);
	bio_submit_wait(task, 0, BIO_WRITE | BIO_METADATA, 0,
			2 * node_blocks); /* the log's leaf and its root */
	btrfs_flush_devices(task, fs);
	kernel_mutex_unlock(task, &fs->log_mutex);
	btrfs_end_transaction(task, fs);
	return 0;
}

int btrfs_fsync(struct kernel_task *task, struct btrfs_file *file)
{
	struct btrfs_inode *inode = file->inode;
	int err = 0, lost;

	kernel_run(task, COST_SYSCALL, 1);
	kernel_down_write(task, &inode->lock);
	btrfs_wait_ordered_range(task, inode, 0, UINT64_MAX);
	lost = inode->write_error;
	inode->write_error = 0;
	store_logged(inode->store);
	if (inode->unlogged_items && inode->changed_in == inode->fs->commits) {
		uint32_t items = inode->unlogged_items;

		inode->unlogged_items = 0;
		err = write_log(task, inode, items);
	}
	inode->fs->count.fsyncs++;
	kernel_up_write(task, &inode->lock);
	return lost ? lost : err;
}

/* ---- truncate and fallocate ---- */

enum range_op { OP_PUNCH, OP_ZERO, OP_FALLOC };

struct range_change {
	enum range_op op;
	struct btrfs_inode *inode;
	uint64_t offset, len;
	bool keep_size;
	struct store_dirtied dirtied;
};

static int change_range(struct btrfs_fs *fs, void *arg, struct btrfs_work *work)
{
	struct range_change *c = arg;
	struct store_inode *inode = c->inode->store;

	switch (c->op) {
	case OP_PUNCH:
		return store_punch(fs->store, inode, c->offset, c->len, &c->dirtied, work);
	case OP_ZERO:
		return store_zero_range(fs->store, inode, c->offset, c->len, c->keep_size,
					&c->dirtied, work);
	case OP_FALLOC:
		return store_falloc(fs->store, inode, c->offset, c->len, c->keep_size, work);
	}
	g_assert_not_reached();
}

/* What store_truncate_prepare() says of a size that does not grow. */
enum { TRUNCATE_SHRINKS = 1 };

/* What the change cut away leaves the page cache and the maps; what it dirtied is read first. */
static void forget_range(struct btrfs_inode *inode, uint64_t offset, uint64_t len)
{
	uint32_t first = block_of(offset + KERNEL_BLOCK_BYTES - 1), end = block_of(offset + len);

	extent_map_drop(inode, block_of(offset), blocks_over(offset, len));
	if (end > first)
		page_cache_drop(inode->mapping, first, end - first);
}

/* btrfs_fallocate() grows the file first, which may dirty its old tail. */
static int prepare_growth(struct kernel_task *task, struct btrfs_inode *inode,
			  struct range_change *c)
{
	struct store_dirtied dirtied = {0};
	struct btrfs_work work = {0};
	int err;

	if (c->op != OP_FALLOC && c->op != OP_ZERO)
		return 0;
	btrfs_wait_tail(task, inode);
	err = store_falloc_prepare(inode->fs->store, inode->store, c->offset, c->len, &dirtied,
				   &work);
	btrfs_charge(task, inode->fs, &work);
	btrfs_dirty_edges(task, inode, &dirtied);
	return err;
}

/* Extents that fallocate made get their nonce now; the key is derived when they are written. */
int btrfs_bind_prealloc(struct kernel_task *task, struct btrfs_inode *inode, uint64_t offset,
			uint64_t end)
{
	struct btrfs_fs *fs = inode->fs;
	struct store_file_extent item;
	int err = 0;

	while (!err && offset < end) {
		struct fscrypt_extent_info *info = NULL;
		struct btrfs_crypt_io birth = {.inode = inode};
		struct btrfs_seal seal;
		struct store_walk walk;

		store_walk_begin(&walk, fs->store, inode->store, offset, NULL);
		if (!store_walk_next(&walk, &item, NULL) || item.file_offset >= end)
			break;
		offset = (uint64_t)(block_of(item.file_offset) +
				    blocks_over(item.file_offset, MAX(item.bytes, 1))) *
			 KERNEL_BLOCK_BYTES;
		if (!item.encrypted || item.type != STORE_PREALLOCATED ||
		    store_extent_tags(fs->store, item.extent).key)
			continue;
		birth.extent = item.extent;
		birth.file_block = block_of(item.file_offset) - block_of(item.extent_offset);
		birth.physical_block = block_of(item.physical);
		birth.blocks = block_of(item.disk_bytes);
		err = fs->crypt_ops->extent_new(task, fs->crypt, &birth, &seal, &info);
		if (err)
			break;
		btrfs_seal_extent(fs, item.extent, &seal);
		store_seal_context(fs->store, inode->store, item.file_offset);
		fs->crypt_ops->extent_put(fs->crypt, info, false);
	}
	return err;
}

static int locked_range_op(struct kernel_task *task, struct btrfs_inode *inode,
			   struct range_change *c)
{
	uint64_t end = c->offset + c->len;
	uint64_t from = c->offset - c->offset % KERNEL_BLOCK_BYTES;
	int err = prepare_growth(task, inode, c);

	if (!err)
		err = btrfs_wait_ordered_range(task, inode, from, end - from);
	if (!err)
		err = btrfs_tree_change(task, inode->fs, change_range, c);
	if (err)
		return err;
	btrfs_note_change(inode);
	forget_range(inode, c->offset, c->len);
	btrfs_dirty_edges(task, inode, &c->dirtied);
	if (c->op != OP_PUNCH)
		err = btrfs_bind_prealloc(task, inode, from, end);
	/* A reader may have loaded maps before their extents were bound. */
	extent_map_drop(inode, block_of(from), blocks_over(from, end - from));
	btrfs_drain(task, inode->fs);
	return err;
}

static int range_op(struct kernel_task *task, struct btrfs_file *file, struct range_change *c)
{
	struct btrfs_inode *inode = file->inode;
	int err;

	c->inode = inode;
	kernel_run(task, COST_SYSCALL, 1);
	kernel_down_write(task, &inode->lock);
	err = btrfs_before_write(task, inode);
	if (!err)
		err = locked_range_op(task, inode, c);
	kernel_up_write(task, &inode->lock);
	return err;
}

static int drop_items(struct btrfs_fs *fs, void *arg, struct btrfs_work *work)
{
	struct btrfs_inode *inode = arg;

	store_truncate(fs->store, inode->store, work);
	return 0;
}

/* btrfs_setsize(): the pages go first; what the last block keeps is written back before its items
 * are cut (btrfs_truncate). */
static int set_size(struct kernel_task *task, struct btrfs_inode *inode, uint64_t size)
{
	uint64_t from = size - size % KERNEL_BLOCK_BYTES;
	struct store_dirtied dirtied = {0};
	struct btrfs_work work = {0};
	int step, err = 0;

	btrfs_wait_tail(task, inode);
	step = store_truncate_prepare(inode->fs->store, inode->store, size, &dirtied, &work);
	btrfs_charge(task, inode->fs, &work);
	btrfs_dirty_edges(task, inode, &dirtied);
	btrfs_note_change(inode);
	if (step <= 0)
		return step;
	inode->flush_on_close |= !size;
	if (step == TRUNCATE_SHRINKS) {
		page_cache_drop(inode->mapping, block_of(size + KERNEL_BLOCK_BYTES - 1),
				UINT32_MAX);
		err = btrfs_wait_ordered_range(task, inode, from, UINT64_MAX - from);
	}
	if (!err)
		err = btrfs_tree_change(task, inode->fs, drop_items, inode);
	extent_map_drop(inode, block_of(from), UINT32_MAX - block_of(from));
	btrfs_drain(task, inode->fs);
	return err;
}

int btrfs_truncate(struct kernel_task *task, struct btrfs_file *file, uint64_t size)
{
	struct btrfs_inode *inode = file->inode;
	int err;

	kernel_run(task, COST_SYSCALL, 1);
	kernel_down_write(task, &inode->lock);
	err = btrfs_before_write(task, inode);
	if (!err)
		err = set_size(task, inode, size);
	kernel_up_write(task, &inode->lock);
	return err;
}

int btrfs_punch_hole(struct kernel_task *task, struct btrfs_file *file, uint64_t offset,
		     uint64_t len)
{
	struct range_change change = {.op = OP_PUNCH, .offset = offset, .len = len};

	return range_op(task, file, &change);
}

int btrfs_zero_range(struct kernel_task *task, struct btrfs_file *file, uint64_t offset,
		     uint64_t len)
{
	struct range_change change = {.op = OP_ZERO, .offset = offset, .len = len};

	return range_op(task, file, &change);
}

int btrfs_fallocate(struct kernel_task *task, struct btrfs_file *file, uint64_t offset,
		    uint64_t len, bool keep_size)
{
	struct range_change change = {
		.op = OP_FALLOC, .offset = offset, .len = len, .keep_size = keep_size};

	return range_op(task, file, &change);
}
