/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Walking a directory tree. Every name is looked at with lstat relative to its open directory, so
 * that no path is too long and no symlink is followed. Descriptors are kept for the uppermost
 * levels alone; deeper ones are opened again on the way back.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "scenarios/image_capture.h"

enum { LEVELS_KEPT_OPEN = 64, SEARCH_BUFFER_BYTES = (64 << 10) + 4096 };

struct subdirectory {
	char *name;
	uint32_t inode;
};

struct level {
	int fd; /* -1: closed, to be opened again by name from above */
	char *name;
	uint32_t inode; /* index of the directory in capture.inodes */
	uint32_t tree;
	GArray *pending; /* struct subdirectory, the next one last */
};

struct link_key {
	dev_t dev;
	ino_t ino;
};

static guint link_hash(gconstpointer p)
{
	const struct link_key *key = p;
	guint64 mixed = (guint64)key->ino * G_GUINT64_CONSTANT(0x9E3779B97F4A7C15) + key->dev;

	return (guint)(mixed >> 32);
}

static gboolean link_equal(gconstpointer a, gconstpointer b)
{
	const struct link_key *x = a, *y = b;

	return x->dev == y->dev && x->ino == y->ino;
}

static void clear_subdirectory(gpointer p)
{
	g_free(((struct subdirectory *)p)->name);
}

static void clear_level(gpointer p)
{
	struct level *level = p;

	if (level->fd >= 0)
		close(level->fd);
	g_free(level->name);
	g_array_unref(level->pending);
}

static int look(int dir_fd, const char *name, struct stat *st, uint64_t *mount_id, bool *have_id)
{
	struct statx sx;

	*have_id = false;
	if (fstatat(dir_fd, name, st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH))
		return -1;
	if (S_ISDIR(st->st_mode) &&
	    !statx(dir_fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH,
		   STATX_MNT_ID, &sx)) {
		*have_id = sx.stx_mask & STATX_MNT_ID;
		*mount_id = sx.stx_mnt_id;
	}
	return 0;
}

/* A btrfs subvolume has a device number of its own and is still no mount point. */
static bool elsewhere(const struct capture *c, const struct stat *st, uint64_t mount_id,
		      bool have_id)
{
	if (have_id && c->have_mount_id)
		return mount_id != c->mount_id;
	return st->st_dev != c->top_dev;
}

static bool met_before(struct capture *c, const struct stat *st)
{
	struct link_key key = {.dev = st->st_dev, .ino = st->st_ino};

	if (S_ISDIR(st->st_mode) || st->st_nlink < 2)
		return false;
	if (g_hash_table_contains(c->linked, &key)) {
		c->report->hard_links++;
		return true;
	}
	g_hash_table_add(c->linked, g_memdup2(&key, sizeof(key)));
	return false;
}

static uint32_t add_inode(struct capture *c, const struct level *in, const char *name,
			  const struct stat *st, uint32_t tree)
{
	struct raw_inode raw = {.number = st->st_ino, .tree = tree};

	raw.inode.size_bytes = (uint64_t)st->st_size;
	raw.inode.parent = in ? in->inode : 0;
	raw.inode.name_length = (uint8_t)strlen(name);
	raw.inode.links = 1;
	raw.inode.type = S_ISDIR(st->st_mode)	? FS_IMAGE_DIRECTORY
			 : S_ISLNK(st->st_mode) ? FS_IMAGE_SYMLINK
						: FS_IMAGE_FILE;
	if (!S_ISDIR(st->st_mode))
		raw.inode.links = (uint32_t)st->st_nlink;
	if (c->names) {
		raw.inode.name = c->names->len;
		g_byte_array_append(c->names, (const guint8 *)name, (guint)strlen(name));
	}
	if (S_ISREG(st->st_mode)) {
		c->report->files++;
		c->report->data_bytes += (uint64_t)st->st_size;
		capture_extents(c, in->fd, name, st, &raw);
	} else if (S_ISLNK(st->st_mode)) {
		c->report->symlinks++;
	} else {
		c->report->directories++;
	}
	g_array_append_val(c->inodes, raw);
	return c->inodes->len - 1;
}

static void visit_directory(struct capture *c, struct level *in, const char *name,
			    const struct stat *st, bool stay_out)
{
	struct subdirectory sub = {.inode = add_inode(c, in, name, st, in->tree)};

	if (stay_out) {
		c->report->mounts++;
		return;
	}
	sub.name = g_strdup(name);
	g_array_append_val(in->pending, sub);
}

static void visit(struct capture *c, struct level *in, const char *name)
{
	uint64_t mount_id = 0;
	struct stat st;
	bool have_id;

	if (look(in->fd, name, &st, &mount_id, &have_id)) {
		if (errno == EACCES)
			c->report->denied_directories++;
		else
			capture_note_errno(c, errno);
		c->unreadable++;
	} else if (S_ISDIR(st.st_mode)) {
		visit_directory(c, in, name, &st,
				!c->options->cross_mounts && elsewhere(c, &st, mount_id, have_id));
	} else if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode)) {
		c->report->others++;
		c->others++;
	} else if (!met_before(c, &st)) {
		add_inode(c, in, name, &st, in->tree);
	}
}

static int by_bytes(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static GPtrArray *list(struct capture *c, int fd)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	if (!dir) {
		/* Readable but not searchable: the descriptor at hand will do for the list. */
		if (copy >= 0)
			close(copy);
		copy = dup(fd);
		dir = copy < 0 ? NULL : fdopendir(copy);
	}
	if (!dir) {
		capture_note_errno(c, errno);
		c->unreadable++;
		if (copy >= 0)
			close(copy);
		return names;
	}
	while (errno = 0, (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			g_ptr_array_add(names, g_strdup(entry->d_name));
	if (errno)
		capture_note_errno(c, errno);
	closedir(dir);
	g_ptr_array_sort(names, by_bytes);
	return names;
}

static bool interrupted(const struct capture *c)
{
	return c->options->interrupted && *c->options->interrupted;
}

/* Reads one directory: all of it is in the image, its subdirectories wait to be entered. */
static void enter(struct capture *c, GArray *levels, struct level *level)
{
	GPtrArray *names = list(c, level->fd);

	level->pending = g_array_new(FALSE, FALSE, sizeof(struct subdirectory));
	g_array_set_clear_func(level->pending, clear_subdirectory);
	for (guint i = 0; i < names->len && !interrupted(c); i++)
		visit(c, level, g_ptr_array_index(names, i));
	g_ptr_array_unref(names);
	g_array_append_val(levels, *level);
}

static int open_directory(int at, const char *name)
{
	return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* The descriptor of the last level; if it was closed, by names from where one is open. */
static int descriptor(const GArray *levels)
{
	struct level *last = &g_array_index(levels, struct level, levels->len - 1);
	guint i = levels->len - 1;
	int fd, next;

	if (last->fd >= 0)
		return last->fd;
	while (g_array_index(levels, struct level, i).fd < 0)
		i--;
	fd = dup(g_array_index(levels, struct level, i).fd);
	for (i++; fd >= 0 && i < levels->len; i++) {
		next = open_directory(fd, g_array_index(levels, struct level, i).name);
		close(fd);
		fd = next;
	}
	last->fd = fd;
	return fd;
}

/* Deep levels are closed while a level below is being walked. */
static void close_if_deep(GArray *levels)
{
	struct level *last = &g_array_index(levels, struct level, levels->len - 1);

	if (levels->len <= LEVELS_KEPT_OPEN)
		return;
	close(last->fd);
	last->fd = -1;
}

static void descend(struct capture *c, GArray *levels, struct subdirectory sub)
{
	struct level level = {.name = sub.name, .inode = sub.inode};
	struct raw_inode *raw = &g_array_index(c->inodes, struct raw_inode, sub.inode);
	int at = descriptor(levels);
	struct stat st;

	level.fd = at < 0 ? -1 : open_directory(at, sub.name);
	if (level.fd < 0 || fstat(level.fd, &st)) {
		if (errno == EACCES || errno == EPERM)
			c->report->denied_directories++;
		else
			capture_note_errno(c, errno);
		c->unreadable++;
		if (level.fd >= 0)
			close(level.fd);
		g_free(sub.name);
	} else {
		level.tree = capture_tree_of(c, level.fd, &st);
		raw->tree = level.tree;
		if (capture_is_subvolume(&g_array_index(c->trees, struct capture_tree, level.tree),
					 &st)) {
			raw->inode.flags |= FS_IMAGE_SUBVOLUME;
			c->report->subvolumes++;
		}
		close_if_deep(levels);
		enter(c, levels, &level);
	}
}

static void walk(struct capture *c, struct level top)
{
	GArray *levels = g_array_new(FALSE, FALSE, sizeof(struct level));

	g_array_set_clear_func(levels, clear_level);
	enter(c, levels, &top);
	while (levels->len && !interrupted(c)) {
		struct level *level = &g_array_index(levels, struct level, levels->len - 1);
		struct subdirectory sub;

		if (!level->pending->len) {
			g_array_set_size(levels, levels->len - 1);
			continue;
		}
		sub = g_array_index(level->pending, struct subdirectory, level->pending->len - 1);
		g_array_index(level->pending, struct subdirectory, level->pending->len - 1).name =
			NULL;
		g_array_set_size(level->pending, level->pending->len - 1);
		descend(c, levels, sub);
	}
	g_array_unref(levels);
}

static void name_filesystem(int fd, char *name, size_t size)
{
	static const struct {
		long magic;
		const char *name;
	} known[] = {
		{BTRFS_SUPER_MAGIC, "btrfs"}, {EXT4_SUPER_MAGIC, "ext4"},
		{XFS_SUPER_MAGIC, "xfs"},     {F2FS_SUPER_MAGIC, "f2fs"},
		{TMPFS_MAGIC, "tmpfs"},	      {OVERLAYFS_SUPER_MAGIC, "overlay"},
		{NFS_SUPER_MAGIC, "nfs"},     {FUSE_SUPER_MAGIC, "fuse"},
		{SQUASHFS_MAGIC, "squashfs"},
	};
	struct statfs fs;

	g_strlcpy(name, "other", size);
	if (!fstatfs(fd, &fs))
		for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
			if (fs.f_type == known[i].magic)
				g_strlcpy(name, known[i].name, size);
}

static bool begin(struct capture *c, const char *directory, struct level *top, GError **error)
{
	struct stat st;
	int err;

	top->fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top->fd < 0 || look(top->fd, "", &st, &c->mount_id, &c->have_mount_id)) {
		err = errno;
		g_set_error(error, FS_IMAGE_ERROR,
			    err == ENOENT || err == ENOTDIR ? FS_IMAGE_ERROR_BAD
							    : FS_IMAGE_ERROR_IO,
			    "%s: could not open the directory: %s", directory, g_strerror(err));
		return false;
	}
	c->top_dev = st.st_dev;
	top->name = g_strdup("");
	top->tree = capture_tree_of(c, top->fd, &st);
	top->inode = add_inode(c, NULL, "", &st, top->tree);
	return true;
}

static void capture_init(struct capture *c)
{
	c->inodes = g_array_new(FALSE, FALSE, sizeof(struct raw_inode));
	c->extents = g_array_new(FALSE, FALSE, sizeof(struct raw_extent));
	c->trees = g_array_new(FALSE, FALSE, sizeof(struct capture_tree));
	c->spaces = g_ptr_array_new_with_free_func(g_free);
	c->names = c->options->keep_names ? g_byte_array_new() : NULL;
	c->linked = g_hash_table_new_full(link_hash, link_equal, g_free, NULL);
	c->search_buffer = g_malloc0(SEARCH_BUFFER_BYTES);
}

static void capture_clear(struct capture *c)
{
	g_array_unref(c->inodes);
	g_array_unref(c->extents);
	g_array_unref(c->trees);
	g_ptr_array_unref(c->spaces);
	if (c->names)
		g_byte_array_unref(c->names);
	g_hash_table_unref(c->linked);
	g_free(c->search_buffer);
}

struct fs_image *fs_image_capture(const char *directory, const struct fs_image_options *options,
				  struct fs_image_report *report, GError **error)
{
	struct fs_image_report own;
	struct capture c = {.options = options, .report = report ? report : &own};
	struct fs_image *image = NULL;
	struct level top = {.fd = -1};
	char filesystem[sizeof(image->filesystem)];

	memset(c.report, 0, sizeof(*c.report));
	capture_init(&c);
	if (begin(&c, directory, &top, error)) {
		name_filesystem(top.fd, filesystem, sizeof(filesystem));
		walk(&c, top);
		if (interrupted(&c)) {
			g_set_error(error, FS_IMAGE_ERROR, FS_IMAGE_ERROR_INTERRUPTED,
				    "%s: interrupted; no image was written", directory);
		} else {
			image = capture_resolve(&c);
			memcpy(image->filesystem, filesystem, sizeof(filesystem));
		}
	} else if (top.fd >= 0) {
		close(top.fd);
	}
	capture_clear(&c);
	return image;
}
