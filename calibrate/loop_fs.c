/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Filesystems that need no cleaning up when the process is killed: the loop device clears itself on last
 * close, and the mount has no place in the tree of mounts but a descriptor.
 */
#include "calibrate/calibrate.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

/* Another process may take the free device first. */
enum { LOOP_TRIES = 16 };

/* Of the call that failed, before anything is closed. */
static int fail(GError **error, const char *what, const char *of)
{
	g_set_error(error, CALIBRATE_ERROR, CALIBRATE_ERROR_IO, "%s %s: %s", what, of,
		    g_strerror(errno));
	return -1;
}

int loop_device_new(int file, char **device, GError **error)
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
		fail(error, "a loop device,", *device ? *device : "/dev/loop-control");
	if (control >= 0)
		close(control);
	return loop;
}

bool loop_device_mkfs(const char *const *mkfs, const char *device, GError **error)
{
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	g_autofree char *complaint = NULL;
	int status;

	for (size_t i = 0; mkfs[i]; i++)
		g_ptr_array_add(argv, (char *)mkfs[i]);
	g_ptr_array_add(argv, (char *)device);
	g_ptr_array_add(argv, NULL);
	if (!g_spawn_sync(NULL, (char **)argv->pdata, NULL,
			  G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL,
			  &complaint, &status, error))
		return false;
	if (g_spawn_check_wait_status(status, error))
		return true;
	g_prefix_error(error, "%s %s: %s: ", mkfs[0], device, g_strchomp(complaint));
	return false;
}

int mount_nowhere(const char *type, const char *device, const char *const *options,
		  unsigned int attributes, GError **error)
{
	int context = fsopen(type, FSOPEN_CLOEXEC), mount;
	bool bad = context < 0 || fsconfig(context, FSCONFIG_SET_STRING, "source", device, 0);

	for (size_t i = 0; !bad && options[i]; i += 2)
		bad = fsconfig(context, FSCONFIG_SET_STRING, options[i], options[i + 1], 0);
	bad = bad || fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	mount = bad ? -1 : fsmount(context, FSMOUNT_CLOEXEC, attributes);
	if (mount < 0)
		fail(error, "mounting", type);
	if (context >= 0)
		close(context);
	return mount;
}
