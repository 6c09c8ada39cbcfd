/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `extentsim validate`: the model held against what is known without it. */
#include "cli/cli.h"

#include <string.h>
#include <unistd.h>

#include "validate/validate.h"

/* The same seed unless another is asked for, so that the table is the same. */
enum { SEED = 1 };

enum validate_format { VALIDATE_TEXT, VALIDATE_MARKDOWN, VALIDATE_JSON };
struct validate_command {
	struct validate_options options;
	char *output;
	enum validate_format format;
	bool line; /* progress is shown */
};

/* The options as GOption gives them. */
struct raw_validate {
	gboolean list, live, threads, quiet;
	char *scripts, *seed, *keep, *format, *output;
};

static void raw_clear(struct raw_validate *raw)
{
	g_free(raw->scripts);
	g_free(raw->seed);
	g_free(raw->keep);
	g_free(raw->format);
	g_free(raw->output);
}

/* ---- options ------------------------------------------------------------------------------ */

/* Groups that are named, and those that an option stands for; NULL if there are none. */
static char **groups_of(char **operands, const struct raw_validate *raw)
{
	GPtrArray *names = g_ptr_array_new();

	for (; *operands; operands++)
		g_ptr_array_add(names, g_strdup(*operands));
	for (const struct validate_group *group = validate_groups; group->name; group++)
		if ((raw->live && g_str_has_prefix(group->name, "live-")) ||
		    (raw->threads && !strcmp(group->name, "threads")))
			g_ptr_array_add(names, g_strdup(group->name));
	if (!names->len && !raw->live && !raw->threads) {
		g_ptr_array_unref(names);
		return NULL;
	}
	g_ptr_array_add(names, NULL);
	return (char **)g_ptr_array_free(names, FALSE);
}

static bool convert(const struct raw_validate *raw, char **operands, struct validate_command *run,
		    GError **error)
{
	static const char *const formats[] = {"text", "markdown", "json", NULL};
	size_t format = VALIDATE_TEXT;

	run->options.seed = SEED;
	if ((raw->seed &&
	     !cli_number("--seed", raw->seed, 0, RESULTS_SEED_MAX, &run->options.seed, error)) ||
	    (raw->scripts &&
	     !cli_number("--scripts", raw->scripts, 1, INT32_MAX, &run->options.scripts, error)) ||
	    (raw->format && !cli_word("--format", raw->format, formats, &format, error)))
		return false;
	run->format = (enum validate_format)format;
	run->output = raw->output;
	run->options.keep = raw->keep;
	run->options.groups = groups_of(operands, raw);
	run->options.interrupted = interrupt_flag();
	run->line = !raw->quiet && isatty(STDERR_FILENO);
	return true;
}

static enum cli_parsed parse(int *argc, char ***argv, struct raw_validate *raw, GError **error)
{
	const GOptionEntry entries[] = {
		{"list", 0, 0, G_OPTION_ARG_NONE, &raw->list, "Name the groups", NULL},
		{"live", 0, 0, G_OPTION_ARG_NONE, &raw->live,
		 "The groups live-*: against this machine's kernel (root)", NULL},
		{"threads", 0, 0, G_OPTION_ARG_NONE, &raw->threads,
		 "The group threads: against threads on this machine", NULL},
		{"scripts", 0, 0, G_OPTION_ARG_FILENAME, &raw->scripts,
		 "How many random scripts the groups live-* run", "N"},
		{"seed", 0, 0, G_OPTION_ARG_FILENAME, &raw->seed,
		 "Seed of all that is random; 1 by default", "N"},
		{"keep", 0, 0, G_OPTION_ARG_FILENAME, &raw->keep,
		 "Keep what a script that differs needs to be run again", "DIR"},
		{"format", 0, 0, G_OPTION_ARG_FILENAME, &raw->format, "text, markdown or json",
		 "FORMAT"},
		{"output", 'o', 0, G_OPTION_ARG_FILENAME, &raw->output,
		 "Write to a file, which appears whole or not at all", "PATH"},
		{"quiet", 'q', 0, G_OPTION_ARG_NONE, &raw->quiet, "Show no progress", NULL},
		{NULL, 0, 0, 0, NULL, NULL, NULL},
	};

	return cli_parse(argc, argv, entries, "[GROUP...]",
			 "Checks the model against what is known without it: closed forms, other "
			 "algorithms,\nrecordings of real kernels. Each check says what was "
			 "expected, from which source, what\nwas obtained and what is accepted. "
			 "Without a group named it makes the checks that need\nnothing of this "
			 "machine.\n\nExit status: 0 every check holds, 1 one fails.",
			 error);
}

/* ---- work --------------------------------------------------------------------------------- */

static void group_begins(void *arg, const char *group)
{
	(void)arg;
	fprintf(stderr, "\r%s ...\033[K", group);
}

static bool list(const char *output, GError **error)
{
	g_autoptr(GString) out = g_string_new(NULL);

	for (const struct validate_group *group = validate_groups; group->name; group++)
		g_string_append_printf(out, "%-14s %s%s\n", group->name, group->summary,
				       group->host ? " (only if asked for)" : "");
	return output_text(output, out->str, error);
}

static bool show(const struct validate_command *run, const struct validate_report *report,
		 GError **error)
{
	bool to_terminal = !run->output && isatty(STDOUT_FILENO);
	g_autoptr(GString) out = g_string_new(NULL);

	if (run->format == VALIDATE_JSON)
		validate_json(report, out);
	else if (run->format == VALIDATE_MARKDOWN)
		validate_markdown(report, out);
	else
		validate_text(report, show_options(to_terminal).width, out);
	return output_text(run->output, out->str, error);
}

static int work(struct validate_command *run, GError **error)
{
	struct validate_report *report = validate_report_new();
	enum cli_exit status = CLI_YES;

	if (run->line)
		run->options.begins = group_begins;
	if (!validate_run(&run->options, report, error))
		status = CLI_CANT_WORK;
	if (run->line)
		fputs("\r\033[K", stderr);
	if (status == CLI_YES && !show(run, report, error))
		status = CLI_CANT_WORK;
	if (status == CLI_YES && validate_count(report, VALIDATE_FAILS))
		status = CLI_NO;
	if (status != CLI_CANT_WORK && *run->options.interrupted)
		status = CLI_INTERRUPTED;
	validate_report_free(report);
	return status;
}

int cmd_validate(int argc, char **argv)
{
	struct raw_validate raw = {.list = FALSE};
	struct validate_command run = {.output = NULL};
	GError *error = NULL;
	int status = CLI_YES;

	switch (parse(&argc, &argv, &raw, &error)) {
	case CLI_PARSED_GO:
		if (raw.list)
			list(raw.output, &error);
		else if (convert(&raw, argv + 1, &run, &error))
			status = work(&run, &error);
		break;
	case CLI_PARSED_HELP:
	case CLI_PARSED_ERROR:
		break;
	}
	if (error)
		status = cli_fail(error);
	g_strfreev(run.options.groups);
	g_strfreev(argv);
	raw_clear(&raw);
	return status;
}
