/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stacks for tasks, cut from slabs and used again while the run lasts. */
#include "sim_internal.h"

#include <sys/mman.h>
#include <unistd.h>

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
/* Without the header valgrind has to guess at stack switches, and says so; nothing else changes. */
#ifndef VALGRIND_STACK_REGISTER
#define VALGRIND_STACK_REGISTER(start, end) ((void)(start), (void)(end), 0u)
#define VALGRIND_STACK_DEREGISTER(id) ((void)(id))
#endif

#ifdef SIM_ASAN
#include <sanitizer/asan_interface.h>
#endif
#ifndef ASAN_UNPOISON_MEMORY_REGION
#define ASAN_UNPOISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#endif

enum {
	FIRST_SLAB_STACKS = 16,
	SLAB_STACKS_MAX = 1024,
	/* A guard page splits a mapping in two, and a process may have 65530 (vm.max_map_count):
	 * the first stacks of a run are guarded, in large runs the others stand for the same code. */
	GUARDED_STACKS = 512,
};

struct slab {
	char *base;
	size_t bytes;
	uint32_t stacks;
	struct sim_stack stack[];
};

static size_t page_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

void stack_store_init(struct stack_store *store, size_t bytes)
{
	size_t page = page_bytes();

	store->bytes = MAX((bytes + page - 1) / page * page, 4 * page);
	store->free = NULL;
	store->slabs = g_ptr_array_new();
	store->stacks = 0;
}

static void cut_slab(struct stack_store *store, struct slab *slab)
{
	size_t page = page_bytes();

	for (uint32_t i = slab->stacks; i-- > 0;) {
		struct sim_stack *stack = &slab->stack[i];
		char *start = slab->base + i * store->bytes;

		stack->number = store->stacks + i;
		if (stack->number < GUARDED_STACKS && mprotect(start, page, PROT_NONE))
			g_error("cannot guard a task stack");
		stack->base = start + page;
		stack->bytes = store->bytes - page;
		stack->valgrind_id =
			VALGRIND_STACK_REGISTER(stack->base, stack->base + stack->bytes);
		stack->next = store->free;
		store->free = stack;
	}
	store->stacks += slab->stacks;
}

static void add_slab(struct stack_store *store)
{
	uint32_t stacks = CLAMP(store->stacks, FIRST_SLAB_STACKS, SLAB_STACKS_MAX);
	struct slab *slab = g_malloc0(sizeof(*slab) + stacks * sizeof(slab->stack[0]));

	slab->stacks = stacks;
	slab->bytes = stacks * store->bytes;
	slab->base = mmap(NULL, slab->bytes, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (slab->base == MAP_FAILED)
		g_error("no memory for %u task stacks of %zu bytes", stacks, store->bytes);
	g_ptr_array_add(store->slabs, slab);
	cut_slab(store, slab);
}

struct sim_stack *stack_take(struct stack_store *store)
{
	struct sim_stack *stack;

	if (!store->free)
		add_slab(store);
	stack = store->free;
	store->free = stack->next;
	return stack;
}

void stack_give(struct stack_store *store, struct sim_stack *stack)
{
	stack->next = store->free;
	store->free = stack;
}

bool stack_store_holds(const struct stack_store *store, const void *address)
{
	for (guint i = 0; i < store->slabs->len; i++) {
		const struct slab *slab = g_ptr_array_index(store->slabs, i);
		uintptr_t offset = (uintptr_t)address - (uintptr_t)slab->base;

		if (offset < slab->bytes)
			return true;
	}
	return false;
}

void stack_store_clear(struct stack_store *store)
{
	for (guint i = 0; i < store->slabs->len; i++) {
		struct slab *slab = g_ptr_array_index(store->slabs, i);

		for (uint32_t j = 0; j < slab->stacks; j++)
			VALGRIND_STACK_DEREGISTER(slab->stack[j].valgrind_id);
		ASAN_UNPOISON_MEMORY_REGION(slab->base, slab->bytes);
		munmap(slab->base, slab->bytes);
		g_free(slab);
	}
	g_ptr_array_unref(store->slabs);
}
