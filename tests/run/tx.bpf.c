// SPDX-License-Identifier: BSD-2-Clause
/* Plays UDP frames back to who sent them: link, network and transport addresses the other way round, which leaves the checksums right. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("xdp")
int play_back(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end, t[6];

	if (data + ETH_HLEN + 28 > end || data[12] != 8 || data[13] || data[ETH_HLEN] != 0x45 ||
	    data[ETH_HLEN + 9] != IPPROTO_UDP)
		return XDP_PASS;
	__builtin_memcpy(t, data, 6);
	__builtin_memcpy(data, data + 6, 6);
	__builtin_memcpy(data + 6, t, 6);
	__builtin_memcpy(t, data + ETH_HLEN + 12, 4);
	__builtin_memcpy(data + ETH_HLEN + 12, data + ETH_HLEN + 16, 4);
	__builtin_memcpy(data + ETH_HLEN + 16, t, 4);
	__builtin_memcpy(t, data + ETH_HLEN + 20, 2);
	__builtin_memcpy(data + ETH_HLEN + 20, data + ETH_HLEN + 22, 2);
	__builtin_memcpy(data + ETH_HLEN + 22, t, 2);
	return XDP_TX;
}
