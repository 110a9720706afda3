/* SPDX-License-Identifier: BSD-2-Clause */
/* The egress firewall and DNS: answers in all shapes, time, TCP, and what a tree or a resolver may try. Fragments too. */
#include "egress_util.h"

#include <stdio.h>
#include <string.h>

enum { HEADER = 12 };

static struct egress_run *e;

static void with(const char *policy)
{
	e = egress_open(policy);
}

static int teardown(void **state)
{
	if (e)
		egress_close(e);
	e = NULL;
	return 0;
}

static uint32_t ask_bytes(const void *message, uint32_t n)
{
	return egress_send(e, &(struct spec){.from = TREE,
					     .to = RESOLVER,
					     .proto = UDP,
					     .sport = 4444,
					     .dport = 53,
					     .data = message,
					     .payload = n});
}

static uint32_t tell_bytes(const void *message, uint32_t n)
{
	return egress_get(e, &(struct spec){.from = RESOLVER,
					    .to = TREE,
					    .proto = UDP,
					    .sport = 53,
					    .dport = 4444,
					    .data = message,
					    .payload = n});
}

static const struct egress_event *last(void)
{
	egress_drain(e);
	assert_true(e->n_events > 0);
	return &e->events[e->n_events - 1];
}

static bool open_to(const char *addr)
{
	return connect_to(e, addr, 80) == LET_GO;
}

static void names_are_compared_without_case(void **state)
{
	const struct answer_record a = {.type = 1, .ttl = 60, .data = "192.0.2.5"};

	with("allow WWW.Example.ORG\n");
	assert_int_equal(dns_ask(e, 1, "wWw.eXample.oRg", 1), LET_GO);
	assert_int_equal(dns_tell(e, 1, "www.EXAMPLE.org", 1, &a, 1), LET_GO);
	assert_true(open_to("192.0.2.5"));
}

static void both_families_are_learnt_over_both_resolvers(void **state)
{
	const struct answer_record a = {.type = 28, .ttl = 60, .data = "2001:db8::5"};
	uint8_t message[512];
	uint32_t n = dns_make(message, 1, "example.org", 28, false, NULL, 0);

	with("allow example.org\n");
	assert_int_equal(egress_send(e, &(struct spec){.from = TREE6,
						       .to = RESOLVER6,
						       .proto = UDP,
						       .sport = 4444,
						       .dport = 53,
						       .data = message,
						       .payload = n}),
			 LET_GO);
	n = dns_make(message, 1, "example.org", 28, true, &a, 1);
	/* Not from the other one. */
	assert_int_equal(tell_bytes(message, n), DROPPED);
	assert_int_equal(egress_get(e, &(struct spec){.from = RESOLVER6,
						      .to = TREE6,
						      .proto = UDP,
						      .sport = 53,
						      .dport = 4444,
						      .data = message,
						      .payload = n}),
			 LET_GO);
	assert_true(open_to("2001:db8::5"));
	/* Refused over IPv6 as well, with a checksum. */
	n = dns_make(message, 1, "example.net", 28, false, NULL, 0);
	assert_int_equal(egress_send(e, &(struct spec){.from = TREE6,
						       .to = RESOLVER6,
						       .proto = UDP,
						       .sport = 4444,
						       .dport = 53,
						       .data = message,
						       .payload = n}),
			 TURNED);
	assert_true(frame_sums_ok(e->out, e->out_len));
	assert_int_equal(e->out_len, 14 + 40 + 8 + n);
	assert_int_equal(e->out[62 + 3], 0x85);
}

static void what_is_behind_a_query_is_not_sent_back(void **state)
{
	uint8_t message[512];
	uint32_t n = dns_make(message, 1, "example.net", 1, false, NULL, 0);

	with("allow example.org\n");
	/* EDNS: an OPT record. */
	message[11] = 1;
	memcpy(message + n, "\0\0\x29\x10\0\0\0\0\0\0\0", 11);
	assert_int_equal(ask_bytes(message, n + 11), TURNED);
	assert_int_equal(e->out_len, 14 + 20 + 8 + n);
	assert_int_equal(e->out[42 + 11], 0);
	assert_true(frame_sums_ok(e->out, e->out_len));
}

static void queries_that_are_odd_are_refused(void **state)
{
	static const struct {
		uint32_t at;
		uint8_t value;
	} odd[] = {{2, 0x81},  {2, 0x10}, {5, 0},    {5, 2},  {7, 1},    {9, 1},
		   {12, 0xc0}, {12, 64},  {13, '.'}, {13, 0}, {13, ' '}, {13, 0xe4}};
	uint8_t message[512], long_name[600];
	uint32_t n;

	with("allow *\n");
	for (uint32_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		n = dns_make(message, 1, "example.net", 1, false, NULL, 0);
		assert_int_equal(ask_bytes(message, n), LET_GO);
		message[odd[i].at] = odd[i].value;
		assert_int_equal(ask_bytes(message, n), TURNED);
		assert_int_equal(last()->reason, EGRESS_QUERY_MALFORMED);
	}
	n = dns_make(message, 1, "example.net", 1, false, NULL, 0);
	message[n - 1] = 3; /* class CHAOS */
	assert_int_equal(ask_bytes(message, n), TURNED);
	message[n - 1] = 1;
	for (uint32_t len = 0; len < n; len++)
		assert_int_equal(ask_bytes(message, len), TURNED);
	/* A label has up to 63. */
	memset(long_name, 'a', 64);
	memcpy(long_name + 63, ".a.org", 7);
	n = dns_make(message, 1, (char *)long_name, 1, false, NULL, 0);
	assert_int_equal(ask_bytes(message, n), LET_GO);
	n = dns_make(message, 1, (char *)long_name + 61, 1, false, NULL, 0);
	assert_int_equal(ask_bytes(message, n), LET_GO);
	/* 253 characters are a name, 254 are not. */
	for (uint32_t total = 252; total <= 256; total++) {
		memset(long_name, 'a', sizeof(long_name));
		for (uint32_t i = 50; i < total - 2; i += 51)
			long_name[i] = '.';
		long_name[total] = 0;
		n = dns_make(message, 1, (char *)long_name, 1, false, NULL, 0);
		assert_int_equal(ask_bytes(message, n), total <= 253 ? LET_GO : TURNED);
	}
}

static void compression_pointers_are_stepped_over_and_cannot_loop(void **state)
{
	static const uint8_t records[] = {
		/* An owner that is a pointer to itself. */
		0xc0,
		0x1d,
		0,
		1,
		0,
		1,
		0,
		0,
		0,
		9,
		0,
		4,
		192,
		0,
		2,
		1,
		/* Labels, then a pointer. */
		3,
		'a',
		'b',
		'c',
		0xc0,
		0x1d,
		0,
		1,
		0,
		1,
		0,
		0,
		0,
		9,
		0,
		4,
		192,
		0,
		2,
		2,
		/* The root. */
		0,
		0,
		1,
		0,
		1,
		0,
		0,
		0,
		9,
		0,
		4,
		192,
		0,
		2,
		3,
	};
	uint8_t message[512];
	uint32_t n;

	with("allow example.org\n");
	n = dns_make(message, 1, "example.org", 1, false, NULL, 0);
	assert_int_equal(ask_bytes(message, n), LET_GO);
	message[2] = 0x81;
	message[7] = 3;
	memcpy(message + n, records, sizeof(records));
	assert_int_equal(tell_bytes(message, n + sizeof(records)), LET_GO);
	assert_true(open_to("192.0.2.1"));
	assert_true(open_to("192.0.2.2"));
	assert_true(open_to("192.0.2.3"));
}

static void answers_that_are_kept_back_are_counted(void **state)
{
	struct egress_stats s[2];
	uint32_t zero = 0;

	with("allow example.org\n");
	assert_int_equal(dns_tell(e, 1, "example.org", 1, NULL, 0), DROPPED);
	assert_int_equal(
		egress_get(e, &(struct spec){.from = "203.0.113.1", .to = TREE, .proto = UDP, .sport = 9, .dport = 5}),
		DROPPED);
	assert_int_equal(skep_map_lookup(e->hive, egress_fd(e, "stats"), &zero, s), 0);
	assert_int_equal(s[0].dropped[EGRESS_UNASKED] + s[1].dropped[EGRESS_UNASKED], 2);
}

static void an_answer_that_ends_early_teaches_what_came_before(void **state)
{
	const struct answer_record records[] = {{.type = 1, .ttl = 9, .data = "192.0.2.1"},
						{.type = 5, .ttl = 9, .data = "x.example"},
						{.type = 1, .ttl = 9, .data = "192.0.2.2"}};
	uint8_t message[512];
	uint32_t n;

	with("allow example.org\n");
	n = dns_make(message, 1, "example.org", 1, true, records, 3);
	assert_int_equal(dns_ask(e, 1, "example.org", 1), LET_GO);
	assert_int_equal(tell_bytes(message, n - 1), LET_GO);
	assert_true(open_to("192.0.2.1"));
	assert_false(open_to("192.0.2.2"));
	/* However it ends: it never teaches what is not whole. */
	for (uint32_t len = HEADER; len < n; len++) {
		assert_int_equal(dns_ask(e, 1, "example.org", 1), LET_GO);
		tell_bytes(message, len);
		assert_false(open_to("192.0.2.2"));
	}
}

/* The frame goes on behind the packet, where the rest of the answer stands: that is no part of it. */
static void padding_teaches_nothing(void **state)
{
	const struct answer_record a = {.type = 1, .ttl = 9, .data = "192.0.2.1"};
	uint8_t message[512], frame[FRAME_MAX];
	uint32_t n, len;

	with("allow example.org\n");
	n = dns_make(message, 1, "example.org", 1, true, &a, 1);
	for (uint32_t less = 1; less < 16; less++) {
		assert_int_equal(dns_ask(e, 1, "example.org", 1), LET_GO);
		len = frame_build(&(struct spec){.from = RESOLVER,
						 .to = TREE,
						 .proto = UDP,
						 .sport = 53,
						 .dport = 4444,
						 .data = message,
						 .payload = n},
				  frame);
		frame[17] = (uint8_t)(frame[17] - less);
		assert_int_equal(egress_get_bytes(e, frame, len), LET_GO);
		assert_false(open_to("192.0.2.1"));
	}
}

static void errors_other_classes_and_lengths_teach_nothing(void **state)
{
	const struct answer_record a = {.type = 1, .ttl = 9, .data = "192.0.2.1"};
	static const struct {
		uint32_t back; /* from the end */
		uint8_t value;
	} changes[] = {{11, 3}, {13, 16}, {5, 3}, {5, 5}};
	uint8_t message[512];
	uint32_t n;

	with("allow example.org\n");
	n = dns_make(message, 1, "example.org", 1, true, &a, 1);
	message[3] |= 3; /* NXDOMAIN */
	assert_int_equal(dns_ask(e, 1, "example.org", 1), LET_GO);
	assert_int_equal(tell_bytes(message, n), LET_GO);
	assert_false(open_to("192.0.2.1"));
	for (uint32_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		n = dns_make(message, 1, "example.org", 1, true, &a, 1);
		message[n - changes[i].back] = changes[i].value;
		assert_int_equal(dns_ask(e, 1, "example.org", 1), LET_GO);
		tell_bytes(message, n);
		assert_false(open_to("192.0.2.1"));
	}
	/* A question back, with records in it. */
	n = dns_make(message, 1, "example.org", 1, true, &a, 1);
	message[2] = 1;
	assert_int_equal(dns_ask(e, 1, "example.org", 1), LET_GO);
	assert_int_equal(tell_bytes(message, n), DROPPED);
	assert_false(open_to("192.0.2.1"));
}

static uint64_t expiry_of(const char *addr, uint32_t slot, struct egress_learnt *l)
{
	struct egress_learnt_key key = {.slot = slot};

	address(addr, &key.addr);
	if (skep_map_lookup(e->hive, egress_fd(e, "learnt"), &key, l))
		return 0;
	return l->expires;
}

static void what_was_learnt_ends_and_a_connection_outlives_it(void **state)
{
	struct egress_learnt_key key = {0};
	struct egress_learnt l, again;
	uint64_t begun;

	with("allow example.org\n");
	dns_learn(e, "example.org", "192.0.2.1");
	assert_true(open_to("192.0.2.1"));
	expiry_of("192.0.2.1", 0, &l);
	l.expires = 1;
	address("192.0.2.1", &key.addr);
	assert_int_equal(skep_map_update(e->hive, egress_fd(e, "learnt"), &key, &l, 0), 0);
	assert_int_equal(egress_send(e, &(struct spec){.from = TREE,
						       .to = "192.0.2.1",
						       .proto = TCP,
						       .sport = 5000,
						       .dport = 80,
						       .tcp_flags = ACK}),
			 LET_GO);
	assert_int_equal(connect_to(e, "192.0.2.1", 81), TURNED);
	/* A floor of ten minutes, and no ceiling. */
	assert_int_equal(dns_ask(e, 1, "example.org", 1), LET_GO);
	assert_int_equal(
		dns_tell(e, 1, "example.org", 1, &(struct answer_record){.type = 1, .ttl = 1, .data = "192.0.2.9"}, 1),
		LET_GO);
	assert_int_equal(dns_ask(e, 2, "example.org", 1), LET_GO);
	egress_drain(e);
	begun = e->events[e->n_events - 1].ns;
	assert_int_equal(dns_tell(e, 2, "example.org", 1,
				  &(struct answer_record){.type = 1, .ttl = 3600, .data = "192.0.2.8"}, 1),
			 LET_GO);
	assert_in_range(expiry_of("192.0.2.9", 0, &l) - begun, 595000000000, 605000000000);
	assert_in_range(expiry_of("192.0.2.8", 0, &l) - begun, 3600000000000, 3610000000000);
	/* The same name again takes no second place. */
	dns_learn(e, "example.org", "192.0.2.8");
	assert_int_equal(expiry_of("192.0.2.8", 1, &again), 0);
}

static void many_names_of_one_address_are_remembered_the_latest_first(void **state)
{
	char name[64];
	struct egress_learnt l;

	with("allow *.example.org\n");
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "h%d.example.org", i);
		dns_learn(e, name, "192.0.2.1");
	}
	for (uint32_t slot = 0; slot < EGRESS_SLOTS; slot++)
		assert_true(expiry_of("192.0.2.1", slot, &l));
	assert_true(open_to("192.0.2.1"));
	assert_string_equal(last()->name, "h19.example.org");
}

static void labels_of_services_belong_to_their_name(void **state)
{
	with("allow deb.debian.org\ndeny *.debian.org\n");
	assert_int_equal(dns_ask(e, 1, "_http._tcp.deb.debian.org", 33), LET_GO);
	assert_int_equal(dns_tell(e, 1, "_http._tcp.deb.debian.org", 33, NULL, 0), LET_GO);
	assert_int_equal(dns_ask(e, 1, "_http._tcp.www.debian.org", 33), TURNED);
	assert_int_equal(dns_ask(e, 1, "x._tcp.deb.debian.org", 33), TURNED);
	assert_int_equal(dns_ask(e, 1, "_tcp", 33), TURNED);
}

static uint32_t tcp_to_resolver(uint8_t flags, uint32_t seq, const void *data, uint32_t len)
{
	return egress_send(e, &(struct spec){.from = TREE,
					     .to = RESOLVER,
					     .proto = TCP,
					     .sport = 4444,
					     .dport = 53,
					     .tcp_flags = flags,
					     .seq = seq,
					     .ack = 900,
					     .data = data,
					     .payload = len});
}

static void dns_connect(void)
{
	assert_int_equal(tcp_to_resolver(SYN, 100, NULL, 0), LET_GO);
	assert_int_equal(egress_get(e, &(struct spec){.from = RESOLVER,
						      .to = TREE,
						      .proto = TCP,
						      .sport = 53,
						      .dport = 4444,
						      .tcp_flags = SYN | ACK,
						      .ack = 101}),
			 LET_GO);
}

static uint32_t framed(uint8_t *to, uint16_t id, const char *name, bool answer, const struct answer_record *a)
{
	uint32_t n = dns_make(to + 2, id, name, 1, answer, a, a ? 1 : 0);

	to[0] = (uint8_t)(n >> 8);
	to[1] = (uint8_t)n;
	return n + 2;
}

static void over_tcp_each_segment_is_queries_that_are_allowed(void **state)
{
	const struct answer_record a = {.type = 1, .ttl = 60, .data = "192.0.2.30"};
	uint8_t message[1200];
	uint32_t n, m;

	with("allow example.org *.example.org\n");
	dns_connect();
	n = framed(message, 3, "example.org", false, NULL);
	assert_int_equal(tcp_to_resolver(ACK | PSH, 101, message, n), LET_GO);
	assert_int_equal(tcp_to_resolver(ACK | PSH, 101, message, n), LET_GO);
	m = framed(message, 3, "x.example.org", false, NULL);
	assert_int_equal(tcp_to_resolver(ACK | PSH, 101, message, m), DROPPED);
	m = framed(message, 3, "example.org", true, &a);
	assert_int_equal(egress_get(e, &(struct spec){.from = RESOLVER,
						      .to = TREE,
						      .proto = TCP,
						      .sport = 53,
						      .dport = 4444,
						      .tcp_flags = ACK,
						      .data = message,
						      .payload = m}),
			 LET_GO);
	assert_true(open_to("192.0.2.30"));
	/* Out of step: neither the next byte nor the same again. */
	framed(message, 4, "example.org", false, NULL);
	assert_int_equal(tcp_to_resolver(ACK | PSH, 101 + n - 1, message, n), DROPPED);
	assert_int_equal(tcp_to_resolver(ACK | PSH, 102, message, n), DROPPED);
	assert_int_equal(tcp_to_resolver(ACK | PSH, 101 + n, message, n), LET_GO);
	/* A name that is not allowed. */
	m = framed(message, 5, "example.com", false, NULL);
	assert_int_equal(tcp_to_resolver(ACK | PSH, 101 + 2 * n, message, m), TURNED);
	assert_int_equal(e->out[34 + 13], RST);
	assert_int_equal(last()->reason, EGRESS_QUERY_NAME);
	assert_int_equal(tcp_to_resolver(ACK | PSH, 101 + 2 * n, message, n), TURNED);
}

static void two_queries_in_a_segment_are_both_judged(void **state)
{
	const struct answer_record a = {.type = 1, .ttl = 60, .data = "192.0.2.30"},
				   b = {.type = 1, .ttl = 60, .data = "192.0.2.31"};
	uint8_t message[1200];
	uint32_t n, m;

	with("allow example.org example.net\n");
	dns_connect();
	n = framed(message, 3, "example.org", false, NULL);
	m = framed(message + n, 4, "example.net", false, NULL);
	assert_int_equal(tcp_to_resolver(ACK | PSH, 101, message, n + m), LET_GO);
	n = framed(message, 3, "example.org", true, &a);
	m = framed(message + n, 4, "example.net", true, &b);
	assert_int_equal(egress_get(e, &(struct spec){.from = RESOLVER,
						      .to = TREE,
						      .proto = TCP,
						      .sport = 53,
						      .dport = 4444,
						      .tcp_flags = ACK,
						      .data = message,
						      .payload = n + m}),
			 LET_GO);
	assert_true(open_to("192.0.2.30"));
	assert_true(open_to("192.0.2.31"));
	for (int first = 0; first < 2; first++) {
		dns_connect();
		n = framed(message, 3, first ? "example.com" : "example.org", false, NULL);
		m = framed(message + n, 4, first ? "example.org" : "example.com", false, NULL);
		assert_int_equal(tcp_to_resolver(ACK | PSH, 101, message, n + m), TURNED);
		assert_int_equal(last()->reason, EGRESS_QUERY_NAME);
	}
}

static void over_tcp_what_cannot_be_seen_is_refused(void **state)
{
	uint8_t message[1200];
	uint32_t n, m;

	with("allow example.org\n");
	/* Three queries in a segment, the last of which would not be seen; two of which one lacks a byte. */
	n = framed(message, 3, "example.org", false, NULL);
	m = framed(message + n, 4, "example.org", false, NULL);
	dns_connect();
	assert_int_equal(tcp_to_resolver(ACK | PSH, 101, message, n + m - 1), TURNED);
	assert_int_equal(last()->reason, EGRESS_QUERY_HIDDEN);
	m += framed(message + n + m, 5, "example.com", false, NULL);
	dns_connect();
	assert_int_equal(tcp_to_resolver(ACK | PSH, 101, message, n + m), TURNED);
	assert_int_equal(last()->reason, EGRESS_QUERY_HIDDEN);
	/* Half a query, a byte of one. */
	for (uint32_t len = 1; len < n; len++) {
		dns_connect();
		assert_int_equal(tcp_to_resolver(ACK | PSH, 101, message, len), TURNED);
		assert_int_equal(last()->reason, EGRESS_QUERY_HIDDEN);
	}
	/* Data before the resolver has answered; without a connection; in the SYN. */
	assert_int_equal(tcp_to_resolver(SYN, 100, NULL, 0), LET_GO);
	assert_int_equal(tcp_to_resolver(ACK | PSH, 101, message, n), DROPPED);
	assert_int_equal(tcp_to_resolver(SYN, 100, message, n), DROPPED);
}

static void fragments_go_where_the_first_went(void **state)
{
	const struct spec first = {.from = TREE,
				   .to = "192.0.2.1",
				   .proto = UDP,
				   .sport = 5,
				   .dport = 123,
				   .more_fragments = true,
				   .payload = 40};
	struct spec later = first, other;

	later.frag_offset = 6;
	later.more_fragments = false;
	with("allow 192.0.2.1:123 2001:db8::1:123 [2001:db8::2]:123\n");
	assert_int_equal(egress_send(e, &later), DROPPED);
	assert_int_equal(last()->reason, EGRESS_FRAGMENT);
	assert_int_equal(egress_send(e, &first), LET_GO);
	assert_int_equal(egress_send(e, &later), LET_GO);
	other = later;
	other.to = "192.0.2.2";
	assert_int_equal(egress_send(e, &other), DROPPED);
	other = first;
	other.dport = 124;
	assert_int_equal(egress_send(e, &other), TURNED);
	other = first;
	other.proto = TCP;
	assert_int_equal(egress_send(e, &other), DROPPED);
	other = (struct spec){.from = TREE6,
			      .to = "2001:db8::2",
			      .proto = UDP,
			      .sport = 5,
			      .dport = 123,
			      .exts = "f",
			      .frag_offset = 6,
			      .payload = 16};
	assert_int_equal(egress_send(e, &other), DROPPED);
	other.frag_offset = 0;
	other.more_fragments = true;
	assert_int_equal(egress_send(e, &other), LET_GO);
	other.frag_offset = 6;
	assert_int_equal(egress_send(e, &other), LET_GO);
	/* To the resolver: never. */
	other = first;
	other.to = RESOLVER;
	other.dport = 53;
	assert_int_equal(egress_send(e, &other), DROPPED);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names_are_compared_without_case),
		TEST(both_families_are_learnt_over_both_resolvers),
		TEST(what_is_behind_a_query_is_not_sent_back),
		TEST(queries_that_are_odd_are_refused),
		TEST(compression_pointers_are_stepped_over_and_cannot_loop),
		TEST(answers_that_are_kept_back_are_counted),
		TEST(an_answer_that_ends_early_teaches_what_came_before),
		TEST(padding_teaches_nothing),
		TEST(errors_other_classes_and_lengths_teach_nothing),
		TEST(what_was_learnt_ends_and_a_connection_outlives_it),
		TEST(many_names_of_one_address_are_remembered_the_latest_first),
		TEST(labels_of_services_belong_to_their_name),
		TEST(over_tcp_each_segment_is_queries_that_are_allowed),
		TEST(two_queries_in_a_segment_are_both_judged),
		TEST(over_tcp_what_cannot_be_seen_is_refused),
		TEST(fragments_go_where_the_first_went),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
