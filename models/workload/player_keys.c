/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a script does with keys and policies. */
#include "models/workload/player.h"

#include <string.h>

static int add_key(struct player *p, const struct script_op *op)
{
	struct fscrypt *fc = p->workload->crypt;
	uint32_t key = fscrypt_key_number(fc, op->name[0]);
	const char *user = op->name[1] ? op->name[1] : "root";

	if (!strcmp(user, "provisioned"))
		return fscrypt_add_provisioned_key(p->task, fc, key, FSCRYPT_ROOT);
	return fscrypt_add_key(p->task, fc, key, fscrypt_user_number(fc, user));
}

static int remove_key(struct player *p, const struct script_op *op)
{
	struct fscrypt *fc = p->workload->crypt;
	const char *user = op->name[1] ? op->name[1] : "root";
	enum fscrypt_removal flags;
	uint32_t busy;
	int err = fscrypt_remove_key(p->task, fc, fscrypt_key_number(fc, op->name[0]),
				     strcmp(user, "all") ? fscrypt_user_number(fc, user)
							 : FSCRYPT_ALL_USERS,
				     &flags, &busy);

	if (!err && flags == REMOVAL_FILES_BUSY)
		g_string_printf(p->outcome, "busy %u", busy);
	if (!err && flags == REMOVAL_OTHER_USERS)
		g_string_assign(p->outcome, "other-users");
	return err;
}

static int key_status(struct player *p, const char *name)
{
	static const char *const words[] = {[KEY_ABSENT] = "absent",
					    [KEY_PRESENT] = "present",
					    [KEY_INCOMPLETELY_REMOVED] = "incompletely-removed"};
	struct fscrypt *fc = p->workload->crypt;

	g_string_assign(p->outcome, words[fscrypt_key_status(fc, fscrypt_key_number(fc, name))]);
	return 0;
}

/* A key of the other type of specifier than the one used here, a v1 descriptor, does not fit. */
static int provision(struct player *p, const struct script_op *op)
{
	struct fscrypt *fc = p->workload->crypt;

	fscrypt_provision(fc, fscrypt_key_number(fc, op->name[0]),
			  g_strcmp0(op->name[1], "descriptor") != 0);
	return 0;
}

static int get_policy(struct player *p, const char *path)
{
	const char *name;
	uint32_t key;
	int err = btrfs_get_policy(p->task, p->workload->fs, path, &key);

	if (err)
		return err;
	name = fscrypt_key_name(p->workload->crypt, key);
	g_string_assign(p->outcome, name ? name : "none");
	return 0;
}

int player_key_op(struct player *p, const struct script_op *op)
{
	struct fscrypt *fc = p->workload->crypt;

	switch (op->code) {
	case SCRIPT_ADDKEY:
		return add_key(p, op);
	case SCRIPT_RMKEY:
		return remove_key(p, op);
	case SCRIPT_KEYSTATUS:
		return key_status(p, op->name[0]);
	case SCRIPT_PROVISION:
		return provision(p, op);
	case SCRIPT_POLICY:
		return fscrypt_set_policy(p->task, fc, op->name[0],
					  fscrypt_key_number(fc, op->name[1]));
	case SCRIPT_REKEY:
		return fscrypt_rekey(p->task, fc, op->name[0], fscrypt_key_number(fc, op->name[1]));
	case SCRIPT_REKEYTREE:
		return fscrypt_rekey_tree(p->task, fc, op->name[0],
					  fscrypt_key_number(fc, op->name[1]));
	case SCRIPT_GETPOLICY:
		return get_policy(p, op->name[0]);
	default:
		return player_file_op(p, op);
	}
}
