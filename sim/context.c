/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads of control: the switch, its portable fallback, and what the address sanitizer must know. */
#include "sim_internal.h"

#include <string.h>

#ifdef SIM_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

#if (defined(__x86_64__) || defined(__aarch64__)) && !defined(SIM_SWITCH_UCONTEXT)
void sim_switch(void **save_sp, void *load_sp);
void sim_switch_start(void);

#if defined(__x86_64__)
/* In the order in which sim_switch() pops them. */
struct first_frame {
	uint64_t r15, r14, r13, r12, rbx, rbp, pc;
};
#define ENTRY_REGISTER rbx
#define ARG_REGISTER r12
#else
struct first_frame {
	uint64_t x19, x20, x21_x29[9], pc, d8_d15[8];
};
#define ENTRY_REGISTER x19
#define ARG_REGISTER x20
#endif

enum { STACK_ALIGNMENT = 16 };

static void prepare_stack(struct sim_context *context, char *top, void (*entry)(void *), void *arg)
{
	struct first_frame frame = {0};

	/* sim_switch_start begins with an aligned stack pointer. */
	top = (char *)((uintptr_t)top & ~(uintptr_t)(STACK_ALIGNMENT - 1));
	frame.pc = (uint64_t)(uintptr_t)sim_switch_start;
	frame.ENTRY_REGISTER = (uint64_t)(uintptr_t)entry;
	frame.ARG_REGISTER = (uint64_t)(uintptr_t)arg;
	context->sp = memcpy(top - sizeof(frame), &frame, sizeof(frame));
}

static inline void switch_stacks(struct sim_context *from, struct sim_context *to)
{
	sim_switch(&from->sp, to->sp);
}

void context_release(struct sim_context *context)
{
	context->sp = NULL;
}

#else /* any other machine: a system call a switch, some 25 times slower */
#include <ucontext.h>

static void start(unsigned entry_high, unsigned entry_low, unsigned arg_high, unsigned arg_low)
{
	void (*entry)(void *) =
		(void (*)(void *))(uintptr_t)((uint64_t)entry_high << 32 | entry_low);

	entry((void *)(uintptr_t)((uint64_t)arg_high << 32 | arg_low));
}

static void prepare_stack(struct sim_context *context, char *top, void (*entry)(void *), void *arg)
{
	uint64_t e = (uint64_t)(uintptr_t)entry, a = (uint64_t)(uintptr_t)arg;
	ucontext_t *uc = context->sp ? context->sp : g_new0(ucontext_t, 1);

	if (getcontext(uc))
		g_error("getcontext failed");
	uc->uc_stack.ss_sp = (void *)(uintptr_t)context->bottom;
	uc->uc_stack.ss_size = (size_t)(top - (const char *)context->bottom);
	uc->uc_link = NULL;
	makecontext(uc, (void (*)(void))start, 4, (unsigned)(e >> 32), (unsigned)e,
		    (unsigned)(a >> 32), (unsigned)a);
	context->sp = uc;
}

static inline void switch_stacks(struct sim_context *from, struct sim_context *to)
{
	if (!from->sp)
		from->sp = g_new0(ucontext_t, 1);
	if (swapcontext(from->sp, to->sp))
		g_error("swapcontext failed");
}

void context_release(struct sim_context *context)
{
	g_free(context->sp);
	context->sp = NULL;
}
#endif

void context_prepare(struct sim_context *context, struct sim_stack *stack, void (*entry)(void *),
		     void *arg)
{
	/* Stacks that all begin at the same offset of a page meet in the same cache sets. */
	enum { COLOURS = 16, COLOUR_BYTES = 192 };
	char *top = stack->base + stack->bytes - stack->number % COLOURS * COLOUR_BYTES;

	context->bottom = stack->base;
	context->bytes = stack->bytes;
	context->fake_stack = NULL;
	prepare_stack(context, top, entry, arg);
}

void context_switch(struct sim_context *from, struct sim_context *to, bool last)
{
#ifdef SIM_ASAN
	__sanitizer_start_switch_fiber(last ? NULL : &from->fake_stack, to->bottom, to->bytes);
#else
	(void)last;
#endif
	switch_stacks(from, to);
#ifdef SIM_ASAN
	__sanitizer_finish_switch_fiber(from->fake_stack, NULL, NULL);
#endif
}

void context_entered(struct sim_context *from)
{
#ifdef SIM_ASAN
	const void *bottom;
	size_t bytes;

	__sanitizer_finish_switch_fiber(NULL, &bottom, &bytes);
	if (from) {
		from->bottom = bottom;
		from->bytes = bytes;
	}
#else
	(void)from;
#endif
}
