/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The uplink: the user-mode network stack between a tree's frames and the sockets of the machine outside. The engine is libslirp, which is
 * loaded when it is wanted: this interface is ours, and all of skep that knows of it.
 *
 * What the tree sees outside: the gateway PORT_GATEWAY4/6, which is the machine itself (its loopback), the DNS PORT_DNS4/6,
 * and behind the gateway the rest of the world, with the machine's addresses as the source.
 *
 * One thread uses an uplink. Its turn: uplink_fill() before poll(2), uplink_work() after it, uplink_input() for frames in between.
 */
#ifndef SKEP_HOOK_NET_UPLINK_H
#define SKEP_HOOK_NET_UPLINK_H

#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A port of the machine that leads to one of the tree. */
struct uplink_publish {
	struct sockaddr_in6 host; /* IPv4 as ::ffff:a.b.c.d, port in network byte order */
	uint16_t port; /* in the tree, host byte order */
	bool udp;
};

struct uplink_opts {
	uint32_t mtu;
	bool no_ipv6;
	/* A frame for the tree. */
	void (*deliver)(void *arg, const uint8_t *frame, uint32_t len);
	void *arg;
};

struct uplink;

/* uplink_new - Return: 0, or a negative errno with *why: -ENOENT when libslirp is not there. */
int uplink_new(const struct uplink_opts *opts, struct uplink **out, char *why, size_t size);
void uplink_free(struct uplink *u);

/* uplink_publish - open a port. Return: 0, or a negative errno. */
int uplink_publish(struct uplink *u, const struct uplink_publish *p);

/*
 * uplink_fill - what to wait for.
 * @timeout: ms, lowered when a timer is due earlier
 * Return: the fds, *n of them, good until uplink_work().
 */
const struct pollfd *uplink_fill(struct uplink *u, uint32_t *n, int *timeout);

/* uplink_work - after poll(2). @fds: as uplink_fill() gave them, with revents. */
void uplink_work(struct uplink *u, const struct pollfd *fds, bool failed);

/* uplink_input - a frame of the tree's. */
void uplink_input(struct uplink *u, const uint8_t *frame, uint32_t len);

#endif
