/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands on one element of a map, and freezing (man 2 bpf). */
#include "base/usermem.h"
#include "base/util.h"
#include "bpf/caller.h"
#include "bpf/fd.h"
#include "bpf/map_elem.h"
#include "bpf/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

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
	if (!ret && storage_is(e.m->map) && !and_delete)
		ret = storage_lookup(e.m->map, e.key, e.value, call->attr.flags);
	else if (!ret)
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
