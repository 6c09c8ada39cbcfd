/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The primitives every set-up is made of: derive, allocate a cipher, set its key; and the cache of
 * derived keys, which spares the first of them. */
#include "models/fscrypt/internal.h"

#include <errno.h>

void fscrypt_account(struct fscrypt *fc, int64_t bytes)
{
	fc->key_bytes += (uint64_t)bytes;
	fc->key_bytes_max = MAX(fc->key_bytes_max, fc->key_bytes);
}

/* ---- the cache of derived keys ---- */

/* Least recently used out; by (master key, nonce), so that an extent's key is found whichever inode or
 * map asks for it. "It still makes sense to cache derived keys": Biggers 2023-01-02. */
struct derived_key {
	uint64_t nonce;
	const struct master_key *key;
	GList link;
};

struct derived_cache {
	struct fscrypt *fc;
	GHashTable *by_nonce; /* of struct derived_key */
	GQueue lru; /* least recently used first */
	uint64_t hits, misses;
};

static guint derived_hash(gconstpointer p)
{
	const struct derived_key *derived = p;

	return (guint)(derived->nonce ^ derived->nonce >> 32) * 31u + derived->key->number;
}

static gboolean derived_equal(gconstpointer pa, gconstpointer pb)
{
	const struct derived_key *a = pa, *b = pb;

	return a->nonce == b->nonce && a->key == b->key;
}

struct derived_cache *derived_cache_new(struct fscrypt *fc)
{
	struct derived_cache *cache = g_new0(struct derived_cache, 1);

	cache->fc = fc;
	cache->by_nonce = g_hash_table_new(derived_hash, derived_equal);
	return cache;
}

static uint64_t derived_bytes(const struct derived_cache *cache)
{
	return machine_size(cache->fc->machine, SIZE_DERIVED_KEY);
}

static void derived_drop(struct derived_cache *cache, struct derived_key *derived)
{
	g_hash_table_remove(cache->by_nonce, derived);
	g_queue_unlink(&cache->lru, &derived->link);
	kernel_free(cache->fc->machine, cache->fc->site_derived, derived_bytes(cache));
	fscrypt_account(cache->fc, -(int64_t)derived_bytes(cache));
	g_free(derived);
}

void derived_cache_free(struct derived_cache *cache)
{
	if (!cache)
		return;
	while (cache->lru.head)
		derived_drop(cache, cache->lru.head->data);
	g_hash_table_destroy(cache->by_nonce);
	g_free(cache);
}

void derived_cache_forget(struct derived_cache *cache, const struct master_key *key)
{
	for (GList *link = cache ? cache->lru.head : NULL, *next; link; link = next) {
		struct derived_key *derived = link->data;

		next = link->next;
		if (derived->key == key)
			derived_drop(cache, derived);
	}
}

static bool derived_find(struct kernel_task *task, struct derived_cache *cache,
			 struct master_key *key, uint64_t nonce)
{
	struct derived_key want = {.nonce = nonce, .key = key}, *derived;

	kernel_run(task, COST_POOL_MAP_LOOKUP, 1);
	derived = g_hash_table_lookup(cache->by_nonce, &want);
	if (!derived) {
		cache->misses++;
		return false;
	}
	cache->hits++;
	g_queue_unlink(&cache->lru, &derived->link);
	g_queue_push_tail_link(&cache->lru, &derived->link);
	return true;
}

/* What can't be remembered is derived again next time. */
static void derived_remember(struct kernel_task *task, struct derived_cache *cache,
			     struct master_key *key, uint64_t nonce)
{
	struct derived_key want = {.nonce = nonce, .key = key}, *derived;

	if (!kernel_alloc(task, cache->fc->site_derived, GFP_NOWAIT, derived_bytes(cache)))
		return;
	if (!key->secret || g_hash_table_contains(cache->by_nonce, &want)) {
		kernel_free(cache->fc->machine, cache->fc->site_derived, derived_bytes(cache));
		return;
	}
	fscrypt_account(cache->fc, (int64_t)derived_bytes(cache));
	derived = g_memdup2(&want, sizeof(want));
	derived->link.data = derived;
	g_hash_table_add(cache->by_nonce, derived);
	g_queue_push_tail_link(&cache->lru, &derived->link);
	if (cache->lru.length > (guint)cache->fc->variant->derived_size)
		derived_drop(cache, cache->lru.head->data);
}

static const struct sim_metric_def def_hits = {
	"derived.hits", "count", SIM_MORE_IS_BETTER, "key set-up",
	"derived.cache: keys that were there and needed no HKDF"};
static const struct sim_metric_def def_misses = {"derived.misses", "count", SIM_LESS_IS_BETTER,
						 "key set-up",
						 "derived.cache: keys that had to be derived"};

const struct sim_metric_def *const derived_cache_metrics[] = {&def_hits, &def_misses, NULL};

void derived_cache_report(const struct derived_cache *cache, struct sim_metrics *metrics)
{
	if (!cache)
		return;
	sim_metrics_set(metrics, &def_hits, def_hits.name, (int64_t)cache->hits);
	sim_metrics_set(metrics, &def_misses, def_misses.name, (int64_t)cache->misses);
}

/* ---- primitives ---- */

int fscrypt_derive(struct kernel_task *task, struct fscrypt *fc,
		   const struct fscrypt_extent_info *info)
{
	struct master_key *key = info->key;
	bool secret;

	if (fc->derived && derived_find(task, fc->derived, key, info->nonce))
		return 0;
	sim_path_enter(machine_sim(fc->machine), "fscrypt_hkdf_expand");
	if (!info->key_locked)
		kernel_rwsem_read(task, &key->sem);
	secret = key->secret;
	if (secret)
		kernel_run(task, COST_HKDF_EXPAND, 1);
	if (!info->key_locked)
		kernel_rwsem_read_unlock(task, &key->sem);
	sim_path_leave(machine_sim(fc->machine));
	if (!secret)
		return -ENOKEY;
	fc->count.derivations++;
	if (fc->derived)
		derived_remember(task, fc->derived, key, info->nonce);
	return 0;
}

int fscrypt_setkey(struct kernel_task *task, struct fscrypt *fc)
{
	int err = crypto_skcipher_setkey(task, fc->mode);

	fc->count.setkeys += !err;
	return err;
}

static uint64_t tfm_bytes(const struct fscrypt *fc)
{
	return machine_size(fc->machine, SIZE_TFM + fc->mode);
}

static void tfm_made(struct fscrypt *fc)
{
	fscrypt_account(fc, (int64_t)tfm_bytes(fc));
	fc->count.tfm_allocations++;
}

int fscrypt_tfm_alloc(struct kernel_task *task, struct fscrypt *fc)
{
	int err = crypto_alloc_skcipher(task, fc->mode, fc->site_tfm, tfm_bytes(fc));

	if (!err)
		tfm_made(fc);
	return err;
}

int fscrypt_tfm_clone(struct kernel_task *task, struct fscrypt *fc)
{
	int err = crypto_clone_skcipher(task, fc->mode, fc->site_tfm, tfm_bytes(fc));

	if (!err)
		tfm_made(fc);
	return err;
}

void fscrypt_tfm_preload(struct fscrypt *fc)
{
	kernel_charge_bytes(fc->machine, fc->site_tfm, tfm_bytes(fc));
	tfm_made(fc);
}

void fscrypt_tfm_free(struct kernel_task *task, struct fscrypt *fc)
{
	if (task)
		crypto_free_skcipher(task, fc->mode, fc->site_tfm, tfm_bytes(fc));
	else
		kernel_free(fc->machine, fc->site_tfm, tfm_bytes(fc));
	fscrypt_account(fc, -(int64_t)tfm_bytes(fc));
	fc->count.tfm_frees++;
}
