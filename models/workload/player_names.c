/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a script does with names, directories and subvolumes. */
#include "models/workload/player.h"

static int list(struct player *p, const char *path)
{
	uint32_t names;
	int err = btrfs_list(p->task, p->workload->fs, path, &names);

	if (!err)
		g_string_printf(p->outcome, "%u", names);
	return err;
}

static int create(struct player *p, const char *name)
{
	struct btrfs_file *file;
	int err = btrfs_open(p->task, p->workload->fs, name, BTRFS_O_CREAT | BTRFS_O_EXCL, &file);

	if (err)
		return err;
	player_track(p, name);
	btrfs_close(p->task, file);
	return 0;
}

static int change_name(struct player *p, const struct script_op *op)
{
	struct btrfs_fs *fs = p->workload->fs;
	int err = op->code == SCRIPT_LINK ? btrfs_link(p->task, fs, op->name[0], op->name[1])
					  : btrfs_rename(p->task, fs, op->name[0], op->name[1],
							 op->code == SCRIPT_EXCHANGE);

	if (!err && op->code == SCRIPT_LINK)
		player_track(p, op->name[1]);
	if (!err && op->code == SCRIPT_RENAME)
		script_retrack(p->tracked, op->name[0], op->name[1]);
	return err;
}

static int snapshot(struct player *p, const struct script_op *op)
{
	int err = btrfs_snapshot(p->task, p->workload->fs, op->name[0], op->name[1]);

	for (char **file = op->files; !err && *file; file++) {
		char *path = g_strconcat(op->name[1], "/", *file, NULL);

		player_track(p, path);
		g_free(path);
	}
	return err;
}

static int forget(struct player *p, const struct script_op *op)
{
	struct btrfs_fs *fs = p->workload->fs;
	int err = op->code == SCRIPT_UNLINK  ? btrfs_unlink(p->task, fs, op->name[0])
		  : op->code == SCRIPT_RMDIR ? btrfs_rmdir(p->task, fs, op->name[0])
					     : btrfs_subvol_delete(p->task, fs, op->name[0]);

	if (err)
		return err;
	script_untrack(p->tracked, op->name[0]);
	/* Whoever waits for the cleaner wakes it with BTRFS_IOC_SYNC, which writes all back. */
	return op->code == SCRIPT_SUBDEL ? btrfs_sync_fs(p->task, fs) : 0;
}

int player_name_op(struct player *p, const struct script_op *op)
{
	struct btrfs_fs *fs = p->workload->fs;

	switch (op->code) {
	case SCRIPT_CREATE:
		return create(p, op->name[0]);
	case SCRIPT_MKDIR:
		return btrfs_mkdir(p->task, fs, op->name[0]);
	case SCRIPT_SUBVOL:
		return btrfs_subvol_create(p->task, fs, op->name[0]);
	case SCRIPT_SNAPSHOT:
		return snapshot(p, op);
	case SCRIPT_STAT:
		return btrfs_stat(p->task, fs, op->name[0]);
	case SCRIPT_LS:
		return list(p, op->name[0]);
	case SCRIPT_RENAME:
	case SCRIPT_EXCHANGE:
	case SCRIPT_LINK:
		return change_name(p, op);
	case SCRIPT_UNLINK:
	case SCRIPT_RMDIR:
	case SCRIPT_SUBDEL:
		return forget(p, op);
	default:
		return player_key_op(p, op);
	}
}
