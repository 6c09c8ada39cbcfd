/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files: read whole up to a limit, written whole or not at all. */
#include "results/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEMPORARY_TRIES = 100, READ_CHUNK_BYTES = 1 << 16 };

static bool io_error(GError **error, const char *path, const char *what, int number)
{
	g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_IO, "%s: error: %s: %s", path, what,
		    g_strerror(number));
	return false;
}

/* ---- reading ---- */

static bool read_all(int fd, const char *path, GString *into, GError **error)
{
	const size_t max = (size_t)RESULTS_READ_MAX_MIB << 20;

	for (;;) {
		size_t have = into->len;
		ssize_t got;

		g_string_set_size(into, have + READ_CHUNK_BYTES);
		got = read(fd, into->str + have, READ_CHUNK_BYTES);
		g_string_set_size(into, have + (got > 0 ? (size_t)got : 0));
		if (got == 0)
			return true;
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return io_error(error, path, "cannot read", errno);
		if (into->len > max) {
			g_set_error(
				error, RESULTS_ERROR, RESULTS_ERROR_INPUT,
				"%s: error: larger than %d MiB, the most a result document may be",
				path, RESULTS_READ_MAX_MIB);
			return false;
		}
	}
}

bool file_read(const char *path, char **text, size_t *bytes, GError **error)
{
	g_autoptr(GString) into = g_string_new(NULL);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	bool ok;

	if (fd < 0) {
		io_error(error, path, "cannot open", errno);
		if (error && (errno == ENOENT || errno == ENOTDIR))
			(*error)->code = RESULTS_ERROR_INPUT;
		return false;
	}
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_INPUT,
			    "%s: error: a directory, not a result document", path);
		ok = false;
	} else {
		ok = read_all(fd, path, into, error);
	}
	close(fd);
	if (!ok)
		return false;
	*bytes = into->len;
	*text = g_string_free(g_steal_pointer(&into), FALSE);
	return true;
}

/* ---- writing ---- */

/* Writes and closes. A file system may keep back the news that it is full until close(). */
static bool write_and_close(int fd, const char *path, const char *text, size_t bytes, bool sync,
			    GError **error)
{
	int number = 0;

	while (bytes > 0 && number == 0) {
		ssize_t put = write(fd, text, bytes);

		if (put < 0 && errno != EINTR) {
			number = errno;
		} else if (put > 0) {
			text += put;
			bytes -= (size_t)put;
		}
	}
	if (number == 0 && sync && fsync(fd) != 0)
		number = errno;
	if (close(fd) != 0 && number == 0)
		number = errno;
	return number == 0 || io_error(error, path, "cannot write", number);
}

static int open_temporary(const char *target, char **temporary)
{
	for (int i = 0; i < TEMPORARY_TRIES; i++) {
		int fd;

		*temporary = g_strdup_printf("%s.%ld.%d.part", target, (long)getpid(), i);
		fd = open(*temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (fd >= 0 || errno != EEXIST)
			return fd;
		g_free(*temporary);
	}
	*temporary = NULL;
	errno = EEXIST;
	return -1;
}

/* The rename must be on disk too before success is reported; a file system that cannot sync a
 * directory has no better to offer. */
static void sync_directory_of(const char *path)
{
	g_autofree char *directory = g_path_get_dirname(path);
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (fsync(fd) != 0)
		errno = 0;
	close(fd);
}

static bool replace(const char *path, const char *target, const struct stat *old, const char *text,
		    size_t bytes, GError **error)
{
	g_autofree char *temporary = NULL;
	int fd = open_temporary(target, &temporary);

	if (fd < 0)
		return io_error(error, path, "cannot create a file beside it", errno);
	if (old && fchmod(fd, old->st_mode & 07777) != 0) {
		int number = errno;

		close(fd);
		unlink(temporary);
		return io_error(error, path, "cannot keep its mode", number);
	}
	if (!write_and_close(fd, path, text, bytes, true, error)) {
		unlink(temporary);
		return false;
	}
	if (rename(temporary, target) != 0) {
		int number = errno;

		unlink(temporary);
		return io_error(error, path, "cannot put the new file in place", number);
	}
	sync_directory_of(target);
	return true;
}

bool results_write_text(const char *path, const char *text, size_t bytes, GError **error)
{
	struct stat st;
	bool exists = stat(path, &st) == 0;

	if (exists && S_ISDIR(st.st_mode))
		return io_error(error, path, "cannot write", EISDIR);
	if (exists && !S_ISREG(st.st_mode)) {
		int fd = open(path, O_WRONLY | O_CLOEXEC);

		if (fd < 0)
			return io_error(error, path, "cannot open for writing", errno);
		return write_and_close(fd, path, text, bytes, false, error);
	}
	if (exists) {
		char *target = realpath(path, NULL);
		bool ok;

		if (!target)
			return io_error(error, path, "cannot follow", errno);
		ok = replace(path, target, &st, text, bytes, error);
		free(target);
		return ok;
	}
	return replace(path, path, NULL, text, bytes, error);
}
