/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A pool of ciphers by itself: in the order of steps that somebody else took, and for a task that has no
 * file. A step of the order comes at an instant of its own, so that a task that waits in the pool goes on
 * when the pool says so and not when the order does.
 */
#include "models/fscrypt/cipher_pool.h"

enum { STEP_NS = 1000 };

struct replay {
	struct cipher_pool *pool;
	struct master_key *key;
	const struct pool_event *events;
	size_t n, same; /* steps that came to the same, from the first on */
	bool *came; /* of each step: it was taken */
	struct pool_event *got;
};

struct actor {
	struct replay *replay;
	uint32_t thread;
	struct slot *slot;
	uint64_t nonce;
};

static int32_t number_of(const struct slot *slot)
{
	return slot ? (int32_t)(slot - slot->pool->slots) : -1;
}

static void compare(struct replay *r, size_t i, int32_t slot, bool flag)
{
	const struct pool_event *event = &r->events[i];

	if (i >= r->same || (event->slot == slot && event->flag == flag))
		return;
	r->same = i;
	*r->got = *event;
	r->got->slot = slot;
	r->got->flag = flag;
}

/* A refused thread has nothing; one that got no cipher by its key goes on to take an idle one. */
static void ask(struct kernel_task *task, struct actor *a, size_t i)
{
	struct replay *r = a->replay;
	bool refused = false;

	a->nonce = r->events[i].nonce;
	a->slot = NULL;
	if (r->pool->fc->variant->pool_map)
		a->slot = cipher_pool_find(task, r->pool, r->key, a->nonce);
	if (!a->slot)
		refused = cipher_pool_get(task, r->pool);
	compare(r, i, number_of(a->slot), refused);
}

static void take(struct kernel_task *task, struct actor *a, size_t i)
{
	struct replay *r = a->replay;
	uint64_t evictions = r->pool->count.evictions;

	a->slot = cipher_pool_take(task, r->pool);
	compare(r, i, number_of(a->slot), r->pool->count.evictions > evictions);
}

static void step(struct kernel_task *task, struct actor *a, size_t i)
{
	struct replay *r = a->replay;

	r->came[i] = true;
	switch (r->events[i].step) {
	case POOL_ASK:
		ask(task, a, i);
		break;
	case POOL_TAKE:
		take(task, a, i);
		break;
	case POOL_KEYED:
		cipher_pool_keyed(a->slot, r->key, a->nonce);
		compare(r, i, number_of(a->slot), a->slot->mapped);
		break;
	case POOL_PUT:
		compare(r, i, number_of(a->slot), a->slot->users.length == 1);
		cipher_pool_put(task, a->slot);
		a->slot = NULL;
		break;
	}
}

/* Whether the task has what the step is done with: a step after one that came out otherwise may not. */
static bool is_possible(const struct actor *a, const struct pool_event *event)
{
	if (event->step == POOL_ASK || event->step == POOL_TAKE)
		return !a->slot;
	return a->slot;
}

static void act(struct kernel_task *task, void *arg)
{
	struct actor *a = arg;
	struct replay *r = a->replay;
	struct sim *sim = machine_sim(task->machine);

	for (size_t i = 0; i < r->same; i++) {
		const sim_ns at = (i + 1) * STEP_NS;

		if (r->events[i].thread != a->thread)
			continue;
		/* Too late: it still waited in the pool when the order has it go on. */
		if (sim_now(sim) > at || !is_possible(a, &r->events[i]))
			return;
		kernel_sleep(task, at - sim_now(sim), PART_SLEEP);
		step(task, a, i);
	}
}

size_t fscrypt_pool_replay(struct fscrypt *fc, const struct pool_event *events, size_t n,
			   struct pool_counts *counts, struct pool_event *got)
{
	struct replay r = {
		.pool = cipher_pool_new(fc),
		.key = master_key_get(fc, fscrypt_key_number(fc, "K")),
		.events = events,
		.n = n,
		.same = n,
		.got = got,
	};
	uint32_t threads = 0;
	g_autofree struct actor *actors = NULL;
	g_autofree bool *came = g_new0(bool, n);

	r.came = came;
	for (size_t i = 0; i < n; i++)
		threads = MAX(threads, events[i].thread + 1);
	actors = g_new0(struct actor, threads);
	for (uint32_t t = 0; t < threads; t++) {
		actors[t] = (struct actor){.replay = &r, .thread = t};
		kernel_spawn(fc->machine, "thread", act, &actors[t]);
	}
	sim_run(machine_sim(fc->machine), SIM_NEVER);
	for (size_t i = 0; i < r.same; i++)
		if (!came[i])
			compare(&r, i, INT32_MIN, false);
	*counts = r.pool->count;
	counts->waits = r.pool->free.usage.waits;
	cipher_pool_free(r.pool);
	return r.same;
}

/* ---- a cipher for a task ---- */

struct held {
	struct fscrypt_extent_info info;
	struct keyed_cipher cipher;
};

int fscrypt_get_cipher(struct kernel_task *task, struct fscrypt *fc, uint32_t key, uint64_t nonce,
		       void **cipher)
{
	struct held *held = g_new0(struct held, 1);
	const struct btrfs_crypt_io io = {.info = &held->info};
	int err;

	held->info = (struct fscrypt_extent_info){
		.fc = fc,
		.key = master_key_get(fc, key),
		.nonce = nonce,
		.prepared = true,
		.key_locked = true,
	};
	held->cipher = (struct keyed_cipher){.key = key, .nonce = nonce};
	err = SETUP_HOOK(fc, acquire)(task, fc->setup_state, &held->info, &io, &held->cipher);
	*cipher = held;
	if (err)
		g_free(held);
	return err;
}

void fscrypt_put_cipher(struct kernel_task *task, struct fscrypt *fc, void *cipher)
{
	struct held *held = cipher;

	SETUP_HOOK(fc, release)(task, fc->setup_state, &held->cipher);
	g_free(held);
}
