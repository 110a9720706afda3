// SPDX-License-Identifier: BSD-2-Clause
/* Makes frames where they are cheapest: the kernel's live test run (BPF_F_TEST_XDP_LIVE_FRAMES) calls this for each, and it goes out by an interface. flood.c runs it. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

enum { MAX_ADDRESSES = 1 << 17 };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_ADDRESSES);
	__type(key, __u32);
	__type(value, __u32);
} addresses SEC(".maps");

const volatile __u32 n_addresses = 1;
const volatile __u32 interface;
__u32 next; /* one CPU runs it */

SEC("xdp")
int flood(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct iphdr *ip = data + sizeof(struct ethhdr);
	__u32 key = next, *source, sum = 0;
	__u16 *words = (__u16 *)ip;

	if ((void *)(ip + 1) > end)
		return XDP_ABORTED;
	next = key + 1 >= n_addresses ? 0 : key + 1;
	source = bpf_map_lookup_elem(&addresses, &key);
	if (!source)
		return XDP_ABORTED;
	/* The page comes back with what was written last time. */
	ip->saddr = *source;
	ip->check = 0;
#pragma clang loop unroll(full)
	for (int i = 0; i < 10; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	ip->check = ~(sum + (sum >> 16));
	return bpf_redirect(interface, 0);
}
