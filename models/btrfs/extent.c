/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Disk extents and their references. Most extents have one owner (root, inode, offset), kept in the
 * record itself; others get a list. References take effect at once, where btrfs queues them as
 * delayed references until commit; what can be seen of the difference is in extent_only_ref().
 */
#include "models/btrfs/ctree.h"

#include <string.h>

#define PREFETCH_AHEAD 8 /* records of extents that die together lie far apart */

static uint32_t ref_take(struct btrfs_store *store)
{
	uint32_t nr = store->free_ref;

	if (nr) {
		store->free_ref = store->refs[nr].next;
		return nr;
	}
	if (!store->n_refs)
		store->n_refs = 1; /* 0 ends a list */
	if (store->n_refs >= store->refs_capacity) {
		store->refs_capacity += store->refs_capacity / 2 + 1024;
		store->refs = g_renew(struct extent_ref, store->refs, store->refs_capacity);
	}
	return store->n_refs++;
}

static void ref_release(struct btrfs_store *store, uint32_t nr)
{
	store->refs[nr].next = store->free_ref;
	store->free_ref = nr;
}

store_extent extent_new(struct btrfs_store *store, uint64_t physical_block, uint32_t blocks)
{
	store_extent nr = store->free_extent;
	struct extent *extent;

	if (nr) {
		store->free_extent = extent_of(store, nr)->next_free;
	} else {
		nr = store->n_extents++;
		if (!(nr & (EXTENT_CHUNK - 1))) {
			size_t chunks = (nr >> EXTENT_CHUNK_BITS) + 1;

			store->extents = g_renew(struct extent *, store->extents, chunks);
			store->extents[chunks - 1] = g_new0(struct extent, EXTENT_CHUNK);
			if (!nr)
				nr = store->n_extents++;
		}
	}
	extent = extent_of(store, nr);
	*extent = (struct extent){
		.start_low = (uint32_t)physical_block,
		.start_high = (uint32_t)(physical_block >> 32) & 255,
		.blocks = blocks & 0x1ffff,
		.flags = EXTENT_LIVE,
	};
	if (nr < store->dump_ids_n)
		store->dump_ids[nr] = 0;
	store->work->extents_born++;
	return nr;
}

void extent_release(struct btrfs_store *store, store_extent nr)
{
	struct extent *extent = extent_of(store, nr);
	const struct btrfs_store_hooks *hooks = store->options.hooks;

	g_assert(!extent->refs && (extent->flags & EXTENT_LIVE));
	if (hooks && hooks->freed)
		hooks->freed(store->options.hooks_arg, nr);
	extent_drop_sums(store, nr);
	content_forget(store, nr);
	extent_free_space(store, extent);
	memset(extent, 0, sizeof(*extent));
	extent->next_free = store->free_extent;
	store->free_extent = nr;
	store->work->extents_freed++;
}

static bool same_ref(const struct extent_ref *ref, uint32_t root, uint32_t ino, uint32_t offset)
{
	return ref->root == root && ref->ino == ino && ref->offset == offset;
}

/* An extent of an earlier transaction changes: remember what the extent tree says of it. */
static void note_change(struct btrfs_store *store, store_extent nr, struct extent *extent)
{
	if ((extent->flags & EXTENT_CHANGED) || extent->generation == store->generation)
		return;
	extent->flags |= EXTENT_CHANGED;
	if (extent->flags & EXTENT_MANY)
		extent->flags |= EXTENT_WAS_SHARED;
	g_array_append_val(store->changed, nr);
}

static void list_add(struct btrfs_store *store, struct extent *extent, uint32_t root, uint32_t ino,
		     uint32_t offset, uint32_t count)
{
	uint32_t nr = ref_take(store);

	store->refs[nr] = (struct extent_ref){
		.next = extent->many.head,
		.root = root,
		.ino = ino,
		.offset = offset,
		.count = count,
	};
	extent->many.head = nr;
	extent->many.count++;
}

static void make_list(struct btrfs_store *store, struct extent *extent)
{
	uint32_t root = extent->ref.root, ino = extent->ref.ino, offset = extent->ref.offset;

	extent->flags |= EXTENT_MANY;
	extent->many.head = extent->many.count = extent->many.spare = 0;
	list_add(store, extent, root, ino, offset, extent->refs);
}

void extent_add_ref(struct btrfs_store *store, store_extent nr, uint32_t root, uint32_t ino,
		    uint32_t offset)
{
	struct extent *extent = extent_of(store, nr);
	uint32_t i;

	store->work->data_refs++;
	store->refs_since_commit++;
	if (!extent->generation) {
		extent->generation = store->generation;
		store->live_extents++;
	}
	note_change(store, nr, extent);
	if (!extent->refs) {
		if (extent->flags & EXTENT_DYING)
			extent->flags |= EXTENT_WAS_SHARED; /* another owner is on record */
		extent->ref.root = root;
		extent->ref.ino = ino;
		extent->ref.offset = offset;
	} else if (!(extent->flags & EXTENT_MANY)) {
		if (extent->ref.root != root || extent->ref.ino != ino ||
		    extent->ref.offset != offset) {
			make_list(store, extent);
			list_add(store, extent, root, ino, offset, 1);
		}
	} else {
		for (i = extent->many.head; i; i = store->refs[i].next)
			if (same_ref(&store->refs[i], root, ino, offset))
				break;
		if (i)
			store->refs[i].count++;
		else
			list_add(store, extent, root, ino, offset, 1);
	}
	extent->refs++;
}

static void make_single(struct btrfs_store *store, struct extent *extent)
{
	uint32_t head = extent->many.head;
	struct extent_ref *last = &store->refs[head];

	extent->ref.root = last->root;
	extent->ref.ino = last->ino;
	extent->ref.offset = last->offset;
	extent->flags &= (uint8_t)~EXTENT_MANY;
	ref_release(store, head);
}

static void list_drop(struct btrfs_store *store, struct extent *extent, uint32_t root, uint32_t ino,
		      uint32_t offset)
{
	uint32_t *link = &extent->many.head, nr;

	while (*link && !same_ref(&store->refs[*link], root, ino, offset))
		link = &store->refs[*link].next;
	nr = *link;
	g_assert(nr);
	if (--store->refs[nr].count)
		return;
	/* The oldest owner leaves: the extent tree still names it until commit. */
	if (!store->refs[nr].next && (extent->flags & EXTENT_CHANGED))
		extent->flags |= EXTENT_WAS_SHARED;
	*link = store->refs[nr].next;
	ref_release(store, nr);
	if (!--extent->many.count) {
		extent->flags &= (uint8_t)~EXTENT_MANY;
		extent->many.head = 0;
	} else if (extent->many.count == 1) {
		make_single(store, extent);
	}
}

void extent_drop_ref(struct btrfs_store *store, store_extent nr, uint32_t root, uint32_t ino,
		     uint32_t offset)
{
	struct extent *extent = extent_of(store, nr);

	store->work->data_refs++;
	store->refs_since_commit++;
	g_assert(extent->refs > 0);
	/* An extent that goes is on the list of the dying; no need to be on this one too. */
	if (extent->refs > 1)
		note_change(store, nr, extent);
	if (extent->flags & EXTENT_MANY)
		list_drop(store, extent, root, ino, offset);
	else
		g_assert(extent->ref.root == root && extent->ref.ino == ino &&
			 extent->ref.offset == offset);
	if (!--extent->refs && !(extent->flags & EXTENT_DYING)) {
		extent->flags |= EXTENT_DYING;
		g_array_append_val(store->dying, nr);
	}
}

void extent_abandon(struct btrfs_store *store, store_extent nr)
{
	struct extent *extent = extent_of(store, nr);

	if (extent->refs || (extent->flags & EXTENT_DYING))
		return;
	extent->flags |= EXTENT_DYING;
	if (!extent->generation) {
		extent->generation = store->generation;
		store->live_extents++;
	}
	g_array_append_val(store->dying, nr);
}

bool extent_only_ref(const struct btrfs_store *store, store_extent nr, uint32_t root, uint32_t ino,
		     uint32_t offset)
{
	const struct extent *extent = extent_of(store, nr);

	return extent->refs && !(extent->flags & (EXTENT_MANY | EXTENT_WAS_SHARED)) &&
	       extent->ref.root == root && extent->ref.ino == ino && extent->ref.offset == offset;
}

void extents_commit(struct btrfs_store *store)
{
	for (unsigned int i = 0; i < store->changed->len; i++) {
		struct extent *extent =
			extent_of(store, g_array_index(store->changed, store_extent, i));

		extent->flags &= (uint8_t) ~(EXTENT_CHANGED | EXTENT_WAS_SHARED);
	}
	g_array_set_size(store->changed, 0);
	for (unsigned int i = 0; i < store->dying->len; i++) {
		store_extent nr = g_array_index(store->dying, store_extent, i);
		struct extent *extent = extent_of(store, nr);

		if (i + PREFETCH_AHEAD < store->dying->len)
			__builtin_prefetch(
				extent_of(store, g_array_index(store->dying, store_extent,
							       i + PREFETCH_AHEAD)));
		extent->flags &= (uint8_t)~EXTENT_DYING;
		if (!extent->refs) {
			store->live_extents--;
			extent_release(store, nr);
		}
	}
	g_array_set_size(store->dying, 0);
}

uint64_t store_extent_physical(const struct btrfs_store *store, store_extent extent)
{
	return extent_block(extent_of(store, extent)) << SECTOR_SHIFT;
}

uint64_t store_extent_bytes(const struct btrfs_store *store, store_extent extent)
{
	return (uint64_t)extent_of(store, extent)->blocks << SECTOR_SHIFT;
}

uint64_t store_extent_ram_bytes(const struct btrfs_store *store, store_extent extent)
{
	const struct extent *e = extent_of(store, extent);

	return (uint64_t)(e->ram_blocks ? e->ram_blocks : e->blocks) << SECTOR_SHIFT;
}

uint32_t store_extent_refs(const struct btrfs_store *store, store_extent extent)
{
	return extent_of(store, extent)->refs;
}

uint32_t store_extent_generation(const struct btrfs_store *store, store_extent extent)
{
	return extent_of(store, extent)->generation;
}

static struct store_ref ref_out(uint32_t root, uint32_t ino, uint32_t offset, uint32_t count)
{
	struct store_ref ref = {.kind = root ? STORE_REF_KEYED : STORE_REF_SHARED, .count = count};

	if (root) {
		ref.root = root;
		ref.ino = ino;
		ref.offset = (int64_t)(int32_t)offset * (int64_t)BTRFS_SECTOR_BYTES;
	} else {
		ref.leaf = ino;
	}
	return ref;
}

bool store_extent_ref(const struct btrfs_store *store, store_extent extent, uint32_t *cursor,
		      struct store_ref *out)
{
	const struct extent *e = extent_of(store, extent);
	uint32_t nr;

	if (!e->refs || *cursor == UINT32_MAX)
		return false;
	if (!(e->flags & EXTENT_MANY)) {
		*out = ref_out(e->ref.root, e->ref.ino, e->ref.offset, e->refs);
		*cursor = UINT32_MAX;
		return true;
	}
	nr = *cursor ? *cursor : e->many.head;
	*out = ref_out(store->refs[nr].root, store->refs[nr].ino, store->refs[nr].offset,
		       store->refs[nr].count);
	*cursor = store->refs[nr].next ? store->refs[nr].next : UINT32_MAX;
	return true;
}

struct store_extent_tags store_extent_tags(const struct btrfs_store *store, store_extent extent)
{
	const struct extent *e = extent_of(store, extent);

	return (struct store_extent_tags){
		.nonce = e->nonce,
		.key = e->key,
		.user = e->user,
		.rule = e->rule,
	};
}

void store_extent_set_tags(struct btrfs_store *store, store_extent extent,
			   struct store_extent_tags tags)
{
	struct extent *e = extent_of(store, extent);

	e->nonce = tags.nonce;
	e->key = tags.key;
	e->user = tags.user;
	e->rule = tags.rule;
}

store_extent store_extent_limit(const struct btrfs_store *store)
{
	return store->n_extents;
}
