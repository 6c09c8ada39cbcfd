/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Leaves: items pushed to neighbours, leaves split. 6.12: fs/btrfs/ctree.c. */
#include "models/btrfs/ctree.h"

#include <string.h>

static unsigned int item_space(const struct item *item)
{
	return item->bytes + BTRFS_ITEM_HEADER_BYTES;
}

/* leaf_space_used() of a part of the items. */
static unsigned int space_used(const struct block *leaf, int start, int n)
{
	unsigned int sum = 0;

	for (int i = start; i < start + n; i++)
		sum += item_space(&leaf->items[i]);
	return sum;
}

static void move_items(struct btrfs_store *store, struct block *to, int to_slot, struct block *from,
		       int from_slot, int n)
{
	unsigned int bytes = 0;

	for (int i = from_slot; i < from_slot + n; i++)
		bytes += from->items[i].bytes;
	store->tree_version++;
	block_reserve(to, (unsigned int)(to->n + n));
	memmove(to->items + to_slot + n, to->items + to_slot,
		(size_t)(to->n - to_slot) * sizeof(struct item));
	memcpy(to->items + to_slot, from->items + from_slot, (size_t)n * sizeof(struct item));
	memmove(from->items + from_slot, from->items + from_slot + n,
		(size_t)(from->n - from_slot - n) * sizeof(struct item));
	to->n = (uint16_t)(to->n + n);
	from->n = (uint16_t)(from->n - n);
	to->data_bytes = (uint16_t)(to->data_bytes + bytes);
	from->data_bytes = (uint16_t)(from->data_bytes - bytes);
	store->work->items_moved += (uint64_t)n;
}

/* How many items __push_leaf_right() takes from the end of the left leaf. */
static int count_push_right(struct btrfs_store *store, const struct path *path,
			    const struct block *left, int data_size, bool empty, int free_space,
			    uint32_t min_slot)
{
	int low = empty ? 0 : min_slot > 1 ? (int)min_slot : 1;
	int push_space = path->slots[0] >= left->n ? data_size : 0, push = 0;

	for (int i = left->n - 1; i >= low; i--) {
		int space = (int)item_space(&left->items[i]);

		if (!empty && push) {
			if (path->slots[0] > i)
				break;
			if (path->slots[0] == i &&
			    leaf_free(store, left) + push_space * 2 > free_space)
				break;
		}
		if (path->slots[0] == i)
			push_space += data_size;
		if (space + push_space > free_space)
			break;
		push++;
		push_space += space;
	}
	return push;
}

/* push_leaf_right(): true if something was pushed, or the insertion moved to the next leaf. */
bool leaf_push_right(struct btrfs_store *store, struct root *root, struct path *path,
		     int min_data_size, int data_size, bool empty, uint32_t min_slot)
{
	struct block *left = block_of(store, path->nodes[0]), *right, *upper;
	block_nr right_nr;
	int slot, free_space, push;

	if (!path->nodes[1])
		return false;
	slot = path->slots[1];
	upper = block_of(store, path->nodes[1]);
	if (slot >= upper->n - 1)
		return false;
	free_space = leaf_free(store, block_of(store, upper->children[slot + 1].block));
	if (free_space < data_size)
		return false;
	right_nr = block_cow(store, root, upper->children[slot + 1].block, path->nodes[1],
			     (unsigned int)slot + 1);
	right = block_of(store, right_nr);
	if (!left->n)
		return false;
	if (path->slots[0] == left->n && !empty) {
		/* What is to come at our end may as well be first there. */
		path->nodes[0] = right_nr;
		path->slots[0] = 0;
		path->slots[1]++;
		return true;
	}
	push = count_push_right(store, path, left, min_data_size, empty, free_space, min_slot);
	if (!push)
		return false;
	move_items(store, right, 0, left, left->n - push, push);
	block_trim(left);
	store->work->leaf_pushes++;
	upper->children[slot + 1].key = right->items[0].key;
	if (path->slots[0] >= left->n) {
		path->slots[0] -= left->n;
		path->nodes[0] = right_nr;
		path->slots[1]++;
	}
	return true;
}

static int count_push_left(struct btrfs_store *store, const struct path *path,
			   const struct block *right, int data_size, bool empty, int free_space,
			   uint32_t max_slot)
{
	int high = empty ? right->n : right->n - 1, push_space = 0, push = 0;

	if (high > 0 && max_slot < (uint32_t)high)
		high = (int)max_slot;
	for (int i = 0; i < high; i++) {
		int space = (int)item_space(&right->items[i]);

		if (!empty && push) {
			if (path->slots[0] < i)
				break;
			if (path->slots[0] == i &&
			    leaf_free(store, right) + push_space * 2 > free_space)
				break;
		}
		if (path->slots[0] == i)
			push_space += data_size;
		if (space + push_space > free_space)
			break;
		push++;
		push_space += space;
	}
	return push;
}

/* push_leaf_left() */
bool leaf_push_left(struct btrfs_store *store, struct root *root, struct path *path,
		    int min_data_size, int data_size, bool empty, uint32_t max_slot)
{
	struct block *right = block_of(store, path->nodes[0]), *left, *upper;
	block_nr left_nr;
	int slot, free_space, push, left_n;

	if (!path->nodes[1] || !path->slots[1] || !right->n)
		return false;
	slot = path->slots[1];
	upper = block_of(store, path->nodes[1]);
	free_space = leaf_free(store, block_of(store, upper->children[slot - 1].block));
	if (free_space < data_size)
		return false;
	left_nr = block_cow(store, root, upper->children[slot - 1].block, path->nodes[1],
			    (unsigned int)slot - 1);
	left = block_of(store, left_nr);
	push = count_push_left(store, path, right, min_data_size, empty, free_space, max_slot);
	if (!push)
		return false;
	left_n = left->n;
	move_items(store, left, left_n, right, 0, push);
	block_trim(right);
	store->work->leaf_pushes++;
	if (right->n)
		ctree_fixup_low_keys(store, path, right->items[0].key, 1);
	if (path->slots[0] < push) {
		path->slots[0] += left_n;
		path->nodes[0] = left_nr;
		path->slots[1]--;
	} else {
		path->slots[0] -= push;
	}
	return true;
}

/* push_for_double_split(): rather move items to both sides than end up with three leaves. */
static void push_for_double(struct btrfs_store *store, struct root *root, struct path *path,
			    int data_size)
{
	struct block *leaf = block_of(store, path->nodes[0]);
	int needed = data_size;

	if (path->slots[0] < leaf->n)
		needed -= leaf_free(store, leaf);
	leaf_push_right(store, root, path, 1, needed, false, (uint32_t)path->slots[0]);
	leaf = block_of(store, path->nodes[0]);
	if (path->slots[0] == 0 || path->slots[0] == leaf->n || leaf_free(store, leaf) >= data_size)
		return;
	needed = data_size - leaf_free(store, leaf);
	leaf_push_left(store, root, path, 1, needed, false, (uint32_t)path->slots[0]);
}

/* First try of split_leaf(): room by pushing to the right, else to the left. */
static bool push_before_split(struct btrfs_store *store, struct root *root, struct path *path,
			      int data_size)
{
	struct block *leaf = block_of(store, path->nodes[0]);
	int needed = data_size;

	if (path->slots[0] < leaf->n)
		needed -= leaf_free(store, leaf);
	if (!leaf_push_right(store, root, path, needed, needed, false, 0)) {
		needed = data_size;
		if (path->slots[0] > 0)
			needed -= leaf_free(store, leaf);
		leaf_push_left(store, root, path, needed, needed, false, UINT32_MAX);
	}
	return leaf_free(store, block_of(store, path->nodes[0])) >= data_size;
}

enum split_way {
	SPLIT_EMPTY, /* a new leaf for the new item alone */
	SPLIT_ONCE,
	SPLIT_TWICE, /* the new item does not fit with either half */
	SPLIT_PUSH, /* try push_for_double_split() first */
};

static enum split_way split_at_slot(struct btrfs_store *store, const struct block *leaf, int slot,
				    int data_size, bool tried, int *mid)
{
	*mid = slot;
	if (*mid == leaf->n ||
	    space_used(leaf, *mid, leaf->n - *mid) + (unsigned int)data_size <= store->leaf_bytes)
		return SPLIT_ONCE;
	return data_size && !tried ? SPLIT_PUSH : SPLIT_TWICE;
}

static enum split_way choose_split(struct btrfs_store *store, const struct block *leaf, int slot,
				   int data_size, bool extend, bool tried, int *mid)
{
	*mid = (leaf->n + 1) / 2;
	if (*mid <= slot) {
		if (leaf->n != 1 &&
		    space_used(leaf, *mid, leaf->n - *mid) + (unsigned int)data_size <=
			    store->leaf_bytes)
			return SPLIT_ONCE;
		if (slot >= leaf->n)
			return SPLIT_EMPTY;
		return split_at_slot(store, leaf, slot, data_size, tried, mid);
	}
	if (space_used(leaf, 0, *mid) + (unsigned int)data_size <= store->leaf_bytes)
		return SPLIT_ONCE;
	if (slot)
		return split_at_slot(store, leaf, slot, data_size, tried, mid);
	if (!extend && data_size)
		return SPLIT_EMPTY;
	*mid = 1;
	return SPLIT_ONCE;
}

static void split_empty(struct btrfs_store *store, struct root *root, struct path *path,
			ctree_key key, bool behind)
{
	block_nr nr = block_alloc(store, 0, root->id);

	node_insert_ptr(store, path, key, nr, path->slots[1] + behind, 1);
	path->nodes[0] = nr;
	path->slots[0] = 0;
	path->slots[1] += behind;
	if (!path->slots[1])
		ctree_fixup_low_keys(store, path, key, 1);
}

static void split_once(struct btrfs_store *store, struct root *root, struct path *path, int mid)
{
	block_nr right_nr = block_alloc(store, 0, root->id);
	struct block *leaf = block_of(store, path->nodes[0]), *right = block_of(store, right_nr);

	move_items(store, right, 0, leaf, mid, leaf->n - mid);
	block_trim(leaf);
	node_insert_ptr(store, path, right->items[0].key, right_nr, path->slots[1] + 1, 1);
	if (mid <= path->slots[0]) {
		path->nodes[0] = right_nr;
		path->slots[0] -= mid;
		path->slots[1]++;
	}
}

/* split_leaf(): room for `data_size` bytes at the path's slot; `extend`: in the item there. */
void leaf_split(struct btrfs_store *store, struct root *root, ctree_key key, struct path *path,
		int data_size, bool extend)
{
	bool tried = false;

	if (data_size && path->nodes[1] && push_before_split(store, root, path, data_size))
		return;
	if (!path->nodes[1])
		node_insert_root(store, root, path, 1);
	for (;;) {
		const struct block *leaf = block_of(store, path->nodes[0]);
		int mid, slot = path->slots[0];
		enum split_way way =
			choose_split(store, leaf, slot, data_size, extend, tried, &mid);

		if (way == SPLIT_PUSH) {
			push_for_double(store, root, path, data_size);
			tried = true;
			if (leaf_free(store, block_of(store, path->nodes[0])) >= data_size)
				return;
			continue;
		}
		store->work->leaf_splits++;
		if (way == SPLIT_EMPTY)
			split_empty(store, root, path, key, mid <= slot);
		else
			split_once(store, root, path, mid);
		if (way != SPLIT_TWICE)
			return;
	}
}
