/* SPDX-License-Identifier: BSD-2-Clause */
#include "common.h"

SEC("tracepoint/syscalls/sys_enter_openat") int scalar_access(unsigned long *ctx)
{
	const char *name = (const char *)ctx[3];

	return *name == '/';
}
