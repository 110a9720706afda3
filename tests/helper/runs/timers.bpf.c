/* SPDX-License-Identifier: BSD-2-Clause */
/* Timers: test_timers.c says when they fire and what each program must leave. */
#include "runs.h"

enum { MONOTONIC = 1, REALTIME = 0, BOOTTIME = 7, TAI = 11, ABS = 1, CPU_PIN = 2 };

struct value {
	__u64 before;
	struct bpf_timer timer;
	__u64 after;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct value);
} array SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, __u64);
	__type(value, struct value);
} hash SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4);
	__type(key, __u64);
	__type(value, struct value);
} lru SEC(".maps");

/* Written by callbacks. */
long long fired, last_key, last_after, self_cancel, again, cpu = -1;
long long stay_in; /* the callback does not return while it is not 0 */
volatile const __u64 delay = 1000000;

static int ring_array(void *map, __u32 *key, struct value *v)
{
	last_key = *key;
	last_after = v->after;
	cpu = bpf_get_smp_processor_id();
	__sync_fetch_and_add(&fired, 1);
	return 0;
}

static int ring_hash(void *map, __u64 *key, struct value *v)
{
	last_key = (long long)*key;
	last_after = v->after;
	__sync_fetch_and_add(&fired, 1);
	return 0;
}

/* Tries to end itself, and starts itself again until it has fired three times. */
static int ring_again(void *map, __u32 *key, struct value *v)
{
	self_cancel = bpf_timer_cancel(&v->timer);
	if (fired < 2)
		again = bpf_timer_start(&v->timer, delay, 0);
	__sync_fetch_and_add(&fired, 1);
	return 0;
}

static struct value *at(__u32 key)
{
	return bpf_map_lookup_elem(&array, &key);
}

SEC("tc") int errors(struct __sk_buff *skb)
{
	struct value *v = at(0);

	if (!v)
		return 0;
	/* Before there is one. */
	out[0] = bpf_timer_set_callback(&v->timer, ring_array);
	out[1] = bpf_timer_start(&v->timer, 0, 0);
	out[2] = bpf_timer_cancel(&v->timer);
	/* Clocks that there are not. */
	out[3] = bpf_timer_init(&v->timer, &array, 2);
	out[4] = bpf_timer_init(&v->timer, &array, TAI);
	out[5] = bpf_timer_init(&v->timer, &array, 16);
	out[6] = bpf_timer_init(&v->timer, &array, 1ull << 40);
	out[7] = bpf_timer_init(&v->timer, &array, MONOTONIC);
	out[8] = bpf_timer_init(&v->timer, &array, MONOTONIC);
	/* Without a callback. */
	out[9] = bpf_timer_start(&v->timer, 0, 0);
	out[10] = bpf_timer_cancel(&v->timer);
	out[11] = bpf_timer_set_callback(&v->timer, ring_array);
	out[12] = bpf_timer_start(&v->timer, 0, 4);
	out[13] = bpf_timer_start(&v->timer, 0, 1ull << 33);
	/* An hour from now, and never. */
	out[14] = bpf_timer_start(&v->timer, 3600000000000ull, 0);
	out[15] = bpf_timer_start(&v->timer, 3600000000000ull, 0);
	out[16] = bpf_timer_cancel(&v->timer);
	out[17] = bpf_timer_cancel(&v->timer);
	/* Cancelling takes the callback away. */
	out[18] = bpf_timer_start(&v->timer, 0, 0);
	return 0;
}

SEC("tc") int start(struct __sk_buff *skb)
{
	struct value *v = at(2);

	if (!v)
		return 0;
	v->before = 1;
	v->after = 77;
	out[0] = bpf_timer_init(&v->timer, &array, skb->mark & 15);
	out[1] = bpf_timer_set_callback(&v->timer, ring_array);
	out[2] = bpf_timer_start(&v->timer, delay, 0);
	return 0;
}

/* At a time of its own clock. */
SEC("tc") int start_abs(struct __sk_buff *skb)
{
	struct value *v = at(1);

	if (!v)
		return 0;
	v->after = 5;
	out[0] = bpf_timer_init(&v->timer, &array, BOOTTIME);
	out[1] = bpf_timer_set_callback(&v->timer, ring_array);
	out[2] = bpf_timer_start(&v->timer, bpf_ktime_get_boot_ns() + delay, ABS);
	return 0;
}

SEC("tc") int start_pinned(struct __sk_buff *skb)
{
	struct value *v = at(1);

	if (!v)
		return 0;
	cpu = -1;
	bpf_timer_init(&v->timer, &array, MONOTONIC);
	out[0] = bpf_timer_set_callback(&v->timer, ring_array);
	out[1] = bpf_timer_start(&v->timer, delay, CPU_PIN);
	out[2] = bpf_get_smp_processor_id();
	return 0;
}

SEC("tc") int start_again(struct __sk_buff *skb)
{
	struct value *v = at(3);

	if (!v)
		return 0;
	out[0] = bpf_timer_init(&v->timer, &array, MONOTONIC);
	out[1] = bpf_timer_set_callback(&v->timer, ring_again);
	out[2] = bpf_timer_start(&v->timer, delay, 0);
	return 0;
}

static __always_inline struct value *put(void *map, const __u64 *key, const struct value *fresh)
{
	bpf_map_update_elem(map, key, fresh, BPF_ANY);
	return bpf_map_lookup_elem(map, key);
}

/* Elements of a hash: 1 fires, 2 is deleted, 3 is overwritten, 4 stays. */
SEC("tc") int in_hash(struct __sk_buff *skb)
{
	struct value fresh = {.before = 9, .after = 9}, *v;
	__u64 key;

	for (key = 1; key <= 4; key++) {
		fresh.after = key * 11;
		/* What stands where the timer will be is not taken over. */
		v = put(&hash, &key, &fresh);
		if (!v)
			return 0;
		out[key] = bpf_timer_init(&v->timer, &hash, MONOTONIC);
		bpf_timer_set_callback(&v->timer, ring_hash);
		out[key + 4] = bpf_timer_start(&v->timer, key == 1 ? delay : 100 * delay, 0);
	}
	key = 2;
	out[9] = bpf_map_delete_elem(&hash, &key);
	key = 3;
	out[10] = bpf_map_update_elem(&hash, &key, &fresh, BPF_ANY);
	v = bpf_map_lookup_elem(&hash, &key);
	if (v)
		out[11] = bpf_timer_cancel(&v->timer);
	key = 4;
	v = bpf_map_lookup_elem(&hash, &key);
	if (v)
		out[12] = bpf_timer_cancel(&v->timer);
	return 0;
}

/* Three that would fire together, a little later. */
SEC("tc") int three_in_hash(struct __sk_buff *skb)
{
	struct value fresh = {}, *v;
	__u64 key;

	for (key = 1; key <= 3; key++) {
		v = put(&hash, &key, &fresh);
		if (!v)
			return 0;
		out[key] = bpf_timer_init(&v->timer, &hash, MONOTONIC);
		bpf_timer_set_callback(&v->timer, ring_hash);
		bpf_timer_start(&v->timer, 50 * delay, 0);
	}
	return 0;
}

/* Many more elements than the map has room for: the timers of those that are given up do not fire. */
SEC("tc") int in_lru(struct __sk_buff *skb)
{
	struct value fresh = {}, *v;
	__u64 key;

	for (key = 0; key < 100; key++) {
		fresh.after = key;
		v = put(&lru, &key, &fresh);
		if (!v)
			return 0;
		out[0] |= bpf_timer_init(&v->timer, &lru, MONOTONIC);
		out[0] |= bpf_timer_set_callback(&v->timer, ring_hash);
		out[0] |= bpf_timer_start(&v->timer, 50 * delay, 0);
	}
	return 0;
}

/* A callback that runs until it is let go, and one who cancels it in between. */
static int ring_slowly(void *map, __u32 *key, struct value *v)
{
	__sync_fetch_and_add(&fired, 1);
	for (int i = 0; i < 100000 && stay_in; i++)
		bpf_ktime_get_ns();
	last_key = 42;
	return 0;
}

SEC("tc") int start_slow(struct __sk_buff *skb)
{
	struct value *v = at(0);

	if (!v)
		return 0;
	out[0] = bpf_timer_init(&v->timer, &array, MONOTONIC);
	out[1] = bpf_timer_set_callback(&v->timer, ring_slowly);
	out[2] = bpf_timer_start(&v->timer, delay, 0);
	return 0;
}

SEC("tc") int cancel_slow(struct __sk_buff *skb)
{
	struct value *v = at(0);

	if (!v)
		return 0;
	out[3] = bpf_timer_cancel(&v->timer);
	out[4] = last_key; /* the callback has ended */
	return 0;
}
