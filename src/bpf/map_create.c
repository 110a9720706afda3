/* SPDX-License-Identifier: BSD-2-Clause */
/* BPF_MAP_CREATE: may there be such a map, with these types of keys and values (man 2 bpf)? */
#include "base/util.h"
#include "bpf/fd.h"
#include "bpf/map_elem.h"
#include "bpf/shell.h"
#include "bpf/storage.h"
#include "bpf/timers.h"
#include "verify/record.h"
#include "verify/verify.h"

#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#ifndef ENOTSUPP
#define ENOTSUPP 524 /* the kernel's own, which escapes to user space for maps that cannot be inner maps */
#endif

/* Past typedefs and modifiers; NULL for a chain that leads nowhere. */
static const struct btf_type *strip(const struct btf *btf, uint32_t id)
{
	const struct btf_type *t = btf__type_by_id(btf, id);

	while (t && (btf_is_mod(t) || btf_is_typedef(t)))
		t = btf__type_by_id(btf, t->type);
	return t;
}

/*
 * What a type of map takes as its key's type and value's (each family's map_check_btf in the kernel).
 * @key: NULL when the attributes name none
 */
static int check_key_type(const union bpf_attr *attr, const struct btf_type *key, const struct btf_type *value)
{
	switch (attr->map_type) {
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
		/* Without one: a section of variables, as libbpf makes it. */
		if (!key)
			return attr->map_type == BPF_MAP_TYPE_ARRAY && attr->max_entries == 1 && value &&
					       btf_is_datasec(value)
				       ? 0
				       : -EINVAL;
		return btf_is_int(key) && btf_int_bits(key) == 32 && !btf_int_offset(key) ? 0 : -EINVAL;
	case BPF_MAP_TYPE_TASK_STORAGE:
		return key && btf_is_int(key) && btf_int_bits(key) == 32 && !btf_int_offset(key) ? 0 : -EINVAL;
	case BPF_MAP_TYPE_LPM_TRIE:
		return key && btf_is_struct(key) ? 0 : -EINVAL;
	case BPF_MAP_TYPE_BLOOM_FILTER:
		return key ? -EINVAL : 0;
	case BPF_MAP_TYPE_STACK_TRACE:
	case BPF_MAP_TYPE_PERF_EVENT_ARRAY:
	case BPF_MAP_TYPE_CGROUP_ARRAY:
	case BPF_MAP_TYPE_ARRAY_OF_MAPS:
	case BPF_MAP_TYPE_HASH_OF_MAPS:
	case BPF_MAP_TYPE_DEVMAP:
	case BPF_MAP_TYPE_DEVMAP_HASH:
	case BPF_MAP_TYPE_CPUMAP:
	case BPF_MAP_TYPE_XSKMAP:
		return -ENOTSUPP;
	default:
		return key ? 0 : -EINVAL;
	}
}

/* The types of key and value must have the map's sizes. */
static int check_btf(const struct hive_btf *b, const union bpf_attr *attr, bool shell)
{
	const struct btf_type *key = NULL;
	long long size;

	if (attr->btf_key_type_id) {
		size = btf__resolve_size(b->btf, attr->btf_key_type_id);
		key = strip(b->btf, attr->btf_key_type_id);
		if (size < 0 || size != attr->key_size || !key)
			return -EINVAL;
	}
	size = btf__resolve_size(b->btf, attr->btf_value_type_id);
	if (size < 0 || size != attr->value_size)
		return -EINVAL;
	return shell ? shell_check_btf(attr->map_type, b->btf, key)
		     : check_key_type(attr, key, strip(b->btf, attr->btf_value_type_id));
}

/* What of a value only helpers may touch. */
static int take_record(struct skep_hive *hive, struct hive_map *m)
{
	const struct btf *kernel = hive->kernel ? hive->kernel->btf : hive->presented;
	int err;

	if (!m->btf || !m->map->btf_value_type_id)
		return 0;
	err = btf_record_parse(m->btf->btf, m->map->btf_value_type_id, m->map->value_size, BTF_FIELDS_OF_MAP, kernel,
			       &m->record);
	if (err) {
		/* As in the kernel: a value that cannot have special fields has none, and helpers that want one refuse it. */
		m->record = NULL;
		return err == -ENOMEM ? err : 0;
	}
	if (m->record)
		err = btf_record_map_check(m->record, m->map->type->type, m->map->flags);
	if (!err && m->record)
		m->map->spin_lock_off = m->record->spin_lock_off;
	/* A shell has no values. */
	if (!err && m->record && m->record->timer_off >= 0 && !(hive->flags & SKEP_CHECK_ONLY))
		err = timers_attach(m, (uint32_t)m->record->timer_off);
	return err;
}

/* What a map may not be when it is to stand inside another (kernel/bpf/map_in_map.c: bpf_map_meta_alloc). */
static int check_inner(const struct skep_map *inner)
{
	switch (inner->type->type) {
	case BPF_MAP_TYPE_ARRAY_OF_MAPS:
	case BPF_MAP_TYPE_HASH_OF_MAPS:
		return -EINVAL; /* one level only */
	case BPF_MAP_TYPE_PROG_ARRAY:
	case BPF_MAP_TYPE_CGROUP_STORAGE:
	case BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE:
	case BPF_MAP_TYPE_STRUCT_OPS:
		return -ENOTSUPP;
	default:
		return 0;
	}
}

/* The template of a map-in-map, held. It comes before the map itself; on failure the caller gives back what is held. */
static int take_inner(struct skep_hive *hive, const union bpf_attr *attr, struct hive_map *m)
{
	int why = 0;

	if (!is_map_in_map(attr->map_type))
		return 0; /* other types leave it unread, as the kernel does */
	m->inner = hive_map_get(hive, (int)attr->inner_map_fd, &why);
	return m->inner ? check_inner(m->inner->map) : why;
}

/* The types of key and value, held. They come after the map. */
static int take_btf(struct skep_hive *hive, const union bpf_attr *attr, struct hive_map *m)
{
	struct hive_object *o;
	int why = 0;

	if (!attr->btf_key_type_id && !attr->btf_value_type_id)
		return 0;
	o = hive_object_by_fd(hive, (int)attr->btf_fd, HIVE_BTF, &why);
	if (!o)
		return why;
	m->btf = container_of(o, struct hive_btf, o);
	if (m->btf->kernel)
		return -EACCES;
	return check_btf(m->btf, attr, shell_is(hive, attr->map_type));
}

int cmd_map_create(struct bpf_call *call, uint32_t which)
{
	struct skep_hive *hive = call->hive;
	const union bpf_attr *attr = &call->attr;
	uint32_t access = attr->map_flags & (BPF_F_RDONLY | BPF_F_WRONLY);
	struct map_attr a = {
		.type = attr->map_type,
		.key_size = attr->key_size,
		.value_size = attr->value_size,
		.max_entries = attr->max_entries,
		.flags = attr->map_flags & ~(uint32_t)(BPF_F_RDONLY | BPF_F_WRONLY | BPF_F_NUMA_NODE),
		.extra = attr->map_extra,
		.n_cpus = hive->n_cpus,
		.seed = hive->seed,
	};
	bool shell = shell_is(hive, attr->map_type);
	struct hive_map *m;
	int ret;

	if (attr->map_ifindex || (attr->btf_vmlinux_value_type_id && !shell))
		return -EOPNOTSUPP; /* maps on a NIC, struct_ops */
	if (attr->btf_vmlinux_value_type_id &&
	    (attr->map_type != BPF_MAP_TYPE_STRUCT_OPS || attr->btf_key_type_id || attr->btf_value_type_id))
		return -EINVAL;
	if (attr->map_extra && attr->map_type != BPF_MAP_TYPE_BLOOM_FILTER && attr->map_type != SKEP_MAP_TYPE_ARENA)
		return -EINVAL;
	if (access == (BPF_F_RDONLY | BPF_F_WRONLY))
		return -EINVAL;
	if ((attr->btf_key_type_id && !attr->btf_value_type_id))
		return -EINVAL;
	if (attr->map_type == BPF_MAP_TYPE_TASK_STORAGE && (!attr->btf_key_type_id || !attr->btf_value_type_id))
		return -EINVAL;
	if ((attr->map_flags & BPF_F_NUMA_NODE) && attr->numa_node)
		return -EINVAL; /* memory of one node is all there is: node 0 */
	ret = hive_copy_name(a.name, attr->map_name);
	if (ret)
		return ret;
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	pthread_mutex_lock(&hive->lock);
	ret = take_inner(hive, attr, m);
	if (!ret) {
		a.inner = m->inner ? m->inner->map : NULL;
		ret = shell ? shell_create(hive, attr, a.name, &m->map) : map_create(&a, &m->map);
	}
	if (!ret)
		ret = take_btf(hive, attr, m);
	if (ret)
		goto fail;
	m->map->btf_key_type_id = attr->btf_key_type_id;
	m->map->btf_value_type_id = attr->btf_value_type_id;
	ret = take_record(hive, m);
	if (ret)
		goto fail;
	m->map->owner = m;
	m->unprivileged = !(hive->caps & (VERIFY_CAP_PERFMON | VERIFY_CAP_SYS_ADMIN));
	ret = hive_object_add(hive, &m->o, HIVE_MAP, m->map->memfd);
	if (ret)
		goto fail;
	m->map->id = m->o.id;
	atomic_fetch_add(&hive->storages, storage_is(m->map));
	m->o.refs++;
	ret = hive_object_open(&m->o, access == BPF_F_RDONLY ? O_RDONLY : access ? O_WRONLY : O_RDWR);
	hive_object_put(&m->o);
	hive_sweep(hive);
	pthread_mutex_unlock(&hive->lock);
	return ret;
fail:
	map_destroy(m->map);
	if (m->btf)
		hive_object_put(&m->btf->o);
	if (m->inner)
		hive_object_put(&m->inner->o);
	pthread_mutex_unlock(&hive->lock);
	free(m->record);
	free(m);
	return ret;
}
