/* SPDX-License-Identifier: BSD-2-Clause */
#include "util.h"

#include "apps/lb_table.h"
#include "apps/xdp_lb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TCP = 6, UDP = 17, ETH = 14 };

static const uint8_t mac_backend[4][6] = {{0}, {2, 0, 0, 0, 0, 0x1b}, {2, 0, 0, 0, 0, 0x1c}, {2, 0, 0, 0, 0, 0x1d}};

static int setup(void **state)
{
	*state = app_open("xdp-lb");
	return 0;
}

static int teardown(void **state)
{
	app_close(*state);
	return 0;
}

static void backend(struct app_run *a, uint32_t number, const char *addr, uint16_t port, enum state s)
{
	struct backend b = {.port = port, .state = s};

	address(addr, &b.addr);
	memcpy(b.mac, mac_backend[number], 6);
	put(a, "backends", &number, &b);
}

/* A table in which the numbers from @first to @last share the slots. */
static void table(struct app_run *a, uint32_t index, uint16_t first, uint16_t last)
{
	struct lb_member members[8];
	struct lb_table *t = calloc(1, sizeof(*t));
	char names[8][16];
	uint32_t n = 0;

	assert_non_null(t);
	for (uint16_t i = first; i <= last; i++, n++) {
		snprintf(names[n], sizeof(names[n]), "backend %u", i);
		members[n] = (struct lb_member){.name = names[n], .number = i, .weight = 1};
	}
	assert_int_equal(lb_table_fill(t->backend, LB_TABLE_SIZE, members, n), 0);
	put(a, "tables", &index, t);
	free(t);
}

static void vip(struct app_run *a, const char *addr, uint16_t port, uint16_t proto, uint32_t index, enum mode mode)
{
	struct vip_key key = {.port = port, .proto = proto};
	struct vip v = {.table = index, .mode = mode};

	address(addr, &key.addr);
	put(a, "vips", &key, &v);
}

static void sources(struct app_run *a)
{
	struct config c;
	uint8_t bytes[16];
	uint32_t zero = 0;

	address("192.0.2.254", bytes);
	memcpy(&c.source4, bytes + 12, 4);
	address("2001:db8::fe", &c.source6);
	put(a, "config", &zero, &c);
}

static uint64_t counted(struct app_run *a, enum outcome outcome)
{
	uint64_t sums[sizeof(struct counters) / 8];

	get_sums(a, "counters", sums, sizeof(struct counters) / 8);
	return sums[outcome * 2];
}

/* Does the frame in a->out go from our MAC address to this one? */
static void expect_macs(struct app_run *a, const uint8_t *to)
{
	assert_memory_equal(a->out, to, 6);
	assert_memory_equal(a->out + 6, mac_server, 6);
}

/* The frame in a->out is what @spec says, but for the MAC addresses: so all checksums are right. */
static void expect_packet(struct app_run *a, const struct spec *spec)
{
	uint8_t want[FRAME_MAX];
	uint32_t len = frame_build(spec, want);

	assert_int_equal(a->out_len, len);
	assert_true(frame_sums_ok(a->out, a->out_len));
	assert_memory_equal(a->out + 12, want + 12, len - 12);
}

static void what_is_not_for_a_vip_passes_unchanged(void **state)
{
	struct app_run *a = *state;
	struct spec s = {.from = "198.51.100.1", .to = "192.0.2.80", .proto = TCP, .sport = 999, .dport = 80};
	uint8_t frame[FRAME_MAX];
	uint32_t len;

	vip(a, "192.0.2.80", 80, TCP, 0, REWRITE);
	backend(a, 1, "192.0.2.11", 8080, PRESENT);
	table(a, 0, 1, 1);
	for (int i = 0; i < 6; i++) {
		struct spec other = s;

		if (i == 0)
			other.dport = 81;
		else if (i == 1)
			other.proto = UDP;
		else if (i == 2)
			other.to = "192.0.2.81";
		else if (i == 3)
			other.tags[0] = 7;
		else if (i == 4)
			other.more_fragments = true;
		else
			other.from = NULL;
		len = frame_build(&other, frame);
		assert_int_equal(run_bytes(a, frame, len), XDP_PASS);
		assert_int_equal(a->out_len, len);
		assert_memory_equal(a->out, frame, len);
	}
	assert_int_equal(counted(a, NOT_VIP), 4);
	assert_int_equal(counted(a, FRAGMENT), 1);
	assert_int_equal(counted(a, NOT_IP), 1);
	assert_int_equal(run_spec(a, &s), XDP_TX);
}

/* Through a rewriting VIP and back, for one protocol and family, over odd and even lengths and all sorts of sums. */
static void there_and_back(struct app_run *a, uint16_t proto, const char *client, const char *vip_addr,
			   const char *backend_addr, bool no_checksum)
{
	vip(a, vip_addr, 80, proto, 0, REWRITE);
	backend(a, 1, backend_addr, 8080, PRESENT);
	table(a, 0, 1, 1);
	for (uint32_t i = 0; i < 300; i++) {
		struct spec s = {.from = client,
				 .to = vip_addr,
				 .proto = (uint8_t)proto,
				 .sport = (uint16_t)(1000 + i * 217),
				 .dport = 80,
				 .no_udp_checksum = no_checksum,
				 .payload = i % 97};
		struct spec there = s, reply = s, back = s;

		there.to = backend_addr;
		there.dport = 8080;
		assert_int_equal(run_spec(a, &s), XDP_TX);
		expect_macs(a, mac_backend[1]);
		expect_packet(a, &there);

		reply.from = backend_addr;
		reply.sport = 8080;
		reply.to = client;
		reply.dport = s.sport;
		back = reply;
		back.from = vip_addr;
		back.sport = 80;
		assert_int_equal(run_spec(a, &reply), XDP_TX);
		expect_macs(a, mac_client);
		expect_packet(a, &back);
	}
	assert_int_equal(counted(a, REWRITTEN), 300);
	assert_int_equal(counted(a, REPLY), 300);
}

static void tcp4_is_rewritten_there_and_back_with_right_checksums(void **state)
{
	there_and_back(*state, TCP, "198.51.100.1", "192.0.2.80", "10.9.8.7", false);
}

static void udp4_is_rewritten_there_and_back_with_right_checksums(void **state)
{
	there_and_back(*state, UDP, "198.51.100.1", "192.0.2.80", "10.9.8.7", false);
}

static void udp4_without_a_checksum_is_left_without(void **state)
{
	there_and_back(*state, UDP, "198.51.100.1", "192.0.2.80", "10.9.8.7", true);
}

static void tcp6_is_rewritten_there_and_back_with_right_checksums(void **state)
{
	there_and_back(*state, TCP, "2001:db8:1::1", "2001:db8::80", "2001:db8::b:7", false);
}

static void udp6_is_rewritten_there_and_back_with_right_checksums(void **state)
{
	there_and_back(*state, UDP, "2001:db8:1::1", "2001:db8::80", "2001:db8::b:7", false);
}

static void a_udp_checksum_that_becomes_zero_is_written_as_ones(void **state)
{
	struct app_run *a = *state;
	struct spec s = {.from = "198.51.100.1", .to = "192.0.2.80", .proto = UDP, .dport = 80, .payload = 4};
	uint32_t ones = 0;

	vip(a, "192.0.2.80", 80, UDP, 0, REWRITE);
	backend(a, 1, "192.0.2.11", 80, PRESENT);
	table(a, 0, 1, 1);
	/* Over all source ports the sum takes (nearly) every value, so this one too. */
	for (uint32_t port = 1; port < 65536; port++) {
		s.sport = (uint16_t)port;
		assert_int_equal(run_spec(a, &s), XDP_TX);
		assert_true(a->out[ETH + 20 + 6] || a->out[ETH + 20 + 7]);
		assert_true(frame_sums_ok(a->out, a->out_len));
		ones += a->out[ETH + 20 + 6] == 0xff && a->out[ETH + 20 + 7] == 0xff;
	}
	assert_int_equal(ones, 1);
}

static void a_wrong_checksum_stays_wrong(void **state)
{
	struct app_run *a = *state;
	struct spec s = {.from = "198.51.100.1", .to = "192.0.2.80", .proto = TCP, .dport = 80, .payload = 40};
	uint8_t frame[FRAME_MAX];
	uint32_t len = frame_build(&s, frame);

	vip(a, "192.0.2.80", 80, TCP, 0, REWRITE);
	backend(a, 1, "192.0.2.11", 80, PRESENT);
	table(a, 0, 1, 1);
	frame[ETH + 20 + 16] ^= 0x40;
	assert_int_equal(run_bytes(a, frame, len), XDP_TX);
	assert_false(frame_sums_ok(a->out, a->out_len));
	assert_int_equal(ones_sum(0, a->out + ETH, 20), 0xffff); /* the IP header's was right */
}

static void an_encapsulated_packet_is_whole_inside_a_well_formed_header(void **state)
{
	static const char *const clients[] = {"198.51.100.1", "2001:db8:1::1"};
	static const char *const vips[] = {"192.0.2.80", "2001:db8::80"};
	static const char *const backends[] = {"192.0.2.11", "2001:db8::b"};
	struct app_run *a = *state;

	sources(a);
	for (uint32_t inner = 0; inner < 2; inner++) {
		for (uint32_t outer = 0; outer < 2; outer++) {
			struct spec s = {.from = clients[inner],
					 .to = vips[inner],
					 .proto = TCP,
					 .dport = 443,
					 .tcp_flags = 2,
					 .payload = 77};
			const uint32_t more = outer ? 40 : 20;
			const uint8_t *ip = a->out + ETH;
			uint8_t frame[FRAME_MAX], addr[16];
			uint32_t len = frame_build(&s, frame);
			uint32_t padded = len + 5; /* as a switch may leave it: not part of the packet */

			vip(a, vips[inner], 443, TCP, outer, ENCAP);
			backend(a, 1 + outer, backends[outer], 0, PRESENT);
			table(a, outer, (uint16_t)(1 + outer), (uint16_t)(1 + outer));
			s.sport = (uint16_t)(outer + 1);
			len = frame_build(&s, frame);
			assert_int_equal(run_bytes(a, frame, padded), XDP_TX);
			assert_int_equal(a->out_len, padded + more);
			expect_macs(a, mac_backend[1 + outer]);
			assert_memory_equal(ip + more, frame + ETH, len - ETH);
			if (outer) {
				assert_int_equal(a->out[12] << 8 | a->out[13], 0x86dd);
				assert_int_equal(ip[0] >> 4, 6);
				assert_int_equal(ip[4] << 8 | ip[5], len - ETH);
				assert_int_equal(ip[6], inner ? 41 : 4);
				assert_int_equal(ip[7], 64);
				address("2001:db8::fe", addr);
				assert_memory_equal(ip + 8, addr, 16);
				address(backends[outer], addr);
				assert_memory_equal(ip + 24, addr, 16);
				assert_int_equal((ip[0] & 15) << 4 | ip[1] >> 4, inner ? 0 : 0x10);
			} else {
				assert_int_equal(a->out[12] << 8 | a->out[13], 0x0800);
				assert_int_equal(ip[0], 0x45);
				assert_int_equal(ip[1], inner ? 0 : 0x10);
				assert_int_equal(ip[2] << 8 | ip[3], len - ETH + 20);
				assert_int_equal(ip[9], inner ? 41 : 4);
				assert_int_equal(ones_sum(0, ip, 20), 0xffff);
				address("192.0.2.254", addr);
				assert_memory_equal(ip + 12, addr + 12, 4);
				address(backends[outer], addr);
				assert_memory_equal(ip + 16, addr + 12, 4);
			}
		}
	}
	assert_int_equal(counted(a, ENCAPSULATED), 4);
}

static void a_packet_longer_than_its_frame_is_not_encapsulated(void **state)
{
	struct app_run *a = *state;
	struct spec s = {.from = "198.51.100.1", .to = "192.0.2.80", .proto = TCP, .dport = 80, .payload = 40};
	uint8_t frame[FRAME_MAX];
	uint32_t len = frame_build(&s, frame);

	sources(a);
	vip(a, "192.0.2.80", 80, TCP, 0, ENCAP);
	backend(a, 1, "192.0.2.11", 0, PRESENT);
	table(a, 0, 1, 1);
	assert_int_equal(run_bytes(a, frame, len), XDP_TX);
	assert_int_equal(run_bytes(a, frame, len - 1), XDP_DROP);
	assert_int_equal(counted(a, MALFORMED), 1);
}

/* The backend that a client's flow gets: the last byte of the address it is sent to. */
static int backend_of(struct app_run *a, uint32_t client, uint16_t sport)
{
	char from[32];

	snprintf(from, sizeof(from), "198.51.%u.%u", client >> 8 & 255, client & 255);
	assert_int_equal(
		run_spec(a,
			 &(struct spec){.from = from, .to = "192.0.2.80", .proto = TCP, .sport = sport, .dport = 80}),
		XDP_TX);
	return a->out[ETH + 19];
}

static void three_backends(struct app_run *a)
{
	vip(a, "192.0.2.80", 80, TCP, 0, REWRITE);
	backend(a, 1, "192.0.2.11", 0, PRESENT);
	backend(a, 2, "192.0.2.12", 0, PRESENT);
	backend(a, 3, "192.0.2.13", 0, PRESENT);
	table(a, 0, 1, 3);
}

static void flows_spread_evenly_and_each_stays_with_its_backend(void **state)
{
	struct app_run *a = *state;
	uint32_t share[16] = {0};

	three_backends(a);
	for (uint32_t i = 0; i < 6000; i++) {
		int b = backend_of(a, i % 100, (uint16_t)(1000 + i));

		share[b]++;
		if (i % 10 == 0)
			assert_int_equal(backend_of(a, i % 100, (uint16_t)(1000 + i)), b);
	}
	assert_int_equal(share[11] + share[12] + share[13], 6000);
	/* 2000 each; five standard deviations are 183. */
	for (int b = 11; b <= 13; b++)
		assert_in_range(share[b], 1800, 2200);
}

static void a_known_flow_stays_when_the_table_changes_and_moves_when_its_backend_goes(void **state)
{
	struct app_run *a = *state;
	int before[60];

	three_backends(a);
	for (uint16_t i = 0; i < 60; i++)
		before[i] = backend_of(a, 1, (uint16_t)(2000 + i));
	table(a, 0, 1, 2);
	for (uint16_t i = 0; i < 60; i++)
		assert_int_equal(backend_of(a, 1, (uint16_t)(2000 + i)), before[i]);
	for (uint16_t i = 0; i < 60; i++)
		assert_int_not_equal(backend_of(a, 2, (uint16_t)(2000 + i)), 13);
	backend(a, 3, "192.0.2.13", 0, ABSENT);
	for (uint16_t i = 0; i < 60; i++) {
		int now = backend_of(a, 1, (uint16_t)(2000 + i));

		assert_int_not_equal(now, 13);
		if (before[i] != 13)
			assert_int_equal(now, before[i]);
	}
}

static void a_vip_without_backends_drops(void **state)
{
	struct app_run *a = *state;
	struct spec s = {.from = "198.51.100.1", .to = "192.0.2.80", .proto = TCP, .dport = 80};

	vip(a, "192.0.2.80", 80, TCP, 0, REWRITE);
	assert_int_equal(run_spec(a, &s), XDP_DROP);
	backend(a, 1, "192.0.2.11", 0, ABSENT);
	table(a, 0, 1, 1);
	assert_int_equal(run_spec(a, &s), XDP_DROP);
	assert_int_equal(counted(a, NO_BACKEND), 2);
	backend(a, 1, "192.0.2.11", 0, PRESENT);
	assert_int_equal(run_spec(a, &s), XDP_TX);
}

static void what_cannot_be_sent_as_configured_is_dropped_and_counted(void **state)
{
	struct app_run *a = *state;
	struct spec s = {.from = "198.51.100.1", .to = "192.0.2.80", .proto = TCP, .dport = 80};

	vip(a, "192.0.2.80", 80, TCP, 0, REWRITE);
	backend(a, 1, "2001:db8::b", 0, PRESENT); /* another family */
	table(a, 0, 1, 1);
	assert_int_equal(run_spec(a, &s), XDP_DROP);
	vip(a, "192.0.2.80", 80, TCP, 0, ENCAP); /* no source address */
	assert_int_equal(run_spec(a, &s), XDP_DROP);
	assert_int_equal(counted(a, MISCONFIGURED), 2);
	sources(a);
	assert_int_equal(run_spec(a, &s), XDP_TX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_not_for_a_vip_passes_unchanged),
		TEST(tcp4_is_rewritten_there_and_back_with_right_checksums),
		TEST(udp4_is_rewritten_there_and_back_with_right_checksums),
		TEST(udp4_without_a_checksum_is_left_without),
		TEST(tcp6_is_rewritten_there_and_back_with_right_checksums),
		TEST(udp6_is_rewritten_there_and_back_with_right_checksums),
		TEST(a_udp_checksum_that_becomes_zero_is_written_as_ones),
		TEST(a_wrong_checksum_stays_wrong),
		TEST(an_encapsulated_packet_is_whole_inside_a_well_formed_header),
		TEST(a_packet_longer_than_its_frame_is_not_encapsulated),
		TEST(flows_spread_evenly_and_each_stays_with_its_backend),
		TEST(a_known_flow_stays_when_the_table_changes_and_moves_when_its_backend_goes),
		TEST(a_vip_without_backends_drops),
		TEST(what_cannot_be_sent_as_configured_is_dropped_and_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
