/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One pool of ciphers, a step at a time and in no time but that of a wait: what the set-up `pool` spends
 * time between, and what pool_replay.c goes through in an order that it is given.
 */
#ifndef CIPHER_POOL_H
#define CIPHER_POOL_H

#include "models/fscrypt/internal.h"

struct slot {
	uint64_t nonce;
	struct master_key *key; /* NULL: not keyed; stays after use, as a key schedule does */
	bool mapped; /* found through by_key */
	GQueue users; /* struct sim_task *; the first has the unit of `free` */
	struct cipher_pool *pool;
	GList link; /* in `idle`, least recently used first */
};

struct cipher_pool {
	struct fscrypt *fc;
	struct slot *slots;
	uint32_t size;
	GQueue idle;
	GHashTable *by_key; /* struct slot * by its (key, nonce); only with map */
	struct kernel_line lock; /* a spinlock over all of this */
	struct sim_pool free; /* how many idle slots: what waiters wait for */
	struct pool_counts count; /* but `waits`, which `free` has */
	GList link; /* the owner's */
};

/** Of the variant's size, with no ciphers in it yet. */
struct cipher_pool *cipher_pool_new(struct fscrypt *fc);
void cipher_pool_free(struct cipher_pool *pool);

/** With a map: the slot that is keyed so, taken by the task; NULL: none can be had. */
struct slot *cipher_pool_find(struct kernel_task *task, struct cipher_pool *pool,
			      struct master_key *key, uint64_t nonce);
/** A unit of `free`, after a wait or, with pool.full=steal, not at all: 0 or -EBUSY. */
int cipher_pool_get(struct kernel_task *task, struct cipher_pool *pool);
/** The least recently used idle slot, for a unit that the task got; it is not keyed any more. */
struct slot *cipher_pool_take(struct kernel_task *task, struct cipher_pool *pool);
/** The task's slot has got its key. */
void cipher_pool_keyed(struct slot *slot, struct master_key *key, uint64_t nonce);
void cipher_pool_put(struct kernel_task *task, struct slot *slot);
/** An idle slot's key is wiped. */
void cipher_pool_unkey(struct slot *slot);

#endif
