/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A network that loses things: of the large TCP segments to port 80 the second, once. LARGEST: how large the largest frames are that leave. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum { LARGE = 1200, PORT_AT = 14 + 20 + 2 };

#ifdef LARGEST
__u32 largest4, largest6;

SEC("tc/egress")
int measure(struct __sk_buff *skb)
{
	if (skb->protocol == bpf_htons(0x0800) && skb->len > largest4)
		largest4 = skb->len;
	if (skb->protocol == bpf_htons(0x86dd) && skb->len > largest6)
		largest6 = skb->len;
	return TC_ACT_UNSPEC;
}
#else
__u32 large, lost;

SEC("tc/ingress")
int lose(struct __sk_buff *skb)
{
	__be16 port = 0;

	if (skb->len < LARGE || skb->protocol != bpf_htons(0x0800) || bpf_skb_load_bytes(skb, PORT_AT, &port, 2) ||
	    port != bpf_htons(80))
		return TC_ACT_UNSPEC;
	if (++large != 2)
		return TC_ACT_UNSPEC;
	lost++;
	return TC_ACT_SHOT;
}
#endif

char LICENSE[] SEC("license") = "Dual BSD/GPL";
