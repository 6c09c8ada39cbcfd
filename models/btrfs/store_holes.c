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

static struct hole *hole_at(GSequenceIter *at)
{
	return g_sequence_iter_is_end(at) ? NULL : g_sequence_get(at);
}

static int by_end(const void *a, const void *b, void *unused)
{
	const struct hole *x = a, *y = b;

	(void)unused;
	return x->end < y->end ? -1 : x->end > y->end;
}

/* The first that ends behind `offset`. */
static GSequenceIter *first_behind(const struct store_inode *inode, uint64_t offset)
{
	struct hole key = {.end = offset};

	return g_sequence_search(inode->holes, &key, by_end, NULL);
}

static GSequenceIter *insert(struct store_inode *inode, uint64_t start, uint64_t end, bool fresh)
{
	struct hole *hole = g_new(struct hole, 1);

	*hole = (struct hole){start, end, fresh};
	return g_sequence_insert_before(first_behind(inode, start), hole);
}

/* try_merge_map() with the one behind it */
static bool merge(GSequenceIter *at)
{
	struct hole *hole = hole_at(at), *next;

	next = hole ? hole_at(g_sequence_iter_next(at)) : NULL;
	if (!next || hole->fresh || next->fresh || hole->end != next->start)
		return false;
	hole->end = next->end;
	g_sequence_remove(g_sequence_iter_next(at));
	return true;
}

void holes_drop(struct store_inode *inode, uint64_t start, uint64_t end)
{
	GSequenceIter *at, *next;
	struct hole *hole;

	if (!inode->holes)
		return;
	for (at = first_behind(inode, start); (hole = hole_at(at)); at = next) {
		struct hole rest = *hole;

		if (rest.start >= end)
			return;
		next = g_sequence_iter_next(at);
		if (rest.start < start)
			hole->end = start;
		else if (rest.end > end)
			hole->start = end;
		else
			g_sequence_remove(at);
		if (rest.start < start && rest.end > end)
			insert(inode, end, rest.end, rest.fresh);
	}
}

void holes_replace(struct store_inode *inode, uint64_t start, uint64_t end)
{
	holes_drop(inode, start, end);
	if (start >= end)
		return;
	if (!inode->holes)
		inode->holes = g_sequence_new(g_free);
	insert(inode, start, end, true);
	if (inode->fresh_from == inode->fresh_to)
		inode->fresh_from = inode->fresh_to = start;
	inode->fresh_from = MIN(inode->fresh_from, start);
	inode->fresh_to = MAX(inode->fresh_to, end);
}

uint64_t holes_load(struct store_inode *inode, uint64_t at, uint64_t end)
{
	GSequenceIter *here;
	struct hole *hole;

	if (!inode->holes)
		inode->holes = g_sequence_new(g_free);
	hole = hole_at(first_behind(inode, at));
	if (hole && hole->start <= at)
		return hole->end;
	here = insert(inode, at, hole ? MIN(end, hole->start) : end, false);
	merge(here);
	if (!g_sequence_iter_is_begin(here) && merge(g_sequence_iter_prev(here)))
		here = first_behind(inode, at);
	return hole_at(here)->end;
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
	GSequenceIter *at;
	struct hole *hole;

	if (!inode->holes || inode->fresh_from == inode->fresh_to)
		return;
	at = first_behind(inode, inode->fresh_from);
	for (GSequenceIter *i = at; (hole = hole_at(i)) && hole->start < inode->fresh_to;
	     i = g_sequence_iter_next(i))
		hole->fresh = false;
	at = g_sequence_iter_prev(at);
	while ((hole = hole_at(at)) && hole->start <= inode->fresh_to)
		if (!merge(at))
			at = g_sequence_iter_next(at);
	inode->fresh_from = inode->fresh_to = 0;
}
