/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * egress-firewall: what a process tree may reach, by name, address, port and program. docs/policy.md has the rules; skep
 * run lays them out in the maps (egress_fill.c).
 *
 * Two programs at the tree's interface: tc/egress sees what leaves the tree, tc/ingress what comes to it. A frame that
 * nothing speaks against goes on to the next program (TC_ACT_UNSPEC).
 *
 * Theory of operation
 *
 * A flow is judged when it begins (egress_rules.bpf.h) and remembered in `flows`. Names are learnt from the answers of the tree's
 * own resolver to questions that the tree asked (egress_dns.bpf.h). An address that is allowed because of a name may be shared
 * by other names, so the first thing that the tree's side of a TCP connection says is looked at (egress_name.bpf.h). What is
 * refused is answered (egress_reply.bpf.h), and told in `events`.
 *
 * The tree is hostile: it may send any frame. What comes to it is from the network worker, and believed. So
 *  - a TCP connection's first sequence number is taken from the SYN that the other side acknowledged, not from the tree's;
 *  - nothing else is remembered of frames that the other side may have thrown away (a wrong checksum);
 *  - the middle of a connection whose beginning is not remembered goes on only where an address rule allows it;
 *  - later fragments go where the first went; fragments of TCP and of DNS go nowhere;
 *  - unasked for, only connections to published ports come to the tree, and only their answers leave.
 *
 *   map         key                    value            meaning
 *   config      0                      egress_config    default, audit, number of the policy
 *   names       name, backwards        egress_set       clauses for a name or suffix
 *   prefixes4/6 prefix                 egress_set       clauses for an address
 *   clauses     n                      egress_clause    ports, protocol, program, verdict, rule
 *   owners      socket cookie          mask             which exe= patterns hold for a socket
 *   published   {proto, port}          1                ports of the tree that may be connected to
 *   resolvers   address                1                whose answers teach names
 *   links       prefix                 any              where neighbours are (IPv6)
 *   learnt      {addr, slot}           egress_learnt    names of an address, with expiry
 *   asked       {port, id}             egress_asked     queries on their way
 *   flows       egress_flow_key        egress_flow      what was decided
 *   counters    rule                   egress_counter   flows and bytes of each rule (per CPU)
 *   stats       0                      egress_stats     frames kept back by reason; events lost (per CPU)
 *   events      ring buffer            event            verdicts
 *   policy      0                      egress_text      its text, for people
 */
#include "egress_dns.bpf.h"
#include "egress_maps.bpf.h"
#include "egress_name.bpf.h"
#include "egress_packet.bpf.h"
#include "egress_reply.bpf.h"
#include "egress_rules.bpf.h"

enum { IDLE_NS_SHIFT = 37 /* a datagram flow is judged anew after 137 s of silence */ };

enum { ND_FIRST = 133, ND_LAST = 136, MLD_FIRST = 130, MLD_LAST = 132, MLD2_REPORT = 143 };

static __always_inline void make_key(struct work *w)
{
	w->key = (struct egress_flow_key){.local = w->p.local,
					  .remote = w->p.remote,
					  .local_port = w->p.local_port,
					  .remote_port = w->p.remote_port,
					  .proto = w->p.proto};
}

static __always_inline bool is_resolver(const struct packet *p)
{
	return p->remote_port == EGRESS_DNS && (p->proto == IPPROTO_UDP || p->proto == IPPROTO_TCP) &&
	       bpf_map_lookup_elem(&resolvers, &p->remote);
}

/* Neighbour discovery and group membership: they end at the other side of the interface. */
static __always_inline bool is_neighbourly(const struct packet *p)
{
	struct egress_key6 to = {.prefixlen = 128, .addr = p->remote};
	__u8 first = p->remote.in6_u.u6_addr8[0], second = p->remote.in6_u.u6_addr8[1];
	bool near = (first == 0xfe && (second & 0xc0) == 0x80) || (first == 0xff && (second & 0x0f) == 2);

	if (p->proto != IPPROTO_ICMPV6 || p->fragment)
		return false;
	if (p->icmp_type >= ND_FIRST && p->icmp_type <= ND_LAST)
		return near || bpf_map_lookup_elem(&links, &to);
	return near && ((p->icmp_type >= MLD_FIRST && p->icmp_type <= MLD_LAST) || p->icmp_type == MLD2_REPORT);
}

/* begin - puts w->flow in for w->key. */
static __always_inline void begin(struct work *w, const struct egress_config *c, __u8 check)
{
	w->flow = (struct egress_flow){.last_ns = w->p.now,
				       .owner = w->p.owner,
				       .rule = w->d.rule,
				       .check = check,
				       .clear = w->d.clear,
				       .inbound = w->p.inbound,
				       .policy = c->policy};
	bpf_map_update_elem(&flows, &w->key, &w->flow, BPF_ANY);
}

static __always_inline bool is_syn(const struct packet *p)
{
	return (p->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/*
 * The messages of a segment of DNS over TCP, each behind its length (RFC 7766): one, or two, for the C library asks for both kinds of
 * address at once. Return: the length of the first, 0 when the segment is anything else. @rest: of the second, 0 if there is none.
 */
static __always_inline __u32 messages(struct __sk_buff *skb, const struct packet *p, __u32 *rest)
{
	__be16 len;
	__u32 first, left;

	*rest = 0;
	if (p->payload_len < 3 || bpf_skb_load_bytes(skb, p->payload, &len, 2))
		return 0;
	first = bpf_ntohs(len);
	if (first > p->payload_len - 2)
		return 0;
	left = p->payload_len - 2 - first;
	if (!left)
		return first;
	if (left < 3 || bpf_skb_load_bytes(skb, p->payload + 2 + first, &len, 2) || bpf_ntohs(len) != left - 2)
		return 0;
	*rest = left - 2;
	return first;
}

/* A segment of a connection to the resolver. */
static __always_inline int dns_segment(struct __sk_buff *skb, struct work *w, const struct egress_config *c,
				       struct egress_flow *flow)
{
	const struct packet *p = &w->p;
	__u32 at = p->payload + 2, first, rest;
	int verdict;

	if (!p->payload_len)
		return TC_ACT_UNSPEC;
	if (!flow->confirmed || !(p->seq == flow->checked || (flow->is_cut && p->seq == flow->cut &&
							      p->payload_len == (__u32)(flow->checked - flow->cut))))
		return refuse_for(skb, w, c, EGRESS_SEGMENT, false);
	first = messages(skb, p, &rest);
	if (!first || p->tcp_flags & TCP_URG) {
		flow->refused = !c->audit;
		return refuse_for(skb, w, c, EGRESS_QUERY_HIDDEN, true);
	}
	flow->is_cut = 1;
	flow->cut = p->seq;
	flow->checked = p->seq + p->payload_len;
	verdict = dns_query(skb, at, first);
	if (verdict == TC_ACT_UNSPEC && rest)
		verdict = dns_query(skb, at + first + 2, rest);
	return verdict;
}

static __always_inline int to_resolver(struct __sk_buff *skb, struct work *w, const struct egress_config *c)
{
	struct egress_flow *flow;

	if (w->p.fragment)
		return refuse_for(skb, w, c, EGRESS_FRAGMENT, false);
	if (w->p.proto == IPPROTO_UDP)
		return dns_query(skb, w->p.payload, w->p.payload_len);
	flow = bpf_map_lookup_elem(&flows, &w->key);
	if (is_syn(&w->p)) {
		if (w->p.payload_len)
			return refuse_for(skb, w, c, EGRESS_SEGMENT, false);
		if (!flow || flow->confirmed || flow->refused) {
			w->d.rule = EGRESS_RULE_DNS;
			begin(w, c, EGRESS_CHECK_DNS);
		}
		return TC_ACT_UNSPEC;
	}
	if (w->p.tcp_flags & TCP_RST)
		return TC_ACT_UNSPEC;
	if (!flow || flow->refused) {
		if (c->audit)
			return TC_ACT_UNSPEC;
		w->d.rule = EGRESS_RULE_FRAME;
		w->d.reason = EGRESS_NO_FLOW;
		count_drop(EGRESS_NO_FLOW);
		return answer_refused(skb);
	}
	return dns_segment(skb, w, c, flow);
}

/* A later fragment goes where its first went. */
static __always_inline int fragment(struct __sk_buff *skb, struct work *w, const struct egress_config *c, bool first)
{
	struct egress_fragment_key key = {
		.local = w->p.local, .remote = w->p.remote, .id = w->p.fragment_id, .proto = w->p.proto};
	__u32 one = 1;

	if (first)
		return bpf_map_update_elem(&fragments, &key, &one, BPF_ANY);
	if (bpf_map_lookup_elem(&fragments, &key)) {
		count(EGRESS_RULE_FRAME, 0, w->p.len);
		return TC_ACT_UNSPEC;
	}
	return refuse_for(skb, w, c, EGRESS_FRAGMENT, false);
}

/* A frame of a flow that begins, or that is not remembered. */
static __always_inline int new_flow(struct __sk_buff *skb, struct work *w, const struct egress_config *c)
{
	const struct packet *p = &w->p;

	decide();
	if (w->d.refuse) {
		/* The tree's answers to errors of its own are no attempt to reach somebody. */
		if (is_error(p) && !c->audit) {
			count_drop(w->d.reason);
			return TC_ACT_SHOT;
		}
		return refuse(skb, w, c, true);
	}
	if (p->proto == IPPROTO_TCP && !is_syn(p) && w->d.check != EGRESS_CHECK_NONE && !c->audit) {
		if (p->tcp_flags & TCP_RST)
			return TC_ACT_SHOT;
		return refuse_for(skb, w, c, EGRESS_NO_FLOW, true);
	}
	if (is_syn(p) && p->payload_len && w->d.check != EGRESS_CHECK_NONE)
		return refuse_for(skb, w, c, EGRESS_SEGMENT, false);
	begin(w, c, w->d.check);
	count(w->d.rule, 1, p->len);
	tell(EGRESS_ALLOWED);
	return TC_ACT_UNSPEC;
}

static __always_inline int known_flow(struct __sk_buff *skb, struct work *w, const struct egress_config *c,
				      struct egress_flow *flow)
{
	const struct packet *p = &w->p;

	if (flow->refused) {
		/* It has been told. The tree's own reset lets the other side go. */
		if (p->tcp_flags & TCP_RST)
			return TC_ACT_UNSPEC;
		w->d.rule = rule_of(c, flow);
		return answer_refused(skb);
	}
	flow->last_ns = p->now;
	if (flow->check) {
		int verdict = check_segment(skb, w, c, flow);

		if (verdict != TC_ACT_UNSPEC)
			return verdict;
	}
	count(rule_of(c, flow), 0, p->len);
	return TC_ACT_UNSPEC;
}

/* Does the frame begin another flow with the same ports? */
static __always_inline bool is_stale(const struct egress_config *c, const struct packet *p,
				     const struct egress_flow *flow)
{
	bool other = p->owned && p->owner != flow->owner; /* another socket has taken the port over */

	if (p->proto == IPPROTO_TCP)
		return is_syn(p) && (flow->confirmed || flow->refused || flow->inbound || other);
	/* Datagrams have no connection that could be torn: they are held to a new policy at once. */
	return other || (flow->policy != c->policy && !flow->inbound) || (p->now - flow->last_ns) >> IDLE_NS_SHIFT;
}

SEC("tc/egress")
int egress_out(struct __sk_buff *skb)
{
	struct egress_config *c = get_config();
	struct work *w = get_work();
	struct egress_flow *flow;
	enum parsed parsed;
	__u64 *owner;
	int verdict;

	if (!c || !w)
		return TC_ACT_SHOT;
	parsed = read_packet(skb, 0);
	if (parsed == PARSED && !w->p.version)
		return TC_ACT_UNSPEC; /* ARP */
	if (parsed != PARSED)
		return refuse_for(skb, w, c, parsed == PARSED_NOT_IP ? EGRESS_NOT_IP : EGRESS_MALFORMED, false);
	w->p.cookie = bpf_get_socket_cookie(skb);
	owner = c->has_exe ? bpf_map_lookup_elem(&owners, &w->p.cookie) : NULL;
	w->p.owned = !!owner;
	w->p.owner = owner ? *owner : 0;
	if (is_neighbourly(&w->p))
		return TC_ACT_UNSPEC;
	if (w->p.fragment && (w->p.proto == IPPROTO_TCP || (w->p.version == 6 && w->p.proto == IPPROTO_ICMPV6)))
		return refuse_for(skb, w, c, EGRESS_FRAGMENT, false);
	if (w->p.later_fragment)
		return fragment(skb, w, c, false);
	make_key(w);
	if (is_resolver(&w->p))
		return to_resolver(skb, w, c);
	flow = bpf_map_lookup_elem(&flows, &w->key);
	if (flow && !is_stale(c, &w->p, flow))
		verdict = known_flow(skb, w, c, flow);
	else
		verdict = new_flow(skb, w, c);
	if (verdict == TC_ACT_UNSPEC && w->p.fragment)
		fragment(skb, w, c, true);
	return verdict;
}

/* From the resolver. What was not asked for does not come in. */
static __always_inline int from_resolver(struct __sk_buff *skb, struct work *w, const struct egress_config *c)
{
	const struct packet *p = &w->p;
	__u32 first, rest;

	if (p->proto == IPPROTO_UDP) {
		if (p->fragment || dns_answer(skb, p->payload, p->payload_len) || c->audit)
			return TC_ACT_UNSPEC;
		count_drop(EGRESS_UNASKED);
		return TC_ACT_SHOT;
	}
	first = messages(skb, p, &rest);
	if (first)
		dns_answer(skb, p->payload + 2, first);
	if (rest)
		dns_answer(skb, p->payload + 4 + first, rest);
	return TC_ACT_UNSPEC;
}

static __always_inline int unasked(struct work *w, const struct egress_config *c)
{
	struct egress_port port = {.proto = w->p.proto, .port = w->p.local_port};
	bool begins = w->p.proto == IPPROTO_UDP || (w->p.proto == IPPROTO_TCP && is_syn(&w->p));

	w->d.rule = EGRESS_RULE_INBOUND;
	w->d.reason = EGRESS_BY_ADDRESS_KIND;
	if (begins && bpf_map_lookup_elem(&published, &port)) {
		begin(w, c, EGRESS_CHECK_NONE);
		count(EGRESS_RULE_INBOUND, 1, w->p.len);
		tell(EGRESS_ALLOWED);
		return TC_ACT_UNSPEC;
	}
	/* Resets and the like of connections that are over: no news. */
	if (!begins) {
		count(EGRESS_RULE_INBOUND, 0, w->p.len);
		return TC_ACT_UNSPEC;
	}
	w->d.reason = EGRESS_UNASKED;
	count(EGRESS_RULE_INBOUND, 1, w->p.len);
	if (c->audit) {
		tell(EGRESS_WOULD_REFUSE);
		return TC_ACT_UNSPEC;
	}
	tell(EGRESS_REFUSED);
	count_drop(EGRESS_UNASKED);
	return TC_ACT_SHOT;
}

static __always_inline void confirm(const struct packet *p, struct egress_flow *flow)
{
	if ((p->tcp_flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK)) {
		if (flow->confirmed && flow->start == p->ack)
			return;
		flow->start = flow->checked = p->ack;
		flow->confirmed = 1;
		flow->done = flow->is_cut = flow->beyond = 0;
		return;
	}
	/* What the other side has, it will not take again: nothing is left to look at. */
	if (flow->done && p->tcp_flags & TCP_ACK && (__s32)(p->ack - flow->checked) >= 0)
		flow->check = EGRESS_CHECK_NONE;
}

SEC("tc/ingress")
int egress_in(struct __sk_buff *skb)
{
	struct egress_config *c = get_config();
	struct work *w = get_work();
	struct egress_flow *flow;

	if (!c || !w)
		return TC_ACT_SHOT;
	if (skb->mark == EGRESS_OWN_REPLY) {
		skb->mark = 0;
		return TC_ACT_UNSPEC;
	}
	/* What cannot be read is the receiver's to judge. */
	if (read_packet(skb, 1) != PARSED || !w->p.version || w->p.later_fragment)
		return TC_ACT_UNSPEC;
	if (w->p.proto == IPPROTO_ICMP || w->p.proto == IPPROTO_ICMPV6)
		return TC_ACT_UNSPEC;
	make_key(w);
	flow = bpf_map_lookup_elem(&flows, &w->key);
	if (flow && w->p.proto == IPPROTO_TCP) {
		if (flow->refused)
			return w->p.tcp_flags & TCP_RST ? TC_ACT_UNSPEC : reply_reset(skb, w, 0);
		if (flow->check || w->p.tcp_flags & TCP_SYN)
			confirm(&w->p, flow);
	}
	if (is_resolver(&w->p))
		return from_resolver(skb, w, c);
	if (!flow)
		return unasked(w, c);
	flow->last_ns = w->p.now;
	count(rule_of(c, flow), 0, w->p.len);
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
