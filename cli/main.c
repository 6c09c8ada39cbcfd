/* SPDX-License-Identifier: GPL-2.0-or-later */
/* extentsim: finds the command and lets it work. */
#include "cli/cli.h"

#include <fcntl.h>
#include <locale.h>
#include <string.h>
#include <unistd.h>

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
};

static const struct command commands[] = {
	{"run", cmd_run, "run a scenario or a script and compare its variants"},
	{"compare", cmd_compare, "compare stored results"},
	{"gate", cmd_gate, "hold a result against a baseline, for CI"},
	{"events", cmd_events, "print the events of a run of a stored result"},
	{"report", cmd_report, "write a page of stored results, with pictures"},
	{"layout", cmd_layout, "replay an operation script and print the layout at each dump"},
	{"image", cmd_image, "take the image of a directory tree"},
	{"mrc", cmd_mrc, "compute the key cache's miss-ratio curve over a trace"},
	{"validate", cmd_validate, "check the model against what is known without it"},
	{"calibrate", cmd_calibrate, "measure this machine and write a cost profile of it"},
	{"list", cmd_list, "list designs, set-ups, scenarios, costs, metrics, keys"},
};

static char *help_text(void)
{
	GString *text = g_string_new(
		"Usage: extentsim COMMAND [OPTION...] [OPERAND...]\n\n"
		"Simulates how a filesystem with shared, moving extents encrypts file data, and\n"
		"compares extent designs and key set-ups on the same machine and workload.\n\n"
		"Commands:\n");

	for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
		g_string_append_printf(text, "  %-10s %s\n", commands[i].name, commands[i].summary);
	g_string_append(text,
			"\n  --help     this text; `extentsim COMMAND --help` for a command's own\n"
			"  --version  the program's version\n\n"
			"Exit status: 0 yes, 1 the answer is no, 2 usage or bad input, 3 not\n"
			"comparable, 4 inconclusive, 5 could not work, 130 interrupted.\n");
	return g_string_free(text, FALSE);
}

static int print(const char *text)
{
	GError *error = NULL;

	return output_text(NULL, text, &error) ? CLI_YES : (int)cli_fail(error);
}

static int unknown_command(const char *name)
{
	const char *names[G_N_ELEMENTS(commands) + 1] = {NULL};
	const char *nearest;
	GError *error = NULL;
	bool option = name[0] == '-';

	for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
		names[i] = commands[i].name;
	nearest = sim_name_nearest(names, name);
	cli_set_error(&error, CLI_BAD_INPUT, "unknown %s \"%s\"\n%s%s%s",
		      option ? "option" : "command", name,
		      nearest ? "did you mean \"" : "extentsim --help shows the commands",
		      nearest ? nearest : "", nearest ? "\"?" : "");
	return cli_fail(error);
}

/* A closed standard stream must not become the number of a file opened later; one that is open for
 * reading alone makes every write to it fail, as it should. */
static void guard_standard_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) < 0)
			_exit(CLI_CANT_WORK);
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;
	g_autofree char *help = NULL;

	guard_standard_streams();
	setlocale(LC_CTYPE, "");
	interrupt_install();
	help = help_text();
	if (!name) {
		fputs(help, stderr);
		return CLI_BAD_INPUT;
	}
	if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help"))
		return print(help);
	if (!strcmp(name, "--version"))
		return print("extentsim " EXTENTSIM_VERSION "\n");
	for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
		if (!strcmp(name, commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	return unknown_command(name);
}
