/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Answers to what is refused: the frame is rewritten into one from the other side and turned back. TCP gets a reset, the rest
 * an ICMP "administratively prohibited" with the packet's headers and 8 bytes, a DNS query an answer with REFUSED.
 *
 * A reset to the tree (RFC 9293, 3.10.7): when the segment acknowledges, its sequence number is what is acknowledged, for
 * that is what the tree expects next; else it is 0 and acknowledges the segment. A reset is never answered, nor is an
 * ICMP error, a later fragment, or what went to many (RFC 1122, 3.2.2).
 */
#ifndef SKEP_APPS_EGRESS_REPLY_BPF_H
#define SKEP_APPS_EGRESS_REPLY_BPF_H

#include <linux/pkt_cls.h>

#include "egress_maps.bpf.h"
#include "egress_packet.bpf.h"

enum { QUOTED_MAX = 128, TCP_URG = 32 };

enum { EGRESS_OWN_REPLY = 0x65677265 }; /* a mark: "egre" */

/* Before Linux 6.12 bpf_csum_diff() gives a sum of 32 bits. */
static __always_inline __u16 folded(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return ~((sum & 0xffff) + (sum >> 16));
}

struct pseudo4 {
	__be32 from, to;
	__u8 zero, proto;
	__be16 len;
};

struct pseudo6 {
	struct in6_addr from, to;
	__be32 len, next;
};

static __always_inline bool is_error(const struct packet *p)
{
	return (p->proto == IPPROTO_ICMP && p->icmp_type != 8 && p->icmp_type != 13) ||
	       (p->proto == IPPROTO_ICMPV6 && p->icmp_type < 128);
}

static __always_inline bool to_many(const struct packet *p)
{
	if (p->version == 6)
		return p->remote.in6_u.u6_addr8[0] == 0xff;
	return (p->remote.in6_u.u6_addr8[12] & 0xf0) >= 0xe0;
}

static __always_inline bool from_nobody(const struct packet *p)
{
	const __u32 *a = p->local.in6_u.u6_addr32;

	return !(a[0] | a[1] | a[3]) && (!a[2] || a[2] == bpf_htonl(0xffff));
}

/*
 * reply - send w->body as the payload of an IP packet from the other side.
 * @proto: of body
 * @len:   bytes of body, which is zero from there to the next multiple of 4; its checksum field is zero
 * @sum_at: where in body the checksum goes
 * @flags: BPF_F_INGRESS to the tree; 0 to the outside
 * Return: the program's verdict.
 */
__noinline int reply(struct __sk_buff *skb, __u32 proto, __u32 len, __u32 sum_at, __u32 flags)
{
	struct work *w = get_work();
	struct in6_addr *from, *to;
	__u32 head, total;
	__s64 sum = 0;
	__u16 check;

	len = bounded(len, BODY_MAX - 1);
	if (!w || len < 8 || len > BODY_MAX - 4 || sum_at > 32)
		return TC_ACT_SHOT;
	from = flags ? &w->p.remote : &w->p.local;
	to = flags ? &w->p.local : &w->p.remote;
	if (w->p.version == 4) {
		struct iphdr *ip = (void *)w->ip;
		struct pseudo4 pseudo = {
			.from = unmapped(from), .to = unmapped(to), .proto = proto, .len = bpf_htons(len)};

		*ip = (struct iphdr){.version = 4,
				     .ihl = 5,
				     .tot_len = bpf_htons(IP4_LEN + len),
				     .frag_off = bpf_htons(0x4000),
				     .ttl = 64,
				     .protocol = proto,
				     .saddr = pseudo.from,
				     .daddr = pseudo.to};
		ip->check = folded(bpf_csum_diff(NULL, 0, (void *)ip, IP4_LEN, 0));
		if (proto != IPPROTO_ICMP)
			sum = bpf_csum_diff(NULL, 0, (void *)&pseudo, sizeof(pseudo), 0);
		head = MAC_LEN + IP4_LEN;
	} else {
		struct ipv6hdr *ip = (void *)w->ip;
		struct pseudo6 pseudo = {.from = *from, .to = *to, .len = bpf_htonl(len), .next = bpf_htonl(proto)};

		*ip = (struct ipv6hdr){.version = 6,
				       .payload_len = bpf_htons(len),
				       .nexthdr = proto,
				       .hop_limit = 64,
				       .saddr = *from,
				       .daddr = *to};
		sum = bpf_csum_diff(NULL, 0, (void *)&pseudo, sizeof(pseudo), 0);
		head = MAC_LEN + IP6_LEN;
	}
	check = folded(bpf_csum_diff(NULL, 0, (void *)w->body, (len + 3) & (BODY_MAX - 4), sum));
	if (proto == IPPROTO_UDP && !check)
		check = 0xffff;
	*(__u16 *)(w->body + (sum_at & 62)) = check;
	if (bpf_skb_load_bytes(skb, 6, w->mac, 6) || bpf_skb_load_bytes(skb, 0, w->mac + 6, 6) ||
	    bpf_skb_load_bytes(skb, 12, w->mac + 12, 2))
		return TC_ACT_SHOT;
	/* The frame may not become shorter than its old headers; what is beyond the packet is padding. */
	total = head + len;
	if (total < w->p.l4 + 20)
		total = w->p.l4 + 20;
	if (bpf_skb_change_tail(skb, total, 0) || bpf_skb_store_bytes(skb, 0, w->mac, MAC_LEN, 0))
		return TC_ACT_SHOT;
	if (w->p.version == 4 ? bpf_skb_store_bytes(skb, MAC_LEN, w->ip, IP4_LEN, 0)
			      : bpf_skb_store_bytes(skb, MAC_LEN, w->ip, IP6_LEN, 0))
		return TC_ACT_SHOT;
	if (bpf_skb_store_bytes(skb, head, w->body, len, BPF_F_INVALIDATE_HASH))
		return TC_ACT_SHOT;
	/* What goes back in passes tc/ingress, which takes the mark off. Frames that come by the interface have none. */
	if (flags & BPF_F_INGRESS)
		skb->mark = EGRESS_OWN_REPLY;
	return bpf_redirect(skb->ifindex, flags);
}

static __always_inline int reply_reset(struct __sk_buff *skb, struct work *w, __u32 flags)
{
	struct tcphdr *tcp = (void *)w->body;
	const struct packet *p = &w->p;
	bool acks = p->tcp_flags & TCP_ACK;
	__u32 len = p->payload_len + !!(p->tcp_flags & TCP_SYN) + !!(p->tcp_flags & TCP_FIN);

	if (p->tcp_flags & TCP_RST)
		return TC_ACT_SHOT;
	__builtin_memset(tcp, 0, sizeof(*tcp));
	tcp->source = bpf_htons(flags ? p->remote_port : p->local_port);
	tcp->dest = bpf_htons(flags ? p->local_port : p->remote_port);
	tcp->seq = acks ? bpf_htonl(p->ack) : 0;
	tcp->ack_seq = acks ? 0 : bpf_htonl(p->seq + len);
	tcp->doff = 5;
	tcp->rst = 1;
	tcp->ack = !acks;
	return reply(skb, IPPROTO_TCP, sizeof(*tcp), 16, flags);
}

static __always_inline int reply_prohibited(struct __sk_buff *skb, struct work *w)
{
	const struct packet *p = &w->p;
	__u32 quoted = p->l4 - p->l3 + 8;

	if (quoted > p->len - p->l3)
		quoted = p->len - p->l3;
	if (quoted > QUOTED_MAX)
		quoted = QUOTED_MAX;
	quoted = bounded(quoted, 2 * QUOTED_MAX - 1);
	if (quoted < IP4_LEN)
		return TC_ACT_SHOT;
	__builtin_memset(w->body, 0, 8 + QUOTED_MAX + 8);
	w->body[0] = p->version == 4 ? 3 : 1;
	w->body[1] = p->version == 4 ? 13 : 1;
	if (bpf_skb_load_bytes(skb, p->l3, w->body + 8, quoted))
		return TC_ACT_SHOT;
	return reply(skb, p->version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6, 8 + quoted, 2, BPF_F_INGRESS);
}

/* answer_refused - what the tree hears of a frame that does not leave. */
__noinline int answer_refused(struct __sk_buff *skb)
{
	struct work *w = get_work();

	if (!w || w->p.inbound)
		return TC_ACT_SHOT;
	if (w->p.later_fragment || is_error(&w->p) || to_many(&w->p) || from_nobody(&w->p))
		return TC_ACT_SHOT;
	if (w->p.proto == IPPROTO_TCP)
		return reply_reset(skb, w, BPF_F_INGRESS);
	return reply_prohibited(skb, w);
}

/*
 * refuse - tell it, count it, answer it, as w->d says; in an audit it is told and let through.
 * @answer: false: drop it without a word
 */
static __always_inline int refuse(struct __sk_buff *skb, struct work *w, const struct egress_config *c, bool answer)
{
	count(w->d.rule, 1, w->p.len);
	if (c->audit) {
		tell(EGRESS_WOULD_REFUSE);
		return TC_ACT_UNSPEC;
	}
	tell(EGRESS_REFUSED);
	count_drop(w->d.reason);
	return answer ? answer_refused(skb) : TC_ACT_SHOT;
}

/* For reasons that lie in the frame, not in a rule. */
static __always_inline int refuse_for(struct __sk_buff *skb, struct work *w, const struct egress_config *c, __u8 reason,
				      bool answer)
{
	w->d.rule = EGRESS_RULE_FRAME;
	w->d.reason = reason;
	return refuse(skb, w, c, answer);
}

#endif
