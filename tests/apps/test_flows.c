/* SPDX-License-Identifier: BSD-2-Clause */
#include "util.h"

#include "apps/xdp_flows.h"
#include "bpf/seam.h"

#include <bpf/libbpf.h>
#include <string.h>

enum { TCP = 6, UDP = 17, ICMP = 1, FIN = 1, SYN = 2, RST = 4, ACK = 16, MAX_EVENTS = 64 };

static struct event events[MAX_EVENTS];
static uint32_t n_events;

static int setup(void **state)
{
	*state = app_open("xdp-flows");
	return 0;
}

static int teardown(void **state)
{
	app_close(*state);
	return 0;
}

static int take(void *arg, void *data, size_t size)
{
	if (size == sizeof(struct event) && n_events < MAX_EVENTS)
		memcpy(&events[n_events], data, size);
	n_events++;
	return 0;
}

/* All events since the hive began. */
static void drain(struct app_run *a)
{
	struct skep_hive *before = seam_enter(a->hive);
	struct ring_buffer *ring = ring_buffer__new(skep_object_map_fd(a->obj, "events"), take, NULL, NULL);

	n_events = 0;
	assert_non_null(ring);
	assert_true(ring_buffer__consume(ring) >= 0);
	ring_buffer__free(ring);
	seam_enter(before);
}

static struct flow_key key_of(const struct spec *s)
{
	struct flow_key key = {
		.source_port = s->sport, .destination_port = s->dport, .proto = s->proto, .vlan = s->tags[0]};

	address(s->from, &key.source);
	address(s->to, &key.destination);
	return key;
}

static bool flow_of(struct app_run *a, const struct spec *s, struct flow *flow)
{
	struct flow_key key = key_of(s);

	return get(a, "flows", &key, flow);
}

static void a_flow_counts_its_frames_and_bytes_and_nobody_elses(void **state)
{
	struct spec s = {.from = "192.0.2.1", .to = "192.0.2.2", .proto = UDP, .sport = 5, .dport = 53, .payload = 10};
	struct spec other = s, v6 = {.from = "2001:db8::1", .to = "2001:db8::2", .proto = UDP, .dport = 53};
	struct flow flow;

	assert_int_equal(run_spec(*state, &s), XDP_PASS);
	s.payload = 100;
	assert_int_equal(run_spec(*state, &s), XDP_PASS);
	other.dport = 54;
	run_spec(*state, &other);
	run_spec(*state, &v6);
	assert_true(flow_of(*state, &s, &flow));
	assert_int_equal(flow.packets, 2);
	assert_int_equal(flow.bytes, 2 * 42 + 10 + 100);
	assert_true(flow.first_ns && flow.first_ns <= flow.last_ns);
	assert_true(flow_of(*state, &other, &flow));
	assert_int_equal(flow.packets, 1);
	assert_true(flow_of(*state, &v6, &flow));
	assert_int_equal(flow.bytes, 62);
	other.sport++;
	assert_false(flow_of(*state, &other, &flow));
}

static void directions_and_vlans_are_flows_of_their_own(void **state)
{
	struct spec there = {.from = "192.0.2.1", .to = "192.0.2.2", .proto = TCP, .sport = 5, .dport = 80};
	struct spec back = {.from = "192.0.2.2", .to = "192.0.2.1", .proto = TCP, .sport = 80, .dport = 5};
	struct spec tagged = there;
	struct flow flow;

	tagged.tags[0] = 42;
	run_spec(*state, &there);
	assert_false(flow_of(*state, &back, &flow));
	assert_false(flow_of(*state, &tagged, &flow));
	run_spec(*state, &back);
	run_spec(*state, &tagged);
	assert_true(flow_of(*state, &back, &flow));
	assert_true(flow_of(*state, &tagged, &flow));
	assert_true(flow_of(*state, &there, &flow));
	assert_int_equal(flow.packets, 1);
}

static void icmp_has_type_and_code_and_later_fragments_no_ports(void **state)
{
	struct spec ping = {.from = "192.0.2.1", .to = "192.0.2.2", .proto = ICMP, .dport = 8 << 8};
	struct spec piece = {.from = "192.0.2.1", .to = "192.0.2.2", .proto = UDP, .frag_offset = 100, .payload = 50};
	struct flow flow;

	run_spec(*state, &ping);
	run_spec(*state, &piece);
	assert_true(flow_of(*state, &ping, &flow));
	assert_true(flow_of(*state, &piece, &flow));
	assert_int_equal(flow.bytes, 84);
}

static void expect_event(uint32_t i, enum event_kind kind, const struct spec *s, uint64_t packets)
{
	struct flow_key key = key_of(s);

	assert_true(i < n_events);
	assert_int_equal(events[i].kind, kind);
	assert_memory_equal(&events[i].flow, &key, sizeof(key));
	assert_int_equal(events[i].packets, packets);
}

static void one_event_when_a_flow_begins_and_one_when_it_ends(void **state)
{
	struct spec s = {.from = "192.0.2.1", .to = "192.0.2.2", .proto = TCP, .sport = 5, .dport = 80};
	static const uint8_t flags[] = {SYN, ACK, ACK, FIN | ACK, FIN | ACK, RST};

	for (uint32_t i = 0; i < sizeof(flags); i++) {
		s.tcp_flags = flags[i];
		run_spec(*state, &s);
	}
	drain(*state);
	assert_int_equal(n_events, 2);
	expect_event(0, FLOW_NEW, &s, 1);
	expect_event(1, FLOW_FIN, &s, 4);
	assert_int_equal(events[1].bytes, 4 * 54);
}

static void a_reset_ends_a_flow_and_a_syn_begins_it_again(void **state)
{
	struct spec s = {.from = "2001:db8::1", .to = "2001:db8::2", .proto = TCP, .sport = 5, .dport = 80};
	struct flow flow;

	s.tcp_flags = SYN;
	run_spec(*state, &s);
	s.tcp_flags = RST;
	run_spec(*state, &s);
	s.tcp_flags = SYN;
	run_spec(*state, &s);
	drain(*state);
	assert_int_equal(n_events, 3);
	expect_event(0, FLOW_NEW, &s, 1);
	expect_event(1, FLOW_RST, &s, 2);
	expect_event(2, FLOW_NEW, &s, 1);
	assert_true(flow_of(*state, &s, &flow));
	assert_int_equal(flow.packets, 1);
	assert_int_equal(flow.tcp_flags, SYN);
}

static void a_flow_that_begins_with_its_end_tells_both(void **state)
{
	struct spec s = {.from = "192.0.2.1", .to = "192.0.2.2", .proto = TCP, .tcp_flags = RST | ACK};

	run_spec(*state, &s);
	drain(*state);
	assert_int_equal(n_events, 2);
	expect_event(0, FLOW_NEW, &s, 1);
	expect_event(1, FLOW_RST, &s, 1);
}

static void stats_add_up_and_count_what_is_no_flow(void **state)
{
	struct spec s = {.from = "192.0.2.1", .to = "192.0.2.2", .proto = TCP, .tcp_flags = FIN};
	struct stats want = {.packets = 4,
			     .bytes = 42 + 30 + 54 + 54,
			     .not_ip = 1,
			     .malformed = 1,
			     .new_flows = 1,
			     .ended_flows = 1};
	struct stats got;
	uint8_t frame[FRAME_MAX];

	run_spec(*state, &(struct spec){0});
	frame_build(&s, frame);
	run_bytes(*state, frame, 30);
	run_spec(*state, &s);
	run_spec(*state, &s);
	get_sums(*state, "stats", (uint64_t *)&got, sizeof(got) / 8);
	assert_memory_equal(&got, &want, sizeof(want));
}

static void events_that_find_no_room_are_counted(void **state)
{
	struct spec s = {.from = "192.0.2.1", .to = "192.0.2.2", .proto = UDP};
	/* An event takes its size and a header of 8 bytes in the ring of 1 MiB; nobody empties it. */
	const uint32_t room = (1u << 20) / (sizeof(struct event) + 8);
	struct stats got;

	for (uint32_t i = 0; i < room + 50; i++) {
		s.sport = (uint16_t)i;
		run_spec(*state, &s);
	}
	get_sums(*state, "stats", (uint64_t *)&got, sizeof(got) / 8);
	assert_int_equal(got.new_flows, room + 50);
	assert_in_range(got.lost_events, 50, 52);
	drain(*state);
	assert_int_equal(n_events, got.new_flows - got.lost_events);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_flow_counts_its_frames_and_bytes_and_nobody_elses),
		TEST(directions_and_vlans_are_flows_of_their_own),
		TEST(icmp_has_type_and_code_and_later_fragments_no_ports),
		TEST(one_event_when_a_flow_begins_and_one_when_it_ends),
		TEST(a_reset_ends_a_flow_and_a_syn_begins_it_again),
		TEST(a_flow_that_begins_with_its_end_tells_both),
		TEST(stats_add_up_and_count_what_is_no_flow),
		TEST(events_that_find_no_room_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
