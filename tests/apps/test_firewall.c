/* SPDX-License-Identifier: BSD-2-Clause */
#include "util.h"

#include "apps/xdp_firewall.h"

#include <string.h>

enum { TCP = 6, UDP = 17, ICMP = 1, GRE = 47 };

static int setup(void **state)
{
	*state = app_open("xdp-firewall");
	return 0;
}

static int teardown(void **state)
{
	app_close(*state);
	return 0;
}

static void rule4(struct app_run *a, const char *addr, uint32_t len, struct prefix_rule rule)
{
	struct key4 key = {.prefixlen = len};
	uint8_t bytes[16];

	address(addr, bytes);
	memcpy(&key.addr, bytes + 12, sizeof(key.addr));
	put(a, "rules4", &key, &rule);
}

static void rule6(struct app_run *a, const char *addr, uint32_t len, struct prefix_rule rule)
{
	struct key6 key = {.prefixlen = len};

	address(addr, &key.addr);
	put(a, "rules6", &key, &rule);
}

static void rule_port(struct app_run *a, uint16_t proto, uint16_t port, enum direction direction, enum action action)
{
	struct port_key key = {.proto = proto, .port = port, .direction = direction};
	struct rule rule = {.action = action};

	put(a, "ports", &key, &rule);
}

static void configure(struct app_run *a, enum action unmatched, enum action other)
{
	struct config c = {.unmatched = unmatched, .other = other};
	uint32_t zero = 0;

	put(a, "config", &zero, &c);
}

/* A TCP frame from one to the other. */
static uint32_t tcp(struct app_run *a, const char *from, const char *to, uint16_t sport, uint16_t dport)
{
	return run_spec(a, &(struct spec){.from = from, .to = to, .proto = TCP, .sport = sport, .dport = dport});
}

static void without_rules_everything_passes(void **state)
{
	assert_int_equal(tcp(*state, "192.0.2.1", "192.0.2.2", 1, 80), XDP_PASS);
	assert_int_equal(tcp(*state, "2001:db8::1", "2001:db8::2", 1, 80), XDP_PASS);
	assert_int_equal(run_spec(*state, &(struct spec){0}), XDP_PASS);
}

static void config_rules_what_no_rule_names(void **state)
{
	configure(*state, DROP, PASS);
	assert_int_equal(tcp(*state, "192.0.2.1", "192.0.2.2", 1, 80), XDP_DROP);
	assert_int_equal(run_spec(*state, &(struct spec){0}), XDP_PASS);
	configure(*state, PASS, DROP);
	assert_int_equal(tcp(*state, "192.0.2.1", "192.0.2.2", 1, 80), XDP_PASS);
	assert_int_equal(run_spec(*state, &(struct spec){0}), XDP_DROP);
}

static void a_prefix_hits_its_side_only(void **state)
{
	rule4(*state, "198.51.100.0", 24, (struct prefix_rule){.source = DROP});
	rule4(*state, "203.0.113.0", 25, (struct prefix_rule){.destination = DROP});
	rule4(*state, "10.0.0.0", 8, (struct prefix_rule){.action = DROP});
	rule6(*state, "2001:db8:1::", 48, (struct prefix_rule){.source = DROP});
	rule6(*state, "2001:db8:2::", 48, (struct prefix_rule){.destination = DROP});
	assert_int_equal(tcp(*state, "198.51.100.9", "192.0.2.1", 1, 80), XDP_DROP);
	assert_int_equal(tcp(*state, "192.0.2.1", "198.51.100.9", 1, 80), XDP_PASS);
	assert_int_equal(tcp(*state, "198.51.101.9", "192.0.2.1", 1, 80), XDP_PASS);
	assert_int_equal(tcp(*state, "192.0.2.1", "203.0.113.127", 1, 80), XDP_DROP);
	assert_int_equal(tcp(*state, "192.0.2.1", "203.0.113.128", 1, 80), XDP_PASS);
	assert_int_equal(tcp(*state, "203.0.113.127", "192.0.2.1", 1, 80), XDP_PASS);
	assert_int_equal(tcp(*state, "10.1.2.3", "192.0.2.1", 1, 80), XDP_DROP);
	assert_int_equal(tcp(*state, "192.0.2.1", "10.1.2.3", 1, 80), XDP_DROP);
	assert_int_equal(tcp(*state, "2001:db8:1::5", "2001:db8::1", 1, 80), XDP_DROP);
	assert_int_equal(tcp(*state, "2001:db8::1", "2001:db8:1::5", 1, 80), XDP_PASS);
	assert_int_equal(tcp(*state, "2001:db8::1", "2001:db8:2:ffff::5", 1, 80), XDP_DROP);
	assert_int_equal(tcp(*state, "2001:db8::1", "2001:db8:3::5", 1, 80), XDP_PASS);
}

static void the_longest_prefix_counts(void **state)
{
	rule4(*state, "198.51.100.0", 24, (struct prefix_rule){.action = DROP});
	rule4(*state, "198.51.100.7", 32, (struct prefix_rule){.action = PASS});
	rule_port(*state, TCP, 80, DESTINATION, DROP);
	assert_int_equal(tcp(*state, "198.51.100.6", "192.0.2.1", 1, 22), XDP_DROP);
	/* A pass by prefix ends it: the port is not asked. */
	assert_int_equal(tcp(*state, "198.51.100.7", "192.0.2.1", 1, 80), XDP_PASS);
	assert_int_equal(tcp(*state, "192.0.2.9", "192.0.2.1", 1, 80), XDP_DROP);
}

static void the_source_is_asked_before_the_destination(void **state)
{
	rule4(*state, "198.51.100.0", 24, (struct prefix_rule){.action = PASS});
	rule4(*state, "192.0.2.0", 24, (struct prefix_rule){.action = DROP});
	assert_int_equal(tcp(*state, "198.51.100.6", "192.0.2.1", 1, 22), XDP_PASS);
	assert_int_equal(tcp(*state, "192.0.2.1", "198.51.100.6", 1, 22), XDP_DROP);
}

static void a_port_hits_its_protocol_and_direction_only(void **state)
{
	struct spec udp = {.from = "192.0.2.1", .to = "192.0.2.2", .proto = UDP, .sport = 9, .dport = 23};

	rule_port(*state, TCP, 23, DESTINATION, DROP);
	rule_port(*state, UDP, 123, SOURCE, DROP);
	assert_int_equal(tcp(*state, "192.0.2.1", "192.0.2.2", 9, 23), XDP_DROP);
	assert_int_equal(tcp(*state, "2001:db8::1", "2001:db8::2", 9, 23), XDP_DROP);
	assert_int_equal(tcp(*state, "192.0.2.1", "192.0.2.2", 23, 9), XDP_PASS);
	assert_int_equal(tcp(*state, "192.0.2.1", "192.0.2.2", 9, 24), XDP_PASS);
	assert_int_equal(run_spec(*state, &udp), XDP_PASS);
	udp.sport = 123;
	assert_int_equal(run_spec(*state, &udp), XDP_DROP);
	udp.sport = 9;
	udp.dport = 123;
	assert_int_equal(run_spec(*state, &udp), XDP_PASS);
}

static void port_zero_rules_a_whole_protocol_after_its_ports(void **state)
{
	struct spec s = {.from = "192.0.2.1", .to = "192.0.2.2", .proto = GRE, .payload = 20};

	rule_port(*state, GRE, 0, DESTINATION, DROP);
	rule_port(*state, TCP, 0, DESTINATION, DROP);
	rule_port(*state, TCP, 443, DESTINATION, PASS);
	assert_int_equal(run_spec(*state, &s), XDP_DROP);
	s.proto = ICMP;
	assert_int_equal(run_spec(*state, &s), XDP_PASS);
	assert_int_equal(tcp(*state, "192.0.2.1", "192.0.2.2", 9, 80), XDP_DROP);
	assert_int_equal(tcp(*state, "192.0.2.1", "192.0.2.2", 9, 443), XDP_PASS);
}

static void rules_see_through_two_tags_and_not_three(void **state)
{
	struct spec s = {.from = "192.0.2.1", .to = "192.0.2.2", .proto = TCP, .dport = 23};

	rule_port(*state, TCP, 23, DESTINATION, DROP);
	for (uint16_t tags = 0; tags < 4; tags++) {
		if (tags)
			s.tags[tags - 1] = tags;
		assert_int_equal(run_spec(*state, &s), tags < 3 ? XDP_DROP : XDP_PASS);
	}
	configure(*state, PASS, DROP);
	assert_int_equal(run_spec(*state, &s), XDP_DROP);
}

static void ports_are_found_behind_options_and_extension_headers(void **state)
{
	struct spec s4 = {.from = "192.0.2.1", .to = "192.0.2.2", .proto = TCP, .dport = 23};
	struct spec s6 = {.from = "2001:db8::1", .to = "2001:db8::2", .proto = TCP};

	rule_port(*state, TCP, 23, DESTINATION, DROP);
	for (s4.options = 0; s4.options <= 40; s4.options += 4)
		assert_int_equal(run_spec(*state, &s4), XDP_DROP);
	for (s6.exts = "hrdafd"; *s6.exts; s6.exts++) {
		s6.dport = 23;
		assert_int_equal(run_spec(*state, &s6), XDP_DROP);
		s6.dport = 24;
		assert_int_equal(run_spec(*state, &s6), XDP_PASS);
	}
}

static void seven_extension_headers_are_malformed(void **state)
{
	struct spec s = {.from = "2001:db8::1", .to = "2001:db8::2", .proto = TCP, .dport = 80, .exts = "dddddd"};

	assert_int_equal(run_spec(*state, &s), XDP_PASS);
	s.exts = "ddddddd";
	assert_int_equal(run_spec(*state, &s), XDP_DROP);
}

static void later_fragments_have_no_ports_but_a_protocol(void **state)
{
	struct spec s4 = {.from = "192.0.2.1", .to = "192.0.2.2", .proto = UDP, .dport = 53, .payload = 64};
	struct spec s6 = {
		.from = "2001:db8::1", .to = "2001:db8::2", .proto = UDP, .dport = 53, .exts = "f", .payload = 64};

	rule_port(*state, UDP, 53, DESTINATION, DROP);
	rule_port(*state, UDP, 15 << 8 | 22, DESTINATION,
		  DROP); /* what stands at a port's place in a later fragment's data */
	s4.more_fragments = s6.more_fragments = true;
	assert_int_equal(run_spec(*state, &s4), XDP_DROP);
	assert_int_equal(run_spec(*state, &s6), XDP_DROP);
	s4.frag_offset = s6.frag_offset = 9;
	assert_int_equal(run_spec(*state, &s4), XDP_PASS);
	assert_int_equal(run_spec(*state, &s6), XDP_PASS);
	rule_port(*state, UDP, 0, DESTINATION, DROP);
	assert_int_equal(run_spec(*state, &s4), XDP_DROP);
	assert_int_equal(run_spec(*state, &s6), XDP_DROP);
}

static void a_fragment_that_could_overwrite_tcp_flags_is_malformed(void **state)
{
	struct spec s4 = {.from = "192.0.2.1", .to = "192.0.2.2", .proto = TCP, .frag_offset = 1, .payload = 16};
	struct spec s6 = {
		.from = "2001:db8::1", .to = "2001:db8::2", .proto = TCP, .frag_offset = 1, .payload = 16, .exts = "f"};

	assert_int_equal(run_spec(*state, &s4), XDP_DROP);
	assert_int_equal(run_spec(*state, &s6), XDP_DROP);
	s4.frag_offset = s6.frag_offset = 2;
	assert_int_equal(run_spec(*state, &s4), XDP_PASS);
	assert_int_equal(run_spec(*state, &s6), XDP_PASS);
	s4.frag_offset = 1;
	s4.proto = UDP;
	assert_int_equal(run_spec(*state, &s4), XDP_PASS);
}

static void a_frame_cut_off_in_its_headers_is_malformed(void **state)
{
	static const struct {
		struct spec spec;
		uint32_t headers;
	} cases[] = {
		{{.from = "192.0.2.1", .to = "192.0.2.2", .proto = TCP, .payload = 8}, 14 + 20 + 20},
		{{.from = "192.0.2.1", .to = "192.0.2.2", .proto = UDP, .payload = 8, .options = 8}, 14 + 28 + 8},
		{{.from = "192.0.2.1", .to = "192.0.2.2", .proto = ICMP, .tags = {5, 6}}, 22 + 20 + 8},
		{{.from = "2001:db8::1", .to = "2001:db8::2", .proto = TCP, .exts = "hf"}, 14 + 40 + 24 + 20},
	};
	uint8_t frame[FRAME_MAX];

	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t len = frame_build(&cases[i].spec, frame);

		for (uint32_t n = 14; n <= len; n++)
			assert_int_equal(run_bytes(*state, frame, n), n < cases[i].headers ? XDP_DROP : XDP_PASS);
	}
}

static void impossible_versions_and_header_lengths_are_malformed(void **state)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len = frame_build(&(struct spec){.from = "192.0.2.1", .to = "192.0.2.2", .proto = TCP}, frame);

	for (uint32_t ihl = 0; ihl < 16; ihl++) {
		frame[14] = (uint8_t)(0x40 | ihl);
		/* 5 is right; more leaves no room for a TCP header in this frame. */
		assert_int_equal(run_bytes(*state, frame, len), ihl == 5 ? XDP_PASS : XDP_DROP);
	}
	frame[14] = 0x65;
	assert_int_equal(run_bytes(*state, frame, len), XDP_DROP);
	len = frame_build(&(struct spec){.from = "2001:db8::1", .to = "2001:db8::2", .proto = TCP}, frame);
	assert_int_equal(run_bytes(*state, frame, len), XDP_PASS);
	frame[14] = 0x40;
	assert_int_equal(run_bytes(*state, frame, len), XDP_DROP);
}

static void counters_tell_what_decided(void **state)
{
	struct counters want = {0}, got;
	uint8_t frame[FRAME_MAX];

	rule4(*state, "198.51.100.0", 24, (struct prefix_rule){.source = DROP, .destination = PASS});
	rule_port(*state, TCP, 23, DESTINATION, DROP);
	rule_port(*state, ICMP, 0, DESTINATION, PASS);
	run_spec(*state, &(struct spec){0});
	tcp(*state, "198.51.100.1", "192.0.2.1", 1, 80);
	tcp(*state, "192.0.2.1", "198.51.100.1", 1, 80);
	tcp(*state, "192.0.2.1", "192.0.2.2", 1, 23);
	run_spec(*state, &(struct spec){.from = "192.0.2.1", .to = "192.0.2.2", .proto = ICMP, .payload = 100});
	tcp(*state, "192.0.2.1", "192.0.2.2", 1, 80);
	tcp(*state, "192.0.2.1", "192.0.2.2", 1, 81);
	frame_build(&(struct spec){.from = "192.0.2.1", .to = "192.0.2.2", .proto = TCP}, frame);
	run_bytes(*state, frame, 40);
	want.not_ip = (struct counter){.passed = 1, .bytes = 42};
	want.malformed = (struct counter){.dropped = 1, .bytes = 40};
	want.source = (struct counter){.dropped = 1, .bytes = 54};
	want.destination = (struct counter){.passed = 1, .bytes = 54};
	want.port = (struct counter){.dropped = 1, .bytes = 54};
	want.protocol = (struct counter){.passed = 1, .bytes = 142};
	want.unmatched = (struct counter){.passed = 2, .bytes = 108};
	get_sums(*state, "counters", (uint64_t *)&got, sizeof(got) / 8);
	assert_memory_equal(&got, &want, sizeof(want));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_rules_everything_passes),
		TEST(config_rules_what_no_rule_names),
		TEST(a_prefix_hits_its_side_only),
		TEST(the_longest_prefix_counts),
		TEST(the_source_is_asked_before_the_destination),
		TEST(a_port_hits_its_protocol_and_direction_only),
		TEST(port_zero_rules_a_whole_protocol_after_its_ports),
		TEST(rules_see_through_two_tags_and_not_three),
		TEST(ports_are_found_behind_options_and_extension_headers),
		TEST(seven_extension_headers_are_malformed),
		TEST(later_fragments_have_no_ports_but_a_protocol),
		TEST(a_fragment_that_could_overwrite_tcp_flags_is_malformed),
		TEST(a_frame_cut_off_in_its_headers_is_malformed),
		TEST(impossible_versions_and_header_lengths_are_malformed),
		TEST(counters_tell_what_decided),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
