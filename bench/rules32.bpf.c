/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A firewall of 32 rules, for the replay benchmark: the first rule whose prefixes, ports and protocol hold decides, else the frame passes.
 * Rules are constants of the program, as a generator of firewalls would make them.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "rules.h"

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
	struct iphdr *ip;
	__u16 port;
	int verdict;

	ip = parse_frame(ctx, &port, &verdict);
	if (!ip)
		return verdict;
	for (__u32 i = 0; i < 32; i++) {
		const volatile struct rule *r = &rules[i];

		if (RULE_HOLDS(r, ip, port))
			return r->action;
	}
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
