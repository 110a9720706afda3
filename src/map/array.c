/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ARRAY and PERCPU_ARRAY.
 *
 * All values stand from file offset 0 on, each rounded up to 8 bytes, so that an mmapable array maps as in the
 * kernel. A per-CPU array is one such array for each CPU, cpu_stride bytes apart. There is no structure to
 * change, so no lock: an update is a copy word by word, with the kernel's promise and no more.
 */
#include "map/array.h"
#include "map/copy.h"

#include <errno.h>

enum {
	ARRAY_FLAGS = BPF_F_NUMA_NODE | BPF_F_MMAPABLE | MAP_ACCESS_FLAGS | BPF_F_PRESERVE_ELEMS | BPF_F_INNER_MAP,
};

int array_check(const struct map_attr *attr)
{
	bool percpu = attr->type == BPF_MAP_TYPE_PERCPU_ARRAY;

	if (!attr->max_entries || attr->key_size != 4 || !attr->value_size || (attr->flags & ~(uint32_t)ARRAY_FLAGS) ||
	    !map_access_flags_ok(attr->flags) || (percpu && (attr->flags & BPF_F_NUMA_NODE)))
		return -EINVAL;
	if (attr->type != BPF_MAP_TYPE_ARRAY && (attr->flags & (BPF_F_MMAPABLE | BPF_F_INNER_MAP)))
		return -EINVAL;
	if (attr->type != BPF_MAP_TYPE_PERF_EVENT_ARRAY && (attr->flags & BPF_F_PRESERVE_ELEMS))
		return -EINVAL;
	if (attr->value_size > INT32_MAX)
		return -E2BIG;
	if (percpu && ALIGN_UP(attr->value_size, 8) > MAP_PCPU_VALUE_MAX)
		return -E2BIG;
	return 0;
}

static void array_layout(const struct map_attr *attr, struct map_layout *l)
{
	uint64_t elem = ALIGN_UP((uint64_t)attr->value_size, 8);

	if (attr->type == BPF_MAP_TYPE_PERCPU_ARRAY) {
		l->cpu_stride = ALIGN_UP(elem * attr->max_entries, MAP_CPU_ALIGN);
		map_layout_add(l, attr->n_cpus, l->cpu_stride, MAP_CPU_ALIGN);
		return;
	}
	map_layout_add(l, attr->max_entries, elem, 64);
	if (attr->flags & BPF_F_MMAPABLE)
		l->mmap_size = ALIGN_UP(l->size, (uint64_t)sysconf(_SC_PAGESIZE));
}

static uint32_t key_index(const void *key)
{
	uint32_t index;

	memcpy(&index, key, 4);
	return index;
}

static void *slot(const struct skep_map *map, uint32_t index, uint32_t cpu)
{
	return map->mem + (uint64_t)index * map->elem_size + cpu * map->cpu_stride;
}

static void *array_lookup(struct skep_map *map, const void *key, uint32_t cpu)
{
	uint32_t index = key_index(key);

	return likely(index < map->max_entries) ? map->mem + (uint64_t)index * map->elem_size : NULL;
}

static void *percpu_array_lookup(struct skep_map *map, const void *key, uint32_t cpu)
{
	uint32_t index = key_index(key);

	return likely(index < map->max_entries) ? slot(map, index, cpu) : NULL;
}

/* writable_index - the kernel's order of checks before an array is written. Return: 0 or the error. */
static int writable_index(const struct skep_map *map, const void *key, uint64_t flags)
{
	if (unlikely((flags & ~(uint64_t)BPF_F_LOCK) > BPF_EXIST))
		return -EINVAL;
	if (unlikely(key_index(key) >= map->max_entries))
		return -E2BIG;
	if (unlikely(flags & BPF_NOEXIST))
		return -EEXIST;
	return 0;
}

static int array_update(struct skep_map *map, const void *key, const void *value, uint64_t flags, uint32_t cpu)
{
	int err = writable_index(map, key, flags);

	if (err)
		return err;
	map_value_store(map, slot(map, key_index(key), 0), value, map->value_size, flags);
	return 0;
}

static int percpu_array_update(struct skep_map *map, const void *key, const void *value, uint64_t flags, uint32_t cpu)
{
	int err = flags & BPF_F_LOCK ? -EINVAL : writable_index(map, key, flags);

	if (err)
		return err;
	map_value_store(map, slot(map, key_index(key), cpu), value, map->value_size, flags);
	return 0;
}

static int array_remove(struct skep_map *map, const void *key)
{
	return -EINVAL;
}

static int array_user_lookup(struct skep_map *map, const void *key, void *value, uint64_t flags)
{
	uint32_t index = key_index(key);

	if (index >= map->max_entries)
		return -ENOENT;
	map_value_load(map, value, slot(map, index, 0), map->value_size, flags);
	return 0;
}

static int percpu_array_user_lookup(struct skep_map *map, const void *key, void *value, uint64_t flags)
{
	uint32_t index = key_index(key);

	if (index >= map->max_entries)
		return -ENOENT;
	for (uint32_t cpu = 0; cpu < map->n_cpus; cpu++)
		map_value_load(map, (uint8_t *)value + (size_t)cpu * map->elem_size, slot(map, index, cpu),
			       map->elem_size, 0);
	return 0;
}

static int array_user_update(struct skep_map *map, const void *key, const void *value, uint64_t flags)
{
	return array_update(map, key, value, flags, 0);
}

static int percpu_array_user_update(struct skep_map *map, const void *key, const void *value, uint64_t flags)
{
	int err = flags & BPF_F_LOCK ? -EINVAL : writable_index(map, key, flags);

	if (err)
		return err;
	for (uint32_t cpu = 0; cpu < map->n_cpus; cpu++)
		map_value_store(map, slot(map, key_index(key), cpu),
				(const uint8_t *)value + (size_t)cpu * map->elem_size, map->elem_size, 0);
	return 0;
}

static int array_user_delete(struct skep_map *map, const void *key, void **old_obj)
{
	return -EINVAL;
}

int array_next_key(struct skep_map *map, const void *key, void *next)
{
	uint32_t index = key ? key_index(key) : UINT32_MAX, following = 0;

	if (index == map->max_entries - 1)
		return -ENOENT;
	if (index < map->max_entries)
		following = index + 1;
	memcpy(next, &following, 4);
	return 0;
}

static long array_for_each(struct skep_map *map, uint32_t cpu, long (*fn)(void *arg, void *key, void *value), void *arg)
{
	for (uint32_t i = 0; i < map->max_entries; i++) {
		uint32_t key = i;

		if (fn(arg, &key, slot(map, i, map->type->percpu ? cpu : 0)))
			return (long)i + 1;
	}
	return map->max_entries;
}

const struct map_ops array_ops = {
	.check = array_check,
	.layout = array_layout,
	.attachable = true,
	.lookup = array_lookup,
	.update = array_update,
	.remove = array_remove,
	.for_each = array_for_each,
	.user_lookup = array_user_lookup,
	.user_update = array_user_update,
	.user_delete = array_user_delete,
	.user_next_key = array_next_key,
};

const struct map_ops percpu_array_ops = {
	.check = array_check,
	.layout = array_layout,
	.attachable = true,
	.lookup = percpu_array_lookup,
	.update = percpu_array_update,
	.remove = array_remove,
	.for_each = array_for_each,
	.user_lookup = percpu_array_user_lookup,
	.user_update = percpu_array_user_update,
	.user_delete = array_user_delete,
	.user_next_key = array_next_key,
};
