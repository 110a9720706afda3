/* SPDX-License-Identifier: BSD-2-Clause */
#include "hook/net/ip.h"

#include "base/cursor.h"
#include "base/util.h"

#include <arpa/inet.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <stdio.h>
#include <string.h>

enum { TAGS = 2, EXTENSIONS = 8, TTL = 64, QUOTED = 8, FLAG_FIN = 1, FLAG_SYN = 2, FLAG_RST = 4, FLAG_ACK = 16 };

struct in6_addr ip_v4(uint32_t addr)
{
	struct in6_addr a = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

	memcpy(&a.s6_addr[12], &addr, sizeof(addr));
	return a;
}

const char *ip_text(const struct in6_addr *a, char buf[INET6_ADDRSTRLEN])
{
	bool v4 = IN6_IS_ADDR_V4MAPPED(a);

	inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? (const void *)&a->s6_addr[12] : a, buf, INET6_ADDRSTRLEN);
	return buf;
}

const char *ip_proto_name(uint8_t proto, char buf[32])
{
	switch (proto) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_ICMP:
		return "icmp";
	case IPPROTO_ICMPV6:
		return "icmpv6";
	default:
		snprintf(buf, 32, "proto %u", proto);
		return buf;
	}
}

static void parse_l4(struct cursor c, struct ip_view *v)
{
	struct tcphdr tcp;
	struct udphdr udp;
	uint8_t icmp[8];

	v->payload = v->end;
	if (v->fragment)
		return;
	switch (v->proto) {
	case IPPROTO_TCP:
		if (!cursor_get(&c, &tcp, sizeof(tcp)) || tcp.doff < 5 || v->l4 + tcp.doff * 4u > v->end)
			return;
		v->sport = ntohs(tcp.source);
		v->dport = ntohs(tcp.dest);
		memcpy(&v->tcp_flags, (const uint8_t *)&tcp + 13, 1);
		v->payload = v->l4 + tcp.doff * 4u;
		break;
	case IPPROTO_UDP:
		if (!cursor_get(&c, &udp, sizeof(udp)))
			return;
		v->sport = ntohs(udp.source);
		v->dport = ntohs(udp.dest);
		v->payload = v->l4 + (uint32_t)sizeof(udp);
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		if (!cursor_get(&c, icmp, sizeof(icmp)))
			return;
		if (v->proto == IPPROTO_ICMP ? icmp[0] == ICMP_ECHO || icmp[0] == ICMP_ECHOREPLY
					     : icmp[0] == ICMPV6_ECHO_REQUEST || icmp[0] == ICMPV6_ECHO_REPLY)
			v->sport = v->dport = (uint16_t)(icmp[4] << 8 | icmp[5]);
		break;
	}
}

static bool parse_ip4(const struct cursor *frame, struct ip_view *v)
{
	struct cursor c = cursor_part(frame, v->l3, frame->len - v->l3);
	struct iphdr ip;
	uint32_t len;

	if (!cursor_get(&c, &ip, sizeof(ip)) || ip.version != 4 || ip.ihl < 5)
		return false;
	len = ntohs(ip.tot_len);
	if (len < ip.ihl * 4u || len > frame->len - v->l3)
		return false;
	v->family = AF_INET;
	v->proto = ip.protocol;
	v->src = ip_v4(ip.saddr);
	v->dst = ip_v4(ip.daddr);
	v->fragment = ntohs(ip.frag_off) & 0x1fff;
	v->l4 = v->l3 + ip.ihl * 4u;
	v->end = v->l3 + len;
	return true;
}

static bool parse_ip6(const struct cursor *frame, struct ip_view *v)
{
	struct cursor c = cursor_part(frame, v->l3, frame->len - v->l3);
	struct ipv6hdr ip;
	uint32_t len;

	if (!cursor_get(&c, &ip, sizeof(ip)) || ip.version != 6)
		return false;
	len = ntohs(ip.payload_len);
	if (len > cursor_left(&c))
		return false;
	v->family = AF_INET6;
	memcpy(&v->src, &ip.saddr, sizeof(v->src));
	memcpy(&v->dst, &ip.daddr, sizeof(v->dst));
	v->proto = ip.nexthdr;
	v->l4 = v->l3 + (uint32_t)sizeof(ip);
	v->end = v->l4 + len;
	for (int i = 0; i < EXTENSIONS; i++) {
		uint8_t head[4];
		uint32_t size;

		if (v->proto != IPPROTO_HOPOPTS && v->proto != IPPROTO_ROUTING && v->proto != IPPROTO_DSTOPTS &&
		    v->proto != IPPROTO_FRAGMENT)
			return true;
		c = cursor_part(frame, v->l4, v->end - v->l4);
		if (!cursor_get(&c, head, sizeof(head)))
			return false;
		size = v->proto == IPPROTO_FRAGMENT ? 8u : (head[1] + 1u) * 8u;
		if (v->proto == IPPROTO_FRAGMENT)
			v->fragment = (head[2] << 8 | head[3]) & 0xfff8;
		if (size > v->end - v->l4)
			return false;
		v->proto = head[0];
		v->l4 += size;
		if (v->fragment)
			return true;
	}
	return false;
}

bool ip_parse(const uint8_t *frame, uint32_t len, struct ip_view *v)
{
	struct cursor c = cursor_of(frame, len);
	uint16_t type;
	bool ok;

	memset(v, 0, sizeof(*v));
	cursor_take(&c, 2 * ETH_ALEN);
	type = cursor_be16(&c);
	for (int i = 0; i < TAGS && (type == ETH_P_8021Q || type == ETH_P_8021AD); i++) {
		cursor_take(&c, 2);
		type = cursor_be16(&c);
	}
	if (c.bad)
		return false;
	v->l3 = (uint32_t)c.pos;
	c = cursor_of(frame, len);
	ok = type == ETH_P_IP ? parse_ip4(&c, v) : type == ETH_P_IPV6 && parse_ip6(&c, v);
	if (!ok) {
		memset(v, 0, sizeof(*v));
		return false;
	}
	parse_l4(cursor_part(&c, v->l4, v->end - v->l4), v);
	return true;
}

/* RFC 1071, over what need not be aligned. */
static uint32_t sum(const void *data, uint32_t len, uint32_t so_far)
{
	const uint8_t *p = data;
	uint64_t s = so_far;

	for (; len > 1; len -= 2, p += 2)
		s += (uint32_t)p[0] << 8 | p[1];
	if (len)
		s += (uint32_t)p[0] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint32_t)s;
}

static uint16_t finish(uint32_t s)
{
	return htons((uint16_t)~s);
}

uint16_t ip_checksum(const void *data, uint32_t len)
{
	return finish(sum(data, len, 0));
}

/* TCP's, UDP's and ICMPv6's pseudo header is the same sum for both families. */
static uint32_t pseudo(const struct ip_view *v, uint8_t proto, uint32_t len)
{
	uint32_t s = v->family == AF_INET ? sum(&v->dst.s6_addr[12], 4, sum(&v->src.s6_addr[12], 4, 0))
					  : sum(&v->dst, 16, sum(&v->src, 16, 0));

	return s + proto + len;
}

uint16_t ip_transport_sum(const struct ip_view *v, const void *l4, uint32_t len)
{
	return finish(sum(l4, len, pseudo(v, v->proto, len)));
}

/* Link and network header of an answer. Return: their length. */
static uint32_t answer_head(uint8_t *to, const uint8_t *frame, const struct ip_view *v, uint8_t proto, uint32_t len)
{
	uint32_t l3 = ETH_HLEN;

	memcpy(to, frame + ETH_ALEN, ETH_ALEN);
	memcpy(to + ETH_ALEN, frame, ETH_ALEN);
	to[12] = v->family == AF_INET ? ETH_P_IP >> 8 : ETH_P_IPV6 >> 8;
	to[13] = v->family == AF_INET ? ETH_P_IP & 0xff : ETH_P_IPV6 & 0xff;
	if (v->family == AF_INET) {
		struct iphdr ip = {.version = 4, .ihl = 5, .ttl = TTL, .protocol = proto};

		ip.tot_len = htons((uint16_t)(sizeof(ip) + len));
		ip.frag_off = htons(0x4000);
		memcpy(&ip.saddr, &v->dst.s6_addr[12], 4);
		memcpy(&ip.daddr, &v->src.s6_addr[12], 4);
		ip.check = finish(sum(&ip, sizeof(ip), 0));
		memcpy(to + l3, &ip, sizeof(ip));
		return l3 + (uint32_t)sizeof(ip);
	}
	struct ipv6hdr ip = {.version = 6, .nexthdr = proto, .hop_limit = TTL};

	ip.payload_len = htons((uint16_t)len);
	memcpy(&ip.saddr, &v->dst, sizeof(ip.saddr));
	memcpy(&ip.daddr, &v->src, sizeof(ip.daddr));
	memcpy(to + l3, &ip, sizeof(ip));
	return l3 + (uint32_t)sizeof(ip);
}

uint32_t ip_udp_reply(uint8_t *to, const uint8_t *frame, const struct ip_view *v, const void *data, uint32_t len)
{
	struct udphdr udp = {.source = htons(v->dport), .dest = htons(v->sport)};
	uint32_t total = (uint32_t)sizeof(udp) + len, at = answer_head(to, frame, v, IPPROTO_UDP, total);

	udp.len = htons((uint16_t)total);
	memcpy(to + at + sizeof(udp), data, len);
	memcpy(to + at, &udp, sizeof(udp));
	udp.check = finish(sum(to + at, total, pseudo(v, IPPROTO_UDP, total)));
	if (!udp.check)
		udp.check = 0xffff;
	memcpy(to + at, &udp, sizeof(udp));
	return at + total;
}

uint32_t ip_icmp6_reply(uint8_t *to, const uint8_t *frame, const struct ip_view *v, const void *message, uint32_t len)
{
	uint32_t at = answer_head(to, frame, v, IPPROTO_ICMPV6, len);
	struct icmp6hdr h;

	memcpy(to + at, message, len);
	memcpy(&h, to + at, sizeof(h));
	h.icmp6_cksum = 0;
	memcpy(to + at, &h, sizeof(h));
	h.icmp6_cksum = finish(sum(to + at, len, pseudo(v, IPPROTO_ICMPV6, len)));
	memcpy(to + at, &h, sizeof(h));
	return at + len;
}

/* RFC 9293, 3.5.2: the answer to what arrives for a connection that does not exist. */
static uint32_t reset(uint8_t *to, const uint8_t *frame, const struct ip_view *v)
{
	struct tcphdr in, out = {.doff = 5, .rst = 1};
	uint32_t at;

	if (v->tcp_flags & FLAG_RST || v->payload < v->l4 + sizeof(in))
		return 0;
	memcpy(&in, frame + v->l4, sizeof(in));
	if (in.doff < 5 || in.doff * 4u > v->end - v->l4) /* a broken one is no TCP */
		return 0;
	out.source = in.dest;
	out.dest = in.source;
	if (v->tcp_flags & FLAG_ACK) {
		out.seq = in.ack_seq;
	} else {
		out.ack = 1;
		out.ack_seq = htonl(ntohl(in.seq) + (v->end - v->payload) + !!(v->tcp_flags & FLAG_SYN) +
				    !!(v->tcp_flags & FLAG_FIN));
	}
	at = answer_head(to, frame, v, IPPROTO_TCP, sizeof(out));
	out.check = finish(sum(&out, sizeof(out), pseudo(v, IPPROTO_TCP, sizeof(out))));
	memcpy(to + at, &out, sizeof(out));
	return at + (uint32_t)sizeof(out);
}

/* RFC 1812, 5.2.7.1 and RFC 4443, 3.1: with the packet's beginning quoted. */
static uint32_t prohibited(uint8_t *to, const uint8_t *frame, const struct ip_view *v)
{
	uint8_t proto = v->family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	uint32_t quoted = MIN(v->end, MAX(v->l4, v->l3 + 20) + QUOTED) - v->l3, at;
	uint8_t out[128] = {v->family == AF_INET ? ICMP_DEST_UNREACH : ICMPV6_DEST_UNREACH,
			    v->family == AF_INET ? ICMP_PKT_FILTERED : ICMPV6_ADM_PROHIBITED};
	uint16_t check;

	quoted = MIN(quoted, 60u);
	memcpy(out + 8, frame + v->l3, quoted);
	check = finish(sum(out, 8 + quoted, v->family == AF_INET ? 0 : pseudo(v, proto, 8 + quoted)));
	memcpy(out + 2, &check, sizeof(check));
	at = answer_head(to, frame, v, proto, 8 + quoted);
	memcpy(to + at, out, 8 + quoted);
	return at + 8 + quoted;
}

uint32_t ip_refuse(uint8_t *to, const uint8_t *frame, uint32_t len, const struct ip_view *v)
{
	bool multicast = frame[0] & 1;

	if (!v->family || v->fragment || multicast || v->end > len)
		return 0;
	if (v->proto == IPPROTO_TCP)
		return reset(to, frame, v);
	/* An error is not answered by an error. */
	if ((v->proto == IPPROTO_ICMP || v->proto == IPPROTO_ICMPV6) && !v->sport)
		return 0;
	return prohibited(to, frame, v);
}

/* Where a protocol has its checksum, from its header's start; -1: nowhere, or none over what it carries. */
static int checksum_at(uint8_t proto)
{
	return proto == IPPROTO_TCP                               ? 16
	       : proto == IPPROTO_UDP                             ? 6
	       : proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6 ? 2
								  : -1;
}

/* The transport header of a packet that ends at @end now. */
static void mend_transport(uint8_t *frame, const struct ip_view *v, uint32_t end)
{
	uint8_t *l4 = frame + v->l4;
	uint32_t len = end - v->l4;
	int at = checksum_at(v->proto);
	uint16_t check, word;

	if (at < 0)
		return;
	if (v->proto == IPPROTO_UDP) {
		word = htons((uint16_t)len);
		memcpy(l4 + 4, &word, sizeof(word));
	}
	memcpy(&check, l4 + at, sizeof(check));
	if (v->proto == IPPROTO_UDP && !check) /* it had none */
		return;
	memset(l4 + at, 0, sizeof(check));
	check = finish(sum(l4, len, v->proto == IPPROTO_ICMP ? 0 : pseudo(v, v->proto, len)));
	if (v->proto == IPPROTO_UDP && !check)
		check = 0xffff;
	memcpy(l4 + at, &check, sizeof(check));
}

uint32_t ip_cut(uint8_t *frame, uint32_t len, const struct ip_view *v, uint32_t keep)
{
	bool ports = v->proto == IPPROTO_TCP || v->proto == IPPROTO_UDP;
	uint32_t head = ports ? v->payload : v->l4 + (checksum_at(v->proto) < 0 ? 0 : (uint32_t)sizeof(struct icmphdr));
	bool v4 = v->family == AF_INET;
	uint16_t word;

	keep = MAX(keep, head);
	if (keep >= v->end)
		return len;
	mend_transport(frame, v, keep);
	word = htons((uint16_t)(keep - v->l3 - (v4 ? 0 : sizeof(struct ipv6hdr))));
	memcpy(frame + v->l3 + (v4 ? offsetof(struct iphdr, tot_len) : offsetof(struct ipv6hdr, payload_len)), &word,
	       sizeof(word));
	if (v4) {
		uint8_t *check = frame + v->l3 + offsetof(struct iphdr, check);

		memset(check, 0, sizeof(word));
		word = ip_checksum(frame + v->l3, (frame[v->l3] & 0xf) * 4u);
		memcpy(check, &word, sizeof(word));
	}
	return keep;
}
