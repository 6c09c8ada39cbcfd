/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The script actor: one task that runs an operation script, line after line. A file is opened for
 * each operation and closed after it, unless `open` holds it; `dump` prints the layout of every file
 * that the script has touched and that still exists.
 */
#include "models/workload/internal.h"

#include <errno.h>
#include <string.h>

/* write and read without a CHUNK go in calls of this size, as the recordings were made. */
enum { DEFAULT_CHUNK_BYTES = 1 << 20 };

struct script_config {
	char *script, *script_path;
	int64_t on_refusal, when;
	struct script *parsed; /* by check(); owned here */
};

/* When it runs, as seen by those who prepare what they work on. */
enum script_when { WHEN_AT_ONCE, WHEN_PREPARING, WHEN_PREPARED };

struct player {
	struct workload *workload;
	enum script_when when;
	const char *name;
	enum on_refusal on_refusal;
	uint64_t copied_bytes; /* because sharing was refused */
	const struct script *script;
	struct kernel_task *task;
	GHashTable *held; /* name → struct btrfs_file * */
	bool dumps; /* some line does: it needs `tracked` */
	GPtrArray *tracked; /* char *, in the order of first mention */
	GPtrArray *ops; /* char *, since the last dump */
	struct btrfs_dump *dump;
	uint16_t content; /* of writes: 0 or 1 + pattern */
	uint64_t deduped;
	GString *outcome; /* of the operation, where it is more than its errno; else empty */
	uint32_t number, steps;
};

/* Findings of one script; the metric counts them all. */
enum { FINDINGS_MAX = 100 };

static bool has_dump(const struct script *script)
{
	for (guint i = 0; i < script->ops->len; i++)
		if (g_array_index(script->ops, struct script_op, i).code == SCRIPT_DUMP)
			return true;
	return false;
}

static void track(struct player *p, const char *name)
{
	if (!p->dumps)
		return;
	for (guint i = 0; i < p->tracked->len; i++)
		if (!strcmp(p->tracked->pdata[i], name))
			return;
	g_ptr_array_add(p->tracked, g_strdup(name));
}

static void untrack(struct player *p, const char *name, bool below)
{
	size_t len = strlen(name);

	for (guint i = 0; i < p->tracked->len;) {
		const char *at = p->tracked->pdata[i];
		bool hit = below ? !strncmp(at, name, len) && at[len] == '/' : !strcmp(at, name);

		if (hit)
			g_ptr_array_remove_index(p->tracked, i);
		else
			i++;
	}
}

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
		track(p, name);
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

static uint64_t splitmix64(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);

	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return z ^ z >> 31;
}

/* The offsets are part of the language, not draws of the run: they are the same for every seed. */
static int do_randwrite(struct player *p, struct btrfs_file *file, const struct script_op *op)
{
	uint64_t state = op->number[3], block = op->number[1], blocks = op->number[0] / block;
	int err = 0;

	for (uint64_t i = 0; !err && i < op->number[2]; i++) {
		uint64_t at = splitmix64(&state) % blocks * block;

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

static int share(struct player *p, const struct script_op *op)
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
static void copy_instead(struct player *p, const struct script_op *op, uint64_t request)
{
	struct op_timer timer;

	if (op->code == SCRIPT_DEDUPE)
		return;
	timer = op_begin(p->workload, p->task, "copy", request);
	op_end(p->workload, p->task, &timer,
	       with_file(p, op, op->name[1], BTRFS_O_CREAT, copy_range));
}

/* ---- the rest ---- */

static int hold(struct player *p, const char *name)
{
	struct btrfs_file *file;
	int err;

	if (g_hash_table_contains(p->held, name))
		return -EBUSY;
	err = btrfs_open(p->task, p->workload->fs, name, BTRFS_O_CREAT, &file);
	if (err)
		return err;
	track(p, name);
	g_hash_table_insert(p->held, g_strdup(name), file);
	return 0;
}

static int let_go(struct player *p, const char *name)
{
	struct btrfs_file *file = g_hash_table_lookup(p->held, name);

	if (!file)
		return -EBADF;
	g_hash_table_remove(p->held, name);
	btrfs_close(p->task, file);
	return 0;
}

/* ---- keys ---- */

static int add_key(struct player *p, const struct script_op *op)
{
	struct fscrypt *fc = p->workload->crypt;
	uint32_t key = fscrypt_key_number(fc, op->name[0]);
	const char *user = op->name[1] ? op->name[1] : "root";

	if (!strcmp(user, "provisioned"))
		return fscrypt_add_provisioned_key(p->task, fc, key, FSCRYPT_ROOT);
	return fscrypt_add_key(p->task, fc, key, fscrypt_user_number(fc, user));
}

static int remove_key(struct player *p, const struct script_op *op)
{
	struct fscrypt *fc = p->workload->crypt;
	const char *user = op->name[1] ? op->name[1] : "root";
	enum fscrypt_removal flags;
	uint32_t busy;
	int err = fscrypt_remove_key(p->task, fc, fscrypt_key_number(fc, op->name[0]),
				     strcmp(user, "all") ? fscrypt_user_number(fc, user)
							 : FSCRYPT_ALL_USERS,
				     &flags, &busy);

	if (!err && flags == REMOVAL_FILES_BUSY)
		g_string_printf(p->outcome, "busy %u", busy);
	if (!err && flags == REMOVAL_OTHER_USERS)
		g_string_assign(p->outcome, "other-users");
	return err;
}

static int key_status(struct player *p, const char *name)
{
	static const char *const words[] = {[KEY_ABSENT] = "absent",
					    [KEY_PRESENT] = "present",
					    [KEY_INCOMPLETELY_REMOVED] = "incompletely-removed"};
	struct fscrypt *fc = p->workload->crypt;

	g_string_assign(p->outcome, words[fscrypt_key_status(fc, fscrypt_key_number(fc, name))]);
	return 0;
}

/* A key of the other type of specifier than the one used here, a v1 descriptor, does not fit. */
static int provision(struct player *p, const struct script_op *op)
{
	struct fscrypt *fc = p->workload->crypt;

	fscrypt_provision(fc, fscrypt_key_number(fc, op->name[0]),
			  g_strcmp0(op->name[1], "descriptor") != 0);
	return 0;
}

static int get_policy(struct player *p, const char *path)
{
	const char *name;
	uint32_t key;
	int err = btrfs_get_policy(p->task, p->workload->fs, path, &key);

	if (err)
		return err;
	name = fscrypt_key_name(p->workload->crypt, key);
	g_string_assign(p->outcome, name ? name : "none");
	return 0;
}

/* ---- names ---- */

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
	track(p, name);
	btrfs_close(p->task, file);
	return 0;
}

/* Dumps go on with what has moved, by its new name. */
static void retrack(struct player *p, const char *from, const char *to)
{
	size_t len = strlen(from);

	untrack(p, to, false);
	for (guint i = 0; i < p->tracked->len; i++) {
		char *at = p->tracked->pdata[i];

		if (strncmp(at, from, len) || (at[len] && at[len] != '/'))
			continue;
		p->tracked->pdata[i] = g_strconcat(to, at + len, NULL);
		g_free(at);
	}
}

static int change_name(struct player *p, const struct script_op *op)
{
	struct btrfs_fs *fs = p->workload->fs;
	int err = op->code == SCRIPT_LINK ? btrfs_link(p->task, fs, op->name[0], op->name[1])
					  : btrfs_rename(p->task, fs, op->name[0], op->name[1],
							 op->code == SCRIPT_EXCHANGE);

	if (!err && op->code == SCRIPT_LINK)
		track(p, op->name[1]);
	if (!err && op->code == SCRIPT_RENAME)
		retrack(p, op->name[0], op->name[1]);
	return err;
}

static int snapshot(struct player *p, const struct script_op *op)
{
	int err = btrfs_snapshot(p->task, p->workload->fs, op->name[0], op->name[1]);

	for (char **file = op->files; !err && *file; file++) {
		char *path = g_strconcat(op->name[1], "/", *file, NULL);

		track(p, path);
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
	untrack(p, op->name[0], op->code == SCRIPT_SUBDEL);
	/* Whoever waits for the cleaner wakes it with BTRFS_IOC_SYNC, which writes all back. */
	return op->code == SCRIPT_SUBDEL ? btrfs_sync_fs(p->task, fs) : 0;
}

static int do_file_op(struct player *p, const struct script_op *op)
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

static int do_key_op(struct player *p, const struct script_op *op)
{
	struct fscrypt *fc = p->workload->crypt;

	switch (op->code) {
	case SCRIPT_ADDKEY:
		return add_key(p, op);
	case SCRIPT_RMKEY:
		return remove_key(p, op);
	case SCRIPT_KEYSTATUS:
		return key_status(p, op->name[0]);
	case SCRIPT_PROVISION:
		return provision(p, op);
	case SCRIPT_POLICY:
		return fscrypt_set_policy(p->task, fc, op->name[0],
					  fscrypt_key_number(fc, op->name[1]));
	case SCRIPT_REKEY:
		return fscrypt_rekey(p->task, fc, op->name[0], fscrypt_key_number(fc, op->name[1]));
	case SCRIPT_REKEYTREE:
		return fscrypt_rekey_tree(p->task, fc, op->name[0],
					  fscrypt_key_number(fc, op->name[1]));
	case SCRIPT_GETPOLICY:
		return get_policy(p, op->name[0]);
	default:
		return do_file_op(p, op);
	}
}

static int do_name_op(struct player *p, const struct script_op *op)
{
	struct btrfs_fs *fs = p->workload->fs;

	switch (op->code) {
	case SCRIPT_CREATE:
		return create(p, op->name[0]);
	case SCRIPT_MKDIR:
		return btrfs_mkdir(p->task, fs, op->name[0]);
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
		return do_key_op(p, op);
	}
}

static int execute(struct player *p, const struct script_op *op)
{
	struct btrfs_fs *fs = p->workload->fs;

	switch (op->code) {
	case SCRIPT_REFLINK:
	case SCRIPT_CLONE:
	case SCRIPT_DEDUPE:
		return share(p, op);
	case SCRIPT_OPEN:
		return hold(p, op->name[0]);
	case SCRIPT_CLOSE:
		return let_go(p, op->name[0]);
	case SCRIPT_SUBVOL:
		return btrfs_subvol_create(p->task, fs, op->name[0]);
	case SCRIPT_SNAPSHOT:
		return snapshot(p, op);
	case SCRIPT_BALANCE:
		return btrfs_balance(p->task, fs);
	case SCRIPT_PATTERN:
		p->content = (uint16_t)(op->number[0] + 1);
		return 0;
	case SCRIPT_SLEEP:
		kernel_sleep(p->task, op->number[0], PART_SLEEP);
		return 0;
	case SCRIPT_DROPCACHES:
		btrfs_drop_caches(p->task, fs);
		return 0;
	case SCRIPT_SYNC:
	case SCRIPT_DUMP:
		return btrfs_sync_fs(p->task, fs);
	case SCRIPT_SCRUB:
		return btrfs_scrub(p->task, fs);
	case SCRIPT_CORRUPT:
		return btrfs_corrupt(fs, op->name[0], op->number[0], op->number[1]);
	default:
		return do_name_op(p, op);
	}
}

/* ---- expectations ---- */

/* One of the outcomes expected: the whole of what came, or its first word. */
static bool outcome_came(const struct player *p, const char *expected)
{
	const char *got = p->outcome->str;
	size_t len = strlen(expected);

	return !strncmp(got, expected, len) && (!got[len] || got[len] == ' ');
}

static void find_fault(struct player *p, const struct script_op *op)
{
	if (p->workload->findings->len < FINDINGS_MAX)
		workload_find(p->workload, "script",
			      g_strdup_printf("%s: line %u `%s`: expected %s, got %s",
					      p->script->source, op->line, op->text, op->expect,
					      p->outcome->str));
}

static void check_outcome(struct player *p, const struct script_op *op, int err)
{
	char **expected;
	bool came = false;

	if (!op->expect)
		return;
	if (err < 0)
		g_string_assign(p->outcome, strerrorname_np(-err));
	else if (!p->outcome->len)
		g_string_assign(p->outcome, err ? "differs" : "ok");
	expected = g_strsplit(op->expect, "|", -1);
	for (char **e = expected; *e; e++)
		came |= outcome_came(p, g_strstrip(*e));
	g_strfreev(expected);
	op_book_expected(p->workload->book, came);
	if (!came)
		find_fault(p, op);
}

/* ---- dumps ---- */

static void note_op(struct player *p, const struct script_op *op, int err)
{
	const char *name = err < 0 ? strerrorname_np(-err) : NULL;

	if (op->code == SCRIPT_DUMP)
		return;
	g_ptr_array_add(p->ops, g_strdup(op->text));
	if (name)
		g_ptr_array_add(p->ops, g_strdup_printf("-> %s", name));
	else if (op->code == SCRIPT_DEDUPE)
		g_ptr_array_add(p->ops, g_strdup_printf("-> status %d bytes %" G_GUINT64_FORMAT,
							err, p->deduped));
}

/* Scripts are text without control characters but tab, which text folding has taken out. */
static void append_json_string(GString *out, const char *text)
{
	g_string_append_c(out, '"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			g_string_append_c(out, '\\');
		g_string_append_c(out, *text);
	}
	g_string_append_c(out, '"');
}

static void dump_step(struct player *p)
{
	GString *out = p->workload->dumps;

	if (!out)
		return;
	g_string_append_printf(out, "%s {\"step\":%u,\"ops\":[", p->steps ? ",\n" : "", p->steps);
	for (guint i = 0; i < p->ops->len; i++) {
		g_string_append(out, i ? "," : "");
		append_json_string(out, p->ops->pdata[i]);
	}
	g_string_append(out, "],\"kind\":\"dump\",\n");
	btrfs_dump(p->dump, (const char *const *)p->tracked->pdata, p->tracked->len, out);
	g_string_append_c(out, '}');
	g_ptr_array_set_size(p->ops, 0);
	p->steps++;
}

/* ---- the task ---- */

/* Request numbers of lines, then of copies that stand in for them. */
#define COPIES (UINT64_C(1) << 39)

static void close_held(struct player *p)
{
	GList *names = g_list_sort(g_hash_table_get_keys(p->held), (GCompareFunc)strcmp);

	for (GList *name = names; name; name = name->next)
		btrfs_close(p->task, g_hash_table_lookup(p->held, name->data));
	g_list_free(names);
	g_hash_table_remove_all(p->held);
}

static bool is_refused_share(const struct player *p, const struct script_op *op, int err)
{
	return err < 0 && p->task->refusal &&
	       (op->code == SCRIPT_REFLINK || op->code == SCRIPT_CLONE ||
		op->code == SCRIPT_DEDUPE);
}

static void play(struct kernel_task *task, void *arg)
{
	struct player *p = arg;
	bool ends = false;

	p->task = task;
	if (p->when == WHEN_PREPARING)
		workload_prepare_begin(p->workload, task);
	if (p->when == WHEN_PREPARED)
		workload_wait_prepared(p->workload, task);
	for (guint i = 0; !ends && i < p->script->ops->len; i++) {
		const struct script_op *op = &g_array_index(p->script->ops, struct script_op, i);
		struct op_timer timer = op_begin(p->workload, task, script_op_name(op->code),
						 workload_request(p->number, i));
		int err;

		g_string_truncate(p->outcome, 0);
		err = execute(p, op);
		op_end(p->workload, task, &timer, err);
		check_outcome(p, op, err);
		note_op(p, op, err);
		if (op->code == SCRIPT_DUMP)
			dump_step(p);
		if (!is_refused_share(p, op, err))
			continue;
		if (p->on_refusal == ON_REFUSAL_COPY)
			copy_instead(p, op, workload_request(p->number, COPIES + i));
		ends = p->on_refusal == ON_REFUSAL_FAIL;
	}
	close_held(p);
	if (p->when == WHEN_PREPARING)
		workload_prepare_end(p->workload, task);
	workload_task_ends(p->workload);
}

static char *describe_line(const void *arg, uint64_t n)
{
	const struct player *p = arg;
	const struct script_op *op;

	if (n >= COPIES)
		n -= COPIES;
	if (n >= p->script->ops->len)
		return g_strdup("the script's end");
	op = &g_array_index(p->script->ops, struct script_op, n);
	return g_strdup_printf("line %u `%s`", op->line, op->text);
}

static void player_free(gpointer arg)
{
	struct player *p = arg;

	btrfs_dump_free(p->dump);
	g_hash_table_destroy(p->held);
	g_ptr_array_free(p->tracked, true);
	g_ptr_array_free(p->ops, true);
	g_string_free(p->outcome, true);
	g_free(p);
}

static void report(void *arg, struct sim_metrics *metrics)
{
	const struct player *p = arg;

	if (p->on_refusal == ON_REFUSAL_COPY)
		sim_metrics_set_for(metrics, &workload_def_copied, (int64_t)p->copied_bytes,
				    p->name, NULL);
}

static void start(struct workload *workload, const char *name, const void *config)
{
	const struct script_config *c = config;
	struct player *p = g_new0(struct player, 1);

	p->workload = workload;
	p->name = name;
	p->on_refusal = (enum on_refusal)c->on_refusal;
	p->when = (enum script_when)c->when;
	if (p->when == WHEN_PREPARING)
		workload_announce_preparation(workload);
	p->script = c->parsed;
	p->dumps = has_dump(c->parsed);
	p->held = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	p->tracked = g_ptr_array_new_with_free_func(g_free);
	p->ops = g_ptr_array_new_with_free_func(g_free);
	p->dump = btrfs_dump_new(workload->fs);
	p->outcome = g_string_new(NULL);
	workload_keep(workload, p, player_free);
	workload_on_report(workload, report, p);
	p->number = workload_spawn(workload, name, play, p, describe_line);
}

static bool check(void *config, GError **error)
{
	struct script_config *c = config;

	c->parsed = script_parse(c->script_path ? c->script_path : "script", c->script, error);
	return c->parsed;
}

static void clear(void *config)
{
	struct script_config *c = config;

	script_free(c->parsed);
}

static const char *when_name(size_t i)
{
	static const char *const names[] = {[WHEN_AT_ONCE] = "at-once",
					    [WHEN_PREPARING] = "preparing",
					    [WHEN_PREPARED] = "prepared"};

	return i < G_N_ELEMENTS(names) ? names[i] : NULL;
}

static const struct sim_param params[] = {
	{"script", SIM_PARAM_LINES, offsetof(struct script_config, script), 0, 0, NULL, NULL,
	 "the operations, one a line"},
	{"script_path", SIM_PARAM_TEXT, offsetof(struct script_config, script_path), 0, 0, "", NULL,
	 "the file they came from, for messages"},
	{"on_refusal", SIM_PARAM_WORD, offsetof(struct script_config, on_refusal), 0, 0, "skip",
	 on_refusal_name,
	 "what follows when a reflink, clone or dedupe is refused: a copy (not of a dedupe), the "
	 "end "
	 "of the script, or the next line"},
	{"when", SIM_PARAM_WORD, offsetof(struct script_config, when), 0, 0, "at-once", when_name,
	 "it runs at once; as a preparation, whose end the clocks of mixes and the like wait for; "
	 "or "
	 "when all is prepared"},
	{NULL, 0, 0, 0, 0, NULL, NULL, NULL},
};

const struct actor_kind actor_script = {
	.name = "script",
	.summary = "one task that runs an operation script, line after line",
	.params = params,
	.config_bytes = sizeof(struct script_config),
	.check = check,
	.clear = clear,
	.start = start,
};
