/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The structure as text, in the form in which a real btrfs was recorded. */
#include "models/btrfs/ctree.h"

#include <inttypes.h>
#include <string.h>

/* With more disk extents than this a dump lists only the shared ones, and no owners. */
#define DUMP_EXTENTS_MAX 64

struct store_dump {
	struct btrfs_store *store;
	uint32_t last_id;
};

struct owner {
	uint32_t root, ino;
	const char *path;
};

struct dump_file {
	GString *items;
	unsigned int n, inlined, prealloc, holes;
};

struct store_dump *store_dump_new(struct btrfs_store *store)
{
	struct store_dump *dump = g_new0(struct store_dump, 1);

	dump->store = store;
	return dump;
}

void store_dump_free(struct store_dump *dump)
{
	if (!dump)
		return;
	g_clear_pointer(&dump->store->dump_ids, g_free);
	dump->store->dump_ids_n = 0;
	g_free(dump);
}

static uint32_t dump_id(struct store_dump *dump, store_extent extent)
{
	struct btrfs_store *store = dump->store;

	if (extent >= store->dump_ids_n) {
		uint32_t n = MAX(store->n_extents, extent + 1);

		store->dump_ids = g_renew(uint32_t, store->dump_ids, n);
		memset(store->dump_ids + store->dump_ids_n, 0,
		       (n - store->dump_ids_n) * sizeof(uint32_t));
		store->dump_ids_n = n;
	}
	if (!store->dump_ids[extent])
		store->dump_ids[extent] = ++dump->last_id;
	return store->dump_ids[extent];
}

static void dump_item(struct store_dump *dump, struct dump_file *file,
		      const struct store_file_extent *item)
{
	g_string_append_printf(file->items, "%s[%" PRIu64 ",%" PRIu64 ",%d", file->n ? "," : "",
			       item->file_offset, item->bytes, (int)item->type);
	file->n++;
	if (item->type == STORE_INLINE) {
		file->inlined++;
		if (item->compression)
			g_string_append_printf(file->items, ",%" PRIu64 ",%d", item->ram_bytes,
					       item->compression);
	} else {
		file->prealloc += item->type == STORE_PREALLOCATED;
		file->holes += !item->extent;
		g_string_append_printf(file->items, ",%" PRIu32 ",%" PRIu64 ",%" PRIu64,
				       item->extent ? dump_id(dump, item->extent) : 0,
				       item->extent_offset, item->disk_bytes);
		if (item->compression)
			g_string_append_printf(file->items, ",%" PRIu64 ",%d", item->ram_bytes,
					       item->compression);
	}
	g_string_append_c(file->items, ']');
}

static void append_path(GString *out, const char *path)
{
	for (; *path; path++) {
		if (*path == '"' || *path == '\\')
			g_string_append_printf(out, "\\%c", *path);
		else if ((unsigned char)*path < ' ')
			g_string_append_printf(out, "\\u%04x", *path);
		else
			g_string_append_c(out, *path);
	}
}

static void dump_one_file(struct store_dump *dump, const char *path, struct store_inode *inode,
			  bool first, GString *out)
{
	struct dump_file file = {.items = g_string_new(NULL)};
	struct store_file_extent item;
	struct store_walk walk;

	store_walk_begin(&walk, dump->store, inode, 0, NULL);
	while (store_walk_next(&walk, &item, NULL))
		dump_item(dump, &file, &item);
	g_string_append(out, first ? "\n   \"" : ",\n   \"");
	append_path(out, path);
	g_string_append_printf(out,
			       "\":{\"size\":%" PRIu64 ",\"ext\":[%s],\"n\":%u,\"inline\":%u,"
			       "\"prealloc\":%u,\"holes\":%u}",
			       inode->size, file.items->str, file.n, file.inlined, file.prealloc,
			       file.holes);
	g_string_free(file.items, TRUE);
}

static void append_owner(GString *out, const GArray *owners, const struct store_ref *ref)
{
	const char *path = NULL;

	g_string_append(out, "[\"");
	if (ref->kind == STORE_REF_SHARED) {
		g_string_append_printf(out, "shared\",0,%" PRIu32 "]", ref->count);
		return;
	}
	for (unsigned int i = 0; i < owners->len && !path; i++) {
		const struct owner *owner = &g_array_index(owners, struct owner, i);

		if (owner->root == ref->root && owner->ino == ref->ino)
			path = owner->path;
	}
	if (path)
		append_path(out, path);
	else
		g_string_append_printf(out, "?%" PRIu32 "/%" PRIu32, ref->root, ref->ino);
	g_string_append_printf(out, "\",%" PRId64 ",%" PRIu32 "]", ref->offset, ref->count);
}

static void append_owners(GString *out, const struct btrfs_store *store, const GArray *owners,
			  store_extent extent)
{
	uint32_t cursor = 0;
	struct store_ref ref;
	bool first = true;

	g_string_append(out, ",[");
	for (; store_extent_ref(store, extent, &cursor, &ref); first = false) {
		if (!first)
			g_string_append_c(out, ',');
		append_owner(out, owners, &ref);
	}
	g_string_append_c(out, ']');
}

static void dump_disk(struct store_dump *dump, const GArray *owners, GString *out)
{
	const struct btrfs_store *store = dump->store;
	GArray *extents = store_extents_by_address(store);
	bool many = extents->len > DUMP_EXTENTS_MAX, first = true;
	uint64_t bytes = 0;

	for (guint i = 0; i < extents->len; i++)
		bytes += (uint64_t)extent_of(store, g_array_index(extents, store_extent, i))->blocks
			 << SECTOR_SHIFT;
	g_string_append_printf(out, ",\n  \"disk_n\":%u,\"disk_bytes\":%" PRIu64 ",\"disk\":[",
			       extents->len, bytes);
	for (guint i = 0; i < extents->len; i++) {
		store_extent nr = g_array_index(extents, store_extent, i);
		const struct extent *extent = extent_of(store, nr);

		if (many && extent->refs < 2)
			continue;
		g_string_append_printf(out, "%s[%" PRIu32 ",%" PRIu64 ",%" PRIu32, first ? "" : ",",
				       dump_id(dump, nr), (uint64_t)extent->blocks << SECTOR_SHIFT,
				       extent->refs);
		if (!many)
			append_owners(out, store, owners, nr);
		g_string_append_c(out, ']');
		first = false;
	}
	if (many)
		g_string_append(out, first ? "0" : ",0");
	g_string_append_c(out, ']');
	g_array_free(extents, TRUE);
}

void store_dump(struct store_dump *dump, const char *const *paths, size_t n, GString *out)
{
	GArray *owners = g_array_new(FALSE, FALSE, sizeof(struct owner));
	bool first = true;

	g_string_append(out, "  \"files\":{");
	for (size_t i = 0; i < n; i++) {
		struct store_inode *inode;
		struct owner owner;

		if (store_lookup(dump->store, paths[i], &inode, NULL))
			continue;
		if (!(inode->flags & STORE_DIRECTORY)) {
			owner = (struct owner){inode->root, inode->ino, paths[i]};
			g_array_append_val(owners, owner);
			dump_one_file(dump, paths[i], inode, first, out);
			first = false;
		}
		store_inode_put(dump->store, inode, NULL);
	}
	g_string_append_c(out, '}');
	dump_disk(dump, owners, out);
	g_array_free(owners, TRUE);
}
