/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cli/cli_support.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/wait.h>

static const char *program(void)
{
	const char *path = g_getenv("EXTENTSIM");

	cr_assert_not_null(path, "EXTENTSIM names no program: start the tests by `make check`");
	return path;
}

static struct cli_result spawn(const char *folder, char **argv, char **environment)
{
	struct cli_result result = {.status = -1};
	g_autoptr(GError) error = NULL;
	int status;

	cr_assert(g_spawn_sync(folder, argv, environment, G_SPAWN_SEARCH_PATH, NULL, NULL,
			       &result.out, &result.err, &status, &error),
		  "%s", error ? error->message : "can't spawn");
	result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return result;
}

struct cli_result cli_run(const char *library, const char *folder, const char *arguments)
{
	g_autofree char *line = g_strdup_printf("x %s", arguments);
	g_auto(GStrv) environment = g_get_environ();
	g_auto(GStrv) argv = NULL;

	cr_assert(g_shell_parse_argv(line, NULL, &argv, NULL), "%s", line);
	g_free(argv[0]);
	argv[0] = g_strdup(program());
	if (library)
		environment = g_environ_setenv(environment, "EXTENTSIM_DATADIR", library, TRUE);
	else
		environment = g_environ_unsetenv(environment, "EXTENTSIM_DATADIR");
	return spawn(folder, argv, environment);
}

struct cli_result cli_run_sh(const char *folder, const char *command_tail)
{
	g_autofree char *line = g_strdup_printf("\"$EXTENTSIM\" %s", command_tail);
	char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, line, NULL};

	program();
	return spawn(folder, argv, NULL);
}

void cli_expect(const char *folder, const char *arguments, int status, const char *out,
		const char *err)
{
	struct cli_result result = cli_run(NULL, folder, arguments);

	cr_expect_eq(result.status, status, "%s: %s", arguments, result.err);
	cr_expect(strstr(result.out, out), "%s: wanted \"%s\" in %s", arguments, out, result.out);
	cr_expect(strstr(result.err, err), "%s: wanted \"%s\" in %s", arguments, err, result.err);
	cli_result_clear(&result);
}

void cli_result_clear(struct cli_result *result)
{
	g_free(result->out);
	g_free(result->err);
}
