/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `extentsim compare`: the table of `run`, of stored results. */
#include "cli/cli.h"

#include <string.h>
#include <unistd.h>

struct compare {
	char **paths; /* NULL-terminated */
	GPtrArray *docs; /* struct results_doc * */
	GPtrArray *labels; /* char *, NULL-terminated for the model */
	char *output;
	enum run_format format;
	bool all;
};

static void compare_clear(struct compare *compare)
{
	g_strfreev(compare->paths);
	g_ptr_array_unref(compare->docs);
	g_ptr_array_unref(compare->labels);
	g_free(compare->output);
}

/* ---- options ------------------------------------------------------------------------------ */

static bool take_operands(int argc, char **argv, struct compare *compare, GError **error)
{
	if (argc < 2) {
		cli_set_error(error, CLI_BAD_INPUT,
			      "no result given\n"
			      "`extentsim run SCENARIO -o FILE` writes one");
		return false;
	}
	compare->paths = g_strdupv(argv + 1);
	return true;
}

static enum cli_parsed parse(int argc, char **argv, struct compare *compare, GError **error)
{
	static const char *const formats[] = {"text", "json", "markdown", NULL};
	gboolean all = FALSE;
	g_autofree char *format_text = NULL;
	const GOptionEntry entries[] = {
		{"output", 'o', 0, G_OPTION_ARG_FILENAME, &compare->output,
		 "Write to a file, which appears whole or not at all", "PATH"},
		{"format", 0, 0, G_OPTION_ARG_FILENAME, &format_text, "text, json or markdown",
		 "FORMAT"},
		{"all", 0, 0, G_OPTION_ARG_NONE, &all, "Show every metric", NULL},
		{NULL, 0, 0, 0, NULL, NULL, NULL},
	};
	enum cli_parsed parsed =
		cli_parse(&argc, &argv, entries, "RESULT...",
			  "Compares stored results: the variants of one, or each variant of the "
			  "first with its\nnamesakes in the others. Those that do not answer one "
			  "question are refused (exit 3).",
			  error);
	size_t format = RUN_TEXT;

	if (parsed == CLI_PARSED_GO &&
	    (!take_operands(argc, argv, compare, error) ||
	     (format_text && !cli_word("--format", format_text, formats, &format, error))))
		parsed = CLI_PARSED_ERROR;
	compare->format = (enum run_format)format;
	compare->all = all;
	g_strfreev(argv);
	return parsed;
}

/* ---- the documents ------------------------------------------------------------------------ */

/* "before" for results/before.json, unless another has the same name. */
static char *label_of(const struct compare *compare, const char *path)
{
	g_autofree char *name = g_path_get_basename(path);
	unsigned namesakes = 0;

	for (char **other = compare->paths; *other; other++) {
		g_autofree char *other_name = g_path_get_basename(*other);

		namesakes += !strcmp(name, other_name);
	}
	if (namesakes > 1)
		return g_strdup(path);
	if (g_str_has_suffix(name, ".json"))
		name[strlen(name) - strlen(".json")] = '\0';
	return g_steal_pointer(&name);
}

static bool read_documents(struct compare *compare, GError **error)
{
	for (char **path = compare->paths; *path; path++) {
		struct results_doc *doc = results_read(*path, error);

		if (!doc)
			return false;
		g_ptr_array_add(compare->docs, doc);
		g_ptr_array_add(compare->labels, label_of(compare, *path));
	}
	return true;
}

static bool show(const struct compare *compare, GError **error)
{
	struct results_text_options text = show_options(!compare->output && isatty(STDOUT_FILENO));
	bool single = compare->docs->len == 1;
	g_autoptr(GString) out = g_string_new(NULL);
	struct results_comparison *cmp =
		results_compare((const struct results_doc *const *)compare->docs->pdata,
				single ? NULL : (const char *const *)compare->labels->pdata,
				compare->docs->len, error);

	if (!cmp)
		return false;
	text.all = compare->all;
	if (compare->format == RUN_JSON)
		results_comparison_json(cmp, out);
	else if (compare->format == RUN_MARKDOWN)
		results_markdown(cmp, &text, out);
	else
		results_text(cmp, &text, out);
	results_comparison_free(cmp);
	return output_text(compare->output, out->str, error);
}

int cmd_compare(int argc, char **argv)
{
	struct compare compare = {
		.docs = g_ptr_array_new_with_free_func((GDestroyNotify)results_doc_free),
		.labels = g_ptr_array_new_with_free_func(g_free),
	};
	GError *error = NULL;
	enum cli_parsed parsed = parse(argc, argv, &compare, &error);
	int status = CLI_YES;

	if (parsed == CLI_PARSED_ERROR ||
	    (parsed == CLI_PARSED_GO &&
	     (!read_documents(&compare, &error) || !show(&compare, &error))))
		status = cli_fail(error);
	compare_clear(&compare);
	return status;
}
