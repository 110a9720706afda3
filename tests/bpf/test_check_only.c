/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hive that only checks (SKEP_CHECK_ONLY): maps of types that skep does not have are made without contents, the kernel's BTF is
 * the one that is asked for, and nothing runs. That shells are refused as the kernel's maps are is compared in tests/selftests.
 */
#include "bpf/seam_calls.h"
#include "util.h"

#include <bpf/btf.h>
#include <sys/mman.h>
#include <unistd.h>

static char path[64]; /* of a "kernel" with one type */
static uint32_t btf_size;

static int setup(void **state)
{
	struct skep_hive_opts opts = SKEP_OPTS(struct skep_hive_opts, .flags = SKEP_CHECK_ONLY, .btf_path = path);
	struct btf *btf = btf__new_empty();
	const void *data;
	int fd = memfd_create("btf", 0);

	btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	data = btf__raw_data(btf, &btf_size);
	if (fd < 0 || write(fd, data, btf_size) != (ssize_t)btf_size)
		return -1;
	btf__free(btf);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return skep_hive_new(&opts, &hive);
}

static int teardown(void **state)
{
	skep_hive_free(hive);
	return 0;
}

static void a_map_without_engine_tells_and_freezes_and_holds_nothing(void **state)
{
	uint8_t value[64] = {0};
	struct bpf_map_info info = {0};
	int fd = call(BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_SOCKHASH, .key_size = 16, .value_size = 8,
		      .max_entries = 3, .map_name = "sockets");

	assert_true(fd >= 0);
	assert_int_equal(call(BPF_OBJ_GET_INFO_BY_FD,
			      .info = {.bpf_fd = (uint32_t)fd, .info_len = sizeof(info), .info = PTR(&info)}),
			 0);
	assert_int_equal(info.type, BPF_MAP_TYPE_SOCKHASH);
	assert_int_equal(info.value_size, 8);
	assert_int_equal(info.max_entries, 3);
	assert_string_equal(info.name, "sockets");
	assert_true(call(BPF_MAP_UPDATE_ELEM, .map_fd = (uint32_t)fd, .key = PTR(value), .value = PTR(value)) < 0);
	assert_true(call(BPF_MAP_LOOKUP_ELEM, .map_fd = (uint32_t)fd, .key = PTR(value), .value = PTR(value)) < 0);
	assert_int_equal(call(BPF_MAP_FREEZE, .map_fd = (uint32_t)fd), 0);
	assert_int_equal(call(BPF_MAP_FREEZE, .map_fd = (uint32_t)fd), -EPERM);
	close(fd);
	assert_int_equal(call(BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_SOCKHASH, .key_size = 16, .value_size = 8),
			 -EINVAL);
}

static void arrays_hold_values_for_libbpf_fills_them(void **state)
{
	uint32_t key = 0, value = 42, got = 0;
	int fd = make_map(BPF_MAP_TYPE_ARRAY, 4, 4, 1, BPF_F_MMAPABLE);

	assert_int_equal(call(BPF_MAP_UPDATE_ELEM, .map_fd = (uint32_t)fd, .key = PTR(&key), .value = PTR(&value)), 0);
	assert_int_equal(call(BPF_MAP_LOOKUP_ELEM, .map_fd = (uint32_t)fd, .key = PTR(&key), .value = PTR(&got)), 0);
	assert_int_equal(got, 42);
	close(fd);
}

static void the_kernels_btf_has_the_first_id_and_is_no_maps_btf(void **state)
{
	struct bpf_btf_info info = {0};
	char name[16] = "";
	int fd = call(BPF_BTF_GET_FD_BY_ID, .btf_id = 1);

	assert_true(fd >= 0);
	info.name = PTR(name);
	info.name_len = sizeof(name);
	assert_int_equal(call(BPF_OBJ_GET_INFO_BY_FD,
			      .info = {.bpf_fd = (uint32_t)fd, .info_len = sizeof(info), .info = PTR(&info)}),
			 0);
	assert_int_equal(info.kernel_btf, 1);
	assert_int_equal(info.btf_size, btf_size);
	assert_string_equal(name, "vmlinux");
	assert_int_equal(call(BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4,
			      .max_entries = 1, .btf_fd = (uint32_t)fd, .btf_key_type_id = 1, .btf_value_type_id = 1),
			 -EACCES);
	close(fd);
}

static int use_arena(int fd, char *log, uint32_t size)
{
	const struct bpf_insn insns[] = {LD_MAP(1, fd), MOV_IMM(0, 0), EXIT()};

	return call(BPF_PROG_LOAD, .prog_type = BPF_PROG_TYPE_SOCKET_FILTER, .insns = PTR(insns),
		    .insn_cnt = ARRAY_SIZE(insns), .license = PTR("GPL"), .log_buf = PTR(log), .log_size = size,
		    .log_level = 1);
}

/* As Linux 6.18: once an arena was mapped, its addresses are settled, whether it still is or not. */
static void programs_use_an_arena_only_when_its_place_is_known(void **state)
{
	enum { MMAPABLE = 1 << 10, ARENA = 33, LEN = 8192 };
	int prots[] = {PROT_READ, PROT_READ | PROT_WRITE};
	char log[512] = "";
	int fd;

	for (size_t i = 0; i < ARRAY_SIZE(prots); i++) {
		struct skep_hive *before;
		void *p;

		fd = call(BPF_MAP_CREATE, .map_type = ARENA, .max_entries = 2, .map_flags = MMAPABLE);
		assert_true(fd >= 0);
		assert_int_equal(use_arena(fd, log, sizeof(log)), -EINVAL);
		assert_non_null(strstr(log, "arena's user address must be set via map_extra or mmap()"));
		before = seam_enter(hive);
		p = skep_seam_mmap(NULL, LEN, prots[i], MAP_SHARED, fd, 0);
		assert_ptr_not_equal(p, MAP_FAILED);
		assert_int_equal(skep_seam_munmap(p, LEN), 0);
		seam_enter(before);
		assert_true(use_arena(fd, log, sizeof(log)) >= 0);
		close(fd);
	}
	fd = call(BPF_MAP_CREATE, .map_type = ARENA, .max_entries = 2, .map_flags = MMAPABLE, .map_extra = 1ull << 44);
	assert_true(use_arena(fd, log, sizeof(log)) >= 0);
	close(fd);
}

static void what_is_no_btf_makes_no_hive(void **state)
{
	static const char *const bad[] = {"/nonexistent", "/proc/self/exe", "/dev/null"};
	struct skep_hive *other = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct skep_hive_opts opts =
			SKEP_OPTS(struct skep_hive_opts, .flags = SKEP_CHECK_ONLY, .btf_path = bad[i]);

		assert_true(skep_hive_new(&opts, &other) < 0);
		assert_null(other);
	}
}

static void checking_and_not_verifying_exclude_each_other(void **state)
{
	struct skep_hive_opts opts =
		SKEP_OPTS(struct skep_hive_opts, .flags = SKEP_CHECK_ONLY | (1 << 30), .btf_path = path);
	struct skep_hive *other = NULL;

	assert_int_equal(skep_hive_new(&opts, &other), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_map_without_engine_tells_and_freezes_and_holds_nothing, setup,
						teardown),
		cmocka_unit_test_setup_teardown(arrays_hold_values_for_libbpf_fills_them, setup, teardown),
		cmocka_unit_test_setup_teardown(the_kernels_btf_has_the_first_id_and_is_no_maps_btf, setup, teardown),
		cmocka_unit_test_setup_teardown(programs_use_an_arena_only_when_its_place_is_known, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_btf_makes_no_hive, setup, teardown),
		cmocka_unit_test_setup_teardown(checking_and_not_verifying_exclude_each_other, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
