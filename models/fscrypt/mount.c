/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One filesystem's crypto side: put together, taken apart, and what it measures. */
#include "models/fscrypt/internal.h"

#define KEYS "key set-up"

static enum fscrypt_iv iv_rule(const struct fscrypt_variant *variant)
{
	if (variant->iv != IV_DESIGN)
		return (enum fscrypt_iv)variant->iv;
	return extent_designs[variant->design]->per_inode ? IV_FILE_OFFSET : IV_BLOCK;
}

static void make_sites(struct fscrypt *fc)
{
	fc->site_info = alloc_site_of(fc->machine, "fscrypt_inode_info", MEMORY_KEYS);
	fc->site_extent = alloc_site_of(fc->machine, "fscrypt_extent_info", MEMORY_KEYS);
	fc->site_tfm = alloc_site_of(fc->machine, "crypto_skcipher", MEMORY_KEYS);
	fc->site_key = alloc_site_of(fc->machine, "fscrypt_master_key", MEMORY_KEYS);
	fc->site_derived = alloc_site_of(fc->machine, "derived_key", MEMORY_KEYS);
}

/* Reclaim releases pages, and with them the maps whose infos end. */
static void prime(struct machine *machine, void *arg)
{
	struct fscrypt *fc = arg;
	struct sim *sim = machine_sim(machine);

	sim_path_enter(sim, "btrfs_release_folio");
	fc->setup->prime(fc->setup_state);
	sim_path_leave(sim);
}

struct fscrypt *fscrypt_new(struct btrfs_fs *fs, const struct fscrypt_variant *variant)
{
	struct fscrypt *fc = g_new0(struct fscrypt, 1);

	fc->fs = fs;
	fc->machine = btrfs_machine(fs);
	fc->variant = variant;
	fc->design = extent_designs[variant->design];
	fc->setup = key_setups[variant->setup];
	fc->mode = (enum cipher_mode)variant->mode;
	fc->iv_rule = iv_rule(variant);
	fc->keys = g_ptr_array_new();
	fc->free_addresses = g_array_new(false, false, sizeof(uint64_t));
	fc->truth = truth_new(fc);
	fc->rekey = rekey_books_new();
	make_sites(fc);
	fc->free_queue = workqueue_new(fc->machine, "fscrypt-free", 1, CONTEXT_PROCESS);
	sim_waitq_init(&fc->prepare_wait, machine_sim(fc->machine), "extent key set-up");
	if (fc->design != &design_none && !fc->setup->bounce && !fc->setup->request_begin)
		fc->bounce_pages =
			mempool_new(fc->machine, "bounce_page",
				    (uint32_t)machine_size(fc->machine, LIMIT_BOUNCE_PAGES),
				    machine_size(fc->machine, SIZE_PAGE));
	if (variant->derived_cache)
		fc->derived = derived_cache_new(fc);
	fscrypt_keyring_init(fc);
	if (fc->setup->new)
		fc->setup_state = fc->setup->new (fc);
	if (fc->setup->prime && variant->freeing != FREEING_WORKQUEUE)
		machine_on_prime(fc->machine, prime, fc);
	btrfs_set_crypt(fs, complexity_ops(fc), fc);
	return fc;
}

bool fscrypt_encrypts(const struct fscrypt *fc)
{
	return fscrypt_variant_encrypts(fc->variant);
}

int fscrypt_mount(struct fscrypt *fc)
{
	return fc->setup->mount ? SETUP_HOOK(fc, mount)(fc->setup_state) : 0;
}

static void free_inodes(struct fscrypt *fc)
{
	while (fc->inodes) {
		struct inode_info *info = fc->inodes;

		fc->inodes = info->next;
		if (fc->setup->inode_close)
			SETUP_HOOK(fc, inode_close)(fc->setup_state, info);
		g_free(info);
	}
}

void fscrypt_free(struct fscrypt *fc)
{
	fc->ending = true;
	free_inodes(fc);
	extent_infos_free(fc);
	derived_cache_free(fc->derived);
	if (fc->setup->free)
		fc->setup->free(fc->setup_state);
	fscrypt_keyring_free(fc);
	g_array_free(fc->free_addresses, true);
	rekey_books_free(fc->rekey);
	truth_free(fc->truth);
	sim_waitq_destroy(&fc->prepare_wait);
	g_free(fc);
}

void fscrypt_check_end(struct fscrypt *fc)
{
	truth_check_infos(fc->truth);
}

/* ---- metrics ---- */

static const struct sim_metric_def def_derivations = {
	"key.derivations", "count", SIM_LESS_IS_BETTER, KEYS,
	"HKDF-Expand for extent contents; directory names are in key.name_setups"};
static const struct sim_metric_def def_setkeys = {
	"key.setkeys", "count", SIM_LESS_IS_BETTER, KEYS,
	"crypto_skcipher_setkey() for extent contents, the random keys "
	"that wipe slots of set-up fallback included"};
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
	"most bytes at one instant of ciphers, inode and extent crypto infos, block-layer keys and "
	"slots and master keys, as the slab rounds them"};
static const struct sim_metric_def def_key_bytes_end = {
	"mem.keys_end_bytes", "bytes", SIM_LESS_IS_BETTER, "memory",
	"of mem.keys_max_bytes, what is there at the end; after a last dropcaches, what no reclaim "
	"of pages takes away"};
static const struct sim_metric_def def_encrypted = {
	"crypt.blocks_encrypted", "blocks", SIM_NO_DIRECTION, "I/O", "4 KiB blocks encrypted"};
static const struct sim_metric_def def_decrypted = {
	"crypt.blocks_decrypted", "blocks", SIM_NO_DIRECTION, "I/O", "4 KiB blocks decrypted"};
static const struct sim_metric_def def_bios_encrypted = {
	"crypt.bios_encrypted", "bios", SIM_LESS_IS_BETTER, "I/O",
	"bios that a cipher was taken for to encrypt them; one that got too few bounce pages goes "
	"on "
	"as another"};
static const struct sim_metric_def def_bios_decrypted = {
	"crypt.bios_decrypted", "bios", SIM_LESS_IS_BETTER, "I/O",
	"bios that a cipher was taken for to decrypt them; of io.read_bios, those of encrypted "
	"extents"};
static const struct sim_metric_def def_tfm_frees = {
	"tfm.frees", "count", SIM_NO_DIRECTION, KEYS,
	"crypto_free_skcipher() for extent contents, in the run"};
static const struct sim_metric_def def_infos = {"key.extent_infos", "count", SIM_LESS_IS_BETTER,
						KEYS,
						"fscrypt_extent_info made: with each extent born "
						"or loaded, one for all parts of a split map"};
static const struct sim_metric_def def_slept = {"free.slept_atomic", "count", SIM_LESS_IS_BETTER,
						KEYS,
						"freeing=immediate: extent infos whose end took a "
						"sleeping lock under a lock that forbids it"};

static const struct sim_metric_def *const own_defs[] = {&def_derivations,    &def_setkeys,
							&def_nonces,	     &def_names,
							&def_lookups,	     &def_tfm,
							&def_tfm_frees,	     &def_infos,
							&def_slept,	     &def_key_bytes,
							&def_key_bytes_end,  &def_encrypted,
							&def_decrypted,	     &def_bios_encrypted,
							&def_bios_decrypted, NULL};

const struct sim_metric_def *const *fscrypt_metric_defs(size_t i)
{
	static const struct sim_metric_def *const *const lists[] = {
		own_defs,	   truth_metrics,	  rekey_metrics,
		keyring_metrics,   derived_cache_metrics, fscrypt_auth_metrics,
		complexity_metrics};

	return i < G_N_ELEMENTS(lists) ? lists[i] : key_setup_metric_defs(i - G_N_ELEMENTS(lists));
}

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
		{&def_tfm_frees, fc->count.tfm_frees},
		{&def_infos, fc->count.infos_created},
		{&def_slept, fc->count.slept_atomic},
		{&def_key_bytes, fc->key_bytes_max},
		{&def_key_bytes_end, fc->key_bytes},
		{&def_encrypted, fc->count.blocks_encrypted},
		{&def_decrypted, fc->count.blocks_decrypted},
		{&def_bios_encrypted, fc->count.bios_encrypted},
		{&def_bios_decrypted, fc->count.bios_decrypted},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		sim_metrics_set(metrics, rows[i].def, rows[i].def->name, (int64_t)rows[i].value);
	truth_report(fc->truth, metrics);
	rekey_report(fc, metrics);
	keyring_report(fc, metrics);
	derived_cache_report(fc->derived, metrics);
	fscrypt_auth_report(fc, metrics);
	complexity_report(fc, metrics);
	if (fc->setup->report)
		fc->setup->report(fc->setup_state, metrics);
}
