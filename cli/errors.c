/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages, and the one place where an error becomes an exit status. */
#include "cli/cli.h"

#include <string.h>

#include "models/trace/trace.h"
#include "results/results.h"
#include "validate/validate.h"

GQuark cli_error_quark(void)
{
	return g_quark_from_static_string("cli-error");
}

void cli_set_error(GError **error, enum cli_exit status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (error)
		*error = g_error_new_valist(CLI_ERROR, (int)status, format, args);
	va_end(args);
}

struct rule {
	GQuark domain;
	int code; /* ANY_CODE: every other code of the domain */
	enum cli_exit status;
};
enum { ANY_CODE = -1 };

enum cli_exit cli_exit_status(const GError *error)
{
	const struct rule rules[] = {
		{SCENARIO_ERROR, SCENARIO_ERROR_IO, CLI_CANT_WORK},
		{SCENARIO_ERROR, ANY_CODE, CLI_BAD_INPUT},
		{FS_IMAGE_ERROR, FS_IMAGE_ERROR_BAD, CLI_BAD_INPUT},
		{FS_IMAGE_ERROR, FS_IMAGE_ERROR_INTERRUPTED, CLI_INTERRUPTED},
		{RESULTS_ERROR, RESULTS_ERROR_INPUT, CLI_BAD_INPUT},
		{RESULTS_ERROR, RESULTS_ERROR_NOT_COMPARABLE, CLI_NOT_COMPARABLE},
		{SIM_PARAM_ERROR, ANY_CODE, CLI_BAD_INPUT},
		{SCRIPT_ERROR, ANY_CODE, CLI_BAD_INPUT},
		{FSCRYPT_ERROR, ANY_CODE, CLI_BAD_INPUT},
		{TRACE_ERROR, TRACE_ERROR_BAD, CLI_BAD_INPUT},
		{TRACE_ERROR, TRACE_ERROR_INTERRUPTED, CLI_INTERRUPTED},
		{VALIDATE_ERROR, VALIDATE_ERROR_INPUT, CLI_BAD_INPUT},
		{G_OPTION_ERROR, ANY_CODE, CLI_BAD_INPUT},
	};

	if (error->domain == CLI_ERROR)
		return (enum cli_exit)error->code;
	for (size_t i = 0; i < G_N_ELEMENTS(rules); i++)
		if (rules[i].domain == error->domain &&
		    (rules[i].code == error->code || rules[i].code == ANY_CODE))
			return rules[i].status;
	return CLI_CANT_WORK;
}

/* Compilers' form, "PLACE: error: …", at which editors jump; the loader and the scripts use it. */
static bool has_place(const char *message)
{
	const char *tag = strstr(message, ": error: ");
	const char *line_end = strchr(message, '\n');

	return tag && (!line_end || tag < line_end);
}

enum cli_exit cli_fail(GError *error)
{
	enum cli_exit status = cli_exit_status(error);

	if (has_place(error->message))
		fprintf(stderr, "%s\n", error->message);
	else
		cli_message("error", "%s", error->message);
	g_error_free(error);
	return status;
}

void cli_message(const char *severity, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "extentsim: %s: ", severity);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}
