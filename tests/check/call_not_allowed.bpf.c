/* SPDX-License-Identifier: BSD-2-Clause */
#include "common.h"

SEC("xdp") int call_not_allowed(struct xdp_md *ctx)
{
	return bpf_get_current_pid_tgid() ? XDP_PASS : bpf_skb_pull_data((void *)ctx, 64);
}
