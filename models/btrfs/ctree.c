/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Searching a tree, with what is split or balanced on the way down, and inserting and deleting
 * items. The rules are those of 6.12: fs/btrfs/ctree.c, whose function names the comments cite: the
 * number of items in each leaf must come out as on a disk, for references that appear when a leaf
 * is first copied after a snapshot depend on which items share it.
 */
#include "models/btrfs/ctree.h"

#include <errno.h>
#include <string.h>

/* Keys of one inode and type lie about evenly: a guess by rule of three, narrowed to a few slots
 * around it, touches far fewer cache lines than halving from the start. */
#define GUESS_ENTRIES_MIN 16
#define GUESS_REACH 6

/* Part of an array to be searched: [low, high). */
struct window {
	unsigned int low, high;
};

/* Where in `n` entries the key may be, if they run evenly from `first` to below `end`. */
static unsigned int guess_slot(unsigned int n, ctree_key key, ctree_key first, ctree_key end)
{
	if (n < GUESS_ENTRIES_MIN || key < first || key >= end || first >> 32 != end >> 32)
		return n / 2;
	return (unsigned int)((key - first) * n / (end - first));
}

static struct window leaf_window(const struct item *items, unsigned int n, ctree_key key,
				 unsigned int guess)
{
	struct window w = {0, n};

	if (n < GUESS_ENTRIES_MIN)
		return w;
	if (items[guess].key < key) {
		w.low = guess + 1;
		if (guess + GUESS_REACH < n && items[guess + GUESS_REACH].key >= key)
			w.high = guess + GUESS_REACH;
	} else {
		w.high = guess;
		if (items[guess].key == key)
			w.low = guess;
		else if (guess >= GUESS_REACH && items[guess - GUESS_REACH].key < key)
			w.low = guess - GUESS_REACH + 1;
	}
	return w;
}

/* First slot whose key is not below `key`; *exact tells whether it is equal. The leaf's keys run
 * from `first` to below `end`, as the node above tells; 0: not known. */
static int leaf_bin_search(const struct block *leaf, ctree_key key, ctree_key first, ctree_key end,
			   bool *exact)
{
	const struct item *items = leaf->items;
	struct window w;

	if (!end && leaf->n) {
		first = items[0].key;
		end = items[leaf->n - 1].key + 1;
	}
	w = leaf_window(items, leaf->n, key, guess_slot(leaf->n, key, first, end));
	while (w.low < w.high) {
		unsigned int mid = (w.low + w.high) / 2;

		if (items[mid].key < key)
			w.low = mid + 1;
		else
			w.high = mid;
	}
	*exact = w.low < leaf->n && items[w.low].key == key;
	return (int)w.low;
}

static int node_bin_search(const struct block *node, ctree_key key, bool *exact)
{
	const struct child *children = node->children;
	unsigned int low = 0, high = node->n;

	if (high >= GUESS_ENTRIES_MIN) {
		unsigned int guess =
			guess_slot(high, key, children[0].key, children[high - 1].key + 1);

		if (children[guess].key < key) {
			low = guess + 1;
			if (guess + GUESS_REACH < high && children[guess + GUESS_REACH].key >= key)
				high = guess + GUESS_REACH;
		} else {
			high = guess;
			if (guess >= GUESS_REACH && children[guess - GUESS_REACH].key < key)
				low = guess - GUESS_REACH + 1;
		}
	}
	while (low < high) {
		unsigned int mid = (low + high) / 2;

		if (children[mid].key < key)
			low = mid + 1;
		else
			high = mid;
	}
	*exact = low < node->n && children[low].key == key;
	return (int)low;
}

struct search {
	int ins_len;
	bool cow;
	bool extension; /* path->search_for_extension: `ins_len` counts no item header */
	bool for_split; /* path->search_for_split: full nodes are split, the leaf is left alone */
};

static void path_clear_above(struct path *path, int level)
{
	for (int i = level + 1; i < MAX_LEVEL; i++)
		path->nodes[i] = 0;
}

/* search_leaf(): finds the slot, and splits the leaf when what is to come does not fit. */
static int search_leaf(struct btrfs_store *store, struct root *root, ctree_key key,
		       struct path *path, const struct search *how)
{
	const struct block *above = path->nodes[1] ? block_of(store, path->nodes[1]) : NULL;
	ctree_key first = 0, end = 0;
	int ins_len = how->ins_len;
	struct block *leaf = block_of(store, path->nodes[0]);
	bool exact;

	if (above && path->slots[1] + 1 < above->n) {
		first = above->children[path->slots[1]].key;
		end = above->children[path->slots[1] + 1].key;
	}
	path->slots[0] = leaf_bin_search(leaf, key, first, end, &exact);
	if (ins_len > 0) {
		/* An item that is there grows: no new header. */
		if (exact && !how->extension)
			ins_len -= (int)BTRFS_ITEM_HEADER_BYTES;
		if (leaf_free(store, leaf) < ins_len)
			leaf_split(store, root, key, path, ins_len, exact);
	}
	return exact ? 0 : 1;
}

/* setup_nodes_for_search(). False: start again at the root. */
static bool prepare_node(struct btrfs_store *store, struct root *root, struct path *path, int level,
			 const struct search *how)
{
	unsigned int n = block_of(store, path->nodes[level])->n;

	if ((how->ins_len > 0 || how->for_split) && n >= store->node_children - 3)
		node_split(store, root, path, level);
	else if (how->ins_len < 0 && n < store->node_children / 2)
		return node_balance(store, root, path, level);
	return true;
}

static void cache_keep(struct btrfs_store *store, struct root *root, const struct path *path)
{
	struct search_cache *cache = &store->last_search;

	cache->root = root;
	cache->version = store->tree_version;
	cache->path = *path;
	cache->levels = block_of(store, root->node)->level + 1;
}

/* Would a search on this node do more than pass through? */
static bool node_is_plain(const struct btrfs_store *store, const struct root *root, block_nr nr,
			  const struct search *how)
{
	const struct block *block = block_of(store, nr);

	if (how->cow && block_must_cow(store, root, block))
		return false;
	if (!block->level)
		return true;
	if (how->ins_len > 0 || how->for_split)
		return block->n < store->node_children - 3;
	return how->ins_len == 0 || block->n > store->node_children / 4 ||
	       (nr == root->node && block->n > 1);
}

/* True if the last search's way leads to the leaf of `key` too, and nothing on it is to change. */
static bool cache_leads(struct btrfs_store *store, struct root *root, ctree_key key,
			struct path *path, const struct search *how)
{
	const struct search_cache *cache = &store->last_search;
	const struct block *leaf;

	if (cache->root != root || cache->version != store->tree_version)
		return false;
	leaf = block_of(store, cache->path.nodes[0]);
	if (!leaf->n || key < leaf->items[0].key || key > leaf->items[leaf->n - 1].key)
		return false;
	for (int level = 0; level < cache->levels; level++)
		if (!node_is_plain(store, root, cache->path.nodes[level], how))
			return false;
	*path = cache->path;
	store->work->levels += (uint64_t)cache->levels;
	return true;
}

static int search_down(struct btrfs_store *store, struct root *root, ctree_key key,
		       struct path *path, const struct search *how)
{
	block_nr nr;
	int level;

	store->work->searches++;
	if (cache_leads(store, root, key, path, how)) {
		path->leaf_locked = how->cow;
		return search_leaf(store, root, key, path, how);
	}
again:
	nr = root->node;
	level = block_of(store, nr)->level;
	path_clear_above(path, level);
	for (;;) {
		bool exact;
		int slot;

		store->work->levels++;
		if (how->cow) {
			bool top = level == MAX_LEVEL - 1 || !path->nodes[level + 1];

			nr = block_cow(store, root, nr, top ? 0 : path->nodes[level + 1],
				       top ? 0 : (unsigned int)path->slots[level + 1]);
		}
		path->nodes[level] = nr;
		if (!level) {
			path->leaf_locked = how->cow;
			cache_keep(store, root, path);
			return search_leaf(store, root, key, path, how);
		}
		slot = node_bin_search(block_of(store, nr), key, &exact);
		if (!exact && slot > 0)
			slot--;
		path->slots[level] = slot;
		if (!prepare_node(store, root, path, level, how))
			goto again;
		nr = block_of(store, path->nodes[level])->children[path->slots[level]].block;
		level--;
	}
}

int ctree_search(struct btrfs_store *store, struct root *root, ctree_key key, struct path *path,
		 int ins_len, bool cow)
{
	return search_down(store, root, key, path,
			   &(struct search){.ins_len = ins_len, .cow = cow});
}

int ctree_search_extend(struct btrfs_store *store, struct root *root, ctree_key key,
			struct path *path, int ins_len)
{
	return search_down(store, root, key, path,
			   &(struct search){.ins_len = ins_len, .cow = true, .extension = true});
}

bool ctree_next_leaf(struct btrfs_store *store, struct root *root, struct path *path)
{
	int level = 1;
	block_nr nr;

	(void)root;
	path->leaf_locked = false; /* btrfs_next_leaf() searches anew, for reading */
	while (level < MAX_LEVEL && path->nodes[level] &&
	       path->slots[level] + 1 >= block_of(store, path->nodes[level])->n)
		level++;
	if (level == MAX_LEVEL || !path->nodes[level])
		return false;
	nr = block_of(store, path->nodes[level])->children[++path->slots[level]].block;
	while (level--) {
		path->nodes[level] = nr;
		path->slots[level] = 0;
		if (level)
			nr = block_of(store, nr)->children[0].block;
	}
	store->work->leaves_walked++;
	return true;
}

struct item *ctree_item(struct btrfs_store *store, struct path *path)
{
	struct block *leaf = block_of(store, path->nodes[0]);

	g_assert(path->slots[0] < leaf->n);
	return &leaf->items[path->slots[0]];
}

void ctree_fixup_low_keys(struct btrfs_store *store, struct path *path, ctree_key key, int level)
{
	for (int i = level; i < MAX_LEVEL && path->nodes[i]; i++) {
		block_of(store, path->nodes[i])->children[path->slots[i]].key = key;
		if (path->slots[i])
			break;
	}
}

void ctree_set_key(struct btrfs_store *store, struct path *path, ctree_key key)
{
	struct block *leaf = block_of(store, path->nodes[0]);
	int slot = path->slots[0];

	g_assert(slot == 0 || leaf->items[slot - 1].key < key);
	g_assert(slot + 1 >= leaf->n || leaf->items[slot + 1].key > key);
	leaf->items[slot].key = key;
	store->work->items_changed++;
	if (slot == 0)
		ctree_fixup_low_keys(store, path, key, 1);
}

void leaf_count_items(struct btrfs_store *store, const struct block *leaf, bool add)
{
	for (unsigned int i = 0; i < leaf->n; i++) {
		enum item_type type = key_type(leaf->items[i].key);

		if (type == ITEM_EXTENT) {
			uint64_t extra =
				leaf->items[i].bytes > store->extent_item_bytes[0] &&
						item_encrypted(&leaf->items[i])
					? store->extent_item_bytes[1] - store->extent_item_bytes[0]
					: 0;

			store->file_extent_items += add ? 1 : (uint64_t)-1;
			store->context_item_bytes += add ? extra : -extra;
		} else if (type == ITEM_CONTEXT) {
			uint64_t bytes = BTRFS_ITEM_HEADER_BYTES + leaf->items[i].bytes;

			store->context_items += add ? 1 : (uint64_t)-1;
			store->context_item_bytes += add ? bytes : -bytes;
		}
	}
}

static void count_items(struct btrfs_store *store, const struct item *items, unsigned int n,
			bool add)
{
	struct block view = {.items = (struct item *)(uintptr_t)items, .n = (uint16_t)n};

	leaf_count_items(store, &view, add);
}

void ctree_insert_here(struct btrfs_store *store, struct path *path, const struct item *items,
		       unsigned int n)
{
	struct block *leaf = block_of(store, path->nodes[0]);
	unsigned int slot = (unsigned int)path->slots[0], bytes = 0;

	for (unsigned int i = 0; i < n; i++)
		bytes += items[i].bytes;
	g_assert(leaf_free(store, leaf) >= (int)(bytes + n * BTRFS_ITEM_HEADER_BYTES));
	g_assert(slot <= leaf->n);
	if (slot == 0)
		ctree_fixup_low_keys(store, path, items[0].key, 1);
	block_reserve(leaf, leaf->n + n);
	memmove(leaf->items + slot + n, leaf->items + slot, (leaf->n - slot) * sizeof(struct item));
	memcpy(leaf->items + slot, items, n * sizeof(struct item));
	leaf->n = (uint16_t)(leaf->n + n);
	leaf->data_bytes = (uint16_t)(leaf->data_bytes + bytes);
	count_items(store, items, n, true);
	store->work->items_inserted += n;
}

int ctree_insert(struct btrfs_store *store, struct root *root, struct path *path,
		 const struct item *items, unsigned int n)
{
	int bytes = (int)(n * BTRFS_ITEM_HEADER_BYTES);

	for (unsigned int i = 0; i < n; i++)
		bytes += items[i].bytes;
	if (!ctree_search(store, root, items[0].key, path, bytes, true))
		return -EEXIST;
	ctree_insert_here(store, path, items, n);
	return 0;
}

static void del_leaf(struct btrfs_store *store, struct root *root, struct path *path, block_nr leaf)
{
	node_del_ptr(store, root, path, 1, path->slots[1]);
	path->leaf_locked = false;
	block_unlink(store, leaf);
}

/* The second half of btrfs_del_items: a leaf below a third tries to empty itself. */
static void shrink_leaf(struct btrfs_store *store, struct root *root, struct path *path)
{
	block_nr nr = path->nodes[0];
	struct block *leaf = block_of(store, nr);
	int slot = path->slots[1];

	leaf_push_left(store, root, path, 0, (int)(BTRFS_ITEM_HEADER_BYTES + leaf->items[0].bytes),
		       true, UINT32_MAX);
	if (path->nodes[0] == nr && leaf->n)
		leaf_push_right(store, root, path, 0, (int)leaf_used(leaf), true, 0);
	if (!leaf->n) {
		path->slots[1] = slot;
		del_leaf(store, root, path, nr);
	}
}

void ctree_delete(struct btrfs_store *store, struct root *root, struct path *path, int slot, int n)
{
	block_nr nr = path->nodes[0];
	struct block *leaf = block_of(store, nr);

	g_assert(slot >= 0 && n > 0 && slot + n <= leaf->n);
	for (int i = slot; i < slot + n; i++)
		leaf->data_bytes = (uint16_t)(leaf->data_bytes - leaf->items[i].bytes);
	count_items(store, leaf->items + slot, (unsigned int)n, false);
	memmove(leaf->items + slot, leaf->items + slot + n,
		(size_t)(leaf->n - slot - n) * sizeof(struct item));
	leaf->n = (uint16_t)(leaf->n - n);
	store->work->items_deleted += (uint64_t)n;
	if (!leaf->n) {
		if (nr != root->node)
			del_leaf(store, root, path, nr);
		return;
	}
	if (slot == 0)
		ctree_fixup_low_keys(store, path, leaf->items[0].key, 1);
	if (leaf_used(leaf) < store->leaf_bytes / 3)
		shrink_leaf(store, root, path);
	else
		block_trim(leaf);
}

/* setup_leaf_for_split(): room for a copy of the item in its leaf. */
static int setup_leaf_for_split(struct btrfs_store *store, struct root *root, struct path *path,
				int ins_len)
{
	static const struct search for_split = {.cow = true, .for_split = true};
	struct block *leaf = block_of(store, path->nodes[0]);
	ctree_key key = leaf->items[path->slots[0]].key;

	if (leaf_free(store, leaf) >= ins_len)
		return 0;
	search_down(store, root, key, path, &for_split);
	leaf_split(store, root, key, path, ins_len, true);
	return 0;
}

int ctree_duplicate(struct btrfs_store *store, struct root *root, struct path *path, ctree_key key)
{
	struct item copy = *ctree_item(store, path);
	int ret;

	ret = setup_leaf_for_split(store, root, path, (int)(copy.bytes + BTRFS_ITEM_HEADER_BYTES));
	if (ret)
		return ret;
	copy.key = key;
	path->slots[0]++;
	ctree_insert_here(store, path, &copy, 1);
	return 0;
}

void ctree_resize(struct btrfs_store *store, struct path *path, unsigned int bytes)
{
	struct block *leaf = block_of(store, path->nodes[0]);
	struct item *item = &leaf->items[path->slots[0]];

	g_assert(leaf_free(store, leaf) >= (int)bytes - (int)item->bytes);
	leaf->data_bytes = (uint16_t)(leaf->data_bytes - item->bytes + bytes);
	item->bytes = (uint16_t)bytes;
	store->work->items_changed++;
}
