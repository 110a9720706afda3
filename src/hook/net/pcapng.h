/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pcapng writer: one section, one Ethernet interface with nanosecond times, one enhanced packet block a frame with a
 * comment. Format: draft-ietf-opsawg-pcapng. libpcap of Debian 12 writes no comments, hence our own.
 */
#ifndef SKEP_HOOK_NET_PCAPNG_H
#define SKEP_HOOK_NET_PCAPNG_H

#include "hook/net/capture.h"

struct pcapng;

/* pcapng_create - write to a file that is made or emptied. Return: 0 or a negative errno. */
int pcapng_create(const char *path, struct pcapng **out);

/* pcapng_add - append a frame with a comment (UTF-8). Errors are kept until the end. */
void pcapng_add(struct pcapng *p, const struct frame *f, const char *comment);

/*
 * pcapng_lost - an interface statistics block: how many frames came, and how many were lost (isb_ifrecv, isb_ifdrop). Once, behind the frames.
 * @time_ns: since 1970
 */
void pcapng_lost(struct pcapng *p, uint64_t time_ns, uint64_t came, uint64_t lost);

/* pcapng_finish - write everything out and close. Return: 0, or the negative errno of the first thing that failed. NULL is fine. */
int pcapng_finish(struct pcapng *p);

#endif
