/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls that must fail, and what they fail with. The table says which error each has; the hive must give it, and where
 * bpf(2) is allowed the kernel is asked the same, so that the table cannot be wrong about it.
 */
#include "util.h"

#include <linux/btf.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#ifndef ENOTSUPP
#define ENOTSUPP 524
#endif

/* The objects that the calls are about; one set in the hive, one in the kernel. */
struct world {
	long (*bpf)(int cmd, union bpf_attr *attr, unsigned int size);
	int array, hash, full, queue, full_queue, lpm, ring, percpu, frozen, rdonly, wronly, jumps, outer, inner, prog,
		btf, other, closed;
};

static char btf_bytes[128];
static uint32_t btf_len;
static char text[4096];
static const uint32_t zero, one = 1, nine = 9;
static uint64_t value[64];
static int fd_value; /* what an update with an fd points at */
static uint8_t frame[2048];
static uint8_t many_bytes[4096];
static const struct bpf_insn good[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K}, {.code = BPF_JMP | BPF_EXIT}};
static struct bpf_insn insns[8];
static void *hole; /* a page that nobody may touch, behind one that anybody may */

static long hive_call(int cmd, union bpf_attr *attr, unsigned int size)
{
	return skep_bpf(hive, cmd, attr, size);
}

static long kernel_call(int cmd, union bpf_attr *attr, unsigned int size)
{
	long ret = syscall(SYS_bpf, cmd, attr, size);

	return ret < 0 ? -errno : ret;
}

#define MAKE(cmd, ...) w->bpf(cmd, &(union bpf_attr){__VA_ARGS__}, sizeof(union bpf_attr))

static int new_map(const struct world *w, uint32_t type, uint32_t key, uint32_t val, uint32_t n, uint32_t flags,
		   int inner)
{
	long fd = MAKE(BPF_MAP_CREATE, .map_type = type, .key_size = key, .value_size = val, .max_entries = n,
		       .map_flags = flags, .inner_map_fd = (uint32_t)inner);

	assert_true(fd >= 0);
	return (int)fd;
}

static void make_world(struct world *w)
{
	w->array = new_map(w, BPF_MAP_TYPE_ARRAY, 4, 8, 4, 0, 0);
	w->hash = new_map(w, BPF_MAP_TYPE_HASH, 4, 8, 4, 0, 0);
	w->full = new_map(w, BPF_MAP_TYPE_HASH, 4, 8, 1, 0, 0);
	assert_int_equal(MAKE(BPF_MAP_UPDATE_ELEM, .map_fd = w->full, .key = PTR(&one), .value = PTR(value)), 0);
	w->queue = new_map(w, BPF_MAP_TYPE_QUEUE, 0, 8, 1, 0, 0);
	w->full_queue = new_map(w, BPF_MAP_TYPE_QUEUE, 0, 8, 1, 0, 0);
	assert_int_equal(MAKE(BPF_MAP_UPDATE_ELEM, .map_fd = w->full_queue, .value = PTR(value)), 0);
	w->lpm = new_map(w, BPF_MAP_TYPE_LPM_TRIE, 8, 8, 4, BPF_F_NO_PREALLOC, 0);
	w->ring = new_map(w, BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0, 0);
	w->percpu = new_map(w, BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 4, 0, 0);
	w->frozen = new_map(w, BPF_MAP_TYPE_ARRAY, 4, 8, 4, 0, 0);
	assert_int_equal(MAKE(BPF_MAP_FREEZE, .map_fd = w->frozen), 0);
	w->rdonly = new_map(w, BPF_MAP_TYPE_HASH, 4, 8, 4, BPF_F_RDONLY, 0);
	w->wronly = new_map(w, BPF_MAP_TYPE_HASH, 4, 8, 4, BPF_F_WRONLY, 0);
	w->jumps = new_map(w, BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 4, 0, 0);
	w->inner = new_map(w, BPF_MAP_TYPE_HASH, 4, 4, 4, 0, 0);
	w->outer = new_map(w, BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 4, 4, 0, w->inner);
	w->prog = (int)MAKE(BPF_PROG_LOAD, .prog_type = BPF_PROG_TYPE_XDP, .insns = PTR(good), .insn_cnt = 2,
			    .license = PTR("GPL"));
	assert_true(w->prog >= 0);
	w->btf = (int)MAKE(BPF_BTF_LOAD, .btf = PTR(btf_bytes), .btf_size = btf_len);
	assert_true(w->btf >= 0);
	w->other = open("/dev/null", O_RDWR | O_CLOEXEC);
	w->closed = 999;
}

static void free_world(struct world *w)
{
	for (const int *fd = &w->array; fd < &w->closed; fd++)
		close(*fd);
}

static uint64_t fd_in(int fd)
{
	fd_value = fd;
	return PTR(&fd_value);
}

static uint64_t code(struct bpf_insn a, struct bpf_insn b, struct bpf_insn c, struct bpf_insn d)
{
	insns[0] = a;
	insns[1] = b;
	insns[2] = c;
	insns[3] = d;
	return PTR(insns);
}

#define MAP(t, k, v, n, f) .map_type = (t), .key_size = (k), .value_size = (v), .max_entries = (n), .map_flags = (f)
#define ARRAY(...)         MAP(BPF_MAP_TYPE_ARRAY, 4, 8, 4, 0), __VA_ARGS__
#define ELEM(fd, k, v)     .map_fd = (uint32_t)(fd), .key = PTR(k), .value = PTR(v)
#define NEXT(fd, k, n)     .map_fd = (uint32_t)(fd), .key = PTR(k), .next_key = PTR(n)
#define XDP(...)           .prog_type = BPF_PROG_TYPE_XDP, .insns = PTR(good), .insn_cnt = 2, .license = PTR("GPL"), __VA_ARGS__
#define RUN(fd, ...)       .test = {.prog_fd = (uint32_t)(fd), __VA_ARGS__}
#define FRAME              .data_in = PTR(frame), .data_size_in = 64
#define BAD                ((void *)8)
#define NOTHING            MOV_IMM(0, 0), EXIT()

/* Text, command, error, attributes. */
#define CALLS(X)                                                                                                       \
	X("create: type 0", BPF_MAP_CREATE, EINVAL, MAP(0, 4, 4, 1, 0))                                                \
	X("create: a type that does not exist", BPF_MAP_CREATE, EINVAL, MAP(200, 4, 4, 1, 0))                          \
	X("create: an array without a key", BPF_MAP_CREATE, EINVAL, MAP(BPF_MAP_TYPE_ARRAY, 0, 8, 1, 0))               \
	X("create: an array with a key of 8", BPF_MAP_CREATE, EINVAL, MAP(BPF_MAP_TYPE_ARRAY, 8, 8, 1, 0))             \
	X("create: an array without a value", BPF_MAP_CREATE, EINVAL, MAP(BPF_MAP_TYPE_ARRAY, 4, 0, 1, 0))             \
	X("create: an array of none", BPF_MAP_CREATE, EINVAL, MAP(BPF_MAP_TYPE_ARRAY, 4, 8, 0, 0))                     \
	X("create: an array with NO_PREALLOC", BPF_MAP_CREATE, EINVAL,                                                 \
	  MAP(BPF_MAP_TYPE_ARRAY, 4, 8, 1, BPF_F_NO_PREALLOC))                                                         \
	X("create: an array with values of 2 GiB", BPF_MAP_CREATE, E2BIG, MAP(BPF_MAP_TYPE_ARRAY, 4, 1u << 31, 1, 0))  \
	X("create: a hash without a key", BPF_MAP_CREATE, EINVAL, MAP(BPF_MAP_TYPE_HASH, 0, 8, 1, 0))                  \
	X("create: a hash without a value", BPF_MAP_CREATE, EINVAL, MAP(BPF_MAP_TYPE_HASH, 4, 0, 1, 0))                \
	X("create: a hash of none", BPF_MAP_CREATE, EINVAL, MAP(BPF_MAP_TYPE_HASH, 4, 8, 0, 0))                        \
	X("create: a hash that is mmapable", BPF_MAP_CREATE, EINVAL, MAP(BPF_MAP_TYPE_HASH, 4, 8, 1, BPF_F_MMAPABLE))  \
	X("create: a hash with NO_COMMON_LRU", BPF_MAP_CREATE, EINVAL,                                                 \
	  MAP(BPF_MAP_TYPE_HASH, 4, 8, 1, BPF_F_NO_COMMON_LRU))                                                        \
	X("create: a hash with values of 2 GiB", BPF_MAP_CREATE, E2BIG, MAP(BPF_MAP_TYPE_HASH, 4, 1u << 31, 1, 0))     \
	X("create: an LRU with NO_PREALLOC", BPF_MAP_CREATE, ENOTSUPP,                                                 \
	  MAP(BPF_MAP_TYPE_LRU_HASH, 4, 8, 1, BPF_F_NO_PREALLOC))                                                      \
	X("create: an unknown flag", BPF_MAP_CREATE, EINVAL, MAP(BPF_MAP_TYPE_HASH, 4, 8, 1, 1u << 30))                \
	X("create: read-only and write-only", BPF_MAP_CREATE, EINVAL,                                                  \
	  MAP(BPF_MAP_TYPE_HASH, 4, 8, 1, BPF_F_RDONLY | BPF_F_WRONLY))                                                \
	X("create: the same for programs", BPF_MAP_CREATE, EINVAL,                                                     \
	  MAP(BPF_MAP_TYPE_HASH, 4, 8, 1, BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG))                                      \
	X("create: a name with a dash", BPF_MAP_CREATE, EINVAL, ARRAY(.map_name = "a-b"))                              \
	X("create: a name without an end", BPF_MAP_CREATE, EINVAL, ARRAY(.map_name = "0123456789abcdef"))              \
	X("create: a name with bytes behind its end", BPF_MAP_CREATE, 0, ARRAY(.map_name = "ab"))                      \
	X("create: a ring with a key", BPF_MAP_CREATE, EINVAL, MAP(BPF_MAP_TYPE_RINGBUF, 4, 0, 4096, 0))               \
	X("create: a ring with a value", BPF_MAP_CREATE, EINVAL, MAP(BPF_MAP_TYPE_RINGBUF, 0, 4, 4096, 0))             \
	X("create: a ring of half a page", BPF_MAP_CREATE, EINVAL, MAP(BPF_MAP_TYPE_RINGBUF, 0, 0, 2048, 0))           \
	X("create: a ring of 3 pages", BPF_MAP_CREATE, EINVAL, MAP(BPF_MAP_TYPE_RINGBUF, 0, 0, 3 * 4096, 0))           \
	X("create: a trie without NO_PREALLOC", BPF_MAP_CREATE, EINVAL, MAP(BPF_MAP_TYPE_LPM_TRIE, 8, 8, 1, 0))        \
	X("create: a trie with a key of 4", BPF_MAP_CREATE, EINVAL,                                                    \
	  MAP(BPF_MAP_TYPE_LPM_TRIE, 4, 8, 1, BPF_F_NO_PREALLOC))                                                      \
	X("create: a trie with a key of 261", BPF_MAP_CREATE, EINVAL,                                                  \
	  MAP(BPF_MAP_TYPE_LPM_TRIE, 261, 8, 1, BPF_F_NO_PREALLOC))                                                    \
	X("create: a queue with a key", BPF_MAP_CREATE, EINVAL, MAP(BPF_MAP_TYPE_QUEUE, 4, 8, 1, 0))                   \
	X("create: a queue without a value", BPF_MAP_CREATE, EINVAL, MAP(BPF_MAP_TYPE_QUEUE, 0, 0, 1, 0))              \
	X("create: a stack of none", BPF_MAP_CREATE, EINVAL, MAP(BPF_MAP_TYPE_STACK, 0, 8, 0, 0))                      \
	X("create: a prog array with values of 8", BPF_MAP_CREATE, EINVAL, MAP(BPF_MAP_TYPE_PROG_ARRAY, 4, 8, 1, 0))   \
	X("create: a perf array with keys of 8", BPF_MAP_CREATE, EINVAL,                                               \
	  MAP(BPF_MAP_TYPE_PERF_EVENT_ARRAY, 8, 4, 1, 0))                                                              \
	X("create: an array with an inner map", BPF_MAP_CREATE, 0, ARRAY(.inner_map_fd = (uint32_t)w->inner))          \
	X("create: an outer map of a closed fd", BPF_MAP_CREATE, EBADF, MAP(BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 4, 1, 0),   \
	  .inner_map_fd = (uint32_t)w->closed)                                                                         \
	X("create: an outer map of a file", BPF_MAP_CREATE, EINVAL, MAP(BPF_MAP_TYPE_HASH_OF_MAPS, 4, 4, 1, 0),        \
	  .inner_map_fd = (uint32_t)w->other)                                                                          \
	X("create: an outer map of a program", BPF_MAP_CREATE, EINVAL, MAP(BPF_MAP_TYPE_HASH_OF_MAPS, 4, 4, 1, 0),     \
	  .inner_map_fd = (uint32_t)w->prog)                                                                           \
	X("create: an outer map of outer maps", BPF_MAP_CREATE, EINVAL, MAP(BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 4, 1, 0),   \
	  .inner_map_fd = (uint32_t)w->outer)                                                                          \
	X("create: an outer map of prog arrays", BPF_MAP_CREATE, ENOTSUPP,                                             \
	  MAP(BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 4, 1, 0), .inner_map_fd = (uint32_t)w->jumps)                             \
	X("create: an outer map with values of 8", BPF_MAP_CREATE, EINVAL,                                             \
	  MAP(BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 8, 1, 0), .inner_map_fd = (uint32_t)w->inner)                             \
	X("create: a BTF key without a BTF value", BPF_MAP_CREATE, EINVAL,                                             \
	  ARRAY(.btf_fd = (uint32_t)w->btf, .btf_key_type_id = 1))                                                     \
	X("create: BTF types of other sizes", BPF_MAP_CREATE, EINVAL,                                                  \
	  ARRAY(.btf_fd = (uint32_t)w->btf, .btf_key_type_id = 1, .btf_value_type_id = 1))                             \
	X("create: an array whose key is an enum", BPF_MAP_CREATE, EINVAL, MAP(BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0),        \
	  .btf_fd = (uint32_t)w->btf, .btf_key_type_id = 4, .btf_value_type_id = 1)                                    \
	X("create: a BTF type that does not exist", BPF_MAP_CREATE, EINVAL,                                            \
	  ARRAY(.btf_fd = (uint32_t)w->btf, .btf_key_type_id = 1, .btf_value_type_id = 9))                             \
	X("create: BTF of a closed fd", BPF_MAP_CREATE, EBADF,                                                         \
	  ARRAY(.btf_fd = (uint32_t)w->closed, .btf_key_type_id = 1, .btf_value_type_id = 1))                          \
	X("create: BTF of a map", BPF_MAP_CREATE, EINVAL,                                                              \
	  ARRAY(.btf_fd = (uint32_t)w->hash, .btf_key_type_id = 1, .btf_value_type_id = 1))                            \
	X("create: map_extra for a hash", BPF_MAP_CREATE, EINVAL, MAP(BPF_MAP_TYPE_HASH, 4, 8, 1, 0), .map_extra = 1)  \
	X("lookup: a closed fd", BPF_MAP_LOOKUP_ELEM, EBADF, ELEM(w->closed, &zero, value))                            \
	X("lookup: a file", BPF_MAP_LOOKUP_ELEM, EINVAL, ELEM(w->other, &zero, value))                                 \
	X("lookup: a program", BPF_MAP_LOOKUP_ELEM, EINVAL, ELEM(w->prog, &zero, value))                               \
	X("lookup: an absent key", BPF_MAP_LOOKUP_ELEM, ENOENT, ELEM(w->hash, &zero, value))                           \
	X("lookup: beyond an array", BPF_MAP_LOOKUP_ELEM, ENOENT, ELEM(w->array, &nine, value))                        \
	X("lookup: a bad key pointer", BPF_MAP_LOOKUP_ELEM, EFAULT, ELEM(w->array, BAD, value))                        \
	X("lookup: no key", BPF_MAP_LOOKUP_ELEM, EFAULT, ELEM(w->array, NULL, value))                                  \
	X("lookup: a bad value pointer", BPF_MAP_LOOKUP_ELEM, EFAULT, ELEM(w->array, &zero, hole))                     \
	X("lookup: an unknown flag", BPF_MAP_LOOKUP_ELEM, EINVAL, ELEM(w->array, &zero, value), .flags = 1)            \
	X("lookup: with the lock of a value that has none", BPF_MAP_LOOKUP_ELEM, EINVAL, ELEM(w->array, &zero, value), \
	  .flags = BPF_F_LOCK)                                                                                         \
	X("lookup: write-only", BPF_MAP_LOOKUP_ELEM, EPERM, ELEM(w->wronly, &zero, value))                             \
	X("lookup: a ring", BPF_MAP_LOOKUP_ELEM, ENOTSUPP, ELEM(w->ring, NULL, value))                                 \
	X("lookup: an empty queue", BPF_MAP_LOOKUP_ELEM, ENOENT, ELEM(w->queue, NULL, value))                          \
	X("lookup: a queue by a key", BPF_MAP_LOOKUP_ELEM, EINVAL, ELEM(w->queue, &zero, value))                       \
	X("lookup: an empty slot of programs", BPF_MAP_LOOKUP_ELEM, ENOENT, ELEM(w->jumps, &zero, value))              \
	X("lookup: an empty slot of maps", BPF_MAP_LOOKUP_ELEM, ENOENT, ELEM(w->outer, &zero, value))                  \
	X("lookup: an absent prefix", BPF_MAP_LOOKUP_ELEM, ENOENT, ELEM(w->lpm, value, value))                         \
	X("update: an unknown flag", BPF_MAP_UPDATE_ELEM, EINVAL, ELEM(w->array, &zero, value), .flags = 99)           \
	X("update: an unknown flag of a hash", BPF_MAP_UPDATE_ELEM, EINVAL, ELEM(w->hash, &zero, value), .flags = 3)   \
	X("update: a new element of an array", BPF_MAP_UPDATE_ELEM, EEXIST, ELEM(w->array, &zero, value),              \
	  .flags = BPF_NOEXIST)                                                                                        \
	X("update: beyond an array", BPF_MAP_UPDATE_ELEM, E2BIG, ELEM(w->array, &nine, value))                         \
	X("update: what must exist and does not", BPF_MAP_UPDATE_ELEM, ENOENT, ELEM(w->hash, &nine, value),            \
	  .flags = BPF_EXIST)                                                                                          \
	X("update: what must not exist and does", BPF_MAP_UPDATE_ELEM, EEXIST, ELEM(w->full, &one, value),             \
	  .flags = BPF_NOEXIST)                                                                                        \
	X("update: a full hash", BPF_MAP_UPDATE_ELEM, E2BIG, ELEM(w->full, &nine, value))                              \
	X("update: a bad key pointer", BPF_MAP_UPDATE_ELEM, EFAULT, ELEM(w->hash, BAD, value))                         \
	X("update: a bad value pointer", BPF_MAP_UPDATE_ELEM, EFAULT, ELEM(w->hash, &one, BAD))                        \
	X("update: a per-CPU value that ends in a hole", BPF_MAP_UPDATE_ELEM, EFAULT,                                  \
	  ELEM(w->percpu, &one, (char *)hole - 8))                                                                     \
	X("update: frozen", BPF_MAP_UPDATE_ELEM, EPERM, ELEM(w->frozen, &zero, value))                                 \
	X("update: read-only", BPF_MAP_UPDATE_ELEM, EPERM, ELEM(w->rdonly, &zero, value))                              \
	X("update: a full queue", BPF_MAP_UPDATE_ELEM, E2BIG, ELEM(w->full_queue, NULL, value))                        \
	X("update: a queue by a key", BPF_MAP_UPDATE_ELEM, EINVAL, ELEM(w->queue, &zero, value))                       \
	X("update: a new element of a queue", BPF_MAP_UPDATE_ELEM, EINVAL, ELEM(w->queue, NULL, value),                \
	  .flags = BPF_NOEXIST)                                                                                        \
	X("update: a ring", BPF_MAP_UPDATE_ELEM, ENOTSUPP, ELEM(w->ring, NULL, value))                                 \
	X("update: a prefix longer than the key", BPF_MAP_UPDATE_ELEM, EINVAL, ELEM(w->lpm, many_bytes, value))        \
	X("update: a program that is a map", BPF_MAP_UPDATE_ELEM, EINVAL, ELEM(w->jumps, &zero, fd_in(w->hash)))       \
	X("update: a program that is closed", BPF_MAP_UPDATE_ELEM, EBADF, ELEM(w->jumps, &zero, fd_in(w->closed)))     \
	X("update: beyond a prog array", BPF_MAP_UPDATE_ELEM, E2BIG, ELEM(w->jumps, &nine, fd_in(w->prog)))            \
	X("update: a new program", BPF_MAP_UPDATE_ELEM, EINVAL, ELEM(w->jumps, &zero, fd_in(w->prog)),                 \
	  .flags = BPF_NOEXIST)                                                                                        \
	X("update: an inner map of another shape", BPF_MAP_UPDATE_ELEM, EINVAL, ELEM(w->outer, &zero, fd_in(w->hash)), \
	  .flags = 0)                                                                                                  \
	X("update: an inner map that is a program", BPF_MAP_UPDATE_ELEM, EINVAL,                                       \
	  ELEM(w->outer, &zero, fd_in(w->prog)))                                                                       \
	X("update: an inner map that is closed", BPF_MAP_UPDATE_ELEM, EBADF, ELEM(w->outer, &zero, fd_in(w->closed)))  \
	X("update: beyond an array of maps", BPF_MAP_UPDATE_ELEM, E2BIG, ELEM(w->outer, &nine, fd_in(w->inner)))       \
	X("delete: from an array", BPF_MAP_DELETE_ELEM, EINVAL, NEXT(w->array, &zero, NULL))                           \
	X("delete: an absent key", BPF_MAP_DELETE_ELEM, ENOENT, NEXT(w->hash, &zero, NULL))                            \
	X("delete: an absent prefix", BPF_MAP_DELETE_ELEM, ENOENT, NEXT(w->lpm, value, NULL))                          \
	X("delete: a bad key pointer", BPF_MAP_DELETE_ELEM, EFAULT, NEXT(w->hash, BAD, NULL))                          \
	X("delete: read-only", BPF_MAP_DELETE_ELEM, EPERM, NEXT(w->rdonly, &zero, NULL))                               \
	X("delete: frozen", BPF_MAP_DELETE_ELEM, EPERM, NEXT(w->frozen, &zero, NULL))                                  \
	X("delete: from a queue", BPF_MAP_DELETE_ELEM, EINVAL, NEXT(w->queue, NULL, NULL))                             \
	X("delete: an empty slot of programs", BPF_MAP_DELETE_ELEM, ENOENT, NEXT(w->jumps, &zero, NULL))               \
	X("delete: beyond a prog array", BPF_MAP_DELETE_ELEM, E2BIG, NEXT(w->jumps, &nine, NULL))                      \
	X("delete: an empty slot of maps", BPF_MAP_DELETE_ELEM, ENOENT, NEXT(w->outer, &zero, NULL))                   \
	X("delete: a value is not looked at", BPF_MAP_DELETE_ELEM, EINVAL, ELEM(w->hash, &zero, value))                \
	X("next key: an empty hash", BPF_MAP_GET_NEXT_KEY, ENOENT, NEXT(w->hash, &zero, value))                        \
	X("next key: behind the last", BPF_MAP_GET_NEXT_KEY, ENOENT, NEXT(w->full, &one, value))                       \
	X("next key: a bad key pointer", BPF_MAP_GET_NEXT_KEY, EFAULT, NEXT(w->full, BAD, value))                      \
	X("next key: a bad result pointer", BPF_MAP_GET_NEXT_KEY, EFAULT, NEXT(w->full, NULL, BAD))                    \
	X("next key: of a queue", BPF_MAP_GET_NEXT_KEY, EINVAL, NEXT(w->queue, NULL, value))                           \
	X("next key: of a ring", BPF_MAP_GET_NEXT_KEY, ENOTSUPP, NEXT(w->ring, NULL, value))                           \
	X("next key: write-only", BPF_MAP_GET_NEXT_KEY, EPERM, NEXT(w->wronly, NULL, value))                           \
	X("lookup and delete: an array", BPF_MAP_LOOKUP_AND_DELETE_ELEM, ENOTSUPP, ELEM(w->array, &zero, value))       \
	X("lookup and delete: an absent key", BPF_MAP_LOOKUP_AND_DELETE_ELEM, ENOENT, ELEM(w->hash, &zero, value))     \
	X("lookup and delete: an empty queue", BPF_MAP_LOOKUP_AND_DELETE_ELEM, ENOENT, ELEM(w->queue, NULL, value))    \
	X("lookup and delete: read-only", BPF_MAP_LOOKUP_AND_DELETE_ELEM, EPERM, ELEM(w->rdonly, &zero, value))        \
	X("lookup and delete: write-only", BPF_MAP_LOOKUP_AND_DELETE_ELEM, EPERM, ELEM(w->wronly, &zero, value))       \
	X("lookup and delete: an unknown flag", BPF_MAP_LOOKUP_AND_DELETE_ELEM, EINVAL, ELEM(w->hash, &zero, value),   \
	  .flags = 1)                                                                                                  \
	X("freeze: a closed fd", BPF_MAP_FREEZE, EBADF, .map_fd = (uint32_t)w->closed)                                 \
	X("freeze: a program", BPF_MAP_FREEZE, EINVAL, .map_fd = (uint32_t)w->prog)                                    \
	X("freeze: what is frozen", BPF_MAP_FREEZE, EPERM, .map_fd = (uint32_t)w->frozen)                              \
	X("freeze: read-only", BPF_MAP_FREEZE, EPERM, .map_fd = (uint32_t)w->rdonly)                                   \
	X("load: no instructions", BPF_PROG_LOAD, E2BIG, XDP(.insn_cnt = 0))                                           \
	X("load: nothing at all", BPF_PROG_LOAD, E2BIG, .prog_type = 0)                                                \
	X("load: no instructions, an unknown flag", BPF_PROG_LOAD, EINVAL, .prog_flags = 1u << 31)                     \
	X("load: too many instructions", BPF_PROG_LOAD, E2BIG, XDP(.insn_cnt = 1000001))                               \
	X("load: type 0", BPF_PROG_LOAD, EINVAL, XDP(.prog_type = 0))                                                  \
	X("load: a type that does not exist", BPF_PROG_LOAD, EINVAL, XDP(.prog_type = 200))                            \
	X("load: a bad instruction pointer", BPF_PROG_LOAD, EFAULT, XDP(.insns = 8))                                   \
	X("load: a bad license pointer", BPF_PROG_LOAD, EFAULT, XDP(.license = 8))                                     \
	X("load: an unknown flag", BPF_PROG_LOAD, EINVAL, XDP(.prog_flags = 1u << 30))                                 \
	X("load: a name with a dash", BPF_PROG_LOAD, EINVAL, XDP(.prog_name = "a-b"))                                  \
	X("load: a log without a size", BPF_PROG_LOAD, EINVAL, XDP(.log_buf = PTR(text), .log_level = 1))              \
	X("load: a size without a log", BPF_PROG_LOAD, EINVAL, XDP(.log_size = 4096, .log_level = 1))                  \
	X("load: a log without a level", BPF_PROG_LOAD, EINVAL, XDP(.log_buf = PTR(text), .log_size = 4096))           \
	X("load: an unknown log level", BPF_PROG_LOAD, EINVAL,                                                         \
	  XDP(.log_buf = PTR(text), .log_size = 4096, .log_level = 16))                                                \
	X("load: a bad log pointer", BPF_PROG_LOAD, EFAULT,                                                            \
	  XDP(.log_buf = 8, .log_size = 4096, .log_level = 1, .insn_cnt = 1))                                          \
	X("load: no exit", BPF_PROG_LOAD, EINVAL, XDP(.insn_cnt = 1))                                                  \
	X("load: attach_btf_id for XDP", BPF_PROG_LOAD, EINVAL, XDP(.attach_btf_id = 1))                               \
	X("load: a map that is closed", BPF_PROG_LOAD, EBADF,                                                          \
	  XDP(.insns = code(LD_MAP(1, w->closed), NOTHING), .insn_cnt = 4))                                            \
	X("load: a map that is a file", BPF_PROG_LOAD, EINVAL,                                                         \
	  XDP(.insns = code(LD_MAP(1, w->other), NOTHING), .insn_cnt = 4))                                             \
	X("load: a map that is a program", BPF_PROG_LOAD, EINVAL,                                                      \
	  XDP(.insns = code(LD_MAP(1, w->prog), NOTHING), .insn_cnt = 4))                                              \
	X("load: a helper that does not exist", BPF_PROG_LOAD, EINVAL,                                                 \
	  XDP(.insns = code(MOV_IMM(0, 0), CALL(9999), NOTHING), .insn_cnt = 4))                                       \
	X("load: a jump beyond the end", BPF_PROG_LOAD, EINVAL,                                                        \
	  XDP(.insns = code(INSN(BPF_JMP | BPF_JA, 0, 0, 9, 0), MOV_IMM(0, 0), NOTHING), .insn_cnt = 4))               \
	X("load: an opcode that does not exist", BPF_PROG_LOAD, EINVAL,                                                \
	  XDP(.insns = code(INSN(0xff, 0, 0, 0, 0), MOV_IMM(0, 0), NOTHING), .insn_cnt = 4))                           \
	X("run: a closed fd", BPF_PROG_TEST_RUN, EBADF, RUN(w->closed, FRAME))                                         \
	X("run: a map", BPF_PROG_TEST_RUN, EINVAL, RUN(w->hash, FRAME))                                                \
	X("run: a frame of 13 bytes", BPF_PROG_TEST_RUN, EINVAL,                                                       \
	  RUN(w->prog, .data_in = PTR(frame), .data_size_in = 13))                                                     \
	X("run: a bad frame pointer", BPF_PROG_TEST_RUN, EFAULT, RUN(w->prog, .data_in = 8, .data_size_in = 64))       \
	X("run: a bad result pointer", BPF_PROG_TEST_RUN, EFAULT,                                                      \
	  RUN(w->prog, FRAME, .data_out = 8, .data_size_out = 64))                                                     \
	X("run: too small a result", BPF_PROG_TEST_RUN, ENOSPC,                                                        \
	  RUN(w->prog, FRAME, .data_out = PTR(text), .data_size_out = 10))                                             \
	X("run: an unknown flag", BPF_PROG_TEST_RUN, EINVAL, RUN(w->prog, FRAME, .flags = 1u << 30))                   \
	X("run: a batch without live frames", BPF_PROG_TEST_RUN, EINVAL, RUN(w->prog, FRAME, .batch_size = 1))         \
	X("run: a context without a size", BPF_PROG_TEST_RUN, EINVAL, RUN(w->prog, FRAME, .ctx_in = PTR(value)))       \
	X("run: a size without a context", BPF_PROG_TEST_RUN, EINVAL, RUN(w->prog, FRAME, .ctx_size_in = 8))           \
	X("run: a bad context pointer", BPF_PROG_TEST_RUN, EFAULT,                                                     \
	  RUN(w->prog, FRAME, .ctx_in = 8, .ctx_size_in = 24))                                                         \
	X("run: a context that says what it may not", BPF_PROG_TEST_RUN, EINVAL,                                       \
	  RUN(w->prog, FRAME, .ctx_in = PTR(many_bytes), .ctx_size_in = 24))                                           \
	X("bind: a closed program", BPF_PROG_BIND_MAP, EBADF,                                                          \
	  .prog_bind_map = {.prog_fd = (uint32_t)w->closed, .map_fd = (uint32_t)w->hash})                              \
	X("bind: a closed map", BPF_PROG_BIND_MAP, EBADF,                                                              \
	  .prog_bind_map = {.prog_fd = (uint32_t)w->prog, .map_fd = (uint32_t)w->closed})                              \
	X("bind: a flag", BPF_PROG_BIND_MAP, EINVAL,                                                                   \
	  .prog_bind_map = {.prog_fd = (uint32_t)w->prog, .map_fd = (uint32_t)w->hash, .flags = 1})                    \
	X("next id: behind the last possible", BPF_MAP_GET_NEXT_ID, EINVAL, .start_id = INT32_MAX)                     \
	X("next id: with a flag", BPF_PROG_GET_NEXT_ID, EINVAL, .open_flags = 1)                                       \
	X("by id: none", BPF_MAP_GET_FD_BY_ID, ENOENT, .map_id = 0)                                                    \
	X("by id: unknown", BPF_PROG_GET_FD_BY_ID, ENOENT, .prog_id = 0x7ffffff0)                                      \
	X("by id: unknown BTF", BPF_BTF_GET_FD_BY_ID, ENOENT, .btf_id = 0x7ffffff0)                                    \
	X("by id: an unknown flag", BPF_MAP_GET_FD_BY_ID, EINVAL, .map_id = 1, .open_flags = 1)                        \
	X("by id: a flag for programs", BPF_PROG_GET_FD_BY_ID, EINVAL, .prog_id = 1, .open_flags = BPF_F_RDONLY)       \
	X("info: a closed fd", BPF_OBJ_GET_INFO_BY_FD, EBADFD,                                                         \
	  .info = {.bpf_fd = (uint32_t)w->closed, .info_len = 8, .info = PTR(value)})                                  \
	X("info: a file", BPF_OBJ_GET_INFO_BY_FD, EINVAL,                                                              \
	  .info = {.bpf_fd = (uint32_t)w->other, .info_len = 8, .info = PTR(value)})                                   \
	X("info: a bad pointer", BPF_OBJ_GET_INFO_BY_FD, EFAULT,                                                       \
	  .info = {.bpf_fd = (uint32_t)w->hash, .info_len = 8, .info = 8})                                             \
	X("info: bytes behind the end", BPF_OBJ_GET_INFO_BY_FD, E2BIG,                                                 \
	  .info = {.bpf_fd = (uint32_t)w->hash, .info_len = 4096, .info = PTR(many_bytes)})                            \
	X("info: more than a page", BPF_OBJ_GET_INFO_BY_FD, E2BIG,                                                     \
	  .info = {.bpf_fd = (uint32_t)w->hash, .info_len = 4097, .info = PTR(many_bytes)})                            \
	X("pin: no path", BPF_OBJ_PIN, EFAULT, .bpf_fd = (uint32_t)w->hash)                                            \
	X("pin: a closed fd without a path", BPF_OBJ_PIN, EINVAL, .bpf_fd = (uint32_t)w->closed)                       \
	X("pin: a closed fd", BPF_OBJ_PIN, EINVAL, .bpf_fd = (uint32_t)w->closed,                                      \
	  .pathname = PTR("/sys/fs/bpf/skep-no-pin"))                                                                  \
	X("pin: a file without a path", BPF_OBJ_PIN, EINVAL, .bpf_fd = (uint32_t)w->other)                             \
	X("pin: BTF without a path", BPF_OBJ_PIN, EINVAL, .bpf_fd = (uint32_t)w->btf)                                  \
	X("pin: BTF on another file system", BPF_OBJ_PIN, EINVAL, .bpf_fd = (uint32_t)w->btf,                          \
	  .pathname = PTR("/tmp/x"))                                                                                   \
	X("pin: a bad path pointer", BPF_OBJ_PIN, EFAULT, .bpf_fd = (uint32_t)w->hash, .pathname = 8)                  \
	X("pin: on another file system", BPF_OBJ_PIN, EPERM, .bpf_fd = (uint32_t)w->hash,                              \
	  .pathname = PTR("/tmp/skep-no-such-pin"))                                                                    \
	X("pin: an unknown flag", BPF_OBJ_PIN, EINVAL, .bpf_fd = (uint32_t)w->hash, .pathname = PTR("/tmp/x"),         \
	  .file_flags = 1)                                                                                             \
	X("get: no path", BPF_OBJ_GET, EFAULT, .bpf_fd = 0)                                                            \
	X("get: with an fd", BPF_OBJ_GET, EINVAL, .bpf_fd = 3, .pathname = PTR("/tmp/x"))                              \
	X("get: an unknown flag", BPF_OBJ_GET, EINVAL, .pathname = PTR("/tmp/x"), .file_flags = 1)                     \
	X("BTF: nothing", BPF_BTF_LOAD, EINVAL, .btf = PTR(btf_bytes), .btf_size = 0)                                  \
	X("BTF: cut off", BPF_BTF_LOAD, EINVAL, .btf = PTR(btf_bytes), .btf_size = btf_len - 1)                        \
	X("BTF: not BTF", BPF_BTF_LOAD, EINVAL, .btf = PTR(many_bytes), .btf_size = 64)                                \
	X("BTF: too large", BPF_BTF_LOAD, E2BIG, .btf = PTR(btf_bytes), .btf_size = 16 * 1024 * 1024 + 1)              \
	X("BTF: a bad pointer", BPF_BTF_LOAD, EFAULT, .btf = 8, .btf_size = 64)                                        \
	X("BTF: a log without a level", BPF_BTF_LOAD, EINVAL, .btf = PTR(btf_bytes), .btf_size = btf_len,              \
	  .btf_log_buf = PTR(text), .btf_log_size = 4096)                                                              \
	X("link: no program", BPF_LINK_CREATE, EBADF, .link_create = {.prog_fd = ~0u, .attach_type = BPF_XDP})         \
	X("link: a map", BPF_LINK_CREATE, EINVAL,                                                                      \
	  .link_create = {.prog_fd = (uint32_t)w->hash, .attach_type = BPF_XDP})                                       \
	X("link update: no link", BPF_LINK_UPDATE, EBADF, .link_update = {.link_fd = ~0u})                             \
	X("link update: an unknown flag", BPF_LINK_UPDATE, EINVAL, .link_update = {.flags = 1u << 30})                 \
	X("link detach: no link", BPF_LINK_DETACH, EBADF, .link_detach = {.link_fd = ~0u})                             \
	X("link detach: a map", BPF_LINK_DETACH, EINVAL, .link_detach = {.link_fd = (uint32_t)w->hash})                \
	X("a command that does not exist", 200, EINVAL, .map_fd = 0)                                                   \
	X("a negative command", -1, EINVAL, .map_fd = 0)

/* Makes call @n of the table. Return: what it returned; false: there is no such call. */
static bool call_at(const struct world *w, int n, long *ret, int *want, const char **what)
{
	int i = 0;

#define X(text_, cmd, err, ...)                                                                                        \
	if (i++ == n) {                                                                                                \
		*what = text_;                                                                                         \
		*want = -(err);                                                                                        \
		*ret = MAKE(cmd, __VA_ARGS__);                                                                         \
		return true;                                                                                           \
	}
	CALLS(X)
#undef X
	return false;
}

static void prepare(void)
{
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(pages, MAP_FAILED);
	hole = pages + 4096;
	mprotect(hole, 4096, PROT_NONE);
	memset(many_bytes, 0xff, sizeof(many_bytes));
	btf_len = raw_btf(btf_bytes, sizeof(btf_bytes));
}

/* Return: how many calls gave something else than the table says. */
static unsigned int run_table(struct world *w, const char *where)
{
	unsigned int wrong = 0;
	const char *what;
	long ret;
	int want;
	int n;

	prepare();
	make_world(w);
	for (n = 0; call_at(w, n, &ret, &want, &what); n++) {
		if (want ? ret != want : ret < 0) {
			print_error("%s: %s: %ld, not %d\n", where, what, ret, want);
			wrong++;
		}
		if (ret >= 0)
			close((int)ret);
	}
	assert_true(n > 100);
	free_world(w);
	munmap((char *)hole - 4096, 8192);
	return wrong;
}

static void bad_calls_end_with_the_error_of_the_table(void **state)
{
	struct world w = {.bpf = hive_call};

	assert_int_equal(run_table(&w, "hive"), 0);
}

static void the_table_says_what_the_kernel_says(void **state)
{
	struct world w = {.bpf = kernel_call};
	long fd = kernel_call(BPF_MAP_CREATE, &(union bpf_attr){ARRAY(.map_name = "probe")}, sizeof(union bpf_attr));

	if (fd < 0) {
		print_message("skipped: the kernel refuses bpf(2) here, so the table cannot be held against it\n");
		skip();
	}
	close((int)fd);
	assert_int_equal(run_table(&w, "kernel"), 0);
}

static void attributes_longer_than_known_must_be_zero_there(void **state)
{
	union {
		union bpf_attr attr;
		uint8_t bytes[4200];
	} a = {.attr = {ARRAY(.map_extra = 0)}};
	int fd = skep_bpf(hive, BPF_MAP_CREATE, &a.attr, 4096);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(skep_bpf(hive, BPF_MAP_CREATE, &a.attr, 4097), -E2BIG);
	a.bytes[4095] = 1;
	assert_int_equal(skep_bpf(hive, BPF_MAP_CREATE, &a.attr, 4096), -E2BIG);
	a.bytes[4095] = 0;
	a.bytes[sizeof(union bpf_attr)] = 1;
	assert_int_equal(skep_bpf(hive, BPF_MAP_CREATE, &a.attr, sizeof(union bpf_attr) + 1), -E2BIG);
	/* They are checked before the command is. */
	assert_int_equal(skep_bpf(hive, 200, &a.attr, sizeof(union bpf_attr) + 1), -E2BIG);
}

static void attributes_that_are_cut_short_are_zero_there(void **state)
{
	union bpf_attr attr = {ARRAY(.map_name = "x")};
	int fd;

	fd = skep_bpf(hive, BPF_MAP_CREATE, &attr, offsetof(union bpf_attr, map_flags));
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(skep_bpf(hive, BPF_MAP_CREATE, &attr, offsetof(union bpf_attr, max_entries)), -EINVAL);
	assert_int_equal(skep_bpf(hive, BPF_MAP_CREATE, &attr, 0), -EINVAL);
}

static void bytes_behind_a_commands_last_field_are_refused(void **state)
{
	static const struct {
		int cmd;
		size_t end;
	} ends[] = {
		{BPF_MAP_FREEZE, offsetof(union bpf_attr, map_fd) + 4},
		{BPF_MAP_DELETE_ELEM, offsetof(union bpf_attr, key) + 8},
		{BPF_MAP_GET_NEXT_KEY, offsetof(union bpf_attr, next_key) + 8},
		{BPF_OBJ_GET_INFO_BY_FD, offsetof(union bpf_attr, info.info) + 8},
		{BPF_MAP_GET_NEXT_ID, offsetof(union bpf_attr, open_flags) + 4},
		{BPF_LINK_DETACH, offsetof(union bpf_attr, link_detach.link_fd) + 4},
		{BPF_PROG_BIND_MAP, offsetof(union bpf_attr, prog_bind_map.flags) + 4},
	};

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		union {
			union bpf_attr attr;
			uint8_t bytes[sizeof(union bpf_attr)];
		} a;

		memset(&a, 0, sizeof(a));
		a.bytes[ends[i].end] = 1;
		assert_int_equal(skep_bpf(hive, ends[i].cmd, &a.attr, sizeof(a)), -EINVAL);
	}
}

static void bad_attribute_pointers_are_efault(void **state)
{
	prepare();
	assert_int_equal(skep_bpf(hive, BPF_MAP_CREATE, NULL, sizeof(union bpf_attr)), -EFAULT);
	assert_int_equal(skep_bpf(hive, BPF_MAP_CREATE, BAD, sizeof(union bpf_attr)), -EFAULT);
	assert_int_equal(skep_bpf(hive, BPF_MAP_CREATE, hole, sizeof(union bpf_attr)), -EFAULT);
	/* The tail alone is behind a hole. */
	assert_int_equal(skep_bpf(hive, BPF_MAP_CREATE, (void *)((char *)hole - sizeof(union bpf_attr)), 1024),
			 -EFAULT);
	munmap((char *)hole - 4096, 8192);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HIVE_TEST(bad_calls_end_with_the_error_of_the_table),
		HIVE_TEST(the_table_says_what_the_kernel_says),
		HIVE_TEST(attributes_longer_than_known_must_be_zero_there),
		HIVE_TEST(attributes_that_are_cut_short_are_zero_there),
		HIVE_TEST(bytes_behind_a_commands_last_field_are_refused),
		HIVE_TEST(bad_attribute_pointers_are_efault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
