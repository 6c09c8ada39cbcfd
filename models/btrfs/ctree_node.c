/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inner nodes: pointers inserted and deleted, nodes split, pushed and balanced. 6.12: ctree.c. */
#include "models/btrfs/ctree.h"

#include <string.h>

/* A node is never left with fewer children by a push that does not empty it. */
#define NODE_LEFT_MIN 8

static int min_int(int a, int b)
{
	return a < b ? a : b;
}

/* insert_ptr() */
void node_insert_ptr(struct btrfs_store *store, struct path *path, ctree_key key, block_nr nr,
		     int slot, int level)
{
	struct block *node = block_of(store, path->nodes[level]);

	g_assert(slot <= node->n && node->n < store->node_children);
	store->tree_version++;
	block_reserve(node, node->n + 1u);
	memmove(node->children + slot + 1, node->children + slot,
		(size_t)(node->n - slot) * sizeof(struct child));
	node->children[slot] = (struct child){.key = key, .block = nr};
	node->n++;
}

/* btrfs_del_ptr() */
void node_del_ptr(struct btrfs_store *store, struct root *root, struct path *path, int level,
		  int slot)
{
	struct block *node = block_of(store, path->nodes[level]);

	store->tree_version++;
	memmove(node->children + slot, node->children + slot + 1,
		(size_t)(node->n - slot - 1) * sizeof(struct child));
	node->n--;
	if (!node->n) {
		/* The last leaf of the tree is gone: the root turns into an empty leaf. */
		g_assert(path->nodes[level] == root->node && node->level == 1);
		g_free(node->items);
		node->items = NULL;
		node->capacity = 0;
		node->level = 0;
		store->n_nodes--;
		store->n_leaves++;
		return;
	}
	if (slot == 0)
		ctree_fixup_low_keys(store, path, node->children[0].key, level + 1);
	block_trim(node);
}

static ctree_key low_key(const struct block *block)
{
	return block->level ? block->children[0].key : block->items[0].key;
}

/* insert_new_root() */
void node_insert_root(struct btrfs_store *store, struct root *root, struct path *path, int level)
{
	block_nr lower = path->nodes[level - 1];
	block_nr nr = block_alloc(store, (unsigned int)level, root->id);
	struct block *node = block_of(store, nr);

	g_assert(lower == root->node);
	block_reserve(node, 1);
	node->children[0] = (struct child){.key = low_key(block_of(store, lower)), .block = lower};
	node->n = 1;
	root->node = nr;
	path->nodes[level] = nr;
	path->slots[level] = 0;
}

static void move_children(struct btrfs_store *store, struct block *to, int to_slot,
			  struct block *from, int from_slot, int n)
{
	store->tree_version++;
	block_reserve(to, (unsigned int)(to->n + n));
	memmove(to->children + to_slot + n, to->children + to_slot,
		(size_t)(to->n - to_slot) * sizeof(struct child));
	memcpy(to->children + to_slot, from->children + from_slot,
	       (size_t)n * sizeof(struct child));
	memmove(from->children + from_slot, from->children + from_slot + n,
		(size_t)(from->n - from_slot - n) * sizeof(struct child));
	to->n = (uint16_t)(to->n + n);
	from->n = (uint16_t)(from->n - n);
}

/* push_node_left(): false if nothing could be pushed. */
static bool push_left(struct btrfs_store *store, struct block *to, struct block *from, bool empty)
{
	int push = (int)store->node_children - to->n;

	if ((!empty && from->n <= NODE_LEFT_MIN) || push <= 0)
		return false;
	if (empty) {
		push = min_int(from->n, push);
		if (push < from->n && from->n - push < NODE_LEFT_MIN) {
			if (push <= NODE_LEFT_MIN)
				return false;
			push -= NODE_LEFT_MIN;
		}
	} else {
		push = min_int(from->n - NODE_LEFT_MIN, push);
	}
	move_children(store, to, to->n, from, 0, push);
	return true;
}

/* balance_node_right(): at most half of the left node goes right. */
static bool push_right(struct btrfs_store *store, struct block *to, struct block *from)
{
	int push = (int)store->node_children - to->n;
	int max_push = from->n / 2 + 1;

	if (push <= 0 || from->n < 4 || max_push >= from->n)
		return false;
	push = min_int(push, max_push);
	move_children(store, to, 0, from, from->n - push, push);
	return true;
}

static block_nr cow_sibling(struct btrfs_store *store, struct root *root, block_nr parent, int slot)
{
	return block_cow(store, root, block_of(store, parent)->children[slot].block, parent,
			 (unsigned int)slot);
}

static void set_parent_key(struct btrfs_store *store, block_nr parent, int slot,
			   const struct block *child)
{
	block_of(store, parent)->children[slot].key = child->children[0].key;
}

/* First half of push_nodes_for_insert(). */
static bool push_insert_left(struct btrfs_store *store, struct root *root, struct path *path,
			     int level)
{
	block_nr parent = path->nodes[level + 1], left_nr;
	int pslot = path->slots[level + 1], slot = path->slots[level], left_n;
	struct block *left, *mid;

	if (!pslot)
		return false;
	left_n = block_of(store, block_of(store, parent)->children[pslot - 1].block)->n;
	if (left_n >= (int)store->node_children - 1)
		return false;
	left_nr = cow_sibling(store, root, parent, pslot - 1);
	left = block_of(store, left_nr);
	mid = block_of(store, path->nodes[level]);
	if (!push_left(store, left, mid, false))
		return false;
	slot += left_n;
	set_parent_key(store, parent, pslot, mid);
	if (left->n > slot) {
		path->nodes[level] = left_nr;
		path->slots[level + 1]--;
		path->slots[level] = slot;
	} else {
		path->slots[level] = slot - left->n;
	}
	return true;
}

static bool push_insert_right(struct btrfs_store *store, struct root *root, struct path *path,
			      int level)
{
	block_nr parent = path->nodes[level + 1], right_nr;
	int pslot = path->slots[level + 1], slot = path->slots[level];
	struct block *right, *mid;

	if (pslot + 1 >= block_of(store, parent)->n)
		return false;
	right_nr = block_of(store, parent)->children[pslot + 1].block;
	if (block_of(store, right_nr)->n >= store->node_children - 1)
		return false;
	right_nr = cow_sibling(store, root, parent, pslot + 1);
	right = block_of(store, right_nr);
	mid = block_of(store, path->nodes[level]);
	if (!push_right(store, right, mid))
		return false;
	set_parent_key(store, parent, pslot + 1, right);
	if (mid->n <= slot) {
		path->nodes[level] = right_nr;
		path->slots[level + 1]++;
		path->slots[level] = slot - mid->n;
	}
	return true;
}

/* split_node() */
void node_split(struct btrfs_store *store, struct root *root, struct path *path, int level)
{
	block_nr nr, split_nr;
	struct block *node, *split;
	int mid;

	if (path->nodes[level] == root->node) {
		node_insert_root(store, root, path, level + 1);
	} else if (push_insert_left(store, root, path, level) ||
		   push_insert_right(store, root, path, level)) {
		if (block_of(store, path->nodes[level])->n < store->node_children - 3)
			return;
	}
	nr = path->nodes[level];
	mid = (block_of(store, nr)->n + 1) / 2;
	split_nr = block_alloc(store, (unsigned int)level, root->id);
	node = block_of(store, nr);
	split = block_of(store, split_nr);
	move_children(store, split, 0, node, mid, node->n - mid);
	block_trim(node);
	store->work->node_splits++;
	node_insert_ptr(store, path, split->children[0].key, split_nr, path->slots[level + 1] + 1,
			level + 1);
	if (path->slots[level] >= mid) {
		path->slots[level] -= mid;
		path->nodes[level] = split_nr;
		path->slots[level + 1]++;
	}
}

/* balance_level() of a root node with one child: the child becomes the root. */
static void lower_root(struct btrfs_store *store, struct root *root, struct path *path, int level)
{
	block_nr nr = path->nodes[level];
	block_nr child = block_cow(store, root, block_of(store, nr)->children[0].block, nr, 0);

	root->node = child;
	path->nodes[level] = 0;
	block_of(store, nr)->n = 0;
	block_unlink(store, nr);
}

/* The right neighbour's children come into the middle; an emptied one is freed. */
static void balance_right(struct btrfs_store *store, struct root *root, struct path *path,
			  int level, block_nr right_nr)
{
	block_nr parent = path->nodes[level + 1];
	int pslot = path->slots[level + 1];
	struct block *right = block_of(store, right_nr);

	push_left(store, block_of(store, path->nodes[level]), right, true);
	if (right->n) {
		set_parent_key(store, parent, pslot + 1, right);
		return;
	}
	node_del_ptr(store, root, path, level + 1, pslot + 1);
	block_unlink(store, right_nr);
}

static void balance_single(struct btrfs_store *store, struct block *mid, struct block *left)
{
	g_assert(left);
	if (!push_right(store, mid, left))
		push_left(store, left, mid, true);
}

/* balance_level() */
bool node_balance(struct btrfs_store *store, struct root *root, struct path *path, int level)
{
	block_nr mid_nr = path->nodes[level], parent, left_nr = 0, right_nr = 0;
	int slot = path->slots[level], pslot;
	struct block *mid, *left = NULL;

	if (mid_nr == root->node) {
		if (block_of(store, mid_nr)->n != 1)
			return true;
		lower_root(store, root, path, level);
		return false;
	}
	if (block_of(store, mid_nr)->n > store->node_children / 4)
		return true;
	parent = path->nodes[level + 1];
	pslot = path->slots[level + 1];
	if (pslot)
		left_nr = cow_sibling(store, root, parent, pslot - 1);
	if (pslot + 1 < block_of(store, parent)->n)
		right_nr = cow_sibling(store, root, parent, pslot + 1);
	mid = block_of(store, mid_nr);
	if (left_nr) {
		left = block_of(store, left_nr);
		slot += left->n;
		push_left(store, left, mid, true);
	}
	if (right_nr)
		balance_right(store, root, path, level, right_nr);
	if (mid->n == 1)
		balance_single(store, mid, left);
	if (!mid->n) {
		node_del_ptr(store, root, path, level + 1, pslot);
		block_unlink(store, mid_nr);
	} else {
		set_parent_key(store, parent, pslot, mid);
	}
	if (!left)
		return true;
	if (left->n > slot) {
		path->nodes[level] = left_nr;
		path->slots[level + 1]--;
		path->slots[level] = slot;
	} else {
		path->slots[level] = slot - left->n;
	}
	return true;
}
