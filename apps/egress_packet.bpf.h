/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the headers of a frame say, into w->p. By bpf_skb_load_bytes() alone: offsets outlive calls, packet pointers do not.
 *
 * Looked through: IPv4 options, up to six IPv6 extension headers. Malformed is what is cut off inside its headers, has lengths or
 * a version that cannot be, more extension headers, an IPv4 address in IPv6's clothes (the rules for it are others), or a
 * source route (the address that it leads to is another). What the kernel has yet to cut into segments (GSO) may be larger than its header
 * can say (BIG TCP); the header says 0 then.
 */
#ifndef SKEP_APPS_EGRESS_PACKET_BPF_H
#define SKEP_APPS_EGRESS_PACKET_BPF_H

#include "egress_maps.bpf.h"

enum { MAC_LEN = 14, IP4_LEN = 20, IP6_LEN = 40, IP_OPTIONS_MAX = 40, IP_LSRR = 131, IP_SSRR = 137 };

struct extensions {
	struct __sk_buff *skb;
	__u32 at, proto, id;
	__u8 fragment, later, done, pad;
};

static long skip_extension(__u64 i, void *arg)
{
	struct extensions *e = arg;
	__u8 head[8];

	if (!is_extension(e->proto) || e->later) {
		e->done = 1;
		return STOP;
	}
	if (bpf_skb_load_bytes(e->skb, e->at, head, sizeof(head)))
		return STOP;
	/* With addresses yet to be visited the last one counts, not the header's. */
	if (e->proto == IPPROTO_ROUTING && head[3])
		return STOP;
	if (e->proto == IPPROTO_FRAGMENT) {
		e->fragment = 1;
		e->later = head[2] || head[3] & 0xf8;
		__builtin_memcpy(&e->id, head + 4, 4);
		e->at += 8;
	} else if (e->proto == IPPROTO_AH) {
		e->at += (head[1] + 2) * 4;
	} else {
		e->at += (head[1] + 1) * 8;
	}
	e->proto = head[0];
	return GO_ON;
}

struct options {
	struct __sk_buff *skb;
	__u32 at, end;
	__u8 routed, pad[7];
};

static long skip_option(__u64 i, void *arg)
{
	struct options *o = arg;
	__u8 head[2];

	if (o->at >= o->end || bpf_skb_load_bytes(o->skb, o->at, head, sizeof(head)))
		return STOP;
	o->routed |= head[0] == IP_LSRR || head[0] == IP_SSRR;
	if (head[0] > 1 && head[1] < 2)
		return STOP;
	o->at += head[0] > 1 ? head[1] : 1;
	return head[0] ? GO_ON : STOP;
}

/* Do the options route the packet to another address than the header's? */
static __always_inline bool is_routed(struct __sk_buff *skb, __u32 end)
{
	struct options o = {.skb = skb, .at = MAC_LEN + IP4_LEN, .end = end};

	if (end > MAC_LEN + IP4_LEN)
		bpf_loop(IP_OPTIONS_MAX, skip_option, &o, 0);
	return o.routed;
}

/* Return: where the packet ends in the frame, 0 when it is malformed. */
static __always_inline __u32 read_ip4(struct __sk_buff *skb, struct packet *p)
{
	struct iphdr ip;
	__u32 len;

	if (bpf_skb_load_bytes(skb, MAC_LEN, &ip, sizeof(ip)) || ip.version != 4 || ip.ihl < 5)
		return 0;
	len = bpf_ntohs(ip.tot_len);
	if (!len && skb->gso_size)
		len = skb->len - MAC_LEN;
	p->version = 4;
	p->l4 = MAC_LEN + ip.ihl * 4;
	p->proto = ip.protocol;
	p->fragment = !!(ip.frag_off & bpf_htons(0x3fff));
	p->later_fragment = !!(ip.frag_off & bpf_htons(0x1fff));
	p->fragment_id = ip.id;
	p->local = mapped(p->inbound ? ip.daddr : ip.saddr);
	p->remote = mapped(p->inbound ? ip.saddr : ip.daddr);
	if (is_routed(skb, p->l4))
		return 0;
	return MAC_LEN + len;
}

static __always_inline bool is_mapped(const struct in6_addr *a)
{
	return !(a->in6_u.u6_addr32[0] | a->in6_u.u6_addr32[1]) && a->in6_u.u6_addr32[2] == bpf_htonl(0xffff);
}

static __always_inline __u32 read_ip6(struct __sk_buff *skb, struct packet *p)
{
	struct extensions e = {.skb = skb, .at = MAC_LEN + IP6_LEN};
	struct ipv6hdr ip;

	if (bpf_skb_load_bytes(skb, MAC_LEN, &ip, sizeof(ip)) || ip.version != 6)
		return 0;
	e.proto = ip.nexthdr;
	bpf_loop(MAX_EXT_HEADERS + 1, skip_extension, &e, 0);
	if (!e.done)
		return 0;
	p->version = 6;
	p->l4 = e.at;
	p->proto = e.proto;
	p->fragment = e.fragment;
	p->later_fragment = e.later;
	p->fragment_id = e.id;
	p->local = p->inbound ? ip.daddr : ip.saddr;
	p->remote = p->inbound ? ip.saddr : ip.daddr;
	if (is_mapped(&p->local) || is_mapped(&p->remote))
		return 0;
	if (!ip.payload_len && skb->gso_size)
		return skb->len;
	return MAC_LEN + IP6_LEN + bpf_ntohs(ip.payload_len);
}

/* Ports and the like. Return: bytes of the transport header, 0 when it is cut off. */
static __always_inline __u32 read_transport(struct __sk_buff *skb, struct packet *p)
{
	struct tcphdr tcp;
	__u8 *bytes = (void *)&tcp;

	switch (p->proto) {
	case IPPROTO_TCP:
		if (bpf_skb_load_bytes(skb, p->l4, &tcp, sizeof(tcp)) || tcp.doff < 5)
			return 0;
		p->seq = bpf_ntohl(tcp.seq);
		p->ack = bpf_ntohl(tcp.ack_seq);
		p->tcp_flags = bytes[13];
		break;
	case IPPROTO_UDP:
		if (bpf_skb_load_bytes(skb, p->l4, &tcp, 8))
			return 0;
		tcp.doff = 2;
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		if (bpf_skb_load_bytes(skb, p->l4, &tcp, 8))
			return 0;
		p->icmp_type = bytes[0];
		p->icmp_code = bytes[1];
		return 8;
	default:
		return 0;
	}
	p->local_port = bpf_ntohs(p->inbound ? tcp.dest : tcp.source);
	p->remote_port = bpf_ntohs(p->inbound ? tcp.source : tcp.dest);
	return tcp.doff * 4;
}

/*
 * read_packet - w->p of the frame, and a clean decision.
 * Return: PARSED (ARP: with version 0), PARSED_NOT_IP or PARSED_MALFORMED.
 */
__noinline int read_packet(struct __sk_buff *skb, __u32 inbound)
{
	struct work *w = get_work();
	struct packet *p;
	__u32 end, len;
	__be16 type;

	if (!w)
		return PARSED_MALFORMED;
	p = &w->p;
	__builtin_memset(p, 0, sizeof(*p));
	__builtin_memset(&w->d, 0, sizeof(w->d));
	w->shown_len = 0;
	w->query_type = 0;
	p->now = bpf_ktime_get_ns();
	p->len = skb->len;
	p->inbound = !!inbound;
	p->l3 = MAC_LEN;
	if (bpf_skb_load_bytes(skb, 12, &type, sizeof(type)))
		return PARSED_MALFORMED;
	if (type == bpf_htons(ETH_P_IP))
		end = read_ip4(skb, p);
	else if (type == bpf_htons(ETH_P_IPV6))
		end = read_ip6(skb, p);
	else
		return type == bpf_htons(ETH_P_ARP) ? PARSED : PARSED_NOT_IP;
	if (!end || end > p->len)
		goto malformed;
	p->payload = p->l4;
	if (!p->later_fragment) {
		len = read_transport(skb, p);
		if (!len && (p->proto == IPPROTO_TCP || p->proto == IPPROTO_UDP || p->proto == IPPROTO_ICMP ||
			     p->proto == IPPROTO_ICMPV6))
			goto malformed;
		p->payload += len;
	}
	if (p->payload > end)
		goto malformed;
	p->payload_len = end - p->payload;
	return PARSED;
malformed:
	p->proto = 0;
	p->version = 0;
	return PARSED_MALFORMED;
}

#endif
