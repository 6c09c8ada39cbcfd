/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A script done on a real btrfs, and what it looks like at each of its dumps. */
#include <errno.h>
#include <string.h>

#include "validate/live.h"

/* ---- a script ---- */

struct live_script *live_script_new(const char *name, bool compress)
{
	struct live_script *script = g_new(struct live_script, 1);

	*script = (struct live_script){
		.name = g_strdup(name),
		.lines = g_ptr_array_new_with_free_func(g_free),
		.compress = compress,
	};
	return script;
}

void live_script_free(struct live_script *script)
{
	g_ptr_array_unref(script->lines);
	g_free(script->name);
	g_free(script);
}

struct live_script *live_script_copy(const struct live_script *script)
{
	struct live_script *copy = live_script_new(script->name, script->compress);

	copy->limit_dirty = script->limit_dirty;
	for (guint i = 0; i < script->lines->len; i++)
		g_ptr_array_add(copy->lines, g_strdup(script->lines->pdata[i]));
	return copy;
}

char *live_script_text(const struct live_script *script)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < script->lines->len; i++)
		g_string_append_printf(text, "%s\n", (const char *)script->lines->pdata[i]);
	return g_string_free(text, false);
}

/* ---- its recording ---- */

static void note_outcome(json_t *ops, const struct live_player *player, const struct script_op *op,
			 int rc)
{
	const char *outcome = rc < 0 ? strerrorname_np(-rc) : player->outcome->str;
	g_autofree char *text = g_strdup_printf("-> %s", outcome);

	json_array_append_new(ops, json_string(op->text));
	if (*outcome)
		json_array_append_new(ops, json_string(text));
}

static bool fail(GError **error, const struct script *script, const struct script_op *op,
		 const char *why)
{
	g_set_error(error, VALIDATE_ERROR, VALIDATE_ERROR_IO, "%s:%u: `%s`: %s", script->source,
		    op->line, op->text, why);
	return false;
}

static bool dump(struct live_player *player, struct live_numbers *numbers, json_t *steps,
		 json_t **ops, int *rc)
{
	json_t *step = json_object();

	json_object_set_new(step, "step", json_integer((json_int_t)json_array_size(steps)));
	json_object_set_new(step, "ops", *ops);
	json_object_set_new(step, "kind", json_string("dump"));
	*ops = json_array();
	*rc = live_layout(player, numbers, step);
	json_array_append_new(steps, step);
	return !*rc;
}

static bool play(struct live_player *player, const struct script *script, json_t *steps,
		 const struct validate_options *options, GError **error)
{
	struct live_numbers *numbers = live_numbers_new();
	json_t *ops = json_array();
	bool ok = true;

	for (guint i = 0; ok && i < script->ops->len; i++) {
		const struct script_op *op = &g_array_index(script->ops, struct script_op, i);
		int rc;

		if (validate_interrupted(options, error))
			ok = false;
		else if (!live_can(op->code))
			ok = fail(error, script, op, "can't be done on a real btrfs");
		else if (op->code != SCRIPT_DUMP)
			note_outcome(ops, player, op, live_do(player, op));
		else if (!dump(player, numbers, steps, &ops, &rc))
			ok = fail(error, script, op, g_strerror(-rc));
	}
	json_decref(ops);
	live_numbers_free(numbers);
	return ok;
}

const struct live_fs_kind *live_btrfs_kind(bool compress)
{
	static const char *const mkfs[] = {"mkfs.btrfs", "-q", "-n", "16384", "-s", "4096", NULL};
	static const char *const plain[] = {NULL}, *const compressed[] = {"compress", "zstd", NULL};
	static const struct live_fs_kind kinds[] = {
		{"btrfs", mkfs, plain, UINT64_C(12) << 30},
		{"btrfs", mkfs, compressed, UINT64_C(12) << 30},
	};

	return &kinds[compress];
}

json_t *live_record(const struct live_script *script, const struct validate_options *options,
		    GError **error)
{
	g_autofree char *text = live_script_text(script);
	struct script *parsed = script_parse(script->name, text, error);
	struct live_fs *fs = parsed ? live_fs_new(live_btrfs_kind(script->compress), error) : NULL;
	struct live_player *player;
	json_t *steps = json_array();

	if (fs) {
		player = live_player_new(fs->root);
		if ((script->limit_dirty && !live_limit_dirty(fs->root, error)) ||
		    !play(player, parsed, steps, options, error))
			g_clear_pointer(&steps, json_decref);
		live_player_free(player);
		live_fs_free(fs);
	} else {
		g_clear_pointer(&steps, json_decref);
	}
	script_free(parsed);
	return steps;
}

json_t *live_model(const struct live_script *script, const char *const *sets,
		   const struct validate_options *options, GError **error)
{
	static const char *const compressed[] = {"filesystem.compress=true", NULL};
	g_autofree char *name = g_strconcat(script->name, ".ops", NULL);
	g_autofree char *text = live_script_text(script);
	const struct validate_world world = {
		.name = name, .text = text, .sets = script->compress ? compressed : sets};

	return recording_run(&world, options, error);
}
