/* SPDX-License-Identifier: BSD-2-Clause */
/* The egress firewall: which rule decides, what names do, what the tree hears of a refusal. */
#include "egress_util.h"

#include <arpa/inet.h>
#include <string.h>

/* Every test opens the firewall with a policy of its own. */
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

static uint32_t datagram_to(const char *addr, uint16_t port)
{
	return egress_send(e, &(struct spec){.from = strchr(addr, ':') ? TREE6 : TREE,
					     .to = addr,
					     .proto = UDP,
					     .sport = 5000,
					     .dport = port,
					     .payload = 20});
}

static uint32_t ping(const char *addr)
{
	bool v6 = strchr(addr, ':');

	return egress_send(e, &(struct spec){.from = v6 ? TREE6 : TREE,
					     .to = addr,
					     .proto = v6 ? ICMP6 : ICMP,
					     .dport = v6 ? 128 << 8 : 8 << 8,
					     .payload = 16});
}

static const struct egress_event *seen; /* the last event that was looked at */

/* The last event. */
static const struct egress_event *last(void)
{
	egress_drain(e);
	assert_true(e->n_events > 0);
	seen = &e->events[e->n_events - 1];
	return seen;
}

static void expect_refused(enum egress_reason reason, int32_t rule)
{
	const struct egress_event *v = last();

	assert_int_equal(v->verdict, EGRESS_REFUSED);
	assert_int_equal(v->reason, reason);
	assert_int_equal(v->policy_rule, rule);
}

static void any_allow_closes_the_rest(void **state)
{
	with("allow 192.0.2.1\n");
	assert_int_equal(connect_to(e, "192.0.2.1", 80), LET_GO);
	assert_int_equal(last()->policy_rule, 0);
	assert_int_equal(connect_to(e, "192.0.2.2", 80), TURNED);
	expect_refused(EGRESS_BY_RULE, -1);
	assert_int_equal(seen->rule, EGRESS_RULE_DEFAULT);
}

static void denials_alone_leave_the_rest_open(void **state)
{
	with("deny 192.0.2.1\n");
	assert_int_equal(connect_to(e, "192.0.2.1", 80), TURNED);
	expect_refused(EGRESS_BY_RULE, 0);
	assert_int_equal(connect_to(e, "192.0.2.2", 80), LET_GO);
	assert_int_equal(datagram_to("2001:db8::1", 80), LET_GO);
}

static void ports_ranges_and_protocols_bind(void **state)
{
	with("allow 192.0.2.1:80,443,8000-8080 192.0.2.2:53/udp 192.0.2.3/icmp 192.0.2.4\n");
	assert_int_equal(connect_to(e, "192.0.2.1", 80), LET_GO);
	assert_int_equal(connect_to(e, "192.0.2.1", 443), LET_GO);
	assert_int_equal(connect_to(e, "192.0.2.1", 8000), LET_GO);
	assert_int_equal(connect_to(e, "192.0.2.1", 8080), LET_GO);
	assert_int_equal(connect_to(e, "192.0.2.1", 7999), TURNED);
	assert_int_equal(connect_to(e, "192.0.2.1", 8081), TURNED);
	assert_int_equal(datagram_to("192.0.2.1", 443), LET_GO);
	assert_int_equal(ping("192.0.2.1"), TURNED);
	assert_int_equal(connect_to(e, "192.0.2.2", 53), TURNED);
	assert_int_equal(datagram_to("192.0.2.2", 53), LET_GO);
	assert_int_equal(ping("192.0.2.3"), LET_GO);
	assert_int_equal(datagram_to("192.0.2.3", 1), TURNED);
	assert_int_equal(ping("192.0.2.4"), LET_GO);
	assert_int_equal(egress_send(e, &(struct spec){.from = TREE, .to = "192.0.2.4", .proto = 47, .payload = 8}),
			 LET_GO);
	assert_int_equal(egress_send(e, &(struct spec){.from = TREE, .to = "192.0.2.1", .proto = 47, .payload = 8}),
			 TURNED);
}

static void the_longest_prefix_decides_and_deny_wins_at_one_length(void **state)
{
	with("allow 10.0.0.0/8\n"
	     "deny 10.1.0.0/16\n"
	     "allow 10.1.1.0/24:80\n"
	     "allow 10.9.9.9\n"
	     "deny 10.9.9.9:22\n"
	     "deny 10.9.9.9:443/udp\n");
	assert_int_equal(connect_to(e, "10.2.3.4", 1), LET_GO);
	assert_int_equal(connect_to(e, "10.1.3.4", 1), TURNED);
	expect_refused(EGRESS_BY_RULE, 1);
	assert_int_equal(connect_to(e, "10.1.1.4", 80), LET_GO);
	assert_int_equal(last()->policy_rule, 2);
	/* The rule for /24 says nothing of port 81: the next shorter prefix does. */
	assert_int_equal(connect_to(e, "10.1.1.4", 81), TURNED);
	expect_refused(EGRESS_BY_RULE, 1);
	assert_int_equal(connect_to(e, "10.9.9.9", 22), TURNED);
	expect_refused(EGRESS_BY_RULE, 4);
	assert_int_equal(connect_to(e, "10.9.9.9", 23), LET_GO);
	assert_int_equal(connect_to(e, "10.9.9.9", 443), LET_GO);
	assert_int_equal(datagram_to("10.9.9.9", 443), TURNED);
}

static void ipv6_prefixes_decide_as_ipv4_ones(void **state)
{
	with("allow 2001:db8::/32 [2001:db8:1::1]:80\n"
	     "deny 2001:db8:1::/48\n");
	assert_int_equal(connect_to(e, "2001:db8::1", 443), LET_GO);
	assert_int_equal(connect_to(e, "2001:db8:1::1", 80), LET_GO);
	assert_int_equal(connect_to(e, "2001:db8:1::1", 81), TURNED);
	assert_int_equal(connect_to(e, "2001:db9::1", 80), TURNED);
	assert_int_equal(ping("2001:db8::2"), LET_GO);
	assert_int_equal(ping("2001:db9::2"), TURNED);
}

static void metadata_and_link_local_addresses_must_be_named(void **state)
{
	static const char *const closed[] = {"169.254.169.254", "169.254.1.1",   "100.100.100.200", "fe80::1",
					     "fd00:ec2::254",   "168.63.129.16", "fd20:ce::254"};

	with("allow *\nallow 0.0.0.0/0\nallow ::/0\n");
	for (uint32_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++) {
		assert_int_equal(connect_to(e, closed[i], 80), TURNED);
		expect_refused(EGRESS_BY_ADDRESS_KIND, -1);
		assert_int_equal(seen->rule, EGRESS_RULE_METADATA);
	}
	assert_int_equal(connect_to(e, "100.100.100.201", 80), LET_GO);
	egress_close(e);
	with("allow 169.254.169.254:80 169.254.170.0/24 fe80::/10\n");
	assert_int_equal(connect_to(e, "169.254.169.254", 80), LET_GO);
	assert_int_equal(connect_to(e, "169.254.169.254", 81), TURNED);
	assert_int_equal(connect_to(e, "169.254.170.2", 80), LET_GO);
	assert_int_equal(connect_to(e, "169.254.171.2", 80), TURNED);
	assert_int_equal(connect_to(e, "fe80::1", 80), LET_GO);
}

static void a_name_that_leads_to_metadata_does_not_open_it(void **state)
{
	with("allow rebind.example.org\n");
	dns_learn(e, "rebind.example.org", "169.254.169.254");
	dns_learn(e, "rebind.example.org", "10.0.2.2");
	dns_learn(e, "rebind.example.org", "127.0.0.1");
	assert_int_equal(connect_to(e, "169.254.169.254", 80), TURNED);
	assert_int_equal(connect_to(e, "10.0.2.2", 80), TURNED);
	assert_int_equal(connect_to(e, "127.0.0.1", 80), TURNED);
}

static void the_machines_loopback_is_closed_but_for_ports_of_host(void **state)
{
	with("allow *\nallow host:8080/tcp\n");
	assert_int_equal(connect_to(e, "10.0.2.2", 8080), LET_GO);
	assert_int_equal(connect_to(e, "10.0.2.2", 8081), TURNED);
	expect_refused(EGRESS_BY_ADDRESS_KIND, -1);
	assert_int_equal(seen->rule, EGRESS_RULE_HOST);
	assert_int_equal(datagram_to("10.0.2.2", 8080), TURNED);
	assert_int_equal(connect_to(e, "fd00::2", 8080), LET_GO);
	assert_int_equal(connect_to(e, "fd00::2", 80), TURNED);
	/* libslirp takes the whole network for the machine's loopback. */
	assert_int_equal(connect_to(e, "10.0.2.77", 8080), TURNED);
	assert_int_equal(connect_to(e, "fd00::77", 8080), TURNED);
	assert_int_equal(connect_to(e, RESOLVER, 80), TURNED);
	assert_int_equal(connect_to(e, "127.0.0.1", 80), TURNED);
	assert_int_equal(connect_to(e, "0.0.0.0", 80), TURNED);
	/* Its name can be looked up, whatever the rules; nothing else is open by that. */
	egress_close(e);
	with("allow 192.0.2.1\n");
	dns_learn(e, "host", "10.0.2.2");
	assert_int_equal(dns_ask(e, 9, "host.internal", 1), LET_GO);
	assert_int_equal(dns_ask(e, 9, "x.host", 1), TURNED);
	assert_int_equal(connect_to(e, "10.0.2.2", 8080), TURNED);
	expect_refused(EGRESS_BY_ADDRESS_KIND, -1);
	assert_string_equal(seen->name, "host");
}

static void neighbours_and_arp_are_let_through_and_what_goes_to_many_is_not(void **state)
{
	uint8_t arp[60] = {[12] = 8, [13] = 6}, odd[60] = {[12] = 0x88, [13] = 0xcc};

	with("allow 192.0.2.1\n");
	assert_int_equal(egress_send_bytes(e, arp, sizeof(arp)), LET_GO);
	assert_int_equal(egress_send_bytes(e, odd, sizeof(odd)), DROPPED);
	expect_refused(EGRESS_NOT_IP, -1);
	assert_int_equal(egress_send(e, &(struct spec){.from = TREE6,
						       .to = "ff02::1:ff00:2",
						       .proto = ICMP6,
						       .dport = 135 << 8,
						       .payload = 24}),
			 LET_GO);
	assert_int_equal(
		egress_send(e,
			    &(struct spec){
				    .from = TREE6, .to = "fe80::2", .proto = ICMP6, .dport = 136 << 8, .payload = 24}),
		LET_GO);
	assert_int_equal(egress_send(e, &(struct spec){.from = TREE6,
						       .to = "2001:db8::2",
						       .proto = ICMP6,
						       .dport = 135 << 8,
						       .payload = 24}),
			 TURNED);
	/* Refused, and not answered. */
	assert_int_equal(datagram_to("224.0.0.251", 5353), DROPPED);
	assert_int_equal(datagram_to("ff02::fb", 5353), DROPPED);
	assert_int_equal(datagram_to("255.255.255.255", 67), DROPPED);
}

static void a_name_is_allowed_by_its_answer(void **state)
{
	with("allow example.org:443\n");
	assert_int_equal(connect_to(e, "192.0.2.10", 443), TURNED);
	dns_learn(e, "example.org", "192.0.2.10");
	dns_learn(e, "EXAMPLE.org", "2001:db8::10");
	egress_drain(e);
	assert_int_equal(connect_to(e, "192.0.2.10", 443), LET_GO);
	assert_string_equal(last()->name, "example.org");
	assert_int_equal(seen->policy_rule, 0);
	assert_int_equal(connect_to(e, "192.0.2.10", 80), TURNED);
	assert_int_equal(connect_to(e, "2001:db8::10", 443), LET_GO);
	assert_int_equal(connect_to(e, "192.0.2.11", 443), TURNED);
}

static void suffixes_hold_below_and_the_longest_name_decides(void **state)
{
	with("allow *.debian.org:80,443\n"
	     "deny *.evil.debian.org\n"
	     "allow good.evil.debian.org:80\n");
	assert_int_equal(dns_ask(e, 1, "deb.debian.org", 1), LET_GO);
	assert_int_equal(dns_ask(e, 2, "a.b.c.debian.org", 1), LET_GO);
	assert_int_equal(dns_ask(e, 3, "debian.org", 1), TURNED);
	assert_int_equal(dns_ask(e, 4, "notdebian.org", 1), TURNED);
	assert_int_equal(dns_ask(e, 5, "debian.org.example", 1), TURNED);
	assert_int_equal(dns_ask(e, 6, "x.evil.debian.org", 1), TURNED);
	expect_refused(EGRESS_QUERY_NAME, 1);
	assert_int_equal(dns_ask(e, 7, "evil.debian.org", 1), LET_GO);
	assert_int_equal(dns_ask(e, 8, "good.evil.debian.org", 1), LET_GO);
	dns_learn(e, "good.evil.debian.org", "192.0.2.10");
	assert_int_equal(connect_to(e, "192.0.2.10", 80), LET_GO);
	assert_int_equal(connect_to(e, "192.0.2.10", 443), TURNED);
}

static void a_query_that_no_rule_allows_becomes_its_refusal(void **state)
{
	uint8_t *dns;
	uint8_t want[512];
	uint32_t n;

	with("allow example.org\n");
	assert_int_equal(dns_ask(e, 0xbeef, "secret.exfil.example", 1), TURNED);
	n = dns_make(want, 0xbeef, "secret.exfil.example", 1, true, NULL, 0);
	want[3] = 0x85; /* recursion available, REFUSED */
	dns = e->out + 14 + 20 + 8;
	assert_int_equal(e->out_len, 14 + 20 + 8 + n);
	assert_memory_equal(dns, want, n);
	assert_true(frame_sums_ok(e->out, e->out_len));
	assert_memory_equal(e->out, mac_client, 6);
	assert_memory_equal(e->out + 6, mac_server, 6);
	assert_memory_equal(e->out + 26, "\x0a\x00\x02\x03\x0a\x00\x02\x0f", 8);
	assert_memory_equal(e->out + 34, "\x00\x35\x11\x5c", 4); /* ports 53 and 4444 */
	assert_int_equal(e->out[38] << 8 | e->out[39], 8 + n);
	expect_refused(EGRESS_QUERY_NAME, -1);
	assert_string_equal(seen->name, "secret.exfil.example");
	assert_int_equal(seen->query, 1);
}

/* As the kernel does: what is redirected to ingress meets the programs there. */
static void the_trees_answers_pass_the_other_program(void **state)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len;

	with("allow example.org\n");
	assert_int_equal(dns_ask(e, 5, "example.net", 1), TURNED);
	memcpy(frame, e->out, len = e->out_len);
	assert_int_equal(egress_get_bytes(e, frame, len), LET_GO);
	assert_int_equal(egress_get_bytes(e, frame, len), DROPPED);
	assert_int_equal(connect_to(e, "192.0.2.1", 80), TURNED);
	memcpy(frame, e->out, len = e->out_len);
	assert_int_equal(egress_get_bytes(e, frame, len), LET_GO);
	assert_int_equal(datagram_to("2001:db8::1", 80), TURNED);
	memcpy(frame, e->out, len = e->out_len);
	assert_int_equal(egress_get_bytes(e, frame, len), LET_GO);
	/* And nothing of it opens a way out. */
	assert_int_equal(connect_to(e, "192.0.2.1", 80), TURNED);
	assert_int_equal(datagram_to("2001:db8::1", 80), TURNED);
}

static void only_answers_to_what_was_asked_teach(void **state)
{
	const struct answer_record a = {.type = 1, .ttl = 60, .data = "192.0.2.66"};

	with("allow example.org example.net\n");
	/* Never asked. */
	assert_int_equal(dns_tell(e, 1, "example.org", 1, &a, 1), DROPPED);
	assert_int_equal(connect_to(e, "192.0.2.66", 80), TURNED);
	/* Another id, another name, another type. */
	assert_int_equal(dns_ask(e, 2, "example.org", 1), LET_GO);
	assert_int_equal(dns_tell(e, 3, "example.org", 1, &a, 1), DROPPED);
	assert_int_equal(dns_tell(e, 2, "example.net", 1, &a, 1), DROPPED);
	assert_int_equal(dns_tell(e, 2, "example.org", 28, &a, 1), DROPPED);
	assert_int_equal(connect_to(e, "192.0.2.66", 80), TURNED);
	assert_int_equal(dns_tell(e, 2, "example.org", 1, &a, 1), LET_GO);
	assert_int_equal(connect_to(e, "192.0.2.66", 80), LET_GO);
	/* An answer counts once. */
	assert_int_equal(dns_tell(e, 2, "example.org", 1, &a, 1), DROPPED);
}

static void an_answer_of_somebody_else_teaches_nothing(void **state)
{
	const struct answer_record a = {.type = 1, .ttl = 60, .data = "192.0.2.66"};
	uint8_t message[512];
	uint32_t n;

	with("allow example.org 192.0.2.53:53\n");
	n = dns_make(message, 7, "anything.example", 1, false, NULL, 0);
	assert_int_equal(egress_send(e, &(struct spec){.from = TREE,
						       .to = "192.0.2.53",
						       .proto = UDP,
						       .sport = 4444,
						       .dport = 53,
						       .data = message,
						       .payload = n}),
			 LET_GO);
	assert_int_equal(dns_ask(e, 7, "example.org", 1), LET_GO);
	n = dns_make(message, 7, "example.org", 1, true, &a, 1);
	assert_int_equal(egress_get(e, &(struct spec){.from = "192.0.2.53",
						      .to = TREE,
						      .proto = UDP,
						      .sport = 53,
						      .dport = 4444,
						      .data = message,
						      .payload = n}),
			 LET_GO);
	assert_int_equal(connect_to(e, "192.0.2.66", 80), TURNED);
	assert_int_equal(egress_send(e, &(struct spec){.from = TREE,
						       .to = "192.0.2.54",
						       .proto = UDP,
						       .sport = 4444,
						       .dport = 53,
						       .data = message,
						       .payload = n}),
			 TURNED);
}

static void a_cname_chain_belongs_to_the_name_that_was_asked_for(void **state)
{
	const struct answer_record chain[] = {
		{.type = 5, .ttl = 60, .data = "a.cdn.example"},
		{.owner = "a.cdn.example", .type = 5, .ttl = 60, .data = "b.cdn.example"},
		{.owner = "b.cdn.example", .type = 1, .ttl = 60, .data = "192.0.2.20"},
		{.owner = "b.cdn.example", .type = 1, .ttl = 60, .data = "192.0.2.21"},
	};

	with("allow www.example.org\n");
	assert_int_equal(dns_ask(e, 9, "www.example.org", 1), LET_GO);
	assert_int_equal(dns_tell(e, 9, "www.example.org", 1, chain, 4), LET_GO);
	assert_int_equal(connect_to(e, "192.0.2.20", 80), LET_GO);
	assert_string_equal(last()->name, "www.example.org");
	assert_int_equal(connect_to(e, "192.0.2.21", 80), LET_GO);
	assert_int_equal(dns_ask(e, 10, "a.cdn.example", 1), TURNED);
}

static uint16_t word(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t number(const uint8_t *p)
{
	return (uint32_t)word(p) << 16 | word(p + 2);
}

static void a_refused_syn_is_reset(void **state)
{
	const uint8_t *tcp;

	with("allow 192.0.2.1\n");
	for (int v6 = 0; v6 < 2; v6++) {
		uint32_t head = v6 ? 54 : 34;

		assert_int_equal(egress_send(e, &(struct spec){.from = v6 ? TREE6 : TREE,
							       .to = v6 ? "2001:db8::9" : "192.0.2.9",
							       .proto = TCP,
							       .sport = 5000,
							       .dport = 80,
							       .tcp_flags = SYN,
							       .seq = 0xfffffffe,
							       .payload = 3}),
				 TURNED);
		assert_true(frame_sums_ok(e->out, e->out_len));
		assert_int_equal(e->out_len, head + 20);
		assert_memory_equal(e->out, mac_client, 6);
		assert_memory_equal(e->out + 6, mac_server, 6);
		tcp = e->out + head;
		assert_int_equal(word(tcp), 80);
		assert_int_equal(word(tcp + 2), 5000);
		assert_int_equal(number(tcp + 4), 0);
		assert_int_equal(number(tcp + 8), 2); /* the SYN and three bytes on, around 2^32 */
		assert_int_equal(tcp[13], RST | ACK);
	}
	/* Never to a reset. */
	assert_int_equal(
		egress_send(e, &(struct spec){.from = TREE, .to = "192.0.2.9", .proto = TCP, .tcp_flags = RST}),
		DROPPED);
}

static void data_that_is_refused_is_reset_where_the_tree_expects_it(void **state)
{
	const uint8_t *tcp;

	with("allow 192.0.2.1\n");
	assert_int_equal(egress_send(e, &(struct spec){.from = TREE,
						       .to = "192.0.2.9",
						       .proto = TCP,
						       .sport = 5000,
						       .dport = 80,
						       .tcp_flags = ACK | PSH,
						       .seq = 1000,
						       .ack = 0x12345678,
						       .payload = 30}),
			 TURNED);
	assert_true(frame_sums_ok(e->out, e->out_len));
	tcp = e->out + 34;
	assert_int_equal(number(tcp + 4), 0x12345678);
	assert_int_equal(number(tcp + 8), 0);
	assert_int_equal(tcp[13], RST);
}

static void refused_datagrams_are_prohibited(void **state)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len;

	with("allow 192.0.2.1\n");
	len = frame_build(&(struct spec){.from = TREE,
					 .to = "192.0.2.9",
					 .proto = UDP,
					 .sport = 5000,
					 .dport = 123,
					 .payload = 48,
					 .options = 8},
			  frame);
	assert_int_equal(egress_send_bytes(e, frame, len), TURNED);
	assert_true(frame_sums_ok(e->out, e->out_len));
	assert_int_equal(e->out[14 + 9], ICMP);
	assert_memory_equal(e->out + 26, "\xc0\x00\x02\x09\x0a\x00\x02\x0f", 8);
	assert_int_equal(word(e->out + 34), 3 << 8 | 13);
	assert_int_equal(word(e->out + 16), 20 + 8 + 28 + 8);
	assert_memory_equal(e->out + 42, frame + 14, 28 + 8);
	len = frame_build(&(struct spec){.from = TREE6,
					 .to = "2001:db8::9",
					 .proto = UDP,
					 .sport = 5000,
					 .dport = 123,
					 .payload = 48,
					 .exts = "h"},
			  frame);
	assert_int_equal(egress_send_bytes(e, frame, len), TURNED);
	assert_true(frame_sums_ok(e->out, e->out_len));
	assert_int_equal(word(e->out + 54), 1 << 8 | 1);
	assert_memory_equal(e->out + 62, frame + 14, 40 + 16 + 8);
	assert_int_equal(ping("192.0.2.9"), TURNED);
	assert_int_equal(word(e->out + 34), 3 << 8 | 13);
	assert_true(frame_sums_ok(e->out, e->out_len));
}

static void an_audit_refuses_nothing_and_tells_all(void **state)
{
	with("audit yes\nallow 192.0.2.1\n");
	assert_int_equal(connect_to(e, "192.0.2.9", 80), LET_GO);
	assert_int_equal(last()->verdict, EGRESS_WOULD_REFUSE);
	assert_int_equal(dns_ask(e, 1, "example.org", 1), LET_GO);
	assert_int_equal(last()->verdict, EGRESS_WOULD_REFUSE);
	dns_learn(e, "example.org", "192.0.2.10");
	assert_int_equal(connect_to(e, "192.0.2.10", 80), LET_GO);
	assert_string_equal(last()->name, "example.org");
	assert_int_equal(datagram_to("169.254.169.254", 80), LET_GO);
	assert_int_equal(last()->verdict, EGRESS_WOULD_REFUSE);
}

static void a_rule_for_a_program_holds_for_its_sockets(void **state)
{
	const struct task_facts git[] = {{.exe = "/usr/bin/ssh"}, {.exe = "/usr/bin/git"}, {.exe = "/bin/sh"}};
	const struct task_facts sh[] = {{.exe = "/usr/bin/ssh"}, {.exe = NULL}, {.exe = "/bin/sh"}};
	uint64_t none = 0, mask;

	with("allow exe=/usr/bin/git 192.0.2.22:22 git.example\nallow 192.0.2.1\n");
	assert_int_equal(connect_to(e, "192.0.2.22", 22), TURNED);
	assert_int_equal(dns_ask(e, 1, "git.example", 1), TURNED);
	/* Frames of a test run have the cookie 0. */
	mask = egress_owner_mask(&e->policy, git, 3);
	assert_int_equal(mask, 1);
	assert_int_equal(skep_map_update(e->hive, egress_fd(e, "owners"), &none, &mask, 0), 0);
	assert_int_equal(connect_to(e, "192.0.2.22", 22), LET_GO);
	assert_int_equal(dns_ask(e, 1, "git.example", 1), LET_GO);
	mask = egress_owner_mask(&e->policy, sh, 3);
	assert_int_equal(mask, 0);
	assert_int_equal(skep_map_update(e->hive, egress_fd(e, "owners"), &none, &mask, 0), 0);
	assert_int_equal(dns_ask(e, 1, "git.example", 1), TURNED);
}

static void headers_are_looked_through_and_bad_ones_are_refused(void **state)
{
	static const char *const exts[] = {"", "h", "d", "a", "hrda", "hrdda"};
	struct spec s = {.from = TREE6, .to = "2001:db8::1", .proto = UDP, .sport = 5, .dport = 123, .payload = 20};
	uint8_t frame[FRAME_MAX];
	uint32_t len;

	with("allow [2001:db8::1]:123 192.0.2.1:123\n");
	for (uint32_t i = 0; i < sizeof(exts) / sizeof(exts[0]); i++) {
		s.exts = exts[i];
		s.dport = 123;
		assert_int_equal(egress_send(e, &s), LET_GO);
		s.dport = 124;
		assert_int_equal(egress_send(e, &s), TURNED);
	}
	s.exts = "ddddddd";
	s.dport = 123;
	assert_int_equal(egress_send(e, &s), DROPPED);
	expect_refused(EGRESS_MALFORMED, -1);
	/* The last header is cut off, whichever it is. */
	static const uint8_t protos[] = {TCP, UDP, ICMP};
	for (uint32_t i = 0; i < sizeof(protos); i++) {
		len = frame_build(&(struct spec){.from = TREE, .to = "192.0.2.1", .proto = protos[i], .dport = 123},
				  frame);
		frame[17] = (uint8_t)(len - 14 - 1);
		assert_int_equal(egress_send_bytes(e, frame, len - 1), DROPPED);
		expect_refused(EGRESS_MALFORMED, -1);
		/* The frame is longer than the packet: what is behind is padding, not header. */
		assert_int_equal(egress_send_bytes(e, frame, len), DROPPED);
		expect_refused(EGRESS_MALFORMED, -1);
		/* It says that it is longer than it is. */
		frame[17] = (uint8_t)(len - 14 + 1);
		assert_int_equal(egress_send_bytes(e, frame, len), DROPPED);
	}
	/* TCP's own length. */
	len = frame_build(&(struct spec){.from = TREE, .to = "192.0.2.1", .proto = TCP, .dport = 123}, frame);
	frame[34 + 12] = 4 << 4;
	assert_int_equal(egress_send_bytes(e, frame, len), DROPPED);
	frame[34 + 12] = 6 << 4;
	assert_int_equal(egress_send_bytes(e, frame, len), DROPPED);
}

static void routes_in_the_header_go_nowhere(void **state)
{
	struct spec s = {.from = TREE, .to = "192.0.2.1", .proto = UDP, .sport = 5, .dport = 123, .options = 12};
	uint8_t frame[FRAME_MAX];
	uint32_t len;

	with("allow 192.0.2.1 2001:db8::1\n");
	len = frame_build(&s, frame);
	assert_int_equal(egress_send_bytes(e, frame, len), LET_GO);
	for (uint32_t at = 34; at < 46; at++)
		for (uint8_t type = 131; type <= 137; type += 6) {
			len = frame_build(&s, frame);
			frame[at] = type;
			frame[at + 1] = 7;
			assert_int_equal(egress_send_bytes(e, frame, len), DROPPED);
		}
	/* Behind another option. */
	len = frame_build(&s, frame);
	memcpy(frame + 34, "\x07\x05\x04\x83\x00\x83\x03", 7);
	assert_int_equal(egress_send_bytes(e, frame, len), DROPPED);
	memcpy(frame + 34, "\x07\x07\x04\x83\x00\x83\x03", 7);
	assert_int_equal(egress_send_bytes(e, frame, len), LET_GO);
	s = (struct spec){.from = TREE6, .to = "2001:db8::1", .proto = UDP, .sport = 5, .dport = 123, .exts = "r"};
	len = frame_build(&s, frame);
	assert_int_equal(egress_send_bytes(e, frame, len), LET_GO);
	frame[14 + 40 + 3] = 1;
	assert_int_equal(egress_send_bytes(e, frame, len), DROPPED);
}

static void a_datagram_flow_is_judged_anew_after_silence_and_for_another_owner(void **state)
{
	struct egress_flow_key key = {.local_port = 5000, .remote_port = 123, .proto = UDP};
	uint64_t none = 0, mask = 1;
	struct egress_learnt_key name = {0};
	struct egress_learnt l;
	struct egress_flow f;

	with("allow exe=/x 192.0.2.1\nallow example.org\n");
	assert_int_equal(skep_map_update(e->hive, egress_fd(e, "owners"), &none, &mask, 0), 0);
	assert_int_equal(datagram_to("192.0.2.1", 123), LET_GO);
	mask = 0;
	assert_int_equal(skep_map_update(e->hive, egress_fd(e, "owners"), &none, &mask, 0), 0);
	assert_int_equal(datagram_to("192.0.2.1", 123), TURNED);
	/* By a name that has ended since. */
	dns_learn(e, "example.org", "192.0.2.2");
	assert_int_equal(datagram_to("192.0.2.2", 123), LET_GO);
	address("192.0.2.2", &name.addr);
	assert_int_equal(skep_map_lookup(e->hive, egress_fd(e, "learnt"), &name, &l), 0);
	l.expires = 1;
	assert_int_equal(skep_map_update(e->hive, egress_fd(e, "learnt"), &name, &l, 0), 0);
	assert_int_equal(datagram_to("192.0.2.2", 123), LET_GO);
	address(TREE, &key.local);
	address("192.0.2.2", &key.remote);
	assert_int_equal(skep_map_lookup(e->hive, egress_fd(e, "flows"), &key, &f), 0);
	f.last_ns -= 1ull << 37;
	assert_int_equal(skep_map_update(e->hive, egress_fd(e, "flows"), &key, &f, 0), 0);
	assert_int_equal(datagram_to("192.0.2.2", 123), TURNED);
}

static void a_connection_from_a_port_that_was_used_before_is_judged_anew(void **state)
{
	uint64_t none = 0, mask = 1;

	with("allow exe=/x 192.0.2.1\n");
	assert_int_equal(skep_map_update(e->hive, egress_fd(e, "owners"), &none, &mask, 0), 0);
	assert_int_equal(connect_to(e, "192.0.2.1", 22), LET_GO);
	/* Not yet answered: sent again by the same, and by somebody else. */
	assert_int_equal(connect_to(e, "192.0.2.1", 22), LET_GO);
	egress_drain(e);
	assert_int_equal(e->n_events, 1);
	mask = 0;
	assert_int_equal(skep_map_update(e->hive, egress_fd(e, "owners"), &none, &mask, 0), 0);
	assert_int_equal(connect_to(e, "192.0.2.1", 22), TURNED);
	/* Answered, and the owner no longer known: the rule does not hold for nobody. */
	mask = 1;
	assert_int_equal(skep_map_update(e->hive, egress_fd(e, "owners"), &none, &mask, 0), 0);
	assert_int_equal(connect_to(e, "192.0.2.1", 22), LET_GO);
	assert_int_equal(egress_get(e, &(struct spec){.from = "192.0.2.1",
						      .to = TREE,
						      .proto = TCP,
						      .sport = 22,
						      .dport = 5000,
						      .tcp_flags = SYN | ACK,
						      .ack = 101}),
			 LET_GO);
	assert_int_equal(skep_map_delete(e->hive, egress_fd(e, "owners"), &none), 0);
	assert_int_equal(egress_send(e, &(struct spec){.from = TREE,
						       .to = "192.0.2.1",
						       .proto = TCP,
						       .sport = 5000,
						       .dport = 22,
						       .tcp_flags = ACK,
						       .payload = 9}),
			 LET_GO);
	assert_int_equal(connect_to(e, "192.0.2.1", 22), TURNED);
}

static void icmp_comes_in_and_errors_go_out_without_a_word(void **state)
{
	with("allow 192.0.2.1\n");
	assert_int_equal(egress_get(e, &(struct spec){.from = "203.0.113.1",
						      .to = TREE,
						      .proto = ICMP,
						      .dport = 3 << 8 | 3,
						      .payload = 28}),
			 LET_GO);
	assert_int_equal(
		egress_get(e,
			   &(struct spec){
				   .from = "2001:db8::1", .to = TREE6, .proto = ICMP6, .dport = 1 << 8, .payload = 48}),
		LET_GO);
	assert_int_equal(egress_send(e, &(struct spec){.from = TREE,
						       .to = "203.0.113.1",
						       .proto = ICMP,
						       .dport = 3 << 8 | 3,
						       .payload = 28}),
			 DROPPED);
	assert_int_equal(egress_send(e, &(struct spec){.from = TREE6,
						       .to = "2001:db8::1",
						       .proto = ICMP6,
						       .dport = 1 << 8,
						       .payload = 48}),
			 DROPPED);
	egress_drain(e);
	assert_int_equal(e->n_events, 0);
	/* Discovery is for neighbours, and in one piece. */
	assert_int_equal(
		egress_send(e,
			    &(struct spec){
				    .from = TREE6, .to = "fd00::2", .proto = ICMP6, .dport = 135 << 8, .payload = 24}),
		LET_GO);
	assert_int_equal(
		egress_send(e,
			    &(struct spec){
				    .from = TREE6, .to = "fd12::2", .proto = ICMP6, .dport = 135 << 8, .payload = 24}),
		TURNED);
	assert_int_equal(
		egress_send(e,
			    &(struct spec){
				    .from = TREE6, .to = "ff05::2", .proto = ICMP6, .dport = 135 << 8, .payload = 24}),
		DROPPED);
	assert_int_equal(
		egress_send(e,
			    &(struct spec){
				    .from = TREE6, .to = "2002::2", .proto = ICMP6, .dport = 135 << 8, .payload = 24}),
		TURNED);
	assert_int_equal(
		egress_send(e,
			    &(struct spec){
				    .from = TREE6, .to = "ff02::16", .proto = ICMP6, .dport = 143 << 8, .payload = 24}),
		LET_GO);
	assert_int_equal(
		egress_send(e,
			    &(struct spec){
				    .from = TREE6, .to = "fd00::2", .proto = ICMP6, .dport = 143 << 8, .payload = 24}),
		TURNED);
	assert_int_equal(
		egress_send(e,
			    &(struct spec){.from = TREE6, .to = "fd00::2", .proto = UDP, .dport = 135, .payload = 24}),
		TURNED);
	assert_int_equal(egress_send(e, &(struct spec){.from = TREE6,
						       .to = "ff02::1",
						       .proto = ICMP6,
						       .dport = 135 << 8,
						       .exts = "f",
						       .more_fragments = true,
						       .payload = 24}),
			 DROPPED);
}

static void a_name_denied_for_a_port_may_be_looked_up(void **state)
{
	with("deny example.org:80 example.org/udp\nallow *.org\n");
	assert_int_equal(dns_ask(e, 1, "example.org", 1), LET_GO);
	egress_close(e);
	with("deny example.org\nallow *.org\n");
	assert_int_equal(dns_ask(e, 1, "example.org", 1), TURNED);
	assert_int_equal(dns_ask(e, 1, "example2.org", 1), LET_GO);
	egress_close(e);
	with("allow example.org:443/tcp\ndeny *.org\n");
	assert_int_equal(dns_ask(e, 1, "example.org", 1), LET_GO);
}

static void a_denied_name_closes_its_address_unless_an_allowed_one_shares_it(void **state)
{
	with("deny ads.example\nallow 192.0.2.0/24\n");
	assert_int_equal(connect_to(e, "192.0.2.5", 80), LET_GO);
	dns_learn(e, "host", "10.0.2.2");
	egress_refill(e, "audit yes\ndeny ads.example\nallow 192.0.2.0/24\n");
	dns_learn(e, "ads.example", "192.0.2.6");
	dns_learn(e, "ads.example", "192.0.2.7");
	assert_int_equal(connect_to(e, "192.0.2.6", 80), LET_GO);
	assert_int_equal(last()->verdict, EGRESS_WOULD_REFUSE);
	assert_int_equal(seen->policy_rule, 0);
	dns_learn(e, "other.example", "192.0.2.7");
	assert_int_equal(connect_to(e, "192.0.2.7", 80), LET_GO);
	assert_int_equal(last()->verdict, EGRESS_ALLOWED);
}

static void nothing_comes_in_but_answers_and_published_ports(void **state)
{
	with("allow 192.0.2.1\n");
	assert_int_equal(
		egress_get(e,
			   &(struct spec){.from = "203.0.113.1", .to = TREE, .proto = UDP, .sport = 9, .dport = 5000}),
		DROPPED);
	expect_refused(EGRESS_UNASKED, -1);
	/* It has opened nothing for an answer. */
	assert_int_equal(datagram_to("203.0.113.1", 9), TURNED);
	assert_int_equal(egress_get(e, &(struct spec){.from = "203.0.113.1",
						      .to = TREE,
						      .proto = TCP,
						      .sport = 9,
						      .dport = 8080,
						      .tcp_flags = SYN}),
			 DROPPED);
	assert_int_equal(skep_map_update(e->hive, egress_fd(e, "published"), &(struct egress_port){TCP, 8080},
					 &(uint32_t){1}, 0),
			 0);
	assert_int_equal(egress_get(e, &(struct spec){.from = "203.0.113.1",
						      .to = TREE,
						      .proto = TCP,
						      .sport = 9,
						      .dport = 8080,
						      .tcp_flags = SYN}),
			 LET_GO);
	assert_int_equal(egress_send(e, &(struct spec){.from = TREE,
						       .to = "203.0.113.1",
						       .proto = TCP,
						       .sport = 8080,
						       .dport = 9,
						       .tcp_flags = SYN | ACK}),
			 LET_GO);
	assert_int_equal(last()->rule, EGRESS_RULE_INBOUND);
	assert_int_equal(seen->verdict, EGRESS_ALLOWED);
	assert_true(seen->inbound);
	/* The published connection is no way out. */
	assert_int_equal(egress_send(e, &(struct spec){.from = TREE,
						       .to = "203.0.113.1",
						       .proto = TCP,
						       .sport = 8080,
						       .dport = 9,
						       .tcp_flags = SYN}),
			 TURNED);
	assert_int_equal(datagram_to("192.0.2.1", 9), LET_GO);
	assert_int_equal(
		egress_get(e, &(struct spec){.from = "192.0.2.1", .to = TREE, .proto = UDP, .sport = 9, .dport = 5000}),
		LET_GO);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(any_allow_closes_the_rest),
		TEST(denials_alone_leave_the_rest_open),
		TEST(ports_ranges_and_protocols_bind),
		TEST(the_longest_prefix_decides_and_deny_wins_at_one_length),
		TEST(ipv6_prefixes_decide_as_ipv4_ones),
		TEST(metadata_and_link_local_addresses_must_be_named),
		TEST(a_name_that_leads_to_metadata_does_not_open_it),
		TEST(the_machines_loopback_is_closed_but_for_ports_of_host),
		TEST(neighbours_and_arp_are_let_through_and_what_goes_to_many_is_not),
		TEST(a_name_is_allowed_by_its_answer),
		TEST(suffixes_hold_below_and_the_longest_name_decides),
		TEST(a_query_that_no_rule_allows_becomes_its_refusal),
		TEST(the_trees_answers_pass_the_other_program),
		TEST(only_answers_to_what_was_asked_teach),
		TEST(an_answer_of_somebody_else_teaches_nothing),
		TEST(a_cname_chain_belongs_to_the_name_that_was_asked_for),
		TEST(a_refused_syn_is_reset),
		TEST(data_that_is_refused_is_reset_where_the_tree_expects_it),
		TEST(refused_datagrams_are_prohibited),
		TEST(an_audit_refuses_nothing_and_tells_all),
		TEST(a_rule_for_a_program_holds_for_its_sockets),
		TEST(headers_are_looked_through_and_bad_ones_are_refused),
		TEST(routes_in_the_header_go_nowhere),
		TEST(a_datagram_flow_is_judged_anew_after_silence_and_for_another_owner),
		TEST(a_connection_from_a_port_that_was_used_before_is_judged_anew),
		TEST(icmp_comes_in_and_errors_go_out_without_a_word),
		TEST(a_name_denied_for_a_port_may_be_looked_up),
		TEST(a_denied_name_closes_its_address_unless_an_allowed_one_shares_it),
		TEST(nothing_comes_in_but_answers_and_published_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
