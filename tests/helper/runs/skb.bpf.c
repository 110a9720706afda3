/* SPDX-License-Identifier: BSD-2-Clause */
/* Helpers on __sk_buff that leave the frame's size alone, path by path. Frames: test_paths.c. */
#include "paths.h"

#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

#define OTHERHOST 3 /* PACKET_OTHERHOST, the last type */
#define IP4       bpf_htons(ETH_P_IP)
#define VLAN      bpf_htons(ETH_P_8021Q)

/* 60 bytes: Ethernet, IPv4, UDP. */
SEC("tc") int bytes(struct __sk_buff *skb)
{
	char buf[8] = "straw";

	PATH(0, bpf_skb_store_bytes(skb, 56, buf, 4, 0));
	PATH(0, bpf_skb_store_bytes(skb, 56, buf, 4, BPF_F_RECOMPUTE_CSUM));
	PATH(-EINVAL, bpf_skb_store_bytes(skb, 56, buf, 4, 4));
	PATH(-EINVAL, bpf_skb_store_bytes(skb, 57, buf, 4, 4));
	PATH(-EFAULT, bpf_skb_store_bytes(skb, 57, buf, 4, 0));
	PATH(-EFAULT, bpf_skb_store_bytes(skb, 0x80000000, buf, 4, 0));
	PATH(-EFAULT, bpf_skb_store_bytes(skb, -1, buf, 4, 0));
	PATH(0, bpf_set_hash(skb, 5));
	PATH(5, skb->hash);
	PATH(5, bpf_get_hash_recalc(skb));
	PATH(0, bpf_skb_store_bytes(skb, 59, buf, 1, BPF_F_INVALIDATE_HASH));
	PATH(0, skb->hash);
	PATH(0, bpf_skb_load_bytes(skb, 56, buf, 4));
	PATH('s' | 't' << 8 | 'r' << 16 | 's' << 24, *(int *)buf);
	PATH(-EFAULT, bpf_skb_load_bytes(skb, 57, buf, 4));
	PATH(0, *(int *)buf);
	PATH(-EFAULT, bpf_skb_load_bytes(skb, 60, buf, 1));
	PATH(-EFAULT, bpf_skb_load_bytes(skb, 0x80000000, buf, 1));
	PATH(0, bpf_skb_load_bytes_relative(skb, 12, buf, 2, BPF_HDR_START_MAC));
	PATH(IP4, *(__u16 *)buf);
	PATH(0, bpf_skb_load_bytes_relative(skb, 9, buf, 1, BPF_HDR_START_NET));
	PATH(17, buf[0]);
	PATH(-EFAULT, bpf_skb_load_bytes_relative(skb, 0, buf, 1, 2));
	PATH(0, buf[0]);
	PATH(-EFAULT, bpf_skb_load_bytes_relative(skb, 0x10000, buf, 1, BPF_HDR_START_MAC));
	PATH(-EFAULT, bpf_skb_load_bytes_relative(skb, 57, buf, 4, BPF_HDR_START_MAC));
	PATH(-EFAULT, bpf_skb_load_bytes_relative(skb, 43, buf, 4, BPF_HDR_START_NET));
	PATH(-EFAULT, bpf_skb_load_bytes_relative(skb, 61, buf, 1, BPF_HDR_START_MAC));
	PATH(0, bpf_skb_pull_data(skb, 0));
	PATH(0, bpf_skb_pull_data(skb, 60));
	PATH(-ENOMEM, bpf_skb_pull_data(skb, 61));
	return DONE;
}

/* The same. */
SEC("tc") int marks(struct __sk_buff *skb)
{
	__u32 hash;

	PATH(0, bpf_skb_change_type(skb, 0));
	PATH(0, skb->pkt_type);
	PATH(0, bpf_skb_change_type(skb, OTHERHOST));
	PATH(OTHERHOST, skb->pkt_type);
	PATH(-EINVAL, bpf_skb_change_type(skb, OTHERHOST + 1));
	PATH(-EINVAL, bpf_skb_change_type(skb, -1));
	PATH(0, bpf_set_hash(skb, 7));
	bpf_set_hash_invalid(skb);
	PATH(0, skb->hash);
	hash = bpf_get_hash_recalc(skb);
	PATH(true, hash != 0);
	PATH(hash, bpf_get_hash_recalc(skb));
	PATH(hash, skb->hash);
	PATH(0, bpf_get_cgroup_classid(skb));
	PATH(0, bpf_get_route_realm(skb));
	/* The kernel's test run brings a socket, of its own user. */
	PATH_BY_SIDE(65534, 0, bpf_get_socket_uid(skb));
	PATH_BY_SIDE(false, true, bpf_get_socket_cookie(skb) != 0);
	PATH(0, bpf_skb_set_tstamp(skb, 1000, BPF_SKB_TSTAMP_DELIVERY_MONO));
	PATH(1000, skb->tstamp);
	PATH(BPF_SKB_TSTAMP_DELIVERY_MONO, skb->tstamp_type);
	PATH(0, bpf_skb_set_tstamp(skb, 5, 2));
	PATH(0, bpf_skb_set_tstamp(skb, 0, BPF_SKB_TSTAMP_UNSPEC));
	PATH(0, skb->tstamp);
	PATH(-EINVAL, bpf_skb_set_tstamp(skb, 0, BPF_SKB_TSTAMP_DELIVERY_MONO));
	PATH(-EINVAL, bpf_skb_set_tstamp(skb, 0, 2));
	PATH(-EINVAL, bpf_skb_set_tstamp(skb, 1000, 3));
	return DONE;
}

SEC("tc") int marks_of_arp(struct __sk_buff *skb)
{
	PATH(-EOPNOTSUPP, bpf_skb_set_tstamp(skb, 1000, BPF_SKB_TSTAMP_DELIVERY_MONO));
	PATH(0, bpf_skb_ecn_set_ce(skb));
	PATH(true, bpf_get_hash_recalc(skb) != 0);
	return DONE;
}

static __attribute__((noinline)) int set_byte(struct __sk_buff *skb, __u32 at, __u8 byte)
{
	return bpf_skb_store_bytes(skb, at, &byte, 1, 0);
}

SEC("tc") int congestion(struct __sk_buff *skb)
{
	__u16 sum;
	__u8 tos;

	PATH(0, bpf_skb_ecn_set_ce(skb)); /* not capable */
	PATH(0, set_byte(skb, 15, 1));
	PATH(0, bpf_skb_load_bytes(skb, 24, &sum, 2));
	PATH(1, bpf_skb_ecn_set_ce(skb));
	PATH(0, bpf_skb_load_bytes(skb, 15, &tos, 1));
	PATH(3, tos);
	PATH(1, bpf_skb_ecn_set_ce(skb)); /* already */
	PATH(0, set_byte(skb, 15, 2));
	PATH(1, bpf_skb_ecn_set_ce(skb));
	return DONE;
}

SEC("tc") int congestion_of_ip6(struct __sk_buff *skb)
{
	__u8 byte;

	PATH(0, bpf_skb_ecn_set_ce(skb));
	PATH(0, set_byte(skb, 15, 1 << 4));
	PATH(1, bpf_skb_ecn_set_ce(skb));
	PATH(0, bpf_skb_load_bytes(skb, 15, &byte, 1));
	PATH(3 << 4, byte);
	PATH(1, bpf_skb_ecn_set_ce(skb));
	PATH(true, bpf_get_hash_recalc(skb) != 0);
	return DONE;
}

/* The same flow, whichever way a frame of it goes. */
SEC("tc") int both_directions(struct __sk_buff *skb)
{
	__u32 there = bpf_get_hash_recalc(skb), addresses[2], turned[2];
	__u16 ports[2], turned_ports[2];

	PATH(0, bpf_skb_load_bytes(skb, 26, addresses, 8));
	PATH(0, bpf_skb_load_bytes(skb, 34, ports, 4));
	turned[0] = addresses[1];
	turned[1] = addresses[0];
	turned_ports[0] = ports[1];
	turned_ports[1] = ports[0];
	PATH(0, bpf_skb_store_bytes(skb, 26, turned, 8, 0));
	PATH(0, bpf_skb_store_bytes(skb, 34, turned_ports, 4, BPF_F_INVALIDATE_HASH));
	PATH(there, bpf_get_hash_recalc(skb));
	turned_ports[0]++;
	PATH(0, bpf_skb_store_bytes(skb, 34, turned_ports, 4, BPF_F_INVALIDATE_HASH));
	PATH(true, bpf_get_hash_recalc(skb) != there);
	/* Fragments have no ports: */
	PATH(0, set_byte(skb, 21, 1));
	bpf_set_hash_invalid(skb);
	there = bpf_get_hash_recalc(skb);
	PATH(0, bpf_skb_store_bytes(skb, 34, ports, 4, BPF_F_INVALIDATE_HASH));
	PATH(there, bpf_get_hash_recalc(skb));
	return DONE;
}

/* A tag that says VLAN again, and nothing behind it. */
SEC("tc") int congestion_of_tags(struct __sk_buff *skb)
{
	PATH(0, bpf_skb_ecn_set_ce(skb));
	PATH(true, bpf_get_hash_recalc(skb) != 0);
	return DONE;
}

/* Of a frame that is cut off within its header. */
SEC("tc") int congestion_of_a_stump(struct __sk_buff *skb)
{
	PATH(0, bpf_skb_change_tail(skb, 20, 0));
	PATH(0, bpf_skb_ecn_set_ce(skb));
	PATH(true, bpf_get_hash_recalc(skb) != 0);
	return DONE;
}

SEC("tc") int sums(struct __sk_buff *skb)
{
	__u32 a[2] = {1, 2}, b[2] = {3, 4};
	__u16 sum;

	PATH(-ENOTSUPP, bpf_csum_update(skb, 1));
	PATH(-EACCES, bpf_csum_level(skb, BPF_CSUM_LEVEL_QUERY));
	PATH(0, bpf_csum_level(skb, BPF_CSUM_LEVEL_DEC));
	PATH(-EACCES, bpf_csum_level(skb, BPF_CSUM_LEVEL_QUERY));
	for (int i = 0; i < 4; i++) {
		PATH(0, bpf_csum_level(skb, BPF_CSUM_LEVEL_INC));
		PATH(i, bpf_csum_level(skb, BPF_CSUM_LEVEL_QUERY));
	}
	PATH(0, bpf_csum_level(skb, BPF_CSUM_LEVEL_INC));
	PATH(3, bpf_csum_level(skb, BPF_CSUM_LEVEL_QUERY)); /* no more than that */
	PATH(0, bpf_csum_level(skb, BPF_CSUM_LEVEL_DEC));
	PATH(2, bpf_csum_level(skb, BPF_CSUM_LEVEL_QUERY));
	PATH(0, bpf_csum_level(skb, BPF_CSUM_LEVEL_RESET));
	PATH(-EACCES, bpf_csum_level(skb, BPF_CSUM_LEVEL_QUERY));
	PATH(0, bpf_csum_level(skb, BPF_CSUM_LEVEL_INC));
	PATH(0, bpf_csum_level(skb, BPF_CSUM_LEVEL_DEC));
	PATH(-EACCES, bpf_csum_level(skb, BPF_CSUM_LEVEL_QUERY)); /* below 0: nobody vouches */
	PATH(-EINVAL, bpf_csum_level(skb, 4));

	PATH(4, bpf_csum_diff(a, 8, b, 8, 0));
	PATH(7, bpf_csum_diff(NULL, 0, b, 8, 0));
	PATH(0xffff - 3, bpf_csum_diff(a, 8, NULL, 0, 0));
	PATH(5, bpf_csum_diff(NULL, 0, NULL, 0, 5));

	PATH(0, bpf_skb_store_bytes(skb, 24, "\x34\x12", 2, 0));
	PATH(0, bpf_l3_csum_replace(skb, 24, 0, 1, 0));
	PATH(0, bpf_skb_load_bytes(skb, 24, &sum, 2));
	PATH(0x1233, sum);
	PATH(0, bpf_l3_csum_replace(skb, 24, 1, 2, 2));
	PATH(0, bpf_skb_load_bytes(skb, 24, &sum, 2));
	PATH(0x1232, sum);
	PATH(0, bpf_l3_csum_replace(skb, 24, 1, 2, 4));
	PATH(0, bpf_skb_load_bytes(skb, 24, &sum, 2));
	PATH(0x1231, sum);
	PATH(-EINVAL, bpf_l3_csum_replace(skb, 24, 0, 1, 16));
	PATH(-EINVAL, bpf_l3_csum_replace(skb, 25, 0, 1, 16));
	PATH(-EFAULT, bpf_l3_csum_replace(skb, 25, 0, 1, 0));
	PATH(-EFAULT, bpf_l3_csum_replace(skb, 59, 0, 1, 0));
	PATH(-EFAULT, bpf_l3_csum_replace(skb, 60, 0, 1, 0));
	PATH(-EFAULT, bpf_l3_csum_replace(skb, 0x10000, 0, 1, 0));
	PATH(-EINVAL, bpf_l3_csum_replace(skb, 24, 1, 1, 0));
	PATH(-EINVAL, bpf_l3_csum_replace(skb, 24, 1, 1, 3));

	PATH(0, bpf_l4_csum_replace(skb, 24, 0, 1, 0));
	PATH(0, bpf_skb_load_bytes(skb, 24, &sum, 2));
	PATH(0x1230, sum);
	PATH(0, bpf_l4_csum_replace(skb, 24, 1, 2, 2));
	PATH(0, bpf_l4_csum_replace(skb, 24, 1, 2, 4 | BPF_F_PSEUDO_HDR));
	PATH(0, bpf_skb_load_bytes(skb, 24, &sum, 2));
	PATH(0x122e, sum);
	PATH(-EINVAL, bpf_l4_csum_replace(skb, 24, 0, 1, 1 << 9));
	PATH(-EFAULT, bpf_l4_csum_replace(skb, 25, 0, 1, 0));
	PATH(-EFAULT, bpf_l4_csum_replace(skb, 60, 0, 1, 0));
	PATH(-EFAULT, bpf_l4_csum_replace(skb, 0x10000, 0, 1, 0));
	PATH(-EINVAL, bpf_l4_csum_replace(skb, 24, 1, 1, 0));
	PATH(-EINVAL, bpf_l4_csum_replace(skb, 24, 1, 1, 3));
	/* A sum of 0 means none, unless enforced. */
	PATH(0, bpf_skb_store_bytes(skb, 24, "\0\0", 2, 0));
	PATH(0, bpf_l4_csum_replace(skb, 24, 1, 2, 2 | BPF_F_MARK_MANGLED_0));
	PATH(0, bpf_skb_load_bytes(skb, 24, &sum, 2));
	PATH(0, sum);
	PATH(0, bpf_l4_csum_replace(skb, 24, 1, 2, 2 | BPF_F_MARK_MANGLED_0 | BPF_F_MARK_ENFORCE));
	PATH(0, bpf_skb_load_bytes(skb, 24, &sum, 2));
	PATH(true, sum != 0);
	PATH(0, bpf_skb_store_bytes(skb, 24, "\x01\0", 2, 0));
	PATH(0, bpf_l4_csum_replace(skb, 24, 1, 2, 2 | BPF_F_MARK_MANGLED_0));
	PATH(0, bpf_skb_load_bytes(skb, 24, &sum, 2));
	PATH(0xffff, sum); /* never the 0 that means none */
	return DONE;
}

static struct bpf_tunnel_key key, got;
static char big[256];

SEC("tc") int tunnels(struct __sk_buff *skb)
{
	const int size = sizeof(key), v4 = 8 /* from before IPv6 */;
	__u32 opts[2] = {1, 2};

	PATH(-EINVAL, bpf_skb_get_tunnel_key(skb, &got, size, 0));
	PATH(-EINVAL, bpf_skb_set_tunnel_opt(skb, opts, 8));
	PATH(-ENOENT, bpf_skb_get_tunnel_opt(skb, opts, 8));
	PATH(0, opts[0] | opts[1]);

	key.tunnel_id = 5;
	key.remote_ipv4 = 0x0a000001;
	key.tunnel_ttl = 64;
	PATH(-EINVAL, bpf_skb_set_tunnel_key(skb, &key, size, 1 << 5));
	PATH(-EINVAL, bpf_skb_set_tunnel_key(skb, &key, 40, 0));
	PATH(-EINVAL, bpf_skb_set_tunnel_key(skb, &key, 12, 0));
	key.tunnel_label = 1;
	PATH(-EINVAL, bpf_skb_set_tunnel_key(skb, &key, size, 0));
	PATH(0, bpf_skb_set_tunnel_key(skb, &key, size, BPF_F_TUNINFO_IPV6));
	key.tunnel_ext = 1;
	PATH(-EINVAL, bpf_skb_set_tunnel_key(skb, &key, size, BPF_F_TUNINFO_IPV6));
	key.tunnel_ext = 0;
	PATH(-EPROTO, bpf_skb_get_tunnel_key(skb, &got, size, 0));
	PATH(-EINVAL, bpf_skb_get_tunnel_key(skb, &got, size, 1 << 5));
	PATH(-EINVAL, bpf_skb_get_tunnel_key(skb, &got, 40, BPF_F_TUNINFO_IPV6));
	PATH(-EINVAL, bpf_skb_get_tunnel_key(skb, &got, v4, BPF_F_TUNINFO_IPV6));
	PATH(0, bpf_skb_get_tunnel_key(skb, &got, size, BPF_F_TUNINFO_IPV6));
	PATH(5, got.tunnel_id);
	PATH(1, got.tunnel_label);
	PATH(64, got.tunnel_ttl);

	key.tunnel_label = 0;
	PATH(0, bpf_skb_set_tunnel_key(skb, &key, v4, BPF_F_ZERO_CSUM_TX | BPF_F_DONT_FRAGMENT | BPF_F_SEQ_NUMBER));
	PATH(0, bpf_skb_set_tunnel_key(skb, &key, 24, 0));
	PATH(0, bpf_skb_set_tunnel_key(skb, &key, 22, 0));
	PATH(0, bpf_skb_set_tunnel_key(skb, &key, 28, 1 << 4 /* BPF_F_NO_TUNNEL_KEY */));
	PATH(0, bpf_skb_set_tunnel_key(skb, &key, size, 0));
	PATH(-EPROTO, bpf_skb_get_tunnel_key(skb, &got, size, BPF_F_TUNINFO_IPV6));
	PATH(0, got.tunnel_id); /* cleared */
	PATH(0, bpf_skb_get_tunnel_key(skb, &got, v4, 0));
	PATH(0, bpf_skb_get_tunnel_key(skb, &got, size, 1 << 4 /* BPF_F_TUNINFO_FLAGS */));
	PATH(true, got.tunnel_ext != 0);
	PATH(0x0a000001, got.local_ipv4); /* as the other end sees it */

	PATH(-ENOENT, bpf_skb_get_tunnel_opt(skb, opts, 8));
	opts[0] = 1;
	PATH(-EINVAL, bpf_skb_set_tunnel_opt(skb, opts, 7));
	PATH(-ENOMEM, bpf_skb_set_tunnel_opt(skb, big, 256));
	PATH(0, bpf_skb_set_tunnel_opt(skb, big, 252));
	PATH(0, bpf_skb_set_tunnel_opt(skb, opts, 8));
	opts[0] = 9;
	PATH(-ENOMEM, bpf_skb_get_tunnel_opt(skb, opts, 4));
	PATH(0, opts[0]);
	PATH(8, bpf_skb_get_tunnel_opt(skb, big, 12));
	PATH(1, *(__u32 *)big);
	PATH(0, bpf_skb_set_tunnel_key(skb, &key, size, 0)); /* another tunnel */
	PATH(-ENOENT, bpf_skb_get_tunnel_opt(skb, opts, 8));
	return DONE;
}

SEC("tc") int elsewhere(struct __sk_buff *skb)
{
	struct bpf_redir_neigh neigh = {};

	PATH(TC_ACT_REDIRECT, bpf_redirect(1, 0));
	PATH(TC_ACT_REDIRECT, bpf_redirect(1, BPF_F_INGRESS));
	PATH(TC_ACT_SHOT, bpf_redirect(1, 2));
	PATH(TC_ACT_SHOT, bpf_redirect(1, 1ull << 32));
	PATH(TC_ACT_REDIRECT, bpf_redirect_neigh(1, NULL, 0, 0));
	PATH(TC_ACT_REDIRECT, bpf_redirect_neigh(1, &neigh, sizeof(neigh), 0));
	PATH(TC_ACT_SHOT, bpf_redirect_neigh(1, NULL, 0, 1));
	PATH(TC_ACT_SHOT, bpf_redirect_neigh(1, &neigh, sizeof(neigh) - 1, 0));
	PATH(TC_ACT_REDIRECT, bpf_redirect_peer(1, 0));
	PATH(TC_ACT_SHOT, bpf_redirect_peer(1, 1));
	return DONE;
}
