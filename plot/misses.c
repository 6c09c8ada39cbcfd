/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Miss-ratio curves: a line for each policy over the size of the cache. */
#include "plot/internal.h"

#include <math.h>

static size_t find_size(const struct plot_misses *curve, uint64_t size)
{
	size_t i = 0;

	while (i < curve->points && curve->size[i] != size)
		i++;
	return i;
}

static int by_size(gconstpointer a, gconstpointer b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static GArray *all_sizes(const struct plot_misses *curve, size_t count)
{
	GArray *sizes = g_array_new(FALSE, FALSE, sizeof(uint64_t));

	for (size_t c = 0; c < count; c++)
		for (size_t i = 0; i < curve[c].points; i++) {
			bool known = false;

			for (size_t k = 0; k < c; k++)
				known = known ||
					find_size(&curve[k], curve[c].size[i]) < curve[k].points;
			if (!known)
				g_array_append_val(sizes, curve[c].size[i]);
		}
	g_array_sort(sizes, by_size);
	return sizes;
}

static void fill(struct plot *plot, const struct plot_misses *curve, size_t count)
{
	g_autoptr(GArray) sizes = all_sizes(curve, count);
	GPtrArray *head = g_ptr_array_new();

	g_ptr_array_add(head, g_strdup("size (keys)"));
	for (size_t c = 0; c < count; c++)
		g_ptr_array_add(head,
				g_strdup_printf("%s (misses in 100 accesses)", curve[c].label));
	g_ptr_array_add(head, NULL);
	plot_set_head(plot, head);
	for (guint s = 0; s < sizes->len; s++) {
		uint64_t size = g_array_index(sizes, uint64_t, s);
		GPtrArray *cells = g_ptr_array_new();

		g_ptr_array_add(cells, cell_number((double)size));
		for (size_t c = 0; c < count; c++) {
			size_t i = find_size(&curve[c], size);
			double misses = i < curve[c].points ? (double)curve[c].misses[i] : NAN;

			g_ptr_array_add(cells,
					cell_number(misses * 100 / (double)curve[c].accesses));
		}
		plot_add_row(plot, cells);
	}
}

struct plot *plot_of_misses(const struct plot_misses *curve, size_t count, bool upper_bound)
{
	enum { HEIGHT = 340, LONGEST_LABEL = 6 };
	struct legend legend = {.names = count, .longest = LONGEST_LABEL};
	GString *script = g_string_new(NULL);
	struct plot *plot = plot_new(
		"miss-ratio", "Miss ratio of the key cache",
		g_strconcat("What share of accesses finds no key in a cache of so many keys, by "
			    "policy.",
			    upper_bound ? " An upper bound: what the page cache answers reaches no "
					  "key."
					: "",
			    NULL));

	fill(plot, curve, count);
	plot->height = HEIGHT + legend_height(&legend);
	append_legend(script, &legend);
	g_string_append(script,
			"set xlabel 'size of the cache (keys)'\n"
			"set ylabel 'misses (% of accesses)'\n"
			"set logscale x 10\nset format x '%.6g'\nset yrange [0:100]\nplot ");
	for (size_t c = 0; c < count; c++) {
		g_string_append_printf(script, "%s'%s.dat' using 1:%zu with linespoints",
				       c ? ", \\\n  " : "", plot->name, 2 + c);
		append_style(script, c);
		g_string_append(script, " ps 0.5 title ");
		append_quoted(script, curve[c].label);
	}
	g_string_append_c(script, '\n');
	plot->script = g_string_free(script, FALSE);
	return plot;
}
