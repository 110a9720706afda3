/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Captures: frames out of a pcap or pcapng file, through libpcap.
 *
 * Programs see Ethernet frames. A capture of another link type whose frames hold IP packets (raw IP, Linux
 * cooked, loopback) is read too: each packet gets an Ethernet header made up of zero addresses and the packet's protocol.
 */
#ifndef SKEP_HOOK_NET_CAPTURE_H
#define SKEP_HOOK_NET_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct capture;

struct frame {
	const uint8_t *data; /* valid until the next batch */
	uint32_t len; /* bytes that the capture has of it, an Ethernet header that was made up included */
	uint32_t wire_len; /* bytes that it had on the wire */
	uint64_t time_ns; /* since 1970 */
};

/*
 * capture_open - open a capture; "-" is stdin.
 * @why: on failure what is wrong; at least 320 bytes
 * Return: 0, or a negative errno.
 */
int capture_open(const char *path, struct capture **out, char *why);

/*
 * capture_batch - the next frames, one or more of them.
 * @max: room in @frames
 * Return: how many; 0 at the end; -EIO with *why, once the frames before what is broken have been given out.
 */
int capture_batch(struct capture *c, struct frame *frames, uint32_t max, char *why);

/* capture_made_up - the link type's name when Ethernet headers are made up, else NULL. */
const char *capture_made_up(const struct capture *c);

void capture_close(struct capture *c);

#endif
