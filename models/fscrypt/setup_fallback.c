/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blk-crypto-fallback, which the posted series use ("[PATCH v6 nn/43] btrfs: add fscrypt support",
 * 2026-02-06): the derived key hangs on the extent's info as a blk_crypto_key, and an I/O programs it
 * into one of a fixed number of keyslots, each with a cipher per mode (6.12:
 * block/blk-crypto-fallback.c; 7.x as posted in "move blk-crypto-fallback to sit above the block
 * layer", Hellwig 2026-01-09).
 *
 * A write holds its slot while it waits for bounce pages and encrypts, a read only while its worker
 * decrypts. In 6.12 a bio takes its pages one by one and waits for each, so that several large bios
 * can have all pages of the reserve between them and wait for ever.
 */
#include "models/fscrypt/blk_crypto.h"

#include <errno.h>

struct fallback {
	struct fscrypt *fc;
	struct blk_crypto *crypto;
	struct sim_mutex init_lock; /* tfms_init_lock */
	bool started; /* tfms_inited[], of the mount's only mode */
	struct mempool *pages, *read_contexts;
	struct alloc_site *site_request, *site_slots;
};

static bool is_6_12(const struct fallback *fallback)
{
	return fallback->fc->variant->fallback_version == FALLBACK_6_12;
}

/* ---- ciphers ---- */

static int fill_slots(struct kernel_task *task, struct fallback *fallback)
{
	int64_t slots = fallback->fc->variant->fallback_slots, made = 0;
	int err = 0;

	while (!err && made < slots) {
		err = fscrypt_tfm_alloc(task, fallback->fc);
		made += !err;
	}
	while (err && made--)
		fscrypt_tfm_free(task, fallback->fc);
	return err;
}

/* blk_crypto_fallback_start_using_mode() */
static int start_using(struct kernel_task *task, void *owner)
{
	struct fallback *fallback = owner;
	struct sim *sim = machine_sim(fallback->fc->machine);
	int err = 0;

	if (fallback->started)
		return 0;
	sim_path_enter(sim, "blk_crypto_fallback_start_using_mode");
	kernel_mutex_lock(task, &fallback->init_lock);
	if (!fallback->started) {
		err = fill_slots(task, fallback);
		fallback->started = !err;
	}
	kernel_mutex_unlock(task, &fallback->init_lock);
	sim_path_leave(sim);
	return err;
}

/* blk_crypto_fallback_keyslot_program(), and with a random key _evict_keyslot(). */
static int set_key(struct kernel_task *task, void *owner)
{
	const struct fallback *fallback = owner;

	return fscrypt_setkey(task, fallback->fc);
}

static const struct blk_crypto_ops ops = {
	.lock_class = "blk_crypto_profile.lock",
	.start_using = start_using,
	.program = set_key,
	.evict = set_key,
	.held_by_task = true,
};

static int fallback_mount(void *state)
{
	struct fallback *fallback = state;

	if (fallback->fc->variant->fallback_start != FALLBACK_START_MOUNT)
		return 0;
	for (int64_t i = 0; i < fallback->fc->variant->fallback_slots; i++)
		fscrypt_tfm_preload(fallback->fc);
	fallback->started = true;
	return 0;
}

/* ---- life ---- */

static void make_pools(struct fallback *fallback)
{
	struct machine *machine = fallback->fc->machine;
	enum kernel_size pages =
		is_6_12(fallback) ? LIMIT_FALLBACK_PAGES_6_12 : LIMIT_FALLBACK_PAGES_7_X;

	fallback->pages = mempool_new(machine, "blk_crypto_bounce_page",
				      (uint32_t)machine_size(machine, pages),
				      machine_size(machine, SIZE_PAGE));
	fallback->read_contexts =
		mempool_new(machine, "bio_fallback_crypt_ctx",
			    (uint32_t)machine_size(machine, LIMIT_FALLBACK_READ_CTXS),
			    machine_size(machine, SIZE_FALLBACK_READ_CTX));
}

static void *fallback_new(struct fscrypt *fc)
{
	struct fallback *fallback = g_new0(struct fallback, 1);
	struct sim *sim = machine_sim(fc->machine);
	uint32_t slots = (uint32_t)fc->variant->fallback_slots;
	uint64_t bytes = slots * machine_size(fc->machine, SIZE_FALLBACK_KEYSLOT);

	fallback->fc = fc;
	sim_mutex_init(&fallback->init_lock, sim, sim_lock_class(sim, "tfms_init_lock"),
		       "tfms_init_lock");
	fallback->crypto = blk_crypto_new(fc, 1, slots, &ops, fallback);
	fallback->site_request = alloc_site(fc->machine, "skcipher_request");
	fallback->site_slots =
		alloc_site_of(fc->machine, "blk_crypto_fallback_keyslot", MEMORY_KEYS);
	kernel_charge_bytes(fc->machine, fallback->site_slots, bytes);
	fscrypt_account(fc, (int64_t)bytes);
	make_pools(fallback);
	return fallback;
}

static void fallback_free(void *state)
{
	struct fallback *fallback = state;

	sim_mutex_destroy(&fallback->init_lock);
	blk_crypto_free(fallback->crypto);
	g_free(fallback);
}

static int fallback_prepare(struct kernel_task *task, void *state, struct fscrypt_extent_info *info)
{
	const struct fallback *fallback = state;

	return blk_crypto_prepare_key(task, fallback->crypto, info);
}

static void fallback_destroy(struct kernel_task *task, void *state,
			     struct fscrypt_extent_info *info)
{
	const struct fallback *fallback = state;

	blk_crypto_destroy_key(task, fallback->crypto, info);
}

static void fallback_prime(void *state)
{
	const struct fallback *fallback = state;

	blk_crypto_prime(fallback->crypto);
}

static uint64_t fallback_prepared_bytes(const void *state)
{
	const struct fallback *fallback = state;

	return blk_crypto_key_bytes(fallback->crypto);
}

/* ---- bios ---- */

/* blk_crypto_fallback_bio_prep(): a read changes its context for one that has room for its end. */
static int fallback_bio_begin(struct kernel_task *task, void *state, bool write)
{
	const struct fallback *fallback = state;

	blk_crypto_attach(task, fallback->crypto);
	if (!write) {
		mempool_get(task, fallback->read_contexts, GFP_NOIO);
		blk_crypto_detach(fallback->crypto);
	}
	return 0;
}

static void fallback_bio_submit(struct kernel_task *task, void *state, bool write, uint32_t pages)
{
	const struct fallback *fallback = state;

	if (!write) {
		mempool_hand_over(task, fallback->read_contexts, 1);
		return;
	}
	blk_crypto_submit(task, fallback->crypto);
	mempool_hand_over(task, fallback->pages, pages);
}

static void fallback_bio_end(void *state, bool write)
{
	const struct fallback *fallback = state;

	if (write)
		blk_crypto_detach(fallback->crypto);
	else
		mempool_put(fallback->read_contexts);
}

/* Found by the address of a key that it holds no more, because programming it failed: the slot has no
 * mode, and blk_crypto_fallback_alloc_cipher_req() follows a null pointer. */
static bool has_no_mode(const struct fallback *fallback, const struct keyed_cipher *cipher)
{
	if (cipher->key)
		return false;
	truth_find(fallback->fc->truth, "keyslot without a cipher", 0,
		   "a keyslot that could not be programmed is still found by its old key: the "
		   "kernel would crash");
	return true;
}

static int fallback_acquire(struct kernel_task *task, void *state, struct fscrypt_extent_info *info,
			    const struct btrfs_crypt_io *io, struct keyed_cipher *cipher)
{
	const struct fallback *fallback = state;
	const struct machine *machine = fallback->fc->machine;
	int err = blk_crypto_get_keyslot(task, fallback->crypto, info, cipher);

	(void)io;
	if (err)
		return err;
	if (has_no_mode(fallback, cipher))
		err = -EIO;
	else if (is_6_12(fallback) && !kernel_alloc(task, fallback->site_request, GFP_NOIO,
						    machine_size(machine, SIZE_CIPHER_REQUEST)))
		err = -ENOMEM;
	if (err)
		blk_crypto_put_keyslot(task, cipher);
	return err;
}

static void fallback_release(struct kernel_task *task, void *state, struct keyed_cipher *cipher)
{
	const struct fallback *fallback = state;
	struct machine *machine = fallback->fc->machine;

	if (is_6_12(fallback))
		kernel_free(machine, fallback->site_request,
			    machine_size(machine, SIZE_CIPHER_REQUEST));
	blk_crypto_put_keyslot(task, cipher);
}

static int fallback_bounce(struct kernel_task *task, void *state, uint32_t blocks)
{
	const struct fallback *fallback = state;
	uint64_t reserve = machine_size(fallback->fc->machine, LIMIT_FALLBACK_PAGES_7_X);

	if (!is_6_12(fallback)) /* the rest is a bounce bio of its own */
		blocks = (uint32_t)MIN(blocks, reserve);
	if (is_6_12(fallback))
		for (uint32_t i = 0; i < blocks; i++)
			mempool_get(task, fallback->pages, GFP_NOIO);
	else
		mempool_get_many(task, fallback->pages, GFP_NOIO, blocks);
	kernel_run(task, COST_BOUNCE_PAGE, blocks);
	return (int)blocks;
}

static void fallback_unbounce(void *state, uint32_t blocks)
{
	const struct fallback *fallback = state;

	for (uint32_t i = 0; i < blocks; i++)
		mempool_put(fallback->pages);
}

static uint32_t fallback_keyed_from(const void *state, const struct master_key *key)
{
	const struct fallback *fallback = state;

	return blk_crypto_keyed_from(fallback->crypto, key);
}

static void fallback_report(void *state, struct sim_metrics *metrics)
{
	const struct fallback *fallback = state;

	blk_crypto_report(fallback->crypto, metrics);
}

const struct key_setup setup_fallback = {
	.name = "fallback",
	.summary =
		"blk-crypto-fallback: keyslots by key address, the least recently used keyed anew",
	.destroy_sleeps = true,
	.keyed_infos = true,
	.misfit = blk_crypto_misfit,
	.new = fallback_new,
	.free = fallback_free,
	.mount = fallback_mount,
	.prepare = fallback_prepare,
	.destroy = fallback_destroy,
	.prepared_bytes = fallback_prepared_bytes,
	.prime = fallback_prime,
	.bio_begin = fallback_bio_begin,
	.bio_end = fallback_bio_end,
	.bio_submit = fallback_bio_submit,
	.acquire = fallback_acquire,
	.release = fallback_release,
	.bounce = fallback_bounce,
	.unbounce = fallback_unbounce,
	.bounce_in_slot = true,
	.keyed_from = fallback_keyed_from,
	.report = fallback_report,
	.metrics = blk_crypto_metrics,
};
