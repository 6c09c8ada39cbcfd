/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The truth: under which key, nonce and IV each block was sealed, and so what a decryption gives. A
 * design does not see it. What goes wrong is told as a finding, with the operation that met it and
 * the history of the extent that led to it.
 */
#include "models/fscrypt/internal.h"

#include <string.h>

enum {
	EVENTS_KEPT = 1 << 16, /* the youngest, for histories */
	FINDINGS_TOLD = 16, /* of one kind; the rest is counted */
	HISTORY_LINES = 12,
};

struct event {
	sim_ns when;
	uint64_t request, inode;
	uint32_t extent, extent_block, file_block, blocks, to;
	uint8_t what; /* enum truth_event */
};

/* A block as the disk knows it. */
struct place {
	uint32_t extent, block, serial;
};

struct truth {
	struct fscrypt *fc;
	struct event *event; /* a ring */
	uint64_t events;
	GHashTable *sealed; /* nonce → extent + 1: extents of their own nonce */
	GHashTable *by_iv; /* design 'inode': nonce << 32 | IV → struct place * */
	GHashTable *resealed; /* extent << 32 | block → IV + 1, where it is not the seal's */
	GArray *serial; /* of each extent handle, which are used again */
	GPtrArray *findings; /* struct fscrypt_finding * */
	GHashTable *told; /* kind → how often */
	char *(*describe)(void *arg, uint64_t request);
	void *describe_arg;
	uint64_t garbage_blocks, iv_reuses, in_place_blocks, leaked_infos, found;
};

static void finding_free(gpointer arg)
{
	struct fscrypt_finding *finding = arg;

	g_free(finding->text);
	g_free(finding);
}

struct truth *truth_new(struct fscrypt *fc)
{
	struct truth *truth = g_new0(struct truth, 1);

	truth->fc = fc;
	truth->sealed = g_hash_table_new(NULL, NULL);
	truth->by_iv = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	truth->resealed = g_hash_table_new(NULL, NULL);
	truth->serial = g_array_new(false, true, sizeof(uint32_t));
	truth->findings = g_ptr_array_new_with_free_func(finding_free);
	truth->told = g_hash_table_new(g_str_hash, g_str_equal);
	return truth;
}

void truth_free(struct truth *truth)
{
	g_hash_table_destroy(truth->sealed);
	g_hash_table_destroy(truth->by_iv);
	g_hash_table_destroy(truth->resealed);
	g_array_free(truth->serial, true);
	g_ptr_array_free(truth->findings, true);
	g_hash_table_destroy(truth->told);
	g_free(truth->event);
	g_free(truth);
}

void fscrypt_describe(struct fscrypt *fc, char *(*describe)(void *arg, uint64_t request), void *arg)
{
	fc->truth->describe = describe;
	fc->truth->describe_arg = arg;
}

const GPtrArray *fscrypt_findings(const struct fscrypt *fc)
{
	return fc->truth->findings;
}

/* ---- histories ---- */

static void keep(struct truth *truth, const struct event *event)
{
	struct kernel_task *task = kernel_current(truth->fc->machine);

	if (!truth->event)
		truth->event = g_new(struct event, EVENTS_KEPT);
	truth->event[truth->events % EVENTS_KEPT] = *event;
	truth->event[truth->events % EVENTS_KEPT].when = sim_now(machine_sim(truth->fc->machine));
	truth->event[truth->events % EVENTS_KEPT].request = task ? task->request : 0;
	truth->events++;
}

void truth_note(struct truth *truth, enum truth_event what, const struct btrfs_inode *inode,
		uint32_t extent, uint32_t file_block, uint32_t blocks)
{
	keep(truth, &(struct event){.what = (uint8_t)what,
				    .inode = btrfs_inode_number(inode),
				    .extent = extent,
				    .file_block = file_block,
				    .blocks = blocks});
}

static char *operation(const struct truth *truth, uint64_t request)
{
	char *text = truth->describe ? truth->describe(truth->describe_arg, request) : NULL;

	return text ? text : g_strdup("in the background");
}

static void append_event(const struct truth *truth, const struct event *event, GString *out)
{
	static const char *const words[EVENTS] = {
		[EVENT_BORN] = "born",
		[EVENT_WRITTEN] = "written",
		[EVENT_OVERWRITTEN] = "overwritten",
		[EVENT_MOVED] = "moved",
		[EVENT_LOADED] = "loaded",
		[EVENT_DIRTIED] = "dirtied",
		[EVENT_FREED] = "freed",
	};
	g_autofree char *op = operation(truth, event->request);

	g_string_append_printf(out, "\n  %" G_GUINT64_FORMAT " ns: %s", event->when,
			       words[event->what]);
	if (event->inode)
		g_string_append_printf(out, " through inode %u/%u", (uint32_t)(event->inode >> 32),
				       (uint32_t)event->inode);
	if (event->blocks)
		g_string_append_printf(out, " at block %u, %u blocks", event->file_block,
				       event->blocks);
	g_string_append_printf(out, ", %s", op);
}

static bool touches(const struct event *event, uint32_t first, uint32_t blocks)
{
	if (event->what != EVENT_WRITTEN && event->what != EVENT_OVERWRITTEN)
		return true;
	return event->extent_block < first + blocks && first < event->extent_block + event->blocks;
}

/* Of some blocks of an extent: the youngest first, back to the extent's birth, along its moves. */
static void append_history(const struct truth *truth, uint32_t extent, uint32_t first,
			   uint32_t blocks, GString *out)
{
	uint64_t from = truth->events > EVENTS_KEPT ? truth->events - EVENTS_KEPT : 0;
	int lines = 0;

	for (uint64_t i = truth->events; i-- > from && lines < HISTORY_LINES;) {
		const struct event *event = &truth->event[i % EVENTS_KEPT];

		if (event->what == EVENT_MOVED ? event->to != extent : event->extent != extent)
			continue;
		extent = event->extent;
		if (!touches(event, first, blocks))
			continue;
		append_event(truth, event, out);
		lines++;
		if (event->what == EVENT_BORN)
			break;
	}
}

/* Who wrote what was lost: the youngest first. */
static void append_writers(const struct truth *truth, const struct btrfs_inode *inode,
			   uint32_t file_block, uint32_t blocks, GString *out)
{
	uint64_t from = truth->events > EVENTS_KEPT ? truth->events - EVENTS_KEPT : 0;
	int lines = 0;

	for (uint64_t i = truth->events; i-- > from && lines < HISTORY_LINES;) {
		const struct event *event = &truth->event[i % EVENTS_KEPT];

		if (event->what != EVENT_DIRTIED || event->inode != btrfs_inode_number(inode) ||
		    event->file_block >= file_block + blocks ||
		    file_block >= event->file_block + event->blocks)
			continue;
		append_event(truth, event, out);
		lines++;
	}
}

/* ---- findings ---- */

/* NULL: enough of this kind have been told. */
static GString *begin_finding(struct truth *truth, const char *kind)
{
	guint told = GPOINTER_TO_UINT(g_hash_table_lookup(truth->told, kind));
	struct kernel_task *task = kernel_current(truth->fc->machine);
	g_autofree char *op = NULL;
	GString *text;

	truth->found++;
	g_hash_table_insert(truth->told, (gpointer)kind, GUINT_TO_POINTER(told + 1));
	if (told >= FINDINGS_TOLD)
		return NULL;
	op = operation(truth, task ? task->request : 0);
	text = g_string_new(op);
	g_string_append(text, ": ");
	return text;
}

static void end_finding(struct truth *truth, const char *kind, GString *text)
{
	struct fscrypt_finding *finding = g_new(struct fscrypt_finding, 1);

	*finding = (struct fscrypt_finding){.kind = kind,
					    .text = g_string_free(text, false),
					    .when = sim_now(machine_sim(truth->fc->machine))};
	g_ptr_array_add(truth->findings, finding);
}

static void find(struct truth *truth, const char *kind, const struct place *place, uint32_t blocks,
		 const char *format, va_list args) G_GNUC_PRINTF(5, 0);

static void find(struct truth *truth, const char *kind, const struct place *place, uint32_t blocks,
		 const char *format, va_list args)
{
	GString *text = begin_finding(truth, kind);

	if (!text)
		return;
	g_string_append_vprintf(text, format, args);
	if (place->extent)
		append_history(truth, place->extent, place->block, blocks, text);
	end_finding(truth, kind, text);
}

static void find_in(struct truth *truth, const char *kind, struct place place, uint32_t blocks,
		    const char *format, ...) G_GNUC_PRINTF(5, 6);

/* A finding about some blocks of an extent. */
static void find_in(struct truth *truth, const char *kind, struct place place, uint32_t blocks,
		    const char *format, ...)
{
	va_list args;

	va_start(args, format);
	find(truth, kind, &place, blocks, format, args);
	va_end(args);
}

void truth_find(struct truth *truth, const char *kind, uint32_t extent, const char *format, ...)
{
	struct place whole = {.extent = extent};
	va_list args;

	va_start(args, format);
	find(truth, kind, &whole, UINT32_MAX, format, args);
	va_end(args);
}

void truth_lost(struct truth *truth, const struct btrfs_inode *inode, uint32_t file_block,
		uint32_t blocks, int err)
{
	static const char kind[] = "write lost";
	GString *text = begin_finding(truth, kind);

	if (!text)
		return;
	g_string_append_printf(text, "%u blocks of inode %u/%u at block %u ", blocks,
			       btrfs_inode_root(inode), btrfs_inode_ino(inode), file_block);
	if (err)
		g_string_append_printf(text, "could not be written (%s)", strerrorname_np(-err));
	else
		g_string_append(text, "were still dirty when the inode was evicted");
	append_writers(truth, inode, file_block, blocks, text);
	end_finding(truth, kind, text);
}

/* ---- seals ---- */

/* What the IV of a bio's first block counts from its block in the extent. */
static uint32_t iv_of(const struct fscrypt *fc, const struct btrfs_crypt_io *io)
{
	switch (fc->iv_rule) {
	case IV_FILE_OFFSET:
		return io->file_block;
	case IV_PHYSICAL:
		return io->physical_block;
	default:
		return io->extent_block;
	}
}

void truth_seal(struct truth *truth, const struct btrfs_crypt_io *io, struct btrfs_seal *seal)
{
	seal->iv_base = iv_of(truth->fc, io) - io->extent_block;
}

static gpointer block_key(uint32_t extent, uint32_t block)
{
	return GSIZE_TO_POINTER((gsize)extent << 32 | block);
}

static uint32_t sealed_iv(const struct truth *truth, uint32_t extent, uint32_t block,
			  const struct btrfs_seal *seal)
{
	gpointer found = g_hash_table_size(truth->resealed)
				 ? g_hash_table_lookup(truth->resealed, block_key(extent, block))
				 : NULL;

	return found ? (uint32_t)(GPOINTER_TO_SIZE(found) - 1) : seal->iv_base + block;
}

static uint32_t *serial_of(struct truth *truth, uint32_t extent)
{
	if (truth->serial->len <= extent)
		g_array_set_size(truth->serial, extent + 1);
	return &g_array_index(truth->serial, uint32_t, extent);
}

/* An extent of its own nonce: a second one sealed under it repeats every (key, IV) pair. */
static void note_nonce(struct truth *truth, const struct btrfs_crypt_io *io,
		       const struct btrfs_seal *seal)
{
	gpointer owner = g_hash_table_lookup(truth->sealed, GSIZE_TO_POINTER(seal->nonce));

	if (!owner) {
		g_hash_table_insert(truth->sealed, GSIZE_TO_POINTER(seal->nonce),
				    GSIZE_TO_POINTER((gsize)io->extent + 1));
	} else if (GPOINTER_TO_SIZE(owner) != (gsize)io->extent + 1) {
		truth->iv_reuses += io->blocks;
		truth_find(truth, "IV reused", (uint32_t)(GPOINTER_TO_SIZE(owner) - 1),
			   "%u blocks are sealed under the nonce of another extent that is live",
			   io->blocks);
	}
}

/* A nonce of many extents: a block's IV must be new, or the last block under it dead but for the place
 * that is written now. Returns that block where it is not. */
static bool note_iv(struct truth *truth, const struct btrfs_crypt_io *io,
		    const struct btrfs_seal *seal, uint32_t i, struct place *reused)
{
	uint32_t iv = iv_of(truth->fc, io) + i, block = io->extent_block + i;
	gpointer key = GSIZE_TO_POINTER((gsize)seal->nonce << 32 | iv);
	struct place *last = g_hash_table_lookup(truth->by_iv, key);
	bool live = last && (last->extent != io->extent || last->block != block) &&
		    last->serial == *serial_of(truth, last->extent) &&
		    btrfs_block_shared(truth->fc->fs, last->extent, last->block, io->inode,
				       io->file_block + i);

	if (live)
		*reused = *last;
	if (!last) {
		last = g_new0(struct place, 1);
		g_hash_table_insert(truth->by_iv, key, last);
	}
	*last = (struct place){io->extent, block, *serial_of(truth, io->extent)};
	return live;
}

static void note_ivs(struct truth *truth, const struct btrfs_crypt_io *io,
		     const struct btrfs_seal *seal)
{
	uint32_t blocks = 0, first = 0;
	struct place reused = {0}, before;

	for (uint32_t i = 0; i < io->blocks; i++) {
		if (!note_iv(truth, io, seal, i, &before))
			continue;
		if (!blocks++) {
			first = io->file_block + i;
			reused = before;
		}
	}
	truth->iv_reuses += blocks;
	if (blocks)
		find_in(truth, "IV reused", reused, 1,
			"%u blocks of inode %u/%u, the first at %u, are sealed under the keys and "
			"IVs of others that can still be reached, the first block %u of its extent",
			blocks, btrfs_inode_root(io->inode), btrfs_inode_ino(io->inode), first,
			reused.block);
}

static void note_resealed(struct truth *truth, const struct btrfs_crypt_io *io,
			  const struct btrfs_seal *seal)
{
	uint32_t iv = iv_of(truth->fc, io);

	if (iv == seal->iv_base + io->extent_block && !g_hash_table_size(truth->resealed))
		return;
	for (uint32_t i = 0; i < io->blocks; i++) {
		gpointer key = block_key(io->extent, io->extent_block + i);

		if (iv == seal->iv_base + io->extent_block)
			g_hash_table_remove(truth->resealed, key);
		else
			g_hash_table_insert(truth->resealed, key,
					    GSIZE_TO_POINTER((gsize)(iv + i) + 1));
	}
}

static struct place place_of(const struct btrfs_crypt_io *io)
{
	return (struct place){.extent = io->extent, .block = io->extent_block};
}

void truth_encrypted(struct truth *truth, const struct btrfs_crypt_io *io,
		     const struct keyed_cipher *cipher, const struct btrfs_seal *seal)
{
	if (cipher->key != seal->key || cipher->nonce != seal->nonce) {
		truth->garbage_blocks += io->blocks;
		find_in(truth, "wrong key", place_of(io), io->blocks,
			"%u blocks of inode %u/%u are encrypted by a cipher keyed for nonce "
			"%" G_GUINT64_FORMAT ", not %" G_GUINT64_FORMAT,
			io->blocks, btrfs_inode_root(io->inode), btrfs_inode_ino(io->inode),
			cipher->nonce, seal->nonce);
	}
	note_resealed(truth, io, seal);
	if (truth->fc->design->per_inode)
		note_ivs(truth, io, seal);
	else
		note_nonce(truth, io, seal);
	if (io->in_place)
		truth->in_place_blocks += io->blocks;
	keep(truth, &(struct event){.what = io->in_place ? EVENT_OVERWRITTEN : EVENT_WRITTEN,
				    .inode = btrfs_inode_number(io->inode),
				    .extent = io->extent,
				    .extent_block = io->extent_block,
				    .file_block = io->file_block,
				    .blocks = io->blocks});
}

static const char *key_name(const struct fscrypt *fc, uint32_t number)
{
	return number ? ((const struct master_key *)fc->keys->pdata[number - 1])->name : "none";
}

uint32_t truth_mismatches(const struct truth *truth, const struct btrfs_crypt_io *io,
			  const struct keyed_cipher *cipher, const struct btrfs_seal *seal)
{
	uint32_t iv = iv_of(truth->fc, io), mismatches = 0;

	if (cipher->key != seal->key || cipher->nonce != seal->nonce)
		return io->blocks;
	if (iv == seal->iv_base + io->extent_block && !g_hash_table_size(truth->resealed))
		return 0;
	for (uint32_t i = 0; i < io->blocks; i++)
		mismatches += sealed_iv(truth, io->extent, io->extent_block + i, seal) != iv + i;
	return mismatches;
}

void truth_decrypted(struct truth *truth, const struct btrfs_crypt_io *io,
		     const struct keyed_cipher *cipher, const struct btrfs_seal *seal)
{
	uint32_t garbage = truth_mismatches(truth, io, cipher, seal), last = io->blocks - 1;

	if (!garbage)
		return;
	truth->garbage_blocks += garbage;
	find_in(truth, "garbage", place_of(io), io->blocks,
		"%u of %u blocks of inode %u/%u at block %u decrypt to garbage: sealed under key "
		"%s, nonce %" G_GUINT64_FORMAT ", last IV %u; read with key %s, nonce "
		"%" G_GUINT64_FORMAT ", last IV %u",
		garbage, io->blocks, btrfs_inode_root(io->inode), btrfs_inode_ino(io->inode),
		io->file_block, key_name(truth->fc, seal->key), seal->nonce,
		sealed_iv(truth, io->extent, io->extent_block + last, seal),
		key_name(truth->fc, cipher->key), cipher->nonce, iv_of(truth->fc, io) + last);
}

static void move_places(struct truth *truth, uint32_t from, uint32_t to)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, truth->by_iv);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct place *place = value;

		if (place->extent == from && place->serial == *serial_of(truth, from)) {
			place->serial = *serial_of(truth, to);
			place->extent = to;
		}
	}
}

struct pair {
	gsize key, value;
};

static void move_resealed(struct truth *truth, uint32_t from, uint32_t to)
{
	GArray *moved = g_array_new(false, false, sizeof(struct pair));
	gpointer key, value;
	GHashTableIter iter;

	g_hash_table_iter_init(&iter, truth->resealed);
	while (g_hash_table_iter_next(&iter, &key, &value)) {
		struct pair pair = {GPOINTER_TO_SIZE(key), GPOINTER_TO_SIZE(value)};

		if (pair.key >> 32 == from)
			g_array_append_val(moved, pair);
	}
	for (guint i = 0; i < moved->len; i++) {
		struct pair pair = g_array_index(moved, struct pair, i);

		g_hash_table_insert(truth->resealed, block_key(to, (uint32_t)pair.key),
				    GSIZE_TO_POINTER(pair.value));
	}
	g_array_free(moved, true);
}

void truth_moved(struct truth *truth, uint32_t from, uint32_t to, uint64_t nonce)
{
	gpointer owner = g_hash_table_lookup(truth->sealed, GSIZE_TO_POINTER(nonce));

	if (owner && GPOINTER_TO_SIZE(owner) == (gsize)from + 1)
		g_hash_table_insert(truth->sealed, GSIZE_TO_POINTER(nonce),
				    GSIZE_TO_POINTER((gsize)to + 1));
	if (g_hash_table_size(truth->by_iv))
		move_places(truth, from, to);
	if (g_hash_table_size(truth->resealed))
		move_resealed(truth, from, to);
	keep(truth, &(struct event){.what = EVENT_MOVED, .extent = from, .to = to});
}

static gboolean of_extent(gpointer key, gpointer value, gpointer extent)
{
	(void)value;
	return GPOINTER_TO_SIZE(key) >> 32 == GPOINTER_TO_SIZE(extent);
}

void truth_freed(struct truth *truth, uint32_t extent, uint64_t nonce)
{
	gpointer owner = g_hash_table_lookup(truth->sealed, GSIZE_TO_POINTER(nonce));

	if (owner && GPOINTER_TO_SIZE(owner) == (gsize)extent + 1)
		g_hash_table_remove(truth->sealed, GSIZE_TO_POINTER(nonce));
	if (g_hash_table_size(truth->resealed))
		g_hash_table_foreach_remove(truth->resealed, of_extent,
					    GSIZE_TO_POINTER((gsize)extent));
	++*serial_of(truth, extent);
	keep(truth, &(struct event){.what = EVENT_FREED, .extent = extent});
}

/* ---- infos ---- */

static void count_map(struct fscrypt_extent_info *info, void *arg)
{
	GHashTable *maps = arg;
	guint count = GPOINTER_TO_UINT(g_hash_table_lookup(maps, info));

	g_hash_table_insert(maps, info, GUINT_TO_POINTER(count + 1));
}

void truth_check_infos(struct truth *truth)
{
	GHashTable *maps = g_hash_table_new(NULL, NULL);

	btrfs_for_each_info(truth->fc->fs, count_map, maps);
	for (const struct fscrypt_extent_info *info = truth->fc->infos; info; info = info->next) {
		guint known = GPOINTER_TO_UINT(g_hash_table_lookup(maps, info)) + info->kept +
			      (info->owner != NULL);

		if (info->refs <= known)
			continue;
		truth->leaked_infos++;
		truth_find(truth, "info leaked", info->extent,
			   "%u references to the info of nonce %" G_GUINT64_FORMAT
			   " belong to nobody: its key stays in memory",
			   info->refs - known, info->nonce);
	}
	g_hash_table_destroy(maps);
}

/* ---- metrics ---- */

#define TRUTH "truth"

static const struct sim_metric_def def_garbage = {"truth.garbage_blocks", "blocks",
						  SIM_LESS_IS_BETTER, TRUTH,
						  "blocks decrypted with another key, nonce or IV "
						  "than they were sealed with, or encrypted by a "
						  "cipher that was keyed for something else"};
static const struct sim_metric_def def_reuses = {
	"truth.iv_reuses", "blocks", SIM_LESS_IS_BETTER, TRUTH,
	"blocks sealed under a (key, nonce, IV) under which another live ciphertext exists; "
	"overwrites in place are in truth.in_place_blocks"};
static const struct sim_metric_def def_in_place = {
	"truth.in_place_blocks", "blocks", SIM_NO_DIRECTION, TRUTH,
	"blocks encrypted again under the same key and IV by an overwrite in place (nodatacow), as "
	"in any XTS filesystem"};
static const struct sim_metric_def def_leaked = {
	"truth.leaked_infos", "count", SIM_LESS_IS_BETTER, TRUTH,
	"extent infos at the end with references that belong to no map, bio or open file"};
static const struct sim_metric_def def_after_removal = {
	"truth.keys_after_removal", "count", SIM_LESS_IS_BETTER, TRUTH,
	"ciphers and keys still in memory, derived from a master key, at the moment it became "
	"absent"};
static const struct sim_metric_def def_findings = {
	"truth.findings", "count", SIM_LESS_IS_BETTER, TRUTH,
	"times that the model found something wrong; the first of each kind are told in words"};

const struct sim_metric_def *const truth_metrics[] = {
	&def_garbage,	    &def_reuses,   &def_in_place, &def_leaked,
	&def_after_removal, &def_findings, NULL};

void truth_report(struct truth *truth, struct sim_metrics *metrics)
{
	const struct {
		const struct sim_metric_def *def;
		uint64_t value;
	} rows[] = {
		{&def_garbage, truth->garbage_blocks},
		{&def_reuses, truth->iv_reuses},
		{&def_in_place, truth->in_place_blocks},
		{&def_leaked, truth->leaked_infos},
		{&def_after_removal, truth->fc->count.keys_after_removal},
		{&def_findings, truth->found},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		sim_metrics_set(metrics, rows[i].def, rows[i].def->name, (int64_t)rows[i].value);
}
