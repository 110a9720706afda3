/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The maps of egress.bpf.c, and the memory that its parts work in. */
#ifndef SKEP_APPS_EGRESS_MAPS_BPF_H
#define SKEP_APPS_EGRESS_MAPS_BPF_H

#include "frame.bpf.h"
#include "egress.h"

/*
 * Loops over bytes and clauses are bpf_loop()s: the verifier looks at their body once, not at every round of it. What is
 * left stays rolled.
 */
#define ROLLED _Pragma("clang loop unroll(disable)")
enum { GO_ON, STOP };

enum {
	MESSAGE_MAX = 12 + 256 + 4, /* as much of a DNS message as has its question */
	BODY_MAX = 512,
	NAME_BUFFER = 256,
	SEGMENT_BUFFER = 4096, /* as much of an HTTP request is searched for its Host */
};

/* What a segment says about the host that is meant. */
enum {
	NAMED_NOTHING, /* nothing, and it could have, or it is of no kind that does */
	NAMED_IN_TLS,
	NAMED_IN_HTTP,
	NAMED_LATER, /* in the next segment */
	NAMED_BADLY, /* it cannot be read as far as it should */
	NAMED_PERHAPS, /* text that may yet become a request */
	NAMED_WRONGLY, /* more than one host, or what is no name */
};

/* What the headers of this frame say, as numbers: packet pointers do not outlive a helper. Ports in host order. */
struct packet {
	struct in6_addr local, remote;
	__u64 now, cookie, owner;
	__u32 len, l3, l4, payload; /* offsets in the frame */
	__u32 payload_len; /* by the IP header: padding does not count */
	__u32 seq, ack, fragment_id;
	__u16 local_port, remote_port;
	__u8 proto, version, tcp_flags;
	__u8 fragment, later_fragment;
	__u8 icmp_type, icmp_code, inbound;
	__u8 owned; /* owner is known */
};

/* What shall become of it. */
struct decision {
	__u32 rule;
	__u8 refuse, reason, check, clear;
};

/* What is known of the names of an address. */
struct known {
	__u64 best;
	__u32 slot; /* the best to show */
	__u32 names, allowed, denied;
	__u32 allow_rule, deny_rule;
};

/* A request of HTTP/1 while it is read. */
struct request {
	__u32 line, column, spaces;
	__u32 matched; /* letters of "host:"; in the first line: the target has begun */
	__u32 host_len, hosts;
	__u32 found;
	__u32 end; /* of what that depends on; 0: all of it */
	__u8 in_host; /* 1: its name, 2: behind it */
	__u8 host_ended;
	__u8 last;
};

/* A frame at a time; one a CPU. */
struct work {
	struct packet p;
	struct decision d;
	struct known known;
	struct egress_flow_key key;
	struct egress_flow flow; /* to be put in */
	struct egress_name name; /* the name in question */
	struct egress_asked asked;
	struct egress_learnt learnt; /* to be put in */
	__u32 name_len;
	__u32 bare_len; /* of the name without labels of services in front */
	__u32 query_type;
	__u32 message_end; /* offset in the frame */
	__u32 shown_len; /* of the name that goes into events */
	__u8 shown[EGRESS_NAME_SHOWN];
	__u8 text[MESSAGE_MAX + 16]; /* bytes of a message */
	__u8 host[NAME_BUFFER]; /* a name as it was read */
	__u32 concluded; /* offset in the frame: what was found depends on nothing that lies there or later */
	__u32 skip, left; /* of a hello that goes on, as in struct egress_flow */
	struct request request;
	__u8 segment[SEGMENT_BUFFER];
	__u8 mac[16];
	__u8 ip[40];
	__u8 body[BODY_MAX];
};

#define MAP(name, kind, entries, key_type, value_type)                                                                 \
	struct {                                                                                                       \
		__uint(type, kind);                                                                                    \
		__uint(max_entries, entries);                                                                          \
		__type(key, key_type);                                                                                 \
		__type(value, value_type);                                                                             \
	} name SEC(".maps")

#define TRIE(name, entries, key_type)                                                                                  \
	struct {                                                                                                       \
		__uint(type, BPF_MAP_TYPE_LPM_TRIE);                                                                   \
		__uint(map_flags, BPF_F_NO_PREALLOC);                                                                  \
		__uint(max_entries, entries);                                                                          \
		__type(key, key_type);                                                                                 \
		__type(value, struct egress_set);                                                                      \
	} name SEC(".maps")

MAP(config, BPF_MAP_TYPE_ARRAY, 1, __u32, struct egress_config);
MAP(clauses, BPF_MAP_TYPE_ARRAY, EGRESS_CLAUSES, __u32, struct egress_clause);
TRIE(prefixes4, EGRESS_PREFIXES + 32, struct egress_key4);
TRIE(prefixes6, EGRESS_PREFIXES + 32, struct egress_key6);
TRIE(links, EGRESS_LINKS, struct egress_key6); /* the value means nothing */
TRIE(names, EGRESS_NAMES + EGRESS_HOST_NAMES, struct egress_name);
MAP(resolvers, BPF_MAP_TYPE_HASH, EGRESS_RESOLVERS, struct in6_addr, __u32);
MAP(owners, BPF_MAP_TYPE_LRU_HASH, 65536, __u64, __u64);
MAP(published, BPF_MAP_TYPE_HASH, 1024, struct egress_port, __u32);
MAP(flows, BPF_MAP_TYPE_LRU_HASH, 65536, struct egress_flow_key, struct egress_flow);
MAP(learnt, BPF_MAP_TYPE_LRU_HASH, 16384, struct egress_learnt_key, struct egress_learnt);
MAP(asked, BPF_MAP_TYPE_LRU_HASH, 4096, struct egress_asked_key, struct egress_asked);
MAP(fragments, BPF_MAP_TYPE_LRU_HASH, 1024, struct egress_fragment_key, __u32);
MAP(counters, BPF_MAP_TYPE_PERCPU_ARRAY, EGRESS_RULES, __u32, struct egress_counter);
MAP(stats, BPF_MAP_TYPE_PERCPU_ARRAY, 1, __u32, struct egress_stats);
MAP(works, BPF_MAP_TYPE_PERCPU_ARRAY, 1, __u32, struct work);

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

/* struct egress_text and the text: the user's part makes it as large as that is. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct egress_text));
} policy SEC(".maps");

/* bounded - @n & @mask, and the compiler may not think that it is needless: the verifier must see it. */
static __always_inline __u64 bounded(__u64 n, __u64 mask)
{
	asm volatile("%0 &= %1" : "+r"(n) : "r"(mask));
	return n;
}

/* at_least_1 - @n of 1 to @mask + 1, seen by verifiers (Linux 6.1) to which "not 0" does not mean "1 or more". */
static __always_inline __u64 at_least_1(__u64 n, __u64 mask)
{
	return bounded(n - 1, mask) + 1;
}

static __always_inline struct work *get_work(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&works, &zero);
}

static __always_inline struct egress_config *get_config(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&config, &zero);
}

static __always_inline void count(__u32 rule, __u32 hits, __u32 bytes)
{
	struct egress_counter *c = bpf_map_lookup_elem(&counters, &rule);

	if (c) {
		c->hits += hits;
		c->bytes += bytes;
	}
}

/* rule_of - what a flow is counted as: rule numbers are those of the policy that allowed it. */
static __always_inline __u32 rule_of(const struct egress_config *c, const struct egress_flow *flow)
{
	return flow->policy == c->policy || flow->rule < EGRESS_RULE_USER ? flow->rule : EGRESS_RULE_EARLIER;
}

static __always_inline void count_drop(__u8 reason)
{
	__u32 zero = 0;
	struct egress_stats *s = bpf_map_lookup_elem(&stats, &zero);

	if (s && reason < EGRESS_REASONS)
		s->dropped[reason]++;
}

/* Not inlined, so that the object's type information has struct event. */
static __noinline void fill_event(struct event *r, const struct work *w, const struct egress_config *c, __u32 verdict)
{
	r->ns = w->p.now;
	r->cookie = w->p.cookie;
	r->local = w->p.local;
	r->remote = w->p.remote;
	r->local_port = w->p.local_port;
	r->remote_port = w->p.remote_port;
	if (w->p.proto == IPPROTO_ICMP || w->p.proto == IPPROTO_ICMPV6)
		r->remote_port = w->p.icmp_type * 256 + w->p.icmp_code;
	r->query = w->query_type;
	r->proto = w->p.proto;
	r->verdict = verdict;
	r->reason = w->d.reason;
	r->inbound = w->p.inbound;
	r->name_len = w->shown_len;
	r->rule = w->d.rule;
	r->policy = c->policy;
	r->pad = 0;
	__builtin_memcpy(r->back, w->shown, sizeof(r->back));
}

/* tell - an event about the frame at work. Only what its decision and name say goes in. */
__noinline int tell(__u32 verdict)
{
	struct work *w = get_work();
	struct egress_config *c = get_config();
	struct event *r;
	__u32 zero = 0;

	if (!w || !c)
		return 0;
	r = bpf_ringbuf_reserve(&events, sizeof(*r), 0);
	if (!r) {
		struct egress_stats *s = bpf_map_lookup_elem(&stats, &zero);

		if (s)
			s->lost_events++;
		return 0;
	}
	fill_event(r, w, c, verdict);
	bpf_ringbuf_submit(r, 0);
	return 0;
}

#endif
