/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a table shows unless all is asked for, and in which order. The order of groups and of rows
 * in a group follows from this list too; whatever it does not name comes after, by name.
 */
#include "results/internal.h"

#include <stdlib.h>
#include <string.h>

/* '*' stands for any text. */
static const char *const summary[] = {
	"ops.*.count",
	"ops.*.refused",
	"ops.*.latency_p50_ns",
	"ops.*.latency_p99_ns",
	"ops.*.latency_max_ns",
	"pool.acquires",
	"pool.waits",
	"pool.wait_p99_ns",
	"pool.in_use_max",
	"key.derivations",
	"key.setkeys",
	"key.nonces_drawn",
	"key.cache_hits",
	"key.cache_misses",
	"tfm.allocations",
	"alloc.total",
	"alloc.nofs",
	"alloc.unsafe",
	"alloc.failed",
	"alloc.reclaim_ns",
	ALLOC_BY_PREFIX "*",
	"mem.keys_max_bytes",
	"mem.extent_maps_max_bytes",
	"mem.*",
	"disk.context_bytes",
	"disk.leaves",
	"disk.file_extent_items",
	"disk.extents",
	"io.bios",
	"crypt.blocks_encrypted",
	"crypt.blocks_decrypted",
	"truth.*",
	"deadlocks",
	"lock.possible_cycles",
};

char **results_summary_metrics(void)
{
	GPtrArray *names = g_ptr_array_new();

	for (size_t i = 0; i < G_N_ELEMENTS(summary); i++)
		if (strcmp(summary[i], ALLOC_BY_PREFIX "*"))
			g_ptr_array_add(names, g_strdup(summary[i]));
	g_ptr_array_add(names, NULL);
	return (char **)g_ptr_array_free(names, FALSE);
}

unsigned summary_rank(const char *name)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(summary); i++)
		if (g_pattern_match_simple(summary[i], name))
			return i;
	return G_MAXUINT;
}

bool name_is_wanted(const char *name, const char *const *patterns)
{
	for (; *patterns; patterns++)
		if (g_pattern_match_simple(*patterns, name))
			return true;
	return false;
}

/* A row with what it is sorted by: the best rank in its group, then in its stem (the name without
 * its last part, so that all of `ops.read` stands together), then its own. */
struct sorted_row {
	struct results_row *row;
	unsigned group_rank, stem_rank, rank;
	double size; /* of allocations by site: the largest cell */
	char *stem;
};

static double largest(const struct results_row *row, size_t columns)
{
	double size = 0;

	for (size_t i = 0; i < columns; i++)
		if (row->cell[i].metric && row->cell[i].metric->value > size)
			size = row->cell[i].metric->value;
	return size;
}

static char *stem_of(const char *name)
{
	const char *dot = strrchr(name, '.');

	if (g_str_has_prefix(name, ALLOC_BY_PREFIX))
		return g_strdup(ALLOC_BY_PREFIX);
	return dot ? g_strndup(name, (gsize)(dot - name)) : g_strdup("");
}

static int by_order(const void *a, const void *b)
{
	const struct sorted_row *x = a, *y = b;
	int order;

	if (x->group_rank != y->group_rank)
		return x->group_rank < y->group_rank ? -1 : 1;
	order = strcmp(x->row->group, y->row->group);
	if (order)
		return order;
	if (x->stem_rank != y->stem_rank)
		return x->stem_rank < y->stem_rank ? -1 : 1;
	order = strcmp(x->stem, y->stem);
	if (order)
		return order;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	if (x->size != y->size)
		return x->size > y->size ? -1 : 1;
	return strcmp(x->row->name, y->row->name);
}

static void lower(GHashTable *ranks, const char *key, unsigned rank)
{
	gpointer old;

	if (!g_hash_table_lookup_extended(ranks, key, NULL, &old) || GPOINTER_TO_UINT(old) > rank)
		g_hash_table_insert(ranks, g_strdup(key), GUINT_TO_POINTER(rank));
}

void rows_order(GPtrArray *rows, size_t columns)
{
	g_autofree struct sorted_row *sorted = g_new0(struct sorted_row, rows->len);
	g_autoptr(GHashTable) groups = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GHashTable) stems = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (guint i = 0; i < rows->len; i++) {
		struct results_row *row = rows->pdata[i];
		struct sorted_row *s = &sorted[i];

		if (g_str_has_prefix(row->name, ALLOC_BY_PREFIX)) {
			row->group = ALLOC_BY_GROUP;
			s->size = largest(row, columns);
		}
		s->row = row;
		s->rank = summary_rank(row->name);
		s->stem = stem_of(row->name);
		row->summary = s->rank != G_MAXUINT;
		lower(groups, row->group, s->rank);
		lower(stems, s->stem, s->rank);
	}
	for (guint i = 0; i < rows->len; i++) {
		sorted[i].group_rank =
			GPOINTER_TO_UINT(g_hash_table_lookup(groups, sorted[i].row->group));
		sorted[i].stem_rank = GPOINTER_TO_UINT(g_hash_table_lookup(stems, sorted[i].stem));
	}
	qsort(sorted, rows->len, sizeof(*sorted), by_order);
	for (guint i = 0; i < rows->len; i++) {
		rows->pdata[i] = sorted[i].row;
		g_free(sorted[i].stem);
	}
}
