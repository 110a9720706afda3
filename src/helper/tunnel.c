/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tunnel metadata. In the kernel a tunnel device leaves it with a frame that it has unpacked and reads it from one that it
 * shall pack. Here it is kept in the packet: what a program sets, it and later programs get, from the other end's view:
 * what was set as remote is the destination, and what is got as remote is the source.
 */
#include "helper/impl.h"

#include <arpa/inet.h>
#include <string.h>

#ifndef BPF_F_TUNINFO_FLAGS
#define BPF_F_TUNINFO_FLAGS (1ull << 4)
#endif
#ifndef BPF_F_NO_TUNNEL_KEY
#define BPF_F_NO_TUNNEL_KEY (1ull << 4)
#endif

/* Bits of a tunnel key's flags, in host order of a big-endian word (linux/if_tunnel.h). */
enum {
	HAS_CSUM = 0x01,
	HAS_KEY = 0x04,
	HAS_SEQ = 0x08,
	KEEP_WHOLE = 0x0100,
	NO_CACHE = 0x2000,
};

/* Sizes that struct bpf_tunnel_key has had. */
static bool old_size(uint32_t size)
{
	return size == offsetof(struct bpf_tunnel_key, local_ipv6[0]) ||
	       size == offsetof(struct bpf_tunnel_key, tunnel_label) ||
	       size == offsetof(struct bpf_tunnel_key, tunnel_ext) ||
	       size == offsetof(struct bpf_tunnel_key, remote_ipv6[1]);
}

HELPER(skb_set_tunnel_key)
{
	HELPER_PACKET(pkt);
	struct bpf_tunnel_key key = {};
	uint32_t size = (uint32_t)r3;
	uint16_t flags = HAS_KEY | HAS_CSUM | NO_CACHE;

	if (r4 & ~(uint64_t)(BPF_F_TUNINFO_IPV6 | BPF_F_ZERO_CSUM_TX | BPF_F_DONT_FRAGMENT | BPF_F_SEQ_NUMBER |
			     BPF_F_NO_TUNNEL_KEY))
		return helper_result(-EINVAL);
	if (size != sizeof(key) && !old_size(size))
		return helper_result(-EINVAL);
	memcpy(&key, helper_ptr(r2), size);
	if ((!(r4 & BPF_F_TUNINFO_IPV6) && key.tunnel_label) || key.tunnel_ext)
		return helper_result(-EINVAL);
	if (r4 & BPF_F_DONT_FRAGMENT)
		flags |= KEEP_WHOLE;
	if (r4 & BPF_F_ZERO_CSUM_TX)
		flags &= (uint16_t)~HAS_CSUM;
	if (r4 & BPF_F_SEQ_NUMBER)
		flags |= HAS_SEQ;
	if (r4 & BPF_F_NO_TUNNEL_KEY)
		flags &= (uint16_t)~HAS_KEY;
	memset(&pkt->tunnel, 0, sizeof(pkt->tunnel));
	pkt->tunnel.set = true;
	pkt->tunnel.ipv6 = r4 & BPF_F_TUNINFO_IPV6;
	pkt->tunnel.flags = htons(flags);
	pkt->tunnel.key = key;
	return 0;
}

HELPER(skb_get_tunnel_key)
{
	HELPER_PACKET(pkt);
	const struct bpf_tunnel_key *from = &pkt->tunnel.key;
	struct bpf_tunnel_key key = {};
	uint32_t size = (uint32_t)r3;
	int err = 0;

	if (!pkt->tunnel.set || (r4 & ~(uint64_t)(BPF_F_TUNINFO_IPV6 | BPF_F_TUNINFO_FLAGS)))
		err = -EINVAL;
	else if (pkt->tunnel.ipv6 != !!(r4 & BPF_F_TUNINFO_IPV6))
		err = -EPROTO;
	else if (size != sizeof(key) && !old_size(size))
		err = -EINVAL;
	else if (size == offsetof(struct bpf_tunnel_key, remote_ipv6[1]) && pkt->tunnel.ipv6)
		err = -EINVAL; /* from before IPv6 */
	if (err) {
		memset(helper_ptr(r2), 0, size);
		return helper_result(err);
	}
	key.tunnel_id = from->tunnel_id;
	key.tunnel_tos = from->tunnel_tos;
	key.tunnel_ttl = from->tunnel_ttl;
	if (r4 & BPF_F_TUNINFO_FLAGS)
		key.tunnel_ext = pkt->tunnel.flags; /* the same two bytes: tunnel_flags */
	if (pkt->tunnel.ipv6) {
		memcpy(key.remote_ipv6, from->local_ipv6, sizeof(key.remote_ipv6));
		memcpy(key.local_ipv6, from->remote_ipv6, sizeof(key.local_ipv6));
		key.tunnel_label = from->tunnel_label & 0xfffff;
	} else {
		key.remote_ipv4 = from->local_ipv4;
		key.local_ipv4 = from->remote_ipv4;
	}
	memcpy(helper_ptr(r2), &key, size);
	return 0;
}

HELPER(skb_set_tunnel_opt)
{
	HELPER_PACKET(pkt);
	uint32_t size = (uint32_t)r3;

	if (!pkt->tunnel.set || size & 3)
		return helper_result(-EINVAL);
	if (size > sizeof(pkt->tunnel.opts))
		return helper_result(-ENOMEM);
	memcpy(pkt->tunnel.opts, helper_ptr(r2), size);
	pkt->tunnel.opts_len = (uint8_t)size;
	pkt->tunnel.has_opts = true;
	return 0;
}

HELPER(skb_get_tunnel_opt)
{
	HELPER_PACKET(pkt);
	uint32_t size = (uint32_t)r3;
	int64_t ret = pkt->tunnel.opts_len;

	if (!pkt->tunnel.set || !pkt->tunnel.has_opts)
		ret = -ENOENT;
	else if (size < pkt->tunnel.opts_len)
		ret = -ENOMEM;
	memset(helper_ptr(r2), 0, size);
	if (ret > 0)
		memcpy(helper_ptr(r2), pkt->tunnel.opts, pkt->tunnel.opts_len);
	return helper_result(ret);
}
