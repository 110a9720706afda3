/* SPDX-License-Identifier: BSD-2-Clause */
#include "common.h"

SEC("tc") int packet_never(struct __sk_buff *skb)
{
	struct ethhdr *eth = (void *)(long)skb->data;

	return eth->h_proto == bpf_htons(ETH_P_ARP) ? -1 : 0;
}
