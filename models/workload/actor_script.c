/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The script actor: one task that runs an operation script, line after line; `dump` prints the layout of
 * every file that the script has touched and that still exists.
 */
#include "models/workload/player.h"

#include <errno.h>
#include <string.h>

struct script_config {
	char *script, *script_path;
	int64_t on_refusal, when;
	struct script *parsed; /* by check(); owned here */
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

static int execute(struct player *p, const struct script_op *op)
{
	struct btrfs_fs *fs = p->workload->fs;

	switch (op->code) {
	case SCRIPT_REFLINK:
	case SCRIPT_CLONE:
	case SCRIPT_DEDUPE:
		return player_share(p, op);
	case SCRIPT_OPEN:
		return player_hold(p, op->name[0]);
	case SCRIPT_CLOSE:
		return player_let_go(p, op->name[0]);
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
		return player_name_op(p, op);
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

/* ---- the task ---- */

/* Request numbers of lines, then of copies that stand in for them. */
#define COPIES (UINT64_C(1) << 39)

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
		player_note_op(p, op, err);
		if (op->code == SCRIPT_DUMP)
			player_dump_step(p);
		if (!is_refused_share(p, op, err))
			continue;
		if (p->on_refusal == ON_REFUSAL_COPY)
			player_copy_instead(p, op, workload_request(p->number, COPIES + i));
		ends = p->on_refusal == ON_REFUSAL_FAIL;
	}
	player_close_held(p);
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
