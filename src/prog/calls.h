/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The system calls of x86-64 as data: number, name and arguments, as the kernel's tracepoints of the category "syscalls" have them
 * (arch/x86/entry/syscalls/syscall_64.tbl and the SYSCALL_DEFINEn of each call).
 */
#ifndef SKEP_PROG_CALLS_H
#define SKEP_PROG_CALLS_H

#include <stdint.h>

enum { CALLS_MAX = 512 }; /* every number lies below */

struct call_desc {
	int16_t nr;
	uint8_t n_args;
	const char *name; /* "openat": of its number, as strace has it */
	const char *entry; /* "openat", "newstat" for stat: of its tracepoints and of __x64_sys_* */
	const char *args[6]; /* C declarations: "int dfd", "const char *filename" */
};

/* calls_at - by number; NULL: there is none. */
const struct call_desc *calls_at(int nr);
/* calls_find - by name or entry; NULL: there is none. */
const struct call_desc *calls_find(const char *name);

#endif
