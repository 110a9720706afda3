/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Keys, values and events of egress.bpf.c, which says what they mean; shared with the user's part. */
#ifndef SKEP_APPS_EGRESS_H
#define SKEP_APPS_EGRESS_H

#include <linux/types.h>
#include <linux/in6.h>

enum {
	EGRESS_NAME_MAX = 253, /* characters of a host name (RFC 1035) */
	EGRESS_NAME_KEY = 256, /* what an LPM trie of the kernel takes */
	EGRESS_NAME_SHOWN = 128, /* of a name, its end, in events and in what was learnt */
	EGRESS_NAMES = 1024, /* rules with a name */
	EGRESS_HOST_NAMES = 2, /* of the machine, which have no rule of the policy */
	EGRESS_PREFIXES = 4096, /* rules with an address */
	EGRESS_EXES = 64, /* patterns of executables: bits of a mask */
	EGRESS_SET = 256, /* clauses that may bear on one name or address */
	EGRESS_CLAUSES = 65536,
	EGRESS_SLOTS = 8, /* names remembered for an address */
	EGRESS_DNS = 53,
	EGRESS_RESOLVERS = 16,
	EGRESS_LINKS = 64, /* IPv6 prefixes that are on the interface's own link */
};

/* Rule numbers: those below EGRESS_RULE_USER are not the user's. */
enum egress_rule {
	EGRESS_RULE_DEFAULT,
	EGRESS_RULE_METADATA, /* link-local and metadata addresses */
	EGRESS_RULE_HOST, /* the machine's own loopback, and the tree's network that leads there */
	EGRESS_RULE_LOCAL, /* addresses that are nobody's: loopback, multicast, mapped */
	EGRESS_RULE_FRAME, /* the frame's shape decided */
	EGRESS_RULE_DNS, /* the tree's resolver was asked for a name that is allowed */
	EGRESS_RULE_INBOUND, /* a published port */
	EGRESS_RULE_EARLIER, /* counted for flows that a policy before this one allowed */
	EGRESS_RULE_USER = 16, /* and on: the policy's rules in their order */
	EGRESS_RULES = EGRESS_RULE_USER + EGRESS_NAMES + EGRESS_PREFIXES,
};

enum egress_verdict {
	EGRESS_ALLOWED, /* a flow begins */
	EGRESS_REFUSED,
	EGRESS_WOULD_REFUSE, /* audit: it was let through */
	EGRESS_NAMED, /* an allowed flow's client named this host in TLS or HTTP */
};

enum egress_reason {
	EGRESS_BY_RULE, /* a rule of the policy, or its default */
	EGRESS_BY_ADDRESS_KIND, /* a rule below EGRESS_RULE_USER */
	EGRESS_QUERY_NAME, /* the DNS query is for a name that no rule allows */
	EGRESS_QUERY_MALFORMED,
	EGRESS_QUERY_HIDDEN, /* a segment of DNS over TCP that is not one or two whole queries */
	EGRESS_TLS_NAME, /* the ClientHello names a host that is not allowed */
	EGRESS_HTTP_NAME, /* the request's Host is not allowed */
	EGRESS_NO_NAME, /* the address is shared, and the client named no host */
	EGRESS_NAME_CUT, /* the name was not in the first segments */
	EGRESS_QUIC, /* UDP port 443 of an address that is allowed by name only */
	EGRESS_NOT_IP,
	EGRESS_MALFORMED,
	EGRESS_FRAGMENT,
	EGRESS_NO_FLOW, /* the middle of a TCP connection whose beginning was not seen */
	EGRESS_SEGMENT, /* TCP data that is not in order while names are checked */
	EGRESS_UNASKED, /* it came to the tree, and the tree had not asked for it */
	EGRESS_REASONS,
};

/* A run of clauses: the first that matches decides. */
struct egress_set {
	__u32 first;
	__u32 n;
};

struct egress_clause {
	__u16 low, high; /* ports, host byte order */
	__u8 proto; /* IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP (either version), 0: any */
	__u8 any_port;
	__u8 exe; /* 0: any program; else bit exe - 1 of the owner's mask */
	__u8 allow;
	__u32 rule;
};

struct egress_config {
	struct egress_set any; /* rules for every host */
	__u8 allow; /* what no rule decides */
	__u8 audit;
	__u8 denies_names;
	__u8 has_exe; /* some rule asks whose a socket is */
	__u32 ttl_floor; /* seconds */
	__u32 policy; /* rule numbers are this one's */
};

struct egress_key4 {
	__u32 prefixlen;
	__be32 addr;
};

struct egress_key6 {
	__u32 prefixlen;
	struct in6_addr addr;
};

/* A name in lower case, backwards, so that a suffix is a prefix; a whole name ends with a zero byte. */
struct egress_name {
	__u32 prefixlen; /* bits */
	__u8 back[EGRESS_NAME_KEY];
};

/* Seen from the tree. ICMP: both ports are the echo's id, or 0. */
struct egress_flow_key {
	struct in6_addr local, remote;
	__u16 local_port, remote_port;
	__u8 proto;
	__u8 pad[3];
};

enum egress_check {
	EGRESS_CHECK_NONE,
	EGRESS_CHECK_ALLOW, /* the name must be allowed */
	EGRESS_CHECK_DENY, /* the name must not be denied */
	EGRESS_CHECK_DNS, /* each segment is one query */
};

struct egress_flow {
	__u64 last_ns;
	__u64 owner; /* mask that it was judged with */
	__u32 rule;
	__u32 start; /* sequence number of the tree's first byte, as acknowledged */
	__u32 checked; /* what lies before was looked at; DNS: what comes next */
	__u32 cut; /* where the segment that ended in the middle of a hello ended */
	__u16 skip, left; /* there: bytes to skip, bytes of extensions left */
	__u8 refused;
	__u8 check;
	__u8 clear; /* every name known of the address is allowed */
	__u8 confirmed; /* start is known */
	__u8 done; /* the name was found, or is not needed */
	__u8 is_cut;
	__u8 inbound;
	__u8 beyond; /* bytes behind checked have been let go */
	__u32 policy; /* whose rule number it is */
};

struct egress_learnt_key {
	struct in6_addr addr;
	__u32 slot;
};

struct egress_learnt {
	__u64 expires; /* CLOCK_MONOTONIC, ns */
	struct egress_name name;
	__u32 len;
};

struct egress_asked_key {
	__u16 port;
	__be16 id;
	__u8 tcp;
	__u8 version;
	__u16 pad;
};

struct egress_asked {
	__u64 at;
	__u32 len;
	__u32 type;
	__u8 back[EGRESS_NAME_KEY];
};

struct egress_fragment_key {
	struct in6_addr local, remote;
	__u32 id;
	__u32 proto;
};

struct egress_port {
	__u16 proto;
	__u16 port;
};

struct egress_counter {
	__u64 hits; /* flows and queries */
	__u64 bytes; /* of frames, both ways */
};

struct egress_stats {
	__u64 lost_events;
	__u64 dropped[EGRESS_REASONS]; /* frames that were not let through, answered or not */
};

struct event {
	__u64 ns; /* CLOCK_MONOTONIC */
	__u64 cookie; /* 0: none */
	struct in6_addr local, remote; /* IPv4: mapped */
	__u16 local_port, remote_port; /* ICMP: remote_port is type * 256 + code */
	__u16 query; /* type of a DNS query, else 0 */
	__u8 proto;
	__u8 verdict;
	__u8 reason;
	__u8 inbound;
	__u16 name_len;
	__u32 rule;
	__u8 back[EGRESS_NAME_SHOWN]; /* the end of the name, backwards; see egress_event() */
	__u32 policy; /* whose rule number it is */
	__u32 pad;
};

/* What the map `policy` begins with: the policy's text follows, for those who show rules by their numbers. No program reads it. */
struct egress_text {
	__u32 policy;
	__u32 len; /* bytes */
};

#endif
