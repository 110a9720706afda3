/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames of a tree that has no interface: what its sockets do, as an interface would have shown it. Programs of the attach points see these.
 * The tree's addresses are those of a tree with an interface (port.h).
 */
#ifndef SKEP_HOOK_NET_FRAME_H
#define SKEP_HOOK_NET_FRAME_H

#include "hook/net/flow.h"

enum { FRAME_FIN = 1, FRAME_SYN = 2, FRAME_RST = 4, FRAME_PSH = 8, FRAME_ACK = 16 };
enum { FRAME_HEADERS = 14 + 40 + 20 + 4 /* the most that is put in front of data */ };

/*
 * frame_tcp - a segment between the ends of a flow.
 * @to:    room for FRAME_HEADERS + @len bytes
 * @k:     its family, ends and ports
 * @flags: FRAME_*; a SYN says @mtu's MSS
 * Return: the frame's length.
 */
uint32_t frame_tcp(uint8_t *to, const struct flow_key *k, enum flow_dir dir, uint8_t flags, uint32_t seq, uint32_t ack,
		   uint32_t mtu, const void *data, uint32_t len);

/* frame_udp - a datagram; as above. */
uint32_t frame_udp(uint8_t *to, const struct flow_key *k, enum flow_dir dir, const void *data, uint32_t len);

/* frame_tree - the tree's address. */
struct in6_addr frame_tree(uint8_t family);

/*
 * frame_errno - what a frame says to the socket that sent what it answers: the error of an RST or an ICMP message, as the kernel has it
 * (net/ipv4/icmp.c, net/ipv6/icmp.c). Return: a negative errno; 0: it is no such frame.
 */
int frame_errno(const uint8_t *frame, const struct ip_view *v);

#endif
