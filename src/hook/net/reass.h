/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fragments of the tree's become whole packets, before anybody decides where they may go: a gate that sees ports sees those of the whole, and
 * the uplink gets no fragments at all (libslirp 4.7 crashes of some of IPv4's, and takes none of IPv6's).
 *
 * Strict as a firewall should be: a packet whose fragments overlap is dropped as a whole (RFC 5722), and so is what would be longer than IP
 * allows, or has a fragment that ends in the middle of eight bytes. REASS_MAX packets wait at once, the oldest one goes; each waits
 * REASS_MS at most.
 */
#ifndef SKEP_HOOK_NET_REASS_H
#define SKEP_HOOK_NET_REASS_H

#include "hook/net/ip.h"

enum { REASS_MAX = 64, REASS_MS = 30000 };

struct reass;

int reass_new(struct reass **out);
void reass_free(struct reass *r);

/* reass_is_fragment - is a frame part of an IP packet, and not all of it? @v: of the frame */
bool reass_is_fragment(const uint8_t *frame, const struct ip_view *v);

/*
 * reass_add - a fragment.
 * @now: ns, of a clock that does not jump far
 * @out: the whole packet, when this was the last part of it; good until the next call
 * Return: the whole packet's length as a frame; 0: it is not whole yet, or never will be.
 */
uint32_t reass_add(struct reass *r, const uint8_t *frame, const struct ip_view *v, uint64_t now, const uint8_t **out);

/* reass_lost - fragments of packets that never became whole, those that still wait left out. */
uint64_t reass_lost(const struct reass *r);

#endif
