// SPDX-License-Identifier: BSD-2-Clause
/*
 * The border between C and compiled code.
 *
 * Frame of both entries, from the high address down: return address, rbp, rbx, r12 to
 * r15, the former env->unwind_sp, and then the return address of the call into compiled code.
 * env->unwind_sp holds the address of the latter: to end a run from any depth is to load it
 * into rsp, clear rax and return. r12 is the environment all the time behind the border.
 */
#include "jit/target.h"

_Static_assert(offsetof(struct skep_env, unwind_sp) == 0, "known below");
_Static_assert(offsetof(struct skep_env, fault) == 12, "known below");
_Static_assert(FAULT_NO_HELPER == 1, "known below");
_Static_assert(sizeof(((struct skep_env *)NULL)->tail_calls) == 4, "the compiler counts 32 bits");
_Static_assert(sizeof(((struct skep_env *)NULL)->loop_budget) == 8, "the compiler counts 64 bits");

__asm__(".text\n"
	".balign 16\n"
	".globl jit_target_enter\n"
	".hidden jit_target_enter\n"
	".type jit_target_enter, @function\n"
	"jit_target_enter:\n"
	"	.cfi_startproc\n"
	"	push %rbp\n"
	"	.cfi_def_cfa_offset 16\n"
	"	.cfi_offset %rbp, -16\n"
	"	push %rbx\n"
	"	push %r12\n"
	"	push %r13\n"
	"	push %r14\n"
	"	push %r15\n"
	"	push (%r9)\n"
	"	.cfi_def_cfa_offset 64\n"
	"	.cfi_offset %rbx, -24\n"
	"	.cfi_offset %r12, -32\n"
	"	.cfi_offset %r13, -40\n"
	"	.cfi_offset %r14, -48\n"
	"	.cfi_offset %r15, -56\n"
	/* Seven pushes and our return address: the stack argument is at 64, and rsp is 16-aligned. */
	"	mov 64(%rsp), %r11\n"
	"	mov %r9, %r12\n"
	"	lea -8(%rsp), %rax\n"
	"	mov %rax, (%r12)\n"
	"	xor %eax, %eax\n"
	"	xor %ebx, %ebx\n"
	"	xor %r13d, %r13d\n"
	"	xor %r14d, %r14d\n"
	"	xor %r15d, %r15d\n"
	"	call *%r11\n"
	"	pop (%r12)\n"
	"	pop %r15\n"
	"	pop %r14\n"
	"	pop %r13\n"
	"	pop %r12\n"
	"	pop %rbx\n"
	"	pop %rbp\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".size jit_target_enter, . - jit_target_enter\n"
	"\n"
	".globl jit_target_no_helper\n"
	".hidden jit_target_no_helper\n"
	".type jit_target_no_helper, @function\n"
	"jit_target_no_helper:\n"
	"	.cfi_startproc\n"
	"	movl $1, 12(%r12)\n"
	"	mov (%r12), %rsp\n"
	"	xor %eax, %eax\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".size jit_target_no_helper, . - jit_target_no_helper\n"
	"\n"
	/* env_probe(r12, r10, r11d) with r0 to r5 of the program kept; the value in r11. Callers have rsp aligned as the C ABI wants it. */
	".globl jit_target_probe\n"
	".hidden jit_target_probe\n"
	".type jit_target_probe, @function\n"
	"jit_target_probe:\n"
	"	.cfi_startproc\n"
	"	push %rax\n"
	"	push %rdi\n"
	"	push %rsi\n"
	"	push %rdx\n"
	"	push %rcx\n"
	"	push %r8\n"
	"	sub $8, %rsp\n"
	"	.cfi_def_cfa_offset 64\n"
	"	mov %r12, %rdi\n"
	"	mov %r10, %rsi\n"
	"	mov %r11d, %edx\n"
	"	call env_probe\n"
	"	mov %rax, %r11\n"
	"	add $8, %rsp\n"
	"	pop %r8\n"
	"	pop %rcx\n"
	"	pop %rdx\n"
	"	pop %rsi\n"
	"	pop %rdi\n"
	"	pop %rax\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".size jit_target_probe, . - jit_target_probe\n");

uint64_t jit_target_subprog(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env,
			    uint64_t fn)
{
	/* A subprog takes the environment in r12, where the entry has put it; main takes it in r9 as well. */
	return jit_target_enter(r1, r2, r3, r4, r5, env, (skep_fn)(uintptr_t)fn);
}
