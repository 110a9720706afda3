/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copying values in and out of a map while others read and write them.
 *
 * Every aligned word of 8 bytes (4, 2, 1 at the ends) is moved by one atomic access, so a reader
 * never sees half a word; what is larger is told whole from torn by the family's
 * sequence counter, where it has one.
 */
#ifndef SKEP_MAP_COPY_H
#define SKEP_MAP_COPY_H

#include "base/util.h"
#include "map/ops.h"

#include <string.h>

/* map_store - copy @n bytes into a map; @dst is aligned to 4 bytes at least when n is 4 or more. */
static inline void map_store(void *dst, const void *src, size_t n)
{
	uint8_t *d = dst;
	const uint8_t *s = src;
	uint64_t w8;
	uint32_t w4;

	if (((uintptr_t)d & 4) && n >= 4) {
		memcpy(&w4, s, 4);
		__atomic_store_n((uint32_t *)d, w4, __ATOMIC_RELAXED);
		d += 4;
		s += 4;
		n -= 4;
	}
	for (; n >= 8; d += 8, s += 8, n -= 8) {
		memcpy(&w8, s, 8);
		__atomic_store_n((uint64_t *)d, w8, __ATOMIC_RELAXED);
	}
	if (n >= 4) {
		memcpy(&w4, s, 4);
		__atomic_store_n((uint32_t *)d, w4, __ATOMIC_RELAXED);
		d += 4;
		s += 4;
		n -= 4;
	}
	for (; n; d++, s++, n--)
		__atomic_store_n(d, *s, __ATOMIC_RELAXED);
}

/* map_load - copy @n bytes out of a map; alignment as for map_store(). */
static inline void map_load(void *dst, const void *src, size_t n)
{
	uint8_t *d = dst;
	const uint8_t *s = src;
	uint64_t w8;
	uint32_t w4;

	if (((uintptr_t)s & 4) && n >= 4) {
		w4 = __atomic_load_n((const uint32_t *)s, __ATOMIC_RELAXED);
		memcpy(d, &w4, 4);
		d += 4;
		s += 4;
		n -= 4;
	}
	for (; n >= 8; d += 8, s += 8, n -= 8) {
		w8 = __atomic_load_n((const uint64_t *)s, __ATOMIC_RELAXED);
		memcpy(d, &w8, 8);
	}
	if (n >= 4) {
		w4 = __atomic_load_n((const uint32_t *)s, __ATOMIC_RELAXED);
		memcpy(d, &w4, 4);
		d += 4;
		s += 4;
		n -= 4;
	}
	for (; n; d++, s++, n--)
		*d = __atomic_load_n(s, __ATOMIC_RELAXED);
}

/* map_zero - zero @n bytes of a map, @n a multiple of 8 at an aligned address. */
static inline void map_zero(void *dst, size_t n)
{
	for (size_t i = 0; i < n; i += 8)
		__atomic_store_n((uint64_t *)((uint8_t *)dst + i), 0, __ATOMIC_RELAXED);
}

/*
 * map_value_store - copy the user's or program's value into the map's, but for the spin lock's own bytes.
 * @size:  bytes: value_size, or elem_size for one CPU's slot as user space gives it
 * @flags: BPF_F_LOCK takes the value's lock meanwhile; only for maps that have one
 */
static inline void map_value_store(const struct skep_map *map, void *dst, const void *src, size_t size, uint64_t flags)
{
	size_t at = (size_t)map->spin_lock_off;
	uint32_t *lock;

	if (likely(map->spin_lock_off < 0)) {
		map_store(dst, src, size);
		return;
	}
	lock = (uint32_t *)((uint8_t *)dst + at);
	if (flags & BPF_F_LOCK)
		map_value_lock(lock);
	map_store(dst, src, at);
	map_store((uint8_t *)dst + at + 4, (const uint8_t *)src + at + 4, size - at - 4);
	if (flags & BPF_F_LOCK)
		map_value_unlock(lock);
}

/* map_value_load - copy a value out; the spin lock's bytes read as zero. Arguments as map_value_store(). */
static inline void map_value_load(const struct skep_map *map, void *dst, void *src, size_t size, uint64_t flags)
{
	size_t at = (size_t)map->spin_lock_off;
	uint32_t *lock;

	if (likely(map->spin_lock_off < 0)) {
		map_load(dst, src, size);
		return;
	}
	lock = (uint32_t *)((uint8_t *)src + at);
	if (flags & BPF_F_LOCK)
		map_value_lock(lock);
	map_load(dst, src, size);
	if (flags & BPF_F_LOCK)
		map_value_unlock(lock);
	memset((uint8_t *)dst + at, 0, 4);
}

#endif
