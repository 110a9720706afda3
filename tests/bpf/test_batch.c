/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The batch commands beside the kernel's: the same random calls, good and bad, must have the same result, write the same count
 * back and leave the same elements. Where a batch of a hash stops is each system's own, so whole walks are compared,
 * as sets; the kernel may ask for more room (ENOSPC), the hive never does. Where bpf(2) is refused, the kernel's part is left out. Argument: [seed].
 */
#include "util.h"
#include "../random.h"

#include <stdlib.h>
#include <sys/mman.h>

#ifndef ENOTSUPP
#define ENOTSUPP 524
#endif

enum { MAX_ELEMS = 64, ROUNDS = 1500, MAX_VALUE = 256 };

static uint64_t rng = 1;
static uint32_t n_cpus;
static void *hole; /* a page that nobody may touch */

static uint32_t below(uint32_t n)
{
	return (uint32_t)(splitmix64(&rng) % n);
}

struct pair {
	int fd[2];
	int inner[2];
	uint32_t type, key_size, value_size; /* as user space sees it */
};

static struct pair open_pair(uint32_t type, uint32_t key_size, uint32_t value_size, uint32_t max_entries,
			     uint32_t flags)
{
	bool percpu = type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_LRU_PERCPU_HASH ||
		      type == BPF_MAP_TYPE_PERCPU_ARRAY;
	struct pair p = {.type = type,
			 .key_size = key_size,
			 .value_size = percpu ? ALIGN_UP(value_size, 8u) * n_cpus : value_size};

	assert_true(p.value_size <= MAX_VALUE);
	for (int side = first_side(); side < 2; side++) {
		p.inner[side] = BPF(side, BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 4,
				    .max_entries = 1);
		assert_true(p.inner[side] >= 0);
		p.fd[side] =
			BPF(side, BPF_MAP_CREATE, .map_type = type, .key_size = key_size, .value_size = value_size,
			    .max_entries = max_entries, .map_flags = flags, .inner_map_fd = (uint32_t)p.inner[side]);
		if (p.fd[side] < 0)
			fail_msg("type %u on side %d: %d", type, side, p.fd[side]);
	}
	return p;
}

static void close_pair(struct pair *p)
{
	for (int side = first_side(); side < 2; side++) {
		close(p->fd[side]);
		close(p->inner[side]);
	}
}

static bool of_maps(const struct pair *p)
{
	return p->type == BPF_MAP_TYPE_ARRAY_OF_MAPS || p->type == BPF_MAP_TYPE_HASH_OF_MAPS;
}

/* The n-th key in play: prefixes of their full length in a trie. */
static void key_of(const struct pair *p, uint32_t n, uint8_t *key)
{
	memset(key, 0, p->key_size);
	if (p->type == BPF_MAP_TYPE_LPM_TRIE) {
		uint32_t len = n % 5 ? 32 : 16;

		memcpy(key, &len, 4);
		key[5] = (uint8_t)n;
		return;
	}
	memcpy(key, &n, 4);
}

struct elems {
	uint32_t n;
	uint8_t bytes[MAX_ELEMS * 4][MAX_VALUE + 32]; /* key, value */
};

static uint32_t sort_size;

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sort_size);
}

/*
 * walk - all elements in batches of @room; take them away, too, when @cmd says so. Sorted. A kernel that asks for more room
 * gets it.
 */
static int walk(const struct pair *p, int side, int cmd, uint32_t room, struct elems *out)
{
	uint8_t keys[MAX_ELEMS * 4][32], values[MAX_ELEMS * 4 * MAX_VALUE], at[32] = {0};
	bool begun = false;
	int ret;

	out->n = 0;
	do {
		union bpf_attr attr = {.batch = {.in_batch = begun ? PTR(at) : 0,
						 .out_batch = PTR(at),
						 .keys = PTR(keys),
						 .values = PTR(values),
						 .count = room,
						 .map_fd = (uint32_t)p->fd[side]}};

		ret = bpf_of(side, cmd, &attr);
		if (ret == -ENOSPC) {
			assert_int_equal(side, 0);
			room = MAX_ELEMS;
			ret = 0;
			continue;
		}
		if (ret && ret != -ENOENT)
			return ret;
		assert_true(attr.batch.count <= room);
		for (uint32_t i = 0; i < attr.batch.count; i++) {
			uint8_t *e = out->bytes[out->n++];

			assert_true(out->n < ARRAY_SIZE(out->bytes));
			memset(e, 0, sizeof(out->bytes[0]));
			memcpy(e, (uint8_t *)keys + i * p->key_size, p->key_size);
			if (!of_maps(p)) /* ids differ */
				memcpy(e + 32, values + (size_t)i * p->value_size, p->value_size);
		}
		begun = true;
	} while (!ret);
	sort_size = sizeof(out->bytes[0]);
	qsort(out->bytes, out->n, sizeof(out->bytes[0]), compare);
	return ret;
}

static void same_elements(const struct pair *p, int cmd, uint32_t room)
{
	static struct elems e[2];
	int ret[2];

	for (int side = first_side(); side < 2; side++)
		ret[side] = walk(p, side, cmd, room, &e[side]);
	if (!with_kernel())
		return;
	assert_int_equal(ret[0], ret[1]);
	if (ret[0] != -ENOENT)
		return;
	if (e[0].n != e[1].n)
		fail_msg("type %u: the kernel has %u elements, the hive %u", p->type, e[0].n, e[1].n);
	assert_memory_equal(e[0].bytes, e[1].bytes, (size_t)e[0].n * sizeof(e[0].bytes[0]));
}

/* One random UPDATE_BATCH or DELETE_BATCH on both. */
static void change(const struct pair *p, uint32_t keys_in_play)
{
	static const uint64_t odd[] = {1, 2, 3, 8, BPF_F_LOCK, BPF_F_LOCK | 1, 1ull << 40};
	uint8_t keys[MAX_ELEMS * 32], values[MAX_ELEMS * MAX_VALUE];
	bool update = below(3);
	uint32_t n = below(8) ? below(12) : 0, map_flags = below(20) ? 0 : 1;
	uint64_t flags = below(10) ? 0 : odd[below(ARRAY_SIZE(odd))];
	uint32_t hidden = below(12), count[2] = {0};
	int ret[2] = {0};

	for (uint32_t i = 0; i < n; i++)
		key_of(p, below(keys_in_play), keys + (size_t)i * p->key_size);
	for (size_t i = 0; i < sizeof(values); i++)
		values[i] = (uint8_t)below(256);
	for (int side = first_side(); side < 2; side++) {
		union bpf_attr attr = {.batch = {.keys = hidden == 0 ? PTR(hole) : PTR(keys),
						 .values = hidden == 1 ? PTR(hole) : PTR(values),
						 .count = n,
						 .elem_flags = flags,
						 .flags = map_flags,
						 .map_fd = (uint32_t)p->fd[side]}};

		for (uint32_t i = 0; of_maps(p) && i < n; i++)
			memcpy(values + i * p->value_size, i == 5 ? &p->fd[side] : &p->inner[side], 4);
		ret[side] = bpf_of(side, update ? BPF_MAP_UPDATE_BATCH : BPF_MAP_DELETE_BATCH, &attr);
		count[side] = attr.batch.count;
	}
	if (with_kernel() && (ret[0] != ret[1] || count[0] != count[1]))
		fail_msg("type %u: %s of %u, flags %#llx, elem_flags %#llx, hidden %u: kernel %d (%u done), hive %d "
			 "(%u)",
			 p->type, update ? "update" : "delete", n, (unsigned long long)map_flags,
			 (unsigned long long)flags, hidden, ret[0], count[0], ret[1], count[1]);
}

/* Lookups that are wrong in some way, with room for one: result and count. */
static void look_wrongly(const struct pair *p, int cmd)
{
	uint8_t keys[MAX_ELEMS * 32], values[MAX_ELEMS * MAX_VALUE], in[32], out[2][32];
	uint32_t what = below(9), count[2] = {0}, room = MAX_ELEMS;
	int ret[2] = {0};

	memset(in, 0xff, sizeof(in)); /* beyond every table; no key of any map */
	memset(out, 0xee, sizeof(out));
	for (int side = first_side(); side < 2; side++) {
		union bpf_attr attr = {.batch = {.out_batch = PTR(out[side]),
						 .keys = PTR(keys),
						 .values = PTR(values),
						 .count = room,
						 .map_fd = (uint32_t)p->fd[side]}};

		switch (what) {
		case 0:
			attr.batch.keys = PTR(hole);
			break;
		case 1:
			attr.batch.values = PTR(hole);
			break;
		case 2:
			attr.batch.in_batch = PTR(hole);
			break;
		case 3:
			attr.batch.out_batch = PTR(hole);
			break;
		case 4:
			attr.batch.flags = 1;
			break;
		case 5:
			attr.batch.elem_flags = 1;
			break;
		case 6:
			attr.batch.elem_flags = BPF_F_LOCK;
			break;
		case 7:
			attr.batch.count = 0;
			break;
		case 8:
			attr.batch.in_batch = PTR(in);
			break;
		}
		ret[side] = bpf_of(side, cmd, &attr);
		count[side] = attr.batch.count;
	}
	/* Where to go on beyond a hash's end leads nowhere, and nothing is said of where that would be. */
	if (what == 8 && p->type != BPF_MAP_TYPE_LPM_TRIE && with_kernel())
		assert_memory_equal(out[0], out[1], sizeof(out[0]));
	if (with_kernel() && (ret[0] != ret[1] || count[0] != count[1]))
		fail_msg("type %u: command %d, wrong in way %u: kernel %d (%u done), hive %d (%u)", p->type, cmd, what,
			 ret[0], count[0], ret[1], count[1]);
}

static void run(struct pair p, uint32_t keys_in_play)
{
	/* Each change of a map of maps waits for a grace period in the kernel. */
	for (int i = 0; i < (of_maps(&p) ? ROUNDS / 10 : ROUNDS); i++) {
		uint32_t op = below(12);

		if (op < 7)
			change(&p, keys_in_play);
		else if (op < 9)
			look_wrongly(&p, below(4) ? BPF_MAP_LOOKUP_BATCH : BPF_MAP_LOOKUP_AND_DELETE_BATCH);
		else
			same_elements(&p, below(8) ? BPF_MAP_LOOKUP_BATCH : BPF_MAP_LOOKUP_AND_DELETE_BATCH,
				      1 + below(20));
		/* What EFAULT took away on the way out is each system's own: both start again. */
		if (op == 7 || op == 8) {
			struct elems *e = malloc(sizeof(*e));

			for (int side = first_side(); side < 2; side++)
				walk(&p, side, BPF_MAP_LOOKUP_AND_DELETE_BATCH, MAX_ELEMS, e);
			free(e);
		}
	}
	close_pair(&p);
}

static void batches_of_hashes_agree(void **state)
{
	run(open_pair(BPF_MAP_TYPE_HASH, 4, 8, 20, 0), 30);
	run(open_pair(BPF_MAP_TYPE_HASH, 12, 5, 1, BPF_F_NO_PREALLOC), 3);
	run(open_pair(BPF_MAP_TYPE_HASH, 16, 100, 50, 0), 60);
	run(open_pair(BPF_MAP_TYPE_PERCPU_HASH, 4, 12, 20, 0), 30);
}

static void batches_of_lru_hashes_agree(void **state)
{
	run(open_pair(BPF_MAP_TYPE_LRU_HASH, 4, 8, 4096, 0), 30);
	run(open_pair(BPF_MAP_TYPE_LRU_PERCPU_HASH, 4, 8, 4096, 0), 30);
}

static void batches_of_arrays_agree(void **state)
{
	run(open_pair(BPF_MAP_TYPE_ARRAY, 4, 8, 20, 0), 22);
	run(open_pair(BPF_MAP_TYPE_ARRAY, 4, 3, 1, 0), 2);
	run(open_pair(BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 20, 0), 22);
}

static void batches_of_tries_agree(void **state)
{
	struct pair p = open_pair(BPF_MAP_TYPE_LPM_TRIE, 8, 8, 20, BPF_F_NO_PREALLOC);

	/* Of nothing there is no last key to write. */
	for (int side = first_side(); side < 2; side++)
		assert_int_equal(BPF(side, BPF_MAP_LOOKUP_BATCH,
				     .batch = {.map_fd = (uint32_t)p.fd[side], .out_batch = PTR(hole), .count = 1}),
				 -ENOENT);
	close_pair(&p);
	run(open_pair(BPF_MAP_TYPE_LPM_TRIE, 8, 8, 20, BPF_F_NO_PREALLOC), 30);
}

static void batches_of_maps_of_maps_agree(void **state)
{
	run(open_pair(BPF_MAP_TYPE_HASH_OF_MAPS, 4, 4, 20, 0), 30);
	run(open_pair(BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 4, 20, 0), 22);
}

static void types_without_batches_say_so(void **state)
{
	static const struct {
		uint32_t type, key_size, value_size, max_entries;
	} maps[] = {
		{BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 4},   {BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, 4, 4},
		{BPF_MAP_TYPE_CGROUP_ARRAY, 4, 4, 4}, {BPF_MAP_TYPE_DEVMAP, 4, 4, 4},
		{BPF_MAP_TYPE_DEVMAP_HASH, 4, 4, 4},  {BPF_MAP_TYPE_CPUMAP, 4, 4, 4},
		{BPF_MAP_TYPE_QUEUE, 0, 4, 4},        {BPF_MAP_TYPE_STACK, 0, 4, 4},
		{BPF_MAP_TYPE_BLOOM_FILTER, 0, 4, 4}, {BPF_MAP_TYPE_STACK_TRACE, 4, 80, 4},
		{BPF_MAP_TYPE_RINGBUF, 0, 0, 4096},   {BPF_MAP_TYPE_XSKMAP, 4, 4, 4},
	};

	for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
		struct pair p = open_pair(maps[i].type, maps[i].key_size, maps[i].value_size, maps[i].max_entries, 0);

		for (int cmd = BPF_MAP_LOOKUP_BATCH; cmd <= BPF_MAP_DELETE_BATCH; cmd++)
			for (int side = first_side(); side < 2; side++)
				assert_int_equal(BPF(side, cmd, .batch = {.map_fd = (uint32_t)p.fd[side], .count = 1}),
						 -ENOTSUPP);
		close_pair(&p);
	}
}

/* Walks of any width, in the hive alone: every element once, ENOENT with the last, the count exact. */
static void any_width_meets_every_element_once(void **state)
{
	enum { N = 1000 };
	int fd = make_map(BPF_MAP_TYPE_HASH, 4, 8, N, 0);
	static uint32_t keys[N];
	static uint64_t values[N];

	for (uint32_t i = 0; i < N; i++) {
		keys[i] = i * 7919;
		values[i] = i;
	}
	for (uint32_t width = 1; width < 2 * N; width = width * 3 / 2 + 1) {
		uint32_t at = 0, seen = 0, sum = 0, got_keys[2 * N];
		uint64_t got[2 * N];
		int ret;

		assert_int_equal(
			call(BPF_MAP_UPDATE_BATCH,
			     .batch = {.map_fd = (uint32_t)fd, .keys = PTR(keys), .values = PTR(values), .count = N}),
			0);
		do {
			union bpf_attr attr = {.batch = {.in_batch = seen ? PTR(&at) : 0,
							 .out_batch = PTR(&at),
							 .keys = PTR(got_keys),
							 .values = PTR(got),
							 .count = width,
							 .map_fd = (uint32_t)fd}};
			int cmd = width % 2 ? BPF_MAP_LOOKUP_BATCH : BPF_MAP_LOOKUP_AND_DELETE_BATCH;

			ret = skep_bpf(hive, cmd, &attr, sizeof(attr));
			assert_true(!ret || ret == -ENOENT);
			if (!ret)
				assert_int_equal(attr.batch.count, width);
			for (uint32_t i = 0; i < attr.batch.count; i++) {
				assert_int_equal(got_keys[i], got[i] * 7919);
				sum += (uint32_t)got[i];
			}
			seen += attr.batch.count;
		} while (!ret);
		assert_int_equal(seen, N);
		assert_int_equal(sum, N * (N - 1) / 2);
	}
	close(fd);
}

static void batches_need_what_their_elements_need(void **state)
{
	int rdonly = make_map(BPF_MAP_TYPE_HASH, 4, 8, 4, BPF_F_RDONLY),
	    frozen = make_map(BPF_MAP_TYPE_HASH, 4, 8, 4, 0);
	int wronly = make_map(BPF_MAP_TYPE_HASH, 4, 8, 4, BPF_F_WRONLY);

	assert_int_equal(call(BPF_MAP_FREEZE, .map_fd = (uint32_t)frozen), 0);
	for (int i = 0; i < 3; i++) {
		uint32_t fd = (uint32_t)(int[]){rdonly, frozen, wronly}[i];

		assert_int_equal(call(BPF_MAP_LOOKUP_BATCH, .batch = {.map_fd = fd}), i == 2 ? -EPERM : 0);
		assert_int_equal(call(BPF_MAP_LOOKUP_AND_DELETE_BATCH, .batch = {.map_fd = fd}), -EPERM);
		assert_int_equal(call(BPF_MAP_UPDATE_BATCH, .batch = {.map_fd = fd}), i == 2 ? 0 : -EPERM);
		assert_int_equal(call(BPF_MAP_DELETE_BATCH, .batch = {.map_fd = fd}), i == 2 ? 0 : -EPERM);
	}
	assert_int_equal(call(BPF_MAP_LOOKUP_BATCH, .batch = {.map_fd = 9999}), -EBADF);
	close(rdonly);
	close(wronly);
	close(frozen);
}

/* As many CPUs as the kernel has, so that per-CPU values have one size. */
static int setup(void **state)
{
	struct skep_hive_opts opts = SKEP_OPTS(struct skep_hive_opts, .n_cpus = n_cpus);

	return skep_hive_new(&opts, &hive);
}

#define HIVE(fn) cmocka_unit_test_setup_teardown(fn, setup, test_hive_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		HIVE(batches_of_hashes_agree),
		HIVE(batches_of_lru_hashes_agree),
		HIVE(batches_of_arrays_agree),
		HIVE(batches_of_tries_agree),
		HIVE(batches_of_maps_of_maps_agree),
		HIVE(types_without_batches_say_so),
		HIVE(any_width_meets_every_element_once),
		HIVE(batches_need_what_their_elements_need),
	};

	if (argc > 1)
		rng = strtoull(argv[1], NULL, 0);
	test_with_kernel();
	hole = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	n_cpus = (uint32_t)sysconf(_SC_NPROCESSORS_CONF);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
