/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skep's maps and the kernel's, side by side: the same attributes and the same random operations, bad flags and bad
 * keys among them, must give the same results, errors and values. Not compared: the order of iteration (the set of
 * keys is), LRU victims (LRU maps are not filled here), and what BPF_F_LOCK does with a lock (that needs BTF).
 *
 * Exits 77 where bpf(2) is refused. Arguments: [seed [steps]].
 */
#include "util.h"

#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint64_t seed = 1;
static uint32_t steps = 4000;
static uint32_t n_cpus;

static int kernel_bpf(int cmd, union bpf_attr *attr)
{
	long r = syscall(SYS_bpf, cmd, attr, sizeof(*attr));

	return r < 0 ? -errno : (int)r;
}

static int kernel_create(const struct map_attr *a, int inner_fd)
{
	union bpf_attr attr = {.map_type = a->type,
			       .key_size = a->key_size,
			       .value_size = a->value_size,
			       .max_entries = a->max_entries,
			       .map_flags = a->flags,
			       .inner_map_fd = (uint32_t)inner_fd,
			       .map_extra = a->extra};

	memcpy(attr.map_name, a->name, sizeof(a->name));
	return kernel_bpf(BPF_MAP_CREATE, &attr);
}

static int kernel_elem(int cmd, int fd, const void *key, void *value, uint64_t flags)
{
	union bpf_attr attr = {.map_fd = (uint32_t)fd, .key = (uint64_t)(uintptr_t)key, .flags = flags};

	attr.value = (uint64_t)(uintptr_t)value;
	return kernel_bpf(cmd, &attr);
}

static uint32_t kernel_info_id(int fd)
{
	/* id is the second word of struct bpf_map_info and of struct bpf_prog_info. */
	uint32_t info[64] = {0};
	union bpf_attr attr = {.info = {.bpf_fd = (uint32_t)fd, .info_len = sizeof(info)}};

	attr.info.info = (uint64_t)(uintptr_t)info;
	assert_int_equal(kernel_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr), 0);
	return info[1];
}

static uint32_t possible_cpus(void)
{
	unsigned first = 0, last = 0;
	FILE *f = fopen("/sys/devices/system/cpu/possible", "r");
	int n;

	assert_non_null(f);
	n = fscanf(f, "%u-%u", &first, &last);
	fclose(f);
	return n == 2 ? last + 1 : 1;
}

/* Creation. */

static struct skep_map *inner_skep;
static int inner_kernel;

static void compare_creation(struct map_attr a)
{
	bool of_maps = a.type == BPF_MAP_TYPE_ARRAY_OF_MAPS || a.type == BPF_MAP_TYPE_HASH_OF_MAPS;
	struct skep_map *map = NULL;
	int kernel, skep;

	a.n_cpus = n_cpus;
	a.inner = of_maps ? inner_skep : NULL;
	kernel = kernel_create(&a, of_maps ? inner_kernel : 0);
	skep = map_create(&a, &map);
	if ((kernel < 0 ? kernel : 0) != skep)
		fail_msg("type %s key %u value %u entries %u flags %#x extra %llu name '%.16s': kernel %d, skep %d",
			 map_type_find(a.type) ? map_type_find(a.type)->name : "?", a.key_size, a.value_size,
			 a.max_entries, a.flags, (unsigned long long)a.extra, a.name, kernel, skep);
	if (kernel >= 0) {
		/* What bpf_map_info would say. */
		uint32_t info[64] = {0};
		union bpf_attr attr = {.info = {.bpf_fd = (uint32_t)kernel, .info_len = sizeof(info)}};

		attr.info.info = (uint64_t)(uintptr_t)info;
		assert_int_equal(kernel_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr), 0);
		assert_int_equal(info[4], map->max_entries);
		assert_int_equal(info[5], map->flags);
		close(kernel);
	}
	map_destroy(map);
}

#define PICK(array) array[splitmix64(&r) % ARRAY_SIZE(array)]

static void creation_succeeds_and_fails_as_in_the_kernel(void **state)
{
	static const uint32_t sizes[] = {0, 1,  3,  4,   4,   4,   4,   5,    7,     8,
					 8, 16, 20, 260, 261, 512, 513, 4096, 32768, 32769};
	static const uint32_t entries[] = {0, 1, 2, 3, 7, 100, 1000, 4096, 8192, 12288, 65536};
	uint64_t r = seed;

	for (uint32_t i = 0; i < steps; i++) {
		struct map_attr a = {.type = 1 + (uint32_t)(splitmix64(&r) % map_types_n), .key_size = PICK(sizes)};

		if (!map_type_find(a.type)->ops)
			continue;
		a.value_size = PICK(sizes);
		a.max_entries = PICK(entries);
		if ((uint64_t)a.value_size * a.max_entries > 16 << 20)
			continue;
		if ((a.type == BPF_MAP_TYPE_QUEUE || a.type == BPF_MAP_TYPE_STACK ||
		     a.type == BPF_MAP_TYPE_BLOOM_FILTER) &&
		    splitmix64(&r) % 2)
			a.key_size = 0;
		if (a.type == BPF_MAP_TYPE_STACK_TRACE && splitmix64(&r) % 2)
			a.value_size = 8 * (uint32_t)(splitmix64(&r) % (splitmix64(&r) % 2 ? 130 : 520));
		if (a.type == BPF_MAP_TYPE_RINGBUF && splitmix64(&r) % 2)
			a.key_size = a.value_size = 0;
		if (splitmix64(&r) % 2)
			a.flags = 1u << splitmix64(&r) % 14;
		if (splitmix64(&r) % 4 == 0)
			a.flags |= 1u << splitmix64(&r) % 14;
		if (a.type == BPF_MAP_TYPE_LPM_TRIE && splitmix64(&r) % 4)
			a.flags |= BPF_F_NO_PREALLOC;
		if (splitmix64(&r) % 50 == 0)
			a.extra = 1;
		if (a.type == BPF_MAP_TYPE_BLOOM_FILTER && splitmix64(&r) % 2)
			a.extra = splitmix64(&r) % 20;
		if (splitmix64(&r) % 50 == 0)
			strcpy(a.name, splitmix64(&r) % 2 ? "a_name.2" : "not/a/name");
		/* In the kernel this one asks for an fd or BTF that is not given here. */
		if (a.type == BPF_MAP_TYPE_CPUMAP && a.max_entries > 100)
			continue; /* the limit is the kernel's CONFIG_NR_CPUS */
		a.flags &= ~(uint32_t)BPF_F_CLONE;
		compare_creation(a);
	}
}

static void sizes_beyond_the_limits_fail_as_in_the_kernel(void **state)
{
	static const struct map_attr cases[] = {
		{.type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 0x80000000u, .max_entries = 1},
		{.type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 0x7fffffffu, .max_entries = 0x7fffffffu},
		{.type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 0xffffffffu},
		{.type = BPF_MAP_TYPE_PERCPU_ARRAY, .key_size = 4, .value_size = 0xffffffffu, .max_entries = 1},
		{.type = BPF_MAP_TYPE_PERCPU_ARRAY, .key_size = 4, .value_size = 32768, .max_entries = 1},
		{.type = BPF_MAP_TYPE_PERCPU_ARRAY, .key_size = 4, .value_size = 32769, .max_entries = 1},
		{.type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 4 << 20, .max_entries = 1},
		{.type = BPF_MAP_TYPE_HASH, .key_size = 8, .value_size = (4 << 20) - 48 - 8 - 1, .max_entries = 1},
		{.type = BPF_MAP_TYPE_HASH, .key_size = 8, .value_size = (4 << 20) - 48 - 8, .max_entries = 1},
		{.type = BPF_MAP_TYPE_HASH, .key_size = 0xfffffff0u, .value_size = 0x20, .max_entries = 1},
		{.type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 8, .max_entries = (1u << 27) + 1},
		{.type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 8, .max_entries = 0x80000001u},
		{.type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 8, .max_entries = 0xffffffffu},
		{.type = BPF_MAP_TYPE_LRU_HASH, .key_size = 4, .value_size = 8, .max_entries = 0xffffffffu},
		{.type = BPF_MAP_TYPE_LRU_HASH,
		 .key_size = 4,
		 .value_size = 8,
		 .max_entries = 0xffffffffu,
		 .flags = BPF_F_NO_COMMON_LRU},
		{.type = BPF_MAP_TYPE_LRU_HASH,
		 .key_size = 4,
		 .value_size = 8,
		 .max_entries = 101,
		 .flags = BPF_F_NO_COMMON_LRU},
		{.type = BPF_MAP_TYPE_PERCPU_HASH, .key_size = 4, .value_size = 32769, .max_entries = 1},
		{.type = BPF_MAP_TYPE_PERCPU_HASH, .key_size = 4, .value_size = 32768, .max_entries = 4},
		{.type = BPF_MAP_TYPE_LPM_TRIE,
		 .key_size = 8,
		 .value_size = (4 << 20) - 256 - 25,
		 .max_entries = 1,
		 .flags = BPF_F_NO_PREALLOC},
		{.type = BPF_MAP_TYPE_LPM_TRIE,
		 .key_size = 8,
		 .value_size = (4 << 20) - 256 - 24,
		 .max_entries = 1,
		 .flags = BPF_F_NO_PREALLOC},
		{.type = BPF_MAP_TYPE_LPM_TRIE,
		 .key_size = 8,
		 .value_size = (4 << 20) - 256 - 23,
		 .max_entries = 1,
		 .flags = BPF_F_NO_PREALLOC},
		{.type = BPF_MAP_TYPE_DEVMAP_HASH, .key_size = 4, .value_size = 8, .max_entries = 0x80000001u},
		{.type = BPF_MAP_TYPE_CPUMAP, .key_size = 4, .value_size = 4, .max_entries = 1u << 20},
		{.type = BPF_MAP_TYPE_QUEUE, .value_size = 4 << 20, .max_entries = 1},
		{.type = BPF_MAP_TYPE_STACK, .value_size = (4 << 20) + 1, .max_entries = 1},
		{.type = BPF_MAP_TYPE_BLOOM_FILTER, .value_size = 4 << 20, .max_entries = 1},
		{.type = BPF_MAP_TYPE_BLOOM_FILTER, .value_size = (4 << 20) + 1, .max_entries = 1},
		{.type = BPF_MAP_TYPE_BLOOM_FILTER, .key_size = 4, .value_size = (4 << 20) + 1, .max_entries = 1},
		{.type = BPF_MAP_TYPE_BLOOM_FILTER, .value_size = 4, .max_entries = 1, .extra = 15},
		{.type = BPF_MAP_TYPE_BLOOM_FILTER, .value_size = 4, .max_entries = 1, .extra = 16},
		{.type = BPF_MAP_TYPE_BLOOM_FILTER, .value_size = 4, .max_entries = 1, .extra = 1ull << 32},
		{.type = BPF_MAP_TYPE_STACK_TRACE, .key_size = 4, .value_size = 127 * 8, .max_entries = 1},
		{.type = BPF_MAP_TYPE_STACK_TRACE, .key_size = 4, .value_size = 128 * 8, .max_entries = 1},
		{.type = BPF_MAP_TYPE_STACK_TRACE, .key_size = 4, .value_size = 8, .max_entries = 0x80000001u},
		{.type = BPF_MAP_TYPE_STACK_TRACE,
		 .key_size = 4,
		 .value_size = 127 * 32,
		 .max_entries = 3,
		 .flags = BPF_F_STACK_BUILD_ID},
		{.type = BPF_MAP_TYPE_STACK_TRACE,
		 .key_size = 4,
		 .value_size = 128 * 32,
		 .max_entries = 3,
		 .flags = BPF_F_STACK_BUILD_ID},
		{.type = BPF_MAP_TYPE_STACK_TRACE,
		 .key_size = 4,
		 .value_size = 40,
		 .max_entries = 3,
		 .flags = BPF_F_STACK_BUILD_ID},
		{.type = BPF_MAP_TYPE_RINGBUF, .max_entries = 4095},
		{.type = BPF_MAP_TYPE_RINGBUF, .max_entries = 2048},
		{.type = BPF_MAP_TYPE_RINGBUF, .max_entries = 3 * 4096},
		{.type = 0},
		{.type = 1000},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		compare_creation(cases[i]);
}

static void the_rows_of_the_table_stand_at_their_numbers(void **state)
{
	for (uint32_t i = 0; i < map_types_n; i++) {
		assert_int_equal(map_types[i].type, i + 1);
		assert_ptr_equal(map_type_find(i + 1), &map_types[i]);
	}
	assert_null(map_type_find(0));
	assert_null(map_type_find(map_types_n + 1));
}

/* Operations. */

enum { MAX_KEY = 264, MAX_VALUE = 4096 };

struct pair {
	struct skep_map *skep;
	int kernel;
	uint32_t key_size, value_bytes;
	uint32_t keys; /* distinct keys in play */
	const int *object_fds; /* for maps of objects */
	void *const *objects;
	uint32_t n_objects;
	bool lpm;
};

static struct pair pair_open(struct map_attr a, uint32_t keys)
{
	bool of_maps = a.type == BPF_MAP_TYPE_ARRAY_OF_MAPS || a.type == BPF_MAP_TYPE_HASH_OF_MAPS;
	struct pair p = {.key_size = a.key_size, .keys = keys, .lpm = a.type == BPF_MAP_TYPE_LPM_TRIE};

	a.n_cpus = n_cpus;
	a.seed = seed;
	a.inner = of_maps ? inner_skep : NULL;
	p.kernel = kernel_create(&a, of_maps ? inner_kernel : 0);
	assert_true(p.kernel >= 0);
	assert_int_equal(map_create(&a, &p.skep), 0);
	p.value_bytes = map_user_value_size(p.skep);
	assert_true(p.value_bytes <= MAX_VALUE && a.key_size <= MAX_KEY);
	return p;
}

static void nothing(void *arg, void *obj)
{
}

static void pair_close(struct pair *p)
{
	map_take_objects(p->skep, nothing, NULL);
	map_destroy(p->skep);
	close(p->kernel);
}

static void random_key(const struct pair *p, uint64_t *r, uint8_t *key)
{
	uint32_t k = (uint32_t)(splitmix64(r) % p->keys);

	memset(key, 0, p->key_size);
	if (p->lpm) {
		/* Few bits differ, so prefixes nest; now and then one is longer than the key. */
		uint32_t len = (uint32_t)(splitmix64(r) % ((p->key_size - 4) * 8 + 3));

		memcpy(key, &len, 4);
		for (uint32_t i = 4; i < p->key_size; i++)
			key[i] = (uint8_t)(splitmix64(r) & splitmix64(r) & splitmix64(r) & 0x91);
		return;
	}
	if (p->key_size < 4) {
		memcpy(key, &k, p->key_size);
		return;
	}
	memcpy(key, &k, 4);
	for (uint32_t i = 4; i < p->key_size; i++)
		key[i] = (uint8_t)(k * 7 + i);
}

static uint64_t random_flags(uint64_t *r)
{
	static const uint64_t odd[] = {3, 4, 5, 6, 8, 16, 1ull << 32, 1ull << 63, ~0ull};

	switch (splitmix64(r) % 8) {
	case 0:
		return BPF_NOEXIST;
	case 1:
		return BPF_EXIST;
	case 2:
		return odd[splitmix64(r) % ARRAY_SIZE(odd)];
	default:
		return BPF_ANY;
	}
}

static int compare_keys(const void *a, const void *b, void *size)
{
	return memcmp(a, b, *(uint32_t *)size);
}

/* same_keys - both maps walk over the same set of keys, each once. */
static void same_keys(const struct pair *p)
{
	uint32_t n[2] = {0, 0}, cap = 20000, size = p->key_size;
	uint8_t *keys[2];

	for (int side = 0; side < 2; side++) {
		uint8_t *prev = NULL;
		int err = 0;

		keys[side] = malloc((size_t)cap * size);
		for (; n[side] < cap; n[side]++) {
			uint8_t *next = keys[side] + (size_t)n[side] * size;

			err = side ? map_user_next_key(p->skep, prev, next)
				   : kernel_elem(BPF_MAP_GET_NEXT_KEY, p->kernel, prev, next, 0);
			if (err)
				break;
			prev = next;
		}
		assert_int_equal(err, -ENOENT);
		qsort_r(keys[side], n[side], size, compare_keys, &size);
	}
	assert_int_equal(n[0], n[1]);
	assert_memory_equal(keys[0], keys[1], (size_t)n[0] * size);
	free(keys[0]);
	free(keys[1]);
}

static int skep_update(const struct pair *p, const uint8_t *key, const uint8_t *value, uint64_t flags, uint32_t object)
{
	uint32_t type = p->skep->type->type;
	void *old;

	if (!p->skep->type->objects)
		return map_user_update(p->skep, key, value, flags);
	if (type == BPF_MAP_TYPE_DEVMAP || type == BPF_MAP_TYPE_DEVMAP_HASH || type == BPF_MAP_TYPE_CPUMAP)
		return map_set_object(p->skep, key, 0, NULL, value, flags, &old);
	return map_set_object(p->skep, key,
			      type == BPF_MAP_TYPE_PERF_EVENT_ARRAY || type == BPF_MAP_TYPE_CGROUP_ARRAY
				      ? object + 1
				      : kernel_info_id(p->object_fds[object]),
			      p->objects[object], NULL, flags, &old);
}

static void random_value(const struct pair *p, uint64_t *r, uint8_t *value, uint32_t object)
{
	uint32_t type = p->skep->type->type, first = 0;
	int32_t second = 0;

	for (uint32_t i = 0; i < p->value_bytes; i++)
		value[i] = (uint8_t)splitmix64(r);
	if (!p->skep->type->objects)
		return;
	if (p->n_objects) {
		memcpy(value, &p->object_fds[object], 4);
		return;
	}
	if (type == BPF_MAP_TYPE_CPUMAP)
		first = (uint32_t[]){0, 1, 64, 16384, 16385}[splitmix64(r) % 5];
	else
		first = splitmix64(r) % 4 != 0; /* the loopback interface, or none */
	if (!first && type != BPF_MAP_TYPE_CPUMAP && splitmix64(r) % 4 == 0)
		second = 1;
	memcpy(value, &first, 4);
	if (p->value_bytes == 8)
		memcpy(value + 4, &second, 4);
}

/* run - the same random operations on both. */
static void run(struct pair *p)
{
	static const char *const names[] = {"lookup", "update", "update", "delete", "lookup_and_delete", "next_key"};
	bool iterates_in_order =
		!p->lpm && p->skep->type->type != BPF_MAP_TYPE_HASH && strstr(p->skep->type->name, "hash") == NULL;
	uint64_t r = seed ^ p->skep->type->type << 20 ^ p->key_size;
	/* Each change of a map of maps waits for a grace period in the kernel. */
	bool of_maps =
		p->skep->type->type == BPF_MAP_TYPE_ARRAY_OF_MAPS || p->skep->type->type == BPF_MAP_TYPE_HASH_OF_MAPS;

	for (uint32_t i = 0; i < (of_maps ? steps / 4 : steps); i++) {
		uint8_t key[MAX_KEY], value[2][MAX_VALUE], next[2][MAX_KEY];
		uint32_t op = (uint32_t)(splitmix64(&r) % 6);
		uint32_t object = p->n_objects ? (uint32_t)(splitmix64(&r) % p->n_objects) : 0;
		uint64_t flags = random_flags(&r);
		int err[2] = {0, 0}, cmp = 0;
		void *old;

		random_key(p, &r, key);
		memset(value, 0xee, sizeof(value));
		memset(next, 0xee, sizeof(next));
		switch (op) {
		case 0:
			flags = splitmix64(&r) % 4 ? 0 : flags;
			err[0] = kernel_elem(BPF_MAP_LOOKUP_ELEM, p->kernel, key, value[0], flags);
			err[1] = map_user_lookup(p->skep, key, value[1], flags);
			break;
		case 1:
		case 2:
			random_value(p, &r, value[0], object);
			memcpy(value[1], value[0], p->value_bytes);
			err[0] = kernel_elem(BPF_MAP_UPDATE_ELEM, p->kernel, key, value[0], flags);
			err[1] = skep_update(p, key, value[1], flags, object);
			break;
		case 3:
			err[0] = kernel_elem(BPF_MAP_DELETE_ELEM, p->kernel, key, NULL, 0);
			err[1] = map_user_delete(p->skep, key, &old);
			break;
		case 4:
			if (splitmix64(&r) % 2)
				continue;
			flags = splitmix64(&r) % 4 ? 0 : flags;
			err[0] = kernel_elem(BPF_MAP_LOOKUP_AND_DELETE_ELEM, p->kernel, key, value[0], flags);
			err[1] = map_user_lookup_and_delete(p->skep, key, value[1], flags);
			break;
		case 5:
			/* Where the order is free, only an absent key says the same on both: start again. */
			if (!iterates_in_order &&
			    kernel_elem(BPF_MAP_LOOKUP_ELEM, p->kernel, key, value[0], 0) != -ENOENT)
				continue;
			if (p->lpm)
				continue; /* a lookup does not tell whether the very prefix is there; see same_keys() */
			memset(value, 0, sizeof(value));
			err[0] = kernel_elem(BPF_MAP_GET_NEXT_KEY, p->kernel, key, next[0], 0);
			err[1] = map_user_next_key(p->skep, key, next[1]);
			if (iterates_in_order)
				cmp = memcmp(next[0], next[1], p->key_size);
			break;
		}
		if (!cmp)
			cmp = memcmp(value[0], value[1], p->value_bytes);
		if (err[0] != err[1] || cmp)
			fail_msg("%s (key size %u): step %u: %s of key %u... flags %#llx: kernel %d, skep %d%s",
				 p->skep->type->name, p->key_size, i, names[op], *(uint32_t *)(void *)key,
				 (unsigned long long)flags, err[0], err[1], cmp ? ", other bytes" : "");
		if (i % 500 == 499 && p->skep->type->ops && !(p->skep->flags & BPF_F_WRONLY))
			same_keys(p);
	}
	pair_close(p);
}

static void run_values(uint32_t type, uint32_t key_size, uint32_t value_size, uint32_t max_entries, uint32_t flags,
		       uint32_t keys)
{
	struct pair p = pair_open((struct map_attr){.type = type,
						    .key_size = key_size,
						    .value_size = value_size,
						    .max_entries = max_entries,
						    .flags = flags},
				  keys);

	run(&p);
}

static void arrays_agree(void **state)
{
	run_values(BPF_MAP_TYPE_ARRAY, 4, 8, 16, 0, 20);
	run_values(BPF_MAP_TYPE_ARRAY, 4, 13, 5, 0, 7);
	run_values(BPF_MAP_TYPE_ARRAY, 4, 1, 1, BPF_F_MMAPABLE, 3);
	run_values(BPF_MAP_TYPE_ARRAY, 4, 100, 33, BPF_F_RDONLY_PROG, 40);
}

static void percpu_arrays_agree(void **state)
{
	run_values(BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 16, 0, 20);
	run_values(BPF_MAP_TYPE_PERCPU_ARRAY, 4, 13, 5, 0, 7);
}

static void hashes_agree(void **state)
{
	static const uint32_t key_sizes[] = {1, 2, 3, 4, 5, 8, 12, 16, 17, 33, 64};

	for (size_t i = 0; i < ARRAY_SIZE(key_sizes); i++) {
		run_values(BPF_MAP_TYPE_HASH, key_sizes[i], 8, 32, 0, 50);
		run_values(BPF_MAP_TYPE_HASH, key_sizes[i], 5, 1, BPF_F_NO_PREALLOC, 3);
	}
	run_values(BPF_MAP_TYPE_HASH, 4, 200, 100, BPF_F_NO_PREALLOC, 130);
	run_values(BPF_MAP_TYPE_HASH, 8, 64, 1000, BPF_F_ZERO_SEED, 1100);
}

static void percpu_hashes_agree(void **state)
{
	run_values(BPF_MAP_TYPE_PERCPU_HASH, 4, 8, 32, 0, 50);
	run_values(BPF_MAP_TYPE_PERCPU_HASH, 7, 13, 20, BPF_F_NO_PREALLOC, 30);
	run_values(BPF_MAP_TYPE_PERCPU_HASH, 16, 1, 20, 0, 30);
}

static void lru_hashes_that_are_not_full_agree(void **state)
{
	run_values(BPF_MAP_TYPE_LRU_HASH, 4, 8, 4096, 0, 100);
	run_values(BPF_MAP_TYPE_LRU_HASH, 16, 20, 4095, BPF_F_NO_COMMON_LRU, 100);
	run_values(BPF_MAP_TYPE_LRU_PERCPU_HASH, 8, 9, 4096, 0, 100);
}

static void lpm_tries_agree(void **state)
{
	static const uint32_t data_sizes[] = {1, 2, 3, 4, 8, 9, 16, 32};

	for (size_t i = 0; i < ARRAY_SIZE(data_sizes); i++) {
		run_values(BPF_MAP_TYPE_LPM_TRIE, 4 + data_sizes[i], 8, 500, BPF_F_NO_PREALLOC, 1);
		run_values(BPF_MAP_TYPE_LPM_TRIE, 4 + data_sizes[i], 3, 9, BPF_F_NO_PREALLOC, 1);
		run_values(BPF_MAP_TYPE_LPM_TRIE, 4 + data_sizes[i], 4, 1, BPF_F_NO_PREALLOC, 1);
	}
}

static void run_objects(uint32_t type, const int *fds, void *const *objects, uint32_t n)
{
	struct pair p =
		pair_open((struct map_attr){.type = type, .key_size = 4, .value_size = 4, .max_entries = 8}, 11);

	p.object_fds = fds;
	p.objects = objects;
	p.n_objects = n;
	run(&p);
}

static void program_arrays_agree(void **state)
{
	struct bpf_insn insns[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1}, {.code = BPF_JMP | BPF_EXIT}};
	union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER, .insn_cnt = 2};
	int fds[2];

	attr.insns = (uint64_t)(uintptr_t)insns;
	attr.license = (uint64_t)(uintptr_t) "BSD";
	for (int i = 0; i < 2; i++) {
		fds[i] = kernel_bpf(BPF_PROG_LOAD, &attr);
		assert_true(fds[i] >= 0);
	}
	run_objects(BPF_MAP_TYPE_PROG_ARRAY, fds, (void *[]){&fds[0], &fds[1]}, 2);
	close(fds[0]);
	close(fds[1]);
}

static void maps_of_maps_agree(void **state)
{
	struct map_attr a = {.type = BPF_MAP_TYPE_HASH, .key_size = 8, .value_size = 8, .max_entries = 4};
	struct skep_map *more[3];
	int fds[4] = {inner_kernel};
	void *objects[4] = {inner_skep};

	/* Another of the template's shape, one with more entries, one of another type. */
	a.n_cpus = n_cpus;
	for (int i = 0; i < 3; i++) {
		if (i == 1)
			a.max_entries = 9;
		if (i == 2)
			a.type = BPF_MAP_TYPE_LRU_HASH;
		assert_int_equal(map_create(&a, &more[i]), 0);
		objects[i + 1] = more[i];
		fds[i + 1] = kernel_create(&a, 0);
		assert_true(fds[i + 1] >= 0);
	}
	run_objects(BPF_MAP_TYPE_ARRAY_OF_MAPS, fds, objects, 4);
	run_objects(BPF_MAP_TYPE_HASH_OF_MAPS, fds, objects, 4);
	for (int i = 0; i < 3; i++) {
		map_destroy(more[i]);
		close(fds[i + 1]);
	}
}

static void inner_arrays_must_fit_as_in_the_kernel(void **state)
{
	static const struct {
		uint32_t type, max_entries, flags;
	} shapes[] = {
		{BPF_MAP_TYPE_ARRAY, 4, 0},
		{BPF_MAP_TYPE_ARRAY, 5, 0},
		{BPF_MAP_TYPE_ARRAY, 4, BPF_F_INNER_MAP},
		{BPF_MAP_TYPE_ARRAY, 5, BPF_F_INNER_MAP},
		{BPF_MAP_TYPE_PERCPU_ARRAY, 4, 0},
		{BPF_MAP_TYPE_PERCPU_ARRAY, 5, 0},
		{BPF_MAP_TYPE_PROG_ARRAY, 4, 0},
		{BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, 0},
		{BPF_MAP_TYPE_PERF_EVENT_ARRAY, 5, 0},
		{BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 0},
		{BPF_MAP_TYPE_XSKMAP, 4, 0},
		{BPF_MAP_TYPE_XSKMAP, 5, 0},
		{BPF_MAP_TYPE_DEVMAP, 4, 0},
		{BPF_MAP_TYPE_DEVMAP, 5, 0},
		{BPF_MAP_TYPE_CGROUP_ARRAY, 4, 0},
		{BPF_MAP_TYPE_CPUMAP, 2, 0},
	};
	struct skep_map *skep[ARRAY_SIZE(shapes)];
	int kernel[ARRAY_SIZE(shapes)];

	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		struct map_attr a = {.type = shapes[i].type,
				     .key_size = 4,
				     .value_size = 4,
				     .max_entries = shapes[i].max_entries,
				     .flags = shapes[i].flags,
				     .n_cpus = n_cpus,
				     .inner = inner_skep};

		kernel[i] = kernel_create(&a, inner_kernel);
		assert_true(kernel[i] >= 0);
		assert_int_equal(map_create(&a, &skep[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		struct map_attr a = {.type = BPF_MAP_TYPE_ARRAY_OF_MAPS,
				     .key_size = 4,
				     .value_size = 4,
				     .max_entries = 1,
				     .n_cpus = n_cpus,
				     .inner = skep[i]};
		struct skep_map *outer = NULL;
		int outer_kernel = kernel_create(&a, kernel[i]), key = 0;
		int err = map_create(&a, &outer);

		if ((outer_kernel < 0 ? outer_kernel : 0) != err)
			fail_msg("outer of shape %zu: kernel %d, skep %d", i, outer_kernel, err);
		for (size_t j = 0; !err && j < ARRAY_SIZE(shapes); j++) {
			void *old;
			int want = kernel_elem(BPF_MAP_UPDATE_ELEM, outer_kernel, &key, &kernel[j], 0);
			int got = map_set_object(outer, &key, 1, skep[j], NULL, 0, &old);

			if (want != got)
				fail_msg("shape %zu into outer of shape %zu: kernel %d, skep %d", j, i, want, got);
		}
		if (outer)
			map_take_objects(outer, nothing, NULL);
		map_destroy(outer);
		if (outer_kernel >= 0)
			close(outer_kernel);
	}
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		map_destroy(skep[i]);
		close(kernel[i]);
	}
}

static void perf_event_and_cgroup_arrays_agree(void **state)
{
	struct perf_event_attr pe = {.type = PERF_TYPE_SOFTWARE,
				     .size = sizeof(pe),
				     .config = PERF_COUNT_SW_BPF_OUTPUT,
				     .sample_type = PERF_SAMPLE_RAW};
	int fd = (int)syscall(SYS_perf_event_open, &pe, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd >= 0) {
		/* The kernel drops events that were set through an fd of the map when that fd is closed: at the end. */
		run_objects(BPF_MAP_TYPE_PERF_EVENT_ARRAY, &fd, (void *[]){&fd}, 1);
		close(fd);
	} else {
		print_message("no perf events here: PERF_EVENT_ARRAY left out\n");
	}
	/* cgroup2 stands there, or beside the older ones. */
	fd = open("/sys/fs/cgroup/unified", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		fd = open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		struct map_attr a = {
			.type = BPF_MAP_TYPE_CGROUP_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
		int probe = kernel_create(&a, 0), zero = 0;

		if (!kernel_elem(BPF_MAP_UPDATE_ELEM, probe, &zero, &fd, 0))
			run_objects(BPF_MAP_TYPE_CGROUP_ARRAY, &fd, (void *[]){&fd}, 1);
		else
			print_message("no cgroup2 at /sys/fs/cgroup: CGROUP_ARRAY left out\n");
		close(probe);
		close(fd);
	}
}

static void device_and_cpu_maps_agree(void **state)
{
	for (uint32_t value_size = 4; value_size <= 8; value_size += 4) {
		run_values(BPF_MAP_TYPE_DEVMAP, 4, value_size, 8, 0, 11);
		run_values(BPF_MAP_TYPE_DEVMAP_HASH, 4, value_size, 8, 0, 16);
		run_values(BPF_MAP_TYPE_CPUMAP, 4, value_size, 8, 0, 11);
	}
}

static void queues_and_stacks_agree(void **state)
{
	for (uint32_t type = BPF_MAP_TYPE_QUEUE; type <= BPF_MAP_TYPE_STACK; type++)
		for (uint32_t n = 1; n < 12; n += 5) {
			struct pair p = pair_open(
				(struct map_attr){.type = type, .value_size = 2 + 5 * n, .max_entries = n}, 1);
			uint64_t r = seed + n;

			for (uint32_t i = 0; i < steps; i++) {
				uint8_t value[2][MAX_VALUE];
				uint64_t flags = random_flags(&r);
				uint32_t op = (uint32_t)(splitmix64(&r) % 8);
				int err[2];
				void *old;

				memset(value, 0xee, sizeof(value));
				if (op < 4) {
					for (uint32_t b = 0; b < p.value_bytes; b++)
						value[0][b] = value[1][b] = (uint8_t)splitmix64(&r);
					err[0] = kernel_elem(BPF_MAP_UPDATE_ELEM, p.kernel, NULL, value[0], flags);
					err[1] = map_user_update(p.skep, NULL, value[1], flags);
				} else if (op < 6) {
					flags = splitmix64(&r) % 8 ? 0 : flags;
					err[0] = kernel_elem(BPF_MAP_LOOKUP_AND_DELETE_ELEM, p.kernel, NULL, value[0],
							     flags);
					err[1] = map_user_lookup_and_delete(p.skep, NULL, value[1], flags);
				} else if (op == 6) {
					flags = splitmix64(&r) % 8 ? 0 : flags;
					err[0] = kernel_elem(BPF_MAP_LOOKUP_ELEM, p.kernel, NULL, value[0], flags);
					err[1] = map_user_lookup(p.skep, NULL, value[1], flags);
				} else if (i % 2) {
					err[0] = kernel_elem(BPF_MAP_DELETE_ELEM, p.kernel, NULL, NULL, 0);
					err[1] = map_user_delete(p.skep, NULL, &old);
				} else {
					err[0] = kernel_elem(BPF_MAP_GET_NEXT_KEY, p.kernel, NULL, value[0], 0);
					err[1] = map_user_next_key(p.skep, NULL, value[1]);
				}
				if (err[0] != err[1] || memcmp(value[0], value[1], p.value_bytes))
					fail_msg("%s of %u: step %u: op %u flags %#llx: kernel %d, skep %d",
						 p.skep->type->name, n, i, op, (unsigned long long)flags, err[0],
						 err[1]);
			}
			pair_close(&p);
		}
}

/* Results are the same but for what was never pushed: there each system has false positives of its own, about as many. */
static void bloom_filters_agree(void **state)
{
	static const struct {
		uint32_t value_size, max_entries, extra, flags;
	} shapes[] = {
		{4, 1000, 0, 0}, {8, 1000, 1, BPF_F_ZERO_SEED}, {13, 500, 15, 0}, {100, 1, 0, 0}, {16, 3000, 7, 0}};

	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		struct pair p = pair_open((struct map_attr){.type = BPF_MAP_TYPE_BLOOM_FILTER,
							    .value_size = shapes[i].value_size,
							    .max_entries = shapes[i].max_entries,
							    .flags = shapes[i].flags,
							    .extra = shapes[i].extra},
					  1);
		uint32_t n = shapes[i].max_entries, positive[2] = {0, 0};
		uint64_t r = seed + i;
		uint8_t value[MAX_VALUE] = {0};
		void *old;

		for (uint32_t k = 0; k < n; k++) {
			uint64_t flags = k % 10 ? 0 : random_flags(&r), other = k % 7 ? 0 : random_flags(&r);
			int want, got;

			memcpy(value, &k, 4);
			want = kernel_elem(BPF_MAP_UPDATE_ELEM, p.kernel, NULL, value, flags);
			assert_int_equal(map_user_update(p.skep, NULL, value, flags), want);
			if (want) {
				assert_int_equal(kernel_elem(BPF_MAP_UPDATE_ELEM, p.kernel, NULL, value, 0), 0);
				assert_int_equal(map_push(p.skep, value, 0), 0);
			}
			got = map_user_lookup(p.skep, NULL, value, other);
			want = kernel_elem(BPF_MAP_LOOKUP_ELEM, p.kernel, NULL, value, other);
			assert_int_equal(got, want);
			assert_int_equal(want, other ? -EINVAL : 0);
			assert_memory_equal(value, &k, 4);
		}
		for (uint32_t k = 1 << 24; k < (1 << 24) + 10000; k++) {
			int err[2];

			memcpy(value, &k, 4);
			err[0] = kernel_elem(BPF_MAP_LOOKUP_ELEM, p.kernel, NULL, value, 0);
			err[1] = map_user_lookup(p.skep, NULL, value, 0);
			for (int side = 0; side < 2; side++) {
				assert_true(!err[side] || err[side] == -ENOENT);
				positive[side] += !err[side];
			}
		}
		/* Of 10,000: within a half of the kernel's and what chance allows. */
		if (positive[1] > positive[0] + positive[0] / 2 + 60)
			fail_msg("%u hash functions: %u false positives of 10,000, the kernel has %u", shapes[i].extra,
				 positive[1], positive[0]);
		assert_int_equal(map_user_delete(p.skep, NULL, &old),
				 kernel_elem(BPF_MAP_DELETE_ELEM, p.kernel, NULL, NULL, 0));
		assert_int_equal(map_user_next_key(p.skep, NULL, value),
				 kernel_elem(BPF_MAP_GET_NEXT_KEY, p.kernel, NULL, value, 0));
		assert_int_equal(map_user_lookup_and_delete(p.skep, NULL, value, 0),
				 kernel_elem(BPF_MAP_LOOKUP_AND_DELETE_ELEM, p.kernel, NULL, value, 0));
		pair_close(&p);
	}
}

/* stack_program - a program that puts its own kernel stack, without args[0] & 0xff frames, into a map. */
static int stack_program(int map)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_3, .src_reg = BPF_REG_1},
		{.code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = BPF_REG_2, .src_reg = BPF_PSEUDO_MAP_FD, .imm = map},
		{0},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_get_stackid},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT, .insn_cnt = ARRAY_SIZE(insns)};

	attr.insns = (uint64_t)(uintptr_t)insns;
	attr.license = (uint64_t)(uintptr_t) "GPL";
	return kernel_bpf(BPF_PROG_LOAD, &attr);
}

/* put_stack - one more stack on both sides: the kernel's own, without @skip frames, and a made-up one. */
static void put_stack(const struct pair *p, int prog, uint32_t skip, uint64_t flags, int ids[2])
{
	uint64_t args[1] = {skip | flags}, ips[3] = {0xffffffff81000000 + skip, 2, 3};
	union bpf_attr attr = {.test = {.prog_fd = (uint32_t)prog, .ctx_size_in = sizeof(args)}};

	attr.test.ctx_in = (uint64_t)(uintptr_t)args;
	assert_int_equal(kernel_bpf(BPF_PROG_TEST_RUN, &attr), 0);
	ids[0] = (int)attr.test.retval;
	ids[1] = (int)map_stack_put(p->skep, ips, NULL, 3, flags);
}

/* empty_both - empty both. */
static void empty_both(const struct pair *p)
{
	uint32_t key;
	void *old;

	while (!kernel_elem(BPF_MAP_GET_NEXT_KEY, p->kernel, NULL, &key, 0))
		assert_int_equal(kernel_elem(BPF_MAP_DELETE_ELEM, p->kernel, &key, NULL, 0), 0);
	while (!map_user_next_key(p->skep, NULL, &key))
		assert_int_equal(map_user_delete(p->skep, &key, &old), 0);
}

/* Which id a stack gets is each system's own. What a call does with an id that has one, or none, or is none, is not. */
static void stack_traces_agree(void **state)
{
	struct pair p = pair_open(
		(struct map_attr){
			.type = BPF_MAP_TYPE_STACK_TRACE, .key_size = 4, .value_size = 40, .max_entries = 4096},
		1);
	int prog = stack_program(p.kernel), ids[6][2];
	uint64_t r = seed;

	assert_true(prog >= 0);
	for (uint32_t i = 0; i < steps; i++) {
		uint32_t which = (uint32_t)(splitmix64(&r) % ARRAY_SIZE(ids)), key[2], next[2] = {7, 7};
		uint64_t flags = splitmix64(&r) % 4 ? 0 : random_flags(&r), value[2][5], ips[5] = {0};
		int err[2] = {0, 0}, op = (int)(splitmix64(&r) % 6);
		void *old;

		/* Two frames at least stay, so that the kernel has a stack to give. */
		put_stack(&p, prog, which % 3, 0, ids[which]);
		assert_true(ids[which][0] >= 0 && ids[which][1] >= 0);
		key[0] = (uint32_t)ids[which][0];
		key[1] = (uint32_t)ids[which][1];
		if (splitmix64(&r) % 3 == 0) /* no id */
			key[0] = key[1] = 4096 + (uint32_t)splitmix64(&r) % 2 * 12345;
		memset(value, 0xee, sizeof(value));
		switch (op) {
		case 0:
			err[0] = kernel_elem(BPF_MAP_LOOKUP_ELEM, p.kernel, &key[0], value[0], flags);
			err[1] = map_user_lookup(p.skep, &key[1], value[1], flags);
			ips[0] = 0xffffffff81000000 + which % 3, ips[1] = 2, ips[2] = 3;
			if (!err[1])
				assert_memory_equal(value[1], ips, sizeof(ips));
			break;
		case 1:
			err[0] = kernel_elem(BPF_MAP_UPDATE_ELEM, p.kernel, &key[0], value[0], flags);
			err[1] = map_user_update(p.skep, &key[1], value[1], flags);
			break;
		case 2: /* twice: it is there, then it is not */
			for (int k = 0; k < 2; k++) {
				err[0] = kernel_elem(BPF_MAP_DELETE_ELEM, p.kernel, &key[0], NULL, 0);
				err[1] = map_user_delete(p.skep, &key[1], &old);
				assert_int_equal(err[0], err[1]);
			}
			break;
		case 3: /* the only one: then the end */
			empty_both(&p);
			put_stack(&p, prog, which % 3, 0, ids[which]);
			key[0] = (uint32_t)ids[which][0];
			key[1] = (uint32_t)ids[which][1];
			err[0] = kernel_elem(BPF_MAP_GET_NEXT_KEY, p.kernel, &key[0], &next[0], 0);
			err[1] = map_user_next_key(p.skep, &key[1], &next[1]);
			assert_int_equal(err[1], -ENOENT);
			break;
		case 4: /* an id without a stack: from the start */
			empty_both(&p);
			put_stack(&p, prog, which % 3, 0, ids[which]);
			key[0] = ((uint32_t)ids[which][0] + 1) % 4096;
			key[1] = ((uint32_t)ids[which][1] + 1) % 4096;
			err[0] = kernel_elem(BPF_MAP_GET_NEXT_KEY, p.kernel, &key[0], &next[0], 0);
			err[1] = map_user_next_key(p.skep, &key[1], &next[1]);
			assert_int_equal(next[0], ids[which][0]);
			assert_int_equal(next[1], ids[which][1]);
			break;
		case 5:
			err[0] = kernel_elem(BPF_MAP_LOOKUP_AND_DELETE_ELEM, p.kernel, &key[0], value[0], flags);
			err[1] = map_user_lookup_and_delete(p.skep, &key[1], value[1], flags);
			break;
		}
		if (err[0] != err[1])
			fail_msg("step %u: op %d of id %u/%u flags %#llx: kernel %d, skep %d", i, op, key[0], key[1],
				 (unsigned long long)flags, err[0], err[1]);
	}
	close(prog);
	pair_close(&p);
}

/* With one id all stacks meet: refused, or replaced while an element is free, or not found. */
static void stacks_that_meet_agree(void **state)
{
	for (uint32_t build_ids = 0; build_ids < 2; build_ids++) {
		struct pair p = pair_open((struct map_attr){.type = BPF_MAP_TYPE_STACK_TRACE,
							    .key_size = 4,
							    .value_size = build_ids ? 160 : 40,
							    .max_entries = 1,
							    .flags = build_ids ? BPF_F_STACK_BUILD_ID : 0},
					  1);
		int prog = stack_program(p.kernel), ids[2];
		uint32_t zero = 0;
		void *old;

		assert_true(prog >= 0);
		put_stack(&p, prog, 0, 0, ids);
		assert_int_equal(ids[0], 0);
		assert_int_equal(ids[1], 0);
		for (uint32_t from = 0; from < 3; from++) {
			uint32_t next[2] = {7, 7};
			int want = kernel_elem(BPF_MAP_GET_NEXT_KEY, p.kernel, &from, &next[0], 0);

			assert_int_equal(map_user_next_key(p.skep, &from, &next[1]), want);
			assert_int_equal(next[0], next[1]);
		}
		for (uint32_t skip = 1; skip < 3; skip++)
			for (uint32_t how = 0; how < 4; how++) {
				put_stack(&p, prog, skip,
					  (how & 1 ? BPF_F_REUSE_STACKID : 0) | (how & 2 ? BPF_F_FAST_STACK_CMP : 0),
					  ids);
				if (ids[0] != ids[1])
					fail_msg("build ids %u, flags %u: kernel %d, skep %d", build_ids, how, ids[0],
						 ids[1]);
			}
		assert_int_equal(map_user_delete(p.skep, &zero, &old), 0);
		assert_int_equal(kernel_elem(BPF_MAP_DELETE_ELEM, p.kernel, &zero, NULL, 0), 0);
		put_stack(&p, prog, 2, BPF_F_REUSE_STACKID, ids);
		assert_int_equal(ids[0], 0);
		assert_int_equal(ids[1], 0);
		close(prog);
		pair_close(&p);
	}
}

static void frozen_maps_agree(void **state)
{
	struct map_attr a = {.type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 4, .max_entries = 4};
	struct pair p = pair_open(a, 4);
	uint32_t key = 1, value = 2, got = 0;
	union bpf_attr attr = {.map_fd = (uint32_t)p.kernel};
	void *old;

	assert_int_equal(map_user_update(p.skep, &key, &value, 0), 0);
	assert_int_equal(kernel_elem(BPF_MAP_UPDATE_ELEM, p.kernel, &key, &value, 0), 0);
	assert_int_equal(kernel_bpf(BPF_MAP_FREEZE, &attr), 0);
	assert_int_equal(map_freeze(p.skep), 0);
	assert_int_equal(map_freeze(p.skep), kernel_bpf(BPF_MAP_FREEZE, &attr));
	assert_int_equal(map_user_update(p.skep, &key, &value, 0),
			 kernel_elem(BPF_MAP_UPDATE_ELEM, p.kernel, &key, &value, 0));
	assert_int_equal(map_user_delete(p.skep, &key, &old),
			 kernel_elem(BPF_MAP_DELETE_ELEM, p.kernel, &key, NULL, 0));
	assert_int_equal(map_user_lookup_and_delete(p.skep, &key, &value, 0),
			 kernel_elem(BPF_MAP_LOOKUP_AND_DELETE_ELEM, p.kernel, &key, &value, 0));
	assert_int_equal(map_user_lookup(p.skep, &key, &got, 0), 0);
	assert_int_equal(got, value);
	pair_close(&p);
}

static void ring_buffers_refuse_elements_as_in_the_kernel(void **state)
{
	struct pair p = pair_open((struct map_attr){.type = BPF_MAP_TYPE_RINGBUF, .max_entries = 4096}, 1);
	uint64_t value = 0;
	void *old;

	assert_int_equal(map_user_lookup(p.skep, NULL, &value, 0),
			 kernel_elem(BPF_MAP_LOOKUP_ELEM, p.kernel, NULL, &value, 0));
	assert_int_equal(map_user_update(p.skep, NULL, &value, 0),
			 kernel_elem(BPF_MAP_UPDATE_ELEM, p.kernel, NULL, &value, 0));
	assert_int_equal(map_user_delete(p.skep, NULL, &old),
			 kernel_elem(BPF_MAP_DELETE_ELEM, p.kernel, NULL, NULL, 0));
	assert_int_equal(map_user_lookup_and_delete(p.skep, NULL, &value, 0),
			 kernel_elem(BPF_MAP_LOOKUP_AND_DELETE_ELEM, p.kernel, NULL, &value, 0));
	assert_int_equal(map_user_next_key(p.skep, NULL, &value),
			 kernel_elem(BPF_MAP_GET_NEXT_KEY, p.kernel, NULL, &value, 0));
	pair_close(&p);
}

static void user_space_maps_a_ring_as_in_the_kernel(void **state)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE), size = 4 * page;
	struct pair p = pair_open((struct map_attr){.type = BPF_MAP_TYPE_RINGBUF, .max_entries = (uint32_t)size}, 1);
	static const int prots[] = {PROT_READ, PROT_READ | PROT_WRITE};
	static const int kinds[] = {MAP_SHARED, MAP_PRIVATE};

	for (size_t off = 0; off <= 12; off++)
		for (size_t len = 0; len <= 12; len++)
			for (int how = 0; how < 4; how++) {
				int prot = prots[how & 1], kind = kinds[how >> 1];
				size_t bytes = len * page - (len && off % 2); /* lengths need not be whole pages */
				void *k = mmap(NULL, bytes, prot, kind, p.kernel, (off_t)(off * page));
				int want = k == MAP_FAILED ? errno : 0;
				void *s = ringbuf_mmap(p.skep, NULL, bytes, prot, kind, (off_t)(off * page));
				int got = s == MAP_FAILED ? errno : 0;

				if (want != got)
					fail_msg("offset %zu length %zu prot %d kind %d: kernel %d, skep %d", off,
						 bytes, prot, kind, want, got);
				if (!want)
					munmap(k, bytes);
				if (!got)
					munmap(s, bytes);
			}
	pair_close(&p);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rows_of_the_table_stand_at_their_numbers),
		cmocka_unit_test(creation_succeeds_and_fails_as_in_the_kernel),
		cmocka_unit_test(sizes_beyond_the_limits_fail_as_in_the_kernel),
		cmocka_unit_test(arrays_agree),
		cmocka_unit_test(percpu_arrays_agree),
		cmocka_unit_test(hashes_agree),
		cmocka_unit_test(percpu_hashes_agree),
		cmocka_unit_test(lru_hashes_that_are_not_full_agree),
		cmocka_unit_test(lpm_tries_agree),
		cmocka_unit_test(program_arrays_agree),
		cmocka_unit_test(maps_of_maps_agree),
		cmocka_unit_test(inner_arrays_must_fit_as_in_the_kernel),
		cmocka_unit_test(perf_event_and_cgroup_arrays_agree),
		cmocka_unit_test(device_and_cpu_maps_agree),
		cmocka_unit_test(queues_and_stacks_agree),
		cmocka_unit_test(bloom_filters_agree),
		cmocka_unit_test(stack_traces_agree),
		cmocka_unit_test(stacks_that_meet_agree),
		cmocka_unit_test(frozen_maps_agree),
		cmocka_unit_test(ring_buffers_refuse_elements_as_in_the_kernel),
		cmocka_unit_test(user_space_maps_a_ring_as_in_the_kernel),
	};
	struct map_attr inner = {.type = BPF_MAP_TYPE_HASH, .key_size = 8, .value_size = 8, .max_entries = 4};

	if (argc > 1)
		seed = strtoull(argv[1], NULL, 0);
	if (argc > 2)
		steps = (uint32_t)strtoul(argv[2], NULL, 0);
	inner_kernel = kernel_create(&inner, 0);
	if (inner_kernel < 0) {
		printf("skipped: bpf(2) is refused here (%s); it takes root or CAP_BPF\n", strerror(-inner_kernel));
		return 77;
	}
	n_cpus = possible_cpus();
	inner.n_cpus = n_cpus;
	if (map_create(&inner, &inner_skep))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
