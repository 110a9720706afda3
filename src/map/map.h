/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Maps: what every map is, and what the floors above may do with one.
 *
 * Theory of operation
 *
 * A map's contents live in one memfd, laid out with offsets and never pointers,
 * all of it bounded by max_entries and taken at creation, sealed against growing
 * and shrinking:
 *
 *     0                                   what user space may mmap (array values,
 *                                         ring buffer pages) or the first table
 *     ...                                 the family's tables
 *     size - MAP_HEADER_SIZE              struct map_header, written once at
 *                                         creation, re-checked by map_attach(),
 *                                         and the control words (map/ops.h)
 *
 * struct skep_map is a process's private view of it: geometry copied from the
 * attributes (never re-read from shared memory), the mapping, and for maps of
 * objects (programs, maps) the object pointers, which never enter the memfd;
 * there stand only their ids.
 *
 * Invariants
 *  - Lookups take no lock. Structure is changed under a lock that lies in the
 *    memfd and survives the death of its holder.
 *  - Every index that is read from the memfd is bounds-checked and every chain
 *    walk is counted, so a corrupt map gives wrong data, never a wild access.
 *  - An element's value does not move while the map lives; a deleted element may
 *    be reused at once (as with the kernel's preallocated maps).
 *  - max_entries holds exactly.
 */
#ifndef SKEP_MAP_MAP_H
#define SKEP_MAP_MAP_H

#include "base/uapi.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

struct skep_map;
struct map_ops;

/* Batch commands, as the kernel's types have them. */
enum {
	MAP_BATCH_LOOKUP = 1, /* BPF_MAP_LOOKUP_BATCH */
	MAP_BATCH_UPDATE = 2,
	MAP_BATCH_DELETE = 4,
	MAP_BATCH_TAKE = 8, /* BPF_MAP_LOOKUP_AND_DELETE_BATCH */
};

/* A map type as data: one row per type, all types of Linux 6.18, in map/types.c. */
struct map_type_desc {
	const char *name; /* "hash", as bpftool prints it */
	const char *enum_name; /* "BPF_MAP_TYPE_HASH" */
	const char *kernel; /* the version that brought it: "3.19" */
	uint32_t type; /* enum bpf_map_type */
	const struct map_ops *ops; /* NULL: known, but skep has no such map yet */
	bool percpu; /* a value per CPU; user space sees n_cpus * round_up(value_size, 8) bytes */
	bool objects; /* values are programs, maps or the like, set by fd, read as id */
	uint8_t batch; /* which batch commands the type has: MAP_BATCH_... */
};

extern const struct map_type_desc map_types[];
extern const uint32_t map_types_n;

/* map_type_find - the row of a type number, NULL when there is no such type. */
const struct map_type_desc *map_type_find(uint32_t type);

/* What a map is created from (BPF_MAP_CREATE's attributes that concern the map itself). */
struct map_attr {
	uint32_t type, key_size, value_size, max_entries, flags;
	uint64_t extra; /* map_extra */
	uint32_t n_cpus; /* possible CPUs: slots of a per-CPU map, 1 or more */
	uint64_t seed; /* hash seed when flags has no BPF_F_ZERO_SEED */
	char name[BPF_OBJ_NAME_LEN];
	const struct skep_map *inner; /* template of a map-in-map */
};

struct skep_map {
	const struct map_ops *ops;
	const struct map_type_desc *type;
	uint32_t key_size, value_size, max_entries, flags;
	uint32_t elem_size; /* distance of two values of one CPU in bytes (round_up(value_size, 8)) */
	uint32_t n_cpus;
	size_t cpu_stride; /* per-CPU maps: distance of one element's values of two CPUs in bytes */
	uint64_t extra;
	uint64_t seed; /* of the hash; 0 with BPF_F_ZERO_SEED */
	char name[BPF_OBJ_NAME_LEN];
	uint32_t id; /* set by the owner of the id space */
	int memfd; /* owned */
	uint8_t *mem; /* the whole memfd */
	size_t mem_size;
	size_t mmap_size; /* bytes at file offset 0 that user space may mmap; 0: none */
	bool readonly; /* attached in another process: lookups only */
	atomic_bool frozen; /* BPF_MAP_FREEZE: no more writes through bpf(2) */
	_Atomic(void *) *objs; /* object maps: one pointer per element index, else NULL */
	int event_fd; /* ring buffers: readable when a consumer should look; else -1 */
	void *priv; /* the family's private state */
	struct map_ctl *ctl; /* the control words in the memfd: writers' lock, free list (map/ops.h) */
	/*
	 * Where the value has a struct bpf_spin_lock, in bytes; -1: it has none. Set by the owner, who reads BTF,
	 * before the map is used. Copies leave these 4 bytes alone, and BPF_F_LOCK is refused without them.
	 */
	int32_t spin_lock_off;

	/* For the owner (bpf floor); the map floor only stores them. */
	void *btf;
	uint32_t btf_key_type_id, btf_value_type_id, btf_vmlinux_value_type_id;
	void *owner;
	struct { /* inner map's shape, for map-in-map: what a new inner map must match */
		uint32_t type, key_size, value_size, max_entries, flags;
	} inner;
};

/*
 * map_create - make a map.
 * @attr:  what to make
 * @out:   on success the new map; the caller owns it and gives it back with map_destroy()
 *
 * Errors are the kernel's (man 2 bpf; kernel/bpf map_alloc_check of each family): -EINVAL for
 * sizes or flags that the type does not take, -E2BIG for sizes beyond the type's limit,
 * -ENOMEM, -EOPNOTSUPP for a known type that skep does not have. LRU maps with BPF_F_NO_COMMON_LRU
 * round max_entries to a multiple of n_cpus, as the kernel does.
 */
int map_create(const struct map_attr *attr, struct skep_map **out);

/*
 * map_attach - view a map that another process made, through its fd.
 * @fd:   the map's memfd; duplicated, the caller keeps its own
 * @out:  on success a view that allows lookups and iteration, nothing else
 *
 * The memfd's bytes are not trusted: the header is checked in full, seals are demanded, and
 * later reads are bounds-checked. Return: 0, -EINVAL for anything that is not a map of skep's,
 * -EOPNOTSUPP for a family that cannot be viewed from outside (maps of objects).
 */
int map_attach(int fd, struct skep_map **out);

/* map_destroy - unmap, close and free. NULL is fine. The owner has put every object in objs[] before. */
void map_destroy(struct skep_map *map);

/*
 * map_set_timers - the values have a struct bpf_timer: a hash, an LRU hash or an array, before it is used.
 * @off:  where in the value; its first 8 bytes are the owner's to use while the element stands, 0 when it is new
 * @gone: called when an element that has a number there is replaced or removed, but for LRU maps' evictions
 * Return: 0 or -ENOMEM.
 */
int map_set_timers(struct skep_map *map, uint32_t off, void (*gone)(void *arg, uint64_t id), void *arg);
/* map_key_of_value - the key of a value in such a map; of an array it is written to @index. */
const void *map_key_of_value(const struct skep_map *map, const void *value, uint32_t *index);

/* map_value_lock, map_value_unlock - the lock behind bpf_spin_lock(): 4 bytes in a value, zero when free (map/lock.h). */
void map_value_lock(uint32_t *lock);
void map_value_unlock(uint32_t *lock);

/* map_user_value_size - bytes that bpf(2) copies for one value (per-CPU maps: all CPUs). */
uint32_t map_user_value_size(const struct skep_map *map);

/*
 * The program's side: what helpers call. @cpu is the worker's number, below n_cpus. Errors are
 * negative errno as the kernel's helpers return. A returned value pointer stays valid while
 * the map lives.
 */
void *map_lookup(struct skep_map *map, const void *key, uint32_t cpu);
/* map_lookup_of - what map_lookup() does for this map: the family's own function, to be called with the same arguments. */
void *(*map_lookup_of(const struct skep_map *map))(struct skep_map *map, const void *key, uint32_t cpu);
void *map_lookup_percpu(struct skep_map *map, const void *key, uint32_t cpu); /* NULL when cpu is none */
int map_update(struct skep_map *map, const void *key, const void *value, uint64_t flags, uint32_t cpu);
int map_delete(struct skep_map *map, const void *key);
int map_push(struct skep_map *map, const void *value, uint64_t flags);
int map_pop(struct skep_map *map, void *value);
int map_peek(struct skep_map *map, void *value);

/*
 * map_for_each - visit every element, as bpf_for_each_map_elem().
 * @fn:  called with (arg, key, value); a return of 1 stops
 * Return: elements visited, or -EINVAL for a family that has none to visit.
 */
long map_for_each(struct skep_map *map, uint32_t cpu, long (*fn)(void *arg, void *key, void *value), void *arg);

/*
 * The user's side: what bpf(2) commands call, with the kernel's results (man 2 bpf). Values of
 * per-CPU maps are map_user_value_size() bytes. A bloom filter's lookup reads @value. @flags: BPF_ANY, BPF_NOEXIST, BPF_EXIST, and
 * for lookup and update BPF_F_LOCK. Object maps: lookup gives the 4-byte id; updates go
 * through map_set_object().
 */
int map_user_lookup(struct skep_map *map, const void *key, void *value, uint64_t flags);
int map_user_update(struct skep_map *map, const void *key, const void *value, uint64_t flags);
int map_user_delete(struct skep_map *map, const void *key, void **old_obj);
int map_user_lookup_and_delete(struct skep_map *map, const void *key, void *value, uint64_t flags);
int map_user_next_key(struct skep_map *map, const void *key, void *next); /* key NULL: the first */
/*
 * map_user_batch - copy many elements of a hash out: of a map whose type has MAP_BATCH_TAKE.
 * @at:    where to go on: 0 for the start; on return where the next call goes on, max_entries when nothing is left
 * @room:  elements that @keys and @values have room for
 * @flags: BPF_F_LOCK; the caller has checked that the map has locks
 * @old:   NULL: the elements stay. Else they go, and this gets the object of each, or NULL.
 * Return: elements copied. A map that may not be written is the caller's affair.
 */
uint32_t map_user_batch(struct skep_map *map, uint32_t *at, uint32_t room, void *keys, void *values, uint64_t flags,
			void **old);
int map_freeze(struct skep_map *map); /* -EPERM when frozen already, as the kernel's order of checks has it */

/*
 * map_program - the program under a key of a map that frames are redirected through (DEVMAP and DEVMAP_HASH): what its owner put there with
 * map_set_object(). Inside a worker's read section. Return: NULL: there is none.
 */
void *map_program(struct skep_map *map, const void *key);

/*
 * map_set_object - put an object into a map of objects.
 * @id:     the object's id, which user space reads back
 * @obj:    what the program's side gets (for a map-in-map: struct skep_map *; for a
 *          prog array: struct skep_target *, prog/code.h; for a cgroup array: struct map_cgroup *)
 * @value:  the user's value bytes for families whose value holds more than the fd
 *          (DEVMAP: struct bpf_devmap_val), else NULL
 * @old:    the object that was there before, or NULL; the caller puts it, after readers are gone
 */
int map_set_object(struct skep_map *map, const void *key, uint32_t id, void *obj, const void *value, uint64_t flags,
		   void **old);

/* What an element of a CGROUP_ARRAY holds. */
struct map_cgroup {
	uint64_t id; /* as bpf_get_current_cgroup_id() tells it */
};

/* map_take_objects - empty a map of objects: calls put(arg, obj) once for each that was in it. */
void map_take_objects(struct skep_map *map, void (*put)(void *arg, void *obj), void *arg);

/*
 * map_stack_put - bpf_get_stackid()'s part that concerns the map: put a call stack into a STACK_TRACE map.
 * @ips:   @n addresses, innermost first, those that the program skips left out
 * @ids:   maps made with BPF_F_STACK_BUILD_ID: the same frames by build id, as many; NULL: they are kept by address, with
 *         BPF_STACK_BUILD_ID_IP, as the kernel does where a file cannot be told
 * @flags: BPF_F_FAST_STACK_CMP, BPF_F_REUSE_STACKID; the caller has taken the others off
 *
 * Frames beyond the map's value size are dropped. Return: the id; -EFAULT for no frames, -EEXIST when another stack has
 * the id, -ENOMEM when the map is full, -EINVAL for other flags (kernel/bpf/stackmap.c).
 */
long map_stack_put(struct skep_map *map, const uint64_t *ips, const struct bpf_stack_build_id *ids, uint32_t n,
		   uint64_t flags);
/* map_stack_frame_size - bytes of one frame in a STACK_TRACE map's value: 8, or 32 with build ids. */
uint32_t map_stack_frame_size(const struct skep_map *map);

/*
 * TASK_STORAGE: values of tasks (map/storage.c). Results are those of the kernel's helpers and commands (kernel/bpf/bpf_task_storage.c).
 *
 * map_task_get - the value of a task; NULL: it has none. @create: then it gets one, @init's bytes or zeroes (NULL); NULL: there is no room.
 * map_task_delete - Return: 0, -ENOENT. Programs that hold the value may go on with it, as with any map's.
 * map_task_lookup, map_task_update - the user's side, with a copy of the value; the map's own checks (frozen, locks) are the caller's.
 */
struct map_task {
	uint64_t start; /* of its process, clock ticks since boot */
	uint32_t tid, zero;
};
enum { MAP_STORAGE_VALUE_MAX = 65535 - 128 }; /* BPF_LOCAL_STORAGE_MAX_VALUE_SIZE */
void *map_task_get(struct skep_map *map, const struct map_task *task, const void *init, bool create);
int map_task_delete(struct skep_map *map, const struct map_task *task);
int map_task_lookup(struct skep_map *map, const struct map_task *task, void *value, uint64_t flags);
int map_task_update(struct skep_map *map, const struct map_task *task, const void *value, uint64_t flags);

/*
 * Ring buffers (kernel doc Documentation/bpf/ringbuf.rst). @flags: BPF_RB_NO_WAKEUP,
 * BPF_RB_FORCE_WAKEUP. ringbuf_reserve() gives NULL when there is no room, which is counted.
 */
void *ringbuf_reserve(struct skep_map *map, uint64_t size);
void ringbuf_submit(void *sample, uint64_t flags);
void ringbuf_discard(void *sample, uint64_t flags);
int ringbuf_output(struct skep_map *map, const void *data, uint64_t size, uint64_t flags);
uint64_t ringbuf_query(struct skep_map *map, uint64_t what);
uint64_t ringbuf_dropped(const struct skep_map *map); /* reservations refused for want of room */
/*
 * ringbuf_ready - whether the consumer should look, as the kernel's poll on a ring's fd tells.
 *
 * A consumer must ask this between its last look and going to sleep on event_fd: consumers (libbpf's too) give
 * records back with a store that may still be on its way when a producer decides that nobody needs waking. The
 * kernel asks inside poll; an eventfd cannot.
 */
bool ringbuf_ready(const struct skep_map *map);
/*
 * ringbuf_mmap - what mmap(2) on a ring buffer's fd gives in the kernel: the consumer page at
 * offset 0 (writable), the producer page and the data, mapped twice, from the second page on
 * (read only). Return: the address, or MAP_FAILED with errno set.
 */
void *ringbuf_mmap(struct skep_map *map, void *addr, size_t len, int prot, int flags, off_t off);

#endif
