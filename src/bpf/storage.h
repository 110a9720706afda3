/* SPDX-License-Identifier: BSD-2-Clause */
/* bpf(2) on TASK_STORAGE maps, whose keys are pidfds. */
#ifndef SKEP_BPF_STORAGE_H
#define SKEP_BPF_STORAGE_H

#include "bpf/hive.h"
#include "map/map.h"

static inline bool storage_is(const struct skep_map *map)
{
	return map->type->type == BPF_MAP_TYPE_TASK_STORAGE;
}

/*
 * storage_lookup, storage_update, storage_delete - @key: the caller's pidfd
 * Return: 0 or the kernel's error: -EBADF: no pidfd; -ENOENT: the task, or its value, is not there
 */
int storage_lookup(struct skep_map *map, const void *key, void *value, uint64_t flags);
int storage_update(struct skep_map *map, const void *key, const void *value, uint64_t flags);
int storage_delete(struct skep_map *map, const void *key);

/* storage_forget - a task is gone, and its values with it. Not in a read section. */
void storage_forget(struct skep_hive *hive, const struct map_task *task);

#endif
