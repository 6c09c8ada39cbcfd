/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a script's operations on keys and policies are with the fscrypt of this kernel. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fscrypt.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "validate/live.h"

enum {
	RAW_KEY_BYTES = 64,
	LOG_RECORD_BYTES = 8192,
};

/* ---- keys by name ---- */

/* Adds the key that is made of the name; its identifier goes to `spec`. */
static int add_key(const struct live_player *p, const char *name,
		   struct fscrypt_key_specifier *spec)
{
	g_autofree struct fscrypt_add_key_arg *arg = g_malloc0(sizeof(*arg) + RAW_KEY_BYTES);
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA512);
	gsize bytes = RAW_KEY_BYTES;

	g_checksum_update(sum, (const guchar *)name, (gssize)strlen(name));
	g_checksum_get_digest(sum, arg->raw, &bytes);
	arg->key_spec.type = FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER;
	arg->raw_size = RAW_KEY_BYTES;
	if (ioctl(p->root, FS_IOC_ADD_ENCRYPTION_KEY, arg))
		return -errno;
	*spec = arg->key_spec;
	return 0;
}

static int remove_key(const struct live_player *p, const struct fscrypt_key_specifier *spec,
		      uint32_t *flags)
{
	struct fscrypt_remove_key_arg arg = {.key_spec = *spec};

	if (ioctl(p->root, FS_IOC_REMOVE_ENCRYPTION_KEY, &arg))
		return -errno;
	*flags = arg.removal_status_flags;
	return 0;
}

/* The kernel tells a key's identifier when the key is added, so one that is met first otherwise is added
 * and removed. */
static int specifier_of(struct live_player *p, const char *name, struct fscrypt_key_specifier *spec)
{
	const struct fscrypt_key_specifier *known = g_hash_table_lookup(p->keys, name);
	uint32_t flags;
	int rc;

	if (known) {
		*spec = *known;
		return 0;
	}
	rc = add_key(p, name, spec);
	if (!rc)
		rc = remove_key(p, spec, &flags);
	if (!rc)
		g_hash_table_insert(p->keys, g_strdup(name), g_memdup2(spec, sizeof(*spec)));
	return rc;
}

/* ---- what the kernel logs ---- */

static int open_log(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		lseek(fd, 0, SEEK_END);
	return fd;
}

/* "fscrypt: loop0: 21 inode(s) still busy after removing key …"; 0 if it does not say. */
static unsigned int busy_inodes(int log)
{
	static const char said[] = " inode(s) still busy";
	char record[LOG_RECORD_BYTES];
	ssize_t bytes;
	unsigned int busy = 0;

	while (log >= 0 && (bytes = read(log, record, sizeof(record) - 1)) > 0) {
		const char *at;

		record[bytes] = '\0';
		at = strstr(record, said);
		if (!at || !strstr(record, "fscrypt"))
			continue;
		while (at > record && g_ascii_isdigit(at[-1]))
			at--;
		busy = (unsigned int)g_ascii_strtoull(at, NULL, 10);
	}
	return busy;
}

/* ---- operations ---- */

static int do_remove(struct live_player *p, const char *name)
{
	struct fscrypt_key_specifier spec;
	int rc = specifier_of(p, name, &spec), log;
	unsigned int busy;
	uint32_t flags = 0;

	if (rc)
		return rc;
	log = open_log();
	rc = remove_key(p, &spec, &flags);
	busy = busy_inodes(log);
	if (log >= 0)
		close(log);
	if (!rc && flags & FSCRYPT_KEY_REMOVAL_STATUS_FLAG_FILES_BUSY)
		g_string_assign(p->outcome, "busy");
	if (!rc && busy)
		g_string_append_printf(p->outcome, " %u", busy);
	if (!rc && flags & FSCRYPT_KEY_REMOVAL_STATUS_FLAG_OTHER_USERS)
		g_string_assign(p->outcome, "other-users");
	return rc;
}

static int do_status(struct live_player *p, const char *name)
{
	static const char *const words[] = {[FSCRYPT_KEY_STATUS_ABSENT] = "absent",
					    [FSCRYPT_KEY_STATUS_PRESENT] = "present",
					    [FSCRYPT_KEY_STATUS_INCOMPLETELY_REMOVED] =
						    "incompletely-removed"};
	struct fscrypt_get_key_status_arg arg = {0};
	int rc = specifier_of(p, name, &arg.key_spec);

	if (!rc && ioctl(p->root, FS_IOC_GET_ENCRYPTION_KEY_STATUS, &arg))
		rc = -errno;
	if (!rc && arg.status < G_N_ELEMENTS(words) && words[arg.status])
		g_string_assign(p->outcome, words[arg.status]);
	return rc;
}

/* The model's policies are set by a directory's owner who is nothing more: with CAP_FOWNER the key need not
 * be there (fs/crypto/keyring.c, fscrypt_verify_key_added()). Returns whether it was in effect. */
static bool set_fowner(bool effective)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
	const guint32 bit = CAP_TO_MASK(CAP_FOWNER);
	bool was;

	if (syscall(SYS_capget, &header, data))
		return false;
	was = data[CAP_TO_INDEX(CAP_FOWNER)].effective & bit;
	data[CAP_TO_INDEX(CAP_FOWNER)].effective &= ~bit;
	data[CAP_TO_INDEX(CAP_FOWNER)].effective |= effective ? bit : 0;
	syscall(SYS_capset, &header, data);
	return was;
}

static int do_policy(struct live_player *p, const char *path, const char *name)
{
	struct fscrypt_policy_v2 policy = {
		.version = FSCRYPT_POLICY_V2,
		.contents_encryption_mode = FSCRYPT_MODE_AES_256_XTS,
		.filenames_encryption_mode = FSCRYPT_MODE_AES_256_CTS,
		.flags = FSCRYPT_POLICY_FLAGS_PAD_32,
	};
	struct fscrypt_key_specifier spec;
	int rc = specifier_of(p, name, &spec), fd;
	bool fowner;

	if (rc)
		return rc;
	fd = openat(p->root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	memcpy(policy.master_key_identifier, spec.u.identifier,
	       sizeof(policy.master_key_identifier));
	fowner = set_fowner(false);
	rc = ioctl(fd, FS_IOC_SET_ENCRYPTION_POLICY, &policy) ? -errno : 0;
	set_fowner(fowner);
	close(fd);
	return rc;
}

static int do_add(struct live_player *p, const char *name)
{
	struct fscrypt_key_specifier spec;
	int rc = specifier_of(p, name, &spec);

	return rc ? rc : add_key(p, name, &spec);
}

bool live_is_key_op(enum script_code code)
{
	return code == SCRIPT_ADDKEY || code == SCRIPT_RMKEY || code == SCRIPT_KEYSTATUS ||
	       code == SCRIPT_POLICY;
}

int live_do_key(struct live_player *player, const struct script_op *op)
{
	switch (op->code) {
	case SCRIPT_ADDKEY:
		return do_add(player, op->name[0]);
	case SCRIPT_RMKEY:
		return do_remove(player, op->name[0]);
	case SCRIPT_KEYSTATUS:
		return do_status(player, op->name[0]);
	default:
		return do_policy(player, op->name[0], op->name[1]);
	}
}
