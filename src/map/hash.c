/* SPDX-License-Identifier: BSD-2-Clause */
/* The hash table's structure: sizes, hashing, chains, allocation, iteration, recovery. Theory of operation: hash.h. */
#include "map/hash.h"

enum {
	HASH_FLAGS = BPF_F_NO_PREALLOC | BPF_F_NO_COMMON_LRU | BPF_F_NUMA_NODE | MAP_ACCESS_FLAGS | BPF_F_ZERO_SEED,
	HASH_MAX_ENTRIES = 1 << 27, /* the kernel's bucket array would overflow beyond */
	KERNEL_ELEM_SIZE = 48, /* its struct htab_elem, which is part of the limit on key and value */
	CHAIN_TRIES = 64, /* walks of a chain that keeps changing */
};

static bool is_lru(uint32_t type)
{
	return type == BPF_MAP_TYPE_LRU_HASH || type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

static bool is_percpu(uint32_t type)
{
	return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

int hash_check(const struct map_attr *attr)
{
	bool lru = is_lru(attr->type), percpu = is_percpu(attr->type);
	bool own_lists = attr->flags & BPF_F_NO_COMMON_LRU;

	if ((attr->flags & ~(uint32_t)HASH_FLAGS) || !map_access_flags_ok(attr->flags))
		return -EINVAL;
	if (!lru && own_lists)
		return -EINVAL;
	if (lru && (attr->flags & BPF_F_NO_PREALLOC))
		return -MAP_ENOTSUPP;
	if ((attr->flags & BPF_F_NUMA_NODE) && (percpu || own_lists))
		return -EINVAL;
	if (!attr->max_entries || !attr->key_size || !attr->value_size)
		return -EINVAL;
	if ((uint64_t)attr->key_size + attr->value_size >= MAP_KMALLOC_MAX - KERNEL_ELEM_SIZE)
		return -E2BIG;
	if (percpu && ALIGN_UP(attr->value_size, 8) > MAP_PCPU_VALUE_MAX)
		return -E2BIG;
	if (attr->max_entries > HASH_MAX_ENTRIES)
		return -E2BIG;
	return 0;
}

/* hash_buckets - a power of two, one for every 8 elements at most. */
uint64_t hash_buckets(uint32_t max_entries)
{
	uint64_t n = 1;

	while (n * 8 < max_entries)
		n *= 2;
	return n;
}

void hash_layout(const struct map_attr *attr, struct map_layout *l)
{
	bool percpu = is_percpu(attr->type);
	uint64_t value_off = sizeof(struct hash_elem) + ALIGN_UP(attr->key_size, 8);
	uint64_t value_size = ALIGN_UP((uint64_t)attr->value_size, 8);

	if (attr->flags & BPF_F_NO_COMMON_LRU) {
		/* The kernel gives every CPU the same share. */
		uint64_t rounded = (l->max_entries + attr->n_cpus - 1ull) / attr->n_cpus * attr->n_cpus;

		l->max_entries = rounded > HASH_MAX_ENTRIES ? l->max_entries : (uint32_t)rounded;
	}
	l->off[0] = map_layout_add(l, hash_buckets(l->max_entries), sizeof(struct hash_bucket), 64);
	l->off[1] = map_layout_add(l, l->max_entries, value_off + (percpu ? 0 : value_size), 64);
	if (is_lru(attr->type))
		l->off[2] = map_layout_add(l, ALIGN_UP((uint64_t)l->max_entries, 8), 1, 64);
	if (percpu) {
		l->cpu_stride = ALIGN_UP(value_size * l->max_entries, MAP_CPU_ALIGN);
		l->off[3] = map_layout_add(l, attr->n_cpus, l->cpu_stride, MAP_CPU_ALIGN);
	}
	l->off[4] = map_layout_add(l, percpu ? attr->n_cpus : 1, value_size, 64);
	if (attr->type == BPF_MAP_TYPE_HASH_OF_MAPS || attr->type == BPF_MAP_TYPE_DEVMAP_HASH)
		l->n_objs = l->max_entries;
}

void hash_table_init(struct hash_table *t, const struct skep_map *map, const struct map_layout *l, uint64_t spare_off)
{
	*t = (struct hash_table){
		.buckets = (struct hash_bucket *)(map->mem + l->off[0]),
		.elems = map->mem + l->off[1],
		.mask = (uint32_t)(hash_buckets(map->max_entries) - 1),
		.n = map->max_entries,
		.value_off = (uint32_t)(sizeof(struct hash_elem) + ALIGN_UP(map->key_size, 8)),
		.ref = is_lru(map->type->type) ? map->mem + l->off[2] : NULL,
		.values = map->type->percpu ? map->mem + l->off[3] : NULL,
		.spare = map->mem + spare_off,
	};
	hash_seed(t, map->seed);
	t->stride = t->value_off + (map->type->percpu ? 0 : map->elem_size);
}

int hash_init(struct skep_map *map, const struct map_layout *l)
{
	struct hash_table *t = aligned_alloc(64, ALIGN_UP(sizeof(*t), 64));

	if (!t)
		return -ENOMEM;
	hash_table_init(t, map, l, l->off[4]);
	map->priv = t;
	return 0;
}

void hash_fini(struct skep_map *map)
{
	free(map->priv);
}

/*
 * hash_bytes - the hash of a key of any size: 16 bytes a step, the rest read so that it
 * overlaps with what went before rather than byte by byte.
 */
uint64_t hash_bytes(const struct hash_table *t, const uint8_t *key, uint32_t size)
{
	uint64_t h = t->k0 ^ size, a = 0, b = 0;
	uint32_t left = size;

	for (; left > 16; left -= 16, key += 16)
		h = hash_mix(key_u64(key) ^ t->k1, key_u64(key + 8) ^ h);
	if (left >= 8) {
		a = key_u64(key);
		b = key_u64(key + left - 8);
	} else if (left >= 4) {
		a = load_u32(key);
		b = load_u32(key + left - 4);
	} else {
		for (uint32_t i = 0; i < left; i++)
			a = a << 8 | key[i];
	}
	/* Twice: short keys leave one factor nearly constant. */
	return hash_mix(hash_mix(a ^ t->k1, b ^ h), t->k1 ^ h);
}

/*
 * hash_find_chained - look for a key among the elements that found no place in their bucket.
 * Return: its index or HASH_NONE.
 */
uint32_t hash_find_chained(const struct skep_map *map, const struct hash_bucket *b, const void *key)
{
	const struct hash_table *t = hash_of(map);

	for (uint32_t try = 0; try < CHAIN_TRIES; try++) {
		uint32_t gen = atomic_load_explicit(&map->ctl->gen, memory_order_acquire);
		uint32_t link = atomic_load_explicit(&b->chain, memory_order_acquire);

		for (uint32_t steps = 0; link && link <= t->n && steps < t->n; steps++) {
			struct hash_elem *e = hash_elem(t, link - 1);

			if (hash_key_equal(e->key, key, map->key_size))
				return link - 1;
			link = atomic_load_explicit(&e->next, memory_order_acquire);
		}
		atomic_thread_fence(memory_order_acquire);
		if (gen == atomic_load_explicit(&map->ctl->gen, memory_order_relaxed))
			break;
	}
	return HASH_NONE;
}

/* hash_alloc - a free element: from the free list, else one never used. Return: its index or HASH_NONE. */
uint32_t hash_alloc(struct skep_map *map)
{
	const struct hash_table *t = hash_of(map);
	struct map_ctl *ctl = map->ctl;
	uint32_t link = atomic_load_explicit(&ctl->free_head, memory_order_relaxed), high;

	if (link && link <= t->n) {
		uint32_t next = atomic_load_explicit(&hash_elem(t, link - 1)->next, memory_order_relaxed);

		atomic_store_explicit(&ctl->free_head, next, memory_order_relaxed);
		return link - 1;
	}
	high = atomic_load_explicit(&ctl->high_water, memory_order_relaxed);
	if (high >= t->n)
		return HASH_NONE;
	atomic_store_explicit(&ctl->high_water, high + 1, memory_order_relaxed);
	return high;
}

/* hash_free - give an element that is out of the table back to the free list. */
void hash_free(struct skep_map *map, uint32_t index)
{
	struct hash_elem *e = hash_elem(hash_of(map), index);

	hash_end_write(e, 0);
	atomic_store_explicit(&e->next, atomic_load_explicit(&map->ctl->free_head, memory_order_relaxed),
			      memory_order_relaxed);
	atomic_store_explicit(&map->ctl->free_head, index + 1, memory_order_relaxed);
}

/* hash_publish - make a filled element visible to lookups. */
void hash_publish(struct skep_map *map, uint64_t hash, uint32_t index)
{
	const struct hash_table *t = hash_of(map);
	struct hash_bucket *b = hash_bucket(t, hash);
	uint32_t free_places = hash_match(b, 0);

	if (likely(free_places)) {
		uint32_t i = (uint32_t)__builtin_ctz(free_places);

		atomic_store_explicit(&b->place[i], index, memory_order_relaxed);
		__atomic_store_n(&b->tag[i], hash_tag(hash), __ATOMIC_RELEASE);
		return;
	}
	atomic_store_explicit(&hash_elem(t, index)->next, atomic_load_explicit(&b->chain, memory_order_relaxed),
			      memory_order_relaxed);
	atomic_store_explicit(&b->chain, index + 1, memory_order_release);
}

/*
 * hash_unlink - take an element out of its bucket, so that no new lookup finds it.
 * @hash: of its key
 * Return: false when it was not there, which only a corrupt map shows.
 */
bool hash_unlink(struct skep_map *map, uint64_t hash, uint32_t index)
{
	const struct hash_table *t = hash_of(map);
	struct hash_bucket *b = hash_bucket(t, hash);
	uint32_t hits = hash_match(b, hash_tag(hash));
	_Atomic uint32_t *at = &b->chain;

	for (; hits; hits &= hits - 1) {
		uint32_t i = (uint32_t)__builtin_ctz(hits);

		if (atomic_load_explicit(&b->place[i], memory_order_relaxed) == index) {
			__atomic_store_n(&b->tag[i], 0, __ATOMIC_RELEASE);
			return true;
		}
	}
	for (uint32_t steps = 0; steps < t->n; steps++) {
		uint32_t link = atomic_load_explicit(at, memory_order_relaxed);

		if (!link || link > t->n)
			return false;
		if (link - 1 == index) {
			atomic_store_explicit(at,
					      atomic_load_explicit(&hash_elem(t, index)->next, memory_order_relaxed),
					      memory_order_release);
			/* Before the element is reused: a walk that it misleads will see the new count. */
			atomic_store_explicit(&map->ctl->gen,
					      atomic_load_explicit(&map->ctl->gen, memory_order_relaxed) + 1,
					      memory_order_relaxed);
			atomic_thread_fence(memory_order_release);
			return true;
		}
		at = &hash_elem(t, link - 1)->next;
	}
	return false;
}

/* hash_store - put a value in, that of one CPU or those of all. */
void hash_store(const struct skep_map *map, uint32_t index, uint32_t cpu, const void *value, uint64_t flags)
{
	const struct hash_table *t = hash_of(map);

	if (cpu != HASH_ALL_CPUS) {
		map_value_store(map, hash_value(map, t, index, cpu), value, map->value_size, flags);
		return;
	}
	for (uint32_t i = 0; i < map->n_cpus; i++)
		map_store(hash_value(map, t, index, i), (const uint8_t *)value + (size_t)i * map->elem_size,
			  map->elem_size);
}

/*
 * hash_overwrite_long - hash_overwrite() of what takes more than one store.
 *
 * A process is killed between two of its instructions, and what it stored before is seen by who finds it dead; so
 * only the compiler must keep the order.
 */
void hash_overwrite_long(struct skep_map *map, uint32_t index, uint32_t cpu, const void *value, uint64_t flags)
{
	const struct hash_table *t = hash_of(map);
	struct map_ctl *ctl = map->ctl;

	map_store(t->spare, value, cpu == HASH_ALL_CPUS ? (size_t)map->elem_size * map->n_cpus : map->value_size);
	atomic_signal_fence(memory_order_seq_cst);
	atomic_store_explicit(&ctl->redo, (uint64_t)cpu << 32 | (index + 1ull), memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
	hash_store(map, index, cpu, value, flags);
	atomic_signal_fence(memory_order_seq_cst);
	atomic_store_explicit(&ctl->redo, 0, memory_order_relaxed);
}

/* hash_redo - finish what a dead writer was overwriting. The value's own lock is not taken: its holder may be the dead one. */
void hash_redo(struct skep_map *map)
{
	uint64_t redo = atomic_load(&map->ctl->redo);
	uint32_t index = (uint32_t)redo - 1, cpu = (uint32_t)(redo >> 32);

	if (index < hash_of(map)->n && (cpu < map->n_cpus || (cpu == HASH_ALL_CPUS && map->type->percpu)))
		hash_store(map, index, cpu, hash_of(map)->spare, 0);
	atomic_store(&map->ctl->redo, 0);
}

/* hash_keep - note that an element is in the table. Return: false when it was noted before, or is none. */
bool hash_keep(const struct hash_table *t, uint8_t *seen, uint32_t index)
{
	if (index >= t->n || (seen[index / 8] & 1 << index % 8))
		return false;
	seen[index / 8] |= (uint8_t)(1 << index % 8);
	return true;
}

/*
 * hash_sweep - elements that were noted are live, all others below the high-water mark become the free list.
 * @seen: hash_keep()'s notes
 */
void hash_sweep(struct skep_map *map, const uint8_t *seen)
{
	const struct hash_table *t = hash_of(map);
	uint32_t high = atomic_load(&map->ctl->high_water), head = 0;

	high = MIN(high, t->n);
	for (uint32_t i = high; i-- > 0;) {
		struct hash_elem *e = hash_elem(t, i);
		bool live = seen[i / 8] & 1 << i % 8;

		hash_end_write(e, live ? SEQ_LIVE : 0);
		if (live)
			continue;
		atomic_store(&e->next, head);
		head = i + 1;
	}
	atomic_store(&map->ctl->high_water, high);
	atomic_store(&map->ctl->free_head, head);
}

/*
 * hash_recover - after a writer's death: the elements in the buckets stay, all others below the
 * high-water mark become the free list.
 *
 * Without memory for the notes nothing is changed: then at most the element that was in the dead one's
 * hands is lost.
 */
void hash_recover(struct skep_map *map)
{
	const struct hash_table *t = hash_of(map);
	AUTO_FREE uint8_t *seen = calloc(t->n / 8 + 1, 1);

	hash_redo(map);
	if (!seen)
		return;
	for (uint32_t i = 0; i <= t->mask; i++) {
		struct hash_bucket *b = &t->buckets[i];
		_Atomic uint32_t *at = &b->chain;
		uint32_t link;

		for (uint32_t p = 0; p < HASH_PLACES; p++)
			if (b->tag[p] && !hash_keep(t, seen, atomic_load(&b->place[p])))
				__atomic_store_n(&b->tag[p], 0, __ATOMIC_RELEASE);
		while ((link = atomic_load(at))) {
			if (!hash_keep(t, seen, link - 1)) {
				atomic_store(at, 0);
				break;
			}
			at = &hash_elem(t, link - 1)->next;
		}
	}
	hash_sweep(map, seen);
	atomic_fetch_add(&map->ctl->gen, 1);
}

/* hash_next_live - the first element in the table at or after index @from. Return: its index or HASH_NONE. */
uint32_t hash_next_live(const struct skep_map *map, uint32_t from)
{
	const struct hash_table *t = hash_of(map);
	uint32_t high = atomic_load_explicit(&map->ctl->high_water, memory_order_acquire);

	for (uint32_t i = from; i < MIN(high, t->n); i++)
		if (atomic_load_explicit(&hash_elem(t, i)->seq, memory_order_acquire) & SEQ_LIVE)
			return i;
	return HASH_NONE;
}

/* hash_copy_out - an element's value as user space sees it: every CPU's, or one without its spin lock. */
void hash_copy_out(const struct skep_map *map, uint32_t index, void *value, uint64_t flags)
{
	const struct hash_table *t = hash_of(map);

	if (!t->values) {
		map_value_load(map, value, hash_value(map, t, index, 0), map->value_size, flags);
		return;
	}
	for (uint32_t cpu = 0; cpu < map->n_cpus; cpu++)
		map_load((uint8_t *)value + (size_t)cpu * map->elem_size, hash_value(map, t, index, cpu),
			 map->elem_size);
}

/*
 * hash_next_key - iteration goes in the order of the elements, which insertions and deletions
 * elsewhere do not disturb. A key that is not there, or none, means from the start.
 */
int hash_next_key(struct skep_map *map, const void *key, void *next)
{
	const struct hash_table *t = hash_of(map);
	uint32_t i = key ? hash_find_any(map, key) : HASH_NONE;

	for (i = hash_next_live(map, i + 1); i != HASH_NONE; i = hash_next_live(map, i + 1)) {
		struct hash_elem *e = hash_elem(t, i);

		for (uint32_t try = 0; try < MAP_READ_TRIES; try++) {
			uint32_t seq = atomic_load_explicit(&e->seq, memory_order_acquire);

			if (!(seq & SEQ_LIVE))
				break;
			/* Writing a live element changes its value only, so its key may be read meanwhile. */
			map_load(next, e->key, map->key_size);
			atomic_thread_fence(memory_order_acquire);
			if (((atomic_load_explicit(&e->seq, memory_order_relaxed) ^ seq) & ~(uint32_t)SEQ_WRITING) == 0)
				return 0;
		}
	}
	return -ENOENT;
}

long hash_for_each(struct skep_map *map, uint32_t cpu, long (*fn)(void *arg, void *key, void *value), void *arg)
{
	const struct hash_table *t = hash_of(map);
	long visited = 0;

	for (uint32_t i = hash_next_live(map, 0); i != HASH_NONE; i = hash_next_live(map, i + 1)) {
		visited++;
		if (fn(arg, hash_elem(t, i)->key, hash_value(map, t, i, cpu)))
			break;
	}
	return visited;
}
