/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the map floor: what a family of maps provides, how the memfd is laid out,
 * and the control words that every map has.
 *
 * Theory of operation
 *
 * map.c makes the memfd and dispatches; a family says how many bytes it needs
 * (layout), finds its tables in them (init) and implements the operations. Zero bytes
 * are an empty map in every family, so creation touches no page but the tail, whatever
 * the size of the map.
 *
 * All geometry comes from the attributes through check() and layout(), both when a map is
 * made and when one is attached: an attached header says only what the attributes were, and
 * the file must have just the size that follows from them. So no offset is ever read
 * from the memfd.
 *
 * A null operation means that the type does not have it; map.c gives the kernel's error.
 */
#ifndef SKEP_MAP_OPS_H
#define SKEP_MAP_OPS_H

#include "map/map.h"

/* The kernel's own ENOTSUPP, which bpf(2) does let out; user space has no name for it. */
#define MAP_ENOTSUPP 524

/* Limits of the kernel that its results show. */
enum {
	MAP_PCPU_VALUE_MAX = 32768, /* PCPU_MIN_UNIT_SIZE */
	MAP_KMALLOC_MAX = 4 << 20, /* KMALLOC_MAX_SIZE with 4 KiB pages */
	MAP_ACCESS_FLAGS = BPF_F_RDONLY | BPF_F_WRONLY | BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG,
};

/* CPUs share no cache lines, nor pairs of lines, which the processor fetches together. */
enum { MAP_CPU_ALIGN = 128 };

enum { MAP_HEADER_SIZE = 4096 };

#define MAP_MAGIC   0x3170616d70656b73ull /* "skepmap1" in memory order */
#define MAP_VERSION 2u

/* The attributes as the memfd holds them, for map_attach(). */
struct map_header {
	uint64_t magic;
	uint32_t version, type;
	uint32_t key_size, value_size, max_entries, flags;
	uint64_t extra, seed;
	uint64_t file_size;
	uint32_t n_cpus, reserved;
	char name[BPF_OBJ_NAME_LEN];
};

/*
 * Control words, in the memfd. Indices are stored plus one, so that zero means none. All but
 * lock are changed only by the lock's holder.
 */
struct map_ctl {
	_Alignas(64) _Atomic uint32_t lock; /* 0: free, else the holder's thread id */
	_Atomic uint32_t lock_turns; /* counts releases: a waiter sees whether the lock moves */
	_Atomic uint32_t free_head; /* the first free element */
	_Atomic uint32_t high_water; /* elements from here on have never been used */
	_Atomic uint32_t gen; /* counts elements unlinked from a chain or a trie: readers look again */
	_Atomic uint32_t hand; /* LRU: where the clock's hand stands */
	_Atomic uint64_t redo; /* hashes: the value that is being overwritten (hash_overwrite()); 0: none */
	_Alignas(64) _Atomic uint64_t dropped; /* ring buffers: reservations refused */
	_Atomic uint64_t pending; /* ring buffers: all records before this position are committed */
	_Atomic uint64_t queue; /* queues and stacks: index of the oldest value, count << 32 */
};

struct map_tail {
	struct map_header header;
	_Alignas(512) struct map_ctl ctl;
};
_Static_assert(sizeof(struct map_tail) <= MAP_HEADER_SIZE, "the tail is one block");

/* What a family needs of the memfd. Offsets are in bytes from its start; a sum that overflows sticks. */
struct map_layout {
	uint64_t size;
	uint64_t off[6];
	uint64_t cpu_stride;
	uint64_t mmap_size;
	uint32_t max_entries; /* as the map will report it */
	uint32_t n_objs; /* object pointers to keep in private memory */
	bool overflow;
};

/*
 * map_layout_add - add a table.
 * @n, @size: elements, and bytes of each
 * @align:    of its start, a power of two
 * Return: the table's offset.
 */
static inline uint64_t map_layout_add(struct map_layout *l, uint64_t n, uint64_t size, uint64_t align)
{
	uint64_t bytes, start, end;

	if (__builtin_mul_overflow(n, size, &bytes) || __builtin_add_overflow(l->size, align - 1, &start)) {
		l->overflow = true;
		return 0;
	}
	start &= ~(align - 1);
	if (__builtin_add_overflow(start, bytes, &end) || end > (1ull << 62)) {
		l->overflow = true;
		return 0;
	}
	l->size = end;
	return start;
}

struct map_ops {
	/* Creation: the kernel's map_alloc_check, then sizes, then the family's private state. */
	int (*check)(const struct map_attr *attr);
	void (*layout)(const struct map_attr *attr, struct map_layout *l);
	int (*init)(struct skep_map *map, const struct map_layout *l); /* never writes to a readonly map */
	void (*fini)(struct skep_map *map);
	const struct map_ops *(*pick)(const struct map_attr *attr); /* a variant made for these sizes; may be null */
	void (*recover)(struct skep_map *map); /* the lock's holder died: make the free lists whole */
	bool attachable;

	/* The program's side. */
	void *(*lookup)(struct skep_map *map, const void *key, uint32_t cpu);
	int (*update)(struct skep_map *map, const void *key, const void *value, uint64_t flags, uint32_t cpu);
	int (*remove)(struct skep_map *map, const void *key);
	int (*push)(struct skep_map *map, const void *value, uint64_t flags);
	int (*pop)(struct skep_map *map, void *value);
	int (*peek)(struct skep_map *map, void *value);
	long (*for_each)(struct skep_map *map, uint32_t cpu, long (*fn)(void *arg, void *key, void *value), void *arg);

	/* The user's side. */
	int (*user_lookup)(struct skep_map *map, const void *key, void *value, uint64_t flags);
	int (*user_update)(struct skep_map *map, const void *key, const void *value, uint64_t flags);
	int (*user_delete)(struct skep_map *map, const void *key, void **old_obj);
	int (*user_lookup_and_delete)(struct skep_map *map, const void *key, void *value, uint64_t flags);
	int (*user_next_key)(struct skep_map *map, const void *key, void *next);
	uint32_t (*user_batch)(struct skep_map *map, uint32_t *at, uint32_t room, void *keys, void *values,
			       uint64_t flags, void **old);
	int (*set_object)(struct skep_map *map, const void *key, uint32_t id, void *obj, const void *value,
			  uint64_t flags, void **old);

	/* The hook's side, where frames are redirected through the map: the object under a key. */
	void *(*object)(struct skep_map *map, const void *key, uint32_t cpu);
};

/* map_access_flags_ok - the kernel refuses a map that programs may neither read nor write. */
static inline bool map_access_flags_ok(uint32_t flags)
{
	return (flags & (BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG)) != (BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG);
}

/*
 * The families. Users' reads of an element that its writer never finishes (it was killed) give up
 * after this many tries.
 */
enum { MAP_READ_TRIES = 1 << 16 };

extern const struct map_ops array_ops, percpu_array_ops;
extern const struct map_ops prog_array_ops, perf_event_array_ops, cgroup_array_ops, array_of_maps_ops;
extern const struct map_ops devmap_ops, cpumap_ops, xskmap_ops;
extern const struct map_ops hash_ops, percpu_hash_ops, lru_hash_ops, lru_percpu_hash_ops;
extern const struct map_ops hash_of_maps_ops, devmap_hash_ops;
extern const struct map_ops lpm_trie_ops, ringbuf_ops, queue_stack_ops, bloom_filter_ops, stack_trace_ops,
	task_storage_ops;

#endif
