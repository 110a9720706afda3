// SPDX-License-Identifier: BSD-2-Clause
/* What becomes of frames at the attach points, where real traffic does not easily lead: devmaps with programs, and socket filters that cut. */
#include "hook/net/chain.h"
#include "hook/net/ip.h"

#include "base/util.h"

#include <arpa/inet.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { IFINDEX = 7, OTHER = 9, ROOM = 256 };

static struct skep_hive *hive;
static struct chain *chain;

static int setup(void **state)
{
	assert_int_equal(skep_hive_new(NULL, &hive), 0);
	assert_int_equal(chain_new(hive, IFINDEX, &chain), 0);
	return 0;
}

static int teardown(void **state)
{
	chain_free(chain);
	skep_hive_free(hive);
	return 0;
}

static int load(const struct bpf_insn *insns, uint32_t n, uint32_t type, uint32_t attach_type)
{
	char log[4096] = "";
	union bpf_attr attr = {.prog_type = type,
			       .insns = (uintptr_t)insns,
			       .insn_cnt = n,
			       .license = (uintptr_t) "GPL",
			       .log_buf = (uintptr_t)log,
			       .log_size = sizeof(log),
			       .log_level = 1,
			       .expected_attach_type = attach_type};
	int fd = skep_bpf(hive, BPF_PROG_LOAD, &attr, sizeof(attr));

	if (fd < 0)
		print_message("%s\n", log);
	assert_true(fd >= 0);
	return fd;
}

static void attach(int prog, enum chain_point p)
{
	union bpf_attr attr = {0};

	attr.link_create.prog_fd = (uint32_t)prog;
	attr.link_create.attach_type = chain_point_type(p);
	attr.link_create.target_ifindex = IFINDEX;
	assert_true(skep_bpf(hive, BPF_LINK_CREATE, &attr, sizeof(attr)) >= 0);
}

static int new_map(uint32_t type)
{
	union bpf_attr attr = {.map_type = type, .key_size = 4, .value_size = 8, .max_entries = 4};
	int fd = skep_bpf(hive, BPF_MAP_CREATE, &attr, sizeof(attr));

	assert_true(fd >= 0);
	return fd;
}

static void put(int map, uint32_t key, uint32_t ifindex, int prog)
{
	struct bpf_devmap_val value = {.ifindex = ifindex, .bpf_prog.fd = prog};
	union bpf_attr attr = {.map_fd = (uint32_t)map, .key = (uintptr_t)&key, .value = (uintptr_t)&value};

	assert_int_equal(skep_bpf(hive, BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr)), 0);
}

/* Redirects every frame through element 1 of a map. */
static int redirects(int map, int32_t flags)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = 1, .src_reg = BPF_PSEUDO_MAP_FD, .imm = map},
		{0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2, .imm = 1},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = flags},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect_map},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return load(insns, ARRAY_SIZE(insns), BPF_PROG_TYPE_XDP, 0);
}

/* For an element: the verdict if the frame goes from the interface to itself, else XDP_ABORTED. */
static int element(int32_t verdict)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_LDX | BPF_W | BPF_MEM,
		 .dst_reg = 2,
		 .src_reg = 1,
		 .off = offsetof(struct xdp_md, egress_ifindex)},
		{.code = BPF_LDX | BPF_W | BPF_MEM,
		 .dst_reg = 3,
		 .src_reg = 1,
		 .off = offsetof(struct xdp_md, ingress_ifindex)},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = XDP_ABORTED},
		{.code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = 2, .off = 2, .imm = IFINDEX},
		{.code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = 3, .off = 1, .imm = IFINDEX},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = verdict},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return load(insns, ARRAY_SIZE(insns), BPF_PROG_TYPE_XDP, BPF_XDP_DEVMAP);
}

static struct chain_result sent_in(const uint8_t *frame, uint32_t len)
{
	struct chain_result r;

	chain_begin(chain);
	chain_in(chain, frame, len, NULL, &r);
	chain_end(chain);
	return r;
}

static const uint8_t plain[64] = {[0] = 2, [12] = 0x88, [13] = 0xb5};

static void devmap_programs(uint32_t type)
{
	int map = new_map(type);

	attach(redirects(map, 0), CHAIN_XDP);
	put(map, 1, IFINDEX, element(XDP_PASS));
	assert_int_equal(sent_in(plain, sizeof(plain)).end, CHAIN_TURNED);
	for (int32_t verdict = XDP_ABORTED; verdict <= XDP_REDIRECT; verdict++) {
		struct chain_result r;

		put(map, 1, IFINDEX, element(verdict));
		r = sent_in(plain, sizeof(plain));
		assert_int_equal(r.end, verdict == XDP_PASS ? CHAIN_TURNED : CHAIN_DROPPED);
		assert_int_equal(r.verdict, verdict);
	}
	/* Without a program again; and to where there is nothing. */
	put(map, 1, IFINDEX, 0);
	assert_int_equal(sent_in(plain, sizeof(plain)).end, CHAIN_TURNED);
	put(map, 1, OTHER, element(XDP_PASS));
	assert_int_equal(sent_in(plain, sizeof(plain)).end, CHAIN_DROPPED);
}

static void the_program_of_a_devmaps_element_decides(void **state)
{
	devmap_programs(BPF_MAP_TYPE_DEVMAP);
}

static void the_program_of_a_devmap_hashs_element_decides(void **state)
{
	devmap_programs(BPF_MAP_TYPE_DEVMAP_HASH);
}

static void a_broadcast_goes_by_the_element_that_has_the_interface(void **state)
{
	int map = new_map(BPF_MAP_TYPE_DEVMAP);

	attach(redirects(map, BPF_F_BROADCAST), CHAIN_XDP);
	assert_int_equal(sent_in(plain, sizeof(plain)).end, CHAIN_DROPPED); /* nobody is there */
	put(map, 0, OTHER, 0);
	assert_int_equal(sent_in(plain, sizeof(plain)).end, CHAIN_DROPPED);
	put(map, 3, IFINDEX, 0);
	assert_int_equal(sent_in(plain, sizeof(plain)).end, CHAIN_TURNED);
	put(map, 3, IFINDEX, element(XDP_DROP));
	assert_int_equal(sent_in(plain, sizeof(plain)).end, CHAIN_DROPPED);
}

static void a_broadcast_without_its_origin_goes_nowhere(void **state)
{
	int map = new_map(BPF_MAP_TYPE_DEVMAP);

	attach(redirects(map, BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS), CHAIN_XDP);
	put(map, 3, IFINDEX, 0);
	assert_int_equal(sent_in(plain, sizeof(plain)).end, CHAIN_DROPPED);
}

/* Socket filters. */

static void attach_filter(int32_t verdict)
{
	const struct bpf_insn insns[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = verdict},
					 {.code = BPF_JMP | BPF_EXIT}};

	attach(load(insns, ARRAY_SIZE(insns), BPF_PROG_TYPE_SOCKET_FILTER, 0), CHAIN_SOCKET);
}

/* The sum of RFC 1071 that a receiver makes: 0xffff when all is well. */
static uint32_t sum_of(const uint8_t *p, uint32_t len, uint32_t s)
{
	for (uint32_t i = 0; i < len; i++)
		s += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

struct shape {
	int version;
	uint8_t proto;
	uint32_t head; /* of the transport */
	uint32_t check; /* where its checksum is */
};

static const struct shape udp4 = {4, IPPROTO_UDP, 8, 6}, udp6 = {6, IPPROTO_UDP, 8, 6}, tcp4 = {4, IPPROTO_TCP, 20, 16},
			  icmp4 = {4, IPPROTO_ICMP, 8, 2}, icmp6 = {6, IPPROTO_ICMPV6, 8, 2};

static uint32_t l4_of(const struct shape *s)
{
	return 14 + (s->version == 4 ? 20 : 40);
}

/* Is every length and checksum of the frame as a receiver wants it? */
static void assert_sound(const uint8_t *f, uint32_t len, const struct shape *s)
{
	uint32_t l4 = l4_of(s), carried = len - l4;
	uint32_t pseudo = s->version == 4 ? sum_of(f + 26, 8, 0) : sum_of(f + 22, 32, 0);

	if (s->version == 4) {
		assert_int_equal(f[16] << 8 | f[17], len - 14);
		assert_int_equal(sum_of(f + 14, 20, 0), 0xffff);
	} else {
		assert_int_equal(f[18] << 8 | f[19], carried);
	}
	if (s->proto == IPPROTO_UDP)
		assert_int_equal(f[l4 + 4] << 8 | f[l4 + 5], carried);
	pseudo = s->proto == IPPROTO_ICMP ? 0 : pseudo + s->proto + carried;
	assert_int_equal(sum_of(f + l4, carried, pseudo), 0xffff);
}

static uint32_t make(uint8_t *f, const struct shape *s, uint32_t carried)
{
	uint32_t l4 = l4_of(s), len = l4 + s->head + carried, pseudo, check;

	memset(f, 0, ROOM);
	f[0] = 2;
	memcpy(f + 12, s->version == 4 ? "\x08\0" : "\x86\xdd", 2);
	f[14] = s->version == 4 ? 0x45 : 0x60;
	if (s->version == 4) {
		f[17] = (uint8_t)(len - 14);
		f[22] = 64;
		f[23] = s->proto;
		memcpy(f + 26, "\x0a\0\2\2\x0a\0\2\x0f", 8);
		check = ~sum_of(f + 14, 20, 0);
		f[24] = (uint8_t)(check >> 8);
		f[25] = (uint8_t)check;
	} else {
		f[19] = (uint8_t)(len - l4);
		f[20] = s->proto;
		f[21] = 64;
		f[22] = f[38] = 0xfd;
		f[37] = 2;
		f[53] = 0x15;
	}
	f[l4] = s->proto == IPPROTO_ICMP ? 8 : s->proto == IPPROTO_ICMPV6 ? 128 : 4;
	f[l4 + 3] = 9;
	if (s->proto == IPPROTO_UDP)
		f[l4 + 5] = (uint8_t)(s->head + carried);
	if (s->proto == IPPROTO_TCP)
		f[l4 + 12] = 0x50;
	for (uint32_t i = 0; i < carried; i++)
		f[l4 + s->head + i] = (uint8_t)(i * 7 + 1);
	f[l4 + s->check] = f[l4 + s->check + 1] = 0;
	pseudo = s->version == 4 ? sum_of(f + 26, 8, 0) : sum_of(f + 22, 32, 0);
	pseudo = s->proto == IPPROTO_ICMP ? 0 : pseudo + s->proto + len - l4;
	check = ~sum_of(f + l4, len - l4, pseudo);
	f[l4 + s->check] = (uint8_t)(check >> 8);
	f[l4 + s->check + 1] = (uint8_t)check;
	assert_sound(f, len, s);
	return len;
}

static void a_filter_that_says_less_cuts_what_is_carried(void **state)
{
	const struct shape *const shapes[] = {&udp4, &udp6, &tcp4, &icmp4, &icmp6};
	uint8_t f[ROOM];

	attach_filter(80);
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
		for (uint32_t carried = 0; carried < 100; carried += 33) {
			uint32_t len = make(f, shapes[i], carried);
			struct chain_result r = sent_in(f, len);

			assert_int_equal(r.end, CHAIN_PASSED);
			assert_int_equal(r.len, MIN(len, 80u));
			assert_int_equal(r.changed, len > 80);
			assert_sound(r.data, r.len, shapes[i]);
			assert_memory_equal(r.data + l4_of(shapes[i]) + shapes[i]->head,
					    f + l4_of(shapes[i]) + shapes[i]->head,
					    r.len - l4_of(shapes[i]) - shapes[i]->head);
		}
}

static void the_headers_stay(void **state)
{
	const struct shape *const shapes[] = {&udp4, &udp6, &tcp4, &icmp4, &icmp6};
	uint8_t f[ROOM];

	attach_filter(1);
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		struct chain_result r = sent_in(f, make(f, shapes[i], 50));

		assert_int_equal(r.len, l4_of(shapes[i]) + shapes[i]->head);
		assert_sound(r.data, r.len, shapes[i]);
	}
	/* No IP: the link's. */
	assert_int_equal(sent_in(plain, sizeof(plain)).len, 14);
}

static void the_smallest_of_several_filters_counts(void **state)
{
	uint8_t f[ROOM];

	attach_filter(60);
	attach_filter(50);
	attach_filter(70);
	assert_int_equal(sent_in(f, make(f, &udp4, 60)).len, 50);
}

static void a_udp_checksum_that_was_left_out_stays_left_out(void **state)
{
	struct chain_result r;
	uint8_t f[ROOM];
	uint32_t len = make(f, &udp4, 60);

	f[40] = f[41] = 0;
	attach_filter(50);
	r = sent_in(f, len);
	assert_int_equal(r.len, 50);
	assert_int_equal(r.data[40] | r.data[41], 0);
}

static void pieces_of_packets_are_not_cut(void **state)
{
	uint8_t f[ROOM];
	uint32_t len = make(f, &udp4, 60);

	attach_filter(50);
	f[20] = 0x20; /* more fragments */
	assert_int_equal(sent_in(f, len).len, len);
	f[20] = 0;
	f[21] = 8;
	assert_int_equal(sent_in(f, len).len, len);
}

static void a_filter_that_says_nothing_drops(void **state)
{
	uint8_t f[ROOM];

	attach_filter(0);
	assert_int_equal(sent_in(f, make(f, &udp4, 60)).end, CHAIN_DROPPED);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_program_of_a_devmaps_element_decides),
		TEST(the_program_of_a_devmap_hashs_element_decides),
		TEST(a_broadcast_goes_by_the_element_that_has_the_interface),
		TEST(a_broadcast_without_its_origin_goes_nowhere),
		TEST(a_filter_that_says_less_cuts_what_is_carried),
		TEST(the_headers_stay),
		TEST(the_smallest_of_several_filters_counts),
		TEST(a_udp_checksum_that_was_left_out_stays_left_out),
		TEST(pieces_of_packets_are_not_cut),
		TEST(a_filter_that_says_nothing_drops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
