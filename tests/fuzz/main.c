/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `make fuzz`: cases of one seed after the other, each in a process of its own; what is found is shrunk
 * and written to a folder. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

enum { SHRINK_RUNS = 3000 };

struct fuzz_arguments {
	gint64 first, seeds, operations, seconds;
	char *variant, *folder, *kind;
	gboolean sound, exceptions, keep_going, list, whole;
};

static bool parse_arguments(int argc, char **argv, struct fuzz_arguments *a)
{
	const GOptionEntry entries[] = {
		{"first", 0, 0, G_OPTION_ARG_INT64, &a->first, "first seed", "N"},
		{"seeds", 0, 0, G_OPTION_ARG_INT64, &a->seeds, "how many seeds", "N"},
		{"ops", 0, 0, G_OPTION_ARG_INT64, &a->operations, "operations a case", "N"},
		{"time", 0, 0, G_OPTION_ARG_INT64, &a->seconds, "end after so many seconds", "S"},
		{"variant", 0, 0, G_OPTION_ARG_STRING, &a->variant, "one variant only", "'K=V …'"},
		{"kind", 0, 0, G_OPTION_ARG_STRING, &a->kind,
		 "look for this kind of finding, expected or not", "KIND"},
		{"output", 'o', 0, G_OPTION_ARG_STRING, &a->folder, "where cases go", "FOLDER"},
		{"sound", 0, 0, G_OPTION_ARG_NONE, &a->sound, "no variant with an exception", NULL},
		{"keep-going", 'k', 0, G_OPTION_ARG_NONE, &a->keep_going,
		 "go on behind the first finding", NULL},
		{"whole", 0, 0, G_OPTION_ARG_NONE, &a->whole, "do not shrink", NULL},
		{"exceptions", 0, 0, G_OPTION_ARG_NONE, &a->exceptions,
		 "print what is expected of which variants, and why", NULL},
		{"list", 0, 0, G_OPTION_ARG_NONE, &a->list,
		 "print every finding, expected or not, and shrink nothing", NULL},
		{NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
	};
	GOptionContext *context = g_option_context_new(NULL);
	g_autoptr(GError) error = NULL;
	bool fine;

	g_option_context_add_main_entries(context, entries, NULL);
	fine = g_option_context_parse(context, &argc, &argv, &error);
	g_option_context_free(context);
	if (!fine)
		g_printerr("fuzz: %s\n", error->message);
	return fine;
}

static void print_exceptions(void)
{
	for (const struct fuzz_exception *e = fuzz_exceptions; e->when; e++)
		g_print("%-40s %-28s %s\n", *e->when ? e->when : "every variant", e->kind, e->why);
}

static void print_case(const struct fuzz_case *c)
{
	for (guint i = 0; i < c->lines->len; i++) {
		const struct fuzz_line *line = c->lines->pdata[i];

		g_print("    %u: %s\n", line->actor, line->text);
	}
}

static void report(struct fuzz_case *c, const struct fuzz_arguments *a, uint64_t seed,
		   const struct fuzz_finding *found)
{
	g_autofree char *kind = g_strdup(found->kind), *command = NULL;
	g_autofree char *name = g_strdup_printf("%" G_GUINT64_FORMAT "-%s", seed, kind);
	struct fuzz_verdict verdict;
	uint32_t runs = a->whole ? 0 : SHRINK_RUNS;

	g_print("seed %" G_GUINT64_FORMAT ": %s, in %u lines of %u actors, %s\n", seed, kind,
		c->lines->len, fuzz_case_actors(c), c->variant);
	fuzz_shrink(c, kind, fuzz_run_apart, &runs);
	command = fuzz_write(c, a->folder, g_strdelimit(name, " ", '-'));
	verdict = fuzz_run_apart(c);
	found = fuzz_first(c, &verdict, kind);
	g_print("  shrunk in %u runs to %u lines:\n", runs, c->lines->len);
	if (!a->whole)
		print_case(c);
	g_print("  %s: %s\n  %s\n", kind, found ? found->text : "?", command);
	fuzz_verdict_clear(&verdict);
}

static void list(const struct fuzz_case *c, uint64_t seed, const struct fuzz_verdict *verdict)
{
	const char *last = "";

	for (guint i = 0; i < verdict->findings->len; i++) {
		const struct fuzz_finding *f = verdict->findings->pdata[i];

		if (strcmp(last, f->kind))
			g_print("%s\t%.40s\tseed %" G_GUINT64_FORMAT "\t%s\n",
				fuzz_expected(c->variant, f->kind) ? "expected" : "UNEXPECTED",
				f->kind, seed, c->variant);
		last = f->kind;
	}
}

/* Whether the seed found something. */
static bool try_seed(uint64_t seed, const struct fuzz_arguments *a)
{
	const struct fuzz_options options = {
		.operations = (uint32_t)a->operations,
		.variant = a->variant,
		.sound_only = a->sound,
	};
	struct fuzz_case *c = fuzz_generate(seed, &options);
	struct fuzz_verdict verdict = fuzz_run_apart(c);
	const struct fuzz_finding *found = fuzz_first(c, &verdict, a->kind);
	bool any = found || verdict.refused;

	if (verdict.refused)
		g_print("seed %" G_GUINT64_FORMAT ": %s\n", seed, verdict.refused);
	else if (a->list)
		list(c, seed, &verdict);
	else if (found)
		report(c, a, seed, found);
	fuzz_verdict_clear(&verdict);
	fuzz_case_free(c);
	return any;
}

int main(int argc, char **argv)
{
	struct fuzz_arguments a = {.first = 1, .seeds = 400, .operations = 480};
	gint64 start = g_get_monotonic_time(), tried = 0, found = 0;

	if (!parse_arguments(argc, argv, &a))
		return 2;
	if (a.exceptions) {
		print_exceptions();
		return 0;
	}
	a.folder = a.folder ? a.folder : g_strdup("build/fuzz");
	while (tried < a.seeds && (!found || a.keep_going || a.list)) {
		if (a.seconds && g_get_monotonic_time() - start > a.seconds * G_USEC_PER_SEC)
			break;
		found += try_seed((uint64_t)(a.first + tried++), &a);
	}
	g_print("%" G_GINT64_FORMAT " cases of %" G_GINT64_FORMAT " operations from seed "
		"%" G_GINT64_FORMAT " on: %" G_GINT64_FORMAT " found something\n",
		tried, a.operations, a.first, found);
	g_free(a.folder);
	g_free(a.variant);
	g_free(a.kind);
	return found && !a.list;
}
