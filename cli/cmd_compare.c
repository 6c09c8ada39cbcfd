/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `extentsim compare`: the table of `run`, of stored results. */
#include "cli/cli.h"

#include <unistd.h>

struct compare {
	char **paths; /* NULL-terminated */
	struct results_set *set;
	char *output;
	enum run_format format;
	bool all;
	bool first_difference;
	struct first_difference_options difference;
};

static void compare_clear(struct compare *compare)
{
	g_strfreev(compare->paths);
	if (compare->set)
		results_set_free(compare->set);
	g_free(compare->output);
	g_strfreev(compare->difference.variants);
	g_free(compare->difference.against);
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

static bool take_difference(const char *replication, struct compare *compare, GError **error)
{
	struct first_difference_options *difference = &compare->difference;
	guint paths = g_strv_length(compare->paths);
	guint variants = difference->variants ? g_strv_length(difference->variants) : 0;
	uint64_t number = UINT32_MAX;

	if (!compare->first_difference) {
		if (!variants && !replication && !difference->against)
			return true;
		cli_set_error(error, CLI_BAD_INPUT,
			      "--variant, --replication and --against go with --first-difference");
	} else if (paths > 2 || (paths == 1 && variants != 2)) {
		cli_set_error(error, CLI_BAD_INPUT,
			      "--first-difference: expected two results, or one and two --variant");
	} else if (variants > 2) {
		cli_set_error(error, CLI_BAD_INPUT,
			      "--variant: one of both results, or one of each");
	} else if (compare->format == RUN_MARKDOWN) {
		cli_set_error(error, CLI_BAD_INPUT,
			      "--first-difference: there is no markdown of it, but text and json");
	} else {
		difference->paths = compare->paths;
		difference->output = compare->output;
		difference->format = compare->format;
		return (!replication ||
			cli_number("--replication", replication, 0, SCENARIO_REPLICATIONS_MAX - 1,
				   &number, error)) &&
		       (difference->replication = (uint32_t)number, true);
	}
	return false;
}

static enum cli_parsed parse(int argc, char **argv, struct compare *compare, GError **error)
{
	static const char *const formats[] = {"text", "json", "markdown", NULL};
	gboolean all = FALSE;
	gboolean first_difference = FALSE;
	g_autofree char *format_text = NULL, *replication = NULL;
	const GOptionEntry entries[] = {
		{"output", 'o', 0, G_OPTION_ARG_FILENAME, &compare->output,
		 "Write to a file, which appears whole or not at all", "PATH"},
		{"format", 0, 0, G_OPTION_ARG_FILENAME, &format_text, "text, json or markdown",
		 "FORMAT"},
		{"all", 0, 0, G_OPTION_ARG_NONE, &all, "Show every metric", NULL},
		{"first-difference", 0, 0, G_OPTION_ARG_NONE, &first_difference,
		 "Find the first event in which two results differ; status 1 if they do", NULL},
		{"variant", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &compare->difference.variants,
		 "Of this variant only; given twice, the first's and the second's", "NAME"},
		{"replication", 0, 0, G_OPTION_ARG_FILENAME, &replication,
		 "Of this replication only, counted from 0", "N"},
		{"against", 0, 0, G_OPTION_ARG_FILENAME, &compare->difference.against,
		 "Another build of extentsim, for a result that this one can't make again",
		 "PROGRAM"},
		{NULL, 0, 0, 0, NULL, NULL, NULL},
	};
	enum cli_parsed parsed =
		cli_parse(&argc, &argv, entries, "RESULT...",
			  "Compares stored results: the variants of one, or each variant of the "
			  "first with its\nnamesakes in the others. Those that do not answer one "
			  "question are refused (exit 3).\nOf the folder that a scenario with axes "
			  "was run into it shows the curve.",
			  error);
	size_t format = RUN_TEXT;

	if (parsed == CLI_PARSED_GO &&
	    (!take_operands(argc, argv, compare, error) ||
	     (format_text && !cli_word("--format", format_text, formats, &format, error))))
		parsed = CLI_PARSED_ERROR;
	compare->format = (enum run_format)format;
	compare->all = all;
	compare->first_difference = first_difference;
	if (parsed == CLI_PARSED_GO && !take_difference(replication, compare, error))
		parsed = CLI_PARSED_ERROR;
	g_strfreev(argv);
	return parsed;
}

/* ---- the documents ------------------------------------------------------------------------ */

static bool compare_documents(const struct compare *compare,
			      const struct results_text_options *text, GString *out, GError **error)
{
	struct results_comparison *cmp = results_set_compare(compare->set, error);

	if (!cmp)
		return false;
	show_comparison(cmp, compare->format, text, out);
	results_comparison_free(cmp);
	return true;
}

static bool show(struct compare *compare, GError **error)
{
	struct results_text_options text = show_options(!compare->output && isatty(STDOUT_FILENO));
	g_autoptr(GString) out = g_string_new(NULL);

	text.all = compare->all;
	compare->set = results_set_read((const char *const *)compare->paths, error);
	if (!compare->set)
		return false;
	if (compare->set->curve)
		show_points(compare->set->curve, compare->format, &text, NULL, out);
	else if (!compare_documents(compare, &text, out, error))
		return false;
	return output_text(compare->output, out->str, error);
}

int cmd_compare(int argc, char **argv)
{
	struct compare compare = {.paths = NULL};
	GError *error = NULL;
	enum cli_parsed parsed = parse(argc, argv, &compare, &error);
	int status = CLI_YES;

	if (parsed == CLI_PARSED_GO && compare.first_difference)
		status = first_difference(&compare.difference);
	else if (parsed == CLI_PARSED_ERROR || (parsed == CLI_PARSED_GO && !show(&compare, &error)))
		status = cli_fail(error);
	compare_clear(&compare);
	return status;
}
