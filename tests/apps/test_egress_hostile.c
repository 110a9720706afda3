/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A tree that sends whatever segments it likes, against a receiver that puts them together as TCP does: no order of
 * segments gets a name through that is not allowed, in TLS, HTTP or DNS over TCP.
 *
 * The model: the receiver keeps the first bytes that it gets for each place, or the last; either is what some stack does
 * with data that overlaps. It may throw a segment away (its checksum was wrong), which the firewall cannot know. It
 * acknowledges what it has without a gap, and the firewall sees that. After each segment that was let go, the bytes from the
 * beginning on are read as a server would read them.
 */
#include "egress_util.h"
#include "wire.h"

#include <stdio.h>
#include <string.h>

enum { START = 101, STREAM = 1024, ROUNDS = 1500, SEGMENTS = 24 };

static struct egress_run *e;
static uint64_t state = 0x2545f4914f6cdd1d;

static uint32_t any(uint32_t below)
{
	state ^= state << 13, state ^= state >> 7, state ^= state << 17;
	return (uint32_t)(state >> 16) % below;
}

static struct {
	uint8_t bytes[STREAM];
	bool have[STREAM];
	uint32_t ready; /* bytes without a gap: no later segment changes them */
	bool last_wins;
} receiver;

static void receive(uint32_t at, const uint8_t *data, uint32_t len)
{
	for (uint32_t i = 0; i < len && at + i < STREAM; i++) {
		if (at + i < receiver.ready || (receiver.have[at + i] && !receiver.last_wins))
			continue;
		receiver.bytes[at + i] = data[i];
		receiver.have[at + i] = true;
	}
	while (receiver.ready < STREAM && receiver.have[receiver.ready])
		receiver.ready++;
}

static uint32_t make_hello(uint8_t *to, const char *name, uint32_t before, uint32_t after)
{
	return (uint32_t)(put_hello(to, name, before, after) - to);
}

/* The name in the hello that the receiver has so far; NULL: none yet. */
static const char *hello_name(void)
{
	static char name[256];
	const uint8_t *b = receiver.bytes;
	uint32_t at = 9 + 34, end, n;

	if (receiver.ready < 60 || b[0] != 22 || b[5] != 1)
		return NULL;
	end = 9 + (uint32_t)(b[7] << 8 | b[8]);
	at += 1 + b[at];
	at += 2 + (uint32_t)(b[at] << 8 | b[at + 1]);
	at += 1 + b[at];
	at += 2;
	while (at + 4 <= end && at + 4 <= receiver.ready) {
		n = (uint32_t)(b[at + 2] << 8 | b[at + 3]);
		if (!b[at] && !b[at + 1]) {
			if (at + 4 + n > receiver.ready || n < 6)
				return NULL;
			n = (uint32_t)(b[at + 7] << 8 | b[at + 8]);
			if (n > 255 || at + 9 + n > receiver.ready)
				return NULL;
			memcpy(name, b + at + 9, n);
			name[n] = 0;
			return name;
		}
		at += 4 + n;
	}
	return NULL;
}

static const char *request_host(void)
{
	static char name[256];
	uint32_t line = 0;

	for (uint32_t i = 0; i < receiver.ready; i++) {
		if (receiver.bytes[i] != '\n')
			continue;
		/* A first line of another kind is an error to the server, and the end of it. */
		if (!line && (i < 9 || memcmp(receiver.bytes + i - 9, "HTTP/1.1\r", 9) != 0))
			return NULL;
		if (line && i - line >= 6 && !memcmp(receiver.bytes + line, "Host: ", 6)) {
			uint32_t n = i - line - 7;

			if (n > 255)
				return NULL;
			memcpy(name, receiver.bytes + line + 6, n);
			name[n] = 0;
			return name;
		}
		line = i + 1;
	}
	return NULL;
}

/* Any of the whole queries in the stream that asks for another name. */
static const char *query_name(void)
{
	static char name[256];
	uint32_t at = 0;

	while (at + 2 <= receiver.ready) {
		uint32_t len = (uint32_t)(receiver.bytes[at] << 8 | receiver.bytes[at + 1]), n = 0, p;

		if (at + 2 + len > receiver.ready || len < 12 + 5)
			return NULL;
		for (p = at + 14; p < at + 2 + len && receiver.bytes[p] && n < 250; n++, p++)
			name[n] = (char)receiver.bytes[p];
		name[n] = 0;
		if (memcmp(name,
			   "\x07"
			   "example\x03org",
			   12))
			return name;
		at += 2 + len;
	}
	return NULL;
}

static uint32_t segment(const char *to, uint16_t port, uint16_t own, uint32_t at, const void *data, uint32_t len)
{
	return egress_send(e, &(struct spec){.from = TREE,
					     .to = to,
					     .proto = TCP,
					     .sport = own,
					     .dport = port,
					     .tcp_flags = ACK | PSH,
					     .seq = START + at,
					     .ack = 1,
					     .data = data,
					     .payload = len});
}

static void hear(const char *to, uint16_t port, uint16_t own, uint8_t flags, uint32_t ack)
{
	egress_get(e, &(struct spec){.from = to,
				     .to = TREE,
				     .proto = TCP,
				     .sport = port,
				     .dport = own,
				     .tcp_flags = flags,
				     .ack = ack});
}

struct game {
	const char *to;
	uint16_t port;
	uint32_t (*make)(uint8_t *to, uint32_t choice);
	const char *(*read)(void);
	const char *allowed; /* NULL: whatever read() gives is wrong */
};

static uint32_t got_through; /* rounds in which an allowed name arrived: the game is not idle */

/* One connection: pieces of good and bad first words, anywhere. */
static void play(const struct game *g, uint16_t own)
{
	uint8_t words[4][STREAM];
	uint32_t len[4];
	bool through = false;

	memset(&receiver, 0, sizeof(receiver));
	receiver.last_wins = any(2);
	for (uint32_t i = 0; i < 4; i++)
		len[i] = g->make(words[i], i < 2 ? i : any(6));
	egress_send(e, &(struct spec){.from = TREE,
				      .to = g->to,
				      .proto = TCP,
				      .sport = own,
				      .dport = g->port,
				      .tcp_flags = SYN,
				      .seq = START - 1});
	hear(g->to, g->port, own, SYN | ACK, START);
	for (uint32_t i = 0; i < SEGMENTS; i++) {
		uint32_t w = any(4), from = any(3) ? 0 : any(len[w]),
			 n = any(2) ? len[w] - from : 1 + any(len[w] - from);
		uint32_t at = any(4) ? from : any(3) ? receiver.ready : any(STREAM / 2);
		const char *name;

		if (segment(g->to, g->port, own, at, words[w] + from, n) != LET_GO)
			continue;
		if (!any(4))
			continue; /* its checksum was wrong */
		receive(at, words[w] + from, n);
		if (any(2))
			hear(g->to, g->port, own, ACK, START + receiver.ready);
		name = g->read();
		if (name && (!g->allowed || strcmp(name, g->allowed)))
			fail_msg("'%s' got through in segment %u of connection %u", name, i, own);
		through |= receiver.ready > 0 && (!g->allowed || name);
	}
	got_through += through;
}

static uint32_t hello_of(uint8_t *to, uint32_t choice)
{
	static const char *const names[] = {"www.example.org", "www.example.com"};

	return make_hello(to, names[choice % 2], choice < 2 ? 0 : 60 * any(5), 50 * any(4));
}

static uint32_t request_of(uint8_t *to, uint32_t choice)
{
	return (uint32_t)sprintf((char *)to, "GET /%s HTTP/1.1\r\n%sHost: %s\r\n%s\r\n", choice & 2 ? "long" : "",
				 choice & 4 ? "A: b\r\n" : "", choice % 2 ? "www.example.com" : "www.example.org",
				 any(2) ? "Behind: it\r\n" : "");
}

static uint32_t query_of(uint8_t *to, uint32_t choice)
{
	uint32_t n = dns_make(to + 2, (uint16_t)choice, choice % 2 ? "example.com" : "example.org", 1, false, NULL, 0);

	to[0] = (uint8_t)(n >> 8);
	to[1] = (uint8_t)n;
	return n + 2;
}

static void play_all(const struct game *g)
{
	e = egress_open("allow www.example.org:80,443 example.org\n");
	dns_learn(e, "www.example.org", "192.0.2.10");
	got_through = 0;
	for (uint32_t i = 0; i < ROUNDS; i++)
		play(g, (uint16_t)(10000 + i));
	assert_in_range(got_through, ROUNDS / 10, ROUNDS);
	egress_close(e);
}

static void no_order_of_segments_gets_another_tls_name_through(void **unused)
{
	play_all(&(struct game){
		.to = "192.0.2.10", .port = 443, .make = hello_of, .read = hello_name, .allowed = "www.example.org"});
}

static void no_order_of_segments_gets_another_http_host_through(void **unused)
{
	play_all(&(struct game){.to = "192.0.2.10",
				.port = 80,
				.make = request_of,
				.read = request_host,
				.allowed = "www.example.org"});
}

static void no_order_of_segments_gets_another_query_through(void **unused)
{
	play_all(&(struct game){.to = RESOLVER, .port = 53, .make = query_of, .read = query_name});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_order_of_segments_gets_another_tls_name_through),
		cmocka_unit_test(no_order_of_segments_gets_another_http_host_through),
		cmocka_unit_test(no_order_of_segments_gets_another_query_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
