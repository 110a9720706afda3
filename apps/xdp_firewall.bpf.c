/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * xdp-firewall: drops or passes a frame by address prefix, port and protocol, from maps that the user fills.
 *
 *   map       key                        value               meaning
 *   config    0                          struct config       what happens to frames that no rule names
 *   rules4    {prefixlen, addr}          struct prefix_rule  IPv4 prefix, as a source, as a destination, or as either
 *   rules6    {prefixlen, addr}          struct prefix_rule  the same for IPv6
 *   ports     {proto, port, direction}   struct rule         TCP (6) or UDP (17) port, as destination or as source;
 *                                                            port 0: the whole protocol, whichever it is
 *   counters  0                          struct counters     frames by what decided and how (per CPU)
 *
 * Order: a frame that is not IP takes config.other. The source's prefix is looked at first, then the
 * destination's, then the destination port, the source port, and the protocol; the first rule that decides ends
 * it. The longest prefix that matches is the one that counts, also when it leaves the question open. What is left
 * takes config.unmatched.
 *
 * Up to two VLAN tags are looked through; what has more is not IP. Of a fragmented packet the later fragments have
 * no ports: only prefixes and whole-protocol rules apply to them, so to shut a fragmented service out, shut out
 * the protocol or the prefix, or rely on the first fragment's drop: without it nothing is reassembled.
 *
 * Dropped as malformed, whatever the rules say: a frame that is cut off inside its headers; a version or header
 * length that cannot be; more than six IPv6 extension headers, for behind them nothing can be known; a TCP
 * fragment that begins 8 bytes in and could overwrite the flags (RFC 1858).
 *
 * examples:
 *   skep map update xdp-firewall rules4 '{"prefixlen": 24, "addr": "198.51.100.0"}' '{"action": "DROP"}' \
 *        --state fw.state
 *   skep map update xdp-firewall rules6 '{"prefixlen": 48, "addr": "2001:db8:bad::"}' '{"source": "DROP"}' \
 *        --state fw.state
 *   skep map update xdp-firewall ports '{"proto": 6, "port": 23}' '{"action": "DROP"}' --state fw.state
 *   skep map update xdp-firewall ports '{"proto": 17, "port": 123, "direction": "SOURCE"}' '{"action": "DROP"}' \
 *        --state fw.state
 *   skep map update xdp-firewall ports '{"proto": 47}' '{"action": "DROP"}' --state fw.state
 *   skep map update xdp-firewall config 0 '{"unmatched": "DROP"}' --state fw.state
 *   skep replay xdp-firewall capture.pcapng --state fw.state
 */
#include "frame.bpf.h"
#include "xdp_firewall.h"

enum { MAX_RULES = 131072 };

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
	__type(value, struct prefix_rule);
} rules4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_RULES);
	__type(key, struct key6);
	__type(value, struct prefix_rule);
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

static __always_inline int finish(struct xdp_md *ctx, enum reason reason, enum action action)
{
	__u32 zero = 0;
	struct counters *all = bpf_map_lookup_elem(&counters, &zero);

	if (all) {
		struct counter *c = (struct counter *)all + reason;

		if (action == DROP)
			c->dropped++;
		else
			c->passed++;
		c->bytes += ctx->data_end - ctx->data;
	}
	return action == DROP ? XDP_DROP : XDP_PASS;
}

static __always_inline enum action side(const struct prefix_rule *rule, enum direction direction)
{
	enum action own;

	if (!rule)
		return NONE;
	own = direction == SOURCE ? rule->source : rule->destination;
	return own ? own : rule->action;
}

static __always_inline enum action look_up(const struct frame *f, const struct in6_addr *addr, enum direction direction)
{
	struct key4 key4 = {.prefixlen = 32, .addr = unmapped(addr)};
	struct key6 key6 = {.prefixlen = 128, .addr = *addr};

	return side(f->version == 4 ? bpf_map_lookup_elem(&rules4, &key4) : bpf_map_lookup_elem(&rules6, &key6),
		    direction);
}

static __always_inline enum action look_up_port(__u16 proto, __u16 port, enum direction direction)
{
	_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the parts of a key, lowest first");
	/* Put together in a register: a hash that reads more than was stored at a time waits for the stores to arrive. */
	union {
		struct port_key parts;
		__u64 word;
	} key = {.word = (__u64)proto | (__u64)port << 16 | (__u64)direction << 32};
	struct rule *rule = bpf_map_lookup_elem(&ports, &key);

	return rule ? rule->action : NONE;
}

static __always_inline int filter(struct xdp_md *ctx, const struct frame *f)
{
	__u32 zero = 0;
	struct config *c;
	enum action action;

	action = look_up(f, &f->saddr, SOURCE);
	if (action)
		return finish(ctx, REASON_SOURCE, action);
	action = look_up(f, &f->daddr, DESTINATION);
	if (action)
		return finish(ctx, REASON_DESTINATION, action);
	if (f->has_ports) {
		action = look_up_port(f->proto, f->destination, DESTINATION);
		if (!action)
			action = look_up_port(f->proto, f->source, SOURCE);
		if (action)
			return finish(ctx, REASON_PORT, action);
	}
	action = look_up_port(f->proto, 0, DESTINATION);
	if (action)
		return finish(ctx, REASON_PROTOCOL, action);
	c = bpf_map_lookup_elem(&config, &zero);
	return finish(ctx, REASON_UNMATCHED, c ? c->unmatched : PASS);
}

SEC("xdp")
int xdp_firewall(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct config *c;
	struct frame f;

	switch (parse_frame(ctx, &f)) {
	case PARSED:
		return filter(ctx, &f);
	case PARSED_NOT_IP:
		c = bpf_map_lookup_elem(&config, &zero);
		return finish(ctx, REASON_NOT_IP, c ? c->other : PASS);
	default:
		return finish(ctx, REASON_MALFORMED, DROP);
	}
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
