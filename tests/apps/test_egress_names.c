/* SPDX-License-Identifier: BSD-2-Clause */
/* The egress firewall where names are checked on connections: TLS, HTTP, and a tree that tries to get around it. */
#include "client_hello.h"
#include "egress_util.h"
#include "wire.h"

#include <stdio.h>
#include <string.h>

enum { START = 101, THEIRS = 9000, PORT = 5000 };

static struct egress_run *e;

static int teardown(void **state)
{
	if (e)
		egress_close(e);
	e = NULL;
	return 0;
}

/* A segment of the tree's, with the number of its first byte from the connection's first on. */
static uint32_t say_at(const char *addr, uint16_t port, uint32_t at, const void *data, uint32_t len)
{
	return egress_send(e, &(struct spec){.from = TREE,
					     .to = addr,
					     .proto = TCP,
					     .sport = PORT,
					     .dport = port,
					     .tcp_flags = ACK | PSH,
					     .seq = START + at,
					     .ack = THEIRS,
					     .data = data,
					     .payload = len});
}

static uint32_t hear(const char *addr, uint16_t port, uint8_t flags, uint32_t ack)
{
	return egress_get(e, &(struct spec){.from = addr,
					    .to = TREE,
					    .proto = TCP,
					    .sport = port,
					    .dport = PORT,
					    .tcp_flags = flags,
					    .seq = THEIRS - 1,
					    .ack = ack});
}

static void establish(const char *addr, uint16_t port)
{
	assert_int_equal(connect_to(e, addr, port), LET_GO);
	assert_int_equal(hear(addr, port, SYN | ACK, START), LET_GO);
	egress_drain(e);
}

static const struct egress_event *last(void)
{
	egress_drain(e);
	assert_true(e->n_events > 0);
	return &e->events[e->n_events - 1];
}

static void expect_last(enum egress_verdict verdict, enum egress_reason reason, const char *name)
{
	const struct egress_event *v = last();

	assert_int_equal(v->verdict, verdict);
	assert_int_equal(v->reason, reason);
	assert_string_equal(v->name, name);
}

/* Two names, one of them allowed, and one address of both. */
static void with_shared(const char *policy)
{
	e = egress_open(policy);
	dns_learn(e, "www.example.org", "192.0.2.10");
}

static uint32_t make_hello(uint8_t *to, const char *name, uint32_t before, uint32_t after)
{
	return (uint32_t)(put_hello(to, name, before, after) - to);
}

static void a_real_hello_for_an_allowed_name_goes(void **state)
{
	with_shared("allow www.example.org:443\n");
	establish("192.0.2.10", 443);
	assert_int_equal(say_at("192.0.2.10", 443, 0, hello_with_name, sizeof(hello_with_name)), LET_GO);
	expect_last(EGRESS_NAMED, EGRESS_BY_RULE, "www.example.org");
	assert_int_equal(say_at("192.0.2.10", 443, sizeof(hello_with_name), "data", 4), LET_GO);
}

static void a_real_hello_for_another_name_is_reset_and_so_is_what_follows(void **state)
{
	uint8_t hello[sizeof(hello_with_name)], turned[FRAME_MAX];

	with_shared("allow www.example.org:443\n");
	memcpy(hello, hello_with_name, sizeof(hello));
	for (uint32_t i = 0; i + 15 < sizeof(hello); i++)
		if (!memcmp(hello + i, "www.example.org", 15))
			memcpy(hello + i, "EVIL", 4);
	establish("192.0.2.10", 443);
	assert_int_equal(say_at("192.0.2.10", 443, 0, hello, sizeof(hello)), TURNED);
	assert_true(frame_sums_ok(e->out, e->out_len));
	assert_int_equal(e->out[34 + 13], RST);
	assert_memory_equal(e->out + 34 + 4, "\0\0\x23\x28", 4); /* THEIRS */
	expect_last(EGRESS_REFUSED, EGRESS_TLS_NAME, "evilexample.org");
	/* Again, and no news of it. */
	assert_int_equal(say_at("192.0.2.10", 443, 0, hello_with_name, sizeof(hello_with_name)), TURNED);
	egress_drain(e);
	assert_int_equal(e->n_events, 0);
	/* The other side is sent away too, and the tree's own reset goes to it. */
	assert_int_equal(hear("192.0.2.10", 443, ACK, START + 5), TURNED);
	assert_int_equal(e->out[34 + 13], RST);
	assert_memory_equal(e->out + 26, "\x0a\x00\x02\x0f\xc0\x00\x02\x0a", 8);
	assert_true(frame_sums_ok(e->out, e->out_len));
	memcpy(turned, e->out, e->out_len);
	assert_int_equal(egress_send_bytes(e, turned, e->out_len), LET_GO);
	assert_int_equal(egress_send(e, &(struct spec){.from = TREE,
						       .to = "192.0.2.10",
						       .proto = TCP,
						       .sport = PORT,
						       .dport = 443,
						       .tcp_flags = RST}),
			 LET_GO);
	/* A new connection from the same port is judged anew. */
	assert_int_equal(connect_to(e, "192.0.2.10", 443), LET_GO);
}

static void http_hosts_are_checked_like_tls_names(void **state)
{
	static const struct {
		const char *request;
		enum egress_verdict verdict;
		enum egress_reason reason;
		const char *name;
	} cases[] = {
		{"GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n", EGRESS_NAMED, 0, "www.example.org"},
		{"POST /x HTTP/1.1\r\nUser-Agent: x\r\nHOST:WWW.Example.ORG:80\r\nA: b\r\n\r\nbody", EGRESS_NAMED, 0,
		 "www.example.org"},
		{"GET / HTTP/1.1\nHost:\twww.example.org. \n\n", EGRESS_NAMED, 0, "www.example.org"},
		{"GET /long HTTP/1.1\r\nHost: www.example.org\r\nCookie: goes on", EGRESS_NAMED, 0, "www.example.org"},
		{"OPTIONS * HTTP/1.1\r\nHost: www.example.org\r\n\r\n", EGRESS_NAMED, 0, "www.example.org"},
		{"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", EGRESS_REFUSED, EGRESS_HTTP_NAME, "evil.example"},
		{"GET / HTTP/1.1\r\nHost: 192.0.2.10\r\n\r\n", EGRESS_REFUSED, EGRESS_HTTP_NAME, "192.0.2.10"},
		{"GET / HTTP/1.1\r\nX-Host: www.example.org\r\nHost: evil.example\r\n\r\n", EGRESS_REFUSED,
		 EGRESS_HTTP_NAME, "evil.example"},
		{"GET / HTTP/1.1\r\nHost: www.example.org\r\nHost: evil.example\r\n\r\n", EGRESS_REFUSED,
		 EGRESS_HTTP_NAME, ""},
		{"GET / HTTP/1.1\r\nHost: www.exa mple.org\r\n\r\n", EGRESS_REFUSED, EGRESS_HTTP_NAME, "www.exa"},
		{"GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n", EGRESS_REFUSED, EGRESS_HTTP_NAME, ""},
		{"GET http://evil.example/ HTTP/1.1\r\nHost: www.example.org\r\n\r\n", EGRESS_REFUSED, EGRESS_HTTP_NAME,
		 ""},
		{"CONNECT evil.example:443 HTTP/1.1\r\nHost: www.example.org\r\n\r\n", EGRESS_REFUSED, EGRESS_HTTP_NAME,
		 ""},
		{"GET / HTTP/1.1\r\nHost: www.exam", EGRESS_REFUSED, EGRESS_NAME_CUT, ""},
		{"GET / HTTP/1.1\r\nUser-Agent: goes on", EGRESS_REFUSED, EGRESS_NAME_CUT, ""},
		{"\r\nGET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", EGRESS_REFUSED, EGRESS_HTTP_NAME, "evil.example"},
		{"get / HTTP/1.1\r\nHost: evil.example\r\n\r\n", EGRESS_REFUSED, EGRESS_HTTP_NAME, "evil.example"},
		{"G / HTTP/1.1\r\nHost: evil.example\r\n\r\n", EGRESS_REFUSED, EGRESS_HTTP_NAME, "evil.example"},
		{"G", EGRESS_REFUSED, EGRESS_NAME_CUT, ""},
		{"\r\n", EGRESS_REFUSED, EGRESS_NAME_CUT, ""},
		{"GET /goes/on", EGRESS_REFUSED, EGRESS_NAME_CUT, ""},
	};

	with_shared("allow www.example.org:80\n");
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t len = (uint32_t)strlen(cases[i].request);

		establish("192.0.2.10", 80);
		if (say_at("192.0.2.10", 80, 0, cases[i].request, len) !=
		    (cases[i].verdict == EGRESS_NAMED ? LET_GO : TURNED))
			fail_msg("%s", cases[i].request);
		expect_last(cases[i].verdict, cases[i].reason, cases[i].name);
	}
}

static void without_a_name_the_address_must_be_unambiguous(void **state)
{
	static const char *const nameless[] = {"SSH-2.0-OpenSSH_9.2\r\n", "EHLO me\r\n", "\x80\x2e\x01",
					       "GET / HTTP/1.0\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"};

	with_shared("allow www.example.org\ndefault deny\n");
	for (uint32_t i = 0; i < sizeof(nameless) / sizeof(nameless[0]); i++) {
		establish("192.0.2.10", 22);
		assert_int_equal(say_at("192.0.2.10", 22, 0, nameless[i], (uint32_t)strlen(nameless[i])), LET_GO);
		assert_int_equal(say_at("192.0.2.10", 22, 50, "more", 4), LET_GO);
	}
	establish("192.0.2.10", 22);
	assert_int_equal(say_at("192.0.2.10", 22, 0, hello_without_name, sizeof(hello_without_name)), LET_GO);
	egress_close(e);
	/* The same address under a name whose rule is for another port. */
	with_shared("allow www.example.org shared.example.net:1\n");
	dns_learn(e, "shared.example.net", "192.0.2.10");
	for (uint32_t i = 0; i < sizeof(nameless) / sizeof(nameless[0]); i++) {
		establish("192.0.2.10", 22);
		assert_int_equal(say_at("192.0.2.10", 22, 0, nameless[i], (uint32_t)strlen(nameless[i])), TURNED);
		expect_last(EGRESS_REFUSED, EGRESS_NO_NAME, "");
	}
	establish("192.0.2.10", 443);
	assert_int_equal(say_at("192.0.2.10", 443, 0, hello_without_name, sizeof(hello_without_name)), TURNED);
	establish("192.0.2.10", 443);
	assert_int_equal(say_at("192.0.2.10", 443, 0, hello_with_name, sizeof(hello_with_name)), LET_GO);
}

static void a_hello_may_go_on_in_a_second_segment(void **state)
{
	uint8_t hello[3000];
	uint32_t n, cut = 1000;

	with_shared("allow www.example.org:443\n");
	n = make_hello(hello, "www.example.org", 1200, 30);
	establish("192.0.2.10", 443);
	assert_int_equal(say_at("192.0.2.10", 443, 0, hello, cut), LET_GO);
	/* What is not the next byte waits; the first again is the first again. */
	assert_int_equal(say_at("192.0.2.10", 443, n, "later", 5), DROPPED);
	assert_int_equal(say_at("192.0.2.10", 443, 0, hello, cut), LET_GO);
	assert_int_equal(say_at("192.0.2.10", 443, 0, hello, cut - 100), DROPPED);
	assert_int_equal(say_at("192.0.2.10", 443, cut, hello + cut, n - cut), LET_GO);
	expect_last(EGRESS_NAMED, EGRESS_BY_RULE, "www.example.org");
	assert_int_equal(say_at("192.0.2.10", 443, n, "later", 5), LET_GO);
	assert_int_equal(say_at("192.0.2.10", 443, cut, hello + cut, n - cut), LET_GO);
	n = make_hello(hello, "evil.example", 1200, 30);
	assert_int_equal(say_at("192.0.2.10", 443, cut, hello + cut, n - cut), TURNED);
	establish("192.0.2.10", 443);
	assert_int_equal(say_at("192.0.2.10", 443, 0, hello, cut), LET_GO);
	assert_int_equal(say_at("192.0.2.10", 443, cut, hello + cut, n - cut), TURNED);
	expect_last(EGRESS_REFUSED, EGRESS_TLS_NAME, "evil.example");
}

static void a_hello_in_three_segments_or_cut_in_its_name_is_refused_for_that(void **state)
{
	uint8_t hello[3000];
	uint32_t n = make_hello(hello, "www.example.org", 1000, 0);

	with_shared("allow www.example.org:443\n");
	establish("192.0.2.10", 443);
	assert_int_equal(say_at("192.0.2.10", 443, 0, hello, 300), LET_GO);
	assert_int_equal(say_at("192.0.2.10", 443, 300, hello + 300, 300), TURNED);
	expect_last(EGRESS_REFUSED, EGRESS_NAME_CUT, "");
	for (uint32_t cut = n - 23; cut < n; cut++) {
		establish("192.0.2.10", 443);
		assert_int_equal(say_at("192.0.2.10", 443, 0, hello, cut), TURNED);
		expect_last(EGRESS_REFUSED, EGRESS_NAME_CUT, "");
	}
	for (uint32_t cut = 1; cut < 40; cut++) {
		establish("192.0.2.10", 443);
		assert_int_equal(say_at("192.0.2.10", 443, 0, hello, cut), TURNED);
	}
	/* One record says less than the hello is long: the name would have a header in its middle. */
	hello[3] = 0;
	hello[4] = 200;
	establish("192.0.2.10", 443);
	assert_int_equal(say_at("192.0.2.10", 443, 0, hello, n), TURNED);
	expect_last(EGRESS_REFUSED, EGRESS_NAME_CUT, "");
}

static void hellos_that_are_odd_are_refused(void **state)
{
	static const struct {
		uint32_t at;
		uint8_t value;
	} odd[] = {
		{1, 2}, /* version of the record */
		{5, 2}, /* a ServerHello */
		{6, 1}, /* 65,536 bytes longer */
		{8, 0}, /* shorter than its parts */
		{43, 1}, /* a session id that moves the rest */
		{61, 5}, /* the list of names, the name itself: longer, shorter */
		{63, 16}, {63, 14}, {64, 1}, {64, 0xff},
	};
	uint8_t hello[200];
	uint32_t n;

	with_shared("allow www.example.org:443\n");
	for (uint32_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		n = make_hello(hello, "www.example.org", 0, 0);
		establish("192.0.2.10", 443);
		assert_int_equal(say_at("192.0.2.10", 443, 0, hello, n), LET_GO);
		hello[odd[i].at] = odd[i].value;
		establish("192.0.2.10", 443);
		if (say_at("192.0.2.10", 443, 0, hello, n) != TURNED)
			fail_msg("byte %u as %u", odd[i].at, odd[i].value);
		egress_drain(e);
	}
}

static void bytes_that_were_read_cannot_be_replaced(void **state)
{
	uint8_t good[300], evil[300];
	uint32_t n = make_hello(good, "www.example.org", 0, 100), m = make_hello(evil, "evil.example", 0, 103);
	uint32_t known = n - 104; /* the name's end: what is behind has no say */

	assert_int_equal(n, m);
	with_shared("allow www.example.org:443\n");
	/* Before the other side has said where the connection begins, nothing counts. */
	assert_int_equal(connect_to(e, "192.0.2.10", 443), LET_GO);
	assert_int_equal(say_at("192.0.2.10", 443, 0, good, n), DROPPED);
	assert_int_equal(hear("192.0.2.10", 443, SYN | ACK, START), LET_GO);
	/* A good hello elsewhere does not stand for the one at the beginning. */
	assert_int_equal(say_at("192.0.2.10", 443, 5000, good, n), DROPPED);
	assert_int_equal(say_at("192.0.2.10", 443, (uint32_t)-1, good, n), DROPPED);
	assert_int_equal(say_at("192.0.2.10", 443, 0, good, n), LET_GO);
	/* The good one may have had a bad checksum: then this would be the first that is taken. */
	assert_int_equal(say_at("192.0.2.10", 443, 1, evil + 1, n - 1), DROPPED);
	assert_int_equal(say_at("192.0.2.10", 443, known - 1, evil, 1), DROPPED);
	assert_int_equal(say_at("192.0.2.10", 443, n, "next", 4), LET_GO);
	assert_int_equal(say_at("192.0.2.10", 443, 0, evil, m), TURNED);
	/* Once all of it is acknowledged it cannot be replaced, and more than 2 GiB may follow. */
	establish("192.0.2.10", 443);
	assert_int_equal(say_at("192.0.2.10", 443, 0, good, n), LET_GO);
	assert_int_equal(hear("192.0.2.10", 443, ACK, START + known - 1), LET_GO);
	assert_int_equal(say_at("192.0.2.10", 443, (1u << 31) + n + 9, "x", 1), DROPPED);
	assert_int_equal(hear("192.0.2.10", 443, ACK, START + known), LET_GO);
	assert_int_equal(say_at("192.0.2.10", 443, (1u << 31) + n + 9, "x", 1), LET_GO);
}

/* The kernel cuts a large segment up behind the program, and the network loses a piece. */
static void what_lies_behind_the_name_is_sent_again_in_pieces(void **state)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: www.example.org\r\nCookie: 123456789\r\n\r\n";
	const uint32_t known = (uint32_t)(strstr(request, "Cookie") - request);
	uint8_t hello[1800];
	uint32_t n = make_hello(hello, "www.example.org", 0, 1600);

	with_shared("allow www.example.org\n");
	establish("192.0.2.10", 443);
	assert_int_equal(say_at("192.0.2.10", 443, 0, hello, n), LET_GO);
	assert_int_equal(say_at("192.0.2.10", 443, 1400, hello + 1400, n - 1400), LET_GO);
	assert_int_equal(say_at("192.0.2.10", 443, 0, hello, 1400), LET_GO);
	establish("192.0.2.10", 80);
	assert_int_equal(say_at("192.0.2.10", 80, 0, request, sizeof(request) - 1), LET_GO);
	assert_int_equal(say_at("192.0.2.10", 80, known, request + known, 9), LET_GO);
	assert_int_equal(say_at("192.0.2.10", 80, known - 1, request + known - 1, 9), DROPPED);
}

static void a_longer_first_segment_is_read_in_whole_and_only_while_nothing_follows(void **state)
{
	uint8_t brief[300], lengthy[1600];
	uint32_t n = make_hello(brief, "www.example.org", 0, 0), m = make_hello(lengthy, "www.example.org", 1200, 0);

	with_shared("allow www.example.org:443\n");
	establish("192.0.2.10", 443);
	assert_int_equal(say_at("192.0.2.10", 443, 0, brief, n), LET_GO);
	assert_int_equal(say_at("192.0.2.10", 443, 0, lengthy, m), LET_GO);
	assert_int_equal(say_at("192.0.2.10", 443, n, "x", 1), DROPPED);
	assert_int_equal(say_at("192.0.2.10", 443, m - 1, "x", 1), DROPPED);
	/* One that goes on, after one that was whole. */
	assert_int_equal(say_at("192.0.2.10", 443, 0, lengthy, 1000), DROPPED);
	assert_int_equal(say_at("192.0.2.10", 443, 0, brief, n), LET_GO);
	assert_int_equal(say_at("192.0.2.10", 443, n, "x", 1), DROPPED);
	establish("192.0.2.10", 443);
	assert_int_equal(say_at("192.0.2.10", 443, 0, brief, n), LET_GO);
	assert_int_equal(say_at("192.0.2.10", 443, n, "x", 1), LET_GO);
	assert_int_equal(say_at("192.0.2.10", 443, 0, lengthy, m), DROPPED);
	assert_int_equal(say_at("192.0.2.10", 443, 0, brief, n), LET_GO);
}

static void a_syn_with_data_waits_for_its_name(void **state)
{
	with_shared("allow www.example.org:443 192.0.2.77\n");
	assert_int_equal(egress_send(e, &(struct spec){.from = TREE,
						       .to = "192.0.2.10",
						       .proto = TCP,
						       .sport = PORT,
						       .dport = 443,
						       .tcp_flags = SYN,
						       .payload = 20}),
			 DROPPED);
	assert_int_equal(connect_to(e, "192.0.2.10", 443), LET_GO);
	assert_int_equal(egress_send(e, &(struct spec){.from = TREE,
						       .to = "192.0.2.10",
						       .proto = TCP,
						       .sport = PORT,
						       .dport = 443,
						       .tcp_flags = SYN,
						       .payload = 20}),
			 DROPPED);
	assert_int_equal(egress_send(e, &(struct spec){.from = TREE,
						       .to = "192.0.2.77",
						       .proto = TCP,
						       .sport = PORT,
						       .dport = 443,
						       .tcp_flags = SYN,
						       .payload = 20}),
			 LET_GO);
}

static void the_middle_of_a_connection_goes_by_address_alone(void **state)
{
	with_shared("allow www.example.org:443 192.0.2.77\n");
	assert_int_equal(say_at("192.0.2.10", 443, 0, "data", 4), TURNED);
	expect_last(EGRESS_REFUSED, EGRESS_NO_FLOW, "www.example.org");
	assert_int_equal(say_at("192.0.2.77", 443, 0, "data", 4), LET_GO);
}

static void denied_names_hold_where_all_else_is_allowed(void **state)
{
	uint8_t hello[300];
	uint32_t n = make_hello(hello, "ads.example.org", 0, 0);

	with_shared("deny *.ads.example.org ads.example.org\n");
	establish("192.0.2.10", 443);
	assert_int_equal(say_at("192.0.2.10", 443, 0, hello, n), TURNED);
	expect_last(EGRESS_REFUSED, EGRESS_TLS_NAME, "ads.example.org");
	establish("192.0.2.10", 443);
	assert_int_equal(say_at("192.0.2.10", 443, 0, hello_with_name, sizeof(hello_with_name)), LET_GO);
	establish("192.0.2.10", 443);
	assert_int_equal(say_at("192.0.2.10", 443, 0, "whatever", 8), LET_GO);
	assert_int_equal(dns_ask(e, 77, "x.ads.example.org", 1), TURNED);
	assert_int_equal(dns_ask(e, 78, "www.example.org", 1), LET_GO);
}

static void an_address_rule_needs_no_name(void **state)
{
	uint8_t hello[300];
	uint32_t n = make_hello(hello, "whoever.example", 0, 0);

	with_shared("allow www.example.org:443 192.0.2.0/24:443\n");
	establish("192.0.2.10", 443);
	assert_int_equal(say_at("192.0.2.10", 443, 0, hello, n), LET_GO);
}

static void an_audit_tells_of_names_and_lets_them_go(void **state)
{
	uint8_t hello[300];
	uint32_t n = make_hello(hello, "evil.example", 0, 0);

	with_shared("audit yes\nallow www.example.org:443\n");
	establish("192.0.2.10", 443);
	assert_int_equal(say_at("192.0.2.10", 443, 0, hello, n), LET_GO);
	expect_last(EGRESS_WOULD_REFUSE, EGRESS_TLS_NAME, "evil.example");
	assert_int_equal(say_at("192.0.2.10", 443, n, "more", 4), LET_GO);
	egress_drain(e);
	assert_int_equal(e->n_events, 0);
}

static void quic_needs_an_address_rule(void **state)
{
	const struct spec quic = {
		.from = TREE, .to = "192.0.2.10", .proto = UDP, .sport = PORT, .dport = 443, .payload = 40};

	with_shared("allow www.example.org\n");
	assert_int_equal(egress_send(e, &quic), TURNED);
	expect_last(EGRESS_REFUSED, EGRESS_QUIC, "www.example.org");
	assert_int_equal(egress_send(e, &(struct spec){.from = TREE,
						       .to = "192.0.2.10",
						       .proto = UDP,
						       .sport = PORT,
						       .dport = 123,
						       .payload = 40}),
			 LET_GO);
	egress_refill(e, "allow www.example.org 192.0.2.10:443/udp\n");
	assert_int_equal(egress_send(e, &quic), LET_GO);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_real_hello_for_an_allowed_name_goes),
		TEST(a_real_hello_for_another_name_is_reset_and_so_is_what_follows),
		TEST(http_hosts_are_checked_like_tls_names),
		TEST(without_a_name_the_address_must_be_unambiguous),
		TEST(a_hello_may_go_on_in_a_second_segment),
		TEST(a_hello_in_three_segments_or_cut_in_its_name_is_refused_for_that),
		TEST(hellos_that_are_odd_are_refused),
		TEST(bytes_that_were_read_cannot_be_replaced),
		TEST(what_lies_behind_the_name_is_sent_again_in_pieces),
		TEST(a_longer_first_segment_is_read_in_whole_and_only_while_nothing_follows),
		TEST(a_syn_with_data_waits_for_its_name),
		TEST(the_middle_of_a_connection_goes_by_address_alone),
		TEST(denied_names_hold_where_all_else_is_allowed),
		TEST(an_address_rule_needs_no_name),
		TEST(an_audit_tells_of_names_and_lets_them_go),
		TEST(quic_needs_an_address_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
