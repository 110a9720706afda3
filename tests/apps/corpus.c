/* SPDX-License-Identifier: BSD-2-Clause */
#include "corpus.h"

#include "frames.h"
#include "hook/net/capture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TCP = 6, UDP = 17, ICMP = 1, ICMP6 = 58, GRE = 47, SYN = 2, ACK = 16, DAMAGED = 1500, MAX_PAYLOAD = 1446 };

/* Made frames: each kind of header that a program looks at. Addresses are those of demo.pcapng. */
static const struct spec specs[] = {
	{0},
	{.from = "192.0.2.10", .to = "192.0.2.1", .proto = TCP, .sport = 1234, .dport = 80, .tcp_flags = SYN},
	{.from = "192.0.2.10",
	 .to = "192.0.2.1",
	 .proto = TCP,
	 .sport = 1234,
	 .dport = 80,
	 .tcp_flags = ACK,
	 .payload = 33},
	{.from = "192.0.2.10", .to = "192.0.2.1", .proto = TCP, .sport = 1234, .dport = 80, .options = 12},
	{.from = "192.0.2.10", .to = "192.0.2.1", .proto = TCP, .sport = 1235, .dport = 23, .options = 40},
	{.from = "198.51.100.66", .to = "192.0.2.1", .proto = TCP, .sport = 1235, .dport = 80, .tags = {42}},
	{.from = "198.51.100.7", .to = "192.0.2.1", .proto = TCP, .sport = 1236, .dport = 80, .tags = {42, 7}},
	{.from = "198.51.100.7", .to = "192.0.2.1", .proto = TCP, .sport = 1236, .dport = 80, .tags = {42, 7, 9}},
	{.from = "192.0.2.11", .to = "192.0.2.10", .proto = TCP, .sport = 8080, .dport = 1234, .payload = 7},
	{.from = "192.0.2.12", .to = "192.0.2.10", .proto = TCP, .sport = 8080, .dport = 1234, .payload = 8},
	{.from = "192.0.2.13", .to = "192.0.2.10", .proto = TCP, .sport = 8080, .dport = 1234, .payload = 9},
	{.from = "192.0.2.10", .to = "192.0.2.1", .proto = UDP, .sport = 4000, .dport = 53, .payload = 31},
	{.from = "192.0.2.10", .to = "192.0.2.1", .proto = UDP, .sport = 4001, .dport = 53, .no_udp_checksum = true},
	{.from = "192.0.2.10", .to = "192.0.2.1", .proto = UDP, .sport = 4001, .dport = 5000, .payload = 50},
	{.from = "192.0.2.10", .to = "192.0.2.1", .proto = UDP, .dport = 9, .more_fragments = true, .payload = 40},
	{.from = "192.0.2.10", .to = "192.0.2.1", .proto = UDP, .frag_offset = 6, .payload = 40},
	{.from = "192.0.2.10", .to = "192.0.2.1", .proto = TCP, .frag_offset = 1, .payload = 40},
	{.from = "192.0.2.10", .to = "192.0.2.1", .proto = ICMP, .dport = 8 << 8, .payload = 24},
	{.from = "192.0.2.10", .to = "192.0.2.1", .proto = GRE, .payload = 24},
	{.from = "2001:db8::10", .to = "2001:db8::1", .proto = TCP, .sport = 1234, .dport = 80, .tcp_flags = SYN},
	{.from = "2001:db8::10", .to = "2001:db8::1", .proto = TCP, .sport = 1234, .dport = 4444, .payload = 21},
	{.from = "2001:db8::b", .to = "2001:db8::10", .proto = TCP, .sport = 4444, .dport = 1234, .payload = 5},
	{.from = "2001:db8:bad::66", .to = "2001:db8::1", .proto = TCP, .sport = 1235, .dport = 80, .tags = {42}},
	{.from = "2001:db8::10", .to = "2001:db8::1", .proto = UDP, .sport = 4000, .dport = 53, .exts = "h"},
	{.from = "2001:db8::10", .to = "2001:db8::1", .proto = TCP, .sport = 1236, .dport = 80, .exts = "hrd"},
	{.from = "2001:db8::10", .to = "2001:db8::1", .proto = TCP, .sport = 1236, .dport = 23, .exts = "a"},
	{.from = "2001:db8::10", .to = "2001:db8::1", .proto = TCP, .dport = 80, .exts = "hrdfad"},
	{.from = "2001:db8::10", .to = "2001:db8::1", .proto = TCP, .dport = 80, .exts = "ddddddd"},
	{.from = "2001:db8::10",
	 .to = "2001:db8::1",
	 .proto = UDP,
	 .dport = 9,
	 .exts = "f",
	 .more_fragments = true,
	 .payload = 16},
	{.from = "2001:db8::10", .to = "2001:db8::1", .proto = UDP, .exts = "hf", .frag_offset = 2, .payload = 16},
	{.from = "2001:db8::10", .to = "2001:db8::1", .proto = TCP, .exts = "f", .frag_offset = 1, .payload = 16},
	{.from = "2001:db8::10", .to = "2001:db8::1", .proto = ICMP6, .dport = 128 << 8, .payload = 16},
};

static int add(struct corpus *c, const void *frame, uint32_t len)
{
	if (c->used + len > c->room) {
		size_t room = (c->used + len) * 2;
		uint8_t *bytes = realloc(c->bytes, room);

		if (!bytes)
			return -ENOMEM;
		c->bytes = bytes;
		c->room = room;
	}
	if (c->n == c->n_room) {
		uint32_t n_room = c->n_room ? c->n_room * 2 : 1024;
		struct corpus_frame *frames = realloc(c->frames, n_room * sizeof(*frames));

		if (!frames)
			return -ENOMEM;
		c->frames = frames;
		c->n_room = n_room;
	}
	memcpy(c->bytes + c->used, frame, len);
	c->frames[c->n++] = (struct corpus_frame){.at = (uint32_t)c->used, .len = len};
	c->used += len;
	return 0;
}

static int add_capture(struct corpus *c, const char *path, char *why)
{
	struct capture *cap;
	struct frame f;
	int err = capture_open(path, &cap, why);

	if (err)
		return err;
	while ((err = capture_batch(cap, &f, 1, why)) == 1)
		if (add(c, f.data, f.len)) {
			err = -ENOMEM;
			break;
		}
	capture_close(cap);
	return err;
}

/* Whole, cut off at every length, and with an IP length or header length that is wrong. */
static int add_made(struct corpus *c)
{
	uint8_t frame[FRAME_MAX];
	int err = 0;

	for (uint32_t i = 0; i < sizeof(specs) / sizeof(specs[0]) && !err; i++) {
		uint32_t len = frame_build(&specs[i], frame);
		uint8_t *ip = frame + 14;

		err = add(c, frame, len);
		for (uint32_t n = 0; n < len && !err; n++)
			err = add(c, frame, n);
		for (uint32_t k = 0; k < 256 && !err; k += 15) { /* 0 and 255 are among them */
			ip[0] = (uint8_t)k;
			err = add(c, frame, len);
		}
		frame_build(&specs[i], frame);
		for (uint32_t k = 0; k < 256 && !err; k += 15) {
			ip[3] = ip[5] = (uint8_t)k; /* total length, or payload length and fragment offset */
			err = add(c, frame, len);
		}
	}
	return err;
}

static int add_long(struct corpus *c)
{
	static const uint32_t payloads[] = {100, 511, 512, 1000, 1400, 1440, 1441, 1445, MAX_PAYLOAD};
	uint8_t frame[FRAME_MAX];
	int err = 0;

	for (uint32_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
		struct spec s = specs[i];

		for (uint32_t k = 0; k < sizeof(payloads) / sizeof(payloads[0]) && s.from && !err; k++) {
			s.payload = payloads[k];
			s.sport = (uint16_t)(specs[i].sport + k);
			err = add(c, frame, frame_build(&s, frame));
		}
	}
	return err;
}

/* Frames so far with a few bytes of their headers changed at random, from a fixed seed. */
static int add_damaged(struct corpus *c)
{
	uint8_t frame[FRAME_MAX];
	uint64_t r = 88172645463325252;
	const uint32_t n = c->n;
	int err = 0;

	for (uint32_t i = 0; i < DAMAGED && !err; i++) {
		const struct corpus_frame *f;

		r ^= r << 13, r ^= r >> 7, r ^= r << 17;
		f = &c->frames[(r >> 8) % n];
		if (!f->len || f->len > sizeof(frame))
			continue;
		memcpy(frame, c->bytes + f->at, f->len);
		for (uint32_t k = 0; k <= (r & 3); k++)
			frame[(r >> (20 + 8 * k)) % (f->len < 80 ? f->len : 80)] ^= (uint8_t)(1u << (r >> (4 + k) & 7));
		err = add(c, frame, f->len);
	}
	return err;
}

int corpus_make(struct corpus *c, const char *capture, char *why)
{
	int err;

	*c = (struct corpus){0};
	err = add_capture(c, capture, why);
	if (!err)
		err = add_made(c);
	if (!err)
		err = add_long(c);
	if (!err)
		err = add_damaged(c);
	return err;
}

void corpus_free(struct corpus *c)
{
	free(c->frames);
	free(c->bytes);
}
