/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Dirty ranges: what buffered writes leave behind until writeback plans it. */
#include "models/btrfs/ctree.h"

#include <errno.h>

static gint compare_end(gconstpointer a, gconstpointer b, gpointer data)
{
	const struct store_range *x = a, *y = b;

	(void)data;
	return x->end < y->end ? -1 : x->end > y->end;
}

/* The first range that ends behind `offset`. */
static GSequenceIter *range_after(const struct store_inode *inode, uint64_t offset)
{
	struct store_range probe = {.end = offset};

	return g_sequence_search(inode->dirty, &probe, compare_end, NULL);
}

static struct store_range *range_at(GSequenceIter *iter)
{
	return g_sequence_iter_is_end(iter) ? NULL : g_sequence_get(iter);
}

void delalloc_clear(struct btrfs_store *store, struct store_inode *inode, uint64_t start,
		    uint64_t end)
{
	GSequenceIter *iter = range_after(inode, start);
	uint64_t before = inode->delalloc_bytes;
	struct store_range *range;

	while ((range = range_at(iter)) && range->start < end) {
		GSequenceIter *next = g_sequence_iter_next(iter);

		inode->delalloc_bytes -= MIN(range->end, end) - MAX(range->start, start);
		if (range->start < start && range->end > end) {
			struct store_range *tail = g_memdup2(range, sizeof(*range));

			tail->start = end;
			range->end = start;
			g_sequence_insert_before(next, tail);
		} else if (range->start < start) {
			range->end = start;
		} else if (range->end > end) {
			range->start = end;
		} else {
			g_sequence_remove(iter);
		}
		iter = next;
	}
	if (before && !inode->delalloc_bytes)
		g_ptr_array_remove(store->dirty_inodes, inode);
}

static bool same_kind(const struct store_range *a, const struct store_range *b)
{
	return a->content == b->content && a->defrag == b->defrag;
}

void delalloc_set(struct btrfs_store *store, struct store_inode *inode, uint64_t start,
		  uint64_t end, store_content content, bool defrag)
{
	struct store_range *range, *near;
	GSequenceIter *iter, *at;
	bool was_dirty = inode->delalloc_bytes != 0;

	if (start >= end)
		return;
	/* Clearing must not take the inode off its place in the list of dirty ones. */
	inode->delalloc_bytes += end - start;
	delalloc_clear(store, inode, start, end);
	range = g_new(struct store_range, 1);
	*range = (struct store_range){start, end, content, defrag};
	iter = range_after(inode, start);
	at = g_sequence_insert_before(iter, range);
	near = range_at(iter);
	if (near && near->start == end && same_kind(near, range)) {
		range->end = near->end;
		g_sequence_remove(iter);
	}
	if (!g_sequence_iter_is_begin(at)) {
		near = g_sequence_get(g_sequence_iter_prev(at));
		if (near->end == start && same_kind(near, range)) {
			near->end = range->end;
			g_sequence_remove(at);
		}
	}
	if (!was_dirty)
		g_ptr_array_add(store->dirty_inodes, inode);
}

bool store_next_delalloc(const struct btrfs_store *store, const struct store_inode *inode,
			 uint64_t from, uint64_t *start, uint64_t *end)
{
	GSequenceIter *iter = range_after(inode, from);
	const struct store_range *range = range_at(iter);
	uint64_t most = store->options.max_extent_bytes;

	if (!range)
		return false;
	*start = MAX(range->start, from);
	*end = range->end;
	while (*end - *start < most) {
		iter = g_sequence_iter_next(iter);
		range = range_at(iter);
		if (!range || range->start != *end)
			break;
		*end = range->end;
	}
	*end = MIN(*end, *start + most);
	return true;
}

store_content delalloc_content(const struct store_inode *inode, uint64_t start, uint64_t end)
{
	GSequenceIter *iter = range_after(inode, start);
	const struct store_range *range = range_at(iter);
	store_content content =
		range && range->start <= start ? range->content : STORE_CONTENT_UNIQUE;

	for (; content && range && range->start < end; range = range_at(iter)) {
		if (!range->content)
			return STORE_CONTENT_UNIQUE;
		if (range->content != content)
			content = STORE_CONTENT_BY_BLOCK;
		iter = g_sequence_iter_next(iter);
	}
	return content;
}

bool delalloc_has_defrag(const struct store_inode *inode, uint64_t start, uint64_t end)
{
	GSequenceIter *iter = range_after(inode, start);
	const struct store_range *range;

	for (; (range = range_at(iter)) && range->start < end; iter = g_sequence_iter_next(iter))
		if (range->defrag)
			return true;
	return false;
}

bool delalloc_overlaps(const struct store_inode *inode, uint64_t start, uint64_t end)
{
	const struct store_range *range = range_at(range_after(inode, start));

	return range && range->start < end;
}

/* [from, to) of a block gets a content, the rest of it stays. */
static void set_part(struct btrfs_store *store, struct store_inode *inode, uint64_t from,
		     uint64_t to, store_content content)
{
	uint64_t block = round_down_block(from), end = block + BTRFS_SECTOR_BYTES, place;
	store_content old = STORE_CONTENT_UNIQUE;

	if (content)
		old = delalloc_overlaps(inode, block, end)
			      ? delalloc_content(inode, block, end)
			      : content_in_file(store, inode, block, &place);
	delalloc_set(store, inode, block, end,
		     content_overlaid(store, old, from - block, to - block, content), false);
}

void delalloc_zero(struct btrfs_store *store, struct store_inode *inode, uint64_t from, uint64_t to,
		   struct store_dirtied *dirtied)
{
	uint64_t start = round_down_block(from), end = start + BTRFS_SECTOR_BYTES;

	set_part(store, inode, from, to, STORE_CONTENT_ZEROS);
	if (dirtied && dirtied->n < G_N_ELEMENTS(dirtied->range)) {
		dirtied->range[dirtied->n].start = start;
		dirtied->range[dirtied->n].end = end;
		dirtied->n++;
	}
}

void delalloc_zero_behind(struct btrfs_store *store, struct store_inode *inode, uint64_t offset,
			  struct store_dirtied *dirtied)
{
	if (offset & (BTRFS_SECTOR_BYTES - 1))
		delalloc_zero(store, inode, offset, round_up_block(offset), dirtied);
}

void delalloc_zero_before(struct btrfs_store *store, struct store_inode *inode, uint64_t offset,
			  struct store_dirtied *dirtied)
{
	if (offset & (BTRFS_SECTOR_BYTES - 1))
		delalloc_zero(store, inode, round_down_block(offset), offset, dirtied);
}

int store_write(struct btrfs_store *store, struct store_inode *inode, uint64_t offset,
		uint64_t bytes, store_content content, struct store_dirtied *dirtied,
		struct btrfs_work *work)
{
	uint64_t start = round_down_block(offset), end = round_up_block(offset + bytes);
	uint64_t old_size = inode->size;

	store_enter(store, work);
	if (dirtied)
		dirtied->n = 0;
	if (!bytes)
		return 0;
	store->has_contents |= content != STORE_CONTENT_UNIQUE;
	if (start > old_size) {
		delalloc_zero_behind(store, inode, old_size, dirtied);
		holes_expand(store, inode, offset + bytes);
	}
	if (content && offset > start) {
		set_part(store, inode, offset, MIN(start + BTRFS_SECTOR_BYTES, offset + bytes),
			 content);
		start += BTRFS_SECTOR_BYTES;
	}
	if (content && end > start && offset + bytes < end) {
		end -= BTRFS_SECTOR_BYTES;
		set_part(store, inode, end, offset + bytes, content);
	}
	delalloc_set(store, inode, start, end, content, false);
	if (offset + bytes > inode->size)
		inode->size = offset + bytes;
	store_queue_update(store, inode);
	return 0;
}

void store_discard_dirty(struct btrfs_store *store, struct store_inode *inode)
{
	delalloc_clear(store, inode, 0, UINT64_MAX);
}

int store_flush_range(struct btrfs_store *store, struct store_inode *inode, uint64_t start,
		      uint64_t end, struct btrfs_work *work)
{
	GArray *pieces = g_array_new(FALSE, FALSE, sizeof(struct store_piece));
	uint64_t from, to;
	int ret = 0;

	store_enter(store, work);
	while (!ret && store_next_delalloc(store, inode, start, &from, &to) && from < end) {
		ret = store_plan(store, inode, from, to, pieces, work);
		start = to;
	}
	for (unsigned int i = 0; i < pieces->len; i++) {
		struct store_piece *piece = &g_array_index(pieces, struct store_piece, i);

		if (piece->kind != STORE_PIECE_INLINE)
			store_finish(store, inode, piece, work);
	}
	g_array_free(pieces, TRUE);
	return ret;
}

int store_flush(struct btrfs_store *store, struct store_inode *inode, struct btrfs_work *work)
{
	return store_flush_range(store, inode, 0, UINT64_MAX, work);
}

int store_flush_all(struct btrfs_store *store, uint32_t root, struct btrfs_work *work)
{
	unsigned int i = 0;
	int ret = 0;

	while (i < store->dirty_inodes->len) {
		struct store_inode *inode = g_ptr_array_index(store->dirty_inodes, i);
		int one;

		if (root && inode->root != root) {
			i++;
			continue;
		}
		one = store_flush(store, inode, work);
		if (one) {
			ret = one;
			i++; /* it stays dirty */
		}
	}
	return ret;
}

GPtrArray *store_dirty_inodes(const struct btrfs_store *store, uint32_t root)
{
	GPtrArray *list = g_ptr_array_new();

	for (unsigned int i = 0; i < store->dirty_inodes->len; i++) {
		struct store_inode *inode = g_ptr_array_index(store->dirty_inodes, i);

		if (!root || inode->root == root)
			g_ptr_array_add(list, inode);
	}
	return list;
}
