/* SPDX-License-Identifier: BSD-2-Clause */
/* A generator of frames as nobody should send them. */
#ifndef SKEP_TESTS_FUZZ_FRAMES_H
#define SKEP_TESTS_FUZZ_FRAMES_H

#include <stdint.h>

enum { FRAMES_MAX = 65536 + 14 };

/* frames_seed - where the sequence begins; frames_any - a number below @below. */
void frames_seed(uint64_t seed);
uint32_t frames_any(uint32_t below);

/*
 * frames_make - a frame, as a tree could send it: sound ones (TCP, UDP, DNS, ICMP, ARP, neighbour discovery, of IPv4 and IPv6), with VLAN
 * tags, extension headers, options, as fragments; truncated, with wrong lengths, wrong checksums, flipped bytes; oversized; random.
 * @to: FRAMES_MAX bytes; @port: of a server on the gateway
 * Return: its length, 1 to FRAMES_MAX.
 */
uint32_t frames_make(uint8_t *to, uint16_t port);

/* frames_dns - a DNS message, sound or not. Return: its length, at most @size. */
uint32_t frames_dns(uint8_t *to, uint32_t size, int answer);

/* frames_sum - the sum of 16-bit words that checksums are made of (RFC 1071), begun with @s: 0xffff where the checksum is in place. */
uint16_t frames_sum(const uint8_t *p, uint32_t len, uint32_t s);

#endif
