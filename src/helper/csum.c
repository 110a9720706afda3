/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Internet checksums (RFC 1071, RFC 1624).
 *
 * One's complement has two zeroes. Where a helper stores or returns a folded sum, which of them comes out follows from
 * the order of additions; it is the kernel's (include/net/checksum.h), so that results agree bit for bit.
 *
 * A frame here carries no checksum that hardware has computed (CHECKSUM_NONE), so nothing else is kept in step.
 */
#include "helper/impl.h"
#include "helper/skb.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#ifndef BPF_F_IPV6
#define BPF_F_IPV6 (1ull << 7) /* Linux 6.16 */
#endif

enum { MANGLED_0 = 0xffff };

static uint32_t add32(uint32_t a, uint32_t b)
{
	uint32_t sum = a + b;

	return sum + (sum < b);
}

static uint16_t add16(uint16_t a, uint16_t b)
{
	uint16_t sum = (uint16_t)(a + b);

	return (uint16_t)(sum + (sum < b));
}

static uint16_t fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* The sum of a region, not folded; what is short of a word at its end counts as if zeroes followed. */
static uint32_t sum_bytes(const void *data, uint32_t size, uint32_t seed)
{
	const uint8_t *p = data;
	uint32_t sum = seed, word;

	for (; size >= 4; size -= 4, p += 4) {
		memcpy(&word, p, 4);
		sum = add32(sum, word);
	}
	word = 0;
	memcpy(&word, p, size);
	return add32(sum, word);
}

HELPER(csum_diff)
{
	const void *from = helper_ptr(r1), *to = helper_ptr(r3);
	uint32_t from_size = (uint32_t)r2, to_size = (uint32_t)r4, seed = (uint32_t)r5;

	if (from_size && to_size)
		return fold(add32(sum_bytes(to, to_size, seed), ~sum_bytes(from, from_size, 0)));
	if (to_size)
		return fold(sum_bytes(to, to_size, seed));
	if (from_size)
		return fold(~sum_bytes(from, from_size, ~seed));
	return fold(seed);
}

HELPER(csum_update)
{
	/* Only for frames whose sum hardware has given (CHECKSUM_COMPLETE). */
	return helper_result(-ENOTSUPP);
}

HELPER(csum_level)
{
	HELPER_PACKET(pkt);

	switch (r2) {
	case BPF_CSUM_LEVEL_QUERY:
		return helper_result(pkt->csum_ok ? pkt->csum_level : -EACCES);
	case BPF_CSUM_LEVEL_INC:
		if (!pkt->csum_ok) {
			pkt->csum_ok = true;
			pkt->csum_level = 0;
		} else if (pkt->csum_level < 3) {
			pkt->csum_level++;
		}
		return 0;
	case BPF_CSUM_LEVEL_DEC:
		if (pkt->csum_ok && !pkt->csum_level)
			pkt->csum_ok = false;
		else if (pkt->csum_ok)
			pkt->csum_level--;
		return 0;
	case BPF_CSUM_LEVEL_RESET:
		skb_csum_reset(pkt);
		return 0;
	default:
		return helper_result(-EINVAL);
	}
}

/* csum_at - where a frame's checksum field is. NULL when it is not all there, or at an odd place. */
static uint8_t *csum_at(struct packet *pkt, uint64_t offset)
{
	uint32_t off = (uint32_t)offset;

	if (off > 0xffff || off & 1 || off + 2 > packet_len(pkt))
		return NULL;
	return pkt->data + off;
}

static uint16_t replace4(uint16_t sum, uint32_t from, uint32_t to)
{
	return (uint16_t)~fold(add32(add32((uint16_t)~sum, ~from), to));
}

static uint16_t replace_diff(uint16_t sum, uint32_t diff)
{
	return (uint16_t)~fold(add32(diff, ~(uint32_t)sum));
}

HELPER(l3_csum_replace)
{
	HELPER_PACKET(pkt);
	uint8_t *at = csum_at(pkt, r2);
	uint16_t sum;

	if (r5 & ~(uint64_t)BPF_F_HDR_FIELD_MASK)
		return helper_result(-EINVAL);
	if (!at)
		return helper_result(-EFAULT);
	memcpy(&sum, at, 2);
	switch (r5 & BPF_F_HDR_FIELD_MASK) {
	case 0:
		if (r3)
			return helper_result(-EINVAL);
		sum = replace_diff(sum, (uint32_t)r4);
		break;
	case 2:
		sum = (uint16_t)~add16(add16((uint16_t)~sum, (uint16_t)~r3), (uint16_t)r4);
		break;
	case 4:
		sum = replace4(sum, (uint32_t)r3, (uint32_t)r4);
		break;
	default:
		return helper_result(-EINVAL);
	}
	memcpy(at, &sum, 2);
	return 0;
}

HELPER(l4_csum_replace)
{
	HELPER_PACKET(pkt);
	bool zero_means_none = r5 & BPF_F_MARK_MANGLED_0;
	uint8_t *at = csum_at(pkt, r2);
	uint16_t sum;

	if (r5 & ~(uint64_t)(BPF_F_MARK_MANGLED_0 | BPF_F_MARK_ENFORCE | BPF_F_PSEUDO_HDR | BPF_F_HDR_FIELD_MASK |
			     BPF_F_IPV6))
		return helper_result(-EINVAL);
	if (!at)
		return helper_result(-EFAULT);
	memcpy(&sum, at, 2);
	if (zero_means_none && !(r5 & BPF_F_MARK_ENFORCE) && !sum)
		return 0;
	switch (r5 & BPF_F_HDR_FIELD_MASK) {
	case 0:
		if (r3)
			return helper_result(-EINVAL);
		sum = replace_diff(sum, (uint32_t)r4);
		break;
	case 2:
		sum = replace4(sum, (uint16_t)r3, (uint16_t)r4);
		break;
	case 4:
		sum = replace4(sum, (uint32_t)r3, (uint32_t)r4);
		break;
	default:
		return helper_result(-EINVAL);
	}
	if (zero_means_none && !sum)
		sum = MANGLED_0;
	memcpy(at, &sum, 2);
	return 0;
}
