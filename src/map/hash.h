/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hash table under every map with keys of one size: HASH, LRU_HASH, their per-CPU kinds, HASH_OF_MAPS and
 * DEVMAP_HASH; and under LPM_TRIE, whose prefixes are such keys.
 *
 * Theory of operation
 *
 * The memfd holds buckets, then elements, then (LRU) one reference byte an element, then (per-CPU) the
 * values of CPU 0, of CPU 1, ...
 *
 * A bucket is one cache line: 12 tags of one byte each, 12 element indices, and the head of a chain. A tag
 * is a byte of the key's hash, zero where the place is free; one vector compare finds the candidates, so a miss
 * mostly costs one cache line and a hit one more for the element, where key and value are neighbours. There is
 * a bucket for every 8 elements at most (rounded to a power of two), so places run out in few buckets; what does not
 * fit hangs in the chain, linked through the elements.
 *
 * An element begins with its sequence word:
 *
 *     bit 0   SEQ_WRITING   its bytes are being changed
 *     bit 1   SEQ_LIVE      it is in the table
 *     others                count up at each change
 *
 * Writers hold the map's lock. An element is filled first and then published by one store of the tag (or of the
 * chain link that leads to it), and taken out the same way; from then on it may be handed out again.
 *
 * Readers
 *  - A program's lookup compares the key and returns the value's address, as in the kernel: the value may change or be
 *    recycled under it.
 *  - A user's lookup copies the value and takes it only if the sequence word was the same before and after, live and
 *    at rest.
 *  - A walk along a chain may be led away by an element that is recycled meanwhile. It counts its steps, and when it
 *    finds nothing although elements left chains meanwhile (ctl->gen), it looks again.
 *
 * Invariants
 *  - A key that is in the table all the time stays in its place, so no lookup misses it.
 *  - Updating a present key writes its value in place. Values never move.
 *  - Elements number max_entries; an index from the memfd is used only below that.
 *  - Wherever a writer dies, the elements reachable from buckets are the truth: hash_recover() builds the
 *    rest from them.
 *  - A value that takes more than one store is first copied to a spare place and noted in ctl->redo, so whoever takes
 *    the lock over from a dead writer finishes what it had begun: a user's lookup never sees half a value.
 */
#ifndef SKEP_MAP_HASH_H
#define SKEP_MAP_HASH_H

#include "map/copy.h"
#include "map/lock.h"

#include <errno.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

enum { HASH_PLACES = 12 };
enum { SEQ_WRITING = 1, SEQ_LIVE = 2, SEQ_STEP = 4 };

struct hash_bucket {
	_Alignas(64) uint8_t tag[HASH_PLACES];
	_Atomic uint32_t chain; /* index + 1 of the first chained element */
	_Atomic uint32_t place[HASH_PLACES];
};
_Static_assert(sizeof(struct hash_bucket) == 64, "a bucket is one cache line");

struct hash_elem {
	_Atomic uint32_t seq;
	_Atomic uint32_t next; /* index + 1 in a chain or in the free list */
	uint8_t key[];
};

/* The private view: all that a lookup needs, in one cache line. */
struct hash_table {
	_Alignas(64) struct hash_bucket *buckets;
	uint8_t *elems;
	uint64_t k0, k1; /* the keys of the hash */
	uint32_t mask; /* buckets - 1 */
	uint32_t stride; /* bytes from element to element */
	uint32_t n; /* elements */
	uint32_t value_off; /* of the value in an element */
	uint8_t *ref; /* LRU: a byte an element, set when a program looked at it */
	uint8_t *values; /* per-CPU: CPU 0's values */
	uint8_t *spare; /* room for one value as user space has it; for writers only */
};

static inline struct hash_table *hash_of(const struct skep_map *map)
{
	return map->priv;
}

static inline struct hash_elem *hash_elem(const struct hash_table *t, uint32_t index)
{
	return (struct hash_elem *)(t->elems + (uint64_t)index * t->stride);
}

static inline uint64_t hash_mix(uint64_t a, uint64_t b)
{
	unsigned __int128 p = (unsigned __int128)a * b;

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static inline uint64_t load_u64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return v;
}

static inline uint32_t load_u32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}

/*
 * key_u64 - eight bytes of a key that a program has put together, in two loads. Programs store the parts of a key, mostly four bytes each, right before they
 * call; a load that covers two such stores waits until both have reached the cache, some 15 ns, and one that one of them covers does not wait.
 */
static inline uint64_t key_u64(const void *p)
{
	uint32_t lo = load_u32(p), hi = load_u32((const uint8_t *)p + 4);

	__asm__("" : "+r"(lo)); /* else the compiler makes one load of them */
	return lo | (uint64_t)hi << 32;
}

/* hash_seed - the hash's two keys from one seed; the constants have their bits well spread, so that seed 0 does too. */
static inline void hash_seed(struct hash_table *t, uint64_t seed)
{
	t->k0 = hash_mix(seed ^ 0x9e6c63d0876a9a47ull, 0xd1b54a32d192ed03ull);
	t->k1 = hash_mix(seed ^ 0x8f5a1c2b7e4d9361ull, 0xaef17502108ef2d9ull) | 1;
}

uint64_t hash_bytes(const struct hash_table *t, const uint8_t *key, uint32_t size);

/*
 * hash_key - the keyed hash of a key: the two halves of a product with secret factors, folded.
 * @size: in bytes; a constant where speed matters
 */
static inline __attribute__((always_inline)) uint64_t hash_key(const struct hash_table *t, const void *key,
							       uint32_t size)
{
	switch (size) {
	case 4:
		return hash_mix(load_u32(key) ^ t->k0, t->k1);
	case 8:
		return hash_mix(key_u64(key) ^ t->k0, t->k1);
	case 16:
		return hash_mix(key_u64(key) ^ t->k0, key_u64((const uint8_t *)key + 8) ^ t->k1);
	case 20:
		return hash_mix(key_u64(key) ^ t->k0, hash_mix(key_u64((const uint8_t *)key + 8) ^ t->k1,
							       load_u32((const uint8_t *)key + 16) ^ t->k0));
	default:
		return hash_bytes(t, key, size);
	}
}

/* @a: an element's key; @b: the one that is looked for */
static inline __attribute__((always_inline)) bool hash_key_equal(const void *a, const void *b, uint32_t size)
{
	switch (size) {
	case 4:
		return __atomic_load_n((const uint32_t *)a, __ATOMIC_RELAXED) == load_u32(b);
	case 8:
		return __atomic_load_n((const uint64_t *)a, __ATOMIC_RELAXED) == key_u64(b);
	case 16:
		return !((load_u64(a) ^ key_u64(b)) |
			 (load_u64((const uint8_t *)a + 8) ^ key_u64((const uint8_t *)b + 8)));
	case 20:
		return !((load_u64(a) ^ key_u64(b)) |
			 (load_u64((const uint8_t *)a + 8) ^ key_u64((const uint8_t *)b + 8)) |
			 (load_u32((const uint8_t *)a + 16) ^ load_u32((const uint8_t *)b + 16)));
	default:
		return !memcmp(a, b, size);
	}
}

static inline uint8_t hash_tag(uint64_t hash)
{
	uint8_t tag = (uint8_t)hash;

	return tag ? tag : 1;
}

static inline struct hash_bucket *hash_bucket(const struct hash_table *t, uint64_t hash)
{
	return &t->buckets[(uint32_t)(hash >> 20) & t->mask];
}

/* hash_match - the places of a bucket whose tag is @tag (0: the free ones), as bits. */
static inline uint32_t hash_match(const struct hash_bucket *b, uint8_t tag)
{
#if defined(__SSE2__) && !defined(__SANITIZE_THREAD__)
	__m128i tags = _mm_load_si128((const __m128i *)(const void *)b->tag);
	uint32_t hits = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(tags, _mm_set1_epi8((char)tag)));

	atomic_thread_fence(memory_order_acquire);
	return hits & ((1u << HASH_PLACES) - 1);
#else
	uint32_t hits = 0;

	for (uint32_t i = 0; i < HASH_PLACES; i++)
		hits |= (uint32_t)(__atomic_load_n(&b->tag[i], __ATOMIC_ACQUIRE) == tag) << i;
	return hits;
#endif
}

#define HASH_NONE UINT32_MAX

uint32_t hash_find_chained(const struct skep_map *map, const struct hash_bucket *b, const void *key);

/*
 * hash_find_in - the element of a key.
 * @b, @tag: where to look, from the key's hash
 * @size:    the key's size, a constant where speed matters
 * Return: its index, below t->n, or HASH_NONE.
 */
static inline __attribute__((always_inline)) uint32_t hash_find_in(const struct skep_map *map,
								   const struct hash_table *t,
								   const struct hash_bucket *b, uint8_t tag,
								   const void *key, uint32_t size)
{
	uint32_t hits = hash_match(b, tag);

	for (; hits; hits &= hits - 1) {
		uint32_t i = atomic_load_explicit(&b->place[__builtin_ctz(hits)], memory_order_relaxed);

		if (likely(i < t->n) && likely(hash_key_equal(hash_elem(t, i)->key, key, size)))
			return i;
	}
	if (unlikely(atomic_load_explicit(&b->chain, memory_order_relaxed)))
		return hash_find_chained(map, b, key);
	return HASH_NONE;
}

/* hash_find - the same from the key alone. */
static inline __attribute__((always_inline)) uint32_t hash_find(const struct skep_map *map, const void *key,
								uint32_t size)
{
	const struct hash_table *t = hash_of(map);
	uint64_t hash = hash_key(t, key, size);

	return hash_find_in(map, t, hash_bucket(t, hash), hash_tag(hash), key, size);
}

/* hash_find_any - hash_find() for callers that do not know the size when they are compiled. */
static inline uint32_t hash_find_any(const struct skep_map *map, const void *key)
{
	switch (map->key_size) {
	case 4:
		return hash_find(map, key, 4);
	case 8:
		return hash_find(map, key, 8);
	case 16:
		return hash_find(map, key, 16);
	default:
		return hash_find(map, key, map->key_size);
	}
}

/* hash_value - where an element's value is: in it, or among the CPU's values. */
static inline void *hash_value(const struct skep_map *map, const struct hash_table *t, uint32_t index, uint32_t cpu)
{
	if (t->values)
		return t->values + (uint64_t)index * map->elem_size + cpu * map->cpu_stride;
	return (uint8_t *)hash_elem(t, index) + t->value_off;
}

/* hash_begin_write, hash_end_write - around changes of an element's bytes; the lock is held. */
static inline void hash_begin_write(struct hash_elem *e)
{
	atomic_store_explicit(&e->seq, atomic_load_explicit(&e->seq, memory_order_relaxed) | SEQ_WRITING,
			      memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
}

static inline void hash_end_write(struct hash_elem *e, uint32_t live)
{
	uint32_t seq = atomic_load_explicit(&e->seq, memory_order_relaxed);

	atomic_store_explicit(&e->seq, ((seq & ~3u) + SEQ_STEP) | live, memory_order_release);
}

/*
 * hash_overwrite - write a value over an older one; the lock is held, the element is marked as being written.
 * @cpu:   whose value, in a per-CPU map, or HASH_ALL_CPUS: then @value has elem_size bytes for each
 * @flags: BPF_F_LOCK
 */
enum { HASH_ALL_CPUS = UINT32_MAX };
void hash_store(const struct skep_map *map, uint32_t index, uint32_t cpu, const void *value, uint64_t flags);
void hash_overwrite_long(struct skep_map *map, uint32_t index, uint32_t cpu, const void *value, uint64_t flags);

static inline void hash_overwrite(struct skep_map *map, const struct hash_table *t, uint32_t index, uint32_t cpu,
				  const void *value, uint64_t flags)
{
	/* Values stand at multiples of 8: these take one store. */
	if (likely(map->value_size == 8 && map->spin_lock_off < 0 && cpu != HASH_ALL_CPUS))
		map_store(hash_value(map, t, index, cpu), value, 8);
	else
		hash_overwrite_long(map, index, cpu, value, flags);
}

/* Checks and sizes. */
int hash_check(const struct map_attr *attr);
uint64_t hash_buckets(uint32_t max_entries);
void hash_layout(const struct map_attr *attr, struct map_layout *l); /* uses off[0] to off[4] */
void hash_table_init(struct hash_table *t, const struct skep_map *map, const struct map_layout *l, uint64_t spare_off);
int hash_init(struct skep_map *map, const struct map_layout *l);
void hash_fini(struct skep_map *map);

/* Structure. The lock is held, but for hash_next_key(). */
uint32_t hash_alloc(struct skep_map *map);
void hash_free(struct skep_map *map, uint32_t index);
void hash_publish(struct skep_map *map, uint64_t hash, uint32_t index);
bool hash_unlink(struct skep_map *map, uint64_t hash, uint32_t index);
void hash_recover(struct skep_map *map);
void hash_redo(struct skep_map *map);
bool hash_keep(const struct hash_table *t, uint8_t *seen, uint32_t index);
void hash_sweep(struct skep_map *map, const uint8_t *seen);

uint32_t hash_next_live(const struct skep_map *map, uint32_t from);
void hash_copy_out(const struct skep_map *map, uint32_t index, void *value, uint64_t flags);
int hash_next_key(struct skep_map *map, const void *key, void *next);
uint32_t hash_user_batch(struct skep_map *map, uint32_t *at, uint32_t room, void *keys, void *values, uint64_t flags,
			 void **old); /* map_user_batch(), map/map.h */
long hash_for_each(struct skep_map *map, uint32_t cpu, long (*fn)(void *arg, void *key, void *value), void *arg);

/* lru.c: the element to give up when none is free. The lock is held. */
uint32_t lru_evict(struct skep_map *map);

#endif
