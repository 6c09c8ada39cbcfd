/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Truncate, punch, fallocate, zero range. 6.12: fs/btrfs/inode.c, file.c. */
#include "models/btrfs/ctree.h"

#include <errno.h>

int store_truncate_prepare(struct btrfs_store *store, struct store_inode *inode, uint64_t size,
			   struct store_dirtied *dirtied, struct btrfs_work *work)
{
	uint64_t old = inode->size;

	store_enter(store, work);
	if (dirtied)
		dirtied->n = 0;
	store_queue_update(store, inode);
	if (size > old) {
		delalloc_zero_behind(store, inode, old, dirtied);
		holes_expand(store, inode, size);
		inode->size = inode->disk_size = size;
		return 0;
	}
	inode->size = size;
	delalloc_clear(store, inode, round_up_block(size), UINT64_MAX);
	holes_drop(inode, round_up_block(size), UINT64_MAX);
	return size == old ? 2 : 1;
}

void store_truncate(struct btrfs_store *store, struct store_inode *inode, struct btrfs_work *work)
{
	store_enter(store, work);
	items_truncate(store, root_of(store, inode->root), inode->ino, inode->size, false);
	inode->disk_size = inode->size;
	store_queue_update(store, inode);
}

/* find_first_non_hole(): true if `*start` lies in a hole, which is then stepped over as far as its map
 * reaches. */
static bool skip_hole(struct btrfs_store *store, struct store_inode *inode, uint64_t *start,
		      uint64_t *bytes)
{
	uint64_t from = round_down_block(*start), end = from + round_up_block(*bytes);
	struct path path = {0};
	struct item item;

	if (items_find(store, inode, (uint32_t)(from >> SECTOR_SHIFT), &path, &item)) {
		end = MIN(end, (uint64_t)key_offset(item.key) << SECTOR_SHIFT);
		if (end <= from)
			return false;
	}
	end = holes_load(inode, from, end);
	*bytes = end > *start + *bytes ? 0 : *start + *bytes - end;
	*start = end;
	return true;
}

struct punch {
	struct btrfs_store *store;
	struct store_inode *inode;
	struct store_dirtied *dirtied;
	uint64_t offset, bytes, first, last; /* [first, last): whole blocks */
};

/* The unaligned ends of the range; false if nothing whole is left between them. */
static bool punch_edges(struct punch *p, uint64_t original)
{
	uint64_t size = round_up_block(p->inode->size), tail, tail_bytes;

	if (p->offset < size)
		delalloc_zero_behind(p->store, p->inode, p->offset, p->dirtied);
	if (p->offset == original) {
		p->bytes = p->offset + p->bytes - p->first;
		p->offset = p->first;
		if (skip_hole(p->store, p->inode, &p->offset, &p->bytes) && !p->bytes)
			return false;
		p->first = p->offset;
	}
	tail = p->last;
	tail_bytes = p->offset + p->bytes - tail;
	if (tail_bytes && !skip_hole(p->store, p->inode, &tail, &tail_bytes) &&
	    tail + tail_bytes < size)
		delalloc_zero_before(p->store, p->inode, tail + tail_bytes, p->dirtied);
	return p->first < p->last;
}

int store_punch(struct btrfs_store *store, struct store_inode *inode, uint64_t offset,
		uint64_t bytes, struct store_dirtied *dirtied, struct btrfs_work *work)
{
	struct punch p = {store, inode, dirtied, offset, bytes, 0, 0};
	bool in_hole;

	store_enter(store, work);
	if (dirtied)
		dirtied->n = 0;
	if (!bytes)
		return -EINVAL;
	in_hole = skip_hole(store, inode, &p.offset, &p.bytes);
	if (in_hole && !p.bytes)
		return 0;
	p.first = round_up_block(p.offset);
	p.last = round_down_block(p.offset + p.bytes);
	if (p.offset >> SECTOR_SHIFT == (p.offset + p.bytes - 1) >> SECTOR_SHIFT &&
	    p.bytes < BTRFS_SECTOR_BYTES) {
		if (p.offset < round_up_block(inode->size))
			delalloc_zero(store, inode, p.offset, p.offset + p.bytes, dirtied);
		store_queue_update(store, inode);
		return 0;
	}
	if (!punch_edges(&p, offset))
		return 0;
	delalloc_clear(store, inode, p.first, p.last);
	holes_drop(inode, p.first, p.last);
	if (p.first < round_up_block(inode->size))
		holes_replace(inode, p.first, p.last);
	return items_replace_range(store, inode, (uint32_t)(p.first >> SECTOR_SHIFT),
				   (uint32_t)(p.last >> SECTOR_SHIFT), NULL, NULL);
}

int store_falloc_prepare(struct btrfs_store *store, struct store_inode *inode, uint64_t offset,
			 uint64_t bytes, struct store_dirtied *dirtied, struct btrfs_work *work)
{
	store_enter(store, work);
	if (dirtied)
		dirtied->n = 0;
	if (!bytes)
		return -EINVAL;
	store_queue_update(store, inode); /* file_modified(), whatever comes of it */
	if (offset + bytes > inode->size)
		delalloc_zero_behind(store, inode, inode->size, dirtied);
	if (round_down_block(offset) > inode->size)
		holes_expand(store, inode, round_down_block(offset));
	return 0;
}

static void set_size(struct btrfs_store *store, struct store_inode *inode, uint64_t size)
{
	inode->size = inode->disk_size = size;
	store_queue_update(store, inode);
}

/* __btrfs_prealloc_file_range(): [start, end) in chunks. */
static int prealloc_range(struct btrfs_store *store, struct store_inode *inode, uint64_t start,
			  uint64_t end, uint64_t wanted_size, bool keep_size)
{
	bool encrypted = inode->flags & STORE_ENCRYPTED;

	while (start < end) {
		uint64_t bytes = MIN(end - start, store->options.max_prealloc_bytes);
		uint32_t first = (uint32_t)(start >> SECTOR_SHIFT);
		uint32_t blocks = (uint32_t)(bytes >> SECTOR_SHIFT);
		store_extent extent;
		struct item item;
		int ret = extent_alloc(store, blocks, &extent);

		if (ret)
			return ret;
		extent_of(store, extent)->content = STORE_CONTENT_ZEROS; /* until written */
		store_call_born(store, inode, extent, 0, start);
		holes_drop(inode, start, start + bytes);
		item = items_make_extent(store, inode->ino, first, blocks, extent, 0,
					 STORE_PREALLOCATED, encrypted);
		ret = items_replace_range(store, inode, first, first + blocks, &item, NULL);
		if (ret)
			return ret;
		start += bytes;
		inode->flags |= STORE_PREALLOC;
		if (!keep_size && wanted_size > inode->size && start > inode->size)
			set_size(store, inode, MIN(start, wanted_size));
	}
	return 0;
}

int store_falloc(struct btrfs_store *store, struct store_inode *inode, uint64_t offset,
		 uint64_t bytes, bool keep_size, struct btrfs_work *work)
{
	uint64_t end = offset + bytes, cur = round_down_block(offset), last = round_up_block(end);
	GArray *ranges = g_array_new(FALSE, FALSE, sizeof(struct store_range));
	uint64_t actual_end = 0;
	int ret = 0;

	store_enter(store, work);
	while (cur < last) {
		struct item item;
		bool hole;
		uint64_t to = items_map_end(store, inode, cur, last, &item, &hole);
		struct store_range *prev = &g_array_index(ranges, struct store_range,
							  ranges->len ? ranges->len - 1 : 0);

		actual_end = MIN(to, end);
		if (hole || (cur >= inode->size && item_file_type(&item) != STORE_PREALLOCATED)) {
			if (ranges->len && prev->end == cur) {
				prev->end = to;
			} else {
				struct store_range range = {.start = cur, .end = to};

				g_array_append_val(ranges, range);
			}
		}
		cur = to;
	}
	for (unsigned int i = 0; !ret && i < ranges->len; i++) {
		const struct store_range *range = &g_array_index(ranges, struct store_range, i);

		ret = prealloc_range(store, inode, range->start, range->end, end, keep_size);
	}
	g_array_free(ranges, TRUE);
	if (!ret && !keep_size && actual_end > inode->size)
		set_size(store, inode, actual_end);
	return ret;
}

static void grow_to(struct btrfs_store *store, struct store_inode *inode, uint64_t end,
		    bool keep_size)
{
	if (!keep_size && end > inode->size)
		set_size(store, inode, end);
}

enum boundary { BOUNDARY_WRITTEN, BOUNDARY_PREALLOC, BOUNDARY_HOLE };

/* btrfs_zero_range_check_range_boundary() */
static enum boundary boundary_at(struct btrfs_store *store, const struct store_inode *inode,
				 uint64_t offset)
{
	struct item item;
	bool hole;

	items_map_end(store, inode, round_down_block(offset),
		      round_down_block(offset) + BTRFS_SECTOR_BYTES, &item, &hole);
	if (hole)
		return BOUNDARY_HOLE;
	return item_file_type(&item) == STORE_PREALLOCATED ? BOUNDARY_PREALLOC : BOUNDARY_WRITTEN;
}

/* The blocks that zeroing [offset, end) replaces; written edge blocks are zeroed in the cache. */
static void zero_edges(struct btrfs_store *store, struct store_inode *inode, uint64_t offset,
		       uint64_t end, uint64_t *first, uint64_t *last, struct store_dirtied *dirtied)
{
	enum boundary at;

	*first = round_up_block(offset);
	*last = round_down_block(end);
	if (*first != offset) {
		at = boundary_at(store, inode, offset);
		if (at == BOUNDARY_HOLE)
			*first = round_down_block(offset);
		else if (at == BOUNDARY_WRITTEN)
			delalloc_zero_behind(store, inode, offset, dirtied);
	}
	if (*last != end) {
		at = boundary_at(store, inode, end);
		if (at == BOUNDARY_HOLE)
			*last = round_up_block(end);
		else if (at == BOUNDARY_WRITTEN)
			delalloc_zero_before(store, inode, end, dirtied);
	}
}

int store_zero_range(struct btrfs_store *store, struct store_inode *inode, uint64_t offset,
		     uint64_t bytes, bool keep_size, struct store_dirtied *dirtied,
		     struct btrfs_work *work)
{
	uint64_t end = offset + bytes, first = round_down_block(offset), last, reach;
	struct item item;
	bool hole;
	int ret;

	store_enter(store, work);
	if (dirtied)
		dirtied->n = 0;
	reach = items_map_end(store, inode, first, round_up_block(end), &item, &hole);
	if (!hole && item_file_type(&item) == STORE_PREALLOCATED) {
		if (reach >= end) {
			grow_to(store, inode, end, keep_size);
			return 0;
		}
		offset = first = reach;
	}
	if (offset >> SECTOR_SHIFT == (end - 1) >> SECTOR_SHIFT) {
		enum boundary at = boundary_at(store, inode, first);

		if (at == BOUNDARY_PREALLOC ||
		    (at == BOUNDARY_WRITTEN && end - offset < BTRFS_SECTOR_BYTES)) {
			if (at == BOUNDARY_WRITTEN)
				delalloc_zero(store, inode, offset, end, dirtied);
			grow_to(store, inode, end, keep_size);
			return 0;
		}
		first = round_down_block(offset);
		last = first + BTRFS_SECTOR_BYTES;
	} else {
		zero_edges(store, inode, offset, end, &first, &last, dirtied);
	}
	if (first < last) {
		delalloc_clear(store, inode, first, last);
		ret = prealloc_range(store, inode, first, last, end, keep_size);
		if (ret)
			return ret;
	}
	grow_to(store, inode, end, keep_size);
	return 0;
}
