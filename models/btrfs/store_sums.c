/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which blocks of disk extents have a checksum: what the checksum tree holds, which is not built.
 * Checksums come with the data (6.12: fs/btrfs/file-item.c, btrfs_csum_file_blocks()) and stay until
 * the whole extent is freed (btrfs_del_csums()), whatever part of it is still reached.
 */
#include "models/btrfs/ctree.h"

/* Blocks of an extent; sorted, disjoint, never touching. */
struct sum_range {
	uint32_t start, end;
};

static GArray *ranges_of(const struct btrfs_store *store, store_extent nr)
{
	return g_hash_table_lookup(store->sums, GUINT_TO_POINTER(nr));
}

static void merge(GArray *ranges, struct sum_range added)
{
	guint i = 0;

	while (i < ranges->len) {
		const struct sum_range *old = &g_array_index(ranges, struct sum_range, i);

		if (old->start > added.end)
			break;
		if (old->end < added.start) {
			i++;
			continue;
		}
		added.start = MIN(added.start, old->start);
		added.end = MAX(added.end, old->end);
		g_array_remove_index(ranges, i);
	}
	g_array_insert_val(ranges, i, added);
}

void extent_add_sums(struct btrfs_store *store, store_extent nr, uint32_t start, uint32_t blocks)
{
	struct extent *extent = extent_of(store, nr);
	struct sum_range added = {start, MIN(start + blocks, extent->blocks)};
	GArray *ranges = ranges_of(store, nr);

	if (extent->flags & EXTENT_SUMMED)
		return;
	if (!ranges) {
		ranges = g_array_new(FALSE, FALSE, sizeof(struct sum_range));
		g_hash_table_insert(store->sums, GUINT_TO_POINTER(nr), ranges);
	}
	merge(ranges, added);
	added = g_array_index(ranges, struct sum_range, 0);
	extent->flags |= EXTENT_SUMMED_PART;
	if (added.start || added.end < extent->blocks)
		return;
	extent_drop_sums(store, nr);
	extent->flags |= EXTENT_SUMMED;
}

void extent_copy_sums(struct btrfs_store *store, store_extent from, store_extent to)
{
	const GArray *ranges = ranges_of(store, from);

	extent_of(store, to)->flags |= extent_of(store, from)->flags & EXTENT_SUMMED;
	for (guint i = 0; ranges && i < ranges->len; i++) {
		struct sum_range range = g_array_index(ranges, struct sum_range, i);

		extent_add_sums(store, to, range.start, range.end - range.start);
	}
}

void extent_drop_sums(struct btrfs_store *store, store_extent nr)
{
	struct extent *extent = extent_of(store, nr);

	if (extent->flags & EXTENT_SUMMED_PART)
		g_hash_table_remove(store->sums, GUINT_TO_POINTER(nr));
	extent->flags &= (uint8_t) ~(EXTENT_SUMMED | EXTENT_SUMMED_PART);
}

uint32_t store_extent_sums(const struct btrfs_store *store, store_extent nr, uint32_t from,
			   uint32_t blocks)
{
	const struct extent *extent = extent_of(store, nr);
	uint32_t end = MIN(from + blocks, extent->blocks), summed = 0;
	const GArray *ranges;

	if (extent->flags & EXTENT_SUMMED)
		return end - MIN(from, end);
	ranges = extent->flags & EXTENT_SUMMED_PART ? ranges_of(store, nr) : NULL;
	for (guint i = 0; ranges && i < ranges->len; i++) {
		const struct sum_range *range = &g_array_index(ranges, struct sum_range, i);
		uint32_t start = MAX(from, range->start), stop = MIN(end, range->end);

		summed += stop > start ? stop - start : 0;
	}
	return summed;
}

void store_sums(const struct btrfs_store *store, uint64_t *plain, uint64_t *encrypted)
{
	*plain = *encrypted = 0;
	for (store_extent nr = 1; nr < store->n_extents; nr++) {
		const struct extent *extent = extent_of(store, nr);

		if (extent->flags & EXTENT_LIVE)
			*(extent->key ? encrypted : plain) +=
				store_extent_sums(store, nr, 0, extent->blocks);
	}
}
