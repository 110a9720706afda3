/* SPDX-License-Identifier: BSD-2-Clause */
#include "frames.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

const uint8_t mac_client[6] = {2, 0, 0, 0, 0, 0x0a};
const uint8_t mac_server[6] = {2, 0, 0, 0, 0, 0x01};

enum { ETH = 14, TCP = 6, UDP = 17, ICMP = 1, ICMP6 = 58 };

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

void address(const char *text, void *out)
{
	uint8_t *a = out;

	memset(a, 0, 16);
	if (inet_pton(AF_INET6, text, a) == 1)
		return;
	a[10] = a[11] = 0xff;
	if (inet_pton(AF_INET, text, a + 12) != 1)
		abort();
}

uint32_t ones_sum(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++) {
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

/* The sum over the pseudo header of @addrs (two addresses of @size bytes, as in the IP header). */
static uint32_t pseudo_sum(const uint8_t *addrs, size_t size, uint32_t proto, uint32_t len)
{
	uint8_t tail[4] = {0, (uint8_t)proto, (uint8_t)(len >> 8), (uint8_t)len};

	return ones_sum(ones_sum(0, addrs, 2 * size), tail, sizeof(tail));
}

/* The transport header, if there is one. Return: its length. */
static uint32_t put_transport(const struct spec *s, uint8_t *p)
{
	switch (s->proto) {
	case TCP:
		put16(p, s->sport);
		put16(p + 2, s->dport);
		put16(p + 4, s->seq >> 16);
		put16(p + 6, s->seq ? s->seq : 1);
		put16(p + 8, s->ack >> 16);
		put16(p + 10, s->ack);
		p[12] = 5 << 4;
		p[13] = s->tcp_flags;
		put16(p + 14, 512);
		return 20;
	case UDP:
		put16(p, s->sport);
		put16(p + 2, s->dport);
		put16(p + 4, 8 + s->payload);
		return 8;
	case ICMP:
	case ICMP6:
		put16(p, s->dport);
		return 8;
	default:
		return 0;
	}
}

static int checksum_at(uint8_t proto)
{
	return proto == TCP ? 16 : proto == UDP ? 6 : proto == ICMP || proto == ICMP6 ? 2 : -1;
}

static uint8_t *put_extensions(const struct spec *s, uint8_t *p, uint8_t **next)
{
	static const struct {
		char letter;
		uint8_t proto;
		uint8_t len; /* bytes */
		uint8_t field; /* what its length field says */
	} kinds[] = {{'h', 0, 16, 1}, {'r', 43, 8, 0}, {'d', 60, 8, 0}, {'a', 51, 24, 4}, {'f', 44, 8, 0}};

	for (const char *e = s->exts ? s->exts : ""; *e; e++) {
		uint32_t k = 0;

		while (kinds[k].letter != *e)
			if (++k == sizeof(kinds) / sizeof(kinds[0]))
				abort();
		**next = kinds[k].proto;
		p[1] = kinds[k].field;
		if (*e == 'f')
			put16(p + 2, (uint32_t)s->frag_offset << 3 | s->more_fragments);
		else if (*e != 'a')
			p[2] = 1; /* PadN */
		*next = p;
		p += kinds[k].len;
	}
	return p;
}

uint32_t frame_build(const struct spec *s, uint8_t *out)
{
	bool v6 = s->from && strchr(s->from, ':');
	uint8_t *p = out + 12, *ip, *l4, *next, from[16], to[16];
	uint32_t l4_len, sum, tags = 0;

	memset(out, 0, FRAME_MAX);
	memcpy(out, mac_server, 6);
	memcpy(out + 6, mac_client, 6);
	while (tags < 4 && s->tags[tags])
		tags++;
	for (uint32_t i = 0; i < tags; i++, p += 4) {
		put16(p, i + 1 < tags ? 0x88a8 : 0x8100);
		put16(p + 2, 0x6000u | s->tags[i]); /* priority 3: not part of the id */
	}
	put16(p, !s->from ? 0x0806 : v6 ? 0x86dd : 0x0800);
	ip = p + 2;
	if (!s->from)
		return (uint32_t)(ip + 28 - out);
	address(s->from, from);
	address(s->to, to);
	if (v6) {
		ip[0] = 0x60;
		ip[7] = 64;
		memcpy(ip + 8, from, 16);
		memcpy(ip + 24, to, 16);
		next = ip + 6;
		l4 = put_extensions(s, ip + 40, &next);
		*next = s->proto;
	} else {
		ip[0] = (uint8_t)(0x45 + s->options / 4);
		ip[1] = 0x10;
		put16(ip + 6, s->frag_offset | (s->more_fragments ? 0x2000u : 0u));
		ip[8] = 64;
		ip[9] = s->proto;
		memcpy(ip + 12, from + 12, 4);
		memcpy(ip + 16, to + 12, 4);
		memset(ip + 20, 1, s->options); /* no-operation */
		l4 = ip + 20 + s->options;
	}
	l4_len = s->frag_offset ? 0 : put_transport(s, l4);
	for (uint32_t i = 0; i < s->payload; i++)
		l4[l4_len + i] = s->data ? ((const uint8_t *)s->data)[i] : (uint8_t)(i * 7 + 1);
	l4_len += s->payload;
	if (v6) {
		put16(ip + 4, (uint32_t)(l4 - ip) - 40 + l4_len);
	} else {
		put16(ip + 2, (uint32_t)(l4 - ip) + l4_len);
		put16(ip + 10, ~ones_sum(0, ip, (size_t)(l4 - ip)));
	}
	if (!s->frag_offset && checksum_at(s->proto) >= 0 && !(s->proto == UDP && s->no_udp_checksum)) {
		sum = s->proto == ICMP ? 0 : pseudo_sum(v6 ? ip + 8 : ip + 12, v6 ? 16 : 4, s->proto, l4_len);
		sum = ~ones_sum(sum, l4, l4_len) & 0xffff;
		put16(l4 + checksum_at(s->proto), s->proto == UDP && !sum ? 0xffff : sum);
	}
	return (uint32_t)(l4 + l4_len - out);
}

bool frame_sums_ok(const uint8_t *frame, uint32_t len)
{
	const uint8_t *ip = frame + ETH, *l4;
	uint32_t room = len - ETH, l4_len, proto, sum;

	if (get16(frame + 12) == 0x0800) {
		uint32_t header = (ip[0] & 15u) * 4;

		if (room < 20 || get16(ip + 2) > room || header > get16(ip + 2) || ones_sum(0, ip, header) != 0xffff)
			return false;
		proto = ip[9];
		l4 = ip + header;
		l4_len = get16(ip + 2) - header;
		sum = pseudo_sum(ip + 12, 4, proto, l4_len);
	} else {
		if (room < 40 || get16(ip + 4) + 40 > room)
			return false;
		proto = ip[6];
		l4 = ip + 40;
		l4_len = get16(ip + 4);
		sum = pseudo_sum(ip + 8, 16, proto, l4_len);
	}
	if (proto == UDP && l4_len >= 8 && !get16(l4 + 6))
		return true;
	return checksum_at((uint8_t)proto) >= 0 && ones_sum(proto == ICMP ? 0 : sum, l4, l4_len) == 0xffff;
}
