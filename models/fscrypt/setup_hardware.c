/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inline encryption hardware: the device encrypts on the way, and a request holds its key's slot from
 * its submission until the device is done with it (6.12: block/blk-crypto.c,
 * blk_crypto_rq_get_keyslot()). btrfs cannot use it, for it sums what is on disk; the posted series
 * refuses it for that reason, so it runs as a counterfactual: the sums are of the plaintext.
 */
#include "models/fscrypt/blk_crypto.h"

struct hardware {
	struct fscrypt *fc;
	struct blk_crypto *crypto;
};

static const char *impossible(const struct fscrypt_variant *variant)
{
	(void)variant;
	return "set-up 'hardware' gives btrfs no ciphertext, and the filesystem must see "
	       "ciphertext "
	       "to checksum it; counterfactual=true runs it as if checksums did not matter";
}

/* Registers, or a call into the firmware. */
static int program(struct kernel_task *task, void *owner)
{
	(void)owner;
	kernel_run(task, COST_KEYSLOT_PROGRAM, 1);
	return 0;
}

static const struct blk_crypto_ops ops = {
	.lock_class = "blk_crypto_profile.lock (device)",
	.program = program,
	.evict = program,
};

static void *hardware_new(struct fscrypt *fc)
{
	struct hardware *hardware = g_new0(struct hardware, 1);

	hardware->fc = fc;
	hardware->crypto = blk_crypto_new(fc, machine_config(fc->machine)->devices,
					  (uint32_t)fc->variant->hardware_slots, &ops, hardware);
	return hardware;
}

static void hardware_free(void *state)
{
	struct hardware *hardware = state;

	blk_crypto_free(hardware->crypto);
	g_free(hardware);
}

static int hardware_prepare(struct kernel_task *task, void *state, struct fscrypt_extent_info *info)
{
	const struct hardware *hardware = state;

	return blk_crypto_prepare_key(task, hardware->crypto, info);
}

static void hardware_destroy(struct kernel_task *task, void *state,
			     struct fscrypt_extent_info *info)
{
	const struct hardware *hardware = state;

	blk_crypto_destroy_key(task, hardware->crypto, info);
}

static void hardware_prime(void *state)
{
	const struct hardware *hardware = state;

	blk_crypto_prime(hardware->crypto);
}

static uint64_t hardware_prepared_bytes(const void *state)
{
	const struct hardware *hardware = state;

	return blk_crypto_key_bytes(hardware->crypto);
}

static int hardware_bio_begin(struct kernel_task *task, void *state, bool write)
{
	const struct hardware *hardware = state;

	(void)write;
	blk_crypto_attach(task, hardware->crypto);
	return 0;
}

static void hardware_bio_end(void *state, bool write)
{
	const struct hardware *hardware = state;

	(void)write;
	blk_crypto_detach(hardware->crypto);
}

static void hardware_bio_submit(struct kernel_task *task, void *state, bool write, uint32_t pages)
{
	const struct hardware *hardware = state;

	(void)write;
	(void)pages;
	blk_crypto_submit(task, hardware->crypto);
}

static int hardware_request_begin(struct kernel_task *task, void *state,
				  struct fscrypt_extent_info *info, struct keyed_cipher *cipher)
{
	const struct hardware *hardware = state;

	return blk_crypto_get_keyslot(task, hardware->crypto, info, cipher);
}

static void hardware_request_end(void *state, struct keyed_cipher *cipher)
{
	(void)state;
	blk_crypto_put_keyslot(NULL, cipher);
}

static uint32_t hardware_keyed_from(const void *state, const struct master_key *key)
{
	const struct hardware *hardware = state;

	return blk_crypto_keyed_from(hardware->crypto, key);
}

static void hardware_report(void *state, struct sim_metrics *metrics)
{
	const struct hardware *hardware = state;

	blk_crypto_report(hardware->crypto, metrics);
}

/* Its metrics are those of setup_fallback. */
const struct key_setup setup_hardware = {
	.name = "hardware",
	.summary = "inline encryption by the device: a few keyslots, held until a request is done",
	.destroy_sleeps = true,
	.keyed_infos = true,
	.impossible = impossible,
	.misfit = blk_crypto_misfit,
	.new = hardware_new,
	.free = hardware_free,
	.prepare = hardware_prepare,
	.destroy = hardware_destroy,
	.prepared_bytes = hardware_prepared_bytes,
	.prime = hardware_prime,
	.bio_begin = hardware_bio_begin,
	.bio_end = hardware_bio_end,
	.bio_submit = hardware_bio_submit,
	.request_begin = hardware_request_begin,
	.request_end = hardware_request_end,
	.keyed_from = hardware_keyed_from,
	.report = hardware_report,
};
