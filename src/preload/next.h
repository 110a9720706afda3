/* SPDX-License-Identifier: BSD-2-Clause */
/* What stands behind this library: the functions of the same names that the program would have called without it. */
#ifndef SKEP_PRELOAD_NEXT_H
#define SKEP_PRELOAD_NEXT_H

#include <dlfcn.h>
#include <stdatomic.h>

#define EXPORT __attribute__((visibility("default")))

/*
 * NEXT - the next definition of a function, looked for once. Two threads that look at the same time find the same.
 */
#define NEXT(fn)                                                                                                       \
	({                                                                                                             \
		static _Atomic(void *) found_;                                                                         \
		void *p_ = atomic_load_explicit(&found_, memory_order_relaxed);                                        \
                                                                                                                       \
		if (!p_) {                                                                                             \
			p_ = dlsym(RTLD_NEXT, #fn);                                                                    \
			atomic_store_explicit(&found_, p_, memory_order_relaxed);                                      \
		}                                                                                                      \
		(__typeof__(&fn))p_;                                                                                   \
	})

#endif
