/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HASH_OF_MAPS and DEVMAP_HASH: objects under keys, over the table of hash.h.
 *
 * An element's value is the word that user space reads back (an id, or DEVMAP's value with the program's id); the
 * object's pointer stands in objs[] at the element's index. Both change under the map's lock.
 */
#include "map/hash.h"
#include "map/objects.h"

static int hash_of_maps_check(const struct map_attr *attr)
{
	int err = attr->value_size != 4 ? -EINVAL : hash_check(attr);

	return err ? err : inner_map_check(attr);
}

static int devmap_hash_init(struct skep_map *map, const struct map_layout *l)
{
	map->flags |= BPF_F_RDONLY_PROG;
	return hash_init(map, l);
}

/*
 * set - put a word and its object under a key.
 * @must_exist, @must_not_exist: fail with -ENOENT, -EEXIST
 */
static int set(struct skep_map *map, const void *key, const uint32_t word[2], void *obj, bool must_exist,
	       bool must_not_exist, void **old)
{
	const struct hash_table *t = hash_of(map);
	uint64_t hash = hash_key(t, key, map->key_size);
	uint32_t index;
	bool fresh;
	int err = 0;

	map_lock(map);
	index = hash_find_any(map, key);
	fresh = index == HASH_NONE;
	if (fresh ? must_exist : must_not_exist)
		err = fresh ? -ENOENT : -EEXIST;
	else if (fresh && (index = hash_alloc(map)) == HASH_NONE)
		err = -E2BIG;
	if (!err) {
		struct hash_elem *e = hash_elem(t, index);

		hash_begin_write(e);
		if (fresh)
			map_store(e->key, key, map->key_size);
		map_store(hash_value(map, t, index, 0), word, map->value_size);
		*old = atomic_exchange(&map->objs[index], obj);
		hash_end_write(e, SEQ_LIVE);
		if (fresh)
			hash_publish(map, hash, index);
	}
	map_unlock(map);
	return err;
}

static int hash_of_maps_set(struct skep_map *map, const void *key, uint32_t id, void *obj, const void *value,
			    uint64_t flags, void **old)
{
	if (!inner_map_fits(map, obj))
		return -EINVAL;
	if (flags > BPF_EXIST)
		return -EINVAL;
	return set(map, key, (uint32_t[2]){id, 0}, obj, flags == BPF_EXIST, flags == BPF_NOEXIST, old);
}

/* devmap_hash_set - as the kernel has it, BPF_EXIST does not ask for a present key. */
static int devmap_hash_set(struct skep_map *map, const void *key, uint32_t id, void *obj, const void *value,
			   uint64_t flags, void **old)
{
	uint32_t field[2] = {0, 0};

	memcpy(field, value, map->value_size);
	if (flags > BPF_EXIST || !field[0])
		return -EINVAL;
	field[1] = id;
	return set(map, key, field, obj, false, flags == BPF_NOEXIST, old);
}

static int object_delete(struct skep_map *map, const void *key, void **old)
{
	uint64_t hash = hash_key(hash_of(map), key, map->key_size);
	uint32_t index;

	map_lock(map);
	index = hash_find_any(map, key);
	if (index != HASH_NONE) {
		hash_unlink(map, hash, index);
		*old = atomic_exchange(&map->objs[index], NULL);
		hash_free(map, index);
	}
	map_unlock(map);
	return index == HASH_NONE ? -ENOENT : 0;
}

static int object_user_lookup(struct skep_map *map, const void *key, void *value, uint64_t flags)
{
	uint32_t index;

	map_lock(map);
	index = hash_find_any(map, key);
	if (index != HASH_NONE)
		map_load(value, hash_value(map, hash_of(map), index, 0), map->value_size);
	map_unlock(map);
	return index == HASH_NONE ? -ENOENT : 0;
}

/* object_lookup - the object of a key. An element that was recycled between must not give another key's. */
static void *object_lookup(struct skep_map *map, const void *key, uint32_t cpu)
{
	uint32_t index = hash_find_any(map, key);
	void *obj;

	if (index == HASH_NONE)
		return NULL;
	obj = atomic_load_explicit(&map->objs[index], memory_order_acquire);
	return hash_key_equal(hash_elem(hash_of(map), index)->key, key, map->key_size) ? obj : NULL;
}

static void *device_lookup(struct skep_map *map, const void *key, uint32_t cpu)
{
	uint32_t index = hash_find_any(map, key);

	return index == HASH_NONE ? NULL : hash_value(map, hash_of(map), index, 0);
}

const struct map_ops hash_of_maps_ops = {
	.check = hash_of_maps_check,
	.layout = hash_layout,
	.init = hash_init,
	.fini = hash_fini,
	.recover = hash_recover,
	.lookup = object_lookup,
	.set_object = hash_of_maps_set,
	.user_lookup = object_user_lookup,
	.user_delete = object_delete,
	.user_next_key = hash_next_key,
	.user_batch = hash_user_batch,
};

const struct map_ops devmap_hash_ops = {
	.check = devmap_check,
	.layout = hash_layout,
	.init = devmap_hash_init,
	.fini = hash_fini,
	.recover = hash_recover,
	.lookup = device_lookup,
	.object = object_lookup,
	.set_object = devmap_hash_set,
	.user_lookup = object_user_lookup,
	.user_delete = object_delete,
	.user_next_key = hash_next_key,
};
