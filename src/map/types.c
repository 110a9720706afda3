/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every map type of Linux 6.18: its names, the version that brought it, and what implements it here.
 * A type without ops is known by name, and creating one is refused.
 */
#include "base/util.h"
#include "map/ops.h"

#define MAP_TYPE(symbol, short_name, version, ...)                                                                     \
	{                                                                                                              \
		.name = short_name, .enum_name = #symbol, .kernel = version, .type = symbol, __VA_ARGS__               \
	}
#define MAP_TYPE_NEW(number, symbol, short_name, version, ...)                                                         \
	{                                                                                                              \
		.name = short_name, .enum_name = symbol, .kernel = version, .type = number, __VA_ARGS__                \
	}

enum { MAP_BATCH_ALL = MAP_BATCH_LOOKUP | MAP_BATCH_UPDATE | MAP_BATCH_DELETE | MAP_BATCH_TAKE };

const struct map_type_desc map_types[] = {
	MAP_TYPE(BPF_MAP_TYPE_HASH, "hash", "3.19", .ops = &hash_ops, .batch = MAP_BATCH_ALL),
	MAP_TYPE(BPF_MAP_TYPE_ARRAY, "array", "3.19", .ops = &array_ops, .batch = MAP_BATCH_LOOKUP | MAP_BATCH_UPDATE),
	MAP_TYPE(BPF_MAP_TYPE_PROG_ARRAY, "prog_array", "4.2", .ops = &prog_array_ops, .objects = true),
	MAP_TYPE(BPF_MAP_TYPE_PERF_EVENT_ARRAY, "perf_event_array", "4.3", .ops = &perf_event_array_ops,
		 .objects = true),
	MAP_TYPE(BPF_MAP_TYPE_PERCPU_HASH, "percpu_hash", "4.6", .ops = &percpu_hash_ops, .batch = MAP_BATCH_ALL,
		 .percpu = true),
	MAP_TYPE(BPF_MAP_TYPE_PERCPU_ARRAY, "percpu_array", "4.6", .ops = &percpu_array_ops,
		 .batch = MAP_BATCH_LOOKUP | MAP_BATCH_UPDATE, .percpu = true),
	MAP_TYPE(BPF_MAP_TYPE_STACK_TRACE, "stack_trace", "4.6", .ops = &stack_trace_ops),
	MAP_TYPE(BPF_MAP_TYPE_CGROUP_ARRAY, "cgroup_array", "4.8", .ops = &cgroup_array_ops, .objects = true),
	MAP_TYPE(BPF_MAP_TYPE_LRU_HASH, "lru_hash", "4.10", .ops = &lru_hash_ops, .batch = MAP_BATCH_ALL),
	MAP_TYPE(BPF_MAP_TYPE_LRU_PERCPU_HASH, "lru_percpu_hash", "4.10", .ops = &lru_percpu_hash_ops,
		 .batch = MAP_BATCH_ALL, .percpu = true),
	MAP_TYPE(BPF_MAP_TYPE_LPM_TRIE, "lpm_trie", "4.11", .ops = &lpm_trie_ops,
		 .batch = MAP_BATCH_LOOKUP | MAP_BATCH_UPDATE | MAP_BATCH_DELETE),
	MAP_TYPE(BPF_MAP_TYPE_ARRAY_OF_MAPS, "array_of_maps", "4.12", .ops = &array_of_maps_ops,
		 .batch = MAP_BATCH_LOOKUP | MAP_BATCH_UPDATE, .objects = true),
	MAP_TYPE(BPF_MAP_TYPE_HASH_OF_MAPS, "hash_of_maps", "4.12", .ops = &hash_of_maps_ops, .batch = MAP_BATCH_ALL,
		 .objects = true),
	MAP_TYPE(BPF_MAP_TYPE_DEVMAP, "devmap", "4.14", .ops = &devmap_ops, .objects = true),
	MAP_TYPE(BPF_MAP_TYPE_SOCKMAP, "sockmap", "4.14", .objects = true),
	MAP_TYPE(BPF_MAP_TYPE_CPUMAP, "cpumap", "4.15", .ops = &cpumap_ops, .objects = true),
	MAP_TYPE(BPF_MAP_TYPE_XSKMAP, "xskmap", "4.18", .ops = &xskmap_ops, .objects = true),
	MAP_TYPE(BPF_MAP_TYPE_SOCKHASH, "sockhash", "4.18", .objects = true),
	MAP_TYPE(BPF_MAP_TYPE_CGROUP_STORAGE, "cgroup_storage", "4.19"),
	MAP_TYPE(BPF_MAP_TYPE_REUSEPORT_SOCKARRAY, "reuseport_sockarray", "4.19", .objects = true),
	MAP_TYPE(BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE, "percpu_cgroup_storage", "4.20", .percpu = true),
	MAP_TYPE(BPF_MAP_TYPE_QUEUE, "queue", "4.20", .ops = &queue_stack_ops),
	MAP_TYPE(BPF_MAP_TYPE_STACK, "stack", "4.20", .ops = &queue_stack_ops),
	MAP_TYPE(BPF_MAP_TYPE_SK_STORAGE, "sk_storage", "5.2"),
	MAP_TYPE(BPF_MAP_TYPE_DEVMAP_HASH, "devmap_hash", "5.4", .ops = &devmap_hash_ops, .objects = true),
	MAP_TYPE(BPF_MAP_TYPE_STRUCT_OPS, "struct_ops", "5.6"),
	MAP_TYPE(BPF_MAP_TYPE_RINGBUF, "ringbuf", "5.8", .ops = &ringbuf_ops),
	MAP_TYPE(BPF_MAP_TYPE_INODE_STORAGE, "inode_storage", "5.10"),
	MAP_TYPE(BPF_MAP_TYPE_TASK_STORAGE, "task_storage", "5.11", .ops = &task_storage_ops),
	MAP_TYPE(BPF_MAP_TYPE_BLOOM_FILTER, "bloom_filter", "5.16", .ops = &bloom_filter_ops),
	MAP_TYPE_NEW(SKEP_MAP_TYPE_USER_RINGBUF, "BPF_MAP_TYPE_USER_RINGBUF", "user_ringbuf", "6.1"),
	MAP_TYPE_NEW(SKEP_MAP_TYPE_CGRP_STORAGE, "BPF_MAP_TYPE_CGRP_STORAGE", "cgrp_storage", "6.2"),
	MAP_TYPE_NEW(SKEP_MAP_TYPE_ARENA, "BPF_MAP_TYPE_ARENA", "arena", "6.9"),
};

const uint32_t map_types_n = ARRAY_SIZE(map_types);

const struct map_type_desc *map_type_find(uint32_t type)
{
	/* The rows stand in the order of their numbers, from 1 on without a hole. */
	return type && type <= map_types_n ? &map_types[type - 1] : NULL;
}
