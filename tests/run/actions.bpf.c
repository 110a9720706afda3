// SPDX-License-Identifier: BSD-2-Clause
/* Programs for tests of skep run that do something to UDP frames beside letting them pass; one an object, chosen by -DNAME. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct headers {
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
} __attribute__((packed));

static __always_inline struct headers *udp_of(void *data, void *end)
{
	struct headers *h = data;

	if ((void *)(h + 1) > end || h->eth.h_proto != bpf_htons(ETH_P_IP) || h->ip.ihl != 5 ||
	    h->ip.protocol != IPPROTO_UDP)
		return NULL;
	return h;
}

/* The checksums do not change: the sum is the same whichever side comes first. */
static __always_inline void swap(struct headers *h)
{
	unsigned char mac[ETH_ALEN];
	__be32 addr = h->ip.saddr;
	__be16 port = h->udp.source;

	__builtin_memcpy(mac, h->eth.h_source, ETH_ALEN);
	__builtin_memcpy(h->eth.h_source, h->eth.h_dest, ETH_ALEN);
	__builtin_memcpy(h->eth.h_dest, mac, ETH_ALEN);
	h->ip.saddr = h->ip.daddr;
	h->ip.daddr = addr;
	h->udp.source = h->udp.dest;
	h->udp.dest = port;
}

#ifdef REDIRECT
/* Plays frames back by a redirect to the interface they came from. */
SEC("xdp")
int redirect(struct xdp_md *ctx)
{
	struct headers *h = udp_of((void *)(long)ctx->data, (void *)(long)ctx->data_end);

	if (!h)
		return XDP_PASS;
	swap(h);
	return bpf_redirect(ctx->ingress_ifindex, 0);
}
#endif

#ifdef DEVMAP
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} ports SEC(".maps");

/* Plays frames back through element 0; as long as it is empty they pass. */
SEC("xdp")
int redirect_map(struct xdp_md *ctx)
{
	struct headers *h = udp_of((void *)(long)ctx->data, (void *)(long)ctx->data_end);
	long verdict;

	if (!h)
		return XDP_PASS;
	verdict = bpf_redirect_map(&ports, 0, XDP_PASS);
	if (verdict == XDP_REDIRECT)
		swap(h);
	return verdict;
}
#endif

#ifdef ELSEWHERE
/* To an interface that is not there. */
SEC("tc/egress")
int elsewhere(struct __sk_buff *skb)
{
	return udp_of((void *)(long)skb->data, (void *)(long)skb->data_end) ? bpf_redirect(77, 0) : TC_ACT_UNSPEC;
}
#endif

#ifdef ANSWER
/* Answers what the tree sends itself: the frame goes back in. */
SEC("tc/egress")
int answer(struct __sk_buff *skb)
{
	struct headers *h = udp_of((void *)(long)skb->data, (void *)(long)skb->data_end);

	if (!h || h->udp.dest == bpf_htons(53))
		return TC_ACT_UNSPEC;
	swap(h);
	return bpf_redirect(skb->ifindex, BPF_F_INGRESS);
}
#endif

#ifdef CUT
/* Cuts datagrams to four bytes on their way out. */
SEC("tc/egress")
int cut(struct __sk_buff *skb)
{
	struct headers *h = udp_of((void *)(long)skb->data, (void *)(long)skb->data_end);
	__u16 old;

	if (!h || bpf_ntohs(h->udp.len) <= sizeof(struct udphdr) + 4)
		return TC_ACT_UNSPEC;
	old = h->ip.tot_len;
	h->ip.tot_len = bpf_htons(sizeof(struct iphdr) + sizeof(struct udphdr) + 4);
	h->udp.len = bpf_htons(sizeof(struct udphdr) + 4);
	h->udp.check = 0;
	bpf_l3_csum_replace(skb, ETH_HLEN + offsetof(struct iphdr, check), old,
			    bpf_htons(sizeof(struct iphdr) + sizeof(struct udphdr) + 4), 2);
	return bpf_skb_change_tail(skb, sizeof(*h) + 4, 0) ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}
#endif

#ifdef META
/* What xdp writes in front of a frame, tc reads: frames with a word there are dropped. */
SEC("xdp")
int write_meta(struct xdp_md *ctx)
{
	__u32 *meta;

	if (!udp_of((void *)(long)ctx->data, (void *)(long)ctx->data_end) || bpf_xdp_adjust_meta(ctx, -4))
		return XDP_PASS;
	meta = (void *)(long)ctx->data_meta;
	if ((void *)(meta + 1) > (void *)(long)ctx->data)
		return XDP_ABORTED;
	*meta = 0x6d657461;
	return XDP_PASS;
}

SEC("tc/ingress")
int read_meta(struct __sk_buff *skb)
{
	__u32 *meta = (void *)(long)skb->data_meta;

	if ((void *)(meta + 1) > (void *)(long)skb->data)
		return TC_ACT_UNSPEC;
	return *meta == 0x6d657461 ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}
#endif

#ifdef HEAD
/* A header that xdp puts in front and tc takes off again: the frame arrives as it was. */
SEC("xdp")
int push(struct xdp_md *ctx)
{
	struct ethhdr copy, *eth;

	if (!udp_of((void *)(long)ctx->data, (void *)(long)ctx->data_end))
		return XDP_PASS;
	__builtin_memcpy(&copy, (void *)(long)ctx->data, sizeof(copy));
	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(copy)))
		return XDP_ABORTED;
	eth = (void *)(long)ctx->data;
	if ((void *)(eth + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	*eth = copy;
	eth->h_proto = bpf_htons(0x88b5); /* for experiments */
	return XDP_PASS;
}

SEC("tc/ingress")
int see(struct __sk_buff *skb)
{
	struct ethhdr *eth = (void *)(long)skb->data;

	if ((void *)(eth + 1) <= (void *)(long)skb->data_end && eth->h_proto == bpf_htons(0x88b5) &&
	    skb->protocol == bpf_htons(0x88b5))
		bpf_printk("a frame of 88b5, %u bytes", skb->len);
	return TC_ACT_UNSPEC;
}
#endif

#ifdef UNKNOWN
/* A verdict that xdp does not know. */
SEC("xdp")
int unknown(struct xdp_md *ctx)
{
	return udp_of((void *)(long)ctx->data, (void *)(long)ctx->data_end) ? 99 : XDP_PASS;
}
#endif

#ifdef ENDS
/* TC_ACT_OK ends the point: what stands behind does not run. */
SEC("tc/ingress")
int ends(struct __sk_buff *skb)
{
	return TC_ACT_OK;
}
#endif

#ifdef PINNED
/* Counts in a map that objects share by its name. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} shared SEC(".maps");

SEC(PINNED)
int count(struct __sk_buff *skb)
{
	__u32 zero = 0;
	__u64 *n = bpf_map_lookup_elem(&shared, &zero);

	if (n && udp_of((void *)(long)skb->data, (void *)(long)skb->data_end)) {
		__sync_fetch_and_add(n, 1);
		bpf_printk("shared %llu", *n);
	}
	return TC_ACT_UNSPEC;
}
#endif

#ifdef FOR_MAP
/* For the elements of a device map alone. */
SEC("xdp/devmap")
int for_map(struct xdp_md *ctx)
{
	return XDP_DROP;
}
#endif

#ifdef PLACE
/* Says which control group the thread that runs it is in. */
SEC("cgroup_skb/egress")
int place(struct __sk_buff *skb)
{
	bpf_printk("cgroup %llu", bpf_get_current_cgroup_id());
	return 1;
}
#endif
