/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Results on their way out: whole or not at all. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct output {
	FILE *file;
	char *path; /* NULL: standard output */
	char *temporary; /* NULL: written in place */
};

GQuark output_error_quark(void)
{
	return g_quark_from_static_string("output-error");
}

static bool fail(const char *path, int err, GError **error)
{
	g_set_error(error, OUTPUT_ERROR, err, "can't write %s: %s",
		    path ? path : "to standard output", g_strerror(err));
	return false;
}

/* mkstemp() makes files that only the owner can read; a result gets the usual mode. */
static void usual_mode(int fd)
{
	mode_t mask = umask(0);

	umask(mask);
	fchmod(fd, 0666 & ~mask);
}

static bool open_beside(struct output *output, GError **error)
{
	/* A symbolic link stays one: what it points to is replaced. */
	char *real = realpath(output->path, NULL);
	char *place = real ? g_strdup(real) : g_strdup(output->path);
	int fd;

	free(real);
	g_free(output->path);
	output->path = place;
	output->temporary = g_strconcat(place, OUTPUT_TEMPORARY, NULL);
	fd = mkostemp(output->temporary, O_CLOEXEC);
	if (fd < 0) {
		g_clear_pointer(&output->temporary, g_free);
		return fail(output->path, errno, error);
	}
	interrupt_remove_on_kill(output->temporary);
	usual_mode(fd);
	output->file = fdopen(fd, "w");
	g_assert(output->file);
	return true;
}

static bool open_in_place(struct output *output, GError **error)
{
	output->file = fopen(output->path, "we");
	return output->file || fail(output->path, errno, error);
}

struct output *output_open(const char *path, GError **error)
{
	struct output *output = g_new0(struct output, 1);
	struct stat st;
	bool fine;

	if (!path || !strcmp(path, "-")) {
		output->file = stdout;
		return output;
	}
	output->path = g_strdup(path);
	if (!*path)
		fine = fail("\"\"", ENOENT, error);
	else if (stat(path, &st) || S_ISREG(st.st_mode))
		fine = open_beside(output, error);
	else if (S_ISDIR(st.st_mode))
		fine = fail(path, EISDIR, error);
	else
		fine = open_in_place(output, error);
	if (fine)
		return output;
	output_abort(output);
	return NULL;
}

FILE *output_file(struct output *output)
{
	return output->file;
}

/* Flushes and closes; 0 or the errno of what failed. */
static int close_file(struct output *output)
{
	FILE *file = g_steal_pointer(&output->file);
	int err = 0;

	if (ferror(file)) /* of the write just before, whose errno still stands */
		err = errno ? errno : EIO;
	errno = 0;
	if (fflush(file) && !err)
		err = errno ? errno : EIO;
	if (output->temporary && !err && fsync(fileno(file)) && errno != EINVAL)
		err = errno;
	if (fclose(file) && !err)
		err = errno;
	return err;
}

bool output_commit(struct output *output, GError **error)
{
	int err = close_file(output);

	if (!err && output->temporary && rename(output->temporary, output->path))
		err = errno;
	if (!err && output->temporary) {
		interrupt_keep_on_kill(output->temporary);
		g_clear_pointer(&output->temporary, g_free);
	}
	if (err)
		fail(output->path, err, error);
	output_abort(output);
	return !err;
}

void output_abort(struct output *output)
{
	if (!output)
		return;
	if (output->file && output->file != stdout)
		fclose(output->file);
	if (output->temporary) {
		unlink(output->temporary);
		interrupt_keep_on_kill(output->temporary);
	}
	g_free(output->temporary);
	g_free(output->path);
	g_free(output);
}

bool output_text(const char *path, const char *text, GError **error)
{
	struct output *output = output_open(path, error);

	if (!output)
		return false;
	fputs(text, output_file(output));
	return output_commit(output, error);
}
