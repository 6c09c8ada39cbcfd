/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fscrypt of this kernel, on ext4, and the model's under design inode: what a key's removal does to
 * files that are in use. A script is done on the real one first, and what came of each operation is what
 * the model is expected to come to.
 */
#include <string.h>

#include "validate/live.h"

/* Each state of the key, and what is done in it. */
static const struct {
	const char *state, *script;
} states[] = {
	{"never added", "keystatus K\n"
			"rmkey K\n"
			"mkdir d\n"
			"policy d K\n"},
	{"present", "addkey K\n"
		    "addkey K\n"
		    "keystatus K\n"
		    "policy d K\n"
		    "policy d K\n"
		    "repeat 200 write d/f{} 0 8k\n"
		    "sync\n"
		    "keystatus K\n"
		    "repeat 20 open d/f{}\n"
		    "repeat 20 read d/f{} 0 4k\n"
		    "write d/f1 0 4k\n"},
	{"removed with 20 of 200 files open, one dirty", "rmkey K\n"
							 "keystatus K\n"
							 "read d/f0 0 4k\n"
							 "dropcaches\n"
							 "read d/f0 4k 4k\n"
							 "write d/f1 0 4k\n"
							 "write d/f2 4k 8k\n"
							 "fsync d/f1\n"
							 "truncate d/f3 0\n"
							 "dread d/f4 0 4k\n"
							 "stat d/f5\n"
							 "stat d/f100\n"
							 "read d/f100 0 4k\n"
							 "write d/f100 0 4k\n"
							 "create d/new\n"
							 "mkdir d/new\n"
							 "ls d\n"
							 "unlink d/f6\n"},
	{"removed again, still busy", "rmkey K\n"
				      "keystatus K\n"
				      "read d/f0 0 4k\n"
				      "close d/f0\n"
				      "rmkey K\n"
				      "read d/f0 0 4k\n"},
	{"all closed", "close d/f1\n"
		       "close d/f2\n"
		       "close d/f3\n"
		       "close d/f4\n"
		       "close d/f5\n"
		       "close d/f6\n"
		       "repeat 6 close d/f1{}\n"
		       "close d/f7\n"
		       "close d/f8\n"
		       "close d/f9\n"
		       "close d/f16\n"
		       "close d/f17\n"
		       "close d/f18\n"
		       "close d/f19\n"
		       "keystatus K\n"},
	{"removed once more: absent", "rmkey K\n"
				      "keystatus K\n"
				      "rmkey K\n"
				      "read d/f0 0 4k\n"
				      "stat d/f0\n"
				      "create d/new\n"
				      "ls d\n"},
	{"added again", "addkey K\n"
			"keystatus K\n"
			"read d/f0 0 8k\n"
			"stat d/f100\n"
			"create d/new\n"
			"open d/f7\n"},
	{"added again while incompletely removed", "rmkey K\n"
						   "keystatus K\n"
						   "addkey K\n"
						   "keystatus K\n"
						   "read d/f100 0 4k\n"
						   "close d/f7\n"
						   "rmkey K\n"
						   "keystatus K\n"},
};

const struct live_fs_kind *live_ext4_kind(void)
{
	static const char *const mkfs[] = {"mkfs.ext4", "-q", "-F", "-O", "encrypt,stable_inodes",
					   NULL};
	static const char *const mount[] = {NULL};
	static const struct live_fs_kind kind = {"ext4", mkfs, mount, UINT64_C(1) << 30};

	return &kind;
}

/* ---- outcomes ---- */

static char *outcome_of(const struct live_player *player, int rc)
{
	if (rc < 0)
		return g_strdup(strerrorname_np(-rc));
	if (player->outcome->len)
		return g_strdup(player->outcome->str);
	return g_strdup("ok");
}

struct live_script *live_outcomes(const struct live_script *script, GError **error)
{
	g_autofree char *text = live_script_text(script);
	struct script *parsed = script_parse(script->name, text, error);
	struct live_fs *fs = parsed ? live_fs_new(live_ext4_kind(), error) : NULL;
	struct live_script *with = NULL;
	struct live_player *player;

	if (fs) {
		with = live_script_new(script->name, false);
		player = live_player_new(fs->root);
		for (guint i = 0; i < parsed->ops->len; i++) {
			const struct script_op *op =
				&g_array_index(parsed->ops, struct script_op, i);
			g_autofree char *outcome = outcome_of(player, live_do(player, op));

			g_ptr_array_add(with->lines,
					g_strdup_printf("%s -> %s", op->text, outcome));
		}
		live_player_free(player);
		live_fs_free(fs);
	}
	script_free(parsed);
	return with;
}

/* ---- the model's ---- */

bool live_model_run(const struct live_script *script, const struct validate_options *options,
		    struct world_outcome *outcome, GError **error)
{
	g_autofree char *name = g_strconcat(script->name, ".ops", NULL);
	g_autofree char *text = live_script_text(script);
	const struct validate_world world = {
		.name = name, .text = text, .variant = "inode: design=inode setup=at-open"};

	return validate_world_run(&world, options, outcome, error);
}

/* "FILE: line 7 `read d/f0 0 4k`: expected ok, got ENOKEY", without the file's name. */
static const char *without_file(const char *finding, unsigned int *line)
{
	static const char mark[] = ": line ";
	const char *at = strstr(finding, mark);

	if (!at)
		return finding;
	*line = (unsigned int)g_ascii_strtoull(at + strlen(mark), NULL, 10);
	return at + 2;
}

GPtrArray *live_unexpected(const struct live_script *outcomes,
			   const struct validate_options *options, GError **error)
{
	struct world_outcome outcome;
	GPtrArray *unexpected;

	if (!live_model_run(outcomes, options, &outcome, error))
		return NULL;
	unexpected = g_ptr_array_new_with_free_func(g_free);
	for (guint i = 0; i < outcome.findings->len; i++) {
		const struct world_finding *finding = outcome.findings->pdata[i];
		struct live_unexpected *one = g_new0(struct live_unexpected, 1);

		g_ptr_array_add(unexpected, one);
		g_strlcpy(one->text, without_file(finding->text, &one->line), sizeof(one->text));
	}
	world_outcome_clear(&outcome);
	return unexpected;
}

/* ---- the states of a key ---- */

static struct live_script *states_script(unsigned int *lines_of)
{
	g_autoptr(GString) text = g_string_new(NULL);
	struct live_script *script = live_script_new("states", false);
	struct script *parsed;

	for (size_t i = 0; i < G_N_ELEMENTS(states); i++) {
		parsed = script_parse(states[i].state, states[i].script, NULL);
		g_assert(parsed);
		lines_of[i] = parsed->ops->len;
		script_free(parsed);
		g_string_append(text, states[i].script);
	}
	g_ptr_array_add(script->lines, g_string_free(g_steal_pointer(&text), false));
	return script;
}

static void report_state(struct validate_report *report, const char *state, unsigned int from,
			 unsigned int count, const GPtrArray *unexpected, const char *source)
{
	g_autofree char *what = g_strdup_printf("key %s: operations with equal outcomes", state);
	g_autoptr(GString) note = g_string_new(NULL);
	struct validate_check *check;
	unsigned int wrong = 0;

	for (guint i = 0; i < unexpected->len; i++) {
		const struct live_unexpected *one = unexpected->pdata[i];

		if (one->line && (one->line <= from || one->line > from + count))
			continue;
		wrong++;
		g_string_append_printf(note, "%s%s", note->len ? "\n" : "", one->text);
	}
	check = validate_equal(report, what, count, (int64_t)count - wrong, "", source);
	validate_note(check, "%s", note->str);
}

static bool check_states(const struct validate_options *options, struct validate_report *report,
			 const char *source, GError **error)
{
	unsigned int lines_of[G_N_ELEMENTS(states)], from = 0;
	struct live_script *script = states_script(lines_of);
	struct live_script *outcomes = live_outcomes(script, error);
	GPtrArray *unexpected = outcomes ? live_unexpected(outcomes, options, error) : NULL;

	for (size_t i = 0; unexpected && i < G_N_ELEMENTS(states); i++) {
		report_state(report, states[i].state, from, lines_of[i], unexpected, source);
		from += lines_of[i];
	}
	live_script_free(script);
	if (outcomes)
		live_script_free(outcomes);
	if (!unexpected)
		return false;
	g_ptr_array_unref(unexpected);
	return true;
}

/* ---- the group ---- */

/* ext4 without encryption is mounted all the same. */
static char *missing(void)
{
	char *why = live_fs_missing(live_ext4_kind());

	if (!why && !g_file_test("/sys/fs/ext4/features/encryption", G_FILE_TEST_EXISTS))
		why = g_strdup("this kernel's ext4 was built without fscrypt");
	return why;
}

bool validate_live_fscrypt(const struct validate_options *options, struct validate_report *report,
			   GError **error)
{
	g_autofree char *why = missing(), *source = live_source("ext4");

	if (why) {
		validate_skip(report, "states of a key", why);
		return true;
	}
	return check_states(options, report, source, error) &&
	       live_check_counts(options, report, source, error) &&
	       live_check_random_keys(options, report, source, error);
}
