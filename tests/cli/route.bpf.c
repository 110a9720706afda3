/* SPDX-License-Identifier: BSD-2-Clause */
/* A router: IPv4 frames go where the table says, with the addresses of the next hop. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct answer {
	__u32 frames, ifindex, next_hop; /* the last: end of its link-layer address */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32); /* what the look-up said */
	__type(value, struct answer);
} answers SEC(".maps");

SEC("xdp") int route(struct xdp_md *xdp)
{
	void *data = (void *)(long)xdp->data, *end = (void *)(long)xdp->data_end;
	struct bpf_fib_lookup fib = {.family = 2, .ifindex = xdp->ingress_ifindex};
	struct ethhdr *eth = data;
	struct iphdr *ip = data + sizeof(*eth);
	struct answer first = {.frames = 1}, *a;
	__u32 ret;

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	fib.ipv4_src = ip->saddr;
	fib.ipv4_dst = ip->daddr;
	fib.tot_len = bpf_ntohs(ip->tot_len);
	ret = (__u32)bpf_fib_lookup(xdp, &fib, sizeof(fib), 0);
	first.ifindex = fib.ifindex;
	first.next_hop = fib.dmac[5];
	a = bpf_map_lookup_elem(&answers, &ret);
	if (a)
		a->frames++;
	else
		bpf_map_update_elem(&answers, &ret, &first, BPF_ANY);
	if (ret)
		return XDP_DROP;
	__builtin_memcpy(eth->h_dest, fib.dmac, 6);
	__builtin_memcpy(eth->h_source, fib.smac, 6);
	return bpf_redirect(fib.ifindex, 0);
}

char _license[] SEC("license") = "GPL";
