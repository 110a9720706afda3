/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls getpgid(2) by itself, three functions deep, with frame pointers, and prints where each of them goes on: what a walk of its stack finds. */
#include <stdio.h>
#include <sys/syscall.h>

extern char after[];

__attribute__((noinline)) static void *inner(void)
{
	long ret;

	__asm__ volatile("syscall\n.globl after\nafter:"
			 : "=a"(ret)
			 : "a"(SYS_getpgid), "D"(0)
			 : "rcx", "r11", "memory");
	return __builtin_return_address(0);
}

__attribute__((noinline)) static void *middle(void **in)
{
	*in = inner();
	return __builtin_return_address(0);
}

int main(void)
{
	void *in, *out = middle(&in);

	printf("%lx %lx %lx\n", (unsigned long)after, (unsigned long)in, (unsigned long)out);
	return 0;
}
