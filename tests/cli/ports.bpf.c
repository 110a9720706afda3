/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs of the command's tests: verdicts by UDP destination port, and maps of every shape that is displayed. */
#include <linux/types.h>
#include <linux/bpf.h>
#include <linux/in6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum mood { CALM, ANGRY = 7 };

struct inner {
	__s16 a;
	union {
		__u32 whole;
		__u8 parts[4];
	};
};

struct wide {
	enum mood mood;
	__be16 port;
	__be32 addr;
	struct in6_addr addr6;
	__u8 mac[6];
	char name[8];
	struct inner inner[2];
	__u32 low : 3, high : 5;
	__u64 big;
	__s64 small;
	_Bool flag;
	void *pointer;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct wide);
} wide SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} by_port SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} numbers SEC(".maps");

struct key4 {
	__u32 prefixlen;
	__be32 addr;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16);
	__type(key, struct key4);
	__type(value, __u8);
} routes SEC(".maps");

__u64 frames;
__u32 last = 5;
const volatile __u32 limit = 5;

static __always_inline __u32 port_of(void *data, void *end)
{
	__be16 *port = data + 36;

	if ((void *)(port + 1) > end)
		return 0;
	return bpf_ntohs(*port);
}

SEC("xdp")
int by_limit(struct xdp_md *ctx)
{
	__u32 port = port_of((void *)(long)ctx->data, (void *)(long)ctx->data_end);
	__u32 slot = port & 15;
	__u64 *n = bpf_map_lookup_elem(&by_port, &slot);

	if (n)
		*n += 1;
	frames++;
	last = port;
	if (!port)
		return XDP_ABORTED;
	return port > limit ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int strange(struct xdp_md *ctx)
{
	return 100 + port_of((void *)(long)ctx->data, (void *)(long)ctx->data_end);
}

SEC("tc")
int shoot(struct __sk_buff *skb)
{
	return port_of((void *)(long)skb->data, (void *)(long)skb->data_end) > limit ? 2 : 0;
}

SEC("socket")
int take(struct __sk_buff *skb)
{
	return skb->len > 50 ? 0 : skb->len;
}

SEC("cgroup_skb/ingress")
int allow(struct __sk_buff *skb)
{
	return skb->len == 28;
}

SEC("tracepoint/syscalls/sys_enter_openat")
int no_frame(void *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
