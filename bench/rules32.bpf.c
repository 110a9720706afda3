/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A firewall of 32 rules, for the replay benchmark: the first rule whose prefixes, ports and protocol hold decides, else the frame passes.
 * Rules are constants of the program, as a generator of firewalls would make them.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct rule {
	__u32 saddr, smask, daddr, dmask;
	__u16 port_min, port_max;
	__u8 proto, action;
};

/* A prefix of one of 16 networks, or one of 16 ranges of ports; the last one drops DNS. */
#define NET(i)  {.saddr = bpf_htonl((__u32)(i) << 26 | 0x02000000), .smask = bpf_htonl(0xfe000000), .port_max = 65535, .action = XDP_DROP}
#define PORT(i) {.port_min = 9000 + (i), .port_max = 9001 + (i), .proto = IPPROTO_TCP, .action = XDP_DROP}
#define PAIR(i) NET(i), PORT(i)

static const volatile struct rule rules[32] = {
	PAIR(0), PAIR(1), PAIR(2),  PAIR(3),  PAIR(4),  PAIR(5),  PAIR(6),  PAIR(7),
	PAIR(8), PAIR(9), PAIR(10), PAIR(11), PAIR(12), PAIR(13), PAIR(14), NET(15),
	{.port_min = 53, .port_max = 53, .proto = IPPROTO_UDP, .action = XDP_DROP},
};

SEC("xdp")
int rules32(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	__u16 port = 0;

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) || ip->ihl < 5)
		return XDP_PASS;
	if (ip->protocol == IPPROTO_TCP || ip->protocol == IPPROTO_UDP) {
		struct udphdr *l4 = (void *)ip + ip->ihl * 4;

		if ((void *)(l4 + 1) > end)
			return XDP_DROP;
		port = bpf_ntohs(l4->dest);
	}
	for (__u32 i = 0; i < 32; i++) {
		const volatile struct rule *r = &rules[i];

		if ((ip->saddr & r->smask) == r->saddr && (ip->daddr & r->dmask) == r->daddr && port >= r->port_min &&
		    port <= r->port_max && (!r->proto || r->proto == ip->protocol))
			return r->action;
	}
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
