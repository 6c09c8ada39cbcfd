/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The maps of holes that the kernel's cache has of an inode. They show: a direct write is cut where one
 * ends, and what a punch looks at ends there. 6.12: fs/btrfs/extent_map.c.
 */
#include "models/btrfs/ctree.h"

/* `fresh`: not logged by an fsync yet, and so never merged with its neighbours. */
struct hole {
	uint64_t start, end;
	bool fresh;
};

static struct hole *hole_at(const struct store_inode *inode, guint i)
{
	return &g_array_index(inode->holes, struct hole, i);
}

/* The first that ends behind `offset`. */
static guint first_behind(const struct store_inode *inode, uint64_t offset)
{
	guint i = 0;

	while (i < inode->holes->len && hole_at(inode, i)->end <= offset)
		i++;
	return i;
}

static void insert(struct store_inode *inode, uint64_t start, uint64_t end, bool fresh)
{
	struct hole hole = {start, end, fresh};

	if (!inode->holes)
		inode->holes = g_array_new(FALSE, FALSE, sizeof(struct hole));
	g_array_insert_val(inode->holes, first_behind(inode, start), hole);
}

/* try_merge_map() of the i-th with the one behind it */
static bool merge(struct store_inode *inode, guint i)
{
	struct hole *hole = hole_at(inode, i), *next;

	if (i + 1 >= inode->holes->len)
		return false;
	next = hole_at(inode, i + 1);
	if (hole->fresh || next->fresh || hole->end != next->start)
		return false;
	hole->end = next->end;
	g_array_remove_index(inode->holes, i + 1);
	return true;
}

void holes_drop(struct store_inode *inode, uint64_t start, uint64_t end)
{
	if (!inode->holes)
		return;
	for (guint i = first_behind(inode, start); i < inode->holes->len;) {
		struct hole *hole = hole_at(inode, i), rest = *hole;

		if (hole->start >= end)
			return;
		if (rest.start < start) {
			hole->end = start;
			i++;
			if (rest.end > end)
				insert(inode, end, rest.end, rest.fresh);
		} else if (rest.end > end) {
			hole->start = end;
		} else {
			g_array_remove_index(inode->holes, i);
		}
	}
}

void holes_replace(struct store_inode *inode, uint64_t start, uint64_t end)
{
	holes_drop(inode, start, end);
	if (start < end)
		insert(inode, start, end, true);
}

uint64_t holes_load(struct store_inode *inode, uint64_t at, uint64_t end)
{
	guint i = inode->holes ? first_behind(inode, at) : 0;
	struct hole *hole = inode->holes && i < inode->holes->len ? hole_at(inode, i) : NULL;

	if (hole && hole->start <= at)
		return hole->end;
	insert(inode, at, hole ? MIN(end, hole->start) : end, false);
	merge(inode, i);
	if (i && merge(inode, i - 1))
		i--;
	return hole_at(inode, i)->end;
}

void holes_expand(struct btrfs_store *store, struct store_inode *inode, uint64_t size)
{
	uint64_t at = round_up_block(inode->size), end = round_up_block(size);

	while (at < end) {
		struct item item;
		bool hole;
		uint64_t to = items_map_end(store, inode, at, end, &item, &hole);

		if (hole) {
			to = MIN(to, holes_load(inode, at, to));
			holes_replace(inode, at, to);
		}
		at = to;
	}
}

void store_logged(struct store_inode *inode)
{
	for (guint i = 0; inode->holes && i < inode->holes->len; i++)
		hole_at(inode, i)->fresh = false;
	for (guint i = 0; inode->holes && i + 1 < inode->holes->len;)
		i += !merge(inode, i);
}
