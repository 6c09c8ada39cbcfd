/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A fixed pool of ciphers allocated at mount (Biggers 2023-01-02, "Re: [RFC PATCH 15/17] fscrypt:
 * allow load/save of extent contexts"): an I/O takes one, derives its extent's key, sets it, works,
 * and gives the cipher back, so that the I/O path allocates none. When all are out, it waits.
 *
 * With pool.map, a cipher keeps its key when it comes back and is found again by (master key,
 * nonce, mode): several users of one key share one cipher, as keyslots do, and the least recently
 * used idle one is keyed anew on a miss.
 */
#include "models/fscrypt/internal.h"

#include <errno.h>

struct slot {
	uint64_t nonce;
	const struct master_key *key; /* NULL: not keyed; stays after use, as a key schedule does */
	bool mapped; /* found through by_key */
	uint32_t users;
	struct sim_task *holder; /* who took the unit of `free` */
	GList link; /* in `idle`, least recently used first */
};

struct pool {
	struct fscrypt *fc;
	uint32_t size;
	bool map;
	struct slot *slots;
	GQueue idle;
	GHashTable *by_key; /* struct slot * by its (key, nonce); only with map */
	struct sim_pool free; /* how many idle slots: what waiters wait for */
	uint64_t hits, misses;
};

static guint slot_hash(gconstpointer p)
{
	const struct slot *slot = p;

	return (guint)(slot->nonce ^ slot->nonce >> 32) * 31u + slot->key->number;
}

static gboolean slot_equal(gconstpointer pa, gconstpointer pb)
{
	const struct slot *a = pa, *b = pb;

	return a->nonce == b->nonce && a->key == b->key;
}

static void *pool_new(struct fscrypt *fc)
{
	struct pool *pool = g_new0(struct pool, 1);
	struct sim *sim = machine_sim(fc->machine);

	pool->fc = fc;
	pool->size = (uint32_t)fc->variant->pool_size;
	pool->map = fc->variant->pool_map;
	pool->slots = g_new0(struct slot, pool->size);
	pool->by_key = g_hash_table_new(slot_hash, slot_equal);
	for (uint32_t i = 0; i < pool->size; i++) {
		pool->slots[i].link.data = &pool->slots[i];
		g_queue_push_tail_link(&pool->idle, &pool->slots[i].link);
	}
	sim_pool_init(&pool->free, sim, sim_lock_class(sim, "skcipher pool"), "skcipher pool",
		      pool->size);
	return pool;
}

static void pool_free(void *state)
{
	struct pool *pool = state;

	sim_pool_destroy(&pool->free);
	g_hash_table_destroy(pool->by_key);
	g_free(pool->slots);
	g_free(pool);
}

static int pool_mount(struct kernel_task *task, void *state)
{
	struct pool *pool = state;

	for (uint32_t i = 0; i < pool->size; i++) {
		int err = fscrypt_tfm_alloc(task, pool->fc);

		if (err)
			return err;
	}
	return 0;
}

static struct slot *find_keyed(struct kernel_task *task, struct pool *pool,
			       const struct fscrypt_extent_info *info)
{
	struct slot want = {.nonce = info->nonce, .key = info->key};

	if (!pool->map)
		return NULL;
	kernel_run(task, COST_POOL_MAP_LOOKUP, 1);
	return g_hash_table_lookup(pool->by_key, &want);
}

static void unkey(struct pool *pool, struct slot *slot)
{
	if (slot->mapped)
		g_hash_table_remove(pool->by_key, slot);
	slot->mapped = false;
	slot->key = NULL;
}

/* Another task may have keyed a slot for the same extent while this one waited or derived; the
 * first in the map stays there, and the second keeps its own cipher to itself. */
static void key_slot(struct kernel_task *task, struct pool *pool, struct slot *slot,
		     const struct fscrypt_extent_info *info)
{
	fscrypt_derive(task, pool->fc, info);
	fscrypt_setkey(task, pool->fc);
	slot->nonce = info->nonce;
	slot->key = info->key;
	slot->mapped = pool->map && !g_hash_table_contains(pool->by_key, slot);
	if (slot->mapped)
		g_hash_table_add(pool->by_key, slot);
}

static bool share_keyed(struct kernel_task *task, struct pool *pool,
			const struct fscrypt_extent_info *info, struct keyed_cipher *cipher)
{
	struct slot *slot = find_keyed(task, pool, info);

	if (!slot)
		return false;
	if (!slot->users) {
		/* The last idle one may be promised already to a waiter that has yet to run. */
		if (!sim_pool_try(&pool->free, 1))
			return false;
		g_queue_unlink(&pool->idle, &slot->link);
		slot->holder = task->sim_task;
	}
	slot->users++;
	cipher->slot = (uint32_t)(slot - pool->slots);
	return true;
}

static int pool_acquire(struct kernel_task *task, void *state, struct fscrypt_extent_info *info,
			struct keyed_cipher *cipher)
{
	struct pool *pool = state;
	struct slot *slot;

	if (share_keyed(task, pool, info, cipher)) {
		pool->hits++;
		return 0;
	}
	kernel_pool_get(task, &pool->free, 1);
	slot = g_queue_pop_head_link(&pool->idle)->data;
	unkey(pool, slot);
	slot->users = 1;
	slot->holder = task->sim_task;
	cipher->slot = (uint32_t)(slot - pool->slots);
	kernel_run(task, COST_POOL_SLOT, 1);
	pool->misses++;
	key_slot(task, pool, slot, info);
	return 0;
}

static void pool_release(struct kernel_task *task, void *state, struct keyed_cipher *cipher)
{
	struct pool *pool = state;
	struct slot *slot = &pool->slots[cipher->slot];

	(void)task;
	if (--slot->users)
		return;
	g_queue_push_tail_link(&pool->idle, &slot->link);
	sim_pool_release_for(&pool->free, 1, slot->holder);
}

/* A cipher keeps its key schedule after use: without this, a removed key would stay in memory. */
static void pool_forget(void *state, const struct master_key *key)
{
	struct pool *pool = state;

	for (uint32_t i = 0; i < pool->size; i++)
		if (pool->slots[i].key == key && !pool->slots[i].users)
			unkey(pool, &pool->slots[i]);
}

static uint32_t pool_keyed_from(const void *state, const struct master_key *key)
{
	const struct pool *pool = state;
	uint32_t keyed = 0;

	for (uint32_t i = 0; i < pool->size; i++)
		keyed += pool->slots[i].key == key;
	return keyed;
}

static const struct sim_metric_def def_acquires = {
	"pool.acquires", "count", SIM_NO_DIRECTION, "key set-up",
	"times an I/O took a cipher out of the pool; one per bio, hits in pool.map not counted "
	"unless "
	"the cipher was idle"};
static const struct sim_metric_def def_waits = {
	"pool.waits", "count", SIM_LESS_IS_BETTER, "key set-up",
	"acquisitions that found every cipher in use and waited"};
static const struct sim_metric_def def_wait_p99 = {
	"pool.wait_p99_ns", "ns", SIM_LESS_IS_BETTER, "key set-up",
	"99th percentile of the wait over all acquisitions, those that did not wait included as 0"};
static const struct sim_metric_def def_in_use = {"pool.in_use_max", "count", SIM_LESS_IS_BETTER,
						 "key set-up",
						 "most ciphers in use at one instant"};
static const struct sim_metric_def def_hits = {
	"key.cache_hits", "count", SIM_MORE_IS_BETTER, "key set-up",
	"pool.map: acquisitions that found a cipher already keyed for their extent"};
static const struct sim_metric_def def_misses = {
	"key.cache_misses", "count", SIM_LESS_IS_BETTER, "key set-up",
	"pool.map: acquisitions that had to derive and set a key"};

/* The histogram holds waits only; the p99 over all acquisitions is a quantile of it moved up by the
 * share of those that did not wait. */
static uint64_t wait_quantile(const struct sim_usage *usage, uint32_t per_100k)
{
	uint64_t all = usage->acquires, waited = usage->waits;
	uint64_t rank = (all * per_100k + 99999) / 100000; /* nearest rank */
	uint64_t below;

	if (!waited || rank <= all - waited)
		return 0;
	below = rank - (all - waited);
	return sim_histogram_quantile(usage->wait_ns, (uint32_t)(below * 100000 / waited));
}

static void pool_report(void *state, struct sim_metrics *metrics)
{
	struct pool *pool = state;
	const struct sim_usage *usage = &pool->free.usage;

	sim_metrics_set(metrics, &def_acquires, "pool.acquires", (int64_t)usage->acquires);
	sim_metrics_set(metrics, &def_waits, "pool.waits", (int64_t)usage->waits);
	sim_metrics_set(metrics, &def_wait_p99, "pool.wait_p99_ns",
			(int64_t)wait_quantile(usage, 99000));
	sim_metrics_set(metrics, &def_in_use, "pool.in_use_max", usage->in_use_max);
	if (!pool->map)
		return;
	sim_metrics_set(metrics, &def_hits, "key.cache_hits", (int64_t)pool->hits);
	sim_metrics_set(metrics, &def_misses, "key.cache_misses", (int64_t)pool->misses);
}

static const struct sim_metric_def *const pool_metrics[] = {
	&def_acquires, &def_waits, &def_wait_p99, &def_in_use, &def_hits, &def_misses, NULL};

const struct key_setup setup_pool = {
	.name = "pool",
	.summary = "a fixed number of ciphers allocated at mount, keyed for each bio",
	.new = pool_new,
	.free = pool_free,
	.mount = pool_mount,
	.acquire = pool_acquire,
	.release = pool_release,
	.forget = pool_forget,
	.keyed_from = pool_keyed_from,
	.report = pool_report,
	.metrics = pool_metrics,
};
