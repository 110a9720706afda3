/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LPM_TRIE: the longest prefix that a key begins with.
 *
 * Theory of operation
 *
 * A trie costs a cache miss a level, and a filled one is as deep as the logarithm of its entries. Hashing once for
 * each possible length costs as many probes as there are lengths. This map hashes, but only for
 * lengths that can hit, which a table tells by the key's first K bits (2^K reaches max_entries; 16 at most):
 *
 *     buckets, elems   the hash table of hash.h; its keys are the prefixes: length, and data with all bits behind it
 *                      zero
 *     jump             2^K slots, by a key's first K bits: the lengths above K of prefixes that begin with them (as
 *                      bits), how many those prefixes are, and the longest prefix of up to K bits that covers the slot
 *     exact            2^(K+1) links: the element of each prefix of up to K bits, at (1 << length) + its bits,
 *                      so that the parent of entry i is entry i / 2
 *     lengths          how many prefixes there are of each length
 *
 * A lookup reads one slot, probes its lengths from the longest down, and takes the slot's short prefix when none
 * hits. So hosts cost one probe, a routing table about two. Short prefixes are rare and costly to change (a /0
 * writes every slot), long ones cheap. Where keys have more than 64 + K bits, one bit stands for a few neighbouring
 * lengths, and the lengths table tells which of them exist. A slot's bits are only cleared when its last prefix
 * goes: one too many costs a probe.
 *
 * Links are element indices plus one. Writers hold the map's lock. A slot's bit is set before the element is
 * published, and the short tables point to an element only after it is filled. A reader that saw a prefix go while
 * it probed (ctl->gen) looks again: otherwise it could miss a long one that came and then the short one that went.
 *
 * As the kernel does, an element keeps all bytes of its key as they were given last, those behind the prefix too
 * (behind the value), and gives them back in iteration; the order of iteration is that of the elements.
 */
#include "map/hash.h"

enum {
	DATA_MAX = 256,
	NODE_OVERHEAD = 24, /* the kernel's struct lpm_trie_node, which is part of the limit on values */
	TABLE_BITS_MAX = 16,
	LOOKUP_TRIES = 64, /* while prefixes keep going */
};

struct lpm_slot {
	_Atomic uint64_t lengths; /* bit c: prefixes of the lengths in class c, see class_of() */
	_Atomic uint32_t best; /* link of the longest short prefix */
	_Atomic uint32_t longer; /* prefixes that the bits stand for */
};

struct lpm {
	struct hash_table table; /* first: hash_of() finds it here */
	struct lpm_slot *jump;
	_Atomic uint32_t *exact, *lengths;
	uint32_t bits; /* K */
	uint32_t max_len; /* bits in a key */
	uint32_t data_size; /* the same in bytes */
	uint32_t shift; /* a class is 1 << shift lengths */
	uint32_t raw_off; /* of the data as given, in an element */
};

/* A prefix as the hash table has it. */
struct lpm_key {
	uint32_t len;
	uint8_t data[DATA_MAX];
};

static const struct lpm *lpm_of(const struct skep_map *map)
{
	return map->priv;
}

/* Sizes. */

static int lpm_check(const struct map_attr *attr)
{
	if (!attr->max_entries || !(attr->flags & BPF_F_NO_PREALLOC) ||
	    (attr->flags & ~(uint32_t)(BPF_F_NO_PREALLOC | BPF_F_NUMA_NODE | MAP_ACCESS_FLAGS)) ||
	    !map_access_flags_ok(attr->flags) || attr->key_size < 5 || attr->key_size > 4 + DATA_MAX ||
	    !attr->value_size || attr->value_size > MAP_KMALLOC_MAX - DATA_MAX - NODE_OVERHEAD)
		return -EINVAL;
	return 0;
}

static uint32_t table_bits(uint32_t max_entries, uint32_t max_len)
{
	uint32_t bits = 1;

	while (bits < MIN((uint32_t)TABLE_BITS_MAX, max_len) && 1u << bits < max_entries)
		bits++;
	return bits;
}

static void lpm_layout(const struct map_attr *attr, struct map_layout *l)
{
	uint32_t data_size = attr->key_size - 4, bits = table_bits(attr->max_entries, data_size * 8);
	uint64_t elem = sizeof(struct hash_elem) + ALIGN_UP(attr->key_size, 8) +
			ALIGN_UP((uint64_t)attr->value_size, 8) + ALIGN_UP(data_size, 8);

	l->off[0] = map_layout_add(l, hash_buckets(attr->max_entries), sizeof(struct hash_bucket), 64);
	l->off[1] = map_layout_add(l, attr->max_entries, elem, 64);
	l->off[2] = map_layout_add(l, 1ull << bits, sizeof(struct lpm_slot), 64);
	l->off[3] = map_layout_add(l, 2ull << bits, 4, 64);
	l->off[4] = map_layout_add(l, data_size * 8 + 1, 4, 64);
	l->off[5] = map_layout_add(l, 1, ALIGN_UP((uint64_t)attr->value_size, 8), 64);
}

static int lpm_init(struct skep_map *map, const struct map_layout *l)
{
	struct lpm *t = aligned_alloc(64, ALIGN_UP(sizeof(*t), 64));

	if (!t)
		return -ENOMEM;
	*t = (struct lpm){
		.jump = (struct lpm_slot *)(map->mem + l->off[2]),
		.exact = (_Atomic uint32_t *)(map->mem + l->off[3]),
		.lengths = (_Atomic uint32_t *)(map->mem + l->off[4]),
		.data_size = map->key_size - 4,
		.max_len = (map->key_size - 4) * 8,
	};
	t->bits = table_bits(map->max_entries, t->max_len);
	while ((t->max_len - t->bits) >> t->shift >= 64)
		t->shift++;
	hash_table_init(&t->table, map, l, l->off[5]);
	t->raw_off = t->table.stride;
	t->table.stride += ALIGN_UP(t->data_size, 8);
	map->priv = t;
	return 0;
}

/* Bits. Words are in memory order, and the machine is little-endian. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "probe() makes words as such a machine reads them");

static uint32_t get(const _Atomic uint32_t *at)
{
	return atomic_load_explicit(at, memory_order_acquire);
}

static void set(_Atomic uint32_t *at, uint32_t value)
{
	atomic_store_explicit(at, value, memory_order_release);
}

/* class_of - the bit of lpm_slot.lengths that stands for a length above K. */
static inline uint32_t class_of(const struct lpm *t, uint32_t len)
{
	return (len - t->bits - 1) >> t->shift;
}

/* first_bits - the first @bits (16 at most) of @data as a number. */
static inline uint32_t first_bits(const struct lpm *t, const uint8_t *data, uint32_t bits)
{
	uint32_t word = (uint32_t)data[0] << 8 | (t->data_size > 1 ? data[1] : 0);

	return word >> (16 - bits);
}

/*
 * shorten - make a prefix shorter: zero the bits from @len up to where it was cut before.
 * @size: of the data in bytes; len is below 8 times that, or changes nothing
 */
static void shorten(struct lpm_key *key, uint32_t len, uint32_t size)
{
	uint32_t from = len / 8, to = MIN((key->len + 7) / 8, size);

	key->len = len;
	if (from >= to)
		return;
	key->data[from] &= (uint8_t)(0xff00 >> len % 8);
	if (to > from + 1)
		memset(key->data + from + 1, 0, to - from - 1);
}

/* first_ones - eight bytes in memory order whose first @n bits (0 to 64) are ones. */
static inline uint64_t first_ones(uint32_t n)
{
	return n ? __builtin_bswap64(~0ull << (64 - n)) : 0;
}

/*
 * probe - look one prefix of a key up.
 *
 * The known sizes make the hash table's key in registers, word by word as the hash reads it: stores of other sizes
 * would have to reach the cache before the words could be loaded. Others shorten @prefix, which starts as the whole
 * key.
 */
static inline __attribute__((always_inline)) uint32_t probe(const struct skep_map *map, const uint8_t *data,
							    uint32_t len, uint32_t size, struct lpm_key *prefix)
{
	if (size == 4) {
		uint64_t word = len | (load_u32(data) & first_ones(len)) << 32;

		return hash_find(map, &word, 8);
	}
	if (size == 16) {
		uint64_t a = load_u64(data) & first_ones(MIN(len, 64u));
		uint64_t b = load_u64(data + 8) & first_ones(len > 64 ? len - 64 : 0);
		uint64_t words[3] = {len | a << 32, a >> 32 | b << 32, b >> 32};

		return hash_find(map, words, 20);
	}
	shorten(prefix, len, size);
	return hash_find(map, prefix, size + 4);
}

/* copy_key - a key as a prefix of its full length, ready for shorten(). */
static void copy_key(struct lpm_key *to, const void *key, uint32_t size)
{
	to->len = size * 8;
	memcpy(to->data, (const uint8_t *)key + 4, size);
}

/* same_bits - whether the first @len bits are the same. */
static bool same_bits(const uint8_t *a, const uint8_t *b, uint32_t len)
{
	uint32_t whole = len / 8;

	return !memcmp(a, b, whole) && (len % 8 == 0 || !((a[whole] ^ b[whole]) >> (8 - len % 8)));
}

/* Lookup. */

/* longest_short - the longest prefix of at most @len bits (K at most) that the key begins with: a link or 0. */
static uint32_t longest_short(const struct lpm *t, const uint8_t *data, uint32_t len)
{
	for (uint32_t at = (1u << len) + first_bits(t, data, len); at; at /= 2) {
		uint32_t link = get(&t->exact[at]);

		if (link)
			return link;
	}
	return 0;
}

/* find_once - one round of probes. Return: the element of the longest prefix, or HASH_NONE. */
static inline __attribute__((always_inline)) uint32_t find_once(const struct skep_map *map, const void *key,
								uint32_t key_len, uint32_t size)
{
	const struct lpm *t = lpm_of(map);
	const uint8_t *data = (const uint8_t *)key + 4;
	const struct lpm_slot *slot;
	struct lpm_key prefix;
	uint64_t lengths;
	uint32_t link;

	if (unlikely(key_len < t->bits)) {
		link = longest_short(t, data, key_len) - 1;
		return link < t->table.n ? link : HASH_NONE;
	}
	slot = &t->jump[first_bits(t, data, t->bits)];
	lengths = atomic_load_explicit(&slot->lengths, memory_order_acquire);
	if (lengths && size != 4 && size != 16)
		copy_key(&prefix, key, size);
	while (lengths) {
		uint32_t class = 63 - (uint32_t)__builtin_clzll(lengths);
		uint32_t low = t->bits + 1 + (class << t->shift);
		uint32_t len = MIN(low + (1u << t->shift) - 1, key_len), index;

		lengths &= ~(1ull << class);
		for (; len >= low; len--) {
			if (size != 4 && !atomic_load_explicit(&t->lengths[len], memory_order_relaxed))
				continue;
			index = probe(map, data, len, size, &prefix);
			if (index != HASH_NONE)
				return index;
		}
	}
	link = get(&slot->best) - 1;
	return link < t->table.n ? link : HASH_NONE;
}

/* find - find_once() until no prefix went meanwhile. Return: the element, or HASH_NONE. */
static inline __attribute__((always_inline)) uint32_t find(const struct skep_map *map, const void *key, uint32_t size)
{
	uint32_t len = load_u32(key), index = HASH_NONE;

	if (unlikely(len > size * 8))
		return HASH_NONE;
	for (uint32_t try = 0; try < LOOKUP_TRIES; try++) {
		uint32_t gen = get(&map->ctl->gen);

		index = find_once(map, key, len, size);
		atomic_thread_fence(memory_order_acquire);
		if (likely(gen == atomic_load_explicit(&map->ctl->gen, memory_order_relaxed)))
			break;
	}
	return index;
}

static inline __attribute__((always_inline)) void *value_or_null(const struct skep_map *map, uint32_t index)
{
	const struct hash_table *t = hash_of(map);

	return index == HASH_NONE ? NULL : (uint8_t *)hash_elem(t, index) + t->value_off;
}

static void *lpm_lookup(struct skep_map *map, const void *key, uint32_t cpu)
{
	return value_or_null(map, find(map, key, lpm_of(map)->data_size));
}

static void *lpm_lookup_4(struct skep_map *map, const void *key, uint32_t cpu)
{
	return value_or_null(map, find(map, key, 4));
}

static void *lpm_lookup_16(struct skep_map *map, const void *key, uint32_t cpu)
{
	return value_or_null(map, find(map, key, 16));
}

/* lpm_user_lookup - a copy of one moment's value; see hash_user_lookup() for the tries. */
static int lpm_user_lookup(struct skep_map *map, const void *key, void *value, uint64_t flags)
{
	const struct lpm *t = lpm_of(map);
	uint32_t tries = map->readonly ? MAP_READ_TRIES : 256, index;

	for (uint32_t try = 0; try < tries; try++) {
		struct hash_elem *e;
		uint32_t seq, len;

		index = find(map, key, t->data_size);
		if (index == HASH_NONE)
			return -ENOENT;
		e = hash_elem(&t->table, index);
		seq = atomic_load_explicit(&e->seq, memory_order_acquire);
		len = load_u32(e->key);
		if ((seq & (SEQ_WRITING | SEQ_LIVE)) != SEQ_LIVE || len > load_u32(key) ||
		    !same_bits(e->key + 4, (const uint8_t *)key + 4, len))
			continue;
		map_load(value, value_or_null(map, index), map->value_size);
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&e->seq, memory_order_relaxed) == seq)
			return 0;
	}
	if (map->readonly)
		return -EAGAIN;
	map_lock(map);
	index = find(map, key, t->data_size);
	if (index != HASH_NONE)
		map_load(value, value_or_null(map, index), map->value_size);
	map_unlock(map);
	return index == HASH_NONE ? -ENOENT : 0;
}

/* Changes; the lock is held. */

/* best_len - the length of a slot's best prefix plus one; 0 when it has none. */
static uint32_t best_len(const struct lpm *t, uint32_t link)
{
	return link - 1 < t->table.n ? load_u32(hash_elem(&t->table, link - 1)->key) + 1 : 0;
}

/* announce - tell the tables of a new prefix: a long one before it is published, a short one after it is filled. */
static void announce(const struct lpm *t, const struct lpm_key *prefix, uint32_t link)
{
	uint32_t len = prefix->len;

	set(&t->lengths[len], get(&t->lengths[len]) + 1);
	if (len > t->bits) {
		struct lpm_slot *slot = &t->jump[first_bits(t, prefix->data, t->bits)];

		set(&slot->longer, get(&slot->longer) + 1);
		atomic_fetch_or_explicit(&slot->lengths, 1ull << class_of(t, len), memory_order_release);
		return;
	}
	uint32_t bits = first_bits(t, prefix->data, len), spread = t->bits - len;

	set(&t->exact[(1u << len) + bits], link);
	for (uint32_t i = bits << spread; i < (bits + 1) << spread; i++)
		if (best_len(t, get(&t->jump[i].best)) <= len)
			set(&t->jump[i].best, link);
}

/* retract - the opposite, after the prefix is out of the hash table. */
static void retract(const struct lpm *t, const struct lpm_key *prefix, uint32_t link)
{
	uint32_t len = prefix->len;

	set(&t->lengths[len], get(&t->lengths[len]) - 1);
	if (len > t->bits) {
		struct lpm_slot *slot = &t->jump[first_bits(t, prefix->data, t->bits)];

		set(&slot->longer, get(&slot->longer) - 1);
		if (!get(&slot->longer))
			atomic_store_explicit(&slot->lengths, 0, memory_order_release);
		return;
	}
	uint32_t bits = first_bits(t, prefix->data, len), spread = t->bits - len;
	uint32_t next = len ? longest_short(t, prefix->data, len - 1) : 0;

	set(&t->exact[(1u << len) + bits], 0);
	for (uint32_t i = bits << spread; i < (bits + 1) << spread; i++)
		if (get(&t->jump[i].best) == link)
			set(&t->jump[i].best, next);
}

/* make_prefix - the hash table's key for the user's. Return: false when its length is beyond the key's bits. */
static bool make_prefix(const struct lpm *t, const void *key, struct lpm_key *prefix)
{
	uint32_t len = load_u32(key);

	if (len > t->max_len)
		return false;
	copy_key(prefix, key, t->data_size);
	shorten(prefix, len, t->data_size);
	return true;
}

static int lpm_update(struct skep_map *map, const void *key, const void *value, uint64_t flags, uint32_t cpu)
{
	const struct lpm *t = lpm_of(map);
	struct lpm_key prefix;
	struct hash_elem *e;
	uint64_t hash;
	uint32_t index;
	bool fresh;
	int err = 0;

	if (flags > BPF_EXIST || !make_prefix(t, key, &prefix))
		return -EINVAL;
	hash = hash_key(&t->table, &prefix, map->key_size);
	map_lock(map);
	index = hash_find_any(map, &prefix);
	fresh = index == HASH_NONE;
	if (fresh ? flags == BPF_EXIST : flags == BPF_NOEXIST)
		err = fresh ? -ENOENT : -EEXIST;
	else if (fresh && (index = hash_alloc(map)) == HASH_NONE)
		err = -ENOSPC;
	if (!err) {
		e = hash_elem(&t->table, index);
		hash_begin_write(e);
		if (fresh)
			map_store(e->key, &prefix, map->key_size);
		map_store((uint8_t *)e + t->raw_off, (const uint8_t *)key + 4, t->data_size);
		if (fresh)
			hash_store(map, index, 0, value, 0);
		else
			hash_overwrite(map, &t->table, index, 0, value, 0);
		hash_end_write(e, SEQ_LIVE);
		if (fresh) {
			announce(t, &prefix, index + 1);
			hash_publish(map, hash, index);
		}
	}
	map_unlock(map);
	return err;
}

static int lpm_remove(struct skep_map *map, const void *key)
{
	const struct lpm *t = lpm_of(map);
	struct lpm_key prefix;
	uint32_t index;

	if (!make_prefix(t, key, &prefix))
		return -EINVAL;
	map_lock(map);
	index = hash_find_any(map, &prefix);
	if (index != HASH_NONE) {
		hash_unlink(map, hash_key(&t->table, &prefix, map->key_size), index);
		retract(t, &prefix, index + 1);
		/* Before the element is given to another: who saw it, or is on the way from it, looks again. */
		set(&map->ctl->gen, get(&map->ctl->gen) + 1);
		atomic_thread_fence(memory_order_release);
		hash_free(map, index);
	}
	map_unlock(map);
	return index == HASH_NONE ? -ENOENT : 0;
}

static int lpm_user_update(struct skep_map *map, const void *key, const void *value, uint64_t flags)
{
	return lpm_update(map, key, value, flags, 0);
}

static int lpm_user_delete(struct skep_map *map, const void *key, void **old_obj)
{
	return lpm_remove(map, key);
}

static int lpm_next_key(struct skep_map *map, const void *key, void *next)
{
	const struct lpm *t = lpm_of(map);
	struct lpm_key prefix;
	uint32_t i = key && make_prefix(t, key, &prefix) ? hash_find_any(map, &prefix) : HASH_NONE;

	for (i = hash_next_live(map, i + 1); i != HASH_NONE; i = hash_next_live(map, i + 1)) {
		struct hash_elem *e = hash_elem(&t->table, i);

		for (uint32_t try = 0; try < MAP_READ_TRIES; try++) {
			uint32_t seq = atomic_load_explicit(&e->seq, memory_order_acquire);

			if (!(seq & SEQ_LIVE))
				break;
			map_load(next, e->key, 4);
			map_load((uint8_t *)next + 4, (uint8_t *)e + t->raw_off, t->data_size);
			atomic_thread_fence(memory_order_acquire);
			if (!(seq & SEQ_WRITING) && atomic_load_explicit(&e->seq, memory_order_relaxed) == seq)
				return 0;
		}
	}
	return -ENOENT;
}

/* lpm_recover - after a writer's death: the hash table is the truth, the other tables are made anew from it. */
static void lpm_recover(struct skep_map *map)
{
	const struct lpm *t = lpm_of(map);
	uint32_t slots = 1u << t->bits;

	hash_recover(map);
	for (uint32_t i = 0; i < 2 * slots; i++)
		set(&t->exact[i], 0);
	for (uint32_t i = 0; i <= t->max_len; i++)
		set(&t->lengths[i], 0);
	for (uint32_t i = 0; i < slots; i++) {
		atomic_store(&t->jump[i].lengths, 0);
		set(&t->jump[i].best, 0);
		set(&t->jump[i].longer, 0);
	}
	for (uint32_t i = hash_next_live(map, 0); i != HASH_NONE; i = hash_next_live(map, i + 1)) {
		struct lpm_key prefix;

		map_load(&prefix, hash_elem(&t->table, i)->key, map->key_size);
		if (prefix.len <= t->max_len)
			announce(t, &prefix, i + 1);
	}
}

#define LPM_OPS(LOOKUP, PICK)                                                                                          \
	{                                                                                                              \
		.check = lpm_check, .layout = lpm_layout, .init = lpm_init, .fini = hash_fini, .pick = PICK,           \
		.recover = lpm_recover, .attachable = true, .lookup = LOOKUP, .update = lpm_update,                    \
		.remove = lpm_remove, .user_lookup = lpm_user_lookup, .user_update = lpm_user_update,                  \
		.user_delete = lpm_user_delete, .user_next_key = lpm_next_key,                                         \
	}

static const struct map_ops lpm_4_ops = LPM_OPS(lpm_lookup_4, NULL);
static const struct map_ops lpm_16_ops = LPM_OPS(lpm_lookup_16, NULL);

static const struct map_ops *lpm_pick(const struct map_attr *attr)
{
	return attr->key_size == 8 ? &lpm_4_ops : attr->key_size == 20 ? &lpm_16_ops : NULL;
}

const struct map_ops lpm_trie_ops = LPM_OPS(lpm_lookup, lpm_pick);
