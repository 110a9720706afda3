/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * xdp-firewall: drops or passes a frame by address prefix, port and protocol, from maps that the user fills.
 *
 *   map       key                        value        meaning
 *   config    0                          struct config  what happens to frames that no rule names
 *   rules4    {prefixlen, addr}          struct rule  IPv4 prefix of the source or the destination
 *   rules6    {prefixlen, addr}          struct rule  IPv6 prefix of the source or the destination
 *   ports     {proto, port}              struct rule  destination port of TCP (6) or UDP (17); port 0: the whole protocol
 *   counters  0                          packets and bytes by what decided (per CPU)
 *
 * Order: a frame that is not IP takes config.other. The source's prefix is looked at first, then the destination's, then
 * the port, then the protocol; the first rule that decides ends it. The longest prefix that matches is the one
 * that counts. What is left takes config.unmatched.
 *
 * Up to two VLAN tags are looked through. Of a fragmented packet the later fragments have no ports: only prefixes
 * and whole-protocol rules apply to them. Up to six IPv6 extension headers are followed; a frame that is cut off inside
 * its headers is dropped as malformed.
 *
 * examples:
 *   skep map update xdp-firewall rules4 '{"prefixlen": 24, "addr": "198.51.100.0"}' '{"action": "DROP"}' --state fw.state
 *   skep map update xdp-firewall ports '{"proto": 6, "port": 23}' '{"action": "DROP"}' --state fw.state
 *   skep replay xdp-firewall capture.pcapng --state fw.state --unsafe-no-verify
 */
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

enum { MAX_VLAN_TAGS = 2, MAX_EXT_HEADERS = 6, MAX_RULES = 131072 };

enum action {
	NONE, /* no decision: go on */
	PASS,
	DROP,
};

enum reason {
	REASON_NOT_IP,
	REASON_MALFORMED,
	REASON_SOURCE,
	REASON_DESTINATION,
	REASON_PORT,
	REASON_PROTOCOL,
	REASON_UNMATCHED,
	REASONS,
};

struct rule {
	enum action action;
};

struct config {
	enum action unmatched; /* NONE counts as PASS */
	enum action other;
};

struct key4 {
	__u32 prefixlen; /* bits, 0 to 32 */
	__be32 addr;
};

struct key6 {
	__u32 prefixlen; /* bits, 0 to 128 */
	struct in6_addr addr;
};

struct port_key {
	__u16 proto; /* IPPROTO_TCP, IPPROTO_UDP, or any protocol with port 0 */
	__u16 port;  /* host byte order */
};

struct counter {
	__u64 packets;
	__u64 bytes;
};

/* A slot for each enum reason, in its order. */
struct counters {
	struct counter not_ip;
	struct counter malformed;
	struct counter source;
	struct counter destination;
	struct counter port;
	struct counter protocol;
	struct counter unmatched;
};
_Static_assert(sizeof(struct counters) == REASONS * sizeof(struct counter), "one slot a reason");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct config);
} config SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_RULES);
	__type(key, struct key4);
	__type(value, struct rule);
} rules4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_RULES);
	__type(key, struct key6);
	__type(value, struct rule);
} rules6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, struct port_key);
	__type(value, struct rule);
} ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counters);
} counters SEC(".maps");

/* What the headers say. */
struct packet {
	void *pos;
	void *end;
	__u16 proto;    /* EtherType, then the transport protocol */
	__u16 port;     /* destination */
	bool has_port;
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

static __always_inline int finish(struct xdp_md *ctx, enum reason reason, enum action action)
{
	__u32 zero = 0;
	struct counters *all = bpf_map_lookup_elem(&counters, &zero);

	if (all) {
		struct counter *c = (struct counter *)all + reason;

		c->packets++;
		c->bytes += ctx->data_end - ctx->data;
	}
	return action == DROP ? XDP_DROP : XDP_PASS;
}

static __always_inline bool parse_ethernet(struct packet *p)
{
	struct ethhdr *eth = p->pos;

	if ((void *)(eth + 1) > p->end)
		return false;
	p->pos = eth + 1;
	p->proto = bpf_ntohs(eth->h_proto);
#pragma unroll
	for (int i = 0; i < MAX_VLAN_TAGS; i++) {
		struct vlan_tag *tag = p->pos;

		if (p->proto != ETH_P_8021Q && p->proto != ETH_P_8021AD)
			break;
		if ((void *)(tag + 1) > p->end)
			return false;
		p->pos = tag + 1;
		p->proto = bpf_ntohs(tag->proto);
	}
	return true;
}

static __always_inline bool parse_transport(struct packet *p)
{
	struct udphdr *ports_at = p->pos; /* TCP has its ports in the same place */

	if (p->proto != IPPROTO_TCP && p->proto != IPPROTO_UDP)
		return true;
	if ((void *)(ports_at + 1) > p->end)
		return false;
	p->port = bpf_ntohs(ports_at->dest);
	p->has_port = true;
	return true;
}

static __always_inline enum action look_up4(__be32 addr)
{
	struct key4 key = {.prefixlen = 32, .addr = addr};
	struct rule *rule = bpf_map_lookup_elem(&rules4, &key);

	return rule ? rule->action : NONE;
}

static __always_inline enum action look_up6(const struct in6_addr *addr)
{
	struct key6 key = {.prefixlen = 128, .addr = *addr};
	struct rule *rule = bpf_map_lookup_elem(&rules6, &key);

	return rule ? rule->action : NONE;
}

static __always_inline enum action look_up_port(__u16 proto, __u16 port)
{
	struct port_key key = {.proto = proto, .port = port};
	struct rule *rule = bpf_map_lookup_elem(&ports, &key);

	return rule ? rule->action : NONE;
}

/* Past the IPv6 extension headers to the transport header. */
static __always_inline bool skip_extensions(struct packet *p, bool *later_fragment)
{
#pragma unroll
	for (int i = 0; i < MAX_EXT_HEADERS; i++) {
		struct ext_header *ext = p->pos;
		struct frag_header *frag = p->pos;

		switch (p->proto) {
		case IPPROTO_HOPOPTS:
		case IPPROTO_ROUTING:
		case IPPROTO_DSTOPTS:
			if ((void *)(ext + 1) > p->end)
				return false;
			p->proto = ext->next;
			p->pos += (ext->len + 1) * 8;
			break;
		case IPPROTO_AH:
			if ((void *)(ext + 1) > p->end)
				return false;
			p->proto = ext->next;
			p->pos += (ext->len + 2) * 4;
			break;
		case IPPROTO_FRAGMENT:
			if ((void *)(frag + 1) > p->end)
				return false;
			p->proto = frag->next;
			p->pos = frag + 1;
			if (frag->frag_off & bpf_htons(0xfff8)) {
				*later_fragment = true;
				return true;
			}
			break;
		default:
			return true;
		}
	}
	return true;
}

static __always_inline int decide(struct xdp_md *ctx, struct packet *p, enum action source, enum action destination,
				  bool later_fragment)
{
	__u32 zero = 0;
	struct config *c;
	enum action action;

	if (source)
		return finish(ctx, REASON_SOURCE, source);
	if (destination)
		return finish(ctx, REASON_DESTINATION, destination);
	if (!later_fragment && !parse_transport(p))
		return finish(ctx, REASON_MALFORMED, DROP);
	if (p->has_port) {
		action = look_up_port(p->proto, p->port);
		if (action)
			return finish(ctx, REASON_PORT, action);
	}
	action = look_up_port(p->proto, 0);
	if (action)
		return finish(ctx, REASON_PROTOCOL, action);
	c = bpf_map_lookup_elem(&config, &zero);
	return finish(ctx, REASON_UNMATCHED, c ? c->unmatched : PASS);
}

static __always_inline int filter4(struct xdp_md *ctx, struct packet *p)
{
	struct iphdr *ip = p->pos;
	enum action source, destination;
	__u32 len;

	if ((void *)(ip + 1) > p->end)
		return finish(ctx, REASON_MALFORMED, DROP);
	len = ip->ihl * 4;
	if (ip->version != 4 || len < sizeof(*ip))
		return finish(ctx, REASON_MALFORMED, DROP);
	source = look_up4(ip->saddr);
	destination = source ? NONE : look_up4(ip->daddr);
	p->proto = ip->protocol;
	p->pos += len;
	return decide(ctx, p, source, destination, ip->frag_off & bpf_htons(0x1fff));
}

static __always_inline int filter6(struct xdp_md *ctx, struct packet *p)
{
	struct ipv6hdr *ip = p->pos;
	enum action source, destination;
	bool later_fragment = false;

	if ((void *)(ip + 1) > p->end || ip->version != 6)
		return finish(ctx, REASON_MALFORMED, DROP);
	source = look_up6(&ip->saddr);
	destination = source ? NONE : look_up6(&ip->daddr);
	p->proto = ip->nexthdr;
	p->pos = ip + 1;
	if (!skip_extensions(p, &later_fragment))
		return finish(ctx, REASON_MALFORMED, DROP);
	return decide(ctx, p, source, destination, later_fragment);
}

SEC("xdp")
int xdp_firewall(struct xdp_md *ctx)
{
	struct packet p = {
		.pos = (void *)(long)ctx->data,
		.end = (void *)(long)ctx->data_end,
	};
	__u32 zero = 0;
	struct config *c;

	if (!parse_ethernet(&p))
		return finish(ctx, REASON_MALFORMED, DROP);
	switch (p.proto) {
	case ETH_P_IP:
		return filter4(ctx, &p);
	case ETH_P_IPV6:
		return filter6(ctx, &p);
	default:
		c = bpf_map_lookup_elem(&config, &zero);
		return finish(ctx, REASON_NOT_IP, c ? c->other : PASS);
	}
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
