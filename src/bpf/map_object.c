/* SPDX-License-Identifier: BSD-2-Clause */
/* Maps whose elements are programs, maps, buffers, cgroups: fds in values become objects, and objects that go are given back. */
#include "base/util.h"
#include "bpf/caller.h"
#include "bpf/fd.h"
#include "bpf/map_elem.h"
#include "bpf/storage.h"
#include "bpf/timers.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { CPUMAP_QUEUE_MAX = 16384 };

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

/* Maps of devices and CPUs. */
static bool is_for_frames(uint32_t type)
{
	return type == BPF_MAP_TYPE_DEVMAP || type == BPF_MAP_TYPE_DEVMAP_HASH || type == BPF_MAP_TYPE_CPUMAP;
}

/*
 * resolve_frames - the program in the value of a map that frames are redirected through: it runs over them there.
 * Values begin with a device's number or a queue's length, and end with the program's fd or before it. Without a program
 * *o stays NULL. What is wrong with the rest of a CPU's value is map_set_object()'s to say, before its program counts.
 */
static int resolve_frames(struct bpf_call *call, struct hive_map *m, const void *value, struct hive_object **o,
			  void **obj)
{
	bool cpus = m->map->type->type == BPF_MAP_TYPE_CPUMAP;
	struct bpf_devmap_val v = {.bpf_prog.fd = -1};
	int why = 0, bad = cpus ? -ENOMEM : -EINVAL; /* whatever is wrong with the program */
	struct hive_prog *p;

	_Static_assert(sizeof(struct bpf_cpumap_val) == sizeof(struct bpf_devmap_val), "the same layout");
	memcpy(&v, value, MIN((size_t)m->map->value_size, sizeof(v)));
	if (!v.ifindex && v.bpf_prog.fd > 0 && !cpus)
		return -EINVAL;
	if (v.bpf_prog.fd <= 0 || (cpus && (!v.ifindex || v.ifindex > CPUMAP_QUEUE_MAX)))
		return 0;
	*o = hive_object_by_fd(call->hive, v.bpf_prog.fd, HIVE_PROG, &why);
	if (!*o)
		return bad;
	p = container_of(*o, struct hive_prog, o);
	*obj = &p->target;
	if (p->type == BPF_PROG_TYPE_XDP && p->expected_attach_type == (cpus ? BPF_XDP_CPUMAP : BPF_XDP_DEVMAP))
		return 0;
	return bad;
}

/*
 * Resolves the fd in an object map's value. *obj stays NULL for an entry without a program where that may be. The reference
 * taken here passes to the map.
 */
static int resolve_object(struct bpf_call *call, struct hive_map *m, const void *value, struct hive_object **o,
			  void **obj)
{
	struct skep_map *map = m->map;
	struct hive_prog *p;
	int why = 0;
	int fd;

	if (is_for_frames(map->type->type))
		return resolve_frames(call, m, value, o, obj);
	memcpy(&fd, value, sizeof(fd));
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
	if (map->type->type != BPF_MAP_TYPE_PROG_ARRAY)
		return -EOPNOTSUPP; /* sockets: nothing in the hive stands for them */
	*o = hive_object_by_fd(call->hive, fd, HIVE_PROG, &why);
	if (!*o)
		return why;
	p = container_of(*o, struct hive_prog, o);
	*obj = &p->target;
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
	if (index >= map->max_entries)
		return -E2BIG;
	return flags == BPF_NOEXIST && is_for_frames(map->type->type) ? -EEXIST : 0;
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
	if (storage_is(m->map))
		return storage_update(m->map, key, value, flags);
	return m->map->type->objects ? update_object(call, m, key, value, flags)
				     : map_user_update(m->map, key, value, flags);
}

int elem_delete(struct bpf_call *call, struct hive_map *m, const void *key)
{
	void *old = NULL;
	int ret;

	if (storage_is(m->map))
		return storage_delete(m->map, key);
	if (!m->map->type->objects)
		return map_user_delete(m->map, key, &old);
	pthread_mutex_lock(&call->hive->lock);
	ret = map_user_delete(m->map, key, &old);
	if (!ret)
		elem_retire(call->hive, m->map, old);
	pthread_mutex_unlock(&call->hive->lock);
	return ret;
}
