/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writeback and direct writes: what is written where, and what the tree says afterwards.
 * 6.12: fs/btrfs/inode.c, direct-io.c. */
#include "models/btrfs/ctree.h"

#include <errno.h>

#define MAX_UNCOMPRESSED (128u << 10) /* BTRFS_MAX_UNCOMPRESSED */
#define ASYNC_CHUNK (512u << 10) /* run_delalloc_compressed() hands out chunks of this size */
/* zstd makes some twenty bytes out of a block of one byte repeated. */
#define COMPRESSED_PATTERN_BYTES 20u

struct plan {
	struct btrfs_store *store;
	struct store_inode *inode;
	GArray *pieces;
	bool direct;
	store_content content; /* direct */
};

static store_content plan_content(const struct plan *p, uint64_t start, uint64_t end)
{
	return p->direct ? p->content : delalloc_content(p->inode, start, end);
}

/* What is written goes to `n` blocks of an extent of `blocks`. */
static void note_content(const struct plan *p, store_extent extent, uint32_t blocks, uint32_t first,
			 uint64_t start, uint32_t n)
{
	uint64_t end = start + (uint64_t)n * BTRFS_SECTOR_BYTES;
	store_content whole = plan_content(p, start, end);

	if (p->direct || !p->store->has_contents || (whole && whole != STORE_CONTENT_BY_BLOCK)) {
		content_fill(p->store, extent, blocks, first, n, whole);
		return;
	}
	for (uint32_t i = 0; i < n; i++, start += BTRFS_SECTOR_BYTES)
		content_fill(p->store, extent, blocks, first + i, 1,
			     plan_content(p, start, start + BTRFS_SECTOR_BYTES));
}

void store_call_born(struct btrfs_store *store, const struct store_inode *inode,
		     store_extent extent, store_extent copy_of, uint64_t offset)
{
	const struct btrfs_store_hooks *hooks = store->options.hooks;

	if (hooks && hooks->born)
		hooks->born(store->options.hooks_arg, extent, copy_of, inode->root, inode->ino,
			    offset);
}

/* One piece of a new extent: `disk` blocks hold `bytes` of the file. */
static int plan_extent(struct plan *p, uint64_t start, uint64_t bytes, uint32_t disk,
		       bool compressed)
{
	struct store_piece piece = {
		.kind = compressed ? STORE_PIECE_COMPRESSED : STORE_PIECE_COW,
		.direct = p->direct,
		.encrypted = p->inode->flags & STORE_ENCRYPTED,
		.content = plan_content(p, start, start + bytes),
		.file_offset = start,
		.bytes = bytes,
		.disk_bytes = (uint64_t)disk << SECTOR_SHIFT,
	};
	uint32_t blocks = (uint32_t)(bytes >> SECTOR_SHIFT);
	struct extent *extent;
	int ret = extent_alloc(p->store, disk, &piece.extent);

	if (ret)
		return ret;
	extent = extent_of(p->store, piece.extent);
	note_content(p, piece.extent, blocks, 0, start, blocks);
	holes_drop(p->inode, start, start + bytes);
	if (compressed)
		extent->ram_blocks = blocks & 63;
	piece.physical = extent_block(extent) << SECTOR_SHIFT;
	store_call_born(p->store, p->inode, piece.extent, 0, start);
	g_array_append_val(p->pieces, piece);
	return 0;
}

/* cow_file_range() without its inline case */
static int plan_cow(struct plan *p, uint64_t start, uint64_t end)
{
	int ret = 0;

	while (!ret && start < end) {
		uint64_t bytes = MIN(end - start, p->store->options.max_extent_bytes);

		ret = plan_extent(p, start, bytes, (uint32_t)(bytes >> SECTOR_SHIFT), false);
		start += bytes;
	}
	return ret;
}

/* cow_file_range_inline(): `stored` bytes on disk, compressed or not. */
static bool plan_inline(struct plan *p, uint64_t start, uint64_t end, uint64_t stored)
{
	struct store_inode *inode = p->inode;
	uint64_t size = MIN(inode->size, end);
	struct store_piece piece = {.kind = STORE_PIECE_INLINE};

	if (!stored)
		stored = size;
	if (start || stored > BTRFS_SECTOR_BYTES || size > BTRFS_SECTOR_BYTES ||
	    stored > p->store->options.max_inline_bytes || size < inode->size || !size ||
	    (inode->flags & STORE_ENCRYPTED))
		return false;
	holes_drop(inode, 0, BTRFS_SECTOR_BYTES);
	piece.content = plan_content(p, start, end);
	piece.bytes = size;
	piece.disk_bytes = stored;
	g_array_append_val(p->pieces, piece);
	return true;
}

/* can_nocow_file_extent(). *released: the search path was given up on the way. What an encrypted inode
 * writes never goes into a plain extent of its past. */
static bool can_nocow(struct btrfs_store *store, const struct store_inode *inode,
		      const struct item *item, bool *released)
{
	const struct root *root = root_of(store, inode->root);

	*released = false;
	/* In place nothing becomes encrypted, or plain. */
	if (item_encrypted(item) != ((inode->flags & STORE_ENCRYPTED) != 0))
		return false;
	if (item_file_type(item) == STORE_INLINE || !item->a ||
	    (item_file_type(item) == STORE_REGULAR && !(inode->flags & STORE_NODATACOW)) ||
	    item->b <= root->last_snapshot || item_compression(item) ||
	    (inode->flags & STORE_ENCRYPTED && !item_encrypted(item)))
		return false;
	*released = true;
	store->work->searches++; /* btrfs_cross_ref_exist() reads the extent tree */
	/* btrfs_inc_nocow_writers(): none begins in a block group that is being relocated. */
	return extent_only_ref(store, item->a, inode->root, inode->ino,
			       key_offset(item->key) - item->d) &&
	       !extent_readonly(store, item->a);
}

static void plan_in_place(struct plan *p, const struct item *item, uint64_t start, uint64_t end)
{
	uint64_t skip = start - ((uint64_t)key_offset(item->key) << SECTOR_SHIFT);
	struct store_piece piece = {
		.kind = item_file_type(item) == STORE_PREALLOCATED ? STORE_PIECE_PREALLOC
								   : STORE_PIECE_NOCOW,
		.direct = p->direct,
		.encrypted = item_encrypted(item),
		.content = plan_content(p, start, end),
		.file_offset = start,
		.bytes = end - start,
		.disk_bytes = end - start,
		.extent = item->a,
		.extent_offset = ((uint64_t)item->d << SECTOR_SHIFT) + skip,
	};

	piece.physical = store_extent_physical(p->store, item->a) + piece.extent_offset;
	note_content(p, item->a, extent_of(p->store, item->a)->blocks,
		     (uint32_t)(piece.extent_offset >> SECTOR_SHIFT), start,
		     (uint32_t)(piece.bytes >> SECTOR_SHIFT));
	g_array_append_val(p->pieces, piece);
}

/* run_delalloc_nocow(): in place where the items allow, the stretches between are copied. */
static int plan_nocow(struct plan *p, uint64_t start, uint64_t end)
{
	const uint64_t none = UINT64_MAX;
	uint64_t cow_start = none, cur = start;
	struct path path = {0};
	bool searched = false, have = false;
	struct item item;
	int ret = 0;

	while (!ret && cur < end) {
		uint64_t from, last;
		bool released = false;

		if (!searched) {
			have = items_find(p->store, p->inode, (uint32_t)(cur >> SECTOR_SHIFT),
					  &path, &item);
			searched = true;
		}
		if (!have)
			break;
		from = (uint64_t)key_offset(item.key) << SECTOR_SHIFT;
		last = (uint64_t)item_end(&item) << SECTOR_SHIFT;
		if (from >= end)
			break;
		if (from <= cur && last <= cur) {
			have = items_next(p->store, p->inode, &path, &item);
			continue;
		}
		if (from > cur || !can_nocow(p->store, p->inode, &item, &released)) {
			if (cow_start == none)
				cow_start = cur;
			if (from > cur) {
				cur = from;
				continue;
			}
			cur = last;
			searched = !released;
			if (searched)
				have = items_next(p->store, p->inode, &path, &item);
			continue;
		}
		if (cow_start != none)
			ret = plan_cow(p, cow_start, cur);
		cow_start = none;
		if (!ret)
			plan_in_place(p, &item, cur, MIN(last, end));
		cur = last;
		searched = false;
	}
	if (!ret && cow_start == none && cur < end)
		cow_start = cur;
	if (!ret && cow_start != none)
		ret = plan_cow(p, cow_start, end);
	return ret;
}

/* compress_file_range() of one chunk */
static int plan_compressed_chunk(struct plan *p, uint64_t start, uint64_t end)
{
	uint64_t actual_end = MIN(p->inode->size, end);

	while (start < end) {
		uint64_t in, rounded;

		if (actual_end <= start)
			return plan_cow(p, start, end);
		in = MIN(actual_end - start, MAX_UNCOMPRESSED);
		rounded = round_up_block(in);
		/* A single block that cannot become inline is not worth it. */
		if (in <= BTRFS_SECTOR_BYTES && (start || end < p->inode->disk_size))
			return plan_cow(p, start, end);
		if (!plan_content(p, start, start + rounded)) {
			if (plan_inline(p, start, end, 0))
				return 0;
			return plan_cow(p, start, end);
		}
		if (plan_inline(p, start, end, COMPRESSED_PATTERN_BYTES))
			return 0;
		if (2 * BTRFS_SECTOR_BYTES > rounded)
			return plan_cow(p, start, end);
		if (plan_extent(p, start, rounded, 1, true))
			return -ENOSPC;
		start += rounded;
	}
	return 0;
}

static bool wants_compression(const struct plan *p, uint64_t start, uint64_t end)
{
	uint32_t flags = p->inode->flags;

	if (flags & (STORE_NODATACOW | STORE_NOCOMPRESS))
		return false;
	if (p->store->options.compression == STORE_COMPRESS_NONE && !(flags & STORE_COMPRESS))
		return false;
	/* btrfs_compress_heuristic() samples the first piece. */
	return plan_content(p, start, MIN(end, start + MAX_UNCOMPRESSED)) != STORE_CONTENT_UNIQUE;
}

static int plan_range(struct plan *p, uint64_t start, uint64_t end)
{
	int ret = 0;

	if ((p->inode->flags & (STORE_NODATACOW | STORE_PREALLOC)) &&
	    !delalloc_has_defrag(p->inode, start, end))
		return plan_nocow(p, start, end);
	if (wants_compression(p, start, end)) {
		for (; !ret && start < end; start += ASYNC_CHUNK)
			ret = plan_compressed_chunk(p, start, MIN(end, start + ASYNC_CHUNK));
		return ret;
	}
	if (plan_inline(p, start, end, 0))
		return 0;
	return plan_cow(p, start, end);
}

static void unplan(struct plan *p, unsigned int keep)
{
	while (p->pieces->len > keep) {
		store_cancel(p->store,
			     &g_array_index(p->pieces, struct store_piece, p->pieces->len - 1));
		g_array_set_size(p->pieces, p->pieces->len - 1);
	}
}

int store_plan(struct btrfs_store *store, struct store_inode *inode, uint64_t start, uint64_t end,
	       GArray *pieces, struct btrfs_work *work)
{
	struct plan plan = {.store = store, .inode = inode, .pieces = pieces};
	unsigned int before = pieces->len;
	int ret;

	store_enter(store, work);
	ret = plan_range(&plan, start, end);
	if (ret) {
		unplan(&plan, before);
		return ret;
	}
	delalloc_clear(store, inode, start, end);
	/* Inline data goes into the tree at once, within the writeback of the page. */
	if (pieces->len == before + 1 &&
	    g_array_index(pieces, struct store_piece, before).kind == STORE_PIECE_INLINE)
		return store_finish(store, inode,
				    &g_array_index(pieces, struct store_piece, before), work);
	return 0;
}

static int plan_direct_step(struct plan *p, uint64_t *offset, uint64_t end)
{
	struct item item;
	bool hole, released;
	uint64_t to = items_map_end(p->store, p->inode, *offset, end, &item, &hole);
	int ret = 0;

	if (!hole && (item_file_type(&item) == STORE_INLINE || item_compression(&item)))
		return -ENOTBLK;
	to = MIN(to, hole ? holes_load(p->inode, *offset, to)
			  : (uint64_t)item_end(&item) << SECTOR_SHIFT);
	if (!hole && (p->inode->flags & (STORE_NODATACOW | STORE_PREALLOC)) &&
	    can_nocow(p->store, p->inode, &item, &released)) {
		to = MIN(to, (uint64_t)item_end(&item) << SECTOR_SHIFT);
		plan_in_place(p, &item, *offset, to);
	} else {
		ret = plan_cow(p, *offset, to);
	}
	*offset = to;
	return ret;
}

int store_plan_direct(struct btrfs_store *store, struct store_inode *inode, uint64_t offset,
		      uint64_t bytes, store_content content, GArray *pieces,
		      struct btrfs_work *work)
{
	struct plan plan = {.store = store,
			    .inode = inode,
			    .pieces = pieces,
			    .direct = true,
			    .content = content};
	uint64_t end = offset + bytes, at = offset;
	unsigned int before = pieces->len;
	int ret = 0;

	store_enter(store, work);
	store->has_contents |= content != STORE_CONTENT_UNIQUE;
	if ((offset | bytes) & (BTRFS_SECTOR_BYTES - 1))
		return -EINVAL;
	if (offset > inode->size) {
		delalloc_zero_behind(store, inode, inode->size, NULL);
		holes_expand(store, inode, end);
	}
	while (!ret && at < end)
		ret = plan_direct_step(&plan, &at, end);
	if (ret) {
		unplan(&plan, before);
		return ret;
	}
	if (end > inode->size)
		inode->size = end;
	store_queue_update(store, inode);
	return 0;
}

static int finish_inline(struct btrfs_store *store, struct store_inode *inode,
			 const struct store_piece *piece)
{
	bool compressed = piece->disk_bytes < piece->bytes;
	struct item item = {
		.key = key_make(inode->ino, ITEM_EXTENT, 0),
		.a = (uint32_t)piece->bytes,
		.b = store->generation,
		.c = file_word(1, STORE_INLINE, compressed ? STORE_COMPRESS_ZSTD : 0, false),
		.d = piece->content,
		.bytes = (uint16_t)(BTRFS_INLINE_HEAD_BYTES + piece->disk_bytes),
	};

	return items_replace(store, inode, &item);
}

/* add_pending_csums() */
static void add_sums(struct btrfs_store *store, const struct store_inode *inode,
		     const struct store_piece *piece)
{
	if (!(inode->flags & STORE_NODATACOW))
		extent_add_sums(store, piece->extent,
				(uint32_t)(piece->extent_offset >> SECTOR_SHIFT),
				(uint32_t)(piece->disk_bytes >> SECTOR_SHIFT));
}

int store_finish(struct btrfs_store *store, struct store_inode *inode,
		 const struct store_piece *piece, struct btrfs_work *work)
{
	uint32_t start = (uint32_t)(piece->file_offset >> SECTOR_SHIFT);
	uint32_t blocks = (uint32_t)(piece->bytes >> SECTOR_SHIFT);
	struct item item;
	int ret = 0;

	store_enter(store, work);
	switch (piece->kind) {
	case STORE_PIECE_INLINE:
		ret = finish_inline(store, inode, piece);
		break;
	case STORE_PIECE_NOCOW:
		break;
	case STORE_PIECE_PREALLOC:
		items_mark_written(store, inode, start, start + blocks);
		add_sums(store, inode, piece);
		break;
	case STORE_PIECE_COW:
	case STORE_PIECE_COMPRESSED:
		item = items_make_extent(store, inode->ino, start, blocks, piece->extent, 0,
					 STORE_REGULAR, piece->encrypted);
		ret = items_replace(store, inode, &item);
		add_sums(store, inode, piece);
		break;
	}
	inode->disk_size = inode->size;
	store_queue_update(store, inode);
	return ret;
}

void store_cancel(struct btrfs_store *store, const struct store_piece *piece)
{
	if (piece->kind == STORE_PIECE_COW || piece->kind == STORE_PIECE_COMPRESSED)
		extent_abandon(store, piece->extent);
}
