/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a script's operations are on a real btrfs. Every operation opens its files anew and closes them
 * again, as the model's player does. That shows: the close of a file that was once truncated to zero
 * starts its writeback.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "validate/live.h"

enum {
	WRITE_CHUNK = 1 << 20, /* of a write or read that names none */
	BUFFER_ALIGN = 4096,
	FILE_MODE = 0644,
	DIRECTORY_MODE = 0755,
	CLEANER_POLL_NS = 10000000,
};
/* How long the cleaner may take to drop a deleted subvolume. */
enum { CLEANER_TRIES = 6000 };

struct live_player *live_player_new(int root)
{
	struct live_player *player = g_new0(struct live_player, 1);

	player->root = root;
	player->tracked = g_ptr_array_new_with_free_func(g_free);
	player->held = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	player->pattern = -1;
	player->keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	player->outcome = g_string_new(NULL);
	return player;
}

static void close_held(void *name, void *fd, void *unused)
{
	(void)name, (void)unused;
	close(GPOINTER_TO_INT(fd));
}

void live_player_free(struct live_player *player)
{
	g_hash_table_foreach(player->held, close_held, NULL);
	g_hash_table_destroy(player->held);
	g_hash_table_destroy(player->keys);
	g_string_free(player->outcome, true);
	g_ptr_array_unref(player->tracked);
	free(player->buffer);
	g_free(player);
}

static int outcome(int rc)
{
	return rc < 0 ? -errno : 0;
}

/* ---- one file ---- */

typedef int (*file_work)(struct live_player *p, int fd, const struct script_op *op);

static int open_tracked(struct live_player *p, const char *name, int flags, int *fd)
{
	*fd = openat(p->root, name, O_CLOEXEC | flags, FILE_MODE);
	if (*fd >= 0 && flags & O_CREAT)
		script_track(p->tracked, name);
	return outcome(*fd);
}

static int with_file(struct live_player *p, const char *name, int flags, file_work work,
		     const struct script_op *op)
{
	bool plain = !(flags & (O_DIRECT | O_TRUNC | O_EXCL));
	void *held;
	int fd, rc;

	if (plain && g_hash_table_lookup_extended(p->held, name, NULL, &held))
		return work(p, GPOINTER_TO_INT(held), op);
	rc = open_tracked(p, name, flags, &fd);
	if (rc)
		return rc;
	rc = work(p, fd, op);
	close(fd);
	return rc;
}

static void reserve(struct live_player *p, uint64_t bytes)
{
	if (bytes <= p->buffer_bytes)
		return;
	free(p->buffer);
	p->buffer_bytes = (bytes + BUFFER_ALIGN - 1) / BUFFER_ALIGN * BUFFER_ALIGN;
	p->buffer = aligned_alloc(BUFFER_ALIGN, p->buffer_bytes);
	g_assert(p->buffer);
}

static void fill(struct live_player *p, size_t bytes)
{
	reserve(p, bytes);
	if (p->pattern >= 0) {
		memset(p->buffer, p->pattern, bytes);
		return;
	}
	for (size_t i = 0; i < bytes; i += sizeof(uint64_t)) {
		uint64_t drawn = script_random(&p->random);

		memcpy(p->buffer + i, &drawn, sizeof(drawn));
	}
}

static int write_span(struct live_player *p, int fd, uint64_t at, uint64_t bytes, uint64_t chunk)
{
	for (uint64_t end = at + bytes; at < end;) {
		size_t part = MIN(chunk, end - at);
		ssize_t done;

		fill(p, part);
		done = pwrite(fd, p->buffer, part, (off_t)at);
		if (done != (ssize_t)part)
			return done < 0 ? -errno : -EIO;
		at += part;
	}
	return 0;
}

static int do_write(struct live_player *p, int fd, const struct script_op *op)
{
	uint64_t chunk = op->numbers > 2 ? op->number[2] : WRITE_CHUNK;

	return write_span(p, fd, op->number[0], op->number[1], chunk);
}

static int do_truncwrite(struct live_player *p, int fd, const struct script_op *op)
{
	return write_span(p, fd, 0, op->number[0], WRITE_CHUNK);
}

static int do_randwrite(struct live_player *p, int fd, const struct script_op *op)
{
	uint64_t state = op->number[3], block = op->number[1], blocks = op->number[0] / block;
	int rc = 0;

	for (uint64_t i = 0; !rc && i < op->number[2]; i++) {
		rc = write_span(p, fd, script_random(&state) % blocks * block, block, WRITE_CHUNK);
		if (!rc && op->flag)
			rc = outcome(fdatasync(fd));
	}
	return rc;
}

static int do_append(struct live_player *p, int fd, const struct script_op *op)
{
	int rc = 0;

	for (uint64_t i = 0; !rc && i < op->number[1]; i++) {
		struct stat st;

		rc = outcome(fstat(fd, &st));
		if (!rc)
			rc = write_span(p, fd, (uint64_t)st.st_size, op->number[0], WRITE_CHUNK);
		if (!rc && op->flag)
			rc = outcome(fdatasync(fd));
	}
	return rc;
}

static int do_read(struct live_player *p, int fd, const struct script_op *op)
{
	uint64_t at = op->number[0], end = at + op->number[1];
	uint64_t chunk = op->numbers > 2 ? op->number[2] : WRITE_CHUNK;

	reserve(p, MIN(chunk, op->number[1]));
	for (; at < end; at += chunk)
		if (pread(fd, p->buffer, MIN(chunk, end - at), (off_t)at) < 0)
			return -errno;
	return 0;
}

static int do_truncate(struct live_player *p, int fd, const struct script_op *op)
{
	(void)p;
	return outcome(ftruncate(fd, (off_t)op->number[0]));
}

static int do_fallocate(struct live_player *p, int fd, const struct script_op *op)
{
	int mode = op->code == SCRIPT_PUNCH  ? FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
		   : op->code == SCRIPT_ZERO ? FALLOC_FL_ZERO_RANGE
		   : op->flag		     ? FALLOC_FL_KEEP_SIZE
					     : 0;

	(void)p;
	return outcome(fallocate(fd, mode, (off_t)op->number[0], (off_t)op->number[1]));
}

static int do_defrag(struct live_player *p, int fd, const struct script_op *op)
{
	struct btrfs_ioctl_defrag_range_args range = {
		.len = UINT64_MAX,
		.flags = BTRFS_DEFRAG_RANGE_START_IO,
		.extent_thresh = op->numbers ? (guint32)op->number[0] : 0,
	};

	(void)p;
	return outcome(ioctl(fd, BTRFS_IOC_DEFRAG_RANGE, &range));
}

static int do_nocow(struct live_player *p, int fd, const struct script_op *op)
{
	int flags, rc = outcome(ioctl(fd, FS_IOC_GETFLAGS, &flags));

	(void)p, (void)op;
	flags |= FS_NOCOW_FL;
	return rc ? rc : outcome(ioctl(fd, FS_IOC_SETFLAGS, &flags));
}

static int do_fsync(struct live_player *p, int fd, const struct script_op *op)
{
	(void)p, (void)op;
	return outcome(fsync(fd));
}

static int do_nothing(struct live_player *p, int fd, const struct script_op *op)
{
	(void)p, (void)fd, (void)op;
	return 0;
}

/* ---- two files ---- */

static int dedupe(struct live_player *p, int source, int target, const struct script_op *op)
{
	union {
		struct file_dedupe_range range;
		guint8 room[sizeof(struct file_dedupe_range) +
			    sizeof(struct file_dedupe_range_info)];
	} args = {.range = {.src_offset = op->number[0],
			    .src_length = op->number[1],
			    .dest_count = 1}};
	struct file_dedupe_range_info info = {.dest_fd = target, .dest_offset = op->number[2]};

	memcpy(args.room + sizeof(args.range), &info, sizeof(info));
	if (ioctl(source, FIDEDUPERANGE, &args))
		return -errno;
	memcpy(&info, args.room + sizeof(args.range), sizeof(info));
	if (info.status >= 0)
		g_string_printf(p->outcome, "status %d bytes %" G_GUINT64_FORMAT, info.status,
				(uint64_t)info.bytes_deduped);
	return info.status;
}

static int share_into(struct live_player *p, int target, const struct script_op *op)
{
	struct file_clone_range range = {.src_offset = op->number[0],
					 .src_length = op->number[1],
					 .dest_offset = op->number[2]};
	void *held = NULL;
	bool is_held = g_hash_table_lookup_extended(p->held, op->name[0], NULL, &held);
	int source = is_held ? GPOINTER_TO_INT(held)
			     : openat(p->root, op->name[0], O_RDONLY | O_CLOEXEC);
	int rc;

	if (source < 0)
		return -errno;
	range.src_fd = source;
	if (op->code == SCRIPT_DEDUPE)
		rc = dedupe(p, source, target, op);
	else if (op->code == SCRIPT_REFLINK)
		rc = outcome(ioctl(target, FICLONE, source));
	else
		rc = outcome(ioctl(target, FICLONERANGE, &range));
	if (!is_held)
		close(source);
	return rc;
}

/* A missing source must not leave an empty target behind. */
static int share(struct live_player *p, const struct script_op *op)
{
	int rc = outcome(faccessat(p->root, op->name[0], R_OK, 0));

	return rc ? rc : with_file(p, op->name[1], O_RDWR | O_CREAT, share_into, op);
}

/* ---- subvolumes ---- */

static int create_subvolume(const struct live_player *p, const char *name)
{
	struct btrfs_ioctl_vol_args args = {0};

	g_strlcpy(args.name, name, sizeof(args.name));
	return outcome(ioctl(p->root, BTRFS_IOC_SUBVOL_CREATE, &args));
}

static int snapshot(struct live_player *p, const struct script_op *op)
{
	struct btrfs_ioctl_vol_args_v2 args = {0};
	int source = openat(p->root, op->name[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	if (source < 0)
		return -errno;
	args.fd = source;
	g_strlcpy(args.name, op->name[1], sizeof(args.name));
	rc = outcome(ioctl(p->root, BTRFS_IOC_SNAP_CREATE_V2, &args));
	close(source);
	for (size_t i = 0; !rc && op->files[i]; i++) {
		g_autofree char *name = g_strconcat(op->name[1], "/", op->files[i], NULL);

		script_track(p->tracked, name);
	}
	return rc;
}

static void note_item(void *arg, const struct live_key *key, const guint8 *data, uint32_t bytes)
{
	(void)key, (void)data, (void)bytes;
	*(bool *)arg = true;
}

/* Waits until the cleaner has dropped the tree. BTRFS_IOC_SYNC, unlike syncfs, wakes it. */
static int wait_for_cleaner(const struct live_player *p, uint64_t subvolume)
{
	const struct timespec pause = {.tv_nsec = CLEANER_POLL_NS};
	const struct live_key low = {subvolume, BTRFS_ROOT_ITEM_KEY, 0};
	const struct live_key high = {subvolume, BTRFS_ROOT_ITEM_KEY, UINT64_MAX};

	for (int i = 0; i < CLEANER_TRIES; i++) {
		bool there = false;
		int rc = outcome(ioctl(p->root, BTRFS_IOC_SYNC, NULL));

		if (!rc)
			rc = live_tree_search(p->root, BTRFS_ROOT_TREE_OBJECTID, low, &high,
					      note_item, &there);
		if (rc || !there)
			return rc;
		nanosleep(&pause, NULL);
	}
	return -ETIMEDOUT;
}

static int delete_subvolume(struct live_player *p, const char *name)
{
	struct btrfs_ioctl_vol_args args = {0};
	int fd = openat(p->root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;
	uint64_t subvolume;

	if (fd < 0)
		return -errno;
	subvolume = live_subvolume_of(fd);
	close(fd);
	g_strlcpy(args.name, name, sizeof(args.name));
	rc = outcome(ioctl(p->root, BTRFS_IOC_SNAP_DESTROY, &args));
	if (rc)
		return rc;
	script_untrack(p->tracked, name);
	return wait_for_cleaner(p, subvolume);
}

/* ---- names, and the filesystem as a whole ---- */

static int hold(struct live_player *p, const char *name)
{
	int fd, rc;

	if (g_hash_table_contains(p->held, name))
		return -EBUSY;
	rc = open_tracked(p, name, O_RDWR | O_CREAT, &fd);
	if (!rc)
		g_hash_table_insert(p->held, g_strdup(name), GINT_TO_POINTER(fd));
	return rc;
}

static int let_go(struct live_player *p, const char *name)
{
	void *fd;

	if (!g_hash_table_lookup_extended(p->held, name, NULL, &fd))
		return -EBADF;
	g_hash_table_remove(p->held, name);
	return outcome(close(GPOINTER_TO_INT(fd)));
}

static int move(struct live_player *p, const struct script_op *op)
{
	int rc = outcome(renameat(p->root, op->name[0], p->root, op->name[1]));

	if (!rc)
		script_retrack(p->tracked, op->name[0], op->name[1]);
	return rc;
}

static int remove_name(struct live_player *p, const struct script_op *op)
{
	int rc = outcome(
		unlinkat(p->root, op->name[0], op->code == SCRIPT_RMDIR ? AT_REMOVEDIR : 0));

	if (!rc)
		script_untrack(p->tracked, op->name[0]);
	return rc;
}

static int link_name(struct live_player *p, const struct script_op *op)
{
	int rc = outcome(linkat(p->root, op->name[0], p->root, op->name[1], 0));

	if (!rc)
		script_track(p->tracked, op->name[1]);
	return rc;
}

static int stat_name(const struct live_player *p, const char *name)
{
	struct stat st;

	return outcome(fstatat(p->root, name, &st, 0));
}

static int list(struct live_player *p, const char *name)
{
	int fd = openat(p->root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	unsigned int names = 0;

	if (!dir)
		return -errno;
	for (const struct dirent *entry; (entry = readdir(dir));)
		names += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
	closedir(dir);
	g_string_printf(p->outcome, "%u", names);
	return 0;
}

static int balance(const struct live_player *p)
{
	struct btrfs_ioctl_balance_args args = {.flags = BTRFS_BALANCE_DATA};

	return outcome(ioctl(p->root, BTRFS_IOC_BALANCE_V2, &args));
}

/* sync; echo 3 > drop_caches */
static int drop_caches(const struct live_player *p)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC), rc;

	if (fd < 0)
		return -errno;
	rc = outcome(syncfs(p->root));
	if (!rc)
		rc = outcome((int)write(fd, "3", 1));
	close(fd);
	return rc;
}

/* ---- by its code ---- */

static const struct {
	file_work work;
	int flags;
} file_ops[SCRIPT_CODES] = {
	[SCRIPT_WRITE] = {do_write, O_RDWR | O_CREAT},
	[SCRIPT_DIO] = {do_write, O_RDWR | O_CREAT | O_DIRECT},
	[SCRIPT_RANDWRITE] = {do_randwrite, O_RDWR | O_CREAT},
	[SCRIPT_APPEND] = {do_append, O_RDWR | O_CREAT},
	[SCRIPT_TRUNCWRITE] = {do_truncwrite, O_RDWR | O_CREAT | O_TRUNC},
	[SCRIPT_READ] = {do_read, O_RDONLY},
	[SCRIPT_DREAD] = {do_read, O_RDONLY | O_DIRECT},
	[SCRIPT_TRUNCATE] = {do_truncate, O_RDWR | O_CREAT},
	[SCRIPT_PUNCH] = {do_fallocate, O_RDWR | O_CREAT},
	[SCRIPT_ZERO] = {do_fallocate, O_RDWR | O_CREAT},
	[SCRIPT_FALLOC] = {do_fallocate, O_RDWR | O_CREAT},
	[SCRIPT_DEFRAG] = {do_defrag, O_RDWR | O_CREAT},
	[SCRIPT_NOCOW] = {do_nocow, O_RDWR | O_CREAT},
	[SCRIPT_FSYNC] = {do_fsync, O_RDWR},
	[SCRIPT_CREATE] = {do_nothing, O_RDWR | O_CREAT | O_EXCL},
};

bool live_can(enum script_code code)
{
	static const enum script_code more[] = {
		SCRIPT_REFLINK, SCRIPT_CLONE,	   SCRIPT_DEDUPE, SCRIPT_RENAME,  SCRIPT_LINK,
		SCRIPT_UNLINK,	SCRIPT_RMDIR,	   SCRIPT_OPEN,	  SCRIPT_CLOSE,	  SCRIPT_MKDIR,
		SCRIPT_SUBVOL,	SCRIPT_SNAPSHOT,   SCRIPT_SUBDEL, SCRIPT_BALANCE, SCRIPT_PATTERN,
		SCRIPT_SYNC,	SCRIPT_DROPCACHES, SCRIPT_DUMP,	  SCRIPT_STAT,	  SCRIPT_LS,
	};

	for (size_t i = 0; i < G_N_ELEMENTS(more); i++)
		if (more[i] == code)
			return true;
	return file_ops[code].work || live_is_key_op(code);
}

static int do_other(struct live_player *p, const struct script_op *op)
{
	switch (op->code) {
	case SCRIPT_REFLINK:
	case SCRIPT_CLONE:
	case SCRIPT_DEDUPE:
		return share(p, op);
	case SCRIPT_RENAME:
		return move(p, op);
	case SCRIPT_LINK:
		return link_name(p, op);
	case SCRIPT_UNLINK:
	case SCRIPT_RMDIR:
		return remove_name(p, op);
	case SCRIPT_STAT:
		return stat_name(p, op->name[0]);
	case SCRIPT_LS:
		return list(p, op->name[0]);
	case SCRIPT_OPEN:
		return hold(p, op->name[0]);
	case SCRIPT_CLOSE:
		return let_go(p, op->name[0]);
	case SCRIPT_MKDIR:
		return outcome(mkdirat(p->root, op->name[0], DIRECTORY_MODE));
	case SCRIPT_SUBVOL:
		return create_subvolume(p, op->name[0]);
	case SCRIPT_SNAPSHOT:
		return snapshot(p, op);
	case SCRIPT_SUBDEL:
		return delete_subvolume(p, op->name[0]);
	case SCRIPT_BALANCE:
		return balance(p);
	case SCRIPT_PATTERN:
		p->pattern = (int)op->number[0];
		return 0;
	case SCRIPT_DROPCACHES:
		return drop_caches(p);
	default:
		return outcome(syncfs(p->root));
	}
}

int live_do(struct live_player *player, const struct script_op *op)
{
	g_assert(live_can(op->code));
	g_string_truncate(player->outcome, 0);
	if (live_is_key_op(op->code))
		return live_do_key(player, op);
	if (!file_ops[op->code].work)
		return do_other(player, op);
	return with_file(player, op->name[0], file_ops[op->code].flags, file_ops[op->code].work,
			 op);
}
