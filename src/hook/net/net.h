/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network of a tree: one thread that moves frames between the tree's interface and the uplink, through the programs of the attach
 * points (chain.h), and tells observers of each.
 *
 *     tree -> port -> flow -> cgroup_skb/tc egress programs -> fragments made whole -> gate -> dns or uplink -> outside
 *     tree <- port <- xdp, tc, cgroup_skb, socket programs <- flow <- dns or uplink <- outside
 *
 * Where the tree has no interface the relay (relay.h) is in the place of both port and uplink.
 *
 * The gate is skep's own and always there: the machine's loopback, which the gateway's address leads to, is closed but for the ports that
 * were opened, and so are addresses that would be another way to it.
 */
#ifndef SKEP_HOOK_NET_NET_H
#define SKEP_HOOK_NET_NET_H

#include "hook/net/dns.h"
#include "hook/net/flow.h"
#include "hook/net/uplink.h"
#include "hook/tree/tree.h"

enum { NET_OPEN = 64, NET_PUBLISH = 64, NET_OBSERVERS = 8 };

/* One frame, seen as it came to the hooks, with what became of it. Everything is valid for the call only, but for the flow. */
struct net_frame {
	const uint8_t *
		data; /* as it came: net_opts.keep bytes of it, and ICMP's type and code. Programs may write on a frame that leaves */
	uint32_t len;
	uint64_t time_ns; /* since 1970 */
	enum flow_dir dir;
	const struct ip_view *view;
	struct flow *flow; /* NULL: no IP */
	const struct chain_result *result;
};

/* Who wants to know; all are called from the network's thread. Any of them may be NULL. */
struct net_observer {
	/* A flow has begun; no program has seen it yet. */
	void (*flow)(void *arg, struct flow *f);
	void (*frame)(void *arg, const struct net_frame *f);
	/* It has ended, or the table was full, or the run is over. */
	void (*ended)(void *arg, const struct flow *f);
	/* About every 100 ms. */
	void (*tick)(void *arg);
	void *arg;
};

struct net_opts {
	struct skep_hive *hive;
	bool relayed; /* the tree has no interface: its sockets' doings are frames (relay.h) */
	const struct tree *tree;
	uint32_t mtu;
	uint32_t keep; /* bytes of each frame that the observers look at */
	struct dns_opts dns; /* the servers; deliver is filled in */
	bool own_dns; /* they are not the system's: DNS over TCP, which would go there, is closed */
	struct uplink_publish publish[NET_PUBLISH];
	uint32_t n_publish;
	struct net_open { /* ports of the machine's loopback that are open; port 0: all of the protocol */
		uint16_t port;
		uint8_t proto; /* 0: TCP and UDP */
	} open[NET_OPEN];
	uint32_t n_open;
	struct net_observer observers[NET_OBSERVERS];
	uint32_t n_observers;
};

/* What was lost, and where. All of it is counted in frames. */
struct net_losses {
	uint64_t to_tree; /* the tree's interface had no room */
	uint64_t too_long; /* longer than the interface takes, after a program had made them so */
	uint64_t faults; /* a program's run ended early */
	uint64_t no_flow; /* without memory for a flow */
	uint64_t fragments; /* of packets that never became whole, or whose parts overlapped */
	uint64_t dns; /* queries without an answer */
	uint64_t unknown; /* sockets whose process was not found */
	uint64_t relayed; /* datagrams that could not be sent on, and what programs turned to where no socket leads */
};

struct net;

/*
 * net_start - start the thread, and wait until it serves. Programs may be attached from then on; the command need not have been started.
 * @opts: copied
 * Return: 0, or a negative errno with *why.
 */
int net_start(const struct net_opts *opts, struct net **out, char *why, size_t size);

/* net_stop - what the tree's sockets still have to send is waited for, a while; then the thread ends and observers are told of all flows' end. */
void net_stop(struct net *n);

/* net_free - after net_stop(). NULL is fine. */
void net_free(struct net *n);

struct relay;

/* net_relay - of a network without an interface; NULL otherwise. Until net_free(). */
struct relay *net_relay(struct net *n);

/* net_failed - a reason why the thread ended by itself; NULL: it did not. */
const char *net_failed(const struct net *n);
void net_losses(const struct net *n, struct net_losses *out); /* after net_stop() */

#endif
