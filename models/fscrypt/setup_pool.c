/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A fixed pool of ciphers (Biggers 2023-01-02, "Re: [RFC PATCH 15/17] fscrypt: allow load/save of
 * extent contexts"): an I/O takes one, derives its extent's key, sets it, works, and gives the cipher
 * back, so that the I/O path allocates none. One pool serves the mount, or each master key has one
 * ("[PATCH v1 0/7] fscrypt: add pooled prepared keys facility", Dorminy 2023-04), or each open file;
 * the latter two are filled by the opener. When all are out an I/O waits, or, with pool.full=steal,
 * fails, as that series had it.
 *
 * With pool.map, a cipher keeps its key when it comes back and is found again by (master key, nonce):
 * several users of one key share one cipher, as keyslots do, and the least recently used idle one is
 * keyed anew on a miss.
 */
#include "models/fscrypt/cipher_pool.h"

#include <errno.h>

/* What all pools of the mount measured, those included that are gone. */
struct setup_pool {
	struct fscrypt *fc;
	struct cipher_pool *mount; /* the mount's only one, in that scope */
	GQueue pools;
	struct pool_counts count;
	uint64_t acquires;
	uint32_t in_use_max;
	struct sim_histogram *wait_ns;
};

/* ---- one pool ---- */

static struct cipher_pool *pool_of(struct setup_pool *setup)
{
	struct cipher_pool *pool = cipher_pool_new(setup->fc);

	g_queue_push_tail_link(&setup->pools, &pool->link);
	return pool;
}

/* A pool that goes leaves its figures. */
static void take_figures(struct setup_pool *setup, const struct cipher_pool *pool)
{
	const struct sim_usage *usage = &pool->free.usage;

	setup->count.hits += pool->count.hits;
	setup->count.misses += pool->count.misses;
	setup->count.evictions += pool->count.evictions;
	setup->count.failures += pool->count.failures;
	setup->count.waits += usage->waits;
	setup->acquires += usage->acquires;
	setup->in_use_max = MAX(setup->in_use_max, usage->in_use_max);
	if (usage->wait_ns)
		sim_histogram_merge(setup->wait_ns, usage->wait_ns);
}

static void drop(struct setup_pool *setup, struct cipher_pool *pool)
{
	take_figures(setup, pool);
	g_queue_unlink(&setup->pools, &pool->link);
	cipher_pool_free(pool);
}

/* Filled by the opener; what it got is given back if it is not all. */
static int fill(struct kernel_task *task, struct cipher_pool *pool)
{
	struct fscrypt *fc = pool->fc;
	uint32_t made = 0;
	int err = 0;

	while (!err && made < pool->size) {
		err = fscrypt_tfm_alloc(task, fc);
		made += !err;
	}
	while (err && made--)
		fscrypt_tfm_free(task, fc);
	return err;
}

static void empty(struct cipher_pool *pool)
{
	for (uint32_t i = 0; i < pool->size; i++)
		fscrypt_tfm_free(NULL, pool->fc);
}

/* A slot that nobody has, keyed for the extent. */
static int take_keyed(struct kernel_task *task, struct cipher_pool *pool,
		      const struct fscrypt_extent_info *info, struct slot **out)
{
	int err = cipher_pool_get(task, pool);
	struct slot *slot;

	if (err)
		return err;
	slot = cipher_pool_take(task, pool);
	kernel_run(task, COST_POOL_SLOT, 1);
	err = fscrypt_derive(task, pool->fc, info);
	if (!err)
		err = fscrypt_setkey(task, pool->fc);
	if (err) {
		kernel_line_touch(task, &pool->lock);
		cipher_pool_put(task, slot);
	} else {
		cipher_pool_keyed(slot, info->key, info->nonce);
	}
	*out = slot;
	return err;
}

/* ---- the set-up ---- */

static void *pool_new(struct fscrypt *fc)
{
	struct setup_pool *setup = g_new0(struct setup_pool, 1);

	setup->fc = fc;
	setup->wait_ns = sim_histogram_new();
	if (fc->variant->pool_scope == POOL_SCOPE_MOUNT)
		setup->mount = pool_of(setup);
	return setup;
}

static void pool_free(void *state)
{
	struct setup_pool *setup = state;

	while (setup->pools.head)
		drop(setup, setup->pools.head->data);
	sim_histogram_free(setup->wait_ns);
	g_free(setup);
}

static int pool_mount(void *state)
{
	const struct setup_pool *setup = state;

	for (uint32_t i = 0; setup->mount && i < setup->mount->size; i++)
		fscrypt_tfm_preload(setup->fc);
	return 0;
}

/* The place where the scope keeps its pool; NULL: it is the mount's. */
static void **home(const struct setup_pool *setup, struct inode_info *inode)
{
	if (setup->fc->variant->pool_scope == POOL_SCOPE_FILE)
		return &inode->setup;
	if (setup->fc->variant->pool_scope == POOL_SCOPE_MASTER_KEY)
		return &inode->key->setup;
	return NULL;
}

static int open_pool(struct kernel_task *task, struct setup_pool *setup, void **at)
{
	struct cipher_pool *pool;
	int err;

	if (!at || *at)
		return 0;
	pool = pool_of(setup);
	err = fill(task, pool);
	if (!err && !*at) {
		*at = pool;
		return 0;
	}
	if (!err) /* another opener was faster */
		empty(pool);
	drop(setup, pool);
	return err;
}

static int pool_inode_open(struct kernel_task *task, void *state, struct inode_info *inode)
{
	return open_pool(task, state, home(state, inode));
}

static void drop_pool(struct setup_pool *setup, void **at)
{
	const struct cipher_pool *pool = *at;

	if (!pool)
		return;
	g_assert(!pool->free.in_use || pool->fc->ending);
	empty(*at);
	drop(setup, *at);
	*at = NULL;
}

static void pool_inode_close(void *state, struct inode_info *inode)
{
	struct setup_pool *setup = state;

	if (setup->fc->variant->pool_scope == POOL_SCOPE_FILE)
		drop_pool(setup, &inode->setup);
}

/* The pool for an I/O; with no inode in hand perhaps the first that a master key is used for. */
static int find_pool(struct kernel_task *task, struct setup_pool *setup,
		     struct fscrypt_extent_info *info, const struct btrfs_crypt_io *io,
		     struct cipher_pool **pool)
{
	bool of_key = setup->fc->variant->pool_scope == POOL_SCOPE_MASTER_KEY;
	void **at = io->inode ? home(setup, btrfs_inode_crypt(io->inode)) : NULL;
	int err;

	if (!io->inode && of_key)
		at = &info->key->setup;
	err = open_pool(task, setup, at);
	*pool = at ? *at : setup->mount;
	return err;
}

static int pool_acquire(struct kernel_task *task, void *state, struct fscrypt_extent_info *info,
			const struct btrfs_crypt_io *io, struct keyed_cipher *cipher)
{
	struct setup_pool *setup = state;
	struct cipher_pool *pool;
	struct slot *slot = NULL;
	int err = find_pool(task, setup, info, io, &pool);

	if (err)
		return err;
	kernel_line_touch(task, &pool->lock);
	if (setup->fc->variant->pool_map) {
		kernel_run(task, COST_POOL_MAP_LOOKUP, 1);
		slot = cipher_pool_find(task, pool, info->key, info->nonce);
	}
	if (!slot)
		err = take_keyed(task, pool, info, &slot);
	cipher->at = slot;
	return err;
}

static void pool_release(struct kernel_task *task, void *state, struct keyed_cipher *cipher)
{
	struct slot *slot = cipher->at;

	(void)state;
	kernel_line_touch(task, &slot->pool->lock);
	cipher_pool_put(task, slot);
}

/* A cipher keeps its key schedule after use: without this, a removed key would stay in memory. */
static void pool_forget(void *state, struct master_key *key)
{
	struct setup_pool *setup = state;

	if (setup->fc->variant->pool_scope == POOL_SCOPE_MASTER_KEY)
		drop_pool(setup, &key->setup);
	for (GList *link = setup->pools.head; link; link = link->next) {
		struct cipher_pool *pool = link->data;

		for (uint32_t i = 0; i < pool->size; i++)
			if (pool->slots[i].key == key && !pool->slots[i].users.length)
				cipher_pool_unkey(&pool->slots[i]);
	}
}

static uint32_t pool_keyed_from(const void *state, const struct master_key *key)
{
	const struct setup_pool *setup = state;
	uint32_t keyed = 0;

	for (const GList *link = setup->pools.head; link; link = link->next) {
		const struct cipher_pool *pool = link->data;

		for (uint32_t i = 0; i < pool->size; i++)
			keyed += pool->slots[i].key == key;
	}
	return keyed;
}

static const struct sim_metric_def def_acquires = {"pool.acquires", "count", SIM_NO_DIRECTION,
						   "key set-up",
						   "times an I/O took a cipher out of a pool; one "
						   "per bio, hits in pool.map not counted unless "
						   "the cipher was idle"};
static const struct sim_metric_def def_waits = {
	"pool.waits", "count", SIM_LESS_IS_BETTER, "key set-up",
	"acquisitions that found every cipher in use and waited"};
static const struct sim_metric_def def_failures = {
	"pool.failures", "count", SIM_LESS_IS_BETTER, "key set-up",
	"pool.full=steal: I/Os that found every cipher in use and failed"};
static const struct sim_metric_def def_wait_p99 = {
	"pool.wait_p99_ns", "ns", SIM_LESS_IS_BETTER, "key set-up",
	"99th percentile of the wait over all acquisitions, those that did not wait included as 0"};
static const struct sim_metric_def def_in_use = {"pool.in_use_max", "count", SIM_LESS_IS_BETTER,
						 "key set-up",
						 "most ciphers of one pool in use at one instant"};
static const struct sim_metric_def def_hits = {
	"key.cache_hits", "count", SIM_MORE_IS_BETTER, "key set-up",
	"pool.map: acquisitions that found a cipher already keyed for their extent"};
static const struct sim_metric_def def_misses = {
	"key.cache_misses", "count", SIM_LESS_IS_BETTER, "key set-up",
	"pool.map: acquisitions that had to derive and set a key"};

static const struct sim_metric_def def_evictions = {
	"key.cache_evictions", "count", SIM_LESS_IS_BETTER, "key set-up",
	"pool.map: ciphers that were found by their key, and were keyed anew for another"};

static void pool_report(void *state, struct sim_metrics *metrics)
{
	struct setup_pool *setup = state;
	const struct fscrypt_variant *variant = setup->fc->variant;

	for (const GList *link = setup->pools.head; link; link = link->next)
		take_figures(setup, link->data);
	sim_metrics_set(metrics, &def_acquires, def_acquires.name, (int64_t)setup->acquires);
	sim_metrics_set(metrics, &def_waits, def_waits.name, (int64_t)setup->count.waits);
	if (variant->pool_full != POOL_FULL_WAIT)
		sim_metrics_set(metrics, &def_failures, def_failures.name,
				(int64_t)setup->count.failures);
	sim_metrics_set(metrics, &def_wait_p99, def_wait_p99.name,
			(int64_t)fscrypt_wait_quantile(setup->wait_ns, setup->acquires,
						       setup->count.waits, 99000));
	sim_metrics_set(metrics, &def_in_use, def_in_use.name, setup->in_use_max);
	if (!variant->pool_map)
		return;
	sim_metrics_set(metrics, &def_hits, def_hits.name, (int64_t)setup->count.hits);
	sim_metrics_set(metrics, &def_misses, def_misses.name, (int64_t)setup->count.misses);
	sim_metrics_set(metrics, &def_evictions, def_evictions.name,
			(int64_t)setup->count.evictions);
}

static const struct sim_metric_def *const pool_metrics[] = {
	&def_acquires, &def_waits,  &def_failures,  &def_wait_p99, &def_in_use,
	&def_hits,     &def_misses, &def_evictions, NULL};

const struct key_setup setup_pool = {
	.name = "pool",
	.summary = "a fixed number of ciphers, one taken and keyed for each bio",
	.new = pool_new,
	.free = pool_free,
	.mount = pool_mount,
	.inode_open = pool_inode_open,
	.inode_close = pool_inode_close,
	.acquire = pool_acquire,
	.release = pool_release,
	.forget = pool_forget,
	.keyed_from = pool_keyed_from,
	.report = pool_report,
	.metrics = pool_metrics,
};
