/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * xdp-lb: spreads TCP connections and UDP flows to a virtual address (VIP) over backends, and sends the frames
 * back out of the interface they came in on.
 *
 *   map          key                          value              meaning
 *   config       0                            struct config      source addresses for encapsulation
 *   vips         {addr, port, proto}          struct vip         which table a VIP uses, and how its frames travel
 *   tables       number                       struct lb_table    a Maglev table: LB_TABLE_SIZE numbers of backends
 *   backends     number, 1 and above          struct backend     addresses; ABSENT ones get nothing
 *   connections  struct flow_key              struct connection  the backend that a flow stays with
 *   replies      struct flow_key              struct origin      REWRITE: what a backend's answer must look like
 *   counters     0                            struct counters    frames and bytes by what became of them (per CPU)
 *
 * IPv4 addresses are written ::ffff:192.0.2.1 in all maps but config.
 *
 * A frame to a VIP goes to the backend that its connection has; else, or when that backend is ABSENT by now, to
 * the one in the VIP's table at a hash of addresses, ports and protocol. A VIP without backends drops. What is not
 * for a VIP passes to the host: other addresses, what is not TCP or UDP, tagged frames. Fragments pass too, for
 * the later ones do not say which flow they belong to. ICMP errors about a flow are not taken to its backend.
 *
 * How a frame travels is the VIP's mode:
 *   REWRITE  The destination becomes the backend's address and port, of the same family; checksums follow. Answers
 *            must come back through here, that is, the backends' way to the clients is this host: then the source
 *            is turned into the VIP again and the frame goes to where the client's frames came from.
 *   ENCAP    The packet travels whole inside another IP header to the backend (IPIP, IP6IP6, or mixed as
 *            the two addresses' families ask for), 20 or 40 bytes longer: leave room in the MTU. The backend undoes
 *            it, has the VIP on its loopback device and answers the client directly. Needs config.source4 or
 *            source6.
 *
 * A flow's entries in connections and replies are dropped as the least recently used; the table then finds the
 * same backend unless backends have changed. Do not give a number to another backend while flows to the old one
 * may live. Two VIPs that rewrite to the same backend and port mix up the answers to a client that uses one port
 * for both at once.
 *
 * skep-lb-state computes the tables and writes all of this as a state file, from lines such as
 *   vip 192.0.2.80:80/tcp rewrite
 *   backend 192.0.2.11:8080 02:00:00:00:00:0b
 * examples:
 *   skep-lb-state lb.conf >lb.state
 *   skep replay xdp-lb capture.pcapng --state lb.state -o out.pcapng
 *   skep map update xdp-lb backends 1 '{"state": "ABSENT"}' --state lb.state
 */
#include "frame.bpf.h"
#include "xdp_lb.h"

enum { MAX_CONNECTIONS = 65536 };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct config);
} config SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LB_MAX_VIPS);
	__type(key, struct vip_key);
	__type(value, struct vip);
} vips SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LB_MAX_VIPS);
	__type(key, __u32);
	__type(value, struct lb_table);
} tables SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LB_MAX_BACKENDS);
	__type(key, __u32);
	__type(value, struct backend);
} backends SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_CONNECTIONS);
	__type(key, struct flow_key);
	__type(value, struct connection);
} connections SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_CONNECTIONS);
	__type(key, struct flow_key);
	__type(value, struct origin);
} replies SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counters);
} counters SEC(".maps");

static __always_inline int finish(struct counters *all, __u32 len, enum outcome outcome, int verdict)
{
	struct counter *c = (struct counter *)all + outcome;

	c->frames++;
	c->bytes += len;
	return verdict;
}

/* Spreads well over the slots. It need not withstand an attacker, who can always choose to come as one flow. */
static __always_inline __u32 hash_flow(const struct flow_key *key)
{
	const __u32 *words = (const __u32 *)key;
	__u64 h = 0x243f6a8885a308d3;

#pragma unroll
	for (__u32 i = 0; i < sizeof(*key) / sizeof(*words); i++) {
		h = (h ^ words[i]) * 0x9e3779b97f4a7c15;
		h ^= h >> 32;
	}
	return h;
}

static __always_inline bool is_mapped(const struct in6_addr *addr)
{
	return !addr->in6_u.u6_addr32[0] && !addr->in6_u.u6_addr32[1] && addr->in6_u.u6_addr32[2] == bpf_htonl(0xffff);
}

/* What an Internet checksum changes by when one word takes another's place (RFC 1624, equation 3); to be summed. */
static __always_inline __u64 word_change(__u32 from, __u32 to)
{
	return (__u64)(__u32)~from + to;
}

static __always_inline __u64 port_change(__u16 from, __u16 to)
{
	return (__u64)(__u16)~from + to;
}

static __always_inline __u16 fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

static __always_inline void change_checksum(__sum16 *sum, __u64 change)
{
	*sum = ~fold((__u16) ~*sum + change);
}

/*
 * One end of the packet, its destination or its source, becomes another address and port; of the same family.
 * false: the headers are not where they were, which cannot be, but the kernel's verifier wants to hear it.
 */
static __always_inline bool rewrite(struct frame *f, bool source, const struct in6_addr *addr, __u16 to_port)
{
	struct iphdr *ip4 = f->l3;
	struct ipv6hdr *ip6 = f->l3;
	struct tcphdr *tcp = f->pos;
	struct udphdr *udp = f->pos;
	__be16 *port = source ? &udp->source : &udp->dest; /* TCP has its ports in the same place */
	__be16 new_port = bpf_htons(to_port);
	__u64 change = 0;

	if (f->proto == IPPROTO_TCP ? (void *)(tcp + 1) > f->end : (void *)(udp + 1) > f->end)
		return false;
	if (f->version == 4) {
		__be32 *at = source ? &ip4->saddr : &ip4->daddr;

		if ((void *)(ip4 + 1) > f->end)
			return false;
		change = word_change(*at, unmapped(addr));
		change_checksum(&ip4->check, change);
		*at = unmapped(addr);
	} else {
		struct in6_addr *at = source ? &ip6->saddr : &ip6->daddr;

		if ((void *)(ip6 + 1) > f->end)
			return false;
#pragma unroll
		for (int i = 0; i < 4; i++)
			change += word_change(at->in6_u.u6_addr32[i], addr->in6_u.u6_addr32[i]);
		*at = *addr;
	}
	if ((void *)(udp + 1) > f->end)
		return false;
	change += port_change(*port, new_port);
	*port = new_port;
	if (f->proto == IPPROTO_TCP) {
		if ((void *)(tcp + 1) > f->end)
			return false;
		change_checksum(&tcp->check, change);
	} else if (udp->check) { /* 0: the sender has made none */
		change_checksum(&udp->check, change);
		if (!udp->check)
			udp->check = 0xffff;
	}
	return true;
}

/* To the next station; from the address that the frame was sent to. */
static __always_inline void set_macs(struct ethhdr *eth, const __u8 *to)
{
	__builtin_memcpy(eth->h_source, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, to, ETH_ALEN);
}

static __always_inline __sum16 header_checksum(const struct iphdr *ip)
{
	const __u16 *words = (const __u16 *)ip;
	__u64 sum = 0;

#pragma unroll
	for (__u32 i = 0; i < sizeof(*ip) / sizeof(*words); i++)
		sum += words[i];
	return ~fold(sum);
}

/* The packet's own length in bytes and its class of service; false when it claims more than the frame has. */
static __always_inline bool inner(const struct frame *f, __u32 *len, __u8 *tos)
{
	const struct iphdr *ip4 = f->l3;
	const struct ipv6hdr *ip6 = f->l3;

	if (f->version == 4) {
		if ((void *)(ip4 + 1) > f->end)
			return false;
		*len = bpf_ntohs(ip4->tot_len);
		*tos = ip4->tos;
	} else {
		if ((void *)(ip6 + 1) > f->end)
			return false;
		*len = bpf_ntohs(ip6->payload_len) + sizeof(*ip6);
		*tos = ip6->priority << 4 | ip6->flow_lbl[0] >> 4;
	}
	return *len <= (__u64)(f->end - f->l3);
}

/* Takes @size bytes before the packet and moves the Ethernet header to the new front. NULL when there is no room. */
static __always_inline struct ethhdr *grow(struct xdp_md *ctx, __u32 size, const __u8 *to)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	__u8 from[ETH_ALEN];

	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return NULL;
	__builtin_memcpy(from, eth->h_dest, ETH_ALEN);
	if (bpf_xdp_adjust_head(ctx, -(int)size))
		return NULL;
	eth = (void *)(long)ctx->data;
	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return NULL;
	__builtin_memcpy(eth->h_source, from, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, to, ETH_ALEN);
	return eth;
}

static __always_inline bool encapsulate(struct xdp_md *ctx, __u8 version, __u32 len, __u8 tos, const struct backend *b,
					const struct config *c)
{
	__u8 proto = version == 4 ? IPPROTO_IPIP : IPPROTO_IPV6;
	struct ethhdr *eth;

	if (is_mapped(&b->addr)) {
		struct iphdr *ip;

		eth = grow(ctx, sizeof(*ip), b->mac);
		if (!eth)
			return false;
		ip = (void *)(eth + 1);
		if ((void *)(ip + 1) > (void *)(long)ctx->data_end)
			return false;
		eth->h_proto = bpf_htons(ETH_P_IP);
		*ip = (struct iphdr){
			.version = 4,
			.ihl = sizeof(*ip) / 4,
			.tos = tos,
			.tot_len = bpf_htons(len + sizeof(*ip)),
			.frag_off = bpf_htons(0x4000), /* do not fragment */
			.ttl = 64,
			.protocol = proto,
			.saddr = c->source4,
			.daddr = unmapped(&b->addr),
		};
		ip->check = header_checksum(ip);
	} else {
		struct ipv6hdr *ip;

		eth = grow(ctx, sizeof(*ip), b->mac);
		if (!eth)
			return false;
		ip = (void *)(eth + 1);
		if ((void *)(ip + 1) > (void *)(long)ctx->data_end)
			return false;
		eth->h_proto = bpf_htons(ETH_P_IPV6);
		*ip = (struct ipv6hdr){
			.version = 6,
			.priority = tos >> 4,
			.flow_lbl = {tos << 4, 0, 0},
			.payload_len = bpf_htons(len),
			.nexthdr = proto,
			.hop_limit = 64,
			.saddr = c->source6,
			.daddr = b->addr,
		};
	}
	return true;
}

static __always_inline struct backend *present(__u32 number)
{
	struct backend *b = number ? bpf_map_lookup_elem(&backends, &number) : NULL;

	return b && b->state == PRESENT ? b : NULL;
}

static __always_inline struct backend *choose(const struct flow_key *key, const struct vip *vip, struct counters *all)
{
	struct connection *known = bpf_map_lookup_elem(&connections, key);
	struct connection fresh;
	struct lb_table *table;
	struct backend *b;

	b = known ? present(known->backend) : NULL;
	if (b)
		return b;
	table = bpf_map_lookup_elem(&tables, &vip->table);
	if (!table)
		return NULL;
	fresh.backend = table->backend[hash_flow(key) & (LB_TABLE_SIZE - 1)];
	b = present(fresh.backend);
	if (b) {
		all->new_connections++;
		bpf_map_update_elem(&connections, key, &fresh, BPF_ANY);
	}
	return b;
}

static __always_inline bool same_origin(const struct origin *a, const struct origin *b)
{
	const __u32 *x = (const __u32 *)a, *y = (const __u32 *)b;
	__u32 differ = 0;

#pragma unroll
	for (__u32 i = 0; i < sizeof(*a) / sizeof(*x); i++)
		differ |= x[i] ^ y[i];
	return !differ;
}

/* Keeps in mind what the answers must look like; the flow that came last is right about it. */
static __always_inline void note_origin(const struct flow_key *back, const struct flow_key *key, const __u8 *mac)
{
	struct origin *known = bpf_map_lookup_elem(&replies, back);
	struct origin origin = {.addr = key->destination, .port = key->destination_port};

	__builtin_memcpy(origin.mac, mac, ETH_ALEN);
	if (!known || !same_origin(known, &origin))
		bpf_map_update_elem(&replies, back, &origin, BPF_ANY);
}

static __always_inline int send_rewritten(struct xdp_md *ctx, struct frame *f, const struct flow_key *key,
					  const struct backend *b, struct counters *all, __u32 len)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct flow_key back = {
		.source = b->addr,
		.destination = key->source,
		.source_port = b->port ? b->port : key->destination_port,
		.destination_port = key->source_port,
		.proto = key->proto,
	};

	if (is_mapped(&b->addr) != (f->version == 4))
		return finish(all, len, MISCONFIGURED, XDP_DROP);
	if ((void *)(eth + 1) > f->end)
		return finish(all, len, MALFORMED, XDP_DROP);
	note_origin(&back, key, eth->h_source);
	set_macs(eth, b->mac);
	if (!rewrite(f, false, &b->addr, back.source_port))
		return finish(all, len, MALFORMED, XDP_DROP);
	return finish(all, len, REWRITTEN, XDP_TX);
}

static __always_inline int send_encapsulated(struct xdp_md *ctx, const struct frame *f, const struct backend *b,
					     struct counters *all, __u32 len)
{
	__u32 zero = 0, inner_len;
	struct config *c = bpf_map_lookup_elem(&config, &zero);
	__u8 tos;

	if (!c || (is_mapped(&b->addr) ? !c->source4 : !c->source6.in6_u.u6_addr32[0]))
		return finish(all, len, MISCONFIGURED, XDP_DROP);
	if (!inner(f, &inner_len, &tos))
		return finish(all, len, MALFORMED, XDP_DROP);
	if (!encapsulate(ctx, f->version, inner_len, tos, b, c))
		return finish(all, len, MALFORMED, XDP_DROP);
	return finish(all, len, ENCAPSULATED, XDP_TX);
}

static __always_inline int send_reply(struct xdp_md *ctx, struct frame *f, const struct flow_key *key,
				      struct counters *all, __u32 len)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct origin *origin = bpf_map_lookup_elem(&replies, key);

	if (!origin)
		return finish(all, len, NOT_VIP, XDP_PASS);
	if ((void *)(eth + 1) > f->end)
		return finish(all, len, MALFORMED, XDP_DROP);
	set_macs(eth, origin->mac);
	if (!rewrite(f, true, &origin->addr, origin->port))
		return finish(all, len, MALFORMED, XDP_DROP);
	return finish(all, len, REPLY, XDP_TX);
}

static __always_inline int balance(struct xdp_md *ctx, struct frame *f, struct counters *all, __u32 len)
{
	struct flow_key key = {
		.source = f->saddr,
		.destination = f->daddr,
		.source_port = f->source,
		.destination_port = f->destination,
		.proto = f->proto,
	};
	struct vip_key vip_key = {.addr = f->daddr, .port = f->destination, .proto = f->proto};
	struct vip *vip = bpf_map_lookup_elem(&vips, &vip_key);
	struct backend *b;

	if (!vip)
		return send_reply(ctx, f, &key, all, len);
	b = choose(&key, vip, all);
	if (!b)
		return finish(all, len, NO_BACKEND, XDP_DROP);
	if (vip->mode == ENCAP)
		return send_encapsulated(ctx, f, b, all, len);
	return send_rewritten(ctx, f, &key, b, all, len);
}

SEC("xdp")
int xdp_lb(struct xdp_md *ctx)
{
	__u32 len = ctx->data_end - ctx->data;
	__u32 zero = 0;
	struct counters *all = bpf_map_lookup_elem(&counters, &zero);
	struct frame f;

	if (!all)
		return XDP_PASS;
	switch (parse_frame(ctx, &f)) {
	case PARSED:
		break;
	case PARSED_NOT_IP:
		return finish(all, len, NOT_IP, XDP_PASS);
	default:
		/* Not ours to judge: the host's stack drops and counts it. */
		return finish(all, len, MALFORMED, XDP_PASS);
	}
	if (f.fragment)
		return finish(all, len, FRAGMENT, XDP_PASS);
	if (!f.has_ports || f.tags)
		return finish(all, len, NOT_VIP, XDP_PASS);
	return balance(ctx, &f, all, len);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
