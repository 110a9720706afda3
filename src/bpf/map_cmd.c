/* SPDX-License-Identifier: BSD-2-Clause */
/* BPF_MAP_* commands: creation, elements, freezing (man 2 bpf). */
#include "base/usermem.h"
#include "base/util.h"
#include "bpf/caller.h"
#include "bpf/map_elem.h"
#include "bpf/fd.h"
#include "bpf/shell.h"
#include "bpf/timers.h"
#include "verify/record.h"
#include "verify/verify.h"

#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#ifndef ENOTSUPP
#define ENOTSUPP 524 /* the kernel's own, which escapes to user space for maps that cannot be inner maps */
#endif

static void put_object(void *arg)
{
	hive_object_put(arg);
}

/* The object that an element of an object map denotes: the reverse of what set_object() stored. */
static struct hive_object *object_of(const struct skep_map *map, void *obj)
{
	switch (map->type->type) {
	case BPF_MAP_TYPE_ARRAY_OF_MAPS:
	case BPF_MAP_TYPE_HASH_OF_MAPS:
		return &((struct hive_map *)((struct skep_map *)obj)->owner)->o;
	case BPF_MAP_TYPE_PERF_EVENT_ARRAY:
		return ((struct perfbuf *)obj)->owner;
	default:
		return &container_of((struct skep_target *)obj, struct hive_prog, target)->o;
	}
}

/* Gives back what an object map held, once no program can be using it any more. */
void elem_retire(struct skep_hive *hive, const struct skep_map *map, void *obj)
{
	bool cgroup = map->type->type == BPF_MAP_TYPE_CGROUP_ARRAY; /* its elements are no objects of the hive */

	if (obj)
		quiesce_retire(&hive->quiesce, &hive->workers[0].reader, hive->n_cpus, sizeof(hive->workers[0]),
			       cgroup ? free : put_object, cgroup ? obj : object_of(map, obj));
}

struct take_arg {
	struct skep_hive *hive;
	struct skep_map *map;
	bool any;
};

static void take_one(void *arg, void *obj)
{
	struct take_arg *t = arg;

	t->any = true;
	elem_retire(t->hive, t->map, obj);
}

bool hive_map_clear_objects(struct hive_map *m)
{
	struct take_arg t = {.hive = m->o.hive, .map = m->map};

	/* A walk over billions of slots takes its time. */
	if (m->map->type->objects && m->filled)
		map_take_objects(m->map, take_one, &t);
	if (m->timed)
		t.any |= timers_cancel_map(m);
	return t.any;
}

void hive_map_free(struct hive_map *m)
{
	hive_map_clear_objects(m);
	m->map->memfd = -1; /* it is o.fd */
	map_destroy(m->map);
	close(m->o.fd);
	if (m->btf)
		hive_object_put(&m->btf->o);
	if (m->inner)
		hive_object_put(&m->inner->o);
	free(m->record);
	free(m);
}

struct hive_map *hive_map_get(struct skep_hive *hive, int fd, int *why)
{
	struct hive_object *o = hive_object_by_fd(hive, fd, HIVE_MAP, why);

	return o ? container_of(o, struct hive_map, o) : NULL;
}

/* May the description behind @fd be read, or written? BPF_F_RDONLY and BPF_F_WRONLY made it so. */
static bool fd_allows(int fd, bool write)
{
	struct caller_fd file;

	return !caller_find(fd, &file) && (file.mode == O_RDWR || file.mode == (write ? O_WRONLY : O_RDONLY));
}

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

static bool is_map_in_map(uint32_t type)
{
	return type == BPF_MAP_TYPE_ARRAY_OF_MAPS || type == BPF_MAP_TYPE_HASH_OF_MAPS;
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

int elem_begin(struct bpf_call *call, int fd, struct hive_map **m, bool read, bool write)
{
	int why = 0;

	pthread_mutex_lock(&call->hive->lock);
	*m = hive_map_get(call->hive, fd, &why);
	pthread_mutex_unlock(&call->hive->lock);
	if (!*m)
		return why;
	if ((read && !fd_allows(fd, false)) || (write && !fd_allows(fd, true)))
		return -EPERM;
	return write && atomic_load(&(*m)->map->frozen) ? -EPERM : 0;
}

void elem_end(struct bpf_call *call, struct hive_map *m)
{
	if (!m)
		return;
	pthread_mutex_lock(&call->hive->lock);
	hive_object_put(&m->o);
	pthread_mutex_unlock(&call->hive->lock);
}

/* One element command at work: the map it holds and copies of what the caller pointed at. */
struct elem {
	struct hive_map *m;
	uint8_t *key;
	uint8_t *value;
};

static int begin(struct bpf_call *call, struct elem *e, bool read, bool write)
{
	return elem_begin(call, (int)call->attr.map_fd, &e->m, read, write);
}

static void end(struct bpf_call *call, struct elem *e)
{
	free(e->key);
	free(e->value);
	elem_end(call, e->m);
}

/* Queues, stacks and bloom filters have no key; giving one is EINVAL. */
static int take_key(struct elem *e, uint64_t ukey)
{
	uint32_t size = e->m->map->key_size;

	if (!size)
		return ukey ? -EINVAL : 0;
	e->key = malloc(size);
	if (!e->key)
		return -ENOMEM;
	return user_read(e->key, ukey, size);
}

static int make_value(struct elem *e)
{
	e->value = calloc(1, MAX(map_user_value_size(e->m->map), 1u));
	return e->value ? 0 : -ENOMEM;
}

/* BPF_MAP_LOOKUP_ELEM, and BPF_MAP_LOOKUP_AND_DELETE_ELEM, which also writes. */
static int look_up(struct bpf_call *call, bool and_delete)
{
	struct elem e = {0};
	bool asks; /* a bloom filter is asked about the caller's value, and answers with the result alone */
	int ret;

	if (call->attr.flags & ~(uint64_t)BPF_F_LOCK)
		return -EINVAL;
	ret = begin(call, &e, true, and_delete);
	asks = e.m && e.m->map->type->type == BPF_MAP_TYPE_BLOOM_FILTER && !and_delete;
	if (!ret && (call->attr.flags & BPF_F_LOCK) && e.m->map->spin_lock_off < 0)
		ret = -EINVAL;
	if (!ret)
		ret = take_key(&e, call->attr.key);
	if (!ret)
		ret = make_value(&e);
	if (!ret && asks)
		ret = user_read(e.value, call->attr.value, e.m->map->value_size);
	if (!ret)
		ret = and_delete ? map_user_lookup_and_delete(e.m->map, e.key, e.value, call->attr.flags)
				 : map_user_lookup(e.m->map, e.key, e.value, call->attr.flags);
	if (!ret && !asks)
		ret = user_write(call->attr.value, e.value, map_user_value_size(e.m->map));
	end(call, &e);
	return ret;
}

int cmd_map_lookup(struct bpf_call *call, uint32_t which)
{
	return look_up(call, false);
}

int cmd_map_lookup_and_delete(struct bpf_call *call, uint32_t which)
{
	return look_up(call, true);
}

bool hive_prog_fits(struct hive_map *m, const struct hive_prog *p)
{
	bool jited = p->target.jit != NULL;

	if (!m->owner_type) {
		m->owner_type = p->type;
		m->owner_jited = jited;
		return true;
	}
	return m->owner_type == p->type && m->owner_jited == jited;
}

static bool inner_fits(const struct hive_map *outer, const struct skep_map *inner)
{
	const struct skep_map *t = outer->inner->map;

	return t->type == inner->type && t->key_size == inner->key_size && t->value_size == inner->value_size &&
	       t->flags == inner->flags &&
	       (t->max_entries == inner->max_entries || inner->type->type != BPF_MAP_TYPE_ARRAY ||
		(t->flags & BPF_F_INNER_MAP));
}

/* make_cgroup - the cgroup behind an fd: one of version 2, as in the kernel. */
static int make_cgroup(int fd, struct map_cgroup **out)
{
	struct caller_fd file;

	if (caller_find(fd, &file) || !file.cgroup)
		return -EBADF;
	*out = malloc(sizeof(**out));
	if (!*out)
		return -ENOMEM;
	(*out)->id = file.cgroup;
	return 0;
}

/*
 * Resolves the fd in an object map's value. *obj stays NULL for a DEVMAP entry without a program. The reference
 * taken here passes to the map.
 */
static int resolve_object(struct bpf_call *call, struct hive_map *m, const void *value, struct hive_object **o,
			  void **obj)
{
	struct skep_map *map = m->map;
	bool devmap = map->type->type == BPF_MAP_TYPE_DEVMAP || map->type->type == BPF_MAP_TYPE_DEVMAP_HASH;
	struct hive_prog *p;
	int why = 0;
	int fd;

	if (devmap) {
		struct bpf_devmap_val v = {.bpf_prog.fd = -1};

		memcpy(&v, value, MIN((size_t)map->value_size, sizeof(v)));
		fd = v.bpf_prog.fd;
		if (!v.ifindex && fd > 0)
			return -EINVAL;
		if (fd <= 0)
			return 0;
	} else {
		memcpy(&fd, value, sizeof(fd));
	}
	if (is_map_in_map(map->type->type)) {
		*o = hive_object_by_fd(call->hive, fd, HIVE_MAP, &why);
		if (!*o)
			return why;
		*obj = container_of(*o, struct hive_map, o)->map;
		return inner_fits(m, *obj) ? 0 : -EINVAL;
	}
	if (map->type->type == BPF_MAP_TYPE_PERF_EVENT_ARRAY) {
		*o = hive_object_by_fd(call->hive, fd, HIVE_PERF, &why);
		if (*o)
			*obj = container_of(*o, struct hive_perf, o)->buf;
		return *o ? 0 : why;
	}
	if (map->type->type == BPF_MAP_TYPE_CGROUP_ARRAY)
		return make_cgroup(fd, (struct map_cgroup **)obj);
	if (map->type->type != BPF_MAP_TYPE_PROG_ARRAY && !devmap)
		return -EOPNOTSUPP; /* sockets: nothing in the hive stands for them */
	*o = hive_object_by_fd(call->hive, fd, HIVE_PROG, &why);
	if (!*o)
		return why;
	p = container_of(*o, struct hive_prog, o);
	*obj = &p->target;
	if (devmap)
		return p->type == BPF_PROG_TYPE_XDP && p->expected_attach_type == BPF_XDP_DEVMAP ? 0 : -EINVAL;
	return hive_prog_fits(m, p) ? 0 : -EINVAL;
}

/* Arrays of objects look at flags and index before they look at the fd (bpf_fd_array_map_update_elem, __dev_map_update_elem). */
static int check_index(const struct skep_map *map, const void *key, uint64_t flags)
{
	uint32_t index;

	switch (map->type->type) {
	case BPF_MAP_TYPE_HASH_OF_MAPS:
	case BPF_MAP_TYPE_DEVMAP_HASH:
		return 0;
	case BPF_MAP_TYPE_DEVMAP:
	case BPF_MAP_TYPE_CPUMAP:
	case BPF_MAP_TYPE_XSKMAP:
		if (flags > BPF_EXIST)
			return -EINVAL;
		break;
	default:
		if (flags != BPF_ANY)
			return -EINVAL;
	}
	memcpy(&index, key, sizeof(index));
	return index >= map->max_entries ? -E2BIG : 0;
}

static int update_object(struct bpf_call *call, struct hive_map *m, const void *key, const void *value, uint64_t flags)
{
	struct skep_hive *hive = call->hive;
	struct hive_object *o = NULL;
	void *old = NULL;
	void *obj = NULL;
	int ret;

	pthread_mutex_lock(&hive->lock);
	ret = check_index(m->map, key, flags);
	if (!ret)
		ret = resolve_object(call, m, value, &o, &obj);
	if (!ret)
		ret = map_set_object(m->map, key, o ? o->id : 0, obj, value, flags, &old);
	if (ret && o)
		hive_object_put(o);
	if (ret && m->map->type->type == BPF_MAP_TYPE_CGROUP_ARRAY)
		free(obj);
	if (!ret) {
		m->filled = true;
		elem_retire(hive, m->map, old);
	}
	pthread_mutex_unlock(&hive->lock);
	return ret;
}

int elem_update(struct bpf_call *call, struct hive_map *m, const void *key, const void *value, uint64_t flags)
{
	return m->map->type->objects ? update_object(call, m, key, value, flags)
				     : map_user_update(m->map, key, value, flags);
}

int elem_delete(struct bpf_call *call, struct hive_map *m, const void *key)
{
	void *old = NULL;
	int ret;

	if (!m->map->type->objects)
		return map_user_delete(m->map, key, &old);
	pthread_mutex_lock(&call->hive->lock);
	ret = map_user_delete(m->map, key, &old);
	if (!ret)
		elem_retire(call->hive, m->map, old);
	pthread_mutex_unlock(&call->hive->lock);
	return ret;
}

int cmd_map_update(struct bpf_call *call, uint32_t which)
{
	struct elem e = {0};
	int ret;

	ret = begin(call, &e, false, true);
	if (!ret)
		ret = take_key(&e, call->attr.key);
	if (!ret)
		ret = make_value(&e);
	if (!ret)
		ret = user_read(e.value, call->attr.value, map_user_value_size(e.m->map));
	if (!ret)
		ret = elem_update(call, e.m, e.key, e.value, call->attr.flags);
	end(call, &e);
	return ret;
}

int cmd_map_delete(struct bpf_call *call, uint32_t which)
{
	struct elem e = {0};
	int ret;

	ret = begin(call, &e, false, true);
	if (!ret)
		ret = take_key(&e, call->attr.key);
	if (!ret)
		ret = elem_delete(call, e.m, e.key);
	end(call, &e);
	return ret;
}

int cmd_map_next_key(struct bpf_call *call, uint32_t which)
{
	AUTO_FREE uint8_t *next = NULL;
	struct elem e = {0};
	int ret;

	ret = begin(call, &e, true, false);
	if (!ret && call->attr.key)
		ret = take_key(&e, call->attr.key);
	if (!ret) {
		next = malloc(MAX(e.m->map->key_size, 1u));
		ret = next ? map_user_next_key(e.m->map, e.key, next) : -ENOMEM;
	}
	if (!ret)
		ret = user_write(call->attr.next_key, next, e.m->map->key_size);
	end(call, &e);
	return ret;
}

int cmd_map_freeze(struct bpf_call *call, uint32_t which)
{
	struct elem e = {0};
	int ret;

	ret = begin(call, &e, false, true);
	if (!ret) {
		/* With the lock no writable mapping comes into being between the two (seam.c). */
		pthread_mutex_lock(&call->hive->lock);
		ret = atomic_load(&e.m->write_maps) ? -EBUSY : map_freeze(e.m->map);
		pthread_mutex_unlock(&call->hive->lock);
	}
	end(call, &e);
	return ret;
}
