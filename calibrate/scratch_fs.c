/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file under the loop device is a memfd, so nothing is left behind when the process is killed. */
#include "calibrate/scratch_fs.h"

#include "calibrate/calibrate.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fscrypt.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

enum {
	FS_MIB = 128,
	KEY_BYTES = 64,
};

static char *failed(const char *what)
{
	return g_strdup_printf("%s: %s", what, g_strerror(errno));
}

static char *told(GError *error)
{
	char *why = g_strdup(error->message);

	g_error_free(error);
	return why;
}

char *scratch_fs_new(struct scratch_fs *fs)
{
	/* Tables are written now, not in the background of what is measured. */
	static const char *const mkfs[] = {
		"mkfs.ext4",
		"-q",
		"-F",
		"-b",
		"4096",
		"-I",
		"256",
		"-J",
		"size=8",
		"-E",
		"lazy_itable_init=0,lazy_journal_init=0",
		"-O",
		"encrypt,stable_inodes",
		NULL,
	};
	int file = memfd_create("extentsim-calibrate", MFD_CLOEXEC);
	GError *error = NULL;
	char *why = NULL;

	*fs = (struct scratch_fs){.loop = -1, .root = -1};
	if (file < 0 || ftruncate(file, (off_t)FS_MIB << 20))
		why = failed("memory for a filesystem");
	else
		fs->loop = loop_device_new(file, &fs->device, &error);
	if (file >= 0)
		close(file);
	if (why || (fs->loop >= 0 && loop_device_mkfs(mkfs, fs->device, &error)))
		return why;
	scratch_fs_clear(fs);
	return told(error);
}

void scratch_fs_clear(struct scratch_fs *fs)
{
	scratch_fs_unmount(fs);
	if (fs->loop >= 0)
		close(fs->loop);
	fs->loop = -1;
	g_clear_pointer(&fs->device, g_free);
}

char *scratch_fs_mount(struct scratch_fs *fs)
{
	static const char *const none[] = {NULL};
	GError *error = NULL;

	fs->root = mount_nowhere("ext4", fs->device, none, MOUNT_ATTR_NOATIME, &error);
	return fs->root < 0 ? told(error) : NULL;
}

void scratch_fs_unmount(struct scratch_fs *fs)
{
	if (fs->root >= 0)
		close(fs->root);
	fs->root = -1;
}

/* The mount's descriptor is O_PATH, which takes no ioctl. */
static int root_ioctl(const struct scratch_fs *fs, unsigned long request, void *arg)
{
	int root = openat(fs->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), result, err;

	if (root < 0)
		return -1;
	result = ioctl(root, request, arg);
	err = errno;
	close(root);
	errno = err;
	return result;
}

char *scratch_fs_add_key(const struct scratch_fs *fs, uint8_t number,
			 uint8_t identifier[SCRATCH_IDENTIFIER_BYTES])
{
	g_autofree struct fscrypt_add_key_arg *arg = g_malloc0(sizeof(*arg) + KEY_BYTES);

	arg->key_spec.type = FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER;
	arg->raw_size = KEY_BYTES;
	memset(arg->raw, number, KEY_BYTES);
	if (root_ioctl(fs, FS_IOC_ADD_ENCRYPTION_KEY, arg))
		return failed("adding a master key (CONFIG_FS_ENCRYPTION)");
	memcpy(identifier, arg->key_spec.u.identifier, SCRATCH_IDENTIFIER_BYTES);
	return NULL;
}

char *scratch_fs_remove_key(const struct scratch_fs *fs,
			    const uint8_t identifier[SCRATCH_IDENTIFIER_BYTES], bool *busy)
{
	struct fscrypt_remove_key_arg arg = {.key_spec.type = FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER};

	memcpy(arg.key_spec.u.identifier, identifier, SCRATCH_IDENTIFIER_BYTES);
	/* ENOKEY: the last user of a busy one has taken it away. */
	if (root_ioctl(fs, FS_IOC_REMOVE_ENCRYPTION_KEY, &arg) && errno != ENOKEY)
		return failed("removing a master key");
	*busy = arg.removal_status_flags;
	return NULL;
}

char *scratch_fs_set_policy(int directory, const uint8_t identifier[SCRATCH_IDENTIFIER_BYTES],
			    bool shared, uint8_t unit_bits)
{
	struct fscrypt_policy_v2 policy = {
		.version = FSCRYPT_POLICY_V2,
		.contents_encryption_mode = FSCRYPT_MODE_AES_256_XTS,
		.filenames_encryption_mode = FSCRYPT_MODE_AES_256_CTS,
		.flags = FSCRYPT_POLICY_FLAGS_PAD_32 |
			 (shared ? FSCRYPT_POLICY_FLAG_IV_INO_LBLK_64 : 0),
	};

	/* log2_data_unit_size, since Linux 6.7; a reserved byte in headers before that. */
	((uint8_t *)&policy)[offsetof(struct fscrypt_policy_v2, flags) + 1] = unit_bits;
	memcpy(policy.master_key_identifier, identifier, SCRATCH_IDENTIFIER_BYTES);
	return ioctl(directory, FS_IOC_SET_ENCRYPTION_POLICY, &policy)
		       ? failed("setting an encryption policy")
		       : NULL;
}
