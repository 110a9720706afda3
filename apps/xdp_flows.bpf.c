/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * xdp-flows: counts frames and bytes of each flow, and tells of flows that begin and of TCP flows that end. Passes
 * everything.
 *
 *   map     key               value         meaning
 *   flows   struct flow_key   struct flow   what was seen of each flow; the least recently used makes room
 *   events                    struct event  ring buffer: FLOW_NEW at a flow's first frame; FLOW_FIN or FLOW_RST at the
 *                                           first FIN or RST of a TCP flow
 *   stats   0                 struct stats  what has been seen in all (per CPU)
 *
 * A flow is one direction: source and destination address and port, protocol, and the outermost VLAN. IPv4
 * addresses stand as ::ffff:192.0.2.1. ICMP and ICMPv6 have type * 256 + code for a destination port. Later
 * fragments of a packet have no ports and count as a flow of ports 0. A SYN that opens a connection again after
 * its end begins a new flow in the same place. What is not IP, or malformed (frame.bpf.h says when), is counted in
 * stats only.
 *
 * Bytes are those of the frame, from the Ethernet header on. When the ring is full, stats.lost_events counts what
 * could not be told.
 *
 * examples:
 *   tcpdump -w - -c 1000 | skep replay xdp-flows -
 *   skep replay xdp-flows capture.pcapng --verbose
 *   skep replay xdp-flows capture.pcapng --json | jq -c 'select(.map == "flows")'
 */
#include "frame.bpf.h"
#include "xdp_flows.h"

enum { MAX_FLOWS = 65536, RING_SIZE = 1 << 20 };

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_FLOWS);
	__type(key, struct flow_key);
	__type(value, struct flow);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, RING_SIZE);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct stats);
} stats SEC(".maps");

/* Not inlined, so that the object's type information has struct event. */
static __noinline void fill_event(struct event *e, const struct flow_key *key, const struct flow *flow)
{
	e->flow = *key;
	e->packets = flow->packets;
	e->bytes = flow->bytes;
}

static __always_inline void tell(struct stats *s, enum event_kind kind, const struct flow_key *key,
				 const struct flow *flow, __u32 len)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e) {
		s->lost_events++;
		return;
	}
	e->kind = kind;
	e->frame_len = len;
	fill_event(e, key, flow);
	bpf_ringbuf_submit(e, 0);
}

/* A SYN on a flow that has ended: the ports are used again. */
static __always_inline bool opens_again(const struct flow *flow, __u8 flags)
{
	return (flags & TCP_SYN) && (flow->tcp_flags & (TCP_FIN | TCP_RST));
}

static __always_inline void count(struct stats *s, const struct frame *f, __u32 len)
{
	__u64 now = bpf_ktime_get_ns();
	__u8 end = f->tcp_flags & (TCP_FIN | TCP_RST);
	struct flow_key key = {
		.source = f->saddr,
		.destination = f->daddr,
		.source_port = f->source,
		.destination_port = f->destination,
		.proto = f->proto,
		.vlan = f->vlan,
	};
	struct flow *flow;

	flow = bpf_map_lookup_elem(&flows, &key);
	if (!flow || opens_again(flow, f->tcp_flags)) {
		struct flow fresh = {
			.packets = 1, .bytes = len, .first_ns = now, .last_ns = now, .tcp_flags = f->tcp_flags};

		bpf_map_update_elem(&flows, &key, &fresh, BPF_ANY);
		s->new_flows++;
		tell(s, FLOW_NEW, &key, &fresh, len);
		if (end) {
			s->ended_flows++;
			tell(s, end & TCP_RST ? FLOW_RST : FLOW_FIN, &key, &fresh, len);
		}
		return;
	}
	/* Another CPU may have the same flow at work. */
	__sync_fetch_and_add(&flow->packets, 1);
	__sync_fetch_and_add(&flow->bytes, len);
	flow->last_ns = now;
	if (end && !(flow->tcp_flags & (TCP_FIN | TCP_RST))) {
		s->ended_flows++;
		tell(s, end & TCP_RST ? FLOW_RST : FLOW_FIN, &key, flow, len);
	}
	flow->tcp_flags |= f->tcp_flags;
}

SEC("xdp")
int xdp_flows(struct xdp_md *ctx)
{
	__u32 len = ctx->data_end - ctx->data;
	__u32 zero = 0;
	struct stats *s = bpf_map_lookup_elem(&stats, &zero);
	struct frame f;

	if (!s)
		return XDP_PASS;
	s->packets++;
	s->bytes += len;
	switch (parse_frame(ctx, &f)) {
	case PARSED:
		count(s, &f, len);
		break;
	case PARSED_NOT_IP:
		s->not_ip++;
		break;
	default:
		s->malformed++;
	}
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
