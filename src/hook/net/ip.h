/* SPDX-License-Identifier: BSD-2-Clause */
/* What skep itself reads of a frame, and the few frames that it makes. Programs see the frame itself, not this. */
#ifndef SKEP_HOOK_NET_IP_H
#define SKEP_HOOK_NET_IP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A frame's headers. Offsets are from its first byte. */
struct ip_view {
	uint8_t family; /* AF_INET, AF_INET6; 0: no IP, or one that is broken, and nothing below counts */
	uint8_t proto; /* behind IPv6's extension headers */
	uint8_t tcp_flags;
	bool fragment; /* not the first one: no ports */
	uint32_t l3, l4; /* where the headers begin */
	uint32_t payload, end; /* what is behind TCP's or UDP's header, and the end of the packet, padding left out */
	struct in6_addr src, dst; /* IPv4 as ::ffff:a.b.c.d */
	uint16_t sport, dport; /* host byte order; ICMP echo: the identifier in both; 0 where there are none */
};

/* ip_parse - look at a frame. Return: true when it is IP. Up to two VLAN tags and eight extension headers are looked through. */
bool ip_parse(const uint8_t *frame, uint32_t len, struct ip_view *v);

/* ip_v4 - an IPv4 address (network byte order) as IPv6 shows it. */
struct in6_addr ip_v4(uint32_t addr);

/* ip_checksum - the Internet checksum (RFC 1071), in network byte order. */
uint16_t ip_checksum(const void *data, uint32_t len);

/* ip_transport_sum - the checksum of TCP, UDP or ICMPv6 over a packet's addresses (of @v: family, proto, src, dst) and what it carries. */
uint16_t ip_transport_sum(const struct ip_view *v, const void *l4, uint32_t len);

/* ip_text - an address as people write it. Return: @buf */
const char *ip_text(const struct in6_addr *a, char buf[INET6_ADDRSTRLEN]);

/* ip_proto_name - "tcp", "udp", "icmp", "icmpv6", else "proto 47", made in @buf. */
const char *ip_proto_name(uint8_t proto, char buf[32]);

/*
 * ip_cut - shorten what a packet carries, and have its lengths and checksums say so.
 * @v:    of the frame; a whole packet, no fragment (reass.h)
 * @keep: bytes of the frame that are to stay, from its first one on; TCP's, UDP's and ICMP's headers stay in any case
 * Return: how long the frame is then.
 */
uint32_t ip_cut(uint8_t *frame, uint32_t len, const struct ip_view *v, uint32_t keep);

enum { IP_HEADERS_MAX = 14 + 40 + 20 };

/*
 * ip_udp_reply - a UDP datagram that answers one: addresses and ports the other way round.
 * @to:   room for IP_HEADERS_MAX + @len bytes
 * @data: at most 65,000 bytes
 * Return: the frame's length.
 */
uint32_t ip_udp_reply(uint8_t *to, const uint8_t *frame, const struct ip_view *v, const void *data, uint32_t len);

/*
 * ip_icmp6_reply - an ICMPv6 message that answers an IPv6 packet. Its checksum is made here; all else as with ip_udp_reply().
 * @message: from its header on, at most 65,000 bytes
 */
uint32_t ip_icmp6_reply(uint8_t *to, const uint8_t *frame, const struct ip_view *v, const void *message, uint32_t len);

/*
 * ip_refuse - what a host says that does not take this packet: RST for TCP, else ICMP "administratively prohibited".
 * @to: room for 128 bytes
 * Return: the frame's length; 0 for what nobody answers (an RST, an ICMP error, multicast, a later fragment).
 */
uint32_t ip_refuse(uint8_t *to, const uint8_t *frame, uint32_t len, const struct ip_view *v);

#endif
