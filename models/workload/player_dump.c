/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A script's dumps: the files that it has touched, and what it did since the last. */
#include "models/workload/player.h"

#include <string.h>

/* ---- which files ---- */

void script_track(GPtrArray *tracked, const char *name)
{
	for (guint i = 0; i < tracked->len; i++)
		if (!strcmp(tracked->pdata[i], name))
			return;
	g_ptr_array_add(tracked, g_strdup(name));
}

void script_untrack(GPtrArray *tracked, const char *name)
{
	size_t len = strlen(name);

	for (guint i = tracked->len; i-- > 0;) {
		const char *at = tracked->pdata[i];

		if (!strncmp(at, name, len) && (!at[len] || at[len] == '/'))
			g_ptr_array_remove_index(tracked, i);
	}
}

/* Dumps go on with what has moved, by its new name. */
void script_retrack(GPtrArray *tracked, const char *from, const char *to)
{
	size_t len = strlen(from);

	script_untrack(tracked, to);
	for (guint i = 0; i < tracked->len; i++) {
		char *at = tracked->pdata[i];

		if (strncmp(at, from, len) || (at[len] && at[len] != '/'))
			continue;
		tracked->pdata[i] = g_strconcat(to, at + len, NULL);
		g_free(at);
	}
}

void player_track(struct player *p, const char *name)
{
	if (p->dumps)
		script_track(p->tracked, name);
}

/* ---- steps ---- */

void player_note_op(struct player *p, const struct script_op *op, int err)
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

void player_dump_step(struct player *p)
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
