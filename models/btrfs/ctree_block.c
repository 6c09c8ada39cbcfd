/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tree blocks: the table of them, copy on write, and what copying does to references.
 *
 * A block that nobody else refers to is "copied" by changing its generation in place: the old copy
 * would be freed with the transaction anyway. Only a shared block is duplicated.
 */
#include "models/btrfs/ctree.h"

#include <stdlib.h>
#include <string.h>

/* Entries are allocated in steps, so that ten million items cost little more than their sum. */
#define LEAF_STEP 16u
#define NODE_STEP 32u

static size_t entry_bytes(const struct block *block)
{
	return block->level ? sizeof(struct child) : sizeof(struct item);
}

static void block_set_capacity(struct block *block, unsigned int capacity)
{
	block->items = g_realloc(block->items, capacity * entry_bytes(block));
	block->capacity = (uint16_t)capacity;
}

void block_reserve(struct block *block, unsigned int n)
{
	unsigned int step = block->level ? NODE_STEP : LEAF_STEP;

	if (n > block->capacity)
		block_set_capacity(block, (n + step - 1) / step * step);
}

void block_trim(struct block *block)
{
	unsigned int step = block->level ? NODE_STEP : LEAF_STEP;

	if (block->n && block->capacity > block->n + 2 * step)
		block_set_capacity(block, (block->n + step - 1) / step * step);
}

static block_nr block_take(struct btrfs_store *store)
{
	block_nr nr = store->free_block;

	if (nr) {
		store->free_block = block_of(store, nr)->next_free;
		return nr;
	}
	nr = store->n_blocks++;
	if (!(nr & (BLOCK_CHUNK - 1))) {
		size_t chunks = (nr >> BLOCK_CHUNK_BITS) + 1;

		store->blocks = g_renew(struct block *, store->blocks, chunks);
		store->blocks[chunks - 1] = g_new0(struct block, BLOCK_CHUNK);
		if (!nr)
			nr = store->n_blocks++; /* 0 is no block */
	}
	return nr;
}

block_nr block_alloc(struct btrfs_store *store, unsigned int level, uint32_t owner)
{
	block_nr nr = block_take(store);
	struct block *block = block_of(store, nr);

	*block = (struct block){
		.generation = store->generation,
		.owner = owner,
		.refs = 1,
		.level = (uint8_t)level,
	};
	if (level)
		store->n_nodes++;
	else
		store->n_leaves++;
	store->n_dirty++;
	store->work->tree_refs++;
	store->tree_version++;
	return nr;
}

void block_free(struct btrfs_store *store, block_nr nr)
{
	struct block *block = block_of(store, nr);

	g_assert(block->refs == 0);
	store->tree_version++;
	g_free(block->items);
	if (block->level) {
		store->n_nodes--;
		store->work->nodes_freed++;
	} else {
		store->n_leaves--;
		store->work->leaves_freed++;
	}
	store->n_dirty -= block->generation == store->generation;
	store->work->tree_refs++;
	block->next_free = store->free_block;
	block->n = block->capacity = 0;
	store->free_block = nr;
}

void block_dirty(struct btrfs_store *store, struct block *block)
{
	store->n_dirty += block->generation != store->generation;
	block->generation = store->generation;
}

static void leaf_mod_ref(struct btrfs_store *store, block_nr nr, bool full, bool add)
{
	struct block *leaf = block_of(store, nr);

	for (unsigned int i = 0; i < leaf->n; i++) {
		const struct item *item = &leaf->items[i];
		uint32_t root = full ? 0 : leaf->owner;
		uint32_t ino = full ? nr : key_ino(item->key);
		uint32_t offset = full ? 0 : key_offset(item->key) - item->d;

		if (!item_has_extent(item))
			continue;
		if (add)
			extent_add_ref(store, item->a, root, ino, offset);
		else
			extent_drop_ref(store, item->a, root, ino, offset);
	}
}

void block_mod_ref(struct btrfs_store *store, block_nr nr, bool full, bool add)
{
	struct block *block = block_of(store, nr);

	if (!block->level) {
		leaf_mod_ref(store, nr, full, add);
		return;
	}
	/* Of tree blocks only the number of references is kept: full and keyed count alike. */
	for (unsigned int i = 0; i < block->n; i++) {
		struct block *child = block_of(store, block->children[i].block);

		if (add) {
			child->refs++;
		} else {
			g_assert(child->refs > 1);
			child->refs--;
		}
	}
	store->work->tree_refs += block->n;
}

/* Turns the references that the block holds by itself into keyed ones of `owner`. */
static void block_unfull(struct btrfs_store *store, block_nr nr, uint32_t owner)
{
	struct block *block = block_of(store, nr);

	block->owner = owner;
	if (!block->level) {
		leaf_mod_ref(store, nr, false, true);
		leaf_mod_ref(store, nr, true, false);
	} else {
		store->work->tree_refs += 2 * block->n;
	}
	block->flags &= (uint8_t)~BLOCK_FULL_BACKREF;
}

static block_nr block_duplicate(struct btrfs_store *store, block_nr nr, uint32_t owner)
{
	block_nr copy_nr = block_alloc(store, block_of(store, nr)->level, owner);
	struct block *block = block_of(store, nr), *copy = block_of(store, copy_nr);

	block_reserve(copy, block->n);
	if (block->n)
		memcpy(copy->items, block->items, block->n * entry_bytes(block));
	copy->n = block->n;
	copy->data_bytes = block->data_bytes;
	if (!block->level)
		leaf_count_items(store, copy, true);
	return copy_nr;
}

/* The shared case of update_ref_for_cow: the old block goes on to live in other trees. */
static block_nr block_cow_shared(struct btrfs_store *store, struct root *root, block_nr nr)
{
	block_nr copy = block_duplicate(store, nr, root->id);
	struct block *block = block_of(store, nr);

	if (block->owner == root->id && !(block->flags & BLOCK_FULL_BACKREF)) {
		/* The copy takes over the keyed references, the old block gets its own. */
		block_mod_ref(store, nr, true, true);
		block->flags |= BLOCK_FULL_BACKREF;
	} else {
		block_mod_ref(store, copy, false, true);
	}
	block->refs--;
	return copy;
}

bool block_must_cow(const struct btrfs_store *store, const struct root *root,
		    const struct block *block)
{
	return block->generation != store->generation || (block->flags & BLOCK_RELOC) ||
	       root->force_cow == store->generation;
}

block_nr block_cow(struct btrfs_store *store, struct root *root, block_nr nr, block_nr parent,
		   unsigned int parent_slot)
{
	struct block *block = block_of(store, nr);

	if (!block_must_cow(store, root, block))
		return nr;
	if (block->level)
		store->work->nodes_cowed++;
	else
		store->work->leaves_cowed++;
	store->work->tree_refs += 2;
	if (block->refs > 1) {
		nr = block_cow_shared(store, root, nr);
		block = block_of(store, nr);
		if (parent)
			block_of(store, parent)->children[parent_slot].block = nr;
		else
			root->node = nr;
	} else {
		if (block->flags & BLOCK_FULL_BACKREF)
			block_unfull(store, nr, root->id);
		block->owner = root->id;
	}
	block_dirty(store, block);
	block->flags &= (uint8_t)~BLOCK_RELOC;
	return nr;
}

block_nr block_copy_root(struct btrfs_store *store, struct root *root, uint32_t new_owner)
{
	block_nr copy = block_duplicate(store, root->node, new_owner);

	block_mod_ref(store, copy, false, true);
	return copy;
}

void block_unlink(struct btrfs_store *store, block_nr nr)
{
	struct block *block = block_of(store, nr);

	g_assert(block->refs == 1);
	block->refs = 0;
	block_free(store, nr);
}
