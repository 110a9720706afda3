/* SPDX-License-Identifier: BSD-2-Clause */
/* Helpers on __sk_buff, path by path. Frames: test_paths.c. */
#include "paths.h"

#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

#define OTHERHOST 3 /* PACKET_OTHERHOST, the last type */
#define IP4       bpf_htons(ETH_P_IP)
#define IP6       bpf_htons(ETH_P_IPV6)
#define ARP       bpf_htons(ETH_P_ARP)
#define VLAN      bpf_htons(ETH_P_8021Q)
#define LONGEST   16064 /* what a frame may grow to: prog/packet.h */

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

SEC("tc") int ends(struct __sk_buff *skb)
{
	PATH(-EINVAL, bpf_skb_change_tail(skb, 60, 1));
	PATH(-EINVAL, bpf_skb_change_tail(skb, LONGEST + 1, 0));
	PATH(-EINVAL, bpf_skb_change_tail(skb, 13, 0));
	PATH(0, bpf_skb_change_tail(skb, LONGEST, 0));
	PATH(LONGEST, skb->len);
	PATH(0, bpf_skb_change_tail(skb, 60, 0));
	PATH(60, skb->len);
	PATH(-EINVAL, bpf_skb_change_head(skb, 4, 1));
	PATH(-EINVAL, bpf_skb_change_head(skb, -1, 0));
	PATH(-EINVAL, bpf_skb_change_head(skb, 0x7fffffff, 0));
	PATH(-EINVAL, bpf_skb_change_head(skb, LONGEST - 59, 0));
	PATH(0, bpf_skb_change_head(skb, 14, 0));
	PATH(74, skb->len);
	PATH(0, bpf_skb_change_head(skb, 0, 0));
	return DONE;
}

SEC("tc") int protocols(struct __sk_buff *skb)
{
	PATH(-EINVAL, bpf_skb_change_proto(skb, IP6, 1));
	PATH(-ENOTSUPP, bpf_skb_change_proto(skb, IP4, 0));
	PATH(-ENOTSUPP, bpf_skb_change_proto(skb, ARP, 0));
	PATH(0, bpf_skb_change_proto(skb, IP6, 0));
	PATH(80, skb->len);
	PATH(IP6, skb->protocol);
	PATH(0, bpf_skb_change_proto(skb, IP4, 0));
	PATH(60, skb->len);
	PATH(0, bpf_skb_change_proto(skb, IP6, 0));
	PATH(0, bpf_skb_change_tail(skb, 33, 0));
	PATH(-ENOMEM, bpf_skb_change_proto(skb, IP4, 0)); /* there are not as many bytes to take out */
	return DONE;
}

#define ROOM(want, by, mode, flags) PATH(want, bpf_skb_adjust_room(skb, by, mode, flags))

enum { NET = BPF_ADJ_ROOM_NET, MAC = BPF_ADJ_ROOM_MAC };

#define L3_4   BPF_F_ADJ_ROOM_ENCAP_L3_IPV4
#define L3_6   BPF_F_ADJ_ROOM_ENCAP_L3_IPV6
#define L4_GRE BPF_F_ADJ_ROOM_ENCAP_L4_GRE
#define L4_UDP BPF_F_ADJ_ROOM_ENCAP_L4_UDP
#define L2_ETH BPF_F_ADJ_ROOM_ENCAP_L2_ETH
#define DE_4   (1ull << 7) /* BPF_F_ADJ_ROOM_DECAP_L3_IPV4 */
#define DE_6   (1ull << 8)

SEC("tc") int room(struct __sk_buff *skb)
{
	ROOM(-EINVAL, 8, NET, 1ull << 9);
	ROOM(-EFAULT, 0x1000, NET, 0);
	ROOM(-EFAULT, -0x1000, NET, 0);
	ROOM(-ENOTSUPP, 8, 2, 0);
	ROOM(-EINVAL, 8, MAC, DE_4);
	ROOM(-EINVAL, -8, MAC, DE_4 | DE_6);
	ROOM(-ENOTSUPP, -46, MAC, 0);
	ROOM(-ENOTSUPP, -27, MAC, 0);
	ROOM(-ENOTSUPP, -8, MAC, DE_6); /* too little for an IPv6 header would be left */
	ROOM(-EINVAL, -8, MAC, L3_4);
	ROOM(-EINVAL, -8, NET, L4_UDP);
	ROOM(-EINVAL, 40, MAC, L3_4 | L3_6);
	ROOM(-EINVAL, 40, MAC, L3_4 | L4_GRE | L4_UDP);
	ROOM(-EINVAL, 40, MAC, L3_4 | L2_ETH | BPF_F_ADJ_ROOM_ENCAP_L2(13));
	ROOM(-EINVAL, 8, MAC, L3_4 | BPF_F_ADJ_ROOM_ENCAP_L2(9));
	ROOM(0, 0, NET, 0);
	ROOM(0, 8, NET, 0);
	PATH(68, skb->len);
	ROOM(0, -8, NET, 0);
	PATH(60, skb->len);
	ROOM(0, 4, MAC, BPF_F_ADJ_ROOM_NO_CSUM_RESET);
	ROOM(0, -4, MAC, BPF_F_ADJ_ROOM_FIXED_GSO);
	PATH(60, skb->len);
	ROOM(0, -8, MAC, DE_4);
	PATH(IP4, skb->protocol);
	PATH(0, bpf_skb_change_tail(skb, LONGEST, 0));
	ROOM(-ENOTSUPP, 1, MAC, 0);
	return DONE;
}

/* What comes in is zero, whatever was there. */
SEC("tc") int fresh_room(struct __sk_buff *skb)
{
	__u64 word = 1;

	ROOM(0, 8, NET, 0);
	PATH(0, bpf_skb_load_bytes(skb, 34, &word, 8));
	PATH(0, word);
	ROOM(0, 8, MAC, 0);
	PATH(0, bpf_skb_load_bytes(skb, 14, &word, 8));
	PATH(0, word);
	ROOM(0, -8, MAC, 0);
	ROOM(0, -8, NET, 0);
	PATH(60, skb->len);
	PATH(0, bpf_skb_change_head(skb, 16, 0));
	PATH(0, bpf_skb_load_bytes(skb, 0, &word, 8));
	PATH(0, word);
	PATH(0, bpf_skb_load_bytes(skb, 8, &word, 8));
	PATH(0, word);
	PATH(0, bpf_skb_change_tail(skb, 92, 0));
	PATH(0, bpf_skb_load_bytes(skb, 84, &word, 8));
	PATH(0, word);
	return DONE;
}

/* Room behind a header that is not all there: what is made up of it is zero. The kernel shows what is in its memory. */
SEC("tc") int fresh_header(struct __sk_buff *skb)
{
	__u64 word = -1;

	PATH(0, bpf_skb_store_bytes(skb, 20, &word, 8, 0));
	PATH(0, bpf_skb_store_bytes(skb, 28, &word, 8, 0));
	PATH(0, bpf_skb_change_tail(skb, 20, 0));
	ROOM(0, 8, NET, 0);
	PATH(28, skb->len);
	PATH(0, bpf_skb_change_tail(skb, 50, 0));
	PATH(0, bpf_skb_load_bytes(skb, 20, &word, 8));
	PATH(0, word);
	return DONE;
}

SEC("tc") int tunnel_room(struct __sk_buff *skb)
{
	ROOM(0, 48, MAC, L3_6 | L4_UDP);
	PATH(108, skb->len);
	PATH(IP6, skb->protocol);
	ROOM(-EALREADY, 20, MAC, L3_4);
	PATH(-ENOTSUPP, bpf_skb_change_tail(skb, 200, 0));
	ROOM(0, -8, MAC, DE_6);
	PATH(IP6, skb->protocol);
	return DONE;
}

SEC("tc") int tunnel_room4(struct __sk_buff *skb)
{
	ROOM(0, 50, MAC, L3_4 | L4_UDP | L2_ETH | BPF_F_ADJ_ROOM_ENCAP_L2(14));
	PATH(110, skb->len);
	PATH(IP4, skb->protocol);
	ROOM(0, -50, MAC, DE_4);
	PATH(60, skb->len);
	return DONE;
}

SEC("tc") int room_of_arp(struct __sk_buff *skb)
{
	ROOM(-ENOTSUPP, 8, NET, 0);
	ROOM(-ENOTSUPP, 8, MAC, 0);
	PATH(-ENOTSUPP, bpf_skb_change_proto(skb, IP4, 0));
	return DONE;
}

/* A frame that says it is several segments. */
SEC("tc") int room_of_segments(struct __sk_buff *skb)
{
	PATH(100, skb->gso_size);
	ROOM(-ENOTSUPP, 8, NET, 0);
	ROOM(-ENOTSUPP, -8, NET, 0);
	ROOM(-ENOTSUPP, -8, NET, BPF_F_ADJ_ROOM_FIXED_GSO);
	PATH(0, bpf_skb_change_tail(skb, 60, 0)); /* then it is one */
	PATH(0, skb->gso_size);
	ROOM(0, 8, NET, 0);
	return DONE;
}

SEC("tc") int tags(struct __sk_buff *skb)
{
	__u16 word;

	PATH(0, bpf_skb_vlan_pop(skb)); /* there is none */
	PATH(60, skb->len);
	PATH(0, bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021AD), 5));
	PATH(1, skb->vlan_present);
	PATH(5, skb->vlan_tci);
	PATH(bpf_htons(ETH_P_8021AD), skb->vlan_proto);
	PATH(60, skb->len); /* beside the frame */
	PATH(0, bpf_skb_vlan_push(skb, ARP, 6)); /* no such tag: an ordinary one */
	PATH(VLAN, skb->vlan_proto);
	PATH(64, skb->len);
	PATH(0, bpf_skb_load_bytes(skb, 12, &word, 2));
	PATH(bpf_htons(ETH_P_8021AD), word);
	PATH(0, bpf_skb_vlan_pop(skb));
	PATH(1, skb->vlan_present);
	PATH(5, skb->vlan_tci);
	PATH(60, skb->len);
	PATH(0, bpf_skb_vlan_pop(skb));
	PATH(0, skb->vlan_present);
	PATH(0, bpf_skb_vlan_pop(skb));
	return DONE;
}

/* 14 bytes that say VLAN. */
SEC("tc") int tag_that_is_not_there(struct __sk_buff *skb)
{
	PATH(-ENOMEM, bpf_skb_vlan_pop(skb));
	return DONE;
}

/* A tag, and within it a length instead of a type. */
SEC("tc") int tag_of_a_length(struct __sk_buff *skb)
{
	PATH(0, bpf_skb_vlan_pop(skb));
	PATH(bpf_htons(ETH_P_802_2), skb->protocol);
	return DONE;
}

/* Behind the first tag there is no second, though it says so. */
SEC("tc") int second_tag_that_is_not_there(struct __sk_buff *skb)
{
	PATH(-ENOMEM, bpf_skb_vlan_pop(skb));
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
