/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a script whose layouts differ to a short one whose layouts do. */
#include "validate/live.h"
#include "validate/shrink.h"

struct live_shrink {
	struct live_script *best;
	live_differ_fn differ;
	void *arg;
	uint32_t left;
};

/* A smaller number may be one that an operation can't take. */
static bool is_script(const struct live_script *try)
{
	g_autofree char *text = live_script_text(try);
	struct script *parsed = script_parse(try->name, text, NULL);
	bool is = parsed;

	script_free(parsed);
	return is;
}

/* Takes `try` over; it becomes the best if it still differs. */
static bool keep_if(struct live_shrink *s, struct live_script *try)
{
	g_autofree char *difference = NULL;

	if (s->left && try->lines->len && is_script(try)) {
		s->left--;
		difference = s->differ(s->arg, try);
	}
	if (difference) {
		live_script_free(s->best);
		s->best = try;
	} else {
		live_script_free(try);
	}
	return difference;
}

static guint line_count(const void *arg)
{
	return ((const struct live_shrink *)arg)->best->lines->len;
}

static const char *line_text(const void *arg, guint line)
{
	return ((const struct live_shrink *)arg)->best->lines->pdata[line];
}

static bool without(void *arg, guint from, guint count)
{
	struct live_shrink *s = arg;
	struct live_script *try = live_script_copy(s->best);

	g_ptr_array_remove_range(try->lines, from, count);
	return keep_if(s, try);
}

static bool without_two(void *arg, guint i, guint j)
{
	struct live_shrink *s = arg;
	struct live_script *try = live_script_copy(s->best);

	g_ptr_array_remove_index(try->lines, j);
	g_ptr_array_remove_index(try->lines, i);
	return keep_if(s, try);
}

static bool with_text(void *arg, guint line, const char *text)
{
	struct live_shrink *s = arg;
	struct live_script *try = live_script_copy(s->best);

	g_free(try->lines->pdata[line]);
	try->lines->pdata[line] = g_strdup(text);
	return keep_if(s, try);
}

static bool go_on(const void *arg)
{
	return ((const struct live_shrink *)arg)->left;
}

static const struct shrink_lines script_lines = {line_count,  line_text, without,
						 without_two, with_text, go_on};

struct live_script *live_shrink(struct live_script *script, live_differ_fn differ, void *arg,
				uint32_t runs)
{
	struct live_shrink s = {.best = script, .differ = differ, .arg = arg, .left = runs};
	bool smaller = true;

	while (smaller && s.left) {
		smaller = shrink_parts(&script_lines, &s);
		smaller |= shrink_numbers(&script_lines, &s);
		smaller = smaller || shrink_pairs(&script_lines, &s);
	}
	return s.best;
}
