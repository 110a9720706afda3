/* SPDX-License-Identifier: BSD-2-Clause */
#include "common.h"

SEC("tc") int packet_moved(struct __sk_buff *skb)
{
	void *data_end = (void *)(long)skb->data_end;
	struct ethhdr *eth = (void *)(long)skb->data;

	if ((void *)(eth + 1) > data_end)
		return 0;
	if (bpf_skb_pull_data(skb, 64))
		return 0;
	return eth->h_proto == bpf_htons(ETH_P_ARP) ? -1 : 0;
}
