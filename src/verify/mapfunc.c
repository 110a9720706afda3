/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which program may use which map, and which helper takes which type of map.
 *
 * Helpers: some map types are for the helpers that are listed with them and no others (own[]); some helpers take the map types that are listed
 * with them and no others (only). The rest take any map.
 */
#include "base/util.h"
#include "verify/call.h"

#include <errno.h>

#define M(type) (1ull << BPF_MAP_TYPE_##type)
#define N(type) (1ull << SKEP_MAP_TYPE_##type)

#define SOCKS (M(SOCKMAP) | M(SOCKHASH))
#define DEVS  (M(DEVMAP) | M(DEVMAP_HASH))
#define QUEUE (M(QUEUE) | M(STACK))
#define LOCAL (M(SK_STORAGE) | M(INODE_STORAGE) | M(TASK_STORAGE) | N(CGRP_STORAGE))

static const uint64_t own = M(PROG_ARRAY) | M(PERF_EVENT_ARRAY) | M(RINGBUF) | N(USER_RINGBUF) | M(STACK_TRACE) |
			    M(CGROUP_ARRAY) | M(CGROUP_STORAGE) | M(PERCPU_CGROUP_STORAGE) | DEVS | M(CPUMAP) |
			    M(XSKMAP) | M(ARRAY_OF_MAPS) | M(HASH_OF_MAPS) | SOCKS | M(REUSEPORT_SOCKARRAY) | QUEUE |
			    LOCAL | M(BLOOM_FILTER);

static const struct {
	uint32_t id;
	bool only;
	uint64_t types;
} pairs[] = {
	{BPF_FUNC_tail_call, true, M(PROG_ARRAY)},
	{BPF_FUNC_perf_event_read, true, M(PERF_EVENT_ARRAY)},
	{BPF_FUNC_perf_event_output, true, M(PERF_EVENT_ARRAY)},
	{BPF_FUNC_perf_event_read_value, true, M(PERF_EVENT_ARRAY)},
	{BPF_FUNC_skb_output, true, M(PERF_EVENT_ARRAY)},
	{BPF_FUNC_xdp_output, true, M(PERF_EVENT_ARRAY)},
	{BPF_FUNC_ringbuf_output, true, M(RINGBUF)},
	{BPF_FUNC_ringbuf_reserve, true, M(RINGBUF)},
	{BPF_FUNC_ringbuf_query, true, M(RINGBUF)},
	{BPF_FUNC_ringbuf_reserve_dynptr, true, M(RINGBUF)},
	{BPF_FUNC_user_ringbuf_drain, true, N(USER_RINGBUF)},
	{BPF_FUNC_get_stackid, true, M(STACK_TRACE)},
	{BPF_FUNC_skb_under_cgroup, true, M(CGROUP_ARRAY)},
	{BPF_FUNC_current_task_under_cgroup, true, M(CGROUP_ARRAY)},
	{BPF_FUNC_get_local_storage, true, M(CGROUP_STORAGE) | M(PERCPU_CGROUP_STORAGE)},
	{BPF_FUNC_redirect_map, true, DEVS | M(CPUMAP) | M(XSKMAP)},
	{BPF_FUNC_map_lookup_elem, false, DEVS | M(XSKMAP) | M(ARRAY_OF_MAPS) | M(HASH_OF_MAPS) | SOCKS},
	{BPF_FUNC_sk_redirect_map, true, M(SOCKMAP)},
	{BPF_FUNC_msg_redirect_map, true, M(SOCKMAP)},
	{BPF_FUNC_sock_map_update, true, M(SOCKMAP)},
	{BPF_FUNC_sk_redirect_hash, true, M(SOCKHASH)},
	{BPF_FUNC_msg_redirect_hash, true, M(SOCKHASH)},
	{BPF_FUNC_sock_hash_update, true, M(SOCKHASH)},
	{BPF_FUNC_sk_select_reuseport, true, SOCKS | M(REUSEPORT_SOCKARRAY)},
	{BPF_FUNC_map_push_elem, true, QUEUE | M(BLOOM_FILTER)},
	{BPF_FUNC_map_peek_elem, true, QUEUE | M(BLOOM_FILTER)},
	{BPF_FUNC_map_pop_elem, true, QUEUE},
	{BPF_FUNC_map_lookup_percpu_elem, true, M(PERCPU_ARRAY) | M(PERCPU_HASH) | M(LRU_PERCPU_HASH)},
	{BPF_FUNC_sk_storage_get, true, M(SK_STORAGE)},
	{BPF_FUNC_sk_storage_delete, true, M(SK_STORAGE)},
	{BPF_FUNC_inode_storage_get, true, M(INODE_STORAGE)},
	{BPF_FUNC_inode_storage_delete, true, M(INODE_STORAGE)},
	{BPF_FUNC_task_storage_get, true, M(TASK_STORAGE)},
	{BPF_FUNC_task_storage_delete, true, M(TASK_STORAGE)},
	{SKEP_FUNC_CGRP_STORAGE_GET, true, N(CGRP_STORAGE)},
	{SKEP_FUNC_CGRP_STORAGE_DELETE, true, N(CGRP_STORAGE)},
	{BPF_FUNC_kptr_xchg, false, LOCAL},
};

/* A socket map may be changed where no socket can be locked already. */
static bool may_update_sockets(const struct verifier *v, uint32_t id)
{
	if (id != BPF_FUNC_map_update_elem && id != BPF_FUNC_map_delete_elem)
		return false;
	switch (v->prog_type) {
	case BPF_PROG_TYPE_TRACING:
		return v->attach_type == BPF_TRACE_ITER;
	case BPF_PROG_TYPE_SOCK_OPS:
		return id == BPF_FUNC_map_delete_elem;
	case BPF_PROG_TYPE_SOCKET_FILTER:
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SCHED_ACT:
	case BPF_PROG_TYPE_XDP:
	case BPF_PROG_TYPE_SK_REUSEPORT:
	case BPF_PROG_TYPE_FLOW_DISSECTOR:
	case BPF_PROG_TYPE_SK_LOOKUP:
		return true;
	default:
		return false;
	}
}

int check_map_func(struct verifier *v, const struct verify_map *map, uint32_t id, const char *name)
{
	uint64_t bit;
	bool only = false, listed = false;

	if (!map)
		return 0;
	bit = map->type < 64 ? 1ull << map->type : 0;
	for (uint32_t i = 0; i < ARRAY_SIZE(pairs); i++)
		if (pairs[i].id == id) {
			only = pairs[i].only;
			listed = pairs[i].types & bit;
			break;
		}
	if ((bit & SOCKS) && may_update_sockets(v, id))
		listed = true;
	if (listed || (!only && !(own & bit)))
		return 0;
	return refuse(v, -EINVAL, PROBLEM_MAP, "cannot pass map_type %u into func %s#%u", map->type, name, id);
}

/* Programs */

enum { MAX_MAPS = 64 };

/* Special fields whose helpers take locks that the program may have interrupted. */
static const struct {
	uint32_t fields;
	bool filters; /* not for socket filters either */
	const char *name;
} not_for_tracing[] = {
	{FIELD_LIST_HEAD | FIELD_RB_ROOT, false, "bpf_{list_head,rb_root}"},
	{FIELD_SPIN_LOCK | FIELD_RES_SPIN_LOCK, true, "bpf_spin_lock"},
	{FIELD_TIMER, false, "bpf_timer"},
	{FIELD_WORKQUEUE, false, "bpf_wq"},
};

static const uint64_t for_sleepable = M(HASH) | M(LRU_HASH) | M(ARRAY) | M(PERCPU_HASH) | M(PERCPU_ARRAY) |
				      M(LRU_PERCPU_HASH) | M(ARRAY_OF_MAPS) | M(HASH_OF_MAPS) | M(RINGBUF) |
				      N(USER_RINGBUF) | LOCAL | QUEUE | N(ARENA);

static bool is_tracing(uint32_t prog_type)
{
	switch (prog_type) {
	case BPF_PROG_TYPE_KPROBE:
	case BPF_PROG_TYPE_TRACEPOINT:
	case BPF_PROG_TYPE_PERF_EVENT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE:
		return true;
	default:
		return false;
	}
}

static int check_map(struct verifier *v, const struct verify_map *map)
{
	uint64_t bit = map->type < 64 ? 1ull << map->type : 0;

	for (uint32_t i = 0; i < ARRAY_SIZE(not_for_tracing); i++) {
		if (!record_has(map->record, not_for_tracing[i].fields))
			continue;
		if (not_for_tracing[i].filters && v->prog_type == BPF_PROG_TYPE_SOCKET_FILTER)
			return refuse(v, -EINVAL, PROBLEM_MAP, "socket filter progs cannot use %s yet",
				      not_for_tracing[i].name);
		if (is_tracing(v->prog_type))
			return refuse(v, -EINVAL, PROBLEM_MAP, "tracing progs cannot use %s yet",
				      not_for_tracing[i].name);
	}
	if (map->type == BPF_MAP_TYPE_STRUCT_OPS)
		return refuse(v, -EINVAL, PROBLEM_MAP, "bpf_struct_ops map cannot be used in prog");
	if ((v->in->flags & BPF_F_SLEEPABLE) && !(for_sleepable & bit))
		return refuse(v, -EINVAL, PROBLEM_MAP,
			      "Sleepable programs can only use array, hash, ringbuf and local storage maps");
	if (map->type == SKEP_MAP_TYPE_ARENA && !(v->allow_ptr_leaks && v->bpf_capable))
		return refuse(v, -EPERM, PROBLEM_MAP, "CAP_BPF and CAP_PERFMON are required to use arena");
	if (map->unplaced)
		return refuse(v, -EINVAL, PROBLEM_MAP, "arena's user address must be set via map_extra or mmap()");
	return 0;
}

int check_maps(struct verifier *v)
{
	const struct verify_map *seen[MAX_MAPS], *only[SKEP_MAP_TYPE_MAX] = {0};
	uint32_t n = 0;

	for (uint32_t i = 0; i < v->in->n_maps; i++) {
		const struct verify_map *map = v->in->maps[i];
		uint32_t k = 0;
		int err;

		while (k < n && seen[k] != map)
			k++;
		if (!map || k < n)
			continue;
		err = check_map(v, map);
		if (err)
			return err;
		if (n == MAX_MAPS)
			return refuse(v, -E2BIG, PROBLEM_MAP,
				      "The total number of maps per program has reached the limit of %u", MAX_MAPS);
		seen[n++] = map;
		if (map->type != BPF_MAP_TYPE_CGROUP_STORAGE && map->type != BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE &&
		    map->type != SKEP_MAP_TYPE_ARENA)
			continue;
		if (only[map->type])
			return refuse(v, -EBUSY, PROBLEM_MAP, "only one %s is allowed",
				      map->type == SKEP_MAP_TYPE_ARENA ? "arena per program"
								       : "cgroup storage of each type");
		only[map->type] = map;
	}
	return 0;
}
