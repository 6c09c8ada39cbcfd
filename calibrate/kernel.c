/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's own path, by what system calls take longer on files that differ in one thing: plain, with a key
 * for each mode (IV_INO_LBLK_64), with a key of their own, and that in units of 512 bytes. A round mounts
 * anew, so that nothing is cached, and goes through all of them in turns.
 */
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "calibrate/internal.h"
#include "calibrate/scratch_fs.h"

enum {
	FILES = 400, /* of each kind */
	WRITTEN = 100, /* of them, synced one by one */
	REMOVALS = 8, /* of each key in a round */
	TRIES = 3000, /* of one */
	TRY_AGAIN_US = 1000,
	ROUNDS_LEAST = 3,
	SHARE_OF_TIME = 6, /* of what one other figure may take: there are many in a round */
	UNIT_BITS = 9,
	UNITS_MORE = KERNEL_BLOCK_BYTES / 512 - 1,
};

enum kind { PLAIN, SHARED, OWN, UNITS, KINDS };
static const char *const kind_names[KINDS] = {"plain", "shared", "own", "units"};

enum call { OPEN, CLOSE, READ, SYNC, REMOVE, ADD, CALLS };
static const struct {
	const char *name, *what;
} calls[CALLS] = {
	[OPEN] = {"open", "open(), inode cached, no key set up"},
	[CLOSE] = {"close", "close()"},
	[READ] = {"read", "read() of 4 KiB not cached, the device in memory"},
	[SYNC] = {"sync", "fdatasync() of 4 KiB, the device in memory"},
	[REMOVE] = {"remove", "FS_IOC_REMOVE_ENCRYPTION_KEY, per cached inode"},
	[ADD] = {"add-key", "FS_IOC_ADD_ENCRYPTION_KEY, not the first of the mount"},
};

struct path {
	struct bench *bench;
	struct scratch_fs fs;
	bool units; /* the kernel has units smaller than a block */
	int directory[KINDS];
	uint8_t identifier[KINDS][SCRATCH_IDENTIFIER_BYTES];
	GArray *ns[CALLS][KINDS];
};

static bool used(const struct path *path, enum kind kind)
{
	return kind != UNITS || path->units;
}

static void note(struct path *path, enum call call, enum kind kind, uint64_t begin, double per)
{
	double ns = ((double)(clock_raw_ns() - begin) - path->bench->out->clock_ns) / per;

	g_array_append_val(path->ns[call][kind], ns);
}

static void name_of(char name[static 8], int i)
{
	g_snprintf(name, 8, "f%d", i);
}

static char *io_failed(const char *what)
{
	return g_strdup_printf("%s on the scratch ext4 failed", what);
}

/* ---- making ---- */

static char *make_kind(struct path *path, enum kind kind)
{
	uint8_t block[KERNEL_BLOCK_BYTES] = {1};
	char *why = NULL;
	int dir;

	if (mkdirat(path->fs.root, kind_names[kind], 0700))
		return io_failed("mkdir()");
	dir = openat(path->fs.root, kind_names[kind], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return io_failed("open()");
	if (kind != PLAIN)
		why = scratch_fs_add_key(&path->fs, (uint8_t)kind, path->identifier[kind]);
	if (kind != PLAIN && !why)
		why = scratch_fs_set_policy(dir, path->identifier[kind], kind == SHARED,
					    kind == UNITS ? UNIT_BITS : 0);
	for (int i = 0; !why && i < FILES; i++) {
		char name[8];
		int fd;

		name_of(name, i);
		fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0 || pwrite(fd, block, sizeof(block), 0) != sizeof(block))
			why = io_failed("writing");
		if (fd >= 0)
			close(fd);
	}
	close(dir);
	return why;
}

static char *make_files(struct path *path)
{
	char *why = scratch_fs_mount(&path->fs);

	for (enum kind kind = PLAIN; !why && kind < UNITS; kind++)
		why = make_kind(path, kind);
	if (!why) {
		g_autofree char *no_units = make_kind(path, UNITS);

		path->units = !no_units;
	}
	scratch_fs_unmount(&path->fs);
	return why;
}

/* ---- a round ---- */

/* The first one pays for the keyring. */
static char *add_key(struct path *path, enum kind kind)
{
	uint64_t begin = clock_raw_ns();
	char *why = scratch_fs_add_key(&path->fs, (uint8_t)kind, path->identifier[kind]);

	if (kind == OWN)
		note(path, ADD, OWN, begin, 1);
	return why;
}

static char *enter(struct path *path)
{
	char *why = scratch_fs_mount(&path->fs);

	for (enum kind kind = PLAIN; !why && kind < KINDS; kind++) {
		struct stat st;
		char name[8];

		if (!used(path, kind))
			continue;
		if (kind != PLAIN)
			why = add_key(path, kind);
		path->directory[kind] =
			openat(path->fs.root, kind_names[kind], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		for (int i = 0; !why && i < FILES; i++) {
			name_of(name, i);
			if (fstatat(path->directory[kind], name, &st, 0))
				why = io_failed("stat()");
		}
	}
	return why;
}

static bool open_close(struct path *path, enum kind kind, const char *name)
{
	uint64_t begin = clock_raw_ns();
	int fd = openat(path->directory[kind], name, O_RDONLY);

	if (fd < 0)
		return false;
	note(path, OPEN, kind, begin, 1);
	begin = clock_raw_ns();
	close(fd);
	note(path, CLOSE, kind, begin, 1);
	return true;
}

static bool read_block(struct path *path, enum kind kind, const char *name)
{
	int fd = openat(path->directory[kind], name, O_RDONLY | O_CLOEXEC);
	uint8_t block[KERNEL_BLOCK_BYTES];
	uint64_t begin = clock_raw_ns();
	bool fine = fd >= 0 && pread(fd, block, sizeof(block), 0) == sizeof(block);

	note(path, READ, kind, begin, 1);
	if (fd >= 0)
		close(fd);
	return fine;
}

static bool write_block(struct path *path, enum kind kind, const char *name)
{
	int fd = openat(path->directory[kind], name, O_WRONLY | O_CLOEXEC);
	uint8_t block[KERNEL_BLOCK_BYTES] = {2};
	bool fine = fd >= 0 && pwrite(fd, block, sizeof(block), 0) == sizeof(block);
	uint64_t begin = clock_raw_ns();

	fine = fine && !fdatasync(fd);
	note(path, SYNC, kind, begin, 1);
	if (fd >= 0)
		close(fd);
	return fine;
}

static char *each(struct path *path, int files, const char *what,
		  bool (*work)(struct path *, enum kind, const char *))
{
	for (int i = 0; i < files && !bench_interrupted(path->bench); i++) {
		char name[8];

		name_of(name, i);
		for (enum kind kind = PLAIN; kind < KINDS; kind++)
			if (used(path, kind) && !work(path, kind, name))
				return io_failed(what);
	}
	return NULL;
}

/* Who walks over all inodes, as reclaim does, keeps one for an instant: that removal does not count. */
static char *remove_key(struct path *path, enum kind kind)
{
	char *why = NULL;
	bool busy = true;

	for (int i = 0; !why && busy && i < TRIES; i++) {
		uint64_t begin = clock_raw_ns();

		why = scratch_fs_remove_key(&path->fs, path->identifier[kind], &busy);
		if (!why && !busy && !i)
			note(path, REMOVE, kind, begin, FILES);
		if (busy)
			g_usleep(TRY_AGAIN_US);
	}
	return !why && busy ? g_strdup("a removed key stays busy") : why;
}

/* Sets up the key of every file again. */
static char *open_all(struct path *path, enum kind kind)
{
	int dir = openat(path->fs.root, kind_names[kind], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char *why = dir < 0 ? io_failed("open()") : NULL;

	for (int i = 0; !why && i < FILES; i++) {
		char name[8];
		int fd;

		name_of(name, i);
		fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			why = io_failed("open()");
		else
			close(fd);
	}
	if (dir >= 0)
		close(dir);
	return why;
}

/* Of the kinds that differ in whether a cipher is torn down with the inode. */
static char *remove_keys(struct path *path)
{
	char *why = NULL;

	for (int i = 0; !why && i < REMOVALS; i++)
		for (enum kind kind = SHARED; !why && kind <= OWN; kind++) {
			why = remove_key(path, kind);
			if (!why)
				why = add_key(path, kind);
			if (!why)
				why = open_all(path, kind);
		}
	return why;
}

static char *one_round(struct path *path)
{
	char *why;

	for (enum kind kind = PLAIN; kind < KINDS; kind++)
		path->directory[kind] = -1;
	why = enter(path);
	if (!why)
		why = each(path, FILES, "open()", open_close);
	if (!why)
		why = each(path, FILES, "read()", read_block);
	if (!why)
		why = each(path, WRITTEN, "fdatasync()", write_block);
	if (!why && syncfs(path->directory[PLAIN])) /* what removal would write first */
		why = io_failed("syncfs()");
	for (enum kind kind = PLAIN; kind < KINDS; kind++)
		if (path->directory[kind] >= 0)
			close(path->directory[kind]);
	if (!why)
		why = remove_keys(path);
	scratch_fs_unmount(&path->fs);
	return why;
}

/* ---- figures ---- */

static struct calibrate_figure *add_figure(struct path *path, enum call call, enum kind kind)
{
	const GArray *ns = path->ns[call][kind];
	g_autofree char *name = g_strdup_printf("kernel-%s-%s", calls[call].name, kind_names[kind]);
	g_autofree char *what =
		g_strdup_printf("%s, %s", calls[call].what,
				kind == PLAIN	 ? "not encrypted"
				: kind == SHARED ? "one key for all files (IV_INO_LBLK_64)"
				: kind == OWN	 ? "a key for each file"
						 : "a key for each file, units of 512 bytes");
	struct calibrate_figure *figure = bench_figure(path->bench, name, what);

	figure->times = 1;
	figure_fill(figure, (double *)(void *)ns->data, ns->len, path->bench->out->width);
	return figure;
}

static void add_difference(struct path *path, const char *name, const char *what, const char *of,
			   const char *less, double units)
{
	struct calibration *out = path->bench->out;
	const struct calibrate_figure *a = calibration_find(out, of),
				      *b = calibration_find(out, less);
	struct calibrate_figure *figure = bench_figure(path->bench, name, what);

	if (!a || !b) {
		figure->skipped = g_strdup("this kernel has no units smaller than a block");
		return;
	}
	figure_difference(figure, a, b, out->width);
	figure->min_ns /= units;
	figure->p50_ns /= units;
	figure->p90_ns /= units;
	figure->p99_ns /= units;
}

static void add_figures(struct path *path)
{
	for (enum call call = OPEN; call < CALLS; call++)
		for (enum kind kind = PLAIN; kind < KINDS; kind++)
			if (path->ns[call][kind]->len)
				add_figure(path, call, kind);
	add_difference(path, "kernel-info",
		       "encryption info of a file, but its key: open() "
		       "with one key for all less plain",
		       "kernel-open-shared", "kernel-open-plain", 1);
	add_difference(path, "kernel-key-setup",
		       "key set-up of a file: open() with a key for each less one for all",
		       "kernel-open-own", "kernel-open-shared", 1);
	add_difference(path, "kernel-decrypt-4k",
		       "decrypting 4 KiB: read() of a file with its own "
		       "key less plain",
		       "kernel-read-own", "kernel-read-plain", 1);
	add_difference(path, "kernel-encrypt-4k",
		       "encrypting 4 KiB: fdatasync() of a file with its own key less plain",
		       "kernel-sync-own", "kernel-sync-plain", 1);
	add_difference(path, "kernel-data-unit",
		       "one more data unit: read() in units of 512 bytes less one of 4 KiB",
		       "kernel-read-units", "kernel-read-own", UNITS_MORE);
	add_difference(path, "kernel-tear-down",
		       "tear-down of a file's key: removal with a key for each less one for all",
		       "kernel-remove-own", "kernel-remove-shared", 1);
}

/* ---- all of it ---- */

static bool narrow(const struct path *path, enum call call, enum kind kind)
{
	const GArray *ns = path->ns[call][kind];
	g_autofree double *copy = g_memdup2(ns->data, ns->len * sizeof(double));
	struct calibrate_figure figure = {.times = 1};

	figure_fill(&figure, copy, ns->len, path->bench->out->width);
	return figure.narrow;
}

static char *rounds(struct path *path)
{
	uint64_t begin = clock_raw_ns(), most = path->bench->most_ns * SHARE_OF_TIME;
	char *why = NULL;

	for (int i = 0; !why && !bench_interrupted(path->bench); i++) {
		if (i >= ROUNDS_LEAST && (clock_raw_ns() - begin > most ||
					  (narrow(path, OPEN, OWN) && narrow(path, READ, OWN) &&
					   narrow(path, SYNC, OWN) && narrow(path, REMOVE, OWN))))
			break;
		why = one_round(path);
	}
	return why;
}

bool measure_kernel(struct bench *bench)
{
	struct path path = {.bench = bench};
	bool interrupted;
	char *why;

	bench_begins(bench, "the kernel's path, on an ext4 in memory");
	for (enum call call = OPEN; call < CALLS; call++)
		for (enum kind kind = PLAIN; kind < KINDS; kind++)
			path.ns[call][kind] = g_array_new(FALSE, FALSE, sizeof(double));
	why = geteuid() ? g_strdup("takes root, to mount") : scratch_fs_new(&path.fs);
	if (!why) {
		why = make_files(&path);
		if (!why)
			why = rounds(&path);
		scratch_fs_clear(&path.fs);
	}
	interrupted = bench_interrupted(bench);
	if (why)
		bench_skip(bench, "kernel", "the kernel's path", why);
	else if (!interrupted)
		add_figures(&path);
	g_free(why);
	for (enum call call = OPEN; call < CALLS; call++)
		for (enum kind kind = PLAIN; kind < KINDS; kind++)
			g_array_unref(path.ns[call][kind]);
	return !interrupted;
}
