// SPDX-License-Identifier: BSD-2-Clause
/* Says that it saw a UDP frame. -DNAME: as who. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

SEC("xdp")
int say(struct xdp_md *ctx)
{
	const unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (data + ETH_HLEN + 20 <= end && data[12] == 8 && !data[13] && data[ETH_HLEN + 9] == IPPROTO_UDP)
		bpf_printk("program " NAME);
	return XDP_PASS;
}
