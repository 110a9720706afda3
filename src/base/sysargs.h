/* SPDX-License-Identifier: BSD-2-Clause */
/* The arguments of a variadic stand-in for syscall(2). */
#ifndef SKEP_BASE_SYSARGS_H
#define SKEP_BASE_SYSARGS_H

#include <stdarg.h>
#include <stddef.h>

/*
 * SYSARGS_READ - what stands behind the parameter @last, into the array @a of six longs. A system call takes up to six, whatever was passed
 * (man 2 syscall); which of them mean something, only its number tells.
 */
#define SYSARGS_READ(a, last)                                                                                          \
	do {                                                                                                           \
		va_list ap_;                                                                                           \
                                                                                                                       \
		va_start(ap_, last);                                                                                   \
		for (size_t i_ = 0; i_ < sizeof(a) / sizeof((a)[0]); i_++)                                             \
			(a)[i_] = va_arg(ap_, long);                                                                   \
		va_end(ap_);                                                                                           \
	} while (0)

#endif
