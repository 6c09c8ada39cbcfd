/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/fuzz/fuzz.h"

static void line_free(gpointer arg)
{
	struct fuzz_line *line = arg;

	g_free(line->text);
	g_free(line);
}

struct fuzz_case *fuzz_case_new(void)
{
	struct fuzz_case *c = g_new0(struct fuzz_case, 1);

	c->lines = g_ptr_array_new_with_free_func(line_free);
	return c;
}

void fuzz_case_add(struct fuzz_case *c, uint32_t actor, const char *format, ...)
{
	struct fuzz_line *line = g_new0(struct fuzz_line, 1);
	va_list args;

	line->actor = actor;
	va_start(args, format);
	line->text = g_strdup_vprintf(format, args);
	va_end(args);
	g_ptr_array_add(c->lines, line);
}

struct fuzz_case *fuzz_case_copy(const struct fuzz_case *from)
{
	struct fuzz_case *c = fuzz_case_new();
	GPtrArray *lines = c->lines;

	*c = *from;
	c->lines = lines;
	c->variant = g_strdup(from->variant);
	for (guint i = 0; i < from->lines->len; i++) {
		const struct fuzz_line *line = from->lines->pdata[i];

		fuzz_case_add(c, line->actor, "%s", line->text);
	}
	return c;
}

void fuzz_case_free(struct fuzz_case *c)
{
	g_ptr_array_free(c->lines, true);
	g_free(c->variant);
	g_free(c);
}

uint32_t fuzz_case_actors(const struct fuzz_case *c)
{
	bool seen[FUZZ_ACTORS_MAX] = {false};
	uint32_t actors = 0;

	for (guint i = 0; i < c->lines->len; i++) {
		uint32_t actor = ((const struct fuzz_line *)c->lines->pdata[i])->actor;

		actors += !seen[actor];
		seen[actor] = true;
	}
	return actors;
}
