/* SPDX-License-Identifier: BSD-2-Clause */
/* Shells; shell.h has the theory. The checks are those of each type's map_alloc_check and map_alloc, in their order. */
#include "bpf/shell.h"

#include "base/util.h"
#include "map/ops.h"

#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Flags after 6.1 (enum in linux/bpf.h). */
enum {
	F_LINK = 1 << 13,
	F_VTYPE_BTF_OBJ_FD = 1 << 15,
	F_SEGV_ON_FAULT = 1 << 17,
	F_NO_USER_CONV = 1 << 18,
};

/* Limits that a map's attributes meet. */
enum {
	KEY_MAX = 512, /* MAX_BPF_STACK */
};

static bool power_of_two(uint32_t n)
{
	return n && !(n & (n - 1));
}

static int check_sockets(const union bpf_attr *a)
{
	bool hash = a->map_type == BPF_MAP_TYPE_SOCKHASH;

	if (!a->max_entries || (hash ? !a->key_size : a->key_size != 4) || (a->value_size != 4 && a->value_size != 8) ||
	    (a->map_flags & ~(uint32_t)(BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY)))
		return -EINVAL;
	if (hash && a->key_size > KEY_MAX)
		return -E2BIG;
	return hash && a->max_entries > 1u << 31 ? -EINVAL : 0; /* its number of buckets would be 2^32 */
}

static int check_cgroup_storage(const union bpf_attr *a)
{
	uint32_t max = a->map_type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE ? MAP_PCPU_VALUE_MAX
									 : (uint32_t)MAP_STORAGE_VALUE_MAX;

	if (a->key_size != sizeof(struct bpf_cgroup_storage_key) && a->key_size != 8)
		return -EINVAL;
	if (!a->value_size)
		return -EINVAL;
	if (a->value_size > max)
		return -E2BIG;
	if ((a->map_flags & ~(uint32_t)(BPF_F_NUMA_NODE | MAP_ACCESS_FLAGS)) || !map_access_flags_ok(a->map_flags))
		return -EINVAL;
	return a->max_entries ? -EINVAL : 0;
}

/* Storage of sockets, inodes, tasks, cgroups. */
static int check_storage(const union bpf_attr *a)
{
	if ((a->map_flags & ~(uint32_t)(BPF_F_NO_PREALLOC | BPF_F_CLONE)) || !(a->map_flags & BPF_F_NO_PREALLOC) ||
	    a->max_entries || a->key_size != 4 || !a->value_size || !a->btf_key_type_id || !a->btf_value_type_id)
		return -EINVAL;
	return a->value_size > MAP_STORAGE_VALUE_MAX ? -E2BIG : 0;
}

static int check_reuseport(const union bpf_attr *a)
{
	if (!a->max_entries || a->key_size != 4 || (a->value_size != 4 && a->value_size != 8) ||
	    (a->map_flags & ~(uint32_t)(BPF_F_NUMA_NODE | MAP_ACCESS_FLAGS)) || !map_access_flags_ok(a->map_flags))
		return -EINVAL;
	return 0;
}

static int check_user_ringbuf(const union bpf_attr *a)
{
	if ((a->map_flags & ~(uint32_t)BPF_F_NUMA_NODE) || a->key_size || a->value_size ||
	    !power_of_two(a->max_entries) || a->max_entries % (uint32_t)sysconf(_SC_PAGESIZE))
		return -EINVAL;
	return 0;
}

static uint64_t arena_size(const union bpf_attr *a)
{
	return (uint64_t)a->max_entries * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int check_arena(const union bpf_attr *a)
{
	if (a->key_size || a->value_size || !a->max_entries || !(a->map_flags & BPF_F_MMAPABLE) ||
	    (a->map_flags & ~(uint32_t)(F_SEGV_ON_FAULT | BPF_F_MMAPABLE | F_NO_USER_CONV)))
		return -EINVAL;
	if (a->map_extra % (uint64_t)sysconf(_SC_PAGESIZE))
		return -EINVAL;
	if (arena_size(a) > 1ull << 32)
		return -E2BIG;
	/* The mapping may not cross a multiple of 4 GiB. */
	return a->map_extra >> 32 != (a->map_extra + arena_size(a) - 1) >> 32 ? -ERANGE : 0;
}

/* The value is a kernel's struct bpf_struct_ops_NAME, which the attributes name. */
static int check_struct_ops(const struct skep_hive *hive, const union bpf_attr *a)
{
	static const char prefix[] = "bpf_struct_ops_";
	const struct btf_type *t;

	if (a->key_size != 4 || a->max_entries != 1 || (a->map_flags & ~(uint32_t)(F_LINK | F_VTYPE_BTF_OBJ_FD)) ||
	    !a->btf_vmlinux_value_type_id)
		return -EINVAL;
	if (a->map_flags & F_VTYPE_BTF_OBJ_FD)
		return -EINVAL; /* no module's BTF is known */
	t = btf__type_by_id(hive->kernel->btf, a->btf_vmlinux_value_type_id);
	if (!t || !btf_is_struct(t) ||
	    strncmp(btf__name_by_offset(hive->kernel->btf, t->name_off), prefix, sizeof(prefix) - 1))
		return -MAP_ENOTSUPP;
	return a->value_size != t->size ? -EINVAL : 0;
}

bool shell_is(const struct skep_hive *hive, uint32_t type)
{
	const struct map_type_desc *t = map_type_find(type);

	return (hive->flags & SKEP_CHECK_ONLY) && t && !t->ops;
}

static int check(const struct skep_hive *hive, const union bpf_attr *a)
{
	switch (a->map_type) {
	case BPF_MAP_TYPE_SOCKMAP:
	case BPF_MAP_TYPE_SOCKHASH:
		return check_sockets(a);
	case BPF_MAP_TYPE_CGROUP_STORAGE:
	case BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE:
		return check_cgroup_storage(a);
	case BPF_MAP_TYPE_SK_STORAGE:
	case BPF_MAP_TYPE_INODE_STORAGE:
	case SKEP_MAP_TYPE_CGRP_STORAGE:
		return check_storage(a);
	case BPF_MAP_TYPE_REUSEPORT_SOCKARRAY:
		return check_reuseport(a);
	case BPF_MAP_TYPE_STRUCT_OPS:
		return check_struct_ops(hive, a);
	case SKEP_MAP_TYPE_USER_RINGBUF:
		return check_user_ringbuf(a);
	case SKEP_MAP_TYPE_ARENA:
		return check_arena(a);
	default:
		return -EOPNOTSUPP; /* a type in map/types.c that has no rules here */
	}
}

int shell_create(const struct skep_hive *hive, const union bpf_attr *attr, const char *name, struct skep_map **out)
{
	static const struct map_ops none;
	struct skep_map *map;
	int err = check(hive, attr);

	if (err)
		return err;
	map = calloc(1, sizeof(*map));
	if (!map)
		return -ENOMEM;
	*map = (struct skep_map){
		.ops = &none,
		.type = map_type_find(attr->map_type),
		.key_size = attr->key_size,
		.value_size = attr->value_size,
		.max_entries = attr->max_entries,
		.flags = attr->map_flags & ~(uint32_t)(BPF_F_RDONLY | BPF_F_WRONLY),
		.elem_size = ALIGN_UP(attr->value_size, 8u),
		.n_cpus = hive->n_cpus,
		.extra = attr->map_extra,
		.event_fd = -1,
		.spin_lock_off = -1,
		.btf_vmlinux_value_type_id = attr->btf_vmlinux_value_type_id,
		.memfd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING),
	};
	memcpy(map->name, name, sizeof(map->name));
	if (attr->map_type == SKEP_MAP_TYPE_ARENA)
		map->mmap_size = arena_size(attr);
	if (map->memfd < 0 || ftruncate(map->memfd, (off_t)map->mmap_size)) {
		err = -errno;
		map_destroy(map);
		return err;
	}
	*out = map;
	return 0;
}

int shell_check_btf(uint32_t type, const struct btf *btf, const struct btf_type *key)
{
	switch (type) {
	case BPF_MAP_TYPE_SOCKMAP:
	case BPF_MAP_TYPE_SOCKHASH:
		return -MAP_ENOTSUPP;
	case BPF_MAP_TYPE_SK_STORAGE:
	case BPF_MAP_TYPE_INODE_STORAGE:
	case SKEP_MAP_TYPE_CGRP_STORAGE:
	case BPF_MAP_TYPE_REUSEPORT_SOCKARRAY:
		return key && btf_is_int(key) && btf_int_bits(key) == 32 && !btf_int_offset(key) ? 0 : -EINVAL;
	case BPF_MAP_TYPE_CGROUP_STORAGE:
	case BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE:
		return key && (btf_is_struct(key) || btf_is_int(key)) ? 0 : -EINVAL;
	case SKEP_MAP_TYPE_ARENA:
		return 0;
	default:
		return key ? 0 : -EINVAL;
	}
}
