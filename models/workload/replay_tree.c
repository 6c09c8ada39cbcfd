/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events of send streams, as btrfs receive does them (btrfs-progs, cmds/receive.c): the file that is
 * written stays open until another is, a clone opens its source for itself, names are changed by path.
 */
#include "models/workload/replay.h"

#include <errno.h>
#include <string.h>

bool replay_is_tree_event(const struct replayer *r, const struct trace_event *event)
{
	return r->log->format->trees && (event->op == TRACE_CLONE ||
					 (event->op >= TRACE_SUBVOL && event->op < TRACE_METADATA));
}

/* ---- subvolumes ---- */

static int new_subvolume(struct replayer *r, const char *path)
{
	struct fscrypt *fc = r->workload->crypt;
	struct op_timer timer = replay_begin(r, "subvol");
	int err = replay_end(r, &timer, btrfs_subvol_create(r->task, r->workload->fs, path));

	if (err || !*r->key)
		return err;
	timer = replay_begin(r, "policy");
	err = fscrypt_set_policy(r->task, fc, path, fscrypt_key_number(fc, r->key));
	return replay_end(r, &timer, err);
}

static int new_snapshot(struct replayer *r, const char *of, const char *path)
{
	struct op_timer timer = replay_begin(r, "snapshot");

	return replay_end(r, &timer, btrfs_snapshot(r->task, r->workload->fs, of, path));
}

static int begin_subvolume(struct replayer *r, const char *path, const struct trace_event *e)
{
	r->subvolume = path;
	r->parent = NULL;
	if (e->op == TRACE_SUBVOL)
		return new_subvolume(r, path);
	r->parent = replay_path(r, e->other);
	return new_snapshot(r, r->parent, path);
}

/* ---- names ---- */

static int make_file(struct replayer *r, const char *path)
{
	struct op_timer timer = replay_begin(r, "create");
	struct btrfs_file *file;
	int err = btrfs_open(r->task, r->workload->fs, path, BTRFS_O_CREAT | BTRFS_O_EXCL, &file);

	if (!err)
		btrfs_close(r->task, file);
	return replay_end(r, &timer, err);
}

static int change_name(struct replayer *r, const char *path, const struct trace_event *e)
{
	const char *other = replay_path(r, e->other);
	struct op_timer timer = replay_begin(r, e->op == TRACE_LINK ? "link" : "rename");
	struct btrfs_fs *fs = r->workload->fs;

	return replay_end(r, &timer,
			  e->op == TRACE_LINK ? btrfs_link(r->task, fs, other, path)
					      : btrfs_rename(r->task, fs, path, other, false));
}

static int simple_name(struct replayer *r, const char *path, enum trace_op op)
{
	static const struct {
		const char *name;
		int (*call)(struct kernel_task *task, struct btrfs_fs *fs, const char *path);
	} calls[TRACE_OPS] = {
		[TRACE_MKDIR] = {"mkdir", btrfs_mkdir},
		[TRACE_UNLINK] = {"unlink", btrfs_unlink},
		[TRACE_RMDIR] = {"rmdir", btrfs_rmdir},
	};
	struct op_timer timer = replay_begin(r, calls[op].name);

	return replay_end(r, &timer, calls[op].call(r->task, r->workload->fs, path));
}

/* ---- clones ---- */

/* The dump shows each source below the subvolume that is received, though it may be its parent's: there
 * it is looked for if it isn't here. */
static int open_source(struct replayer *r, const char *path, struct btrfs_file **file)
{
	struct btrfs_fs *fs = r->workload->fs;
	struct op_timer timer = replay_begin(r, "open");
	size_t top = r->subvolume ? strlen(r->subvolume) : 0;
	int err = btrfs_open(r->task, fs, path, 0, file);

	if (err == -ENOENT && r->parent && g_str_has_prefix(path, r->subvolume) &&
	    path[top] == '/') {
		const char *older = replay_keep(r, g_strconcat(r->parent, path + top, NULL));

		err = btrfs_open(r->task, fs, older, 0, file);
	}
	return replay_end(r, &timer, err);
}

static int clone_event(struct replayer *r, const char *path, const struct trace_event *e)
{
	const char *target = replay_path(r, e->other);
	struct btrfs_file *from, *to;
	struct op_timer timer;
	int err = replay_hold(r, target, &to);

	if (!err)
		err = open_source(r, path, &from);
	if (err)
		return err;
	timer = replay_begin(r, "clone");
	err = btrfs_clone_range(r->task, from, e->offset, e->length, to, e->to);
	replay_end(r, &timer, err);
	timer = replay_begin(r, "close");
	btrfs_close(r->task, from);
	replay_end(r, &timer, 0);
	return err;
}

int replay_tree_event(struct replayer *r, const struct trace_event *e)
{
	const char *path = replay_path(r, e->file);

	if (e->op == TRACE_CLONE)
		return clone_event(r, path, e);
	replay_let_all_go(r);
	switch (e->op) {
	case TRACE_SUBVOL:
	case TRACE_SNAPSHOT:
		return begin_subvolume(r, path, e);
	case TRACE_MKFILE:
	case TRACE_MKSPECIAL:
		return make_file(r, path);
	case TRACE_RENAME:
	case TRACE_LINK:
		return change_name(r, path, e);
	default:
		return simple_name(r, path, e->op);
	}
}
