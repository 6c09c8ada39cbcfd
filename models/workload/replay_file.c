/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events of traces that are operations on open files. */
#include "models/workload/replay.h"

#include <errno.h>
#include <string.h>

/* Files are laid out in calls of this size, fio's default for it (filesetup.c, extend_file()). */
enum { LAY_OUT_CHUNK_BYTES = 1 << 20 };

/* ---- open files ---- */

static int make_dir(struct replayer *r, const char *path)
{
	struct op_timer timer;
	int err;

	if (g_hash_table_contains(r->made, path))
		return 0;
	g_hash_table_add(r->made, (gpointer)path);
	timer = replay_begin(r, "mkdir");
	err = btrfs_mkdir(r->task, r->workload->fs, path);
	return replay_end(r, &timer, err == -EEXIST ? 0 : err);
}

/** Makes the directories that a path leads through, up to its last slash. */
int replay_make_dirs(struct replayer *r, const char *path)
{
	int err = 0;

	for (const char *slash = strchr(path, '/'); !err && slash; slash = strchr(slash + 1, '/')) {
		const char *dir = replay_keep(r, g_strndup(path, (gsize)(slash - path)));

		err = make_dir(r, dir);
	}
	return err;
}

static int open_file(struct replayer *r, const char *path, unsigned flags, struct btrfs_file **file)
{
	struct op_timer timer = replay_begin(r, "open");

	return replay_end(r, &timer, btrfs_open(r->task, r->workload->fs, path, flags, file));
}

int replay_hold(struct replayer *r, const char *path, struct btrfs_file **file)
{
	unsigned flags = r->direct ? BTRFS_O_DIRECT : 0;
	int err = 0;

	*file = g_tree_lookup(r->held, path);
	if (*file)
		return 0;
	if (r->one_open)
		replay_let_all_go(r);
	if (r->makes_dirs) {
		flags |= BTRFS_O_CREAT;
		err = replay_make_dirs(r, path);
	}
	if (!err)
		err = open_file(r, path, flags, file);
	if (!err)
		g_tree_insert(r->held, (gpointer)path, *file);
	return err;
}

static void close_file(struct replayer *r, struct btrfs_file *file)
{
	struct op_timer timer = replay_begin(r, "close");

	btrfs_close(r->task, file);
	replay_end(r, &timer, 0);
}

void replay_let_go(struct replayer *r, const char *path)
{
	struct btrfs_file *file = g_tree_lookup(r->held, path);

	if (!file)
		return;
	g_tree_remove(r->held, path);
	close_file(r, file);
}

static gboolean take_first(gpointer path, gpointer file, gpointer first)
{
	(void)file;
	*(const char **)first = path;
	return TRUE;
}

void replay_let_all_go(struct replayer *r)
{
	const char *path = NULL;

	while (g_tree_nnodes(r->held)) {
		g_tree_foreach(r->held, take_first, &path);
		replay_let_go(r, path);
	}
}

/* ---- what was there before ---- */

static int lay_out_file(struct replayer *r, const char *path, uint64_t bytes)
{
	struct btrfs_file *file;
	struct op_timer timer;
	uint64_t at;
	int err = replay_hold(r, path, &file);

	if (err)
		return err;
	timer = replay_begin(r, "lay_out");
	for (at = btrfs_inode_size(btrfs_file_inode(file)); !err && at < bytes;
	     at += LAY_OUT_CHUNK_BYTES)
		err = btrfs_write(r->task, file, at, MIN(LAY_OUT_CHUNK_BYTES, bytes - at));
	err = replay_end(r, &timer, err);
	replay_let_go(r, path);
	return err;
}

/* The caches are dropped as fio does before a job (invalidate=1). */
void replay_lay_out(struct replayer *r)
{
	const GArray *sizes = r->log->sizes;
	struct op_timer timer;
	bool any = false;

	for (uint32_t i = 0; i < r->log->names->len; i++) {
		uint64_t bytes = g_array_index(sizes, uint64_t, i);
		const char *path = bytes ? replay_path(r, i) : NULL;

		any |= bytes && !lay_out_file(r, path, bytes);
	}
	if (!any)
		return;
	timer = replay_begin(r, "sync");
	replay_end(r, &timer, btrfs_sync_fs(r->task, r->workload->fs));
	timer = replay_begin(r, "dropcaches");
	btrfs_drop_caches(r->task, r->workload->fs);
	replay_end(r, &timer, 0);
}

/* ---- operations on one open file ---- */

typedef int (*file_work)(struct replayer *r, struct btrfs_file *file, const struct trace_event *e);

static int do_read(struct replayer *r, struct btrfs_file *file, const struct trace_event *e)
{
	return btrfs_read(r->task, file, e->offset, e->length);
}

static int do_write(struct replayer *r, struct btrfs_file *file, const struct trace_event *e)
{
	return btrfs_write(r->task, file, e->offset, e->length);
}

/* Faults bring in whole pages. */
static int read_pages(struct replayer *r, struct btrfs_file *file, const struct trace_event *e)
{
	uint64_t page = machine_size(r->workload->machine, SIZE_PAGE);
	uint64_t from = e->offset / page * page;
	uint64_t to = (e->offset + e->length + page - 1) / page * page;

	return btrfs_read(r->task, file, from, to - from);
}

/* fsx makes the file as large as what it maps, stores there, and calls msync(MS_SYNC), for which btrfs syncs
 * the whole file (btrfs_sync_file() widens the range). */
static int do_mapwrite(struct replayer *r, struct btrfs_file *file, const struct trace_event *e)
{
	uint64_t end = e->offset + e->length;
	int err = 0;

	if (end > btrfs_inode_size(btrfs_file_inode(file)))
		err = btrfs_truncate(r->task, file, end);
	if (!err)
		err = read_pages(r, file, e);
	if (!err)
		err = do_write(r, file, e);
	return err ? err : btrfs_fsync(r->task, file);
}

static int do_fsync(struct replayer *r, struct btrfs_file *file, const struct trace_event *e)
{
	(void)e;
	return btrfs_fsync(r->task, file);
}

static int do_truncate(struct replayer *r, struct btrfs_file *file, const struct trace_event *e)
{
	return btrfs_truncate(r->task, file, e->length);
}

static int do_fallocate(struct replayer *r, struct btrfs_file *file, const struct trace_event *e)
{
	return btrfs_fallocate(r->task, file, e->offset, e->length, e->keep_size);
}

static int do_punch(struct replayer *r, struct btrfs_file *file, const struct trace_event *e)
{
	return btrfs_punch_hole(r->task, file, e->offset, e->length);
}

static int do_zero(struct replayer *r, struct btrfs_file *file, const struct trace_event *e)
{
	return btrfs_zero_range(r->task, file, e->offset, e->length);
}

/* The file was opened, if it wasn't; that is all. */
static int do_nothing(struct replayer *r, struct btrfs_file *file, const struct trace_event *e)
{
	(void)r;
	(void)file;
	(void)e;
	return 0;
}

static const struct {
	const char *name; /* in the book of operations; NULL: counts by its opening alone */
	file_work work;
} works[TRACE_OPS] = {
	[TRACE_OPEN] = {NULL, do_nothing},
	[TRACE_READ] = {"read", do_read},
	[TRACE_WRITE] = {"write", do_write},
	[TRACE_MAPREAD] = {"mapread", read_pages},
	[TRACE_MAPWRITE] = {"mapwrite", do_mapwrite},
	[TRACE_TRIM] = {"trim", do_punch},
	[TRACE_SYNC] = {"fsync", do_fsync},
	[TRACE_DATASYNC] = {"fdatasync", do_fsync},
	[TRACE_TRUNCATE] = {"truncate", do_truncate},
	[TRACE_FALLOCATE] = {"falloc", do_fallocate},
	[TRACE_PUNCH] = {"punch", do_punch},
	[TRACE_ZERO] = {"zero", do_zero},
};

static void check_size(struct replayer *r, const struct btrfs_file *file,
		       const struct trace_event *e)
{
	struct workload *workload = r->workload;
	uint64_t size = btrfs_inode_size(btrfs_file_inode(file));

	if (!e->sized || size == e->size_before)
		return;
	if (!workload->trace_counts.size_mismatches++)
		workload_find(
			workload, "trace",
			g_strdup_printf(
				"%s:%" G_GUINT64_FORMAT ": %s: the file had %" G_GUINT64_FORMAT
				" bytes when this was recorded, and has %" G_GUINT64_FORMAT " here",
				r->log->path, e->line, e->word, e->size_before, size));
}

static int one_file(struct replayer *r, const char *path, const struct trace_event *e)
{
	struct btrfs_file *file;
	struct op_timer timer;
	int err = replay_hold(r, path, &file);

	if (err)
		return err;
	check_size(r, file, e);
	if (!works[e->op].name)
		return 0;
	timer = replay_begin(r, works[e->op].name);
	return replay_end(r, &timer, works[e->op].work(r, file, e));
}

/* ---- operations on two ---- */

/* What generic_remap_checks() with REMAP_FILE_CAN_SHORTEN leaves of a copy to be shared: whole blocks, or
 * up to the end of the source where that becomes the target's. */
static uint64_t shareable(const struct btrfs_file *from, const struct btrfs_file *to,
			  const struct trace_event *e, uint64_t len)
{
	uint64_t end = btrfs_inode_size(btrfs_file_inode(from));
	uint64_t target = btrfs_inode_size(btrfs_file_inode(to));

	if (e->offset + len == end && e->to + len >= target)
		return len;
	return len / KERNEL_BLOCK_BYTES * KERNEL_BLOCK_BYTES;
}

/* vfs_copy_file_range(): shares what it can; the rest, or all if that fails, goes through the page
 * cache. An attempt flushes even if the offsets are not those of blocks (reflink.c,
 * btrfs_remap_file_range_prep()). */
static int copy(struct replayer *r, struct btrfs_file *from, struct btrfs_file *to,
		const struct trace_event *e)
{
	uint64_t size = btrfs_inode_size(btrfs_file_inode(from));
	uint64_t len = MIN(e->length, size - MIN(size, e->offset));
	uint64_t shared = shareable(from, to, e, len);
	int err;

	if (!len)
		return 0;
	err = btrfs_clone_range(r->task, from, e->offset, shared ? shared : len, to, e->to);
	if (err < 0)
		shared = 0;
	if (shared == len)
		return 0;
	err = btrfs_read(r->task, from, e->offset + shared, len - shared);
	return err ? err : btrfs_write(r->task, to, e->to + shared, len - shared);
}

static int between(struct replayer *r, struct btrfs_file *from, struct btrfs_file *to,
		   const struct trace_event *e)
{
	uint64_t done;

	switch (e->op) {
	case TRACE_CLONE:
		return btrfs_clone_range(r->task, from, e->offset, e->length, to, e->to);
	case TRACE_DEDUPE:
		return btrfs_dedupe_range(r->task, from, e->offset, e->length, to, e->to, &done);
	default:
		return copy(r, from, to, e);
	}
}

static const char *between_name(enum trace_op op)
{
	return op == TRACE_CLONE ? "clone" : op == TRACE_DEDUPE ? "dedupe" : "copy";
}

static int two_files(struct replayer *r, const char *path, const struct trace_event *e)
{
	const char *target = replay_path(r, e->other);
	struct btrfs_file *from, *to;
	struct op_timer timer;
	int err = replay_hold(r, path, &from);

	if (!err)
		err = replay_hold(r, target, &to);
	if (err)
		return err;
	check_size(r, to, e);
	timer = replay_begin(r, between_name(e->op));
	return replay_end(r, &timer, between(r, from, to, e));
}

int replay_file_event(struct replayer *r, const struct trace_event *e)
{
	const char *path = replay_path(r, e->file);
	int err = 0;

	if (e->op == TRACE_CLOSE)
		replay_let_go(r, path);
	else if (works[e->op].work)
		err = one_file(r, path, e);
	else
		err = two_files(r, path, e);
	if (e->reopen) {
		replay_let_go(r, path);
		err = err ? err : replay_hold(r, path, &(struct btrfs_file *){NULL});
	}
	return err;
}
