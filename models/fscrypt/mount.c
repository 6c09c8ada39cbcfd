/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One filesystem's crypto side: put together, taken apart, and what it measures. */
#include "models/fscrypt/internal.h"

#define KEYS "key set-up"
#define TRUTH "truth"

struct fscrypt *fscrypt_new(struct btrfs_fs *fs, const struct fscrypt_variant *variant)
{
	struct fscrypt *fc = g_new0(struct fscrypt, 1);

	fc->fs = fs;
	fc->machine = btrfs_machine(fs);
	fc->variant = variant;
	fc->design = extent_designs[variant->design];
	fc->setup = key_setups[variant->setup];
	fc->mode = (enum cipher_mode)variant->mode;
	fc->keys = g_ptr_array_new();
	fc->sealed = g_hash_table_new(NULL, NULL);
	fc->infos = g_hash_table_new_full(NULL, NULL, g_free, NULL);
	fc->site_info = alloc_site(fc->machine, "fscrypt_inode_info");
	fc->site_extent = alloc_site(fc->machine, "fscrypt_extent_info");
	fc->site_tfm = alloc_site(fc->machine, "crypto_skcipher");
	fc->site_key = alloc_site(fc->machine, "fscrypt_master_key");
	fscrypt_keyring_init(fc);
	if (fc->setup->new)
		fc->setup_state = fc->setup->new (fc);
	btrfs_set_crypt(fs, &fscrypt_btrfs_ops, fc);
	return fc;
}

int fscrypt_mount(struct kernel_task *task, struct fscrypt *fc)
{
	return fc->setup->mount ? fc->setup->mount(task, fc->setup_state) : 0;
}

void fscrypt_free(struct fscrypt *fc)
{
	if (fc->setup->free)
		fc->setup->free(fc->setup_state);
	fscrypt_keyring_free(fc);
	g_hash_table_destroy(fc->sealed);
	g_hash_table_destroy(fc->infos);
	g_free(fc);
}

/* ---- metrics ---- */

static const struct sim_metric_def def_derivations = {
	"key.derivations", "count", SIM_LESS_IS_BETTER, KEYS,
	"HKDF-Expand for extent contents; directory names are in key.name_setups"};
static const struct sim_metric_def def_setkeys = {"key.setkeys", "count", SIM_LESS_IS_BETTER, KEYS,
						  "crypto_skcipher_setkey() for extent contents"};
static const struct sim_metric_def def_nonces = {
	"key.nonces_drawn", "count", SIM_LESS_IS_BETTER, KEYS,
	"16-byte extent nonces drawn, one per encrypted data extent born in the run"};
static const struct sim_metric_def def_names = {
	"key.name_setups", "count", SIM_LESS_IS_BETTER, KEYS,
	"directories whose name key was set up (derive, allocate, set key: one primitive)"};
static const struct sim_metric_def def_lookups = {
	"key.master_key_lookups", "count", SIM_LESS_IS_BETTER, KEYS,
	"fscrypt_find_master_key(): by inodes at open, and by extents where the design makes them"};
static const struct sim_metric_def def_tfm = {
	"tfm.allocations", "count", SIM_LESS_IS_BETTER, KEYS,
	"crypto_alloc_skcipher() for extent contents, those of mount included"};
static const struct sim_metric_def def_key_bytes = {
	"mem.keys_max_bytes", "bytes", SIM_LESS_IS_BETTER, "memory",
	"most bytes at one instant of ciphers, inode and extent crypto infos and master keys, as "
	"the "
	"slab rounds them"};
static const struct sim_metric_def def_encrypted = {
	"crypt.blocks_encrypted", "blocks", SIM_NO_DIRECTION, "I/O", "4 KiB blocks encrypted"};
static const struct sim_metric_def def_decrypted = {
	"crypt.blocks_decrypted", "blocks", SIM_NO_DIRECTION, "I/O", "4 KiB blocks decrypted"};
static const struct sim_metric_def def_garbage = {
	"truth.garbage_blocks", "blocks", SIM_LESS_IS_BETTER, TRUTH,
	"blocks decrypted with another key or nonce than they were sealed with"};
static const struct sim_metric_def def_reuses = {"truth.iv_reuses", "blocks", SIM_LESS_IS_BETTER,
						 TRUTH,
						 "blocks sealed under a (key, nonce) that another "
						 "live extent already has; overwrites in place "
						 "are in truth.in_place_blocks"};
static const struct sim_metric_def def_in_place = {"truth.in_place_blocks", "blocks",
						   SIM_NO_DIRECTION, TRUTH,
						   "blocks encrypted again under the same key and "
						   "IV by an overwrite in place (nodatacow), as in "
						   "any XTS filesystem"};
static const struct sim_metric_def def_after_removal = {
	"truth.keys_after_removal", "count", SIM_LESS_IS_BETTER, TRUTH,
	"ciphers still keyed from a master key at the moment it became absent"};

const struct sim_metric_def *const fscrypt_metric_defs[] = {
	&def_derivations,   &def_setkeys, &def_nonces,	  &def_names,
	&def_lookups,	    &def_tfm,	  &def_key_bytes, &def_encrypted,
	&def_decrypted,	    &def_garbage, &def_reuses,	  &def_in_place,
	&def_after_removal, NULL};

void fscrypt_report(struct fscrypt *fc, struct sim_metrics *metrics)
{
	const struct {
		const struct sim_metric_def *def;
		uint64_t value;
	} rows[] = {
		{&def_derivations, fc->count.derivations},
		{&def_setkeys, fc->count.setkeys},
		{&def_nonces, fc->count.nonces_drawn},
		{&def_names, fc->count.name_setups},
		{&def_lookups, fc->count.master_key_lookups},
		{&def_tfm, fc->count.tfm_allocations},
		{&def_key_bytes, fc->key_bytes_max},
		{&def_encrypted, fc->count.blocks_encrypted},
		{&def_decrypted, fc->count.blocks_decrypted},
		{&def_garbage, fc->count.garbage_blocks},
		{&def_reuses, fc->count.iv_reuses},
		{&def_in_place, fc->count.in_place_blocks},
		{&def_after_removal, fc->count.keys_after_removal},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		sim_metrics_set(metrics, rows[i].def, rows[i].def->name, (int64_t)rows[i].value);
	if (fc->setup->report)
		fc->setup->report(fc->setup_state, metrics);
}
