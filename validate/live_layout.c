/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The layout of a mounted btrfs, from the items of its trees, as JSON in the form of recordings:
 * validate/data/btrfs/README.md. */
#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs_tree.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "validate/live.h"

/* Of simple quotas, since Linux 6.7; missing from older headers. */
#ifndef BTRFS_EXTENT_OWNER_REF_KEY
#define BTRFS_EXTENT_OWNER_REF_KEY 172
#endif

/* With more disk extents than this a dump lists only the shared ones, and no owners. */
enum { LISTED_EXTENTS_MAX = 64 };

/* A reference by the leaf that it is in has no root. */
struct reference {
	uint64_t root, inode;
	int64_t offset;
	uint32_t count;
};
struct disk_extent {
	uint64_t address, bytes, references, generation;
	GArray *by; /* struct reference */
};
struct layout {
	struct live_numbers *numbers;
	GPtrArray *extents; /* struct disk_extent *, by address */
	GHashTable *by_address; /* of the same */
	GHashTable *names; /* "root/inode" → path */
	bool data; /* the extent item last seen is of data */
	bool lost; /* an item points at no extent, or has a form that is not known */
};

/* ---- ids ---- */

struct live_numbers {
	GHashTable *ids;
};

struct live_numbers *live_numbers_new(void)
{
	struct live_numbers *numbers = g_new(struct live_numbers, 1);

	numbers->ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	return numbers;
}

void live_numbers_free(struct live_numbers *numbers)
{
	g_hash_table_destroy(numbers->ids);
	g_free(numbers);
}

/* The generation tells an extent from one that was at the same place before it. */
static unsigned int id_of(struct live_numbers *numbers, const struct disk_extent *extent)
{
	char *key =
		g_strdup_printf("%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT,
				extent->address, extent->bytes, extent->generation);
	unsigned int id = GPOINTER_TO_UINT(g_hash_table_lookup(numbers->ids, key));

	if (id) {
		g_free(key);
		return id;
	}
	id = g_hash_table_size(numbers->ids) + 1;
	g_hash_table_insert(numbers->ids, key, GUINT_TO_POINTER(id));
	return id;
}

/* ---- disk extents ---- */

static void disk_extent_free(void *data)
{
	struct disk_extent *extent = data;

	g_array_unref(extent->by);
	g_free(extent);
}

static struct disk_extent *last_extent(const struct layout *l)
{
	return l->extents->len ? l->extents->pdata[l->extents->len - 1] : NULL;
}

static void add_by_owner(struct layout *l, const guint8 *at)
{
	struct btrfs_extent_data_ref ref;
	struct reference by;

	memcpy(&ref, at, sizeof(ref));
	by = (struct reference){GUINT64_FROM_LE(ref.root), GUINT64_FROM_LE(ref.objectid),
				(int64_t)GUINT64_FROM_LE(ref.offset), GUINT32_FROM_LE(ref.count)};
	g_array_append_val(last_extent(l)->by, by);
}

static void add_by_leaf(struct layout *l, const guint8 *at)
{
	struct btrfs_shared_data_ref ref;
	struct reference by = {0};

	memcpy(&ref, at, sizeof(ref));
	by.count = GUINT32_FROM_LE(ref.count);
	g_array_append_val(last_extent(l)->by, by);
}

/* References within the extent item: a type byte, and for those by leaf and by owner of a simple quota
 * eight bytes before what is told. */
static void add_inline_references(struct layout *l, const guint8 *at, const guint8 *end)
{
	while (at < end) {
		guint8 type = *at++;

		if (type == BTRFS_EXTENT_DATA_REF_KEY) {
			add_by_owner(l, at);
			at += sizeof(struct btrfs_extent_data_ref);
		} else if (type == BTRFS_SHARED_DATA_REF_KEY) {
			add_by_leaf(l, at + sizeof(uint64_t));
			at += sizeof(uint64_t) + sizeof(struct btrfs_shared_data_ref);
		} else if (type == BTRFS_EXTENT_OWNER_REF_KEY) {
			at += sizeof(uint64_t);
		} else {
			l->lost = true;
			return;
		}
	}
}

static void add_extent(struct layout *l, const struct live_key *key, const guint8 *data,
		       uint32_t bytes)
{
	struct btrfs_extent_item item;
	struct disk_extent *extent;

	memcpy(&item, data, sizeof(item));
	l->data = GUINT64_FROM_LE(item.flags) & BTRFS_EXTENT_FLAG_DATA;
	if (!l->data)
		return;
	extent = g_new0(struct disk_extent, 1);
	extent->address = key->objectid;
	extent->bytes = key->offset;
	extent->references = GUINT64_FROM_LE(item.refs);
	extent->generation = GUINT64_FROM_LE(item.generation);
	extent->by = g_array_new(false, false, sizeof(struct reference));
	g_ptr_array_add(l->extents, extent);
	g_hash_table_insert(l->by_address, &extent->address, extent);
	add_inline_references(l, data + sizeof(item), data + bytes);
}

static void see_extent_item(void *arg, const struct live_key *key, const guint8 *data,
			    uint32_t bytes)
{
	struct layout *l = arg;
	const struct disk_extent *last = last_extent(l);

	if (key->type == BTRFS_EXTENT_ITEM_KEY)
		add_extent(l, key, data, bytes);
	else if (!l->data || !last || last->address != key->objectid)
		return;
	else if (key->type == BTRFS_EXTENT_DATA_REF_KEY)
		add_by_owner(l, data);
	else if (key->type == BTRFS_SHARED_DATA_REF_KEY)
		add_by_leaf(l, data);
}

static int read_extents(struct layout *l, int fd)
{
	const struct live_key first = {0}, last = {UINT64_MAX, UINT8_MAX, UINT64_MAX};

	return live_tree_search(fd, BTRFS_EXTENT_TREE_OBJECTID, first, &last, see_extent_item, l);
}

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static void append(json_t *list, uint64_t value)
{
	json_array_append_new(list, number(value));
}

static json_t *reference_json(const struct layout *l, const struct reference *by)
{
	g_autofree char *key =
		g_strdup_printf("%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT, by->root, by->inode);
	const char *name = g_hash_table_lookup(l->names, key);
	g_autofree char *unnamed = g_strdup_printf("?%s", key);

	return json_pack("[s,I,I]",
			 !by->root ? "shared"
			 : name	   ? name
				   : unnamed,
			 (json_int_t)by->offset, (json_int_t)by->count);
}

static json_t *disk_json(struct layout *l)
{
	json_t *disk = json_array();
	bool many = l->extents->len > LISTED_EXTENTS_MAX;

	for (guint i = 0; i < l->extents->len; i++) {
		const struct disk_extent *e = l->extents->pdata[i];
		json_t *one, *owners;

		if (many && e->references < 2)
			continue;
		one = json_pack("[I,I,I]", (json_int_t)id_of(l->numbers, e), (json_int_t)e->bytes,
				(json_int_t)e->references);
		json_array_append_new(disk, one);
		if (many)
			continue;
		owners = json_array();
		for (guint r = 0; r < e->by->len; r++)
			json_array_append_new(
				owners,
				reference_json(l, &g_array_index(e->by, struct reference, r)));
		json_array_append_new(one, owners);
	}
	if (many)
		append(disk, 0);
	return disk;
}

/* ---- files ---- */

struct file_layout {
	struct layout *layout;
	json_t *items;
	unsigned int inlined, prealloc, holes;
};

static void see_file_item(void *arg, const struct live_key *key, const guint8 *data, uint32_t bytes)
{
	struct file_layout *file = arg;
	struct btrfs_file_extent_item item = {0};
	json_t *one = json_array();

	memcpy(&item, data, MIN(bytes, sizeof(item)));
	append(one, key->offset);
	if (item.type == BTRFS_FILE_EXTENT_INLINE) {
		append(one, GUINT64_FROM_LE(item.ram_bytes));
		append(one, item.type);
		file->inlined++;
	} else {
		const struct disk_extent *extent = NULL;
		uint64_t address = GUINT64_FROM_LE(item.disk_bytenr);

		if (address) {
			extent = g_hash_table_lookup(file->layout->by_address, &address);
			file->layout->lost |= !extent;
		}
		append(one, GUINT64_FROM_LE(item.num_bytes));
		append(one, item.type);
		append(one, extent ? id_of(file->layout->numbers, extent) : 0);
		append(one, GUINT64_FROM_LE(item.offset));
		append(one, GUINT64_FROM_LE(item.disk_num_bytes));
		file->prealloc += item.type == BTRFS_FILE_EXTENT_PREALLOC;
		file->holes += !address;
	}
	if (item.compression) {
		append(one, GUINT64_FROM_LE(item.ram_bytes));
		append(one, item.compression);
	}
	json_array_append_new(file->items, one);
}

/* A file of several names goes by the first. */
static void note_owner(struct layout *l, uint64_t root, uint64_t inode, const char *name)
{
	char *key = g_strdup_printf("%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT, root, inode);

	if (g_hash_table_contains(l->names, key))
		g_free(key);
	else
		g_hash_table_insert(l->names, key, (void *)name);
}

static int read_file(struct layout *l, int fd, const char *name, json_t *files)
{
	struct file_layout file = {.layout = l, .items = json_array()};
	struct live_key low = {.type = BTRFS_EXTENT_DATA_KEY}, high = low;
	struct stat st;
	int rc = fstat(fd, &st) ? -errno : 0;

	if (!rc && !S_ISREG(st.st_mode)) {
		json_decref(file.items);
		return 0;
	}
	low.objectid = high.objectid = st.st_ino;
	high.offset = UINT64_MAX;
	if (!rc)
		rc = live_tree_search(fd, 0, low, &high, see_file_item, &file);
	note_owner(l, live_subvolume_of(fd), st.st_ino, name);
	json_object_set_new(
		files, name,
		json_pack("{s:I,s:O,s:I,s:i,s:i,s:i}", "size", (json_int_t)st.st_size, "ext",
			  file.items, "n", (json_int_t)json_array_size(file.items), "inline",
			  file.inlined, "prealloc", file.prealloc, "holes", file.holes));
	json_decref(file.items);
	return rc;
}

static int read_files(struct layout *l, const struct live_player *player, json_t *files)
{
	for (guint i = 0; i < player->tracked->len; i++) {
		const char *name = player->tracked->pdata[i];
		int fd = openat(player->root, name, O_RDONLY | O_CLOEXEC), rc;

		if (fd < 0 && errno == ENOENT)
			continue;
		rc = fd < 0 ? -errno : read_file(l, fd, name, files);
		if (fd >= 0)
			close(fd);
		if (rc)
			return rc;
	}
	return 0;
}

/* ---- a dump ---- */

static void set_disk(struct layout *l, json_t *step)
{
	uint64_t bytes = 0;

	for (guint i = 0; i < l->extents->len; i++)
		bytes += ((const struct disk_extent *)l->extents->pdata[i])->bytes;
	json_object_set_new(step, "disk_n", number(l->extents->len));
	json_object_set_new(step, "disk_bytes", number(bytes));
	json_object_set_new(step, "disk", disk_json(l));
}

int live_layout(const struct live_player *player, struct live_numbers *numbers, json_t *step)
{
	struct layout l = {
		.numbers = numbers,
		.extents = g_ptr_array_new_with_free_func(disk_extent_free),
		.by_address = g_hash_table_new(g_int64_hash, g_int64_equal),
		.names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
	};
	json_t *files = json_object();
	int rc = syncfs(player->root) ? -errno : read_extents(&l, player->root);

	if (!rc)
		rc = read_files(&l, player, files);
	json_object_set_new(step, "files", files);
	if (!rc)
		set_disk(&l, step);
	if (!rc && l.lost)
		rc = -EUCLEAN;
	g_hash_table_destroy(l.names);
	g_hash_table_destroy(l.by_address);
	g_ptr_array_unref(l.extents);
	return rc;
}
