/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table: variants across, metrics down. libsmartcols pads and colours; what stands in a cell
 * and how many variants share a block is decided here, as the widths must be known before.
 */
#include "results/internal.h"

#include <libsmartcols.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

enum {
	LABEL_MIN = 20, /* columns; longer names break at a dot or underscore */
	LABEL_FLOOR = 12, /* the same on a terminal too narrow for one variant beside another */
	LABEL_INDENT = 2,
	HEADER_MIN = 11, /* a variant's name breaks no further than this */
	GAP = 2, /* between columns */
	ALLOC_ROWS_MAX = 8, /* of allocations by site, unless all is asked for */
};

struct text_cell {
	char *value, *difference;
	const char *colour;
};

struct block {
	size_t columns;
	size_t *column; /* of the comparison; the first is the reference */
};

struct table {
	const struct results_comparison *cmp;
	struct results_text_options options;
	struct text_cell *cells; /* rows times columns */
	size_t *value_width, *difference_width, *width; /* of each column: its parts, and all */
	bool compact; /* figures are shortened so that all variants fit beside each other */
	bool marks; /* a star stands somewhere */
};

static size_t text_width(const char *text)
{
	return (size_t)g_utf8_strlen(text, -1);
}

static struct text_cell *cell_text(const struct table *t, size_t row, size_t column)
{
	return &t->cells[row * t->cmp->columns->len + column];
}

/* ---- which rows ---- */

static bool is_measured(const struct results_row *row, const char *const *measure)
{
	return measure ? name_is_wanted(row->name, measure)
		       : row->summary && row->class != RESULTS_HOST;
}

bool results_row_is_shown(const struct results_row *row, const char *const *measure)
{
	return !row->zero && is_measured(row, measure);
}

static bool is_wanted(const struct table *t, const struct results_row *row)
{
	return t->options.all || is_measured(row, t->options.measure);
}

static bool is_shown(const struct table *t, const struct results_row *row)
{
	return !row->zero && is_wanted(t, row);
}

static bool has_any(const struct results_row *row, const struct block *block)
{
	for (size_t i = 0; i < block->columns; i++)
		if (row->cell[block->column[i]].metric)
			return true;
	return false;
}

/* ---- cells ---- */

static const char *verdict_colour(const struct results_cell *cell)
{
	if (cell->verdict == RESULTS_BETTER)
		return "green";
	return cell->verdict == RESULTS_WORSE || cell->verdict == RESULTS_STOPPED ? "red" : NULL;
}

static uint32_t runs_of(const struct results_comparison *cmp, size_t column)
{
	const struct results_column *c = column_at(cmp, column);
	uint32_t runs = 0;

	for (uint32_t i = 0; i < cmp->docs[c->doc]->replications; i++)
		runs += c->variant->replication[i].done;
	return runs;
}

static char *finish(const struct table *t, GString *text)
{
	text_clean(text, t->options.ascii, false);
	return g_string_free(text, FALSE);
}

/* `mark` stands behind the best, a blank behind the others; 0: no marks in this column. */
static void cell_texts(const struct results_comparison *cmp, const struct results_row *row,
		       size_t column, bool compact, char mark, GString *value, GString *difference)
{
	const struct results_cell *cell = &row->cell[column];
	const struct results_metric *metric = cell->metric;
	bool is_reference = column_at(cmp, column)->reference == column;

	if (!metric)
		g_string_append_c(value, '-');
	else if (is_reference && metric->class == RESULTS_SAMPLED && metric->half_width > 0)
		human_interval(value, metric->value, metric->half_width, row->unit);
	else
		human_value(value, metric->value, row->unit, compact);
	if (metric && metric->n < runs_of(cmp, column))
		g_string_append_printf(value, "(n=%u)", metric->n);
	if (mark)
		g_string_append_c(value, cell->best ? mark : ' ');
	if (!is_reference && metric && reference_cell(cmp, row, column)->metric)
		human_difference(difference, cell,
				 reference_cell(cmp, row, column)->metric->value == 0, row->unit);
}

static void fill_cell(const struct table *t, const struct results_row *row, size_t column,
		      bool marks, struct text_cell *text)
{
	GString *value = g_string_new(NULL), *difference = g_string_new(NULL);

	cell_texts(t->cmp, row, column, t->compact, marks ? '*' : '\0', value, difference);
	text->value = finish(t, value);
	text->difference = finish(t, difference);
	text->colour = verdict_colour(&row->cell[column]);
}

void results_cell_text(const struct results_comparison *cmp, const struct results_row *row,
		       size_t column, GString *value, GString *difference)
{
	cell_texts(cmp, row, column, false, row->cell[column].best ? '*' : '\0', value, difference);
}

static bool has_marks(const struct table *t, size_t column)
{
	for (size_t r = 0; r < t->cmp->rows->len; r++)
		if (is_shown(t, row_at(t->cmp, r)) && row_at(t->cmp, r)->cell[column].best)
			return true;
	return false;
}

static void fill_column(struct table *t, size_t column)
{
	bool marks = has_marks(t, column);
	size_t difference_width = 0, label;

	t->marks = t->marks || marks;
	t->value_width[column] = 0;
	for (size_t r = 0; r < t->cmp->rows->len; r++) {
		struct text_cell *text = cell_text(t, r, column);

		g_free(text->value);
		g_free(text->difference);
		fill_cell(t, row_at(t->cmp, r), column, marks, text);
		if (!is_shown(t, row_at(t->cmp, r)))
			continue;
		t->value_width[column] = MAX(t->value_width[column], text_width(text->value));
		difference_width = MAX(difference_width, text_width(text->difference));
	}
	t->difference_width[column] = difference_width ? 1 + difference_width : 0;
	label = text_width(column_at(t->cmp, column)->label);
	t->width[column] =
		MAX(t->value_width[column] + t->difference_width[column], MIN(label, HEADER_MIN));
}

/* The widest of the families, each a reference and those compared with it. */
static size_t widest_family(const struct table *t)
{
	size_t widest = 0;

	for (size_t r = 0; r < t->cmp->columns->len; r++) {
		size_t width = LABEL_INDENT + LABEL_MIN;

		for (size_t c = 0; c < t->cmp->columns->len; c++)
			if (column_at(t->cmp, c)->reference == r)
				width += GAP + t->width[c];
		widest = MAX(widest, width);
	}
	return widest;
}

static void fill_cells(struct table *t)
{
	size_t columns = t->cmp->columns->len;

	t->compact = false;
	for (size_t c = 0; c < columns; c++)
		fill_column(t, c);
	if (widest_family(t) <= t->options.width)
		return;
	t->compact = true;
	for (size_t c = 0; c < columns; c++)
		fill_column(t, c);
	if (widest_family(t) <= t->options.width)
		return;
	t->compact = false;
	for (size_t c = 0; c < columns; c++)
		fill_column(t, c);
}

/* Value and difference stand in two columns of their own inside the cell. */
static char *compose(const struct table *t, size_t row, size_t column)
{
	const struct text_cell *text = cell_text(t, row, column);
	GString *out = g_string_new(text->value);

	for (size_t i = text_width(text->difference); i < t->difference_width[column]; i++)
		g_string_append_c(out, ' ');
	g_string_append(out, text->difference);
	return g_string_free(out, FALSE);
}

/* ---- names that break ---- */

/* Cuts a name into pieces of at most `width`, after one of the characters in `at` if it can. */
static GPtrArray *break_name(const char *name, const char *at, size_t width, size_t indent)
{
	GPtrArray *pieces = g_ptr_array_new_with_free_func(g_free);
	size_t room = width;

	while (text_width(name) > room) {
		const char *end = g_utf8_offset_to_pointer(name, (glong)room), *cut = end;

		while (cut > name + 1 && !strchr(at, cut[-1]))
			cut--;
		if (cut <= name + 1)
			cut = end;
		g_ptr_array_add(pieces, g_strdup_printf("%*s%.*s", pieces->len ? (int)indent : 0,
							"", (int)(cut - name), name));
		name = cut;
		room = width > indent ? width - indent : 1;
	}
	g_ptr_array_add(pieces, g_strdup_printf("%*s%s", pieces->len ? (int)indent : 0, "", name));
	return pieces;
}

/* The unit is in the cell, so the name goes without it. */
static char *label_of(const struct results_row *row)
{
	const char *name = row->name;
	const char *suffix = strcmp(row->unit, "ns") == 0      ? "_ns"
			     : strcmp(row->unit, "bytes") == 0 ? "_bytes"
							       : "";

	if (g_str_has_prefix(name, ALLOC_BY_PREFIX))
		name += strlen(ALLOC_BY_PREFIX);
	if (g_str_has_suffix(name, suffix))
		return g_strndup(name, strlen(name) - strlen(suffix));
	return g_strdup(name);
}

/* ---- blocks ---- */

static size_t block_width(const struct table *t, const struct block *block)
{
	size_t width = 0;

	for (size_t i = 0; i < block->columns; i++)
		width += GAP + t->width[block->column[i]];
	return width;
}

/* As many of the reference's family, from `*next` on, as fit; at least one. */
static struct block next_block(const struct table *t, size_t reference, size_t *next)
{
	size_t columns = t->cmp->columns->len;
	struct block block = {1, g_new(size_t, columns)};

	block.column[0] = reference;
	for (; *next < columns; ++*next) {
		if (*next == reference || column_at(t->cmp, *next)->reference != reference)
			continue;
		block.column[block.columns] = *next;
		if (block.columns > 1 &&
		    LABEL_INDENT + LABEL_MIN + block_width(t, &block) + GAP + t->width[*next] >
			    t->options.width)
			break;
		block.columns++;
	}
	return block;
}

static size_t label_width(const struct table *t, const struct block *block)
{
	size_t longest = LABEL_MIN, used = block_width(t, block) + LABEL_INDENT;
	size_t room = t->options.width > used ? t->options.width - used : 0;

	for (size_t r = 0; r < t->cmp->rows->len; r++) {
		g_autofree char *label = label_of(row_at(t->cmp, r));

		if (is_shown(t, row_at(t->cmp, r)))
			longest = MAX(longest, text_width(label));
	}
	return MAX(MIN(longest, room), LABEL_FLOOR);
}

/* ---- printing ---- */

static struct libscols_line *new_line(struct libscols_table *table)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);

	g_assert(line);
	return line;
}

static void set_text(struct libscols_line *line, size_t column, const char *text)
{
	int rc = scols_line_set_data(line, column, text);

	g_assert(rc == 0);
}

/* Names of the variants, on as many lines as the longest needs, the last one filled. */
static void add_header(const struct table *t, const struct block *block,
		       struct libscols_table *table)
{
	g_autoptr(GPtrArray) names =
		g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
	guint lines = 1;

	for (size_t i = 0; i < block->columns; i++) {
		size_t column = block->column[i];
		GPtrArray *pieces = break_name(column_at(t->cmp, column)->label, "-_.:/ ",
					       MAX(t->width[column], 1), 0);

		g_ptr_array_add(names, pieces);
		lines = MAX(lines, pieces->len);
	}
	for (guint l = 0; l < lines; l++) {
		struct libscols_line *line = new_line(table);

		for (size_t i = 0; i < block->columns; i++) {
			const GPtrArray *pieces = names->pdata[i];
			guint first = lines - pieces->len;

			if (l >= first)
				set_text(line, i + 1, pieces->pdata[l - first]);
		}
	}
}

static void add_row(const struct table *t, const struct block *block, size_t row, size_t label_room,
		    struct libscols_table *table)
{
	g_autofree char *label = label_of(row_at(t->cmp, row));
	g_autoptr(GPtrArray) pieces = break_name(label, "._", label_room, LABEL_INDENT);
	struct libscols_line *line = NULL;

	for (guint i = 0; i < pieces->len; i++) {
		g_autofree char *text =
			g_strdup_printf("%*s%s", LABEL_INDENT, "", (char *)pieces->pdata[i]);

		line = new_line(table);
		set_text(line, 0, text);
	}
	for (size_t i = 0; i < block->columns; i++) {
		g_autofree char *text = compose(t, row, block->column[i]);
		const char *colour = cell_text(t, row, block->column[i])->colour;

		set_text(line, i + 1, text);
		if (colour)
			scols_cell_set_color(scols_line_get_cell(line, i + 1), colour);
	}
}

/* Prints some of the lines, without the blanks that fill the last column. */
static void print_lines(struct libscols_table *table, size_t from, size_t to, GString *out)
{
	g_auto(GStrv) text = NULL;
	char *printed = NULL;
	int rc;

	rc = scols_table_print_range_to_string(table, scols_table_get_line(table, from),
					       scols_table_get_line(table, to - 1), &printed);
	g_assert(rc == 0);
	text = g_strsplit(printed, "\n", -1);
	for (char **line = text; *line; line++)
		if (**line)
			g_string_append_printf(out, "%s\n", g_strchomp(*line));
	free(printed);
}

static struct libscols_table *new_table(const struct table *t, const struct block *block,
					size_t label_room)
{
	struct libscols_table *table = scols_new_table();

	g_assert(table);
	scols_table_enable_noheadings(table, 1);
	scols_table_enable_colors(table, t->options.colour);
	scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
	scols_table_set_column_separator(table, "  ");
	/* A column's name would widen it, shown or not: the names are in lines of their own. */
	scols_table_new_column(table, "", (double)(label_room + LABEL_INDENT), 0);
	for (size_t i = 0; i < block->columns; i++)
		scols_table_new_column(table, "", (double)t->width[block->column[i]],
				       SCOLS_FL_RIGHT);
	return table;
}

/* A group's lines in the table. */
struct span {
	const char *group;
	size_t from, to, left_out;
};

/* The rows of one group, from `*row` on. */
static struct span add_group(const struct table *t, const struct block *block, size_t label_room,
			     struct libscols_table *table, size_t *row)
{
	const struct results_comparison *cmp = t->cmp;
	struct span span = {row_at(cmp, *row)->group, scols_table_get_nlines(table), 0, 0};
	bool bounded = strcmp(span.group, ALLOC_BY_GROUP) == 0 && !t->options.all;
	size_t shown = 0;

	for (; *row < cmp->rows->len && strcmp(row_at(cmp, *row)->group, span.group) == 0; ++*row) {
		if (!is_shown(t, row_at(cmp, *row)) || !has_any(row_at(cmp, *row), block))
			continue;
		if (bounded && shown >= ALLOC_ROWS_MAX) {
			span.left_out++;
			continue;
		}
		add_row(t, block, *row, label_room, table);
		shown++;
	}
	span.to = scols_table_get_nlines(table);
	return span;
}

static void print_span(const struct table *t, const struct span *span, struct libscols_table *table,
		       GString *out)
{
	g_autoptr(GString) heading = g_string_new(span->group);

	text_clean(heading, t->options.ascii, false);
	wrap_text(out, heading->str, 0, t->options.width);
	print_lines(table, span->from, span->to, out);
	if (span->left_out > 0)
		g_string_append_printf(out, "  and %zu smaller ones\n", span->left_out);
}

/* All lines must be in the table before the first is printed: widths are taken over those. */
static void print_block(const struct table *t, const struct block *block, GString *out)
{
	size_t label_room = label_width(t, block), row = 0, header;
	struct libscols_table *table = new_table(t, block, label_room);
	g_autoptr(GArray) spans = g_array_new(FALSE, FALSE, sizeof(struct span));

	add_header(t, block, table);
	header = scols_table_get_nlines(table);
	while (row < t->cmp->rows->len) {
		struct span span = add_group(t, block, label_room, table, &row);

		if (span.to > span.from)
			g_array_append_val(spans, span);
	}
	print_lines(table, 0, header, out);
	for (guint i = 0; i < spans->len; i++)
		print_span(t, &g_array_index(spans, struct span, i), table, out);
	scols_unref_table(table);
	g_string_append_c(out, '\n');
}

static void print_zeros(const struct table *t, GString *out)
{
	g_autoptr(GString) names = g_string_new(NULL);

	for (size_t r = 0; r < t->cmp->rows->len; r++) {
		const struct results_row *row = row_at(t->cmp, r);

		if (row->zero && is_wanted(t, row))
			g_string_append_printf(names, "%s %s", names->len ? "," : "", row->name);
	}
	if (names->len > 0) {
		g_string_prepend(names, "0 in every variant:");
		wrap_text(out, names->str, 0, t->options.width);
		g_string_append_c(out, '\n');
	}
}

static void print_legend(const struct table *t, GString *out)
{
	g_autoptr(GString) text = g_string_new(NULL);
	bool sampled = false;

	for (size_t r = 0; r < t->cmp->rows->len; r++)
		sampled = sampled || (row_at(t->cmp, r)->class == RESULTS_SAMPLED &&
				      is_shown(t, row_at(t->cmp, r)));
	if (t->marks)
		g_string_append(text, "* best, or not told from the best; ");
	g_string_append(text, "= the same as the reference, which stands first");
	if (sampled)
		g_string_append(text, "; ± half of a 95 % interval; ? can't be told from this "
				      "many seeds");
	wrap_text(out, text->str, 0, t->options.width);
	g_string_append_c(out, '\n');
}

/* libsmartcols measures and escapes text by the thread's LC_CTYPE, so it gets one that is always
 * the same: the table must not depend on the locale. Without C.UTF-8 only ASCII is safe. */
static locale_t use_utf8(bool *ascii)
{
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);

	if (utf8 == (locale_t)0)
		*ascii = true;
	else
		uselocale(utf8);
	return utf8;
}

static void print_blocks(const struct table *t, GString *out)
{
	const struct results_comparison *cmp = t->cmp;

	for (size_t i = 0; i < cmp->columns->len; i++) {
		size_t next = 0;

		if (column_at(cmp, i)->reference != i)
			continue;
		do {
			struct block block = next_block(t, i, &next);

			print_block(t, &block, out);
			g_free(block.column);
		} while (next < cmp->columns->len);
	}
}

void table_print(const struct results_comparison *cmp, const struct results_text_options *options,
		 GString *out)
{
	size_t columns = cmp->columns->len, cells = columns * cmp->rows->len;
	struct table t = {.cmp = cmp, .options = *options};
	locale_t before = uselocale((locale_t)0), utf8 = use_utf8(&t.options.ascii);

	t.cells = g_new0(struct text_cell, cells);
	t.value_width = g_new0(size_t, columns);
	t.difference_width = g_new0(size_t, columns);
	t.width = g_new0(size_t, columns);
	fill_cells(&t);
	print_blocks(&t, out);
	print_zeros(&t, out);
	print_legend(&t, out);
	for (size_t i = 0; i < cells; i++) {
		g_free(t.cells[i].value);
		g_free(t.cells[i].difference);
	}
	g_free(t.cells);
	g_free(t.value_width);
	g_free(t.difference_width);
	g_free(t.width);
	uselocale(before);
	if (utf8 != (locale_t)0)
		freelocale(utf8);
}
