/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where data goes. Block groups hold extents of one size class (6.12: fs/btrfs/block-group.c); in a
 * group space is handed out upwards and comes back when the whole group is empty. btrfs reuses
 * single holes too: addresses here are plausible, not those of a recording.
 */
#include "models/btrfs/ctree.h"

#include <errno.h>

enum size_class { CLASS_NONE, CLASS_SMALL, CLASS_MEDIUM, CLASS_LARGE };

/* btrfs_calc_block_group_size_class() */
#define SMALL_BLOCKS (128u << 10 >> SECTOR_SHIFT)
#define MEDIUM_BLOCKS (8u << 20 >> SECTOR_SHIFT)
/* mkfs makes a first data group of 8 MiB behind its system and metadata groups; the kernel adds
 * groups of 1 GiB (BTRFS_MAX_DATA_CHUNK_SIZE caps at 10 GiB, a tenth of a small device below). */
#define FIRST_GROUP_BLOCK (13631488u >> SECTOR_SHIFT)
#define FIRST_GROUP_BLOCKS (8u << 20 >> SECTOR_SHIFT)
#define NEXT_GROUP_BLOCK (298844160u >> SECTOR_SHIFT)
#define GROUP_BLOCKS (1u << 30 >> SECTOR_SHIFT)

static enum size_class class_of(uint32_t blocks)
{
	return blocks <= SMALL_BLOCKS	 ? CLASS_SMALL
	       : blocks <= MEDIUM_BLOCKS ? CLASS_MEDIUM
					 : CLASS_LARGE;
}

static struct block_group *group_at(const struct btrfs_store *store, uint32_t nr)
{
	return &g_array_index(store->groups, struct block_group, nr);
}

static void add_group(struct btrfs_store *store)
{
	struct block_group group = {.start = FIRST_GROUP_BLOCK, .blocks = FIRST_GROUP_BLOCKS};

	if (store->groups->len) {
		group.start = store->next_group_start;
		group.blocks = GROUP_BLOCKS;
		store->next_group_start += GROUP_BLOCKS;
	} else {
		store->next_group_start = NEXT_GROUP_BLOCK;
	}
	g_array_append_val(store->groups, group);
}

static bool group_fits(const struct block_group *group, enum size_class class, uint32_t blocks)
{
	return !group->readonly && group->blocks - group->used_to >= blocks &&
	       (group->size_class == CLASS_NONE || group->size_class == class);
}

/* The group to allocate from: the last used of the class, else the first that fits, else new. */
static struct block_group *find_group(struct btrfs_store *store, enum size_class class,
				      uint32_t blocks)
{
	uint32_t nr = store->current_group[class];

	if (nr < store->groups->len && group_at(store, nr)->size_class == class &&
	    group_fits(group_at(store, nr), class, blocks))
		return group_at(store, nr);
	for (nr = 0; nr < store->groups->len; nr++)
		if (group_fits(group_at(store, nr), class, blocks))
			break;
	while (nr == store->groups->len) {
		add_group(store);
		if (!group_fits(group_at(store, nr), class, blocks))
			nr++;
	}
	store->current_group[class] = nr;
	return group_at(store, nr);
}

int extent_alloc(struct btrfs_store *store, uint32_t blocks, store_extent *out)
{
	uint64_t capacity = store->options.data_capacity_bytes >> SECTOR_SHIFT;
	enum size_class class = class_of(blocks);
	struct block_group *group;

	g_assert(blocks && blocks <= MAX_EXTENT_BLOCKS);
	if (capacity && store->data_blocks + blocks > capacity)
		return -ENOSPC;
	group = find_group(store, class, blocks);
	group->size_class = (uint8_t) class;
	*out = extent_new(store, group->start + group->used_to, blocks);
	group->used_to += blocks;
	group->live += blocks;
	store->data_blocks += blocks;
	return 0;
}

static struct block_group *group_of_block(const struct btrfs_store *store, uint64_t block)
{
	uint32_t low = 0, high = store->groups->len;

	while (high - low > 1) {
		uint32_t mid = (low + high) / 2;

		if (group_at(store, mid)->start <= block)
			low = mid;
		else
			high = mid;
	}
	return group_at(store, low);
}

bool extent_readonly(const struct btrfs_store *store, store_extent nr)
{
	return group_of_block(store, extent_block(extent_of(store, nr)))->readonly;
}

void extent_free_space(struct btrfs_store *store, const struct extent *extent)
{
	struct block_group *group = group_of_block(store, extent_block(extent));

	group->live -= extent->blocks;
	store->data_blocks -= extent->blocks;
	if (!group->live) {
		group->used_to = 0;
		group->size_class = CLASS_NONE;
	}
}
