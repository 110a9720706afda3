/* SPDX-License-Identifier: BSD-2-Clause */
/* Helpers on xdp_md. Limits are those of the kernel's buffer (prog/packet.h). */
#include "base/util.h"
#include "helper/impl.h"

#include <string.h>

enum {
	FRAME_HEADER = 40, /* sizeof(struct xdp_frame): stays free at the start of the buffer */
	META_MAX = 255,
	BYTES_MAX = 0xffff,
};

HELPER(xdp_adjust_head)
{
	HELPER_PACKET(pkt);
	int64_t room = pkt->data - pkt->hard_start;
	int64_t meta = pkt->data - pkt->data_meta;
	int32_t by = (int32_t)r2;

	if (room + by < FRAME_HEADER + meta || by > (int64_t)packet_len(pkt) - ETH_HLEN)
		return helper_result(-EINVAL);
	memmove(pkt->data_meta + by, pkt->data_meta, (size_t)meta);
	pkt->data_meta += by;
	pkt->data += by;
	packet_sync(pkt);
	return 0;
}

HELPER(xdp_adjust_tail)
{
	HELPER_PACKET(pkt);
	int32_t by = (int32_t)r2;

	if (by > pkt->hard_end - pkt->data_end || (int64_t)packet_len(pkt) + by < ETH_HLEN)
		return helper_result(-EINVAL);
	if (by > 0)
		memset(pkt->data_end, 0, (size_t)by);
	pkt->data_end += by;
	packet_sync(pkt);
	return 0;
}

HELPER(xdp_adjust_meta)
{
	HELPER_PACKET(pkt);
	int32_t by = (int32_t)r2;
	int64_t at = pkt->data_meta - pkt->hard_start + by;
	int64_t len = pkt->data - pkt->data_meta - by;

	if (at < FRAME_HEADER || len < 0)
		return helper_result(-EINVAL);
	if (len % 4 || len > META_MAX)
		return helper_result(-EACCES);
	pkt->data_meta += by;
	packet_sync(pkt);
	return 0;
}

HELPER(xdp_get_buff_len)
{
	HELPER_PACKET(pkt);
	return packet_len(pkt);
}

/* Where a region of the frame is; NULL and why when it is not all there. */
static uint8_t *region(const struct packet *pkt, uint64_t offset, uint64_t len, int *why)
{
	uint32_t off = (uint32_t)offset, n = (uint32_t)len;

	*why = off > BYTES_MAX || n > BYTES_MAX ? -EFAULT : -EINVAL;
	return *why == -EFAULT || off + n > packet_len(pkt) ? NULL : pkt->data + off;
}

HELPER(xdp_load_bytes)
{
	HELPER_PACKET(pkt);
	int why;
	const uint8_t *at = region(pkt, r2, r4, &why);

	if (!at)
		return helper_result(why);
	memcpy(helper_ptr(r3), at, (uint32_t)r4);
	return 0;
}

HELPER(xdp_store_bytes)
{
	HELPER_PACKET(pkt);
	int why;
	uint8_t *at = region(pkt, r2, r4, &why);

	if (!at)
		return helper_result(why);
	memcpy(at, helper_ptr(r3), (uint32_t)r4);
	return 0;
}
