/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pings of the tree over IPv6, which libslirp does not pass on: echo requests to the world outside go out of ping sockets (man 7 icmp), and the
 * answers back. Who may ping is the machine's to say (net.ipv4.ping_group_range, for both versions); where nobody may, the tree is told
 * that it is prohibited.
 */
#ifndef SKEP_HOOK_NET_ECHO_H
#define SKEP_HOOK_NET_ECHO_H

#include "hook/net/ip.h"

#include <poll.h>

struct echo;

/* @deliver: a frame for the tree */
int echo_new(void (*deliver)(void *arg, const uint8_t *frame, uint32_t len), void *arg, struct echo **out);
void echo_free(struct echo *e);

/*
 * echo_wants - is this frame of the tree's ICMPv6 for the world outside? The gateway and its network are the uplink's own, and so is what
 * neighbours say to each other.
 */
bool echo_wants(const struct echo *e, const uint8_t *frame, const struct ip_view *v);
/* echo_request - pass it on if it is an echo request to one host; nobody answers anything else. */
void echo_request(struct echo *e, const uint8_t *frame, uint32_t len, const struct ip_view *v);

/* echo_fill, echo_work - as with the uplink. */
const struct pollfd *echo_fill(struct echo *e, uint32_t *n);
void echo_work(struct echo *e, const struct pollfd *fds);

#endif
