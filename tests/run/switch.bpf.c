// SPDX-License-Identifier: BSD-2-Clause
/* Counts UDP frames, and gives them the verdict that stands in a map (XDP_PASS to begin with). */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} verdict SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

/* Two of the frames' lengths; others find it full. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} lengths SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} full SEC(".maps");

SEC("xdp")
int look(struct xdp_md *ctx)
{
	const unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 zero = 0, *wanted = bpf_map_lookup_elem(&verdict, &zero);
	__u64 *count = bpf_map_lookup_elem(&seen, &zero), *misses = bpf_map_lookup_elem(&full, &zero), one = 1;
	__u32 len = ctx->data_end - ctx->data;

	if (!wanted || !count || data + ETH_HLEN + 20 > end || data[12] != 8 || data[13] ||
	    data[ETH_HLEN + 9] != IPPROTO_UDP)
		return XDP_PASS;
	__sync_fetch_and_add(count, 1);
	if (bpf_map_update_elem(&lengths, &len, &one, BPF_ANY) && misses)
		__sync_fetch_and_add(misses, 1);
	return *wanted ? *wanted : XDP_PASS;
}
