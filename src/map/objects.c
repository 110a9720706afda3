/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arrays of objects: PROG_ARRAY, PERF_EVENT_ARRAY, CGROUP_ARRAY, ARRAY_OF_MAPS, DEVMAP, CPUMAP and XSKMAP.
 *
 * The memfd holds one word of 8 bytes for an index: what user space reads back. Its first half is the object's id,
 * or the first field of the user's value (DEVMAP's ifindex, CPUMAP's queue size) with the program's id in the
 * second half. The object's pointer stands in objs[], in private memory. An index is in use when either is not
 * zero. Both change under the map's lock; readers of one of the two need none.
 *
 * What an object is, and that it suits the map, is the owner's affair; the rules on keys, flags and inner maps are
 * here.
 */
#include "map/objects.h"
#include "map/array.h"
#include "map/lock.h"

#include <errno.h>
#include <string.h>

enum {
	KERNEL_NR_CPUS = 8192, /* Debian's CONFIG_NR_CPUS: the limit of a CPUMAP */
	CPUMAP_QUEUE_MAX = 16384,
};

/* fd_array_check - arrays whose values are file descriptors. */
static int fd_array_check(const struct map_attr *attr)
{
	if (attr->value_size != 4 || (attr->flags & (BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG)))
		return -EINVAL;
	return array_check(attr);
}

int inner_map_check(const struct map_attr *attr)
{
	if (!attr->inner)
		return -EINVAL;
	switch (attr->inner->type->type) {
	case BPF_MAP_TYPE_ARRAY_OF_MAPS:
	case BPF_MAP_TYPE_HASH_OF_MAPS:
		return -EINVAL;
	case BPF_MAP_TYPE_PROG_ARRAY:
		return -MAP_ENOTSUPP;
	default:
		return 0;
	}
}

bool inner_map_fits(const struct skep_map *map, const struct skep_map *inner)
{
	if (map->inner.type != inner->type->type || map->inner.key_size != inner->key_size ||
	    map->inner.value_size != inner->value_size || map->inner.flags != inner->flags)
		return false;
	/* Array lookups are inlined with the template's bound, unless it was made to vary. */
	switch (map->inner.type) {
	case BPF_MAP_TYPE_ARRAY:
		return (map->inner.flags & BPF_F_INNER_MAP) || map->inner.max_entries == inner->max_entries;
	case BPF_MAP_TYPE_XSKMAP:
		return map->inner.max_entries == inner->max_entries;
	default:
		return true;
	}
}

static int array_of_maps_check(const struct map_attr *attr)
{
	int err = fd_array_check(attr);

	return err ? err : inner_map_check(attr);
}

int devmap_check(const struct map_attr *attr)
{
	if (!attr->max_entries || attr->key_size != 4 || (attr->value_size != 4 && attr->value_size != 8) ||
	    (attr->flags & ~(uint32_t)(BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY)))
		return -EINVAL;
	if (attr->type == BPF_MAP_TYPE_DEVMAP_HASH && attr->max_entries > 1u << 31)
		return -EINVAL;
	return 0;
}

static int cpumap_check(const struct map_attr *attr)
{
	if (!attr->max_entries || attr->key_size != 4 || (attr->value_size != 4 && attr->value_size != 8) ||
	    (attr->flags & ~(uint32_t)BPF_F_NUMA_NODE))
		return -EINVAL;
	return attr->max_entries > KERNEL_NR_CPUS ? -E2BIG : 0;
}

static int xskmap_check(const struct map_attr *attr)
{
	if (!attr->max_entries || attr->key_size != 4 || attr->value_size != 4 ||
	    (attr->flags & ~(uint32_t)(BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY)))
		return -EINVAL;
	return 0;
}

static void objects_layout(const struct map_attr *attr, struct map_layout *l)
{
	map_layout_add(l, attr->max_entries, 8, 64);
	l->n_objs = attr->max_entries;
}

/* devmap_init - a program gets a pointer to what the map keeps about a device: never for writing. */
static int devmap_init(struct skep_map *map, const struct map_layout *l)
{
	map->flags |= BPF_F_RDONLY_PROG;
	return 0;
}

static uint32_t key_index(const void *key)
{
	uint32_t index;

	memcpy(&index, key, 4);
	return index;
}

static _Atomic uint64_t *word_at(const struct skep_map *map, uint32_t index)
{
	return (_Atomic uint64_t *)(map->mem + (uint64_t)index * 8);
}

/* word_of - the word for two 4-byte fields in memory order. */
static uint64_t word_of(uint32_t first, uint32_t second)
{
	uint32_t fields[2] = {first, second};
	uint64_t word;

	memcpy(&word, fields, 8);
	return word;
}

static bool in_use(const struct skep_map *map, uint32_t index)
{
	return atomic_load_explicit(word_at(map, index), memory_order_relaxed) ||
	       atomic_load_explicit(&map->objs[index], memory_order_relaxed);
}

/* put_in - replace what an index holds. The lock is held. Return: the object that was there. */
static void *put_in(struct skep_map *map, uint32_t index, uint64_t word, void *obj)
{
	atomic_store_explicit(word_at(map, index), word, memory_order_relaxed);
	return atomic_exchange(&map->objs[index], obj);
}

static int fd_array_set(struct skep_map *map, const void *key, uint32_t id, void *obj, const void *value,
			uint64_t flags, void **old)
{
	uint32_t index = key_index(key);

	if (flags != BPF_ANY)
		return -EINVAL;
	if (index >= map->max_entries)
		return -E2BIG;
	if (map->type->type == BPF_MAP_TYPE_ARRAY_OF_MAPS && !inner_map_fits(map, obj))
		return -EINVAL;
	map_lock(map);
	*old = put_in(map, index, word_of(id, 0), obj);
	map_unlock(map);
	return 0;
}

static int fd_array_delete(struct skep_map *map, const void *key, void **old)
{
	uint32_t index = key_index(key);
	bool was;

	if (index >= map->max_entries)
		return -E2BIG;
	map_lock(map);
	was = in_use(map, index);
	*old = put_in(map, index, 0, NULL);
	map_unlock(map);
	return was ? 0 : -ENOENT;
}

static int xskmap_set(struct skep_map *map, const void *key, uint32_t id, void *obj, const void *value, uint64_t flags,
		      void **old)
{
	uint32_t index = key_index(key);
	int err = 0;

	if (flags > BPF_EXIST)
		return -EINVAL;
	if (index >= map->max_entries)
		return -E2BIG;
	map_lock(map);
	if (in_use(map, index) ? flags == BPF_NOEXIST : flags == BPF_EXIST)
		err = flags == BPF_NOEXIST ? -EEXIST : -ENOENT;
	else
		*old = put_in(map, index, word_of(id, 0), obj);
	map_unlock(map);
	return err;
}

/* devmap_set - DEVMAP and CPUMAP: a value whose first field is zero empties the index. */
static int devmap_set(struct skep_map *map, const void *key, uint32_t id, void *obj, const void *value, uint64_t flags,
		      void **old)
{
	uint32_t index = key_index(key), field[2] = {0, 0};

	if (flags > BPF_EXIST)
		return -EINVAL;
	if (index >= map->max_entries)
		return -E2BIG;
	if (flags == BPF_NOEXIST)
		return -EEXIST;
	memcpy(field, value, map->value_size);
	if (map->type->type == BPF_MAP_TYPE_CPUMAP) {
		if (field[0] > CPUMAP_QUEUE_MAX)
			return -EOVERFLOW;
		if (index >= map->n_cpus)
			return -ENODEV;
	} else if (!field[0] && (int32_t)field[1] > 0) {
		return -EINVAL; /* a program, but no device to run it for */
	}
	map_lock(map);
	*old = field[0] ? put_in(map, index, word_of(field[0], id), obj) : put_in(map, index, 0, NULL);
	map_unlock(map);
	return 0;
}

/* redirect_delete - from the maps that frames are redirected through: an empty index is no error. */
static int redirect_delete(struct skep_map *map, const void *key, void **old)
{
	uint32_t index = key_index(key);

	if (index >= map->max_entries)
		return -EINVAL;
	map_lock(map);
	*old = put_in(map, index, 0, NULL);
	map_unlock(map);
	return 0;
}

static int word_user_lookup(struct skep_map *map, const void *key, void *value, uint64_t flags)
{
	uint32_t index = key_index(key);
	uint64_t word;

	if (index >= map->max_entries)
		return -ENOENT;
	word = atomic_load_explicit(word_at(map, index), memory_order_relaxed);
	if (!word)
		return -ENOENT;
	memcpy(value, &word, map->value_size);
	return 0;
}

static int xskmap_user_lookup(struct skep_map *map, const void *key, void *value, uint64_t flags)
{
	return -EOPNOTSUPP;
}

static void *object_lookup(struct skep_map *map, const void *key, uint32_t cpu)
{
	uint32_t index = key_index(key);

	return index < map->max_entries ? atomic_load_explicit(&map->objs[index], memory_order_acquire) : NULL;
}

static void *word_lookup(struct skep_map *map, const void *key, uint32_t cpu)
{
	uint32_t index = key_index(key);

	if (index >= map->max_entries || !atomic_load_explicit(word_at(map, index), memory_order_relaxed))
		return NULL;
	return word_at(map, index);
}

const struct map_ops prog_array_ops = {
	.check = fd_array_check,
	.layout = objects_layout,
	.set_object = fd_array_set,
	.user_lookup = word_user_lookup,
	.user_delete = fd_array_delete,
	.user_next_key = array_next_key,
};

const struct map_ops perf_event_array_ops = {
	.check = fd_array_check,
	.layout = objects_layout,
	.set_object = fd_array_set,
	.user_delete = fd_array_delete,
	.user_next_key = array_next_key,
};

const struct map_ops cgroup_array_ops = {
	.check = fd_array_check,
	.layout = objects_layout,
	.set_object = fd_array_set,
	.user_delete = fd_array_delete,
	.user_next_key = array_next_key,
};

const struct map_ops array_of_maps_ops = {
	.check = array_of_maps_check,
	.layout = objects_layout,
	.lookup = object_lookup,
	.set_object = fd_array_set,
	.user_lookup = word_user_lookup,
	.user_delete = fd_array_delete,
	.user_next_key = array_next_key,
};

const struct map_ops devmap_ops = {
	.check = devmap_check,
	.layout = objects_layout,
	.init = devmap_init,
	.lookup = word_lookup,
	.object = object_lookup,
	.set_object = devmap_set,
	.user_lookup = word_user_lookup,
	.user_delete = redirect_delete,
	.user_next_key = array_next_key,
};

const struct map_ops cpumap_ops = {
	.check = cpumap_check,
	.layout = objects_layout,
	.lookup = word_lookup,
	.set_object = devmap_set,
	.user_lookup = word_user_lookup,
	.user_delete = redirect_delete,
	.user_next_key = array_next_key,
};

const struct map_ops xskmap_ops = {
	.check = xskmap_check,
	.layout = objects_layout,
	.lookup = object_lookup,
	.set_object = xskmap_set,
	.user_lookup = xskmap_user_lookup,
	.user_delete = redirect_delete,
	.user_next_key = array_next_key,
};
