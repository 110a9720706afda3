/* SPDX-License-Identifier: BSD-2-Clause */
/* System calls as 32-bit programs make them. */
#ifndef TESTS_RUN_I386_H
#define TESTS_RUN_I386_H

#ifdef __x86_64__
#include <errno.h>
#include <stdint.h>

/* i386_call - by number and arguments of 32 bits. Return: what the kernel says: a negative errno on failure. */
static inline int i386_call(int nr, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	int ret;

	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d)
			 : "memory", "r8", "r9", "r10", "r11");
	return ret;
}

/* i386 - the same as libc has it. Return: -1 with errno on failure. */
static inline long i386(long nr, long a, long b, long c)
{
	int ret = i386_call((int)nr, (uint32_t)a, (uint32_t)b, (uint32_t)c, 0);

	errno = -ret;
	return ret < 0 && ret > -4096 ? -1 : ret;
}
#endif

#endif
