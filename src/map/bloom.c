/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BLOOM_FILTER: was this value pushed? "No" is certain, "yes" may be wrong.
 *
 * The memfd holds bits. A value sets map_extra of them (5 when that is 0), found from one hash of 64 bits: its halves are
 * start and step of a walk whose step grows. There are as many bits as in the kernel: 7/5 for each entry and hash function,
 * rounded up to a power of two, 2^32 at most.
 *
 * Bits are only ever set, each by one atomic operation, so there is no lock and nothing to repair: a writer that dies leaves a value
 * that is not in the filter, or is.
 */
#include "map/hash.h"

enum {
	BLOOM_FLAGS = BPF_F_NUMA_NODE | BPF_F_ZERO_SEED | MAP_ACCESS_FLAGS,
	BLOOM_HASHES = 5, /* when the attributes do not say */
	BLOOM_HASHES_MAX = 15,
};

struct bloom {
	struct hash_table keys; /* of the hash: k0 and k1 */
	_Atomic uint64_t *words;
	uint32_t mask; /* bits - 1 */
	uint32_t hashes;
};

/* bloom_check - in the kernel's order: bloom_map_alloc_check(), then bloom_map_alloc(). */
static int bloom_check(const struct map_attr *attr)
{
	if (attr->value_size > MAP_KMALLOC_MAX)
		return -E2BIG;
	if (attr->key_size || !attr->value_size || !attr->max_entries || (attr->flags & ~(uint32_t)BLOOM_FLAGS) ||
	    !map_access_flags_ok(attr->flags) || attr->extra > BLOOM_HASHES_MAX)
		return -EINVAL;
	return 0;
}

static uint32_t hashes_of(uint64_t extra)
{
	return extra ? (uint32_t)extra : BLOOM_HASHES;
}

/* bits_of - how many bits, as the kernel reckons: a product beyond 32 bits takes the largest filter. */
static uint64_t bits_of(uint32_t max_entries, uint32_t hashes)
{
	uint64_t wanted = (uint64_t)max_entries * hashes, bits = 64;

	if (wanted > UINT32_MAX)
		return 1ull << 32;
	wanted = wanted / 5 * 7;
	if (wanted > 1u << 31)
		return 1ull << 32;
	while (bits < wanted)
		bits *= 2;
	return bits;
}

static void bloom_layout(const struct map_attr *attr, struct map_layout *l)
{
	map_layout_add(l, bits_of(attr->max_entries, hashes_of(attr->extra)) / 64, 8, 64);
}

static int bloom_init(struct skep_map *map, const struct map_layout *l)
{
	struct bloom *b = aligned_alloc(64, ALIGN_UP(sizeof(*b), 64));

	if (!b)
		return -ENOMEM;
	*b = (struct bloom){.words = (_Atomic uint64_t *)map->mem, .hashes = hashes_of(map->extra)};
	b->mask = (uint32_t)(bits_of(map->max_entries, b->hashes) - 1);
	hash_seed(&b->keys, map->seed);
	map->priv = b;
	return 0;
}

/* A value's bits, one after the other. */
struct walk {
	uint32_t at, step;
};

static inline struct walk walk_start(const struct skep_map *map, const struct bloom *b, const void *value)
{
	uint64_t hash = hash_key(&b->keys, value, map->value_size);

	return (struct walk){.at = (uint32_t)hash, .step = (uint32_t)(hash >> 32)};
}

/* walk_next - @i: how many came before. Two values with the same start and an even step would else meet often. */
static inline uint32_t walk_next(struct walk *w, uint32_t mask, uint32_t i)
{
	uint32_t bit = w->at & mask;

	w->at += w->step;
	w->step += i + 1;
	return bit;
}

static int bloom_push(struct skep_map *map, const void *value, uint64_t flags)
{
	const struct bloom *b = map->priv;
	struct walk w;

	if (flags != BPF_ANY)
		return -EINVAL;
	w = walk_start(map, b, value);
	for (uint32_t i = 0; i < b->hashes; i++) {
		uint32_t bit = walk_next(&w, b->mask, i);
		_Atomic uint64_t *word = &b->words[bit / 64];

		/* Look first: in a filter that has been filled most are set. */
		if (!(atomic_load_explicit(word, memory_order_relaxed) & 1ull << bit % 64))
			atomic_fetch_or_explicit(word, 1ull << bit % 64, memory_order_relaxed);
	}
	return 0;
}

/* bloom_peek - 0 when the value may be in, -ENOENT when it is not. The value is read, not written. */
static int bloom_peek(struct skep_map *map, void *value)
{
	const struct bloom *b = map->priv;
	struct walk w = walk_start(map, b, value);

	for (uint32_t i = 0; i < b->hashes; i++) {
		uint32_t bit = walk_next(&w, b->mask, i);

		if (!(atomic_load_explicit(&b->words[bit / 64], memory_order_relaxed) & 1ull << bit % 64))
			return -ENOENT;
	}
	return 0;
}

static int bloom_pop(struct skep_map *map, void *value)
{
	return -EOPNOTSUPP;
}

static int bloom_user_lookup(struct skep_map *map, const void *key, void *value, uint64_t flags)
{
	return bloom_peek(map, value);
}

static int bloom_user_update(struct skep_map *map, const void *key, const void *value, uint64_t flags)
{
	return bloom_push(map, value, flags);
}

static int bloom_user_delete(struct skep_map *map, const void *key, void **old_obj)
{
	return -EOPNOTSUPP;
}

static int bloom_user_next_key(struct skep_map *map, const void *key, void *next)
{
	return -EOPNOTSUPP;
}

const struct map_ops bloom_filter_ops = {
	.check = bloom_check,
	.layout = bloom_layout,
	.init = bloom_init,
	.fini = hash_fini,
	.attachable = true,
	.push = bloom_push,
	.pop = bloom_pop,
	.peek = bloom_peek,
	.user_lookup = bloom_user_lookup,
	.user_update = bloom_user_update,
	.user_delete = bloom_user_delete,
	.user_next_key = bloom_user_next_key,
};
