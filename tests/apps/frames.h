/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames made to measure, and the sums over them. */
#ifndef TESTS_APPS_FRAMES_H
#define TESTS_APPS_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FRAME_MAX = 4096 };

/* A frame in words. What is left out is 0, none, or what is usual. */
struct spec {
	const char *from, *to; /* with a colon: IPv6; NULL from: ARP */
	uint8_t proto; /* 6, 17, 1, 58, or another without a header of its own */
	uint16_t sport, dport; /* ICMP: dport is type * 256 + code */
	uint8_t tcp_flags;
	uint16_t tags[4]; /* VLAN ids, the outermost first; ended by 0 */
	const char *
		exts; /* IPv6 extension headers: a letter each, of hop-by-hop, routing, destination, authentication, fragment */
	uint32_t options; /* bytes of IPv4 options, a multiple of 4 up to 40 */
	uint16_t frag_offset; /* in units of 8 bytes; IPv6 needs an f in exts */
	bool more_fragments;
	bool no_udp_checksum;
	uint32_t payload; /* bytes; a pattern, or: */
	const void *data;
	uint32_t seq, ack; /* TCP; seq 0: 1 */
};

/* What stands in a frame's Ethernet header. */
extern const uint8_t mac_client[6], mac_server[6];

/*
 * frame_build - a well-formed frame, checksums included.
 * @out: FRAME_MAX bytes
 * Return: its length.
 */
uint32_t frame_build(const struct spec *spec, uint8_t *out);

/* address - the 16 bytes of an address; IPv4 as ::ffff:192.0.2.1. */
void address(const char *text, void *out);

/* ones_sum - the Internet checksum's sum of bytes, folded to 16 bits, on top of @sum. */
uint32_t ones_sum(uint32_t sum, const void *data, size_t len);

/*
 * frame_sums_ok - recompute the IPv4 header's and TCP's, UDP's or ICMP's checksum in full.
 * @frame: without VLAN tags and extension headers
 * Return: are both right, lengths included?
 */
bool frame_sums_ok(const uint8_t *frame, uint32_t len);

#endif
