/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * QUEUE and STACK: values without keys.
 *
 * A ring of max_entries slots. Where it starts and how many are in it is one word of 8 bytes (ctl->queue: the oldest
 * slot's index below, the count above), changed under the map's lock by one store after the slot is written or
 * read: a writer that dies leaves the ring as it was before or after its call, or without the oldest value that it had
 * given up for a new one. A stack is the same ring, taken from its young end.
 */
#include "map/copy.h"
#include "map/lock.h"

#include <errno.h>

struct ring_state {
	uint32_t first, count;
};

static int queue_check(const struct map_attr *attr)
{
	if (!attr->max_entries || attr->key_size || !attr->value_size ||
	    (attr->flags & ~(uint32_t)(BPF_F_NUMA_NODE | MAP_ACCESS_FLAGS)) || !map_access_flags_ok(attr->flags))
		return -EINVAL;
	return attr->value_size > MAP_KMALLOC_MAX ? -E2BIG : 0;
}

static void queue_layout(const struct map_attr *attr, struct map_layout *l)
{
	map_layout_add(l, attr->max_entries, ALIGN_UP((uint64_t)attr->value_size, 8), 64);
}

/* load_state - what the word says, made to fit the ring whatever it says. */
static struct ring_state load_state(const struct skep_map *map)
{
	uint64_t word = atomic_load_explicit(&map->ctl->queue, memory_order_relaxed);

	return (struct ring_state){.first = (uint32_t)word % map->max_entries,
				   .count = MIN((uint32_t)(word >> 32), map->max_entries)};
}

static void store_state(struct skep_map *map, struct ring_state s)
{
	atomic_store_explicit(&map->ctl->queue, (uint64_t)s.count << 32 | s.first, memory_order_release);
}

/* slot - the n-th value from the oldest on. */
static void *slot(const struct skep_map *map, struct ring_state s, uint32_t n)
{
	return map->mem + ((uint64_t)s.first + n) % map->max_entries * map->elem_size;
}

/* drop_first - without the oldest value. */
static struct ring_state drop_first(const struct skep_map *map, struct ring_state s)
{
	return (struct ring_state){.first = (uint32_t)((s.first + 1ull) % map->max_entries), .count = s.count - 1};
}

/* queue_push - with BPF_EXIST a full map gives up its oldest value. */
static int queue_push(struct skep_map *map, const void *value, uint64_t flags)
{
	struct ring_state s;
	int err = 0;

	if (flags != BPF_ANY && flags != BPF_EXIST)
		return -EINVAL;
	map_lock(map);
	s = load_state(map);
	if (s.count == map->max_entries && flags == BPF_ANY) {
		err = -E2BIG;
	} else {
		if (s.count == map->max_entries) {
			/* It goes before its slot is written, so that a writer that dies leaves no half value behind. */
			s = drop_first(map, s);
			store_state(map, s);
			atomic_signal_fence(memory_order_seq_cst);
		}
		map_store(slot(map, s, s.count), value, map->value_size);
		s.count++;
		store_state(map, s);
	}
	map_unlock(map);
	return err;
}

/*
 * take - copy the next value out.
 * @last:   the youngest (a stack's next) rather than the oldest
 * @remove: and take it away
 */
static int take(struct skep_map *map, void *value, bool last, bool remove)
{
	struct ring_state s;

	map_lock(map);
	s = load_state(map);
	if (s.count) {
		map_load(value, slot(map, s, last ? s.count - 1 : 0), map->value_size);
		if (remove && last)
			store_state(map, (struct ring_state){.first = s.first, .count = s.count - 1});
		else if (remove)
			store_state(map, drop_first(map, s));
	}
	map_unlock(map);
	return s.count ? 0 : -ENOENT;
}

static bool is_stack(const struct skep_map *map)
{
	return map->type->type == BPF_MAP_TYPE_STACK;
}

/* queue_pop, queue_peek - a program that gets nothing gets zeros, as its buffer must be written. */
static int queue_pop(struct skep_map *map, void *value)
{
	int err = take(map, value, is_stack(map), true);

	if (err)
		memset(value, 0, map->value_size);
	return err;
}

static int queue_peek(struct skep_map *map, void *value)
{
	int err = take(map, value, is_stack(map), false);

	if (err)
		memset(value, 0, map->value_size);
	return err;
}

static int queue_user_lookup(struct skep_map *map, const void *key, void *value, uint64_t flags)
{
	return take(map, value, is_stack(map), false);
}

static int queue_user_update(struct skep_map *map, const void *key, const void *value, uint64_t flags)
{
	return queue_push(map, value, flags);
}

static int queue_user_lookup_and_delete(struct skep_map *map, const void *key, void *value, uint64_t flags)
{
	return flags ? -EINVAL : take(map, value, is_stack(map), true);
}

static int queue_user_delete(struct skep_map *map, const void *key, void **old_obj)
{
	return -EINVAL;
}

static int queue_user_next_key(struct skep_map *map, const void *key, void *next)
{
	return -EINVAL;
}

const struct map_ops queue_stack_ops = {
	.check = queue_check,
	.layout = queue_layout,
	.push = queue_push,
	.pop = queue_pop,
	.peek = queue_peek,
	.user_lookup = queue_user_lookup,
	.user_update = queue_user_update,
	.user_delete = queue_user_delete,
	.user_lookup_and_delete = queue_user_lookup_and_delete,
	.user_next_key = queue_user_next_key,
};
