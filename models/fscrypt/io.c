/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The crypto work of one bio: bounce pages, a keyed cipher, the blocks; and what the request holds
 * until the device is done. */
#include "models/fscrypt/internal.h"

#include <errno.h>

/* The histogram holds waits only: the quantile of it moved up by the share of those that did not. */
uint64_t fscrypt_wait_quantile(const struct sim_histogram *wait_ns, uint64_t acquires,
			       uint64_t waits, uint32_t per_100k)
{
	uint64_t rank = (acquires * per_100k + 99999) / 100000; /* nearest rank */

	if (!waits || rank <= acquires - waits)
		return 0;
	return sim_histogram_quantile(wait_ns,
				      (uint32_t)((rank - (acquires - waits)) * 100000 / waits));
}

/* Waits for the first page only: a bio that waited for a second one while others hold the pool's
 * pages might wait for ever ("[PATCH] ext4: fix deadlock allocating crypto bounce page from
 * mempool", Biggers 2019-12-31). What it got is written, the rest is a bio of its own. */
static int bounce_some(struct kernel_task *task, struct mempool *pool, uint32_t blocks)
{
	uint32_t got = 1;

	mempool_get(task, pool, GFP_NOFS);
	while (got < blocks && mempool_get(task, pool, GFP_NOWAIT))
		got++;
	kernel_run(task, COST_BOUNCE_PAGE, got);
	return (int)got;
}

static int bounce(struct kernel_task *task, struct fscrypt *fc, uint32_t blocks)
{
	if (fc->setup->bounce)
		return SETUP_HOOK(fc, bounce)(task, fc->setup_state, blocks);
	return bounce_some(task, fc->bounce_pages, blocks);
}

static void unbounce(struct fscrypt *fc, uint32_t pages)
{
	if (fc->setup->unbounce)
		SETUP_HOOK(fc, unbounce)(fc->setup_state, pages);
	else
		for (uint32_t i = 0; i < pages; i++)
			mempool_put(fc->bounce_pages);
}

int fscrypt_acquire_nothing(struct kernel_task *task, void *state, struct fscrypt_extent_info *info,
			    const struct btrfs_crypt_io *io, struct keyed_cipher *cipher)
{
	(void)task;
	(void)state;
	(void)info;
	(void)io;
	(void)cipher;
	return 0;
}

void fscrypt_release_nothing(struct kernel_task *task, void *state, struct keyed_cipher *cipher)
{
	(void)task;
	(void)state;
	(void)cipher;
}

int fscrypt_acquire(struct kernel_task *task, struct fscrypt *fc, const struct btrfs_crypt_io *io,
		    struct keyed_cipher *cipher)
{
	int err = extent_info_prepare(task,
				      io->info); /* one that a split has left to its first use */

	*cipher = (struct keyed_cipher){.key = io->info->key->number, .nonce = io->info->nonce};
	return err ? err : SETUP_HOOK(fc, acquire)(task, fc->setup_state, io->info, io, cipher);
}

/* Hardware encrypts on the way: the request carries the key's slot, and nothing is copied. */
static int encrypt_in_hardware(struct kernel_task *task, struct fscrypt *fc,
			       const struct btrfs_crypt_io *io, const struct btrfs_seal *seal,
			       struct btrfs_crypt_request *request)
{
	struct keyed_cipher cipher = {.key = io->info->key->number, .nonce = io->info->nonce};
	int err = extent_info_prepare(task, io->info);

	if (!err)
		err = SETUP_HOOK(fc, request_begin)(task, fc->setup_state, io->info, &cipher);
	if (err)
		return err;
	request->slot = cipher.slot;
	request->at = cipher.at;
	truth_encrypted(fc->truth, io, &cipher, seal);
	return (int)io->blocks;
}

static int encrypt_blocks(struct kernel_task *task, struct fscrypt *fc,
			  const struct btrfs_crypt_io *io, const struct btrfs_seal *seal, int pages,
			  struct keyed_cipher *cipher)
{
	struct btrfs_crypt_io done = *io;

	if (fc->setup->bounce_in_slot)
		pages = bounce(task, fc, io->blocks);
	if (pages > 0) {
		done.blocks = (uint32_t)pages;
		kernel_run(task, COST_ENCRYPT_4K + fc->mode, done.blocks);
		fscrypt_tag_blocks(task, fc, &done);
		truth_encrypted(fc->truth, &done, cipher, seal);
	}
	SETUP_HOOK(fc, release)(task, fc->setup_state, cipher);
	return pages;
}

static int encrypt_in_software(struct kernel_task *task, struct fscrypt *fc,
			       const struct btrfs_crypt_io *io, const struct btrfs_seal *seal,
			       struct btrfs_crypt_request *request)
{
	int pages = fc->setup->bounce_in_slot ? 0 : bounce(task, fc, io->blocks), err;
	struct keyed_cipher cipher;

	if (pages < 0)
		return pages;
	err = fscrypt_acquire(task, fc, io, &cipher);
	if (err) {
		unbounce(fc, (uint32_t)pages);
		return err;
	}
	pages = encrypt_blocks(task, fc, io, seal, pages, &cipher);
	request->bounce_pages = (uint32_t)MAX(pages, 0);
	return pages;
}

static int bio_begin(struct kernel_task *task, struct fscrypt *fc, bool write)
{
	return fc->setup->bio_begin ? SETUP_HOOK(fc, bio_begin)(task, fc->setup_state, write) : 0;
}

static void bio_end(struct fscrypt *fc, bool write)
{
	if (fc->setup->bio_end)
		SETUP_HOOK(fc, bio_end)(fc->setup_state, write);
}

static void bio_submit_crypt(struct kernel_task *task, struct fscrypt *fc, bool write,
			     uint32_t pages)
{
	if (fc->setup->bio_submit)
		SETUP_HOOK(fc, bio_submit)(task, fc->setup_state, write, pages);
	else if (pages)
		mempool_hand_over(task, fc->bounce_pages, pages);
}

int fscrypt_encrypt(struct kernel_task *task, void *crypt, const struct btrfs_crypt_io *io,
		    const struct btrfs_seal *seal, struct btrfs_crypt_request *request)
{
	struct fscrypt *fc = crypt;
	int done = bio_begin(task, fc, true);

	*request = (struct btrfs_crypt_request){0};
	if (done)
		return done;
	done = fc->setup->request_begin ? encrypt_in_hardware(task, fc, io, seal, request)
					: encrypt_in_software(task, fc, io, seal, request);
	request->write = done > 0;
	if (done > 0)
		bio_submit_crypt(task, fc, true, request->bounce_pages);
	else
		bio_end(fc, true);
	fc->count.blocks_encrypted += done > 0 ? (uint64_t)done : 0;
	fc->count.bios_encrypted += done > 0;
	return done;
}

int fscrypt_read_begin(struct kernel_task *task, void *crypt, const struct btrfs_crypt_io *io,
		       struct btrfs_crypt_request *request)
{
	struct fscrypt *fc = crypt;
	struct keyed_cipher cipher = {.key = io->info->key->number, .nonce = io->info->nonce};
	int err;

	*request = (struct btrfs_crypt_request){0};
	err = bio_begin(task, fc, false);
	if (err)
		return err;
	if (fc->setup->request_begin) {
		err = extent_info_prepare(task, io->info);
		if (!err)
			err = SETUP_HOOK(fc, request_begin)(task, fc->setup_state, io->info,
							    &cipher);
	}
	if (err)
		bio_end(fc, false);
	else
		bio_submit_crypt(task, fc, false, 0);
	request->slot = cipher.slot;
	request->at = cipher.at;
	return err;
}

void fscrypt_request_end(void *crypt, struct btrfs_crypt_request *request)
{
	struct fscrypt *fc = crypt;
	struct keyed_cipher cipher = {.slot = request->slot, .at = request->at};

	if (fc->setup->request_end && request->at)
		SETUP_HOOK(fc, request_end)(fc->setup_state, &cipher);
	if (request->bounce_pages)
		unbounce(fc, request->bounce_pages);
	if (request->write)
		bio_end(fc, true);
	*request = (struct btrfs_crypt_request){0};
}

void fscrypt_read_end(void *crypt)
{
	bio_end(crypt, false);
}

int fscrypt_decrypt(struct kernel_task *task, void *crypt, const struct btrfs_crypt_io *io,
		    const struct btrfs_seal *seal)
{
	struct fscrypt *fc = crypt;
	struct keyed_cipher cipher = {.key = io->info->key->number, .nonce = io->info->nonce};
	uint32_t wrong;
	int err = 0;

	if (!fc->setup->request_begin)
		err = fscrypt_acquire(task, fc, io, &cipher);
	if (!err && !fc->setup->request_begin) {
		kernel_run(task, COST_DECRYPT_4K + fc->mode, io->blocks);
		if (fscrypt_tags(fc, io))
			fscrypt_check_tags(task, fc, io->blocks);
		SETUP_HOOK(fc, release)(task, fc->setup_state, &cipher);
	}
	if (err)
		return err;
	fc->count.blocks_decrypted += io->blocks;
	fc->count.bios_decrypted++;
	wrong = fscrypt_tags(fc, io) ? truth_mismatches(fc->truth, io, &cipher, seal) : 0;
	fc->count.tags_wrong += wrong;
	if (wrong) /* without tags it would be garbage */
		return -EBADMSG;
	truth_decrypted(fc->truth, io, &cipher, seal);
	return 0;
}
