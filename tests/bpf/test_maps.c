/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What bpf(2) does around the maps beside what the maps do (tests/map): values that are read rather than written, cgroups behind
 * fds, what types of keys and values may be. Where bpf(2) is allowed, the kernel must answer the same.
 */
#include "util.h"

#include <linux/btf.h>
#include <sys/mman.h>

static void *hole; /* a page that nobody may touch */

#define BOTH(fds, want, cmd, ...)                                                                                      \
	do {                                                                                                           \
		for (int side = first_side(); side < 2; side++) {                                                      \
			int fd_ = (fds)[side], got_ = BPF(side, cmd, .map_fd = (uint32_t)fd_, __VA_ARGS__);            \
                                                                                                                       \
			if (got_ != (want))                                                                            \
				fail_msg("line %d, side %d: %d instead of %d", __LINE__, side, got_, want);            \
		}                                                                                                      \
	} while (0)

static void make_both(int fds[2], uint32_t type, uint32_t key_size, uint32_t value_size, uint32_t max_entries)
{
	for (int side = first_side(); side < 2; side++) {
		fds[side] = BPF(side, BPF_MAP_CREATE, .map_type = type, .key_size = key_size, .value_size = value_size,
				.max_entries = max_entries);
		assert_true(fds[side] >= 0);
	}
}

static void close_both(int fds[2])
{
	for (int side = first_side(); side < 2; side++)
		close(fds[side]);
}

static void a_bloom_filter_reads_the_value_it_is_asked_about(void **state)
{
	uint64_t in = 5, out = 6;
	uint32_t key = 1;
	int fds[2];

	make_both(fds, BPF_MAP_TYPE_BLOOM_FILTER, 0, 8, 100000);
	BOTH(fds, 0, BPF_MAP_UPDATE_ELEM, .value = PTR(&in));
	BOTH(fds, 0, BPF_MAP_LOOKUP_ELEM, .value = PTR(&in));
	BOTH(fds, -ENOENT, BPF_MAP_LOOKUP_ELEM, .value = PTR(&out));
	assert_int_equal(in, 5);
	assert_int_equal(out, 6);
	BOTH(fds, -EFAULT, BPF_MAP_LOOKUP_ELEM, .value = PTR(hole));
	BOTH(fds, -EFAULT, BPF_MAP_UPDATE_ELEM, .value = PTR(hole));
	BOTH(fds, -EINVAL, BPF_MAP_LOOKUP_ELEM, .value = PTR(&in), .key = PTR(&key));
	BOTH(fds, -EINVAL, BPF_MAP_LOOKUP_ELEM, .value = PTR(&in), .flags = BPF_F_LOCK);
	BOTH(fds, -EINVAL, BPF_MAP_UPDATE_ELEM, .value = PTR(&in), .flags = BPF_NOEXIST);
	BOTH(fds, -EOPNOTSUPP, BPF_MAP_DELETE_ELEM, .key = 0);
	BOTH(fds, -EOPNOTSUPP, BPF_MAP_GET_NEXT_KEY, .next_key = PTR(&key));
	BOTH(fds, -524, BPF_MAP_LOOKUP_AND_DELETE_ELEM, .value = PTR(&in));
	BOTH(fds, 0, BPF_MAP_FREEZE, );
	BOTH(fds, -EPERM, BPF_MAP_UPDATE_ELEM, .value = PTR(&out));
	BOTH(fds, 0, BPF_MAP_LOOKUP_ELEM, .value = PTR(&in));
	close_both(fds);
}

static int open_cgroup(void)
{
	int fd = open("/sys/fs/cgroup/unified", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 ? fd : open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void a_cgroup_array_takes_directories_of_cgroup2_and_nothing_else(void **state)
{
	int fds[2], cgroup = open_cgroup(), file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), none = 9999;
	int dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), procs;
	uint32_t zero = 0, four = 4, value;

	make_both(fds, BPF_MAP_TYPE_CGROUP_ARRAY, 4, 4, 4);
	BOTH(fds, -EBADF, BPF_MAP_UPDATE_ELEM, .key = PTR(&zero), .value = PTR(&file));
	BOTH(fds, -EBADF, BPF_MAP_UPDATE_ELEM, .key = PTR(&zero), .value = PTR(&dir));
	BOTH(fds, -EBADF, BPF_MAP_UPDATE_ELEM, .key = PTR(&zero), .value = PTR(&none));
	BOTH(fds, -E2BIG, BPF_MAP_UPDATE_ELEM, .key = PTR(&four), .value = PTR(&none));
	BOTH(fds, -EINVAL, BPF_MAP_UPDATE_ELEM, .key = PTR(&four), .value = PTR(&none), .flags = BPF_EXIST);
	BOTH(fds, -ENOENT, BPF_MAP_DELETE_ELEM, .key = PTR(&zero));
	procs = openat(cgroup, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	if (procs >= 0) {
		BOTH(fds, -EBADF, BPF_MAP_UPDATE_ELEM, .key = PTR(&zero), .value = PTR(&procs));
		BOTH(fds, 0, BPF_MAP_UPDATE_ELEM, .key = PTR(&zero), .value = PTR(&cgroup));
		BOTH(fds, 0, BPF_MAP_UPDATE_ELEM, .key = PTR(&zero), .value = PTR(&cgroup)); /* over itself */
		BOTH(fds, -524, BPF_MAP_LOOKUP_ELEM, .key = PTR(&zero), .value = PTR(&value));
		BOTH(fds, 0, BPF_MAP_DELETE_ELEM, .key = PTR(&zero));
		BOTH(fds, -ENOENT, BPF_MAP_DELETE_ELEM, .key = PTR(&zero));
		BOTH(fds, 0, BPF_MAP_UPDATE_ELEM, .key = PTR(&zero), .value = PTR(&cgroup)); /* goes with the map */
		close(procs);
	} else {
		print_message("no cgroup2 here: only what is none was tried\n");
	}
	close_both(fds);
	close(cgroup);
	close(file);
	close(dir);
}

/* load_both - an XDP program for an attach type, or with BPF_CGROUP_INET_INGRESS one that is none. */
static void load_both(int progs[2], uint32_t attach_type)
{
	const struct bpf_insn insns[] = {MOV_IMM(0, 1), EXIT()};
	bool xdp = attach_type != BPF_CGROUP_INET_INGRESS;

	for (int side = first_side(); side < 2; side++) {
		progs[side] = BPF(side, BPF_PROG_LOAD, .prog_type = xdp ? BPF_PROG_TYPE_XDP : BPF_PROG_TYPE_CGROUP_SKB,
				  .expected_attach_type = attach_type, .insns = PTR(insns), .insn_cnt = 2,
				  .license = PTR("GPL"));
		assert_true(progs[side] >= 0);
	}
}

/* put - one value whose second half is each side's own fd. */
static void put(int fds[2], uint32_t index, uint32_t first, const int second[2], uint64_t flags, int want, int line)
{
	for (int side = first_side(); side < 2; side++) {
		uint32_t value[2] = {first, (uint32_t)second[side]};
		int got = BPF(side, BPF_MAP_UPDATE_ELEM, .map_fd = (uint32_t)fds[side], .key = PTR(&index),
			      .value = PTR(value), .flags = flags);

		if (got != want)
			fail_msg("line %d, side %d: %d instead of %d", line, side, got, want);
	}
}

#define PUT(want, index, first, second, flags) put(fds, index, first, second, flags, want, __LINE__)

static void frames_go_to_cpus_through_programs_for_that(void **state)
{
	const int none[2] = {-1, -1}, no_fd[2] = {9999, 9999};
	uint32_t zero = 0, seven = 7, value[2];
	int fds[2], right[2], wrong[2], other[2];

	load_both(right, BPF_XDP_CPUMAP);
	load_both(wrong, BPF_XDP_DEVMAP);
	load_both(other, BPF_CGROUP_INET_INGRESS);
	make_both(fds, BPF_MAP_TYPE_CPUMAP, 4, 8, 4);
	PUT(-EINVAL, 7, 64, no_fd, 3);
	PUT(-E2BIG, 7, 64, no_fd, BPF_NOEXIST);
	PUT(-EEXIST, 0, 64, no_fd, BPF_NOEXIST);
	PUT(-EOVERFLOW, 0, 16385, no_fd, 0);
	PUT(-ENOMEM, 0, 64, no_fd, 0);
	PUT(-ENOMEM, 0, 64, wrong, 0);
	PUT(-ENOMEM, 0, 64, other, 0);
	PUT(0, 0, 64, none, 0);
	BOTH(fds, 0, BPF_MAP_LOOKUP_ELEM, .key = PTR(&zero), .value = PTR(value));
	assert_int_equal(value[0], 64);
	assert_int_equal(value[1], 0);
	PUT(0, 0, 64, right, BPF_EXIST);
	BOTH(fds, 0, BPF_MAP_LOOKUP_ELEM, .key = PTR(&zero), .value = PTR(value));
	assert_int_equal(value[0], 64);
	assert_int_equal(value[1], id_of(right[1]));
	PUT(0, 0, 0, no_fd, 0); /* a queue of no length goes, whatever its program */
	BOTH(fds, -ENOENT, BPF_MAP_LOOKUP_ELEM, .key = PTR(&zero), .value = PTR(value));
	PUT(0, 0, 64, right, 0);
	BOTH(fds, 0, BPF_MAP_DELETE_ELEM, .key = PTR(&zero));
	BOTH(fds, -EINVAL, BPF_MAP_DELETE_ELEM, .key = PTR(&seven));
	PUT(0, 0, 64, right, 0); /* goes with the map */
	close_both(fds);
	close_both(right);
	close_both(wrong);
	close_both(other);
}

static void frames_go_to_devices_through_programs_for_that(void **state)
{
	const int none[2] = {-1, -1}, no_fd[2] = {9999, 9999};
	uint32_t zero = 0, value[2];
	int fds[2], right[2], wrong[2];

	load_both(right, BPF_XDP_DEVMAP);
	load_both(wrong, BPF_XDP_CPUMAP);
	make_both(fds, BPF_MAP_TYPE_DEVMAP, 4, 8, 4);
	PUT(-EINVAL, 7, 1, no_fd, 3);
	PUT(-E2BIG, 7, 1, no_fd, BPF_NOEXIST);
	PUT(-EEXIST, 0, 1, no_fd, BPF_NOEXIST);
	PUT(-EINVAL, 0, 0, right, 0);
	PUT(-EINVAL, 0, 1, no_fd, 0);
	PUT(-EINVAL, 0, 1, wrong, 0);
	PUT(0, 0, 1, none, 0);
	BOTH(fds, 0, BPF_MAP_LOOKUP_ELEM, .key = PTR(&zero), .value = PTR(value));
	assert_int_equal(value[0], 1);
	assert_int_equal(value[1], 0);
	PUT(0, 0, 1, right, BPF_EXIST);
	BOTH(fds, 0, BPF_MAP_LOOKUP_ELEM, .key = PTR(&zero), .value = PTR(value));
	assert_int_equal(value[1], id_of(right[1]));
	PUT(0, 0, 0, none, 0);
	close_both(fds);
	close_both(right);
	close_both(wrong);
}

static void keys_and_values_are_of_the_types_that_the_kernel_takes(void **state)
{
	/* 1: unsigned int, 2: struct { int } , 3: long, 4: unsigned char */
	static const struct {
		struct btf_header h;
		uint32_t types[4 + 3 + 3 + 4 + 4];
		char strings[8];
	} raw = {
		.h = {.magic = BTF_MAGIC,
		      .version = BTF_VERSION,
		      .hdr_len = sizeof(struct btf_header),
		      .type_len = sizeof(uint32_t) * 18,
		      .str_off = sizeof(uint32_t) * 18,
		      .str_len = 8},
		.types = {1, BTF_KIND_INT << 24, 4, 32, 1, BTF_KIND_STRUCT << 24 | 1, 4, 1, 1, 0, 1, BTF_KIND_INT << 24,
			  8, 64, 1, BTF_KIND_INT << 24, 1, 8},
		.strings = "\0a",
	};
	static const struct {
		uint32_t type, key_size, max_entries, flags;
	} maps[] = {
		{BPF_MAP_TYPE_ARRAY, 4, 1, 0},
		{BPF_MAP_TYPE_ARRAY, 4, 2, 0},
		{BPF_MAP_TYPE_PERCPU_ARRAY, 4, 1, 0},
		{BPF_MAP_TYPE_HASH, 4, 2, 0},
		{BPF_MAP_TYPE_HASH, 8, 2, 0},
		{BPF_MAP_TYPE_LRU_HASH, 4, 2, 0},
		{BPF_MAP_TYPE_LRU_PERCPU_HASH, 4, 2, 0},
		{BPF_MAP_TYPE_LPM_TRIE, 8, 2, BPF_F_NO_PREALLOC},
		{BPF_MAP_TYPE_QUEUE, 0, 2, 0},
		{BPF_MAP_TYPE_STACK, 0, 2, 0},
		{BPF_MAP_TYPE_BLOOM_FILTER, 0, 2, 0},
		{BPF_MAP_TYPE_STACK_TRACE, 4, 2, 0},
		{BPF_MAP_TYPE_PROG_ARRAY, 4, 2, 0},
		{BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, 2, 0},
		{BPF_MAP_TYPE_CGROUP_ARRAY, 4, 2, 0},
		{BPF_MAP_TYPE_DEVMAP, 4, 2, 0},
		{BPF_MAP_TYPE_DEVMAP_HASH, 4, 2, 0},
		{BPF_MAP_TYPE_CPUMAP, 4, 2, 0},
		{BPF_MAP_TYPE_XSKMAP, 4, 2, 0},
	};
	int btf[2] = {-1, -1};

	if (!with_kernel())
		return; /* what is right is only known from there */
	for (int side = 0; side < 2; side++) {
		btf[side] = BPF(side, BPF_BTF_LOAD, .btf = PTR(&raw), .btf_size = sizeof(raw));
		assert_true(btf[side] >= 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
		for (uint32_t key = 0; key < 6; key++)
			for (uint32_t value = 0; value < 6; value++) {
				uint32_t value_size = value == 3 || maps[i].type == BPF_MAP_TYPE_STACK_TRACE ? 8 : 4;
				int ret[2];

				for (int side = 0; side < 2; side++) {
					ret[side] = BPF(side, BPF_MAP_CREATE, .map_type = maps[i].type,
							.key_size = maps[i].key_size, .value_size = value_size,
							.max_entries = maps[i].max_entries, .map_flags = maps[i].flags,
							.btf_fd = (uint32_t)btf[side], .btf_key_type_id = key,
							.btf_value_type_id = value);
					if (ret[side] >= 0) {
						close(ret[side]);
						ret[side] = 0;
					}
				}
				if (ret[0] != ret[1])
					fail_msg("map type %u, key type %u, value type %u: kernel %d, hive %d",
						 maps[i].type, key, value, ret[0], ret[1]);
			}
	close(btf[0]);
	close(btf[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HIVE_TEST(a_bloom_filter_reads_the_value_it_is_asked_about),
		HIVE_TEST(a_cgroup_array_takes_directories_of_cgroup2_and_nothing_else),
		HIVE_TEST(frames_go_to_cpus_through_programs_for_that),
		HIVE_TEST(frames_go_to_devices_through_programs_for_that),
		HIVE_TEST(keys_and_values_are_of_the_types_that_the_kernel_takes),
	};

	test_with_kernel();
	hole = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
