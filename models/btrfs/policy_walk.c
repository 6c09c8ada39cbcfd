/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Walks of a directory tree: by a program, name by name, and in the kernel, inode by inode. A
 * directory's files come first, in the order of its index, then its directories one by one. */
#include "models/btrfs/internal.h"

#include <errno.h>
#include <string.h>

/* What getdents64() fills at once, as opendir() of the GNU C library asks for (2.36:
 * sysdeps/unix/sysv/linux/opendir.c); an entry is 19 bytes and its name, to eight bytes. */
enum { GETDENTS_BYTES = 32768, DIRENT_HEAD_BYTES = 19, DIRENT_ALIGN = 8 };

struct entry {
	char *name;
	uint32_t root, ino;
	bool directory;
};

static void entry_clear(gpointer arg)
{
	g_free(((struct entry *)arg)->name);
}

struct listing {
	GArray *entries;
	uint64_t bytes; /* of what getdents64() returns */
};

static bool list_name(void *arg, const char *name, uint32_t root, uint32_t ino)
{
	struct listing *listing = arg;
	struct entry entry = {.name = g_strdup(name), .root = root, .ino = ino};
	uint64_t bytes = DIRENT_HEAD_BYTES + strlen(name) + 1;

	listing->bytes += (bytes + DIRENT_ALIGN - 1) / DIRENT_ALIGN * DIRENT_ALIGN;
	g_array_append_val(listing->entries, entry);
	return true;
}

/* d_type of each: the entries have it. */
static void find_types(struct btrfs_store *store, GArray *entries)
{
	for (guint i = 0; i < entries->len; i++) {
		struct entry *entry = &g_array_index(entries, struct entry, i);
		struct store_inode *found;

		if (store_iget(store, entry->root, entry->ino, &found, NULL))
			continue;
		entry->directory = found->flags & STORE_DIRECTORY;
		store_inode_put(store, found, NULL);
	}
}

/* iterate_dir() holds the directory's lock for read. */
static GArray *list(struct kernel_task *task, struct btrfs_inode *dir, uint64_t *bytes)
{
	struct btrfs_fs *fs = dir->fs;
	struct listing listing = {g_array_new(false, false, sizeof(struct entry)), 0};
	struct btrfs_work work = {0};

	g_array_set_clear_func(listing.entries, entry_clear);
	btrfs_own(fs, OWNED_ARRAY, listing.entries);
	kernel_down_read(task, &dir->lock);
	kernel_down_read(task, &fs->tree_lock);
	store_readdir(fs->store, dir->store, list_name, &listing, &work);
	find_types(fs->store, listing.entries);
	btrfs_charge(task, fs, &work);
	kernel_up_read(task, &fs->tree_lock);
	kernel_up_read(task, &dir->lock);
	*bytes = listing.bytes;
	return listing.entries;
}

/* ---- by names ---- */

static int list_path(struct kernel_task *task, struct btrfs_fs *fs, const char *path,
		     GArray **entries)
{
	struct btrfs_file *file;
	uint64_t bytes;
	int err = btrfs_open(task, fs, path, BTRFS_O_DIRECTORY, &file);

	if (err)
		return err;
	*entries = list(task, file->inode, &bytes);
	/* The last call returns nothing. */
	kernel_run(task, COST_SYSCALL, (bytes + GETDENTS_BYTES - 1) / GETDENTS_BYTES + 1);
	btrfs_close(task, file);
	return 0;
}

static char *join(const char *dir, const char *name)
{
	return strcmp(dir, ".") ? g_strconcat(dir, "/", name, NULL) : g_strdup(name);
}

struct path_walk {
	struct btrfs_fs *fs;
	GPtrArray *ahead; /* char *: directories yet to be read, next one last */
	void (*fn)(struct kernel_task *task, const char *path, void *arg);
	void *arg;
};

static int walk_directory(struct kernel_task *task, struct path_walk *w, const char *dir)
{
	GArray *entries;
	int err = list_path(task, w->fs, dir, &entries);

	if (err)
		return err;
	for (guint i = 0; i < entries->len; i++) {
		const struct entry *entry = &g_array_index(entries, struct entry, i);
		char *path;

		if (entry->directory)
			continue;
		path = btrfs_own(w->fs, OWNED_MEMORY, join(dir, entry->name));
		w->fn(task, path, w->arg);
		btrfs_release(w->fs, OWNED_MEMORY, path);
	}
	for (guint i = entries->len; i--;) {
		const struct entry *entry = &g_array_index(entries, struct entry, i);

		if (entry->directory)
			g_ptr_array_add(w->ahead, join(dir, entry->name));
	}
	btrfs_release(w->fs, OWNED_ARRAY, entries);
	return 0;
}

int btrfs_walk_paths(struct kernel_task *task, struct btrfs_fs *fs, const char *path,
		     void (*fn)(struct kernel_task *task, const char *path, void *arg), void *arg)
{
	struct path_walk w = {.fs = fs, .fn = fn, .arg = arg};
	int first = 0;

	w.ahead = btrfs_own(fs, OWNED_PTR_ARRAY, g_ptr_array_new_with_free_func(g_free));
	g_ptr_array_add(w.ahead, g_strdup(path));
	while (w.ahead->len) {
		char *dir = btrfs_own(fs, OWNED_MEMORY,
				      g_ptr_array_steal_index(w.ahead, w.ahead->len - 1));
		int err = walk_directory(task, &w, dir);

		first = first ? first : err;
		btrfs_release(fs, OWNED_MEMORY, dir);
	}
	btrfs_release(fs, OWNED_PTR_ARRAY, w.ahead);
	return first;
}

/* ---- by numbers: needs no name, and so no key of a directory ---- */

struct inode_walk {
	struct btrfs_fs *fs;
	GPtrArray *ahead; /* struct btrfs_inode *, pinned */
	GPtrArray *batch; /* the same: files */
	guint most;
	void (*fn)(struct kernel_task *task, struct btrfs_inode **inodes, size_t count, void *arg);
	void *arg;
};

static void end_batch(struct kernel_task *task, struct inode_walk *w)
{
	if (w->batch->len)
		w->fn(task, (struct btrfs_inode **)w->batch->pdata, w->batch->len, w->arg);
	for (guint i = 0; i < w->batch->len; i++)
		btrfs_iput(w->batch->pdata[i]);
	g_ptr_array_set_size(w->batch, 0);
}

/* btrfs_iget(); a name may be gone since the directory was read. */
static int inode_at(struct kernel_task *task, struct btrfs_inode *dir, const struct entry *entry,
		    struct btrfs_inode **inode)
{
	struct btrfs_fs *fs = dir->fs;
	struct btrfs_work work = {0};
	struct store_inode *found;
	int err = store_iget(fs->store, entry->root, entry->ino, &found, &work);

	if (err)
		return err;
	if (!found->user)
		btrfs_charge(task, fs, &work);
	return btrfs_inode_of(task, fs, found, dir, inode);
}

static void walk_inode(struct kernel_task *task, struct inode_walk *w, struct btrfs_inode *dir)
{
	uint64_t bytes;
	GArray *entries = list(task, dir, &bytes);

	for (guint i = 0; i < entries->len; i++) {
		const struct entry *entry = &g_array_index(entries, struct entry, i);
		struct btrfs_inode *inode;

		if (entry->directory || inode_at(task, dir, entry, &inode))
			continue;
		g_ptr_array_add(w->batch, inode);
		if (w->batch->len == w->most)
			end_batch(task, w);
	}
	for (guint i = entries->len; i--;) {
		const struct entry *entry = &g_array_index(entries, struct entry, i);
		struct btrfs_inode *inode;

		if (entry->directory && !inode_at(task, dir, entry, &inode))
			g_ptr_array_add(w->ahead, inode);
	}
	btrfs_release(w->fs, OWNED_ARRAY, entries);
}

void btrfs_walk_inodes(struct kernel_task *task, struct btrfs_inode *top, uint32_t most,
		       void (*fn)(struct kernel_task *task, struct btrfs_inode **inodes,
				  size_t count, void *arg),
		       void *arg)
{
	struct inode_walk w = {.fs = top->fs, .most = most, .fn = fn, .arg = arg};

	w.ahead = btrfs_own(w.fs, OWNED_PTR_ARRAY, g_ptr_array_new());
	w.batch = btrfs_own(w.fs, OWNED_PTR_ARRAY, g_ptr_array_new());
	btrfs_pin(top);
	g_ptr_array_add(w.ahead, top);
	while (w.ahead->len) {
		struct btrfs_inode *dir = g_ptr_array_steal_index(w.ahead, w.ahead->len - 1);

		walk_inode(task, &w, dir);
		btrfs_iput(dir);
	}
	end_batch(task, &w);
	btrfs_release(w.fs, OWNED_PTR_ARRAY, w.ahead);
	btrfs_release(w.fs, OWNED_PTR_ARRAY, w.batch);
}

/* ---- counted, for the books: takes no time ---- */

static bool is_counted(const struct btrfs_fs *fs, const struct store_inode *file,
		       const struct btrfs_file_filter *filter)
{
	return file->policy_key && (!filter->policy || filter->policy == file->policy_key) &&
	       (!filter->key || filter->key == btrfs_policy_key(fs, file->policy_key, false));
}

typedef void (*file_fn)(struct btrfs_fs *fs, struct store_inode *file, void *arg);

static void tell_below(struct btrfs_fs *fs, struct store_inode *dir, file_fn fn, void *arg)
{
	struct listing listing = {g_array_new(false, false, sizeof(struct entry)), 0};

	g_array_set_clear_func(listing.entries, entry_clear);
	store_readdir(fs->store, dir, list_name, &listing, NULL);
	for (guint i = 0; i < listing.entries->len; i++) {
		const struct entry *entry = &g_array_index(listing.entries, struct entry, i);
		struct store_inode *found;

		if (store_iget(fs->store, entry->root, entry->ino, &found, NULL))
			continue;
		if (found->flags & STORE_DIRECTORY)
			tell_below(fs, found, fn, arg);
		else
			fn(fs, found, arg);
		store_inode_put(fs->store, found, NULL);
	}
	g_array_free(listing.entries, true);
}

static void tell_files(struct btrfs_fs *fs, uint64_t dir, file_fn fn, void *arg)
{
	uint32_t root = dir ? (uint32_t)(dir >> 32) : BTRFS_FS_TREE_ROOT;
	uint32_t ino = dir ? (uint32_t)dir : BTRFS_FIRST_FREE_OBJECTID;
	struct store_inode *found;

	if (store_iget(fs->store, root, ino, &found, NULL))
		return;
	tell_below(fs, found, fn, arg);
	store_inode_put(fs->store, found, NULL);
}

struct file_count {
	const struct btrfs_file_filter *filter;
	uint64_t files;
};

static void count_file(struct btrfs_fs *fs, struct store_inode *file, void *arg)
{
	struct file_count *count = arg;

	count->files += is_counted(fs, file, count->filter);
}

uint64_t btrfs_count_files(struct btrfs_fs *fs, uint64_t dir,
			   const struct btrfs_file_filter *filter)
{
	struct file_count count = {.filter = filter};

	tell_files(fs, dir, count_file, &count);
	return count.files;
}

struct data_teller {
	void (*fn)(void *arg, uint32_t file_key, uint32_t extent_key, uint64_t bytes);
	void *arg;
};

static void tell_extents(struct btrfs_fs *fs, struct store_inode *file, void *arg)
{
	const struct data_teller *teller = arg;
	uint32_t key = btrfs_policy_key(fs, file->policy_key, false);
	struct store_file_extent extent;
	struct store_walk walk;

	store_walk_begin(&walk, fs->store, file, 0, NULL);
	while (store_walk_next(&walk, &extent, NULL))
		if (extent.type == STORE_REGULAR && extent.encrypted)
			teller->fn(teller->arg, key,
				   store_extent_tags(fs->store, extent.extent).key, extent.bytes);
}

void btrfs_tell_data(struct btrfs_fs *fs, uint64_t dir,
		     void (*fn)(void *arg, uint32_t file_key, uint32_t extent_key, uint64_t bytes),
		     void *arg)
{
	struct data_teller teller = {fn, arg};

	tell_files(fs, dir, tell_extents, &teller);
}
