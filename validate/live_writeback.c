/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Background writeback beyond a small dirty limit cuts a file in other places each time: the number of
 * its extents is compared with the range that the real one comes to.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "validate/live.h"

/*
 * What a device may have dirty. Under such a limit the flusher begins when writers are first held up, half
 * way between background and hard limit (6.12: mm/page-writeback.c, dirty_freerun_ceiling()): of 8 MiB and
 * half of it, at 6. The model's machine has a memory of which its permilles are that.
 */
#define DIRTY_LIMIT "8388608"
static const char *const model_limit[] = {"machine.flushers=true", "machine.memory=2000MiB",
					  "machine.dirty_permille=4",
					  "machine.dirty_background_permille=3", NULL};

/* So few, under whatever else the machine does, do not show the ends of the range: it is taken a tenth
 * wider. */
enum { RECORDINGS = 8, WIDER_DIVISOR = 10 };

static const struct {
	const char *name, *script;
} writers[] = {
	{"512 MiB in sequence", "subvol sv\nwrite sv/a 0 512m\ndump\n"},
	{"512 MiB in sequence, 64 KiB a call", "subvol sv\nwrite sv/a 0 512m 64k\ndump\n"},
	{"8000 random blocks of 256 MiB",
	 "subvol sv\nwrite sv/a 0 256m\nsync\nrandwrite sv/a 256m 4k 8000 7 none\ndump\n"},
};

/* ---- the limit of the mounted filesystem ---- */

static bool write_file(const char *folder, const char *name, const char *text)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) > 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

/* /sys/fs/btrfs/UUID/bdi: other mounts have others. */
static char *own_device(int root)
{
	static const guint8 groups[] = {4, 2, 2, 2, 6};
	struct btrfs_ioctl_fs_info_args info = {0};
	GString *path = g_string_new("/sys/fs/btrfs/");
	const guint8 *byte = info.fsid;

	ioctl(root, BTRFS_IOC_FS_INFO, &info);
	for (size_t g = 0; g < G_N_ELEMENTS(groups); g++) {
		g_string_append(path, g ? "-" : "");
		for (guint8 i = 0; i < groups[g]; i++)
			g_string_append_printf(path, "%02x", *byte++);
	}
	g_string_append(path, "/bdi");
	return g_string_free(path, false);
}

bool live_limit_dirty(int root, GError **error)
{
	g_autofree char *device = own_device(root);

	if (write_file(device, "strict_limit", "1") && write_file(device, "max_bytes", DIRTY_LIMIT))
		return true;
	g_set_error(error, VALIDATE_ERROR, VALIDATE_ERROR_IO, "%s: no limit can be set: %s", device,
		    g_strerror(errno));
	return false;
}

/* ---- how many items ---- */

/* Of the file in the last dump; takes the steps over. */
static int64_t items_of(json_t *steps)
{
	const json_t *step = json_array_get(steps, json_array_size(steps) - 1);
	const json_t *file = json_object_get(json_object_get(step, "files"), "sv/a");
	int64_t n = json_integer_value(json_object_get(file, "n"));

	json_decref(steps);
	return n;
}

static bool count_model(const struct live_script *script, const struct validate_options *options,
			int64_t *items, GError **error)
{
	json_t *steps = live_model(script, model_limit, options, error);

	if (!steps)
		return false;
	*items = items_of(steps);
	return true;
}

static bool count_real(const struct live_script *script, const struct validate_options *options,
		       int64_t *least, int64_t *most, GError **error)
{
	for (int i = 0; i < RECORDINGS; i++) {
		json_t *steps = live_record(script, options, error);
		int64_t items;

		if (!steps)
			return false;
		items = items_of(steps);
		*least = i ? MIN(*least, items) : items;
		*most = i ? MAX(*most, items) : items;
	}
	return true;
}

static bool check_writer(const struct validate_options *options, struct validate_report *report,
			 const char *name, const struct live_script *script, const char *source,
			 GError **error)
{
	g_autofree char *what = g_strdup_printf("writeback: items of %s", name);
	int64_t least = 0, most = 0, model = 0;
	struct validate_check *check;

	if (!count_real(script, options, &least, &most, error) ||
	    !count_model(script, options, &model, error))
		return false;
	check = validate_between(report, what, (double)(least + most) / 2, (double)model,
				 (double)(least - least / WIDER_DIVISOR),
				 (double)(most + most / WIDER_DIVISOR), "", source);
	validate_note(check,
		      "%d recordings under a dirty limit of " DIRTY_LIMIT
		      " bytes came to between %" G_GINT64_FORMAT " and %" G_GINT64_FORMAT
		      ": the real one is not deterministic here",
		      RECORDINGS, least, most);
	return true;
}

bool live_check_writeback(const struct validate_options *options, struct validate_report *report,
			  const char *source, GError **error)
{
	bool ok = true;

	for (size_t i = 0; ok && i < G_N_ELEMENTS(writers); i++) {
		struct live_script *script = live_script_new("writeback", false);

		script->limit_dirty = true;
		g_ptr_array_add(script->lines, g_strdup(writers[i].script));
		ok = check_writer(options, report, writers[i].name, script, source, error);
		live_script_free(script);
	}
	return ok;
}
