/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A fresh filesystem on a loop device. The file is unlinked before it is used, the loop device frees
 * itself with its last user, and the mount is attached to no directory: all three end with their
 * descriptors, so there is nothing to clean up after a signal or a crash.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "validate/live.h"

/* Others may take a free loop device before it is configured. */
enum { LOOP_TRIES = 16 };

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

/* Returns the loop device, open: it lives until its last user closes it. */
static int loop_device(int file, char **device, GError **error)
{
	const struct loop_config config = {.fd = (guint32)file,
					   .info = {.lo_flags = LO_FLAGS_AUTOCLEAR}};
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), loop = -1;

	*device = NULL;
	for (int i = 0; control >= 0 && i < LOOP_TRIES; i++) {
		int number = ioctl(control, LOOP_CTL_GET_FREE);

		if (number < 0)
			break;
		g_free(*device);
		*device = g_strdup_printf("/dev/loop%d", number);
		loop = open(*device, O_RDWR | O_CLOEXEC);
		if (loop < 0 || !ioctl(loop, LOOP_CONFIGURE, &config))
			break;
		close(loop);
		loop = -1;
		if (errno != EBUSY)
			break;
	}
	if (loop < 0)
		fail(error, *device ? *device : "/dev/loop-control", "");
	if (control >= 0)
		close(control);
	return loop;
}

static bool make(const struct live_fs_kind *kind, const char *device, GError **error)
{
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	g_autofree char *complaint = NULL;
	int status;

	for (size_t i = 0; kind->mkfs[i]; i++)
		g_ptr_array_add(argv, (char *)kind->mkfs[i]);
	g_ptr_array_add(argv, (char *)device);
	g_ptr_array_add(argv, NULL);
	if (!g_spawn_sync(NULL, (char **)argv->pdata, NULL,
			  G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL,
			  &complaint, &status, error))
		return false;
	if (g_spawn_check_wait_status(status, error))
		return true;
	g_prefix_error(error, "%s %s: %s: ", kind->mkfs[0], device, g_strchomp(complaint));
	return false;
}

static int mount_nowhere(const struct live_fs_kind *kind, const char *device, GError **error)
{
	int context = fsopen(kind->type, FSOPEN_CLOEXEC), mount;
	bool bad = context < 0 || fsconfig(context, FSCONFIG_SET_STRING, "source", device, 0);

	for (size_t i = 0; !bad && kind->mount[i]; i += 2)
		bad = fsconfig(context, FSCONFIG_SET_STRING, kind->mount[i], kind->mount[i + 1], 0);
	bad = bad || fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	mount = bad ? -1 : fsmount(context, FSMOUNT_CLOEXEC, 0);
	if (mount < 0)
		fail(error, "mounting", kind->type);
	if (context >= 0)
		close(context);
	return mount;
}

static bool set_up(struct live_fs *fs, const struct live_fs_kind *kind, int file, GError **error)
{
	int loop = loop_device(file, &fs->device, error);

	if (loop < 0)
		return false;
	if (make(kind, fs->device, error))
		fs->mount = mount_nowhere(kind, fs->device, error);
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
