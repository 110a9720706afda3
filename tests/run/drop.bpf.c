// SPDX-License-Identifier: BSD-2-Clause
/* Programs for tests of skep run, one an object: -DSECTION, -DCONTEXT and -DDROP say which. They drop TCP (or -DPROTO) and nothing else. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#ifndef PROTO
#define PROTO IPPROTO_TCP
#endif

#ifdef XDP
SEC("xdp")
int drop(struct xdp_md *ctx)
{
	const unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (data + ETH_HLEN + 20 > end || data[12] != 8 || data[13])
		return XDP_PASS;
	return data[ETH_HLEN + 9] == PROTO ? XDP_DROP : XDP_PASS;
}
#else
SEC(SECTION)
int drop(struct __sk_buff *skb)
{
	unsigned char proto = 0;

	if (skb->protocol != __builtin_bswap16(ETH_P_IP) || bpf_skb_load_bytes(skb, L3 + 9, &proto, 1))
		return PASS;
	return proto == PROTO ? DROP : PASS;
}
#endif
