/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Replacing policies, private: shared by the replacement of one inode's and of a tree's. */
#ifndef FSCRYPT_REKEY_H
#define FSCRYPT_REKEY_H

#include "models/fscrypt/internal.h"

/** A tree whose policy was to be replaced, for the count of what is left at the end. */
struct rekeyed_tree {
	uint64_t dir; /* btrfs_inode_number() */
	uint32_t key;
};

struct rekey_books {
	struct btrfs_policy_books work;
	uint64_t calls, files, refused, changed_outside, stranded_loads;
	uint64_t tree_ns, tree_files; /* of calls, or programs, that change a tree */
	GArray *trees; /* struct rekeyed_tree */
};

/** One inode on its way from one policy to another. */
struct rekey {
	struct fscrypt *fc;
	struct btrfs_inode *inode;
	struct master_key *key; /* the new one */
	enum fscrypt_rekey rule;
	struct inode_info *other; /* what it will be, until the switch; NULL: it is locked */
	bool switched;
	struct btrfs_policy_change change;
};

/** The new key, which must be present. */
int rekey_find_key(struct kernel_task *task, struct fscrypt *fc, uint32_t number,
		   struct master_key **key);
/** What becomes of old extents: as the variant says, or its design. */
enum fscrypt_rekey rekey_rule(const struct fscrypt *fc);
void rekey_init(struct kernel_task *task, struct rekey *r, struct fscrypt *fc,
		struct btrfs_inode *inode, struct master_key *key);
/** Asks the rule and makes what the inode needs under its new key. 0; 1: nothing is to do; or -errno. */
int rekey_prepare(struct kernel_task *task, struct rekey *r);
/** What follows after the change, which came to `err`: data written anew, the old key let go. */
int rekey_finish(struct kernel_task *task, struct rekey *r, int err);
/** All of that, under the inode's lock. */
int rekey_inode(struct kernel_task *task, struct fscrypt *fc, struct btrfs_inode *inode,
		struct master_key *key);
/** The same by a path: open, ioctl, close. `plain`: a file without a policy gets one. */
int rekey_path(struct kernel_task *task, struct fscrypt *fc, const char *path,
	       struct master_key *key, bool plain);
/** Makes an inode what `other` is, which becomes what it was before; takes no time. */
void rekey_switch(struct inode_info *info, struct inode_info *other);
/** Ends what an inode was before, when nothing uses it any more. */
void rekey_let_go(struct kernel_task *task, struct fscrypt *fc, struct inode_info *info);

#endif
