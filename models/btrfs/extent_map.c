/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The extent-map cache of an inode (6.12: fs/btrfs/extent_map.c). One map per file extent item that
 * was looked up. Plain neighbours that are contiguous in file and on disk are merged, encrypted
 * ones never; a map that is split shares its crypto info between the parts.
 */
#include "models/btrfs/internal.h"

#include <errno.h>

static gint compare_start(gconstpointer pa, gconstpointer pb, gpointer unused)
{
	uint32_t a = GPOINTER_TO_UINT(pa), b = GPOINTER_TO_UINT(pb);

	(void)unused;
	return a < b ? -1 : a > b;
}

void extent_map_tree_init(struct btrfs_inode *inode)
{
	inode->maps = g_tree_new_full(compare_start, NULL, NULL, NULL);
}

static uint64_t map_bytes(const struct btrfs_fs *fs, const struct extent_map *map)
{
	return machine_size(fs->machine, map->info ? SIZE_EXTENT_MAP_ENCRYPTED : SIZE_EXTENT_MAP);
}

void btrfs_account_extent_state(struct btrfs_fs *fs, int64_t bytes)
{
	fs->cached.bytes += (uint64_t)bytes;
	if (fs->cached.bytes <= fs->cached.bytes_max)
		return;
	fs->cached.bytes_max = fs->cached.bytes;
	fs->cached.maps_then = fs->cached.maps;
}

static void map_allocated(struct btrfs_fs *fs, const struct extent_map *map)
{
	fs->cached.maps++;
	btrfs_account_extent_state(fs, (int64_t)map_bytes(fs, map));
}

static void map_freed(struct btrfs_fs *fs, const struct extent_map *map)
{
	kernel_free(fs->machine, fs->site_map, map_bytes(fs, map));
	fs->cached.maps--;
	btrfs_account_extent_state(fs, -(int64_t)map_bytes(fs, map));
}

static uint32_t map_end(const struct extent_map *map)
{
	return map->start + map->blocks;
}

struct extent_map *extent_map_lookup(struct btrfs_inode *inode, uint32_t block)
{
	/* The last map that starts at or before the block is the one before the first beyond it. */
	GTreeNode *beyond = g_tree_upper_bound(inode->maps, GUINT_TO_POINTER(block));
	GTreeNode *node = beyond ? g_tree_node_previous(beyond) : g_tree_node_last(inode->maps);
	struct extent_map *map = node ? g_tree_node_value(node) : NULL;

	return map && block < map_end(map) ? map : NULL;
}

static struct extent_map *first_overlapping(struct btrfs_inode *inode, uint32_t start, uint32_t end)
{
	struct extent_map *map = extent_map_lookup(inode, start);
	GTreeNode *node;

	if (map)
		return map;
	node = g_tree_lower_bound(inode->maps, GUINT_TO_POINTER(start));
	map = node ? g_tree_node_value(node) : NULL;
	return map && map->start < end ? map : NULL;
}

static void link_map(struct btrfs_inode *inode, struct extent_map *map)
{
	g_tree_insert(inode->maps, GUINT_TO_POINTER(map->start), map);
}

static void forget_map(struct btrfs_inode *inode, struct extent_map *map)
{
	struct btrfs_fs *fs = inode->fs;

	g_tree_remove(inode->maps, GUINT_TO_POINTER(map->start));
	map_freed(fs, map);
	if (map->info && fs->crypt_ops)
		fs->crypt_ops->extent_put(fs->crypt, map->info, true);
	g_free(map);
}

/* The part of a map that stays when [from, to) of it is kept: a map of its own. The split runs
 * under a lock that forbids sleeping, so the allocation was made beforehand: it is only booked. */
static void keep_part(struct btrfs_inode *inode, const struct extent_map *whole, uint32_t from,
		      uint32_t to, struct fscrypt_extent_info *info)
{
	struct btrfs_fs *fs = inode->fs;
	struct extent_map *part = g_memdup2(whole, sizeof(*whole));

	part->start = from;
	part->blocks = to - from;
	part->extent_block += from - whole->start;
	part->info = info;
	kernel_charge_bytes(fs->machine, fs->site_map, map_bytes(fs, part));
	map_allocated(fs, part);
	link_map(inode, part);
}

static struct fscrypt_extent_info *split_info(struct btrfs_inode *inode,
					      struct fscrypt_extent_info *info)
{
	return info ? inode->fs->crypt_ops->extent_split(info) : NULL;
}

void extent_map_drop(struct btrfs_inode *inode, uint32_t start, uint32_t blocks)
{
	uint32_t end = start + blocks;
	struct extent_map *map;

	inode->map_changes++;
	while (blocks && (map = first_overlapping(inode, start, end))) {
		struct extent_map old = *map;
		struct fscrypt_extent_info *info = old.info; /* for the next part that stays */

		if (old.info)
			inode->fs->crypt_ops->extent_get(old.info);
		forget_map(inode, map);
		if (old.start < start) {
			keep_part(inode, &old, old.start, start, info);
			info = map_end(&old) > end ? split_info(inode, info) : NULL;
		}
		if (map_end(&old) > end) {
			keep_part(inode, &old, end, map_end(&old), info);
			info = NULL;
		}
		if (info)
			inode->fs->crypt_ops->extent_put(inode->fs->crypt, info, true);
	}
}

bool extent_map_release(struct btrfs_inode *inode, uint32_t start, uint32_t blocks)
{
	struct extent_map *map;

	while ((map = first_overlapping(inode, start, start + blocks))) {
		if (map->pinned)
			return false;
		forget_map(inode, map);
	}
	return true;
}

void extent_map_drop_all(struct btrfs_inode *inode)
{
	GTreeNode *node;

	while ((node = g_tree_node_first(inode->maps)))
		forget_map(inode, g_tree_node_value(node));
}

void extent_map_drop_unpinned(struct btrfs_inode *inode)
{
	GTreeNode *node = g_tree_node_first(inode->maps);

	inode->map_changes++;
	while (node) {
		struct extent_map *map = g_tree_node_value(node);

		node = g_tree_node_next(node);
		if (!map->pinned)
			forget_map(inode, map);
	}
}

void extent_map_drop_extents(struct btrfs_inode *inode, GHashTable *extents)
{
	GTreeNode *node = g_tree_node_first(inode->maps);

	inode->map_changes++;
	while (node) {
		struct extent_map *map = g_tree_node_value(node);

		node = g_tree_node_next(node);
		if (g_hash_table_contains(extents, GUINT_TO_POINTER(map->extent)))
			forget_map(inode, map);
	}
}

void extent_map_unpin(struct btrfs_inode *inode, uint32_t start, uint32_t blocks)
{
	uint32_t block = start, end = start + blocks;

	while (block < end) {
		struct extent_map *map = extent_map_lookup(inode, block);

		if (map)
			map->pinned = false;
		block = map ? map_end(map) : block + 1;
	}
}

static bool mergeable(const struct btrfs_fs *fs, const struct extent_map *a,
		      const struct extent_map *b)
{
	if (a->info || b->info || a->pinned || b->pinned || a->compressed || b->compressed)
		return false;
	if (a->kind != b->kind || map_end(a) != b->start)
		return false;
	if (a->kind == MAP_HOLE)
		return true;
	if (a->kind != MAP_REGULAR && a->kind != MAP_PREALLOC)
		return false;
	/* A merged map is read through its first extent, so only pieces of one extent are merged:
	 * two extents that happen to be neighbours on disk stay two maps here. */
	(void)fs;
	return a->extent == b->extent && a->extent_block + a->blocks == b->extent_block;
}

static struct extent_map *merge_neighbours(struct btrfs_inode *inode, struct extent_map *map)
{
	struct extent_map *before = map->start ? extent_map_lookup(inode, map->start - 1) : NULL;
	struct extent_map *after = extent_map_lookup(inode, map_end(map));

	if (after && mergeable(inode->fs, map, after)) {
		map->blocks += after->blocks;
		forget_map(inode, after);
	}
	if (before && mergeable(inode->fs, before, map)) {
		before->blocks += map->blocks;
		forget_map(inode, map);
		return before;
	}
	return map;
}

int extent_map_replace(struct kernel_task *task, struct btrfs_inode *inode,
		       const struct extent_map *from)
{
	struct btrfs_fs *fs = inode->fs;

	if (!kernel_alloc(task, fs->site_map, GFP_NOFS, map_bytes(fs, from)))
		return -ENOMEM;
	map_allocated(fs, from);
	kernel_run(task, COST_EXTENT_MAP_INSERT, 1);
	extent_map_drop(inode, from->start, from->blocks);
	link_map(inode, g_memdup2(from, sizeof(*from)));
	return 0;
}

static void map_from_item(const struct btrfs_store *store, const struct store_file_extent *item,
			  struct extent_map *map)
{
	map->start = block_of(item->file_offset);
	map->blocks = blocks_over(item->file_offset, MAX(item->bytes, 1));
	map->kind = item->type == STORE_INLINE	       ? MAP_INLINE
		    : item->type == STORE_PREALLOCATED ? MAP_PREALLOC
						       : MAP_REGULAR;
	map->extent = item->extent;
	map->extent_block = block_of(item->extent_offset);
	map->compressed = item->compression != 0;
	map->disk_blocks = item->extent ? block_of(store_extent_bytes(store, item->extent)) : 0;
	if (!item->extent && item->type != STORE_INLINE)
		map->kind = MAP_HOLE;
}

/* What the tree holds of an encrypted extent. */
struct found_context {
	bool encrypted;
	store_extent extent;
	struct btrfs_context context;
};

/* Finds the item that covers a block, or the hole around it. */
static void search_item(struct btrfs_inode *inode, uint32_t block, struct extent_map *map,
			struct found_context *found, struct btrfs_work *work)
{
	struct btrfs_store *store = inode->fs->store;
	struct store_file_extent item;
	struct store_walk walk;
	uint32_t end = MAX(block + 1, blocks_over(0, inode->store->size));

	*found = (struct found_context){.encrypted = false};
	*map = (struct extent_map){.start = block, .blocks = end - block, .kind = MAP_HOLE};
	store_walk_begin(&walk, store, inode->store, (uint64_t)block * KERNEL_BLOCK_BYTES, work);
	if (!store_walk_next(&walk, &item, work))
		return;
	if (block_of(item.file_offset) > block) {
		map->blocks = block_of(item.file_offset) - block;
		return;
	}
	map_from_item(store, &item, map);
	found->encrypted = item.encrypted;
	found->extent = item.extent;
	found->context = (struct btrfs_context){.present = item.context.present,
						.nonce = item.context.nonce,
						.key = item.context.key};
}

static int load_context(struct kernel_task *task, struct btrfs_inode *inode,
			const struct found_context *found, struct extent_map *map)
{
	struct btrfs_fs *fs = inode->fs;
	int err;

	/* Preallocated a moment ago: fallocate has yet to bind it. */
	if (!found->encrypted || !store_extent_tags(fs->store, found->extent).key)
		return 0;
	err = fs->crypt_ops->extent_load(task, fs->crypt, inode, found->extent, &found->context,
					 &map->info);
	return err ? btrfs_refuse(task, err, "an extent's key could not be set up") : 0;
}

/* Builds a map from the tree; the crypto info of one that has a context is set up here. */
static int build_map(struct kernel_task *task, struct btrfs_inode *inode, uint32_t block,
		     struct extent_map *map)
{
	struct btrfs_fs *fs = inode->fs;
	struct btrfs_work work = {0};
	struct found_context found;
	int err = 0;

	sim_path_enter(machine_sim(fs->machine), "btrfs_get_extent");
	kernel_down_read(task, &fs->tree_lock);
	search_item(inode, block, map, &found, &work);
	btrfs_charge(task, fs, &work);
	if (fs->config.load_locked)
		err = load_context(task, inode, &found, map);
	kernel_up_read(task, &fs->tree_lock);
	fs->count.map_loads++;
	if (!fs->config.load_locked)
		err = load_context(task, inode, &found, map);
	sim_path_leave(machine_sim(fs->machine));
	return err;
}

static void put_info(struct btrfs_fs *fs, struct fscrypt_extent_info *info)
{
	if (info)
		fs->crypt_ops->extent_put(fs->crypt, info, false);
}

/* merge_extent_mapping(): what is cached already is newer than the tree, so the map is cut to the gap
 * around the block. */
static void cut_to_gap(struct btrfs_inode *inode, uint32_t block, struct extent_map *map)
{
	GTreeNode *beyond = g_tree_upper_bound(inode->maps, GUINT_TO_POINTER(block));
	GTreeNode *node = beyond ? g_tree_node_previous(beyond) : g_tree_node_last(inode->maps);
	const struct extent_map *before = node ? g_tree_node_value(node) : NULL;
	const struct extent_map *after = beyond ? g_tree_node_value(beyond) : NULL;
	uint32_t start = map->start, end = map_end(map);

	if (before)
		start = MAX(start, map_end(before));
	if (after)
		end = MIN(end, after->start);
	map->extent_block += start - map->start;
	map->start = start;
	map->blocks = end - start;
}

static int load_map(struct kernel_task *task, struct btrfs_inode *inode, uint32_t block,
		    struct extent_map **out)
{
	struct btrfs_fs *fs = inode->fs;
	struct extent_map map, *added;

	/* The kernel holds the range's extent lock from the search on; here what was found is thrown
	 * away when the maps have changed since, and sought again. */
	for (;;) {
		uint64_t changes = inode->map_changes;
		int err = build_map(task, inode, block, &map);

		if (err)
			return err;
		if (!kernel_alloc(task, fs->site_map, GFP_NOFS, map_bytes(fs, &map))) {
			put_info(fs, map.info);
			return -ENOMEM;
		}
		map_allocated(fs, &map);
		kernel_run(task, COST_EXTENT_MAP_INSERT, 1);
		*out = extent_map_lookup(inode, block);
		if (!*out && inode->map_changes == changes)
			break;
		map_freed(fs, &map);
		put_info(fs, map.info);
		if (*out)
			return 0;
	}
	cut_to_gap(inode, block, &map);
	added = g_memdup2(&map, sizeof(map));
	link_map(inode, added);
	*out = merge_neighbours(inode, added);
	return 0;
}

int btrfs_load_extents(struct kernel_task *task, struct btrfs_inode *inode)
{
	uint32_t block = 0;
	int err = 0;

	while (!err && block < blocks_over(0, inode->store->size)) {
		struct extent_map *map;

		err = extent_map_get(task, inode, block, &map);
		block = err ? block : map->start + map->blocks;
	}
	return err;
}

int extent_map_get(struct kernel_task *task, struct btrfs_inode *inode, uint32_t block,
		   struct extent_map **map)
{
	kernel_run(task, COST_EXTENT_MAP_LOOKUP, 1);
	*map = extent_map_lookup(inode, block);
	return *map ? 0 : load_map(task, inode, block, map);
}

struct info_visit {
	void (*fn)(struct fscrypt_extent_info *info, void *arg);
	void *arg;
};

static gboolean visit_info(gpointer key, gpointer value, gpointer data)
{
	const struct info_visit *visit = data;
	const struct extent_map *map = value;

	(void)key;
	if (map->info)
		visit->fn(map->info, visit->arg);
	return FALSE;
}

void btrfs_for_each_info(struct btrfs_fs *fs, void (*fn)(struct fscrypt_extent_info *, void *),
			 void *arg)
{
	struct info_visit visit = {fn, arg};

	for (GList *link = fs->inodes.head; link; link = link->next)
		g_tree_foreach(((struct btrfs_inode *)link->data)->maps, visit_info, &visit);
}
