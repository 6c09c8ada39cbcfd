/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Authenticated encryption: a tag for each encrypted block, made with its ciphertext and checked when
 * that is decrypted, stored where the block's checksum would be or beside it. Files without data
 * checksums have no place for tags. Whoever reads the disk without an inode (scrub, relocation) needs
 * the key of each extent, which a design that stores it there gives at once; one that does not sends
 * him on to the inode ("Re: [RFC PATCH 0/4] fscrypt: add support for per-extent encryption",
 * Dorminy 2023-09-02 and Biggers 2023-09).
 */
#include "models/fscrypt/internal.h"

#include <errno.h>

bool fscrypt_tags(const struct fscrypt *fc, const struct btrfs_crypt_io *io)
{
	return fc->variant->auth != AUTH_NONE && io->summed;
}

void fscrypt_tag_blocks(struct kernel_task *task, struct fscrypt *fc,
			const struct btrfs_crypt_io *io)
{
	if (!fscrypt_tags(fc, io)) {
		fc->count.untagged_blocks += io->blocks;
		return;
	}
	kernel_run(task, COST_AUTH_4K, io->blocks);
	fc->count.tags_made += io->blocks;
}

void fscrypt_check_tags(struct kernel_task *task, struct fscrypt *fc, uint32_t tags)
{
	kernel_run(task, COST_AUTH_4K, tags);
	fc->count.tags_checked += tags;
}

/* What the extent's context says, completed by the inode's where it does not name the key. */
static int find_names(struct kernel_task *task, struct fscrypt *fc, const struct btrfs_backref *ref,
		      uint32_t *key, uint64_t *nonce)
{
	uint64_t birth;
	int err;

	*key = ref->context.key;
	*nonce = ref->context.nonce;
	if (!fc->design->per_inode) {
		if (!ref->context.present)
			return -EUCLEAN;
		kernel_run(task, COST_CONTEXT_PARSE, 1);
	}
	if (fc->design->names_key)
		return 0;
	err = btrfs_backref_policy(task, fc->fs, ref, key, &birth);
	if (err)
		return err;
	kernel_run(task, COST_CONTEXT_PARSE, 1);
	if (fc->design->per_inode)
		*nonce = birth;
	return 0;
}

/* Joins the key as an inode would, so that it is not wiped while something is checked with it. */
static int make_info(struct kernel_task *task, struct fscrypt *fc, struct master_key *key,
		     struct fscrypt_extent_info **out)
{
	struct fscrypt_extent_info *info;

	key->extents++;
	info = extent_info_new(task, fc, GFP_KERNEL);
	if (!info) {
		key->extents--;
		master_key_put_active(fc, key);
		return -ENOMEM;
	}
	info->key = key;
	info->joined_key = true;
	*out = info;
	return 0;
}

int fscrypt_extent_find(struct kernel_task *task, void *crypt, uint32_t extent,
			const struct btrfs_backref *ref, struct fscrypt_extent_info **out)
{
	struct fscrypt_extent_info *info = NULL;
	struct fscrypt *fc = crypt;
	struct master_key *key;
	uint32_t number;
	uint64_t nonce;
	int err = find_names(task, fc, ref, &number, &nonce);

	if (err)
		return err;
	key = master_key_find(task, fc, number);
	if (!key || key->status != KEY_PRESENT)
		return -ENOKEY;
	err = make_info(task, fc, key, &info);
	if (err)
		return err;
	info->nonce = nonce;
	info->extent = extent;
	err = extent_info_prepare(task, info);
	if (err) {
		extent_info_put(fc, info, false);
		extent_infos_drain(task, fc);
		return err;
	}
	*out = info;
	return 0;
}

int fscrypt_verify(struct kernel_task *task, void *crypt, const struct btrfs_crypt_io *io,
		   const struct btrfs_seal *seal, uint32_t tags)
{
	struct fscrypt *fc = crypt;
	struct keyed_cipher cipher;
	int err = fscrypt_acquire(task, fc, io, &cipher);

	if (err)
		return err;
	fscrypt_check_tags(task, fc, tags);
	SETUP_HOOK(fc, release)(task, fc->setup_state, &cipher);
	return truth_mismatches(fc->truth, io, &cipher, seal) ? -EBADMSG : 0;
}

/* ---- metrics ---- */

#define AUTH "authentication"

static const struct sim_metric_def def_made = {"auth.tags_made", "blocks", SIM_NO_DIRECTION, AUTH,
					       "encrypted blocks that got a tag"};
static const struct sim_metric_def def_checked = {
	"auth.tags_checked", "blocks", SIM_LESS_IS_BETTER, AUTH,
	"tags computed again to check a block: by reads, scrub, and relocation"};
static const struct sim_metric_def def_wrong = {
	"auth.tags_wrong", "blocks", SIM_LESS_IS_BETTER, AUTH,
	"blocks read with another key, nonce or IV than they were sealed with, which their tags "
	"told: without tags, truth.garbage_blocks"};
static const struct sim_metric_def def_untagged = {
	"auth.untagged_blocks", "blocks", SIM_LESS_IS_BETTER, AUTH,
	"blocks encrypted without a tag, for files without data checksums (nodatacow)"};

const struct sim_metric_def *const fscrypt_auth_metrics[] = {&def_made, &def_checked, &def_wrong,
							     &def_untagged, NULL};

void fscrypt_auth_report(const struct fscrypt *fc, struct sim_metrics *metrics)
{
	if (fc->variant->auth == AUTH_NONE)
		return;
	sim_metrics_set(metrics, &def_made, def_made.name, (int64_t)fc->count.tags_made);
	sim_metrics_set(metrics, &def_checked, def_checked.name, (int64_t)fc->count.tags_checked);
	sim_metrics_set(metrics, &def_wrong, def_wrong.name, (int64_t)fc->count.tags_wrong);
	sim_metrics_set(metrics, &def_untagged, def_untagged.name,
			(int64_t)fc->count.untagged_blocks);
}
