/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flows: what belongs together of a tree's frames, by protocol and both ends. The table holds FLOW_MAX of them; when it is full the
 * one that was longest silent goes, after it has been handed to whoever wants to know of its end.
 */
#ifndef SKEP_HOOK_NET_FLOW_H
#define SKEP_HOOK_NET_FLOW_H

#include "hook/net/chain.h"
#include "hook/net/ip.h"
#include "hook/tree/owner.h"

enum { FLOW_MAX = 16384 };

enum flow_dir { FLOW_OUT, FLOW_IN, FLOW_DIRS };

struct flow_key {
	struct in6_addr tree, far; /* IPv4 as ::ffff:a.b.c.d */
	uint16_t tree_port, far_port; /* host byte order; ICMP echo: the identifier */
	uint8_t family, proto;
	uint8_t pad[2];
};

struct flow {
	struct flow_key key;
	bool from_tree; /* who began */
	struct owner owner;
	uint64_t first_ns, last_ns; /* since 1970 */
	uint64_t looked_ns; /* when the owner was looked up */
	struct {
		uint64_t frames, bytes; /* that came to the hooks */
		uint64_t dropped, dropped_bytes; /* of these */
	} dir[FLOW_DIRS];
	struct chain_result verdict; /* the last one that dropped; else the last one */
	enum flow_dir verdict_dir;
	uint64_t
		refused; /* frames that the policy refused, whether answered or not; who watches the policy counts them */
	char name[256]; /* the far side's, as the tree's DNS gave it; "" */
	/* The table's. */
	struct flow *next, *newer, *older;
};

struct flows;

/* @ended: a flow leaves the table, at the end every one; may be NULL */
int flows_new(void (*ended)(void *arg, const struct flow *f), void *arg, struct flows **out);
/* flows_free - @ended is called for each that is left. */
void flows_free(struct flows *t);

/*
 * flows_get - the flow of a frame.
 * @fresh: true when it is a new one, whose owner and name are the caller's to fill in
 * Return: NULL for what is no IP, and without memory (counted).
 */
struct flow *flows_get(struct flows *t, const struct ip_view *v, enum flow_dir dir, uint64_t now, bool *fresh);

/*
 * flows_renew - another flow with the ends of this one has begun: the old one ends.
 * Return: the new one, as a fresh one of flows_get(); NULL without memory.
 */
struct flow *flows_renew(struct flows *t, struct flow *f, enum flow_dir dir, uint64_t now);

/* flows_from_outside - is this frame of the tree's part of a flow that somebody outside began? */
bool flows_from_outside(const struct flows *t, const struct ip_view *v);

uint64_t flows_lost(const struct flows *t); /* frames without a flow for want of memory */
uint64_t flows_seen(const struct flows *t); /* flows ever */

#endif
