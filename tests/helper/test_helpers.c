/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Helpers called directly: what against_kernel.c cannot compare (clocks, tasks, random numbers, callbacks, output, reads by
 * address), and for the others the few results that everybody should be able to read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/util.h"
#include "helper/helper.h"
#include "helper/impl.h"
#include "map/map.h"
#include "map/perfbuf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <linux/pkt_cls.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CALL(name, ...) ((int64_t)call(h_##name, (uint64_t[5]){__VA_ARGS__}))
#define PTR(p)          ((uint64_t)(uintptr_t)(p))

static struct skep_env env;
static struct packet *pkt;
static char traced[2048];
static size_t traced_len;

static uint64_t call(skep_fn fn, const uint64_t r[5])
{
	return fn(r[0], r[1], r[2], r[3], r[4], &env);
}

static void take_trace(void *arg, const char *text, size_t len)
{
	memcpy(traced, text, len);
	traced[len] = 0;
	traced_len = len;
}

static int setup(void **state)
{
	memset(&env, 0, sizeof(env));
	env.trace.write = take_trace;
	env.rng = 42;
	traced[0] = 0;
	return packet_new(&pkt);
}

static int teardown(void **state)
{
	packet_free(pkt);
	return 0;
}

static struct skep_map *map_of(uint32_t type, uint32_t key, uint32_t value, uint32_t n)
{
	const struct map_attr attr = {
		.type = type, .key_size = key, .value_size = value, .max_entries = n, .n_cpus = 2};
	struct skep_map *map;

	assert_int_equal(map_create(&attr, &map), 0);
	return map;
}

/* A UDP frame of 60 bytes from 10.0.0.1:1000 to 10.0.0.2:2000. */
static void udp_frame(uint8_t f[60], bool back)
{
	static const uint8_t head[] = {2, 0,  0,  0, 0, 1,  2, 0, 0, 0,  0, 2, 8, 0, 0x45, 0, 0,    46, 0,  0, 0,
				       0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 3, 0xe8, 7, 0xd0, 0,  26, 0, 0};

	memset(f, 0x55, 60);
	memcpy(f, head, sizeof(head));
	if (back) {
		memcpy(f + 26, head + 30, 4);
		memcpy(f + 30, head + 26, 4);
		memcpy(f + 34, head + 36, 2);
		memcpy(f + 36, head + 34, 2);
	}
}

static void *skb_of(const void *frame, uint32_t len)
{
	assert_int_equal(packet_set_skb(pkt, frame, len, true), 0);
	env.pkt = pkt;
	return &pkt->ctx;
}

static void *xdp_of(const void *frame, uint32_t len)
{
	assert_int_equal(packet_set_xdp(pkt, frame, len, 0), 0);
	env.pkt = pkt;
	return &pkt->ctx;
}

static void every_row_is_whole(void **state)
{
	assert_int_equal(helpers_n, 212);
	assert_null(helper_find(0));
	assert_null(helper_find(212));
	for (uint32_t id = 1; id < helpers_n; id++) {
		const struct helper_desc *h = helper_find(id);

		assert_non_null(h);
		assert_int_equal(h->id, id);
		assert_memory_equal(h->name, "bpf_", 4);
		assert_true(h->prog_types);
		assert_false(h->prog_types & 1);
		/* A size follows the memory that it is of; nothing follows the last argument. */
		for (int i = 0; i < 5; i++) {
			if (h->args[i].type == ARG_SIZE || h->args[i].type == ARG_SIZE_OR_ZERO)
				assert_true(i && h->args[i - 1].type == ARG_MEM);
			if (h->args[i].type == ARG_BTF_ID && h->id != 194)
				assert_non_null(h->args[i].btf);
			if (i && h->args[i].type)
				assert_int_not_equal(h->args[i - 1].type, ARG_NONE);
		}
		assert_int_equal(h->ret == RET_BTF_ID && id != 194, h->ret_btf != NULL);
	}
}

static void a_reason_is_given_for_what_is_not_there_only(void **state)
{
	static const char unknown[] = "skep does not have it yet";
	uint32_t reasons = 0;

	for (uint32_t id = 1; id < helpers_n; id++) {
		bool reason = strcmp(helper_why_not(id), unknown) != 0;

		reasons += reason;
		if (helper_find(id)->fn)
			assert_false(reason);
	}
	assert_true(reasons > 20);
}

static void a_map_is_written_read_and_emptied(void **state)
{
	struct skep_map *map = map_of(BPF_MAP_TYPE_HASH, 4, 8, 2);
	uint32_t key = 7;
	uint64_t value = 99;

	assert_int_equal(CALL(map_lookup_elem, PTR(map), PTR(&key)), 0);
	assert_int_equal(CALL(map_update_elem, PTR(map), PTR(&key), PTR(&value), BPF_EXIST), -ENOENT);
	assert_int_equal(CALL(map_update_elem, PTR(map), PTR(&key), PTR(&value), BPF_ANY), 0);
	assert_int_equal(*(uint64_t *)CALL(map_lookup_elem, PTR(map), PTR(&key)), 99);
	assert_int_equal(CALL(map_delete_elem, PTR(map), PTR(&key)), 0);
	assert_int_equal(CALL(map_delete_elem, PTR(map), PTR(&key)), -ENOENT);
	map_destroy(map);
}

static void a_stack_gives_back_what_came_last(void **state)
{
	struct skep_map *map = map_of(BPF_MAP_TYPE_STACK, 0, 4, 2);
	uint32_t a = 1, b = 2, got = 0;

	assert_int_equal(CALL(map_pop_elem, PTR(map), PTR(&got)), -ENOENT);
	assert_int_equal(CALL(map_push_elem, PTR(map), PTR(&a)), 0);
	assert_int_equal(CALL(map_push_elem, PTR(map), PTR(&b)), 0);
	assert_int_equal(CALL(map_push_elem, PTR(map), PTR(&b)), -E2BIG);
	assert_int_equal(CALL(map_peek_elem, PTR(map), PTR(&got)), 0);
	assert_int_equal(got, 2);
	assert_int_equal(CALL(map_pop_elem, PTR(map), PTR(&got)), 0);
	assert_int_equal(CALL(map_pop_elem, PTR(map), PTR(&got)), 0);
	assert_int_equal(got, 1);
	map_destroy(map);
}

static void each_cpu_has_its_own_value(void **state)
{
	struct skep_map *map = map_of(BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 1);
	uint32_t key = 0;
	uint64_t value = 5;

	env.cpu = 1;
	assert_int_equal(CALL(map_update_elem, PTR(map), PTR(&key), PTR(&value), BPF_ANY), 0);
	assert_int_equal(*(uint64_t *)CALL(map_lookup_percpu_elem, PTR(map), PTR(&key), 1), 5);
	assert_int_equal(*(uint64_t *)CALL(map_lookup_percpu_elem, PTR(map), PTR(&key), 0), 0);
	assert_int_equal(CALL(map_lookup_percpu_elem, PTR(map), PTR(&key), 2), 0);
	assert_int_equal(CALL(get_smp_processor_id), 1);
	map_destroy(map);
}

/* A "BPF function": adds what it is given up in its context, and stops where that says. */
struct sum {
	uint64_t calls, sum, stop_at;
};

static uint64_t add_index(struct skep_env *e, uint64_t fn, uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4,
			  uint64_t r5)
{
	struct sum *s = (void *)(uintptr_t)r2;

	assert_int_equal(fn, 77);
	s->sum += r1;
	return ++s->calls == s->stop_at;
}

static uint64_t add_value(struct skep_env *e, uint64_t fn, uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4,
			  uint64_t r5)
{
	struct sum *s = (void *)(uintptr_t)r4;

	s->sum += *(uint64_t *)(uintptr_t)r3;
	return ++s->calls == s->stop_at;
}

static void a_loop_ends_after_its_count_or_when_told(void **state)
{
	struct sum s = {};

	env.callback = add_index;
	assert_int_equal(CALL(loop, 10, 77, PTR(&s)), 10);
	assert_int_equal(s.sum, 45);
	s = (struct sum){.stop_at = 3};
	assert_int_equal(CALL(loop, 10, 77, PTR(&s)), 3);
	assert_int_equal(s.calls, 3);
	assert_int_equal(CALL(loop, 10, 77, PTR(&s), 1), -EINVAL);
	assert_int_equal(CALL(loop, (8 << 20) + 1, 77, PTR(&s)), (uint32_t)-E2BIG);
}

static void each_element_is_visited_until_told_to_stop(void **state)
{
	struct skep_map *map = map_of(BPF_MAP_TYPE_ARRAY, 4, 8, 4);
	struct sum s = {};

	for (uint32_t i = 0; i < 4; i++) {
		uint64_t value = 10 * (i + 1);

		assert_int_equal(map_update(map, &i, &value, BPF_ANY, 0), 0);
	}
	env.callback = add_value;
	assert_int_equal(CALL(for_each_map_elem, PTR(map), 1, PTR(&s)), 4);
	assert_int_equal(s.sum, 100);
	s = (struct sum){.stop_at = 2};
	assert_int_equal(CALL(for_each_map_elem, PTR(map), 1, PTR(&s)), 2);
	assert_int_equal(CALL(for_each_map_elem, PTR(map), 1, PTR(&s), 1), -EINVAL);
	map_destroy(map);
}

static void clocks_go_forward_and_differ_as_they_should(void **state)
{
	uint64_t a = (uint64_t)CALL(ktime_get_ns), b = (uint64_t)CALL(ktime_get_ns);
	uint64_t jiffies = (uint64_t)CALL(jiffies64);

	assert_true(b >= a);
	assert_true((uint64_t)CALL(ktime_get_boot_ns) >= b);
	/* A coarse clock lags by a tick, not by seconds. */
	assert_true((uint64_t)CALL(ktime_get_ns) - (uint64_t)CALL(ktime_get_coarse_ns) < 1000000000u);
	/* International Atomic Time counts from 1970; this was written in its 2026. */
	assert_true((uint64_t)CALL(ktime_get_tai_ns) > 1600000000ull * 1000000000u);
	usleep(20000);
	jiffies = (uint64_t)CALL(jiffies64) - jiffies;
	assert_in_range(jiffies, 3, 250);
}

static void random_numbers_follow_the_workers_state(void **state)
{
	uint32_t a = (uint32_t)CALL(get_prandom_u32), b = (uint32_t)CALL(get_prandom_u32);

	assert_int_not_equal(a, b);
	env.rng = 42;
	assert_int_equal(CALL(get_prandom_u32), a);
	env.rng = 0; /* not a dead end */
	assert_int_not_equal(CALL(get_prandom_u32), CALL(get_prandom_u32));
}

static void the_current_task_is_this_one(void **state)
{
	char name[16], old[16], small[4];

	prctl(PR_GET_NAME, old);
	prctl(PR_SET_NAME, "straw");
	assert_int_equal(CALL(get_current_comm, PTR(name), sizeof(name)), 0);
	assert_memory_equal(name, "straw\0\0\0\0\0\0\0\0\0\0", sizeof(name));
	assert_int_equal(CALL(get_current_comm, PTR(small), sizeof(small)), 0);
	assert_memory_equal(small, "str", 4);
	prctl(PR_SET_NAME, old);
	assert_int_equal(CALL(get_current_pid_tgid), (uint64_t)getpid() << 32 | (uint32_t)syscall(SYS_gettid));
	assert_int_equal(CALL(get_current_uid_gid), (uint64_t)getgid() << 32 | getuid());
}

static void a_bad_address_is_an_error_and_zeroes(void **state)
{
	uint8_t *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char to[8];

	assert_true(page != MAP_FAILED);
	munmap(page + 4096, 4096);
	memcpy(page + 4092, "abc", 4);
	assert_int_equal(CALL(probe_read_kernel, PTR(to), 4, PTR(page + 4092)), 0);
	assert_memory_equal(to, "abc", 4);
	memset(to, 1, sizeof(to));
	assert_int_equal(CALL(probe_read_user, PTR(to), 8, PTR(page + 4092)), -EFAULT);
	assert_memory_equal(to, "\0\0\0\0\0\0\0", 8);
	memset(to, 1, sizeof(to));
	assert_int_equal(CALL(copy_from_user, PTR(to), 8, PTR(page + 4096)), -EFAULT);
	assert_memory_equal(to, "\0\0\0\0\0\0\0", 8);
	memset(to, 1, sizeof(to));
	assert_int_equal(CALL(probe_read_kernel, PTR(to), 8, 16), -ERANGE);
	assert_memory_equal(to, "\0\0\0\0\0\0\0", 8);
	/* A string that ends right before memory that is not there. */
	assert_int_equal(CALL(probe_read_kernel_str, PTR(to), 8, PTR(page + 4092)), 4);
	assert_string_equal(to, "abc");
	/* Cut, with its end. */
	assert_int_equal(CALL(probe_read_user_str, PTR(to), 3, PTR(page + 4092)), 3);
	assert_string_equal(to, "ab");
	page[4095] = 'd';
	assert_int_equal(CALL(probe_read_str, PTR(to), 8, PTR(page + 4092)), -EFAULT);
	assert_int_equal(to[0], 0);
	munmap(page, 4096);
}

#define PRINT(fmt, ...) CALL(trace_printk, PTR(fmt), sizeof(fmt), __VA_ARGS__)

static void text_is_what_the_format_says(void **state)
{
	const uint8_t ip4[] = {192, 0, 2, 1}, ip6[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};

	assert_int_equal(PRINT("%d %u %x\n", (uint64_t)-1, 7, 255), 8);
	assert_string_equal(traced, "-1 7 ff\n");
	PRINT("%lld|%5d|%-4u|", (uint64_t)-5, 42, 7);
	assert_string_equal(traced, "-5|   42|7   |");
	PRINT("%pI4 %pI6", PTR(ip4), PTR(ip6), 0);
	assert_string_equal(traced, "192.0.2.1 2001:0db8:0000:0000:0000:0000:0000:0001");
	PRINT("%s, %pus", PTR("left"), PTR("right"), 0);
	assert_string_equal(traced, "left, right");
	PRINT("%s|%px", 8, 0xabc, 0);
	assert_string_equal(traced, "|0000000000000abc");
	/* An int is 32 bits, whatever stands above. */
	PRINT("%x %lx %d", 0x100000002, 0x100000002, 0x100000002);
	assert_string_equal(traced, "2 100000002 2");
}

static void a_format_that_the_kernel_refuses_is_refused(void **state)
{
	static const char unended[] = {'h', 'i'};
	uint64_t args[12] = {1, 2, 3, 4};

	assert_int_equal(PRINT("%z", 0), -EINVAL);
	assert_int_equal(PRINT("%hd", 0), -EINVAL);
	assert_int_equal(PRINT("%pM", 0), -EINVAL);
	assert_int_equal(PRINT("%", 0), -EINVAL);
	assert_int_equal(PRINT("\x80", 0), -EINVAL);
	assert_int_equal(PRINT("%d %d %d %d", 0), -EINVAL); /* more than there are arguments */
	assert_int_equal(CALL(trace_printk, PTR(unended), sizeof(unended)), -EINVAL);
	assert_string_equal(traced, "");
	assert_int_equal(CALL(trace_vprintk, PTR("%d%d%d%d"), 9, PTR(args), 32), 4);
	assert_string_equal(traced, "1234");
	assert_int_equal(CALL(trace_vprintk, PTR("%d"), 3, PTR(args), 12), -EINVAL);
	assert_int_equal(CALL(trace_vprintk, PTR("%d"), 3, PTR(args), 104), -EINVAL);
	assert_int_equal(CALL(trace_vprintk, PTR("%d"), 3, 0, 8), -EINVAL);
}

static void long_text_is_cut_and_measured_whole(void **state)
{
	uint64_t args[] = {5};
	char buf[8];

	memset(buf, 'x', sizeof(buf));
	assert_int_equal(CALL(snprintf, PTR(buf), 4, PTR("%100d"), PTR(args), 8), 101);
	assert_memory_equal(buf, "   \0xxxx", 8);
	assert_int_equal(PRINT("%4000d", 5), 4000);
	assert_int_equal(traced_len, 1023);
}

static void records_reach_the_ring_or_are_discarded(void **state)
{
	struct skep_map *map = map_of(BPF_MAP_TYPE_RINGBUF, 0, 0, 4096);
	uint64_t *sample;

	assert_int_equal(CALL(ringbuf_reserve, PTR(map), 8, 1), 0); /* flags: none exist */
	sample = (void *)CALL(ringbuf_reserve, PTR(map), 8);
	assert_non_null(sample);
	*sample = 1;
	CALL(ringbuf_submit, PTR(sample));
	assert_int_equal(CALL(ringbuf_query, PTR(map), BPF_RB_AVAIL_DATA), 16);
	sample = (void *)CALL(ringbuf_reserve, PTR(map), 8);
	CALL(ringbuf_discard, PTR(sample));
	assert_int_equal(CALL(ringbuf_output, PTR(map), PTR("abcd"), 4, 0), 0);
	assert_int_equal(CALL(ringbuf_output, PTR(map), PTR("abcd"), 4, 8), -EINVAL);
	assert_int_equal(CALL(ringbuf_reserve, PTR(map), 8192), 0);
	assert_int_equal(CALL(ringbuf_query, PTR(map), BPF_RB_RING_SIZE), 4096);
	map_destroy(map);
}

static void samples_go_to_the_workers_own_perf_buffer(void **state)
{
	struct skep_map *map = map_of(BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, 4, 2);
	struct perf_event_mmap_page *page;
	struct perfbuf *b;
	uint32_t key = 0, size;
	void *old = NULL;
	uint8_t frame[60];
	uint64_t ctx = PTR(skb_of((udp_frame(frame, false), frame), 60));

	assert_int_equal(CALL(perf_event_output, ctx, PTR(map), BPF_F_CURRENT_CPU, PTR("abcd"), 4), -ENOENT);
	assert_int_equal(perfbuf_create(0, &b), 0);
	assert_int_equal(map_set_object(map, &key, 1, b, NULL, BPF_ANY, &old), 0);
	page = perfbuf_mmap(b, NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	assert_true(page != MAP_FAILED);
	assert_int_equal(CALL(perf_event_output, ctx, PTR(map), BPF_F_CURRENT_CPU | 6ull << 32, PTR("abcd"), 4), 0);
	memcpy(&size, (uint8_t *)page + 4096 + 8, 4);
	assert_int_equal(size, 12);
	assert_memory_equal((uint8_t *)page + 4096 + 12, "abcd\2\0\0\0\0\1", 10); /* the data, then the frame's start */
	assert_int_equal(CALL(perf_event_output, ctx, PTR(map), 2, PTR("abcd"), 4), -E2BIG);
	assert_int_equal(CALL(perf_event_output, ctx, PTR(map), BPF_F_CURRENT_CPU | 61ull << 32, PTR("abcd"), 4),
			 -EFAULT);
	assert_int_equal(CALL(perf_event_output, ctx, PTR(map), 1ull << 60, PTR("abcd"), 4), -EINVAL);
	env.cpu = 1;
	assert_int_equal(CALL(perf_event_output, ctx, PTR(map), 0, PTR("abcd"), 4), -EOPNOTSUPP);
	munmap(page, 8192);
	map_destroy(map);
	perfbuf_destroy(b);
}

static void a_flow_has_one_hash_in_both_directions(void **state)
{
	uint8_t frame[60];
	uint64_t ctx = PTR(skb_of((udp_frame(frame, false), frame), 60));
	uint32_t there = (uint32_t)CALL(get_hash_recalc, ctx), back;

	assert_int_not_equal(there, 0);
	assert_int_equal(pkt->ctx.skb.hash, there);
	udp_frame(frame, true);
	skb_of(frame, 60);
	back = (uint32_t)CALL(get_hash_recalc, ctx);
	assert_int_equal(back, there);
	frame[37] ^= 1; /* another port */
	skb_of(frame, 60);
	assert_int_not_equal(CALL(get_hash_recalc, ctx), there);
	CALL(set_hash, ctx, 5);
	assert_int_equal(CALL(get_hash_recalc, ctx), 5);
	CALL(set_hash_invalid, ctx);
	assert_int_equal(pkt->ctx.skb.hash, 0);
}

static void a_pushed_tag_comes_into_the_frame_when_another_follows(void **state)
{
	uint8_t frame[60];
	uint64_t ctx = PTR(skb_of((udp_frame(frame, false), frame), 60));

	assert_int_equal(CALL(skb_vlan_push, ctx, htons(ETH_P_8021Q), 5), 0);
	assert_int_equal(pkt->ctx.skb.vlan_present, 1);
	assert_int_equal(pkt->ctx.skb.vlan_tci, 5);
	assert_int_equal(packet_len(pkt), 60); /* beside the frame so far */
	assert_int_equal(CALL(skb_vlan_push, ctx, htons(ETH_P_8021AD), 6), 0);
	assert_int_equal(packet_len(pkt), 64);
	assert_memory_equal(pkt->data + 12, "\x81\x00\x00\x05\x08\x00", 6);
	assert_int_equal(CALL(skb_vlan_pop, ctx), 0);
	assert_int_equal(CALL(skb_vlan_pop, ctx), 0);
	assert_int_equal(packet_len(pkt), 60);
	assert_memory_equal(pkt->data, frame, 60);
	assert_int_equal(pkt->ctx.skb.protocol, htons(ETH_P_IP));
	assert_int_equal(CALL(skb_vlan_pop, ctx), 0); /* none is left: nothing happens */
}

static void head_tail_and_meta_stop_at_the_buffers_ends(void **state)
{
	uint8_t frame[60];
	uint64_t ctx = PTR(xdp_of((udp_frame(frame, false), frame), 60));

	assert_int_equal(CALL(xdp_adjust_head, ctx, (uint64_t)-216), 0); /* 256 less the kernel's frame header */
	assert_int_equal(CALL(xdp_adjust_head, ctx, (uint64_t)-1), -EINVAL);
	assert_int_equal(CALL(xdp_get_buff_len, ctx), 276);
	assert_int_equal(CALL(xdp_adjust_head, ctx, 276 - 13), -EINVAL);
	assert_int_equal(CALL(xdp_adjust_head, ctx, 216), 0);
	assert_memory_equal(pkt->data, frame, 60);
	assert_int_equal(CALL(xdp_adjust_meta, ctx, (uint64_t)-6), -EACCES);
	assert_int_equal(CALL(xdp_adjust_meta, ctx, (uint64_t)-8), 0);
	assert_int_equal(pkt->ctx.xdp.data - pkt->ctx.xdp.data_meta, 8);
	assert_int_equal(CALL(xdp_adjust_meta, ctx, 9), -EINVAL);
	assert_int_equal(CALL(xdp_adjust_tail, ctx, 4096 - 320 - 256 - 60), 0);
	assert_int_equal(CALL(xdp_adjust_tail, ctx, 1), -EINVAL);
	assert_int_equal(CALL(xdp_adjust_tail, ctx, (uint64_t)(14 - (int64_t)packet_len(pkt))), 0);
	assert_int_equal(CALL(xdp_adjust_tail, ctx, (uint64_t)-1), -EINVAL);
}

static void a_redirect_leaves_its_target(void **state)
{
	struct skep_map *map = map_of(BPF_MAP_TYPE_DEVMAP, 4, 4, 2);

	env.prog_type = BPF_PROG_TYPE_XDP;
	assert_int_equal(CALL(redirect, 3, 0), XDP_REDIRECT);
	assert_int_equal(env.redirect.ifindex, 3);
	assert_int_equal(CALL(redirect, 3, 1), XDP_ABORTED);
	/* Nothing at the index: the fallback in the flags. */
	assert_int_equal(CALL(redirect_map, PTR(map), 0, XDP_PASS), XDP_PASS);
	assert_int_equal(CALL(redirect_map, PTR(map), 0, 1 << 5 | XDP_PASS), XDP_ABORTED);
	assert_int_equal(CALL(redirect_map, PTR(map), 0, BPF_F_BROADCAST), XDP_REDIRECT);
	assert_ptr_equal(env.redirect.map, map);
	env.prog_type = BPF_PROG_TYPE_SCHED_CLS;
	assert_int_equal(CALL(redirect, 4, BPF_F_INGRESS), TC_ACT_REDIRECT);
	assert_int_equal(env.redirect.ifindex, 4);
	assert_int_equal(env.redirect.flags, BPF_F_INGRESS);
	assert_null(env.redirect.map);
	assert_int_equal(CALL(redirect, 4, 2), TC_ACT_SHOT);
	map_destroy(map);
}

static void a_checksum_follows_a_changed_address(void **state)
{
	uint8_t frame[60];
	uint64_t ctx = PTR(skb_of((udp_frame(frame, false), frame), 60));
	uint32_t from = htonl(0x0a000001), to = htonl(0xc0000201), sum = 0;

	/* First the sum that is right for the header as it is. */
	pkt->data[24] = pkt->data[25] = 0;
	sum = (uint32_t)CALL(csum_diff, 0, 0, PTR(pkt->data + 14), 20, 0);
	*(uint16_t *)(pkt->data + 24) = (uint16_t)~sum;
	assert_int_equal(CALL(csum_diff, 0, 0, PTR(pkt->data + 14), 20, 0), 0xffff);
	assert_int_equal(CALL(skb_store_bytes, ctx, 26, PTR(&to), 4), 0);
	assert_int_not_equal(CALL(csum_diff, 0, 0, PTR(pkt->data + 14), 20, 0), 0xffff);
	assert_int_equal(CALL(l3_csum_replace, ctx, 24, from, to, 4), 0);
	assert_int_equal(CALL(csum_diff, 0, 0, PTR(pkt->data + 14), 20, 0), 0xffff);
	assert_int_equal(CALL(l3_csum_replace, ctx, 59, from, to, 4), -EFAULT);
	assert_int_equal(CALL(l3_csum_replace, ctx, 24, from, to, 3), -EINVAL);
}

static void a_context_that_is_no_packets_is_refused(void **state)
{
	struct __sk_buff own = {};

	env.pkt = NULL;
	assert_int_equal(CALL(skb_change_head, PTR(&own), 14), -EFAULT);
	env.pkt = pkt;
	assert_int_equal(CALL(skb_change_head, PTR(&own), 14), -EFAULT);
	assert_int_equal(CALL(xdp_adjust_head, PTR(&own), 4), -EFAULT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_row_is_whole),
		TEST(a_reason_is_given_for_what_is_not_there_only),
		TEST(a_map_is_written_read_and_emptied),
		TEST(a_stack_gives_back_what_came_last),
		TEST(each_cpu_has_its_own_value),
		TEST(a_loop_ends_after_its_count_or_when_told),
		TEST(each_element_is_visited_until_told_to_stop),
		TEST(clocks_go_forward_and_differ_as_they_should),
		TEST(random_numbers_follow_the_workers_state),
		TEST(the_current_task_is_this_one),
		TEST(a_bad_address_is_an_error_and_zeroes),
		TEST(text_is_what_the_format_says),
		TEST(a_format_that_the_kernel_refuses_is_refused),
		TEST(long_text_is_cut_and_measured_whole),
		TEST(records_reach_the_ring_or_are_discarded),
		TEST(samples_go_to_the_workers_own_perf_buffer),
		TEST(a_flow_has_one_hash_in_both_directions),
		TEST(a_pushed_tag_comes_into_the_frame_when_another_follows),
		TEST(head_tail_and_meta_stop_at_the_buffers_ends),
		TEST(a_redirect_leaves_its_target),
		TEST(a_checksum_follows_a_changed_address),
		TEST(a_context_that_is_no_packets_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
