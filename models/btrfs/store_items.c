/* SPDX-License-Identifier: GPL-2.0-or-later */
/* File extent items: dropped, replaced, converted, truncated. 6.12: fs/btrfs/file.c, inode.c,
 * inode-item.c. */
#include "models/btrfs/ctree.h"

#include <errno.h>
#include <string.h>

struct item items_make_extent(const struct btrfs_store *store, uint32_t ino, uint32_t start,
			      uint32_t blocks, store_extent extent, uint32_t extent_start,
			      unsigned int type, bool encrypted)
{
	unsigned int compression =
		extent_of(store, extent)->ram_blocks ? STORE_COMPRESS_ZSTD : STORE_COMPRESS_NONE;

	return (struct item){
		.key = key_make(ino, ITEM_EXTENT, start),
		.a = extent,
		.b = store->generation,
		.c = file_word(blocks, type, compression, encrypted),
		.d = (uint16_t)extent_start,
		.bytes = (uint16_t)store->extent_item_bytes[encrypted],
	};
}

static bool separate_contexts(const struct btrfs_store *store)
{
	return store->options.context_layout == STORE_CONTEXT_SEPARATE;
}

struct item items_make_context(const struct btrfs_store *store, uint32_t ino, uint32_t block,
			       store_extent extent)
{
	const struct extent *record = extent_of(store, extent);
	struct item item = {.key = key_make(ino, ITEM_CONTEXT, block),
			    .a = extent,
			    .bytes = (uint16_t)store->options.context_bytes};

	if (contexts_faulty(store)) {
		item.b = (uint32_t)record->nonce;
		item.c = (uint32_t)(record->nonce >> 32);
		item.d = (uint16_t)record->key;
	}
	return item;
}

struct item *items_context_at(struct btrfs_store *store, uint32_t root, uint32_t ino,
			      uint32_t block)
{
	struct path path = {0};

	if (ctree_search(store, root_of(store, root), key_make(ino, ITEM_CONTEXT, block), &path, 0,
			 false))
		return NULL;
	return ctree_item(store, &path);
}

static int context_insert(struct btrfs_store *store, struct store_inode *inode,
			  const struct item *context)
{
	struct path path = {0};

	if (!separate_contexts(store))
		return 0;
	if (ctree_insert(store, root_of(store, inode->root), &path, context, 1)) {
		if (contexts_faulty(store)) /* btrfs_insert_empty_item() */
			return -EEXIST;
		ctree_item(store, &path)->a = context->a;
		store->work->items_changed++;
	}
	store->work->contexts_inserted++;
	return 0;
}

static void context_add(struct btrfs_store *store, struct store_inode *inode, uint32_t block,
			store_extent extent)
{
	struct item context = items_make_context(store, inode->ino, block, extent);

	context_insert(store, inode, &context);
}

void store_seal_context(struct btrfs_store *store, const struct store_inode *inode,
			uint64_t file_offset)
{
	struct item *context;

	store_enter(store, NULL);
	if (!contexts_faulty(store))
		return;
	context = items_context_at(store, inode->root, inode->ino,
				   (uint32_t)(file_offset >> SECTOR_SHIFT));
	if (context)
		*context =
			items_make_context(store, inode->ino, key_offset(context->key), context->a);
}

/* Removes the contexts of items that start in [start, end). */
void items_contexts_remove(struct btrfs_store *store, struct root *root, uint32_t ino,
			   uint32_t start, uint32_t end)
{
	if (!separate_contexts(store))
		return;
	for (;;) {
		struct path path = {0};
		const struct block *leaf;
		int slot, n = 0;

		ctree_search(store, root, key_make(ino, ITEM_CONTEXT, start), &path, -1, true);
		if (path.slots[0] >= block_of(store, path.nodes[0])->n) {
			if (!ctree_next_leaf(store, root, &path) ||
			    ctree_item(store, &path)->key >= key_make(ino, ITEM_CONTEXT, end))
				return;
			start = key_offset(ctree_item(store, &path)->key);
			continue;
		}
		leaf = block_of(store, path.nodes[0]);
		slot = path.slots[0];
		while (slot + n < leaf->n &&
		       leaf->items[slot + n].key < key_make(ino, ITEM_CONTEXT, end))
			n++;
		if (!n)
			return;
		store->work->contexts_deleted += (uint64_t)n;
		ctree_delete(store, root, &path, slot, n);
	}
}

static void call_copied(struct btrfs_store *store, const struct store_inode *inode,
			store_extent extent, uint32_t from, uint32_t to, uint32_t to_ino)
{
	const struct btrfs_store_hooks *hooks = store->options.hooks;

	if (hooks && hooks->copied)
		hooks->copied(store->options.hooks_arg, extent, inode->root, inode->ino,
			      (uint64_t)from << SECTOR_SHIFT, (uint64_t)to << SECTOR_SHIFT, to_ino);
}

/* State of one btrfs_drop_extents(). */
struct dropping {
	struct drop_extents *args;
	struct root *root;
	struct path path;
	int del_slot, del_n;
	uint32_t search_start;
	bool modify; /* the leaf was searched for deletion */
	bool recow;
	bool encrypted; /* some item touched carries a context */
	store_extent tail; /* encrypted extent that goes on at `end` */
	/* Where encrypted items that went whole began; the second is one past: 0 if there was none. */
	uint32_t first_whole, last_whole;
};

/* The range lies inside an item: it is cut at the start, and the loop goes on with its right part. */
static int drop_split(struct btrfs_store *store, struct store_inode *inode, struct dropping *d,
		      struct item *item)
{
	uint32_t start = d->args->start, from = key_offset(item->key);
	struct item *left, *right;

	if (ctree_duplicate(store, d->root, &d->path, key_make(inode->ino, ITEM_EXTENT, start)))
		return -EAGAIN;
	right = ctree_item(store, &d->path);
	left = right - 1;
	item_set_blocks(left, start - from);
	item_set_blocks(right, item_end(item) - start);
	right->d = (uint16_t)(right->d + start - from);
	if (item_has_extent(right))
		extent_add_ref(store, right->a, d->root->id, inode->ino, item_ref_offset(right));
	store->work->items_changed += 2;
	call_copied(store, inode, right->a, from, d->args->end, inode->ino);
	*item = *right;
	return 0;
}

/* The range covers the front of an item, whose key moves. */
static void drop_front(struct btrfs_store *store, struct store_inode *inode, struct dropping *d,
		       const struct item *seen)
{
	uint32_t end = d->args->end, cut = end - key_offset(seen->key);
	struct item *item;

	ctree_set_key(store, &d->path, key_make(inode->ino, ITEM_EXTENT, end));
	item = ctree_item(store, &d->path);
	item->d = (uint16_t)(item->d + (item_has_extent(item) ? cut : 0));
	item_set_blocks(item, item_blocks(item) - cut);
	if (item_encrypted(item))
		d->tail = item->a;
}

static void drop_whole(struct btrfs_store *store, struct store_inode *inode, struct dropping *d,
		       const struct item *item)
{
	if (!d->del_n)
		d->del_slot = d->path.slots[0];
	g_assert(d->del_slot + d->del_n == d->path.slots[0]);
	d->del_n++;
	if (item_encrypted(item)) {
		if (!d->last_whole)
			d->first_whole = key_offset(item->key);
		d->last_whole = key_offset(item->key) + 1;
	}
	if (item_has_extent(item))
		extent_drop_ref(store, item->a, d->root->id, inode->ino, item_ref_offset(item));
}

enum drop_step { DROP_DONE, DROP_NEXT_SLOT, DROP_SEARCH };

/* What is done about one item that overlaps the range. */
static enum drop_step drop_item(struct btrfs_store *store, struct store_inode *inode,
				struct dropping *d)
{
	uint32_t start = d->args->start, end = d->args->end, last;
	struct item item = *ctree_item(store, &d->path);

	d->encrypted |= item_encrypted(&item);
	last = item_end(&item);
	if (start > key_offset(item.key) && end < last && drop_split(store, inode, d, &item))
		return DROP_SEARCH;
	if (start <= key_offset(item.key) && end < last) {
		drop_front(store, inode, d, &item);
		return DROP_DONE;
	}
	d->search_start = last;
	if (start > key_offset(item.key)) {
		item_set_blocks(ctree_item(store, &d->path), start - key_offset(item.key));
		store->work->items_changed++;
		if (end == last)
			return DROP_DONE;
		d->path.slots[0]++;
		return DROP_NEXT_SLOT;
	}
	drop_whole(store, inode, d, &item);
	if (end == last)
		return DROP_DONE;
	if (d->path.slots[0] + 1 < block_of(store, d->path.nodes[0])->n) {
		d->path.slots[0]++;
		return DROP_NEXT_SLOT;
	}
	ctree_delete(store, d->root, &d->path, d->del_slot, d->del_n);
	d->del_n = d->del_slot = 0;
	return DROP_SEARCH;
}

/* Looks at slots until one calls for a new search, or the range is done. */
static enum drop_step drop_scan(struct btrfs_store *store, struct store_inode *inode,
				struct dropping *d)
{
	for (;;) {
		const struct block *leaf = block_of(store, d->path.nodes[0]);
		enum drop_step step;
		ctree_key key;

		if (d->path.slots[0] >= leaf->n) {
			g_assert(!d->del_n);
			if (!ctree_next_leaf(store, d->root, &d->path))
				return DROP_DONE;
			d->recow = true;
			leaf = block_of(store, d->path.nodes[0]);
		}
		key = leaf->items[d->path.slots[0]].key;
		if (key < key_make(inode->ino, ITEM_EXTENT, 0)) {
			d->path.slots[0]++;
			continue;
		}
		if (key >= key_make(inode->ino, ITEM_EXTENT, d->args->end))
			return DROP_DONE;
		if (item_end(&leaf->items[d->path.slots[0]]) <= d->search_start) {
			d->path.slots[0]++;
			continue;
		}
		d->search_start = MAX(key_offset(key), d->args->start);
		if (d->recow || !d->modify) {
			d->modify = true;
			return DROP_SEARCH;
		}
		step = drop_item(store, inode, d);
		if (step != DROP_NEXT_SLOT)
			return step;
	}
}

static void drop_search(struct btrfs_store *store, struct store_inode *inode, struct dropping *d)
{
	ctree_key key = key_make(inode->ino, ITEM_EXTENT, d->search_start);
	int ret;

	d->recow = false;
	ret = ctree_search(store, d->root, key, &d->path, d->modify ? -1 : 0, d->modify);
	if (ret && d->path.slots[0] > 0 && d->search_start == d->args->start) {
		key = block_of(store, d->path.nodes[0])->items[d->path.slots[0] - 1].key;
		if (key_ino(key) == inode->ino && key_type(key) == ITEM_EXTENT)
			d->path.slots[0]--;
	}
}

static void drop_insert(struct btrfs_store *store, struct dropping *d)
{
	struct drop_extents *args = d->args;
	const struct block *leaf = block_of(store, d->path.nodes[0]);

	if (!args->replace || !d->path.leaf_locked ||
	    leaf_free(store, leaf) < (int)(args->item_bytes + BTRFS_ITEM_HEADER_BYTES))
		return;
	if (!d->del_n && d->path.slots[0] < leaf->n &&
	    leaf->items[d->path.slots[0]].key < args->item->key)
		d->path.slots[0]++;
	ctree_insert_here(store, &d->path, args->item, 1);
	args->inserted = true;
}

/* btrfs_drop_extents() */
void items_drop_extents(struct btrfs_store *store, struct store_inode *inode,
			struct drop_extents *args)
{
	struct dropping d = {
		.args = args, .root = root_of(store, inode->root), .search_start = args->start};

	/* Behind the end nothing is expected: look before copying any block. */
	d.modify = args->replace || (uint64_t)args->start << SECTOR_SHIFT < inode->disk_size;
	do {
		drop_search(store, inode, &d);
	} while (drop_scan(store, inode, &d) == DROP_SEARCH);
	if (d.del_n) {
		d.path.slots[0] = d.del_slot;
		ctree_delete(store, d.root, &d.path, d.del_slot, d.del_n);
	}
	drop_insert(store, &d);
	/* As posted in v6, contexts go with items that go whole; a part that stays behind `end` gets
	 * none, and what was cut at its front leaves its own behind. */
	if (contexts_faulty(store)) {
		if (d.last_whole)
			items_contexts_remove(store, d.root, inode->ino, d.first_whole,
					      d.last_whole);
	} else if (d.encrypted) {
		items_contexts_remove(store, d.root, inode->ino, args->start, args->end);
		if (d.tail)
			context_add(store, inode, args->end, d.tail);
	}
}

/* The context of an item that took another's place: deleted and inserted, in its slot. */
static void context_replace(struct btrfs_store *store, struct store_inode *inode,
			    const struct item *item)
{
	struct item context = items_make_context(store, inode->ino, key_offset(item->key), item->a);
	struct path path = {0};
	ctree_key key = key_make(inode->ino, ITEM_CONTEXT, key_offset(item->key));

	if (!separate_contexts(store))
		return;
	if (!ctree_search(store, root_of(store, inode->root), key, &path, 0, true))
		*ctree_item(store, &path) = context;
	else
		context_insert(store, inode, &context);
	store->work->contexts_deleted++;
	store->work->contexts_inserted++;
}

static int insert_item(struct btrfs_store *store, struct store_inode *inode,
		       const struct item *item, bool inserted, const struct item *context)
{
	struct path path = {0};
	struct item own;

	if (!inserted)
		ctree_insert(store, root_of(store, inode->root), &path, item, 1);
	if (item_has_extent(item))
		extent_add_ref(store, item->a, inode->root, inode->ino, item_ref_offset(item));
	if (!item_encrypted(item))
		return 0;
	own = items_make_context(store, inode->ino, key_offset(item->key), item->a);
	if (context) {
		own = *context;
		own.key = key_make(inode->ino, ITEM_CONTEXT, key_offset(item->key));
	}
	return context_insert(store, inode, &own);
}

/*
 * The item at the path covers just the range: dropping and inserting come to putting the new one in
 * its slot, provided that the leaf would not have shrunk into its neighbours in between.
 */
static bool replace_in_slot(struct btrfs_store *store, struct store_inode *inode,
			    const struct item *item)
{
	struct root *root = root_of(store, inode->root);
	struct path path = {0};
	struct block *leaf;
	struct item *old;

	if (ctree_search(store, root, item->key, &path, 0, false))
		return false;
	leaf = block_of(store, path.nodes[0]);
	old = &leaf->items[path.slots[0]];
	if (!item_has_extent(old) || item_end(old) != item_end(item) || old->bytes != item->bytes ||
	    item_encrypted(old) != item_encrypted(item) ||
	    leaf_used(leaf) - old->bytes - BTRFS_ITEM_HEADER_BYTES < store->leaf_bytes / 3)
		return false;
	/* A search for deletion would balance a node that is nearly empty. */
	for (int level = 1; level < MAX_LEVEL && path.nodes[level]; level++)
		if (block_of(store, path.nodes[level])->n <= store->node_children / 4 &&
		    (path.nodes[level] != root->node || block_of(store, root->node)->n == 1))
			return false;
	for (int level = MAX_LEVEL - 1; level >= 0; level--) {
		if (!path.nodes[level])
			continue;
		path.nodes[level] =
			block_cow(store, root, path.nodes[level],
				  level + 1 < MAX_LEVEL ? path.nodes[level + 1] : 0,
				  level + 1 < MAX_LEVEL ? (unsigned int)path.slots[level + 1] : 0);
	}
	old = ctree_item(store, &path);
	extent_drop_ref(store, old->a, root->id, inode->ino, item_ref_offset(old));
	*old = *item;
	extent_add_ref(store, item->a, root->id, inode->ino, item_ref_offset(item));
	store->work->items_deleted++;
	store->work->items_inserted++;
	return true;
}

/* insert_reserved_file_extent() */
int items_replace(struct btrfs_store *store, struct store_inode *inode, const struct item *item)
{
	struct drop_extents drop = {.start = key_offset(item->key),
				    .end = item_end(item),
				    .replace = true,
				    .item_bytes = item->bytes,
				    .item = item};

	if (item_has_extent(item) && replace_in_slot(store, inode, item)) {
		if (item_encrypted(item))
			context_replace(store, inode, item);
		return 0;
	}
	items_drop_extents(store, inode, &drop);
	return insert_item(store, inode, item, drop.inserted, NULL);
}

/* btrfs_replace_file_extents() */
int items_replace_range(struct btrfs_store *store, struct store_inode *inode, uint32_t from,
			uint32_t end, const struct item *item, const struct item *context)
{
	struct drop_extents drop = {.start = from, .end = end};
	int ret = 0;

	items_drop_extents(store, inode, &drop);
	if (item)
		ret = insert_item(store, inode, item, false, context);
	store_queue_update(store, inode);
	return ret;
}

/* extent_mergeable(): a written neighbour that goes on in the same disk extent. */
static bool mergeable(const struct block *leaf, int slot, const struct item *of)
{
	const struct item *item;

	if (slot < 0 || slot >= leaf->n)
		return false;
	item = &leaf->items[slot];
	return key_ino(item->key) == key_ino(of->key) && item_has_extent(item) &&
	       item_file_type(item) == STORE_REGULAR && item->a == of->a &&
	       item_ref_offset(item) == item_ref_offset(of) && !item_compression(item) &&
	       item_encrypted(item) == item_encrypted(of);
}

static void set_written_range(struct btrfs_store *store, struct item *item, uint32_t blocks,
			      uint32_t extent_start)
{
	item->b = store->generation;
	item->d = (uint16_t)extent_start;
	item_set_blocks(item, blocks);
	store->work->items_changed++;
}

/* The cheap cases: the written part joins a written neighbour, only the border moves. */
static bool mark_by_moving(struct btrfs_store *store, struct store_inode *inode, struct path *path,
			   uint32_t start, uint32_t end)
{
	struct block *leaf = block_of(store, path->nodes[0]);
	int slot = path->slots[0];
	struct item *item = &leaf->items[slot];
	uint32_t from = key_offset(item->key), last = item_end(item),
		 origin = item_ref_offset(item);

	if (start == from && end < last && mergeable(leaf, slot - 1, item) &&
	    item_end(item - 1) == start) {
		ctree_set_key(store, path, key_make(inode->ino, ITEM_EXTENT, end));
		set_written_range(store, item, last - end, end - origin);
		set_written_range(store, item - 1, end - key_offset(item[-1].key), item[-1].d);
		return true;
	}
	if (start > from && end == last && mergeable(leaf, slot + 1, item) &&
	    key_offset(item[1].key) == end) {
		uint32_t other_end = item_end(item + 1);

		set_written_range(store, item, start - from, item->d);
		path->slots[0]++;
		ctree_set_key(store, path, key_make(inode->ino, ITEM_EXTENT, start));
		set_written_range(store, item + 1, other_end - start, start - origin);
		return true;
	}
	return false;
}

/* Cuts the item at the path so that one starts at `start` and ends at `end`. */
static bool mark_split(struct btrfs_store *store, struct store_inode *inode, struct path *path,
		       uint32_t start, uint32_t end)
{
	struct root *root = root_of(store, inode->root);
	bool split_any = false;

	for (;;) {
		struct item before = *ctree_item(store, path);
		uint32_t from = key_offset(before.key), last = item_end(&before);
		uint32_t split = from == start ? end : start;
		struct item *item;

		if (start == from && end == last)
			return split_any;
		ctree_duplicate(store, root, path, key_make(inode->ino, ITEM_EXTENT, split));
		item = ctree_item(store, path);
		set_written_range(store, item - 1, split - from, item[-1].d);
		set_written_range(store, item, last - split, split - item_ref_offset(&before));
		extent_add_ref(store, item->a, root->id, inode->ino, item_ref_offset(item));
		call_copied(store, inode, item->a, from, split, inode->ino);
		if (split != start)
			path->slots[0]--;
		split_any = true;
	}
}

/* Joins the item with written neighbours: returns false if the path must be searched again. */
static void mark_merge(struct btrfs_store *store, struct store_inode *inode, struct path *path,
		       bool right, bool left)
{
	struct root *root = root_of(store, inode->root);
	struct block *leaf = block_of(store, path->nodes[0]);
	int slot = path->slots[0], del_slot = slot, n = 0;
	struct item *item = &leaf->items[slot];
	uint32_t last = item_end(item);
	store_extent extent = item->a;
	uint32_t origin = item_ref_offset(item);

	if (right) {
		last = item_end(item + 1);
		del_slot = slot + 1;
		n++;
		extent_drop_ref(store, extent, root->id, inode->ino, origin);
	}
	if (left) {
		del_slot = slot;
		n++;
		extent_drop_ref(store, extent, root->id, inode->ino, origin);
	}
	item = &leaf->items[n ? del_slot - 1 : slot];
	item_set_file_type(item, STORE_REGULAR);
	set_written_range(store, item, last - key_offset(item->key), item->d);
	if (n)
		ctree_delete(store, root, path, del_slot, n);
}

static void mark_contexts(struct btrfs_store *store, struct store_inode *inode, uint32_t start,
			  uint32_t end)
{
	struct path path = {0};
	struct item item;
	store_extent at_start = 0, at_end = 0;

	if (!separate_contexts(store) || contexts_faulty(store))
		return;
	if (items_find(store, inode, start, &path, &item) && item_encrypted(&item) &&
	    key_offset(item.key) == start)
		at_start = item.a;
	if (items_find(store, inode, end, &path, &item) && item_encrypted(&item) &&
	    key_offset(item.key) == end)
		at_end = item.a;
	if (at_start)
		context_add(store, inode, start, at_start);
	else
		items_contexts_remove(store, root_of(store, inode->root), inode->ino, start,
				      start + 1);
	if (at_end)
		context_add(store, inode, end, at_end);
	else
		items_contexts_remove(store, root_of(store, inode->root), inode->ino, end, end + 1);
}

/* btrfs_mark_extent_written() */
void items_mark_written(struct btrfs_store *store, struct store_inode *inode, uint32_t start,
			uint32_t end)
{
	struct root *root = root_of(store, inode->root);
	bool encrypted;

	for (;;) {
		struct path path = {0};
		const struct block *leaf;
		bool split, right, left;
		int slot;

		if (ctree_search(store, root, key_make(inode->ino, ITEM_EXTENT, start), &path, -1,
				 true) &&
		    path.slots[0] > 0)
			path.slots[0]--;
		encrypted = item_encrypted(ctree_item(store, &path));
		g_assert(item_file_type(ctree_item(store, &path)) == STORE_PREALLOCATED);
		if (mark_by_moving(store, inode, &path, start, end))
			break;
		split = mark_split(store, inode, &path, start, end);
		leaf = block_of(store, path.nodes[0]);
		slot = path.slots[0];
		right = mergeable(leaf, slot + 1, &leaf->items[slot]) &&
			key_offset(leaf->items[slot + 1].key) == end;
		left = mergeable(leaf, slot - 1, &leaf->items[slot]) &&
		       item_end(&leaf->items[slot - 1]) == start;
		if (split && (right || left))
			continue;
		mark_merge(store, inode, &path, right, left);
		break;
	}
	if (encrypted)
		mark_contexts(store, inode, start, end);
}

bool items_find(struct btrfs_store *store, const struct store_inode *inode, uint32_t block,
		struct path *path, struct item *out)
{
	struct root *root = root_of(store, inode->root);

	if (ctree_search(store, root, key_make(inode->ino, ITEM_EXTENT, block), path, 0, false) &&
	    path->slots[0] > 0) {
		const struct item *before =
			&block_of(store, path->nodes[0])->items[path->slots[0] - 1];

		if (key_ino(before->key) == inode->ino && key_type(before->key) == ITEM_EXTENT &&
		    item_end(before) > block) {
			path->slots[0]--;
			*out = *before;
			return true;
		}
	}
	path->slots[0]--;
	return items_next(store, inode, path, out);
}

bool items_next(struct btrfs_store *store, const struct store_inode *inode, struct path *path,
		struct item *out)
{
	const struct item *item;

	path->slots[0]++;
	if (path->slots[0] >= block_of(store, path->nodes[0])->n &&
	    !ctree_next_leaf(store, root_of(store, inode->root), path))
		return false;
	item = ctree_item(store, path);
	if (key_ino(item->key) != inode->ino || key_type(item->key) != ITEM_EXTENT)
		return false;
	*out = *item;
	return true;
}

uint64_t items_map_end(struct btrfs_store *store, const struct store_inode *inode, uint64_t offset,
		       uint64_t end, struct item *item, bool *hole)
{
	struct path path = {0};
	struct item next;
	uint64_t last = end;

	*hole = true;
	if (!items_find(store, inode, (uint32_t)(offset >> SECTOR_SHIFT), &path, item))
		return last;
	if (key_offset(item->key) > offset >> SECTOR_SHIFT)
		return MIN((uint64_t)key_offset(item->key) << SECTOR_SHIFT, last);
	*hole = false;
	if (item_has_extent(item))
		__builtin_prefetch(extent_of(store, item->a)); /* to be dropped, or compared */
	last = (uint64_t)item_end(item) << SECTOR_SHIFT;
	next = *item;
	while (last < end && item_has_extent(&next) && !item_encrypted(&next)) {
		uint64_t disk_end =
			extent_block(extent_of(store, next.a)) + next.d + item_blocks(&next);
		unsigned int type = item_file_type(&next);

		if (!items_next(store, inode, &path, &next) || item_encrypted(&next) ||
		    (uint64_t)key_offset(next.key) << SECTOR_SHIFT != last ||
		    !item_has_extent(&next) || item_file_type(&next) != type ||
		    extent_block(extent_of(store, next.a)) + next.d != disk_end)
			break;
		last = (uint64_t)item_end(&next) << SECTOR_SHIFT;
	}
	return MIN(last, end);
}
