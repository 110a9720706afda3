/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making, attaching and destroying maps, and the way from the public functions to the
 * families: what holds for every map is checked here, once.
 *
 * A map is made in one order: the family checks the attributes, its layout gives the size,
 * the memfd gets that size and is sealed against another, the family finds its tables, and last
 * the header is written. Attaching walks the same way with the attributes from the header, so the
 * two cannot come to different geometries.
 *
 * System calls: memfd_create, ftruncate, fcntl (seals, dup), fstat, mmap, munmap, close; sysinfo for
 * the size of memory; eventfd2 for ring buffers.
 */
#include "base/util.h"
#include "map/ops.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* name_ok - a terminated string of what the kernel takes in an object's name. */
static bool name_ok(const char name[static BPF_OBJ_NAME_LEN])
{
	for (size_t i = 0; i < BPF_OBJ_NAME_LEN; i++) {
		char c = name[i];

		if (!c)
			return true;
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
		      c == '.'))
			return false;
	}
	return false;
}

/*
 * plan - check attributes and compute the layout, for a new map and for an attached one alike.
 * @size: on success the whole file's size in bytes
 */
static int plan(const struct map_attr *attr, const struct map_type_desc *type, struct map_layout *l, size_t *size)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), tail_at;
	int err;

	if (!attr->n_cpus)
		return -EINVAL;
	if ((attr->flags & BPF_F_RDONLY) && (attr->flags & BPF_F_WRONLY))
		return -EINVAL;
	if (attr->extra && attr->type != BPF_MAP_TYPE_BLOOM_FILTER)
		return -EINVAL;
	err = type->ops->check(attr);
	if (err)
		return err;
	if (!name_ok(attr->name))
		return -EINVAL;

	*l = (struct map_layout){.max_entries = attr->max_entries};
	type->ops->layout(attr, l);
	tail_at = map_layout_add(l, 1, MAP_HEADER_SIZE, page);
	if (l->overflow)
		return -ENOMEM;
	/* The kernel's vmalloc refuses what physical memory could never hold; so do we, before anyone touches it. */
	if (l->size > (uint64_t)sysconf(_SC_PHYS_PAGES) * page)
		return -ENOMEM;
	*size = tail_at + MAP_HEADER_SIZE;
	return 0;
}

static struct map_tail *tail_of(const struct skep_map *map)
{
	return (struct map_tail *)(map->mem + map->mem_size - MAP_HEADER_SIZE);
}

/* set_up - fill the private view once the memory is mapped. */
static int set_up(struct skep_map *map, const struct map_attr *attr, const struct map_layout *l)
{
	const struct map_ops *variant = map->type->ops->pick ? map->type->ops->pick(attr) : NULL;

	map->ops = variant ? variant : map->type->ops;
	map->key_size = attr->key_size;
	map->value_size = attr->value_size;
	map->max_entries = l->max_entries;
	map->flags = attr->flags & ~(uint32_t)(BPF_F_RDONLY | BPF_F_WRONLY); /* those are of the first fd only */
	map->elem_size = (uint32_t)ALIGN_UP((uint64_t)attr->value_size, 8);
	map->n_cpus = attr->n_cpus;
	map->cpu_stride = l->cpu_stride;
	map->extra = attr->extra;
	map->seed = attr->seed;
	map->mmap_size = l->mmap_size;
	map->spin_lock_off = -1;
	map->ctl = &tail_of(map)->ctl;
	memcpy(map->name, attr->name, sizeof(map->name));
	if (l->n_objs) {
		map->objs = calloc(l->n_objs, sizeof(*map->objs));
		if (!map->objs)
			return -ENOMEM;
	}
	return map->ops->init ? map->ops->init(map, l) : 0;
}

static void write_header(const struct skep_map *map, const struct map_attr *attr)
{
	struct map_header *h = &tail_of(map)->header;

	*h = (struct map_header){
		.magic = MAP_MAGIC,
		.version = MAP_VERSION,
		.type = map->type->type,
		.key_size = attr->key_size,
		.value_size = attr->value_size,
		.max_entries = attr->max_entries,
		.flags = attr->flags,
		.extra = attr->extra,
		.seed = attr->seed,
		.file_size = map->mem_size,
		.n_cpus = attr->n_cpus,
	};
	memcpy(h->name, attr->name, sizeof(h->name));
}

int map_create(const struct map_attr *attr_in, struct skep_map **out)
{
	const struct map_type_desc *type = map_type_find(attr_in->type);
	struct map_attr attr = *attr_in;
	char fd_name[sizeof("skep-map:") + BPF_OBJ_NAME_LEN];
	struct map_layout layout;
	struct skep_map *map;
	size_t size;
	void *mem;
	int err;

	if (!type)
		return -EINVAL;
	if (!type->ops)
		return -EOPNOTSUPP;
	if (attr.flags & BPF_F_ZERO_SEED)
		attr.seed = 0;
	err = plan(&attr, type, &layout, &size);
	if (err)
		return err;

	map = calloc(1, sizeof(*map));
	if (!map)
		return -ENOMEM;
	map->type = type;
	map->memfd = map->event_fd = -1;
	snprintf(fd_name, sizeof(fd_name), "skep-map:%s", attr.name);
	map->memfd = memfd_create(fd_name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (map->memfd < 0 || ftruncate(map->memfd, (off_t)size) < 0 ||
	    fcntl(map->memfd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) < 0) {
		err = -errno;
		goto fail;
	}
	mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, map->memfd, 0);
	if (mem == MAP_FAILED) {
		err = -errno;
		goto fail;
	}
	map->mem = mem;
	map->mem_size = size;
	err = set_up(map, &attr, &layout);
	if (err)
		goto fail;
	if (attr.inner) {
		map->inner.type = attr.inner->type->type;
		map->inner.key_size = attr.inner->key_size;
		map->inner.value_size = attr.inner->value_size;
		map->inner.max_entries = attr.inner->max_entries;
		map->inner.flags = attr.inner->flags;
	}
	write_header(map, &attr);
	*out = map;
	return 0;
fail:
	map_destroy(map);
	return err;
}

int map_attach(int fd, struct skep_map **out)
{
	const int needed = F_SEAL_GROW | F_SEAL_SHRINK;
	struct map_attr attr = {0};
	const struct map_type_desc *type;
	struct map_layout layout;
	struct map_header header;
	struct skep_map *map;
	struct stat st;
	size_t size;
	void *mem;
	int seals, err;

	/* Without these seals the file could shrink under us, and a read would raise SIGBUS. */
	seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || (seals & needed) != needed || fstat(fd, &st) < 0 || st.st_size < MAP_HEADER_SIZE)
		return -EINVAL;
	if (pread(fd, &header, sizeof(header), st.st_size - MAP_HEADER_SIZE) != sizeof(header))
		return -EINVAL;
	if (header.magic != MAP_MAGIC || header.version != MAP_VERSION || header.reserved ||
	    header.file_size != (uint64_t)st.st_size)
		return -EINVAL;
	type = map_type_find(header.type);
	if (!type)
		return -EINVAL;
	if (!type->ops || !type->ops->attachable)
		return -EOPNOTSUPP;
	attr.type = header.type;
	attr.key_size = header.key_size;
	attr.value_size = header.value_size;
	attr.max_entries = header.max_entries;
	attr.flags = header.flags;
	attr.extra = header.extra;
	attr.n_cpus = header.n_cpus;
	attr.seed = header.seed;
	memcpy(attr.name, header.name, sizeof(attr.name));
	if (plan(&attr, type, &layout, &size) || size != (uint64_t)st.st_size)
		return -EINVAL;

	map = calloc(1, sizeof(*map));
	if (!map)
		return -ENOMEM;
	map->type = type;
	map->event_fd = -1;
	map->readonly = true;
	map->memfd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (map->memfd < 0) {
		err = -errno;
		goto fail;
	}
	mem = mmap(NULL, size, PROT_READ, MAP_SHARED, map->memfd, 0);
	if (mem == MAP_FAILED) {
		err = -errno;
		goto fail;
	}
	map->mem = mem;
	map->mem_size = size;
	err = set_up(map, &attr, &layout);
	if (err)
		goto fail;
	*out = map;
	return 0;
fail:
	map_destroy(map);
	return err;
}

void map_destroy(struct skep_map *map)
{
	if (!map)
		return;
	if (map->ops && map->ops->fini)
		map->ops->fini(map);
	if (map->mem)
		munmap(map->mem, map->mem_size);
	if (map->memfd >= 0)
		close(map->memfd);
	if (map->event_fd >= 0)
		close(map->event_fd);
	free((void *)map->objs);
	free(map);
}

uint32_t map_user_value_size(const struct skep_map *map)
{
	if (map->type->percpu)
		return map->elem_size * map->n_cpus;
	return map->value_size;
}

/* The program's side. */

void *map_lookup(struct skep_map *map, const void *key, uint32_t cpu)
{
	return map->ops->lookup ? map->ops->lookup(map, key, cpu) : NULL;
}

void *(*map_lookup_of(const struct skep_map *map))(struct skep_map *map, const void *key, uint32_t cpu)
{
	return map->ops->lookup ? map->ops->lookup : map_lookup;
}

void *map_lookup_percpu(struct skep_map *map, const void *key, uint32_t cpu)
{
	return map->type->percpu && cpu < map->n_cpus ? map_lookup(map, key, cpu) : NULL;
}

int map_update(struct skep_map *map, const void *key, const void *value, uint64_t flags, uint32_t cpu)
{
	if (unlikely(!map->ops->update))
		return -EOPNOTSUPP;
	if (unlikely(map->readonly))
		return -EPERM;
	if (unlikely((flags & BPF_F_LOCK) && map->spin_lock_off < 0))
		return -EINVAL;
	return map->ops->update(map, key, value, flags, cpu);
}

int map_delete(struct skep_map *map, const void *key)
{
	if (unlikely(!map->ops->remove))
		return -EOPNOTSUPP;
	if (unlikely(map->readonly))
		return -EPERM;
	return map->ops->remove(map, key);
}

int map_push(struct skep_map *map, const void *value, uint64_t flags)
{
	if (!map->ops->push)
		return -EOPNOTSUPP;
	return map->readonly ? -EPERM : map->ops->push(map, value, flags);
}

int map_pop(struct skep_map *map, void *value)
{
	if (!map->ops->pop)
		return -EOPNOTSUPP;
	return map->readonly ? -EPERM : map->ops->pop(map, value);
}

int map_peek(struct skep_map *map, void *value)
{
	return map->ops->peek ? map->ops->peek(map, value) : -EOPNOTSUPP;
}

long map_for_each(struct skep_map *map, uint32_t cpu, long (*fn)(void *arg, void *key, void *value), void *arg)
{
	return map->ops->for_each ? map->ops->for_each(map, cpu, fn, arg) : -EINVAL;
}

/* The user's side. A frozen map is not written through bpf(2), an attached one not at all. */

static bool may_not_write(const struct skep_map *map)
{
	return map->readonly || atomic_load_explicit(&map->frozen, memory_order_relaxed);
}

static bool no_such_lock(const struct skep_map *map, uint64_t flags)
{
	return (flags & BPF_F_LOCK) && map->spin_lock_off < 0;
}

int map_user_lookup(struct skep_map *map, const void *key, void *value, uint64_t flags)
{
	if ((flags & ~(uint64_t)BPF_F_LOCK) || no_such_lock(map, flags))
		return -EINVAL;
	return map->ops->user_lookup ? map->ops->user_lookup(map, key, value, flags) : -MAP_ENOTSUPP;
}

int map_user_update(struct skep_map *map, const void *key, const void *value, uint64_t flags)
{
	if (may_not_write(map))
		return -EPERM;
	if (no_such_lock(map, flags))
		return -EINVAL;
	return map->ops->user_update ? map->ops->user_update(map, key, value, flags) : -MAP_ENOTSUPP;
}

int map_user_delete(struct skep_map *map, const void *key, void **old_obj)
{
	void *old = NULL;
	int err;

	if (old_obj)
		*old_obj = NULL;
	if (may_not_write(map))
		return -EPERM;
	if (!map->ops->user_delete)
		return -MAP_ENOTSUPP;
	err = map->ops->user_delete(map, key, &old);
	if (old_obj)
		*old_obj = old;
	return err;
}

int map_user_lookup_and_delete(struct skep_map *map, const void *key, void *value, uint64_t flags)
{
	if (flags & ~(uint64_t)BPF_F_LOCK)
		return -EINVAL;
	if (may_not_write(map))
		return -EPERM;
	if (no_such_lock(map, flags))
		return -EINVAL;
	return map->ops->user_lookup_and_delete ? map->ops->user_lookup_and_delete(map, key, value, flags)
						: -MAP_ENOTSUPP;
}

int map_user_next_key(struct skep_map *map, const void *key, void *next)
{
	return map->ops->user_next_key ? map->ops->user_next_key(map, key, next) : -MAP_ENOTSUPP;
}

uint32_t map_user_batch(struct skep_map *map, uint32_t *at, uint32_t room, void *keys, void *values, uint64_t flags,
			void **old)
{
	return map->ops->user_batch(map, at, room, keys, values, flags, old);
}

int map_freeze(struct skep_map *map)
{
	/* Frozen already: its fd may not write any more, and the kernel looks at that first. */
	if (map->readonly || atomic_exchange(&map->frozen, true))
		return -EPERM;
	/* Our own mapping stays writable for programs; no one can make another. Then nobody may change the seals. */
	if (fcntl(map->memfd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) < 0) {
		int err = -errno;

		atomic_store(&map->frozen, false);
		return err;
	}
	return 0;
}

/* Maps of objects. */

void *map_program(struct skep_map *map, const void *key)
{
	return map->ops->object ? map->ops->object(map, key, 0) : NULL;
}

int map_set_object(struct skep_map *map, const void *key, uint32_t id, void *obj, const void *value, uint64_t flags,
		   void **old)
{
	*old = NULL;
	if (!map->ops->set_object)
		return -EOPNOTSUPP;
	if (may_not_write(map))
		return -EPERM;
	if (no_such_lock(map, flags))
		return -EINVAL;
	return map->ops->set_object(map, key, id, obj, value, flags, old);
}

void map_take_objects(struct skep_map *map, void (*put)(void *arg, void *obj), void *arg)
{
	if (!map->objs)
		return;
	for (uint32_t i = 0; i < map->max_entries; i++) {
		void *obj = atomic_exchange(&map->objs[i], NULL);

		if (obj)
			put(arg, obj);
	}
}
