/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a case that finds something to a small one that finds something of the same kind: delta
 * debugging on the lines of all actors together, then what is simpler about the rest, until nothing is.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "validate/shrink.h"

struct shrink {
	struct fuzz_case *best;
	const char *kind;
	fuzz_runner run;
	uint32_t left, spent;
};

/* Takes `try` over; it becomes the best if it still finds the kind. */
static bool keep_if(struct shrink *s, struct fuzz_case *try)
{
	struct fuzz_verdict verdict;
	bool found;

	if (!s->left || !try->lines->len || !fuzz_variant_possible(try->variant)) {
		fuzz_case_free(try);
		return false;
	}
	s->left--;
	s->spent++;
	verdict = s->run(try);
	found = fuzz_first(try, &verdict, s->kind) != NULL;
	fuzz_verdict_clear(&verdict);
	if (found) {
		fuzz_case_free(s->best);
		s->best = try;
	} else {
		fuzz_case_free(try);
	}
	return found;
}

/* ---- lines ---- */

static guint line_count(const void *arg)
{
	return ((const struct shrink *)arg)->best->lines->len;
}

static const char *line_text(const void *arg, guint line)
{
	return ((const struct fuzz_line *)((const struct shrink *)arg)->best->lines->pdata[line])
		->text;
}

static bool without(void *arg, guint from, guint count)
{
	struct shrink *s = arg;
	struct fuzz_case *try = fuzz_case_copy(s->best);

	g_ptr_array_remove_range(try->lines, from, count);
	return keep_if(s, try);
}

static bool without_two(void *arg, guint i, guint j)
{
	struct shrink *s = arg;
	struct fuzz_case *try = fuzz_case_copy(s->best);

	g_ptr_array_remove_index(try->lines, j);
	g_ptr_array_remove_index(try->lines, i);
	return keep_if(s, try);
}

static bool with_text(void *arg, guint i, const char *text)
{
	struct shrink *s = arg;
	struct fuzz_case *try = fuzz_case_copy(s->best);
	struct fuzz_line *line = try->lines->pdata[i];

	g_free(line->text);
	line->text = g_strdup(text);
	return keep_if(s, try);
}

static bool go_on(const void *arg)
{
	return ((const struct shrink *)arg)->left;
}

static const struct shrink_lines case_lines = {line_count,  line_text, without,
					       without_two, with_text, go_on};

/* ---- actors ---- */

static bool without_actor(struct shrink *s, uint32_t actor)
{
	struct fuzz_case *try = fuzz_case_copy(s->best);

	for (guint i = try->lines->len; i-- > 0;)
		if (((struct fuzz_line *)try->lines->pdata[i])->actor == actor)
			g_ptr_array_remove_index(try->lines, i);
	return keep_if(s, try);
}

static bool one_actor(struct shrink *s)
{
	struct fuzz_case *try = fuzz_case_copy(s->best);

	for (guint i = 0; i < try->lines->len; i++)
		((struct fuzz_line *)try->lines->pdata[i])->actor = 0;
	return keep_if(s, try);
}

/* The lines of one actor become another's, in the order in which they stand. */
static bool lines_given(struct shrink *s, uint32_t from, uint32_t to)
{
	struct fuzz_case *try = fuzz_case_copy(s->best);
	bool any = false;

	for (guint i = 0; i < try->lines->len; i++) {
		struct fuzz_line *line = try->lines->pdata[i];

		any = any || line->actor == from;
		if (line->actor == from)
			line->actor = to;
	}
	if (any)
		return keep_if(s, try);
	fuzz_case_free(try);
	return false;
}

static bool fewer_actors(struct shrink *s)
{
	uint32_t before = fuzz_case_actors(s->best);

	if (before == 1)
		return false;
	for (uint32_t actor = 0; actor < FUZZ_ACTORS_MAX; actor++)
		without_actor(s, actor);
	if (fuzz_case_actors(s->best) > 1 && !one_actor(s))
		for (uint32_t from = 0; from < FUZZ_ACTORS_MAX; from++)
			for (uint32_t to = 0; to < FUZZ_ACTORS_MAX; to++)
				if (from != to && lines_given(s, from, to))
					break;
	return fuzz_case_actors(s->best) < before;
}

/* ---- variant and machine ---- */

static bool fewer_choices(struct shrink *s)
{
	g_auto(GStrv) words = g_strsplit(s->best->variant, " ", -1);
	bool any = false;

	for (guint skip = g_strv_length(words); skip-- > 0;) {
		struct fuzz_case *try = fuzz_case_copy(s->best);
		g_auto(GStrv) kept = g_strsplit(s->best->variant, " ", -1);
		guint n = g_strv_length(kept);

		for (guint i = 0; i < n; i++)
			if (!strcmp(kept[i], words[skip])) {
				g_free(kept[i]);
				memmove(&kept[i], &kept[i + 1], (n - i) * sizeof(*kept));
				n--;
			}
		g_free(try->variant);
		try->variant = g_strjoinv(" ", kept);
		any |= keep_if(s, try);
	}
	return any;
}

/* Towards what a bare script runs on. */
static bool plainer_machine(struct shrink *s)
{
	bool any = false;

	for (int step = 0; step < 8; step++) {
		struct fuzz_case *try = fuzz_case_copy(s->best);
		const struct fuzz_case *b = s->best;
		bool differs = true;

		switch (step) {
		case 0:
			try->flushers = false;
			differs = b->flushers;
			break;
		case 1:
			try->spread = false;
			differs = b->spread;
			break;
		case 2:
			try->compress = false;
			differs = b->compress;
			break;
		case 3:
			try->buffer_direct_writes = true;
			differs = !b->buffer_direct_writes;
			break;
		case 4:
			try->memory_mib = 8192;
			differs = b->memory_mib != 8192;
			break;
		case 5:
			try->cpus = 8;
			differs = b->cpus != 8;
			break;
		case 6:
			try->mirrors = 1;
			differs = b->mirrors != 1;
			break;
		case 7:
			try->seed = 1;
			differs = b->seed != 1;
			break;
		}
		if (differs)
			any |= keep_if(s, try);
		else
			fuzz_case_free(try);
	}
	return any;
}

void fuzz_shrink(struct fuzz_case *c, const char *kind, fuzz_runner run, uint32_t *runs)
{
	struct shrink s = {
		.best = fuzz_case_copy(c),
		.kind = kind,
		.run = run,
		.left = *runs,
	};
	bool smaller = true;

	fewer_actors(&s);
	while (smaller && s.left) {
		smaller = shrink_parts(&case_lines, &s);
		smaller |= fewer_actors(&s);
		smaller |= fewer_choices(&s);
		smaller |= plainer_machine(&s);
		smaller |= shrink_numbers(&case_lines, &s);
		smaller = smaller || shrink_pairs(&case_lines, &s);
	}
	*runs = s.spent;
	g_ptr_array_free(c->lines, true);
	g_free(c->variant);
	*c = *s.best;
	g_free(s.best);
}
