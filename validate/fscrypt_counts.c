// SPDX-License-Identifier: GPL-2.0-or-later
/* What each operation on encrypted files sets up, allocates and tears down: counts of one live kernel. */
#include <string.h>

#include "validate/internal.h"

/* v2 policy, AES-256-XTS; per-file keys, and IV_INO_LBLK_64. */
#define PER_FILE "x: design=inode setup=at-open"
#define PER_MODE "x: design=inode setup=shared-mode-key"
static const char traced[] = "Linux 6.18, ext4: allocation tracepoints over 1000 files";

/* 1000 files in a directory, nothing in memory. */
#define FILES "addkey K\nmkdir d\npolicy d K\nrepeat 1000 write d/f{} 0 4k\nsync\ndropcaches\n"
#define OPEN "repeat 1000 open d/f{}\n"
#define CLOSE "repeat 1000 close d/f{}\n"
/* 250 files of 16 KiB, held open. */
#define HELD "addkey K\nmkdir d\npolicy d K\nrepeat 250 open d/f{}\nrepeat 250 write d/f{} 0 16k\n"
#define LARGE "addkey K\npolicy . K\nwrite f 0 16m\nsync\ndropcaches\nopen f\n"

#define KEYS "key.derivations"
#define CIPHERS "tfm.allocations"
#define INFOS "alloc.by.fscrypt_inode_info.GFP_KERNEL.process"

struct count {
	const char *what, *variant, *before, *doing;
	const char *metric; /* with '*' a sum; how much more it is with what is done than without */
	int64_t expected;
};

static const struct count counts[] = {
	{"1000 cold opens: inode infos, and the directory's", PER_FILE, FILES, OPEN, INFOS, 1001},
	{"1000 cold opens: keys derived", PER_FILE, FILES, OPEN, KEYS, 1000},
	{"1000 cold opens: keys set", PER_FILE, FILES, OPEN, "key.setkeys", 1000},
	{"1000 cold opens: ciphers, with plain GFP_KERNEL", PER_FILE, FILES, OPEN,
	 "alloc.by.crypto_skcipher.GFP_KERNEL.process", 1000},
	{"1000 cold opens: set-ups of the directory's names", PER_FILE, FILES, OPEN,
	 "key.name_setups", 1},
	{"1000 cold opens, a key a mode: inode infos", PER_MODE, FILES, OPEN, INFOS, 1001},
	{"All of it, a key a mode: ciphers", PER_MODE, "", FILES OPEN, CIPHERS, 1},
	{"1000 cold stats: keys derived", PER_FILE, FILES, "repeat 1000 stat d/f{}\n", KEYS, 0},
	{"1000 warm opens: inode infos", PER_FILE, FILES OPEN CLOSE, OPEN, INFOS, 0},
	{"1000 warm opens: keys derived", PER_FILE, FILES OPEN CLOSE, OPEN, KEYS, 0},
	{"1000 warm opens: set-ups of the directory's names", PER_FILE, FILES OPEN CLOSE, OPEN,
	 "key.name_setups", 0},
	{"1000 creates: inode infos, and the directory's", PER_FILE, FILES,
	 "repeat 1000 create d/g{}\n", INFOS, 1001},
	{"1000 creates: keys derived", PER_FILE, FILES, "repeat 1000 create d/g{}\n", KEYS, 1000},
	{"1000 creates, a key a mode: ciphers", PER_MODE, FILES, "repeat 1000 create d/g{}\n",
	 CIPHERS, 0},
	{"Cold read of 1000 open files: keys derived", PER_FILE, FILES OPEN,
	 "repeat 1000 read d/f{} 0 4k\n", KEYS, 0},
	{"Cold read of 4096 blocks: data units decrypted", PER_FILE, LARGE, "read f 0 16m\n",
	 "crypt.blocks_decrypted", 4096},
	{"Writeback of 250 x 16 KiB: keys derived", PER_FILE, HELD, "sync\n", KEYS, 0},
	{"Writeback of 250 x 16 KiB: data units encrypted", PER_FILE, HELD, "sync\n",
	 "crypt.blocks_encrypted", 1000},
	{"Writeback of 250 x 16 KiB: bounce pages", PER_FILE, HELD, "sync\n",
	 "alloc.by.bounce_page.*.*", 1000},
	{"of these, first asked for without direct reclaim", PER_FILE, HELD, "sync\n",
	 "alloc.by.bounce_page.GFP_NOWAIT.*", 1000},
	{"Writeback of 250 x 16 KiB: bios", PER_FILE, HELD, "sync\n", "crypt.bios_encrypted", 250},
	{"Eviction of 1000 inodes: ciphers freed", PER_FILE, FILES OPEN CLOSE, "dropcaches\n",
	 "tfm.frees", 1000},
	{"Eviction of 1000 inodes, a key a mode: ciphers freed", PER_MODE, FILES OPEN CLOSE,
	 "dropcaches\n", "tfm.frees", 0},
};

static bool figure_of(const char *before, const char *doing, const char *variant,
		      const char *profile, const char *metric,
		      const struct validate_options *options, int64_t *value, GError **error)
{
	g_autofree char *text = g_strconcat("sync\n", before, doing, NULL);
	const char *const sets[] = {profile, NULL};
	const struct validate_world world = {
		.name = "counts.ops", .text = text, .sets = sets, .variant = variant};
	struct world_outcome outcome;

	if (!validate_world_run(&world, options, &outcome, error))
		return false;
	*value = validate_metric(&outcome, metric);
	world_outcome_clear(&outcome);
	return true;
}

static bool difference(const struct count *c, const char *profile,
		       const struct validate_options *options, int64_t *value, GError **error)
{
	int64_t without, with;

	if (!figure_of(c->before, "", c->variant, profile, c->metric, options, &without, error) ||
	    !figure_of(c->before, c->doing, c->variant, profile, c->metric, options, &with, error))
		return false;
	*value = with - without;
	return true;
}

static bool check(const struct count *c, const char *profile, const char *unit, const char *source,
		  const struct validate_options *options, struct validate_report *report,
		  GError **error)
{
	int64_t obtained;

	if (!difference(c, profile, options, &obtained, error))
		return false;
	validate_equal(report, c->what, c->expected, obtained, unit, source);
	return true;
}

/* One work item a bio, however many those are. */
static bool check_work_items(const struct validate_options *options, struct validate_report *report,
			     GError **error)
{
	static const struct count
		bios = {NULL, PER_FILE, LARGE, "read f 0 16m\n", "io.read_bios", 0},
		items = {NULL, PER_FILE, LARGE, "read f 0 16m\n", "crypt.bios_decrypted", 0};
	int64_t expected, obtained;

	if (!difference(&bios, NULL, options, &expected, error) ||
	    !difference(&items, NULL, options, &obtained, error))
		return false;
	validate_equal(report, "Cold read of 4096 blocks: bios, and decrypt work items", expected,
		       obtained, "", traced);
	return true;
}

/* The sizes are that kernel's, in the profile; what there is of each is the model's. */
static const char profile_6_18[] = "machine.profile=sw-aes-6.18",
		  slabs[] = "Linux 6.18, ext4: slab counters over cached inodes (120 + 2240 each)";
static const struct count bytes[] = {
	{"Memory of 1000 open inodes, and the directory's info", PER_FILE, FILES, OPEN,
	 "mem.keys_end_bytes", 1000 * (120 + 2240) + 120},
	{"the same, a key a mode", PER_MODE, FILES, OPEN, "mem.keys_end_bytes", 1000 * 120 + 120},
};

bool validate_fscrypt_counts(const struct validate_options *options, struct validate_report *report,
			     GError **error)
{
	for (size_t i = 0; i < G_N_ELEMENTS(counts); i++)
		if (!check(&counts[i], NULL, "", traced, options, report, error))
			return false;
	if (!check_work_items(options, report, error))
		return false;
	for (size_t i = 0; i < G_N_ELEMENTS(bytes); i++)
		if (!check(&bytes[i], profile_6_18, "bytes", slabs, options, report, error))
			return false;
	return true;
}
