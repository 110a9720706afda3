/* SPDX-License-Identifier: BSD-2-Clause */
/* What the firewalls among the benchmarks have in common: rules, and the frames that they are asked about. For programs and their native form. */
#ifndef SKEP_BENCH_RULES_H
#define SKEP_BENCH_RULES_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>

struct rule {
	__u32 saddr, smask, daddr, dmask;
	__u16 port_min, port_max;
	__u8 proto, action;
};

/* A macro, for rules are volatile in one program and not in the other. */
#define RULE_HOLDS(r, ip, port)                                                                                        \
	(((ip)->saddr & (r)->smask) == (r)->saddr && ((ip)->daddr & (r)->dmask) == (r)->daddr &&                       \
	 (port) >= (r)->port_min && (port) <= (r)->port_max && (!(r)->proto || (r)->proto == (ip)->protocol))

/*
 * parse_frame - find the IPv4 header and the port that a frame goes to (0 without one).
 * Return: NULL when the frame is no IPv4 or ends too early: *verdict decides then.
 */
static __always_inline struct iphdr *parse_frame(struct xdp_md *ctx, __u16 *port, int *verdict)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);

	*port = 0;
	*verdict = XDP_PASS;
	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) || ip->ihl < 5)
		return (void *)0;
	if (ip->protocol == IPPROTO_TCP || ip->protocol == IPPROTO_UDP) {
		struct udphdr *l4 = (void *)ip + ip->ihl * 4;

		*verdict = XDP_DROP;
		if ((void *)(l4 + 1) > end)
			return (void *)0;
		*port = bpf_ntohs(l4->dest);
	}
	return ip;
}

#endif
