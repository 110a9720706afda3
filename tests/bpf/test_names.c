/* SPDX-License-Identifier: BSD-2-Clause */
/* Ids, infos and pins: how objects are found again and what they tell of themselves. */
#include "util.h"

static int info(int fd, void *to, uint32_t *len)
{
	union bpf_attr attr = {.info = {.bpf_fd = (uint32_t)fd, .info_len = *len, .info = PTR(to)}};
	int ret = skep_bpf(hive, BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr));

	*len = attr.info.info_len;
	return ret;
}

static void ids_ascend_and_lead_back_to_the_object(void **state)
{
	int fds[5];
	uint32_t ids[5];
	union bpf_attr attr = {0};

	for (int i = 0; i < 5; i++) {
		fds[i] = make_array();
		ids[i] = id_of(fds[i]);
		assert_true(!i || ids[i] > ids[i - 1]);
	}
	close(fds[2]);
	for (int i = 0; i < 5; i++) {
		uint64_t value = 100 + (uint64_t)i;
		uint32_t key = 0;
		int fd;

		if (i == 2)
			continue;
		assert_int_equal(skep_bpf(hive, BPF_MAP_GET_NEXT_ID, &attr, sizeof(attr)), 0);
		assert_int_equal(attr.next_id, ids[i]);
		attr = (union bpf_attr){.start_id = attr.next_id};
		fd = call(BPF_MAP_GET_FD_BY_ID, .map_id = ids[i]);
		assert_true(fd >= 0);
		assert_int_equal(call(BPF_MAP_UPDATE_ELEM, .map_fd = fd, .key = PTR(&key), .value = PTR(&value)), 0);
		value = 0;
		assert_int_equal(call(BPF_MAP_LOOKUP_ELEM, .map_fd = fds[i], .key = PTR(&key), .value = PTR(&value)),
				 0);
		assert_int_equal(value, 100 + i);
		close(fd);
		close(fds[i]);
	}
	assert_int_equal(skep_bpf(hive, BPF_MAP_GET_NEXT_ID, &attr, sizeof(attr)), -ENOENT);
	assert_int_equal(call(BPF_MAP_GET_FD_BY_ID, .map_id = ids[0]), -ENOENT);
}

static void an_fd_by_id_may_be_read_only(void **state)
{
	int map = make_array();
	uint32_t key = 0;
	uint64_t value = 1;
	int fd = call(BPF_MAP_GET_FD_BY_ID, .map_id = id_of(map), .open_flags = BPF_F_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(call(BPF_MAP_UPDATE_ELEM, .map_fd = fd, .key = PTR(&key), .value = PTR(&value)), -EPERM);
	assert_int_equal(call(BPF_MAP_LOOKUP_ELEM, .map_fd = fd, .key = PTR(&key), .value = PTR(&value)), 0);
	close(fd);
	close(map);
}

static void fds_are_closed_on_exec(void **state)
{
	int fds[] = {make_array(), make_prog(BPF_PROG_TYPE_XDP, 0), make_btf()};

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
		close(fds[i]);
	}
}

static void a_map_tells_what_it_was_made_of(void **state)
{
	int btf = make_btf();
	int map = call(BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 4, .max_entries = 17,
		       .map_flags = BPF_F_NO_PREALLOC, .map_name = "table_1.x", .btf_fd = btf, .btf_key_type_id = 1,
		       .btf_value_type_id = 1);
	struct bpf_map_info i = {0};
	uint32_t len = sizeof(i);

	assert_true(map >= 0);
	assert_int_equal(info(map, &i, &len), 0);
	assert_int_equal(len, sizeof(i));
	assert_int_equal(i.type, BPF_MAP_TYPE_HASH);
	assert_int_equal(i.key_size, 4);
	assert_int_equal(i.value_size, 4);
	assert_int_equal(i.max_entries, 17);
	assert_int_equal(i.map_flags, BPF_F_NO_PREALLOC);
	assert_string_equal(i.name, "table_1.x");
	assert_int_equal(i.btf_key_type_id, 1);
	assert_int_equal(i.btf_value_type_id, 1);
	assert_true(i.btf_id != 0);
	close(btf);
	close(map);
}

static void a_short_info_gets_the_front_and_a_long_one_must_be_zero(void **state)
{
	int map = make_array();
	union {
		struct bpf_map_info i;
		uint8_t bytes[4096];
	} room;
	uint32_t len = 8;

	memset(&room, 0xee, sizeof(room));
	assert_int_equal(info(map, &room, &len), 0);
	assert_int_equal(len, 8);
	assert_int_equal(room.i.type, BPF_MAP_TYPE_ARRAY);
	assert_int_equal(room.bytes[8], 0xee);
	memset(&room, 0, sizeof(room));
	len = sizeof(room);
	assert_int_equal(info(map, &room, &len), 0);
	assert_int_equal(len, sizeof(room.i));
	len = 0;
	assert_int_equal(info(map, &room, &len), 0);
	room.bytes[4095] = 1;
	len = sizeof(room);
	assert_int_equal(info(map, &room, &len), -E2BIG);
	close(map);
}

static void a_program_tells_its_code_and_maps(void **state)
{
	int a = make_array();
	int prog = make_prog_using(a);
	struct bpf_insn code[16] = {0};
	uint32_t ids[2] = {0, 0xeeee};
	struct bpf_prog_info i = {
		.xlated_prog_len = sizeof(code), .xlated_prog_insns = PTR(code), .nr_map_ids = 1, .map_ids = PTR(ids)};
	uint32_t len = sizeof(i);

	assert_int_equal(info(prog, &i, &len), 0);
	assert_int_equal(i.type, BPF_PROG_TYPE_XDP);
	assert_int_equal(i.id, id_of(prog));
	assert_int_equal(i.gpl_compatible, 1);
	/* Key 0 of an array is always there: the path without it is gone, and its value's address is a constant. */
	assert_int_equal(i.xlated_prog_len, 9 * sizeof(struct bpf_insn));
	assert_int_equal(code[0].code, BPF_ST | BPF_MEM | BPF_W);
	assert_int_equal(code[3].src_reg, BPF_PSEUDO_MAP_FD);
	assert_int_equal(code[3].imm, id_of(a));
	assert_int_equal(code[8].code, BPF_JMP | BPF_EXIT);
	assert_int_equal(i.nr_map_ids, 1);
	assert_int_equal(ids[0], id_of(a));
	assert_int_equal(ids[1], 0xeeee);
	assert_true(i.load_time != 0);
	close(a);
	close(prog);
}

static void a_programs_info_fills_no_more_than_there_is_room_for(void **state)
{
	int a = make_array();
	int prog = make_prog_using(a);
	struct bpf_insn code[16] = {0};
	struct bpf_prog_info i = {.xlated_prog_len = 8, .xlated_prog_insns = PTR(code)};
	uint32_t len = sizeof(i);

	assert_int_equal(info(prog, &i, &len), 0);
	/* Key 0 of an array is always there: the path without it is gone, and its value's address is a constant. */
	assert_int_equal(i.xlated_prog_len, 9 * sizeof(struct bpf_insn));
	assert_int_equal(i.nr_map_ids, 1);
	assert_int_equal(code[0].code, BPF_ST | BPF_MEM | BPF_W);
	assert_int_equal(code[1].code, 0);
	/* A bad pointer in an info is told, and nothing else happens. */
	i = (struct bpf_prog_info){.xlated_prog_len = 8, .xlated_prog_insns = 8};
	len = sizeof(i);
	assert_int_equal(info(prog, &i, &len), -EFAULT);
	i = (struct bpf_prog_info){.nr_map_ids = 1, .map_ids = 8};
	len = sizeof(i);
	assert_int_equal(info(prog, &i, &len), -EFAULT);
	close(a);
	close(prog);
}

static void equal_programs_have_equal_tags(void **state)
{
	int a = make_array();
	int b = make_array();
	int progs[] = {make_prog_using(a), make_prog_using(b), make_prog(BPF_PROG_TYPE_XDP, 1)};
	struct bpf_prog_info i[3] = {0};

	for (int n = 0; n < 3; n++) {
		uint32_t len = sizeof(i[n]);

		assert_int_equal(info(progs[n], &i[n], &len), 0);
		close(progs[n]);
	}
	assert_memory_equal(i[0].tag, i[1].tag, sizeof(i[0].tag));
	assert_memory_not_equal(i[0].tag, i[2].tag, sizeof(i[0].tag));
	close(a);
	close(b);
}

static void btf_gives_its_bytes_back(void **state)
{
	int btf = make_btf();
	char want[128], got[128] = "";
	uint32_t size = raw_btf(want, sizeof(want));
	struct bpf_btf_info i = {.btf = PTR(got), .btf_size = sizeof(got)};
	uint32_t len = sizeof(i);

	assert_int_equal(info(btf, &i, &len), 0);
	assert_int_equal(i.btf_size, size);
	assert_memory_equal(got, want, size);
	memset(got, 0, sizeof(got));
	i = (struct bpf_btf_info){.btf = PTR(got), .btf_size = 4};
	len = sizeof(i);
	assert_int_equal(info(btf, &i, &len), 0);
	assert_int_equal(i.btf_size, size);
	assert_memory_equal(got, want, 4);
	assert_int_equal(got[4], 0);
	close(btf);
}

#define PIN(fd, path)   call(BPF_OBJ_PIN, .bpf_fd = (uint32_t)(fd), .pathname = PTR(path))
#define GET(path, mode) call(BPF_OBJ_GET, .pathname = PTR(path), .file_flags = (mode))

static void a_pin_gives_the_same_object(void **state)
{
	int map = make_array();
	int fd;

	assert_int_equal(PIN(map, "/sys/fs/bpf/dir/map"), 0);
	fd = GET("/sys/fs/bpf/dir/map", 0);
	assert_true(fd >= 0);
	assert_int_equal(id_of(fd), id_of(map));
	close(fd);
	fd = GET("/sys/fs/bpf//dir/./map", 0);
	assert_true(fd >= 0);
	assert_int_equal(id_of(fd), id_of(map));
	close(fd);
	close(map);
}

static void pins_fail_as_files_do(void **state)
{
	int map = make_array();
	int btf = make_btf();
	char longer[5000];

	assert_int_equal(PIN(map, "/sys/fs/bpf/a"), 0);
	assert_int_equal(PIN(map, "/sys/fs/bpf/a"), -EEXIST);
	assert_int_equal(PIN(map, "/sys/fs/bpf//a"), -EEXIST);
	assert_int_equal(PIN(map, "/tmp/a"), -EPERM);
	assert_int_equal(PIN(map, "/sys/fs/bpf"), -EPERM);
	assert_int_equal(PIN(map, "/sys/fs/bpfx/a"), -EPERM);
	assert_int_equal(PIN(map, "/sys/fs/bpf/../../../tmp/a"), -ENOENT);
	assert_int_equal(PIN(map, "a"), -ENOENT);
	assert_int_equal(PIN(map, ""), -ENOENT);
	assert_int_equal(PIN(999, "/sys/fs/bpf/b"), -EINVAL);
	assert_int_equal(PIN(btf, "/sys/fs/bpf/b"), -EINVAL);
	memset(longer, 'x', sizeof(longer));
	memcpy(longer, "/sys/fs/bpf/", 12);
	longer[sizeof(longer) - 1] = 0;
	assert_int_equal(PIN(map, longer), -ENAMETOOLONG);
	assert_int_equal(GET("/sys/fs/bpf/b", 0), -ENOENT);
	assert_int_equal(GET("/sys/fs/bpf/b", 0), -ENOENT);
	assert_int_equal(GET("/tmp/a", 0), -EPERM);
	assert_int_equal(access("/sys/fs/bpf/a", F_OK), -1);
	close(map);
	close(btf);
}

static void a_pin_may_be_got_read_only(void **state)
{
	int map = make_array();
	int prog = make_prog(BPF_PROG_TYPE_XDP, 1);
	uint32_t key = 0;
	uint64_t value = 1;
	int fd;

	assert_int_equal(PIN(map, "/sys/fs/bpf/m"), 0);
	assert_int_equal(PIN(prog, "/sys/fs/bpf/p"), 0);
	fd = GET("/sys/fs/bpf/m", BPF_F_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(call(BPF_MAP_DELETE_ELEM, .map_fd = fd, .key = PTR(&key)), -EPERM);
	assert_int_equal(call(BPF_MAP_LOOKUP_ELEM, .map_fd = fd, .key = PTR(&key), .value = PTR(&value)), 0);
	close(fd);
	fd = GET("/sys/fs/bpf/m", BPF_F_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(call(BPF_MAP_LOOKUP_ELEM, .map_fd = fd, .key = PTR(&key), .value = PTR(&value)), -EPERM);
	assert_int_equal(call(BPF_MAP_UPDATE_ELEM, .map_fd = fd, .key = PTR(&key), .value = PTR(&value)), 0);
	close(fd);
	assert_int_equal(GET("/sys/fs/bpf/p", BPF_F_RDONLY), -EINVAL);
	close(map);
	close(prog);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HIVE_TEST(ids_ascend_and_lead_back_to_the_object),
		HIVE_TEST(an_fd_by_id_may_be_read_only),
		HIVE_TEST(fds_are_closed_on_exec),
		HIVE_TEST(a_map_tells_what_it_was_made_of),
		HIVE_TEST(a_short_info_gets_the_front_and_a_long_one_must_be_zero),
		HIVE_TEST(a_program_tells_its_code_and_maps),
		HIVE_TEST(a_programs_info_fills_no_more_than_there_is_room_for),
		HIVE_TEST(equal_programs_have_equal_tags),
		HIVE_TEST(btf_gives_its_bytes_back),
		HIVE_TEST(a_pin_gives_the_same_object),
		HIVE_TEST(pins_fail_as_files_do),
		HIVE_TEST(a_pin_may_be_got_read_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
