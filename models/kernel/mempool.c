/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mempools, step by step as mempool_alloc() and mempool_free() of 6.12: mm/mempool.c. */
#include "models/kernel/machine.h"

struct mempool {
	struct machine *machine;
	struct alloc_site *site;
	char *name;
	uint32_t reserve, left;
	uint64_t element_bytes;
	struct sim_waitq wait;
};

struct mempool *mempool_new(struct machine *machine, const char *name, uint32_t reserve,
			    uint64_t element_bytes)
{
	struct mempool *pool = g_new0(struct mempool, 1);

	pool->machine = machine;
	pool->site = alloc_site(machine, name);
	pool->name = g_strdup(name);
	pool->reserve = pool->left = reserve;
	pool->element_bytes = element_bytes;
	sim_waitq_init(&pool->wait, machine->sim, pool->name);
	alloc_preload(machine, pool->site, reserve * element_bytes);
	g_ptr_array_add(machine->mempools, pool);
	return pool;
}

void mempool_free(struct mempool *pool)
{
	sim_waitq_destroy(&pool->wait);
	g_free(pool->name);
	g_free(pool);
}

bool mempool_get(struct kernel_task *task, struct mempool *pool, enum gfp gfp)
{
	const unsigned int flags = ALLOC_NORETRY | ALLOC_NOMEMALLOC | ALLOC_QUIET;
	enum gfp now = gfp < GFP_NOWAIT ? GFP_NOWAIT : gfp;

	for (;;) {
		if (alloc_objects(task, pool->site, now, pool->element_bytes, 1, flags))
			return true;
		if (pool->left) {
			pool->left--;
			return true;
		}
		if (now != gfp) {
			now = gfp;
			continue;
		}
		if (gfp >= GFP_NOWAIT) {
			pool->machine->alloc.failed++;
			return false;
		}
		kernel_wait_timeout(task, &pool->wait, PART_ALLOC,
				    machine_cost_mean(pool->machine, SPAN_MEMPOOL_RETRY));
	}
}

void mempool_put(struct mempool *pool)
{
	if (pool->left < pool->reserve) {
		pool->left++;
		sim_waitq_wake_all(&pool->wait);
	} else {
		kernel_free(pool->machine, pool->site, pool->element_bytes);
	}
}
