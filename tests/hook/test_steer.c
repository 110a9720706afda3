// SPDX-License-Identifier: BSD-2-Clause
/* Steering: a flow stays with one worker in both directions, and flows are spread. */
#include "hook/net/steer.h"

#include "base/util.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

struct flow {
	uint32_t a, b;
	uint16_t pa, pb;
	uint8_t proto;
};

static uint32_t put(uint8_t *p, const struct flow *f, int tags, int version, uint16_t frag)
{
	uint32_t at = 12, addr_a = htonl(f->a), addr_b = htonl(f->b);
	uint16_t pa = htons(f->pa), pb = htons(f->pb);

	memset(p, 0, 128);
	for (int i = 0; i < tags; i++, at += 4)
		memcpy(p + at, i + 1 < tags ? "\x88\xa8\0\1" : "\x81\0\0\2", 4);
	memcpy(p + at, version == 4 ? "\x08\0" : "\x86\xdd", 2);
	at += 2;
	if (version == 4) {
		p[at] = 0x45;
		p[at + 6] = (uint8_t)(frag >> 8);
		p[at + 7] = (uint8_t)frag;
		p[at + 9] = f->proto;
		memcpy(p + at + 12, &addr_a, 4);
		memcpy(p + at + 16, &addr_b, 4);
		at += 20;
	} else {
		p[at] = 0x60;
		p[at + 6] = f->proto;
		memcpy(p + at + 20, &addr_a, 4);
		memcpy(p + at + 36, &addr_b, 4);
		at += 40;
	}
	memcpy(p + at, &pa, 2);
	memcpy(p + at + 2, &pb, 2);
	return at + 8;
}

static struct flow flow_of(uint32_t n)
{
	return (struct flow){.a = 0x0a000000 + n * 7919,
			     .b = 0xc0a80001 + n % 13,
			     .pa = (uint16_t)(1024 + n * 31),
			     .pb = 443,
			     .proto = n & 1 ? 6 : 17};
}

static void both_directions_of_a_flow_go_to_one_worker(void **state)
{
	uint8_t p[128];

	for (uint32_t n = 0; n < 1000; n++) {
		for (int version = 4; version <= 6; version += 2) {
			struct flow f = flow_of(n), back = {f.b, f.a, f.pb, f.pa, f.proto};
			uint32_t to = steer(p, put(p, &f, 0, version, 0), 7);

			assert_in_range(to, 0, 6);
			for (int tags = 0; tags <= 2; tags++)
				assert_int_equal(steer(p, put(p, &back, tags, version, 0), 7), to);
		}
	}
}

static void flows_are_spread_evenly(void **state)
{
	uint32_t seen[4] = {0};
	uint8_t p[128];

	for (uint32_t n = 0; n < 4000; n++) {
		struct flow f = flow_of(n);

		seen[steer(p, put(p, &f, 0, 4, 0), 4)]++;
	}
	for (int i = 0; i < 4; i++)
		assert_in_range(seen[i], 800, 1200);
}

/* The later ones have no ports: what stands there is data. */
static void all_fragments_of_a_packet_go_to_one_worker(void **state)
{
	uint8_t p[128];

	for (uint32_t n = 0; n < 100; n++) {
		struct flow f = flow_of(n), data = f;
		uint32_t first = steer(p, put(p, &f, 0, 4, 0x2000), 5);

		data.pa = 1;
		data.pb = 2;
		assert_int_equal(steer(p, put(p, &data, 0, 4, 0x2010), 5), first);
		assert_int_equal(steer(p, put(p, &data, 0, 4, 0x0020), 5), first);
	}
}

static void what_is_cut_off_goes_somewhere(void **state)
{
	uint8_t p[128];
	struct flow f = flow_of(5);
	uint32_t len = put(p, &f, 2, 6, 0);

	for (uint32_t n = 0; n <= len; n++) {
		uint8_t *part = malloc(n ? n : 1); /* so that a sanitizer sees the end */

		memcpy(part, p, n);
		assert_in_range(steer(part, n, 3), 0, 2);
		free(part);
	}
	put(p, &f, 0, 4, 0);
	p[14] = 0x4f; /* a header longer than the frame */
	assert_in_range(steer(p, 40, 3), 0, 2);
	assert_int_equal(steer((const uint8_t[60]){[12] = 8, 6}, 60, 3), 0); /* ARP */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_directions_of_a_flow_go_to_one_worker),
		cmocka_unit_test(flows_are_spread_evenly),
		cmocka_unit_test(all_fragments_of_a_packet_go_to_one_worker),
		cmocka_unit_test(what_is_cut_off_goes_somewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
