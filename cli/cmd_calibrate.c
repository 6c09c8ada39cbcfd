/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `extentsim calibrate`: measures this machine, and writes a cost profile of it. */
#include "cli/cli.h"

#include <string.h>
#include <unistd.h>

#include "calibrate/calibrate.h"

#define BASE "aes-ni-6.12"

enum calibrate_format { CALIBRATE_TEXT, CALIBRATE_JSON };

/* The options as GOption gives them. */
struct raw_calibrate {
	gboolean quick, kernel, quiet;
	char *base, *format, *output;
};

static enum cli_parsed parse(int *argc, char ***argv, struct raw_calibrate *raw, GError **error)
{
	const GOptionEntry entries[] = {
		{"quick", 0, 0, G_OPTION_ARG_NONE, &raw->quick,
		 "Take a tenth of the time, and wider intervals", NULL},
		{"kernel", 0, 0, G_OPTION_ARG_NONE, &raw->kernel,
		 "Measure the kernel's path too, on an ext4 in memory (root)", NULL},
		{"base", 0, 0, G_OPTION_ARG_FILENAME, &raw->base,
		 "Profile to compare with, and to take the rest from; " BASE " by default",
		 "PROFILE"},
		{"output", 'o', 0, G_OPTION_ARG_FILENAME, &raw->output,
		 "Write a cost profile, which appears whole or not at all", "PATH"},
		{"format", 0, 0, G_OPTION_ARG_FILENAME, &raw->format,
		 "text or json: of the figures", "FORMAT"},
		{"quiet", 'q', 0, G_OPTION_ARG_NONE, &raw->quiet, "Show no progress", NULL},
		{NULL, 0, 0, 0, NULL, NULL, NULL},
	};

	return cli_parse(
		argc, argv, entries, "",
		"Measures what the primitives of a cost profile take on this machine: "
		"crypto by libcrypto\nin user space, locks and cache lines between cores, "
		"and with --kernel what the kernel's\nfscrypt takes. Each figure is shown "
		"beside that of the base profile. With -o it writes a\nprofile for "
		"machine.profile: what was not measured is the base's, and every entry says "
		"so.",
		error);
}

static void begins(void *arg, const char *what)
{
	(void)arg;
	fprintf(stderr, "\rmeasuring: %s \033[K", what);
}

static bool write_profile(const struct calibration *calibration, const struct cost_profile *base,
			  const char *path, GError **error)
{
	g_autofree char *name = results_file_name(path);
	struct cost_profile *profile = calibration_profile(calibration, base, name);
	g_autofree char *text = cost_profile_text(profile);

	cost_profile_free(profile);
	return output_text(path, text, error);
}

static bool show(const struct calibration *calibration, const struct cost_profile *base,
		 enum calibrate_format format, GError **error)
{
	g_autoptr(GString) out = g_string_new(NULL);

	if (format == CALIBRATE_JSON)
		calibration_json(calibration, base, out);
	else
		calibration_text(calibration, base, out);
	return output_text(NULL, out->str, error);
}

static int work(const struct raw_calibrate *raw, enum calibrate_format format, GError **error)
{
	bool line = !raw->quiet && isatty(STDERR_FILENO), fine;
	const struct calibrate_options options = {
		.quick = raw->quick,
		.kernel = raw->kernel,
		.interrupted = interrupt_flag(),
		.begins = line ? begins : NULL,
	};
	struct cost_profile *base = cost_profile_load(raw->base ? raw->base : BASE, error);
	struct calibration *calibration = base ? calibrate_run(&options, error) : NULL;
	int status = CLI_YES;

	if (line)
		fputs("\r\033[K", stderr);
	if (calibration && calibration->interrupted)
		status = CLI_INTERRUPTED;
	fine = calibration && show(calibration, base, format, error);
	/* A profile of half the figures would pass for a whole one. */
	if (fine && raw->output && status == CLI_YES)
		write_profile(calibration, base, raw->output, error);
	if (calibration)
		calibration_free(calibration);
	cost_profile_free(base);
	return status;
}

int cmd_calibrate(int argc, char **argv)
{
	static const char *const formats[] = {"text", "json", NULL};
	struct raw_calibrate raw = {.quick = FALSE};
	size_t format = CALIBRATE_TEXT;
	int status = CLI_YES;
	GError *error = NULL;
	enum cli_parsed parsed = parse(&argc, &argv, &raw, &error);

	if (parsed == CLI_PARSED_GO && argc > 1)
		cli_set_error(&error, CLI_BAD_INPUT, "\"%s\" is too many\nit takes options alone",
			      argv[1]);
	else if (parsed == CLI_PARSED_GO &&
		 (!raw.format || cli_word("--format", raw.format, formats, &format, &error)))
		status = work(&raw, (enum calibrate_format)format, &error);
	if (error)
		status = cli_fail(error);
	g_strfreev(argv);
	g_free(raw.base);
	g_free(raw.format);
	g_free(raw.output);
	return status;
}
