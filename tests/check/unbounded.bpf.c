/* SPDX-License-Identifier: BSD-2-Clause */
#include "common.h"

SEC("tracepoint/syscalls/sys_enter_write") int unbounded(unsigned long *ctx)
{
	char buf[64];
	long len = ctx[4];

	if (len > (long)sizeof(buf))
		len = sizeof(buf);
	bpf_probe_read_user(buf, len, (void *)ctx[3]);
	bpf_printk("%s", buf);
	return 0;
}
