/* SPDX-License-Identifier: BSD-2-Clause */
/* What the commands on maps share: map_create.c, on one element map_cmd.c, on many map_batch.c, on objects map_object.c. */
#ifndef SKEP_BPF_MAP_ELEM_H
#define SKEP_BPF_MAP_ELEM_H

#include "bpf/cmd.h"

/*
 * elem_begin - the map behind an fd, held.
 * @read, @write: what the command will do: the fd must allow it, and a frozen map is not written
 * Return: 0 or the kernel's error. *m is to be given back by elem_end() in either case; it is NULL when there is none.
 */
int elem_begin(struct bpf_call *call, int fd, struct hive_map **m, bool read, bool write);
void elem_end(struct bpf_call *call, struct hive_map *m);

/* elem_update, elem_delete - one element; fds in values become objects, objects that go are freed after their last reader. */
int elem_update(struct bpf_call *call, struct hive_map *m, const void *key, const void *value, uint64_t flags);
int elem_delete(struct bpf_call *call, struct hive_map *m, const void *key);

/* elem_retire - an object that a map held goes. The hive's lock is held. NULL is fine. */
void elem_retire(struct skep_hive *hive, const struct skep_map *map, void *obj);

/* is_map_in_map - does a type of map hold maps? */
static inline bool is_map_in_map(uint32_t type)
{
	return type == BPF_MAP_TYPE_ARRAY_OF_MAPS || type == BPF_MAP_TYPE_HASH_OF_MAPS;
}

#endif
