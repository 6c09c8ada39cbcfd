/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reflink, dedupe and defrag. 6.12: fs/btrfs/reflink.c, defrag.c; checks of fs/remap_range.c. */
#include "models/btrfs/ctree.h"

#include <errno.h>

#define MAX_DEDUPE_BYTES (16u << 20) /* BTRFS_MAX_DEDUPE_LEN */
#define DEFRAG_CLUSTER (256u << 10) /* CLUSTER_SIZE of defrag.c */
#define DEFRAG_THRESHOLD (256u << 10)
#define MAX_COMPRESSED_BYTES (128u << 10)

static bool unaligned(uint64_t bytes)
{
	return bytes & (BTRFS_SECTOR_BYTES - 1);
}

int store_clone_prepare(struct btrfs_store *store, struct store_inode *source,
			uint64_t source_offset, uint64_t *bytes, struct store_inode *target,
			uint64_t target_offset, struct store_dirtied *dirtied,
			struct btrfs_work *work)
{
	uint64_t covered;

	store_enter(store, work);
	if (dirtied)
		dirtied->n = 0;
	if ((source->flags | target->flags) & STORE_DIRECTORY)
		return -EISDIR;
	if ((source->flags ^ target->flags) & STORE_NODATACOW)
		return -EINVAL;
	if (!*bytes) {
		if (source_offset > source->size)
			return -EINVAL;
		*bytes = source->size - source_offset;
		if (!*bytes)
			return 0;
	}
	if (unaligned(source_offset) || unaligned(target_offset) || source_offset >= source->size ||
	    *bytes > source->size - source_offset)
		return -EINVAL;
	covered = *bytes;
	if (source_offset + *bytes == source->size)
		covered = round_up_block(source->size) - source_offset;
	else if (unaligned(*bytes))
		return -EINVAL;
	if (source == target && target_offset + covered > source_offset &&
	    target_offset < source_offset + covered)
		return -EINVAL;
	/* The last block of the source must not come into the middle of the target. */
	if (unaligned(*bytes) && target_offset + *bytes < target->size)
		return -EINVAL;
	store_queue_update(store, target); /* file_modified() */
	if (target_offset > target->size) {
		delalloc_zero_behind(store, target, target->size, dirtied);
		holes_expand(store, target, target_offset);
	}
	return 0;
}

struct cloning {
	struct btrfs_store *store;
	struct store_inode *source, *target;
	uint64_t offset, bytes, wanted, to; /* `bytes` rounded up, `wanted` not */
	uint64_t done_to; /* in the target */
	struct store_dirtied *dirtied;
};

static void clone_finish(struct cloning *c, uint64_t end)
{
	end = MIN(end, c->to + c->wanted);
	if (end > c->target->size)
		c->target->size = c->target->disk_size = end;
	store_queue_update(c->store, c->target);
}

/* clone_copy_inline_extent(): as an item where it can be one, else through the page cache. */
static int clone_inline(struct cloning *c, const struct item *from, uint64_t at, uint64_t drop)
{
	struct btrfs_store *store = c->store;
	struct path path = {0};
	struct item there, copy = *from;
	bool as_item = !at && c->target->size <= from->a;

	if (as_item && items_find(store, c->target, 0, &path, &there))
		as_item = !key_offset(there.key) && item_file_type(&there) == STORE_INLINE;
	if (!as_item) {
		delalloc_zero(store, c->target, at, at + BTRFS_SECTOR_BYTES, c->dirtied);
		delalloc_set(store, c->target, at, at + BTRFS_SECTOR_BYTES, from->d, false);
		return 0;
	}
	copy.key = key_make(c->target->ino, ITEM_EXTENT, 0);
	holes_drop(c->target, drop, round_up_block(at + from->a));
	return items_replace_range(store, c->target, (uint32_t)(drop >> SECTOR_SHIFT),
				   blocks_up(at + from->a), &copy, NULL);
}

/* The context goes along, whatever it is: btrfs_clone() of v6 copies the source's, and fails without
 * one. */
static int source_context(const struct cloning *c, const struct item *from, struct item *context)
{
	const struct item *found;

	if (!contexts_faulty(c->store) || !item_encrypted(from)) {
		*context = items_make_context(c->store, c->target->ino, 0, from->a);
		return 0;
	}
	found = items_context_at(c->store, c->source->root, c->source->ino, key_offset(from->key));
	if (!found)
		return -EIO;
	*context = *found;
	return 0;
}

static int clone_regular(struct cloning *c, const struct item *from, uint64_t at, uint64_t drop,
			 uint64_t *end)
{
	const struct btrfs_store_hooks *hooks = c->store->options.hooks;
	uint64_t start = (uint64_t)key_offset(from->key) << SECTOR_SHIFT;
	uint64_t last = MIN((uint64_t)item_end(from) << SECTOR_SHIFT, c->offset + c->bytes);
	struct item copy = *from, context;
	int ret = source_context(c, from, &context);

	if (ret)
		return ret;
	if (c->offset > start) {
		copy.d = (uint16_t)(copy.d + ((c->offset - start) >> SECTOR_SHIFT));
		start = c->offset;
	}
	*end = at + last - start;
	holes_drop(c->target, drop, *end);
	copy.key = key_make(c->target->ino, ITEM_EXTENT, (uint32_t)(at >> SECTOR_SHIFT));
	item_set_blocks(&copy, (uint32_t)((last - start) >> SECTOR_SHIFT));
	ret = items_replace_range(c->store, c->target, (uint32_t)(drop >> SECTOR_SHIFT),
				  (uint32_t)(*end >> SECTOR_SHIFT), &copy, &context);
	if (hooks && hooks->copied)
		hooks->copied(c->store->options.hooks_arg, copy.a, c->source->root, c->source->ino,
			      start, at, c->target->ino);
	return ret;
}

/* btrfs_clone() */
static int clone_range(struct cloning *c)
{
	uint64_t search = c->offset, end = c->to;
	int ret = 0;

	c->done_to = c->to;
	while (end < c->to + c->bytes) {
		struct path path = {0};
		struct item item;
		uint64_t start, at, drop;

		if (!items_find(c->store, c->source, (uint32_t)(search >> SECTOR_SHIFT), &path,
				&item))
			break;
		start = (uint64_t)key_offset(item.key) << SECTOR_SHIFT;
		if (start >= c->offset + c->bytes)
			break;
		search = (uint64_t)item_end(&item) << SECTOR_SHIFT;
		at = c->offset <= start ? start + c->to - c->offset : c->to;
		drop = at != c->done_to ? c->done_to : at;
		if (item_file_type(&item) == STORE_INLINE) {
			ret = clone_inline(c, &item, at, drop);
			end = at + item.a;
		} else {
			ret = clone_regular(c, &item, at, drop, &end);
		}
		if (ret)
			return ret;
		c->done_to = round_up_block(end);
		clone_finish(c, c->done_to);
	}
	if (c->done_to < c->to + c->bytes) {
		holes_drop(c->target, c->done_to, c->to + c->bytes);
		if (c->done_to < round_up_block(c->target->size))
			holes_replace(c->target, c->done_to, c->to + c->bytes);
		ret = items_replace_range(
			c->store, c->target, (uint32_t)(c->done_to >> SECTOR_SHIFT),
			(uint32_t)((c->to + c->bytes) >> SECTOR_SHIFT), NULL, NULL);
		clone_finish(c, c->to + c->bytes);
	}
	return ret;
}

int store_clone(struct btrfs_store *store, struct store_inode *source, uint64_t source_offset,
		uint64_t bytes, struct store_inode *target, uint64_t target_offset,
		struct store_dirtied *dirtied, struct btrfs_work *work)
{
	struct cloning c = {.store = store,
			    .source = source,
			    .target = target,
			    .offset = source_offset,
			    .bytes = round_up_block(bytes),
			    .wanted = bytes,
			    .to = target_offset,
			    .dirtied = dirtied};

	store_enter(store, work);
	if (dirtied)
		dirtied->n = 0;
	return bytes ? clone_range(&c) : 0;
}

bool store_same_content(struct btrfs_store *store, struct store_inode *a, uint64_t a_offset,
			struct store_inode *b, uint64_t b_offset, uint64_t bytes,
			struct btrfs_work *work)
{
	store_enter(store, work);
	for (uint64_t done = 0; done < bytes; done += BTRFS_SECTOR_BYTES) {
		uint64_t place_a, place_b;
		store_content x = content_in_file(store, a, a_offset + done, &place_a);
		store_content y = content_in_file(store, b, b_offset + done, &place_b);

		if (bytes - done < BTRFS_SECTOR_BYTES) { /* both files end there */
			x = content_overlaid(store, x, bytes - done, BTRFS_SECTOR_BYTES,
					     STORE_CONTENT_ZEROS);
			y = content_overlaid(store, y, bytes - done, BTRFS_SECTOR_BYTES,
					     STORE_CONTENT_ZEROS);
		}
		if (!(place_a && place_a == place_b) && !(x && x == y))
			return false;
	}
	return true;
}

int store_dedupe(struct btrfs_store *store, struct store_inode *source, uint64_t source_offset,
		 uint64_t bytes, struct store_inode *target, uint64_t target_offset, uint64_t *done,
		 struct btrfs_work *work)
{
	uint64_t asked = bytes;
	int ret = 0;

	store_enter(store, work);
	*done = 0;
	if (!bytes) /* vfs_dedupe_file_range_one() */
		return source_offset > source->size ? -EINVAL : 0;
	if (unaligned(source_offset) || unaligned(target_offset) ||
	    source_offset + bytes > source->size || target_offset + bytes > target->size ||
	    ((source->flags ^ target->flags) & STORE_NODATACOW))
		return -EINVAL;
	if (!(source_offset + bytes == source->size && target_offset + bytes == target->size))
		bytes = round_down_block(bytes);
	if (source == target && target_offset + bytes > source_offset &&
	    target_offset < source_offset + bytes)
		return -EINVAL;
	if (!store_same_content(store, source, source_offset, target, target_offset, bytes, work))
		return 1;
	for (uint64_t at = 0; !ret && at < bytes; at += MAX_DEDUPE_BYTES)
		ret = store_clone(store, source, source_offset + at,
				  MIN(bytes - at, MAX_DEDUPE_BYTES), target, target_offset + at,
				  NULL, work);
	if (ret)
		return ret;
	*done = asked; /* vfs_dedupe_file_range() does not tell that it cut a tail off */
	return 0;
}

struct defrag {
	struct btrfs_store *store;
	struct store_inode *inode;
	uint32_t threshold;
	uint64_t target_end; /* of the last range of the list being made */
	uint64_t marked;
};

static uint64_t item_bytes_of(const struct item *item)
{
	return item_file_type(item) == STORE_INLINE ? BTRFS_SECTOR_BYTES
						    : (uint64_t)item_blocks(item) << SECTOR_SHIFT;
}

static uint64_t max_capacity(const struct defrag *d, const struct item *item)
{
	return item_compression(item) ? MAX_COMPRESSED_BYTES : d->store->options.max_extent_bytes;
}

/* defrag_check_next_extent(): is the next one worth joining with? */
static bool next_mergeable(struct defrag *d, const struct item *item)
{
	uint64_t end = (uint64_t)item_end(item) << SECTOR_SHIFT;
	struct path path = {0};
	struct item next;

	if (end >= d->inode->size || !items_find(d->store, d->inode, item_end(item), &path, &next))
		return false;
	return key_offset(next.key) == item_end(item) && item_file_type(&next) == STORE_REGULAR &&
	       next.a && item_bytes_of(&next) < max_capacity(d, item) &&
	       item_bytes_of(&next) < d->threshold;
}

static bool is_target(struct defrag *d, const struct item *item, uint64_t cur)
{
	uint64_t bytes = item_bytes_of(item);
	uint64_t end = (uint64_t)item_end(item) << SECTOR_SHIFT;

	if (item_file_type(item) == STORE_INLINE)
		return item->a > d->store->options.max_inline_bytes;
	if (!item->a || item_file_type(item) == STORE_PREALLOCATED)
		return false;
	if (delalloc_overlaps(d->inode, cur, end) || bytes >= d->threshold ||
	    bytes >= max_capacity(d, item))
		return false;
	return next_mergeable(d, item) || (d->target_end && d->target_end == cur);
}

static void add_target(struct defrag *d, uint64_t start, uint64_t end)
{
	uint64_t place;

	delalloc_set(d->store, d->inode, start, end, STORE_CONTENT_UNIQUE, true);
	for (uint64_t at = start; d->store->has_contents && at < end; at += BTRFS_SECTOR_BYTES)
		delalloc_set(d->store, d->inode, at, at + BTRFS_SECTOR_BYTES,
			     content_in_file(d->store, d->inode, at, &place), true);
	d->marked += end - start;
	d->target_end = end;
}

/* defrag_one_cluster() */
static void defrag_cluster(struct defrag *d, uint64_t start, uint64_t end)
{
	GArray *targets = g_array_new(FALSE, FALSE, sizeof(struct store_range));
	uint64_t cur = start;

	d->target_end = 0;
	while (cur < end) {
		struct path path = {0};
		struct item item;
		uint64_t from;

		if (!items_find(d->store, d->inode, (uint32_t)(cur >> SECTOR_SHIFT), &path, &item))
			break;
		from = (uint64_t)key_offset(item.key) << SECTOR_SHIFT;
		if (from > cur) {
			cur = from;
			continue;
		}
		if (is_target(d, &item, cur)) {
			struct store_range range = {
				.start = cur,
				.end = MIN((uint64_t)item_end(&item) << SECTOR_SHIFT, end)};

			g_array_append_val(targets, range);
			d->target_end = range.end;
		}
		cur = (uint64_t)item_end(&item) << SECTOR_SHIFT;
	}
	for (unsigned int i = 0; i < targets->len; i++)
		add_target(d, g_array_index(targets, struct store_range, i).start,
			   g_array_index(targets, struct store_range, i).end);
	g_array_free(targets, TRUE);
}

uint64_t store_defrag(struct btrfs_store *store, struct store_inode *inode, uint64_t start,
		      uint64_t bytes, uint32_t threshold, struct btrfs_work *work)
{
	struct defrag d = {.store = store,
			   .inode = inode,
			   .threshold = threshold ? threshold : DEFRAG_THRESHOLD};
	uint64_t cur = round_down_block(start), last = inode->size;

	store_enter(store, work);
	if (start + bytes > start)
		last = MIN(last, start + bytes);
	last = round_up_block(last);
	for (; cur < last; cur += DEFRAG_CLUSTER)
		defrag_cluster(&d, cur, MIN(cur + DEFRAG_CLUSTER, last));
	return d.marked;
}
