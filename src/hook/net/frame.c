/* SPDX-License-Identifier: BSD-2-Clause */
#include "hook/net/frame.h"

#include "base/util.h"
#include "hook/net/port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <string.h>

enum { TTL = 64, WINDOW = 65535, MSS_OPTION = 2, MSS_SIZE = 4 };

/* Locally administered: of the tree's interface, and of what it would have for a gateway. */
static const uint8_t macs[FLOW_DIRS][ETH_ALEN] = {
	[FLOW_OUT] = {0x52, 0x55, 10, 0, 2, 15}, [FLOW_IN] = {0x52, 0x55, 10, 0, 2, 2}};

struct in6_addr frame_tree(uint8_t family)
{
	struct in6_addr a;
	struct in_addr four;

	if (family == AF_INET) {
		inet_pton(AF_INET, PORT_ADDR4, &four);
		return ip_v4(four.s_addr);
	}
	inet_pton(AF_INET6, PORT_ADDR6, &a);
	return a;
}

/* Link and network header. @v: what the transport's checksum is over. Return: their length. */
static uint32_t head(uint8_t *to, const struct flow_key *k, enum flow_dir dir, uint32_t len, struct ip_view *v)
{
	uint16_t type = htons(k->family == AF_INET ? ETH_P_IP : ETH_P_IPV6);

	*v = (struct ip_view){.family = k->family,
			      .proto = k->proto,
			      .src = dir == FLOW_OUT ? k->tree : k->far,
			      .dst = dir == FLOW_OUT ? k->far : k->tree};
	memcpy(to, macs[!dir], ETH_ALEN);
	memcpy(to + ETH_ALEN, macs[dir], ETH_ALEN);
	memcpy(to + 2 * ETH_ALEN, &type, sizeof(type));
	if (k->family == AF_INET) {
		struct iphdr ip = {.version = 4, .ihl = 5, .ttl = TTL, .protocol = k->proto};

		ip.tot_len = htons((uint16_t)(sizeof(ip) + len));
		ip.frag_off = htons(0x4000);
		memcpy(&ip.saddr, &v->src.s6_addr[12], sizeof(ip.saddr));
		memcpy(&ip.daddr, &v->dst.s6_addr[12], sizeof(ip.daddr));
		ip.check = ip_checksum(&ip, sizeof(ip));
		memcpy(to + ETH_HLEN, &ip, sizeof(ip));
		return ETH_HLEN + (uint32_t)sizeof(ip);
	}
	struct ipv6hdr ip = {.version = 6, .nexthdr = k->proto, .hop_limit = TTL};

	ip.payload_len = htons((uint16_t)len);
	memcpy(&ip.saddr, &v->src, sizeof(ip.saddr));
	memcpy(&ip.daddr, &v->dst, sizeof(ip.daddr));
	memcpy(to + ETH_HLEN, &ip, sizeof(ip));
	return ETH_HLEN + (uint32_t)sizeof(ip);
}

uint32_t frame_tcp(uint8_t *to, const struct flow_key *k, enum flow_dir dir, uint8_t flags, uint32_t seq, uint32_t ack,
		   uint32_t mtu, const void *data, uint32_t len)
{
	uint32_t options = flags & FRAME_SYN ? MSS_SIZE : 0, size = (uint32_t)sizeof(struct tcphdr) + options, at;
	uint16_t mss = (uint16_t)(mtu - (k->family == AF_INET ? sizeof(struct iphdr) : sizeof(struct ipv6hdr)) -
				  sizeof(struct tcphdr));
	const uint8_t option[MSS_SIZE] = {MSS_OPTION, MSS_SIZE, (uint8_t)(mss >> 8), (uint8_t)mss};
	struct tcphdr tcp = {.doff = (size / 4) & 0xf, .window = htons(WINDOW)};
	struct ip_view v;

	tcp.source = htons(dir == FLOW_OUT ? k->tree_port : k->far_port);
	tcp.dest = htons(dir == FLOW_OUT ? k->far_port : k->tree_port);
	tcp.seq = htonl(seq);
	tcp.ack_seq = htonl(flags & FRAME_ACK ? ack : 0);
	tcp.fin = !!(flags & FRAME_FIN);
	tcp.syn = !!(flags & FRAME_SYN);
	tcp.rst = !!(flags & FRAME_RST);
	tcp.psh = !!(flags & FRAME_PSH);
	tcp.ack = !!(flags & FRAME_ACK);
	at = head(to, k, dir, size + len, &v);
	memcpy(to + at, &tcp, sizeof(tcp));
	memcpy(to + at + sizeof(tcp), option, options);
	if (len)
		memcpy(to + at + size, data, len);
	tcp.check = ip_transport_sum(&v, to + at, size + len);
	memcpy(to + at, &tcp, sizeof(tcp));
	return at + size + len;
}

uint32_t frame_udp(uint8_t *to, const struct flow_key *k, enum flow_dir dir, const void *data, uint32_t len)
{
	uint32_t size = (uint32_t)sizeof(struct udphdr), at;
	struct udphdr udp = {0};
	struct ip_view v;

	udp.source = htons(dir == FLOW_OUT ? k->tree_port : k->far_port);
	udp.dest = htons(dir == FLOW_OUT ? k->far_port : k->tree_port);
	udp.len = htons((uint16_t)(size + len));
	at = head(to, k, dir, size + len, &v);
	memcpy(to + at, &udp, sizeof(udp));
	if (len)
		memcpy(to + at + size, data, len);
	udp.check = ip_transport_sum(&v, to + at, size + len);
	if (!udp.check)
		udp.check = 0xffff;
	memcpy(to + at, &udp, sizeof(udp));
	return at + size + len;
}

int frame_errno(const uint8_t *frame, const struct ip_view *v)
{
	/* By code of "destination unreachable". */
	static const uint8_t four[] = {ENETUNREACH,  EHOSTUNREACH, ENOPROTOOPT,  ECONNREFUSED,
				       EMSGSIZE,     EOPNOTSUPP,   ENETUNREACH,  EHOSTDOWN,
				       ENONET,       ENETUNREACH,  EHOSTUNREACH, ENETUNREACH,
				       EHOSTUNREACH, EHOSTUNREACH, EHOSTUNREACH, EHOSTUNREACH},
			     six[] = {ENETUNREACH, EACCES, EHOSTUNREACH, EHOSTUNREACH, ECONNREFUSED, EACCES, EACCES};
	uint8_t type, code;

	if (v->proto == IPPROTO_TCP)
		return v->tcp_flags & FRAME_RST ? -ECONNREFUSED : 0;
	if ((v->proto != IPPROTO_ICMP && v->proto != IPPROTO_ICMPV6) || v->fragment || v->end < v->l4 + 8)
		return 0;
	type = frame[v->l4];
	code = frame[v->l4 + 1];
	if (v->proto == IPPROTO_ICMP)
		return type != ICMP_DEST_UNREACH ? 0 : code < ARRAY_SIZE(four) ? -four[code] : -EHOSTUNREACH;
	return type != ICMPV6_DEST_UNREACH ? 0 : code < ARRAY_SIZE(six) ? -six[code] : -EHOSTUNREACH;
}
