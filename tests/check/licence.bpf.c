/* SPDX-License-Identifier: BSD-2-Clause */
#define LICENSED "Proprietary"
#include "common.h"

SEC("tracepoint/syscalls/sys_enter_openat") int licence(unsigned long *ctx)
{
	char name[16];

	bpf_probe_read_user_str(name, sizeof(name), (void *)ctx[3]);
	bpf_printk("%s", name);
	return 0;
}
