/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Operation scripts on a bare store: every operation opens its files, flushes what the kernel would
 * flush, calls the structure layer and closes. What btrfs does in the background is done at once.
 */
#include "tests/models/script_on_store.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "models/workload/workload.h"

struct player {
	struct btrfs_store *store;
	struct store_dump *dump;
	GPtrArray *tracked; /* paths, in order */
	GPtrArray *held; /* handles of `open` */
	GPtrArray *held_names;
	store_content content;
	GString *out, *ops;
	unsigned int steps;
	bool flush_on_close, created, check;
};

static void track(struct player *p, const char *path)
{
	for (unsigned int i = 0; i < p->tracked->len; i++)
		if (!strcmp(p->tracked->pdata[i], path))
			return;
	g_ptr_array_add(p->tracked, g_strdup(path));
}

static void untrack(struct player *p, const char *prefix, bool below)
{
	size_t len = strlen(prefix);

	for (unsigned int i = p->tracked->len; i--;) {
		const char *path = p->tracked->pdata[i];

		if (below ? g_str_has_prefix(path, prefix) && path[len] == '/'
			  : !strcmp(path, prefix))
			g_ptr_array_remove_index(p->tracked, i);
	}
}

static int open_existing(struct player *p, const char *path, struct store_inode **out)
{
	int ret = store_lookup(p->store, path, out, NULL);

	if (!ret && ((*out)->flags & STORE_DIRECTORY)) {
		store_inode_put(p->store, *out, NULL);
		ret = -EISDIR;
	}
	return ret;
}

/* O_RDWR | O_CREAT */
static int open_file(struct player *p, const char *path, struct store_inode **out)
{
	int ret = open_existing(p, path, out);

	p->created = ret == -ENOENT;
	if (p->created)
		ret = store_create(p->store, path, 0, out, NULL);
	if (!ret)
		track(p, path);
	p->flush_on_close = false;
	return ret;
}

static void close_file(struct player *p, struct store_inode *inode)
{
	/* BTRFS_INODE_FLUSH_ON_CLOSE: set when a file is truncated to nothing. */
	if (p->flush_on_close)
		store_flush(p->store, inode, NULL);
	p->flush_on_close = false;
	store_inode_put(p->store, inode, NULL);
}

static int flush_blocks(struct player *p, struct store_inode *inode, uint64_t start, uint64_t end)
{
	return store_flush_range(p->store, inode, start & ~4095ull, (end + 4095) & ~4095ull, NULL);
}

static int set_size(struct player *p, struct store_inode *inode, uint64_t size)
{
	int ret = store_truncate_prepare(p->store, inode, size, NULL, NULL);

	p->flush_on_close = !size;
	if (!ret)
		return 0;
	if (ret == 1)
		store_flush_range(p->store, inode, size & ~4095ull, UINT64_MAX, NULL);
	store_truncate(p->store, inode, NULL);
	return 0;
}

/* Direct I/O to a file with data checksums is buffered and written back (since 6.15). */
static int direct_write(struct player *p, struct store_inode *inode, uint64_t offset, uint64_t len)
{
	GArray *pieces;
	int ret;

	if (!(inode->flags & STORE_NODATACOW) || ((offset | len) & 4095)) {
		store_write(p->store, inode, offset, len, p->content, NULL, NULL);
		return flush_blocks(p, inode, offset, offset + len);
	}
	ret = flush_blocks(p, inode, offset, offset + len);
	pieces = g_array_new(FALSE, FALSE, sizeof(struct store_piece));
	if (!ret)
		ret = store_plan_direct(p->store, inode, offset, len, p->content, pieces, NULL);
	for (unsigned int i = 0; !ret && i < pieces->len; i++)
		ret = store_finish(p->store, inode, &g_array_index(pieces, struct store_piece, i),
				   NULL);
	g_array_free(pieces, TRUE);
	return ret;
}

static int op_dio(struct player *p, const struct script_op *op, struct store_inode *inode)
{
	uint64_t at = op->number[0], end = at + op->number[1], chunk = op->number[2];
	int ret = 0;

	for (; !ret && at < end; at += chunk)
		ret = direct_write(p, inode, at, MIN(chunk, end - at));
	return ret;
}

static uint64_t splitmix64(uint64_t *state)
{
	uint64_t z = *state += 0x9E3779B97F4A7C15ull;

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ z >> 27) * 0x94D049BB133111EBull;
	return z ^ z >> 31;
}

static int op_randwrite(struct player *p, const struct script_op *op, struct store_inode *inode)
{
	uint64_t blocks = op->number[0] / op->number[1], state = op->number[3];
	int ret = 0;

	for (uint64_t i = 0; !ret && i < op->number[2]; i++) {
		uint64_t offset = splitmix64(&state) % blocks * op->number[1];

		ret = store_write(p->store, inode, offset, op->number[1], p->content, NULL, NULL);
		if (!ret && op->flag)
			ret = store_flush(p->store, inode, NULL);
	}
	return ret;
}

static int op_append(struct player *p, const struct script_op *op, struct store_inode *inode)
{
	int ret = 0;

	for (uint64_t i = 0; !ret && i < op->number[1]; i++) {
		ret = store_write(p->store, inode, inode->size, op->number[0], p->content, NULL,
				  NULL);
		if (!ret && op->flag)
			ret = store_flush(p->store, inode, NULL);
	}
	return ret;
}

static int op_falloc(struct player *p, const struct script_op *op, struct store_inode *inode)
{
	uint64_t offset = op->number[0], len = op->number[1];
	int ret = store_falloc_prepare(p->store, inode, offset, len, NULL, NULL);

	if (!ret)
		ret = flush_blocks(p, inode, offset, offset + len);
	if (ret)
		return ret;
	if (op->code == SCRIPT_ZERO)
		return store_zero_range(p->store, inode, offset, len, false, NULL, NULL);
	return store_falloc(p->store, inode, offset, len, op->flag, NULL);
}

/* Operations on one file, opened for writing and created if need be. */
static int on_file(struct player *p, const struct script_op *op, struct store_inode *inode)
{
	const uint64_t *n = op->number;
	int ret;

	switch (op->code) {
	case SCRIPT_WRITE:
		return store_write(p->store, inode, n[0], n[1], p->content, NULL, NULL);
	case SCRIPT_DIO:
		return op_dio(p, op, inode);
	case SCRIPT_RANDWRITE:
		return op_randwrite(p, op, inode);
	case SCRIPT_APPEND:
		return op_append(p, op, inode);
	case SCRIPT_TRUNCWRITE:
		if (!p->created)
			set_size(p, inode, 0);
		return store_write(p->store, inode, 0, n[0], p->content, NULL, NULL);
	case SCRIPT_TRUNCATE:
		return set_size(p, inode, n[0]);
	case SCRIPT_PUNCH:
		ret = flush_blocks(p, inode, n[0], n[0] + n[1]);
		return ret ? ret : store_punch(p->store, inode, n[0], n[1], NULL, NULL);
	case SCRIPT_ZERO:
	case SCRIPT_FALLOC:
		return op_falloc(p, op, inode);
	case SCRIPT_DEFRAG:
		if (!store_defrag(p->store, inode, 0, UINT64_MAX, op->numbers ? (uint32_t)n[0] : 0,
				  NULL))
			return 0;
		return store_flush(p->store, inode, NULL);
	case SCRIPT_NOCOW:
		store_set_flags(p->store, inode, STORE_NODATACOW, 0, NULL);
		return 0;
	default:
		return -ENOSYS;
	}
}

static int clone_between(struct player *p, struct store_inode *from, uint64_t from_offset,
			 uint64_t len, struct store_inode *to, uint64_t to_offset)
{
	struct store_dirtied dirtied;
	uint64_t written = len ? len : from->size > from_offset ? from->size - from_offset : 0;
	uint64_t old_size = to->size;
	int ret;

	if ((from->flags ^ to->flags) & STORE_NODATACOW)
		return -EINVAL;
	ret = store_flush(p->store, from, NULL);
	/* btrfs_wait_ordered_range() takes a length of 0 for all the rest. */
	if (!ret)
		ret = store_flush_range(
			p->store, to, to_offset & ~4095ull,
			written ? (to_offset + written + 4095) & ~4095ull : UINT64_MAX, NULL);
	if (!ret)
		ret = store_clone_prepare(p->store, from, from_offset, &len, to, to_offset,
					  &dirtied, NULL);
	if (!ret && to_offset > old_size)
		ret = flush_blocks(p, to, old_size, to_offset);
	if (!ret)
		ret = store_clone(p->store, from, from_offset, len, to, to_offset, &dirtied, NULL);
	if (!ret && dirtied.n)
		ret = flush_blocks(p, to, to_offset, to_offset + len);
	return ret;
}

static int dedupe_between(struct player *p, const struct script_op *op, struct store_inode *from,
			  struct store_inode *to, GString *note)
{
	const uint64_t *n = op->number;
	uint64_t done = 0;
	int ret;

	store_flush(p->store, from, NULL);
	flush_blocks(p, to, n[2], n[2] + n[1]);
	ret = store_dedupe(p->store, from, n[0], n[1], to, n[2], &done, NULL);
	if (ret >= 0)
		g_string_printf(note, "-> status %d bytes %" PRIu64, ret, done);
	return ret < 0 ? ret : 0;
}

static int on_two(struct player *p, const struct script_op *op, GString *note)
{
	struct store_inode *from, *to;
	int ret = open_existing(p, op->name[0], &from);

	if (ret)
		return ret;
	ret = open_file(p, op->name[1], &to);
	if (!ret) {
		if (op->code == SCRIPT_DEDUPE)
			ret = dedupe_between(p, op, from, to, note);
		else if (op->code == SCRIPT_CLONE)
			ret = clone_between(p, from, op->number[0], op->number[1], to,
					    op->number[2]);
		else
			ret = clone_between(p, from, 0, 0, to, 0);
		close_file(p, to);
	}
	store_inode_put(p->store, from, NULL);
	return ret;
}

static void sync_all(struct player *p)
{
	store_flush_all(p->store, 0, NULL);
	store_commit(p->store, NULL);
}

static int op_snapshot(struct player *p, const struct script_op *op)
{
	struct store_inode *top;
	uint32_t root;
	int ret = store_lookup(p->store, op->name[0], &top, NULL);

	if (ret)
		return ret;
	root = top->root;
	store_inode_put(p->store, top, NULL);
	store_flush_all(p->store, root, NULL);
	ret = store_snapshot(p->store, op->name[0], op->name[1], &root, NULL);
	for (char **file = op->files; !ret && file && *file; file++) {
		char *path = g_strdup_printf("%s/%s", op->name[1], *file);

		track(p, path);
		g_free(path);
	}
	return ret;
}

static int op_subdel(struct player *p, const struct script_op *op)
{
	uint32_t root;
	int ret = store_subvol_delete(p->store, op->name[0], &root, NULL);

	if (ret)
		return ret;
	untrack(p, op->name[0], true);
	store_commit(p->store, NULL);
	while (store_drop_subvol(p->store, root, 2, NULL))
		;
	store_commit(p->store, NULL);
	return 0;
}

static int op_close(struct player *p, const struct script_op *op)
{
	for (unsigned int i = p->held->len; i--;) {
		if (strcmp(p->held_names->pdata[i], op->name[0]))
			continue;
		close_file(p, p->held->pdata[i]);
		g_ptr_array_remove_index(p->held, i);
		g_ptr_array_remove_index(p->held_names, i);
		return 0;
	}
	return -EBADF;
}

static int on_system(struct player *p, const struct script_op *op)
{
	struct store_inode *inode;
	uint32_t root;
	int ret;

	switch (op->code) {
	case SCRIPT_PATTERN:
		p->content = (store_content)(op->number[0] + 1);
		return 0;
	case SCRIPT_SYNC:
		sync_all(p);
		return 0;
	case SCRIPT_BALANCE:
		store_balance(p->store, NULL);
		return 0;
	case SCRIPT_SUBVOL:
		return store_subvol_create(p->store, op->name[0], &root, NULL);
	case SCRIPT_SNAPSHOT:
		return op_snapshot(p, op);
	case SCRIPT_SUBDEL:
		return op_subdel(p, op);
	case SCRIPT_MKDIR:
		ret = store_create(p->store, op->name[0], STORE_DIRECTORY, &inode, NULL);
		if (!ret)
			store_inode_put(p->store, inode, NULL);
		return ret;
	case SCRIPT_UNLINK:
		ret = store_unlink(p->store, op->name[0], NULL);
		if (!ret)
			untrack(p, op->name[0], false);
		return ret;
	case SCRIPT_OPEN:
		ret = open_file(p, op->name[0], &inode);
		if (!ret) {
			g_ptr_array_add(p->held, inode);
			g_ptr_array_add(p->held_names, g_strdup(op->name[0]));
		}
		return ret;
	case SCRIPT_CLOSE:
		return op_close(p, op);
	default:
		return 0; /* keys, caches, reads: nothing to see in the structure */
	}
}

static int run_op(struct player *p, const struct script_op *op, GString *note)
{
	struct store_inode *inode;
	int ret;

	switch (op->code) {
	case SCRIPT_WRITE:
	case SCRIPT_DIO:
	case SCRIPT_RANDWRITE:
	case SCRIPT_APPEND:
	case SCRIPT_TRUNCWRITE:
	case SCRIPT_TRUNCATE:
	case SCRIPT_PUNCH:
	case SCRIPT_ZERO:
	case SCRIPT_FALLOC:
	case SCRIPT_DEFRAG:
	case SCRIPT_NOCOW:
		ret = open_file(p, op->name[0], &inode);
		if (ret)
			return ret;
		ret = on_file(p, op, inode);
		close_file(p, inode);
		return ret;
	case SCRIPT_REFLINK:
	case SCRIPT_CLONE:
	case SCRIPT_DEDUPE:
		return on_two(p, op, note);
	default:
		return on_system(p, op);
	}
}

static const char *errno_name(int error)
{
	switch (error) {
	case ENOENT:
		return "ENOENT";
	case EEXIST:
		return "EEXIST";
	case EISDIR:
		return "EISDIR";
	case ENOTDIR:
		return "ENOTDIR";
	case ENOTEMPTY:
		return "ENOTEMPTY";
	case EINVAL:
		return "EINVAL";
	case ENOSPC:
		return "ENOSPC";
	case EBADF:
		return "EBADF";
	default:
		return "EIO";
	}
}

static void note_op(struct player *p, const char *text)
{
	g_string_append_printf(p->ops, "%s\"%s\"", p->ops->len ? "," : "", text);
}

static void dump_step(struct player *p)
{
	sync_all(p);
	if (p->check)
		store_check(p->store);
	g_string_append_printf(p->out, "%s\n {\"step\":%u,\"ops\":[%s],\"kind\":\"dump\",\n",
			       p->steps ? "," : "", p->steps, p->ops->str);
	store_dump(p->dump, (const char *const *)p->tracked->pdata, p->tracked->len, p->out);
	g_string_append_c(p->out, '}');
	g_string_truncate(p->ops, 0);
	p->steps++;
}

static void run_line(struct player *p, const struct script_op *op)
{
	GString *note;
	int ret;

	if (op->code == SCRIPT_DUMP) {
		dump_step(p);
		return;
	}
	note = g_string_new(NULL);
	note_op(p, op->text);
	ret = run_op(p, op, note);
	if (ret)
		g_string_printf(note, "-> %s", errno_name(-ret));
	if (note->len)
		note_op(p, note->str);
	g_string_free(note, TRUE);
}

static void player_end(struct player *p)
{
	while (p->held->len) {
		close_file(p, p->held->pdata[p->held->len - 1]);
		g_ptr_array_set_size(p->held, (int)p->held->len - 1);
	}
	g_ptr_array_free(p->held, TRUE);
	g_ptr_array_free(p->held_names, TRUE);
	g_ptr_array_free(p->tracked, TRUE);
	g_string_free(p->ops, TRUE);
	store_dump_free(p->dump);
	store_free(p->store);
}

char *script_on_store(const char *name, const char *text, const struct btrfs_store_options *options,
		      bool check, GError **error)
{
	struct script *script = script_parse(name, text, error);
	struct player p = {.check = check};

	if (!script)
		return NULL;
	p.store = store_new(options);
	p.dump = store_dump_new(p.store);
	p.tracked = g_ptr_array_new_with_free_func(g_free);
	p.held = g_ptr_array_new();
	p.held_names = g_ptr_array_new_with_free_func(g_free);
	p.ops = g_string_new(NULL);
	p.out = g_string_new(NULL);
	g_string_append_printf(p.out, "{\"name\":\"%s\",\"steps\":[", name);
	for (unsigned int i = 0; i < script->ops->len; i++)
		run_line(&p, &g_array_index(script->ops, struct script_op, i));
	g_string_append(p.out, "\n]}\n");
	script_free(script);
	player_end(&p);
	return g_string_free(p.out, FALSE);
}
