/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A frame and the context that a program sees of it.
 *
 * Theory of operation
 *
 * struct xdp_md and struct __sk_buff name the frame by 32-bit fields (data, data_end, data_meta). In the
 * kernel these are rewritten by the verifier into loads of other structs. Here the context *is* the UAPI
 * struct, and the fields hold the addresses themselves: frames live in memory below 4 GiB. A context access
 * needs no rewriting, by interpreter or JIT.
 *
 *     mem    hard_start     data_meta   data            data_end      hard_end
 *      |  guard |  headroom   |  meta  |  frame            |  tailroom  | guard |
 *
 * The layout of room follows the kernel's own (net/bpf/test_run.c), so that adjusting head and tail
 * succeeds and fails at the same sizes: XDP has 256 bytes of headroom in a buffer of 4096
 * with 320 kept back at its end (struct skb_shared_info); an skb has 64 bytes (NET_SKB_PAD) of headroom.
 * Frames that do not fit get a larger buffer of the same shape.
 *
 * Invariants: hard_start <= data_meta <= data <= data_end <= hard_end. The pointers here are the truth; the context's
 * fields repeat them (packet_sync()) after every change. A program cannot move them but through helpers.
 */
#ifndef SKEP_PROG_PACKET_H
#define SKEP_PROG_PACKET_H

#include "base/uapi.h"

#include <stdbool.h>

enum {
	PACKET_XDP_HEADROOM = 256, /* XDP_PACKET_HEADROOM */
	PACKET_XDP_FRAME = 4096,
	PACKET_XDP_RESERVED = 320, /* SKB_DATA_ALIGN(sizeof(struct skb_shared_info)) on x86-64 */
	PACKET_SKB_HEADROOM = 64, /* NET_SKB_PAD + NET_IP_ALIGN on x86-64 */
	PACKET_MAX = 256 * 1024, /* longest frame */
};

enum packet_kind {
	PACKET_NONE,
	PACKET_XDP,
	PACKET_SKB,
};

struct packet {
	enum packet_kind kind;
	uint8_t *mem; /* below 4 GiB, with a guard page on either side */
	size_t mem_size;
	uint8_t *hard_start, *data_meta, *data, *data_end, *hard_end;
	uint32_t clean; /* bytes from the first hard_start on that are known to be zero: packet_sync() forgets them */
	union {
		struct xdp_md xdp;
		struct __sk_buff skb;
	} ctx;
	/* What an skb knows beyond __sk_buff. Offsets are from hard_start, so that they survive a change of head. */
	uint32_t mac_off, net_off;
	/*
	 * The transport header, in 16 bits, as the kernel counts; PACKET_UNSET to begin with. As there, a move of the
	 * frame adds to it all the same, and after that it counts as set: bpf_skb_change_tail() goes by it.
	 */
	uint16_t trans_off;
	uint32_t mac_len; /* the kernel's skb->mac_len: 0 until something asks for it to be measured */
	bool l2; /* data begins at the link-layer header */
	bool encapsulated; /* bpf_skb_adjust_room() has put an outer header in front */
	bool has_hash; /* ctx.skb.hash counts */
	struct
	{ /* the tree's socket that the frame comes from or goes to, as far as it is known; the caller's to fill in */
		bool known;
		uint32_t uid;
		uint64_t cookie;
	} socket;
	bool csum_ok; /* CHECKSUM_UNNECESSARY, csum_level levels above the first */
	uint8_t csum_level;
	struct { /* bpf_skb_set_tunnel_key() and bpf_skb_set_tunnel_opt(): what the frame is to be sent with */
		bool set, ipv6;
		uint16_t flags; /* TUNNEL_*, as __be16 */
		struct bpf_tunnel_key key;
		uint8_t opts_len;
		bool has_opts;
		uint8_t opts[255];
	} tunnel;
};

enum { PACKET_UNSET = 0xffff };

/*
 * packet_new - memory for one frame at a time.
 * @out: the caller's, given back with packet_free()
 * Return: 0, or -ENOMEM when the process has no room below 4 GiB.
 */
int packet_new(struct packet **out);
void packet_free(struct packet *pkt);

/*
 * packet_set_xdp - put a frame in and make an xdp_md of it.
 * @data, @len: the frame, from its link-layer header on; copied, unless it lies at packet_room() already; len up to PACKET_MAX
 * @meta_len:   bytes at the start of @data that are metadata, not frame: 0, or a multiple of 4 up to 32 (252 as of 6.x)
 * ingress_ifindex and rx_queue_index are the caller's to fill in afterwards (pkt->ctx.xdp).
 * Return: 0, -EINVAL for a length that no frame has.
 */
int packet_set_xdp(struct packet *pkt, const void *data, uint32_t len, uint32_t meta_len);

/*
 * packet_set_skb - put a frame in and make an __sk_buff of it: protocol, len, hash, vlan fields, pkt_type and
 * addresses as the kernel's receive path (eth_type_trans()) leaves them.
 * @l2:  the program sees the link-layer header (TC, socket filters on a packet socket); else data begins after it
 * Return: 0, -EINVAL for a length that no frame has (less than an Ethernet header).
 */
int packet_set_skb(struct packet *pkt, const void *data, uint32_t len, bool l2);

/*
 * packet_room - where a frame of up to PACKET_MAX bytes may be put before it becomes an skb, so that it need not be copied. What
 * was in the packet is gone then.
 */
uint8_t *packet_room(struct packet *pkt);

/*
 * packet_xdp_to_skb - make an skb of the frame as xdp has left it, where it lies, with the metadata in front of it; otherwise as packet_set_skb().
 * Return: 0, -EINVAL when it has become too short for an Ethernet header.
 */
int packet_xdp_to_skb(struct packet *pkt);

/* packet_sync - make the context's fields follow the pointers. */
void packet_sync(struct packet *pkt);

/*
 * packet_reserve - make room around an skb's data, as the kernel does when it reallocates: the frame may move.
 * @head, @tail: bytes wanted in front of data and behind data_end
 * Return: 0, -ENOMEM beyond what a frame may grow to.
 */
int packet_reserve(struct packet *pkt, uint32_t head, uint32_t tail);

/*
 * packet_push, packet_pull - move an skb's start by @len bytes. Pushed bytes are as they were; the caller fills them.
 * packet_set_len - cut an skb or grow it with zeroes.
 * Return: 0, -ENOMEM; packet_pull() needs len bytes there.
 */
int packet_push(struct packet *pkt, uint32_t len);
void packet_pull(struct packet *pkt, uint32_t len);
int packet_set_len(struct packet *pkt, uint32_t len);

static inline uint32_t packet_len(const struct packet *pkt)
{
	return (uint32_t)(pkt->data_end - pkt->data);
}

#endif
