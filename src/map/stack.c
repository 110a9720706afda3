/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * STACK_TRACE: call stacks under ids that follow from them.
 *
 * The memfd holds one word of 4 bytes for each id (index + 1 of its element, 0: none), a power of two of them, then
 * max_entries elements: the sequence and link words of hash.h's elements, hash and depth, and the frames. An id is the low bits of its stack's hash:
 * two stacks that share an id push each other out, or the later is refused, as the caller says.
 *
 * An element is filled, then its id's word leads to it by one store; the element that it led to before is free then. As
 * in the kernel the new one is taken first, so a full map refuses even what would replace something.
 *
 * Stacks that are known already, which in a profile most are, are found without the lock, by the sequence word. Wherever a
 * writer dies, the ids are the truth, and stack_recover() makes the free list from them.
 */
#include "map/hash.h"

enum {
	STACK_FLAGS = BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY | BPF_F_STACK_BUILD_ID,
	STACK_FRAMES_MAX = 127, /* sysctl kernel.perf_event_max_stack, as it is unless somebody changed it */
	STACK_ENTRIES_MAX = 1u << 31,
};

/* An element; its first two words are those of struct hash_elem. */
struct stack_elem {
	_Atomic uint32_t seq;
	_Atomic uint32_t next;
	uint32_t hash;
	uint32_t n; /* frames */
	uint8_t frames[];
};

static bool has_build_ids(const struct skep_map *map)
{
	return map->flags & BPF_F_STACK_BUILD_ID;
}

uint32_t map_stack_frame_size(const struct skep_map *map)
{
	return has_build_ids(map) ? sizeof(struct bpf_stack_build_id) : sizeof(uint64_t);
}

static int stack_check(const struct map_attr *attr)
{
	bool ids = attr->flags & BPF_F_STACK_BUILD_ID;
	uint32_t frame = ids ? sizeof(struct bpf_stack_build_id) : sizeof(uint64_t);

	if (attr->flags & ~(uint32_t)STACK_FLAGS)
		return -EINVAL;
	if (!attr->max_entries || attr->key_size != 4 || attr->value_size < 8 || attr->value_size % 8)
		return -EINVAL;
	if (attr->value_size % frame || attr->value_size / frame > STACK_FRAMES_MAX)
		return -EINVAL;
	return attr->max_entries > STACK_ENTRIES_MAX ? -E2BIG : 0;
}

static uint64_t ids_of(uint32_t max_entries)
{
	uint64_t n = 1;

	while (n < max_entries)
		n *= 2;
	return n;
}

static void stack_layout(const struct map_attr *attr, struct map_layout *l)
{
	map_layout_add(l, ids_of(attr->max_entries), 4, 64);
	l->off[1] = map_layout_add(l, attr->max_entries, sizeof(struct stack_elem) + (uint64_t)attr->value_size, 64);
}

static int stack_init(struct skep_map *map, const struct map_layout *l)
{
	struct hash_table *t = aligned_alloc(64, ALIGN_UP(sizeof(*t), 64));

	if (!t)
		return -ENOMEM;
	*t = (struct hash_table){
		.elems = map->mem + l->off[1],
		.mask = (uint32_t)(ids_of(map->max_entries) - 1),
		.stride = (uint32_t)sizeof(struct stack_elem) + map->value_size,
		.n = map->max_entries,
		.value_off = offsetof(struct stack_elem, frames),
	};
	hash_seed(t, map->seed);
	map->priv = t;
	return 0;
}

static _Atomic uint32_t *word_of(const struct skep_map *map, uint32_t id)
{
	return (_Atomic uint32_t *)map->mem + id;
}

/* at - the index of an id's element, or HASH_NONE. */
static uint32_t at(const struct skep_map *map, uint32_t id)
{
	const struct hash_table *t = hash_of(map);
	uint32_t link = id <= t->mask ? atomic_load_explicit(word_of(map, id), memory_order_acquire) : 0;

	return link && link <= t->n ? link - 1 : HASH_NONE;
}

static struct stack_elem *elem(const struct hash_table *t, uint32_t index)
{
	return (struct stack_elem *)hash_elem(t, index);
}

/* A stack to be put in. */
struct stack {
	const void *frames;
	uint32_t n, bytes, hash;
};

static bool same_stack(const struct hash_table *t, uint32_t index, const struct stack *s)
{
	const struct stack_elem *e = elem(t, index);

	return e->hash == s->hash && e->n == s->n && !memcmp(e->frames, s->frames, s->bytes);
}

/* known - whether a stack is there, without the lock. False may mean that somebody is writing. */
static bool known(const struct skep_map *map, uint32_t id, const struct stack *s, bool fast)
{
	const struct hash_table *t = hash_of(map);
	uint32_t index = at(map, id), seq;
	bool same;

	if (index == HASH_NONE)
		return false;
	seq = atomic_load_explicit(&elem(t, index)->seq, memory_order_acquire);
	if ((seq & (SEQ_WRITING | SEQ_LIVE)) != SEQ_LIVE)
		return false;
	same = fast ? elem(t, index)->hash == s->hash : same_stack(t, index, s);
	atomic_thread_fence(memory_order_acquire);
	return same && atomic_load_explicit(&elem(t, index)->seq, memory_order_relaxed) == seq;
}

/* install - put a stack under its id; the lock is held. Return: 0 or the error. */
static int install(struct skep_map *map, uint32_t id, const struct stack *s, bool reuse)
{
	const struct hash_table *t = hash_of(map);
	uint32_t old = at(map, id), index;
	struct stack_elem *e;

	if (old != HASH_NONE && same_stack(t, old, s))
		return 0;
	/* With build ids the kernel takes the element before it looks, since it makes the ids in it. */
	if (old != HASH_NONE && !reuse && !has_build_ids(map))
		return -EEXIST;
	index = hash_alloc(map);
	if (index == HASH_NONE)
		return -ENOMEM;
	if (old != HASH_NONE && !reuse) {
		hash_free(map, index);
		return -EEXIST;
	}
	e = elem(t, index);
	hash_begin_write((struct hash_elem *)e);
	e->hash = s->hash;
	e->n = s->n;
	map_store(e->frames, s->frames, s->bytes);
	hash_end_write((struct hash_elem *)e, SEQ_LIVE);
	atomic_store_explicit(word_of(map, id), index + 1, memory_order_release);
	if (old != HASH_NONE)
		hash_free(map, old);
	return 0;
}

long map_stack_put(struct skep_map *map, const uint64_t *ips, const struct bpf_stack_build_id *ids, uint32_t n,
		   uint64_t flags)
{
	const struct hash_table *t = hash_of(map);
	struct bpf_stack_build_id plain[STACK_FRAMES_MAX];
	struct stack s = {.n = MIN(n, map->value_size / map_stack_frame_size(map))};
	uint32_t id;
	long err;

	if (flags & ~(uint64_t)(BPF_F_FAST_STACK_CMP | BPF_F_REUSE_STACKID))
		return -EINVAL;
	if (!s.n)
		return -EFAULT;
	if (has_build_ids(map) && !ids) {
		memset(plain, 0, s.n * sizeof(plain[0]));
		for (uint32_t i = 0; i < s.n; i++) {
			plain[i].status = BPF_STACK_BUILD_ID_IP;
			plain[i].ip = ips[i];
		}
		ids = plain;
	}
	s.bytes = s.n * map_stack_frame_size(map);
	s.frames = has_build_ids(map) ? (const void *)ids : ips;
	/* Of the addresses in either kind of map, as in the kernel. */
	s.hash = (uint32_t)hash_bytes(t, (const uint8_t *)ips, s.n * 8);
	id = s.hash & t->mask;
	if (known(map, id, &s, flags & BPF_F_FAST_STACK_CMP))
		return id;
	map_lock(map);
	err = install(map, id, &s, flags & BPF_F_REUSE_STACKID);
	map_unlock(map);
	return err ? err : (long)id;
}

/* copy_out - a stack as user space sees it: what is behind its last frame reads as zero. */
static void copy_out(const struct skep_map *map, uint32_t index, void *value)
{
	const struct hash_table *t = hash_of(map);
	uint32_t n = __atomic_load_n(&elem(t, index)->n, __ATOMIC_RELAXED), frame = map_stack_frame_size(map);
	uint32_t bytes = MIN(n, map->value_size / frame) * frame;

	map_load(value, elem(t, index)->frames, bytes);
	memset((uint8_t *)value + bytes, 0, map->value_size - bytes);
}

/* stack_user_lookup - a copy of one stack; see hash_user_lookup() for the tries. */
static int stack_user_lookup(struct skep_map *map, const void *key, void *value, uint64_t flags)
{
	const struct hash_table *t = hash_of(map);
	uint32_t tries = map->readonly ? MAP_READ_TRIES : 256, id = load_u32(key), index;

	for (uint32_t try = 0; try < tries; try++) {
		uint32_t seq;

		index = at(map, id);
		if (index == HASH_NONE)
			return -ENOENT;
		seq = atomic_load_explicit(&elem(t, index)->seq, memory_order_acquire);
		/* An element may have gone to another id between the two: then it is live, but not this id's. */
		if ((seq & (SEQ_WRITING | SEQ_LIVE)) != SEQ_LIVE || (elem(t, index)->hash & t->mask) != id)
			continue;
		copy_out(map, index, value);
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&elem(t, index)->seq, memory_order_relaxed) == seq)
			return 0;
	}
	if (map->readonly)
		return -EAGAIN;
	map_lock(map);
	index = at(map, id);
	if (index != HASH_NONE)
		copy_out(map, index, value);
	map_unlock(map);
	return index == HASH_NONE ? -ENOENT : 0;
}

/* stack_user_lookup_and_delete - new in Linux 6.18. */
static int stack_user_lookup_and_delete(struct skep_map *map, const void *key, void *value, uint64_t flags)
{
	uint32_t id = load_u32(key), index;

	map_lock(map);
	index = at(map, id);
	if (index != HASH_NONE) {
		copy_out(map, index, value);
		atomic_store_explicit(word_of(map, id), 0, memory_order_release);
		hash_free(map, index);
	}
	map_unlock(map);
	return index == HASH_NONE ? -ENOENT : 0;
}

static int stack_user_update(struct skep_map *map, const void *key, const void *value, uint64_t flags)
{
	return -EINVAL;
}

static int stack_remove(struct skep_map *map, const void *key)
{
	uint32_t id = load_u32(key), index;

	if (id > hash_of(map)->mask)
		return -E2BIG;
	map_lock(map);
	index = at(map, id);
	atomic_store_explicit(word_of(map, id), 0, memory_order_release);
	if (index != HASH_NONE)
		hash_free(map, index);
	map_unlock(map);
	return index == HASH_NONE ? -ENOENT : 0;
}

static int stack_user_delete(struct skep_map *map, const void *key, void **old_obj)
{
	return stack_remove(map, key);
}

/* stack_next_key - an id without a stack means from the start, as in the kernel. */
static int stack_next_key(struct skep_map *map, const void *key, void *next)
{
	const struct hash_table *t = hash_of(map);
	uint64_t id = key && at(map, load_u32(key)) != HASH_NONE ? load_u32(key) + 1ull : 0;

	for (; id <= t->mask; id++)
		if (at(map, (uint32_t)id) != HASH_NONE) {
			memcpy(next, &(uint32_t){(uint32_t)id}, 4);
			return 0;
		}
	return -ENOENT;
}

/* stack_recover - after a writer's death: elements that ids lead to stay, one id each; all others are free. */
static void stack_recover(struct skep_map *map)
{
	const struct hash_table *t = hash_of(map);
	AUTO_FREE uint8_t *seen = calloc(t->n / 8 + 1, 1);

	if (!seen)
		return;
	for (uint64_t id = 0; id <= t->mask; id++)
		if (!hash_keep(t, seen, at(map, (uint32_t)id)))
			atomic_store(word_of(map, (uint32_t)id), 0);
	hash_sweep(map, seen);
}

const struct map_ops stack_trace_ops = {
	.check = stack_check,
	.layout = stack_layout,
	.init = stack_init,
	.fini = hash_fini,
	.recover = stack_recover,
	.attachable = true,
	.remove = stack_remove,
	.user_lookup = stack_user_lookup,
	.user_update = stack_user_update,
	.user_delete = stack_user_delete,
	.user_lookup_and_delete = stack_user_lookup_and_delete,
	.user_next_key = stack_next_key,
};
