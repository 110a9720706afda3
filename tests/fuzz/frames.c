/* SPDX-License-Identifier: BSD-2-Clause */
#include "frames.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

static uint64_t state = 88172645463325252;

void frames_seed(uint64_t seed)
{
	state = seed * 0x9e3779b97f4a7c15 + 0x2545f4914f6cdd1d;
	if (!state)
		state = 1;
}

uint32_t frames_any(uint32_t below)
{
	state ^= state << 13, state ^= state >> 7, state ^= state << 17;
	return below ? (uint32_t)(state >> 16) % below : 0;
}

struct out {
	uint8_t *p;
	uint32_t n, max;
};

static void put(struct out *o, const void *data, uint32_t len)
{
	if (len > o->max - o->n)
		len = o->max - o->n;
	if (data)
		memcpy(o->p + o->n, data, len);
	else
		for (uint32_t i = 0; i < len; i++)
			o->p[o->n + i] = (uint8_t)frames_any(256);
	o->n += len;
}

static void put8(struct out *o, uint32_t v)
{
	uint8_t b = (uint8_t)v;

	put(o, &b, 1);
}

static void put16(struct out *o, uint32_t v)
{
	put8(o, v >> 8);
	put8(o, v);
}

static void put_name(struct out *o)
{
	static const char *const names[] = {"\4host", "\4host\10internal", "\1a\4test",
					    "\77aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	const char *name = names[frames_any(4)];

	put(o, name, (uint32_t)strlen(name));
	if (!frames_any(8)) { /* a pointer: to itself, to the front, out of the message */
		put8(o, 0xc0 | frames_any(64));
		put8(o, frames_any(3) ? frames_any(64) : 0xff);
	} else if (!frames_any(16)) { /* longer than a name may be */
		for (uint32_t i = 0; i < 8; i++) {
			put8(o, 63);
			put(o, NULL, 63);
		}
	} else if (frames_any(16)) {
		put8(o, 0);
	}
}

uint32_t frames_dns(uint8_t *to, uint32_t size, int answer)
{
	struct out o = {to, 0, size};
	uint32_t answers = answer ? frames_any(4) ? frames_any(4) : frames_any(65536) : 0;

	put(&o, NULL, 2);
	put16(&o, (answer ? 0x8180 : 0x0100) | (frames_any(8) ? 0 : frames_any(65536)));
	put16(&o, frames_any(16) ? 1 : frames_any(65536));
	put16(&o, answers);
	put16(&o, 0);
	put16(&o, 0);
	put_name(&o);
	put16(&o, frames_any(4) ? 1 : 28);
	put16(&o, 1);
	for (uint32_t i = 0; i < answers && i < 80; i++) {
		static const uint16_t types[] = {1, 28, 5, 1, 28, 0xffff};
		uint16_t type = types[frames_any(6)];
		uint32_t len = type == 1 ? 4 : type == 28 ? 16 : frames_any(40);

		if (frames_any(2))
			put16(&o, 0xc00c);
		else
			put_name(&o);
		put16(&o, type);
		put16(&o, 1);
		put(&o, NULL, 4);
		put16(&o, frames_any(8) ? len : frames_any(65536));
		put(&o, NULL, len);
	}
	return frames_any(8) ? o.n : frames_any(o.n) + 1;
}

uint16_t frames_sum(const uint8_t *p, uint32_t len, uint32_t s)
{
	for (; len > 1; len -= 2, p += 2)
		s += (uint32_t)(p[0] << 8 | p[1]);
	if (len)
		s += (uint32_t)p[0] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)s;
}

/* Where sound frames go: the gateway, its DNS, the tree itself, the machine by other names, all, elsewhere. */
static void address(int family, bool src, uint8_t out[16])
{
	static const char *const four[] = {"10.0.2.2",   "10.0.2.2",        "10.0.2.3",    "10.0.2.15", "127.0.0.1",
					   "10.0.2.255", "255.255.255.255", "224.0.0.251", "0.0.0.0",   "192.0.2.1"};
	static const char *const six[] = {"fd00::2", "fd00::2", "fd00::3", "fd00::15", "::1",
					  "ff02::1", "ff02::2", "fe80::2", "::",       "::ffff:127.0.0.1"};

	if (frames_any(64) == 0)
		for (int i = 0; i < 16; i++)
			out[i] = (uint8_t)frames_any(256);
	else if (src && frames_any(16))
		inet_pton(family, family == AF_INET ? "10.0.2.15" : "fd00::15", out);
	else
		inet_pton(family, (family == AF_INET ? four : six)[frames_any(10)], out);
}

static uint32_t put_body(struct out *o, uint32_t proto, uint16_t port)
{
	uint32_t begin = o->n, len = frames_any(8)   ? frames_any(100)
				     : frames_any(4) ? frames_any(1500)
						     : frames_any(65000);
	uint8_t msg[8192];
	uint32_t dport = frames_any(2) ? port : frames_any(4) ? 53 : frames_any(65536);

	switch (proto) {
	case 6:
		put16(o, 1024 + frames_any(64));
		put16(o, dport);
		put(o, NULL, 8);
		put8(o, frames_any(8) ? 0x50 : frames_any(256));
		put8(o, frames_any(4) ? 2 : frames_any(256));
		put16(o, 65535);
		put(o, "\0\0\0\0", 4);
		if (!frames_any(4))
			put(o, NULL, frames_any(44));
		put(o, NULL, len);
		break;
	case 17:
		if (dport == 53)
			len = frames_dns(msg, sizeof(msg), !frames_any(8));
		put16(o, frames_any(32) ? 1024 + frames_any(64) : frames_any(65536));
		put16(o, dport);
		put16(o, frames_any(16) ? 8 + len : frames_any(65536));
		put(o, "\0\0", 2);
		put(o, dport == 53 ? msg : NULL, len);
		break;
	case 1:
	case 58:
		put8(o, frames_any(2) ? proto == 1 ? 8 : 128 : proto == 1 ? frames_any(256) : 133 + frames_any(5));
		put8(o, frames_any(8) ? 0 : frames_any(256));
		put(o, "\0\0", 2);
		put(o, NULL, 4 + len);
		break;
	default:
		put(o, NULL, len);
	}
	return o->n - begin;
}

static uint32_t any_proto(bool six)
{
	static const uint8_t known[] = {6, 6, 17, 17, 17, 1, 58};

	return frames_any(16) ? known[frames_any(7)] == 1 && six ? 58 : known[frames_any(7)] : frames_any(256);
}

/* The checksum of what lies behind the IP header, where it has one. */
static void check_body(uint8_t *l4, uint32_t len, uint32_t proto, const uint8_t *addrs, uint32_t size)
{
	uint32_t at = proto == 6 ? 16 : proto == 17 ? 6 : 2, pseudo = proto + len;
	uint16_t s;

	if ((proto != 6 && proto != 17 && proto != 1 && proto != 58) || len < at + 2 || !frames_any(8))
		return;
	for (uint32_t i = 0; i < 2 * size && proto != 1; i += 2)
		pseudo += (uint32_t)(addrs[i] << 8 | addrs[i + 1]);
	l4[at] = l4[at + 1] = 0;
	s = (uint16_t)~frames_sum(l4, len, proto == 1 ? 0 : pseudo);
	l4[at] = (uint8_t)(s >> 8);
	l4[at + 1] = (uint8_t)s;
}

static void put_ip4(struct out *o, uint16_t port)
{
	uint32_t begin = o->n, proto = any_proto(false), options = frames_any(8) ? 0 : frames_any(11), body,
		 fragment = 0;
	uint8_t addr[16];
	uint16_t s;

	if (!frames_any(6))
		fragment = frames_any(2) ? 0x2000 : frames_any(65536);
	put8(o, frames_any(64) ? 0x45 + options : frames_any(256));
	put8(o, 0);
	put16(o, 0);
	put16(o, frames_any(8));
	put16(o, fragment);
	put8(o, frames_any(8) ? 64 : frames_any(256));
	put8(o, proto);
	put16(o, 0);
	address(AF_INET, true, addr);
	put(o, addr, 4);
	address(AF_INET, false, addr);
	put(o, addr, 4);
	put(o, NULL, options * 4);
	body = put_body(o, proto, port);
	if (o->n - begin < 20)
		return;
	s = (uint16_t)(frames_any(16) ? 20 + options * 4 + body : frames_any(65536));
	o->p[begin + 2] = (uint8_t)(s >> 8);
	o->p[begin + 3] = (uint8_t)s;
	if (!frames_any(16))
		return;
	s = (uint16_t)~frames_sum(o->p + begin, 20 + options * 4, 0);
	o->p[begin + 10] = (uint8_t)(s >> 8);
	o->p[begin + 11] = (uint8_t)s;
	check_body(o->p + begin + 20 + options * 4, body, proto, o->p + begin + 12, 4);
}

static void put_ip6(struct out *o, uint16_t port)
{
	static const uint8_t kinds[] = {0, 43, 60, 44, 51};
	uint32_t begin = o->n, proto = any_proto(true), chain = frames_any(4) ? 0 : frames_any(12), body, len, at;
	uint8_t addr[16], next[12];

	for (uint32_t i = 0; i < chain; i++)
		next[i] = kinds[frames_any(5)];
	put8(o, frames_any(64) ? 0x60 : frames_any(256));
	put(o, "\0\0\0", 3);
	put16(o, 0);
	put8(o, chain ? next[0] : proto);
	put8(o, frames_any(8) ? 64 : 255);
	address(AF_INET6, true, addr);
	put(o, addr, 16);
	address(AF_INET6, false, addr);
	put(o, addr, 16);
	for (uint32_t i = 0; i < chain; i++) {
		len = next[i] == 44 || frames_any(8) ? 0 : frames_any(256);
		put8(o, i + 1 < chain ? next[i + 1] : proto);
		put8(o, len);
		if (next[i] == 44) {
			put16(o, frames_any(2) ? 1 : frames_any(65536));
			put(o, "\0\0\0\1", 4);
		} else {
			put(o, NULL, 6 + 8 * (frames_any(8) ? len : 0));
		}
	}
	at = o->n;
	body = put_body(o, proto, port);
	if (o->n - begin < 40)
		return;
	len = frames_any(16) ? o->n - begin - 40 : frames_any(65536);
	o->p[begin + 4] = (uint8_t)(len >> 8);
	o->p[begin + 5] = (uint8_t)len;
	check_body(o->p + at, body, proto, o->p + begin + 8, 16);
}

static void put_arp(struct out *o)
{
	uint8_t addr[16];

	put(o, "\0\1\10\0\6\4", 6);
	put16(o, 1 + frames_any(3));
	put(o, "\122\125\12\0\2\17", 6);
	address(AF_INET, true, addr);
	put(o, addr, 4);
	put(o, NULL, 6);
	address(AF_INET, false, addr);
	put(o, addr, 4);
}

uint32_t frames_make(uint8_t *to, uint16_t port)
{
	struct out o = {to, 0, FRAMES_MAX};
	uint32_t tags = frames_any(8) ? 0 : frames_any(5), kind = frames_any(16);

	if (kind == 0) {
		put(&o, NULL, 1 + frames_any(frames_any(2) ? 100 : 3000));
		return o.n;
	}
	put(&o, frames_any(16) ? "\122\125\12\0\2\2" : frames_any(2) ? "\377\377\377\377\377\377" : NULL, 6);
	put(&o, "\122\125\12\0\2\17", 6);
	for (uint32_t i = 0; i < tags; i++) {
		put16(&o, frames_any(2) ? 0x8100 : 0x88a8);
		put16(&o, frames_any(65536));
	}
	if (kind == 1) {
		put16(&o, 0x0806);
		put_arp(&o);
	} else if (kind < 10) {
		put16(&o, 0x0800);
		put_ip4(&o, port);
	} else {
		put16(&o, 0x86dd);
		put_ip6(&o, port);
	}
	if (!frames_any(8))
		for (uint32_t i = frames_any(6) + 1; i; i--)
			to[frames_any(o.n)] = (uint8_t)frames_any(256);
	if (!frames_any(8))
		o.n = 1 + frames_any(o.n);
	else if (!frames_any(16))
		put(&o, NULL, frames_any(200));
	return o.n;
}
