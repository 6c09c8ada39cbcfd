/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who has which cipher, keyed how: the books of one pool. */
#include "models/fscrypt/cipher_pool.h"

#include <errno.h>

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

struct cipher_pool *cipher_pool_new(struct fscrypt *fc)
{
	struct cipher_pool *pool = g_new0(struct cipher_pool, 1);
	struct sim *sim = machine_sim(fc->machine);

	pool->fc = fc;
	pool->size = (uint32_t)fc->variant->pool_size;
	pool->slots = g_new0(struct slot, pool->size);
	pool->by_key = g_hash_table_new(slot_hash, slot_equal);
	for (uint32_t i = 0; i < pool->size; i++) {
		pool->slots[i].pool = pool;
		pool->slots[i].link.data = &pool->slots[i];
		g_queue_push_tail_link(&pool->idle, &pool->slots[i].link);
	}
	sim_pool_init(&pool->free, sim, sim_lock_class(sim, "skcipher pool"), "skcipher pool",
		      pool->size);
	pool->lock.name = "skcipher pool lock";
	pool->link.data = pool;
	return pool;
}

void cipher_pool_free(struct cipher_pool *pool)
{
	sim_pool_destroy(&pool->free);
	for (uint32_t i = 0; i < pool->size; i++)
		g_queue_clear(&pool->slots[i].users); /* of a run that was broken off */
	g_hash_table_destroy(pool->by_key);
	g_free(pool->slots);
	g_free(pool);
}

static void use(struct kernel_task *task, struct slot *slot, bool keyed)
{
	g_queue_push_tail(&slot->users, task->sim_task);
	complexity_cipher(slot->pool->fc, keyed, slot->users.length);
}

void cipher_pool_unkey(struct slot *slot)
{
	if (slot->mapped)
		g_hash_table_remove(slot->pool->by_key, slot);
	slot->mapped = false;
	slot->key = NULL;
}

struct slot *cipher_pool_find(struct kernel_task *task, struct cipher_pool *pool,
			      struct master_key *key, uint64_t nonce)
{
	const struct slot want = {.nonce = nonce, .key = key};
	struct slot *slot = g_hash_table_lookup(pool->by_key, &want);

	/* The last idle one may be promised already to a waiter that has yet to run. */
	if (slot && !slot->users.length) {
		if (!sim_pool_try(&pool->free, 1))
			return NULL;
		g_queue_unlink(&pool->idle, &slot->link);
	}
	if (slot) {
		use(task, slot, true);
		pool->count.hits++;
	}
	return slot;
}

int cipher_pool_get(struct kernel_task *task, struct cipher_pool *pool)
{
	if (pool->fc->variant->pool_full == POOL_FULL_WAIT) {
		kernel_pool_get(task, &pool->free, 1);
	} else if (!sim_pool_try(&pool->free, 1)) {
		pool->count.failures++;
		return -EBUSY;
	}
	return 0;
}

struct slot *cipher_pool_take(struct kernel_task *task, struct cipher_pool *pool)
{
	struct slot *slot = g_queue_pop_head_link(&pool->idle)->data;

	pool->count.evictions += slot->mapped;
	pool->count.misses++;
	cipher_pool_unkey(slot);
	use(task, slot, false);
	return slot;
}

/* Another task may have keyed a slot for the same extent while this one waited or derived; the
 * first in the map stays there, and the second keeps its own cipher to itself. */
void cipher_pool_keyed(struct slot *slot, struct master_key *key, uint64_t nonce)
{
	struct cipher_pool *pool = slot->pool;

	slot->nonce = nonce;
	slot->key = key;
	complexity_cipher(pool->fc, true, slot->users.length);
	slot->mapped = pool->fc->variant->pool_map && !g_hash_table_contains(pool->by_key, slot);
	if (slot->mapped)
		g_hash_table_add(pool->by_key, slot);
}

/* What a slot is held for passes to those who go on using it. */
void cipher_pool_put(struct kernel_task *task, struct slot *slot)
{
	struct cipher_pool *pool = slot->pool;
	bool held = g_queue_peek_head(&slot->users) == task->sim_task;

	g_queue_remove(&slot->users, task->sim_task);
	complexity_cipher(pool->fc, slot->key, slot->users.length);
	if (!slot->users.length) {
		g_queue_push_tail_link(&pool->idle, &slot->link);
		sim_pool_release(&pool->free, 1);
	} else if (held) {
		sim_pool_hand_over(&pool->free, 1, g_queue_peek_head(&slot->users));
	}
}
