/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many elements of a hash at once: what BPF_MAP_LOOKUP_BATCH and BPF_MAP_LOOKUP_AND_DELETE_BATCH read.
 *
 * The kernel goes bucket by bucket, so a batch must have room for a whole one. Elements here stay at their index, so a
 * batch goes element by element, any room will do, and what stays in the map all the time is met exactly once.
 */
#include "map/hash.h"

enum { READ_TRIES = 256 }; /* of one element, before the lock is taken to read it */

/* read_elem - a copy of a live element. Return: false when it has gone. */
static bool read_elem(struct skep_map *map, uint32_t index, void *key, void *value, uint64_t flags)
{
	struct hash_elem *e = hash_elem(hash_of(map), index);
	uint32_t tries = map->readonly ? MAP_READ_TRIES : READ_TRIES, seq;

	for (uint32_t try = 0; try < tries; try++) {
		seq = atomic_load_explicit(&e->seq, memory_order_acquire);
		if (!(seq & SEQ_LIVE))
			return false;
		if (seq & SEQ_WRITING)
			continue;
		map_load(key, e->key, map->key_size);
		hash_copy_out(map, index, value, flags);
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&e->seq, memory_order_relaxed) == seq)
			return true;
	}
	if (map->readonly)
		return false;
	map_lock(map);
	seq = atomic_load_explicit(&e->seq, memory_order_relaxed);
	if (seq & SEQ_LIVE) {
		map_load(key, e->key, map->key_size);
		hash_copy_out(map, index, value, flags);
	}
	map_unlock(map);
	return seq & SEQ_LIVE;
}

/* take_elem - the same, and out of the map with it; the lock is held. */
static void take_elem(struct skep_map *map, uint32_t index, void *key, void *value, uint64_t flags, void **old)
{
	const struct hash_table *t = hash_of(map);
	struct hash_elem *e = hash_elem(t, index);

	map_load(key, e->key, map->key_size);
	hash_copy_out(map, index, value, flags);
	hash_unlink(map, hash_key(t, e->key, map->key_size), index);
	*old = map->objs ? atomic_exchange(&map->objs[index], NULL) : NULL;
	hash_free(map, index);
}

uint32_t hash_user_batch(struct skep_map *map, uint32_t *at, uint32_t room, void *keys, void *values, uint64_t flags,
			 void **old)
{
	uint32_t n = 0, i = *at, size = map_user_value_size(map);

	if (old)
		map_lock(map);
	while ((i = hash_next_live(map, i)) != HASH_NONE && n < room) {
		void *key = (uint8_t *)keys + (size_t)n * map->key_size;
		void *value = (uint8_t *)values + (size_t)n * size;

		if (old)
			take_elem(map, i, key, value, flags, &old[n++]);
		else if (read_elem(map, i, key, value, flags))
			n++;
		i++;
	}
	if (old)
		map_unlock(map);
	*at = i == HASH_NONE ? map->max_entries : i;
	return n;
}
