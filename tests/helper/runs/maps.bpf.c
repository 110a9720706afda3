/* SPDX-License-Identifier: BSD-2-Clause */
/* Helpers on maps and buffers, and those that call back, path by path. */
#include "paths.h"

#include <linux/perf_event.h>

#define MAP(name, map_type, key_type, value_type, n, ...)                                                              \
	struct {                                                                                                       \
		__uint(type, map_type);                                                                                \
		__uint(max_entries, n);                                                                                \
		__type(key, key_type);                                                                                 \
		__type(value, value_type);                                                                             \
		__VA_ARGS__                                                                                            \
	} name SEC(".maps")

struct prefix {
	__u32 len;
	__u8 addr[4];
};

struct locked {
	struct bpf_spin_lock lock;
	long long n;
};

MAP(hash, BPF_MAP_TYPE_HASH, __u32, __u64, 2);
MAP(grown, BPF_MAP_TYPE_HASH, __u32, __u64, 2, __uint(map_flags, BPF_F_NO_PREALLOC););
MAP(array, BPF_MAP_TYPE_ARRAY, __u32, __u64, 3);
MAP(lru, BPF_MAP_TYPE_LRU_HASH, __u32, __u64, 64);
MAP(array_by_cpu, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, __u64, 2);
MAP(hash_by_cpu, BPF_MAP_TYPE_PERCPU_HASH, __u32, __u64, 2);
MAP(locks, BPF_MAP_TYPE_ARRAY, __u32, struct locked, 1);
MAP(prefixes, BPF_MAP_TYPE_LPM_TRIE, struct prefix, __u64, 2, __uint(map_flags, BPF_F_NO_PREALLOC););

struct huge {
	char bytes[1 << 24]; /* one more than a dynptr's size can say */
};
MAP(huge, BPF_MAP_TYPE_ARRAY, __u32, struct huge, 1);

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 2);
	__type(value, __u64);
} queue SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 2);
	__type(value, __u64);
} stack SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
	__uint(max_entries, 100);
	__type(value, __u64);
} bloom SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} events SEC(".maps");

SEC("tc") int elements(struct __sk_buff *skb)
{
	__u64 value = 5, *at;
	__u32 key = 1;

	PATH(true, !bpf_map_lookup_elem(&hash, &key));
	PATH(-ENOENT, bpf_map_update_elem(&hash, &key, &value, BPF_EXIST));
	PATH(-EINVAL, bpf_map_update_elem(&hash, &key, &value, BPF_F_LOCK));
	PATH(-EINVAL, bpf_map_update_elem(&hash, &key, &value, 3));
	PATH(-EINVAL, bpf_map_update_elem(&hash, &key, &value, 8));
	PATH(-ENOENT, bpf_map_delete_elem(&hash, &key));
	PATH(0, bpf_map_update_elem(&hash, &key, &value, BPF_NOEXIST));
	PATH(-EEXIST, bpf_map_update_elem(&hash, &key, &value, BPF_NOEXIST));
	value = 6;
	PATH(0, bpf_map_update_elem(&hash, &key, &value, BPF_EXIST));
	at = bpf_map_lookup_elem(&hash, &key);
	PATH(6, at ? *at : 0);
	key = 2;
	PATH(0, bpf_map_update_elem(&hash, &key, &value, BPF_ANY));
	key = 3;
	PATH(-E2BIG, bpf_map_update_elem(&hash, &key, &value, BPF_ANY));
	key = 2;
	PATH(0, bpf_map_update_elem(&hash, &key, &value, BPF_ANY)); /* a full map takes what it has */
	PATH(0, bpf_map_delete_elem(&hash, &key));
	PATH(-ENOENT, bpf_map_delete_elem(&hash, &key));
	key = 3;
	PATH(0, bpf_map_update_elem(&hash, &key, &value, BPF_ANY));

	PATH(0, bpf_map_update_elem(&grown, &key, &value, BPF_ANY));
	key = 4;
	PATH(0, bpf_map_update_elem(&grown, &key, &value, BPF_ANY));
	key = 5;
	PATH(-E2BIG, bpf_map_update_elem(&grown, &key, &value, BPF_ANY));

	PATH(true, !bpf_map_lookup_elem(&array, &key));
	PATH(-E2BIG, bpf_map_update_elem(&array, &key, &value, BPF_ANY));
	PATH(-EINVAL, bpf_map_update_elem(&array, &key, &value, 3));
	PATH(-EINVAL, bpf_map_delete_elem(&array, &key));
	key = 2;
	PATH(-EEXIST, bpf_map_update_elem(&array, &key, &value, BPF_NOEXIST));
	PATH(-EINVAL, bpf_map_update_elem(&array, &key, &value, BPF_F_LOCK));
	PATH(0, bpf_map_update_elem(&array, &key, &value, BPF_EXIST));
	at = bpf_map_lookup_elem(&array, &key);
	PATH(6, at ? *at : 0);

	PATH(-ENOENT, bpf_map_update_elem(&lru, &key, &value, BPF_EXIST));
	PATH(0, bpf_map_update_elem(&lru, &key, &value, BPF_NOEXIST));
	PATH(-EEXIST, bpf_map_update_elem(&lru, &key, &value, BPF_NOEXIST));
	PATH(-EINVAL, bpf_map_update_elem(&lru, &key, &value, 3));
	PATH(true, !!bpf_map_lookup_elem(&lru, &key));
	PATH(0, bpf_map_delete_elem(&lru, &key));
	PATH(-ENOENT, bpf_map_delete_elem(&lru, &key));
	return DONE;
}

SEC("tc") int longest_prefixes(struct __sk_buff *skb)
{
	struct prefix p = {.len = 33, .addr = {10, 1, 2, 3}};
	__u64 value = 8, *at;

	PATH(-EINVAL, bpf_map_update_elem(&prefixes, &p, &value, BPF_ANY));
	PATH(-EINVAL, bpf_map_delete_elem(&prefixes, &p));
	p.len = 8;
	PATH(-EINVAL, bpf_map_update_elem(&prefixes, &p, &value, 3));
	PATH(-ENOENT, bpf_map_update_elem(&prefixes, &p, &value, BPF_EXIST));
	PATH(-ENOENT, bpf_map_delete_elem(&prefixes, &p));
	PATH(0, bpf_map_update_elem(&prefixes, &p, &value, BPF_NOEXIST));
	PATH(-EEXIST, bpf_map_update_elem(&prefixes, &p, &value, BPF_NOEXIST));
	p.len = 16;
	value = 16;
	PATH(0, bpf_map_update_elem(&prefixes, &p, &value, BPF_ANY));
	p.len = 24;
	PATH(-ENOSPC, bpf_map_update_elem(&prefixes, &p, &value, BPF_ANY));
	p.len = 32;
	at = bpf_map_lookup_elem(&prefixes, &p);
	PATH(16, at ? *at : 0);
	p.addr[0] = 11;
	PATH(true, !bpf_map_lookup_elem(&prefixes, &p));
	return DONE;
}

SEC("tc") int lines(struct __sk_buff *skb)
{
	__u64 a = 1, b = 2, got = 9;

	PATH(-ENOENT, bpf_map_pop_elem(&queue, &got));
	PATH(0, got);
	got = 9;
	PATH(-ENOENT, bpf_map_peek_elem(&queue, &got));
	PATH(0, got);
	PATH(-EINVAL, bpf_map_push_elem(&queue, &a, BPF_NOEXIST));
	PATH(-EINVAL, bpf_map_push_elem(&queue, &a, 4));
	PATH(0, bpf_map_push_elem(&queue, &a, BPF_ANY));
	PATH(0, bpf_map_push_elem(&queue, &b, BPF_EXIST));
	PATH(-E2BIG, bpf_map_push_elem(&queue, &b, BPF_ANY));
	PATH(0, bpf_map_push_elem(&queue, &b, BPF_EXIST)); /* the oldest makes room */
	PATH(0, bpf_map_peek_elem(&queue, &got));
	PATH(2, got);
	PATH(0, bpf_map_pop_elem(&queue, &got));

	PATH(-ENOENT, bpf_map_pop_elem(&stack, &got));
	PATH(-ENOENT, bpf_map_peek_elem(&stack, &got));
	PATH(-EINVAL, bpf_map_push_elem(&stack, &a, BPF_NOEXIST));
	PATH(0, bpf_map_push_elem(&stack, &a, BPF_ANY));
	PATH(0, bpf_map_push_elem(&stack, &b, BPF_ANY));
	PATH(-E2BIG, bpf_map_push_elem(&stack, &b, BPF_ANY));
	PATH(0, bpf_map_push_elem(&stack, &a, BPF_EXIST));
	PATH(0, bpf_map_peek_elem(&stack, &got));
	PATH(1, got);
	PATH(0, bpf_map_pop_elem(&stack, &got));
	PATH(1, got);

	PATH(-ENOENT, bpf_map_peek_elem(&bloom, &a));
	PATH(-EINVAL, bpf_map_push_elem(&bloom, &a, BPF_NOEXIST));
	PATH(-EINVAL, bpf_map_push_elem(&bloom, &a, BPF_EXIST));
	PATH(0, bpf_map_push_elem(&bloom, &a, BPF_ANY));
	PATH(0, bpf_map_peek_elem(&bloom, &a));
	return DONE;
}

SEC("tc") int values_of_cpus(struct __sk_buff *skb)
{
	__u32 key = 1, cpu = bpf_get_smp_processor_id();
	__u64 value = 7, *at;

	PATH(0, bpf_map_update_elem(&array_by_cpu, &key, &value, BPF_ANY));
	at = bpf_map_lookup_percpu_elem(&array_by_cpu, &key, cpu);
	PATH(7, at ? *at : 0);
	PATH(true, !bpf_map_lookup_percpu_elem(&array_by_cpu, &key, 8192));
	PATH(true, !bpf_map_lookup_percpu_elem(&hash_by_cpu, &key, cpu));
	PATH(0, bpf_map_update_elem(&hash_by_cpu, &key, &value, BPF_NOEXIST));
	PATH(-EEXIST, bpf_map_update_elem(&hash_by_cpu, &key, &value, BPF_NOEXIST));
	PATH(-EINVAL, bpf_map_update_elem(&hash_by_cpu, &key, &value, 3));
	at = bpf_map_lookup_percpu_elem(&hash_by_cpu, &key, cpu);
	PATH(7, at ? *at : 0);
	PATH(true, !bpf_map_lookup_percpu_elem(&hash_by_cpu, &key, 8192));
	key = 2;
	PATH(-ENOENT, bpf_map_update_elem(&hash_by_cpu, &key, &value, BPF_EXIST));
	PATH(-E2BIG, bpf_map_update_elem(&array_by_cpu, &key, &value, BPF_ANY));
	PATH(-EINVAL, bpf_map_update_elem(&array_by_cpu, &key, &value, 3));
	PATH(true, !bpf_map_lookup_percpu_elem(&array_by_cpu, &key, cpu));
	key = 1;
	PATH(-EEXIST, bpf_map_update_elem(&array_by_cpu, &key, &value, BPF_NOEXIST));
	return DONE;
}

static char record[4096];

/* A ring of one page: a record takes 8 bytes more than what is in it. */
SEC("tc") int rings(struct __sk_buff *skb)
{
	void *sample;

	PATH(0, bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA));
	PATH(4096, bpf_ringbuf_query(&ring, BPF_RB_RING_SIZE));
	PATH(0, bpf_ringbuf_query(&ring, BPF_RB_CONS_POS));
	PATH(0, bpf_ringbuf_query(&ring, BPF_RB_PROD_POS));
	PATH(0, bpf_ringbuf_query(&ring, 4));
	PATH(-EINVAL, bpf_ringbuf_output(&ring, record, 8, 4));
	PATH(-EAGAIN, bpf_ringbuf_output(&ring, record, 4096, 0)); /* never */
	sample = bpf_ringbuf_reserve(&ring, 8, 1);
	PATH(true, !sample);
	if (sample)
		bpf_ringbuf_discard(sample, 0);
	sample = bpf_ringbuf_reserve(&ring, 4096, 0);
	PATH(true, !sample);
	if (sample)
		bpf_ringbuf_discard(sample, 0);
	sample = bpf_ringbuf_reserve(&ring, 8, 0);
	PATH(true, !!sample);
	if (sample)
		bpf_ringbuf_discard(sample, BPF_RB_NO_WAKEUP);
	sample = bpf_ringbuf_reserve(&ring, 8, 0);
	PATH(true, !!sample);
	if (sample)
		bpf_ringbuf_submit(sample, BPF_RB_FORCE_WAKEUP);
	PATH(32, bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA));
	PATH(0, bpf_ringbuf_output(&ring, record, 2000, BPF_RB_NO_WAKEUP));
	PATH(-EAGAIN, bpf_ringbuf_output(&ring, record, 2057, 0)); /* no room now */
	PATH(-EAGAIN, bpf_ringbuf_output(&ring, record, 2048, 0)); /* it is never quite full */
	PATH(0, bpf_ringbuf_output(&ring, record, 2040, 0));
	PATH(4088, bpf_ringbuf_query(&ring, BPF_RB_PROD_POS));
	sample = bpf_ringbuf_reserve(&ring, 0, 0);
	PATH(true, !sample);
	if (sample)
		bpf_ringbuf_discard(sample, 0);
	sample = bpf_ringbuf_reserve(&ring, 1, 0);
	PATH(true, !sample);
	if (sample)
		bpf_ringbuf_discard(sample, 0);
	return DONE;
}

/* Nobody listens. */
SEC("tc") int buffers(struct __sk_buff *skb)
{
	PATH(-EINVAL, bpf_perf_event_output(skb, &events, 1ull << 52, record, 8));
	PATH(-EFAULT,
	     bpf_perf_event_output(skb, &events, 61ull << 32, record, 8)); /* more of the frame than there is */
	PATH(-E2BIG, bpf_perf_event_output(skb, &events, 2, record, 8));
	PATH(-ENOENT, bpf_perf_event_output(skb, &events, 0, record, 8));
	PATH(-ENOENT, bpf_perf_event_output(skb, &events, BPF_F_CURRENT_CPU, record, 8));
	return DONE;
}

/* A buffer of one page for each CPU; this is CPU 0. */
SEC("tc") int open_buffers(struct __sk_buff *skb)
{
	PATH(0, bpf_get_smp_processor_id());
	PATH(0, bpf_perf_event_output(skb, &events, 0, record, 8));
	PATH(0, bpf_perf_event_output(skb, &events, BPF_F_CURRENT_CPU | 60ull << 32, record, 8));
	PATH(0, bpf_perf_event_output(skb, &events, 0, record, 0));
	PATH(-EOPNOTSUPP, bpf_perf_event_output(skb, &events, 1, record, 8)); /* another CPU's */
	PATH(-ENOSPC, bpf_perf_event_output(skb, &events, 0, record, 4096)); /* never */
	return DONE;
}

SEC("raw_tp") int buffers_without_a_frame(void *ctx)
{
	PATH(-EINVAL, bpf_perf_event_output(ctx, &events, 1ull << 32, record, 8));
	return DONE;
}

static long long sum;

static long add(__u32 i, void *stop_at)
{
	sum += i;
	return i == *(__u32 *)stop_at;
}

static long add_value(void *map, __u32 *key, __u64 *value, void *stop_at)
{
	sum += *value;
	return *value == *(__u32 *)stop_at;
}

SEC("tc") int callbacks(struct __sk_buff *skb)
{
	__u32 stop = 1000, key;
	__u64 value;

	PATH(10, bpf_loop(10, add, &stop, 0));
	PATH(45, sum);
	stop = 3;
	PATH(4, bpf_loop(10, add, &stop, 0));
	PATH(51, sum);
	PATH(0, bpf_loop(0, add, &stop, 0));
	PATH(-EINVAL, bpf_loop(10, add, &stop, 1));
	/* 32 bits of it: the loop that the kernel's verifier puts in place of the call leaves no more. */
	PATH((__u32)-E2BIG, bpf_loop((1 << 23) + 1, add, &stop, 0));
	PATH(51, sum);
	for (key = 0; key < 3; key++) {
		value = key + 1;
		PATH(0, bpf_map_update_elem(&array, &key, &value, BPF_ANY));
	}
	stop = 1000;
	sum = 0;
	PATH(3, bpf_for_each_map_elem(&array, add_value, &stop, 0));
	PATH(6, sum);
	stop = 2;
	sum = 0;
	PATH(2, bpf_for_each_map_elem(&array, add_value, &stop, 0));
	PATH(3, sum);
	PATH(-EINVAL, bpf_for_each_map_elem(&array, add_value, &stop, 1));
	PATH(0, bpf_for_each_map_elem(&grown, add_value, &stop, 0));
	return DONE;
}

SEC("tc") int dynptrs(struct __sk_buff *skb)
{
	struct bpf_dynptr d;
	struct huge *at;
	__u32 key = 0;

	at = bpf_map_lookup_elem(&huge, &key);
	if (!at)
		return 0;
	PATH(-E2BIG, bpf_dynptr_from_mem(at->bytes, 1 << 24, 0, &d));
	PATH(0, bpf_dynptr_from_mem(at->bytes, (1 << 24) - 1, 0, &d));
	PATH(-EINVAL, bpf_dynptr_from_mem(at->bytes, 8, 1, &d));
	PATH(-EINVAL, bpf_ringbuf_reserve_dynptr(&ring, 8, 1, &d));
	bpf_ringbuf_discard_dynptr(&d, 0);
	PATH(-E2BIG, bpf_ringbuf_reserve_dynptr(&ring, 1 << 24, 0, &d));
	bpf_ringbuf_discard_dynptr(&d, 0);
	PATH(-EINVAL, bpf_ringbuf_reserve_dynptr(&ring, 4096, 0, &d)); /* never */
	bpf_ringbuf_discard_dynptr(&d, 0);
	return DONE;
}

SEC("tc") int under_lock(struct __sk_buff *skb)
{
	struct locked *at;
	__u32 key = 0;

	at = bpf_map_lookup_elem(&locks, &key);
	if (!at)
		return 0;
	for (int i = 0; i < 3; i++) {
		bpf_spin_lock(&at->lock);
		at->n++;
		bpf_spin_unlock(&at->lock);
	}
	PATH(3, at->n);
	return DONE;
}
