/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the headers of a frame say, for the programs of this folder.
 *
 * Looked through: up to two VLAN tags (a frame with more is not IP), IPv4 options, up to six IPv6 extension
 * headers. A later fragment has no ports. Malformed is a frame that is cut off inside its headers, a version or
 * header length that cannot be, more extension headers, and a TCP fragment that begins 8 bytes in and could
 * overwrite the flags (RFC 1858).
 */
#ifndef SKEP_APPS_FRAME_BPF_H
#define SKEP_APPS_FRAME_BPF_H

#include <stdbool.h>
#include <linux/types.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum { MAX_VLAN_TAGS = 2, MAX_EXT_HEADERS = 6 };

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_ACK = 16 };

enum parsed {
	PARSED,
	PARSED_NOT_IP,
	PARSED_MALFORMED,
};

struct frame {
	void *pos; /* while parsing: the next header; then the transport header, or what stands in its place */
	void *end;
	void *l3; /* the IPv4 or IPv6 header */
	struct in6_addr saddr; /* IPv4: as ::ffff:192.0.2.1 */
	struct in6_addr daddr;
	__u8 version; /* 4 or 6 */
	__u16 proto; /* EtherType, then the transport protocol */
	__u16 vlan; /* outermost VLAN, 0: none */
	__u16 source; /* TCP's and UDP's ports; ICMP: type * 256 + code as destination */
	__u16 destination;
	__u8 tcp_flags;
	__u8 tags; /* VLAN tags that were looked through */
	bool has_ports;
	bool fragment; /* any */
	bool later_fragment; /* but the first */
};

struct vlan_tag {
	__be16 tci;
	__be16 proto;
};

struct ext_header {
	__u8 next;
	__u8 len; /* in units of 8 bytes beyond the first (AH: of 4 bytes, beyond two) */
};

struct frag_header {
	__u8 next;
	__u8 reserved;
	__be16 frag_off;
	__be32 id;
};

/* Of ICMP and ICMPv6. */
struct icmp_header {
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be32 rest;
};

static __always_inline bool parse_ethernet(struct frame *f)
{
	struct ethhdr *eth = f->pos;

	if ((void *)(eth + 1) > f->end)
		return false;
	f->pos = eth + 1;
	f->proto = bpf_ntohs(eth->h_proto);
#pragma unroll
	for (int i = 0; i < MAX_VLAN_TAGS; i++) {
		struct vlan_tag *tag = f->pos;

		if (f->proto != ETH_P_8021Q && f->proto != ETH_P_8021AD)
			break;
		if ((void *)(tag + 1) > f->end)
			return false;
		if (i == 0)
			f->vlan = bpf_ntohs(tag->tci) & 0xfff;
		f->tags = i + 1;
		f->pos = tag + 1;
		f->proto = bpf_ntohs(tag->proto);
	}
	return true;
}

static __always_inline bool is_extension(__u16 proto)
{
	return proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING || proto == IPPROTO_DSTOPTS ||
	       proto == IPPROTO_AH || proto == IPPROTO_FRAGMENT;
}

/* Past the IPv6 extension headers to the transport header. */
static __always_inline bool skip_extensions(struct frame *f)
{
#pragma unroll
	for (int i = 0; i < MAX_EXT_HEADERS; i++) {
		struct ext_header *ext = f->pos;
		struct frag_header *frag = f->pos;

		switch (f->proto) {
		case IPPROTO_HOPOPTS:
		case IPPROTO_ROUTING:
		case IPPROTO_DSTOPTS:
			if ((void *)(ext + 1) > f->end)
				return false;
			f->proto = ext->next;
			f->pos += (ext->len + 1) * 8;
			break;
		case IPPROTO_AH:
			if ((void *)(ext + 1) > f->end)
				return false;
			f->proto = ext->next;
			f->pos += (ext->len + 2) * 4;
			break;
		case IPPROTO_FRAGMENT:
			if ((void *)(frag + 1) > f->end)
				return false;
			f->proto = frag->next;
			f->pos = frag + 1;
			f->fragment = true;
			if (frag->frag_off & bpf_htons(0xfff8)) {
				f->later_fragment = true;
				return f->proto != IPPROTO_TCP || (bpf_ntohs(frag->frag_off) & 0xfff8) != 8;
			}
			break;
		default:
			return true;
		}
	}
	return !is_extension(f->proto);
}

static __always_inline bool parse_transport(struct frame *f)
{
	struct tcphdr *tcp = f->pos;
	struct udphdr *udp = f->pos;
	struct icmp_header *icmp = f->pos;

	if (f->later_fragment)
		return true;
	switch (f->proto) {
	case IPPROTO_TCP:
		if ((void *)(tcp + 1) > f->end)
			return false;
		f->source = bpf_ntohs(tcp->source);
		f->destination = bpf_ntohs(tcp->dest);
		f->tcp_flags = ((__u8 *)tcp)[13];
		f->has_ports = true;
		return true;
	case IPPROTO_UDP:
		if ((void *)(udp + 1) > f->end)
			return false;
		f->source = bpf_ntohs(udp->source);
		f->destination = bpf_ntohs(udp->dest);
		f->has_ports = true;
		return true;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		if ((void *)(icmp + 1) > f->end)
			return false;
		f->destination = icmp->type * 256 + icmp->code;
		return true;
	default:
		return true;
	}
}

static __always_inline struct in6_addr mapped(__be32 addr)
{
	return (struct in6_addr){.in6_u.u6_addr32 = {0, 0, bpf_htonl(0xffff), addr}};
}

static __always_inline __be32 unmapped(const struct in6_addr *addr)
{
	return addr->in6_u.u6_addr32[3];
}

static __always_inline bool parse_ip4(struct frame *f)
{
	struct iphdr *ip = f->pos;
	__u32 len, offset;

	if ((void *)(ip + 1) > f->end)
		return false;
	len = ip->ihl * 4;
	if (ip->version != 4 || len < sizeof(*ip) || f->pos + len > f->end)
		return false;
	offset = bpf_ntohs(ip->frag_off) & 0x1fff;
	f->l3 = ip;
	f->version = 4;
	f->saddr = mapped(ip->saddr);
	f->daddr = mapped(ip->daddr);
	f->proto = ip->protocol;
	f->pos += len;
	f->later_fragment = offset;
	f->fragment = ip->frag_off & bpf_htons(0x3fff);
	return offset != 1 || f->proto != IPPROTO_TCP;
}

static __always_inline bool parse_ip6(struct frame *f)
{
	struct ipv6hdr *ip = f->pos;

	if ((void *)(ip + 1) > f->end || ip->version != 6)
		return false;
	f->l3 = ip;
	f->version = 6;
	f->saddr = ip->saddr;
	f->daddr = ip->daddr;
	f->proto = ip->nexthdr;
	f->pos = ip + 1;
	return skip_extensions(f);
}

/* parse_frame - from the Ethernet header to the ports. What the frame does not have stays 0. */
static __always_inline enum parsed parse_frame(struct xdp_md *ctx, struct frame *f)
{
	bool ok;

	*f = (struct frame){.pos = (void *)(long)ctx->data, .end = (void *)(long)ctx->data_end};
	if (!parse_ethernet(f))
		return PARSED_MALFORMED;
	if (f->proto == ETH_P_IP)
		ok = parse_ip4(f);
	else if (f->proto == ETH_P_IPV6)
		ok = parse_ip6(f);
	else
		return PARSED_NOT_IP;
	return ok && parse_transport(f) ? PARSED : PARSED_MALFORMED;
}

#endif
