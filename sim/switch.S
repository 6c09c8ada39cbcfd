/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * void sim_switch(void **save_sp, void *load_sp): leave one stack for another.
 *
 * Only what the calling convention lets a callee change is saved; the floating-point control words
 * are the same for all tasks. The return address is popped and jumped to: `ret` would be
 * mispredicted each time, for the processor predicts it from the calls of the stack that was left.
 * The price is that this cannot run under a hardware shadow stack (x86 CET-SS, arm64 GCS); this
 * object carries no CET property, so the linker switches that off for the program.
 *
 * sim_switch_start is what a fresh stack "returns" to.
 */
#if defined(__x86_64__) && !defined(SIM_SWITCH_UCONTEXT)
	.text
	.globl	sim_switch
	.type	sim_switch, @function
	.p2align 4
sim_switch:
	pushq	%rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, (%rdi)
	movq	%rsi, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	popq	%rcx
	jmp	*%rcx
	.size	sim_switch, .-sim_switch

	.globl	sim_switch_start
	.type	sim_switch_start, @function
	.p2align 4
sim_switch_start:
	.cfi_startproc
	.cfi_undefined %rip
	movq	%r12, %rdi
	call	*%rbx
	ud2
	.cfi_endproc
	.size	sim_switch_start, .-sim_switch_start

#elif defined(__aarch64__) && !defined(SIM_SWITCH_UCONTEXT)
	.text
	.globl	sim_switch
	.type	sim_switch, %function
	.p2align 4
sim_switch:
	sub	sp, sp, #160
	stp	x19, x20, [sp, #0]
	stp	x21, x22, [sp, #16]
	stp	x23, x24, [sp, #32]
	stp	x25, x26, [sp, #48]
	stp	x27, x28, [sp, #64]
	stp	x29, x30, [sp, #80]
	stp	d8, d9, [sp, #96]
	stp	d10, d11, [sp, #112]
	stp	d12, d13, [sp, #128]
	stp	d14, d15, [sp, #144]
	mov	x9, sp
	str	x9, [x0]
	mov	sp, x1
	ldp	x19, x20, [sp, #0]
	ldp	x21, x22, [sp, #16]
	ldp	x23, x24, [sp, #32]
	ldp	x25, x26, [sp, #48]
	ldp	x27, x28, [sp, #64]
	ldp	x29, x30, [sp, #80]
	ldp	d8, d9, [sp, #96]
	ldp	d10, d11, [sp, #112]
	ldp	d12, d13, [sp, #128]
	ldp	d14, d15, [sp, #144]
	add	sp, sp, #160
	br	x30
	.size	sim_switch, .-sim_switch

	.globl	sim_switch_start
	.type	sim_switch_start, %function
	.p2align 4
sim_switch_start:
	.cfi_startproc
	.cfi_undefined x30
	mov	x0, x20
	blr	x19
	brk	#1
	.cfi_endproc
	.size	sim_switch_start, .-sim_switch_start
#endif
	.section .note.GNU-stack, "", %progbits
