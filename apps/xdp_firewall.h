/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Keys and values of the maps of xdp_firewall.bpf.c, which says what they mean. */
#ifndef SKEP_APPS_XDP_FIREWALL_H
#define SKEP_APPS_XDP_FIREWALL_H

#include <linux/types.h>
#include <linux/in6.h>

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

enum direction {
	DESTINATION,
	SOURCE,
};

struct rule {
	enum action action;
};

/* What is NONE for one side falls back to action, which is for either. */
struct prefix_rule {
	enum action action;
	enum action source;
	enum action destination;
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
	__u16 port; /* host byte order */
	enum direction direction; /* DESTINATION with port 0 */
};

struct counter {
	__u64 passed; /* frames */
	__u64 dropped;
	__u64 bytes; /* of both */
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

#endif
