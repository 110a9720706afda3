// SPDX-License-Identifier: BSD-2-Clause
/* Programs on frames, built in several forms: which one is said on the command line. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct event {
	__u32 len;
	__u32 generation;
};
const struct event *unused __attribute__((unused)); /* so that its type is in the object */

#ifndef GENERATION
#define GENERATION 1
#endif

#ifdef XDP
/* Counts frames; drops ICMP. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
#ifdef WIDE
	__type(value, __u32);
#else
	__type(value, __u64);
#endif
} hits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

SEC("xdp")
int count(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	const struct ethhdr *eth = data;
	const struct iphdr *ip = data + sizeof(*eth);
	struct event e = {.len = end - data, .generation = GENERATION};
	__u32 generation = GENERATION, all = 0;
#ifdef WIDE
	__u32 *n;
#else
	__u64 *n;
#endif

	n = bpf_map_lookup_elem(&hits, &all);
	if (n)
		__sync_fetch_and_add(n, 1);
	n = bpf_map_lookup_elem(&hits, &generation);
	if (n)
		__sync_fetch_and_add(n, 1);
	bpf_ringbuf_output(&events, &e, sizeof(e), 0);
	if ((void *)(ip + 1) <= end && eth->h_proto == bpf_htons(ETH_P_IP) && ip->protocol == IPPROTO_ICMP)
		return XDP_DROP;
	return XDP_PASS;
}
#endif

#ifdef DIGIT
/* Each appends its digit to the frame's mark and asks the next one. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} trail SEC(".maps");

static int append(struct __sk_buff *skb, __u32 side)
{
	__u32 *last = bpf_map_lookup_elem(&trail, &side);

	skb->mark = skb->mark * 10 + DIGIT;
	if (last)
		*last = skb->mark;
	return -1; /* TC_ACT_UNSPEC, TCX_NEXT */
}

SEC("tc/ingress")
int in(struct __sk_buff *skb)
{
	return append(skb, 0);
}

SEC("tc/egress")
int out(struct __sk_buff *skb)
{
	return append(skb, 1);
}
#endif

#ifdef SOCKET
__u64 seen;

SEC("socket")
int look(struct __sk_buff *skb)
{
	__sync_fetch_and_add(&seen, 1);
	return 0;
}
#endif

#ifdef CGROUP
__u64 sent, refused;

SEC("cgroup_skb/egress")
int counts(struct __sk_buff *skb)
{
	__sync_fetch_and_add(&sent, 1);
	return 1;
}

/* Port 7 is closed. */
SEC("cgroup/connect4")
int closes(struct bpf_sock_addr *ctx)
{
	if (ctx->user_port != bpf_htons(7))
		return 1;
	__sync_fetch_and_add(&refused, 1);
	return 0;
}
#endif

#ifdef TWO
/* In this order: one that every interface takes, and one that an interface may refuse. */
SEC("tc/ingress")
int first(struct __sk_buff *skb)
{
	return 0;
}

SEC("xdp")
int second(struct xdp_md *ctx)
{
	return XDP_PASS;
}
#endif

#ifdef BAD
SEC("xdp")
int outside(struct xdp_md *ctx)
{
	return *(int *)(long)ctx->data;
}
#endif

#ifdef TWO
/* Only who asks for it gets it. */
SEC("?xdp")
int third(struct xdp_md *ctx)
{
	return XDP_PASS;
}
#endif

#ifdef NOWHERE
SEC("xdp/devmap")
int nowhere(struct xdp_md *ctx)
{
	return XDP_PASS;
}
#endif
