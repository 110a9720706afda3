/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One operation on one kind of map each, 256 times a run; maps.c takes the cost of the loop off. Keys come out of a shuffled array, so that the next
 * operation's place is known before the last one is done, in skep as in the kernel. Maps have 16,384 entries, 12,000 of them in use.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

enum { ENTRIES = 16384, KEYS = 8192, OPS = 256 };

struct keys {
	__u32 key[KEYS];
};
struct wide {
	__u32 part[4];
};
struct prefix {
	__u32 len;
	__u32 addr;
};

#define MAP(name, map_type, key_type, value_type, entries, flags)                                                      \
	struct {                                                                                                       \
		__uint(type, map_type);                                                                                \
		__uint(max_entries, entries);                                                                          \
		__uint(map_flags, flags);                                                                              \
		__type(key, key_type);                                                                                 \
		__type(value, value_type);                                                                             \
	} name SEC(".maps")

MAP(keys, BPF_MAP_TYPE_ARRAY, __u32, struct keys, 1, 0);
MAP(position_map, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, __u32, 1, 0); /* each CPU's own, so that two do not disturb each other */
MAP(array, BPF_MAP_TYPE_ARRAY, __u32, __u64, ENTRIES, 0);
MAP(percpu_array, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, __u64, ENTRIES, 0);
MAP(hash, BPF_MAP_TYPE_HASH, __u32, __u64, ENTRIES, 0);
MAP(hash16, BPF_MAP_TYPE_HASH, struct wide, __u64, ENTRIES, 0);
MAP(hash_churn, BPF_MAP_TYPE_HASH, __u32, __u64, ENTRIES, 0);
MAP(percpu_hash, BPF_MAP_TYPE_PERCPU_HASH, __u32, __u64, ENTRIES, 0);
MAP(lru, BPF_MAP_TYPE_LRU_HASH, __u32, __u64, ENTRIES, 0);
MAP(lru_full, BPF_MAP_TYPE_LRU_HASH, __u32, __u64, ENTRIES, 0);
MAP(lru_percpu, BPF_MAP_TYPE_LRU_PERCPU_HASH, __u32, __u64, ENTRIES, 0);
MAP(devmap_hash, BPF_MAP_TYPE_DEVMAP_HASH, __u32, __u32, ENTRIES, 0);
MAP(lpm, BPF_MAP_TYPE_LPM_TRIE, struct prefix, __u64, ENTRIES, BPF_F_NO_PREALLOC);
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 24);
} ring SEC(".maps");

#define KEYLESS(name, map_type, value_type, entries)                                                                   \
	struct {                                                                                                       \
		__uint(type, map_type);                                                                                \
		__uint(max_entries, entries);                                                                          \
		__type(value, value_type);                                                                             \
	} name SEC(".maps")

KEYLESS(bloom, BPF_MAP_TYPE_BLOOM_FILTER, __u64, ENTRIES);
KEYLESS(queue, BPF_MAP_TYPE_QUEUE, __u64, ENTRIES);
KEYLESS(stack, BPF_MAP_TYPE_STACK, __u64, ENTRIES);

/* A program that does something with `key` for OPS keys; `sum` is returned, and `n` goes up for ever. */
#define BENCH(name, ...)                                                                                               \
	SEC("xdp") int name(struct xdp_md *ctx)                                                                        \
	{                                                                                                              \
		__u32 zero = 0, at, sum = 0;                                                                           \
		struct keys *k = bpf_map_lookup_elem(&keys, &zero);                                                    \
		__u32 *position = bpf_map_lookup_elem(&position_map, &zero);                                           \
                                                                                                                       \
		if (!k || !position)                                                                                   \
			return 0;                                                                                      \
		at = *position;                                                                                        \
		*position = at + OPS;                                                                                  \
		for (__u32 i = 0; i < OPS; i++) {                                                                      \
			__u32 key = k->key[(at + i) & (KEYS - 1)];                                                     \
                                                                                                                       \
			__VA_ARGS__;                                                                                   \
		}                                                                                                      \
		return (int)sum;                                                                                       \
	}

#define LOOKUP(map, k)                                                                                                 \
	do {                                                                                                           \
		__u64 *v = bpf_map_lookup_elem(&map, k);                                                               \
                                                                                                                       \
		if (v)                                                                                                 \
			sum += (__u32)*v;                                                                              \
	} while (0)

BENCH(loop, barrier_var(key); sum += key)
BENCH(array_lookup, LOOKUP(array, &key))
BENCH(percpu_array_lookup, LOOKUP(percpu_array, &key))
BENCH(hash_lookup, LOOKUP(hash, &key))
BENCH(hash_miss, key += 1 << 20; LOOKUP(hash, &key))
BENCH(hash16_lookup, struct wide w = {{key}}; LOOKUP(hash16, &w))
BENCH(hash_update, __u64 v = key; bpf_map_update_elem(&hash, &key, &v, BPF_ANY))
BENCH(hash_insert_delete, __u64 v = key; key += 1 << 20; bpf_map_update_elem(&hash_churn, &key, &v, BPF_NOEXIST); bpf_map_delete_elem(&hash_churn, &key))
BENCH(percpu_hash_lookup, LOOKUP(percpu_hash, &key))
BENCH(lru_lookup, LOOKUP(lru, &key))
BENCH(lru_update, __u64 v = key; bpf_map_update_elem(&lru, &key, &v, BPF_ANY))
BENCH(lru_insert_evict, __u64 v = key; key += at << 8; bpf_map_update_elem(&lru_full, &key, &v, BPF_ANY))
BENCH(lru_percpu_lookup, LOOKUP(lru_percpu, &key))
BENCH(lru_percpu_update, __u64 v = key; bpf_map_update_elem(&lru_percpu, &key, &v, BPF_ANY))
BENCH(devmap_hash_lookup, __u32 *v = bpf_map_lookup_elem(&devmap_hash, &key); if (v) sum += *v)
BENCH(bloom_push, __u64 v = key; bpf_map_push_elem(&bloom, &v, BPF_ANY))
BENCH(bloom_peek, __u64 v = key; sum += !bpf_map_peek_elem(&bloom, &v))
BENCH(bloom_peek_miss, __u64 v = key + (1 << 20); sum += !bpf_map_peek_elem(&bloom, &v))
BENCH(queue_push_pop, __u64 v = key; bpf_map_push_elem(&queue, &v, BPF_ANY); if (!bpf_map_pop_elem(&queue, &v)) sum += (__u32)v)
BENCH(stack_push_pop, __u64 v = key; bpf_map_push_elem(&stack, &v, BPF_ANY); if (!bpf_map_pop_elem(&stack, &v)) sum += (__u32)v)
BENCH(lpm_lookup, struct prefix p = {.len = 32, .addr = key * 0x9e3779b1}; LOOKUP(lpm, &p))
BENCH(ringbuf_reserve_discard, (void)key; void *r = bpf_ringbuf_reserve(&ring, 16, 0); if (r) bpf_ringbuf_discard(r, BPF_RB_NO_WAKEUP))

char _license[] SEC("license") = "GPL";
