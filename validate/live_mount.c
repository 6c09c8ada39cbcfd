/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A fresh filesystem on a loop device. The file is unlinked before it is used, so that it ends with its
 * descriptor, as device and mount do: there is nothing to clean up after a signal or a crash.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "calibrate/calibrate.h"
#include "validate/live.h"

static bool fail(GError **error, const char *what, const char *of)
{
	g_set_error(error, VALIDATE_ERROR, VALIDATE_ERROR_IO, "%s%s%s: %s", what, *of ? " " : "",
		    of, g_strerror(errno));
	return false;
}

static int sparse_file(uint64_t bytes, GError **error)
{
	g_autofree char *path = NULL;
	int fd = g_file_open_tmp("extentsim-live-XXXXXX", &path, error);

	if (fd < 0)
		return -1;
	unlink(path);
	if (ftruncate(fd, (off_t)bytes)) {
		fail(error, "ftruncate", path);
		close(fd);
		return -1;
	}
	return fd;
}

static bool set_up(struct live_fs *fs, const struct live_fs_kind *kind, int file, GError **error)
{
	int loop = loop_device_new(file, &fs->device, error);

	if (loop < 0)
		return false;
	if (loop_device_mkfs(kind->mkfs, fs->device, error))
		fs->mount = mount_nowhere(kind->type, fs->device, kind->mount, 0, error);
	close(loop);
	if (fs->mount < 0)
		return false;
	fs->root = openat(fs->mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fs->root >= 0 || fail(error, "opening", kind->type);
}

struct live_fs *live_fs_new(const struct live_fs_kind *kind, GError **error)
{
	struct live_fs *fs = g_new0(struct live_fs, 1);
	int file = sparse_file(kind->bytes, error);
	bool ok;

	fs->root = fs->mount = -1;
	ok = file >= 0 && set_up(fs, kind, file, error);
	if (file >= 0)
		close(file);
	if (ok)
		return fs;
	live_fs_free(fs);
	return NULL;
}

void live_fs_free(struct live_fs *fs)
{
	if (fs->root >= 0)
		close(fs->root);
	if (fs->mount >= 0)
		close(fs->mount);
	g_free(fs->device);
	g_free(fs);
}

char *live_fs_missing(const struct live_fs_kind *kind)
{
	g_autoptr(GError) error = NULL;
	struct live_fs *fs;

	if (geteuid())
		return g_strdup("needs root, which alone may mount a filesystem");
	fs = live_fs_new(kind, &error);
	if (!fs)
		return g_strdup_printf("no %s can be mounted here: %s", kind->type, error->message);
	live_fs_free(fs);
	return NULL;
}

char *live_source(const char *filesystem)
{
	struct utsname name;
	size_t version;

	uname(&name);
	version = strspn(name.release, "0123456789.");
	return g_strdup_printf("%s of this machine's kernel, Linux %.*s", filesystem, (int)version,
			       name.release);
}
