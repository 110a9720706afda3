/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HASH, PERCPU_HASH, LRU_HASH and LRU_PERCPU_HASH: the operations over the table of hash.h.
 *
 * Program lookups exist once for each of the key sizes 4, 8 and 16 and once for all others; the variant is chosen
 * when the map is made. Everything that takes the lock is shared.
 *
 * Differences from the kernel: a present key's value is updated in place, where the kernel swaps in a new element, so a
 * program that looks at the same moment may see words of both values (each aligned 8-byte word is whole); user
 * lookups never do.
 */
#include "map/hash.h"

static bool is_lru_map(const struct hash_table *t)
{
	return t->ref;
}

static void mark_used(const struct hash_table *t, uint32_t index)
{
	/* Look first: a store to a line that others read costs much more than finding it set. */
	if (!__atomic_load_n(&t->ref[index], __ATOMIC_RELAXED))
		__atomic_store_n(&t->ref[index], 1, __ATOMIC_RELAXED);
}

/*
 * new_element - an element for a new key, not yet visible: the key is in it, the value is not.
 * Return: its index or HASH_NONE when the map is full.
 */
static uint32_t new_element(struct skep_map *map, const void *key)
{
	const struct hash_table *t = hash_of(map);
	uint32_t index = hash_alloc(map);

	if (index == HASH_NONE && is_lru_map(t))
		index = lru_evict(map);
	if (index == HASH_NONE)
		return HASH_NONE;
	if (is_lru_map(t))
		__atomic_store_n(&t->ref[index], 0, __ATOMIC_RELAXED);
	hash_begin_write(hash_elem(t, index));
	map_store(hash_elem(t, index)->key, key, map->key_size);
	return index;
}

/*
 * locked_find - the element to write, made when it is missing and @flags allow.
 * @fresh: on success whether it was made: then hash_publish() it after the value is in
 * Return: 0 or the kernel's error.
 */
static inline int locked_find(struct skep_map *map, const void *key, uint64_t hash, uint64_t flags, uint32_t *index,
			      bool *fresh)
{
	const struct hash_table *t = hash_of(map);
	const struct hash_bucket *b = hash_bucket(t, hash);
	uint8_t tag = hash_tag(hash);

	switch (map->key_size) {
	case 4:
		*index = hash_find_in(map, t, b, tag, key, 4);
		break;
	case 8:
		*index = hash_find_in(map, t, b, tag, key, 8);
		break;
	case 16:
		*index = hash_find_in(map, t, b, tag, key, 16);
		break;
	default:
		*index = hash_find_in(map, t, b, tag, key, map->key_size);
	}
	*fresh = *index == HASH_NONE;
	if (!*fresh) {
		if (flags & BPF_NOEXIST)
			return -EEXIST;
		if (is_lru_map(t))
			mark_used(t, *index);
		hash_begin_write(hash_elem(t, *index));
		return 0;
	}
	if (flags & BPF_EXIST)
		return -ENOENT;
	*index = new_element(map, key);
	return *index == HASH_NONE ? -E2BIG : 0;
}

/*
 * hash_update - one value, that of @cpu in a per-CPU map; the other CPUs' of a new key are zero then.
 */
static int hash_update(struct skep_map *map, const void *key, const void *value, uint64_t flags, uint32_t cpu)
{
	const struct hash_table *t = hash_of(map);
	uint64_t hash = hash_key(t, key, map->key_size);
	uint32_t index;
	bool fresh;
	int err;

	if (unlikely((flags & ~(uint64_t)BPF_F_LOCK) > BPF_EXIST))
		return -EINVAL;
	if (unlikely((flags & BPF_F_LOCK) && (t->values || is_lru_map(t))))
		return -EINVAL;
	map_lock(map);
	err = locked_find(map, key, hash, flags, &index, &fresh);
	if (!err) {
		if (unlikely(fresh) && t->values)
			for (uint32_t i = 0; i < map->n_cpus; i++)
				map_zero(hash_value(map, t, index, i), map->elem_size);
		if (unlikely(fresh) && map->spin_lock_off >= 0)
			map_zero(hash_value(map, t, index, 0), map->elem_size);
		if (likely(!fresh))
			hash_overwrite(map, t, index, cpu, value, flags);
		else
			hash_store(map, index, cpu, value, 0);
		hash_end_write(hash_elem(t, index), SEQ_LIVE);
		if (fresh)
			hash_publish(map, hash, index);
	}
	map_unlock(map);
	return err;
}

/* hash_user_update - what bpf(2) writes: every CPU's value of a per-CPU map. */
static int hash_user_update(struct skep_map *map, const void *key, const void *value, uint64_t flags)
{
	const struct hash_table *t = hash_of(map);
	uint64_t hash = hash_key(t, key, map->key_size);
	uint32_t index;
	bool fresh;
	int err;

	if (!t->values)
		return hash_update(map, key, value, flags, 0);
	if (flags > BPF_EXIST)
		return -EINVAL;
	map_lock(map);
	err = locked_find(map, key, hash, flags, &index, &fresh);
	if (!err) {
		if (!fresh)
			hash_overwrite(map, t, index, HASH_ALL_CPUS, value, 0);
		else
			hash_store(map, index, HASH_ALL_CPUS, value, 0);
		hash_end_write(hash_elem(t, index), SEQ_LIVE);
		if (fresh)
			hash_publish(map, hash, index);
	}
	map_unlock(map);
	return err;
}

static int hash_remove(struct skep_map *map, const void *key)
{
	uint64_t hash = hash_key(hash_of(map), key, map->key_size);
	uint32_t index;

	map_lock(map);
	index = hash_find_any(map, key);
	if (index != HASH_NONE) {
		hash_unlink(map, hash, index);
		hash_free(map, index);
	}
	map_unlock(map);
	return index == HASH_NONE ? -ENOENT : 0;
}

static int hash_user_delete(struct skep_map *map, const void *key, void **old_obj)
{
	return hash_remove(map, key);
}

/*
 * hash_user_lookup - a copy of one moment's value.
 *
 * Without the lock first; when writers keep coming between, or one died while it wrote, with it. A reader in another
 * process cannot take the lock: it gets -EAGAIN after MAP_READ_TRIES.
 */
static int hash_user_lookup(struct skep_map *map, const void *key, void *value, uint64_t flags)
{
	const struct hash_table *t = hash_of(map);
	uint32_t tries = map->readonly ? MAP_READ_TRIES : 256, index;

	if (map->readonly && (flags & BPF_F_LOCK))
		return -EPERM; /* the value's lock would be written */
	for (uint32_t try = 0; try < tries; try++) {
		struct hash_elem *e;
		uint32_t seq;

		index = hash_find_any(map, key);
		if (index == HASH_NONE)
			return -ENOENT;
		e = hash_elem(t, index);
		seq = atomic_load_explicit(&e->seq, memory_order_acquire);
		if ((seq & (SEQ_WRITING | SEQ_LIVE)) != SEQ_LIVE)
			continue;
		/* It may have become another key's between the two. */
		if (!hash_key_equal(e->key, key, map->key_size))
			continue;
		hash_copy_out(map, index, value, flags);
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&e->seq, memory_order_relaxed) == seq)
			return 0;
	}
	if (map->readonly)
		return -EAGAIN;
	map_lock(map);
	index = hash_find_any(map, key);
	if (index != HASH_NONE)
		hash_copy_out(map, index, value, flags);
	map_unlock(map);
	return index == HASH_NONE ? -ENOENT : 0;
}

static int hash_user_lookup_and_delete(struct skep_map *map, const void *key, void *value, uint64_t flags)
{
	uint64_t hash = hash_key(hash_of(map), key, map->key_size);
	uint32_t index;

	map_lock(map);
	index = hash_find_any(map, key);
	if (index != HASH_NONE) {
		hash_copy_out(map, index, value, flags);
		hash_unlink(map, hash, index);
		hash_free(map, index);
	}
	map_unlock(map);
	return index == HASH_NONE ? -ENOENT : 0;
}

static int percpu_hash_user_lookup(struct skep_map *map, const void *key, void *value, uint64_t flags)
{
	return hash_user_lookup(map, key, value, 0);
}

/*
 * The lookups. SIZE is the key's; in the variants for sizes that are known it is a constant, and so are the
 * compare and the hash made from it.
 */
#define LOOKUPS(suffix, SIZE)                                                                                          \
	static void *hash_lookup_##suffix(struct skep_map *map, const void *key, uint32_t cpu)                         \
	{                                                                                                              \
		const struct hash_table *t = hash_of(map);                                                             \
		uint32_t i = hash_find(map, key, SIZE);                                                                \
                                                                                                                       \
		return i == HASH_NONE ? NULL : (uint8_t *)hash_elem(t, i) + t->value_off;                              \
	}                                                                                                              \
	static void *percpu_hash_lookup_##suffix(struct skep_map *map, const void *key, uint32_t cpu)                  \
	{                                                                                                              \
		uint32_t i = hash_find(map, key, SIZE);                                                                \
                                                                                                                       \
		return i == HASH_NONE ? NULL : hash_value(map, hash_of(map), i, cpu);                                  \
	}                                                                                                              \
	static void *lru_hash_lookup_##suffix(struct skep_map *map, const void *key, uint32_t cpu)                     \
	{                                                                                                              \
		const struct hash_table *t = hash_of(map);                                                             \
		uint32_t i = hash_find(map, key, SIZE);                                                                \
                                                                                                                       \
		if (i == HASH_NONE)                                                                                    \
			return NULL;                                                                                   \
		if (!map->readonly)                                                                                    \
			mark_used(t, i);                                                                               \
		return (uint8_t *)hash_elem(t, i) + t->value_off;                                                      \
	}                                                                                                              \
	static void *lru_percpu_hash_lookup_##suffix(struct skep_map *map, const void *key, uint32_t cpu)              \
	{                                                                                                              \
		const struct hash_table *t = hash_of(map);                                                             \
		uint32_t i = hash_find(map, key, SIZE);                                                                \
                                                                                                                       \
		if (i == HASH_NONE)                                                                                    \
			return NULL;                                                                                   \
		if (!map->readonly)                                                                                    \
			mark_used(t, i);                                                                               \
		return hash_value(map, t, i, cpu);                                                                     \
	}

LOOKUPS(any, map->key_size)
LOOKUPS(4, 4)
LOOKUPS(8, 8)
LOOKUPS(16, 16)

static const struct map_ops *hash_pick(const struct map_attr *attr);

#define HASH_OPS(LOOKUP, USER_LOOKUP)                                                                                  \
	{                                                                                                              \
		.check = hash_check, .layout = hash_layout, .init = hash_init, .fini = hash_fini, .pick = hash_pick,   \
		.recover = hash_recover, .attachable = true, .lookup = LOOKUP, .update = hash_update,                  \
		.remove = hash_remove, .for_each = hash_for_each, .user_lookup = USER_LOOKUP,                          \
		.user_update = hash_user_update, .user_delete = hash_user_delete,                                      \
		.user_lookup_and_delete = hash_user_lookup_and_delete, .user_next_key = hash_next_key,                 \
		.user_batch = hash_user_batch,                                                                         \
	}

const struct map_ops hash_ops = HASH_OPS(hash_lookup_any, hash_user_lookup);
const struct map_ops percpu_hash_ops = HASH_OPS(percpu_hash_lookup_any, percpu_hash_user_lookup);
const struct map_ops lru_hash_ops = HASH_OPS(lru_hash_lookup_any, hash_user_lookup);
const struct map_ops lru_percpu_hash_ops = HASH_OPS(lru_percpu_hash_lookup_any, percpu_hash_user_lookup);

static const struct {
	uint32_t type, key_size;
	struct map_ops ops;
} variants[] = {
	{BPF_MAP_TYPE_HASH, 4, HASH_OPS(hash_lookup_4, hash_user_lookup)},
	{BPF_MAP_TYPE_HASH, 8, HASH_OPS(hash_lookup_8, hash_user_lookup)},
	{BPF_MAP_TYPE_HASH, 16, HASH_OPS(hash_lookup_16, hash_user_lookup)},
	{BPF_MAP_TYPE_PERCPU_HASH, 4, HASH_OPS(percpu_hash_lookup_4, percpu_hash_user_lookup)},
	{BPF_MAP_TYPE_PERCPU_HASH, 8, HASH_OPS(percpu_hash_lookup_8, percpu_hash_user_lookup)},
	{BPF_MAP_TYPE_PERCPU_HASH, 16, HASH_OPS(percpu_hash_lookup_16, percpu_hash_user_lookup)},
	{BPF_MAP_TYPE_LRU_HASH, 4, HASH_OPS(lru_hash_lookup_4, hash_user_lookup)},
	{BPF_MAP_TYPE_LRU_HASH, 8, HASH_OPS(lru_hash_lookup_8, hash_user_lookup)},
	{BPF_MAP_TYPE_LRU_HASH, 16, HASH_OPS(lru_hash_lookup_16, hash_user_lookup)},
	{BPF_MAP_TYPE_LRU_PERCPU_HASH, 4, HASH_OPS(lru_percpu_hash_lookup_4, percpu_hash_user_lookup)},
	{BPF_MAP_TYPE_LRU_PERCPU_HASH, 8, HASH_OPS(lru_percpu_hash_lookup_8, percpu_hash_user_lookup)},
	{BPF_MAP_TYPE_LRU_PERCPU_HASH, 16, HASH_OPS(lru_percpu_hash_lookup_16, percpu_hash_user_lookup)},
};

static const struct map_ops *hash_pick(const struct map_attr *attr)
{
	for (size_t i = 0; i < ARRAY_SIZE(variants); i++)
		if (variants[i].type == attr->type && variants[i].key_size == attr->key_size)
			return &variants[i].ops;
	return NULL;
}
