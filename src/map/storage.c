/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TASK_STORAGE: a value a task.
 *
 * The kernel hangs values at its tasks; here a hash of the map's own holds them, whose keys say which task it is: its number, and when its process
 * began. It has room for as many tasks as BYTES hold, at most TASKS; pages that no value lies in cost nothing. The owner takes out the values of tasks that
 * are gone (map_task_forget()). User space reaches values by pidfds, which the owner makes keys of.
 */
#include "base/util.h"
#include "map/ops.h"

#include <errno.h>
#include <stdlib.h>

enum { TASKS = 16384, TASKS_LEAST = 1024, BYTES = 256 << 20 };

struct storage {
	struct skep_map *values;
	uint8_t *zeroes; /* a new value */
};

/* kernel/bpf/bpf_local_storage.c: bpf_local_storage_map_alloc_check(); that key and value have BTF the owner sees to. */
static int storage_check(const struct map_attr *attr)
{
	if ((attr->flags & ~(uint32_t)(BPF_F_NO_PREALLOC | BPF_F_CLONE)) || !(attr->flags & BPF_F_NO_PREALLOC) ||
	    attr->max_entries || attr->key_size != sizeof(int) || !attr->value_size)
		return -EINVAL;
	return attr->value_size > MAP_STORAGE_VALUE_MAX ? -E2BIG : 0;
}

static void storage_layout(const struct map_attr *attr, struct map_layout *l)
{
	(void)attr;
	(void)l;
}

static void storage_fini(struct skep_map *map)
{
	struct storage *s = map->priv;

	if (!s)
		return;
	map_destroy(s->values);
	free(s->zeroes);
	free(s);
}

static int storage_init(struct skep_map *map, const struct map_layout *l)
{
	uint32_t room = BYTES / (map->elem_size + (uint32_t)sizeof(struct map_task));
	const struct map_attr values = {.type = BPF_MAP_TYPE_HASH,
					.key_size = sizeof(struct map_task),
					.value_size = map->value_size,
					.max_entries = MAX(MIN(room, (uint32_t)TASKS), (uint32_t)TASKS_LEAST),
					.flags = BPF_F_NO_PREALLOC,
					.n_cpus = map->n_cpus,
					.seed = map->seed,
					.name = "task_values"};
	struct storage *s = calloc(1, sizeof(*s));

	(void)l;
	if (!s)
		return -ENOMEM;
	map->priv = s;
	s->zeroes = calloc(1, map->value_size);
	return s->zeroes ? map_create(&values, &s->values) : -ENOMEM;
}

const struct map_ops task_storage_ops = {
	.check = storage_check, .layout = storage_layout, .init = storage_init, .fini = storage_fini};

/* The lock's place is known once the map's BTF is. */
static struct skep_map *values_of(const struct skep_map *map)
{
	const struct storage *s = map->priv;

	if (s->values->spin_lock_off != map->spin_lock_off)
		s->values->spin_lock_off = map->spin_lock_off;
	return s->values;
}

/* What the kernel says where there is no room. */
static int no_room(int err)
{
	return err == -E2BIG ? -ENOMEM : err;
}

void *map_task_get(struct skep_map *map, const struct map_task *task, const void *init, bool create)
{
	const struct storage *s = map->priv;
	struct skep_map *values = values_of(map);
	void *value = map_lookup(values, task, 0);

	if (value || !create)
		return value;
	/* Somebody else may be first: then it is that one. */
	map_update(values, task, init ? init : s->zeroes, BPF_NOEXIST, 0);
	return map_lookup(values, task, 0);
}

int map_task_delete(struct skep_map *map, const struct map_task *task)
{
	return map_delete(values_of(map), task);
}

int map_task_lookup(struct skep_map *map, const struct map_task *task, void *value, uint64_t flags)
{
	return map_user_lookup(values_of(map), task, value, flags);
}

int map_task_update(struct skep_map *map, const struct map_task *task, const void *value, uint64_t flags)
{
	return no_room(map_user_update(values_of(map), task, value, flags));
}
