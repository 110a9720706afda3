/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Maps whose values have a struct bpf_timer.
 *
 * Its first 8 bytes hold the timer's number, or 0. Whatever replaces or removes an element ends its timer, as in the kernel: the number goes out of the
 * value, and the owner is told. These maps have operations of their own around their family's, so that other maps pay nothing.
 *
 * A number is good only for the place where it was put (the owner checks that), so bytes that a program or another process writes there can at most
 * lose a timer.
 */
#include "base/util.h"
#include "map/hash.h"
#include "map/map.h"
#include "map/ops.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TIMER_SIZE = 16 };

struct timed {
	struct map_ops ops; /* the map's, first: map->ops points here */
	const struct map_ops *base;
	uint32_t off;
	void (*gone)(void *arg, uint64_t id);
	void *arg;
};

static const struct timed *timed_of(const struct skep_map *map)
{
	return (const struct timed *)map->ops;
}

/* The timer of an element ends. */
static void end(const struct timed *t, uint8_t *value)
{
	uint64_t id;

	if (!value)
		return;
	id = __atomic_exchange_n((uint64_t *)(value + t->off), 0, __ATOMIC_ACQ_REL);
	if (id)
		t->gone(t->arg, id);
}

static int update(struct skep_map *map, const void *key, const void *value, uint64_t flags, uint32_t cpu)
{
	const struct timed *t = timed_of(map);
	int err;

	/* In place, under the value's lock: then its timer stays, and so must its bytes. */
	if (flags & BPF_F_LOCK) {
		uint8_t *at = t->base->lookup(map, key, cpu);
		uint64_t id = at ? __atomic_load_n((uint64_t *)(at + t->off), __ATOMIC_ACQUIRE) : 0;

		err = t->base->update(map, key, value, flags, cpu);
		at = t->base->lookup(map, key, cpu);
		if (at)
			__atomic_store_n((uint64_t *)(at + t->off), id, __ATOMIC_RELEASE);
		return err;
	}
	/* The old one's timer, and then what the new bytes say in its place. */
	if (flags == BPF_ANY || flags == BPF_EXIST)
		end(t, t->base->lookup(map, key, cpu));
	err = t->base->update(map, key, value, flags, cpu);
	if (!err) {
		uint8_t *at = t->base->lookup(map, key, cpu);

		if (at)
			__atomic_store_n((uint64_t *)(at + t->off), 0, __ATOMIC_RELEASE);
	}
	return err;
}

static int remove_elem(struct skep_map *map, const void *key)
{
	const struct timed *t = timed_of(map);

	end(t, t->base->lookup(map, key, 0));
	return t->base->remove(map, key);
}

static int user_lookup(struct skep_map *map, const void *key, void *value, uint64_t flags)
{
	const struct timed *t = timed_of(map);
	int err = t->base->user_lookup(map, key, value, flags);

	if (!err)
		memset((uint8_t *)value + t->off, 0, TIMER_SIZE);
	return err;
}

static int user_update(struct skep_map *map, const void *key, const void *value, uint64_t flags)
{
	const struct timed *t = timed_of(map);
	int err;

	if (flags == BPF_ANY || flags == BPF_EXIST)
		end(t, t->base->lookup(map, key, 0));
	err = t->base->user_update(map, key, value, flags);
	if (!err && !(flags & BPF_F_LOCK)) {
		uint8_t *at = t->base->lookup(map, key, 0);

		if (at)
			__atomic_store_n((uint64_t *)(at + t->off), 0, __ATOMIC_RELEASE);
	}
	return err;
}

static int user_delete(struct skep_map *map, const void *key, void **old)
{
	const struct timed *t = timed_of(map);

	end(t, t->base->lookup(map, key, 0));
	return t->base->user_delete(map, key, old);
}

static int user_lookup_and_delete(struct skep_map *map, const void *key, void *value, uint64_t flags)
{
	const struct timed *t = timed_of(map);
	int err;

	end(t, t->base->lookup(map, key, 0));
	err = t->base->user_lookup_and_delete(map, key, value, flags);
	if (!err)
		memset((uint8_t *)value + t->off, 0, TIMER_SIZE);
	return err;
}

/* What is taken out tells of its timer by the bytes that were copied. */
static uint32_t user_batch(struct skep_map *map, uint32_t *at, uint32_t room, void *keys, void *values, uint64_t flags,
			   void **old)
{
	const struct timed *t = timed_of(map);
	uint32_t n = t->base->user_batch(map, at, room, keys, values, flags, old);
	uint32_t stride = map_user_value_size(map);

	for (uint32_t i = 0; i < n; i++) {
		uint8_t *timer = (uint8_t *)values + (size_t)i * stride + t->off;
		uint64_t id;

		memcpy(&id, timer, sizeof(id));
		memset(timer, 0, TIMER_SIZE);
		if (old && id)
			t->gone(t->arg, id);
	}
	return n;
}

static void fini(struct skep_map *map)
{
	struct timed *t = (struct timed *)timed_of(map);

	map->ops = t->base;
	if (t->base->fini)
		t->base->fini(map);
	free(t);
}

int map_set_timers(struct skep_map *map, uint32_t off, void (*gone)(void *arg, uint64_t id), void *arg)
{
	struct timed *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->base = map->ops;
	t->ops = *map->ops;
	t->off = off;
	t->gone = gone;
	t->arg = arg;
	t->ops.fini = fini;
	t->ops.update = update;
	t->ops.remove = t->base->remove ? remove_elem : NULL;
	t->ops.user_lookup = user_lookup;
	t->ops.user_update = user_update;
	t->ops.user_delete = t->base->user_delete ? user_delete : NULL;
	t->ops.user_lookup_and_delete = t->base->user_lookup_and_delete ? user_lookup_and_delete : NULL;
	t->ops.user_batch = t->base->user_batch ? user_batch : NULL;
	map->ops = &t->ops;
	return 0;
}

const void *map_key_of_value(const struct skep_map *map, const void *value, uint32_t *index)
{
	if (map->type->type == BPF_MAP_TYPE_ARRAY) {
		*index = (uint32_t)((size_t)((const uint8_t *)value - map->mem) / map->elem_size);
		return index;
	}
	return ((const struct hash_elem *)((const uint8_t *)value - hash_of(map)->value_off))->key;
}
