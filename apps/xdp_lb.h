/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Keys and values of the maps of xdp_lb.bpf.c, which says what they mean. */
#ifndef SKEP_APPS_XDP_LB_H
#define SKEP_APPS_XDP_LB_H

#include <linux/types.h>
#include <linux/if_ether.h>
#include <linux/in6.h>

#include "lb_limits.h"

enum mode {
	REWRITE,
	ENCAP,
};

enum state {
	ABSENT,
	PRESENT,
};

enum outcome {
	NOT_IP,
	MALFORMED,
	NOT_VIP,
	FRAGMENT,
	NO_BACKEND,
	MISCONFIGURED,
	REWRITTEN,
	ENCAPSULATED,
	REPLY,
	OUTCOMES,
};

struct config {
	__be32 source4; /* outer source of encapsulated frames */
	struct in6_addr source6;
};

struct vip_key {
	struct in6_addr addr;
	__u16 port; /* host byte order, here and below */
	__u16 proto;
};

struct vip {
	__u32 table;
	enum mode mode;
};

struct lb_table {
	__u16 backend[LB_TABLE_SIZE]; /* 0: none */
};

struct backend {
	struct in6_addr addr;
	__u16 port; /* REWRITE; 0: the VIP's */
	__u8 mac[ETH_ALEN]; /* the backend's own, or the router's on the way to it */
	enum state state;
};

struct flow_key {
	struct in6_addr source;
	struct in6_addr destination;
	__u16 source_port;
	__u16 destination_port;
	__u32 proto;
};

struct connection {
	__u32 backend;
};

struct origin {
	struct in6_addr addr; /* the VIP */
	__u16 port;
	__u8 mac[ETH_ALEN]; /* where the client's frames came from */
};

struct counter {
	__u64 frames;
	__u64 bytes; /* as they came */
};

/* A slot for each enum outcome, in its order. */
struct counters {
	struct counter not_ip;
	struct counter malformed;
	struct counter not_vip;
	struct counter fragment;
	struct counter no_backend;
	struct counter misconfigured;
	struct counter rewritten;
	struct counter encapsulated;
	struct counter reply;
	__u64 new_connections;
};
_Static_assert(sizeof(struct counters) == OUTCOMES * sizeof(struct counter) + 8, "one slot an outcome");

#endif
