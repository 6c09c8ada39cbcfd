/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A script's dumps: the files that it has touched, and what it did since the last. */
#include "models/workload/player.h"

#include <string.h>

/* ---- which files ---- */

void player_track(struct player *p, const char *name)
{
	if (!p->dumps)
		return;
	for (guint i = 0; i < p->tracked->len; i++)
		if (!strcmp(p->tracked->pdata[i], name))
			return;
	g_ptr_array_add(p->tracked, g_strdup(name));
}

void player_untrack(struct player *p, const char *name, bool below)
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

/* Dumps go on with what has moved, by its new name. */
void player_retrack(struct player *p, const char *from, const char *to)
{
	size_t len = strlen(from);

	player_untrack(p, to, false);
	for (guint i = 0; i < p->tracked->len; i++) {
		char *at = p->tracked->pdata[i];

		if (strncmp(at, from, len) || (at[len] && at[len] != '/'))
			continue;
		p->tracked->pdata[i] = g_strconcat(to, at + len, NULL);
		g_free(at);
	}
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
