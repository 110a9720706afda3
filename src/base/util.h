/* SPDX-License-Identifier: BSD-2-Clause */
/* Small things that every floor needs: cleanup by attribute, sizes, alignment, atomics' spelling. */
#ifndef SKEP_BASE_UTIL_H
#define SKEP_BASE_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_SIZE(a)                   (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)                       ((a) < (b) ? (a) : (b))
#define MAX(a, b)                       ((a) > (b) ? (a) : (b))
#define ALIGN_UP(x, a)                  (((x) + ((a)-1)) & ~((__typeof__(x))(a)-1))
#define likely(x)                       __builtin_expect(!!(x), 1)
#define unlikely(x)                     __builtin_expect(!!(x), 0)
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* A variable marked AUTO_FREE or AUTO_CLOSE gives its resource back when it leaves scope. */
#define AUTO_FREE  __attribute__((cleanup(base_free_ptr)))
#define AUTO_CLOSE __attribute__((cleanup(base_close_fd)))

static inline void base_free_ptr(void *pp)
{
	free(*(void **)pp);
}

static inline void base_close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* Hands an owned pointer or fd on: the variable no longer owns it. */
#define STEAL_PTR(p)                                                                                                   \
	({                                                                                                             \
		__typeof__(p) p_ = (p);                                                                                \
		(p) = NULL;                                                                                            \
		p_;                                                                                                    \
	})
#define STEAL_FD(fd)                                                                                                   \
	({                                                                                                             \
		int fd_ = (fd);                                                                                        \
		(fd) = -1;                                                                                             \
		fd_;                                                                                                   \
	})

#endif
