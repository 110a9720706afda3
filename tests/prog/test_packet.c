/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets: where a frame lies, how it grows, and what a program can see around it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "prog/env.h"
#include "prog/packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>

static struct packet *pkt;

static int setup(void **state)
{
	return packet_new(&pkt);
}

static int teardown(void **state)
{
	packet_free(pkt);
	return 0;
}

static void fill(uint8_t *f, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		f[i] = (uint8_t)(i * 7 + 1);
	f[12] = 8;
	f[13] = 0;
}

static void lengths_that_no_frame_has_are_refused(void **state)
{
	static uint8_t f[PACKET_MAX + 1];

	assert_int_equal(packet_set_xdp(pkt, f, PACKET_MAX + 1, 0), -EINVAL);
	assert_int_equal(packet_set_xdp(pkt, f, 100, 3), -EINVAL);
	assert_int_equal(packet_set_xdp(pkt, f, 1000, 256), -EINVAL);
	assert_int_equal(packet_set_xdp(pkt, f, 8, 12), -EINVAL);
	assert_int_equal(packet_set_skb(pkt, f, 13, true), -EINVAL);
	assert_int_equal(packet_set_skb(pkt, f, PACKET_MAX + 1, true), -EINVAL);
	assert_int_equal(packet_set_xdp(pkt, f, PACKET_MAX, 0), 0);
	assert_int_equal(packet_set_skb(pkt, f, PACKET_MAX, true), 0);
	assert_int_equal(packet_len(pkt), PACKET_MAX);
}

static void the_context_holds_the_addresses(void **state)
{
	uint8_t f[100];

	fill(f, sizeof(f));
	assert_int_equal(packet_set_xdp(pkt, f, sizeof(f), 8), 0);
	assert_int_equal(pkt->ctx.xdp.data, (uintptr_t)pkt->data);
	assert_int_equal(pkt->ctx.xdp.data_end - pkt->ctx.xdp.data, 92);
	assert_int_equal(pkt->ctx.xdp.data - pkt->ctx.xdp.data_meta, 8);
	assert_memory_equal(pkt->data_meta, f, sizeof(f));
	assert_int_equal(packet_set_skb(pkt, f, sizeof(f), false), 0);
	assert_int_equal(pkt->ctx.skb.len, 86);
	assert_int_equal(pkt->ctx.skb.protocol, htons(ETH_P_IP));
	assert_int_equal(pkt->ctx.skb.pkt_type, PACKET_MULTICAST); /* f[0] is odd */
}

static void nothing_of_an_earlier_frame_shows_before_the_next(void **state)
{
	static uint8_t f[3000];

	memset(f, 0xaa, sizeof(f));
	assert_int_equal(packet_set_xdp(pkt, f, sizeof(f), 252), 0);
	assert_int_equal(packet_set_skb(pkt, f, sizeof(f), true), 0);
	assert_int_equal(packet_set_xdp(pkt, f, 64, 0), 0);
	for (uint8_t *p = pkt->hard_start; p < pkt->data; p++)
		assert_int_equal(*p, 0);
}

static void a_frame_grows_at_both_ends_and_stays_what_it_is(void **state)
{
	uint8_t f[200];
	uint32_t mac, net;

	fill(f, sizeof(f));
	assert_int_equal(packet_set_skb(pkt, f, sizeof(f), true), 0);
	mac = pkt->mac_off - (uint32_t)(pkt->data - pkt->hard_start);
	net = pkt->net_off - (uint32_t)(pkt->data - pkt->hard_start);
	assert_int_equal(mac, 0);
	assert_int_equal(net, 14);
	/* More than the headroom: the frame moves, and the offsets with it. */
	assert_int_equal(packet_push(pkt, 1000), 0);
	assert_memory_equal(pkt->data + 1000, f, sizeof(f));
	assert_int_equal(pkt->mac_off - (uint32_t)(pkt->data - pkt->hard_start), 1000);
	assert_int_equal(pkt->net_off - (uint32_t)(pkt->data - pkt->hard_start), 1014);
	assert_int_equal(packet_set_len(pkt, 5000), 0);
	memset(pkt->data + 1200, 0xaa, 3800); /* what was there before must not come back */
	assert_int_equal(packet_set_len(pkt, 1200), 0);
	assert_int_equal(packet_set_len(pkt, 5000), 0);
	assert_memory_equal(pkt->data + 1000, f, sizeof(f));
	for (uint32_t i = 1200; i < 5000; i++)
		assert_int_equal(pkt->data[i], 0);
	assert_int_equal(pkt->ctx.skb.len, 5000);
	assert_true(pkt->data_end <= pkt->hard_end);
	packet_pull(pkt, 1000);
	assert_int_equal(packet_set_len(pkt, 200), 0);
	assert_memory_equal(pkt->data, f, sizeof(f));
	assert_int_equal(pkt->ctx.skb.data, (uintptr_t)pkt->data);
}

static void growth_ends_where_the_memory_does(void **state)
{
	static uint8_t f[PACKET_MAX];
	uint32_t pushed = 0;

	fill(f, sizeof(f));
	assert_int_equal(packet_set_skb(pkt, f, sizeof(f), true), 0);
	while (!packet_push(pkt, 1000) && pushed < 100000)
		pushed += 1000;
	assert_in_range(pushed, 1000, 8192);
	assert_memory_equal(pkt->data + pushed, f, sizeof(f));
	assert_int_equal(packet_set_len(pkt, PACKET_MAX + 100000), -ENOMEM);
	assert_int_equal(packet_len(pkt), PACKET_MAX + pushed);
}

static void legacy_loads_stay_inside_the_frame(void **state)
{
	struct skep_env env = {.pkt = pkt};
	uint64_t v = 0;
	uint8_t f[60];

	fill(f, sizeof(f));
	assert_int_equal(packet_set_skb(pkt, f, sizeof(f), false), 0);
	assert_true(packet_load(&env, 0, 2, &v));
	assert_int_equal(v, f[14] << 8 | f[15]);
	assert_true(packet_load(&env, SKF_LL_OFF, 1, &v));
	assert_int_equal(v, f[0]);
	assert_true(packet_load(&env, SKF_NET_OFF + 1, 1, &v));
	assert_int_equal(v, f[15]);
	assert_true(packet_load(&env, 42, 4, &v));
	assert_false(packet_load(&env, 43, 4, &v));
	assert_false(packet_load(&env, -1, 1, &v));
	assert_false(packet_load(&env, INT32_MAX, 4, &v));
	assert_int_equal(packet_set_xdp(pkt, f, sizeof(f), 0), 0);
	assert_false(packet_load(&env, 0, 1, &v)); /* no skb */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lengths_that_no_frame_has_are_refused),
		TEST(the_context_holds_the_addresses),
		TEST(nothing_of_an_earlier_frame_shows_before_the_next),
		TEST(a_frame_grows_at_both_ends_and_stays_what_it_is),
		TEST(growth_ends_where_the_memory_does),
		TEST(legacy_loads_stay_inside_the_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
