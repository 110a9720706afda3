/* SPDX-License-Identifier: BSD-2-Clause */
#include "hook/task/natives.h"

#include "base/util.h"
#include "prog/calls.h"

#include <pthread.h>
#include <seccomp.h>
#include <sys/syscall.h>

static int16_t natives[CALLS_MAX];

static void find(void)
{
	for (int nr = 0; nr < CALLS_MAX; nr++) {
		AUTO_FREE char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86, (uint32_t)nr);
		const struct call_desc *c = name ? calls_find(name) : NULL;

		natives[nr] = c ? c->nr : -1;
	}
	natives[I386_TRUNCATE64] = SYS_truncate;
}

int natives_of(bool compat, int nr)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	if (nr < 0 || nr >= CALLS_MAX)
		return -1;
	if (!compat)
		return nr;
	pthread_once(&once, find);
	return natives[nr];
}
