/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random operation scripts: one line after the other, by a profile. */
#include "validate/live_random.h"

#include <string.h>

enum {
	BLOCK = 4096,
	FILES = 4,
	SNAPSHOTS_MAX = 4,
	PATTERN = 65,
	SEED_STEP = 1000003, /* so that scripts of neighbouring seeds have nothing in common */
};

const char *live_profile_name(size_t i)
{
	return live_profiles[i].name;
}

/* ---- what a script has come to while it is drawn ---- */

struct file {
	bool there;
	uint64_t bytes;
};
struct snapshot {
	char name[16];
	bool has[FILES];
};
struct drawing {
	const struct live_profile *profile;
	struct live_script *script;
	uint64_t state;
	struct file files[FILES]; /* "sv/a" and on */
	struct snapshot snapshots[SNAPSHOTS_MAX]; /* by name */
	unsigned int n_snapshots, serial;
};
/* Where an operation works; `file` is NULL for a file of a snapshot. */
struct place {
	char name[24];
	struct file *file;
};

static uint64_t below(struct drawing *d, uint64_t n)
{
	return script_random(&d->state) % n;
}

static void emit(struct drawing *d, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void emit(struct drawing *d, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_ptr_array_add(d->script->lines, g_strdup_vprintf(format, args));
	va_end(args);
}

#define U "%" G_GUINT64_FORMAT

static bool aligned(struct drawing *d)
{
	return below(d, 100) >= d->profile->unaligned;
}

static uint64_t block_length(struct drawing *d)
{
	static const unsigned int blocks[] = {1, 1, 1, 2, 4, 4, 8, 16, 16, 64};

	return blocks[below(d, G_N_ELEMENTS(blocks))] * (uint64_t)BLOCK;
}

static uint64_t length(struct drawing *d)
{
	const uint64_t *lengths = d->profile->lengths;
	uint64_t n = 0, bytes;

	while (lengths[n])
		n++;
	bytes = n ? lengths[below(d, n)] : block_length(d);
	return aligned(d) || n ? bytes : bytes + below(d, BLOCK);
}

static uint64_t block_offset(struct drawing *d)
{
	return below(d, 6) ? below(d, d->profile->span_bytes / BLOCK) * BLOCK : 0;
}

static uint64_t offset(struct drawing *d)
{
	uint64_t span = d->profile->span_bytes;

	if (!below(d, 6))
		return 0;
	return aligned(d) ? below(d, span / BLOCK) * BLOCK : below(d, span);
}

static unsigned int files_there(const struct drawing *d)
{
	unsigned int n = 0;

	for (size_t i = 0; i < FILES; i++)
		n += d->files[i].there;
	return n;
}

static struct place place_of(struct drawing *d, struct file *file)
{
	struct place place = {.file = file};

	g_snprintf(place.name, sizeof(place.name), "sv/%c", (int)('a' + (file - d->files)));
	return place;
}

static struct place place_in_snapshot(struct drawing *d)
{
	const struct snapshot *s = &d->snapshots[below(d, d->n_snapshots)];
	struct place place = {.file = NULL};
	uint64_t n = 0, nth;

	for (size_t i = 0; i < FILES; i++)
		n += s->has[i];
	nth = below(d, n);
	for (size_t i = 0; i < FILES; i++)
		if (s->has[i] && !nth--)
			g_snprintf(place.name, sizeof(place.name), "%s/%c", s->name,
				   (int)('a' + i));
	return place;
}

/* A file to change: a new one now and then, one in a snapshot if the profile says so. */
static struct place target(struct drawing *d)
{
	struct place place;
	struct file *file;

	if (d->profile->features & LIVE_IN_SNAPSHOTS && d->n_snapshots && !below(d, 3))
		return place_in_snapshot(d);
	file = &d->files[below(d, files_there(d) > 2 ? FILES : FILES - 1)];
	place = place_of(d, file);
	if (!file->there) {
		*file = (struct file){.there = true};
		if ((d->profile->features & LIVE_NOCOW && below(d, 4)) ||
		    (d->profile->features & LIVE_SOME_NOCOW && !below(d, 4)))
			emit(d, "nocow %s", place.name);
	}
	return place;
}

static bool existing(struct drawing *d, struct place *place)
{
	unsigned int n = files_there(d);
	uint64_t nth = n ? below(d, n) : 0;

	for (size_t i = 0; i < FILES; i++)
		if (d->files[i].there && !nth--) {
			*place = place_of(d, &d->files[i]);
			return true;
		}
	return false;
}

static void grow(const struct place *place, uint64_t bytes)
{
	if (place->file)
		place->file->bytes = MAX(place->file->bytes, bytes);
}

/* A part of a file that can be cloned: whole blocks, or up to its end; rarely neither. */
static void draw_part(struct drawing *d, const struct place *of, uint64_t *start, uint64_t *bytes)
{
	uint64_t size = of->file->bytes;

	if (!below(d, 20)) {
		*start = block_offset(d);
		*bytes = block_length(d);
		return;
	}
	*start = below(d, size / BLOCK + 1) * BLOCK;
	*bytes = block_length(d);
	*bytes = MIN(*bytes, size - *start);
}

/* ---- operations ---- */

static void draw_write(struct drawing *d)
{
	struct place to = target(d);
	uint64_t at = offset(d), bytes = length(d);

	emit(d, "write %s " U " " U, to.name, at, bytes);
	grow(&to, at + bytes);
}

static void draw_truncwrite(struct drawing *d)
{
	struct place to = target(d);
	uint64_t bytes = length(d);

	emit(d, "truncwrite %s " U, to.name, bytes);
	if (to.file)
		to.file->bytes = bytes;
}

static void draw_dio(struct drawing *d)
{
	static const uint64_t chunks[] = {4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB};
	uint64_t chunk = chunks[below(d, G_N_ELEMENTS(chunks))];
	struct place to = target(d);
	uint64_t at = block_offset(d), bytes = chunk * (1 + below(d, 4));

	emit(d, "dio %s " U " " U " " U, to.name, at, bytes, chunk);
	grow(&to, at + bytes);
}

static void emit_randwrite(struct drawing *d, const char *name, uint64_t count, bool synced)
{
	uint64_t seed = below(d, 1000);

	emit(d, "randwrite %s " U " %d " U " " U " %s", name, d->profile->span_bytes, BLOCK, count,
	     seed, synced || !below(d, 2) ? "fsync" : "none");
}

static void draw_randwrite(struct drawing *d)
{
	struct place to = target(d);
	bool leaves = d->profile->features & LIVE_LEAVES;
	uint64_t count = leaves ? 60 + below(d, 200) : 5 + below(d, 30);

	emit_randwrite(d, to.name, count, leaves);
	if (leaves)
		below(d, 2);
	grow(&to, d->profile->span_bytes - BLOCK);
}

static void draw_append(struct drawing *d)
{
	struct place to = target(d);
	uint64_t bytes = length(d), count = 1 + below(d, 6);

	emit(d, "append %s " U " " U " %s", to.name, bytes, count, below(d, 2) ? "none" : "fsync");
	if (to.file)
		to.file->bytes += bytes * count;
}

static void draw_truncate(struct drawing *d)
{
	struct place of;

	if (!existing(d, &of))
		return;
	of.file->bytes = below(d, 5) ? below(d, d->profile->span_bytes) : 0;
	emit(d, "truncate %s " U, of.name, of.file->bytes);
}

static void draw_punch(struct drawing *d)
{
	struct place of;

	if (existing(d, &of)) {
		uint64_t at = offset(d), bytes = length(d);

		emit(d, "punch %s " U " " U, of.name, at, bytes);
	}
}

static void draw_zero(struct drawing *d)
{
	struct place to = target(d);
	uint64_t at = offset(d), bytes = length(d);

	emit(d, "zero %s " U " " U, to.name, at, bytes);
	grow(&to, at + bytes);
}

static void draw_falloc(struct drawing *d)
{
	bool keep = !below(d, 4);
	struct place to = target(d);
	uint64_t at = offset(d), bytes = length(d) * 2;

	emit(d, "falloc %s " U " " U "%s", to.name, at, bytes, keep ? " keep" : "");
	grow(&to, keep ? 0 : at + bytes);
}

static void draw_reflink(struct drawing *d)
{
	struct place from;
	bool any = existing(d, &from);
	struct place to = target(d);

	if (!any || !strcmp(from.name, to.name)) {
		draw_write(d);
		return;
	}
	emit(d, "reflink %s %s", from.name, to.name);
	grow(&to, from.file->bytes);
}

static void draw_clone(struct drawing *d)
{
	uint64_t start, bytes, at;
	struct place from, to;

	if (!existing(d, &from))
		return;
	draw_part(d, &from, &start, &bytes);
	to = target(d);
	at = block_offset(d);
	emit(d, "clone %s " U " " U " %s " U, from.name, start, bytes, to.name, at);
	grow(&to, at + bytes);
}

static void draw_dedupe(struct drawing *d)
{
	uint64_t start, bytes, at, size;
	struct place from, to;

	if (!existing(d, &from) || !existing(d, &to))
		return;
	draw_part(d, &from, &start, &bytes);
	size = to.file->bytes;
	at = below(d, size / BLOCK + 1) * BLOCK;
	emit(d, "sync");
	emit(d, "dedupe %s " U " " U " %s " U, from.name, start, MIN(bytes, size - at), to.name,
	     at);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct snapshot *)a)->name, ((const struct snapshot *)b)->name);
}

static void draw_snapshot(struct drawing *d)
{
	struct snapshot *s = &d->snapshots[d->n_snapshots];
	g_autoptr(GString) names = g_string_new(NULL);

	if (!files_there(d) || d->n_snapshots == SNAPSHOTS_MAX)
		return;
	g_snprintf(s->name, sizeof(s->name), "s%u", ++d->serial);
	for (size_t i = 0; i < FILES; i++) {
		s->has[i] = d->files[i].there;
		if (s->has[i])
			g_string_append_printf(names, " %c", (int)('a' + i));
	}
	emit(d, "snapshot sv %s%s", s->name, names->str);
	qsort(d->snapshots, ++d->n_snapshots, sizeof(*s), by_name);
}

static void draw_subdel(struct drawing *d)
{
	uint64_t nth;

	if (!d->n_snapshots)
		return;
	nth = below(d, d->n_snapshots);
	emit(d, "subdel %s", d->snapshots[nth].name);
	memmove(&d->snapshots[nth], &d->snapshots[nth + 1],
		(--d->n_snapshots - nth) * sizeof(*d->snapshots));
}

static void draw_unlink(struct drawing *d)
{
	struct place of;

	if (files_there(d) < 2 || !existing(d, &of))
		return;
	of.file->there = false;
	emit(d, "unlink %s", of.name);
}

static void draw_balance(struct drawing *d)
{
	emit(d, "balance");
}

static void draw_defrag(struct drawing *d)
{
	static const char *const thresholds[] = {"", "", " 64k", " 1m", " 32m"};
	struct place of;

	if (existing(d, &of))
		emit(d, "defrag %s%s", of.name, thresholds[below(d, G_N_ELEMENTS(thresholds))]);
}

static void draw_read(struct drawing *d)
{
	struct place of;

	if (existing(d, &of)) {
		uint64_t at = offset(d);

		emit(d, "read %s " U " " U, of.name, at, length(d));
	}
}

static void draw_fsync(struct drawing *d)
{
	struct place of;

	if (existing(d, &of))
		emit(d, "fsync %s", of.name);
}

/* Onto another file, or a name that is free. */
static void draw_rename(struct drawing *d)
{
	struct place from, to;

	if (!existing(d, &from))
		return;
	to = place_of(d, &d->files[below(d, FILES)]);
	if (to.file == from.file)
		return;
	emit(d, "rename %s %s", from.name, to.name);
	*to.file = *from.file;
	from.file->there = false;
}

static void draw_sync(struct drawing *d)
{
	emit(d, "sync");
}

/* ---- a script ---- */

static const struct {
	const char *name;
	void (*draw)(struct drawing *d);
} draws[] = {
	{"write", draw_write},	     {"punch", draw_punch},	  {"clone", draw_clone},
	{"reflink", draw_reflink},   {"truncate", draw_truncate}, {"falloc", draw_falloc},
	{"snapshot", draw_snapshot}, {"subdel", draw_subdel},	  {"balance", draw_balance},
	{"append", draw_append},     {"zero", draw_zero},	  {"truncwrite", draw_truncwrite},
	{"unlink", draw_unlink},     {"dio", draw_dio},		  {"randwrite", draw_randwrite},
	{"sync", draw_sync},	     {"defrag", draw_defrag},	  {"dedupe", draw_dedupe},
	{"read", draw_read},	     {"rename", draw_rename},	  {"fsync", draw_fsync},
};

static void draw_named(struct drawing *d, const char *name)
{
	size_t i = 0;

	while (strcmp(draws[i].name, name))
		i++;
	draws[i].draw(d);
}

static void draw_one(struct drawing *d)
{
	g_auto(GStrv) words = g_strsplit(d->profile->weights, " ", -1);
	uint64_t sum = 0, at, weight;
	char **word;

	for (word = words; *word; word += 2)
		sum += g_ascii_strtoull(word[1], NULL, 10);
	at = below(d, sum);
	for (word = words; at >= (weight = g_ascii_strtoull(word[1], NULL, 10)); word += 2)
		at -= weight;
	draw_named(d, word[0]);
}

static void begin(struct drawing *d)
{
	emit(d, "subvol sv");
	if (d->profile->features & LIVE_ALIKE)
		emit(d, "pattern %d", PATTERN);
	if (d->profile->features & LIVE_LEAVES) {
		d->files[0] = (struct file){.there = true, .bytes = d->profile->span_bytes};
		emit(d, "write sv/a 0 " U, d->profile->span_bytes);
		emit(d, "sync");
		emit_randwrite(d, "sv/a", 100 + below(d, 100), true);
		emit(d, "dump");
	}
}

struct live_script *live_draw(size_t profile, uint64_t seed, uint32_t operations)
{
	struct drawing d = {.profile = &live_profiles[profile], .state = seed * SEED_STEP};
	g_autofree char *name = g_strdup_printf("%s-" U, d.profile->name, seed);
	const GPtrArray *lines;

	d.script = live_script_new(name, d.profile->features & LIVE_COMPRESS);
	lines = d.script->lines;
	for (const char *c = d.profile->name; *c; c++)
		d.state += (uint64_t)*c;
	begin(&d);
	for (uint32_t done = 0; done < (operations ? operations : d.profile->operations);) {
		guint before = lines->len;

		draw_one(&d);
		if (lines->len == before)
			continue;
		done++;
		if (below(&d, 100) < d.profile->dump)
			emit(&d, "dump");
	}
	if (strcmp(lines->pdata[lines->len - 1], "dump"))
		emit(&d, "dump");
	return d.script;
}
