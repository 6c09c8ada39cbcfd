/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a script does with the data of files. A file is opened for each operation and closed after it,
 * unless `open` holds it. */
#include "models/workload/player.h"

#include <errno.h>
#include <string.h>

/* write and read without a CHUNK go in calls of this size, as the recordings were made. */
enum { DEFAULT_CHUNK_BYTES = 1 << 20 };

/* ---- operations on one open file ---- */

typedef int (*file_work)(struct player *p, struct btrfs_file *file, const struct script_op *op);

static int with_file(struct player *p, const struct script_op *op, const char *name, unsigned flags,
		     file_work work)
{
	struct btrfs_file *file =
		flags & ~(unsigned)BTRFS_O_CREAT ? NULL : g_hash_table_lookup(p->held, name);
	int err;

	if (file)
		return work(p, file, op);
	err = btrfs_open(p->task, p->workload->fs, name, flags, &file);
	if (err)
		return err;
	if (flags & BTRFS_O_CREAT)
		player_track(p, name);
	err = work(p, file, op);
	btrfs_close(p->task, file);
	return err;
}

static int write_span(struct player *p, struct btrfs_file *file, uint64_t at, uint64_t len,
		      uint64_t chunk)
{
	uint64_t end = at + len;
	int err = 0;

	while (!err && at < end) {
		uint64_t part = MIN(chunk, end - at);

		err = btrfs_write_content(p->task, file, at, part, p->content);
		at += part;
	}
	return err;
}

static int do_write(struct player *p, struct btrfs_file *file, const struct script_op *op)
{
	uint64_t chunk = op->numbers > 2 ? op->number[2] : DEFAULT_CHUNK_BYTES;

	return write_span(p, file, op->number[0], op->number[1], chunk);
}

static int do_truncwrite(struct player *p, struct btrfs_file *file, const struct script_op *op)
{
	return write_span(p, file, 0, op->number[0], DEFAULT_CHUNK_BYTES);
}

static int do_read(struct player *p, struct btrfs_file *file, const struct script_op *op)
{
	uint64_t at = op->number[0], end = at + op->number[1];
	uint64_t chunk = op->numbers > 2 ? op->number[2] : DEFAULT_CHUNK_BYTES;
	int err = 0;

	for (; !err && at < end; at += chunk)
		err = btrfs_read(p->task, file, at, MIN(chunk, end - at));
	return err;
}

/* The offsets are part of the language, not draws of the run: they are the same for every seed. */
static int do_randwrite(struct player *p, struct btrfs_file *file, const struct script_op *op)
{
	uint64_t state = op->number[3], block = op->number[1], blocks = op->number[0] / block;
	int err = 0;

	for (uint64_t i = 0; !err && i < op->number[2]; i++) {
		uint64_t at = script_random(&state) % blocks * block;

		err = btrfs_write_content(p->task, file, at, block, p->content);
		if (!err && op->flag)
			err = btrfs_fsync(p->task, file);
	}
	return err;
}

static int do_append(struct player *p, struct btrfs_file *file, const struct script_op *op)
{
	const struct btrfs_inode *inode = btrfs_file_inode(file);
	int err = 0;

	for (uint64_t i = 0; !err && i < op->number[1]; i++) {
		err = btrfs_write_content(p->task, file, btrfs_inode_size(inode), op->number[0],
					  p->content);
		if (!err && op->flag)
			err = btrfs_fsync(p->task, file);
	}
	return err;
}

static int do_truncate(struct player *p, struct btrfs_file *file, const struct script_op *op)
{
	return btrfs_truncate(p->task, file, op->number[0]);
}

static int do_punch(struct player *p, struct btrfs_file *file, const struct script_op *op)
{
	return btrfs_punch_hole(p->task, file, op->number[0], op->number[1]);
}

static int do_zero(struct player *p, struct btrfs_file *file, const struct script_op *op)
{
	return btrfs_zero_range(p->task, file, op->number[0], op->number[1]);
}

static int do_falloc(struct player *p, struct btrfs_file *file, const struct script_op *op)
{
	return btrfs_fallocate(p->task, file, op->number[0], op->number[1], op->flag);
}

static int do_defrag(struct player *p, struct btrfs_file *file, const struct script_op *op)
{
	return btrfs_defrag_file(p->task, file, op->numbers ? op->number[0] : 0);
}

static int do_nocow(struct player *p, struct btrfs_file *file, const struct script_op *op)
{
	(void)op;
	return btrfs_set_nocow(p->task, file);
}

static int do_fsync(struct player *p, struct btrfs_file *file, const struct script_op *op)
{
	(void)op;
	return btrfs_fsync(p->task, file);
}

/* ---- operations on two files ---- */

static int two_files(struct player *p, struct btrfs_file *target, const struct script_op *op)
{
	struct btrfs_file *source = g_hash_table_lookup(p->held, op->name[0]), *opened = NULL;
	int err = source ? 0 : btrfs_open(p->task, p->workload->fs, op->name[0], 0, &opened);

	if (err)
		return err;
	source = source ? source : opened;
	if (op->code == SCRIPT_DEDUPE)
		err = btrfs_dedupe_range(p->task, source, op->number[0], op->number[1], target,
					 op->number[2], &p->deduped);
	else
		err = btrfs_clone_range(p->task, source, op->number[0], op->number[1], target,
					op->number[2]);
	if (opened)
		btrfs_close(p->task, opened);
	return err;
}

int player_share(struct player *p, const struct script_op *op)
{
	struct btrfs_file *source;
	int err;

	/* The source is opened first: a missing one must not leave an empty target behind. */
	if (!g_hash_table_contains(p->held, op->name[0])) {
		err = btrfs_open(p->task, p->workload->fs, op->name[0], 0, &source);
		if (err)
			return err;
		btrfs_close(p->task, source);
	}
	return with_file(p, op, op->name[1], BTRFS_O_CREAT, two_files);
}

/* The range that a refused reflink or clone was asked for, read and written. */
static int copy_range(struct player *p, struct btrfs_file *target, const struct script_op *op)
{
	struct btrfs_file *source = g_hash_table_lookup(p->held, op->name[0]), *opened = NULL;
	int err = source ? 0 : btrfs_open(p->task, p->workload->fs, op->name[0], 0, &opened);
	struct workload_copy copy = {.to = target,
				     .from_offset = op->number[0],
				     .to_offset = op->number[2],
				     .io_bytes = DEFAULT_CHUNK_BYTES};
	uint64_t size;

	if (err)
		return err;
	copy.from = source ? source : opened;
	size = btrfs_inode_size(btrfs_file_inode(copy.from));
	size -= MIN(size, copy.from_offset);
	copy.bytes = op->number[1] ? MIN(op->number[1], size) : size;
	err = workload_copy(p->task, &copy);
	if (!err)
		p->copied_bytes += copy.bytes;
	if (opened)
		btrfs_close(p->task, opened);
	return err;
}

/* Nothing needs to be copied where a dedupe was refused. */
void player_copy_instead(struct player *p, const struct script_op *op, uint64_t request)
{
	struct op_timer timer;

	if (op->code == SCRIPT_DEDUPE)
		return;
	timer = op_begin(p->workload, p->task, "copy", request);
	op_end(p->workload, p->task, &timer,
	       with_file(p, op, op->name[1], BTRFS_O_CREAT, copy_range));
}

/* ---- by its code ---- */

int player_file_op(struct player *p, const struct script_op *op)
{
	static const struct {
		file_work work;
		unsigned flags;
	} ops[SCRIPT_CODES] = {
		[SCRIPT_WRITE] = {do_write, BTRFS_O_CREAT},
		[SCRIPT_DIO] = {do_write, BTRFS_O_CREAT | BTRFS_O_DIRECT},
		[SCRIPT_RANDWRITE] = {do_randwrite, BTRFS_O_CREAT},
		[SCRIPT_APPEND] = {do_append, BTRFS_O_CREAT},
		[SCRIPT_TRUNCWRITE] = {do_truncwrite, BTRFS_O_CREAT | BTRFS_O_TRUNC},
		[SCRIPT_READ] = {do_read, 0},
		[SCRIPT_DREAD] = {do_read, BTRFS_O_DIRECT},
		[SCRIPT_TRUNCATE] = {do_truncate, BTRFS_O_CREAT},
		[SCRIPT_PUNCH] = {do_punch, BTRFS_O_CREAT},
		[SCRIPT_ZERO] = {do_zero, BTRFS_O_CREAT},
		[SCRIPT_FALLOC] = {do_falloc, BTRFS_O_CREAT},
		[SCRIPT_DEFRAG] = {do_defrag, BTRFS_O_CREAT},
		[SCRIPT_NOCOW] = {do_nocow, BTRFS_O_CREAT},
		[SCRIPT_FSYNC] = {do_fsync, 0},
	};

	return with_file(p, op, op->name[0], ops[op->code].flags, ops[op->code].work);
}

/* ---- files held open ---- */

int player_hold(struct player *p, const char *name)
{
	struct btrfs_file *file;
	int err;

	if (g_hash_table_contains(p->held, name))
		return -EBUSY;
	err = btrfs_open(p->task, p->workload->fs, name, BTRFS_O_CREAT, &file);
	if (err)
		return err;
	player_track(p, name);
	g_hash_table_insert(p->held, g_strdup(name), file);
	return 0;
}

int player_let_go(struct player *p, const char *name)
{
	struct btrfs_file *file = g_hash_table_lookup(p->held, name);

	if (!file)
		return -EBADF;
	g_hash_table_remove(p->held, name);
	btrfs_close(p->task, file);
	return 0;
}

void player_close_held(struct player *p)
{
	GList *names = g_list_sort(g_hash_table_get_keys(p->held), (GCompareFunc)strcmp);

	for (GList *name = names; name; name = name->next)
		btrfs_close(p->task, g_hash_table_lookup(p->held, name->data));
	g_list_free(names);
	g_hash_table_remove_all(p->held);
}
