/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What operations on encrypted files cost in objects: counted by tracepoints on a real ext4, and in the
 * model under design inode. */
#include <string.h>

#include "validate/live.h"

/* Done one after the other; what each adds is counted. */
static const struct {
	const char *operation, *script;
} stages[] = {
	{"to begin with", "mkdir d\naddkey K\npolicy d K\n"},
	{"100 files created and written, 4 blocks each",
	 "repeat 100 write d/f{} 0 16k\nrepeat 100 fsync d/f{}\n"},
	{"caches dropped", "dropcaches\n"},
	{"100 cold stats", "repeat 100 stat d/f{}\n"},
	{"100 cold opens and reads of 4 blocks", "repeat 100 read d/f{} 0 16k\n"},
	{"100 warm opens and reads", "repeat 100 read d/f{} 0 16k\n"},
	{"100 warm opens and writes of 1 block",
	 "repeat 100 write d/f{} 0 4k\nrepeat 100 fsync d/f{}\n"},
};

enum figure { INFOS, KEYS, BOUNCE_PAGES, DECRYPTIONS, FIGURES };

/* `mark` is in each line of the trace that counts; `metrics` are summed. */
static const struct {
	const char *name, *mark, *metrics[2];
} figures[FIGURES] = {
	[INFOS] = {"fscrypt_inode_info made",
		   "name=fscrypt_inode_info",
		   {"alloc.by.fscrypt_inode_info.*"}},
	[KEYS] = {"ciphers made and keyed",
		  "call_site=crypto_",
		  {"tfm.allocations", "key.name_setups"}},
	[BOUNCE_PAGES] = {"bounce pages",
			  "=> fscrypt_encrypt_pagecache_blocks",
			  {"alloc.by.bounce_page.*"}},
	[DECRYPTIONS] = {"reads handed over to be decrypted",
			 "workqueue=fscrypt_read_queue",
			 {"crypt.bios_decrypted"}},
};

struct counts {
	int64_t figure[FIGURES];
};

/* ---- the model's ---- */

/* Of the stages up to `last`, together. */
static bool count_model(size_t last, const struct validate_options *options, struct counts *counts,
			GError **error)
{
	struct live_script *script = live_script_new("counts", false);
	struct world_outcome outcome;
	bool ok;

	for (size_t i = 0; i <= last; i++)
		g_ptr_array_add(script->lines, g_strdup(stages[i].script));
	ok = live_model_run(script, options, &outcome, error);
	live_script_free(script);
	if (!ok)
		return false;
	for (size_t f = 0; f < FIGURES; f++) {
		counts->figure[f] = 0;
		for (size_t m = 0; m < G_N_ELEMENTS(figures[f].metrics); m++)
			if (figures[f].metrics[m])
				counts->figure[f] +=
					validate_metric(&outcome, figures[f].metrics[m]);
	}
	world_outcome_clear(&outcome);
	return true;
}

/* ---- the real ones ---- */

static int64_t lines_with(const char *text, const char *mark)
{
	int64_t n = 0;

	while ((text = strstr(text, mark))) {
		text += strlen(mark);
		n++;
	}
	return n;
}

static bool do_stage(struct live_player *player, const struct live_trace *trace, size_t stage,
		     struct counts *counts, GError **error)
{
	struct script *script = script_parse("counts", stages[stage].script, error);
	g_autofree char *text = NULL;

	g_assert(script);
	if (!live_trace_begin(trace, error))
		return false;
	for (guint i = 0; i < script->ops->len; i++)
		live_do(player, &g_array_index(script->ops, struct script_op, i));
	script_free(script);
	text = live_trace_take(trace, error);
	if (!text)
		return false;
	for (size_t f = 0; f < FIGURES; f++)
		counts->figure[f] = lines_with(text, figures[f].mark);
	return true;
}

/* A cipher is several allocations, whose number depends on the driver: that of a directory's says how
 * many, for it has the first key of all. */
static void count_ciphers(struct counts *counts)
{
	int64_t each = counts[1].figure[KEYS] / MAX(counts[1].figure[INFOS], 1);

	for (size_t i = 0; i < G_N_ELEMENTS(stages); i++)
		counts[i].figure[KEYS] /= MAX(each, 1);
}

static bool count_real(const struct live_trace *trace, struct counts *counts, GError **error)
{
	struct live_fs *fs = live_fs_new(live_ext4_kind(), error);
	struct live_player *player;
	bool ok = true;

	if (!fs)
		return false;
	player = live_player_new(fs->root);
	for (size_t i = 0; ok && i < G_N_ELEMENTS(stages); i++)
		ok = do_stage(player, trace, i, &counts[i], error);
	live_player_free(player);
	live_fs_free(fs);
	if (ok)
		count_ciphers(counts);
	return ok;
}

/* ---- both ---- */

static void report_stage(struct validate_report *report, const char *operation,
			 const struct counts *real, const struct counts *model,
			 const struct counts *before, const char *source)
{
	for (size_t f = 0; f < FIGURES; f++) {
		g_autofree char *what = g_strdup_printf("%s: %s", operation, figures[f].name);

		validate_equal(report, what, real->figure[f], model->figure[f] - before->figure[f],
			       "", source);
	}
}

bool live_check_counts(const struct validate_options *options, struct validate_report *report,
		       const char *source, GError **error)
{
	struct counts real[G_N_ELEMENTS(stages)], model[G_N_ELEMENTS(stages)];
	g_autoptr(GError) unseen = NULL;
	struct live_trace *trace = live_trace_new(&unseen);
	bool ok;

	if (!trace) {
		validate_skip(report, "objects made by operations", unseen->message);
		return true;
	}
	ok = count_real(trace, real, error);
	live_trace_free(trace);
	for (size_t i = 0; ok && i < G_N_ELEMENTS(stages); i++)
		ok = count_model(i, options, &model[i], error);
	for (size_t i = 1; ok && i < G_N_ELEMENTS(stages); i++)
		report_stage(report, stages[i].operation, &real[i], &model[i], &model[i - 1],
			     source);
	return ok;
}
