/* SPDX-License-Identifier: BSD-2-Clause */
/* Helpers that change the size of an skb's frame, path by path. */
#include "paths.h"

#include <linux/if_ether.h>

#define IP4     bpf_htons(ETH_P_IP)
#define IP6     bpf_htons(ETH_P_IPV6)
#define ARP     bpf_htons(ETH_P_ARP)
#define VLAN    bpf_htons(ETH_P_8021Q)
#define LONGEST 16064 /* what a frame may grow to: prog/packet.h */

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
